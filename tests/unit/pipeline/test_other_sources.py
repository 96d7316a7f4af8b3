"""Amphetamine net of methamphetamine, morphine of heroin, and ratios of residues that are none of use."""

import math
from datetime import timedelta

import pytest

from pipeline import estimates, explain
from pipeline.warehouse import Warehouse
from tests.unit.pipeline.test_estimates import MONDAY, city, results, site_mean, week
from tests.unit.pipeline.test_populations import with_protocol

__all__ = ["city"]
AMPHETAMINE = 1 / 0.363


def amphetamine(warehouse: Warehouse) -> list[tuple]:
    return warehouse.query(
        "select amount_mg_per_day_per_1000, other_sources_mg_per_day_per_1000, reason from consumption"
        " where protocol = 'permille' and drug = 'amphetamine' order by sampled_on"
    ).rows()


def test_amphetamine_is_less_what_methamphetamine_leaves_behind(city, workspace):
    """50 ng/L beside 100: 50 - 0.09 x 100 = 41. Up to 19 methamphetamine alone explains it; just above it does not."""
    from tests.unit.pipeline.test_explain import archive

    days = results(
        week(MONDAY, [50, 19, 19.1, 150, 50, 50, "<LOQ"], residue="AMP"),
        week(MONDAY, [100, 100, 100, 100, "<LOQ", "NA", 100]),
    )
    with city(results=days) as warehouse:
        assert [row[0] for row in amphetamine(warehouse)][:2] == [
            pytest.approx(50 * AMPHETAMINE), pytest.approx(19 * AMPHETAMINE)
        ], "not by default"  # fmt: skip
        with_protocol(warehouse, net_of_other_sources=True)
        assert amphetamine(warehouse) == [
            (pytest.approx(41 * AMPHETAMINE), pytest.approx(9), None),
            (None, None, "amphetamine_from_methamphetamine"),
            (pytest.approx(10.1 * AMPHETAMINE), pytest.approx(9), None),
            (pytest.approx(141 * AMPHETAMINE), pytest.approx(9), None),
            (pytest.approx((50 - 0.09 * 0.5) * AMPHETAMINE), pytest.approx(0.045), None),
            (None, None, "methamphetamine_unknown"),
            (None, None, "below_limit"),
        ]
        for day in (MONDAY.replace(day=n) for n in range(6, 13)):
            found = explain.explain_day(warehouse, archive(workspace), "S1", "amphetamine", day, "permille")
            assert found.agrees, day
        for table in ("day_spreads", "site_periods"):
            estimates.compute(warehouse, table)
        assert site_mean(warehouse, "reason", drug="amphetamine") == "amphetamine_from_methamphetamine"
        assert site_mean(warehouse, drug="amphetamine") is None, "the days left would give too high a mean"


def test_days_without_methamphetamine_beside_them_are_left_out(city):
    """One such day does not make a year unknown; a year of nothing but such days is."""
    days = results(
        week(MONDAY, [50] * 7, residue="AMP"), week(MONDAY, [100] * 6), week(MONDAY, [50] * 7, "S2", residue="AMP")
    )
    with city(results=days) as warehouse:
        with_protocol(warehouse, net_of_other_sources=True)
        for table in ("day_spreads", "site_periods"):
            estimates.compute(warehouse, table)
        asked = [
            tuple(site_mean(warehouse, column, drug="amphetamine", site_id=site) for column in ("n_days", "n_weekdays"))
            for site in ("S1", "S2")
        ]
        assert asked == [(6, 6), (0, 0)]
        assert site_mean(warehouse, drug="amphetamine") == pytest.approx(41 * AMPHETAMINE)
        assert site_mean(warehouse, "at_most_mg_per_day_per_1000", drug="amphetamine") == pytest.approx(
            41 * AMPHETAMINE
        )
        assert "methamphetamine_unknown" in site_mean(warehouse, "flags", drug="amphetamine")
        assert site_mean(warehouse, "reason", drug="amphetamine", site_id="S2") == "methamphetamine_unknown"


def test_days_below_limits_without_methamphetamine_are_left_out_too(city):
    """Else those that were measured would go and those below would stay: the mean of the others would be too low."""
    days = results(
        week(MONDAY, [50] * 7, residue="AMP"),
        week(MONDAY, [100] * 7),
        week(MONDAY + timedelta(days=7), ["<LOQ"] * 7, residue="AMP").replace(",Lab,B\n", ",Other,C\n"),
    )
    with city(results=days) as warehouse:
        with_protocol(warehouse, net_of_other_sources=True)
        for table in ("day_spreads", "site_periods"):
            estimates.compute(warehouse, table)
        row = warehouse.read("site_periods").filter(drug="amphetamine", protocol="permille", period="2023")
    found = row.row(0, named=True)
    assert (found["n_days"], found["n_censored"], found["n_weekdays"]) == (7, 0, 7)
    for column in ("mean", "at_least", "at_most"):
        assert found[f"{column}_mg_per_day_per_1000"] == pytest.approx(41 * AMPHETAMINE), column
    assert (found["laboratories"], found["batch_shares"]) == (["Lab"], [1.0]), "those of the days that count"


