"""Intervals of a mean from the variances of its parts. No variances are found here (`levels.py`, `sql/`)."""

import numpy as np
import numpy.typing as npt
import scipy

Floats = npt.NDArray[np.float64]
_UPPER = 0.975
MANY = 30
"""Degrees of freedom from which Satterthwaite's serve: at 30 the two ways differ by less than 1 %."""
_NODES, _WEIGHTS = (part / 2 for part in np.polynomial.legendre.leggauss(64))
_NODES = _NODES + 0.5
_WIDEST = np.log(1000.0)
"""An interval that reaches further than a thousandth and a thousandfold says nothing: there is none."""


def log_interval(
    mean: Floats, days_log_variance: Floats, days_df: Floats, other_log_variance: Floats
) -> tuple[Floats, Floats]:
    """The 95 % interval of a level whose errors multiply.

    Parameters
    ----------
    mean : array of float
        The level.
    days_log_variance, days_df : arrays of float
        Variance of its logarithm that is estimated from days, and its degrees of freedom.
    other_log_variance : array of float
        The variance of all other errors, which do not depend on each other and are taken as known.

    Returns
    -------
    low, high : arrays of float
        In the unit of the mean; NaN where something is.

    Notes
    -----
    Errors that multiply add their variances on the log scale: see `half_width`.

    NaN where the ends would lie further than a factor of a thousand from the mean.

    Examples
    --------
    Sampling 10, analysis 10, flow 5 and population 20 % make 25 % of one day; of seven days, of which only sampling
    shrinks, 23.2 %.

    >>> parts = 0.10**2 + 0.05**2 + 0.20**2
    >>> [round(float(np.sqrt(0.10**2 / n + parts)), 4) for n in (1, 7)]
    [0.25, 0.2322]
    >>> low, high = log_interval(np.array([100.0]), np.array([0.0]), np.array([np.inf]), np.array([0.0625]))
    >>> round(float(low[0]), 1), round(float(high[0]), 1)
    (61.3, 163.2)
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        half = half_width(days_log_variance, days_df, other_log_variance)
        half = np.where(half <= _WIDEST, half, np.nan)
        return mean * np.exp(-half), mean * np.exp(half)


def half_width(days_log_variance: Floats, days_df: Floats, other_log_variance: Floats) -> Floats:
    """Half the width of a 95 % interval on the log scale.

    Parameters: as for `log_interval`.

    Notes
    -----
    Many degrees of freedom: Student's quantile by Satterthwaite's [1]_; the less of the variance comes from few days,
    the nearer it is to the normal one. Fewer than `MANY`: that would be too narrow where the days happen to agree with
    each other, and what the days leave (a t distribution) and the rest (a normal one) are added as distributions.

    References
    ----------
    .. [1] Satterthwaite 1946, doi:10.2307/3002019, equation 17

    Examples
    --------
    >>> few, nothing = np.array([2.0]), np.array([0.0])
    >>> round(float(half_width(np.array([1.0]), few, nothing)[0]), 3)
    4.303
    """
    total = days_log_variance + other_log_variance
    half = student_quantile(effective_df(days_log_variance, days_df, other_log_variance)) * np.sqrt(total)
    of = _are_few(days_log_variance, days_df, other_log_variance)
    if of.any():
        days, df, other = days_log_variance[of], days_df[of], other_log_variance[of]
        low, high = 1.9 * np.sqrt(total[of]), student_quantile(df) * np.sqrt(days) + 2 * np.sqrt(other)
        chi = _chi_squares(df)
        for _ in range(40):
            middle = (low + high) / 2
            is_inside = _beyond(middle, days, df, other, chi) > 2 * (1 - _UPPER)
            low, high = np.where(is_inside, middle, low), np.where(is_inside, high, middle)
        half[of] = (low + high) / 2
    return half


def p_value(log_ratio: Floats, days_log_variance: Floats, days_df: Floats, other_log_variance: Floats) -> Floats:
    """Two-sided, of a ratio of 1: below 0.05 exactly where the interval of `half_width` leaves it out.

    NaN where something is, or nothing is in doubt.
    """
    total = days_log_variance + other_log_variance
    df = effective_df(days_log_variance, days_df, other_log_variance)
    with np.errstate(divide="ignore", invalid="ignore"):
        t = -np.abs(log_ratio) / np.sqrt(total)
    finite = np.where(np.isfinite(df), np.maximum(df, 1), 1e12)
    p: Floats = np.where(np.isnan(df) | ~(total > 0), np.nan, 2 * scipy.special.stdtr(finite, t))
    of = _are_few(days_log_variance, days_df, other_log_variance)
    if of.any():
        days, few, other = days_log_variance[of], days_df[of], other_log_variance[of]
        p[of] = np.minimum(_beyond(np.abs(log_ratio)[of], days, few, other, _chi_squares(few)), 1)
    return p


def probability_at_most(
    limit: Floats, mean: Floats, days_log_variance: Floats, days_df: Floats, other_log_variance: Floats
) -> Floats:
    """How probable it is that what the mean is an estimate of lies at a limit or below.

    Parameters
    ----------
    limit : array of float
        In the unit of the mean.
    mean, days_log_variance, days_df, other_log_variance : arrays of float
        As for `log_interval`.

    Returns
    -------
    array of float
        Probabilities [1]; NaN where something is, or nothing is in doubt.

    Notes
    -----
    The distribution the interval is cut from, taken whole: a confidence distribution [1]_. At least 0.975 exactly where
    the whole interval lies at the limit or below, at most 0.025 where it lies above. Where the truth is the limit, each
    value is as frequent as any other. Nothing is known beforehand of the truth: it is no posterior of a prior.

    References
    ----------
    .. [1] Xie and Singh 2013, doi:10.1111/insr.12000

    Examples
    --------
    >>> found = probability_at_most(np.array([0.7]), np.array([0.6]), np.zeros(1), np.full(1, np.inf), np.full(1, 0.01))
    >>> round(float(found[0]), 4)
    0.9384
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        distance = np.log(limit) - np.log(mean)
    beyond = p_value(distance, days_log_variance, days_df, other_log_variance) / 2
    found: Floats = np.where(distance < 0, beyond, 1 - beyond)
    return found


