"""Kendall's S, its variance and its slopes: over all orders of the points, pair by pair, by sorting."""

import itertools

import numpy as np
import pytest
from scipy.stats import kendalltau, norm

from pipeline.statistics import kendall
from pipeline.statistics.kendall import inversions, of_rank, scores, slopes_by_rank
from pipeline.statistics.trends import (
    akritas_theil_sen,
    hamed_rao,
    hirsch_slack,
    mann_kendall,
    seasonal_kendall,
    serial_factor,
)


def pair(one, other, one_below=False, other_below=False):
    """1 where the other value surely lies above the one, -1 where below, 0 where neither is sure."""
    if one_below and other_below:
        return 0
    if one_below:
        return int(other >= one)
    if other_below:
        return -int(other <= one)
    return int(np.sign(other - one))


def s_of(value, time, below=None):
    below = np.zeros(len(value), bool) if below is None else below
    return sum(
        pair(value[i], value[j], below[i], below[j]) * np.sign(time[j] - time[i])
        for i, j in itertools.combinations(range(len(value)), 2)
    )


def variance_over_all_orders(value, time, below=None):
    n = len(value)
    below = np.zeros(n, bool) if below is None else below
    signs = np.array([[pair(value[i], value[j], below[i], below[j]) for j in range(n)] for i in range(n)])
    of_time = np.sign(np.subtract.outer(time, time)).T
    all_s = [(signs[np.ix_(order, order)] * of_time).sum() / 2 for order in map(list, itertools.permutations(range(n)))]
    return np.var(all_s)


@pytest.mark.parametrize(
    ("value", "time"),
    [
        ([3, 1], [0, 1]),
        ([3, 1, 2], [0, 1, 2]),
        ([3, 1, 1], [0, 1, 1]),
        ([2, 5, 2, 2, 7, 5], [0, 1, 2, 3, 4, 5]),
        ([2, 5, 1, 2, 7, 5], [0, 0, 1, 1, 1, 2]),
        ([2, 2, 2, 5, 5, 1], [0, 0, 0, 1, 1, 2]),
    ],
)
def test_the_variance_of_s_is_that_over_all_orders(value, time):
    """Ties of values, of times and of both: equation 4.4 is exact."""
    value, time = np.array(value, float), np.array(time, float)
    found = mann_kendall(value[np.newaxis], time)
    assert found.s[0] == s_of(value, time)
    assert found.variance[0] == pytest.approx(variance_over_all_orders(value, time))
    z = (found.s[0] - np.sign(found.s[0])) / np.sqrt(found.variance[0])
    assert (found.z[0], found.p_value[0]) == pytest.approx((z, 2 * norm.sf(abs(z))))
    assert scores(value[np.newaxis], time[np.newaxis]).n_pairs[0] == (np.subtract.outer(time, time) > 0).sum()
    if len(value) > 3:
        assert found.tau_b[0] == pytest.approx(kendalltau(time, value).statistic)
        assert found.tau[0] == pytest.approx(found.s[0] / (np.subtract.outer(time, time) > 0).sum())


CENSORED = [
    ([5, 1, 2], [True, False, False]),
    ([1, 2, 3, 2], [True, False, True, False]),
    ([4, 4, 4, 2, 6, 5], [True, False, True, False, False, True]),
    ([3, 3, 1, 5, 5, 2], [False, True, True, True, False, False]),
    ([9, 8, 7, 6.5, 4, 3], [False, False, True, False, False, True]),
]


@pytest.mark.parametrize(("value", "below"), CENSORED)
def test_the_variance_with_limits_is_that_over_all_orders(value, below):
    value, below, time = np.array(value, float), np.array(below), np.arange(float(len(value)))
    found = akritas_theil_sen(value[np.newaxis], below[np.newaxis], time)
    assert found.n[0] == len(value)
    assert found.s[0] == s_of(value, time, below)
    assert found.variance[0] == pytest.approx(variance_over_all_orders(value, time, below))
    sure = sum(
        abs(pair(value[i], value[j], below[i], below[j])) for i, j in itertools.combinations(range(len(value)), 2)
    )
    n_pairs = len(value) * (len(value) - 1) / 2
    assert found.tau[0] == pytest.approx(found.s[0] / n_pairs)
    assert found.tau_b[0] == pytest.approx(found.s[0] / np.sqrt(sure * n_pairs))


