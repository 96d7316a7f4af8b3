"""Opening a delivered file: which profile fits, and its tables as canonical records.

No validation here (`pipeline/judge.py`) and nothing is stored (`pipeline/intake.py`).
"""

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import NamedTuple

import polars as pl

from pipeline.findings import DeliveryError, Finding
from pipeline.reading.canonical import Canonical, read_table
from pipeline.reading.headers import Headers, data_rows, required_headers, wanted_headers
from pipeline.reading.parquet import is_parquet, read_parquet
from pipeline.reading.sheets import HEAD_ROWS, RawSheet
from pipeline.reading.text import read_text
from pipeline.reading.workbook import Workbook, is_workbook
from schemas.profile import Profile, TableProfile

_NEAR = 0.6
"""From this share of its headers on a profile is meant, and what lacks is a missing column."""
_SIGN = re.compile(rb"[^\x00\t\r\n \xef\xbb\xbf\xff\xfe]")
"""A byte that is neither a blank nor part of a byte order mark."""


class ReadTable(NamedTuple):
    """One table of a delivery, read from one sheet: its records, or its rows as they are and why they were refused.

    Attributes:
        table: how the profile says it is written.
        data: the rows below the headers, as texts; None where there is no such sheet.
        headers: the headers over the columns of `data`.
    """

    table: TableProfile
    sheet: str
    data: pl.DataFrame | None
    headers: list[str]
    records: Canonical | None
    refused: Finding | None


class DeliveredFile:
    """A file's content, opened once, whatever it is called.

    Attributes:
        unreadable: why a file is no text in any of the usual encodings; a profile may still state another.
    """

    def __init__(self, content: bytes, file_name: str) -> None:
        """Raises `DeliveryError` where the file is empty, protected or broken."""
        if not _SIGN.search(content):
            raise DeliveryError(Finding("empty_file", file_name))
        self.file_name = file_name
        self._content = content
        self._workbook = Workbook(content, file_name) if is_workbook(content) else None
        self._sheet_names = self._workbook.sheet_names if self._workbook else [""]
        self._heads: dict[tuple[str, str], RawSheet | None] = {}
        self._text_heads: dict[tuple[str, str], RawSheet] = {}
        self._sheet_heads: dict[str, RawSheet] = {}
        if self._workbook and not any(map(self._workbook.has_cells, self._sheet_names)):
            raise DeliveryError(Finding("empty_file", file_name))
        self._parquet = read_parquet(content, file_name) if is_parquet(content) else None
        self.unreadable: DeliveryError | None = None
        if self._workbook is None and self._parquet is None:
            self._heads["auto", "auto"] = self._text_head("auto", "auto")

    @property
    def is_workbook(self) -> bool:
        """True where the file has sheets, and its cells types."""
        return self._workbook is not None or self._parquet is not None

    @property
    def sheet_names(self) -> list[str]:
        """The sheets of a workbook; one without a name for a text file."""
        return self._sheet_names

    def sheets_of(self, table: TableProfile) -> list[str]:
        """The sheets a table of a profile is read from: all that match its name, else the first one."""
        if self._workbook is None:
            return self.sheet_names[:1]
        if table.sheet is None:
            return self._first_that_fits(table)
        pattern = table.sheet.casefold()
        return [name for name in self.sheet_names if fnmatchcase(name.strip().casefold(), pattern)]

    def _first_that_fits(self, table: TableProfile) -> list[str]:
        """The first of the sheets that hold most of the headers a table needs."""
        assert self._workbook is not None  # noqa: S101
        wanted = required_headers(table)

        def n_found(name: str) -> int:
            headers = Headers(self._head(name), table)
            return sum(bool(headers.find(names)) for names in wanted)

        return [max(self.sheet_names, key=n_found)] if self.sheet_names else []

    def _head(self, name: str) -> RawSheet:
        assert self._workbook is not None  # noqa: S101
        if name not in self._sheet_heads:
            self._sheet_heads[name] = self._workbook.sheet(name, n_rows=HEAD_ROWS)
        return self._sheet_heads[name]

    def sheet(self, name: str, profile: Profile) -> RawSheet:
        """A whole sheet."""
        if self._workbook:
            return self._workbook.sheet(name, decimal=profile.decimal)
        if self._parquet:
            return self._parquet
        return read_text(
            self._content, self.file_name, encoding=profile.encoding, separator=profile.separator,
            header_row=profile.tables[0].header_row,
        )  # fmt: skip

    def has_cells(self, name: str) -> bool:
        """True where anything stands in a sheet."""
        return self._workbook is None or self._workbook.has_cells(name)

    def head(self, table: TableProfile, profile: Profile) -> RawSheet | None:
        """The first rows of the sheet a table is read from, enough for its headers; None where it cannot be read so."""
        name = next(iter(self.sheets_of(table)), None)
        if name is None or self._parquet:
            return self._parquet
        if self._workbook:
            return self._head(name)
        key = (profile.encoding, profile.separator)
        if key not in self._heads:
            self._heads[key] = self._text_head(*key)
        return self._heads[key]

    def _text_head(self, encoding: str, separator: str) -> RawSheet | None:
        """The first rows of a text file; None where it is not in this encoding."""
        try:
            return read_text(
                self._content, self.file_name, encoding=encoding, separator=separator, is_head=True,
                heads=self._text_heads,
            )  # fmt: skip
        except DeliveryError as error:
            if encoding == "auto":
                self.unreadable = error
            return None


