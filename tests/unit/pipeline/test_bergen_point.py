"""A laboratory's own workbook: two header rows, µg/L, no flows. Converted, and honest about what is missing."""

from datetime import datetime
from pathlib import Path

import pytest

from pipeline.intake import take_in
from pipeline.settings import make_workspace
from pipeline.status import status
from pipeline.warehouse import Warehouse
from tests.conftest import estimate, lay, shared

DATA = Path(__file__).parent.parent.parent / "data"


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory):
    content = shared("bergen-point/bergen-point-drugs.xlsx").read_bytes()
    here = make_workspace(tmp_path_factory.mktemp("bergen"))
    lay(here, "bergen-point-drugs.xlsx", content, datetime(2022, 6, 20))  # noqa: DTZ001
    for name in ("bergen-point-site.csv", "bergen-point-population.csv"):
        lay(here, name, (DATA / name).read_bytes(), datetime(2022, 6, 20))  # noqa: DTZ001
    take_in(here)
    with Warehouse.open(here.warehouse) as opened:
        estimate(opened)
        yield opened


def test_results_are_accepted_and_converted(warehouse):
    """Literals from the workbook: 2020-06-03 acetaminophen 84.2337 µg/L, caffeine 79.6019, cotinine 1.6428."""
    assert warehouse.count("results") == 111 * 18 == 1_998
    assert warehouse.count("quarantine") == 0
    first = dict(
        warehouse.query(
            "select residue, concentration_ng_per_l from results where sampled_on = date '2020-06-03'"
        ).iter_rows()
    )
    assert first["acetaminophen"] == pytest.approx(84_233.7)
    assert first["caffeine"] == pytest.approx(79_601.9)
    assert first["cotinine"] == pytest.approx(1_642.8)


def test_without_flows_no_consumption_and_status_says_which_flows(warehouse):
    assert warehouse.count("consumption") == 0
    assert set(warehouse.query("select reason from loads")["reason"]) == {"no_flow"}
    missing = status(warehouse).missing
    assert missing.select("site_id", "missing", "n_days", "n_results").rows() == [("bergen-point", "flow", 111, 1_998)]
    days = missing["days"].item().split()
    assert days[0] == "2020-06-03..2020-06-09"
    assert days[-1] == "2022-01-06"
