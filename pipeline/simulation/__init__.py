"""The simulated city: deliveries as laboratories write them, and the truth behind them.

Nothing here reads a delivery or estimates anything: what is computed from the files is compared with this
truth.
"""

from pathlib import Path

from pipeline.simulation.city import DEFAULT_SEED, City, simulate_city
from pipeline.simulation.laboratories import write_deliveries
from pipeline.simulation.receipts import write_receipts
from pipeline.simulation.truth import Truth

TARGETS = (Path(__file__).parent / "targets.toml").read_text(encoding="utf-8")
"""What the city has promised, as the settings of a workspace say it."""

__all__ = ["DEFAULT_SEED", "TARGETS", "City", "Truth", "simulate_city", "write_deliveries", "write_receipts"]
