"""The page of a drug: change and trend, where, what it is made of, what else could have made it, by which method."""

from collections.abc import Iterator
from typing import Any

from dashboards import addresses, labels
from dashboards.edition import NETWORK, Comparison, Edition, Row
from dashboards.figures.dumbbell import MOST_PLACES, DumbbellData, Pair, dumbbell
from dashboards.figures.parts import PartsData, parts
from dashboards.figures.ways import Way, WaysData, ways
from dashboards.languages import N_, words
from dashboards.pages import changes as told
from dashboards.pages.page import Page
from dashboards.pages.series import trend_of

PARTS = {
    "part_concentration_percent": N_("concentration"),
    "part_flow_percent": N_("flow of sewage"),
    "part_population_percent": N_("inhabitants"),
    "part_factor_percent": N_("factor"),
    "part_laboratory_percent": N_("at sites whose laboratory changed"),
    "part_reported_percent": N_("reported as loads"),
    "part_panel_percent": N_("sites that joined or left"),
}
"""The parts of a change over all available sites, by the columns that hold them."""
CHOICES = {
    "protocol": N_("all choices, as another protocol"),
    "population_method": N_("how people are counted"),
    "below_limit": N_("what counts below limits"),
    "max_censored_share": N_("how much may lie below limits"),
    "min_detects": N_("fewest days above limits"),
    "weekday_rule": N_("mean of a period"),
    "area_weights": N_("how sites weigh"),
    "factor_set": N_("factors"),
    "domestic_share_in_population": N_("domestic sewage only"),
    "stability": N_("loss in the sewer"),
    "net_of_other_sources": N_("other sources subtracted"),
}
"""What is varied in the table `robustness`."""
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
    found: dict[str, Any] = {
        "drug": drug,
        "name": name,
        "newest": told.newest(edition, key, language),
        "comparison": compared,
        "change": change,
        "sentence": told.sentence(edition, change, compared, language) if change and compared else None,
        "trend": trend_of(edition, key, name, language),
        "trends": trends_in_words(edition.trends.get(key, []), language),
        "all_comparisons": _all_comparisons(edition, key, language),
        "places": None,
        "split": None,
        "tests": [],
        "ways": None,
        "effects": _effects(edition, drug, language),
    }
    if change and compared:
        found |= {
            "places": _places(edition, drug, name, compared, language),
            "split": _split(edition, change, language),
            "tests": told.tests_in_words(edition.tests.get((*key, compared), []), change, language),
            "ways": _ways(edition, change, key, language),
        }
    return found


def _all_comparisons(edition: Edition, key: tuple[str, str, str], language: str) -> list[Row]:
    found = [edition.changes.get((*key, compared)) for compared in edition.comparisons]
    return [told.in_words(edition, row, language) for row in found if row]


def _places(edition: Edition, drug: str, name: str, compared: Comparison, language: str) -> Row:
    """Each area and site: a figure of those with a change, and a table of all."""
    rows = []
    for place in edition.places:
        row = edition.changes.get((*place.key, drug, compared))
        if row is not None:
            called = {"place": told.called(place, language), "address": place.address}
            rows.append(told.in_words(edition, row, language) | called)
    drawn: list[Row] = []
    level = "site"
    for level in ("area", "site"):
        drawn = [row for row in rows if row["level"] == level and row["change_percent"] is not None]
        if len(drawn) > 1:
            break
    drawn.sort(key=lambda row: (-abs(row["change_percent"]), row["unit_id"]))
    return {"rows": rows, "figure": _dumbbell(edition, drawn, level, name, language) if drawn else None}


def _dumbbell(edition: Edition, rows: list[Row], level: str, name: str, language: str) -> Row:
    """The figure of places from the baseline to now, of rows sorted by their change."""
    _ = words(language)
    baseline, current = (labels.period(rows[0][f"{when}_period"], language) for when in ("baseline", "current"))
    n = len(rows)
    areas, sites = labels.things(n, "area", "areas", language), labels.things(n, "site", "sites", language)
    asked = {"drug": name, "places": areas if level == "area" else sites}
    if any(row["verdict"] for row in rows):
        falls, rises = (sum(row["verdict"] == verdict for row in rows) for verdict in ("fall", "rise"))
        finding = _("{drug}: of {places} {falls} fell and {rises} rose by more than chance.").format(
            falls=falls, rises=rises, **asked
        )
    else:
        finding = _("{drug}: {places}, without a verdict by this protocol.").format(**asked)
    pairs = [
        Pair(
            row["place"],
            row["baseline_mg_per_day_per_1000"],
            row["current_mg_per_day_per_1000"],
            _("{change}, {interval}: {verdict}").format(
                change=labels.percent(row["change_percent"], language),
                interval=labels.interval(row["ci_low_percent"], row["ci_high_percent"], language),
                verdict=row["verdict_in_words"],
            ),
            row["verdict"] in ("fall", "rise"),
        )
        for row in rows
    ]
    key = _("Grey: {baseline}; coloured: {current}, hollow where it is not told from no change.").format(
        baseline=baseline, current=current
    )
    if n > MOST_PLACES:
        key += _(" The {n} largest changes of {all}.").format(n=MOST_PLACES, all=n)
    data = DumbbellData(rows[0]["drug"], finding, told.subtitle(rows[0], language), pairs, edition.is_simulated)
    in_figure = labels.translated(labels.DumbbellLabels(baseline, current), language)
    return {"id": "places", "finding": finding, "key": key, "figure": dumbbell(data, in_figure)}


