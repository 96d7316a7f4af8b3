"""The days of the week: how far each lies from the mean of its week, in the middle of the sites and their periods."""

from typing import NamedTuple

from dashboards import theme
from dashboards.figures.words import RhythmLabels
from dashboards.labels import in_figure


class Day(NamedTuple):
    """A day of the week: its name, also in short, the middle of what it differs by [%], the ends of the middle half."""

    name: str
    short: str
    low: float
    middle: float
    high: float
    said: str


class RhythmData(NamedTuple):
    """What is drawn.

    Attributes:
        drug: the drug's identifier, for its colour.
        title, subtitle: the finding and what is shown, short.
        days: Monday to Sunday.
        is_simulated: whether any of it is simulated.
    """

    drug: str
    title: str
    subtitle: str
    days: list[Day]
    is_simulated: bool


def rhythm(data: RhythmData, labels: RhythmLabels) -> theme.Figure:
    """The figure of one drug: a line through the middles, a bar over the middle half of what was seen."""
    colour = theme.colour_of(data.drug)
    names = [in_figure(day.short) for day in data.days]
    return {
        "data": [
            {
                "type": "bar", "x": names, "base": [round(day.low, 2) for day in data.days],
                "y": [round(day.high - day.low, 2) for day in data.days], "width": 0.5,
                "marker": {"color": theme.faint(colour, 0.35), "line": {"width": 0}}, "name": labels.half,
                "hoverinfo": "skip", "legendrank": 2,
            },
            {
                "type": "scatter", "x": names, "y": [round(day.middle, 2) for day in data.days],
                "mode": "lines+markers", "line": {"color": colour, "width": 3}, "marker": {"size": 9, "color": colour},
                "customdata": [[in_figure(day.name), in_figure(day.said)] for day in data.days],
                "hovertemplate": "%{customdata[0]}: %{customdata[1]}<extra></extra>", "name": labels.middle,
                "legendrank": 1,
            },
        ],
        "layout": {
            "title": theme.head(data.title, data.subtitle, labels.simulated, is_simulated=data.is_simulated),
            "height": 380,
            "showlegend": True,
            "annotations": theme.watermark(labels.simulated, is_simulated=data.is_simulated),
            "xaxis": {"type": "category"},
            "yaxis": {"title": {"text": labels.axis, "standoff": 8}, "ticksuffix": " %", "rangemode": "normal",
                      "zeroline": True, "zerolinecolor": theme.QUIET},
        },
    }  # fmt: skip
