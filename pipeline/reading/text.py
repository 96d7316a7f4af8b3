"""Reading CSV and TSV: encoding, separator, rows. Nothing is guessed that would change a value."""

import codecs
import csv
import io
import re
from collections import Counter

import numpy as np
import polars as pl

from pipeline.findings import DeliveryError, Finding
from pipeline.reading.sheets import MOST_COLUMNS, RawSheet, as_sheet

_HEAD_BYTES = 65_536
_HEAD_LINES = 60
_PIECE = 262_144
_LONGEST_CELL = 1_000_000
_SEPARATORS = ",;\t|"
_AUTO = ("utf-8", "gb18030", "latin-1")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_BLANKS = (b" ", b"\t", b"\x0b", b"\x0c")
"""All of ASCII, but the ends of lines, that is trimmed from cells."""


def decode(content: bytes, file_name: str, encoding: str = "auto", *, is_head: bool = False) -> str:
    """The text of a file.

    A byte order mark wins. Otherwise `encoding`, or where that is "auto" UTF-8 if the bytes are valid UTF-8, then
    GB18030, then Latin-1. Latin-1 letters can be valid GB18030, so a sender of Latin-1 says so in the profile.
    With `is_head` the content may end within a character.

    Raises `DeliveryError` for binary content and for bytes that the stated encoding does not know.
    """
    return _decoded(content, file_name, encoding, is_head=is_head)[1]


def encoding_of(content: bytes, file_name: str) -> str:
    """The encoding a file is taken to be in where nobody says: utf-8, gb18030, latin-1 or utf-16."""
    return _decoded(content, file_name, "auto", is_head=False)[0].removesuffix("-sig")


def separator_of(content: bytes, file_name: str) -> str:
    """The sign between the cells of a file where nobody says."""
    return _separator_of(decode(content[:_HEAD_BYTES], file_name, is_head=True))


def _decoded(content: bytes, file_name: str, encoding: str, *, is_head: bool) -> tuple[str, str]:
    """The encoding and the text."""
    if content.startswith(b"%PDF"):
        raise DeliveryError(Finding("unreadable_file", file_name, detail="it is a PDF, which holds pages and no table"))
    for mark, known in (
        (codecs.BOM_UTF8, "utf-8-sig"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if content.startswith(mark):
            encoding = known
            break
    else:
        if encoding != "utf-16" and b"\x00" in content:
            raise DeliveryError(Finding("unreadable_file", file_name, detail="it is binary, not text"))
    for name in _AUTO if encoding == "auto" else (encoding,):
        decoder = codecs.getincrementaldecoder(name)()
        try:
            text = decoder.decode(content, final=not is_head)
        except UnicodeDecodeError:
            continue
        # Latin-1 takes any byte: what then is full of control characters is no text.
        head = text[:_HEAD_BYTES]
        if len(_CONTROL.findall(head)) > len(head) / 100:
            raise DeliveryError(Finding("unreadable_file", file_name, detail="it is binary, not text"))
        return name, text
    raise DeliveryError(Finding("unreadable_file", file_name, detail=f"its text is not {encoding}"))


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
    than a million characters.
    """
    # ASCII is the same text in all encodings but UTF-16: its bytes need no decoding, only its beginning a look.
    is_ascii = not is_head and encoding != "utf-16" and b"\x00" not in content and content.isascii()
    is_brief = is_head or is_ascii
    name, text = _decoded(content[:_HEAD_BYTES] if is_brief else content, file_name, encoding, is_head=is_brief)
    if separator == "auto":
        separator = _separator_of(text)
    if not is_head:
        fast = _read_fast(content if is_ascii or name == "utf-8" else text.encode("utf-8"), separator)
        if fast is not None:
            return fast
        if is_ascii:
            text = content.decode("ascii")
    if heads is not None and (text, separator) in heads:
        return heads[text, separator]
    csv.field_size_limit(_LONGEST_CELL)
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=not is_head))
    except csv.Error as error:
        raise DeliveryError(Finding("unreadable_file", file_name, detail=f"quotes do not match ({error})")) from error
    if is_head and len(content) > _HEAD_BYTES:
        rows = rows[:-1]  # the last one may be cut
    if max(map(len, rows), default=0) > MOST_COLUMNS:
        raise DeliveryError(Finding("unreadable_file", file_name, detail=f"it has more than {MOST_COLUMNS} columns"))
    if not is_head:
        _require_closed_quotes(rows, file_name, separator, header_row)
    sheet = _as_sheet(rows)
    if heads is not None:
        heads[text, separator] = sheet
    return sheet


def _separator_of(text: str) -> str:
    """The sign that divides most of the first lines into equally many cells, and of several the one into more."""
    lines = [line for line in text[:_HEAD_BYTES].splitlines()[:_HEAD_LINES] if line.strip()]

    def regularity(sign: str) -> tuple[int, int]:
        counts = Counter(line.count(sign) for line in lines if sign in line)
        return max(((n, times) for times, n in counts.items()), default=(0, 0))

    return max(_SEPARATORS, key=regularity)


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
