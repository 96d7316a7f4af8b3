"""The pages, one module a kind: what each says, computed from an edition. How it looks is for the templates."""

from collections.abc import Iterator

from dashboards.edition import Edition
from dashboards.pages import about, compare, downloads, drug, methods, overview, place, quality
from dashboards.pages.page import Page

_KINDS = (overview, drug, place, compare, quality, methods, about, downloads)


def all_pages(edition: Edition, language: str) -> Iterator[Page]:
    """Every page of an edition in one language."""
    for kind in _KINDS:
        yield from kind.pages(edition, language)


__all__ = ["Page", "all_pages"]