def test_with_limits_times_that_repeat_are_no_pair():
    value, below, time = (
        np.array([4.0, 4, 1, 6, 5]),
        np.array([True, False, False, False, True]),
        np.array([0.0, 0, 1, 2, 2]),
    )
    found = akritas_theil_sen(value[np.newaxis], below[np.newaxis], time)
    assert found.s[0] == s_of(value, time, below)
    assert found.tau[0] == pytest.approx(found.s[0] / 8)
    assert found.variance[0] == pytest.approx(variance_over_all_orders(value, time, below))


def slopes_by_trying(value, below, time, half):
    """The slopes that leave S at 0, and those between which it lies within `half`: each slope tried on either side."""
    tried = sorted(
        (value[j] - value[i]) / (time[j] - time[i])
        for i, j in itertools.combinations(range(len(value)), 2)
        if not (below[i] and below[j])
    )
    before, after = ([s_of(value - (b + aside) * time, time, below) for b in tried] for aside in (-1e-9, 1e-9))
    first, last = next(b for b, s in zip(tried, after, strict=True) if s <= 0), [
        b for b, s in zip(tried, before, strict=True) if s >= 0
    ][-1]  # fmt: skip
    low = [b for b, s in zip(tried, after, strict=True) if s >= half]
    high = [b for b, s in zip(tried, before, strict=True) if s <= -half]
    return (first + last) / 2, low[-1] if low else np.nan, high[0] if high else np.nan


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_the_slope_with_limits_is_that_of_trying_each(seed):
    rng = np.random.default_rng(seed)
    value, below, time = 5 + rng.standard_normal(11), rng.random(11) < 0.35, np.cumsum(rng.uniform(0.5, 2, 11))
    found = akritas_theil_sen(value[np.newaxis], below[np.newaxis], time)
    half = 1.959964 * np.sqrt(found.variance[0])
    slope, low, high = slopes_by_trying(value, below, time, half)
    assert (found.slope[0], found.slope_low[0], found.slope_high[0]) == pytest.approx((slope, low, high), abs=1e-7)


def test_the_line_with_limits_goes_through_the_middle_of_what_is_left():
    """Of an odd number of measured values their median; the lower one of the middle pair."""
    value, time = np.array([[2.0, 4, 5, 9, 10]]), np.arange(5.0)
    found = akritas_theil_sen(value, np.zeros((1, 5), bool), time)
    assert found.intercept[0] == pytest.approx(np.median(value[0] - found.slope[0] * time))
    found = akritas_theil_sen(value - 20, np.zeros((1, 5), bool), time)
    assert found.intercept[0] == pytest.approx(np.median(value[0] - 20 - found.slope[0] * time))


def test_with_limits_nothing_comes_of_nothing():
    all_below = akritas_theil_sen(np.array([[1.0, 2, 3]]), np.ones((1, 3), bool), np.arange(3.0))
    assert all_below.n[0] == 3
    assert np.isnan([part[0] for part in all_below[1:]]).all()
    alike = akritas_theil_sen(np.ones((1, 4)), np.zeros((1, 4), bool), np.arange(4.0))
    assert (alike.s[0], alike.variance[0], alike.slope[0], alike.tau[0]) == (0, 0, 0, 0)
    assert np.isnan([alike.p_value[0], alike.tau_b[0], alike.slope_low[0], alike.slope_high[0]]).all()
    two = akritas_theil_sen(np.array([[1.0, 2]]), np.zeros((1, 2), bool), np.arange(2.0))
    assert (two.s[0], two.slope[0]) == (1, 1)
    assert np.isnan(two.variance[0])


# --- serial correlation and seasons ----------------------------------------------------------------------------------


def factor_by_hand(left, n_lags=None):
    """Hamed and Rao 1998, equation 12, lag by lag."""
    n = len(left)
    ranks = np.array([np.sum(left < each) + (np.sum(left == each) + 1) / 2 for each in left])
    centred = ranks - ranks.mean()
    total = 0.0
    for lag in range(1, n if n_lags is None else n_lags + 1):
        correlation = (centred[:-lag] * centred[lag:]).sum() / (centred**2).sum()
        if abs(correlation) > norm.ppf(0.975) / np.sqrt(n):
            total += (n - lag) * (n - lag - 1) * (n - lag - 2) * correlation
    return 1 + 2 * total / (n * (n - 1) * (n - 2))


@pytest.mark.parametrize("n", [4, 5, 9, 17, 32])
def test_serial_correlation_widens_as_published(n):
    left = np.cumsum(np.random.default_rng(n).standard_normal((3, n)), axis=1)
    for n_lags in (None, 2, 3):
        assert serial_factor(left, n_lags) == pytest.approx([factor_by_hand(row, n_lags) for row in left])
    assert serial_factor(left[:, :3]).tolist() == [1, 1, 1]


