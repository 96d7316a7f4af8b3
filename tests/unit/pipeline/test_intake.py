"""Taking in: the same twice changes nothing, later supersedes earlier, the order of files does not matter."""

import io
import shutil
from datetime import datetime, timedelta

import polars as pl
import pytest
import xlsxwriter

from pipeline.inbox import list_inbox
from pipeline.intake import take_in
from pipeline.status import status
from pipeline.warehouse import Warehouse
from schemas.profile import ProfileError
from tests.conftest import RECEIVED, lay, lay_unseen, tables_of

SITES = "site_id,site_name,area_id,latitude,longitude\nS1,One,A,1,2\n"
HEAD = "site_id,sampled_on,residue,concentration,unit,lod,loq,laboratory,batch\n"


def results(value: str, day: str = "2025-03-11") -> str:
    return HEAD + f"S1,{day},methamphetamine,{value},ng/L,0.3,1,Lab,B1\n"


def workbook(sheets: dict[str, pl.DataFrame]) -> bytes:
    content = io.BytesIO()
    with xlsxwriter.Workbook(content) as book:
        for name, frame in sheets.items():
            frame.write_excel(book, worksheet=name)
    return content.getvalue()


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
        values = warehouse.query("select concentration_ng_per_l c from current_results_of(null, 'all')")["c"]
    assert values.to_list() == [15]


def test_how_often_a_run_looks_does_not_matter(tmp_path):
    """One run over all files, or a run after each, in the same order of receipt: the same tables, bit for bit."""
    from pipeline.settings import make_workspace

    files = {
        "bad.csv": HEAD + "S1,soon,methamphetamine,1,ng/L,,,,\n" + "S2,2025-03-11,methamphetamine,1,ng/L,,,,\n",
        "two.csv": results("15"),
        "one.csv": results("12"),
        "more.csv": SITES.replace("S1,One", "S2,Two"),
        "sites.csv": SITES,
    }
    at_once, one_by_one = make_workspace(tmp_path / "a"), make_workspace(tmp_path / "b")
    for name, text in files.items():
        lay(at_once, name, text)
    take_in(at_once)
    for name in files:
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
        '[tables.qualifiers]\n"0" = "quarantine"\n"" = "not measured"\n'
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


def believed(workspace) -> list[float]:
    with Warehouse.open(workspace.warehouse) as warehouse:
        assert status(warehouse).does_add_up
        return warehouse.query("select concentration_ng_per_l as c from current_results_of(null, 'all')")["c"].to_list()


@pytest.mark.parametrize("names", [("a", "b"), ("b", "a")])
def test_of_copies_of_a_content_the_earliest_counts_whatever_they_are_called(workspace, names):
    """The old content was copied anew after its correction had come: it says nothing new."""
    start = datetime(2025, 4, 1)  # noqa: DTZ001
    lay(workspace, "sites.csv", SITES)
    lay(workspace, f"{names[0]}.csv", results("10"), start)
    lay(workspace, "correction.csv", results("20"), start + timedelta(minutes=1))
    lay(workspace, f"{names[1]}.csv", results("10"), start + timedelta(minutes=2))
    take_in(workspace)
    assert believed(workspace) == [20]
    workspace.warehouse.unlink()
    take_in(workspace)
    assert believed(workspace) == [20]


def test_a_touched_file_is_no_newer_delivery_and_a_rebuilt_warehouse_believes_the_same(workspace):
    start = datetime(2025, 4, 1)  # noqa: DTZ001
    lay(workspace, "sites.csv", SITES)
    lay(workspace, "old.csv", results("10"), start)
    lay(workspace, "new.csv", results("20"), start + timedelta(minutes=1))
    take_in(workspace)
    lay(workspace, "old.csv", results("10"), start + timedelta(minutes=2))
    assert take_in(workspace).taken == []
    assert believed(workspace) == [20]
    workspace.warehouse.unlink()
    take_in(workspace)
    assert believed(workspace) == [20]


def test_stamps_ahead_of_the_clock_decide_nothing(workspace):
    ahead = datetime.now() + timedelta(days=30)  # noqa: DTZ005
    lay(workspace, "sites.csv", SITES)
    for number in range(6):
        lay_unseen(workspace, f"{number}.csv", results(str(10 + number)), ahead + timedelta(minutes=(number * 5) % 6))
    take_in(workspace)
    assert believed(workspace) == [15]  # the last by name; the last stamp is that of number 1


@pytest.mark.parametrize("names", [("a", "b"), ("b", "a")])
def test_rows_held_for_a_site_come_in_in_whatever_order_the_files_are_read(workspace, names):
    """Both files hold a site list and flows; one of them the flows of a site that only the other lists."""
    profile = (
        'name = "own"\ntitle = "t"\nsender = "s"\n[[tables]]\ntable = "sites"\nsheet = "sites"\n'
        '[tables.columns]\nsite_id = "site"\nsite_name = "name"\n'
        '[[tables]]\ntable = "flows"\nsheet = "flows"\nunit = "m3/d"\n'
        '[tables.columns]\nsite_id = "site"\nsampled_on = "day"\nflow = "flow"\n'
    )
    (workspace.profiles / "own.toml").write_text(profile)
    flows = pl.DataFrame({"site": ["S2"], "day": ["2025-03-11"], "flow": [5.0]})
    for name, site in zip(names, ("S1", "S2"), strict=True):
        day = "2025-03-11" if site == "S1" else "2025-03-12"
        sheets = {"sites": pl.DataFrame({"site": [site], "name": [site]}), "flows": flows.with_columns(day=pl.lit(day))}
        lay(workspace, f"{name}.xlsx", workbook(sheets))
    take_in(workspace)
    with Warehouse.open(workspace.warehouse) as warehouse:
        assert warehouse.count("quarantine") == 0
        assert warehouse.count("flows") == 2


