"""Who is who: which site of ours the number in a delivery stands for, and where a person has to decide it.

A sender's number is not an identity: between two editions it may come to mean another place. What a delivery calls its
sites are claims; `resolve` gives each a site of ours, or the rule by which it is in doubt. It looks at all claims at
once and at nothing else, so the order in which files come in changes nothing. No reading, no storing.
"""

from collections.abc import Iterable
from datetime import date
from typing import Any, NamedTuple

import polars as pl

from pipeline.clocks import day_of_composite
from pipeline.reading.canonical import Canonical
from schemas.profile import Numbering
from schemas.tables import TABLES

SAME_PLACE_KM = 5.0
"""Plants this near to each other may be one place: coordinates are often those of the city."""
_OWN_RENAMED_KM = 1.0
"""A site of ours that changes its name is the same one where it stands where it stood."""
_EARTH_RADIUS_KM = 6371.0
_OWN = ""

CLAIM: dict[str, Any] = {
    "delivery_id": pl.String, "receipt_number": pl.Int64, "numbering": pl.String, "release": pl.String,
    "site_code": pl.String, "site_label": pl.String, "latitude": pl.Float64, "longitude": pl.Float64,
}  # fmt: skip
"""What a delivery calls a site; `numbering` null where the numbers are ours."""
DECISION: dict[str, Any] = {**TABLES["site_decisions"].types, "place": pl.Int64}
"""What persons decided."""
_POINT = ("latitude", "longitude")
_DAYS = ("sampled_on", "read_at", "read_utc", "valid_from")
"""What tells the day a row is of, the first that is given; of results `day_of_composite`."""


class Register(NamedTuple):
    """What is known of who is who.

    Attributes:
        claims: the columns `CLAIM`, of all deliveries.
        decisions: the rows of the view `current_site_decisions`; `place` is that of their delivery.
    """

    claims: pl.DataFrame
    decisions: pl.DataFrame

    def after(self, claims: pl.DataFrame) -> "Register":
        """With the claims of a delivery in place of those it made before."""
        is_other = ~pl.col("delivery_id").is_in(claims["delivery_id"].unique().implode())
        return self._replace(claims=pl.concat([self.claims.filter(is_other), claims]))


def empty_register() -> Register:
    """Of a workspace that knows nothing yet."""
    return Register(pl.DataFrame(schema=CLAIM), pl.DataFrame(schema=DECISION))


def place_id(label: str) -> str:
    """The identity a place has with us, from what it is called.

    >>> place_id("DE Munich Gut Großlappen"), place_id("DE Hamburg (2)"), place_id("上海 白龙港")
    ('de-munich-gut-großlappen', 'de-hamburg-2', '上海-白龙港')
    """
    return str(pl.select(place_key(pl.lit(label))).item() or "")


def place_key(label: pl.Expr | str) -> pl.Expr:
    """Names that differ in case, blanks or marks alone are one name; null where nothing is left."""
    text = pl.col(label) if isinstance(label, str) else label
    slug = text.str.normalize("NFKC").str.to_lowercase().str.replace_all(r"[^\p{L}\p{M}\p{N}]+", "-")
    slug = slug.str.strip_chars("-")
    return pl.when(slug != "").then(slug).alias("key")


def distance_km(latitude: pl.Expr, longitude: pl.Expr, other_latitude: pl.Expr, other_longitude: pl.Expr) -> pl.Expr:
    """Distance of two points on the ground [km], by the haversine formula; null where one is unknown."""
    phi, other_phi = latitude.radians(), other_latitude.radians()
    half = ((phi - other_phi) / 2).sin() ** 2
    half += phi.cos() * other_phi.cos() * ((longitude - other_longitude).radians() / 2).sin() ** 2
    return 2 * _EARTH_RADIUS_KM * half.clip(0, 1).sqrt().arcsin()


