"""Headlines under all ways of computing them: figures by hand, choices one at a time, and nothing left behind."""

from datetime import date

import polars as pl
import pytest

from pipeline import robustness
from pipeline.changes import between
from pipeline.settings import make_workspace
from pipeline.warehouse import Warehouse
from schemas.protocol import Protocol, load_protocols
from schemas.tables import TABLES
from tests.conftest import tables_of
from tests.unit.pipeline.test_estimates import (
    FACTOR,
    LATER,
    MONDAY,
    PLAIN,
    city,
    flows,
    people,
    reported,
    results,
    week,
)

__all__ = ["city"]
PERIODS = ("2023", "2024")
HALVED = ("S1 cotinine 2000 2023-01-01 2023-12-31", "S1 cotinine 1000 2024-01-01 ")
KEY = ["level", "unit_id", "drug"]
WEEK = [8.82, 12.87, 12.45, 28.11, 26.8, 10.5, 9.13]


def ways(warehouse: Warehouse, protocol: str = "permille") -> pl.DataFrame:
    return robustness.robustness(warehouse, protocol, between(warehouse, *PERIODS).changes)


def of(rows: pl.DataFrame, choice: str, option: str, level: str = "site", unit: str = "S1", drug="methamphetamine"):
    return rows.filter(level=level, unit_id=unit, drug=drug, choice=choice, option=option).row(0, named=True)


def drawn() -> str:
    """Two sites and drugs, with days below their limits in the second year."""
    return results(
        *(week(MONDAY, WEEK, site=site, residue=residue) for site in ("S1", "S2") for residue in ("METH", "BE")),
        week(LATER, [4.1, 6.2, "<2", 13.7, 14.2, 5.1, 4.4], limits="1,2"),
        week(LATER, [4.9, 5.8, 6.6, 12.9, 12.2, 5.6, 4.8], site="S2"),
        week(LATER, WEEK[::-1], residue="BE"),
        week(LATER, [*WEEK[1:], "<2"], site="S2", residue="BE", limits="1,2"),
    )


def test_people_counted_otherwise_change_by_the_factor_of_their_counts(city):
    """Load down 40 %; by cotinine half as many people: 0.6 times 2, up 20 %."""
    with city(
        results=results(week(MONDAY, [10] * 7), week(LATER, [6] * 7)),
        populations=people("S1 census 1000  ", "S2 census 1000  ", *HALVED),
    ) as warehouse:
        rows = ways(warehouse)
        (head,) = robustness.headlines(warehouse, rows.filter(level="site", drug="methamphetamine")).to_dicts()
    headline = of(rows, "protocol", "permille")
    assert (headline["is_headline"], headline["difference_percent_points"]) == (True, 0)
    assert headline["change_percent"] == pytest.approx(-40)
    counted = of(rows, "population_method", "cotinine")
    assert counted["change_percent"] == pytest.approx(20)
    assert counted["difference_percent_points"] == pytest.approx(60)
    assert (counted["n_sites"], counted["is_same_panel"], counted["is_headline"]) == (1, True, False)
    assert of(rows, "protocol", "guizhou")["change_percent"] == pytest.approx(20)
    assert (head["lowest_by_population_percent"], head["highest_by_population_percent"]) == pytest.approx((-40, 20))
    assert (head["n_populations"], head["n_populations_agreeing"]) == (2, 1)
    assert (head["lowest_by_protocol_percent"], head["highest_by_protocol_percent"]) == pytest.approx((-40, 20))
    assert (head["n_protocols"], head["n_protocols_agreeing"]) == (5, 4)
    assert (head["most_important_choice"], head["most_important_range_percent_points"]) == (
        "population_method", pytest.approx(60),
    )  # fmt: skip
    assert head["n_ways"] - head["n_ways_agreeing"] == 2


def test_the_way_people_are_counted_by_anyway_is_no_other_way(city):
    """S1 knows its design only: of it `design` is the headline, and no second way of counting people."""
    two = [week(start, [level] * 7, site=site) for site in ("S1", "S2") for start, level in ((MONDAY, 10), (LATER, 6))]
    held = people("S1 design 3000  ", "S2 census 1000  ", "S2 design 900  ")
    with city(results=results(*two), populations=held) as warehouse:
        rows = ways(warehouse).filter(level="site", drug="methamphetamine", choice="population_method")
        heads = robustness.headlines(warehouse, ways(warehouse).filter(level="site", drug="methamphetamine"))
    assert rows.select("unit_id", "option").rows() == [("S2", "design")]
    assert heads.sort("unit_id")["n_populations"].to_list() == [1, 2]


