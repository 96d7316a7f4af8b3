"""The asset graph as a golden file: a change of it is a diff that somebody reads."""

import json
import os
from pathlib import Path

import dagster as dg
import pytest

from assets.definitions import build_defs
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
            "columns": [column.name for column in schema.columns] if schema else [],
        }
    repository = defs.get_repository_def()
    checks = sorted(f"{key.asset_key.to_user_string()}: {key.name}" for key in repository.asset_checks_defs_by_key)
    return {
        "assets": dict(sorted(nodes.items())),
        "checks": checks,
        "jobs": sorted(job.name for job in repository.get_all_jobs() if not job.name.startswith("__")),
        "schedules": {schedule.name: schedule.cron_schedule for schedule in repository.schedule_defs},
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


def test_the_sensor_asks_for_one_run_for_each_state_of_the_inbox(workspace):
    from assets.jobs import inbox
    from assets.resources import WorkspaceResource
    from tests.conftest import lay

    def look(cursor):
        with dg.instance_for_test() as instance:
            context = dg.build_sensor_context(
                instance=instance, cursor=cursor,
                resources={"workspace": WorkspaceResource(folder=str(workspace.folder))},
            )  # fmt: skip
            return inbox(context)

    assert isinstance(look(None), dg.SkipReason)
    lay(workspace, "a.csv", "x")
    first = look(None)
    assert isinstance(first, dg.SensorResult)
    assert len(first.run_requests) == 1
    assert isinstance(look(first.cursor), dg.SkipReason)
    lay(workspace, "b.csv", "y")
    second = look(first.cursor)
    assert second.cursor != first.cursor
    (workspace.inbox / "c.csv").write_text("being copied")
    assert isinstance(look(second.cursor), dg.SkipReason)


@pytest.mark.parametrize("name", ["dagster.yaml"])
def test_telemetry_is_off(name):
    import yaml

    root = Path(__file__).parent.parent.parent.parent
    assert yaml.safe_load((root / name).read_text())["telemetry"] == {"enabled": False}
