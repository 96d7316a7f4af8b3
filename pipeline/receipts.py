"""The ledger of receipts: which contents a workspace received, in which order and when. An append-only file.

One line a receipt, as a JSON object. The order in which this workspace received the contents decides which delivery
supersedes which; a file's own modification time is changed by copying and unzipping and decides only between contents
first seen together. No reading of deliveries (`deliveries.py`), no decisions of persons (`precedence.py`).
"""

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import duckdb

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001  moments here are UTC without a zone


class ReceiptsError(RuntimeError):
    """A ledger that cannot be used; the message says which line and what to do."""


class Copy(NamedTuple):
    """One copy of a content: its identity, its name inside the inbox, the profile its folder names, its own time."""

    delivery_id: str
    name: str
    profile_name: str | None
    saved_at: datetime


class Receipt(NamedTuple):
    """When a content came in.

    Attributes:
        number: its place in the order of receipt, counted from 1.
        seen_at: when this workspace first saw it, UTC without a zone.
        last_seen_at: when it last appeared under a new name or time: what is dated later than that is in the future.
        saved_at: the time of last change of the copy that was seen first.
    """

    number: int
    seen_at: datetime
    last_seen_at: datetime
    saved_at: datetime


def called(file_name: str, number: int) -> str:
    """What a delivery is called where commands can be given its number.

    >>> called("may.csv", 3)
    'may.csv (no. 3)'
    """
    return f"{file_name} (no. {number})"


def at_hand(number: int, saved_at: datetime | None = None) -> Receipt:
    """The receipt of a content that would come in now."""
    now = utc_now()
    return Receipt(number, now, now, saved_at or now)


def utc_now() -> datetime:
    """This moment, UTC without a zone."""
    return datetime.now(UTC).replace(tzinfo=None)


class Ledger:
    """The receipts of a workspace, as its file holds them. Only the process that holds the run's lock writes."""

    def __init__(self, path: Path) -> None:
        """Reads the file; one that is not there yet holds nothing.

        Raises `ReceiptsError` where a line is no receipt.
        """
        self._path = path
        self._receipts: dict[str, Receipt] = {}
        self._copies: set[tuple[str, str, datetime]] = set()
        self.exists = path.is_file()
        for copy, number, seen_at in _read(path) if self.exists else ():
            self._note(copy, number, seen_at)

    def __contains__(self, delivery_id: object) -> bool:
        """Whether a content was received."""
        return delivery_id in self._receipts

    def __getitem__(self, delivery_id: str) -> Receipt:
        """The receipt of a content."""
        return self._receipts[delivery_id]

    @property
    def next_number(self) -> int:
        """The number of the next content."""
        return 1 + max((receipt.number for receipt in self._receipts.values()), default=0)

    def receive(self, copies: Iterable[Copy], seen_at: datetime) -> list[Copy]:
        """Writes down what was not seen before: new contents, and known ones under another name or time.

        New contents are numbered by their own time, then by name. Where one of them is stamped later than now, the
        clock behind these stamps is wrong, and all contents first seen with it are numbered by name alone.
        Returns the copies of known contents that were not seen before.
        """
        there = sorted(copies, key=lambda copy: (copy.saved_at, copy.name, copy.delivery_id))
        unseen = [copy for copy in there if (copy.delivery_id, copy.name, copy.saved_at) not in self._copies]
        again = [copy for copy in unseen if copy.delivery_id in self]
        first: dict[str, Copy] = {}
        for copy in unseen:
            if copy.delivery_id not in self:
                first.setdefault(copy.delivery_id, copy)
        new = list(first.values())
        if any(copy.saved_at > seen_at for copy in new):
            new.sort(key=lambda copy: (copy.name, copy.delivery_id))
        # Contents of one moment were seen together, so no two looks at the inbox share one.
        if new and any(seen_at == known.seen_at for known in self._receipts.values()):
            seen_at += timedelta(microseconds=1)
        numbers = {copy.delivery_id: number for number, copy in enumerate(new, start=self.next_number)}
        further = [copy for copy in unseen if copy.delivery_id in numbers and first[copy.delivery_id] != copy]
        self._write([(copy, numbers[copy.delivery_id], seen_at) for copy in [*new, *further]])
        self._write([(copy, self[copy.delivery_id].number, seen_at) for copy in again])
        return again

    def adopt(self, stored: Iterable[Copy], copies: Iterable[Copy]) -> None:
        """Begins the ledger of a workspace that has none, from what it stored: no figure moves by that.

        Parameters: `stored` in the order that held so far, with the moments by which they were ordered; `copies` those
        in the inbox now, which are known and need not be asked about.
        """
        in_order = list(stored)
        numbers = {copy.delivery_id: number for number, copy in enumerate(in_order, start=self.next_number)}
        self._write([(copy, numbers[copy.delivery_id], copy.saved_at) for copy in in_order])
        held = [copy for copy in copies if (copy.delivery_id, copy.name, copy.saved_at) not in self._copies]
        self._write([(copy, numbers[copy.delivery_id], self[copy.delivery_id].seen_at) for copy in held
                     if copy.delivery_id in numbers])  # fmt: skip

    def _write(self, entries: list[tuple[Copy, int, datetime]]) -> None:
        """Appends lines, on the disk before anything is done with the contents."""
        append_lines(self._path, [_line(*entry) for entry in entries])
        for entry in entries:
            self._note(*entry)

    def _note(self, copy: Copy, number: int, seen_at: datetime) -> None:
        self._copies.add((copy.delivery_id, copy.name, copy.saved_at))
        known = self._receipts.get(copy.delivery_id)
        if known is None:
            self._receipts[copy.delivery_id] = Receipt(number, seen_at, seen_at, copy.saved_at)
        else:
            self._receipts[copy.delivery_id] = known._replace(last_seen_at=max(known.last_seen_at, seen_at))


