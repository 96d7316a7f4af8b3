"""The layouts laboratories deliver: where a table stands, what its words mean, and what Excel does to it."""

import datetime
import io
import struct
import zipfile
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import xlsxwriter

from pipeline.deliveries import Delivery, read_and_judge
from schemas.profile import Profile, ProfileError, load_profile
from tests.conftest import RECEIPT, shared

DATA = Path(__file__).parents[2] / "data"
UNSTATED = {"0": "quarantine", "": "not measured"}


def own(*tables: dict[str, Any], **changed: Any) -> Profile:
    return Profile.model_validate({"name": "own", "title": "t", "sender": "s", "tables": list(tables)} | changed)


def results(**changed: Any) -> dict[str, Any]:
    columns = {"site_id": "Site", "sampled_on": "Day", "residue": "What", "concentration": "Value"}
    return {"table": "results", "unit": "ng/L", "columns": columns, "qualifiers": UNSTATED} | changed


def read(content: bytes | str, profile: Profile, name: str = "may.csv") -> Delivery:
    content = content.encode() if isinstance(content, str) else content
    delivery = read_and_judge(content, name, profiles={"own": profile}, known_sites=None, receipt=RECEIPT)
    row = delivery.record.row(0, named=True)
    assert row["n_rows"] == row["n_accepted"] + row["n_quarantined"]
    return delivery


def rows(delivery: Delivery, *columns: str, table: str = "results") -> list[Any]:
    found = delivery.accepted[table].select(columns or ["concentration_ng_per_l"])
    return found.rows() if len(columns) > 1 else found.to_series().to_list()


def book(**sheets: Any) -> bytes:
    """A workbook whose sheets are written by functions, or are rows."""
    content = io.BytesIO()
    with xlsxwriter.Workbook(content, {"default_date_format": "yyyy-mm-dd"}) as written:
        for name, write in sheets.items():
            sheet = written.add_worksheet(name)
            if callable(write):
                write(sheet, written)
            else:
                for number, cells in enumerate(write):
                    sheet.write_row(number, 0, cells)
    return content.getvalue()


HEADS = ["Site", "Day", "What", "Value"]


# --- where a table stands --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("above", ["", "\n\n", "Results of May\nby Laboratory North, page 1\n\n"])
def test_headers_are_found_below_whatever_stands_above_them(above):
    delivery = read(above + "Site;Day;What;Value\nS1;2025-03-11;METH;5\n", own(results()))
    assert delivery.status == "accepted", delivery.messages
    assert rows(delivery) == [5]
    n = above.count("\n") + 2
    assert rows(delivery, "row_number", "source_cell") == [(n, f"D{n}")]


def test_a_row_longer_than_the_headers_is_held_though_most_rows_are_so():
    text = "Site,Day,What,Value\n" + "".join(f"S1,2025-03-{n},METH,1,5\n" for n in range(11, 16))
    delivery = read(text, own(results()))
    assert delivery.quarantine["rule"].to_list() == ["ragged_row"] * 5


def test_two_tables_beside_each_other_on_one_sheet():
    """As of the flows in the University of Florida's workbook: A:C and E:G."""
    flows = {"table": "flows", "unit": "m^3/day", "constants": {"site_id": "S1"},
             "columns": {"sampled_on": "Day", "flow": "Flow"}}  # fmt: skip
    profile = own(flows | {"cells": "A:B"}, flows | {"cells": "D:E"})
    sheet = [["Game", "", "", "No game"], ["Day", "Flow", "", "Day", "Flow"], ["2025-03-11", 5, "", "2025-03-12", 6]]
    delivery = read(book(Flows=sheet), profile, "may.xlsx")
    assert rows(delivery, "sampled_on", "flow_m3_per_day", "source_cell", table="flows") == [
        (datetime.date(2025, 3, 11), 5, "B3"), (datetime.date(2025, 3, 12), 6, "E3"),
    ]  # fmt: skip
    assert delivery.status == "accepted", delivery.messages


