"""Effects of events, steps and what sites have in common: dense formulas, all partitions, least squares."""

import itertools

import numpy as np
import pytest
from scipy import stats

from pipeline.statistics import segmented as module
from pipeline.statistics.segmented import common_course, detectable_effect, segmented
from pipeline.statistics.steps import FEWEST, steps


def normal(*shape):
    return np.random.default_rng(17).standard_normal(shape)


@pytest.fixture(autouse=True)
def _nothing_kept():
    module._kernel.cache_clear()


def by_hand(value, within):
    """Effect, its standard error, degrees of freedom and correlation: by least squares and by each likelihood."""
    place = np.flatnonzero(np.isfinite(value))
    y, inside, time = value[place], within[place], place.astype(float)
    columns = [np.ones(len(time)), time, inside * 1.0] + ([inside * time] if inside.sum() >= 6 else [])
    x = np.column_stack(columns)
    n, p = x.shape
    # What is added within, over the points within: the last two coefficients at their mean.
    asked = np.zeros(p)
    asked[2] = 1
    if p == 4:
        asked[3] = time[inside].mean()
    share = asked @ np.linalg.inv(x.T @ x) @ x.T
    log_likelihood, variance, correlations = [], [], np.arange(20) / 20
    for correlation in correlations:
        alike = correlation ** np.abs(time[:, None] - time)
        weighted = np.linalg.solve(alike, x)
        left = y - x @ np.linalg.solve(x.T @ weighted, weighted.T @ y)
        squares = left @ np.linalg.solve(alike, left)
        log_likelihood.append(
            -(np.log(np.linalg.det(alike)) + np.log(np.linalg.det(x.T @ weighted)) + (n - p) * np.log(squares)) / 2
        )
        variance.append(share @ alike @ share * squares / (n - p))
    weight = np.exp(np.array(log_likelihood) - max(log_likelihood))
    weight /= weight.sum()
    return share @ y, np.sqrt(weight @ variance), n - p, weight @ correlations


@pytest.mark.parametrize("n_within", [1, 5, 6, 8])
def test_an_effect_is_that_of_the_dense_formulas(n_within):
    within = np.arange(18) >= 18 - n_within
    noise = normal(4, 18)
    series = 0.3 * noise + 0.2 * np.roll(noise, 1, axis=1) + 0.05 * np.arange(18) - 0.4 * within
    series[1, [2, 7]] = np.nan
    series[3, [0, 9]] = np.nan
    found = segmented(series, within)
    for row in range(4):
        effect, error, df, correlation = by_hand(series[row], within)
        assert found.effect[row] == pytest.approx(effect, rel=1e-8)
        assert found.standard_error[row] == pytest.approx(error, rel=1e-8)
        assert found.df[row] == df
        assert found.correlation[row] == pytest.approx(correlation, rel=1e-8)
    low, high = found.interval
    assert (high - low) / 2 == pytest.approx(stats.t.ppf(0.975, found.df) * found.standard_error, rel=1e-9)
    assert (high + low) / 2 == pytest.approx(found.effect)
    assert found.p_value == pytest.approx(2 * stats.t.sf(abs(found.effect) / found.standard_error, found.df))


def test_a_series_with_too_few_points_stops_no_other():
    within = np.arange(18) >= 12
    series = np.tile(0.1 * normal(1, 18), (3, 1))
    series[0, 3:] = series[1, :9] = np.nan
    found = segmented(series, within)
    assert np.isnan(found.effect[0])
    for row in (1, 2):
        assert found.effect[row] == pytest.approx(by_hand(series[row], within)[0])


def test_an_event_between_two_other_spans():
    within = (np.arange(16) >= 5) & (np.arange(16) < 11)
    series = np.cumsum(0.1 * normal(1, 16), axis=1)
    effect, error, df, _ = by_hand(series[0], within)
    found = segmented(series, within)
    assert (found.effect[0], found.standard_error[0], found.df[0]) == pytest.approx((effect, error, df), rel=1e-8)


@pytest.mark.parametrize(
    ("n", "n_within", "is_told"),
    [(6, 2, True), (5, 2, False), (13, 6, True), (6, 5, True), (5, 4, False), (7, 6, False), (8, 6, True)],
)
def test_three_degrees_of_freedom_must_be_left(n, n_within, is_told):
    """Three coefficients, four where six points lie within; of a slope outside, two points there."""
    series = normal(1, n)
    found = segmented(series, np.arange(n) >= n - n_within)
    assert np.isfinite(found.effect[0]) == is_told
    assert np.isfinite(found.p_value[0]) == is_told
    for nowhere in (np.zeros(n, bool), np.ones(n, bool)):
        assert np.isnan(segmented(series, nowhere).effect[0])


