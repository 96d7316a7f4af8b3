"""The workspace and its one settings file, `permille.toml`. Every setting can be overridden by `PERMILLE_<NAME>`.

Nothing is read at import: `open_workspace(folder)` reads when it is called.
"""

import difflib
import json
import os
import tomllib
from collections.abc import Collection, Mapping
from datetime import date
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict
from pydantic_settings import SettingsError as SourceError

from pipeline import spans
from schemas.protocol import SHIPPED, Protocol, ProtocolError, load_protocols, protocol_files
from schemas.time_zones import time_zones

SETTINGS_FILE = "permille.toml"
_PLACES = ("inbox", "warehouse", "published", "site", "profiles", "protocols", "factors", "archive", "receipts")
_PREFIX = "PERMILLE_"
_OTHER = ("PERMILLE_WORKSPACE", "PERMILLE_SHARED_DATA", "PERMILLE_WRITE_GOLDEN", "PERMILLE_SEED")
"""Variables that are no settings: the folder of the workspace, and three that only the tests use."""
_TARGETS = "PERMILLE_TARGETS"
BASELINES = ("first", "previous", "year-before")
"""Words for a baseline: the first year with data, the period before the current one, the same one a year before."""
CURRENTS = ("last",)
"""The word for the last year with data."""


def wrong_period(period: str, words: Collection[str]) -> str | None:
    """What to write in place of a text that is no period that may be compared; None where it is one."""
    if period in words or spans.is_period(period) or spans.event_of(period) is not None:
        return None
    return f"{period!r} is no period: write {spans.EXAMPLES}, {spans.AROUND}, or {' or '.join(words)}"


def further_baselines(text: str) -> list[str]:
    """The baselines that the setting `also_against` names, each once.

    >>> further_baselines("previous, 2019,previous"), further_baselines("")
    (['previous', '2019'], [])
    """
    return list(dict.fromkeys(name for part in text.split(",") if (name := part.strip())))


class SettingsError(ValueError):
    """Settings that cannot be used; the message names the file, the setting and what to mend."""


