"""The table of trends: which periods, which sites, which test, and in whose words it is told."""

from datetime import date

import numpy as np
import polars as pl
import pytest

from pipeline.statistics.steps import steps
from pipeline.statistics.trends import mann_kendall
from pipeline.trends import trends
from tests.unit.pipeline.test_estimates import city, flows, results, week

__all__ = ["city"]
YEARS = range(2017, 2025)
LEVELS = (40, 38, 35, 36, 30, 28, 29, 20)


def weeks(levels=LEVELS, site: str = "S1", years=YEARS) -> list[str]:
    """A week of March in each year, all days alike."""
    return [week(date(year, 3, 4), [level] * 7, site=site) for year, level in zip(years, levels, strict=True)]


def of(warehouse, level: str = "network", protocol: str = "permille", kind: str = "year", method: str = "mann_kendall"):
    rows = trends(warehouse).filter(
        pl.col("drug") == "methamphetamine", level=level, protocol=protocol, period_kind=kind, method=method
    )
    return rows.to_dicts()


def test_a_slope_is_one_a_year_and_of_the_middle(city):
    with city(results=results(*weeks()), flows=flows("S1", "S2", years=YEARS)) as warehouse:
        (row,) = of(warehouse, "site")
    expected = mann_kendall(np.array([LEVELS], dtype=float) / 0.43, np.array(YEARS, dtype=float))
    assert (row["first_period"], row["last_period"], row["n_periods"]) == ("2017", "2024", 8)
    assert row["slope_mg_per_day_per_1000_per_year"] == pytest.approx(expected.slope[0])
    assert row["ci_low_mg_per_day_per_1000_per_year"] == pytest.approx(expected.slope_low[0])
    assert row["slope_percent_per_year"] == pytest.approx(100 * expected.slope[0] / (np.median(LEVELS) / 0.43))
    assert row["p_value"] == pytest.approx(expected.p_value[0])
    assert (row["direction"], row["is_preferred"]) == ("falling", True)


def test_an_area_is_followed_over_the_sites_of_all_periods(city):
    """A clean site that is there from the fifth year on moves the mean of those available, and not the trend."""
    joined = weeks([1] * 4, "S2", years=range(2021, 2025))
    with city(results=results(*weeks(), *joined), flows=flows("S1", "S2", years=YEARS)) as warehouse:
        (site,) = [row for row in of(warehouse, "site") if row["unit_id"] == "S1"]
        (network,) = of(warehouse)
    assert network["n_sites"] == 1
    assert network["slope_mg_per_day_per_1000_per_year"] == pytest.approx(site["slope_mg_per_day_per_1000_per_year"])


def test_four_periods_are_too_few(city):
    some = weeks(LEVELS[:4], years=range(2021, 2025))
    with city(results=results(*some), flows=flows("S1", "S2", years=YEARS)) as warehouse:
        (row,) = of(warehouse, "site")
    assert (row["direction"], row["reason"], row["p_value"]) == ("not estimable", "too_few_periods", None)


def test_a_gap_of_years_is_a_gap(city):
    """Slopes are per year, whatever lies between the points."""
    years = (2010, 2011, 2012, 2020, 2021, 2022)
    levels = (10, 11, 12, 20, 21, 22)
    with city(results=results(*weeks(levels, years=years)), flows=flows("S1", "S2", years=years)) as warehouse:
        (row,) = of(warehouse, "site")
    assert row["slope_mg_per_day_per_1000_per_year"] == pytest.approx(1 / 0.43)


def test_years_below_limits_are_points_below_theirs(city):
    below = [week(date(year, 3, 4), ["<2"] * 7, limits="1,2") for year in (2023, 2024)]
    with city(
        results=results(*weeks(LEVELS[:6], years=range(2017, 2023)), *below), flows=flows("S1", years=YEARS)
    ) as wh:
        (row,) = of(wh, "site", method="akritas_theil_sen")
        assert of(wh, "site") == []
    assert (row["n_periods"], row["n_censored_periods"], row["is_preferred"]) == (8, 2, True)
    assert row["direction"] == "falling"
    assert row["slope_mg_per_day_per_1000_per_year"] < -2


def test_quarters_are_compared_with_quarters_of_their_own(city):
    """A season of tenfold use hides a fall from a test that knows no seasons."""
    days = [
        week(date(year, month, 4), [level * (10 if month == 8 else 1)] * 7)
        for year, level in zip(YEARS, LEVELS, strict=True)
        for month in (3, 8)
    ]
    of_days = "site_id,date,flow_m3_per_day\n" + "".join(
        f"S1,{date(year, month, day)},1000\n" for year in YEARS for month in (3, 8) for day in range(4, 11)
    )
    with city(results=results(*days), flows=of_days) as warehouse:
        (seasonal,) = of(warehouse, "site", kind="quarter", method="seasonal_kendall")
        (plain,) = of(warehouse, "site", kind="quarter")
    assert (seasonal["direction"], seasonal["is_preferred"]) == ("falling", True)
    assert (plain["direction"], plain["is_preferred"]) == ("no trend detected", False)


@pytest.mark.parametrize("n", [24, 36, 120])
def test_steps_are_found_where_there_are_some(n):
    rng = np.random.default_rng(n)
    flat = [bool(steps(rng.standard_normal(n))) for _ in range(300)]
    stepped = [steps(np.repeat([0.0, 4.0], n // 2) + rng.standard_normal(n)) for _ in range(300)]
    assert np.mean(flat) < 0.08
    found = [places[0] for places in stepped if places]
    assert len(found) > 250
    assert np.mean([abs(place - n // 2) <= 1 for place in found]) > 0.9


def test_equal_points_have_no_step():
    assert steps(np.zeros(20)) == []
    assert steps(np.arange(5.0)) == []
