"""The workspace and its one settings file, `permille.toml`. Every setting can be overridden by `PERMILLE_<NAME>`.

Nothing is read at import: `open_workspace(folder)` reads when it is called.
"""

import difflib
import os
import tomllib
from pathlib import Path
from typing import Literal, NamedTuple

from pydantic import ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from pipeline import spans
from schemas.protocol import SHIPPED, Protocol, ProtocolError, load_protocols, protocol_files
from schemas.time_zones import time_zones

SETTINGS_FILE = "permille.toml"
_PLACES = ("inbox", "warehouse", "published", "site", "profiles", "protocols", "factors", "archive")
_PREFIX = "PERMILLE_"
_OTHER = ("PERMILLE_WORKSPACE", "PERMILLE_WRITE_GOLDEN", "PERMILLE_SEED")
"""Variables that are no settings: where the workspace is, and two of the tests."""
BASELINES = ("first", "previous", "year-before")
"""Words for a baseline: the first year with data, the period before the current one, the same one a year before."""
CURRENTS = ("last",)
"""The word for the last year with data."""


class SettingsError(ValueError):
    """Settings that cannot be used; the message names the file, the setting and what to mend."""


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
    inbox: Path = Path("inbox")
    warehouse: Path = Path("warehouse.duckdb")
    published: Path = Path("published.duckdb")
    site: Path = Path("site")
    profiles: Path = Path("profiles")
    protocols: Path = Path("protocols")
    factors: Path = Path("factors")
    archive: Path = Path("archive")
    euda_data_url: str = ""
    """Address of the agency's data file, for `permille fetch euda`. No default: it changes with each yearly release."""
    euda_sites_url: str = ""
    """Address of the agency's site table, likewise."""

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
        if period not in words and not spans.is_period(period) and spans.event_of(period) is None:
            raise ValueError(
                f"{period!r} is no period: write {spans.EXAMPLES}, {spans.AROUND}, or {' or '.join(words)}"
            )
        return period

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
    def archive(self) -> Path:
        """A copy of each delivered file, in a folder named by its content."""
        return self._of(self.settings.archive)


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
    except ValidationError as error:
        first = error.errors()[0]
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


def _perhaps(name: str, *, as_variable: bool = False) -> str:
    """The setting that a name is nearest to, in a few words; nothing where it is near to none."""
    near = difflib.get_close_matches(name, Settings.model_fields, n=1)
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
    wanted = here.settings.protocol
    if wanted in [protocol.protocol for protocol in all_protocols()]:
        return
    try:
        known = [protocol.protocol for protocol in all_protocols(here)]
    except ProtocolError as error:
        raise SettingsError(str(error)) from error
    if wanted not in known:
        raise SettingsError(
            f"{file}: setting 'protocol': there is no protocol {wanted!r}; there are {', '.join(known)}. Mend it there,"
            f" or in the variable PERMILLE_PROTOCOL; one of your own is a file in {here.protocols}."
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


def make_workspace(folder: Path, settings: dict[str, str] | None = None) -> Workspace:
    """A new workspace with the example settings overridden by `settings`; an old one is kept as it is.

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
        file.write_text(text, encoding="utf-8")
    workspace = open_workspace(folder)
    workspace.inbox.mkdir(parents=True, exist_ok=True)
    for folder in (workspace.profiles, workspace.protocols, workspace.factors):
        folder.mkdir(parents=True, exist_ok=True)
    return workspace
