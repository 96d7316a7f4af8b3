"""Asset checks: each table against its model, blocking; warnings of what is implausible, refused, held or missing."""

import logging
import re
from collections.abc import Iterator, Sequence
from typing import Any

import dagster as dg
import polars as pl

from assets.change import CHANGE
from assets.intake import INTAKE
from assets.publication import PUBLICATION
from assets.reference import REFERENCE
from assets.resources import WorkspaceResource
from pipeline import quality
from pipeline.findings import printable
from pipeline.plausibility import implausible
from pipeline.precedence import compared_deliveries
from pipeline.statements import sql
from pipeline.status import balance, n_without_load
from schemas.plausibility import RULES
from schemas.tables import TABLES

_log = logging.getLogger("permille")
FIRST_FINDINGS = 20
"""Findings that a check of plausibility shows; all of them are in the table."""


def _model_checks(step: str, tables: Sequence[str]) -> dg.AssetChecksDefinition:
    """The checks of the tables that one step fills, in one step."""
    specs = {
        table: dg.AssetCheckSpec(
            name=f"{table}_keeps_its_model", asset=table, blocking=True,
            description=f"Each row of {table} keeps every rule of its model; nothing downstream runs on one that does"
            " not.",
        )
        for table in tables
    }  # fmt: skip

    @dg.multi_asset_check(name=f"models_of_{step}", specs=list(specs.values()), can_subset=True, pool="warehouse")
    def check(context: dg.AssetCheckExecutionContext, workspace: WorkspaceResource) -> Iterator[dg.AssetCheckResult]:
        with workspace.warehouse() as warehouse:
            for table, spec in specs.items():
                if spec.key in context.selected_asset_check_keys:
                    yield _kept_model(spec, quality.check_table(warehouse, table))

    return check


def _kept_model(spec: dg.AssetCheckSpec, found: quality.TableCheck) -> dg.AssetCheckResult:
    if not found.passed:
        _log.error("%s. Nothing downstream runs. %s", found.message, quality.REMEDY)
    metadata: dict[str, Any] = {"rows": found.n_rows, "rows_broken": found.n_broken, "rules": found.rules}
    return dg.AssetCheckResult(
        passed=found.passed, asset_key=spec.asset_key, check_name=spec.name, metadata=metadata,
        description=None if found.passed else found.message,
    )  # fmt: skip


_FILLED_TOGETHER = {"intake": INTAKE, "reference": REFERENCE, "change": CHANGE, "publication": PUBLICATION}
_FILLED_ALONE = sorted(set(TABLES) - {table for tables in _FILLED_TOGETHER.values() for table in tables})
MODEL_CHECKS = [
    *(_model_checks(step, tables) for step, tables in _FILLED_TOGETHER.items()),
    *(_model_checks(table, [table]) for table in _FILLED_ALONE),
]


def markdown_table(frame: pl.DataFrame) -> str:
    """A frame as a table in Markdown. What deliveries wrote stays text: nothing in it is taken for markup.

    >>> print(markdown_table(pl.DataFrame({"site_id": ["S|1 <b>"]})))
    | site_id |
    | --- |
    | S&#124;1 &#60;b&#62; |
    """

    safe = frame.with_columns(printable(pl.col(pl.String)), pl.col(pl.Float64).round_sig_figs(4))

    def text(value: object) -> str:
        one_line = " ".join(str("" if value is None else value).split())
        return re.sub(r"[^\w ,%+.-]|_", lambda sign: f"&#{ord(sign[0])};", one_line)

    rows = [frame.columns, ["---"] * frame.width, *([text(value) for value in row] for row in safe.rows())]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


_PLAUSIBILITY = {
    rule: dg.AssetCheckSpec(
        name=rule, asset="plausibility",
        description=f"Implausible: {entry.sentence}. {entry.remedy} Source: {entry.source}.",
    )
    for rule, entry in RULES.items()
}  # fmt: skip


@dg.multi_asset_check(specs=list(_PLAUSIBILITY.values()), can_subset=True, pool="warehouse")
def nothing_is_implausible(
    context: dg.AssetCheckExecutionContext, workspace: WorkspaceResource
) -> Iterator[dg.AssetCheckResult]:
    """Warns of what each rule of plausibility has found."""
    with workspace.warehouse() as warehouse:
        found = implausible(warehouse)
    for rule, spec in _PLAUSIBILITY.items():
        if spec.key in context.selected_asset_check_keys:
            yield _found_implausible(rule, spec, found.filter(rule=rule).drop("rule"))


