"""What a delivery profile says: how one sender writes. Data, read from TOML; a file that says nonsense is refused.

No reading of deliveries here (`pipeline/reading`).
"""

import hashlib
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

SHIPPED = Path(__file__).parent / "profiles"

# What a profile may map for each table; * marks what a row cannot do without (from a column or a constant).
FIELDS: dict[str, tuple[str, ...]] = {
    "results": ("site_id*", "sampled_on", "composite_start_at", "composite_end_at", "residue*", "concentration*",
                "lod", "loq", "laboratory", "batch"),
    "reported_loads": ("site_id*", "sampled_on", "sampling_year", "weekday", "residue*", "reported_load*"),
    "flows": ("site_id*", "sampled_on*", "flow*"),
    "populations": ("site_id*", "population*", "population_method*", "population_rsd", "valid_from", "valid_to"),
    "sites": ("site_id*", "site_name", "area_id", "latitude", "longitude"),
    "areas": ("area_id*", "area_name", "parent_area_id"),
}  # fmt: skip
MEASURED = {
    "results": "concentration",
    "reported_loads": "reported_load",
    "flows": "flow",
    "populations": "population",
}
"""The field of each table that carries a number with a unit."""


class ProfileError(ValueError):
    """A profile file that cannot be used; the message names the file and what to mend."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Limit(_Strict):
    """Limits of detection and quantification of a residue, where the file itself does not carry them."""

    lod: float | None = Field(default=None, gt=0)
    loq: float | None = Field(default=None, gt=0)
    unit: str


class Wide(_Strict):
    """A table with a column for each residue or weekday: what the header stands for, and which columns there are."""

    into: Literal["residue", "weekday"]
    columns: dict[str, str | int] = Field(min_length=1)


class TableProfile(_Strict):
    """How one table is written in the file."""

    table: Literal["results", "reported_loads", "flows", "populations", "sites", "areas"]
    sheet: str | None = None
    """Name of the sheet, `*` and `?` allowed; the first sheet where it is left out."""
    header_row: int = Field(default=1, ge=1)
    unit_row: int | None = Field(default=None, ge=1)
    columns: dict[str, str | list[str]] = Field(default_factory=dict)
    """Our field = the sender's header, or a list of headers any of which may stand."""
    optional: list[str] = Field(default_factory=list)
    """Those of our fields whose column a file may lack."""
    constants: dict[str, str | int | float] = Field(default_factory=dict)
    wide: Wide | None = None
    unit: str | None = None
    """Unit of the measured number where neither a column nor a unit row states it."""
    unit_column: str | None = None
    limit_unit: str | None = None
    """Unit of LOD and LOQ columns; that of the value where it is left out."""
    qualifiers: dict[str, Literal["<LOD", "<LOQ", ">ULOQ", "not measured"]] = Field(default_factory=dict)
    """What words, `0` and the empty cell mean in place of a number. What is not listed is not guessed."""
    less_than: Literal["<LOD", "<LOQ"] | None = None
    """What `<0.5` means; the number is then that limit."""
    limits: dict[str, Limit] = Field(default_factory=dict)
    values: dict[str, dict[str, str]] = Field(default_factory=dict)
    """The sender's words for sites, residues, methods ... = ours."""
    composite_period_hours: float = Field(default=24, gt=0)
    """How long one composite may be; a longer one is quarantined."""
    is_distinct: bool = False
    """True where the same record stands on many rows (a country on each row of its sites) and counts once."""

    @property
    def first_data_row(self) -> int:
        """The row after the headers and the units, counted from 1."""
        return max(self.header_row, self.unit_row or 0) + 1

    @property
    def headers(self) -> dict[str, list[str]]:
        """Each mapped field with the headers it may have."""
        return {field: [names] if isinstance(names, str) else names for field, names in self.columns.items()}

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
        if measured and not (self.unit or self.unit_column or self.unit_row):
            raise ValueError(f"table {self.table!r} states no unit for {measured}: give unit, unit_column or unit_row")
        return self


class Profile(_Strict):
    """How one sender writes."""

    name: str = Field(pattern=r"^[a-z0-9-]+$")
    title: str
    sender: str
    source: str | None = None
    licence: str | None = None
    is_simulated: bool = False
    encoding: Literal["auto", "utf-8", "gb18030", "latin-1", "utf-16"] = "auto"
    separator: Literal["auto", ",", ";", "\t", "|"] = "auto"
    decimal: Literal[".", ","] = "."
    thousands: Literal["", ",", ".", " ", "'"] = ""
    date_formats: list[str] = Field(default_factory=lambda: ["%Y-%m-%d"], min_length=1)
    ignore: list[str] = Field(default_factory=list)
    """Headers that are known and left unread; any other unread column is reported."""
    ignore_sheets: list[str] = Field(default_factory=list)
    """Names of sheets that are known and left unread, `*` and `?` allowed; any other unread sheet is reported."""
    tables: list[TableProfile] = Field(min_length=1)
    digest: str = ""

    @model_validator(mode="after")
    def _has_each_table_once(self) -> "Profile":
        names = [table.table for table in self.tables]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"table {', '.join(twice)} stands twice: a file feeds each table from one sheet")
        return self


def load_profile(file: Path) -> Profile:
    """Read one profile.

    Raises `ProfileError` with the file, the place and what to mend.
    """
    content = file.read_bytes()
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
