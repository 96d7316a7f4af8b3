"""How long lognormal fits of censored series take, as a ratio to scipy's optimiser on the same series, in one run.

The optimiser is given a few of the series and its time is extrapolated; both must find the same for these. Prints a
table in Markdown. The series are drawn here, from a seed; nothing in them was measured anywhere.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from pipeline.statistics.censoring import LognormalFit, lognormal_mle

N_VALUES = 25
TIMES = 3
Found = TypeVar("Found")


def series(n_series: int, seed: int = 1) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Lognormal series, about 40 % of them below limits that differ from value to value."""
    draw = np.random.default_rng(seed)
    middle, spread = draw.normal(3, 1, (n_series, 1)), draw.uniform(0.3, 1.2, (n_series, 1))
    logs = middle + spread * draw.standard_normal((n_series, N_VALUES))
    limits = middle + spread * draw.normal(-0.33, 0.8, (n_series, N_VALUES))
    return np.exp(np.maximum(logs, limits)), logs < limits


def by_optimiser(values: NDArray[np.float64], is_censored: NDArray[np.bool_]) -> NDArray[np.float64]:
    """mu and sigma of each series, one after the other."""
    found = []
    for row, censored in zip(np.log(values), is_censored, strict=True):
        data = stats.CensoredData(uncensored=row[~censored], left=row[censored])
        found.append(stats.norm.fit(data))
    return np.array(found)


def seconds(work: Callable[[], Found]) -> tuple[float, Found]:
    """How long it takes, in wall time, and what it gives."""
    start = time.perf_counter()
    found = work()
    return time.perf_counter() - start, found


def main() -> None:
    """Measures and prints."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--series", type=int, default=50_000)
    options.add_argument("--compared", type=int, default=50)
    chosen = options.parse_args()
    values, is_censored = series(chosen.series)
    few, censored_few = values[: chosen.compared], is_censored[: chosen.compared]
    lognormal_mle(few, censored_few)  # imports, caches
    by_optimiser(few[:2], censored_few[:2])

    runs: list[tuple[float, LognormalFit]] = []
    theirs: list[tuple[float, NDArray[np.float64]]] = []
    for _ in range(TIMES):
        runs.append(seconds(lambda: lognormal_mle(values, is_censored)))
        theirs.append(seconds(lambda: by_optimiser(few, censored_few)))
    fit, optimum = runs[0][1], theirs[0][1]
    np.testing.assert_allclose(fit.mu[: chosen.compared], optimum[:, 0], atol=2e-4)
    np.testing.assert_allclose(fit.sigma[: chosen.compared], optimum[:, 1], atol=2e-4)

    scale = chosen.series / chosen.compared
    ours_s = statistics.median(run[0] for run in runs)
    theirs_s = scale * statistics.median(run[0] for run in theirs)
    ratio = statistics.median(scale * other[0] / mine[0] for mine, other in zip(runs, theirs, strict=True))
    print("| fits | values each | censored | ours [s] | goal at most [s] | scipy, extrapolated [s] | ratio | fits/s |")
    print("|---|---|---|---|---|---|---|---|")
    print(
        f"| {chosen.series:,} | {N_VALUES} | {is_censored.mean():.0%} | {ours_s:.2f} | 10 | {theirs_s:,.0f} |"
        f" {ratio:,.0f} | {chosen.series / ours_s:,.0f} |"
    )
    print(f"\n{(~fit.has_converged).sum()} series not estimated.")


if __name__ == "__main__":
    main()
