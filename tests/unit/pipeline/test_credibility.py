"""Tests of other explanations: each finds its own artefact, leaves alone what is none, says how much it makes."""

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from benchmarks.credibility import IS_FOUND, SCENARIOS
from benchmarks.credibility import judged as judged_cities
from dashboards.credibility import evidence
from pipeline.changes import between
from pipeline.credibility import judged
from schemas.credibility import EXPLANATIONS
from tests.unit.pipeline.test_changes import HALF, WEEK, of_batch
from tests.unit.pipeline.test_estimates import LATER, MONDAY, city, flows, people, results, week

__all__ = ["city"]
NOISY = [7.9, 14.1, 11.6, 30.5, 24.9, 11.4, 8.6]
"""A second week much as `WEEK`."""


def found_by(warehouse, protocol: str = "permille", level: str = "network", unit: str = "network"):
    """The tests of methamphetamine's change by their names, and the row of the change."""
    both = judged(warehouse, between(warehouse, "2023", "2024"))
    is_it = [pl.col("protocol") == protocol, pl.col("level") == level, pl.col("unit_id") == unit]
    is_it.append(pl.col("drug") == "methamphetamine")
    tests = both.credibility.filter(*is_it)
    assert tests["explanation"].to_list() == list(EXPLANATIONS)
    return {row["explanation"]: row for row in tests.iter_rows(named=True)}, both.changes.filter(*is_it).row(
        0, named=True
    )


def named(week_of: str, laboratory: str) -> str:
    return week_of.replace(",Lab,B\n", f",{laboratory},B\n")


@pytest.fixture(scope="module")
def of_scenarios():
    """The short form of `make calibration-credibility`: six cities of each scenario, all in one warehouse."""
    return judged_cities(SCENARIOS, 6, seed=11)


@pytest.mark.xdist_group("scenarios of credibility")  # they are judged once
@pytest.mark.parametrize("scenario", SCENARIOS, ids=[scenario.name for scenario in SCENARIOS])
def test_each_artefact_is_found_by_its_test_and_honest_cities_are_left_alone(of_scenarios, scenario):
    both = of_scenarios[scenario.name]
    for protocol in ("permille", "euda"):
        rows = both.changes.filter(protocol=protocol, state="estimated")
        # What limits took out of an area may leave nothing to tell: no fall is told, and none is to be tested.
        untold = both.changes.filter(protocol=protocol, reason="sites_lost_to_limits", state="not estimable").height
        assert rows.height + untold == 6
        assert not untold or scenario.check == "limits"
        found = both.credibility.filter(IS_FOUND, protocol=protocol)
        if scenario.check is None:
            # Weather makes a part of what is small, or seen in a week only: docs/credibility.md.
            most = 1 if scenario.ratio in (0.6, 1) and len(scenario.months) > 1 else 4
            assert found.filter(pl.col("explanation") != "chance").height <= most
            continue
        assert found.filter(explanation=scenario.check).height + untold >= 5
        assert "stands" not in rows["credibility"].to_list()
    if scenario.name == "honest, a fall of 40 %":
        assert both.changes.filter(protocol="permille")["credibility"].to_list().count("stands") >= 5


def test_a_fall_that_stands(city):
    """Same laboratory, flows and people, a marker that stays, whole weeks of the same month."""
    days = [week(start, values) for start, values in ((MONDAY, WEEK), (LATER, HALF))]
    markers = [week(start, [100.0] * 7, residue="cotinine", limits="0.5,1") for start in (MONDAY, LATER)]
    with city(results=results(*days, *markers)) as warehouse:
        tests, change = found_by(warehouse)
    assert change["verdict"] == "fall"
    assert {name for name, row in tests.items() if row["outcome"] != "nothing found"} == set()
    assert change["credibility"] == "stands"


def test_what_cannot_be_tested_is_a_reservation(city):
    with city(results=results(week(MONDAY, WEEK), week(LATER, HALF))) as warehouse:
        tests, change = found_by(warehouse)
    assert tests["markers"]["outcome"] == "not tested"
    assert tests["markers"]["could_explain_percent"] is None
    assert change["credibility"] == "stands with reservations"