def test_days_below_limits_by_hand(city):
    """Five days of 4 and two below 2: 20 of 70 with zero for those, 22 with half the limit, 24 at most."""
    with city(
        results=results(week(MONDAY, [10] * 7), week(LATER, [4, 4, "<2", 4, 4, "<2", 4], limits="1,2"))
    ) as warehouse:
        rows = ways(warehouse)
        (head,) = robustness.headlines(warehouse, rows.filter(level="site", drug="methamphetamine")).to_dicts()
    half, zero = (of(rows, "below_limit", option) for option in ("half_limit", "zero"))
    headline = of(rows, "protocol", "permille")["change_percent"]
    assert half["change_percent"] == pytest.approx(100 * (22 / 70 - 1))
    assert zero["change_percent"] == pytest.approx(100 * (20 / 70 - 1))
    assert half["difference_percent_points"] == half["change_percent"] - headline
    assert of(rows, "protocol", "half-loq")["change_percent"] == pytest.approx(half["change_percent"])
    assert zero["change_percent"] < headline < 100 * (24 / 70 - 1)
    assert head["most_important_choice"] == "below_limit"
    expected = max(half["change_percent"], headline) - zero["change_percent"]
    assert head["most_important_range_percent_points"] == pytest.approx(expected, abs=1e-5)


def test_a_variant_that_varies_nothing_is_the_headline_to_the_last_digit(city):
    with city(results=drawn(), populations=people("S1 census 1000  ", "S2 census 3000  ", *HALVED)) as warehouse:
        found = between(warehouse, *PERIODS).changes
        for protocol in load_protocols():
            varied = robustness.variants(warehouse, protocol.protocol, 2023, 2024)
            # Also beside others, as they are computed.
            same = robustness.Variant("x~same", "min_detects", str(protocol.min_detects), protocol)
            (rows,) = robustness._changes(warehouse, [*varied, same], *PERIODS)
            expected = found.filter(protocol=protocol.protocol)
            assert rows.filter(protocol="x~same").drop("protocol").equals(expected.drop("protocol"))
            assert expected.height or protocol.protocol != "permille"


def test_each_variant_is_what_a_protocol_of_that_choice_gives(city, workspace):
    """An office's own protocol that weighs sites alike, computed by a run, and the same choice varied alone."""
    text = "".join(
        f"{name} = {str(value).lower() if isinstance(value, bool) else repr(value)}\n"
        for name, value in Protocol(
            **{p.protocol: p for p in load_protocols()}["permille"].model_dump()
            | {"protocol": "alike", "area_weights": "none"}
        ).model_dump().items()
        if value is not None
    )  # fmt: skip
    (workspace.protocols / "alike.toml").write_text(text)
    with city(results=drawn(), populations=people("S1 census 1000  ", "S2 census 3000  ")) as warehouse:
        rows = ways(warehouse)
    compared = ["change_percent", "ci_low_percent", "ci_high_percent", "verdict", "n_sites"]
    alike, varied = (
        rows.filter(pl.col("level") != "site", choice=choice, option=option).sort(KEY).select(*KEY, *compared)
        for choice, option in (("protocol", "alike"), ("area_weights", "none"))
    )
    assert alike.height == rows.filter(pl.col("level") != "site", "is_headline").height > 0
    assert rows.filter(level="site", choice="area_weights").is_empty(), "a site has no weight"
    assert alike.equals(varied)
    assert rows.filter(choice="net_of_other_sources").is_empty(), "nobody measured amphetamine"
    network = of(rows, "area_weights", "none", "network", "network")
    assert network["difference_percent_points"] != 0


def test_nothing_is_left_behind_and_a_warehouse_that_is_only_read_gives_the_same(city, workspace):
    held = people("S1 census 1000  ", "S2 census 3000  ", *HALVED)
    with city(sites=PLAIN["sites"], results=drawn(), populations=held) as warehouse:
        before = tables_of(warehouse)
        first = ways(warehouse)
        after = tables_of(warehouse)
        assert all(after[table].equals(rows) for table, rows in before.items())
        assert before["consumption"].height > 0
        assert warehouse.query("select count(*) from duckdb_tables() where temporary").item() == 0
        assert warehouse.read("protocols").height == len(load_protocols())
    with Warehouse.open(workspace.warehouse, read_only=True) as warehouse:
        assert ways(warehouse).equals(first)
    assert first.height > 0
    assert not first.select(pl.struct(*KEY, "choice", "option").is_duplicated().any()).item()
    TABLES["robustness"].model.validate(first, lazy=True)


