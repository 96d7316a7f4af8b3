"""Intervals of published levels: the parts of their variance by hand; what is shared does not shrink with numbers."""

import math
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from scipy.integrate import quad
from scipy.stats import norm, t

from pipeline import estimates, explain
from pipeline.statistics.intervals import log_interval, student_quantile, t_interval
from pipeline.warehouse import Warehouse
from tests.unit.pipeline.test_estimates import FACTOR, MONDAY, city, people, reported, results, week
from tests.unit.pipeline.test_explain import archive

__all__ = ["city"]
# The relative standard deviations of schemas/uncertainty/2026.csv.
SAMPLING, ANALYSIS, BATCH, LABORATORY, FLOW, CENSUS = 0.10, 0.08, 0.08, 0.10, 0.10, 0.10
METHAMPHETAMINE = 0.10  # 0.39 to 0.43 gives 0.028, less than is ever believed
VALUES = [8.82, 12.87, 12.45, 28.11, 26.8, 10.5, 9.13]


def one(warehouse, table, *where):
    rows = warehouse.read(table).filter(pl.col("protocol") == "permille", *where)
    assert rows.height == 1
    return rows.row(0, named=True)


def test_published_intervals_of_a_week():
    """Statistics Canada, table 13-10-0871: mean, SE, low, high; tolerance 0.05 as the figures are rounded."""
    published = [
        (1492.36, 146.72, 1133.36, 1851.36), (1345.74, 59.92, 1199.12, 1492.36), (159.94, 5.68, 146.06, 173.80),
        (825.82, 54.64, 692.12, 959.54), (1364.06, 65.06, 1204.90, 1523.24),
    ]  # fmt: skip
    mean, error, low, high = np.array(published).T
    found = t_interval(mean, error, np.full(len(mean), 6.0))
    np.testing.assert_allclose(found, (low, high), atol=0.05)


def test_published_sums_of_uncertainty():
    """A template in use: sampling 10 %, analysis 10, flow 5, population 20: 25.0 % for a day, 23.2 % for seven."""
    for n, total in ((1, 0.250), (7, 0.2322), (28, 0.2299)):
        shared = 0.10**2 + 0.05**2 + 0.20**2
        low, high = log_interval(np.array([1.0]), np.array([0.0]), np.array([np.inf]), np.array([0.10**2 / n + shared]))
        assert math.log(high[0] / low[0]) / 2 / 1.959964 == pytest.approx(total, abs=5e-5)


def test_few_days_widen_an_interval_only_as_far_as_it_rests_on_them():
    alone, _ = log_interval(np.array([1.0]), np.array([0.04]), np.array([6.0]), np.array([0.0]))
    beside, _ = log_interval(np.array([1.0]), np.array([0.04]), np.array([6.0]), np.array([0.96]))
    assert -math.log(alone[0]) == pytest.approx(2.44691 * 0.2, rel=1e-5)
    assert -math.log(beside[0]) == pytest.approx(1.96, abs=0.03)
    assert np.isnan(student_quantile(np.array([np.nan]))[0])


def test_the_interval_of_a_day_is_made_of_its_parts(city, workspace):
    with city(results=results(week(MONDAY, VALUES))) as warehouse:
        day = one(warehouse, "consumption", pl.col("sampled_on") == MONDAY)
        parts = [SAMPLING, ANALYSIS, BATCH, LABORATORY, FLOW, CENSUS, METHAMPHETAMINE]
        ratio = math.exp(1.959963984540054 * math.sqrt(sum(part**2 for part in parts)))
        amount = VALUES[0] * FACTOR
        assert day["ci_low_mg_per_day_per_1000"] == pytest.approx(amount / ratio)
        assert day["ci_high_mg_per_day_per_1000"] == pytest.approx(amount * ratio)
        found = explain.explain_day(warehouse, archive(workspace), "S1", "methamphetamine", MONDAY, "permille")
        assert sum(part.share for part in found.budget) == pytest.approx(1)
        assert {part.component: part.rsd for part in found.budget} == pytest.approx(
            {"sampling": 0.10, "analysis": 0.08, "batch": 0.08, "laboratory": 0.10, "flow": 0.10, "population": 0.10,
             "factor": 0.10}
        )  # fmt: skip
        assert {part.component: part.shared_over for part in found.budget}["batch"] == "one batch"
        residue = explain.explain_day(warehouse, archive(workspace), "S1", "methamphetamine", MONDAY, "euda")
        assert residue.budget == []


