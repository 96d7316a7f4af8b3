"""What speaks for what where a number is in doubt, and what was renumbered, relabelled or restated. Nothing is decided.

Evidence is the name, the place on the ground, and above all the values: two editions that state the same values for
the same days mean the same site. What is decided stands in the table `site_decisions`; the rules in `identity.py`.
"""

from collections.abc import Mapping
from datetime import date
from typing import NamedTuple

import duckdb
import polars as pl

from pipeline.deliveries import read_and_judge
from pipeline.identity import DECISION, SAME_PLACE_KM, Register, distance_km, place_key, resolve
from pipeline.inbox import list_archive
from pipeline.known import site_clocks, site_register
from pipeline.receipts import Receipt
from pipeline.settings import Workspace
from pipeline.statements import sql
from pipeline.warehouse import Warehouse
from schemas.profile import Profile
from schemas.tables import TABLES

FEWEST_SHARED = 5
"""From this number of values stated for both on, their agreement says something."""
SAME_SHARE = 0.9
OTHER_SHARE = 0.5
"""From and up to this share of values that agree: the same site, and another one."""
_NEAR_KM = 1.0
_MEASURED = ("reported_loads", "results")
_VALUE = {"site_id": pl.String, "occasion": pl.String, "value": pl.Float64}
_VALUES = """
select site_id, concat_ws(' ', residue, coalesce(sampled_on::varchar, sampling_year || '-' || weekday)) as occasion,
    reported_load_mg_per_day_per_1000 as value
from reported_loads where qualifier = '=' and reported_load_mg_per_day_per_1000 > 0
union all
select site_id, concat_ws(' ', residue, sampled_on, composite_start_at::time), concentration_ng_per_l
from results where qualifier = '=' and concentration_ng_per_l > 0
"""


class Questions(NamedTuple):
    """What a person has to decide.

    Attributes:
        open: one row a number and name in doubt: `numbering`, `release`, `site_code`, `site_label`, `question`,
            `detail`, `site_id` (what the evidence speaks for, empty where it does not say), `evidence`.
        perhaps_one: two sites of ours that state the same values: `site_id`, `other_site_id`, `n_shared`, `n_same`.
    """

    open: pl.DataFrame
    perhaps_one: pl.DataFrame


class Report(NamedTuple):
    """What changed between the editions of senders whose numbers are not ours.

    Attributes:
        names: one row a site: its numbers and names by edition, `is_renumbered`, `is_relabelled`, `is_new`, `is_gone`.
        reused: numbers that stand for several sites: `numbering`, `site_code`, `sites`.
        restated: values two deliveries state for the same site and day: see `sql/restated.sql`.
        no_longer_stated: values an earlier edition states and the last does not: see `sql/no_longer_stated.sql`.
    """

    names: pl.DataFrame
    reused: pl.DataFrame
    restated: pl.DataFrame
    no_longer_stated: pl.DataFrame


def report(warehouse: Warehouse) -> Report:
    """What was renumbered, relabelled and restated, from what is taken in."""
    reused = warehouse.query(
        "select numbering, site_code, string_agg(distinct coalesce(release || ': ', '') || site_id, ', '"
        " order by coalesce(release || ': ', '') || site_id) as sites"
        " from site_aliases where site_id is not null and numbering is not null"
        " group by all having count(distinct site_id) > 1 order by all"
    )
    return Report(
        warehouse.query(sql("site_names")), reused, warehouse.query(sql("restated")),
        warehouse.query(sql("no_longer_stated")),
    )  # fmt: skip


def questions(workspace: Workspace, warehouse: Warehouse, profiles: Mapping[str, Profile]) -> Questions:
    """The numbers in doubt with what speaks for what.

    Files in doubt are read again from the archive, as if each number in doubt were a place of its own, and their
    values held against those of the known sites.
    """
    register = site_register(warehouse)
    resolved = resolve(register)
    ours = warehouse.query(_VALUES).cast(_VALUE)  # type: ignore[arg-type]
    what = ["numbering", "release", "site_code", "site_label"]
    open_ = resolved.filter(pl.col("question").is_not_null()).group_by(what, maintain_order=True).agg(
        pl.col("question").first(), pl.col("detail").first(),
        pl.col("latitude").drop_nulls().first(), pl.col("longitude").drop_nulls().first(),
    ).sort(what).with_row_index("number").with_columns(
        pl.format("? {}", "number").alias("stand_in"),
        place_key("site_label").alias("named"),
    )  # fmt: skip
    theirs = _values_in_doubt(workspace, warehouse, profiles, register, open_)
    sites = warehouse.query("select site_id, latitude, longitude from current_sites order by site_id")
    standing = resolved.filter(pl.col("site_id").is_not_null()).group_by("numbering", "site_code").agg(
        pl.col("site_id").sort_by("receipt_number").first().alias("standing")
    )  # fmt: skip
    open_ = open_.join(standing, on=["numbering", "site_code"], how="left", nulls_equal=True, maintain_order="left")
    candidates = _candidates(open_, sites, _shared(theirs, ours))
    chosen = _chosen(open_, candidates)
    named_by_others = resolved.filter(pl.col("numbering").is_not_null())["site_id"]
    return Questions(
        chosen.select(*what, "question", "detail", "site_id", "evidence"),
        _perhaps_one(ours.filter(pl.col("site_id").is_in(named_by_others.unique().implode()))),
    )


