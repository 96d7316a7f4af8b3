"""Changes between two periods, what else made them, how they hang on choices, targets, trends, and events."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from assets.describe import describe, materialized, sql_version
from assets.resources import WorkspaceResource
from pipeline import estimates
from pipeline.changes import LIMITS as LIMITS_OF_CHANGES
from pipeline.changes import STATEMENTS
from pipeline.events import STATEMENTS as STATEMENTS_OF_EVENTS
from pipeline.robustness import STATEMENTS as STATEMENTS_OF_ROBUSTNESS
from pipeline.trends import LIMITS as LIMITS_OF_TRENDS
from schemas.credibility import LIMITS as LIMITS_OF_CREDIBILITY

CHANGE = ("changes", "credibility")
"""The tables that one step fills."""
KINDS = {"sql", "python", "duckdb"}
_LIMITS = LIMITS_OF_CHANGES | LIMITS_OF_CREDIBILITY
CODE_VERSION = sql_version("changes", *STATEMENTS, "credibility", limits=_LIMITS)
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
        pairs = estimates.compute_changes(warehouse, workspace.get().settings)
        baseline, current = pairs[0] if pairs else ("none", "none")
        further = ", ".join(f"{of} against {to}" for to, of in pairs[1:]) or "none"
        for table in CHANGE:
            yield materialized(warehouse, table, baseline=baseline, current=current, further=further)


@dg.asset(
    deps=[
        "changes", "consumption", "loads", "reported_loads", "population_estimates", "results", "deliveries", "sites",
        "areas", "factors", "doses", "uncertainties", "residue_ratios", "half_lives", "contradictions", "protocols",
    ],
    kinds=KINDS, code_version=sql_version("robustness", *STATEMENTS_OF_ROBUSTNESS, limits=LIMITS_OF_CHANGES),
    pool="warehouse", **describe("robustness"),
)  # fmt: skip
def robustness(workspace: WorkspaceResource) -> dg.MaterializeResult[Any]:
    """Each change by all protocols and ways of counting people, and with one choice varied at a time."""
    with workspace.warehouse() as warehouse:
        estimates.compute_robustness(warehouse, workspace.get().settings)
        return materialized(warehouse, "robustness")


@dg.asset(
    deps=[
        "changes", "deliveries", "consumption", "site_periods", "loads", "sites", "areas", "factors", "doses",
        "uncertainties", "protocols", "results", "residues", "population_markers", "day_spreads",
    ],
    kinds=KINDS, code_version=sql_version("targets", "changes", *STATEMENTS, "credibility", limits=_LIMITS),
    pool="warehouse", **describe("targets"),
)  # fmt: skip
def targets(workspace: WorkspaceResource) -> dg.MaterializeResult[Any]:
    """How far on its way each target of the settings is, and how probable it is that it is met now."""
    with workspace.warehouse() as warehouse:
        estimates.compute_targets(warehouse, workspace.get().settings)
        return materialized(warehouse, "targets")


@dg.asset(
    deps=["deliveries", "site_periods", "sites", "areas", "protocols"],
    kinds=KINDS, code_version=sql_version("trends", limits=LIMITS_OF_TRENDS), pool="warehouse", **describe("trends"),
)  # fmt: skip
def trends(workspace: WorkspaceResource) -> dg.MaterializeResult[Any]:
    """Where each drug has been going, over all years, quarters and months."""
    with workspace.warehouse() as warehouse:
        estimates.compute_trends(warehouse)
        return materialized(warehouse, "trends")


@dg.asset(
    deps=[
        "deliveries", "events", "consumption", "day_spreads", "site_periods", "sites", "areas", "doses",
        "uncertainties", "protocols",
    ],
    kinds=KINDS, code_version=sql_version("event_effects", *STATEMENTS_OF_EVENTS), pool="warehouse",
    **describe("event_effects"),
)  # fmt: skip
def event_effects(workspace: WorkspaceResource) -> dg.MaterializeResult[Any]:
    """What campaigns, policies and holidays did, beside areas and drugs they left alone."""
    with workspace.warehouse() as warehouse:
        estimates.compute_events(warehouse)
        return materialized(warehouse, "event_effects")
