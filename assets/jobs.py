"""The job `monitoring`: from the inbox to the published pages; its weekly schedule and the sensor on the inbox."""

import hashlib
import time

import dagster as dg

from assets.resources import WorkspaceResource
from pipeline.inbox import list_inbox
from pipeline.settings import SettingsError

SETTLED_SECONDS = 10
"""A file that was written to within this time may still be being copied, and is left for the next look."""
MOST_ATTEMPTS = 5
"""Runs over the same inbox after which the sensor gives up: the warehouse is not in use for ever."""
STATE_TAG = "permille/inbox"

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


@dg.sensor(name="inbox", job=monitoring, minimum_interval_seconds=60, description="Runs when the inbox has changed.")
def inbox(context: dg.SensorEvaluationContext, workspace: WorkspaceResource) -> dg.SensorResult | dg.SkipReason:
    """Asks for one run each time the files of the inbox have changed and are at rest, and again where it has failed."""
    try:
        folder = workspace.get().inbox
    except SettingsError as error:
        return dg.SkipReason(str(error))
    stats = [(file.name, file.path.stat()) for file in list_inbox(folder)]
    if not stats:
        return dg.SkipReason(f"The inbox {folder} is empty.")
    if any(0 <= time.time() - stat.st_mtime < SETTLED_SECONDS for _, stat in stats):
        return dg.SkipReason("A file of the inbox was written to just now; waiting until it is at rest.")
    listing = "\n".join(f"{name}\t{stat.st_size}\t{stat.st_mtime_ns}" for name, stat in stats)
    state = hashlib.sha256(listing.encode()).hexdigest()
    attempts = 0
    if state == context.cursor:
        runs = context.instance.get_runs(dg.RunsFilter(job_name=monitoring.name, tags={STATE_TAG: state}))
        attempts = len(runs)
        if not runs or runs[0].status != dg.DagsterRunStatus.FAILURE:
            return dg.SkipReason("The inbox has not changed.")
        if attempts >= MOST_ATTEMPTS:
            return dg.SkipReason(
                f"{attempts} runs over this inbox have failed: see the last one, then start one by hand."
            )
    request = dg.RunRequest(run_key=f"{state}-{attempts}", tags={STATE_TAG: state})
    return dg.SensorResult(run_requests=[request], cursor=state)
