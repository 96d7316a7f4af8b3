"""What files say and what is read: nothing is guessed that would change a value, nothing is left out in silence."""

import io
from typing import Any

import polars as pl
import pytest
import xlsxwriter

from pipeline.deliveries import Delivery, read_and_judge
from schemas.profile import Profile, load_profiles
from tests.conftest import RECEIPT

PROFILES = load_profiles()
HEAD = ["site_id", "sampled_on", "residue", "concentration", "unit", "lod", "loq", "laboratory", "batch"]
PLAIN = ["S1", "2025-03-11", "METH", 12.5, "ng/L", 0.3, 1, "Lab", "B1"]


def book(*sheets: list[list[Any]], hidden: tuple[int, ...] = ()) -> bytes:
    """A workbook; texts are written as texts and numbers as numbers."""
    content = io.BytesIO()
    with xlsxwriter.Workbook(content, {"strings_to_numbers": False}) as written:
        for number, rows in enumerate(sheets):
            sheet = written.add_worksheet(f"Sheet {number + 1}")
            for row, cells in enumerate(rows):
                for column, cell in enumerate(cells):
                    sheet.write(row, column, cell)
            if number in hidden:
                sheet.hide()
            elif number - 1 in hidden:
                sheet.activate()
                sheet.set_first_sheet()
    return content.getvalue()


def read(content: bytes, *, profile: Profile | None = None, name: str = "may.xlsx", sites=None) -> Delivery:
    profiles = PROFILES if profile is None else {profile.name: profile}
    return read_and_judge(content, name, profiles=profiles, known_sites=sites, receipt=RECEIPT)


def plain(**changed: Any) -> Profile:
    """The plain layout of results with another way of writing numbers, or other rules."""
    return Profile.model_validate(PROFILES["permille-results"].model_dump() | changed)


def concentrations(delivery: Delivery) -> list[float]:
    return delivery.accepted["results"]["concentration_ng_per_l"].to_list()


def row(value: Any, number: int = 1, **changed: Any) -> list[Any]:
    cells = dict(zip(HEAD, PLAIN, strict=True)) | {"concentration": value, "sampled_on": f"2025-03-{number:02d}"}
    return list((cells | changed).values())


# --- numbers ---------------------------------------------------------------------------------------------------------


def test_numbers_of_a_workbook_do_not_depend_on_how_the_sender_writes_texts():
    german = plain(decimal=",", thousands=".")
    cells = [1234.5, 12.25, 0.75, "1.234,5", "0,75", 0.3000001]
    delivery = read(book([HEAD, *(row(cell, n) for n, cell in enumerate(cells, start=1))]), profile=german)
    assert concentrations(delivery) == [1234.5, 12.25, 0.75, 1234.5, 0.75, 0.3000001]
    assert delivery.accepted["results"]["loq_ng_per_l"].to_list() == [1] * 6
    assert delivery.accepted["results"]["lod_ng_per_l"].to_list() == [0.3] * 6


@pytest.mark.parametrize(
    ("decimal", "thousands", "text", "number"),
    [
        (".", ",", "1,500", 1500), (".", ",", "1,234,567.5", 1234567.5), (".", ",", "1,5", None),
        (".", ",", "12,34", None), (".", ",", "1500", 1500), (".", ",", "1,5000", None),
        (",", ".", "1.234,5", 1234.5), (",", ".", "1.5", None), (",", ".", "1.23", None), (",", ".", "1,5", 1.5),
        (",", "", "1.5", None), (",", " ", "12 345,5", 12345.5),
    ],
)  # fmt: skip
def test_a_thousands_sign_stands_before_three_digits_or_the_number_is_none(decimal, thousands, text, number):
    cells = ";".join([*HEAD[:3], *HEAD[3:]]) + "\n" + ";".join(str(cell) for cell in row(text, lod="", loq="")) + "\n"
    delivery = read(cells.encode(), profile=plain(decimal=decimal, thousands=thousands), name="may.csv")
    assert concentrations(delivery) == ([] if number is None else [number])
    assert delivery.quarantine["rule"].to_list() == (["unparsable_number"] if number is None else [])


def test_texts_of_a_workbook_that_look_like_numbers_stay_texts():
    """001 and 1 are two sites."""
    cells = [row(1.5, 1, site_id="001", batch="1.10"), row(2.5, 2, site_id="1", batch="007")]
    delivery = read(book([HEAD, *cells]), sites={"001", "1"})
    assert delivery.accepted["results"].select("site_id", "batch").rows() == [("001", "1.10"), ("1", "007")]


def test_an_id_that_is_a_number_is_written_as_a_person_sees_it():
    delivery = read(book([HEAD, row(1.5, site_id=7, batch=20250311001)]), sites={"7"})
    assert delivery.accepted["results"].select("site_id", "batch").rows() == [("7", "20250311001")]


# --- texts -----------------------------------------------------------------------------------------------------------


def lines(*rows: list[Any]) -> str:
    return "".join(",".join(str(cell) for cell in cells) + "\n" for cells in [HEAD, *rows])


def test_a_quote_that_is_never_closed_swallows_nothing():
    text = lines(row(1, 1, batch='"B1'), row(2, 2), row(3, 3))
    delivery = read(text.encode(), name="may.csv")
    assert delivery.status == "refused"
    assert delivery.messages[0].startswith("may.csv: this is not a readable table: quotes do not match")


