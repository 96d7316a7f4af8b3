"""Looking into a zipped workbook before it is opened: would it fit into memory, and what does its reader not tell?

A reader lays a sheet out whole, from its first to its last cell: one stray cell far out, or one row said to be repeated
a million times, takes all memory. Cells with an error, formulas that were never computed and rows that are hidden are
seen here as well.
"""

import io
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping
from typing import NamedTuple
from xml.etree import ElementTree

import numpy as np

from pipeline.findings import DeliveryError, Finding
from pipeline.reading.sheets import MOST_CELLS, MOST_COLUMNS, Cell
from pipeline.reading.text_bounds import (
    LONGEST_TEXT,
    MOST_UNPACKED,
    is_surely_too_long,
    longest_run,
    most_unpacked,
    n_shared,
    place_in,
    place_of_shared,
    shared_lengths,
    too_long,
)
from pipeline.reading.workbook_short import MOST_SHORTENED, ShortSheet, short_workbook, shortened
from schemas.profile import column_letters, column_number

_PIECE = 262_144
_SHARED_PART = "xl/sharedstrings.xml"
"""In small letters, as its reader takes any."""
_MOST_OF_INDEX = 4 * 1024 * 1024
# What the standard library raises on archives that somebody has damaged.
_BROKEN_ZIP = (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, ValueError, KeyError, OverflowError,
               OSError, struct.error, zlib.error, ElementTree.ParseError)  # fmt: skip

# No tag reaches beyond the next: where one is never closed, each would be looked through to the end of the text.
_ROW = re.compile(rb'<row [^<>]*?\br="(\d{1,9})"')
_ROW_OF_SPACE = re.compile(rb'<(?:\w+:)?row [^<>]*?\br="(\d{1,9})"')
"""Four times slower, for texts whose tags name their namespace."""
_HIDDEN_ROW = re.compile(rb'<(?:\w+:)?row (?=[^<>]*\bhidden="(?:1|true)")[^<>]*?\br="(\d{1,9})"')
_ERROR = re.compile(
    rb'<(?:\w+:)?c (?=[^<>]*\bt="e")[^<>]*?\br="([A-Z]{1,3})(\d{1,9})"[^<>]*>(?:(?!</?(?:\w+:)?c[ >]).)*?'
    rb"<(?:\w+:)?v>([^<]{0,20})", re.DOTALL,
)  # fmt: skip
_NOT_COMPUTED = re.compile(
    rb'<(?:\w+:)?c (?=[^<>]*\br="([A-Z]{1,3})(\d{1,9})")[^<>]*><(?:\w+:)?f(?:\s[^<>]*)?(?:/>|>[^<]*</(?:\w+:)?f>)'
    rb"(?:<(?:\w+:)?v\s*/>|<(?:\w+:)?v></(?:\w+:)?v>)?</(?:\w+:)?c>"
)
_ODS_ROW = re.compile(rb"<table:table-row\b([^<>]*)>")
_ODS_CELL = re.compile(rb"<table:(?:covered-)?table-cell\b([^<>]*)>")
_ODS_BLANKS = re.compile(rb"""<text:s\b[^<>]*\btext:c\s*=\s*["'](\d+)""")
_REPEATED = re.compile(rb"""number-(?:rows|columns)-repeated\s*=\s*["'](\d+)""")


class SheetPart(NamedTuple):
    """What a sheet's own text says that its reader does not.

    Attributes:
        problems: cells that hold an error, or a formula that was never computed.
        hidden_rows: numbers of the rows a person does not see.
        short: its short form, where it has one.
    """

    problems: tuple[Cell, ...]
    hidden_rows: list[int]
    short: ShortSheet | None = None


class WorkbookParts(NamedTuple):
    """What the text of a workbook says.

    Attributes:
        sheets: the parts of an XLSX workbook by the names of their sheets; empty for another format.
        short: a workbook of the sheets in their short forms; empty where there are none.
    """

    sheets: dict[str, SheetPart]
    short: bytes = b""


