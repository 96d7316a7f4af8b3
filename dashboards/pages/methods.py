"""The page on the methods, from the very files that compute: formula, factors, protocols, errors, tests, rules."""

from collections.abc import Iterator
from typing import Any

from dashboards import credibility, labels
from dashboards.edition import Edition
from dashboards.languages import N_, words
from dashboards.pages import changes as told
from dashboards.pages.page import Page
from schemas.credibility import EXPLANATIONS

BASIS = {"molar": N_("molar"), "mass": N_("by mass")}
"""What a fraction that is excreted is a fraction of."""
IN_SEWER = {
    "stable": N_("stable"), "unstable": N_("unstable"), "formed": N_("is formed"), "unknown": N_("not known"),
}  # fmt: skip
"""What becomes of a residue in the sewer."""
STATUS = {"approved": N_("approved"), "provisional": N_("provisional"), "experimental": N_("experimental")}


def pages(edition: Edition, language: str) -> Iterator[Page]:
    """The page."""
    _ = words(language)
    yield Page("methods.html", "methods.html.j2", _("Methods"), (), _content(edition, language))


def _content(edition: Edition, language: str) -> dict[str, Any]:
    say = words(language)
    is_zh = language == "zh"
    return {
        "formula": labels.FORMULA,
        "factors": [
            {
                **row,
                "drug_name": edition.name_of(row["drug"], language),
                "residue_name": (row["residue_name_zh"] if is_zh else None) or row["residue_name"],
                "evidence_in_words": labels.capital(labels.said(labels.EVIDENCE, row["evidence"], language)),
                "status_in_words": labels.said(STATUS, row["factor_status"], language),
                "basis_in_words": labels.said(BASIS, row["excretion_basis"], language)
                if row["excretion_basis"]
                else None,
                "in_sewer_in_words": labels.said(IN_SEWER, row["stability_class"], language),
                "source": say(row["source"]),
                "dose_status_in_words": labels.said(STATUS, row["dose_status"], language)
                if row["dose_status"]
                else None,
            }
            for row in edition.rows("factors")
        ],
        "protocols": [
            {
                **row,
                "basis_in_words": labels.said(told.BASES, row["basis"], language),
                "below_limit_in_words": labels.said(labels.BELOW_LIMIT, row["below_limit"], language),
                "weekday_rule_in_words": labels.said(labels.WEEKDAY_RULE, row["weekday_rule"], language),
                "area_weights_in_words": labels.said(labels.AREA_WEIGHTS, row["area_weights"], language),
                "interval_in_words": labels.said(labels.INTERVAL, row["interval"], language),
                # Of an office's own protocol as it stands in its file.
                "title": say(row["title"]),
                "choices": say(row["choices"]),
            }
            for row in edition.rows("protocols")
        ],
        "uncertainties": [
            row | {name: say(row[name]) for name in ("component", "applies_to", "shared_over", "source") if row[name]}
            for row in edition.rows("uncertainties")
        ],
        "explanations": [
            {
                "name": labels.said(credibility.NAMES, name, language),
                "sentence": say(about.sentence),
                "source": say(about.source),
            }
            for name, about in EXPLANATIONS.items()
        ],
    }