def test_a_sheet_is_found_by_its_headers_behind_others():
    sheet = [HEADS, ["S1", "2025-03-11", "METH", 5]]
    delivery = read(book(Notes=[["by Anna"]], Data=sheet, More=sheet), own(results()), "may.xlsx")
    assert rows(delivery, "sheet", "concentration_ng_per_l") == [("Data", 5)]
    assert [message.split(" was ")[0] for message in delivery.messages] == [
        "may.xlsx: sheet 'Notes'", "may.xlsx: sheet 'More'",
    ]  # fmt: skip


def test_a_workbook_without_a_cell_is_empty():
    assert read(book(A=[], B=[]), own(results()), "a.xlsx").messages[0].startswith("a.xlsx: the file is empty")


def test_the_same_record_on_two_sheets_is_held_twice():
    sheet = [HEADS, ["S1", "2025-03-11", "METH", 5]]
    delivery = read(book(Jan=sheet, Feb=sheet), own(results(sheet="*")), "may.xlsx")
    assert delivery.quarantine.select("sheet", "rule").rows() == [("Jan", "duplicate_row"), ("Feb", "duplicate_row")]


def test_all_sheets_that_match_are_read():
    profile = own(results(sheet="2025-*"))
    may, june = ([HEADS, ["S1", f"2025-0{n}-11", "METH", n]] for n in (5, 6))
    delivery = read(book(**{"2025-05": may, "2025-06": june}), profile, "may.xlsx")
    assert rows(delivery, "sheet", "concentration_ng_per_l") == [("2025-05", 5), ("2025-06", 6)]
    assert delivery.status == "accepted", delivery.messages


def test_a_part_of_a_sheet_ends_where_the_profile_says():
    text = "Site,Day,What,Value\nS1,2025-03-11,METH,5\nnote: all values checked,,,\n"
    assert read(text, own(results())).n_quarantined == 1
    assert read(text, own(results(cells="A1:D2"))).status == "accepted"


def test_cells_are_named_as_the_spreadsheet_names_them_wherever_the_table_begins():
    def write(sheet, _):
        sheet.write_row("C5", HEADS)
        sheet.write_row("C6", ["S1", "2025-03-11", "METH", 5])

    assert rows(read(book(A=write), own(results()), "a.xlsx"), "row_number", "source_cell") == [(6, "F6")]


def test_a_wide_row_knows_the_cell_of_each_value():
    wide = {"into": "residue", "columns": {"METH (ng/L)": "methamphetamine", "KET (µg/L)": "ketamine"}}
    profile = own(
        results(columns={"site_id": "Site", "sampled_on": "Day"}, wide=wide, unit=None, is_unit_in_header=True)
    )
    delivery = read("Site,Day,METH (ng/L),KET (µg/L)\nS1,2025-03-11,5,0.002\n", profile)
    assert rows(delivery, "source_cell", "concentration_ng_per_l", "unit_as_written") == [
        ("C2", 5, "ng/L"), ("D2", 2, "µg/L"),
    ]  # fmt: skip


# --- units -----------------------------------------------------------------------------------------------------------


def test_value_and_limits_each_have_their_unit():
    columns = results()["columns"] | {"lod": "LOD", "loq": "LOQ"}
    profile = own(results(columns=columns, unit="µg/L", lod_unit="ng/L", loq_unit_column="of LOQ"))
    delivery = read("Site,Day,What,Value,LOD,LOQ,of LOQ\nS1,2025-03-11,METH,0.005,0.5,2,pg/mL\n", profile)
    assert rows(delivery, "concentration_ng_per_l", "lod_ng_per_l", "loq_ng_per_l") == [(5, 0.5, 2)]