def test_days_of_a_series_mostly_below_its_limits_have_no_interval(city):
    with city(
        results=results(week(MONDAY, [10, "<LOQ", "<LOQ"]), week(MONDAY, [10, 10, 10, "<LOQ"], "S2"))
    ) as warehouse:
        rows = warehouse.read("consumption").filter(
            pl.col("protocol") == "permille", pl.col("amount_mg_per_day_per_1000").is_not_null()
        )
    has_interval = dict(rows.group_by("site_id").agg(pl.col("ci_low_mg_per_day_per_1000").is_not_null().all()).rows())
    assert has_interval == {"S1": False, "S2": True}


def test_one_week_alone_keeps_its_rhythm_in_its_interval(city):
    """Nothing to learn a rhythm from: the week's own spread, Student's quantile, and what days share."""
    with city(results=results(week(MONDAY, VALUES))) as warehouse:
        row = one(warehouse, "site_periods", pl.col("period") == "2023")
        spread = one(warehouse, "day_spreads")
    assert not spread["has_rhythm"]
    assert row["mean_mg_per_day_per_1000"] == pytest.approx(np.mean(VALUES) * FACTOR)
    assert row["days_log_variance"] == pytest.approx(np.expm1(spread["between_day_log_sd"] ** 2) / 7)
    # The standard deviation of the logarithms and its six degrees of freedom.
    assert spread["between_day_log_sd"] == pytest.approx(np.std(np.log(VALUES), ddof=1), rel=0.01)
    assert spread["between_day_df"] == pytest.approx(6, abs=0.2)
    shared = (BATCH, LABORATORY, FLOW, CENSUS, METHAMPHETAMINE)
    assert [row[f"{n}_log_variance"] for n in ("batch", "laboratory", "flow", "population", "factor")] == pytest.approx(
        [part**2 for part in shared]
    )
    # t of the days and what is shared, added as distributions: 5 % lie beyond the ends.
    half = math.log(row["ci_high_mg_per_day_per_1000"] / row["mean_mg_per_day_per_1000"])
    rest, days = math.sqrt(sum(part**2 for part in shared)), math.sqrt(row["days_log_variance"])
    within, _ = quad(
        lambda x: (norm.cdf((half - days * x) / rest) - norm.cdf((-half - days * x) / rest)) * t.pdf(x, row["days_df"]),
        -60, 60, limit=400,
    )  # fmt: skip
    assert within == pytest.approx(0.95, abs=1e-4)
    assert row["ci_low_mg_per_day_per_1000"] == pytest.approx(row["mean_mg_per_day_per_1000"] * math.exp(-half))


def test_the_protocol_that_prescribes_it_gets_t_of_its_days(city):
    with city(results=results(week(MONDAY, VALUES))) as warehouse:
        row = warehouse.read("site_periods").filter(
            pl.col("protocol") == "statcan", pl.col("period") == "2023"
        ).row(0, named=True)  # fmt: skip
    half = 2.446912 * np.std(VALUES, ddof=1) / math.sqrt(7)
    assert row["ci_low_mg_per_day_per_1000"] == pytest.approx(np.mean(VALUES) - half, rel=1e-6)
    assert row["ci_high_mg_per_day_per_1000"] == pytest.approx(np.mean(VALUES) + half, rel=1e-6)
    assert row["batch_log_variance"] is None