def claims_of(
    tables: Iterable[Canonical], numbering: Numbering | None, *, delivery_id: str, file_name: str, receipt_number: int
) -> pl.DataFrame:
    """What a delivery calls its sites, each number and name once: the columns `CLAIM`."""
    parts = [pl.DataFrame(schema={name: CLAIM[name] for name in list(CLAIM)[4:]})]
    for table in tables:
        rows = table.rows
        if not _is_named_by_sender(table):
            continue
        is_list = table.table == "sites"
        label = _label_of_site() if is_list else pl.col("site_label")
        point = [(pl.col(name) if is_list else pl.lit(None, pl.Float64)).alias(name) for name in _POINT]
        parts.append(rows.select(pl.col("site_id").alias("site_code"), label.alias("site_label"), *point))
    found = (
        pl.concat(parts)
        .filter(pl.col("site_code").is_not_null())
        .group_by("site_code", "site_label")
        .agg(pl.col("latitude").drop_nulls().first(), pl.col("longitude").drop_nulls().first())
        .sort("site_code", "site_label")
    )
    return found.select(
        pl.lit(delivery_id).alias("delivery_id"),
        pl.lit(receipt_number, pl.Int64).alias("receipt_number"),
        pl.lit(numbering.name if numbering else None, pl.String).alias("numbering"),
        pl.lit(numbering.release_of(file_name) if numbering else None, pl.String).alias("release"),
        "site_code", "site_label", "latitude", "longitude",
    )  # fmt: skip


def _is_named_by_sender(table: Canonical) -> bool:
    return "site_label" in table.rows.columns and table.table != "site_decisions"


def _label_of_site() -> pl.Expr:
    return pl.coalesce("site_label", "site_name")


def resolve(register: Register) -> pl.DataFrame:
    """Each claim with the site of ours it stands for, or with the question a person has to decide.

    Returns the columns `CLAIM` and `site_id`, `valid_from`, `valid_to`, `alias_basis`, `question` (a rule of
    `pipeline/findings.py`), `detail` (what was found) and `decided_on`; a claim has one row, or one for
    each decision that holds for a time.

    Notes: what a person decided holds. Else a number of ours is the site; of a sender's the name is, for the number
    may be given anew. In doubt is a number that stood for another name in an earlier delivery, a name that two numbers
    of one delivery share, a place farther than `SAME_PLACE_KM` from where it was, and a name that another sender's
    numbering holds already. A number without a name stands for what the same edition's lists say, if that is one site.
    """
    claims = register.claims.with_columns(
        pl.col("numbering").fill_null(_OWN),
        place_key("site_label"),
        _order(register.claims).alias("order"),
    ).with_row_index("claim")
    decided = _decided(claims, register.decisions)
    open_ = claims.join(decided, on="claim", how="anti")
    # A site of ours may have no name, and still a place.
    has_name = pl.col("key").is_not_null() | ((pl.col("numbering") == _OWN) & pl.col("latitude").is_not_null())
    named = _by_name(claims, open_.filter(has_name), decided)
    numbered = _by_list(
        open_.filter(~has_name), pl.concat([named, decided.join(claims, on="claim").select(named.columns)])
    )
    known = pl.concat([decided, *(part.select(decided.columns) for part in (named, numbered))])
    return (
        claims.join(known, on="claim", how="left", maintain_order="left_right")
        .with_columns(pl.when(pl.col("numbering") != _OWN).then("numbering").alias("numbering"))
        .select(*CLAIM, *decided.columns[1:])
    )


def _order(claims: pl.DataFrame) -> pl.Series:
    """The order of claims: by receipt, but that of a sender's editions a later one is later, as of deliveries.

    >>> _order(pl.DataFrame({"numbering": ["a", "a"], "release": ["2025", "2023"], "receipt_number": [1, 2]})).to_list()
    [2, 1]
    """
    numbering = pl.col("numbering").fill_null(_OWN)
    editions = (
        claims.filter(pl.col("release").is_not_null())
        .group_by(numbering, "release")
        .agg(pl.col("receipt_number").max().alias("last"))
        .sort("numbering", "release")
        .with_columns(pl.col("last").cum_max().shift(1).over("numbering").alias("earlier_edition_number"))
    )
    return (
        claims.with_columns(numbering)
        .join(editions, on=["numbering", "release"], how="left", maintain_order="left")
        .select(
            pl.struct(
                pl.max_horizontal("receipt_number", "earlier_edition_number"),
                pl.col("release").fill_null(""),
                pl.col("receipt_number").alias("number"),
            ).rank("dense")
        )
        .to_series()
    )


