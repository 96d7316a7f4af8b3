"""Reading the published warehouse by the queries beside this file. No words, no pages; nothing is written to it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import duckdb
import polars as pl

from pipeline.statements import parameter_names
from pipeline.warehouse import Warehouse

_QUERIES = Path(__file__).parent / "queries"
_ROWS_AT_ONCE = 200_000

Parameter = str | int | float | list[int] | None


@contextmanager
def published(database: Path) -> Iterator[Warehouse]:
    """An open published copy of the warehouse, read-only.

    Raises `FileNotFoundError` where there is none.
    """
    if not database.is_file():
        raise FileNotFoundError(f"{database} does not exist: publish the warehouse first, with 'permille run'.")
    with Warehouse.open(database, read_only=True) as warehouse:
        yield warehouse


def names(folder: str = "") -> list[str]:
    """The names of the data sets, or of those in a folder beside them, sorted: the names of the query files.

    >>> names("downloads")
    ['area_periods', 'changes', 'site_periods']
    """
    return sorted(file.stem for file in (_QUERIES / folder).glob("*.sql"))


def read(warehouse: Warehouse, name: str, parameters: Mapping[str, Parameter]) -> pl.DataFrame:
    """The rows of a data set; of the parameters those are bound that its query names."""
    return _run(warehouse, name, parameters).pl()


def read_in_parts(warehouse: Warehouse, name: str, parameters: Mapping[str, Parameter]) -> Iterator[pl.DataFrame]:
    """The rows of a data set in parts that fit into memory, in order; at least one part, which may be empty.

    Until the last part is read the warehouse reads nothing else.
    """
    reader = _run(warehouse, name, parameters).to_arrow_reader(_ROWS_AT_ONCE)
    yield pl.DataFrame(pl.from_arrow(reader.schema.empty_table()))
    for batch in reader:
        yield pl.DataFrame(pl.from_arrow(batch))


def _run(warehouse: Warehouse, name: str, parameters: Mapping[str, Parameter]) -> duckdb.DuckDBPyConnection:
    text = (_QUERIES / f"{name}.sql").read_text(encoding="utf-8")
    bound = {key: parameters[key] for key in parameter_names(text)}
    # Not by `sql`: with parameters its relations keep the whole result, and hand it over four times as slowly.
    warehouse.prepare(text)
    return warehouse.connection.execute(text, bound)