def test_what_sites_share_does_not_shrink_with_their_number(city):
    """Two sites of the same mass, one of 1000 and one of 3000 inhabitants: their laboratory is one, their meters two.

    An amount is a mass: by mass the two weigh alike. The number of inhabitants is their sum.
    """
    rows = results(week(MONDAY, [10] * 7), week(MONDAY, [10] * 7, "S2"))
    two = people("S1 census 1000  ", "S2 census 3000  ")
    with city(results=rows, populations=two) as warehouse:
        row = one(warehouse, "area_periods", pl.col("period") == "2023", pl.col("level") == "network")
    assert row["flow_log_variance"] == pytest.approx((0.5**2 + 0.5**2) * FLOW**2)
    assert row["population_log_variance"] == pytest.approx((0.25**2 + 0.75**2) * CENSUS**2)
    assert row["factor_log_variance"] == pytest.approx(METHAMPHETAMINE**2)
    assert row["laboratory_log_variance"] == pytest.approx(LABORATORY**2)
    assert row["batch_log_variance"] == pytest.approx(BATCH**2)


def test_several_batches_share_the_error_of_each(city):
    """Two campaigns of seven days, a batch each: half of the squared error of one; the laboratory's stays whole."""
    days = results(week(MONDAY, VALUES), week(MONDAY + timedelta(days=14), VALUES).replace(",B\n", ",C\n"))
    with city(results=days) as warehouse:
        year = one(warehouse, "site_periods", pl.col("period") == "2023")
        assert year["batch_shares"] == [0.5, 0.5]
        assert year["batch_log_variance"] == pytest.approx(BATCH**2 / 2)
        assert year["laboratory_log_variance"] == pytest.approx(LABORATORY**2)


def test_what_is_expected_below_limits_is_explained_and_agrees(city, workspace):
    values = [10, 12, "<LOQ", 9, "<LOQ", 14, 11, 8, "<LOQ", 13, 12, 9, 15, "<LOQ"]
    with city(results=results(week(MONDAY, values, limits="2,7"))) as warehouse:
        found = explain.explain_period(warehouse, archive(workspace), "S1", "methamphetamine", "2023", "permille")
        assert found.agrees
        below = found.days.filter(pl.col("is_censored"))["amount_mg_per_day_per_1000"]
        assert below.is_between(0, 7 * FACTOR, closed="none").all()
        assert below.len() == 4
        assert {part.component for part in found.budget} >= {"days", "batch", "factor"}
        half = one(warehouse, "site_periods", pl.col("period") == "2023")["mean_mg_per_day_per_1000"]
        assert half > 0


def test_units_change_nothing_but_the_unit(city):
    """Ten times the concentration is ten times the level and its interval; limits move along."""
    values = [10, 12, "<LOQ", 9, 20, 14, 11]
    tenfold = [value if isinstance(value, str) else 10 * value for value in values]
    days = results(week(MONDAY, values, limits="2,7"), week(MONDAY, tenfold, "S2", limits="20,70"))
    with city(results=days) as warehouse:
        here, there = (
            one(warehouse, "site_periods", pl.col("period") == "2023", pl.col("site_id") == site)
            for site in ("S1", "S2")
        )
    for name in ("mean", "ci_low", "ci_high"):
        column = f"{name}_mg_per_day_per_1000"
        assert there[column] == pytest.approx(10 * here[column], rel=1e-9)


def test_the_same_days_give_the_same_digits(city):
    values = [10, 12, "<LOQ", 9, 20, 14, 11]
    tables = ("day_spreads", "site_periods", "area_periods")
    with city(results=results(week(MONDAY, values, limits="2,7"))) as warehouse:
        before = [warehouse.query(f"select * from {table} order by all") for table in tables]
        for table in tables:
            estimates.compute(warehouse, table)
        after = [warehouse.query(f"select * from {table} order by all") for table in tables]
    assert all(a.equals(b) for a, b in zip(before, after, strict=True))


