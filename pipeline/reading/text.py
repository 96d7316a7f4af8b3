"""Reading CSV and TSV: encoding, separator, rows. Nothing is guessed that would change a value."""

import codecs
import csv
import io
import re
from collections import Counter
from contextlib import suppress
from functools import cache
from itertools import islice

import numpy as np
import polars as pl

from pipeline.findings import DeliveryError, Finding
from pipeline.reading.sheets import MOST_COLUMNS, RawSheet, as_sheet
from pipeline.reading.text_bounds import require_short_cells

_HEAD_BYTES = 65_536
_HEAD_LINES = 60
_PIECE = 262_144
_NO_LIMIT = 2**31 - 1
"""Of the csv module, and the same for all that use it: the length of cells is looked at later."""
_SEPARATORS = ",;\t|"
_AUTO = ("utf-8", "gb18030", "latin-1")
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # begins as the mark of UTF-16 does
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_WIDE = ("utf-16", "utf-32")
"""Encodings in which signs, digits and ends of lines hold zero bytes."""
_OFTEN, _MOSTLY = 0.1, 0.9
"""Share of the bytes at a place that are zero: of UTF-16 with much Chinese text, and of UTF-32."""
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_BLANKS = (b" ", b"\t", b"\x0b", b"\x0c")
"""All of ASCII, but the ends of lines, that is trimmed from cells."""


def decode(content: bytes, file_name: str, encoding: str = "auto", *, is_head: bool = False) -> str:
    """The text of a file.

    A byte order mark wins. Otherwise `encoding`, or where that is "auto" UTF-16 or UTF-32 if zero bytes stand where
    these have them, UTF-8 if the bytes are valid UTF-8, then GB18030, then Latin-1. Latin-1 letters can be valid
    GB18030, so a sender of Latin-1 says so in the profile. With `is_head` the content may end within a character.

    Raises `DeliveryError` for binary content and for bytes that the stated encoding does not know.
    """
    return _decoded(content, file_name, encoding, is_head=is_head)[1]


def encoding_of(content: bytes, file_name: str) -> str:
    """The encoding a file is taken to be in where no profile states it: utf-8, gb18030, latin-1, utf-16 ..."""
    return _decoded(content, file_name, "auto", is_head=False)[0].removesuffix("-sig")


def separator_of(content: bytes, file_name: str) -> str:
    """The sign between the cells of a file where nobody says."""
    return _separator_of(decode(content[:_HEAD_BYTES], file_name, is_head=True))


def _decoded(content: bytes, file_name: str, encoding: str, *, is_head: bool) -> tuple[str, str]:
    """The encoding and the text."""

    def refused(detail: str) -> DeliveryError:
        return DeliveryError(Finding("unreadable_file", file_name, detail=detail))

    if content.startswith(b"%PDF"):
        raise refused("it is a PDF, which holds pages and no table")
    encodings = _encodings(content, encoding)
    for name in encodings:
        try:
            text = codecs.getincrementaldecoder(name)().decode(content, final=not is_head)
        except UnicodeError:  # not only UnicodeDecodeError: some codecs raise the general one
            continue
        if name not in _AUTO and _LONE_SURROGATE.search(text):
            continue
        # Latin-1 takes any byte: what then is full of control characters is no text.
        head = text[:_HEAD_BYTES]
        if len(_CONTROL.findall(head)) > len(head) / 100:
            raise refused("it is binary, not text")
        return name, text
    if b"\x00" in content and _is_ascii_based(encoding) and not encodings:
        raise refused("it is binary, not text")
    raise refused(f"its text is not {encodings[-1] if encodings else encoding}")


def _encodings(content: bytes, encoding: str) -> tuple[str, ...]:
    """The encodings a file may be in, the likeliest first: that of its mark, or the stated one, or those usual."""
    for mark, known in _MARKS:
        if content.startswith(mark):
            return (known,)
    stated = encoding if encoding == "auto" else codecs.lookup(encoding).name
    if b"\x00" in content:
        wide = _wide_encoding(content, _OFTEN if stated == "auto" else 0)
        return (wide,) if wide and (stated == "auto" or wide.startswith(stated)) else ()
    if stated.startswith(_WIDE):
        return ()  # no end of line, no digit and no separator: no table
    return _AUTO if stated == "auto" else (stated,)


