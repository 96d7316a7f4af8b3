"""A trend's figure with its caption and table, of any place. No page is made here."""

from datetime import date
from typing import Any

from dashboards import labels
from dashboards.addresses import slug
from dashboards.edition import Comparison, Edition, Place, Row
from dashboards.figures.trend import MOST_NAMED_AREAS, TrendData, areas_cut, interval_is_cut, trend
from dashboards.figures.words import TrendLabels, translated
from dashboards.languages import N_, words
from dashboards.origins import file_of
from dashboards.pages import changes as told
from dashboards.series_files import name_of
from pipeline.spans import without_gaps

_MOST_LABORATORIES = 6
_SHARE_OF_SITES = 0.25
"""Of a place's sites, from which on another laboratory at some of them is marked."""
MEANS = {"quarter": N_("quarterly means"), "year": N_("yearly means")}
"""What a line is of, by the kind of its periods."""


def trend_of(edition: Edition, key: tuple[str, str, str], name: str, language: str) -> Row | None:
    """What stands in a trend's figure, caption and table; None where there is no mean to draw.

    Parameters
    ----------
    key
        Level, place and drug.
    name
        The drug's name in the language, as a line begins with it.
    """
    bold = edition.series.get(key)
    if bold is None or all(row["mean_mg_per_day_per_1000"] is None for row in bold):
        return None
    _ = words(language)
    level, _unit, drug = key
    areas = [part for (at, _, of), part in edition.series.items() if at == "area" and of == drug]
    areas = areas if level == "network" else []
    change = edition.changes.get((*key, edition.main)) if edition.main else None
    statuses = [row["factor_status"] for row in bold if row["factor_status"] is not None]
    mark = labels.factor_mark(
        is_provisional=any(row["is_provisional"] for row in bold), factor_status=statuses[0] if statuses else None
    )
    shown = _(", ").join(
        part
        for part in (
            labels.said(told.BASES, bold[0]["basis"], language),
            labels.said(MEANS, bold[0]["period_kind"], language),
            labels.resting_on(mark, language) if mark else "",
        )
        if part
    )
    is_compared = change is not None and change["change_percent"] is not None
    data = TrendData(
        drug=drug,
        title=_("{drug}: {change}").format(drug=name, change=told.finding(change, language)) if change else name,
        subtitle=shown,
        name=_("All sites") if level == "network" else name,
        periods=bold,
        areas=areas,
        baseline_period=edition.main.baseline if edition.main else None,
        current_period=edition.main.current if edition.main else None,
        baseline=change["baseline_mg_per_day_per_1000"] if change and is_compared else None,
        current=change["current_mg_per_day_per_1000"] if change and is_compared else None,
        events=_events(edition, key),
        laboratories=_other_laboratories(edition, key, language),
        said={period: labels.period(period, language) for period in _periods(edition, bold, areas)},
        is_simulated=edition.is_simulated,
    )
    return {
        "id": f"trend-{slug(drug)}",
        "origins": file_of(level, key[1]),
        "kind": bold[0]["period_kind"],
        "compare": f"compare.html#{name_of(Place(level, key[1], None))}/{slug(drug)}",
        "unit_id": edition.word_for(*key[:2]),
        "is_of_site": level == "site",
        "drug": drug,
        "name": name,
        "factor_mark": mark,
        "finding": _finding(name, change, edition.main, level, language),
        "key": _key(data, language),
        "caption": _("{drug} [mg/day/1000]: {shown}.").format(drug=name, shown=shown),
        "figure": trend(data, translated(TrendLabels(), language)),
        **_table(bold, areas, language),
    }


def _events(edition: Edition, key: tuple[str, str, str]) -> tuple[Any, ...]:
    """What happened at a place to a drug."""
    level, unit, drug = key
    if level == "network":
        here: set[str | None] | None = None
    elif level == "area":
        here = {unit, None}
    else:
        here = {area for area, sites in edition.sites_in.items() if unit in sites} | {None}
    found = {
        (row["starts_on"], row["ends_on"], row["event_name"])
        for row in edition.rows("events")
        if row["drug"] in (None, drug) and (here is None or row["area_id"] in here)
    }
    return tuple(sorted(found, key=lambda event: (event[0], event[2])))


def _periods(edition: Edition, bold: list[Row], areas: list[list[Row]]) -> set[str]:
    """All periods that a figure names."""
    drawn = {row["period"] for unit in (bold, *areas) for row in unit}
    return drawn | set(edition.main or ()) | set(without_gaps(sorted(drawn)))


