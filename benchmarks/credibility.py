"""Do the tests of credibility find what else made a fall, and are they quiet where nothing did?

`make calibration-credibility`: cities of one warehouse, from measured concentrations on. Honest ones, and such in which
use has not changed but something else has.
"""

import argparse
import datetime as dt
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from benchmarks.calibration import RHYTHM, SEED, filled, lognormal_errors, rsd_of
from pipeline import changes, credibility, estimates
from pipeline.warehouse import Warehouse
from schemas.credibility import EXPLANATIONS
from schemas.reference_data import load_uncertainties

Floats = npt.NDArray[np.float64]

BASELINE, CURRENT = 2023, 2024
N_SITES = 6
DAYS_OF_CAMPAIGN = 7
MONTHS = (3, 6, 9, 12)
RESIDUES = ("methamphetamine", "cotinine", "caffeine")
LEVELS_NG_PER_L = (300.0, 2000.0, 20000.0)
DAILY_RSD = (0.30, 0.15, 0.15)
PROTOCOLS = ("permille", "euda")
"""Protocols that are told of: one with interval and matched weekdays, one with neither, and zero below limits."""


class Scenario(NamedTuple):
    """What happened to a city from one year to the next.

    Attributes:
        name: as in the table.
        check: the explanation that should be found; none in an honest city.
        ratio: what use changed by.
        months: in which there is a campaign.
    """

    name: str
    check: str | None
    ratio: float = 1.0
    months: tuple[int, ...] = MONTHS


SCENARIOS = (
    Scenario("honest, a fall of 40 %", None, 0.6),
    Scenario("honest, a fall of 15 %", None, 0.85),
    Scenario("honest, a fall of 40 %, one week a year", None, 0.6, (3,)),
    Scenario("honest, no change", None),
    Scenario("samples diluted to 55 %", "markers"),
    Scenario("half of the people gone, count unchanged", "markers"),
    Scenario("flow meter reads 55 %", "flow"),
    Scenario("limit raised twelvefold, six in ten below it", "limits"),
    Scenario("another laboratory, reads 60 %", "laboratory"),
    Scenario("count of people revised by 1.6", "population"),
    Scenario("a hundredfold day at the baseline", "single_day"),
    Scenario("whole weeks before, Monday to Thursday after", "weekdays"),
    Scenario("winter before, summer after", "months"),
    Scenario("a clean site joined, as large as all others", "panel"),
    Scenario("a month at the baseline reads threefold", "single_month"),
)
HONEST = [scenario for scenario in SCENARIOS if scenario.check is None]


class City(NamedTuple):
    """Cities as measured: arrays of city, site, year, campaign, day of the campaign, and of residue where it says so.

    Attributes:
        concentration: ng/L, of residue last.
        limit: LOQ of the drug, ng/L.
        flow: m3/day as metered.
        population: inhabitants as counted, of city, site, year.
        laboratory: 0 or 1, or 2 the one that came anew; of city, site, year.
        is_sampled: whether there was a sample.
        first_days: the Mondays of the campaigns, of year and campaign.
    """

    concentration: Floats
    limit: Floats
    flow: Floats
    population: Floats
    laboratory: npt.NDArray[np.int64]
    is_sampled: npt.NDArray[np.bool_]
    first_days: npt.NDArray[np.datetime64]