class Target(BaseModel):
    """What somebody has promised: how far a drug shall have fallen, against which period, by when."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)

    name: str = ""
    """What it is called; empty: `target` and its number."""
    drug: str = Field(min_length=1)
    place: str = Field("network", min_length=1)
    """The number of a site or an area, or `network` for all sites."""
    baseline: str
    fall_percent: float = Field(gt=0, lt=100, allow_inf_nan=False)
    """How far below the baseline: 30 is to 70 % of it."""
    deadline: date
    protocol: str = ""
    """Empty: that of the settings."""
    current: str = ""
    """The period held against the aim, or one of `CURRENTS`; empty: that of the settings."""

    @field_validator("drug")
    @classmethod
    def _in_small_letters(cls, drug: str) -> str:
        return drug.casefold()

    @field_validator("baseline", "current")
    @classmethod
    def _is_period(cls, period: str, info: ValidationInfo) -> str:
        is_word = info.field_name == "current" and period in ("", *CURRENTS)
        if not is_word and not spans.is_period(period):
            raise ValueError(f"{period!r} is no period")
        return period

    @field_validator("deadline")
    @classmethod
    def _is_after_the_baseline(cls, deadline: date, info: ValidationInfo) -> date:
        baseline = info.data.get("baseline")
        if baseline and deadline < spans.span(baseline)[1]:
            raise ValueError(f"{deadline} does not lie after the baseline {baseline}")
        return deadline


_OF_TARGET = {
    "name": 'a name in quotes, as name = "Plan 2027"',
    "drug": 'the drug in quotes, as drug = "cocaine"',
    "place": 'the number of a site or an area in quotes, or "network"',
    "baseline": f"a period in quotes: {spans.EXAMPLES}",
    "fall_percent": "how far below the baseline, more than 0 and less than 100, as fall_percent = 30",
    "deadline": "a day after the baseline, as deadline = 2027-12-31",
    "protocol": "a protocol in quotes, or leave it out",
    "current": f"a period in quotes: {spans.EXAMPLES}, or last, or leave it out",
}
"""What to write for each field of a target."""


class Settings(BaseSettings):
    """What an office decides about its workspace. Folders and files are relative to the workspace."""

    model_config = SettingsConfigDict(env_prefix=_PREFIX, extra="forbid", frozen=True)

    title: str = "Drug use by wastewater monitoring"
    """Title of the published pages."""
    protocol: str = "permille"
    """The protocol of the headline: a shipped one, or one of the folder `protocols`."""
    flow_fill: Literal["none", "weekday-median"] = "none"
    """What stands in for a missing flow: nothing, or the median of the same weekday in the month, flagged."""
    time_zone: str = ""
    """Time zone of the sites whose list states none, as Asia/Shanghai; empty: unknown."""
    baseline: str = "first"
    """Period compared against, or one of `BASELINES`."""
    current: str = "last"
    """Period compared, or `last` for the last year with data."""
    also_against: str = "previous"
    """Further baselines, separated by commas."""
    outlines: str = ""
    """A GeoJSON of what is drawn behind the sites on maps, relative to the workspace; empty: nothing."""
    plotly_js: str = ""
    """The drawing library of the pages, a file; empty: the one that is installed."""
    inbox: Path = Path("inbox")
    warehouse: Path = Path("warehouse.duckdb")
    published: Path = Path("published.duckdb")
    site: Path = Path("site")
    profiles: Path = Path("profiles")
    protocols: Path = Path("protocols")
    factors: Path = Path("factors")
    archive: Path = Path("archive")
    receipts: Path = Path("receipts.jsonl")
    euda_data_url: str = ""
    """Address of the agency's data file, for `permille fetch euda`. No default: it changes with each yearly release."""
    euda_sites_url: str = ""
    """Address of the agency's site table, likewise."""
    targets: tuple[Target, ...] = ()
    """What shall be reached, each a table `[[targets]]`; in the variable a list in JSON."""

    @field_validator("time_zone")
    @classmethod
    def _is_time_zone(cls, name: str) -> str:
        if name and name not in time_zones():
            raise ValueError(f"{name!r} is no time zone: write its name in the IANA database, as Asia/Shanghai")
        return name

    @field_validator("baseline", "current")
    @classmethod
    def _is_period(cls, period: str, info: ValidationInfo) -> str:
        words = BASELINES if info.field_name == "baseline" else CURRENTS
        if said := wrong_period(period, words):
            raise ValueError(said)
        return period

    @field_validator("also_against")
    @classmethod
    def _are_periods(cls, periods: str) -> str:
        for period in further_baselines(periods):
            if said := wrong_period(period, BASELINES):
                raise ValueError(said)
        return periods

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment wins over the file, whose content comes in as arguments."""
        return env_settings, init_settings


class Workspace(NamedTuple):
    """A folder of one office: settings, inbox, warehouse, published copy and site."""

    folder: Path
    settings: Settings

    def _of(self, path: Path) -> Path:
        return self.folder / path

    def _if_named(self, path: str) -> Path | None:
        return self._of(Path(path)) if path else None

    @property
    def inbox(self) -> Path:
        """Where deliveries are laid. Nothing in it is moved or changed."""
        return self._of(self.settings.inbox)

    @property
    def warehouse(self) -> Path:
        """The DuckDB file one process at a time writes."""
        return self._of(self.settings.warehouse)

    @property
    def published(self) -> Path:
        """The copy of the warehouse that people read."""
        return self._of(self.settings.published)

    @property
    def site(self) -> Path:
        """The folder of static pages."""
        return self._of(self.settings.site)

    @property
    def plotly_js(self) -> Path | None:
        """The drawing library of the pages; None: the one that is installed."""
        return self._if_named(self.settings.plotly_js)

    @property
    def profiles(self) -> Path:
        """The office's own profiles."""
        return self._of(self.settings.profiles)

    @property
    def protocols(self) -> Path:
        """The office's own protocols."""
        return self._of(self.settings.protocols)

    @property
    def factors(self) -> Path:
        """The office's own factor sets."""
        return self._of(self.settings.factors)

    @property
    def outlines(self) -> Path | None:
        """What is drawn behind the sites on maps."""
        return self._if_named(self.settings.outlines)

    @property
    def archive(self) -> Path:
        """A copy of each delivered file, in a folder named by its content."""
        return self._of(self.settings.archive)

    @property
    def receipts(self) -> Path:
        """The ledger: in which order contents came in. Kept beside the archive, it is all a rebuild needs."""
        return self._of(self.settings.receipts)


