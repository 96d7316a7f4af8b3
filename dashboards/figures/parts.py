"""What a change is made of: the parts of the difference over all available sites, which add up to it."""

from typing import NamedTuple

from dashboards import theme
from dashboards.figures.words import PartsLabels
from dashboards.labels import in_figure


class PartsData(NamedTuple):
    """What is drawn.

    Attributes:
        drug: the drug's identifier, for its colour.
        title, subtitle: the finding and what is shown, short.
        parts: name, size [percentage points] and size in words, from above; the last is their sum.
        is_simulated: whether any of it is simulated.
    """

    drug: str
    title: str
    subtitle: str
    parts: list[tuple[str, float, str]]
    is_simulated: bool


def parts(data: PartsData, labels: PartsLabels) -> theme.Figure:
    """The figure of one change as bars that follow each other from nothing to their sum."""
    names = [in_figure(name) for name, _, _ in data.parts]
    sizes = [round(size, 4) for _, size, _ in data.parts]
    starts = [round(sum(sizes[:place]), 4) for place in range(len(sizes) - 1)] + [0.0]
    ends = [start + size for start, size in zip(starts, sizes, strict=True)]
    low, high = min(0.0, *starts, *ends), max(0.0, *starts, *ends)
    room = 0.12 * (high - low) or 1.0
    return {
        "data": [
            {
                "type": "bar", "orientation": "h", "y": names, "x": sizes, "base": starts,
                "marker": {"color": [theme.QUIET] * (len(sizes) - 1) + [theme.colour_of(data.drug)]},
                "customdata": [[said] for _, _, said in data.parts],
                "hovertemplate": "%{y}: %{customdata[0]}<extra></extra>",
            },
        ],
        "layout": {
            "title": theme.head(data.title, data.subtitle, labels.simulated, is_simulated=data.is_simulated),
            "height": 190 + 30 * len(names),
            "showlegend": False,
            "annotations": [
                *(
                    {
                        "text": in_figure(said), "x": max(start, end), "y": name, "xanchor": "left", "showarrow": False,
                        "xshift": 4, "font": {"size": 12},
                    }
                    for name, start, end, (_, _, said) in zip(names, starts, ends, data.parts, strict=True)
                ),
                *theme.watermark(labels.simulated, is_simulated=data.is_simulated),
            ],
            "xaxis": {"title": {"text": labels.axis}, "range": [low - room / 3, high + 1.6 * room], "showgrid": True,
                      "gridcolor": theme.GRID, "zeroline": True, "zerolinecolor": theme.QUIET},
            "yaxis": {"type": "category", "autorange": "reversed", "showgrid": False, "zeroline": False},
        },
    }  # fmt: skip
