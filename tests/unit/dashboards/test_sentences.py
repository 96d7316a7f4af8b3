"""Sentences with numbers in them: of one thing nobody says "1 catchments"."""

import itertools
import re

import pytest

from dashboards import credibility, labels
from dashboards.sentences import change_sentence

ONE_OF_MANY = re.compile(r"(?<![\d.,−+-])1 (?!is\b|was\b|has\b)[a-z]+s\b")
"""A single thing by the name of several; `1 is` and the like are verbs."""
COUNTS = (0, 1, 2, 3, 11, 21, 101, 1001)
CHANGE = {
    "drug_name": "cocaine", "level": "area", "unit_name": "North", "protocol": "permille", "basis": "consumption",
    "baseline_period": "2023", "current_period": "2024", "state": "estimated", "reason": None, "change_percent": -43.2,
    "ci_low_percent": -49.1, "ci_high_percent": -36.3, "verdict": "fall", "credibility": "stands",
    "smallest_detectable_fall_percent": 1.0, "is_simulated": False, "naive_change_percent": -1.0,
}  # fmt: skip


def test_the_pattern_finds_what_nobody_should_say():
    for text in ("over the same 1 catchments", "(1 sites left out)", "1 days"):
        assert ONE_OF_MANY.search(text), text
    for text in ("1 catchment", "11 days", "2.1 days", "1,001 sites", "it was 1 was it", "41 sites"):
        assert not ONE_OF_MANY.search(text), text


@pytest.mark.parametrize("level", ["site", "area", "network"])
@pytest.mark.parametrize("verdict", ["fall", "rise", "no change detected", None])
def test_a_change_is_told_of_one_catchment_as_of_one(level, verdict):
    for n, left_out, n_others in itertools.product(COUNTS, COUNTS, range(4)):
        row = {**CHANGE, "level": level, "verdict": verdict, "n_sites": n, "n_sites_left_out": left_out}
        said = change_sentence(row, [{**row, "protocol": f"p{k}"} for k in range(n_others)])
        assert not ONE_OF_MANY.search(said), said
        none = change_sentence(
            {**row, "state": "not estimable", "reason": "no_baseline no_current", "change_percent": None}
        )
        assert not ONE_OF_MANY.search(none), none


@pytest.mark.parametrize("name", list(credibility.NAMES))
def test_evidence_of_one_is_told_as_of_one(name):
    values = (None, 0.0, 0.6, 1.0, 1.4, 2.0, 21.0, 1001.0)
    for outcome, before, now, n, of in itertools.product(credibility.OUTCOMES, values, values, COUNTS[:4], COUNTS[:4]):
        test = {
            "explanation": name, "outcome": outcome, "value_baseline": before, "value_current": now, "n_affected": n,
            "n_tested": of, "subject": "S1 2024-03-01", "change_without_percent": -1.0,
        }  # fmt: skip
        said = credibility.evidence(test, CHANGE)
        assert not ONE_OF_MANY.search(said), said
        assert said.endswith(".")


def test_things_are_counted_with_their_name():
    for value in range(1, 2000):
        said = labels.things(value, "site", "sites")
        assert not ONE_OF_MANY.search(said)
        assert said.endswith(" site") == (value == 1)
