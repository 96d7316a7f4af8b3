"""What a hard review found: runs, names and orders that must not matter, and what must not be mixed."""

from datetime import date, datetime

import polars as pl
import pytest

from pipeline import estimates
from pipeline.intake import take_in
from pipeline.reading.ole_guard import _problem_of_book
from pipeline.status import status
from pipeline.warehouse import Warehouse
from tests.conftest import RECEIVED, lay, tables_of

at = datetime.fromisoformat
SITES = "site_id,site_name\ns1,One\n"
POPULATIONS = "site_id,population_method,population\ns1,census,1000\n"
RESULTS = "site_id,sampled_on,residue,concentration,unit,laboratory,replicate\n"
COMPOSITES = "site_id,composite_start,composite_end,residue,concentration,unit,laboratory,replicate\n"
CORRECTIONS = "site_id,sampled_on,residue,what,from,to,why,who,date\n"
DECISIONS = "numbering,edition,number,name,site_id,valid_from,valid_to,why,who,date\n"
NUMBERED = """name = "lab"
title = "T"
sender = "S"
[numbering]
name = "lab"
release = '(20\\d\\d)'
"""
LIST = """[[tables]]
table = "sites"
[tables.columns]
site_id = "No"
site_label = "Place"
site_name = "Place"
"""
OF_FLOW = """[[tables]]
table = "flows"
unit = "m3/day"
[tables.columns]
site_id = "No"
site_label = "Place"
sampled_on = "Day"
flow = "Flow"
"""


def profile_of_lab(here, tables):
    (here.profiles / "lab.toml").write_text(NUMBERED + tables)


def run(here):
    return take_in(here, tell=lambda line: None)


def read(here, table):
    with Warehouse.open(here.warehouse) as warehouse:
        return warehouse.read(table)


def loads(here):
    run(here)
    with Warehouse.open(here.warehouse) as warehouse:
        estimates.load_reference(warehouse)
        estimates.compute(warehouse, "population_estimates")
        estimates.compute(warehouse, "loads")
        return warehouse.read("loads").sort("sampled_on")


def test_three_editions_saved_backwards_are_in_the_order_of_their_editions(workspace):
    profile_of_lab(workspace, LIST + OF_FLOW)
    for edition, saved in (("2023", "2026-01-10"), ("2024", "2026-01-05"), ("2025", "2026-01-02")):
        lay(workspace, f"lab-{edition}.csv", f"No,Place,Day,Flow\n1,Ort,2022-03-01,{edition}\n", at(saved))
    run(workspace)
    with Warehouse.open(workspace.warehouse) as warehouse:
        assert warehouse.query("select flow_m3_per_day from current_flows").item() == 2025


@pytest.mark.parametrize("name", ["2031/lab-2025.csv", "lab-2025.csv"])
def test_the_edition_is_told_by_the_name_and_not_by_a_folder(workspace, name):
    profile_of_lab(workspace, LIST)
    lay(workspace, name, "No,Place\n1,Ort\n")
    run(workspace)
    assert read(workspace, "deliveries")["release"].to_list() == ["2025"]


def test_a_file_without_an_edition_is_told_and_one_that_is_given_it_keeps_it(workspace):
    profile_of_lab(workspace, LIST)
    file = lay(workspace, "download.csv", "No,Place\n1,Ort\n")
    (delivery,) = run(workspace).taken
    assert "does not tell which edition" in delivery.messages[0]
    assert delivery.status == "accepted"
    file.rename(workspace.inbox / "lab-2025.csv")
    run(workspace)
    assert read(workspace, "deliveries")["release"].to_list() == ["2025"]
    (workspace.inbox / "lab-2025.csv").unlink()
    workspace.warehouse.unlink()
    run(workspace)
    assert read(workspace, "deliveries")["release"].to_list() == ["2025"]


