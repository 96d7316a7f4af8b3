"""What the commands that compare two periods share: their options, and which periods and protocols are meant."""

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from commands.common import WRONG_USAGE, Level, fail

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.settings import Workspace
    from pipeline.warehouse import Warehouse


ProtocolOption = Annotated[str | None, typer.Option(help="Protocol, or all; the settings' if left out.")]
BaselineOption = Annotated[
    str | None,
    typer.Option(
        help="2023, 2023-Q1, 2023-03, 2023-03-06..2023-03-12, first, previous, year-before or before:EVENT (four"
        " weeks); the settings' if left out."
    ),
]
CurrentOption = Annotated[
    str | None, typer.Option(help="Likewise, or last, during:EVENT or after:EVENT; the settings' if left out.")
]
LevelOption = Annotated[Level, typer.Option(help="Of each site, of each area, or of all sites together.")]
DrugOption = Annotated[str | None, typer.Option(help="One drug; all if left out.")]


class Language(StrEnum):
    """The languages of sentences: those of `dashboards.languages`."""

    en = "en"
    zh = "zh"


LanguageOption = Annotated[Language, typer.Option(help="Of sentences: en or zh.")]


def require_periods(baseline: str | None, current: str | None) -> None:
    """Ends the command where a period is none."""
    from pipeline.settings import BASELINES, CURRENTS, wrong_period

    for period, words in ((baseline, BASELINES), (current, CURRENTS)):
        if period and (said := wrong_period(period, words)):
            fail(f"{said}.", WRONG_USAGE)


def require_protocol(here: "Workspace", wanted: str, allowed: "Sequence[str]") -> None:
    """Ends the command where nothing is published by a protocol.

    Raises `ProtocolError` where an office's own cannot be read.
    """
    from pipeline.settings import all_protocols

    if wanted in allowed:
        return
    if wanted in [protocol.protocol for protocol in all_protocols(here)]:
        fail(f"nothing is published by protocol {wanted!r} yet: run 'permille run' first.")
    there = ", ".join(name for name in allowed if name != "all")
    fail(f"there is no protocol {wanted!r}; there are {there}.", WRONG_USAGE)


def periods_of(warehouse: "Warehouse", here: "Workspace", baseline: str | None, current: str | None) -> tuple[str, str]:
    """The two periods asked for, or those of the settings; ends the command where there are none.

    Raises `PeriodError` where one has no data, or they overlap.
    """
    from pipeline import estimates

    if not estimates.periods(warehouse):
        fail("there is no estimate yet: see 'permille status' for what is missing.")
    if baseline or current:
        return estimates.compared_periods(
            warehouse, baseline or here.settings.baseline, current or here.settings.current
        )
    if (of_settings := estimates.chosen_periods(warehouse, here.settings)) is None:
        fail("there are no two periods to compare yet: see 'permille status' for what is missing.")
    return of_settings
