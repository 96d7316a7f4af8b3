"""Places by periods: a cell is the amount of one drug at a place in a period, by its colour."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from dashboards import theme
from dashboards.figures.words import GridLabels
from dashboards.labels import amount, in_figure, reference

MOST_PLACES = 60
"""Up to here rows can be read; a figure of more shows these, and its caption says so."""
_HEIGHT_OF_ROW = 17
_HEIGHT_OF_KEY = 76
_HEIGHT_OF_COLOURS = 12
_HEIGHT_OF_REST = 170
_STEPS = 40
_LEAST_SHARE = 0.001
"""Of the largest amount: what lies below has the colour of this, and so has nothing, which has no logarithm."""


class GridData(NamedTuple):
    """What is drawn.

    Attributes:
        title, subtitle: the finding and what is shown, short.
        places: the names of the rows, from above.
        periods: the columns, in order, in words.
        means: a row a place, a column a period [mg/day/1000]; None where there is none.
        is_simulated: whether any of it is simulated.
    """

    title: str
    subtitle: str
    places: Sequence[str]
    periods: Sequence[str]
    means: Sequence[Sequence[float | None]]
    is_simulated: bool


def grid(data: GridData, labels: GridLabels) -> theme.Figure:
    """The figure of one drug. Colours follow the logarithm, as places differ by factors; what is not known is empty.

    The colours grow lighter throughout, so that they are told apart with any colour blindness and in black and white.
    """
    places, means = data.places[:MOST_PLACES][::-1], data.means[:MOST_PLACES][::-1]
    known = [mean for row in means for mean in row if mean is not None]
    highest = max(known, default=1.0) or 1.0
    floor = max(min((mean for mean in known if mean > 0), default=highest), _LEAST_SHARE * highest)
    told = [
        [[in_figure(place), period, amount(mean)] for period, mean in zip(data.periods, row, strict=True)]
        for place, row in zip(places, means, strict=True)
    ]
    ends = (round(math.log10(floor), 4), round(math.log10(max(highest, 1.01 * floor)), 4))
    look = {"type": "heatmap", "colorscale": "Cividis", "zmin": ends[0], "zmax": ends[1], "showscale": False}
    high = _HEIGHT_OF_ROW * len(places)
    all_of_it = high + _HEIGHT_OF_KEY
    return {
        "data": [
            {
                **look,
                "x": list(range(len(data.periods))), "y": list(range(len(places))),
                "z": [[_level(mean, floor) for mean in row] for row in means],
                "customdata": told, "hovertemplate": labels.hover + "<extra></extra>", "hoverongaps": False,
                "xgap": 1, "ygap": 1,
            },
            _key(look, ends),
        ],
        "layout": {
            "title": theme.head(data.title, data.subtitle, labels.simulated, is_simulated=data.is_simulated),
            "height": _HEIGHT_OF_REST + all_of_it,
            "annotations": theme.watermark(labels.simulated, is_simulated=data.is_simulated),
            "xaxis": {**_axis(data.periods), "ticks": "", "automargin": True},
            "yaxis": {"tickvals": list(range(len(places))), "ticktext": [theme.short(place) for place in places],
                      "showgrid": False, "zeroline": False, "tickfont": {"size": 11}, "domain": [0, high / all_of_it]},
            "xaxis2": {"domain": [0, 0.6], "anchor": "y2", "range": list(ends), "showgrid": False,
                       "title": {"text": labels.scale, "standoff": 4, "font": {"size": 12}}, **_ticks(floor, highest)},
            "yaxis2": {"domain": [1 - _HEIGHT_OF_COLOURS / all_of_it, 1], "anchor": "x2", "showticklabels": False,
                       "showgrid": False, "zeroline": False, "ticks": ""},
        },
    }  # fmt: skip


def _key(look: Mapping[str, Any], ends: tuple[float, float]) -> dict[str, Any]:
    """The colours from the lowest to the highest amount.

    The library's own key writes styles into the page, which its policy forbids, and so do cells without any gap.
    """
    steps = [ends[0] + (ends[1] - ends[0]) * (step + 0.5) / _STEPS for step in range(_STEPS)]
    colours = [[round(step, 4) for step in steps]]
    return {
        **look,
        "x": colours[0],
        "y": [0],
        "z": colours,
        "xgap": 0.01,
        "xaxis": "x2",
        "yaxis": "y2",
        "hoverinfo": "skip",
    }


def _level(mean: float | None, floor: float) -> float | None:
    return None if mean is None else round(math.log10(max(mean, floor)), 3)


def _axis(periods: Sequence[str]) -> dict[str, Any]:
    """At most eight columns are named, the first and as many as a narrow screen has room for."""
    step = -(-len(periods) // 8)
    shown = range(0, len(periods), step)
    return {
        "tickvals": list(shown),
        "ticktext": [in_figure(periods[place]) for place in shown],
        "showgrid": False,
        "zeroline": False,
    }


def _ticks(low: float, high: float) -> dict[str, Any]:
    """Two to five round amounts from the lowest to the highest; these two where there are none between them."""
    steps = [digit * 10.0**power for power in range(-6, 9) for digit in (1, 2, 5)]
    inside = [step for step in steps if low <= step <= high]
    shown = inside[:: max(1, -(-len(inside) // 5))]
    if len(shown) < 2:
        shown = [low, high]
    return {"tickvals": [round(math.log10(step), 4) for step in shown], "ticktext": [reference(step) for step in shown]}
