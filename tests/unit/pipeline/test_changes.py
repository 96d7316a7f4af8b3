"""The interval of a change, its verdict and its parts: published arithmetic, figures by hand, what must hold."""

import math
from datetime import timedelta

import numpy as np
import polars as pl
import pytest
from pydantic import ValidationError

from pipeline import estimates
from pipeline.changes import between
from pipeline.settings import Settings
from pipeline.statistics.intervals import half_width, log_interval, p_value
from pipeline.statistics.verdicts import adjusted_p_values, detectable_fall
from tests.unit.pipeline.test_estimates import LATER, MONDAY, city, flows, people, results, week

__all__ = ["city"]
BATCH, LABORATORY = 0.08, 0.10  # schemas/uncertainty/2026.csv
WEEK = [8.82, 12.87, 12.45, 28.11, 26.8, 10.5, 9.13]
HALF = [value / 2 for value in WEEK]


def of_batch(text: str, batch: str, laboratory: str = "Lab") -> str:
    """The same rows of another batch."""
    return text.replace(",Lab,B\n", f",{laboratory},{batch}\n")


def change(warehouse, protocol: str = "permille", level: str = "site", unit: str = "S1", periods=("2023", "2024")):
    rows = between(warehouse, *periods).changes.filter(
        pl.col("protocol") == protocol, pl.col("level") == level, pl.col("unit_id") == unit
    )
    assert rows.height == 1
    return rows.row(0, named=True)


# --- intervals -------------------------------------------------------------------------------------------------------


def test_a_published_change():
    """Montreal, benzoylecgonine, January to February 2022 (Statistics Canada): 1345.74 (SE 59.92) to 825.82 (54.64)."""
    ratio = np.array([825.82 / 1345.74])
    variance = np.array([(59.92 / 1345.74) ** 2 + (54.64 / 825.82) ** 2])
    for df, low, high in ((np.inf, -47.5, -28.3), (12.0, -48.4, -27.0)):
        found = log_interval(ratio, variance, np.array([df]), np.zeros(1))
        assert [round(100 * (float(end[0]) - 1), 1) for end in found] == [low, high]


def test_what_two_batches_leave_in_doubt_however_many_days():
    """10 % from batch to batch alone gives -24 to +32 %, 5 % -13 to +15 %."""
    for rsd, low, high in ((0.10, -24, 32), (0.05, -13, 15)):
        found = log_interval(np.ones(1), np.zeros(1), np.array([np.inf]), np.array([2 * rsd**2]))
        assert [round(100 * (float(end[0]) - 1)) for end in found] == [low, high]


@pytest.mark.parametrize(("n", "falls"), [(2, (25.5, 38.7, 62.5)), (7, (14.5, 23.0, 40.8)), (28, (7.6, 12.3, 23.0))])
def test_the_fall_that_so_many_days_can_see(n, falls):
    cv = np.array([0.15, 0.25, 0.50])
    found = 100 * detectable_fall(2 * cv**2 / n, np.full(3, np.inf), np.zeros(3))
    assert found.round(1).tolist() == pytest.approx(falls, abs=0.05)


def test_an_interval_leaves_out_no_change_exactly_where_p_is_below_one_in_twenty():
    rng = np.random.default_rng(1)
    days, df, other = rng.uniform(0, 0.1, 400), rng.uniform(1, 60, 400), rng.uniform(0, 0.1, 400)
    half = half_width(days, df, other)
    assert (p_value(half * 1.0001, days, df, other) < 0.05).all()
    assert (p_value(half * 0.9999, days, df, other) > 0.05).all()


def test_few_degrees_of_freedom_are_added_as_distributions():
    """t with two degrees of freedom and a normal rest, drawn: one in twenty lies beyond."""
    rng = np.random.default_rng(2)
    half = half_width(np.array([0.04]), np.array([2.0]), np.array([0.02]))[0]
    drawn = 0.2 * rng.standard_t(2, 400_000) + math.sqrt(0.02) * rng.standard_normal(400_000)
    assert (np.abs(drawn) > half).mean() == pytest.approx(0.05, abs=0.0015)


