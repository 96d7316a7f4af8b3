"""Looking into an old workbook (XLS) before it is opened: its container is a file system of sectors linked in chains.

Where a chain runs in a circle, a reader that follows it never ends or takes all memory; where a damaged cell claims to
stand far from the others, the reader makes room for all that would lie between. The formats: [MS-CFB], Compound File
Binary File Format, and [MS-XLS], Excel Binary File Format. Nothing of what cells hold is read here (`workbook.py`).
"""

import struct
from collections.abc import Iterator

import numpy as np

from pipeline.findings import DeliveryError, Finding
from pipeline.reading.sheets import MOST_CELLS
from pipeline.reading.text_bounds import most_unpacked

_LAST = 0xFFFFFFFA
"""From this number on an entry of the table is no sector but a mark: end of chain, free ..."""
_HEADER_BYTES = 512
_STREAM, _ROOT = 2, 5
_SMALL = 64
"""Bytes of the sectors in which small streams lie."""
_ENTRY_BYTES = 128
_IN_HEADER = 109
"""How many sectors of the table the header itself names."""
_SHEET, _END = 0x85, 0x0A
_SHARED_TEXTS, _CONTINUED, _SHARED_TEXT = 0xFC, 0x3C, 0xFD
_MOST_CHARACTERS = 0xFFFF
"""Of a shared text, as its length is stored."""
_SEVERAL_CELLS = (0xBD, 0xBE)
_ONE_CELL = (0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0xD6, 0xFD, 0x201, 0x202, 0x203, 0x204, 0x205, 0x206, 0x27E, 0x406)
"""Records that begin with row and column: blank, number, text, truth, formula ... of all versions."""


def require_sound(content: bytes, file_name: str) -> None:
    """Raises `DeliveryError` where a chain of sectors runs in a circle or the container's head makes no sense."""
    try:
        problem = _problem(content)
    except (struct.error, IndexError) as error:
        problem = str(error)
    if problem:
        raise DeliveryError(Finding("unreadable_file", file_name, detail=f"the workbook is broken ({problem})"))