def test_bounds_are_the_days_with_nothing_and_with_the_limit_below_it(city):
    """Also of a site without an estimate, and of the area it is left out of."""
    seen, below = [10, 20, 30, 40, 50, 60, "<LOQ"], [70, *["<LOQ"] * 6]
    loq = 7
    with city(results=results(week(MONDAY, seen, limits="2,7"), week(MONDAY, below, "S2", limits="2,7"))) as warehouse:
        sites = [
            one(warehouse, "site_periods", pl.col("period") == "2023", pl.col("site_id") == s) for s in ("S1", "S2")
        ]
        area = one(warehouse, "area_periods", pl.col("period") == "2023", pl.col("level") == "network")
        amounts = warehouse.query("select distinct population from site_periods")["population"].to_list()
    lowest = [(sum(seen[:6]) + 0) / 7 * FACTOR, 70 / 7 * FACTOR]
    highest = [(sum(seen[:6]) + loq) / 7 * FACTOR, (70 + 6 * loq) / 7 * FACTOR]
    assert [row["at_least_mg_per_day_per_1000"] for row in sites] == pytest.approx(lowest)
    assert [row["at_most_mg_per_day_per_1000"] for row in sites] == pytest.approx(highest)
    assert lowest[0] < sites[0]["mean_mg_per_day_per_1000"] < highest[0]
    assert sites[1]["state"] == "not estimable"
    assert len(amounts) == 1, "the same inhabitants: the area's bounds are plain means"
    assert (area["n_sites"], area["n_sites_left_out"]) == (1, 1)
    assert area["at_least_mg_per_day_per_1000"] == pytest.approx(np.mean(lowest))
    assert area["at_most_mg_per_day_per_1000"] == pytest.approx(np.mean(highest))


def test_no_upper_bound_where_a_limit_is_unknown_or_a_day_above_the_range(city):
    with city(results=results(week(MONDAY, [10, 20, 30, 40, 50, 60, ">ULOQ"], limits="2,7"))) as warehouse:
        row = one(warehouse, "site_periods", pl.col("period") == "2023")
    assert row["state"] == "not estimable"
    assert row["at_most_mg_per_day_per_1000"] is None


def test_closed_forms_agree_with_drawn_errors(city):
    """Monte Carlo, seeded: each error drawn once for what shares it, put through the formula of an area's mean.

    Two sites of unequal size, two laboratories, of one of which both sites have a batch. The inhabitants are in the
    loads and in the weights.
    """
    days = [
        f"{site},{MONDAY + timedelta(days=n)},METH,{value},ng/L,0.5,1,{laboratory},{batch}\n"
        for site, first, laboratory, batch in (
            ("S1", 0, "North", "B1"), ("S1", 7, "North", "B2"), ("S2", 0, "North", "B1"), ("S2", 7, "South", "B1"),
        )
        for n, value in enumerate(VALUES, start=first)
    ]  # fmt: skip
    counts = people("S1 census 3000  ", "S2 census 1000  ")
    with city(results=results(*days), populations=counts) as warehouse:
        sites = [
            one(warehouse, "site_periods", pl.col("period") == "2023", pl.col("site_id") == s) for s in ("S1", "S2")
        ]
        area = one(warehouse, "area_periods", pl.col("period") == "2023", pl.col("level") == "network")
    rng = np.random.default_rng(2026)
    n = 400_000

    def drawn(sd: float) -> np.ndarray:
        return np.exp(sd * rng.standard_normal(n))

    batch = {key: drawn(BATCH) for key in (("North", "B1"), ("North", "B2"), ("South", "B1"))}
    laboratory = {name: drawn(LABORATORY) for name in ("North", "South")}
    factor = drawn(METHAMPHETAMINE)
    people_counted = [drawn(CENSUS) * inhabitants for inhabitants in (3000, 1000)]
    mass = sum(
        row["mean_mg_per_day_per_1000"] * inhabitants * drawn(math.sqrt(row["days_log_variance"])) * drawn(FLOW)
        * sum(
            share * batch[tuple(of)] * laboratory[of[0]]
            for *of, share in zip(row["laboratories"], row["batches"], row["batch_shares"], strict=True)
        )
        for row, inhabitants in zip(sites, (3000, 1000), strict=True)
    )  # fmt: skip
    mean = mass * factor / sum(people_counted) / area["mean_mg_per_day_per_1000"]
    parts = [
        area[f"{name}_log_variance"]
        for name in ("days", "spread", "batch", "laboratory", "flow", "population", "factor")
    ]
    assert area["spread_log_variance"] == 0, "nothing lies below a limit"
    assert np.log(mean).var() == pytest.approx(sum(parts), rel=0.02)
    normal = math.sqrt(sum(parts)) * 1.959964
    assert np.log(np.quantile(mean, [0.025, 0.975])) == pytest.approx([-normal, normal], rel=0.03)


