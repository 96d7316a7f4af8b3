"""`permille factors`: what leads from a residue back to a drug."""

from typing import TYPE_CHECKING, Annotated

import typer

from commands.common import Format, WorkspaceOption, fail, opened_if_there, print_data, print_table, say

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    import polars as pl

    from pipeline.factors import Now


app = typer.Typer(no_args_is_help=True, help="Factor sets: what leads from a residue back to a drug.")


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

    here = opened_if_there(workspace)
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

    def worded(name: str, words: "Callable[[Any], str]" = labels.reference) -> pl.Expr:
        return pl.col(name).map_elements(words, return_dtype=pl.String).fill_null("–")

    print_table(
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
    print_table(f"\nNetwork mean in {now.period}, mg/day/1000, protocol {now.protocol}", shown)
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
