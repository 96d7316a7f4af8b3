"""Means of periods with their intervals: what is counted by SQL, what has to be inferred by `pipeline/statistics`.

No formulas of a day (`sql/macros.sql`) and no statistics (`pipeline/statistics`): days come in as frames and leave as
arrays, results go back as rows.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from pipeline.statements import sql
from pipeline.statistics.censoring import kaplan_meier, lognormal_mle, regression_on_order_statistics
from pipeline.statistics.intervals import log_interval, t_interval
from pipeline.statistics.levels import Levels, period_levels
from pipeline.statistics.spread import FEWEST_DETECTS_A_LEVEL, pooled_spread
from pipeline.warehouse import Warehouse
from schemas.protocol import OF_SERIES
from schemas.tables import TABLES

_MeanAndSd = tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]
SHARED = tuple(f"{part}_log_variance" for part in ("spread", "batch", "laboratory", "flow", "population", "factor"))
"""What the days of a period share: the parts of the variance of its mean that do not come from days."""
_POOL = ["protocol", "drug"]
SERIES = ["protocol", "drug", "site_id"]
_DAY = pl.col("sampled_on")
_PERIOD = ["period_kind", "period"]
_PERIODS = {
    "year": pl.col("sampling_year").cast(pl.String),
    "quarter": pl.format("{}-Q{}", _DAY.dt.year(), _DAY.dt.quarter()),
    "month": _DAY.dt.strftime("%Y-%m"),
}
_WEEK = {"week": _DAY.dt.truncate("1w").dt.strftime("%Y-%m-%d")}
LIKELIHOOD = ("likelihood",)
_MOST_FOR_KAPLAN_MEIER = 0.5
"""Share below limits up to which Kaplan and Meier's mean stands where a protocol chooses by it: a working rule after
Helsel 2012, Statistics for Censored Environmental Data, second edition; provisional, as not read in the source."""
_MOST_FOR_INTERVAL = 0.3
"""Share of a site's days of the year below limits beyond which Kaplan and Meier's mean has no interval: at half of them
that of 30 days held the truth in 61 of 100 series."""
_OF_COMPARED: dict[str, Any] = {"fewest_weeks": 2, "is_whole_week": False}
"""What asks of a rhythm where weekday is matched with weekday: it need not be known well, only be taken out."""
_REMARK = "weekdays_incomplete"
"""A reason that is a remark on a figure; any other says why there is none."""
_NO_WEEK = pl.lit([None] * 7, pl.List(pl.Float64))


def spreads(days: pl.DataFrame, *, is_compared: bool = False) -> pl.DataFrame:
    """How far the days of each site differ, learnt from all sites of a drug together.

    Parameters
    ----------
    days : polars.DataFrame
        Days of one year, or of several that are taken to have one spread: `protocol`, `drug`, `site_id`, `sampled_on`,
        `sampling_year`, `weekday`, `is_censored`, `value` (the amount above 0, or the limit it lies below),
        `is_simulated`.
    is_compared : bool
        Whether it is for periods that are compared: weekday is matched with weekday, so that a rhythm that is little
        known, or of some weekdays only, is better than none.

    Returns
    -------
    polars.DataFrame
        The columns of the table `day_spreads` and `is_common`, one row a protocol, drug and site.
    """
    numbered = _with_levels(days.sort(*SERIES, "sampling_year", "sampled_on", "weekday", "value"))
    rows = [_of_pool(pool, is_compared=is_compared) for pool in numbered.partition_by(_POOL, maintain_order=True)]
    types = {**TABLES["day_spreads"].types, "is_common": pl.Boolean}
    empty = pl.DataFrame(schema=types)
    return pl.concat(
        [empty, *(frame.select(pl.col(name).cast(kind) for name, kind in types.items()) for frame in rows)]
    )


def _with_levels(days: pl.DataFrame) -> pl.DataFrame:
    """Numbers what has a level of its own: a site's month; where too few of its days were measured, quarter or year."""
    year = pl.col("sampling_year") * 100
    month = year + pl.col("sampled_on").dt.month().fill_null(0)
    quarter = year + 20 + pl.col("sampled_on").dt.quarter().fill_null(0)
    n_detects = (~pl.col("is_censored")).sum().over(SERIES)
    is_fine = {
        part: (n_detects >= FEWEST_DETECTS_A_LEVEL * of.n_unique().over(SERIES))
        for part, of in (("month", month), ("quarter", quarter))
    }
    level = (
        pl.when(~pl.col("is_censored").any().over(SERIES) | is_fine["month"])
        .then(month)
        .when(is_fine["quarter"])
        .then(quarter)
        .otherwise(year)
    )
    return days.with_columns(level.alias("part_of_year"))


