"""What the interval of a change is made of: the share of each source of error in its variance."""

from typing import NamedTuple

from dashboards import theme
from dashboards.figures.words import BudgetLabels
from dashboards.labels import in_figure


class BudgetData(NamedTuple):
    """What is drawn.

    Attributes:
        drug: the drug's identifier, for its colour.
        title, subtitle: the finding and what is shown, short.
        shares: name, share [%] and share in words of each source, the largest first.
        is_simulated: whether any of it is simulated.
    """

    drug: str
    title: str
    subtitle: str
    shares: list[tuple[str, float, str]]
    is_simulated: bool


def budget(data: BudgetData, labels: BudgetLabels) -> theme.Figure:
    """The figure of one change: a bar a source."""
    names = [in_figure(name) for name, _, _ in data.shares]
    colour = theme.colour_of(data.drug)
    return {
        "data": [
            {
                "type": "bar", "orientation": "h", "y": names, "x": [round(share, 2) for _, share, _ in data.shares],
                "marker": {"color": [colour] + [theme.QUIET] * (len(names) - 1)},
                "text": [in_figure(said) for _, _, said in data.shares], "textposition": "outside",
                "cliponaxis": False, "hovertemplate": "%{y}: %{text}<extra></extra>",
            },
        ],
        "layout": {
            "title": theme.head(data.title, data.subtitle, labels.simulated, is_simulated=data.is_simulated),
            "height": 180 + 30 * len(names),
            "showlegend": False,
            "annotations": theme.watermark(labels.simulated, is_simulated=data.is_simulated),
            "xaxis": {"title": {"text": labels.axis}, "range": [0, 115], "tickvals": [0, 25, 50, 75, 100],
                      "showgrid": True, "gridcolor": theme.GRID},
            "yaxis": {"type": "category", "autorange": "reversed", "showgrid": False, "zeroline": False},
        },
    }  # fmt: skip
