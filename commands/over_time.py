"""The commands that follow a drug over many periods."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from commands.common import (
    SIMULATED_DATA,
    WRONG_USAGE,
    Format,
    Level,
    WorkspaceOption,
    drug_of,
    fail,
    opened,
    place_of,
    print_data,
    print_table,
    require_place_for,
    say,
    warn_of_broken_files,
    worded,
    worded_interval,
)

if TYPE_CHECKING:
    import polars as pl

    from pipeline.planning import Basis


_NOTHING_YET = "there are no figures yet: 'permille status' says what was delivered and what it waits for."


class Kind(StrEnum):
    """How long a period is."""

    year = "year"
    quarter = "quarter"
    month = "month"


class Panel(StrEnum):
    """Which sites a mean is over."""

    available = "available"
    complete = "complete"


class Weights(StrEnum):
    """How the sites of an area weigh."""

    population = "population"
    none = "none"


def series(
    drug: Annotated[str, typer.Option(help="The drug.")],
    level: Annotated[Level, typer.Option(help="Of each site, of each area, or of all sites together.")] = Level.network,
    protocol: Annotated[str | None, typer.Option(help="Protocol; the settings' if left out.")] = None,
    kind: Annotated[Kind, typer.Option(help="One row a year, quarter or month.")] = Kind.year,
    panel: Annotated[
        Panel,
        typer.Option(
            help="Sites: of each period those that have a mean in it, or only those that have one in all of them."
        ),
    ] = Panel.available,
    weights: Annotated[
        Weights | None, typer.Option(help="Sites weigh by population or alike; as the protocol has it if left out.")
    ] = None,
    first: Annotated[str | None, typer.Option("--from", help="The first period, as 2019 or 2019-Q1.")] = None,
    last: Annotated[str | None, typer.Option("--to", help="The last period.")] = None,
    form: Annotated[Format, typer.Option("--format", help="table, csv or json.")] = Format.table,
    workspace: WorkspaceOption = None,
) -> None:
    """How much of a drug, period by period? Over whichever sites there are, or over the same ones throughout.

    A complete panel weighs its sites by their inhabitants in the first period: only use moves it.

    Example: permille series --drug cocaine --protocol euda --panel complete --weights none --format csv
    """
    from pipeline import explain, spans
    from pipeline.series import series as of_periods
    from pipeline.warehouse import Warehouse, WarehouseError

    for period in (first, last):
        if period and not (spans.is_calendar(period) and spans.kind(period) == kind.value):
            example = {"year": "2024", "quarter": "2024-Q1", "month": "2024-03"}[kind.value]
            fail(f"{period!r} is no {kind.value}: write {example}.", WRONG_USAGE)
    if first and last and first > last:
        fail(f"--from {first} lies after --to {last}: turn them round.", WRONG_USAGE)
    here = opened(workspace)
    warn_of_broken_files(here)
    wanted = protocol or here.settings.protocol
    try:
        with Warehouse.open(here.published, read_only=True) as warehouse:
            known = warehouse.query("select distinct protocol, drug from site_periods order by all")
            if known.is_empty():
                fail(_NOTHING_YET)
            if wanted not in known["protocol"]:
                there = sorted(known["protocol"].unique())
                fail(f"there are no figures by a protocol {wanted!r}{explain.instead(wanted, there)}.", WRONG_USAGE)
            drugs = known.filter(known["protocol"] == wanted)["drug"].to_list()
            of = drug_of(drug, drugs)
            rows = of_periods(
                warehouse, level.value, of, wanted, kind.value, panel=panel.value,
                weights=weights.value if weights else None, first=first, last=last,
            )  # fmt: skip
    except WarehouseError as error:
        fail(str(error))
    if form is not Format.table:
        print_data(rows, form)
    elif rows.is_empty():
        typer.echo(_no_rows(panel, kind))
    else:
        _print_series(rows, level, panel)


def _no_rows(panel: Panel, kind: Kind) -> str:
    if panel is Panel.complete:
        return f"No site has a mean in every {kind.value} of those asked for: choose fewer by --from and --to."
    return "There is no mean to print."


def _print_series(rows: "pl.DataFrame", level: Level, panel: Panel) -> None:
    import polars as pl

    from dashboards import labels

    first = rows.row(0, named=True)
    label = SIMULATED_DATA if rows["is_simulated"].any() else ""
    basis = "consumption" if first["basis"] == "consumption" else "residue load"
    say(f"{label}{first['drug']} by {first['protocol']}: {basis}, mg/day/1000 inhabitants")

    unit = "mg_per_day_per_1000"
    has_left_out = rows["n_sites_left_out"].sum() > 0
    by_limits = worded_interval(f"at_least_{unit}", f"at_most_{unit}", labels.amount)
    print_table(
        "",
        rows.select(
            *([pl.col("unit_name").alias(level.value)] if level is not Level.network else []),
            "period",
            worded(f"mean_{unit}", labels.amount).replace("", labels.NOT_ESTIMABLE).alias("mean"),
            worded_interval(f"ci_low_{unit}", f"ci_high_{unit}", labels.amount).alias("95 % interval"),
            *([pl.col("n_sites").alias("sites")] if level is not Level.site else []),
            *([pl.col("n_sites_left_out").alias("left out")] if has_left_out else []),
            *([by_limits.alias("by limits")] if has_left_out else []),
            pl.col("n_days").alias("days"),
            pl.col("n_censored").alias("below limits"),
            worded("reason", labels.shortly).alias("remark"),
        ),
    )
    if level is Level.site:
        return
    weighed = "sites weigh alike" if first["area_weights"] == "none" else "sites weigh by inhabitants"
    if panel is Panel.complete:
        fixed = "" if first["area_weights"] == "none" else ", those of the first period"
        say(f"Over the same sites in all periods; {weighed}{fixed}.")
    else:
        say(f"Over the sites that have a mean in each period, which differ; {weighed} (the same: --panel complete).")
    if has_left_out:
        say(
            "left out: sites that were measured in a period and are not in its mean; by limits: between these lies the"
            " mean of all that were measured, whatever the days below limits held. Where these fall and the mean does"
            " not, sites fell below their limits, or others joined."
        )


class Method(StrEnum):
    """The test of a trend."""

    mann_kendall = "mann-kendall"
    hamed_rao = "hamed-rao"
    seasonal_kendall = "seasonal-kendall"
    hirsch_slack = "hirsch-slack"
    akritas_theil_sen = "akritas-theil-sen"


def trend(
    level: Annotated[Level, typer.Option(help="Of each site, of each area, or of all sites together.")] = Level.network,
    drug: Annotated[str | None, typer.Option(help="One drug; all if left out.")] = None,
    protocol: Annotated[str | None, typer.Option(help="Protocol; the settings' if left out.")] = None,
    kind: Annotated[Kind, typer.Option(help="Over years, quarters or months.")] = Kind.year,
    method: Annotated[
        Method | None, typer.Option(help="One test; of each series the preferred one if left out.")
    ] = None,
    form: Annotated[Format, typer.Option("--format", help="table, csv or json.")] = Format.table,
    workspace: WorkspaceOption = None,
) -> None:
    """Where has a drug been going, over all its periods? Areas over the same sites throughout.

    Of an area, periods are left out that few sites have, and sites that lack one of the others.

    Example: permille trend --drug cocaine --kind quarter --level area
    """
    import polars as pl

    from pipeline import explain
    from pipeline.warehouse import Warehouse, WarehouseError

    here = opened(workspace)
    warn_of_broken_files(here)
    wanted = protocol or here.settings.protocol
    try:
        with Warehouse.open(here.published, read_only=True) as warehouse:
            every = warehouse.read("trends")
    except WarehouseError as error:
        fail(str(error))
    there = sorted(every["protocol"].unique())
    if not there:
        fail(_NOTHING_YET)
    if wanted not in there:
        fail(f"there are no trends by a protocol {wanted!r}{explain.instead(wanted, there)}.", WRONG_USAGE)
    rows = every.filter(
        pl.col("protocol") == wanted, pl.col("level") == level.value, pl.col("period_kind") == kind.value
    )
    of = None if drug is None else drug_of(drug, sorted(rows["drug"].unique()))
    is_asked = pl.col("is_preferred") if method is None else pl.col("method") == method.value.replace("-", "_")
    is_drug = pl.lit(value=True) if of is None else pl.col("drug") == of
    rows = rows.filter(is_asked, is_drug).sort("drug", "unit_id")
    if form is not Format.table:
        print_data(rows, form)
    elif rows.is_empty():
        typer.echo("There is no series that this test is made of.")
    else:
        _print_trends(rows, level)


def _print_trends(rows: "pl.DataFrame", level: Level) -> None:
    """A line a series."""
    import polars as pl

    from dashboards import labels

    label = SIMULATED_DATA if rows["is_simulated"].any() else ""
    first = rows.row(0, named=True)
    basis = "consumption" if first["basis"] == "consumption" else "residue load"
    say(f"{label}trends of the {first['period_kind']}s by {first['protocol']}: {basis}, mg/day/1000 inhabitants a year")
    unit = "mg_per_day_per_1000_per_year"
    print_table(
        "",
        rows.select(
            *place_of(level),
            "drug",
            pl.format("{} to {}", "first_period", "last_period").alias("from, to"),
            *(
                [pl.col("n_periods").alias("periods")]
                if level is Level.site
                else [
                    _of_all("n_periods", "n_periods_left_out").alias("periods"),
                    _of_all("n_sites", "n_sites_left_out").alias("sites"),
                ]
            ),
            pl.when(pl.col("state") == "estimated")
            .then("direction")
            .otherwise(pl.format("{}: {}", pl.lit(labels.NOT_ESTIMABLE), worded("reason", labels.shortly)))
            .alias("direction"),
            worded("slope_percent_per_year", labels.percent).replace("", "–").alias("a year"),
            worded(f"slope_{unit}", _signed).replace("", "–").alias("slope"),
            worded_interval(f"ci_low_{unit}", f"ci_high_{unit}", _signed).alias("95 % interval"),
            pl.col("p_adjusted").round(4).cast(pl.String).fill_null("–").alias("p, together"),
            pl.col("method").str.replace_all("_", "-").alias("test"),
            pl.col("level_changes").fill_null("").alias("new levels from"),
        ),
    )
    if level is not Level.site:
        say(
            "Over the same sites in all these periods, with the weights of the first. Dropped are the periods that"
            " fewest have, as long as that leaves more inhabitants times periods; no trend is told by less than half of"
            " all inhabitants, or of all sites where these weigh alike."
        )
    elif rows["n_periods_left_out"].sum():
        say(
            "periods: those of all measured that say something; in the others limits are not stated, or days lie above"
            " the range. A drug that came or went in these is not in its trend."
        )
    say("direction: judged together with all trends of its level and test (Benjamini and Hochberg, 5 %).")
    if (rows["period_kind"] != "year").any():
        say(
            "Months and quarters in a row are alike: below eight years that is not allowed for, and one in"
            " five that have no trend may seem to have one. What else could have made it: permille credibility."
        )


def _of_all(kept: str, left_out: str) -> "pl.Expr":
    """How many are kept, and of how many where some are not."""
    import polars as pl

    every = pl.format("{} of {}", pl.col(kept), pl.col(kept) + pl.col(left_out))
    return pl.when(pl.col(left_out) > 0).then(every).otherwise(pl.col(kept).cast(pl.String))


def _signed(value: float) -> str:
    from dashboards import labels

    return f"{'−' if value < 0 else '+'}{labels.amount(abs(value))}"


def plan(
    drug: Annotated[str, typer.Option(help="The drug.")],
    fall: Annotated[float, typer.Option(help="The fall that should be seen, in percent.", min=0.1, max=99)] = 20,
    power: Annotated[float, typer.Option(help="How often it should be seen, as a share.", min=0.05, max=0.99)] = 0.8,
    place: Annotated[str, typer.Option(help="A site or an area, by its number or name; network for all.")] = "network",
    year: Annotated[int | None, typer.Option(help="The year whose days tell; the last if left out.")] = None,
    figure: Annotated[
        Path | None, typer.Option(help="Also draw it: a file that ends in .html, and opens without a network.")
    ] = None,
    form: Annotated[Format, typer.Option("--format", help="table, csv or json.")] = Format.table,
    workspace: WorkspaceOption = None,
) -> None:
    """How many days would the next campaign need? By the spread of the drug's days here and the errors of batches.

    Example: permille plan --drug methamphetamine --fall 20 --figure plan.html
    """
    from pipeline import explain, planning
    from pipeline.warehouse import Warehouse, WarehouseError

    if figure is not None:
        require_place_for(figure, "--figure", "plan", ".html")
    here = opened(workspace)
    warn_of_broken_files(here)
    try:
        with Warehouse.open(here.published, read_only=True) as warehouse:
            known = warehouse.query("select distinct protocol, drug, sampling_year from day_spreads order by all")
            if known.is_empty():
                fail("there is no estimate yet: see 'permille status' for what is missing.")
            own = known.filter(known["protocol"] == here.settings.protocol)
            protocol = here.settings.protocol if own.height else "permille"
            of_protocol = own if own.height else known.filter(known["protocol"] == protocol)
            drugs = sorted(of_protocol["drug"].unique())
            of = drug_of(drug, drugs)
            found = explain.place_of(warehouse, place)
            when = year or of_protocol.filter(of_protocol["drug"] == of)["sampling_year"].to_list()[-1]
            basis = planning.basis_of(warehouse, of, protocol, found.level, found.unit_id, when)
    except explain.ExplainError as error:
        fail(str(error), WRONG_USAGE)
    except (WarehouseError, planning.PlanError) as error:
        fail(str(error))
    rows = planning.plan(basis, power)
    if form is not Format.table:
        print_data(rows, form)
    else:
        _print_plan(basis, rows, fall, power)
    if figure is not None:
        figure.write_text(_plan_page(basis, rows, fall, power), encoding="utf-8")
        say(f"Figure: {figure}", err=form is not Format.table)


def _plan_page(basis: "Basis", rows: "pl.DataFrame", fall: float, power: float) -> str:
    """The figure of a plan as a page, with its numbers."""
    from dashboards import labels
    from dashboards.figures import plan as drawn
    from dashboards.figures.words import PlanLabels
    from dashboards.rendering import figure_page
    from pipeline import planning

    days, floor = planning.days_for(basis, fall, power), planning.out_of_reach(basis, power)
    name, size, seen = labels.capital(basis.drug), labels.magnitude(fall), f"{100 * power:.0f} of 100 campaigns"
    takes = f"a fall of {size} takes {labels.things(days or 0, 'day', 'days')}"
    title = f"{name}: {takes if days else f'no number of days sees a fall of {size}'}"
    where = "all sites" if basis.place == "network" else basis.place
    data = drawn.PlanData(
        drug=basis.drug, title=title, subtitle=f"seen in {seen}, {where}, by the days of {basis.period}", rows=rows,
        fall_percent=fall, days_needed=days, out_of_reach_percent=floor, is_simulated=basis.is_simulated,
    )  # fmt: skip
    key = (
        f"The line is the smallest fall that is seen in {seen}, {where}, by the spread of the days of {basis.period};"
        f" the dashed line is the fall asked for. In the band, below {labels.magnitude(floor)}, no number of days sees"
        " one: what two batches leave in doubt is larger."
    )
    numbers = rows.select("n_days", "smallest_fall_percent").iter_rows()
    return figure_page(
        drawn.plan(data, PlanLabels()), title=title, key=key, headers=["Days", "Smallest fall"],
        rows=[(str(n), labels.magnitude(seen_from)) for n, seen_from in numbers],
        is_simulated=basis.is_simulated,
    )  # fmt: skip


def _print_plan(basis: "Basis", rows: "pl.DataFrame", fall: float, power: float) -> None:
    """What the next campaign needs, in sentences, and a table of what so many days would see."""
    import polars as pl

    from dashboards import labels
    from pipeline import planning

    label = SIMULATED_DATA if basis.is_simulated else ""
    where = "the network" if basis.place == "network" else basis.place
    sites = labels.things(basis.n_sites, "site", "sites")
    alike = "" if basis.n_sites == 1 else f", which leave as much in doubt as {basis.n_sites_effective:.1f} alike"
    say(
        f"{label}{basis.drug}, {where}, by the days of {basis.period}: {sites}{alike}; from day to day"
        f" {100 * basis.daily_log_sd:.0f} %, from batch to batch {100 * basis.batch_rsd:.0f} %"
    )
    days = planning.days_for(basis, fall, power)
    wanted = f"A fall of {labels.magnitude(fall)} is seen in {100 * power:.0f} of 100 campaigns"
    if days is None:
        say(f"{wanted} by no number of days: what two batches leave in doubt is larger.")
    else:
        say(f"{wanted} with {labels.things(days, 'day', 'days')} at each site, before and after.")
    say(
        f"Falls below {labels.magnitude(planning.out_of_reach(basis, power))} are out of reach of days: there better"
        " control samples of each batch help, or both periods in one batch. A campaign is one batch: a year of monthly"
        " ones sees smaller falls, and what 'permille change' could see it sees in half of all cases."
    )
    print_table(
        "",
        rows.select(
            pl.col("n_days").alias("days"),
            worded("smallest_fall_percent", labels.magnitude).alias(f"sees {100 * power:.0f} of 100 from"),
            *(
                pl.col(f"power_of_a_fall_of_{of}_percent")
                .map_elements(lambda share: f"{100 * share:.0f}", return_dtype=pl.String)
                .alias(f"−{of} %")
                for of in planning.FALLS
            ),
        ),
    )
    say("In the columns of falls: in how many of 100 campaigns each is seen, alone and at 5 %.")
