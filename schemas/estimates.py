"""What a row of the estimates is: populations, loads, consumption, and means of periods for sites and areas.

No formulas (`pipeline/sql`), no statistics (`pipeline/statistics`).
"""

import pandera.polars as pa
import polars as pl
from pandera.api.polars.types import PolarsData

from schemas.columns import column
from schemas.intake import POPULATION_METHODS, QUALIFIERS, _Table
from schemas.reference import BASIS, STATUS

STATES = ["estimated", "not estimable"]
PERIOD_KINDS = ["year", "quarter", "month"]
FLOW_BASES = ["window", "day", "days", "readings of the day", "filled"]
ORIGINS = ["measured", "reported"]
POPULATION_BASES = ["delivered", "marker"]


class _Estimated(_Table):
    """A figure, or the reason why there is none."""

    state: str = column("state", isin=STATES)
    reason: str = column("reason", nullable=True)

    @pa.dataframe_check(error="not_estimable_without_reason")
    def says_why_not(cls, data: PolarsData) -> pl.LazyFrame:  # noqa: N805
        """What is not estimable says why."""
        return data.lazyframe.select((pl.col("state") == "estimated") | pl.col("reason").is_not_null())


class PopulationEstimates(_Table):
    """The inhabitants of one site on one sampled day by one method, delivered or by a marker of the sample."""

    site_id: str = column("site_id")
    sampled_on: pl.Date = column("sampled_on", nullable=True)
    sampling_year: pl.Int32 = column("sampling_year")
    population_method: str = column("population_method", isin=POPULATION_METHODS)
    population_basis: str = column("population_basis", isin=POPULATION_BASES)
    population: float = column("population", gt=0)
    population_by_domestic_share: float = column("population_by_domestic_share", nullable=True, gt=0)
    population_rsd: float = column("population_rsd", nullable=True, ge=0)
    residue: str = column("residue", nullable=True)
    concentration_ng_per_l: float = column("concentration_ng_per_l", nullable=True, gt=0)
    flow_m3_per_day: float = column("flow_m3_per_day", nullable=True, gt=0)
    flow_basis: str = column("flow_basis", nullable=True, isin=FLOW_BASES)
    domestic_share: float = column("domestic_share", nullable=True, gt=0, le=1)
    cigarettes_per_person_per_day: float = column("cigarettes_per_person_per_day", nullable=True, gt=0)
    marker_load_mg_per_day_per_1000: float = column("marker_load_mg_per_day_per_1000", nullable=True, gt=0)
    delivery_id: str = column("delivery_id")
    sheet: str = column("sheet")
    row_number: pl.Int64 = column("row_number", ge=1)
    source_column: str = column("source_column")
    source_cell: str = column("source_cell")
    flags: str = column("flags", nullable=True)
    is_provisional: bool = column("is_provisional")
    is_simulated: bool = column("is_simulated")

    @pa.dataframe_check(error="marker_population_without_marker")
    def says_which_marker(cls, data: PolarsData) -> pl.LazyFrame:  # noqa: N805
        """A population by a marker says by which, a delivered one has none."""
        return data.lazyframe.select((pl.col("population_basis") == "marker") == pl.col("residue").is_not_null())

    class Config:
        strict = True
        unique = [  # noqa: RUF012
            "site_id", "sampling_year", "sampled_on", "population_method", "population_basis",
        ]  # fmt: skip


class Loads(_Estimated):
    """The load of one residue at one site on one day, measured or below its limit."""

    site_id: str = column("site_id")
    sampled_on: pl.Date = column("sampled_on")
    sampling_year: pl.Int32 = column("sampling_year")
    residue: str = column("residue")
    concentration_ng_per_l: float = column("concentration_ng_per_l", nullable=True, ge=0)
    qualifier: str = column("qualifier", isin=QUALIFIERS)
    is_censored: bool = column("is_censored")
    limit_ng_per_l: float = column("limit_ng_per_l", nullable=True, gt=0)
    n_measurements: pl.Int64 = column("n_measurements", ge=0)
    replicate_rsd: float = column("replicate_rsd", nullable=True, ge=0)
    composite_hours: float = column("composite_hours", nullable=True, gt=0)
    flow_m3_per_day: float = column("flow_m3_per_day", nullable=True, gt=0)
    flow_basis: str = column("flow_basis", nullable=True, isin=FLOW_BASES)
    population: float = column("population", nullable=True, gt=0)
    population_method: str = column("population_method", nullable=True)
    population_basis: str = column("population_basis", nullable=True, isin=POPULATION_BASES)
    population_rsd: float = column("population_rsd", nullable=True, ge=0)
    laboratory: str = column("laboratory", nullable=True)
    batch: str = column("batch", nullable=True)
    load_mg_per_day: float = column("load_mg_per_day", nullable=True, ge=0)
    load_mg_per_day_per_1000: float = column("load_mg_per_day_per_1000", nullable=True, ge=0)
    load_limit_mg_per_day_per_1000: float = column("load_limit_mg_per_day_per_1000", nullable=True, gt=0)
    delivery_id: str = column("delivery_id")
    sheet: str = column("sheet")
    row_number: pl.Int64 = column("row_number", ge=1)
    source_column: str = column("source_column")
    source_cell: str = column("source_cell")
    flags: str = column("flags", nullable=True)
    is_provisional: bool = column("is_provisional")
    is_simulated: bool = column("is_simulated")

    class Config:
        strict = True
        unique = ["site_id", "sampled_on", "residue"]  # noqa: RUF012


