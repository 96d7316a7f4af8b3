"""How much text a file may hold: in a cell as much as a spreadsheet's cell can hold, in all what fits into memory.

A workbook is packed: a few kilobytes may hold a text of many megabytes, or a long one in a million cells. The parts of
a zipped workbook are looked through while they are unpacked, piece by piece, before anything reads them as a whole.
"""

import re
import zipfile
from collections.abc import Callable, Iterator, Mapping
from html import unescape

import numpy as np
import polars as pl

from pipeline.findings import DeliveryError, Finding
from schemas.profile import column_letters

LONGEST_TEXT = 32_767
"""Characters of the longest text that a spreadsheet's cell can hold."""
_MOST_BYTES_OF_CHARACTER = 10
"""Of one that is written as an entity, as &#x1F600; for an emoji."""
MOST_UNPACKED = 512 * 1024**2
"""Bytes beyond which no packed file is looked into."""
_LEAST_UNPACKED, _MOST_TIMES = 64 * 1024**2, 30
_PIECE, _NEAR = 262_144, 2_000
_ITEM = re.compile(rb"<(?:\w+:)?si[ >/]")
_TEXT = re.compile(rb"<(?:\w+:)?t(?:\s[^<>]*)?>([^<]*)")
_SHARED = re.compile(rb'\bt="s"[^<>]*>\s*<(?:\w+:)?v>\s*(\d{1,9})')
_MAYBE_SHARED = re.compile(rb"""\bt\s*=\s*["']s["']""")
_CELL = rb'<(?:\w+:)?c (?=[^<>]*\br="([A-Z]{1,3})(\d{1,9})")'

Refused = Callable[[str], DeliveryError]


def most_unpacked(content: bytes) -> int:
    """How many bytes a packed file may unpack to, or its cells hold: laboratories' files shrink ten- to twentyfold."""
    return min(MOST_UNPACKED, max(_LEAST_UNPACKED, _MOST_TIMES * len(content)))


def require_short_cells(cells: pl.DataFrame, file_name: str, sheet: str = "") -> None:
    """Raises `DeliveryError` where a text is too long: the columns are `c1`, `c2` ... and `row_number`."""
    columns = cells.drop("row_number")
    longest = columns.select(pl.all().str.len_bytes().max()).row(0) if columns.width else ()
    for name, n_bytes in zip(columns.columns, longest, strict=False):
        if n_bytes is not None and n_bytes > LONGEST_TEXT:
            rows = cells.filter(pl.col(name).str.len_chars() > LONGEST_TEXT)["row_number"]
            if rows.len():
                raise too_long(file_name, sheet, rows[0], column_letters(int(name[1:])))


def too_long(file_name: str, sheet: str = "", row_number: int = 0, column: str = "") -> DeliveryError:
    """The refusal of a file with too long a text in a cell."""
    return DeliveryError(Finding("cell_too_long", file_name, sheet, row_number, column))


def longest_run(archive: zipfile.ZipFile, part: str) -> tuple[int, int]:
    """The longest stretch of a part without any tag [bytes], and where it begins; it is never held in memory."""
    longest, where, start, offset = 0, 0, 0, 0
    with archive.open(part) as packed:
        while piece := packed.read(_PIECE):
            places = np.flatnonzero(np.frombuffer(piece, np.uint8) == ord("<")) + offset
            if len(places):
                lengths = np.diff(places, prepend=start)
                if (most := int(lengths.max())) > longest:
                    longest, where = most, int(places[lengths.argmax()]) - most
                start = int(places[-1])
            offset += len(piece)
    if offset - start > longest:
        longest, where = offset - start, start
    return longest, where


def is_surely_too_long(n_bytes: int) -> bool:
    """Whether so many bytes are more characters than a cell holds, however they are written."""
    return n_bytes > LONGEST_TEXT * _MOST_BYTES_OF_CHARACTER


def place_in(text: bytes, offset: int) -> tuple[str, int] | None:
    """Column and row of the cell in whose text in a sheet something stands."""
    found = re.findall(_CELL, text[max(offset - _NEAR, 0) : offset + 1])
    return (found[-1][0].decode(), int(found[-1][1])) if found else None


def place_of_shared(text: bytes, number: int) -> tuple[str, int] | None:
    """Column and row of the first cell of a sheet that refers to a shared text, by the text's number from 0."""
    found = re.search(_CELL + rb'[^<>]*\bt="s"[^<>]*>\s*<(?:\w+:)?v>\s*' + b"%d" % number + rb"\s*<", text)
    return (found[1].decode(), int(found[2])) if found else None


def shared_lengths(text: bytes) -> list[int]:
    """The length of each shared text, in bytes with its markup where that is short, else in characters."""
    starts = [found.start() for found in _ITEM.finditer(text)]
    ends = [*starts[1:], len(text)]
    return [
        end - start if end - start <= LONGEST_TEXT else _characters(text[start:end])
        for start, end in zip(starts, ends, strict=True)
    ]


def _characters(item: bytes) -> int:
    runs: Iterator[bytes] = (found[1] for found in _TEXT.finditer(item))
    return sum(len(unescape(run.decode("utf-8", "replace"))) for run in runs)


def n_shared(texts: Mapping[str, bytes], lengths: list[int]) -> int:
    """How much text all cells hold that refer to shared texts."""
    n_cells = {part: len(_MAYBE_SHARED.findall(text)) for part, text in texts.items()}
    longest = max(lengths, default=0)
    if sum(n_cells.values()) * longest <= _LEAST_UNPACKED:
        return 0  # little, however it is spread
    of_number = np.array([*lengths, 0], np.int64)
    total = 0
    for part, text in texts.items():
        numbers = np.fromiter((int(found[1]) for found in _SHARED.finditer(text)), np.int64)
        total += int(of_number[np.minimum(numbers, len(lengths))].sum())
        total += max(n_cells[part] - len(numbers), 0) * longest  # written in another way than programs do
    return total
