"""Reading workbooks, XLSX, XLS and ODS: every sheet as text cells, numbers with all their digits, days in ISO form.

What a workbook would take in memory is judged before it is opened (`workbook_guard.py`).
"""

import datetime
import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import fastexcel
import numpy as np
import polars as pl
import python_calamine as calamine

from pipeline.findings import DeliveryError, Finding
from pipeline.reading import ole_guard
from pipeline.reading.sheets import HEAD_ROWS, MOST_CELLS, MOST_COLUMNS, Cell, RawSheet, as_sheet, is_panic
from pipeline.reading.text_bounds import require_short_cells
from pipeline.reading.workbook_guard import WorkbookParts, require_bearable
from pipeline.reading.workbook_short import LaidSheet, Numbers, laid_out

ZIP = b"PK\x03\x04"
_MOST_MERGED = 1_000_000
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


def is_workbook(content: bytes) -> bool:
    """True for the bytes of a workbook, whatever the file is called."""
    return content.startswith((ZIP, OLE))


class Workbook:
    """An opened workbook. Sheets are read when asked for, each once.

    Raises `DeliveryError` where it is protected by a password or broken, or would not fit into memory.
    """

    def __init__(self, content: bytes, file_name: str) -> None:
        # A protected XLSX is an OLE container that holds its cipher text in a stream of this name.
        if content.startswith(OLE):
            if "EncryptedPackage".encode("utf-16-le") in content:
                raise DeliveryError(Finding("password_protected", file_name))
            ole_guard.require_sound(content, file_name)
        self._file_name = file_name
        self._content = content
        parts = require_bearable(content, file_name) if content.startswith(ZIP) else WorkbookParts({})
        self._parts = parts.sheets
        self._sheets: dict[str, calamine.CalamineSheet | LaidSheet] = {}
        self._texts: dict[tuple[str, str], pl.Series] = {}
        with self._whole():
            self._reader = calamine.CalamineWorkbook.from_filelike(io.BytesIO(content))
        self._short = self._opened(parts.short) if parts.short else None

    @property
    def sheet_names(self) -> list[str]:
        """The names of the sheets a person sees, in their order."""
        return [
            sheet.name
            for sheet in self._reader.sheets_metadata
            if sheet.visible == calamine.SheetVisibleEnum.Visible and sheet.typ == calamine.SheetTypeEnum.WorkSheet
        ]

    def sheet(self, name: str, n_rows: int | None = None, *, decimal: str = ".") -> RawSheet:
        """One sheet, or its first `n_rows` rows; numbers are written with the sender's decimal sign, as he saw them."""
        sheet = self._load(name)
        if sheet.start is None:
            return as_sheet(name, pl.DataFrame())
        first_row, first_column = sheet.start
        if isinstance(sheet, LaidSheet):
            grid = sheet.grid[:n_rows].copy()
            merged = self._merge_grid(grid, sheet)
            texts = self._texts_once(name, sheet, decimal)
            n_found, columns = len(grid), [texts.gather(places) for places in grid.T]
        else:
            with self._whole():
                rows = sheet.to_python(skip_empty_area=True, nrows=n_rows)
            merged = self._fill_merged(rows, sheet)
            n_found, columns = len(rows), [_as_text(cells, decimal) for cells in zip(*rows, strict=True)]
        left = [pl.Series([None], dtype=pl.String).new_from_index(0, n_found)] * first_column
        cells = pl.DataFrame([series.alias(f"c{i}") for i, series in enumerate([*left, *columns], start=1)])
        if n_rows is None:
            require_short_cells(cells.with_row_index("row_number", offset=first_row + 1), self._file_name, name)
        # Of a head only the headers are read, and asking an XLS or ODS for its errors reads it all once more.
        problems = (*self._problems(name, sheet), *merged) if n_rows is None else ()
        return as_sheet(
            name, cells, first_row=first_row + 1, problems=problems, hidden_rows=tuple(self._hidden_rows(name)),
            is_trimmed=isinstance(sheet, LaidSheet),
        )  # fmt: skip

    def has_cells(self, name: str) -> bool:
        """True where anything stands in a sheet."""
        return self._load(name).start is not None

    def _hidden_rows(self, name: str) -> list[int]:
        return self._parts[name].hidden_rows if name in self._parts else []

    def _fill_merged(self, rows: list[list[Any]], sheet: calamine.CalamineSheet) -> list[Cell]:
        """Writes what stands in merged cells into all of them, as a person sees it; returns those below the first."""
        assert sheet.start is not None  # noqa: S101
        (top, left), below = sheet.start, []
        for here, across in self._merged(sheet.merged_cell_ranges or [], sheet.start, (len(rows), sheet.width)):
            text = rows[here[0]][across[0]]
            for row in here:
                for column in across:
                    if rows[row][column] == "":
                        rows[row][column] = text
            below += _below(here, across, top, left, str(text))
        return below

    def _merge_grid(self, grid: Numbers, sheet: LaidSheet) -> list[Cell]:
        """The same in a grid."""
        (top, left), below = sheet.start, []
        if not sheet.merged:
            return []
        is_empty = np.fromiter((value == "" for value in sheet.values), bool, len(sheet.values))
        for here, across in self._merged(sheet.merged, sheet.start, (len(grid), sheet.width)):
            area, first = grid[here[0] : here[-1] + 1, across[0] : across[-1] + 1], grid[here[0], across[0]]
            area[is_empty[area]] = first
            below += _below(here, across, top, left, str(sheet.values[first]))
        return below

    def _merged(
        self, areas: list[tuple[tuple[int, int], tuple[int, int]]], start: tuple[int, int], size: tuple[int, int]
    ) -> Iterator[tuple[range, range]]:
        """Of each merged area the rows and columns of a sheet that it covers."""
        (top, left), (height, width), filled = start, size, 0
        for (first_row, first_column), (last_row, last_column) in areas:
            here = range(max(first_row - top, 0), min(last_row - top + 1, height))
            across = range(max(first_column - left, 0), min(last_column - left + 1, width))
            filled += len(here) * len(across)
            if filled > _MOST_MERGED:
                detail = f"more than {_MOST_MERGED} of its cells are merged"
                raise DeliveryError(Finding("unreadable_file", self._file_name, detail=detail))
            if here and across:
                yield here, across

    def _texts_once(self, name: str, sheet: LaidSheet, decimal: str) -> pl.Series:
        """The text of each distinct value of a sheet, trimmed; null of an empty one."""
        if (name, decimal) not in self._texts:
            texts = _texts_of(tuple(sheet.values), decimal)
            self._texts[name, decimal] = texts.str.strip_chars().replace("", None)
        return self._texts[name, decimal]

    def _load(self, name: str) -> calamine.CalamineSheet | LaidSheet:
        if name not in self._sheets and (laid := self._laid(name)) is not None:
            self._sheets[name] = laid
        if name not in self._sheets:
            with self._whole():
                sheet = self._reader.get_sheet_by_name(name)
            # Before it is laid out in Python: an XLS holds its own size in bytes that may be anything.
            if sheet.start is not None and (sheet.start[1] + sheet.width > MOST_COLUMNS
                                            or sheet.height * sheet.width > MOST_CELLS):  # fmt: skip
                detail = f"sheet {name!r} has {sheet.height} rows of {sheet.start[1] + sheet.width} columns"
                raise DeliveryError(Finding("unreadable_file", self._file_name, detail=detail))
            self._sheets[name] = sheet
        return self._sheets[name]

    def _laid(self, name: str) -> LaidSheet | None:
        """A sheet from its short form; None where it has none, or that cannot be read."""
        part = self._parts.get(name)
        if self._short is None or part is None or part.short is None or self._reader.sheet_names.count(name) > 1:
            return None
        try:
            with self._whole():
                return laid_out(part.short, self._short.get_sheet_by_name(name))
        except DeliveryError:
            return None  # the whole sheet tells what is wrong with it

    def _opened(self, short: bytes) -> calamine.CalamineWorkbook | None:
        try:
            with self._whole():
                return calamine.CalamineWorkbook.from_filelike(io.BytesIO(short))
        except DeliveryError:
            return None

    def _problems(self, name: str, sheet: calamine.CalamineSheet | LaidSheet) -> tuple[Cell, ...]:
        if name in self._parts:
            return self._parts[name].problems
        # The reader shows the error of an XLS or ODS cell as an empty one; the other binding of its library tells.
        with self._whole():
            found = fastexcel.read_excel(self._content).load_sheet(name, dtypes="string", header_row=None, skip_rows=0)
            errors = found.to_arrow_with_errors()[1]
        assert sheet.start is not None  # noqa: S101  an empty sheet has no cells to ask about
        return tuple(
            Cell(error.position[0] + 1, error.position[1] + 1 + sheet.start[1], "cell_error", _error_name(error.detail))
            for error in (errors.errors if errors else [])
        )

    @contextmanager
    def _whole(self) -> Iterator[None]:
        """Turns what the readers raise on a broken workbook into a `DeliveryError`."""
        try:
            yield
        except calamine.PasswordError as error:
            raise DeliveryError(Finding("password_protected", self._file_name)) from error
        except (calamine.CalamineError, fastexcel.FastExcelError, ValueError, OSError) as error:
            raise self._broken(error) from error
        except BaseException as error:
            if not is_panic(error):
                raise
            raise self._broken(error) from error

    def _broken(self, error: BaseException) -> DeliveryError:
        first_line = next(iter(str(error).splitlines()), "")
        return DeliveryError(
            Finding("unreadable_file", self._file_name, detail=f"the workbook is broken ({first_line})")
        )


