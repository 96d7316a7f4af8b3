"""Is there a trend, and how steep: Mann-Kendall and its kin, Theil and Sen's slope, of thousands of series at once.

Slopes are per unit of time, whatever the spacing of the points; gaps are NaN. How pairs are counted: `kendall.py`.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import scipy

from pipeline.statistics.censoring import kaplan_meier
from pipeline.statistics.kendall import of_rank, scores, slopes_by_rank

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

_Z = 1.959963984540054  # of a normal distribution 97.5 % lie below it
_AT_ONCE = 600_000
"""Slopes that are formed at once: as many as stay in the processor's cache."""


class Trend(NamedTuple):
    """Trends of series; all arrays (n_series,), NaN where there is none.

    Attributes:
        n: points that are there.
        s: Kendall's S.
        variance: of S without a trend, with ties; by `hamed_rao` and `hirsch_slack` corrected for serial correlation.
        z: with the continuity correction: one nearer to 0.
        p_value: two-sided, normal.
        tau: tau-a, S over the number of pairs.
        tau_b: S over the pairs that are not tied.
        slope: median of the slopes between all pairs, per unit of time.
        slope_low, slope_high: ends of its 95 % interval.
        intercept: of the line through the medians of time and value.
    """

    n: Ints
    s: Floats
    variance: Floats
    z: Floats
    p_value: Floats
    tau: Floats
    tau_b: Floats
    slope: Floats
    slope_low: Floats
    slope_high: Floats
    intercept: Floats


def mann_kendall(value: Floats, time: Floats) -> Trend:
    """Mann and Kendall's test with Theil and Sen's slope.

    Parameters
    ----------
    value : array of float, shape (n_series, n)
        NaN where a point is missing.
    time : array of float, shape (n,) or (n_series, n)
        Increasing; equal ones are no pair.

    Returns
    -------
    Trend

    Notes
    -----
    Conventions, which packages differ in: the variance holds the correction for ties [1]_; z the continuity correction;
    the interval of the slope reaches from the slope whose rank is the whole number below (N - z sqrt(var))/2 to the one
    whose rank is that above (N + z sqrt(var))/2 + 1, of N pairs [2]_: where these are no whole numbers it is wider.

    References
    ----------
    .. [1] Kendall 1975, Rank Correlation Methods, 4th edition, equation 4.4
    .. [2] Sen 1968, doi:10.1080/01621459.1968.10480934
    """
    return _assembled(value, time, np.zeros(value.shape[1], dtype=np.int64))


def seasonal_kendall(value: Floats, time: Floats, season: Ints) -> Trend:
    """Mann and Kendall's test within each season, summed up, and the median of the slopes within seasons.

    Parameters
    ----------
    value, time : arrays of float
        As for `mann_kendall`.
    season : array of int, shape (n,)
        Month, quarter or weekday of each point.

    Returns
    -------
    Trend
        `tau_b` over pairs within seasons; the variance takes seasons to be independent of each other: `hirsch_slack`
        does not.

    References
    ----------
    .. [1] Hirsch, Slack and Smith 1982, doi:10.1029/WR018i001p00107
    """
    return _assembled(value, time, np.asarray(season, dtype=np.int64))


def hirsch_slack(value: Floats, time: Floats, season: Ints, year: Ints, *, is_widening: bool = False) -> Trend:
    """Seasonal Kendall's test with the covariance between seasons, as months that follow each other have one.

    Parameters
    ----------
    value, time, season : arrays
        As for `seasonal_kendall`.
    year : array of int, shape (n,)
        Year of each point: seasons of the same one go together.
    is_widening : bool
        Whether the variance is only ever made larger, as by `hamed_rao`.

    Returns
    -------
    Trend
        The interval of the slope is by the corrected variance too. Where that would not be positive it is left
        uncorrected.

    Raises
    ------
    ValueError
        Where a season has two points in one year.

    Notes
    -----
    The covariance is Dietz and Killeen's [2]_, a missing point having the middle rank of its season [1]_. It is learnt
    from the years there are, about ten of them by [1]_: with five next to no trend is found any more (docs/changes.md).

    References
    ----------
    .. [1] Hirsch and Slack 1984, doi:10.1029/WR020i006p00727, equations 5 to 14
    .. [2] Dietz and Killeen 1981, doi:10.1080/01621459.1981.10477624
    """
    season, year = np.asarray(season, dtype=np.int64), np.asarray(year, dtype=np.int64)
    more = seasonal_covariance(value, season, year)
    return _assembled(value, time, season, np.maximum(more, 0) if is_widening else more)


