"""What a row of the robustness is: one headline under one of the ways of computing it."""

import polars as pl

from schemas.change import LEVELS, VERDICTS
from schemas.columns import column
from schemas.estimates import _Estimated
from schemas.reference import BASIS

CHOICES = [
    "protocol",
    "population_method",
    "below_limit",
    "max_censored_share",
    "min_detects",
    "weekday_rule",
    "area_weights",
    "factor_set",
    "domestic_share_in_population",
    "stability",
    "net_of_other_sources",
]
"""What is varied: all choices at once by another protocol, or one of the headline's protocol and no other."""


class Robustness(_Estimated):
    """The change of one drug in one place by the protocol of the settings, under one of the ways of computing it."""

    level: str = column("level", isin=LEVELS)
    unit_id: str = column("unit_id")
    unit_name: str = column("unit_name", nullable=True)
    drug: str = column("drug")
    protocol: str = column("protocol")
    baseline_period: str = column("baseline_period")
    current_period: str = column("current_period")
    choice: str = column("choice", isin=CHOICES)
    option: str = column("option")
    is_headline: bool = column("is_headline")
    basis: str = column("basis", isin=BASIS)
    change_percent: float = column("change_percent", nullable=True, ge=-100)
    ci_low_percent: float = column("ci_low_percent", nullable=True, ge=-100)
    ci_high_percent: float = column("ci_high_percent", nullable=True, ge=-100)
    verdict: str = column("verdict", isin=VERDICTS, nullable=True)
    difference_percent_points: float = column("difference_percent_points", nullable=True)
    n_sites: pl.Int64 = column("n_sites", ge=0)
    is_same_panel: bool = column("is_same_panel")
    is_provisional: bool = column("is_provisional")
    is_simulated: bool = column("is_simulated")

    class Config:
        strict = True
        unique = ["level", "unit_id", "drug", "protocol", "choice", "option"]  # noqa: RUF012