def _below(here: range, across: range, top: int, left: int, text: str) -> list[Cell]:
    """The merged cells of an area below its first row."""
    return [Cell(row + top + 1, column + left + 1, "merged_cells", text) for row in here[1:] for column in across]


def _as_text(cells: tuple[Any, ...], decimal: str) -> pl.Series:
    """A column of typed cells as a person would read them; of a number all digits. Empty cells are null.

    What stands below the head is mostly of one kind, and then read at once.
    """
    texts = _texts_of(cells[:HEAD_ROWS], decimal)
    return texts.extend(_texts_of(cells[HEAD_ROWS:], decimal)) if len(cells) > HEAD_ROWS else texts


def _texts_of(cells: tuple[Any, ...], decimal: str) -> pl.Series:
    kinds = set(map(type, cells))
    if kinds == {str}:
        return pl.Series(cells, dtype=pl.String)
    if kinds == {datetime.date}:
        return pl.Series(cells, dtype=pl.Date).cast(pl.String)
    if kinds <= {float, int}:
        return _digits(pl.Series(cells, dtype=pl.Float64), decimal)
    if kinds <= {str, float, int}:
        texts = pl.Series([cell if type(cell) is str else None for cell in cells], dtype=pl.String)
    else:
        # Numbers, of which there may be many, are written below.
        shown = [cell if type(cell) is str else None if type(cell) is float else _shown(cell) for cell in cells]
        texts = pl.Series(shown, dtype=pl.String)
    if not kinds & {float, int}:
        return texts
    numbers = pl.Series(
        [cell if type(cell) is float or type(cell) is int else None for cell in cells], dtype=pl.Float64
    )
    return pl.select(pl.coalesce(_digits(numbers, decimal), texts)).to_series()


