"""The table of trends: which periods, which sites, which test, and in whose words it is told."""

from datetime import date

import numpy as np
import polars as pl
import pytest
from scipy.special import ndtr

from pipeline.series import series
from pipeline.statistics.steps import steps
from pipeline.statistics.trends import mann_kendall
from pipeline.trends import trends
from tests.unit.pipeline.test_estimates import city, flows, people, results, week

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
    assert (network["n_sites"], network["n_sites_left_out"], network["panel"]) == (1, 1, "S1")
    assert (network["n_periods"], network["n_periods_left_out"], network["panel_share"]) == (8, 0, 0.5)
    assert network["slope_mg_per_day_per_1000_per_year"] == pytest.approx(site["slope_mg_per_day_per_1000_per_year"])
    assert (site["panel"], site["n_sites_left_out"], site["panel_share"]) == ("S1", 0, 1)


def test_a_year_that_one_site_lacks_is_dropped_rather_than_the_site(city):
    """Two sites times seven years are more than one times eight: the weights are those of the first year of seven."""
    people_of = people("S1 census 1000  ", "S2 census 3000  2019-12-31", "S2 census 9000 2020-01-01 ")
    others = weeks([20] * 7, "S2", years=range(2018, 2025))
    with city(
        results=results(*weeks(), *others), flows=flows("S1", "S2", years=YEARS), populations=people_of
    ) as warehouse:
        (network,) = of(warehouse)
    assert (network["panel"], network["n_sites_left_out"], network["panel_share"]) == ("S1;S2", 0, 1)
    assert (network["first_period"], network["n_periods"], network["n_periods_left_out"]) == ("2018", 7, 1)
    # Of a load of 20 in 1,000 m3 and 3,000 or 9,000 inhabitants: so much for each 1,000 of them.
    of_s2 = np.array([20 / 3] * 2 + [20 / 9] * 5) / 0.43
    expected = mann_kendall((np.array([LEVELS[1:]]) / 0.43 + 3 * of_s2) / 4, np.arange(2018.0, 2025))
    assert network["slope_mg_per_day_per_1000_per_year"] == pytest.approx(expected.slope[0])
    assert network["p_value"] == pytest.approx(expected.p_value[0])


def test_a_small_site_that_is_always_there_does_not_speak_for_its_area(city):
    few = people("S1 census 1000  ", "S2 census 3000  ")
    joined = weeks([1] * 4, "S2", years=range(2021, 2025))
    with city(results=results(*weeks(), *joined), flows=flows("S1", "S2", years=YEARS), populations=few) as warehouse:
        (network,) = of(warehouse)
        (alike,) = of(warehouse, protocol="euda")
    assert (network["reason"], network["direction"]) == ("panel_too_small", "not estimable")
    assert (network["panel_share"], network["p_value"], network["n_periods"]) == (0.25, None, 8)
    # Where sites weigh alike, one of two is half of them.
    assert (alike["panel_share"], alike["direction"]) == (0.5, "falling")


def test_an_area_of_unknown_inhabitants_says_so(city):
    """Reported loads per 1000 need no inhabitants at the site, and a mean over sites does."""
    days = "".join(f"S1,{year}-03-04,METH,{level}\n" for year, level in zip(YEARS, LEVELS, strict=True))
    per_head = "place,day,substance,load\n" + days
    with city(reported=per_head, flows=flows("S2"), populations=people("S2 census 1000  ")) as warehouse:
        rows = of(warehouse, protocol="statcan")
    assert [(row["reason"], row["n_sites"], row["n_sites_left_out"], row["panel"]) for row in rows] == [
        ("no_population", 0, 1, "")
    ]


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


