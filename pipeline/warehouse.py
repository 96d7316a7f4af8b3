"""The warehouse: a DuckDB file with one table for each model, written by one process at a time, in transactions.

No reading of deliveries, no formulas: those stand in `sql/`. Nothing here uses indexes, keys or sequences, so that the
same statements run on DuckLake.
"""

import itertools
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, Self, TypeVar

import duckdb
import polars as pl

from pipeline.statements import definitions, needed, parameter_names, sql
from schemas.tables import TABLES

T = TypeVar("T")
_VERSIONED = "deliveries"
"""The table whose comment says which version wrote the warehouse."""
_MOST_MEMORY = "6 GiB"
"""The most that DuckDB may take: more was of no use with 20 million results (docs/speed.md)."""
FEW_ROWS = 200_000
"""Up to so many rows a statement takes longer to plan than to run."""
_WORTH_FOR_MANY = "cte_inlining, common_subexpressions, statistics_propagation"
"""The optimizers that take longer than what they save of few rows."""
_ROWS_OF_ONE_THREAD = 20_000
"""Up to so many rows threads take longer to share a statement out than one to run it."""
_SHARE_OF_DEFAULT = 0.5 / 0.8
"""DuckDB's own limit is 0.8 of the memory that the machine, or its control group, has. Half of it leaves Python room:
polars frames and Dagster stand beside DuckDB in one process, on 8 GB as well."""
_TYPES: dict[Any, str] = {
    pl.String: "varchar",
    pl.Boolean: "boolean",
    pl.Int32: "integer",
    pl.Int64: "bigint",
    pl.Float64: "double",
    pl.Date: "date",
    pl.Datetime: "timestamp",
}


class WarehouseError(RuntimeError):
    """A warehouse that cannot be used now; the message says why and what to do."""


class OtherLayoutError(WarehouseError):
    """A warehouse with other tables or columns, of another version of Permille."""


@cache
def _columns(table: str) -> dict[str, str]:
    """Columns of a table and their SQL types, from its model."""
    return {
        name: f"{_TYPES[kind.inner.base_type()]}[]" if isinstance(kind, pl.List) else _TYPES[kind.base_type()]
        for name, kind in TABLES[table].types.items()
    }


@cache
def _expected_layout() -> dict[str, set[str]]:
    return {table: {f"{name} {kind}" for name, kind in _columns(table).items()} for table in TABLES}


