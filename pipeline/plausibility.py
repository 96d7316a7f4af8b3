"""The findings of plausibility, in the order people read them. How they are made: `sql/plausibility.sql`."""

import polars as pl

from pipeline.warehouse import Warehouse
from schemas.plausibility import RULES


def implausible(warehouse: Warehouse, *, rule: str | None = None, site_id: str | None = None) -> pl.DataFrame:
    """Rows of the table `plausibility`: by rule in the order of `RULES`, and of each those furthest off first.

    Parameters: `rule` and `site_id` of those wanted, all where left out.
    """
    found = warehouse.query(
        "select * from plausibility where rule = coalesce($rule, rule) and site_id = coalesce($site_id, site_id)",
        {"rule": rule, "site_id": site_id},
    )
    place = pl.col("rule").replace_strict({rule: place for place, rule in enumerate(RULES)}, return_dtype=pl.Int32)
    value, low, high = pl.col("value"), pl.col("expected_low"), pl.col("expected_high")
    # How many times the bound it lies beyond; deviations, whose lower bound is negative, against that one.
    times = pl.when(value > high).then(value / high).when(low < 0).then(value / low).otherwise(low / value)
    return found.sort(
        place, -times, "site_id", "sampling_year", "sampled_on", "weekday", "residue", nulls_last=True,
        maintain_order=True,
    )  # fmt: skip
