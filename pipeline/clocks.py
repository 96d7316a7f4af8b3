"""Clocks: moments by the clock of the site and by UTC, and the day a sample stands for. No reading of texts.

A composite from eight to eight lasts 23 or 25 hours when the clocks are changed, and a meter that goes by the clock of
the site shows the hour after two twice: what lasts, or lies between two moments, is told by UTC.
"""

from collections.abc import Mapping
from datetime import time
from typing import NamedTuple

import polars as pl

from pipeline.reading.canonical import Canonical
from pipeline.reading.dates import MOMENTS
from pipeline.reading.delivery import ReadTable

MIDNIGHT = time(0, 0)
LENGTH = pl.coalesce(
    pl.col("composite_end_utc") - pl.col("composite_start_utc"),
    pl.col("composite_end_at") - pl.col("composite_start_at"),
)
"""How long a composite lasted."""


def day_of_composite() -> pl.Expr:
    """The day of a result: the stated one, else that which the composite mostly covers, by the clock that is known."""
    start = pl.coalesce("composite_start_at", "composite_start_utc")
    return pl.coalesce("sampled_on", (start + LENGTH / 2).dt.date(), start.dt.date())


class Clocks(NamedTuple):
    """By which clocks sites go.

    Attributes:
        of_site: the time zone of each site that states one.
        default: that of all others; None where nobody says.
    """

    of_site: Mapping[str, str]
    default: str | None = None

    def of(self, site_id: pl.Expr) -> pl.Expr:
        """The time zone of each site, null where nobody says."""
        return site_id.replace_strict(dict(self.of_site), default=self.default, return_dtype=pl.String)

    def with_sites(self, sites: pl.DataFrame) -> "Clocks":
        """With those of a site list, where nothing was known before."""
        return self._replace(
            of_site={**dict(sites.select("site_id", "time_zone").drop_nulls().iter_rows()), **self.of_site}
        )


def with_clocks(read: ReadTable, clocks: Clocks, *, file_name: str) -> ReadTable:
    """A table with its moments by both clocks, and the day and the year of sampling that follow from them.

    What is given by UTC needs the site's time zone, and what the clocks skip in spring is no moment: both become
    findings. Of the hour that the clocks repeat in autumn a composite means the first; of a meter's readings those that
    show a moment again mean the second. Where a site's time zone is unknown its clock is taken as it stands.
    """
    if read.records is None or read.table.table not in MOMENTS:
        return read
    moments = MOMENTS[read.table.table]
    rows = read.records.rows.with_columns(time_zone=clocks.of(pl.col("site_id")))
    findings = [read.records.findings]
    has_moments = any(rows[name].null_count() < rows.height for pair in moments.items() for name in pair)
    if has_moments:
        parts = [_by_both(part, moments) for part in rows.partition_by("time_zone", maintain_order=True)]
        rows = pl.concat(parts).sort("record")
        findings += _unclear(rows, moments, read, file_name)
    rows = rows.with_columns(_days(read.table.table)).with_columns(_years(read.table.table))
    return read._replace(records=_replaced(read.records, rows, findings))


def _replaced(records: Canonical, rows: pl.DataFrame, findings: list[pl.DataFrame]) -> Canonical:
    names = records.findings.columns
    return records._replace(
        rows=rows.select(records.rows.columns), findings=pl.concat(frame.select(names) for frame in findings)
    )


def _by_both(rows: pl.DataFrame, moments: Mapping[str, str]) -> pl.DataFrame:
    """Rows of one time zone: of each moment the one from the other, where only one of them is given."""
    zone = rows["time_zone"][0]
    if zone is None:
        return rows

    def by_utc(at: str) -> pl.Expr:
        local, which = pl.col(at), _which_pass(at)
        # Where clocks are changed at midnight a day begins an hour later.
        late = pl.when(local.dt.time() == MIDNIGHT).then(local + pl.duration(hours=1))
        return pl.coalesce(
            moment.dt.replace_time_zone(zone, ambiguous=which, non_existent="null")
            .dt.convert_time_zone("UTC")
            .dt.replace_time_zone(None)
            for moment in (local, late)
        )

    by_site = {
        at: pl.col(utc).dt.replace_time_zone("UTC").dt.convert_time_zone(zone).dt.replace_time_zone(None)
        for at, utc in moments.items()
    }
    rows = rows.with_columns(pl.coalesce(at, given).alias(at) for at, given in by_site.items())
    return rows.with_columns(pl.coalesce(utc, by_utc(at)).alias(utc) for at, utc in moments.items())


