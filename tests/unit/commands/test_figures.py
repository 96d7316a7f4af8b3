"""Figures in the terminal: what they rest on, what is simulated, which protocol computed nothing, doses by drug."""

import json
import re

import pytest

from pipeline.warehouse import Warehouse
from tests.test_command_line import call


def line(said: str, *words: str) -> str:
    """The one line that begins with these words."""
    (found,) = [one for one in said.splitlines() if one.split()[: len(words)] == list(words)]
    return found


def test_levels_tell_the_status_of_each_factor_and_each_flag(published):
    said = call("levels", "--protocol", "permille", "-w", published.folder)
    assert "experimental" in line(said, "etomidate")
    assert "provisional" in line(said, "cocaine")
    assert line(said, "amphetamine").endswith("unstable_residue")
    assert "unstable_residue: the residue is lost in the sewer" in said
    rows = json.loads(call("levels", "--format", "json", "-w", published.folder))
    status = {(row["drug"], row["protocol"]): row["factor_status"] for row in rows}
    assert status["etomidate", "permille"] == "experimental"
    assert status["methamphetamine", "permille"] == "approved"
    assert status["etomidate", "euda"] is None


@pytest.mark.parametrize("command", [("levels", "--protocol", "permille"), ("change",)])
def test_a_figure_by_an_unverified_marker_names_the_marker_and_not_its_approved_factor(published, command):
    said = call(*command, "--level", "site", "-w", published.folder)
    assert "population marker" in line(said, "Port", "methamphetamine")
    assert "population marker" not in line(said, "Mill", "methamphetamine")
    assert "population marker: inhabitants are counted by NH4-N, a marker that is provisional" in said
    assert "approved" not in line(said, "Port", "methamphetamine")


def test_a_protocol_that_computed_nothing_says_why(published):
    because = "Protocol guizhou computed nothing: nobody is counted by the method the protocol divides by (cotinine)."
    for command in (("levels",), ("levels", "--protocol", "guizhou"), ("totals", "--protocol", "guizhou"),
                    ("change", "--protocol", "guizhou")):  # fmt: skip
        assert because in call(*command, "-w", published.folder)
    assert "guizhou" not in call("levels", "--protocol", "euda", "-w", published.folder)
    assert "computed nothing" not in call("levels", "--format", "csv", "-w", published.folder)


def test_totals_show_the_doses_of_each_drug_and_that_there_is_no_interval(published):
    said = call("totals", "-w", published.folder)
    assert "no interval of it is computed" in said
    assert line(said, "cocaine").split()[1:] == ["4.48", "52.0", "%"]
    (row,) = json.loads(call("totals", "--format", "json", "-w", published.folder))
    assert row["drugs"] == ["amphetamine", "cocaine", "methamphetamine"]
    assert sum(row["doses_of_drugs_per_day_per_1000"]) == pytest.approx(row["doses_per_day_per_1000"])
    of_sites = call("totals", "--level", "site", "-w", published.folder)
    assert line(of_sites, "site", "amphetamine").split() == ["site", "amphetamine", "cocaine", "methamphetamine"]
    assert len(line(of_sites, "Port", "–").split()) == 4


def test_a_change_says_that_sites_are_left_out_and_why(city):
    with Warehouse.open(city.published) as warehouse:
        warehouse.connection.execute("delete from consumption where site_id = 'S2' and sampling_year = 2023").fetchall()
        warehouse.connection.execute("delete from changes").fetchall()  # or what is stored answers
    said = call("change", "-w", city.folder)
    assert re.search(r" %  +1 +1  ", line(said, "cocaine")), "one site compared, one left out"
    assert "those left out have no figure" in said
    assert line(said, "mdma").endswith("not estimable: below limits, no baseline")


def test_what_is_simulated_says_so_wherever_it_is_shown(published):
    at = ("-w", published.folder)
    day = "2023-03-04"
    for command in (("change",), ("levels",), ("totals",), ("factors", "diff", "2026", "older"), ("status",),
                    ("history", "S1", "methamphetamine", day), ("explain", "S1", "cocaine", day)):  # fmt: skip
        assert call(*command, *at).startswith("SIMULATED DATA."), command
    rows = json.loads(call("factors", "diff", "2026", "older", "--format", "json", *at))
    assert {row["drug"] for row in rows if row["is_simulated"]} >= {"cocaine", "methamphetamine"}
    assert json.loads(call("status", "--format", "json", *at))["is_simulated"] is True


def test_factors_diff_marks_figures_and_names_drugs_without_one(published):
    said = call("factors", "diff", "2026", "older", "-w", published.folder)
    assert "now, by 2026" in said
    assert line(said, "etomidate", "15.1").count("(experimental)") == 2
    assert "Not estimable in 2024: mdma (no site)" in said
    assert "In no figure of 2024, for want of results or of a factor: heroin," in said
    (head,) = [
        one
        for one in call("factors", "diff", "australia", "older", "-w", published.folder).splitlines()
        if "now, by" in one
    ]
    assert head.split() == ["drug", "now,", "by", "2026", "by", "australia", "by", "older"]


def test_a_set_is_not_compared_with_itself(published):
    assert "both sets are '2026': name two" in call("factors", "diff", "2026", "2026", "-w", published.folder, code=2)
    assert "both sets are '2026'" in call("factors", "diff", "2026", "2026", code=2)


def test_no_line_of_a_table_ends_in_blanks_or_begins_with_an_empty_one(published):
    for command in (("change",), ("levels",), ("totals",), ("status",), ("factors", "diff", "2026", "older")):
        said = call(*command, "-w", published.folder)
        assert not [one for one in said.splitlines() if one != one.rstrip()], command
        assert said[0] != "\n"


def test_one_day_is_no_days(published):
    assert "S2: flow of 1 day (1 result): 2023-04-01" in call("status", "-w", published.folder)


def test_a_list_of_sites_is_not_held_against_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PERMILLE_WORKSPACE", raising=False)
    (tmp_path / "sites.csv").write_text("site_id,site_name\nS1,Mill\n")
    assert "held against" not in call("check", "sites.csv")


@pytest.mark.parametrize("group", ["profile", "factors", "sites", "fetch"])
def test_each_group_of_commands_helps_with_an_example(group):
    assert f"Example: permille {group} " in call(group, "--help")
