"""The bootstrap of a change's days: against a spread that is known, against the closed form, and by its seed."""

import numpy as np
import pytest

from benchmarks.calibration import RHYTHM
from benchmarks.changes import BASELINE, CURRENT, Scenario, draw, fill
from pipeline import estimates, resampling
from pipeline.changes import between
from pipeline.statistics.bootstrap import resampled_ratio
from pipeline.warehouse import Warehouse
from schemas.reference_data import load_uncertainties
from tests.unit.pipeline.test_changes import HALF, WEEK
from tests.unit.pipeline.test_estimates import LATER, MONDAY, city, results, week

__all__ = ["city"]
WEIGHTS = np.array([2.0, 1.0])


def two_sites(n_weeks: int, seed: int, log_sd: float = 0.3) -> tuple[np.ndarray, ...]:
    """Whole weeks of two periods with a rhythm and a fall by 40 %: values, sites, whether current, weekdays."""
    site, is_current, day = (index.ravel() for index in np.indices((2, 2, 7 * n_weeks)))
    level = 3 + 0.5 * site + np.log(0.6) * is_current + RHYTHM[day % 7]
    drawn = log_sd * np.random.default_rng(seed).standard_normal(level.shape)
    return np.exp(level + drawn), site, is_current == 1, day % 7 + 1


@pytest.mark.parametrize("n_weeks", [1, 4], ids=["residuals", "days of a cell"])
def test_the_spread_that_was_simulated_is_found(n_weeks):
    """How far ratios of cities truly lie apart, by drawing 300 of them, and what each says of itself."""
    found = [resampled_ratio(*two_sites(n_weeks, seed), WEIGHTS, n_resamples=200, seed=seed) for seed in range(300)]
    truly = np.std([np.log(one.ratio) for one in found], ddof=1)
    assert np.sqrt(np.mean([one.log_sd**2 for one in found])) == pytest.approx(truly, rel=0.12)
    assert np.mean([one.low <= 0.6 <= one.high for one in found]) > 0.88


def test_without_a_rhythm_all_days_are_as_one():
    """The spread of a mean of 28 days either side: sqrt(2 expm1(0.3²) / 28), one site."""
    rng = np.random.default_rng(5)
    is_current = np.arange(56) >= 28
    spreads = [
        resampled_ratio(
            np.exp(0.3 * rng.standard_normal(56)), np.zeros(56, dtype=int), is_current, np.zeros(56, dtype=int),
            np.ones(1), n_resamples=300, seed=seed,
        ).log_sd
        for seed in range(100)
    ]  # fmt: skip
    assert np.sqrt(np.mean(np.square(spreads))) == pytest.approx(np.sqrt(2 * np.expm1(0.09) / 28), rel=0.05)


def test_the_seed_decides_and_the_order_of_days_does_not():
    days = two_sites(1, 3)
    first = resampled_ratio(*days, WEIGHTS, n_resamples=500, seed=9)
    turned = resampled_ratio(*(part[::-1] for part in days), WEIGHTS, n_resamples=500, seed=9)
    assert first == turned == resampled_ratio(*days, WEIGHTS, n_resamples=500, seed=9)
    assert first.log_sd != resampled_ratio(*days, WEIGHTS, n_resamples=500, seed=10).log_sd


def test_one_day_a_period_leaves_nothing_to_draw_from():
    found = resampled_ratio(
        np.array([4.0, 2.0]), np.zeros(2, dtype=int), np.array([False, True]), np.ones(2, dtype=int), np.ones(1),
        n_resamples=100, seed=1,
    )  # fmt: skip
    assert found.ratio == 0.5
    assert np.isnan([found.log_sd, found.low, found.high]).all()


@pytest.mark.parametrize(("value", "is_current"), [([4.0, 0.0], [False, True]), ([4.0, 2.0], [True, True])])
def test_days_that_cannot_be_drawn_are_refused(value, is_current):
    with pytest.raises(ValueError, match="leave out"):
        resampled_ratio(
            np.array(value), np.zeros(2, dtype=int), np.array(is_current), np.ones(2, dtype=int), np.ones(1),
            n_resamples=100, seed=1,
        )  # fmt: skip


# --- beside the closed form -------------------------------------------------------------------------------------------


def test_the_closed_form_and_the_bootstrap_agree(tmp_path):
    """Forty cities of five sites and 28 days: the two standard deviations of the days' part within 15 %, as a rule.

    They cannot agree in each: the closed form learns one spread from 280 days, the bootstrap each site's from 56.
    """
    rsds = load_uncertainties()
    with Warehouse.open(tmp_path / "cities.duckdb") as warehouse:
        fill(warehouse, draw(np.random.default_rng(11), Scenario(28, 5, 0.25), 40, rsds), rsds)
        estimates.compute(warehouse, "consumption")
        compared = between(warehouse, str(BASELINE), str(CURRENT))
        asked = compared.changes.filter(protocol="permille", level="network")
        rows = resampling.beside(warehouse, compared, asked, n_resamples=1000, seed=1)
        again = resampling.beside(warehouse, compared, asked.head(3), n_resamples=1000, seed=1)
    assert rows.height == 40
    assert rows["bootstrap_log_sd"].null_count() == 0
    ratio = (rows["bootstrap_log_sd"] / rows["days_log_sd"]).to_numpy()
    print(f"bootstrap over closed form: {np.quantile(ratio, [0, 0.1, 0.5, 0.9, 1]).round(3)}")  # noqa: T201
    assert np.median(ratio) == pytest.approx(1, abs=0.05)
    assert (np.abs(ratio - 1) < 0.15).mean() > 0.8
    # One change is drawn as it is among others, and to the last byte.
    assert again.equals(rows.head(3))


def test_the_ratio_that_is_drawn_about_is_the_change(city):
    rows = results(
        week(MONDAY, WEEK), week(LATER, HALF), week(MONDAY, HALF, site="S2"), week(LATER, WEEK[:5], site="S2")
    )
    with city(results=rows) as warehouse:
        compared = between(warehouse, "2023", "2024")
        found = {
            protocol: resampling.beside(
                warehouse,
                compared,
                compared.changes.filter(level="network", protocol=protocol),
                n_resamples=400,
                seed=1,
            ).row(0, named=True)
            for protocol in ("permille", "euda")
        }
    for row in found.values():
        assert row["bootstrap_low_percent"] < row["change_percent"] < row["bootstrap_high_percent"]
        middle = 1 + (row["bootstrap_low_percent"] + row["bootstrap_high_percent"]) / 200
        assert middle == pytest.approx(1 + row["change_percent"] / 100, rel=0.1)
    assert found["permille"]["days_log_sd"] is not None
    assert found["euda"]["days_log_sd"] is None, "it has no interval, and its days can be drawn all the same"


def test_days_below_limits_are_not_drawn(city):
    rows = results(week(MONDAY, ["<9", *WEEK[1:]], limits="5,9"), week(LATER, WEEK, limits="5,9"))
    with city(results=rows) as warehouse:
        compared = between(warehouse, "2023", "2024")
        asked = compared.changes.filter(level="network")
        found = resampling.beside(warehouse, compared, asked, n_resamples=100, seed=1)
    assert found.height == asked.height > 0
    assert found["bootstrap_log_sd"].null_count() == found.height
