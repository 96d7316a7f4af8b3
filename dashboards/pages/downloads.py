"""The page of data files."""

from collections.abc import Iterator

from dashboards.edition import Edition
from dashboards.languages import N_, words
from dashboards.pages.page import Page

DOWNLOADS: dict[str, str] = {
    "changes.csv": N_("each change at a site, in an area and in the network, with the sites compared."),
    "area_periods.csv.zip": N_(
        "the means of areas and of the network in each year, quarter and month, over all available sites."
    ),
    "site_periods.csv.zip": N_("the means of sites in each year, quarter and month, with the mean of each weekday."),
}
"""The data files beside the pages, by their names: what grows with sites and periods is packed."""


def pages(edition: Edition, language: str) -> Iterator[Page]:  # noqa: ARG001  all pages are asked alike
    """The page."""
    _ = words(language)
    files = [(name, _(text)) for name, text in DOWNLOADS.items()]
    yield Page("downloads.html", "downloads.html.j2", _("Downloads"), (), {"files": files})
