"""`permille factors`: what leads from a residue back to a drug."""

from typing import TYPE_CHECKING, Annotated

import typer

from commands.common import (
    SIMULATED_DATA,
    WRONG_USAGE,
    Format,
    WorkspaceOption,
    fail,
    opened_if_there,
    print_data,
    print_table,
    say,
    warn_of_broken_files,
    worded,
)

_MEAN = "mean_mg_per_day_per_1000"

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    import polars as pl

    from pipeline.factors import Now


app = typer.Typer(
    no_args_is_help=True,
    help="Factor sets: what leads from a residue back to a drug.\n\nExample: permille factors diff 2026 older",
)


@app.command("list")
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

    here = opened_if_there(workspace)
    own = here.factors if here else None
    try:
        wanted = factor_set
        if wanted is None:
            protocol = here.settings.protocol if here else Settings.model_fields["protocol"].default
            wanted = next(known.factor_set for known in all_protocols(here) if known.protocol == protocol)
        sets = list(factor_sets(own))
        rows = factors.factor_set(wanted, own)
    except (FactorError, ProtocolError) as error:
        fail(str(error))
    if form is not Format.table:
        print_data(rows, form)
        return
    _print_factors(rows)
    say(f"Set {wanted}; there are {', '.join(sets)}. To compare two: permille factors diff {sets[0]} {sets[-1]}")


@app.command("diff")
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

    if a == b:
        fail(f"both sets are {a!r}: name two; 'permille factors list' says which there are.", WRONG_USAGE)
    here = opened_if_there(workspace)
    if here is not None:
        warn_of_broken_files(here)
    try:
        now = None
        if here is not None and here.published.is_file():
            with Warehouse.open(here.published, read_only=True) as warehouse:
                now = factors.published_now(warehouse, here.settings)
        rows = factors.compared(a, b, here.factors if here else None, now)
    except (FactorError, WarehouseError, PeriodError) as error:
        fail(str(error))
    if form is not Format.table:
        print_data(rows, form)
    else:
        _print_comparison(a, b, rows, now)


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
    print_table("", pl.DataFrame(shown))
    for number, source in enumerate(sources, start=1):
        say(f"[{number}] {source}")
    typer.echo("".join(f"{letter} {words}; " for letter, words in labels.EVIDENCE.items()).removesuffix("; "))


def _print_comparison(a: str, b: str, rows: "pl.DataFrame", now: "Now | None") -> None:
    """What two sets say, line by line, then what each would make of the figures."""
    import polars as pl

    from dashboards import labels

    if now is not None:
        _print_effect(a, b, rows, now)
        typer.echo("")

    def cell(name: str, words: "Callable[[Any], str]" = labels.reference) -> pl.Expr:
        return pl.col(name).map_elements(words, return_dtype=pl.String).fill_null("–")

    print_table(
        "",
        rows.select(
            "drug",
            "residue",
            cell("excreted_fraction_a").alias(f"fraction {a}"),
            cell("excreted_fraction_b").alias(f"fraction {b}"),
            cell("correction_factor_a", labels.amount).alias(f"factor {a}"),
            cell("correction_factor_b", labels.amount).alias(f"factor {b}"),
            cell("ratio", labels.amount).alias("ratio"),
            "differs",
        ),
    )
    for row in rows.filter(pl.col("source_a") != pl.col("source_b")).iter_rows(named=True):
        said = [f"{name}: {row[f'source_{x}']} ({row[f'evidence_{x}']}, {row[f'factor_status_{x}']})"
                for x, name in (("a", a), ("b", b))]  # fmt: skip
        say(f"{row['drug']} from {row['residue']}: {'; '.join(said)}")
    if now is None:
        typer.echo("No figures are published here, so what each would make of them is not shown.")


def _print_effect(a: str, b: str, rows: "pl.DataFrame", now: "Now") -> None:
    import polars as pl

    from dashboards import labels

    if now.basis != "consumption":
        typer.echo(f"Protocol {now.protocol} gives residue loads: no factor changes them.")
        return
    found = rows.drop_nulls("mean_mg_per_day_per_1000")
    label = SIMULATED_DATA if found["is_simulated"].any() else ""
    typer.echo(f"{label}Network mean in {now.period}, mg/day/1000, protocol {now.protocol}")

    def mean(which: str, name: str) -> pl.Expr:
        """The mean by a set, or by the one in use, and the status of the factor by which it is."""
        status = pl.col(f"factor_status{which}")
        amount = worded(f"mean{which}_mg_per_day_per_1000", labels.amount)
        mark = pl.when(status == "approved").then(pl.lit("")).otherwise(pl.format(" ({})", status))
        return pl.when(amount == "").then(pl.lit("–")).otherwise(pl.concat_str(amount, mark)).alias(name)

    # By the set that the figures rest on they are what they are now: no column of its own for that.
    sets = [(which, name, name == now.factor_set) for which, name in (("_a", a), ("_b", b))]
    shown = found.select(
        "drug",
        *([] if any(is_now for *_, is_now in sets) else [mean("", f"now, by {now.factor_set}")]),
        *(mean(which, f"{'now, ' if is_now else ''}by {name}") for which, name, is_now in sets),
    )
    print_table("", shown)
    without = now.means.filter(pl.col(_MEAN).is_null())
    if not without.is_empty():
        said = "; ".join(
            f"{drug} ({labels.shortly(why)})" for drug, why in without.select("drug", "reason").iter_rows()
        )
        say(f"{labels.NOT_ESTIMABLE.capitalize()} in {now.period}: {said}")
    seen = now.means["drug"].to_list()
    unseen = rows.filter(~pl.col("drug").is_in(seen))["drug"].unique(maintain_order=True).to_list()
    if unseen:
        say(f"In no figure of {now.period}, for want of results or of a factor: {', '.join(unseen)}")
    if now.baseline is not None:
        typer.echo(
            f"The change from {now.baseline} to {now.period} is the same by each: one factor in both periods cancels."
        )
    unknown = found.filter(pl.col("does_change_alter").is_null())["drug"].to_list()
    if unknown:
        say(
            f"Not so of {', '.join(unknown)}: a set does not compute it from the residue it rests on here, so only"
            " computing by that set, in a protocol of your own, would tell."
        )
