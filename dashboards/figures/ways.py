"""How a change hangs on the way it is computed: one line a way, with its interval, and the headline through all."""

from typing import NamedTuple

from dashboards import theme
from dashboards.figures.words import WaysLabels
from dashboards.labels import in_figure


class Way(NamedTuple):
    """A way of computing the change: its name, the change [%], its interval, all of it in words."""

    name: str
    change: float
    low: float | None
    high: float | None
    said: str
    is_headline: bool


class WaysData(NamedTuple):
    """What is drawn.

    Attributes:
        drug: the drug's identifier, for its colour.
        title, subtitle: the finding and what is shown, short.
        ways: from above.
        is_simulated: whether any of it is simulated.
    """

    drug: str
    title: str
    subtitle: str
    ways: list[Way]
    is_simulated: bool


def ways(data: WaysData, labels: WaysLabels) -> theme.Figure:
    """The figure of one change. Ways without an interval have a dot only."""
    found = data.ways[::-1]
    colour = theme.colour_of(data.drug)
    places = list(range(len(found)))
    changes = [round(way.change, 4) for way in found]
    above = [None if way.high is None else round(way.high - way.change, 4) for way in found]
    below = [None if way.low is None else round(way.change - way.low, 4) for way in found]
    headline = next((change for way, change in zip(found, changes, strict=True) if way.is_headline), None)
    return {
        "data": [
            {
                "type": "scatter", "x": changes, "y": places, "mode": "markers",
                "marker": {
                    "size": 10, "color": colour,
                    "symbol": ["diamond" if way.is_headline else "circle" for way in found],
                },
                "error_x": {"type": "data", "symmetric": False, "array": above, "arrayminus": below, "color": colour,
                            "thickness": 2, "width": 0},
                "customdata": [[in_figure(way.name), in_figure(way.said)] for way in found],
                "hovertemplate": "%{customdata[0]}: %{customdata[1]}<extra></extra>",
            },
        ],
        "layout": {
            "title": theme.head(data.title, data.subtitle, labels.simulated, is_simulated=data.is_simulated),
            "height": 190 + 26 * len(found),
            "showlegend": False,
            "annotations": theme.watermark(labels.simulated, is_simulated=data.is_simulated),
            "shapes": [] if headline is None else [
                {"type": "line", "layer": "below", "x0": headline, "x1": headline, "yref": "paper", "y0": 0, "y1": 1,
                 "line": {"color": theme.QUIET, "width": 1, "dash": "5px,3px"}},
            ],
            "xaxis": {"title": {"text": labels.axis}, "ticksuffix": " %", "showgrid": True, "gridcolor": theme.GRID,
                      "zeroline": True, "zerolinecolor": theme.QUIET},
            "yaxis": {"tickvals": places, "ticktext": [in_figure(way.name) for way in found],
                      "range": [-0.7, len(found) - 0.3], "showgrid": False, "zeroline": False},
        },
    }  # fmt: skip
