"""The means of each place beside the pages, for the page that compares: a script a place, fetched when it is chosen.

Scripts, as a page opened from the disk may read nothing else. What is said of a change stands in them in every
language, so that it is said as on all other pages.
"""

from pathlib import Path
from typing import Any

from dashboards import labels
from dashboards.addresses import slug
from dashboards.edition import Edition, Place, Row
from dashboards.languages import LANGUAGES
from dashboards.pages import changes as told
from dashboards.rendering import packed
from pipeline.spans import middle, without_gaps

OF_CHANGE = ("baseline", "current", "change", "interval", "verdict", "credibility", "newest", "line")
"""What is said of a change, in this order; `line` is all of it in one."""
OF_PERIOD = ("mean_mg_per_day_per_1000", "ci_low_mg_per_day_per_1000", "ci_high_mg_per_day_per_1000")
"""What is kept of a period, in this order, behind its name and the day in its middle."""


def name_of(place: Place) -> str:
    """A place, as files and addresses name it.

    >>> name_of(Place("site", "sim-01", "North"))
    'site-sim-01'
    """
    return f"{place.level}-{slug(place.unit_id)}"


def write_series(edition: Edition, folder: Path) -> None:
    """Writes a script for each place with means into a folder that exists."""
    for place in edition.places:
        found = {slug(drug): _of_drug(edition, place, drug) for drug in edition.drugs if edition.has_mean(place, drug)}
        if found:
            text = f'window.permilleSeries="{packed(found)}";\n'
            (folder / f"{name_of(place)}.js").write_bytes(text.encode())


def _of_drug(edition: Edition, place: Place, drug: str) -> Row:
    key = (*place.key, drug)
    rows = {row["period"]: row for row in edition.series[key]}
    change = edition.changes.get((*key, edition.main)) if edition.main else None
    return {
        "periods": [_of_period(period, rows.get(period)) for period in without_gaps(list(rows))],
        "baseline": change and change["baseline_mg_per_day_per_1000"],
        "said": {language: _said(edition, key, change, language) for language in LANGUAGES},
    }


def _of_period(period: str, row: Row | None) -> list[Any]:
    values = [row[name] if row else None for name in OF_PERIOD]
    # Of more digits than are shown: else some would be rounded twice.
    kept = [float(f"{value:.6g}") if isinstance(value, float) else value for value in values]
    return [period, middle(period).isoformat(), *kept]


def _said(edition: Edition, key: tuple[str, str, str], change: Row | None, language: str) -> list[str]:
    newest = told.newest(edition, key, language)
    if change is None:
        return ["–"] * 6 + [newest, "–"]
    row = told.in_words(edition, change, language)
    is_known = row["change_percent"] is not None
    return [
        labels.amount(row["baseline_mg_per_day_per_1000"]),
        labels.amount(row["current_mg_per_day_per_1000"]),
        labels.percent(row["change_percent"], language),
        labels.interval(row["ci_low_percent"], row["ci_high_percent"], language),
        row["verdict_in_words"] if is_known else labels.printable(row["because"]),
        row["credibility_in_words"] if row["verdict"] in ("fall", "rise") else "–",
        newest,
        told.in_a_line(row, language),
    ]