class Warehouse:
    """An open warehouse. Opened late, closed early: while one process holds it, another cannot.

    Use `with Warehouse.open(path) as warehouse:`.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self.connection = connection
        self._defined: set[str] = set()
        self.settings_identity: str | None = None
        """Of the settings that tables are computed by: see `pipeline/inputs.py`."""
        self._found: dict[str, dict[str, Any]] = {}

    @classmethod
    @contextmanager
    def open(cls, path: Path, *, read_only: bool = False) -> Iterator[Self]:
        """A warehouse with its tables; its macros and views are defined when a statement names them.

        Raises `WarehouseError` where another process holds the file, or it is no warehouse of this version.
        """
        if read_only and not path.is_file():
            raise WarehouseError(f"{path} does not exist yet: run 'permille run' first.")
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            connection = duckdb.connect(str(path), read_only=read_only)
        except duckdb.Error as error:
            if "could not set lock" in str(error).lower():
                raise WarehouseError(
                    f"{path} is in use by another process: wait until it has ended, or end it, and try again."
                ) from error
            raise WarehouseError(
                f"{path} cannot be opened: {error}. Move it away and run again: it is rebuilt from archive/."
            ) from error
        try:
            warehouse = cls(connection)
            warehouse._limit_memory()
            # By itself DuckDB draws one into whatever is printed, as soon as a statement takes two seconds.
            warehouse._do("set enable_progress_bar = false")
            found = warehouse._layout()
            if found or read_only:
                warehouse._check(path, found)
            else:
                warehouse._create()
            warehouse.plan_for_size()
            yield warehouse
        finally:
            connection.close()

    @classmethod
    @contextmanager
    def open_or_renew(cls, path: Path, tell: Callable[[str], None]) -> Iterator[Self]:
        """The same for writing; a warehouse of another version is kept under another name, and a new one opened.

        `tell` is called with a line that says so.
        """
        with ExitStack() as until_end:
            try:
                warehouse = until_end.enter_context(cls.open(path))
            except OtherLayoutError:
                names = (path.with_name(f"{path.stem}.old-{number}{path.suffix}") for number in itertools.count(1))
                kept = next(name for name in names if not name.exists())
                path.rename(kept)
                tell(f"{path.name} is of another version: kept as {kept.name}, and built anew from the archive")
                warehouse = until_end.enter_context(cls.open(path))
            yield warehouse

    def _do(self, statement: str, parameters: Mapping[str, Any] | None = None) -> list[Any]:
        self.prepare(statement)
        # To the end: from DuckDB 2 on a statement whose result is not fetched blocks its connection.
        rows: list[Any] = self.connection.execute(statement, dict(parameters or {})).fetchall()
        return rows

    def _limit_memory(self) -> None:
        # Beyond it DuckDB uses the disk.
        ((most,),) = self._do(
            "select least($share * parse_formatted_bytes(current_setting('memory_limit')),"
            " parse_formatted_bytes($most))::bigint",
            {"share": _SHARE_OF_DEFAULT, "most": _MOST_MEMORY},
        )
        self._do(f"set memory_limit = '{most} B'")

    def plan_for_size(self) -> None:
        """Has statements planned for as many rows as the largest table holds by now.

        Of few rows each CTE is computed as it is written, which is planned in half the time; of many, DuckDB puts
        those that are read once into what reads them, so that they take no memory. Of very few rows one thread is used.
        """
        ((n_rows,),) = self._do(
            "select coalesce(max(estimated_size), 0) from duckdb_tables() where database_name = current_database()"
        )
        self._do(f"set disabled_optimizers = '{_WORTH_FOR_MANY if n_rows <= FEW_ROWS else ''}'")
        self._do("set threads = 1" if n_rows <= _ROWS_OF_ONE_THREAD else "reset threads")

    def _create(self) -> None:
        with self.transaction():
            for table in TABLES:
                columns = ", ".join(f'"{name}" {kind}' for name, kind in _columns(table).items())
                self._do(f'create table "{table}" ({columns})')
            self._do(f"comment on table {_VERSIONED} is '{version('permille')}'")

    def _layout(self) -> dict[str, set[str]]:
        """The tables of the file, each with its columns and their types; nothing of a new file."""
        known = self._do(
            "select table_name, list(column_name || ' ' || lower(data_type)) from duckdb_columns()"
            " where database_name = current_database() and schema_name = 'main' group by all"
        )
        return {table: set(columns) for table, columns in known}

    def _check(self, path: Path, found: Mapping[str, set[str]]) -> None:
        for table, columns in _expected_layout().items():
            if found.get(table) != columns:
                raise OtherLayoutError(
                    f"{path} was written by {self._writer()}, and this is Permille {version('permille')} (table"
                    f" {table!r} differs). Run 'permille run': it keeps the old file and builds one anew from archive/."
                )

    def _writer(self) -> str:
        """The version that wrote the file, in words."""
        told = self._do("select comment from duckdb_tables() where table_name = $table", {"table": _VERSIONED})
        return f"Permille {told[0][0]}" if told and told[0][0] else "Permille 0.1.0 or earlier"

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All of it or nothing: a process that is killed inside leaves the tables as they were."""
        self._do("begin transaction")
        try:
            yield
        except BaseException:
            self.forget()
            self._do("rollback")
            raise
        try:
            self._do("commit")
        except duckdb.Error:
            self.forget()
            raise

    def forget(self) -> None:
        """Forgets what was found out about tables, and which macros and views are defined.

        Call it where another warehouse of this process wrote to the file. Definitions go with a transaction that fails.
        """
        self._found.clear()
        self._defined.clear()

    def insert(self, table: str, frame: pl.DataFrame) -> None:
        """Appends a frame that holds the table's columns."""
        self._found.pop(table, None)
        if frame.is_empty():
            return
        names = ", ".join(f'"{name}"' for name in _columns(table))
        with self.known_as("incoming_rows", frame):
            self._do(f'insert into "{_known(table)}" by name select {names} from incoming_rows')

    def replace(self, table: str, frame: pl.DataFrame) -> None:
        """Puts a frame in place of all rows of a table. Call it inside a transaction."""
        self.replace_year(table, None, frame)

    def delete_delivery(self, table: str, delivery_id: str) -> None:
        """Removes the rows of one delivery from an intake table. Call it inside a transaction."""
        self._found.pop(table, None)
        self._do(f'delete from "{_known(table)}" where delivery_id = $id', {"id": delivery_id})

    def delete_named(self, table: str, table_name: str) -> None:
        """Removes the rows that tell of a table. Call it inside a transaction."""
        self._found.pop(table, None)
        self._do(f'delete from "{_known(table)}" where table_name = $name', {"name": table_name})

    def prepare(self, statement: str) -> None:
        """Defines the macros and views that a statement needs. Only who passes one to `connection` need call it."""
        lacking = [name for name in needed(statement) if name not in self._defined]
        if lacking:
            self.connection.execute("; ".join(definitions()[name] for name in lacking)).fetchall()
            self._defined.update(lacking)

    @contextmanager
    def known_as(self, name: str, frame: pl.DataFrame) -> Iterator[None]:
        """A frame that statements know by a name for a while."""
        self._found.pop(name, None)
        self.connection.register(name, frame.to_arrow())
        try:
            yield
        finally:
            self.connection.unregister(name)
            self._found.pop(name, None)

    def define(self, view: str, statement: str) -> None:
        """A view of this connection, also of a warehouse that is only read. No user's text is in the statement."""
        self._do(f'create or replace temp view "{view}" as {statement}')

    @contextmanager
    def shadowed(self, table: str) -> Iterator[None]:
        """An empty table of this connection in place of one of the warehouse for a while: statements read and fill it.

        The warehouse's own stays as it is; also of a warehouse that is only read.
        """
        self._found.pop(table, None)
        self._do(f'create temp table "{_known(table)}" as from "{_known(table)}" limit 0')
        try:
            yield
        finally:
            self._do(f'drop table temp."{_known(table)}"')
            self._found.pop(table, None)

    def compute(self, table: str, year: int | None = None, parameters: Mapping[str, Any] | None = None) -> None:
        """Replaces a table, or one year of sampling of it, by what `sql/<table>.sql` gives. Inside a transaction."""
        self._delete_year(table, year)
        self.append(table, table, {**(parameters or {}), "year": year})

    def append(self, table: str, statement: str, parameters: Mapping[str, Any]) -> None:
        """Adds to a table what `sql/<statement>.sql` gives. Call it inside a transaction.

        Of the parameters those are bound that the statement names.
        """
        self._found.pop(table, None)
        text = sql(statement)
        bound = {name: parameters[name] for name in parameter_names(text)}
        self._do(f'insert into "{_known(table)}" by name {text}', bound)

    def replace_year(self, table: str, year: int | None, frame: pl.DataFrame) -> None:
        """Puts a frame in place of a table, or of one year of sampling of it. Call it inside a transaction."""
        self._delete_year(table, year)
        self.insert(table, frame)

    def _delete_year(self, table: str, year: int | None) -> None:
        self._found.pop(table, None)
        if year is None:
            self._do(f'delete from "{_known(table)}"')
        else:
            self._do(f'delete from "{_known(table)}" where sampling_year = $year', {"year": year})

    def read(self, table: str, year: int | None = None) -> pl.DataFrame:
        """The rows of a table, or of one year of sampling of it, with the types of its model."""
        if year is None:
            return self.query(f'select * from "{_known(table)}"')
        return self.query(f'select * from "{_known(table)}" where sampling_year = $year', {"year": year})

    def query(self, statement: str, parameters: Mapping[str, Any] | None = None) -> pl.DataFrame:
        """The result of a statement with bound parameters."""
        self.prepare(statement)
        # Not by `sql`: its relations were seen to wait for ever (DuckDB 1.5.5) on a registered frame in a union.
        return self.connection.execute(statement, dict(parameters or {})).pl()

    def execute(self, statement: str, parameters: Mapping[str, Any] | None = None) -> None:
        """Carries out a statement with bound parameters. Inside a transaction."""
        self._found.clear()
        self._do(statement, parameters)

    def remembered(self, table: str, what: str, find: Callable[[], T]) -> T:
        """What is found out about a table, once for as long as nothing is written to it through this warehouse."""
        of_table = self._found.setdefault(table, {})
        if what not in of_table:
            of_table[what] = find()
        found: T = of_table[what]
        return found

    def count(self, table: str) -> int:
        """Rows of a table."""
        found = self._do(f'select count(*) from "{_known(table)}"')
        return int(found[0][0])

    def years(self, *tables: str) -> list[int]:
        """All years of sampling that occur in any of the tables, sorted."""
        found: set[int] = set()
        for table in tables:
            rows = self._do(f'select distinct sampling_year from "{_known(table)}"')
            found.update(int(row[0]) for row in rows)
        return sorted(found)

    def copy_to(self, target: Path) -> None:
        """A copy of all tables in a new file. Putting it where it is read is `pipeline/publication.py`'s."""
        quoted = str(target).replace("'", "''")  # attach takes no bound parameter
        self._do(f"attach '{quoted}' as copy_target")
        try:
            for table in TABLES:
                # Sorted by all columns: the copy does not tell in which order files came in.
                self._do(f'create table copy_target."{table}" as select * from "{table}" order by all')
            self._do(f"comment on table copy_target.{_VERSIONED} is '{version('permille')}'")
        finally:
            self._do("detach copy_target")


def _known(table: str) -> str:
    """The table's name, which is one of ours: names cannot be bound as parameters."""
    if table not in TABLES:
        raise KeyError(table)
    return table
