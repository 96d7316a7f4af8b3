"""The code location: every asset, check, job, schedule and sensor, listed by hand."""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from assets.change import change, event_effects, robustness, targets, trends
from assets.checks import MODEL_CHECKS, REMARKS, nothing_is_implausible, nothing_is_lost
from assets.estimates import (
    area_periods,
    consumption,
    day_spreads,
    dose_totals,
    loads,
    plausibility,
    population_estimates,
    site_periods,
)
from assets.intake import intake
from assets.jobs import inbox, monitoring, weekly
from assets.publication import computed_from, publication
from assets.reference import reference
from assets.resources import LockedWorkspace


def build_defs(*, resources: Mapping[str, Any] | None = None) -> dg.Definitions:
    """Fresh definitions; `resources` replaces what assets get from outside, by name (`workspace`)."""
    return dg.Definitions(
        assets=[
            intake,
            reference,
            population_estimates,
            loads,
            plausibility,
            consumption,
            day_spreads,
            site_periods,
            area_periods,
            dose_totals,
            change,
            robustness,
            targets,
            trends,
            event_effects,
            computed_from,
            publication,
        ],
        asset_checks=[*MODEL_CHECKS, nothing_is_implausible, *REMARKS, nothing_is_lost],
        jobs=[monitoring],
        schedules=[weekly],
        sensors=[inbox],
        executor=dg.in_process_executor,  # of single assets too: a run is one process, which holds the lock
        resources={"workspace": LockedWorkspace(), **(resources or {})},
    )


defs = build_defs()
