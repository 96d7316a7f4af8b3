"""The languages of what people read. English stands in the code, the others in catalogues as Babel keeps them.

A text that is translated stands in `_("...")`, where `_` is what `words` gives, or in `N_("...")` where it is a
constant that is translated later; so in the templates. A test holds the catalogues against the code, and
`make translations` writes into them what is missing.
"""

from collections.abc import Callable
from functools import cache
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

from schemas.flags import FLAGS
from schemas.plausibility import RULES

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


_KEYWORDS = {"_": None, "N_": None, "Reason": (2, 3), "things": (3,)}
"""In which call which argument is translated; all of it where that is None."""


def texts() -> list[str]:
    """Every text that is translated, each once: those of the code, of the templates, of flags and of findings."""
    found = extract_from_dir(
        Path(__file__).parent,
        method_map=[("**.py", "python"), ("**.j2", "jinja2.ext:babel_extract")],
        keywords=_KEYWORDS,
    )
    said = [text for _, _, message, _, _ in found for text in ([message] if isinstance(message, str) else message)]
    said += [*FLAGS.values(), *(text for rule in RULES.values() for text in (rule.sentence, rule.remedy))]
    return list(dict.fromkeys(text for text in said if text))


def update_catalogues() -> dict[str, int]:
    """Writes each catalogue anew: what is said now, in the order it is said, with the translations there are.

    Returns how many texts of each language still want one.
    """
    missing = {}
    for language in LANGUAGES:
        if language == "en":
            continue
        file = FOLDER / f"{language}.po"
        with file.open("rb") as old:
            known = read_po(old, locale=language)
        new = Catalog(locale=language)
        for text in texts():
            there = known.get(text)
            new.add(text, there.string if there else "")
        # Babel's own header holds the time, and names of nobody.
        head = file.read_text(encoding="utf-8").split("\n\n")[0]
        with file.open("wb") as out:
            out.write(f"{head}\n\n".encode())
            write_po(out, new, width=120, no_location=True, omit_header=True)
        missing[language] = sum(not message.string for message in new if message.id)
    return missing


if __name__ == "__main__":
    for code, number_missing in update_catalogues().items():
        print(f"{LANGUAGES[code]}: {number_missing} texts without a translation in {FOLDER / f'{code}.po'}")  # noqa: T201
