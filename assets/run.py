"""Running the job `monitoring` in this process, as the command line does. No scheduling (`jobs.py`)."""

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import dagster as dg

from assets.definitions import build_defs
from assets.failures import SPOKEN
from assets.resources import LockedWorkspace
from dashboards import drawing_library
from dashboards.outlines import read_outlines
from pipeline import lock
from pipeline.estimates import remarks_on_reference, require_reference
from pipeline.inbox import look_into
from pipeline.publication import require_ours
from pipeline.settings import Workspace
from pipeline.warehouse import Warehouse, WarehouseError

_SETTINGS = {"telemetry": {"enabled": False}, "nux": {"enabled": False}}


class RunFailedError(RuntimeError):
    """A run that failed for a reason its user can mend; the message says which."""


def run_monitoring(workspace: Workspace, *, tell: Callable[[str], None], may_wait: bool = True) -> bool:
    """Runs the whole job; progress goes to `tell`, a line at a time.

    Returns True where a delivery taken in by this run has rows in quarantine or was refused, and where deliveries that
    came in together contradict each other and no person has decided yet.
    Raises `RunFailedError` where the run failed for a reason its user can mend; where another run is under way and
    `may_wait` is False, that is one.
    """
    said = partial(_told_indented, tell)
    try:
        with lock.held(workspace.folder, "permille run", may_wait=may_wait, tell=said), _progress(said):
            return _run(workspace, said)
    except dg.Failure as error:
        raise RunFailedError(error.description or "") from error
    except (*SPOKEN, dg.DagsterError) as error:
        raise RunFailedError(str(error)) from error


def _told_indented(tell: Callable[[str], None], line: str) -> None:
    tell(f"  {line}")


def _run(workspace: Workspace, tell: Callable[[str], None]) -> bool:
    # Before anything is taken in: what cannot be used would fail the run after all deliveries were.
    look_into(workspace.inbox)
    require_ours(workspace.site)
    require_reference(workspace)
    drawing_library.chosen(workspace.plotly_js)
    read_outlines(workspace.outlines)
    for remark in remarks_on_reference(workspace):
        tell(remark)
    try:
        before = _held(workspace)
    except WarehouseError:
        before = set()  # the copy is broken, old or in use: this run writes a new one
    job = build_defs(resources={"workspace": LockedWorkspace(folder=str(workspace.folder))}).resolve_job_def(
        "monitoring"
    )
    config = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    with _instance() as instance:
        job.execute_in_process(instance=instance, run_config=config)
    return bool(_held(workspace) - before) or _is_undecided(workspace)


def _is_undecided(workspace: Workspace) -> bool:
    """Whether deliveries that came in together contradict each other, and no person has decided which is current."""
    with Warehouse.open(workspace.published, read_only=True) as warehouse:
        found = warehouse.query("select 1 from contradictions where order_basis = 'undecided' limit 1")
    return found.height > 0


def _held(workspace: Workspace) -> set[tuple[str, int]]:
    """Deliveries with rows in quarantine, or refused, and how many rows that are, as far as they are published."""
    if not workspace.published.is_file():
        return set()
    with Warehouse.open(workspace.published, read_only=True) as warehouse:
        found = warehouse.query(
            "select delivery_id, n_quarantined from deliveries where n_quarantined > 0 or status = 'refused'"
        )
    return set(found.iter_rows())


@contextmanager
def _progress(tell: Callable[[str], None]) -> Iterator[None]:
    class Teller(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            tell(record.getMessage())

    logger = logging.getLogger("permille")
    handler, level = Teller(), logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


@contextmanager
def _instance() -> Iterator[dg.DagsterInstance]:
    """Dagster's own, where DAGSTER_HOME names one; else one that ends with the run. Neither sends anything anywhere.

    Raises `RunFailedError` where the one of DAGSTER_HOME would.
    """
    if at := os.environ.get("DAGSTER_HOME"):
        with dg.DagsterInstance.get() as instance:
            if instance.telemetry_enabled:
                raise RunFailedError(
                    f"DAGSTER_HOME={at} would send usage data: write 'telemetry: {{enabled: false}}' into the"
                    " dagster.yaml there, or unset DAGSTER_HOME."
                )
            yield instance
        return
    with dg.DagsterInstance.ephemeral(settings=_SETTINGS) as instance:
        yield instance
