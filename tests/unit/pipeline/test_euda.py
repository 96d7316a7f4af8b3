"""EUDA's own file: our means of its daily values against the means it publishes, and its arithmetic for changes."""

from datetime import datetime

import polars as pl
import pytest

from pipeline.changes import between
from pipeline.credibility import judged
from pipeline.identity import place_id
from pipeline.intake import take_in
from pipeline.plausibility import implausible
from pipeline.series import series
from pipeline.settings import make_workspace
from pipeline.warehouse import Warehouse
from schemas.credibility import EXPLANATIONS
from tests.conftest import estimate, lay, shared

DAYS = ["Wednesday", "Thursday", "Friday", "Saturday", "Sunday", "Monday", "Tuesday"]
RESIDUES = {"cocaine": "benzoylecgonine", "MDMA": "mdma", "cannabis": "thc-cooh"}
TOLERANCE = 0.011  # the published means are rounded to two digits


@pytest.fixture(scope="module")
def published():
    return pl.read_csv(shared("euda/ww2025-all-data.csv"), null_values=["NA"])


@pytest.fixture(scope="module")
def warehouse(published, tmp_path_factory):
    here = make_workspace(tmp_path_factory.mktemp("euda"))
    for name in ("ww2025-all-data.csv", "ww2025-site-info-table.csv"):
        lay(here, name, shared(f"euda/{name}").read_bytes(), datetime(2025, 6, 1))  # noqa: DTZ001
    take_in(here)
    with Warehouse.open(here.warehouse) as opened:
        estimate(opened)
        yield opened


@pytest.fixture(scope="module")
def compared(warehouse, published):
    """Our yearly means by the euda protocol beside the published ones, of all complete weeks outside 2021."""
    ours = warehouse.query(
        "select site_id, residue, sampling_year, n_days, mean_mg_per_day_per_1000 as daily,"
        " weekday_mean_mg_per_day_per_1000 as weekday, weekend_mean_mg_per_day_per_1000 as weekend"
        " from site_periods where protocol = 'euda' and period_kind = 'year'"
    )
    theirs = published.filter(pl.all_horizontal(pl.col(DAYS).is_not_null()) & (pl.col("Year") != 2021)).select(
        pl.concat_str("Country", "City", separator=" ").map_elements(place_id, return_dtype=pl.String).alias("site_id"),
        pl.col("Metabolite").replace(RESIDUES).alias("residue"),
        pl.col("Year").cast(pl.Int32).alias("sampling_year"),
        pl.col("Daily mean").alias("published_daily"),
        pl.col("Weekday mean").alias("published_weekday"),
        pl.col("Weekend mean").alias("published_weekend"),
    )
    joined = theirs.join(ours, on=["site_id", "residue", "sampling_year"], how="left")
    assert joined["daily"].null_count() == 0, "a complete week has no mean of ours"
    return joined


def test_every_daily_value_is_taken_in_and_gaps_stay_gaps(warehouse, published):
    rows = warehouse.read("reported_loads")
    values = published.select(DAYS).unpivot()["value"]
    assert rows.height == published.height * 7
    assert rows.filter(pl.col("qualifier") != "not measured").height == values.drop_nulls().len() == 30_283
    assert rows.filter(pl.col("qualifier") == "<LOQ").height == (values == 0).sum() == 2_393
    assert warehouse.count("quarantine") == 0


def test_populations_in_scientific_notation_are_numbers(warehouse):
    rows = warehouse.read("populations").filter(pl.col("value_as_written") == "9e+05")
    assert rows.height > 0
    assert set(rows["population"]) == {900_000}


def test_our_means_are_the_published_ones(compared):
    within = {
        name: ((compared[name] - compared[f"published_{name}"]).abs() <= TOLERANCE).sum()
        for name in ("daily", "weekday", "weekend")
    }
    print(f"complete weeks outside 2021: {compared.height}; within {TOLERANCE}: {within}")  # noqa: T201
    assert compared.height > 3_500
    assert within["daily"] / compared.height >= 0.99
    assert within["weekday"] / compared.height >= 0.97
    assert within["weekend"] / compared.height >= 0.97


