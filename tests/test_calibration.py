"""Short forms of `make calibration` and `make calibration-changes`: few cities, wide bounds.

The tables of the long runs are docs/calibration.md.
"""

import polars as pl
import pytest
from scipy.stats import binom

from benchmarks import changes
from benchmarks.calibration import Scenario, run

pytestmark = pytest.mark.xdist_group("calibration")  # what its tests share is made once

RARE = 0.001
"""How rarely chance alone may fail a bound below, on either side."""


@pytest.fixture(scope="module")
def covered():
    """Thirty cities with 60 % below limits and batch errors: 240 weeks of a site, 30 quarters of an area."""
    return run(Scenario(0.6, True), n_cities=30, seed=7)


def one(rows: pl.DataFrame, figure: str, protocol: str = "permille") -> dict:
    return rows.filter(pl.col("figure") == figure, pl.col("protocol") == protocol).row(0, named=True)


def test_intervals_cover_where_most_days_lie_below_limits(covered):
    week, quarter = one(covered, "a site's week"), one(covered, "an area's quarter")
    assert 0.4 < week["refused"] < 0.9, "seven days of which three are measured are refused at times"
    assert week["coverage"] > 0.85
    assert abs(week["bias"]) < 0.1
    assert quarter["refused"] < 0.1
    assert quarter["coverage"] > 0.8
    assert abs(quarter["bias"]) < 0.1


def test_days_seen_because_they_were_high_are_refused(covered):
    assert one(covered, "a day")["refused"] > 0.9


def test_half_the_limit_is_off_and_its_interval_misses(covered):
    """What the protocol prescribes is computed as it prescribes it, and told as it is."""
    week = one(covered, "a site's week", "half-loq")
    assert week["refused"] < 0.1
    assert week["coverage"] < 0.85
    assert week["bias"] < -0.05


def test_the_same_seed_gives_the_same_table():
    few = Scenario(0.3, False)
    assert run(few, n_cities=2, seed=3).equals(run(few, n_cities=2, seed=3))


def test_intervals_of_changes_hold_the_truth():
    """Falls by 40 %: of the intervals that are published 95 in 100 hold the truth, as far as 200 cities can tell."""
    scenario = changes.Scenario(7, 5, 0.25, "batch errors")
    row = changes.run(scenario, n_cities=200, seed=7).filter(protocol="permille").row(0, named=True)
    assert row["refused"] == 0
    fewest, most = binom.ppf([RARE, 1 - RARE], row["n_published"], 0.95)
    assert fewest <= row["n_covered"] <= most
    assert abs(row["bias"]) < 0.03


def test_cities_are_drawn_until_enough_changes_are_told():
    """So that what limits refuse nearly always can be judged as well: chunks of the same cities, and no more."""
    scenario = changes.Scenario(7, 1, 0.5, "half below limits")
    found = changes.run(scenario, n_cities=1000, seed=7, chunk=50, told=20)
    row = found.filter(protocol="permille").row(0, named=True)
    assert 20 <= row["n_published"] < row["n_cities"] < 1000
    assert row["n_cities"] % 50 == 0
    assert row["refused"] == pytest.approx(1 - row["n_published"] / row["n_cities"])
    assert found.equals(changes.run(scenario, n_cities=row["n_cities"], seed=7, chunk=50))


def test_where_nothing_happened_hardly_a_change_is_called_one():
    """Alone one in twenty, as p < 0.05 says; judged together by the hundred fewer still."""
    scenario = changes.Scenario(7, 5, 0.15, "batch errors", ratio=1, apart=0)
    row = changes.run(scenario, n_cities=200, seed=7, chunk=changes.TOGETHER).filter(protocol="permille")
    found = row.row(0, named=True)
    assert found["n_published"] == 200
    assert found["n_alone"] <= binom.ppf(1 - RARE, 200, 0.05)
    assert found["n_together"] <= found["n_alone"]
    assert found["n_together"] <= binom.ppf(1 - RARE, 200, 0.01)
