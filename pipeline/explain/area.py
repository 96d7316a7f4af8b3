"""Where the mean over an area, or over all sites, comes from: its sites, their weights, the parts of its interval.

The figures of single sites are explained by `period.py`.
"""

from typing import Any, NamedTuple

import polars as pl

from pipeline.estimates import protocols_without_figures
from pipeline.explain.period import budget_of_period
from pipeline.explain.refusals import ExplainError
from pipeline.explain.steps import Part, Step, dose_of, factor_of
from pipeline.factors import markers_behind
from pipeline.nearest import instead
from pipeline.statements import sql
from pipeline.warehouse import Warehouse


class AreaExplained(NamedTuple):
    """The mean over an area and the sites it is made of.

    Attributes:
        figure: the row of `area_periods`.
        sites: each site of the area with days: its mean [mg/day/1000], inhabitants, share of the weights and of the
            amount, state and reason. Those without a figure have no share.
        rule: how the sites are put together.
        result: what they give [mg/day/1000].
        budget: what the interval is made of, the largest part first; nothing where there is none.
        factor: the row of the factors the figure rests on; of a residue load the one that it would.
        dose: the dose the figure in doses rests on; None where there is no such figure.
        markers: `population_method`, `marker_status` of markers nobody has verified by which inhabitants are counted.
    """

    figure: dict[str, Any]
    sites: pl.DataFrame
    rule: str
    result: float | None
    budget: list[Part]
    factor: dict[str, Any]
    dose: dict[str, Any] | None
    markers: list[dict[str, Any]]

    @property
    def agrees(self) -> bool:
        """True where the sites give the mean the warehouse holds."""
        return Step("", "", "", self.result, self.figure["mean_mg_per_day_per_1000"]).agrees


def explain_area(
    warehouse: Warehouse, level: str, unit_id: str, drug: str, period: str, protocol: str
) -> AreaExplained:
    """The mean of one drug over one area, or all sites, in one period, by one protocol.

    Parameters: `level` area or network.
    Raises `ExplainError` where there is no such figure; the message says which there are.
    """
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
    budget = budget_of_period(warehouse, figure)
    factor, dose = factor_of(warehouse, figure), dose_of(warehouse, figure)
    markers = markers_behind(warehouse, period, level, unit_id, drug, protocol).to_dicts()
    return AreaExplained(figure, sites, f"mean of the sites, {by}", result, budget, factor, dose, markers)


def _refuse(warehouse: Warehouse, asked: dict[str, Any]) -> None:
    """Raises with the first of what was asked for that there is not, and what there is instead."""
    figures = warehouse.query(
        "select distinct protocol, drug, period from area_periods where level = $level and unit_id = $unit",
        {"level": asked["level"], "unit": asked["unit"]},
    )
    nothing = protocols_without_figures(warehouse, asked["period"]).filter(pl.col("protocol") == asked["protocol"])
    if not nothing.is_empty() and asked["period"] in figures["period"]:
        method = f", which counts inhabitants by {m}," if (m := nothing["population_method"][0]) else ""
        raise ExplainError(
            f"protocol {asked['protocol']}{method} has no figure of anything in {asked['period']}",
            reason=nothing["reason"][0],
        )
    for name in figures.columns:
        there = sorted(figures[name].unique())
        if asked[name] not in there:
            raise ExplainError(
                f"there is no {name} {asked[name]!r} of {asked['unit']}{instead(asked[name], there)}",
                is_wrong_usage=name in ("protocol", "drug"),
            )
    raise ExplainError(f"there is no figure of {asked['drug']} in {asked['period']}: see 'permille levels'")
