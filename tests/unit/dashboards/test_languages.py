"""The catalogues hold what the code says, and no sentence loses a number by being translated."""

import string

import pytest
from babel.messages.pofile import read_po

from dashboards import catalogues, credibility
from dashboards.catalogues import texts, update_catalogues
from dashboards.languages import FOLDER, LANGUAGES, words


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("language", sorted(set(LANGUAGES) - {"en"}))
def test_every_text_is_translated_and_none_is_left_over(language):
    with (FOLDER / f"{language}.po").open("rb") as file:
        messages = {message.id: message.string for message in read_po(file, locale=language) if message.id}
    assert set(messages) == set(texts()), "write what is missing into the catalogues with 'make translations'"
    for text, translated in messages.items():
        assert translated.strip(), text
        assert fields(translated) == fields(text), text


def test_updating_a_catalogue_keeps_what_is_translated_and_tells_what_is_not(tmp_path, monkeypatch):
    whole = (FOLDER / "zh.po").read_text(encoding="utf-8")
    kept, _, _ = whole.partition('\nmsgid "a single day"')
    (tmp_path / "zh.po").write_text(kept + '\nmsgid "said no more"\nmsgstr "不再说"\n', encoding="utf-8")
    monkeypatch.setattr(catalogues, "FOLDER", tmp_path)
    missing = update_catalogues()
    written = (tmp_path / "zh.po").read_text(encoding="utf-8")
    assert missing["zh"] == len(texts()) - kept.count("\nmsgid ") + 1  # the first is the catalogue's head
    assert written.startswith(whole.split("\n\n")[0])
    assert 'msgid "chance"\nmsgstr "偶然"' in written
    assert "said no more" not in written
    update_catalogues()
    assert (tmp_path / "zh.po").read_text(encoding="utf-8") == written


def test_the_catalogue_stands_as_the_tool_writes_it(tmp_path, monkeypatch):
    (tmp_path / "zh.po").write_bytes((FOLDER / "zh.po").read_bytes())
    monkeypatch.setattr(catalogues, "FOLDER", tmp_path)
    assert update_catalogues() == {"zh": 0}
    assert (tmp_path / "zh.po").read_bytes() == (FOLDER / "zh.po").read_bytes()


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
