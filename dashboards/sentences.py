"""A change in one sentence: how far, how sure, over what, and whether other protocols agree. No figures of its own."""

from collections.abc import Mapping, Sequence
from typing import Any

from dashboards import labels

_Row = Mapping[str, Any]
_UNTESTED = "other explanations have not been tested"


def change_sentence(row: _Row, others: Sequence[_Row] = ()) -> str:
    """What a row of the table `changes` says.

    Parameters
    ----------
    row : mapping
        The row of the protocol that speaks.
    others : sequence of mappings
        The rows of other protocols, of the same drug, place and periods.

    Examples
    --------
    >>> row = {"drug_name": "methamphetamine", "level": "network", "unit_name": "All sites", "protocol": "permille",
    ...        "basis": "consumption", "baseline_period": "2023", "current_period": "2024", "n_sites": 14,
    ...        "n_sites_left_out": 2, "state": "estimated", "reason": None, "change_percent": -43.2,
    ...        "ci_low_percent": -49.1, "ci_high_percent": -36.3, "verdict": "fall",
    ...        "smallest_detectable_fall_percent": 11.0, "is_simulated": False}
    >>> print(change_sentence(row, [row | {"protocol": "euda", "change_percent": -41.0, "verdict": None}]))
    Methamphetamine per 1000 people is down 43 % (36 to 49) on 2023 in 2024, over the same 14 catchments (2 left out), \
under both protocols; other explanations have not been tested.
    >>> print(change_sentence(row | {"verdict": "no change detected", "change_percent": -4.0, "ci_low_percent": -14.0,
    ...                              "ci_high_percent": 7.0}))
    Methamphetamine per 1000 people: no change detected on 2023 in 2024 (−4.0 %, −14 % to +7.0 %), over the same 14 \
catchments (2 left out); this sampling sees falls from 11 % on.
    """
    label = f"{labels.SIMULATED}. " if row["is_simulated"] else ""
    where = "" if row["level"] == "network" else f" {'at' if row['level'] == 'site' else 'in'} {row['unit_name']}"
    what = f"{labels.capital(row['drug_name'])} per 1000 people{where}"
    when = f"on {row['baseline_period']} in {row['current_period']}"
    if row["state"] != "estimated":
        because = labels.because(row["reason"], row["n_sites"] + row["n_sites_left_out"])
        return f"{label}{what}: no change can be told {when}. {because}"
    left_out = f" ({labels.count(row['n_sites_left_out'])} left out)" if row["n_sites_left_out"] else ""
    same = {1: "the same catchment"}.get(row["n_sites"], f"the same {labels.count(row['n_sites'])} catchments")
    over = "" if row["level"] == "site" else f", over {same}{left_out}"
    change = row["change_percent"]
    if row["verdict"] == "no change detected":
        ends = " to ".join(labels.percent(row[f"ci_{end}_percent"]) for end in ("low", "high"))
        sees = labels.magnitude(row["smallest_detectable_fall_percent"])
        return (
            f"{label}{what}: no change detected {when} ({labels.percent(change)}, {ends}){over};"
            f" this sampling sees falls from {sees} on."
        )
    interval = f" ({_ends(row)})" if row["verdict"] else ""
    without = "" if row["verdict"] else f" by {row['protocol']}, which has no interval"
    return (
        f"{label}{what} is {labels.change_in_words(change)}{interval} {when}{over}{without}"
        f"{_agreement(row, others)}; {_UNTESTED}."
    )


def _ends(row: _Row) -> str:
    """The interval without the sign that the words before it have, the smaller change first."""
    ends = sorted((row["ci_low_percent"], row["ci_high_percent"]), key=abs)
    if row["ci_low_percent"] * row["ci_high_percent"] <= 0:
        return " to ".join(labels.percent(row[f"ci_{end}_percent"]) for end in ("low", "high"))
    return " to ".join(labels.magnitude(end).removesuffix(" %") for end in ends)


def _agreement(row: _Row, others: Sequence[_Row]) -> str:
    """Whether every protocol that has a figure goes the same way."""
    there = [other for other in others if other["state"] == "estimated"]
    if not there:
        return ""
    against = [other for other in there if (other["change_percent"] < 0) != (row["change_percent"] < 0)]
    if against:
        named = ", ".join(f"{other['protocol']} ({labels.percent(other['change_percent'])})" for other in against)
        return f", but not under {named}"
    return ", under both protocols" if len(there) == 1 else f", under all {len(there) + 1} protocols"