def test_what_fails_on_the_way_leaves_the_tables_as_they_were(city, monkeypatch):
    with city(results=drawn()) as warehouse:
        before = warehouse.read("consumption")
        found = between(warehouse, *PERIODS).changes

        def broken(*args):
            assert set(warehouse.read("consumption")["protocol"]) & set(before["protocol"]) == set()
            raise ArithmeticError

        monkeypatch.setattr(robustness.changes, "between", broken)
        with pytest.raises(ArithmeticError):
            robustness.robustness(warehouse, "permille", found)
        assert warehouse.read("consumption").equals(before)
        assert warehouse.read("protocols").height == len(load_protocols())


def test_one_variant_after_the_other_gives_the_same_rows(city, monkeypatch):
    with city(results=drawn()) as warehouse:
        together = ways(warehouse)
        monkeypatch.setattr(robustness, "_MOST_DAYS", 1)
        assert ways(warehouse).equals(together)


def test_people_counted_at_some_sites_only_are_told_and_stand_in_no_range(city):
    """Without S2, which nobody counts by cotinine, the network is another one."""
    with city(
        results=results(*(week(day, [value] * 7, site=site) for site in ("S1", "S2") for day, value in
                          ((MONDAY, 10), (LATER, 6 if site == "S1" else 12)))),
        populations=people("S1 census 1000  ", "S2 census 1000  ", *HALVED),
    ) as warehouse:  # fmt: skip
        rows = ways(warehouse).filter(level="network", drug="methamphetamine")
        (head,) = robustness.headlines(warehouse, rows).to_dicts()
    counted = of(rows, "population_method", "cotinine", "network", "network")
    assert (counted["n_sites"], counted["is_same_panel"]) == (1, False)
    assert counted["change_percent"] == pytest.approx(20)
    assert head["change_percent"] == pytest.approx(-10)
    assert head["n_populations"] == 1
    assert head["lowest_by_population_percent"] == head["highest_by_population_percent"] == head["change_percent"]
    assert head["most_important_choice"] is None


def test_a_protocol_without_a_figure_says_so(city):
    with city(results=results(week(MONDAY, [10] * 7), week(LATER, [6] * 7))) as warehouse:
        row = of(ways(warehouse), "protocol", "guizhou")
    assert (row["state"], row["reason"]) == ("not estimable", "no_figure_by_this_way")
    assert (row["change_percent"], row["verdict"], row["n_sites"], row["is_same_panel"]) == (None, None, 0, False)


def test_where_the_headline_is_no_figure_nothing_lies_off_it(city):
    with city(results=results(week(MONDAY, [10] * 7), week(LATER, ["<2"] * 7, limits="1,2"))) as warehouse:
        rows = ways(warehouse).filter(level="site", drug="methamphetamine")
        (head,) = robustness.headlines(warehouse, rows).to_dicts()
    assert of(rows, "protocol", "euda")["change_percent"] == pytest.approx(-100)
    assert of(rows, "protocol", "euda")["difference_percent_points"] is None
    assert (head["state"], head["n_protocols"], head["most_important_choice"]) == ("not estimable", None, None)


