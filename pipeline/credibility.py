"""What else could have made a change? Each explanation tested, and what all of them say together.

How each is tested stands in `sql/credibility.sql`, its limits and sources in `schemas/credibility.py`.
"""

from typing import NamedTuple

import polars as pl

from pipeline.changes import Compared, between
from pipeline.periods import typed
from pipeline.statements import sql
from pipeline.warehouse import Warehouse
from schemas.credibility import EXPLANATIONS, LIMITS

CHANGE = ["level", "unit_id", "drug", "protocol"]
_ORDER = ["protocol", "level", "unit_id", "drug"]
_EXPLANATION = pl.col("explanation").replace_strict({name: place for place, name in enumerate(EXPLANATIONS)})


class Judged(NamedTuple):
    """Changes with their credibility, and the tests behind it: the rows of the tables of these names."""

    changes: pl.DataFrame
    credibility: pl.DataFrame


def of_periods(warehouse: Warehouse, baseline: str, current: str) -> Judged:
    """The changes between two periods and the tests of them: stored rows where there are any, else computed now."""
    asked = {"baseline_period": baseline, "current_period": current}
    rows, tests = (warehouse.read(table).filter(**asked) for table in ("changes", "credibility"))
    if rows.is_empty():
        return judged(warehouse, between(warehouse, baseline, current))
    return Judged(rows.sort(_ORDER), tests.sort(*_ORDER, _EXPLANATION))


def judged(warehouse: Warehouse, compared: Compared) -> Judged:
    """Tests the explanations of changes just compared in this warehouse: the view `spanned_days` is still theirs."""
    with (
        warehouse.known_as("compared_sites", compared.sites),
        warehouse.known_as("compared_changes", compared.changes),
    ):
        tests = warehouse.query(sql("credibility"), LIMITS)
    tests = typed("credibility", tests.sort(*_ORDER, _EXPLANATION))
    return Judged(_with_overall(compared.changes, tests), tests)


def _with_overall(changes: pl.DataFrame, tests: pl.DataFrame) -> pl.DataFrame:
    """A change stands where nothing was found and nothing is left untested."""
    outcome = pl.col("outcome")
    overall = tests.group_by(CHANGE).agg(
        pl.when((outcome == "all of it").any())
        .then(pl.lit("not supported"))
        .when(outcome.is_in(["part of it", "not tested"]).any())
        .then(pl.lit("stands with reservations"))
        .otherwise(pl.lit("stands"))
        .alias("overall")
    )
    return (
        changes.join(overall, on=CHANGE, how="left", maintain_order="left", validate="1:1")
        .with_columns(credibility="overall")
        .drop("overall")
    )
