"""Do intervals of changes cover, are verdicts true, what is seen? Cities of known change: `make calibration-changes`.

Each city is a drug of its own in one warehouse, computed by the very functions that compute published changes.
"""

import argparse
import datetime as dt
import itertools
import math
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.stats import kstest

from benchmarks.calibration import EXCRETED, RHYTHM, SEED, fill_tables, lognormal_errors, rsd_of
from pipeline import changes, estimates, targets
from pipeline.settings import Settings, Target
from pipeline.warehouse import Warehouse
from schemas.reference_data import load_uncertainties

Floats = npt.NDArray[np.float64]

BASELINE, CURRENT = 2023, 2024
RATIO = 0.6
"""The true change of a city, about which its sites lie."""
SITES_APART = 0.1
"""How far the changes of sites lie apart, log scale."""
LEVEL_SD = 0.5
LIMIT_SD = 0.15
FIRST_WEEKDAY = 2
"""Two days are a Tuesday and a Wednesday: a weekly sampling begins in the middle of the week."""


class Scenario(NamedTuple):
    """How a city is sampled and what disturbs it."""

    n_days: int
    n_sites: int
    daily_cv: float
    disturbance: str = "none"
    ratio: float = RATIO
    apart: float = SITES_APART


DISTURBANCES = ("none", "batch errors", "half below limits", "sites join and leave")
SCENARIOS = [
    Scenario(n_days, n_sites, cv, disturbance)
    for disturbance, n_days, n_sites, cv in itertools.product(DISTURBANCES, (2, 7, 28), (1, 5, 18), (0.15, 0.25, 0.5))
]
NOTHING_HAPPENED = [
    Scenario(n_days, n_sites, cv, disturbance, ratio=1, apart=0)
    for disturbance, n_days, n_sites, cv in itertools.product(DISTURBANCES[:2], (2, 7, 28), (1, 5, 18), (0.15, 0.5))
]
TOLD, HOPELESS = 200, 1000
"""Intervals that are enough to judge them by, and cities after which a sampling that told none will not tell any."""
TOGETHER = 100
"""Series whose verdicts are judged together."""
POWER = [
    Scenario(n_days, 1, cv, ratio=math.exp(-1.959963984540054 * cv * math.sqrt(2 / n_days)), apart=0)
    for n_days, cv in itertools.product((2, 7, 28), (0.15, 0.25, 0.5))
]
"""Falls that by the closed form are seen in half of all samplings: it takes the spread of the days for known."""

AIMED = [
    Scenario(n_days, n_sites, 0.25, disturbance, ratio=0.7, apart=0)
    for disturbance, n_days, n_sites in itertools.product(DISTURBANCES[:2], (2, 7, 28), (1, 5))
]
"""Cities that are just where they should be: to call a target met, or not met, is a mistake there."""


class City(NamedTuple):
    """Cities as drawn: arrays of city, site, period (baseline, current), day."""

    expected: Floats
    measured: Floats
    limit: Floats
    population: Floats
    is_sampled: npt.NDArray[np.bool_]


def draw(rng: np.random.Generator, scenario: Scenario, n: int, rsds: pl.DataFrame) -> City:
    """Cities with the errors that the set of uncertainties states; the days' own are the daily CV."""
    n_sites = scenario.n_sites + (2 if scenario.disturbance == "sites join and leave" else 0)
    shape = (n, n_sites, 2, scenario.n_days)
    population = np.exp(rng.normal(11, 1, (n, n_sites, 1, 1)))
    level = 3 + LEVEL_SD * rng.standard_normal((n, n_sites, 1, 1))
    apart = scenario.apart * rng.standard_normal((n, n_sites, 1, 1))
    log_ratio = np.log(scenario.ratio) + apart
    is_current = np.array([0, 1]).reshape(1, 1, 2, 1)
    weekday = (FIRST_WEEKDAY - 1 + np.arange(scenario.n_days)) % 7
    expected = np.exp(level + log_ratio * is_current + RHYTHM[weekday])
    errors = lognormal_errors(rng, scenario.daily_cv, shape)
    batch = lognormal_errors(rng, rsd_of(rsds, "batch"), (n, 1, 2, 1))
    lasting = lognormal_errors(rng, rsd_of(rsds, "laboratory"), (n, 1, 1, 1))
    meter = lognormal_errors(rng, rsd_of(rsds, "flow"), (n, n_sites, 1, 1))
    measured = expected * errors * batch * lasting * meter
    limit = np.zeros(shape)
    if scenario.disturbance == "half below limits":
        # Of what the site has, not of what was drawn: a limit that followed the days measured would know their errors.
        typical = expected * meter / np.sqrt(1 + scenario.daily_cv**2)
        middle = np.exp(np.median(np.log(typical), axis=(2, 3), keepdims=True))
        limit = middle * np.exp(LIMIT_SD * rng.standard_normal(shape))
    is_sampled = np.ones(shape, dtype=bool)
    if scenario.disturbance == "sites join and leave":
        is_sampled[:, -2, 1], is_sampled[:, -1, 0] = False, False
    return City(np.broadcast_to(expected, shape), measured, limit, population, is_sampled)


