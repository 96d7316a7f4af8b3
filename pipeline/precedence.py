"""Which delivery is current where two state the same thing: order of receipt, editions, and decisions of persons.

The order stands in the table `deliveries` (`place`), what contradicts in the table `contradictions`. The ledger
(`receipts.py`) holds when contents came in; `sql/views.sql` says which rows are about the same thing.
"""

from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from datetime import date
from typing import Any, NamedTuple

import polars as pl

from pipeline.receipts import Copy, called
from pipeline.statements import sql
from pipeline.warehouse import Warehouse

_KEYS = {
    "results": ("site_id", "sampled_on", "residue"),
    "flows": ("site_id", "sampled_on"),
    "flow_readings": ("site_id", "read_at"),
    "populations": ("site_id", "population_method"),
    "reported_loads": ("site_id", "sampling_year", "residue"),
    "sites": ("site_id",),
    "areas": ("area_id",),
}
"""The tables whose values can contradict each other, with columns that rows about the same thing share."""
_PAIRS = pl.Schema({"one": pl.String, "other": pl.String})


class Decision(NamedTuple):
    """A decision with the deliveries it names, in full; `other` is empty but for `supersede`."""

    decision: str
    delivery_id: str
    other: str | None
    author: str = ""
    justification: str = ""
    decided_on: date | None = None


class Order(NamedTuple):
    """The order of deliveries: identities, the last is current; those withdrawn; pairs a person put in order."""

    in_order: list[str]
    withdrawn: set[str]
    decided: list[tuple[str, str]]


def ordered(in_order: Iterable[str], decisions: Iterable[Decision]) -> Order:
    """The order of deliveries after decisions, each applied to what those before it left.

    A delivery that becomes current comes right after the one it supersedes; where it came later anyway nothing moves.

    >>> ordered("abc", [Decision("supersede", "a", "b"), Decision("withdraw", "c", None)])
    Order(in_order=['b', 'a', 'c'], withdrawn={'c'}, decided=[('a', 'b')])
    """
    places = list(in_order)
    withdrawn: set[str] = set()
    decided: list[tuple[str, str]] = []
    for decision, delivery_id, other, *_ in decisions:
        if decision == "withdraw":
            withdrawn.add(delivery_id)
        elif decision == "restore":
            withdrawn.discard(delivery_id)
        elif other is not None:
            decided.append((delivery_id, other))
            if places.index(delivery_id) < places.index(other):
                places.remove(delivery_id)
                places.insert(places.index(other) + 1, delivery_id)
    return Order(places, withdrawn, decided)


def decisions(warehouse: Warehouse) -> tuple[list[Decision], pl.DataFrame]:
    """The decisions on deliveries, the earliest first; and those that do nothing, for no one delivery is named."""
    rows = warehouse.query(sql("decisions_on_deliveries"))
    if rows.is_empty():
        return [], rows
    known = sorted(warehouse.query("select delivery_id from deliveries")["delivery_id"])

    def meant(name: str | None) -> list[str]:
        return [one for one in known if one.startswith(name)] if name else []

    found, idle = [], []
    for row in rows.iter_rows(named=True):
        these, others = meant(row["decided_delivery"]), meant(row["other_delivery"])
        is_clear = len(these) == 1 and (len(others) == 1 or row["decision"] != "supersede") and these != others
        if is_clear:
            made = (row["author"], row["justification"], row["decided_on"])
            found.append(Decision(row["decision"], these[0], others[0] if others else None, *made))
        idle.append(not is_clear)
    return found, rows.filter(pl.Series(idle, dtype=pl.Boolean))


def put_in_order(warehouse: Warehouse) -> None:
    """Writes into the table `deliveries` which comes after which, and which are withdrawn. Inside a transaction."""
    order = _order(warehouse)
    places = pl.DataFrame(
        {"delivery_id": order.in_order, "place": range(1, len(order.in_order) + 1)},
        schema={"delivery_id": pl.String, "place": pl.Int64},
    ).with_columns(pl.col("delivery_id").is_in(sorted(order.withdrawn)).alias("is_withdrawn"))
    with warehouse.known_as("places_now", places):
        warehouse.execute(
            "update deliveries set place = p.place, is_withdrawn = p.is_withdrawn from places_now p"
            " where p.delivery_id = deliveries.delivery_id"
            " and (p.place <> deliveries.place or p.is_withdrawn <> deliveries.is_withdrawn)"
        )


def find_contradictions(warehouse: Warehouse) -> pl.DataFrame:
    """The values that deliveries state differently, as rows of the table `contradictions`."""
    pairs = [pair for one, other in _order(warehouse).decided for pair in ((one, other), (other, one))]
    with warehouse.known_as("decided_pairs", pl.DataFrame(pairs, schema=_PAIRS, orient="row").unique()):
        return warehouse.query(sql("contradictions"))