def proposal(found: Questions, author: str | None, decided_on: date | None) -> pl.DataFrame:
    """The questions as rows of the layout permille-site-decisions, with what the evidence speaks for.

    Without an author they are no decisions yet, and are held in quarantine until a person signs them.
    """
    return found.open.select(
        pl.col("numbering").fill_null(""),
        # A name says which place is meant; a number alone only in its edition.
        pl.when(pl.col("site_label").is_null()).then("release").fill_null("").alias("edition"),
        pl.col("site_code").alias("number"),
        pl.col("site_label").fill_null("").alias("name"),
        pl.col("site_id").fill_null(""),
        pl.lit("").alias("valid_from"),
        pl.lit("").alias("valid_to"),
        pl.col("evidence").alias("why"),
        pl.lit(author or "").alias("who"),
        pl.lit(decided_on.isoformat() if decided_on else "").alias("date"),
    ).unique(["numbering", "edition", "number", "name"], keep="last", maintain_order=True)


def _values_in_doubt(
    workspace: Workspace, warehouse: Warehouse, profiles: Mapping[str, Profile], register: Register,
    open_: pl.DataFrame,
) -> pl.DataFrame:  # fmt: skip
    """The values of the numbers in doubt, under their stand-ins."""
    stand_ins = open_.select(
        "numbering", "release", "site_code", "site_label", pl.col("stand_in").alias("site_id"),
        pl.lit(date(2000, 1, 1)).alias("decided_on"),
    )  # fmt: skip
    as_if = pl.concat([register.decisions, stand_ins], how="diagonal").select(
        pl.col(name).cast(kind) for name, kind in DECISION.items()
    )
    deliveries = warehouse.query(
        "select distinct delivery_id, file_name, profile, receipt_number, received_at, saved_at from ordered_deliveries"
        " join site_aliases using (delivery_id) where question is not null order by all"
    )
    archived = list_archive(workspace.archive, profiles)
    parts = [pl.DataFrame(schema=_VALUE)]
    for row in deliveries.iter_rows(named=True):
        file = archived.get(row["delivery_id"])
        if file is None or row["profile"] not in profiles:
            continue
        delivery = read_and_judge(
            file.path.read_bytes(), row["file_name"], profiles=profiles, known_sites=None,
            receipt=Receipt(row["receipt_number"], row["received_at"], row["received_at"], row["saved_at"]),
            profile_name=row["profile"],
            register=register._replace(decisions=as_if), clocks=site_clocks(warehouse, workspace),
        )  # fmt: skip
        parts += [_values(table, rows) for table, rows in delivery.accepted.items() if table in _MEASURED]
    return pl.concat(parts).filter(pl.col("site_id").is_in(open_["stand_in"].implode()))


def _values(table: str, rows: pl.DataFrame) -> pl.DataFrame:
    """The values of one delivery as the warehouse would give them."""
    tables = {name: rows if name == table else pl.DataFrame(schema=TABLES[name].types) for name in _MEASURED}
    with duckdb.connect() as beside:
        for name, frame in tables.items():
            beside.register(name, frame.to_arrow())
        return beside.execute(_VALUES).pl().cast(_VALUE)  # type: ignore[arg-type]


def _shared(theirs: pl.DataFrame, ours: pl.DataFrame) -> pl.DataFrame:
    """How many values each stand-in shares with each site, and how many of these are the same."""
    is_same = (pl.col("value") - pl.col("of_site")).abs() <= 1e-9 * pl.col("of_site").abs()
    return (
        theirs.select(pl.col("site_id").alias("stand_in"), "occasion", "value")
        .unique()
        .join(ours.select("site_id", "occasion", pl.col("value").alias("of_site")).unique(), on="occasion")
        .group_by("stand_in", "site_id", "occasion")
        .agg(is_same.any().alias("is_same"))
        .group_by("stand_in", "site_id")
        .agg(pl.len().cast(pl.Int64).alias("n_shared"), pl.col("is_same").sum().cast(pl.Int64).alias("n_same"))
    )