def fill(warehouse: Warehouse, city: City, rsds: pl.DataFrame) -> None:
    """Puts cities into the tables that estimates start from."""
    n, n_sites, _, _ = city.measured.shape
    fraction = EXCRETED[0]
    number, site, period, day = (index.ravel() for index in np.indices(city.measured.shape))
    # A Tuesday of March in each of the two years.
    first = [dt.date(BASELINE, 3, 7), dt.date(CURRENT, 3, 5)]
    is_censored = (city.measured < city.limit).ravel()
    load, limit = city.measured.ravel() * fraction, city.limit.ravel() * fraction
    loads = pl.DataFrame(
        {
            "site_id": pl.Series(site).cast(pl.String),
            "sampled_on": np.array(first, dtype="datetime64[D]")[period] + day.astype("timedelta64[D]"),
            "residue": pl.Series(number).cast(pl.String), "qualifier": np.where(is_censored, "<LOQ", "="),
            "is_censored": is_censored,
            "population": np.broadcast_to(city.population, city.measured.shape).ravel(),
            "population_method": "census", "population_basis": "delivered",
            "population_rsd": rsd_of(rsds, "population", "census"), "laboratory": "Lab",
            "batch": pl.Series(period).cast(pl.String),
            "load_mg_per_day_per_1000": np.where(is_censored, np.nan, load),
            "load_limit_mg_per_day_per_1000": np.where(is_censored, limit, np.nan), "state": "estimated",
            "is_provisional": False, "is_simulated": True, "is_sampled": city.is_sampled.ravel(),
        }
    ).filter("is_sampled").drop("is_sampled").with_columns(
        pl.col("load_mg_per_day_per_1000", "load_limit_mg_per_day_per_1000").fill_nan(None),
        sampling_year=pl.col("sampled_on").dt.year(),
    )  # fmt: skip
    fill_tables(warehouse, loads, n, n_sites, BASELINE, rsds)


