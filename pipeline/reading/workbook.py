"""Reading Excel workbooks: every sheet as text cells, numbers with all their digits, dates in ISO form."""

import io
import re
import struct
import zipfile
import zlib
from typing import Literal

import fastexcel
import polars as pl

from pipeline.findings import DeliveryError, Finding
from pipeline.reading.sheets import Cell, RawSheet, as_sheet

ZIP = b"PK\x03\x04"
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


MOST_BYTES = 512 * 1024 * 1024
MOST_CELLS = 50_000_000
"""Beyond these a workbook is refused before it is opened: the reader lays a sheet out whole, in memory."""
# What the standard library raises on archives that somebody has damaged.
_BROKEN_ZIP = (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, ValueError, KeyError, OverflowError,
               OSError, struct.error, zlib.error)  # fmt: skip
_CELL = re.compile(rb'<c [^>]*?\br="([A-Z]{1,3})(\d{1,7})"')


def _require_bearable(content: bytes, file_name: str) -> None:
    """Raises `DeliveryError` where the workbook would unpack to more than a machine can hold."""

    def refused(detail: str) -> DeliveryError:
        return DeliveryError(Finding("unreadable_file", file_name, detail=detail))

    try:
        with zipfile.ZipFile(io.BytesIO(content)) as parts:
            if sum(part.file_size for part in parts.infolist()) > MOST_BYTES:
                raise refused(f"unpacked it is larger than {MOST_BYTES // 1024**2} MiB")
            for part in parts.namelist():
                if not (part.startswith("xl/worksheets/") and part.endswith(".xml")):
                    continue
                places = {found.groups() for found in _CELL.finditer(parts.read(part))}
                column = max(
                    (column for column, _ in places), key=lambda letters: (len(letters), letters), default=b"A"
                )
                row = max((int(row) for _, row in places), default=0)
                n_columns = sum((letter - 64) * 26**place for place, letter in enumerate(reversed(column)))
                if row * n_columns > MOST_CELLS:
                    raise refused(f"a sheet reaches as far as {column.decode()}{row}; delete what stands there")
    except _BROKEN_ZIP as error:
        raise refused(f"the workbook is broken ({error})") from error


def is_workbook(content: bytes) -> bool:
    """True for the bytes of an Excel workbook, whatever the file is called."""
    return content.startswith((ZIP, OLE))


class Workbook:
    """An opened workbook. Sheets are read when asked for.

    Raises `DeliveryError` where it is protected by a password or broken.
    """

    def __init__(self, content: bytes, file_name: str) -> None:
        # A protected XLSX is an OLE container that holds its cipher text in a stream of this name.
        if content.startswith(OLE) and "EncryptedPackage".encode("utf-16-le") in content:
            raise DeliveryError(Finding("password_protected", file_name))
        self._file_name = file_name
        if content.startswith(ZIP):
            _require_bearable(content, file_name)
        try:
            self._reader = fastexcel.read_excel(content)
        except fastexcel.FastExcelError as error:
            if "password" in str(error).lower():
                raise DeliveryError(Finding("password_protected", file_name)) from error
            raise self._broken(error) from error

    @property
    def sheet_names(self) -> list[str]:
        """The names of the sheets a person sees, in their order."""
        try:
            shown = {name: self._load(name, "string", 0).visible for name in self._reader.sheet_names}
        except fastexcel.FastExcelError as error:
            raise self._broken(error) from error
        return [name for name, visible in shown.items() if visible == "visible"]

    def sheet(self, name: str, n_rows: int | None = None, *, decimal: str = ".") -> RawSheet:
        """One sheet, or its first `n_rows` rows; numbers are written with the sender's decimal sign, as he saw them."""
        try:
            as_text = self._load(name, "string", n_rows)
            texts, errors = as_text.to_arrow_with_errors()
            text = pl.DataFrame(texts) if texts.num_columns else pl.DataFrame()
            number = self._load(name, "float", n_rows).to_polars()
            # A text that looks like a number, such as the site 001, has no truth value; a number has.
            truth = self._load(name, "boolean", n_rows).to_polars()
        except fastexcel.FastExcelError as error:
            raise self._broken(error) from error
        problems = [
            Cell(error.position[0] + 1, error.position[1] + 1, "cell_error", _error_name(error.detail))
            for error in (errors.errors if errors else [])
        ]
        exact = [_exact(pl.col(column), number[column], truth[column], decimal) for column in text.columns]
        return as_sheet(name, text.select(exact), problems=tuple(problems))

    def _load(self, name: str, kind: Literal["string", "float", "boolean"], n_rows: int | None) -> fastexcel.ExcelSheet:
        return self._reader.load_sheet(name, dtypes=kind, header_row=None, skip_rows=0, n_rows=n_rows)

    def _broken(self, error: Exception) -> DeliveryError:
        first_line = str(error).splitlines()[0].removeprefix("calamine error: ")
        return DeliveryError(
            Finding("unreadable_file", self._file_name, detail=f"the workbook is broken ({first_line})")
        )


def _exact(text: pl.Expr, number: pl.Series, truth: pl.Series, decimal: str) -> pl.Expr:
    """The text; of a cell that holds a number all of its digits, which the text reader would round to nine."""
    is_number = number.is_not_null() & truth.is_not_null() & ~text.is_in(["true", "false"])
    digits = (
        pl.when((number == number.round(0)) & (number.abs() < 1e15))
        .then(number.cast(pl.Int64, strict=False).cast(pl.String))
        .otherwise(number.cast(pl.String).str.replace(".", decimal, literal=True))
    )
    return pl.when(is_number).then(digits).otherwise(text)


def _error_name(detail: str) -> str:
    """`Error(Div0)` of the reader's sentence, as Excel shows it."""
    name = detail.rsplit("Error(", 1)[-1].rstrip(")'")
    return {"Div0": "#DIV/0!", "NA": "#N/A", "Name": "#NAME?", "Null": "#NULL!", "Num": "#NUM!", "Ref": "#REF!",
            "Value": "#VALUE!"}.get(name, name)  # fmt: skip
