"""The changes between the baseline and the current period of the settings."""

from typing import Any

import dagster as dg

from assets.describe import describe, materialized, sql_version
from assets.resources import WorkspaceResource
from pipeline import estimates
from pipeline.changes import STATEMENTS


@dg.asset(
    deps=[
        "deliveries", "consumption", "site_periods", "loads", "sites", "areas", "factors", "doses", "uncertainties",
        "protocols",
    ],
    kinds={"sql", "python", "duckdb"}, code_version=sql_version("changes", *STATEMENTS), pool="warehouse",
    **describe("changes"),
)  # fmt: skip
def changes(workspace: WorkspaceResource) -> dg.MaterializeResult[Any]:
    """How far each drug has fallen or risen, over the same sites."""
    with workspace.warehouse() as warehouse:
        chosen = estimates.compute_changes(warehouse, workspace.get().settings)
        baseline, current = chosen or ("none", "none")
        return materialized(warehouse, "changes", baseline=baseline, current=current)