def compared_deliveries(warehouse: Warehouse) -> pl.DataFrame:
    """The pairs of deliveries that contradict each other, with the number of values: the undecided first."""
    return warehouse.query(sql("compared_deliveries"))


def would_contradict(warehouse: Warehouse, accepted: Mapping[str, pl.DataFrame], record: pl.DataFrame) -> pl.DataFrame:
    """The pairs of deliveries, as `compared_deliveries` gives them, that one which is not stored would be part of.

    Parameters: `accepted` its rows for each intake table; `record` its row of the table `deliveries`. The warehouse
    may be one that is only read.
    """
    delivery_id = record["delivery_id"].item()
    is_other = pl.col("delivery_id") != delivery_id
    rows = {
        table: pl.concat([_about_the_same(warehouse, table, keys, accepted[table]).filter(is_other), accepted[table]])
        for table, keys in _KEYS.items()
        if table in accepted and accepted[table].height
    }
    rows["deliveries"] = pl.concat([warehouse.read("deliveries").filter(is_other), record])
    with ExitStack() as beside:
        for table in (*_KEYS, "deliveries", "contradictions"):
            beside.enter_context(warehouse.shadowed(table))
        for table, frame in rows.items():
            warehouse.insert(table, frame)
        put_in_order(warehouse)
        warehouse.insert("contradictions", find_contradictions(warehouse))
        pairs = compared_deliveries(warehouse)
    return pairs.filter((pl.col("delivery_id") == delivery_id) | (pl.col("superseded_delivery_id") == delivery_id))


def _about_the_same(warehouse: Warehouse, table: str, keys: tuple[str, ...], rows: pl.DataFrame) -> pl.DataFrame:
    """The stored rows that may be about the same thing as others."""
    with warehouse.known_as("rows_at_hand", rows.select(keys).unique()):
        # Names of our own tables and columns.
        return warehouse.query(f'select t.* from "{table}" t semi join rows_at_hand using ({", ".join(keys)})')  # noqa: S608


def described(pairs: pl.DataFrame) -> list[str]:
    """Which deliveries contradict each other, a line each; what an edition of a source restates is one line.

    Parameters: `pairs` rows as `compared_deliveries` gives them.
    """
    editions = (
        pairs.filter(pl.col("order_basis") == "edition")
        .group_by("numbering", "release", "superseded_release", maintain_order=True)
        .agg(pl.col("n_values").sum())
        .iter_rows(named=True)
    )
    others = pairs.filter(pl.col("order_basis") != "edition").iter_rows(named=True)
    return [
        *(_line_of_pair(row) for row in others),
        *(
            f"Edition {row['release']} of {row['numbering']} restates {row['n_values']:,} values of edition"
            f" {row['superseded_release']}."
            for row in editions
        ),
    ]


def appeared_again(copy: Copy, pairs: pl.DataFrame) -> list[str]:
    """What to say of a known content that appears under another name or time: by which deliveries it is superseded."""
    superseded = pairs.filter(pl.col("superseded_delivery_id") == copy.delivery_id)
    return [
        f"{copy.name}: was received before, as no. {row['superseded_number']}, and is superseded by"
        f" {called(row['file_name'], row['receipt_number'])} in {_values(row['n_values'])}. To make it current again:"
        f" 'permille deliveries supersede {row['superseded_number']} {row['receipt_number']}'."
        for row in superseded.iter_rows(named=True)
    ]


def _values(n_values: int) -> str:
    return "1 value" if n_values == 1 else f"{n_values:,} values"


def _line_of_pair(row: Mapping[str, Any]) -> str:
    number, other = row["receipt_number"], row["superseded_number"]
    one, another = called(row["file_name"], number), called(row["superseded_file"], other)
    values = _values(row["n_values"])
    command = "permille deliveries supersede"
    match row["order_basis"]:
        case "undecided":
            return (
                f"Order undecided: {one} and {another} came in together and state {values} differently. Current is"
                f" {one}, superseded {another}. Decide: '{command} {number} {other}' keeps that,"
                f" '{command} {other} {number}' turns it round."
            )
        case "decision":
            return f"{one} supersedes {values} of {another}: a person decided so."
    return (
        f"{one} supersedes {values} of {another}: it came in later. To decide otherwise: '{command} {other} {number}'."
    )


def _order(warehouse: Warehouse) -> Order:
    received = warehouse.query(sql("order_of_receipt"))["delivery_id"].to_list()
    return ordered(received, decisions(warehouse)[0])
