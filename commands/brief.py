"""The command that puts what is known of one place on one page of paper."""

import os
import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from commands.common import (
    FAILED,
    WRONG_USAGE,
    WorkspaceOption,
    drug_of,
    fail,
    opened,
    require_place_for,
    say,
    warn_of_broken_files,
)
from commands.compared import (
    BaselineOption,
    CurrentOption,
    Language,
    periods_of,
    require_periods,
    require_protocol,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dashboards.edition import Edition, Place
    from pipeline.explain import Place as Found
    from pipeline.warehouse import Warehouse


def brief(
    place: Annotated[
        str | None, typer.Argument(help="A site or an area, by its id or name; all sites if left out.")
    ] = None,
    drug: Annotated[list[str] | None, typer.Option(help="One drug; may be given again. All if left out.")] = None,
    language: Annotated[Language, typer.Option(help="Of the page: en or zh.")] = Language.en,
    protocol: Annotated[str | None, typer.Option(help="Protocol; the settings' if left out.")] = None,
    baseline: BaselineOption = None,
    current: CurrentOption = None,
    output: Annotated[
        Path | None,
        typer.Option(help="A file that ends in .pdf or .html; brief-PLACE-LANGUAGE.pdf here if left out."),
    ] = None,
    browser: Annotated[
        Path | None, typer.Option(help="The browser that prints; a Chromium, Chrome or Edge found if left out.")
    ] = None,
    workspace: WorkspaceOption = None,
) -> None:
    """One page of A4 for those who decide: how far each drug has fallen there, how sure, and what could not be told.

    Without a browser on the machine the page is written as HTML, which any browser prints.

    Example: permille brief

    Example: permille brief north --drug cocaine --drug ketamine --language zh --output north.pdf
    """
    from dashboards import brief as in_words
    from dashboards.addresses import slug
    from dashboards.edition import Comparison, Edition
    from pipeline import estimates, explain
    from pipeline.settings import SettingsError
    from pipeline.warehouse import Warehouse, WarehouseError
    from schemas.protocol import ProtocolError

    require_periods(baseline, current)
    if output is not None:
        require_place_for(output, "--output", "brief", ".pdf", ".html")
    printer = _browser(browser)
    here = opened(workspace)
    warn_of_broken_files(here)
    try:
        with Warehouse.open(here.published, read_only=True) as warehouse:
            known = warehouse.query("select protocol from protocols order by protocol")["protocol"].to_list()
            wanted = protocol or here.settings.protocol
            require_protocol(here, wanted, known)
            chosen = periods_of(warehouse, here, baseline, current)
            found = explain.place_of(warehouse, "network:network" if place is None else place)
            with _compared(warehouse, chosen) as is_stored:
                edition = Edition(warehouse, protocol=wanted, title=here.settings.title, main=Comparison(*chosen))
    except explain.ExplainError as error:
        fail(f"{error}.", WRONG_USAGE if error.is_wrong_usage else FAILED)
    except (WarehouseError, SettingsError, ProtocolError, estimates.PeriodError) as error:
        fail(str(error))
    at = _place(edition, found)
    drugs = sorted({row["drug"] for row in edition.headline(edition.main, at.key)})
    if not drugs:
        fail(
            f"nothing was compared at {at.called}: it has no figure by protocol {wanted} in {chosen[0]} or {chosen[1]}."
        )
    asked = {drug_of(name, drugs) for name in drug} if drug else None
    is_on_pages = is_stored and wanted == here.settings.protocol
    page = in_words.brief(edition, at, language.value, drugs=asked, is_on_pages=is_on_pages)
    name = "network" if found.level == "network" else f"{found.level}-{slug(found.unit_id)}"
    _write(page, output or Path(f"brief-{name}-{language.value}.pdf"), printer)


@contextmanager
def _compared(warehouse: "Warehouse", periods: tuple[str, str]) -> "Iterator[bool]":
    """The comparison in the tables that editions read, as the last run left it, else computed now and not stored.

    Gives whether it is stored.
    """
    from pipeline import changes, credibility

    (n_stored,) = warehouse.query(
        "select count(*) from changes where baseline_period = $baseline and current_period = $current",
        dict(zip(("baseline", "current"), periods, strict=True)),
    ).row(0)
    if n_stored:
        yield True
        return
    judged = credibility.judged(warehouse, changes.between(warehouse, *periods))
    with warehouse.shadowed("changes"), warehouse.shadowed("credibility"):
        warehouse.insert("changes", judged.changes)
        warehouse.insert("credibility", judged.credibility)
        yield False


def _place(edition: "Edition", found: "Found") -> "Place":
    """The place in the edition. An area that holds every site is the network under another name, and has no rows."""
    from dashboards.edition import NETWORK, Place

    if found.level == "area" and found.unit_id in edition.data["whole_areas"]["unit_id"]:
        say(f"{found.unit_name or found.unit_id} holds every site: this is the brief of all sites.", err=True)
        return Place(*NETWORK, None)
    there = {place.key: place for place in edition.places}
    return there.get((found.level, found.unit_id)) or Place(*found)


def _browser(asked: Path | None) -> Path | None:
    """The browser that prints, or None where there is none; ends where the one that is asked for is not there."""
    from dashboards.printing import browser_of_machine

    if asked is None:
        return browser_of_machine()
    if (found := shutil.which(asked)) is None:
        fail(f"--browser {asked} is no program that can be started: write the path of a Chromium, Chrome or Edge.",
             WRONG_USAGE)  # fmt: skip
    return Path(found)


def _write(page: str, file: Path, browser: Path | None) -> None:
    """Puts the brief in its place; ends where it cannot be printed, with the page beside, which any browser prints."""
    from dashboards.printing import BROWSERS, PrintError, print_page

    if file.suffix.lower() == ".html":
        _put(page, file)
        say(f"Brief: {file}")
        return
    try:
        if browser is None:
            raise PrintError(f"there is no browser to make a PDF with (looked for {', '.join(BROWSERS)})")
        n_sheets = print_page(page, file, browser)
    except PrintError as error:
        beside = file.with_suffix(".html")
        _put(page, beside)
        fail(
            f"{error}. The page is in {beside}: open it in any browser and print it on A4, at 100 %, without headers"
            " and footers; or name a browser that prints by itself (Chromium, Chrome, Edge) with --browser."
        )
    say(f"Brief: {file}")
    if n_sheets != 1:
        say(
            f"Warning: with the fonts of this machine it takes {n_sheets} sheets: ask for fewer drugs with --drug.",
            err=True,
        )


def _put(page: str, file: Path) -> None:
    """Writes a page in one step: a reader sees the old one or the new one."""
    beside = file.with_name(f".{file.stem[:40]}.{os.getpid()}.html")
    try:
        beside.write_bytes(page.encode("utf-8"))
        beside.replace(file)
    finally:
        beside.unlink(missing_ok=True)
