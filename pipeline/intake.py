"""Taking deliveries in: from the inbox into the warehouse, each in a transaction of its own.

So a process that is killed has taken a delivery in or not. What supersedes what follows from the order of receipt and
from decisions of persons (`receipts.py`, `precedence.py`). Rows of a site that becomes known later are judged again.
"""

import hashlib
import logging
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple

import polars as pl

from pipeline import due, inbox, precedence
from pipeline.deliveries import Delivery, all_profiles, read_and_judge
from pipeline.files import read_file, shown_name
from pipeline.identity import CLAIM
from pipeline.inbox import Candidate, list_inbox
from pipeline.known import known_sites, site_clocks, site_register
from pipeline.receipts import Copy, Ledger, Receipt, at_hand, moment_of, stored_order, utc_now
from pipeline.settings import Workspace
from pipeline.warehouse import Warehouse
from schemas.profile import Profile
from schemas.tables import MEASUREMENT_TABLES

_log = logging.getLogger("permille")
_MOST_TOLD = 5
_MOST_PAIRS_TOLD = 20
_DECISIONS = ("site_decisions", "delivery_decisions")


class IntakeReport(NamedTuple):
    """What one run of the intake did.

    Attributes:
        taken: the deliveries taken in.
        n_unchanged: the files of the inbox that were taken in before.
        again: copies of known contents that have appeared under another name or time since.
    """

    taken: list[Delivery]
    n_unchanged: int
    again: list[Copy]


def check_file(path: Path, workspace: Workspace | None, profile_name: str | None = None) -> Delivery:
    """What would become of a file if it were delivered. Nothing is stored.

    Sites are those the workspace knows; without a warehouse there is no site list yet and sites go unchecked.
    Raises `OSError` where the file cannot be read.
    """
    content = read_file(path, is_followed=True)
    known: set[str] | None = None
    register, clocks, receipt = None, None, at_hand(1, moment_of(path))
    if workspace is not None and workspace.published.is_file():
        with Warehouse.open(workspace.published, read_only=True) as warehouse:
            known = known_sites(warehouse)
            receipt = _receipt_of(warehouse, content) or receipt._replace(number=1 + warehouse.count("deliveries"))
            register, clocks = site_register(warehouse), site_clocks(warehouse, workspace)
    return read_and_judge(
        content,
        shown_name(path.name),
        profiles=all_profiles(workspace.profiles if workspace else None),
        known_sites=known,
        receipt=receipt,
        profile_name=profile_name,
        register=register,
        clocks=clocks,
    )


def _receipt_of(warehouse: Warehouse, content: bytes) -> Receipt | None:
    """When a content came in, where it did."""
    rows = warehouse.query(
        "select receipt_number, received_at, saved_at from deliveries where delivery_id = $id",
        {"id": hashlib.sha256(content).hexdigest()},
    ).rows()
    return next((Receipt(number, seen_at, utc_now(), saved_at) for number, seen_at, saved_at in rows), None)


def beside_published(delivery: Delivery, workspace: Workspace) -> tuple[bool, pl.DataFrame]:
    """Whether what was only judged was received before, and the published deliveries that it contradicts.

    See `precedence.would_contradict`.
    """
    with Warehouse.open(workspace.published, read_only=True) as warehouse:
        is_known = delivery.record["delivery_id"].item() in set(warehouse.read("deliveries")["delivery_id"])
        return is_known, precedence.would_contradict(warehouse, delivery.accepted, delivery.record)


