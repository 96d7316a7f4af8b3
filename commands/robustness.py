"""The command that tells whether a change hangs on how it is computed."""

from typing import TYPE_CHECKING, Annotated

import typer

from commands.common import (
    SIMULATED_DATA,
    Format,
    Level,
    WorkspaceOption,
    drug_of,
    fail,
    opened,
    place_of,
    print_data,
    print_table,
    say,
    warn_of_broken_files,
    worded,
    worded_interval,
)
from commands.compared import (
    BaselineOption,
    CurrentOption,
    LevelOption,
    periods_of,
    require_periods,
    require_protocol,
)

if TYPE_CHECKING:
    import polars as pl


def robustness(
    protocol: Annotated[str | None, typer.Option(help="Protocol of the headlines; the settings' if left out.")] = None,
    baseline: BaselineOption = None,
    current: CurrentOption = None,
    level: LevelOption = Level.network,
    drug: Annotated[str | None, typer.Option(help="One drug, with a line for each way; all drugs if left out.")] = None,
    form: Annotated[Format, typer.Option("--format", help="table, csv or json.")] = Format.table,
    workspace: WorkspaceOption = None,
) -> None:
    """Does a change hang on how it is computed? By all protocols, ways of counting people, and one choice at a time.

    Example: permille robustness --drug methamphetamine --level area
    """
    import polars as pl

    from pipeline import changes, estimates
    from pipeline import robustness as of_ways
    from pipeline.settings import SettingsError
    from pipeline.warehouse import Warehouse, WarehouseError
    from schemas.protocol import ProtocolError

    require_periods(baseline, current)
    here = opened(workspace)
    warn_of_broken_files(here)
    try:
        with Warehouse.open(here.published, read_only=True) as warehouse:
            known = warehouse.query("select protocol from protocols order by protocol")["protocol"].to_list()
            wanted = protocol or here.settings.protocol
            require_protocol(here, wanted, known)
            chosen = periods_of(warehouse, here, baseline, current)
            asked = {"protocol": wanted, "baseline_period": chosen[0], "current_period": chosen[1]}
            # As the last run left it; other periods, or another protocol, are computed now.
            rows = warehouse.read("robustness").filter(**asked)
            if rows.is_empty():
                rows = of_ways.robustness(warehouse, wanted, changes.between(warehouse, *chosen).changes)
            rows = rows.filter(pl.col("level") == level.value)
            of = None if drug is None else drug_of(drug, sorted(rows["drug"].unique()))
            if of:
                found = of_ways.in_order(rows.filter(pl.col("drug") == of))
            else:
                found = of_ways.headlines(warehouse, rows).sort("drug", "unit_id")
    except (WarehouseError, SettingsError, ProtocolError, estimates.PeriodError) as error:
        fail(str(error))
    if form is not Format.table:
        print_data(found, form)
    elif found.is_empty():
        typer.echo("There is nothing to compare.")
    elif of:
        _print_ways(found, level)
    else:
        _print_headlines(found, level)


def _title_of_ways(found: "pl.DataFrame") -> None:
    first = found.row(0, named=True)
    label = SIMULATED_DATA if found["is_simulated"].any() else ""
    say(
        f"{label}{first['current_period']} against {first['baseline_period']} by {first['protocol']}, and by other ways"
        " of computing it"
    )


def _print_headlines(found: "pl.DataFrame", level: Level) -> None:
    """A line a headline: how far it goes, and what moves it furthest."""
    import polars as pl

    from dashboards import labels

    def range_of(what: str) -> pl.Expr:
        low, high = (worded(f"{end}_by_{what}_percent", labels.percent) for end in ("lowest", "highest"))
        one, both = pl.format("{} (1)", low), pl.format("{} to {} ({})", low, high, f"n_{what}s")
        return pl.when(pl.col(f"n_{what}s") > 1).then(both).when(pl.col(f"n_{what}s") == 1).then(one).fill_null("–")

    _title_of_ways(found)
    points = worded("most_important_range_percent_points", labels.points)
    print_table(
        "",
        found.select(
            *place_of(level),
            "drug",
            worded("change_percent", labels.percent).replace("", labels.NOT_ESTIMABLE).alias("headline"),
            worded_interval("ci_low_percent", "ci_high_percent", labels.percent).alias("95 % interval"),
            range_of("protocol").alias("by protocols"),
            range_of("population").alias("by ways of counting people"),
            pl.format("{} of {}", "n_ways_agreeing", "n_ways").fill_null("–").alias("same direction"),
            pl.format("{}: {} points", pl.col("most_important_choice").str.replace_all("_", " "), points)
            .fill_null("–")
            .alias("matters most"),
            worded("reason", labels.shortly).alias("remark"),
        ),
    )
    say(
        "In brackets of how many ways, the headline's own among them; same direction: of these and of one choice at a"
        " time. All ways of one drug: --drug."
    )


def _print_ways(found: "pl.DataFrame", level: Level) -> None:
    """A line a way."""
    import polars as pl

    from dashboards import labels

    _title_of_ways(found)
    print_table(
        "",
        found.select(
            *place_of(level),
            pl.col("choice").str.replace_all("_", " "),
            pl.format("{}{}", "option", pl.when("is_headline").then(pl.lit(" (headline)")).otherwise(pl.lit(""))).alias(
                "option"
            ),
            worded("change_percent", labels.percent).replace("", labels.NOT_ESTIMABLE).alias("change"),
            worded_interval("ci_low_percent", "ci_high_percent", labels.percent).alias("95 % interval"),
            pl.when(pl.col("state") == "estimated").then("verdict").fill_null("–").alias("verdict"),
            worded("difference_percent_points", labels.signed_points).replace("", "–").alias("points"),
            *(
                []
                if level is Level.site
                else [
                    pl.col("n_sites").alias("sites"),
                    pl.when(pl.col("n_sites") == 0)
                    .then(pl.lit("–"))
                    .when(pl.col("is_same_panel"))
                    .then(pl.lit("yes"))
                    .otherwise(pl.lit("no"))
                    .alias("the headline's"),
                ]
            ),
            worded("reason", labels.shortly).alias("remark"),
        ),
    )
