"""The figures of a drug's page, each with its finding, how to read it and its numbers. No page is made here."""

import math

from babel.dates import get_day_names

from dashboards import labels
from dashboards.edition import Comparison, Edition, Row
from dashboards.figures.budget import BudgetData, budget
from dashboards.figures.dumbbell import MOST_PLACES, DumbbellData, Pair, dumbbell
from dashboards.figures.effects import MOST_EVENTS, Effect, EffectsData, effects
from dashboards.figures.grid import MOST_PLACES as MOST_ROWS
from dashboards.figures.grid import GridData, grid
from dashboards.figures.parts import PartsData, parts
from dashboards.figures.rhythm import Day, RhythmData, rhythm
from dashboards.figures.site_map import MapData, Spot, far_off, site_map
from dashboards.figures.ways import Way, WaysData, ways
from dashboards.figures.words import (
    BudgetLabels,
    DumbbellLabels,
    EffectsLabels,
    GridLabels,
    MapLabels,
    PartsLabels,
    RhythmLabels,
    WaysLabels,
    translated,
)
from dashboards.languages import N_, words
from dashboards.pages import changes as told
from pipeline.spans import without_gaps

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
_MOST_NAMED = 12
"""Up to here sites that are left out of a map are named."""
_YES_NO = {"yes": N_("yes"), "no": N_("no")}
_OPTIONS = {
    "population_method": labels.POPULATION_METHODS,
    "below_limit": labels.BELOW_LIMIT,
    "weekday_rule": labels.WEEKDAY_RULE,
    "area_weights": labels.AREA_WEIGHTS,
    "domestic_share_in_population": _YES_NO,
    "net_of_other_sources": _YES_NO,
}
"""How a choice may be made, by what is varied: in the words of the page on methods."""
SOURCES_OF_ERROR = {
    "days_log_variance": N_("the days that were sampled"),
    "spread_log_variance": N_("the spread of days below limits"),
    "batch_log_variance": N_("batches of the laboratory"),
    "laboratory_log_variance": N_("lasting errors of the laboratory"),
    "flow_log_variance": N_("flow meters"),
    "population_log_variance": N_("counts of inhabitants"),
    "factor_log_variance": N_("the correction factor"),
}
"""What an interval is made of, by the columns that hold the variances."""
_REMEDIES = {
    "days_log_variance": N_("More days would make the interval narrower."),
    "batch_log_variance": N_(
        "More days of the same batches would hardly make it narrower; samples in more batches would."
    ),
    "laboratory_log_variance": N_("Only the same laboratory in both periods would make it narrower."),
}
_FEWEST_SHOWN_PERCENT = 0.05


def where(edition: Edition, drug: str, name: str, compared: Comparison, language: str) -> Row:
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


def _places(n: int, level: str, language: str) -> str:
    """How many areas, or sites."""
    if level == "area":
        return labels.things(n, "area", "areas", language)
    return labels.things(n, "site", "sites", language)


def _dumbbell(edition: Edition, rows: list[Row], level: str, name: str, language: str) -> Row:
    """The figure of places from the baseline to now, of rows sorted by their change."""
    _ = words(language)
    baseline, current = (labels.period(rows[0][f"{when}_period"], language) for when in ("baseline", "current"))
    n_told = sum(row["verdict"] in ("fall", "rise", "no change detected") for row in rows)
    if n_told:
        falls, rises = (sum(row["verdict"] == verdict for row in rows) for verdict in ("fall", "rise"))
        finding = _("{drug}: of {places} {falls} fell and {rises} rose by more than chance.").format(
            drug=name, places=_places(n_told, level, language), falls=falls, rises=rises
        )
    else:
        finding = _("{drug}: {places}, without a verdict by this protocol.").format(
            drug=name, places=_places(len(rows), level, language)
        )
    pairs = [
        Pair(
            row["place"],
            row["baseline_mg_per_day_per_1000"],
            row["current_mg_per_day_per_1000"],
            told.in_a_line(row, language),
            row["verdict"] in ("fall", "rise"),
        )
        for row in rows
    ]
    key = _("Grey: {baseline}; coloured: {current}, hollow where it is not told from no change.").format(
        baseline=baseline, current=current
    )
    if len(rows) > MOST_PLACES:
        key += _(" The {n} largest changes of {all}.").format(n=MOST_PLACES, all=len(rows))
    data = DumbbellData(rows[0]["drug"], finding, told.subtitle(rows[0], language), pairs, edition.is_simulated)
    in_figure = translated(DumbbellLabels(baseline, current), language)
    return {"id": "places", "finding": finding, "key": key, "figure": dumbbell(data, in_figure)}


