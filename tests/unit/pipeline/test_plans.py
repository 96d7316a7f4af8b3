"""No statement compares every row of one table with every row of another: the plans of all SQL files.

Such a join is quick in a small city and never ends in a large one. Plans depend on what DuckDB knows of the values, so
the tables here hold anything: no filter is known to be empty, no column that may be null to be without nulls.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from typing import Any

import polars as pl
import pytest

from pipeline import changes, credibility, events, periods, precedence, targets, trends
from pipeline.factors import factor_set
from pipeline.settings import Settings
from pipeline.statements import definitions, sql
from pipeline.warehouse import Warehouse
from schemas.credibility import LIMITS as OF_CREDIBILITY
from schemas.plausibility import LIMITS as OF_PLAUSIBILITY
from schemas.tables import TABLES
from tests.conftest import ROOT

N_ROWS = 2000
COMPARES_ALL = re.compile(r"(?:BLOCKWISE_NL|NESTED_LOOP)_JOIN")
FOLDERS = {"pipeline": ROOT / "pipeline" / "sql", "dashboards": ROOT / "dashboards" / "queries"}
FILES = {
    f"{room}/{file.relative_to(folder)}": file.read_text(encoding="utf-8")
    for room, folder in FOLDERS.items()
    for file in sorted(folder.rglob("*.sql"))
    if file.stem not in ("macros", "views")
}
ALLOWED = {
    # Populations beside each protocol that chooses a method: a handful of protocols.
    "pipeline/consumption.sql": 1,
    "pipeline/protocols_without_figures.sql": 2,
    # An event of all drugs beside each drug: a handful of either.
    "pipeline/events_of_drugs.sql": 1,
    # Headlines beside each way of computing them: all but a few pairs are rows of the table.
    "pipeline/robustness.sql": 1,
    # Readings of one site beside the one window that is asked about.
    "pipeline/readings_behind.sql": 2,
}
"""How many such joins a statement may have, and why."""
BOUND = {
    **OF_PLAUSIBILITY, **OF_CREDIBILITY, **changes.LIMITS, **trends.LIMITS,
    "a": "2026", "b": "older", "baseline": "2023", "basis": "day", "below_limit": ["likelihood"], "current": "2024",
    "day": date(2024, 3, 5), "drug": "cocaine", "first_year": 2023, "flow_fill": "weekday-median", "kind": "month",
    "last_year": 2024, "level": "area", "period": "2024", "population_method": "census", "protocol": "permille",
    "protocols": ["permille", "euda"], "residue": "benzoylecgonine", "site": "S1", "unit": "A1", "year": 2024,
    "years": [2023, 2024],
}  # fmt: skip
"""What is bound to the parameters of statements, by their names."""
OF_MACROS = {
    "of_year": "2024", "part": "'several'", "is_of_markers": "true", "fill": "'weekday-median'",
    "of_drug": "'cocaine'", "of_protocol": "'permille'", "of_kind": "'month'", "first_period": "'2023-01'",
    "last_period": "'2024-12'", "is_complete": "true", "weights": "null", "baseline_first": "date '2023-01-01'",
    "baseline_last": "date '2023-12-31'", "baseline_year": "2023", "current_first": "date '2024-01-01'",
    "current_last": "date '2024-12-31'", "current_year": "2024",
}  # fmt: skip
"""The arguments of macros that give tables, by their names."""
ANYTHING = {
    "VARCHAR": "['', 'A1', 'S1', 'permille', '～'][1 + {n} % 5]",
    "BOOLEAN": "{n} % 2 = 0",
    "INTEGER": "({n} % 4000)::integer",
    "BIGINT": "({n} % 4000)::bigint",
    "DECIMAL(38,0)": "({n} % 4000)::decimal(38, 0)",
    "DOUBLE": "{n} % 4000 - 2000.0",
    "DATE": "date '1900-01-01' + ({n} % 73000)::integer",
    "TIMESTAMP": "timestamp '1900-01-01' + to_hours(({n} % 1752000)::integer)",
}
"""A value of each type by a number, from the least to the largest that statements ask for."""


class Mirrored(Warehouse):
    """An empty warehouse whose statements are planned as well, over tables that hold anything."""

    full: Warehouse
    plans: dict[str, str]
    """Of each statement all its plans, for what it reads may be defined in several ways."""

    def plan(self, name: str, statement: str, parameters: Mapping[str, Any] | None = None) -> None:
        """Keeps the plan of a statement under a name."""
        self.full.prepare(statement)
        (*_, (_, text)) = self.full.connection.execute(
            f"explain (format json) {statement}", dict(parameters or {})
        ).fetchall()
        self.plans[name] = self.plans.get(name, "") + text

    def query(self, statement: str, parameters: Mapping[str, Any] | None = None) -> pl.DataFrame:
        self.plan(_file_of(statement), statement, parameters)
        return super().query(statement, parameters)

    def define(self, view: str, statement: str) -> None:
        super().define(view, statement)
        self.full.define(view, statement)

    @contextmanager
    def known_as(self, name: str, frame: pl.DataFrame) -> Iterator[None]:
        with super().known_as(name, frame):
            described = self.connection.execute(f"describe {name}").fetchall()
            filled = ", ".join(f'{_anything(place, kind)} as "{of}"' for place, (of, kind, *_) in enumerate(described))
            self.full._do(f"create or replace temp table {name} as select {filled} from range({N_ROWS})")
            yield


def _anything(place: int, kind: str, *, is_nullable: bool = True) -> str:
    n = f"(hash(range, {place}) % 1000000)::bigint"
    if kind.endswith("[]"):
        return f"[{_anything(place, kind.removesuffix('[]'), is_nullable=False)}]"
    value = ANYTHING[kind].format(n=n)
    return f"if(hash(range, {place}, 'null') % 5 = 0, null, {value})" if is_nullable else value


def _file_of(statement: str) -> str:
    return next((name for name, text in FILES.items() if text == statement), " ".join(statement.split())[:60])


@pytest.fixture(scope="module")
def plans(tmp_path_factory) -> dict[str, str]:
    """The plan of each file, view and macro, and of the statements in code beside them, by name."""
    folder = tmp_path_factory.mktemp("plans")
    with Warehouse.open(folder / "full.duckdb") as full, Mirrored.open(folder / "empty.duckdb") as empty:
        full._do("set disabled_optimizers = ''")  # as of many rows
        # Else tables of few rows are compared one by one, whatever the condition.
        for setting in ("nested_loop_join_threshold", "merge_join_threshold"):
            full._do(f"set {setting} = 0")
        for table, entry in TABLES.items():
            described = full._do(f'describe "{table}"')
            filled = ", ".join(
                _anything(place, kind, is_nullable=entry.columns[name].nullable)
                for place, (name, kind, *_) in enumerate(described)
            )
            full._do(f'insert into "{table}" select {filled} from range({N_ROWS})')
        empty.full, empty.plans = full, {}
        _plan_all(empty)
    return empty.plans


def _plan_all(empty: Mirrored) -> None:
    # What code runs: it defines the views and frames that some files read, in all their variants.
    compared = changes.between(empty, "2023", "2024")
    credibility.judged(empty, compared)
    targets.targets(empty, Settings(), None)
    periods.area_periods(empty, 2024)
    periods.site_periods(empty, 2024)
    periods.site_weeks(empty, 2024, pl.DataFrame(schema={"protocol": pl.String, "site_id": pl.String}))
    events.event_effects(empty)
    events._levels_of(empty, ["permille"])
    ways = pl.DataFrame(schema=dict.fromkeys(("way", "choice", "option"), pl.String))
    bound = {name: BOUND[name] for name in ("protocol", "first_year", "last_year")}
    with (
        empty.known_as("ways", ways),
        empty.known_as("changes_by_way", empty.read("changes")),
        empty.known_as("same_counts", empty.query(sql("same_counts"), bound)),
    ):
        empty.query(sql("robustness"), {"protocol": "permille"})
    listed = factor_set("2026").with_columns(place=pl.lit(0, pl.Int64))
    now = empty.query(sql("network_means"), {"period": "2024", "protocol": "permille"})
    with empty.known_as("a", listed), empty.known_as("b", listed), empty.known_as("now", now):
        empty.query(sql("compared_factors"), {name: BOUND[name] for name in ("a", "b", "period")})
    stated = pl.DataFrame(schema={"site_id": pl.String, "occasion": pl.String, "value": pl.Float64})
    with empty.known_as("stated", stated):
        empty.query(sql("same_values"))
    with empty.known_as("factors", empty.read("factors").with_columns(place=pl.lit(0, pl.Int64))):
        empty.query(sql("listed_factors"))
    precedence.find_contradictions(empty)
    pairs = pl.DataFrame(schema={"delivery_id": pl.String, "superseded_delivery_id": pl.String})
    with empty.known_as("deliveries_before", empty.read("deliveries")), empty.known_as("superseding_before", pairs):
        empty.query(sql("causes"))
    moved = pl.DataFrame(schema=dict.fromkeys(("level", "unit_id", "drug"), pl.String))
    differs = pl.DataFrame(schema={"cause": pl.String, "delivery_id": pl.String})
    with empty.known_as("causes_now", differs), empty.known_as("moved_figures", moved):
        empty.query(sql("causes_of_figures"))
    # And all else.
    empty.full.prepare(" ".join(definitions()))
    connection = empty.full.connection
    for name, text in FILES.items():
        if name not in empty.plans:
            (statement,) = connection.extract_statements(text)
            empty.plan(name, text, {of: BOUND[of] for of in statement.named_parameters})
    views = "select view_name from duckdb_views() where temporary and not internal"
    for (view,) in connection.execute(views).fetchall():
        empty.plan(f"view {view}", f"from {view}")
    macros = "select function_name, parameters from duckdb_functions() where not internal and function_type = "
    for macro, parameters in connection.execute(f"{macros} 'table_macro'").fetchall():
        empty.plan(f"macro {macro}", f"from {macro}({', '.join(OF_MACROS[name] for name in parameters)})")


def test_each_file_view_and_macro_has_a_plan(plans):
    assert {*FILES, "view current_flows", "macro current_results_of"} <= set(plans)


def test_no_plan_compares_every_row_with_every_row(plans):
    found = {name: n for name, plan in plans.items() if (n := len(COMPARES_ALL.findall(plan)))}
    assert found == ALLOWED, (
        "a join whose ON holds anything but equalities of both sides: put what is of one side into a subquery or a key,"
        " and what is left into WHERE"
    )


@pytest.mark.parametrize("on", ["d.origin = 'measured' and l.site_id = d.site_id", "l.population < d.population"])
def test_such_a_plan_is_seen(tmp_path, on):
    with Mirrored.open(tmp_path / "w.duckdb") as warehouse:
        warehouse.full, warehouse.plans = warehouse, {}
        warehouse.plan("it", f"select * from consumption d left join loads l on {on}")
    assert COMPARES_ALL.search(warehouse.plans["it"])
