"""The languages of what people read. English stands in the code, the others in catalogues as Babel keeps them.

A text that is translated stands in `_("...")`, where `_` is what `words` gives, or in `N_("...")` where it is a
constant that is translated later; so in the templates. A test holds the catalogues against the code, and
`make translations` (`catalogues.py`) writes into them what is missing.
"""

from collections.abc import Callable
from functools import cache
from pathlib import Path

from babel.messages.pofile import read_po

FOLDER = Path(__file__).parent / "translations"
LANGUAGES = {"en": "English", "zh": "简体中文"}
"""The languages there are, by their ISO 639 codes, each by its own name."""
Words = Callable[[str], str]


def N_(text: str) -> str:  # noqa: N802  the name that tools for translation look for
    """A text that will be translated where it is used."""
    return text


@cache
def _catalogue(language: str) -> dict[str, str]:
    with (FOLDER / f"{language}.po").open("rb") as file:
        found = read_po(file, locale=language)
    return {str(message.id): str(message.string) for message in found if message.id and message.string}


def words(language: str) -> Words:
    """What translates a text into a language; a text without translation stays as it is.

    Raises KeyError for a language there is none of.

    >>> words("zh")("down {size}"), words("en")("down {size}")
    ('下降{size}', 'down {size}')
    """
    if language == "en":
        return N_
    if language not in LANGUAGES:
        raise KeyError(language)
    catalogue = _catalogue(language)
    return lambda text: catalogue.get(text, text)


def number(text: str, language: str) -> str:
    """A number with its sign of percent as a language writes it.

    >>> number("−43 %", "zh"), number("−43 %", "en")
    ('−43%', '−43 %')
    """
    return text.replace(" %", "%") if language == "zh" else text
