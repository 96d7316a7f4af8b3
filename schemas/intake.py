"""What an accepted row of a delivery is: one model for each intake table. The rules a row is judged by stand here.

No reading and no judging. Rules that need other tables, such as "the site is known", stand in
`pipeline/deliveries.py`.
"""

from datetime import date

import pandera.polars as pa
import polars as pl
from pandera.api.polars.types import PolarsData

from schemas.columns import column
from schemas.time_zones import time_zones

QUALIFIERS = ["=", "<LOD", "<LOQ", ">ULOQ", "not measured"]
SAMPLE_TYPES = ["composite", "grab"]
CONTROLS = ["blank", "spike", "proficiency"]
ALIAS_BASES = ["own", "by name", "by list", "decided"]
EVENT_KINDS = ["campaign", "policy", "lockdown", "laboratory change", "holiday", "festival", "dumping", "other"]
CORRECTED = ["concentration", "flow", "withdrawn"]
POPULATION_METHODS = ["census", "design", "served", "NH4-N", "COD", "BOD", "cotinine", "mobile"]
NG_PER_L_OF_PURE = 1e12
"""What a litre weighs: no concentration is above it, and a number that is was mistyped."""
FIRST_DAY = date(1990, 1, 1)
"""Before it nobody measured drugs in wastewater: an earlier day was mistyped."""
DELIVERY_DECISIONS = ["supersede", "withdraw", "restore"]
ORDER_BASES = ["receipt", "edition", "decision", "undecided"]
DELIVERY_STATUS = ["accepted", "partly accepted", "refused"]


def _fits_qualifier(value: str) -> pl.Expr:
    return (pl.col("qualifier") == ">ULOQ") | (pl.col(value).is_not_null() == (pl.col("qualifier") == "="))


class _Table(pa.DataFrameModel):
    """What all tables share: exactly the columns of the model, in any order."""

    class Config:
        strict = True


class _Delivered(_Table):
    """The way back: which file, sheet, row and cell a row came from."""

    delivery_id: str = column("delivery_id", str_matches=r"^[0-9a-f]{64}$")
    sheet: str = column("sheet")
    row_number: pl.Int64 = column("row_number", ge=1)
    source_column: str = column("source_column")
    source_cell: str = column("source_cell", str_matches=r"^([A-Z]{1,3}[0-9]+)?$")
    value_as_written: str = column("value_as_written")
    unit_as_written: str = column("unit_as_written", nullable=True)
    is_simulated: bool = column("is_simulated")


class _Lasting(_Delivered):
    """What holds from a day, `valid_from`, to a day, `valid_to`."""

    @pa.dataframe_check(error="validity_ends_before_it_starts")
    def ends_after_start(cls, data: PolarsData) -> pl.LazyFrame:  # noqa: N805
        """A figure or a decision holds for a day at least."""
        return data.lazyframe.select((pl.col("valid_from") <= pl.col("valid_to")).fill_null(value=True))


class Deliveries(_Table):
    """One file a laboratory or plant sent."""

    delivery_id: str = column("delivery_id", str_matches=r"^[0-9a-f]{64}$", unique=True)
    file_name: str = column("file_name")
    profile: str = column("profile", nullable=True)
    profile_digest: str = column("profile_digest", nullable=True)
    receipt_number: pl.Int64 = column("receipt_number", ge=1, unique=True)
    received_at: pl.Datetime("us") = column("received_at")  # type: ignore[valid-type]
    saved_at: pl.Datetime("us") = column("saved_at")  # type: ignore[valid-type]
    place: pl.Int64 = column("place", ge=1, unique=True)
    is_withdrawn: bool = column("is_withdrawn")
    sender: str = column("sender", nullable=True)
    numbering: str = column("numbering", nullable=True)
    release: str = column("release", nullable=True)
    source: str = column("source", nullable=True)
    licence: str = column("licence", nullable=True)
    status: str = column("status", isin=DELIVERY_STATUS)
    problem: str = column("problem", nullable=True)
    n_rows: pl.Int64 = column("n_rows", ge=0)
    n_accepted: pl.Int64 = column("n_accepted", ge=0)
    n_quarantined: pl.Int64 = column("n_quarantined", ge=0)
    reader_version: str = column("reader_version")
    is_simulated: bool = column("is_simulated")

    @pa.dataframe_check(error="rows_do_not_add_up")
    def rows_add_up(cls, data: PolarsData) -> pl.LazyFrame:  # noqa: N805  pandera makes it a class method
        """Nothing is lost: rows in = accepted + quarantined."""
        return data.lazyframe.select(pl.col("n_rows") == pl.col("n_accepted") + pl.col("n_quarantined"))


