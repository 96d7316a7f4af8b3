"""Where the mean over an area, or over all sites, comes from: its sites, their weights, the parts of its interval.

The figures of single sites are explained by `explain.py`.
"""

from typing import Any, NamedTuple

import polars as pl

from pipeline.explain import PARTS_OF_A_PERIOD, ExplainError, Part, Step, parts_of
from pipeline.warehouse import Warehouse, sql


class AreaExplained(NamedTuple):
    """The mean over an area and the sites it is made of.

    Attributes:
        figure: the row of `area_periods`.
        sites: each site of the area with days: its mean [mg/day/1000], inhabitants, share of the weights and of the
            amount, state and reason. Those without a figure have no share.
        rule: how the sites are put together.
        result: what they give [mg/day/1000].
        budget: what the interval is made of, the largest part first; nothing where there is none.
    """

    figure: dict[str, Any]
    sites: pl.DataFrame
    rule: str
    result: float | None
    budget: list[Part]

    @property
    def agrees(self) -> bool:
        """True where the sites give the mean the warehouse holds."""
        return Step("", "", "", self.result, self.figure["mean_mg_per_day_per_1000"]).agrees


def level_of(warehouse: Warehouse, unit_id: str) -> str | None:
    """`area` or `network` where that is what a name stands for, and no site has it; else None."""
    found = warehouse.query(
        "select distinct level from area_of_site where unit_id = $unit"
        " and $unit not in (select site_id from current_sites) order by level",
        {"unit": unit_id},
    )
    return None if found.is_empty() else found["level"][0]


def explain_area(warehouse: Warehouse, unit_id: str, drug: str, period: str, protocol: str) -> AreaExplained:
    """The mean of one drug over one area, or all sites, in one period, by one protocol.

    Parameters: `unit_id` an area, or network.
    Raises `ExplainError` where there is no such figure; the message says which there are.
    """
    level = level_of(warehouse, unit_id)
    asked = {"level": level, "unit": unit_id, "drug": drug, "period": period, "protocol": protocol}
    found = warehouse.query(
        "select a.*, p.area_weights from area_periods a join protocols p using (protocol) where level = $level"
        " and unit_id = $unit and drug = $drug and period = $period and protocol = $protocol",
        asked,
    )
    if found.is_empty():
        _refuse(warehouse, asked)
    figure = found.row(0, named=True)
    sites = warehouse.query(sql("sites_of_area"), asked)
    of = sites.filter(pl.col("weight_share").is_not_null())
    is_there = figure["state"] == "estimated" and not of.is_empty()
    result = float((of["mean_mg_per_day_per_1000"] * of["weight_share"]).sum()) if is_there else None
    by = "weighed by inhabitants" if figure["area_weights"] == "population" else "all alike"
    budget = parts_of(warehouse, {name: figure[f"{name}_log_variance"] for name in PARTS_OF_A_PERIOD})
    return AreaExplained(figure, sites, f"mean of the sites, {by}", result, budget)


def _refuse(warehouse: Warehouse, asked: dict[str, Any]) -> None:
    """Raises with the first of what was asked for that there is not, and what there is instead."""
    figures = warehouse.query(
        "select distinct protocol, drug, period from area_periods where level = $level and unit_id = $unit",
        {"level": asked["level"], "unit": asked["unit"]},
    )
    for name in figures.columns:
        there = sorted(figures[name].unique())
        if asked[name] not in there:
            shown = ", ".join(there[:8]) + (f" ... {there[-1]}" if len(there) > 8 else "")
            raise ExplainError(f"there is no {name} {asked[name]!r} of {asked['unit']}; there are {shown or 'none'}")
    raise ExplainError(f"there is no figure of {asked['drug']} in {asked['period']}: see 'permille levels'")
