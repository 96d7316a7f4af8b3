"""The estimates: populations, loads, what is implausible, consumption, means of periods. Each table is its SQL file."""

from typing import Any

import dagster as dg

from assets.describe import describe, materialized, sql_version
from assets.resources import WorkspaceResource
from pipeline import estimates
from schemas.plausibility import LIMITS

KINDS = {"sql", "duckdb"}


@dg.asset(
    deps=[
        "deliveries", "results", "reported_loads", "flows", "flow_readings", "populations", "sites", "quality_controls",
        "corrections", "contradictions", "population_markers",
    ],
    kinds=KINDS, code_version=sql_version("population_estimates", "population_by_markers"), pool="warehouse",
    **describe("population_estimates"),
)  # fmt: skip
def population_estimates(workspace: WorkspaceResource) -> dg.MaterializeResult[Any]:
    """Inhabitants of each sampled day by each method, delivered or by a marker of the sample."""
    with workspace.warehouse() as warehouse:
        estimates.compute(warehouse, "population_estimates", flow_fill=workspace.get().settings.flow_fill)
        return materialized(warehouse, "population_estimates")


@dg.asset(
    deps=[
        "deliveries", "results", "reported_loads", "flows", "flow_readings", "sites", "quality_controls", "corrections",
        "contradictions", "population_markers", "population_estimates", "uncertainties",
    ],
    kinds=KINDS, code_version=sql_version("loads"), pool="warehouse", **describe("loads"),
)  # fmt: skip
def loads(workspace: WorkspaceResource) -> dg.MaterializeResult[Any]:
    """Concentration times flow, per 1000 inhabitants."""
    with workspace.warehouse() as warehouse:
        estimates.compute(warehouse, "loads", flow_fill=workspace.get().settings.flow_fill)
        return materialized(warehouse, "loads")


@dg.asset(
    deps=[
        "deliveries", "loads", "reported_loads", "results", "sites", "population_estimates", "residues",
        "contradictions", "uncertainties",
    ],
    kinds=KINDS, code_version=sql_version("plausibility", limits=LIMITS), pool="warehouse", **describe("plausibility"),
)  # fmt: skip
def plausibility(workspace: WorkspaceResource) -> dg.MaterializeResult[Any]:
    """What is hardly possible, for a person to look at; it takes nothing out of the estimates."""
    with workspace.warehouse() as warehouse:
        estimates.compute(warehouse, "plausibility")
        return materialized(warehouse, "plausibility")


@dg.asset(
    deps=[
        "deliveries", "loads", "reported_loads", "results", "sites", "population_estimates", "factors", "doses",
        "half_lives", "residue_ratios", "uncertainties", "contradictions", "protocols",
    ],
    kinds=KINDS, code_version=sql_version("consumption"), pool="warehouse", **describe("consumption"),
)  # fmt: skip
def consumption(workspace: WorkspaceResource) -> dg.MaterializeResult[Any]:
    """Loads corrected for excretion, by each protocol."""
    with workspace.warehouse() as warehouse:
        estimates.compute(warehouse, "consumption")
        return materialized(warehouse, "consumption")


@dg.asset(
    deps=["consumption", "protocols"],
    kinds={"python", "duckdb"}, code_version=sql_version("day_spreads"), pool="warehouse", **describe("day_spreads"),
)  # fmt: skip
def day_spreads(workspace: WorkspaceResource) -> dg.MaterializeResult[Any]:
    """How far days differ, and the rhythm of the week, learnt from all sites of a drug."""
    with workspace.warehouse() as warehouse:
        estimates.compute(warehouse, "day_spreads")
        return materialized(warehouse, "day_spreads")


@dg.asset(
    deps=["deliveries", "consumption", "day_spreads", "sites", "doses", "uncertainties", "protocols"],
    kinds=KINDS, code_version=sql_version("site_periods"), pool="warehouse", **describe("site_periods"),
)  # fmt: skip
def site_periods(workspace: WorkspaceResource) -> dg.MaterializeResult[Any]:
    """Means of each site by year, quarter and month."""
    with workspace.warehouse() as warehouse:
        estimates.compute(warehouse, "site_periods")
        return materialized(warehouse, "site_periods")


@dg.asset(
    deps=["deliveries", "site_periods", "sites", "areas", "doses", "uncertainties", "protocols"],
    kinds=KINDS, code_version=sql_version("area_periods"), pool="warehouse", **describe("area_periods"),
)  # fmt: skip
def area_periods(workspace: WorkspaceResource) -> dg.MaterializeResult[Any]:
    """Means of each area and of the network over the sites available."""
    with workspace.warehouse() as warehouse:
        estimates.compute(warehouse, "area_periods")
        return materialized(warehouse, "area_periods")


@dg.asset(
    deps=[
        "deliveries", "site_periods", "area_periods", "loads", "reported_loads", "sites", "areas", "residues",
        "factors", "doses", "contradictions", "protocols",
    ],
    kinds=KINDS, code_version=sql_version("dose_totals"), pool="warehouse", **describe("dose_totals"),
)  # fmt: skip
def dose_totals(workspace: WorkspaceResource) -> dg.MaterializeResult[Any]:
    """Doses of all drugs together, with the drugs that are in them."""
    with workspace.warehouse() as warehouse:
        estimates.compute(warehouse, "dose_totals")
        return materialized(warehouse, "dose_totals")