class Results(_Delivered):
    """One measured concentration: a residue in a composite sample of a site."""

    site_id: str = column("site_id")
    composite_start_at: pl.Datetime("us") = column("composite_start_at", nullable=True)  # type: ignore[valid-type]
    composite_end_at: pl.Datetime("us") = column("composite_end_at", nullable=True)  # type: ignore[valid-type]
    composite_start_utc: pl.Datetime("us") = column("composite_start_utc", nullable=True)  # type: ignore[valid-type]
    composite_end_utc: pl.Datetime("us") = column("composite_end_utc", nullable=True)  # type: ignore[valid-type]
    time_zone: str = column("time_zone", nullable=True)
    sampled_on: pl.Date = column("sampled_on", ge=FIRST_DAY)
    sampling_year: pl.Int32 = column("sampling_year")
    residue: str = column("residue")
    concentration_ng_per_l: float = column("concentration_ng_per_l", nullable=True, ge=0, le=NG_PER_L_OF_PURE)
    qualifier: str = column("qualifier", isin=QUALIFIERS)
    lod_ng_per_l: float = column("lod_ng_per_l", nullable=True, gt=0)
    loq_ng_per_l: float = column("loq_ng_per_l", nullable=True, gt=0)
    sample_type: str = column("sample_type", nullable=True, isin=SAMPLE_TYPES)
    laboratory: str = column("laboratory", nullable=True)
    batch: str = column("batch", nullable=True)
    replicate: str = column("replicate", nullable=True)
    flags: str = column("flags", nullable=True)

    @pa.dataframe_check(error="value_contradicts_qualifier")
    def value_fits_qualifier(cls, data: PolarsData) -> pl.LazyFrame:  # noqa: N805
        """A concentration stands where the qualifier says there is one; above the upper limit it may."""
        return data.lazyframe.select(_fits_qualifier("concentration_ng_per_l"))

    @pa.dataframe_check(error="composite_ends_before_it_starts")
    def ends_after_start(cls, data: PolarsData) -> pl.LazyFrame:  # noqa: N805
        """A composite ends after it starts."""
        by_utc = pl.col("composite_end_utc") > pl.col("composite_start_utc")
        is_after = pl.coalesce(by_utc, pl.col("composite_end_at") > pl.col("composite_start_at"))
        return data.lazyframe.select(is_after.fill_null(value=True))

    @pa.dataframe_check(error="value_below_lod")
    def value_above_lod(cls, data: PolarsData) -> pl.LazyFrame:  # noqa: N805
        """What was measured lies above the limit of detection: else the value, the limit or a unit is wrong."""
        value = pl.col("concentration_ng_per_l")
        is_below = (pl.col("qualifier") == "=") & (value >= 0) & (value < pl.col("lod_ng_per_l"))
        return data.lazyframe.select(~is_below.fill_null(value=False))

    @pa.dataframe_check(error="lod_above_loq")
    def limits_in_order(cls, data: PolarsData) -> pl.LazyFrame:  # noqa: N805
        """The limit of detection is not above the limit of quantification."""
        return data.lazyframe.select((pl.col("lod_ng_per_l") <= pl.col("loq_ng_per_l")).fill_null(value=True))

    class Config:
        strict = True
        # Within a delivery: a later one may say it again.
        unique = [  # noqa: RUF012
            "delivery_id", "site_id", "sampled_on", "composite_start_at", "composite_start_utc", "residue",
            "laboratory", "replicate",
        ]  # fmt: skip


class ReportedLoads(_Delivered):
    """One population-normalised load published by another programme."""

    site_id: str = column("site_id")
    sampled_on: pl.Date = column("sampled_on", nullable=True)
    weekday: pl.Int32 = column("weekday", in_range={"min_value": 1, "max_value": 7})
    sampling_year: pl.Int32 = column("sampling_year", in_range={"min_value": FIRST_DAY.year, "max_value": 2200})
    residue: str = column("residue")
    reported_load_mg_per_day_per_1000: float = column("reported_load_mg_per_day_per_1000", nullable=True, ge=0, le=1e9)
    reported_load_limit_mg_per_day_per_1000: float = column(
        "reported_load_limit_mg_per_day_per_1000", nullable=True, gt=0
    )
    qualifier: str = column("qualifier", isin=QUALIFIERS)
    flags: str = column("flags", nullable=True)

    @pa.dataframe_check(error="value_contradicts_qualifier")
    def value_fits_qualifier(cls, data: PolarsData) -> pl.LazyFrame:  # noqa: N805
        """A load stands where the qualifier says there is one; above the upper limit it may."""
        return data.lazyframe.select(_fits_qualifier("reported_load_mg_per_day_per_1000"))

    class Config:
        strict = True
        unique = ["delivery_id", "site_id", "sampling_year", "sampled_on", "weekday", "residue"]  # noqa: RUF012


