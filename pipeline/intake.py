"""Taking deliveries in: from the inbox, by a profile, judged, into the warehouse; every row accepted or quarantined.

One delivery is one transaction, so a process that is killed has taken a delivery in or not. The result does not depend
on the order of files: what supersedes what is told by when a file was saved, and rows of a site that becomes known
later are judged again.
"""

import hashlib
import logging
import os
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from pipeline.clocks import Clocks, with_clocks
from pipeline.findings import FINDING, DeliveryError, Finding, with_messages
from pipeline.identity import CLAIM, Register, claims_of, empty_register, resolve, with_our_sites
from pipeline.judge import judge
from pipeline.reading.dates import MOMENTS
from pipeline.reading.delivery import DeliveredFile, ReadTable, choose_profile, read_delivery, unread_sheets
from pipeline.settings import Workspace
from pipeline.units import UnitError, factor_to_ours
from pipeline.warehouse import Warehouse
from schemas import profile as profiles_
from schemas.profile import MEASURED, Profile, ProfileError
from schemas.reference_data import residue_by_spelling
from schemas.tables import MEASUREMENT_TABLES, TABLES

READER_VERSION = "6"
"""Raised when reading or judging changes, so that what was taken in before is taken in anew."""

_log = logging.getLogger("permille")
_MOST_TOLD = 5
_HARMLESS = ("unread_column", "hidden_rows", "derived_differs", "no_edition")
"""Notes beside which a delivery counts as accepted: nothing of it was left out."""
_TURNS = ({"site_decisions"}, {"areas", "sites"})
"""What other deliveries need is taken in before them."""
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
        return (*(note.message for note in self.notes), *rows["message"].unique(maintain_order=True))

    @property
    def n_quarantined(self) -> int:
        """Records held in quarantine."""
        return self.quarantine.height


class IntakeReport(NamedTuple):
    """What one run of the intake did."""

    taken: list[Delivery]
    n_unchanged: int


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
    received_at: datetime,
    profile_name: str | None = None,
    register: Register | None = None,
    clocks: Clocks | None = None,
) -> Delivery:
    """A delivery from a file's content. Nothing is stored.

    Parameters: `received_at` in UTC without a zone; `profile_name` forces a profile instead of finding one;
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
        return _refused(delivery_id, file_name, received_at, error.finding, profiles)
    accepted: dict[str, pl.DataFrame] = {}
    quarantine: list[pl.DataFrame] = [_empty("quarantine")]
    sites = None if known_sites is None else set(known_sites)
    tables, aliases = _identified(tables, profile, register or empty_register(), delivery_id, file_name, received_at)
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
        passed, held = _judged(parts, file_name, sites, received_at)
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
        delivery_id, file_name, received_at, profile, notes, n_rows=n_rows, n_accepted=n_accepted,
        n_quarantined=held_rows.height,
    )  # fmt: skip
    return Delivery(accepted, held_rows, notes, record, aliases)


def _identified(
    tables: list[ReadTable], profile: Profile, register: Register, delivery_id: str, file_name: str,
    received_at: datetime,
) -> tuple[list[ReadTable], pl.DataFrame]:  # fmt: skip
    """The tables with our sites in place of the sender's numbers, and the rows of `site_aliases`."""
    records = [read.records for read in tables if read.records is not None]
    claims = claims_of(
        records, profile.numbering, delivery_id=delivery_id, file_name=file_name, received_at=received_at
    )
    resolved = resolve(register.after(claims))
    resolved = resolved.filter(pl.col("delivery_id") == delivery_id)
    found = iter(with_our_sites(records, resolved, file_name=file_name, received_at=received_at))
    ours = [read if read.records is None else read._replace(records=next(found)) for read in tables]
    return ours, resolved.select(_types("site_aliases"))