def split(edition: Edition, change: Row, language: str) -> Row | None:
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
            "Each bar begins where the one above ends, and together they make the last. Use itself would show in"
            " concentration and flow together; the same sites alone changed by {same}."
        ).format(same=labels.percent(change["change_percent"], language)),
        "figure": parts(data, translated(PartsLabels(), language)),
        "rows": drawn,
    }


def all_ways(edition: Edition, change: Row, key: tuple[str, str, str], language: str) -> Row | None:
    """The change by all protocols and ways of counting people, and with one choice varied at a time."""
    _ = words(language)
    found = edition.ways.get(key, [])
    rows = [
        {
            **way,
            "choice_in_words": labels.said(CHOICES, way["choice"], language),
            "verdict_in_words": labels.said(labels.VERDICTS, way["verdict"], language),
            "because": labels.because(way["reason"], way["n_sites"], language),
            "option_in_words": (option := _option(edition, way, language)),
            "name": _("{choice}: {option}").format(choice=labels.said(CHOICES, way["choice"], language), option=option),
        }
        for way in found
    ]
    order = list(CHOICES)
    rows.sort(key=lambda way: (not way["is_headline"], order.index(way["choice"]), way["option"]))
    estimated = [way for way in rows if way["state"] == "estimated"]
    if len(estimated) < 2:
        return None
    low, high = (end(way["change_percent"] for way in estimated) for end in (min, max))
    ends = labels.percent(low, language), labels.percent(high, language)
    text = _("{drug}: {low} to {high} by {n} ways of computing it.")
    if ends[0] == ends[1]:
        text = _("{drug}: {low} by all {n} ways of computing it.")
    finding = text.format(drug=change["name"], low=ends[0], high=ends[1], n=len(estimated))
    drawn = [
        Way(
            way["option_in_words"] if way["choice"] == "protocol" else way["name"], way["change_percent"],
            way["ci_low_percent"], way["ci_high_percent"], labels.percent(way["change_percent"], language),
            way["is_headline"],
        )
        for way in estimated
    ]  # fmt: skip
    data = WaysData(change["drug"], finding, told.subtitle(change, language), drawn, edition.is_simulated)
    return {
        "id": "ways",
        "finding": finding,
        "key": _("The diamond is the headline; each line an interval, where the way has one."),
        "figure": ways(data, translated(WaysLabels(), language)),
        "rows": rows,
    }


def _option(edition: Edition, way: Row, language: str) -> str:
    """How a choice was made, in words."""
    if way["choice"] == "protocol":
        return words(language)(edition.titles_of_protocols.get(way["option"]) or way["option"])
    if way["choice"] == "max_censored_share":
        return labels.magnitude(100 * float(way["option"]), language)
    return labels.said(_OPTIONS.get(way["choice"], {}), way["option"], language)


def over_time(edition: Edition, drug: str, name: str, language: str) -> Row | None:
    """Places by periods: areas, or sites where there are no areas; None where there are not several of each."""
    _ = words(language)
    level, series = "area", {}
    for level in ("area", "site"):
        places = [place for place in edition.places if place.level == level and edition.has_mean(place, drug)]
        series = {place: edition.series[(*place.key, drug)] for place in places}
        if len(series) > 1:
            break
    periods = without_gaps(sorted({row["period"] for rows in series.values() for row in rows}))
    by_period = [{row["period"]: row["mean_mg_per_day_per_1000"] for row in rows} for rows in series.values()]
    means = [[of.get(period) for period in periods] for of in by_period]
    known = [(mean, row, column) for row, of in enumerate(means) for column, mean in enumerate(of) if mean is not None]
    if len(series) < 2 or len(periods) < 2:
        return None
    # The places of most periods first: those of a single year say nothing of how it went.
    order = sorted(range(len(means)), key=lambda row: (-sum(mean is not None for mean in means[row]), row))
    shown = sorted(order[:MOST_ROWS])
    called = [told.called(place, language) for place in series]
    said = [labels.period(period, language) for period in periods]
    highest, row, column = max(known)
    finding = _("{drug}: highest in {place} in {period}, {amount} mg/day/1000.").format(
        drug=name, place=labels.printable(called[row]), period=said[column], amount=labels.amount(highest)
    )
    n = len(series)
    key = _(
        "Each row is a place, each column a period: the lighter, the more. Nothing is drawn where there is no mean."
    )
    if n > MOST_ROWS:
        key += _(" The {n} places with most periods of {all}.").format(n=MOST_ROWS, all=n)
    data = GridData(
        finding, _("means, {places}").format(places=_places(n, level, language)), [called[row] for row in shown], said,
        [means[row] for row in shown], edition.is_simulated,
    )  # fmt: skip
    return {
        "id": "over-time",
        "finding": finding,
        "key": key,
        "figure": grid(data, translated(GridLabels(), language)),
        "periods": said,
        "rows": [(called[row], list(series)[row].address, means[row]) for row in shown],
    }


