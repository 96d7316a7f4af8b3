"""Reading Excel workbooks: every sheet as text cells, numbers with all their digits, dates in ISO form."""

import fastexcel
import polars as pl

from pipeline.findings import DeliveryError, Finding
from pipeline.reading.sheets import Cell, RawSheet, as_sheet

ZIP = b"PK\x03\x04"
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


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
        try:
            self._reader = fastexcel.read_excel(content)
        except fastexcel.FastExcelError as error:
            if "password" in str(error).lower():
                raise DeliveryError(Finding("password_protected", file_name)) from error
            raise self._broken(error) from error

    @property
    def sheet_names(self) -> list[str]:
        """The names of the sheets, in their order."""
        return list(self._reader.sheet_names)

    def sheet(self, name: str, n_rows: int | None = None) -> RawSheet:
        """One sheet, or its first `n_rows` rows."""
        try:
            as_text = self._reader.load_sheet(name, dtypes="string", header_row=None, skip_rows=0, n_rows=n_rows)
            texts, errors = as_text.to_arrow_with_errors()
            text = pl.DataFrame(texts) if texts.num_columns else pl.DataFrame()
            numbers = self._reader.load_sheet(name, dtypes="float", header_row=None, skip_rows=0, n_rows=n_rows)
            number = numbers.to_polars()
        except fastexcel.FastExcelError as error:
            raise self._broken(error) from error
        problems = [
            Cell(error.position[0] + 1, error.position[1] + 1, "cell_error", _error_name(error.detail))
            for error in (errors.errors if errors else [])
        ]
        exact = [_exact(pl.col(column), number[column]) for column in text.columns]
        return as_sheet(name, text.select(exact), is_workbook=True, problems=tuple(problems))

    def _broken(self, error: Exception) -> DeliveryError:
        first_line = str(error).splitlines()[0].removeprefix("calamine error: ")
        return DeliveryError(
            Finding("unreadable_file", self._file_name, detail=f"the workbook is broken ({first_line})")
        )


def _exact(text: pl.Expr, number: pl.Series) -> pl.Expr:
    """The text, with all the digits of the number where the cell holds one (the text reader rounds to nine)."""
    digits = (
        pl.when((number == number.round(0)) & (number.abs() < 1e15))
        .then(number.cast(pl.Int64, strict=False).cast(pl.String))
        .otherwise(number.cast(pl.String))
    )
    return pl.when(text.str.contains(r"^-?\d+(\.\d+)?$") & number.is_not_null()).then(digits).otherwise(text)


def _error_name(detail: str) -> str:
    """`Error(Div0)` of the reader's sentence, as Excel shows it."""
    name = detail.rsplit("Error(", 1)[-1].rstrip(")'")
    return {"Div0": "#DIV/0!", "NA": "#N/A", "Name": "#NAME?", "Null": "#NULL!", "Num": "#NUM!", "Ref": "#REF!",
            "Value": "#VALUE!"}.get(name, name)  # fmt: skip
