"""Inhabitants by several methods: one primary method a site, markers of the sample, what a protocol may choose."""

import polars as pl
import pytest

from pipeline import estimates, explain
from pipeline.warehouse import Warehouse
from tests.conftest import estimate
from tests.unit.pipeline.test_estimates import FACTOR, LATER, MONDAY, city, flows, one, people, reported, results, week

__all__ = ["city"]
SITES = "site_id,site_name,population_method,cigarettes_per_person_per_day,domestic_share\n"
GUIZHOU = SITES + "S1,One,,6,0.8\nS2,Two,,,\n"


def populations(warehouse: Warehouse) -> list[tuple]:
    return warehouse.query(
        "select sampled_on, population_method, population_basis, population from counted_populations"
        " where sampled_on is not null order by sampled_on, population_rank(population_method)"
    ).rows()


def with_protocol(warehouse: Warehouse, **choices: object) -> None:
    """Computes consumption anew with these choices in the protocol `permille`."""
    for name, value in choices.items():
        warehouse.connection.execute(
            f"update protocols set {name} = $value where protocol = 'permille'", {"value": value}
        ).fetchall()  # fmt: skip
    estimates.compute(warehouse, "consumption")


def of_protocol(warehouse: Warehouse, protocol: str = "permille", drug: str = "methamphetamine") -> list[tuple]:
    return warehouse.query(
        "select amount_mg_per_day_per_1000, population, population_method from consumption"
        " where protocol = $protocol and drug = $drug order by site_id, sampled_on",
        {"protocol": protocol, "drug": drug},
    ).rows()


# --- the formulas ----------------------------------------------------------------------------------------------------


def test_the_guizhou_rule_gives_its_own_numbers(tmp_path):
    """Cotinine 2000 ng/L, 100,000 m3/day, share 0.8, 6 cigarettes: 840 mg/day/1000, 190,476 inhabitants."""
    with Warehouse.open(tmp_path / "w.duckdb") as warehouse:
        row = warehouse.query(
            "select cotinine_load_mg_per_day_per_1000(6, 0.14) as load,"
            " population_by_marker(2000, 100000, 0.8, 840) as population,"
            " population_by_marker(2000, 100000, 1, 840) as whole, marker_load_mg_per_day_per_1000(7000) as nitrogen,"
            " amount_by_other_population(10, 1000, 2000) as amount"
        ).row(0)
    assert row == (pytest.approx(840), pytest.approx(190_476.19, abs=0.01), pytest.approx(238_095.24, abs=0.01), 7e6, 5)


def test_the_share_of_domestic_sewage_is_a_switch_of_the_protocol(city):
    with city(
        sites=GUIZHOU,
        flows=flows("S1", flow=100_000),
        populations=people("S2 census 1000  "),
        results=results(week(MONDAY, [2000], residue="可替宁"), week(MONDAY, [84])),
    ) as warehouse:
        row = warehouse.query("select * from population_estimates where site_id = 'S1'").row(0, named=True)
        assert row["marker_load_mg_per_day_per_1000"] == pytest.approx(840)
        assert row["population_by_domestic_share"] == pytest.approx(190_476.19, abs=0.01)
        ((whole, inhabitants, _),) = of_protocol(warehouse)
        assert inhabitants == pytest.approx(238_095.24, abs=0.01)
        with_protocol(warehouse, domestic_share_in_population=True)
        ((amount, inhabitants, method),) = of_protocol(warehouse)
        assert (inhabitants, method) == (pytest.approx(190_476.19, abs=0.01), "cotinine")
        assert amount == pytest.approx(whole / 0.8), "only in the population, so that use per 1000 grows by 1/share"
        assert of_protocol(warehouse, "euda")[0][1] == pytest.approx(238_095.24, abs=0.01)


def test_a_protocol_that_asks_for_the_share_has_no_figure_where_no_list_states_it(city):
    with city(
        sites=SITES + "S1,One,,6,\nS2,Two,,,\n",
        populations=people("S2 census 1000  "),
        results=results(week(MONDAY, [2000], residue="cotinine"), week(MONDAY, [84])),
    ) as warehouse:
        assert len(of_protocol(warehouse)) == 1
        with_protocol(warehouse, domestic_share_in_population=True)
        assert of_protocol(warehouse) == []


