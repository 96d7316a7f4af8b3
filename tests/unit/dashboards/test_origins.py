"""Where a point comes from, kept beside the pages: the chain that `permille explain` tells, for every point drawn."""

import base64
import gzip
import json
import re

import polars as pl
import pytest

from dashboards import datasets, origins
from dashboards.edition import Comparison, Edition
from dashboards.origins import OF_DAY, file_of, write_origins
from pipeline.explain import Archive, explain_area, explain_day, explain_period
from pipeline.warehouse import Warehouse
from tests.unit.dashboards.conftest import city, write_warehouse
from tests.unit.dashboards.test_pages import HOSTILE, hostile_city

pytestmark = pytest.mark.xdist_group("origins")  # what its tests share is made once


def read(file) -> dict:
    """What a script gives."""
    text = file.read_text(encoding="utf-8")
    (packed,) = re.fullmatch(r'window\.permilleOrigins="([A-Za-z0-9+/=]*)";\n', text).groups()
    return json.loads(gzip.decompress(base64.b64decode(packed)))


def edition_of(connection, main=("2023", "2025")) -> Edition:
    return Edition(connection, protocol="permille", title="City", main=Comparison(*main))


@pytest.fixture(scope="module")
def kept(simulated_workspace, tmp_path_factory):
    """The workspace of the simulated city, and the folder its origins were written to."""
    _, here = simulated_workspace
    folder = tmp_path_factory.mktemp("origins")
    with datasets.published(here.published) as connection:
        write_origins(connection, edition_of(connection), folder)
    return here, folder


def days_of(folder, site: str, drug: str) -> list[dict]:
    found = read(folder / file_of("site", site))
    return [dict(zip(OF_DAY, day, strict=True)) for day in found["days"][drug]]


def test_days_of_a_site_are_those_explain_tells_to_the_cell(kept):
    here, folder = kept
    archive = Archive(here.archive, {})
    with Warehouse.open(here.published, read_only=True) as warehouse:
        for site, drug, period in (("sim-08", "methamphetamine", "2025-Q1"), ("sim-03", "codeine", "2023-Q2")):
            told = explain_period(warehouse, archive, site, drug, period, "permille")
            found = read(folder / file_of("site", site))
            months = {"Q1": ("01", "02", "03"), "Q2": ("04", "05", "06")}[period[-2:]]
            days = [
                day
                for day in days_of(folder, site, drug)
                if day["sampling_year"] == int(period[:4]) and day["sampled_on"][5:7] in months
            ]
            assert [day["sampled_on"] for day in days] == [str(day) for day in told.days["sampled_on"]]
            assert [day["amount_mg_per_day_per_1000"] for day in days] == pytest.approx(
                told.days["amount_mg_per_day_per_1000"].to_list(), rel=1e-6
            )
            for day, row in zip(days, told.days.iter_rows(named=True), strict=True):
                cells = [(found["files"][place], sheet, cell, text) for place, sheet, cell, text, _unit in day["cells"]]
                assert cells == [(c["file_name"], c["sheet"], c["cell"], c["text"]) for c in row["cells"]]


def test_steps_of_a_day_are_those_explain_evaluates(kept):
    here, folder = kept
    day = days_of(folder, "sim-08", "methamphetamine")[0]
    with Warehouse.open(here.published, read_only=True) as warehouse:
        told = explain_day(
            warehouse, Archive(here.archive, {}), "sim-08", "methamphetamine",
            pl.Series([day["sampled_on"]]).str.to_date()[0], "permille",
        )  # fmt: skip
    steps = {step.macro: step.result for step in told.steps}
    assert day["load_mg_per_day"] == pytest.approx(steps["load_mg_per_day"], rel=1e-6)
    assert day["load_mg_per_day_per_1000"] == pytest.approx(steps["load_mg_per_day_per_1000"], rel=1e-6)
    assert day["correction_factor"] == pytest.approx(steps["correction_factor"], rel=1e-6)
    assert day["amount_mg_per_day_per_1000"] == pytest.approx(steps["consumption_mg_per_day_per_1000"], rel=1e-6)
    by_table = {source.what: source for source in told.sources}
    files = read(folder / file_of("site", "sim-08"))["files"]
    for kept_cell, table in ((day["flow_cell"], "flows"), (day["population_cell"], "populations")):
        assert (files[kept_cell[0]], kept_cell[1], kept_cell[2]) == (
            by_table[table].file_name, by_table[table].sheet, by_table[table].cell,
        )  # fmt: skip


