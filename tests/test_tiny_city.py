"""Two sites and two weeks, from files to figures: some checked by hand, all against golden files."""

import os
from pathlib import Path

import polars as pl
import pytest

from dashboards.downloads import neutralised
from pipeline import estimates
from pipeline.intake import take_in
from pipeline.settings import make_workspace
from pipeline.warehouse import Warehouse
from schemas.tables import TABLES
from tests.conftest import estimate, lay_tiny

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory):
    workspace = make_workspace(tmp_path_factory.mktemp("tiny"))
    lay_tiny(workspace)
    take_in(workspace)
    with Warehouse.open(workspace.warehouse) as opened:
        estimate(opened)
        estimates.compute_changes(opened, workspace.settings)
        yield opened


def test_hand_computed_figures(warehouse):
    """S1: 150 ng/L x 20,000 m3 = 3,000 mg/day; over 100,000 people 30 mg/day/1000; METH over 0.43 69.767.

    S2: 80 x 75,000 = 6,000,000 ug = 6,000 mg/day; 300,000 people: 20; over 0.43 46.512. The network, by
    population: (69.767 x 100 + 46.512 x 300) / 400 = 52.326. A year later concentrations are 0.6 of that; S2 has
    330,000 people by then, so its use per 1000 is 46.512 x 0.6 x 300 / 330 = 25.370. Weights fixed at the baseline:
    (41.860 x 100 + 25.370 x 300) / 400 = 29.493, a change of -43.636 %.
    """
    row = warehouse.query(
        "select * from changes where level = 'network' and drug = 'methamphetamine' and protocol = 'permille'"
    ).row(0, named=True)
    assert row["baseline_mg_per_day_per_1000"] == pytest.approx(52.3256, abs=1e-4)
    assert row["current_mg_per_day_per_1000"] == pytest.approx(29.4926, abs=1e-4)
    assert row["change_percent"] == pytest.approx(-43.6364, abs=1e-4)
    assert row["panel"] == "S1;S2"
    assert row["n_days_baseline"] == row["n_days_current"] == 14


def test_values_below_limits_by_each_protocol(warehouse):
    """S1, benzoylecgonine 2023: two days below 150 ng/L, then 300 to 700 ng/L, flows 20,000 and 40,000 by turns.

    Loads per 1000 of the measured days: 300 x 20,000 / 1e5 = 60, 400 x 0.4 = 160, 500 x 0.2 = 100, 600 x 0.4 = 240,
    700 x 0.2 = 140. The two limits: 150 x 0.2 = 30 and 150 x 0.4 = 60; half of them 15 and 30. EUDA takes zeros:
    700 / 7 = 100. Half the limit: (15 + 30 + 700) / 7 = 106.4286, times (303.35 / 289.33) / 0.29. Permille lies between
    zeros and limits, (700 + 30 + 60) / 7.
    """
    rows = warehouse.query(
        "select protocol, mean_mg_per_day_per_1000, n_censored from site_periods"
        " where site_id = 'S1' and drug = 'cocaine' and period = '2023' order by protocol"
    ).rows()
    assert rows[0] == ("euda", pytest.approx(100), 2)
    factor = (303.35 / 289.33) / 0.29
    assert rows[1] == ("half-loq", pytest.approx(106.428571 * factor), 2)
    assert rows[2][0] == "permille"
    assert 100 < rows[2][1] / factor < 790 / 7


@pytest.mark.parametrize("table", ["consumption", "site_periods", "area_periods", "dose_totals", "changes"])
def test_golden_tables(warehouse, table):
    frame = warehouse.read(table).sort(TABLES[table].model.to_schema().unique)
    rounded = neutralised(frame.with_columns(pl.col(pl.Float64).round_sig_figs(12)))
    text = rounded.write_csv()
    golden = HERE / "golden" / f"tiny_{table}.csv"
    if os.environ.get("PERMILLE_WRITE_GOLDEN"):
        golden.write_text(text, encoding="utf-8")
    assert text == golden.read_text(encoding="utf-8"), f"{table} has changed: read the diff after 'make golden'"