def choose_profile(file: DeliveredFile, profiles: Mapping[str, Profile], named: str | None = None) -> Profile:
    """The profile a file is written by: the named one, else the one that reads the most of the file's columns.

    A file that has most headers of that profile, not all, is taken to be meant for it, so that the message can say
    which column is missing.
    Raises `DeliveryError` where no profile fits, or two fit alike.
    """
    if named is not None:
        if named not in profiles:
            raise DeliveryError(
                Finding("no_such_profile", file.file_name, value=named, detail=", ".join(sorted(profiles)))
            )
        return profiles[named]
    fits = {name: _fit(file, profile) for name, profile in profiles.items()}
    meant = {name: fit for name, fit in fits.items() if fit.n_found >= _NEAR * fit.n_wanted}
    if meant:
        # Of those that read equally much the one that lacks nothing.
        best = max((fit.n_columns, fit.is_complete) for fit in meant.values())
        names = sorted(name for name, fit in meant.items() if (fit.n_columns, fit.is_complete) == best)
        if len(names) > 1 and best[1]:
            raise DeliveryError(Finding("ambiguous_profile", file.file_name, detail=", ".join(names)))
        return profiles[names[0]]
    if file.unreadable is not None:
        raise file.unreadable
    detail = "there are no profiles"
    if fits:
        nearest = max(sorted(fits), key=lambda name: fits[name].n_found / fits[name].n_wanted)
        detail = f"its headers are those of none of {len(profiles)} profiles"
        if fits[nearest].n_found:
            detail += f"; nearest is {nearest} with {fits[nearest].n_found} of {fits[nearest].n_wanted}"
    raise DeliveryError(Finding("unknown_profile", file.file_name, detail=detail))


class _Fit(NamedTuple):
    """How well a profile fits: the columns of the file it reads; of the headers it needs, those that are there."""

    n_columns: int
    n_found: int
    n_wanted: int

    @property
    def is_complete(self) -> bool:
        return self.n_found == self.n_wanted


def _fit(file: DeliveredFile, profile: Profile) -> _Fit:
    columns: set[tuple[str, int]] = set()
    needed: dict[tuple[str, ...], bool] = {}
    for table in profile.tables:
        head = file.head(table, profile)
        headers = Headers(head, table) if head is not None else None
        for names in required_headers(table):
            needed[table.sheet or "", *names] = bool(headers and headers.find(names))
        if head is not None and headers is not None:
            columns |= {(head.name, number) for names in wanted_headers(table) for number in headers.find(names)[:1]}
    return _Fit(len(columns), sum(needed.values()), len(needed))


def read_delivery(
    file: DeliveredFile, profile: Profile, *, delivery_id: str, residues: Mapping[str, str]
) -> list[ReadTable]:
    """All tables of a delivery, each with its records or with the reason why it could not be read."""
    sheets: dict[str, RawSheet] = {}
    return [
        _read(file, profile, table, name, sheets, delivery_id, residues)
        for table in profile.tables
        for name in file.sheets_of(table) or (None,)
    ]


def unread_sheets(file: DeliveredFile, profile: Profile) -> list[Finding]:
    """The sheets a person sees in the workbook, that hold something, and that no table of the profile is read from."""
    read = {name for table in profile.tables for name in file.sheets_of(table)}
    return [
        Finding("unread_sheet", file.file_name, value=name, detail=profile.name)
        for name in file.sheet_names
        if name not in read
        and not any(fnmatchcase(name.strip().casefold(), known.casefold()) for known in profile.ignore_sheets)
        and file.has_cells(name)
    ]


def _read(
    file: DeliveredFile, profile: Profile, table: TableProfile, name: str | None, sheets: dict[str, RawSheet],
    delivery_id: str, residues: Mapping[str, str],
) -> ReadTable:  # fmt: skip
    if name is None:
        names = ", ".join(file.sheet_names)
        finding = Finding("missing_sheet", file.file_name, value=table.sheet or "", detail=names)
        return ReadTable(table, "", None, [], None, finding)
    if name not in sheets:
        sheets[name] = file.sheet(name, profile)
    sheet = sheets[name]
    headers = Headers(sheet, table)
    data = data_rows(sheet, table, headers.row_number)
    as_read = ReadTable(table, name, data, headers.texts, None, None)
    if data.is_empty():
        return as_read._replace(refused=Finding("empty_table", file.file_name, name))
    try:
        records = read_table(
            sheet, table, profile, file_name=file.file_name, delivery_id=delivery_id, residues=residues
        )
    except DeliveryError as error:
        return as_read._replace(refused=error.finding)
    return as_read._replace(records=records)
