"""What tests share: where the real data lie, plain deliveries to write, a workspace, a simulated city taken in once."""

import os
import shutil
from datetime import datetime
from pathlib import Path

import polars as pl
import pytest

from pipeline import estimates
from pipeline.deliveries import all_profiles, read_and_judge
from pipeline.inbox import sha256_of
from pipeline.receipts import Copy, Ledger, Receipt
from pipeline.settings import make_workspace

ROOT = Path(__file__).parent.parent
SHARED = Path(os.environ.get("PERMILLE_SHARED_DATA", ROOT.parent / "shared" / "data"))
RECEIVED = datetime(2026, 1, 15, 12, 0)  # noqa: DTZ001  UTC without a zone, as deliveries keep it
RECEIPT = Receipt(1, RECEIVED, RECEIVED, RECEIVED)


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


def estimate(warehouse, workspace=None) -> None:
    """Computes all estimates of a warehouse, as the job does."""
    estimates.load_reference(warehouse, workspace)
    for table in estimates.SOURCES:
        estimates.compute(warehouse, table)


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
def simulated_inbox(tmp_path_factory):
    """The deliveries of the simulated city, written once a worker."""
    from pipeline.simulation import simulate_city, write_deliveries

    folder = tmp_path_factory.mktemp("simulated")
    city = simulate_city()
    write_deliveries(city, folder)
    return city, folder


@pytest.fixture(scope="session")
def simulated_workspace(simulated_inbox, tmp_path_factory):
    """A workspace in which the job `monitoring` has run over the simulated city. Read it, do not change it."""
    from assets.run import run_monitoring
    from pipeline.simulation import write_receipts

    city, folder = simulated_inbox
    here = make_workspace(tmp_path_factory.mktemp("city"))
    shutil.copytree(folder, here.inbox, dirs_exist_ok=True)
    write_receipts(sorted(here.inbox.iterdir(), key=lambda file: (file.stat().st_mtime, file.name)), here)
    run_monitoring(here, tell=lambda line: None)
    return city, here