def test_a_limit_without_a_unit_is_an_error_and_no_guess():
    columns = results()["columns"] | {"loq": "LOQ"}
    with pytest.raises(ValueError, match="the unit of loq is not stated"):
        own(results(columns=columns))
    profile = own(results(columns=columns, loq_unit_column="of LOQ"))
    delivery = read("Site,Day,What,Value,LOQ,of LOQ\nS1,2025-03-11,METH,5,2,\nS1,2025-03-12,METH,5,2,mg/kg\n", profile)
    assert delivery.quarantine["rule"].to_list() == ["missing_unit", "wrong_unit"]
    assert "column 'of LOQ'" in delivery.quarantine["message"][0]


def test_limits_may_stand_in_a_row_over_each_residue():
    wide = {"into": "residue", "columns": {"METH": "methamphetamine", "KET": "ketamine"}}
    profile = own(
        results(
            columns={"site_id": "Site", "sampled_on": "Day"}, wide=wide, header_row=1, lod_row=2, loq_row=3,
            lod_unit="value", loq_unit="value", unit="ng/L", qualifiers=UNSTATED | {"ND": "<LOD"},
        )
    )  # fmt: skip
    delivery = read("Site,Day,METH,KET\nLOD,,0.5,0.2\nLOQ,,1.5,0.6\nS1,2025-03-11,5,ND\n", profile)
    assert rows(delivery, "residue", "qualifier", "lod_ng_per_l", "loq_ng_per_l") == [
        ("methamphetamine", "=", 0.5, 1.5), ("ketamine", "<LOD", 0.2, 0.6),
    ]  # fmt: skip


# --- words -----------------------------------------------------------------------------------------------------------

REPORT_WORDS = {
    "-": "<LOD", "ND": "<LOD", "N/A": "not measured", "0": "quarantine", "": "not measured",
    "Positive (#)": "=",
    "Positive (~#)": {"qualifier": "=", "number": "value", "flag": "approximate"},
    "Below LLOQ": "<LOQ",
    "Below LLOQ (#)": {"qualifier": "<LOQ", "number": "unused"},
    "Out of Ratio (#)": {"qualifier": "=", "number": "value", "flag": "identification_uncertain"},
    "Out of Ratio/Below LLOQ (#)": {"qualifier": "<LOQ", "number": "unused", "flag": "identification_uncertain"},
}  # fmt: skip


@pytest.mark.parametrize(
    ("written", "qualifier", "value", "flags"),
    [
        ("-", "<LOD", None, None), ("ND", "<LOD", None, None), ("N/A", "not measured", None, None),
        ("Positive (0.134)", "=", 134, None), ("Positive (~0.05)", "=", 50, "approximate"),
        ("Below LLOQ (0.027)", "<LOQ", None, None), ("Below LLOQ", "<LOQ", None, None),
        ("below  lloq(0.027)", "<LOQ", None, None),
        ("Out of Ratio (0.3)", "=", 300, "identification_uncertain"),
        ("Out of Ratio/Below LLOQ (0.01)", "<LOQ", None, "identification_uncertain"), ("0.2", "=", 200, None),
    ],
)  # fmt: skip
def test_words_of_a_laboratorys_report_keep_their_meaning(written, qualifier, value, flags):
    """All strings seen in the wide reports of the University of Florida's laboratory."""
    limits = {"methamphetamine": {"lod": 0.01, "loq": 0.03, "unit": "ng/mL"}}
    profile = own(results(unit="ng/mL", qualifiers=REPORT_WORDS, limits=limits))
    delivery = read(f'Site,Day,What,Value\nS1,2025-03-11,METH,"{written}"\n', profile)
    assert delivery.n_quarantined == 0, delivery.messages
    row = delivery.accepted["results"].row(0, named=True)
    assert (row["qualifier"], row["concentration_ng_per_l"], row["flags"]) == (qualifier, value, flags)
    assert row["loq_ng_per_l"] == 30
    assert row["value_as_written"] == written


@pytest.mark.parametrize("written", ["Positive", "Out of Ratio (x)", "~5", "<5", "Below LLOQ (", "0.00", "positive ()"])
def test_a_word_the_profile_does_not_list_is_not_guessed(written):
    delivery = read(f"Site,Day,What,Value\nS1,2025-03-11,METH,{written}\n", own(results(qualifiers=REPORT_WORDS)))
    assert delivery.n_quarantined == 1


