"""The identity of what each table was computed from, kept in `computed_from`. By it a mixture of editions is found.

The same deliveries, factors, settings and code have the same identity in every workspace. Nothing is computed here.
"""

import hashlib
from collections.abc import Iterable, Sequence
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple

import polars as pl

from pipeline.settings import Settings
from pipeline.warehouse import Warehouse
from schemas.tables import TABLES

TABLE = "computed_from"
_SOURCES = ("schemas", "pipeline")
_OF_FIGURES = {"flow_fill", "time_zone", "protocol", "baseline", "current", "also_against", "targets"}
"""The settings that change figures."""
_REFERENCE = [table for table, entry in TABLES.items() if entry.group == "reference"]
_COMPUTED = [table for table, entry in TABLES.items() if entry.group in ("estimates", "change")]
_OF_DATA = ("deliveries_identity", "settings_identity")
"""Identities that do not concern reference tables."""
_WORDS = {
    "deliveries_identity": "deliveries",
    "factors_identity": "factors, protocols or other reference data",
    "settings_identity": "settings",
    "code_identity": "code",
}
_MOST_NAMED = 8
REMEDY = "Run the whole job: 'permille run', or the job 'monitoring' in Dagster."


class MixedEditionError(RuntimeError):
    """Tables that were computed from different inputs; the message names them, and what to run."""


class Inputs(NamedTuple):
    """What a table is computed from, each a SHA-256; an identity that does not concern it is None."""

    deliveries_identity: str | None
    factors_identity: str
    settings_identity: str | None
    code_identity: str

    @property
    def edition(self) -> str:
        """The name of an edition: twelve digits that differ where any input does."""
        return _sha256(str(identity) for identity in self)[:12]


def of_settings(settings: Settings) -> str:
    """The identity of the settings that change figures."""
    return _sha256([settings.model_dump_json(include=_OF_FIGURES)])


def record(warehouse: Warehouse, *tables: str, years: Sequence[int] = ()) -> None:
    """Writes down what tables have just been computed from. Call it inside the same transaction.

    Parameters: `years` those of sampling that were computed; none of tables that are computed as a whole.
    """
    now = inputs_now(warehouse)
    of_reference = now._replace(deliveries_identity=None, settings_identity=None)
    rows = [
        {"table_name": table, "sampling_year": year, **(of_reference if table in _REFERENCE else now)._asdict()}
        for table in tables
        for year in (years if years else [None])
    ]
    for table in tables:
        warehouse.delete_named(TABLE, table)
    warehouse.insert(TABLE, pl.DataFrame(rows, schema=TABLES[TABLE].types))


def inputs_now(warehouse: Warehouse) -> Inputs:
    """What a table would be computed from now."""
    return Inputs(
        _of_rows(warehouse, ["deliveries"]), _of_rows(warehouse, _REFERENCE), warehouse.settings_identity, _of_code()
    )


def require_one_edition(warehouse: Warehouse) -> str:
    """The name of the edition that all tables are of.

    Raises `MixedEditionError` where a table was computed from other inputs than there are now, or never.
    """
    now = inputs_now(warehouse)
    found = warehouse.read(TABLE)
    said = []
    if lacking := [table for table in (*_REFERENCE, *_COMPUTED) if table not in set(found["table_name"])]:
        said.append(f"not computed yet: {_named(lacking)}")
    for identity, words in _WORDS.items():
        is_other = pl.col(identity).ne_missing(pl.lit(getattr(now, identity), pl.String))
        is_concerned = pl.lit(identity not in _OF_DATA) | ~pl.col("table_name").is_in(_REFERENCE)
        other = found.filter(is_other & is_concerned).select("table_name", "sampling_year").sort(pl.all())
        if other.height:
            said.append(f"computed from other {words} than there are now: {_named(_with_years(other))}")
    if said:
        raise MixedEditionError(f"nothing was published: {'; '.join(said)}. The last edition stays. {REMEDY}")
    return now.edition


def edition_of(warehouse: Warehouse) -> str | None:
    """The name of the edition that a published copy is of; None where it does not say."""
    found = warehouse.read(TABLE).filter(pl.col("table_name") == _COMPUTED[-1])
    return Inputs(*found.select(Inputs._fields).row(0)).edition if found.height else None


def _with_years(tables: pl.DataFrame) -> list[str]:
    """Tables with the years of them.

    >>> _with_years(pl.DataFrame({"table_name": ["loads", "loads", "changes"], "sampling_year": [2023, 2024, None]}))
    ['loads (2023, 2024)', 'changes']
    """
    years = tables.group_by("table_name", maintain_order=True).agg(pl.col("sampling_year").drop_nulls())
    return [f"{table} ({', '.join(map(str, of))})" if of else table for table, of in years.iter_rows()]


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return f"{', '.join(names[:_MOST_NAMED])}{more}"


def _of_rows(warehouse: Warehouse, tables: Sequence[str]) -> str:
    """The identity of all rows of tables, in whatever order they lie."""
    return _sha256(warehouse.remembered(table, "identity", partial(_of_table, warehouse, table)) for table in tables)


def _of_table(warehouse: Warehouse, table: str) -> str:
    of_rows = "select coalesce(sha256(string_agg(row, chr(10) order by row)), '') from (select t::varchar as row from"
    return str(warehouse.query(f'{of_rows} "{table}" t)').item())


@cache
def _of_code() -> str:
    """The identity of the code that computes figures: what reads and judges deliveries, formulas and statistics."""
    root = Path(__file__).parent.parent
    files = sorted(file for folder in _SOURCES for end in ("py", "sql") for file in (root / folder).rglob(f"*.{end}"))
    return _sha256(part for file in files for part in (file.relative_to(root).as_posix(), file.read_text("utf-8")))


def _sha256(parts: Iterable[str]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.encode() + b"\0")
    return digest.hexdigest()
