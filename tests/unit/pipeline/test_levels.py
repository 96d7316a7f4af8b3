"""The spread of days and the level of a period: closed forms, an optimiser of its own, simulation with known truth."""

import numpy as np
import pytest
from scipy import optimize, stats

from pipeline.statistics.levels import period_levels
from pipeline.statistics.spread import FEWEST_FOR_RHYTHM, locations, pooled_spread

NO_RHYTHM = np.zeros(7)
RHYTHM = np.array([-0.12, -0.1, -0.08, -0.05, 0.1, 0.2, 0.05])


def days(n_sites, n_weeks, *, log_sd, share=0.0, level_sd=0.5, seed=1):
    """Values of whole weeks: log value or limit, censored, level (a week), site, weekday."""
    rng = np.random.default_rng(seed)
    shape = (n_sites, n_weeks, 7)
    level = rng.normal(2, level_sd, (n_sites, 1, 1))
    y = level + RHYTHM + np.asarray(log_sd).reshape(-1, 1, 1) * rng.standard_normal(shape)
    limit = np.quantile(y, share, axis=(1, 2), keepdims=True) + 0.15 * rng.standard_normal(shape) - (share == 0) * 99
    site, week, weekday = np.indices(shape)
    is_censored = y < limit
    return (
        np.where(is_censored, limit, y).ravel(), is_censored.ravel(), (site * n_weeks + week).ravel(), site.ravel(),
        weekday.ravel() + 1,
    )  # fmt: skip


def test_without_limits_the_level_is_the_mean_and_its_variance_that_of_a_mean():
    y = np.array([1.0, 2.0, 4.0, 10.0])
    level, variance = locations(y, np.zeros(4, bool), np.array([0, 0, 0, 1]), 3, 0.3, 0.0)
    assert level[:2] == pytest.approx([7 / 3, 10.0])
    assert variance[:2] == pytest.approx([0.09 / 3, 0.09])
    assert np.isnan([level[2], variance[2]]).all()


def test_with_limits_the_level_is_where_an_independent_optimiser_finds_it():
    y = np.array([0.2, 0.9, 1.4, 0.0, 0.5])
    is_censored = np.array([False, False, False, True, True])
    level, variance = locations(y, is_censored, np.zeros(5, int), 1, 0.6, 0.0)
    found = optimize.minimize_scalar(lambda mu: -_log_lik(y, mu))
    assert level[0] == pytest.approx(found.x, abs=1e-6)
    step = 1e-4
    curvature = (_log_lik(y, level[0] + step) - 2 * _log_lik(y, level[0]) + _log_lik(y, level[0] - step)) / step**2
    assert variance[0] == pytest.approx(-1 / curvature, rel=1e-4)


def _log_lik(y, mu):
    return stats.norm.logpdf(y[:3], mu, 0.6).sum() + stats.norm.logcdf(y[3:], mu, 0.6).sum()


def test_a_group_all_below_its_limits_has_no_level():
    level, _ = locations(np.zeros(3), np.array([True, True, False]), np.array([0, 0, 1]), 2, 0.3, 0.0)
    assert np.isnan(level[0])
    assert level[1] == 0


def test_limits_far_above_everything_tell_nothing_and_break_nothing():
    y = np.array([0.0, 0.1, 60.0])
    level, variance = locations(y, np.array([False, False, True]), np.zeros(3, int), 1, 0.2, 0.0)
    assert level[0] == pytest.approx(0.05)
    assert variance[0] == pytest.approx(0.02)


def test_limits_far_below_everything_pull_no_further_than_they_can():
    level, variance = locations(np.array([0.0, -60.0]), np.array([False, True]), np.zeros(2, int), 1, 0.2, 0.0)
    assert np.isfinite([level[0], variance[0]]).all()
    assert -60 < level[0] < 0