def test_a_profile_that_does_not_say_what_zero_and_blank_mean_is_refused(tmp_path):
    file = tmp_path / "own.toml"
    for missing in ("0", ""):
        stated = "".join(f'"{word}" = "<LOQ"\n' for word in ("0", "") if word != missing)
        file.write_text(
            'name = "own"\ntitle = "t"\nsender = "s"\n[[tables]]\ntable = "results"\nunit = "ng/L"\n'
            '[tables.columns]\nsite_id = "a"\nsampled_on = "b"\nresidue = "c"\nconcentration = "d"\n'
            f"[tables.qualifiers]\n{stated}"
        )
        with pytest.raises(ProfileError, match=r"does not say what (0|the empty cell) means"):
            load_profile(file)


MARKS = {"<": {"qualifier": "<LOQ", "number": "limit"}, "ND": "<LOD", "+": ">ULOQ",
         "J": {"qualifier": "=", "number": "value", "flag": "approximate"}, "?": "quarantine"}  # fmt: skip


@pytest.mark.parametrize(
    ("mark", "value", "expected"),
    [
        ("", "5", ("=", 5, None, None)), ("<", "5", ("<LOQ", None, 5, None)), ("ND", "", ("<LOD", None, None, None)),
        ("+", "900", (">ULOQ", 900, None, None)), ("J", "5", ("=", 5, None, "approximate")),
        ("ND", "ND", ("<LOD", None, None, None)), ("ND", "5", "value_contradicts_qualifier"),
        ("+", "ND", "value_contradicts_qualifier"), ("?", "5", "unexplained_word"), ("Q", "5", "unknown_mark"),
    ],
)  # fmt: skip
def test_a_mark_beside_the_value(mark, value, expected):
    columns = results()["columns"] | {"qualifier": "Mark"}
    profile = own(results(columns=columns, marks=MARKS, qualifiers=UNSTATED | {"ND": "<LOD"}))
    delivery = read(f"Site,Day,What,Value,Mark\nS1,2025-03-11,METH,{value},{mark}\n", profile)
    if isinstance(expected, str):
        assert delivery.quarantine["rule"].to_list() == [expected]
    else:
        found = rows(delivery, "qualifier", "concentration_ng_per_l", "loq_ng_per_l", "flags")
        assert found == [expected]


def test_values_and_limits_that_do_not_go_together_are_flagged_or_held():
    columns = results()["columns"] | {"lod": "LOD", "loq": "LOQ"}
    words = UNSTATED | {"<#": "<LOQ"}
    profile = own(results(columns=columns, lod_unit="value", loq_unit="value", qualifiers=words))
    text = (
        "Site,Day,What,Value,LOD,LOQ\nS1,2025-03-11,METH,2,1,3\nS1,2025-03-12,METH,0.5,1,3\nS1,2025-03-13,METH,<5,1,3\n"
        "S1,2025-03-14,METH,<3,1,3\nS1,2025-03-15,METH,3,1,3\nS1,2025-03-16,METH,9,4,3\n"
    )
    delivery = read(text, profile)
    assert rows(delivery, "concentration_ng_per_l", "loq_ng_per_l", "flags") == [
        (2, 3, "value_below_loq"), (None, 5, "limit_differs"), (None, 3, None), (3, 3, None),
    ]  # fmt: skip
    assert delivery.quarantine["rule"].to_list() == ["value_below_lod", "lod_above_loq"]


# --- days ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("forms", "text", "day"),
    [
        (["excel"], "45727", datetime.date(2025, 3, 11)), (["excel"], "45727.75", datetime.date(2025, 3, 11)),
        (["%Y-%m-%d"], "45727", None), (["excel"], "4572", None), (["%d.%m.%Y", "excel"], "11.03.2025",
        datetime.date(2025, 3, 11)), (["%Y年%m月%d日"], "2025年3月11日", datetime.date(2025, 3, 11)),
    ],
)  # fmt: skip
def test_serial_numbers_are_days_where_the_profile_says_so(forms, text, day):
    delivery = read(f"Site,Day,What,Value\nS1,{text},METH,5\n", own(results(), date_formats=forms))
    assert rows(delivery, "sampled_on") == ([] if day is None else [day])