def test_a_later_delivery_of_readings_takes_the_place_of_what_lies_between_its_own(workspace):
    lay(workspace, "sites.csv", SITES)
    lay(workspace, "populations.csv", POPULATIONS)
    head = "site_id,read_at,flow,unit\n"
    wrong = "".join(f"s1,2025-03-11 {hour:02}:{ten}5,9000,m3/d\n" for hour in range(24) for ten in range(6))
    right = "".join(f"s1,2025-03-11 {hour:02}:00,1000,m3/d\n" for hour in range(24))
    lay(workspace, "a.csv", head + wrong)
    lay(workspace, "b.csv", head + right, RECEIVED.replace(day=20))
    window = "s1,2025-03-11 02:00,2025-03-11 22:00,ketamine,10,ng/L,Lab,\n"
    lay(workspace, "results.csv", COMPOSITES + window)
    assert loads(workspace)["flow_m3_per_day"].to_list() == pytest.approx([1000])


def test_replicates_that_do_not_state_quite_the_same_days_get_no_single_day_s_flow(workspace):
    lay(workspace, "sites.csv", SITES)
    lay(workspace, "populations.csv", POPULATIONS)
    lay(
        workspace,
        "flows.csv",
        "site_id,date,flow_m3_per_day\ns1,2025-03-01,1000\ns1,2025-03-02,2000\ns1,2025-03-03,6000\n",
    )
    (workspace.profiles / "three.toml").write_text(
        'name = "three"\ntitle = "T"\nsender = "S"\n[[tables]]\ntable = "results"\nunit = "ng/L"\n'
        'composite_period_hours = 72\n[tables.columns]\nsite_id = "S"\ncomposite_start_at = "From"\n'
        'composite_end_at = "To"\nconcentration = "C"\nreplicate = "R"\n[tables.constants]\nresidue = "ketamine"\n'
        '[tables.qualifiers]\n"0" = "quarantine"\n"" = "quarantine"\n'
    )  # fmt: skip
    rows = "s1,2025-03-01 00:00,2025-03-04 00:00,100,1\n"
    lay(workspace, "results.csv", "S,From,To,C,R\n" + rows + "s1,2025-03-01 00:01,2025-03-04 00:00,100,2\n")
    (row,) = loads(workspace).rows(named=True)
    assert (row["flow_basis"], row["reason"]) == (None, "no_flow")


def test_two_corrections_of_the_same_value_count_once_and_what_was_not_measured_is_not_corrected(workspace):
    lay(workspace, "sites.csv", SITES)
    text = "s1,2025-03-11,ketamine,33.333333333,ng/L,Lab,1\ns1,2025-03-11,ketamine,NA,ng/L,Lab,2\n"
    lay(workspace, "results.csv", RESULTS + text + "s1,2025-03-12,ketamine,NA,ng/L,Lab,1\n")
    made = "s1,2025-03-11,ketamine,concentration,33.333333333,60,first try,me,2025-04-01\n"
    made += "s1,2025-03-11,ketamine,concentration,33.33333333334,70,second try,me,2025-04-02\n"
    made += "s1,2025-03-12,ketamine,concentration,,50,was below,me,2025-04-02\n"
    lay(workspace, "corrections.csv", CORRECTIONS + made)
    run(workspace)
    with Warehouse.open(workspace.warehouse) as warehouse:
        days = warehouse.query("select * from summed_up_days(null, 'all') order by sampled_on")
        stale = status(warehouse).stale_corrections
    assert days["concentration_ng_per_l"].to_list() == [70, None]
    assert days["n_measurements"].to_list() == [1, 0]
    assert stale["value_to"].to_list() == [50]


def test_a_decision_that_supersedes_another_holds_at_once_as_after_a_rebuild(workspace):
    profile_of_lab(workspace, OF_FLOW)
    lay(workspace, "sites.csv", "site_id,site_name\nX,Ix\nY,Ypsilon\n")
    lay(workspace, "lab-2021.csv", "No,Place,Day,Flow\n1,,2021-03-01,5\n")
    first = "lab,,1,,X,,,as it was,me,2024-01-01\nlab,,1,,Y,2020-01-01,,moved,me,2024-01-02\n"
    lay(workspace, "d1.csv", DECISIONS + first)
    run(workspace)
    assert read(workspace, "flows")["site_id"].to_list() == ["Y"]
    lay(workspace, "d2.csv", DECISIONS + "lab,,1,,X,,,always so,me,2024-02-01\n")
    run(workspace)
    assert read(workspace, "flows")["site_id"].to_list() == ["X"]
    assert run(workspace).taken == []
    workspace.warehouse.unlink()
    run(workspace)
    assert read(workspace, "flows")["site_id"].to_list() == ["X"]


