"""The page on the quality of the data: what came in, what was held back, what wants looking at, what has no figure."""

import re
from collections.abc import Iterator
from typing import Any

from dashboards import addresses, labels
from dashboards.edition import Edition
from dashboards.languages import N_, words
from dashboards.pages.page import Page
from pipeline import findings
from schemas.plausibility import RULES

_FEW_FILES = 12
_MOST_FILES = 500
STATUS = {
    "accepted": N_("accepted"),
    "partly accepted": N_("partly accepted"),
    "refused": N_("refused"),
}


def pages(edition: Edition, language: str) -> Iterator[Page]:
    """The page."""
    _ = words(language)
    yield Page("quality.html", "quality.html.j2", _("Quality of the data"), (), _content(edition, language))


def _content(edition: Edition, language: str) -> dict[str, Any]:
    deliveries = edition.data["deliveries"]
    return {
        "deliveries": [
            {
                **row,
                "status_in_words": labels.said(STATUS, row["status"], language),
                "received": labels.day(row["received_at"].date(), language),
            }
            for row in deliveries.to_dicts()
        ],
        "delivered_in_words": _delivered_in_words(edition, language),
        "few_files": _FEW_FILES,
        "most_files": _MOST_FILES,
        "n_quarantined": edition.coverage["n_quarantined"],
        "quarantine": [row | _rule(row["rule"], language) for row in edition.rows("quarantine")],
        "missing": [
            {"n": row["n_results"], "because": labels.because(row["reason"], language=language)}
            for row in edition.rows("load_reasons")
        ],
        "without_figure": [
            {"n": row["n"], "short": labels.shortly(row["reason"], language),
             "because": labels.because(row["reason"], language=language)}
            for row in edition.rows("periods_without_figure")
        ],
        "findings": _findings(edition, language),
    }  # fmt: skip


def _rule(name: str, language: str) -> dict[str, str]:
    """What a rule says of any record that breaks it, and what to do.

    >>> _rule("negative_value", "en")["sentence"]
    '… is below zero'
    """
    _ = words(language)
    rule = findings.RULES.get(name)
    if rule is None:  # of another version of the program
        return {"sentence": name, "remedy": ""}
    return {"sentence": re.sub("… ?…", "…", _(rule.sentence).format(value="…", detail="…")), "remedy": _(rule.remedy)}


def _delivered_in_words(edition: Edition, language: str) -> str:
    """What came in, in total."""
    _ = words(language)
    deliveries = edition.data["deliveries"]
    counts = {name: labels.count(int(deliveries[f"n_{name}"].sum())) for name in ("rows", "accepted", "quarantined")}
    refused = int((deliveries["status"] == "refused").sum())
    return _(
        "{files} with {rows} rows: {accepted} accepted, {quarantined} quarantined; {refused} of the files refused."
    ).format(files=labels.things(deliveries.height, "file", "files", language), refused=labels.count(refused), **counts)


def _findings(edition: Edition, language: str) -> list[dict[str, Any]]:
    """The findings of each rule, in the order of the rules, with the sites."""
    _ = words(language)
    names = {site: facts["site_name"] for site, facts in edition.site_facts.items()}
    by_rule = edition.data["plausibility"].partition_by("rule", as_dict=True, maintain_order=True)
    shown = []
    for rule, about in RULES.items():
        rows = by_rule.get((rule,))
        if rows is None:
            continue
        sites = sorted(rows["site_id"].unique())
        shown.append(
            {
                "sentence": _(about.sentence),
                "remedy": _(about.remedy),
                "n": rows.height,
                "sites": [
                    {"name": names.get(site, site),
                     "address": addresses.of_place("site", site) if site in edition.sites_with_page else None}
                    for site in sites
                ],
            }
        )  # fmt: skip
    return shown