class Consumption(_Estimated):
    """What one site's inhabitants used of one drug on one day, by one protocol."""

    site_id: str = column("site_id")
    sampled_on: pl.Date = column("sampled_on", nullable=True)
    weekday: pl.Int32 = column("weekday", in_range={"min_value": 1, "max_value": 7})
    sampling_year: pl.Int32 = column("sampling_year")
    drug: str = column("drug")
    residue: str = column("residue")
    protocol: str = column("protocol")
    basis: str = column("basis", isin=BASIS)
    origin: str = column("origin", isin=ORIGINS)
    is_censored: bool = column("is_censored")
    load_mg_per_day_per_1000: float = column("load_mg_per_day_per_1000", nullable=True, ge=0)
    load_limit_mg_per_day_per_1000: float = column("load_limit_mg_per_day_per_1000", nullable=True, gt=0)
    correction_factor: float = column("correction_factor", gt=0)
    correction_factor_log_sd: float = column("correction_factor_log_sd", ge=0)
    factor_status: str = column("factor_status", nullable=True)
    other_sources_mg_per_day_per_1000: float = column("other_sources_mg_per_day_per_1000", nullable=True, ge=0)
    in_sewer_loss: float = column("in_sewer_loss", nullable=True, ge=0, lt=1)
    is_provisional: bool = column("is_provisional")
    amount_mg_per_day_per_1000: float = column("amount_mg_per_day_per_1000", nullable=True, ge=0)
    amount_limit_mg_per_day_per_1000: float = column("amount_limit_mg_per_day_per_1000", nullable=True, gt=0)
    ci_low_mg_per_day_per_1000: float = column("ci_low_mg_per_day_per_1000", nullable=True, ge=0)
    ci_high_mg_per_day_per_1000: float = column("ci_high_mg_per_day_per_1000", nullable=True, ge=0)
    doses_per_day_per_1000: float = column("doses_per_day_per_1000", nullable=True, ge=0)
    population: float = column("population", nullable=True, gt=0)
    population_method: str = column("population_method", nullable=True)
    population_rsd: float = column("population_rsd", nullable=True, ge=0)
    flow_rsd: float = column("flow_rsd", ge=0)
    n_measurements: pl.Int64 = column("n_measurements", ge=1)
    laboratory: str = column("laboratory", nullable=True)
    batch: str = column("batch", nullable=True)
    delivery_id: str = column("delivery_id")
    sheet: str = column("sheet")
    row_number: pl.Int64 = column("row_number", ge=1)
    source_column: str = column("source_column")
    source_cell: str = column("source_cell")
    flags: str = column("flags", nullable=True)
    is_simulated: bool = column("is_simulated")

    class Config:
        strict = True
        unique = ["site_id", "sampling_year", "sampled_on", "weekday", "drug", "protocol"]  # noqa: RUF012


class DaySpreads(_Table):
    """How far the days of one site differ in one year, of one drug by one protocol, and the rhythm of their week."""

    site_id: str = column("site_id")
    sampling_year: pl.Int32 = column("sampling_year")
    drug: str = column("drug")
    protocol: str = column("protocol")
    between_day_log_sd: float = column("between_day_log_sd", ge=0)
    between_day_df: float = column("between_day_df", gt=0)
    has_rhythm: bool = column("has_rhythm")
    rhythm: pl.List(pl.Float64) = column("rhythm")  # type: ignore[valid-type]
    n_days: pl.Int64 = column("n_days", ge=1)
    n_detects: pl.Int64 = column("n_detects", ge=0)
    n_sites: pl.Int64 = column("n_sites", ge=1)
    is_simulated: bool = column("is_simulated")

    class Config:
        strict = True
        unique = ["site_id", "sampling_year", "drug", "protocol"]  # noqa: RUF012


