"""Intervals of a mean from the variances of its parts. No variances are found here (`levels.py`, `sql/`)."""

import numpy as np
import numpy.typing as npt
from scipy.special import stdtrit

Floats = npt.NDArray[np.float64]
_UPPER = 0.975
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
    Errors that multiply add their variances on the log scale. The quantile is Student's by Satterthwaite's degrees of
    freedom [1]_: the less of the variance comes from few days, the nearer it is to the normal one.

    References
    ----------
    .. [1] Satterthwaite 1946, doi:10.2307/3002019, equation 17

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
    total = days_log_variance + other_log_variance
    with np.errstate(divide="ignore", invalid="ignore"):
        df = np.where(days_log_variance > 0, days_df * (total / days_log_variance) ** 2, np.inf)
        half = student_quantile(df) * np.sqrt(total)
        half = np.where(half <= _WIDEST, half, np.nan)
        return mean * np.exp(-half), mean * np.exp(half)


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
    quantile: Floats = np.where(np.isnan(df), np.nan, stdtrit(finite, _UPPER))
    return quantile
