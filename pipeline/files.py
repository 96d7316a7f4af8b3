"""Files of a folder: found without following links out of it, shown by a clean name, and read only if they are files.

Nothing is known here of deliveries or the order in which they came (`inbox.py`).
"""

import errno
import hashlib
import os
import stat
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import NamedTuple

from pipeline.findings import Finding

_UNFINISHED = (".part", ".crdownload", ".tmp", ".download")
_TABLES = (".csv", ".tsv", ".txt", ".xlsx", ".xlsm", ".xls", ".ods", ".parquet")
_MOST_BYTES_OF_NAME = 255
_MOST_BYTES_OF_PATH = 1_000
"""Of a path inside the folder: with the archive's own path before it, it still fits into what systems allow."""
_MOST_BYTES = 2 * 1024**3
"""No delivery is larger, and a file is read as a whole."""
_KINDS = (
    (stat.S_ISDIR, "a folder"), (stat.S_ISFIFO, "a pipe"), (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"), (stat.S_ISBLK, "a device"),
)  # fmt: skip


class FoundFile(NamedTuple):
    """A regular file: where it lies, without any link on the way, and its name inside the folder as it is shown."""

    path: Path
    name: str


class Found(NamedTuple):
    """What lies in a folder.

    Attributes:
        files: those that can be read, sorted by name.
        left_out: a finding for each thing that is not read and is no hidden or unfinished file.
        renamed: a finding for each file or folder that is shown by another name than it has.
    """

    files: list[FoundFile]
    left_out: list[Finding]
    renamed: list[Finding]


def shown_name(name: str) -> str:
    r"""A file's name as it is shown and stored: valid text without control or direction marks, 255 bytes at most.

    Names that are not UTF-8 are decoded as GB18030 where they are valid as that; else their bytes are written out.

    >>> shown_name("may.csv"), shown_name(os.fsdecode(b"\xbc\xec\xb2\xe2.csv")), shown_name(os.fsdecode(b"\xff.csv"))
    ('may.csv', '检测.csv', '\\xff.csv')
    >>> shown_name("a\x1b[2J\u202eb.csv")
    'a\\x1b[2J\\u202eb.csv'
    """
    return _names(name)[0]


def _names(name: str) -> list[str]:
    """The names a file may be shown by, the best one first; the last one no other file is shown by."""
    raw = os.fsencode(name)
    found = []
    for encoding in ("utf-8", "gb18030"):
        try:
            text = raw.decode(encoding)
        except UnicodeDecodeError:
            continue
        if encoding == "utf-8" or all(map(_is_plain, text)):
            found.append(_escaped(text))
            break
    found.append(_escaped(raw.decode("utf-8", "backslashreplace")))
    digest = hashlib.sha256(raw).hexdigest()[:12]
    cut = [text if len(text.encode()) <= _MOST_BYTES_OF_NAME else _with_digest(text, digest) for text in found]
    return [*cut, _with_digest(found[-1], digest)]


def _is_plain(char: str) -> bool:
    category = unicodedata.category(char)
    return category[0] != "C" and category not in ("Zl", "Zp")


def _escaped(text: str) -> str:
    return "".join(char if _is_plain(char) else char.encode("unicode_escape").decode("ascii") for char in text)


def _with_digest(text: str, digest: str) -> str:
    """A name that holds a digest of the whole one before its ending, as long as a name may be."""
    stem, dot, suffix = text.rpartition(".")
    stem, suffix = (stem, f".{suffix}") if dot and len(suffix.encode()) <= 16 else (text, "")
    room = _MOST_BYTES_OF_NAME - len(digest) - 1 - len(suffix.encode())
    return f"{stem.encode()[:room].decode('utf-8', 'ignore')}~{digest}{suffix}"


def files_of(folder: Path) -> Found:
    """What lies in a folder and the folders below it, but for hidden and unfinished files and Office's lock files.

    A link is followed only to a file inside the folder, which is listed once. Two files are never shown by one name.
    Raises `OSError` where the folder itself cannot be listed.
    """
    root = Path(os.path.realpath(folder))
    found = Found([], [], [])
    linked: list[FoundFile] = []
    empty = {}
    folders: list[tuple[Path, str]] = [(root, "")]
    while folders:
        here, above = folders.pop()
        try:
            entries = _listed(here)
        except OSError as error:
            if here == root:
                raise
            found.left_out.append(Finding("cannot_be_read", above.rstrip("/"), detail=_reason(error)))
            continue
        for entry, shown in entries:
            name = f"{above}{shown}"
            if shown != entry.name:
                found.renamed.append(Finding("renamed_file", name, detail=_why(entry.name)))
            if entry.is_dir(follow_symlinks=False):
                folders.append((here / entry.name, f"{name}/"))
                if shown.lower().endswith(_TABLES):
                    empty[name] = Finding("not_a_file", name, detail="a folder")
                continue
            path, finding = _file_at(here / entry.name, name, root)
            if finding is not None:
                found.left_out.append(finding)
            elif path is not None:
                (linked if entry.is_symlink() else found.files).append(FoundFile(path, name))
    # What a link leads to is mostly found by itself as well; what is hidden is not.
    by_itself = {file.path for file in found.files}
    found.files.extend(file for file in linked if file.path not in by_itself)
    for file in found.files:
        for part in Path(file.name).parents:
            empty.pop(part.as_posix(), None)
    found.left_out.extend(empty.values())
    found.files.sort(key=lambda file: file.name.split("/"))
    return found


def _listed(folder: Path) -> list[tuple[os.DirEntry[str], str]]:
    """The entries of a folder and the names they are shown by, each another one."""
    with os.scandir(folder) as entries:
        there = [entry for entry in entries if not _is_passed_by(entry.name)]
    there.sort(key=lambda entry: (shown_name(entry.name) != entry.name, os.fsencode(entry.name)))
    names: dict[str, os.DirEntry[str]] = {}
    for entry in there:  # first those that are shown by their own names
        shown = next((name for name in _names(entry.name) if name not in names), None)
        names[shown or f"{_names(entry.name)[-1]}~{len(names)}"] = entry
    return [(entry, name) for name, entry in names.items()]


def _is_passed_by(name: str) -> bool:
    return name.startswith((".", "~$")) or name.lower().endswith(_UNFINISHED)


def _file_at(path: Path, name: str, root: Path) -> tuple[Path | None, Finding | None]:
    """The regular file at a path, or why there is none to be read."""
    if len(name.encode()) > _MOST_BYTES_OF_PATH:
        return None, Finding("cannot_be_read", name[-100:], detail="its path is too long")
    try:
        if path.is_symlink():
            path = Path(os.path.realpath(path, strict=True))
            if not path.is_relative_to(root):
                return None, Finding("link_not_followed", name, detail="out of the folder it lies in")
            if path.is_dir():
                return None, Finding("link_not_followed", name, detail="to a folder")
        kind = _kind(path.stat(follow_symlinks=False).st_mode)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ELOOP) and path.is_symlink():
            return None, Finding("link_not_followed", name, detail="nowhere")
        return None, Finding("cannot_be_read", name, detail=_reason(error))
    if kind is not None:
        return None, Finding("not_a_file", name, detail=kind)
    if not os.access(path, os.R_OK):
        return None, Finding("cannot_be_read", name, detail=os.strerror(errno.EACCES))
    return path, None