def require_bearable(content: bytes, file_name: str) -> WorkbookParts:
    """What the sheets of a zipped workbook say.

    Raises `DeliveryError` where the workbook is broken, or would unpack to more than a machine can hold.
    """

    def refused(detail: str) -> DeliveryError:
        return DeliveryError(Finding("unreadable_file", file_name, detail=detail))

    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            n_unpacked, most = sum(part.file_size for part in archive.infolist()), most_unpacked(content)
            if n_unpacked > MOST_UNPACKED:
                raise refused(f"unpacked it is larger than {MOST_UNPACKED // 1024**2} MiB")
            names = set(archive.namelist())
            parts = _parts_with_texts(archive, names)
            for part in parts:
                n_bytes, start = longest_run(archive, part)
                if is_surely_too_long(n_bytes):
                    raise too_long(file_name, *_place(archive, parts, part, start))
            if n_unpacked > most:
                raise refused(f"unpacked it is larger than {most // 1024**2} MiB")
            if "content.xml" in names:
                _require_few_repeats(archive.read("content.xml"), refused, most)
                return WorkbookParts({})
            if "xl/workbook.bin" in names:
                raise refused("a binary workbook (XLSB)")
            texts = {name: archive.read(name) for name in parts if name.lower() != _SHARED_PART}
            _require_bearable_texts(archive, parts, texts, file_name, most)
            is_short = sum(map(len, texts.values())) <= MOST_SHORTENED and len(names) == len(archive.namelist())
            shorts = {name: _near_and_short(text, refused, is_short=is_short) for name, text in texts.items()}
            sheets = {
                sheet: _sheet_part(texts[part], shorts[part])
                for sheet, part in _sheet_parts(archive).items()
                if part in texts
            }
            return WorkbookParts(sheets, _short_workbook(archive, shorts))
    except _BROKEN_ZIP as error:
        raise refused(f"the workbook is broken ({error})") from error


def _parts_with_texts(archive: zipfile.ZipFile, names: set[str]) -> list[str]:
    """The parts that hold what stands in cells: sheets and shared texts."""
    if "content.xml" in names:
        return ["content.xml"]
    sheets = set(_sheet_parts(archive).values()) if "xl/workbook.xml" in names else set()
    return sorted(
        name
        for name in names
        if name in sheets
        or name.lower() == _SHARED_PART
        or (name.startswith("xl/worksheets/") and name.endswith(".xml"))
    )


def _place(archive: zipfile.ZipFile, parts: list[str], part: str, start: int) -> tuple[str, int, str]:
    """Sheet, row and column of a text that begins at a place of a part, which is unpacked no further than that."""
    with archive.open(part) as packed:
        before = packed.read(start + 1)
    if part.lower() == _SHARED_PART:
        return _place_of_shared(archive, parts, len(shared_lengths(before)) - 1)
    column, row = place_in(before, start) or ("", 0)
    return _sheet_of(archive, part), row, column


def _place_of_shared(archive: zipfile.ZipFile, parts: list[str], number: int) -> tuple[str, int, str]:
    """Sheet, row and column of the first cell that refers to a shared text; nothing where none is found."""
    for part in parts:
        is_sheet = part.lower() != _SHARED_PART and archive.getinfo(part).file_size <= MOST_SHORTENED
        if is_sheet and (place := place_of_shared(archive.read(part), number)):
            return _sheet_of(archive, part), place[1], place[0]
    return "", 0, ""


def _require_bearable_texts(
    archive: zipfile.ZipFile, parts: list[str], texts: Mapping[str, bytes], file_name: str, most: int
) -> None:
    """Raises where a shared text is too long, or where all cells that refer to them hold too much."""
    shared = next((name for name in parts if name.lower() == _SHARED_PART), None)
    if shared is None:
        return
    lengths = shared_lengths(archive.read(shared))
    if max(lengths, default=0) > LONGEST_TEXT:
        number = next(number for number, length in enumerate(lengths) if length > LONGEST_TEXT)
        raise too_long(file_name, *_place_of_shared(archive, parts, number))
    if (total := n_shared(texts, lengths)) > most:
        detail = f"its cells hold {total // 1024**2} MiB of text"
        raise DeliveryError(Finding("unreadable_file", file_name, detail=detail))


