"""Targets of the settings: how far on the way each is, and how probable it is that it is met now.

Nothing is compared here but what is asked for: changes come from `changes.py`, the probability and the way from
`pipeline/statistics`.
"""

import numpy as np
import polars as pl

from pipeline import changes, credibility, spans
from pipeline.periods import SHARED, array_of, typed
from pipeline.settings import Settings
from pipeline.statements import sql
from pipeline.statistics.intervals import probability_at_most
from pipeline.statistics.targets import SURE, progress, steady
from pipeline.warehouse import Warehouse

PAIR = ["baseline_period", "current_period"]
_WANTED = {
    "target_number": pl.Int64, "target_name": pl.String, "drug": pl.String, "place": pl.String, "protocol": pl.String,
    "baseline_period": pl.String, "current_period": pl.String, "deadline": pl.Date, "fall_percent": pl.Float64,
    "baseline_middle": pl.Date, "current_middle": pl.Date, "is_after": pl.Boolean,
}  # fmt: skip


def targets(warehouse: Warehouse, settings: Settings, last: str | None) -> pl.DataFrame:
    """The rows of the table `targets`; nothing is stored.

    Each two periods that targets name are compared once; the table `changes` is asked where it holds them.

    Parameters: `last` the year that the word of that name means; None where there are no data.
    """
    wanted = wanted_of(settings, last)
    pairs = wanted.filter("is_after").select(PAIR).unique(maintain_order=True)
    stored = warehouse.read("changes").join(pairs, on=PAIR, how="semi")
    new = pairs.join(stored, on=PAIR, how="anti")
    found = [credibility.judged(warehouse, changes.between(warehouse, *pair)).changes for pair in new.iter_rows()]
    return against(warehouse, wanted, pl.concat([stored, *found]))


def against(warehouse: Warehouse, wanted: pl.DataFrame, compared: pl.DataFrame) -> pl.DataFrame:
    """The rows of the table `targets`, where what is `wanted` is held against changes as of the table `changes`."""
    with warehouse.known_as("wanted_targets", wanted), warehouse.known_as("compared_changes", compared):
        return typed("targets", _judged(warehouse.query(sql("targets"))))


def wanted_of(settings: Settings, last: str | None) -> pl.DataFrame:
    """What the settings ask for: a row a target, its periods and their middles. Parameters as of `targets`."""
    rows = []
    for number, target in enumerate(settings.targets, start=1):
        said = target.current or settings.current
        current = last if said == "last" else said
        rows.append(
            (
                number, target.name or f"target {number}", target.drug, target.place,
                target.protocol or settings.protocol, target.baseline, current, target.deadline, target.fall_percent,
                spans.middle(target.baseline), spans.middle(current) if current else None,
                current is not None and spans.span(target.baseline)[1] <= spans.span(current)[0],
            )
        )  # fmt: skip
    return pl.DataFrame(rows, schema=_WANTED, orient="row")


def _judged(rows: pl.DataFrame) -> pl.DataFrame:
    """Progress, where a steady way would be, the probabilities, and what they come to."""
    aim = 1 + array_of(rows, "aim_percent") / 100
    ratio = 1 + array_of(rows, "change_percent") / 100
    expected = steady(aim, array_of(rows, "share_of_time"))
    # What is not known of a change with an interval is what its protocol does not count.
    shared = sum((rows[name].fill_null(0).to_numpy() for name in SHARED), np.zeros(rows.height))
    in_doubt = (
        np.where(rows["is_in_doubt"].to_numpy(), ratio, np.nan), array_of(rows, "days_log_variance"),
        array_of(rows, "days_df"), shared,
    )  # fmt: skip
    numbers = {
        "progress_percent": 100 * progress(ratio, aim),
        "expected_by_now_percent": 100 * (expected - 1),
        "probability_met": probability_at_most(aim, *in_doubt),
        "probability_on_track": probability_at_most(expected, *in_doubt),
    }
    rows = rows.with_columns(pl.Series(name, part).fill_nan(None) for name, part in numbers.items())
    is_told = pl.col("state") == "estimated"
    return rows.with_columns(
        pl.when(is_told).then("expected_by_now_percent").alias("expected_by_now_percent"),
        _verdict("probability_met", "met", "not met", is_told).alias("outcome"),
        _verdict("probability_on_track", "on track", "behind", is_told).alias("pace"),
    )


def _verdict(probability: str, yes: str, no: str, is_told: pl.Expr) -> pl.Expr:
    """What a probability comes to; empty where there is none because the change has no interval."""
    return (
        pl.when(~is_told)
        .then(pl.lit("not estimable"))
        .when(pl.col(probability) >= SURE)
        .then(pl.lit(yes))
        .when(pl.col(probability) <= 1 - SURE)
        .then(pl.lit(no))
        .when(pl.col(probability).is_not_null())
        .then(pl.lit("undecided"))
    )
