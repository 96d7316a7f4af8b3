"""The way back from a figure: cells as they were written, steps that give what the tables hold, what was superseded."""

import json
import os
import shutil
from datetime import date, timedelta

import polars as pl
import pytest

from pipeline import explain
from pipeline.deliveries import all_profiles
from pipeline.settings import make_workspace, open_workspace
from pipeline.warehouse import Warehouse
from tests.conftest import RECEIVED, lay, publish, shared
from tests.test_command_line import call

pytestmark = pytest.mark.xdist_group("explain")  # what its tests share is made once

HEAD = "site_id,sampled_on,residue,concentration,unit,lod,loq,laboratory,batch\n"
DAY = date(2025, 3, 11)


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """A city of one site and two days, one measured, corrected later, and one below its limit; the job has run."""
    workspace = make_workspace(tmp_path_factory.mktemp("explained") / "city")
    lay(workspace, "sites.csv", "site_id,site_name\nS1,One\n")
    lay(workspace, "flows.csv", "site_id,date,flow_m3_per_day\nS1,2025-03-11,1000\nS1,2025-03-12,1000\n")
    lay(workspace, "people.csv", "site_id,population_method,population\nS1,census,2000\n")
    first = HEAD + "S1,2025-03-11,METH,0.9,µg/L,0.001,0.003,Lab,B\nS1,2025-03-12,METH,<LOQ,ng/L,1,3,Lab,B\n"
    lay(workspace, "may.csv", first)
    lay(workspace, "june.csv", HEAD + "S1,2025-03-11,METH,86,ng/L,1,3,Lab,B\n", RECEIVED + timedelta(days=30))
    publish(workspace)
    return workspace


@pytest.fixture
def city(published, tmp_path):
    """A copy of it, to do with what a test likes."""
    shutil.copytree(published.folder, tmp_path / "city")
    return open_workspace(tmp_path / "city")


def archive(here) -> explain.Archive:
    return explain.Archive(here.archive, all_profiles(here.profiles))


def test_a_measured_day_leads_to_its_cells(city):
    with Warehouse.open(city.published, read_only=True) as warehouse:
        found = explain.explain_day(warehouse, archive(city), "S1", "methamphetamine", DAY, "permille")
    assert found.figure["amount_mg_per_day_per_1000"] == pytest.approx(100)
    assert [(source.what, source.file_name, source.cell, source.text, source.unit) for source in found.sources] == [
        ("results", "june.csv", "D2", "86", "ng/L"), ("flows", "flows.csv", "C2", "1000", "m^3/day"),
        ("populations", "people.csv", "C2", "2000", "count"),
    ]  # fmt: skip
    assert all(source.is_as_archived for source in found.sources)
    assert [(source.file_name, source.text, source.value) for source in found.superseded] == [
        ("may.csv", "0.9", "900 ng/L")
    ]
    assert [(step.macro, step.with_numbers) for step in found.steps][:2] == [
        ("load_mg_per_day", "((86 * 1000) / 1000)"), ("load_mg_per_day_per_1000", "(86 / (2000 / 1000))"),
    ]  # fmt: skip
    assert [step.result for step in found.steps] == [86, 43, pytest.approx(1 / 0.43), pytest.approx(100)]
    assert found.agrees
    assert found.factor["factor_status"] == "approved"


def test_a_day_below_its_limit_shows_the_limit_on_its_way(city):
    with Warehouse.open(city.published, read_only=True) as warehouse:
        found = explain.explain_day(
            warehouse, archive(city), "S1", "methamphetamine", DAY + timedelta(days=1), "permille"
        )
    assert found.steps[0].with_numbers == "((3 * 1000) / 1000)"
    assert found.agrees
    assert found.sources[0].details["qualifier"] == "<LOQ"


def test_a_figure_the_formula_does_not_give_is_told(city):
    with Warehouse.open(city.warehouse) as warehouse:
        warehouse.connection.execute("update consumption set amount_mg_per_day_per_1000 = 99").fetchall()
        found = explain.explain_day(warehouse, archive(city), "S1", "methamphetamine", DAY, "permille")
        assert not found.agrees
        assert [step.macro for step in found.steps if not step.agrees] == ["consumption_mg_per_day_per_1000"]
        warehouse.connection.execute("update site_periods set mean_mg_per_day_per_1000 = 98").fetchall()
        period = explain.explain_period(warehouse, archive(city), "S1", "methamphetamine", "2025", "euda")
        assert not period.agrees