def _wide_encoding(content: bytes, least: float) -> str | None:
    """UTF-16 or UTF-32 with the order of its bytes, by where zero bytes stand in the beginning; None for neither.

    In UTF-16 more than the share `least` of either all first or all second bytes are zero, and hardly any others.
    """
    head = np.frombuffer(content[: min(len(content), _HEAD_BYTES) // 4 * 4], np.uint8).reshape(-1, 4)
    if not len(head):
        return None
    zeros = (head == 0).mean(axis=0)
    if zeros[:2].min() > _MOSTLY or zeros[2:].min() > _MOSTLY:
        return "utf-32-be" if zeros[0] > zeros[3] else "utf-32-le"
    first, second = zeros[::2].mean(), zeros[1::2].mean()
    if max(first, second) <= least or min(first, second) > max(first, second) / 4:
        return None
    return "utf-16-be" if first > second else "utf-16-le"


@cache
def _is_ascii_based(encoding: str) -> bool:
    """True where each byte of ASCII stands for itself: not in UTF-16, UTF-7 or the codes of old mainframes."""
    ascii_ = bytes(range(128))
    try:
        return encoding == "auto" or ascii_.decode(encoding) == ascii_.decode("ascii")
    except UnicodeError:
        return False


def read_text(
    content: bytes,
    file_name: str,
    *,
    encoding: str = "auto",
    separator: str = "auto",
    header_row: int | None = None,
    is_head: bool = False,
    heads: dict[tuple[str, str], RawSheet] | None = None,
) -> RawSheet:
    """The rows of a CSV or TSV file.

    Where rows differ in length the sheet tells how long each is. With `is_head` only the beginning
    is read, enough for the headers; `heads` keeps by text and separator those read before.

    Raises `DeliveryError` where the content is no text, a quote is not closed where it should be, or a cell is longer
    than a spreadsheet's can be.
    """
    # ASCII is the same text in nearly all encodings: its bytes need no decoding, only its beginning a look.
    is_ascii = not is_head and _is_ascii_based(encoding) and b"\x00" not in content and content.isascii()
    is_brief = is_head or is_ascii
    name, text = _decoded(content[:_HEAD_BYTES] if is_brief else content, file_name, encoding, is_head=is_brief)
    if separator == "auto":
        separator = _separator_of(text)
    if not is_head:
        fast = _read_fast(content if is_ascii or name == "utf-8" else text.encode("utf-8"), separator)
        if fast is not None:
            require_short_cells(fast.cells, file_name)
            return fast
        if is_ascii:
            text = content.decode("ascii")
    if heads is not None and (text, separator) in heads:
        return heads[text, separator]
    csv.field_size_limit(_NO_LIMIT)
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=not is_head))
    except csv.Error as error:
        raise DeliveryError(Finding("unreadable_file", file_name, detail=f"quotes do not match ({error})")) from error
    if is_head and len(content) > _HEAD_BYTES:
        rows = rows[:-1]  # the last one may be cut
    if max(map(len, rows), default=0) > MOST_COLUMNS:
        raise DeliveryError(Finding("unreadable_file", file_name, detail=f"it has more than {MOST_COLUMNS} columns"))
    if not is_head and not _is_wholly_quoted(text, rows, separator):
        _require_closed_quotes(rows, file_name, separator, header_row)
    sheet = _as_sheet(rows)
    if not is_head:
        require_short_cells(sheet.cells, file_name)
    if heads is not None:
        heads[text, separator] = sheet
    return sheet


def _separator_of(text: str) -> str:
    """The sign that divides most of the first rows into equally many cells, and of several the one into more.

    Rows are parsed: a sign inside quotes divides nothing, and a sign by which a cell goes on behind its closing quote
    is another one's. Only where no sign divides most rows so, quotes are taken less strictly.
    """
    best = {}
    for is_strict in (True, False):
        rows = {sign: _first_rows(text[:_HEAD_BYTES], sign, is_strict=is_strict) for sign in _SEPARATORS}
        best = {sign: _regularity(rows[sign]) for sign in _SEPARATORS}
        if 2 * max(best.values())[0] > max(map(len, rows.values())):
            break
    return max(_SEPARATORS, key=lambda sign: best[sign])


