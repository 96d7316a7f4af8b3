"""Sites where they lie, each by what its change was told to be. A plain plane: no tiles, nothing from a network."""

import math
import statistics
from collections.abc import Sequence
from typing import Any, NamedTuple

from dashboards import theme
from dashboards.figures.words import MapLabels
from dashboards.labels import in_figure

SYMBOLS = {"fall": "triangle-down", "rise": "triangle-up", "same": "circle-open", "untold": "x-thin-open"}
"""By kind of change, so that they are told apart without colour as well."""
_HEIGHT = 560
_LEAST_SPAN = 0.02
"""Degrees that are shown at least: two kilometres."""
_ROOM = 0.06
_ROOM_FOR_OUTLINES = 0.35
"""Of what the sites span: outlines that end within it are shown whole."""
_FAR, _FAR_DEGREES = 3.0, 5.0
_MOST_FAR = 0.2
"""Sites lie far off beyond so many times the span of the middle half, and so many degrees; no more of all sites than
this share do."""


class Spot(NamedTuple):
    """A site: its name, where it lies [°], the kind of its change and the change in words."""

    name: str
    longitude: float
    latitude: float
    kind: str
    said: str


class MapData(NamedTuple):
    """What is drawn.

    Attributes:
        drug: the drug's identifier, for its colour.
        title, subtitle: the finding and what is shown, short.
        spots: the sites.
        outlines: lines behind them, each of longitudes and latitudes [°].
        is_simulated: whether any of it is simulated.
    """

    drug: str
    title: str
    subtitle: str
    spots: Sequence[Spot]
    outlines: Sequence[Sequence[tuple[float, float]]]
    is_simulated: bool


def far_off(spots: Sequence[Spot]) -> list[Spot]:
    """Sites so far from the others that with them on the map the others would stand on one spot.

    >>> spots = [Spot(str(n), 10 + n % 4, 50 + n % 3, "same", "") for n in range(20)]
    >>> [spot.name for spot in far_off([*spots, Spot("overseas", -120, 35, "fall", "")])]
    ['overseas']
    >>> far_off([*spots[:4], Spot("overseas", -120, 35, "fall", "")])
    []
    """
    found = {
        spot
        for place in ("longitude", "latitude")
        for low, high in [_fences([getattr(spot, place) for spot in spots])]
        for spot in spots
        if not low <= getattr(spot, place) <= high
    }
    return [spot for spot in spots if spot in found] if len(found) <= _MOST_FAR * len(spots) else []


def _fences(values: Sequence[float]) -> tuple[float, float]:
    if len(values) < 2:
        return -math.inf, math.inf
    first, _, third = statistics.quantiles(values, n=4)
    room = max(_FAR * (third - first), _FAR_DEGREES)
    return first - room, third + room


def site_map(data: MapData, labels: MapLabels) -> theme.Figure:
    """The figure of one drug. A degree of longitude is drawn as long as it is in the middle of the map."""
    colour = theme.colour_of(data.drug)
    latitudes = [spot.latitude for spot in data.spots]
    around = [[point[axis] for line in data.outlines for point in line] for axis in (0, 1)]
    longitudes = [spot.longitude for spot in data.spots]
    middle = (min(latitudes) + max(latitudes)) / 2
    return {
        "data": [*_outlines(data.outlines), *(
            {
                "type": "scatter", "mode": "markers", "name": getattr(labels, kind),
                "x": [spot.longitude for spot in spots], "y": [spot.latitude for spot in spots],
                "marker": {
                    "symbol": symbol, "size": 12 if kind in ("fall", "rise") else 8,
                    "color": colour if kind in ("fall", "rise") else theme.QUIET, "line": {"width": 1.5},
                    "opacity": 0.9,
                },
                "customdata": [[in_figure(spot.name), in_figure(spot.said)] for spot in spots],
                "hovertemplate": "%{customdata[0]}: %{customdata[1]}<extra></extra>",
            }
            # What was told stands before what was not.
            for kind, symbol in reversed(SYMBOLS.items())
            if (spots := [spot for spot in data.spots if spot.kind == kind])
        )],
        "layout": {
            "title": theme.head(data.title, data.subtitle, labels.simulated, is_simulated=data.is_simulated),
            "height": _HEIGHT,
            "showlegend": True,
            "legend": {"traceorder": "reversed"},
            "annotations": theme.watermark(labels.simulated, is_simulated=data.is_simulated),
            "xaxis": {"title": {"text": labels.x_axis}, "range": _range(longitudes, around[0]),
                      "showgrid": True, "gridcolor": theme.GRID, "zeroline": False, "nticks": 6,
                      "constrain": "domain"},
            "yaxis": {"title": {"text": labels.y_axis}, "range": _range(latitudes, around[1]), "rangemode": "normal",
                      "zeroline": False, "scaleanchor": "x", "constrain": "domain",
                      "scaleratio": round(1 / max(math.cos(math.radians(middle)), 0.05), 4)},
        },
    }  # fmt: skip


def _outlines(lines: Sequence[Sequence[tuple[float, float]]]) -> list[dict[str, Any]]:
    x: list[float | None] = []
    y: list[float | None] = []
    for line in lines:
        x += [*(longitude for longitude, _ in line), None]
        y += [*(latitude for _, latitude in line), None]
    if not x:
        return []
    look = {"mode": "lines", "line": {"color": theme.QUIET, "width": 2}, "hoverinfo": "skip", "showlegend": False}
    return [{"type": "scatter", "x": x, "y": y, **look}]


def _range(values: Sequence[float], around: Sequence[float]) -> list[float]:
    """From the first to the last site, with outlines that end near them."""
    first, last = min(values), max(values)
    near = _ROOM_FOR_OUTLINES * max(last - first, _LEAST_SPAN)
    before, after = min(around, default=first), max(around, default=last)
    low = before if first - near <= before < first else first
    high = after if last < after <= last + near else last
    room = max(_ROOM * (high - low), (_LEAST_SPAN - (high - low)) / 2, _LEAST_SPAN / 4)
    return [round(low - room, 4), round(high + room, 4)]
