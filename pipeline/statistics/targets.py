"""How far on the way to a target, and where a steady way would be. No data; the probability is in `intervals.py`."""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

SURE = 0.975
"""From here on a target is met, and up to the rest of it not met: where the whole 95 % interval lies on one side."""


def progress(ratio: Floats, aim: Floats) -> Floats:
    """The share of the way to an aim that is behind.

    Parameters
    ----------
    ratio : array of float
        Of the current mean to the baseline's.
    aim : array of float
        The ratio that shall be reached, above 0 and below 1.

    Returns
    -------
    array of float
        Shares [1]: 0 at the baseline, 1 at the aim, below 0 where use rose; NaN where nothing is left.

    Notes
    -----
    On the log scale, as falls compound: a tenth less every year is always the same part of the way, while of the points
    of percent each year takes fewer. Errors multiply, so what is in doubt is as wide at either end as well.

    Examples
    --------
    Half of the way to a quarter is a half.

    >>> progress(np.array([1.0, 0.5, 0.25, 2.0]), np.full(4, 0.25)).tolist()
    [-0.0, 0.5, 1.0, -0.5]
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        found: Floats = np.where(ratio > 0, np.log(ratio) / np.log(aim), np.nan)
    return found


def steady(aim: Floats, share_of_time: Floats) -> Floats:
    """The ratio where a steady way to an aim would be: the same part less each day.

    Parameters
    ----------
    aim : array of float
        As for `progress`.
    share_of_time : array of float
        Of the time that there is, how much has gone by [1].

    Examples
    --------
    >>> steady(np.full(3, 0.25), np.array([0.0, 0.5, 1.0])).tolist()
    [1.0, 0.5, 0.25]
    """
    found: Floats = aim**share_of_time
    return found
