"""What a row of the reference tables is: factors, doses, markers of population, uncertainties and the like.

No values here: they stand in `vocabularies/`, `factors/`, `population/`, `uncertainty/` and `protocols/`, and in an
office's own folders.
"""

from typing import get_args

import pandera.polars as pa
import polars as pl
from pandera.api.polars.types import PolarsData

from schemas.columns import column
from schemas.intake import POPULATION_METHODS, _Table
from schemas.protocol import BelowLimit

STATUS = ["approved", "provisional", "experimental"]
EVIDENCE = ["V", "C", "D", "M"]
BASIS = ["consumption", "residue load"]
COMPONENTS = ["sampling", "analysis", "batch", "laboratory", "flow", "population", "factor", "other sources"]
_NAME = r"^[a-z0-9-]+$"


class Residues(_Table):
    """One substance a laboratory measures in wastewater."""

    residue: str = column("residue", unique=True, str_matches=r"^[a-z0-9-]+$")
    residue_name: str = column("residue_name")
    residue_name_zh: str = column("residue_name_zh", nullable=True)
    kind: str = column("kind", isin=["drug", "marker", "pharmaceutical"])
    synonyms: str = column("synonyms", nullable=True)


class Factors(_Table):
    """One way from a residue back to the drug consumed."""

    factor_set: str = column("factor_set", str_matches=_NAME)
    drug: str = column("drug", str_matches=_NAME)
    drug_name: str = column("drug_name")
    drug_name_zh: str = column("drug_name_zh")
    residue: str = column("residue")
    excreted_fraction: float = column("excreted_fraction", nullable=True, gt=0, le=1)
    excreted_fraction_low: float = column("excreted_fraction_low", nullable=True, gt=0, le=1)
    excreted_fraction_high: float = column("excreted_fraction_high", nullable=True, gt=0, le=1)
    excretion_basis: str = column("excretion_basis", nullable=True, isin=["molar", "mass"])
    residue_mg_per_cigarette: float = column("residue_mg_per_cigarette", nullable=True, gt=0)
    molar_mass_parent_g_per_mol: float = column("molar_mass_parent_g_per_mol", nullable=True, gt=0)
    molar_mass_residue_g_per_mol: float = column("molar_mass_residue_g_per_mol", nullable=True, gt=0)
    stability_class: str = column("stability_class", isin=["stable", "unstable", "formed", "unknown"])
    is_default: bool = column("is_default")
    evidence: str = column("evidence", isin=EVIDENCE)
    factor_status: str = column("factor_status", isin=STATUS)
    source: str = column("source")
    valid_from: pl.Date = column("valid_from")
    approved_by: str = column("approved_by", nullable=True)

    @pa.dataframe_check(error="unverified_factor_approved")
    def unverified_is_not_approved(cls, data: PolarsData) -> pl.LazyFrame:  # noqa: N805
        """A factor nobody has checked against its source (M) is never approved."""
        return data.lazyframe.select((pl.col("evidence") != "M") | (pl.col("factor_status") != "approved"))

    @pa.dataframe_check(error="fraction_without_basis")
    def fraction_has_its_basis(cls, data: PolarsData) -> pl.LazyFrame:  # noqa: N805
        """A fraction says of what it is one; a molar one is of no use without both molar masses."""
        is_known = (pl.col("excretion_basis") == "mass") | (
            (pl.col("excretion_basis") == "molar")
            & pl.col("molar_mass_parent_g_per_mol").is_not_null()
            & pl.col("molar_mass_residue_g_per_mol").is_not_null()
        )
        return data.lazyframe.select(pl.col("excreted_fraction").is_null() | is_known.fill_null(value=False))

    @pa.dataframe_check(error="fraction_outside_its_range")
    def fraction_lies_in_its_range(cls, data: PolarsData) -> pl.LazyFrame:  # noqa: N805
        """The fraction lies in the range in use, as far as one is stated."""
        fraction = pl.col("excreted_fraction")
        low, high = pl.col("excreted_fraction_low"), pl.col("excreted_fraction_high")
        return data.lazyframe.select((fraction >= low).fill_null(value=True) & (fraction <= high).fill_null(value=True))

    @pa.dataframe_check(error="several_defaults")
    def has_one_default_at_most(cls, data: PolarsData) -> pl.LazyFrame:  # noqa: N805
        """A drug is computed from one residue, or from none."""
        return data.lazyframe.select(pl.col("is_default").sum().over("factor_set", "drug") <= 1)

    class Config:
        strict = True
        unique = ["factor_set", "drug", "residue"]  # noqa: RUF012


