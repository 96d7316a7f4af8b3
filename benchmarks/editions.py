"""Do two warehouses hold the same figures? Compares tables row by row, also where the two are of other versions.

    python benchmarks/editions.py OLD.duckdb NEW.duckdb --tables changes consumption

Columns are those both have; a row that is in one of them only is a difference. Exit code 1 where there is any.
"""

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import duckdb
import polars as pl

_DIGITS = 12


class Difference(NamedTuple):
    """How a table of two warehouses compares: rows of each, columns of one only, and rows that are in one only."""

    table: str
    n_old: int
    n_new: int
    columns_of_one: list[str]
    only_old: pl.DataFrame
    only_new: pl.DataFrame

    @property
    def is_equal(self) -> bool:
        """True where each row of one is a row of the other."""
        return self.only_old.is_empty() and self.only_new.is_empty()


def compare(old: Path, new: Path, tables: Iterable[str], without: Iterable[str] = ()) -> list[Difference]:
    """Compares tables of two warehouses, numbers to twelve digits, `without` some columns."""
    found = []
    with duckdb.connect() as connection:
        for name, path in (("old", old), ("new", new)):
            quoted = str(path).replace("'", "''")  # attach takes no bound parameter
            connection.execute(f"attach '{quoted}' as {name} (read_only)")
        for table in tables:
            one, other = (connection.execute(f'select * from {name}."{table}"').pl() for name in ("old", "new"))
            shared = [column for column in one.columns if column in other.columns and column not in without]
            one, other = (_rounded(frame.select(shared)) for frame in (one, other))
            of_one = sorted(set(one.columns) ^ set(other.columns))
            only_old = one.join(other, on=shared, how="anti", nulls_equal=True)
            only_new = other.join(one, on=shared, how="anti", nulls_equal=True)
            found.append(Difference(table, one.height, other.height, of_one, only_old, only_new))
    return found


def _rounded(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.with_columns(pl.col(pl.Float64).round_sig_figs(_DIGITS))


def main() -> int:
    """Prints a line a table, and the first rows that differ."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    parser.add_argument("--tables", nargs="+", default=["changes"])
    parser.add_argument("--without", nargs="*", default=[], help="columns that are not compared")
    asked = parser.parse_args()
    compared = compare(asked.old, asked.new, asked.tables, asked.without)
    for found in compared:
        verdict = "equal" if found.is_equal else "DIFFERENT"
        print(f"{found.table}: {found.n_old} rows and {found.n_new} rows: {verdict}")
        for name, rows in (("old", found.only_old), ("new", found.only_new)):
            if rows.height:
                print(f"  only in the {name} one: {rows.height} rows")
                print(rows.head(5))
    return 0 if all(found.is_equal for found in compared) else 1


if __name__ == "__main__":
    sys.exit(main())
