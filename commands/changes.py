"""The commands about change: how far use has fallen or risen, what else could have made it, and on what it hangs."""

from enum import StrEnum
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
    print_data,
    print_table,
    say,
    warn_of_broken_files,
    worded,
    worded_interval,
)
from commands.figures import flags_of, mark, markers_of, say_marks, say_without_figures

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    import polars as pl

    from pipeline.settings import Workspace
    from pipeline.warehouse import Warehouse


ProtocolOption = Annotated[str | None, typer.Option(help="Protocol, or all; the settings' if left out.")]
BaselineOption = Annotated[
    str | None,
    typer.Option(
        help="2023, 2023-Q1, 2023-03, 2023-03-06..2023-03-12, first, previous, year-before or before:EVENT (four"
        " weeks); the settings' if left out."
    ),
]
CurrentOption = Annotated[
    str | None, typer.Option(help="Likewise, or last, during:EVENT or after:EVENT; the settings' if left out.")
]
LevelOption = Annotated[Level, typer.Option(help="Of each site, of each area, or of all sites together.")]
DrugOption = Annotated[str | None, typer.Option(help="One drug; all if left out.")]


SEED = 2026
"""What days are drawn by where nobody says otherwise."""


class Language(StrEnum):
    """The languages of sentences: those of `dashboards.languages`."""

    en = "en"
    zh = "zh"


LanguageOption = Annotated[Language, typer.Option(help="Of sentences: en or zh.")]


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
    from pipeline.settings import SettingsError
    from pipeline.warehouse import Warehouse, WarehouseError
    from schemas.protocol import ProtocolError

    _require_periods(baseline, current)
    here = opened(workspace)
    warn_of_broken_files(here)
    try:
        with Warehouse.open(here.published, read_only=True) as warehouse:
            known = warehouse.query("select protocol from protocols order by protocol")["protocol"].to_list()
            wanted = protocol or here.settings.protocol
            _require_protocol(here, wanted, (*known, "all"))
            chosen = _chosen(warehouse, here, baseline, current)
            compared = changes.between(warehouse, *chosen)
            judged = tests.judged(warehouse, compared)
            is_level = pl.col("level") == level.value
            every = with_factor_status(warehouse, judged.changes).filter(is_level)
            asked = known if wanted == "all" else [wanted]
            rows = every.filter(pl.col("protocol").is_in(asked))
            if drug is not None:
                rows = rows.filter(pl.col("drug") == drug_of(drug, sorted(rows["drug"].unique())))
            rows = rows.sort("protocol", "drug", "unit_id")
            if n_resamples is not None:
                rows = resampling.beside(warehouse, compared, rows, n_resamples=n_resamples, seed=seed)
            names = warehouse.query("select distinct drug, drug_name_zh from factors order by all").drop_nulls()
            return _Asked(
                rows, every, judged.credibility.filter(is_level), markers_of(warehouse, rows, chosen),
                estimates.protocols_without_figures(warehouse, chosen[1]), asked, dict(names.iter_rows()),
                _other_counts(warehouse.read("robustness"), chosen).filter(is_level),
            )  # fmt: skip
    except (WarehouseError, SettingsError, ProtocolError, estimates.PeriodError) as error:
        fail(str(error))


def _require_periods(baseline: str | None, current: str | None) -> None:
    """Ends the command where a period is none."""
    from pipeline import spans
    from pipeline.settings import BASELINES, CURRENTS

    for period, words in ((baseline, BASELINES), (current, CURRENTS)):
        if period and period not in words and not spans.is_period(period) and spans.event_of(period) is None:
            fail(
                f"{period!r} is no period: write {spans.EXAMPLES}, {spans.AROUND}, or {' or '.join(words)}.",
                WRONG_USAGE,
            )


