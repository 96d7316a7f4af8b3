"""The page that compares any two places or drugs. What is compared is chosen in the browser: its script draws it."""

from collections.abc import Iterator
from typing import Any

from dashboards import labels, rendering, theme
from dashboards.addresses import of_place, slug
from dashboards.edition import Edition, Place
from dashboards.languages import N_, words
from dashboards.pages import changes as told
from dashboards.pages.page import Page
from dashboards.series_files import name_of

_WORDS = {
    "axis": N_("mg/day per 1000 inhabitants"),
    "index": N_("baseline = 100"),
    "interval": N_("95 % interval"),
    "hover": N_("%{text}: %{customdata} mg/day/1000"),
    "caption": N_("{a}, and {b}: means [mg/day/1000] of each period."),
    "period": N_("Period"),
    "noIndex": N_("There is no mean of the baseline of {series}: amounts are shown."),
    "same": N_("Both are the same: choose another place or drug."),
    "unknown": N_("Not here, so something else is shown: {names}."),
    "missing": N_("{drug} was not measured in {place}, or has no mean there."),
    "ends": N_("{low} to {high}"),
    "finding": N_("{name}: {change}."),
}
"""What the script says, by the names it knows."""


def pages(edition: Edition, language: str) -> Iterator[Page]:
    """The page."""
    _ = words(language)
    places = [place for place in edition.places if _drugs_of(edition, place)]
    if places:
        content = _content(edition, places, language)
        yield Page("compare.html", "compare.html.j2", _("Compare"), (), content | {"draws": True})
    else:
        yield Page("compare.html", "compare.html.j2", _("Compare"), (), {"places": []})


def _content(edition: Edition, places: list[Place], language: str) -> dict[str, Any]:
    _ = words(language)
    periods = sorted({row["period"] for rows in edition.series.values() for row in rows})
    drugs = {slug(drug): [edition.title_of(drug, language), theme.colour_of(drug)] for drug in edition.drugs}
    data = {
        "words": {name: _(text) for name, text in _WORDS.items()} | {"between": "" if language == "zh" else " "},
        "periods": {period: labels.period(period, language) for period in periods},
        "drugs": drugs,
        "addresses": {name_of(place): of_place(*place.key) for place in places},
        "start": _start(edition, places),
        "simulated": _(labels.SIMULATED) if edition.is_simulated else "",
    }
    return {
        "places": [
            (level, [(name_of(place), told.called(place, language)) for place in places if place.level == level])
            for level in ("network", "area", "site")
        ],
        "drugs": drugs,
        "comparison": edition.main,
        "island": rendering.json_island(data),
    }


def _drugs_of(edition: Edition, place: Place) -> list[str]:
    return [drug for drug in edition.drugs if edition.has_mean(place, drug)]


def _start(edition: Edition, places: list[Place]) -> list[list[str]]:
    """What is compared before anything is chosen: one drug at two places, else two drugs at one."""
    first = places[0]
    drugs = _drugs_of(edition, first)
    second = next((place for place in places[1:] if drugs[0] in _drugs_of(edition, place)), None)
    if second is not None:
        return [[name_of(first), slug(drugs[0])], [name_of(second), slug(drugs[0])]]
    return [[name_of(first), slug(drugs[0])], [name_of(first), slug(drugs[-1])]]