def _kind(mode: int) -> str | None:
    """What something is that is no regular file."""
    if stat.S_ISREG(mode):
        return None
    return next((what for test, what in _KINDS if test(mode)), "something else")


def _why(name: str) -> str:
    try:
        os.fsencode(name).decode("utf-8")
    except UnicodeDecodeError:
        return "bytes that are not UTF-8"
    return "characters that cannot be shown"


def _reason(error: OSError) -> str:
    return error.strerror or type(error).__name__


@contextmanager
def opened(path: Path, *, is_followed: bool = False) -> Iterator[BufferedReader]:
    """A file to read from. It was found by `files_of`; with `is_followed` a person named it, and links are followed.

    Raises `OSError` where it is no regular file by now, or a link has come to stand on the way to it.
    """
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC  # opening a pipe does not wait for a writer
    number = os.open(path, flags) if is_followed else _open_without_links(path, flags | os.O_NOFOLLOW)
    with os.fdopen(number, "rb") as file:
        about = os.fstat(number)
        if (kind := _kind(about.st_mode)) is not None:
            raise OSError(errno.EINVAL, f"it is {kind}, not a file")
        if about.st_size > _MOST_BYTES:
            raise OSError(errno.EFBIG, f"it is larger than {_MOST_BYTES // 1024**3} GiB")
        yield file


def _open_without_links(path: Path, flags: int) -> int:
    """Opens folder after folder, so that none of them can be exchanged for a link meanwhile."""
    if not hasattr(os, "O_PATH"):  # not on Linux
        return os.open(path, flags)
    above = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    here = os.open(path.anchor or ".", above)
    try:
        for part in path.parts[1 if path.anchor else 0 : -1]:
            below = os.open(part, above, dir_fd=here)
            os.close(here)
            here = below
        return os.open(path.name, flags, dir_fd=here)
    finally:
        os.close(here)


def read_file(path: Path, *, is_followed: bool = False) -> bytes:
    """The content of a file: see `opened`."""
    with opened(path, is_followed=is_followed) as file:
        return file.read()
