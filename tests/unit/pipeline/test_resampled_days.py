"""Days drawn anew: the ratio by hand, its spread by the variance of a mean, residuals by least squares."""

import numpy as np
import pytest

from pipeline.statistics.bootstrap import FEWEST_OF_A_CELL, FEWEST_OF_A_SITE, _residuals, resampled_ratio


def normal(*shape):
    return np.random.default_rng(23).standard_normal(shape)


def test_the_ratio_is_of_weighted_means_of_weekdays_by_hand():
    """Site 1 (weight 3): Mondays 4 and 6, Sunday 11, then 4 and 8; site 2 (weight 1): 10, then 5.

    Baseline 3 x (5 + 11) / 2 + 10 = 34, current 3 x (4 + 8) / 2 + 5 = 23.
    """
    found = resampled_ratio(
        np.array([4.0, 6, 11, 4, 8, 10, 5]), np.array([0, 0, 0, 0, 0, 1, 1]),
        np.array([False, False, False, True, True, False, True]), np.array([1, 1, 7, 1, 7, 1, 1]), np.array([3.0, 1]),
        n_resamples=50, seed=1,
    )  # fmt: skip
    assert found.ratio == pytest.approx(23 / 34)


def drawn(value, site, is_current, weekday, weight, n=8000):
    return resampled_ratio(value, site, is_current, weekday, weight, n_resamples=n, seed=[5, 1])


def by_mean_squares(site, is_current, weekday, weight, variance):
    """Standard deviation of the log ratio of weighted means of weekday means about 1, each day with a variance."""
    total = 0.0
    for of in (is_current, ~is_current):
        for day in np.flatnonzero(of):
            alike = of & (site == site[day])
            n_cells = len(set(weekday[alike]))
            n_of_cell = (alike & (weekday == weekday[day])).sum()
            total += (weight[site[day]] / weight.sum() / n_cells / n_of_cell) ** 2 * variance[day]
    return np.sqrt(total)


def test_where_each_weekday_has_four_days_the_spread_is_that_of_their_mean():
    """s^2 / n of each weekday, site and period: small, so that logarithm and amount spread alike."""
    site = np.repeat([0, 0, 0, 0, 1, 1], [4, 5, 4, 6, 4, 5])
    is_current = np.repeat([False, False, True, True, False, True], [4, 5, 4, 6, 4, 5])
    weekday = np.repeat([1, 2, 1, 2, 3, 3], [4, 5, 4, 6, 4, 5])
    value = 1 + 0.01 * normal(len(site))
    weight = np.array([1.0, 3])
    variance = np.zeros(len(site))
    for cell in set(zip(site, is_current, weekday, strict=True)):
        of = np.array([each == cell for each in zip(site, is_current, weekday, strict=True)])
        variance[of] = value[of].var(ddof=1)
    found = drawn(value, site, is_current, weekday, weight)
    expected = by_mean_squares(site, is_current, weekday, weight, variance)
    assert found.log_sd == pytest.approx(expected, rel=0.03)
    assert np.log([found.low, found.high]) == pytest.approx(
        np.log(found.ratio) + 1.96 * expected * np.array([-1, 1]), abs=0.25 * expected
    )


def least_squares(log_value, period, weekday):
    x = np.concatenate([np.eye(8)[period], np.eye(8)[weekday]], axis=1)
    fitted = x @ np.linalg.lstsq(x, log_value, rcond=None)[0]
    return fitted, np.linalg.matrix_rank(x)


def test_residuals_are_those_of_least_squares_widened_by_what_is_fitted():
    """A site of three weeks widened by its own levels and its part of six effects, one of five days by all."""
    site = np.repeat([0, 1], [21, 5])
    is_current = np.concatenate([np.arange(21) >= 14, np.arange(5) >= 3])
    weekday = np.concatenate([np.tile(np.arange(1, 8), 3), [1, 2, 3, 1, 2]])
    log_value = normal(26)
    period = 2 * site + is_current
    found, residual, is_known = _residuals(log_value, site, period, weekday)
    fitted, n_fitted = least_squares(log_value, period, weekday)
    assert is_known
    assert n_fitted == 4 + 6
    assert found == pytest.approx(fitted, abs=1e-8)
    own = 21 / (21 - 2 - 6 * 21 / 26)
    all_together = 26 / (26 - 10)
    expected = (log_value - fitted) * np.sqrt(np.where(site == 0, own, all_together))
    assert residual == pytest.approx(expected, abs=1e-8)


