"""Left-censored series: mean, spread and middle where some values are only known to lie below a limit.

Pure functions on arrays, one a method; a row is a series and all rows are worked on at once. For all of them `values`
holds a measured value or the limit it lies below, `is_censored` says which, and NaN stands for no value, so series of
different length are padded with it. Limits may differ within a series. What a series does not tell is NaN, never inf.

No tables and no units here, nothing random, and no judgement how much censoring is too much: that is the protocol's.
"""

from typing import NamedTuple

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

Numbers = NDArray[np.float64]
Flags = NDArray[np.bool_]

SAME = 1e-10
"""Detects count as equal where their logarithms differ by no more: far below what any laboratory tells apart."""

# A limit this high, in units of the spread, says nothing: its likelihood is 1 and all its derivatives are exactly 0.
_NO_LIMIT = 1e30
_MOST_STEPS = 200


class LognormalFit(NamedTuple):
    """What the maximum of the likelihood says of each series; arrays of shape (n_series,).

    Attributes:
        n: values.
        n_detects: of them not censored.
        mu: mean of the logarithms [1].
        sigma: standard deviation of the logarithms [1].
        var_mu, var_sigma, cov_mu_sigma: their covariance, from the observed information [1].
        mean: exp(mu + sigma² / 2) [unit of the values].
        has_converged: False also where nothing can be estimated.
    """

    n: NDArray[np.int64]
    n_detects: NDArray[np.int64]
    mu: Numbers
    sigma: Numbers
    var_mu: Numbers
    var_sigma: Numbers
    cov_mu_sigma: Numbers
    mean: Numbers
    has_converged: Flags


class Summary(NamedTuple):
    """Mean, standard deviation and median [unit of the values]; arrays of shape (n_series,)."""

    mean: Numbers
    sd: Numbers
    median: Numbers


class KaplanMeier(NamedTuple):
    """Of the estimated distribution [unit of the values]; arrays of shape (n_series,).

    Attributes:
        mean: mean.
        sd: standard error times the root of the number of values, as NADA gives it.
        median: median.
        se: standard error of the mean.
        sd_of_distribution: root of the second moment about the mean, as EnvStats gives it.
    """

    mean: Numbers
    sd: Numbers
    median: Numbers
    se: Numbers
    sd_of_distribution: Numbers


def lognormal_mle(values: ArrayLike, is_censored: ArrayLike) -> LognormalFit:
    """Lognormal distribution of each series by maximum likelihood.

    Parameters
    ----------
    values : array of shape (n_series, n_values)
        Measured values, or the limits they lie below [any unit]; NaN for no value.
    is_censored : array of bool, same shape
        Whether the value lies below what is given.

    Returns
    -------
    LognormalFit

    Raises
    ------
    ValueError
        A value is zero, negative or infinite; shapes differ.

    Notes
    -----
    Needs two detects that differ. With one, or with several that are equal, the likelihood either grows without bound
    as sigma shrinks or has a maximum that only says where the limits happen to lie: NaN in both cases. With two that
    differ there is exactly one maximum, whatever the limits: in 1/sigma and mu/sigma the logarithm of the likelihood is
    concave [1]_, so Newton's steps, shortened where they would not rise, find it.

    sigma is too small on average in small series, as is the root of squares divided by n without censoring: in
    simulated series of which 40 % is censored by 2 % with 30 values, by 7 % with 10. mean is NaN where it exceeds the
    largest number.

    References
    ----------
    .. [1] Olsen (1978), Econometrica 46, 1211, doi:10.2307/1911445.

    Examples
    --------
    Dissolved iron, of the nine five below a limit:

    >>> values = [[20, 10, 10, 10, 10, 7, 3, 3, 3]]
    >>> is_censored = [[False, True, True, True, True, False, False, True, True]]
    >>> fit = lognormal_mle(values, is_censored)
    >>> [int(fit.n[0]), int(fit.n_detects[0]), round(float(fit.mean[0]), 4)]
    [9, 3, 5.2116]
    """
    numbers, censored = _checked(values, is_censored)
    present = ~np.isnan(numbers)
    n, n_detects = present.sum(axis=1), (present & ~censored).sum(axis=1)
    rows, series = _likelihoods(numbers, censored)
    peak = _peak(series)

    def everywhere(estimates: Numbers) -> Numbers:
        found = np.full(len(numbers), np.nan)
        found[rows] = estimates
        return found

    mu = everywhere(series.center + series.unit * peak.mu)
    sigma = everywhere(series.unit * peak.sigma)
    return LognormalFit(
        n=n, n_detects=n_detects, mu=mu, sigma=sigma,
        var_mu=everywhere(series.unit**2 * peak.var_mu),
        var_sigma=everywhere(series.unit**2 * peak.var_sigma),
        cov_mu_sigma=everywhere(series.unit**2 * peak.cov_mu_sigma),
        mean=_exp(mu + sigma**2 / 2),
        has_converged=~np.isnan(mu),
    )  # fmt: skip


