"""What a row of the targets is: how far a drug shall fall by when, and how far it is."""

import polars as pl

from schemas.change import LEVELS, OVERALL
from schemas.columns import column
from schemas.estimates import _Estimated

OUTCOMES = ["met", "not met", "undecided", "not estimable"]
PACES = ["on track", "behind", "undecided", "not estimable"]


class Targets(_Estimated):
    """A target of the settings: a fall that is asked for by a day, how far it is, and whether it is met now."""

    target_number: pl.Int64 = column("target_number", ge=1)
    target_name: str = column("target_name")
    level: str = column("level", isin=LEVELS, nullable=True)
    unit_id: str = column("unit_id")
    unit_name: str = column("unit_name", nullable=True)
    drug: str = column("drug")
    drug_name: str = column("drug_name")
    protocol: str = column("protocol")
    baseline_period: str = column("baseline_period")
    current_period: str = column("current_period", nullable=True)
    deadline: pl.Date = column("deadline")
    aim_percent: float = column("aim_percent", gt=-100, lt=0)
    change_percent: float = column("change_percent", nullable=True, ge=-100)
    ci_low_percent: float = column("ci_low_percent", nullable=True, ge=-100)
    ci_high_percent: float = column("ci_high_percent", nullable=True, ge=-100)
    progress_percent: float = column("progress_percent", nullable=True)
    expected_by_now_percent: float = column("expected_by_now_percent", nullable=True, ge=-100, le=0)
    probability_met: float = column("probability_met", nullable=True, ge=0, le=1)
    probability_on_track: float = column("probability_on_track", nullable=True, ge=0, le=1)
    outcome: str = column("outcome", isin=OUTCOMES, nullable=True)
    pace: str = column("pace", isin=PACES, nullable=True)
    credibility: str = column("credibility", isin=OVERALL, nullable=True)
    is_provisional: bool = column("is_provisional")
    is_simulated: bool = column("is_simulated")

    class Config:
        strict = True
        unique = ["target_number"]  # noqa: RUF012
