"""What `permille robustness` prints, and what sentences say of it: a city whose people are counted in two ways."""

import json
import re

import polars as pl
import pytest

from pipeline.settings import make_workspace, open_workspace
from schemas.tables import TABLES
from tests.conftest import lay, publish
from tests.test_command_line import call
from tests.unit.commands.conftest import DAYS


@pytest.fixture(scope="module")
def counted(once):
    """Methamphetamine down by half; by cotinine a tenth more people then: down by 55 %. Read it, do not change it."""
    return open_workspace(once("counted", _counted))


def _counted(folder):
    here = make_workspace(folder)
    lay(here, "sites.csv", "site_id,site_name\nS1,Mill\n")
    lay(here, "people.csv", "site_id,population_method,population,valid_from,valid_to\nS1,census,2000,,\n"
        "S1,cotinine,2000,,2023-12-31\nS1,cotinine,2222.2222222222222,2024-01-01,\n")  # fmt: skip
    lay(here, "flows.csv", "site_id,date,flow_m3_per_day\n" + "".join(f"S1,{day},1000\n" for day in DAYS))
    head = "site_id,sampled_on,residue,concentration,unit,lod,loq,laboratory,batch\n"
    of_day = {day: (100 + day.day) * (1 if day.year == 2023 else 0.5) for day in DAYS}
    # Weekday with weekday: the weeks begin on a Saturday and a Monday, so days differ little and not by weekday.
    lay(here, "results.csv", head + "".join(
        f"S1,{day},METH,{value},ng/L,1,3,Lab,B\n" for day, value in of_day.items()))  # fmt: skip
    publish(here)


def test_a_headline_says_how_far_it_goes_and_what_matters_most(counted):
    said = call("robustness", "-w", counted.folder)
    (line,) = [line for line in said.splitlines() if line.startswith("methamphetamine")]
    assert "−50 % to −50 % (5)" not in line
    assert "−55 % to −50 % (2)" in line
    assert "population method: 5.0 points" in line
    (row,) = json.loads(call("robustness", "-w", counted.folder, "--format", "json"))
    assert row["most_important_choice"] == "population_method"
    assert row["lowest_by_population_percent"] == pytest.approx(-55)
    assert (row["n_protocols"], row["n_populations"]) == (5, 2)


def test_all_ways_of_a_drug(counted):
    said = call("robustness", "-w", counted.folder, "--drug", "methamphetamine", "--level", "site")
    assert "permille (headline)" in said
    assert "Mill" in said
    assert "−5.0" in next(line for line in said.splitlines() if "cotinine" in line)
    rows = pl.read_csv(
        call("robustness", "-w", counted.folder, "--drug", "METHAMPHETAMINE", "--format", "csv").encode()
    )
    assert rows.columns == list(TABLES["robustness"].columns)
    assert rows.filter(pl.col("choice") == "protocol").height == 5


def test_another_protocol_or_period_is_computed_when_it_is_asked_for(counted):
    asked = ("robustness", "-w", counted.folder, "--format", "json", "--drug", "methamphetamine")
    stored = json.loads(call(*asked))
    again = json.loads(call(*asked, "--baseline", "2023-03-04..2023-03-10", "--current", "2024-03-04..2024-03-10"))
    assert [(row["option"], row["change_percent"]) for row in again] == [
        (row["option"], pytest.approx(row["change_percent"])) for row in stored
    ]
    assert again[0]["baseline_period"] == "2023-03-04..2023-03-10"
    euda = json.loads(call(*asked, "--protocol", "euda"))
    assert {row["option"] for row in euda if row["is_headline"]} == {"euda"}
    assert {row["choice"] for row in euda} >= {"weekday_rule", "area_weights"}


def test_sentences_count_the_ways_of_counting_people(counted):
    said = call("change", "-w", counted.folder, "--format", "sentence")
    assert re.search(
        r"the same way under all protocols, which come to \d figures \(−5\d % to −50 %\) and 2 ways of counting people",
        said,
    )
    said = call("change", "-w", counted.folder, "--format", "sentence", "--language", "zh")
    assert re.search("各方案方向一致、得出\\d种数值（−5\\d%至−50%），2种人口计算方式亦一致", said)
    # Of other periods nothing is stored: what was not computed is not told.
    weeks = ("--baseline", "2023-03-04..2023-03-10", "--current", "2024-03-04..2024-03-10")
    assert "counting people" not in call("change", "-w", counted.folder, "--format", "sentence", *weeks)


def test_wrong_names_say_what_there_is(counted):
    said = call("robustness", "-w", counted.folder, "--protocol", "all", code=2)
    assert "there are euda, guizhou, half-loq, permille, statcan" in said
    assert "there is no drug 'meth' here" in call("robustness", "-w", counted.folder, "--drug", "meth", code=2)
