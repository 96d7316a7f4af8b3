"""What a delivery profile says: how one sender writes. Data, read from TOML; a file that says nonsense is refused.

No reading of deliveries here (`pipeline/reading`).
"""

import codecs
import hashlib
import re
import tomllib
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from schemas.time_zones import time_zones

SHIPPED = Path(__file__).parent / "profiles"

# What a profile may map for each table; * marks what a row cannot do without (from a column or a constant).
FIELDS: dict[str, tuple[str, ...]] = {
    "results": ("site_id*", "site_label", "sampled_on", "composite_start_at", "composite_end_at", "sample_type",
                "residue*", "concentration*", "qualifier", "lod", "loq", "laboratory", "batch", "replicate"),
    "reported_loads": ("site_id*", "site_label", "sampled_on", "sampling_year", "weekday", "residue*",
                       "reported_load*", "qualifier"),
    "flows": ("site_id*", "site_label", "sampled_on*", "flow*"),
    "flow_readings": ("site_id*", "site_label", "read_at*", "flow*"),
    "populations": ("site_id*", "site_label", "population*", "population_method*", "population_rsd", "valid_from",
                    "valid_to"),
    "sites": ("site_id*", "site_label", "site_name", "area_id", "latitude", "longitude", "time_zone",
              "population_method", "cigarettes_per_person_per_day", "domestic_share", "sewer_residence_h",
              "sewage_temperature_celsius", "share_aged_15_to_64"),
    "areas": ("area_id*", "area_name", "parent_area_id"),
    "corrections": ("site_id*", "sampled_on*", "residue", "corrected*", "value_from", "value_to", "justification*",
                    "author*", "corrected_on*"),
    "events": ("event_id*", "event_name*", "event_kind*", "starts_on*", "ends_on", "area_id", "drug"),
    "site_decisions": ("numbering", "release", "site_code*", "site_label", "site_id*", "valid_from", "valid_to",
                       "justification*", "author*", "decided_on*"),
    "delivery_decisions": ("decision*", "decided_delivery*", "other_delivery", "justification*", "author*",
                           "decided_on*"),
    "quality_controls": ("laboratory*", "batch*", "residue", "control*", "control_value*", "control_limit"),
}  # fmt: skip
MEASURED = {
    "results": "concentration",
    "reported_loads": "reported_load",
    "flows": "flow",
    "flow_readings": "flow",
    "populations": "population",
}
"""The field of each table that carries a number with a unit."""
WITH_QUALIFIER = ("results", "reported_loads")
"""The tables in which a word may stand in place of the number."""

Qualifier = Literal["=", "<LOD", "<LOQ", ">ULOQ", "not measured"]
_NOT_OF_FILES = ("idna", "punycode", "raw-unicode-escape", "unicode-escape")
"""Encodings that Python has for other things than files."""
_RANGE = re.compile(r"([A-Z]{0,3})(\d*):([A-Z]{0,3})(\d*)")


class ProfileError(ValueError):
    """A profile file that cannot be used; the message names the file and what to mend."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Limit(_Strict):
    """Limits of detection and quantification of a residue, where the file itself does not carry them."""

    lod: float | None = Field(default=None, gt=0)
    loq: float | None = Field(default=None, gt=0)
    unit: str


class Meaning(_Strict):
    """What a word in place of a number, or beside it, means."""

    qualifier: Qualifier
    number: Literal["value", "limit", "unused"]
    """What the number beside the word is: the value, the limit the value lies below, or neither."""
    flag: Literal["identification_uncertain", "approximate"] | None = None
    """What travels with the result to the estimates."""


class Joined(_Strict):
    """A field that stands in several columns, such as a date and a time."""

    join: list[str] = Field(min_length=2)


class Numbering(_Strict):
    """Whose numbers stand for sites in a file, where they are not ours: which site one means is looked up."""

    name: str = Field(pattern=r"^[a-z0-9-]+$")
    """The same in all profiles of a sender whose numbers mean the same."""
    release: str | None = None
    """What tells the edition, searched in the file's name: a regular expression with one group."""

    @model_validator(mode="after")
    def _is_expression(self) -> "Numbering":
        if self.release is not None:
            try:
                has_group = re.compile(self.release).groups == 1
            except re.error as error:
                raise ValueError(f"release: {self.release!r} is no regular expression: {error}") from error
            if not has_group:
                raise ValueError(f"release: {self.release!r} needs exactly one group in brackets")
        return self

    def release_of(self, file_name: str) -> str | None:
        """The edition a file belongs to, by its name without folders; None where that does not tell."""
        found = re.search(self.release, PurePosixPath(file_name).name) if self.release else None
        return found.group(1) if found else None


