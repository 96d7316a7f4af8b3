"""A change as several pages show it: in a cell, in a tile, as facts. No page is made here."""

from collections.abc import Sequence
from typing import Any

from dashboards import addresses, credibility, labels
from dashboards.edition import Comparison, Edition, Place, Row
from dashboards.languages import N_, words
from dashboards.sentences import change_sentence, leaves_out_none
from dashboards.targets import outcome, target_sentence

SIGNS = {"fall": "▼", "rise": "▲", "no change detected": "=", "not estimable": "–"}
"""What stands beside a verdict, so that it is told without colour as well."""
DOUBTED = {"fall": "▽", "rise": "△"}
"""The same where something else could have made all of it."""
CREDIBILITY = {
    "stands": N_("stands"),
    "stands with reservations": N_("stands with reservations"),
    "not supported": N_("not supported"),
    None: N_("not tested"),
}
PUBLISHED_CLASSES = {"increase": N_("increase"), "decrease": N_("decrease"), "stable": N_("stable")}
BASES = {"consumption": N_("consumption"), "residue load": N_("residue load")}


def in_words(edition: Edition, row: Row, language: str) -> Row:
    """What all places that show a change say of it."""
    verdict = row["verdict"]
    is_doubted = verdict in DOUBTED and row["credibility"] == "not supported"
    mark = labels.factor_mark(is_provisional=row["is_provisional"], factor_status=row["factor_status"])
    return {
        **row,
        "drug_name": edition.name_of(row["drug"], language),
        "name": edition.title_of(row["drug"], language),
        "sign": (DOUBTED if is_doubted else SIGNS).get(verdict, ""),
        "is_doubted": is_doubted,
        "kind": {"fall": "fall", "rise": "rise", "no change detected": "same"}.get(verdict, "untold"),
        "verdict_in_words": labels.said(labels.VERDICTS, verdict, language),
        # What else could have made a change is no question where none was detected.
        "credibility_in_words": "–"
        if verdict == "no change detected"
        else labels.said(CREDIBILITY, row["credibility"], language),
        "is_held_back": verdict == "no change detected" and leaves_out_none(row),
        "basis_in_words": labels.said(BASES, row["basis"], language),
        "factor_mark": mark,
        "is_over_few": row["n_sites_left_out"] > row["n_sites"],
        "because": labels.because(row["reason"], row["n_sites"] + row["n_sites_left_out"], language),
        "by_limits": labels.by_limits(row, language),
        "doubts": list(labels.flags([row["flags"]], language).values()),
    }


def columns(changes: Sequence[Row]) -> list[Row]:
    """The drugs of some changes as columns of a table of places."""
    return [
        {**{name: row[name] for name in ("drug", "name", "factor_mark")}, "address": addresses.of_drug(row["drug"])}
        for row in changes
    ]


def called(place: Place, language: str) -> str:
    """A place as tables and figures name it."""
    _ = words(language)
    return _("All sites") if place.level == "network" else place.called


def sentence(edition: Edition, row: Row, compared: Comparison, language: str) -> str:
    """A change in one sentence, with what other protocols say and what else could have made it."""
    key = (row["level"], row["unit_id"], row["drug"], compared)
    return change_sentence(
        {**row, "unit_name": row["place_name"]}, edition.others.get(key, []), edition.tests.get(key, []), language,
        by_population=edition.other_counts.get(key, []),
    )  # fmt: skip


def targets(edition: Edition, language: str, *, place: Place | None = None, drug: str | None = None) -> list[Row]:
    """Targets with what pages and briefs say of them: all, or those of a place or a drug."""
    return [
        _target_in_words(edition, row, language)
        for row in edition.rows("targets")
        if (place is None or (row["level"], row["unit_id"]) == place.key) and drug in (None, row["drug"])
    ]


