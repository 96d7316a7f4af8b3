"""Kendall's S and the slopes between all pairs of points, of thousands of series at once. No tests (`trends.py`).

Few points: all pairs are formed. Many: pairs are counted and never formed, so that a series of n points takes about
n log n.
"""

from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

_MOST_PAIRWISE = 256
"""Points of a series up to which all pairs are formed."""
_AT_ONCE = 4_000_000
"""Numbers that are held at once."""
_SAMPLED = 600
_SEED = 20190739
"""Of the pairs with which the search begins: what it finds does not hang on them."""


class Scores(NamedTuple):
    """Kendall's S and what its variance takes.

    Attributes:
        s: pairs in which the later value is the higher, less those in which it is the lower. (n_series,)
        variance: of S where there is no trend, with ties of values and of times.
        n_pairs: pairs of different times.
        n_untied: pairs of different times and values, as for tau-b: geometric mean of those of either.
    """

    s: Ints
    variance: Floats
    n_pairs: Ints
    n_untied: Floats


def scores(value: Floats, time: Floats) -> Scores:
    """Kendall's S of each series.

    Parameters
    ----------
    value, time : arrays of float, shape (n_series, n)
        No gaps; sorted by time within each series.
    """
    n_series, n = value.shape
    all_pairs = n * (n - 1) // 2
    of_values, value_terms = _ties(np.sort(value, axis=1))
    of_times, time_terms = _ties(time)
    if n <= _MOST_PAIRWISE:
        s = np.zeros(n_series, dtype=np.int64)
        for lag in range(1, n):
            sign = np.sign(value[:, lag:] - value[:, :-lag])
            s += np.where(time[:, lag:] > time[:, :-lag], sign, 0).sum(axis=1).astype(np.int64)
    else:
        order = np.lexsort((value, time), axis=1)
        arranged, at = np.take_along_axis(value, order, axis=1), np.take_along_axis(time, order, axis=1)
        of_both = _n_tied_in_both(arranged, at)
        n_falling = inversions(_ranks(arranged))
        s = all_pairs - 2 * n_falling - of_values - of_times + of_both
    variance = _variance(n, value_terms, time_terms)
    n_untied = np.sqrt((all_pairs - of_values).astype(np.float64) * (all_pairs - of_times))
    return Scores(s, variance, all_pairs - of_times, n_untied)


def _ties(arranged: Floats) -> tuple[Ints, tuple[Floats, Floats, Floats]]:
    """Pairs of equal neighbours in sorted rows, and the sums over groups of equal ones that the variance takes."""
    n_series, n = arranged.shape
    starts = np.ones((n_series, n), dtype=bool)
    starts[:, 1:] = arranged[:, 1:] != arranged[:, :-1]
    return _of_groups(starts)


def _n_tied_in_both(value: Floats, time: Floats) -> Ints:
    starts = np.ones(value.shape, dtype=bool)
    starts[:, 1:] = (value[:, 1:] != value[:, :-1]) | (time[:, 1:] != time[:, :-1])
    return _of_groups(starts)[0]


def _of_groups(starts: Bools) -> tuple[Ints, tuple[Floats, Floats, Floats]]:
    n_series, n = starts.shape
    row, column = np.nonzero(starts)
    flat = row * n + column
    size = np.diff(np.append(flat, n_series * n)).astype(np.float64)
    pairs = np.bincount(row, weights=size * (size - 1) / 2, minlength=n_series).astype(np.int64)

    def summed(of: Floats) -> Floats:
        total: Floats = np.bincount(row, weights=of, minlength=n_series).astype(np.float64)
        return total

    return pairs, (
        summed(size * (size - 1) * (2 * size + 5)), summed(size * (size - 1)), summed(size * (size - 1) * (size - 2))
    )  # fmt: skip