def test_a_series_without_noise_has_its_effect_and_nothing_in_doubt():
    found = segmented(np.where(np.arange(12) >= 8, 1.5, 2.0)[np.newaxis], np.arange(12) >= 8)
    assert found.effect[0] == pytest.approx(-0.5)
    assert found.standard_error[0] == pytest.approx(0, abs=1e-7)


def test_the_smallest_effect_by_hand():
    """Student's quantile of ten degrees 2.2281 by 0.1: 1 - exp(-0.222814)."""
    assert detectable_effect(np.array([0.1]), np.array([10.0]))[0] == pytest.approx(0.199736, abs=1e-6)


# --- what sites have in common ---------------------------------------------------------------------------------------


def test_a_common_course_is_that_of_least_squares():
    """Weighted least squares of site and period, the mean of the course taken out; a period without a site is none."""
    levels = normal(2, 4, 7)
    levels[0, 1, :3], levels[0, 2, 4:], levels[1, 3, 2:] = np.nan, np.nan, np.nan
    levels[:, :, 5] = np.nan
    weight = np.array([0.1, 0.5, 0.05, 0.2])
    found = common_course(levels, weight, n_steps=2000)
    periods = [0, 1, 2, 3, 4, 6]
    for one, course in zip(levels, found, strict=True):
        site, period = np.nonzero(np.isfinite(one))
        x = np.concatenate([np.eye(4)[site], np.eye(7)[period]], axis=1)
        root = np.sqrt(weight[site])
        solved = np.linalg.lstsq(x * root[:, None], one[site, period] * root, rcond=None)[0][4:]
        assert course[periods] == pytest.approx(solved[periods] - solved[periods].mean(), abs=1e-7)
        assert np.isnan(course[5])


def test_few_turns_are_enough_where_nothing_is_missing(monkeypatch):
    """One turn finds it, the second sees that nothing moves."""
    levels = normal(3, 6)
    course = np.average(levels - levels.mean(axis=1, keepdims=True), axis=0, weights=[1, 2, 3])
    found = common_course(levels, np.array([1.0, 2, 3]), n_steps=2)
    assert found == pytest.approx(course - course.mean())
    assert np.isnan(common_course(np.full((2, 3), np.nan), np.ones(2))).all()
    assert common_course(np.zeros((0, 2, 3)), np.ones(2)).shape == (0, 3)
    assert module.FEWEST_LEFT == 3


# --- steps -----------------------------------------------------------------------------------------------------------


def steps_by_hand(value):
    """All partitions into levels of three points and more, each new one at 3 ln(n) (1 + 12/n) variances."""
    n = len(value)
    apart = np.diff(value)
    sd = 1.4826 * np.median(np.abs(apart - np.median(apart))) / np.sqrt(2)
    y = value / sd
    penalty = 3 * np.log(n) * (1 + 12 / n)

    def squares(first, last):
        return ((y[first:last] - y[first:last].mean()) ** 2).sum()

    best = (squares(0, n), [])
    for count in range(1, n // 3):
        for places in itertools.combinations(range(3, n - 2), count):
            ends = [0, *places, n]
            if min(np.diff(ends)) >= 3:
                cost = sum(squares(*pair) for pair in itertools.pairwise(ends)) + count * penalty
                best = min(best, (cost, list(places)))
    slope, start = np.polyfit(np.arange(n), y, 1)
    line = ((y - start - slope * np.arange(n)) ** 2).sum() + penalty / 3
    return best[1] if best[0] < line else []


HALVES, THIRDS, EARLY, RISE = (
    np.repeat([0, 1], 6),
    np.repeat([0, 1, 0], 4),
    np.repeat([0, 1], [3, 9]),
    np.arange(12) / 4,
)


@pytest.mark.parametrize(("seed", "shape"), [(0, HALVES), (1, HALVES), (1, THIRDS), (2, EARLY), (3, RISE)])
def test_steps_are_the_best_of_all_partitions(seed, shape):
    """From no step to one that nobody misses, in small steps, so that each term of the rule decides somewhere."""
    noise = np.random.default_rng(seed).standard_normal(12)
    heights = np.arange(0, 10, 0.5)
    found = [steps(noise + height * shape) for height in heights]
    assert found == [steps_by_hand(noise + height * shape) for height in heights]
    assert shape is RISE or any(found)


def test_a_step_needs_ten_points():
    assert FEWEST == 10
    assert steps(np.zeros(20)) == []
    noise = np.array([0.1, -0.1, 0.05, 0.0, -0.05, 0.1, 0.0, -0.1, 0.05, -0.02])
    assert steps(noise + np.repeat([0, 9], 5)) == [5]
    assert steps((noise + np.repeat([0, 9], 5))[1:]) == []
