"""The front door: the command line. It reads options, calls the layers behind it and prints; nothing is computed here.

What a command needs is imported when it runs, so that `permille --help` answers at once.
"""

import sys
import tempfile
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import date
    from typing import Any

    import polars as pl

    from pipeline.explain import Archive, DayExplained, Part, PeriodExplained, Source
    from pipeline.explain_area import AreaExplained
    from pipeline.factors import Now
    from pipeline.places import Questions
    from pipeline.settings import Workspace
    from pipeline.warehouse import Warehouse

DONE, FAILED, WRONG_USAGE, QUARANTINED = 0, 1, 2, 3

app = typer.Typer(
    name="permille",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help=(
        "From drug residues in wastewater to consumption per 1000 inhabitants and day, and how far it has fallen.\n\n"
        "A workspace is a folder with permille.toml, inbox/, the warehouse and site/: --workspace DIR, else the"
        " variable PERMILLE_WORKSPACE, else ./workspace.\n\n"
        "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 done but rows were quarantined."
    ),
)

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


class StatusFormat(StrEnum):
    """How the state of a workspace is printed: several tables at once, so not as CSV."""

    table = "table"
    json = "json"


class Level(StrEnum):
    """What a change is of."""

    site = "site"
    area = "area"
    network = "network"


def _print_version(is_asked: bool) -> None:
    if is_asked:
        from importlib.metadata import version

        typer.echo(f"permille {version('permille')}")
        raise typer.Exit


