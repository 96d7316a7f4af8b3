"""From the baseline to now at each place: two dots and the way between them, the largest change first."""

from typing import Any, NamedTuple

from dashboards import theme
from dashboards.figures.words import DumbbellLabels
from dashboards.labels import amount, in_figure

MOST_PLACES = 30
"""Up to here places can be told apart; a figure of more shows the largest changes, and its caption says so."""
_HEIGHT_OF_ROW = 22
_HEIGHT_OF_REST = 190


class Pair(NamedTuple):
    """A place with its means in both periods [mg/day/1000], and its change in words."""

    name: str
    baseline: float
    current: float
    said: str
    is_told: bool


class DumbbellData(NamedTuple):
    """What is drawn.

    Attributes:
        drug: the drug's identifier, for its colour.
        title, subtitle: the finding and what is shown, short.
        pairs: the places, in the order they shall stand in from above.
        is_simulated: whether any of it is simulated.
    """

    drug: str
    title: str
    subtitle: str
    pairs: list[Pair]
    is_simulated: bool


def dumbbell(data: DumbbellData, labels: DumbbellLabels) -> theme.Figure:
    """The figure of one drug at several places. Changes that are not told from none are drawn hollow."""
    pairs = data.pairs[:MOST_PLACES][::-1]
    colour = theme.colour_of(data.drug)
    # Two places may have one name: they are told apart by where they stand.
    places = list(range(len(pairs)))
    ways: dict[str, list[Any]] = {"x": [], "y": []}
    for place, pair in zip(places, pairs, strict=True):
        ways["x"] += [theme.rounded(pair.baseline), theme.rounded(pair.current), None]
        ways["y"] += [place, place, None]
    told = [[in_figure(pair.name), amount(pair.baseline), amount(pair.current), in_figure(pair.said)] for pair in pairs]
    hover = {"customdata": told, "hovertemplate": labels.hover + "<extra></extra>"}
    symbols = ["circle" if pair.is_told else "circle-open" for pair in pairs]
    return {
        "data": [
            {"type": "scatter", **ways, "mode": "lines", "line": {"color": theme.QUIET, "width": 2},
             "hoverinfo": "skip", "showlegend": False},
            {"type": "scatter", "x": [theme.rounded(pair.baseline) for pair in pairs], "y": places, "mode": "markers",
             "marker": {"size": 8, "color": theme.QUIET}, "name": in_figure(labels.baseline), **hover},
            {"type": "scatter", "x": [theme.rounded(pair.current) for pair in pairs], "y": places, "mode": "markers",
             "marker": {"size": 11, "color": colour, "symbol": symbols, "line": {"width": 2, "color": colour}},
             "name": in_figure(labels.current), "showlegend": False, **hover},
            # Its key stands for all places, whatever the first of them is.
            {"type": "scatter", "x": [None], "y": [None], "mode": "markers", "marker": {"size": 11, "color": colour},
             "name": in_figure(labels.current), "hoverinfo": "skip"},
        ],
        "layout": {
            "title": theme.head(data.title, data.subtitle, labels.simulated, is_simulated=data.is_simulated),
            "height": _HEIGHT_OF_REST + _HEIGHT_OF_ROW * len(pairs),
            "showlegend": True,
            "legend": {"y": 1, "yanchor": "bottom", "traceorder": "normal"},
            "annotations": theme.watermark(labels.simulated, is_simulated=data.is_simulated),
            "xaxis": {"title": {"text": labels.axis}, "rangemode": "tozero", "showgrid": True, "gridcolor": theme.GRID},
            "yaxis": {"tickvals": places, "ticktext": [theme.short(pair.name) for pair in pairs],
                      "range": [-0.7, len(pairs) - 0.3], "showgrid": False, "zeroline": False},
        },
    }  # fmt: skip
