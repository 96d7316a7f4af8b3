"""The records of one table on their way from texts to values, and what was found about them."""

from collections.abc import Callable

import polars as pl

from pipeline.findings import Finding
from pipeline.reading.headers import Headers
from schemas.profile import MEASURED, Profile, TableProfile

_SAMPLE = 500


def is_constant(texts: pl.Series) -> bool:
    """True where all texts are one and the same, and none is null."""
    return texts.len() > 0 and texts[0] is not None and bool((texts == texts[0]).all(ignore_nulls=False))


def once_each(texts: pl.Series, read: Callable[[pl.Series], pl.Series]) -> pl.Series:
    """What `read` makes of each of some texts, null of null; where few are distinct each is read but once."""
    if texts.len() > _SAMPLE:
        if is_constant(texts):
            return read(texts.head(1)).new_from_index(0, texts.len())
        if texts.head(_SAMPLE).n_unique() < _SAMPLE / 4:
            distinct = texts.unique().drop_nulls()
            if distinct.len() < texts.len() / 10:
                return texts.replace_strict(distinct, read(distinct))
    return read(texts)


class Context:
    """The records of one table of a delivery.

    Attributes:
        records: one row a record, the record's number its place; texts as `_<field>`, `_value`, `_unit`, what was
            read under its own name.
        findings: frames with the columns of `FINDING` and `record`.
        notes: what is worth knowing and holds no row back.
    """

    def __init__(
        self, records: pl.DataFrame, file_name: str, sheet: str, headers: Headers, table: TableProfile, profile: Profile
    ) -> None:
        self._records = records
        self._flags: list[tuple[pl.Expr, list[pl.Expr]]] = []
        self._findings: list[pl.DataFrame] = []
        self.file_name = file_name
        self.sheet = sheet
        self.headers = headers
        self.table = table
        self.profile = profile
        self.notes: list[Finding] = []

    @property
    def records(self) -> pl.DataFrame:
        """One row a record."""
        return self._records

    @records.setter
    def records(self, records: pl.DataFrame) -> None:
        self._find()  # what was flagged was flagged of the records as they were
        self._records = records

    @property
    def findings(self) -> list[pl.DataFrame]:
        """What was found so far."""
        self._find()
        return self._findings

    def is_given(self, column: str) -> bool:
        """True where a column holds anything."""
        return self._records[column].null_count() < self._records.height

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
        what = [
            pl.col("record"),
            pl.lit(self.file_name).alias("file_name"),
            pl.lit(self.sheet).alias("sheet"),
            pl.col("row_number"),
            column.cast(pl.String).alias("source_column"),
            pl.lit(rule).alias("rule"),
            value.cast(pl.String).alias("value"),
            detail.alias("detail"),
        ]
        self._flags.append((bad.fill_null(value=False), what))

    def _find(self) -> None:
        """Makes findings of what was flagged: all conditions in one pass, then rows of those that hold anywhere."""
        if not self._flags:
            return
        flags, self._flags = self._flags, []
        is_bad = self._records.select("record", *(bad.alias(f"{i}") for i, (bad, _) in enumerate(flags)))
        is_bad = is_bad.drop("record")
        any_bad = is_bad.select(pl.all().any()).row(0)
        self._findings += [
            self._records.filter(is_bad[f"{i}"]).select(what) for i, (_, what) in enumerate(flags) if any_bad[i]
        ]