def test_limits_far_above_the_level_move_nothing(city):
    """Days below a limit that all days lie below say nothing: neither the mean nor its interval runs away."""
    plain = [9, 10, 11, 12, 8, 13, 7] * 2
    days = results(
        week(MONDAY, plain), week(MONDAY + timedelta(days=14), ["<LOQ"] * 4, limits="10,30"),
        week(MONDAY, plain, "S2"), week(MONDAY + timedelta(days=14), ["<LOQ"] * 4, "S2", limits="10,1000"),
    )  # fmt: skip
    with city(results=days) as warehouse:
        rows = [
            one(warehouse, "site_periods", pl.col("period") == "2023", pl.col("site_id") == s) for s in ("S1", "S2")
        ]
    for row in rows:
        assert row["mean_mg_per_day_per_1000"] == pytest.approx(10 * FACTOR, rel=0.03)
        assert row["ci_high_mg_per_day_per_1000"] < 2 * row["mean_mg_per_day_per_1000"]
        assert row["spread_log_variance"] < 1e-3


def test_an_interval_that_says_nothing_is_none():
    low, high = log_interval(np.array([1.0]), np.array([0.0]), np.array([np.inf]), np.array([16.0]))
    assert np.isnan(low).all()
    assert np.isnan(high).all()


def test_an_area_has_no_interval_where_one_of_its_sites_has_none(city):
    """One day only: its spread is not known, however well the other site's is."""
    counts = people("S1 census 1000  ", "S2 census 100000  ")
    with city(results=results(week(MONDAY, VALUES), week(MONDAY, [10], "S2")), populations=counts) as warehouse:
        rows = warehouse.read("area_periods").filter(
            pl.col("protocol") == "statcan", pl.col("period") == "2023", pl.col("level") == "network"
        )
    assert rows["n_sites"].to_list() == [2]
    assert rows["mean_mg_per_day_per_1000"].null_count() == 0
    for column in ("ci_low_mg_per_day_per_1000", "ci_low_mg_per_day", "days_log_variance"):
        assert rows[column].to_list() == [None], column


def test_sites_without_inhabitants_are_left_out_and_counted_as_such(city):
    """A reported load of a site nobody counted: it has a mean of its own, and no weight in the network's."""
    own = week(MONDAY, VALUES)
    with city(
        results=results(own),
        reported=reported(*(f"S2 2023-03-{day} METH 5{day}" for day in range(13, 20))),
        populations=people("S1 census 1000  "),
    ) as warehouse:
        site = one(warehouse, "site_periods", pl.col("period") == "2023", pl.col("site_id") == "S2")
        area = one(warehouse, "area_periods", pl.col("period") == "2023", pl.col("level") == "network")
    assert site["state"] == "estimated"
    assert (area["n_sites"], area["n_sites_left_out"], area["n_days"]) == (1, 1, 7)
    assert area["mean_mg_per_day_per_1000"] == pytest.approx(np.mean(VALUES) * FACTOR)


def network(warehouse, *where):
    return one(warehouse, "area_periods", pl.col("period") == "2023", pl.col("level") == "network", *where)


