"""Taking deliveries in: from the inbox, by a profile, judged, into the warehouse; every row accepted or quarantined.

One delivery is one transaction, so a process that is killed has taken a delivery in or not. The result does not depend
on the order of files: what supersedes what is told by when a file was saved, and rows of a site that becomes known
later are judged again.
"""

import hashlib
import logging
import os
import shutil
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import polars as pl

from pipeline.findings import FINDING, DeliveryError, Finding, with_messages
from pipeline.judge import judge
from pipeline.reading.delivery import DeliveredFile, ReadTable, choose_profile, read_delivery
from pipeline.settings import Workspace
from pipeline.warehouse import Warehouse
from schemas import profile as profiles_
from schemas.profile import MEASURED, Profile
from schemas.reference_data import residue_by_spelling
from schemas.tables import MEASUREMENT_TABLES, TABLES

READER_VERSION = "1"
"""Raised when reading or judging changes, so that what was taken in before is taken in anew."""

_log = logging.getLogger("permille")
_MOST_TOLD = 5
_UNFINISHED = (".part", ".crdownload", ".tmp", ".download")
_OUR_FIELD = {"concentration_ng_per_l": "concentration", "flow_m3_per_day": "flow", "lod_ng_per_l": "lod",
              "loq_ng_per_l": "loq", "reported_load_mg_per_day_per_1000": "reported_load"}  # fmt: skip


class Delivery(NamedTuple):
    """A delivery that was read and judged.

    Attributes:
        accepted: rows for each intake table.
        quarantine: rows of the table `quarantine`.
        notes: what is wrong with the file or a sheet of it as a whole, or was left unread.
        record: the row of the table `deliveries`.
    """

    accepted: dict[str, pl.DataFrame]
    quarantine: pl.DataFrame
    notes: list[Finding]
    record: pl.DataFrame

    @property
    def status(self) -> str:
        """accepted, partly accepted or refused."""
        return str(self.record["status"].item())

    @property
    def messages(self) -> tuple[str, ...]:
        """What was found, a line each: about the file and its sheets first, then about rows."""
        refused = {note.rule for note in self.notes}
        rows = self.quarantine.filter(~pl.col("rule").is_in(sorted(refused)))
        return (*(note.message for note in self.notes), *rows["message"])

    @property
    def n_quarantined(self) -> int:
        """Records held in quarantine."""
        return self.quarantine.height


class IntakeReport(NamedTuple):
    """What one run of the intake did."""

    taken: list[Delivery]
    n_unchanged: int


def all_profiles(folder: Path | None = None) -> dict[str, Profile]:
    """The shipped profiles and the office's own, which win where the names are the same."""
    return profiles_.load_profiles([profiles_.SHIPPED, *([folder] if folder else [])])


def read_and_judge(
    content: bytes,
    file_name: str,
    *,
    profiles: Mapping[str, Profile],
    known_sites: Iterable[str] | None,
    received_at: datetime,
    profile_name: str | None = None,
) -> Delivery:
    """A delivery from a file's content. Nothing is stored.

    Parameters: `received_at` in UTC without a zone; `profile_name` forces a profile instead of finding one;
    `known_sites` None leaves sites unchecked, for want of a list.
    Never raises for what a delivery holds: what is wrong stands in the result.
    """
    delivery_id = hashlib.sha256(content).hexdigest()
    try:
        file = DeliveredFile(content, file_name)
        profile = choose_profile(file, profiles, profile_name)
        tables = read_delivery(file, profile, delivery_id=delivery_id, residues=residue_by_spelling())
    except DeliveryError as error:
        return _refused(delivery_id, file_name, received_at, error.finding)
    accepted: dict[str, pl.DataFrame] = {}
    quarantine: list[pl.DataFrame] = []
    notes: list[Finding] = []
    sites = None if known_sites is None else set(known_sites)
    n_rows = 0
    for read in sorted(tables, key=lambda read: MEASUREMENT_TABLES.index(read.table)):
        if read.refused is not None:
            notes.append(read.refused)
            held = _whole_table(read, delivery_id, profile)
            n_rows += held.height
        else:
            assert read.records is not None  # noqa: S101  a table is either refused or read
            notes += [note for note in read.records.notes if note not in notes]
            passed, held = _judged(read, file_name, profile, sites, received_at)
            n_rows += read.records.rows.height
            accepted[read.table] = passed
            if read.table == "sites" and sites is not None:
                sites |= set(passed["site_id"])
        quarantine.append(held)
    held_rows = pl.concat(quarantine)
    n_accepted = sum(frame.height for frame in accepted.values())
    record = _record(
        delivery_id, file_name, received_at, profile, notes, n_rows=n_rows, n_accepted=n_accepted,
        n_quarantined=held_rows.height,
    )  # fmt: skip
    return Delivery(accepted, held_rows, notes, record)