def seasonal_covariance(value: Floats, season: Ints, year: Ints) -> Floats:
    """What the correlation between seasons adds to the variance of their summed S: see `hirsch_slack`. (n_series,)"""
    if len(np.unique(np.stack([season, year]), axis=1).T) < len(season):
        raise ValueError("a season has two points in one year: give one, their median say")
    of_season, n_seasons = np.unique(season, return_inverse=True)[1], len(np.unique(season))
    of_year, n_years = np.unique(year, return_inverse=True)[1], len(np.unique(year))
    cube = np.full((len(value), n_years, n_seasons), np.nan)
    cube[:, of_year, of_season] = value
    n_points = (~np.isnan(cube)).sum(axis=1)
    # All sums over pairs of seasons: the square of a sum less the sum of squares, so that none is formed.
    of_pairs = np.zeros(len(value))
    ranks = np.broadcast_to((n_points[:, np.newaxis] + 1) / 2, cube.shape).copy()
    for lag in range(1, n_years):
        rises = np.nan_to_num(np.sign(cube[:, lag:] - cube[:, :-lag]))
        of_pairs += _over_pairs(rises).sum(axis=1)
        ranks[:, lag:] += rises / 2
        ranks[:, :-lag] -= rises / 2
    of_ranks = _over_pairs(ranks).sum(axis=1)
    found: Floats = (of_pairs + 4 * of_ranks - n_years * _over_pairs(n_points + 1.0)) / 3
    return found


def _over_pairs(of_seasons: Floats) -> Floats:
    """The sum of the products of each two different ones in the last axis, both ways round."""
    found: Floats = of_seasons.sum(axis=-1) ** 2 - (of_seasons**2).sum(axis=-1)
    return found


def hamed_rao(value: Floats, time: Floats, n_lags: int | None = None, *, is_widening: bool = False) -> Trend:
    """Mann and Kendall's test with the variance corrected for serial correlation.

    Parameters
    ----------
    value, time : arrays of float
        As for `mann_kendall`.
    n_lags : int, optional
        Lags that are looked at; all if left out. Points are taken in their order, whatever lies between them.
    is_widening : bool
        Whether the variance is only ever made larger. As published it may shrink, and by chance does: of series without
        trend or correlation of 14 points 8.5 % then have p < 0.05, and 2 % have p < 0.001.

    Returns
    -------
    Trend
        Where the corrected variance would not be positive it is left uncorrected.

    Notes
    -----
    The autocorrelation is that of the ranks of what the slope leaves; lags beyond 1.96/sqrt(n) count [1]_.

    References
    ----------
    .. [1] Hamed and Rao 1998, doi:10.1016/S0022-1694(97)00125-X, equation 12
    """
    plain = mann_kendall(value, time)
    time = np.broadcast_to(time, value.shape)
    factor = np.ones(len(value))
    for rows, y, t in _without_gaps(value, time):
        factor[rows] = serial_factor(y - plain.slope[rows, np.newaxis] * t, n_lags)
    least = 1.0 if is_widening else 0.0
    variance = plain.variance * np.where(factor > least, factor, 1)
    z, p = _tested(plain.s, variance)
    return plain._replace(variance=variance, z=z, p_value=p)


def serial_factor(left: Floats, n_lags: int | None = None) -> Floats:
    """By how much serial correlation of what a slope leaves widens the variance of S: see `hamed_rao`.

    Parameters: `left`, shape (n_series, n), without gaps. Returns 1 for fewer than four points; may be negative.
    """
    n = left.shape[1]
    if n < 4:
        return np.ones(len(left))
    ranks = scipy.stats.rankdata(left, axis=1)
    correlation = _autocorrelation(ranks)[:, 1 : n if n_lags is None else min(n_lags + 1, n)]
    lag = np.arange(1, correlation.shape[1] + 1, dtype=np.float64)
    counts = np.where(np.abs(correlation) > _Z / np.sqrt(n), correlation, 0)
    weights = (n - lag) * (n - lag - 1) * (n - lag - 2)
    factor: Floats = 1 + 2 / (n * (n - 1) * (n - 2)) * (counts * weights).sum(axis=1)
    return factor


