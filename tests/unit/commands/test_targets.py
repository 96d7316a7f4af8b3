"""What `permille targets` says: of targets that are met, that cannot be told, and of none."""

import json

import polars as pl
from typer.testing import CliRunner

import permille
from pipeline.settings import open_workspace
from pipeline.warehouse import Warehouse
from schemas.tables import TABLES
from tests.conftest import publish

runner = CliRunner()
TARGETS = """
[[targets]]
name = "Plan\u202e 2027"
drug = "Methamphetamine"
baseline = "2023"
fall_percent = 30
deadline = 2027-12-31

[[targets]]
drug = "cocaine"
place = "A1"
baseline = "2023"
fall_percent = 90
deadline = 2024-03-01

[[targets]]
drug = "cocaine"
place = "S9"
baseline = "2023"
fall_percent = 10
deadline = 2027-12-31
"""


def call(*arguments: object, code: int = 0) -> str:
    result = runner.invoke(permille.app, [str(argument) for argument in arguments])
    assert result.exit_code == code, result.output
    return result.stdout if "json" in arguments else result.output


def asked(city) -> None:
    file = city.folder / "permille.toml"
    file.write_text(file.read_text(encoding="utf-8") + TARGETS, encoding="utf-8")


def test_targets_are_told_without_a_run(city):
    asked(city)
    said = call("targets", "-w", city.folder)
    first = said.splitlines()[0]
    assert first == "SIMULATED DATA. 3 targets"
    (sentence,) = [line for line in said.splitlines() if "shall be down 90 %" in line]
    assert "target 2: Cocaine per 1000 people in Inner shall be down 90 % on 2023 by 2024-03-01, and is" in sentence
    assert "It is not met: the probability that it is, is under 1 %. The deadline has passed." in sentence
    assert "How far it is cannot be told. There is no site and no area of this number." in said
    assert "\u202e" not in said


def test_targets_are_told_in_chinese(city):
    asked(city)
    said = call("targets", "-w", city.folder, "--language", "zh")
    assert "target 2：目标是到2024年3月1日（Inner）每千人可卡因用量较2023年下降90%；2024年" in said
    assert "目标未达成：达成的概率低于1%。期限已过。" in said


def test_targets_as_data_are_the_rows_of_the_table(city):
    asked(city)
    rows = json.loads(call("targets", "-w", city.folder, "--format", "json"))
    assert list(rows[0]) == list(TABLES["targets"].columns)
    assert [row["outcome"] for row in rows] == ["undecided", "not met", "not estimable"]
    as_csv = pl.read_csv(call("targets", "-w", city.folder, "--format", "csv").encode())
    assert as_csv["drug"].to_list() == ["methamphetamine", "cocaine", "cocaine"]
    publish(open_workspace(city.folder))
    with Warehouse.open(city.published, read_only=True) as warehouse:
        stored = warehouse.query("select * from targets order by target_number")
    assert stored["outcome"].to_list() == [row["outcome"] for row in rows]
    assert stored["probability_met"].to_list() == [row["probability_met"] for row in rows]


def test_without_targets_it_says_how_to_write_one(city):
    said = call("targets", "-w", city.folder)
    assert f"Write each into {city.folder / 'permille.toml'}, below all other settings:" in said
    example = said[said.index("[[targets]]") : said.index("More fields")]
    file = city.folder / "permille.toml"
    file.write_text(file.read_text(encoding="utf-8") + "\n" + example, encoding="utf-8")
    assert "Plan 2027: Methamphetamine per 1000 people shall be down 30 %" in call("targets", "-w", city.folder)


def test_without_targets_data_are_empty(city):
    assert json.loads(call("targets", "-w", city.folder, "--format", "json")) == []


def test_targets_say_by_which_protocol_and_what_they_rest_on(city):
    asked(city)
    said = call("targets", "-w", city.folder)
    assert "by protocol" not in said
    file = city.folder / "permille.toml"
    file.write_text(file.read_text(encoding="utf-8") + 'protocol = "euda"\n', encoding="utf-8")
    said = call("targets", "-w", city.folder)
    assert "shall be down 10 % on 2023 by 2027-12-31, by protocol euda. How far it is cannot be told." in said
    cocaine, *_ = [line for line in said.splitlines() if line.startswith("target 2  ")]
    assert cocaine.split()[-1] == "provisional"
    (sentence,) = [line for line in said.splitlines() if "shall be down 90 %" in line]
    assert sentence.endswith("(provisional factor)")
