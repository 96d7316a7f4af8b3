"""Which place a word in a command stands for: a site, an area, or all sites, by id or by name. No figures here."""

from typing import NamedTuple

import polars as pl

from pipeline.explain.refusals import ExplainError, sites_called
from pipeline.nearest import perhaps
from pipeline.statements import sql
from pipeline.warehouse import Warehouse

_MOST = 20
"""How many sites, and how many areas, a message lists."""


class Place(NamedTuple):
    """What figures are of: a site, an area, or `network`, all sites."""

    level: str
    unit_id: str
    unit_name: str | None


def place_of(warehouse: Warehouse, said: str, *, is_site: bool = False) -> Place:
    """The place that an id or a name stands for.

    An id wins over a name, what is written alike over what differs in capitals only. Where a site and an area have one
    id, `site:ID` and `area:ID` tell them apart.

    Parameters: `is_site` where only a site is asked for.
    Raises `ExplainError` where there is no such place, or a word stands for several; the message says which there are.
    """
    there = warehouse.query(sql("places")).filter((pl.col("level") == "site") | (not is_site))
    with_level = pl.concat_str("level", "unit_id", separator=":")
    for same in (there.filter(pl.col("unit_id") == said), there.filter(with_level == said)):
        if same.height > 1:
            words = " or ".join(same.select(with_level).to_series())
            raise ExplainError(f"{said!r} is the id of several places: write {words}", is_wrong_usage=True)
        if not same.is_empty():
            return Place(*same.row(0))
    for name in ("unit_id", "unit_name"):
        found = there.filter(pl.col(name).str.to_lowercase() == said.lower())
        if found.height > 1:
            raise ExplainError(f"{said!r} stands for {_listed(found)}: write which, by its id", is_wrong_usage=True)
        if not found.is_empty():
            return Place(*found.row(0))
    if called := sites_called(warehouse, said):
        raise ExplainError(f"{said!r} is a sender's number; it stands for {called}: name the site")
    what = "site" if is_site else "site or area"
    near = perhaps(said, [name for column in ("unit_name", "unit_id") for name in there[column].drop_nulls()])
    raise ExplainError(
        f"there is no {what} {said!r} here{near}; there are: {_listed(there) or 'none'}", is_wrong_usage=True
    )


def _listed(places: pl.DataFrame) -> str:
    """Places for a sentence, sites before areas, the first of many: `site S1 (Mill), S2 (Lake); area north (North)`."""
    name = pl.col("unit_name")
    called = pl.when(name.is_null() | (name == pl.col("unit_id"))).then(pl.col("unit_id")).otherwise(
        pl.format("{} ({})", "unit_id", name)
    )  # fmt: skip
    more = pl.when(pl.len() > _MOST).then(pl.format(" and {} more", pl.len() - _MOST)).otherwise(pl.lit(""))
    said = (
        places.filter(pl.col("level") != "network")
        .group_by("level", maintain_order=True)
        .agg(called.head(_MOST).str.join(", ").alias("called"), more.alias("more"))
        .select(pl.format("{} {}{}", "level", "called", "more"))
        .to_series()
        .to_list()
    )
    return "; ".join([*said, *(["network"] if (places["level"] == "network").any() else [])])
