"""What a row of the trends is: where a drug has been going over many periods, by one test."""

import polars as pl

from schemas.change import LEVELS
from schemas.columns import column
from schemas.estimates import PERIOD_KINDS, _Estimated
from schemas.reference import BASIS

METHODS = ["mann_kendall", "hamed_rao", "seasonal_kendall", "hirsch_slack", "akritas_theil_sen"]
DIRECTIONS = ["falling", "rising", "no trend detected", "not estimable"]


class Trends(_Estimated):
    """The trend of a drug at a site, in an area or in the network, over its years, quarters or months, by one test."""

    level: str = column("level", isin=LEVELS)
    unit_id: str = column("unit_id")
    unit_name: str = column("unit_name", nullable=True)
    drug: str = column("drug")
    residue: str = column("residue")
    protocol: str = column("protocol")
    basis: str = column("basis", isin=BASIS)
    period_kind: str = column("period_kind", isin=PERIOD_KINDS)
    method: str = column("method", isin=METHODS)
    is_preferred: bool = column("is_preferred")
    first_period: str = column("first_period")
    last_period: str = column("last_period")
    n_periods: pl.Int64 = column("n_periods", ge=1)
    n_censored_periods: pl.Int64 = column("n_censored_periods", ge=0)
    n_periods_left_out: pl.Int64 = column("n_periods_left_out", ge=0)
    n_sites: pl.Int64 = column("n_sites", ge=0)
    n_sites_left_out: pl.Int64 = column("n_sites_left_out", ge=0)
    panel_share: float = column("panel_share", ge=0, le=1)
    panel: str = column("panel")
    slope_mg_per_day_per_1000_per_year: float = column("slope_mg_per_day_per_1000_per_year", nullable=True)
    ci_low_mg_per_day_per_1000_per_year: float = column("ci_low_mg_per_day_per_1000_per_year", nullable=True)
    ci_high_mg_per_day_per_1000_per_year: float = column("ci_high_mg_per_day_per_1000_per_year", nullable=True)
    slope_percent_per_year: float = column("slope_percent_per_year", nullable=True)
    tau: float = column("tau", nullable=True, ge=-1, le=1)
    p_value: float = column("p_value", nullable=True, ge=0, le=1)
    p_adjusted: float = column("p_adjusted", nullable=True, ge=0, le=1)
    direction: str = column("direction", isin=DIRECTIONS)
    level_changes: str = column("level_changes", nullable=True)
    is_provisional: bool = column("is_provisional")
    is_simulated: bool = column("is_simulated")

    class Config:
        strict = True
        unique = ["level", "unit_id", "drug", "protocol", "period_kind", "method"]  # noqa: RUF012
