"""The whole job over the simulated city: the truth is found again, runs repeat, a killed run leaves no trace."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import polars as pl
import pytest

import assets.run
from assets.run import RunFailedError, run_monitoring
from pipeline import quality
from pipeline.changes import between
from pipeline.settings import make_workspace
from pipeline.warehouse import Warehouse
from tests.conftest import lay, lay_tiny, tables_of

ROOT = Path(__file__).parent.parent


def test_the_falls_that_were_simulated_are_found(simulated_workspace):
    """Network changes lie near the truth; for one batch a campaign they cannot lie nearer than batch errors allow.

    With a batch RSD of about 10 % and four campaigns a year in each of several laboratories, a ratio of yearly means is
    uncertain by a few percent: a tolerance of 15 % of the ratio is generous and still catches a wrong factor, unit or
    panel. Drugs mostly below their limit are not estimable and are not compared.
    """
    city, here = simulated_workspace
    with Warehouse.open(here.published, read_only=True) as warehouse:
        rows = warehouse.read("changes").filter(
            (pl.col("level") == "network") & (pl.col("protocol") == "permille") & (pl.col("state") == "estimated")
        )
    assert set(rows.select("baseline_period", "current_period").rows()) == {("2023", "2025"), ("2024", "2025")}
    rows = rows.filter(baseline_period="2023")
    assert rows.height >= 8
    truth = city.truth.changes.filter(pl.col("level") == "network")
    for row in rows.iter_rows(named=True):
        expected = truth.filter(
            (pl.col("drug") == row["drug"])
            & (pl.col("baseline_period") == "2023")
            & (pl.col("current_period") == "2025")
        )["ratio"].item()
        found = 1 + row["change_percent"] / 100
        assert found / expected == pytest.approx(1, abs=0.15), row["drug"]


@pytest.mark.parametrize(("level", "fewest"), [("area", 60), ("site", 100)])
def test_intervals_of_changes_hold_what_was_simulated(simulated_workspace, level, fewest):
    """Of one city, whose drugs and areas share batches: not exactly 95 in 100, but no fewer than 85."""
    city, here = simulated_workspace
    with Warehouse.open(here.published, read_only=True) as warehouse:
        rows = warehouse.read("changes").filter(
            protocol="permille", level=level, state="estimated", baseline_period="2023"
        )
    on = ["level", "unit_id", "drug", "baseline_period", "current_period"]
    beside = rows.join(city.truth.changes.select(*on, "ratio"), on=on, how="inner", validate="1:1")
    assert beside.height == rows.height >= fewest
    truth = 100 * (pl.col("ratio") - 1)
    is_held = beside.select(truth.is_between("ci_low_percent", "ci_high_percent")).to_series()
    assert is_held.null_count() == 0
    assert is_held.mean() >= 0.85
    # And not because they are wide: most falls and rises that were simulated are told from none.
    moved = beside.filter((pl.col("ratio") < 0.7) | (pl.col("ratio") > 1.6))
    assert moved.height >= fewest / 10
    assert moved["verdict"].is_in(["fall", "rise"]).mean() > 0.8


def test_every_table_keeps_its_model(simulated_workspace):
    _, here = simulated_workspace
    with Warehouse.open(here.published, read_only=True) as warehouse:
        quality.require_sound(warehouse)


def test_consumption_can_be_followed_back_to_the_row_of_the_file(simulated_workspace):
    """For every figure of a day: the row it names holds the concentration it was computed from."""
    _, here = simulated_workspace
    with Warehouse.open(here.published, read_only=True) as warehouse:
        lost = warehouse.query(
            "select count(*) as n from consumption c left join results r on r.delivery_id = c.delivery_id"
            " and r.sheet = c.sheet and r.row_number = c.row_number and r.source_column = c.source_column"
            " and r.residue = c.residue where r.delivery_id is null and c.origin = 'measured'"
        )["n"].item()
        by_hand = warehouse.query(
            "select c.amount_mg_per_day_per_1000 as found, r.concentration_ng_per_l * f.flow_m3_per_day / 1000"
            " / (p.population / 1000) * (149.23 / 149.23) / 0.43 as expected"
            " from consumption c join results r using (delivery_id, sheet, row_number, source_column, residue)"
            " join current_flows f on f.site_id = c.site_id and f.sampled_on = c.sampled_on"
            " join current_populations p on p.site_id = c.site_id and c.sampled_on between p.valid_from and p.valid_to"
            " where c.protocol = 'permille' and c.drug = 'methamphetamine' and not c.is_censored"
        )
    assert lost == 0
    assert by_hand.height > 1_000
    assert ((by_hand["found"] / by_hand["expected"] - 1).abs() < 1e-12).all()


def test_a_site_that_joins_or_leaves_is_in_the_naive_figure_only(simulated_workspace):
    city, here = simulated_workspace
    moved = set(city.truth.events.filter(pl.col("event").is_in(["site joins", "site leaves"]))["site_id"])
    assert len(moved) == 2
    with Warehouse.open(here.published, read_only=True) as warehouse:
        rows = between(warehouse, "2023", "2025").changes.filter(
            (pl.col("level") == "network") & (pl.col("protocol") == "permille") & (pl.col("state") == "estimated")
        )
    for row in rows.iter_rows(named=True):
        assert not moved & set(row["panel"].split(";"))
        assert row["n_sites_left_out"] >= 2


def test_two_runs_give_the_same_bytes(simulated_inbox, simulated_workspace, tmp_path):
    """Another workspace, the same deliveries and ledger, laid in another order: the same tables and pages."""
    _, folder = simulated_inbox
    _, first = simulated_workspace
    second = make_workspace(tmp_path / "again")
    for file in sorted(folder.rglob("*"), reverse=True):
        if file.is_file():
            target = second.inbox / file.relative_to(folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(file, target)
    shutil.copy(first.receipts, second.receipts)
    run_monitoring(second, tell=lambda line: None)
    _assert_same(first, second)


def _assert_same(first, second) -> None:
    with (
        Warehouse.open(first.published, read_only=True) as one,
        Warehouse.open(second.published, read_only=True) as other,
    ):
        left, right = tables_of(one), tables_of(other)
    for table in left:
        assert left[table].equals(right[table]), table
    pages = {file.relative_to(first.site): file.read_bytes() for file in first.site.rglob("*") if file.is_file()}
    again = {file.relative_to(second.site): file.read_bytes() for file in second.site.rglob("*") if file.is_file()}
    assert pages == again


def test_runs_killed_in_the_middle_leave_nothing_to_clean(tiny_workspace, tmp_path):
    """kill -9 in one stage after the other, each run going on from what the last one left: then an undisturbed one.

    A run killed earlier must not keep the next from reaching the stage in which that one is killed.
    """
    here = make_workspace(tmp_path / "killed")
    shutil.copytree(tiny_workspace.inbox, here.inbox, dirs_exist_ok=True, copy_function=shutil.copy2)
    shutil.copy(tiny_workspace.receipts, here.receipts)
    for sign in ("[3/", "quarantine:", "consumption:", "published copy:", "site: writing"):
        _run_until(here, sign)
    run_monitoring(here, tell=lambda line: None)
    _assert_same(tiny_workspace, here)
    left = [path.name for path in here.folder.iterdir() if path.name.startswith((".site", ".published"))]
    assert left == []


def _run_until(here, sign: str) -> None:
    """Starts `permille run` and kills it soon after the line of its progress that holds a sign."""
    command = [sys.executable, "-u", "-m", "permille", "run", "--workspace", str(here.folder)]
    env = {key: value for key, value in os.environ.items() if key != "DAGSTER_HOME"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env) as process:
        for line in process.stdout:
            if sign in line:
                if sign == "published copy:":
                    _wait_for(lambda: any(here.folder.glob(".published.duckdb.*")))
                else:
                    time.sleep(0.02)
                process.send_signal(signal.SIGKILL)
                break
        process.stdout.read()
    assert process.returncode == -signal.SIGKILL, f"the run ended before it could be killed at '{sign}'"


def _wait_for(happened, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.002)


@pytest.mark.parametrize("guard", ["checks", "publication"])
def test_a_table_that_breaks_its_model_is_not_published(tiny_copy, monkeypatch, guard):
    """By either of two guards alone: the last edition stays, and the message names the table and the rule."""
    here = tiny_copy
    edition = here.published.read_bytes()
    with duckdb.connect(str(here.warehouse)) as connection:
        connection.execute("update sites set latitude = 99")
    said: list[str] = []
    if guard == "checks":
        monkeypatch.setattr(quality, "require_sound", lambda warehouse: None)
    else:
        monkeypatch.setattr(quality, "check_table", _only_from(quality.require_sound, quality.check_table))
    with pytest.raises(RunFailedError) as failed:
        run_monitoring(here, tell=said.append)
    assert "sites: 2 of 2 rows break their model: out_of_range (2)" in "\n".join([*said, str(failed.value)])
    assert here.published.read_bytes() == edition


def _only_from(caller, check):
    """`check`, which finds nothing except when `caller` asks."""

    def checked(warehouse, table):
        asked_by = sys._getframe(1).f_code
        while_asked = asked_by is caller.__code__ or asked_by.co_qualname.startswith(caller.__qualname__)
        return check(warehouse, table) if while_asked else quality.TableCheck(table, 0, 0, {})

    return checked


def test_lost_rows_are_not_published(tiny_copy):
    """Neither by the job nor where somebody starts the tables behind the intake alone."""
    workspace = tiny_copy
    edition = workspace.published.read_bytes()
    with duckdb.connect(str(workspace.warehouse)) as connection:
        connection.execute("delete from results where site_id = 'S1'")
    said: list[str] = []
    with pytest.raises(RunFailedError):
        run_monitoring(workspace, tell=said.append)
    assert any(quality.ROWS_LOST in line for line in said)
    with Warehouse.open(workspace.warehouse) as warehouse, pytest.raises(quality.BrokenTableError, match="accepted"):
        quality.require_sound(warehouse)
    assert workspace.published.read_bytes() == edition
    workspace.warehouse.unlink()  # the remedy that the message names
    run_monitoring(workspace, tell=lambda line: None)
    with Warehouse.open(workspace.published, read_only=True) as warehouse:
        assert "S1" in set(warehouse.read("results")["site_id"])


@pytest.mark.parametrize("current", ["last", "2024"])
def test_one_year_of_data_gives_a_page_that_says_so(workspace, current):
    lay_tiny(workspace)
    results = workspace.inbox / "results.csv"
    lay(
        workspace,
        "results.csv",
        "".join(line for line in results.read_text().splitlines(keepends=True) if ",2023-" not in line),
    )
    settings = workspace.settings.model_copy(update={"current": current})
    (workspace.folder / "permille.toml").write_text(f'current = "{current}"\n')
    run_monitoring(workspace._replace(settings=settings), tell=lambda line: None)
    page = (workspace.site / "en" / "index.html").read_text(encoding="utf-8")
    assert "A change needs two years. So far sites have a mean in: 2024 (2 sites)." in page
    assert "against" not in page
    assert "figure-trend-" in (workspace.site / "en" / "drugs" / "methamphetamine.html").read_text(encoding="utf-8")


def test_a_number_next_to_nothing_stops_no_edition(workspace):
    """1e-310 ng/L is a number and is accepted; a change on it is none and says so."""
    lay_tiny(workspace)
    text = (workspace.inbox / "results.csv").read_text()
    tiny = "".join(
        ",".join([*line.split(",")[:3], "1e-310", "ng/L", "", "", *line.split(",")[7:]])
        if "METH" in line and ",2023-" in line
        else line
        for line in text.splitlines(keepends=True)
    )
    lay(workspace, "results.csv", tiny)
    run_monitoring(workspace, tell=lambda line: None)
    with Warehouse.open(workspace.published, read_only=True) as warehouse:
        rows = warehouse.read("changes").filter(pl.col("drug") == "methamphetamine")
    assert set(rows["reason"]) == {"baseline_zero"}
    assert set(rows["state"]) == {"not estimable"}


def test_a_site_folder_that_is_not_ours_is_left_alone(workspace):
    lay_tiny(workspace)
    workspace.site.mkdir()
    (workspace.site / "precious.txt").write_text("mine")
    with pytest.raises(RunFailedError, match="holds something that Permille did not write"):
        run_monitoring(workspace, tell=lambda line: None)
    assert (workspace.site / "precious.txt").read_text() == "mine"
    assert not workspace.warehouse.exists(), "said before anything is taken in"


@pytest.mark.parametrize(
    ("home", "said"),
    [("/nonexistent", "DAGSTER_HOME"), ("{empty}", "would send usage data"), (".", "DAGSTER_HOME")],
)
def test_a_dagster_home_that_cannot_be_used_says_so(workspace, tmp_path, monkeypatch, home, said):
    empty = tmp_path / "home"
    empty.mkdir()
    monkeypatch.setenv("DAGSTER_HOME", home.format(empty=empty))
    with pytest.raises(RunFailedError, match=said):
        run_monitoring(workspace, tell=lambda line: None)
    assert not (empty / "logs").exists(), "telemetry was recorded"


def test_without_a_dagster_home_nothing_is_recorded(simulated_workspace):
    _, here = simulated_workspace
    assert not (here.folder / ".dagster").exists()
    with assets.run._instance() as instance:
        assert instance.is_ephemeral
        assert not instance.telemetry_enabled