def test_a_quote_that_closes_rows_later_swallows_nothing():
    text = lines(row(1, 1, batch='"B1'), row(2, 2), row(3, 3, batch='B1"'))
    delivery = read(text.encode(), name="may.csv")
    assert delivery.status == "refused"
    assert "the quote that opens in row 2 closes only rows later" in delivery.messages[0]


def test_a_cell_of_two_lines_is_one_cell():
    delivery = read(lines(row(1, 1, laboratory='"Lab\nNorth"'), row(2, 2)).encode(), name="may.csv")
    assert delivery.status == "accepted"
    assert concentrations(delivery) == [1, 2]


def test_a_title_above_the_headers_makes_no_row_too_long():
    profile = PROFILES["permille-results"].model_dump()
    profile["tables"][0]["header_row"] = 2
    text = "Results of May\n" + lines(row(1, 1), row(2, 2))
    delivery = read(text.encode(), profile=Profile.model_validate(profile), name="may.csv")
    assert delivery.status == "accepted", delivery.messages


def test_a_zero_byte_far_down_is_binary_too():
    text = lines(*(row(n % 50, 1 + n % 28) for n in range(3000))) + "S1,2025-03-11,METH,1,ng/L,,,Lab\x00,B\n"
    assert read(text.encode(), name="may.csv").status == "refused"


# --- sheets ----------------------------------------------------------------------------------------------------------


def test_a_sheet_that_is_not_read_is_told():
    delivery = read(book([HEAD, row(1, 1)], [HEAD, row(2, 2)], [], [["a note"]]))
    assert concentrations(delivery) == [1]
    assert delivery.status == "partly accepted"
    assert [message.split(".")[0] for message in delivery.messages] == [
        "may", "may",
    ]  # fmt: skip
    assert "sheet 'Sheet 2' was not read by profile permille-results" in delivery.messages[0]
    assert "sheet 'Sheet 4' was not read" in delivery.messages[1]
    known = plain(ignore_sheets=["sheet ?"])
    assert read(book([HEAD, row(1, 1)], [HEAD, row(2, 2)]), profile=known).status == "accepted"


def test_a_hidden_sheet_is_not_read_in_place_of_the_one_a_person_sees():
    delivery = read(book([HEAD, row(999, 1)], [HEAD, row(1, 1)], hidden=(0,)))
    assert concentrations(delivery) == [1]
    assert delivery.status == "accepted"


def test_one_stray_cell_at_the_end_of_a_sheet_does_not_take_all_memory():
    content = io.BytesIO()
    with xlsxwriter.Workbook(content) as written:
        sheet = written.add_worksheet()
        sheet.write_row(0, 0, HEAD)
        sheet.write("XFD1048576", 1)
    delivery = read(content.getvalue())
    assert delivery.messages == (
        (
            "may.xlsx: this is not a readable table: a sheet reaches as far as XFD1048576; delete what stands there."
            " Open it, save it as XLSX or as CSV in UTF-8, and deliver that."
        ),
    )


# --- rows ------------------------------------------------------------------------------------------------------------


def test_a_day_long_before_anybody_measured_was_mistyped():
    delivery = read(lines(row(1, 1, sampled_on="1924-03-04")).encode(), name="may.csv")
    assert delivery.quarantine["rule"].to_list() == ["out_of_range"]


def test_bad_rows_of_a_distinct_table_are_all_counted():
    profile = Profile.model_validate(
        {"name": "own", "title": "t", "sender": "s",
         "tables": [{"table": "populations", "unit": "count", "is_distinct": True,
                     "columns": {"site_id": "s", "population": "p"}, "constants": {"population_method": "census"}}]}
    )  # fmt: skip
    delivery = read(b"s,p\nS1,abc\nS1,def\nS2,5\nS2,5\n", profile=profile, name="p.csv")
    assert delivery.quarantine["value_as_written"].to_list() == ["abc", "def"]
    assert delivery.record["n_rows"].item() == 3
    assert delivery.accepted["populations"].height == 1


def test_year_and_weekday_must_be_those_of_the_date():
    profile = Profile.model_validate(
        {"name": "own", "title": "t", "sender": "s",
         "tables": [{"table": "reported_loads", "unit": "mg/day",
                     "columns": {"site_id": "s", "sampled_on": "d", "sampling_year": "y", "weekday": "w",
                                 "residue": "r", "reported_load": "v"},
                     "qualifiers": {"0": "<LOQ", "": "not measured"}}]}
    )  # fmt: skip
    text = b"s,d,y,w,r,v\nS1,2024-03-04,2024,1,METH,5\nS1,2024-03-05,2011,7,METH,5\n"
    delivery = read(text, profile=profile, name="p.csv")
    assert delivery.accepted["reported_loads"].height == 1
    assert delivery.quarantine["rule"].to_list() == ["day_contradicts_date"]
    assert "'2011' is not that of the date (2024-03-05)" in delivery.quarantine["message"].item()


def test_headers_that_look_like_our_own_names_for_columns_are_kept_apart():
    text = "column 2,,site_id,site_name\nx,y,,One\n"
    delivery = read(text.encode(), name="s.csv", profile=None)
    assert delivery.n_quarantined == 1
    assert isinstance(delivery.quarantine, pl.DataFrame)
