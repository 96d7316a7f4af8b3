"""What the tests of other explanations found, in words. No tests here: those are rows of the table `credibility`."""

from collections.abc import Mapping, Sequence
from typing import Any

from dashboards import labels
from dashboards.languages import N_, Words, words

_Row = Mapping[str, Any]

NAMES: dict[str, str] = {
    "chance": N_("chance"),
    "laboratory": N_("another laboratory"),
    "limits": N_("other limits of measurement"),
    "flow": N_("the flow"),
    "markers": N_("dilution, or people who left or came"),
    "population": N_("another count of inhabitants"),
    "factor": N_("another factor"),
    "panel": N_("sites that joined or left"),
    "weekdays": N_("other weekdays"),
    "months": N_("another season"),
    "single_day": N_("a single day"),
    "single_month": N_("a single month"),
}
"""What else could have made a change, by the explanations of the table."""
OUTCOMES: dict[str, str] = {
    "nothing found": N_("nothing found"),
    "set aside": N_("there, and makes no part of it"),
    "part of it": N_("could have made part of it"),
    "all of it": N_("could have made all of it"),
    "not tested": N_("not tested"),
}
HEADERS = (N_("explanation"), N_("found"), N_("evidence"))
"""Of a table of tests: what else, what was found of it, and what shows it."""

_FOUND: dict[str, str] = {
    "chance": N_("The days tell it from no change; they would see a fall of {current}."),
    "laboratory": N_("There is another laboratory than before at {n} of {of}, with {current} of the amount."),
    "limits": N_(
        "In the mean of the catchments the limit was {baseline} ng/L, and is {current} ng/L; it moved at {n} of them."
    ),
    "flow": N_("A head gave {baseline} L of sewage a day, and now gives {current} L."),
    "markers": N_("Markers of people, measured at {of}, are at {current} % of what a head gave before."),
    "population": N_("A catchment's inhabitants were {baseline} in the mean, and now are {current}."),
    "factor": N_("Loads were multiplied by {baseline}, and now are by {current}."),
    "panel": N_(
        "Catchments with a figure: {baseline} before, {current} now, {n} left out; over whichever there are the change"
        " is {naive}."
    ),
    "weekdays": N_("{baseline} % of the days before were Saturdays and Sundays, {current} % are now."),
    "months": N_("{baseline} % of the days of the two periods have the season in common."),
    "single_day": N_("Without any one day it lies between {baseline} and {current}; furthest off without {subject}."),
    "single_month": N_(
        "Without any one month, in both periods, it lies between {baseline} and {current}; furthest off without"
        " {subject}."
    ),
}
"""What was looked at, of tests that could be made."""
_STAYS = {
    "single_day": N_("Without any one day it stays at {current}."),
    "single_month": N_("Without any one month, in both periods, it stays at {current}."),
}
"""The same where none makes a difference that can be told."""
_NOT_SEEN = N_("The days do not tell it from no change; they would see a fall of {current}.")
_NO_LIMITS = N_("Nothing lies below a limit that is known.")
_NO_MONTHS = N_("In neither period a catchment has days in three months, of which one could be left out.")
_NOT_TESTED: dict[str, str] = {
    "chance": N_("The change has no interval."),
    "laboratory": N_("Nobody names the laboratory."),
    "limits": N_("Days lie below limits that nobody states."),
    "flow": N_("The flows are not known."),
    "markers": N_("No marker of people was measured, above its limits, in the samples compared."),
    "population": N_("By how many inhabitants the loads were divided only their reporter knows."),
    "factor": N_("The factors are not known."),
    "panel": N_("There is no figure over whichever catchments there are."),
    "weekdays": N_("The rhythm of the week is not known."),
    "months": N_("The days have no date."),
    "single_day": N_("There is one day only."),
    "single_month": N_("The days have no date."),
}


