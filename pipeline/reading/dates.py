"""Reading days and moments: by the formats a profile states, ISO, and Excel's serial numbers where it says so.

A moment goes by the clock of the site, or by UTC where a text or the profile says from which clock it is; which of the
two the other is follows in `pipeline/clocks.py`.
"""

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
    "events": ("starts_on", "ends_on"),
    "site_decisions": ("valid_from", "valid_to", "decided_on"),
    "delivery_decisions": ("decided_on",),
}
"""The fields of each table that are days or moments."""
MOMENTS = {
    "results": {"composite_start_at": "composite_start_utc", "composite_end_at": "composite_end_utc"},
    "flow_readings": {"read_at": "read_utc"},
}
"""The moments of each table that has any: by the clock of the site, and by UTC."""
_ISO = ("%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M", "%Y-%m-%d")
_OFFSET = r"^(.*\d:\d\d(?::\d\d(?:\.\d+)?)?)\s*(Z|UTC|[+-](?:0\d|1[0-4])(?::?(?:00|15|30|45))?)$"
"""A moment and how far its clock is ahead of UTC, as in 2025-03-11T08:00:00+01:00."""
_SPAN = r"^[^T]*\d\s+\d{1,2}:\d\d\s*-"
"""From one time to another, as in 2025-03-11 08:00-10:00, and no offset."""
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
            if field.endswith("_at"):
                typed[MOMENTS[context.table.table][field]] = typed[field]
            continue
        context.apply({"_moment": moment_of(text, formats[0])})
        if context.records.select((text.is_not_null() & pl.col("_moment").is_null()).any()).item():
            others = [moment_of(text, form) for form in formats[1:]]
            context.apply({"_moment": pl.coalesce("_moment", *others)})
        # A two-digit year read as the year 24, or a serial number as the year 45000, is no date.
        is_year = pl.col("_moment").is_between(*_YEARS, closed="left")
        context.apply({f"{field}_read": pl.when(is_year).then("_moment")})
        moment = pl.col(f"{field}_read")
        is_read = moment.is_not_null()
        if field.endswith("_at"):
            utc = _add_utc(context, field, text, formats)
            typed[MOMENTS[context.table.table][field]] = utc
            is_read |= utc.is_not_null()
            if context.profile.time_zone is not None:  # the file's clock is not the site's
                moment, is_read = pl.lit(None, pl.Datetime("us")), utc.is_not_null()
        context.flag(
            text.is_not_null() & ~is_read,
            "unparsable_date",
            context.header_of(field),
            text,
            f"like {shown}",
        )
        if field in required:
            context.flag(text.is_null(), "missing_value", context.header_of(field), text)
        typed[field] = moment if field.endswith("_at") else moment.dt.date()


def _add_utc(context: Context, field: str, text: pl.Expr, formats: list[str]) -> pl.Expr:
    """The moments of a field by UTC, where their texts say how far their clock is ahead, or the profile which it is."""
    read, utc = pl.col(f"{field}_read"), MOMENTS[context.table.table][field]
    zone = context.profile.time_zone
    if zone is not None:
        by_utc = read.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null").dt.convert_time_zone("UTC")
        context.apply({utc: by_utc.dt.replace_time_zone(None)})
    else:
        context.apply({utc: pl.lit(None, pl.Datetime("us"))})
    if context.records.select((text.is_not_null() & read.is_null()).any()).item():
        parts = text.str.extract_groups(_OFFSET)
        moment, ahead = parts.struct.field("1"), parts.struct.field("2")
        clock = pl.coalesce(*(moment_of(moment, form) for form in formats if form != EXCEL))
        hours = ahead.str.slice(0, 3).cast(pl.Int64, strict=False).fill_null(0)
        minutes = ahead.str.extract(r"^.\d\d:?(\d\d)$").cast(pl.Int64, strict=False).fill_null(0)
        minutes = pl.when(ahead.str.starts_with("-")).then(-minutes).otherwise(minutes)
        by_utc = pl.when(~text.str.contains(_SPAN)).then(clock - pl.duration(hours=hours, minutes=minutes))
        is_year = by_utc.is_between(*_YEARS, closed="left")
        context.apply({utc: pl.coalesce(utc, pl.when(read.is_null() & is_year).then(by_utc))})
    return pl.col(utc)


def complete(context: Context) -> None:
    """What follows from what was read: year and weekday. What follows from moments: `pipeline/clocks.py`."""
    table = context.table.table
    if table == "results":
        is_unread = pl.all_horizontal(pl.col("_sampled_on", "_composite_start_at").is_null())
        context.flag(is_unread, "missing_value", context.header_of("sampled_on"), pl.lit(None))
    if table == "flows":
        context.apply({"sampling_year": pl.col("sampled_on").dt.year()})
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
