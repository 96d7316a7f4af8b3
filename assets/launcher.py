"""Dagster's own run launcher, which sees as well whether the process of a run is still there.

Dagster's run monitoring asks it (`dagster.yaml`). By itself the default launcher cannot tell, and a run whose process
was killed stays STARTED for ever, in the way of all others.
"""

import time
from pathlib import Path

import dagster as dg
from dagster._core.launcher import CheckRunHealthResult, WorkerStatus  # what a launcher implements has no public name
from dagster._serdes import ConfigurableClassData

from pipeline import lock

WORKSPACE_TAG = "permille/workspace"
"""The tag of a run that says in which workspace it shows that it is alive."""
GRACE_SECONDS = 60
"""So long a run may not be seen alive before it has failed: it may just begin, or have ended and not said so yet."""
_JOBS = ("monitoring", "__ASSET_JOB")
GONE = (
    "Its process ended without a word: it was killed, or the machine was switched off. Nothing was published by it."
    " The next run takes up what it left."
)


class WatchingRunLauncher(dg.DefaultRunLauncher):
    """Launches runs as `DefaultRunLauncher` does, and knows those whose process has gone."""

    def __init__(self, inst_data: ConfigurableClassData | None = None) -> None:
        super().__init__(inst_data)
        self._not_seen_since: dict[str, float] = {}

    @property
    def supports_check_run_worker_health(self) -> bool:
        """True: run monitoring asks `check_run_worker_health`."""
        return True

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """Whether the process of a run is there. How long it has been there does not matter."""
        workspace = run.tags.get(WORKSPACE_TAG)
        if workspace is None and run.job_name not in _JOBS:
            return CheckRunHealthResult(WorkerStatus.RUNNING, "not a run of Permille")
        if workspace is not None and lock.is_alive(Path(workspace), run.run_id):
            self._not_seen_since.pop(run.run_id, None)
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        since = self._not_seen_since.setdefault(run.run_id, time.monotonic())
        if time.monotonic() - since < GRACE_SECONDS:
            return CheckRunHealthResult(WorkerStatus.RUNNING, "not seen alive just now")
        return CheckRunHealthResult(WorkerStatus.FAILED, GONE)
