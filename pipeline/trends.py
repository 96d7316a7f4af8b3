"""Trends of all series there are: points from SQL, tests from `pipeline/statistics`, verdicts judged together."""

import numpy as np
import numpy.typing as npt
import polars as pl

from pipeline.periods import typed
from pipeline.statements import sql
from pipeline.statistics.steps import steps
from pipeline.statistics.trends import (
    Trend,
    akritas_theil_sen,
    hamed_rao,
    hirsch_slack,
    mann_kendall,
    seasonal_kendall,
)
from pipeline.statistics.verdicts import LEVEL_OF_VERDICT, adjusted_p_values
from pipeline.warehouse import Warehouse

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

SERIES = ["level", "unit_id", "drug", "protocol"]
KINDS = {"year": 1, "quarter": 4, "month": 12}
"""Kinds of periods, by how many of them a year has."""
FEWEST_PERIODS = 5
"""Points below which no trend is told: of four no order is rarer than one in twelve, both ways."""
FEWEST_FOR_SERIAL = 10
"""Points from which on the correlation of neighbours is known well enough to correct for it."""
FEWEST_FOR_SEASONS = 8
"""Points a season, on average, from which on the correlation between seasons is known well enough to allow for it.

Of months with a correlation of 0.5 and no trend 3.5 % have p < 0.05 with 8 years, and 22 % if it is not allowed for.
With 5 years next to no trend is found any more (`make bench-seasons`).
"""
MOST_CENSORED = 0.8
SMALLEST_PANEL = 0.5
"""Share of an area's inhabitants from which on its panel speaks for it: the larger part."""
WIDEST_BOUNDS = 0.05
"""How far the least and the most of an area may lie apart, as a share of the most, to be taken for one figure: half of
it, the error that this makes, is below what any figure is known by."""
LIMITS = {"fewest_periods": FEWEST_PERIODS, "smallest_share": SMALLEST_PANEL, "widest_bounds": WIDEST_BOUNDS}
"""What is bound to the statement."""
_PANEL = ("n_sites", "n_sites_left_out", "n_periods_left_out", "panel_share", "panel")
TOGETHER = ("protocol", "level", "period_kind", "method")
"""Trends that are judged together."""


def trends(warehouse: Warehouse) -> pl.DataFrame:
    """The rows of the table `trends`; nothing is stored."""
    found = [of_kind(warehouse, kind) for kind in KINDS]
    return typed("trends", pl.concat(found))


def of_kind(warehouse: Warehouse, kind: str) -> pl.DataFrame:
    """Trends over all periods of one kind: `year`, `quarter` or `month`."""
    points = warehouse.query(sql("trends"), {"kind": kind, **LIMITS}).sort(*SERIES, "period")
    points = points.with_columns(_time(kind).alias("time")).with_columns(_season(kind).alias("season"))
    about = points.group_by(SERIES, maintain_order=True).agg(
        pl.col("unit_name", "residue", "basis", *_PANEL).first(),
        pl.col("period").first().alias("first_period"),
        pl.col("period").last().alias("last_period"),
        pl.len().cast(pl.Int64).alias("n_periods"),
        pl.col("is_censored").sum().cast(pl.Int64).alias("n_censored_periods"),
        pl.col("value").median().alias("middle"),
        # Points that have another one of the same season before them.
        (pl.len() - pl.col("season").n_unique()).cast(pl.Int64).alias("n_repeated"),
        pl.col("season").n_unique().cast(pl.Int64).alias("n_seasons"),
        pl.col("is_provisional", "is_simulated").any(),
    )
    if about.is_empty():
        return _no_rows(about, kind)
    value, is_censored, time, season = _matrices(points, about)
    about = about.with_columns(level_changes=pl.Series(_level_changes(points), dtype=pl.String))
    rows = []
    for method, of in _methods(about, kind).items():
        if not of.any():
            continue
        rows.append(_rows(about.filter(of), _tested(method, value[of], is_censored[of], time, season), method, kind))
    return pl.concat(rows)


def _time(kind: str) -> pl.Expr:
    """The middle of a period, in years."""
    year = pl.col("period").str.slice(0, 4).cast(pl.Float64)
    within = pl.col("period").str.replace("Q", "").str.slice(5).cast(pl.Float64, strict=False).fill_null(1)
    return year + (within - 0.5) / KINDS[kind]


def _season(kind: str) -> pl.Expr:
    return (pl.col("time") * KINDS[kind]).floor().cast(pl.Int64) % KINDS[kind]


def _matrices(points: pl.DataFrame, about: pl.DataFrame) -> tuple[Floats, npt.NDArray[np.bool_], Floats, Ints]:
    """Series by periods: values, NaN where there is none; which are limits; times and seasons of the periods."""
    of_period = points.select("time", "season").unique().sort("time")
    placed = points.join(
        about.select(*SERIES).with_row_index("row"), on=SERIES, how="left", maintain_order="left"
    ).join(of_period.with_row_index("column"), on="time", how="left", maintain_order="left")  # fmt: skip
    row, column = placed["row"].to_numpy(), placed["column"].to_numpy()
    value = np.full((about.height, of_period.height), np.nan)
    value[row, column] = placed["value"].to_numpy()
    is_censored = np.zeros(value.shape, dtype=bool)
    is_censored[row, column] = placed["is_censored"].to_numpy()
    return value, is_censored, of_period["time"].to_numpy(), of_period["season"].to_numpy()