class Wide(_Strict):
    """A table with a column for each residue or weekday: what the header stands for, and which columns there are."""

    into: Literal["residue", "weekday"]
    columns: dict[str, str | int] = Field(min_length=1)


class Derived(_Strict):
    """A column the sender computed from a measured one: held against it, never used."""

    residue: str
    divided_by: float = Field(gt=0)
    tolerance: float = Field(default=0.005, gt=0)
    """How far, as a share of it, the column may lie from the measured value divided by `divided_by`."""


class Range(NamedTuple):
    """The part of a sheet a table stands in, rows and columns counted from 1; None where it is open."""

    first_column: int | None
    first_row: int | None
    last_column: int | None
    last_row: int | None


class TableProfile(_Strict):
    """How one table is written in the file."""

    table: Literal[
        "results", "reported_loads", "flows", "populations", "sites", "areas", "corrections", "quality_controls",
        "site_decisions", "delivery_decisions", "flow_readings", "events",
    ]  # fmt: skip
    sheet: str | None = None
    """Name of the sheet, `*` and `?` allowed: all that match are read. The first sheet where it is left out."""
    cells: str | None = None
    """The part of the sheet the table stands in, as a spreadsheet names it: `A:C`, `E3:G75`, `1:40`."""
    header_row: int | None = Field(default=None, ge=1)
    """The row of the headers; found by them, within the first rows, where it is left out."""
    unit_row: int | None = Field(default=None, ge=1)
    """A row below the headers: units, or where these are stated elsewhere what tells columns of one header apart."""
    lod_row: int | None = Field(default=None, ge=1)
    loq_row: int | None = Field(default=None, ge=1)
    """Rows above the data that state the limits of each column of a wide table."""
    columns: dict[str, str | list[str] | Joined] = Field(default_factory=dict)
    """Our field = the sender's header, a list of headers any of which may stand, or several columns to be joined."""
    optional: list[str] = Field(default_factory=list)
    """Those of our fields whose column a file may lack."""
    constants: dict[str, str | int | float] = Field(default_factory=dict)
    wide: Wide | None = None
    unit: str | None = None
    """Unit of the measured number where neither a column, a row nor the header states it."""
    unit_column: str | None = None
    is_unit_in_header: bool = False
    """True where the unit stands in the last brackets of the measured column's header."""
    lod_unit: str | None = None
    loq_unit: str | None = None
    """Unit of each limit: a unit, or `value` where it is that of the value beside it."""
    lod_unit_column: str | None = None
    loq_unit_column: str | None = None
    qualifiers: dict[str, Qualifier | Literal["quarantine"] | Meaning] = Field(default_factory=dict)
    """What words, `0` and the empty cell mean in place of a number; `#` in a word stands for a number in it, and
    `quarantine` asks a person. What is not listed is not guessed."""
    marks: dict[str, Qualifier | Literal["quarantine"] | Meaning] = Field(default_factory=dict)
    """What words in a column of qualifiers mean for the number beside them."""
    derived: dict[str, Derived] = Field(default_factory=dict)
    """Columns the sender computed, each with what it must be: where it is not, that is told and flagged."""
    limits: dict[str, Limit] = Field(default_factory=dict)
    values: dict[str, dict[str, str]] = Field(default_factory=dict)
    """The sender's words for sites, residues, methods ... = ours."""
    composite_period_hours: float = Field(default=24, gt=0)
    """How long one composite may be; a longer one is quarantined."""
    is_distinct: bool = False
    """True where the same record stands on many rows (a country on each row of its sites) and counts once."""

    @property
    def rows_above(self) -> int:
        """The last of the rows of units and limits, 0 where there are none."""
        return max(self.unit_row or 0, self.lod_row or 0, self.loq_row or 0)

    @property
    def range(self) -> Range:
        """The part of the sheet the table stands in."""
        if self.cells is None:
            return Range(None, None, None, None)
        parts = _RANGE.fullmatch(self.cells.upper().replace("$", ""))
        assert parts is not None  # noqa: S101  the validator has seen it
        left, top, right, bottom = parts.groups()
        return Range(
            column_number(left) if left else None, int(top) if top else None,
            column_number(right) if right else None, int(bottom) if bottom else None,
        )  # fmt: skip

    @property
    def headers(self) -> dict[str, list[list[str]]]:
        """The columns of each mapped field (one, or those that are joined), each with the headers it may have."""
        return {field: _headers(names) for field, names in self.columns.items()}

    @model_validator(mode="after")
    def _is_complete(self) -> "TableProfile":
        known = {field.rstrip("*") for field in FIELDS[self.table]}
        required = {field.rstrip("*") for field in FIELDS[self.table] if field.endswith("*")}
        measured = MEASURED.get(self.table)
        given = set(self.columns) | set(self.constants)
        if self.wide is not None:
            given |= {self.wide.into, measured or ""}
        if unknown := sorted((set(self.columns) | set(self.constants)) - known):
            raise ValueError(
                f"table {self.table!r} has no field {', '.join(unknown)}; it has {', '.join(sorted(known))}"
            )
        if missing := sorted(required - given):
            raise ValueError(f"table {self.table!r} needs a column or constant for {', '.join(missing)}")
        if needed := sorted((set(self.optional) - set(self.columns)) | (set(self.optional) & required)):
            raise ValueError(
                f"optional: {', '.join(needed)} is not a column of this table, or one it cannot do without"
            )
        if self.table == "results" and not given & {"sampled_on", "composite_start_at"}:
            raise ValueError("table 'results' needs a column for sampled_on or composite_start_at")
        if self.table == "reported_loads" and not ("sampled_on" in given or {"sampling_year", "weekday"} <= given):
            raise ValueError("table 'reported_loads' needs sampled_on, or sampling_year and weekday")
        if measured and not (self.unit or self.unit_column or self.unit_row or self.is_unit_in_header):
            raise ValueError(
                f"table {self.table!r} states no unit for {measured}: give unit, unit_column, unit_row or"
                " is_unit_in_header"
            )
        if self.cells is not None and not _RANGE.fullmatch(self.cells.upper().replace("$", "")):
            raise ValueError(f"cells: {self.cells!r} is no part of a sheet: write A:C, E3:G75 or 1:40")
        if self.rows_above and self.header_row is None:
            raise ValueError("header_row is needed beside unit_row, lod_row or loq_row")
        self._states_limit_units()
        self._states_meanings()
        return self

    def _states_limit_units(self) -> None:
        for limit in ("lod", "loq"):
            row, unit, column = (getattr(self, f"{limit}_{what}") for what in ("row", "unit", "unit_column"))
            if (limit in self.columns or row) and not (unit or column):
                raise ValueError(
                    f"the unit of {limit} is not stated: give {limit}_unit, '{_OF_VALUE}' where it is that of the"
                    f" value, or {limit}_unit_column"
                )
            if row and not self.wide:
                raise ValueError(f"{limit}_row is for wide tables: in a long one map a column")

    def _states_meanings(self) -> None:
        if self.table not in WITH_QUALIFIER:
            if self.qualifiers or self.marks or self.derived:
                raise ValueError(f"table {self.table!r} has no qualifiers: a number stands in it or the row is held")
            return
        for word, name in (("0", "0"), ("", "the empty cell")):
            if word not in self.qualifiers:
                raise ValueError(
                    f"table {self.table!r} does not say what {name} means: list {word!r} under qualifiers as <LOD,"
                    " <LOQ or not measured, or as quarantine where nobody knows yet"
                )
        if self.marks and "qualifier" not in self.columns:
            raise ValueError("marks are for a column of qualifiers: map it as qualifier under columns")
        for word, meaning in self.qualifiers.items():
            has_number = isinstance(meaning, Meaning) and meaning.number != "unused"
            if has_number and "#" not in word:
                raise ValueError(f"qualifiers: {word!r} holds no number: write # where it stands")
            if "#" in word and meaning == "not measured":
                raise ValueError(f"qualifiers: {word!r} holds a number and cannot mean 'not measured'")


