"""How figures look: one small template and one colour a drug. No data."""

from typing import Any

import plotly.graph_objects as go
import plotly.io as pio

from dashboards.labels import in_figure

Figure = dict[str, Any]
"""A figure as plotly.js reads it: `data` and `layout`. Plain, for an edition has thousands, and plotly checks each
while it is made; a test has it check one of each kind instead. The template stands once a page."""

COLOURS: dict[str, str] = {
    "methamphetamine": "#1079ba",
    "amphetamine": "#009271",
    "cocaine": "#d55e00",
    "mdma": "#c0649b",
    "ketamine": "#8a6ad1",
    "heroin": "#a8741a",
    "cannabis": "#4f8a2e",
    "etomidate": "#b0596a",
    "codeine": "#3f8aa8",
}
"""The colour of each drug. All keep a contrast of 3:1 on the light and on the dark page, inside the bands too; the
first six are told apart with red-green blindness (after Okabe and Ito, darkened where the light page asks for it)."""

OTHER_COLOUR = "#667a94"
"""The colour of a drug without one of its own."""

QUIET = "#8a919b"
"""The colour of what stands in the background, on either page."""

BAND = "rgba(128,134,145,0.16)"
GRID = "rgba(128,134,145,0.28)"
_MOST_SIGNS = 26
_FONT = (
    "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', 'PingFang SC', 'Microsoft YaHei',"
    " 'Noto Sans CJK SC', sans-serif"
)

TEMPLATE = "permille"
pio.templates[TEMPLATE] = go.layout.Template(
    layout={
        "font": {"family": _FONT, "size": 13, "color": "#1b2530"},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "title": {
            "x": 0,
            "xref": "container",
            "xanchor": "left",
            "y": 1,
            "yref": "container",
            "yanchor": "top",
            "pad": {"t": 8},
            "font": {"size": 16},
            "subtitle": {"font": {"size": 12}},
        },
        "margin": {"l": 56, "r": 12, "t": 96, "b": 64},
        "dragmode": False,
        "hovermode": "closest",
        "hoverlabel": {"bgcolor": "#1b2530", "bordercolor": "#1b2530", "font": {"color": "#ffffff"}},
        "legend": {"orientation": "h", "x": 0, "xanchor": "left", "y": -0.14, "yanchor": "top"},
        "xaxis": {
            "title": {"font": {"size": 13}},
            "showgrid": False,
            "linecolor": QUIET,
            "ticks": "outside",
            "tickcolor": QUIET,
            "fixedrange": True,
        },
        "yaxis": {
            "automargin": True,
            "title": {"font": {"size": 13}},
            "gridcolor": GRID,
            "zeroline": True,
            "zerolinecolor": QUIET,
            "fixedrange": True,
            "rangemode": "tozero",
            "exponentformat": "none",
            "separatethousands": True,
        },
    }
)


def colour_of(drug: str) -> str:
    """The colour of a drug, the same in every figure.

    >>> colour_of("methamphetamine"), colour_of("something new")
    ('#1079ba', '#667a94')
    """
    return COLOURS.get(drug, OTHER_COLOUR)


def template() -> dict[str, Any]:
    """The template, as plotly.js reads it."""
    made: dict[str, Any] = pio.templates[TEMPLATE].to_plotly_json()
    return made


def faint(colour: str, share: float) -> str:
    """A colour of which the page shows through.

    >>> faint("#1079ba", 0.2)
    'rgba(16,121,186,0.2)'
    """
    red, green, blue = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    return f"rgba({red},{green},{blue},{share})"


def head(title: str, subtitle: str, simulated: str, *, is_simulated: bool) -> dict[str, Any]:
    """Title and subtitle of a figure, both delivered texts until here; of simulated data the subtitle says so."""
    shown = f"{simulated} · {subtitle}" if is_simulated else subtitle
    return {"text": in_figure(title), "subtitle": {"text": in_figure(shown)}}


def rounded(value: float) -> float:
    """A figure with as many digits as a screen can show: the page stays small.

    >>> rounded(123.456789)
    123.46
    """
    return float(f"{value:.5g}")


def short(name: str) -> str:
    """A delivered name, escaped, as narrow screens have room for.

    >>> short("Wastewater treatment plant of the northern districts")
    'Wastewater treatment plan…'
    """
    return in_figure(name if len(name) <= _MOST_SIGNS else f"{name[: _MOST_SIGNS - 1]}…")


def watermark(text: str, *, is_simulated: bool) -> list[dict[str, Any]]:
    """What stands across a figure of simulated data, wherever it is copied to; all of the figure is seen through it."""
    if not is_simulated:
        return []
    place = {"xref": "paper", "yref": "paper", "x": 0.5, "y": 0.5, "showarrow": False, "textangle": -20}
    return [{**place, "text": text, "opacity": 0.22, "font": {"size": 22, "color": QUIET}}]
