"""Do the tables hold what their models promise? Asked by the asset checks, and again before anything is published.

No judging of deliveries (`pipeline/intake.py`).
"""

from typing import NamedTuple

from pipeline.judge import judge
from pipeline.warehouse import Warehouse
from schemas.tables import TABLES


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


class BrokenTableError(RuntimeError):
    """A table that breaks its model; the message says which rules, and that nothing was published."""


def check_table(warehouse: Warehouse, table: str) -> TableCheck:
    """Holds a table against its model, year by year of sampling so that memory stays bounded."""
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
    """Raises `BrokenTableError` where any table breaks its model."""
    broken = [check for table in TABLES if not (check := check_table(warehouse, table)).passed]
    if broken:
        what = "; ".join(f"{check.table}: {check.n_broken} rows break {', '.join(check.rules)}" for check in broken)
        raise BrokenTableError(f"nothing was published: {what}. The last edition stays. Run 'permille run' again.")
