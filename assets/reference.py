"""The reference tables: residues, factors, doses, markers and protocols, from the project's own files."""

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
    """Puts the project's versioned reference files into the warehouse."""
    with workspace.warehouse() as warehouse:
        estimates.load_reference(warehouse)
        for table in REFERENCE:
            yield materialized(warehouse, table)