class Flows(_Delivered):
    """The influent flow of a site on a day."""

    site_id: str = column("site_id")
    sampled_on: pl.Date = column("sampled_on", ge=FIRST_DAY)
    sampling_year: pl.Int32 = column("sampling_year")
    flow_m3_per_day: float = column("flow_m3_per_day", ge=0.001, le=1e9)

    class Config:
        strict = True
        unique = ["delivery_id", "site_id", "sampled_on"]  # noqa: RUF012


class FlowReadings(_Delivered):
    """One reading of a site's flow meter: the flow at a moment, to be integrated over the window of a composite."""

    site_id: str = column("site_id")
    read_at: pl.Datetime("us") = column("read_at")  # type: ignore[valid-type]
    read_utc: pl.Datetime("us") = column("read_utc", nullable=True)  # type: ignore[valid-type]
    time_zone: str = column("time_zone", nullable=True)
    sampling_year: pl.Int32 = column("sampling_year", ge=FIRST_DAY.year)
    flow_m3_per_day: float = column("flow_m3_per_day", ge=0, le=1e9)

    class Config:
        strict = True
        unique = ["delivery_id", "site_id", "read_at", "read_utc"]  # noqa: RUF012


class Populations(_Lasting):
    """The inhabitants of a site by one method, with validity."""

    site_id: str = column("site_id")
    population_method: str = column("population_method", isin=POPULATION_METHODS)
    population: float = column("population", ge=1, le=1e10)
    population_rsd: float = column("population_rsd", nullable=True, ge=0)
    valid_from: pl.Date = column("valid_from", nullable=True)
    valid_to: pl.Date = column("valid_to", nullable=True)

    class Config:
        strict = True
        unique = ["delivery_id", "site_id", "population_method", "valid_from"]  # noqa: RUF012


class Sites(_Delivered):
    """A catchment."""

    site_id: str = column("site_id", str_length={"min_value": 1})
    site_name: str = column("site_name", nullable=True)
    area_id: str = column("area_id", nullable=True)
    latitude: float = column("latitude", nullable=True, in_range={"min_value": -90, "max_value": 90})
    longitude: float = column("longitude", nullable=True, in_range={"min_value": -180, "max_value": 180})
    time_zone: str = column("time_zone", nullable=True)
    population_method: str = column("population_method", nullable=True, isin=POPULATION_METHODS)
    cigarettes_per_person_per_day: float = column("cigarettes_per_person_per_day", nullable=True, gt=0, le=100)
    domestic_share: float = column("domestic_share", nullable=True, gt=0, le=1)
    share_aged_15_to_64: float = column("share_aged_15_to_64", nullable=True, gt=0, le=1)
    sewer_residence_h: float = column("sewer_residence_h", nullable=True, gt=0, le=240)
    sewage_temperature_celsius: float = column(
        "sewage_temperature_celsius", nullable=True, in_range={"min_value": 0, "max_value": 45}
    )

    @pa.check("time_zone", name="time_zone_has_no_such_name")
    def is_time_zone(cls, data: PolarsData) -> pl.LazyFrame:  # noqa: N805
        """A time zone has a name of the IANA database."""
        return data.lazyframe.select(pl.col(data.key).is_in(sorted(time_zones())))

    class Config:
        strict = True
        unique = ["delivery_id", "site_id"]  # noqa: RUF012


class Areas(_Delivered):
    """A node of the tree of areas that sites belong to."""

    area_id: str = column("area_id", str_length={"min_value": 1})
    area_name: str = column("area_name", nullable=True)
    parent_area_id: str = column("parent_area_id", nullable=True)

    class Config:
        strict = True
        unique = ["delivery_id", "area_id"]  # noqa: RUF012


