"""Intervals, p values and verdicts: tables of distributions, integrals by another library, arithmetic by hand."""

import math

import numpy as np
import polars as pl
import pytest
from scipy import stats

from pipeline.statistics import intervals, targets, verdicts
from pipeline.statistics.intervals import (
    effective_df,
    half_width,
    log_interval,
    p_value,
    probability_at_most,
    student_quantile,
    t_interval,
)

ONE, NOTHING, KNOWN = np.ones(1), np.zeros(1), np.full(1, np.inf)


def array(*numbers: float) -> np.ndarray:
    return np.array(numbers, dtype=float)


def beyond(distance: float, days: float, df: float, other: float) -> float:
    """The share of sqrt(days) t(df) + sqrt(other) z that lies further off than the distance, t by its quantiles."""
    drawn = math.sqrt(days) * stats.t.ppf((np.arange(20_000) + 0.5) / 20_000, df)
    return float(
        (stats.norm.sf(distance, drawn, math.sqrt(other)) + stats.norm.cdf(-distance, drawn, math.sqrt(other))).mean()
    )


# --- degrees of freedom ----------------------------------------------------------------------------------------------


def test_satterthwaites_degrees_of_freedom_by_hand():
    """Equation 17 with one estimated part: (V1 + V2)^2 / (V1^2 / df). 0.04 of 6 days and 0.02 beside: 6 (1.5)^2."""
    assert effective_df(array(0.04), array(6), array(0.02))[0] == pytest.approx(13.5)
    assert effective_df(array(0.04), array(6), array(0.12))[0] == pytest.approx(96)
    assert effective_df(array(0.04), array(6), NOTHING)[0] == 6


def test_what_no_days_tell_has_no_degrees_of_freedom():
    assert np.isinf(effective_df(NOTHING, array(6), array(0.02))[0])
    found = effective_df(array(0.04, 0.04, np.nan, 0.04), array(0.99, 1, 6, np.nan), array(0, 0, 0, 0))
    assert np.isnan(found).tolist() == [True, False, True, True]
    assert found[1] == 1


# --- quantiles -------------------------------------------------------------------------------------------------------


def test_students_quantiles_are_those_of_the_table():
    """The 97.5 % column of any table of t: 12.706, 4.303, 2.571, 2.228, 2.042, 1.980, 1.960."""
    found = student_quantile(array(1, 2, 5, 10, 30, 120, np.inf, 0.5, np.nan))
    assert found[:7] == pytest.approx([12.706, 4.303, 2.571, 2.228, 2.042, 1.980, 1.960], abs=5e-4)
    assert found[7] == pytest.approx(12.706, abs=5e-4), "not below one degree of freedom"
    assert np.isnan(found[8])


def test_an_interval_of_t_is_cut_at_zero_below_and_nowhere_else():
    low, high = t_interval(array(10, 1), array(2, 2), array(6, 6))
    assert low == pytest.approx([10 - 2 * 2.44691, 0], abs=1e-4)
    assert high == pytest.approx([10 + 2 * 2.44691, 1 + 2 * 2.44691], abs=1e-4)


# --- half the width --------------------------------------------------------------------------------------------------


def test_many_days_are_added_by_satterthwaite():
    """Variances 0.03 from days with 40 degrees of freedom and 0.01 beside: 40 (4/3)^2 = 71.1 of them, t = 1.9939."""
    assert half_width(array(0.03), array(40), array(0.01))[0] == pytest.approx(stats.t.ppf(0.975, 640 / 9) * 0.2)
    # From 30 on, and no earlier.
    at, before = half_width(array(0.03, 0.03), array(30, 30 - 1e-9), array(0.01, 0.01))
    assert at == pytest.approx(stats.t.ppf(0.975, 30 * 16 / 9) * 0.2, rel=1e-9)
    assert before != pytest.approx(at, rel=1e-6)
    assert before == pytest.approx(at, rel=0.01)


@pytest.mark.parametrize(("days", "df", "other"), [(1, 1, 1), (0.04, 2, 0.01), (0.01, 6, 0.04), (0.5, 12, 0.001)])
def test_few_days_are_added_as_a_distribution(days, df, other):
    """One in twenty lies beyond the ends, by an integral of another library."""
    half = half_width(array(days), array(df), array(other))[0]
    assert beyond(half, days, df, other) == pytest.approx(0.05, abs=2e-4)
    # The p value is that share at any distance.
    for distance in (0.5 * half, 1.3 * half):
        found = p_value(array(distance), array(days), array(df), array(other))[0]
        assert found == pytest.approx(beyond(distance, days, df, other), abs=3e-4)


def test_without_anything_beside_few_days_are_students():
    assert half_width(array(0.04), array(2), NOTHING)[0] == pytest.approx(4.302653 * 0.2, rel=1e-6)
    assert half_width(NOTHING, array(2), array(0.04))[0] == pytest.approx(1.959964 * 0.2, rel=1e-6)
    assert np.isnan(half_width(array(0.04), array(0.9), array(0.01))[0])


