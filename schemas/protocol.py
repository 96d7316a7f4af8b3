"""What a protocol file says: every choice between a result and a published figure. No choice is made here."""

import tomllib
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

SHIPPED = Path(__file__).parent / "protocols"


class Protocol(BaseModel):
    """One set of choices, read from a TOML file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    protocol: str = Field(pattern=r"^[a-z0-9-]+$")
    title: str
    basis: Literal["consumption", "residue load"]
    factor_set: str
    below_limit: Literal["zero", "half_limit"]
    max_censored_share: float = Field(ge=0, le=1)
    min_detects: int = Field(ge=0)
    weekday_rule: Literal["weekday_means", "plain"]
    area_weights: Literal["population", "none"]
    stable_band_percent: float | None = Field(default=None, gt=0)
    population_method: Literal["census", "served", "mobile", "design", "NH4-N", "cotinine", "COD", "BOD"] | None = None
    """Whose inhabitants a load is divided by; empty: the primary method of each site."""
    domestic_share_in_population: bool = False
    """Whether the domestic share of a site multiplies the flow in the population by a marker. Only there, as in the
    Guizhou rule: the load of the drug keeps the whole flow, so that use per 1000 grows by 1/share."""
    stability: Literal["none", "site"] = "none"
    """Loss in the sewer: never corrected, or where the list of a site states how long and how warm its sewage is."""
    net_of_other_sources: bool = False
    """Whether amphetamine is less what methamphetamine leaves behind."""
    amphetamine_per_methamphetamine: float = Field(default=0.09, ge=0, lt=0.19)
    """Median of more than 6,000 Australian samples ("Refining the estimation of amphetamine consumption by
    wastewater-based epidemiology")."""
    choices: str


def load_protocols(folder: Path = SHIPPED) -> list[Protocol]:
    """All protocols of a folder, sorted by name.

    Raises pydantic's `ValidationError` where a file does not hold what a protocol needs.

    >>> [p.protocol for p in load_protocols()]
    ['euda', 'permille']
    """
    files = sorted(folder.glob("*.toml"))
    return [Protocol.model_validate(tomllib.loads(file.read_text(encoding="utf-8"))) for file in files]
