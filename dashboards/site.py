"""The static site: its pages in every language, their style and script, the index of the search, and the data files.

No statistics and no content of pages here; putting the folder in place of the last is the caller's.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment

from dashboards import addresses, datasets, drawing_library, labels, rendering, theme
from dashboards.downloads import write_parquet, write_zipped_csv
from dashboards.edition import Comparison, Edition
from dashboards.languages import LANGUAGES, N_, words
from dashboards.origins import write_origins
from dashboards.outlines import read_outlines
from dashboards.pages import Page, all_pages
from dashboards.pages.changes import newest_of
from dashboards.pages.downloads import DOWNLOADS
from dashboards.series_files import write_series
from dashboards.workbook import write_workbook

NAVIGATION = (
    ("index.html", N_("Overview")),
    ("places.html", N_("Areas and sites")),
    ("compare.html", N_("Compare")),
    ("quality.html", N_("Quality of the data")),
    ("methods.html", N_("Methods")),
    ("restatements.html", N_("Restatements")),
    ("downloads.html", N_("Downloads")),
    ("about.html", N_("About")),
)
"""The pages that every page leads to."""
_WRITERS = {".zip": write_zipped_csv, ".parquet": write_parquet}
"""What writes a table, by the end of the file's name."""
_WORDS_OF_SCRIPT = {
    "onThisPage": N_("On this page"),
    "clicks": N_("A click on a point, or on its period in the table below, shows where it comes from."),
    "clicksOfAreas": N_(
        "A click on a point, or on its period in the table below, shows where it comes from; on a thin line, on the"
        " page of its area."
    ),
    "nothing": N_("Nothing found."),
    "found": N_("{n} found."),
    "amount": N_("Amount [mg/day/1000]"),
    "asWritten": N_("As written, and where"),
    "below": N_("below its limit"),
    "concentration": N_("Concentration [ng/L]"),
    "day": N_("Day"),
    "days": N_("Days"),
    "factor": N_("Factor"),
    "flow": N_("Flow [m³/day]"),
    "inhabitants": N_("Inhabitants"),
    "load": N_("Load [mg/day/1000]"),
    "mean": N_("Mean [mg/day/1000]"),
    "ofDays": N_(
        "Days that make this mean: {n}. Each number is as the warehouse holds it, to seven digits, from left to right."
    ),
    "ofSites": N_("Sites that make this mean: {n}. Each leads to its days."),
    "notKept": N_("The days of this period are not kept beside the pages. Ask for them with: {command}"),
    "again": N_("To have the cells read again, and every step evaluated: {command}"),
    "origin": N_("{drug}, {place}, {period}: where it comes from"),
    "show": N_("Where {period} comes from"),
    "everywhere": N_("All sites"),
    "interval": N_("95 % interval"),
    "ends": N_("{low} to {high}"),
    "low": N_("lower end"),
    "high": N_("upper end"),
    "saveNumbers": N_("Save the numbers (CSV)"),
    "savePicture": N_("Save the figure (PNG)"),
    "undrawn": N_("The figure cannot be drawn: plotly.min.js is missing. Its numbers are in the table below."),
    "site": N_("Site"),
    "share": N_("Share of the weight"),
}
"""What the script says, by the names it knows."""


