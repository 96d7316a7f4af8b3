"""Cells with too long a text are refused in every format, and packed files before they are unpacked."""

import io
import struct
import subprocess
import sys
import zipfile

import polars as pl
import pytest
import xlsxwriter

from pipeline.deliveries import read_and_judge
from pipeline.reading import ole_guard
from pipeline.reading.text_bounds import LONGEST_TEXT, most_unpacked
from schemas.profile import load_profiles
from tests.conftest import RECEIPT

PROFILES = load_profiles()
HEAD = ["site_id", "sampled_on", "residue", "concentration", "unit", "lod", "loq", "laboratory", "batch"]
ROW = ["S1", "2025-03-11", "METH", "12.5", "ng/L", "0.3", "1", "Lab", "B1"]
ENOUGH = "é" * LONGEST_TEXT
TOO_LONG = ENOUGH + "é"


def rows_with(text: str) -> list[list[str]]:
    return [HEAD, ROW, [*ROW[:1], "2025-03-12", *ROW[2:7], text, ROW[8]]]


def csv(text: str, quote: str = "", separator: str = ",", encoding: str = "utf-8") -> bytes:
    quoted = [[f"{quote}{cell}{quote}" for cell in cells] for cells in rows_with(text)]
    return "".join(separator.join(cells) + "\n" for cells in quoted).encode(encoding)


def book(text: str, **options) -> bytes:
    content = io.BytesIO()
    with xlsxwriter.Workbook(content, {"strings_to_numbers": True, **options}) as written:
        sheet = written.add_worksheet("May")
        for number, cells in enumerate(rows_with("@")):
            sheet.write_row(number, 0, cells)
    # Written in afterwards: no program writes it.
    return replaced(content.getvalue(), {"@": text})


def replaced(content: bytes, words: dict[str, str]) -> bytes:
    new = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(new, "w", zipfile.ZIP_DEFLATED) as out:
        for name in old.namelist():
            part = old.read(name)
            if name.startswith("xl/worksheets/sheet") or name == "xl/sharedStrings.xml":
                for word, text in words.items():
                    part = part.replace(f">{word}<".encode(), f">{text}<".encode())
            out.writestr(name, part)
    return new.getvalue()


def ods(cell: str, attributes: str = "", of_row: str = "") -> bytes:
    """A spreadsheet of LibreOffice, written by hand; `cell` is what stands in the last row under `laboratory`."""

    def row(cells: list[str], attributes: str = "", of_row: str = "") -> str:
        of_cell = [attributes if number == 7 else "" for number in range(9)]
        inside = "".join(
            f'<table:table-cell{more} office:value-type="string"><text:p>{text}</text:p></table:table-cell>'
            for text, more in zip(cells, of_cell, strict=True)
        )
        return f"<table:table-row{of_row}>{inside}</table:table-row>"

    names = " ".join(
        f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"' for name in ("office", "table", "text")
    )
    table = row(HEAD) + row(ROW) + row(rows_with(cell)[2], attributes, of_row)
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        out.writestr(
            "content.xml",
            f"<office:document-content {names}><office:body><office:spreadsheet><table:table"
            f' table:name="May">{table}</table:table></office:spreadsheet></office:body></office:document-content>',
        )
        out.writestr("META-INF/manifest.xml", "<manifest/>")
    return content.getvalue()


def parquet(text: str) -> bytes:
    content = io.BytesIO()
    pl.DataFrame(rows_with(text)[1:], schema=HEAD, orient="row").write_parquet(content)
    return content.getvalue()


def rich(text: str) -> bytes:
    half = len(text) // 2
    runs = f"</t><r><t>{text[:half]}</t></r><r><t>{text[half:]}</t></r><t>"
    return replaced(book("mark"), {"mark": runs})


def judged(content: bytes, name: str = "may.x"):
    return read_and_judge(content, name, profiles=PROFILES, known_sites=None, receipt=RECEIPT)


WRITERS = {
    "csv": csv,
    "csv, quoted": lambda text: csv(text, '"'),
    "tsv": lambda text: csv(text, separator="\t"),
    "csv in UTF-16": lambda text: csv(text, separator="|", encoding="utf-16-le"),
    "xlsx, shared": book,
    "xlsx, inline": lambda text: book(text, constant_memory=True),
    "xlsx, entities": lambda text: book(text.replace("é", "&#xE9;")),
    "xlsx, rich": rich,
    "ods": ods,
    "ods, blanks": lambda text: ods(f'<text:s text:c="{len(text) - 2}"/>.') if len(text) > LONGEST_TEXT else ods("a"),
    "parquet": parquet,
}


@pytest.mark.parametrize("kind", [kind for kind in WRITERS if kind != "ods, blanks"])
def test_a_text_as_long_as_a_cell_can_hold_is_read(kind):
    delivery = judged(WRITERS[kind](ENOUGH))
    assert delivery.status == "accepted", delivery.messages
    assert delivery.accepted["results"]["laboratory"].to_list() == ["Lab", ENOUGH]


@pytest.mark.parametrize("kind", WRITERS)
def test_a_longer_one_is_refused_and_its_place_is_told(kind):
    (finding,) = judged(WRITERS[kind](TOO_LONG + "éé")).notes
    sheet = "May" if kind.startswith(("xlsx", "ods")) else ""
    assert finding[:5] == ("cell_too_long", "may.x", sheet, 3, "H")


@pytest.mark.parametrize("write", [book, lambda text: book(text, constant_memory=True), csv, parquet])
def test_one_far_longer_is_refused_with_its_place_as_well(write):
    (finding,) = judged(write("A" * 3_000_000)).notes
    assert (finding.rule, finding.row_number, finding.source_column) == ("cell_too_long", 3, "H")


