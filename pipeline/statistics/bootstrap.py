"""What days leave in doubt of a change, found again by drawing days anew: a check of the closed form, no figure itself.

Only days: what they share, such as the error of a batch, no resampling of days can see.
"""

from typing import NamedTuple

import numpy as np

from pipeline.statistics.spread import Bools, Floats, Ints

FEWEST_OF_A_CELL = 4
"""Days of each weekday of a site and period with which days are drawn among themselves: four weeks."""
FEWEST_OF_A_SITE = 14
"""Days of a site in both periods with which its residuals are drawn among themselves: a week in each."""
_AT_ONCE = 4_000_000
"""Days that are drawn at a time, so that memory stays small."""
_MOST_ROUNDS = 200
_NEAR = 1e-10


class Resampled(NamedTuple):
    """A change of which the days were drawn anew.

    Attributes:
        ratio: current over baseline, as the days are.
        log_sd: standard deviation of the logarithm of the drawn ratios; NaN where days leave no spread to draw from.
        low, high: the 2.5 and 97.5 % quantiles of the drawn ratios; NaN likewise.
    """

    ratio: float
    log_sd: float
    low: float
    high: float


def resampled_ratio(
    value: Floats, site: Ints, is_current: Bools, weekday: Ints, weight: Floats, *, n_resamples: int,
    seed: int | list[int],
) -> Resampled:  # fmt: skip
    """The ratio of two weighted means over sites, its spread and interval by a bootstrap of the days.

    Parameters
    ----------
    value : array of float, shape (n,)
        Amounts above 0, all of them measured. [mg/day/1000]
    site : array of int, shape (n,)
        The site of each day, 0 to `n_sites` - 1; each has days in both periods.
    is_current : array of bool, shape (n,)
        Whether a day lies in the current period, else in the baseline.
    weekday : array of int, shape (n,)
        1 Monday to 7 Sunday, the same ones in both periods of a site; one number for all days where they do not count.
    weight : array of float, shape (n_sites,)
        How a site weighs in both means. [dimensionless]
    n_resamples : int
        How often all days are drawn.
    seed : int or list of int
        Of numpy's default generator: the same seed, the same result.

    Returns
    -------
    Resampled

    Raises
    ------
    ValueError
        Where a value is not above 0, or a site lacks a period.

    Notes
    -----
    The mean of a site and period is that of its weekdays' means. Where each weekday of each period of a site has four
    days, days are drawn within site, period and weekday, one fewer than there are, so that the variance of a mean is
    that of its days [1]_. Else what is drawn are the residuals of the logarithm about the level of site and period and
    the effects of weekdays, which all sites have in common; within the site where it has fourteen days, else over all
    such sites; widened by the degrees of freedom that the fit takes [2]_.

    It misleads where days follow each other: they are drawn as if they did not. A percentile interval of few days is
    too narrow, as it does not know that their spread is not known: compare standard deviations first.

    References
    ----------
    .. [1] Rao and Wu 1988, Resampling inference with complex survey data, section 2, doi:10.1080/01621459.1988.10478591
    .. [2] Davison and Hinkley 1997, Bootstrap Methods and their Application, section 6.2.3,
       doi:10.1017/CBO9780511802843

    Examples
    --------
    Two days each that do not differ leave nothing in doubt.

    >>> resampled_ratio(
    ...     np.array([4.0, 4.0, 2.0, 2.0]), np.zeros(4, int), np.array([False, False, True, True]),
    ...     np.array([1, 2, 1, 2]), np.ones(1), n_resamples=10, seed=1,
    ... ).ratio
    0.5
    """
    n_sites = len(weight)
    period = 2 * site + is_current
    if not (value > 0).all():
        raise ValueError("Only amounts above 0 can be drawn: leave out changes with days below limits.")
    if len(value) == 0 or not np.bincount(period, minlength=2 * n_sites).all():
        raise ValueError("Each site needs days in both periods: leave out sites that are not in the panel.")
    order = np.lexsort((value, weekday, is_current, site))
    value, site, weekday = value[order], site[order], weekday[order]
    is_current, period = is_current[order], period[order]
    log_value = np.log(value)
    cell = np.unique(period * 8 + weekday, return_inverse=True)[1]
    n_of_cell = np.bincount(cell)
    first_of_cell = np.cumsum(n_of_cell) - n_of_cell
    period_of_cell = period[first_of_cell]
    n_cells = np.bincount(period_of_cell, minlength=2 * n_sites)
    smallest = np.full(n_sites, np.iinfo(np.int64).max)
    np.minimum.at(smallest, period_of_cell // 2, n_of_cell)
    is_by_cell = (smallest >= FEWEST_OF_A_CELL)[site]

    share = weight[site] / n_cells[period]
    plain = share / n_of_cell[cell]
    ratio = float((plain * value)[is_current].sum() / (plain * value)[~is_current].sum())
    # One day of a cell fewer than there are: the last one is drawn and does not count.
    is_last = np.arange(len(value)) - first_of_cell[cell] == n_of_cell[cell] - 1
    counted = np.where(is_by_cell, np.where(is_last, 0.0, share / np.maximum(n_of_cell[cell] - 1, 1)), plain)

    pool, about, start, size = log_value.copy(), np.zeros(len(value)), first_of_cell[cell], n_of_cell[cell]
    rest = np.flatnonzero(~is_by_cell)
    if len(rest):
        fitted, residual, is_known = _residuals(log_value[rest], site[rest], period[rest], weekday[rest])
        if not is_known:
            return Resampled(ratio, float("nan"), float("nan"), float("nan"))
        # Residuals lie in a pool of their own behind the days, once by site and once of all sites.
        pool = np.concatenate([log_value, residual, residual])
        n_of_site = np.bincount(site[rest], minlength=n_sites)
        before = np.cumsum(n_of_site) - n_of_site
        is_own = n_of_site[site[rest]] >= FEWEST_OF_A_SITE
        few = np.flatnonzero(~is_own)
        pool[len(log_value) + len(rest) : len(log_value) + len(rest) + len(few)] = residual[few]
        about[rest] = fitted
        start[rest] = np.where(is_own, len(log_value) + before[site[rest]], len(log_value) + len(rest))
        size[rest] = np.where(is_own, n_of_site[site[rest]], max(len(few), 1))

    generator = np.random.default_rng(seed)
    at_once = max(_AT_ONCE // len(value), 1)
    drawn = [
        _drawn(generator, min(at_once, n_resamples - done), pool, about, start, size, counted, is_current)
        for done in range(0, n_resamples, at_once)
    ]
    log_ratio = np.concatenate(drawn)
    low, high = np.exp(np.quantile(log_ratio, [0.025, 0.975]))
    return Resampled(ratio, float(log_ratio.std(ddof=1)), float(low), float(high))


def _drawn(
    generator: np.random.Generator, n: int, pool: Floats, about: Floats, start: Ints, size: Ints, counted: Floats,
    is_current: Bools,
) -> Floats:  # fmt: skip
    """Logarithms of the ratio of days drawn from the pool, each from its own part of it."""
    taken = start + (generator.random((n, len(start))) * size).astype(np.int64)
    amount = np.exp(about + pool[taken]) * counted
    log_ratio: Floats = np.log(amount[:, is_current].sum(axis=1) / amount[:, ~is_current].sum(axis=1))
    return log_ratio


def _residuals(log_value: Floats, site: Ints, period: Ints, weekday: Ints) -> tuple[Floats, Floats, bool]:
    """What is fitted to each day, and its residual widened by what the fit takes; whether anything is left to draw.

    Levels and effects in turn until nothing moves: least squares without a matrix.
    """
    group = np.unique(period, return_inverse=True)[1]
    day = np.unique(weekday, return_inverse=True)[1]
    n_of_group, n_of_day = np.bincount(group), np.bincount(day)
    effect = np.zeros(len(n_of_day))
    level = np.zeros(len(n_of_group))
    for _ in range(_MOST_ROUNDS):
        level = np.bincount(group, weights=log_value - effect[day]) / n_of_group
        new = np.bincount(day, weights=log_value - level[group]) / n_of_day
        new -= new.mean()
        moved = float(np.abs(new - effect).max())
        effect = new
        if moved < _NEAR:
            break
    fitted = level[group] + effect[day]
    n, n_fitted = len(log_value), len(n_of_group) + len(n_of_day) - 1
    if n <= n_fitted:
        return fitted, np.zeros(n), False
    # Each site's residuals by its own two levels and its part of the effects.
    own = np.unique(site, return_inverse=True)[1]
    n_of_site = np.bincount(own).astype(np.float64)
    n_levels = np.bincount(np.unique(np.stack([own, group]), axis=1)[0])
    left = n_of_site - n_levels - (len(n_of_day) - 1) * n_of_site / n
    # Of a site with too few days the residuals are drawn with those of others, and widened as all together.
    widened = np.where(n_of_site >= FEWEST_OF_A_SITE, n_of_site / np.maximum(left, 1), n / (n - n_fitted))
    return fitted, (log_value - fitted) * np.sqrt(widened)[own], True