def _variance(n: int, of_values: tuple[Floats, ...], of_times: tuple[Floats, ...]) -> Floats:
    """Kendall 1975, Rank Correlation Methods, 4th edition, equation 4.4."""
    variance: Floats = (n * (n - 1) * (2 * n + 5) - of_values[0] - of_times[0]) / 18
    if n > 1:
        variance = variance + of_values[1] * of_times[1] / (2 * n * (n - 1))
    if n > 2:
        variance = variance + of_values[2] * of_times[2] / (9 * n * (n - 1) * (n - 2))
    return variance


def _ranks(value: Floats) -> Ints:
    """Rank of each value in its row, equal ones in their order."""
    order = np.argsort(value, axis=1, kind="stable")
    ranks = np.empty(value.shape, dtype=np.int64)
    np.put_along_axis(ranks, order, np.arange(value.shape[1])[np.newaxis, :], axis=1)
    return ranks


def inversions(ranks: Ints) -> Ints:
    """Pairs of each row in which the later rank is the lower one.

    Parameters: `ranks`, an array of integers (n_series, n), each row a permutation of 0 to n - 1.

    >>> inversions(np.array([[0, 1, 2, 3], [3, 2, 1, 0], [1, 0, 3, 2]])).tolist()
    [0, 6, 2]
    """
    n_series, n = ranks.shape
    n_bits = max(int(n - 1).bit_length(), 1)
    width = 1 << n_bits
    # Filled up to a power of two by ranks that stand in their order, behind all others.
    values = np.empty((n_series, 1, width), dtype=np.int32)
    values[:, 0, :n] = ranks
    values[:, 0, n:] = np.arange(n, width)
    found = np.zeros(n_series, dtype=np.int64)
    # Bit by bit from the highest: ranks that share the higher ones stand together, in their order.
    for bit in range(n_bits - 1, -1, -1):
        is_high = (values >> bit) & 1
        before = np.cumsum(is_high, axis=2, dtype=np.int32)
        found += np.where(is_high == 0, before, 0).sum(axis=(1, 2), dtype=np.int64)
        half = (n_series, values.shape[1], 1, 1 << bit)
        mask = is_high.astype(bool)
        values = np.concatenate([values[~mask].reshape(half), values[mask].reshape(half)], axis=2)
        values = values.reshape(n_series, -1, 1 << bit)
    return found


