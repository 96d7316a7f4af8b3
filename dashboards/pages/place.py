"""The page of an area or a site: each drug there, how it went, what is known of the place, what to look at."""

from collections.abc import Iterator
from typing import Any

from dashboards import addresses, labels
from dashboards.edition import Comparison, Edition, Place, Row
from dashboards.languages import words
from dashboards.pages import changes as told
from dashboards.pages.drug import trends_in_words
from dashboards.pages.heat import heat
from dashboards.pages.page import Page
from dashboards.pages.series import how_to_read, trend_of
from schemas.plausibility import RULES

_SENTENCES = {name: rule.sentence for name, rule in RULES.items()}
_REMEDIES = {name: rule.remedy for name, rule in RULES.items()}


def pages(edition: Edition, language: str) -> Iterator[Page]:
    """The page of all places, and one of each area and site."""
    _ = words(language)
    title = _("Areas and sites")
    yield Page("places.html", "places.html.j2", title, (), _all(edition, language))
    for place in edition.places:
        if place.level != "network":
            name = labels.printable(place.called)
            yield Page(
                place.address, "place.html.j2", name, ((title, "places.html"),), _content(edition, place, language)
            )


def _all(edition: Edition, language: str) -> dict[str, Any]:
    drugs = told.columns([told.in_words(edition, row, language) for row in edition.headline(edition.main)])
    tables = [
        (
            level,
            heat(edition, [place for place in edition.places if place.level == level], drugs, edition.main, language),
        )
        for level in ("area", "site")
        if edition.main
    ]
    shown = [place for place in edition.places if place.level != "network"]
    return {
        "comparison": edition.main,
        "drugs": drugs,
        "tables": [(level, rows) for level, rows in tables if any(any(row["cells"]) for row in rows)],
        "places": [{"name": place.called, "level": place.level, "address": place.address} for place in shown],
    }


def _content(edition: Edition, place: Place, language: str) -> dict[str, Any]:
    changes = [told.in_words(edition, row, language) for row in edition.headline(edition.main, place.key)]
    known = [row["drug"] for row in changes]
    drugs = known + [drug for drug in edition.drugs if (*place.key, drug) in edition.series and drug not in known]
    trends = [trend_of(edition, (*place.key, drug), edition.title_of(drug, language), language) for drug in drugs]
    sites = edition.sites_in.get(place.unit_id, []) if place.level == "area" else []
    facts = edition.site_facts.get(place.unit_id) if place.level == "site" else None
    counted_by = facts["population_method"] if facts else None
    return {
        "place": place,
        "name": place.called,
        "comparison": edition.main,
        "changes": [_change(edition, place, row, language) for row in changes],
        "targets": told.targets(edition, language, place=place),
        "trends": [trend for trend in trends if trend],
        "how_to_read": how_to_read(edition, place.level, language),
        "tests_of_trends": [
            row | {"name": edition.title_of(row["drug"], language)}
            for drug in drugs
            for row in trends_in_words(edition.trends.get((*place.key, drug), []), language)
        ],
        "sites": [_linked(edition, site) for site in sites],
        "areas": _areas_of(edition, place),
        "facts": facts,
        "counted_by": labels.said(labels.POPULATION_METHODS, counted_by, language) if counted_by else None,
        "newest": told.newest_of(facts, language) if facts else None,
        "findings": _findings(edition, place, language) if place.level == "site" else [],
    }  # fmt: skip


def _change(edition: Edition, place: Place, row: Row, language: str) -> Row:
    """A change with all that is said of it."""
    compared = Comparison(row["baseline_period"], row["current_period"])
    key = (*place.key, row["drug"])
    return {
        **row,
        "address": addresses.of_drug(row["drug"]),
        "newest": told.newest(edition, key, language),
        "sentence": told.sentence(edition, row, compared, language),
        "tests": told.tests_in_words(edition.tests.get((*key, compared), []), row, language),
    }


def _linked(edition: Edition, site: str) -> Row:
    facts = edition.site_facts.get(site)
    name = facts["site_name"] if facts else site
    has_page = site in edition.sites_with_page
    return {"name": name, "address": addresses.of_place("site", site) if has_page else None}


def _areas_of(edition: Edition, place: Place) -> list[Row]:
    """The areas a site lies in."""
    if place.level != "site":
        return []
    return [
        {"name": area.called, "address": area.address}
        for area in edition.places
        if area.level == "area" and place.unit_id in edition.sites_in.get(area.unit_id, [])
    ]


def _findings(edition: Edition, place: Place, language: str) -> list[Row]:
    """What wants looking at, of a site."""
    column = "residue_name_zh" if language == "zh" else "residue_name"
    names = {row["residue"]: row[column] or row["residue_name"] for row in edition.rows("factors")}
    return [
        {
            **row,
            "residue": names.get(row["residue"], row["residue"]),
            "sentence": labels.said(_SENTENCES, row["rule"], language),
            "remedy": labels.said(_REMEDIES, row["rule"], language),
            "when": labels.day(row["sampled_on"], language) if row["sampled_on"] else str(row["sampling_year"]),
        }
        for row in edition.findings.get(place.unit_id, [])
    ]
