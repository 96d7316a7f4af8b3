"""What tests share: where the real data lie, plain deliveries to write, a workspace, a simulated city taken in once."""

import os
import re
import shutil
from collections import Counter
from collections.abc import Callable
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import polars as pl
import pytest
from filelock import FileLock

from dashboards import restatements
from pipeline import estimates
from pipeline.deliveries import all_profiles, read_and_judge
from pipeline.inbox import sha256_of
from pipeline.inputs import of_settings
from pipeline.intake import take_in
from pipeline.receipts import Copy, Ledger, Receipt
from pipeline.settings import make_workspace, open_workspace
from pipeline.statements import definitions, needed
from pipeline.warehouse import Warehouse

ROOT = Path(__file__).parent.parent
SHARED = Path(os.environ.get("PERMILLE_SHARED_DATA", ROOT.parent / "shared" / "data"))
RECEIVED = datetime(2026, 1, 15, 12, 0)  # noqa: DTZ001  UTC without a zone, as deliveries keep it
RECEIPT = Receipt(1, RECEIVED, RECEIVED, RECEIVED)


def pytest_terminal_summary(terminalreporter) -> None:
    """Before the closing line: how many tests were skipped, by their reasons."""
    reasons = Counter(str(report.longrepr[2]) for report in terminalreporter.stats.get("skipped", []))
    for reason, n_tests in sorted(reasons.items()):
        terminalreporter.write_line(f"{n_tests} {reason[:1].lower()}{reason[1:]}")


def shared(name: str) -> Path:
    """A file of the real data, or a skip that says it is absent: the data are not part of the project."""
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"real data {name} are absent: they are not part of the project")
    return path


@pytest.fixture
def workspace(tmp_path):
    """An empty workspace."""
    return make_workspace(tmp_path / "city")


@pytest.fixture(scope="session")
def profiles():
    return all_profiles()


@pytest.fixture
def judge_text(profiles):
    """Judges a text as a delivery: `judge_text("a,b\\n1,2\\n")`."""

    def judge(text, name="delivery.csv", sites=("S1", "S2"), profile_name=None, received=RECEIVED):
        content = text if isinstance(text, bytes) else text.encode()
        return read_and_judge(
            content,
            name,
            profiles=profiles,
            known_sites=sites,
            receipt=Receipt(1, received, received, received),
            profile_name=profile_name,
        )

    return judge


def lay(workspace, name: str, content: str | bytes, saved: datetime = RECEIVED) -> Path:
    """Lays a file into the inbox, saved and received at a moment; `lay_unseen` where no run has looked at it yet."""
    path = lay_unseen(workspace, name, content, saved)
    copy = Copy(sha256_of(path), name, None, saved)
    Ledger(workspace.receipts).receive([copy], saved)
    return path


def lay_unseen(workspace, name: str, content: str | bytes, saved: datetime = RECEIVED) -> Path:
    """Lays a file into the inbox as saved at a moment: the next run sees it, with all others it has not seen."""
    path = workspace.inbox / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    os.utime(path, (saved.timestamp(), saved.timestamp()))
    return path


def lay_tiny(workspace) -> None:
    """Lays the deliveries of the tiny city into the inbox."""
    for file in sorted((ROOT / "tests" / "data" / "tiny").glob("*.csv")):
        lay(workspace, file.name, file.read_bytes())


LOADS = ("population_estimates", "loads")
MEANS = (*LOADS, "consumption", "day_spreads", "site_periods", "area_periods")


def estimate(warehouse, workspace=None, tables=tuple(estimates.SOURCES)) -> None:
    """Computes estimates of a warehouse, as the job does: all, or those a test is about with what they rest on."""
    estimates.load_reference(warehouse, workspace)
    for table in tables:
        estimates.compute(warehouse, table)


