"""`permille deliveries`: what came in, which delivery is current where two contradict, and decisions about that."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from commands.common import (
    WRONG_USAGE,
    Format,
    WorkspaceOption,
    fail,
    opened,
    print_data,
    print_table,
    say,
)

if TYPE_CHECKING:
    from datetime import datetime
    from typing import Any

    import polars as pl

    from pipeline.settings import Workspace
    from pipeline.warehouse import Warehouse

app = typer.Typer(
    invoke_without_command=True,
    help="Deliveries: what came in, in which order, and which is current where two contradict.\n\n"
    "Example: permille deliveries --workspace city",
)
_SHORTEST = 8
"""Characters of a sha256 by which a delivery can be named."""
_Which = Annotated[str, typer.Argument(help="A delivery: its number, its file, or the start of its sha256.")]
_By = Annotated[str, typer.Option("--by", help="Who decides.")]
_Why = Annotated[str, typer.Option("--why", help="Why, in a few words: it is kept with the decision.")]
_DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Write nothing; show which headline figures would move, before and after.")
]


@app.callback()
def deliveries(
    context: typer.Context,
    form: Annotated[Format, typer.Option("--format", help="table, csv or json.")] = Format.table,
    workspace: WorkspaceOption = None,
) -> None:
    """List the deliveries in the order of receipt, and which contradict each other.

    Example: permille deliveries --workspace city
    """
    context.obj = workspace
    if context.invoked_subcommand is not None:
        return
    from pipeline.precedence import compared_deliveries
    from pipeline.warehouse import Warehouse, WarehouseError

    here = opened(workspace)
    try:
        with Warehouse.open(here.published, read_only=True) as warehouse:
            listed, pairs = _listed(warehouse), compared_deliveries(warehouse)
    except WarehouseError as error:
        fail(str(error))
    if form is not Format.table:
        print_data(listed, form)
        return
    print_table("Deliveries, in the order of receipt", listed.drop("sha256", "saved_at"))
    tell_contradictions(pairs)


def tell_contradictions(pairs: "pl.DataFrame", most: int = 0) -> None:
    """Prints which deliveries contradict each other, a line a pair; editions of a source are one line."""
    from pipeline.precedence import described

    lines = described(pairs)
    for line in lines[: most or None]:
        say(line)
    if most and len(lines) > most:
        typer.echo(f"... and {len(lines) - most} more: 'permille deliveries' lists them.")


@app.command("supersede")
def supersede(
    current: Annotated[str, typer.Argument(help="The delivery that becomes current: number, file, or sha256.")],
    superseded: Annotated[str, typer.Argument(help="The delivery that it supersedes.")],
    by: _By,
    why: _Why,
    dry_run: _DryRun = False,
    workspace: WorkspaceOption = None,
) -> None:
    """Decide that one delivery is current where another states something else.

    The decision is written into the inbox as a delivery of its own: the next run applies it, a rebuild keeps it, and a
    later one undoes it.

    Example: permille deliveries supersede 5 4 --by "A. Analyst" --why "the laboratory's correction"
    """
    _decide("supersede", current, superseded, by=by, why=why, dry_run=dry_run, workspace=workspace)


@app.command("withdraw")
def withdraw(which: _Which, by: _By, why: _Why, dry_run: _DryRun = False, workspace: WorkspaceOption = None) -> None:
    """Decide that nothing of a delivery counts any more. Nothing is deleted: 'restore' undoes it.

    Example: permille deliveries withdraw 4 --by "A. Analyst" --why "samples were mixed up"
    """
    _decide("withdraw", which, None, by=by, why=why, dry_run=dry_run, workspace=workspace)


@app.command("restore")
def restore(which: _Which, by: _By, why: _Why, dry_run: _DryRun = False, workspace: WorkspaceOption = None) -> None:
    """Decide that a withdrawn delivery counts again.

    Example: permille deliveries restore 4 --by "A. Analyst" --why "the laboratory found the samples"
    """
    _decide("restore", which, None, by=by, why=why, dry_run=dry_run, workspace=workspace)


def _listed(warehouse: "Warehouse") -> "pl.DataFrame":
    return warehouse.query(
        "select receipt_number as number, received_at, file_name, profile, status, n_rows, n_accepted, n_quarantined,"
        " place, is_withdrawn, saved_at, delivery_id as sha256 from deliveries order by receipt_number"
    )


def _decide(
    decision: str, which: str, other: str | None, *, by: str, why: str, dry_run: bool, workspace: Path | None
) -> None:
    from pipeline.receipts import utc_now
    from pipeline.warehouse import Warehouse, WarehouseError

    here = opened(workspace)
    if not by.strip() or len(why.strip()) < 3:
        fail("--by names who decides, and --why says in three letters or more why.", WRONG_USAGE)
    try:
        with Warehouse.open(here.published, read_only=True) as warehouse:
            listed = _listed(warehouse)
    except WarehouseError as error:
        fail(str(error))
    target = _meant(listed, which)
    against = None if other is None else _meant(listed, other)
    _require_sense(decision, target, against)
    rows = _as_rows(decision, target, against, by=by.strip(), why=why.strip(), at=utc_now())
    said = {
        "supersede": f"{_called(target)} becomes current" + (f", and supersedes {_called(against)}" if against else ""),
        "withdraw": f"{_called(target)} is withdrawn",
        "restore": f"{_called(target)} counts again",
    }[decision]
    if dry_run:
        _rehearse(here, rows, said)
        return
    file = _written(rows, here.inbox)
    say(f"Written to {file}: {said}. Apply it: permille run")


def _rehearse(here: "Workspace", rows: "pl.DataFrame", said: str) -> None:
    """Shows what a decision would move; nothing is written into the workspace."""
    import tempfile

    from commands.restatements import print_lines
    from dashboards.restatements import between
    from pipeline.estimates import PeriodError
    from pipeline.rehearsal import rehearsed
    from pipeline.restatements import last_published

    def tell(line: str) -> None:
        typer.echo(f"  {line}", err=True)

    try:
        with (
            tempfile.TemporaryDirectory(prefix="permille-") as folder,
            rehearsed(here, _written(rows, Path(folder)), tell) as (warehouse, edition),
        ):
            before = last_published(here.published, here.settings)
            moved = None if before is None else between(warehouse, before, edition)
            is_about_sites = _holds_sites(warehouse, [rows["delivery"].item(), rows["supersedes"].item()])
    except PeriodError as error:
        fail(f"{said}: the next run would fail: {error}.")
    say(f"Dry run, nothing was written. {said}:")
    print_lines(moved, before="what is published")
    if is_about_sites:
        typer.echo(
            "It lists sites, or decides which site is meant: a run judges the rows of these sites anew, which was not"
            " rehearsed.",
            err=True,
        )


def _holds_sites(warehouse: "Warehouse", ids: list[str]) -> bool:
    """Whether any of some deliveries lists sites, or decides which site is meant."""
    found = warehouse.query(
        "select 1 from (select delivery_id from sites union all select delivery_id from site_decisions)"
        " where list_contains($ids, delivery_id) limit 1",
        {"ids": ids},
    )
    return found.height > 0


def _as_rows(
    decision: str, target: "dict[str, Any]", other: "dict[str, Any] | None", *, by: str, why: str, at: "datetime"
) -> "pl.DataFrame":
    """A decision as a row of the layout permille-delivery-decisions."""
    import polars as pl

    return pl.DataFrame(
        {
            "decision": [decision],
            "delivery": [target["sha256"]],
            "supersedes": [other["sha256"] if other else ""],
            "why": [why],
            "who": [by],
            "date": [at.date().isoformat()],
            # Not read: so that the same decision, made again, is another delivery.
            "written_at": [at.isoformat(timespec="microseconds")],
        }
    )


def _written(rows: "pl.DataFrame", inbox: Path) -> Path:
    from dashboards.downloads import write_delivery

    made = rows["written_at"].item().translate({ord(sign): None for sign in "-:."})
    file = inbox / f"decision-{made}.csv"
    write_delivery(rows, file)
    return file


def _meant(listed: "pl.DataFrame", named: str) -> "dict[str, Any]":
    """The delivery meant by a number, a file's name or the start of a sha256; ends where it is none or several."""
    import polars as pl

    by_number = listed.filter(pl.col("number") == int(named)) if named.isdecimal() and len(named) < _SHORTEST else None
    if by_number is not None and by_number.height:
        return by_number.row(0, named=True)
    found = listed.filter(pl.col("file_name") == named)
    if found.is_empty() and len(named) >= _SHORTEST:
        found = listed.filter(pl.col("sha256").str.starts_with(named.lower()))
    if found.is_empty():
        fail(f"there is no delivery {named!r}: 'permille deliveries' lists them with their numbers.", WRONG_USAGE)
    if found.height > 1:
        numbers = ", ".join(str(number) for number in found["number"])
        fail(f"{named!r} is the name of several deliveries: name one by its number: {numbers}.", WRONG_USAGE)
    return found.row(0, named=True)


def _called(row: "dict[str, Any]") -> str:
    from pipeline.receipts import called

    return called(row["file_name"], row["number"])


def _require_sense(decision: str, target: "dict[str, Any]", other: "dict[str, Any] | None") -> None:
    """Ends where a decision would change nothing for sure."""
    if other is not None and other["sha256"] == target["sha256"]:
        fail(f"{_called(target)} is named twice: name the delivery that it supersedes.", WRONG_USAGE)
    if decision == "withdraw" and target["is_withdrawn"]:
        fail(f"{_called(target)} is withdrawn already.", WRONG_USAGE)
    if decision == "restore" and not target["is_withdrawn"]:
        fail(f"{_called(target)} is not withdrawn: there is nothing to restore.", WRONG_USAGE)
    if decision == "withdraw" and target["profile"] == "permille-delivery-decisions":
        fail(f"{_called(target)} holds decisions: undo them by a later one ('supersede', 'restore').", WRONG_USAGE)