def append_lines(path: Path, lines: list[str]) -> None:
    """Appends lines to a file, on the disk when this returns; a line cut off before does not spoil the next."""
    if not lines:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+b") as file:
        if file.tell():
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":
                lines = ["", *lines]
        file.write("".join(f"{line}\n" for line in lines).encode())
        file.flush()
        os.fsync(file.fileno())


def stored_order(warehouse: Path) -> dict[str, datetime]:
    """The deliveries that a warehouse of any version holds, in the order that held, each with its moment."""
    if not warehouse.is_file():
        return {}
    try:
        with duckdb.connect(str(warehouse), read_only=True) as connection:
            columns = {row[0] for row in connection.execute("select column_name from (describe deliveries)").fetchall()}
            then = "receipt_number" if "receipt_number" in columns else "delivery_id"
            order = f"select delivery_id, received_at from deliveries order by received_at, {then}"  # noqa: S608
            return dict(connection.execute(order).fetchall())
    except duckdb.Error:  # no warehouse, or one without deliveries: what the archive holds then counts
        return {}


def _line(copy: Copy, number: int, seen_at: datetime) -> str:
    return json.dumps(
        {
            "number": number,
            "sha256": copy.delivery_id,
            "name": copy.name,
            "profile": copy.profile_name,
            "seen_at": seen_at.isoformat(timespec="microseconds"),
            "saved_at": copy.saved_at.isoformat(timespec="microseconds"),
        }
    )


def _read(path: Path) -> Iterator[tuple[Copy, int, datetime]]:
    content = path.read_bytes()
    lines = content.split(b"\n")
    for place, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            yield _entry(json.loads(line))
        except (ValueError, KeyError, TypeError) as error:
            # The last line without its end, or the one before an empty line, was cut off: its content was not used yet.
            if place == len(lines) or not lines[place].strip():
                continue
            raise ReceiptsError(
                f"{path}, line {place}: is no receipt: restore the file from a backup. Without any, move it away: the"
                " order of receipt is then that of the times of the files in archive/."
            ) from error


def _entry(told: Mapping[str, Any]) -> tuple[Copy, int, datetime]:
    copy = Copy(str(told["sha256"]), str(told["name"]), told["profile"], datetime.fromisoformat(told["saved_at"]))
    return copy, int(told["number"]), datetime.fromisoformat(told["seen_at"])


def moment_of(path: Path) -> datetime:
    """The time of last change of a file, UTC without a zone, to the microsecond."""
    return _EPOCH + timedelta(microseconds=path.stat().st_mtime_ns // 1000)
