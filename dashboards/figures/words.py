"""The words in figures, in English; `translated` gives them in another language. No figure is drawn here."""

from typing import NamedTuple, TypeVar

from dashboards.labels import SIMULATED, UNIT
from dashboards.languages import N_, words


class TrendLabels(NamedTuple):
    """The words in a figure of a trend."""

    axis: str = N_("mg/day per 1000 inhabitants")
    unit: str = UNIT
    areas: str = N_("Areas")
    interval: str = N_("95 % interval")
    hollow: str = N_("More than half of the days below limits")
    panel: str = N_("Same sites, mean of the period")
    baseline: str = N_("baseline")
    current: str = N_("current")
    hover: str = N_(
        "%{text}: %{customdata[1]} mg/day/1000<br>95 % interval: %{customdata[2]} to %{customdata[3]}"
        "<br>sites: %{customdata[4]}<br>site-days: %{customdata[5]}, below limits: %{customdata[6]}"
    )
    simulated: str = SIMULATED


class DumbbellLabels(NamedTuple):
    """The words in a figure of places from the baseline to now."""

    baseline: str
    current: str
    axis: str = N_("mg/day per 1000 inhabitants")
    hover: str = N_("%{customdata[0]}<br>from %{customdata[1]} to %{customdata[2]} mg/day/1000<br>%{customdata[3]}")
    simulated: str = SIMULATED


class PartsLabels(NamedTuple):
    """The words in a figure of the parts of a change."""

    axis: str = N_("percentage points of the baseline")
    simulated: str = SIMULATED


class WaysLabels(NamedTuple):
    """The words in a figure of a change by several ways."""

    axis: str = N_("change, with its 95 % interval")
    simulated: str = SIMULATED


class PlanLabels(NamedTuple):
    """The words in a figure of a plan."""

    x_axis: str = "days sampled at each site, in each of the two periods"
    y_axis: str = "smallest fall that is seen [%]"
    smallest: str = "Smallest fall that is seen"
    asked: str = "Fall that is asked for"
    needed: str = "Days it takes"
    floor: str = "Seen by no number of days"
    days: str = "days"
    simulated: str = SIMULATED


class GridLabels(NamedTuple):
    """The words in a figure of places by periods."""

    scale: str = N_("mg/day per 1000 inhabitants")
    hover: str = N_("%{customdata[0]}, %{customdata[1]}: %{customdata[2]} mg/day/1000")
    simulated: str = SIMULATED


class RhythmLabels(NamedTuple):
    """The words in a figure of the days of the week."""

    axis: str = N_("of the mean of the week [%]")
    middle: str = N_("middle of the weeks and sites")
    half: str = N_("half of them lie here")
    simulated: str = SIMULATED


class BudgetLabels(NamedTuple):
    """The words in a figure of what an interval is made of."""

    axis: str = N_("share of the variance [%]")
    simulated: str = SIMULATED


class MapLabels(NamedTuple):
    """The words in a figure of sites where they lie."""

    fall: str = N_("fall")
    rise: str = N_("rise")
    same: str = N_("no change detected")
    untold: str = N_("no verdict")
    x_axis: str = N_("longitude [°]")
    y_axis: str = N_("latitude [°]")
    simulated: str = SIMULATED


class EffectsLabels(NamedTuple):
    """The words in a figure of what events did."""

    axis: str = N_("effect, with its 95 % interval [%]")
    effect: str = N_("effect of the event")
    elsewhere: str = N_("the same asked of dates at which nothing happened")
    simulated: str = SIMULATED


_Labels = TypeVar(
    "_Labels", TrendLabels, DumbbellLabels, PartsLabels, WaysLabels, GridLabels, RhythmLabels, BudgetLabels, MapLabels,
    EffectsLabels,
)  # fmt: skip


def translated(of: _Labels, language: str) -> _Labels:
    """The words of a figure in a language."""
    _ = words(language)
    return of._replace(**{name: _(text) for name, text in of._asdict().items()})
