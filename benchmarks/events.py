"""Are effects of events found, and none where there is none? Simulated networks: `make calibration-events`.

Each city is a drug of its own in one warehouse, computed by the very function that computes published effects.
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

from benchmarks.calibration import EXCRETED, RHYTHM, SEED, fill_tables, filled, lognormal_errors, rsd_of
from pipeline import estimates
from pipeline.events import event_effects
from pipeline.warehouse import Warehouse
from schemas.reference_data import load_uncertainties

Floats = npt.NDArray[np.float64]

FIRST_MONDAY = dt.date(2022, 1, 3)
N_WEEKS = 156
SAMPLED = (1, 5)
"""Tuesday and Saturday."""
BEGINS = 104
"""The week an event begins with: two years before it, a year from it on."""
N_SITES = 8
"""Half of them in the area of the event."""
DAILY_CV = 0.25
SEASON = 0.15
"""Amplitude over the year, shared by all sites."""
SHARED_SD = 0.10
"""How far weeks lie apart in all sites alike."""
OWN_SD = 0.10
"""How far weeks lie apart at each site by itself, beyond its days."""
DRIFT_APART = 0.10
"""By how much the area of the event and the others drift apart, log scale a year."""


class Scenario(NamedTuple):
    """What an event does, and how weeks depend on each other."""

    ratio: float
    correlation: float


SCENARIOS = [Scenario(*both) for both in itertools.product((1.0, 0.8), (0.0, 0.3, 0.6))]


def _weeks(rng: np.random.Generator, shape: tuple[int, ...], correlation: float) -> Floats:
    """Standard normal errors of weeks, the last axis, each like the one before as far as they correlate."""
    drawn = rng.standard_normal(shape)
    for week in range(1, shape[-1]):
        drawn[..., week] = correlation * drawn[..., week - 1] + np.sqrt(1 - correlation**2) * drawn[..., week]
    return drawn


def draw(rng: np.random.Generator, scenario: Scenario, n: int, rsds: pl.DataFrame) -> Floats:
    """Measured amounts of cities, sites, weeks and sampled days."""
    shape = (n, N_SITES, N_WEEKS)
    week = np.arange(N_WEEKS)
    in_area = (np.arange(N_SITES) < N_SITES // 2)[:, np.newaxis]
    log_level = 3 + 0.5 * rng.standard_normal((n, N_SITES, 1)) + SEASON * np.sin(2 * np.pi * week / 52)
    log_level = log_level + in_area * (DRIFT_APART * week / 52 + np.log(scenario.ratio) * (week >= BEGINS))
    log_level = log_level + SHARED_SD * _weeks(rng, (n, 1, N_WEEKS), scenario.correlation)
    log_level = log_level + OWN_SD * _weeks(rng, shape, scenario.correlation)
    days = log_level[..., np.newaxis] + RHYTHM[list(SAMPLED)]
    batch = lognormal_errors(rng, rsd_of(rsds, "batch"), (n, 1, N_WEEKS, 1))
    return np.exp(days) * lognormal_errors(rng, DAILY_CV, days.shape) * batch


def fill(warehouse: Warehouse, measured: Floats, rsds: pl.DataFrame) -> None:
    """Puts cities into the tables that estimates start from, and the event into its own."""
    n = len(measured)
    number, site, week, day = (index.ravel() for index in np.indices(measured.shape))
    first = np.datetime64(FIRST_MONDAY, "D")
    loads = pl.DataFrame(
        {
            "site_id": pl.Series(site).cast(pl.String),
            "sampled_on": first + (7 * week + np.array(SAMPLED)[day]).astype("timedelta64[D]"),
            "residue": pl.Series(number).cast(pl.String), "qualifier": "=", "is_censored": False,
            "population": 100_000.0, "population_method": "census", "population_basis": "delivered",
            "population_rsd": rsd_of(rsds, "population", "census"), "laboratory": "Lab",
            "batch": pl.Series(week).cast(pl.String),
            "load_mg_per_day_per_1000": measured.ravel() * EXCRETED[0], "state": "estimated",
            "is_provisional": False, "is_simulated": True,
        }
    ).with_columns(sampling_year=pl.col("sampled_on").dt.year())  # fmt: skip
    fill_tables(warehouse, loads, n, N_SITES, FIRST_MONDAY.year, rsds)
    sites = pl.DataFrame({"site_id": [str(number) for number in range(N_SITES)]}).with_columns(
        area_id=pl.when(pl.int_range(pl.len()) < N_SITES // 2).then(pl.lit("here")).otherwise(pl.lit("elsewhere")),
        is_simulated=True,
    )
    events = pl.DataFrame(
        {
            "event_id": "campaign", "event_name": "Campaign", "event_kind": "campaign",
            "starts_on": FIRST_MONDAY + dt.timedelta(weeks=BEGINS), "area_id": "here", "is_simulated": True,
        }
    )  # fmt: skip
    with warehouse.transaction():
        for table, rows in (("sites", sites), ("events", events)):
            warehouse.replace(table, filled(table, rows))


def found(scenario: Scenario, n_cities: int, seed: int, chunk: int = 100) -> pl.DataFrame:
    """The effects that were found by the protocol `permille`: a row a city and control."""
    rsds = load_uncertainties()
    key = [seed, round(1000 * scenario.ratio), round(1000 * scenario.correlation)]
    parts = []
    for part, stream in enumerate(np.random.SeedSequence(key).spawn(-(-n_cities // chunk))):
        measured = draw(np.random.default_rng(stream), scenario, min(chunk, n_cities - part * chunk), rsds)
        with tempfile.TemporaryDirectory() as folder, Warehouse.open(Path(folder) / "city.duckdb") as warehouse:
            fill(warehouse, measured, rsds)
            with warehouse.transaction():
                warehouse.replace("protocols", warehouse.read("protocols").filter(protocol="permille"))
            for table in ("consumption", "day_spreads", "site_periods"):
                estimates.compute(warehouse, table)
            parts.append(event_effects(warehouse))
    return pl.concat(parts)


def run(scenario: Scenario, n_cities: int, seed: int) -> pl.DataFrame:
    """One row a control: how many intervals hold the truth, and how many would be called, alone and beside placebos."""
    truth = 100 * (scenario.ratio - 1)
    is_alone = pl.col("p_value") < 0.05
    return (
        found(scenario, n_cities, seed)
        .group_by("event_control", maintain_order=True)
        .agg(
            (pl.col("state") != "estimated").mean().alias("refused"),
            pl.lit(truth).is_between(pl.col("ci_low_percent"), pl.col("ci_high_percent")).mean().alias("covered"),
            is_alone.mean().alias("alone"),
            (is_alone & (pl.col("placebo_p_value") <= 0.05)).mean().alias("beside_placebos"),
            ((pl.col("effect_percent") / 100 + 1).log().mean() - np.log(scenario.ratio)).alias("bias"),
            pl.col("smallest_detectable_fall_percent").median().alias("smallest"),
            pl.col("n_placebos").median().alias("n_placebos"),
        )
    )


def main() -> None:
    """Runs all scenarios and prints a table for docs/events.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cities", type=int, default=1000, help="cities a scenario (1000)")
    parser.add_argument("--seed", type=int, default=SEED, help=f"seed ({SEED})")
    chosen = parser.parse_args()
    began = time.perf_counter()
    print("| effect | weeks correlate | control | covered | called alone | beside placebos | bias | could be seen |")
    print("|---|---|---|---|---|---|---|---|")
    for scenario in SCENARIOS:
        for row in run(scenario, chosen.cities, chosen.seed).iter_rows(named=True):
            print(
                f"| {100 * (scenario.ratio - 1):+.0f} % | {scenario.correlation} | {row['event_control']} |"
                f" {100 * row['covered']:.1f} % | {100 * row['alone']:.1f} % | {100 * row['beside_placebos']:.1f} % |"
                f" {100 * row['bias']:+.1f} % | {row['smallest']:.0f} % |",
                flush=True,
            )
    print(f"\n{chosen.cities} cities a scenario, seed {chosen.seed}, {time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