@pytest.mark.parametrize("protocol", load_protocols(), ids=lambda protocol: protocol.protocol)
def test_one_choice_is_varied_at_a_time(city, protocol):
    """Beside it only what limits and intervals, or limits and weekdays, forbid each other."""
    sites = (
        "site_id,site_name,cigarettes_per_person_per_day,domestic_share,sewer_residence_h,sewage_temperature_celsius\n"
        "S1,One,6,0.8,5,15\nS2,Two,,,,\n"
    )
    marker = (week(start, [2000] * 7, residue="cotinine") for start in (MONDAY, LATER))
    with city(sites=sites, results=results(week(MONDAY, WEEK), week(LATER, WEEK), *marker)) as warehouse:
        varied = robustness.variants(warehouse, protocol.protocol, 2023, 2024)
    own = protocol.model_dump()
    for variant in varied:
        changed = {name for name, value in variant.protocol.model_dump().items() if value != own[name]}
        assert variant.choice in changed, variant
        assert changed <= {variant.choice, *({"interval", "weekday_rule"} if variant.choice == "below_limit" else ())}
    assert len({variant.way for variant in varied}) == len(varied)
    found = {(variant.choice, variant.option) for variant in varied}
    assert ("stability", "none" if protocol.stability == "site" else "site") in found
    assert ("population_method", "census" if protocol.population_method else "cotinine") in found
    assert ("net_of_other_sources", "yes") in found
    assert (("weekday_rule", "weekday_means") in found) == (protocol.weekday_rule == "plain")
    assert ("below_limit", protocol.below_limit) not in found


def test_loads_of_another_programme_keep_their_inhabitants(city):
    """Nobody here can count otherwise whom somebody else has divided by: there is no such way."""
    text = reported(*(f"S1 2023-03-0{day} methamphetamine 10" for day in range(6, 9)),
                    *(f"S1 2024-03-0{day} methamphetamine 8" for day in range(4, 7)))  # fmt: skip
    with city(reported=text, populations=people("S1 census 1000  ", *HALVED)) as warehouse:
        rows = ways(warehouse, "euda")
    assert of(rows, "protocol", "euda")["change_percent"] == pytest.approx(-20)
    assert rows.filter(choice="population_method").is_empty()


def test_an_empty_warehouse_has_no_rows(tmp_path):
    here = make_workspace(tmp_path / "none")
    with Warehouse.open(here.warehouse) as warehouse:
        rows = robustness.robustness(warehouse, "permille", warehouse.read("changes"))
    assert rows.is_empty()
    assert list(rows.columns) == list(TABLES["robustness"].columns)


def test_days_of_the_whole_year_tell_of_the_spread(city):
    """Between two weeks of years with more days, a variant knows the spread of all of them, as the headline does."""
    more = week(date(2023, 3, 13), WEEK), week(date(2024, 3, 11), WEEK[::-1])
    weeks = ("2023-03-06..2023-03-12", "2024-03-04..2024-03-10")
    with city(results=results(week(MONDAY, WEEK), week(LATER, WEEK), *more), flows=flows("S1")) as warehouse:
        found = between(warehouse, *weeks).changes
        rows = robustness.robustness(warehouse, "permille", found)
    headline, varied = of(rows, "protocol", "permille"), of(rows, "min_detects", "0")
    assert headline["ci_low_percent"] is not None
    ends = ("change_percent", "ci_low_percent", "ci_high_percent")
    assert [varied[end] for end in ends] == [headline[end] for end in ends]
    assert found.filter(protocol="permille", level="site")["current_mg_per_day_per_1000"].item() == pytest.approx(
        sum(WEEK) / 7 * FACTOR
    )


def test_in_the_simulated_city_all_headlines_are_there_and_falls_stay_falls(simulated_workspace):
    _, here = simulated_workspace
    with Warehouse.open(here.published, read_only=True) as warehouse:
        stored, rows = warehouse.read("changes").filter(baseline_period="2023"), warehouse.read("robustness")
        heads = robustness.headlines(warehouse, rows.filter(level="network"))
    figures = ["change_percent", "ci_low_percent", "ci_high_percent", "verdict", "n_sites"]
    expected = stored.filter(protocol="permille").sort(KEY).select(*KEY, *figures)
    assert rows.filter("is_headline").sort(KEY).select(*KEY, *figures).equals(expected)
    by_protocol = rows.filter(pl.col("choice") == "protocol", pl.col("state") == "estimated")
    known = by_protocol.join(stored, left_on=[*KEY, "option"], right_on=[*KEY, "protocol"], how="inner", validate="1:1")
    assert known.height == by_protocol.height
    assert (known["change_percent"] == known["change_percent_right"]).all()
    head = heads.row(by_predicate=pl.col("drug") == "methamphetamine", named=True)
    assert head["verdict"] == "fall"
    assert head["n_ways_agreeing"] == head["n_ways"] > 8
    assert set(rows.filter(choice="net_of_other_sources")["drug"]) == {"amphetamine"}
    assert head["lowest_by_protocol_percent"] <= head["change_percent"] <= head["highest_by_protocol_percent"] < 0
