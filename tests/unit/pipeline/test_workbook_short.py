"""Sheets that are shortened before they are read say what they say when read as they are."""

import datetime
import io
import re
import time
import zipfile
from typing import Any

import pytest
import xlsxwriter

from pipeline.findings import DeliveryError
from pipeline.reading import workbook_guard, workbook_short
from pipeline.reading.workbook import Workbook
from tests.fuzzing import _all, mutated

SHEET = "xl/worksheets/sheet1.xml"


def written(**options: Any) -> bytes:
    """A workbook of one sheet that holds whatever a cell can."""
    content = io.BytesIO()
    with xlsxwriter.Workbook(content, {"strings_to_numbers": False, **options}) as book:
        sheet = book.add_worksheet("A & B")
        kinds = [book.add_format({"num_format": kind}) for kind in ("0.00", "dd.mm.yyyy", "[h]:mm", "@", "hh:mm")]
        sheet.write_row(1, 1, ["Site", "Day", "Value", "Remark", "Time"])
        for n in range(60):
            value = [12.5, "12.50", "<LOQ", "1,5", 1e-7, 1e21, 0.1 + 0.2, 123456789012345, 0, "001"][n % 10]
            remark = ["  blanks ", "a < b & c", "未检出", "two\nlines", "'quoted\"", True, None, 7][n % 8]
            sheet.write_row(n + 2, 1, [f"S{n % 7}", None, value, remark])
            sheet.write(n + 2, 2, datetime.date(2025, 1, 1) + datetime.timedelta(n // 3), kinds[1])
            sheet.write(n + 2, 5, 0.3 + n % 5, kinds[n % 5])
        sheet.set_row(7, None, None, {"hidden": True})
        sheet.write_formula(20, 3, "=1/0", None, "#DIV/0!")
        sheet.write_formula(21, 3, "=2*3", None, 6)
        sheet.write_formula(22, 3, '=IF(1,"","")', None, "")
        sheet.write_blank(80, 9, None, kinds[0])
        if not options.get("constant_memory"):
            sheet.merge_range(0, 1, 0, 4, "Title")
            sheet.merge_range(30, 1, 33, 2, "merged")
    return content.getvalue()


def with_sheet(content: bytes, change: Any) -> bytes:
    changed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(changed, "w") as new:
        for name in old.namelist():
            new.writestr(name, change(old.read(name)) if name == SHEET else old.read(name))
    return changed.getvalue()


def told(content: bytes) -> list[Any]:
    """All that the sheets of a workbook say, in whole and their heads, or why it cannot be read."""
    try:
        book = Workbook(content, "a.xlsx")
        sheets = [
            book.sheet(name, n_rows, decimal=decimal)
            for name in book.sheet_names
            for n_rows, decimal in ((None, "."), (40, "."), (None, ","))
        ]
    except DeliveryError as error:
        return [error.finding]
    return [(one.name, one.cells.columns, one.cells.rows(), one.problems, one.hidden_rows) for one in sheets]


@pytest.fixture
def laid(monkeypatch) -> list[Any]:
    """The sheets that were laid out from their short forms, None for one that was read as it is after all."""
    found: list[Any] = []
    original = workbook_short.laid_out

    def noted(*arguments: Any) -> Any:
        found.append(original(*arguments))
        return found[-1]

    monkeypatch.setattr("pipeline.reading.workbook.laid_out", noted)
    return found


def told_as_it_is(content: bytes, monkeypatch) -> list[Any]:
    with monkeypatch.context() as patch:
        patch.setattr(workbook_guard, "shortened", lambda _: None)
        return told(content)


@pytest.mark.parametrize("options", [{}, {"constant_memory": True}, {"date_1904": True}])
def test_a_short_sheet_says_what_the_whole_one_says(options, laid, monkeypatch):
    content = written(**options)
    short = told(content)
    assert short == told_as_it_is(content, monkeypatch)
    assert [sheet is not None for sheet in laid] == [True]


@pytest.mark.xdist_group("fuzzing")
def test_no_file_of_the_fuzz_run_says_anything_else(laid, monkeypatch):
    contents = [content for _, content, _ in _all()[0]] + [mutated(number)[2] for number in range(100)]
    contents = [content for content in contents if content.startswith(b"PK") and len(content) < 10**6]
    assert [told(content) for content in contents] == [told_as_it_is(content, monkeypatch) for content in contents]
    # How many are read so depends on which real files are there to start from.
    assert sum(sheet is not None for sheet in laid) > 5


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace(b'<c r="C5"', b"<c"),
        lambda text: text.replace(b'<row r="5"', b'<row r="4"'),
        lambda text: text.replace(b'<c r="C5"', b'<c r="B5"'),
        lambda text: text.replace(b'<c r="C5"', b'<c r="C6"'),
        lambda text: text.replace(b"<sheetData>", b"<!-- <sheetData> --><sheetData>"),
        lambda text: text.replace(b"</row>", b"</row>\n"),
        lambda text: re.sub(rb"<(/?)(row|c|v|sheetData)\b", rb"<\1x:\2", text),
        lambda text: text.replace(b"<v>12.5</v>", b"<v><!-- 1 -->12.5</v>"),
        lambda text: text.replace(b"<v>12.5</v>", b"<v>\xff</v>"),
        lambda text: text.replace(b"</sheetData>", b"</sheetData><broken", 1),
    ],
)
def test_a_sheet_written_otherwise_is_read_as_it_is(change, monkeypatch):
    content = with_sheet(written(), change)
    assert content != with_sheet(written(), lambda text: text)
    assert told(content) == told_as_it_is(content, monkeypatch)


def test_where_most_cells_differ_nothing_is_shortened():
    rows = [b'<row r="%d"><c r="A%d"><v>%d</v></c></row>' % (n, n, n) for n in range(1, 20_001)]
    assert workbook_short.shortened(b"<worksheet><sheetData>" + b"".join(rows) + b"</sheetData>") is None
    short = workbook_short.shortened(b"<worksheet><sheetData>" + b"".join(rows[:9_000]) + b"</sheetData>")
    assert short is not None
    assert short.rows.tolist() == list(range(9_000))


@pytest.mark.parametrize("tag", [b"<row ", b"<c ", b'<c t="e" ', b"<row hidden "])
def test_tags_that_are_never_closed_do_not_take_an_hour(tag):
    content = with_sheet(written(), lambda text: text.replace(b"</sheetData>", tag * 300_000 + b"</sheetData>"))
    start = time.monotonic()
    assert told(content)[0].rule == "unreadable_file"
    assert time.monotonic() - start < 10
