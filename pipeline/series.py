"""Levels period by period, over whichever sites there are or over those that are there in all of them. No formulas."""

from typing import Literal

import numpy as np
import polars as pl

from pipeline import spans
from pipeline.periods import area_means
from pipeline.statistics.smooth import smooth
from pipeline.warehouse import Warehouse

Panel = Literal["available", "complete"]
Weights = Literal["population", "none"]
_SMOOTH = ("smooth_mg_per_day_per_1000", "smooth_low_mg_per_day_per_1000", "smooth_high_mg_per_day_per_1000")
_BY_LIMITS = ("at_least_mg_per_day_per_1000", "at_most_mg_per_day_per_1000")
_COLUMNS = (
    "level", "unit_id", "unit_name", "drug", "residue", "protocol", "basis", "period_kind", "period",
    "mean_mg_per_day_per_1000", "ci_low_mg_per_day_per_1000", "ci_high_mg_per_day_per_1000",
    *_BY_LIMITS, "n_sites", "n_sites_left_out", "panel", "area_weights", "n_days", "n_censored", *_SMOOTH, "state",
    "reason", "flags", "is_provisional", "is_simulated",
)  # fmt: skip

_SITES = """
from sites_of_series(
    (select drug from choices), (select protocol from choices), (select kind from choices), (select first from choices),
    (select last from choices), (select is_complete from choices), (select weights from choices)
)
"""
_PANELS = """
select level, unit_id, period, string_agg(site_id, ';' order by site_id) as panel
from averaged_sites
where state = 'estimated' and weight is not null
group by all
"""


_FIRST, _LAST = "0000", "9999-12"


def series(
    warehouse: Warehouse, level: str, drug: str, protocol: str, kind: str, *,
    panel: Panel = "available", weights: Weights | None = None, first: str | None = None, last: str | None = None,
) -> pl.DataFrame:  # fmt: skip
    """The level of one drug in each period of a kind.

    Parameters
    ----------
    level : str
        `site`, `area` or `network`.
    drug, protocol : str
        Which.
    kind : str
        `year`, `quarter` or `month`.
    panel : str
        `available`: of each period the sites that have a mean in it; `complete`: the sites that have one in every
        period in which any has, with the weights of the first of them.
    weights : str, optional
        `population` or `none`; as the protocol has it if left out.
    first, last : str, optional
        The first and last period.

    Returns
    -------
    polars.DataFrame
        One row a place and period, sorted by both, with `panel`, the sites a mean is over, how many others were
        measured then (`n_sites_left_out`), what limits alone say of the mean of all of them, and a smooth curve with
        its 95 % band, to be looked at. [mg/day/1000]
    """
    bound = {
        "drug": drug, "protocol": protocol, "kind": kind, "first": first or _FIRST, "last": last or _LAST,
    }  # fmt: skip
    if level == "site":
        rows = warehouse.query(
            "select 'site' as level, s.site_id as unit_id, coalesce(c.site_name, s.site_id) as unit_name, s.*,"
            " 1 as n_sites, 0 as n_sites_left_out, s.site_id as panel, 'none' as area_weights"
            " from site_periods s left join current_sites c using (site_id)"
            " where drug = $drug and protocol = $protocol and period_kind = $kind and period between $first and $last",
            bound,
        )
    else:
        rows, panels = _of_areas(warehouse, bound, weights, is_complete=panel == "complete")
        if panel == "complete":
            # What limits say is of all that were measured: without the sites that fell below theirs a panel fell less.
            every, _ = _of_areas(warehouse, bound, weights, is_complete=False)
            known = every.select(*_PLACE, *_BY_LIMITS, n_measured=pl.col("n_sites") + pl.col("n_sites_left_out"))
            rows = rows.drop(*_BY_LIMITS).join(known, on=_PLACE, how="left", validate="1:1")
            rows = rows.with_columns(n_sites_left_out=pl.col("n_measured") - pl.col("n_sites"))
        rows = rows.filter(pl.col("level") == level)
        rows = rows.join(panels, on=_PLACE, how="left").with_columns(pl.col("panel").fill_null(""))
    counts = pl.col("n_sites", "n_sites_left_out", "n_days", "n_censored").cast(pl.Int64)
    rows = rows.with_columns(counts).sort("unit_id", "period")
    return pl.concat(
        [_smoothed(part) for part in rows.partition_by("unit_id", maintain_order=True)] or [_smoothed(rows)]
    ).select(_COLUMNS)


_PLACE = ["level", "unit_id", "period"]


def _of_areas(
    warehouse: Warehouse, bound: dict[str, str], weights: Weights | None, *, is_complete: bool
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The means of all areas and of the network, and the sites each is over."""
    # A view takes no bound values: they lie beside it.
    chosen = pl.DataFrame(
        [{**bound, "is_complete": is_complete, "weights": weights}], schema_overrides={"weights": pl.String}
    )
    with warehouse.known_as("choices", chosen):
        warehouse.define("averaged_sites", _SITES)
        return area_means(warehouse), warehouse.query(_PANELS)


def _smoothed(rows: pl.DataFrame) -> pl.DataFrame:
    """A series with its smooth curve, on the log scale; of few means, or of zeros, there is none."""
    is_shown = rows.select((pl.col("state") == "estimated") & (pl.col("mean_mg_per_day_per_1000") > 0)).to_series()
    shown = rows.filter(is_shown)
    time = np.array([spans.middle(period).toordinal() / 365.25 for period in shown["period"]])
    curves = np.full((len(_SMOOTH), rows.height), np.nan)
    curves[:, is_shown.to_numpy()] = np.exp(smooth(time, np.log(shown["mean_mg_per_day_per_1000"].to_numpy())))
    return rows.with_columns(pl.Series(name, curve).fill_nan(None) for name, curve in zip(_SMOOTH, curves, strict=True))
