"""A sheet as it was delivered: cells as text, with the row numbers a person sees in a spreadsheet."""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import polars as pl

HEAD_ROWS = 40
"""How many rows the head of a sheet has: so far down the headers of a table may stand."""


MOST_CELLS = 10_000_000
"""A workbook's sheet with more is no laboratory's: something stands far out."""
MOST_COLUMNS = 2_000
"""A table with more columns is none: something stands far out, or the separator is another."""


def is_panic(error: BaseException) -> bool:
    """True where a reader written in Rust tripped over a file: its exception has no importable name."""
    return type(error).__name__ == "PanicException"


def key(text: str) -> str:
    """A header as it is compared: blanks folded, case ignored."""
    return " ".join(text.split()).casefold()


class Cell(NamedTuple):
    """A place in a sheet, row and column counted from 1, and what is wrong with it."""

    row_number: int
    column_number: int
    rule: str
    value: str
    detail: str = ""


@dataclass(frozen=True)
class RawSheet:
    """One table as it was delivered.

    Attributes:
        name: the sheet's name, empty for text files.
        cells: text columns `c1`, `c2`, ... and the integer column `row_number`, counted from 1; empty cells are null.
        problems: cells that could not be read faithfully.
        hidden_rows: numbers of rows a person does not see.
        n_cells: for a text file whose rows differ in length how many cells each has: `row_number`, `n_cells`.
    """

    name: str
    cells: pl.DataFrame
    problems: tuple[Cell, ...] = ()
    n_cells: pl.DataFrame | None = None
    hidden_rows: tuple[int, ...] = ()

    def row(self, row_number: int) -> list[str]:
        """The texts of one row, blanks trimmed and folded; an empty list where the sheet has no such row."""
        if row_number in self._head:
            return self._head[row_number]
        found = self.cells.filter(pl.col("row_number") == row_number).drop("row_number")
        return [" ".join((cell or "").split()) for cell in found.row(0)] if found.height else []

    @cached_property
    def _head(self) -> dict[int, list[str]]:
        head = self.cells.head(HEAD_ROWS)
        texts = head.drop("row_number").rows()
        return {
            number: [" ".join((cell or "").split()) for cell in row]
            for number, row in zip(head["row_number"], texts, strict=True)
        }

    @cached_property
    def head_keys(self) -> dict[int, frozenset[str]]:
        """The texts of each of the first rows as they are compared, each also as it is beside an empty unit."""
        return {
            number: frozenset(name for text in row for name in (key(text), key(f"{text} []"))) - {""}
            for number, row in self._head.items()
        }


def as_sheet(
    name: str,
    cells: pl.DataFrame,
    *,
    first_row: int = 1,
    problems: tuple[Cell, ...] = (),
    n_cells: pl.DataFrame | None = None,
    hidden_rows: tuple[int, ...] = (),
    is_trimmed: bool = False,
) -> RawSheet:
    """A sheet from a frame of texts whose first row is row `first_row`; rows without any text are left out.

    With `is_trimmed` no cell has blanks around its text, and empty ones are null already.
    """
    numbered = cells.rename({old: f"c{i}" for i, old in enumerate(cells.columns, start=1)})
    texts = [pl.col(column).str.strip_chars().replace("", None) for column in numbered.columns]
    if not is_trimmed:
        numbered = numbered.with_columns(texts)
    numbered = numbered.with_row_index("row_number", offset=first_row)
    filled = numbered.with_columns(pl.col("row_number").cast(pl.Int64))
    if texts:
        filled = filled.filter(pl.any_horizontal(pl.exclude("row_number").is_not_null()))
    return RawSheet(name, filled, problems, n_cells, hidden_rows)
