"""How the amount of one drug went over time: the network bold, areas thin, the periods compared marked."""

from typing import Any, NamedTuple

import plotly.graph_objects as go
import polars as pl

from dashboards import theme
from dashboards.labels import TrendLabels, amount, in_figure
from pipeline.spans import middle, span, without_gaps

MOST_NAMED_AREAS = 12
"""Up to here each area is a line that tells its name; more of them become one quiet texture."""


class TrendData(NamedTuple):
    """What is drawn.

    Attributes:
        drug: the drug's identifier, for its colour.
        title: the finding, short.
        subtitle: what is shown, short.
        periods: `level`, `unit_id`, `unit_name`, `period`, `n_sites`, `mean_mg_per_day_per_1000` [mg/day/1000],
            sorted by unit and period, one kind of period.
        baseline_period, current_period: the periods compared, None where there is nothing to compare yet.
        baseline, current: the means of the panel [mg/day/1000], None where there are none.
        is_simulated: whether any of it is simulated.
    """

    drug: str
    title: str
    subtitle: str
    periods: pl.DataFrame
    baseline_period: str | None
    current_period: str | None
    baseline: float | None
    current: float | None
    is_simulated: bool


def trend(data: TrendData, labels: TrendLabels) -> go.Figure:
    """The figure of one drug's trend.

    A gap in the data is a gap in the line. With more areas than `MOST_NAMED_AREAS` their lines cannot be told apart.
    """
    figure = go.Figure()
    areas = data.periods.filter(pl.col("level") == "area").partition_by("unit_id", maintain_order=True)
    for trace in _areas(areas, labels):
        figure.add_trace(trace)
    figure.add_trace(_network(data, labels))
    for trace in _panel(data, labels):
        figure.add_trace(trace)
    both = ((data.baseline_period, labels.baseline), (data.current_period, labels.current))
    marked = [(period, word) for period, word in both if period is not None]
    figure.update_layout(
        template=theme.TEMPLATE,
        title={"text": in_figure(data.title), "subtitle": {"text": _subtitle(data, labels)}},
        showlegend=True,
        shapes=[_band(period) for period, _ in marked],
        annotations=[_name(period, word) for period, word in marked] + _watermark(data, labels),
        xaxis={
            "type": "date",
            "range": _range(data),
            "dtick": _step(data),
            "tickformat": "%Y",
            "ticklabelmode": "period",
        },
        yaxis={"title": {"text": labels.axis, "standoff": 8}, "range": [0, _top(data)]},
    )
    return figure


def _series(unit: pl.DataFrame) -> dict[str, list[Any]]:
    """Days and means of one unit, with an empty place for each period that is missing."""
    means = dict(unit.select("period", "mean_mg_per_day_per_1000").iter_rows())
    sites = dict(unit.select("period", "n_sites").iter_rows())
    periods = without_gaps(list(means))
    return {
        "x": [middle(period).isoformat() for period in periods],
        "y": [_rounded(means.get(period)) for period in periods],
        "customdata": [[period, amount(means.get(period)), sites.get(period)] for period in periods],
    }


def _rounded(mean: float | None) -> float | None:
    """The mean with as many digits as a screen can show: the page stays small."""
    return None if mean is None else float(f"{mean:.5g}")


def _areas(areas: list[pl.DataFrame], labels: TrendLabels) -> list[go.Scatter]:
    look = {"mode": "lines+markers", "line": {"color": theme.QUIET, "width": 1}, "marker": {"size": 3}}
    if len(areas) <= MOST_NAMED_AREAS:
        return [
            go.Scatter(
                **_series(area),
                **look,
                opacity=0.7,
                name=labels.areas,
                text=[in_figure(area["unit_name"][0] or area["unit_id"][0])] * len(without_gaps(list(area["period"]))),
                legendgroup="areas",
                legendrank=3,
                showlegend=number == 0,
                hovertemplate=f"%{{text}}<br>%{{customdata[0]}}: %{{customdata[1]}} {labels.unit}<extra></extra>",
            )
            for number, area in enumerate(areas)
        ]
    x: list[str | None] = []
    y: list[float | None] = []
    for area in areas:
        series = _series(area)
        x += [*series["x"], None]
        y += [*series["y"], None]
    return [
        go.Scatter(
            x=x,
            y=y,
            mode="lines",
            line=look["line"],
            opacity=0.35,
            name=labels.areas,
            hoverinfo="skip",
            connectgaps=False,
        )
    ]