def _decided(claims: pl.DataFrame, decisions: pl.DataFrame) -> pl.DataFrame:
    """The claims a person decided: of several decisions those that name the most."""
    known = decisions.select(
        pl.col("numbering").fill_null(_OWN), "site_code", pl.col("release").alias("of_release"),
        place_key("site_label").alias("of_key"), "site_id", "valid_from", "valid_to", "decided_on", "place",
    )  # fmt: skip
    fits = claims.join(known, on=["numbering", "site_code"]).filter(
        (pl.col("of_release").is_null() | pl.col("of_release").eq_missing(pl.col("release")))
        & (pl.col("of_key").is_null() | pl.col("of_key").eq_missing(pl.col("key")))
    )
    weight = 2 * pl.col("of_key").is_not_null().cast(pl.Int32) + pl.col("of_release").is_not_null().cast(pl.Int32)
    return (
        fits.with_columns(weight.alias("weight"))
        .filter(pl.col("weight") == pl.col("weight").max().over("claim"))
        .sort("claim", "valid_from", "decided_on", "place", nulls_last=False)
        .unique(["claim", "valid_from"], keep="last", maintain_order=True)
        .select(
            "claim", "site_id", "valid_from", "valid_to", pl.lit("decided").alias("alias_basis"),
            pl.lit(None, pl.String).alias("question"), pl.lit("").alias("detail"), "decided_on",
        )
    )  # fmt: skip