def _methods(about: pl.DataFrame, kind: str) -> dict[str, npt.NDArray[np.bool_]]:
    """Which series each test is made of."""
    has_limits = (about["n_censored_periods"] > 0).to_numpy()
    is_long = (about["n_periods"] >= FEWEST_FOR_SERIAL).to_numpy()
    has_seasons = (about["n_repeated"] >= FEWEST_PERIODS).to_numpy() & (kind != "year")
    has_many = about.select(_has_years_for_seasons()).to_series().to_numpy()
    return {
        "mann_kendall": ~has_limits, "hamed_rao": ~has_limits & is_long, "seasonal_kendall": ~has_limits & has_seasons,
        "hirsch_slack": ~has_limits & has_seasons & has_many, "akritas_theil_sen": has_limits,
    }  # fmt: skip


def _has_years_for_seasons() -> pl.Expr:
    return pl.col("n_periods") >= FEWEST_FOR_SEASONS * pl.col("n_seasons")


def _tested(method: str, value: Floats, is_censored: npt.NDArray[np.bool_], time: Floats, season: Ints) -> Trend:
    match method:
        case "mann_kendall":
            return mann_kendall(value, time)
        case "hamed_rao":
            return hamed_rao(value, time, is_widening=True)
        case "seasonal_kendall":
            return seasonal_kendall(value, time, season)
        case "hirsch_slack":
            return hirsch_slack(value, time, season, np.floor(time).astype(np.int64), is_widening=True)
        case _:
            return akritas_theil_sen(value, is_censored, time)


def _rows(about: pl.DataFrame, found: Trend, method: str, kind: str) -> pl.DataFrame:
    """Rows of the table, of one test."""
    unit = "mg_per_day_per_1000_per_year"
    numbers = {
        f"slope_{unit}": found.slope, f"ci_low_{unit}": found.slope_low, f"ci_high_{unit}": found.slope_high,
        "tau": found.tau, "p_value": found.p_value,
    }  # fmt: skip
    rows = about.with_columns(
        pl.lit(kind).alias("period_kind"), pl.lit(method).alias("method"),
        *(pl.Series(name, np.where(np.isfinite(part), part, np.nan)).fill_nan(None) for name, part in numbers.items()),
    )  # fmt: skip
    reason = (
        pl.when(pl.col("n_sites") == 0)
        .then(pl.lit("no_population"))
        .when(pl.col("n_periods") < FEWEST_PERIODS)
        .then(pl.lit("too_few_periods"))
        .when(pl.col("panel_share") < SMALLEST_PANEL)
        .then(pl.lit("panel_too_small"))
        .when(pl.col("n_censored_periods") > MOST_CENSORED * pl.col("n_periods"))
        .then(pl.lit("mostly_below_limit"))
        .when(pl.col("p_value").is_null())
        .then(pl.lit("no_trend_of_equals"))
    )
    is_told = pl.col("reason").is_null()
    rows = rows.with_columns(reason=reason).with_columns(
        pl.when(is_told).then(name).alias(name) for name in (*numbers, "level_changes")
    )
    rows = rows.with_columns(
        state=pl.when(is_told).then(pl.lit("estimated")).otherwise(pl.lit("not estimable")),
        slope_percent_per_year=pl.when(pl.col("middle") > 0).then(100 * pl.col(f"slope_{unit}") / pl.col("middle")),
        p_adjusted=pl.col("p_value").map_batches(adjusted_p_values, return_dtype=pl.Float64).over(*TOGETHER),
        is_preferred=_preferred(kind) == method,
    )
    return rows.with_columns(
        direction=pl.when(~is_told)
        .then(pl.lit("not estimable"))
        .when(pl.col("p_adjusted") > LEVEL_OF_VERDICT)
        .then(pl.lit("no trend detected"))
        .when(pl.col("tau") < 0)
        .then(pl.lit("falling"))
        .otherwise(pl.lit("rising"))
    )


def _preferred(kind: str) -> pl.Expr:
    """The test to look at first: with limits, of seasons; allowing for correlation where there are many years."""
    return (
        pl.when(pl.col("n_censored_periods") > 0)
        .then(pl.lit("akritas_theil_sen"))
        .when(pl.lit(kind != "year") & (pl.col("n_repeated") >= FEWEST_PERIODS))
        .then(pl.when(_has_years_for_seasons()).then(pl.lit("hirsch_slack")).otherwise(pl.lit("seasonal_kendall")))
        .when(pl.col("n_periods") >= FEWEST_FOR_SERIAL)
        .then(pl.lit("hamed_rao"))
        .otherwise(pl.lit("mann_kendall"))
    )


def _level_changes(points: pl.DataFrame) -> list[str | None]:
    """Of each series the first periods of new levels, separated by blanks."""
    whole = points.group_by(SERIES, maintain_order=True).agg("value", "period", "is_censored")
    found: list[str | None] = []
    for value, period, limits in whole.select("value", "period", "is_censored").iter_rows():
        amounts = np.array(value, dtype=np.float64)  # NaN of an area without a point
        # Of zeros and limits there is no logarithm to tell levels by.
        at = steps(np.log(amounts)) if not any(limits) and (amounts > 0).all() else []
        found.append(" ".join(period[place] for place in at) or None)
    return found


def _no_rows(about: pl.DataFrame, kind: str) -> pl.DataFrame:
    empty = np.full(0, np.nan)
    nothing = Trend(*([empty.astype(np.int64)] + [empty] * 10))
    return _rows(about.with_columns(level_changes=pl.lit(None, pl.String)), nothing, "mann_kendall", kind)
