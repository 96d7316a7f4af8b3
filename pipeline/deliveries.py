"""A delivery: a file read by its profile and judged, every row accepted or quarantined. Nothing is stored.

Rules that need one row are in `schemas/intake.py`; those that need to know the sites, or the day the file came in, are
here.
"""

import hashlib
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import polars as pl

from pipeline.clocks import Clocks, with_clocks
from pipeline.findings import FINDING, DeliveryError, Finding, messages_of, with_messages
from pipeline.identity import Register, claims_of, empty_register, resolve, with_our_sites
from pipeline.judge import judge
from pipeline.reading.delivery import DeliveredFile, ReadTable, choose_profile, read_delivery, unread_sheets
from pipeline.receipts import Receipt, utc_now
from pipeline.units import UnitError, factor_to_ours
from schemas import profile as profiles_
from schemas.profile import MEASURED, Profile, ProfileError
from schemas.reference_data import residue_by_spelling
from schemas.tables import MEASUREMENT_TABLES, TABLES

READER_VERSION = "9"
"""Raised when reading or judging changes, so that what was taken in before is taken in anew."""

_HARMLESS = ("unread_column", "hidden_rows", "derived_differs", "no_edition")
"""Notes beside which a delivery counts as accepted: nothing of it was left out."""
_OUR_FIELD = {"concentration_ng_per_l": "concentration", "flow_m3_per_day": "flow", "lod_ng_per_l": "lod",
              "loq_ng_per_l": "loq", "reported_load_mg_per_day_per_1000": "reported_load"}  # fmt: skip


class Delivery(NamedTuple):
    """A delivery that was read and judged.

    Attributes:
        accepted: rows for each intake table.
        quarantine: rows of the table `quarantine`.
        notes: what is wrong with the file or a sheet of it as a whole, or was left unread.
        record: the row of the table `deliveries`.
        aliases: rows of the table `site_aliases`: what it calls its sites.
    """

    accepted: dict[str, pl.DataFrame]
    quarantine: pl.DataFrame
    notes: list[Finding]
    record: pl.DataFrame
    aliases: pl.DataFrame

    @property
    def status(self) -> str:
        """accepted, partly accepted or refused."""
        return str(self.record["status"].item())

    @property
    def messages(self) -> tuple[str, ...]:
        """What was found, a line each: about the file and its sheets first, then about rows."""
        refused = {note.rule for note in self.notes}
        rows = self.quarantine.filter(~pl.col("rule").is_in(sorted(refused)))
        return (*messages_of(self.notes), *rows["message"].unique(maintain_order=True))

    @property
    def n_quarantined(self) -> int:
        """Records held in quarantine."""
        return self.quarantine.height


def all_profiles(folder: Path | None = None) -> dict[str, Profile]:
    """The shipped profiles and the office's own, which win where the names are the same.

    Raises `ProfileError` where one cannot be used, or states a limit in a unit that is none.
    """
    profiles = profiles_.load_profiles([profiles_.SHIPPED, *([folder] if folder else [])])
    for profile in profiles.values():
        for table in profile.tables:
            for residue, limit in table.limits.items():
                try:
                    factor_to_ours(limit.unit, "concentration")
                except UnitError as error:
                    where = f"profile {profile.name}: tables.{table.table}.limits.{residue}"
                    raise ProfileError(f"{where}: unit {limit.unit!r} {error}. Mend it there.") from error
    return profiles


