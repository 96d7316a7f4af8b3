"""How far use has fallen or risen between two periods: the same sites, weekday with weekday, an interval and a verdict.

What is counted and what errors share stands in `sql/changes.sql`; the means come from `periods.py`, intervals and
verdicts from `pipeline/statistics`.
"""

from itertools import product
from typing import NamedTuple

import numpy as np
import polars as pl

from pipeline import spans
from pipeline.periods import LIKELIHOOD, SERIES, SHARED, array_of, days_of, inferred_means, site_means, spreads, typed
from pipeline.statements import sql
from pipeline.statistics.intervals import Floats, log_interval, p_value
from pipeline.statistics.verdicts import LEVEL_OF_VERDICT, adjusted_p_values, detectable_fall
from pipeline.warehouse import Warehouse
from schemas.protocol import OF_SERIES

TOGETHER = ("protocol", "level")
"""Changes that are shown together: the verdicts of all drugs and places of a protocol and level are judged as one."""
MOST_BY_LOST_SITES = 0.05
"""How much sites of which limits alone tell a period, or both, may move the ratio of an area; else there is no change.

Those left are just the sites that changed least: of five sites with half of their days below limits intervals of the
changes told before this rule held the truth in 83 % (docs/calibration.md).
"""
LEAST_LABORATORY_SHIFT = 0.1
"""Share of the days that other laboratories analysed, from which on a site's laboratory has changed."""
LIMITS = {"most_by_lost_sites": MOST_BY_LOST_SITES, "least_laboratory_shift": LEAST_LABORATORY_SHIFT}
"""What is bound to the statements."""
STATEMENTS = ("site_periods", "compared_days", "behind_sides", "day_spreads", "compared_sites")
"""The statements besides `sql/changes.sql` that changes are computed by."""


def sides(warehouse: Warehouse, baseline: str, current: str) -> pl.DataFrame:
    """The mean of each site over each of two periods.

    Parameters: two periods as `spans.is_period` knows them.

    Returns
    -------
    polars.DataFrame
        As `site_means`, where `period` is `baseline` or `current` and `period_kind` is `all` days or those `matched` by
        weekday, with `mean_flow_m3_per_day` (null where a load was reported), `mean_factor`, what a load was
        multiplied by, and `is_common`, whether the sites have one spread between them.
    """
    bounds = ", ".join(_bounds(period) for period in (baseline, current))
    warehouse.define("spanned_days", f"from days_of_two({bounds})")
    compared = warehouse.query(sql("compared_days"), {"below_limit": [*LIKELIHOOD, *OF_SERIES]})
    years = sorted(compared["sampling_year"].unique())
    # Days of the same years that are not compared tell of the spread as well: one for both periods.
    around = pl.concat([compared.select(_OF_SPREAD).clear(), *(_around(warehouse, year) for year in years)])
    spread = spreads(around, is_compared=True)
    of_year = around.group_by(*SERIES, "sampling_year").agg(
        pl.len().cast(pl.Int64).alias("n_days"), (~pl.col("is_censored")).sum().cast(pl.Int64).alias("n_detects")
    )
    found = []
    for kind, side in product(("all", "matched"), ("baseline", "current")):
        days = compared.filter(pl.col("period_kind") == kind, pl.col("period") == side)
        # How much lies below limits is judged by the year in which most of these days lie.
        counted = spread.drop("n_days", "n_detects", "sampling_year").join(
            _main_year(days).join(of_year, on=[*SERIES, "sampling_year"]), on=SERIES
        )
        found.append(inferred_means(days, counted, pl.col("period"), kind))
    inferred, series = (pl.concat(part) for part in zip(*found, strict=True))
    return (
        site_means(warehouse, inferred, series)
        .join(warehouse.query(sql("behind_sides")), on=[*SERIES, "period_kind", "period"], how="left", validate="1:1")
        .join(spread.select(*SERIES, "is_common"), on=SERIES, how="left", validate="m:1")
    )


_OF_SPREAD = (*SERIES, "sampled_on", "sampling_year", "weekday", "is_censored", "value", "is_simulated")


def _around(warehouse: Warehouse, year: int) -> pl.DataFrame:
    return days_of(warehouse, year, LIKELIHOOD).select(_OF_SPREAD)


def _bounds(period: str) -> str:
    """First and last day of a period and, of a year, its number, as arguments of `days_of_two`."""
    first, after = spans.span(period)
    year = str(first.year) if spans.kind(period) == "year" else "null::integer"
    return f"date '{first}', date '{after}' - 1, {year}"


def _main_year(days: pl.DataFrame) -> pl.DataFrame:
    """The year in which most days of each series lie."""
    return (
        days.group_by(*SERIES, "sampling_year")
        .len()
        .sort(*SERIES, "len", "sampling_year")
        .group_by(*SERIES, maintain_order=True)
        .agg(pl.col("sampling_year").last())
    )