def effective_df(days_log_variance: Floats, days_df: Floats, other_log_variance: Floats) -> Floats:
    """Satterthwaite's degrees of freedom of a sum of which only the days' part is estimated.

    NaN where that is, or is known by less than one degree of freedom: by a single day, that is, not at all.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        found: Floats = np.where(
            days_log_variance > 0, days_df * (1 + other_log_variance / days_log_variance) ** 2, np.inf
        )
    return np.where(np.isnan(days_log_variance) | (days_df < 1), np.nan, found)


def _are_few(days_log_variance: Floats, days_df: Floats, other_log_variance: Floats) -> npt.NDArray[np.bool_]:
    are: npt.NDArray[np.bool_] = (days_log_variance > 0) & (other_log_variance > 0) & (days_df >= 1) & (days_df < MANY)
    return are


def _chi_squares(df: Floats) -> Floats:
    """Quantiles of chi-square at the squares of the nodes, close together where spreads may be large. (n, n_nodes)"""
    found: Floats = 2 * scipy.special.gammaincinv(np.maximum(df, 1)[:, np.newaxis] / 2, _NODES**2)
    return found


def _beyond(distance: Floats, days: Floats, df: Floats, other: Floats, chi: Floats) -> Floats:
    """The probability that t of the days and the normal rest together lie further off than this, on either side."""
    sd = np.sqrt(other[:, np.newaxis] + (days * np.maximum(df, 1))[:, np.newaxis] / chi)
    share: Floats = (2 * scipy.special.ndtr(-distance[:, np.newaxis] / sd)) @ (2 * _NODES * _WEIGHTS)
    return share


def t_interval(mean: Floats, standard_error: Floats, df: Floats) -> tuple[Floats, Floats]:
    """The interval mean ± t(0.975, df) · SE, as Statistics Canada publishes it, cut at zero.

    >>> low, high = t_interval(np.array([1492.36]), np.array([146.72]), np.array([6.0]))
    >>> round(float(low[0]), 2), round(float(high[0]), 2)
    (1133.35, 1851.37)
    """
    half = student_quantile(df) * standard_error
    return np.maximum(mean - half, 0), mean + half


def student_quantile(df: Floats) -> Floats:
    """The 97.5 % quantile of Student's distribution; of infinitely many degrees of freedom the normal one.

    >>> student_quantile(np.array([6.0, np.inf])).round(5).tolist()
    [2.44691, 1.95996]
    """
    finite = np.where(np.isfinite(df), np.maximum(df, 1), 1e12)
    quantile: Floats = np.where(np.isnan(df), np.nan, scipy.special.stdtrit(finite, _UPPER))
    return quantile