def read_and_judge(
    content: bytes,
    file_name: str,
    *,
    profiles: Mapping[str, Profile],
    known_sites: Iterable[str] | None,
    receipt: Receipt,
    profile_name: str | None = None,
    register: Register | None = None,
    clocks: Clocks | None = None,
) -> Delivery:
    """A delivery from a file's content. Nothing is stored.

    Parameters: `receipt` when it came in; `profile_name` forces a profile instead of finding one;
    `known_sites` None leaves sites unchecked, for want of a list; `register` is what is known of who is who, `clocks`
    by which clocks sites go.
    Never raises for what a delivery holds: what is wrong stands in the result.
    """
    delivery_id = hashlib.sha256(content).hexdigest()
    try:
        file = DeliveredFile(content, file_name)
        profile = choose_profile(file, profiles, profile_name)
        tables = read_delivery(file, profile, delivery_id=delivery_id, residues=residue_by_spelling())
        notes = unread_sheets(file, profile)
    except DeliveryError as error:
        return _refused(delivery_id, file_name, receipt, error.finding, profiles)
    accepted: dict[str, pl.DataFrame] = {}
    quarantine: list[pl.DataFrame] = [_empty("quarantine")]
    sites = None if known_sites is None else set(known_sites)
    tables, aliases = _identified(tables, profile, register or empty_register(), delivery_id, file_name, receipt)
    clocks = clocks or Clocks({})
    n_rows = 0
    for read in tables:
        if read.refused is not None:
            notes.append(read.refused)
            held = _whole_table(read, delivery_id, profile)
            n_rows += held.height
            quarantine.append(held)
    for table in MEASUREMENT_TABLES:
        parts = [read for read in tables if read.table.table == table and read.records is not None]
        if not parts:
            continue
        parts = [with_clocks(read, clocks, file_name=file_name) for read in parts]
        notes += [note for read in parts for note in read.records.notes if note not in notes]  # type: ignore[union-attr]
        passed, held = _judged(parts, file_name, sites, receipt.last_seen_at)
        n_rows += passed.height + held.height
        accepted[table] = passed
        quarantine.append(held)
        if table == "sites":
            clocks = clocks.with_sites(passed)
            sites = None if sites is None else sites | set(passed["site_id"])
    if profile.numbering and profile.numbering.release and profile.numbering.release_of(file_name) is None:
        notes.append(Finding("no_edition", file_name))
    held_rows = pl.concat(quarantine)
    n_accepted = sum(frame.height for frame in accepted.values())
    record = _record(
        delivery_id, file_name, receipt, profile, notes, n_rows=n_rows, n_accepted=n_accepted,
        n_quarantined=held_rows.height,
    )  # fmt: skip
    return Delivery(accepted, held_rows, notes, record, aliases)


def _identified(
    tables: list[ReadTable], profile: Profile, register: Register, delivery_id: str, file_name: str,
    receipt: Receipt,
) -> tuple[list[ReadTable], pl.DataFrame]:  # fmt: skip
    """The tables with our sites in place of the sender's numbers, and the rows of `site_aliases`."""
    records = [read.records for read in tables if read.records is not None]
    claims = claims_of(
        records, profile.numbering, delivery_id=delivery_id, file_name=file_name, receipt_number=receipt.number
    )
    resolved = resolve(register.after(claims))
    resolved = resolved.filter(pl.col("delivery_id") == delivery_id)
    found = iter(with_our_sites(records, resolved, file_name=file_name, received_on=receipt.seen_at.date()))
    ours = [read if read.records is None else read._replace(records=next(found)) for read in tables]
    return ours, resolved.select(_types("site_aliases"))


