"""A workspace of version 0.1.0 (commit e1df452), kept as files, goes on with the present version: same figures."""

import gzip
import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from benchmarks.editions import compare
from pipeline import estimates
from pipeline.intake import take_in
from pipeline.settings import open_workspace
from pipeline.warehouse import OtherLayoutError, Warehouse
from tests.conftest import estimate, lay_unseen

pytestmark = pytest.mark.xdist_group("upgrade")  # what its tests share is made once

OLD = Path(__file__).parent / "data" / "workspace-0.1.0"
NOT_FIGURES = ("reader_version", "received_at")
"""Of deliveries: told by another version, and now the moment of receipt."""


@pytest.fixture(scope="module")
def upgraded(tmp_path_factory):
    """The workspace after a run of this version, without pages; what the run said; the workspace as it was found."""
    folder = tmp_path_factory.mktemp("upgrade") / "lakes"
    shutil.copytree(OLD, folder)
    for file in (folder / "archive").rglob("*.csv"):
        file.touch()  # a checkout keeps no times: the order is that of the old warehouse
    (folder / "warehouse.duckdb.gz").unlink()
    (folder / "warehouse.duckdb").write_bytes(gzip.decompress((OLD / "warehouse.duckdb.gz").read_bytes()))
    (folder / "inbox").mkdir()
    workspace = open_workspace(folder)
    said = []
    take_in(workspace, tell=said.append)
    with Warehouse.open(workspace.warehouse) as warehouse:
        estimate(warehouse, workspace)
        estimates.compute_changes(warehouse, workspace.settings)
        estimates.compute_trends(warehouse)
        estimates.compute_targets(warehouse, workspace.settings)
    return workspace, said


@pytest.mark.parametrize(
    "table",
    [
        "results", "flows", "populations", "sites", "areas", "quarantine", "factors", "protocols",
        "population_estimates", "loads", "plausibility", "consumption", "day_spreads", "site_periods", "area_periods",
        "dose_totals", "changes", "credibility", "trends", "targets",
    ],
)  # fmt: skip
def test_figures_are_those_of_the_old_version(upgraded, table):
    workspace, _ = upgraded
    kept = workspace.warehouse.with_name("warehouse.old-1.duckdb")
    (found,) = compare(kept, workspace.warehouse, [table])
    assert found.columns_of_one == []
    assert found.is_equal, (found.only_old, found.only_new)


def test_the_old_warehouse_is_kept_and_told(upgraded):
    _, said = upgraded
    assert "warehouse.old-1.duckdb" in said[0]


def test_the_ledger_holds_the_old_order_and_nothing_is_undecided(upgraded):
    workspace, _ = upgraded
    receipts = [json.loads(line) for line in workspace.receipts.read_text().splitlines()]
    assert [receipt["name"] for receipt in receipts][-2:] == ["lake-original.csv", "lake-corrected.csv"]
    with Warehouse.open(workspace.warehouse) as warehouse:
        bases = warehouse.query("select distinct order_basis from contradictions")["order_basis"].to_list()
    assert bases == ["receipt"]


def test_a_file_laid_later_is_later_whatever_its_stamp_says(upgraded):
    workspace, _ = upgraded
    name = "lake-late.csv"
    lay_unseen(workspace, name, "Anlage;Datum;Stoff;Wert\nS2;07.03.2023;METH;92\n", datetime(2020, 1, 1, tzinfo=UTC))
    take_in(workspace, tell=lambda line: None)
    with Warehouse.open(workspace.warehouse) as warehouse:
        values = warehouse.query(
            "select concentration_ng_per_l as v from current_results_of(null, 'all') where site_id = 'S2' and residue ="
            " 'methamphetamine' and sampled_on = '2023-03-07' and laboratory = 'Lake'"
        )
    assert values["v"].to_list() == [92]


def test_reading_a_copy_of_the_old_version_says_who_wrote_it(tmp_path):
    file = tmp_path / "published.duckdb"
    file.write_bytes(gzip.decompress((OLD / "warehouse.duckdb.gz").read_bytes()))
    with pytest.raises(OtherLayoutError, match=r"Permille 0\.1\.0 or earlier.*permille run"):
        Warehouse.open(file, read_only=True).__enter__()
