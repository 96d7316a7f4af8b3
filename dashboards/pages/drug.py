"""The page of a drug: change and trend, where, what it is made of, what else could have made it, by which method."""

from collections.abc import Iterator
from typing import Any

from dashboards import addresses, labels
from dashboards.edition import NETWORK, Edition, Row
from dashboards.languages import N_, words
from dashboards.pages import changes as told
from dashboards.pages import drug_figures as drawn
from dashboards.pages.page import Page
from dashboards.pages.series import how_to_read, trend_of

DIRECTIONS = {
    "falling": N_("falling"),
    "rising": N_("rising"),
    "no trend detected": N_("no trend detected"),
    "not estimable": N_("not estimable"),
}
KINDS = {"year": N_("years"), "quarter": N_("quarters"), "month": N_("months")}
METHODS = {
    "mann_kendall": "Mann-Kendall",
    "hamed_rao": "Hamed-Rao",
    "seasonal_kendall": N_("seasonal Kendall"),
    "hirsch_slack": "Hirsch-Slack",
    "akritas_theil_sen": "Akritas-Theil-Sen",
}


def pages(edition: Edition, language: str) -> Iterator[Page]:
    """One page a drug."""
    for drug in edition.drugs:
        name = edition.title_of(drug, language)
        content = _content(edition, drug, name, language)
        yield Page(addresses.of_drug(drug), "drug.html.j2", name, (), content)


def _content(edition: Edition, drug: str, name: str, language: str) -> dict[str, Any]:
    key = (*NETWORK, drug)
    compared = edition.main
    row = edition.changes.get((*key, compared)) if compared else None
    change = told.in_words(edition, row, language) if row else None
    effects = _effects(edition, drug, language)
    found: dict[str, Any] = {
        "drug": drug,
        "name": name,
        "newest": told.newest(edition, key, language),
        "comparison": compared,
        "change": change,
        "targets": told.targets(edition, language, drug=drug),
        "sentence": told.sentence(edition, change, compared, language) if change and compared else None,
        "trend": trend_of(edition, key, name, language),
        "how_to_read": how_to_read(edition, "network", language),
        "over_time": drawn.over_time(edition, drug, name, language),
        "rhythm": drawn.of_week(edition, drug, name, language),
        "trends": trends_in_words(edition.trends.get(key, []), language),
        "all_comparisons": _all_comparisons(edition, key, language),
        "places": None,
        "map": None,
        "split": None,
        "uncertainty": None,
        "tests": [],
        "ways": None,
        "effects": effects,
        "effects_figure": drawn.of_events(edition, drug, name, effects, language),
    }
    if change and compared:
        found |= {
            "places": (places := drawn.where(edition, drug, name, compared, language)),
            "map": drawn.on_a_map(edition, places["rows"], name, language),
            "split": drawn.split(edition, change, language),
            "uncertainty": drawn.of_uncertainty(edition, change, language),
            "tests": told.tests_in_words(edition.tests.get((*key, compared), []), change, language),
            "ways": drawn.all_ways(edition, change, key, language),
        }
    return found


def _all_comparisons(edition: Edition, key: tuple[str, str, str], language: str) -> list[Row]:
    found = [edition.changes.get((*key, compared)) for compared in edition.comparisons]
    return [told.in_words(edition, row, language) for row in found if row]


def trends_in_words(rows: list[Row], language: str) -> list[Row]:
    """The rows of a table of trends."""
    _ = words(language)
    return [
        {
            **row,
            "kind": labels.said(KINDS, row["period_kind"], language),
            "n_of": labels.count(row["n_periods"])
            if not row["n_periods_left_out"]
            else _("{n} of {all}").format(
                n=labels.count(row["n_periods"]), all=labels.count(row["n_periods"] + row["n_periods_left_out"])
            ),
            "slope": labels.signed(row["slope_mg_per_day_per_1000_per_year"]),
            "slope_ends": None
            if row["ci_low_mg_per_day_per_1000_per_year"] is None
            else _("{low} to {high}").format(
                low=labels.signed(row["ci_low_mg_per_day_per_1000_per_year"]),
                high=labels.signed(row["ci_high_mg_per_day_per_1000_per_year"]),
            ),
            "direction_in_words": labels.said(DIRECTIONS, row["direction"], language),
            "method_in_words": labels.said(METHODS, row["method"], language),
            "because": labels.because(row["reason"], language=language),
        }
        for row in rows
    ]


def _effects(edition: Edition, drug: str, language: str) -> list[Row]:
    return [
        {
            **row,
            "verdict_in_words": labels.said(labels.VERDICTS, row["verdict"], language),
            "because": labels.because(row["reason"], language=language),
        }
        for row in edition.rows("event_effects")
        if row["drug"] == drug
    ]
