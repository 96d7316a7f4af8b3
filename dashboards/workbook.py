"""The workbook of an edition: what changed and the means of areas, with the units and sources they rest on.

Which rows it holds, and what it says of them in both languages; no statistics, and no pages.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
import polars.selectors as cs
import xlsxwriter
from xlsxwriter.utility import xl_range

from dashboards import datasets, labels
from dashboards.downloads import neutralised, unit_of
from dashboards.edition import Edition
from dashboards.languages import LANGUAGES, N_, words
from dashboards.pages.changes import newest_of
from pipeline.formulas import guarded_text
from pipeline.warehouse import Warehouse
from schemas.columns import COLUMNS

MOST_ROWS = {"changes": 6_000, "areas": 3_000, "sources": 3_000}
"""How many rows a sheet holds: a workbook of so many takes 1.2 MB with half of the columns filled, 2.5 MB with all."""
DIGITS = 9
"""How many significant digits numbers have: more of them would be nothing but size."""
READ_ME = "read me 说明"
SHEETS = {
    "changes": N_("each change at a site, in an area and in the network, with the sites compared."),
    "areas": N_("the means of areas and of the network in each year and quarter, over all available sites."),
    "columns": N_("what each column of the other sheets holds, and its unit."),
    "factors": N_("the factors that lead from a residue back to its drug, with status, evidence and source."),
    "protocols": N_("the protocols: every choice between a result and a figure."),
    "sources": N_("the files behind the figures, from whom they came and under which terms of use."),
}
"""The sheets behind the first one, and what each holds."""
N_HEADERS = 3
"""The lines above the rows of a sheet: what it holds, the units, the names of the columns."""

_OTHER = N_("{places} by other protocols")
_HEADLINE = N_("{places} by the protocol of the headline")
_PLACES = {"network": N_("the network"), "area": N_("each area"), "site": N_("each site")}
_KINDS = {"year": N_("each area in years"), "quarter": N_("each area in quarters")}
_PARTS_OF_INTERVALS = cs.ends_with("_log_variance") | cs.by_name("days_df", "weekdays_log_bias", require_all=False)
"""Columns for who computes an interval again, which nobody does in a spreadsheet."""
_LONGEST_TEXT = 32_767
"""What a cell holds, in units of UTF-16."""
_WIDEST = 40
_LOOKED_AT = 200
"""How many rows are looked at for the width of a column."""
_OPTIONS = {
    "constant_memory": True,
    "strings_to_formulas": False,
    "strings_to_numbers": False,
    "strings_to_urls": False,
}

Say = Callable[[str], str]


class _Part(NamedTuple):
    """Rows that are in a sheet together or not at all, and what they are called."""

    is_in: pl.Expr
    of_protocol: str
    places: str

    def called(self, say: Say) -> str:
        return say(self.of_protocol).format(places=say(self.places))


class _Sheet(NamedTuple):
    """A sheet: its rows, and what is said about those that are not in it, in a language."""

    rows: pl.DataFrame
    left_out: Callable[[Say], str]


def write_workbook(warehouse: Warehouse, edition: Edition, file: Path) -> None:
    """Writes the workbook. The same input gives the same bytes; no cell in it is a formula or a link.

    Parameters
    ----------
    warehouse
        The published copy of the warehouse.
    edition
        What is published.
    file
        Where it is written.
    """
    sheets = _sheets(warehouse, edition)
    with xlsxwriter.Workbook(str(file), _OPTIONS) as workbook:
        # Any day will do, as long as it is the same one each time.
        workbook.set_properties({"created": datetime(2000, 1, 1)})  # noqa: DTZ001  written as it stands
        formats = {
            "bold": workbook.add_format({"bold": True, "text_wrap": True, "valign": "top"}),
            "text": workbook.add_format({"text_wrap": True, "valign": "top"}),
            "name": workbook.add_format({"bold": True, "bottom": 1}),
            "unit": workbook.add_format({"italic": True}),
            "about": workbook.add_format({"bold": True}),
        }
        _write_read_me(workbook.add_worksheet(READ_ME), edition, sheets, formats)
        for name, sheet in sheets.items():
            about = " / ".join(_about(name, sheet, edition, language) for language in LANGUAGES)
            _write_rows(workbook.add_worksheet(name), about, sheet.rows, formats)


def _sheets(warehouse: Warehouse, edition: Edition) -> dict[str, _Sheet]:
    is_headline = pl.col("protocol") == edition.protocol
    of_changes = [
        _Part((pl.col("level") == level) & is_in, of_protocol, places)
        for is_in, of_protocol in ((is_headline, _HEADLINE), (~is_headline, _OTHER))
        for level, places in _PLACES.items()
    ]
    of_areas = [
        _Part((pl.col("level") == level) & pl.col("period_kind").is_in(kinds) & is_in, of_protocol, places)
        for is_in, of_protocol in ((is_headline, _HEADLINE), (~is_headline, _OTHER))
        for level, kinds, places in (
            ("network", list(_KINDS), _PLACES["network"]),
            *(("area", [kind], places) for kind, places in _KINDS.items()),
        )
    ]
    is_shown = pl.col("period_kind").is_in(list(_KINDS))
    means = datasets.read_in_parts(warehouse, "downloads/area_periods", edition.asked)
    found = {
        "changes": _fitting(
            datasets.read(warehouse, "downloads/changes", edition.asked),
            of_changes,
            "changes.csv.zip",
            MOST_ROWS["changes"],
        ),
        "areas": _fitting(
            pl.concat([part.filter(is_shown) for part in means]), of_areas, "area_periods.csv.zip", MOST_ROWS["areas"]
        ),
        "factors": _Sheet(edition.data["factors"], lambda _: ""),
        "protocols": _Sheet(edition.data["protocols"], lambda _: ""),
        "sources": _newest(edition.data["deliveries"]),
    }
    return {name: found[name] if name in found else _columns(found) for name in SHEETS}


def _fitting(rows: pl.DataFrame, parts: list[_Part], file: str, room: int) -> _Sheet:
    """The rows of as many parts as there is room for, the first ones first; a part is never torn apart."""
    rows, kept, left = rows.drop(_PARTS_OF_INTERVALS), [], []
    for part in parts:
        mine = rows.filter(part.is_in)
        if mine.height <= room:
            room -= mine.height
            kept.append(mine)
        else:
            left.append(part)

    def left_out(say: Say) -> str:
        if not left:
            return ""
        what = say("; ").join(part.called(say) for part in left)
        return say(N_("Left out for want of room: {what}. All rows are in {file}.")).format(what=what, file=file)

    return _Sheet(pl.concat([rows.clear(), *kept]), left_out)


def _newest(deliveries: pl.DataFrame) -> _Sheet:
    most = MOST_ROWS["sources"]
    counts = {"n": labels.count(most), "all": labels.count(deliveries.height)}

    def left_out(say: Say) -> str:
        return say("The newest {n} of {all} files.").format(**counts) if deliveries.height > most else ""

    return _Sheet(deliveries.head(most), left_out)


def _columns(sheets: Mapping[str, _Sheet]) -> _Sheet:
    """What the columns of the sheets hold, from the one dictionary of columns."""
    rows = [
        {"sheet": sheet, "column": name, "unit": unit_of(name), "description": COLUMNS[name].description}
        for sheet in SHEETS
        if sheet in sheets
        for name in sheets[sheet].rows.columns
    ]
    schema = dict.fromkeys(("sheet", "column", "unit", "description"), pl.String)
    return _Sheet(pl.DataFrame(rows, schema=schema), lambda _: "")


def _about(name: str, sheet: _Sheet, edition: Edition, language: str) -> str:
    """What a sheet holds, and what not."""
    _ = words(language)
    mark = f"{_(labels.SIMULATED)}: " if edition.is_simulated else ""
    gap = "" if language == "zh" else " "
    return f"{mark}{labels.capital(_(SHEETS[name]))}{gap}{sheet.left_out(_)}".strip()


def _lines(edition: Edition, sheets: Mapping[str, _Sheet], language: str) -> Iterator[tuple[str, str]]:
    """What the first sheet says, with the format of each line."""
    _ = words(language)
    coverage = edition.coverage
    yield "bold", labels.printable(edition.title)
    if edition.is_simulated:
        means = labels.what_simulated_means(is_mixed=edition.is_mixed, language=language)
        yield "bold", f"{_(labels.SIMULATED)}: {means}"
    yield (
        "text",
        _("Newest sample: {day}. Sites with figures: {n}. Protocol: {protocol}.").format(
            day=newest_of(coverage, language), n=labels.count(coverage["n_sites"]), protocol=edition.protocol_title
        ),
    )
    yield "text", _("In the column protocol it is called {name}.").format(name=edition.protocol)
    if edition.main:
        ends = {"low": labels.period(edition.main[0], language), "high": labels.period(edition.main[1], language)}
        yield "text", _("Periods compared first: {low} and {high}.").format(**ends)
    yield "bold", _("Sheets")
    for name, sheet in sheets.items():
        yield "text", f"{name} – {_(SHEETS[name])}{'' if language == 'zh' else ' '}{sheet.left_out(_)}".strip()
    yield "bold", _("How to read it")
    for text in _HOW_TO_READ:
        yield "text", _(text)
    yield "bold", _("Where the factors come from")
    yield (
        "text",
        _("A factor leads from a residue in wastewater back to the drug consumed: how much of it is excreted."),
    )
    yield "text", _(labels.ABOUT_FACTOR_STATUS)
    for letter, meaning in labels.EVIDENCE.items():
        yield "text", f"evidence {letter} – {_(meaning)}"


_HOW_TO_READ = (
    N_(
        "In each sheet the first line says what it holds, the second the units, the third the names of the columns, as"
        " in the CSV files."
    ),
    N_(
        "Amounts are in mg/day per 1000 inhabitants. The name of a column ends with its unit; the sheet columns tells"
        " what each holds."
    ),
    N_(
        "Numbers have nine significant digits, as in the CSV files; the Parquet files have them in full. Both hold the"
        " parts of each interval as well."
    ),
    N_("An empty cell is a number that there is none of, never a zero."),
    N_(
        "Columns that begin with ci_low and ci_high are the ends of a 95 % interval. Where a protocol has none they are"
        " empty."
    ),
    N_(
        "The verdict fall or rise is told from chance, judged together with all drugs and places of its level. No"
        " change detected does not mean that there is none: smallest_detectable_fall_percent is the smallest fall that"
        " the sampling could have seen. Not estimable has its reason beside it."
    ),
    N_("The column credibility says whether something other than use could have made the change."),
    N_("Texts that a spreadsheet would run as a formula begin with an apostrophe."),
)


def _write_read_me(sheet: Any, edition: Edition, sheets: Mapping[str, _Sheet], formats: Mapping[str, Any]) -> None:
    """A line each, a language beside the other."""
    sheet.set_column(0, len(LANGUAGES) - 1, 80)
    for number, said in enumerate(zip(*(_lines(edition, sheets, code) for code in LANGUAGES), strict=True)):
        for column, (kind, text) in enumerate(said):
            sheet.write_string(number, column, _safe(guarded_text(text)), formats[kind])
    sheet.activate()


def _write_rows(sheet: Any, about: str, rows: pl.DataFrame, formats: Mapping[str, Any]) -> None:
    """A table under its three lines, its header in sight wherever one is."""
    sheet.write_string(0, 0, about, formats["about"])
    units = [unit_of(name) for name in rows.columns]
    for column, unit in enumerate(units):
        if unit:
            sheet.write_string(1, column, unit, formats["unit"])
    for column, name in enumerate(rows.columns):
        sheet.write_string(2, column, name, formats["name"])
    cells = _as_cells(rows)
    for column, name in enumerate(rows.columns):
        texts = cells[name].head(_LOOKED_AT).cast(pl.String).str.len_chars()
        longest = texts.max() if cells[name].dtype == pl.String else 0
        sheet.set_column(column, column, min(_WIDEST, max(len(name) + 3, int(longest or 0) + 1)))  # type: ignore[arg-type]
    write = {pl.String: sheet.write_string, pl.Boolean: sheet.write_boolean}
    writers = [write.get(kind.base_type(), sheet.write_number) for kind in cells.dtypes]
    for number, row in enumerate(cells.iter_rows(), start=N_HEADERS):
        for column, (value, put) in enumerate(zip(row, writers, strict=True)):
            if value is not None and value != "":
                put(number, column, _safe(value) if type(value) is str else value)
    sheet.freeze_panes(N_HEADERS, 0)
    last = (N_HEADERS - 1 + rows.height, len(rows.columns) - 1)
    sheet.autofilter(N_HEADERS - 1, 0, *last)
    # A year is a text here, as 2023-Q1 is; without this each of its cells is marked as an error.
    sheet.ignore_errors({"number_stored_as_text": xl_range(0, 0, *last)})


def _as_cells(rows: pl.DataFrame) -> pl.DataFrame:
    """What a cell can hold: texts that are run by nothing, truths, and numbers that are numbers."""
    ready = rows.with_columns(
        pl.col(pl.Datetime).dt.strftime("%Y-%m-%d %H:%M"),
        pl.col(pl.Date).dt.strftime("%Y-%m-%d"),
        *(
            pl.when(pl.col(name).is_finite()).then(pl.col(name))
            for name, kind in rows.schema.items()
            if kind.is_float()
        ),
    )
    return neutralised(ready)


@lru_cache(maxsize=10_000)
def _safe(text: str) -> str:
    """A text for a cell: nothing that cannot be seen, not longer than a cell holds.

    >>> _safe("a\\u202eb"), _safe("<r><t>not markup</t></r>")
    ('a�b', "'<r><t>not markup</t></r>")
    """
    found = labels.printable(text)
    if found.startswith("<r>"):
        # xlsxwriter takes a text between these marks for its own markup, and writes it unescaped.
        found = f"'{found}"
    units = found.encode("utf-16-le")
    if len(units) // 2 > _LONGEST_TEXT:
        found = units[: 2 * (_LONGEST_TEXT - 1)].decode("utf-16-le", errors="ignore") + "…"
    return found
