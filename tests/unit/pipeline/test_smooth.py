"""The smooth curve: what is smooth already, what is noise, and how often its band holds the truth."""

import numpy as np
import pytest
from scipy import stats
from scipy.interpolate import make_smoothing_spline

from pipeline.statistics.smooth import FEWEST, smooth


def test_any_strength_is_that_of_the_library():
    """The curve is one of scipy's for some strength: the nearest of many lies as near as their steps allow."""
    rng = np.random.default_rng(1)
    time = np.sort(rng.uniform(0, 10, 40))
    value = np.sin(time) + 0.2 * rng.standard_normal(40)
    found = smooth(time, value).curve
    off = [
        np.abs(make_smoothing_spline(time, value, lam=strength)(time) - found).max()
        for strength in np.logspace(-6, 6, 2401)
    ]
    assert min(off) < 2e-3


@pytest.mark.parametrize("noise", [0.1, 0.3])
def test_the_band_holds_the_truth_at_most_points(noise):
    rng = np.random.default_rng(2)
    time = np.arange(40) / 4
    truth = 0.5 * np.sin(time / 2) - 0.05 * time
    held = []
    for _ in range(300):
        found = smooth(time, truth + noise * rng.standard_normal(40))
        held.append(((found.low <= truth) & (truth <= found.high)).mean())
    assert 0.91 < np.mean(held) < 0.98


def test_of_noise_the_curve_is_nearly_a_line():
    rng = np.random.default_rng(3)
    bent = [np.abs(np.diff(smooth(np.arange(30.0), rng.standard_normal(30)).curve, 2)).max() for _ in range(100)]
    assert np.median(bent) < 0.02


def test_few_points_have_no_curve():
    assert FEWEST == 6
    assert np.isnan(smooth(np.arange(FEWEST - 1.0), np.ones(FEWEST - 1)).curve).all()
    assert smooth(np.arange(float(FEWEST)), np.ones(FEWEST)).curve == pytest.approx(np.ones(FEWEST))


def test_curve_and_band_are_those_of_the_dense_search():
    """Generalised cross-validation strength by strength, each with its own matrix; the band from its diagonal."""
    time = np.array([2.0, 3, 5, 6, 9, 10, 11, 14, 15, 17, 20, 22])
    value = np.sin(time / 4) + 0.1 * np.random.default_rng(4).standard_normal(12)
    best = (np.inf, None, None)
    for strength in np.logspace(-6, 6, 61) * (20 / 11) ** 3:
        hat = make_smoothing_spline(time, np.eye(12), lam=strength)(time)
        left = 12 - 1.1 * np.trace(hat)
        squares = ((value - hat @ value) ** 2).sum()
        if left > 1 and squares / left**2 < best[0]:
            best = (squares / left**2, hat, squares / (12 - np.trace(hat)))
    _, hat, variance = best
    df = 12 - np.trace(hat)
    assert 3 < df < 10, "neither a line nor all points"
    found = smooth(time, value)
    assert found.curve == pytest.approx(hat @ value, rel=1e-6)
    half = stats.t.ppf(0.975, df) * np.sqrt(variance * np.diag(hat))
    assert found.high - found.curve == pytest.approx(half, rel=1e-5)
    assert found.curve - found.low == pytest.approx(half, rel=1e-5)
