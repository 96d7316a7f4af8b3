"""`permille deliveries` and `permille check`: what came in, what contradicts, and what a decision writes."""

import json

import polars as pl
import pytest
from typer.testing import CliRunner

import permille

runner = CliRunner()


def call(*arguments: object, code: int = 0) -> str:
    result = runner.invoke(permille.app, [str(argument) for argument in arguments])
    assert result.exit_code == code, result.output
    return result.output


def listed(here) -> dict[str, dict]:
    rows = json.loads(call("deliveries", "--format", "json", "-w", here.folder))
    return {row["file_name"]: row for row in rows}


def test_deliveries_are_listed_in_the_order_of_receipt(published):
    rows = listed(published)
    assert [row["number"] for row in rows.values()] == [1, 2, 3, 4, 5]
    assert list(rows) == ["sites.csv", "areas.csv", "people.csv", "flows.csv", "results.csv"]


def test_a_file_that_is_checked_says_what_it_would_contradict(published, tmp_path):
    changed = tmp_path / "people-2.csv"
    changed.write_text("site_id,population_method,population\nS1,census,2000\nS2,census,3100\n")
    said = call("check", changed, "-w", published.folder)
    assert "people-2.csv (no. 6) supersedes 1 value of people.csv (no. 3)" in said
    assert "permille deliveries supersede 3 6" in said
    assert "received before, as no. 3" in call("check", published.inbox / "people.csv", "-w", published.folder)


def test_a_decision_is_written_as_a_delivery(city):
    rows = listed(city)
    for decision in (("supersede", 3, "results.csv"), ("withdraw", rows["flows.csv"]["sha256"][:8])):
        call("deliveries", *decision, "--by", "A. Analyst", "--why", "=because", "-w", city.folder)
    files = sorted(city.inbox.glob("decision-*.csv"))
    written = pl.concat([pl.read_csv(file, infer_schema=False) for file in files])
    assert written["decision"].to_list() == ["supersede", "withdraw"]
    assert written["delivery"].to_list() == [rows["people.csv"]["sha256"], rows["flows.csv"]["sha256"]]
    assert written["supersedes"].fill_null("").to_list() == [rows["results.csv"]["sha256"], ""]
    assert written["why"].to_list() == ["'=because"] * 2  # neutralised for spreadsheets, and read back as it was
    for file in files:
        assert "1 rows = 1 accepted + 0 quarantined" in call("check", file, "-w", city.folder)


@pytest.mark.parametrize(
    "asked",
    [("withdraw", "9"), ("withdraw", "nothing.csv"), ("restore", "3"), ("supersede", "3", "people.csv"),
     ("withdraw", "0123456789abcdef")],
)  # fmt: skip
def test_a_decision_that_would_change_nothing_is_refused(city, asked):
    call("deliveries", *asked, "--by", "A. Analyst", "--why", "because", "-w", city.folder, code=2)
    assert list(city.inbox.glob("decision-*")) == []


def test_a_decision_needs_who_and_why(city):
    call("deliveries", "withdraw", "3", "--by", " ", "--why", "because", "-w", city.folder, code=2)
    call("deliveries", "withdraw", "3", "--by", "A. Analyst", "--why", "-", "-w", city.folder, code=2)