class _Mean(_Estimated):
    """The mean of a period."""

    sampling_year: pl.Int32 = column("sampling_year")
    period_kind: str = column("period_kind", isin=PERIOD_KINDS)
    period: str = column("period", str_matches=r"^\d{4}(-Q[1-4]|-\d{2})?$")
    drug: str = column("drug")
    residue: str = column("residue")
    protocol: str = column("protocol")
    basis: str = column("basis", isin=BASIS)
    n_days: pl.Int64 = column("n_days", ge=0)
    n_censored: pl.Int64 = column("n_censored", ge=0)
    mean_mg_per_day_per_1000: float = column("mean_mg_per_day_per_1000", nullable=True, ge=0)
    ci_low_mg_per_day_per_1000: float = column("ci_low_mg_per_day_per_1000", nullable=True, ge=0)
    ci_high_mg_per_day_per_1000: float = column("ci_high_mg_per_day_per_1000", nullable=True, ge=0)
    at_least_mg_per_day_per_1000: float = column("at_least_mg_per_day_per_1000", nullable=True, ge=0)
    at_most_mg_per_day_per_1000: float = column("at_most_mg_per_day_per_1000", nullable=True, ge=0)
    dose_status: str = column("dose_status", nullable=True, isin=STATUS)
    doses_per_day_per_1000: float = column("doses_per_day_per_1000", nullable=True, ge=0)
    ci_low_doses_per_day_per_1000: float = column("ci_low_doses_per_day_per_1000", nullable=True, ge=0)
    ci_high_doses_per_day_per_1000: float = column("ci_high_doses_per_day_per_1000", nullable=True, ge=0)
    population: float = column("population", nullable=True, gt=0)
    mass_mg_per_day: float = column("mass_mg_per_day", nullable=True, ge=0)
    ci_low_mg_per_day: float = column("ci_low_mg_per_day", nullable=True, ge=0)
    ci_high_mg_per_day: float = column("ci_high_mg_per_day", nullable=True, ge=0)
    population_aged_15_to_64: float = column("population_aged_15_to_64", nullable=True, gt=0)
    mean_mg_per_day_per_1000_aged_15_to_64: float = column(
        "mean_mg_per_day_per_1000_aged_15_to_64", nullable=True, ge=0
    )
    days_log_variance: float = column("days_log_variance", nullable=True, ge=0)
    days_df: float = column("days_df", nullable=True, gt=0)
    weekdays_log_bias: float = column("weekdays_log_bias", nullable=True)
    spread_log_variance: float = column("spread_log_variance", nullable=True, ge=0)
    batch_log_variance: float = column("batch_log_variance", nullable=True, ge=0)
    laboratory_log_variance: float = column("laboratory_log_variance", nullable=True, ge=0)
    flow_log_variance: float = column("flow_log_variance", nullable=True, ge=0)
    population_log_variance: float = column("population_log_variance", nullable=True, ge=0)
    factor_log_variance: float = column("factor_log_variance", nullable=True, ge=0)
    flags: str = column("flags", nullable=True)
    is_provisional: bool = column("is_provisional")
    is_simulated: bool = column("is_simulated")

    @pa.dataframe_check(error="interval_without_its_mean")
    def interval_holds_mean(cls, data: PolarsData) -> pl.LazyFrame:  # noqa: N805
        """An interval holds the mean, the doses or the mass it is of."""
        held = []
        for of, unit in (
            ("mean_mg_per_day_per_1000", "mg_per_day_per_1000"), ("doses_per_day_per_1000", "doses_per_day_per_1000"),
            ("mass_mg_per_day", "mg_per_day"),
        ):  # fmt: skip
            low, high = pl.col(f"ci_low_{unit}"), pl.col(f"ci_high_{unit}")
            is_empty = low.is_null() & high.is_null()
            held.append(is_empty | ((low <= pl.col(of)) & (pl.col(of) <= high)).fill_null(value=False))
        return data.lazyframe.select(pl.all_horizontal(held))

    @pa.dataframe_check(error="estimate_without_mean")
    def estimated_has_mean(cls, data: PolarsData) -> pl.LazyFrame:  # noqa: N805
        """A mean stands exactly where it could be estimated."""
        return data.lazyframe.select(
            (pl.col("state") == "estimated") == pl.col("mean_mg_per_day_per_1000").is_not_null()
        )


