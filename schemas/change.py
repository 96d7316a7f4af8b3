"""What a row of the changes is: how far one drug has fallen or risen in one place, by one protocol."""

import pandera.polars as pa
import polars as pl
from pandera.api.polars.types import PolarsData

from schemas.columns import column
from schemas.estimates import _Estimated
from schemas.reference import BASIS

VERDICTS = ["fall", "rise", "no change detected", "not estimable"]
LEVELS = ["site", "area", "network"]
OVERALL = ["stands", "stands with reservations", "not supported"]
"""What all tests of other explanations say of a change together."""


class Changes(_Estimated):
    """The change of one drug at a site, in an area or in the network, between two periods, over the same sites."""

    level: str = column("level", isin=LEVELS)
    unit_id: str = column("unit_id")
    unit_name: str = column("unit_name", nullable=True)
    drug: str = column("drug")
    drug_name: str = column("drug_name")
    residue: str = column("residue")
    protocol: str = column("protocol")
    basis: str = column("basis", isin=BASIS)
    baseline_period: str = column("baseline_period")
    current_period: str = column("current_period")
    baseline_mg_per_day_per_1000: float = column("baseline_mg_per_day_per_1000", nullable=True, ge=0)
    current_mg_per_day_per_1000: float = column("current_mg_per_day_per_1000", nullable=True, ge=0)
    change_percent: float = column("change_percent", nullable=True, ge=-100)
    by_limits_low_percent: float = column("by_limits_low_percent", nullable=True, ge=-100)
    by_limits_high_percent: float = column("by_limits_high_percent", nullable=True, ge=-100)
    ci_low_percent: float = column("ci_low_percent", nullable=True, ge=-100)
    ci_high_percent: float = column("ci_high_percent", nullable=True, ge=-100)
    p_value: float = column("p_value", nullable=True, ge=0, le=1)
    p_adjusted: float = column("p_adjusted", nullable=True, ge=0, le=1)
    verdict: str = column("verdict", isin=VERDICTS, nullable=True)
    smallest_detectable_fall_percent: float = column("smallest_detectable_fall_percent", nullable=True, ge=0, le=100)
    days_log_variance: float = column("days_log_variance", nullable=True, ge=0)
    days_df: float = column("days_df", nullable=True, gt=0)
    spread_log_variance: float = column("spread_log_variance", nullable=True, ge=0)
    batch_log_variance: float = column("batch_log_variance", nullable=True, ge=0)
    laboratory_log_variance: float = column("laboratory_log_variance", nullable=True, ge=0)
    flow_log_variance: float = column("flow_log_variance", nullable=True, ge=0)
    population_log_variance: float = column("population_log_variance", nullable=True, ge=0)
    factor_log_variance: float = column("factor_log_variance", nullable=True, ge=0)
    naive_change_percent: float = column("naive_change_percent", nullable=True, ge=-100)
    part_concentration_percent: float = column("part_concentration_percent", nullable=True)
    part_flow_percent: float = column("part_flow_percent", nullable=True)
    part_population_percent: float = column("part_population_percent", nullable=True)
    part_factor_percent: float = column("part_factor_percent", nullable=True)
    part_laboratory_percent: float = column("part_laboratory_percent", nullable=True)
    part_reported_percent: float = column("part_reported_percent", nullable=True)
    part_panel_percent: float = column("part_panel_percent", nullable=True)
    published_class: str = column("published_class", isin=["increase", "decrease", "stable"], nullable=True)
    credibility: str = column("credibility", isin=OVERALL, nullable=True)
    n_sites: pl.Int64 = column("n_sites", ge=0)
    n_sites_left_out: pl.Int64 = column("n_sites_left_out", ge=0)
    panel: str = column("panel")
    area_weights: str = column("area_weights", isin=["population", "none"])
    n_days_baseline: pl.Int64 = column("n_days_baseline", ge=0)
    n_days_current: pl.Int64 = column("n_days_current", ge=0)
    n_censored_baseline: pl.Int64 = column("n_censored_baseline", ge=0)
    n_censored_current: pl.Int64 = column("n_censored_current", ge=0)
    flags: str = column("flags", nullable=True)
    is_provisional: bool = column("is_provisional")
    is_simulated: bool = column("is_simulated")

    @pa.dataframe_check(error="estimate_without_change")
    def estimated_has_change(cls, data: PolarsData) -> pl.LazyFrame:  # noqa: N805
        """A finite change stands exactly where it could be estimated."""
        return data.lazyframe.select(
            (pl.col("state") == "estimated") == pl.col("change_percent").is_finite().fill_null(value=False)
        )

    class Config:
        strict = True
        unique = ["level", "unit_id", "drug", "protocol", "baseline_period", "current_period"]  # noqa: RUF012
