"""The sensor: one run for each state, another where that came to nothing, an error where it cannot see."""

from datetime import datetime, timedelta

import dagster as dg
import pytest

from assets.jobs import MOST_ATTEMPTS, inbox
from assets.resources import WorkspaceResource
from pipeline.inbox import InboxError
from pipeline.settings import SettingsError
from tests.conftest import lay

SUCCESS, FAILURE, CANCELED = dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED


@pytest.fixture
def look(workspace):
    """Looks once, and where a run is asked for lets it end in a status; gives what the sensor said, and its cursor."""
    with dg.DagsterInstance.ephemeral() as instance:

        def look(cursor, status=SUCCESS):
            resources = {"workspace": WorkspaceResource(folder=str(workspace.folder))}
            said = inbox(dg.build_sensor_context(instance=instance, cursor=cursor, resources=resources))
            if isinstance(said, dg.SkipReason):
                return None, cursor
            (request,) = said.run_requests
            if status:
                instance.add_run(dg.DagsterRun(job_name="monitoring", status=status, tags=dict(request.tags)))
            return request.run_key, said.cursor

        yield look


def test_one_run_for_each_state_of_the_inbox(workspace, look):
    assert look(None) == (None, None)
    lay(workspace, "a.csv", "x")
    asked, cursor = look(None)
    assert asked
    assert look(cursor) == (None, cursor)
    lay(workspace, "b.csv", "y")
    asked, second = look(cursor)
    assert asked
    assert second != cursor
    lay(workspace, "tomorrow.csv", "z", datetime.now() + timedelta(days=1))  # noqa: DTZ005
    asked, third = look(second)
    assert asked, "a file with a wrong time stamp may not silence the sensor"
    (workspace.inbox / "c.csv").write_text("being copied")
    assert look(third) == (None, third)


@pytest.mark.parametrize("place", ["permille.toml", "profiles/own.toml", "protocols/own.toml", "factors/own.csv"])
def test_a_file_of_the_office_is_seen_also_with_an_empty_inbox(workspace, look, place):
    file = lay(workspace, "a.csv", "x")
    _, cursor = look(None)
    file.unlink()
    assert look(cursor) == (None, cursor), "an emptied inbox brings nothing new"
    (workspace.folder / place).write_text("title = 'other'")
    asked, changed = look(cursor)
    assert asked
    assert look(changed) == (None, changed)


@pytest.mark.parametrize("status", [FAILURE, CANCELED, None])
def test_it_asks_again_where_a_run_came_to_nothing_and_gives_up_in_the_end(workspace, look, status):
    lay(workspace, "a.csv", "x")
    cursor, keys = None, []
    for _ in range(MOST_ATTEMPTS + 2):
        asked, cursor = look(cursor, status)
        keys += [asked] if asked else []
    if status:
        assert len(keys) == len(set(keys)) == MOST_ATTEMPTS
    else:
        assert set(keys) == {keys[0]}, "of a run that has vanished nothing is left: it is the first one again"
        assert len(keys) == MOST_ATTEMPTS + 2


def test_a_run_under_way_is_waited_for(workspace, look):
    lay(workspace, "a.csv", "x")
    _, cursor = look(None, dg.DagsterRunStatus.STARTED)
    assert look(cursor) == (None, cursor)


def test_a_missing_inbox_or_workspace_is_an_error_of_the_tick(workspace, look):
    workspace.inbox.rmdir()
    with pytest.raises(InboxError, match="No such file"):
        look(None)
    (workspace.folder / "permille.toml").unlink()
    with pytest.raises(SettingsError):
        look(None)
