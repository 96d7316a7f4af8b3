"""What a campaign would see before it is sampled: power, smallest fall, days needed. No data."""

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri
from scipy.stats import nct, norm

from pipeline.statistics.intervals import student_quantile

Floats = npt.NDArray[np.float64]

MOST_DAYS = 365
"""More days than a year has are none."""


def power(
    fall: Floats, n_days: Floats, daily_log_sd: float, n_sites_effective: float, shared_log_variance: float
) -> Floats:
    """How often a true fall would be called one, its interval leaving out no change.

    Parameters
    ----------
    fall : array of float
        Share of the baseline [1].
    n_days : array of float
        Days sampled at each site in each of the two periods, the same weekdays.
    daily_log_sd : float
        Standard deviation of the logarithm of a day about level and rhythm.
    n_sites_effective : float
        1 over the sum of the squares of the sites' shares of the amount: their number, if all are alike.
    shared_log_variance : float
        Variance of the logarithm of the ratio that no number of days takes away: twice the squared RSD of a batch.

    Returns
    -------
    array of float

    Notes
    -----
    Both periods have as many days, so the variance of the logarithm is twice that of a mean. The spread is taken to be
    learnt from these days alone, less one a site and period.

    Examples
    --------
    Days alone, known spread, as often tabled: seven days with a daily CV of 25 % see a fall of 23 % half of the time.

    >>> found = power(np.array([0.2304]), np.array([7.0]), 0.25, 1.0, 0.0)
    >>> 0.42 < float(found[0]) < 0.5
    True
    """
    variance = 2 * daily_log_sd**2 / (n_days * n_sites_effective)
    total = variance + shared_log_variance
    df = np.maximum(2 * (n_days - 1) * n_sites_effective, 1) * (total / np.where(variance > 0, variance, np.inf)) ** 2
    df = np.where(variance > 0, np.maximum(df, 1), np.inf)
    shift = -np.log1p(-fall) / np.sqrt(total)
    critical = student_quantile(df)
    many = ~(df < 1e4)
    # The other side by symmetry: scipy's nct.cdf(-critical, df, shift) is NaN where it is next to nothing.
    exact = nct.sf(critical, np.where(many, 1e4, df), shift) + nct.sf(critical, np.where(many, 1e4, df), -shift)
    plain = norm.sf(critical - shift) + norm.cdf(-critical - shift)
    found: Floats = np.where(many, plain, exact)
    return found


def smallest_fall(
    n_days: Floats, daily_log_sd: float, n_sites_effective: float, shared_log_variance: float, wanted_power: float = 0.8
) -> Floats:
    """The smallest fall that is called one with a given power, by bisection. Parameters as for `power`."""
    low, high = np.zeros(len(n_days)), np.full(len(n_days), 1 - 1e-9)
    for _ in range(60):
        middle = (low + high) / 2
        is_seen = power(middle, n_days, daily_log_sd, n_sites_effective, shared_log_variance) >= wanted_power
        low, high = np.where(is_seen, low, middle), np.where(is_seen, middle, high)
    return high


def days_needed(
    fall: float, daily_log_sd: float, n_sites_effective: float, shared_log_variance: float, wanted_power: float = 0.8
) -> int | None:
    """Days a site and period with which a fall is called one with a given power; None where no number is enough."""
    days = np.arange(1.0, MOST_DAYS + 1)
    seen = power(np.full(len(days), fall), days, daily_log_sd, n_sites_effective, shared_log_variance) >= wanted_power
    return int(days[seen][0]) if seen.any() else None


def limit_of_days(shared_log_variance: float, wanted_power: float = 0.8) -> float:
    """The smallest fall that any number of days could see with a given power: what batches alone leave in doubt.

    >>> round(limit_of_days(2 * 0.08**2), 3), round(limit_of_days(0.0), 3)
    (0.272, 0.0)
    """
    return float(-np.expm1(-(ndtri(0.975) + ndtri(wanted_power)) * np.sqrt(shared_log_variance)))
