"""What `explain` and `history` say: statuses, cells, reasons in sentences, places by name."""

import json
import re

import pytest

from dashboards.labels import because
from pipeline.explain import place_of
from pipeline.warehouse import Warehouse
from tests.test_command_line import call


def test_an_area_tells_its_factor_doses_mass_and_inhabitants_aged_15_to_64(published):
    said = call("explain", "network", "etomidate", "--period", "2024", "-w", published.folder)
    assert said.splitlines()[0].endswith(" experimental")
    said = call("explain", "A1", "cocaine", "--period", "2024", "-w", published.folder)
    assert said.splitlines()[0].endswith(" provisional")
    (doses,) = [line for line in said.splitlines() if "doses/day/1000" in line]
    assert " 100 mg" in doses
    assert "provisional" in doses
    (mass,) = [line for line in said.splitlines() if "g/day" in line and "5,000" in line]
    assert " 95 % " in mass
    assert "15 to 64 (there are 2,500)" in said
    as_data = json.loads(call("explain", "A1", "cocaine", "--period", "2024", "--json", "-w", published.folder))
    assert as_data["factor"]["factor_status"] == "provisional"


@pytest.mark.parametrize(
    "asked", [("S3", "2023-03-06"), ("S3", "--period", "2023"), ("network", "--period", "2023")]
)  # fmt: skip
@pytest.mark.parametrize("protocol", ["permille", "euda"])
def test_a_figure_by_an_unverified_marker_names_it(published, asked, protocol):
    place, *when = asked
    at = ("--protocol", protocol, "-w", published.folder)
    said = call("explain", place, "methamphetamine", *when, *at).splitlines()[0]
    assert re.search(r"NH4-N\W.*provisional$", said)
    assert "NH4-N" not in call("explain", "S1", "methamphetamine", "--period", "2023", *at).splitlines()[0]


def test_results_that_wait_for_a_flow_are_told_to_wait(published):
    said = call("explain", "S2", "methamphetamine", "2023-04-01", "-w", published.folder, code=1)
    assert re.search(r"\b2023-04-01\b.*\bpermille\b.*\b1\b.*\bmethamphetamine\b", said)
    assert because("no_flow") in " ".join(said.split())
    said = call("explain", "S2", "methamphetamine", "--period", "2023-04", "-w", published.folder, code=1)
    assert re.search(r"\b2023-04\b.*\bpermille\b.*\b1\b.*\bmethamphetamine\b", said)


def test_a_site_whose_results_all_wait_is_not_told_that_it_has_none(city):
    with Warehouse.open(city.published) as warehouse:
        warehouse.connection.execute("delete from consumption where site_id = 'S2'").fetchall()
    said = call("explain", "S2", "methamphetamine", "2023-04-01", "-w", city.folder, code=1)
    assert re.search(r"\b1\b.*\bmethamphetamine\b", said)
    assert because("no_flow") in " ".join(said.split())


def test_a_protocol_without_inhabitants_says_so_and_not_to_see_status(published):
    at = ("--period", "2024", "--protocol", "guizhou", "-w", published.folder)
    for place in ("S1", "network", "A1"):
        said = call("explain", place, "cocaine", *at, code=1)
        assert "counts inhabitants by cotinine" in said
        assert because("no_chosen_population") in " ".join(said.split())
        assert "status" not in said


def test_a_period_shows_the_cells_of_every_replicate(published):
    said = call("explain", "S1", "methamphetamine", "--period", "2023", "-w", published.folder)
    (first,) = [line for line in said.splitlines() if line.startswith("2023-03-04  Saturday")]
    assert first.split()[-4:] == ["D2,", "D3", "100,", "140"]
    assert "8 of 8" in said
    as_data = json.loads(
        call("explain", "S1", "methamphetamine", "--period", "2023", "--format", "json", "-w", published.folder)
    )
    assert [cell["cell"] for cell in as_data["days"][0]["cells"]] == ["D2", "D3"]


