"""What is implausible, rule by rule: a small city in which it is found, and one in which it is not."""

from datetime import date, timedelta
from functools import partial
from itertools import pairwise

import polars as pl
import pytest

from pipeline.intake import take_in
from pipeline.plausibility import implausible
from pipeline.settings import make_workspace
from pipeline.warehouse import Warehouse
from schemas.plausibility import RULES
from tests.conftest import LOADS, estimate, lay
from tests.unit.pipeline.test_estimates import (
    LATER,
    MONDAY,
    flows,
    people,
    results,
    week,
)
from tests.unit.pipeline.test_estimates import city as city_of_estimates  # noqa: F401  a fixture

USUAL = [10, 12, 9, 11, 10, 13, 8] * 2
"""Two weeks of days, the median deviation of which is 1 part in 10."""


def scattered(levels) -> list[float]:
    """These levels, a day each, scattered as usual days are."""
    return [round(level * USUAL[n % 7] / 10, 4) for n, level in enumerate(levels)]


def run_of(start: date, values) -> dict[date, float]:
    """A value a day from `start` on."""
    return {start + timedelta(days=n): value for n, value in enumerate(values)}


def weeks_of(levels, every_months: int) -> dict[date, float]:
    """A week a quarter, or a year, from 2019 on."""
    months = [every_months * n for n in range(len(levels))]
    starts = [date(2019 + month // 12, month % 12 + 2, 7) for month in months]
    return {day: value for start, level in zip(starts, levels, strict=True)
            for day, value in run_of(start, scattered([level] * 7)).items()}  # fmt: skip


START = date(2019, 1, 7)
"""A Monday."""
WEEK_WITH_SATURDAY = [10, 10.1, 9.9, 10, 10.2, 60, 9.8]


def weekends(changed: dict[int, float]) -> dict[date, float]:
    return run_of(START, [changed.get(n, value) for n, value in enumerate(WEEK_WITH_SATURDAY * 10)])


def within(n_before: int) -> dict[date, float]:
    first, second = scattered([1000] * 7), scattered([50] * 7)
    years = [first, first, [*first[:n_before], *second[n_before:]], second]
    return {day: value for n, week in enumerate(years) for day, value in run_of(date(2019 + n, 2, 7), week).items()}


DAYS: dict[str, list[dict[date, float]]] = {
    "quiet": [
        run_of(MONDAY, values)
        for values in (USUAL, [10] * 14, [10] * 13 + [18.9], [*USUAL[:8], 350], [10] * 3 + [10_000])
    ],
    "beyond": [run_of(MONDAY, values) for values in ([10] * 13 + [19.1], [10] * 4 + [1001], [1000] * 4 + [9.99])],
    "step": [
        run_of(START, scattered([100] * 40 + [100 * ratio] * n_after))
        for ratio in (0.05, 20, 50)
        for n_after in (4, 5, 6, 7, 10, 40)
    ],
    "peak": [
        run_of(START, scattered([100] * 40 + [2000] * n_days + [100] * n_after))
        for n_days in (1, 2, 3)
        for n_after in (0, 1, 2, 20)
    ],
    "decline": [
        run_of(START, [round(1000 * per_year ** (n / 365) * USUAL[n % 7] / 10, 4) for n in range(720)])
        for per_year in (0.9, 0.5, 0.1)
    ],
    "weekend": [weekends({}), weekends({35: 60}), weekends({40: 10})],  # a Monday like a Saturday, one like a Monday
    "fall": [
        weeks_of(levels, every_months)
        for every_months in (3, 12)
        for levels in (
            [1000 * 0.75**n for n in range(7)],
            [1000 * 0.3**n for n in range(6)],
            [1000] * 3 + [50],
            [1000] * 3 + [50] * 2,
            [1000] + [50] * 4,
            [1000] * 2 + [50] + [1000] * 2,  # as in a year of confinement
        )
    ],
    "within": [within(n_before) for n_before in (1, 2, 3, 4, 5, 6)],
    "unit": [
        weeks_of([10 * level for level in levels], every_months)
        for every_months in (3, 12)
        for levels in (
            [1, 1, 1, 1000],  # the latest
            [1000, 1, 1, 1],
            [1, 1, 1000, 1, 1],  # up and down again
            [1, 1, 1000, 1000, 1000],
            [1000, 1000, 1, 1000],
        )
    ],
}
"""Series of days that are measured."""
RESIDUES = {"step": "METH", "peak": "ketamine", "decline": "codeine", "fall": "cocaine", "within": "MDMA"}
"""Of the series that are taken in as one city, each a site of its own: kinds share no rhythm of the week."""


def each(kind: str):
    """Has a test run for each series of a kind."""
    cases = [pytest.param(f"{kind}-{n}", days, id=f"{kind}-{n}") for n, days in enumerate(DAYS[kind])]
    return pytest.mark.parametrize(("name", "days"), cases)


def rules_and_days(findings: pl.DataFrame) -> list[tuple[str, date]]:
    return findings.select("rule", "sampled_on").sort("sampled_on").rows()


@pytest.fixture
def alone(city):
    """Findings of a series of methamphetamine that is all there is in the city: `alone(days)`."""

    def judged(days: dict[date, float]) -> pl.DataFrame:
        rows = results(*(week(day, [value]) for day, value in days.items()))
        flow = "site_id,date,flow_m3_per_day\n" + "".join(f"S1,{day},200\n" for day in days)
        with city(results=rows, flows=flow) as warehouse:
            assert set(warehouse.read("loads")["sampled_on"]) == set(days), "each day has its load"
            return implausible(warehouse)

    return judged


@pytest.fixture(scope="module")
def among_others(tmp_path_factory):
    """Findings of a series that is one of the sites of a city: `among_others("step-3", days)`."""
    here = make_workspace(tmp_path_factory.mktemp("series"))
    days_of_site = {f"{kind}-{n}": days for kind in RESIDUES for n, days in enumerate(DAYS[kind])}
    rows = [(site, day, value) for site, days in days_of_site.items() for day, value in days.items()]
    lay(here, "sites.csv", "site_id,site_name\n" + "".join(f"{site},{site}\n" for site in days_of_site))
    lay(here, "populations.csv", people(*(f"{site} census 1000  " for site in days_of_site)))
    lay(here, "flows.csv", "site_id,date,flow_m3_per_day\n" + "".join(f"{site},{day},200\n" for site, day, _ in rows))
    measured = (week(day, [value], site, RESIDUES[site.split("-")[0]]) for site, day, value in rows)
    lay(here, "results.csv", results(*measured))
    take_in(here)
    with Warehouse.open(here.warehouse) as warehouse:
        assert warehouse.count("quarantine") == 0
        estimate(warehouse, tables=(*LOADS, "plausibility"))
        loads, findings = warehouse.read("loads"), implausible(warehouse)

    def judged(name: str, days: dict[date, float]) -> pl.DataFrame:
        assert set(loads.filter(site_id=name)["sampled_on"]) == set(days), "each day has its load"
        return findings.filter(site_id=name)

    return judged


@pytest.fixture
def city(city_of_estimates):  # noqa: F811  a fixture
    """The city of the estimates, with those only that findings rest on."""
    return partial(city_of_estimates, (*LOADS, "plausibility"))


def found(warehouse: Warehouse, rule: str) -> list[dict]:
    """The findings of a rule."""
    assert set(warehouse.read("plausibility")["rule"]) <= set(RULES)
    return implausible(warehouse).filter(rule=rule).to_dicts()


def days_of(warehouse: Warehouse, rule: str) -> list[date]:
    return [row["sampled_on"] for row in found(warehouse, rule)]


# --- flow per head ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("flow", "is_found"), [(79, True), (80, False), (200, False), (800, False), (801, True)])
def test_flow_per_head(city, flow, is_found):
    with city(results=results(week(MONDAY, [10])), flows=flows("S1", flow=flow)) as warehouse:
        rows = found(warehouse, "flow_per_head")
        assert bool(rows) == is_found
        if is_found:
            (row,) = rows
            assert (row["site_id"], row["sampled_on"], row["value"]) == ("S1", MONDAY, pytest.approx(flow))
            assert (row["expected_low"], row["expected_high"]) == (80, 800)
            assert row["finding"] == f"{flow} L per inhabitant: {flow} m3/day for 1000 inhabitants (census)"


def test_a_year_with_too_little_flow_is_one_finding(city):
    with city(results=results(week(MONDAY, USUAL)), flows=flows("S1", flow=79)) as warehouse:
        (row,) = found(warehouse, "flow_per_head")
        assert (row["sampled_on"], row["weekday"], row["sampling_year"], row["value"]) == (None, None, 2023, 79)
        assert row["finding"].startswith("79 L per inhabitant in the middle of 14 days of the year: 79 m3/day for 1000")


def test_a_day_of_rain_in_a_usual_year_is_a_finding_of_that_day(city):
    rain = flows("S1", flow=200).replace(f"{MONDAY},200", f"{MONDAY},900")
    with city(results=results(week(MONDAY, USUAL)), flows=rain) as warehouse:
        (row,) = found(warehouse, "flow_per_head")
        assert (row["sampled_on"], row["value"]) == (MONDAY, 900)


def test_flow_per_head_is_by_the_count_that_holds(city):
    held = people("S1 census 1000  ", "S1 design 100  ")
    with city(results=results(week(MONDAY, [10])), flows=flows("S1", flow=200), populations=held) as warehouse:
        assert not found(warehouse, "flow_per_head")


# --- a load against the days around it -------------------------------------------------------------------------------


def test_a_day_far_off_its_history_is_found(city):
    values = [*USUAL[:9], 350, *USUAL[10:]]
    with city(results=results(week(MONDAY, values))) as warehouse:
        (row,) = found(warehouse, "off_its_history")
        assert (row["sampled_on"], row["residue"], row["value"]) == (date(2023, 3, 15), "methamphetamine", 350)
        # Its week, 10 13 8 10 12 350 11 of the days 7 to 13, has the middle 11; with the day itself as one of seven.
        assert row["expected_low"] < 8
        assert 13 < row["expected_high"] < 50
        said = "a load of 350 mg/day/1000 is 31.8 times the 11 that is usual in the 7 measured days"
        assert row["finding"].startswith(said)


def test_how_far_off_is_by_hand(city):
    """Deviations of 14 days about the medians of their weeks; 4/7 of the way through them is past the 8th."""
    from math import exp, log
    from statistics import median

    values = [*USUAL[:9], 350, *USUAL[10:]]
    starts = [min(max(n - 3, 0), 7) for n in range(14)]
    off = [log(value / median(values[start : start + 7])) for value, start in zip(values, starts, strict=True)]
    eighth, ninth = sorted(abs(each) for each in off)[7:9]
    deviation = 1.4826 * (eighth + (13 * 4 / 7 - 7) * (ninth - eighth))
    with city(results=results(week(MONDAY, values))) as warehouse:
        (row,) = found(warehouse, "off_its_history")
        assert row["expected_high"] == pytest.approx(11 * exp(5 * deviation))
        assert row["expected_low"] == pytest.approx(11 * exp(-5 * deviation))
        assert f"({off[9] / deviation:+.1f} deviations)" in row["finding"]


@each("quiet")
def test_usual_days_constant_days_and_days_without_a_history_are_not(alone, name, days):
    """Where days agree by chance, sampling and analysis leave 13 %; of fewer than 14 days it is not known."""
    assert alone(days).is_empty()


@each("beyond")
def test_a_day_beyond_sampling_and_analysis_and_a_hundredfold_of_five_days_is(alone, name, days):
    assert rules_and_days(alone(days)) == [("off_its_history", max(days))]


def flows_of(years) -> str:
    days = [date(years[0], 1, 1) + timedelta(days=n) for n in range(366 * len(years))]
    return "site_id,date,flow_m3_per_day\n" + "".join(f"S1,{day},200\n" for day in days)


def daily(levels) -> str:
    """Results of each day from January 2019 on, at these levels, which scatter as usual days do."""
    return results(week(date(2019, 1, 7), scattered(levels)))


def campaigns(levels) -> str:
    """Results of a week a year from 2019 on."""
    return results(*(week(date(2019 + n, 2, 7), scattered([level] * 7)) for n, level in enumerate(levels)))


@pytest.mark.xdist_group("series")
@each("step")
def test_a_step_that_lasts_four_days_or_longer_is_not(among_others, name, days):
    """At neither side of it, and also where nobody knows yet whether it lasts: at the end of the series."""
    assert among_others(name, days).is_empty()


def test_four_days_that_are_off_are_a_level_of_their_own(city):
    with city(results=daily([100] * 40 + [2000] * 4 + [100] * 40), flows=flows_of([2019])) as warehouse:
        assert warehouse.count("plausibility") == 0


@pytest.mark.xdist_group("series")
@each("peak")
def test_one_to_three_days_that_are_off_are(among_others, name, days):
    off = [day for day, value in days.items() if value > 1000]
    assert rules_and_days(among_others(name, days)) == [("off_its_history", day) for day in off]


def test_numbers_in_a_finding_have_no_exponents(city):
    with city(results=daily([10_000] * 40 + [5_000_000] + [10_000] * 9), flows=flows_of([2019])) as warehouse:
        (row,) = found(warehouse, "off_its_history")
        assert row["finding"].startswith("a load of 1300000 mg/day/1000 is 500 times the 2600 that is usual")


def test_those_furthest_off_come_first(city):
    levels = [100] * 60
    levels[20], levels[40], levels[50] = 1000, 100_000, 5
    with city(results=daily(levels), flows=flows_of([2019])) as warehouse:
        assert days_of(warehouse, "off_its_history") == [date(2019, 1, 7) + timedelta(days=n) for n in (40, 50, 20)]


def test_a_season_is_not(city):
    """Ten times as much in summer as in winter."""
    from math import exp, pi, sin

    levels = [round(100 * exp(1.15 * sin(2 * pi * n / 365)), 3) for n in range(720)]
    with city(results=daily(levels), flows=flows_of([2019, 2020])) as warehouse:
        assert warehouse.count("plausibility") == 0


@pytest.mark.xdist_group("series")
@each("decline")
def test_a_slow_decline_is_not(among_others, name, days):
    """Two years of daily samples, to a hundredth of where they began at the steepest."""
    assert among_others(name, days).is_empty()


@each("weekend")
def test_the_weekend_is_not_off_but_a_day_unlike_its_weekday_is(alone, name, days):
    """Six days that hardly differ and one that does: without the rhythm of the week each Saturday would be far off."""
    off = [day for day, value in days.items() if (value == 60) != (day.isoweekday() == 6)]
    assert rules_and_days(alone(days)) == [("off_its_history", day) for day in off]


@pytest.mark.xdist_group("series")
@each("fall")
def test_campaigns_that_fall_are_not(among_others, name, days):
    assert among_others(name, days).is_empty()


@pytest.mark.xdist_group("series")
@each("within")
def test_a_level_that_changes_within_a_campaign_and_stays_is_not(among_others, name, days):
    """The days nearest to the few at one side are those of the other side, though a year before they were as these."""
    assert among_others(name, days).is_empty()


def test_a_day_at_the_edge_of_a_campaign_is_where_those_beside_it_are_not_like_it(city):
    text = campaigns([1000, 900, 800])
    off = text.replace(f"S1,{date(2020, 2, 7)},METH,900.0", f"S1,{date(2020, 2, 7)},METH,9000.0")
    assert off != text
    with city(results=off, flows=flows_of([2019, 2020, 2021])) as warehouse:
        assert days_of(warehouse, "off_its_history") == [date(2020, 2, 7)]


def test_a_day_of_a_campaign_in_another_unit_is(city):
    text = campaigns([1000, 300, 100])
    off = text.replace(f"S1,{date(2020, 2, 9)},METH,270", f"S1,{date(2020, 2, 9)},METH,270000")
    assert off != text
    with city(results=off, flows=flows_of([2019, 2020, 2021])) as warehouse:
        assert days_of(warehouse, "off_its_history") == [date(2020, 2, 9)]


@each("unit")
def test_a_whole_campaign_in_another_unit_is_found_once_a_step(alone, name, days):
    firsts = [day for day in days if day - timedelta(days=1) not in days]
    steps = [day for before, day in pairwise(firsts) if days[before] != days[day]]
    found = alone(days)
    assert rules_and_days(found) == [("jump_of_level", day) for day in steps]
    assert {round(max(ratio, 1 / ratio)) for ratio in found["value"]} == {1000}


def test_a_month_of_daily_samples_in_another_unit_is_found_at_both_ends(city):
    with city(results=daily([100] * 40 + [100_000] * 30 + [100] * 40), flows=flows_of([2019])) as warehouse:
        rows = found(warehouse, "jump_of_level")
        first = date(2019, 1, 7)
        assert sorted(row["sampled_on"] for row in rows) == [first + timedelta(days=40), first + timedelta(days=70)]
        assert not found(warehouse, "off_its_history")


@pytest.mark.parametrize(("changed", "off"), [({}, []), ({5: 100_000}, [date(2020, 4, 5)])])
def test_the_nearest_days_are_those_nearest_in_time_whatever_the_year(city, changed, off):
    """One day a quarter: seven of them are a week. Nothing is off where the level fell for good."""
    levels = [10] * 10 + [0.5] * 10
    values = [changed.get(n, level * USUAL[n % 7]) for n, level in enumerate(levels)]
    days = [week(date(2019 + n // 4, 3 * (n % 4) + 1, 5), [value]) for n, value in enumerate(values)]
    with city(results=results(*days), flows=flows_of([2019, 2020, 2021, 2022, 2023])) as warehouse:
        assert days_of(warehouse, "off_its_history") == off
        assert warehouse.count("plausibility") == len(off)


# --- counts of inhabitants -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("design", "is_found"), [(1500, False), (1510, True), (660, True), (670, False)])
def test_counts_that_disagree_by_more_than_half(city, design, is_found):
    held = people("S1 census 1000  ", f"S1 design {design}  ")
    with city(results=results(week(MONDAY, [10])), populations=held) as warehouse:
        rows = found(warehouse, "populations_disagree")
        assert bool(rows) == is_found
        if is_found:
            assert rows[0]["value"] == pytest.approx(max(design, 1000) / min(design, 1000))
            assert "by design" in rows[0]["finding"]
            assert "by census" in rows[0]["finding"]


# --- residues that move together -------------------------------------------------------------------------------------

FOUR = {"METH": 1, "ketamine": 3, "codeine": 5, "cocaine": 2}


def of_four(ratios: dict[str, float], residues=FOUR) -> str:
    """Two weeks of each residue; on the tenth day each is off by its ratio."""
    rows = []
    for n, (residue, level) in enumerate(residues.items()):
        values = [level * value for value in USUAL[n:] + USUAL[:n]]
        values[9] = level * 10.5 * ratios.get(residue, 1)
        rows.append(week(MONDAY, values, residue=residue))
    return results(*rows)


def test_residues_that_are_off_together_are_found(city):
    with city(results=of_four(dict.fromkeys(FOUR, 0.4))) as warehouse:
        (row,) = found(warehouse, "residues_move_together")
        assert (row["sampled_on"], row["residue"]) == (date(2023, 3, 15), None)
        assert row["value"] < -3 == row["expected_low"]
        assert row["finding"].startswith("all 4 residues together are at 0.4")


@pytest.mark.parametrize(
    "ratios",
    [
        {},
        dict.fromkeys(FOUR, 0.8),  # within what days differ
        {"METH": 0.4},  # one residue is not all of them
        {"METH": 0.4, "ketamine": 0.4, "codeine": 2.5, "cocaine": 2.5},  # not in the same direction
        {"METH": 0.5, "ketamine": 0.5, "codeine": 0.03, "cocaine": 0.03},  # not by the same ratio
    ],
)
def test_residues_that_are_off_each_for_itself_are_not(city, ratios):
    with city(results=of_four(ratios)) as warehouse:
        assert not found(warehouse, "residues_move_together")


def test_three_residues_are_too_few_to_move_together(city):
    three = dict(list(FOUR.items())[:3])
    with city(results=of_four(dict.fromkeys(FOUR, 0.4), three)) as warehouse:
        assert not found(warehouse, "residues_move_together")


# --- below limits, above what can be, and measured twice --------------------------------------------------------------


@pytest.mark.parametrize(
    ("n_below", "n_days", "is_found"), [(7, 7, True), (6, 6, False), (8, 10, False), (9, 10, True), (0, 10, False)]
)
def test_series_mostly_below_limits(city, n_below, n_days, is_found):
    values = ["<LOQ"] * n_below + [10] * (n_days - n_below) + ["NA"]
    with city(results=results(week(MONDAY, values))) as warehouse:
        rows = found(warehouse, "mostly_below_limits")
        assert bool(rows) == is_found
        if is_found:
            assert (rows[0]["sampled_on"], rows[0]["weekday"], rows[0]["sampling_year"]) == (None, None, 2023)
            assert rows[0]["finding"] == f"{n_below} of {n_days} measurements of the year lie below their limits"


@pytest.mark.parametrize(
    ("residue", "value", "is_found"),
    [("METH", 100_000, False), ("METH", 100_001, True), ("caffeine", 200_000, False), ("EtS", 200_000, False)],
)
def test_concentrations_no_wastewater_holds(city, residue, value, is_found):
    with city(results=results(week(MONDAY, [value], residue=residue)), flows=flows("S2")) as warehouse:
        rows = found(warehouse, "concentration_too_high")  # also without a flow
        assert bool(rows) == is_found


@pytest.mark.parametrize(("second", "is_found"), [(20, False), (22, True), ("<LOQ", False)])
def test_measurements_that_disagree(city, second, is_found):
    twice = results().replace("batch", "batch,replicate") + "".join(
        f"S1,{MONDAY},METH,{value},ng/L,0.5,1,Lab,B,{name}\n" for name, value in [("a", 10), ("b", second)]
    )
    with city(results=twice) as warehouse:
        rows = found(warehouse, "measurements_disagree")
        assert bool(rows) == is_found
        if is_found:
            assert rows[0]["finding"].startswith("2 measurements about 16 ng/L lie apart by a relative standard")
            assert rows[0]["finding"].endswith(" of 0.53")


# --- all together -----------------------------------------------------------------------------------------------------


def test_a_quiet_city_has_no_finding(city):
    with city(results=results(week(MONDAY, USUAL), week(LATER, USUAL)), flows=flows("S1", flow=200)) as warehouse:
        assert warehouse.count("plausibility") == 0


def test_findings_are_the_same_whenever_they_are_made(city):
    from pipeline import estimates

    values = [*USUAL[:9], 350, *USUAL[10:]]
    with city(results=results(week(MONDAY, values)), flows=flows("S1", flow=50)) as warehouse:
        before = implausible(warehouse)
        assert set(before["rule"]) == {"flow_per_head", "off_its_history"}
        estimates.compute(warehouse, "plausibility")
        assert implausible(warehouse).equals(before)


def test_what_is_simulated_is_marked(city):
    with city(results=results(week(MONDAY, [10])), flows=flows("S1", flow=50)) as warehouse:
        assert [row["is_simulated"] for row in found(warehouse, "flow_per_head")] == [False]
        warehouse.connection.execute("update flows set is_simulated = true").fetchall()
        estimate(warehouse, tables=(*LOADS, "plausibility"))
        assert [row["is_simulated"] for row in found(warehouse, "flow_per_head")] == [True]


@pytest.mark.xdist_group("simulation")
def test_the_dumping_of_the_simulated_city_is_found_and_hardly_another_day(simulated_workspace):
    from pipeline.simulation import world

    _, here = simulated_workspace
    with Warehouse.open(here.published, read_only=True) as warehouse:
        rows = implausible(warehouse)
        n_days = warehouse.query("select count(*) as n from loads where load_mg_per_day_per_1000 > 0")["n"].item()
    first, *others = rows.filter(rule="off_its_history").select("site_id", "sampled_on", "residue").rows()
    assert first == (world.DUMP_SITE, world.DUMP_ON, world.DUMP_RESIDUE)
    # Of normal days about 1 in 15,000 is off by chance alone.
    assert len(others) <= n_days / 10_000
    assert set(rows["rule"]) == {"off_its_history", "mostly_below_limits"}
    # 6-MAM is below its limit nearly everywhere: 16 sites over three years, and two that join or leave over two.
    below = rows.filter(rule="mostly_below_limits")
    assert (set(below["residue"]), below.height) == ({"6-mam"}, 16 * 3 + 2 * 2)
    assert rows["is_simulated"].all()


@pytest.fixture
def changed_city(simulated_workspace, tmp_path):
    """Findings of the simulated city after a statement has changed its loads: `changed_city("update loads ...")`."""
    import shutil

    from pipeline import estimates

    _, here = simulated_workspace

    def findings(*statements: str) -> pl.DataFrame:
        copy = tmp_path / "changed.duckdb"
        shutil.copy(here.published, copy)
        with Warehouse.open(copy) as warehouse:
            for statement in statements:
                warehouse.connection.execute(statement).fetchall()
            estimates.compute(warehouse, "plausibility")
            return implausible(warehouse)

    return findings


@pytest.mark.xdist_group("simulation")
@pytest.mark.parametrize("ratio", [1000, 10, 0.1])
def test_mistakes_planted_into_the_simulated_city_are_found(changed_city, simulated_workspace, ratio):
    """One load in a hundred, of any site, day and residue."""
    planted = "load_mg_per_day_per_1000 > 0 and qualifier = '=' and hash(site_id, sampled_on, residue, 7) % 100 = 0"
    _, here = simulated_workspace
    with Warehouse.open(here.published, read_only=True) as warehouse:
        there = set(warehouse.query(f"select site_id, sampled_on, residue from loads where {planted}").rows())
    rows = changed_city(
        f"update loads set load_mg_per_day_per_1000 = {ratio} * load_mg_per_day_per_1000 where {planted}"
    )
    off = set(rows.filter(rule="off_its_history").select("site_id", "sampled_on", "residue").rows())
    assert len(there) > 200
    assert len(there & off) >= 0.97 * len(there)
    assert len(off - there) <= 4  # the drugs poured away, and chance


@pytest.mark.xdist_group("simulation")
@pytest.mark.parametrize("ratio", [3, 0.33])
def test_a_day_with_the_wrong_flow_is_found_by_its_residues_together(changed_city, simulated_workspace, ratio):
    planted = "hash(site_id, sampled_on, 7) % 50 = 0"
    _, here = simulated_workspace
    with Warehouse.open(here.published, read_only=True) as warehouse:
        there = set(warehouse.query(f"select site_id, sampled_on from loads where {planted}").rows())
    rows = changed_city(
        f"update loads set load_mg_per_day_per_1000 = {ratio} * load_mg_per_day_per_1000 where {planted}"
    )
    together = set(rows.filter(rule="residues_move_together").select("site_id", "sampled_on").rows())
    assert len(there) > 40
    assert len(there & together) >= 0.9 * len(there)
    assert not together - there


@pytest.mark.xdist_group("simulation")
@pytest.mark.parametrize("ratio", [0.8, 0.5, 0.05])
@pytest.mark.parametrize(
    ("since", "share_of_the_fall", "most"),
    [
        ("2024-01-01", "1", 4),
        ("2024-01-01", "least(1, (sampled_on - date '2024-01-01') / 366.0)", 4),
        ("2024-06-13", "1", 10),  # a Thursday within a campaign: of some 540 days at its shorter side
    ],
    ids=["at once", "over a year", "within a campaign"],
)
def test_a_fall_of_the_simulated_city_that_lasts_is_no_finding(changed_city, ratio, since, share_of_the_fall, most):
    rows = changed_city(
        f"update loads set load_mg_per_day_per_1000 = load_mg_per_day_per_1000 * {ratio} ^ ({share_of_the_fall})"
        f" where sampled_on >= '{since}'"
    )
    about_days = rows.filter(pl.col("rule") != "mostly_below_limits")
    assert about_days.height <= most  # the drugs poured away, and chance
    assert set(about_days["rule"]) <= {"off_its_history", "residues_move_together"}
