"""Finding the columns of a table in a sheet: by the headers a profile names, wherever the header row stands.

No values are read here (`canonical.py`).
"""

import re

import polars as pl

from pipeline.reading.sheets import RawSheet, key
from schemas.profile import TableProfile, column_letters

IN_BRACKETS = re.compile(r"[(\[（【]([^()\[\]（）【】]*)[)\]）】]\s*$")


class Headers:
    """The headers of a table and the columns they stand over.

    A header is found by its text, or by its text and its unit row as in `Date [MM/YY]` where two columns share a text.

    Attributes:
        row_number: the row of the headers, counted from 1.
        texts: the header of each column of the sheet, empty outside the part the table stands in.
        units: what the unit row says over each column.
    """

    def __init__(self, sheet: RawSheet, table: TableProfile) -> None:
        self._sheet = sheet
        self._range = table.range
        self.row_number = table.header_row or self._find_row(table)
        self.texts = self._row(self.row_number)
        self.units = self.row_over(table.unit_row)
        self._columns = self._by_text(self.texts, self.units)

    def find(self, names: list[str]) -> list[int]:
        """Numbers of the columns, from 1, that the first of `names` that stands here stands over."""
        return next((self._columns[key(name)] for name in names if key(name) in self._columns), [])

    def text(self, number: int) -> str:
        """The header over a column."""
        return self.texts[number - 1]

    def letters(self, number: int) -> str:
        """A column as a spreadsheet names it."""
        return column_letters(number)

    def unit_in_brackets(self, number: int) -> str | None:
        """What stands in the last brackets of a header: `ng/L` of `Cotinine (ng/L)`."""
        found = IN_BRACKETS.search(self.texts[number - 1])
        return found.group(1).strip() or None if found else None

    def row_over(self, row_number: int | None) -> list[str]:
        """The texts of another row above the data, one for each column."""
        texts = self._row(row_number) if row_number else []
        return [texts[i] if i < len(texts) else "" for i in range(len(self.texts))]

    def _row(self, row_number: int) -> list[str]:
        first, last = self._range.first_column or 1, self._range.last_column
        texts = self._sheet.row(row_number)
        return [text if number >= first and (last is None or number <= last) else ""
                for number, text in enumerate(texts, start=1)]  # fmt: skip

    @staticmethod
    def _by_text(texts: list[str], units: list[str]) -> dict[str, list[int]]:
        columns: dict[str, list[int]] = {}
        for number, (text, unit) in enumerate(zip(texts, units, strict=True), start=1):
            for name in {key(text), key(f"{text} [{unit}]")} - {""}:
                columns.setdefault(name, []).append(number)
        return columns

    def _find_row(self, table: TableProfile) -> int:
        """The first of the rows that hold most of the headers a table needs."""
        first = self._range.first_row or 1
        is_part = self._range.first_column is not None or self._range.last_column is not None
        rows = [row for row in self._sheet.head_keys if row >= first]
        wanted = [{key(name) for name in names} for names in required_headers(table)]
        best, most = first, 0
        for row in rows:
            known = self._sheet.head_keys[row]
            if is_part:
                texts = self._row(row)
                known = frozenset(self._by_text(texts, [""] * len(texts)))
            found = sum(not names.isdisjoint(known) for names in wanted)
            if found > most:
                best, most = row, found
        return best if most else (rows[0] if rows else first)


def data_rows(sheet: RawSheet, table: TableProfile, header_row: int) -> pl.DataFrame:
    """The cells below the headers, inside the part of the sheet the table stands in; rows without any text left out."""
    part = table.range
    rows = pl.col("row_number") > max(header_row, table.rows_above)
    if part.last_row is not None:
        rows &= pl.col("row_number") <= part.last_row
    cells = sheet.cells.filter(rows)
    if part.first_column or part.last_column:
        first, last = part.first_column or 1, part.last_column or sheet.cells.width
        inside = [name for number, name in _numbered(cells) if first <= number <= last]
        cells = cells.filter(pl.any_horizontal(pl.col(inside).is_not_null())) if inside else cells.clear()
    return cells


def _numbered(cells: pl.DataFrame) -> list[tuple[int, str]]:
    return [(int(name[1:]), name) for name in cells.columns if name != "row_number"]


def required_headers(table: TableProfile) -> list[list[str]]:
    """The headers a table of a profile cannot do without, each with its alternatives."""
    fields = [names for field, parts in table.headers.items() if field not in table.optional for names in parts]
    wide = [[header] for header in table.wide.columns] if table.wide else []
    stated = (table.unit_column, table.lod_unit_column, table.loq_unit_column)
    # The column of a limit's unit may lack where the limit's own column may.
    needed = [
        column for column, of in zip(stated, ("", "lod", "loq"), strict=True) if column and of not in table.optional
    ]
    derived = [[header] for header in table.derived]
    return [*fields, *wide, *derived, *_distinct([[column] for column in needed])]


def wanted_headers(table: TableProfile) -> list[list[str]]:
    """All headers a table of a profile reads, each with its alternatives."""
    optional = [names for field in table.optional for names in table.headers[field]]
    units = [[column] for column in (table.lod_unit_column, table.loq_unit_column) if column]
    return _distinct([*required_headers(table), *optional, *units])


def _distinct(names: list[list[str]]) -> list[list[str]]:
    return [name for number, name in enumerate(names) if name not in names[:number]]
