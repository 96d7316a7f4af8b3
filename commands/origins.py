"""The commands that lead from a figure back to where it comes from."""

import math
import re
from typing import TYPE_CHECKING, Annotated

import typer

from commands.common import (
    FAILED,
    SIMULATED_DATA,
    WRONG_USAGE,
    StatusFormat,
    WorkspaceOption,
    archive_of,
    day_of,
    fail,
    opened,
    print_table,
    say,
    warn_of_broken_files,
    worded,
)
from commands.plausibility import in_words

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, NoReturn

    from pipeline.explain import AreaExplained, DayExplained, ExplainError, Part, PeriodExplained, Source, Step


def explain(
    site: Annotated[
        str,
        typer.Argument(help="The site, by id or name; with --period also an area, or network for all sites."),
    ],
    drug: Annotated[str, typer.Argument(help="The drug, as in 'permille change'.")],
    day: Annotated[str | None, typer.Argument(help="The day: 2025-03-11. Or name a period by --period.")] = None,
    period: Annotated[str | None, typer.Option(help="2025, 2025-Q1 or 2025-03, in place of a day.")] = None,
    protocol: Annotated[str | None, typer.Option(help="Protocol; the settings' if left out.")] = None,
    form: Annotated[StatusFormat, typer.Option("--format", help="table or json.")] = StatusFormat.table,
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
    workspace: WorkspaceOption = None,
) -> None:
    """Where does a figure come from? File, sheet, cell, and each step of the formula with its numbers.

    Example: permille explain sim-08 methamphetamine 2025-03-11
    """
    from pipeline import explain as explaining
    from pipeline.explain import explain_area, place_of
    from pipeline.spans import is_calendar
    from pipeline.warehouse import Warehouse, WarehouseError

    if (day is None) == (period is None):
        fail("name a day, or a period by --period.", WRONG_USAGE)
    if period is not None and not is_calendar(period):
        fail(f"{period!r} is no period: write 2023, 2023-Q1 or 2023-03.", WRONG_USAGE)
    here = opened(workspace)
    chosen, of, is_json = protocol or here.settings.protocol, drug.lower(), as_json or form is StatusFormat.json
    warn_of_broken_files(here)
    try:
        with Warehouse.open(here.published, read_only=True) as warehouse:
            place = place_of(warehouse, site)
            if place.level != "site" and period is None:
                fail(f"{place.unit_id!r} is no site: of an area, or network, name a period by --period.", WRONG_USAGE)
            if place.level != "site":
                of_area = explain_area(warehouse, place.level, place.unit_id, of, period or "", chosen)
            elif period is not None:
                of_period = explaining.explain_period(warehouse, archive_of(here), place.unit_id, of, period, chosen)
            else:
                of_day = explaining.explain_day(
                    warehouse, archive_of(here), place.unit_id, of, day_of(day or ""), chosen
                )
    except WarehouseError as error:
        fail(str(error))
    except explaining.ExplainError as error:
        _fail_to_explain(error)
    if place.level != "site":
        _print_area(of_area, as_json=is_json)
    elif period is not None:
        _print_period(of_period, as_json=is_json)
    else:
        _print_day(of_day, as_json=is_json)


def history(
    site: Annotated[str, typer.Argument(help="The site, by id or name.")],
    residue: Annotated[str, typer.Argument(help="The residue measured, by any of its names.")],
    day: Annotated[str, typer.Argument(help="The day: 2025-03-11.")],
    workspace: WorkspaceOption = None,
) -> None:
    """What was believed of a result, and when: every delivery that said something of it.

    Example: permille history sim-08 methamphetamine 2025-03-11
    """
    from pipeline import explain as explaining
    from pipeline.explain import place_of
    from pipeline.warehouse import Warehouse, WarehouseError
    from schemas.reference_data import residue_by_spelling

    here = opened(workspace)
    warn_of_broken_files(here)
    try:
        with Warehouse.open(here.published, read_only=True) as warehouse:
            place = place_of(warehouse, site, is_site=True)
            known = residue_by_spelling().get(residue.casefold(), residue.casefold())
            found = explaining.history(warehouse, archive_of(here), place.unit_id, known, day_of(day))
    except WarehouseError as error:
        fail(str(error))
    except explaining.ExplainError as error:
        _fail_to_explain(error)
    if any(source.is_simulated for source in found):
        typer.echo(SIMULATED_DATA.strip())
    for source in found:
        believed = re.sub(r"(\d\d:\d\d:\d\d)\.\d+", r"\1", source.details["believed"])
        say(f"{source.received_at[:19]}  {source.value or source.details.get('qualifier', '')}  (believed {believed})")
        _print_source(source)