def test_the_factors_error_is_about_the_fraction_in_use(tmp_path):
    """At the end of its range twice as far as in its middle; of MDMA 0.225 in 0.225 to 0.65."""
    with Warehouse.open(tmp_path / "w.duckdb") as warehouse:
        found = warehouse.query(
            "select correction_factor_log_sd(f, 0.2, 0.8, 0.1, 0.26) as sd from (values (0.2), (0.4), (0.8)) t(f)"
            " union all select correction_factor_log_sd(0.225, 0.225, 0.65, 0.1, 0.26)"
            " union all select correction_factor_log_sd(0.3, 0.3, 0.3, 0.1, 0.26)"
            " union all select correction_factor_log_sd(0.3, null, null, 0.1, 0.26)"
        )["sd"].to_list()
    middle = math.log(4) / math.sqrt(12)
    assert found == pytest.approx([2 * middle, middle, 2 * middle, math.log(0.65 / 0.225) / math.sqrt(3), 0.1, 0.26])


def test_sites_share_the_weekdays_they_lack(city):
    """Weekends only in one month: what the rhythm says they are off by is no smaller for two sites than for one."""
    full = [9, 9, 9, 9, 11, 13, 12]
    weeks = [(MONDAY + timedelta(days=7 * n), [v * (1 + n / 50) for v in full]) for n in range(-8, 4)]
    days = results(
        *(week(start, values, site) for site in ("S1", "S2") for start, values in weeks),
        *(week(date(2023, 5, 6) + timedelta(days=7 * n), [13, 12], site) for site in ("S1", "S2") for n in range(3)),
    )
    meters = "site_id,date,flow_m3_per_day\n" + "".join(
        f"{site},{date(2023, 1, 1) + timedelta(days=n)},1000\n" for site in ("S1", "S2") for n in range(160)
    )
    with city(results=days, flows=meters) as warehouse:
        site = one(warehouse, "site_periods", pl.col("period") == "2023-05", pl.col("site_id") == "S1")
        area = one(warehouse, "area_periods", pl.col("period") == "2023-05", pl.col("level") == "network")
        whole = network(warehouse)
        budget = explain.budget_of_period(warehouse, area)
    parts = {part.component: part for part in budget}
    assert parts["weekdays"].rsd == pytest.approx(site["weekdays_log_bias"])
    assert sum(part.share for part in budget) == pytest.approx(1)
    assert site["weekdays_log_bias"] > 0.1
    assert area["weekdays_log_bias"] == pytest.approx(site["weekdays_log_bias"])
    assert area["reason"] == "weekdays_incomplete"
    low, mean = area["ci_low_mg_per_day_per_1000"], area["mean_mg_per_day_per_1000"]
    assert low < np.mean(full) * FACTOR < mean, "the interval holds the mean of a whole week"
    assert math.log(mean / low) > 1.96 * site["weekdays_log_bias"]
    assert (whole["weekdays_log_bias"], whole["reason"]) == (0, None)


def test_a_mass_is_the_mean_of_the_days_masses(city, workspace):
    """20 mg on each of fourteen days, whoever is there: 500 or 2,000 people. Its mean a head is no help."""
    counts = people(
        *(f"S1 mobile {500 if n % 2 else 2000} {d} {d}" for n in range(14) for d in [MONDAY + timedelta(days=n)]),
    )
    with city(results=results(week(MONDAY, [20, 20] * 7)), populations=counts) as warehouse:
        found = explain.explain_period(warehouse, archive(workspace), "S1", "methamphetamine", "2023", "permille")
        assert all(step.agrees for step in found.steps)
        assert "mass_mg_per_day" not in [step.macro for step in found.steps], "no product of means"
        rows = warehouse.read("site_periods").filter(pl.col("period") == "2023")
        area = network(warehouse)
    mass = dict(rows.select("protocol", "mass_mg_per_day").iter_rows())
    assert mass["statcan"] == pytest.approx(20)
    assert mass["permille"] == pytest.approx(20 * FACTOR)
    assert area["mass_mg_per_day"] == pytest.approx(20 * FACTOR)
    assert area["mean_mg_per_day_per_1000"] == pytest.approx(25 * FACTOR), "40 and 10 mg/day/1000 in turn"


