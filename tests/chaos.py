"""Runs that are stopped, continued and killed: readers see one whole edition, and the next run starts by itself.

`make chaos` plays all of it and prints a table for docs/robustness.md. Three scenes:

- *stopped*: a run is stopped (SIGSTOP) between two steps, eight files come in, a second run begins, the first is
  continued. In every other round the second one does not heed the lock, as a stranger's script would not.
- *killed*: `permille run` is killed (SIGKILL) at some step; the next one is started at once.
- *daemon*: the daemon of Dagster with its run, or a `permille run` beside it, is killed; the daemon is started again,
  and nobody does anything more.
"""

import argparse
import atexit
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import NamedTuple

import duckdb

from pipeline import lock
from pipeline.inputs import edition_of
from pipeline.settings import Workspace, make_workspace
from pipeline.warehouse import Warehouse, WarehouseError
from schemas.tables import TABLES

ROOT = Path(__file__).parents[1]
TINY = ROOT / "tests" / "data" / "tiny"
SAVED = 1_768_478_400
"""When each file was saved [s since 1970]: long ago, so that it is at rest."""
STEPS = ("quarantine:", "protocols:", "loads:", "consumption:", "site_periods:", "changes:", "robustness:", "targets:",
         "published copy:", "site:")  # fmt: skip
"""How the lines begin by which a run can be stopped."""
MOST_MINUTES = 5
"""Within which the next run starts by itself."""
STRANGER = """
import sys
from pathlib import Path
from pipeline.intake import take_in
from pipeline.settings import open_workspace
take_in(open_workspace(Path(sys.argv[1])), tell=print)
"""


def lay(here: Workspace, name: str, rows: list[str]) -> None:
    """Lays a file into the inbox."""
    (here.inbox / name).write_text("\n".join(rows) + "\n", encoding="utf-8")
    os.utime(here.inbox / name, (SAVED, SAVED))


def city(folder: Path) -> tuple[Workspace, list[list[str]]]:
    """A workspace with the tiny city but for sixteen of its results, which are given back as eight files."""
    here = make_workspace(folder)
    for file in TINY.glob("*.csv"):
        lay(here, file.name, file.read_text(encoding="utf-8").splitlines())
    head, *rows = (TINY / "results.csv").read_text(encoding="utf-8").splitlines()
    lay(here, "results.csv", [head, *rows[:-16]])
    return here, [[head, *rows[len(rows) - 16 + 2 * number :][:2]] for number in range(8)]


@cache
def _published_city() -> Path:
    """The same, once taken in, computed and published."""
    here, _ = city(Path(tempfile.mkdtemp(prefix="chaos-")))
    assert finished(started(here)) == 0
    return here.folder


def published_city(folder: Path) -> tuple[Workspace, list[list[str]]]:
    """A copy of it, and the eight files that have not come in yet."""
    shutil.copytree(_published_city(), folder, dirs_exist_ok=True)
    return city(folder)


def started(here: Workspace, *more: str, home: Path | None = None) -> subprocess.Popen[str]:
    """`permille run`, begun."""
    env = {name: value for name, value in os.environ.items() if name != "DAGSTER_HOME"}
    env |= {"DAGSTER_HOME": str(home)} if home else {}
    command = [sys.executable, "-u", "-m", "permille", "run", "--workspace", str(here.folder), *more]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=env, cwd=ROOT)


def read_until(process: subprocess.Popen[str], *begins: str) -> str:
    """The output of a process up to a line that begins so; all of it where there is none."""
    said = ""
    for line in process.stdout or ():
        said += line
        if line.strip().startswith(begins):
            break
    return said


