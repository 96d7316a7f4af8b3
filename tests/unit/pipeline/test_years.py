"""Tables of few rows are computed for all years in one, tables of many year by year: the same to the last digit."""

import shutil

import polars as pl

from pipeline import estimates
from pipeline.warehouse import Warehouse
from tests.unit.commands.conftest import published  # noqa: F401  a fixture


def test_all_years_in_one_are_the_years_one_by_one(published, tmp_path, monkeypatch):  # noqa: F811  a fixture
    """A city with two years, a marker that counts people, findings of plausibility; planned for few and many."""
    found = []
    for most, optimizers in ((estimates.FEW_ROWS, None), (-1, ""), (estimates.FEW_ROWS, "")):
        monkeypatch.setattr(estimates, "FEW_ROWS", most)
        file = tmp_path / f"{len(found)}.duckdb"
        shutil.copy(published.warehouse, file)
        with Warehouse.open(file) as warehouse:
            if optimizers is not None:
                warehouse.execute(f"set disabled_optimizers = '{optimizers}'")
                warehouse.execute("set threads = 2")
            for table in estimates.SOURCES:
                estimates.compute(warehouse, table)
            found.append({table: warehouse.read(table).sort(pl.all()) for table in estimates.SOURCES})
        monkeypatch.undo()
    for other in found[1:]:
        for table in estimates.SOURCES:
            assert other[table].equals(found[0][table]), table
    first = found[0]
    assert set(first["population_estimates"]["population_basis"]) == {"delivered", "marker"}
    assert first["site_periods"]["sampling_year"].n_unique() == 2
    assert min(rows.height for rows in first.values()) > 0