@pytest.mark.parametrize(
    ("city", "residue", "weekday", "weekend", "daily"),
    [
        ("Graz", "mdma", 10.27, 19.47, 15.53),
        ("Innsbruck", "mdma", 13.36, 29.72, 22.71),
        ("Barcelona", "ketamine", 56.25, 55.74, 55.96),
    ],
)
def test_published_weeks_of_2024(compared, published, city, residue, weekday, weekend, daily):
    """Literals from the published file; the city of each site is unique here."""
    country = published.filter((pl.col("City") == city) & (pl.col("Year") == 2024))["Country"][0]
    site = place_id(f"{country} {city}")
    row = compared.filter(
        (pl.col("site_id") == site) & (pl.col("residue") == residue) & (pl.col("sampling_year") == 2024)
    ).row(0, named=True)
    assert row["weekday"] == pytest.approx(weekday, abs=TOLERANCE)
    assert row["weekend"] == pytest.approx(weekend, abs=TOLERANCE)
    assert row["daily"] == pytest.approx(daily, abs=TOLERANCE)


def test_change_and_class_as_euda_publishes_them(warehouse):
    """Graz MDMA 2024 on 2023: -34.56 %, decrease; Hall-Wattens -7.36 %, stable; Innsbruck +16.04 %, increase."""
    rows = between(warehouse, "2023", "2024").changes.filter(
        (pl.col("protocol") == "euda") & (pl.col("drug") == "mdma") & (pl.col("level") == "site")
    )
    found = {row["unit_id"]: row for row in rows.iter_rows(named=True)}
    for site, change, published_class in (
        ("at-graz", -34.5554150863885, "decrease"),
        ("at-hall-wattens", -7.3587385019711, "stable"),
        ("at-innsbruck", 16.0449667858968, "increase"),
    ):
        # Published from means rounded to two digits.
        assert found[site]["change_percent"] == pytest.approx(change, abs=0.15)
        assert found[site]["published_class"] == published_class


def test_a_baseline_of_zero_is_not_estimable_and_nothing_is_infinite(warehouse):
    rows = between(warehouse, "2023", "2024").changes.filter(pl.col("protocol") == "euda")
    zero = rows.filter(pl.col("baseline_mg_per_day_per_1000") == 0)
    assert zero.height > 0
    assert set(zero["state"]) == {"not estimable"}
    assert set(zero["reason"]) == {"baseline_zero"}
    assert not rows["change_percent"].is_infinite().any()
    assert not rows["naive_change_percent"].is_infinite().any()


def test_the_network_mean_over_the_sites_present_in_every_year(warehouse, published):
    """As EUDA publishes its aggregate: sites weigh alike. Of cocaine 2011 to 2024 there are seven of them."""
    found = series(warehouse, "network", "cocaine", "euda", "year", panel="complete", weights="none")
    days = pl.mean_horizontal(DAYS)
    yearly = (
        published.filter(pl.col("Metabolite") == "cocaine").select("Country", "City", "Year", mean=days).drop_nulls()
    )
    in_all = yearly.filter(pl.col("Year").n_unique().over("Country", "City") == yearly["Year"].n_unique())
    expected = in_all.group_by("Year").agg(pl.col("mean").mean(), pl.len()).sort("Year")
    assert found["period"].to_list() == [str(year) for year in range(2011, 2025)]
    assert set(found["n_sites"]) == set(expected["len"]) == {7}
    assert found["mean_mg_per_day_per_1000"].to_list() == pytest.approx(expected["mean"].to_list())


