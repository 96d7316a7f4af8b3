"""The page of data files."""

from collections.abc import Iterator

from dashboards import labels
from dashboards.edition import Edition
from dashboards.languages import N_, words
from dashboards.pages.page import Page

_TABLES = {
    "changes": N_("each change at a site, in an area and in the network, with the sites compared."),
    "area_periods": N_(
        "the means of areas and of the network in each year, quarter and month, over all available sites."
    ),
    "site_periods": N_("the means of sites in each year, quarter and month, with the mean of each weekday."),
}
DOWNLOADS: dict[str, str] = {
    "permille.xlsx": N_(
        "a workbook of changes and of the means of areas in years and quarters, with the unit of each column and the"
        " factors, protocols and files behind them."
    ),
    "changes.csv.zip": _TABLES["changes"],
    "changes.parquet": _TABLES["changes"],
    "area_periods.csv.zip": _TABLES["area_periods"],
    "area_periods.parquet": _TABLES["area_periods"],
    "site_periods.csv.zip": _TABLES["site_periods"],
    "site_periods.parquet": _TABLES["site_periods"],
}
"""The data files beside the pages, by their names: what grows with sites and periods is packed."""


def pages(edition: Edition, language: str) -> Iterator[Page]:
    """The page."""
    _ = words(language)
    files = [(name, labels.size_of_file(edition.n_bytes[name]), _(text)) for name, text in DOWNLOADS.items()]
    content = {"files": files, "about_factor_status": _(labels.ABOUT_FACTOR_STATUS)}
    yield Page("downloads.html", "downloads.html.j2", _("Downloads"), (), content)
