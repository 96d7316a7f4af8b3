"""What wants translation, and catalogues written anew with it: `make translations`. Nothing here is said to anybody."""

from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

from dashboards.languages import FOLDER, LANGUAGES
from pipeline import findings
from schemas.credibility import EXPLANATIONS
from schemas.flags import FLAGS
from schemas.plausibility import RULES
from schemas.protocol import load_protocols
from schemas.reference_data import load_factors, load_uncertainties

_KEYWORDS = {"_": None, "N_": None, "Reason": (2, 3), "things": (3,)}
"""In which call which argument is translated; all of it where that is None."""


def texts() -> list[str]:
    """Every text that is translated, each once: those of code and templates, and of the files that compute.

    Of these: rules of deliveries, flags, findings, sources of factors, explanations, the shipped protocols, and what
    each error is of.
    """
    found = extract_from_dir(
        Path(__file__).parent,
        method_map=[("**.py", "python"), ("**.j2", "jinja2.ext:babel_extract")],
        keywords=_KEYWORDS,
    )
    said = [text for _, _, message, _, _ in found for text in ([message] if isinstance(message, str) else message)]
    said += [*FLAGS.values(), *(text for rule in RULES.values() for text in (rule.sentence, rule.remedy))]
    said += [text for rule in findings.RULES.values() for text in (rule.sentence, rule.remedy)]
    said += load_factors()["source"].to_list()
    said += [text for about in EXPLANATIONS.values() for text in (about.sentence, about.source)]
    said += [text for protocol in load_protocols() for text in (protocol.title, protocol.choices)]
    of_errors = load_uncertainties().select("component", "applies_to", "shared_over", "source")
    said += [text for column in of_errors for text in column.drop_nulls()]
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