def _judged(
    read: ReadTable, file_name: str, profile: Profile, sites: set[str] | None, received_at: datetime
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Accepted rows and quarantine rows of one table; together they are all its records."""
    records = read.records
    assert records is not None  # noqa: S101
    assert read.sheet is not None  # noqa: S101
    findings = [records.findings]
    place = [pl.lit(file_name).alias("file_name"), pl.col("sheet"), pl.col("row_number")]
    readable = records.rows.join(records.findings, on="record", how="anti", maintain_order="left")
    table = next(table for table in profile.tables if table.table == read.table)
    model = TABLES[read.table].model
    as_written = {name: table.headers.get(_OUR_FIELD.get(name, name), [name])[0] for name in TABLES[read.table].columns}
    if read.table in MEASURED and sites is not None:
        unknown = readable.filter(~pl.col("site_id").is_in(sorted(sites)))
        findings.append(
            unknown.select(
                "record", *place, pl.lit(as_written["site_id"]).alias("source_column"),
                pl.lit("unknown_site").alias("rule"),
                pl.col("site_id").alias("value"), pl.lit("").alias("detail"),
            )
        )  # fmt: skip
    if "sampled_on" in readable.columns:
        # A day of grace for time zones.
        latest = (received_at + timedelta(days=1)).date()
        findings.append(
            readable.filter(pl.col("sampled_on") > latest).select(
                "record", *place, pl.lit(as_written["sampled_on"]).alias("source_column"),
                pl.lit("date_in_future").alias("rule"),
                pl.col("sampled_on").cast(pl.String).alias("value"),
                pl.lit(f"({received_at:%Y-%m-%d})").alias("detail"),
            )
        )  # fmt: skip
    verdicts = judge(readable.drop("record"), model)
    measured = MEASURED.get(read.table, "")
    ours = next((name for name, field in _OUR_FIELD.items() if field == measured), measured)
    is_measured = pl.col("column").is_in([ours, ""])
    findings.append(
        verdicts.join(readable.with_row_index("index").with_columns(pl.col("index").cast(pl.Int64)), on="index")
        .select(
            "record", *place,
            pl.when(is_measured).then("source_column")
            .otherwise(pl.col("column").replace(as_written)).alias("source_column"),
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
    written = read.sheet.cells.select(
        pl.col("row_number"), _as_json(read.sheet.cells, read.headers).alias("row_as_written")
    )
    quarantine = (
        held.join(records.rows.select("record", "delivery_id", "sheet", "row_number", "is_simulated"), on="record")
        .join(written, on="row_number", how="left", maintain_order="left")
        .with_columns(file_name=pl.lit(file_name), target_table=pl.lit(read.table), value_as_written=pl.col("value"))
        .select(_types("quarantine"))
    )
    accepted = records.rows.join(held, on="record", how="anti", maintain_order="left").drop("record")
    return accepted, quarantine


def _types(table: str) -> list[pl.Expr]:
    return [pl.col(name).cast(kind) for name, kind in TABLES[table].types.items()]


def _as_json(cells: pl.DataFrame, headers: list[str]) -> pl.Expr:
    """A row as a JSON object of header and text; columns without a header, or with one used before, by their number."""
    names: dict[str, str] = {}
    for number, column in enumerate((name for name in cells.columns if name != "row_number"), start=1):
        header = headers[number - 1] if number <= len(headers) else ""
        names[column] = header if header and header not in names.values() else f"column {number}"
    if not names:
        return pl.lit("{}")
    return pl.struct(pl.col(column).alias(name) for column, name in names.items()).struct.json_encode()


def _whole_table(read: ReadTable, delivery_id: str, profile: Profile) -> pl.DataFrame:
    """All rows of a table that could not be read, for quarantine."""
    finding = read.refused
    assert finding is not None  # noqa: S101
    if read.sheet is None:
        return _empty("quarantine")
    rows = read.sheet.cells.filter(pl.col("row_number") >= read.first_data_row)
    return rows.select(
        pl.lit(delivery_id).alias("delivery_id"),
        pl.lit(finding.file_name).alias("file_name"),
        pl.lit(read.sheet.name).alias("sheet"),
        "row_number",
        pl.lit("").alias("source_column"),
        pl.lit(read.table).alias("target_table"),
        pl.lit(finding.rule).alias("rule"),
        pl.lit(finding.value, pl.String).alias("value_as_written"),
        pl.lit(finding.message).alias("message"),
        _as_json(rows, read.headers).alias("row_as_written"),
        pl.lit(profile.is_simulated).alias("is_simulated"),
    ).select(_types("quarantine"))


def _empty(table: str) -> pl.DataFrame:
    return pl.DataFrame(schema=TABLES[table].types)


def _refused(delivery_id: str, file_name: str, received_at: datetime, finding: Finding) -> Delivery:
    record = _record(delivery_id, file_name, received_at, None, [finding], n_rows=0, n_accepted=0, n_quarantined=0)
    return Delivery({}, _empty("quarantine"), [finding], record)


def _record(
    delivery_id: str, file_name: str, received_at: datetime, profile: Profile | None, notes: list[Finding], *,
    n_rows: int, n_accepted: int, n_quarantined: int,
) -> pl.DataFrame:  # fmt: skip
    if n_accepted == 0:
        status = "refused"
    else:
        is_whole = n_quarantined == 0 and all(note.rule == "unread_column" for note in notes)
        status = "accepted" if is_whole else "partly accepted"
    row = {
        "delivery_id": delivery_id,
        "file_name": file_name,
        "profile": profile.name if profile else None,
        "profile_digest": profile.digest if profile else None,
        "received_at": received_at,
        "sender": profile.sender if profile else None,
        "source": profile.source if profile else None,
        "licence": profile.licence if profile else None,
        "status": status,
        "problem": "\n".join(note.message for note in notes) or None,
        "n_rows": n_rows,
        "n_accepted": n_accepted,
        "n_quarantined": n_quarantined,
        "reader_version": READER_VERSION,
        "is_simulated": bool(profile and profile.is_simulated),
    }
    return _empty("deliveries").vstack(pl.DataFrame([row], schema=_empty("deliveries").schema, orient="row"))


# --- the inbox -------------------------------------------------------------------------------------------------------


class InboxFile(NamedTuple):
    """A file in the inbox: its path, its name inside the inbox, and the profile its folder names, if any."""

    path: Path
    name: str
    profile_name: str | None


def list_inbox(inbox: Path, profiles: Iterable[str] = ()) -> list[InboxFile]:
    """The files of the inbox, sorted by name; hidden and unfinished files and Office's lock files are left alone.

    A file in a folder named after a profile is read by it.
    """
    known = set(profiles)
    found = []
    for path in sorted(inbox.rglob("*")):
        relative = path.relative_to(inbox)
        is_hidden = any(part.startswith((".", "~$")) for part in relative.parts)
        if is_hidden or path.suffix.lower() in _UNFINISHED or not path.is_file():
            continue
        folder = relative.parts[0] if len(relative.parts) > 1 else None
        found.append(InboxFile(path, relative.as_posix(), folder if folder in known else None))
    return found


def list_archive(archive: Path, profiles: Iterable[str] = ()) -> dict[str, InboxFile]:
    """What was delivered before, by its identity: each file as it lay in the inbox."""
    return {
        folder.name: file
        for folder in sorted(archive.glob("[0-9a-f]*"))
        if folder.is_dir()
        for file in list_inbox(folder, profiles)
    }


def received_at(path: Path, now: datetime) -> datetime:
    """When a file was saved, UTC without a zone; not later than now."""
    saved = datetime.fromtimestamp(path.stat().st_mtime, UTC).replace(tzinfo=None)
    return min(saved, now)


def check_file(path: Path, workspace: Workspace | None, profile_name: str | None = None) -> Delivery:
    """What would become of a file if it were delivered. Nothing is stored.

    Sites are those the workspace knows; without a warehouse there is no site list yet and sites go unchecked.
    """
    known: set[str] | None = None
    if workspace is not None and workspace.published.is_file():
        with Warehouse.open(workspace.published, read_only=True) as warehouse:
            known = set(warehouse.query("select site_id from current_sites")["site_id"])
    now = datetime.now(UTC).replace(tzinfo=None)
    return read_and_judge(
        path.read_bytes(),
        path.name,
        profiles=all_profiles(workspace.profiles if workspace else None),
        known_sites=known,
        received_at=received_at(path, now),
        profile_name=profile_name,
    )


def take_in(workspace: Workspace, *, tell: Callable[[str], None] = _log.info) -> IntakeReport:
    """Takes in what is new in the inbox.

    New is a content the warehouse does not hold, one that was refused or read by a profile or by reading rules that
    have changed since, and one with rows of a site that has become known. The same file twice changes nothing. What
    was taken in before and has left the inbox is had from the archive, so that a lost warehouse is rebuilt whole.
    Parameters: `tell` is called with a line of progress for each delivery.
    """
    profiles = all_profiles(workspace.profiles)
    now = datetime.now(UTC).replace(tzinfo=None)
    taken: list[Delivery] = []
    with Warehouse.open(workspace.warehouse) as warehouse:
        known = {row["delivery_id"]: row for row in warehouse.read("deliveries").iter_rows(named=True)}
        in_inbox = list_inbox(workspace.inbox, profiles)
        files: dict[str, InboxFile] = {}
        for file in in_inbox:
            files.setdefault(_digest(file.path), file)
        # A refused file is tried again only while it lies in the inbox.
        given_up = {delivery_id for delivery_id, row in known.items() if row["status"] == "refused"} - {*files}
        files = list_archive(workspace.archive, profiles) | files
        # Site lists first, so that the rows of their sites need not be judged twice.
        order = sorted(
            (
                delivery_id
                for delivery_id, file in files.items()
                if delivery_id not in given_up and _is_due(known.get(delivery_id), profiles, file)
            ),
            key=lambda delivery_id: (_is_measurement(files[delivery_id], profiles), files[delivery_id].name),
        )
        sites_before = _sites(warehouse)
        for number, delivery_id in enumerate(order, start=1):
            file = files[delivery_id]
            content = file.path.read_bytes()
            saved = known[delivery_id]["received_at"] if delivery_id in known else received_at(file.path, now)
            delivery = read_and_judge(
                content, file.name, profiles=profiles, known_sites=_sites(warehouse), received_at=saved,
                profile_name=file.profile_name,
            )  # fmt: skip
            _archive(file, content, delivery.record["delivery_id"].item(), workspace.archive)
            _store(warehouse, delivery)
            taken.append(delivery)
            tell(f"[{number}/{len(order)}] {_line(delivery)}")
            for message in delivery.messages[:_MOST_TOLD]:
                tell(f"    {message}")
            if len(delivery.messages) > _MOST_TOLD:
                tell(f"    ... and {len(delivery.messages) - _MOST_TOLD} more: 'permille status' lists them")
        if _sites(warehouse) - sites_before:
            taken += _judge_again(warehouse, files, profiles, {*order}, tell)
    return IntakeReport(taken, len(in_inbox) - sum(files[delivery_id] in in_inbox for delivery_id in order))


def _is_due(before: Mapping[str, object] | None, profiles: Mapping[str, Profile], file: InboxFile) -> bool:
    if before is None or before["status"] == "refused" or before["reader_version"] != READER_VERSION:
        return True
    profile = profiles.get(str(before["profile"]))
    is_same = profile is not None and profile.digest == before["profile_digest"]
    return not is_same or file.profile_name not in (None, before["profile"])


def _is_measurement(file: InboxFile, profiles: Mapping[str, Profile]) -> bool:
    """False for lists of areas and sites, which other deliveries need."""
    try:
        profile = choose_profile(DeliveredFile(file.path.read_bytes(), file.name), profiles, file.profile_name)
    except DeliveryError:
        return True
    return not any(table.table in ("areas", "sites") for table in profile.tables)


def _judge_again(
    warehouse: Warehouse, files: Mapping[str, InboxFile], profiles: Mapping[str, Profile], done: set[str],
    tell: Callable[[str], None],
) -> list[Delivery]:  # fmt: skip
    """Takes deliveries in anew whose rows were quarantined for a site that is known by now."""
    held = warehouse.query(
        "select distinct d.delivery_id, d.file_name, d.profile, d.received_at from quarantine q"
        " join deliveries d using (delivery_id) where q.rule like '%unknown_site%' order by d.file_name, d.delivery_id"
    )
    again = []
    for row in held.filter(~pl.col("delivery_id").is_in(sorted(done))).iter_rows(named=True):
        if row["delivery_id"] not in files:
            continue
        delivery = read_and_judge(
            files[row["delivery_id"]].path.read_bytes(), row["file_name"], profiles=profiles,
            known_sites=_sites(warehouse), received_at=row["received_at"], profile_name=row["profile"],
        )  # fmt: skip
        _store(warehouse, delivery)
        again.append(delivery)
        tell(f"again, for its sites are known now: {_line(delivery)}")
    return again


def _store(warehouse: Warehouse, delivery: Delivery) -> None:
    """One delivery in one transaction, in place of what was stored of it before."""
    delivery_id = delivery.record["delivery_id"].item()
    with warehouse.transaction():
        for table in (*MEASUREMENT_TABLES, "quarantine", "deliveries"):
            warehouse.delete_delivery(table, delivery_id)
        for table, frame in delivery.accepted.items():
            warehouse.insert(table, frame)
        warehouse.insert("quarantine", delivery.quarantine)
        warehouse.insert("deliveries", delivery.record)


def _sites(warehouse: Warehouse) -> set[str]:
    return set(warehouse.query("select distinct site_id from sites")["site_id"])


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _archive(file: InboxFile, content: bytes, delivery_id: str, archive: Path) -> None:
    """A copy under the delivery's identity and its name, complete or absent: the inbox may be emptied."""
    target = archive / delivery_id
    if target.exists():
        return
    beside = archive / f".{delivery_id}.{os.getpid()}"
    copy = beside / file.name
    copy.parent.mkdir(parents=True, exist_ok=True)
    copy.write_bytes(content)
    shutil.copystat(file.path, copy)
    beside.replace(target)


def _line(delivery: Delivery) -> str:
    row = delivery.record.row(0, named=True)
    return (
        f"{row['file_name']}: {row['status']}, {row['n_rows']} rows = {row['n_accepted']} accepted"
        f" + {row['n_quarantined']} quarantined"
    )
