"""Trends: published and R-verified figures, other implementations, and what must hold whatever the numbers."""

import csv
import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import kendalltau, norm, theilslopes

from pipeline.statistics import kendall
from pipeline.statistics.kendall import inversions, scores, slopes_by_rank
from pipeline.statistics.trends import (
    akritas_theil_sen,
    hamed_rao,
    hirsch_slack,
    mann_kendall,
    seasonal_covariance,
    seasonal_kendall,
    serial_factor,
)

RAINFALL = Path(__file__).parents[2] / "data" / "rainfall_bogra.csv"
"""Monthly rainfall at Bogra, 1981 to 2010 [mm], seven months missing: the series by which pyMannKendall, checked there
against R's modifiedmk, fume, rkt and trend, tests itself."""


@pytest.fixture(scope="module")
def rainfall():
    with RAINFALL.open() as file:
        months = [cell for row in list(csv.reader(file))[1:] for cell in row[1:]]
    return np.array([[float(cell) if cell else np.nan for cell in months]])


MONTH = np.arange(360.0)


def test_mann_kendall_of_a_published_series(rainfall):
    found = mann_kendall(rainfall, MONTH)
    assert (found.n[0], found.s[0]) == (353, -1959)
    assert found.variance[0] == pytest.approx(4889800.333333333, rel=1e-12)
    assert found.z[0] == pytest.approx(-0.8854562842589916, rel=1e-12)
    assert found.p_value[0] == pytest.approx(0.37591058740506833, rel=1e-12)
    assert found.slope[0] == pytest.approx(-0.006369426751592357, rel=1e-12)
    assert found.intercept[0] == pytest.approx(96.15286624203821, rel=1e-12)


def test_seasonal_kendall_of_a_published_series(rainfall):
    found = seasonal_kendall(rainfall, MONTH / 12, np.arange(360) % 12)
    assert found.s[0] == -399
    assert found.variance[0] == pytest.approx(34702.333333333336, rel=1e-12)
    assert found.z[0] == pytest.approx(-2.136504114534638, rel=1e-12)
    assert found.p_value[0] == pytest.approx(0.03263834596177739, rel=1e-10)
    assert found.slope[0] == pytest.approx(-0.08695652173913043, rel=1e-12), "mm a year, within the same month"