def _of_pool(pool: pl.DataFrame, *, is_compared: bool) -> pl.DataFrame:
    """The spreads of the sites of one protocol and drug."""
    site = pool["site_id"].rank("dense").to_numpy() - 1
    level = pool.select(pl.struct("site_id", "part_of_year").rank("dense")).to_series().to_numpy() - 1
    sites = pool.group_by("site_id", maintain_order=True).agg(
        pl.col("protocol", "drug", "sampling_year").first(),
        pl.len().alias("n_days"),
        (~pl.col("is_censored")).sum().alias("n_detects"),
        pl.col("is_simulated").any(),
    )
    found = pooled_spread(
        np.log(pool["value"].to_numpy()), pool["is_censored"].to_numpy(), level.astype(np.int64), site.astype(np.int64),
        pool["weekday"].to_numpy().astype(np.int64), sites.height,
        **(_OF_COMPARED if is_compared else {}),
    )  # fmt: skip
    return sites.with_columns(
        pl.Series("between_day_log_sd", found.log_sd),
        pl.Series("between_day_df", found.df),
        pl.lit(found.has_rhythm).alias("has_rhythm"),
        pl.lit(found.rhythm.tolist(), pl.List(pl.Float64)).alias("rhythm"),
        pl.lit(sites.height, pl.Int64).alias("n_sites"),
        pl.lit(found.is_common).alias("is_common"),
    )


def levels(days: pl.DataFrame, spreads: pl.DataFrame, period: pl.Expr, *, is_balanced: bool = False) -> pl.DataFrame:
    """The mean of each site over each period, with the variance its days leave.

    Parameters
    ----------
    days : polars.DataFrame
        As for `spreads`.
    spreads : polars.DataFrame
        What `spreads` gave of them.
    period : polars.Expr
        Name of the period of each day; days where it is null are left out.
    is_balanced : bool
        As for `period_levels`.

    Returns
    -------
    polars.DataFrame
        One row a protocol, drug, site and period: `mean`, `mass` [mg/day], `days_log_variance`, `days_df`,
        `weekdays_log_bias`, `spread_log_variance`, `n_detects`,
        `detected_share` (of the site's days of the year), `expected_detects` (by that share), `by_weekday` (seven
        means, Monday to Sunday), `midweek`, `weekend`.
    """
    known, each, found = _fitted(days, spreads, period, is_balanced=is_balanced)
    known = known.with_columns(mass=pl.col("expected") * pl.col("population") / 1000)
    on = pl.col("weekday")
    by_weekday = known.group_by("number").agg(
        pl.concat_list(pl.col("expected").filter(on == day).mean() for day in range(1, 8)).alias("by_weekday"),
        pl.col("expected").filter(on.is_in([2, 3, 4])).mean().alias("midweek"),
        pl.col("expected").filter(on.is_in([5, 6, 7, 1])).mean().alias("weekend"),
        pl.concat_list(pl.col("mass").filter(on == day).mean() for day in range(1, 8)).alias("mass_by_weekday"),
        pl.col("mass").mean().alias("plain_mass"),
    )
    by_weekday = by_weekday.with_columns(
        mass=pl.when(pl.col("mass_by_weekday").list.drop_nulls().list.len() == 7)
        .then(pl.col("mass_by_weekday").list.mean())
        .otherwise("plain_mass")
    ).drop("mass_by_weekday", "plain_mass")
    return each.with_columns(
        pl.Series("mean", found.mean).fill_nan(None),
        pl.Series("days_log_variance", found.log_variance).fill_nan(None),
        pl.Series("spread_log_variance", found.spread_log_variance),
        pl.Series("weekdays_log_bias", found.weekdays_log_bias),
        pl.Series("n_detects", found.n_detects),
        pl.col("between_day_df").alias("days_df"),
    ).join(by_weekday, on="number", maintain_order="left")