class Reader:
    """Reads what is published, again and again, and keeps what it saw of each edition."""

    def __init__(self, here: Workspace) -> None:
        self.here = here
        self.copies: dict[str, set[str]] = defaultdict(set)
        self.pages: dict[str, set[str]] = defaultdict(set)
        self.n_looks = 0
        self.problems: list[str] = []

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Reads beside what is done."""
        is_over = threading.Event()

        def read() -> None:
            while not is_over.wait(0.5):
                self.look()

        thread = threading.Thread(target=read)
        thread.start()
        try:
            yield
        finally:
            is_over.set()
            thread.join()

    def look(self) -> None:
        """Reads the copy and all pages once."""
        self.n_looks += 1
        try:
            edition, digest = copy_of(self.here.published)
            self.copies[edition].add(digest)
            before = (self.here.site / "edition.txt").read_text(encoding="utf-8").strip()
            digest = pages_of(self.here.site)
            after = (self.here.site / "edition.txt").read_text(encoding="utf-8").strip()
        except FileNotFoundError as error:
            # A page of an edition that has just been replaced is gone; the folder and the copy never are.
            if not self.here.site.is_dir() or not self.here.published.is_file():
                self.problems.append(f"nothing was there: {error}")
            return
        except (duckdb.Error, WarehouseError, AssertionError) as error:
            self.problems.append(f"copy: {error}")
            return
        if before == after:
            self.pages[before].add(digest)

    def verdict(self, most_editions: int) -> list[str]:
        """What was wrong."""
        said = list(self.problems)
        for what, seen in (("copy", self.copies), ("pages", self.pages)):
            said += [f"{what} of edition {name} seen in {len(of)} states" for name, of in seen.items() if len(of) > 1]
            if len(seen) > most_editions:
                said.append(f"{what}: {len(seen)} editions seen")
        if set(self.pages) - set(self.copies):
            said.append("pages of an edition without its copy")
        return said


def copy_of(published: Path) -> tuple[str, str]:
    """The edition of a copy and a digest of its tables. Raises `AssertionError` where it is a mixture."""
    with Warehouse.open(published, read_only=True) as warehouse:
        found = warehouse.read("computed_from")
        for identity in ("deliveries_identity", "settings_identity", "factors_identity", "code_identity"):
            assert found[identity].drop_nulls().n_unique() == 1, f"{identity} differs"
        each = [
            warehouse.query(f'select string_agg(t::varchar, chr(10) order by t::varchar) from "{table}" t').item()
            for table in TABLES
        ]
        return str(edition_of(warehouse)), hashlib.sha256(str(each).encode()).hexdigest()


def pages_of(site: Path) -> str:
    """A digest of all pages."""
    digest = hashlib.sha256()
    for file in sorted(site.rglob("*")):
        if file.is_file() and file.name != "plotly.min.js":
            digest.update(file.relative_to(site).as_posix().encode() + file.read_bytes())
    return digest.hexdigest()


class Outcome(NamedTuple):
    """How one round went."""

    scene: str
    seconds: float
    n_looks: int
    problems: list[str]


def stopped(folder: Path, seed: int, *, is_stranger: bool) -> Outcome:
    """A run is stopped between two steps, another one takes in eight files, the first is continued."""
    here, eight = published_city(folder)
    began = time.monotonic()
    lay(here, "more.csv", [*eight[0], eight[1][1]])
    reader = Reader(here)
    step = random.Random(seed).choice(STEPS)
    with reader.reading():
        first = started(here)
        read_until(first, step)
        first.send_signal(signal.SIGSTOP)
        for number, rows in enumerate(eight):
            lay(here, f"eight-{number}.csv", rows)
        if is_stranger:
            problems = _after_a_stranger(here, first, step)
        else:
            second = started(here)
            said = read_until(second, "waiting:")
            problems = [] if "waiting: another run works on" in said else [f"it did not wait: {said}"]
            first.send_signal(signal.SIGCONT)
            problems += [f"{name} ended with {code}" for name, code in _ended(first=first, second=second) if code]
    with Warehouse.open(here.published, read_only=True) as warehouse:
        n_deliveries = warehouse.count("deliveries")
    problems += reader.verdict(most_editions=3)
    problems += [] if n_deliveries == 14 else [f"{n_deliveries} deliveries published in the end"]
    return Outcome(f"stopped at {step}", time.monotonic() - began, reader.n_looks, problems)


def _after_a_stranger(here: Workspace, first: subprocess.Popen[str], step: str) -> list[str]:
    """Eight files are taken in by what heeds no lock: the first run may not publish, the next one mends it."""
    # Where the first one holds the warehouse open, DuckDB keeps the stranger out: it comes after the next step.
    stranger = [sys.executable, "-c", STRANGER, str(here.folder)]
    while subprocess.run(stranger, capture_output=True, cwd=ROOT, check=False).returncode:
        first.send_signal(signal.SIGCONT)
        if not read_until(first, *STEPS):
            break
        first.send_signal(signal.SIGSTOP)
    edition, _ = copy_of(here.published)
    first.send_signal(signal.SIGCONT)
    said, problems = first.communicate()[0], []
    if first.returncode == 0 and copy_of(here.published)[0] != edition and not step.startswith("site"):
        problems.append(f"published though a stranger took in eight files: {said}")
    return problems + [f"the next run ended with {code}" for _, code in _ended(next=started(here)) if code]


def killed(folder: Path, seed: int) -> Outcome:
    """`permille run` is killed at some step; the next one is started at once."""
    here, eight = published_city(folder)
    for number, rows in enumerate(eight):
        lay(here, f"eight-{number}.csv", rows)
    step, reader = random.Random(seed).choice(STEPS), Reader(here)
    with reader.reading():
        first = started(here)
        read_until(first, step)
        first.kill()
        first.wait()
        began = time.monotonic()
        second = started(here, "--no-wait")
        read_until(second, "[1/", "deliveries:")
        seconds = time.monotonic() - began
        problems = [f"the next run ended with {code}" for _, code in _ended(second=second) if code]
    left = [path.name for path in here.folder.iterdir() if path.name.startswith((".site", ".published"))]
    problems += [f"left: {left}"] if left else []
    return Outcome(f"killed at {step}", seconds, reader.n_looks, problems + reader.verdict(most_editions=2))


def finished(process: subprocess.Popen[str]) -> int:
    """The exit code of a process, its output read to the end."""
    process.communicate()
    return process.returncode


def _ended(**processes: subprocess.Popen[str]) -> list[tuple[str, int]]:
    return [(name, finished(process)) for name, process in processes.items()]


@contextmanager
def daemon(here: Workspace, home: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The daemon of Dagster with the sensor on, as `dagster dev` starts it, but without the pages of the UI."""
    env = os.environ | {
        "DAGSTER_HOME": str(home), "PERMILLE_WORKSPACE": str(here.folder), "DAGSTER_DISABLE_TELEMETRY": "1",
    }  # fmt: skip
    command = [Path(sys.executable).with_name("dagster-daemon"), "run", "-m", "assets.definitions"]
    with (home / "daemon.log").open("ab") as log:
        process = subprocess.Popen(command, env=env, cwd=ROOT, stdout=log, stderr=log, start_new_session=True)
        try:
            yield process
        finally:
            kill_with_descendants(process.pid)
            process.wait()