def draw(rng: np.random.Generator, scenario: Scenario, n: int) -> City:
    """Cities of six sites, a week in each of four months of two years: errors as the set of uncertainties states them.

    Flows move with the weather of the day, which a city shares, and concentrations against them; counts of people
    move by 2 %, one sample in twenty is missing.
    """
    rsds = load_uncertainties()
    n_sites = N_SITES + (scenario.check == "panel")
    shape = (n, n_sites, 2, len(scenario.months), DAYS_OF_CAMPAIGN)
    people = np.exp(rng.normal(11, 0.7, (n, n_sites, 1, 1, 1)))
    growth = np.cumprod(np.exp(0.02 * rng.standard_normal((n, n_sites, 2, 1, 1))), axis=2)
    people = people * growth
    if scenario.check == "panel":
        people[:, -1] = people[:, :-1].sum(axis=1)
    is_current = np.array([0, 1]).reshape(1, 1, 2, 1, 1)
    rhythm = RHYTHM * (2.5 if scenario.check == "weekdays" else 1)
    apart = 0.1 * rng.standard_normal((n, n_sites, 1, 1, 1)) if scenario.ratio != 1 else 0
    drift = is_current * (np.log(scenario.ratio) + apart)
    level = 0.5 * rng.standard_normal((n, n_sites, 1, 1, 1))
    if scenario.check == "panel":
        level[:, -1] = np.log(0.1)
    l_per_head = rng.uniform(150, 400, (n, n_sites, 1, 1, 1))
    weather = lognormal_errors(rng, 0.15, (n, 1, 2, len(scenario.months), DAYS_OF_CAMPAIGN)) * lognormal_errors(
        rng, 0.10, (n, 1, 2, len(scenario.months), 1)
    )
    true_flow = people * l_per_head / 1000 * weather * lognormal_errors(rng, 0.05, shape)
    laboratory = np.broadcast_to((np.arange(n_sites) % 2).reshape(1, n_sites, 1), (n, n_sites, 2)).copy()
    present = people * (np.where(is_current == 1, 0.5, 1) if "people gone" in scenario.name else 1)
    measured = []
    for middle, rsd in zip(LEVELS_NG_PER_L, DAILY_RSD, strict=True):
        is_drug = middle == LEVELS_NG_PER_L[0]
        # By mass a head, so that rain dilutes what the same people leave.
        mass = (
            middle
            * 0.25
            * present
            * np.exp(level + drift + rhythm if is_drug else 0)
            * lognormal_errors(rng, rsd, shape)
        )
        batch = lognormal_errors(rng, rsd_of(rsds, "batch"), (n, 2, 2, len(scenario.months), 1))
        lasting = lognormal_errors(rng, rsd_of(rsds, "laboratory"), (n, 2, 1, 1, 1))
        errors = (batch * lasting)[:, np.arange(n_sites) % 2]
        measured.append(mass / true_flow * errors)
    concentration = np.stack(measured, axis=-1)
    flow = true_flow * lognormal_errors(rng, rsd_of(rsds, "flow"), (n, n_sites, 1, 1, 1))
    limit = np.broadcast_to(0.1 * np.median(concentration[..., 0], axis=(2, 3, 4), keepdims=True), shape).copy()
    is_sampled = rng.random(shape) > 0.05
    population = people[:, :, :, 0, 0].copy()
    months = np.array([scenario.months, scenario.months])
    if "diluted" in scenario.name:
        concentration[:, :, 1] *= 0.55
    elif scenario.check == "flow":
        flow[:, :, 1] *= 0.55
    elif scenario.check == "limits":
        limit[:, :, 1] *= 12
    elif scenario.check == "laboratory":
        concentration[:, :, 1] *= 0.6
        laboratory[:, :, 1] = 2
    elif scenario.check == "population":
        population[:, :, 1] *= 1.6
    elif scenario.check == "single_day":
        largest = population[:, :, 0].argmax(axis=1)
        concentration[np.arange(n), largest, 0, 1, 4, 0] *= 100
        is_sampled[np.arange(n), largest, 0, 1, 4] = True
    elif scenario.check == "single_month":
        concentration[:, :, 0, 1, :, 0] *= 3
    elif scenario.check == "weekdays":
        is_sampled[:, :, 1, :, 4:] = False
    elif scenario.check == "months":
        months = np.array([(1, 1, 2, 3), (7, 7, 8, 9)])
    elif scenario.check == "panel":
        is_sampled[:, -1, 0] = False
    first_days = np.array(
        [[_monday(year, month, 1 + (k > 0 and month == of[k - 1])) for k, month in enumerate(of)]
         for year, of in zip((BASELINE, CURRENT), months.tolist(), strict=True)],
        dtype="datetime64[D]",
    )  # fmt: skip
    return City(concentration, limit, flow, population, laboratory, is_sampled, first_days)