def expected_days(warehouse: Warehouse, figure: Mapping[str, Any]) -> pl.DataFrame:
    """Each day of one figure of `site_periods`, and what is expected of those below their limit.

    Returns `sampled_on`, `weekday`, `expected` [mg/day/1000]; nothing for a protocol that does not infer it.
    """
    year = figure["sampling_year"]
    is_here = pl.all_horizontal(pl.col(name) == figure[name] for name in SERIES)
    days = days_of(warehouse, year, LIKELIHOOD).filter(is_here)
    spread = warehouse.read("day_spreads", year).filter(is_here)
    known, _, _ = _fitted(days, spread, _PERIODS[figure["period_kind"]])
    return known.filter(pl.col("period") == figure["period"]).select("sampled_on", "weekday", "expected")


def mean_of_series(warehouse: Warehouse, figure: Mapping[str, Any]) -> float | None:
    """What `series_means` gives for one figure of `site_periods`; None where it has none."""
    is_here = pl.all_horizontal(pl.col(name) == figure[name] for name in SERIES)
    days = days_of(warehouse, figure["sampling_year"], OF_SERIES).filter(is_here)
    found = series_means(days, _PERIODS[figure["period_kind"]]).filter(pl.col("period") == figure["period"])
    is_published = figure["state"] == "estimated" and not found.is_empty()
    most = figure["at_most_mg_per_day_per_1000"]
    if not is_published:
        return None
    mean = float(found["series_mean"].item())
    return mean if most is None else min(mean, most)


def _fitted(
    days: pl.DataFrame, spreads: pl.DataFrame, period: pl.Expr, *, is_balanced: bool = False
) -> tuple[pl.DataFrame, pl.DataFrame, Levels]:
    """The days with what is expected of each, one row a period, and what was found of it, in the same order."""
    known = (
        days.with_columns(period.alias("period"))
        .filter(pl.col("period").is_not_null())
        .join(
            spreads.select(*SERIES, "between_day_log_sd", "between_day_df", "rhythm", "n_days", "n_detects"),
            on=SERIES,
        )
        .sort(*SERIES, "period", "sampled_on", "weekday", "value")
        .with_columns(number=pl.struct(*SERIES, "period").rle_id().cast(pl.Int64))
    )
    each = known.group_by("number", maintain_order=True).agg(
        pl.col(*SERIES, "period", "between_day_log_sd", "between_day_df", "rhythm").first(),
        (pl.col("n_detects").first() / pl.col("n_days").first()).alias("detected_share"),
        (pl.len() * pl.col("n_detects").first() / pl.col("n_days").first()).alias("expected_detects"),
    )
    rhythm = np.array(each["rhythm"].to_list(), dtype=np.float64).reshape(-1, 7)
    found = period_levels(
        known["value"].to_numpy(), known["is_censored"].to_numpy(), known["number"].to_numpy(),
        known["weekday"].to_numpy().astype(np.int64), each.height,
        log_sd=each["between_day_log_sd"].to_numpy(), df=each["between_day_df"].to_numpy(), rhythm=rhythm,
        is_balanced=is_balanced,
    )  # fmt: skip
    return known.with_columns(pl.Series("expected", found.expected).fill_nan(None)), each, found


def days_of(warehouse: Warehouse, year: int | None, below_limit: Collection[str]) -> pl.DataFrame:
    """The days of a year, or of all, by the protocols that infer what lies below limits in one of these ways."""
    return warehouse.query(sql("day_spreads"), {"year": year, "below_limit": list(below_limit)})


