"""Which deliveries are to be taken in: those that are new or changed, and those that what is known by now reads anew.

Nothing is read or stored here; `pipeline/intake.py` does what is found due.
"""

import hashlib
from collections.abc import Mapping
from typing import Any

import polars as pl

from pipeline.clocks import Clocks
from pipeline.deliveries import READER_VERSION, digest_of
from pipeline.files import read_file
from pipeline.findings import DeliveryError
from pipeline.identity import resolve
from pipeline.inbox import Candidate, InboxFile
from pipeline.known import known_sites, site_register
from pipeline.reading.dates import MOMENTS
from pipeline.reading.delivery import DeliveredFile, choose_profile
from pipeline.warehouse import Warehouse
from schemas.profile import MEASURED, Profile
from schemas.tables import TABLES

_TURNS = ({"site_decisions", "delivery_decisions"}, {"areas", "sites"})
"""What other deliveries need is taken in before them."""


def is_due(before: Mapping[str, Any] | None, profiles: Mapping[str, Profile], found: Candidate) -> bool:
    """Whether what was delivered is to be taken in, given what the warehouse holds of it: a row of `deliveries`."""
    if before is None or before["reader_version"] != READER_VERSION or before["received_at"] != found.receipt.seen_at:
        return True
    if before["status"] == "refused" and found.is_in_inbox:
        return True
    if before["profile"] is None:  # it was refused, and is tried again where there are other profiles by now
        return bool(before["profile_digest"] != digest_of(profiles))
    profile = profiles.get(before["profile"])
    if profile and profile.numbering and profile.numbering.release_of(found.file.name) != before["release"]:
        return True  # it was given the name of its edition
    is_same = profile is not None and profile.digest == before["profile_digest"]
    return not is_same or found.file.profile_name not in (None, before["profile"])


def profile_of(file: InboxFile, delivery_id: str, profiles: Mapping[str, Profile]) -> str | None:
    """The profile a delivery is read by: that of its folder, else the one that fits.

    None where none can be found, or the file is not that delivery any more.
    """
    if file.profile_name is not None:
        return file.profile_name
    try:
        content = read_file(file.path)
        if hashlib.sha256(content).hexdigest() != delivery_id:
            return None
        return choose_profile(DeliveredFile(content, file.name), profiles).name
    except (DeliveryError, OSError):
        return None


def turn(profile_name: str | None, profiles: Mapping[str, Profile]) -> int:
    """When a file of a profile is taken: decisions first, then lists of areas and sites, then what needs them."""
    profile = profiles.get(profile_name or "")
    tables = {table.table for table in profile.tables} if profile else set()
    return next((turn for turn, first in enumerate(_TURNS) if tables & first), len(_TURNS))


def held_for_a_day(warehouse: Warehouse) -> set[str]:
    """The deliveries with rows that wait because their day lies after the file came in."""
    rows = warehouse.query("select distinct delivery_id from quarantine where rule like '%date_in_future%'")
    return set(rows["delivery_id"])


def with_other_sites(warehouse: Warehouse) -> set[str]:
    """The deliveries in which a number stands for another site by now, or is in doubt: a decision was made, or a
    delivery has come in that is older."""
    register = site_register(warehouse)
    types = TABLES["site_aliases"].types
    now = resolve(register).select([pl.col(name).cast(kind) for name, kind in types.items()]).unique()
    stored = warehouse.query("select a.* from site_aliases a join ordered_deliveries using (delivery_id)").cast(types)  # type: ignore[arg-type]
    keys = list(types)
    differs = pl.concat(
        one.join(other, on=keys, how="anti", nulls_equal=True) for one, other in ((now, stored), (stored, now))
    )["delivery_id"]
    return set(differs)


def with_other_clock(warehouse: Warehouse, clocks: Clocks) -> set[str]:
    """The deliveries whose moments were read by another clock than their sites are known to go by now."""
    rows = warehouse.query(
        " union ".join(f"select distinct delivery_id, site_id, time_zone from {table}" for table in MOMENTS)  # noqa: S608
    ).filter(pl.col("time_zone").ne_missing(clocks.of(pl.col("site_id"))))
    return set(rows["delivery_id"])


def accepted_in_vain(warehouse: Warehouse) -> set[str]:
    """The deliveries with rows of sites that no list holds any more, for the list is in doubt by now."""
    gone = warehouse.query(
        "select distinct delivery_id, site_id from site_aliases"
        " where site_id is not null and site_id not in (select site_id from current_sites)"
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


def held_without_need(warehouse: Warehouse, clocks: Clocks) -> set[str]:
    """The deliveries of which rows were quarantined for a site, or the clock of a site, that is known by now."""
    held = warehouse.query(
        "select delivery_id, rule, value_as_written from quarantine"
        " where rule like '%unknown_site%' or rule like '%unknown_time_zone%'"
    )
    value = pl.col("value_as_written")
    is_alone = pl.col("rule").is_in(["unknown_site", "unknown_time_zone"])
    is_known = pl.when(pl.col("rule") == "unknown_site").then(value.is_in(sorted(known_sites(warehouse))))
    return set(held.filter(~is_alone | is_known.otherwise(clocks.of(value).is_not_null()))["delivery_id"])