@pytest.mark.parametrize(("limit", "n_censored"), [(0.5, 0), (8, 2)])
def test_a_site_below_its_limits_is_between_bounds_in_its_area(city, limit, n_censored):
    """Between nothing and its limit: where that matters little, the middle of the area stands; else a limit."""
    plain = weeks(LEVELS[:6], "S2", years=range(2017, 2023))
    below = [
        week(date(year, 3, 4), [f"<{limit}"] * 7, site="S2", limits=f"{limit / 2},{limit}") for year in (2023, 2024)
    ]
    method = "akritas_theil_sen" if n_censored else "mann_kendall"
    with city(results=results(*weeks(), *plain, *below), flows=flows("S1", "S2", years=YEARS)) as warehouse:
        (network,) = of(warehouse, method=method)
        points = warehouse.query(
            "select at_least_mg_per_day_per_1000 as least, at_most_mg_per_day_per_1000 as most from site_periods"
            " where site_id = 'S2' and drug = 'methamphetamine' and protocol = 'permille' and period_kind = 'year'"
            " and period >= '2023' order by period"
        )
    assert (network["n_sites"], network["n_periods"], network["n_censored_periods"]) == (2, 8, n_censored)
    assert (network["is_preferred"], network["direction"]) == (True, "falling")
    of_s1 = np.array(LEVELS) / 0.43
    assert points["most"].to_list() == pytest.approx([limit / 0.43] * 2)
    if n_censored == 0:
        middle = (points["least"].to_numpy() + points["most"].to_numpy()) / 2
        expected = mann_kendall(((of_s1 + np.append(of_s1[:6], middle)) / 2)[np.newaxis], np.array(YEARS, dtype=float))
        assert network["slope_mg_per_day_per_1000_per_year"] == pytest.approx(expected.slope[0])


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
        (wider,) = of(warehouse, "site", kind="quarter", method="hirsch_slack")
        (plain,) = of(warehouse, "site", kind="quarter")
    assert (seasonal["direction"], seasonal["is_preferred"]) == ("falling", False)
    assert (plain["direction"], plain["is_preferred"]) == ("no trend detected", False)
    # Both seasons fall by the same steps, as if there were one: of eight years the one that allows for it is preferred.
    assert (wider["direction"], wider["is_preferred"]) == ("falling", True)
    (alone,) = mann_kendall(np.array([LEVELS], dtype=float), np.arange(8.0)).variance
    assert 2 * ndtr(-(abs(seasonal["tau"]) * 56 - 1) / np.sqrt(4 * alone)) == pytest.approx(wider["p_value"])


def test_of_seven_years_the_plain_seasonal_test_is_preferred(city):
    """So few tell nothing of the correlation between seasons."""
    days = [
        week(date(year, month, 4), [level] * 7)
        for year, level in zip(YEARS[:7], LEVELS[:7], strict=True)
        for month in (3, 8)
    ]
    of_days = "site_id,date,flow_m3_per_day\n" + "".join(
        f"S1,{date(year, month, day)},1000\n" for year in YEARS for month in (3, 8) for day in range(4, 11)
    )
    with city(results=results(*days), flows=of_days) as warehouse:
        (seasonal,) = of(warehouse, "site", kind="quarter", method="seasonal_kendall")
        assert of(warehouse, "site", kind="quarter", method="hirsch_slack") == []
    assert seasonal["is_preferred"]


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


def test_a_series_has_a_smooth_curve_from_six_means_on(city):
    with city(results=results(*weeks()), flows=flows("S1", "S2", years=YEARS)) as warehouse:
        long = series(warehouse, "site", "methamphetamine", "permille", "year").filter(unit_id="S1")
        short = series(warehouse, "site", "methamphetamine", "permille", "year", first="2020").filter(unit_id="S1")
    curve, low, high = (long[f"smooth_{end}mg_per_day_per_1000"] for end in ("", "low_", "high_"))
    assert ((low < curve) & (curve < high)).all()
    assert curve.to_list() == pytest.approx((np.array(LEVELS) / 0.43).tolist(), rel=0.25)
    assert short["smooth_mg_per_day_per_1000"].null_count() == short.height == 5


def test_years_that_say_nothing_are_counted(city):
    """Four years below a limit nobody states: the trend of the four before is not one of eight."""
    silent = [week(date(year, 3, 4), ["<LOQ"] * 7, limits=",") for year in range(2022, 2025)]
    days = results(*weeks(LEVELS[:5], years=YEARS[:5]), *silent)
    with city(results=days, flows=flows("S1", "S2", years=YEARS)) as warehouse:
        (row,) = of(warehouse, "site")
        (network,) = of(warehouse)
    for found in (row, network):
        assert (found["n_periods"], found["n_periods_left_out"], found["last_period"]) == (5, 3, "2021")


@pytest.mark.parametrize("panel", ["available", "complete"])
def test_a_series_says_what_limits_allow_of_the_sites_it_leaves_out(city, panel):
    """S1 falls from 100 to below 1 while S2 stays: the mean of those with a figure stays, that of both does not."""
    days = results(*weeks((100, 100), "S2", (2023, 2024)), *weeks((100,), "S1", (2023,)))
    days += week(date(2024, 3, 4), ["<LOQ"] * 7)
    with city(results=days) as warehouse:
        rows = series(warehouse, "network", "methamphetamine", "permille", "year", panel=panel)
    factor = rows["mean_mg_per_day_per_1000"][1] / 100
    assert rows["mean_mg_per_day_per_1000"].to_list() == pytest.approx([100 * factor] * 2)
    assert rows["n_sites_left_out"].to_list() == ([1, 1] if panel == "complete" else [0, 1])
    assert rows["at_least_mg_per_day_per_1000"].to_list() == pytest.approx([100 * factor, 50 * factor])
    assert rows["at_most_mg_per_day_per_1000"].to_list() == pytest.approx([100 * factor, 50.5 * factor])