class LateWarehouse(Warehouse):
    """A warehouse whose estimates are computed when a statement first reads them: most tests are about a few."""

    def __init__(self, connection) -> None:
        super().__init__(connection)
        self._left: list[str] = []
        self._is_asked_alone = {"plausibility", "dose_totals"}  # nothing else rests on them
        self._is_for_a_while = False

    def estimate_when_read(self, workspace, tables) -> None:
        if not self.count("protocols") or any(workspace.protocols.iterdir()) or any(workspace.factors.iterdir()):
            estimates.load_reference(self, workspace)
        self._left = [table for table in estimates.SOURCES if table in tables]

    def prepare(self, statement: str) -> None:
        super().prepare(statement)
        if self._left:
            texts = [statement, *(definitions()[name] for name in needed(statement))]
            self._estimate(set(re.findall(r"\w+", " ".join(texts))))

    @contextmanager
    def transaction(self):
        self._estimate(set(self._left))
        if self._is_for_a_while:
            yield
            return
        with super().transaction():
            yield

    @contextmanager
    def for_a_while(self):
        """One transaction around all that is done, which is rolled back at the end."""
        self._is_for_a_while = True
        self.connection.begin()
        try:
            yield
        finally:
            self.connection.rollback()
            self._found.clear()
            self._left, self._is_for_a_while = [], False

    def _estimate(self, named: set[str]) -> None:
        left, self._left = self._left, []
        last = max((place for place, table in enumerate(left) if table in named), default=-1)
        now = [table for table in left[: last + 1] if table in named or table not in self._is_asked_alone]
        for table in now:
            estimates.compute(self, table)
        self._left = [table for table in left if table not in now]


def publish(workspace) -> None:
    """Takes deliveries in and publishes all tables, as the job does, but without Dagster, checks and pages."""
    take_in(workspace)
    copy = workspace.published.with_suffix(".new")
    with Warehouse.open(workspace.warehouse) as warehouse:
        warehouse.settings_identity = of_settings(workspace.settings)
        estimates.load_reference(warehouse, workspace)
        for table in estimates.SOURCES:
            estimates.compute(warehouse, table, flow_fill=workspace.settings.flow_fill)
        estimates.compute_changes(warehouse, workspace.settings)
        estimates.compute_robustness(warehouse, workspace.settings)
        estimates.compute_targets(warehouse, workspace.settings)
        estimates.compute_trends(warehouse)
        estimates.compute_events(warehouse)
        restatements.record(warehouse, workspace.published, workspace.settings)
        warehouse.copy_to(copy)
    copy.replace(workspace.published)


def tables_of(warehouse, *, without=()) -> dict[str, pl.DataFrame]:
    """All tables, rows sorted, to compare two warehouses."""
    from schemas.tables import TABLES

    found = {}
    for table in TABLES:
        columns = [name for name in TABLES[table].columns if name not in without]
        names = ", ".join(f'"{name}"' for name in columns)
        found[table] = warehouse.query(f'select {names} from "{table}" order by all')
    return found


@pytest.fixture(scope="session")
def once(tmp_path_factory, worker_id):
    """A function that makes a folder by its name once for all workers: `once("city", make)` calls `make(folder)`."""
    root = tmp_path_factory.getbasetemp()
    if worker_id != "master":
        root = root.parent

    def made(name: str, make: Callable[[Path], object]) -> Path:
        folder, done = root / name, root / f"{name}.done"
        with FileLock(f"{folder}.lock"):
            if not done.exists():
                make(folder)
                done.touch()
        return folder

    return made


@pytest.fixture(scope="session")
def simulated_inbox(once):
    """The simulated city and its deliveries. Read them, do not change them."""
    from pipeline.simulation import simulate_city, write_deliveries

    city = simulate_city()
    return city, once("simulated", lambda folder: write_deliveries(city, folder))


@pytest.fixture(scope="session")
def simulated_workspace(simulated_inbox, once):
    """A workspace in which the job `monitoring` has run over the simulated city. Read it, do not change it."""
    from assets.run import run_monitoring
    from pipeline.simulation import write_receipts

    city, inbox = simulated_inbox

    def make(folder: Path) -> None:
        here = make_workspace(folder)
        shutil.copytree(inbox, here.inbox, dirs_exist_ok=True)
        write_receipts(sorted(here.inbox.iterdir(), key=lambda file: (file.stat().st_mtime, file.name)), here)
        run_monitoring(here, tell=lambda line: None)

    return city, open_workspace(once("city", make))


@pytest.fixture(scope="session")
def tiny_workspace(once):
    """A workspace in which the job `monitoring` has run over the tiny city. Read it, do not change it."""
    from assets.run import run_monitoring

    def make(folder: Path) -> None:
        here = make_workspace(folder)
        lay_tiny(here)
        run_monitoring(here, tell=lambda line: None)

    return open_workspace(once("tiny", make))


@pytest.fixture
def tiny_copy(tiny_workspace, tmp_path):
    """A copy of it, to do with what a test likes."""
    shutil.copytree(tiny_workspace.folder, tmp_path / "tiny")
    return open_workspace(tmp_path / "tiny")