def _require_protocol(here: "Workspace", wanted: str, allowed: "Sequence[str]") -> None:
    """Ends the command where nothing is published by a protocol.

    Raises `ProtocolError` where an office's own cannot be read.
    """
    from pipeline.settings import all_protocols

    if wanted in allowed:
        return
    if wanted in [protocol.protocol for protocol in all_protocols(here)]:
        fail(f"nothing is published by protocol {wanted!r} yet: run 'permille run' first.")
    there = ", ".join(name for name in allowed if name != "all")
    fail(f"there is no protocol {wanted!r}; there are {there}.", WRONG_USAGE)


def _chosen(warehouse: "Warehouse", here: "Workspace", baseline: str | None, current: str | None) -> tuple[str, str]:
    """The two periods asked for, or those of the settings; ends the command where there are none.

    Raises `PeriodError` where one has no data, or they overlap.
    """
    from pipeline import estimates

    if not estimates.periods(warehouse):
        fail("there is no estimate yet: see 'permille status' for what is missing.")
    if baseline or current:
        return estimates.compared_periods(
            warehouse, baseline or here.settings.baseline, current or here.settings.current
        )
    if (of_settings := estimates.chosen_periods(warehouse, here.settings)) is None:
        fail("there are no two periods to compare yet: see 'permille status' for what is missing.")
    return of_settings


def _other_counts(stored: "pl.DataFrame", chosen: tuple[str, str]) -> "pl.DataFrame":
    """Of the rows of the table `robustness`, if they are of these periods, those by other ways of counting people."""
    import polars as pl

    return stored.filter(
        pl.col("choice") == "population_method", pl.col("state") == "estimated", pl.col("is_same_panel"),
        pl.col("baseline_period") == chosen[0], pl.col("current_period") == chosen[1],
    )  # fmt: skip


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

    _require_periods(baseline, current)
    here = opened(workspace)
    warn_of_broken_files(here)
    try:
        with Warehouse.open(here.published, read_only=True) as warehouse:
            known = warehouse.query("select protocol from protocols order by protocol")["protocol"].to_list()
            wanted = protocol or here.settings.protocol
            _require_protocol(here, wanted, known)
            chosen = _chosen(warehouse, here, baseline, current)
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


def _place(level: Level) -> "list[pl.Expr]":
    import polars as pl

    return [] if level is Level.network else [pl.col("unit_name").fill_null(pl.col("unit_id")).alias(level.value)]


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
            *_place(level),
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
            *_place(level),
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
        *([pl.col("unit_name").fill_null(pl.col("unit_id")).alias(level.value)] if level is not Level.network else []),
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
    typer.echo(
        f"{label}{first['current_period']} against {first['baseline_period']}, mg/day/1000 inhabitants, over the same"
        f" sites{'' if has_intervals else '; by this protocol without an interval'}"
    )

    censored, n_days = (pl.col(f"{what}_baseline") + pl.col(f"{what}_current") for what in ("n_censored", "n_days"))
    shown = rows.select(
        *([pl.col("unit_name").fill_null(pl.col("unit_id")).alias(level.value)] if level is not Level.network else []),
        *([pl.col("protocol")] if rows["protocol"].n_unique() > 1 else []),
        pl.col("drug"),
        worded("baseline_mg_per_day_per_1000", labels.amount).alias("baseline"),
        worded("current_mg_per_day_per_1000", labels.amount).alias("now"),
        worded("change_percent", labels.percent).replace("", "–").alias("change"),
        *(
            [
                worded_interval("ci_low_percent", "ci_high_percent", labels.percent).alias("95 % interval"),
                pl.when(pl.col("state") == "estimated").then("verdict").fill_null("–").alias("verdict"),
                pl.col("credibility").fill_null("–").alias("credibility"),
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
            "A change compares the same sites: those left out have no figure, or too few days that can be compared, in"
            " one of the periods. The levels of each period are over all that have one."
        )
    remarks = rows.filter(pl.col("change_percent").is_not_null())["reason"].drop_nulls().str.split(" ").explode()
    for found in labels.reasons(" ".join(remarks.unique(maintain_order=True))):
        say(f"{found.short}: {found.sentence}")
    say_marks(markers, rows["flags"])
