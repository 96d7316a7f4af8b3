"""Asset checks: each table against its model, blocking; and that no row of a delivery was lost."""

import logging
from typing import Any

import dagster as dg

from assets.resources import WorkspaceResource
from pipeline import quality
from pipeline.status import status
from schemas.tables import TABLES

_log = logging.getLogger("permille")


def _model_check(table: str) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=table, name=f"{table}_keeps_its_model", blocking=True, pool="warehouse",
        description=f"Each row of {table} keeps every rule of its model; nothing downstream runs on one that does not.",
    )  # fmt: skip
    def check(workspace: WorkspaceResource) -> dg.AssetCheckResult:
        with workspace.warehouse() as warehouse:
            found = quality.check_table(warehouse, table)
        if not found.passed:
            _log.error("%s. Nothing downstream runs. %s", found.message, quality.REMEDY)
        metadata: dict[str, Any] = {"rows": found.n_rows, "rows_broken": found.n_broken, "rules": found.rules}
        return dg.AssetCheckResult(
            passed=found.passed, metadata=metadata, description=None if found.passed else found.message
        )

    return check


MODEL_CHECKS = [_model_check(table) for table in TABLES]


@dg.asset_check(
    asset="deliveries", blocking=True, pool="warehouse",
    description="Rows in = accepted + quarantined for each delivery, and the tables hold just these rows.",
)  # fmt: skip
def nothing_is_lost(workspace: WorkspaceResource) -> dg.AssetCheckResult:
    """Nothing is lost: rows in = accepted + quarantined."""
    with workspace.warehouse() as warehouse:
        now = status(warehouse)
    if not now.does_add_up:
        _log.error("%s. Nothing downstream runs. %s", quality.ROWS_LOST, quality.REMEDY)
    sums = {name: int(now.deliveries[name].sum()) for name in ("n_rows", "n_accepted", "n_quarantined")}
    return dg.AssetCheckResult(passed=now.does_add_up, metadata=sums)
