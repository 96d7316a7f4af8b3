"""Where the mean of one site over a period comes from."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import polars as pl

from pipeline.explain.cells import Archive
from pipeline.explain.refusals import refuse
from pipeline.explain.steps import Part, Step, dose_of, factor_of, parts_of, step_of
from pipeline.factors import markers_behind
from pipeline.periods import expected_days, mean_of_series
from pipeline.statements import sql
from pipeline.warehouse import Warehouse
from schemas.protocol import OF_SERIES

_PARTS_OF_A_PERIOD = ("days", "spread", "batch", "laboratory", "flow", "population", "factor")
"""The parts of the variance of a mean over a period, as its columns name them. Missing weekdays come on top."""


class PeriodExplained(NamedTuple):
    """The mean of a period and the days it is made of.

    Attributes:
        days: each with its amount and the cells it comes from; `text` is what is written in these, one after the other.
            Where the protocol infers what lies below a limit, that is the amount of such a day.
        budget: what the interval is made of, the largest part first; nothing where there is none.
        n_read_again, n_as_archived: how many of these cells the archive still holds, and still says the same.
        steps: the mean in doses, as a mass and per 1000 inhabitants aged 15 to 64, as far as there are such figures.
        dose: the dose the figure in doses rests on; None where there is no such figure.
        markers: as those of a day.
    """

    figure: dict[str, Any]
    factor: dict[str, Any]
    rule: str
    days: pl.DataFrame
    result: float | None
    n_read_again: int
    n_as_archived: int
    budget: list[Part]
    steps: list[Step]
    dose: dict[str, Any] | None
    markers: list[dict[str, Any]]

    @property
    def agrees(self) -> bool:
        """True where the days give the mean the warehouse holds, and the mean what it holds in other units."""
        stored = self.figure["mean_mg_per_day_per_1000"]
        return Step("", "", "", self.result, stored).agrees and all(step.agrees for step in self.steps)


def explain_period(
    warehouse: Warehouse, archive: Archive, site_id: str, drug: str, period: str, protocol: str
) -> PeriodExplained:
    """The mean of one drug at one site over one period, by one protocol, with the days it is made of.

    Raises `ExplainError` where there is no such figure; the message says which there are.
    """
    asked = {"site": site_id, "drug": drug, "period": period, "protocol": protocol}
    found = warehouse.query(
        "select s.*, p.weekday_rule, p.below_limit from site_periods s join protocols p using (protocol)"
        " where site_id = $site and drug = $drug and period = $period and protocol = $protocol",
        asked,
    )
    if found.is_empty():
        refuse(warehouse, asked)
    figure = found.row(0, named=True)
    days = warehouse.query(sql("days_of_period"), asked)
    expected = expected_days(warehouse, figure)
    if expected.height:
        days = days.join(expected, on=["sampled_on", "weekday"], how="left", nulls_equal=True, maintain_order="left")
        days = days.with_columns(amount_mg_per_day_per_1000=pl.coalesce("amount_mg_per_day_per_1000", "expected")).drop(
            "expected"
        )
    is_by_weekday = figure["weekday_rule"] == "weekday_means" and days["weekday"].n_unique() == 7
    amounts = days.group_by("weekday").agg(pl.col("amount_mg_per_day_per_1000").mean()).sort("weekday")
    result = None
    if figure["state"] == "estimated":
        of = amounts if is_by_weekday else days
        result = float(of["amount_mg_per_day_per_1000"].mean())  # type: ignore[arg-type]
    rule = "mean of the seven weekdays' means" if is_by_weekday else "mean of the days"
    if figure["below_limit"] in OF_SERIES:
        rule = f"mean of the days by {figure['below_limit'].replace('_', ' ')}"
        result = mean_of_series(warehouse, figure)
    again = [
        (archive.text_of(cell["delivery_id"], cell["profile"], cell["sheet"], cell["cell"]), cell["text"])
        for cell in days["cells"].explode().drop_nulls()
    ]
    held = [(now, then) for now, then in again if now is not None]
    budget = budget_of_period(warehouse, figure)
    n_as_archived = sum(now == then for now, then in held)
    factor, dose = factor_of(warehouse, figure), dose_of(warehouse, figure)
    steps = _in_other_units(warehouse, figure, dose)
    markers = markers_behind(warehouse, period, "site", site_id, drug, protocol).to_dicts()
    return PeriodExplained(figure, factor, rule, days, result, len(held), n_as_archived, budget, steps, dose, markers)


def budget_of_period(warehouse: Warehouse, figure: Mapping[str, Any]) -> list[Part]:
    """The parts of the interval of a row of `site_periods` or `area_periods`."""
    bias = figure["weekdays_log_bias"]
    parts = {name: figure[f"{name}_log_variance"] for name in _PARTS_OF_A_PERIOD}
    return parts_of(warehouse, parts | {"weekdays": None if bias is None else bias**2})


def _in_other_units(warehouse: Warehouse, figure: Mapping[str, Any], dose: Mapping[str, Any] | None) -> list[Step]:
    """The mean of a site's period in doses, as a mass and per 1000 inhabitants aged 15 to 64."""
    share = warehouse.query(
        "select share_aged_15_to_64 from current_sites where site_id = $site", {"site": figure["site_id"]}
    ).item()
    # Of inhabitants counted each day the mean of the days' masses is no product of means.
    differs = warehouse.query(
        "select count(distinct population) > 1 from consumption"
        " where site_id = $site_id and drug = $drug and protocol = $protocol and sampling_year = $sampling_year",
        {name: figure[name] for name in ("site_id", "drug", "protocol", "sampling_year")},
    ).item()
    divided = (
        ("doses_per_day_per_1000", dose["dose_mg"] if dose else None, "doses_per_day_per_1000"),
        ("mass_mg_per_day", None if differs else figure["population"], "mass_mg_per_day"),
        ("mg_per_day_per_1000_aged_15_to_64", share, "mean_mg_per_day_per_1000_aged_15_to_64"),
    )
    mean = figure["mean_mg_per_day_per_1000"]
    steps = [step_of(warehouse, macro, [mean, by], figure[stored]) for macro, by, stored in divided]
    return [step for step in steps if step.result is not None or (step.stored is not None and not differs)]
