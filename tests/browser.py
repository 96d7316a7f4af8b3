"""A real browser without a window, for tests of pages: what it shows, and what it complains about."""

import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import NamedTuple

BROWSER = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None
)
"""The browser of this machine, or None."""

WHY_NOT = "no Chromium on this machine: install it to test the pages in a browser"

_QUIETLY = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--enable-logging=stderr",
    "--v=0",
    "--virtual-time-budget=20000",
)


class Seen(NamedTuple):
    """What the browser made of a page: its elements as text, and the lines of its console."""

    dom: str
    console: list[str]


def open_page(page: Path, *, width: int = 1440, height: int = 1000) -> Seen:
    """Opens a page from the disk, lets its scripts run, and gives what came out."""
    done = _run(["--dump-dom", f"--window-size={width},{height}", page.as_uri()])
    return Seen(done.stdout, re.findall(r":CONSOLE[:(]\d+\)?\] (.*)", done.stderr))


def photograph(page: Path, picture: Path, *, width: int, height: int) -> None:
    """Draws a page into a PNG file."""
    _run([f"--screenshot={picture}", f"--window-size={width},{height}", page.as_uri()])


def _run(arguments: list[str]) -> subprocess.CompletedProcess[str]:
    if BROWSER is None:
        raise RuntimeError(WHY_NOT)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        return subprocess.run(
            [BROWSER, *_QUIETLY, f"--user-data-dir={profile}", *arguments],
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
        )
