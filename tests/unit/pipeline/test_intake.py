"""Taking in: the same twice changes nothing, later supersedes earlier, the order of files does not matter."""

import shutil
from datetime import datetime

import polars as pl

from pipeline.intake import list_inbox, take_in
from pipeline.status import status
from pipeline.warehouse import Warehouse
from tests.conftest import RECEIVED, lay, tables_of

SITES = "site_id,site_name,area_id,latitude,longitude\nS1,One,A,1,2\n"
HEAD = "site_id,sampled_on,residue,concentration,unit,lod,loq,laboratory,batch\n"


def results(value: str, day: str = "2025-03-11") -> str:
    return HEAD + f"S1,{day},methamphetamine,{value},ng/L,0.3,1,Lab,B1\n"


def test_the_same_file_twice_changes_nothing(workspace):
    lay(workspace, "sites.csv", SITES)
    lay(workspace, "may.csv", results("12"))
    assert len(take_in(workspace).taken) == 2
    with Warehouse.open(workspace.warehouse) as warehouse:
        before = tables_of(warehouse)
    lay(workspace, "may again.csv", results("12"))
    again = take_in(workspace)
    assert again.taken == []
    assert again.n_unchanged == 3
    with Warehouse.open(workspace.warehouse) as warehouse:
        after = tables_of(warehouse)
    assert all(before[table].equals(after[table]) for table in before)


def test_a_later_delivery_supersedes_and_the_earlier_one_stays(workspace):
    lay(workspace, "sites.csv", SITES)
    lay(workspace, "b.csv", results("12"), datetime(2025, 4, 1))  # noqa: DTZ001
    lay(workspace, "a.csv", results("15"), datetime(2025, 6, 1))  # noqa: DTZ001
    take_in(workspace)
    with Warehouse.open(workspace.warehouse) as warehouse:
        assert warehouse.count("results") == 2
        assert warehouse.query("select concentration_ng_per_l c from current_results")["c"].to_list() == [15]


def test_the_order_in_which_files_come_does_not_matter(tmp_path):
    """One run over all files, or a run after each in the worst order: the same tables, bit for bit."""
    from pipeline.settings import make_workspace

    files = {
        "sites.csv": SITES,
        "one.csv": results("12"),
        "two.csv": results("15"),
        "bad.csv": HEAD + "S1,soon,methamphetamine,1,ng/L,,,,\n" + "S2,2025-03-11,methamphetamine,1,ng/L,,,,\n",
        "more.csv": SITES.replace("S1,One", "S2,Two"),
    }
    at_once, one_by_one = make_workspace(tmp_path / "a"), make_workspace(tmp_path / "b")
    for name, text in files.items():
        lay(at_once, name, text)
    take_in(at_once)
    for name in ("bad.csv", "two.csv", "one.csv", "more.csv", "sites.csv"):
        lay(one_by_one, name, files[name])
        take_in(one_by_one)
    with Warehouse.open(at_once.warehouse) as one, Warehouse.open(one_by_one.warehouse) as other:
        first, second = tables_of(one), tables_of(other)
    for table in first:
        assert first[table].equals(second[table]), table


def test_rows_of_a_site_that_becomes_known_later_are_taken_in_by_themselves(workspace):
    lay(workspace, "may.csv", results("12"))
    take_in(workspace)
    with Warehouse.open(workspace.warehouse) as warehouse:
        assert warehouse.read("quarantine")["rule"].to_list() == ["unknown_site"]
    lay(workspace, "sites.csv", SITES)
    (workspace.inbox / "may.csv").unlink()  # the archive keeps what was delivered
    take_in(workspace)
    with Warehouse.open(workspace.warehouse) as warehouse:
        assert warehouse.count("quarantine") == 0
        assert warehouse.count("results") == 1
        assert status(warehouse).does_add_up