def _other_laboratories(edition: Edition, key: tuple[str, str, str], language: str) -> tuple[tuple[date, str], ...]:
    """The days from which on another laboratory measured a drug at a site, or at several sites of a place."""
    _ = words(language)
    level, unit, drug = key
    if level == "site":
        found = [
            (row["changed_on"], _("laboratory: {name}").format(name=labels.printable(row["laboratory"])))
            for row in edition.laboratory_changes.get(drug, [])
            if row["site_id"] == unit
        ]
        # A site that is measured here and there by turns has no change to mark.
        return tuple(found) if len(found) <= _MOST_LABORATORIES else ()
    here = set(edition.sites_in.get(unit, [])) if level == "area" else edition.sites_with_page
    by_month: dict[tuple[int, int], dict[str, date]] = {}
    for row in edition.laboratory_changes.get(drug, []):
        if row["site_id"] in here:
            day = row["changed_on"]
            by_month.setdefault((day.year, day.month), {}).setdefault(row["site_id"], day)
    return tuple(
        (
            min(sites.values()),
            _("another laboratory at {sites}").format(sites=labels.things(len(sites), "site", "sites", language)),
        )
        for _month, sites in sorted(by_month.items())
        if len(sites) >= _SHARE_OF_SITES * len(here)
    )


def _finding(name: str, change: Row | None, compared: Comparison | None, level: str, language: str) -> str:
    """What a trend says, in a sentence computed from its numbers."""
    _ = words(language)
    if compared is None:
        return _("{drug}: there is one year so far, and nothing to compare it with.").format(drug=name)
    asked = {
        "drug": name,
        "baseline": labels.period(compared.baseline, language),
        "current": labels.period(compared.current, language),
    }
    if change is None:
        return _("{drug}: {baseline} and {current} were not compared.").format(**asked)
    if change["change_percent"] is None:
        because = labels.because(change["reason"], change["n_sites"] + change["n_sites_left_out"], language)
        return _("{drug}: the change from {baseline} to {current} is not estimable. {because}").format(
            **asked, because=because
        )
    asked |= {
        "change": told.finding(change, language),
        "before": labels.amount(change["baseline_mg_per_day_per_1000"]),
        "now": labels.amount(change["current_mg_per_day_per_1000"]),
        "sites": labels.things(change["n_sites"], "site", "sites", language),
    }
    if level == "site":
        return _("{drug}: {change}, from {before} mg/day/1000 in {baseline} to {now} in {current}.").format(**asked)
    return _(
        "{drug}: {change}, from {before} mg/day/1000 in {baseline} to {now} in {current}, over the same {sites}."
    ).format(**asked)


def how_to_read(edition: Edition, level: str, language: str) -> str:
    """How all trends of a page are read: said once, however many there are."""
    _ = words(language)
    said = []
    if level != "site":
        said.append(_("The bold line shows all sites available in each period."))
    if edition.main:
        said.append(_("Grey bands mark the periods compared, dashed lines in them the means of the same sites."))
        said.append(
            _("The coloured band is of the level: errors that all periods share are in it, and cancel from a change.")
        )
    return ("" if language == "zh" else " ").join(said)


def _key(data: TrendData, language: str) -> str:
    """What is drawn in one trend's figure alone."""
    _ = words(language)
    said = []
    if n_areas := len(data.areas):
        said.append(_("Thin lines: {areas}.").format(areas=labels.things(n_areas, "area", "areas", language)))
    if data.events:
        named = [
            _("{name} ({day})").format(name=labels.printable(name), day=labels.day(first, language))
            for first, _after, name in data.events
        ]
        said.append(_("Marked: {events}.").format(events=_(", ").join(named)))
    if data.laboratories:
        changed = [f"{text} ({labels.day(day, language)})" for day, text in data.laboratories]
        said.append(_("Dotted: {laboratories}.").format(laboratories=_(", ").join(changed)))
    if interval_is_cut(data):
        said.append(_("The interval reaches above the figure: its ends are in the table."))
    if cut := areas_cut(data):
        said.append(_("Above the figure reach: {areas}.").format(areas=labels.things(cut, "area", "areas", language)))
    return ("" if language == "zh" else " ").join(said)


def _table(bold: list[Row], areas: list[list[Row]], language: str) -> Row:
    """The numbers of a trend: its own, and those of areas where there are not too many to read."""
    shown = areas if len(areas) <= MOST_NAMED_AREAS else []
    means = [{row["period"]: row["mean_mg_per_day_per_1000"] for row in area} for area in shown]
    rows = [
        {
            "period": labels.period(row["period"], language),
            "mean": row["mean_mg_per_day_per_1000"],
            "low": row["ci_low_mg_per_day_per_1000"],
            "high": row["ci_high_mg_per_day_per_1000"],
            "short": labels.shortly(row["reason"], language),
            "n_sites": row["n_sites"],
            "n_known_sites": row["n_known_sites"],
            "n_days": row["n_days"],
            "n_censored": row["n_censored"],
            "areas": [mean.get(row["period"]) for mean in means],
        }
        for row in bold
    ]
    return {"rows": rows, "areas": [area[0]["unit_name"] or area[0]["unit_id"] for area in shown]}