def expected_below(mu: ArrayLike, sigma: ArrayLike, limit: ArrayLike) -> Numbers:
    """What a lognormal value is on average, given that it lies below a limit: E[X | X < limit].

    Parameters
    ----------
    mu, sigma : arrays that broadcast
        Mean and standard deviation of the logarithms [1].
    limit : array that broadcasts
        The limit [any unit].

    Returns
    -------
    array of float
        Expectation [unit of the limit]; NaN where anything is NaN.

    Raises
    ------
    ValueError
        A sigma is negative or infinite, a limit not positive or infinite.

    Notes
    -----
    exp(mu + sigma²/2) Phi(z - sigma) / Phi(z) with z = (log(limit) - mu) / sigma. Far below the middle both Phi vanish
    and their logarithms cancel; there the same is written as limit · erfcx((sigma - z)/√2) / erfcx(-z/√2), which loses
    no digit. With sigma 0 it is the smaller of exp(mu) and the limit.

    Examples
    --------
    >>> expected_below(0.0, 1.0, [1.0, 1e-9]).round(12).tolist()
    [0.52315658373, 9.54e-10]
    """
    mean, spread, top = np.broadcast_arrays(*(np.asarray(given, dtype=float) for given in (mu, sigma, limit)))
    if np.any((spread < 0) | np.isinf(spread)):
        raise ValueError("sigma must not be negative or infinite.")
    if np.any((top <= 0) | np.isinf(top)):
        raise ValueError("A limit must be positive and finite.")
    log_top = np.log(top)
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):  # sigma 0, and forms that are not chosen
        z = np.where(mean == log_top, 0.0, (log_top - mean) / spread)
        lag = spread - z
        in_tail = top * (scipy.special.erfcx(lag / np.sqrt(2)) / scipy.special.erfcx(-z / np.sqrt(2)))
        between = top * scipy.special.erfcx(lag / np.sqrt(2)) / 2 * np.exp(-(z**2) / 2) / scipy.special.ndtr(z)
        # z > sigma: the exponent is below log(limit), so nothing overflows.
        above = np.exp(mean + spread**2 / 2) * scipy.special.ndtr(-lag) / scipy.special.ndtr(z)
        found = np.select([z == -np.inf, z <= 0, lag > 0], [top, in_tail, between], above)
    return np.where(np.isnan(mean) | np.isnan(spread), np.nan, found)