# --- what cancels ----------------------------------------------------------------------------------------------------


def test_the_same_batch_and_laboratory_cancel(city):
    with city(results=results(week(MONDAY, WEEK), week(LATER, HALF))) as warehouse:
        row = change(warehouse)
    assert row["change_percent"] == pytest.approx(-50)
    for part in ("batch", "laboratory", "flow", "population", "factor"):
        assert row[f"{part}_log_variance"] == pytest.approx(0, abs=1e-12), part
    # Two weeks about one rhythm: what is left of fourteen days is the same in both, nothing at all.
    assert row["ci_high_percent"] < -40
    assert row["verdict"] == "fall"


def test_another_batch_counts_in_both_periods_and_another_laboratory_besides(city):
    with city(results=results(of_batch(week(MONDAY, WEEK), "B1"), of_batch(week(LATER, HALF), "B2"))) as warehouse:
        row = change(warehouse)
    assert row["batch_log_variance"] == pytest.approx(2 * BATCH**2)
    assert row["laboratory_log_variance"] == pytest.approx(0, abs=1e-12)
    assert row["part_laboratory_percent"] == 0


def test_another_laboratory_cannot_be_told_from_the_concentration(city):
    days = results(of_batch(week(MONDAY, WEEK), "B1"), of_batch(week(LATER, HALF), "B2", "Other"))
    with city(results=days) as warehouse:
        row = change(warehouse)
    assert row["laboratory_log_variance"] == pytest.approx(2 * LABORATORY**2)
    assert row["part_laboratory_percent"] == pytest.approx(-50)
    assert row["part_concentration_percent"] == 0


def test_a_batch_of_many_sites_is_one_error(city):
    days = [
        of_batch(week(start, values, site=site), batch)
        for site in ("S1", "S2")
        for start, values, batch in ((MONDAY, WEEK, "B1"), (LATER, HALF, "B2"))
    ]
    with city(results=results(*days)) as warehouse:
        row = change(warehouse, level="network", unit="network")
    assert row["n_sites"] == 2
    assert row["batch_log_variance"] == pytest.approx(2 * BATCH**2)


def test_days_of_the_interval_are_those_of_both_weeks(city):
    """Two weeks with a rhythm between them: the spread of their differences, with six degrees of freedom."""
    rng = np.random.default_rng(3)
    before, after = (np.array(WEEK) * np.exp(0.3 * rng.standard_normal(7)) for _ in range(2))
    before, after = before.round(3), after.round(3)
    with city(results=results(week(MONDAY, before), week(LATER, after))) as warehouse:
        row = change(warehouse)
    difference = np.log(after / before)
    spread = np.std(difference, ddof=1) / math.sqrt(2)
    rhythm = np.exp((np.log(before * after) / 2) - (np.log(before * after) / 2).mean())
    of_mean = (rhythm**2).sum() / rhythm.sum() ** 2
    assert row["days_df"] == pytest.approx(6, rel=0.02)
    assert row["days_log_variance"] == pytest.approx(2 * np.expm1(spread**2) * of_mean, rel=0.03)
    assert row["change_percent"] == pytest.approx(100 * (after.mean() / before.mean() - 1))


# --- verdicts --------------------------------------------------------------------------------------------------------


