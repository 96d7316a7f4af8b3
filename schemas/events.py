"""What a row of the effects of events is: what one did to the use of one drug, by one protocol, beside one control."""

import pandera.polars as pa
import polars as pl
from pandera.api.polars.types import PolarsData

from schemas.change import VERDICTS
from schemas.columns import column
from schemas.estimates import _Estimated
from schemas.intake import EVENT_KINDS

CONTROLS = ["areas", "drugs", "none"]
"""What tells how use would have gone on, the most trustworthy first."""
DESIGNS = ["step", "pulse"]
KINDS_OF_PERIODS = ["week", "month", "quarter"]


class EventEffects(_Estimated):
    """What an event did to the use of one drug where it happened, by one protocol, beside one control."""

    event_id: str = column("event_id")
    event_name: str = column("event_name")
    event_kind: str = column("event_kind", isin=EVENT_KINDS)
    starts_on: pl.Date = column("starts_on")
    ends_on: pl.Date = column("ends_on", nullable=True)
    areas: str = column("areas")
    drug: str = column("drug")
    protocol: str = column("protocol")
    event_control: str = column("event_control", isin=CONTROLS)
    event_design: str = column("event_design", isin=DESIGNS)
    period_kind: str = column("period_kind", isin=KINDS_OF_PERIODS, nullable=True)
    n_periods_outside: pl.Int64 = column("n_periods_outside", ge=0)
    n_periods_within: pl.Int64 = column("n_periods_within", ge=0)
    n_sites: pl.Int64 = column("n_sites", ge=0)
    panel: str = column("panel")
    n_control_sites: pl.Int64 = column("n_control_sites", ge=0)
    control_drugs: str = column("control_drugs")
    effect_percent: float = column("effect_percent", nullable=True, ge=-100)
    ci_low_percent: float = column("ci_low_percent", nullable=True, ge=-100)
    ci_high_percent: float = column("ci_high_percent", nullable=True, ge=-100)
    p_value: float = column("p_value", nullable=True, ge=0, le=1)
    p_adjusted: float = column("p_adjusted", nullable=True, ge=0, le=1)
    verdict: str = column("verdict", isin=VERDICTS, nullable=True)
    smallest_detectable_fall_percent: float = column("smallest_detectable_fall_percent", nullable=True, ge=0, le=100)
    neighbour_correlation: float = column("neighbour_correlation", nullable=True, ge=0, le=1)
    n_placebos: pl.Int64 = column("n_placebos", ge=0)
    n_placebos_as_large: pl.Int64 = column("n_placebos_as_large", ge=0)
    placebo_effects_percent: pl.List(pl.Float64) = column("placebo_effects_percent")  # type: ignore[valid-type]
    placebo_p_value: float = column("placebo_p_value", nullable=True, gt=0, le=1)
    is_preferred: bool = column("is_preferred")
    is_provisional: bool = column("is_provisional")
    is_simulated: bool = column("is_simulated")

    @pa.dataframe_check(error="estimate_without_effect")
    def estimated_has_effect(cls, data: PolarsData) -> pl.LazyFrame:  # noqa: N805
        """An effect stands exactly where it could be estimated."""
        return data.lazyframe.select(
            (pl.col("state") == "estimated") == pl.col("effect_percent").is_finite().fill_null(value=False)
        )

    class Config:
        strict = True
        unique = ["event_id", "drug", "protocol", "event_control"]  # noqa: RUF012