@pytest.mark.parametrize(("n_days", "is_own"), [(14, True), (13, False)])
def test_a_site_of_two_weeks_is_widened_by_its_own(n_days, is_own):
    assert FEWEST_OF_A_SITE == 14
    site = np.repeat([0, 1], [n_days, 30])
    is_current = np.concatenate([np.arange(n_days) >= 7, np.arange(30) >= 15])
    log_value = normal(len(site))
    weekday = np.ones(len(site), dtype=int)
    _, residual, _ = _residuals(log_value, site, 2 * site + is_current, weekday)
    fitted, _ = least_squares(log_value, 2 * site + is_current, weekday)
    n = n_days + 30
    widened = n_days / (n_days - 2) if is_own else n / (n - 4)
    assert residual[:n_days] == pytest.approx((log_value - fitted)[:n_days] * np.sqrt(widened))


def test_as_many_days_as_are_fitted_leave_nothing():
    one_each = (np.zeros(2), np.zeros(2, int), np.array([0, 1]), np.ones(2, int))
    assert _residuals(*one_each)[2] is False
    three = (np.zeros(3), np.zeros(3, int), np.array([0, 0, 1]), np.ones(3, int))
    assert _residuals(*three)[2] is True


def test_fewer_days_of_a_weekday_are_drawn_as_residuals():
    """Two sites of 21 and 14 days vary by their own widened residuals, one of 7 by its own, as it is the only such one.

    A fourth has four days a cell and is drawn as it is.
    """
    assert FEWEST_OF_A_CELL == 4
    days = [3, 18, 3, 4, 4, 4, 3, 11]
    site = np.repeat([0, 0, 1, 1, 2, 2, 3, 3], days)
    is_current = np.repeat([False, True] * 4, days)
    weekday = np.ones(len(site), dtype=int)
    weight = np.array([2.0, 1, 1, 3])
    value = np.exp(np.array([0.01, 0.05, 0.02, 0.03])[site] * normal(len(site)))
    rest = site != 2
    _, residual, _ = _residuals(np.log(value)[rest], site[rest], (2 * site + is_current)[rest], weekday[rest])
    variance = np.zeros(len(site))
    for one in (0, 1, 3):
        variance[site == one] = residual[site[rest] == one].var()
    for current in (False, True):
        of = (site == 2) & (is_current == current)
        variance[of] = value[of].var(ddof=1)
    found = drawn(value, site, is_current, weekday, weight)
    assert found.log_sd == pytest.approx(by_mean_squares(site, is_current, weekday, weight, variance), rel=0.04)
    # Each site alone, beside ones that do not vary.
    for one in (0, 1, 3):
        calm = np.where(site == one, value, 1.0)
        alone = drawn(calm, site, is_current, weekday, weight)
        only = np.where(site == one, variance, 0)
        assert alone.log_sd == pytest.approx(by_mean_squares(site, is_current, weekday, weight, only), rel=0.05)


@pytest.mark.parametrize(("value", "is_current"), [([4.0, 0.0], [False, True]), ([4.0, 2.0], [True, True]), ([], [])])
def test_what_cannot_be_drawn_is_refused(value, is_current):
    n = len(value)
    with pytest.raises(ValueError, match="leave out"):
        resampled_ratio(
            np.array(value), np.zeros(n, int), np.array(is_current, dtype=bool), np.ones(n, int), np.ones(1),
            n_resamples=10, seed=1,
        )  # fmt: skip


def test_days_are_drawn_some_at_a_time(monkeypatch):
    """However few at once: as many as were asked for."""
    from pipeline.statistics import bootstrap

    value = np.array([4.0, 5, 6, 3, 4, 2])
    days = (value, np.zeros(6, int), np.arange(6) >= 3, np.ones(6, int), np.ones(1))
    whole = resampled_ratio(*days, n_resamples=7, seed=3)
    monkeypatch.setattr(bootstrap, "_AT_ONCE", 12)
    parts = resampled_ratio(*days, n_resamples=7, seed=3)
    assert parts == pytest.approx(whole)
