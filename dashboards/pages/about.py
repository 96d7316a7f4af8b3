"""The page about this edition, and that of what changed since the last."""

from collections.abc import Iterator

from dashboards.edition import Edition
from dashboards.languages import words
from dashboards.pages.page import Page


def pages(edition: Edition, language: str) -> Iterator[Page]:
    """Both pages."""
    _ = words(language)
    yield Page("about.html", "about.html.j2", _("About"), (), {"licences": edition.rows("licences")})
    corrections = {"corrections": edition.rows("corrections")}
    yield Page("restatements.html", "restatements.html.j2", _("Restatements"), (), corrections)