def kill_with_descendants(pid: int) -> None:
    """Kills a process and all that it has started."""
    parents = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = status.read_text().rpartition(")")[2].split()
            parents[int(status.parent.name)] = int(fields[1])
    doomed = [pid]
    for parent in doomed:
        doomed += [child for child, of in parents.items() if of == parent]
    for process in doomed:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)


def daemon_killed(folder: Path, seed: int) -> Outcome:
    """The daemon and its run, or a `permille run` beside it, are killed: the next run starts without a person."""
    here, eight = city(folder / "city")
    home = folder / "home"
    home.mkdir()
    shutil.copy(ROOT / "dagster.yaml", home)
    env = os.environ | {"DAGSTER_HOME": str(home), "PERMILLE_WORKSPACE": str(here.folder)}
    on = [Path(sys.executable).with_name("dagster"), "sensor", "start", "inbox", "-m", "assets.definitions"]
    wait_for(lambda: subprocess.run(on, env=env, cwd=ROOT, check=False, capture_output=True).returncode == 0)
    is_of_daemon = seed % 2 == 0
    if is_of_daemon:
        with daemon(here, home):
            wait_for(lambda: _holder(here).startswith("Dagster run"))
            time.sleep(random.Random(seed).uniform(0, 5))
    else:
        process = started(here, home=home)
        read_until(process, random.Random(seed).choice(STEPS))
        process.kill()
        process.wait()
        lay(here, "more.csv", eight[0])
    before, began = _holder(here), time.monotonic()
    with daemon(here, home):
        wait_for(lambda: _holder(here) not in ("", before))
        seconds = time.monotonic() - began
        wait_for(lambda: here.published.is_file() and (here.site / "edition.txt").is_file())
    problems = [] if seconds < 60 * MOST_MINUTES else [f"the next run started after {seconds:.0f} s"]
    return Outcome("daemon" if is_of_daemon else "run beside a daemon", seconds, 0, problems)


def _holder(here: Workspace) -> str:
    file = here.folder / lock.FOLDER / "holder.json"
    return str(json.loads(file.read_text())["holder"]) if file.is_file() else ""


def wait_for(happened: Callable[[], bool], minutes: float = 3 * MOST_MINUTES) -> None:
    """Waits until something has happened."""
    end = time.monotonic() + 60 * minutes
    while not happened():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.5)


def main() -> None:
    """Plays all scenes and prints a table."""
    options = argparse.ArgumentParser()
    options.add_argument("--stopped", type=int, default=20)
    options.add_argument("--killed", type=int, default=10)
    options.add_argument("--daemon", type=int, default=20, help="every other one kills a 'permille run' beside it")
    asked = options.parse_args()
    atexit.register(lambda: _published_city.cache_info().currsize and shutil.rmtree(_published_city()))
    print("| scene | rounds | looks | longest [s] | problems |\n|---|---|---|---|---|")
    n_problems = 0
    for scene, rounds, play in (
        ("stopped, continued", asked.stopped, lambda at, seed: stopped(at, seed, is_stranger=seed % 2 == 1)),
        ("`permille run` killed", asked.killed, killed),
        ("daemon and its run killed", (asked.daemon + 1) // 2, lambda at, seed: daemon_killed(at, 2 * seed)),
        ("`permille run` killed beside a daemon", asked.daemon // 2, lambda at, seed: daemon_killed(at, 2 * seed + 1)),
    ):
        found = []
        for seed in range(rounds):
            with tempfile.TemporaryDirectory() as folder:
                found.append(play(Path(folder), seed))
            print(f"{scene}, round {seed}: {found[-1]}", file=sys.stderr, flush=True)
            for problem in found[-1].problems:
                print(f"{scene}, round {seed}: {found[-1].scene}: {problem}", file=sys.stderr, flush=True)
        if found:
            n_problems += sum(len(outcome.problems) for outcome in found)
            n_looks, longest = sum(outcome.n_looks for outcome in found), max(outcome.seconds for outcome in found)
            n = sum(1 for outcome in found if outcome.problems)
            print(f"| {scene} | {rounds} | {n_looks or ''} | {longest:.0f} | {n or 'none'} |", flush=True)
    sys.exit(n_problems > 0)


if __name__ == "__main__":
    main()
