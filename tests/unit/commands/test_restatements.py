"""What a run or a decision moves, as commands say it: a rehearsal writes nothing, a history lists what there was."""

import hashlib
import json
import shutil

import polars as pl
import pytest
from typer.testing import CliRunner

import permille
from commands.restatements import print_moved
from dashboards.restatements import between, record
from pipeline.rehearsal import rehearsed
from pipeline.restatements import last_published
from pipeline.settings import open_workspace
from pipeline.warehouse import Warehouse
from schemas.tables import TABLES

runner = CliRunner()
DECISION = "decision,delivery,supersedes,why,who,date\nwithdraw,{},,counted twice,A. Analyst,2026-02-01\n"


def call(*arguments: object, code: int = 0) -> str:
    result = runner.invoke(permille.app, [str(argument) for argument in arguments])
    assert result.exit_code == code, result.output
    return result.stdout


def hashes(folder) -> dict[str, str]:
    files = (file for file in folder.rglob("*") if file.is_file())
    return {str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


@pytest.fixture(scope="module")
def restated(published, tmp_path_factory):
    """A workspace whose published copy is of a second edition: the counts of inhabitants were withdrawn."""
    folder = tmp_path_factory.mktemp("restated") / "city"
    shutil.copytree(published.folder, folder)
    here = open_workspace(folder)
    with Warehouse.open(here.published, read_only=True) as warehouse:
        people = warehouse.query("select delivery_id from deliveries where file_name = 'people.csv'").item()
    file = folder.with_name("decision.csv")
    file.write_text(DECISION.format(people))
    copy, again = folder.with_name("copy.duckdb"), folder.with_name("again.duckdb")
    with rehearsed(here, file, lambda line: None) as (warehouse, edition):
        moved = between(warehouse, last_published(here.published, here.settings), edition)
        with warehouse.transaction():
            warehouse.replace("changes", edition.figures.pipe(_as_changes))
        # A run that is cut off before it published leaves this in the warehouse, and the next one writes it again.
        record(warehouse, here.published, here.settings)
        warehouse.copy_to(again)
        record(warehouse, here.published, here.settings)
        warehouse.copy_to(copy)
    assert history(copy) == history(again)
    copy.replace(here.published)
    return here, moved


def _as_changes(figures: pl.DataFrame) -> pl.DataFrame:
    """Figures as rows of the table of changes, as far as a history needs them."""
    known = figures.with_columns(
        pl.lit("permille").alias("protocol"), pl.lit("2023").alias("baseline_period"),
        pl.lit("2024").alias("current_period"),
    )  # fmt: skip
    return pl.concat([known, pl.DataFrame(schema=TABLES["changes"].types)], how="diagonal_relaxed").select(
        pl.col(name).cast(kind) for name, kind in TABLES["changes"].types.items()
    )


def history(file) -> list[list[tuple]]:
    with Warehouse.open(file, read_only=True) as warehouse:
        return [warehouse.read(table).rows() for table in ("editions", "restatements")]


def test_a_rehearsal_shows_what_would_move_and_writes_nothing(city):
    before = hashes(city.folder)
    said = call("deliveries", "withdraw", "people.csv", "--by", "Me", "--why", "counted twice", "--dry-run",
                "-w", city.folder)  # fmt: skip
    assert hashes(city.folder) == before
    # Both sites of the inner area are counted by census: nothing is left of it. The outer one is counted by its marker,
    # and only its interval moves, for the spread of days is learnt from all sites.
    assert "cocaine, All sites: +2.3 % (+0.6 % to +4.1 %), rise -> not estimable" in said
    assert "people.csv (no. 3)" in said
    assert "methamphetamine, Outer: +8.4 % (−58 % to +183 %), no change detected -> +8.4 %" in said
    assert "cocaine, Outer" not in said


def test_a_rehearsal_says_the_same_as_the_edition_that_follows(restated):
    here, moved = restated
    with Warehouse.open(here.published, read_only=True) as warehouse:
        stored = warehouse.read("restatements")
    key = ["level", "unit_id", "drug"]
    assert stored.select(moved.rows.columns).sort(key).rows() == moved.rows.sort(key).rows()
    assert set(stored["causes"]) == {"withdrawn"}
    assert set(stored["edition_number"]) == {2}
    assert stored.filter(drug="cocaine", level="network")["change_percent"].to_list() == [None]


def test_the_history_is_listed_and_can_be_read_by_programs(restated):
    here, moved = restated
    said = call("restatements", "-w", here.folder)
    assert said.index("Edition 2 (") < said.index("Edition 1 (")
    rows = json.loads(call("restatements", "--format", "json", "-w", here.folder))
    assert list(rows[0]) == list(TABLES["restatements"].columns)
    assert len(rows) == moved.rows.height
    assert call("restatements", "--edition", 1, "--format", "csv", "-w", here.folder).count("\n") == 1
    assert "Edition 2" not in call("restatements", "--edition", 1, "-w", here.folder)
    assert "Edition 1" not in call("restatements", "--most", 1, "-w", here.folder)
    call("restatements", "--edition", 3, "-w", here.folder, code=2)


def test_a_run_ends_with_what_it_moved(published, restated, capsys):
    here, moved = restated
    print_moved(here.published, 1)
    said = capsys.readouterr().out
    assert f"{moved.rows.height} headline figures differ" in said
    assert "SIMULATED DATA" in said.splitlines()[0]
    print_moved(here.published, 2)
    assert "No new edition" in capsys.readouterr().out
    print_moved(published.published, 0)
    assert "First edition" in capsys.readouterr().out
