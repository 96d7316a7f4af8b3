"""A change in one sentence: how far, how sure, over what, whether protocols agree, and what else could have made it.

No figures of its own.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from dashboards import credibility, labels
from dashboards.languages import Words, words

_Row = Mapping[str, Any]


def change_sentence(
    row: _Row,
    others: Sequence[_Row] = (),
    tests: Sequence[_Row] = (),
    language: str = "en",
    *,
    by_population: Sequence[_Row] = (),
) -> str:
    """What a row of the table `changes` says.

    Parameters
    ----------
    row : mapping
        The row of the protocol that speaks.
    others : sequence of mappings
        The rows of other protocols, of the same drug, place and periods.
    tests : sequence of mappings
        The rows of the table `credibility` about it, in their order.
    language : str
        One of `languages.LANGUAGES`.
    by_population : sequence of mappings
        The rows of the table `robustness` about it by other ways of counting people, over the same sites.

    Examples
    --------
    >>> row = {"drug_name": "methamphetamine", "level": "network", "unit_name": "All sites", "protocol": "permille",
    ...        "basis": "consumption", "baseline_period": "2023", "current_period": "2024", "n_sites": 14,
    ...        "n_sites_left_out": 2, "state": "estimated", "reason": None, "change_percent": -43.2,
    ...        "ci_low_percent": -49.1, "ci_high_percent": -36.3, "verdict": "fall", "credibility": "stands",
    ...        "smallest_detectable_fall_percent": 11.0, "is_simulated": False}
    >>> other = row | {"protocol": "euda", "change_percent": -41.0, "verdict": None}
    >>> print(change_sentence(row, [other]))
    Methamphetamine per 1000 people is down 43 % (36 to 49) on 2023 in 2024, over the same 14 catchments (2 left out), \
under both protocols (−43 % to −41 %); nothing we can test explains it away.
    >>> print(change_sentence(row, [other | {"published_class": "stable"}]).split("left out), ")[1])
    under both protocols (−43 % to −41 %; not told from no change by euda); nothing we can test explains it away.
    >>> alike = [other | {"protocol": name} for name in ("one", "two")]
    >>> print(change_sentence(row, alike).split("left out), ")[1].split(";")[0])
    the same way under all protocols, which come to 2 figures (−43 % to −41 %)
    >>> counted = [{"option": "cotinine", "change_percent": -39.0}, {"option": "COD", "change_percent": 3.0}]
    >>> print(change_sentence(row, [other], by_population=counted[:1]).split("left out), ")[1])
    under both protocols (−43 % to −41 %) and 2 ways of counting people; nothing we can test explains it away.
    >>> print(change_sentence(row, [other], by_population=counted).split("protocols ")[1])
    (−43 % to −41 %), but not with people counted by COD (+3.0 %); nothing we can test explains it away.
    >>> print(change_sentence(row, [other], language="zh"))
    与2023年相比，2024年每千人Methamphetamine用量下降43%（36至49），基于相同的14个集水区（另有2个未纳入），两种方案一致（−43%至−41%）；\
可检验的其他原因均不能解释这一变化。
    >>> print(change_sentence(row | {"verdict": "no change detected", "change_percent": -4.0, "ci_low_percent": -14.0,
    ...                              "ci_high_percent": 7.0}))
    Methamphetamine per 1000 people: no change detected on 2023 in 2024 (−4.0 %, −14 % to +7.0 %), over the same 14 \
catchments (2 left out); this sampling sees falls from 11 % on.
    >>> print(change_sentence(row | {"state": "not estimable", "reason": "mostly_below_limit",
    ...                              "by_limits_low_percent": -100.0, "by_limits_high_percent": -97.6}))
    Methamphetamine per 1000 people: no change can be told on 2023 in 2024. More days lie below their limits than the \