def _monday(year: int, month: int, nth: int) -> dt.date:
    first = dt.date(year, month, 1)
    return first + dt.timedelta(days=-first.weekday() % 7 + 7 * (nth - 1) + 7)


def _rows(city: City, prefix: str) -> dict[str, pl.DataFrame]:
    """Rows of the tables that deliveries fill: each city is an area of its own, whose number follows the prefix."""
    of = pl.DataFrame(
        dict(
            zip(
                ("city", "site", "year", "campaign", "day"),
                (i.ravel() for i in np.indices(city.flow.shape)),
                strict=True,
            )
        )
    )
    days = of.with_columns(
        sampled_on=city.first_days[of["year"], of["campaign"]] + of["day"].to_numpy().astype("timedelta64[D]"),
        flow_m3_per_day=city.flow.ravel(), loq_ng_per_l=city.limit.ravel(), is_sampled=city.is_sampled.ravel(),
        laboratory=city.laboratory[of["city"], of["site"], of["year"]],
        **{name: city.concentration[..., k].ravel() for k, name in enumerate(RESIDUES)},
    ).with_columns(
        pl.col("sampled_on").cast(pl.Date),
        site_id=pl.format("{}{}-{}", pl.lit(prefix), "city", "site"),
        area_id=pl.format("{}{}", pl.lit(prefix), "city"),
        delivery_id=pl.lit("0" * 64),
        batch=pl.format("{}-{}", "year", "campaign"),
        laboratory=pl.format("Lab {}{}-{}", pl.lit(prefix), "city", "laboratory"),
        is_simulated=True,
    ).with_columns(sampling_year=pl.col("sampled_on").dt.year())  # fmt: skip
    sampled = days.filter("is_sampled")
    results = sampled.unpivot(
        RESIDUES,
        index=[
            "site_id", "sampled_on", "sampling_year", "laboratory", "batch", "loq_ng_per_l", "delivery_id",
            "is_simulated",
        ],
        variable_name="residue", value_name="concentration_ng_per_l",
    )  # fmt: skip
    is_drug = pl.col("residue") == RESIDUES[0]
    is_below = is_drug & (pl.col("concentration_ng_per_l") < pl.col("loq_ng_per_l"))
    results = results.with_columns(loq_ng_per_l=pl.when(is_drug).then("loq_ng_per_l").otherwise(1.0)).with_columns(
        qualifier=pl.when(is_below).then(pl.lit("<LOQ")).otherwise(pl.lit("=")),
        concentration_ng_per_l=pl.when(~is_below).then("concentration_ng_per_l"),
    )
    counted = (
        days.group_by("site_id", "city", "site", "year", maintain_order=True)
        .agg(pl.col("delivery_id", "is_simulated").first())
        .with_columns(population_method=pl.lit("census"))
    )
    counted = counted.with_columns(
        population=city.population[counted["city"], counted["site"], counted["year"]],
        valid_from=pl.date(BASELINE + pl.col("year"), 1, 1), valid_to=pl.date(BASELINE + pl.col("year"), 12, 31),
    )  # fmt: skip
    sites = days.select("site_id", "area_id", "delivery_id", "is_simulated").unique(maintain_order=True)
    areas = sites.select("area_id", "delivery_id", "is_simulated").unique(maintain_order=True)
    return {"results": results, "flows": sampled, "populations": counted, "sites": sites, "areas": areas}


def fill(warehouse: Warehouse, cities: Mapping[str, City]) -> None:
    """Puts cities, by the prefix of their areas, into the tables that deliveries fill, and computes consumption."""
    delivery = pl.DataFrame(
        {"delivery_id": ["0" * 64], "received_at": [dt.datetime(CURRENT, 12, 31)], "is_simulated": [True]}  # noqa: DTZ001
    )
    each = [_rows(city, prefix) for prefix, city in cities.items()]
    tables = {"deliveries": delivery, **{table: pl.concat(rows[table] for rows in each) for table in each[0]}}
    estimates.load_reference(warehouse)
    with warehouse.transaction():
        for table, rows in tables.items():
            warehouse.replace(table, filled(table, rows))
        protocols = warehouse.read("protocols")
        warehouse.replace("protocols", protocols.filter(pl.col("protocol").is_in(PROTOCOLS)))
    for table in ("population_estimates", "loads", "consumption", "day_spreads"):
        estimates.compute(warehouse, table)


