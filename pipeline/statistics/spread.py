"""How far days differ: the rhythm of the week and the spread about it, of many sites at once, with values below limits.

Seven days hold little about their own spread, the less so where half of them lie below a limit. So what days of one
substance have in common is learnt from all sites together: the weekly rhythm, and about which spread those of the
single sites lie. No levels of sites and no intervals (`levels.py`).
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import scipy

from pipeline.statistics.censoring import curvature, hazard

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

_NODES = np.exp(np.linspace(np.log(0.02), np.log(3.0), 48))
"""Spreads that are tried, standard deviations of the logarithm."""
_HETEROGENEITY = np.array([0.0, 0.05, 0.1, 0.2, 0.3, 0.5])
"""How far the spreads of sites may lie apart, standard deviations of their logarithm."""
_HALF_LOG_2PI = 0.5 * np.log(2 * np.pi)
_MOST_STEPS = 60
_NEAR = 1e-9
FEWEST_DETECTS_A_LEVEL = 10
"""Measured days, on average, with which a part of the year has a level of its own where others lie below limits: with
fewer the spread comes out too wide, by 4 % with eight."""
FEWEST_FOR_RHYTHM = 5
"""Weeks in which a weekday must have been measured beside others before a rhythm is believed."""
FEWEST_LEFT = 3
"""Degrees of freedom that must be left for the spread when levels and rhythm are taken out."""


class Spread(NamedTuple):
    """What days have in common, and how far they differ beyond it.

    Attributes:
        rhythm: effect of each weekday, Monday to Sunday, on the log scale; their sum is 0. (7,)
        has_rhythm: False where there is too little to know one; the effects are 0 then and the spread holds them.
        log_sd: standard deviation of the logarithm of a day about its level and rhythm, for each site. (n_sites,)
        df: how well it is known, as degrees of freedom of a variance. (n_sites,)
        is_common: True where one spread was learnt for all sites: it is known no better of several than of one.
        pooled_log_sd: the middle of the sites' spreads; what holds for a site of which nothing is known.
    """

    rhythm: Floats
    has_rhythm: bool
    log_sd: Floats
    df: Floats
    is_common: bool
    pooled_log_sd: float


def locations(
    log_value: Floats, is_censored: Bools, group: Ints, n_groups: int, log_sd: Floats | float, offset: Floats | float,
    start: Floats | None = None,
) -> tuple[Floats, Floats]:  # fmt: skip
    """The level of each group by maximum likelihood where the spread is known.

    Parameters
    ----------
    log_value : array of float, shape (n,)
        Logarithm of a value, or of the limit it lies below.
    is_censored : array of bool, shape (n,)
        True where it is the limit.
    group : array of int, shape (n,)
        The group of each value, 0 to `n_groups` - 1.
    n_groups : int
        How many groups there are.
    log_sd : float or array of float, shape (n,)
        Standard deviation of the logarithm about level and offset.
    offset : float or array of float, shape (n,)
        What is added to the level, as the effect of the weekday.
    start : array of float, shape (n_groups,), optional
        Levels to begin with.

    Returns
    -------
    level, variance : arrays of float, shape (n_groups,)
        On the log scale. NaN for a group without a measured value: its likelihood rises for ever to the left.

    Notes
    -----
    The log likelihood is concave in the level, so Newton's steps, cut to a few standard deviations, find its top.
    """
    log_sd = np.broadcast_to(np.asarray(log_sd, dtype=np.float64), log_value.shape)
    residual = log_value - offset
    n_detects = np.bincount(group, weights=~is_censored, minlength=n_groups)
    known = n_detects > 0
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.bincount(group, weights=residual, minlength=n_groups) / np.bincount(group, minlength=n_groups)
    level = np.where(known, mean if start is None else np.where(np.isfinite(start), start, mean), 0.0)
    below = np.flatnonzero(is_censored)
    measured = np.flatnonzero(~is_censored)
    precision = 1 / log_sd[measured] ** 2
    information = np.bincount(group[measured], weights=precision, minlength=n_groups)
    pull = np.bincount(group[measured], weights=precision * residual[measured], minlength=n_groups)
    total = information
    for _ in range(_MOST_STEPS):
        z = (residual[below] - level[group[below]]) / log_sd[below]
        ratio = hazard(z)
        score = pull - information * level - np.bincount(
            group[below], weights=ratio / log_sd[below], minlength=n_groups
        )  # fmt: skip
        total = information + np.bincount(
            group[below], weights=curvature(z, ratio) / log_sd[below] ** 2, minlength=n_groups
        )
        step = np.where(known, score / np.where(known, total, 1.0), 0.0)
        widest = 3.0 / np.sqrt(np.where(known, total, 1.0))
        level = level + np.clip(step, -widest, widest)
        if np.all(np.abs(step) < _NEAR):
            break
    return np.where(known, level, np.nan), np.where(known, 1 / np.where(known, total, 1.0), np.nan)


def log_likelihood(log_value: Floats, is_censored: Bools, mean: Floats, log_sd: Floats | float) -> Floats:
    """Of each value, normal on the log scale: the density where it was measured, what lies below where it was not."""
    z = (log_value - mean) / log_sd
    density: Floats = np.where(is_censored, scipy.special.log_ndtr(z), -0.5 * z * z - np.log(log_sd) - _HALF_LOG_2PI)
    return density


def pooled_spread(
    log_value: Floats, is_censored: Bools, level: Ints, site: Ints, weekday: Ints, n_sites: int,
    *, fewest_weeks: int = FEWEST_FOR_RHYTHM, is_whole_week: bool = True,
) -> Spread:  # fmt: skip
    """The rhythm of the week and the spread of days about it.

    Parameters
    ----------
    log_value, is_censored : arrays, shape (n,)
        As in `locations`.
    level : array of int, shape (n,)
        What has a level of its own: a site in a month, say. Numbered from 0, each within one site.
    site : array of int, shape (n,)
        0 to `n_sites` - 1.
    weekday : array of int, shape (n,)
        1 Monday to 7 Sunday.
    n_sites : int
        How many sites there are.
    fewest_weeks : int
        Weeks in which a weekday must have been measured beside others.
    is_whole_week : bool
        Whether there is a rhythm only where all seven weekdays occur: else of those that do.

    Returns
    -------
    Spread

    Notes
    -----
    Levels are integrated out under a flat prior (Laplace's approximation, exact where nothing is censored), so that
    many levels of few days each do not make the spread look smaller than it is. Spreads of sites are taken to lie
    about a common one; how far apart is learnt from them too. What the rhythm takes of the days' degrees of freedom is
    given back to the spread as to that of a regression; and the spread and its degrees of freedom are those of a scaled
    inverse chi-square with the mean and variance that were found for its logarithm: of one site with nothing below
    limits they are the standard deviation of its residuals and their number less what was fitted.
    """
    n_levels = int(level.max(initial=-1)) + 1
    detects = np.bincount(level, weights=~is_censored, minlength=n_levels)
    kept = (detects > 0)[level] if n_levels else np.zeros(0, dtype=bool)
    y, below, g, s = log_value[kept], is_censored[kept], level[kept], site[kept]
    day = weekday[kept] - 1
    rhythm, n_effects = _rhythm(y, below, g, day, n_levels, fewest_weeks, is_whole_week=is_whole_week)
    offset = rhythm[day]
    of_site = np.zeros((n_sites, len(_NODES)))
    owner = np.zeros(n_levels, dtype=np.int64)
    owner[g] = s
    start = None
    for node, log_sd in enumerate(_NODES):
        start, variance = locations(y, below, g, n_levels, float(log_sd), offset, start)
        each = log_likelihood(y, below, start[g] + offset, float(log_sd))
        marginal = np.bincount(g, weights=each, minlength=n_levels) + 0.5 * np.log(variance)
        known = np.isfinite(marginal)
        of_site[:, node] = np.bincount(owner[known], weights=marginal[known], minlength=n_sites)
    log_nodes = np.log(_NODES)
    best = (-np.inf, 0, 0)
    has_any = np.bincount(s, minlength=n_sites) > 0
    for k, apart in enumerate(_HETEROGENEITY):
        for m in range(len(_NODES)):
            prior = _log_prior(log_nodes, m, apart)
            total = float(_log_sum(of_site[has_any] + prior).sum())
            # Of spreads that explain the data alike the one by which sites are alike.
            if total > best[0] + 1e-9:
                best = (total, k, m)
    _, k, m = best
    weights = of_site + _log_prior(log_nodes, m, _HETEROGENEITY[k])
    weights = np.exp(weights - _log_sum(weights)[:, np.newaxis])
    middle = weights @ log_nodes
    variance = np.maximum(weights @ log_nodes**2 - middle**2, 0)
    if _HETEROGENEITY[k] == 0:
        # One spread for all: known as well as all sites together tell it.
        together = of_site[has_any].sum(axis=0)
        together = np.exp(together - together.max())
        together /= together.sum()
        centre = float(together @ log_nodes)
        middle = np.full(n_sites, centre)
        variance = np.full(n_sites, float(together @ (log_nodes - centre) ** 2))
    spacing = float(log_nodes[1] - log_nodes[0])
    log_sd, df = _of_log_moments(middle, np.maximum(variance, spacing**2 / 12))
    n_free = max(len(y) - len(np.unique(g)), 1)
    left = max(n_free - n_effects, 1) / n_free
    is_common = bool(_HETEROGENEITY[k] == 0)
    return Spread(
        rhythm, n_effects > 0, np.exp(log_sd) / np.sqrt(left), df * left, is_common, float(np.exp(log_nodes[m]))
    )


def _of_log_moments(mean: Floats, variance: Floats) -> tuple[Floats, Floats]:
    """The logarithm of the spread and its degrees of freedom, from mean and variance of its logarithm.

    The variance of the logarithm of a standard deviation with n degrees of freedom is trigamma(n/2)/4, and its mean
    lies (log(n/2) - digamma(n/2))/2 above that of the spread.
    """
    half_df = 1 / (4 * variance) + 0.5  # trigamma(x) is about 1/x + 1/(2 x^2)
    for _ in range(20):
        step = (scipy.special.polygamma(1, half_df) - 4 * variance) / scipy.special.polygamma(2, half_df)
        half_df = np.maximum(half_df - step, half_df / 4)
    return mean - (np.log(half_df) - scipy.special.digamma(half_df)) / 2, 2 * half_df


def _log_prior(log_nodes: Floats, middle: int, apart: float) -> Floats:
    if apart == 0:
        return np.where(np.arange(len(log_nodes)) == middle, 0.0, -np.inf)
    density = -0.5 * ((log_nodes - log_nodes[middle]) / apart) ** 2
    prior: Floats = density - _log_sum(density[np.newaxis, :])[0]
    return prior


def _log_sum(rows: Floats) -> Floats:
    top = rows.max(axis=1)
    total: Floats = top + np.log(np.exp(rows - top[:, np.newaxis]).sum(axis=1))
    return total


def _rhythm(
    y: Floats, below: Bools, level: Ints, day: Ints, n_levels: int, fewest_weeks: int, *, is_whole_week: bool
) -> tuple[Floats, int]:
    """The effects of weekdays, by levels and weekdays in turn until nothing moves, and how many were fitted."""
    none = np.zeros(7)
    measured = np.zeros((n_levels, 7))
    np.add.at(measured, (level[~below], day[~below]), 1)
    is_there = np.bincount(day, minlength=7) > 0
    wanted = np.ones(7, dtype=bool) if is_whole_week else is_there
    beside_others = (measured > 0) & ((measured > 0).sum(axis=1) > 1)[:, np.newaxis]
    n_effects = int(wanted.sum()) - 1
    n_left = len(y) - len(np.unique(level)) - n_effects
    if not n_levels or n_effects < 1 or beside_others.sum(axis=0)[wanted].min() < fewest_weeks or n_left < FEWEST_LEFT:
        return none, 0
    effects, log_sd = none, 0.3
    levels: Floats | None = None
    for _ in range(40):
        levels, _ = locations(y, below, level, n_levels, log_sd, effects[day], levels)
        new, _ = locations(y, below, day, 7, log_sd, levels[level], effects)
        new = np.where(wanted, new - new[wanted].mean(), 0.0)
        mean = levels[level] + new[day]
        z = (y - mean) / log_sd
        # A value below its limit is expected to lie so far off its mean: E[z^2 | z < c] = 1 - c h(c).
        square = np.where(below, 1 - z * hazard(z), z * z).sum()
        moved = np.abs(new - effects).max()
        effects, log_sd = new, float(np.clip(log_sd * np.sqrt(square / max(n_left, 1)), 0.02, 3.0))
        if moved < 1e-6:
            break
    return effects, n_effects
