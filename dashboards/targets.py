"""A target in a sentence: how far it is, whether it is met, whether it is on its way. No figures of its own."""

from collections.abc import Mapping
from typing import Any

from dashboards import labels
from dashboards.languages import N_, Words, number, words
from dashboards.sentences import change_ends, leaves_out_none, where
from pipeline.spans import middle

_Row = Mapping[str, Any]

_MET: dict[str | None, str] = {
    "met": N_("It is met: the probability is {probability}."),
    "not met": N_("It is not met: the probability that it is, is {probability}."),
    "undecided": N_(
        "Whether it is met cannot be told, for the interval holds the aim: the probability is {probability}."
    ),
    None: N_("Whether it is met cannot be told without an interval."),
}
_PACE: dict[str | None, str] = {
    "on track": N_("A steady way would be at {expected} by now: it is on track."),
    "behind": N_("A steady way would be at {expected} by now: it is behind."),
    "undecided": N_("A steady way would be at {expected} by now: whether it is on track cannot be told."),
    None: N_("A steady way would be at {expected} by now."),
}
_STANDS: dict[str | None, str] = {
    "stands": N_("Nothing we can test explains the change away."),
    "stands with reservations": N_("The change stands with reservations."),
    "not supported": N_("But the change is not supported: something other than use could have made all of it."),
    None: N_("Other explanations of the change have not been tested."),
}
_MET_IN_SHORT = {"met": N_("met"), "not met": N_("not met"), "undecided": N_("undecided whether met")}
_PACE_IN_SHORT = {"on track": N_("on track"), "behind": N_("behind"), "undecided": N_("undecided whether on track")}


def target_sentence(row: _Row, language: str = "en", *, protocol: str | None = None, mark: str | None = None) -> str:
    """What a row of the table `targets` says.

    Parameters
    ----------
    row : mapping
        The row.
    language : str
        One of `languages.LANGUAGES`.
    protocol : str, optional
        What its protocol is called, where readers would take it for another one.
    mark : str, optional
        What it rests on, as `labels.factor_mark` has it.

    Examples
    --------
    >>> from datetime import date
    >>> row = {"target_name": "Plan 2027", "drug_name": "cocaine", "level": "network", "unit_id": "network",
    ...        "unit_name": "All sites", "baseline_period": "2023", "current_period": "2024",
    ...        "deadline": date(2027, 12, 31), "aim_percent": -30.0, "state": "estimated", "reason": None,
    ...        "change_percent": -19.6, "ci_low_percent": -28.0, "ci_high_percent": -10.2, "progress_percent": 61.2,
    ...        "expected_by_now_percent": -7.6, "probability_met": 0.012, "probability_on_track": 0.988,
    ...        "outcome": "not met", "pace": "on track", "credibility": "stands", "is_simulated": False}
    >>> print(target_sentence(row))
    Plan 2027: Cocaine per 1000 people shall be down 30 % on 2023 by 2027-12-31, and is down 20 % (10 to 28) in 2024, \
61 % of the way. It is not met: the probability that it is, is 1 %. A steady way would be at −7.6 % by now: it is on \
track. Nothing we can test explains the change away.
    >>> print(target_sentence(row, "zh"))
    Plan 2027：目标是到2027年12月31日每千人Cocaine用量较2023年下降30%；2024年下降20%（10至28），已完成61%。\
目标未达成：达成的概率1%。按匀速进度此时应为−7.6%：进度符合要求。可检验的其他原因均不能解释这一变化。
    >>> print(target_sentence(row, protocol="EUDA", mark="provisional").split(" in 2024")[1])
    , 61 % of the way, by protocol EUDA. It is not met: the probability that it is, is 1 %. A steady way would be at \
−7.6 % by now: it is on track. Nothing we can test explains the change away. (provisional factor)
    >>> print(target_in_short(row, mark="provisional"))
    Plan 2027: Cocaine, down 30 % on 2023 by 2027-12-31 – not met, on track: down 20 % (10 to 28) in 2024 \
(provisional factor).
    >>> print(target_in_short(row, "zh"))
    Plan 2027：Cocaine，到2027年12月31日较2023年下降30%——未达成、进度符合要求：2024年下降20%（10至28）。
    """
    _ = words(language)
    asked = _("{label}{name}: {drug} per 1000 people{where} shall be {aim} on {baseline} by {deadline}").format(
        **_asked(row, _, language)
    )
    by = _(", by protocol {protocol}").format(protocol=protocol) if protocol else ""
    if row["state"] != "estimated":
        because = labels.because(row["reason"], 1 if row["level"] == "site" else 2, language)
        return _("{asked}{by}. How far it is cannot be told. {because}").format(asked=asked, by=by, because=because)
    now = _("{asked}, and is {change}{interval} in {current}{progress}{by}.").format(
        asked=asked, progress=_progress(row["progress_percent"], _), by=by, **_now(row, _, language)
    )
    met, stands = _MET[row["outcome"]], _STANDS[row["credibility"]]
    is_met = _(met).format(probability=probability(row["probability_met"], language))
    # What else could have made a change is no question where none was detected.
    stands = _(stands) if _is_change(row) else ""
    said = ("" if language == "zh" else " ").join(filter(None, (now, is_met, _pace(row, _, language), stands)))
    return _("{sentence} ({mark})").format(sentence=said, mark=labels.resting_on(mark, language)) if mark else said