def take_in(workspace: Workspace, *, tell: Callable[[str], None] = _log.info) -> IntakeReport:
    """Takes in what is new in the inbox.

    New is a content the warehouse does not hold, one that was refused or read by a profile or by reading rules that
    have changed since, and one with rows of a site that has become known. The same file twice changes nothing. What
    was taken in before and has left the inbox is had from the archive, so that a lost warehouse is rebuilt whole.
    Parameters: `tell` is called with a line of progress for each delivery.
    """
    profiles = all_profiles(workspace.profiles)
    taken: list[Delivery] = []
    ledger = Ledger(workspace.receipts)
    stored = {} if ledger.exists else stored_order(workspace.warehouse)
    with Warehouse.open_or_renew(workspace.warehouse, tell) as warehouse:
        known = {row["delivery_id"]: row for row in warehouse.read("deliveries").iter_rows(named=True)}
        in_inbox = list_inbox(workspace.inbox, profiles, tell)
        candidates, seen_again = inbox.candidates_of(in_inbox, workspace.archive, profiles, ledger, stored, tell)
        again = partial(_take_again, warehouse, workspace, candidates, profiles, tell)
        to_take = [name for name, found in candidates.items() if due.is_due(known.get(name), profiles, found)]
        profile_of = {name: due.profile_of(candidates[name].file, name, profiles) for name in to_take}
        # Decisions and site lists first, so that the rows of their sites need not be judged twice.
        order = sorted(
            to_take, key=lambda name: (due.turn(profile_of[name], profiles), candidates[name].receipt.number)
        )
        register = site_register(warehouse)
        for number, delivery_id in enumerate(order, start=1):
            content = inbox.content_of(candidates[delivery_id], delivery_id, tell)
            if content is None:
                continue
            file, receipt, _ = candidates[delivery_id]
            delivery = read_and_judge(
                content, file.name, profiles=profiles, known_sites=known_sites(warehouse), receipt=receipt,
                profile_name=profile_of[delivery_id], register=register, clocks=site_clocks(warehouse, workspace),
            )  # fmt: skip
            inbox.archive(file.name, content, delivery_id, workspace.archive, receipt.saved_at, like=file.path)
            store(warehouse, delivery)
            # Read anew only where something was decided: there are thousands of deliveries in a workspace.
            is_decision = any(table in delivery.accepted for table in _DECISIONS)
            register = site_register(warehouse) if is_decision else register.after(_claims(delivery))
            taken.append(delivery)
            tell(f"[{number}/{len(order)}] {_line(delivery)}")
            for message in delivery.messages[:_MOST_TOLD]:
                tell(f"    {message}")
            if len(delivery.messages) > _MOST_TOLD:
                tell(f"    ... and {len(delivery.messages) - _MOST_TOLD} more: 'permille status' lists them")
        taken += again(due.with_other_sites(warehouse), "site identities have changed")
        clocks = site_clocks(warehouse, workspace)
        taken += again(due.with_other_clock(warehouse, clocks), "its sites go by another clock")
        taken += again(due.accepted_in_vain(warehouse), "their sites are in doubt now")
        held = due.held_without_need(warehouse, clocks)
        taken += again(held, "its sites are known now", is_sure=False)
        later = {name for name, found in candidates.items() if found.receipt.last_seen_at > found.receipt.seen_at}
        taken += again(due.held_for_a_day(warehouse) & later, "it was saved again later", is_sure=False)
        warehouse.plan_for_size()
        _note_contradictions(warehouse)
        _tell_contradictions(warehouse, {delivery.record["delivery_id"].item() for delivery in taken}, seen_again, tell)
    for delivery_id, found in candidates.items():
        if found.is_in_inbox and delivery_id in known and not (workspace.archive / delivery_id).exists():
            content = inbox.content_of(found, delivery_id, tell)
            if content is not None:
                inbox.archive(
                    found.file.name, content, delivery_id, workspace.archive, found.receipt.saved_at,
                    like=found.file.path,
                )  # fmt: skip
    n_due = sum(candidates[delivery_id].is_in_inbox for delivery_id in to_take)
    return IntakeReport(taken, len(in_inbox) - n_due, seen_again)