def test_markers_that_fell_alike_leave_nothing(city):
    days = [week(start, values) for start, values in ((MONDAY, WEEK), (LATER, HALF))]
    markers = [
        week(start, [level] * 7, residue=residue)
        for residue, levels in (("cotinine", (100, 48)), ("caffeine", (1000, 500)))
        for start, level in zip((MONDAY, LATER), levels, strict=True)
    ]
    with city(results=results(*days, *markers)) as warehouse:
        tests, change = found_by(warehouse)
    middle = 100 * np.sqrt(0.48 * 0.5)
    assert tests["markers"]["outcome"] == "all of it"
    assert tests["markers"]["value_current"] == pytest.approx(middle)
    assert tests["markers"]["change_without_percent"] == pytest.approx(100 * (0.5 / (middle / 100) - 1))
    assert change["credibility"] == "not supported"


def test_another_laboratory_could_make_half_of_it_and_no_more(city):
    """Laboratories differ by a factor of 2.06 at most: of a fall to a tenth it could be a part."""
    tenth = [value / 10 for value in WEEK]
    days = results(
        named(week(MONDAY, WEEK, limits="0.05,0.1"), "North"), named(week(LATER, tenth, limits="0.05,0.1"), "South")
    )
    with city(results=days) as warehouse:
        tests, change = found_by(warehouse)
    assert change["change_percent"] == pytest.approx(-90)
    assert tests["laboratory"]["outcome"] == "part of it"
    assert tests["laboratory"]["change_without_percent"] == pytest.approx(100 * (0.1 * 2.06 - 1))
    assert (tests["laboratory"]["n_affected"], tests["laboratory"]["value_current"]) == (1, 100)


def test_a_laboratory_of_one_site_of_two_makes_its_part(city):
    days = results(
        named(week(MONDAY, WEEK), "North"), named(week(LATER, WEEK), "South"),
        named(week(MONDAY, WEEK, site="S2"), "North"), named(week(LATER, HALF, site="S2"), "North"),
    )  # fmt: skip
    with city(results=days) as warehouse:
        tests, change = found_by(warehouse)
    assert change["change_percent"] == pytest.approx(-25)
    assert tests["laboratory"]["n_affected"] == 1
    assert tests["laboratory"]["change_without_percent"] == pytest.approx(-25), "what did not change is not explained"
    assert tests["laboratory"]["outcome"] == "set aside"


def test_a_laboratory_that_kept_a_day_has_changed_all_the_same(city):
    """A year of transition: each has a day of the other's period."""
    days = results(
        named(week(MONDAY, WEEK[:6]), "North"), named(week(MONDAY + timedelta(days=6), WEEK[6:]), "South"),
        named(week(LATER, HALF[:1]), "North"), named(week(LATER + timedelta(days=1), HALF[1:]), "South"),
    )  # fmt: skip
    with city(results=days) as warehouse:
        tests, change = found_by(warehouse)
    assert tests["laboratory"]["n_affected"] == 1
    assert tests["laboratory"]["outcome"] in ("part of it", "all of it")
    assert change["part_laboratory_percent"] == pytest.approx(change["change_percent"])
    assert change["part_concentration_percent"] == 0


def test_a_laboratory_nobody_names_is_not_tested(city):
    with city(results=results(named(week(MONDAY, WEEK), ""), named(week(LATER, HALF), ""))) as warehouse:
        tests, _ = found_by(warehouse)
    assert tests["laboratory"]["outcome"] == "not tested"


def test_the_flow_makes_what_the_concentration_does_not(city):
    """Concentrations as before, half the flow."""
    halved = flows("S1", "S2", years=(2023,)) + flows("S1", "S2", flow=500, years=(2024,)).split("\n", 1)[1]
    with city(results=results(week(MONDAY, WEEK), week(LATER, NOISY)), flows=halved) as warehouse:
        tests, change = found_by(warehouse)
    assert tests["flow"]["outcome"] == "all of it"
    assert tests["flow"]["change_without_percent"] == pytest.approx(100 * (sum(NOISY) / sum(WEEK) - 1))
    assert (tests["flow"]["value_baseline"], tests["flow"]["value_current"]) == (1000, 500)
    assert tests["flow"]["n_affected"] == 1, "one of the two lies outside 80 to 800 L a head"
    assert change["credibility"] == "not supported"