protocol allows. By the limits alone it lies between −100 % and −98 %.
    """
    _ = words(language)
    what = _("{drug} per 1000 people{where}").format(drug=labels.capital(row["drug_name"]), where=where(row, _))
    when = _("on {baseline} in {current}").format(
        baseline=labels.period(row["baseline_period"], language), current=labels.period(row["current_period"], language)
    )
    said = {
        "label": _("{label}. ").format(label=_(labels.SIMULATED)) if row["is_simulated"] else "",
        "what": what,
        "when": when,
    }
    if row["state"] != "estimated":
        because = labels.because(row["reason"], row["n_sites"] + row["n_sites_left_out"], language)
        said_it = _("{label}{what}: no change can be told {when}. {because}").format(**said, because=because)
        return said_it + by_limits(row, _, language)
    said |= {"over": _over(row, _)}
    change = row["change_percent"]
    if row["verdict"] == "no change detected":
        sees = labels.magnitude(row["smallest_detectable_fall_percent"], language)
        return _(
            "{label}{what}: no change detected {when} ({change}, {interval}){over}; this sampling sees falls from"
            " {sees} on."
        ).format(**said, change=labels.percent(change, language), interval=_both_ends(row, _, language), sees=sees)
    return _("{label}{what} is {change}{interval} {when}{over}{without}{agreement}; {credibility}.").format(
        **said,
        change=labels.change_in_words(change, language),
        interval=_(" ({ends})").format(ends=change_ends(row, _, language)) if row["verdict"] else "",
        without="" if row["verdict"] else _(" by {protocol}, without an interval").format(protocol=row["protocol"]),
        agreement=_agreement(row, others, by_population, _, language),
        credibility=credibility.overall(row["credibility"], tests, language),
    )


def by_limits(row: _Row, _: Words, language: str) -> str:
    """What limits alone say of a change that is not told; nothing where they say nothing."""
    ends = labels.by_limits(row, language)
    return "" if ends is None else _(" By the limits alone it lies between {ends}.").format(ends=ends)


def where(row: _Row, _: Words) -> str:
    """The place of a change, as it follows its figure; nothing for the network."""
    if row["level"] == "network":
        return ""
    text = _(" at {place}") if row["level"] == "site" else _(" in {place}")
    return text.format(place=row["unit_name"])


def _over(row: _Row, _: Words) -> str:
    if row["level"] == "site":
        return ""
    left_out = row["n_sites_left_out"]
    left = _(" ({n} left out)").format(n=labels.count(left_out)) if left_out else ""
    if row["n_sites"] == 1:
        return _(", over the same catchment{left_out}").format(left_out=left)
    return _(", over the same {n} catchments{left_out}").format(n=labels.count(row["n_sites"]), left_out=left)


def _both_ends(row: _Row, _: Words, language: str) -> str:
    low, high = (labels.percent(row[f"ci_{end}_percent"], language) for end in ("low", "high"))
    return _("{low} to {high}").format(low=low, high=high)


def leaves_out_none(row: _Row) -> bool:
    """Whether the interval of a change leaves out that there was none."""
    low, high = row["ci_low_percent"], row["ci_high_percent"]
    return low is not None and high is not None and not low <= 0 <= high


def change_ends(row: _Row, _: Words, language: str) -> str:
    """The interval without the sign that the words before it have, the smaller change first."""
    ends = sorted((row["ci_low_percent"], row["ci_high_percent"]), key=abs)
    if row["ci_low_percent"] * row["ci_high_percent"] <= 0:
        return _both_ends(row, _, language)
    low, high = (labels.magnitude(end).removesuffix(" %") for end in ends)
    return _("{low} to {high}").format(low=low, high=high)


def _agreement(row: _Row, others: Sequence[_Row], by_population: Sequence[_Row], _: Words, language: str) -> str:
    """Whether every protocol that has a figure goes the same way, and where it does, every way of counting people."""
    there = [other for other in others if other["state"] == "estimated"]
    if not there:
        return ""
    if against := _against(row, there, "protocol", _, language):
        return _(", but not under {protocols}").format(protocols=against)
    # Protocols that come to the same figure, as it is said, are one voice: so they do where nothing lies below limits.
    n_voices = len({labels.percent(change["change_percent"], language) for change in (row, *there)})
    if len(there) == 1:
        agreed = _(", with the same figure under both protocols") if n_voices == 1 else _(", under both protocols")
    elif n_voices == 1:
        agreed = _(", with the same figure under all {n} protocols").format(n=len(there) + 1)
    elif n_voices <= len(there):
        agreed = _(", the same way under all protocols, which come to {n} figures").format(n=n_voices)
    else:
        agreed = _(", under all {n} protocols").format(n=n_voices)
    # They go the same way, though not as far, and by some of them it is no change.
    ends = [labels.percent(end([change["change_percent"] for change in (row, *there)]), language) for end in (min, max)]
    details = [_("{low} to {high}").format(low=ends[0], high=ends[1])] if ends[0] != ends[1] else []
    if untold := [
        other["protocol"]
        for other in there
        if other["verdict"] == "no change detected" or other.get("published_class") == "stable"
    ]:
        details.append(_("not told from no change by {protocols}").format(protocols=_(", ").join(untold)))
    if details:
        agreed += _(" ({ends})").format(ends=_("; ").join(details))
    if against := _against(row, by_population, "option", _, language):
        return agreed + _(", but not with people counted by {methods}").format(methods=against)
    return agreed + (_(" and {n} ways of counting people").format(n=len(by_population) + 1) if by_population else "")


def _against(row: _Row, others: Sequence[_Row], name: str, _: Words, language: str) -> str:
    """Those that go the other way, by name and with their change."""
    return _(", ").join(
        _("{protocol} ({change})").format(
            protocol=other[name], change=labels.percent(other["change_percent"], language)
        )
        for other in others
        if (other["change_percent"] < 0) != (row["change_percent"] < 0)
    )
