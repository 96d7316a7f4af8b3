"""The rules of the estimates, one by one: a small city for each, and figures worked out by hand.

Methamphetamine keeps the arithmetic short: with a flow of 1,000 m3/day and 1,000 inhabitants, 1 ng/L is a load of
1 mg/day per 1000 inhabitants, and consumption is that over 0.43.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path

import pytest

from pipeline import estimates
from pipeline.changes import between
from pipeline.deliveries import all_profiles, read_and_judge
from pipeline.intake import store, take_in
from pipeline.known import known_sites, site_clocks, site_register
from pipeline.receipts import Receipt
from pipeline.settings import Workspace, make_workspace
from pipeline.warehouse import Warehouse
from tests.conftest import MEANS, RECEIVED, LateWarehouse, estimate, lay

REPORTED = """name = "reported"
title = "Loads of another programme"
sender = "another programme"
[[tables]]
table = "reported_loads"
unit = "mg/day"
[tables.columns]
site_id = "place"
sampled_on = "day"
residue = "substance"
reported_load = "load"
[tables.qualifiers]
"0" = "<LOQ"
"" = "not measured"
"""
FACTOR = 1 / 0.43
MONDAY = date(2023, 3, 6)
LATER = date(2024, 3, 4)


def week(start: date, values, site: str = "S1", residue: str = "METH", limits: str = "0.5,1") -> str:
    """Results of consecutive days from `start` on, one a value."""
    days = [start + timedelta(days=n) for n in range(len(values))]
    return "".join(
        f"{site},{day},{residue},{value},ng/L,{limits},Lab,B\n" for day, value in zip(days, values, strict=True)
    )


def results(*weeks: str) -> str:
    return "site_id,sampled_on,residue,concentration,unit,lod,loq,laboratory,batch\n" + "".join(weeks)


def flows(*sites: str, flow: float = 1000, years=(2023, 2024)) -> str:
    days = [date(year, 3, day) for year in years for day in range(1, 32)]
    return "site_id,date,flow_m3_per_day\n" + "".join(f"{site},{day},{flow}\n" for site in sites for day in days)


def people(*rows: str) -> str:
    """Rows of site, method, inhabitants, first and last day."""
    return "site_id,population_method,population,population_rsd,valid_from,valid_to\n" + "".join(
        "{},{},{},,{},{}\n".format(*row.split(" ")) for row in rows
    )


def reported(*rows: str) -> str:
    return "place,day,substance,load\n" + "".join(f"{row}\n".replace(" ", ",") for row in rows)


PLAIN = {
    "sites": "site_id,site_name,area_id,latitude,longitude\nS1,,A,,\nS2,,A,,\n",
    "flows": flows("S1", "S2"),
    "populations": people("S1 census 1000  ", "S2 census 1000  "),
}
"""Two sites in one area, with flows and inhabitants: what a test delivers under these names takes their place."""


def _take_in(workspace, deliveries: dict[str, str]) -> None:
    names = [*PLAIN, *(name for name in deliveries if name not in PLAIN)]
    for name, text in deliveries.items():
        lay(workspace, f"{name}.csv", text, RECEIVED + timedelta(seconds=names.index(name)))
    for delivery in take_in(workspace).taken:
        assert delivery.status == "accepted", delivery.record["problem"].item() or delivery.quarantine


def take_in_plain(names: Iterable[str], folder: Path) -> None:
    """A workspace in which the plain deliveries of these names were taken in."""
    workspace = make_workspace(folder)
    (workspace.profiles / "reported.toml").write_text(REPORTED)
    _take_in(workspace, {name: PLAIN[name] for name in names})
    with Warehouse.open(workspace.warehouse) as warehouse:
        estimates.load_reference(warehouse)


def _store(workspace: Workspace, warehouse: Warehouse, deliveries: dict[str, str]) -> None:
    """The rows of deliveries as the intake stores them, but without inbox, ledger, archive and contradictions."""
    profiles = all_profiles(workspace.profiles)
    clocks, sites = site_clocks(warehouse, workspace), known_sites(warehouse)
    for number, (name, text) in enumerate(deliveries.items(), start=1 + warehouse.count("deliveries")):
        seen_at = RECEIVED + timedelta(seconds=number)
        delivery = read_and_judge(
            text.encode(), f"{name}.csv", profiles=profiles, known_sites=sites,
            receipt=Receipt(number, seen_at, seen_at, seen_at), register=site_register(warehouse), clocks=clocks,
        )  # fmt: skip
        assert delivery.status == "accepted", delivery.record["problem"].item() or delivery.quarantine
        store(warehouse, delivery)


@pytest.fixture
def city(workspace, plain_warehouses):
    """Opens a city of two sites in one area: `with city(results=..., flows=...) as warehouse`.

    Plain deliveries were taken in once for all tests, and what a test adds to them is rolled back. Only where it lists
    sites is all taken in through the inbox of its workspace. `tables` are the estimates a test is about, each computed
    when it is first read.
    """

    @contextmanager
    def opened(tables: tuple[str, ...] = MEANS, **deliveries: str) -> Iterator[Warehouse]:
        (workspace.profiles / "reported.toml").write_text(REPORTED)
        if "sites" in deliveries:  # which all others need
            _take_in(workspace, PLAIN | deliveries)
            with LateWarehouse.open(workspace.warehouse) as warehouse:
                warehouse.estimate_when_read(workspace, tables)
                yield warehouse
            return
        warehouse = plain_warehouses(*(name for name in PLAIN if name not in deliveries))
        with warehouse.for_a_while():
            _store(workspace, warehouse, deliveries)
            warehouse.estimate_when_read(workspace, tables)
            yield warehouse

    return opened


def one(warehouse: Warehouse, text: str):
    """The one value of the one row of a query."""
    return warehouse.query(text).item()


def site_mean(warehouse: Warehouse, column: str = "mean_mg_per_day_per_1000", **where: str):
    chosen = {"site_id": "S1", "drug": "methamphetamine", "protocol": "permille", "period": "2023"} | where
    rows = warehouse.query(
        f"select {column} from site_periods where " + " and ".join(f"{name} = ${name}" for name in chosen), chosen
    )
    return rows.item()


# --- populations and flows -------------------------------------------------------------------------------------------


def test_a_population_holds_from_its_first_to_its_last_day(city):
    held = people("S1 census 1000  2023-12-31", "S1 census 2000 2024-03-05 ")
    with city(results=results(week(MONDAY, [10]), week(LATER, [10, 10])), populations=held) as warehouse:
        rows = warehouse.query("select population, reason from loads order by sampled_on").rows()
    assert rows == [(1000, None), (None, "no_population"), (2000, None)]


def test_of_several_counts_of_inhabitants_people_counted_come_before_chemistry(city):
    held = people("S1 cotinine 4000 2023-01-01 ", "S1 design 3000 2023-02-01 ", "S1 census 1000  ")
    with city(results=results(week(MONDAY, [10])), populations=held) as warehouse:
        assert warehouse.query("select population, population_method from loads").row(0) == (1000, "census")


def test_of_two_counts_by_one_method_the_newer_holds(city):
    held = people("S1 census 1000 2020-01-01 ", "S1 census 2000 2022-01-01 ", "S1 census 500  ")
    with city(results=results(week(MONDAY, [10])), populations=held) as warehouse:
        assert one(warehouse, "select population from loads") == 2000


def test_later_deliveries_of_flow_population_and_result_supersede(city):
    with city(
        results=results(week(MONDAY, [10])),
        flows_again=flows("S1", flow=500, years=(2023,)),
        populations_again=people("S1 census 2000  "),
        results_again=results(week(MONDAY, [30])),
    ) as warehouse:
        row = warehouse.query("select concentration_ng_per_l, flow_m3_per_day, population from loads").row(0)
        assert row == (30, 500, 2000)
        assert one(warehouse, "select load_mg_per_day_per_1000 from loads") == pytest.approx(30 * 500 / 1000 / 2)


def test_a_simulated_flow_makes_its_load_simulated(city, workspace):
    with city(results=results(week(MONDAY, [10]))) as warehouse:
        assert one(warehouse, "select is_simulated from loads") is False
        warehouse.connection.execute("update flows set is_simulated = true").fetchall()
        estimate(warehouse)
        assert one(warehouse, "select is_simulated from loads") is True


# --- below and above limits ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "limits", "limit"),
    [("<LOD", "0.5,2", 0.5), ("<LOD", ",2", 2), ("<LOQ", "0.5,2", 2), ("<0.8", "0.5,2", 0.8), ("未检出", "0.5,2", 0.5)],
)
def test_a_value_lies_below_the_limit_its_qualifier_names(city, value, limits, limit):
    with city(results=results(week(MONDAY, [value], limits=limits))) as warehouse:
        row = warehouse.query("select limit_ng_per_l, load_limit_mg_per_day_per_1000, is_censored from loads").row(0)
        assert row == (limit, pytest.approx(limit), True)
        amounts = dict(warehouse.query("select protocol, amount_mg_per_day_per_1000 from consumption").rows())
        # By likelihood a day below its limit has no amount of its own; nobody counted inhabitants by cotinine.
        half = limit / 2
        assert amounts == {
            "euda": 0, "half-loq": pytest.approx(half * FACTOR), "permille": None, "statcan": pytest.approx(half)
        }  # fmt: skip


def test_a_value_above_the_range_of_the_method_gives_no_load(city):
    with city(results=results(week(MONDAY, [">500", "NA", 10]))) as warehouse:
        rows = warehouse.query("select state, reason from loads order by sampled_on").rows()
        assert rows == [
            ("not estimable", "above_upper_limit"), ("not estimable", "not_measured"), ("estimated", None)
        ]  # fmt: skip
        rows = warehouse.query("select reason from consumption where protocol = 'permille' order by sampled_on").rows()
        assert rows == [("above_upper_limit",), (None,)]


@pytest.mark.parametrize("protocol", ["permille", "euda"])
def test_a_mean_without_its_highest_days_is_not_told(city, protocol):
    """Five days at 100 and two above the range: the mean of the five would be too low by nobody knows how much."""
    with city(results=results(week(MONDAY, [500] * 7), week(LATER, [100] * 5 + [">500"] * 2))) as warehouse:
        assert site_mean(warehouse, "reason", period="2024", protocol=protocol) == "above_upper_limit"
        assert changes(warehouse, protocol=protocol)["reason"] == "above_upper_limit"


def test_a_limit_nobody_delivered_leaves_the_period_not_estimable_except_where_it_counts_as_zero(city):
    with city(results=results(week(MONDAY, ["<LOQ", 10, 10, 10], limits=","))) as warehouse:
        assert site_mean(warehouse, "reason") == "limit_unknown"
        assert site_mean(warehouse) is None
        assert site_mean(warehouse, protocol="euda") == pytest.approx(7.5)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ([10, 10, 10, "<LOQ", "<LOQ", "<LOQ"], "weekdays_incomplete"),  # just half below: still an estimate
        ([10, 10, 10, "<LOQ", "<LOQ", "<LOQ", "<LOQ"], None),
        ([10, "<LOQ", "<LOQ", "<LOQ", "<LOQ"], "too_few_detects"),  # 80 % below may be
        ([10, "<LOQ", "<LOQ", "<LOQ", "<LOQ", "<LOQ"], "mostly_below_limit"),
        ([10, 10, "<LOQ", "<LOQ"], "too_few_detects"),
        ([10, 10], "weekdays_incomplete"),  # nothing below: nothing is read from the measured ones
        ([10] * 7, None),
    ],
)
def test_how_many_days_may_lie_below_their_limits(city, values, reason):
    with city(results=results(week(MONDAY, values))) as warehouse:
        assert site_mean(warehouse, "reason") == reason
        assert (site_mean(warehouse) is not None) == (reason in (None, "weekdays_incomplete"))


# --- residues, drugs, reported loads ---------------------------------------------------------------------------------


def test_a_drug_is_computed_from_its_default_residue_alone(city):
    with city(results=results(week(MONDAY, [2], residue="6-MAM"), week(MONDAY, [50], residue="morphine"))) as warehouse:
        row = warehouse.query("select residue, amount_mg_per_day_per_1000 from consumption where protocol = 'permille'"
                              " and drug = 'heroin'")  # fmt: skip
        assert row.rows() == [("6-mam", pytest.approx(2 * 369.41 / 327.37 / 0.013))]


def test_reported_loads_yield_to_measured_ones_of_the_same_site_residue_and_year(city):
    with city(
        results=results(week(MONDAY, [10])),
        reported=reported("S1 2023-05-01 METH 99", "S1 2024-05-01 METH 99", "S2 2023-05-01 METH 7"),
    ) as warehouse:
        rows = warehouse.query(
            "select site_id, sampling_year, origin, amount_mg_per_day_per_1000 from consumption"
            " where protocol = 'euda' order by all"
        ).rows()
    assert rows == [("S1", 2023, "measured", 10), ("S1", 2024, "reported", 99), ("S2", 2023, "reported", 7)]


def test_a_reported_load_takes_the_population_of_its_year_by_the_same_rank(city):
    held = people(
        "S1 census 1000  2022-12-31", "S1 design 5000 2023-01-01 ", "S1 served 3000 2023-01-01 2023-06-30",
        "S1 census 9000 2024-01-01 ",
    )  # fmt: skip
    with city(reported=reported("S1 2023-05-01 METH 99"), populations=held) as warehouse:
        assert set(warehouse.query("select population from consumption")["population"]) == {3000}


# --- areas -----------------------------------------------------------------------------------------------------------


def test_a_site_without_an_estimate_is_no_zero_in_its_area(city):
    with city(
        results=results(week(MONDAY, [10] * 7), week(MONDAY, ["<LOQ"] * 7, site="S2")),
        populations=people("S1 census 1000  ", "S2 census 9000  "),
    ) as warehouse:
        row = warehouse.query(
            "select mean_mg_per_day_per_1000, population, mass_mg_per_day, n_sites from area_periods"
            " where level = 'area' and period = '2023' and protocol = 'permille'"
        ).row(0)
    assert row == (pytest.approx(10 * FACTOR), 1000, pytest.approx(10 * FACTOR), 1)


def test_the_mass_of_an_area_needs_the_inhabitants_of_each_of_its_sites(city):
    with city(
        reported=reported("S1 2023-05-01 METH 10", "S2 2023-05-01 METH 20"), populations=people("S1 census 1000  ")
    ) as warehouse:
        row = warehouse.query(
            "select mean_mg_per_day_per_1000, population, mass_mg_per_day from area_periods"
            " where level = 'area' and period = '2023' and protocol = 'euda'"
        ).row(0)
    assert row == (15, None, None)


# --- changes ---------------------------------------------------------------------------------------------------------


def changes(warehouse: Warehouse, **where: str):
    chosen = {"level": "site", "unit_id": "S1", "protocol": "permille"} | where
    rows = between(warehouse, "2023", "2024").changes
    for name, value in chosen.items():
        rows = rows.filter(rows[name] == value)
    return rows.row(0, named=True)


def test_a_change_compares_the_weekdays_both_periods_have(city):
    """Monday to Wednesday 10, 20, 30 became half of it; a weekend was sampled before only, a Thursday now only."""
    before = [10, 20, 30, None, None, 100, 100]
    days = results(
        *(week(MONDAY + timedelta(days=n), [value]) for n, value in enumerate(before) if value is not None),
        week(LATER, [5, 10, 15, 400]),
    )
    with city(results=days) as warehouse:
        row = changes(warehouse)
        assert row["change_percent"] == pytest.approx(-50)
        assert row["baseline_mg_per_day_per_1000"] == pytest.approx(20 * FACTOR)
        assert row["reason"] == "weekdays_incomplete"
        plain = changes(warehouse, protocol="euda")
        assert plain["change_percent"] == pytest.approx(100 * (430 / 4 / 52 - 1))


def test_days_that_are_compared_must_keep_the_rules_of_the_protocol(city):
    """Monday to Thursday 100, Friday below; then Friday to Sunday 50: only Fridays are common."""
    days = results(week(MONDAY, [100] * 4 + ["<LOQ"]), week(LATER + timedelta(days=4), [50] * 3))
    with city(results=days) as warehouse:
        row = changes(warehouse)
        assert (row["change_percent"], row["reason"], row["n_sites"]) == (None, "too_few_detects", 0)


def test_days_are_counted_that_are_compared(city):
    days = results(week(MONDAY, [10, 20, 30, 40, "<LOQ"]), week(LATER, [10, 20, 30, 40]))
    with city(results=days) as warehouse:
        row = changes(warehouse)
        assert (row["n_days_baseline"], row["n_censored_baseline"], row["n_days_current"]) == (4, 0, 4)
        plain = changes(warehouse, protocol="euda")
        assert (plain["n_days_baseline"], plain["n_censored_baseline"], plain["n_days_current"]) == (5, 1, 4)


def test_without_sites_that_fell_below_their_limits_there_is_no_change(city):
    """S1 falls from 100 to nothing anybody can measure, S2 rises a little: a rise by 10 % would be far from true."""
    days = results(
        week(MONDAY, [100] * 7), week(MONDAY, [100] * 7, site="S2"),
        week(LATER, ["<LOQ"] * 7), week(LATER, [110] * 7, site="S2"),
    )  # fmt: skip
    with city(results=days) as warehouse:
        row = changes(warehouse, level="network", unit_id="network")
        assert (row["change_percent"], row["ci_low_percent"], row["verdict"]) == (None, None, "not estimable")
        assert (row["panel"], row["n_sites_left_out"], row["reason"]) == ("S2", 1, "sites_lost_to_limits")
        plain = changes(warehouse, level="network", unit_id="network", protocol="euda")
        assert (plain["change_percent"], plain["reason"]) == (pytest.approx(-45), None)


@pytest.mark.parametrize(
    ("before", "state"),
    [
        (4, "estimated"),  # 1,100 / 1,004 at least: 0.4 % off
        (60, "not estimable"),  # 1,100 / 1,060 at least: 5.7 % off
    ],
)
def test_sites_below_limits_that_hardly_matter_are_named(city, before, state):
    """And what they leave open is in the interval, which begins with the change were nothing left of them."""
    days = [week(MONDAY, [1000, 1200] * 3 + [1000], site="S2"), week(LATER, [1100, 1320] * 3 + [1100], site="S2")]
    with city(results=results(*days)) as warehouse:
        alone = changes(warehouse, level="network", unit_id="network")
    with city(results=results(*days, week(MONDAY, [before] * 7), week(LATER, ["<LOQ"] * 7))) as warehouse:
        row = changes(warehouse, level="network", unit_id="network")
    mean = (4 * 1000 + 3 * 1200) / 7
    low, high = 1.1 * mean / (mean + before), (1.1 * mean + 1) / (mean + before)
    assert (row["state"], row["n_sites_left_out"], row["reason"]) == (state, 1, "sites_lost_to_limits")
    assert row["change_percent"] == (pytest.approx(10) if state == "estimated" else None)
    assert (row["by_limits_low_percent"], row["by_limits_high_percent"]) == (
        pytest.approx(100 * (low - 1)), pytest.approx(100 * (high - 1))
    )  # fmt: skip
    assert (alone["by_limits_low_percent"], alone["by_limits_high_percent"]) == (None, None)
    if state == "estimated":
        assert 1 + row["ci_low_percent"] / 100 < (1 + alone["ci_low_percent"] / 100) * low / 1.1 * 1.001
        assert row["ci_high_percent"] >= alone["ci_high_percent"] * 0.999
        assert row["p_value"] > alone["p_value"]


def below_beside_a_half(limits: str) -> str:
    """S1 lies below its limits in both years, S2 halves."""
    return results(
        week(MONDAY, ["<LOQ"] * 7, limits=limits), week(MONDAY, [200] * 7, site="S2"),
        week(LATER, ["<LOQ"] * 7, limits=limits), week(LATER, [100] * 7, site="S2"),
    )  # fmt: skip


def test_sites_below_limits_in_both_periods_may_be_most_of_an_area(city):
    """S1 is known to lie below 500 in both years: that S2 halved says little of the two of them."""
    with city(results=below_beside_a_half(limits="500,500")) as warehouse:
        row = changes(warehouse, level="network", unit_id="network")
        assert (row["state"], row["reason"]) == ("not estimable", "sites_lost_to_limits")
        assert row["by_limits_low_percent"] == pytest.approx(100 * (100 / 700 - 1))
        assert row["by_limits_high_percent"] == pytest.approx(100 * (600 / 200 - 1))


def test_sites_that_nothing_is_known_of_take_no_change_away(city):
    with city(results=below_beside_a_half(limits=",")) as warehouse:
        row = changes(warehouse, level="network", unit_id="network")
        assert (row["change_percent"], row["reason"]) == (pytest.approx(-50), None)


def test_what_is_gone_is_told_by_its_limits(city):
    with city(results=results(week(MONDAY, [100] * 7), week(LATER, ["<LOQ"] * 7))) as warehouse:
        row = changes(warehouse)
        assert (row["state"], row["change_percent"]) == ("not estimable", None)
        assert (row["by_limits_low_percent"], row["by_limits_high_percent"]) == (-100, pytest.approx(-99))


@pytest.mark.parametrize("protocol", ["half-loq", "statcan"])
def test_one_day_has_a_mean_and_no_interval(city, protocol):
    """And stops no run: its t has no degrees of freedom."""
    with city(results=results(week(MONDAY, [100]), week(LATER, [50]))) as warehouse:
        row = changes(warehouse, protocol=protocol)
        assert (row["change_percent"], row["ci_low_percent"], row["days_df"]) == (pytest.approx(-50), None, None)
        means = warehouse.query(
            "select days_df, days_log_variance from site_periods where protocol = $p", {"p": protocol}
        )
        assert means.height
        assert means.null_count().row(0) == (means.height, means.height)


def test_a_site_that_joined_is_not_one_that_was_lost(city):
    days = results(week(MONDAY, [100] * 7), week(LATER, [50] * 7), week(LATER, [50] * 7, site="S2"))
    with city(results=days) as warehouse:
        row = changes(warehouse, level="network", unit_id="network")
        assert (row["n_sites_left_out"], row["reason"]) == (1, None)


def test_that_somebody_did_not_measure_takes_nothing_away_from_somebody_who_did(city):
    with city(
        results=results(week(MONDAY, [10, 20, 30])), results_again=results(week(MONDAY, ["", 25, "NA"]))
    ) as warehouse:
        values = warehouse.query("select concentration_ng_per_l as c from loads order by sampled_on")["c"].to_list()
    assert values == [10, 25, 30]


def test_a_simulated_population_makes_its_load_simulated(city):
    with city(results=results(week(MONDAY, [10]))) as warehouse:
        warehouse.connection.execute("update populations set is_simulated = true").fetchall()
        estimate(warehouse)
        assert one(warehouse, "select is_simulated from loads") is True


def test_which_periods_can_be_compared(city):
    with city(results=results(week(MONDAY, [10] * 7), week(LATER, [10] * 7))) as warehouse:
        of = estimates.compared_periods
        assert of(warehouse, "first", "last") == ("2023", "2024")
        assert of(warehouse, "previous", "2024") == ("2023", "2024")
        assert of(warehouse, "year-before", "2024-Q1") == ("2023-Q1", "2024-Q1")
        assert of(warehouse, "year-before", "2024-03-04..2024-03-10") == (
            "2023-03-06..2023-03-12",
            "2024-03-04..2024-03-10",
        )
        for baseline, current, said in (
            ("2024", "2024-Q1", "2024 and 2024-Q1 have days in common"),
            ("2024", "last", "both mean 2024"),
            ("previous", "2024-03", "no data in the period 2024-02; there are in 2023-03, 2024-03"),
            ("2022-01-01..2022-02-01", "last", "there are from 2023-03-06 to 2024-03-10"),
        ):
            with pytest.raises(estimates.PeriodError, match=said):
                of(warehouse, baseline, current)


def test_periods_without_a_common_weekday_are_not_compared(city):
    days = results(week(MONDAY, [10, 10, 10]), week(LATER + timedelta(days=3), [5, 5, 5]))
    with city(results=days) as warehouse:
        row = changes(warehouse)
        assert (row["state"], row["reason"], row["change_percent"]) == ("not estimable", "no_common_weekday", None)


def test_weights_are_those_of_the_baseline(city):
    days = results(
        week(MONDAY, [10] * 7), week(MONDAY, [10] * 7, site="S2"),
        week(LATER, [5] * 7), week(LATER, [10] * 7, site="S2"),
    )  # fmt: skip
    held = people("S1 census 1000  2023-12-31", "S1 census 8000 2024-01-01 ", "S2 census 3000  ")
    with city(results=days, populations=held) as warehouse:
        row = changes(warehouse, level="network", unit_id="network")
        # S1: 10, then 5 over 8,000 people instead of 1,000; S2: 10 / 3, unchanged. Weights 1 and 3.
        before, now = (10 * 1 + 10 / 3 * 3) / 4, (5 / 8 * 1 + 10 / 3 * 3) / 4
        assert row["change_percent"] == pytest.approx(100 * (now / before - 1))


def test_a_panel_weighted_by_population_needs_the_population_of_each_site(city):
    loads = [
        f"{site} {year}-05-0{day} METH 10" for site in ("S1", "S2") for year in (2023, 2024) for day in range(1, 8)
    ]
    with city(reported=reported(*loads), populations=people("S1 census 1000  ")) as warehouse:
        network = {"level": "network", "unit_id": "network"}
        assert changes(warehouse, **network)["reason"] == "no_population"
        assert changes(warehouse, **network, protocol="euda")["change_percent"] == pytest.approx(0)
        assert changes(warehouse, unit_id="S2")["change_percent"] == pytest.approx(0)
