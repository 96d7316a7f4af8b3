"""The asset graph as a golden file: a change of it is a diff that somebody reads."""

import json
import os
import re
from pathlib import Path

import dagster as dg
import pytest

from assets.definitions import build_defs
from pipeline import estimates
from pipeline.changes import STATEMENTS
from pipeline.events import STATEMENTS as STATEMENTS_OF_EVENTS
from pipeline.robustness import STATEMENTS as STATEMENTS_OF_ROBUSTNESS
from pipeline.statements import sql
from schemas.tables import TABLES

GOLDEN = Path(__file__).parent.parent.parent / "golden" / "asset_graph.json"


def graph() -> dict:
    """Every asset with what a reader of the graph relies on."""
    defs = build_defs()
    nodes = {}
    for spec in defs.resolve_all_asset_specs():
        schema = spec.metadata.get("dagster/column_schema")
        nodes[spec.key.to_user_string()] = {
            "group": spec.group_name,
            "deps": sorted(dep.asset_key.to_user_string() for dep in spec.deps),
            "kinds": sorted(spec.kinds),
            "owners": sorted(spec.owners),
            "code_version": spec.code_version,
            "description": spec.description,
            "columns": [" ".join([column.name, *column.tags.values()]) for column in schema.columns] if schema else [],
        }
    repository = defs.get_repository_def()
    checks = sorted(
        f"{key.asset_key.to_user_string()}: {key.name}"
        + (", blocking" if definition.get_spec_for_check_key(key).blocking else "")
        for key, definition in repository.asset_checks_defs_by_key.items()
    )
    monitoring = monitoring_job()
    return {
        "assets": dict(sorted(nodes.items())),
        "checks": checks,
        "jobs": sorted(job.name for job in repository.get_all_jobs() if not job.name.startswith("__")),
        "monitoring": sorted(key.to_user_string() for key in monitoring.asset_layer.selected_asset_keys),
        "pools": {node.name: node.definition.pool for node in monitoring.nodes},
        "schedules": {
            schedule.name: f"{schedule.cron_schedule} {schedule.execution_timezone}"
            for schedule in repository.schedule_defs
        },
        "sensors": sorted(sensor.name for sensor in repository.sensor_defs),
    }


def test_golden_graph():
    text = json.dumps(graph(), indent=1, ensure_ascii=False, sort_keys=True) + "\n"
    if os.environ.get("PERMILLE_WRITE_GOLDEN"):
        GOLDEN.write_text(text, encoding="utf-8")
    assert text == GOLDEN.read_text(encoding="utf-8"), "the graph has changed: read the diff after 'make golden'"


def test_each_table_is_an_asset_with_its_columns_and_units():
    found = {spec.key.to_user_string(): spec for spec in build_defs().resolve_all_asset_specs()}
    for table, entry in TABLES.items():
        columns = found[table].metadata["dagster/column_schema"].columns
        assert [column.name for column in columns] == list(entry.columns)
        assert all(column.description for column in columns)
    by_name = {column.name: column for column in found["loads"].metadata["dagster/column_schema"].columns}
    assert by_name["flow_m3_per_day"].tags == {"unit": "m^3/day"}


def test_each_table_has_a_blocking_check():
    checks = build_defs().get_repository_def().asset_checks_defs_by_key
    for table in TABLES:
        assert any(
            key.asset_key == dg.AssetKey(table) and definition.get_spec_for_check_key(key).blocking
            for key, definition in checks.items()
        ), table


def test_definitions_are_fresh_and_resources_replaceable(tmp_path):
    from assets.resources import WorkspaceResource

    defs = build_defs(resources={"workspace": WorkspaceResource(folder=str(tmp_path))})
    assert defs is not build_defs()
    assert defs.resources["workspace"].folder == str(tmp_path)


def monitoring_job() -> dg.JobDefinition:
    return build_defs().resolve_job_def("monitoring")


def test_two_runs_wait_for_each_other():
    import yaml

    root = Path(__file__).parent.parent.parent.parent
    assert yaml.safe_load((root / "dagster.yaml").read_text())["concurrency"] == {"runs": {"max_concurrent_runs": 1}}


def test_lineage_is_what_the_sql_reads():
    """The tables each statement names, views resolved, are the assets the table depends on."""
    text = re.sub(r"--.*", "", sql("views"))
    views = dict(re.findall(r"temp (?:view|macro) (\w+)(?:\([\w,\s]+\))? as(?: table)?\s(.*?);", text, re.S))

    # Views that are defined when a table is computed, by what they then are.
    defined = {
        "site_periods": {"spanned_days": "days_by_calendar"},
        "area_periods": {"averaged_sites": "sites_of_areas"},
        "changes": {"spanned_days": "days_of_two"},
        "credibility": {"spanned_days": "days_of_two"},
        "robustness": {"spanned_days": "days_of_two"},
        "targets": {"spanned_days": "days_of_two"},
        "event_effects": {"spanned_days": "days_by_week"},
    }

    def read_by(text: str, meant: dict[str, str]) -> set[str]:
        named = {meant.get(name, name) for name in re.findall(r"\b(?:from|join)\s+(\w+)", re.sub(r"--.*", "", text))}
        return (named & set(TABLES)).union(*(read_by(views[name], meant) for name in named & set(views)))

    found = {spec.key.to_user_string(): spec for spec in build_defs().resolve_all_asset_specs()}
    for table in (*estimates.SOURCES, "changes", "credibility", "robustness", "targets", "trends", "event_effects"):
        # Read beside the statements: the spreads of days, and which periods there are.
        beside = {
            "site_periods": {"day_spreads"}, "changes": {"site_periods"}, "credibility": {"changes"},
            "robustness": {"changes"}, "targets": {"changes"}, "event_effects": {"day_spreads"},
        }  # fmt: skip
        inferred_from = beside.get(table, set())
        of_table = {
            "population_estimates": ("population_by_markers",),
            "changes": STATEMENTS, "robustness": STATEMENTS_OF_ROBUSTNESS,
            "targets": ("changes", *STATEMENTS, "credibility"),
            "event_effects": STATEMENTS_OF_EVENTS,
        }  # fmt: skip
        statements = (table, *of_table.get(table, ()))
        read = set().union(*(read_by(sql(name), defined.get(table, {})) for name in statements)) | inferred_from
        assert {dep.asset_key.to_user_string() for dep in found[table].deps} == read, table


def test_another_formula_is_another_code_version(monkeypatch):
    from assets import describe

    before = describe.sql_version("loads")
    monkeypatch.setattr(describe, "sql", lambda name: sql(name).replace("/ 1000", "/ 1001"))
    assert describe.sql_version("loads") != before


@pytest.mark.parametrize("name", ["dagster.yaml"])
def test_telemetry_is_off(name):
    import yaml

    root = Path(__file__).parent.parent.parent.parent
    assert yaml.safe_load((root / name).read_text())["telemetry"] == {"enabled": False}
