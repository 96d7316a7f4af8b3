"""What the commands share: options, exit codes, how a workspace is opened and how things are printed."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import date
    from typing import Any

    import polars as pl

    from pipeline.explain import Archive
    from pipeline.settings import Workspace
    from pipeline.warehouse import Warehouse


DONE, FAILED, WRONG_USAGE, QUARANTINED = 0, 1, 2, 3
SIMULATED_DATA = "SIMULATED DATA. "
"""What stands before figures that rest on any data that are simulated."""


WorkspaceOption = Annotated[
    Path | None,
    typer.Option("--workspace", "-w", help="The workspace's folder.", envvar="PERMILLE_WORKSPACE", show_envvar=True),
]


MostOption = Annotated[int, typer.Option(help="The most findings to print; 0 prints all.", min=0)]


class Format(StrEnum):
    """How a table is printed."""

    table = "table"
    csv = "csv"
    json = "json"


class ChangeFormat(StrEnum):
    """How changes are printed."""

    table = "table"
    csv = "csv"
    json = "json"
    sentence = "sentence"


class StatusFormat(StrEnum):
    """How the state of a workspace is printed: several tables at once, so not as CSV."""

    table = "table"
    json = "json"


class Level(StrEnum):
    """What a change is of."""

    site = "site"
    area = "area"
    network = "network"


def fail(message: str, code: int = FAILED) -> NoReturn:
    """Says what went wrong and ends with an exit code."""
    typer.echo(f"Error: {message}", err=True)
    raise typer.Exit(code)


def fail_to_read(file: Path, error: OSError) -> NoReturn:
    """Says that a file cannot be read, and ends."""
    from pipeline.files import shown_name

    fail(f"{shown_name(file.name)}: cannot be read ({error.strerror}).")


def named(folder: Path | None) -> Path | None:
    """The folder; an empty name, as of a shell variable that is not set, is none."""
    if folder == Path():
        fail('--workspace names no folder; for the current one write --workspace "$PWD".', WRONG_USAGE)
    return folder


def opened(folder: Path | None) -> "Workspace":
    """The workspace that is asked for; ends where there is none."""
    from pipeline.settings import SettingsError, open_workspace, workspace_folder

    try:
        return open_workspace(workspace_folder(named(folder)))
    except SettingsError as error:
        fail(str(error))


def opened_if_there(folder: Path | None) -> "Workspace | None":
    """The workspace that was named, or the usual one if it is there: some commands work without."""
    from pipeline.settings import SETTINGS_FILE, workspace_folder

    is_there = (workspace_folder(named(folder)) / SETTINGS_FILE).is_file()
    return opened(folder) if folder or is_there else None


def warn_of_broken_files(here: "Workspace") -> None:
    """Says on stderr what the next run would refuse: until it is mended the figures are those of the last good run."""
    from pipeline.estimates import require_reference
    from schemas.protocol import ProtocolError
    from schemas.reference_data import FactorError

    try:
        require_reference(here)
    except (ProtocolError, FactorError) as error:
        say(
            f"Warning: {error} Until that is mended no run computes anything: what is shown is of the last good run.",
            err=True,
        )


def warn_of_inbox(here: "Workspace") -> None:
    """Says on stderr that the inbox is missing or cannot be read: the next run fails for it."""
    from pipeline.inbox import InboxError, look_into

    try:
        look_into(here.inbox)
    except InboxError as error:
        say(f"Warning: {error}", err=True)


def require_place_for(file: Path, option: str, example: str, *endings: str) -> None:
    """Ends where a file that an option names cannot be written, before anything is computed."""
    if file.suffix.lower() not in endings:
        ends = " or ".join(endings)
        fail(f"{option} {file} is no page: write a name that ends in {ends}, as {example}{endings[0]}.", WRONG_USAGE)
    if file.is_dir():
        fail(f"{option} {file} is a folder: write a name in it, as {file / (example + endings[0])}.", WRONG_USAGE)
    if not file.parent.is_dir():
        fail(f"there is no folder {file.parent}: make it first, or name another.", WRONG_USAGE)


def day_of(text: str) -> "date":
    """A day as it is written in a command; ends where it is none."""
    from datetime import date

    try:
        return date.fromisoformat(text)
    except ValueError:
        fail(f"{text!r} is no day: write 2025-03-11.", WRONG_USAGE)


def archive_of(here: "Workspace") -> "Archive":
    """The delivered files as they were kept."""
    from pipeline.deliveries import all_profiles
    from pipeline.explain import Archive
    from schemas.profile import ProfileError

    try:
        return Archive(here.archive, all_profiles(here.profiles))
    except ProfileError as error:
        fail(str(error))


def period_of(warehouse: "Warehouse", here: "Workspace", period: str | None) -> tuple[str, list[str]]:
    """The period asked for, or the settings' current one, and all protocols; ends where there is no estimate."""
    from pipeline import estimates
    from pipeline.spans import is_calendar

    if period and not is_calendar(period):
        fail(f"{period!r} is no period: write 2023, 2023-Q1 or 2023-03.", WRONG_USAGE)
    there = estimates.periods(warehouse)
    if not there:
        fail("there is no estimate yet: see 'permille status' for what is missing.")
    protocols = warehouse.query("select protocol from protocols order by protocol")["protocol"].to_list()
    return estimates.require_calendar(there, period or estimates.current_period(warehouse, here.settings)), protocols