def test_an_archived_file_that_says_something_else_is_told(city):
    (kept,) = city.archive.rglob("june.csv")
    kept.write_text(kept.read_text().replace(",86,", ",87,"))
    assert "THE ARCHIVED FILE SAYS '87'" in call("explain", "S1", "methamphetamine", DAY, "-w", city.folder)
    kept.unlink()
    assert "no cell in the archive to ask" in call("explain", "S1", "methamphetamine", DAY, "-w", city.folder)


def test_a_period_lists_its_days_and_gives_the_same_mean(city):
    said = call("explain", "S1", "methamphetamine", "--period", "2025", "--protocol", "euda", "-w", city.folder)
    assert "methamphetamine at S1 in 2025, protocol euda: 21.5 mg/day/1000" in said
    assert "2 of 2 cells in the archive still say so" in said
    assert "agrees with the table" in said


def test_history_tells_what_was_believed_when(city):
    said = call("history", "S1", "methamphetamine", DAY, "-w", city.folder)
    assert said.index("900 ng/L  (believed until") < said.index("86 ng/L  (believed now)")


def test_json_holds_the_whole_chain(city):
    found = json.loads(call("explain", "S1", "methamphetamine", DAY, "--json", "-w", city.folder))
    assert found["agrees"] is True
    assert found["sources"][0]["cell"] == "D2"
    assert found["superseded"][0]["file_name"] == "may.csv"


@pytest.mark.parametrize(
    ("asked", "said", "code"),
    [
        (("S9", "methamphetamine", "2025-03-11"), "no site or area 'S9' here; there are: site S1 (One); network", 2),
        (("S1", "cocaine", "2025-03-11"), "there is no drug 'cocaine' here; there are methamphetamine", 2),
        (("S1", "methamphetamine", "2025-03-13"), "there is no day '2025-03-13' here; there are 2025-03-11, 2025", 1),
        (("S1", "methamphetamine", "--period", "2024"), "there is no period '2024' here; there are 2025, ", 1),
        (("S1", "methamphetamine", "11.3.2025"), "'11.3.2025' is no day", 2),
        (("S1", "methamphetamine"), "name a day", 2),
        (("S1", "methamphetamine", "2025-03-11", "--protocol", "mine"), "there is no protocol 'mine'", 2),
    ],
)  # fmt: skip
def test_what_cannot_be_explained_says_what_can(city, asked, said, code):
    assert said in call("explain", *asked, "-w", city.folder, code=code)


def test_delivered_text_cannot_rewrite_the_terminal(city):
    lay(city, "evil\x1b[2J.csv", HEAD + "S1,2025-03-13,METH,7,ng/L,1,3,Lab\x1b[31m,B\n")
    lay(city, "flow13.csv", "site_id,date,flow_m3_per_day\nS1,2025-03-13,1000\n")
    publish(city)
    assert "\x1b" not in call("explain", "S1", "methamphetamine", "2025-03-13", "-w", city.folder)


def test_a_random_sample_of_simulated_figures_agrees_with_its_cells(simulated_workspace):
    _, here = simulated_workspace
    with Warehouse.open(here.published, read_only=True) as warehouse:
        rows = warehouse.query("select site_id, drug, sampled_on, protocol from consumption order by all").sample(
            40, seed=int(os.environ.get("PERMILLE_SEED", "7"))
        )
        kept = archive(here)
        for site_id, drug, day, protocol in rows.iter_rows():
            found = explain.explain_day(warehouse, kept, site_id, drug, day, protocol)
            assert found.agrees, (site_id, drug, day, protocol)
            assert all(source.is_as_archived for source in found.sources), found.sources


def test_every_figure_of_a_reported_week_leads_to_its_cell(workspace):
    for name in ("ww2025-all-data.csv", "ww2025-site-info-table.csv"):
        lay(workspace, name, shared(f"euda/{name}").read_bytes())
    publish(workspace)
    with Warehouse.open(workspace.published, read_only=True) as warehouse:
        found = explain.explain_period(warehouse, archive(workspace), "at-graz", "mdma", "2024", "euda")
    assert found.agrees
    # Graz, EUDA's own week of 2024 (references: daily mean 15.53).
    texts = ["10.5", "9.13", "8.82", "12.87", "12.45", "28.11", "26.8"]
    assert found.days.sort("weekday")["text"].to_list() == texts
    assert found.figure["mean_mg_per_day_per_1000"] == pytest.approx(15.53, abs=0.011)
    assert (found.n_read_again, found.n_as_archived) == (7, 7)
    assert isinstance(found.days, pl.DataFrame)
