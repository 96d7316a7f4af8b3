"""Large sheets of an XLSX, shortened before the reader reads them: each distinct cell stands but once, and its places
are kept beside.

Most cells of a long table say what others say as well. Where cells stand is told from the sheet's text by polars; what
they say, the reader alone tells. Only sheets written plainly are shortened, in which nothing can be mistaken: each row
and cell says where it stands, in order, and is of a known pattern. Any other sheet is read as it is.
"""

import io
import re
import zipfile
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import polars as pl
import python_calamine as calamine

from schemas.profile import column_number

MOST_SHORTENED = 48 * 1024 * 1024
"""Of how many bytes of sheets a workbook is shortened; more would take too much memory."""
_MOST_ROWS, _MOST_CELLS, _FEW = 1_048_576, 2_000_000, 10_000
_ATTRIBUTE = r'(?: [A-Za-z0-9:]+="[^"<>&]*")*'
_ROW = rf'^r="([1-9][0-9]{{0,6}})"{_ATTRIBUTE} ?/?>(?:</row>)?$'
_LETTERS = re.compile("[A-Z]{1,3}")
_NOTHING = r'(?: s="[0-9]{1,9}")?(?: t="[A-Za-z]{1,9}")?(?: ?/>|></c>)'
_CELL = (
    rf'^(?:{_NOTHING}|(?: s="[0-9]{{1,9}}")?(?: t="[A-Za-z]{{1,9}}")?>'
    rf"(?:<f{_ATTRIBUTE}(?: ?/>|>[^<]*</f>))?(?:<v ?/>|<v>[^<]*</v>|<is><t(?: xml:space=\"preserve\")?>[^<]*</t></is>)?"
    r"</c>)$"
)
_MARK = b'<row><c t="inlineStr"><is><t>-</t></is></c></row>'
"""A cell before and one after the distinct cells, by which it is seen that none of them was lost."""

Numbers = np.ndarray[Any, np.dtype[np.uint32]]


class ShortSheet(NamedTuple):
    """A sheet with each distinct cell once.

    Attributes:
        text: the sheet, its distinct cells one below the other.
        rows, columns: where each cell stands, counted from 0, in order.
        cells: which of the distinct cells it is, counted from 1.
        is_bare: of each distinct cell whether it has no content, and before them of a place without a cell.
        last_row: the number of the last row, counted from 1.
        has_hidden: whether a row may be hidden.
    """

    text: bytes
    rows: Numbers
    columns: Numbers
    cells: Numbers
    is_bare: np.ndarray[Any, np.dtype[np.bool_]]
    last_row: int
    has_hidden: bool


class LaidSheet(NamedTuple):
    """A sheet as a grid.

    Attributes:
        start: row and column of the first cell that holds anything, counted from 0.
        grid: which value stands where.
        values: the distinct values; the first is that of a place without a cell.
        merged: the merged areas.
    """

    start: tuple[int, int]
    grid: Numbers
    values: list[Any]
    merged: list[tuple[tuple[int, int], tuple[int, int]]]

    @property
    def width(self) -> int:
        """How many columns the grid has."""
        return int(self.grid.shape[1])