def found(scenario: Scenario, n_cities: int, seed: int, chunk: int = 250, told: int | None = None) -> pl.DataFrame:
    """The changes of the network in each city beside the truth: one row a city and protocol.

    With `told`, no more chunks of cities are drawn once that many intervals of `permille` are told, or none by a
    thousand cities.
    """
    rsds = load_uncertainties()
    if scenario.disturbance != "batch errors":
        rsds = rsds.with_columns(rsd=pl.when(pl.col("component") == "batch").then(0.0).otherwise("rsd"))
    key = [seed, scenario.n_days, scenario.n_sites, round(100 * scenario.daily_cv), round(1000 * scenario.ratio)]
    streams = np.random.SeedSequence([*key, DISTURBANCES.index(scenario.disturbance)]).spawn(-(-n_cities // chunk))
    parts, n_told = [], 0
    for number, stream in enumerate(streams):
        city = draw(np.random.default_rng(stream), scenario, min(chunk, n_cities - number * chunk), rsds)
        with tempfile.TemporaryDirectory() as folder, Warehouse.open(Path(folder) / "city.duckdb") as warehouse:
            fill(warehouse, city, rsds)
            estimates.compute(warehouse, "consumption")
            rows = changes.between(warehouse, str(BASELINE), str(CURRENT)).changes.filter(pl.col("level") == "network")
            rows = rows.join(_held(warehouse, rows, 100 * (1 - scenario.ratio)), on=["drug", "protocol"])
        in_both = city.is_sampled.any(axis=3).all(axis=2)[:, :, np.newaxis]
        weight = np.where(in_both, city.population[:, :, :, 0], 0)
        means = (weight * city.expected.mean(axis=3)).sum(axis=1)
        truth = pl.DataFrame(
            {"drug": [str(k) for k in range(len(means))], "truth_percent": 100 * (means[:, 1] / means[:, 0] - 1)}
        )
        parts.append(rows.join(truth, on="drug").with_columns(chunk=pl.lit(number)))
        n_told += parts[-1].filter(pl.col("protocol") == "permille")["ci_low_percent"].count()
        if told is not None and (n_told >= told or (not n_told and (number + 1) * chunk >= HOPELESS)):
            break
    return pl.concat(parts)


def _held(warehouse: Warehouse, rows: pl.DataFrame, fall_percent: float) -> pl.DataFrame:
    """How probable it is, by each change, that use has fallen as far as it truly has."""
    asked = [
        Target(
            drug=drug, protocol=protocol, baseline=str(BASELINE), current=str(CURRENT), fall_percent=fall_percent,
            deadline=dt.date(CURRENT, 12, 31),
        )
        for drug, protocol in rows.select("drug", "protocol").iter_rows()
        if fall_percent > 0
    ]  # fmt: skip
    held = targets.against(warehouse, targets.wanted_of(Settings(targets=tuple(asked)), None), rows)
    of_change = rows.select("drug", "protocol")
    return of_change.join(
        held.select("drug", "protocol", "probability_met", "outcome"), on=of_change.columns, how="left"
    )


def run(scenario: Scenario, n_cities: int, seed: int, chunk: int = 250, told: int | None = None) -> pl.DataFrame:
    """One row a protocol: the share without an interval, how many of the others hold the truth, and how far off.

    And how many would be called a fall or a rise, each alone and judged together with those of its chunk.
    """
    rows = found(scenario, n_cities, seed, chunk, told)
    low, high = pl.col("ci_low_percent"), pl.col("ci_high_percent")
    is_published = low.is_not_null()
    is_called = pl.col("verdict").is_in(["fall", "rise"])
    return (
        rows.sort("protocol", "chunk", "drug")
        .group_by("protocol", maintain_order=True)
        .agg(
            (1 - is_published.mean()).alias("refused"),
            pl.len().alias("n_cities"),
            (pl.col("truth_percent").is_between(low, high) & is_published).sum().alias("n_covered"),
            is_published.sum().alias("n_published"),
            ((1 + pl.col("change_percent") / 100) / (1 + pl.col("truth_percent") / 100) - 1)
            .filter(is_published)
            .median()
            .alias("bias"),
            (pl.col("p_value") < 0.05).sum().alias("n_alone"),
            is_called.sum().alias("n_together"),
            (pl.col("chunk").filter(is_called).n_unique() / pl.col("chunk").n_unique()).alias("families"),
            ((high / 100 + 1) / (low / 100 + 1)).log().mean().alias("log_width"),
        )
        .with_columns(coverage=pl.col("n_covered") / pl.col("n_published"))
    )


def cities_of(scenario: Scenario, n_cities: int) -> int:
    """Fewer cities of large samplings, which take most of the time: a half from 100 days on, a quarter from 500 on."""
    size = scenario.n_days * scenario.n_sites
    return n_cities // (4 if size >= 500 else 2 if size >= 100 else 1)


def _cell(scenario: Scenario) -> str:
    return f"| {scenario.disturbance} | {scenario.n_days} | {scenario.n_sites} | {100 * scenario.daily_cv:.0f} % |"


def _share(part: float | None, whole: float) -> str:
    return f"{100 * (part or 0) / whole:.1f} %" if whole else ""


def print_coverage(n_cities: int, seed: int, disturbances: Sequence[str]) -> None:
    """Whether intervals hold the truth, of a fall by 40 %; where limits refuse most, until enough cities are told."""
    print("| disturbance | days | sites | daily CV | protocol | cities | refused | told | covered | bias | width |")
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    for scenario in SCENARIOS:
        if scenario.disturbance not in disturbances:
            continue
        told = TOLD if scenario.disturbance == "half below limits" else None
        for row in run(scenario, cities_of(scenario, n_cities), seed, told=told).iter_rows(named=True):
            print(
                f"{_cell(scenario)} {row['protocol']} | {row['n_cities']} | {100 * row['refused']:.1f} % |"
                f" {row['n_published']} | {_share(row['n_covered'], row['n_published'])} |"
                f" {100 * (row['bias'] or 0):+.1f} % | {row['log_width'] or 0:.2f} |",
                flush=True,
            )


def print_verdicts(n_cities: int, seed: int, disturbances: Sequence[str]) -> None:
    """How many changes are called one where nothing has changed, alone and judged together a hundred at a time."""
    print("| disturbance | days | sites | daily CV | protocol | called alone | together | hundreds with one |")
    print("|---|---|---|---|---|---|---|---|")
    for scenario in NOTHING_HAPPENED:
        if scenario.disturbance not in disturbances:
            continue
        for row in run(scenario, cities_of(scenario, n_cities), seed, TOGETHER).iter_rows(named=True):
            alone, together = (_share(row[f"n_{how}"], row["n_published"]) for how in ("alone", "together"))
            print(
                f"{_cell(scenario)} {row['protocol']} | {alone} | {together} | {_share(row['families'], 1)} |",
                flush=True,
            )


def print_power(n_cities: int, seed: int, _: Sequence[str]) -> None:
    """How often the falls are seen that the closed form sees in half of all samplings."""
    print("| days | daily CV | fall by the closed form | protocol | seen |")
    print("|---|---|---|---|---|")
    for scenario in POWER:
        for row in run(scenario, n_cities, seed).iter_rows(named=True):
            print(
                f"| {scenario.n_days} | {100 * scenario.daily_cv:.0f} % | {100 * (1 - scenario.ratio):.1f} % |"
                f" {row['protocol']} | {_share(row['n_alone'], row['n_published'])} |",
                flush=True,
            )


def print_targets(n_cities: int, seed: int, _: Sequence[str]) -> None:
    """How often a target is called met, or not met, by cities whose use has fallen exactly as far as it should."""
    print("| disturbance | days | sites | daily CV | protocol | met | not met | below one half | largest gap |")
    print("|---|---|---|---|---|---|---|---|---|")
    for scenario in AIMED:
        rows = found(scenario, n_cities, seed).drop_nulls("probability_met").sort("protocol")
        for (protocol,), of in rows.partition_by("protocol", as_dict=True, maintain_order=True).items():
            shares = [(of["outcome"] == outcome).sum() for outcome in ("met", "not met")]
            below = (of["probability_met"] < 0.5).sum()
            # From uniform: Kolmogorov and Smirnov's distance, 0.03 in 2,000 by chance in one of twenty.
            gap = kstest(of["probability_met"].to_numpy(), "uniform").statistic
            told = " | ".join(_share(part, of.height) for part in (*shares, below))
            print(f"{_cell(scenario)} {protocol} | {told} | {gap:.3f} |", flush=True)


TABLES = {"coverage": print_coverage, "verdicts": print_verdicts, "power": print_power, "targets": print_targets}


def main() -> None:
    """Runs all scenarios and prints tables for docs/calibration.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cities", type=int, default=2000, help="cities a scenario, fewer of large ones (2000)")
    parser.add_argument("--seed", type=int, default=SEED, help=f"seed ({SEED})")
    parser.add_argument(
        "--disturbance", choices=DISTURBANCES, action="append", help="of coverage and verdicts; all if left out"
    )
    parser.add_argument("--table", choices=list(TABLES), action="append", help="which table; all if left out")
    chosen = parser.parse_args()
    for name in chosen.table or TABLES:
        began = time.perf_counter()
        TABLES[name](chosen.cities, chosen.seed, chosen.disturbance or DISTURBANCES)
        print(f"\n{name}: {chosen.cities} cities a scenario, seed {chosen.seed}, {time.perf_counter() - began:.0f} s\n")


if __name__ == "__main__":
    main()