def test_sites_of_the_network_have_the_weights_explain_tells(kept):
    here, folder = kept
    found = read(folder / file_of("network", "network"))["periods"]["cocaine"]["2025-Q1"]
    with Warehouse.open(here.published, read_only=True) as warehouse:
        told = explain_area(warehouse, "network", "network", "cocaine", "2025-Q1", "permille")
    assert [row[0] for row in found] == told.sites["site_id"].to_list()
    for (_, mean, share, n_days), row in zip(found, told.sites.iter_rows(named=True), strict=True):
        assert mean == pytest.approx(row["mean_mg_per_day_per_1000"], rel=1e-6)
        assert share == pytest.approx(row["weight_share"], rel=1e-6)
        assert n_days == row["n_days"]
    assert sum(row[2] for row in found if row[2] is not None) == pytest.approx(1)


def test_every_point_that_is_drawn_has_its_origin(kept):
    here, folder = kept
    with datasets.published(here.published) as connection:
        edition = edition_of(connection)
    for (level, unit, drug), periods in edition.series.items():
        found = read(folder / file_of(level, unit))
        for period in [row["period"] for row in periods if row["mean_mg_per_day_per_1000"] is not None]:
            if level == "site":
                quarters = {f"{day[1]}-Q{(int(day[0][5:7]) + 2) // 3}" for day in found["days"][drug]}
                assert period in quarters | {str(day[1]) for day in found["days"][drug]}
            else:
                assert found["periods"][drug][period]


def test_of_too_many_days_those_compared_are_kept_and_the_newest(tmp_path, monkeypatch):
    monkeypatch.setattr(origins, "MOST_DAYS", 12)
    tables = city(n_sites=1, n_areas=1, drugs=("cocaine",))
    day = tables["consumption"].filter(pl.col("protocol") == "permille")
    years = {2020: 5, 2021: 5, 2022: 5, 2023: 2, 2025: 3}
    tables["consumption"] = pl.concat(
        [
            pl.concat([day] * n).with_columns(
                sampling_year=pl.lit(year, pl.Int32),
                sampled_on=pl.date(year, 1, pl.int_range(1, n + 1)),
                weekday=(pl.int_range(pl.len()) % 7 + 1).cast(pl.Int32),
            )
            for year, n in years.items()
        ]
    )
    (tmp_path / "out").mkdir()
    with datasets.published(write_warehouse(tmp_path / "w.duckdb", tables)) as connection:
        assert write_origins(connection, edition_of(connection), tmp_path / "out") == [2022, 2023, 2025]
    found = read(tmp_path / "out" / file_of("site", "s000"))
    assert found["years"] == [2022, 2023, 2025]
    assert {day[1] for day in found["days"]["cocaine"]} == {2022, 2023, 2025}


def test_delivered_texts_cannot_end_the_script(tmp_path):
    (tmp_path / "out").mkdir()
    with datasets.published(write_warehouse(tmp_path / "w.duckdb", hostile_city())) as connection:
        write_origins(connection, edition_of(connection), tmp_path / "out")
    for file in (tmp_path / "out").iterdir():
        read(file)  # letters and digits only
    (name,) = read(tmp_path / "out" / file_of("site", "s000"))["files"].values()
    assert name.startswith(HOSTILE.split("\u202e")[0])