def _which_pass(at: str) -> pl.Expr:
    """Of an hour that comes twice: which of the two a moment lies in."""
    if at != "read_at":
        return pl.lit("earliest")
    again = pl.int_range(pl.len()).over("site_id", at) > 0
    first = pl.int_range(pl.len()).reverse().over("site_id", at) > 0
    # Some meters list their readings from the last to the first.
    there = pl.col(at).drop_nulls()
    is_falling = (there.last() < there.first()).over("site_id")
    is_second = pl.when(is_falling).then(first).otherwise(again)
    return pl.when(is_second).then(pl.lit("latest")).otherwise(pl.lit("earliest"))


def _unclear(rows: pl.DataFrame, moments: Mapping[str, str], read: ReadTable, file_name: str) -> list[pl.DataFrame]:
    found = []
    is_told = pl.lit(value=False)  # of a record once, not of start and end
    for at, utc in moments.items():
        is_held = pl.col(at).is_null() & pl.col(utc).is_not_null()
        is_skipped = pl.col("time_zone").is_not_null() & pl.col(at).is_not_null() & pl.col(utc).is_null()
        header = _header(read, at)
        found += [
            _finding(
                rows, is_held & ~is_told, "unknown_time_zone", file_name, header, pl.col("site_id"), pl.lit("")
            ),
            _finding(
                rows, is_skipped, "skipped_by_clocks", file_name, header, pl.col(at).dt.strftime("%Y-%m-%d %H:%M"),
                pl.col("time_zone"),
            ),
        ]  # fmt: skip
        is_told |= is_held
    if read.table.table == "results":
        found += _of_composites(rows, read, file_name)
    return found


def _finding(
    rows: pl.DataFrame, bad: pl.Expr, rule: str, file_name: str, header: str, value: pl.Expr, detail: pl.Expr
) -> pl.DataFrame:
    return rows.filter(bad).select(
        "record", pl.lit(file_name).alias("file_name"), "sheet", "row_number", pl.lit(header).alias("source_column"),
        pl.lit(rule).alias("rule"), value.alias("value"), detail.alias("detail"),
    )  # fmt: skip


def _of_composites(rows: pl.DataFrame, read: ReadTable, file_name: str) -> list[pl.DataFrame]:
    """Composites that are too long, and stated days that lie outside of their composite."""
    start, end, day = pl.col("composite_start_at"), pl.col("composite_end_at"), pl.col("sampled_on")
    hours = LENGTH.dt.total_minutes() / 60
    longest = read.table.composite_period_hours
    return [
        # An hour of grace: a day of 25 hours when the clocks go back.
        _finding(
            rows, hours > longest + 1, "composite_too_long", file_name, _header(read, "composite_end_at"),
            end.dt.strftime("%Y-%m-%d %H:%M"),
            pl.format("{} hours, where the profile allows {}", hours.round(1), pl.lit(f"{longest:g}")),
        ),
        _finding(
            rows, (day < start.dt.date()) | (day > end.dt.date()), "day_outside_composite", file_name,
            _header(read, "sampled_on"), day.cast(pl.String),
            pl.format("{} to {}", start.dt.strftime("%Y-%m-%d %H:%M"), end.dt.strftime("%Y-%m-%d %H:%M")),
        ),
    ]  # fmt: skip


def _header(read: ReadTable, field: str) -> str:
    headers = read.table.headers
    return headers[field][0][0] if field in headers else field


def _days(table: str) -> list[pl.Expr]:
    """The day a composite mostly covers, where none is stated."""
    if table != "results":
        return []
    return [day_of_composite().alias("sampled_on")]


def _years(table: str) -> pl.Expr:
    return pl.col("sampled_on" if table == "results" else "read_at").dt.year().alias("sampling_year")
