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
"""Points of a series up to which the slopes of all pairs are formed."""
_SERIES_AT_ONCE = 64
"""Series whose pairs are formed at once: as many as stay in the processor's cache."""
_AT_ONCE = 4_000_000
"""Numbers that are held at once."""
_IN_CACHE = 200_000
"""Small numbers that stay in the processor's cache."""
_FEW = 120
"""Numbers that are sorted in no time."""
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
    if _is_increasing(time):
        nothing = np.zeros(n_series)
        of_times, time_terms, of_both = nothing.astype(np.int64), (nothing, nothing, nothing), nothing.astype(np.int64)
        arranged = value
    else:
        of_times, time_terms = _ties(time)
        order = np.lexsort((value, time), axis=1)
        arranged, at = np.take_along_axis(value, order, axis=1), np.take_along_axis(time, order, axis=1)
        of_both = _n_tied_in_both(arranged, at)
    s = all_pairs - 2 * inversions(_ranks(arranged)) - of_values - of_times + of_both
    variance = _variance(n, value_terms, time_terms)
    n_untied = np.sqrt((all_pairs - of_values).astype(np.float64) * (all_pairs - of_times))
    return Scores(s, variance, all_pairs - of_times, n_untied)


def _is_increasing(time: Floats) -> bool:
    """No two points of a series at the same time."""
    return bool((time[:, 1:] > time[:, :-1]).all())


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
    return _places(np.argsort(value, axis=1, kind="stable"))


def _places(order: Ints) -> Ints:
    """At which place each number stands in a row."""
    places = np.empty(order.shape, dtype=np.int64)
    np.put_along_axis(places, order, np.arange(order.shape[1])[np.newaxis, :], axis=1)
    return places


