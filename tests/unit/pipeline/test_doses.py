"""Periods in doses, as a mass, and per inhabitant aged 15 to 64; totals over drugs in doses only. Figures by hand."""

from functools import partial

import polars as pl
import pytest

from pipeline import estimates
from tests.conftest import MEANS
from tests.unit.pipeline.test_estimates import FACTOR, MONDAY, people, results, week
from tests.unit.pipeline.test_estimates import city as city_of_estimates

__all__ = ["city_of_estimates"]
SITES = "site_id,site_name,area_id,latitude,longitude,share_aged_15_to_64\nS1,,A,,,{}\nS2,,A,,,{}\n"
COCAINE = (303.35 / 289.33) / 0.29


@pytest.fixture
def city(city_of_estimates):
    """The city of the estimates, with the totals of doses."""
    return partial(city_of_estimates, (*MEANS, "dose_totals"))


def one(warehouse, table, **where):
    chosen = {"protocol": "permille", "period": "2023"} | where
    rows = warehouse.read(table).filter(*(pl.col(name) == value for name, value in chosen.items()))
    assert rows.height == 1
    return rows.row(0, named=True)


def test_a_mean_in_doses_and_as_a_mass(city):
    """10 ng/L in 1000 m3/day is 10 mg/day of 1000 inhabitants; 30 mg are one dose of methamphetamine."""
    with city(results=results(week(MONDAY, [10] * 7))) as warehouse:
        row = one(warehouse, "site_periods", site_id="S1")
        load = one(warehouse, "site_periods", site_id="S1", protocol="euda")
    mean = 10 * FACTOR
    assert row["doses_per_day_per_1000"] == pytest.approx(mean / 30)
    assert row["ci_low_doses_per_day_per_1000"] == pytest.approx(row["ci_low_mg_per_day_per_1000"] / 30)
    assert row["mass_mg_per_day"] == pytest.approx(mean)
    width = row["ci_high_mg_per_day_per_1000"] / row["ci_low_mg_per_day_per_1000"]
    assert row["ci_high_mg_per_day"] / row["ci_low_mg_per_day"] < width, "the inhabitants cancel in a mass"
    assert load["doses_per_day_per_1000"] is None


def test_per_inhabitant_aged_15_to_64_where_the_share_is_given(city):
    """S1 of 1000, 80 % of that age; S2 of 3000, 60 %: 800 and 1800."""
    days = results(week(MONDAY, [10] * 7), week(MONDAY, [30] * 7, "S2"))
    with city(
        results=days, populations=people("S1 census 1000  ", "S2 census 3000  "), sites=SITES.format(0.8, 0.6)
    ) as w:
        site = one(w, "site_periods", site_id="S1")
        network = one(w, "area_periods", level="network")
    name = "mean_mg_per_day_per_1000_aged_15_to_64"
    assert site[name] == pytest.approx(10 * FACTOR / 0.8)
    assert network[name] == pytest.approx((10 + 30) * FACTOR / 2.6)


def test_an_area_with_a_site_that_states_no_share_has_none(city):
    days = results(week(MONDAY, [10] * 7), week(MONDAY, [30] * 7, "S2"))
    with city(results=days, sites=SITES.format(0.8, "")) as warehouse:
        assert one(warehouse, "area_periods", level="network")["mean_mg_per_day_per_1000_aged_15_to_64"] is None


def test_a_total_adds_doses_and_says_of_what(city):
    """Methamphetamine 10 mg of residue, cocaine 20: in doses of 30 and 100 mg. Ketamine has no dose."""
    days = results(
        week(MONDAY, [10] * 7), week(MONDAY, [20] * 7, residue="BE"), week(MONDAY, [5] * 7, residue="KET")
    )  # fmt: skip
    with city(results=days) as warehouse:
        total = one(warehouse, "dose_totals", level="network")
    assert total["doses_per_day_per_1000"] == pytest.approx(10 * FACTOR / 30 + 20 * COCAINE / 100)
    assert (total["drugs"], total["n_drugs"]) == (["cocaine", "methamphetamine"], 2)
    assert "ketamine" in total["drugs_left_out"]
    assert total["is_provisional"]


def test_a_total_over_other_sites_for_each_drug_says_so(city):
    """Methamphetamine at both sites, cocaine at one: no group of people used that much."""
    days = results(week(MONDAY, [10] * 7), week(MONDAY, [10] * 7, "S2"), week(MONDAY, [10] * 7, residue="BE"))
    with city(results=days) as warehouse:
        area = one(warehouse, "dose_totals", level="network", period="2023", protocol="permille")
        site = one(warehouse, "dose_totals", level="site", unit_id="S1", period="2023", protocol="permille")
    assert (area["n_sites_with_all"], area["n_sites_with_some"], area["reason"]) == (1, 2, "sites_differ")
    assert area["doses_per_day_per_1000"] is not None
    assert (site["n_sites_with_all"], site["n_sites_with_some"], site["reason"]) == (1, 1, None)


def test_a_drug_the_factor_set_does_not_know_is_named(city):
    """By a set without cocaine a total is one without cocaine."""
    days = results(week(MONDAY, [10] * 7), week(MONDAY, [10] * 7, residue="BE"))
    with city(results=days) as warehouse:
        factors = warehouse.read("factors")
        others = factors.filter(pl.col("drug") != "cocaine").with_columns(factor_set=pl.lit("few"))
        doses = warehouse.read("doses").with_columns(factor_set=pl.lit("few"))
        with warehouse.transaction():
            warehouse.replace("factors", pl.concat([factors, others]))
            warehouse.replace("doses", pl.concat([warehouse.read("doses"), doses]))
            few = warehouse.read("protocols").filter(pl.col("protocol") == "permille").with_columns(
                protocol=pl.lit("few"), factor_set=pl.lit("few")
            )  # fmt: skip
            warehouse.replace("protocols", pl.concat([warehouse.read("protocols"), few]))
        for table in ("consumption", "day_spreads", "site_periods", "area_periods", "dose_totals"):
            estimates.compute(warehouse, table)
        found = one(warehouse, "dose_totals", level="network", period="2023", protocol="few")
    assert found["drugs"] == ["methamphetamine"]
    assert (found["drugs_left_out"], found["reasons_left_out"]) == (["cocaine"], ["no_factor"])


def test_a_provisional_dose_is_told_beside_the_doses(city):
    with city(results=results(week(MONDAY, [10] * 7))) as warehouse:
        for table in ("site_periods", "area_periods"):
            rows = warehouse.read(table).filter(pl.col("protocol") == "permille")
            assert rows["dose_status"].unique().to_list() == [
                warehouse.read("doses").filter(drug="methamphetamine", factor_set="2026")["dose_status"].item()
            ]