def kaplan_meier(values: ArrayLike, is_censored: ArrayLike) -> KaplanMeier:
    """Mean, spread and median of each series without an assumed distribution.

    Parameters
    ----------
    values : array of shape (n_series, n_values)
        Measured values, or the limits they lie below [any unit]; NaN for no value.
    is_censored : array of bool, same shape
        Whether the value lies below what is given.

    Returns
    -------
    KaplanMeier

    Raises
    ------
    ValueError
        A value is zero, negative or infinite; shapes differ.

    Notes
    -----
    The estimate for right-censored times [1]_, with the scale turned round: walking down from the largest value, a
    detect x takes the share d / r of what is left, d the detects equal to x and r all values up to x. A limit equal to
    x counts among the r: "<5" lies below a measured 5.

    What lies below the smallest detect is not known. Where the lowest values are censored, as NADA's `cenfit` does
    [2]_, their share is put at the smallest detect, so the mean is too high by an unknown amount: in simulated series
    of 30 values by 2 % with 40 % censored and 23 % with 80 %. Limits above the largest detect have no influence on mean
    and median.

    se is Greenwood's, times √(D / (D - 1)) with D detects; without censoring it is s / √n. The median is the largest
    detect with less than half of the distribution below it: of an even number of values the lower one of the middle
    pair. Where half or more lies below the smallest detect it is NaN. Departs from NADA in one case: where the largest
    detect is the median, NADA gives none.

    References
    ----------
    .. [1] Kaplan, Meier (1958), J. Am. Stat. Assoc. 53, 457, doi:10.1080/01621459.1958.10501452.
    .. [2] Helsel (2012), Statistics for Censored Environmental Data Using Minitab and R, 2nd ed., Wiley, chapter 6.

    Examples
    --------
    >>> found = kaplan_meier([[1.0, 2.0, 3.0, 6.0]], [[False, True, False, False]])
    >>> [round(float(number[0]), 4) for number in found]
    [2.75, 2.5062, 1.0, 1.2531, 2.0463]
    """
    numbers, censored = _checked(values, is_censored)
    rows = _in_order(numbers, censored)
    scaled, scale = _scaled(rows.values)
    ordinal = np.arange(1, scaled.shape[1] + 1)
    at_once = _detects_of_group(rows)
    is_event = (rows.next_start == ordinal) & (at_once > 0) & ~np.isnan(scaled)
    share = np.where(is_event, at_once / ordinal, 0.0)
    below = _product_from(1 - share)  # P(X < x) at an event, and one place more for the end
    mass = np.where(is_event, below[:, 1:] - below[:, :-1], 0.0)
    is_lowest = is_event & (np.cumsum(is_event, axis=1) == 1)
    mass += np.where(is_lowest, below[:, :-1], 0.0)
    level = np.where(is_event, scaled, 0.0)

    mean = np.sum(level * mass, axis=1)
    variance = np.sum((level - mean[:, None]) ** 2 * mass, axis=1)
    lower = np.zeros(level.shape)  # the next smaller detect
    lower[:, 1:] = np.maximum.accumulate(level, axis=1)[:, :-1]
    is_later = is_event & ~is_lowest
    area = np.cumsum(np.where(is_later, (level - lower) * below[:, :-1], 0.0), axis=1)
    left = np.where(is_later, ordinal - at_once, 1)
    greenwood = np.sum(np.where(is_later, area**2 * at_once / (ordinal * left), 0.0), axis=1)

    n = np.sum(~np.isnan(scaled), axis=1)
    n_detects = np.sum(rows.is_detect, axis=1)
    # Half, as R's all.equal takes it.
    has_less = is_event & (below[:, :-1] < 0.5 * (1 - 1.5e-8))
    median = np.max(level, axis=1, where=has_less, initial=0.0)
    se = np.sqrt(greenwood * n_detects / np.where(n_detects > 1, n_detects - 1, np.nan))
    exists = np.where(n_detects > 0, scale, np.nan)
    return KaplanMeier(
        mean=exists * mean,
        sd=exists * np.sqrt(n) * se,
        median=exists * np.where(has_less.any(axis=1), median, np.nan),
        se=exists * se,
        sd_of_distribution=exists * np.sqrt(variance),
    )