def test_what_is_not_estimable_is_told_in_sentences_with_what_limits_allow(published):
    said = call("explain", "S1", "mdma", "--period", "2024", "-w", published.folder)
    assert because("mostly_below_limit").removesuffix(".").lower() in " ".join(said.split()).lower()
    assert re.search(r"at least 0 and at most \d", " ".join(said.split()))
    assert re.search(r"\b7 days, 7\b", " ".join(said.split()))
    assert "agrees with the table" not in said
    of_area = call("explain", "network", "mdma", "--period", "2024", "-w", published.folder)
    assert because("no_site_estimable").removesuffix(".").lower() in " ".join(of_area.split()).lower()
    assert re.search(r"\b0 in it, 2\b", of_area)
    for text in (said, of_area):
        assert not re.search(r"\b[a-z]+_below_limit|no_site|\bTrue\b|\bFalse\b", text)


def test_a_day_below_its_limit_tells_what_the_limit_would_make(published):
    said = call("explain", "S1", "methamphetamine", "2023-03-10", "-w", published.folder)
    assert because("below_limit").removesuffix(".").lower() in said.lower()
    assert "11.6279 mg/day/1000" in said
    assert "consumption_mg_per_day_per_1000, of the limit =" in said
    assert "CASE" not in said
    assert "lod_ng_per_l 3.33333;" in said
    half = call("explain", "S1", "methamphetamine", "2023-03-10", "--protocol", "half-loq", "-w", published.folder)
    assert "amount_below_limit = ((amount_limit / 2))" in half
    assert "CASE" not in half


def test_the_days_of_a_period_are_rounded_and_named(published):
    said = call("explain", "S1", "methamphetamine", "--period", "2023", "-w", published.folder)
    assert not re.search(r"\d\.\d{8,}", said)
    (last,) = [line for line in said.splitlines() if line.startswith("2023-03-10")]
    assert last.split()[1:5] == ["Friday", "7.30", "yes", "11.6"]


@pytest.mark.parametrize("name", ["S1", "s1", "Mill", "mill"])
def test_a_site_is_known_by_its_name_as_well(published, name):
    said = call("explain", name, "cocaine", "2024-03-04", "-w", published.folder)
    assert re.match(r".*\bcocaine\b.*\bS1\b.*\b2024-03-04\b", said.splitlines()[0])
    assert "(believed now)" in call("history", name, "methamphetamine", "2024-03-04", "-w", published.folder)


@pytest.mark.parametrize("name", ["A1", "inner"])
def test_an_area_is_known_by_its_name_as_well(published, name):
    said = call("explain", name, "cocaine", "--period", "2024", "-w", published.folder)
    assert re.match(r".*\bcocaine\b.*\bInner\b.*\b2024\b", said.splitlines()[0])


def test_a_place_nobody_knows_lists_those_there_are(published):
    said = call("explain", "Town", "cocaine", "--period", "2024", "-w", published.folder, code=2)
    assert "there are: site S1 (Mill), S2 (Lake), S3 (Port); area A1 (Inner), A2 (Outer); network" in said
    said = call("history", "Inner", "cocaine", "2024-03-04", "-w", published.folder, code=2)
    assert re.search(r"'Inner'.*: site S1 \(Mill\), S2 \(Lake\), S3 \(Port\)\.?\n", said)


def test_an_area_asks_for_a_period(published):
    for place in ("network", "Inner"):
        said = call("explain", place, "cocaine", "2024-03-04", "-w", published.folder, code=2)
        assert "--period" in said


@pytest.mark.parametrize(("shared", "level"), [("A1", "area"), ("network", "network")])
def test_an_id_of_a_site_and_an_area_asks_for_the_level(city, shared, level):
    with Warehouse.open(city.published) as warehouse:
        warehouse.connection.execute(f"update sites set site_id = '{shared}' where site_id = 'S2'").fetchall()
        assert place_of(warehouse, f"site:{shared}") == ("site", shared, "Lake")
        assert place_of(warehouse, f"{level}:{shared}")[:2] == (level, shared)
        assert place_of(warehouse, shared, is_site=True) == ("site", shared, "Lake")
    said = call("explain", shared, "cocaine", "--period", "2024", "-w", city.folder, code=2)
    assert f"site:{shared} or {level}:{shared}" in said


def test_a_name_of_two_places_asks_for_the_id(city):
    with Warehouse.open(city.published) as warehouse:
        warehouse.connection.execute("update sites set site_name = 'Mill' where site_id = 'S2'").fetchall()
    said = call("explain", "Mill", "cocaine", "--period", "2024", "-w", city.folder, code=2)
    assert "'Mill'" in said
    assert "S1 (Mill), S2 (Mill)" in said
