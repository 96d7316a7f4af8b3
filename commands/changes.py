"""The commands about change: how far use has fallen or risen, and what else could have made it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from commands.common import (
    SIMULATED_DATA,
    WRONG_USAGE,
    ChangeFormat,
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
    DrugOption,
    Language,
    LanguageOption,
    LevelOption,
    ProtocolOption,
    periods_of,
    require_periods,
    require_protocol,
)
from commands.figures import flags_of, mark, markers_of, say_marks, say_without_figures

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    import polars as pl


SEED = 2026
"""What days are drawn by where nobody says otherwise."""


class _Asked(NamedTuple):
    """What was asked for: changes by the protocols wanted and by all, the tests of them, and what stands behind."""

    rows: "pl.DataFrame"
    every: "pl.DataFrame"
    tests: "pl.DataFrame"
    markers: list[str]
    nothing: "pl.DataFrame"
    protocols: list[str]
    names_zh: dict[str, str]
    by_population: "pl.DataFrame"


def _asked(
    protocol: str | None,
    baseline: str | None,
    current: str | None,
    level: Level,
    drug: str | None,
    workspace: Path | None,
    n_resamples: int | None = None,
    seed: int = SEED,
) -> _Asked:
    """Compares two periods as asked for and tests what else made the changes; ends the command where that fails."""
    import polars as pl

    from pipeline import changes, estimates, resampling
    from pipeline import credibility as tests
    from pipeline.factors import with_factor_status
    from pipeline.robustness import other_counts
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
            require_protocol(here, wanted, (*known, "all"))
            chosen = periods_of(warehouse, here, baseline, current)
            # Drawing days anew needs the days; else stored rows answer where the last run compared these periods.
            compared = None if n_resamples is None else changes.between(warehouse, *chosen)
            judged = tests.of_periods(warehouse, *chosen) if compared is None else tests.judged(warehouse, compared)
            is_level = pl.col("level") == level.value
            every = with_factor_status(warehouse, judged.changes).filter(is_level)
            asked = known if wanted == "all" else [wanted]
            rows = every.filter(pl.col("protocol").is_in(asked))
            if drug is not None:
                rows = rows.filter(pl.col("drug") == drug_of(drug, sorted(rows["drug"].unique())))
            rows = rows.sort("protocol", "drug", "unit_id")
            if compared is not None and n_resamples is not None:
                rows = resampling.beside(warehouse, compared, rows, n_resamples=n_resamples, seed=seed)
            names = warehouse.query("select distinct drug, drug_name_zh from factors order by all").drop_nulls()
            return _Asked(
                rows, every, judged.credibility.filter(is_level), markers_of(warehouse, rows, chosen),
                estimates.protocols_without_figures(warehouse, chosen[1]), asked, dict(names.iter_rows()),
                estimates.of_comparison(other_counts(warehouse.read("robustness")), chosen).filter(is_level),
            )  # fmt: skip
    except (WarehouseError, SettingsError, ProtocolError, estimates.PeriodError) as error:
        fail(str(error))


def change(
    protocol: ProtocolOption = None,
    baseline: BaselineOption = None,
    current: CurrentOption = None,
    level: LevelOption = Level.network,
    drug: DrugOption = None,
    form: Annotated[
        ChangeFormat, typer.Option("--format", help="table, csv, json, or a sentence a drug.")
    ] = ChangeFormat.table,
    language: LanguageOption = Language.en,
    bootstrap: Annotated[
        int | None,
        typer.Option(
            help="Draw the days so often anew, as a check of their part of the interval.", min=100, max=100_000
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="What days are drawn by.", min=0)] = SEED,
    workspace: WorkspaceOption = None,
) -> None:
    """How far has each drug fallen or risen, over the same sites? What else could have made it: permille credibility.

    Example: permille change --protocol euda --baseline 2023 --current 2024 --level area --format csv
    """
    if bootstrap is not None and form is ChangeFormat.sentence:
        fail("--bootstrap is no part of a sentence: leave out --format sentence.", WRONG_USAGE)
    asked = _asked(protocol, baseline, current, level, drug, workspace, bootstrap, seed)
    if form is ChangeFormat.sentence:
        _print_sentences(asked, language)
    elif form is ChangeFormat.table:
        print_changes(asked.rows, level, asked.markers)
        if bootstrap is not None:
            _print_resampled(asked.rows, level, bootstrap, seed)
    else:
        print_data(asked.rows, Format(form.value))
    is_data = form in (ChangeFormat.csv, ChangeFormat.json)
    say_without_figures(asked.nothing, set(asked.protocols) - set(asked.rows["protocol"]), is_data=is_data)


def credibility(
    protocol: ProtocolOption = None,
    baseline: BaselineOption = None,
    current: CurrentOption = None,
    level: LevelOption = Level.network,
    drug: DrugOption = None,
    form: Annotated[Format, typer.Option("--format", help="table, csv or json.")] = Format.table,
    language: LanguageOption = Language.en,
    workspace: WorkspaceOption = None,
) -> None:
    """What else could have made the change? Each explanation tested, with what it would leave of the change.

    Example: permille credibility --drug methamphetamine --baseline 2023 --current 2024
    """
    asked = _asked(protocol, baseline, current, level, drug, workspace)
    tests = asked.tests.join(asked.rows, on=["level", "unit_id", "drug", "protocol"], how="semi")
    if form is not Format.table:
        print_data(_with_meaning(tests), form)
    else:
        _print_tests(asked, tests, language)
    say_without_figures(
        asked.nothing, set(asked.protocols) - set(asked.rows["protocol"]), is_data=form is not Format.table
    )


def _with_meaning(tests: "pl.DataFrame") -> "pl.DataFrame":
    """Beside each test what it looks at, and what its two values are: tables say it as evidence, data cannot."""
    import polars as pl

    from schemas.credibility import EXPLANATIONS

    return tests.with_columns(
        pl.col("explanation")
        .replace_strict({name: entry.sentence for name, entry in EXPLANATIONS.items()})
        .alias("looks_at"),
        pl.col("explanation")
        .replace_strict({name: entry.unit for name, entry in EXPLANATIONS.items()})
        .alias("values_are"),
    )


def _print_resampled(rows: "pl.DataFrame", level: Level, n_resamples: int, seed: int) -> None:
    """What the days alone leave in doubt: by the closed form, and by drawing them anew."""
    import polars as pl

    from dashboards import labels

    by_form, drawn = (
        worded_interval(f"{how}_low_percent", f"{how}_high_percent", labels.percent) for how in ("days", "bootstrap")
    )
    spread_of_form, spread_of_drawn = (
        worded(f"{how}_log_sd", labels.share).replace("", "–") for how in ("days", "bootstrap")
    )
    shown = rows.filter(pl.col("state") == "estimated").select(
        *place_of(level),
        *([pl.col("protocol")] if rows["protocol"].n_unique() > 1 else []),
        pl.col("drug"),
        spread_of_form.alias("SD of the logarithm"),
        spread_of_drawn.alias("by bootstrap"),
        by_form.alias("interval of the days"),
        drawn.alias("by bootstrap, 2.5 to 97.5 %"),
    )
    if shown.is_empty():
        return
    print_table(f"\nThe days alone, drawn {labels.count(n_resamples)} times by seed {seed}", shown)
    say(
        "The interval of a change also holds what days share (batches, laboratories, flows), which no drawing of days"
        " can see. A dash: days lie below limits, or the protocol has no interval."
    )


def _print_tests(asked: _Asked, tests: "pl.DataFrame", language: Language) -> None:
    """Of each change its sentence, and below it a line a test."""
    import polars as pl

    from dashboards import credibility as in_words
    from dashboards.languages import words

    _ = words(language.value)
    by_change = tests.partition_by("unit_id", "drug", "protocol", as_dict=True)
    for row, sentence in _sentences(asked, language):
        say(sentence)
        of = by_change.get((row["unit_id"], row["drug"], row["protocol"]))
        if of is None:
            continue
        cells = [
            (
                _(in_words.NAMES[test["explanation"]]),
                _(in_words.OUTCOMES[test["outcome"]]),
                in_words.evidence(test, row, language.value),
            )
            for test in of.iter_rows(named=True)
        ]
        table = pl.DataFrame(cells, schema=[_(header) for header in in_words.HEADERS], orient="row")
        print_table("", table)


def _sentences(asked: _Asked, language: Language) -> "Iterator[tuple[dict[str, Any], str]]":
    """Each change with what it says, with a look at all protocols and all tests of it."""
    from dashboards.sentences import change_sentence

    of_place = asked.every.partition_by("unit_id", "drug", as_dict=True)
    of_change = asked.tests.partition_by("unit_id", "drug", "protocol", as_dict=True)
    counted = asked.by_population.partition_by("unit_id", "drug", "protocol", as_dict=True)
    for row in asked.rows.iter_rows(named=True):
        key = (row["unit_id"], row["drug"])
        others = [other for other in of_place[key].to_dicts() if other["protocol"] != row["protocol"]]
        tests = of_change[*key, row["protocol"]].to_dicts() if (*key, row["protocol"]) in of_change else []
        named = {**row, "drug_name": asked.names_zh.get(row["drug"], row["drug_name"])} if language == "zh" else row
        counts = counted[*key, row["protocol"]].to_dicts() if (*key, row["protocol"]) in counted else []
        yield row, change_sentence(named, others, tests, language.value, by_population=counts)


def _print_sentences(asked: _Asked, language: Language) -> None:
    """A sentence a drug and place."""
    for _, sentence in _sentences(asked, language):
        say(sentence)


def print_changes(rows: "pl.DataFrame", level: Level, markers: list[str]) -> None:
    """One line a drug: baseline, now, change, in the words and digits of the pages."""
    import polars as pl

    from dashboards import labels

    if rows.is_empty():
        typer.echo("There is nothing to compare.")
        return
    first = rows.row(0, named=True)
    label = SIMULATED_DATA if rows["is_simulated"].any() else ""
    has_intervals = rows["ci_low_percent"].null_count() < rows.height
    is_bare = not has_intervals and rows["change_percent"].null_count() < rows.height
    typer.echo(
        f"{label}{first['current_period']} against {first['baseline_period']}, mg/day/1000 inhabitants, over the same"
        f" sites{'; by this protocol without an interval' if is_bare else ''}"
    )
    is_told_by_limits = pl.all_horizontal(
        pl.col("change_percent").is_null(), pl.col("by_limits_low_percent", "by_limits_high_percent").is_not_null()
    )
    has_told_by_limits = rows.select(is_told_by_limits.any()).item()
    by_limits = worded_interval("by_limits_low_percent", "by_limits_high_percent", labels.percent)

    censored, n_days = (pl.col(f"{what}_baseline") + pl.col(f"{what}_current") for what in ("n_censored", "n_days"))
    shown = rows.select(
        *place_of(level),
        *([pl.col("protocol")] if rows["protocol"].n_unique() > 1 else []),
        pl.col("drug"),
        worded("baseline_mg_per_day_per_1000", labels.amount).alias("baseline"),
        worded("current_mg_per_day_per_1000", labels.amount).alias("now"),
        worded("change_percent", labels.percent).replace("", "–").alias("change"),
        *(
            [
                worded_interval("ci_low_percent", "ci_high_percent", labels.percent).alias("95 % interval"),
                pl.when(pl.col("state") == "estimated").then("verdict").fill_null("–").alias("verdict"),
                # What else could have made a change is no question where none was detected.
                pl.when(pl.col("verdict") != "no change detected")
                .then("credibility")
                .fill_null("–")
                .alias("credibility"),
                worded("smallest_detectable_fall_percent", labels.magnitude).replace("", "–").alias("could see"),
            ]
            if has_intervals
            else []
        ),
        pl.col("n_sites").alias("sites"),
        *([pl.col("n_sites_left_out").alias("left out")] if level is not Level.site else []),
        # Of how many days that are compared the limit is all that is known.
        *(
            [pl.format("{} of {}", censored, n_days).alias("below limits")]
            if rows.select(censored.sum()).item()
            else []
        ),
        pl.col("basis"),
        mark().alias("rests on"),
        *([flags_of()] if rows["flags"].null_count() < rows.height else []),
        *(
            [pl.when(is_told_by_limits).then(by_limits).otherwise(pl.lit("–")).alias("by limits")]
            if has_told_by_limits
            else []
        ),
        *(
            [
                pl.when(pl.col("change_percent").is_null())
                .then(pl.format("{}: {}", pl.lit(labels.NOT_ESTIMABLE), worded("reason", labels.shortly)))
                .otherwise(worded("reason", labels.shortly))
                .alias("remark")
            ]
            if rows["reason"].null_count() < rows.height
            else []
        ),
    )
    print_table("", shown)
    if has_intervals:
        say(
            "verdict: judged together with all drugs and places of its level (Benjamini and Hochberg, 5 %);"
            " could see: the smallest fall whose interval would leave out no change"
        )
    if level is not Level.site and rows["n_sites_left_out"].sum():
        say(
            "A change and its two levels are over the same sites: those left out have no figure, or too few days that"
            " can be compared, in one of the periods. 'permille levels' has the levels over all that have one."
        )
    if has_told_by_limits:
        say("by limits: between these the change lies by the limits alone, whatever the days below them held")
    remarks = rows["reason"].drop_nulls().str.split(" ").explode()
    for found in labels.reasons(" ".join(remarks.unique(maintain_order=True))):
        say(f"{found.short}: {found.sentence}")
    say_marks(markers, rows["flags"])