def _split(edition: Edition, change: Row, language: str) -> Row | None:
    """The change over all available sites in its parts; None where there is none."""
    _ = words(language)
    total = change["naive_change_percent"]
    found = [(_(name), change[column]) for column, name in PARTS.items() if change[column] is not None]
    if total is None or not found:
        return None
    found = [(name, size) for name, size in found if abs(size) >= 0.05] or found[:1]
    largest = max(found, key=lambda part: abs(part[1]))
    said = [(name, size, labels.signed_points(size)) for name, size in found]
    finding = _(
        "Over all available sites {drug} changed by {total}; the largest part is {part}: {points} points."
    ).format(
        drug=change["name"], total=labels.percent(total, language), part=largest[0],
        points=labels.signed_points(largest[1]),
    )  # fmt: skip
    drawn = [*said, (_("all available sites"), total, labels.signed_points(total))]
    data = PartsData(change["drug"], finding, told.subtitle(change, language), drawn, edition.is_simulated)
    return {
        "id": "split",
        "finding": finding,
        "key": _(
            "Each bar begins where the one above ends, and together they make the last. What would be use is the"
            " concentration and the flow; the same sites alone changed by {same}."
        ).format(same=labels.percent(change["change_percent"], language)),
        "figure": parts(data, labels.translated(labels.PartsLabels(), language)),
        "rows": drawn,
    }


def _ways(edition: Edition, change: Row, key: tuple[str, str, str], language: str) -> Row | None:
    """The change by all protocols and ways of counting people, and with one choice varied at a time."""
    _ = words(language)
    found = edition.ways.get(key, [])
    rows = [
        {
            **way,
            "choice_in_words": labels.said(CHOICES, way["choice"], language),
            "verdict_in_words": labels.said(told.VERDICTS, way["verdict"], language),
            "because": labels.because(way["reason"], way["n_sites"], language),
            "name": f"{labels.said(CHOICES, way['choice'], language)}: {way['option']}",
        }
        for way in found
    ]
    order = list(CHOICES)
    rows.sort(key=lambda way: (not way["is_headline"], order.index(way["choice"]), way["option"]))
    estimated = [way for way in rows if way["state"] == "estimated"]
    if len(estimated) < 2:
        return None
    low, high = (end(way["change_percent"] for way in estimated) for end in (min, max))
    finding = _("{drug}: {low} to {high} by {n} ways of computing it.").format(
        drug=change["name"], low=labels.percent(low, language), high=labels.percent(high, language), n=len(estimated)
    )
    drawn = [
        Way(
            way["option"] if way["choice"] == "protocol" else way["name"], way["change_percent"], way["ci_low_percent"],
            way["ci_high_percent"], labels.percent(way["change_percent"], language), way["is_headline"],
        )
        for way in estimated
    ]  # fmt: skip
    data = WaysData(change["drug"], finding, told.subtitle(change, language), drawn, edition.is_simulated)
    return {
        "id": "ways",
        "finding": finding,
        "key": _("The diamond is the headline; each line an interval, where the way has one."),
        "figure": ways(data, labels.translated(labels.WaysLabels(), language)),
        "rows": rows,
    }


def trends_in_words(rows: list[Row], language: str) -> list[Row]:
    """The rows of a table of trends."""
    return [
        {
            **row,
            "kind": labels.said(KINDS, row["period_kind"], language),
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
            "verdict_in_words": labels.said(told.VERDICTS, row["verdict"], language),
            "because": labels.because(row["reason"], language=language),
        }
        for row in edition.rows("event_effects")
        if row["drug"] == drug
    ]
