"""Where the level of a series steps: change points of many series. No trends (`trends.py`)."""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

FEWEST = 10
"""Points of a series in which a step is looked for."""
_FEWEST_OF_A_LEVEL = 3
_PENALTY = 3.0
_OF_FEW = 12.0


def steps(value: Floats) -> list[int]:
    """The first points of new levels in a series without gaps.

    Parameters
    ----------
    value : array of float, shape (n,)
        On a scale on which points scatter alike about their level: of amounts their logarithms.

    Returns
    -------
    list of int
        Increasing; empty where there is none, or fewer than `FEWEST` points.

    Notes
    -----
    The best split by squares, each new level costing 3 ln(n) (1 + 12/n) variances [1]_; the variance is a robust one,
    of the differences of neighbours, which steps hardly touch. A straight line that costs less than the levels, its
    slope a third of one of these, is no step: a trend is told as one. Of 2,000 series of normal points without a step
    it finds one in 2.6, 2.5 and 0.6 % at 12, 24 and 120 points, in those that rise evenly by four standard deviations
    in 3.4, 2.7 and 0.2 %, and a step by three in the middle in 30, 64 and 100 %.

    References
    ----------
    .. [1] Killick, Fearnhead and Eckley 2012, doi:10.1080/01621459.2012.737745

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> steps(np.repeat([3.0, 2.0], 12) + 0.1 * rng.standard_normal(24))
    [12]
    >>> steps(3 + 0.1 * rng.standard_normal(24)), steps(np.linspace(3, 2, 24) + 0.1 * rng.standard_normal(24))
    ([], [])
    """
    import ruptures  # here: no command that only reads needs it

    n = len(value)
    if n < FEWEST:
        return []
    apart = np.diff(value)
    sd = 1.4826 * float(np.median(np.abs(apart - np.median(apart)))) / np.sqrt(2)
    if sd == 0:
        return []
    scaled = value / sd
    penalty = _PENALTY * np.log(n) * (1 + _OF_FEW / n)
    search = ruptures.KernelCPD(kernel="linear", min_size=_FEWEST_OF_A_LEVEL).fit(scaled[:, np.newaxis])
    found = [int(place) for place in search.predict(pen=penalty)[:-1]]
    levels = sum(float(part.var() * len(part)) for part in np.split(scaled, found)) + penalty * len(found)
    left = scaled - np.polyval(np.polyfit(np.arange(n), scaled, 1), np.arange(n))
    return found if levels < float(left @ left) + penalty / 3 else []
