"""The lock on a workspace: one run at a time, from intake to publication.

It is a lock of the operating system, which frees it when its holder ends, however it ends. Reading takes none. No run
is started or stopped here.
"""

import json
import logging
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

_log = logging.getLogger("permille")
FOLDER = ".lock"
"""The folder of a workspace that holds its locks. It may be removed while no run is under way."""


class LockError(RuntimeError):
    """The lock cannot be had: another run holds it, or the file system has none. The message says what to do."""


@contextmanager
def held(
    workspace: Path, holder: str, *, may_wait: bool = True, tell: Callable[[str], None] = _log.info
) -> Iterator[None]:
    """Holds the lock on a workspace. The thread that holds it may take it again.

    Parameters: `holder` the name of this process in the messages of waiting runs, as `permille run`; `may_wait` False
    to end at once instead.
    Raises `LockError` where it is held and may not be waited for, or where the file system has no locks.
    """
    lock = _lock(workspace, "workspace", is_singleton=True)
    if lock.is_locked:
        yield
        return
    try:
        _acquire(lock, may_wait=False)
    except Timeout:
        said = f"another run works on {workspace}: {_holder(workspace)}"
        if not may_wait:
            raise LockError(f"{said}. Nothing was done. Wait until it has ended, or run without --no-wait.") from None
        tell(f"waiting: {said}")
        _acquire(lock, may_wait=True)
    try:
        _say_holder(workspace, holder)
        yield
    finally:
        lock.release()


@contextmanager
def shown_alive(workspace: Path, run_id: str) -> Iterator[None]:
    """Shows other processes that a run is alive, also while it waits for the lock on the workspace: see `is_alive`."""
    lock = _lock(workspace, f"run-{run_id}")
    _acquire(lock, may_wait=False)
    try:
        yield
    finally:
        Path(lock.lock_file).unlink(missing_ok=True)
        lock.release()


def is_alive(workspace: Path, run_id: str) -> bool:
    """Whether the process of a run is there; false as well before it shows itself and once it has ended."""
    if not _path(workspace, f"run-{run_id}").exists():
        return False
    lock = _lock(workspace, f"run-{run_id}")
    try:
        _acquire(lock, may_wait=False)
    except Timeout:
        return True
    lock.release()
    return False


def _path(workspace: Path, name: str) -> Path:
    return workspace.resolve() / FOLDER / name


def _lock(workspace: Path, name: str, *, is_singleton: bool = False) -> FileLock:
    path = _path(workspace, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    # No soft lock where the system has none: filelock would leave a file that stays after a kill and blocks every run.
    return FileLock(path, is_singleton=is_singleton, fallback_to_soft=False)


def _acquire(lock: FileLock, *, may_wait: bool) -> None:
    try:
        lock.acquire(blocking=may_wait, poll_interval=0.2)
    except (NotImplementedError, OSError) as error:
        if isinstance(error, Timeout):
            raise
        raise LockError(
            f"{lock.lock_file} cannot be locked ({error}): the workspace must lie on a file system with locks (a local"
            " disk, or NFS with its lock service), in a folder that you may write to."
        ) from error


def _say_holder(workspace: Path, holder: str) -> None:
    since = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    said = {"holder": holder, "pid": os.getpid(), "host": socket.gethostname(), "since": since}
    beside = _path(workspace, f"holder.json.{os.getpid()}")
    beside.write_text(json.dumps(said, ensure_ascii=False), encoding="utf-8")
    beside.replace(_path(workspace, "holder.json"))


def _holder(workspace: Path) -> str:
    """Who holds the lock, in words."""
    try:
        found = json.loads(_path(workspace, "holder.json").read_text(encoding="utf-8"))
        return f"{found['holder']}, process {found['pid']} on {found['host']}, since {found['since']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "it has just begun"