def _fail_to_explain(error: "ExplainError") -> "NoReturn":
    from dashboards import labels

    because = f". {labels.because(error.reason)}" if error.reason else ""
    fail(f"{error}{because}", WRONG_USAGE if error.is_wrong_usage else FAILED)


def _print_day(found: "DayExplained", *, as_json: bool) -> None:
    from dashboards import labels

    if as_json:
        _print_json(found, "steps", "sources", "superseded", "budget")
        return
    figure, factor = found.figure, found.factor
    amount, limit = figure["amount_mg_per_day_per_1000"], figure["amount_limit_mg_per_day_per_1000"]
    said = f"{amount:.6g} mg/day/1000" if amount is not None else _not_estimable(figure)
    if figure["is_censored"] and amount is not None:
        said += " in place of a value below its limit"
    say(f"{_simulated(figure)}{figure['drug']} at {figure['site_id']} on {figure['sampled_on']}, protocol"
         f" {figure['protocol']}: {said} ({figure['basis']}){_interval(figure)}"
         f"{_resting_on(figure, factor, found.markers)}")  # fmt: skip
    if figure["is_censored"]:
        of_limit = "which is not known" if limit is None else f"which would make {limit:.6g} mg/day/1000"
        say(f"  It lies below its limit, {of_limit}. In a mean counts for it:"
             f" {labels.BELOW_LIMIT.get(found.below_limit, found.below_limit)}"
             + (": see --period." if amount is None else "."))  # fmt: skip
    typer.echo("\nFrom these cells")
    for source in found.sources:
        _print_source(source)
    typer.echo("\nBy these steps, evaluated by the warehouse")
    for step in found.steps:
        _print_step(step)
    if figure["basis"] == "consumption":
        typer.echo("")
        say(
            f"Factor set {factor['factor_set']}: {factor['excreted_fraction']:g} of a dose is excreted as"
            f" {factor['residue']} ({factor['excretion_basis']} basis), {factor['factor_status']}: {factor['source']}"
        )
    _print_budget(found.budget)
    for flag, meaning in found.flags.items():
        say(f"Flag {flag}: {meaning}")
    _print_implausible(found.implausible)
    if found.populations:
        others = "; ".join(
            f"{row['population_method']} ({row['population_basis']}, {row['population']:,.0f} inhabitants)"
            f" {row['amount_mg_per_day_per_1000']:.6g}"
            for row in found.populations
        )
        say(f"By other population methods [mg/day/1000]: {others}; here {figure['population_method']}")
    if found.superseded:
        typer.echo("\nSuperseded by a later delivery")
        for source in found.superseded:
            _print_source(source)


def _print_implausible(findings: "list[dict[str, Any]]") -> None:
    """What is hardly possible about a day, and what to look at."""
    from schemas.plausibility import RULES

    for row in findings:
        say(f"Implausible ({row['rule']}): {in_words(row)}. {RULES[row['rule']].remedy}")


def _print_json(found: "DayExplained | PeriodExplained | AreaExplained", *lists: str) -> None:
    """All of what was found as JSON; `lists` names what holds tuples with names."""
    import json

    parts: dict[str, Any] = {**found._asdict(), "agrees": found.agrees}
    for name in lists:
        parts[name] = [
            item._asdict() | ({"agrees": item.agrees} if hasattr(item, "agrees") else {}) for item in parts[name]
        ]
    typer.echo(json.dumps(parts, ensure_ascii=False, indent=2, default=_as_data))


def _as_data(value: "Any") -> "Any":
    """What JSON does not know: frames as their rows, the rest as text."""
    import polars as pl

    return value.to_dicts() if isinstance(value, pl.DataFrame) else str(value)


def _simulated(figure: "Mapping[str, Any]") -> str:
    return SIMULATED_DATA if figure["is_simulated"] else ""


def _not_estimable(figure: "Mapping[str, Any]") -> str:
    from dashboards import labels

    because = labels.because(figure["reason"])
    return f"{labels.NOT_ESTIMABLE}: {because[:1].lower()}{because[1:].removesuffix('.')}"


def _interval(figure: "Mapping[str, Any]") -> str:
    low, high = figure["ci_low_mg_per_day_per_1000"], figure["ci_high_mg_per_day_per_1000"]
    return "; no interval" if low is None else f"; 95 % interval {low:.6g} to {high:.6g}"


def _print_step(step: "Step") -> None:
    """A step with its numbers. One that computes nothing is left out: what the protocol does then is said in words."""
    if not step.formula:
        return
    result = "nothing" if step.result is None else f"{step.result:.12g}"
    verdict = "agrees with the table" if step.agrees else f"THE TABLE HOLDS {step.stored}, please report this"
    of_limit = ", of the limit" if step.is_of_limit else ""
    typer.echo(
        f"  {step.macro}{of_limit} = {step.formula}\n    = {step.with_numbers}\n    = {result}{of_limit}; {verdict}"
    )


