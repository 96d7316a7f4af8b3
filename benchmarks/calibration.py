"""Do the intervals cover? Simulated cities of known truth through the tables that publish: `make calibration`.

Each city is a drug of its own in one warehouse, so that thousands are computed at once by the very statements and
functions that compute published figures, and none learns from another.
"""

import argparse
import datetime as dt
import itertools
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.stats import norm

from pipeline import estimates
from pipeline.periods import MEAN_OF_SERIES
from pipeline.statistics.intervals import t_interval
from pipeline.warehouse import Warehouse
from schemas.protocol import load_protocols
from schemas.reference_data import load_uncertainties
from schemas.tables import TABLES

Floats = npt.NDArray[np.float64]

SEED = 2026
N_SITES, N_MONTHS = 8, 12
YEAR = 2024
RHYTHM = np.array([-0.12, -0.12, -0.10, -0.05, 0.12, 0.22, 0.05])
LEVEL_SD = 0.5
"""How far sites lie apart, log scale."""
DAILY_RSD = 0.30
TREND_A_QUARTER = -0.05
LIMIT_SD = 0.15
"""How far the limits of a site's days lie apart on the load scale, log scale: flows vary."""
EXCRETED = (0.43, 0.39, 0.43)
"""Methamphetamine's excreted fraction and the range in use: the truth is drawn with the least that is believed."""
N_BATCH_LABORATORIES = 2
MONTH, QUARTER = "2024-06", "2024-Q2"


class Scenario(NamedTuple):
    """What is simulated: the share below limits, whether batches have an error, a quarter of the days high limits."""

    censored: float
    has_batch_error: bool
    has_high_limits: bool = False


SCENARIOS = [
    *(Scenario(censored, batch) for batch in (False, True) for censored in (0.0, 0.3, 0.6, 0.8)),
    Scenario(0.0, True, has_high_limits=True),
    Scenario(0.3, True, has_high_limits=True),
]
HIGH_LIMIT, HIGH_SHARE = 2.5, 0.25
"""A second laboratory's limit over the median of a site's days, and its share of them."""


class City(NamedTuple):
    """Cities as drawn: arrays of city, site, month, weekday."""

    day: Floats
    expected: Floats
    measured: Floats
    limit: Floats
    population: Floats
    population_used: Floats
    factor: Floats


def lognormal_errors(rng: np.random.Generator, rsd: float, shape: tuple[int, ...]) -> Floats:
    """Factors of mean 1 with a relative standard deviation."""
    sd = np.sqrt(np.log1p(rsd**2))
    drawn: Floats = np.exp(sd * rng.standard_normal(shape) - sd**2 / 2)
    return drawn


def rsd_of(rsds: pl.DataFrame, component: str, of: str | None = None) -> float:
    """The relative standard deviation of a component, as the set of uncertainties states it."""
    rows = rsds.filter((pl.col("component") == component) & pl.col("applies_to").eq_missing(pl.lit(of)))
    return float(rows["rsd"].item())


