"""What the next campaign would see, by the spread of a drug's days here and the errors of batches. No statistics.

The formulas stand in `statistics/planning.py`.
"""

from typing import NamedTuple

import numpy as np
import polars as pl

from pipeline.statements import sql
from pipeline.statistics.planning import days_needed, limit_of_days, power, smallest_fall
from pipeline.warehouse import Warehouse

DAYS = (2, 3, 5, 7, 10, 14, 21, 28, 56, 91)
"""Days a site and period that are tabled."""
FALLS = (5, 10, 15, 20, 25, 30, 40, 50)
"""Falls that are tabled [%]."""


class PlanError(ValueError):
    """A place or drug of which too little is known to plan by; the message says why."""


class Basis(NamedTuple):
    """What a plan rests on.

    Attributes:
        drug, place, period: of what, where, and the period its days are from.
        n_sites: sites with a mean there.
        n_sites_effective: how many alike sites would leave as much in doubt: fewer where some have most of the amount.
        daily_log_sd: standard deviation of the logarithm of a day about level and rhythm, of these sites together.
        batch_rsd: of a laboratory's batch.
        is_simulated: whether any of it is.
    """

    drug: str
    place: str
    period: str
    n_sites: int
    n_sites_effective: float
    daily_log_sd: float
    batch_rsd: float
    is_simulated: bool

    @property
    def shared_log_variance(self) -> float:
        """Of a change between two batches, however many sites and days they hold."""
        return 2 * self.batch_rsd**2


def basis_of(warehouse: Warehouse, drug: str, protocol: str, level: str, unit_id: str, year: int) -> Basis:
    """What is known of a drug's days at a site, in an area or in the network.

    Raises `PlanError` where no site there has a mean in the year, or the protocol learns no spread of days.
    """
    found = warehouse.query(
        sql("spread_of_place"),
        {"drug": drug, "protocol": protocol, "level": level, "unit": unit_id, "year": year},
    ).row(0, named=True)
    if not found["n_sites"]:
        raise PlanError(
            f"no site has a mean of {drug} in {year} by the protocol {protocol} with the spread of its days: name"
            " another year, or the protocol permille"
        )
    rsd = warehouse.query("select max(rsd) as rsd from uncertainties where component = 'batch'")["rsd"].item()
    return Basis(
        drug, unit_id, str(year), int(found["n_sites"]), float(found["n_sites_effective"]),
        float(found["daily_log_sd"]), float(rsd), bool(found["is_simulated"]),
    )  # fmt: skip


def plan(basis: Basis, wanted_power: float = 0.8) -> pl.DataFrame:
    """What so many days a site and period would see.

    Returns
    -------
    polars.DataFrame
        One row a number of days: `n_days`, `smallest_fall_percent` (seen with the wanted power), and
        `power_of_a_fall_of_X_percent` [1] for the falls of `FALLS`.
    """
    days = np.array(DAYS, dtype=np.float64)
    of = (basis.daily_log_sd, basis.n_sites_effective, basis.shared_log_variance)
    return pl.DataFrame(
        {
            "n_days": list(DAYS),
            "smallest_fall_percent": 100 * smallest_fall(days, *of, wanted_power),
            **{
                f"power_of_a_fall_of_{fall}_percent": power(np.full(len(days), fall / 100), days, *of) for fall in FALLS
            },
        }
    )


def days_for(basis: Basis, fall_percent: float, wanted_power: float = 0.8) -> int | None:
    """Days a site and period that see a fall with the wanted power; None where no number of them does."""
    of = (basis.daily_log_sd, basis.n_sites_effective, basis.shared_log_variance)
    return days_needed(fall_percent / 100, *of, wanted_power)


def out_of_reach(basis: Basis, wanted_power: float = 0.8) -> float:
    """The fall below which more days are useless, and better control samples are not [%]."""
    return 100 * limit_of_days(basis.shared_log_variance, wanted_power)
