"""The intake: one step that fills all intake tables, because one delivery is one transaction."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from assets.describe import describe, materialized
from assets.failures import told
from assets.resources import WorkspaceResource
from pipeline import deliveries
from pipeline import intake as pipeline_intake
from schemas.tables import TABLES

INTAKE = [table for table, entry in TABLES.items() if entry.group == "intake"]


@dg.multi_asset(
    name="intake",
    specs=[
        dg.AssetSpec(
            table,
            kinds={"python", "pandera", "duckdb"},
            code_version=deliveries.READER_VERSION,
            deps=[] if table == "deliveries" else ["deliveries"],
            **describe(table),
        )
        for table in INTAKE
    ],
    pool="warehouse",
)
def intake(context: dg.AssetExecutionContext, workspace: WorkspaceResource) -> Iterator[dg.MaterializeResult[Any]]:
    """Takes in what is new in the inbox, by profiles; rows in = accepted + quarantined."""
    with told():
        report = pipeline_intake.take_in(workspace.get())
    context.log.info(f"{len(report.taken)} deliveries taken in, {report.n_unchanged} files unchanged")
    with workspace.warehouse() as warehouse:
        warehouse.forget()  # the intake wrote through one of its own
        for table in INTAKE:
            yield materialized(warehouse, table)