def test_rain_is_no_explanation(city):
    """Twice the flow, a quarter of the concentration: without the rain the fall would be larger."""
    rainy = flows("S1", "S2", flow=300, years=(2023,)) + flows("S1", "S2", flow=600, years=(2024,)).split("\n", 1)[1]
    quarter = [value / 4 for value in WEEK]
    with city(results=results(week(MONDAY, WEEK), week(LATER, quarter)), flows=rainy) as warehouse:
        tests, _ = found_by(warehouse)
    assert tests["flow"]["change_without_percent"] == pytest.approx(-75)
    assert tests["flow"]["outcome"] == "nothing found"


def test_another_count_of_people(city):
    counted = people("S1 census 1000  2023-12-31", "S1 census 2000 2024-01-01 ", "S2 census 1000  ")
    with city(results=results(week(MONDAY, WEEK), week(LATER, WEEK)), populations=counted) as warehouse:
        tests, change = found_by(warehouse)
    assert change["change_percent"] == pytest.approx(-50)
    assert tests["population"]["outcome"] == "all of it"
    assert tests["population"]["change_without_percent"] == pytest.approx(0, abs=1e-9)
    assert (tests["population"]["value_baseline"], tests["population"]["value_current"]) == (1000, 2000)


def test_raised_limits_by_their_bounds(city):
    """Half of the days lie below a limit of 20 where it was 1: as zeros a fall, as the limit a rise."""
    after = ["<20" if value < 20 else value for value in NOISY]
    days = results(week(MONDAY, WEEK), week(LATER, after, limits="10,20"))
    with city(results=days) as warehouse:
        tests, change = found_by(warehouse, "euda")
    measured = sum(value for value in NOISY if value > 20)
    assert change["change_percent"] == pytest.approx(100 * (measured / sum(WEEK) - 1))
    assert tests["limits"]["change_without_percent"] == pytest.approx(100 * ((measured + 5 * 20) / sum(WEEK) - 1))
    assert tests["limits"]["outcome"] == "all of it"
    assert (tests["limits"]["value_baseline"], tests["limits"]["value_current"]) == (1, 20)


def test_limits_that_stay_are_no_explanation(city):
    days = results(week(MONDAY, ["<9", *WEEK[1:]], limits="5,9"), week(LATER, ["<9", "<9", *WEEK[2:]], limits="5,9"))
    with city(results=days) as warehouse:
        tests, _ = found_by(warehouse, "half-loq")
    assert tests["limits"]["outcome"] == "nothing found"


def test_one_day_of_the_baseline(city):
    """A day thirtyfold: without it, and without its weekday in both periods, nothing is left."""
    spiked = [*WEEK[:2], 30 * WEEK[2], *WEEK[3:]]
    with city(results=results(week(MONDAY, spiked), week(LATER, WEEK))) as warehouse:
        tests, _ = found_by(warehouse)
        plain, _ = found_by(warehouse, "euda")
    assert tests["single_day"]["outcome"] == "all of it"
    assert tests["single_day"]["change_without_percent"] == pytest.approx(0, abs=1e-9)
    assert tests["single_day"]["subject"] == f"S1 {MONDAY + timedelta(days=2)}"
    without = (sum(WEEK) - WEEK[2]) / 6
    assert plain["single_day"]["change_without_percent"] == pytest.approx(100 * (sum(WEEK) / 7 / without - 1))


def test_one_day_that_is_all_there_is(city):
    """Six days at zero and one: without it nothing is left to compare, and nothing of the change."""
    high, low = [*["<1"] * 6, 700], [*["<1"] * 6, 5]
    with city(results=results(week(MONDAY, high), week(LATER, low))) as warehouse:
        fall, _ = found_by(warehouse, "euda")
    assert fall["single_day"]["outcome"] == "all of it"


def in_months(levels, days=(WEEK, WEEK), months=(3, 4, 5)) -> tuple[str, str]:
    """Results and flows of a week in each of these months of two years, so many times a usual week."""
    weeks, rows = [], ["site_id,date,flow_m3_per_day"]
    for year, of_year, values in zip((2023, 2024), levels, days, strict=True):
        for month, level in zip(months, of_year, strict=True):
            start = date(year, month, 8) - timedelta(days=date(year, month, 1).weekday())
            weeks.append(week(start, [level * value for value in values]))
            rows += [f"S1,{start + timedelta(days=n)},1000" for n in range(7)]
    return results(*weeks), "\n".join(rows) + "\n"


