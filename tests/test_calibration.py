"""A short form of `make calibration`: few cities, wide bounds. The table of the long run is docs/calibration.md."""

import polars as pl
import pytest

from benchmarks.calibration import Scenario, run


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