def _sheet_of(archive: zipfile.ZipFile, part: str) -> str:
    """The name of the sheet that a part holds; empty where there is none."""
    return next((name for name, held in _sheet_parts(archive).items() if held == part), "")


def _near_and_short(text: bytes, refused: Callable[[str], DeliveryError], *, is_short: bool) -> ShortSheet | None:
    """The short form of a sheet, where it is wanted and has one. Raises where the sheet reaches too far."""
    short = shortened(text) if is_short else None
    if (
        short is None
        or (int(short.columns.max()) + 1) * short.last_row > MOST_CELLS
        or short.columns.max() >= MOST_COLUMNS
    ):
        _require_near_cells(text, refused)
        return None
    _require_near_cells(short.text, refused, short.last_row)
    return short


def _short_workbook(archive: zipfile.ZipFile, shorts: Mapping[str, ShortSheet | None]) -> bytes:
    texts = {part: short.text for part, short in shorts.items() if short is not None}
    try:
        return short_workbook(archive, texts) if texts else b""
    except _BROKEN_ZIP:
        return b""  # a part is damaged that the reader may never look at


def _sheet_part(text: bytes, short: ShortSheet | None) -> SheetPart:
    # The short form holds every distinct cell: what does not stand in it, stands nowhere.
    looked_through = text if short is None else short.text
    problems = _problems(text) if b't="e"' in looked_through or _has_formula(looked_through) else ()
    return SheetPart(problems, _hidden_rows(text) if short is None or short.has_hidden else [], short)


