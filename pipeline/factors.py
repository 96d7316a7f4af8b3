"""Factor sets listed and compared: what a set says, what another says otherwise, and what that does to current figures.

Nothing is stored, and no factor is computed here: the macros of the warehouse are asked.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import duckdb
import polars as pl

from pipeline import estimates
from pipeline.settings import Settings
from pipeline.statements import sql
from pipeline.warehouse import Warehouse
from schemas.reference_data import load_doses, load_factors

_NOBODY = pl.DataFrame(
    schema={
        "drug": pl.String,
        "factor_status": pl.String,
        "residue": pl.String,
        "mean_mg_per_day_per_1000": pl.Float64,
        "reason": pl.String,
        "is_simulated": pl.Boolean,
        "correction_factor": pl.Float64,
    }
)


class Now(NamedTuple):
    """The figures that are published now: the network's means by the protocol of the settings.

    Attributes:
        basis: that of the protocol; residue loads rest on no factor, and `means` is empty.
        baseline, period: the periods compared; `baseline` None where there is one only.
        means: `drug`, `residue`, `mean_mg_per_day_per_1000`, the `reason` where there is none, `is_simulated`, and the
            `correction_factor` it rests on.
        factor_set: the set of the protocol, which the figures rest on.
    """

    protocol: str
    basis: str
    baseline: str | None
    period: str
    means: pl.DataFrame
    factor_set: str


@contextmanager
def _formula() -> Iterator[duckdb.DuckDBPyConnection]:
    """A database that knows the macros and nothing else."""
    with duckdb.connect() as connection:
        connection.execute(sql("macros"))
        yield connection


def factor_set(name: str, own: Path | None = None) -> pl.DataFrame:
    """All rows of a factor set in the order of its file, with their correction factors, and the doses of their drugs.

    Parameters: `own` the folder of an office's own sets.
    Raises `FactorError` where there is no such set, or it cannot be used.

    >>> factor_set("2026").filter(pl.col("residue") == "benzoylecgonine")["correction_factor"].round(3).item()
    3.615
    """
    with _formula() as connection:
        connection.register("factors", load_factors(name, own).with_row_index("place").to_arrow())
        connection.register("doses", load_doses(name, own).to_arrow())
        return connection.execute(sql("listed_factors")).pl()


def compared(a: str, b: str, own: Path | None = None, now: Now | None = None) -> pl.DataFrame:
    """Two factor sets, row by row, and what each would make of the figures of `now`.

    `ratio` is the correction factor of `b` over that of `a`; `differs` names what else differs. The means of `a` and
    `b` are empty where the figure of now rests on another residue than the set computes the drug from, or on none.
    Raises `FactorError` where there is no such set, or one cannot be used.

    >>> compared("2026", "older").filter(pl.col("drug") == "mdma").select("differs", pl.col("ratio").round(3)).rows()
    [('fraction, source', 0.346)]
    """
    with _formula() as connection:
        for name, chosen in (("a", a), ("b", b)):
            connection.register(name, factor_set(chosen, own).with_row_index("place").to_arrow())
        connection.register("now", (now.means if now else _NOBODY).to_arrow())
        bound = {"a": a, "b": b, "period": now.period if now else None}
        return connection.execute(sql("compared_factors"), bound).pl()


def published_now(warehouse: Warehouse, settings: Settings) -> Now | None:
    """The figures of a published copy that rest on factors; None where there are no figures yet.

    Raises `PeriodError` where a period of the settings has no data.
    """
    there = [period for period in estimates.periods(warehouse) if len(period) == 4]
    asked = "select basis, factor_set from protocols where protocol = $p"
    found = warehouse.query(asked, {"p": settings.protocol})
    if not there or found.is_empty():
        return None
    baseline, period = estimates.chosen_periods(warehouse, settings) or (None, there[-1])
    means = warehouse.query(sql("network_means"), {"period": period, "protocol": settings.protocol})
    basis, of_set = found.row(0)
    return Now(settings.protocol, basis, baseline, period, means, of_set)


def markers_behind(
    warehouse: Warehouse,
    period: str,
    level: str | None = None,
    unit: str | None = None,
    drug: str | None = None,
    protocol: str | None = None,
) -> pl.DataFrame:
    """The markers nobody has verified by which inhabitants behind figures are counted: `population_method`, status.

    Parameters: `period` or a day; what is left out is any.
    """
    asked = {"period": period, "level": level, "unit": unit, "drug": drug, "protocol": protocol}
    return warehouse.query(sql("markers_behind"), asked)


def with_factor_status(warehouse: Warehouse, rows: pl.DataFrame) -> pl.DataFrame:
    """Rows with a protocol, a drug and a residue, and the status of the factor behind each: empty for residue loads."""
    status = warehouse.query(sql("factor_statuses"))
    return rows.join(status, on=["protocol", "drug", "residue"], how="left", maintain_order="left")
