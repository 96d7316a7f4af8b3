"""A run from the outside: it waits or ends at once where another works, and its failure begins with the reason."""

import threading
from contextlib import ExitStack

import dagster as dg
import pytest

from assets.definitions import build_defs
from assets.resources import LockedWorkspace
from assets.run import RunFailedError, run_monitoring
from pipeline import lock


def ran(workspace, *assets):
    """The status of a run of single assets, the reason it gives, and whether it held the lock."""
    job = build_defs(resources={"workspace": LockedWorkspace(folder=str(workspace.folder))})
    with dg.DagsterInstance.ephemeral() as instance:
        result = job.resolve_implicit_global_asset_job_def().execute_in_process(
            instance=instance, asset_selection=[dg.AssetKey(name) for name in assets], raise_on_error=False,
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        )  # fmt: skip
        failures = [event.event_specific_data.error for event in result.all_events if event.is_run_failure]
        return result.success, failures[0].message if failures else None


def test_single_assets_hold_the_lock_and_leave_it(workspace):
    held = []
    original = lock.held
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lock, "held", lambda *given, **more: held.append(given[1]) or original(*given, **more))
        assert ran(workspace, "trends") == (True, None)
    assert len(held) == 1
    assert held[0].startswith("Dagster run ")
    with lock.held(workspace.folder, "me", may_wait=False):
        pass


def test_publication_alone_refuses_what_was_not_computed_and_says_so_first(workspace):
    success, reason = ran(workspace, "editions", "restatements", "published_copy", "site")
    assert not success
    assert reason.startswith("dagster._core.definitions.events.Failure: nothing was published: not computed yet: ")
    assert not workspace.published.exists()
    assert not workspace.site.exists()


def test_settings_that_cannot_be_used_are_the_reason_of_the_run(workspace):
    (workspace.folder / "permille.toml").write_text("nonsense = 1\n")
    success, reason = ran(workspace, "trends")
    assert not success
    assert "CannotStartError" in reason.splitlines()[0]
    assert "there is no setting 'nonsense'" in reason.splitlines()[0]


def test_a_run_beside_another_ends_at_once_where_it_may_not_wait(workspace):
    said, failed = [], []

    def second():
        try:
            run_monitoring(workspace, tell=said.append, may_wait=False)
        except RunFailedError as error:
            failed.append(str(error))

    with lock.held(workspace.folder, "the first"):
        thread = threading.Thread(target=second)
        thread.start()
        thread.join()
    assert "the first, process " in failed[0]
    assert said == []
    assert not workspace.warehouse.exists()


def test_a_missing_inbox_is_a_failure(workspace):
    workspace.inbox.rmdir()
    with pytest.raises(RunFailedError, match="cannot be listed"):
        run_monitoring(workspace, tell=lambda line: None)


def test_settings_edited_between_two_steps_are_noticed(workspace):
    resource = LockedWorkspace(folder=str(workspace.folder))
    with ExitStack() as until_end:
        resource._until_end = until_end
        with resource.warehouse() as warehouse:
            before = warehouse.settings_identity
        (workspace.folder / "permille.toml").write_text('baseline = "previous"\n')
        with resource.warehouse() as again:
            assert again is warehouse
            assert again.settings_identity != before