class QualityControls(_Delivered):
    """One control sample of a laboratory's batch, of one residue or where none is named of all."""

    laboratory: str = column("laboratory")
    batch: str = column("batch")
    residue: str = column("residue", nullable=True)
    control: str = column("control", isin=CONTROLS)
    control_value: float = column("control_value")
    control_limit: float = column("control_limit", nullable=True, gt=0)

    @pa.dataframe_check(error="control_incomplete")
    def says_what_it_means(cls, data: PolarsData) -> pl.LazyFrame:  # noqa: N805
        """A blank has a limit it is held against; neither it nor a recovery is below zero."""
        has_limit = (pl.col("control") != "blank") | pl.col("control_limit").is_not_null()
        return data.lazyframe.select(
            has_limit & ((pl.col("control") == "proficiency") | (pl.col("control_value") >= 0))
        )

    class Config:
        strict = True


class Corrections(_Delivered):
    """One correction an analyst made: of a concentration, a flow, or a result that is to go. Never an edit."""

    site_id: str = column("site_id")
    sampled_on: pl.Date = column("sampled_on", ge=FIRST_DAY)
    residue: str = column("residue", nullable=True)
    corrected: str = column("corrected", isin=CORRECTED)
    value_from: float = column("value_from", nullable=True, ge=0)
    value_to: float = column("value_to", nullable=True, ge=0)
    justification: str = column("justification", str_length={"min_value": 3})
    author: str = column("author", str_length={"min_value": 1})
    corrected_on: pl.Date = column("corrected_on", ge=FIRST_DAY)

    @pa.dataframe_check(error="correction_incomplete")
    def says_what_it_changes(cls, data: PolarsData) -> pl.LazyFrame:  # noqa: N805
        """A flow has no residue, all else has one; what is withdrawn has no new value, all else has one."""
        has_residue = pl.col("residue").is_not_null() == (pl.col("corrected") != "flow")
        has_value = pl.col("value_to").is_not_null() == (pl.col("corrected") != "withdrawn")
        return data.lazyframe.select(has_residue & has_value)

    class Config:
        strict = True
        unique = ["delivery_id", "site_id", "sampled_on", "residue", "corrected", "value_from"]  # noqa: RUF012


class Events(_Delivered):
    """One thing that happened or was done, in an area or everywhere, about one drug or all."""

    event_id: str = column("event_id", str_length={"min_value": 1})
    event_name: str = column("event_name", str_length={"min_value": 1})
    event_kind: str = column("event_kind", isin=EVENT_KINDS)
    starts_on: pl.Date = column("starts_on", ge=FIRST_DAY)
    ends_on: pl.Date = column("ends_on", nullable=True)
    area_id: str = column("area_id", nullable=True)
    drug: str = column("drug", nullable=True)

    @pa.dataframe_check(error="validity_ends_before_it_starts")
    def ends_after_start(cls, data: PolarsData) -> pl.LazyFrame:  # noqa: N805
        """An event lasts for a day at least."""
        return data.lazyframe.select((pl.col("starts_on") <= pl.col("ends_on")).fill_null(value=True))

    @pa.dataframe_check(error="event_contradicts_itself")
    def is_one_event(cls, data: PolarsData) -> pl.LazyFrame:  # noqa: N805
        """All rows of an event have its name, kind and days: what happened at another time is another event."""
        said = pl.struct("event_name", "event_kind", "starts_on", "ends_on")
        return data.lazyframe.select(said.n_unique().over("event_id") == 1)

    class Config:
        strict = True
        unique = ["delivery_id", "event_id", "area_id", "drug"]  # noqa: RUF012


class SiteDecisions(_Lasting):
    """One decision of a person which site a sender's number stands for, in a release, for a time."""

    numbering: str = column("numbering", nullable=True)
    release: str = column("release", nullable=True)
    site_code: str = column("site_code", str_length={"min_value": 1})
    site_label: str = column("site_label", nullable=True)
    site_id: str = column("site_id", str_length={"min_value": 1})
    valid_from: pl.Date = column("valid_from", nullable=True)
    valid_to: pl.Date = column("valid_to", nullable=True)
    justification: str = column("justification", str_length={"min_value": 3})
    author: str = column("author", str_length={"min_value": 1})
    decided_on: pl.Date = column("decided_on", ge=FIRST_DAY)

    class Config:
        strict = True
        unique = [  # noqa: RUF012
            "delivery_id", "numbering", "release", "site_code", "site_label", "valid_from",
        ]  # fmt: skip