def drug_of(asked: str, known: "list[str]") -> str:
    """The drug that is asked for, in small letters; ends the command where there is none of that name."""
    from pipeline import explain

    if (drug := asked.casefold()) not in known:
        fail(f"there is no drug {asked!r} here{explain.instead(drug, known)}.", WRONG_USAGE)
    return drug


def print_first(title: str, rows: "pl.DataFrame", most: int) -> None:
    """The first rows of a table and how many there are; nothing where there are none."""
    if rows.height:
        counted = f"the first {most} of {rows.height}" if most and rows.height > most else f"{rows.height}"
        print_table(f"\n{title} ({counted})", rows.head(most or rows.height))


def print_data(rows: "pl.DataFrame", form: Format) -> None:
    """Prints rows for another program, as CSV or JSON."""
    if form is Format.csv:
        from dashboards.downloads import neutralised

        typer.echo(neutralised(rows).write_csv(), nl=False)
    else:
        typer.echo(rows.write_json())


def say(text: str, *, err: bool = False) -> None:
    """Prints a line that holds delivered text: without what could rewrite a terminal."""
    import polars as pl

    from pipeline.findings import printable

    typer.echo(pl.select(printable(pl.lit(text))).item(), err=err)


def worded(name: str, words: "Callable[[Any], str]") -> "pl.Expr":
    """A column in words, empty where it is."""
    import polars as pl

    return pl.col(name).map_elements(words, return_dtype=pl.String).fill_null("")


def worded_interval(low: str, high: str, words: "Callable[[Any], str]") -> "pl.Expr":
    """Two columns as an interval in words, a dash where there is none."""
    import polars as pl

    ends = (pl.col(name).map_elements(words, return_dtype=pl.String) for name in (low, high))
    return pl.format("{} to {}", *ends).fill_null("–")


def print_table(title: str, frame: "pl.DataFrame") -> None:
    """Prints a table for people, with what could act on a terminal made harmless."""
    import polars as pl
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from pipeline.findings import printable

    table = Table(title=title or None, title_justify="left", box=None, pad_edge=False)
    safe = frame.with_columns(printable(pl.col(pl.String)))
    for name, kind in frame.schema.items():
        table.add_column(name, justify="right" if kind.is_numeric() else "left", overflow="fold")
    for row in safe.iter_rows():
        table.add_row(*(Text("" if cell is None else str(cell)) for cell in row))
    # A pipe has no width: rows are not broken there.
    is_terminal = sys.stdout.isatty()
    console = Console(soft_wrap=not is_terminal, width=None if is_terminal else 400, highlight=False)
    with console.capture() as printed:
        console.print(table)
    typer.echo("\n".join(line.rstrip() for line in printed.get().rstrip("\n").split("\n")))


def print_messages(messages: "Sequence[str]", most: int) -> None:
    """Prints the first messages, and how many more there are."""
    for message in messages[: most or None]:
        typer.echo(message)
    if most and len(messages) > most:
        typer.echo(f"... and {len(messages) - most} more: --most 0 prints all.")


def place_of(level: Level) -> "list[pl.Expr]":
    """The column that names the place of a row; none where all sites are one place."""
    import polars as pl

    return [] if level is Level.network else [pl.col("unit_name").fill_null(pl.col("unit_id")).alias(level.value)]
