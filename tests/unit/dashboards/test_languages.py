"""The catalogues hold what the code says, and no sentence loses a number by being translated."""

import string
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

import dashboards
from dashboards import credibility
from dashboards.languages import FOLDER, LANGUAGES, words

KEYWORDS = {"_": None, "N_": None, "Reason": (3,)}


def in_code() -> set[str]:
    found = extract_from_dir(Path(dashboards.__file__).parent, method_map=[("**.py", "python")], keywords=KEYWORDS)
    return {message for _, _, message, _, _ in found}


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("language", sorted(set(LANGUAGES) - {"en"}))
def test_every_text_is_translated_and_none_is_left_over(language):
    with (FOLDER / f"{language}.po").open("rb") as file:
        messages = {message.id: message.string for message in read_po(file, locale=language) if message.id}
    assert set(messages) == in_code()
    for text, translated in messages.items():
        assert translated.strip(), text
        assert fields(translated) == fields(text), text


def test_an_unknown_language_is_an_error():
    with pytest.raises(KeyError):
        words("xx")


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_outcome_of_every_test_has_words(language):
    for explanation in credibility.NAMES:
        for outcome in credibility.OUTCOMES:
            test = {
                "explanation": explanation, "outcome": outcome, "value_baseline": 12.0, "value_current": None,
                "n_affected": 1, "n_tested": 2, "subject": "S\x00<b>", "change_without_percent": -3.0,
            }  # fmt: skip
            said = credibility.evidence(test, {"naive_change_percent": None}, language)
            assert said
            assert "{" not in said
            assert "\x00" not in said