def evidence(test: _Row, change: _Row, language: str = "en") -> str:
    """What a test looked at, as a sentence; of what could have made the change also what it would leave.

    Parameters
    ----------
    test, change : mapping
        A row of the table `credibility`, and the row of `changes` it is about.

    Examples
    --------
    >>> test = {"explanation": "flow", "outcome": "part of it", "value_baseline": 212.4, "value_current": 130.0,
    ...         "n_affected": 0, "n_tested": 3, "subject": None, "change_without_percent": -12.0}
    >>> print(evidence(test, {"naive_change_percent": -40.0}))
    A head gave 212 L of sewage a day, and now gives 130 L. Were it wholly so, −12 % would be left.
    """
    _ = words(language)
    name = test["explanation"]
    if test["outcome"] == "not tested":
        return _(_NOT_TESTED[name])
    text = _NOT_SEEN if name == "chance" and test["outcome"] == "all of it" else _FOUND[name]
    if name == "limits" and test["value_baseline"] is None and test["value_current"] is None:
        text = _NO_LIMITS
    if name == "single_month" and test["n_tested"] == 0:
        text = _NO_MONTHS
    naive = change["naive_change_percent"]
    before, now = (_value(name, test[f"value_{period}"], language) for period in ("baseline", "current"))
    if name in _STAYS and before == now and test["n_tested"] != 0:
        text = _STAYS[name]
    said = _(text).format(
        baseline=before,
        current=now,
        n=labels.count(test["n_affected"]),
        of=labels.count(test["n_tested"]),
        subject=_(" and ").join(labels.printable(test["subject"]).split(" "))
        if name == "single_month"
        else labels.printable(test["subject"]),
        naive="–" if naive is None else labels.percent(naive, language),
    )
    is_left_known = test["change_without_percent"] is not None and name != "chance"
    if test["outcome"] in ("part of it", "all of it") and is_left_known:
        left = labels.percent(test["change_without_percent"], language)
        said += _(" Were it wholly so, {left} would be left.").format(left=left)
    return said


def _value(name: str, value: float | None, language: str) -> str:
    if value is None:
        return "–"
    if name in ("single_day", "single_month"):
        return labels.percent(value, language)
    if name in ("chance", "laboratory"):
        return labels.magnitude(value, language)
    if name in ("limits", "factor"):
        return labels.amount(value)
    return f"{value:,.0f}"


def overall(credibility: str | None, tests: Sequence[_Row], language: str = "en") -> str:
    """What all tests of a change say together, as the last clause of a sentence.

    Parameters
    ----------
    credibility : str, optional
        As the row of `changes` has it.
    tests : sequence of mappings
        The rows of `credibility` about it, in their order.

    Examples
    --------
    >>> tests = [{"explanation": "flow", "outcome": "part of it"}, {"explanation": "markers", "outcome": "not tested"}]
    >>> overall("stands with reservations", tests)
    'it stands with reservations: the flow could have made part of it; not tested: dilution, or people who left or came'
    >>> overall("stands", [])
    'nothing we can test explains it away'
    """
    _ = words(language)
    if credibility is None:
        return _("other explanations have not been tested")
    if credibility == "stands":
        return _("nothing we can test explains it away")
    of = {outcome: _named(tests, outcome, _) for outcome in ("all of it", "part of it", "not tested")}
    if credibility == "not supported":
        return _("it is not supported: {names} could have made all of it").format(names=of["all of it"])
    parts = []
    if of["part of it"]:
        parts.append(_("{names} could have made part of it").format(names=of["part of it"]))
    if of["not tested"]:
        parts.append(_("not tested: {names}").format(names=of["not tested"]))
    return _("it stands with reservations: {reasons}").format(reasons=_("; ").join(parts))


def _named(tests: Sequence[_Row], outcome: str, _: Words) -> str:
    names = [NAMES[test["explanation"]] for test in tests if test["outcome"] == outcome]
    return _(", ").join(_(name) for name in names)