def of_week(edition: Edition, drug: str, name: str, language: str) -> Row | None:
    """The days of the week; None where no site was sampled on all seven."""
    _ = words(language)
    found = edition.rhythms.get(drug, [])
    if len(found) != len(labels.WEEKDAYS):
        return None
    names = [_(weekday) for weekday in labels.WEEKDAYS]
    short = get_day_names("abbreviated", locale=language)
    middles = [row["middle_percent"] for row in found]
    most, least = (middles.index(end(middles)) for end in (max, min))
    finding = _("{drug}: most on {most} ({above}), least on {least} ({below}), against the mean of the week.").format(
        drug=name, most=names[most], above=labels.percent(middles[most], language), least=names[least],
        below=labels.percent(middles[least], language),
    )  # fmt: skip
    n_sites = max(row["n_sites"] for row in found)
    n_years = max(row["n_years"] for row in found)
    days = [
        Day(
            weekday, short[row["weekday"] - 1], row["low_percent"], row["middle_percent"], row["high_percent"],
            _("{middle}; half lie within {half}").format(
                middle=labels.percent(row["middle_percent"], language),
                half=labels.interval(row["low_percent"], row["high_percent"], language),
            ),
        )
        for weekday, row in zip(names, found, strict=True)
    ]  # fmt: skip
    shown = _("{sites}, {years}").format(
        sites=labels.things(n_sites, "site", "sites", language),
        years=labels.things(n_years, "site-year", "site-years", language),
    )
    data = RhythmData(drug, finding, shown, days, edition.is_simulated)
    return {
        "id": "rhythm",
        "finding": finding,
        "key": _(
            "What goes with nights out rises at the weekend, what is taken daily does not. Each year of a site in which"
            " all seven weekdays were measured counts once; the bars hold the middle half of these."
        ),
        "figure": rhythm(data, translated(RhythmLabels(), language)),
        "rows": [(day.name, day.middle, labels.interval(day.low, day.high, language)) for day in days],
    }


def of_uncertainty(edition: Edition, change: Row, language: str) -> Row | None:
    """What the interval of a change is made of; None where a protocol knows of its days only."""
    _ = words(language)
    known = [(column, change[column]) for column in SOURCES_OF_ERROR if change[column] is not None]
    total = sum(variance for _column, variance in known)
    if len(known) < 2 or not total or change["ci_low_percent"] is None:
        return None
    known.sort(key=lambda source: -source[1])
    shares = [(column, 100 * variance / total, variance) for column, variance in known]
    shares = [share for share in shares if share[1] >= _FEWEST_SHOWN_PERCENT]
    largest = shares[0]
    finding = _("{drug}: {share} of what is uncertain about the change comes from {source}.").format(
        drug=change["name"], share=labels.magnitude(largest[1], language), source=_(SOURCES_OF_ERROR[largest[0]])
    )
    key = _(
        "The interval is as wide as all sources together make it. What both periods share cancels and is not in it."
    )
    if largest[0] in _REMEDIES:
        key += ("" if language == "zh" else " ") + _(_REMEDIES[largest[0]])
    rows = [
        (_(SOURCES_OF_ERROR[column]), share, labels.magnitude(share, language), _alone(variance, language))
        for column, share, variance in shares
    ]
    data = BudgetData(
        change["drug"], finding, told.subtitle(change, language), [row[:3] for row in rows], edition.is_simulated
    )
    return {
        "id": "uncertainty",
        "finding": finding,
        "key": key,
        "figure": budget(data, translated(BudgetLabels(), language)),
        "rows": rows,
    }


def _alone(log_variance: float, language: str) -> str:
    """How wide the interval of no change would be by one source alone."""
    reach = 1.96 * log_variance**0.5
    return labels.interval(100 * math.expm1(-reach), 100 * math.expm1(reach), language)