def judged(scenarios: Sequence[Scenario], n_cities: int, seed: int) -> dict[str, credibility.Judged]:
    """The changes of methamphetamine in each city, an area, with all tests of them, by the names of the scenarios.

    All cities share one warehouse, so the false discovery rate is controlled over all of them together.
    """
    numbers = [SCENARIOS.index(scenario) for scenario in scenarios]
    streams = [np.random.default_rng([seed, number]) for number in numbers]
    cities = {
        f"{number}-": draw(stream, scenario, n_cities)
        for number, stream, scenario in zip(numbers, streams, scenarios, strict=True)
    }
    with tempfile.TemporaryDirectory() as folder, Warehouse.open(Path(folder) / "cities.duckdb") as warehouse:
        fill(warehouse, cities)
        both = credibility.judged(warehouse, changes.between(warehouse, str(BASELINE), str(CURRENT)))
    is_city = (pl.col("level") == "area") & (pl.col("drug") == RESIDUES[0])
    return {
        scenario.name: credibility.Judged(
            *(table.filter(is_city, pl.col("unit_id").str.starts_with(f"{number}-")) for table in both)
        )
        for number, scenario in zip(numbers, scenarios, strict=True)
    }


IS_FOUND = pl.col("outcome").is_in(["set aside", "part of it", "all of it"])


def main() -> None:
    """Runs all scenarios and prints tables for docs/credibility.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cities", type=int, default=200, help="cities a scenario (200)")
    parser.add_argument("--seed", type=int, default=SEED, help=f"seed ({SEED})")
    chosen = parser.parse_args()
    began = time.perf_counter()
    runs = {scenario: judged([scenario], chosen.cities, chosen.seed)[scenario.name] for scenario in SCENARIOS}
    head = (
        "what happened", "protocol", "compared", "change, middle", "looked for", "found", "called fall or rise",
        "stands", "with reservations", "not supported",
    )  # fmt: skip
    print(f"| {' | '.join(head)} |\n{'|---' * len(head)}|")
    for scenario, run in runs.items():
        for protocol in PROTOCOLS:
            rows = run.changes.filter(protocol=protocol, state="estimated")
            tests = run.credibility.filter(protocol=protocol, explanation=scenario.check or "")
            overall = dict(rows["credibility"].value_counts().iter_rows())
            print(
                f"| {scenario.name} | {protocol} | {rows.height} | {rows['change_percent'].median():+.0f} % |"
                f" {scenario.check or ''} | {tests.filter(IS_FOUND).height if scenario.check else ''} |"
                f" {rows.filter(pl.col('verdict').is_in(['fall', 'rise'])).height} |"
                f" {overall.get('stands', 0)} | {overall.get('stands with reservations', 0)} |"
                f" {overall.get('not supported', 0)} |"
            )  # fmt: skip
    print("\n| test | " + " | ".join(f"{s.name}, {p}" for s in HONEST for p in PROTOCOLS) + " |")
    print("|---" * (1 + len(HONEST) * len(PROTOCOLS)) + "|")
    for explanation in EXPLANATIONS:
        cells = [
            runs[scenario].credibility.filter(protocol=protocol, explanation=explanation)
            for scenario in HONEST
            for protocol in PROTOCOLS
        ]
        print(
            f"| {explanation} | "
            + " | ".join(
                "not tested" if (c["outcome"] == "not tested").all() else str(c.filter(IS_FOUND).height) for c in cells
            )
            + " |"
        )
    print(f"\n{chosen.cities} cities a scenario, seed {chosen.seed}, {time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
