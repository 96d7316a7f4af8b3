"""Sites where they lie, each by what its change was told to be. A plain plane: no tiles, nothing from a network."""

import math
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


def site_map(data: MapData, labels: MapLabels) -> theme.Figure:
    """The figure of one drug. A degree of longitude is drawn as long as it is in the middle of the map."""
    colour = theme.colour_of(data.drug)
    latitudes = [spot.latitude for spot in data.spots]
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
            "xaxis": {"title": {"text": labels.x_axis}, "range": _range([spot.longitude for spot in data.spots]),
                      "showgrid": True, "gridcolor": theme.GRID, "zeroline": False, "nticks": 6,
                      "constrain": "domain"},
            "yaxis": {"title": {"text": labels.y_axis}, "range": _range(latitudes), "rangemode": "normal",
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
    look = {"mode": "lines", "line": {"color": theme.QUIET, "width": 1}, "hoverinfo": "skip", "showlegend": False}
    return [{"type": "scatter", "x": x, "y": y, **look}]


def _range(values: Sequence[float]) -> list[float]:
    low, high = min(values), max(values)
    room = max(_ROOM * (high - low), (_LEAST_SPAN - (high - low)) / 2, _LEAST_SPAN / 4)
    return [round(low - room, 4), round(high + room, 4)]
