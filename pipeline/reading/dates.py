"""Reading days and moments: by the formats a profile states, ISO, and Excel's serial numbers where it says so."""

from datetime import datetime

import polars as pl

from pipeline.reading.context import Context
from schemas.profile import FIELDS

EXCEL = "excel"
"""In place of a format: days since 1899-12-30 as a number, as a date cell saved as a number holds them."""
DATES = {
    "results": ("sampled_on", "composite_start_at", "composite_end_at"),
    "reported_loads": ("sampled_on",),
    "flows": ("sampled_on",),
    "flow_readings": ("read_at",),
    "populations": ("valid_from", "valid_to"),
    "corrections": ("sampled_on", "corrected_on"),
    "site_decisions": ("valid_from", "valid_to", "decided_on"),
}
"""The fields of each table that are days or moments."""
_ISO = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M", "%Y-%m-%d")
_EXAMPLE = datetime(2024, 3, 31, 8, 30)  # noqa: DTZ001  only shown, as an example of a date format
_MICROSECONDS_A_DAY = 86_400_000_000
_YEARS = datetime(1900, 1, 1), datetime(3000, 1, 1)  # noqa: DTZ001
_WITH_TIME = ("%H", "%T", "%R", "%I")


def example(form: str) -> str:
    """How a format looks."""
    return "45382.354" if form == EXCEL else _EXAMPLE.strftime(form)


def moment_of(text: pl.Expr, form: str) -> pl.Expr:
    """The moment a text stands for by one format; null where it is none."""
    if form == EXCEL:
        days = pl.when(text.str.contains(r"^\d{5}(\.\d+)?$")).then(text.cast(pl.Float64, strict=False))
        second = (days * 86_400).round() * 1_000_000  # a serial number has no exact seconds
        return (pl.lit(datetime(1899, 12, 30)) + pl.duration(microseconds=second)).cast(pl.Datetime("us"))  # noqa: DTZ001
    if any(directive in form for directive in _WITH_TIME):
        return text.str.to_datetime(form, strict=False, time_unit="us")
    return text.str.to_date(form, strict=False).cast(pl.Datetime("us"))


def add_dates(context: Context, typed: dict[str, pl.Expr]) -> None:
    """Reads the days and moments of a table; what is none becomes a finding."""
    formats = list(dict.fromkeys([*context.profile.date_formats, *_ISO]))
    shown = " or ".join(example(form) for form in context.profile.date_formats)
    required = {field.rstrip("*") for field in FIELDS[context.table.table] if field.endswith("*")}
    for field in DATES.get(context.table.table, ()):
        text = pl.col(f"_{field}")
        if not context.is_given(f"_{field}"):
            if field in required:
                context.flag(text.is_null(), "missing_value", context.header_of(field), text)
            typed[field] = pl.lit(None, pl.Datetime("us") if field.endswith("_at") else pl.Date)
            continue
        context.apply({"_moment": moment_of(text, formats[0])})
        if context.records.select((text.is_not_null() & pl.col("_moment").is_null()).any()).item():
            others = [moment_of(text, form) for form in formats[1:]]
            context.apply({"_moment": pl.coalesce("_moment", *others)})
        # A two-digit year read as the year 24, or a serial number as the year 45000, is no date.
        is_year = pl.col("_moment").is_between(*_YEARS, closed="left")
        context.apply({f"{field}_read": pl.when(is_year).then("_moment")})
        moment = pl.col(f"{field}_read")
        context.flag(
            text.is_not_null() & moment.is_null(),
            "unparsable_date",
            context.header_of(field),
            text,
            f"like {shown}",
        )
        if field in required:
            context.flag(text.is_null(), "missing_value", context.header_of(field), text)
        typed[field] = moment if field.endswith("_at") else moment.dt.date()


def _complete_composites(context: Context) -> None:
    """The day a composite mostly covers where none is stated, and composites that are too long."""
    start, end = pl.col("composite_start_at"), pl.col("composite_end_at")
    hours = (end - start).dt.total_minutes() / 60
    longest = context.table.composite_period_hours
    # An hour of grace: a day of 25 hours when the clocks go back.
    context.flag(
        hours > longest + 1, "composite_too_long", context.header_of("composite_end_at"), pl.col("_composite_end_at"),
        pl.format("{} hours, where the profile allows {}", hours.round(1), pl.lit(f"{longest:g}")),
    )  # fmt: skip
    middle = (start + (end - start) / 2).dt.date()
    context.apply({"sampled_on": pl.coalesce(pl.col("sampled_on"), middle, start.dt.date())})


def complete(context: Context) -> None:
    """What follows from what was read: the day a composite mostly covers, year and weekday, and composites too long."""
    table = context.table.table
    if table == "results":
        if context.is_given("composite_start_at"):
            _complete_composites(context)
        is_unread = pl.all_horizontal(pl.col("_sampled_on", "_composite_start_at").is_null())
        context.flag(is_unread, "missing_value", context.header_of("sampled_on"), pl.lit(None))
    if table in ("results", "flows"):
        context.apply({"sampling_year": pl.col("sampled_on").dt.year()})
    if table == "flow_readings":
        context.apply({"sampling_year": pl.col("read_at").dt.year()})
    if table == "reported_loads":
        day = pl.col("sampled_on")
        context.apply(
            {
                "sampling_year": pl.coalesce(pl.col("sampling_year"), day.dt.year()),
                "weekday": pl.coalesce(pl.col("weekday"), day.dt.weekday().cast(pl.Int32)),
            }
        )
        for field, of_date in (("sampling_year", day.dt.year()), ("weekday", day.dt.weekday())):
            context.flag(
                pl.col(field) != of_date, "day_contradicts_date", context.header_of(field), pl.col(f"_{field}"),
                pl.format("({})", day),
            )  # fmt: skip
            is_unread = pl.all_horizontal(pl.col(f"_{field}", "_sampled_on").is_null())
            context.flag(is_unread, "missing_value", context.header_of(field), pl.lit(None))