def _autocorrelation(rows: Floats) -> Floats:
    """Of each row at all lags, as usual over the variance of all of it."""
    n = rows.shape[1]
    centred = rows - rows.mean(axis=1, keepdims=True)
    size = 1 << int(2 * n - 1).bit_length()
    spectrum = np.fft.rfft(centred, size, axis=1)
    covariance = np.fft.irfft(np.abs(spectrum) ** 2, size, axis=1)[:, :n]
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.nan_to_num(covariance / covariance[:, :1])


def _without_gaps(value: Floats, time: Floats) -> Iterator[tuple[Ints, Floats, Floats]]:
    """The series by how many points they have, these moved together: numbers of rows, values, times."""
    there = ~np.isnan(value)
    n = there.sum(axis=1)
    for count in np.unique(n):
        rows = np.flatnonzero(n == count)
        if count == value.shape[1]:
            yield rows, value[rows], time[rows]
        else:
            kept = there[rows]
            yield rows, value[rows][kept].reshape(len(rows), count), time[rows][kept].reshape(len(rows), count)


def _assembled(value: Floats, time: Floats, season: Ints, covariance: Floats | None = None) -> Trend:
    """Kendall's S summed over seasons, and the slopes of all of them together; `covariance` is what theirs adds."""
    n_series = len(value)
    time = np.broadcast_to(np.asarray(time, dtype=np.float64), value.shape)
    n = (~np.isnan(value)).sum(axis=1)
    s, variance, n_pairs, n_untied = (np.zeros(n_series) for _ in range(4))
    seasons = np.unique(season)
    for one in seasons:
        of = season == one
        for rows, y, t in _without_gaps(value[:, of], time[:, of]):
            if y.shape[1] < 2:
                continue
            found = scores(y, t)
            s[rows] += found.s
            variance[rows] += found.variance
            n_pairs[rows] += found.n_pairs
            n_untied[rows] += found.n_untied
    if covariance is not None:
        variance += np.where(variance + covariance > 0, covariance, 0)
    z, p = _tested(s, variance)
    with np.errstate(invalid="ignore"):
        half = _Z * np.sqrt(variance)
    lowest = np.floor((n_pairs - half) / 2) - 1
    highest = np.ceil((n_pairs + half) / 2)
    middle = (n_pairs - 1) // 2, n_pairs // 2
    ranks = np.stack([*middle, lowest, highest], axis=1)
    slopes = np.full((n_series, 4), np.nan)
    if len(seasons) == 1:
        for rows, y, t in _without_gaps(value, time):
            slopes[rows] = slopes_by_rank(y, t, np.nan_to_num(ranks[rows], nan=-1).astype(np.int64))
    else:
        slopes = _slopes_within(value, time, season, ranks)
    slope = slopes[:, :2].mean(axis=1)
    is_known = n_pairs > 0
    with np.errstate(invalid="ignore", divide="ignore"):
        tau, tau_b = s / n_pairs, s / n_untied
    intercept = np.full(n_series, np.nan)
    for rows, y, t in _without_gaps(value, time):
        if y.shape[1]:
            intercept[rows] = np.median(y, axis=1) - slope[rows] * np.median(t, axis=1)
    return Trend(
        n, np.where(is_known, s, np.nan), np.where(is_known, variance, np.nan), z, p, tau, tau_b, slope, slopes[:, 2],
        slopes[:, 3], intercept,
    )  # fmt: skip