@pytest.mark.parametrize(
    ("residue", "mg_per_l", "method"), [("氨氮", 35, "NH4-N"), ("CODCr", 600, "COD"), ("BOD5", 300, "BOD")]
)
def test_markers_come_in_milligrams_a_litre(city, residue, mg_per_l, method):
    """1,000 m3 with 35 g of NH4-N each are 35 kg: 7 g of 5,000 inhabitants. The others alike: 120 g COD, 60 g BOD."""
    marker = week(MONDAY, [mg_per_l], residue=residue, limits=",").replace("ng/L", "mg/L")
    with city(results=results(marker, week(MONDAY, [10])), populations=people("S2 census 1000  ")) as warehouse:
        assert populations(warehouse) == [(MONDAY, method, "marker", pytest.approx(5000))]
        row = warehouse.query("select population, is_provisional from loads where residue = 'methamphetamine'").row(0)
        assert row == (pytest.approx(5000), True)
        assert set(warehouse.query("select is_provisional from consumption")["is_provisional"]) == {True}


def test_a_wide_file_with_markers_is_read(city, workspace):
    (workspace.profiles / "wide.toml").write_text(
        'name = "wide"\ntitle = "Wide"\nsender = "Works"\n[[tables]]\ntable = "results"\nis_unit_in_header = true\n'
        '[tables.columns]\nsite_id = "采样点"\nsampled_on = "采样时间"\n[tables.wide]\ninto = "residue"\n'
        '[tables.wide.columns]\n"氨氮 (mg/L)" = "nh4-n"\n"化学需氧量 (mg/L)" = "chemical-oxygen-demand"\n'
        '"甲基苯丙胺 (ng/L)" = "methamphetamine"\n[tables.qualifiers]\n"0" = "quarantine"\n"" = "not measured"\n'
    )
    wide = f"采样点,采样时间,氨氮 (mg/L),化学需氧量 (mg/L),甲基苯丙胺 (ng/L)\nS1,{MONDAY},35,600,10\n"
    with city(wide=wide, populations=people("S2 census 1000  ")) as warehouse:
        assert populations(warehouse) == [
            (MONDAY, "NH4-N", "marker", pytest.approx(5000)), (MONDAY, "COD", "marker", pytest.approx(5000)),
        ]  # fmt: skip


def test_by_a_marker_of_the_same_sample_the_flow_cancels(city):
    """Twice the flow is twice the inhabitants and the same use per 1000."""
    measured = results(
        week(MONDAY, [30e6, 40e6, "<LOQ"], residue="nh4-n"), week(MONDAY, [10, "<LOQ", 30]),
        week(MONDAY, [5, 6, 7], residue="BE"),
    )  # fmt: skip

    def amounts(warehouse: Warehouse) -> list[tuple]:
        return warehouse.query(
            "select sampled_on, drug, protocol, amount_mg_per_day_per_1000, amount_limit_mg_per_day_per_1000,"
            " population from consumption order by sampled_on, drug, protocol"
        ).rows()

    with city(results=measured, populations=people("S2 census 1000  ")) as warehouse:
        before = amounts(warehouse)
        assert len(before) == 4 * 4, "on the third day the marker lies below its limit"
        warehouse.connection.execute("update flows set flow_m3_per_day = 2 * flow_m3_per_day").fetchall()
        estimate(warehouse)
        after = amounts(warehouse)
    assert [row[:3] for row in after] == [row[:3] for row in before]
    for old, new in zip(before, after, strict=True):
        assert new[3:5] == (pytest.approx(old[3]), old[4] and pytest.approx(old[4]))
        assert new[5] == pytest.approx(2 * old[5])


@pytest.mark.parametrize("value", ["<LOQ", ">500", "NA"])
def test_a_marker_that_was_not_quantified_counts_nobody(city, value):
    with city(
        results=results(week(MONDAY, [value], residue="nh4-n"), week(MONDAY, [10])), populations=people("S2 census 9  ")
    ) as warehouse:
        assert populations(warehouse) == []
        assert one(warehouse, "select reason from loads where residue = 'methamphetamine'") == "no_population"


def test_cotinine_counts_nobody_where_nobody_says_how_much_is_smoked(city):
    with city(results=results(week(MONDAY, [2000], residue="cotinine"))) as warehouse:
        assert populations(warehouse) == [(MONDAY, "census", "delivered", 1000)]


