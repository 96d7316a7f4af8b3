"""Asset checks of plausibility: they warn, with evidence that a person can read, and stop nothing."""

import shutil

import dagster as dg
import polars as pl
import pytest

from assets.checks import FIRST_FINDINGS, REMARKS, markdown_table, nothing_is_implausible
from assets.resources import WorkspaceResource
from pipeline.settings import make_workspace
from pipeline.warehouse import Warehouse
from schemas.plausibility import RULES


@pytest.fixture(scope="module")
def checked(simulated_workspace, tmp_path_factory):
    """The result of each rule's check of the simulated city."""
    _, simulated = simulated_workspace
    here = make_workspace(tmp_path_factory.mktemp("checked"))
    shutil.copy(simulated.warehouse, here.warehouse)  # a check opens it for writing, and others read it
    workspace = WorkspaceResource(folder=str(here.folder))
    context = dg.build_asset_check_context()
    return {result.check_name: result for result in nothing_is_implausible(context, workspace)}


@pytest.mark.xdist_group("simulation")
def test_a_rule_with_findings_warns_and_shows_them(checked):
    result = checked["off_its_history"]
    assert not result.passed
    assert result.severity is dg.AssetCheckSeverity.WARN
    assert result.metadata["findings"].value >= 1
    assert result.metadata["limits"].value == RULES["off_its_history"].limits
    shown = result.metadata["first_findings"].value
    assert "| sim-05 | 2023-09-14 | 4 | 2023 | mdma |" in shown
    assert result.description.endswith(RULES["off_its_history"].remedy)


@pytest.mark.xdist_group("simulation")
def test_many_findings_are_counted_and_the_first_shown(checked):
    result = checked["mostly_below_limits"]
    assert result.metadata["findings"].value == 52
    assert result.metadata["sites"].value == 18
    assert len(result.metadata["first_findings"].value.splitlines()) == FIRST_FINDINGS + 2


@pytest.mark.xdist_group("simulation")
def test_a_rule_without_findings_passes(checked):
    result = checked["flow_per_head"]
    assert result.passed
    assert result.metadata["findings"].value == 0
    assert "first_findings" not in result.metadata


def test_no_check_of_plausibility_blocks():
    specs = list(nothing_is_implausible.check_specs)
    assert [spec.name for spec in specs] == list(RULES)
    assert not any(spec.blocking for spec in specs)


def test_what_a_delivery_calls_its_site_is_shown_as_text():
    site = "<img src=x onerror=alert(1)>|`[a](b)`\n| b_c\u202e"
    shown = markdown_table(pl.DataFrame({"site_id": [site], "value": [1.23456]}))
    head, _, row = shown.splitlines()
    assert head == "| site_id | value |"
    assert not set("<>[]()`_") & set(row)
    assert row.count("|") == 3
    assert row.endswith(" b&#95;c&#65533; | 1.235 |")
    assert row.startswith("| &#60;img src&#61;x onerror&#61;alert&#40;1&#41;&#62;&#124;")


REMARKED = {
    "no_file_is_refused": "insert into deliveries by name select 'a.csv' as file_name, 'not read' as problem,"
    " 'refused' as status",
    "no_row_is_quarantined": "insert into quarantine by name select 'a.csv' as file_name, 'unknown_site' as rule,"
    " 'no site S9' as message",
    "no_flow_is_missing": "insert into loads by name select 'S1' as site_id, 'no_flow' as reason",
    "no_order_is_undecided": "insert into deliveries by name select * from (values ('a', 1), ('b', 2))"
    " d(delivery_id, receipt_number); insert into contradictions by name select 'b' as delivery_id,"
    " 'a' as superseded_delivery_id, 'undecided' as order_basis",
}


@pytest.mark.parametrize("check", REMARKS, ids=lambda check: check.check_key.name)
def test_what_was_refused_held_or_lacks_is_a_warning(tmp_path_factory, check):
    here = make_workspace(tmp_path_factory.mktemp("remarked"))
    workspace = WorkspaceResource(folder=str(here.folder))
    assert check(workspace).passed
    with Warehouse.open(here.warehouse) as warehouse:
        warehouse.connection.execute(REMARKED[check.check_key.name])
    result = check(workspace)
    assert not result.passed
    assert result.severity is dg.AssetCheckSeverity.WARN
    assert result.metadata["found"].value == 1