def test_verdicts_are_judged_together_by_protocol_and_level(city):
    rng = np.random.default_rng(4)
    days = []
    for residue, ratio in (("METH", 0.4), ("MDMA", 0.75), ("ketamine", 1.0), ("amphetamine", 1.05), ("6-MAM", 0.95)):
        for start, scale in ((MONDAY, 1.0), (LATER, ratio)):
            noisy = np.array(WEEK) * scale * np.exp(0.2 * rng.standard_normal(7))
            days.append(of_batch(week(start, noisy.round(3), residue=residue), f"{start}"))
    with city(results=results(*days)) as warehouse:
        rows = between(warehouse, "2023", "2024").changes.filter(
            pl.col("protocol") == "permille", pl.col("level") == "site"
        )
        of_euda = change_of_drug(between(warehouse, "2023", "2024").changes, "euda", "methamphetamine")
    assert rows.height == 5
    expected = adjusted_p_values(rows["p_value"])
    assert rows["p_adjusted"].to_list() == pytest.approx(expected.to_list())
    assert (rows["p_adjusted"] >= rows["p_value"]).all()
    for row in rows.iter_rows(named=True):
        is_seen = row["p_adjusted"] <= 0.05
        sure = "fall" if row["change_percent"] < 0 else "rise"
        assert row["verdict"] == (sure if is_seen else "no change detected")
        assert row["ci_low_percent"] < row["change_percent"] < row["ci_high_percent"]
    assert change_of_drug(rows, "permille", "methamphetamine")["verdict"] == "fall"
    assert (of_euda["verdict"], of_euda["ci_low_percent"], of_euda["published_class"]) == (None, None, "decrease")


def change_of_drug(rows: pl.DataFrame, protocol: str, drug: str):
    return rows.filter(
        pl.col("protocol") == protocol, pl.col("drug") == drug, pl.col("level") == "site"
    ).row(0, named=True)  # fmt: skip


def test_a_protocol_with_t_of_its_days_has_the_interval_of_these_alone(city):
    days = results(of_batch(week(MONDAY, WEEK), "B1"), of_batch(week(LATER, HALF), "B2"))
    with city(results=days) as warehouse:
        row = change(warehouse, "statcan")
    cv = np.std(WEEK, ddof=1) / np.mean(WEEK) / math.sqrt(7)
    assert row["days_log_variance"] == pytest.approx(2 * cv**2)
    assert row["days_df"] == pytest.approx(12)
    assert row["batch_log_variance"] is None
    low, high = log_interval(np.array([0.5]), np.array([2 * cv**2]), np.array([12.0]), np.zeros(1))
    assert row["ci_low_percent"] == pytest.approx(100 * (low[0] - 1))
    assert row["ci_high_percent"] == pytest.approx(100 * (high[0] - 1))


def test_a_day_of_each_period_has_a_change_and_no_interval(city):
    with city(results=results(week(MONDAY, [10]), week(LATER, [5]))) as warehouse:
        row = change(warehouse)
    assert row["change_percent"] == pytest.approx(-50)
    assert (row["ci_low_percent"], row["verdict"], row["smallest_detectable_fall_percent"]) == (None, None, None)


# --- parts -----------------------------------------------------------------------------------------------------------

PARTS = ("concentration", "flow", "population", "factor", "laboratory", "reported", "panel")


