"""What events did to a drug, beside what the same analysis finds at dates at which nothing happened."""

from collections.abc import Sequence
from typing import NamedTuple

from dashboards import theme
from dashboards.figures.words import EffectsLabels
from dashboards.labels import in_figure

MOST_EVENTS = 20
"""Up to here rows can be told apart; a figure of more shows the newest, and its caption says so."""


class Effect(NamedTuple):
    """What an event did [%]: its name, the effect with its interval, in words, and the effects found elsewhere."""

    name: str
    effect: float
    low: float | None
    high: float | None
    said: str
    elsewhere: Sequence[float]


class EffectsData(NamedTuple):
    """What is drawn.

    Attributes:
        drug: the drug's identifier, for its colour.
        title, subtitle: the finding and what is shown, short.
        effects: from above.
        is_simulated: whether any of it is simulated.
    """

    drug: str
    title: str
    subtitle: str
    effects: Sequence[Effect]
    is_simulated: bool


def effects(data: EffectsData, labels: EffectsLabels) -> theme.Figure:
    """The figure of one drug: a diamond with its interval an event, behind it a tick a date at which nothing was."""
    shown = data.effects[:MOST_EVENTS][::-1]
    colour = theme.colour_of(data.drug)
    rows = list(range(len(shown)))
    sizes = [round(one.effect, 3) for one in shown]
    above = [None if one.high is None else round(one.high - one.effect, 3) for one in shown]
    below = [None if one.low is None else round(one.effect - one.low, 3) for one in shown]
    others = [(row, round(size, 2)) for row, one in zip(rows, shown, strict=True) for size in one.elsewhere]
    placebos = {
        "type": "scatter", "mode": "markers", "x": [size for _, size in others], "y": [row for row, _ in others],
        "marker": {"symbol": "line-ns-open", "size": 12, "color": theme.QUIET, "opacity": 0.7},
        "name": labels.elsewhere, "hoverinfo": "x", "xhoverformat": ".1f",
    }  # fmt: skip
    return {
        "data": [
            *([placebos] if others else []),
            {
                "type": "scatter", "x": sizes, "y": rows, "mode": "markers",
                "marker": {"size": 11, "symbol": "diamond", "color": colour}, "name": labels.effect,
                "error_x": {"type": "data", "symmetric": False, "array": above, "arrayminus": below, "color": colour,
                            "thickness": 2, "width": 0},
                "customdata": [[in_figure(one.name), in_figure(one.said)] for one in shown],
                "hovertemplate": "%{customdata[0]}: %{customdata[1]}<extra></extra>",
            },
        ],
        "layout": {
            "title": theme.head(data.title, data.subtitle, labels.simulated, is_simulated=data.is_simulated),
            "height": 230 + 34 * len(shown),
            "showlegend": True,
            "legend": {"y": 1, "yanchor": "bottom", "traceorder": "normal"},
            "annotations": theme.watermark(labels.simulated, is_simulated=data.is_simulated),
            "xaxis": {"title": {"text": labels.axis}, "ticksuffix": " %", "showgrid": True, "gridcolor": theme.GRID,
                      "zeroline": True, "zerolinecolor": theme.QUIET},
            "yaxis": {"tickvals": rows, "ticktext": [theme.short(one.name) for one in shown],
                      "range": [-0.7, len(shown) - 0.3], "showgrid": False, "zeroline": False},
        },
    }  # fmt: skip