def test_sites_of_an_area_without_days_in_a_period_are_counted(city):
    first, later = week(MONDAY, VALUES), week(MONDAY + timedelta(days=364), VALUES)
    with city(results=results(first, week(MONDAY, VALUES, "S2"), later)) as warehouse:
        rows = warehouse.read("area_periods").filter(
            pl.col("level") == "network", pl.col("protocol") == "permille", pl.col("period_kind") == "year"
        )
    counted = rows.sort("period").select("period", "n_sites", "n_sites_left_out", "n_sites_without_days").rows()
    assert counted == [("2023", 2, 0, 0), ("2024", 1, 0, 1)]


def test_an_unnamed_laboratory_is_taken_to_be_one_for_all(city):
    days = results(week(MONDAY, VALUES), week(MONDAY, VALUES, "S2")).replace(",Lab,B\n", ",,\n")
    with city(results=days) as warehouse:
        area = network(warehouse)
    assert area["laboratory_log_variance"] == pytest.approx(LABORATORY**2)
    assert area["batch_log_variance"] == pytest.approx(BATCH**2)


def test_a_day_of_two_laboratories_is_half_of_each(city):
    """Site 2's days are measured by both: three quarters of the network are the first's, a quarter the second's."""
    both = week(MONDAY, VALUES, "S2") + week(MONDAY, VALUES, "S2").replace(",Lab,B\n", ",Lab2,C\n")
    with city(results=results(week(MONDAY, VALUES), both)) as warehouse:
        site = one(warehouse, "site_periods", pl.col("period") == "2023", pl.col("site_id") == "S2")
        area = network(warehouse)
    assert (site["laboratories"], site["batches"]) == (["Lab", "Lab2"], ["B", "C"])
    assert site["laboratory_log_variance"] == pytest.approx(LABORATORY**2 / 2)
    assert area["batch_log_variance"] == pytest.approx((0.75**2 + 0.25**2) * BATCH**2), "each beside its own batch"
    assert area["laboratory_log_variance"] == pytest.approx((0.75**2 + 0.25**2) * LABORATORY**2)


def test_a_laboratory_whose_name_holds_a_plus_is_one(city):
    days = results(week(MONDAY, VALUES), week(MONDAY, VALUES, "S2")).replace(",Lab,B\n", ",Inst A + B,B\n")
    with city(results=days) as warehouse:
        area = network(warehouse)
    assert area["laboratory_log_variance"] == pytest.approx(LABORATORY**2)
    assert area["batch_log_variance"] == pytest.approx(BATCH**2)


def test_inhabitants_of_whoever_reported_a_load_have_an_error_of_their_own(city):
    """Weights alike, a thousandfold difference of the loads: all of the amount is divided by the reporter's count."""
    loads = reported(
        *(f"{site} 2023-03-{day} METH {load}" for site, load in (("S1", 1000), ("S2", 1)) for day in range(13, 20))
    )
    with city(results=results(week(MONDAY, [1], residue="MDMA")), reported=loads) as warehouse:
        area = network(warehouse, pl.col("drug") == "methamphetamine")
    assert area["population_log_variance"] == pytest.approx((1 + 2 * 0.5**2) * CENSUS**2, rel=0.01)


def test_by_a_marker_the_flow_cancels_in_the_amounts_but_not_in_the_weights(city):
    """Two sites alike but for the drug: what is too much flow makes too many of the inhabitants of one site."""
    lines = [
        week(MONDAY, [load] * 7, site) + week(MONDAY, [7000000] * 7, site, residue="NH4-N")
        for site, load in (("S1", 1000), ("S2", 1))
    ]
    with city(
        results=results(*lines),
        sites="site_id,site_name,area_id,latitude,longitude\nS1,,A,,\nS2,,A,,\nS9,,A,,\n",
        populations=people("S9 census 1  "),
    ) as warehouse:
        area = network(warehouse)
    assert area["n_sites"] == 2
    assert area["flow_log_variance"] == pytest.approx(2 * 0.5**2 * FLOW**2, rel=0.01)


