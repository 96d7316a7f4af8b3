"""Rehearsal of a decision on deliveries: the headline figures as the next run would compute them. Nothing is written.

Rows that a run would judge again because a site list is no longer current are not judged again here.
"""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from pipeline import changes, estimates
from pipeline.deliveries import Delivery
from pipeline.inputs import of_settings
from pipeline.intake import check_file
from pipeline.precedence import find_contradictions, put_in_order
from pipeline.restatements import Edition, edition_now
from pipeline.settings import Settings, Workspace
from pipeline.warehouse import Warehouse

_NEEDED = ("population_estimates", "loads", "consumption", "day_spreads", "site_periods")
"""The estimates that changes are computed from."""


@contextmanager
def rehearsed(workspace: Workspace, file: Path, tell: Callable[[str], None]) -> Iterator[tuple[Warehouse, Edition]]:
    """The warehouse and its edition as they would be with a delivery of decisions, in a folder that is removed again.

    Parameters: `file` the delivery, outside the inbox; `tell` is called with a line of progress.
    Raises `WarehouseError` where there is no published copy, `PeriodError` where the settings name periods that would
    have no data.
    """
    delivery = check_file(file, workspace)
    with tempfile.TemporaryDirectory(prefix="permille-") as folder:
        copy = Path(folder) / "warehouse.duckdb"
        tell("copying the published copy into a temporary folder")
        shutil.copyfile(workspace.published, copy)
        with Warehouse.open(copy) as warehouse:
            warehouse.settings_identity = of_settings(workspace.settings)
            _take_in(warehouse, delivery)
            yield warehouse, edition_now(warehouse, workspace.settings, _changes(warehouse, workspace.settings, tell))


def _take_in(warehouse: Warehouse, delivery: Delivery) -> None:
    with warehouse.transaction():
        for table, frame in delivery.accepted.items():
            warehouse.insert(table, frame)
        warehouse.insert("deliveries", delivery.record)
        put_in_order(warehouse)
        warehouse.replace("contradictions", find_contradictions(warehouse))


def _changes(warehouse: Warehouse, settings: Settings, tell: Callable[[str], None]) -> pl.DataFrame:
    """The changes of the headline's comparison, by its protocol alone: no protocol's figures rest on another's."""
    protocols = warehouse.read("protocols")
    with warehouse.transaction():
        warehouse.replace("protocols", protocols.filter(pl.col("protocol") == settings.protocol))
    for table in _NEEDED:
        tell(f"computing {table}")
        estimates.compute(warehouse, table, flow_fill=settings.flow_fill)
    compared = estimates.chosen_periods(warehouse, settings)
    tell("computing changes")
    rows = warehouse.read("changes").clear() if compared is None else changes.between(warehouse, *compared).changes
    with warehouse.transaction():
        warehouse.replace("protocols", protocols)
    return rows
