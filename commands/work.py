"""The commands that make a workspace, take in what is delivered, compute, publish, and say how it stands."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from commands.changes import print_changes
from commands.common import (
    FAILED,
    QUARANTINED,
    SIMULATED_DATA,
    Level,
    MostOption,
    StatusFormat,
    WorkspaceOption,
    fail,
    fail_to_read,
    named,
    opened,
    opened_if_there,
    print_messages,
    print_table,
    say,
    warn_of_broken_files,
    warn_of_inbox,
)
from commands.deliveries import tell_contradictions
from commands.figures import markers_of
from commands.interrupts import interruptible
from commands.plausibility import print_counts
from commands.restatements import print_moved

if TYPE_CHECKING:
    from pipeline.settings import Workspace


def init(workspace: WorkspaceOption = None) -> None:
    """Make a workspace: a folder with permille.toml, an inbox, and folders for what is your own.

    Example: permille init --workspace city
    """
    from pipeline.settings import SETTINGS_FILE, workspace_folder

    was_there = (workspace_folder(named(workspace)) / SETTINGS_FILE).is_file()
    made = _make(workspace)
    typer.echo(f"Workspace {made.folder}{' (it was there already; nothing was changed)' if was_there else ''}")
    typer.echo(f"Lay deliveries into {made.inbox}, then: permille run --workspace {made.folder}")


NoWaitOption = Annotated[
    bool, typer.Option("--no-wait", help="Where another run works in the workspace, end at once instead of waiting.")
]


def demo(
    workspace: WorkspaceOption = None,
    no_wait: NoWaitOption = False,
    seed: Annotated[
        int | None, typer.Option(help="Seed of the simulated city: the same seed gives the same files.", min=0)
    ] = None,
) -> None:
    """A simulated city, from its laboratories' files to published pages.

    Example: permille demo --workspace demo
    """
    from pipeline.simulation import TARGETS, simulate_city, write_deliveries, write_receipts

    here = _make(workspace, {"title": "A simulated city"}, targets=TARGETS)
    strangers = [path.name for path in sorted(here.inbox.iterdir()) if not path.name.startswith(("simulated-", "."))]
    if strangers:
        fail(
            f"{here.inbox} holds deliveries that are not simulated ({strangers[0]}): name another folder by"
            " --workspace."
        )
    city = simulate_city() if seed is None else simulate_city(seed)
    typer.echo(f"Writing the deliveries of a simulated city (seed {city.seed}) into {here.inbox} ...")
    with tempfile.TemporaryDirectory() as beside:
        for file in write_deliveries(city, Path(beside)):
            there = here.inbox / file.name
            if there.is_file() and there.read_bytes() != file.read_bytes():
                fail(f"{here.inbox} holds another simulated city: name another folder by --workspace.")
    files = write_deliveries(city, here.inbox)
    write_receipts(files, here)
    typer.echo(f"{len(files)} deliveries of simulated laboratories written.")
    number_before = _last_edition(here)
    _run(here, may_wait=not no_wait)
    _print_headline(here)
    print_moved(here.published, number_before)


def run(workspace: WorkspaceOption = None, no_wait: NoWaitOption = False) -> None:
    """Take in what is in the inbox, compute, publish.

    One run at a time works in a workspace: another one waits until it has ended.

    Example: permille run --workspace city
    """
    from pipeline.inbox import InboxError, look_into

    here = opened(workspace)
    try:
        found = look_into(here.inbox)
    except InboxError as error:
        fail(str(error))
    if not found.files and not found.left_out:
        typer.echo(f"The inbox is empty: lay deliveries into {here.inbox}")
    number_before = _last_edition(here)
    taken = _run(here, may_wait=not no_wait)
    _print_headline(here)
    print_moved(here.published, number_before)
    if taken or found.left_out:
        raise typer.Exit(QUARANTINED)


def check(
    file: Annotated[Path, typer.Argument(help="The file to judge.", exists=True, dir_okay=False)],
    profile: Annotated[str | None, typer.Option(help="Name of the profile; found by the headers if left out.")] = None,
    most: MostOption = 50,
    workspace: WorkspaceOption = None,
) -> None:
    """Would this delivery be accepted? Nothing is stored.

    Sites are held against those the workspace knows, where there is one. Exit code 3: some rows would be quarantined;
    1: the whole file would be refused.

    Example: permille check may.csv
    """
    from pipeline.files import shown_name
    from pipeline.intake import beside_published, check_file
    from pipeline.warehouse import WarehouseError
    from schemas.profile import ProfileError

    here = opened_if_there(workspace)
    try:
        delivery = check_file(file, here, profile)
    except (ProfileError, WarehouseError) as error:
        fail(str(error))
    except OSError as error:
        fail_to_read(file, error)
    print_messages(delivery.messages, most)
    row = delivery.record.row(0, named=True)
    is_list = row["n_accepted"] > 0 and set(delivery.accepted) <= {"sites", "areas"}  # held against nothing
    if here is not None and here.published.is_file() and not is_list:
        typer.echo(f"Sites were held against those of workspace {here.folder}.", err=True)
    elif not is_list:
        typer.echo(
            "Sites were not held against a list: there is none yet. 'permille run' quarantines rows of sites that no"
            " delivered list holds.",
            err=True,
        )
    by = f" by profile {row['profile']}" if row["profile"] else ""
    typer.echo(
        f"{shown_name(file.name)}: would be {row['status']}{by}; {row['n_rows']} rows = {row['n_accepted']} accepted"
        f" + {row['n_quarantined']} quarantined"
    )
    if here is not None and here.published.is_file():
        is_known, pairs = beside_published(delivery, here)
        if is_known:
            typer.echo(
                f"This content was received before, as no. {row['receipt_number']}: laid in again it changes nothing."
            )
        tell_contradictions(pairs, most)
    if row["status"] == "refused":
        raise typer.Exit(FAILED)
    if row["status"] == "partly accepted":
        raise typer.Exit(QUARANTINED)


def status(
    workspace: WorkspaceOption = None,
    form: Annotated[StatusFormat, typer.Option("--format", help="table or json.")] = StatusFormat.table,
    most: MostOption = 50,
) -> None:
    """What has been delivered, what is quarantined or implausible, and which flows and populations are missing.

    Example: permille status --workspace city
    """
    from dashboards import labels
    from pipeline.inputs import edition_of
    from pipeline.publication import edition_of_site
    from pipeline.status import status as read_status
    from pipeline.warehouse import Warehouse, WarehouseError

    here = opened(workspace)
    warn_of_broken_files(here)
    warn_of_inbox(here)
    try:
        with Warehouse.open(here.published, read_only=True) as warehouse:
            now, edition = read_status(warehouse), edition_of(warehouse)
    except WarehouseError as error:
        fail(str(error))
    if here.site.exists() and (of_pages := edition_of_site(here.site)) != edition:
        say(
            f"Warning: the pages in {here.site} are of edition {of_pages or 'unknown'}, the published copy of edition"
            f" {edition or 'unknown'}: run 'permille run'.",
            err=True,
        )
    if form is StatusFormat.json:
        import json

        parts = {name: json.loads(frame.write_json()) for name, frame in now._asdict().items()}
        told = {"does_add_up": now.does_add_up, "is_simulated": now.is_simulated}
        typer.echo(json.dumps(parts | told, ensure_ascii=False, indent=2))
        return
    if now.is_simulated:
        n = int(now.deliveries["is_simulated"].sum())
        typer.echo(f"{SIMULATED_DATA}{n} of {labels.things(now.deliveries.height, 'delivery', 'deliveries')}")
    shown = now.deliveries.select("file_name", "profile", "status", "n_rows", "n_accepted", "n_quarantined")
    print_table("Deliveries", shown)
    sums = now.deliveries.select("n_rows", "n_accepted", "n_quarantined").sum().row(0)
    typer.echo(
        f"{sums[0]} rows = {sums[1]} accepted + {sums[2]} quarantined:"
        f" {'nothing is lost' if now.does_add_up else 'ROWS ARE LOST, please report this'}"
    )
    problems = [line for problem in now.deliveries["problem"].drop_nulls() for line in problem.splitlines()]
    held = now.quarantine["message"].unique(maintain_order=True).to_list()
    print_messages([*problems, *(message for message in held if message not in set(problems))], most)
    print_table("Tables", now.tables)
    for row in now.stale_corrections.iter_rows(named=True):
        say(
            f"Correction not applied: {row['site_id']}, {row['residue'] or 'flow'}, {row['sampled_on']}: nobody"
            f" believes the value {row['value_from'] if row['value_from'] is not None else 'below a limit'} any more."
        )
    for row in now.idle_decisions.iter_rows(named=True):
        named = f" ('{row['site_label']}')" if row["site_label"] else ""
        say(
            f"Decision that changes nothing: number {row['site_code']}{named} of {row['numbering'] or 'ours'} is"
            f" {row['site_id']}: no delivery calls a site so, or a more exact decision holds. Correct its number, name,"
            " edition or numbering."
        )
    if now.in_no_figure.height:
        say(
            f"In no figure: {now.in_no_figure['n_results'].sum()} results of {', '.join(now.in_no_figure['residue'])}."
            " No default factor leads from them to a drug: schemas/factors tells from which residue each is computed."
        )
    tell_contradictions(now.contradictions, most)
    for row in now.idle_delivery_decisions.iter_rows(named=True):
        say(
            f"{row['file_name']}, row {row['row_number']}: decision that changes nothing: it names no delivery, or"
            " several. Correct it: 'permille deliveries' lists them with their sha256."
        )
    print_counts(now.implausible)
    counts = dict(now.tables.iter_rows())
    counts["flows"] += counts["flow_readings"]
    lacking = [name for name in ("sites", "populations", "flows", "results") if not counts[name]]
    if lacking and not counts["reported_loads"]:
        typer.echo(f"Not delivered yet: {', '.join(lacking)}. Without them nothing can be estimated.")
    elif now.missing.is_empty():
        typer.echo("No flow and no population is missing.")
    if now.missing.is_empty():
        return
    typer.echo("Missing: results that cannot become loads until these are delivered")
    for row in now.missing.iter_rows(named=True):
        days = labels.things(row["n_days"], "day", "days")
        results = labels.things(row["n_results"], "result", "results")
        typer.echo(f"  {row['site_id']}: {row['missing']} of {days} ({results}): {row['days']}")


def _make(folder: Path | None, settings: dict[str, str] | None = None, *, targets: str = "") -> "Workspace":
    from pipeline.settings import SettingsError, make_workspace, workspace_folder

    try:
        return make_workspace(workspace_folder(named(folder)), settings, targets=targets)
    except SettingsError as error:
        fail(str(error))


def _run(here: "Workspace", *, may_wait: bool) -> bool:
    """Runs the job; True where a delivery of this run has rows in quarantine or was refused."""
    from assets.run import RunFailedError, run_monitoring

    try:
        with interruptible("interrupted. What is published stays whole; the next run takes up what is left."):
            outcome = run_monitoring(here, tell=typer.echo, may_wait=may_wait)
    except RunFailedError as error:
        fail(str(error))
    return outcome


def _last_edition(here: "Workspace") -> int:
    from pipeline.restatements import last_number

    return last_number(here.published)


def _print_headline(here: "Workspace") -> None:
    import polars as pl

    from dashboards import labels
    from pipeline import estimates
    from pipeline.factors import with_factor_status
    from pipeline.status import n_without_load
    from pipeline.warehouse import Warehouse

    with Warehouse.open(here.published, read_only=True) as warehouse:
        rows = estimates.of_comparison(
            warehouse.read("changes").filter(
                (pl.col("level") == "network") & (pl.col("protocol") == here.settings.protocol)
            ),
            estimates.chosen_periods(warehouse, here.settings),
        )
        rows = with_factor_status(warehouse, rows)
        compared = rows["baseline_period"].to_list() + rows["current_period"].to_list()
        markers = markers_of(warehouse, rows, sorted(set(compared)))
        missing = n_without_load(warehouse)
        n_implausible = warehouse.count("plausibility")
    if rows.is_empty():
        typer.echo("No change can be computed yet: see 'permille status' for what is missing.")
    else:
        typer.echo("")
        print_changes(rows.sort("drug"), Level.network, markers)
    if missing:
        typer.echo(
            f"{labels.things(missing, 'result lacks', 'results lack')} a flow or a population: see 'permille status'."
        )
    if n_implausible:
        typer.echo(
            f"{labels.things(n_implausible, 'finding', 'findings')} of plausibility want looking at:"
            " 'permille plausibility' lists them."
        )
    typer.echo(f"Page: {here.site / 'index.html'}")
