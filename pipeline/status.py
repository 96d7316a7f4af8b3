"""What the warehouse holds, what it lacks and what is implausible: deliveries with their counts, days without flow.

No estimates are made here.
"""

from typing import NamedTuple

import polars as pl

from pipeline.plausibility import implausible
from pipeline.precedence import compared_deliveries, decisions
from pipeline.statements import sql
from pipeline.warehouse import Warehouse
from schemas.tables import MEASUREMENT_TABLES, TABLES


class Balance(NamedTuple):
    """What deliveries say that the tables hold, and what these do hold.

    Attributes:
        deliveries: rows of the table `deliveries`, sorted by file.
        tables: each table with its number of rows.
    """

    deliveries: pl.DataFrame
    tables: pl.DataFrame

    @property
    def does_add_up(self) -> bool:
        """True where in each delivery rows = accepted + quarantined, and the tables hold just these."""
        d = self.deliveries
        is_sum = bool((d["n_rows"] == d["n_accepted"] + d["n_quarantined"]).all())
        counts = dict(self.tables.iter_rows())
        accepted = sum(counts[name] for name in MEASUREMENT_TABLES)
        return is_sum and accepted == d["n_accepted"].sum() and counts["quarantine"] == d["n_quarantined"].sum()


class Status(NamedTuple):
    """The state of a warehouse.

    Attributes:
        deliveries: rows of the table `deliveries`, sorted by file.
        quarantine: rows of the table `quarantine`, sorted by file and row.
        tables: each table with its number of rows.
        missing: `site_id`, `missing` (flow or population), `n_days`, `n_results`, `first_day`, `last_day`, `days`
            (runs of days, as 2024-03-01..2024-03-07).
        stale_corrections: corrections that change nothing, for nobody believes the value they name.
        idle_decisions: decisions on numbers that no delivery holds.
        in_no_figure: `residue`, `n_results`: measured residues that lead neither to a drug by a default factor nor
            to inhabitants.
        implausible: findings of the table `plausibility`, rule by rule.
        contradictions: the pairs of deliveries that state values differently: see `sql/compared_deliveries.sql`.
        idle_delivery_decisions: decisions on deliveries that name none, or several.
    """

    deliveries: pl.DataFrame
    quarantine: pl.DataFrame
    tables: pl.DataFrame
    missing: pl.DataFrame
    stale_corrections: pl.DataFrame
    idle_decisions: pl.DataFrame
    in_no_figure: pl.DataFrame
    implausible: pl.DataFrame
    contradictions: pl.DataFrame
    idle_delivery_decisions: pl.DataFrame

    @property
    def is_simulated(self) -> bool:
        """True where any delivery is simulated."""
        return bool(self.deliveries["is_simulated"].any())

    @property
    def does_add_up(self) -> bool:
        """True where in each delivery rows = accepted + quarantined, and the tables hold just these."""
        return Balance(self.deliveries, self.tables).does_add_up


def balance(warehouse: Warehouse) -> Balance:
    """The part of the state that tells whether rows were lost."""
    counts = pl.DataFrame(
        {"table": list(TABLES), "n_rows": [warehouse.count(table) for table in TABLES]},
        schema={"table": pl.String, "n_rows": pl.Int64},
    )
    return Balance(warehouse.query("select * from deliveries order by file_name, delivery_id"), counts)


def n_without_load(warehouse: Warehouse) -> int:
    """How many results have no load, because a flow or a population is missing."""
    found = warehouse.query("select count(*) from loads where contains(coalesce(reason, ''), 'no_')")
    return int(found.item())


def status(warehouse: Warehouse) -> Status:
    """The state of a warehouse."""
    deliveries, counts = balance(warehouse)
    return Status(
        deliveries,
        warehouse.query("select * from quarantine order by file_name, sheet, row_number, source_column, rule"),
        counts,
        warehouse.query(sql("missing")),
        warehouse.query("select * from stale_corrections() order by site_id, sampled_on, residue, delivery_id"),
        warehouse.query("select * from idle_site_decisions order by numbering, site_code, site_label, delivery_id"),
        warehouse.query(
            "select residue, count(*) as n_results from loads where qualifier <> 'not measured'"
            " and residue not in (select residue from factors where is_default)"
            " and residue not in (select residue from population_markers) group by residue order by residue"
        ),
        implausible(warehouse),
        compared_deliveries(warehouse),
        decisions(warehouse)[1],
    )
