"""How the amount of one drug went over time at one place: its interval, what lies below limits, the periods compared.

Of the network, areas as thin lines behind it.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

from dashboards import theme
from dashboards.addresses import of_place
from dashboards.figures.words import TrendLabels
from dashboards.labels import amount, in_figure
from pipeline.spans import middle, span, without_gaps

Trace = dict[str, Any]
Row = dict[str, Any]

_NEAR_EDGE = 0.06
MOST_NAMED_AREAS = 12
"""Up to here each area is a line that tells its name; more of them become one quiet texture."""


class TrendData(NamedTuple):
    """What is drawn.

    Attributes:
        drug: the drug's identifier, for its colour.
        title: the finding, short.
        subtitle: what is shown, short.
        name: that of the bold line.
        periods: a row a period, with `level`, `unit_id`, `unit_name`, `period`, `n_sites`, `n_days`, `n_censored`,
            `mean_mg_per_day_per_1000` [mg/day/1000] with its interval, sorted, of one kind; drawn bold.
        areas: the same of each area that is drawn thin behind it.
        baseline_period, current_period: the periods compared, None where there is nothing to compare yet.
        baseline, current: the means of the panel [mg/day/1000], None where there are none.
        events: first day, day after the last (None: it lasts) and name of what happened.
        laboratories: days from which on another laboratory measured, and what is said of it.
        said: the periods in words, by their names; a name without any stands for itself.
        is_simulated: whether any of it is simulated.
    """

    drug: str
    title: str
    subtitle: str
    name: str
    periods: Sequence[Row]
    areas: Sequence[Sequence[Row]]
    baseline_period: str | None
    current_period: str | None
    baseline: float | None
    current: float | None
    events: tuple[tuple[date, date | None, str], ...]
    laboratories: tuple[tuple[date, str], ...]
    said: Mapping[str, str]
    is_simulated: bool


def trend(data: TrendData, labels: TrendLabels) -> theme.Figure:
    """The figure of one drug's trend.

    A gap in the data is a gap in the line. With more areas than `MOST_NAMED_AREAS` their lines cannot be told apart.
    """
    both = ((data.baseline_period, labels.baseline), (data.current_period, labels.current))
    marked = [(period, word) for period, word in both if period is not None]
    layout = {
        "title": theme.head(data.title, data.subtitle, labels.simulated, is_simulated=data.is_simulated),
        "showlegend": True,
        "shapes": [
            *(_band(period) for period, _ in marked),
            *(_event(*event[:2]) for event in data.events),
            *(_other_laboratory(day) for day, _ in data.laboratories),
        ],
        "annotations": [
            *(_name(data, period, word) for period, word in marked),
            *(_name_along(first, name) for first, _, name in data.events),
            *(_name_along(day, text, is_below=True) for day, text in data.laboratories),
            *theme.watermark(labels.simulated, is_simulated=data.is_simulated),
        ],
        "xaxis": {
            "type": "date",
            "range": _range(data),
            "dtick": _step(data),
            "tickformat": "%Y",
            "ticklabelmode": "period",
        },
        "yaxis": {"title": {"text": labels.axis, "standoff": 8}, "range": [0, _top(data)]},
    }
    traces = [*_areas(data, labels), *_interval(data, labels), *_bold(data, labels), *_panel(data, labels)]
    return {"data": traces, "layout": layout}


def _series(unit: Sequence[Row], said: Mapping[str, str]) -> Trace:
    """Days and means of one unit, with an empty place for each period that is missing."""
    rows = {row["period"]: row for row in unit}
    periods = without_gaps(list(rows))
    means = [rows[period]["mean_mg_per_day_per_1000"] if period in rows else None for period in periods]
    told = [
        [period, amount(mean), rows.get(period, {}).get("n_sites")] for period, mean in zip(periods, means, strict=True)
    ]
    return {
        "type": "scatter",
        "x": [middle(period).isoformat() for period in periods],
        "y": [None if mean is None else theme.rounded(mean) for mean in means],
        "customdata": told,
        "text": [said.get(period, period) for period in periods],
    }


def _areas(data: TrendData, labels: TrendLabels) -> list[Trace]:
    areas = data.areas
    look = {"mode": "lines+markers", "line": {"color": theme.QUIET, "width": 1}, "marker": {"size": 3}}
    if len(areas) <= MOST_NAMED_AREAS:
        return [
            {
                **_series(area, data.said),
                **look,
                "opacity": 0.7,
                "name": labels.areas,
                # Its name, and the page a click on its points leads to.
                "meta": [in_figure(area[0]["unit_name"] or area[0]["unit_id"]), of_place("area", area[0]["unit_id"])],
                "legendgroup": "areas",
                "legendrank": 4,
                "showlegend": number == 0,
                "hovertemplate": f"%{{meta[0]}}<br>%{{text}}: %{{customdata[1]}} {labels.unit}<extra></extra>",
            }
            for number, area in enumerate(areas)
        ]
    x: list[str | None] = []
    y: list[float | None] = []
    for area in areas:
        series = _series(area, data.said)
        x += [*series["x"], None]
        y += [*series["y"], None]
    quiet = {"mode": "lines", "line": look["line"], "opacity": 0.35, "hoverinfo": "skip", "connectgaps": False}
    return [{"type": "scatter", "x": x, "y": y, "name": labels.areas, "legendrank": 4, **quiet}]


def _interval(data: TrendData, labels: TrendLabels) -> list[Trace]:
    """The interval of the bold line as a band, one piece for each run of periods that have one."""
    rows = {row["period"]: row for row in data.periods}
    pieces: list[list[tuple[str, float, float]]] = [[]]
    for period in without_gaps(list(rows)):
        low, high = (rows.get(period, {}).get(f"ci_{end}_mg_per_day_per_1000") for end in ("low", "high"))
        if low is None or high is None:
            pieces.append([])
        else:
            pieces[-1].append((middle(period).isoformat(), low, high))
    x: list[str | None] = []
    y: list[float | None] = []
    for piece in filter(None, pieces):
        # There and back again; a single period is a line from end to end.
        x += [day for day, _, _ in piece] + [day for day, _, _ in reversed(piece)] + [None]
        y += (
            [theme.rounded(high) for _, _, high in piece]
            + [theme.rounded(low) for _, low, _ in reversed(piece)]
            + [None]
        )
    if not x:
        return []
    colour = theme.colour_of(data.drug)
    look = {"mode": "lines", "line": {"color": theme.faint(colour, 0.55), "width": 1}}
    fill = {"fill": "toself", "fillcolor": theme.faint(colour, 0.18), "hoverinfo": "skip"}
    return [{"type": "scatter", "x": x[:-1], "y": y[:-1], **look, **fill, "name": labels.interval, "legendrank": 2}]


def _bold(data: TrendData, labels: TrendLabels) -> list[Trace]:
    if not data.periods:
        return []
    colour = theme.colour_of(data.drug)
    series = _series(data.periods, data.said)
    rows = {row["period"]: row for row in data.periods}
    told, hollow = [], []
    for (period, mean, n_sites), value in zip(series["customdata"], series["y"], strict=True):
        row = rows.get(period, {})
        ends = [amount(row.get(f"ci_{end}_mg_per_day_per_1000")) for end in ("low", "high")]
        n_days, n_censored = row.get("n_days") or 0, row.get("n_censored") or 0
        told.append([period, mean, *ends, n_sites, n_days, n_censored])
        hollow.append(value is not None and 2 * n_censored > n_days)
    line = {
        **series,
        "customdata": told,
        "mode": "lines+markers",
        "line": {"color": colour, "width": 3},
        "marker": {
            **_point(colour),
            "symbol": ["circle-open" if is_hollow else "circle" for is_hollow in hollow] if any(hollow) else "circle",
        },
        "name": in_figure(data.name),
        "meta": "origin",  # a click on its points leads to where they come from
        "legendrank": 1,
        "hovertemplate": labels.hover + f"<extra>{in_figure(data.name)}</extra>",
    }
    if not any(hollow):
        return [line]
    key = {**_point(colour), "symbol": "circle-open"}
    return [
        line,
        {
            "type": "scatter", "x": [None], "y": [None], "mode": "markers", "marker": key, "name": labels.hollow,
            "legendrank": 3, "hoverinfo": "skip",
        },
    ]  # fmt: skip


def _point(colour: str) -> dict[str, Any]:
    """How a point of the bold line looks.

    With its rim it is 8 wide. Of the points that the mouse is on the library takes the smallest, those up to 6 alike,
    and of these the last: one of 8 would hardly be found where a thin line's lies under it.
    """
    return {"size": 6, "color": colour, "line": {"width": 2, "color": colour}}


def _panel(data: TrendData, labels: TrendLabels) -> list[Trace]:
    compared = ((data.baseline_period, data.baseline), (data.current_period, data.current))
    found = [(period, mean) for period, mean in compared if period is not None and mean is not None]
    return [
        {
            "type": "scatter",
            "x": [day.isoformat() for day in span(period)],
            "y": [theme.rounded(mean)] * 2,
            "mode": "lines",
            "line": {"color": theme.colour_of(data.drug), "width": 3, "dash": "5px,3px"},
            "name": labels.panel,
            "legendgroup": "panel",
            "legendrank": 3,
            "showlegend": number == 0,
            "hovertemplate": f"{data.said.get(period, period)}: {amount(mean)} {labels.unit}"
            f"<extra>{labels.panel}</extra>",
        }
        for number, (period, mean) in enumerate(found)
    ]


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


def _name(data: TrendData, period: str, word: str) -> dict[str, Any]:
    start, end = (date.fromisoformat(day).toordinal() for day in _range(data))
    place = (middle(period).toordinal() - start) / (end - start)
    # At the edges of a long time a name would reach out of the figure.
    anchor = "left" if place < _NEAR_EDGE else "right" if place > 1 - _NEAR_EDGE else "center"
    return {
        "text": f"{in_figure(word)}<br>{in_figure(data.said.get(period, period))}",
        "x": middle(period).isoformat(),
        "xanchor": anchor,
        "yref": "paper",
        "y": 1,
        "yanchor": "bottom",
        "showarrow": False,
        "font": {"size": 12},
    }


def _event(first: date, after: date | None) -> dict[str, Any]:
    """A line where something happened once or began to last, a band where it had an end."""
    return {
        "type": "rect",
        "layer": "below",
        "x0": first.isoformat(),
        "x1": (after or first).isoformat(),
        "yref": "paper",
        "y0": 0,
        "y1": 1,
        "fillcolor": theme.BAND,
        "line": {"width": 1, "color": theme.QUIET, "dash": "2px,2px"},
    }


def _other_laboratory(day: date) -> dict[str, Any]:
    return {
        "type": "line",
        "layer": "below",
        "x0": day.isoformat(),
        "x1": day.isoformat(),
        "yref": "paper",
        "y0": 0,
        "y1": 1,
        "line": {"width": 2, "color": theme.QUIET, "dash": "dot"},
    }


def _name_along(day: date, name: str, *, is_below: bool = False) -> dict[str, Any]:
    """A name along the line of its day: of events from above, else from below."""
    return {
        "text": theme.short(name),
        "x": day.isoformat(),
        "yref": "paper",
        "y": 0.02 if is_below else 0.98,
        "xanchor": "left",
        "yanchor": "bottom" if is_below else "top",
        "textangle": 90,
        "showarrow": False,
        "font": {"size": 11},
        "opacity": 0.8,
    }


def _range(data: TrendData) -> list[str]:
    """The years that hold all of the periods, drawn or compared."""
    compared = [period for period in (data.baseline_period, data.current_period) if period is not None]
    drawn = {row["period"] for of in (data.periods, *data.areas) for row in of}
    days = [day for period in drawn.union(compared) for day in span(period)]
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
    return sum(any(mean > top for mean in _means(area)) for area in data.areas)


def interval_is_cut(data: TrendData) -> bool:
    """Whether the interval reaches above the figure anywhere. The caption says so."""
    top = _top(data)
    return any((row["ci_high_mg_per_day_per_1000"] or 0.0) > top for row in data.periods)


def _top(data: TrendData) -> float:
    """The upper end of the axis: areas far above the network may not squeeze its line flat."""
    areas = [mean for area in data.areas for mean in _means(area)]
    highest = max([*_means(data.periods), data.baseline or 0.0, data.current or 0.0])
    # An interval may reach far above as well.
    intervals = [end for row in data.periods if (end := row["ci_high_mg_per_day_per_1000"]) is not None]
    above = max(max(areas, default=0.0), max(intervals, default=0.0))
    return 1.1 * max(highest, min(above, 3 * highest)) or 1.0


def _means(rows: Sequence[Row]) -> list[float]:
    return [row["mean_mg_per_day_per_1000"] for row in rows if row["mean_mg_per_day_per_1000"] is not None]