def test_a_profile_that_changed_reads_its_deliveries_anew(workspace):
    profile = (
        'name = "own"\ntitle = "t"\nsender = "s"\n[[tables]]\ntable = "results"\nunit = "ng/L"\n'
        '[tables.columns]\nsite_id = "Where"\nsampled_on = "When"\nresidue = "What"\nconcentration = "Much"\n'
    )
    (workspace.profiles / "own.toml").write_text(profile)
    lay(workspace, "sites.csv", SITES)
    lay(workspace, "may.csv", "Where,When,What,Much\nS1,2025-03-11,METH,2\n")
    take_in(workspace)
    (workspace.profiles / "own.toml").write_text(profile.replace("ng/L", "µg/L"))
    taken = take_in(workspace).taken
    assert [delivery.record["file_name"].item() for delivery in taken] == ["may.csv"]
    with Warehouse.open(workspace.warehouse) as warehouse:
        assert warehouse.read("results")["concentration_ng_per_l"].to_list() == [2000]


def test_a_refused_file_is_tried_again(workspace):
    lay(workspace, "may.csv", "Where,When\nS1,2025-03-11\n")
    assert take_in(workspace).taken[0].status == "refused"
    assert take_in(workspace).taken[0].status == "refused"
    with Warehouse.open(workspace.warehouse) as warehouse:
        assert warehouse.count("deliveries") == 1


def test_hidden_and_unfinished_files_are_left_alone(workspace):
    for name in (".hidden", "~$may.xlsx", "may.csv.part", "x.crdownload", "may.csv", "own/june.csv", ".git/config"):
        lay(workspace, name, "x")
    assert [file.name for file in list_inbox(workspace.inbox)] == ["may.csv", "own/june.csv"]


def test_a_folder_named_after_a_profile_decides(workspace):
    lay(workspace, "permille-sites/anything.csv", SITES)
    lay(workspace, "permille-flows/wrong.csv", SITES + "S2,Two,A,1,2\n")
    taken = {delivery.record["file_name"].item(): delivery for delivery in take_in(workspace).taken}
    assert taken["permille-sites/anything.csv"].status == "accepted"
    assert taken["permille-flows/wrong.csv"].notes[0].rule == "missing_column"


def test_inbox_is_neither_moved_nor_changed(workspace):
    path = lay(workspace, "sites.csv", SITES)
    before = path.stat()
    take_in(workspace)
    assert path.read_text() == SITES
    assert path.stat().st_mtime_ns == before.st_mtime_ns
    kept = [file for file in workspace.archive.rglob("*") if file.is_file()]
    assert [(file.name, file.read_text()) for file in kept] == [("sites.csv", SITES)]


def test_a_lost_warehouse_is_rebuilt_from_the_archive_when_the_inbox_was_emptied(workspace):
    lay(workspace, "permille-sites/list.csv", SITES)
    lay(workspace, "may.csv", results("12"), datetime(2025, 4, 1))  # noqa: DTZ001
    lay(workspace, "garbage.csv", "\x00\x01\x02")
    take_in(workspace)
    with Warehouse.open(workspace.warehouse) as warehouse:
        before = tables_of(warehouse)
    shutil.rmtree(workspace.inbox)
    workspace.inbox.mkdir()
    assert take_in(workspace).taken == []  # a refused file is not tried again once it has left the inbox
    workspace.warehouse.unlink()
    take_in(workspace)
    with Warehouse.open(workspace.warehouse) as warehouse:
        after = tables_of(warehouse)
    for table in before:
        assert before[table].equals(after[table]), table


def test_simulated_city_rows_add_up_and_just_the_wrong_rows_are_held(simulated_workspace):
    city, here = simulated_workspace
    with Warehouse.open(here.published, read_only=True) as warehouse:
        now = status(warehouse)
        held = warehouse.read("quarantine").select("file_name", "row_number", "rule")
    assert now.does_add_up
    assert (now.deliveries["is_simulated"]).all()
    expected = city.wrong_rows.select("file_name", pl.col("row_number").cast(pl.Int64), "rule")
    assert held.sort(pl.all()).equals(expected.sort(pl.all()))
    assert (now.deliveries["received_at"] <= RECEIVED).all()
