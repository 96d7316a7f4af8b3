"""The register of tables: one table, one model, one name. The order is the order the data flows in."""

from typing import Any, NamedTuple

# What `isin` and the like are for polars. Before any schema is made: it keeps the checks it finds.
import pandera.backends.polars.builtin_checks  # noqa: F401
import pandera.polars as pa

from schemas import (
    change,
    credibility,
    estimates,
    events,
    intake,
    plausibility,
    publication,
    reference,
    robustness,
    target,
    trend,
)


class Table(NamedTuple):
    """A table of the warehouse: its asset group, its model, and the columns that tell one row from another."""

    group: str
    model: type[pa.DataFrameModel]
    is_by_year: bool = False

    @property
    def row_is(self) -> str:
        """What one row is, as the model's docstring says it."""
        return (self.model.__doc__ or "").strip().splitlines()[0]

    @property
    def columns(self) -> dict[str, Any]:
        """The columns as pandera knows them: the table's own first, then those it shares with others."""
        known = self.model.to_schema().columns
        own = [name for name in self.model.__annotations__ if name in known]
        return {name: known[name] for name in [*own, *(name for name in known if name not in own)]}

    @property
    def types(self) -> dict[str, Any]:
        """The columns' polars types."""
        return {name: column.dtype.type for name, column in self.columns.items()}


TABLES: dict[str, Table] = {
    "deliveries": Table("intake", intake.Deliveries),
    "areas": Table("intake", intake.Areas),
    "sites": Table("intake", intake.Sites),
    "populations": Table("intake", intake.Populations),
    "flows": Table("intake", intake.Flows, is_by_year=True),
    "flow_readings": Table("intake", intake.FlowReadings, is_by_year=True),
    "results": Table("intake", intake.Results, is_by_year=True),
    "reported_loads": Table("intake", intake.ReportedLoads, is_by_year=True),
    "quality_controls": Table("intake", intake.QualityControls),
    "corrections": Table("intake", intake.Corrections),
    "events": Table("intake", intake.Events),
    "site_decisions": Table("intake", intake.SiteDecisions),
    "delivery_decisions": Table("intake", intake.DeliveryDecisions),
    "contradictions": Table("intake", intake.Contradictions),
    "site_aliases": Table("intake", intake.SiteAliases),
    "quarantine": Table("intake", intake.Quarantine),
    "residues": Table("reference", reference.Residues),
    "factors": Table("reference", reference.Factors),
    "doses": Table("reference", reference.Doses),
    "uncertainties": Table("reference", reference.Uncertainties),
    "residue_ratios": Table("reference", reference.ResidueRatios),
    "population_markers": Table("reference", reference.PopulationMarkers),
    "half_lives": Table("reference", reference.HalfLives),
    "molar_masses": Table("reference", reference.MolarMasses),
    "protocols": Table("reference", reference.Protocols),
    "population_estimates": Table("estimates", estimates.PopulationEstimates, is_by_year=True),
    "loads": Table("estimates", estimates.Loads, is_by_year=True),
    "plausibility": Table("estimates", plausibility.Plausibility, is_by_year=True),
    "consumption": Table("estimates", estimates.Consumption, is_by_year=True),
    "day_spreads": Table("estimates", estimates.DaySpreads, is_by_year=True),
    "site_periods": Table("estimates", estimates.SitePeriods, is_by_year=True),
    "area_periods": Table("estimates", estimates.AreaPeriods, is_by_year=True),
    "dose_totals": Table("estimates", estimates.DoseTotals, is_by_year=True),
    "changes": Table("change", change.Changes),
    "credibility": Table("change", credibility.Credibility),
    "robustness": Table("change", robustness.Robustness),
    "targets": Table("change", target.Targets),
    "trends": Table("change", trend.Trends),
    "event_effects": Table("change", events.EventEffects),
    "computed_from": Table("publication", publication.ComputedFrom),
    "editions": Table("publication", publication.Editions),
    "restatements": Table("publication", publication.Restatements),
}
MEASUREMENT_TABLES = (
    "areas",
    "sites",
    "populations",
    "flows",
    "flow_readings",
    "results",
    "reported_loads",
    "quality_controls",
    "corrections",
    "events",
    "site_decisions",
    "delivery_decisions",
)
"""The tables a delivery's accepted rows go to, in the order they depend on each other."""
