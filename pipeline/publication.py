"""Putting a new edition in place of the last: the published copy of the warehouse, and the folder of pages.

No pages are made here (`dashboards/pages.py`).
"""

import os
import shutil
from collections.abc import Callable
from pathlib import Path


def replace_folder(target: Path, build: Callable[[Path], None]) -> None:
    """Builds a folder beside `target` and puts it in its place.

    A reader sees the old folder or the new one; a process that is killed leaves at most a hidden folder beside it,
    which the next call removes. Raises what `build` raises, and then leaves `target` as it was.
    """
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
    except BaseException:
        shutil.rmtree(new, ignore_errors=True)
        raise
    if target.exists():
        target.rename(old)
    new.rename(target)
    shutil.rmtree(old, ignore_errors=True)