def regression_on_order_statistics(
    values: ArrayLike, is_censored: ArrayLike, plotting_constant: float = 0.0
) -> Summary:
    """Mean, spread and median of each series, with censored values filled in from a line through the detects.

    Parameters
    ----------
    values : array of shape (n_series, n_values)
        Measured values, or the limits they lie below [any unit]; NaN for no value.
    is_censored : array of bool, same shape
        Whether the value lies below what is given.
    plotting_constant : float
        a in (r - a) / (n + 1 - 2 a), the position of the r-th of n values [1]: 0 is Weibull's, 3/8 Blom's.

    Returns
    -------
    Summary

    Raises
    ------
    ValueError
        A value is zero, negative or infinite; shapes differ; the constant is not between 0 and 1/2.

    Notes
    -----
    Log detects are regressed on normal quantiles of their plotting positions [1]_; censored values are read from that
    line and put beside the detects, of which nothing is assumed. As NADA's `ros` does [2]_:

    - With the limits in rising order, A detects from limit j up to the next, and B values below it (detects below it,
      and values censored at it or at a lower one), the share below limit j is Q(j) = Q(j+1) B / (A + B). A detect
      equal to a limit lies above it. NADA before its version 1.6 counted it in B, too.
    - The r-th of A detects is plotted at Q(j) + (Q(j+1) - Q(j)) (r - a) / (A + 1 - 2 a), the r-th of C values censored
      at limit j at Q(j) (r - a) / (C + 1 - 2 a), with a = 0. EnvStats has a = 3/8.
    - Values censored above the largest detect are left out.

    A value filled in may exceed its limit. NaN without detects, and where there is something to fill in but only one
    detect. Without censoring these are the plain mean, standard deviation and median.

    References
    ----------
    .. [1] Helsel, Cohn (1988), Water Resour. Res. 24, 1997, doi:10.1029/WR024i012p01997.
    .. [2] Lee, Helsel (2005), Comput. Geosci. 31, 1241, doi:10.1016/j.cageo.2005.03.012.

    Examples
    --------
    >>> values = [[0.5, 0.5, 1.0, 1.5, 5.0, 10, 100]]
    >>> is_censored = [[True, False, False, True, False, False, False]]
    >>> [round(float(number[0]), 4) for number in regression_on_order_statistics(values, is_censored)]
    [16.6898, 36.9154, 1.0]
    """
    numbers, censored = _checked(values, is_censored)
    if not 0 <= plotting_constant <= 0.5:
        raise ValueError(f"A plotting constant lies between 0 and 1/2, not {plotting_constant!r}.")
    is_detect = ~np.isnan(numbers) & ~censored
    largest = np.max(numbers, axis=1, where=is_detect, initial=0.0)
    rows = _in_order(np.where(censored & (numbers > largest[:, None]), np.nan, numbers), censored)
    is_present = ~np.isnan(rows.values)
    is_limit = is_present & ~rows.is_detect
    ordinal = np.arange(1, rows.values.shape[1] + 1)
    n_before = rows.n_detects_to - rows.is_detect

    # A section runs from a limit, which stands before detects equal to it, to the next.
    opens = is_limit & (rows.start == ordinal - 1)
    opened = np.maximum.accumulate(np.where(opens, ordinal, 0), axis=1)  # 0: below all limits
    beginning = np.maximum(opened - 1, 0)
    next_opening = _next_marked(opens)
    detects_to = np.concatenate([np.zeros((len(opens), 1), dtype=np.int64), rows.n_detects_to], axis=1)
    first_detect = np.where(opened > 0, np.take_along_axis(n_before, beginning, axis=1), 0)
    n_in_section = np.take_along_axis(detects_to, next_opening, axis=1) - first_detect
    # Censored values come first among equals: the rank of one is its distance from the first of them.
    n_at_limit = rows.next_start - rows.start - _detects_of_group(rows)
    n_below = np.where(opens, rows.start + n_at_limit, 1)
    share = _product_from(np.where(opens, n_below / (n_in_section + n_below), 1.0))
    share_here = np.where(opened > 0, np.take_along_axis(share, beginning, axis=1), 0.0)
    share_next = np.take_along_axis(share, next_opening, axis=1)

    of_detect = _position(rows.n_detects_to - first_detect, n_in_section, plotting_constant)
    of_limit = _position(ordinal - rows.start, n_at_limit, plotting_constant)
    position = np.where(is_limit, share_here * of_limit, share_here + (share_next - share_here) * of_detect)
    quantile = scipy.special.ndtri(np.where(is_present, position, 0.5))

    n_detects = rows.is_detect.sum(axis=1)
    count = np.maximum(n_detects, 1)
    logs = np.log(rows.values)
    x_mean = np.sum(quantile, axis=1, where=rows.is_detect) / count
    y_mean = np.sum(logs, axis=1, where=rows.is_detect) / count
    x = np.where(rows.is_detect, quantile - x_mean[:, None], 0.0)
    y = np.where(rows.is_detect, logs - y_mean[:, None], 0.0)
    has_line = n_detects > 1
    slope = np.sum(x * y, axis=1) / np.where(has_line, np.sum(x**2, axis=1), np.nan)
    line = y_mean[:, None] + slope[:, None] * (quantile - x_mean[:, None])
    found = _summary(np.where(is_limit, _exp(line), rows.values))
    is_told = has_line | ((n_detects > 0) & ~is_limit.any(axis=1))
    return Summary(*(np.where(is_told, number, np.nan) for number in found))