def _first_rows(text: str, separator: str, *, is_strict: bool) -> list[list[str]]:
    """The first rows of a text, up to one that cannot be divided so."""
    rows: list[list[str]] = []
    csv.field_size_limit(_NO_LIMIT)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=is_strict)
    with suppress(csv.Error):  # what was read before it is kept
        rows.extend(islice(reader, _HEAD_LINES))
    return rows


def _regularity(rows: list[list[str]]) -> tuple[int, int]:
    """Of rows that are divided into equally many cells the most, and into how many."""
    widths = Counter(len(row) for row in rows if len(row) > 1)
    return max(((n, width) for width, n in widths.items()), default=(0, 0))


def _read_fast(text: bytes, separator: str) -> RawSheet | None:
    """The sheet of a text in UTF-8 by polars' reader, or None where it needs the patient one: blank lines, quotes."""
    if text.count(b"\r") != text.count(b"\r\n"):
        return None  # lines that end as on an old Macintosh
    if text.startswith((b"\n", b"\r\n")) or b'"' in text:
        return None
    try:
        cells = pl.read_csv(
            text,
            has_header=False,
            separator=separator,
            infer_schema=False,
            truncate_ragged_lines=False,
        )
    except pl.exceptions.PolarsError:
        return None
    if cells.width > MOST_COLUMNS:
        return None
    if cells.width == 1 and (b"\n\n" in text or b"\r\n\r\n" in text):
        return None
    # polars fills short rows and blank lines silently: as many separators and lines as a full table has, or the
    # patient reader.
    n_lines = _count(text, b"\n") + (not text.endswith(b"\n"))
    if n_lines != cells.height or _count(text, separator.encode()) != cells.height * (cells.width - 1):
        return None
    is_trimmed = text.isascii() and not any(blank in text for blank in _BLANKS if blank != separator.encode())
    return as_sheet("", cells, is_trimmed=is_trimmed)


def _count(text: bytes, sign: bytes) -> int:
    """How often a sign of one byte stands in a text; for one in every line far faster than `bytes.count`."""
    signs = np.frombuffer(text, np.uint8)
    return sum(
        int(np.count_nonzero(signs[start : start + _PIECE] == ord(sign))) for start in range(0, len(text), _PIECE)
    )


def _require_closed_quotes(rows: list[list[str]], file_name: str, separator: str, header_row: int | None) -> None:
    """Raises `DeliveryError` where a quote makes one cell of several rows, and none of them would be missed."""
    width = len(rows[header_row - 1]) if header_row and len(rows) >= header_row else _usual_width(rows)
    for number, row in enumerate(rows, start=1):
        if any("\n" in cell and cell.count(separator) >= max(width - 1, 1) for cell in row):
            detail = f"the quote that opens in row {number} closes only rows later"
            raise DeliveryError(Finding("unreadable_file", file_name, detail=detail))


def _is_wholly_quoted(text: str, rows: list[list[str]], separator: str) -> bool:
    """True where each cell is quoted: a quote that closes too late would leave one that is not."""
    if not text.startswith('"') or text.count('"') < 2 * sum(map(len, rows)):
        return False
    again = io.StringIO(newline="")
    csv.writer(again, delimiter=separator, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(rows)
    lines = (written.replace("\r\n", "\n").rstrip("\n") for written in (again.getvalue(), text))
    return next(lines) == next(lines)


def _usual_width(rows: list[list[str]]) -> int:
    lengths = Counter(len(row) for row in rows if any(row))
    return lengths.most_common(1)[0][0] if lengths else 0


def _as_sheet(rows: list[list[str]]) -> RawSheet:
    width = max((len(row) for row in rows), default=0)
    lengths = pl.DataFrame({"n_cells": [len(row) for row in rows]}, schema={"n_cells": pl.Int64})
    padded = [row + [""] * (width - len(row)) for row in rows]
    cells = pl.DataFrame(padded, schema=[(f"c{i}", pl.String) for i in range(1, width + 1)], orient="row")
    numbered = lengths.with_row_index("row_number", offset=1).with_columns(pl.col("row_number").cast(pl.Int64))
    return as_sheet("", cells, n_cells=numbered)
