"""The reference tables: residues, factors, doses, protocols and the like, the project's and an office's own."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from assets.describe import describe, materialized
from assets.resources import WorkspaceResource
from pipeline import estimates
from schemas.tables import TABLES

REFERENCE = [table for table, entry in TABLES.items() if entry.group == "reference"]


@dg.multi_asset(
    name="reference",
    specs=[dg.AssetSpec(table, kinds={"csv", "duckdb"}, code_version="1", **describe(table)) for table in REFERENCE],
    pool="warehouse",
)
def reference(workspace: WorkspaceResource) -> Iterator[dg.MaterializeResult[Any]]:
    """Puts the versioned reference files, and the office's own protocols and factor sets, into the warehouse."""
    with workspace.warehouse() as warehouse:
        estimates.load_reference(warehouse, workspace.get())
        for table in REFERENCE:
            yield materialized(warehouse, table)