@pytest.mark.parametrize("protocol", ["permille", "euda"])
def test_one_month_of_the_baseline(city, protocol):
    """April threefold: 3 to 5 with it, nothing without; without another month 1 to 2."""
    rows, flowed = in_months(((1, 3, 1), (1, 1, 1)))
    with city(results=rows, flows=flowed) as warehouse:
        tests, change = found_by(warehouse, protocol)
    assert change["change_percent"] == pytest.approx(-40)
    assert tests["single_month"]["outcome"] == "all of it"
    assert tests["single_month"]["change_without_percent"] == pytest.approx(0, abs=1e-9)
    assert tests["single_month"]["value_baseline"] == pytest.approx(-50)
    assert tests["single_month"]["subject"] == "2023-04 2024-04"
    assert change["credibility"] == "not supported"


def test_a_month_that_is_high_each_year_is_a_season(city):
    rows, flowed = in_months(((1, 3, 1), (1, 3, 1)), days=(WEEK, HALF))
    with city(results=rows, flows=flowed) as warehouse:
        tests, change = found_by(warehouse)
    assert change["change_percent"] == pytest.approx(-50)
    assert tests["single_month"]["outcome"] == "nothing found"
    assert tests["single_month"]["value_baseline"] == pytest.approx(-50)
    assert tests["single_month"]["value_current"] == pytest.approx(-50)


def test_of_two_months_none_is_left_out(city):
    rows, flowed = in_months(((1, 3), (1, 1)), months=(3, 4))
    with city(results=rows, flows=flowed) as warehouse:
        tests, change = found_by(warehouse)
    assert (tests["single_month"]["outcome"], tests["single_month"]["n_tested"]) == ("nothing found", 0)
    assert evidence(tests["single_month"], change).startswith("In neither period")


@pytest.mark.parametrize(("before", "after"), [(100, 50), (100, 100), (50, 100)])
def test_a_marker_below_its_limits_before_and_after_tells_nothing(city, before, after):
    """Neither that it fell alike, where the limit was lowered, nor that it did not."""
    days = [week(start, values) for start, values in ((MONDAY, WEEK), (LATER, HALF))]
    markers = [
        week(start, [f"<{limit}"] * 7, residue="cotinine", limits=f"{limit / 2},{limit}")
        for start, limit in ((MONDAY, before), (LATER, after))
    ]
    with city(results=results(*days, *markers)) as warehouse:
        tests, change = found_by(warehouse)
    assert tests["markers"]["outcome"] == "not tested"
    assert tests["markers"]["n_tested"] == 0
    assert change["credibility"] == "stands with reservations"


def test_a_marker_that_fell_below_its_limits_fell(city):
    days = [week(start, values) for start, values in ((MONDAY, WEEK), (LATER, HALF))]
    markers = [
        week(start, [level] * 7, residue="cotinine", limits="50,100")
        for start, level in ((MONDAY, 110), (LATER, "<100"))
    ]
    with city(results=results(*days, *markers)) as warehouse:
        tests, _ = found_by(warehouse)
    assert tests["markers"]["value_current"] == pytest.approx(100 * 50 / 110)
    assert tests["markers"]["outcome"] == "all of it"


def test_zeros_that_could_be_just_below_their_limit(city):
    """By a protocol with zeros: three days just above the limit, then none."""
    days = results(
        week(MONDAY, [103, 105, 110, *["<100"] * 4], limits="50,100"), week(LATER, ["<100"] * 7, limits="50,100")
    )
    with city(results=days) as warehouse:
        tests, change = found_by(warehouse, "euda")
    assert change["change_percent"] == -100
    assert tests["limits"]["outcome"] == "all of it"


def test_markers_of_other_days_tell_nothing(city):
    """A marker that fell in other weeks, in which another drug was sampled."""
    apart = timedelta(days=14)
    days = [week(start, values) for start, values in ((MONDAY, WEEK), (LATER, HALF))]
    elsewhere = [
        week(start + apart, [level] * 7, residue=residue)
        for start, level in ((MONDAY, 100), (LATER, 50))
        for residue in ("cotinine", "MDMA")
    ]
    with city(results=results(*days, *elsewhere)) as warehouse:
        tests, _ = found_by(warehouse)
    assert tests["markers"]["outcome"] == "not tested"


