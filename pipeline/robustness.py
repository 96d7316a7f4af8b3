"""Does a headline hang on how it is computed? The same change by every protocol, by every way of counting people, and
with one choice of its protocol varied at a time.

Each choice is varied by a protocol of its own, whose days and changes are computed by the statements that compute those
of the others, on tables of this connection in place of the warehouse's, which stay as they are.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import polars as pl
from pydantic import ValidationError

from pipeline import changes, spans
from pipeline.periods import typed
from pipeline.statements import sql
from pipeline.warehouse import Warehouse
from schemas.protocol import OF_SERIES, Protocol
from schemas.robustness import CHOICES
from schemas.tables import TABLES

STATEMENTS = ("open_choices", "same_counts", "consumption", "changes", *changes.STATEMENTS)
"""The statements besides `sql/robustness.sql` that it is computed by."""
_MOST_DAYS = 5_000_000
"""Days of variants that are computed together; a large network has one variant after the other."""
_PRIMARY = "primary"
"""The option of dividing by the primary method of each site, which a protocol leaves empty."""
_VARIED = tuple(choice for choice in CHOICES if choice != "protocol")


class Variant(NamedTuple):
    """A protocol with one choice varied.

    Attributes:
        way: the name of the variant, which no protocol file can have.
        choice, option: what is varied, and to what.
        protocol: its choices, under the name of the protocol that is varied.
    """

    way: str
    choice: str
    option: str
    protocol: Protocol


def robustness(warehouse: Warehouse, protocol: str, found: pl.DataFrame) -> pl.DataFrame:
    """The rows of the table `robustness`; nothing is stored.

    Parameters
    ----------
    protocol : str
        Name of the protocol of the headlines.
    found : polars.DataFrame
        Rows of the table `changes` by all protocols, between the same two periods.
    """
    if found.is_empty():
        return pl.DataFrame(schema=TABLES["robustness"].types)
    baseline, current = found.select("baseline_period", "current_period").row(0)
    first_year, last_year = _years(baseline, current)
    varied = variants(warehouse, protocol, first_year, last_year)
    by_way = pl.concat([found, *_changes(warehouse, varied, baseline, current)])
    ways = pl.DataFrame(
        [
            *((name, "protocol", name) for name in warehouse.read("protocols")["protocol"].sort()),
            *(variant[:3] for variant in varied),
        ],
        schema=["way", "choice", "option"],
        orient="row",
    )
    same = warehouse.query(sql("same_counts"), {"protocol": protocol, "first_year": first_year, "last_year": last_year})
    with (
        warehouse.known_as("changes_by_way", by_way),
        warehouse.known_as("ways", ways),
        warehouse.known_as("same_counts", same),
    ):
        rows = warehouse.query(sql("robustness"), {"protocol": protocol})
    return typed("robustness", in_order(rows))


def in_order(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows of the table by headline: of each the protocols, then ways of counting people, then single choices."""
    order = pl.col("choice").replace_strict({name: place for place, name in enumerate(CHOICES)}, return_dtype=pl.Int32)
    return rows.sort("level", "unit_id", "drug", order, "option")


def headlines(warehouse: Warehouse, rows: pl.DataFrame) -> pl.DataFrame:
    """Of each headline how far it goes and what moves it furthest, as `sql/robust_headlines.sql` gives it.

    Parameters: rows of the table `robustness` by one protocol.
    """
    with warehouse.known_as("robustness", rows):
        return warehouse.query(sql("robust_headlines"))


def other_counts(rows: pl.DataFrame) -> pl.DataFrame:
    """Of rows of the table those by other ways of counting people, over the same sites as the headline."""
    return rows.filter(pl.col("choice") == "population_method", pl.col("state") == "estimated", pl.col("is_same_panel"))


def variants(warehouse: Warehouse, protocol: str, first_year: int, last_year: int) -> list[Variant]:
    """The protocol with each of its choices varied alone, as far as choices go together and data leave them open.

    Options are those that protocols of the warehouse take; of what is corrected for, with and without.
    """
    protocols = warehouse.read("protocols")
    base = Protocol.model_validate(protocols.row(by_predicate=pl.col("protocol") == protocol, named=True))
    there = warehouse.query(
        sql("open_choices"),
        {"first_year": first_year, "last_year": last_year, "population_method": base.population_method},
    )
    found = []
    for choice in _VARIED:
        own = getattr(base, choice)
        for option in _options(protocols, there, choice):
            varied = _varied(base, choice, option) if option != own else None
            if varied is not None:
                found.append(Variant(f"{protocol}~{choice}={_named(option)}", choice, _named(option), varied))
    return found


def _options(protocols: pl.DataFrame, there: pl.DataFrame, choice: str) -> list[Any]:
    """What a choice may be here; nothing where the data do not leave it open."""
    match choice:
        case "population_method":
            methods = there.filter(pl.col("choice") == choice)["option"]
            return [None if method == _PRIMARY else method for method in methods]
        case "domestic_share_in_population" | "stability" if there.filter(pl.col("choice") == choice).is_empty():
            return []
        case "stability":
            return ["none", "site"]
        case "domestic_share_in_population" | "net_of_other_sources":
            return [False, True]
        case _:
            return protocols[choice].unique().sort().to_list()


def _named(option: Any) -> str:
    """An option as it is written in the table.

    >>> [_named(option) for option in (None, True, 0.8, 1.0, 3, "census")]
    ['primary', 'yes', '0.8', '1', '3', 'census']
    """
    match option:
        case None:
            return _PRIMARY
        case bool():
            return "yes" if option else "no"
        case float():
            return f"{option:g}"
        case _:
            return str(option)


def _varied(base: Protocol, choice: str, option: Any) -> Protocol | None:
    """The protocol with one choice varied, and with it what the others forbid; None where they do not go together.

    What lies below limits decides which interval there can be, and a series of days knows no weekdays.
    """
    choices = base.model_dump() | {choice: option}
    if choice == "below_limit":
        if base.interval != "none":
            choices["interval"] = "pooled_spread" if option == "likelihood" else "t_of_days"
        if option == "likelihood":
            choices["weekday_rule"] = "weekday_means"
        elif option in OF_SERIES:
            choices["weekday_rule"] = "plain"
    try:
        return Protocol.model_validate(choices)
    except ValidationError:
        return None


def _years(baseline: str, current: str) -> tuple[int, int]:
    """The first and the last year of two periods."""
    bounds = [spans.span(period) for period in (baseline, current)]
    return min(first for first, _ in bounds).year, max(after for _, after in bounds).year


def _changes(warehouse: Warehouse, varied: list[Variant], baseline: str, current: str) -> Iterator[pl.DataFrame]:
    """The changes by variants, as many of these together as memory holds."""
    first_year, last_year = _years(baseline, current)
    years = [year for year in warehouse.years("loads", "reported_loads") if first_year <= year <= last_year]
    n_days = warehouse.query(
        "select count(*) // greatest(count(distinct protocol), 1) from consumption"
        " where sampling_year between $first and $last",
        {"first": first_year, "last": last_year},
    ).item()
    n_together = max(1, _MOST_DAYS // max(1, n_days))
    for start in range(0, len(varied), n_together):
        together = varied[start : start + n_together]
        rows = pl.DataFrame(
            [variant.protocol.model_dump() | {"protocol": variant.way} for variant in together],
            schema=TABLES["protocols"].types, orient="row",
        )  # fmt: skip
        with warehouse.shadowed("consumption"), warehouse.known_as("protocols", rows):
            for year in years:
                warehouse.compute("consumption", year)
            yield changes.between(warehouse, baseline, current).changes