def _problem(content: bytes) -> str:
    (shift,) = struct.unpack_from("<H", content, 30)
    if shift not in (9, 12):
        return f"sectors of 2^{shift} bytes"
    size = 1 << shift
    n_sectors = max(len(content) - _HEADER_BYTES, 0) // size + 1
    n_tables, first_directory = struct.unpack_from("<I", content, 44)[0], struct.unpack_from("<I", content, 48)[0]
    cutoff, first_mini, _, first_more, n_more = struct.unpack_from("<5I", content, 56)
    if n_tables > n_sectors or n_more > n_sectors:
        return "its table of sectors is larger than the file"

    def sector(number: int) -> bytes:
        return content[(number + 1) * size : (number + 2) * size]

    def numbers(text: bytes) -> list[int]:
        return list(struct.unpack(f"<{len(text) // 4}I", text[: len(text) // 4 * 4]))

    tables = list(struct.unpack_from(f"<{_IN_HEADER}I", content, 76))
    more = first_more
    for _ in range(n_more):
        if more >= _LAST:
            break
        *named, more = numbers(sector(more)) or [_LAST]
        tables += named
    following = [number for table in tables[:n_tables] if table < _LAST for number in numbers(sector(table))]

    def chain(start: int, links: list[int]) -> list[int] | None:
        """The numbers of a chain; None where it runs in a circle."""
        found: list[int] = []
        seen: set[int] = set()
        while start < _LAST and start < len(links):
            if start in seen:
                return None
            seen.add(start)
            found.append(start)
            start = links[start]
        return found

    directory, mini = chain(first_directory, following), chain(first_mini, following)
    if directory is None or mini is None:
        return "a chain of sectors runs in a circle"
    mini_following = [number for part in mini for number in numbers(sector(part))]
    entries = b"".join(sector(number) for number in directory)
    small_sectors = b""
    for place in range(0, len(entries) - _ENTRY_BYTES + 1, _ENTRY_BYTES):
        kind = entries[place + 66]
        start, length = struct.unpack_from("<IQ", entries, place + 116)
        is_small = kind == _STREAM and length < cutoff
        if kind not in (_STREAM, _ROOT):
            continue
        found, small = chain(start, following), chain(start, mini_following) if is_small else []
        if found is None or small is None:
            return "a chain of sectors runs in a circle"
        if kind == _ROOT:
            small_sectors = b"".join(sector(number) for number in found)
        elif _name(entries[place : place + _ENTRY_BYTES]) in ("workbook", "book"):
            parts = (
                (small_sectors[number * _SMALL : (number + 1) * _SMALL] for number in small)
                if is_small
                else (sector(number) for number in found)
            )
            return _problem_of_book(b"".join(parts)[:length])
    return ""


def _name(entry: bytes) -> str:
    (length,) = struct.unpack_from("<H", entry, 64)
    return entry[: max(min(length, 64) - 2, 0)].decode("utf-16-le", errors="replace").casefold()


def _problem_of_book(book: bytes) -> str:
    """Whether the sheets of a workbook span too many cells, from the first to the last of each that holds anything, or
    hold too much text: one that is stored once may stand in a million cells."""
    shared: list[int] = []
    spans: dict[int, int] = {}
    n_cells = 0
    n_left = len(book) // 4  # records; where sheets do not run into each other no more are there
    for kind, place, length in _records(book, 0):
        if kind == _SHEET and length >= 4:
            (start,) = struct.unpack_from("<I", book, place)
            if start not in spans:
                spans[start], n_records = _span(book, start, n_left, shared)
                n_left -= n_records
            n_cells += spans[start]
            if n_left < 0:
                return "its sheets run into each other"
            if n_cells > MOST_CELLS:
                return "its cells lie too far from each other"
    n_characters = _n_characters(shared, _lengths_of_shared(book))
    if n_characters > most_unpacked(book):
        return f"its cells hold {n_characters // 1024**2} MiB of text"
    return ""


def _n_characters(shared: list[int], lengths: list[int]) -> int:
    """How much text the cells hold that refer to shared texts, by the texts' numbers; the most where it is unknown."""
    if not shared:
        return 0
    numbers = np.minimum(np.array(shared, np.int64), len(lengths))
    return int(np.array([*lengths, _MOST_CHARACTERS], np.int64)[numbers].sum())


def _lengths_of_shared(book: bytes) -> list[int]:
    """The characters of each shared text, as far as the table of them can be followed."""
    parts: list[bytes] = []
    for kind, place, length in _records(book, 0):
        if kind == _SHARED_TEXTS or (parts and kind == _CONTINUED):
            parts.append(book[place : place + length])
        elif parts:
            break
    lengths: list[int] = []
    number, place = 0, 8  # behind two counts
    try:
        while number < len(parts):
            if place >= len(parts[number]):
                number, place = number + 1, 0
                continue
            n_characters, flags = struct.unpack_from("<HB", parts[number], place)
            place += 3
            n_more = 0
            if flags & 8:  # runs of formats
                n_more += 4 * struct.unpack_from("<H", parts[number], place)[0]
                place += 2
            if flags & 4:  # phonetic signs
                n_more += struct.unpack_from("<I", parts[number], place)[0]
                place += 4
            lengths.append(n_characters)
            number, place = _behind(parts, number, place, n_characters, flags)
            while n_more and number < len(parts):
                here = min(n_more, len(parts[number]) - place)
                n_more, place = n_more - here, place + here
                if n_more:
                    number, place = number + 1, 0
    except (struct.error, IndexError):
        pass
    return lengths


def _behind(parts: list[bytes], number: int, place: int, n_characters: int, flags: int) -> tuple[int, int]:
    """Part and place behind the characters of a text; each part they go on in begins with flags of its own."""
    while True:
        width = 2 if flags & 1 else 1
        fits = min(n_characters, (len(parts[number]) - place) // width)
        n_characters, place = n_characters - fits, place + fits * width
        if not n_characters:
            return number, place
        number, place = number + 1, 1
        flags = parts[number][0]


def _span(book: bytes, start: int, most: int, shared: list[int]) -> tuple[int, int]:
    """How many cells a sheet spans, and how many records were looked at, one more than `most` at most.

    Adds the numbers of the shared texts that its cells refer to.
    """
    rows, columns = [], []
    n_records = 0
    for kind, place, length in _records(book, start):
        n_records += 1
        if n_records > most:
            break
        if (kind not in _ONE_CELL and kind not in _SEVERAL_CELLS) or length < 4:
            continue
        row, column = struct.unpack_from("<HH", book, place)
        if kind == _SHARED_TEXT and length >= 10:
            shared.append(struct.unpack_from("<I", book, place + 6)[0])
        rows.append(row)
        columns.append(column)
        if kind in _SEVERAL_CELLS:
            columns.append(struct.unpack_from("<H", book, place + length - 2)[0])
    n_cells = (max(rows) - min(rows) + 1) * (max(columns) - min(columns) + 1) if rows else 0
    return n_cells, n_records


def _records(book: bytes, place: int) -> Iterator[tuple[int, int, int]]:
    """Kind, place and length of each record up to the end of its part, or of what is whole."""
    while place + 4 <= len(book):
        kind, length = struct.unpack_from("<HH", book, place)
        place += 4
        if kind == _END or place + length > len(book):
            return
        yield kind, place, length
        place += length
