"""Putting a new edition in place of the last: the published copy of the warehouse, and the folder of pages.

No pages are made here (`dashboards/site.py`).
"""

import ctypes
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

MARK = ".permille"
"""The file that tells a folder of ours from one that belongs to somebody."""
EDITION = "edition.txt"
"""The file of the pages that names the edition they were built from."""
_AT_CURRENT_FOLDER, _EXCHANGE = -100, 2
"""AT_FDCWD and RENAME_EXCHANGE of Linux."""


class NotOursError(RuntimeError):
    """A folder that would be replaced but holds something Permille did not write."""


def publish(
    published: Path, site: Path, write_copy: Callable[[Path], str], build_site: Callable[[Path, Path], None]
) -> str:
    """Writes a copy of the warehouse and its pages beside the last edition, and then puts both in its place.

    Nothing is put in place before both are complete. Each is replaced in one step, the copy first and the pages right
    after it: a process that is killed between the two leaves pages that name another edition than the copy is of, as
    `permille status` says, until the next run. Whatever a killed process leaves is hidden, and the next call removes
    it.

    Parameters: `write_copy` is given the file to write, and returns the name of its edition; `build_site` is given that
    file and an empty folder to fill. Returns the name of the edition.
    Raises `NotOursError` where `site` holds files that this function did not write, and what the two raise; the last
    edition then stays.
    """
    require_ours(site)
    old = site.with_name(f".{site.name}.old")
    if old.exists() and not site.exists():
        old.rename(site)  # killed between two renames: the last edition comes back first
    _clean(published, site)
    copy = published.with_name(f".{published.name}.{os.getpid()}")
    new = site.with_name(f".{site.name}.new.{os.getpid()}")
    new.mkdir(parents=True)
    try:
        edition = write_copy(copy)
        build_site(copy, new)
        (new / EDITION).write_text(f"{edition}\n", encoding="utf-8")
        (new / MARK).write_text("Written by Permille, which replaces this folder as a whole.\n", encoding="utf-8")
        copy.replace(published)
        _replace_folder(new, site, old)
        return edition
    finally:
        _clean(published, site)


def require_ours(site: Path) -> None:
    """Raises `NotOursError` where a folder of pages holds files that `publish` did not write."""
    if site.is_file() or (site.is_dir() and any(site.iterdir()) and not (site / MARK).is_file()):
        raise NotOursError(
            f"{site} holds something that Permille did not write: set 'site' to a folder of its own, or empty it."
        )


def edition_of_site(site: Path) -> str | None:
    """The edition that the pages name; None where there are none, or they name none."""
    file = site / EDITION
    return file.read_text(encoding="utf-8").strip() if file.is_file() else None


def _clean(published: Path, site: Path) -> None:
    """Removes what is hidden beside the last edition: while one run publishes, no other does."""
    for file in published.parent.glob(f".{published.name}.*"):
        file.unlink()
    for folder in [*site.parent.glob(f".{site.name}.new.*"), *site.parent.glob(f".{site.name}.old")]:
        shutil.rmtree(folder, ignore_errors=True)


def _replace_folder(new: Path, target: Path, old: Path) -> None:
    """Puts a folder in place of another, in one step where the system can exchange two folders.

    Where it cannot, there is none for the moment between two renames.
    """
    if not target.exists():
        new.rename(target)
    elif not _exchanged(new, target):
        target.rename(old)
        new.rename(target)


def _exchanged(one: Path, other: Path) -> bool:
    """Exchanges two folders in one step; False, and nothing done, where system or file system know of no such step."""
    if not sys.platform.startswith("linux"):
        return False
    rename = getattr(ctypes.CDLL(None), "renameat2", None)  # of glibc 2.28 and musl 1.2.6 and later
    if rename is None:
        return False
    here = ctypes.c_int(_AT_CURRENT_FOLDER)
    return bool(rename(here, os.fsencode(one), here, os.fsencode(other), ctypes.c_uint(_EXCHANGE)) == 0)