@pytest.mark.parametrize("share", [0, 0.3, 0.6, 0.8])
def test_rhythm_and_spread_are_found_again(share):
    y, is_censored, week, site, weekday = days(40, 12, log_sd=0.3, share=share)
    levels = week if share == 0 else site
    found = pooled_spread(y, is_censored, levels, site, weekday, 40)
    assert found.has_rhythm
    assert found.rhythm.sum() == pytest.approx(0, abs=1e-9)
    np.testing.assert_allclose(found.rhythm, RHYTHM - RHYTHM.mean(), atol=0.06)
    assert found.log_sd.mean() == pytest.approx(0.3, rel=0.06)
    np.testing.assert_allclose(found.log_sd, 0.3, rtol=0.25)


def test_many_levels_of_two_days_each_do_not_make_the_spread_look_smaller():
    rng = np.random.default_rng(3)
    n = 4000
    level = np.repeat(np.arange(n // 2), 2)
    y = rng.normal(0, 2, n // 2)[level] + rng.normal(0, 0.4, n)
    found = pooled_spread(y, np.zeros(n, bool), level, np.zeros(n, int), np.ones(n, int), 1)
    # Their spread by maximum likelihood would be 0.28.
    assert found.log_sd[0] == pytest.approx(0.4, rel=0.03)


def test_sites_that_differ_keep_spreads_of_their_own_drawn_towards_each_other():
    log_sd = np.where(np.arange(30) < 15, 0.2, 0.6)
    y, is_censored, week, site, weekday = days(30, 8, log_sd=log_sd)
    found = pooled_spread(y, is_censored, week, site, weekday, 30)
    assert found.log_sd[:15].mean() == pytest.approx(0.2, rel=0.1)
    assert found.log_sd[15:].mean() == pytest.approx(0.6, rel=0.1)
    few = np.isin(week, np.concatenate([[0], np.arange(8, 240)]))  # of the first site one week only
    renumbered = np.unique(week[few], return_inverse=True)[1]
    less = pooled_spread(y[few], is_censored[few], renumbered, site[few], weekday[few], 30)
    assert less.df[0] < found.df[0]


def test_too_few_weeks_give_no_rhythm_and_leave_it_in_the_spread():
    y, is_censored, week, site, weekday = days(1, FEWEST_FOR_RHYTHM - 1, log_sd=0.01)
    found = pooled_spread(y, is_censored, week, site, weekday, 1)
    assert not found.has_rhythm
    assert not found.rhythm.any()
    assert found.log_sd[0] > 0.09


def test_nothing_at_all_is_no_error():
    none = np.zeros(0)
    found = pooled_spread(none, none.astype(bool), none.astype(int), none.astype(int), none.astype(int), 0)
    assert not found.has_rhythm
    assert found.log_sd.shape == (0,)


def week_of(values, is_censored=None, weekday=None, log_sd=0.3, rhythm=NO_RHYTHM):
    values = np.asarray(values, float)
    n = len(values)
    return period_levels(
        values, np.zeros(n, bool) if is_censored is None else np.asarray(is_censored), np.zeros(n, int),
        np.arange(1, n + 1) if weekday is None else np.asarray(weekday), 1,
        log_sd=np.array([log_sd]), df=np.array([100.0]), rhythm=rhythm,
    )  # fmt: skip


def test_a_whole_week_is_its_mean():
    found = week_of([8.82, 12.87, 12.45, 28.11, 26.8, 10.5, 9.13])
    assert found.mean[0] == pytest.approx(15.5257, abs=1e-4)  # EUDA, Graz 2024, MDMA: 15.53
    assert found.log_variance[0] == pytest.approx(np.expm1(0.09) / 7)


def test_weekdays_weigh_alike():
    found = week_of([1, 1, 1, 1, 1, 1, 1, 8], weekday=[1, 2, 3, 4, 5, 6, 7, 7])
    assert found.mean[0] == pytest.approx((6 + 4.5) / 7)
    assert found.log_variance[0] == pytest.approx(np.expm1(0.09) * 6.5 / 49)


def test_a_weekend_alone_leaves_the_week_in_doubt():
    known = week_of([10, 10], weekday=[6, 7], rhythm=RHYTHM)
    unknown = week_of([10, 10], weekday=[6, 7])
    assert unknown.weekdays_log_bias[0] == 0
    assert known.weekdays_log_bias[0] == pytest.approx(np.log(np.exp(RHYTHM[5:7]).mean() / np.exp(RHYTHM).mean()))
    assert week_of([10] * 7, rhythm=RHYTHM).weekdays_log_bias[0] == 0


def test_a_period_below_all_its_limits_has_no_level():
    found = week_of([1, 1, 1], is_censored=[True, True, True])
    assert np.isnan(found.mean[0])
    assert (found.n_days[0], found.n_detects[0]) == (3, 0)


def test_one_low_limit_among_many_days_changes_next_to_nothing():
    rng = np.random.default_rng(5)
    values = 10 * np.exp(0.3 * rng.standard_normal(28))
    weekday = np.tile(np.arange(1, 8), 4)
    whole = week_of(values, weekday=weekday)
    lowest = values.argmin()
    is_censored = np.arange(28) == lowest
    below = week_of(np.where(is_censored, values * 1.01, values), is_censored, weekday)
    assert below.mean[0] == pytest.approx(whole.mean[0], rel=0.03)
    assert below.log_variance[0] == pytest.approx(whole.log_variance[0], rel=0.1)


def test_units_and_order_change_nothing():
    values, is_censored = np.array([3.0, 5, 2, 2, 9, 4, 2]), np.array([0, 0, 1, 1, 0, 0, 1], bool)
    weekday = np.arange(1, 8)
    here = week_of(values, is_censored, weekday, rhythm=RHYTHM)
    order = np.array([4, 2, 0, 6, 5, 1, 3])
    there = week_of(1e6 * values[order], is_censored[order], weekday[order], rhythm=RHYTHM)
    assert there.mean[0] == pytest.approx(1e6 * here.mean[0], rel=1e-9)
    assert there.log_variance[0] == pytest.approx(here.log_variance[0], rel=1e-9)


@pytest.mark.parametrize(("n_weeks", "share", "log_sd"), [(1, 0.3, 0.3), (3, 0.6, 0.3), (3, 0.8, 0.3), (3, 0.6, 0.6)])
def test_intervals_cover_and_levels_are_not_off_where_days_lie_below_limits(n_weeks, share, log_sd):
    """4,000 sites of known level; the spread is known here, so that only the level is put to the test."""
    n = 4000
    y, is_censored, _, site, weekday = days(n, n_weeks, log_sd=log_sd, share=0, level_sd=0.0, seed=11)
    rng = np.random.default_rng(12)
    limit = 2 + RHYTHM[weekday - 1] + log_sd * stats.norm.ppf(share) + 0.15 * rng.standard_normal(len(y))
    is_censored = y < limit
    value = np.exp(np.where(is_censored, limit, y))
    found = period_levels(
        value, is_censored, site, weekday, n, log_sd=np.full(n, log_sd), df=np.full(n, 1e6), rhythm=RHYTHM
    )
    truth = np.exp(2 + log_sd**2 / 2) * np.exp(RHYTHM).mean()
    is_known = np.isfinite(found.mean)
    assert is_known.mean() > 0.98
    off = np.log(found.mean[is_known] / truth) / np.sqrt((found.log_variance + found.spread_log_variance)[is_known])
    assert 0.93 < (np.abs(off) < 1.96).mean() < 0.97
    assert found.mean[is_known].mean() / truth == pytest.approx(1, abs=0.02)


# --- by hand ---------------------------------------------------------------------------------------------------------


def periods_of(*days, n_periods=1, log_sd=0.3, rhythm=NO_RHYTHM, df=100.0, **options):
    """Levels of days given as (value, is below, period, weekday)."""
    value, below, period, weekday = (np.array(part) for part in zip(*days, strict=True))
    return period_levels(
        value.astype(float), below, period, weekday, n_periods, log_sd=np.full(n_periods, log_sd),
        df=np.full(n_periods, df), rhythm=rhythm, **options,
    )  # fmt: skip


def measured(values, weekdays, period=0):
    return [(value, False, period, weekday) for value, weekday in zip(values, weekdays, strict=True)]


DOUBLED = np.log([1.0, 1, 1, 1, 1, 1, 2])
"""Twice as much on Sundays as on any other day."""


def test_the_variance_of_a_day_grows_with_the_square_of_its_weekday():
    """Errors multiply, so a Sunday twice as high varies four times as much.

    A whole week, Sunday weighing two in eight: (6 x 1 + 4) / 8^2 of the squared CV. Of Saturday and Sunday alone
    (1 + 4) / 3^2, and of two Saturdays and a Sunday (2 + 4) / 4^2.
    """
    square_cv = np.expm1(0.09)
    week = periods_of(*measured([7.0, 7, 7, 7, 7, 7, 14], range(1, 8)), rhythm=DOUBLED)
    assert week.mean[0] == pytest.approx(8)
    assert week.log_variance[0] == pytest.approx(square_cv * 10 / 64)
    weekend = periods_of(*measured([7.0, 14], [6, 7]), rhythm=DOUBLED)
    assert weekend.log_variance[0] == pytest.approx(square_cv * 5 / 9)
    three = periods_of(*measured([7.0, 7, 14], [6, 6, 7]), rhythm=DOUBLED)
    assert three.log_variance[0] == pytest.approx(square_cv * 6 / 16)
    # Two Sundays in a whole week: their variance is halved, 4 / 2.
    eight = periods_of(*measured([7.0, 7, 7, 7, 7, 7, 14, 14], [1, 2, 3, 4, 5, 6, 7, 7]), rhythm=DOUBLED)
    assert eight.log_variance[0] == pytest.approx(square_cv * 8 / 64)


def test_balanced_periods_weigh_the_weekdays_they_have_alike():
    days = measured([4.0, 6, 20], [1, 1, 2])
    assert periods_of(*days).mean[0] == pytest.approx(10)
    balanced = periods_of(*days, is_balanced=True)
    assert balanced.mean[0] == pytest.approx((5 + 20) / 2)
    assert balanced.log_variance[0] == pytest.approx(np.expm1(0.09) * (1 / 2 + 1) / 4)
    assert balanced.weekdays_log_bias[0] == 0
    assert periods_of(*days[:2], is_balanced=True).mean[0] == pytest.approx(5)
    one = periods_of(*days[:1], rhythm=DOUBLED)
    assert (one.mean[0], one.weekdays_log_bias[0]) == pytest.approx((4, np.log(7 / 8)))


def test_what_missing_weekdays_leave_the_mean_off_by():
    """Monday and Sunday of a week with a doubled Sunday: (1 + 2) / 2 over 8 / 7."""
    found = periods_of(*measured([7.0, 14], [1, 7]), rhythm=DOUBLED)
    assert found.weekdays_log_bias[0] == pytest.approx(np.log(1.5 / (8 / 7)))
    assert found.mean[0] == pytest.approx(10.5)


def test_periods_do_not_touch_each_other():
    """One measured, one partly, one wholly below its limits, one without days: each as if it were alone."""
    one = measured([7.0, 9, 14], [1, 2, 7])
    two = [(5.0, False, 1, 3), (4.0, True, 1, 4), (8.0, False, 1, 7)]
    three = [(5.0, True, 2, 3), (4.0, True, 2, 4)]
    together = periods_of(*two, *one, *three, n_periods=4, rhythm=DOUBLED)
    for number, days in enumerate((one, two, three)):
        alone = periods_of(*((v, b, 0, d) for v, b, _, d in days), rhythm=DOUBLED)
        for name in ("mean", "log_variance", "spread_log_variance", "weekdays_log_bias"):
            assert getattr(together, name)[number] == pytest.approx(getattr(alone, name)[0], nan_ok=True), name
    assert together.n_days.tolist() == [3, 3, 2, 0]
    assert together.n_detects.tolist() == [3, 2, 0, 0]
    assert together.expected[:3].tolist()[::2] == [5, 8]
    assert 0 < together.expected[1] < 4
    assert np.isnan(together.expected[6:]).all()


def information(mu, limit, sd):
    """What a day with this limit tells of its level on average: from second differences of the log likelihood."""
    a, h = (limit - mu) / sd, 1e-3
    bend = (stats.norm.logcdf(a + h) - 2 * stats.norm.logcdf(a) + stats.norm.logcdf(a - h)) / h**2
    return (stats.norm.sf(a) - stats.norm.cdf(a) * bend) / sd**2


def first_order_bias(mu, limit, sd, n_limited, n_free):
    """Cox and Snell 1968, equation 20: (kappa3 + 2 kappa11) / (2 I^2), by differences of another library's likelihood.

    kappa3 is the expected third derivative; kappa11 = E[l'' l'] = -dI/dmu - kappa3, as d E[l''] / dmu is both.
    """
    a, h, log_cdf = (limit - mu) / sd, 1e-2, stats.norm.logcdf
    third = (log_cdf(a + 2 * h) - 2 * log_cdf(a + h) + 2 * log_cdf(a - h) - log_cdf(a - 2 * h)) / (2 * h**3)
    kappa3 = -n_limited * stats.norm.cdf(a) * third / sd**3
    rising = n_limited * (information(mu + h, limit, sd) - information(mu - h, limit, sd)) / (2 * h)
    total = n_limited * information(mu, limit, sd) + n_free / sd**2
    return (kappa3 + 2 * (-rising - kappa3)) / (2 * total**2)


def corrected_level(limit, n_below, logs, sd):
    """The likeliest level by another optimiser, less its published bias; both on the log scale, and the bias."""
    level = optimize.minimize_scalar(
        lambda mu: -n_below * stats.norm.logcdf(limit, mu, sd) - stats.norm.logpdf(logs, mu, sd).sum(),
        bounds=(-2, 4), method="bounded", options={"xatol": 1e-10},
    ).x  # fmt: skip
    # A day below stands for as many days with its limit as it takes to find one below: no more than there are.
    n_days = n_below + len(logs)
    n_limited = min(n_below / stats.norm.cdf((limit - level) / sd), n_days)
    bias = first_order_bias(level, limit, sd, n_limited, n_days - n_limited)
    return level - bias, bias


@pytest.mark.parametrize(("weekday", "rhythm"), [(3, NO_RHYTHM), (7, DOUBLED)])
@pytest.mark.parametrize(("n_below", "n_measured", "limit"), [(13, 1, 10.0), (4, 10, 10.0), (7, 7, 6.0)])
def test_the_level_below_limits_is_less_its_first_order_bias(n_below, n_measured, limit, weekday, rhythm):
    """What is expected of a day below its limit, and how the level follows the spread, which is not known exactly."""
    sd, df, effect = 0.4, 9.0, rhythm[weekday - 1]
    values = 12.0 + np.arange(n_measured)
    days = [(limit, True, 0, weekday)] * n_below + [(value, False, 0, weekday) for value in values]
    found = periods_of(*days, log_sd=sd, rhythm=rhythm, df=df)
    of = (np.log(limit) - effect, n_below, np.log(values) - effect)
    mu, bias = corrected_level(*of, sd)
    z = (np.log(limit) - mu - effect) / sd
    expected = np.exp(mu + effect + sd**2 / 2) * stats.norm.cdf(z - sd) / stats.norm.cdf(z)
    assert found.expected[0] == pytest.approx(expected, rel=1e-4)
    assert found.mean[0] == pytest.approx((n_below * expected + values.sum()) / (n_below + n_measured), rel=1e-4)
    assert abs(bias) > 5e-4, "uncorrected, or corrected the wrong way, it would be another number"
    # As well as the likelihood at its own top tells it, and a plain mean less well; as well as a mean at the most.
    n_days, level = n_below + n_measured, mu + bias
    a = (np.log(limit) - effect - level) / sd
    ratio = stats.norm.pdf(a) / stats.norm.cdf(a)
    told = (n_measured + n_below * ratio * (a + ratio)) / sd**2
    plain = np.expm1(sd**2) / n_days
    assert found.log_variance[0] == pytest.approx(max(1 / told + plain - sd**2 / n_days, plain), rel=1e-4)
    # The logarithm of the mean is mu + sd^2 / 2; the variance of ln(sd) is 1 / (2 df).
    follows = (corrected_level(*of, 1.05 * sd)[0] - mu + (1.05**2 - 1) * sd**2 / 2) / np.log(1.05)
    assert found.spread_log_variance[0] == pytest.approx(follows**2 / (2 * df), rel=1e-2)