def draw(rng: np.random.Generator, scenario: Scenario, n: int, rsds: pl.DataFrame) -> City:
    """Cities with the errors that the set of uncertainties states."""
    shape = (n, N_SITES, N_MONTHS, 7)
    population = np.exp(rng.normal(11, 1, (n, N_SITES, 1, 1)))
    level = 3 + LEVEL_SD * rng.standard_normal((n, N_SITES, 1, 1))
    quarter = (np.arange(N_MONTHS) // 3).reshape(1, 1, -1, 1)
    expected = np.broadcast_to(np.exp(level + TREND_A_QUARTER * quarter + RHYTHM - RHYTHM.mean()), shape)
    day = expected * lognormal_errors(rng, DAILY_RSD, shape)
    laboratory = np.arange(N_SITES) % N_BATCH_LABORATORIES
    errors = lognormal_errors(rng, rsd_of(rsds, "sampling"), shape) * lognormal_errors(
        rng, rsd_of(rsds, "analysis"), shape
    )
    batch = lognormal_errors(rng, rsd_of(rsds, "batch"), (n, N_BATCH_LABORATORIES, N_MONTHS, 1))
    lasting = lognormal_errors(rng, rsd_of(rsds, "laboratory"), (n, N_BATCH_LABORATORIES, 1, 1))
    errors = errors * (batch * lasting)[:, laboratory] * lognormal_errors(rng, rsd_of(rsds, "flow"), (n, N_SITES, 1, 1))
    factor = lognormal_errors(rng, rsd_of(rsds, "factor", "least"), (n, 1, 1, 1))
    counted = lognormal_errors(rng, rsd_of(rsds, "population", "census"), (n, N_SITES, 1, 1))
    measured = day * errors * factor * counted  # too few inhabitants counted make too much a head
    limit = np.zeros(shape)
    if scenario.censored:
        middle = np.quantile(measured, scenario.censored, axis=(2, 3), keepdims=True)
        limit = middle * np.exp(LIMIT_SD * rng.standard_normal(shape))
    if scenario.has_high_limits:
        high = HIGH_LIMIT * np.median(measured, axis=(2, 3), keepdims=True) * np.ones(shape)
        limit = np.where(rng.random(shape) < HIGH_SHARE, high, limit)
    return City(day, np.array(expected), measured, limit, population, population / counted, factor[:, 0, 0, 0])


def filled(table: str, rows: pl.DataFrame) -> pl.DataFrame:
    """Rows of a table, with what they do not hold empty, or a word where it must not be."""
    columns, types = TABLES[table].columns, TABLES[table].types

    def of(name: str) -> pl.Expr:
        if name in rows.columns:
            return pl.col(name).cast(types[name])
        if columns[name].nullable:
            return pl.lit(None, types[name]).alias(name)
        stand_ins = {pl.Int64: 1, pl.Boolean: False, pl.Datetime: dt.datetime(2026, 1, 1)}  # noqa: DTZ001
        return pl.lit(stand_ins.get(types[name].base_type(), "simulated")).cast(types[name]).alias(name)

    return rows.select(of(name) for name in types)


def fill(warehouse: Warehouse, city: City, rsds: pl.DataFrame) -> None:
    """Puts cities into the tables that estimates start from."""
    n, fraction = len(city.day), EXCRETED[0]
    number, site, month, day = (index.ravel() for index in np.indices(city.day.shape))
    dates = pl.DataFrame({"month": month + 1, "day": day + 8 + _shift(month)}).select(
        pl.date(YEAR, pl.col("month"), pl.col("day"))
    )
    is_censored = (city.measured < city.limit).ravel()
    load = city.measured.ravel() * fraction
    limit = city.limit.ravel() * fraction
    population = np.broadcast_to(city.population_used, city.day.shape).ravel()
    loads = pl.DataFrame(
        {
            "site_id": pl.Series(site).cast(pl.String), "sampled_on": dates.to_series(), "sampling_year": YEAR,
            "residue": pl.Series(number).cast(pl.String), "qualifier": np.where(is_censored, "<LOQ", "="),
            "is_censored": is_censored, "population": population, "population_method": "census",
            "population_basis": "delivered", "population_rsd": rsd_of(rsds, "population", "census"),
            "laboratory": pl.Series(site % N_BATCH_LABORATORIES).cast(pl.String),
            "batch": pl.Series(month).cast(pl.String),
            "load_mg_per_day_per_1000": np.where(is_censored, np.nan, load),
            "load_limit_mg_per_day_per_1000": np.where(is_censored, limit, np.nan), "state": "estimated",
            "is_provisional": False, "is_simulated": True,
        }
    ).with_columns(pl.col("load_mg_per_day_per_1000", "load_limit_mg_per_day_per_1000").fill_nan(None))  # fmt: skip
    fill_tables(warehouse, loads, n, N_SITES, YEAR, rsds)


def fill_tables(
    warehouse: Warehouse, loads: pl.DataFrame, n_drugs: int, n_sites: int, first_year: int, rsds: pl.DataFrame
) -> None:
    """Puts loads of drugs 0, 1, ... at sites 0, 1, ... into a warehouse, with what consumption needs beside them."""
    fraction, low, high = EXCRETED
    names = pl.Series(np.arange(n_drugs)).cast(pl.String)
    factors = pl.DataFrame({"residue": names, "drug": names}).with_columns(
        factor_set=pl.lit("2026"), excreted_fraction=fraction, excreted_fraction_low=low, excreted_fraction_high=high,
        excretion_basis=pl.lit("molar"), molar_mass_parent_g_per_mol=100.0, molar_mass_residue_g_per_mol=100.0,
        is_default=True, valid_from=dt.date(first_year, 1, 1),
    )  # fmt: skip
    sites = pl.DataFrame({"site_id": [str(number) for number in range(n_sites)]}).with_columns(is_simulated=True)
    delivery = pl.DataFrame({"received_at": [dt.datetime(first_year, 1, 1)], "is_simulated": [True]})  # noqa: DTZ001
    protocols = [p for p in load_protocols() if p.protocol in PROTOCOLS]
    with warehouse.transaction():
        for table, rows in (("loads", loads), ("factors", factors), ("sites", sites), ("deliveries", delivery)):
            warehouse.replace(table, filled(table, rows))
        warehouse.replace("protocols", estimates.protocol_rows(protocols))
        warehouse.replace("uncertainties", rsds)


PROTOCOLS = ("permille", "half-loq", "statcan")


def _shift(month: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Days from the 8th of each month to its next Monday."""
    first = np.array([dt.date(YEAR, number + 1, 8).weekday() for number in range(N_MONTHS)])
    shift: npt.NDArray[np.int64] = (-first % 7)[month]
    return shift


def covered(warehouse: Warehouse, city: City) -> pl.DataFrame:
    """One row a protocol and figure: how many there could be, are published and hold the truth, and how far off."""
    n = len(city.day)
    number, site, month, day = (index.ravel() for index in np.indices(city.day.shape))
    fraction = EXCRETED[0]
    days = pl.DataFrame(
        {"drug": pl.Series(number).cast(pl.String), "site_id": pl.Series(site).cast(pl.String), "month": month + 1,
         "weekday": day + 1, "truth": city.day.ravel()}
    )  # fmt: skip
    at = int(MONTH[-2:]) - 1
    quarter = slice(3 * (int(QUARTER[-1]) - 1), 3 * int(QUARTER[-1]))
    weeks = city.expected[:, :, at].mean(axis=2)
    of_site = city.expected[:, :, quarter].mean(axis=(2, 3))
    numbers = pl.Series("drug", np.arange(n)).cast(pl.String)
    each_site = pl.DataFrame(
        {"drug": np.repeat(numbers.to_numpy(), N_SITES), "site_id": np.tile([str(k) for k in range(N_SITES)], n),
         "week": weeks.ravel(), "quarter": of_site.ravel(), "weight": city.population[:, :, 0, 0].ravel()}
    )  # fmt: skip
    # A mean over an area is one over the sites that have a figure: their truth is what it is held to.
    in_it = warehouse.read("site_periods").filter(pl.col("period") == QUARTER, pl.col("state") == "estimated")
    network = (
        in_it.select("protocol", "drug", "site_id")
        .join(each_site, on=["drug", "site_id"])
        .sort("protocol", "drug", "site_id")
        .group_by("protocol", "drug")
        .agg(truth=(pl.col("quarter") * pl.col("weight")).sum() / pl.col("weight").sum())
    )
    factor_of = dict(zip(numbers, city.factor, strict=True))
    truth = {
        "a day": ("consumption", days, ["drug", "site_id", "month", "weekday"]),
        "a site's week": (
            "site_periods", each_site.select("drug", "site_id", truth="week"), ["drug", "site_id"],
        ),
        "an area's quarter": ("area_periods", network, ["protocol", "drug"]),
    }  # fmt: skip
    n_figures = {"a day": days.height, "a site's week": each_site.height, "an area's quarter": n}
    where = {
        "consumption": pl.lit(value=True), "site_periods": pl.col("period") == MONTH,
        "area_periods": (pl.col("period") == QUARTER) & (pl.col("level") == "network"),
    }  # fmt: skip
    rows = []
    for what, (table, true, keys) in truth.items():
        found = warehouse.read(table).filter(where[table])
        amount = "amount_mg_per_day_per_1000" if table == "consumption" else "mean_mg_per_day_per_1000"
        if table == "consumption":
            found = found.with_columns(
                month=pl.col("sampled_on").dt.month().cast(pl.Int64), weekday=pl.col("weekday").cast(pl.Int64)
            )
        joined = found.join(true, on=keys, how="inner", validate="m:1").with_columns(
            # A residue load is what is excreted of what is used, whatever fraction is believed.
            truth=pl.when(pl.col("basis") == "consumption")
            .then("truth")
            .otherwise(pl.col("truth") * fraction * pl.col("drug").replace_strict(factor_of))
        )
        low, high = pl.col("ci_low_mg_per_day_per_1000"), pl.col("ci_high_mg_per_day_per_1000")
        is_published = low.is_not_null()
        rows.append(
            # Tables have no order of their own, and a sum depends on it in its last digit.
            joined.sort("protocol", *keys)
            .group_by("protocol")
            .agg(
                pl.lit(what).alias("figure"),
                pl.lit(n_figures[what]).alias("n"),
                is_published.sum().alias("n_published"),
                (pl.col("truth").is_between(low, high) & is_published).sum().alias("n_covered"),
                (pl.col(amount) / pl.col("truth")).filter(is_published).sum().alias("sum_ratio"),
            )
        )
    return pl.concat(rows)


def run(scenario: Scenario, n_cities: int, seed: int, chunk: int = 250) -> pl.DataFrame:
    """The table of one scenario."""
    rsds = load_uncertainties()
    if not scenario.has_batch_error:
        rsds = rsds.with_columns(rsd=pl.when(pl.col("component") == "batch").then(0.0).otherwise("rsd"))
    parts = []
    streams = np.random.SeedSequence([seed, SCENARIOS.index(scenario)]).spawn(-(-n_cities // chunk))
    with tempfile.TemporaryDirectory() as folder:
        for number, stream in enumerate(streams):
            city = draw(np.random.default_rng(stream), scenario, min(chunk, n_cities - number * chunk), rsds)
            with Warehouse.open(Path(folder) / f"{number}.duckdb") as warehouse:
                fill(warehouse, city, rsds)
                for table in ("consumption", "day_spreads", "site_periods", "area_periods"):
                    estimates.compute(warehouse, table)
                parts.append(covered(warehouse, city))
    total = (
        pl.concat(parts).group_by("protocol", "figure").agg(pl.col("n", "n_published", "n_covered", "sum_ratio").sum())
    )
    return total.select(
        "protocol", "figure",
        pl.lit(scenario.censored).alias("censored"), pl.lit(scenario.has_batch_error).alias("has_batch_error"),
        pl.lit(scenario.has_high_limits).alias("has_high_limits"),
        pl.col("n"),
        (1 - pl.col("n_published") / pl.col("n")).alias("refused"),
        (pl.col("n_covered") / pl.col("n_published")).alias("coverage"),
        (pl.col("sum_ratio") / pl.col("n_published") - 1).alias("bias"),
    ).sort("protocol", "figure")  # fmt: skip


def main() -> None:
    """Runs all scenarios and prints a table for docs/calibration.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cities", type=int, default=2000, help="cities a scenario (2000)")
    parser.add_argument("--seed", type=int, default=SEED, help=f"seed ({SEED})")
    chosen = parser.parse_args()
    began = time.perf_counter()
    rows = []
    for scenario in SCENARIOS:
        rows.append(run(scenario, chosen.cities, chosen.seed))
        print(f"{scenario} after {time.perf_counter() - began:.0f} s", flush=True)
    table = pl.concat(rows)
    print(f"\n{chosen.cities} cities a scenario, seed {chosen.seed}, {time.perf_counter() - began:.0f} s\n")
    print("| protocol | figure | limits | batch error | figures | refused | covered | bias |")
    print("|---|---|---|---|---|---|---|---|")
    for row in table.sort("protocol", "figure", "has_high_limits", "has_batch_error", "censored").iter_rows(named=True):
        coverage = "" if row["coverage"] is None or np.isnan(row["coverage"]) else f"{100 * row['coverage']:.1f} %"
        bias = "" if row["bias"] is None or np.isnan(row["bias"]) else f"{100 * row['bias']:+.1f} %"
        print(
            f"| {row['protocol']} | {row['figure']} | {100 * row['censored']:.0f} %"
            f"{', a quarter high' if row['has_high_limits'] else ''} |"
            f" {'yes' if row['has_batch_error'] else 'no'} | {row['n']:,} | {100 * row['refused']:.1f} % | {coverage} |"
            f" {bias} |"
        )
    _print_series(chosen.seed)


def of_series(seed: int, n_series: int = 4000) -> pl.DataFrame:
    """How the means of one series of days do that an office's own protocol may choose, with t of the measured days.

    Lognormal days of the same limit. Published is what has three measured days and no mean above what the limits allow.
    Returns one row a spread, number of days, share below and method: `published`, `coverage` and `bias`.
    """
    rng = np.random.default_rng(np.random.SeedSequence([seed, len(SCENARIOS)]))
    rows = []
    for log_sd, n, share in itertools.product((0.3, 0.6), (7, 14, 30), (0.1, 0.3, 0.5, 0.7)):
        day = np.exp(log_sd * rng.standard_normal((n_series, n)))
        limit = np.exp(log_sd * norm.ppf(share))
        is_censored = day < limit
        value, n_detects = np.where(is_censored, limit, day), (~is_censored).sum(axis=1)
        truth = np.exp(log_sd**2 / 2)
        for method, of in MEAN_OF_SERIES.items():
            mean, sd = of(value, is_censored)
            is_there = (n_detects >= 3) & np.isfinite(mean) & (mean <= value.mean(axis=1))
            low, high = t_interval(mean, sd / np.sqrt(np.maximum(n_detects, 1)), n_detects - 1.0)
            holds = (low <= truth) & (truth <= high)
            if is_there.any():
                bias = mean[is_there].mean() / truth - 1
                rows.append((log_sd, n, share, method, is_there.mean(), holds[is_there].mean(), bias))
    names = ("log_sd", "n_days", "censored", "method", "published", "coverage", "bias")
    return pl.DataFrame(rows, schema=names, orient="row")


def _print_series(seed: int) -> None:
    print("\n| spread | days | below limits | method | refused | covered | bias |\n|---|---|---|---|---|---|---|")
    for row in of_series(seed).sort("method", "log_sd", "n_days", "censored").iter_rows(named=True):
        print(
            f"| {row['log_sd']} | {row['n_days']} | {100 * row['censored']:.0f} % | {row['method'].replace('_', ' ')} |"
            f" {100 * (1 - row['published']):.1f} % | {100 * row['coverage']:.1f} % | {100 * row['bias']:+.1f} % |"
        )


if __name__ == "__main__":
    main()