def target_in_short(row: _Row, language: str = "en", *, mark: str | None = None) -> str:
    """The same in a line, for paper. Examples stand with `target_sentence`."""
    _ = words(language)
    asked = _("{label}{name}: {drug}{where}, {aim} on {baseline} by {deadline}").format(**_asked(row, _, language))
    if row["state"] != "estimated":
        return _("{asked} – cannot be told.").format(asked=asked)
    stands = [
        *outcome(row, language),
        _("the change is not supported") if row["credibility"] == "not supported" and _is_change(row) else None,
    ]
    return _("{asked} – {stands}: {change}{interval} in {current}{mark}.").format(
        asked=asked,
        stands=_(", ").join(filter(None, stands)),
        mark=_(" ({mark})").format(mark=labels.resting_on(mark, language)) if mark else "",
        **_now(row, _, language),
    )


def outcome(row: _Row, language: str = "en") -> list[str]:
    """Whether it is met and whether on its way, each in a word or two."""
    _ = words(language)
    if row["state"] != "estimated":
        return [_("cannot be told")]
    met, pace = row["outcome"], row["pace"]
    is_met = labels.said(_MET_IN_SHORT, met, language) if met else _("not told without an interval")
    if _is_over(row):
        return [is_met, _("the deadline has passed")]
    return [is_met, labels.said(_PACE_IN_SHORT, pace, language)] if pace else [is_met]


def _asked(row: _Row, _: Words, language: str) -> dict[str, str]:
    """What was promised, in words."""
    return {
        "label": _("{label}. ").format(label=_(labels.SIMULATED)) if row["is_simulated"] else "",
        "name": row["target_name"],
        "drug": labels.capital(row["drug_name"]),
        "where": where({**row, "unit_name": row["unit_name"] or row["unit_id"]}, _),
        "aim": labels.change_in_words(row["aim_percent"], language),
        "baseline": labels.period(row["baseline_period"], language),
        "deadline": labels.day(row["deadline"], language),
    }


def _now(row: _Row, _: Words, language: str) -> dict[str, str]:
    """How far it is, in words."""
    has_interval = row["ci_low_percent"] is not None
    return {
        "change": labels.change_in_words(row["change_percent"], language),
        "interval": _(" ({ends})").format(ends=change_ends(row, _, language)) if has_interval else "",
        "current": labels.period(row["current_period"], language),
    }


def _is_change(row: _Row) -> bool:
    """Whether the interval of the change leaves out that there was none; by a protocol without one any change."""
    return row["ci_low_percent"] is None or leaves_out_none(row)


def _is_over(row: _Row) -> bool:
    return bool(middle(row["current_period"]) >= row["deadline"])


def _progress(share: float | None, _: Words) -> str:
    """How far on the way; nothing where use rose."""
    return _(", {share} % of the way").format(share=f"{share:,.0f}") if share is not None and share >= 0 else ""


def _pace(row: _Row, _: Words, language: str) -> str:
    if _is_over(row):
        return _("The deadline has passed.")
    expected = labels.percent(row["expected_by_now_percent"], language)
    text = _PACE[row["pace"]]
    return _(text).format(expected=expected)


def probability(value: float | None, language: str = "en") -> str:
    """A probability in percent, never all or nothing; a dash where there is none.

    >>> probability(0.61), probability(0.9999), probability(0.0), probability(None)
    ('61 %', 'over 99 %', 'under 1 %', '–')
    """
    _ = words(language)
    if value is None:
        return "–"
    if value > 0.99:
        return _("over {share}").format(share=number("99 %", language))
    if value < 0.01:
        return _("under {share}").format(share=number("1 %", language))
    return number(f"{100 * value:.0f} %", language)
