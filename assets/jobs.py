"""The job `monitoring`: from the inbox to the published pages; its weekly schedule and the sensor on the inbox."""

import hashlib
import time

import dagster as dg

from assets.resources import WorkspaceResource
from pipeline.intake import list_inbox
from pipeline.settings import SettingsError

SETTLED_SECONDS = 10
"""A file that was written to within this time may still be being copied, and is left for the next look."""

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
    """Asks for one run each time the files of the inbox have changed and are at rest."""
    try:
        folder = workspace.get().inbox
    except SettingsError as error:
        return dg.SkipReason(str(error))
    stats = [(file.name, file.path.stat()) for file in list_inbox(folder)]
    if not stats:
        return dg.SkipReason(f"The inbox {folder} is empty.")
    if max(stat.st_mtime for _, stat in stats) > time.time() - SETTLED_SECONDS:
        return dg.SkipReason("A file of the inbox was written to just now; waiting until it is at rest.")
    listing = "\n".join(f"{name}\t{stat.st_size}\t{stat.st_mtime_ns}" for name, stat in stats)
    state = hashlib.sha256(listing.encode()).hexdigest()
    if state == context.cursor:
        return dg.SkipReason("The inbox has not changed.")
    return dg.SensorResult(run_requests=[dg.RunRequest(run_key=state)], cursor=state)