def _checked(values: ArrayLike, is_censored: ArrayLike) -> tuple[Numbers, Flags]:
    numbers, censored = np.asarray(values, dtype=float), np.asarray(is_censored)
    if numbers.ndim != 2 or numbers.shape != censored.shape:
        raise ValueError(
            f"Values and flags need the same shape (n_series, n_values), not {numbers.shape} and {censored.shape}: "
            "a single series is an array of one row."
        )
    if censored.dtype != np.bool_ and censored.size:
        raise ValueError(f"is_censored holds true and false, not {censored.dtype}.")
    if np.any((numbers <= 0) | np.isinf(numbers)):
        raise ValueError(
            "Values and limits must be positive and finite: give the limit for a value below it, NaN for no value."
        )
    return numbers, censored.astype(bool)


def _exp(logs: Numbers) -> Numbers:
    """exp, with NaN instead of what exceeds the largest number."""
    return np.asarray(np.exp(np.where(logs < np.log(np.finfo(float).max), logs, np.nan)))


# --- Likelihood -------------------------------------------------------------------------------------------------------
# Logarithms are counted from the mean of the detects, in a unit of about the spread: then the detects enter by their
# number and two sums, without cancellation, and a step of Newton's costs one hazard a limit.


class _Likelihoods(NamedTuple):
    center: Numbers
    unit: Numbers
    n_detects: Numbers
    total: Numbers  # of the detects: 0 but for rounding
    squares: Numbers
    limits: Numbers  # (n_series, most limits of a series), filled up with _NO_LIMIT


class _Peak(NamedTuple):
    mu: Numbers  # this and all that follow in the units of _Likelihoods; NaN where there is no peak
    sigma: Numbers
    var_mu: Numbers
    var_sigma: Numbers
    cov_mu_sigma: Numbers


def _part(series: _Likelihoods, rows: NDArray[np.int64] | Flags) -> _Likelihoods:
    return _Likelihoods(*(array[rows] for array in series))


def _likelihoods(numbers: Numbers, censored: Flags) -> tuple[NDArray[np.int64], _Likelihoods]:
    """The series that can be estimated: which rows they are, and what their likelihoods are made of."""
    logs = np.log(numbers)
    is_detect = ~np.isnan(numbers) & ~censored
    range_of_detects = np.max(logs, axis=1, where=is_detect, initial=-np.inf) - np.min(
        logs, axis=1, where=is_detect, initial=np.inf
    )
    rows = np.flatnonzero(range_of_detects > SAME)
    logs, is_detect, censored = logs[rows], is_detect[rows], censored[rows]
    n_detects = is_detect.sum(axis=1).astype(float)
    center = np.sum(logs, axis=1, where=is_detect) / n_detects
    logs = logs - center[:, None]
    # A limit above most detects says little of the spread, one far below them says that it is wide.
    is_low = censored & (logs < 0)
    squares = np.sum(logs**2, axis=1, where=is_detect | is_low)
    unit = np.sqrt(squares / (n_detects + is_low.sum(axis=1)))
    logs = logs / unit[:, None]
    detects = np.where(is_detect, logs, 0.0)
    return rows, _Likelihoods(
        center, unit, n_detects, detects.sum(axis=1), np.sum(detects**2, axis=1), _limits(logs, censored)
    )


