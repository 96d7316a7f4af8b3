"""`permille levels` and `permille totals`: what the published tables hold, as tables, CSV and JSON."""

import io
import json

import polars as pl
import pytest

from pipeline.warehouse import Warehouse
from tests.test_command_line import call

MEAN = "mean_mg_per_day_per_1000"


@pytest.fixture
def tiny(tiny_workspace):
    """The tiny city, published."""
    return tiny_workspace


def csv(*arguments: object) -> pl.DataFrame:
    return pl.read_csv(io.StringIO(call(*arguments, "--format", "csv")), infer_schema_length=None)


@pytest.mark.parametrize(("level", "table"), [("site", "site_periods"), ("area", "area_periods")])
def test_levels_are_those_of_the_tables_by_every_protocol(tiny, level, table):
    rows = csv("levels", "--level", level, "--period", "2023", "-w", tiny.folder)
    unit = "site_id" if level == "site" else "unit_id"
    with Warehouse.open(tiny.published, read_only=True) as warehouse:
        known = warehouse.query(
            f"select {unit} as unit_id, drug, protocol, {MEAN} as mean from {table} where period = '2023'"
            + ("" if level == "site" else " and level = 'area'")
        )
    both = rows.join(known, on=["unit_id", "drug", "protocol"], how="full")
    assert both.height == rows.height == known.height > 0
    assert both.filter(~pl.col(MEAN).eq_missing(pl.col("mean"))).is_empty()
    assert rows["protocol"].n_unique() > 3
    assert (rows["basis"].is_in(["consumption", "residue load"])).all()


def test_levels_of_one_drug_and_protocol(tiny):
    rows = json.loads(
        call("levels", "--drug", "Cocaine", "--protocol", "euda", "--format", "json", "-w", tiny.folder)
    )  # fmt: skip
    assert {(row["drug"], row["protocol"], row["level"]) for row in rows} == {("cocaine", "euda", "network")}


def test_the_table_says_what_is_left_out_and_what_limits_allow(tiny):
    said = call("levels", "--period", "2023", "-w", tiny.folder)
    (head,) = [line for line in said.splitlines() if line.startswith("drug ")]
    assert head.split("  ") != [head]
    for name in ("protocol", "basis", "95 % interval", "by limits", "left out", "below limits"):
        assert name in head
    assert "Consumption and residue loads are different things" in said
    assert "\ufffd" not in said


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (["--drug", "sugar"], "there is no drug 'sugar' in 2024; there are"),
        (["--protocol", "mine"], "there is no protocol 'mine' in 2024; there are euda, guizhou, half-loq"),
        (["--period", "spring"], "'spring' is no period: write 2023, 2023-Q1 or 2023-03"),
    ],
)
def test_what_there_is_not_is_said_with_what_there_is(tiny, asked, said):
    assert said in call("levels", *asked, "-w", tiny.folder, code=2)


@pytest.mark.parametrize("protocol", ["permille", "euda"])
def test_the_mean_of_an_area_is_explained_by_its_sites(tiny, protocol):
    """Every figure of the network in the tiny city comes out of its sites again, and its shares add up."""
    asked = ("--period", "2023", "--protocol", protocol, "-w", tiny.folder)
    for drug in csv("levels", *asked)["drug"]:
        told = json.loads(call("explain", "network", drug, *asked, "--json"))
        assert told["agrees"], drug
        weights = [site["weight_share"] for site in told["sites"] if site["weight_share"] is not None]
        assert len(weights) == told["figure"]["n_sites"]
        assert len(told["sites"]) == told["figure"]["n_sites"] + told["figure"]["n_sites_left_out"]
        if weights:
            assert sum(weights) == pytest.approx(1)
        if told["budget"]:
            assert sum(part["share"] for part in told["budget"]) == pytest.approx(1)
    said = call("explain", "network", "cocaine", *asked)
    assert "agrees with the table" in said
    assert "of the weight" in said


def test_an_area_without_such_a_figure_says_which_there_are(tiny):
    said = call("explain", "network", "cocaine", "--period", "2029", "-w", tiny.folder, code=1)
    assert "there is no period '2029' of network; there are 2023" in said
    said = call("explain", "network", "sugar", "--period", "2023", "-w", tiny.folder, code=2)
    assert "there is no drug 'sugar' of network; there are" in said


def test_totals_add_doses_of_the_drugs_they_name(tiny):
    said = call("totals", "--period", "2023", "-w", tiny.folder)
    assert "A sum of doses, never of milligrams" in said
    assert "\ufffd" not in said
    total = csv("totals", "--period", "2023", "--level", "site", "-w", tiny.folder)
    parts = csv("levels", "--period", "2023", "--level", "site", "--protocol", "permille", "-w", tiny.folder)
    sums = parts.group_by("unit_id").agg(pl.col("doses_per_day_per_1000").cast(pl.Float64).sum().alias("by_hand"))
    both = total.filter(pl.col("n_drugs") > 0).join(sums, on="unit_id")
    assert both.height > 0
    assert both["doses_per_day_per_1000"].to_list() == pytest.approx(both["by_hand"].to_list())
