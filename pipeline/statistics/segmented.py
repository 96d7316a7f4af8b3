"""What an event did: segmented regression of series on the log scale whose neighbours are alike. No dates.

The series are differences between what an event touched and what it left alone, so that what both share is gone.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import scipy

from pipeline.statistics.intervals import student_quantile

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

FEWEST_FOR_SLOPE = 6
"""Points within the event from which on the slope may change as well as the level."""
FEWEST_LEFT = 3
"""Degrees of freedom that must be left, as if neighbours did not depend on each other."""
_CORRELATIONS = np.linspace(0.0, 0.95, 20)
_NEAR = 1e-10


class Effect(NamedTuple):
    """What was found in each of many series; NaN where there are too few points.

    Attributes:
        effect: mean over the event of how far the series lies from where it was heading, log scale. (n,)
        standard_error: of it, neighbours alike as far as they may be. (n,)
        df: degrees of freedom of the standard error. (n,)
        correlation: of neighbouring points beyond the segments, the mean of those that fit. (n,)
    """

    effect: Floats
    standard_error: Floats
    df: Floats
    correlation: Floats

    @property
    def interval(self) -> tuple[Floats, Floats]:
        """The ends of the 95 % interval, log scale."""
        half = student_quantile(self.df) * self.standard_error
        return self.effect - half, self.effect + half

    @property
    def p_value(self) -> Floats:
        """Two-sided, of no effect."""
        with np.errstate(divide="ignore", invalid="ignore"):
            t = -np.abs(self.effect) / self.standard_error
        p: Floats = np.where(np.isnan(t), np.nan, 2 * scipy.special.stdtr(np.where(np.isnan(self.df), 1, self.df), t))
        return p


def segmented(log_value: Floats, is_within: Bools) -> Effect:
    """The effect of an event that lies at the same place of many series.

    Parameters
    ----------
    log_value : array of float, shape (n, k)
        Series by equally long periods; NaN where there is no point, or where it is not to count.
    is_within : array of bool, shape (k,)
        The periods of the event. The others, before it or on both sides, say where the series was heading.

    Returns
    -------
    Effect
        One entry a series.

    Notes
    -----
    A line through the periods outside, another level within and, from `FEWEST_FOR_SLOPE` points within, another slope
    [1]_, by least squares: the effect is the mean within, also where it begins late or grows. Neighbouring points
    depend on each other by a correlation that few points tell little of: for the variance all from 0 to 0.95 are
    weighed by the restricted likelihood [2]_. Taking the likeliest one instead covered 90 % where 95 were asked for, at
    a correlation of 0.5 and 12 points on either side; weighing points by it told half of an effect that begins late.

    References
    ----------
    .. [1] Wagner et al. 2002, doi:10.1046/j.1365-2710.2002.00430.x
    .. [2] Harville 1977, doi:10.1080/01621459.1977.10480998

    Examples
    --------
    >>> line = np.arange(12.0)[np.newaxis] / 100
    >>> within = np.arange(12) >= 8
    >>> found = segmented(line - 0.2 * within + 1e-6 * np.cos(np.arange(12)), within)
    >>> round(float(found.effect[0]), 3)
    -0.2
    """
    n = len(log_value)
    found = Effect(*(np.full(n, np.nan) for _ in range(4)))
    is_known = np.isfinite(log_value)
    patterns, of_pattern = np.unique(is_known, axis=0, return_inverse=True)
    for number, known in enumerate(patterns):
        of = np.flatnonzero(of_pattern.ravel() == number)
        place = np.flatnonzero(known)
        within = is_within[place]
        n_coefficients = 4 if within.sum() >= FEWEST_FOR_SLOPE else 3
        # If the slope within is separate, the slope outside needs two points outside.
        fewest_outside = n_coefficients - 2
        if not within.any() or (~within).sum() < fewest_outside or len(place) - n_coefficients < FEWEST_LEFT:
            continue
        kernel = _kernel(tuple(place.tolist()), tuple(within.tolist()))
        for part, value in zip(found, _of_kernel(log_value[of][:, place], kernel), strict=True):
            part[of] = value
    return found


def _design(time: Floats, within: Bools) -> Floats:
    """Level and slope outside, and what is added within: first the mean effect. (k, 3) or (k, 4)"""
    columns = [within.astype(np.float64), np.ones(len(time)), time]
    if within.sum() >= FEWEST_FOR_SLOPE:
        columns.append(np.where(within, time - time[within].mean(), 0.0))
    return np.column_stack(columns)


class _Kernel(NamedTuple):
    """What a pattern of points makes of any series, for each correlation of neighbours.

    Attributes:
        weights: what gives the effect: the same for all. (k,)
        residual: the quadratic form that gives the weighted squares of the residuals. (n_correlations, k, k)
        spread: variance of the effect over that of a point. (n_correlations,)
        determinants: of the restricted likelihood, logarithms. (n_correlations,)
        n_left: degrees of freedom.
    """

    weights: Floats
    residual: Floats
    spread: Floats
    determinants: Floats
    n_left: int


@lru_cache(maxsize=64)
def _kernel(place: tuple[int, ...], within: tuple[bool, ...]) -> _Kernel:
    at = np.array(place, dtype=np.float64)
    design = _design(at, np.array(within))
    weights: Floats = np.linalg.pinv(design)[0]
    apart = np.abs(at[:, np.newaxis] - at)
    alike = _CORRELATIONS[:, np.newaxis, np.newaxis] ** apart
    precision = np.linalg.inv(alike)
    information = design.T @ precision @ design
    fitted = precision @ design @ np.linalg.inv(information) @ design.T @ precision
    residual = (precision - fitted).astype(np.float64)
    determinants: Floats = -np.linalg.slogdet(information)[1] - np.linalg.slogdet(alike)[1]
    return _Kernel(weights, residual, alike @ weights @ weights, determinants, len(at) - design.shape[1])


def _of_kernel(value: Floats, kernel: _Kernel) -> tuple[Floats, Floats, Floats, Floats]:
    """Effect, standard error, degrees of freedom and correlation of series that have points at the same places."""
    squares = np.stack([((value @ form) * value).sum(axis=1) for form in kernel.residual])
    squares = np.maximum(squares, np.finfo(np.float64).tiny)
    log_weight = (kernel.determinants[:, np.newaxis] - kernel.n_left * np.log(squares)) / 2
    weight = np.exp(log_weight - log_weight.max(axis=0))
    weight /= weight.sum(axis=0)
    variance = (weight * kernel.spread[:, np.newaxis] * squares / kernel.n_left).sum(axis=0)
    return value @ kernel.weights, np.sqrt(variance), np.full(len(value), float(kernel.n_left)), _CORRELATIONS @ weight


def detectable_effect(standard_error: Floats, df: Floats) -> Floats:
    """The smallest fall whose interval would exclude no effect, as a share [1]."""
    smallest: Floats = -np.expm1(-student_quantile(df) * standard_error)
    return smallest


def common_course(log_value: Floats, weight: Floats, *, n_steps: int = 50) -> Floats:
    """What sites have in common, period by period, their own levels taken out.

    Parameters
    ----------
    log_value : array of float, shape (..., n_sites, k)
        Levels of sites by periods; NaN where a site has none.
    weight : array of float, shape (n_sites,)
        How much each site counts.

    Returns
    -------
    array of float, shape (..., k)
        The weighted mean course; NaN where no site has a level.

    Notes
    -----
    Least squares of site and period, by turns: a site that misses a period shifts no level.

    Examples
    --------
    >>> one = np.array([[1.0, 2.0, np.nan], [11.0, 12.0, 13.0]])
    >>> common_course(one, np.ones(2)).round(6).tolist()
    [-1.0, 0.0, 1.0]
    """
    known = np.isfinite(log_value)
    value = np.where(known, log_value, 0.0)
    shares = known * weight[:, np.newaxis]
    per_period, per_site = shares.sum(axis=-2), shares.sum(axis=-1)
    course = np.zeros(per_period.shape)
    # What is nowhere known is divided by one, and stays nothing.
    of_period, of_site = np.where(per_period > 0, per_period, 1.0), np.where(per_site > 0, per_site, 1.0)
    for _ in range(n_steps):
        site = ((value - course[..., np.newaxis, :]) * shares).sum(axis=-1) / of_site
        after = ((value - site[..., np.newaxis]) * shares).sum(axis=-2) / of_period
        moved, course = np.abs(after - course).max(initial=0), after
        if moved < _NEAR:
            break
    is_known = per_period > 0
    mean = (course * is_known).sum(axis=-1) / np.maximum(is_known.sum(axis=-1), 1)
    return np.where(is_known, course - mean[..., np.newaxis], np.nan)
