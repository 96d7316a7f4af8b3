"""The simulated city as a whole: its truth, what was measured of it, and what its senders write wrongly.

Only the assembly: the truth is drawn in `truth.py`, measurements in `measurement.py`, files are written in
`laboratories.py`.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from pipeline.simulation.measurement import measure_flows, measure_results
from pipeline.simulation.mistakes import wrong_rows
from pipeline.simulation.truth import Truth, simulate_truth

DEFAULT_SEED = 2026


@dataclass(frozen=True)
class City:
    """A simulated city.

    Attributes:
        seed: the seed it was drawn by; the same seed gives the same city and the same bytes of its files.
        truth: what is true.
        results: what the laboratories measured, as `measurement.measure_results` returns it.
        flows: what the plants metered, as `measurement.measure_flows` returns it.
        wrong_rows: the rows its senders write wrongly, as `mistakes.wrong_rows` returns them.
    """

    seed: int
    truth: Truth
    results: pl.DataFrame
    flows: pl.DataFrame
    wrong_rows: pl.DataFrame


def simulate_city(seed: int = DEFAULT_SEED) -> City:
    """Draw a city of 18 catchments in 8 districts over three years, and what its laboratories measure.

    Parameters
    ----------
    seed : int
        Seed, at least 0.

    Returns
    -------
    City
        The city with its truth.

    Raises
    ------
    ValueError
        Where the factor file does not hold the simulated drugs.

    Examples
    --------
    >>> city = simulate_city(seed=1)
    >>> city.truth.sites.height, city.results["residue"].n_unique()
    (18, 12)
    """
    truth_seed, flow_seed, result_seed = np.random.SeedSequence(seed).spawn(3)
    truth = simulate_truth(truth_seed)
    return City(
        seed=seed,
        truth=truth,
        results=measure_results(truth, result_seed),
        flows=measure_flows(truth, flow_seed),
        wrong_rows=wrong_rows(),
    )
