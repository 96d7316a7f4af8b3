"""How a table shows itself in Dagster: description, columns with units, kinds, group. From the models alone."""

import hashlib
import logging
from collections.abc import Mapping
from typing import Any

import dagster as dg
import polars as pl

from pipeline.statements import sql
from pipeline.warehouse import Warehouse
from schemas.tables import TABLES

_log = logging.getLogger("permille")
OWNERS = ["team:permille"]
_TYPES = {pl.String: "text", pl.Boolean: "boolean", pl.Int32: "integer", pl.Int64: "integer", pl.Float64: "number",
          pl.Date: "date", pl.Datetime: "timestamp", pl.List: "list of numbers"}  # fmt: skip


def describe(table: str) -> dict[str, Any]:
    """Group, description, owners and column metadata of a table's asset."""
    entry = TABLES[table]
    columns = [
        dg.TableColumn(
            name=name,
            type=_TYPES[column.dtype.type.base_type()],
            description=column.description,
            constraints=dg.TableColumnConstraints(nullable=column.nullable),
            tags={"unit": unit} if (unit := (column.metadata or {}).get("unit")) else {},
        )
        for name, column in entry.columns.items()
    ]
    return {
        "group_name": entry.group,
        "description": f"One row is: {entry.row_is[0].lower()}{entry.row_is[1:]}",
        "owners": OWNERS,
        "metadata": {"dagster/column_schema": dg.TableSchema(columns=columns)},
    }


def sql_version(*statements: str, limits: Mapping[str, float] | None = None) -> str:
    """The code version of a table computed by SQL: where a statement, macros or views read differently, it is another.

    So it is where the limits differ that are bound to the statement.
    """
    texts = "\n".join(sql(name) for name in ("macros", "views", *statements)) + (repr(limits) if limits else "")
    return hashlib.sha256(texts.encode()).hexdigest()[:12]


def materialized(warehouse: Warehouse, table: str, **more: object) -> dg.MaterializeResult[Any]:
    """The result of an asset that has filled its table, with the number of rows."""
    n_rows = warehouse.count(table)
    _log.info("%s: %s rows", table, f"{n_rows:,}")
    metadata: Mapping[str, Any] = {"dagster/row_count": n_rows, **more}
    return dg.MaterializeResult(asset_key=table, metadata=metadata)
