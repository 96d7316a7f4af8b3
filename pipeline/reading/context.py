"""The records of one table on their way from texts to values, and what was found about them."""

import polars as pl

from pipeline.findings import Finding
from pipeline.reading.headers import Headers
from schemas.profile import MEASURED, Profile, TableProfile


class Context:
    """The records of one table of a delivery.

    Attributes:
        records: one row a record; texts as `_<field>`, `_value`, `_unit`, what was read under its own name.
        findings: frames with the columns of `FINDING` and `record`.
        notes: what is worth knowing and holds no row back.
    """

    def __init__(
        self, records: pl.DataFrame, file_name: str, sheet: str, headers: Headers, table: TableProfile, profile: Profile
    ) -> None:
        self.records = records
        self.file_name = file_name
        self.sheet = sheet
        self.headers = headers
        self.table = table
        self.profile = profile
        self.findings: list[pl.DataFrame] = []
        self.notes: list[Finding] = []

    def apply(self, typed: dict[str, pl.Expr]) -> None:
        """Adds columns to the records."""
        self.records = self.records.with_columns(**typed)

    def header_of(self, field: str) -> pl.Expr:
        """The header a field was read from; the measured field of a wide table has one for each record."""
        if field == MEASURED.get(self.table.table) or (self.table.wide and field == self.table.wide.into):
            return pl.col("source_column")
        parts = self.table.headers.get(field, [])
        numbers = [number for names in parts for number in self.headers.find(names)[:1]]
        return pl.lit(self.headers.text(numbers[0]) if numbers else "")

    def flag(self, bad: pl.Expr, rule: str, column: pl.Expr, value: pl.Expr, detail: pl.Expr | str = "") -> None:
        """Notes a finding for each record for which `bad` is true."""
        detail = pl.lit(detail) if isinstance(detail, str) else detail
        found = self.records.filter(bad.fill_null(value=False)).select(
            pl.col("record"),
            pl.lit(self.file_name).alias("file_name"),
            pl.lit(self.sheet).alias("sheet"),
            pl.col("row_number"),
            column.cast(pl.String).alias("source_column"),
            pl.lit(rule).alias("rule"),
            value.cast(pl.String).alias("value"),
            detail.alias("detail"),
        )
        if found.height:
            self.findings.append(found)
