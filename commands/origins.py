"""The commands that lead from a figure back to where it comes from."""

from typing import TYPE_CHECKING, Annotated

import typer

from commands.common import WRONG_USAGE, WorkspaceOption, archive_of, day_of, fail, opened, print_table, say, worded

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from pipeline.explain import DayExplained, Part, PeriodExplained, Source
    from pipeline.explain_area import AreaExplained


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
        fail("name a day, or a period by --period.", WRONG_USAGE)
    if period is not None and not is_period(period):
        fail(f"{period!r} is no period: write 2023, 2023-Q1 or 2023-03.", WRONG_USAGE)
    here = opened(workspace)
    chosen = protocol or here.settings.protocol
    try:
        with Warehouse.open(here.published, read_only=True) as warehouse:
            if period is not None and level_of(warehouse, site):
                _print_area(explain_area(warehouse, site, drug.lower(), period, chosen), as_json=as_json)
                return
            if period is not None:
                of_period = explaining.explain_period(warehouse, archive_of(here), site, drug.lower(), period, chosen)
            else:
                of_day = explaining.explain_day(
                    warehouse, archive_of(here), site, drug.lower(), day_of(day or ""), chosen
                )
    except (WarehouseError, explaining.ExplainError) as error:
        fail(str(error))
    if period is not None:
        _print_period(of_period, as_json=as_json)
    else:
        _print_day(of_day, as_json=as_json)


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

    here = opened(workspace)
    try:
        with Warehouse.open(here.published, read_only=True) as warehouse:
            found = explaining.history(warehouse, archive_of(here), site, residue.lower(), day_of(day))
    except (WarehouseError, explaining.ExplainError) as error:
        fail(str(error))
    for source in found:
        typer.echo(f"{source.received_at[:19]}  {source.value or source.details.get('qualifier', '')}  (believed"
                   f" {source.details['believed'][:25]})")  # fmt: skip
        _print_source(source)


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
    say(f"{label}{figure['drug']} at {figure['site_id']} on {figure['sampled_on']}, protocol {figure['protocol']}:"
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
        say(
            f"Factor set {factor['factor_set']}: {factor['excreted_fraction']:g} of a dose is excreted as"
            f" {factor['residue']} ({factor['excretion_basis']} basis), {factor['factor_status']}: {factor['source']}"
        )
    _print_budget(found.budget)
    for flag, meaning in found.flags.items():
        say(f"Flag {flag}: {meaning}")
    if found.populations:
        said = "; ".join(
            f"{row['population_method']} ({row['population_basis']}, {row['population']:,.0f} inhabitants)"
            f" {row['amount_mg_per_day_per_1000']:.6g}"
            for row in found.populations
        )
        say(f"By other population methods [mg/day/1000]: {said}; here {figure['population_method']}")
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
        print_table("", pl.DataFrame(rows, schema=schema, orient="row"))


def _resting_on(figure: "Mapping[str, Any]", factor: "Mapping[str, Any]") -> str:
    return f", resting on a factor that is {factor['factor_status']}" if figure["is_provisional"] else ""


def _print_source(source: "Source") -> None:
    sheet = f", sheet '{source.sheet}'" if source.sheet else ""
    cell = f", cell {source.cell}" if source.cell else f", row {source.row_number}"
    unit = f" [{source.unit}]" if source.unit else ""
    say(f"  {source.what}: {source.file_name}{sheet}{cell} under '{source.header}': '{source.text}'{unit}"
         + (f" = {source.value}" if source.value else ""))  # fmt: skip
    told = [f"{name} {said}" for name, said in source.details.items()]
    again = {True: "the archived file still says so", False: f"THE ARCHIVED FILE SAYS '{source.read_again}'",
             None: "no cell in the archive to ask"}[source.is_as_archived]  # fmt: skip
    say(f"    {'; '.join([*told, f'delivered {source.received_at[:19]}', f'sha256 {source.delivery_id[:12]}', again])}")


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
    say(f"{label}{figure['drug']} at {figure['site_id']} in {figure['period']}, protocol {figure['protocol']}: {said}"
         + (_interval(figure) if mean is not None else ""))  # fmt: skip
    _print_in_other_units(found)
    verdict = "agrees with the table" if found.agrees else "THE TABLE HOLDS ANOTHER FIGURE, please report this"
    typer.echo(
        f"{found.rule} of {found.days.height} days, {figure['n_censored']} below their limit; {verdict};"
        f" {found.n_as_archived} of {found.n_read_again} cells in the archive still say so"
    )
    print_table("", found.days)
    _print_budget(found.budget)


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
    say(f"{label}{figure['drug']} over {figure['unit_name'] or figure['unit_id']} in {figure['period']}, protocol"
         f" {figure['protocol']}: {said} ({figure['basis']}){interval}")  # fmt: skip
    verdict = "agrees with the table" if found.agrees else "THE TABLE HOLDS ANOTHER FIGURE, please report this"
    typer.echo(f"{found.rule}: {figure['n_sites']} in it, {figure['n_sites_left_out']} left out; {verdict}")
    shown = found.sites.select(
        pl.col("site_id").alias("site"), pl.col("site_name").fill_null("").alias("name"),
        worded("mean_mg_per_day_per_1000", labels.amount).alias("mean"),
        worded("population", lambda people: labels.count(round(people))).alias("inhabitants"),
        worded("weight_share", "{:.1%}".format).alias("of the weight"),
        worded("amount_share", "{:.1%}".format).alias("of the amount"),
        pl.col("n_days").alias("days"), pl.col("n_censored").alias("below limits"),
        worded("at_least_mg_per_day_per_1000", labels.amount).alias("at least"),
        worded("at_most_mg_per_day_per_1000", labels.amount).alias("at most"),
        worded("reason", labels.because).alias("remark"),
    )  # fmt: skip
    print_table("", shown)
    _print_budget(found.budget)
    typer.echo("A site's own figure: permille explain SITE DRUG --period PERIOD")


def _print_in_other_units(found: "PeriodExplained") -> None:
    """The mean of a period in doses, as a mass, and per 1000 inhabitants aged 15 to 64: a line each."""
    figure = found.figure

    def interval(unit: str, divisor: int = 1) -> str:
        low, high = figure[f"ci_low_{unit}"], figure[f"ci_high_{unit}"]
        return "" if low is None else f"; 95 % interval {low / divisor:.6g} to {high / divisor:.6g}"

    if found.dose is not None:
        say(
            f"  = {figure['doses_per_day_per_1000']:.6g} doses/day/1000 of {found.dose['dose_mg']:g} mg, a dose that is"
            f" {found.dose['dose_status']}: {found.dose['source']}{interval('doses_per_day_per_1000')}"
        )
    if figure["mass_mg_per_day"] is not None:
        say(
            f"  = {figure['mass_mg_per_day'] / 1000:.6g} g/day of all {figure['population']:,.0f} inhabitants"
            f"{interval('mg_per_day', 1000)}"
        )
    if figure["mean_mg_per_day_per_1000_aged_15_to_64"] is not None:
        aged = figure["population_aged_15_to_64"]
        of = "" if aged is None else f" (there are {aged:,.0f})"
        say(f"  = {figure['mean_mg_per_day_per_1000_aged_15_to_64']:.6g} mg/day/1000 inhabitants aged 15 to 64{of}")