def _digits(numbers: pl.Series, decimal: str) -> pl.Series:
    whole = (numbers == numbers.round(0)) & (numbers.abs() < 1e15)
    if numbers.len() and whole.all(ignore_nulls=False):
        return numbers.cast(pl.Int64).cast(pl.String)
    written = numbers.cast(pl.String)
    if decimal != ".":
        written = written.str.replace(".", decimal, literal=True)
    if not whole.any():
        return written
    return pl.select(
        pl.when(whole).then(numbers.cast(pl.Int64, strict=False).cast(pl.String)).otherwise(written)
    ).to_series()


def _shown(cell: object) -> str | None:
    """A cell that is neither text nor number; None for a number."""
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    if isinstance(cell, datetime.timedelta):
        minutes, seconds = divmod(round(cell.total_seconds()), 60)
        return f"{minutes // 60:02}:{minutes % 60:02}:{seconds:02}"
    if isinstance(cell, datetime.datetime):
        return cell.isoformat(sep=" ", timespec="seconds")
    if isinstance(cell, datetime.date | datetime.time):
        return str(cell)
    return None


def _error_name(detail: str) -> str:
    """`Error(Div0)` of the reader's sentence, as Excel shows it."""
    name = detail.rsplit("Error(", 1)[-1].rstrip(")'")
    return {"Div0": "#DIV/0!", "NA": "#N/A", "Name": "#NAME?", "Null": "#NULL!", "Num": "#NUM!", "Ref": "#REF!",
            "Value": "#VALUE!"}.get(name, name)  # fmt: skip