def shortened(text: bytes) -> ShortSheet | None:
    """The short form of a sheet's text; None where it is not written plainly."""
    start, end = text.find(b"<sheetData>"), text.find(b"</sheetData>")
    if not 0 < start < end or b"<!" in text[:start] or b"sheetData" in text[:start]:
        return None
    before, after = text[: start + 11], text[end:]
    nothing, *pieces = text[start + 11 : end].split(b"<row ", _MOST_ROWS)
    if nothing or not pieces:
        return None
    try:
        texts = pl.Series(pieces, dtype=pl.Binary).cast(pl.String)
    except pl.exceptions.ComputeError:
        return None  # not in UTF-8
    split = texts.str.split("<c ")
    del pieces, texts
    n_cells = split.list.len().to_numpy().astype(np.int64) - 1
    if not 0 < n_cells.sum() <= _MOST_CELLS:
        return None
    tags = split.list.first()
    numbers = tags.str.extract(_ROW)
    is_closed = tags.str.ends_with("/>") | tags.str.ends_with("</row>")
    if numbers.null_count() or not np.array_equal(is_closed.to_numpy(), n_cells == 0):
        return None
    row_numbers = numbers.cast(pl.UInt32).to_numpy()
    of_row = np.repeat(np.arange(len(n_cells)), n_cells)
    is_last = np.diff(of_row, append=len(n_cells)) > 0
    is_cell = np.ones(len(of_row) + len(n_cells), bool)
    is_cell[np.cumsum(n_cells + 1) - n_cells - 1] = False
    found = split.explode(empty_as_null=False, keep_nulls=False).filter(pl.Series(is_cell))
    del split
    starts, ends = found.str.starts_with('r="'), found.str.ends_with("</row>").to_numpy()
    if not starts.all() or not np.array_equal(ends, is_last):
        return None
    last = np.flatnonzero(is_last)
    found = found.scatter(last, found.gather(last).str.strip_suffix("</row>"))
    # `r="B7" s="1"><v>0.3</v></c>`: the place, and what stands there.
    parts = found.str.slice(3).str.splitn('"', 2).struct.unnest().with_columns(row=numbers.gather(of_row))
    del found
    # Where a cell does not stand in its row, more is left of its place than letters.
    letters = parts.select(pl.col("field_0").str.strip_suffix(pl.col("row"))).to_series()
    cell = parts["field_1"]
    names = letters.unique().to_list()
    if cell.null_count() or not all(_LETTERS.fullmatch(name) for name in names):
        return None
    rows = row_numbers[of_row]
    number_of = np.array([column_number(name) for name in names], np.uint32)
    columns = number_of[letters.cast(pl.Enum(names)).to_physical().to_numpy()]
    if (np.diff(row_numbers.astype(np.int64)) <= 0).any() or (
        (np.diff(columns.astype(np.int64)) <= 0) & ~is_last[:-1]
    ).any():
        return None
    distinct = cell.unique(maintain_order=True)
    if len(distinct) > max(len(cell) // 2, _FEW) or not distinct.str.contains(_CELL).all(ignore_nulls=False):
        return None  # also where most cells say something of their own, for then nothing is saved
    numbered = distinct.to_frame("cell").with_row_index("number", offset=1)
    which = cell.to_frame("cell").join(numbered, on="cell", how="left", maintain_order="left")["number"].to_numpy()
    cells = b"<row><c" + distinct.str.join("</row><row><c").item().encode() + b"</row>"
    is_bare = np.append(True, distinct.str.contains(f"^{_NOTHING}$").to_numpy())
    return ShortSheet(
        b"".join([before, _MARK, cells, _MARK, after]), rows - 1, columns - 1, which, is_bare, int(row_numbers[-1]),
        bool(tags.str.contains("hidden=", literal=True).any()),
    )  # fmt: skip


def short_workbook(archive: zipfile.ZipFile, texts: Mapping[str, bytes]) -> bytes:
    """A workbook with these texts as its sheets, and the parts that the reader reads them by."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as short:
        for name in archive.namelist():
            if name in texts:
                short.writestr(zipfile.ZipInfo(name), texts[name])
            elif name.lower().endswith((".xml", ".rels")) and not name.startswith("xl/worksheets/"):
                short.writestr(zipfile.ZipInfo(name), archive.read(name))
    return content.getvalue()


def laid_out(short: ShortSheet, sheet: calamine.CalamineSheet) -> LaidSheet | None:
    """The whole sheet, from its short form as the reader read it.

    None where the reader lost a cell, or where it cannot be said how far the sheet reaches.
    """
    n_distinct = len(short.is_bare) - 1
    if sheet.start != (0, 0) or (sheet.height, sheet.width) != (n_distinct + 2, 1):
        return None
    values = ["", *(value for (value,) in sheet.to_python()[1:-1])]
    # A reader's sheet reaches as far as its cells do that hold anything, be it an empty text.
    area = _area(short, ~short.is_bare[short.cells])
    is_empty = np.fromiter((value == "" for value in values), bool, len(values))
    if area is None or area != _area(short, ~is_empty[short.cells]):
        return None
    (top, left), (bottom, right) = area
    grid = np.zeros((bottom - top + 1, right - left + 1), np.uint32)
    is_inside = (short.rows >= top) & (short.rows <= bottom) & (short.columns >= left) & (short.columns <= right)
    grid[short.rows[is_inside] - top, short.columns[is_inside] - left] = short.cells[is_inside]
    return LaidSheet((top, left), grid, values, sheet.merged_cell_ranges or [])


def _area(short: ShortSheet, is_meant: np.ndarray[Any, np.dtype[np.bool_]]) -> tuple[tuple[int, int], ...] | None:
    """First and last row and column of some of the cells."""
    rows, columns = short.rows[is_meant], short.columns[is_meant]
    if not len(rows):
        return None
    return (int(rows[0]), int(columns.min())), (int(rows[-1]), int(columns.max()))
