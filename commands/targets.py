"""The command about targets: what shall be reached by when, and how far it is."""

from typing import TYPE_CHECKING, Annotated

import typer

from commands.common import (
    SIMULATED_DATA,
    Format,
    WorkspaceOption,
    fail,
    opened,
    print_data,
    print_table,
    say,
    warn_of_broken_files,
    worded,
    worded_interval,
)
from commands.compared import Language, LanguageOption
from commands.figures import mark

if TYPE_CHECKING:
    import polars as pl

_EXAMPLE = """There are no targets. Write each into {file}, below all other settings:

[[targets]]
name = "Plan 2027"
drug = "methamphetamine"
baseline = "2023"
fall_percent = 30
deadline = 2027-12-31

More fields: place (a site or an area; else all sites), protocol and current (else the settings')."""


def targets(
    form: Annotated[Format, typer.Option("--format", help="table, csv or json.")] = Format.table,
    language: LanguageOption = Language.en,
    workspace: WorkspaceOption = None,
) -> None:
    """How far is each target of the settings, and is it met? What shall be reached stands in permille.toml.

    Example: permille targets --language zh
    """
    from pipeline import estimates
    from pipeline.factors import with_factor_status
    from pipeline.settings import SETTINGS_FILE
    from pipeline.warehouse import Warehouse, WarehouseError

    here = opened(workspace)
    warn_of_broken_files(here)
    try:
        with Warehouse.open(here.published, read_only=True) as warehouse:
            # By the settings as they are now: a target that was just written needs no run.
            rows = estimates.of_targets(warehouse, here.settings)
            names = warehouse.query("select distinct drug, drug_name_zh from factors order by all").drop_nulls()
            residues = warehouse.query("select protocol, drug, min(residue) as residue from site_periods group by all")
            resting = with_factor_status(
                warehouse, rows.join(residues, on=["protocol", "drug"], how="left", maintain_order="left")
            )
    except (WarehouseError, estimates.PeriodError) as error:
        fail(str(error))
    is_data = form is not Format.table
    if is_data:
        print_data(rows, form)
    if rows.is_empty():
        typer.echo(_EXAMPLE.format(file=here.folder / SETTINGS_FILE), err=is_data)
    elif not is_data:
        _print_targets(
            resting.with_columns(mark().alias("rests on")),
            dict(names.iter_rows()) if language is Language.zh else {},
            language,
        )


def _print_targets(rows: "pl.DataFrame", names: dict[str, str], language: Language) -> None:
    """A line a target, and below the table a sentence each."""
    import polars as pl

    from dashboards import labels
    from dashboards import targets as in_words

    typer.echo(
        f"{SIMULATED_DATA if rows['is_simulated'].any() else ''}{labels.things(rows.height, 'target', 'targets')}"
    )
    is_by_several = rows["protocol"].n_unique() > 1
    verdict = pl.col("outcome", "pace").fill_null("–")
    print_table(
        "",
        rows.select(
            pl.col("target_name").alias("target"),
            pl.col("unit_name").fill_null(pl.col("unit_id")).alias("place"),
            "drug",
            *([pl.col("protocol")] if is_by_several else []),
            pl.format("{} to {}", "baseline_period", pl.col("current_period").fill_null("–")).alias("from, to"),
            pl.col("deadline").cast(pl.String),
            worded("aim_percent", labels.percent).alias("aim"),
            worded("change_percent", labels.percent).replace("", "–").alias("change"),
            worded_interval("ci_low_percent", "ci_high_percent", labels.percent).alias("95 % interval"),
            worded("progress_percent", lambda share: f"{share:,.0f} %".replace("-", "−"))
            .replace("", "–")
            .alias("of the way"),
            worded("probability_met", in_words.probability).replace("", "–").alias("probably met"),
            verdict,
            worded("expected_by_now_percent", labels.percent).replace("", "–").alias("steady way"),
            pl.col("credibility").fill_null("–"),
            "rests on",
            worded("reason", labels.shortly).alias("remark"),
        ),
    )
    for row in rows.iter_rows(named=True):
        named = {**row, "drug_name": names.get(row["drug"], row["drug_name"])}
        protocol = row["protocol"] if is_by_several else None
        say(in_words.target_sentence(named, language.value, protocol=protocol, mark=row["rests on"] or None))
    say(
        "met, on track: where the whole 95 % interval lies at the aim or below, or at where a steady way would be; each"
        " target alone. of the way: on the log scale, as falls compound. What else could have made a change: permille"
        " credibility."
    )