def _target_in_words(edition: Edition, row: Row, language: str) -> Row:
    said = {
        **row,
        "drug_name": edition.name_of(row["drug"], language),
        "name": edition.title_of(row["drug"], language),
        # Where all is simulated the banner says so once.
        "is_simulated": row["is_simulated"] and edition.is_mixed,
        "factor_mark": labels.factor_mark(is_provisional=row["is_provisional"], factor_status=row["factor_status"]),
    }
    other = (
        None
        if row["protocol"] == edition.protocol
        else edition.titles_of_protocols.get(row["protocol"], row["protocol"])
    )
    return {
        **said,
        "sentence": target_sentence(said, language, protocol=other, mark=said["factor_mark"]),
        "outcome_in_words": outcome(said, language),
        "address": addresses.of_drug(row["drug"]) if row["drug"] in edition.drugs else None,
    }


def ends_of(row: Row, language: str) -> str | None:
    """The interval of a change in words, None where its protocol has none."""
    if row["ci_low_percent"] is None:
        return None
    return labels.interval(row["ci_low_percent"], row["ci_high_percent"], language)


def finding(row: Row, language: str) -> str:
    """A change as a title states it, with its interval: where none was detected, that first."""
    _ = words(language)
    ends = ends_of(row, language)
    change = labels.change_in_words(row["change_percent"], language)
    if row["verdict"] == "no change detected":
        change = labels.said(labels.VERDICTS, row["verdict"], language)
        ends = _("{change}, {interval}").format(change=labels.percent(row["change_percent"], language), interval=ends)
    elif row["verdict"] in DOUBTED and row["credibility"] == "not supported":
        change = _("{change}, not supported").format(change=change)
    return change if ends is None else _("{what} ({details})").format(what=change, details=ends)


def in_a_line(row: Row, language: str) -> str:
    """A change in words with its interval and its verdict, or why there is none."""
    if row["change_percent"] is None:
        return str(row["because"])
    _ = words(language)
    return _("{change}, {interval}: {verdict}").format(
        change=labels.percent(row["change_percent"], language),
        interval=labels.interval(row["ci_low_percent"], row["ci_high_percent"], language),
        verdict=row["verdict_in_words"],
    )


def tests_in_words(tests: Sequence[Row], change: Row, language: str) -> list[Row]:
    """The rows of a table of other explanations, in their order."""
    order = list(credibility.NAMES)
    return [
        {
            "name": labels.said(credibility.NAMES, test["explanation"], language),
            "outcome": labels.said(credibility.OUTCOMES, test["outcome"], language),
            "is_doubt": test["outcome"] in ("part of it", "all of it"),
            "evidence": credibility.evidence(test, change, language),
        }
        for test in sorted(tests, key=lambda test: order.index(test["explanation"]))
    ]


def others_in_words(others: Sequence[Row], language: str) -> list[Row]:
    """The rows of a table of other protocols."""
    return [
        {
            **other,
            # Of an office's own protocol as it stands in its file.
            "title": words(language)(other["title"]),
            "basis_in_words": labels.said(BASES, other["basis"], language),
            "verdict_in_words": labels.said(labels.VERDICTS, other["verdict"], language),
            "class_in_words": labels.said(PUBLISHED_CLASSES, other["published_class"], language)
            if other["published_class"]
            else None,
            "because": labels.because(other["reason"], other["n_sites"] + other["n_sites_left_out"], language),
        }
        for other in others
    ]


def newest(edition: Edition, key: tuple[str, str, str], language: str) -> str:
    """The day of the newest sample behind the figures of a drug at a place, or its year where the day is not known."""
    found = edition.newest.get(key)
    return "–" if found is None else newest_of(found, language)


def newest_of(found: dict[str, Any], language: str) -> str:
    """The same of a row with `newest_sample` and `newest_year`."""
    _ = words(language)
    day, year = found["newest_sample"], found["newest_year"]
    if year is None:
        return _("none in a figure")
    if day is not None and day.year >= year:
        return labels.day(day, language)
    return _("{year} (day not known)").format(year=year)


def subtitle(row: Row, language: str) -> str:
    """What a figure of a change shows: what is counted, and between which periods."""
    _ = words(language)
    return _("{basis}, {baseline} and {current}").format(
        basis=labels.said(BASES, row["basis"], language),
        baseline=labels.period(row["baseline_period"], language),
        current=labels.period(row["current_period"], language),
    )