def test_sites_that_weigh_alike_leave_the_mass_without_an_interval(city):
    with city(results=results(week(MONDAY, VALUES), week(MONDAY, VALUES, "S2"))) as warehouse:
        protocols = warehouse.read("protocols").with_columns(
            area_weights=pl.when(pl.col("protocol") == "statcan").then(pl.lit("none")).otherwise("area_weights")
        )
        warehouse.replace("protocols", protocols)
        estimates.compute(warehouse, "area_periods")
        area = warehouse.read("area_periods").filter(
            pl.col("protocol") == "statcan", pl.col("period") == "2023", pl.col("level") == "network"
        ).row(0, named=True)  # fmt: skip
    assert area["mass_mg_per_day"] > 0
    assert area["ci_low_mg_per_day_per_1000"] is not None
    assert area["ci_low_mg_per_day"] is None


def test_an_area_has_no_mass_where_one_of_its_sites_has_none(city):
    """Of a series with days below limits and inhabitants that change no mass is known: nor is one of the area."""
    counts = people(
        *(f"S1 mobile {500 if n % 2 else 2000} {d} {d}" for n in range(7) for d in [MONDAY + timedelta(days=n)]),
        "S2 census 1000  ",
    )
    days = results(week(MONDAY, [*VALUES[:6], "<LOQ"], limits="0.5,5"), week(MONDAY, VALUES, "S2"))
    with city(results=days, populations=counts) as warehouse:
        protocols = warehouse.read("protocols").filter(pl.col("protocol") == "statcan").with_columns(
            below_limit=pl.lit("kaplan_meier"), weekday_rule=pl.lit("plain")
        )  # fmt: skip
        warehouse.replace("protocols", protocols)
        for table in ("consumption", "day_spreads", "site_periods", "area_periods"):
            estimates.compute(warehouse, table)
        sites = warehouse.read("site_periods").filter(pl.col("period") == "2023").sort("site_id")
        area = warehouse.read("area_periods").filter(pl.col("period") == "2023", pl.col("level") == "network")
    assert sites["mass_mg_per_day"].is_null().to_list() == [True, False]
    assert area["n_sites"].to_list() == [2]
    assert area["mass_mg_per_day"].to_list() == [None]


def test_at_least_holds_where_a_day_lies_above_the_range(city):
    """Six days of 600 and one of more than 500: 586 at least, not 600."""
    days = results(week(MONDAY, [600] * 6)) + f"S1,{MONDAY + timedelta(days=6)},METH,>500,ng/L,0.5,1,Lab,B\n"
    with city(results=days) as warehouse:
        row = one(warehouse, "site_periods", pl.col("period") == "2023")
    assert row["reason"] == "above_upper_limit"
    assert row["at_least_mg_per_day_per_1000"] == pytest.approx((6 * 600 + 500) / 7 * FACTOR)
    assert row["at_most_mg_per_day_per_1000"] is None


def test_days_above_the_range_are_own_loads_and_not_mixed_with_reported_ones(city):
    own = results() + f"S1,{MONDAY},METH,>500,ng/L,0.5,1,Lab,B\n"
    loads = reported(*(f"S1 2023-03-{day} METH 50" for day in range(13, 16)))
    with city(results=own, reported=loads) as warehouse:
        row = one(warehouse, "site_periods", pl.col("period") == "2023")
    assert (row["origin"], row["n_days"], row["reason"]) == ("measured", 1, "above_upper_limit")


def test_a_month_with_one_measured_day_of_a_years_many_says_so(city):
    """The year decides what is published; that this month's figure rests on it is told."""
    full = [week(MONDAY + timedelta(days=7 * n), VALUES) for n in range(3)]
    below = week(date(2023, 4, 3), [9, *["<LOQ"] * 6], limits="3,9")
    meters = "site_id,date,flow_m3_per_day\n" + "".join(
        f"S1,{date(2023, 3, 1) + timedelta(days=n)},1000\n" for n in range(60)
    )
    with city(results=results(*full, below), flows=meters) as warehouse:
        april = one(warehouse, "site_periods", pl.col("period") == "2023-04")
        march = one(warehouse, "site_periods", pl.col("period") == "2023-03")
    assert (april["state"], april["flags"]) == ("estimated", "few_detects")
    assert march["flags"] is None