def akritas_theil_sen(value: Floats, is_censored: Bools, time: Floats, variance: str = "exact") -> Trend:
    """Kendall's test and a slope where some values lie below limits of their own.

    Parameters
    ----------
    value : array of float, shape (n_series, n)
        Values, or the limits they lie below; NaN where a point is missing.
    is_censored : array of bool, shape (n_series, n)
        True where it is a limit.
    time : array of float, shape (n,) or (n_series, n)
        As for `mann_kendall`.
    variance : str
        `exact`: of S over all orders in time of the points as they are, limits and all [1]_. `ties`: the usual one,
        less what NADA's `cenken` takes off for ties and for pairs that limits hide; larger.

    Returns
    -------
    Trend
        A pair counts where one value surely lies above the other. `tau` is S over all pairs of different times. The
        slope is the one that leaves S at 0 when it is taken out [2]_, the middle where several do (`cenken` stops at
        any of them); its interval holds what leaves S within 1.96 standard deviations of 0. The intercept is the
        Kaplan-Meier median of what is left.

    References
    ----------
    .. [1] Daniels 1944, doi:10.1093/biomet/33.2.129
    .. [2] Akritas, Murphy and LaValley 1995, doi:10.1080/01621459.1995.10476499

    Examples
    --------
    Dissolved iron of nine summers (NADA's manual): <10 four times, <3 twice.

    >>> limit_or_value = np.array([[20.0, 10, 10, 10, 10, 7, 3, 3, 3]])
    >>> below = np.array([[False, True, True, True, True, False, False, True, True]])
    >>> found = akritas_theil_sen(limit_or_value, below, np.arange(9.0), variance="ties")
    >>> round(float(found.slope[0]), 3), round(float(found.tau[0]), 8), round(float(found.p_value[0]), 8)
    (-2.55, -0.36111111, 0.13158676)
    """
    n_series = len(value)
    time = np.broadcast_to(np.asarray(time, dtype=np.float64), value.shape)
    # Missing points are kept in the columns: no pair holds them.
    columns = [np.full(n_series, np.nan) for _ in range(11)]
    for row in range(n_series):
        there = ~np.isnan(value[row])
        found = _censored_trend(value[row][there], is_censored[row][there], time[row][there], variance)
        for column, number in zip(columns, found, strict=True):
            column[row] = number
    return Trend(columns[0].astype(np.int64), *columns[1:])


def _censored_trend(value: Floats, is_censored: Bools, time: Floats, variance: str) -> tuple[float, ...]:
    n = len(value)
    i, j = np.triu_indices(n, 1)
    apart = time[j] > time[i]
    # Two below their limits stay hidden from each other, whatever is taken out.
    is_pair = apart & ~(is_censored[i] & is_censored[j])
    if not is_pair.any():
        return (float(n), *[np.nan] * 10)
    i, j = i[is_pair], j[is_pair]
    early, late = is_censored[i], is_censored[j]
    rise = value[j] - value[i]
    sign = np.where(early, rise >= 0, np.where(late, -(rise <= 0).astype(np.int64), np.sign(rise)))
    s = float(sign.sum())
    var = _exact_variance(value, is_censored, time) if variance == "exact" else _variance_by_ties(value, is_censored)
    z, p = (float(part[0]) for part in _tested(np.array([s]), np.array([var])))
    n_pairs = float(apart.sum())
    slopes = rise / (time[j] - time[i])
    order = np.argsort(slopes, kind="stable")
    slopes, drop = slopes[order], np.where((early | late)[order], 1, 2)
    first = float((~late).sum())
    after = first - np.cumsum(drop)
    before = after + drop
    half = _Z * np.sqrt(var) if var > 0 else np.nan

    def last_where(holds: Bools) -> float:
        at = np.flatnonzero(holds)
        return float(slopes[at[-1]]) if len(at) else np.nan

    def first_where(holds: Bools) -> float:
        at = np.flatnonzero(holds)
        return float(slopes[at[0]]) if len(at) else np.nan

    slope = (first_where(after <= 0) + last_where(before >= 0)) / 2
    low, high = last_where(after >= half), first_where(before <= -half)
    intercept = np.nan
    if np.isfinite(slope):
        left = value - slope * time
        shift = left.min() - 1  # only positive values are taken there
        intercept = float(kaplan_meier((left - shift)[np.newaxis], is_censored[np.newaxis]).median[0] + shift)
    n_untied = np.sqrt(float((sign != 0).sum()) * n_pairs)
    return (
        float(n), s, var, z, p, s / n_pairs, s / n_untied if n_untied else np.nan, slope, low, high, intercept
    )  # fmt: skip