def _by_name(claims: pl.DataFrame, open_: pl.DataFrame, decided: pl.DataFrame) -> pl.DataFrame:
    """Claims nobody decided: a number of ours is the site, of a sender's the name is; or why that is in doubt."""
    own = pl.col("numbering") == _OWN
    all_ = claims.join(decided.select("claim", pl.col("site_id").alias("decided_id")), on="claim", how="left").select(
        "claim", "delivery_id", "order", "numbering", "release", "site_code", "site_label", "key", "latitude",
        "longitude", pl.coalesce("decided_id", pl.when(own).then("site_code").otherwise("key")).alias("site_id"),
        pl.col("decided_id").is_null().alias("is_open"),
    ).unique(["claim", "site_id"], keep="first", maintain_order=True)  # fmt: skip
    by_order = all_.sort("order", "claim")

    def first(of: pl.DataFrame, by: list[str], **what: str) -> pl.DataFrame:
        return of.group_by(by, maintain_order=True).agg(pl.col(name).first().alias(to) for to, name in what.items())

    named = by_order.filter(pl.col("key").is_not_null())
    of_number = first(
        named, ["numbering", "site_code"], first_key="key", first_label="site_label", first_release="release",
        first_order="order", there_latitude="latitude", there_longitude="longitude",
    )  # fmt: skip
    n_first = named.join(of_number, on=["numbering", "site_code"]).filter(pl.col("order") == pl.col("first_order"))
    of_number = of_number.join(
        n_first.group_by("numbering", "site_code").agg(pl.col("key").n_unique().alias("n_first")),
        on=["numbering", "site_code"],
    )
    placed = by_order.filter(pl.col("latitude").is_not_null() & pl.col("longitude").is_not_null())
    of_place = first(placed, ["site_id"], place_latitude="latitude", place_longitude="longitude")
    # A number of ours is the site whoever else uses its name; what a person sent there takes nothing from it. Who only
    # refers to a site, as flows of ours do, does not say that there is one of that name.
    is_reference = own & pl.col("key").is_null() & pl.col("latitude").is_null()
    holders = by_order.filter(pl.col("is_open") & pl.col("site_id").is_not_null() & ~is_reference)
    of_id = first(holders.sort(pl.col("numbering") != _OWN, "order", "claim"), ["site_id"], id_numbering="numbering")
    shared = (
        all_.filter(pl.col("is_open") & ~own & pl.col("key").is_not_null())
        .group_by("delivery_id", "numbering", "key")
        .agg(pl.col("site_code").unique().sort().str.join(", ").alias("codes"),
             pl.col("site_code").n_unique().alias("n_codes"))
    )  # fmt: skip
    here = (
        open_.with_columns(pl.when(own).then("site_code").otherwise("key").alias("site_id"))
        .join(of_number, on=["numbering", "site_code"], how="left")
        .join(of_place, on="site_id", how="left")
        .join(of_id, on="site_id", how="left")
        .join(shared, on=["delivery_id", "numbering", "key"], how="left")
        .sort("claim")
    )
    moved = distance_km(*(pl.col(name) for name in ("latitude", "longitude", "place_latitude", "place_longitude")))
    stays = distance_km(*(pl.col(name) for name in ("latitude", "longitude", "there_latitude", "there_longitude")))
    is_only_renamed = (own & (stays <= _OWN_RENAMED_KM) & (pl.col("n_first") == 1)).fill_null(value=False)
    has_other_name = (pl.col("key") != pl.col("first_key")) | (
        (pl.col("n_first") > 1) & (pl.col("order") == pl.col("first_order"))
    )
    edition = pl.when(pl.col("first_release").is_not_null()).then(pl.format(" in edition {}", "first_release"))
    question = (
        pl.when(has_other_name & ~is_only_renamed)
        .then(pl.lit("number_means_another_place"))
        .when(pl.col("n_codes") > 1)
        .then(pl.lit("two_numbers_one_name"))
        .when(moved > SAME_PLACE_KM)
        .then(pl.lit("place_has_moved"))
        .when(~own & (pl.col("id_numbering") != pl.col("numbering")))
        .then(pl.lit("name_of_another_sender"))
    )
    detail = (
        pl.when(pl.col("question") == "number_means_another_place")
        .then(pl.format("'{}'{}, and is '{}' here", "first_label", edition.otherwise(pl.lit("")), "site_label"))
        .when(pl.col("question") == "two_numbers_one_name")
        .then(pl.format("{} are all called '{}'", "codes", "site_label"))
        .when(pl.col("question") == "place_has_moved")
        .then(pl.format("{} km", moved.round(1)))
        .when(pl.col("question") == "name_of_another_sender")
        .then(pl.col("site_id"))
        .otherwise(pl.lit(""))
    )
    basis = pl.when(own).then(pl.lit("own")).otherwise(pl.lit("by name"))
    return (
        here.with_columns(question.alias("question"))
        .with_columns(detail.alias("detail"))
        .select(
            "claim", *(pl.when(pl.col("question").is_null()).then(one).alias(name)
                       for name, one in (("site_id", pl.col("site_id")), ("alias_basis", basis))),
            pl.lit(None, pl.Date).alias("valid_from"), pl.lit(None, pl.Date).alias("valid_to"), "question", "detail",
            pl.lit(None, pl.Date).alias("decided_on"), "numbering", "release", "site_code", "key", "order",
        )
    )  # fmt: skip


