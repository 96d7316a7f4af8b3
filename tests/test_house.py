"""The house rules: imports point one way, nothing happens at import, each table stands everywhere under one name."""

import ast
import importlib.metadata
import re
import subprocess
import sys
from pathlib import Path

import pint
import pytest

import assets
from pipeline.units import _registry
from pipeline.warehouse import Warehouse
from schemas.columns import COLUMNS
from schemas.tables import TABLES

ROOT = Path(__file__).parent.parent
LAYERS = ["schemas", "pipeline", "dashboards", "assets", "commands", "permille"]


def python_files(layer: str) -> list[Path]:
    return [ROOT / "permille.py"] if layer == "permille" else sorted((ROOT / layer).rglob("*.py"))


def imported(file: Path) -> set[str]:
    """First parts of all modules a file imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {name.name.split(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add((node.module or "").split(".")[0])
    return found


@pytest.mark.parametrize("layer", LAYERS)
def test_imports_point_one_way(layer):
    above = set(LAYERS[LAYERS.index(layer) + 1 :])
    wrong = {str(file.relative_to(ROOT)): imported(file) & above for file in python_files(layer)}
    assert not {file: found for file, found in wrong.items() if found}, "a lower layer imports a higher one"


def test_only_assets_know_dagster_and_only_dashboards_know_plotly():
    for layer in ("schemas", "pipeline", "dashboards"):
        for file in python_files(layer):
            assert "dagster" not in imported(file), f"{file} imports dagster: that belongs into assets/"
    for layer in ("schemas", "pipeline", "assets"):
        for file in python_files(layer):
            assert "plotly" not in imported(file), f"{file} imports plotly: that belongs into dashboards/"


def test_packages_are_those_of_this_checkout():
    assert Path(assets.__file__).parent.parent == ROOT, "another copy of Permille is installed: run 'make install'"


@pytest.mark.parametrize("layer", LAYERS[:-1])
def test_every_folder_with_code_is_a_package(layer):
    folders = {file.parent for file in python_files(layer)}
    assert not [str(folder) for folder in folders if not (folder / "__init__.py").exists()]


def test_every_module_says_what_it_is():
    for layer in LAYERS:
        for file in python_files(layer):
            assert ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))), f"{file} has no docstring"


def test_nothing_is_read_asked_or_clocked_at_import(tmp_path):
    """Importing the definitions opens no file of a workspace, no socket, and asks no clock for the date."""
    probe = (
        "import sys, builtins, socket\n"
        "def guard(event, args):\n"
        "    if event in ('socket.connect', 'socket.bind', 'duckdb.connect'): raise SystemExit(f'{event} at import')\n"
        "    if event == 'open' and 'permille.toml' in str(args[0]): raise SystemExit('settings read at import')\n"
        "sys.addaudithook(guard)\n"
        "import assets.definitions\n"
    )
    done = subprocess.run([sys.executable, "-c", probe], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    for layer in ("schemas", "pipeline", "dashboards"):
        for file in python_files(layer):
            tree = ast.parse(file.read_text(encoding="utf-8"))
            for node in tree.body:
                if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                    text = ast.unparse(node)
                    assert not re.search(r"\b(now|today|time)\(\)|environ", text), f"{file}: {text[:80]}"


def test_each_column_of_each_table_is_in_the_dictionary_and_each_entry_is_used():
    used = {name for entry in TABLES.values() for name in entry.columns}
    assert used <= set(COLUMNS), "add them to schemas/columns.py"
    assert set(COLUMNS) <= used, "nothing uses these entries: remove them from schemas/columns.py"


def test_dictionary_agrees_with_models():
    for table, entry in TABLES.items():
        for name, column in entry.columns.items():
            assert column.description == COLUMNS[name].description, (table, name)
            assert column.metadata == {"unit": COLUMNS[name].unit}, (table, name)


def test_each_unit_of_the_dictionary_is_one_pint_knows():
    for name, column in COLUMNS.items():
        if column.unit is not None:
            try:
                _registry().parse_units(column.unit)
            except pint.PintError as error:
                pytest.fail(f"unit of {name}: {error}")


def test_each_estimated_table_has_its_sql_file_of_the_same_name():
    computed = {table for table, entry in TABLES.items() if entry.group in ("estimates", "change")}
    files = {file.stem for file in (ROOT / "pipeline" / "sql").glob("*.sql")}
    assert computed <= files
    questions = {
        "behind_sides",
        "causes",
        "causes_of_figures",
        "compared_deliveries",
        "compared_days",
        "compared_factors",
        "compared_sites",
        "contradictions",
        "days_of_period",
        "decisions_on_deliveries",
        "events_of_drugs",
        "factor_statuses",
        "flows_behind",
        "in_doses",
        "levels",
        "listed_factors",
        "markers_behind",
        "missing",
        "often_sampled",
        "network_means",
        "no_longer_stated",
        "of_a_site",
        "open_choices",
        "order_of_receipt",
        "places",
        "population_by_markers",
        "protocols_without_figures",
        "readings_behind",
        "resampled_days",
        "restated",
        "robust_headlines",
        "same_counts",
        "same_values",
        "site_names",
        "spread_of_place",
        "sites_of_area",
        "totals",
        "waiting_results",
    }
    assert files - computed == {"macros", "views", *questions}, "a file is named after what it gives"


def test_sql_opens_with_what_a_row_is():
    for table, entry in TABLES.items():
        if entry.group in ("estimates", "change"):
            text = (ROOT / "pipeline" / "sql" / f"{table}.sql").read_text(encoding="utf-8")
            assert text.startswith("-- One row is "), table
            assert "Grain: " in text.split("\nwith")[0], table


def test_warehouse_keeps_to_what_ducklake_understands():
    text = "\n".join(file.read_text(encoding="utf-8").lower() for file in (ROOT / "pipeline").rglob("*.sql"))
    text += (ROOT / "pipeline" / "warehouse.py").read_text(encoding="utf-8").lower()
    for word in ("primary key", "create index", "create sequence", "unique (", "references "):
        assert word not in text, word


def test_no_line_of_the_project_names_a_place_that_is_not_part_of_it():
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.split()
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert "://" not in lock, "the lock holds an address: run 'make lock'"
    assert "duckdb==1.5.5" in lock
    assert not [name for name in tracked if name.endswith((".duckdb", ".parquet", ".pyc"))]


def test_version_stands_once_and_agrees():
    version = importlib.metadata.version("permille")
    assert f'version = "{version}"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert f"version: {version}" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"({version})" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_macros_are_the_only_place_of_the_formula(tmp_path):
    """The macros give hand-computed numbers, and no other file multiplies a concentration by a flow."""
    with Warehouse.open(tmp_path / "w.duckdb") as warehouse:
        row = warehouse.query(
            "select load_mg_per_day(100, 50000) as load, load_mg_per_day_per_1000(5000, 200000) as per_1000,"
            " correction_factor(303.35, 289.33, 0.29, 'molar') as molar,"
            " correction_factor(303.35, 289.33, 0.29, 'mass') as mass,"
            " consumption_mg_per_day_per_1000(25, 2, 0.2) as consumption, doses_per_day_per_1000(60, 30) as doses,"
            " change_percent(50, 30) as fell, change_percent(0, 30) as nothing"
        ).row(0, named=True)
    assert row["load"] == 5000  # 100 ng/L = 100 ug/m3; x 50,000 m3 = 5e6 ug = 5,000 mg
    assert row["per_1000"] == 25
    assert row["molar"] == pytest.approx(3.6154, abs=1e-4)  # domain reference E5: cocaine from BE at 29 %
    assert row["mass"] == pytest.approx(1 / 0.29)
    assert row["consumption"] == pytest.approx(62.5)
    assert row["doses"] == 2
    assert row["fell"] == pytest.approx(-40)
    assert row["nothing"] is None
    for file in (ROOT / "pipeline" / "sql").glob("*.sql"):
        if file.stem != "macros":
            assert not re.search(r"concentration_ng_per_l\s*\*", file.read_text(encoding="utf-8")), file
