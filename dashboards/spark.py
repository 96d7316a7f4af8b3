"""A trend as large as a word: a line in the page itself, without the drawing library. No numbers are said here."""

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from pipeline.spans import middle, span, without_gaps

WIDTH, HEIGHT = 240, 48
_EDGE = 4


class Spark(NamedTuple):
    """A line as an SVG path, the last point of it, and the bands of the periods compared, all in pixels."""

    path: str
    last: tuple[float, float]
    bands: list[tuple[float, float]]


def spark(means: Sequence[tuple[str, float | None]], compared: Sequence[str]) -> Spark | None:
    """The line of one series; None where there are fewer than two means.

    Parameters
    ----------
    means
        Periods of one kind and their means, sorted. A missing period is a gap in the line.
    compared
        The periods to mark.

    >>> spark([("2023", 10.0), ("2024", 20.0), ("2025", None), ("2026", 5.0)], ["2023"]).path
    'M32.9 24h0L91 4M206.9 34h0'
    """
    known = {period: mean for period, mean in means if mean is not None}
    if len(known) < 2:
        return None
    days = [day for period in [*known, *compared] for day in span(period)]
    first, last = min(days), max(days)
    across = (WIDTH - 2 * _EDGE) / (last - first).days
    top = max(known.values()) or 1.0

    def x(day: date) -> float:
        return round(_EDGE + (day - first).days * across, 1)

    def y(mean: float) -> float:
        return round(HEIGHT - _EDGE - mean / top * (HEIGHT - 2 * _EDGE), 1)

    path, is_broken = "", True
    for period in without_gaps(list(known)):
        if period in known:
            # h0: what stands alone is a dot, not nothing.
            path += f"{'M' if is_broken else 'L'}{x(middle(period)):g} {y(known[period]):g}{'h0' if is_broken else ''}"
        is_broken = period not in known
    newest = max(known)
    bands = [(x(start), round(x(after) - x(start), 1)) for start, after in (span(period) for period in compared)]
    return Spark(path, (x(middle(newest)), y(known[newest])), bands)
