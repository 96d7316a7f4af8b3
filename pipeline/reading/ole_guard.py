"""Looking into an old workbook (XLS) before it is opened: its container is a file system of sectors linked in chains.

Where a chain runs in a circle, a reader that follows it never ends or takes all memory. The format: [MS-CFB], Compound
File Binary File Format. Nothing of the workbook itself is read here (`workbook.py`).
"""

import struct

from pipeline.findings import DeliveryError, Finding

_LAST = 0xFFFFFFFA
"""From this number on an entry of the table is no sector but a mark: end of chain, free ..."""
_HEADER_BYTES = 512
_ENTRY_BYTES = 128
_IN_HEADER = 109
"""How many sectors of the table the header itself names."""


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
    for place in range(0, len(entries) - _ENTRY_BYTES + 1, _ENTRY_BYTES):
        kind = entries[place + 66]
        start, length = struct.unpack_from("<IQ", entries, place + 116)
        is_small = kind == 2 and length < cutoff
        if kind in (2, 5) and (chain(start, following) is None or (is_small and chain(start, mini_following) is None)):
            return "a chain of sectors runs in a circle"
    return ""