def slopes_by_rank(value: Floats, time: Floats, ranks: Ints) -> Floats:
    """The slopes between pairs of points of different times that have given ranks among all of them.

    Parameters
    ----------
    value, time : arrays of float, shape (n_series, n)
        No gaps; sorted by time within each series.
    ranks : array of int, shape (n_series, n_ranks)
        From 0, the lowest slope, to the number of pairs less 1; others give NaN.

    Returns
    -------
    array of float, shape (n_series, n_ranks)
        In units of value over time.
    """
    if value.shape[1] <= _MOST_PAIRWISE:
        return _by_forming(value, time, ranks)
    order = np.lexsort((value, time), axis=1)
    arranged, at = np.take_along_axis(value, order, axis=1), np.take_along_axis(time, order, axis=1)
    found = np.empty(ranks.shape)
    step = max(_AT_ONCE // (8 * value.shape[1]), 1)
    for first in range(0, len(value), step):
        part = slice(first, first + step)
        following: Floats = np.full(len(found[part]), np.nan)
        for number in range(ranks.shape[1]):
            asked = ranks[part, number]
            # Mostly the slope that follows the one before has been found with it.
            is_known = np.isfinite(following) & (asked == ranks[part, number - 1] + 1) if number else np.zeros(0)
            if number and is_known.all():
                found[part, number], following = following, np.full(len(following), np.nan)
            else:
                found[part, number], following = _by_counting(arranged[part], at[part], asked)
    return found


def _by_forming(value: Floats, time: Floats, ranks: Ints) -> Floats:
    n_series, n = value.shape
    found = np.full(ranks.shape, np.nan)
    n_all = n * (n - 1) // 2
    if not n_all:
        return found
    is_even = bool((time == time[:1]).all())
    step = max(_AT_ONCE // n_all, 1)

    def form(first: int) -> None:
        y, t = value[first : first + step], time[first : first + step]
        slopes = np.empty((len(y), n_all))
        at = 0
        for lag in range(1, n):
            of = slice(at, at + n - lag)
            between = t[:1, lag:] - t[:1, :-lag] if is_even else t[:, lag:] - t[:, :-lag]
            with np.errstate(divide="ignore", invalid="ignore"):
                np.divide(y[:, lag:] - y[:, :-lag], between, out=slopes[:, of])
            if not (between > 0).all():
                slopes[:, of] = np.where(between > 0, slopes[:, of], np.inf)
            at += n - lag
        wanted = ranks[first : first + step]
        block = found[first : first + step]
        for kths in np.unique(wanted, axis=0):
            rows = np.flatnonzero((wanted == kths).all(axis=1))
            inside = (kths >= 0) & (kths < n_all)
            if inside.any():
                of_rows = slopes if len(rows) == len(y) else slopes[rows]
                picked = np.partition(of_rows, np.unique(kths[inside]), axis=1)
                block[np.ix_(rows, inside)] = picked[:, kths[inside]]

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(form, range(0, n_series, step)))
    found[~np.isfinite(found)] = np.nan
    return found


def _by_counting(value: Floats, time: Floats, rank: Ints) -> tuple[Floats, Floats]:
    """One rank a series, and the slope that follows it if it came along.

    Between two slopes, so near to each other that what lies between them can be formed.
    """
    n_series, n = value.shape
    rng = np.random.default_rng(_SEED)
    i, j = np.sort(rng.integers(0, n, (2, _SAMPLED * 4)), axis=0)
    apart = time[:, j] > time[:, i]
    with np.errstate(divide="ignore", invalid="ignore"):
        sampled = np.where(apart, (value[:, j] - value[:, i]) / (time[:, j] - time[:, i]), np.nan)
    n_pairs = n * (n - 1) // 2 - _ties(time)[0]
    is_asked = (rank >= 0) & (rank < n_pairs)
    sampled = np.sort(sampled, axis=1)
    n_sampled = apart.sum(axis=1)
    low, high = np.full(n_series, -np.inf), np.full(n_series, np.inf)
    below_low, below_high = np.zeros(n_series, dtype=np.int64), n_pairs.astype(np.int64)
    enough = np.maximum(2 * n, 64)
    share = (rank + 0.5) / np.maximum(n_pairs, 1)
    margin = 2.5 * np.sqrt(np.maximum(n_sampled, 1)) / 2
    for end in (-1, 1):
        place = np.clip(share * n_sampled + end * margin, 0, np.maximum(n_sampled - 1, 0)).astype(np.int64)
        tried = sampled[np.arange(n_series), place]
        # A hair beside a slope, so that none lies on the line that counts.
        tried = tried + end * (1e-9 * np.abs(tried) + 1e-300)
        low, high, below_low, below_high = _narrowed(value, time, rank, tried, low, high, below_low, below_high)
    for turn in range(200):
        is_open = is_asked & (below_high - below_low > enough) & (np.nextafter(low, np.inf) < high)
        if not is_open.any():
            break
        with np.errstate(invalid="ignore", over="ignore"):
            # Where slopes lie evenly this is the place; every other turn the middle, which always narrows.
            at = (rank + 0.5 - below_low) / np.maximum(below_high - below_low, 1) if turn % 2 == 0 else 0.5
            tried = low + (high - low) * at
        tried = np.where(np.isfinite(low) & np.isfinite(high), tried, 0.0)
        tried = np.where(np.isneginf(low) & np.isfinite(high), np.minimum(2 * high, high - 1), tried)
        tried = np.where(np.isfinite(low) & np.isposinf(high), np.maximum(2 * low, low + 1), tried)
        of = np.flatnonzero(is_open)
        narrowed = _narrowed(
            value[of], time[of], rank[of], tried[of], low[of], high[of], below_low[of], below_high[of]
        )  # fmt: skip
        low[of], high[of], below_low[of], below_high[of] = narrowed
    found, following = np.full(n_series, np.nan), np.full(n_series, np.nan)
    of = np.flatnonzero(is_asked)
    found[of], following[of] = _formed_between(value[of], time[of], low[of], high[of], rank[of] - below_low[of])
    return found, following


def _narrowed(
    value: Floats, time: Floats, rank: Ints, tried: Floats, low: Floats, high: Floats, below_low: Ints, below_high: Ints
) -> tuple[Floats, Floats, Ints, Ints]:
    """The two ends about a rank, one of them moved to a slope that was tried."""
    below = _falling_at(value, time, tried)
    is_below = below <= rank
    is_inside = (tried > low) & (tried < high)
    up, down = is_inside & is_below, is_inside & ~is_below
    return (
        np.where(up, tried, low), np.where(down, tried, high), np.where(up, below, below_low),
        np.where(down, below, below_high),
    )  # fmt: skip


def _falling_at(value: Floats, time: Floats, slope: Floats) -> Ints:
    """How many slopes between pairs lie below one: as many pairs fall when it is taken out."""
    return inversions(_ranks(value - slope[:, np.newaxis] * time))


def _formed_between(value: Floats, time: Floats, low: Floats, high: Floats, nth: Ints) -> tuple[Floats, Floats]:
    """The nth slope of those between two, and the one after it, NaN where that is not between.

    They are of the pairs whose order the one leaves as in time and the other turns.
    """
    n_series, n = value.shape

    def order_at(slope: Floats) -> Ints:
        # At the ends of all slopes: the order of times, forwards or backwards.
        line = np.where(np.isfinite(slope), slope, 0)[:, np.newaxis]
        of_line = np.argsort(value - line * time, axis=1, kind="stable")
        in_time = np.broadcast_to(np.arange(n), value.shape)
        return np.where(
            np.isfinite(slope)[:, np.newaxis],
            of_line,
            np.where(np.isposinf(slope)[:, np.newaxis], in_time[:, ::-1], in_time),
        )

    first = order_at(low)
    later = np.empty_like(first)
    np.put_along_axis(later, order_at(high), np.broadcast_to(np.arange(n), first.shape), axis=1)
    turned = np.take_along_axis(later, first, axis=1)
    # Of each place the furthest one behind it that may still be turned.
    lowest_behind = np.minimum.accumulate(turned[:, ::-1], axis=1)[:, ::-1]
    series: list[Ints] = []
    slopes: list[Floats] = []
    for lag in range(1, n):
        if not (turned[:, :-lag] > lowest_behind[:, lag:]).any():
            break
        row, at = np.nonzero(turned[:, :-lag] > turned[:, lag:])
        one, other = first[row, at], first[row, at + lag]
        between = time[row, other] - time[row, one]
        kept = between != 0
        series.append(row[kept])
        slopes.append((value[row, other] - value[row, one])[kept] / between[kept])
    found, following = np.full(n_series, np.nan), np.full(n_series, np.nan)
    if not series:
        return found, following
    row, slope = np.concatenate(series), np.concatenate(slopes)
    order = np.lexsort((slope, row))
    row, slope = row[order], slope[order]
    starts = np.searchsorted(row, np.arange(n_series))
    n_found = np.bincount(row, minlength=n_series)
    # By a rounding a pair on an end may be counted on the one side and found on the other: then its neighbour is it.
    place = starts + np.clip(nth, 0, np.maximum(n_found - 1, 0))
    there = n_found > 0
    found[there] = slope[place[there]]
    has_next = there & (nth + 1 < n_found)
    following[has_next] = slope[place[has_next] + 1]
    return found, following