def test_the_parts_add_up_to_the_naive_change(city):
    """Other flows and inhabitants in the second year, a site that is measured elsewhere then, and one that joins."""
    days = results(
        of_batch(week(MONDAY, WEEK), "B1"), of_batch(week(LATER, HALF), "B2"),
        of_batch(week(MONDAY, [40] * 7, site="S2"), "B1"), of_batch(week(LATER, [50] * 7, site="S2"), "B2", "Other"),
        of_batch(week(LATER, [5] * 7, site="S3"), "B2"),
    )  # fmt: skip
    poured = (
        flows("S1", "S2", years=(2023,)) + flows("S1", "S3", flow=1200, years=(2024,)).split("\n", 1)[1]
        + flows("S2", flow=900, years=(2024,)).split("\n", 1)[1]
    )  # fmt: skip
    counted = people(
        "S1 census 1000  2023-12-31", "S1 census 1100 2024-01-01 ", "S2 census 3000  2023-12-31",
        "S2 census 2900 2024-01-01 ", "S3 census 2000  ",
    )  # fmt: skip
    sites = "site_id,site_name,area_id,latitude,longitude\nS1,,A,,\nS2,,A,,\nS3,,A,,\n"
    with city(sites=sites, results=days, flows=poured, populations=counted) as warehouse:
        for protocol in ("permille", "euda", "half-loq"):
            row = change(warehouse, protocol, "network", "network")
            assert row["panel"] == "S1;S2"
            assert sum(row[f"part_{part}_percent"] for part in PARTS) == pytest.approx(row["naive_change_percent"])
        site = change(warehouse, unit="S1")
    assert site["part_laboratory_percent"] == 0
    assert site["part_panel_percent"] == pytest.approx(0)
    assert site["part_flow_percent"] > 0, "more flow at the same concentration is more of the drug"
    assert site["part_population_percent"] < 0, "more inhabitants share it"
    assert site["change_percent"] == pytest.approx(100 * (0.5 * 1.2 / 1.1 - 1))


def test_days_from_one_to_another_are_a_period(city):
    days = results(week(MONDAY, WEEK), week(MONDAY + timedelta(days=7), HALF))
    with city(results=days) as warehouse:
        row = change(warehouse, periods=("2023-03-06..2023-03-12", "2023-03-13..2023-03-19"))
    assert row["change_percent"] == pytest.approx(-50)
    assert (row["n_days_baseline"], row["n_days_current"]) == (7, 7)


# --- further baselines -----------------------------------------------------------------------------------------------


def compared(warehouse, **settings) -> list[tuple[str, str]]:
    return estimates.comparisons(warehouse, Settings(**settings))


def test_the_year_before_is_compared_beside_the_first(city):
    years = (2022, 2023, 2024)
    weeks = results(*(week(MONDAY.replace(year=year), WEEK) for year in years))
    with city(results=weeks, flows=flows("S1", years=years)) as warehouse:
        assert compared(warehouse) == [("2022", "2024"), ("2023", "2024")]
        assert compared(warehouse, also_against="") == [("2022", "2024")]
        assert compared(warehouse, also_against=" 2023 ,previous,2022") == [("2022", "2024"), ("2023", "2024")]
        pairs = estimates.compute_changes(warehouse, Settings())
        stored = {name: warehouse.read(name) for name in ("changes", "credibility")}
        for pair in pairs:
            alone = between(warehouse, *pair).changes
            assert (
                estimates.of_comparison(stored["changes"], pair).drop("credibility").equals(alone.drop("credibility"))
            )
            assert not estimates.of_comparison(stored["credibility"], pair).is_empty()
        assert stored["changes"].height == sum(
            estimates.of_comparison(stored["changes"], pair).height for pair in pairs
        )
        estimates.compute_robustness(warehouse, Settings())
        assert set(warehouse.read("robustness")["baseline_period"]) == {"2022"}


def test_a_word_without_data_is_passed_over_and_a_period_without_data_is_an_error(city):
    years = results(week(MONDAY, WEEK), week(MONDAY.replace(year=2025), WEEK))
    with city(results=years, flows=flows("S1", years=(2023, 2025))) as warehouse:
        assert compared(warehouse) == [("2023", "2025")], "there are no data in 2024"
        with pytest.raises(
            estimates.PeriodError, match=r"setting 'also_against', 2024: there are no data in the period"
        ):
            compared(warehouse, also_against="2024")


def test_one_year_is_compared_with_nothing(city):
    with city(results=results(week(MONDAY, WEEK))) as warehouse:
        assert compared(warehouse) == []
        assert estimates.compute_changes(warehouse, Settings()) == []
        assert warehouse.read("changes").is_empty()


def test_a_further_baseline_that_is_no_period_is_named():
    with pytest.raises(ValidationError, match="'lastyear' is no period: write"):
        Settings(also_against="previous, lastyear")
