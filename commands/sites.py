"""`permille sites`: which of ours a sender's number stands for."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from commands.common import (
    Format,
    MostOption,
    WorkspaceOption,
    fail,
    opened,
    print_data,
    print_first,
    print_table,
    say,
)

if TYPE_CHECKING:
    from pipeline.places import Questions
    from pipeline.settings import Workspace


app = typer.Typer(
    no_args_is_help=True,
    help="Sites: which of ours a sender's number stands for.\n\nExample: permille sites questions --workspace europe",
)


def _questions(folder: Path | None) -> "tuple[Questions, Workspace]":
    from pipeline.deliveries import all_profiles
    from pipeline.places import questions
    from pipeline.warehouse import Warehouse, WarehouseError
    from schemas.profile import ProfileError

    here = opened(folder)
    try:
        with Warehouse.open(here.published, read_only=True) as warehouse:
            return questions(here, warehouse, all_profiles(here.profiles)), here
    except (WarehouseError, ProfileError) as error:
        fail(str(error))


@app.command("questions")
def sites_questions(
    form: Annotated[Format, typer.Option("--format", help="table, csv or json.")] = Format.table,
    workspace: WorkspaceOption = None,
) -> None:
    """Which numbers are in doubt, and what speaks for what? Their rows wait in quarantine.

    Example: permille sites questions --workspace europe
    """
    found, _ = _questions(workspace)
    if form is not Format.table:
        print_data(found.open, form)
        return
    if found.open.is_empty():
        typer.echo("No number is in doubt.")
    for row in found.open.iter_rows(named=True):
        edition = f" of edition {row['release']}" if row["release"] else ""
        whose = f" of {row['numbering']}" if row["numbering"] else ""
        said = f"site {row['site_id']}" if row["site_id"] else "nothing"
        say(f"{row['site_code']} ('{row['site_label'] or ''}'){whose}{edition}: the evidence speaks for {said}:"
             f" {row['evidence']}")  # fmt: skip
    for row in found.perhaps_one.iter_rows(named=True):
        say(
            f"Perhaps one site: {row['site_id']} and {row['other_site_id']}: {row['n_same']} of {row['n_shared']}"
            " values stated for both are the same. A decision with the other's site_id makes them one."
        )
    if found.open.height:
        typer.echo(f"{found.open.height} numbers wait. To decide them: permille sites propose FILE --by YOUR-NAME")


@app.command("propose")
def sites_propose(
    file: Annotated[Path, typer.Argument(help="Where to write it: a CSV file.")],
    by: Annotated[
        str | None, typer.Option(help="Who decides. Left out, the file is no decision until a person fills in who.")
    ] = None,
    workspace: WorkspaceOption = None,
) -> None:
    """Write the open questions as a file of decisions, filled in as the evidence speaks.

    Read it, correct it, sign it (column who), lay it into the inbox and run. Decisions are data: they are archived,
    and a later one supersedes an earlier.

    Example: permille sites propose who-is-who.csv --by "A. Analyst"
    """
    from datetime import UTC, datetime

    from dashboards.downloads import write_delivery
    from pipeline.places import proposal

    if file.exists():
        fail(f"{file} is there already: name another file, or remove it.")
    found, here = _questions(workspace)
    rows = proposal(found, by, datetime.now(UTC).date() if by else None)
    if rows.is_empty():
        typer.echo("No number is in doubt: nothing was written.")
        return
    write_delivery(rows, file)
    n_open = int((rows["site_id"] == "").sum())
    say(f"{rows.height} decisions written to {file}{f'; {n_open} have no site_id yet' if n_open else ''}.")
    typer.echo(f"Read it{'' if by else ', fill in who and date'}, lay it into {here.inbox}, then: permille run")


@app.command("report")
def sites_report(most: MostOption = 50, workspace: WorkspaceOption = None) -> None:
    """What was renumbered, relabelled and restated between the editions of a sender?

    Example: permille sites report --most 0
    """
    import polars as pl

    from pipeline.places import report
    from pipeline.warehouse import Warehouse, WarehouseError

    here = opened(workspace)
    try:
        with Warehouse.open(here.published, read_only=True) as warehouse:
            found = report(warehouse)
    except WarehouseError as error:
        fail(str(error))
    names = found.names
    if names.is_empty():
        typer.echo("No sender has numbers of its own here.")
    else:
        sums = names.select(pl.col("is_renumbered", "is_relabelled", "is_new", "is_gone").sum()).row(0)
        typer.echo(
            f"{names.height} sites: {sums[0]} renumbered, {sums[1]} relabelled, {sums[2]} new since the first edition,"
            f" {sums[3]} not in the last; {found.reused.height} numbers stand for several sites"
        )
    shown = ["site_id", "numbers", "names"]
    for title, mark in (("Renumbered", "is_renumbered"), ("Relabelled", "is_relabelled"), ("Not in the last edition",
                        "is_gone")):  # fmt: skip
        print_first(title, names.filter(mark).select(shown), most)
    print_first("Numbers given to another place", found.reused, most)
    for table, rows in found.restated.group_by("table_name", maintain_order=True):
        changed = rows.filter("is_restated")
        typer.echo(f"\n{table[0]}: {rows.height} values were stated again, {changed.height} of them otherwise")
        if changed.height:
            print_table("", changed.head(most or changed.height).drop("table_name", "is_restated"))
    print_first("Stated by an earlier edition, and no longer by the last", found.no_longer_stated, most)