def _judged(
    parts: list[ReadTable], file_name: str, sites: set[str] | None, received_at: datetime
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
        # A day of grace for time zones. A clock that was ahead when the file was saved excuses nothing.
        latest = (min(received_at, datetime.now(UTC).replace(tzinfo=None)) + timedelta(days=1)).date()
        findings.append(
            readable.filter(day > latest).select(
                "record", *place, header_of(when).alias("source_column"),
                pl.lit("date_in_future").alias("rule"), day.cast(pl.String).alias("value"),
                pl.lit(f"({received_at:%Y-%m-%d})").alias("detail"),
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
    delivery_id: str, file_name: str, received_at: datetime, finding: Finding, profiles: Mapping[str, Profile]
) -> Delivery:
    record = _record(delivery_id, file_name, received_at, None, [finding], n_rows=0, n_accepted=0, n_quarantined=0)
    # By other profiles it may be readable.
    record = record.with_columns(profile_digest=pl.lit(_digest_of(profiles)))
    return Delivery({}, _empty("quarantine"), [finding], record, _empty("site_aliases"))


def _record(
    delivery_id: str, file_name: str, received_at: datetime, profile: Profile | None, notes: list[Finding], *,
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
        "received_at": received_at,
        "sender": profile.sender if profile else None,
        "numbering": profile.numbering.name if profile and profile.numbering else None,
        "release": profile.numbering.release_of(file_name) if profile and profile.numbering else None,
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


class _Candidate(NamedTuple):
    """One content that was delivered, in the inbox or before: where to read it, and when it was first saved."""

    file: InboxFile
    saved: datetime
    is_in_inbox: bool


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


def received_at(path: Path) -> datetime:
    """When a file was saved, UTC without a zone, to the microsecond."""
    return datetime(1970, 1, 1) + timedelta(microseconds=path.stat().st_mtime_ns // 1000)  # noqa: DTZ001


def check_file(path: Path, workspace: Workspace | None, profile_name: str | None = None) -> Delivery:
    """What would become of a file if it were delivered. Nothing is stored.

    Sites are those the workspace knows; without a warehouse there is no site list yet and sites go unchecked.
    """
    known: set[str] | None = None
    register, clocks = None, None
    if workspace is not None and workspace.published.is_file():
        with Warehouse.open(workspace.published, read_only=True) as warehouse:
            known = set(warehouse.query("select site_id from current_sites")["site_id"])
            register, clocks = site_register(warehouse), site_clocks(warehouse, workspace)
    return read_and_judge(
        path.read_bytes(),
        path.name,
        profiles=all_profiles(workspace.profiles if workspace else None),
        known_sites=known,
        received_at=received_at(path),
        profile_name=profile_name,
        register=register,
        clocks=clocks,
    )


def site_clocks(warehouse: Warehouse, workspace: Workspace) -> Clocks:
    """By which clocks the sites go: those of their lists, else that of the settings."""
    rows = warehouse.query("select site_id, time_zone from current_sites where time_zone is not null order by all")
    return Clocks(dict(rows.iter_rows()), workspace.settings.time_zone or None)


def _claims(delivery: Delivery) -> pl.DataFrame:
    """What a delivery that was judged calls its sites."""
    aliases = delivery.aliases.with_columns(pl.lit(delivery.record["received_at"].item()).alias("received_at"))
    return aliases.select(list(CLAIM)).cast(CLAIM).unique(["delivery_id", "site_code", "site_label"])  # type: ignore[arg-type]


def site_register(warehouse: Warehouse) -> Register:
    """What a warehouse holds of who is who."""
    claims = warehouse.query(
        "select delivery_id, d.received_at, a.numbering, a.release, site_code, site_label, latitude, longitude"
        " from (select distinct on (delivery_id, site_code, site_label) * from site_aliases) a"
        " join deliveries d using (delivery_id) order by all"
    )
    return Register(claims.cast(CLAIM), warehouse.query("select * from current_site_decisions order by all"))  # type: ignore[arg-type]


def take_in(workspace: Workspace, *, tell: Callable[[str], None] = _log.info) -> IntakeReport:
    """Takes in what is new in the inbox.

    New is a content the warehouse does not hold, one that was refused or read by a profile or by reading rules that
    have changed since, and one with rows of a site that has become known. The same file twice changes nothing. What
    was taken in before and has left the inbox is had from the archive, so that a lost warehouse is rebuilt whole.
    Parameters: `tell` is called with a line of progress for each delivery.
    """
    profiles = all_profiles(workspace.profiles)
    taken: list[Delivery] = []
    with Warehouse.open(workspace.warehouse) as warehouse:
        known = {row["delivery_id"]: row for row in warehouse.read("deliveries").iter_rows(named=True)}
        in_inbox = list_inbox(workspace.inbox, profiles)
        candidates = _candidates(
            in_inbox, workspace.archive, profiles, known, _held_for_a_day(warehouse), partial(_last_day_in, warehouse),
            tell,
        )  # fmt: skip
        again = partial(_take_again, warehouse, workspace, candidates, profiles, tell)
        due = [name for name, found in candidates.items() if _is_due(known.get(name), profiles, found)]
        # Decisions and site lists first, so that the rows of their sites need not be judged twice.
        order = sorted(due, key=lambda name: (_turn(candidates[name].file, profiles), candidates[name].file.name))
        register = site_register(warehouse)
        for number, delivery_id in enumerate(order, start=1):
            content = _content(candidates[delivery_id], delivery_id, tell)
            if content is None:
                continue
            file, saved, _ = candidates[delivery_id]
            delivery = read_and_judge(
                content, file.name, profiles=profiles, known_sites=_sites(warehouse), received_at=saved,
                profile_name=file.profile_name, register=register, clocks=site_clocks(warehouse, workspace),
            )  # fmt: skip
            _archive(file.name, content, delivery_id, workspace.archive, saved)
            _store(warehouse, delivery)
            # Read anew only where something was decided: there are thousands of deliveries in a workspace.
            is_decision = not delivery.accepted.get("site_decisions", _empty("site_decisions")).is_empty()
            register = site_register(warehouse) if is_decision else register.after(_claims(delivery))
            taken.append(delivery)
            tell(f"[{number}/{len(order)}] {_line(delivery)}")
            for message in delivery.messages[:_MOST_TOLD]:
                tell(f"    {message}")
            if len(delivery.messages) > _MOST_TOLD:
                tell(f"    ... and {len(delivery.messages) - _MOST_TOLD} more: 'permille status' lists them")
        taken += again(_with_other_sites(warehouse), "who is who has changed")
        clocks = site_clocks(warehouse, workspace)
        taken += again(_with_other_clock(warehouse, clocks), "its sites go by another clock")
        taken += again(_accepted_in_vain(warehouse), "their sites are in doubt now")
        held = _held_without_need(warehouse, clocks)
        taken += again(held, "its sites are known now", is_sure=False)
    for delivery_id, found in candidates.items():
        if found.is_in_inbox and delivery_id in known and not (workspace.archive / delivery_id).exists():
            content = _content(found, delivery_id, tell)
            if content is not None:
                _archive(found.file.name, content, delivery_id, workspace.archive, found.saved)
    n_due = sum(candidates[delivery_id].is_in_inbox for delivery_id in due)
    return IntakeReport(taken, len(in_inbox) - n_due)


def _candidates(
    in_inbox: Iterable[InboxFile], archive: Path, profiles: Iterable[str], known: Mapping[str, Mapping[str, Any]],
    held_for_a_day: set[str], last_day_in: Callable[[str], date | None], tell: Callable[[str], None],
) -> dict[str, _Candidate]:  # fmt: skip
    """Every content that was delivered, by its identity.

    Of several copies the earliest counts, whatever they are called: a copy made later says nothing new. Except where
    rows wait because their day lies after the file was saved: then the newest copy tells when that was; and what was
    accepted so was not saved before its last day.
    """
    copies: dict[str, list[tuple[InboxFile, datetime]]] = {}
    for file in in_inbox:
        try:
            delivery_id, saved = sha256_of(file.path), received_at(file.path)
        except OSError as error:
            tell(f"{file.name}: cannot be read now ({error.strerror}); it is left for the next run")
            continue
        copies.setdefault(delivery_id, []).append((file, saved))
    archived = list_archive(archive, profiles)
    found = {}
    for delivery_id in sorted({*copies, *archived}):
        there = copies.get(delivery_id, [])
        times = [saved for _, saved in there]
        if times and delivery_id in held_for_a_day:
            saved = max(times)
        else:
            before = [known[delivery_id]["received_at"]] if delivery_id in known else []
            kept = [received_at(archived[delivery_id].path)] if delivery_id in archived else []
            said = {*times, *before, *kept}
            last = last_day_in(delivery_id) if len(said) > 1 and delivery_id in known else None
            saved = min((at for at in said if last is None or _may_hold(at, last)), default=max(said))
        file = there[0][0] if there else archived[delivery_id]
        found[delivery_id] = _Candidate(file, saved, bool(there))
    return found


def _may_hold(saved: datetime, day: date) -> bool:
    """Whether a file that was saved at a moment may hold what is of a day: a day of grace for time zones."""
    return day <= (saved + timedelta(days=1)).date()


def _last_day_in(warehouse: Warehouse, delivery_id: str) -> date | None:
    """The last day of which a delivery holds anything that was accepted."""
    found = warehouse.query(
        "select max(day) as day from ("
        "select max(sampled_on) as day from results where delivery_id = $id"
        " union all select max(sampled_on) from reported_loads where delivery_id = $id"
        " union all select max(sampled_on) from flows where delivery_id = $id"
        " union all select max(read_at)::date from flow_readings where delivery_id = $id)",
        {"id": delivery_id},
    )
    last: date | None = found["day"].item()
    return last


def _held_for_a_day(warehouse: Warehouse) -> set[str]:
    rows = warehouse.query("select distinct delivery_id from quarantine where rule like '%date_in_future%'")
    return set(rows["delivery_id"])


def _is_due(before: Mapping[str, Any] | None, profiles: Mapping[str, Profile], found: _Candidate) -> bool:
    if before is None or before["reader_version"] != READER_VERSION or before["received_at"] != found.saved:
        return True
    if before["status"] == "refused" and found.is_in_inbox:
        return True
    if before["profile"] is None:  # it was refused, and is tried again where there are other profiles by now
        return bool(before["profile_digest"] != _digest_of(profiles))
    profile = profiles.get(before["profile"])
    if profile and profile.numbering and profile.numbering.release_of(found.file.name) != before["release"]:
        return True  # it was given the name of its edition
    is_same = profile is not None and profile.digest == before["profile_digest"]
    return not is_same or found.file.profile_name not in (None, before["profile"])


def _digest_of(profiles: Mapping[str, Profile]) -> str:
    return hashlib.sha256("".join(profiles[name].digest for name in sorted(profiles)).encode()).hexdigest()


def _content(found: _Candidate, delivery_id: str, tell: Callable[[str], None]) -> bytes | None:
    """The bytes of a candidate; None, and a line, where they cannot be read or are not those that were listed."""
    try:
        content = found.file.path.read_bytes()
    except OSError as error:
        tell(f"{found.file.name}: cannot be read now ({error.strerror}); it is left for the next run")
        return None
    if hashlib.sha256(content).hexdigest() == delivery_id:
        return content
    if found.is_in_inbox:
        tell(f"{found.file.name}: has just changed; it is left for the next run")
    else:
        tell(f"{found.file.path}: was altered in the archive and is not read. Restore it, or deliver it anew.")
    return None


def _turn(file: InboxFile, profiles: Mapping[str, Profile]) -> int:
    """When a file is taken: decisions first, then lists of areas and sites, then what needs them."""
    try:
        profile = choose_profile(DeliveredFile(file.path.read_bytes(), file.name), profiles, file.profile_name)
    except (DeliveryError, OSError):
        return len(_TURNS)
    tables = {table.table for table in profile.tables}
    return next((turn for turn, first in enumerate(_TURNS) if tables & first), len(_TURNS))


def _with_other_sites(warehouse: Warehouse) -> set[str]:
    """The deliveries in which a number stands for another site by now, or is in doubt: a decision was made, or a
    delivery has come in that is older."""
    register = site_register(warehouse)
    types = TABLES["site_aliases"].types
    now = resolve(register).select(_types("site_aliases")).unique()
    stored = warehouse.query("select * from site_aliases").cast(types)  # type: ignore[arg-type]
    keys = list(types)
    differs = pl.concat(
        one.join(other, on=keys, how="anti", nulls_equal=True) for one, other in ((now, stored), (stored, now))
    )["delivery_id"]
    return set(differs)


def _with_other_clock(warehouse: Warehouse, clocks: Clocks) -> set[str]:
    """The deliveries whose moments were read by another clock than their sites are known to go by now."""
    rows = warehouse.query(
        " union ".join(f"select distinct delivery_id, site_id, time_zone from {table}" for table in MOMENTS)  # noqa: S608
    ).filter(pl.col("time_zone").ne_missing(clocks.of(pl.col("site_id"))))
    return set(rows["delivery_id"])


def _accepted_in_vain(warehouse: Warehouse) -> set[str]:
    """The deliveries with rows of sites that no list holds any more, for the list is in doubt by now."""
    gone = warehouse.query(
        "select distinct delivery_id, site_id from site_aliases"
        " where site_id is not null and site_id not in (select site_id from sites)"
    )
    if gone.is_empty():
        return set()
    tables = [name for name in (*MEASURED, "corrections") if "site_id" in TABLES[name].types]
    rows = warehouse.query(
        " union ".join(
            f"select distinct delivery_id from {table} where site_id in $gone and delivery_id in $ids"  # noqa: S608
            for table in tables
        ),
        {"gone": gone["site_id"].unique().to_list(), "ids": gone["delivery_id"].unique().to_list()},
    )
    return set(rows["delivery_id"])


def _held_without_need(warehouse: Warehouse, clocks: Clocks) -> set[str]:
    """The deliveries of which rows were quarantined for a site, or the clock of a site, that is known by now."""
    held = warehouse.query(
        "select delivery_id, rule, value_as_written from quarantine"
        " where rule like '%unknown_site%' or rule like '%unknown_time_zone%'"
    )
    value = pl.col("value_as_written")
    is_alone = pl.col("rule").is_in(["unknown_site", "unknown_time_zone"])
    is_known = pl.when(pl.col("rule") == "unknown_site").then(value.is_in(sorted(_sites(warehouse))))
    return set(held.filter(~is_alone | is_known.otherwise(clocks.of(value).is_not_null()))["delivery_id"])


def _take_again(
    warehouse: Warehouse, workspace: Workspace, candidates: Mapping[str, _Candidate], profiles: Mapping[str, Profile],
    tell: Callable[[str], None], due: set[str], why: str, *, is_sure: bool = True,
) -> list[Delivery]:  # fmt: skip
    """Takes deliveries in anew, those first that others need; where that is not sure, if what is held has changed."""
    records = warehouse.query("select delivery_id, file_name, profile, received_at from deliveries")
    rows = [row for row in records.iter_rows(named=True) if row["delivery_id"] in due & set(candidates)]
    rows.sort(
        key=lambda row: (_turn(candidates[row["delivery_id"]].file, profiles), row["file_name"], row["delivery_id"])
    )
    register = site_register(warehouse)  # what files call their sites stays as it is
    again = []
    for row in rows:
        content = _content(candidates[row["delivery_id"]], row["delivery_id"], tell)
        if content is None:
            continue
        delivery = read_and_judge(
            content, row["file_name"], profiles=profiles, known_sites=_sites(warehouse), received_at=row["received_at"],
            profile_name=row["profile"], register=register, clocks=site_clocks(warehouse, workspace),
        )  # fmt: skip
        before = warehouse.query("select * from quarantine where delivery_id = $id", {"id": row["delivery_id"]})
        if not is_sure and before.sort(pl.all()).equals(delivery.quarantine.sort(pl.all())):
            continue
        _store(warehouse, delivery)
        again.append(delivery)
        tell(f"again, for {why}: {_line(delivery)}")
    return again


def _store(warehouse: Warehouse, delivery: Delivery) -> None:
    """One delivery in one transaction, in place of what was stored of it before."""
    delivery_id = delivery.record["delivery_id"].item()
    with warehouse.transaction():
        for table in (*MEASUREMENT_TABLES, "site_aliases", "quarantine", "deliveries"):
            warehouse.delete_delivery(table, delivery_id)
        for table, frame in delivery.accepted.items():
            warehouse.insert(table, frame)
        warehouse.insert("site_aliases", delivery.aliases)
        warehouse.insert("quarantine", delivery.quarantine)
        warehouse.insert("deliveries", delivery.record)


def _sites(warehouse: Warehouse) -> set[str]:
    return set(warehouse.query("select distinct site_id from sites")["site_id"])


def sha256_of(path: Path) -> str:
    """The identity of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _archive(name: str, content: bytes, delivery_id: str, archive: Path, saved: datetime) -> None:
    """A copy under the delivery's identity and its name, complete or absent: the inbox may be emptied."""
    microseconds = (saved - datetime(1970, 1, 1)) // timedelta(microseconds=1)  # noqa: DTZ001
    stamp = (microseconds * 1000, microseconds * 1000)
    target = archive / delivery_id
    if target.exists():
        for kept in list_inbox(target):
            os.utime(kept.path, ns=stamp)
            if kept.name != name:  # by its name a file may tell its edition, and by its folder the profile
                renamed = target / name
                renamed.parent.mkdir(parents=True, exist_ok=True)
                kept.path.replace(renamed)
        return
    beside = archive / f".{delivery_id}.{os.getpid()}"
    copy = beside / name
    copy.parent.mkdir(parents=True, exist_ok=True)
    copy.write_bytes(content)
    os.utime(copy, ns=stamp)
    beside.replace(target)


def _line(delivery: Delivery) -> str:
    row = delivery.record.row(0, named=True)
    return (
        f"{row['file_name']}: {row['status']}, {row['n_rows']} rows = {row['n_accepted']} accepted"
        f" + {row['n_quarantined']} quarantined"
    )