def test_what_is_doubtful_about_a_marker_is_doubtful_about_the_figure(city):
    control = "laboratory,batch,residue,control,value,loq\nLab,B,nh4-n,spike,200,\n"
    with city(
        results=results(week(MONDAY, [35e6], residue="nh4-n"), week(MONDAY, [10])), controls=control,
        populations=people("S2 census 1000  "),
    ) as warehouse:  # fmt: skip
        assert one(warehouse, "select flags from loads where residue = 'methamphetamine'") == "spike_recovery"


# --- one primary method a site ---------------------------------------------------------------------------------------


def primary(warehouse: Warehouse) -> str:
    return one(warehouse, "select population_method from site_population_methods where is_primary and site_id = 'S1'")


def test_the_primary_method_does_not_change_from_day_to_day(city):
    """The census ends on the third of five days: it holds for most of them, and the others are not filled by design."""
    held = people("S1 census 1000  2023-03-08", "S1 design 3000  ")
    with city(results=results(week(MONDAY, [10] * 5)), populations=held) as warehouse:
        assert primary(warehouse) == "census"
        rows = warehouse.query("select population, reason from loads order by sampled_on").rows()
        assert rows == [(1000, None)] * 3 + [(None, "no_population")] * 2
        assert len(of_protocol(warehouse)) == 3


def test_most_of_the_days_are_counted_over_all_years(city):
    """In 2023 the census holds for the one day there is, but for one of four days in all."""
    held = people("S1 census 1000  2023-12-31", "S1 design 3000  ")
    with city(results=results(week(MONDAY, [10]), week(LATER, [10] * 3)), populations=held) as warehouse:
        assert primary(warehouse) == "design"
        assert set(warehouse.query("select population from loads")["population"]) == {3000}


def test_where_no_method_has_most_days_the_one_with_most_of_them_holds(city):
    held = people("S1 census 1000  2023-03-06", "S1 cotinine 3000 2023-03-07 2023-03-08", "S1 COD 2000 2023-03-09 ")
    with city(results=results(week(MONDAY, [10] * 5)), populations=held) as warehouse:
        assert primary(warehouse) == "cotinine"


def test_a_site_list_may_state_the_primary_method(city):
    with city(
        sites=SITES + "S1,One,NH4-N,,\nS2,Two,mobile,,\n",
        results=results(week(MONDAY, [35e6, "NA"], residue="nh4-n"), week(MONDAY, [10, 10]), week(MONDAY, [10], "S2")),
    ) as warehouse:
        rows = warehouse.query(
            "select site_id, population_method, reason from loads where residue = 'methamphetamine' order by all"
        ).rows()
    assert rows == [
        ("S1", "NH4-N", None), ("S1", None, "no_population"), ("S2", None, "no_population")
    ], "nobody counted the second site by mobile phones, so it has no inhabitants"  # fmt: skip


def test_of_a_method_that_was_delivered_and_measured_one_holds_for_all_days(city):
    held = people("S1 NH4-N 4000  2023-03-06")
    with city(
        results=results(week(MONDAY, [35e6] * 3, residue="nh4-n"), week(MONDAY, [10] * 3)), populations=held
    ) as warehouse:
        assert [row[2:] for row in populations(warehouse)] == [("marker", pytest.approx(5000))] * 3


# --- what a protocol may choose, and the others beside it ------------------------------------------------------------


def test_a_protocol_may_name_a_method(city):
    held = people("S1 census 1000  2023-03-06", "S1 design 2000  ", "S2 design 500  ")
    days = results(week(MONDAY, [10, "<LOQ"]), week(MONDAY, [">500"], "S2"))
    with city(results=days, populations=held, sites=SITES + "S1,One,census,,\nS2,Two,,,\n") as warehouse:
        assert of_protocol(warehouse) == [(pytest.approx(10 * FACTOR), 1000, "census"), (None, 500, "design")]
        with_protocol(warehouse, population_method="design")
        rows = warehouse.query(
            "select amount_mg_per_day_per_1000, amount_limit_mg_per_day_per_1000, population, reason from consumption"
            " where protocol = 'permille' order by site_id, sampled_on"
        ).rows()
        assert rows == [
            (pytest.approx(5 * FACTOR), None, 2000, None),
            (None, pytest.approx(0.5 * FACTOR), 2000, "below_limit"),
            (None, pytest.approx(1000 * FACTOR), 500, "above_upper_limit"),
        ], "also on the day the primary method has no figure for"
        with_protocol(warehouse, population_method="mobile")
        assert of_protocol(warehouse) == [], "nobody has counted so"