@pytest.mark.parametrize(
    "write",
    [
        lambda: book("A" * 70_000_000),
        lambda: replaced(book("A"), {"A": "</t>" + "<r><t>" + "A" * 30_000 + "</t></r>" * 2_400 + "<t>"}),
        lambda: ods('<text:s text:c="99999999999"/>'),
        lambda: ods("<text:s text:c='30000'/>" * 3_000),
        lambda: ods("A" * 30_000, ' table:number-columns-repeated="99"', ' table:number-rows-repeated="99"'),
        lambda: ods("A", ' table:number-columns-repeated="99999999999"'),
    ],
    ids=["shared", "rich", "blanks", "many blanks", "repeated", "wide"],
)
def test_what_would_unpack_to_far_more_is_refused(write):
    content = write()
    assert len(content) < 500_000
    delivery = judged(content)
    assert [note.rule for note in delivery.notes] in (["unreadable_file"], ["cell_too_long"])


@pytest.mark.parametrize("word", ['t="s"', "t='s'"])
def test_a_long_text_in_very_many_cells_is_refused_before_it_is_laid_out(word):
    content = io.BytesIO()
    with xlsxwriter.Workbook(content) as written:
        sheet = written.add_worksheet()
        for row in range(3_000):
            sheet.write(row, 0, "@")
    new = io.BytesIO()
    with zipfile.ZipFile(content) as old, zipfile.ZipFile(new, "w", zipfile.ZIP_DEFLATED) as out:
        for name in old.namelist():
            part = old.read(name).replace(b">@<", b">" + b"A" * 32_000 + b"<").replace(b't="s"', word.encode())
            out.writestr(name, part)
    (finding,) = judged(new.getvalue()).notes
    assert (finding.rule, finding.detail) == ("unreadable_file", "its cells hold 91 MiB of text")


def record(kind: int, body: bytes) -> bytes:
    return struct.pack("<HH", kind, len(body)) + body


def old_book(n_cells: int, texts: list[bytes], *more: bytes) -> bytes:
    """The stream of an XLS workbook: its table of shared texts, that continues in `more`, and a sheet with cells."""
    table = record(0xFC, struct.pack("<II", n_cells, len(texts)) + b"".join(texts))
    table += b"".join(record(0x3C, part) for part in more)
    cells = b"".join(record(0xFD, struct.pack("<HHHI", row, 0, 0, row % 2)) for row in range(n_cells))
    start = len(table) + 14
    return table + record(0x85, struct.pack("<IBBBB", start, 0, 0, 1, 0) + b"") + record(0x0A, b"")[:2] + cells


LONG = struct.pack("<HB", 32_000, 0) + b"A" * 8_000


@pytest.mark.parametrize(
    ("texts", "more", "lengths"),
    [
        ([struct.pack("<HB", 2, 0) + b"ab", struct.pack("<HB", 3, 1) + b"a\0b\0c\0"], [], [2, 3]),
        ([struct.pack("<HBH", 2, 8, 1) + b"ab" + b"runs", struct.pack("<HB", 1, 0) + b"x"], [], [2, 1]),
        ([struct.pack("<HBI", 2, 4, 6) + b"ab" + b"phonet", struct.pack("<HB", 1, 0) + b"x"], [], [2, 1]),
        ([struct.pack("<HB", 5, 0) + b"ab"], [b"\1c\0d\0e\0" + struct.pack("<HB", 1, 0) + b"x"], [5, 1]),
        ([struct.pack("<HB", 2, 0) + b"ab"], [struct.pack("<HB", 1, 0) + b"x"], [2, 1]),
        ([struct.pack("<HBH", 2, 8, 2) + b"ab" + b"run"], [b"s and" + struct.pack("<HB", 1, 0) + b"x"], [2, 1]),
        ([LONG], [b"\0" + b"A" * 24_000 + struct.pack("<HB", 1, 0) + b"x"], [32_000, 1]),
        ([struct.pack("<HB", 9, 0) + b"cut"], [], [9]),
        ([b"\1"], [], []),
    ],
)
def test_shared_texts_of_an_old_workbook_are_measured(texts, more, lengths):
    assert ole_guard._lengths_of_shared(old_book(0, texts, *more)) == lengths


def test_a_long_text_in_very_many_cells_of_an_old_workbook_is_refused():
    more = b"\0" + b"A" * 24_000 + struct.pack("<HB", 1, 0) + b"x"
    assert ole_guard._problem_of_book(old_book(100, [LONG], more)) == ""
    assert ole_guard._problem_of_book(old_book(6_000, [LONG], more)) == "its cells hold 91 MiB of text"


def test_large_workbooks_may_unpack_to_more():
    assert [most_unpacked(bytes(n)) // 1024**2 for n in (10, 1024**2, 10 * 1024**2, 100 * 1024**2)] == [
        64,
        64,
        300,
        512,
    ]


def test_a_small_workbook_with_a_huge_text_takes_hardly_any_memory(tmp_path):
    (tmp_path / "may.xlsx").write_bytes(book("A" * 25_000_000))
    code = (
        "import resource, sys\n"
        "from pathlib import Path\n"
        "from pipeline.findings import DeliveryError\n"
        "from pipeline.reading.delivery import DeliveredFile\n"
        "content = Path(sys.argv[1]).read_bytes()\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try:\n"
        "    DeliveredFile(content, 'may.xlsx')\n"
        "except DeliveryError as error:\n"
        "    print(error.finding.rule, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)\n"
    )
    # No text of a user's.
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "may.xlsx")], capture_output=True, text=True, check=True
    )
    rule, mebibytes = done.stdout.split()
    assert rule == "cell_too_long"
    assert int(mebibytes) < 64