def _limits(logs: Numbers, censored: Flags) -> Numbers:
    """The limits of each series, closed up to the left."""
    limits = np.sort(np.where(censored & ~np.isnan(logs), logs, _NO_LIMIT), axis=1)
    most = int(np.max(np.sum(limits < _NO_LIMIT, axis=1), initial=0))
    return limits[:, :most]


def hazard(z: Numbers) -> Numbers:
    """phi(z) / Phi(z), exact in both tails; the derivative of log Phi."""
    return np.asarray(np.sqrt(2 / np.pi) / scipy.special.erfcx(-z / np.sqrt(2)))


def curvature(z: Numbers, ratio: Numbers) -> Numbers:
    """Minus the second derivative of log Phi, between 0 and 1; `ratio` is `hazard(z)`."""
    far = np.minimum(z, -1e3)  # where z + ratio would lose its digits
    return np.where(z < -1e3, 1 - 1 / far**2, ratio * (z + ratio))


def _peak(series: _Likelihoods) -> _Peak:
    """The maximum of each likelihood, by Newton's steps in location = mu/sigma and precision = 1/sigma."""
    n_series = len(series.center)
    location, precision, height = np.zeros(n_series), np.ones(n_series), np.full(n_series, -np.inf)
    step_location, step_precision, share = np.zeros((3, n_series))
    inverse = np.full((3, n_series), np.nan)  # of the information: location, both, precision
    active = np.arange(n_series)
    for _ in range(_MOST_STEPS):
        part = _part(series, active)
        at = location[active] + share[active] * step_location[active]
        by = precision[active] + share[active] * step_precision[active]
        z = by[:, None] * part.limits - at[:, None]
        log_likelihood = (
            part.n_detects * (np.log(by) - at**2 / 2)
            - by * (by * part.squares - 2 * at * part.total) / 2
            + scipy.special.log_ndtr(z).sum(axis=1)
        )
        has_risen = log_likelihood >= height[active] - 1e-11 * (1 + np.abs(log_likelihood))
        share[active[~has_risen]] /= 2

        ratio = hazard(z)
        bend = curvature(z, ratio)
        slope_location = by * part.total - part.n_detects * at - ratio.sum(axis=1)
        slope_precision = (
            part.n_detects / by - by * part.squares + at * part.total + np.sum(ratio * part.limits, axis=1)
        )
        of_location = part.n_detects + bend.sum(axis=1)
        of_both = -part.total - np.sum(bend * part.limits, axis=1)
        of_precision = part.n_detects / by**2 + part.squares + np.sum(bend * part.limits**2, axis=1)
        determinant = of_location * of_precision - of_both**2
        next_location = (of_precision * slope_location - of_both * slope_precision) / determinant
        next_precision = (of_location * slope_precision - of_both * slope_location) / determinant
        decrement = slope_location * next_location + slope_precision * next_precision

        risen = active[has_risen]
        location[risen], precision[risen], height[risen] = at[has_risen], by[has_risen], log_likelihood[has_risen]
        step_location[risen], step_precision[risen] = next_location[has_risen], next_precision[has_risen]
        with np.errstate(divide="ignore"):
            share[risen] = np.minimum(1, 0.9 * by / np.maximum(-next_precision, 0))[has_risen]
        inverse[:, risen] = (np.array([of_precision, -of_both, of_location]) / determinant)[:, has_risen]

        is_done = has_risen & (decrement < 1e-16)  # within 1e-8 standard errors, and one step more
        done = active[is_done]
        location[done] += share[done] * step_location[done]
        precision[done] += share[done] * step_precision[done]
        active = active[~is_done]
        if not active.size:
            break
    precision[active] = np.nan
    mu, sigma = location / precision, 1 / precision
    var_location, cov, var_precision = inverse
    return _Peak(
        mu=mu, sigma=sigma,
        var_mu=(var_location - 2 * mu * cov + mu**2 * var_precision) * sigma**2,
        var_sigma=var_precision * sigma**4,
        cov_mu_sigma=(mu * var_precision - cov) * sigma**3,
    )  # fmt: skip