def publish_site(
    database: Path, folder: Path, *, headline_protocol: str, baseline: str | None, current: str | None, title: str,
    outlines: Path | None = None, plotly_js: Path | None = None,
) -> None:  # fmt: skip
    """Writes the site into a folder: the same input gives the same bytes.

    Parameters
    ----------
    database
        The published copy of the warehouse; it is opened read-only.
    folder
        An empty folder that exists. It is filled, not replaced.
    headline_protocol
        The protocol of the headline, the trends and the tables of places.
    baseline, current
        The periods compared first, as in the table `changes`: 2023, 2023-Q1 or 2023-03; None where there are no two
        yet.
    title
        The name of the pages.
    outlines
        A GeoJSON of what is drawn behind the sites on maps, as the borders of districts; None for a plain plane.
    plotly_js
        The drawing library, of the version that plotly ships; None: that one.

    Raises
    ------
    FileNotFoundError
        Where there is no database or no folder.
    FileExistsError
        Where the folder is not empty.
    ValueError
        Where the warehouse has protocols, but not this one; where outlines or drawing library cannot be used.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder} is no folder: make it first.")
    if any(folder.iterdir()):
        raise FileExistsError(f"{folder} is not empty: name an empty folder, so that no old page stays beside the new.")
    lines = read_outlines(outlines)
    plotly = drawing_library.chosen(plotly_js)
    main = Comparison(baseline, current) if baseline is not None and current is not None else None
    with datasets.published(database) as warehouse:
        edition = Edition(warehouse, protocol=headline_protocol, title=title, main=main, outlines=lines)
        known = edition.data["protocols"]["protocol"].to_list()
        if known and headline_protocol not in known:
            raise ValueError(f"there is no protocol {headline_protocol!r}: name one of {', '.join(known)}.")
        (folder / "data").mkdir()
        for name in DOWNLOADS:
            file = folder / "data" / name
            if write := _WRITERS.get(file.suffix):
                write(datasets.read_in_parts(warehouse, f"downloads/{name.split('.')[0]}", edition.asked), file)
            else:
                write_workbook(warehouse, edition, file)
            edition.n_bytes[name] = file.stat().st_size
        (folder / "data" / "origins").mkdir()
        write_origins(warehouse, edition, folder / "data" / "origins")
    (folder / "data" / "series").mkdir()
    write_series(edition, folder / "data" / "series")
    _write_static(folder / "static", plotly)
    for language in LANGUAGES:
        _write_language(edition, folder, language, map_style_id=drawing_library.map_style_id(plotly))
    first = rendering.environment("en").get_template("index.html.j2")
    content = {"languages": LANGUAGES, "title": labels.printable(title), "content_policy": rendering.CONTENT_POLICY}
    _write(folder / "index.html", first.render(content))


def _write_static(folder: Path, plotly: bytes) -> None:
    folder.mkdir()
    for name, text in rendering.static_files().items():
        (folder / name).write_bytes(text)
    (folder / "plotly.min.js").write_bytes(plotly)


def _write_language(edition: Edition, folder: Path, language: str, *, map_style_id: str | None) -> None:
    environment, frame = rendering.environment(language), {**_frame(edition, language), "map_style_id": map_style_id}
    for page in all_pages(edition, language):
        file = folder / language / page.address
        file.parent.mkdir(parents=True, exist_ok=True)
        _write(file, _rendered(environment, frame, page))
    # As scripts: a page opened from the disk may read no other file.
    found = rendering.json_island(_searched(edition, language))
    _write(folder / "static" / f"search-{language}.js", f"window.permilleSearch={found};\n")
    _ = words(language)
    of_script = {name: _(text) for name, text in _WORDS_OF_SCRIPT.items()}
    said = rendering.json_island({"words": of_script, "template": theme.template()})
    _write(folder / "static" / f"words-{language}.js", f"window.permilleWords={said};\n")


def _write(file: Path, text: str) -> None:
    file.write_bytes(text.encode("utf-8"))


def _frame(edition: Edition, language: str) -> dict[str, Any]:
    """What all pages of a language say."""
    _ = words(language)
    return {
        "language": language,
        "site_title": labels.printable(edition.title),
        "navigation": [(address, _(name)) for address, name in NAVIGATION],
        "content_policy": rendering.CONTENT_POLICY,
        "is_simulated": edition.is_simulated,
        "is_mixed": edition.is_mixed,
        "simulated_means": labels.what_simulated_means(is_mixed=edition.is_mixed, language=language),
        "coverage": edition.coverage,
        "newest_of_all": newest_of(edition.coverage, language),
        "protocol_title": edition.protocol_title,
    }


def _rendered(environment: Environment, frame: Mapping[str, Any], page: Page) -> str:
    """A page as text."""
    top = addresses.between(page.address, "../")
    figures: list[tuple[str, Any]] = []

    def drawn(figure: Mapping[str, Any]) -> str:
        """Keeps a figure for the end of the page, under the identifier that is given back."""
        layout = figure["figure"]["layout"]
        # The caption says the title.
        kept = {**layout, "title": {"subtitle": layout["title"]["subtitle"]}}
        figures.append((f"figure-{figure['id']}", {**figure["figure"], "layout": kept}))
        return figures[-1][0]

    of_page = {
        "page": page._replace(title=labels.printable(page.title)),
        "languages": [(code, name, f"{top}{code}/{page.address}") for code, name in LANGUAGES.items()],
        "static": f"{top}static/",
        "data": f"{top}data/",
        "to": lambda address: addresses.between(page.address, address),
        "drawn": drawn,
        "figures": figures,
        # Together, for they have much in common: half of what they take one by one.
        "packed_figures": lambda: rendering.packed(figures),
    }
    return rendering.lean(environment.get_template(page.template).render({**frame, **of_page, **page.content}))


_ALSO_CALLED = {
    "methamphetamine": "ice crystal meth 冰毒",
    "ketamine": "K粉",
    "mdma": "ecstasy molly",
    "heroin": "白粉",
    "cannabis": "marijuana THC",
    "cocaine": "crack 古柯碱",
    "etomidate": "烟粉 上头电子烟",
}
"""What people type who look for a drug, beside its names."""


def _searched(edition: Edition, language: str) -> list[list[str]]:
    """What the search finds: name, kind and address of each drug, area and site."""
    _ = words(language)
    kinds = {"area": _("area"), "site": _("site")}
    residues: dict[str, set[str]] = {drug: set() for drug in edition.drugs}
    for row in edition.rows("factors"):
        if row["drug"] in residues:
            residues[row["drug"]] |= {row["residue"], row["residue_name"], row["residue_name_zh"]} - {None}
    drugs = [
        # Found by all its names and by its residues, whatever the page's language.
        [
            edition.title_of(drug, language),
            _("drug"),
            addresses.of_drug(drug),
            " ".join(
                [
                    drug,
                    *(edition.name_of(drug, code) for code in LANGUAGES),
                    *sorted(residues[drug]),
                    _ALSO_CALLED.get(drug, ""),
                ]
            ).strip(),
        ]
        for drug in edition.drugs
    ]
    places = [
        [
            labels.printable(place.called),
            kinds[place.level],
            place.address,
            labels.printable(place.unit_id),
        ]
        for place in edition.places
        if place.level in kinds
    ]
    return drugs + places
