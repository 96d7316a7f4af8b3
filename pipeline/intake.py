"""Taking deliveries in: from the inbox into the warehouse, each in a transaction of its own.

So a process that is killed has taken a delivery in or not. The result does not depend on the order of files: what
supersedes what is told by when a file was saved, and rows of a site that becomes known later are judged again.
"""

import logging
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple

import polars as pl

from pipeline import due, inbox
from pipeline.deliveries import Delivery, all_profiles, read_and_judge
from pipeline.identity import CLAIM
from pipeline.inbox import Candidate, list_inbox, received_at
from pipeline.known import known_sites, site_clocks, site_register
from pipeline.settings import Workspace
from pipeline.warehouse import Warehouse
from schemas.profile import Profile
from schemas.tables import MEASUREMENT_TABLES

_log = logging.getLogger("permille")
_MOST_TOLD = 5


class IntakeReport(NamedTuple):
    """What one run of the intake did."""

    taken: list[Delivery]
    n_unchanged: int


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
        candidates = inbox.candidates_of(
            in_inbox, workspace.archive, profiles, known, due.held_for_a_day(warehouse),
            partial(due.last_day_in, warehouse), tell,
        )  # fmt: skip
        again = partial(_take_again, warehouse, workspace, candidates, profiles, tell)
        to_take = [name for name, found in candidates.items() if due.is_due(known.get(name), profiles, found)]
        # Decisions and site lists first, so that the rows of their sites need not be judged twice.
        order = sorted(
            to_take, key=lambda name: (due.turn(candidates[name].file, profiles), candidates[name].file.name)
        )
        register = site_register(warehouse)
        for number, delivery_id in enumerate(order, start=1):
            content = inbox.content_of(candidates[delivery_id], delivery_id, tell)
            if content is None:
                continue
            file, saved, _ = candidates[delivery_id]
            delivery = read_and_judge(
                content, file.name, profiles=profiles, known_sites=known_sites(warehouse), received_at=saved,
                profile_name=file.profile_name, register=register, clocks=site_clocks(warehouse, workspace),
            )  # fmt: skip
            inbox.archive(file.name, content, delivery_id, workspace.archive, saved)
            _store(warehouse, delivery)
            # Read anew only where something was decided: there are thousands of deliveries in a workspace.
            is_decision = "site_decisions" in delivery.accepted and delivery.accepted["site_decisions"].height > 0
            register = site_register(warehouse) if is_decision else register.after(_claims(delivery))
            taken.append(delivery)
            tell(f"[{number}/{len(order)}] {_line(delivery)}")
            for message in delivery.messages[:_MOST_TOLD]:
                tell(f"    {message}")
            if len(delivery.messages) > _MOST_TOLD:
                tell(f"    ... and {len(delivery.messages) - _MOST_TOLD} more: 'permille status' lists them")
        taken += again(due.with_other_sites(warehouse), "who is who has changed")
        clocks = site_clocks(warehouse, workspace)
        taken += again(due.with_other_clock(warehouse, clocks), "its sites go by another clock")
        taken += again(due.accepted_in_vain(warehouse), "their sites are in doubt now")
        held = due.held_without_need(warehouse, clocks)
        taken += again(held, "its sites are known now", is_sure=False)
    for delivery_id, found in candidates.items():
        if found.is_in_inbox and delivery_id in known and not (workspace.archive / delivery_id).exists():
            content = inbox.content_of(found, delivery_id, tell)
            if content is not None:
                inbox.archive(found.file.name, content, delivery_id, workspace.archive, found.saved)
    n_due = sum(candidates[delivery_id].is_in_inbox for delivery_id in to_take)
    return IntakeReport(taken, len(in_inbox) - n_due)


def _take_again(
    warehouse: Warehouse, workspace: Workspace, candidates: Mapping[str, Candidate], profiles: Mapping[str, Profile],
    tell: Callable[[str], None], chosen: set[str], why: str, *, is_sure: bool = True,
) -> list[Delivery]:  # fmt: skip
    """Takes deliveries in anew, those first that others need; where that is not sure, if what is held has changed."""
    records = warehouse.query("select delivery_id, file_name, profile, received_at from deliveries")
    rows = [row for row in records.iter_rows(named=True) if row["delivery_id"] in chosen & set(candidates)]
    rows.sort(
        key=lambda row: (due.turn(candidates[row["delivery_id"]].file, profiles), row["file_name"], row["delivery_id"])
    )
    register = site_register(warehouse)  # what files call their sites stays as it is
    again = []
    for row in rows:
        content = inbox.content_of(candidates[row["delivery_id"]], row["delivery_id"], tell)
        if content is None:
            continue
        delivery = read_and_judge(
            content, row["file_name"], profiles=profiles, known_sites=known_sites(warehouse),
            received_at=row["received_at"], profile_name=row["profile"], register=register,
            clocks=site_clocks(warehouse, workspace),
        )  # fmt: skip
        before = warehouse.query("select * from quarantine where delivery_id = $id", {"id": row["delivery_id"]})
        if not is_sure and before.sort(pl.all()).equals(delivery.quarantine.sort(pl.all())):
            continue
        _store(warehouse, delivery)
        again.append(delivery)
        tell(f"again, for {why}: {_line(delivery)}")
    return again


def _claims(delivery: Delivery) -> pl.DataFrame:
    """What a delivery that was judged calls its sites."""
    aliases = delivery.aliases.with_columns(pl.lit(delivery.record["received_at"].item()).alias("received_at"))
    return aliases.select(list(CLAIM)).cast(CLAIM).unique(["delivery_id", "site_code", "site_label"])  # type: ignore[arg-type]


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


def _line(delivery: Delivery) -> str:
    row = delivery.record.row(0, named=True)
    return (
        f"{row['file_name']}: {row['status']}, {row['n_rows']} rows = {row['n_accepted']} accepted"
        f" + {row['n_quarantined']} quarantined"
    )