@pytest.mark.parametrize(("one", "other"), [("Ort", "ort"), ("ort", "Ort")])
def test_of_two_decisions_of_one_day_the_later_delivered_holds(workspace, one, other):
    profile_of_lab(workspace, OF_FLOW)
    lay(workspace, "sites.csv", "site_id,site_name\nX,Ix\nY,Ypsilon\n")
    lay(workspace, "lab-2021.csv", "No,Place,Day,Flow\n1,Ort,2021-03-01,5\n")
    lay(workspace, "d1.csv", DECISIONS + f"lab,,1,{one},Y,,,so it is,me,2024-01-01\n")
    lay(workspace, "d2.csv", DECISIONS + f"lab,,1,{other},X,,,no it is not,me,2024-01-01\n", RECEIVED.replace(day=20))
    run(workspace)
    assert read(workspace, "flows")["site_id"].to_list() == ["X"]


def test_a_decision_with_a_mistyped_name_or_edition_is_told(workspace):
    profile_of_lab(workspace, OF_FLOW)
    lay(workspace, "sites.csv", "site_id,site_name\nX,Ix\n")
    lay(workspace, "lab-2021.csv", "No,Place,Day,Flow\n1,Ort,2021-03-01,5\n")
    made = "lab,,1,Otr,X,,,mistyped,me,2024-01-01\nlab,2O21,1,,X,,,mistyped,me,2024-01-01\n"
    lay(workspace, "d1.csv", DECISIONS + made)
    run(workspace)
    with Warehouse.open(workspace.warehouse) as warehouse:
        assert status(warehouse).idle_decisions.height == 2


def test_a_number_that_a_spreadsheet_would_run_comes_back_as_it_was(workspace):
    profile_of_lab(workspace, OF_FLOW)
    lay(workspace, "sites.csv", "site_id,site_name\nX,Ix\n")
    lay(workspace, "lab-2021.csv", "No,Place,Day,Flow\n-1,=Süd,2021-03-01,5\n")
    lay(workspace, "d1.csv", DECISIONS + "lab,,'-1,'=Süd,X,,,so it is,me,2024-01-01\n")
    run(workspace)
    assert read(workspace, "flows")["site_id"].to_list() == ["X"]


def test_two_copies_of_a_file_do_not_come_and_go(workspace):
    lay(workspace, "sites.csv", SITES)
    text = RESULTS + "s1,2025-11-20,ketamine,5,ng/L,Lab,\n"
    lay(workspace, "a.csv", text, at("2025-11-10"))
    lay(workspace, "b.csv", text, at("2025-11-24"))
    found = []
    for _ in range(4):
        run(workspace)
        found.append(read(workspace, "results").height)
    assert found[1:] == [1, 1, 1]


def test_rows_of_a_site_that_falls_into_doubt_are_held_as_a_rebuild_would(workspace):
    profile_of_lab(workspace, LIST)
    lay(workspace, "lab-2025.csv", "No,Place\n1,Ort B\n", at("2025-06-01"))
    lay(workspace, "flows.csv", "site_id,date,flow_m3_per_day\nort-b,2025-03-01,1000\n")
    run(workspace)
    assert read(workspace, "flows").height == 1
    lay(workspace, "lab-2023.csv", "No,Place\n1,Ort A\n", at("2023-06-01"))
    run(workspace)
    with Warehouse.open(workspace.warehouse) as warehouse:
        before = tables_of(warehouse)
    assert before["flows"].is_empty()
    workspace.warehouse.unlink()
    run(workspace)
    with Warehouse.open(workspace.warehouse) as warehouse:
        after = tables_of(warehouse)
    assert [table for table in before if not before[table].equals(after[table])] == []


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2025-03-01 08:00-10:00", None),
        ("2025-03-01T08:00+99:99", None),
        ("2025-03-01T08:00+15:00", None),
        ("2025-03-01T08:00:00-05:00", date(2025, 3, 1)),
        ("2025-03-01T08:00+0545", date(2025, 3, 1)),
    ],
)
def test_a_span_or_an_offset_that_no_place_has_is_no_moment(workspace, text, day):
    lay(workspace, "sites.csv", "site_id,site_name,time_zone\ns1,One,UTC\n")
    lay(workspace, "results.csv", COMPOSITES + f"s1,{text},,ketamine,5,ng/L,Lab,\n")
    run(workspace)
    assert read(workspace, "results")["sampled_on"].to_list() == ([day] if day else [])