def _network(data: TrendData, labels: TrendLabels) -> go.Scatter:
    colour = theme.colour_of(data.drug)
    return go.Scatter(
        **_series(data.periods.filter(pl.col("level") == "network")),
        mode="lines+markers",
        line={"color": colour, "width": 3},
        marker={"size": 7, "color": colour},
        name=labels.network,
        legendrank=1,
        hovertemplate=(
            f"%{{customdata[0]}}: %{{customdata[1]}} {labels.unit}<br>%{{customdata[2]}} {labels.sites}"
            f"<extra>{labels.network}</extra>"
        ),
    )


def _panel(data: TrendData, labels: TrendLabels) -> list[go.Scatter]:
    compared = ((data.baseline_period, data.baseline), (data.current_period, data.current))
    found = [(period, mean) for period, mean in compared if period is not None and mean is not None]
    return [
        go.Scatter(
            x=[day.isoformat() for day in span(period)],
            y=[_rounded(mean)] * 2,
            mode="lines",
            line={"color": theme.colour_of(data.drug), "width": 3, "dash": "5px,3px"},
            name=labels.panel,
            legendgroup="panel",
            legendrank=2,
            showlegend=number == 0,
            hovertemplate=f"{period}: {amount(mean)} {labels.unit}<extra>{labels.panel}</extra>",
        )
        for number, (period, mean) in enumerate(found)
    ]


def _subtitle(data: TrendData, labels: TrendLabels) -> str:
    return in_figure(f"{labels.simulated} · {data.subtitle}" if data.is_simulated else data.subtitle)


def _band(period: str) -> dict[str, Any]:
    start, end = span(period)
    return {
        "type": "rect",
        "layer": "below",
        "x0": start.isoformat(),
        "x1": end.isoformat(),
        "yref": "paper",
        "y0": 0,
        "y1": 1,
        "fillcolor": theme.BAND,
        "line": {"width": 0},
    }


def _name(period: str, word: str) -> dict[str, Any]:
    return {
        "text": f"{in_figure(word)}<br>{in_figure(period)}",
        "x": middle(period).isoformat(),
        "yref": "paper",
        "y": 1,
        "yanchor": "bottom",
        "showarrow": False,
        "font": {"size": 12},
    }


def _watermark(data: TrendData, labels: TrendLabels) -> list[dict[str, Any]]:
    if not data.is_simulated:
        return []
    place = {"xref": "paper", "yref": "paper", "x": 0.5, "y": 0.04, "yanchor": "bottom", "showarrow": False}
    return [{**place, "text": in_figure(labels.simulated), "opacity": 0.45, "font": {"size": 24, "color": theme.QUIET}}]


def _range(data: TrendData) -> list[str]:
    """The years that hold all of the periods, drawn or compared."""
    compared = [period for period in (data.baseline_period, data.current_period) if period is not None]
    days = [day for period in [*data.periods["period"], *compared] for day in span(period)]
    first, last = min(days), max(days)
    after = last.year if (last.month, last.day) == (1, 1) else last.year + 1
    return [f"{first.year}-01-01", f"{after}-01-01"]


def _step(data: TrendData) -> str:
    """Years between two ticks: at most eight of them fit on a narrow screen."""
    first, after = (int(day[:4]) for day in _range(data))
    return f"M{12 * -(-(after - first) // 8)}"


def areas_cut(data: TrendData) -> int:
    """How many areas reach above the figure. The caption says so."""
    top = _top(data)
    above = data.periods.filter((pl.col("level") == "area") & (pl.col("mean_mg_per_day_per_1000") > top))
    return above["unit_id"].n_unique()


def _top(data: TrendData) -> float:
    """The upper end of the axis: areas far above the network may not squeeze its line flat."""
    means = data.periods.select("level", "mean_mg_per_day_per_1000").drop_nulls()
    network = means.filter(pl.col("level") == "network")["mean_mg_per_day_per_1000"].to_list()
    areas = means.filter(pl.col("level") == "area")["mean_mg_per_day_per_1000"].to_list()
    highest = max([*network, data.baseline or 0.0, data.current or 0.0])
    return 1.1 * max(highest, min(max(areas, default=0.0), 3 * highest)) or 1.0
