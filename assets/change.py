"""The changes between two periods, what else could have made them, and trends over all of them."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from assets.describe import describe, materialized, sql_version
from assets.resources import WorkspaceResource
from pipeline import estimates
from pipeline.changes import STATEMENTS
from schemas.credibility import LIMITS

KINDS = {"sql", "python", "duckdb"}
CODE_VERSION = sql_version("changes", *STATEMENTS, "credibility", limits=LIMITS)
"""Of changes and of credibility, which are computed together."""


# One step: how credible a change is stands in its row, and is known by the tests only.
@dg.multi_asset(
    name="change",
    specs=[
        dg.AssetSpec(
            "changes",
            deps=[
                "deliveries", "consumption", "site_periods", "loads", "sites", "areas", "factors", "doses",
                "uncertainties", "protocols",
            ],
            kinds=KINDS, code_version=CODE_VERSION,
            **describe("changes"),
        ),
        dg.AssetSpec(
            "credibility",
            deps=[
                "changes", "consumption", "results", "loads", "residues", "population_markers", "day_spreads",
                "protocols",
            ],
            kinds=KINDS, code_version=CODE_VERSION,
            **describe("credibility"),
        ),
    ],
    pool="warehouse",
)  # fmt: skip
def change(workspace: WorkspaceResource) -> Iterator[dg.MaterializeResult[Any]]:
    """How far each drug has fallen or risen, over the same sites, and whether anything else explains it."""
    with workspace.warehouse() as warehouse:
        chosen = estimates.compute_changes(warehouse, workspace.get().settings)
        baseline, current = chosen or ("none", "none")
        for table in ("changes", "credibility"):
            yield materialized(warehouse, table, baseline=baseline, current=current)


@dg.asset(
    deps=["deliveries", "site_periods", "sites", "areas", "protocols"],
    kinds=KINDS, code_version=sql_version("trends"), pool="warehouse", **describe("trends"),
)  # fmt: skip
def trends(workspace: WorkspaceResource) -> dg.MaterializeResult[Any]:
    """Where each drug has been going, over all years, quarters and months."""
    with workspace.warehouse() as warehouse:
        estimates.compute_trends(warehouse)
        return materialized(warehouse, "trends")
