"""The job `monitoring`: from the inbox to the published pages; its weekly schedule and the sensor on what it reads."""

import hashlib
import os
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

import dagster as dg

from assets.resources import WorkspaceResource
from pipeline.inbox import look_into
from pipeline.settings import SETTINGS_FILE, Workspace

SETTLED_SECONDS = 10
"""A file that was written to within this time may still be being copied, and is left for the next look."""
MOST_ATTEMPTS = 5
"""Runs over the same inbox after which the sensor gives up: the warehouse is not in use for ever."""
STATE_TAG = "permille/inbox"
_CAME_TO_NOTHING = (dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED)

# One process: for steps as small as these, starting another one costs more than the step.
monitoring = dg.define_asset_job(
    "monitoring",
    selection=dg.AssetSelection.all(),
    description="Takes in deliveries, computes per-1000 consumption and its change, publishes the pages.",
    executor_def=dg.in_process_executor,
)

weekly = dg.ScheduleDefinition(
    name="weekly", job=monitoring, cron_schedule="0 6 * * 1", execution_timezone="UTC",
    description="Every Monday at 06:00 UTC.",
)  # fmt: skip


@dg.sensor(
    name="inbox", job=monitoring, minimum_interval_seconds=30,
    description="Runs when the inbox, or a profile, protocol, factor file or setting of the office, has changed.",
)  # fmt: skip
def inbox(context: dg.SensorEvaluationContext, workspace: WorkspaceResource) -> dg.SensorResult | dg.SkipReason:
    """Asks for one run each time what a run reads has changed, and again where that run came to nothing.

    It fails, and the tick shows why, where there is no workspace or the inbox cannot be read.
    """
    here = workspace.get()
    delivered = [file.path for file in look_into(here.inbox).files]
    if not delivered and not context.cursor:
        return dg.SkipReason(f"The inbox {here.inbox} is empty.")
    try:
        stats = {path: path.stat() for path in (*delivered, *_files_of_office(here))}
    except OSError as error:
        return dg.SkipReason(f"{error.filename} has just gone; waiting until all is at rest.")
    if any(0 <= time.time() - stat.st_mtime < SETTLED_SECONDS for stat in (stats[path] for path in delivered)):
        return dg.SkipReason("A file of the inbox was written to just now; waiting until it is at rest.")
    # Emptying the inbox brings nothing new.
    of_inbox = _digest(delivered, stats) if delivered else (context.cursor or "").split(".")[0]
    state = f"{of_inbox}.{_digest(_files_of_office(here), stats)}"
    attempts = 0
    if state == context.cursor:
        runs = context.instance.get_runs(dg.RunsFilter(job_name=monitoring.name, tags={STATE_TAG: state}))
        attempts = len(runs)
        if runs and runs[0].status not in _CAME_TO_NOTHING:
            return dg.SkipReason("Nothing has changed.")
        if attempts >= MOST_ATTEMPTS:
            return dg.SkipReason(f"{attempts} runs over this have failed: see the last one, then start one by hand.")
    request = dg.RunRequest(run_key=f"{state}-{attempts}", tags={STATE_TAG: state})
    return dg.SensorResult(run_requests=[request], cursor=state)


def _files_of_office(here: Workspace) -> list[Path]:
    """The settings, profiles, protocols and factor files of an office."""
    folders = (here.profiles, here.protocols, here.factors)
    found = (path for folder in folders for path in folder.rglob("*") if path.is_file())
    return [here.folder / SETTINGS_FILE, *sorted(path for path in found if not path.name.startswith("."))]


def _digest(paths: Iterable[Path], stats: Mapping[Path, os.stat_result]) -> str:
    lines = (f"{path}\t{stats[path].st_size}\t{stats[path].st_mtime_ns}\n" for path in paths)
    return hashlib.sha256(os.fsencode("".join(lines))).hexdigest()