def _by_list(open_: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """Numbers without a name: the site that claims with a name give to the number.

    Of a sender's number those of the same edition; of ours those up to then, and without any the number is the site.
    """
    named = known.filter(pl.col("key").is_not_null()).select(
        "numbering", "site_code", pl.col("release").alias("of_release"), pl.col("order").alias("of_order"),
        pl.col("site_id").alias("of_id"),
    )  # fmt: skip
    own = pl.col("numbering") == _OWN
    fits = open_.join(named, on=["numbering", "site_code"]).filter(
        pl.when(own)
        # Where a list is in doubt, what came before it is not.
        .then(pl.col("of_id").is_not_null() | (pl.col("of_order") <= pl.col("order")))
        .otherwise(pl.col("of_release").eq_missing(pl.col("release")))
    )
    found = fits.group_by("claim").agg(
        pl.col("of_id").unique().alias("ids"), pl.col("of_id").n_unique().alias("n_ids"),
        pl.col("of_id").has_nulls().alias("is_in_doubt"),
    )  # fmt: skip
    is_one = (pl.col("n_ids") == 1) & ~pl.col("is_in_doubt")
    question = (
        pl.when(pl.col("n_ids").is_null() & ~own)
        .then(pl.lit("number_of_no_list"))
        .when(~is_one)
        .then(pl.lit("number_without_name"))
    )
    return (
        open_.join(found, on="claim", how="left")
        .with_columns(question.alias("question"))
        .select(
            "claim",
            pl.when(pl.col("question").is_null())
            .then(pl.coalesce(pl.col("ids").list.first(), pl.when(own).then("site_code")))
            .alias("site_id"),
            pl.when(pl.col("question").is_null())
            .then(pl.when(own).then(pl.lit("own")).otherwise(pl.lit("by list")))
            .alias("alias_basis"),
            pl.lit(None, pl.Date).alias("valid_from"), pl.lit(None, pl.Date).alias("valid_to"), "question",
            pl.lit("").alias("detail"), pl.lit(None, pl.Date).alias("decided_on"),
        )
    )  # fmt: skip


def with_our_sites(
    tables: Iterable[Canonical], resolved: pl.DataFrame, *, file_name: str, received_on: date
) -> list[Canonical]:
    """The tables with our sites in place of the sender's numbers, and a finding for each record in doubt.

    Parameters: `resolved` are the rows `resolve` gives for this delivery.
    """
    return [
        _with_our_sites(table, resolved, file_name, received_on) if _is_named_by_sender(table) else table
        for table in tables
    ]


def _with_our_sites(table: Canonical, resolved: pl.DataFrame, file_name: str, received_on: date) -> Canonical:
    rows = table.rows
    label = _label_of_site() if table.table == "sites" else pl.col("site_label")
    # What has no day holds when it was delivered; what has only a year, all of it.
    day = [pl.col(name).cast(pl.Date) for name in _DAYS if name in rows.columns]
    if table.table == "results":
        day = [day_of_composite()]
    until = [pl.col("valid_to")] if "valid_to" in rows.columns else []
    year = "sampling_year" in rows.columns
    first = pl.coalesce(*day, *([pl.date("sampling_year", 1, 1)] if year else []), pl.lit(received_on))
    last = pl.coalesce(*until, *day, *([pl.date("sampling_year", 12, 31)] if year else []), pl.lit(received_on))
    known = resolved.select(
        "site_code", pl.col("site_label").alias("_label"), pl.col("site_id").alias("_ours"), "question", "detail",
        pl.col("valid_from").alias("_from"), pl.col("valid_to").alias("_to"), "decided_on",
    )  # fmt: skip
    said = rows.select(
        "record", "sheet", "row_number", pl.col("site_id").alias("site_code"), label.alias("_label"),
        first.alias("_first"), last.alias("_last"),
    ).join(known, on=["site_code", "_label"], how="left", nulls_equal=True, maintain_order="left")  # fmt: skip
    holds = (pl.col("_from").is_null() | (pl.col("_from") <= pl.col("_first"))) & (
        pl.col("_to").is_null() | (pl.col("_last") <= pl.col("_to"))
    )
    said = (
        said.with_columns(holds.alias("_holds"))
        # Of decisions that hold on the same day the latest, and of those of one day the one that begins later.
        .sort("record", "_holds", "decided_on", "_from", nulls_last=False, maintain_order=True)
        .unique("record", keep="last", maintain_order=True)
    )
    is_of_no_time = pl.col("site_code").is_not_null() & ~pl.col("_holds")
    rule = pl.when(is_of_no_time).then(pl.lit("no_decision_for_day")).otherwise("question")
    findings = said.with_columns(rule.alias("rule")).filter(pl.col("rule").is_not_null()).select(
        "record", pl.lit(file_name).alias("file_name"), "sheet", "row_number",
        pl.lit(table.header_of_site).alias("source_column"), "rule", pl.col("site_code").alias("value"),
        pl.col("detail").fill_null(""),
    )  # fmt: skip
    ours = pl.coalesce("_ours", "site_id").alias("site_id")
    found = rows.join(said.select("record", "_ours"), on="record", how="left", maintain_order="left")
    return table._replace(
        rows=found.with_columns(ours).select(rows.columns),
        findings=pl.concat([table.findings, findings.select(list(table.findings.columns))]),
    )
