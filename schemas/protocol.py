"""What a protocol file says: every choice between a result and a published figure. No choice is made here."""

import difflib
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

SHIPPED = Path(__file__).parent / "protocols"
BelowLimit = Literal[
    "zero", "half_limit", "likelihood", "kaplan_meier", "regression_on_order_statistics", "by_share_censored"
]
OF_SERIES = ("kaplan_meier", "regression_on_order_statistics", "by_share_censored")
"""What is estimated from the days of a site's period as one series, with no figure for a single day below its limit."""


class ProtocolError(ValueError):
    """A protocol file that cannot be used; the message names the file, the field and what to do."""


class Protocol(BaseModel):
    """One set of choices, read from a TOML file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    protocol: str = Field(pattern=r"^[a-z0-9-]+$")
    title: str = Field(pattern=r"\S")
    basis: Literal["consumption", "residue load"]
    factor_set: str
    below_limit: BelowLimit
    """What stands for a day below its limit. Zero and half the limit stand for each day. `likelihood` learns what is to
    be expected from all days of the drug. The others estimate the mean of a site's period from its days alone: Kaplan
    and Meier's, regression on order statistics, or by the share below limits (Helsel's working rule): Kaplan and
    Meier's up to half, above it the lognormal distribution of maximum likelihood."""
    interval: Literal["none", "t_of_days", "pooled_spread"] = "none"
    max_censored_share: float = Field(ge=0, le=1)
    min_detects: int = Field(ge=0)
    weekday_rule: Literal["weekday_means", "plain"]
    area_weights: Literal["population", "none"]
    stable_band_percent: float | None = Field(default=None, gt=0)
    population_method: Literal["census", "served", "mobile", "design", "NH4-N", "cotinine", "COD", "BOD"] | None = None
    """Whose inhabitants a load is divided by; empty: the primary method of each site."""
    domestic_share_in_population: bool = False
    """Whether the domestic share of a site multiplies the flow in the population by a marker. Only there, as in the
    Guizhou rule: the load of the drug keeps the whole flow, so that use per 1000 grows by 1/share."""
    stability: Literal["none", "site"] = "none"
    """Loss in the sewer: never corrected, or where the list of a site states how long and how warm its sewage is."""
    net_of_other_sources: bool = False
    """Whether amphetamine is less what methamphetamine leaves behind."""
    amphetamine_per_methamphetamine: float = Field(default=0.09, ge=0, lt=0.19)
    """Median of more than 6,000 Australian samples ("Refining the estimation of amphetamine consumption by
    wastewater-based epidemiology")."""
    choices: str

    @model_validator(mode="after")
    def _choices_go_together(self) -> "Protocol":
        if self.below_limit in OF_SERIES and self.weekday_rule != "plain":
            raise ValueError(
                f"below_limit = {self.below_limit!r} takes the days of a period as one series:"
                ' write weekday_rule = "plain"'
            )
        if self.below_limit == "likelihood" and self.weekday_rule != "weekday_means":
            raise ValueError(
                "below_limit = 'likelihood' finds a week's level by its rhythm: write weekday_rule = \"weekday_means\""
            )
        if self.below_limit == "likelihood" and self.interval == "t_of_days":
            raise ValueError(
                "below_limit = 'likelihood' has no spread of single days to go by:"
                ' write interval = "pooled_spread" or "none"'
            )
        if self.below_limit != "likelihood" and self.interval == "pooled_spread":
            raise ValueError(
                "interval = 'pooled_spread' goes with below_limit = 'likelihood' only:"
                ' write interval = "t_of_days" or "none"'
            )
        return self


def load_protocols(folders: Iterable[Path] = (SHIPPED,)) -> list[Protocol]:
    """All protocols of the folders, sorted by name; a later folder's protocol replaces an earlier one of the same name.

    Raises `ProtocolError` where a file does not hold what a protocol needs, or two of a folder have one name.

    >>> [p.protocol for p in load_protocols()]
    ['euda', 'guizhou', 'half-loq', 'permille', 'statcan']
    """
    return [protocol for _, protocol in protocol_files(folders).values()]


def protocol_files(folders: Iterable[Path] = (SHIPPED,)) -> dict[str, tuple[Path, Protocol]]:
    """What `load_protocols` gives, by name, each with its file."""
    found: dict[str, tuple[Path, Protocol]] = {}
    for folder in folders:
        for file in sorted(folder.glob("*.toml")):
            protocol = _load(file)
            there = found.get(protocol.protocol)
            if there and there[0].parent == file.parent:
                raise ProtocolError(
                    f"{file}: field 'protocol': {there[0].name} is called {protocol.protocol!r} already: write another"
                    " name."
                )
            found[protocol.protocol] = (file, protocol)
    return dict(sorted(found.items()))


def _load(file: Path) -> Protocol:
    if file.is_dir():
        raise ProtocolError(f"{file}: this is a folder, and its name is that of a protocol: rename it or move it away.")
    try:
        protocol = Protocol.model_validate(tomllib.loads(file.read_text(encoding="utf-8-sig")))
    except OSError as error:
        raise ProtocolError(f"{file}: it cannot be read: {error.strerror or error}.") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ProtocolError(f"{file}: this is no TOML file in UTF-8: {error}. Mend it there.") from error
    except ValidationError as error:
        # A field that nobody knows first: mistyped, it is the one that is missing as well.
        first = min(error.errors(), key=lambda one: one["type"] != "extra_forbidden")
        field = ".".join(str(part) for part in first["loc"])
        what = _what_to_do(field, first)
        raise ProtocolError(f"{file}: {f'field {field!r}' if field else 'the file'}: {what}.") from error
    if protocol.protocol == "all":
        raise ProtocolError(f"{file}: field 'protocol': 'all' means all protocols: write another name.")
    return protocol


def _what_to_do(field: str, error: Any) -> str:
    """An error of pydantic as a sentence that says what to write."""
    kind, given, limits = error["type"], error["input"], error.get("ctx", {})
    if kind == "missing":
        return f"it is missing: write {field} = {_example(field)}"
    if kind == "extra_forbidden":
        near = difflib.get_close_matches(field, Protocol.model_fields, n=1)
        meant = f"write {near[0]} if that is meant, or remove it" if near else "remove it"
        return f"there is no such field: {meant}; there are {', '.join(Protocol.model_fields)}"
    if kind == "literal_error":
        return f"{given!r} is not allowed: write {limits['expected']}"
    if kind == "string_type":
        return f'{given!r} is no text: write it in quotes, {field} = "{given}"'
    if kind == "string_pattern_mismatch" and field == "title":
        return 'it is empty: write what the protocol is called on pages, title = "..."'
    if kind == "string_pattern_mismatch":
        return f"{given!r} is not allowed: write small letters, digits and hyphens"
    if kind.startswith(("float_", "int_")):
        return f"{given!r} is no {'whole ' if kind.startswith('int_') else ''}number: write one, without quotes"
    if kind.startswith(("greater_than", "less_than")):
        return f"{given} is not allowed: write a number that is {error['msg'].removeprefix('Input should be ')}"
    said = error["msg"].removeprefix("Value error, ")
    return f"{said[:1].lower()}{said[1:]}"


def _example(field: str) -> str:
    """What may stand behind a field's name."""
    asked = Protocol.model_fields[field].annotation if field in Protocol.model_fields else None
    if get_origin(asked) is Literal:
        return " or ".join(f'"{value}"' for value in get_args(asked))
    return (
        {str: '"..."', int: "a whole number", float: "a number"}.get(asked, "...") if isinstance(asked, type) else "..."
    )
