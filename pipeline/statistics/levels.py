"""The mean level of a site over a period, and how far its days leave it in doubt, also where days lie below limits.

Only what days leave in doubt: what they share, such as the error of a batch or of a flow meter, is added where figures
are published. Spreads come from `spread.py`.
"""

from typing import NamedTuple

import numpy as np
import scipy

from pipeline.statistics.censoring import curvature, expected_below, hazard
from pipeline.statistics.spread import Bools, Floats, Ints, locations

_NUDGE = 1.05
"""By how much a spread is moved to see how the level follows."""
_TINY = 1e-4


class Levels(NamedTuple):
    """The mean of each period.

    Attributes:
        mean: in the unit of the values; NaN without any measured value. (n_periods,)
        log_variance: variance of its logarithm, from the days alone, were their spread known. (n_periods,)
        spread_log_variance: what is added because the spread is not known exactly, where days lie below limits. Sites
            whose spreads were learnt together share it. (n_periods,)
        n_days, n_detects: values, and those measured. (n_periods,)
        weekdays_log_bias: logarithm of what the mean of the weekdays there are is over that of a whole week, by the
            rhythm: 0 where all occur. Not corrected. Sites with the same rhythm and weekdays share it. (n_periods,)
        expected: each value; of one below its limit what is to be expected there. NaN where its period has no level.
            (n,)
    """

    mean: Floats
    log_variance: Floats
    spread_log_variance: Floats
    n_days: Ints
    n_detects: Ints
    weekdays_log_bias: Floats
    expected: Floats