def test_how_many_of_the_changes_beyond_ten_percent_a_week_can_support(warehouse):
    """Cities and drugs, 2023 to 2024, by EUDA's rule and by our verdict on the same days (docs/changes.md)."""
    rows = between(warehouse, "2023", "2024").changes.filter(pl.col("level") == "site")
    theirs = rows.filter(pl.col("protocol") == "euda")
    ours = rows.filter(pl.col("protocol") == "permille").select("unit_id", "drug", "verdict")
    both = theirs.join(ours, on=["unit_id", "drug"], how="left", suffix="_of_ours")
    counted = dict(both["published_class"].value_counts().drop_nulls().iter_rows())
    supported = both.filter(
        ((pl.col("published_class") == "increase") & (pl.col("verdict_of_ours") == "rise"))
        | ((pl.col("published_class") == "decrease") & (pl.col("verdict_of_ours") == "fall"))
    )
    against = both.filter(
        ((pl.col("published_class") == "increase") & (pl.col("verdict_of_ours") == "fall"))
        | ((pl.col("published_class") == "decrease") & (pl.col("verdict_of_ours") == "rise"))
    )
    assert against.is_empty()
    assert supported.height < 0.4 * (counted["increase"] + counted["decrease"])


@pytest.fixture(scope="module")
def explained(warehouse):
    """All changes from 2023 to 2024 by EUDA's arithmetic, and all tests of them."""
    both = judged(warehouse, between(warehouse, "2023", "2024"))
    return both.changes.filter(protocol="euda"), both.credibility.filter(protocol="euda")


def test_each_change_has_each_explanation_once_and_no_number_outside_its_domain(explained):
    changes, tests = explained
    n_changes = changes.filter(state="estimated").height
    assert changes.filter(level="site", state="estimated").height == 426
    assert tests.height == n_changes * len(EXPLANATIONS)
    assert tests.select("level", "unit_id", "drug", "explanation").is_unique().all()
    assert set(tests["explanation"]) == set(EXPLANATIONS)
    assert (
        not tests.select(pl.any_horizontal(pl.col(pl.Float64).is_nan() | pl.col(pl.Float64).is_infinite()))
        .to_series()
        .any()
    )
    assert tests["change_without_percent"].min() >= -100
    assert (tests["n_affected"] <= tests["n_tested"]).all()
    untested = tests.filter(outcome="not tested")
    assert untested["change_without_percent"].null_count() == untested.height
    shares = tests.filter(pl.col("explanation").is_in(["laboratory", "weekdays", "months"]))
    assert shares.select(pl.col("value_baseline", "value_current").is_between(0, 100).all()).row(0) == (True, True)
    days = tests.filter(pl.col("explanation") == "single_day", pl.col("value_baseline").is_not_null())
    without = pl.col("change_without_percent")
    assert days.select(without.is_between("value_baseline", "value_current").all()).item()


def test_what_an_explanation_makes_and_what_it_leaves_are_the_change(explained):
    changes, tests = explained
    both = tests.join(changes.select("level", "unit_id", "drug", "change_percent"), on=["level", "unit_id", "drug"])
    known = both.filter(pl.col("change_without_percent").is_not_null())
    assert known.height > 1000
    off = known["change_without_percent"] + known["could_explain_percent"] - known["change_percent"]
    assert off.abs().max() < 1e-9
    found = known.filter(pl.col("outcome") == "all of it", pl.col("explanation") == "single_day")
    assert found.height > 0
    log_change, log_without = ((1 + pl.col(f"change{of}_percent") / 100).log() for of in ("", "_without"))
    # It makes half, and leaves less than 10 % either way: EUDA's protocol has no interval.
    assert found.select(((log_change - log_without).abs() >= log_change.abs() / 2 - 1e-9).all()).item()
    assert found.select((log_without * log_change.sign() <= 0.1 + 1e-9).all()).item()


def test_the_verdict_follows_from_the_rows_and_nothing_else(explained):
    changes, tests = explained
    outcomes = {
        key: set(of["outcome"]) for key, of in tests.partition_by("level", "unit_id", "drug", as_dict=True).items()
    }
    said = {(row["level"], row["unit_id"], row["drug"]): row["credibility"] for row in changes.iter_rows(named=True)}
    for key, overall in said.items():
        of = outcomes.get(key)
        if of is None:
            assert overall is None, key
        elif "all of it" in of:
            assert overall == "not supported", key
        elif {"part of it", "not tested"} & of:
            assert overall == "stands with reservations", key
        else:
            assert overall == "stands", key
    assert set(said.values()) == {"not supported", "stands with reservations", None}