class Doses(_Table):
    """The mass of one typical dose of a pure drug."""

    factor_set: str = column("factor_set")
    drug: str = column("drug")
    dose_mg: float = column("dose_mg", gt=0)
    evidence: str = column("evidence", isin=EVIDENCE)
    dose_status: str = column("dose_status", isin=STATUS)
    source: str = column("source")

    @pa.dataframe_check(error="unverified_dose_approved")
    def unverified_is_not_approved(cls, data: PolarsData) -> pl.LazyFrame:  # noqa: N805
        """A dose nobody has checked against its source (M) is never approved."""
        return data.lazyframe.select((pl.col("evidence") != "M") | (pl.col("dose_status") != "approved"))

    class Config:
        strict = True
        unique = ["factor_set", "drug"]  # noqa: RUF012


class Uncertainties(_Table):
    """The relative standard deviation of one component of a figure."""

    component: str = column("component", isin=COMPONENTS)
    applies_to: str = column("applies_to", nullable=True)
    rsd: float = column("rsd", ge=0, le=1)
    shared_over: str = column("shared_over")
    evidence: str = column("evidence", isin=EVIDENCE)
    source: str = column("source")

    class Config:
        strict = True
        unique = ["component", "applies_to"]  # noqa: RUF012


class PopulationMarkers(_Table):
    """What one inhabitant gives a day of one marker, from which inhabitants are counted."""

    marker_set: str = column("marker_set")
    residue: str = column("residue")
    population_method: str = column("population_method", isin=POPULATION_METHODS)
    load_mg_per_person_per_day: float = column("load_mg_per_person_per_day", nullable=True, gt=0)
    load_mg_per_cigarette: float = column("load_mg_per_cigarette", nullable=True, gt=0)
    evidence: str = column("evidence", isin=EVIDENCE)
    marker_status: str = column("marker_status", isin=STATUS)
    source: str = column("source")

    @pa.dataframe_check(error="not_one_load")
    def has_one_load(cls, data: PolarsData) -> pl.LazyFrame:  # noqa: N805
        """Either a mass a person and day, or a mass a cigarette."""
        per_person, per_cigarette = pl.col("load_mg_per_person_per_day"), pl.col("load_mg_per_cigarette")
        return data.lazyframe.select(per_person.is_null() != per_cigarette.is_null())

    @pa.dataframe_check(error="unverified_marker_approved")
    def unverified_is_not_approved(cls, data: PolarsData) -> pl.LazyFrame:  # noqa: N805
        """What nobody has checked against its source (M) is never approved."""
        return data.lazyframe.select((pl.col("evidence") != "M") | (pl.col("marker_status") != "approved"))

    class Config:
        strict = True
        unique = ["population_method"]  # noqa: RUF012


class HalfLives(_Table):
    """How long half of a residue lasts in wastewater at one temperature."""

    residue: str = column("residue")
    temperature_celsius: float = column("temperature_celsius", in_range={"min_value": 0, "max_value": 50})
    half_life_h: float = column("half_life_h", gt=0)
    evidence: str = column("evidence", isin=EVIDENCE)
    source: str = column("source")

    class Config:
        strict = True
        unique = ["residue", "temperature_celsius"]  # noqa: RUF012


class MolarMasses(_Table):
    """The molar mass of one substance, as free base or acid, by which the masses in factors are held."""

    substance: str = column("substance", unique=True, str_matches=_NAME)
    molar_mass_g_per_mol: float = column("molar_mass_g_per_mol", gt=0)
    evidence: str = column("evidence", isin=EVIDENCE)
    source: str = column("source")


class ResidueRatios(_Table):
    """The range in which the ratio of two residues lies after use; outside it something was poured away."""

    residue: str = column("residue")
    other_residue: str = column("other_residue")
    ratio_low: float = column("ratio_low", nullable=True, gt=0)
    ratio_high: float = column("ratio_high", nullable=True, gt=0)
    evidence: str = column("evidence", isin=EVIDENCE)
    source: str = column("source")

    class Config:
        strict = True
        unique = ["residue", "other_residue"]  # noqa: RUF012


class Protocols(_Table):
    """One set of choices by which all figures can be computed."""

    protocol: str = column("protocol", unique=True)
    title: str = column("title")
    basis: str = column("basis", isin=BASIS)
    factor_set: str = column("factor_set")
    below_limit: str = column("below_limit", isin=get_args(BelowLimit))
    interval: str = column("interval", isin=["none", "t_of_days", "pooled_spread"])
    max_censored_share: float = column("max_censored_share", in_range={"min_value": 0, "max_value": 1})
    min_detects: pl.Int64 = column("min_detects", ge=0)
    weekday_rule: str = column("weekday_rule", isin=["weekday_means", "plain"])
    area_weights: str = column("area_weights", isin=["population", "none"])
    stable_band_percent: float = column("stable_band_percent", nullable=True, gt=0)
    population_method: str = column("population_method", nullable=True, isin=POPULATION_METHODS)
    domestic_share_in_population: bool = column("domestic_share_in_population")
    stability: str = column("stability", isin=["none", "site"])
    net_of_other_sources: bool = column("net_of_other_sources")
    amphetamine_per_methamphetamine: float = column("amphetamine_per_methamphetamine", ge=0, lt=0.19)
    choices: str = column("choices")
