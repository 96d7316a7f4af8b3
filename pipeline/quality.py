"""Do the tables hold what their models promise? Asked by the asset checks, and again before anything is published.

No judging of deliveries (`pipeline/deliveries.py`).
"""

from typing import NamedTuple

from pipeline.judge import judge
from pipeline.status import balance
from pipeline.warehouse import Warehouse
from schemas.tables import TABLES

ROWS_LOST = "deliveries: the tables do not hold the rows that were accepted and quarantined"


class TableCheck(NamedTuple):
    """The outcome of holding a table against its model."""

    table: str
    n_rows: int
    n_broken: int
    rules: dict[str, int]

    @property
    def passed(self) -> bool:
        """True where each row keeps every rule."""
        return self.n_broken == 0

    @property
    def message(self) -> str:
        """What is broken, in a line."""
        rules = ", ".join(f"{rule} ({count})" for rule, count in self.rules.items())
        return f"{self.table}: {self.n_broken} of {self.n_rows} rows break their model: {rules}"


REMEDY = (
    "The warehouse was changed by something else, or this is a fault of Permille: move it away and run again, it is"
    " rebuilt from archive/. Report it if it comes back."
)


class BrokenTableError(RuntimeError):
    """A table that breaks its model, or rows that were lost; the message says which, and that nothing was published."""


def check_table(warehouse: Warehouse, table: str) -> TableCheck:
    """Holds a table against its model, once for as long as nothing is written to it through this open warehouse.

    So publication trusts the asset checks of its own run, which holds the only open warehouse, and of no other.
    """
    return warehouse.remembered(table, "check", lambda: _held_against_model(warehouse, table))


def _held_against_model(warehouse: Warehouse, table: str) -> TableCheck:
    """Year by year of sampling so that memory stays bounded."""
    entry = TABLES[table]
    years = warehouse.years(table) if entry.is_by_year else [None]
    n_rows = n_broken = 0
    rules: dict[str, int] = {}
    for year in years:
        rows = warehouse.read(table, year)
        verdicts = judge(rows, entry.model)
        n_broken += verdicts["index"].n_unique()
        for rule, count in verdicts.group_by("rule").len().sort("rule").iter_rows():
            rules[rule] = rules.get(rule, 0) + count
        n_rows += rows.height
    return TableCheck(table, n_rows, n_broken, rules)


def require_sound(warehouse: Warehouse) -> None:
    """Raises `BrokenTableError` where any table breaks its model, or rows of a delivery are lost."""
    broken = [check.message for table in TABLES if not (check := check_table(warehouse, table)).passed]
    if not balance(warehouse).does_add_up:
        broken.append(ROWS_LOST)
    if broken:
        raise BrokenTableError(f"nothing was published: {'; '.join(broken)}. The last edition stays. {REMEDY}")
