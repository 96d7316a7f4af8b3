"""What a row of `computed_from` is: the identity of what a table was computed from."""

import pandera.polars as pa
import polars as pl

from schemas.columns import column

SHA256 = r"^[0-9a-f]{64}$"


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
