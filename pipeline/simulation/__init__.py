"""The simulated city: deliveries as laboratories write them, and the truth behind them.

Nothing here reads a delivery or estimates anything: what is computed from the files is compared with this
truth.
"""

from pipeline.simulation.city import DEFAULT_SEED, City, simulate_city
from pipeline.simulation.laboratories import write_deliveries
from pipeline.simulation.truth import Truth

__all__ = ["DEFAULT_SEED", "City", "Truth", "simulate_city", "write_deliveries"]