def workspace_folder(given: str | Path | None = None) -> Path:
    """The workspace's folder: the given one, else PERMILLE_WORKSPACE, else ./workspace."""
    return Path(given or os.environ.get("PERMILLE_WORKSPACE") or "workspace").resolve()


def open_workspace(folder: Path) -> Workspace:
    """The workspace in a folder, with its settings overridden by the environment.

    Raises `SettingsError` where the folder is no workspace or its settings cannot be used.
    """
    file = folder / SETTINGS_FILE
    if not file.is_file():
        raise SettingsError(
            f"{folder} is no workspace: it has no {SETTINGS_FILE}. Make one with 'permille init --workspace {folder}'."
        )
    try:
        given = tomllib.loads(file.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{file}: not a TOML file in UTF-8: {error}. Mend it there.") from error
    unknown = sorted(
        name
        for name in os.environ
        if name.startswith(_PREFIX)
        and name not in _OTHER
        and name.removeprefix(_PREFIX).lower() not in Settings.model_fields
    )
    if unknown:
        names = ", ".join(f"{_PREFIX}{name.upper()}" for name in sorted(Settings.model_fields))
        near = _perhaps(unknown[0].removeprefix(_PREFIX).lower(), as_variable=True)
        raise SettingsError(f"the variable {unknown[0]} is no setting{near}; there are {names}.")
    try:
        settings = Settings(**given)
    except SourceError as error:
        raise SettingsError(
            f"the variable {_TARGETS} is no list in JSON: write"
            ' [{"drug": "cocaine", "baseline": "2023", "fall_percent": 30, "deadline": "2027-12-31"}], or unset it.'
        ) from error
    except ValidationError as error:
        first = error.errors()[0]
        if first["loc"][0] == "targets":
            raise SettingsError(_wrong_target(file, first, given)) from error
        name = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            raise SettingsError(
                f"{file}: there is no setting {name!r}{_perhaps(name)}; there are"
                f" {', '.join(sorted(Settings.model_fields))}."
            ) from error
        if first["type"] == "string_type":
            raise SettingsError(
                f'{file}: setting {name!r}: write it in quotes: {name} = "{first["input"]}".'
            ) from error
        raise SettingsError(
            f"{file}: setting {name!r}: {first['msg'].removeprefix('Value error, ')}."
            f" Mend it there, or in the variable PERMILLE_{name.upper()}."
        ) from error
    _require_apart(file, settings)
    here = Workspace(folder, settings)
    _require_protocol(file, here)
    return here


def _wrong_target(file: Path, first: ErrorDetails, given: Mapping[str, Any]) -> str:
    """What is wrong with a target: the file, which target, which field, and what to write there."""
    written = os.environ.get(_TARGETS)
    source = str(file) if written is None else f"the variable {_TARGETS}"
    match first["loc"]:
        case (_, int(place), str(field), *_):
            drug = (given["targets"] if written is None else json.loads(written))[place].get("drug")
            which = f"{source}: {_named_target(place, drug)}"
        case _:
            return f"{source}: setting 'targets': each target is a table of its own, under [[targets]] in two brackets."
    if first["type"] == "extra_forbidden":
        return (
            f"{which}: there is no field {field!r}{_perhaps(field, Target)}; there are {', '.join(_OF_TARGET)}."
            " Settings that are not of a target stand above the first [[targets]]."
        )
    wrong = (
        "is missing"
        if first["type"] == "missing"
        else first["msg"].removeprefix("Value error, ")
        if first["type"] == "value_error"
        else f"{first['input']!r} cannot be used"
    )
    return f"{which}, field {field!r}: {wrong}: write {_OF_TARGET[field]}."


def _named_target(place: int, drug: object) -> str:
    """A target as messages name it.

    >>> _named_target(0, "cocaine"), _named_target(1, None)
    ('target 1 (cocaine)', 'target 2')
    """
    return f"target {place + 1} ({drug})" if isinstance(drug, str) and drug else f"target {place + 1}"


def _perhaps(name: str, of: type[BaseModel] | None = None, *, as_variable: bool = False) -> str:
    """The setting that a name is nearest to, in a few words; nothing where it is near to none."""
    near = difflib.get_close_matches(name, (of or Settings).model_fields, n=1)
    return f" (perhaps {_PREFIX + near[0].upper() if as_variable else near[0]})" if near else ""


def replaced_protocols(workspace: Workspace) -> dict[str, Path]:
    """The shipped protocols that an office's own of the same name takes the place of, each with the office's file.

    Raises `ProtocolError` where one cannot be used.
    """
    shipped = protocol_files()
    return {name: file for name, (file, _) in protocol_files([workspace.protocols]).items() if name in shipped}


def all_protocols(workspace: Workspace | None = None) -> list[Protocol]:
    """The shipped protocols and the office's own, which win where the names are the same, sorted by name.

    Raises `ProtocolError` where one cannot be used.
    """
    return load_protocols([SHIPPED, *([workspace.protocols] if workspace else [])])


def _require_protocol(file: Path, here: Workspace) -> None:
    # Own files are read only where it is not a shipped one: one that is broken stops no command without use for it.
    wanted = {"setting 'protocol'": (here.settings.protocol, f"{_PREFIX}PROTOCOL")} | {
        f"{_named_target(place, target.drug)}, field 'protocol'": (target.protocol, _TARGETS)
        for place, target in enumerate(here.settings.targets)
        if target.protocol
    }
    shipped = {protocol.protocol for protocol in all_protocols()}
    if {name for name, _ in wanted.values()} <= shipped:
        return
    try:
        known = [protocol.protocol for protocol in all_protocols(here)]
    except ProtocolError as error:
        raise SettingsError(str(error)) from error
    for where, (name, variable) in wanted.items():
        if name not in known:
            raise SettingsError(
                f"{file}: {where}: there is no protocol {name!r}; there are {', '.join(known)}. Mend it there,"
                f" or in the variable {variable}; one of your own is a file in {here.protocols}."
            )


def _require_apart(file: Path, settings: Settings) -> None:
    """The site is replaced as a whole, so nothing else may lie in it; and no place may be another's."""
    folder = file.parent.resolve()
    places = {name: (folder / getattr(settings, name)).resolve() for name in _PLACES}
    for name, place in places.items():
        if folder.is_relative_to(place):
            raise SettingsError(f"{file}: setting {name!r} is the workspace itself or above it: name a place inside.")
        for other, elsewhere in places.items():
            if name != other and elsewhere.is_relative_to(place):
                raise SettingsError(f"{file}: setting {other!r} lies in {name!r}: give each a place of its own.")


def make_workspace(folder: Path, settings: dict[str, str] | None = None, *, targets: str = "") -> Workspace:
    """A new workspace with the example settings overridden by `settings`; an old one is kept as it is.

    `targets` are tables [[targets]], as they stand below the settings.

    Raises `SettingsError` where the folder is a file, or holds settings that cannot be used.
    """
    file = folder / SETTINGS_FILE
    if folder.exists() and not folder.is_dir():
        raise SettingsError(f"{folder} is a file: name a folder for the workspace.")
    if not file.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        text = (Path(__file__).parent / "settings.example.toml").read_text(encoding="utf-8")
        for name, value in (settings or {}).items():
            quoted = value.replace("\\", "\\\\").replace('"', '\\"')
            text = text.replace(f"# {name} = ", f'{name} = "{quoted}"\n# {name} = ', 1)
        file.write_text("\n".join(filter(None, (text, targets))), encoding="utf-8")
    workspace = open_workspace(folder)
    workspace.inbox.mkdir(parents=True, exist_ok=True)
    for folder in (workspace.profiles, workspace.protocols, workspace.factors):
        folder.mkdir(parents=True, exist_ok=True)
    return workspace
