"""What the next campaign would see: the smallest fall against the days, the fall asked for, what no days can see."""

from typing import Any, NamedTuple

import plotly.graph_objects as go
import polars as pl

from dashboards import theme
from dashboards.figures.words import PlanLabels
from dashboards.labels import in_figure, magnitude

_NARROW = 1.06
"""How far the axis reaches beyond its first and last day, as a factor."""


class PlanData(NamedTuple):
    """What is drawn.

    Attributes:
        drug: the drug's identifier, for its colour.
        title: the finding, short.
        subtitle: of what and how often seen, short.
        rows: `n_days`, `smallest_fall_percent` [%], sorted by days.
        fall_percent: the fall that is asked for [%].
        days_needed: the days that see it, None where no number does.
        out_of_reach_percent: the fall below which no number of days sees one [%].
        is_simulated: whether any of it is simulated.
    """

    drug: str
    title: str
    subtitle: str
    rows: pl.DataFrame
    fall_percent: float
    days_needed: int | None
    out_of_reach_percent: float
    is_simulated: bool


def plan(data: PlanData, labels: PlanLabels) -> go.Figure:
    """The figure of one plan. Days stand on a scale of their logarithm: each doubling of them is as wide."""
    days = data.rows["n_days"].to_list()
    first, last = min(days), max([*days, data.days_needed or 0])
    ends = [first / _NARROW, last * _NARROW]
    figure = go.Figure()
    figure.add_trace(_smallest(data, labels))
    figure.add_trace(
        go.Scatter(
            x=ends, y=[data.fall_percent] * 2, mode="lines", name=labels.asked,
            line={"color": theme.QUIET, "width": 2, "dash": "5px,3px"},
            hovertemplate=f"{magnitude(data.fall_percent)}<extra>{labels.asked}</extra>",
        )
    )  # fmt: skip
    if data.days_needed is not None:
        figure.add_trace(_needed(data, labels))
    top = 1.1 * max(data.fall_percent, *data.rows["smallest_fall_percent"].to_list())
    figure.update_layout(
        template=theme.TEMPLATE,
        title=theme.head(data.title, data.subtitle, labels.simulated, is_simulated=data.is_simulated),
        showlegend=True,
        shapes=_floor(data),
        annotations=_name(data, labels) + theme.watermark(labels.simulated, is_simulated=data.is_simulated),
        xaxis={
            "type": "log", "range": pl.Series(ends).log10().to_list(), "tickvals": days,
            "ticktext": [str(n) for n in days], "title": {"text": labels.x_axis, "standoff": 8},
        },
        yaxis={"title": {"text": labels.y_axis, "standoff": 8}, "range": [0, min(top, 100)], "ticksuffix": " %"},
        legend={"y": -0.24},
        margin={"b": 96},
    )  # fmt: skip
    return figure


def _smallest(data: PlanData, labels: PlanLabels) -> go.Scatter:
    colour = theme.colour_of(data.drug)
    falls = data.rows["smallest_fall_percent"].to_list()
    return go.Scatter(
        x=data.rows["n_days"].to_list(),
        y=[theme.rounded(fall) for fall in falls],
        customdata=[[magnitude(fall)] for fall in falls],
        mode="lines+markers",
        line={"color": colour, "width": 3},
        marker={"size": 7, "color": colour},
        name=labels.smallest,
        hovertemplate=f"%{{x}} {labels.days}: %{{customdata[0]}}<extra></extra>",
    )


def _needed(data: PlanData, labels: PlanLabels) -> go.Scatter:
    return go.Scatter(
        x=[data.days_needed],
        y=[data.fall_percent],
        mode="markers",
        marker={"size": 12, "symbol": "diamond", "color": theme.colour_of(data.drug)},
        name=f"{labels.needed}: {data.days_needed}",
        hovertemplate=f"%{{x}} {labels.days}<extra>{labels.needed}</extra>",
    )


def _floor(data: PlanData) -> list[dict[str, Any]]:
    """The band of falls that are out of reach of days."""
    if not data.out_of_reach_percent:
        return []
    return [
        {
            "type": "rect",
            "layer": "below",
            "xref": "paper",
            "x0": 0,
            "x1": 1,
            "y0": 0,
            "y1": theme.rounded(data.out_of_reach_percent),
            "fillcolor": theme.BAND,
            "line": {"width": 0},
        }
    ]


def _name(data: PlanData, labels: PlanLabels) -> list[dict[str, Any]]:
    if not data.out_of_reach_percent:
        return []
    place = {"xref": "paper", "x": 0.01, "xanchor": "left", "y": 0, "yanchor": "bottom", "showarrow": False}
    text = f"{labels.floor}: below {magnitude(data.out_of_reach_percent)}"
    return [{**place, "text": in_figure(text), "font": {"size": 12}}]