def _found_implausible(rule: str, spec: dg.AssetCheckSpec, found: pl.DataFrame) -> dg.AssetCheckResult:
    entry = RULES[rule]
    metadata: dict[str, Any] = {
        "findings": found.height, "sites": found["site_id"].n_unique(), "limits": dict(entry.limits),
        "unit": entry.unit,
    }  # fmt: skip
    if found.height:
        metadata["first_findings"] = dg.MetadataValue.md(markdown_table(found.head(FIRST_FINDINGS)))
    return dg.AssetCheckResult(
        passed=found.is_empty(), asset_key=spec.asset_key, check_name=spec.name, severity=dg.AssetCheckSeverity.WARN,
        metadata=metadata,
        description=None if found.is_empty() else f"{found.height} findings: {entry.sentence}. {entry.remedy}",
    )  # fmt: skip


@dg.asset_check(
    asset="deliveries", blocking=True, pool="warehouse",
    description="Rows in = accepted + quarantined for each delivery, and the tables hold just these rows.",
)  # fmt: skip
def nothing_is_lost(workspace: WorkspaceResource) -> dg.AssetCheckResult:
    """Nothing is lost: rows in = accepted + quarantined."""
    with workspace.warehouse() as warehouse:
        now = balance(warehouse)
    if not now.does_add_up:
        _log.error("%s. Nothing downstream runs. %s", quality.ROWS_LOST, quality.REMEDY)
    sums = {name: int(now.deliveries[name].sum()) for name in ("n_rows", "n_accepted", "n_quarantined")}
    return dg.AssetCheckResult(passed=now.does_add_up, metadata=sums)


def _warning(found: int, what: str, rows: pl.DataFrame) -> dg.AssetCheckResult:
    """A check that warns where anything was found, and shows the first of it."""
    metadata: dict[str, Any] = {"found": found}
    if found:
        metadata["first_findings"] = dg.MetadataValue.md(markdown_table(rows.head(FIRST_FINDINGS)))
    return dg.AssetCheckResult(
        passed=not found, severity=dg.AssetCheckSeverity.WARN, metadata=metadata,
        description=f"{found} {what}" if found else None,
    )  # fmt: skip


@dg.asset_check(asset="deliveries", pool="warehouse", description="No delivered file was refused.")
def no_file_is_refused(workspace: WorkspaceResource) -> dg.AssetCheckResult:
    """Warns of refused files, with the reason of each."""
    with workspace.warehouse() as warehouse:
        found = warehouse.query(
            "select file_name, problem from deliveries where status = 'refused' order by file_name, delivery_id"
        )
    return _warning(found.height, "files were refused. Mend or remove them: 'permille check FILE' says what.", found)


@dg.asset_check(asset="quarantine", pool="warehouse", description="No row of a delivery is held in quarantine.")
def no_row_is_quarantined(workspace: WorkspaceResource) -> dg.AssetCheckResult:
    """Warns of rows in quarantine, by file and rule."""
    with workspace.warehouse() as warehouse:
        found = warehouse.query(
            "select file_name, rule, count(*) as n_rows, min(message) as first_message from quarantine"
            " group by file_name, rule order by file_name, rule"
        )
    n_rows = int(found["n_rows"].sum())
    return _warning(n_rows, "rows are quarantined and in no figure. Correct them and deliver them again.", found)


@dg.asset_check(asset="loads", pool="warehouse", description="No result lacks a flow or a population.")
def no_flow_is_missing(workspace: WorkspaceResource) -> dg.AssetCheckResult:
    """Warns of results that cannot become loads, by site."""
    with workspace.warehouse() as warehouse:
        found = warehouse.query(sql("missing"))
        n_results = n_without_load(warehouse)
    return _warning(n_results, "results lack a flow or a population and are in no figure. Deliver these.", found)


@dg.asset_check(
    asset="contradictions",
    pool="warehouse",
    description="No two deliveries that came in together contradict each other.",
)
def no_order_is_undecided(workspace: WorkspaceResource) -> dg.AssetCheckResult:
    """Warns of deliveries whose order only a person can decide."""
    with workspace.warehouse() as warehouse:
        found = compared_deliveries(warehouse).filter(pl.col("order_basis") == "undecided")
    shown = found.select("file_name", "superseded_file", "n_values")
    return _warning(found.height, "pairs of deliveries wait for a decision: 'permille deliveries' says which.", shown)


REMARKS = [no_file_is_refused, no_row_is_quarantined, no_flow_is_missing, no_order_is_undecided]
