"""The history of editions: which were published, and which headline figures each of them restated, and why.

It is handed from one published copy to the next, so that it outlives a rebuild of the warehouse. What a figure looks
like in print, and which of two differ, is decided in `dashboards/restatements.py`.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import polars as pl

from pipeline import estimates
from pipeline.inputs import Inputs, inputs_now
from pipeline.settings import Settings
from pipeline.statements import sql
from pipeline.warehouse import Warehouse
from schemas.publication import CAUSES
from schemas.tables import TABLES

KEY = ("level", "unit_id", "drug")
"""What tells one headline figure of an edition from another."""
PARTS = {
    "baseline_mg_per_day_per_1000": "baseline_before_mg_per_day_per_1000",
    "current_mg_per_day_per_1000": "current_before_mg_per_day_per_1000",
    "change_percent": "change_before_percent",
    "ci_low_percent": "ci_low_before_percent",
    "ci_high_percent": "ci_high_before_percent",
    "verdict": "verdict_before",
}
"""What is printed of a figure, and what the table calls it as it was before."""
_FIGURE = (*KEY, "unit_name", *PARTS, "is_simulated")
_IDENTITIES = {"settings": "settings_identity", "factors": "factors_identity", "code": "code_identity"}


class Headline(NamedTuple):
    """What the headline compares: the protocol, and two periods; none where there are no two."""

    protocol: str
    baseline: str | None
    current: str | None


class Edition(NamedTuple):
    """What of an edition is held against another.

    Attributes:
        name: None where it does not say, as one of an earlier version of Permille.
        figures: of the headline, those of the network and of areas, as rows of the table `changes`.
    """

    name: str | None
    headline: Headline
    figures: pl.DataFrame


class Published(NamedTuple):
    """The last published copy, as far as it can be read.

    Attributes:
        inputs: what it was computed from, None where that is not known.
        deliveries: rows of the table `deliveries`.
        superseding: the pairs of deliveries that contradict each other; the first of each is current.
        editions, restatements: the history so far.
    """

    edition: Edition
    inputs: Mapping[str, str | None]
    deliveries: pl.DataFrame
    superseding: pl.DataFrame
    editions: pl.DataFrame
    restatements: pl.DataFrame


class Causes(NamedTuple):
    """Why two editions differ.

    Attributes:
        deliveries: causes with the delivery that is meant: `cause`, `delivery_id`.
        of_all: causes that concern every figure.
    """

    deliveries: pl.DataFrame
    of_all: list[str]

    @property
    def codes(self) -> str:
        """All of them, as the tables hold them."""
        return " ".join(_in_order([*self.deliveries["cause"], *self.of_all]))


def last_number(published: Path) -> int:
    """The number of the last edition that a published copy knows of; 0 where there is no copy, or it knows of none."""
    if not published.is_file():
        return 0
    try:
        with duckdb.connect(str(published), read_only=True) as connection:
            return int(connection.execute("select coalesce(max(edition_number), 0) from editions").fetchall()[0][0])
    except duckdb.Error:
        return 0


def last_published(published: Path, settings: Settings) -> Published | None:
    """The last published copy, also one of an earlier version; None where there is none, or nothing in it is known."""
    if not published.is_file():
        return None
    try:
        with duckdb.connect(str(published), read_only=True) as connection:
            found = {
                table: _read(connection, table)
                for table in ("changes", "deliveries", "computed_from", "editions", "restatements")
            }
            pairs = _read(connection, "contradictions", "delivery_id", "superseded_delivery_id")
            varied = _read(connection, "robustness", "protocol", "baseline_period", "current_period")
    except duckdb.Error:
        return None
    if found["changes"].is_empty() and found["deliveries"].is_empty():
        return None
    headline = _headline_of(found["editions"], varied, settings)
    of_changes = found["computed_from"].filter(table_name="changes").select(Inputs._fields)
    inputs: dict[str, str | None] = of_changes.row(0, named=True) if of_changes.height else {}
    name = Inputs(**inputs).edition if inputs else None  # type: ignore[arg-type]
    return Published(
        Edition(name, headline, _figures(found["changes"], headline)), inputs, found["deliveries"], pairs,
        found["editions"].sort("edition_number"), found["restatements"],
    )  # fmt: skip


def _read(connection: duckdb.DuckDBPyConnection, table: str, *some: str) -> pl.DataFrame:
    """A table of a copy of any version: columns it does not have are empty, and one that is not there has no rows.

    Parameters: `some` columns, of which each combination is read once; all columns and rows where none is named.
    """
    types = {name: kind for name, kind in TABLES[table].types.items() if not some or name in some}
    there = connection.execute(
        "select column_name from information_schema.columns where table_name = $table", {"table": table}
    ).fetchall()
    columns = [name for name in types if (name,) in there]
    if not columns:
        return pl.DataFrame(schema=types)
    names = ", ".join(f'"{name}"' for name in columns)
    rows = connection.execute(f'select {"distinct" if some else ""} {names} from "{table}" order by all').pl()  # noqa: S608  names of our models
    lacking = [pl.lit(None, kind).alias(name) for name, kind in types.items() if name not in columns]
    return rows.with_columns(lacking).select(pl.col(name).cast(kind, strict=False) for name, kind in types.items())


def _headline_of(editions: pl.DataFrame, varied: pl.DataFrame, settings: Settings) -> Headline:
    """The headline of a published copy: it says so, or one of an earlier version has varied the choices of no other."""
    if editions.height:
        last = editions.sort("edition_number").row(-1, named=True)
        return Headline(last["protocol"], last["baseline_period"], last["current_period"])
    named = varied.select("protocol", "baseline_period", "current_period")
    return Headline(*named.row(0)) if named.height else Headline(settings.protocol, None, None)


def headline_now(warehouse: Warehouse, settings: Settings) -> Headline:
    """What the headline of the settings compares."""
    return Headline(settings.protocol, *(estimates.chosen_periods(warehouse, settings) or (None, None)))


def edition_now(warehouse: Warehouse, settings: Settings, changes: pl.DataFrame) -> Edition:
    """The edition that a warehouse holds; `changes` rows of that table."""
    headline = headline_now(warehouse, settings)
    return Edition(inputs_now(warehouse).edition, headline, _figures(changes, headline))


def _figures(changes: pl.DataFrame, headline: Headline) -> pl.DataFrame:
    """The headline figures: of the network and of its areas."""
    return (
        changes.filter(
            pl.col("level") != "site",
            pl.col("protocol") == headline.protocol,
            pl.col("baseline_period").eq_missing(pl.lit(headline.baseline)),
            pl.col("current_period").eq_missing(pl.lit(headline.current)),
        )
        .select(_FIGURE)
        .sort(KEY)
    )


def causes(warehouse: Warehouse, before: Published) -> Causes:
    """Why a warehouse differs from the last published copy."""
    with (
        warehouse.known_as("deliveries_before", before.deliveries),
        warehouse.known_as("superseding_before", before.superseding),
    ):
        of_deliveries = warehouse.query(sql("causes"))
    now = inputs_now(warehouse)._asdict()
    # A copy that does not say what it was computed from is of a version before: that much is known of it.
    said = {"code_identity": None} | {name: of for name, of in before.inputs.items() if of is not None}
    of_all = [cause for cause, identity in _IDENTITIES.items() if now[identity] != said.get(identity, now[identity])]
    return Causes(of_deliveries, of_all)


def with_causes(warehouse: Warehouse, found: Causes, moved: pl.DataFrame) -> pl.DataFrame:
    """Figures that moved, with the columns `causes` and `caused_by`.

    Of deliveries those are named that have rows for a site of the place and a residue of the drug. Where none has, all
    are: the spread of days and the verdicts are learnt from other places and drugs as well. Where nothing differs at
    all it is the code: a library that it computes with.
    """
    with (
        warehouse.known_as("causes_now", found.deliveries),
        warehouse.known_as("moved_figures", moved.select(KEY)),
    ):
        concerned = warehouse.query(sql("causes_of_figures"))
    by_figure = concerned.group_by(KEY).agg(pl.col("cause").unique(), pl.col("delivery_id").unique().sort())
    of_edition = found.deliveries["cause"].unique().to_list()
    all_deliveries = found.deliveries["delivery_id"].unique().sort().to_list()
    return (
        moved.join(by_figure, on=KEY, how="left", maintain_order="left")
        .with_columns(
            pl.col("cause").fill_null(pl.lit(of_edition, pl.List(pl.String))),
            pl.col("delivery_id").fill_null(pl.lit(all_deliveries, pl.List(pl.String))).alias("caused_by"),
        )
        .with_columns(
            pl.col("cause")
            .map_elements(lambda of: " ".join(_in_order([*of, *found.of_all]) or ["code"]), return_dtype=pl.String)
            .alias("causes")
        )
        .drop("cause", "delivery_id")
    )


def _in_order(codes: list[str]) -> list[str]:
    return [cause for cause in CAUSES if cause in codes]


def keep(warehouse: Warehouse, before: Published | None, now: Edition, codes: str, moved: pl.DataFrame | None) -> None:
    """Writes the history into the warehouse: that of the last published copy, and this edition where it is another.

    Without a published copy the warehouse's own history is kept. Nothing is added twice, whatever was interrupted: what
    is written follows from the published copy and the tables alone.

    Parameters: `codes` the causes; `moved` rows of the table `restatements`, but for the columns that name editions;
    None where no figures were compared.
    """
    editions = warehouse.read("editions").sort("edition_number") if before is None else _with_last(before)
    restatements = warehouse.read("restatements") if before is None else before.restatements
    is_known = editions.height > 0 and editions["edition"][-1] == now.name
    if not is_known or (moved is not None and moved.height):
        newest = warehouse.query("select max(received_at) from deliveries").item()
        editions = _one_more(editions, now, newest, is_compared=before is not None, codes=codes)
        if moved is not None and before is not None:
            compared = zip(("protocol", "baseline_period", "current_period"), now.headline, strict=True)
            named = moved.with_columns(
                pl.lit(editions["edition_number"][-1], pl.Int64).alias("edition_number"),
                pl.lit(now.name, pl.String).alias("edition"),
                pl.lit(before.edition.name, pl.String).alias("edition_before"),
                *(pl.lit(of, pl.String).alias(name) for name, of in compared),
            )
            restatements = restatements.vstack(named.select(restatements.columns))
    with warehouse.transaction():
        warehouse.replace("editions", editions)
        warehouse.replace("restatements", restatements)


def _with_last(published: Published) -> pl.DataFrame:
    """The editions so far; with that of the copy itself where it is of a version that kept no history."""
    if published.editions.height:
        return published.editions
    newest = published.deliveries["received_at"].max()
    return _one_more(published.editions, published.edition, newest, is_compared=False, codes="")


def _one_more(editions: pl.DataFrame, edition: Edition, newest: Any, *, is_compared: bool, codes: str) -> pl.DataFrame:
    number = 1 if editions.is_empty() else editions["edition_number"][-1] + 1
    row = (number, edition.name, newest, *edition.headline, is_compared, codes)
    return editions.vstack(pl.DataFrame([row], schema=editions.schema, orient="row"))
