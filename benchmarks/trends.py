"""Trends of many series beside pymannkendall, in one run, with equal results: `make bench-trends`."""

import argparse
import time
from collections.abc import Callable
from statistics import median

import numpy as np
import numpy.typing as npt
import pymannkendall

from pipeline.statistics.trends import Trend, akritas_theil_sen, hamed_rao, mann_kendall, seasonal_kendall

Floats = npt.NDArray[np.float64]
SEED = 2026
TIMES = 5
"""Of each the middle of so many runs, ours and theirs in turn."""


def drawn(rng: np.random.Generator, n_series: int, n: int, digits: int = 2) -> Floats:
    """Series with a slope and some serial correlation; of two digits with ties, as laboratories write."""
    noise = rng.standard_normal((n_series, n))
    noise[:, 1:] += 0.3 * noise[:, :-1]
    rows: Floats = np.round(10 + rng.normal(0, 0.5, (n_series, 1)) * np.linspace(0, 1, n) + noise, digits)
    return rows


def seconds(work: Callable[[], object]) -> float:
    """How long it takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def require_equal(found: Trend, theirs: list[object], *, has_variance: bool) -> None:
    """Raises AssertionError where S, its variance, p or the slope differ."""
    names = {"s": "s", "p_value": "p", "slope": "slope"} | ({"variance": "var_s"} if has_variance else {})
    for ours, name in names.items():
        wanted = np.array([getattr(one, name) for one in theirs], dtype=np.float64)
        # Where the corrected variance would be negative theirs gives none.
        of = np.isfinite(wanted) if name == "p" else slice(None)
        np.testing.assert_allclose(getattr(found, ours)[of], wanted[of], rtol=1e-9, atol=1e-12)


def main() -> None:
    """Prints the table for docs/speed.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=TIMES, help=f"runs of ours, of which the middle counts ({TIMES})")
    chosen = parser.parse_args()
    rng = np.random.default_rng(SEED)
    months = np.arange(12 * 1000) % 12
    cases = [
        (name, n_series, n, ours, theirs)
        for n_series, n in ((5000, 120), (50, 3650))
        for name, ours, theirs in (
            (
                "Mann-Kendall and slope",
                lambda y: mann_kendall(y, np.arange(float(y.shape[1]))),
                pymannkendall.original_test,
            ),
            (
                "Hamed-Rao",
                lambda y: hamed_rao(y, np.arange(float(y.shape[1]))),
                pymannkendall.hamed_rao_modification_test,
            ),
            (
                "seasonal, twelve seasons",
                lambda y: seasonal_kendall(y, np.arange(float(y.shape[1])) / 12, months[: y.shape[1]]),
                lambda row: pymannkendall.seasonal_test(row, period=12),
            ),
        )
    ]
    print("| test | series | points | ours | pymannkendall | ratio |")
    print("|---|---|---|---|---|---|")
    for name, n_series, n, ours, theirs in cases:
        # What is left of equal values after a slope is equal or not by the last digit: for that test without ties.
        rows = drawn(rng, n_series, n, 12 if name == "Hamed-Rao" else 2)
        # Theirs takes each series by itself: of the many series a part tells what all would take.
        part = rows[: max(n_series // 10, 5)]
        found: list[object] = []
        of_theirs = seconds(lambda part=part, theirs=theirs, found=found: found.extend(theirs(row) for row in part))
        of_ours = median(seconds(lambda rows=rows, ours=ours: ours(rows)) for _ in range(chosen.times))
        require_equal(ours(part), found, has_variance="Hamed" not in name)
        of_theirs *= n_series / len(part)
        print(
            f"| {name} | {n_series:,} | {n:,} | {of_ours:.2f} s | {of_theirs:.1f} s | {of_theirs / of_ours:.0f} |",
            flush=True,
        )
    value = np.exp(rng.standard_normal((1, 200)))
    limit = np.exp(0.5 * rng.standard_normal((1, 200)) - 0.5)
    below = value < limit
    censored = np.where(below, limit, value)
    slope = median(seconds(lambda: akritas_theil_sen(censored, below, np.arange(200.0))) for _ in range(chosen.times))
    print(f"\nSlope with interval of 200 points, {below.mean():.0%} below limits: {1000 * slope:.1f} ms")


if __name__ == "__main__":
    main()