def test_hirsch_slack_of_a_published_series(rainfall):
    """pyMannKendall takes the years without a missing month, and no continuity correction."""
    years = rainfall.reshape(30, 12)
    whole = years[~np.isnan(years).any(axis=1)].ravel()[np.newaxis]
    month = np.arange(whole.shape[1])
    found = hirsch_slack(whole, month / 12, month % 12, month // 12)
    assert found.s[0] == -333
    assert found.variance[0] == pytest.approx(31427.666666666664, rel=1e-12)
    assert found.s[0] / np.sqrt(found.variance[0]) == pytest.approx(-1.878400366918792, rel=1e-12)
    assert found.slope[0] == pytest.approx(-0.16666666666666666, rel=1e-12)


def covariance_by_loops(years):
    """Hirsch and Slack 1984, equation 14, season by season, year by year: (n_years, n_seasons), NaN where missing."""
    n, n_seasons = years.shape
    total = 0.0
    for g, h in itertools.permutations(range(n_seasons), 2):
        one, other = years[:, g], years[:, h]
        both = 0.0
        for i, j in itertools.combinations(range(n), 2):
            product = (one[j] - one[i]) * (other[j] - other[i])
            both += 0.0 if np.isnan(product) else np.sign(product)

        def ranks(season):
            there = [value for value in season if not np.isnan(value)]
            return [
                (len(there) + 1 + (0 if np.isnan(value) else sum(np.sign(value - each) for each in there))) / 2
                for value in season
            ]

        n_one, n_other = (~np.isnan(one)).sum(), (~np.isnan(other)).sum()
        of_ranks = sum(first * second for first, second in zip(ranks(one), ranks(other), strict=True))
        total += (both + 4 * of_ranks - n * (n_one + 1) * (n_other + 1)) / 3
    return total


def test_the_covariance_of_seasons_is_the_published_sum_with_gaps_and_ties():
    rng = np.random.default_rng(10)
    value = np.round(rng.normal(size=(5, 36)), 1)  # rounded, so that some are equal
    value[1, [0, 7, 20]] = np.nan
    value[2, 4:13] = np.nan
    value[3, ::4] = np.nan  # a season that was never sampled
    quarter = np.arange(36)
    found = seasonal_covariance(value, quarter % 4, quarter // 4)
    for row in range(5):
        assert found[row] == pytest.approx(covariance_by_loops(value[row].reshape(9, 4)), abs=1e-9)
    # Of seasons that rise and fall together: S of their sum is four times that of one.
    alike = np.repeat(rng.normal(size=(1, 12)), 4, axis=1)
    together = hirsch_slack(alike, np.arange(48) / 4, np.arange(48) % 4, np.arange(48) // 4)
    one = mann_kendall(alike[:, ::4], np.arange(12.0))
    assert together.variance[0] == pytest.approx(16 * one.variance[0], rel=1e-12)


def test_two_points_of_a_season_in_one_year_are_refused():
    with pytest.raises(ValueError, match="two points in one year"):
        hirsch_slack(np.ones((1, 4)), np.arange(4.0), np.array([0, 0, 1, 1]), np.zeros(4, dtype=int))


def correlated_months(rng, n_series, n, correlation):
    """Months each of which leans on the one before."""
    value = rng.standard_normal((n_series, n))
    for at in range(1, n):
        value[:, at] = correlation * value[:, at - 1] + np.sqrt(1 - correlation**2) * value[:, at]
    return value


@pytest.mark.parametrize("n_years", [8, 20])
def test_correlated_months_without_trend_are_rarely_called_one(n_years):
    month = np.arange(12 * n_years)
    value = correlated_months(np.random.default_rng(n_years), 3000, len(month), 0.5)
    plain = seasonal_kendall(value, month / 12, month % 12)
    wider = hirsch_slack(value, month / 12, month % 12, month // 12, is_widening=True)
    assert (plain.p_value < 0.05).mean() > 0.18, "what it is for"
    assert (wider.p_value < 0.05).mean() < 0.075
    assert ((wider.slope_low <= 0) & (wider.slope_high >= 0)).mean() > 0.925
    assert (wider.variance >= plain.variance).all()
    as_published = hirsch_slack(value, month / 12, month % 12, month // 12)
    assert (as_published.variance < plain.variance).any()
    steep = hirsch_slack(value + 0.5 * month / 12, month / 12, month % 12, month // 12, is_widening=True)
    assert (steep.p_value < 0.05).mean() > 0.9, "a trend of half a standard deviation a year is still seen"


def test_hamed_rao_of_a_published_series(rainfall):
    """The published figure takes the slope out by the number of the point, as if no month were missing before it."""
    plain = mann_kendall(rainfall, MONTH)
    points = rainfall[~np.isnan(rainfall)]
    left = (points - plain.slope[0] * np.arange(1, len(points) + 1))[np.newaxis]
    for n_lags, published in ((None, 0.00012203829241275166), (3, 0.6037112685123898)):
        variance = plain.variance * serial_factor(left, n_lags)
        z = (plain.s + 1) / np.sqrt(variance)
        assert 2 * norm.sf(abs(z[0])) == pytest.approx(published, rel=1e-10)
        # By the months themselves it is nearly the same.
        assert hamed_rao(rainfall, MONTH, n_lags).p_value[0] == pytest.approx(published, rel=0.08)


def test_what_correlation_would_turn_negative_is_left_as_it_is():
    zigzag = np.tile([0.0, 1.0], 20)[np.newaxis] + np.linspace(0, 0.01, 40)
    found = hamed_rao(zigzag, np.arange(40.0))
    assert np.isfinite(found.p_value[0])
    assert found.variance[0] > 0


def test_dissolved_iron_by_nada():
    """S, tau and p as NADA's cenken prints them; its slope is one of those that leave S at 0."""
    value = np.array([[20.0, 10, 10, 10, 10, 7, 3, 3, 3]])
    below = np.array([[False, True, True, True, True, False, False, True, True]])
    found = akritas_theil_sen(value, below, np.arange(9.0), variance="ties")
    assert found.s[0] == -13
    assert found.tau[0] == pytest.approx(-0.36111111, abs=1e-8)
    assert found.p_value[0] == pytest.approx(0.13158676, abs=1e-8)
    published = -2.5721130
    assert score_left(value[0], below[0], np.arange(9.0), published) == 0
    assert score_left(value[0], below[0], np.arange(9.0), found.slope[0]) == 0


def test_the_normal_test_of_s_as_published():
    """USGS Scientific Investigations Report 2005-5275: |S| less 1 over |z| is the standard deviation of S."""
    for s, z, sd in ((-12, -0.584, 18.84), (-42, -1.808, 22.68), (-189, -4.096, 45.90)):
        assert (abs(s) - 1) / abs(z) == pytest.approx(sd, abs=0.01)


def score_left(value, below, time, slope):
    """S of what a slope leaves, pair by pair."""
    left = value - slope * time
    s = 0
    for i, j in itertools.combinations(range(len(value)), 2):
        if below[i] and below[j]:
            continue
        if below[i]:
            s += left[j] >= left[i]
        elif below[j]:
            s -= left[i] >= left[j]
        else:
            s += np.sign(left[j] - left[i])
    return s


def test_slopes_are_those_of_scipy_at_unequal_spacing():
    rng = np.random.default_rng(1)
    time = np.sort(rng.uniform(0, 10, 40))
    value = rng.normal(size=(5, 40)) + 0.3 * time
    found = mann_kendall(value, time)
    for row in range(5):
        slope, intercept, _, _ = theilslopes(value[row], time)
        assert found.slope[row] == pytest.approx(slope, rel=1e-12)
        assert found.intercept[row] == pytest.approx(intercept, rel=1e-12)
        tau, _ = kendalltau(time, value[row])
        assert found.tau_b[row] == pytest.approx(tau, rel=1e-12)
        assert found.slope_low[row] < slope < found.slope_high[row]


def test_intervals_of_slopes_cover():
    rng = np.random.default_rng(2)
    found = mann_kendall(rng.standard_t(3, size=(4000, 20)) + 0.1 * np.arange(20), np.arange(20.0))
    covered = (found.slope_low <= 0.1) & (found.slope_high >= 0.1)
    assert 0.945 < covered.mean() < 0.975


def test_the_time_between_points_counts_not_their_number():
    value = np.array([[1.0, 2.0, 3.0, 10.0]])
    assert mann_kendall(value, np.array([0.0, 1.0, 2.0, 9.0])).slope[0] == 1
    assert mann_kendall(value, np.arange(4.0)).slope[0] > 1


def test_nothing_comes_of_nothing():
    for value in ([[np.nan, np.nan, np.nan]], [[1.0, np.nan, np.nan]]):
        found = mann_kendall(np.array(value), np.arange(3.0))
        assert np.isnan(found.slope[0])
        assert np.isnan(found.p_value[0])
    alike = mann_kendall(np.ones((1, 5)), np.arange(5.0))
    assert alike.slope[0] == 0
    assert np.isnan(alike.p_value[0]), "nothing varies: nothing can be tested"


@pytest.mark.parametrize("n", [2, 5, 257, 700])
@pytest.mark.parametrize("kind", ["plain", "rounded", "mostly zero", "times repeated"])
def test_pairs_that_are_counted_are_those_that_are_formed(n, kind):
    rng = np.random.default_rng(n)
    value, time = rng.normal(size=(3, n)), np.tile(np.arange(float(n)), (3, 1))
    if kind == "rounded":
        value = np.round(2 * value)
    if kind == "mostly zero":
        value = np.where(value < 0.5, 0, value)
    if kind == "times repeated":
        time = np.sort(rng.integers(0, max(n // 2, 1), (3, n)), axis=1).astype(float)
    found = scores(value, time)
    for row in range(3):
        i, j = np.triu_indices(n, 1)
        between = time[row, j] - time[row, i]
        apart = between > 0
        rise = (value[row, j] - value[row, i])[apart]
        assert found.n_pairs[row] == apart.sum()
        assert found.s[row] == np.sign(rise).sum()
        slopes = np.sort(rise / between[apart])
        if len(slopes):
            ranks = np.unique([0, len(slopes) // 3, len(slopes) // 2, len(slopes) - 1])
            got = slopes_by_rank(value[row : row + 1], time[row : row + 1], ranks[np.newaxis])[0]
            np.testing.assert_allclose(got, slopes[ranks], rtol=1e-12)
    assert np.isnan(slopes_by_rank(value, time, np.full((3, 1), -1))).all()


@settings(deadline=None)
@given(arrays(np.int64, st.integers(2, 60), elements=st.integers(0, 9)))
def test_inversions_are_counted(drawn):
    ranks = np.argsort(np.argsort(drawn, kind="stable"), kind="stable")[np.newaxis]
    counted = sum(ranks[0, i] > ranks[0, j] for i, j in itertools.combinations(range(len(drawn)), 2))
    assert inversions(ranks)[0] == counted


def test_long_series_and_short_ones_go_the_same_way(monkeypatch):
    rng = np.random.default_rng(5)
    value, time = np.round(rng.normal(size=(4, 90)), 1), np.arange(90.0)
    value[1, 7:12] = np.nan
    formed = mann_kendall(value, time)
    monkeypatch.setattr(kendall, "_MOST_PAIRWISE", 1)
    counted = mann_kendall(value, time)
    for one, other in zip(formed, counted, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)


def test_without_limits_the_censored_trend_is_the_plain_one():
    rng = np.random.default_rng(6)
    value = np.round(rng.normal(size=(6, 30)), 1) + 0.05 * np.arange(30)
    plain = mann_kendall(value, np.arange(30.0))
    found = akritas_theil_sen(value, np.zeros(value.shape, dtype=bool), np.arange(30.0))
    for name in ("n", "s", "variance", "z", "p_value", "tau", "slope", "slope_low", "slope_high"):
        np.testing.assert_allclose(getattr(found, name), getattr(plain, name), rtol=1e-12, err_msg=name)


def censored(rng, n_series, n, slope):
    value = np.exp(rng.normal(size=(n_series, n)) * 0.5) + slope * np.arange(n)
    limit = np.exp(rng.normal(-0.3, 0.4, size=(n_series, n))) + slope * n / 2
    return np.maximum(value, limit), value < limit


def test_a_censored_slope_leaves_s_at_zero_and_no_other_does_so_further_out():
    rng = np.random.default_rng(7)
    value, below = censored(rng, 5, 25, 0.0)
    found = akritas_theil_sen(value, below, np.arange(25.0))
    for row in range(5):
        of = (value[row], below[row], np.arange(25.0))
        assert abs(score_left(*of, found.slope[row])) <= 1
        half = 1.96 * np.sqrt(found.variance[row])
        assert score_left(*of, found.slope_low[row] - 1e-9) >= half
        assert score_left(*of, found.slope_high[row] + 1e-9) <= -half


def test_the_exact_variance_is_that_of_shuffled_points():
    rng = np.random.default_rng(8)
    value, below = censored(rng, 1, 12, 0.0)
    exact = akritas_theil_sen(value, below, np.arange(12.0)).variance[0]
    orders = [rng.permutation(12) for _ in range(4000)]
    s = [score_left(value[0][order], below[0][order], np.arange(12.0), 0.0) for order in orders]
    assert np.mean(s) == pytest.approx(0, abs=4 * np.sqrt(exact / 4000))
    assert np.var(s) == pytest.approx(exact, rel=0.1)


def test_of_a_steady_series_with_limits_one_in_twenty_is_called_a_trend():
    rng = np.random.default_rng(9)
    value, below = censored(rng, 2000, 30, 0.0)
    found = akritas_theil_sen(value, below, np.arange(30.0))
    assert 0.035 < (found.p_value < 0.05).mean() < 0.062
