"""Putting a new edition in place of the last: the published copy of the warehouse, and the folder of pages.

No pages are made here (`dashboards/site.py`).
"""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

MARK = ".permille"
"""The file that tells a folder of ours from one that belongs to somebody."""


class NotOursError(RuntimeError):
    """A folder that would be replaced but holds something Permille did not write."""


def replace_folder(target: Path, build: Callable[[Path], None]) -> None:
    """Builds a folder beside `target` and puts it in its place.

    A reader sees the old folder or the new one, or for the moment between two renames none; a process that is killed
    leaves at most hidden folders beside it, which the next call puts back or removes.
    Raises `NotOursError` where `target` holds files and was not written by this function, and what `build` raises;
    `target` then stays as it was.
    """
    if target.is_file() or (target.is_dir() and any(target.iterdir()) and not (target / MARK).is_file()):
        raise NotOursError(
            f"{target} holds something that Permille did not write: set 'site' to a folder of its own, or empty it."
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    old = target.with_name(f".{target.name}.old")
    if old.exists() and not target.exists():
        old.rename(target)  # killed between the two renames: the last edition comes back first
    for left in [*target.parent.glob(f".{target.name}.new.*"), old]:
        shutil.rmtree(left, ignore_errors=True)
    new = target.with_name(f".{target.name}.new.{os.getpid()}")
    new.mkdir()
    try:
        build(new)
        (new / MARK).write_text("Written by Permille, which replaces this folder as a whole.\n", encoding="utf-8")
    except BaseException:
        shutil.rmtree(new, ignore_errors=True)
        raise
    if target.exists():
        target.rename(old)
    new.rename(target)
    shutil.rmtree(old, ignore_errors=True)
