"""The inbox and the archive: which files lie there, and a copy of each content under its identity.

Nothing is read beyond a file's bytes (`pipeline/deliveries.py`) and nothing is stored in the warehouse
(`pipeline/intake.py`). In which order contents came in says the ledger (`pipeline/receipts.py`).
"""

import hashlib
import os
import stat
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from pipeline.files import files_of, opened, read_file
from pipeline.findings import Finding
from pipeline.receipts import Copy, Ledger, Receipt, moment_of, utc_now


class InboxError(RuntimeError):
    """An inbox that is missing or cannot be listed; the message says which folder, why, and what to do."""


class InboxFile(NamedTuple):
    """A file in the inbox: its path, its name inside the inbox, and the profile its folder names, if any."""

    path: Path
    name: str
    profile_name: str | None


class Candidate(NamedTuple):
    """One content that was delivered, in the inbox or before: where to read it, and when it came in."""

    file: InboxFile
    receipt: Receipt
    is_in_inbox: bool


class Inbox(NamedTuple):
    """What lies in the inbox.

    Attributes:
        files: those that are read.
        left_out: what is not read, and why: links, pipes, what the account may not read ...
        renamed: files and folders that are shown by another name than they have.
    """

    files: list[InboxFile]
    left_out: list[Finding]
    renamed: list[Finding]


def look_into(inbox: Path, profiles: Iterable[str] = ()) -> Inbox:
    """What lies in the inbox, sorted by name. A file in a folder named after a profile is read by it.

    Raises `InboxError` where the inbox is not there or cannot be listed.
    """
    known = set(profiles)
    try:
        found = files_of(inbox)
    except OSError as error:
        raise InboxError(
            f"the inbox {inbox} cannot be listed ({error.strerror}). Is its disk connected, and may this account read"
            " it? 'inbox' in permille.toml says where it is."
        ) from error
    files = [
        InboxFile(path, name, folder if (folder := name.partition("/")[0]) != name and folder in known else None)
        for path, name in found.files
    ]
    return Inbox(files, found.left_out, found.renamed)


def list_inbox(inbox: Path, profiles: Iterable[str] = (), tell: Callable[[str], None] | None = None) -> list[InboxFile]:
    """The files that are read; `tell` is called with a line for each that is not, or that is shown by another name."""
    found = look_into(inbox, profiles)
    if tell is not None:
        for finding in (*found.left_out, *found.renamed):
            tell(finding.message)
    return found.files


def list_archive(archive: Path, profiles: Iterable[str] = ()) -> dict[str, InboxFile]:
    """What was delivered before, by its identity: each file as it lay in the inbox."""
    return {
        folder.name: file
        for folder in sorted(archive.glob("[0-9a-f]*"))
        if folder.is_dir()
        for file in list_inbox(folder, profiles)
    }


def sha256_of(path: Path) -> str:
    """The identity of a file's content."""
    with opened(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def candidates_of(
    in_inbox: Iterable[InboxFile], archive: Path, profiles: Iterable[str], ledger: Ledger,
    stored: Mapping[str, datetime], tell: Callable[[str], None],
) -> tuple[dict[str, Candidate], list[Copy]]:  # fmt: skip
    """Every content that was delivered, by its identity; what is new is written into the ledger before it is used.

    Parameters: `stored` where there is no ledger the deliveries of the warehouse, in the order that held so far.
    Returns also the copies of known contents that have appeared under another name or time since.
    """
    copies: dict[str, list[tuple[InboxFile, datetime]]] = {}
    for file in in_inbox:
        try:
            delivery_id, saved = sha256_of(file.path), moment_of(file.path)
        except OSError as error:
            tell(f"{file.name}: cannot be read now ({error.strerror}); it is left for the next run")
            continue
        copies.setdefault(delivery_id, []).append((file, saved))
    archived = list_archive(archive, profiles)
    laid = [
        Copy(delivery_id, file.name, file.profile_name, saved)
        for delivery_id, there in copies.items()
        for file, saved in there
    ]
    kept = [
        Copy(delivery_id, file.name, file.profile_name, stored.get(delivery_id) or moment_of(file.path))
        for delivery_id, file in archived.items()
    ]
    if not ledger.exists and kept:
        place = {delivery_id: number for number, delivery_id in enumerate(stored)}
        ledger.adopt(sorted(kept, key=lambda copy: (copy.saved_at, place.get(copy.delivery_id, -1))), laid)
    # What lies in the archive and was never received was put there by somebody: it comes in now.
    found_there = [copy for copy in kept if copy.delivery_id not in ledger and copy.delivery_id not in copies]
    again = ledger.receive([*laid, *found_there], utc_now())
    found = {
        delivery_id: Candidate(
            copies[delivery_id][0][0] if delivery_id in copies else archived[delivery_id],
            ledger[delivery_id], delivery_id in copies,
        )
        for delivery_id in sorted({*copies, *archived})
    }  # fmt: skip
    return found, again


def content_of(found: Candidate, delivery_id: str, tell: Callable[[str], None]) -> bytes | None:
    """The bytes of a candidate; None, and a line, where they cannot be read or are not those that were listed."""
    try:
        content = read_file(found.file.path)
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


def archive(
    name: str, content: bytes, delivery_id: str, folder: Path, saved: datetime, *, like: Path | None = None
) -> None:
    """A copy under the delivery's identity and its name, complete or absent: the inbox may be emptied.

    The copy may be read by those who may read the file `like`, and by its owner alone where that cannot be asked.
    """
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
    _write(copy, content, like)
    os.utime(copy, ns=stamp)
    beside.replace(target)


def _write(file: Path, content: bytes, like: Path | None) -> None:
    """Writes a file that nobody may read who may not read another one, at no moment."""
    try:
        mode = stat.S_IMODE(like.stat().st_mode) & 0o666 if like else 0
    except OSError:
        mode = 0
    number = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode | 0o600)
    with os.fdopen(number, "wb") as out:
        out.write(content)