def series_means(days: pl.DataFrame, period: pl.Expr) -> pl.DataFrame:
    """The mean of each site over each period from its days as one series, by the protocol's `below_limit`.

    Parameters
    ----------
    days : polars.DataFrame
        As for `spreads`, with `below_limit`, one of `OF_SERIES`.
    period : polars.Expr
        Name of the period of each day; days where it is null are left out.

    Returns
    -------
    polars.DataFrame
        One row a protocol, drug, site and period: `series_mean` and `series_sd` (of the days), null where the method
        gives none.
    """
    rows = (
        days.with_columns(period.alias("period"))
        .filter(pl.col("period").is_not_null())
        .sort(*SERIES, "period", "sampled_on", "weekday", "value")
        .group_by(*SERIES, "period", maintain_order=True)
        .agg(pl.col("below_limit").first(), "value", "is_censored")
    )
    n = rows["value"].list.len().to_numpy()
    at = np.arange(n.max(initial=0)) < n[:, np.newaxis]
    value = np.full(at.shape, np.nan)
    is_censored = np.zeros(at.shape, dtype=bool)
    value[at] = rows["value"].explode().to_numpy()
    is_censored[at] = rows["is_censored"].explode().to_numpy()
    by = rows["below_limit"].to_numpy()
    is_by_rank = is_censored.sum(axis=1) <= _MOST_FOR_KAPLAN_MEIER * n
    by = np.where(by == "by_share_censored", np.where(is_by_rank, "kaplan_meier", "lognormal"), by)
    mean, sd = np.full(len(n), np.nan), np.full(len(n), np.nan)
    for method in np.unique(by):
        of = by == method
        mean[of], sd[of] = MEAN_OF_SERIES[method](value[of], is_censored[of])
    return rows.select(*SERIES, "period").with_columns(
        pl.Series("series_mean", mean).fill_nan(None), pl.Series("series_sd", sd).fill_nan(None)
    )


def _lognormal(value: npt.NDArray[np.float64], is_censored: npt.NDArray[np.bool_]) -> _MeanAndSd:
    found = lognormal_mle(value, is_censored)
    return found.mean, found.mean * np.sqrt(np.expm1(found.sigma**2))


MEAN_OF_SERIES: dict[str, Callable[[npt.NDArray[np.float64], npt.NDArray[np.bool_]], _MeanAndSd]] = {
    "kaplan_meier": lambda value, is_censored: kaplan_meier(value, is_censored)[:2],
    "regression_on_order_statistics": lambda value, is_censored: regression_on_order_statistics(value, is_censored)[:2],
    "lognormal": _lognormal,
}
"""Mean and standard deviation of days by each way of estimating them from one series."""


def day_spreads(warehouse: Warehouse, year: int | None) -> pl.DataFrame:
    """The rows of the table `day_spreads` of one year, or of all."""
    days = days_of(warehouse, year, LIKELIHOOD)
    return pl.concat(spreads(of_year) for of_year in _by_year(days)).drop("is_common")


def site_periods(warehouse: Warehouse, year: int | None) -> pl.DataFrame:
    """The rows of the table `site_periods` of one year, or of all."""
    warehouse.define("spanned_days", f"from days_by_calendar({_literal(year)})")
    return typed("site_periods", _means_of_years(warehouse, year, _PERIODS))


def site_weeks(warehouse: Warehouse, year: int, asked: pl.DataFrame) -> pl.DataFrame:
    """The same of the weeks of a year, each named by its Monday; of those at its turns a part.

    Parameters: `asked` the sites by `protocol` and `site_id`: a large network has a great many weeks.
    """
    with warehouse.known_as("asked_sites", asked):
        warehouse.define(
            "spanned_days", f"from days_by_week({int(year)}) semi join asked_sites using (protocol, site_id)"
        )
        return typed("site_periods", _means_of_years(warehouse, year, _WEEK, asked))


def _literal(year: int | None) -> str:
    return "null" if year is None else str(int(year))