def _take_again(
    warehouse: Warehouse, workspace: Workspace, candidates: Mapping[str, Candidate], profiles: Mapping[str, Profile],
    tell: Callable[[str], None], chosen: set[str], why: str, *, is_sure: bool = True,
) -> list[Delivery]:  # fmt: skip
    """Takes deliveries in anew, those first that others need; where that is not sure, if what is held has changed."""
    records = warehouse.query("select delivery_id, file_name, profile from deliveries")
    rows = [row for row in records.iter_rows(named=True) if row["delivery_id"] in chosen & set(candidates)]
    if not rows:
        return []
    rows.sort(key=lambda row: (due.turn(row["profile"], profiles), row["file_name"], row["delivery_id"]))
    register = site_register(warehouse)  # what files call their sites stays as it is
    again = []
    for row in rows:
        content = inbox.content_of(candidates[row["delivery_id"]], row["delivery_id"], tell)
        if content is None:
            continue
        delivery = read_and_judge(
            content, row["file_name"], profiles=profiles, known_sites=known_sites(warehouse),
            receipt=candidates[row["delivery_id"]].receipt, profile_name=row["profile"], register=register,
            clocks=site_clocks(warehouse, workspace),
        )  # fmt: skip
        before = warehouse.query("select * from quarantine where delivery_id = $id", {"id": row["delivery_id"]})
        if not is_sure and before.sort(pl.all()).equals(delivery.quarantine.sort(pl.all())):
            continue
        store(warehouse, delivery)
        again.append(delivery)
        tell(f"again, for {why}: {_line(delivery)}")
    return again


def _claims(delivery: Delivery) -> pl.DataFrame:
    """What a delivery that was judged calls its sites."""
    number = pl.lit(delivery.record["receipt_number"].item(), pl.Int64).alias("receipt_number")
    aliases = delivery.aliases.with_columns(number)
    return aliases.select(list(CLAIM)).cast(CLAIM).unique(["delivery_id", "site_code", "site_label"])  # type: ignore[arg-type]


def store(warehouse: Warehouse, delivery: Delivery) -> None:
    """One delivery in one transaction, in place of what was stored of it before."""
    delivery_id = delivery.record["delivery_id"].item()
    with warehouse.transaction():
        if warehouse.query("select 1 from deliveries where delivery_id = $id", {"id": delivery_id}).height:
            for table in (*MEASUREMENT_TABLES, "site_aliases", "quarantine", "deliveries"):
                warehouse.delete_delivery(table, delivery_id)
        for table, frame in delivery.accepted.items():
            warehouse.insert(table, frame)
        warehouse.insert("site_aliases", delivery.aliases)
        warehouse.insert("quarantine", delivery.quarantine)
        warehouse.insert("deliveries", delivery.record)
        precedence.put_in_order(warehouse)


def _note_contradictions(warehouse: Warehouse) -> None:
    """Writes down which values deliveries state differently, where that has changed."""
    with warehouse.transaction():
        warehouse.replace("contradictions", precedence.find_contradictions(warehouse))


def _tell_contradictions(
    warehouse: Warehouse, taken: set[str], seen_again: list[Copy], tell: Callable[[str], None]
) -> None:
    """Says which deliveries contradict each other, as far as this run or a person has to do with it."""
    pairs = precedence.compared_deliveries(warehouse)
    concerns = pl.any_horizontal(
        pl.col("order_basis") == "undecided",
        pl.col("delivery_id").is_in(sorted(taken)),
        pl.col("superseded_delivery_id").is_in(sorted(taken)),
    )
    lines = precedence.described(pairs.filter(concerns))
    for copy in seen_again:
        lines += precedence.appeared_again(copy, pairs)
    for line in lines[:_MOST_PAIRS_TOLD]:
        tell(line)
    if len(lines) > _MOST_PAIRS_TOLD:
        tell(f"... and {len(lines) - _MOST_PAIRS_TOLD} more: 'permille deliveries' lists them")


def _line(delivery: Delivery) -> str:
    row = delivery.record.row(0, named=True)
    return (
        f"{row['file_name']}: {row['status']}, {row['n_rows']} rows = {row['n_accepted']} accepted"
        f" + {row['n_quarantined']} quarantined"
    )
