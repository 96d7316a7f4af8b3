"""The overview: what has fallen, how far, how sure, and what stands against it, in one look. One page a comparison."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

from dashboards import addresses, labels
from dashboards.edition import Comparison, Edition, Place, Row
from dashboards.languages import words
from dashboards.pages import changes as told
from dashboards.pages.heat import heat
from dashboards.pages.page import Page
from dashboards.spark import Spark, spark

_MOST_MOVERS = 10
_MOST_AREAS = 60
_MOST_EXPECTED_SITES = 25
"""Of a network without areas the heat table holds the sites, where they are not more than these."""


def pages(edition: Edition, language: str) -> Iterator[Page]:
    """One page for each comparison, that of the settings as the first page."""
    compared: list[Comparison | None] = [*edition.comparisons] or [None]
    for comparison in compared:
        is_main = comparison == edition.main
        address = addresses.of_comparison(*comparison, is_main=is_main) if comparison else "index.html"
        yield Page(address, "overview.html.j2", edition.title, (), _content(edition, comparison, language))


def _content(edition: Edition, comparison: Comparison | None, language: str) -> dict[str, Any]:
    changes = [told.in_words(edition, row, language) for row in edition.headline(comparison)]
    rows = _places_shown(edition)
    drugs = told.columns(changes)
    return {
        "comparison": comparison,
        "switch": _switch(edition, comparison),
        "nothing": None if changes else nothing(edition, comparison, language),
        "lead": _lead(changes, comparison, language),
        "tiles": [_tile(edition, row, comparison, language) for row in changes] if comparison else [],
        "is_population_weighted": any(row["area_weights"] == "population" for row in changes),
        "has_verdicts": any(row["verdict"] not in (None, "not estimable") for row in changes),
        "drugs": drugs,
        "heat": heat(edition, rows, drugs, comparison, language) if comparison else [],
        "movers": _movers(edition, comparison, language) if comparison else [],
        "targets": told.targets(edition, language) if comparison == edition.main else [],
    }


def _switch(edition: Edition, comparison: Comparison | None) -> list[Row]:
    """The comparisons there are, if more than one."""
    if len(edition.comparisons) < 2:
        return []
    return [
        {
            "baseline": other.baseline,
            "current": other.current,
            "address": addresses.of_comparison(*other, is_main=other == edition.main),
            "is_here": other == comparison,
        }
        for other in edition.comparisons
    ]


def _tile(edition: Edition, row: Row, comparison: Comparison, language: str) -> Row:
    key = (row["level"], row["unit_id"], row["drug"])
    periods = edition.series.get(key)
    others = told.others_in_words(edition.others.get((*key, comparison), []), language)
    return {
        **row,
        "address": addresses.of_drug(row["drug"]),
        "newest": told.newest(edition, key, language),
        "sentence": told.sentence(edition, row, comparison, language),
        "spark": spark_of(row, periods, comparison) if periods is not None else None,
        "others": [other for other in others if other["state"] == "estimated"],
    }


def spark_of(row: Row, periods: Sequence[Row], comparison: Comparison) -> Spark | None:
    """The line of the means of some periods, with the two that are compared; `row` is the change, as `in_words` has it.

    It is of all sites that were measured: where most of them are not in the change, it would tell of others.
    """
    if row["is_over_few"]:
        return None
    return spark([(row["period"], row["mean_mg_per_day_per_1000"]) for row in periods], comparison)


def _places_shown(edition: Edition) -> list[Place]:
    areas = [place for place in edition.places if place.level == "area"]
    sites = [place for place in edition.places if place.level == "site"]
    network = [place for place in edition.places if place.level == "network"]
    few_sites = sites if not areas and len(sites) <= _MOST_EXPECTED_SITES else []
    return network + (areas[:_MOST_AREAS] or few_sites)


def _movers(edition: Edition, comparison: Comparison, language: str) -> list[Row]:
    """The largest changes that are told at single sites."""
    rows = [
        row
        for row in edition.changes.values()
        if row["level"] == "site"
        and row["verdict"] in ("fall", "rise")
        and Comparison(row["baseline_period"], row["current_period"]) == comparison
    ]
    rows.sort(key=lambda row: (-abs(_log_ratio(row)), row["unit_id"], row["drug"]))
    return [
        told.in_words(edition, row, language)
        | {"address": addresses.of_place("site", row["unit_id"]), "place": row["place_name"]}
        for row in rows[:_MOST_MOVERS]
    ]


def _log_ratio(row: Row) -> float:
    ratio = 1 + row["change_percent"] / 100
    return math.log(ratio) if ratio > 0 else -math.inf


def counted(changes: list[Row], comparison: Comparison, language: str) -> str:
    """How many drugs went down, up and neither: by the verdicts, where the protocol has an interval."""
    _ = words(language)
    known = [row for row in changes if row["change_percent"] is not None]
    falls = _falls(changes)
    unsupported = {
        verdict: sum(row["verdict"] == verdict and row["credibility"] == "not supported" for row in known)
        for verdict in ("fall", "rise")
    }
    if _is_judged(changes):
        rises = [row for row in known if row["verdict"] == "rise"]
        same = _("{n} without a detected change")
    else:
        rises = [row for row in known if row["change_percent"] > 0]
        same = _("{n} unchanged")
    groups = (
        (len(falls) - unsupported["fall"], _("{n} down")),
        (unsupported["fall"], _("{n} down but not supported")),
        (len(rises) - unsupported["rise"], _("{n} up")),
        (unsupported["rise"], _("{n} up but not supported")),
        (len(known) - len(falls) - len(rises), same),
        (len(changes) - len(known), _("{n} not estimable")),
    )
    return _("{drugs} from {baseline} to {current}: {counts}.").format(
        drugs=labels.things(len(changes), "drug", "drugs", language),
        baseline=labels.period(comparison.baseline, language),
        current=labels.period(comparison.current, language),
        counts=_(", ").join(text.format(n=number) for number, text in groups if number),
    )


def _is_judged(changes: list[Row]) -> bool:
    return any(row["verdict"] in ("fall", "rise", "no change detected") for row in changes)


def _falls(changes: list[Row]) -> list[Row]:
    """The falls that are told; by a protocol without an interval all."""
    if _is_judged(changes):
        return [row for row in changes if row["verdict"] == "fall"]
    return [row for row in changes if row["change_percent"] is not None and row["change_percent"] < 0]


def _lead(changes: list[Row], comparison: Comparison | None, language: str) -> str:
    """The overview in a sentence or two: by the verdicts, where the protocol has an interval."""
    if comparison is None or not changes:
        return ""
    _ = words(language)
    said = counted(changes, comparison, language)
    # What something else could have made wholly is not for headlines.
    supported = [row for row in changes if not row["is_doubted"]]
    falls, rises = _falls(supported), [row for row in supported if row["verdict"] == "rise"]
    passed_over = []
    for text, told_changes, largest in (
        (_(" Largest fall: {what}."), falls, min),
        (_(" Largest rise: {what}."), rises, max),
    ):
        # Nor is an experimental factor, but who sees the tiles would miss a larger change there in silence.
        ranked = [row for row in told_changes if row["factor_mark"] != "experimental"]
        if ranked:
            said += text.format(what=_named(largest(ranked, key=_change), language))
        if told_changes and (first := largest(told_changes, key=_change)) not in ranked:
            passed_over.append(_named({**first, "factor_mark": None}, language))
    if passed_over:
        said += _(" Larger, but by an experimental factor: {what}.").format(what=_("; ").join(passed_over))
    return said


def _change(row: Row) -> float:
    return float(row["change_percent"])


def _named(row: Row, language: str) -> str:
    """A change with its drug, its interval, and what kind of factor it rests on."""
    _ = words(language)
    resting = labels.resting_on(row["factor_mark"], language) if row["factor_mark"] else None
    details = _("; ").join(part for part in (told.ends_of(row, language), resting) if part)
    asked = {"drug": row["name"], "change": labels.change_in_words(row["change_percent"], language)}
    return (_("{drug}, {change} ({details})") if details else _("{drug}, {change}")).format(**asked, details=details)


def nothing(edition: Edition, comparison: Comparison | None, language: str) -> Row:
    """Why no change stands here: the first step of the way from file to figure at which nothing was left."""
    _ = words(language)
    coverage = edition.coverage
    details = [
        _("{results}: {reason}").format(
            results=labels.things(row["n_results"], "result", "results", language),
            reason=labels.because(row["reason"], language=language),
        )
        for row in edition.rows("load_reasons")
    ]
    if coverage["n_deliveries"] == 0:
        return {"sentence": _("No file has been delivered yet: lay one into the inbox and run again."), "details": []}
    if coverage["n_results"] + coverage["n_reported_loads"] == 0:
        return {
            "sentence": _("None of the delivered files holds an accepted result: see the page on the data's quality."),
            "details": [],
        }
    if coverage["n_consumption"] == 0:
        return {
            "sentence": _(
                "{results} accepted, but none could be turned into an amount per 1000 inhabitants. {flows} and"
                " {populations} were delivered. Deliver what is missing and run again."
            ).format(
                results=labels.things(coverage["n_results"], "result", "results", language),
                flows=labels.things(coverage["n_flows"], "flow", "flows", language),
                populations=labels.things(coverage["n_populations"], "population", "populations", language),
            ),
            "details": details,
        }
    available = _(", ").join(
        f"{labels.period(period, language)} ({labels.things(n, 'site', 'sites', language)})"
        for period, n in edition.data["available_periods"].rows()
    )
    if comparison is None:
        sentence = _("A change needs two years. So far sites have a mean in: {periods}.")
        return {"sentence": sentence.format(periods=available or _("none")), "details": details}
    asked = {
        "baseline": labels.period(comparison.baseline, language),
        "current": labels.period(comparison.current, language),
        "periods": available,
    }
    sentence = _("There is no comparison of {baseline} with {current} by this protocol.").format(**asked)
    if available:
        sentence += _(" Sites have a mean in: {periods}.").format(**asked)
    else:
        sentence += _(" No site has a mean in any period of that kind.")
    return {"sentence": sentence, "details": details}