def _by_year(days: pl.DataFrame) -> list[pl.DataFrame]:
    """The days of each year; where there are none, no days."""
    return days.sort("sampling_year", maintain_order=True).partition_by("sampling_year", maintain_order=True) or [days]


def _means_of_years(
    warehouse: Warehouse, year: int | None, periods: Mapping[str, pl.Expr], asked: pl.DataFrame | None = None
) -> pl.DataFrame:
    """The means of sites over the periods of the view `spanned_days`; of some only, where that view is so."""
    days, spread = days_of(warehouse, year, (*LIKELIHOOD, *OF_SERIES)), warehouse.read("day_spreads", year)
    if asked is not None:
        days = days.join(asked, on=asked.columns, how="semi", maintain_order="left")
    of_year = {one: spread.filter(sampling_year=one) for one in days["sampling_year"].unique()}
    found = [
        inferred_means(some, of_year[some["sampling_year"][0]] if some.height else spread, period, kind)
        for some in _by_year(days)
        for kind, period in periods.items()
    ]
    inferred, series = (pl.concat(part) for part in zip(*found, strict=True))
    return site_means(warehouse, inferred, series)


def inferred_means(
    days: pl.DataFrame, spread: pl.DataFrame, period: pl.Expr, kind: str
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """What `levels` and what `series_means` give of the same days, with their kind of period as `period_kind`."""
    is_one = pl.col("below_limit").is_in(LIKELIHOOD)
    of_kind = pl.lit(kind).alias("period_kind")
    by_weekday = levels(days.filter(is_one), spread, period, is_balanced=kind == "matched")
    found = by_weekday, series_means(days.filter(~is_one), period)
    return found[0].with_columns(of_kind), found[1].with_columns(of_kind)


def site_means(warehouse: Warehouse, inferred: pl.DataFrame, series: pl.DataFrame) -> pl.DataFrame:
    """The mean of each site over each period of the view `spanned_days`, with its interval.

    Parameters
    ----------
    inferred, series : polars.DataFrame
        What `levels` and `series_means` give of the same periods, with `period_kind`.

    Returns
    -------
    polars.DataFrame
        The columns of the table `site_periods`, and `other_sources_share`.
    """
    counted = warehouse.query(sql("site_periods"))
    rules = warehouse.read("protocols").select(
        "protocol", "interval", "below_limit", "max_censored_share", "min_detects"
    )
    on = [*SERIES, *_PERIOD]
    rows = counted.join(inferred, on=on, how="left", maintain_order="left", validate="1:1").join(
        series, on=on, how="left", maintain_order="left", validate="1:1"
    ).join(rules, on="protocol", maintain_order="left")  # fmt: skip
    rows = _of_series(rows)
    is_inferred = pl.col("below_limit") == "likelihood"
    detected_share = pl.col("detected_share").fill_null(0)
    has_figure = pl.col("reason").is_null() | (pl.col("reason") == _REMARK)
    is_asked = (pl.col("period_kind") != "week") | (pl.col("n_censored") > 0)
    rows = rows.with_columns(
        reason=pl.when(is_inferred & has_figure & (detected_share < 1 - pl.col("max_censored_share") - 1e-9))
        .then(pl.lit("mostly_below_limit"))
        .when(
            # What is asked of measured days is asked where others lie below their limits, and are read from them: in
            # the year, and of a week, which is no figure that is published, in the week.
            is_inferred & has_figure & (detected_share < 1)
            & (
                ((pl.col("expected_detects") < pl.col("min_detects")) & is_asked)
                | (pl.col("n_detects") == 0)
            )
        )
        .then(pl.lit("too_few_detects"))
        .otherwise("reason")
    )  # fmt: skip
    is_estimated = pl.col("reason").is_null() | (pl.col("reason") == _REMARK)
    # Of days that are all zero there is no relative spread.
    of_days = (pl.col("sd_mg_per_day_per_1000") / pl.col("mean_mg_per_day_per_1000")).fill_nan(None)
    by_spread = pl.col("interval") == "pooled_spread"
    # Days below limits are read from the measured ones, and tell of the spread no more than these do.
    n_known = pl.col("n_days") - pl.when(pl.col("below_limit").is_in(OF_SERIES)).then("n_censored").otherwise(0)
    by_t = (pl.col("interval") == "t_of_days") & (n_known > 1)  # one day says nothing of how days differ
    rows = rows.with_columns(
        state=pl.when(is_estimated).then(pl.lit("estimated")).otherwise(pl.lit("not estimable")),
        **{
            name: pl.when(is_inferred).then(pl.when(is_estimated).then(of)).otherwise(name)
            for name, of in (
                ("mean_mg_per_day_per_1000", "mean"), ("weekday_mean_mg_per_day_per_1000", "midweek"),
                ("weekend_mean_mg_per_day_per_1000", "weekend"), ("mass_mg_per_day", "mass"),
            )
        },
        by_weekday_mg_per_day_per_1000=pl.when(is_inferred)
        .then(pl.coalesce("by_weekday", _NO_WEEK))
        .otherwise("by_weekday_mg_per_day_per_1000"),
    )  # fmt: skip
    rows = rows.with_columns(
        days_log_variance=pl.when(is_estimated & by_spread)
        .then("days_log_variance")
        .when(is_estimated & by_t)
        .then(of_days**2 / n_known),
        days_df=pl.when(is_estimated & by_spread).then("days_df").when(is_estimated & by_t).then(n_known - 1.0),
        **{name: pl.when(is_estimated & by_spread).then(name) for name in ("weekdays_log_bias", *SHARED)},
        has_few_detects=is_estimated
        & is_inferred
        & (detected_share < 1)
        & (pl.col("n_detects") < pl.col("min_detects")),
    )
    return _finished(warehouse, _evaluated(warehouse, sql("of_a_site"), rows))


def _of_series(rows: pl.DataFrame) -> pl.DataFrame:
    """The means of protocols that estimate them from a period's days as one series: never more than limits allow."""
    is_it = pl.col("below_limit").is_in(OF_SERIES)
    is_judged_well = pl.col("reason").is_null() | (pl.col("reason") == _REMARK)
    has_mean = pl.col("mean_mg_per_day_per_1000").is_not_null()
    rows = rows.with_columns(
        reason=pl.when(is_it & is_judged_well & pl.col("series_mean").is_null())
        .then(pl.lit("too_few_detects"))
        .otherwise("reason"),
    )
    most = pl.col("at_most_mg_per_day_per_1000")
    of_series = pl.when(pl.col("series_mean").is_not_null()).then(pl.min_horizontal("series_mean", most))
    # Kaplan and Meier's mean is too high by what lies below limits. The year decides: a period that happens to have few
    # days below its limits is too high besides.
    of_year = pl.col("period_kind").is_in(["year", "all"])
    year_censored = (pl.col("n_censored").filter(of_year).sum() / pl.col("n_days").filter(of_year).sum()).over(SERIES)
    is_by_rank = (pl.col("below_limit") == "kaplan_meier") | (
        (pl.col("below_limit") == "by_share_censored")
        & (pl.col("n_censored") <= _MOST_FOR_KAPLAN_MEIER * pl.col("n_days"))
    )
    is_too_high = is_by_rank & (year_censored > _MOST_FOR_INTERVAL)
    # Of a weekday some of whose days lie below their limit the mean of the others says nothing.
    hides = is_it & (pl.col("n_censored") > 0)
    return rows.with_columns(
        mean_mg_per_day_per_1000=pl.when(is_it & has_mean).then(of_series).otherwise("mean_mg_per_day_per_1000"),
        # Where days are inferred, the mean mass is that of the mean only if the inhabitants do not change.
        mass_mg_per_day=pl.when(is_it & has_mean & (pl.col("n_censored") > 0))
        .then(pl.when("is_population_steady").then(of_series * pl.col("population") / 1000))
        .otherwise("mass_mg_per_day"),
        # A mean that had to be cut has no interval: the method that gave it does not hold here.
        sd_mg_per_day_per_1000=pl.when(is_it & has_mean)
        .then(pl.when(~(pl.col("series_mean") > most).fill_null(value=False) & ~is_too_high).then("series_sd"))
        .otherwise("sd_mg_per_day_per_1000"),
        by_weekday_mg_per_day_per_1000=pl.when(hides).then(_NO_WEEK).otherwise("by_weekday_mg_per_day_per_1000"),
        **{
            name: pl.when(~hides).then(name)
            for name in ("weekday_mean_mg_per_day_per_1000", "weekend_mean_mg_per_day_per_1000")
        },
    )  # fmt: skip


def area_periods(warehouse: Warehouse, year: int | None) -> pl.DataFrame:
    """The rows of the table `area_periods` of one year, or of all."""
    warehouse.define("averaged_sites", f"from sites_of_areas({_literal(year)})")
    return typed("area_periods", area_means(warehouse))


def area_means(warehouse: Warehouse) -> pl.DataFrame:
    """The mean of each area over each period of the view `averaged_sites`, with its interval.

    Returns the columns of the table `area_periods`, and `area_weights`.
    """
    rows = warehouse.query(sql("area_periods")).join(
        warehouse.read("protocols").select("protocol", "interval"), on="protocol", maintain_order="left"
    )
    by_spread = pl.col("interval") == "pooled_spread"
    rows = rows.with_columns(**{name: pl.when(by_spread).then(name) for name in ("weekdays_log_bias", *SHARED)})
    rows = _finished(warehouse, rows)
    # The sites' parts are those of the mean: where they do not weigh by inhabitants, the mass has others.
    is_known = pl.col("area_weights") == "population"
    return rows.with_columns(pl.when(is_known).then(f"ci_{end}_mg_per_day") for end in ("low", "high"))


def _finished(warehouse: Warehouse, rows: pl.DataFrame) -> pl.DataFrame:
    """Means and masses with their intervals, and the means in doses."""
    rows = _with_interval(rows, "mean_mg_per_day_per_1000", SHARED, "mg_per_day_per_1000")
    # A mass is concentration times flow: the inhabitants that the mean was divided by cancel in it.
    of_mass = tuple(name for name in SHARED if name not in ("flow_log_variance", "population_log_variance"))
    rows = _with_interval(rows, "mass_mg_per_day", (*of_mass, "mass_flow_log_variance"), "mg_per_day")
    return _evaluated(warehouse, sql("in_doses"), rows)


def _evaluated(warehouse: Warehouse, statement: str, means: pl.DataFrame) -> pl.DataFrame:
    """What a statement with macros makes of rows it knows as `means`."""
    with warehouse.known_as("means", means):
        return warehouse.query(statement)


def _with_interval(rows: pl.DataFrame, of: str, parts: tuple[str, ...], unit: str) -> pl.DataFrame:
    """The interval of a level by the rule of each row's protocol; null where a part of its variance is."""
    mean = array_of(rows, of)
    of_days, df = array_of(rows, "days_log_variance"), array_of(rows, "days_df")
    shared = sum((array_of(rows, name) for name in parts), array_of(rows, "weekdays_log_bias") ** 2)
    by_spread = log_interval(mean, of_days, df, shared)
    by_t = t_interval(mean, mean * np.sqrt(of_days), df)
    rule = pl.col("interval")
    return rows.with_columns(
        pl.when(rule == "pooled_spread")
        .then(pl.Series(spread).fill_nan(None))
        .when(rule == "t_of_days")
        .then(pl.Series(t).fill_nan(None))
        .alias(name)
        for name, spread, t in zip((f"ci_low_{unit}", f"ci_high_{unit}"), by_spread, by_t, strict=True)
    )


def array_of(rows: pl.DataFrame, name: str) -> npt.NDArray[np.float64]:
    """A column of numbers, NaN where it is empty."""
    return rows[name].cast(pl.Float64).fill_null(np.nan).to_numpy()


def typed(table: str, rows: pl.DataFrame) -> pl.DataFrame:
    """The columns of a table, with the types of its model."""
    return rows.select(pl.col(name).cast(kind) for name, kind in TABLES[table].types.items())