@pytest.mark.parametrize("is_1904", [False, True])
def test_date_cells_are_days_whatever_epoch_the_workbook_counts_from(is_1904):
    content = io.BytesIO()
    with xlsxwriter.Workbook(content, {"default_date_format": "dd/mm/yy", "date_1904": is_1904}) as written:
        sheet = written.add_worksheet()
        sheet.write_row(0, 0, HEADS)
        sheet.write_row(1, 0, ["S1", datetime.date(2025, 3, 11), "METH", 5])
    assert rows(read(content.getvalue(), own(results()), "a.xlsx"), "sampled_on") == [datetime.date(2025, 3, 11)]


def test_a_date_and_a_time_in_two_columns_are_one_moment():
    columns = {"site_id": "Site", "composite_start_at": {"join": ["Day", "Time"]}, "residue": "What",
               "concentration": "Value"}  # fmt: skip

    def write(sheet, written):
        sheet.write_row(0, 0, ["Site", "Day", "Time", "What", "Value"])
        clock = written.add_format({"num_format": "hh:mm"})
        sheet.write_row(1, 0, ["S1", datetime.date(2025, 3, 11)])
        sheet.write(1, 2, datetime.time(18, 30), clock)
        sheet.write_row(1, 3, ["METH", 5])

    profile = own(results(columns=columns))
    for delivery in (
        read(book(A=write), profile, "a.xlsx"),
        read("Site,Day,Time,What,Value\nS1,2025-03-11,18:30,METH,5\n", profile),
    ):
        assert rows(delivery, "composite_start_at") == [datetime.datetime(2025, 3, 11, 18, 30)]  # noqa: DTZ001


# --- Excel and its relatives -----------------------------------------------------------------------------------------


def test_merged_cells_hold_for_all_rows_but_a_merged_value_is_asked_about():
    def write(sheet, _):
        sheet.write_row(0, 0, HEADS)
        sheet.merge_range("A2:A4", "S1")
        for n, value in ((1, 5), (2, 6), (3, 7)):
            sheet.write_row(n, 1, [f"2025-03-1{n}", "METH", value])
        sheet.write_row(4, 0, ["S2", "2025-03-11", "METH"])
        sheet.write_row(5, 0, ["S2", "2025-03-12", "METH"])
        sheet.merge_range("D5:D6", 8)

    delivery = read(book(A=write), own(results()), "a.xlsx")
    assert rows(delivery, "site_id", "concentration_ng_per_l") == [("S1", 5), ("S1", 6), ("S1", 7), ("S2", 8)]
    assert delivery.quarantine.select("rule", "row_number", "value_as_written").rows() == [("merged_cells", 6, "8.0")]


def test_a_formula_with_an_error_or_never_computed_is_held_with_its_place():
    def write(sheet, _):
        sheet.write_row(0, 0, HEADS)
        for n in range(1, 5):
            sheet.write_row(n, 0, ["S1", f"2025-03-1{n}", "METH", n])
        sheet.write_formula(2, 3, "=1/0", None, "#DIV/0!")
        sheet.write_formula(3, 3, "=2*3", None, "")
        sheet.write_formula(4, 3, "=2*3", None, 6)

    delivery = read(book(A=write), own(results()), "a.xlsx")
    assert rows(delivery) == [1, 6]
    assert delivery.quarantine.select("rule", "row_number").rows() == [("cell_error", 3), ("not_computed", 4)]
    assert "'#DIV/0!'" in delivery.quarantine["message"][0]