def test_net_amphetamine_above_its_range_holds_no_more_than_nothing_for_sure(city):
    days = results(week(MONDAY, [600] * 6, residue="AMP"), week(MONDAY, [1000] * 6 + [2000]))
    days += f"S1,{MONDAY + timedelta(days=6)},AMP,>500,ng/L,0.5,1,Lab,B\n"
    with city(results=days) as warehouse:
        with_protocol(warehouse, net_of_other_sources=True)
        for table in ("day_spreads", "site_periods"):
            estimates.compute(warehouse, table)
        least = site_mean(warehouse, "at_least_mg_per_day_per_1000", drug="amphetamine")
    assert least == pytest.approx(6 * (600 - 90) / 7 * AMPHETAMINE)


def test_methamphetamine_above_its_range_leaves_no_mean(city):
    """The days with least amphetamine of its own would be missing."""
    days = results(week(MONDAY, [100] * 7, residue="AMP"), week(MONDAY, [100] * 3))
    days += "".join(f"S1,{MONDAY + timedelta(days=n)},METH,>500,ng/L,0.5,1,Lab,B\n" for n in range(3, 7))
    with city(results=days) as warehouse:
        with_protocol(warehouse, net_of_other_sources=True)
        for table in ("day_spreads", "site_periods"):
            estimates.compute(warehouse, table)
        assert site_mean(warehouse, "reason", drug="amphetamine") == "methamphetamine_above_range"
        assert site_mean(warehouse, drug="amphetamine") is None
        assert site_mean(warehouse, "at_least_mg_per_day_per_1000", drug="amphetamine") is None


def test_what_is_subtracted_widens_the_interval(city, workspace):
    """20 beside 100 leaves 11: errors of 20 and of 9 over 11, and the ratio, which may be half or twice as large."""
    from tests.unit.pipeline.test_explain import archive

    days = results(week(MONDAY, [20] * 7, residue="AMP"), week(MONDAY, [100] * 7))
    with city(results=days) as warehouse:
        gross = warehouse.read("consumption").filter(drug="amphetamine", protocol="permille")
        with_protocol(warehouse, net_of_other_sources=True)
        for table in ("day_spreads", "site_periods"):
            estimates.compute(warehouse, table)
        net = warehouse.read("consumption").filter(drug="amphetamine", protocol="permille")
        period = warehouse.read("site_periods").filter(drug="amphetamine", protocol="permille", period="2023")
        day = explain.explain_day(warehouse, archive(workspace), "S1", "amphetamine", MONDAY, "permille")

    def log_variance(days) -> float:
        row = days.sort("sampled_on").row(0, named=True)
        return (math.log(row["ci_high_mg_per_day_per_1000"] / row["amount_mg_per_day_per_1000"]) / 1.959964) ** 2

    own = 0.10**2 + 0.08**2 + 0.08**2 + 0.10**2  # sampling, analysis, batch, laboratory
    scale = (20**2 + 9**2) / 11**2
    added = (scale - 1) * own + (9 / 11 * 0.45) ** 2
    assert log_variance(net) - log_variance(gross) == pytest.approx(added, rel=1e-6)
    parts = {part.component: part.rsd**2 for part in day.budget}
    assert parts["other sources"] == pytest.approx(added)
    assert sum(parts.values()) == pytest.approx(log_variance(net), rel=1e-6)
    row = period.row(0, named=True)
    assert row["laboratory_log_variance"] == pytest.approx(scale * 0.10**2)
    assert row["batch_log_variance"] == pytest.approx(scale * 0.08**2)
    factor = gross["correction_factor_log_sd"][0] ** 2
    assert row["factor_log_variance"] == pytest.approx(factor + (9 / 11 * 0.45) ** 2)


def test_morphine_of_heroin(tmp_path):
    """100 mg, less 20 mg dispensed of which 0.75 is excreted, 9 from codeine and 60 from poppy straw: 16 mg."""
    with Warehouse.open(tmp_path / "w.duckdb") as warehouse:
        found = warehouse.query(
            "select morphine_from_heroin_mg_per_day_per_1000(100, 20, 0.75, 9, 60) as some,"
            " morphine_from_heroin_mg_per_day_per_1000(50, 20, 0.75, 9, 60) as none"
        ).row(0)
    assert found == (16, 0)


@pytest.mark.parametrize(
    ("residues", "values", "drug", "is_flagged"),
    [
        (("cocaine", "BE"), (76, 100), "cocaine", True),
        (("cocaine", "BE"), (75, 100), "cocaine", False),
        (("cocaine", "BE"), ("<LOQ", 100), "cocaine", False),
        (("AMP", "METH"), (3.9, 100), "methamphetamine", True),
        (("AMP", "METH"), (4.1, 100), "methamphetamine", False),
        (("AMP", "METH"), (400, 100), "methamphetamine", False),
    ],
)
def test_a_ratio_that_is_none_of_use_is_flagged(city, residues, values, drug, is_flagged):
    days = results(*(week(MONDAY, [value], residue=name) for name, value in zip(residues, values, strict=True)))
    with city(results=days) as warehouse:
        flags = warehouse.query(
            "select flags from consumption where protocol = 'permille' and drug = $drug", {"drug": drug}
        )
        assert flags["flags"].to_list() == ["residue_ratio" if is_flagged else None]