class Compared(NamedTuple):
    """Two periods that were compared.

    Attributes:
        sites: what `sql/compared_sites.sql` gives: one row a site, drug and protocol at each place it counts in.
        changes: the rows of the table `changes` between the two periods, but for their credibility.
    """

    sites: pl.DataFrame
    changes: pl.DataFrame


def between(warehouse: Warehouse, baseline: str, current: str) -> Compared:
    """How far use has changed between two periods; nothing is stored.

    Verdicts are judged over all rows of a protocol and a level, by Benjamini and Hochberg: see `TOGETHER`.
    """
    with warehouse.known_as("sides", sides(warehouse, baseline, current)):
        compared = warehouse.query(sql("compared_sites"), {"least_laboratory_shift": LEAST_LABORATORY_SHIFT})
    with warehouse.known_as("compared_sites", compared):
        asked = {"baseline": baseline, "current": current, "most_by_lost_sites": MOST_BY_LOST_SITES}
        rows = warehouse.query(sql("changes"), asked)
    return Compared(compared, typed("changes", _judged(rows.sort("protocol", "level", "unit_id", "drug"), warehouse)))


def _judged(rows: pl.DataFrame, warehouse: Warehouse) -> pl.DataFrame:
    """Interval, verdict and what could have been seen, by the rule of each row's protocol."""
    rows = rows.join(warehouse.read("protocols").select("protocol", "interval"), on="protocol", maintain_order="left")
    is_estimated = pl.col("state") == "estimated"
    by_spread, by_t = pl.col("interval") == "pooled_spread", pl.col("interval") == "t_of_days"
    of_days = ("days_log_variance", "days_df")
    parts = [name for name in rows.columns if name.startswith("part_")]
    rows = rows.with_columns(
        *(pl.when(is_estimated & (by_spread | by_t)).then(name).alias(name) for name in of_days),
        # A protocol with t of the days counts nothing that days share.
        *(pl.when(is_estimated & by_spread).then(name).alias(name) for name in SHARED),
        *(pl.when(is_estimated).then(name).alias(name) for name in parts),
    )
    shared = sum((rows[name].fill_null(0).to_numpy() for name in SHARED), np.zeros(rows.height))
    is_lacking = rows.select(by_spread & pl.any_horizontal(pl.col(name).is_null() for name in SHARED)).to_series()
    of_days_variance, days_df = array_of(rows, "days_log_variance"), array_of(rows, "days_df")
    lost_low, lost_high = array_of(rows, "lost_log_low"), array_of(rows, "lost_log_high")
    ratio = 1 + array_of(rows, "change_percent") / 100
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(is_lacking.to_numpy() | ~(ratio > 0), np.nan, ratio)
        # What limits leave open of the sites they took out is on top of all errors: at worst, both ways.
        low, _ = log_interval(ratio * np.exp(lost_low), of_days_variance, days_df, shared)
        _, high = log_interval(ratio * np.exp(lost_high), of_days_variance, days_df, shared)
        p = p_value(_nearest_none(np.log(ratio), lost_low, lost_high), of_days_variance, days_df, shared)
        smallest = detectable_fall(of_days_variance, days_df, np.where(np.isnan(ratio), np.nan, shared))
    rows = rows.with_columns(
        ci_low_percent=pl.Series(100 * (low - 1)).fill_nan(None),
        ci_high_percent=pl.Series(100 * (high - 1)).fill_nan(None),
        p_value=pl.Series(p).fill_nan(None),
        smallest_detectable_fall_percent=pl.Series(100 * smallest).fill_nan(None),
    )
    rows = rows.with_columns(
        p_adjusted=pl.col("p_value").map_batches(adjusted_p_values, return_dtype=pl.Float64).over(*TOGETHER)
    )
    return rows.with_columns(
        verdict=pl.when(~is_estimated)
        .then(pl.lit("not estimable"))
        .when(pl.col("p_adjusted").is_null())
        .then(None)
        .when(pl.col("p_adjusted") > LEVEL_OF_VERDICT)
        .then(pl.lit("no change detected"))
        .when(pl.col("change_percent") < 0)
        .then(pl.lit("fall"))
        .otherwise(pl.lit("rise")),
        credibility=pl.lit(None, pl.String),
    )


def _nearest_none(log_ratio: Floats, down: Floats, up: Floats) -> Floats:
    """Of all that a logarithm may be, moved so far down or up, the one nearest to no change."""
    return np.where(log_ratio < 0, np.minimum(log_ratio + up, 0), np.maximum(log_ratio + down, 0))