def _candidates(open_: pl.DataFrame, sites: pl.DataFrame, shared: pl.DataFrame) -> pl.DataFrame:
    """Each site that may be meant by a number in doubt: for its name, its place, its values, or the number itself."""
    km = distance_km(*(pl.col(name) for name in ("latitude", "longitude", "there_latitude", "there_longitude")))
    there = sites.rename({"latitude": "there_latitude", "longitude": "there_longitude"})
    share = pl.col("n_same") / pl.col("n_shared")
    return (
        open_.join(there, how="cross")
        .join(shared, on=["stand_in", "site_id"], how="left")
        .with_columns(
            km.alias("km"), (pl.col("site_id") == pl.col("named")).alias("has_name"),
            (pl.col("site_id") == pl.col("standing")).fill_null(value=False).alias("has_number"),
            pl.when(pl.col("n_shared") >= FEWEST_SHARED).then(share).alias("share"),
        )
        .filter(pl.any_horizontal(
            "has_name", "has_number", (pl.col("km") <= _NEAR_KM).fill_null(value=False),
            (pl.col("share") >= SAME_SHARE).fill_null(value=False),
        ))
        .select("number", "site_id", "km", "has_name", "has_number", "n_shared", "n_same", "share")
    )  # fmt: skip


def _chosen(open_: pl.DataFrame, candidates: pl.DataFrame) -> pl.DataFrame:
    """What the evidence speaks for: a site, a place of its own, or nothing."""
    share, km = pl.col("share"), pl.col("km")
    disagrees = (share <= OTHER_SHARE).fill_null(value=False) | (km > SAME_PLACE_KM).fill_null(value=False)
    # The number alone speaks for nothing: that it was given anew is what is asked.
    speaks = (
        pl.when(disagrees)
        .then(pl.lit("against"))
        .when("has_name")
        .then(pl.lit("for"))
        .when(share >= SAME_SHARE)
        .then(pl.lit("for"))
        .when(share.is_not_null() | (~(km <= _NEAR_KM).fill_null(value=False)))
        .then(pl.lit("against"))
        .otherwise(pl.lit("open"))
    )
    said = pl.concat_str(
        pl.when("has_name").then(pl.lit("has this name")),
        pl.when("has_number").then(pl.lit("had this number")),
        pl.format("{} km away", km.round(1)),
        pl.when(pl.col("n_shared").fill_null(0) > 0)
        .then(pl.format("{} of {} values stated for both are the same", "n_same", "n_shared"))
        .otherwise(pl.lit("no values are stated for both")),
        separator=", ", ignore_nulls=True,
    )  # fmt: skip
    judged = candidates.with_columns(speaks.alias("speaks"), pl.format("{} {}", "site_id", said).alias("said"))
    of_number = judged.group_by("number").agg(
        pl.col("site_id").filter(pl.col("speaks") == "for").alias("for"),
        pl.col("speaks").eq("open").any().alias("is_open"),
        pl.col("has_name").any().alias("is_named"),
        pl.col("said").sort_by("has_name", "site_id", descending=[True, False]).str.join("; ").alias("said"),
    )  # fmt: skip
    is_own = pl.col("for").list.len().fill_null(0) == 0
    own = pl.when(~pl.col("is_open").fill_null(value=False) & ~pl.col("is_named").fill_null(value=False)).then("named")
    return (
        open_.join(of_number, on="number", how="left", maintain_order="left")
        .with_columns(
            pl.when(pl.col("for").list.len() == 1)
            .then(pl.col("for").list.first())
            .when(is_own)
            .then(own)
            .alias("site_id"),
            pl.col("said").fill_null("no site has this name, this number or this place").alias("evidence"),
        )
        .with_columns(
            pl.when(pl.col("site_id") == pl.col("for").list.first())
            .then(pl.format("the same place. {}", "evidence"))
            .when(pl.col("site_id").is_not_null())
            .then(pl.format("a place of its own. {}", "evidence"))
            .otherwise(pl.format("not clear. {}", "evidence"))
            .alias("evidence")
        )
    )


def _perhaps_one(ours: pl.DataFrame) -> pl.DataFrame:
    """Two sites of ours that state the same values are perhaps one."""
    with duckdb.connect() as beside:
        beside.register("stated", ours.unique().to_arrow())
        found = beside.execute(sql("same_values")).pl()
    return found.filter((pl.col("n_same") >= FEWEST_SHARED) & (pl.col("n_same") >= SAME_SHARE * pl.col("n_shared")))