def inversions(ranks: Ints) -> Ints:
    """Pairs of each row in which the later rank is the lower one.

    Parameters: `ranks`, an array of integers (n_series, n), each row a permutation of 0 to n - 1.

    Places are taken in blocks of about the square root of n, and so are ranks. Pairs in one block are compared, and so,
    by the places of ranks, are those in one block of ranks; of all others it is enough how many of each block of ranks
    a block of places holds.

    >>> inversions(np.array([[0, 1, 2, 3], [3, 2, 1, 0], [1, 0, 3, 2]])).tolist()
    [0, 6, 2]
    """
    n_series, n = ranks.shape
    size = max(int(np.ceil(np.sqrt(n))), 1)
    step = max(_IN_CACHE // size**2, 1)
    parts = [_inversions(ranks[first : first + step], size) for first in range(0, n_series, step)]
    return np.concatenate(parts) if parts else np.zeros(0, dtype=np.int64)


def _inversions(ranks: Ints, size: int) -> Ints:
    n_series, n = ranks.shape
    width = size**2
    small = np.int16 if width < 2**15 else np.int32
    counted = np.int8 if 2 * size < 2**7 else np.int16
    # Filled up by ranks that stand in their order, behind all others.
    rank = np.empty((n_series, width), dtype=small)
    rank[:, :n], rank[:, n:] = ranks, np.arange(n, width)
    place = np.empty((n_series, width), dtype=small)
    np.put_along_axis(place, rank.astype(np.int64), np.arange(width, dtype=small)[np.newaxis, :], axis=1)
    # The places of a block run down the columns, so that each comparison is of long rows.
    by_place, by_rank = (np.ascontiguousarray(part.reshape(n_series * size, size).T) for part in (rank, place))
    block_of_rank = by_place // small(size)
    found = np.zeros(by_place.shape, dtype=counted)
    for lag in range(1, size):
        # Of pairs in one block of both each is counted by its ranks' block.
        apart = (by_place[:-lag] > by_place[lag:]) & (block_of_rank[:-lag] != block_of_rank[lag:])
        found[:-lag] += apart.view(np.int8)
        found[:-lag] += (by_rank[:-lag] > by_rank[lag:]).view(np.int8)
    near: Ints = found.reshape(size, n_series, size).sum(axis=(0, 2), dtype=np.int64)
    of_block = np.arange(n_series * size)[np.newaxis, :] * size + block_of_rank
    held = np.bincount(of_block.ravel(), minlength=n_series * width).reshape(n_series, size, size)
    later = held[:, ::-1].cumsum(axis=1)[:, ::-1] - held
    lower_and_later = later.cumsum(axis=2) - later
    far: Ints = (held * lower_and_later).sum(axis=(1, 2))
    return near + far


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
    arranged, at = value, time
    if not _is_increasing(time):
        order = np.lexsort((value, time), axis=1)
        arranged, at = np.take_along_axis(value, order, axis=1), np.take_along_axis(time, order, axis=1)
    found = np.empty(ranks.shape)
    step = max(min(_AT_ONCE // (8 * value.shape[1]), -(-len(value) // 2)), 1)

    def count(first: int) -> None:
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

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(count, range(0, len(value), step)))
    return found


def _by_forming(value: Floats, time: Floats, ranks: Ints) -> Floats:
    n_series, n = value.shape
    found = np.full(ranks.shape, np.nan)
    i, j = np.triu_indices(n, 1)
    n_all = len(i)
    if not n_all:
        return found
    is_even = bool((time == time[:1]).all())

    def form(first: int) -> None:
        y, t = value[first : first + _SERIES_AT_ONCE], time[first : first + (1 if is_even else _SERIES_AT_ONCE)]
        between = np.take(t, j, axis=1) - np.take(t, i, axis=1)
        slopes = np.take(y, j, axis=1)
        slopes -= np.take(y, i, axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            slopes /= between
        if not (between > 0).all():
            slopes[np.broadcast_to(between <= 0, slopes.shape)] = np.inf
        part = slice(first, first + _SERIES_AT_ONCE)
        found[part] = of_rank(slopes, ranks[part])

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(form, range(0, n_series, _SERIES_AT_ONCE)))
    found[~np.isfinite(found)] = np.nan
    return found


def of_rank(values: Floats, ranks: Ints) -> Floats:
    """The values of given ranks in each row, NaN for ranks there are none of.

    As by sorting, but a row is only looked at: how many values lie below a bound is soon counted, and the few that are
    left between two bounds are sorted.
    """
    n_rows, n = values.shape
    found = np.full(ranks.shape, np.nan)
    row = np.arange(n_rows)
    sample = np.sort(values[:, :: max(n // _FEW, 1)], axis=1)

    def n_below(bound: Floats) -> Ints:
        counted: Ints = (values < bound[:, np.newaxis]).view(np.int8).sum(axis=1, dtype=np.int32).astype(np.int64)
        return counted

    below_low, below_high = np.zeros(n_rows, dtype=np.int64), np.zeros(n_rows, dtype=np.int64)
    between = np.empty((n_rows, 0))
    for column in range(ranks.shape[1]):
        is_there = (ranks[:, column] >= 0) & (ranks[:, column] < n)
        rank = np.where(is_there, ranks[:, column], 0)
        if not ((below_low <= rank) & (rank < below_high)).all():
            low, high = _about(sample, (rank + 0.5) / n)
            below_low, below_high = n_below(low), n_below(high)
            for turn in range(8):
                if (below_high - below_low).max() <= 2 * _FEW:
                    break
                aside = (-_FEW / 3, _FEW / 3)[turn % 2]
                with np.errstate(invalid="ignore", divide="ignore"):
                    tried = low + (high - low) * ((rank + aside - below_low) / (below_high - below_low))
                tried = np.where((tried > low) & (tried < high), tried, low)
                below = n_below(tried)
                is_up = below <= rank
                low, below_low = np.where(is_up, tried, low), np.where(is_up, below, below_low)
                high, below_high = np.where(is_up, high, tried), np.where(is_up, below_high, below)
            is_few = (below_low <= rank) & (rank < below_high) & (below_high - below_low <= 4 * _FEW)
            below_high = np.where(is_few, below_high, below_low)  # the others are sorted as a whole
            between = _sorted_between(values, low, np.where(is_few, high, low), below_high - below_low)
        is_near = (below_low <= rank) & (rank < below_high)
        if between.shape[1]:
            found[:, column] = between[row, np.where(is_near, rank - below_low, 0)]
        rest = np.flatnonzero(~is_near)
        if len(rest):
            found[rest, column] = np.partition(values[rest], np.unique(rank[rest]), axis=1)[
                row[: len(rest)], rank[rest]
            ]
        found[~is_there, column] = np.nan
    return found


def _about(sample: Floats, share: Floats) -> tuple[Floats, Floats]:
    """Bounds about the value of which a share of all lies below, by a sorted sample of each row."""
    n_rows, n = sample.shape
    aside = 3 * np.sqrt(n * share * (1 - share)) + 1
    low, high = np.floor(share * n - aside).astype(np.int64), np.ceil(share * n + aside).astype(np.int64)
    row = np.arange(n_rows)
    return (
        np.where(low >= 0, sample[row, np.maximum(low, 0)], -np.inf),
        np.where(high < n, sample[row, np.minimum(high, n - 1)], np.inf),
    )


def _sorted_between(values: Floats, low: Floats, high: Floats, counts: Ints) -> Floats:
    """What lies from `low` on and below `high` in each row, sorted, filled up by infinity."""
    is_between = (values >= low[:, np.newaxis]) & (values < high[:, np.newaxis])
    at = np.flatnonzero(is_between)
    held = np.full((len(values), int(counts.max(initial=0))), np.inf)
    starts = np.cumsum(counts) - counts
    row = np.repeat(np.arange(len(values)), counts)
    held[row, np.arange(len(at)) - starts[row]] = values.ravel()[at]
    held.sort(axis=1)
    return held


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
    n_pairs: Ints = np.full(n_series, n * (n - 1) // 2)
    if not _is_increasing(time):
        n_pairs = n_pairs - _ties(time)[0]
    is_asked = (rank >= 0) & (rank < n_pairs)
    sampled = np.sort(sampled, axis=1)
    n_sampled = apart.sum(axis=1)
    ends = _Ends(value, time, rank, n_pairs)
    enough = np.maximum(n // 2, 64)
    share = (rank + 0.5) / np.maximum(n_pairs, 1)
    margin = 2.5 * np.sqrt(np.maximum(n_sampled, 1)) / 2
    everything = np.arange(n_series)
    for end in (-1, 1):
        place = np.clip(share * n_sampled + end * margin, 0, np.maximum(n_sampled - 1, 0)).astype(np.int64)
        tried = sampled[everything, place]
        # A hair beside a slope, so that none lies on the line that counts.
        ends.narrow(everything, tried + end * (1e-9 * np.abs(tried) + 1e-300))
    for turn in range(200):
        low, high, n_between = ends.low, ends.high, ends.below_high - ends.below_low
        # Of equal slopes, as many as they may be, none is between others: more and more are put up with.
        is_open = is_asked & (n_between > enough * 2 ** (turn // 3)) & (np.nextafter(low, np.inf) < high)
        if not is_open.any():
            break
        with np.errstate(invalid="ignore", over="ignore"):
            # Where slopes lie evenly this is the place: a little below it, then a little above, so that both ends come
            # near; and every third turn the middle, which always narrows.
            aside = (-enough / 3, enough / 3)[turn % 3] if turn % 3 < 2 else 0
            at = (rank + 0.5 - ends.below_low + aside) / np.maximum(n_between, 1)
            tried = low + (high - low) * (np.clip(at, 0.001, 0.999) if turn % 3 < 2 else 0.5)
        tried = np.where(np.isfinite(low) & np.isfinite(high), tried, 0.0)
        tried = np.where(np.isneginf(low) & np.isfinite(high), np.minimum(2 * high, high - 1), tried)
        tried = np.where(np.isfinite(low) & np.isposinf(high), np.maximum(2 * low, low + 1), tried)
        of = np.flatnonzero(is_open)
        ends.narrow(of, tried[of])
    found, following = np.full(n_series, np.nan), np.full(n_series, np.nan)
    of = np.flatnonzero(is_asked)
    found[of], following[of] = _formed_between(
        value[of], time[of], ends.first[of], ends.last[of], rank[of] - ends.below_low[of]
    )
    return found, following


class _Ends:
    """Two slopes about the one of a rank, for each series; as they are tried they come nearer to each other.

    Attributes:
        low, high: the slopes, at first without bounds.
        below_low, below_high: how many slopes between pairs lie below each: so many pairs fall when it is taken out.
        first, last: the points in the order they have when the lower, the higher slope is taken out.
    """

    def __init__(self, value: Floats, time: Floats, rank: Ints, n_pairs: Ints) -> None:
        n_series, n = value.shape
        self._value, self._time, self._rank = value, time, rank
        self.low, self.high = np.full(n_series, -np.inf), np.full(n_series, np.inf)
        self.below_low, self.below_high = np.zeros(n_series, dtype=np.int64), n_pairs.astype(np.int64)
        # Without bounds the order is that of times, forwards or backwards.
        self.first = np.tile(np.arange(n), (n_series, 1))
        self.last = self.first[:, ::-1].copy()

    def narrow(self, of: Ints, tried: Floats) -> None:
        """Moves one of the two ends of some series to a slope that is tried."""
        order = np.argsort(self._value[of] - tried[:, np.newaxis] * self._time[of], axis=1, kind="stable")
        below = inversions(_places(order))
        is_inside = (tried > self.low[of]) & (tried < self.high[of])
        is_up = below <= self._rank[of]
        up, down = is_inside & is_up, is_inside & ~is_up
        self.low[of[up]], self.below_low[of[up]], self.first[of[up]] = tried[up], below[up], order[up]
        self.high[of[down]], self.below_high[of[down]], self.last[of[down]] = tried[down], below[down], order[down]


def _formed_between(value: Floats, time: Floats, first: Ints, last: Ints, nth: Ints) -> tuple[Floats, Floats]:
    """The nth slope of those between two, and the one after it, NaN where that is not between.

    They are of the pairs whose order the one leaves as in time and the other turns: `first` and `last` are the orders.
    """
    n_series, n = value.shape
    turned = np.take_along_axis(_places(last), first, axis=1)
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