def _judged(
    parts: list[ReadTable], file_name: str, sites: set[str] | None, last_seen_at: datetime
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Accepted rows and quarantine rows of one table, read from one sheet or several; together all its records."""
    table = parts[0].table.table
    rows, found, names = _together(parts)
    findings = [found]
    place = [pl.lit(file_name).alias("file_name"), pl.col("sheet"), pl.col("row_number")]
    readable = _without(rows, found)

    def header_of(column: str) -> pl.Expr:
        return pl.col("part").replace_strict({part: known.get(column, column) for part, known in enumerate(names)})

    if table in (*MEASURED, "corrections") and sites is not None:
        findings.append(
            readable.filter(~pl.col("site_id").is_in(sorted(sites))).select(
                "record", *place, header_of("site_id").alias("source_column"), pl.lit("unknown_site").alias("rule"),
                pl.col("site_id").alias("value"), pl.lit("").alias("detail"),
            )
        )  # fmt: skip
    if when := next((name for name in ("sampled_on", "read_at") if name in readable.columns), None):
        day = pl.col(when).cast(pl.Date)
        # A day of grace for time zones. A clock that was ahead when the file came in excuses nothing.
        latest = (min(last_seen_at, utc_now()) + timedelta(days=1)).date()
        findings.append(
            readable.filter(day > latest).select(
                "record", *place, header_of(when).alias("source_column"),
                pl.lit("date_in_future").alias("rule"), day.cast(pl.String).alias("value"),
                pl.lit(f"({last_seen_at:%Y-%m-%d})").alias("detail"),
            )
        )  # fmt: skip
    columns = list(TABLES[table].types)
    verdicts = judge(readable.select(columns), TABLES[table].model)
    if verdicts.is_empty() and not any(frame.height for frame in findings):
        return rows.select(columns), _empty("quarantine")
    measured = MEASURED.get(table, "")
    ours = next((name for name, field in _OUR_FIELD.items() if field == measured), measured)
    is_measured = pl.col("column").is_in([ours, ""])
    as_written = pl.DataFrame(
        [(part, column, header) for part, known in enumerate(names) for column, header in known.items()],
        schema={"part": pl.Int32, "column": pl.String, "header": pl.String}, orient="row",
    )  # fmt: skip
    findings.append(
        verdicts.join(readable.with_row_index("index").with_columns(pl.col("index").cast(pl.Int64)), on="index")
        .join(as_written, on=["part", "column"], how="left", maintain_order="left")
        .select(
            "record", *place,
            pl.when(is_measured).then("source_column").otherwise(pl.coalesce("header", "column")).alias(
                "source_column"
            ),
            "rule", pl.when(is_measured).then("value_as_written").otherwise("value").alias("value"), "detail",
        )
    )  # fmt: skip
    all_findings = pl.concat(findings).select("record", *FINDING).sort("record", maintain_order=True)
    held = with_messages(all_findings).group_by("record", maintain_order=True).agg(
        pl.col("rule").unique(maintain_order=True).str.join(" "),
        pl.col("source_column").first(),
        pl.col("value").first(),
        pl.col("message").str.join(" "),
    )  # fmt: skip
    of_record = rows.select("record", "part", "delivery_id", "sheet", "row_number", "is_simulated")
    quarantine = (
        held.join(of_record, on="record", maintain_order="left")
        .join(_written(parts, held.join(of_record, on="record")), on=["part", "row_number"], how="left",
              maintain_order="left")
        .with_columns(file_name=pl.lit(file_name), target_table=pl.lit(table), value_as_written=pl.col("value"))
        .select(_types("quarantine"))
    )  # fmt: skip
    return _without(rows, held).select(columns), quarantine


def _without(rows: pl.DataFrame, found: pl.DataFrame) -> pl.DataFrame:
    """The rows about whose records nothing was found."""
    return rows.filter(~pl.col("record").is_in(found["record"].implode())) if found.height else rows


def _together(parts: list[ReadTable]) -> tuple[pl.DataFrame, pl.DataFrame, list[dict[str, str]]]:
    """The rows and findings of all parts, records numbered through, and for each part our columns' headers."""
    rows, findings, names = [], [], []
    offset = 0
    for number, read in enumerate(parts):
        records = read.records
        assert records is not None  # noqa: S101
        rows.append(records.rows.with_columns(record=pl.col("record") + offset, part=pl.lit(number, pl.Int32)))
        findings.append(records.findings.with_columns(record=pl.col("record") + offset))
        offset += int(records.rows["record"].max() or 0) + 1  # type: ignore[arg-type]
        headers = read.table.headers
        ours = {name: _OUR_FIELD.get(name, name) for name in TABLES[read.table.table].columns}
        names.append({name: headers[field][0][0] for name, field in ours.items() if field in headers})
    return pl.concat(rows), pl.concat(findings), names


def _written(parts: list[ReadTable], held: pl.DataFrame) -> pl.DataFrame:
    """The whole rows of the records that are held, as they were written: `part`, `row_number`, `row_as_written`."""
    frames = []
    for number, read in enumerate(parts):
        assert read.data is not None  # noqa: S101
        here = held.filter(pl.col("part") == number).select("row_number").unique()
        rows = read.data.join(here, on="row_number", how="semi", maintain_order="left")
        frames.append(
            rows.select(
                pl.lit(number, pl.Int32).alias("part"), "row_number",
                _as_json(rows, read.headers).cast(pl.String).alias("row_as_written"),
            )
        )  # fmt: skip
    return pl.concat(frames)


def _types(table: str) -> list[pl.Expr]:
    return [pl.col(name).cast(kind) for name, kind in TABLES[table].types.items()]


def _as_json(cells: pl.DataFrame, headers: list[str]) -> pl.Expr:
    """A row as a JSON object of header and text; columns without a header, or with one used before, by their number."""
    names: dict[str, str] = {}
    for number, column in enumerate((name for name in cells.columns if name != "row_number"), start=1):
        header = headers[number - 1] if number <= len(headers) else ""
        name = header or f"column {number}"
        while name in names.values():
            name = f"{name} (column {number})"
        names[column] = name
    if not names:
        return pl.lit("{}")
    return pl.struct(pl.col(column).alias(name) for column, name in names.items()).struct.json_encode()


def _whole_table(read: ReadTable, delivery_id: str, profile: Profile) -> pl.DataFrame:
    """All rows of a table that could not be read, for quarantine."""
    finding = read.refused
    assert finding is not None  # noqa: S101
    if read.data is None:
        return _empty("quarantine")
    rows = read.data
    return rows.select(
        pl.lit(delivery_id).alias("delivery_id"),
        pl.lit(finding.file_name).alias("file_name"),
        pl.lit(read.sheet).alias("sheet"),
        "row_number",
        pl.lit("").alias("source_column"),
        pl.lit(read.table.table).alias("target_table"),
        pl.lit(finding.rule).alias("rule"),
        pl.lit(finding.value, pl.String).alias("value_as_written"),
        pl.lit(finding.message).alias("message"),
        _as_json(rows, read.headers).alias("row_as_written"),
        pl.lit(profile.is_simulated).alias("is_simulated"),
    ).select(_types("quarantine"))


def _empty(table: str) -> pl.DataFrame:
    return pl.DataFrame(schema=TABLES[table].types)


def _refused(
    delivery_id: str, file_name: str, receipt: Receipt, finding: Finding, profiles: Mapping[str, Profile]
) -> Delivery:
    record = _record(delivery_id, file_name, receipt, None, [finding], n_rows=0, n_accepted=0, n_quarantined=0)
    # By other profiles it may be readable.
    record = record.with_columns(profile_digest=pl.lit(digest_of(profiles)))
    return Delivery({}, _empty("quarantine"), [finding], record, _empty("site_aliases"))


def _record(
    delivery_id: str, file_name: str, receipt: Receipt, profile: Profile | None, notes: list[Finding], *,
    n_rows: int, n_accepted: int, n_quarantined: int,
) -> pl.DataFrame:  # fmt: skip
    if n_accepted == 0:
        status = "refused"
    else:
        is_whole = n_quarantined == 0 and all(note.rule in _HARMLESS for note in notes)
        status = "accepted" if is_whole else "partly accepted"
    row = {
        "delivery_id": delivery_id,
        "file_name": file_name,
        "profile": profile.name if profile else None,
        "profile_digest": profile.digest if profile else None,
        "receipt_number": receipt.number,
        "received_at": receipt.seen_at,
        "saved_at": receipt.saved_at,
        "place": receipt.number,  # for the moment: see pipeline/precedence.py
        "is_withdrawn": False,
        "sender": profile.sender if profile else None,
        "numbering": profile.numbering.name if profile and profile.numbering else None,
        "release": profile.numbering.release_of(file_name) if profile and profile.numbering else None,
        "source": profile.source if profile else None,
        "licence": profile.licence if profile else None,
        "status": status,
        "problem": "\n".join(messages_of(notes)) or None,
        "n_rows": n_rows,
        "n_accepted": n_accepted,
        "n_quarantined": n_quarantined,
        "reader_version": READER_VERSION,
        "is_simulated": bool(profile and profile.is_simulated),
    }
    return _empty("deliveries").vstack(pl.DataFrame([row], schema=_empty("deliveries").schema, orient="row"))


def digest_of(profiles: Mapping[str, Profile]) -> str:
    """What changes when any profile does."""
    return hashlib.sha256("".join(profiles[name].digest for name in sorted(profiles)).encode()).hexdigest()
