"""A page of one file becomes a PDF, by the browser of the machine and without a network. No page is made here."""

import os
import re
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome", "msedge", "microsoft-edge")
"""What browsers that print by themselves are called, the first that is there is taken."""
_MOST_SECONDS = 60
_LAST_LINES = 4
"""Of what a browser said, what a message repeats."""


class PrintError(RuntimeError):
    """A page that could not be printed; the message says why."""


def browser_of_machine() -> Path | None:
    """The first of `BROWSERS` that can be called; None where there is none."""
    return next((Path(found) for name in BROWSERS if (found := shutil.which(name))), None)


def print_page(page: str, target: Path, browser: Path, *, most_seconds: float = _MOST_SECONDS) -> int:
    """Prints a page of one file to a PDF, which is put in place in one step, and gives the number of its sheets.

    The browser has a profile of its own for the while, and no way to a network.

    Raises
    ------
    PrintError
        Where the browser cannot be started, fails, or takes too long; `target` then stays as it was.
    """
    # Beside the target: from there it is moved in one step, and a browser that is kept in a box may write there.
    with tempfile.TemporaryDirectory(
        prefix="brief-", dir=target.parent.resolve(), ignore_cleanup_errors=True
    ) as made_in:
        folder = Path(made_in)
        written, made, log = (folder / name for name in ("page.html", "made.pdf", "log"))
        written.write_bytes(page.encode("utf-8"))
        command = [
            str(browser), "--headless", f"--print-to-pdf={made}", "--no-pdf-header-footer",
            f"--user-data-dir={folder / 'profile'}", "--no-first-run", "--disable-gpu", "--disable-extensions",
            "--disable-background-networking", "--host-resolver-rules=MAP * ~NOTFOUND",
            # In a container all is root's, and there the browser's sandbox does not start.
            *(["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []),
            written.as_uri(),
        ]  # fmt: skip
        _run(command, log, most_seconds)
        content = made.read_bytes() if made.is_file() else b""
        if not content.startswith(b"%PDF-"):
            raise PrintError(f"{browser} wrote no PDF{_last_lines(log)}")
        made.replace(target)
        return sheets(content)


def sheets(content: bytes) -> int:
    """The number of sheets of a PDF as these browsers write it: its page objects stand in it as they are.

    >>> sheets(b"<</Type /Pages /Count 1>> <</Type /Page /Parent 2 0 R>>")
    1
    """
    return len(re.findall(rb"/Type\s*/Page\b", content))


def _run(command: list[str], log: Path, most_seconds: float) -> None:
    """Runs a browser to its end. What it says goes to a file: a pipe would be held open by what it started itself."""
    with log.open("wb") as out:
        try:
            # A list of our own, no shell; in a session of its own, so that all of it can be ended.
            started = subprocess.Popen(  # noqa: S603
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, start_new_session=True
            )
        except OSError as error:
            raise PrintError(f"{command[0]} cannot be started ({error.strerror or error})") from error
        try:
            code = started.wait(most_seconds)
        except subprocess.TimeoutExpired as error:
            raise PrintError(f"{command[0]} had not ended after {most_seconds:g} seconds{_last_lines(log)}") from error
        finally:
            _end(started)
    if code != 0:
        raise PrintError(f"{command[0]} ended with code {code}{_last_lines(log)}")


def _end(started: "subprocess.Popen[bytes]") -> None:
    """Ends a browser that still runs, with what it started."""
    if started.poll() is not None:
        return
    if hasattr(os, "killpg"):
        os.killpg(started.pid, signal.SIGKILL)
    else:
        started.kill()
    started.wait()


def _last_lines(log: Path) -> str:
    said = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-_LAST_LINES:]
    return ". It said: " + " | ".join(line.strip() for line in said) if said else ""
