"""Protocols that estimate the mean of a period from its days as one series, below limits by rank or by distribution."""

import math

import polars as pl
import pytest

from pipeline import explain
from pipeline.settings import open_workspace
from schemas.protocol import SHIPPED, ProtocolError, load_protocols
from tests.unit.pipeline.test_estimates import MONDAY, city, results, week
from tests.unit.pipeline.test_explain import archive

__all__ = ["city"]
# Dissolved iron, summer (manual of NADA, computed with its version 1.6-1.1): a number, or the limit it lies below.
IRON = [20, "<10", "<10", "<10", "<10", 7, 3, "<3", "<3"]
MEAN_AND_SD = {
    "kaplan_meier": (5.777778, 6.776867),
    "regression_on_order_statistics": (4.667484, 6.138230),
    "by_share_censored": (5.211599, 6.931668),  # six of nine below: the lognormal distribution's
}
T_OF_TWO = 4.302653


def days(values, site="S1"):
    return "".join(
        week(
            MONDAY.replace(day=MONDAY.day + number), ["<LOQ" if isinstance(value, str) else value], site,
            limits=f"0.5,{value[1:]}" if isinstance(value, str) else "0.5,1",
        )
        for number, value in enumerate(values)
    )  # fmt: skip


def protocol_file(below_limit: str) -> str:
    shipped = (SHIPPED / "statcan.toml").read_text(encoding="utf-8")
    choice = next(line for line in shipped.splitlines() if line.startswith("below_limit"))
    named = next(line for line in shipped.splitlines() if line.startswith("protocol ="))
    return shipped.replace(choice, f'below_limit = "{below_limit}"').replace(named, 'protocol = "ours"')


@pytest.mark.parametrize("below_limit", MEAN_AND_SD)
def test_published_means_and_spreads_come_out_of_the_whole_chain(city, workspace, below_limit):
    (workspace.protocols / "ours.toml").write_text(protocol_file(below_limit), encoding="utf-8")
    mean, sd = MEAN_AND_SD[below_limit]
    with city(results=results(days(IRON), days([20, 7, 3, "<3"], "S2"))) as warehouse:
        rows = warehouse.read("site_periods").filter(pl.col("protocol") == "ours", pl.col("period") == "2023")
        found = {row["site_id"]: row for row in rows.iter_rows(named=True)}
        told = explain.explain_period(warehouse, archive(workspace), "S1", "methamphetamine", "2023", "ours")
    row = found["S1"]
    assert row["mean_mg_per_day_per_1000"] == pytest.approx(mean, rel=1e-6)
    if below_limit == "kaplan_meier":
        assert row["ci_high_mg_per_day_per_1000"] is None, "six of nine below: the mean is too high"
    else:
        half = T_OF_TWO * sd / math.sqrt(3)  # three days were measured
        assert row["ci_high_mg_per_day_per_1000"] - mean == pytest.approx(half, rel=1e-5)
    assert row["by_weekday_mg_per_day_per_1000"] == [None] * 7, "the measured days of a weekday are no mean of it"
    assert row["weekday_mean_mg_per_day_per_1000"] is None
    assert told.agrees
    assert below_limit.replace("_", " ") in told.rule
    if below_limit != "regression_on_order_statistics":
        assert found["S2"]["mean_mg_per_day_per_1000"] == pytest.approx((20 + 7 + 3 + 3) / 4), "a fourth below"


def test_a_series_the_method_cannot_do_is_refused(city, workspace):
    """One measured day: no spread, and so no lognormal distribution."""
    (workspace.protocols / "ours.toml").write_text(protocol_file("by_share_censored"), encoding="utf-8")
    with city(results=results(days([20, "<10", "<10"]))) as warehouse:
        row = warehouse.read("site_periods").filter(pl.col("protocol") == "ours", pl.col("period") == "2023")
    assert row["state"].to_list() == ["not estimable"]
    assert row["reason"].to_list() == ["too_few_detects"]
    assert row["mean_mg_per_day_per_1000"].to_list() == [None]


@pytest.mark.parametrize("below_limit", ["kaplan_meier", "regression_on_order_statistics"])
def test_no_mean_lies_above_what_the_limits_allow(city, workspace, below_limit):
    """Kaplan and Meier's puts what lies below the lowest measured day there, though its limit is far lower."""
    (workspace.protocols / "ours.toml").write_text(protocol_file(below_limit), encoding="utf-8")
    with city(results=results(days([10, 11, 12, "<1", "<1", "<1", "<1"]))) as warehouse:
        rows = warehouse.read("site_periods").filter(pl.col("protocol") == "ours", pl.col("period") == "2023")
        told = explain.explain_period(warehouse, archive(workspace), "S1", "methamphetamine", "2023", "ours")
    assert rows["mean_mg_per_day_per_1000"].to_list() == pytest.approx([(33 + 4) / 7])
    assert rows["ci_low_mg_per_day_per_1000"].to_list() == [None], "a mean that was cut"
    assert told.agrees


def test_a_site_with_nothing_but_limits_is_no_zero_in_its_area(city, workspace):
    text = protocol_file("kaplan_meier")
    detects = next(line for line in text.splitlines() if line.startswith("min_detects"))
    (workspace.protocols / "ours.toml").write_text(text.replace(detects, "min_detects = 0"), encoding="utf-8")
    with city(results=results(days([10, 10, 10]), days(["<1", "<1"], "S2"))) as warehouse:
        ours = pl.col("protocol") == "ours", pl.col("period") == "2023"
        site = warehouse.read("site_periods").filter(*ours, pl.col("site_id") == "S2").row(0, named=True)
        area = warehouse.read("area_periods").filter(*ours, pl.col("level") == "network").row(0, named=True)
    assert (site["state"], site["reason"]) == ("not estimable", "too_few_detects")
    assert (area["n_sites"], area["n_sites_left_out"]) == (1, 1)
    assert area["mean_mg_per_day_per_1000"] == pytest.approx(10)


@pytest.mark.parametrize(
    ("below_limit", "weekday_rule", "interval", "said"),
    [
        ("likelihood", "plain", "pooled_spread", 'write weekday_rule = "weekday_means"'),
        ("likelihood", "weekday_means", "t_of_days", 'write interval = "pooled_spread" or "none"'),
        ("zero", "plain", "pooled_spread", 'write interval = "t_of_days" or "none"'),
    ],
)
def test_a_likelihood_goes_with_weekdays_and_pooled_spreads(workspace, below_limit, weekday_rule, interval, said):
    text = protocol_file(below_limit)
    for field, value in (("weekday_rule", weekday_rule), ("interval", interval)):
        there = next(line for line in text.splitlines() if line.startswith(f"{field} ="))
        text = text.replace(there, f'{field} = "{value}"')
    (workspace.protocols / "ours.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ProtocolError, match=r"ours\.toml") as raised:
        load_protocols([workspace.protocols])
    assert said in str(raised.value)


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("weekday_rule", "weekday_means", 'write weekday_rule = "plain"'),
        ("interval", "pooled_spread", "goes with below_limit = 'likelihood' only"),
    ],
)
def test_choices_that_do_not_go_together_are_refused(workspace, field, value, said):
    text = protocol_file("kaplan_meier")
    there = next(line for line in text.splitlines() if line.startswith(f"{field} ="))
    (workspace.protocols / "ours.toml").write_text(text.replace(there, f'{field} = "{value}"'), encoding="utf-8")
    with pytest.raises(ProtocolError, match=r"ours\.toml") as raised:
        load_protocols([open_workspace(workspace.folder).protocols])
    assert said in str(raised.value)
