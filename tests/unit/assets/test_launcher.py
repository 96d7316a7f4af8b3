"""Runs whose process is gone are known; those that live, wait or belong to others are left alone."""

from pathlib import Path

import dagster as dg
import pytest
import yaml
from dagster._core.launcher import WorkerStatus

from assets import launcher
from assets.launcher import WORKSPACE_TAG, WatchingRunLauncher
from pipeline import lock

ROOT = Path(__file__).parents[3]


@pytest.fixture
def health(tmp_path, monkeypatch):
    """The health of a run of this workspace some seconds from the start of the test."""
    watching, now = WatchingRunLauncher(), [0.0]
    monkeypatch.setattr(launcher.time, "monotonic", lambda: now[0])

    def health(at, *, job="monitoring", tagged=True):
        now[0] = at
        tags = {WORKSPACE_TAG: str(tmp_path)} if tagged else {}
        run = dg.DagsterRun(job_name=job, run_id="00000000-0000-4000-8000-000000000001", tags=tags)
        return watching.check_run_worker_health(run).status

    return health


@pytest.mark.parametrize("tagged", [True, False])
def test_a_run_that_is_not_seen_for_a_while_has_failed(health, tagged):
    assert health(0, tagged=tagged) is WorkerStatus.RUNNING
    assert health(launcher.GRACE_SECONDS - 1, tagged=tagged) is WorkerStatus.RUNNING
    assert health(launcher.GRACE_SECONDS, tagged=tagged) is WorkerStatus.FAILED


def test_a_run_that_lives_never_fails_however_long_it_takes(health, tmp_path):
    with lock.shown_alive(tmp_path, "00000000-0000-4000-8000-000000000001"):
        assert {health(hours * 3600) for hours in range(0, 1000, 50)} == {WorkerStatus.RUNNING}
    assert health(10**7) is WorkerStatus.RUNNING, "it has ended just now and may not have said so yet"
    assert health(10**7 + launcher.GRACE_SECONDS) is WorkerStatus.FAILED


def test_runs_of_other_projects_are_left_alone(health):
    health(0, job="theirs", tagged=False)
    assert health(10**6, job="theirs", tagged=False) is WorkerStatus.RUNNING


def test_the_instance_of_this_checkout_watches_its_runs():
    settings = yaml.safe_load((ROOT / "dagster.yaml").read_text())
    assert settings["run_launcher"] == {"module": launcher.__name__, "class": WatchingRunLauncher.__name__}
    assert settings["run_monitoring"]["enabled"]
    assert "max_runtime_seconds" not in settings["run_monitoring"], "a run that lives may take as long as it takes"
    assert WatchingRunLauncher().supports_check_run_worker_health