def period_levels(
    value: Floats, is_censored: Bools, period: Ints, weekday: Ints, n_periods: int, *, log_sd: Floats, df: Floats,
    rhythm: Floats, is_balanced: bool = False,
) -> Levels:  # fmt: skip
    """The mean of each period: of the seven weekdays' means where all occur, else of its days.

    Parameters
    ----------
    value : array of float, shape (n,)
        An amount above 0, or the limit it lies below.
    is_censored : array of bool, shape (n,)
        True where it is the limit.
    period : array of int, shape (n,)
        The period of each value, one of one site, 0 to `n_periods` - 1.
    weekday : array of int, shape (n,)
        1 Monday to 7 Sunday.
    log_sd, df : arrays of float, shape (n_periods,)
        Spread of the site's days, as in `Spread`.
    rhythm : array of float, shape (7,) or (n_periods, 7)
        Effects of weekdays on the log scale; zeros where unknown.
    is_balanced : bool
        Whether the mean is that of the weekdays' means also where some do not occur: for periods that are compared,
        which hold the same ones.

    Returns
    -------
    Levels

    Notes
    -----
    Weekdays that are missing leave the week in doubt: what the rhythm says the mean is off by is told beside it.

    A day below its limit counts as what is to be expected there. For that the level is found by maximum likelihood with
    each day's own limit, a lognormal spread and the known rhythm, less its first-order bias [1]_: with four of
    twenty-one days measured it would be 3 % too low. The limits of the measured days are taken to be like those of
    the others. It misleads where what lies below the limits is not the lower part of the same days: a laboratory that
    reports in steps, a substance used on some days only.

    References
    ----------
    .. [1] Cox and Snell 1968, A general definition of residuals, equation 20, doi:10.1111/j.2517-6161.1968.tb00724.x
    """
    n_detects = np.bincount(period[~is_censored], minlength=n_periods)
    n_days = np.bincount(period, minlength=n_periods)
    effects = np.broadcast_to(np.asarray(rhythm, dtype=np.float64), (n_periods, 7))
    weights = np.exp(effects)
    expected = value.astype(np.float64)
    expected[(n_detects == 0)[period]] = np.nan
    partly = (n_detects < n_days) & (n_detects > 0)
    variance, of_spread = np.zeros(n_periods), np.zeros(n_periods)
    if partly.any():
        number = np.cumsum(partly) - 1
        rows = partly[period]
        below = rows & is_censored
        level, variance[partly], of_spread[partly] = _censored(
            np.log(value[rows]), is_censored[rows], number[period[rows]], effects[period[rows], weekday[rows] - 1],
            log_sd[partly], df[partly],
        )  # fmt: skip
        mu = level[number[period[below]]] + effects[period[below], weekday[below] - 1]
        expected[below] = expected_below(mu, log_sd[period[below]], value[below])
    mean, plain_variance, weekdays_bias = _plain(
        expected, period, weekday, n_periods, log_sd, weights, is_balanced=is_balanced
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        # A plain mean uses the measured days less well than the likelihood does, the less so the wider they spread.
        variance += (np.expm1(log_sd**2) - log_sd**2) / n_days
    log_variance = np.where(partly, np.maximum(variance, plain_variance), plain_variance)
    return Levels(mean, log_variance, of_spread, n_days, n_detects, weekdays_bias, expected)


def _plain(
    value: Floats, period: Ints, weekday: Ints, n_periods: int, log_sd: Floats, weights: Floats, *, is_balanced: bool
) -> tuple[Floats, Floats, Floats]:
    """Mean, log variance and log bias by missing weekdays, as if every value had been measured."""
    cell = period * 7 + weekday - 1
    n = np.bincount(cell, minlength=7 * n_periods).reshape(n_periods, 7)
    total = np.bincount(cell, weights=value, minlength=7 * n_periods).reshape(n_periods, 7)
    n_days = n.sum(axis=1)
    is_there = n > 0
    is_whole = is_there.any(axis=1) if is_balanced else is_there.all(axis=1)
    some = np.maximum(n, 1)
    by_weekday = (total / some).sum(axis=1) / np.maximum(is_there.sum(axis=1), 1)
    plain = total.sum(axis=1) / np.maximum(n_days, 1)
    square_cv = np.expm1(log_sd**2)
    of_those = np.where(is_there, weights, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        whole_variance = square_cv * (of_those**2 / some).sum(axis=1) / of_those.sum(axis=1) ** 2
    expected = (n * weights).sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        # Of the days that are there, by their rhythm, over that of a whole week.
        off = np.log(expected / np.maximum(n_days, 1) / weights.mean(axis=1))
        part_variance = square_cv * (n * weights**2).sum(axis=1) / expected**2
    return (
        np.where(is_whole, by_weekday, plain),
        np.where(is_whole, whole_variance, part_variance),
        np.where(is_whole, 0.0, off),
    )


def _censored(
    log_value: Floats, is_censored: Bools, period: Ints, offset: Floats, log_sd: Floats, df: Floats
) -> tuple[Floats, Floats, Floats]:
    """Levels on the log scale and the two log variances of the means; every period holds a measured value."""
    n_periods = len(log_sd)

    def fitted(spread: Floats) -> tuple[Floats, Floats]:
        level, variance = locations(log_value, is_censored, period, n_periods, spread[period], offset)
        return level - _first_order_bias(log_value - offset, is_censored, period, level, spread), variance

    level, variance = fitted(log_sd)
    nudged, _ = fitted(log_sd * _NUDGE)
    # How the mean follows the spread, which is not known exactly either.
    follows = (nudged - level + (_NUDGE**2 - 1) * log_sd**2 / 2) / np.log(_NUDGE)
    return level, variance, follows**2 / (2 * df)


def _first_order_bias(residual: Floats, is_censored: Bools, period: Ints, level: Floats, log_sd: Floats) -> Floats:
    """Of each level: -(kappa3 + 2 dI/dmu) / (2 I^2), expectations over what days with these limits would have shown."""
    n_periods = len(level)
    of = period[is_censored]
    a = (residual[is_censored] - level[of]) / log_sd[of]
    n_days = np.bincount(period, minlength=n_periods)
    ratio, below = hazard(a), np.exp(scipy.special.log_ndtr(a))
    # The limits of measured days are not known. A day below a limit stands for as many days with that limit as it takes
    # to find one below: for itself only where nearly all lie below. Days that nothing stands for had low limits.
    stands_for = 1 / np.maximum(below, _TINY)
    n_stood_for = np.bincount(of, weights=stands_for, minlength=n_periods)
    scale = np.minimum(n_days / np.maximum(n_stood_for, 1), 1)
    n_others = np.maximum(n_days - n_stood_for, 0).astype(np.float64)

    def all_days(each: Floats) -> Floats:
        total: Floats = np.multiply(np.bincount(of, weights=stands_for * each, minlength=n_periods), scale, dtype=float)
        return total

    third = -below * (ratio * (a + ratio) ** 2 - ratio + ratio**2 * (a + ratio))
    rising = (_expected_information(a + _TINY) - _expected_information(a - _TINY)) / (2 * _TINY)
    information = (all_days(_expected_information(a)) + n_others) / log_sd**2
    skew = (all_days(third) - 2 * all_days(rising)) / log_sd**3
    bias: Floats = -skew / (2 * information**2)
    return bias


def _expected_information(a: Floats) -> Floats:
    """What a day tells of its level, in units of its variance, where its limit lies `a` spreads above the level."""
    ratio, below = hazard(a), np.exp(scipy.special.log_ndtr(a))
    known: Floats = 1 - below + below * curvature(a, ratio)
    return known