def _print_budget(budget: "list[Part]") -> None:
    """What the interval is made of, a line each."""
    import polars as pl

    from dashboards import labels

    if budget:
        rows = [(p.component, labels.share(p.rsd), f"{100 * p.share:.0f} %", p.shared_over) for p in budget]
        schema = ["part of the interval", "relative standard deviation", "of the variance", "shared by all of"]
        print_table("", pl.DataFrame(rows, schema=schema, orient="row"))


def _resting_on(figure: "Mapping[str, Any]", factor: "Mapping[str, Any]", markers: "list[dict[str, Any]]") -> str:
    """What a figure rests on that nobody has approved: its factor, or the marker by which inhabitants are counted."""
    resting = []
    if figure["basis"] == "consumption" and factor["factor_status"] != "approved":
        resting.append(f"a factor that is {factor['factor_status']}")
    resting += [
        f"inhabitants by {marker['population_method']}, a marker that is {marker['marker_status']}"
        for marker in markers
    ]
    return f", resting on {' and on '.join(resting)}" if resting else ""


def _print_source(source: "Source") -> None:
    sheet = f", sheet '{source.sheet}'" if source.sheet else ""
    cell = f", cell {source.cell}" if source.cell else f", row {source.row_number}"
    unit = f" [{source.unit}]" if source.unit else ""
    say(f"  {source.what}: {source.file_name}{sheet}{cell} under '{source.header}': '{source.text}'{unit}"
         + (f" = {source.value}" if source.value else ""))  # fmt: skip
    told = [f"{name} {_rounded(said)}" for name, said in source.details.items()]
    again = {True: "the archived file still says so", False: f"THE ARCHIVED FILE SAYS '{source.read_again}'",
             None: "no cell in the archive to ask"}[source.is_as_archived]  # fmt: skip
    say(f"    {'; '.join([*told, f'delivered {source.received_at[:19]}', f'sha256 {source.delivery_id[:12]}', again])}")


def _rounded(said: str) -> str:
    """A number with more digits than say something with six of them; any other text as it is."""
    return f"{float(said):.6g}" if re.fullmatch(r"-?\d+\.\d+", said) else said


def _print_mean(found: "PeriodExplained | AreaExplained", where: str) -> None:
    """A mean with its interval and what it rests on, what limits alone allow of it, and the same in other units."""
    figure = found.figure
    mean = figure["mean_mg_per_day_per_1000"]
    said = f"{mean:.6g} mg/day/1000{_interval(figure)}" if mean is not None else _not_estimable(figure)
    say(f"{_simulated(figure)}{figure['drug']} {where} in {figure['period']}, protocol {figure['protocol']}: {said}"
         f" ({figure['basis']}){_resting_on(figure, found.factor, found.markers)}")  # fmt: skip
    _print_bounds(figure)
    _print_in_other_units(figure, found.dose)


def _verdict(found: "PeriodExplained | AreaExplained") -> str:
    return "agrees with the table" if found.agrees else "THE TABLE HOLDS ANOTHER FIGURE, please report this"


def _print_period(found: "PeriodExplained", *, as_json: bool) -> None:
    import polars as pl

    from dashboards import labels

    if as_json:
        _print_json(found, "budget", "steps")
        return
    figure = found.figure
    _print_mean(found, f"at {figure['site_id']}")
    days = labels.things(found.days.height, "day", "days")
    below = f"{figure['n_censored']} below their limit"
    cells = f"{found.n_as_archived} of {found.n_read_again} cells in the archive still say so"
    if figure["mean_mg_per_day_per_1000"] is None and found.agrees:
        typer.echo(f"no mean of {days}, {below}; {cells}")
    else:
        typer.echo(f"{found.rule} of {days}, {below}; {_verdict(found)}; {cells}")
    is_below = found.days["is_censored"].any()
    limit = worded("amount_limit_mg_per_day_per_1000", labels.amount).replace("", "not known")
    shown = found.days.select(
        pl.col("sampled_on").cast(pl.String).fill_null("not known").alias("day"),
        worded("weekday", lambda day: labels.WEEKDAYS[day - 1]).alias("weekday"),
        worded("amount_mg_per_day_per_1000", labels.amount).replace("", "–").alias("mg/day/1000"),
        *(
            [
                worded("is_censored", labels.yes_no).alias("below limit"),
                pl.when("is_censored").then(limit).otherwise(pl.lit("")).alias("its limit makes"),
            ]
            if is_below
            else []
        ),
        pl.col("file_name").alias("file"),
        *([pl.col("sheet")] if (found.days["sheet"] != "").any() else []),
        pl.col("source_cell").alias("cells"),
        pl.col("text").alias("as written"),
        *([pl.col("flags").fill_null("")] if found.days["flags"].null_count() < found.days.height else []),
    )
    print_table("", shown)
    if is_below and figure["mean_mg_per_day_per_1000"] is not None:
        counts = labels.BELOW_LIMIT.get(figure["below_limit"], figure["below_limit"])
        say(f"For a day below its limit counts: {counts}.")
    for flag, meaning in labels.flags([figure["flags"]]).items():
        say(f"Flag {flag}: {meaning}")
    _print_budget(found.budget)