_OF_VALUE = "value"


def column_number(letters: str) -> int:
    """The number of a column as a spreadsheet names it.

    >>> column_number("A"), column_number("Z"), column_number("AA")
    (1, 26, 27)
    """
    number = 0
    for letter in letters.upper():
        number = number * 26 + ord(letter) - ord("A") + 1
    return number


def column_letters(number: int) -> str:
    """The name of a column in a spreadsheet, from its number.

    >>> column_letters(1), column_letters(26), column_letters(27)
    ('A', 'Z', 'AA')
    """
    letters = ""
    while number > 0:
        number, rest = divmod(number - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters


def _headers(names: str | list[str] | Joined) -> list[list[str]]:
    if isinstance(names, Joined):
        return [[name] for name in names.join]
    return [[names] if isinstance(names, str) else names]


class Profile(_Strict):
    """How one sender writes."""

    name: str = Field(pattern=r"^[a-z0-9-]+$")
    title: str
    sender: str
    source: str | None = None
    licence: str | None = None
    is_simulated: bool = False
    encoding: str = "auto"
    """`auto` or the name of an encoding of files as Python knows it: `utf-8`, `gb18030`, `latin-1`, `utf-16-le` ..."""
    separator: Literal["auto", ",", ";", "\t", "|"] = "auto"
    decimal: Literal[".", ","] = "."
    thousands: Literal["", ",", ".", " ", "'"] = ""
    date_formats: list[str] = Field(default_factory=lambda: ["%Y-%m-%d"], min_length=1)
    time_zone: str | None = None
    """The zone of the file's clock, as `UTC`; left out, moments go by the clock of their site. A moment that says how
    far its clock is ahead of UTC is taken at its word."""
    ignore: list[str] = Field(default_factory=list)
    """Headers that are known and left unread; any other unread column is reported."""
    ignore_sheets: list[str] = Field(default_factory=list)
    """Names of sheets that are known and left unread, `*` and `?` allowed; any other unread sheet is reported."""
    numbering: Numbering | None = None
    """Left out: the numbers of sites are ours."""
    tables: list[TableProfile] = Field(min_length=1)
    digest: str = ""

    @field_validator("date_formats")
    @classmethod
    def _has_no_offset(cls, formats: list[str]) -> list[str]:
        if odd := [form for form in formats if re.search(r"%[:#]*z|%Z|%\+", form)]:
            raise ValueError(f"{odd[0]!r}: leave the offset from UTC away: behind a moment it is read by itself")
        return formats

    @field_validator("encoding")
    @classmethod
    def _is_encoding(cls, name: str) -> str:
        advice = "write auto, utf-8, gb18030, latin-1, cp1252, utf-16 or another that Python knows"
        try:
            "".encode("utf-8" if name == "auto" else name)  # also says whether it is one of texts
        except (LookupError, UnicodeError, ValueError) as error:
            raise ValueError(f"{name!r} is no encoding of text: {advice}") from error
        if name != "auto" and codecs.lookup(name).name in _NOT_OF_FILES:
            raise ValueError(f"{name!r} is no encoding of files: {advice}")
        return name

    @field_validator("time_zone")
    @classmethod
    def _is_time_zone(cls, name: str | None) -> str | None:
        if name is not None and name not in time_zones():
            raise ValueError(f"{name!r} is no time zone: write its name in the IANA database, as Asia/Shanghai or UTC")
        return name


def load_profile(file: Path) -> Profile:
    """Read one profile.

    Raises `ProfileError` with the file, the place and what to mend.
    """
    return _profile_of(file, file.read_bytes())


@lru_cache(maxsize=256)
def _profile_of(file: Path, content: bytes) -> Profile:
    try:
        return Profile.model_validate(
            tomllib.loads(content.decode("utf-8")) | {"digest": hashlib.sha256(content).hexdigest()}
        )
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ProfileError(f"profile {file}: not a TOML file in UTF-8: {error}. Mend it there.") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "file"
        raise ProfileError(f"profile {file}: {place}: {first['msg']}. Mend it there.") from error


def load_profiles(folders: Iterable[Path] = (SHIPPED,)) -> dict[str, Profile]:
    """All profiles of the folders by name; a later folder's profile replaces an earlier one of the same name."""
    files = [file for folder in folders for file in sorted(folder.glob("*.toml"))]
    return {profile.name: profile for profile in map(load_profile, files)}