# --- Ranks ------------------------------------------------------------------------------------------------------------


class _Rows(NamedTuple):
    """Series in rising order, of equal values the censored ones first, no value last."""

    values: Numbers
    is_detect: Flags
    n_detects_to: NDArray[np.int64]
    start: NDArray[np.int64]  # position of the first of those equal to a value
    next_start: NDArray[np.int64]  # position after the last of them


def _in_order(numbers: Numbers, censored: Flags) -> _Rows:
    order = np.lexsort((~censored, numbers), axis=1)
    values = np.take_along_axis(numbers, order, axis=1)
    is_detect = ~np.take_along_axis(censored, order, axis=1) & ~np.isnan(values)
    is_new = np.ones(values.shape, dtype=bool)
    is_new[:, 1:] = values[:, 1:] != values[:, :-1]
    place = np.arange(values.shape[1])
    return _Rows(
        values, is_detect, np.cumsum(is_detect, axis=1),
        np.maximum.accumulate(np.where(is_new, place, 0), axis=1), _next_marked(is_new),
    )  # fmt: skip


def _next_marked(is_marked: Flags) -> NDArray[np.int64]:
    """Of each position the next one after it that is marked, or the length."""
    length = is_marked.shape[1]
    places = np.where(is_marked, np.arange(length), length)
    later = np.full(is_marked.shape, length)
    later[:, :-1] = np.minimum.accumulate(places[:, :0:-1], axis=1)[:, ::-1]
    return later


def _detects_of_group(rows: _Rows) -> NDArray[np.int64]:
    """Of each value how many detects are equal to it."""
    last = rows.next_start - 1
    before = np.take_along_axis(rows.n_detects_to - rows.is_detect, rows.start, axis=1)
    return np.take_along_axis(rows.n_detects_to, last, axis=1) - before


def _position(rank: NDArray[np.int64], n: NDArray[np.int64], constant: float) -> Numbers:
    """Where the rank-th of n is plotted."""
    return np.asarray((rank - constant) / np.maximum(n + 1 - 2 * constant, 1), dtype=float)  # of none: not looked at


def _product_from(factors: Numbers) -> Numbers:
    """Of each position the product from there to the end; 1 for the end, so one column more."""
    products = np.ones((factors.shape[0], factors.shape[1] + 1))
    products[:, :-1] = np.cumprod(factors[:, ::-1], axis=1)[:, ::-1]
    return products


def _scaled(numbers: Numbers) -> tuple[Numbers, Numbers]:
    """Series divided by their largest value, so that no square overflows, and that value."""
    largest = np.max(numbers, axis=1, where=~np.isnan(numbers), initial=0.0)
    scale = np.where(largest > 0, largest, 1.0)
    return numbers / scale[:, None], scale


def _summary(numbers: Numbers) -> Summary:
    """Of what is not NaN."""
    scaled, scale = _scaled(numbers)
    is_present = ~np.isnan(scaled)
    n = is_present.sum(axis=1)
    is_there = n > 0
    mean = np.sum(scaled, axis=1, where=is_present) / np.where(is_there, n, np.nan)
    squares = np.sum((scaled - mean[:, None]) ** 2, axis=1, where=is_present)
    sd = np.sqrt(squares / np.where(n > 1, n - 1, np.nan))
    ranked = np.sort(np.concatenate([scaled, np.full((len(scaled), 1), np.nan)], axis=1), axis=1)
    middle = np.stack([np.maximum(n - 1, 0) // 2, n // 2], axis=1)
    median = np.take_along_axis(ranked, middle, axis=1).mean(axis=1)
    return Summary(scale * mean, scale * sd, scale * np.where(is_there, median, np.nan))