def _require_near_cells(text: bytes, refused: Callable[[str], DeliveryError], last_row: int | None = None) -> None:
    """Raises where a sheet reaches so far that laid out whole it would not fit into memory."""
    if last_row is None:
        rows = (_ROW_OF_SPACE if b":row " in text else _ROW).findall(text)
        last_row = max(map(int, rows), default=1)
    most_columns = min(MOST_CELLS // max(last_row, 1), MOST_COLUMNS)
    beyond = re.search(
        rb' r="(?:(' + _columns_beyond(most_columns) + rb"\d{1,9})|([A-Z]{1,3}" + _numbers_beyond(last_row) + rb'))"',
        text,
    )
    if beyond and beyond.group(1):
        raise refused(f"a sheet reaches as far as {beyond.group(1).decode()}; delete what stands there")
    if beyond:
        raise refused(f"cell {beyond.group(2).decode()} lies outside of its row")


def _columns_beyond(number: int) -> bytes:
    """A pattern for the letters of all columns after one.

    >>> [bool(re.fullmatch(_columns_beyond(3), name)) for name in (b"C", b"D", b"AA", b"AAA")]
    [False, True, True, True]
    >>> [bool(re.fullmatch(_columns_beyond(200), name)) for name in (b"Z", b"GR", b"GS", b"HA", b"AAA")]
    [False, False, True, True, True]
    """
    if number <= 0:
        return rb"[A-Z]{1,3}"
    letters = column_letters(number)
    longer = [rb"[A-Z]{%d}" % length for length in range(len(letters) + 1, 4)]
    greater = [
        letters[:place].encode() + b"[%c-Z]" % (ord(letter) + 1) + b"[A-Z]{%d}" % (len(letters) - place - 1)
        for place, letter in enumerate(letters)
        if letter < "Z"
    ]
    return b"(?:" + b"|".join([*longer, *greater]) + b")" if longer or greater else rb"(?!)"


def _numbers_beyond(number: int) -> bytes:
    """A pattern for all greater numbers.

    >>> [bool(re.fullmatch(_numbers_beyond(209), text)) for text in (b"99", b"209", b"210", b"300", b"1000", b"0209")]
    [False, False, True, True, True, True]
    """
    digits = str(number)
    greater = [
        digits[:place].encode() + b"[%d-9]" % (int(digit) + 1) + b"[0-9]{%d}" % (len(digits) - place - 1)
        for place, digit in enumerate(digits)
        if digit < "9"
    ]
    return b"(?:" + b"|".join([b"[0-9]{%d,}" % (len(digits) + 1), *greater]) + b")"


def _require_few_repeats(text: bytes, refused: Callable[[str], DeliveryError], most: int) -> None:
    """Raises where rows or cells that hold something are repeated beyond what fits into memory, or blanks in them."""
    n_cells = n_bytes = 0
    pieces = _ODS_ROW.split(text)
    for attributes, cells in zip(pieces[1::2], pieces[2::2], strict=True):
        width = repeated = in_row = 0
        found = list(_ODS_CELL.finditer(cells))
        ends = [*(cell.start() for cell in found[1:]), len(cells)]
        for cell, end in zip(found, ends, strict=True):
            repeated += _times(cell.group(1))
            if not cell.group(1).endswith(b"/") or b"value" in cell.group(1):
                width = repeated
                blanks = sum(map(int, _ODS_BLANKS.findall(cells, cell.end(), end)))
                in_row += _times(cell.group(1)) * (end - cell.start() + blanks)
        n_cells += _times(attributes) * width
        n_bytes += _times(attributes) * in_row
        if n_cells > MOST_CELLS or width > MOST_COLUMNS or n_bytes > most:
            raise refused("its rows, cells or blanks are repeated too often; delete what stands far out")


def _times(attributes: bytes) -> int:
    found = _REPEATED.search(attributes)
    return int(found.group(1)) if found else 1


def _hidden_rows(text: bytes) -> list[int]:
    return [int(row) for row in _HIDDEN_ROW.findall(text)] if b"hidden=" in text else []


def _problems(text: bytes) -> tuple[Cell, ...]:
    errors = [
        Cell(int(row), column_number(column.decode()), "cell_error", value.decode("utf-8", "replace"))
        for column, row, value in _ERROR.findall(text)
    ]
    empty = [Cell(int(row), column_number(column.decode()), "not_computed", "") for column, row in
             _NOT_COMPUTED.findall(text)]  # fmt: skip
    return tuple(sorted([*errors, *empty]))


def _has_formula(text: bytes) -> bool:
    """True where an f opens a tag, or follows the namespace of one; an f is rare, the signs before it are not."""
    signs = np.frombuffer(text, np.uint8)
    for start in range(0, len(text), _PIECE):
        piece = signs[start : start + _PIECE + 1]
        before = piece[np.flatnonzero(piece[1:] == ord("f"))]
        if np.isin(before, (ord("<"), ord(":"))).any():
            return True
    return False


def _sheet_parts(archive: zipfile.ZipFile) -> dict[str, str]:
    """The part that holds each sheet, by the sheet's name."""
    targets = {
        relation.get("Id", ""): relation.get("Target", "") for relation in _tree(archive, "xl/_rels/workbook.xml.rels")
    }
    parts = {}
    for element in _tree(archive, "xl/workbook.xml").iter():
        if element.tag.rsplit("}", 1)[-1] == "sheet":
            link = next((value for key, value in element.attrib.items() if key.rsplit("}", 1)[-1] == "id"), "")
            target = targets.get(link, "")
            parts[element.get("name", "")] = target.lstrip("/") if target.startswith("/") else f"xl/{target}"
    return parts


def _tree(archive: zipfile.ZipFile, name: str) -> ElementTree.Element:
    text = archive.read(name)
    if len(text) > _MOST_OF_INDEX or b"<!" in text:
        raise ValueError(f"{name} is not what a workbook holds")
    return ElementTree.fromstring(text)  # noqa: S314  short, and without the declarations that entities need
