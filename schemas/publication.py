"""What editions are: what each table was computed from, which editions were published, and which figures they moved."""

import pandera.polars as pa
import polars as pl

from schemas.change import VERDICTS
from schemas.columns import column

SHA256 = r"^[0-9a-f]{64}$"
CAUSES = [
    "new", "corrected", "superseded", "withdrawn", "restored", "decided", "read_again", "gone", "settings", "factors",
    "code",
]  # fmt: skip
"""Why figures of two editions differ. Those from `settings` on concern every figure, the others some places and drugs.

new: a delivery that supersedes nothing; superseded: one that took the place of values of another; corrected: one of
corrections; decided: a person decided which delivery is current, or which site is meant; read_again: a known delivery
was read by another profile, or other rows of it count; gone: a delivery is neither stored nor archived any more.
"""
_EDITION = r"^[0-9a-f]{12}$"
_CAUSES = rf"^(({'|'.join(CAUSES)})( |$))*$"


class ComputedFrom(pa.DataFrameModel):
    """A table, or one year of sampling of it, and the identity of what it was computed from."""

    table_name: str = column("table_name")
    sampling_year: pl.Int32 = column("sampling_year", nullable=True)
    deliveries_identity: str = column("deliveries_identity", nullable=True, str_matches=SHA256)
    factors_identity: str = column("factors_identity", str_matches=SHA256)
    settings_identity: str = column("settings_identity", nullable=True, str_matches=SHA256)
    code_identity: str = column("code_identity", str_matches=SHA256)

    class Config:
        strict = True
        unique = ["table_name", "sampling_year"]  # noqa: RUF012


class Editions(pa.DataFrameModel):
    """An edition that was published, with the comparison of its headline and what differs from the one before."""

    edition_number: pl.Int64 = column("edition_number", ge=1, unique=True)
    edition: str = column("edition", nullable=True, str_matches=_EDITION)
    newest_received_at: pl.Datetime("us") = column("newest_received_at", nullable=True)  # type: ignore[valid-type]
    protocol: str = column("protocol")
    baseline_period: str = column("baseline_period", nullable=True)
    current_period: str = column("current_period", nullable=True)
    is_compared: bool = column("is_compared")
    causes: str = column("causes", str_matches=_CAUSES)

    class Config:
        strict = True


class Restatements(pa.DataFrameModel):
    """A headline figure that an edition prints differently from the edition before."""

    edition_number: pl.Int64 = column("edition_number", ge=1)
    edition: str = column("edition", str_matches=_EDITION)
    edition_before: str = column("edition_before", nullable=True, str_matches=_EDITION)
    level: str = column("level", isin=["area", "network"])
    unit_id: str = column("unit_id")
    unit_name: str = column("unit_name", nullable=True)
    drug: str = column("drug")
    protocol: str = column("protocol")
    baseline_period: str = column("baseline_period")
    current_period: str = column("current_period")
    baseline_before_mg_per_day_per_1000: float = column("baseline_before_mg_per_day_per_1000", nullable=True, ge=0)
    baseline_mg_per_day_per_1000: float = column("baseline_mg_per_day_per_1000", nullable=True, ge=0)
    current_before_mg_per_day_per_1000: float = column("current_before_mg_per_day_per_1000", nullable=True, ge=0)
    current_mg_per_day_per_1000: float = column("current_mg_per_day_per_1000", nullable=True, ge=0)
    change_before_percent: float = column("change_before_percent", nullable=True, ge=-100)
    change_percent: float = column("change_percent", nullable=True, ge=-100)
    ci_low_before_percent: float = column("ci_low_before_percent", nullable=True, ge=-100)
    ci_low_percent: float = column("ci_low_percent", nullable=True, ge=-100)
    ci_high_before_percent: float = column("ci_high_before_percent", nullable=True, ge=-100)
    ci_high_percent: float = column("ci_high_percent", nullable=True, ge=-100)
    verdict_before: str = column("verdict_before", nullable=True, isin=VERDICTS)
    verdict: str = column("verdict", nullable=True, isin=VERDICTS)
    causes: str = column("causes", str_matches=_CAUSES)
    caused_by: pl.List(pl.String) = column("caused_by")  # type: ignore[valid-type]
    is_simulated: bool = column("is_simulated")

    class Config:
        strict = True
        unique = ["edition_number", "level", "unit_id", "drug"]  # noqa: RUF012