def test_a_laboratory_named_for_part_of_the_amount_is_not_tested(city):
    """The site that makes the rise has little of the baseline, and nobody names its laboratory."""
    days = [
        week(MONDAY, WEEK), week(LATER, WEEK),
        *(named(week(start, [level] * 7, site="S2"), "") for start, level in ((MONDAY, 1), (LATER, 500))),
    ]  # fmt: skip
    with city(results=results(*days)) as warehouse:
        tests, _ = found_by(warehouse)
    assert tests["laboratory"]["outcome"] == "not tested"


def test_a_clean_site_that_joined_is_set_aside(city):
    clean = [value / 20 for value in WEEK]
    days = [week(MONDAY, WEEK), week(LATER, NOISY), week(LATER, clean, site="S2", limits="0.05,0.1")]
    with city(results=results(*days)) as warehouse:
        tests, change = found_by(warehouse)
    assert change["naive_change_percent"] < -40
    assert change["change_percent"] == pytest.approx(100 * (sum(NOISY) / sum(WEEK) - 1))
    assert tests["panel"]["outcome"] == "set aside"
    assert (tests["panel"]["value_baseline"], tests["panel"]["value_current"]) == (1, 2)


def test_other_weekdays_are_set_aside_where_weekdays_are_matched(city):
    days = [week(MONDAY, WEEK), week(LATER, HALF[:4])]
    with city(results=results(*days)) as warehouse:
        tests, _ = found_by(warehouse)
        plain, _ = found_by(warehouse, "euda")
    assert tests["weekdays"]["outcome"] == "set aside"
    assert tests["weekdays"]["value_current"] == 0
    assert plain["weekdays"]["outcome"] == "not tested", "of one week no rhythm is known"


def test_another_season(city):
    summer = MONDAY.replace(year=2024, month=7, day=1)
    rows = flows("S1", "S2") + "".join(f"S1,{summer + timedelta(days=n)},1000\n" for n in range(7))
    with city(results=results(week(MONDAY, WEEK), week(summer, HALF)), flows=rows) as warehouse:
        tests, change = found_by(warehouse)
    assert tests["months"]["outcome"] == "part of it"
    assert tests["months"]["change_without_percent"] is None, "what a season makes is not known"
    assert change["credibility"] != "stands"


def test_seasons_that_have_days_in_common_may_yet_be_others(city):
    """Two weeks of winter and a day of summer, then the other way round: a ninth of the days, and more, is the same."""
    winter, summer = (MONDAY, MONDAY + timedelta(days=7)), (date(2024, 7, 1), date(2024, 7, 8))
    before = [week(start, WEEK) for start in winter] + [week(date(2023, 7, 3), WEEK[:1])]
    now = [week(start, HALF) for start in summer] + [week(LATER, HALF[:1])]
    rows = flows("S1", "S2")
    rows += "".join(f"S1,{start + timedelta(days=n)},1000\n" for start in (*summer, date(2023, 7, 3)) for n in range(7))
    rows += "".join(f"S1,{winter[1] + timedelta(days=n)},1000\n" for n in range(7))
    rows = "\n".join(dict.fromkeys(rows.split("\n")))
    with city(results=results(*before, *now), flows=rows) as warehouse:
        tests, change = found_by(warehouse)
    assert tests["months"]["value_baseline"] == pytest.approx(100 * 2 / 15)
    assert tests["months"]["outcome"] == "part of it"
    assert change["credibility"] != "stands"


def test_chance_explains_what_is_not_told_from_none(city):
    rows = results(of_batch(week(MONDAY, WEEK), "B1"), of_batch(week(LATER, NOISY), "B2"))
    with city(results=rows) as warehouse:
        tests, change = found_by(warehouse)
        plain, of_euda = found_by(warehouse, "euda")
    assert change["verdict"] == "no change detected"
    assert (tests["chance"]["outcome"], change["credibility"]) == ("all of it", "not supported")
    assert (plain["chance"]["outcome"], of_euda["verdict"]) == ("not tested", None)


def test_without_a_change_there_is_nothing_to_test(city):
    with city(results=results(week(MONDAY, WEEK))) as warehouse:
        both = judged(warehouse, between(warehouse, "2023", "2024"))
    assert both.credibility.is_empty()
    assert both.changes["credibility"].is_null().all()
