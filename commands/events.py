"""The command that tells what events did."""

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from commands.common import (
    SIMULATED_DATA,
    WRONG_USAGE,
    Format,
    WorkspaceOption,
    drug_of,
    fail,
    opened,
    print_data,
    print_table,
    say,
    warn_of_broken_files,
    worded,
    worded_interval,
)

if TYPE_CHECKING:
    import polars as pl


class Control(StrEnum):
    """What tells how use would have gone on."""

    areas = "areas"
    drugs = "drugs"
    none = "none"


def events(
    event: Annotated[str | None, typer.Option(help="One event; all if left out.")] = None,
    drug: Annotated[str | None, typer.Option(help="One drug; all if left out.")] = None,
    protocol: Annotated[str | None, typer.Option(help="Protocol; the settings' if left out.")] = None,
    control: Annotated[
        Control | None,
        typer.Option(help="Beside areas or drugs the event leaves alone, or none; the best there is if left out."),
    ] = None,
    form: Annotated[Format, typer.Option("--format", help="table, csv or json.")] = Format.table,
    workspace: WorkspaceOption = None,
) -> None:
    """What did campaigns, policies and holidays do? Beside areas and drugs they left alone, and beside other dates.

    Events are delivered as a list (layout permille-events). A plain comparison: permille change --baseline before:EVENT
    --current after:EVENT.

    Example: permille events --event winter-campaign
    """
    import polars as pl

    from pipeline import explain
    from pipeline.warehouse import Warehouse, WarehouseError

    here = opened(workspace)
    warn_of_broken_files(here)
    wanted = protocol or here.settings.protocol
    try:
        with Warehouse.open(here.published, read_only=True) as warehouse:
            every = warehouse.read("event_effects")
            n_events = warehouse.query("select count(distinct event_id) from current_events").item()
    except WarehouseError as error:
        fail(str(error))
    if not n_events:
        typer.echo("No event is known: deliver a list of them (layout permille-events, see README).")
        return
    there = sorted(every["protocol"].unique())
    if wanted not in there:
        fail(f"there are no effects by a protocol {wanted!r}{explain.instead(wanted, there)}.", WRONG_USAGE)
    known = sorted(every["event_id"].unique())
    if event is not None and event not in known:
        fail(f"there is no event {event!r}{explain.instead(event, known)}.", WRONG_USAGE)
    of = None if drug is None else drug_of(drug, sorted(every["drug"].unique()))
    rows = every.filter(
        pl.col("protocol") == wanted,
        pl.col("is_preferred") if control is None else pl.col("event_control") == control.value,
        pl.lit(value=True) if event is None else pl.col("event_id") == event,
        pl.lit(value=True) if of is None else pl.col("drug") == of,
    ).sort("starts_on", "event_id", "drug")
    if form is not Format.table:
        print_data(rows, form)
    elif rows.is_empty():
        typer.echo("No event is about this drug, or has such a control: leave out --drug, --event or --control.")
    else:
        _print_effects(rows)


def _print_effects(rows: "pl.DataFrame") -> None:
    """A block an event, with a line a drug."""
    import polars as pl

    from dashboards import labels

    # What concerns one drug here and another one there stands apart.
    for part in rows.partition_by("event_id", "areas", maintain_order=True):
        first = part.row(0, named=True)
        label = SIMULATED_DATA if part["is_simulated"].any() else ""
        until = f" to {first['ends_on']}" if first["ends_on"] else ", since when it lasts"
        where = first["areas"].replace(";", ", ") or "everywhere"
        say(
            f"{label}{first['event_name']} ({first['event_kind']}), {first['starts_on']}{until}; {where};"
            f" by {first['protocol']}"
        )
        told = part.filter(pl.col("state") == "estimated")
        if told.height:
            print_table("", _lines(told))
        for reason, of in part.filter(pl.col("state") != "estimated").group_by("reason", maintain_order=True):
            say(f"  {labels.NOT_ESTIMABLE}: {', '.join(of['drug'])}. {labels.because(str(reason[0]))}")
    say(
        "effect: how far use lay from where it was heading, beside areas the event left alone, else beside drugs it"
        " left alone; beside none it may be a season, and there is no verdict."
    )
    say(
        "verdict: all effects of the protocol and kind of control judged together (Benjamini and Hochberg, 5 %), and"
        " beside other dates."
    )


def _lines(rows: "pl.DataFrame") -> "pl.DataFrame":
    """The effects that were found, a line a drug."""
    import polars as pl

    from dashboards import labels

    return rows.select(
        "drug",
        pl.col("event_control").alias("beside"),
        worded("effect_percent", labels.percent).alias("effect"),
        worded_interval("ci_low_percent", "ci_high_percent", labels.percent).alias("95 % interval"),
        pl.col("verdict").fill_null("–"),
        worded("smallest_detectable_fall_percent", labels.magnitude).alias("could see from"),
        pl.when(pl.col("n_placebos") > 0)
        .then(pl.format("{} of {}", "n_placebos_as_large", "n_placebos"))
        .otherwise(pl.lit("–"))
        .alias("as large at other dates"),
        pl.format("{} + {} {}s", "n_periods_outside", "n_periods_within", "period_kind").alias("outside + within"),
        pl.col("n_sites").alias("sites"),
        worded("reason", labels.shortly).alias("remark"),
    )