def _surely_above(value: Floats, is_censored: Bools) -> Floats:
    """Of each two points 1 where the second surely lies above the first, -1 where below, else 0. (n, n)"""
    rise = value[np.newaxis, :] - value[:, np.newaxis]
    first, second = is_censored[:, np.newaxis], is_censored[np.newaxis, :]
    above: Floats = np.where(
        first & second,
        0.0,
        np.where(first, rise >= 0, np.where(second, -(rise <= 0).astype(np.float64), np.sign(rise))),
    )
    np.fill_diagonal(above, 0)
    return above


def _exact_variance(value: Floats, is_censored: Bools, time: Floats) -> float:
    """Of S over all permutations of the points, by the sums of the scores of pairs."""
    n = len(value)
    if n < 3:
        return np.nan
    of_values = _surely_above(value, is_censored)
    of_times = np.sign(time[np.newaxis, :] - time[:, np.newaxis])
    triples = [float((part.sum(axis=1) ** 2).sum() - (part**2).sum()) for part in (of_values, of_times)]
    pairs = [float((part**2).sum()) for part in (of_values, of_times)]
    return triples[0] * triples[1] / (n * (n - 1) * (n - 2)) + pairs[0] * pairs[1] / (2 * n * (n - 1))


def _variance_by_ties(value: Floats, is_censored: Bools) -> float:
    """Of S: less for each group of equal values or limits, and by 1 for each pair that a limit hides otherwise."""
    n = len(value)
    full = n * (n - 1) * (2 * n + 5)
    sizes = [np.unique(value[of], return_counts=True)[1] for of in (is_censored, ~is_censored)]
    of_groups = sum(float((size * (size - 1) * (2 * size + 5)).sum()) for size in sizes)
    # A limit hides all that lies below it; those in its own group one less each.
    order = np.lexsort((~is_censored, value))
    place = np.arange(n)
    n_hidden = float(place[is_censored[order]].sum())
    of_limits = float((sizes[0] - 1).sum())
    return (full - of_groups) / 18 - (n_hidden - of_limits)


def _slopes_within(value: Floats, time: Floats, season: Ints, ranks: Floats) -> Floats:
    """Slopes by rank among all pairs of points of the same season."""
    # Season by season: pairs of any two points are twelve times as many as those of the same month.
    places = [np.flatnonzero(season == one) for one in np.unique(season)]
    pairs = [np.triu_indices(len(of), 1) for of in places]
    i, j = (np.concatenate([of[pair[end]] for of, pair in zip(places, pairs, strict=True)]) for end in (0, 1))
    found = np.full(ranks.shape, np.nan)
    # Most series share their time, and so what lies between two points.
    is_shared = bool(len(time) > 0 and (time == time[0]).all())
    step = max(_AT_ONCE // max(len(i), 1), 1)
    asked = np.nan_to_num(ranks, nan=-1).astype(np.int64)

    def form(first: int) -> None:
        rows = slice(first, first + step)
        y, t = value[rows], time[:1] if is_shared else time[rows]
        between = np.take(t, j, axis=1) - np.take(t, i, axis=1)
        slopes = np.take(y, j, axis=1)
        slopes -= np.take(y, i, axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            slopes /= between
        is_none = np.isnan(slopes)
        is_none |= ~(between > 0)
        slopes[is_none] = np.inf
        found[rows] = of_rank(slopes, asked[rows])

    if len(i):
        with ThreadPoolExecutor(2) as threads:
            list(threads.map(form, range(0, len(value), step)))
    found[~np.isfinite(found)] = np.nan
    return found


def _tested(s: Floats, variance: Floats) -> tuple[Floats, Floats]:
    """z and its two-sided p value; NaN where nothing varies.

    >>> [float(part[0].round(6)) for part in _tested(np.array([-1959.0]), np.array([4889800.333333333]))]
    [-0.885456, 0.375911]
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.where(variance > 0, (s - np.sign(s)) / np.sqrt(variance), np.nan)
    return z, 2 * scipy.special.ndtr(-np.abs(z))
