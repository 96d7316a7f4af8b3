"""The commands that print how much of a drug is used, by itself and of all drugs in doses."""

from typing import TYPE_CHECKING, Annotated

import typer

from commands.common import (
    SIMULATED_DATA,
    WRONG_USAGE,
    Format,
    Level,
    WorkspaceOption,
    fail,
    opened,
    period_of,
    place_of,
    print_data,
    print_table,
    say,
    warn_of_broken_files,
    worded,
    worded_interval,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    import polars as pl

    from pipeline.warehouse import Warehouse


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

    here = opened(workspace)
    warn_of_broken_files(here)
    try:
        with Warehouse.open(here.published, read_only=True) as warehouse:
            of, there = period_of(warehouse, here, period)
            rows = estimates.levels_side_by_side(warehouse, level.value, of)
            for name, asked in (("drug", drug.casefold() if drug else None), ("protocol", protocol)):
                known = there if name == "protocol" else sorted(rows["drug"].unique())
                if asked and asked not in known:
                    fail(f"there is no {name} {asked!r} in {of}; there are {', '.join(known) or 'none'}.", WRONG_USAGE)
                rows = rows.filter(rows[name] == asked) if asked else rows
            markers = markers_of(warehouse, rows, (of,))
            nothing = estimates.protocols_without_figures(warehouse, of)
    except (WarehouseError, SettingsError, estimates.PeriodError) as error:
        fail(str(error))
    if form is not Format.table:
        print_data(rows, form)
    else:
        _print_levels(rows, level, of, markers)
    say_without_figures(nothing, {protocol} if protocol else set(there), is_data=form is not Format.table)


def totals(
    level: Annotated[Level, typer.Option(help="Of each site, of each area, or of all sites together.")] = Level.network,
    period: Annotated[
        str | None, typer.Option(help="2024, 2024-Q1 or 2024-03; the settings' current if left out.")
    ] = None,
    protocol: Annotated[str | None, typer.Option(help="Protocol; the settings' if left out.")] = None,
    form: Annotated[Format, typer.Option("--format", help="table, csv or json.")] = Format.table,
    workspace: WorkspaceOption = None,
) -> None:
    """How many doses of all drugs together, and of each? Milligrams of different drugs are never added.

    Example: permille totals --level area --period 2024
    """
    import polars as pl

    from pipeline import estimates
    from pipeline.settings import SettingsError
    from pipeline.warehouse import Warehouse, WarehouseError

    here = opened(workspace)
    warn_of_broken_files(here)
    wanted = protocol or here.settings.protocol
    try:
        with Warehouse.open(here.published, read_only=True) as warehouse:
            of, _ = period_of(warehouse, here, period)
            basis = dict(warehouse.query("select protocol, basis from protocols order by protocol").iter_rows())
            rows = estimates.totals_of_doses(warehouse, level.value, of, wanted)
            nothing = estimates.protocols_without_figures(warehouse, of)
            doses = warehouse.query(
                "select d.drug, d.dose_mg, d.dose_status from doses d join protocols p using (factor_set)"
                " where p.protocol = $protocol order by d.drug",
                {"protocol": wanted},
            )
    except (WarehouseError, SettingsError, estimates.PeriodError) as error:
        fail(str(error))
    if wanted not in basis:
        fail(f"there is no protocol {wanted!r}; there are {', '.join(basis)}.", WRONG_USAGE)
    if basis[wanted] != "consumption":
        able = ", ".join(name for name, what in basis.items() if what == "consumption")
        fail(f"protocol {wanted!r} gives residue loads, which are no doses; {able} give consumption.", WRONG_USAGE)
    if form is not Format.table:
        print_data(rows, form)
    else:
        in_one = rows["drugs"].explode(empty_as_null=False).unique()
        _print_totals(rows, doses.filter(pl.col("drug").is_in(in_one.to_list())), level, of, wanted)
    say_without_figures(nothing, {wanted}, is_data=form is not Format.table)


def markers_of(warehouse: "Warehouse", rows: "pl.DataFrame", periods: "Iterable[str]") -> list[str]:
    """The markers nobody has verified behind figures that rest on no other such thing, each once; mostly none."""
    import polars as pl

    from dashboards import labels
    from pipeline.factors import markers_behind

    if not rows.select((mark() == labels.MARKER).any()).item():
        return []
    found = pl.concat(markers_behind(warehouse, period) for period in periods)
    return sorted(found["population_method"].unique())


def mark() -> "pl.Expr":
    """What each figure rests on that nobody has approved, in a word; empty where there is nothing."""
    import polars as pl

    from dashboards import labels

    def word(row: dict[str, object]) -> str:
        status = row["factor_status"]
        return labels.factor_mark(
            is_provisional=bool(row["is_provisional"]), factor_status=None if status is None else str(status)
        ) or ""  # fmt: skip

    return pl.struct("is_provisional", "factor_status").map_elements(word, return_dtype=pl.String)


def say_marks(markers: list[str], of: "pl.Series") -> None:
    """What stands behind the mark of a population marker, and each flag once."""
    from dashboards import labels

    if markers:
        say(
            f"{labels.MARKER}: inhabitants are counted by {', '.join(markers)}, a marker that is provisional; the"
            " factor, if there is one, is approved"
        )
    for flag, meaning in labels.flags(of).items():
        say(f"{flag}: {meaning}")


def say_without_figures(nothing: "pl.DataFrame", asked: set[str], *, is_data: bool) -> None:
    """Which of the protocols asked for computed nothing at all, and why. Beside data for programs it is no data."""
    import polars as pl

    from dashboards import labels

    for row in nothing.filter(pl.col("protocol").is_in(list(asked))).iter_rows(named=True):
        because = labels.because(row["reason"]) or "See 'permille status' for what is missing."
        method = f" ({m})" if (m := row["population_method"]) and row["reason"] == "no_chosen_population" else ""
        said = f"{because[:1].lower()}{because[1:].removesuffix('.')}{method}."
        say(f"Protocol {row['protocol']} computed nothing: {said}", err=is_data)


def flags_of() -> "pl.Expr":
    """The flags of each row, for a cell."""
    import polars as pl

    return pl.col("flags").fill_null("").str.replace_all(" ", ", ")


def _print_levels(rows: "pl.DataFrame", level: Level, period: str, markers: list[str]) -> None:
    """One line a place, drug and protocol, under a label that says what is in it."""
    import polars as pl

    from dashboards import labels

    if rows.is_empty():
        typer.echo(f"There is no figure of any {level.value} in {period}.")
        return
    label = SIMULATED_DATA if rows["is_simulated"].any() else ""
    say(f"{label}{period}, mg/day/1000 inhabitants, with 95 % intervals where a protocol has one")
    say("Consumption and residue loads are different things: compare within each")

    def amount(name: str) -> pl.Expr:
        return pl.col(name).map_elements(labels.amount, return_dtype=pl.String)

    def unit(name: str) -> str:
        return f"{name}_mg_per_day_per_1000"

    has_missing = rows["n_sites_without_days"].sum() > 0
    shown = rows.select(
        *place_of(level),
        "drug", "protocol", "basis",
        pl.when(pl.col("state") == "estimated")
        .then(amount(unit("mean")))
        .otherwise(
            pl.format(
                "{} ({})", pl.lit(labels.NOT_ESTIMABLE),
                pl.col("reason").map_elements(labels.shortly, return_dtype=pl.String).fill_null(""),
            )
        ).alias("mean"),
        worded_interval(unit("ci_low"), unit("ci_high"), labels.amount).alias("95 % interval"),
        pl.when(
            (pl.col("n_censored") + pl.col("n_sites_left_out") > 0) | (pl.col("reason") == "above_upper_limit")
        )
        .then(
            pl.coalesce(
                pl.format("{} to {}", amount(unit("at_least")), amount(unit("at_most"))),
                pl.format("at least {}", amount(unit("at_least"))),
            )
        )
        .fill_null("–")
        .alias("by limits"),
        *(
            [pl.col("n_sites").alias("sites"), pl.col("n_sites_left_out").alias("left out")]
            if level is not Level.site
            else []
        ),
        *([pl.col("n_sites_without_days").alias("no day")] if has_missing else []),
        pl.col("n_days").alias("days"),
        pl.col("n_censored").alias("below limits"),
        mark().alias("rests on"),
        *([flags_of()] if rows["flags"].null_count() < rows.height else []),
    )  # fmt: skip
    print_table("", shown)
    if level is not Level.site and rows["n_sites_left_out"].sum():
        say("Sites left out have no figure of their own; the bounds by limits are over all sites with days.")
    if has_missing:
        say(
            "Sites with no day have none that could be computed by this protocol in this period, though they have in"
            " another period or by another protocol."
        )
    say_marks(markers, rows["flags"])


def _print_totals(rows: "pl.DataFrame", doses: "pl.DataFrame", level: Level, period: str, protocol: str) -> None:
    """One line a place, under a label that says what is added up, the doses of each drug, and how much a dose is."""
    import polars as pl

    from dashboards import labels

    if rows.is_empty():
        typer.echo(f"There is no total of any {level.value} in {period} by protocol {protocol}.")
        return
    label = SIMULATED_DATA if rows["is_simulated"].any() else ""
    say(f"{label}Doses of all drugs together in {period}, doses/day/1000 inhabitants, protocol {protocol}")
    say("A sum of doses, never of milligrams; no interval of it is computed: 'permille explain' has those of each drug")

    def status(name: str) -> pl.Expr:
        return pl.when(pl.col(name) != "approved").then(name).fill_null("")

    shown = rows.select(
        *place_of(level),
        pl.col("doses_per_day_per_1000")
        .map_elements(labels.amount, return_dtype=pl.String)
        .fill_null("–")
        .alias("doses"),
        pl.col("n_drugs").alias("drugs"),
        *(
            [pl.format("{} of {}", "n_sites_with_all", "n_sites_with_some").alias("sites with all")]
            if level is not Level.site
            else []
        ),
        status("factor_status").alias("factors"),
        status("dose_status").alias("dose"),
    )
    print_table("", shown)
    _print_doses(rows, level)
    if rows.height == 1:
        _say_what_dominates(rows.row(0, named=True))
    said = [
        f"{drug} {dose:g} mg{'' if status == 'approved' else f' ({status})'}"
        for drug, dose, status in doses.iter_rows()
    ]
    if said:
        say(f"One dose is: {', '.join(said)}")
    out = rows.select("drugs_left_out", "reasons_left_out").explode("drugs_left_out", "reasons_left_out").drop_nulls()
    for (drug, reason), places in out.group_by("drugs_left_out", "reasons_left_out", maintain_order=True):
        where = "" if rows.height == 1 else f" ({labels.things(places.height, 'place', 'places')} of {rows.height})"
        say(f"Left out: {drug}{where}: {labels.because(reason)}")
    if (rows["reason"] == "sites_differ").any():
        say(f"Where not all sites have all drugs: {labels.because('sites_differ')}")
    if rows["drugs"].n_unique() > 1:
        say("Not all places have the same drugs in their total: compare only those that do.")


def _say_what_dominates(total: "Mapping[str, Any]") -> None:
    """Where most of a total is one drug, what the others are: a factor or a dose of that one decides it all."""
    from dashboards import labels

    doses = dict(zip(total["drugs"], total["doses_of_drugs_per_day_per_1000"], strict=True))
    first = max(doses, key=doses.__getitem__, default=None)
    if first and len(doses) > 1 and 2 * doses[first] > total["doses_per_day_per_1000"]:
        rest = total["doses_per_day_per_1000"] - doses[first]
        share = labels.share(doses[first] / total["doses_per_day_per_1000"])
        say(f"{share} of it is {first}, by its factor and its dose: all others together are {labels.amount(rest)}")


def _print_doses(rows: "pl.DataFrame", level: Level) -> None:
    """The doses of each drug, a line a drug and a column a place; of many places a line a place and a column a drug."""
    import polars as pl

    from dashboards import labels

    place = pl.col("unit_name").fill_null(pl.col("unit_id")).alias(level.value)
    doses = pl.col("doses_of_drugs_per_day_per_1000")
    each = (
        rows.with_row_index("place")
        .filter(pl.col("n_drugs") > 0)
        .select("place", place, "doses_per_day_per_1000", pl.col("drugs").alias("drug"), doses.alias("doses"))
        .explode("drug", "doses")
    )
    if each.is_empty():
        return
    if rows.height == 1:
        of_total = pl.col("doses") / pl.col("doses_per_day_per_1000")
        shown = each.sort("doses", descending=True).select(
            "drug",
            worded("doses", labels.amount).alias("doses"),
            of_total.map_elements(labels.share, return_dtype=pl.String).alias("of the total"),
        )
    else:
        wide = each.with_columns(worded("doses", labels.amount)).pivot(
            "drug", index=["place", level.value], values="doses"
        )
        shown = wide.drop("place").with_columns(pl.exclude(level.value).fill_null("–"))
    print_table("", shown)
