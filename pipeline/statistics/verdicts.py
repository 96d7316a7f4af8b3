"""Is it a change? Many judged together, and what a sampling could have seen. Intervals and p values: `intervals.py`."""

import numpy as np
import numpy.typing as npt
import polars as pl
import scipy

from pipeline.statistics.intervals import half_width

Floats = npt.NDArray[np.float64]

LEVEL_OF_VERDICT = 0.05
"""Adjusted p value up to which a change is called one, and a trend."""


def adjusted_p_values(p: pl.Series) -> pl.Series:
    """By Benjamini and Hochberg over all that are not null; null stays null.

    The share of false ones among the changes that are called so is at most what is asked, where they do not depend on
    each other or depend positively [1]_.

    References
    ----------
    .. [1] Benjamini and Yekutieli 2001, doi:10.1214/aos/1013699998

    >>> adjusted_p_values(pl.Series([0.01, None, 0.04, 0.5])).round(3).to_list()
    [0.03, None, 0.06, 0.5]
    """
    known = p.is_not_null()
    if not known.any():
        return pl.Series(p.name, [None] * len(p), dtype=pl.Float64)
    adjusted = np.full(len(p), np.nan)
    adjusted[known.to_numpy()] = scipy.stats.false_discovery_control(p.drop_nulls().to_numpy(), method="bh")
    return pl.Series(p.name, adjusted).fill_nan(None)


def detectable_fall(days_log_variance: Floats, days_df: Floats, other_log_variance: Floats) -> Floats:
    """The smallest fall whose interval excludes no change, as a share of the baseline [1].

    One that is truly as large is seen in half of all samplings like this one. Alone: judged together with others, a
    fall has to be larger.

    >>> two_sevens = 2 * np.array([0.15, 0.25, 0.50]) ** 2 / 7
    >>> detectable_fall(two_sevens, np.full(3, np.inf), np.zeros(3)).round(3).tolist()
    [0.145, 0.23, 0.408]
    """
    smallest: Floats = -np.expm1(-half_width(days_log_variance, days_df, other_log_variance))
    return smallest