@app.callback()
def common(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and end.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Options of all commands stand with each command."""


@app.command()
def init(workspace: WorkspaceOption = None) -> None:
    """Make a workspace: a folder with permille.toml, an inbox, and folders for what is your own.

    Example: permille init --workspace city
    """
    from assets.resources import workspace_folder
    from pipeline.settings import SETTINGS_FILE

    was_there = (workspace_folder(_named(workspace)) / SETTINGS_FILE).is_file()
    made = _make(workspace)
    typer.echo(f"Workspace {made.folder}{' (it was there already; nothing was changed)' if was_there else ''}")
    typer.echo(f"Lay deliveries into {made.inbox}, then: permille run --workspace {made.folder}")


@app.command()
def demo(
    workspace: WorkspaceOption = None,
    seed: Annotated[
        int | None, typer.Option(help="Seed of the simulated city: the same seed gives the same files.", min=0)
    ] = None,
) -> None:
    """A simulated city, from its laboratories' files to published pages.

    Example: permille demo --workspace demo
    """
    from pipeline.simulation import simulate_city, write_deliveries

    here = _make(workspace, {"title": "A simulated city"})
    strangers = [path.name for path in sorted(here.inbox.iterdir()) if not path.name.startswith(("simulated-", "."))]
    if strangers:
        _fail(
            f"{here.inbox} holds deliveries that are not simulated ({strangers[0]}): name another folder by"
            " --workspace."
        )
    city = simulate_city() if seed is None else simulate_city(seed)
    typer.echo(f"Writing the deliveries of a simulated city (seed {city.seed}) into {here.inbox} ...")
    with tempfile.TemporaryDirectory() as beside:
        for file in write_deliveries(city, Path(beside)):
            there = here.inbox / file.name
            if there.is_file() and there.read_bytes() != file.read_bytes():
                _fail(f"{here.inbox} holds another simulated city: name another folder by --workspace.")
    files = write_deliveries(city, here.inbox)
    typer.echo(f"{len(files)} deliveries of simulated laboratories written.")
    _run(here)
    _print_headline(here)


@app.command()
def run(workspace: WorkspaceOption = None) -> None:
    """Take in what is in the inbox, compute, publish.

    Example: permille run --workspace city
    """
    from pipeline.inbox import list_inbox

    here = _open(workspace)
    if not list_inbox(here.inbox):
        typer.echo(f"The inbox is empty: lay deliveries into {here.inbox}")
    taken = _run(here)
    _print_headline(here)
    if taken:
        raise typer.Exit(QUARANTINED)


@app.command()
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
    from pipeline.intake import check_file
    from pipeline.warehouse import WarehouseError
    from schemas.profile import ProfileError

    here = _open_if_there(workspace)
    try:
        delivery = check_file(file, here, profile)
    except (ProfileError, WarehouseError) as error:
        _fail(str(error))
    _print_messages(delivery.messages, most)
    row = delivery.record.row(0, named=True)
    if here is not None and here.published.is_file():
        typer.echo(f"Sites were held against those of workspace {here.folder}.", err=True)
    else:
        typer.echo(
            "Sites were not held against a list: there is none yet. 'permille run' quarantines rows of sites that no"
            " delivered list holds.",
            err=True,
        )
    by = f" by profile {row['profile']}" if row["profile"] else ""
    typer.echo(
        f"{file.name}: would be {row['status']}{by}; {row['n_rows']} rows = {row['n_accepted']} accepted"
        f" + {row['n_quarantined']} quarantined"
    )
    if row["status"] == "refused":
        raise typer.Exit(FAILED)
    if row["status"] == "partly accepted":
        raise typer.Exit(QUARANTINED)


@app.command()
def status(
    workspace: WorkspaceOption = None,
    form: Annotated[StatusFormat, typer.Option("--format", help="table or json.")] = StatusFormat.table,
    most: MostOption = 50,
) -> None:
    """What has been delivered, what is quarantined, and which flows and populations are missing.

    Example: permille status --workspace city
    """
    from pipeline.status import status as read_status
    from pipeline.warehouse import Warehouse, WarehouseError

    here = _open(workspace)
    try:
        with Warehouse.open(here.published, read_only=True) as warehouse:
            now = read_status(warehouse)
    except WarehouseError as error:
        _fail(str(error))
    if form is StatusFormat.json:
        import json

        parts = {name: json.loads(frame.write_json()) for name, frame in now._asdict().items()}
        typer.echo(json.dumps(parts | {"does_add_up": now.does_add_up}, ensure_ascii=False, indent=2))
        return
    shown = now.deliveries.select("file_name", "profile", "status", "n_rows", "n_accepted", "n_quarantined")
    _print_table("Deliveries", shown)
    sums = now.deliveries.select("n_rows", "n_accepted", "n_quarantined").sum().row(0)
    typer.echo(
        f"{sums[0]} rows = {sums[1]} accepted + {sums[2]} quarantined:"
        f" {'nothing is lost' if now.does_add_up else 'ROWS ARE LOST, please report this'}"
    )
    problems = [line for problem in now.deliveries["problem"].drop_nulls() for line in problem.splitlines()]
    held = now.quarantine["message"].unique(maintain_order=True).to_list()
    _print_messages([*problems, *(message for message in held if message not in set(problems))], most)
    _print_table("Tables", now.tables)
    for row in now.stale_corrections.iter_rows(named=True):
        _say(
            f"Correction not applied: {row['site_id']}, {row['residue'] or 'flow'}, {row['sampled_on']}: nobody"
            f" believes the value {row['value_from'] if row['value_from'] is not None else 'below a limit'} any more."
        )
    for row in now.idle_decisions.iter_rows(named=True):
        named = f" ('{row['site_label']}')" if row["site_label"] else ""
        _say(
            f"Decision that changes nothing: number {row['site_code']}{named} of {row['numbering'] or 'ours'} is"
            f" {row['site_id']}: no delivery calls a site so, or a more exact decision holds. Correct its number, name,"
            " edition or numbering."
        )
    if now.in_no_figure.height:
        _say(
            f"In no figure: {now.in_no_figure['n_results'].sum()} results of {', '.join(now.in_no_figure['residue'])}."
            " No default factor leads from them to a drug: schemas/factors tells from which residue each is computed."
        )
    for row in now.disputed.head(most or now.disputed.height).iter_rows(named=True):
        _say(
            f"Stated differently at the very same moment: {row['table_name']}, {row['site_id']},"
            f" {row['residue'] or ''} {row['occasion']}: {row['earlier_value']} in {row['earlier_file']},"
            f" {row['value']} in {row['file_name']}. The latter is believed, for no reason:"
            " correct it (layout permille-corrections),"
            " or ask for a new file."
        )
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
        typer.echo(
            f"  {row['site_id']}: {row['missing']} of {row['n_days']} days ({row['n_results']} results): {row['days']}"
        )


@app.command()
def change(
    protocol: Annotated[str | None, typer.Option(help="Protocol, or all; the settings' if left out.")] = None,
    baseline: Annotated[str | None, typer.Option(help="2023, 2023-Q1 or 2023-03; the settings' if left out.")] = None,
    current: Annotated[str | None, typer.Option(help="2024, 2024-Q1 or 2024-03; the settings' if left out.")] = None,
    level: Annotated[Level, typer.Option(help="Of each site, of each area, or of all sites together.")] = Level.network,
    form: Annotated[Format, typer.Option("--format", help="table, csv or json.")] = Format.table,
    workspace: WorkspaceOption = None,
) -> None:
    """How far has each drug fallen or risen, over the same sites?

    Example: permille change --protocol euda --baseline 2023 --current 2024 --level area --format csv
    """
    import polars as pl

    from pipeline import estimates
    from pipeline.factors import with_factor_status
    from pipeline.settings import SettingsError, all_protocols, is_period
    from pipeline.warehouse import Warehouse, WarehouseError
    from schemas.protocol import ProtocolError

    for period in (baseline, current):
        if period and not is_period(period):
            _fail(f"{period!r} is no period: write 2023, 2023-Q1 or 2023-03.", WRONG_USAGE)
    here = _open(workspace)
    try:
        with Warehouse.open(here.published, read_only=True) as warehouse:
            known = warehouse.query("select protocol from protocols order by protocol")["protocol"].to_list()
            wanted = protocol or here.settings.protocol
            if wanted not in (*known, "all"):
                if wanted in [protocol.protocol for protocol in all_protocols(here)]:
                    _fail(f"nothing is published by protocol {wanted!r} yet: run 'permille run' first.")
                _fail(f"there is no protocol {wanted!r}; there are {', '.join(known)}.", WRONG_USAGE)
            chosen = estimates.chosen_periods(warehouse, here.settings) if not (baseline and current) else None
            if chosen is None and not (baseline and current):
                _fail("there are no two periods to compare yet: see 'permille status' for what is missing.")
            if not estimates.periods(warehouse):
                _fail("there is no estimate yet: see 'permille status' for what is missing.")
            from_, to = chosen or ("", "")
            rows = with_factor_status(warehouse, estimates.changes_between(warehouse, baseline or from_, current or to))
    except (WarehouseError, SettingsError, ProtocolError, estimates.PeriodError) as error:
        _fail(str(error))
    rows = rows.filter(
        (pl.col("level") == level.value) & pl.col("protocol").is_in(known if wanted == "all" else [wanted])
    )
    rows = rows.sort("protocol", "drug", "unit_id")
    if form is not Format.table:
        _print_data(rows, form)
    else:
        _print_changes(rows, level)


@app.command()
def levels(
    level: Annotated[Level, typer.Option(help="Of each site, of each area, or of all sites together.")] = Level.network,
    period: Annotated[
        str | None, typer.Option(help="2024, 2024-Q1 or 2024-03; the settings' current if left out.")
    ] = None,
    drug: Annotated[str | None, typer.Option(help="One drug; all if left out.")] = None,
    protocol: Annotated[str | None, typer.Option(help="One protocol; all, side by side, if left out.")] = None,
    form: Annotated[Format, typer.Option("--format", help="table, csv or json.")] = Format.table,
    workspace: WorkspaceOption = None,
) -> None:
    """How much of each drug, by every protocol side by side? Which choice makes which figure.

    Example: permille levels --drug cocaine --level area --period 2024
    """
    from pipeline import estimates
    from pipeline.settings import SettingsError
    from pipeline.warehouse import Warehouse, WarehouseError

    here = _open(workspace)
    try:
        with Warehouse.open(here.published, read_only=True) as warehouse:
            of, there = _period_of(warehouse, here, period)
            rows = estimates.levels_side_by_side(warehouse, level.value, of)
    except (WarehouseError, SettingsError, estimates.PeriodError) as error:
        _fail(str(error))
    for name, asked in (("protocol", protocol), ("drug", drug.casefold() if drug else None)):
        known = there if name == "protocol" else sorted(rows["drug"].unique())
        if asked and asked not in known:
            _fail(f"there is no {name} {asked!r} in {of}; there are {', '.join(known) or 'none'}.", WRONG_USAGE)
        rows = rows.filter(rows[name] == asked) if asked else rows
    if form is not Format.table:
        _print_data(rows, form)
    else:
        _print_levels(rows, level, of)


@app.command()
def totals(
    level: Annotated[Level, typer.Option(help="Of each site, of each area, or of all sites together.")] = Level.network,
    period: Annotated[
        str | None, typer.Option(help="2024, 2024-Q1 or 2024-03; the settings' current if left out.")
    ] = None,
    protocol: Annotated[str | None, typer.Option(help="Protocol; the settings' if left out.")] = None,
    form: Annotated[Format, typer.Option("--format", help="table, csv or json.")] = Format.table,
    workspace: WorkspaceOption = None,
) -> None:
    """How many doses of all drugs together, and of which? Milligrams of different drugs are never added.

    Example: permille totals --level area --period 2024
    """
    import polars as pl

    from pipeline import estimates
    from pipeline.settings import SettingsError
    from pipeline.warehouse import Warehouse, WarehouseError

    here = _open(workspace)
    wanted = protocol or here.settings.protocol
    try:
        with Warehouse.open(here.published, read_only=True) as warehouse:
            of, _ = _period_of(warehouse, here, period)
            basis = dict(warehouse.query("select protocol, basis from protocols order by protocol").iter_rows())
            rows = warehouse.query(
                "select * from dose_totals where level = $level and period = $period and protocol = $protocol"
                " order by doses_per_day_per_1000 desc nulls last, unit_id",
                {"level": level.value, "period": of, "protocol": wanted},
            )
            doses = warehouse.query(
                "select d.drug, d.dose_mg, d.dose_status from doses d join protocols p using (factor_set)"
                " where p.protocol = $protocol order by d.drug",
                {"protocol": wanted},
            )
    except (WarehouseError, SettingsError, estimates.PeriodError) as error:
        _fail(str(error))
    if wanted not in basis:
        _fail(f"there is no protocol {wanted!r}; there are {', '.join(basis)}.", WRONG_USAGE)
    if basis[wanted] != "consumption":
        able = ", ".join(name for name, what in basis.items() if what == "consumption")
        _fail(f"protocol {wanted!r} gives residue loads, which are no doses; {able} give consumption.", WRONG_USAGE)
    if form is not Format.table:
        _print_data(rows, form)
    else:
        in_one = rows["drugs"].explode(empty_as_null=False).unique()
        _print_totals(rows, doses.filter(pl.col("drug").is_in(in_one.to_list())), level, of, wanted)


profiles_app = typer.Typer(no_args_is_help=True, help="Profiles: how a sender writes.")
app.add_typer(profiles_app, name="profile")


@profiles_app.command("new")
def profile_new(
    file: Annotated[Path, typer.Argument(help="A file of the sender.", exists=True, dir_okay=False)],
    name: Annotated[str, typer.Option(help="Name of the profile: small letters, digits and hyphens.")] = "new-sender",
    output: Annotated[Path | None, typer.Option(help="Where to write it; printed if left out.")] = None,
) -> None:
    """Draft a profile from a file: what can be seen is written down, what cannot is left to you, and said.

    Example: permille profile new may.xlsx --name north-lab --output city/profiles/north-lab.toml
    """
    import re

    from pipeline.findings import DeliveryError
    from pipeline.reading.draft import draft_profile

    if not re.fullmatch(r"[a-z0-9-]+", name):
        _fail(f"{name!r} is no name of a profile: small letters, digits and hyphens.", WRONG_USAGE)
    if output is not None and output.exists():
        _fail(f"{output} is there already: name another file, or remove it.")
    try:
        draft = draft_profile(file.read_bytes(), file.name, name)
    except DeliveryError as error:
        _fail(str(error))
    if output is None:
        for line in draft.text.splitlines():
            _say(line)
    else:
        output.write_text(draft.text, encoding="utf-8")
        typer.echo(f"Draft written to {output}")
    typer.echo("\nTo decide before it can be used:", err=True)
    for line in draft.to_decide:
        _say(f"- {line}", err=True)
    typer.echo("Then: permille profile test PROFILE FILE", err=True)


@profiles_app.command("test")
def profile_test(
    profile: Annotated[Path, typer.Argument(help="The profile's file.", exists=True, dir_okay=False)],
    file: Annotated[Path, typer.Argument(help="A file of the sender.", exists=True, dir_okay=False)],
    most: MostOption = 20,
) -> None:
    """Read a file by a profile and show what was read beside what stands in it. Nothing is stored.

    Example: permille profile test city/profiles/north-lab.toml may.xlsx
    """
    from datetime import UTC, datetime

    from pipeline.deliveries import read_and_judge
    from schemas.profile import ProfileError, load_profile

    try:
        known = load_profile(profile)
    except ProfileError as error:
        _fail(str(error))
    delivery = read_and_judge(
        file.read_bytes(), file.name, profiles={known.name: known}, known_sites=None, profile_name=known.name,
        received_at=datetime.now(UTC).replace(tzinfo=None),
    )  # fmt: skip
    from_file = ("sheet", "row_number", "source_cell", "value_as_written", "unit_as_written")
    kept = ("delivery_id", "is_simulated", "source_column", "sampling_year")
    for table, rows in delivery.accepted.items():
        own = [name for name in rows.columns if name not in (*from_file, *kept)]
        shown = rows.select(*from_file, *(name for name in own if rows[name].null_count() < rows.height))
        shown = shown.head(most or rows.height)
        first = f", the first {shown.height}" if shown.height < rows.height else ""
        _print_table(f"\n{table}: {rows.height} rows{first}", shown)
    _print_messages(delivery.messages, most)
    row = delivery.record.row(0, named=True)
    typer.echo(f"{row['n_rows']} rows = {row['n_accepted']} accepted + {row['n_quarantined']} quarantined")
    if delivery.status == "refused":
        raise typer.Exit(FAILED)
    if delivery.status == "partly accepted":
        raise typer.Exit(QUARANTINED)


fetch_app = typer.Typer(no_args_is_help=True, help="Fetch published data. No other command asks the network.")
app.add_typer(fetch_app, name="fetch")


@fetch_app.command("euda")
def fetch_euda(
    data_url: Annotated[str, typer.Option(help="Address of the data file; the settings' if left out.")] = "",
    sites_url: Annotated[str, typer.Option(help="Address of the site table; the settings' if left out.")] = "",
    workspace: WorkspaceOption = None,
) -> None:
    """Download the European Union Drugs Agency's data file and site table into the inbox: both, or neither.

    The addresses change with each yearly release: euda_data_url and euda_sites_url in permille.toml. What was fetched
    from where stands in the workspace's fetched.jsonl.

    Example: permille fetch euda --workspace europe

    Example: permille fetch euda --data-url https://.../all-data.csv --sites-url https://.../sites.csv
    """
    from pipeline import fetch as fetching
    from schemas.profile import ProfileError

    here = _open(workspace)
    is_terminal = sys.stderr.isatty()

    def progress(text: str) -> None:
        if is_terminal:  # in place of the line before; an empty one takes it away
            typer.echo(f"\r\x1b[K{text}", err=True, nl=False)

    try:
        try:
            fetched = fetching.fetch_euda(here, data_url=data_url, sites_url=sites_url, progress=progress)
        finally:
            progress("")
    except (fetching.FetchError, ProfileError) as error:
        _fail(str(error))
    for file in fetched:
        size = f"{file.size_bytes:,} bytes, profile {file.profile}"
        what = "laid into the inbox" if file.is_new else "unchanged, nothing was written"
        _say(f"{file.what}: {what}: {file.file} ({size}; licence: {file.licence or 'not stated'})")
        if file.beside is not None:
            _say(
                f"  Another content under the same headers was delivered before: {file.beside}. If that is another"
                " release, numbers may have come to mean other places: after the run 'permille sites questions' tells"
                " which wait for your decision."
            )
    if any(file.is_new for file in fetched):
        typer.echo(f"Then: permille run --workspace {here.folder}")


@app.command()
def explain(
    site: Annotated[
        str,
        typer.Argument(help="The site, as in the table sites; with --period also an area, or network for all sites."),
    ],
    drug: Annotated[str, typer.Argument(help="The drug, as in 'permille change'.")],
    day: Annotated[str | None, typer.Argument(help="The day: 2025-03-11. Or name a period by --period.")] = None,
    period: Annotated[str | None, typer.Option(help="2025, 2025-Q1 or 2025-03, in place of a day.")] = None,
    protocol: Annotated[str | None, typer.Option(help="Protocol; the settings' if left out.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print all of it as JSON.")] = False,
    workspace: WorkspaceOption = None,
) -> None:
    """Where does a figure come from? File, sheet, cell, and each step of the formula with its numbers.

    Example: permille explain sim-08 methamphetamine 2025-03-11
    """
    from pipeline import explain as explaining
    from pipeline.explain_area import explain_area, level_of
    from pipeline.settings import is_period
    from pipeline.warehouse import Warehouse, WarehouseError

    if (day is None) == (period is None):
        _fail("name a day, or a period by --period.", WRONG_USAGE)
    if period is not None and not is_period(period):
        _fail(f"{period!r} is no period: write 2023, 2023-Q1 or 2023-03.", WRONG_USAGE)
    here = _open(workspace)
    chosen = protocol or here.settings.protocol
    try:
        with Warehouse.open(here.published, read_only=True) as warehouse:
            if period is not None and level_of(warehouse, site):
                _print_area(explain_area(warehouse, site, drug.lower(), period, chosen), as_json=as_json)
                return
            if period is not None:
                of_period = explaining.explain_period(warehouse, _archive(here), site, drug.lower(), period, chosen)
            else:
                of_day = explaining.explain_day(warehouse, _archive(here), site, drug.lower(), _day(day or ""), chosen)
    except (WarehouseError, explaining.ExplainError) as error:
        _fail(str(error))
    if period is not None:
        _print_period(of_period, as_json=as_json)
    else:
        _print_day(of_day, as_json=as_json)


@app.command()
def history(
    site: Annotated[str, typer.Argument(help="The site, as in the table sites.")],
    residue: Annotated[str, typer.Argument(help="The residue measured, as in the table residues.")],
    day: Annotated[str, typer.Argument(help="The day: 2025-03-11.")],
    workspace: WorkspaceOption = None,
) -> None:
    """What was believed of a result, and when: every delivery that said something of it.

    Example: permille history sim-08 methamphetamine 2025-03-11
    """
    from pipeline import explain as explaining
    from pipeline.warehouse import Warehouse, WarehouseError

    here = _open(workspace)
    try:
        with Warehouse.open(here.published, read_only=True) as warehouse:
            found = explaining.history(warehouse, _archive(here), site, residue.lower(), _day(day))
    except (WarehouseError, explaining.ExplainError) as error:
        _fail(str(error))
    for source in found:
        typer.echo(f"{source.received_at[:19]}  {source.value or source.details.get('qualifier', '')}  (believed"
                   f" {source.details['believed'][:25]})")  # fmt: skip
        _print_source(source)


factors_app = typer.Typer(no_args_is_help=True, help="Factor sets: what leads from a residue back to a drug.")
app.add_typer(factors_app, name="factors")


@factors_app.command("list")
def factors_list(
    factor_set: Annotated[
        str | None, typer.Option("--set", help="Name of the set; that of the settings' protocol if left out.")
    ] = None,
    form: Annotated[Format, typer.Option("--format", help="table, csv or json.")] = Format.table,
    workspace: WorkspaceOption = None,
) -> None:
    """The factors of a set: excreted fraction, correction factor, dose, status, evidence and source.

    Works without a workspace, on the shipped sets.

    Example: permille factors list --set older
    """
    from pipeline import factors
    from pipeline.settings import Settings, all_protocols
    from schemas.protocol import ProtocolError
    from schemas.reference_data import FactorError, factor_sets

    here = _open_if_there(workspace)
    own = here.factors if here else None
    try:
        wanted = factor_set
        if wanted is None:
            protocol = here.settings.protocol if here else Settings.model_fields["protocol"].default
            wanted = next(known.factor_set for known in all_protocols(here) if known.protocol == protocol)
        sets = list(factor_sets(own))
        rows = factors.factor_set(wanted, own)
    except (FactorError, ProtocolError) as error:
        _fail(str(error))
    if form is not Format.table:
        _print_data(rows, form)
        return
    _print_factors(rows)
    _say(f"Set {wanted}; there are {', '.join(sets)}. To compare two: permille factors diff {sets[0]} {sets[-1]}")


@factors_app.command("diff")
def factors_diff(
    a: Annotated[str, typer.Argument(help="Name of a set.")],
    b: Annotated[str, typer.Argument(help="Name of another.")],
    form: Annotated[Format, typer.Option("--format", help="table, csv or json.")] = Format.table,
    workspace: WorkspaceOption = None,
) -> None:
    """What do two factor sets say otherwise, and what would each make of the current figures?

    The figures are the network's means of the current period by the protocol of the settings, where some are published.

    Example: permille factors diff 2026 older
    """
    from pipeline import factors
    from pipeline.estimates import PeriodError
    from pipeline.warehouse import Warehouse, WarehouseError
    from schemas.reference_data import FactorError

    here = _open_if_there(workspace)
    try:
        now = None
        if here is not None and here.published.is_file():
            with Warehouse.open(here.published, read_only=True) as warehouse:
                now = factors.published_now(warehouse, here.settings)
        rows = factors.compared(a, b, here.factors if here else None, now)
    except (FactorError, WarehouseError, PeriodError) as error:
        _fail(str(error))
    if form is not Format.table:
        _print_data(rows, form)
    else:
        _print_comparison(a, b, rows, now)


sites_app = typer.Typer(no_args_is_help=True, help="Sites: which of ours a sender's number stands for.")
app.add_typer(sites_app, name="sites")


@sites_app.command("questions")
def sites_questions(
    form: Annotated[Format, typer.Option("--format", help="table, csv or json.")] = Format.table,
    workspace: WorkspaceOption = None,
) -> None:
    """Which numbers are in doubt, and what speaks for what? Their rows wait in quarantine.

    Example: permille sites questions --workspace europe
    """
    found, _ = _questions(workspace)
    if form is not Format.table:
        _print_data(found.open, form)
        return
    if found.open.is_empty():
        typer.echo("No number is in doubt.")
    for row in found.open.iter_rows(named=True):
        edition = f" of edition {row['release']}" if row["release"] else ""
        whose = f" of {row['numbering']}" if row["numbering"] else ""
        said = f"site {row['site_id']}" if row["site_id"] else "nothing"
        _say(f"{row['site_code']} ('{row['site_label'] or ''}'){whose}{edition}: the evidence speaks for {said}:"
             f" {row['evidence']}")  # fmt: skip
    for row in found.perhaps_one.iter_rows(named=True):
        _say(
            f"Perhaps one site: {row['site_id']} and {row['other_site_id']}: {row['n_same']} of {row['n_shared']}"
            " values stated for both are the same. A decision with the other's site_id makes them one."
        )
    if found.open.height:
        typer.echo(f"{found.open.height} numbers wait. To decide them: permille sites propose FILE --by YOUR-NAME")


@sites_app.command("propose")
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

    from dashboards.downloads import write_csv
    from pipeline.places import proposal

    if file.exists():
        _fail(f"{file} is there already: name another file, or remove it.")
    found, here = _questions(workspace)
    rows = proposal(found, by, datetime.now(UTC).date() if by else None)
    if rows.is_empty():
        typer.echo("No number is in doubt: nothing was written.")
        return
    write_csv([rows], file)
    n_open = int((rows["site_id"] == "").sum())
    _say(f"{rows.height} decisions written to {file}{f'; {n_open} have no site_id yet' if n_open else ''}.")
    typer.echo(f"Read it{'' if by else ', fill in who and date'}, lay it into {here.inbox}, then: permille run")


@sites_app.command("report")
def sites_report(most: MostOption = 50, workspace: WorkspaceOption = None) -> None:
    """What was renumbered, relabelled and restated between the editions of a sender?

    Example: permille sites report --most 0
    """
    import polars as pl

    from pipeline.places import report
    from pipeline.warehouse import Warehouse, WarehouseError

    here = _open(workspace)
    try:
        with Warehouse.open(here.published, read_only=True) as warehouse:
            found = report(warehouse)
    except WarehouseError as error:
        _fail(str(error))
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
        _print_first(title, names.filter(mark).select(shown), most)
    _print_first("Numbers given to another place", found.reused, most)
    for table, rows in found.restated.group_by("table_name", maintain_order=True):
        changed = rows.filter("is_restated")
        typer.echo(f"\n{table[0]}: {rows.height} values were stated again, {changed.height} of them otherwise")
        if changed.height:
            _print_table("", changed.head(most or changed.height).drop("table_name", "is_restated", "is_of_one_moment"))
    _print_first("Stated by an earlier edition, and no longer by the last", found.no_longer_stated, most)


def main() -> None:
    """The command `permille`."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="replace")  # names are Chinese, terminals may not be
    try:
        app()
    except OSError as error:  # a full disk, a folder one may not write to
        what = f"{error.filename}: " if error.filename else ""
        typer.echo(f"Error: {what}{error.strerror or error}.", err=True)
        sys.exit(FAILED)


# --- behind the commands ---------------------------------------------------------------------------------------------


def _fail(message: str, code: int = FAILED) -> NoReturn:
    typer.echo(f"Error: {message}", err=True)
    raise typer.Exit(code)


def _named(folder: Path | None) -> Path | None:
    """The folder; an empty name, as of a shell variable that is not set, is none."""
    if folder == Path():
        _fail('--workspace names no folder; for the current one write --workspace "$PWD".', WRONG_USAGE)
    return folder


def _open(folder: Path | None) -> "Workspace":
    from assets.resources import workspace_folder
    from pipeline.settings import SettingsError, open_workspace

    try:
        return open_workspace(workspace_folder(_named(folder)))
    except SettingsError as error:
        _fail(str(error))


def _open_if_there(folder: Path | None) -> "Workspace | None":
    """The workspace that was named, or the usual one if it is there: some commands work without."""
    from assets.resources import workspace_folder
    from pipeline.settings import SETTINGS_FILE

    is_there = (workspace_folder(_named(folder)) / SETTINGS_FILE).is_file()
    return _open(folder) if folder or is_there else None


def _day(text: str) -> "date":
    from datetime import date

    try:
        return date.fromisoformat(text)
    except ValueError:
        _fail(f"{text!r} is no day: write 2025-03-11.", WRONG_USAGE)


def _archive(here: "Workspace") -> "Archive":
    from pipeline.deliveries import all_profiles
    from pipeline.explain import Archive
    from schemas.profile import ProfileError

    try:
        return Archive(here.archive, all_profiles(here.profiles))
    except ProfileError as error:
        _fail(str(error))


def _period_of(warehouse: "Warehouse", here: "Workspace", period: str | None) -> tuple[str, list[str]]:
    """The period asked for, or the settings' current one, and all protocols; ends where there is no estimate."""
    from pipeline import estimates
    from pipeline.settings import is_period

    if period and not is_period(period):
        _fail(f"{period!r} is no period: write 2023, 2023-Q1 or 2023-03.", WRONG_USAGE)
    there = estimates.periods(warehouse)
    if not there:
        _fail("there is no estimate yet: see 'permille status' for what is missing.")
    protocols = warehouse.query("select protocol from protocols order by protocol")["protocol"].to_list()
    return estimates.require_period(there, period or estimates.current_period(warehouse, here.settings)), protocols


def _questions(folder: Path | None) -> "tuple[Questions, Workspace]":
    from pipeline.deliveries import all_profiles
    from pipeline.places import questions
    from pipeline.warehouse import Warehouse, WarehouseError
    from schemas.profile import ProfileError

    here = _open(folder)
    try:
        with Warehouse.open(here.published, read_only=True) as warehouse:
            return questions(here, warehouse, all_profiles(here.profiles)), here
    except (WarehouseError, ProfileError) as error:
        _fail(str(error))


def _print_first(title: str, rows: "pl.DataFrame", most: int) -> None:
    """The first rows of a table and how many there are; nothing where there are none."""
    if rows.height:
        counted = f"the first {most} of {rows.height}" if most and rows.height > most else f"{rows.height}"
        _print_table(f"\n{title} ({counted})", rows.head(most or rows.height))


def _print_data(rows: "pl.DataFrame", form: Format) -> None:
    if form is Format.csv:
        from dashboards.downloads import neutralised

        typer.echo(neutralised(rows).write_csv(), nl=False)
    else:
        typer.echo(rows.write_json())


def _say(text: str, *, err: bool = False) -> None:
    """Prints a line that holds delivered text: without what could rewrite a terminal."""
    import polars as pl

    from pipeline.findings import printable

    typer.echo(pl.select(printable(pl.lit(text))).item(), err=err)


def _print_day(found: "DayExplained", *, as_json: bool) -> None:
    if as_json:
        import json

        parts = found._asdict() | {
            "steps": [step._asdict() | {"agrees": step.agrees} for step in found.steps],
            "sources": [source._asdict() for source in found.sources],
            "superseded": [source._asdict() for source in found.superseded],
            "budget": [part._asdict() for part in found.budget],
            "agrees": found.agrees,
        }
        typer.echo(json.dumps(parts, ensure_ascii=False, indent=2, default=str))
        return
    figure, factor = found.figure, found.factor
    label = "SIMULATED DATA. " if figure["is_simulated"] else ""
    amount = figure["amount_mg_per_day_per_1000"]
    said = f"{amount:.6g} mg/day/1000" if amount is not None else f"not estimable ({figure['reason']})"
    if figure["is_censored"] and amount is not None:
        said += " in place of a value below its limit"
    said += _resting_on(figure, factor)
    _say(f"{label}{figure['drug']} at {figure['site_id']} on {figure['sampled_on']}, protocol {figure['protocol']}:"
         f" {said} ({figure['basis']}){_interval(figure)}")  # fmt: skip
    typer.echo("\nFrom these cells")
    for source in found.sources:
        _print_source(source)
    typer.echo("\nBy these steps, evaluated by the warehouse")
    for step in found.steps:
        result = "nothing" if step.result is None else f"{step.result:.12g}"
        verdict = "agrees with the table" if step.agrees else f"THE TABLE HOLDS {step.stored}, please report this"
        typer.echo(f"  {step.macro} = {step.formula}\n    = {step.with_numbers}\n    = {result}; {verdict}")
    if figure["basis"] == "consumption":
        typer.echo("")
        _say(
            f"Factor set {factor['factor_set']}: {factor['excreted_fraction']:g} of a dose is excreted as"
            f" {factor['residue']} ({factor['excretion_basis']} basis), {factor['factor_status']}: {factor['source']}"
        )
    _print_budget(found.budget)
    for flag, meaning in found.flags.items():
        _say(f"Flag {flag}: {meaning}")
    if found.populations:
        said = "; ".join(
            f"{row['population_method']} ({row['population_basis']}, {row['population']:,.0f} inhabitants)"
            f" {row['amount_mg_per_day_per_1000']:.6g}"
            for row in found.populations
        )
        _say(f"By other population methods [mg/day/1000]: {said}; here {figure['population_method']}")
    if found.superseded:
        typer.echo("\nSuperseded by a later delivery")
        for source in found.superseded:
            _print_source(source)


def _interval(figure: "Mapping[str, Any]") -> str:
    low, high = figure["ci_low_mg_per_day_per_1000"], figure["ci_high_mg_per_day_per_1000"]
    return "; no interval" if low is None else f"; 95 % interval {low:.6g} to {high:.6g}"


def _print_budget(budget: "list[Part]") -> None:
    """What the interval is made of, a line each."""
    import polars as pl

    if budget:
        rows = [(p.component, f"{100 * p.rsd:.1f} %", f"{100 * p.share:.0f} %", p.shared_over) for p in budget]
        schema = ["part of the interval", "relative standard deviation", "of the variance", "shared by all of"]
        _print_table("", pl.DataFrame(rows, schema=schema, orient="row"))


def _resting_on(figure: "Mapping[str, Any]", factor: "Mapping[str, Any]") -> str:
    return f", resting on a factor that is {factor['factor_status']}" if figure["is_provisional"] else ""


def _print_source(source: "Source") -> None:
    sheet = f", sheet '{source.sheet}'" if source.sheet else ""
    cell = f", cell {source.cell}" if source.cell else f", row {source.row_number}"
    unit = f" [{source.unit}]" if source.unit else ""
    _say(f"  {source.what}: {source.file_name}{sheet}{cell} under '{source.header}': '{source.text}'{unit}"
         + (f" = {source.value}" if source.value else ""))  # fmt: skip
    told = [f"{name} {said}" for name, said in source.details.items()]
    again = {True: "the archived file still says so", False: f"THE ARCHIVED FILE SAYS '{source.read_again}'",
             None: "no cell in the archive to ask"}[source.is_as_archived]  # fmt: skip
    _say(
        f"    {'; '.join([*told, f'delivered {source.received_at[:19]}', f'sha256 {source.delivery_id[:12]}', again])}"
    )


def _print_period(found: "PeriodExplained", *, as_json: bool) -> None:
    if as_json:
        import json

        parts = {
            "figure": found.figure,
            "factor": found.factor,
            "rule": found.rule,
            "days": found.days.to_dicts(),
            "agrees": found.agrees,
            "n_read_again": found.n_read_again,
            "n_as_archived": found.n_as_archived,
            "budget": [part._asdict() for part in found.budget],
            "steps": [step._asdict() | {"agrees": step.agrees} for step in found.steps],
            "dose": found.dose,
        }
        typer.echo(json.dumps(parts, ensure_ascii=False, indent=2, default=str))
        return
    figure = found.figure
    mean = figure["mean_mg_per_day_per_1000"]
    said = f"{mean:.6g} mg/day/1000" if mean is not None else f"not estimable ({figure['reason']})"
    said += _resting_on(figure, found.factor)
    label = "SIMULATED DATA. " if figure["is_simulated"] else ""
    _say(f"{label}{figure['drug']} at {figure['site_id']} in {figure['period']}, protocol {figure['protocol']}: {said}"
         + (_interval(figure) if mean is not None else ""))  # fmt: skip
    _print_in_other_units(found)
    verdict = "agrees with the table" if found.agrees else "THE TABLE HOLDS ANOTHER FIGURE, please report this"
    typer.echo(
        f"{found.rule} of {found.days.height} days, {figure['n_censored']} below their limit; {verdict};"
        f" {found.n_as_archived} of {found.n_read_again} cells in the archive still say so"
    )
    _print_table("", found.days)
    _print_budget(found.budget)


def _worded(name: str, words: "Callable[[Any], str]") -> "pl.Expr":
    """A column in words, empty where it is."""
    import polars as pl

    return pl.col(name).map_elements(words, return_dtype=pl.String).fill_null("")


def _print_area(found: "AreaExplained", *, as_json: bool) -> None:
    import polars as pl

    from dashboards import labels

    if as_json:
        import json

        parts = {
            "figure": found.figure,
            "rule": found.rule,
            "sites": found.sites.to_dicts(),
            "agrees": found.agrees,
            "budget": [part._asdict() for part in found.budget],
        }
        typer.echo(json.dumps(parts, ensure_ascii=False, indent=2, default=str))
        return
    figure = found.figure
    mean = figure["mean_mg_per_day_per_1000"]
    said = f"{mean:.6g} mg/day/1000" if mean is not None else f"not estimable ({figure['reason']})"
    label = "SIMULATED DATA. " if figure["is_simulated"] else ""
    interval = _interval(figure) if mean is not None else ""
    _say(f"{label}{figure['drug']} over {figure['unit_name'] or figure['unit_id']} in {figure['period']}, protocol"
         f" {figure['protocol']}: {said} ({figure['basis']}){interval}")  # fmt: skip
    verdict = "agrees with the table" if found.agrees else "THE TABLE HOLDS ANOTHER FIGURE, please report this"
    typer.echo(f"{found.rule}: {figure['n_sites']} in it, {figure['n_sites_left_out']} left out; {verdict}")
    shown = found.sites.select(
        pl.col("site_id").alias("site"), pl.col("site_name").fill_null("").alias("name"),
        _worded("mean_mg_per_day_per_1000", labels.amount).alias("mean"),
        _worded("population", lambda people: labels.count(round(people))).alias("inhabitants"),
        _worded("weight_share", "{:.1%}".format).alias("of the weight"),
        _worded("amount_share", "{:.1%}".format).alias("of the amount"),
        pl.col("n_days").alias("days"), pl.col("n_censored").alias("below limits"),
        _worded("at_least_mg_per_day_per_1000", labels.amount).alias("at least"),
        _worded("at_most_mg_per_day_per_1000", labels.amount).alias("at most"),
        _worded("reason", labels.because).alias("remark"),
    )  # fmt: skip
    _print_table("", shown)
    _print_budget(found.budget)
    typer.echo("A site's own figure: permille explain SITE DRUG --period PERIOD")


def _print_in_other_units(found: "PeriodExplained") -> None:
    """The mean of a period in doses, as a mass, and per 1000 inhabitants aged 15 to 64: a line each."""
    figure = found.figure

    def interval(unit: str, divisor: int = 1) -> str:
        low, high = figure[f"ci_low_{unit}"], figure[f"ci_high_{unit}"]
        return "" if low is None else f"; 95 % interval {low / divisor:.6g} to {high / divisor:.6g}"

    if found.dose is not None:
        _say(
            f"  = {figure['doses_per_day_per_1000']:.6g} doses/day/1000 of {found.dose['dose_mg']:g} mg, a dose that is"
            f" {found.dose['dose_status']}: {found.dose['source']}{interval('doses_per_day_per_1000')}"
        )
    if figure["mass_mg_per_day"] is not None:
        _say(
            f"  = {figure['mass_mg_per_day'] / 1000:.6g} g/day of all {figure['population']:,.0f} inhabitants"
            f"{interval('mg_per_day', 1000)}"
        )
    if figure["mean_mg_per_day_per_1000_aged_15_to_64"] is not None:
        aged = figure["population_aged_15_to_64"]
        of = "" if aged is None else f" (there are {aged:,.0f})"
        _say(f"  = {figure['mean_mg_per_day_per_1000_aged_15_to_64']:.6g} mg/day/1000 inhabitants aged 15 to 64{of}")


def _make(folder: Path | None, settings: dict[str, str] | None = None) -> "Workspace":
    from assets.resources import workspace_folder
    from pipeline.settings import SettingsError, make_workspace

    try:
        return make_workspace(workspace_folder(_named(folder)), settings)
    except SettingsError as error:
        _fail(str(error))


def _run(here: "Workspace") -> bool:
    """Runs the job; True where a delivery of this run has rows in quarantine or was refused."""
    from assets.run import RunFailedError, run_monitoring

    try:
        outcome = run_monitoring(here, tell=typer.echo)
    except RunFailedError as error:
        _fail(str(error))
    return outcome


def _print_headline(here: "Workspace") -> None:
    import polars as pl

    from pipeline.factors import with_factor_status
    from pipeline.warehouse import Warehouse

    with Warehouse.open(here.published, read_only=True) as warehouse:
        rows = warehouse.read("changes").filter(
            (pl.col("level") == "network") & (pl.col("protocol") == here.settings.protocol)
        )
        rows = with_factor_status(warehouse, rows)
        missing = warehouse.query("select count(*) as n from loads where contains(coalesce(reason, ''), 'no_')")[
            "n"
        ].item()
    if rows.is_empty():
        typer.echo("No change can be computed yet: see 'permille status' for what is missing.")
    else:
        _print_changes(rows.sort("drug"), Level.network)
    if missing:
        typer.echo(f"{missing} results lack a flow or a population: see 'permille status'.")
    typer.echo(f"Page: {here.site / 'index.html'}")


def _print_changes(rows: "pl.DataFrame", level: Level) -> None:
    """One line a drug: baseline, now, change, in the words and digits of the pages."""
    import polars as pl

    from dashboards import labels

    if rows.is_empty():
        typer.echo("There is nothing to compare.")
        return
    first = rows.row(0, named=True)
    label = "SIMULATED DATA. " if rows["is_simulated"].any() else ""
    typer.echo(
        f"\n{label}{first['current_period']} against {first['baseline_period']}, mg/day/1000 inhabitants, over the same"
        " sites; no intervals yet"
    )

    def short(reason: str | None) -> str:
        return ", ".join(found.short for found in labels.reasons(reason))

    shown = rows.select(
        *([pl.col("unit_name").fill_null(pl.col("unit_id")).alias(level.value)] if level is not Level.network else []),
        *([pl.col("protocol")] if rows["protocol"].n_unique() > 1 else []),
        pl.col("drug"),
        _worded("baseline_mg_per_day_per_1000", labels.amount).alias("baseline"),
        _worded("current_mg_per_day_per_1000", labels.amount).alias("now"),
        pl.when(pl.col("change_percent").is_null())
        .then(pl.format("{} ({})", pl.lit(labels.NOT_ESTIMABLE), _worded("reason", short)))
        .otherwise(_worded("change_percent", labels.percent))
        .alias("change"),
        pl.col("n_sites").alias("sites"),
        pl.col("basis"),
        pl.when(pl.col("is_provisional")).then("factor_status").otherwise(pl.lit("")).alias("factor"),
        *(
            [pl.col("flags").fill_null("").str.replace_all(" ", ", ")]
            if rows["flags"].null_count() < rows.height
            else []
        ),
    )
    _print_table("", shown)
    for flag, meaning in labels.flags(rows["flags"]).items():
        typer.echo(f"{flag}: {meaning}")


def _print_levels(rows: "pl.DataFrame", level: Level, period: str) -> None:
    """One line a place, drug and protocol, under a label that says what is in it."""
    import polars as pl

    from dashboards import labels

    if rows.is_empty():
        typer.echo(f"There is no figure of any {level.value} in {period}.")
        return
    label = "SIMULATED DATA. " if rows["is_simulated"].any() else ""
    typer.echo()
    _say(
        f"{label}{period}, mg/day/1000 inhabitants, with 95 % intervals where a protocol has one. Consumption and"
        " residue loads are different things: compare within each"
    )

    def amount(name: str) -> pl.Expr:
        return pl.col(name).map_elements(labels.amount, return_dtype=pl.String)

    def unit(name: str) -> str:
        return f"{name}_mg_per_day_per_1000"

    def short(reason: str | None) -> str:
        return ", ".join(found.short for found in labels.reasons(reason))

    shown = rows.select(
        *([pl.col("unit_name").fill_null(pl.col("unit_id")).alias(level.value)] if level is not Level.network else []),
        "drug", "protocol", "basis",
        pl.when(pl.col("state") == "estimated")
        .then(amount(unit("mean")))
        .otherwise(
            pl.format(
                "{} ({})", pl.lit(labels.NOT_ESTIMABLE),
                pl.col("reason").map_elements(short, return_dtype=pl.String).fill_null(""),
            )
        ).alias("mean"),
        pl.format("{} to {}", amount(unit("ci_low")), amount(unit("ci_high"))).fill_null("–").alias("95 % interval"),
        pl.when(pl.col("n_censored") + pl.col("n_sites_left_out") > 0)
        .then(pl.format("{} to {}", amount(unit("at_least")), amount(unit("at_most"))))
        .fill_null("–")
        .alias("by limits"),
        *(
            [pl.col("n_sites").alias("sites"), pl.col("n_sites_left_out").alias("left out")]
            if level is not Level.site
            else []
        ),
        pl.col("n_days").alias("days"),
        pl.col("n_censored").alias("below limits"),
        pl.when(pl.col("is_provisional")).then(pl.lit("provisional")).otherwise(pl.lit("")).alias("factor"),
    )  # fmt: skip
    _print_table("", shown)
    if level is not Level.site and rows["n_sites_left_out"].sum():
        _say("Sites left out have no figure of their own; the bounds by limits are over all sites.")


def _print_totals(rows: "pl.DataFrame", doses: "pl.DataFrame", level: Level, period: str, protocol: str) -> None:
    """One line a place, under a label that says what is added up and of which dose each drug is."""
    import polars as pl

    from dashboards import labels

    if rows.is_empty():
        typer.echo(f"There is no total of any {level.value} in {period} by protocol {protocol}.")
        return
    label = "SIMULATED DATA. " if rows["is_simulated"].any() else ""
    typer.echo()
    _say(
        f"{label}Doses of all drugs together in {period}, doses/day/1000 inhabitants, protocol {protocol}: a sum of"
        " doses, never of milligrams"
    )

    def status(name: str) -> pl.Expr:
        return pl.when(pl.col(name) != "approved").then(name).fill_null("")

    shown = rows.select(
        *([pl.col("unit_name").fill_null(pl.col("unit_id")).alias(level.value)] if level is not Level.network else []),
        pl.col("doses_per_day_per_1000")
        .map_elements(labels.amount, return_dtype=pl.String)
        .fill_null("–")
        .alias("doses"),
        pl.col("n_drugs").alias("drugs"),
        pl.col("drugs").list.join(", ").alias("of"),
        status("factor_status").alias("factors"),
        status("dose_status").alias("dose"),
    )
    _print_table("", shown)
    said = [
        f"{drug} {dose:g} mg{'' if status == 'approved' else f' ({status})'}"
        for drug, dose, status in doses.iter_rows()
    ]
    if said:
        _say(f"One dose is: {', '.join(said)}")
    out = rows.select("drugs_left_out", "reasons_left_out").explode("drugs_left_out", "reasons_left_out").drop_nulls()
    for (drug, reason), places in out.group_by("drugs_left_out", "reasons_left_out", maintain_order=True):
        where = "" if rows.height == 1 else f" ({labels.things(places.height, 'place', 'places')} of {rows.height})"
        _say(f"Left out: {drug}{where}: {labels.because(reason)}")
    if rows["drugs"].n_unique() > 1:
        _say("Not all places have the same drugs in their total: compare only those that do.")


def _print_factors(rows: "pl.DataFrame") -> None:
    """One line a drug and residue; the sources, which are long, numbered below."""
    import polars as pl

    from dashboards import labels

    sources = rows["source"].unique(maintain_order=True).to_list()
    shown = []
    for row in rows.iter_rows(named=True):
        low, high = row["excreted_fraction_low"], row["excreted_fraction_high"]
        span = f" ({labels.reference(low)} to {labels.reference(high)})" if low is not None or high is not None else ""
        fraction = f"{labels.reference(row['excreted_fraction'])}{span}"
        if row["excreted_fraction"] is None:
            each = row["residue_mg_per_cigarette"]
            fraction = "none" if each is None else f"{labels.reference(each)} mg a cigarette"
        shown.append(
            {
                "drug": row["drug"],
                "residue": f"{row['residue']}{'' if row['is_default'] else ' (not the default)'}",
                "excreted": fraction,
                "basis": row["excretion_basis"],
                "factor": labels.amount(row["correction_factor"]),
                "in sewers": row["stability_class"],
                "dose mg": labels.reference(row["dose_mg"]),
                "status": row["factor_status"],
                "evidence": f"{row['evidence']} [{sources.index(row['source']) + 1}]",
            }
        )
    _print_table("", pl.DataFrame(shown))
    for number, source in enumerate(sources, start=1):
        _say(f"[{number}] {source}")
    typer.echo("".join(f"{letter} {words}; " for letter, words in labels.EVIDENCE.items()).removesuffix("; "))


def _print_comparison(a: str, b: str, rows: "pl.DataFrame", now: "Now | None") -> None:
    """What two sets say, line by line, then what each would make of the figures."""
    import polars as pl

    from dashboards import labels

    if now is not None:
        _print_effect(a, b, rows, now)
        typer.echo("")

    def worded(name: str, words: "Callable[[Any], str]" = labels.reference) -> pl.Expr:
        return pl.col(name).map_elements(words, return_dtype=pl.String).fill_null("–")

    _print_table(
        "",
        rows.select(
            "drug",
            "residue",
            worded("excreted_fraction_a").alias(f"fraction {a}"),
            worded("excreted_fraction_b").alias(f"fraction {b}"),
            worded("correction_factor_a", labels.amount).alias(f"factor {a}"),
            worded("correction_factor_b", labels.amount).alias(f"factor {b}"),
            worded("ratio", labels.amount).alias("ratio"),
            "differs",
        ),
    )
    for row in rows.filter(pl.col("source_a") != pl.col("source_b")).iter_rows(named=True):
        said = [f"{name}: {row[f'source_{x}']} ({row[f'evidence_{x}']}, {row[f'factor_status_{x}']})"
                for x, name in (("a", a), ("b", b))]  # fmt: skip
        _say(f"{row['drug']} from {row['residue']}: {'; '.join(said)}")
    if now is None:
        typer.echo("No figures are published here, so what each would make of them is not shown.")


def _print_effect(a: str, b: str, rows: "pl.DataFrame", now: "Now") -> None:
    import polars as pl

    from dashboards import labels

    if now.basis != "consumption":
        typer.echo(f"Protocol {now.protocol} gives residue loads: no factor changes them.")
        return
    found = rows.drop_nulls("mean_mg_per_day_per_1000")
    shown = found.select(
        "drug",
        *(
            pl.col(f"mean{which}_mg_per_day_per_1000")
            .map_elements(labels.amount, return_dtype=pl.String)
            .fill_null("–")
            .alias(name)
            for which, name in (("", "now"), ("_a", f"by {a}"), ("_b", f"by {b}"))
        ),
    )
    _print_table(f"\nNetwork mean in {now.period}, mg/day/1000, protocol {now.protocol}", shown)
    if now.baseline is not None:
        typer.echo(
            f"The change from {now.baseline} to {now.period} is the same by each: one factor in both periods cancels."
        )
    unknown = found.filter(pl.col("does_change_alter").is_null())["drug"].to_list()
    if unknown:
        _say(
            f"Not so of {', '.join(unknown)}: a set does not compute it from the residue it rests on here, so only"
            " computing by that set, in a protocol of your own, would tell."
        )


def _print_table(title: str, frame: "pl.DataFrame") -> None:
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
    Console(soft_wrap=not sys.stdout.isatty(), width=None if sys.stdout.isatty() else 400, highlight=False).print(table)


def _print_messages(messages: "Sequence[str]", most: int) -> None:
    for message in messages[: most or None]:
        typer.echo(message)
    if most and len(messages) > most:
        typer.echo(f"... and {len(messages) - most} more: --most 0 prints all.")


if __name__ == "__main__":
    main()