def test_a_run_killed_before_it_judged_again_does_so_the_next_time(workspace, monkeypatch):
    lay(workspace, "may.csv", results("12"))
    take_in(workspace)
    lay(workspace, "sites.csv", SITES)
    with monkeypatch.context() as patch:
        patch.setattr("pipeline.due.held_without_need", killed)
        with pytest.raises(KeyboardInterrupt):
            take_in(workspace)
    take_in(workspace)
    assert believed(workspace) == [12]


def killed(*_: object) -> None:
    raise KeyboardInterrupt


def test_a_profile_mended_brings_back_what_its_mistake_had_refused(workspace):
    """Also where the inbox was emptied in between."""
    profile = (
        'name = "own"\ntitle = "t"\nsender = "s"\n[[tables]]\ntable = "results"\nunit = "ng/L"\n'
        '[tables.columns]\nsite_id = "Where"\nsampled_on = "When"\nresidue = "What"\nconcentration = "Much"\n'
        '[tables.qualifiers]\n"0" = "quarantine"\n"" = "not measured"\n'
    )
    mine = workspace.profiles / "own.toml"
    mine.write_text(profile)
    lay(workspace, "sites.csv", SITES)
    path = lay(workspace, "may.csv", "Where,When,What,Much\nS1,2025-03-11,METH,2\n")
    take_in(workspace)
    path.unlink()
    for text in (profile.replace('"Much"', '"Mcuh"'), None):
        mine.unlink() if text is None else mine.write_text(text)
        assert take_in(workspace).taken[0].status == "refused"
        assert believed(workspace) == []
        mine.write_text(profile)
        take_in(workspace)
        assert believed(workspace) == [2]


def test_rows_held_because_of_a_wrong_time_stamp_come_in_once_it_is_right(workspace):
    lay(workspace, "sites.csv", SITES)
    lay(workspace, "may.csv", results("12"), datetime(1980, 1, 1))  # noqa: DTZ001  as some archives unpack
    take_in(workspace)
    assert believed(workspace) == []
    lay(workspace, "may.csv", results("12"))
    take_in(workspace)
    assert believed(workspace) == [12]
    assert take_in(workspace).taken == []


def test_an_altered_archive_is_not_believed(workspace):
    lay(workspace, "sites.csv", SITES)
    lay(workspace, "may.csv", results("10"))
    take_in(workspace)
    (workspace.inbox / "may.csv").unlink()
    (kept,) = workspace.archive.rglob("may.csv")
    kept.write_text(results("99"))
    workspace.warehouse.unlink()
    said: list[str] = []
    take_in(workspace, tell=said.append)
    assert believed(workspace) == []
    assert any("was altered in the archive and is not read" in line for line in said)


def test_an_archive_that_was_lost_is_made_anew_from_the_inbox(workspace):
    lay(workspace, "sites.csv", SITES)
    take_in(workspace)
    shutil.rmtree(workspace.archive)
    assert take_in(workspace).taken == []
    assert [file.name for file in workspace.archive.rglob("*.csv")] == ["sites.csv"]


def test_a_profile_with_a_limit_in_no_unit_says_so(workspace):
    (workspace.profiles / "own.toml").write_text(
        'name = "own"\ntitle = "t"\nsender = "s"\n[[tables]]\ntable = "results"\nunit = "ng/L"\n'
        '[tables.columns]\nsite_id = "a"\nsampled_on = "b"\nresidue = "c"\nconcentration = "d"\n'
        '[tables.qualifiers]\n"0" = "quarantine"\n"" = "not measured"\n'
        '[tables.limits]\nketamine = {loq = 1, unit = "ppb"}\n'
    )
    with pytest.raises(ProfileError, match=r"own: tables.results.limits.ketamine: unit 'ppb' is"):
        take_in(workspace)


def test_simulated_city_rows_add_up_and_just_the_wrong_rows_are_held(simulated_workspace):
    city, here = simulated_workspace
    with Warehouse.open(here.published, read_only=True) as warehouse:
        now = status(warehouse)
        held = warehouse.read("quarantine").select("file_name", "row_number", "rule")
    assert now.does_add_up
    assert (now.deliveries["is_simulated"]).all()
    expected = city.wrong_rows.select("file_name", pl.col("row_number").cast(pl.Int64), "rule")
    assert held.sort(pl.all()).equals(expected.sort(pl.all()))
    assert (now.deliveries["saved_at"] <= RECEIVED).all()


def test_two_files_of_one_moment_that_say_different_things_are_told(workspace):
    lay(workspace, "sites.csv", SITES)
    lay_unseen(workspace, "may.csv", results("12"))
    lay_unseen(workspace, "may-again.csv", results("13"))
    take_in(workspace)
    with Warehouse.open(workspace.warehouse) as warehouse:
        pairs = status(warehouse).contradictions
        values = warehouse.read("contradictions").select("superseded_value", "stated_value").rows()
    assert values == [(13, 12)]  # by name: they have one time of last change
    assert pairs.select("order_basis", "n_values", "file_name", "superseded_file").rows() == [
        ("undecided", 1, "may.csv", "may-again.csv")
    ]