class SitePeriods(_Mean):
    """The mean of one drug at one site over one period, by one protocol."""

    site_id: str = column("site_id")
    origin: str = column("origin", isin=ORIGINS)
    n_weekdays: pl.Int64 = column("n_weekdays", in_range={"min_value": 0, "max_value": 7})
    by_weekday_mg_per_day_per_1000: pl.List(pl.Float64) = column(  # type: ignore[valid-type]
        "by_weekday_mg_per_day_per_1000"
    )
    by_weekday_n_days: pl.List(pl.Int64) = column("by_weekday_n_days")  # type: ignore[valid-type]
    by_weekday_n_censored: pl.List(pl.Int64) = column("by_weekday_n_censored")  # type: ignore[valid-type]
    laboratories: pl.List(pl.String) = column("laboratories")  # type: ignore[valid-type]
    batches: pl.List(pl.String) = column("batches")  # type: ignore[valid-type]
    batch_shares: pl.List(pl.Float64) = column("batch_shares")  # type: ignore[valid-type]
    error_scale: float = column("error_scale", ge=1)
    expected_detects: float = column("expected_detects", nullable=True, ge=0)
    weekday_mean_mg_per_day_per_1000: float = column("weekday_mean_mg_per_day_per_1000", nullable=True, ge=0)
    weekend_mean_mg_per_day_per_1000: float = column("weekend_mean_mg_per_day_per_1000", nullable=True, ge=0)

    class Config:
        strict = True
        unique = ["site_id", "period", "drug", "protocol"]  # noqa: RUF012


class AreaPeriods(_Mean):
    """The mean of one drug over all available sites of one area and period, by one protocol."""

    level: str = column("level", isin=["area", "network"])
    unit_id: str = column("unit_id")
    unit_name: str = column("unit_name", nullable=True)
    n_sites: pl.Int64 = column("n_sites", ge=0)
    n_sites_left_out: pl.Int64 = column("n_sites_left_out", ge=0)
    n_sites_without_days: pl.Int64 = column("n_sites_without_days", ge=0)

    class Config:
        strict = True
        unique = ["level", "unit_id", "period", "drug", "protocol"]  # noqa: RUF012


class DoseTotals(_Estimated):
    """The doses of all drugs that have one, used by the inhabitants of one place over one period, by one protocol."""

    level: str = column("level", isin=["site", "area", "network"])
    unit_id: str = column("unit_id")
    unit_name: str = column("unit_name", nullable=True)
    sampling_year: pl.Int32 = column("sampling_year")
    period_kind: str = column("period_kind", isin=PERIOD_KINDS)
    period: str = column("period", str_matches=r"^\d{4}(-Q[1-4]|-\d{2})?$")
    protocol: str = column("protocol")
    doses_per_day_per_1000: float = column("doses_per_day_per_1000", nullable=True, ge=0)
    n_drugs: pl.Int64 = column("n_drugs", ge=0)
    n_sites_with_all: pl.Int64 = column("n_sites_with_all", ge=0)
    n_sites_with_some: pl.Int64 = column("n_sites_with_some", ge=0)
    drugs: pl.List(pl.String) = column("drugs")  # type: ignore[valid-type]
    drugs_left_out: pl.List(pl.String) = column("drugs_left_out")  # type: ignore[valid-type]
    reasons_left_out: pl.List(pl.String) = column("reasons_left_out")  # type: ignore[valid-type]
    factor_status: str = column("factor_status", nullable=True, isin=STATUS)
    dose_status: str = column("dose_status", nullable=True, isin=STATUS)
    is_provisional: bool = column("is_provisional")
    is_simulated: bool = column("is_simulated")

    @pa.dataframe_check(error="total_without_its_drugs")
    def names_its_drugs(cls, data: PolarsData) -> pl.LazyFrame:  # noqa: N805
        """A total stands exactly where there are drugs in it, names each, and says of each other why not."""
        return data.lazyframe.select(
            ((pl.col("n_drugs") > 0) == pl.col("doses_per_day_per_1000").is_not_null())
            & (pl.col("drugs").list.len() == pl.col("n_drugs"))
            & (pl.col("drugs_left_out").list.len() == pl.col("reasons_left_out").list.len())
        )

    class Config:
        strict = True
        unique = ["level", "unit_id", "period", "protocol"]  # noqa: RUF012