def test_hidden_rows_are_read_and_told():
    def write(sheet, _):
        sheet.write_row(0, 0, HEADS)
        for n in range(1, 4):
            sheet.write_row(n, 0, ["S1", f"2025-03-1{n}", "METH", n])
        sheet.set_row(2, None, None, {"hidden": True})

    delivery = read(book(A=write), own(results()), "a.xlsx")
    assert rows(delivery) == [1, 2, 3]
    assert delivery.status == "accepted"
    assert delivery.messages[0].startswith("a.xlsx, sheet 'A': row 3 is hidden in the sheet, and read like the others.")


def test_two_tables_told_apart_by_merged_headers_over_them():
    """METH over `Value` and `RSD`: a header and the row below it name a column together."""
    columns = {"site_id": "Site", "sampled_on": "Day", "concentration": "METH [Value]"}
    profile = own(
        results(columns=columns, header_row=1, unit_row=2, constants={"residue": "METH"}, unit="ng/L"),
        ignore=["METH [RSD]"],
    )

    def write(sheet, _):
        sheet.merge_range("A1:A2", "Site")
        sheet.merge_range("B1:B2", "Day")
        sheet.merge_range("C1:D1", "METH")
        sheet.write_row("C2", ["Value", "RSD"])
        sheet.write_row("A3", ["S1", "2025-03-11", 5, 0.1])

    delivery = read(book(A=write), profile, "a.xlsx")
    assert delivery.messages == ()
    assert rows(delivery, "concentration_ng_per_l", "source_cell") == [(5, "C3")]


@pytest.mark.parametrize("what", ["directory", "workbook"])
def test_an_old_workbook_whose_sectors_run_in_a_circle_is_refused(what):
    """A reader that follows them takes all memory, or never ends."""
    content = bytearray((DATA / "plain.xls").read_bytes())
    (table,) = struct.unpack_from("<I", content, 76)
    (directory,) = struct.unpack_from("<I", content, 48)
    entries = 512 + directory * 512
    start = directory
    if what == "workbook":
        names = [content[entries + n * 128 : entries + n * 128 + 16].decode("utf-16-le") for n in range(4)]
        place = next(n for n, name in enumerate(names) if name.startswith("Workbook"))
        (start,) = struct.unpack_from("<I", content, entries + place * 128 + 116)
    struct.pack_into("<I", content, 512 + table * 512 + start * 4, start)
    delivery = read(bytes(content), own(results()), "a.xls")
    assert "a chain of sectors runs in a circle" in delivery.messages[0]


ODS = """<?xml version="1.0" encoding="UTF-8"?>
<office:document-content xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"
 xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0"
 xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0">
<office:body><office:spreadsheet><table:table table:name="Blatt">{rows}</table:table></office:spreadsheet></office:body>
</office:document-content>"""