def test_serial_correlation_is_only_taken_where_it_can_be():
    """Steps that follow each other widen; a zigzag narrows, is kept so if asked, and never below nothing."""
    time = np.arange(20.0)
    walk, zigzag = np.cumsum(np.random.default_rng(8).standard_normal(20)), np.tile([0.0, 1], 10) + 0.01 * np.sin(time)
    slow = walk + np.random.default_rng(11).standard_normal(20)
    value = np.stack([walk, zigzag, np.random.default_rng(2).permutation(20), slow])
    plain = mann_kendall(value, time)
    factor = np.array([factor_by_hand(row - slope * time) for row, slope in zip(value, plain.slope, strict=True)])
    assert factor[0] > 2
    assert factor[1] < 1
    assert 1 < factor[3] < 2
    found, wider = hamed_rao(value, time), hamed_rao(value, time, is_widening=True)
    assert found.variance == pytest.approx(plain.variance * np.where(factor > 0, factor, 1))
    assert wider.variance == pytest.approx(plain.variance * np.maximum(factor, 1))
    z = (plain.s - np.sign(plain.s)) / np.sqrt(wider.variance)
    assert wider.z == pytest.approx(z)
    assert wider.p_value == pytest.approx(2 * norm.sf(abs(z)))


def test_seasons_are_summed_and_their_slopes_sorted_together():
    """Two seasons of four and three years, a gap: S, pairs and slopes pair by pair within seasons."""
    gap = np.nan
    value = np.array([[1.0, 9, 3, 7, 2, 4, 6, gap], [5.0, 5, 5, 2, 8, 3, 1, 4], [3.0, 1, gap, 4, gap, 4, gap, 0]])
    year, season = np.repeat(np.arange(4.0), 2), np.tile([3, 7], 4)
    found = seasonal_kendall(value, year, season)
    for row in range(3):
        s = n_pairs = n_untied = 0
        slopes = []
        for one in (3, 7):
            of = (season == one) & np.isfinite(value[row])
            y, t = value[row][of], year[of]
            s += s_of(y, t)
            n_pairs += len(y) * (len(y) - 1) / 2
            n_untied += np.sqrt(len(y) * (len(y) - 1) / 2 * (np.subtract.outer(y, y) > 0).sum())
            slopes += [(y[j] - y[i]) / (t[j] - t[i]) for i, j in itertools.combinations(range(len(y)), 2)]
        assert found.s[row] == s
        assert found.tau[row] == pytest.approx(s / n_pairs)
        assert found.tau_b[row] == pytest.approx(s / n_untied)
        assert found.slope[row] == pytest.approx(np.median(slopes))
        variance = sum(
            variance_over_all_orders(value[row][of], year[of])
            for of in ((season == one) & np.isfinite(value[row]) for one in (3, 7))
        )
        assert found.variance[row] == pytest.approx(variance)
        half = 1.959964 * np.sqrt(variance)
        low, high = int(np.floor((n_pairs - half) / 2)) - 1, int(np.ceil((n_pairs + half) / 2))
        ends = [sorted(slopes)[at] if 0 <= at < n_pairs else np.nan for at in (low, high)]
        assert (found.slope_low[row], found.slope_high[row]) == pytest.approx(ends, nan_ok=True)
        there = np.isfinite(value[row])
        assert found.intercept[row] == pytest.approx(
            np.median(value[row][there]) - found.slope[row] * np.median(year[there])
        )


def test_seasons_of_series_with_times_of_their_own():
    """Twice the time between points, half the slope; two points at one time are no pair."""
    value = np.array([[1.0, 9, 3, 7, 2, 4, 6, 5]] * 3)
    year, season = np.repeat(np.arange(4.0), 2), np.tile([3, 7], 4)
    time = np.stack([year, 2 * year, np.repeat([0.0, 0, 1, 2], 2)])
    found = seasonal_kendall(value, time, season)
    plain = seasonal_kendall(value[:1], year, season)
    assert found.slope[0] == plain.slope[0]
    assert found.slope[1] == plain.slope[0] / 2
    rises = [
        (2 - 1) / 1,
        (2 - 3) / 1,
        (6 - 1) / 2,
        (6 - 3) / 2,
        (6 - 2) / 1,
        (4 - 9) / 1,
        (4 - 7) / 1,
        (5 - 9) / 2,
        (5 - 7) / 2,
        1,
    ]
    assert found.slope[2] == pytest.approx(np.median(rises))
    assert found.tau[2] == pytest.approx(sum(np.sign(rises)) / 10)
    none = seasonal_kendall(np.full((2, 4), np.nan), np.arange(4.0), np.tile([0, 1], 2))
    assert np.isnan([none.s, none.variance, none.slope, none.slope_low, none.p_value]).all()
    assert none.n.tolist() == [0, 0]


