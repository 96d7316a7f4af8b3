"""Fifteen Korean plants: published loads give the published consumption; limits stay limits; what disagrees is seen."""

import polars as pl
import pytest

from pipeline.intake import take_in
from pipeline.warehouse import Warehouse
from tests.conftest import estimate, lay, shared

# Loads have no day in the table: the campaign's year and a weekday stand for it.
PROFILE = """name = "korea"
title = "Loads and consumption of fifteen plants"
sender = "a journal table"
thousands = ","
ignore = ["PopulationNote", "Ratio_MA_AMP"]
[[tables]]
table = "sites"
[tables.columns]
site_id = "WWTP"
site_name = "WWTP"
area_id = "City"
[[tables]]
table = "populations"
unit = "persons"
[tables.columns]
site_id = "WWTP"
population = "Population"
[tables.constants]
population_method = "served"
[[tables]]
table = "reported_loads"
unit = "mg/day"
[tables.columns]
site_id = "WWTP"
[tables.constants]
sampling_year = 2012
weekday = 1
[tables.wide]
into = "residue"
[tables.wide.columns]
AMP = "amphetamine"
MA = "methamphetamine"
MDA = "mda"
COD = "codeine"
[tables.qualifiers]
"0" = "quarantine"
"" = "quarantine"
"N.D." = "<LOD"
"<#" = "<LOQ"
[tables.derived]
MA_consumption = { residue = "methamphetamine", divided_by = 0.43 }
COD_consumption = { residue = "codeine", divided_by = 0.638 }
"""
EXCRETED = {"methamphetamine": 0.43, "codeine": 0.638}  # by the table's own text
PUBLISHED = {"methamphetamine": "MA_consumption", "codeine": "COD_consumption"}


@pytest.fixture
def korea(workspace):
    (workspace.profiles / "korea.toml").write_text(PROFILE)
    file = shared("korea/korea_daily_loads.csv")
    lay(workspace, file.name, file.read_bytes())
    (delivery,) = take_in(workspace).taken
    # Printed with half its limit, while B-9 is printed with the whole: the table disagrees with itself, and it is said.
    assert delivery.messages == (
        (
            "korea_daily_loads.csv, row 11, column 'COD_consumption': '< 1.89' does not follow from the measured value,"
            " by which it would be 3.79. Ask the sender which of the two is right; the measured one counts."
        ),
    )
    assert delivery.accepted["reported_loads"]["flags"].drop_nulls().to_list() == ["derived_differs"]
    assert delivery.record["n_rows"].item() == 15 + 15 + 60
    return workspace, pl.read_csv(file, infer_schema=False)


def test_every_cell_keeps_its_value_or_its_limit(korea):
    here, printed = korea
    with Warehouse.open(here.warehouse) as warehouse:
        rows = warehouse.read("reported_loads")
    assert dict(rows["qualifier"].value_counts().rows()) == {"=": 38, "<LOQ": 7, "<LOD": 15}
    limits = rows.filter(pl.col("qualifier") == "<LOQ").select("site_id", "residue", pl.col("^.*limit.*$"))
    assert ("B-10", "codeine", 2.42) in limits.rows()
    assert limits["reported_load_limit_mg_per_day_per_1000"].null_count() == 0
    assert printed.height == 15


def test_published_loads_give_the_published_consumption(korea):
    here, printed = korea
    with Warehouse.open(here.warehouse) as warehouse:
        estimate(warehouse)
        for drug, fraction in EXCRETED.items():
            warehouse.connection.execute(
                "update factors set excreted_fraction = $f, excretion_basis = 'mass' where drug = $drug",
                {"f": fraction, "drug": drug},
            ).fetchall()
        for year in warehouse.years("reported_loads"):
            warehouse.compute("consumption", year)
        rows = warehouse.query("select * from consumption where protocol = 'permille'")
    n_numeric, disagree = 0, []
    for drug, column in PUBLISHED.items():
        of_drug = rows.filter(pl.col("drug") == drug)
        for site, text in printed.select("WWTP", column).iter_rows():
            ours = of_drug.row(by_predicate=pl.col("site_id") == site, named=True)
            stated = float(text.lstrip("< "))
            if text.startswith("<"):
                limit = ours["amount_limit_mg_per_day_per_1000"]
                if limit != pytest.approx(stated, rel=0.005):
                    disagree.append((site, drug, text, round(limit, 2)))
            else:
                assert ours["amount_mg_per_day_per_1000"] == pytest.approx(stated, rel=0.005), (site, drug)
                n_numeric += 1
    assert n_numeric == 28
    assert disagree == [("B-10", "codeine", "< 1.89", 3.79)]