def test_a_composite_with_one_offset_is_held_to_its_length_and_its_day(workspace):
    lay(workspace, "sites.csv", "site_id,site_name,time_zone\ns1,One,Europe/Berlin\n")
    rows = "s1,2025-03-01T08:00:00+01:00,2025-03-20 08:00,ketamine,5,ng/L,Lab,\n"
    lay(workspace, "results.csv", COMPOSITES + rows)
    (message,) = run(workspace).taken[1].messages
    assert "the composite lasts 456.0 hours, where the profile allows 24" in message


def test_a_composite_at_the_edge_of_a_decision_goes_by_the_day_it_mostly_covers(workspace):
    profile_of_lab(
        workspace,
        '[[tables]]\ntable = "results"\nunit = "ng/L"\n[tables.columns]\nsite_id = "No"\n'
        'composite_start_at = "From"\n'
        'composite_end_at = "To"\nconcentration = "C"\n[tables.constants]\nresidue = "ketamine"\n'
        '[tables.qualifiers]\n"0" = "quarantine"\n"" = "quarantine"\n',
    )
    lay(workspace, "sites.csv", "site_id,site_name\nX,Ix\nY,Ypsilon\n")
    lay(workspace, "lab-2020.csv", "No,From,To,C\n1,2019-12-31 20:00,2020-01-01 20:00,5\n")
    made = "lab,,1,,X,,2019-12-31,old,me,2024-01-01\nlab,,1,,Y,2020-01-01,,new,me,2024-01-01\n"
    lay(workspace, "d1.csv", DECISIONS + made)
    run(workspace)
    assert read(workspace, "results")["site_id"].to_list() == ["Y"]


def test_sheets_of_an_old_workbook_that_run_into_each_other_are_not_walked_again_and_again():
    def record(kind, content=b""):
        return kind.to_bytes(2, "little") + len(content).to_bytes(2, "little") + content

    n, m = 300, 20_000
    cells = record(0x201, bytes(6)) * m
    place = n * 8 + 4
    sheets = b"".join(record(0x85, (place + 10 * i).to_bytes(4, "little")) for i in range(n))
    assert _problem_of_book(sheets + record(0x0A) + cells) == "its sheets run into each other"
    assert _problem_of_book(record(0x85, (12).to_bytes(4, "little")) + record(0x0A) + cells) == ""


def test_a_meter_s_list_that_ends_with_a_line_without_a_moment_is_read_from_its_end_all_the_same(workspace):
    lay(workspace, "sites.csv", "site_id,site_name,time_zone\ns1,One,Europe/Berlin\n")
    falling = ["03:00,3", "02:30,25", "02:00,2", "02:30,15", "02:00,1", "01:30,0"]
    text = "".join(f"s1,2025-10-26 {line},m3/d\n" for line in falling)
    lay(workspace, "readings.csv", "site_id,read_at,flow,unit\n" + text + "s1,Total,9,m3/d\n")
    run(workspace)
    rows = read(workspace, "flow_readings").sort("read_utc")
    assert rows["flow_m3_per_day"].to_list() == [0, 1, 15, 2, 25, 3]
    assert rows.select(pl.col("read_utc").diff().drop_nulls().n_unique()).item() == 1


def test_residues_that_lead_to_no_figure_are_told(workspace):
    lay(workspace, "sites.csv", SITES)
    text = "s1,2025-03-11,morphine,5,ng/L,Lab,\ns1,2025-03-11,ketamine,5,ng/L,Lab,\n"
    lay(workspace, "results.csv", RESULTS + text)
    loads(workspace)
    with Warehouse.open(workspace.warehouse) as warehouse:
        assert status(warehouse).in_no_figure.rows() == [("morphine", 1)]