def test_all_other_methods_stand_beside(city):
    held = people("S1 census 1000  ", "S1 design 4000  ")
    with city(
        results=results(week(MONDAY, [35e6], residue="nh4-n"), week(MONDAY, [10])), populations=held
    ) as warehouse:
        rows = warehouse.query(
            "select population_method, population, amount_mg_per_day_per_1000 from amounts_by_population"
            " where protocol = 'euda' order by population"
        ).rows()
    assert rows == [("design", 4000, 2.5), ("NH4-N", pytest.approx(5000), pytest.approx(2))]


def test_the_origin_of_inhabitants_by_a_marker_is_explained(city, workspace):
    from tests.unit.pipeline.test_explain import archive

    with city(
        sites=SITES + "S1,One,cotinine,6,0.8\nS2,Two,,,\n",
        results=results(week(MONDAY, [2000], residue="cotinine"), week(MONDAY, [84])),
    ) as warehouse:
        for switch in (False, True):
            with_protocol(warehouse, domestic_share_in_population=switch)
            found = explain.explain_day(warehouse, archive(workspace), "S1", "methamphetamine", MONDAY, "permille")
            assert found.agrees
            assert [step.macro for step in found.steps[:2]] == [
                "cotinine_load_mg_per_day_per_1000",
                "population_by_marker",
            ]
            assert found.steps[1].result == pytest.approx(2380.952381 * (0.8 if switch else 1))
            assert [(s.what, s.header, s.text) for s in found.sources] == [
                ("results", "concentration", "84"), ("flows", "flow_m3_per_day", "1000"),
                ("results", "concentration", "2000"),
            ]  # fmt: skip
            assert all(source.is_as_archived for source in found.sources)
            (other,) = found.populations
            assert (other["population_method"], other["population"]) == ("census", 1000)


def test_inhabitants_by_another_method_are_explained(city, workspace):
    from tests.unit.pipeline.test_explain import archive

    held = people("S1 census 1000  ", "S1 design 4000  ")
    with city(results=results(week(MONDAY, ["<LOQ"])), populations=held) as warehouse:
        with_protocol(warehouse, population_method="design")
        found = explain.explain_day(warehouse, archive(workspace), "S1", "methamphetamine", MONDAY, "permille")
    assert found.agrees
    assert found.sources[-1].text == "4000"
    assert found.figure["population_method"] == "design"


def test_reported_loads_say_that_no_marker_counted_their_inhabitants(city):
    loads = reported(*(f"S1 2023-03-{day} METH 50" for day in range(13, 16)))
    with city(results=results(week(MONDAY, [1], residue="MDMA")), reported=loads) as warehouse:
        rows = warehouse.query(
            "select distinct protocol, flags from consumption where drug = 'methamphetamine'"
            " and protocol in ('guizhou', 'permille') order by protocol"
        ).rows()
    assert rows == [("guizhou", "population_of_reporter"), ("permille", None)]


def test_an_offices_own_error_of_a_method_holds_for_its_marker(city):
    """That of inhabitants by BOD stands where those of other methods do, and can be replaced like them."""
    days = results(week(MONDAY, [10]), week(MONDAY, [60000000], residue="BOD"))
    with city(
        results=days, sites=SITES + "S1,One,,,\nS2,Two,,,\nS9,Nine,,,\n", populations=people("S9 census 1  ")
    ) as warehouse:
        shipped = warehouse.query("select population_rsd from counted_populations where population_method = 'BOD'")
        own = warehouse.read("uncertainties").with_columns(
            rsd=pl.when(pl.col("applies_to") == "BOD").then(0.15).otherwise("rsd")
        )
        warehouse.replace("uncertainties", own)
        changed = warehouse.query("select population_rsd from counted_populations where population_method = 'BOD'")
    assert (shipped.item(), changed.item()) == (0.36, 0.15)