@pytest.mark.parametrize(
    ("city", "country", "residue", "year", "day", "change", "without"),
    [
        # MDMA, Monday 339.26 of 2023; the other six days 201.03 together. 2024: 259.48 over seven days.
        (
            "Dortmund",
            "Germany",
            "mdma",
            2023,
            "Monday",
            100 * (259.48 / 540.29 - 1),
            100 * (259.48 / 7 / (201.03 / 6) - 1),
        ),
        # Ketamine, Friday 19.35 of 2024; the other six 5.18. 2023: 6.30 over seven days.
        ("Limassol", "Cyprus", "ketamine", 2024, "Friday", 100 * (24.53 / 6.30 - 1), 100 * (5.18 / 6 / 0.90 - 1)),
        # MDMA, Monday 846.14 of 2024; the other six 1131.44. 2023: 1361.90 over seven days.
        (
            "Amsterdam",
            "Netherlands",
            "mdma",
            2024,
            "Monday",
            100 * (1977.58 / 1361.90 - 1),
            100 * (1131.44 / 6 / (1361.90 / 7) - 1),
        ),
    ],
)
def test_days_that_make_a_change_by_hand(explained, published, city, country, residue, year, day, change, without):
    """The one day that is left out is the largest of the file's row; what is left is arithmetic on that row."""
    raw = published.filter(pl.col("City").str.starts_with(city), pl.col("Metabolite").str.to_lowercase() == residue)
    week = raw.filter(pl.col("Year") == year).select(DAYS).row(0, named=True)
    assert max(week, key=week.get) == day
    changes, tests = explained
    site = place_id(f"{raw['Country'][0]} {raw['City'][0]}")
    of_it = tests.filter(level="site", unit_id=site, drug=residue, explanation="single_day").row(0, named=True)
    assert changes.filter(level="site", unit_id=site, drug=residue)["change_percent"].item() == pytest.approx(change)
    assert of_it["change_without_percent"] == pytest.approx(without)
    assert of_it["outcome"] == "all of it"
    assert of_it["subject"] == site


def test_a_week_of_five_days_by_hand(explained):
    """Auckland: no Tuesday and no Thursday in 2023, so that of five days two are Saturday and Sunday, then of seven."""
    _, tests = explained
    row = tests.filter(level="site", unit_id="nz-auckland", drug="mdma", explanation="weekdays").row(0, named=True)
    assert (row["value_baseline"], row["value_current"]) == (pytest.approx(40), pytest.approx(200 / 7))
    assert row["outcome"] == "part of it"


def test_weeks_with_zeros_are_not_estimable_by_our_protocol_because_no_limit_was_published(warehouse):
    rows = warehouse.query("select * from site_periods where protocol = 'permille' and n_censored > 0")
    assert rows.height > 0
    assert set(rows["reason"]) == {"limit_unknown"}
    assert rows["mean_mg_per_day_per_1000"].null_count() == rows.height


def test_few_of_its_days_are_implausible_and_those_are_worth_a_look(warehouse):
    """Of 27,890 days fewer than one in a hundred; two steps: a first year in another unit, and a year of low values."""
    found = implausible(warehouse)
    n_days = warehouse.query("select count(*) from reported_loads where qualifier = '='").item()
    off = found.filter(rule="off_its_history")
    assert 0 < off.height < n_days / 100
    assert off.height + found.filter(rule="residues_move_together").height < 250
    jumps = found.filter(rule="jump_of_level").select("site_id", "residue", "sampling_year").rows()
    assert jumps == [("be-geraardsbergen", "amphetamine", 2014), ("si-novo-mesto", "amphetamine", 2022)]
    # Its week from Monday on: 4.11, 288.8, 4.19, 4.17, 3.85, 11.46, 108.14 mg/day/1000.
    basel = off.filter(site_id="ch-basel", residue="methamphetamine", sampling_year=2015)
    assert basel["value"].to_list()[:2] == [288.8, 108.14]