def test_the_covariance_of_seasons_only_widens_if_asked():
    """Seasons that go against each other: as published the variance shrinks."""
    years, noise = np.random.default_rng(5).standard_normal((2, 8))
    value = np.stack([years, noise - years], axis=1).ravel()[np.newaxis]
    of = (value, np.repeat(np.arange(8.0), 2), np.tile([0, 1], 8))
    year = np.repeat(np.arange(8), 2)
    plain, published, wider = seasonal_kendall(*of), hirsch_slack(*of, year), hirsch_slack(*of, year, is_widening=True)
    assert published.variance[0] < plain.variance[0]
    assert wider.variance[0] == plain.variance[0]
    # Two seasons that mirror each other would leave nothing at all: then they are left as they are.
    mirrored = np.stack([years, -years], axis=1).ravel()[np.newaxis]
    assert hirsch_slack(mirrored, *of[1:], year).variance[0] == plain.variance[0]


# --- ranks -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 9, 16, 17, 50, 181, 182, 300])
def test_inversions_are_those_of_pairs(n):
    """Across the sizes at which blocks and the integers that hold them change."""
    rng = np.random.default_rng(n)
    ranks = np.stack([rng.permutation(n), np.arange(n)[::-1], np.arange(n)])
    counted = [(np.subtract.outer(row, row)[np.triu_indices(n, 1)] > 0).sum() for row in ranks]
    assert inversions(ranks).tolist() == counted


def test_many_series_are_counted_some_at_a_time(monkeypatch):
    ranks = np.stack([np.random.default_rng(row).permutation(20) for row in range(23)])
    whole = inversions(ranks)
    monkeypatch.setattr(kendall, "_IN_CACHE", 100)
    assert (inversions(ranks) == whole).all()
    assert inversions(np.zeros((0, 5), dtype=int)).shape == (0,)


@pytest.mark.parametrize("n", [1, 7, 121, 400, 2000])
@pytest.mark.parametrize("kind", ["plain", "rounded", "one value"])
def test_values_by_rank_are_those_of_sorting(n, kind):
    value = np.random.default_rng(n).standard_normal((5, n))
    value = {"plain": value, "rounded": np.round(value), "one value": np.ones((5, n))}[kind]
    ranks = np.tile([0, n // 2, n // 2 + 1, n - 1, -1, n, n // 3], (5, 1))
    ranks[2] = ranks[2, ::-1]
    found = of_rank(value, ranks)
    in_order = np.sort(value, axis=1)
    for row, column in np.ndindex(ranks.shape):
        rank = ranks[row, column]
        expected = in_order[row, rank] if 0 <= rank < n else np.nan
        assert found[row, column] == pytest.approx(expected, nan_ok=True), (row, rank)


@pytest.mark.parametrize("n", [257, 300])
@pytest.mark.parametrize("kind", ["plain", "steps", "times repeated", "steep", "line"])
def test_slopes_that_are_counted_are_those_of_sorting(n, kind):
    rng = np.random.default_rng(n)
    time = np.arange(float(n))
    value = {
        "plain": rng.standard_normal(n), "steps": np.round(rng.standard_normal(n)),
        "times repeated": rng.standard_normal(n), "steep": 1e6 * time + rng.standard_normal(n), "line": 3 * time,
    }[kind]  # fmt: skip
    if kind == "times repeated":
        time = np.sort(rng.integers(0, n // 3, n)).astype(float)
    i, j = np.triu_indices(n, 1)
    apart = time[j] > time[i]
    slopes = np.sort((value[j] - value[i])[apart] / (time[j] - time[i])[apart])
    ranks = np.array([[0, 1, len(slopes) // 2, len(slopes) // 2 + 1, len(slopes) - 1, len(slopes), -1]])
    found = slopes_by_rank(value[np.newaxis], time[np.newaxis], ranks)[0]
    np.testing.assert_allclose(found[:5], slopes[ranks[0, :5]], rtol=1e-12, atol=1e-12)
    assert np.isnan(found[5:]).all()