class DeliveryDecisions(_Delivered):
    """One decision of a person which of two deliveries is current, or that one counts no more, or counts again."""

    decision: str = column("decision", isin=DELIVERY_DECISIONS)
    decided_delivery: str = column("decided_delivery", str_matches=r"^[0-9a-f]{8,64}$")
    other_delivery: str = column("other_delivery", nullable=True, str_matches=r"^[0-9a-f]{8,64}$")
    justification: str = column("justification", str_length={"min_value": 3})
    author: str = column("author", str_length={"min_value": 1})
    decided_on: pl.Date = column("decided_on", ge=FIRST_DAY)

    @pa.dataframe_check(error="decision_incomplete")
    def names_what_it_decides(cls, data: PolarsData) -> pl.LazyFrame:  # noqa: N805
        """What supersedes names another delivery; what is withdrawn or restored names none."""
        is_other = pl.col("decided_delivery") != pl.col("other_delivery")
        supersedes = pl.col("decision") == "supersede"
        return data.lazyframe.select(
            pl.when(supersedes).then(is_other.fill_null(value=False)).otherwise(pl.col("other_delivery").is_null())
        )

    class Config:
        strict = True
        unique = ["delivery_id", "decision", "decided_delivery", "other_delivery", "decided_on"]  # noqa: RUF012


class Contradictions(_Table):
    """One value that a superseded delivery states differently from the current one."""

    table_name: str = column("table_name")
    site_id: str = column("site_id")
    residue: str = column("residue", nullable=True)
    occasion: str = column("occasion")
    delivery_id: str = column("delivery_id", str_matches=r"^[0-9a-f]{64}$")
    sheet: str = column("sheet")
    row_number: pl.Int64 = column("row_number", ge=1)
    source_column: str = column("source_column")
    qualifier: str = column("qualifier", isin=QUALIFIERS)
    stated_value: float = column("stated_value", nullable=True)
    stated_limit: float = column("stated_limit", nullable=True)
    stated_text: str = column("stated_text", nullable=True)
    superseded_delivery_id: str = column("superseded_delivery_id", str_matches=r"^[0-9a-f]{64}$")
    superseded_qualifier: str = column("superseded_qualifier", isin=QUALIFIERS)
    superseded_value: float = column("superseded_value", nullable=True)
    superseded_limit: float = column("superseded_limit", nullable=True)
    superseded_text: str = column("superseded_text", nullable=True)
    order_basis: str = column("order_basis", isin=ORDER_BASES)


class SiteAliases(_Table):
    """What one delivery calls a site, and which site of ours that is, or why a person has to decide it."""

    delivery_id: str = column("delivery_id", str_matches=r"^[0-9a-f]{64}$")
    numbering: str = column("numbering", nullable=True)
    release: str = column("release", nullable=True)
    site_code: str = column("site_code")
    site_label: str = column("site_label", nullable=True)
    latitude: float = column("latitude", nullable=True)
    longitude: float = column("longitude", nullable=True)
    site_id: str = column("site_id", nullable=True)
    valid_from: pl.Date = column("valid_from", nullable=True)
    valid_to: pl.Date = column("valid_to", nullable=True)
    alias_basis: str = column("alias_basis", nullable=True, isin=ALIAS_BASES)
    decided_on: pl.Date = column("decided_on", nullable=True)
    question: str = column("question", nullable=True)

    @pa.dataframe_check(error="neither_site_nor_question")
    def is_known_or_asked(cls, data: PolarsData) -> pl.LazyFrame:  # noqa: N805
        """A number stands for a site of ours, or a person is asked; never both, never neither."""
        return data.lazyframe.select(pl.col("site_id").is_null() == pl.col("question").is_not_null())

    class Config:
        strict = True
        unique = ["delivery_id", "site_code", "site_label", "valid_from"]  # noqa: RUF012


class Quarantine(_Table):
    """One rejected record, as it was written, with what is wrong and what to do."""

    delivery_id: str = column("delivery_id", str_matches=r"^[0-9a-f]{64}$")
    file_name: str = column("file_name")
    sheet: str = column("sheet")
    row_number: pl.Int64 = column("row_number", ge=1)
    source_column: str = column("source_column")
    target_table: str = column("target_table")
    rule: str = column("rule")
    value_as_written: str = column("value_as_written", nullable=True)
    message: str = column("message")
    row_as_written: str = column("row_as_written")
    is_simulated: bool = column("is_simulated")
