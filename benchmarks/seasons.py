"""How often seasonal tests call series without a trend one, by years and serial correlation: `make bench-seasons`."""

import numpy as np
import numpy.typing as npt

from pipeline.statistics.trends import hirsch_slack, seasonal_kendall

Floats = npt.NDArray[np.float64]
SEED = 7
N_SERIES = 4000
SLOPE = 0.12
"""Of the series with a trend, in standard deviations a year."""


def correlated(rng: np.random.Generator, n: int, correlation: float) -> Floats:
    """Series each point of which leans on the one before."""
    value = rng.standard_normal((N_SERIES, n))
    for at in range(1, n):
        value[:, at] = correlation * value[:, at - 1] + np.sqrt(1 - correlation**2) * value[:, at]
    return value


def main() -> None:
    """Prints the table for docs/changes.md."""
    rng = np.random.default_rng(SEED)
    print(
        "| seasons | years | correlation | plain [%] | Hirsch and Slack [%] | of a trend, plain [%] | the other [%] |"
    )
    print("|---|---|---|---|---|---|---|")
    for n_seasons in (12, 4):
        for n_years in (5, 6, 8, 10, 12, 20):
            at = np.arange(n_years * n_seasons)
            season, year = at % n_seasons, at // n_seasons
            for correlation in (0.0, 0.3, 0.5, 0.8):
                flat = correlated(rng, len(at), correlation)
                shares = []
                for value in (flat, flat + SLOPE * at / n_seasons):
                    plain = seasonal_kendall(value, at / n_seasons, season)
                    wider = hirsch_slack(value, at / n_seasons, season, year, is_widening=True)
                    shares += [100 * float((found.p_value < 0.05).mean()) for found in (plain, wider)]
                told = " | ".join(f"{share:.1f}" for share in shares)
                print(f"| {n_seasons} | {n_years} | {correlation} | {told} |", flush=True)


if __name__ == "__main__":
    main()