def test_each_of_many_is_as_if_it_were_alone():
    days, df, other = array(0.04, 0.03, 0, 0.01), array(2, 40, 5, 6), array(0.01, 0.01, 0.02, 0.04)
    together = half_width(days, df, other)
    alone = [half_width(days[[i]], df[[i]], other[[i]])[0] for i in range(4)]
    assert together == pytest.approx(alone, rel=1e-12)
    ps = p_value(array(0.5, 0.5, 0.2, 0.1), days, df, other)
    assert ps == pytest.approx(
        [p_value(array(at), days[[i]], df[[i]], other[[i]])[0] for i, at in enumerate((0.5, 0.5, 0.2, 0.1))], rel=1e-12
    )


def test_ends_of_a_level_by_hand():
    """exp(1.95996 x 0.25) = 1.63230: as many times down as up."""
    low, high = log_interval(array(100), NOTHING, KNOWN, array(0.0625))
    assert (low[0], high[0]) == pytest.approx((100 / 1.6323015, 163.23015), rel=1e-5)


def test_an_interval_that_reaches_beyond_a_thousandfold_is_none():
    widest = math.log(1000) / 1.959963984540054
    low, high = log_interval(
        array(1, 1), array(0, 0), np.full(2, np.inf), array((widest * 0.999) ** 2, (widest * 1.001) ** 2)
    )
    assert high[0] == pytest.approx(1000, rel=0.01)
    assert np.isnan([low[1], high[1]]).all()


# --- p values --------------------------------------------------------------------------------------------------------


def test_p_values_are_those_of_the_table():
    assert p_value(array(1.959964, -1.959964, 0), array(0, 0, 0), np.full(3, np.inf), ONE.repeat(3)) == pytest.approx(
        [0.05, 0.05, 1], abs=1e-7
    )
    assert p_value(array(2 * 0.2), array(0.04), array(10), NOTHING)[0] == pytest.approx(0.07339, abs=1e-5)  # t = 2
    of_few = p_value(array(0.4, 0.4), array(0.04, 0.04), array(1, 1.5), array(0, 0))
    assert of_few == pytest.approx([0.29517, 2 * stats.t.sf(2, 1.5)], abs=1e-5)
    assert np.isnan(p_value(array(1, 1), array(0, 0.04), array(5, 0.5), array(0, 0))).all()
    assert p_value(NOTHING, array(0.04), array(2), array(0.01))[0] == pytest.approx(1, abs=1e-9)


def test_the_probability_of_a_target_turns_with_the_side():
    """ln(0.7/0.6) = 0.15415 is 1.5415 standard errors of 0.1: 93.84 % on one side, 6.16 % on the other."""
    known = (np.zeros(3), np.full(3, np.inf), np.full(3, 0.01))
    found = probability_at_most(array(0.7, 0.6, 0.6 * 0.6 / 0.7), array(0.6, 0.6, 0.6), *known)
    assert found == pytest.approx([0.93840, 0.5, 0.06160], abs=1e-5)


# --- verdicts --------------------------------------------------------------------------------------------------------


def test_a_change_is_called_one_up_to_one_in_twenty():
    """The level every verdict and page rests on; 0.05 as in the interval of 95 %."""
    assert verdicts.LEVEL_OF_VERDICT == 0.05
    assert intervals._UPPER == 1 - verdicts.LEVEL_OF_VERDICT / 2
    assert targets.SURE == 1 - verdicts.LEVEL_OF_VERDICT / 2
    at_the_end = half_width(array(0.02), array(50), array(0.01))
    p = p_value(at_the_end, array(0.02), array(50), array(0.01))[0]
    assert p == pytest.approx(verdicts.LEVEL_OF_VERDICT, abs=1e-9)


def test_false_discoveries_as_published():
    """Benjamini and Hochberg 1995, section 3.2: fifteen p values of a trial; four are kept at 0.05."""
    published = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719,
                 0.6528, 0.7590, 1.0]  # fmt: skip
    adjusted = verdicts.adjusted_p_values(pl.Series("p", [None, *published[::-1]]))
    assert adjusted.name == "p"
    assert adjusted[0] is None
    assert (adjusted <= verdicts.LEVEL_OF_VERDICT).sum() == 4
    by_hand = [0.0015, 0.003, 0.0095, 0.035625, 0.0603]
    assert adjusted.to_list()[:-6:-1] == pytest.approx(by_hand)
    assert verdicts.adjusted_p_values(pl.Series("p", [None, None], dtype=pl.Float64)).to_list() == [None, None]


def test_the_smallest_fall_that_could_be_seen_by_hand():
    """1.96 standard deviations of 0.1 on the log scale: 1 - exp(-0.195996) = 17.8 %."""
    assert verdicts.detectable_fall(NOTHING, KNOWN, array(0.01))[0] == pytest.approx(0.177985, abs=1e-6)


# --- targets ---------------------------------------------------------------------------------------------------------


def test_the_way_to_an_aim_by_hand():
    """Down to a half where a quarter is the aim: half of the way; after half of the time a steady way is there too."""
    found = targets.progress(array(0.5, 2, 0, -1), np.full(4, 0.25))
    assert found[:2] == pytest.approx([0.5, -0.5])
    assert np.isnan(found[2:]).all()
    assert targets.steady(array(0.25, 0.7), array(0.5, 1)) == pytest.approx([0.5, 0.7])