def ods(rows: str) -> bytes:
    """A small workbook as LibreOffice writes them."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr(
            "META-INF/manifest.xml",
            '<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"/>',
        )
        archive.writestr("content.xml", ODS.format(rows=rows))
    return content.getvalue()


def ods_cell(cell: str | float | datetime.date) -> str:
    if isinstance(cell, str):
        return f'<table:table-cell office:value-type="string"><text:p>{cell}</text:p></table:table-cell>'
    kind, name = ("date", "date-value") if isinstance(cell, datetime.date) else ("float", "value")
    return f'<table:table-cell office:value-type="{kind}" office:{name}="{cell}"><text:p>.</text:p></table:table-cell>'


def ods_row(*cells: str | float | datetime.date) -> str:
    return f"<table:table-row><table:table-cell/>{''.join(map(ods_cell, cells))}</table:table-row>"


PLAIN_ODS = ods(
    '<table:table-row table:number-rows-repeated="1"><table:table-cell table:number-columns-repeated="16384"/>'
    "</table:table-row>"
    + ods_row(*HEADS)
    + ods_row("001", datetime.date(2025, 3, 11), "METH", 5.25)
    + '<table:table-row table:number-rows-repeated="1048500"><table:table-cell table:number-columns-repeated="16384"/>'
    "</table:table-row>"
)


@pytest.mark.parametrize("name", ["a.ods", "a.xls"])
def test_other_workbooks_are_read_alike(name):
    content = PLAIN_ODS if name == "a.ods" else (DATA / "plain.xls").read_bytes()
    delivery = read(content, own(results()), name)
    assert rows(delivery, "site_id", "sampled_on", "concentration_ng_per_l", "source_cell") == [
        ("001", datetime.date(2025, 3, 11), 5.25, "E3")
    ]


def test_an_error_in_an_old_workbook_is_held_with_its_place():
    delivery = read((DATA / "plain.xls").read_bytes(), own(results()), "a.xls")
    assert delivery.quarantine.select("rule", "row_number", "source_column").rows() == [("cell_error", 4, "Value")]


@pytest.mark.parametrize(
    "rows_of",
    [
        '<table:table-row table:number-rows-repeated="1000000">' + ods_cell("x") * 20 + "</table:table-row>",
        '<table:table-row><table:table-cell table:number-columns-repeated="100000000"/>' + ods_cell("x")
        + "</table:table-row>",
        ('<table:table-row><table:table-cell office:value-type="float" office:value="1"'
        ' table:number-columns-repeated="99999999"/></table:table-row>'),
    ],
)  # fmt: skip
def test_cells_repeated_without_end_do_not_take_all_memory(rows_of):
    delivery = read(ods(rows_of), own(results()), "a.ods")
    assert "repeated too often" in delivery.messages[0]


def test_parquet_is_read_and_its_types_kept():
    content = io.BytesIO()
    frame = {"Site": ["001"], "Day": [datetime.date(2025, 3, 11)], "What": ["METH"], "Value": [5.25]}
    pl.DataFrame(frame).write_parquet(content)
    delivery = read(content.getvalue(), own(results()), "a.parquet")
    assert rows(delivery, "site_id", "sampled_on", "concentration_ng_per_l", "source_cell") == [
        ("001", datetime.date(2025, 3, 11), 5.25, "D2")
    ]


@pytest.mark.parametrize("end", [b"", b"PAR1"])
def test_a_broken_parquet_is_refused(end):
    assert read(b"PAR1" + bytes(range(64)) + end, own(results()), "a.parquet").status == "refused"


def test_tab_separated_text_in_utf_16_is_read():
    text = "Site\tDay\tWhat\tValue\n污水厂\t2025-03-11\tMETH\t5\n"
    assert rows(read(text.encode("utf-16"), own(results()), "a.tsv"), "site_id") == ["污水厂"]


# --- the University of Florida's own workbooks -----------------------------------------------------------------------


def test_the_florida_workbook_is_read_whole():
    """Empty is not detected, + above the range; what THCA means nobody says: an acid of the plant, or THC-COOH."""
    file = shared("uf-stadium/20181031 UF Waste Water Results Cleaned.xlsx")
    columns = {"site_id": "Location", "sampled_on": "Date", "composite_start_at": "Date&Time", "residue": "Compound",
               "concentration": "Concentration", "qualifier": "OutOfRange", "lod": "Cutoff"}  # fmt: skip
    profile = own(
        results(columns=columns, unit="ng/mL", lod_unit="ng/mL", marks={"+": ">ULOQ"},
                qualifiers={"0": "quarantine", "": "<LOD"}),
        ignore=["Time", "TimeStamp", "FlowRate"],
    )  # fmt: skip
    delivery = read(file.read_bytes(), profile, file.name)
    assert delivery.record["n_rows"].item() == 792
    assert delivery.quarantine["rule"].to_list() == ["unknown_residue"] * 33
    assert set(delivery.quarantine["value_as_written"]) == {"THCA"}
    found = delivery.accepted["results"]
    n = dict(found["qualifier"].value_counts().rows())
    assert n["<LOD"] + n["="] + n[">ULOQ"] == 759
    assert n[">ULOQ"] == 8
    above = found.filter(pl.col("qualifier") == ">ULOQ")
    assert above["concentration_ng_per_l"].max() == 74_080
    assert set(found["lod_ng_per_l"]) == {50, 500}