def _print_bounds(figure: "Mapping[str, Any]") -> None:
    """What limits alone allow of a mean that rests on days below them."""
    if not figure["n_censored"] and not figure.get("n_sites_left_out") and figure["reason"] != "above_upper_limit":
        return
    bounds = [
        f"{words} {figure[name]:.6g}"
        for name, words in (("at_least_mg_per_day_per_1000", "at least"), ("at_most_mg_per_day_per_1000", "at most"))
        if figure[name] is not None
    ]
    if bounds:
        typer.echo(f"  by limits alone {' and '.join(bounds)} mg/day/1000")


def _print_area(found: "AreaExplained", *, as_json: bool) -> None:
    import polars as pl

    from dashboards import labels

    if as_json:
        _print_json(found, "budget")
        return
    figure = found.figure
    _print_mean(found, f"over {figure['unit_name'] or figure['unit_id']}")
    missing = f"{figure['n_sites_left_out']} left out, {figure['n_sites_without_days']} without a day"
    sites = f"{figure['n_sites']} in it, {missing}"
    if figure["mean_mg_per_day_per_1000"] is None and found.agrees:
        typer.echo(f"no mean of the sites: {sites}")
    else:
        typer.echo(f"{found.rule}: {sites}; {_verdict(found)}")
    shown = found.sites.select(
        pl.col("site_id").alias("site"), pl.col("site_name").fill_null("").alias("name"),
        worded("mean_mg_per_day_per_1000", labels.amount).alias("mean"),
        worded("population", lambda people: labels.count(round(people))).alias("inhabitants"),
        worded("weight_share", labels.share).alias("of the weight"),
        worded("amount_share", labels.share).alias("of the mean"),
        pl.col("n_days").alias("days"), pl.col("n_censored").alias("below limits"),
        worded("at_least_mg_per_day_per_1000", labels.amount).alias("at least"),
        worded("at_most_mg_per_day_per_1000", labels.amount).alias("at most"),
        worded("reason", labels.because).alias("remark"),
    )  # fmt: skip
    print_table("", shown)
    for flag, meaning in labels.flags([figure["flags"]]).items():
        say(f"Flag {flag}: {meaning}")
    _print_budget(found.budget)
    typer.echo("A site's own figure: permille explain SITE DRUG --period PERIOD")


def _print_in_other_units(figure: "Mapping[str, Any]", dose: "Mapping[str, Any] | None") -> None:
    """The mean of a period in doses, as a mass, and per 1000 inhabitants aged 15 to 64: a line each."""

    def interval(unit: str, divisor: int = 1) -> str:
        low, high = figure[f"ci_low_{unit}"], figure[f"ci_high_{unit}"]
        return "" if low is None else f"; 95 % interval {low / divisor:.6g} to {high / divisor:.6g}"

    if dose is not None and figure["doses_per_day_per_1000"] is not None:
        say(
            f"  = {figure['doses_per_day_per_1000']:.6g} doses/day/1000 of {dose['dose_mg']:g} mg, a dose that is"
            f" {dose['dose_status']}: {dose['source']}{interval('doses_per_day_per_1000')}"
        )
    if figure["mass_mg_per_day"] is not None:
        grams, people = figure["mass_mg_per_day"] / 1000, figure["population"]
        product = figure["mean_mg_per_day_per_1000"] * people / 1_000_000
        is_product = "site_id" not in figure or math.isclose(grams, product, rel_tol=1e-9)
        by_day = "" if is_product else ", the mean of the days' masses"
        say(f"  = {grams:.6g} g/day of all {people:,.0f} inhabitants{by_day}{interval('mg_per_day', 1000)}")
    if figure["mean_mg_per_day_per_1000_aged_15_to_64"] is not None:
        aged = figure["population_aged_15_to_64"]
        of = "" if aged is None else f" (there are {aged:,.0f})"
        say(f"  = {figure['mean_mg_per_day_per_1000_aged_15_to_64']:.6g} mg/day/1000 inhabitants aged 15 to 64{of}")