def on_a_map(edition: Edition, rows: list[Row], name: str, language: str) -> Row | None:
    """Sites where they lie, of the changes of all places; None where not two sites say it, or none is judged."""
    _ = words(language)
    found = []
    for row in rows:
        facts = edition.site_facts.get(row["unit_id"]) if row["level"] == "site" else None
        if facts and facts["latitude"] is not None and facts["longitude"] is not None:
            found.append((row, facts))
    if len(found) < 2:
        return None
    # On both sides of the date line: one plane all the same.
    longitudes = [facts["longitude"] for _row, facts in found]
    is_around = min(longitudes) < -90 and max(longitudes) > 90 and min(map(abs, longitudes)) > 90
    spots = [
        Spot(
            row["place"],
            facts["longitude"] % 360 if is_around else facts["longitude"],
            facts["latitude"],
            row["kind"],
            told.in_a_line(row, language),
        )
        for row, facts in found
    ]
    far = far_off(spots)
    shown = [spot for spot in spots if spot not in far]
    if all(spot.kind == "untold" for spot in shown):
        return None
    counted = {kind: sum(spot.kind == kind for spot in shown) for kind in ("fall", "rise", "same")}
    finding = _("{drug}: of {n} on the map with a verdict {falls} fell and {rises} rose by more than chance.").format(
        drug=name, n=labels.things(sum(counted.values()), "site", "sites", language), falls=counted["fall"],
        rises=counted["rise"],
    )  # fmt: skip
    if untold := len(shown) - sum(counted.values()):
        finding += _(" {sites} on the map without a verdict.").format(
            sites=labels.things(untold, "site", "sites", language)
        )
    n_without = sum(row["level"] == "site" for row in rows) - len(spots)
    key = _("Triangles point down for a fall and up for a rise, circles are sites without a detected change.")
    if n_without:
        key += _(" Not on the map, as nobody has said where they lie: {sites}.").format(
            sites=labels.things(n_without, "site", "sites", language)
        )
    if far:
        key += _(" Too far off to be on the map, but in the table: {names}.").format(
            names=_(", ").join(labels.printable(spot.name) for spot in far)
            if len(far) <= _MOST_NAMED
            else labels.things(len(far), "site", "sites", language)
        )
    first = found[0][0]
    data = MapData(
        first["drug"], finding, told.subtitle(first, language), shown, edition.outlines, edition.is_simulated
    )
    return {
        "id": "map",
        "finding": finding,
        "key": key,
        "figure": site_map(data, translated(MapLabels(), language)),
        "rows": [
            {**row, "longitude": spot.longitude,
             "latitude": spot.latitude}
            for (row, _facts), spot in zip(found, spots, strict=True)
        ],
    }  # fmt: skip


def of_events(edition: Edition, drug: str, name: str, rows: list[Row], language: str) -> Row | None:
    """What events did, with what is found elsewhere; None where no effect could be told."""
    _ = words(language)
    known = [row for row in rows if row["effect_percent"] is not None]
    if not known:
        return None
    told_ones = [row for row in known if row["verdict"] in ("fall", "rise")]
    if told_ones:
        largest = max(told_ones, key=lambda row: abs(row["effect_percent"]))
        finding = _("{drug}: {event} – {effect}, {interval}: {verdict}.").format(
            drug=name, event=labels.printable(largest["event_name"]),
            effect=labels.percent(largest["effect_percent"], language),
            interval=labels.interval(largest["ci_low_percent"], largest["ci_high_percent"], language),
            verdict=largest["verdict_in_words"],
        )  # fmt: skip
    else:
        finding = _("{drug}: no effect of {events} is told from chance.").format(
            drug=name, events=labels.things(len(known), "event", "events", language)
        )
    key = _("A diamond is how far use lay from where it was heading, beside areas or drugs the event left alone.")
    if any(row["placebo_effects_percent"] for row in known):
        key += _(
            " Ticks are what the same analysis finds at dates at which nothing happened: an effect among them is none."
        )
    newest = sorted(known, key=lambda row: (row["starts_on"], row["event_id"]), reverse=True)
    if len(newest) > MOST_EVENTS:
        key += _(" The {n} newest of {all}.").format(n=MOST_EVENTS, all=len(newest))
    drawn = [
        Effect(
            row["event_name"], row["effect_percent"], row["ci_low_percent"], row["ci_high_percent"],
            told.in_a_line(row | {"change_percent": row["effect_percent"]}, language), row["placebo_effects_percent"],
        )
        for row in newest
    ]  # fmt: skip
    n_dates = max(row["n_placebos"] for row in known)
    shown = _("beside up to {dates}").format(dates=labels.things(n_dates, "other date", "other dates", language))
    data = EffectsData(
        drug, finding, shown if n_dates else _("no other dates to hold them against"), drawn, edition.is_simulated
    )
    return {
        "id": "effects",
        "finding": finding,
        "key": key,
        "figure": effects(data, translated(EffectsLabels(), language)),
    }
