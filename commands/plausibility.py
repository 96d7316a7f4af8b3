"""`permille plausibility`: what is hardly possible and wants looking at; and how many such findings there are."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from commands.common import WRONG_USAGE, Format, WorkspaceOption, fail, opened, print_data, say, warn_of_broken_files

if TYPE_CHECKING:
    import polars as pl


def plausibility(
    rule: Annotated[str | None, typer.Option(help="Findings of this rule only, as 'permille status' names it.")] = None,
    site: Annotated[str | None, typer.Option(help="Findings at this site only, by id or name.")] = None,
    form: Annotated[Format, typer.Option("--format", help="table, csv or json.")] = Format.table,
    most: Annotated[int, typer.Option(help="The most findings of a rule to print; 0 prints all.", min=0)] = 10,
    workspace: WorkspaceOption = None,
) -> None:
    """What is hardly possible and wants looking at? The findings furthest off first; csv and json hold all of them.

    No finding takes anything out of the figures. What turns out to be wrong is corrected by a delivery (layout
    permille-corrections).

    Example: permille plausibility --rule off_its_history --format csv
    """
    from pipeline.explain import ExplainError, place_of
    from pipeline.plausibility import implausible
    from pipeline.warehouse import Warehouse, WarehouseError
    from schemas.plausibility import RULES

    if rule is not None and rule not in RULES:
        fail(f"there is no rule {rule!r}; there are {', '.join(RULES)}.", WRONG_USAGE)
    here = opened(workspace)
    try:
        with Warehouse.open(here.published, read_only=True) as warehouse:
            site_id = place_of(warehouse, site, is_site=True).unit_id if site is not None else None
            found = implausible(warehouse, rule=rule, site_id=site_id)
    except WarehouseError as error:
        fail(str(error))
    except ExplainError as error:
        fail(str(error), WRONG_USAGE)
    warn_of_broken_files(here)
    if form is not Format.table:
        print_data(found, form)
    else:
        _print_findings(found, most)


def print_counts(found: "pl.DataFrame") -> None:
    """How many findings of each rule there are, and which command lists them; nothing where there are none."""
    import polars as pl

    from dashboards.labels import things
    from schemas.plausibility import RULES

    if found.is_empty():
        return
    counts = found.group_by("rule").agg(pl.len().alias("n"), pl.col("site_id").n_unique().alias("sites"))
    told = {rule: (n, sites) for rule, n, sites in counts.iter_rows()}
    typer.echo(
        f"Implausible: {things(found.height, 'finding', 'findings')}, left in the figures, want looking at:"
        " 'permille plausibility' lists them"
    )
    for rule in RULES:
        if rule in told:
            n, sites = told[rule]
            typer.echo(f"  {rule}: {n} at {things(sites, 'site', 'sites')}")


def _print_findings(found: "pl.DataFrame", most: int) -> None:
    """Rule by rule: what is called implausible, what to look at, and the first findings; all where `most` is 0."""
    from dashboards.labels import things
    from schemas.plausibility import RULES

    if found.is_empty():
        typer.echo("Nothing is implausible.")
        return
    if found["is_simulated"].any():
        typer.echo("SIMULATED DATA.")
    for rule, entry in RULES.items():
        rows = found.filter(found["rule"] == rule)
        if rows.is_empty():
            continue
        typer.echo(f"{rule}: {rows.height} at {things(rows['site_id'].n_unique(), 'site', 'sites')}: {entry.sentence}.")
        typer.echo(f"  {entry.remedy}")
        shown = rows.head(most or rows.height)
        for row in shown.iter_rows(named=True):
            say(f"    {in_words(row)}")
        if rows.height > shown.height:
            typer.echo(f"    and {rows.height - shown.height} more: --most 0 prints all.")
    typer.echo("Nothing of this is left out of the figures. What is wrong: correct it (layout permille-corrections).")


def in_words(row: dict[str, Any]) -> str:
    """A finding in a line: where, when, of what, the number, and between which it should lie."""
    from dashboards.labels import WEEKDAYS
    from schemas.plausibility import RULES

    day = row["sampled_on"] or row["sampling_year"]
    if row["weekday"] and not row["sampled_on"]:
        day = f"{WEEKDAYS[row['weekday'] - 1]} of {day}"
    residue = f", {row['residue']}" if row["residue"] else ""
    low, high = (_bound(row[name]) for name in ("expected_low", "expected_high"))
    return f"{row['site_id']}, {day}{residue}: {row['finding']}; plausible: {low} to {high} {RULES[row['rule']].unit}"


def _bound(value: float | None) -> str:
    """A bound with three significant digits, without zeros that say nothing."""
    from dashboards.labels import amount

    text = amount(value)
    return text.rstrip("0").removesuffix(".") if "." in text else text
