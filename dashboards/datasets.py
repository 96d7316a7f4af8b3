"""Reading the published warehouse by the queries beside this file. No words, no pages; nothing is written to it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import duckdb
import polars as pl

from pipeline.warehouse import Warehouse

_QUERIES = Path(__file__).parent / "queries"
_ROWS_AT_ONCE = 200_000

Connection = duckdb.DuckDBPyConnection
Parameter = str | int | float | list[int] | None


@contextmanager
def published(database: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """An open published copy of the warehouse, read-only, with the views of what is believed now.

    Raises `FileNotFoundError` where there is none.
    """
    if not database.is_file():
        raise FileNotFoundError(f"{database} does not exist: publish the warehouse first, with 'permille run'.")
    with Warehouse.open(database, read_only=True) as warehouse:
        yield warehouse.connection


def names(folder: str = "") -> list[str]:
    """The names of the data sets, or of those in a folder beside them, sorted: the names of the query files.

    >>> names("downloads")
    ['area_periods', 'changes', 'site_periods']
    """
    return sorted(file.stem for file in (_QUERIES / folder).glob("*.sql"))


def read(connection: duckdb.DuckDBPyConnection, name: str, parameters: Mapping[str, Parameter]) -> pl.DataFrame:
    """The rows of a data set; of the parameters those are bound that its query names."""
    return _run(connection, name, parameters).pl()


def read_in_parts(
    connection: duckdb.DuckDBPyConnection, name: str, parameters: Mapping[str, Parameter]
) -> Iterator[pl.DataFrame]:
    """The rows of a data set in parts that fit into memory, in order; at least one part, which may be empty.

    Until the last part is read the connection reads nothing else.
    """
    reader = _run(connection, name, parameters).to_arrow_reader(_ROWS_AT_ONCE)
    yield pl.DataFrame(pl.from_arrow(reader.schema.empty_table()))
    for batch in reader:
        yield pl.DataFrame(pl.from_arrow(batch))


def _run(
    connection: duckdb.DuckDBPyConnection, name: str, parameters: Mapping[str, Parameter]
) -> duckdb.DuckDBPyConnection:
    text = (_QUERIES / f"{name}.sql").read_text(encoding="utf-8")
    (statement,) = connection.extract_statements(text)
    bound = {key: parameters[key] for key in statement.named_parameters}
    # Not by `sql`: with parameters its relations keep the whole result, and hand it over four times as slowly.
    return connection.execute(text, bound)
