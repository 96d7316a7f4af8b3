"""The inbox and the archive: which files lie there, when each was saved, and a copy of each under its identity.

Nothing is read beyond a file's bytes (`pipeline/deliveries.py`) and nothing is stored in the warehouse
(`pipeline/intake.py`).
"""

import hashlib
import os
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

_UNFINISHED = (".part", ".crdownload", ".tmp", ".download")


class InboxFile(NamedTuple):
    """A file in the inbox: its path, its name inside the inbox, and the profile its folder names, if any."""

    path: Path
    name: str
    profile_name: str | None


class Candidate(NamedTuple):
    """One content that was delivered, in the inbox or before: where to read it, and when it was first saved."""

    file: InboxFile
    saved: datetime
    is_in_inbox: bool


def list_inbox(inbox: Path, profiles: Iterable[str] = ()) -> list[InboxFile]:
    """The files of the inbox, sorted by name; hidden and unfinished files and Office's lock files are left alone.

    A file in a folder named after a profile is read by it.
    """
    known = set(profiles)
    found = []
    for path in sorted(inbox.rglob("*")):
        relative = path.relative_to(inbox)
        is_hidden = any(part.startswith((".", "~$")) for part in relative.parts)
        if is_hidden or path.suffix.lower() in _UNFINISHED or not path.is_file():
            continue
        folder = relative.parts[0] if len(relative.parts) > 1 else None
        found.append(InboxFile(path, relative.as_posix(), folder if folder in known else None))
    return found


def list_archive(archive: Path, profiles: Iterable[str] = ()) -> dict[str, InboxFile]:
    """What was delivered before, by its identity: each file as it lay in the inbox."""
    return {
        folder.name: file
        for folder in sorted(archive.glob("[0-9a-f]*"))
        if folder.is_dir()
        for file in list_inbox(folder, profiles)
    }


def received_at(path: Path) -> datetime:
    """When a file was saved, UTC without a zone, to the microsecond."""
    return datetime(1970, 1, 1) + timedelta(microseconds=path.stat().st_mtime_ns // 1000)  # noqa: DTZ001


def _may_hold(saved: datetime, day: date) -> bool:
    """Whether a file that was saved at a moment may hold what is of a day: a day of grace for time zones."""
    return day <= (saved + timedelta(days=1)).date()


def sha256_of(path: Path) -> str:
    """The identity of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def candidates_of(
    in_inbox: Iterable[InboxFile], archive: Path, profiles: Iterable[str], known: Mapping[str, Mapping[str, Any]],
    held_for_a_day: set[str], last_day_in: Callable[[str], date | None], tell: Callable[[str], None],
) -> dict[str, Candidate]:  # fmt: skip
    """Every content that was delivered, by its identity.

    Of several copies the earliest counts, whatever they are called: a copy made later says nothing new. Except where
    rows wait because their day lies after the file was saved: then the newest copy tells when that was; and what was
    accepted so was not saved before its last day.
    """
    copies: dict[str, list[tuple[InboxFile, datetime]]] = {}
    for file in in_inbox:
        try:
            delivery_id, saved = sha256_of(file.path), received_at(file.path)
        except OSError as error:
            tell(f"{file.name}: cannot be read now ({error.strerror}); it is left for the next run")
            continue
        copies.setdefault(delivery_id, []).append((file, saved))
    archived = list_archive(archive, profiles)
    found = {}
    for delivery_id in sorted({*copies, *archived}):
        there = copies.get(delivery_id, [])
        times = [saved for _, saved in there]
        if times and delivery_id in held_for_a_day:
            saved = max(times)
        else:
            before = [known[delivery_id]["received_at"]] if delivery_id in known else []
            kept = [received_at(archived[delivery_id].path)] if delivery_id in archived else []
            said = {*times, *before, *kept}
            last = last_day_in(delivery_id) if len(said) > 1 and delivery_id in known else None
            saved = min((at for at in said if last is None or _may_hold(at, last)), default=max(said))
        file = there[0][0] if there else archived[delivery_id]
        found[delivery_id] = Candidate(file, saved, bool(there))
    return found


def content_of(found: Candidate, delivery_id: str, tell: Callable[[str], None]) -> bytes | None:
    """The bytes of a candidate; None, and a line, where they cannot be read or are not those that were listed."""
    try:
        content = found.file.path.read_bytes()
    except OSError as error:
        tell(f"{found.file.name}: cannot be read now ({error.strerror}); it is left for the next run")
        return None
    if hashlib.sha256(content).hexdigest() == delivery_id:
        return content
    if found.is_in_inbox:
        tell(f"{found.file.name}: has just changed; it is left for the next run")
    else:
        tell(f"{found.file.path}: was altered in the archive and is not read. Restore it, or deliver it anew.")
    return None


def archive(name: str, content: bytes, delivery_id: str, folder: Path, saved: datetime) -> None:
    """A copy under the delivery's identity and its name, complete or absent: the inbox may be emptied."""
    microseconds = (saved - datetime(1970, 1, 1)) // timedelta(microseconds=1)  # noqa: DTZ001
    stamp = (microseconds * 1000, microseconds * 1000)
    target = folder / delivery_id
    if target.exists():
        for kept in list_inbox(target):
            os.utime(kept.path, ns=stamp)
            if kept.name != name:  # by its name a file may tell its edition, and by its folder the profile
                renamed = target / name
                renamed.parent.mkdir(parents=True, exist_ok=True)
                kept.path.replace(renamed)
        return
    beside = folder / f".{delivery_id}.{os.getpid()}"
    copy = beside / name
    copy.parent.mkdir(parents=True, exist_ok=True)
    copy.write_bytes(content)
    os.utime(copy, ns=stamp)
    beside.replace(target)
