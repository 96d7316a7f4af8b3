"""What moved between two editions: headline figures that differ as printed, and how that is said."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from dashboards import labels
from dashboards.languages import N_, words
from pipeline import restatements
from pipeline.receipts import called
from pipeline.restatements import KEY, PARTS, Edition, Headline
from pipeline.settings import Settings
from pipeline.warehouse import Warehouse

MOST_LINES = 10
_MOST_FILES = 3
CAUSES = {
    "new": N_("new data"),
    "corrected": N_("a correction"),
    "superseded": N_("a delivery that supersedes another"),
    "withdrawn": N_("a delivery that was withdrawn"),
    "restored": N_("a delivery that was restored"),
    "decided": N_("a person's decision"),
    "read_again": N_("a delivery that was read differently"),
    "gone": N_("a delivery that is no longer there"),
    "settings": N_("the settings"),
    "factors": N_("factors, protocols or other reference data"),
    "code": N_("another version of Permille, or of a library it computes with"),
}
"""Why figures moved."""
_HEADLINE = ("protocol", "baseline_period", "current_period")


class Moved(NamedTuple):
    """What moved between two editions.

    Attributes:
        before: the comparison of the headline of the edition before.
        now: that of this edition.
        rows: the figures that differ as printed, with their causes: network first, then what moved furthest; none
            where the comparison itself changed.
        causes: why the editions differ.
        files: what deliveries are called.
    """

    before: Headline
    now: Headline
    rows: pl.DataFrame
    causes: str
    files: Mapping[str, str]

    @property
    def is_same_comparison(self) -> bool:
        """Whether figures of the two can be held against each other."""
        return self.before == self.now


def record(warehouse: Warehouse, published: Path, settings: Settings) -> None:
    """Holds a warehouse against the last published copy, and writes into it the history of editions."""
    before = restatements.last_published(published, settings)
    now = restatements.edition_now(warehouse, settings, warehouse.read("changes"))
    found = None if before is None else between(warehouse, before, now)
    moved = found.rows if found and found.is_same_comparison else None
    restatements.keep(warehouse, before, now, found.causes if found else "", moved)


def between(warehouse: Warehouse, before: restatements.Published, now: Edition) -> Moved:
    """What moved between the last published copy and a warehouse; nothing is stored."""
    causes = restatements.causes(warehouse, before)
    is_same = before.edition.headline == now.headline
    rows = differing(before.edition.figures, now.figures if is_same else before.edition.figures)
    rows = restatements.with_causes(warehouse, causes, rows)
    return Moved(before.edition.headline, now.headline, rows, causes.codes, _files(warehouse))


def differing(before: pl.DataFrame, now: pl.DataFrame) -> pl.DataFrame:
    """The figures of two editions that differ as printed: the network's first, then those that moved furthest."""
    both = now.join(before.rename(PARTS), on=KEY, how="full", coalesce=True, suffix="_of_before")
    both = both.with_columns(
        pl.coalesce(name, f"{name}_of_before").alias(name) for name in ("unit_name", "is_simulated")
    )
    is_other = pl.any_horizontal(
        _printed(part).ne_missing(_printed(of_before, part)) for part, of_before in PARTS.items()
    )
    moved = both.filter(is_other).join(_network_by_another_name(both), on="unit_id", how="anti")
    return in_order(moved).select(*KEY, "unit_name", *PARTS, *PARTS.values(), "is_simulated")


def _network_by_another_name(both: pl.DataFrame) -> pl.DataFrame:
    """The areas all of whose figures, before and now, are those of the network: `unit_id`."""
    numbers = [*PARTS, *PARTS.values()]
    beside = both.filter(pl.col("level") == "area").join(
        both.filter(pl.col("level") == "network").select("drug", *numbers), on="drug", how="left", suffix="_of_all"
    )
    is_same = pl.all_horizontal(pl.col(name).eq_missing(pl.col(f"{name}_of_all")) for name in numbers)
    n_drugs = both.filter(pl.col("level") == "network").height
    found = beside.group_by("unit_id").agg(is_same.all().alias("is_same"), pl.len().alias("n"))
    return found.filter(pl.col("is_same"), pl.col("n") == n_drugs).select("unit_id")


def in_order(moved: pl.DataFrame) -> pl.DataFrame:
    """Figures that moved: those of the network first, and those that moved furthest."""
    is_one_sided = pl.col("change_percent").is_null() != pl.col("change_before_percent").is_null()
    distance = (_log_ratio("change_percent") - _log_ratio("change_before_percent")).abs().fill_null(0)
    order = [pl.col("level") == "network", is_one_sided, distance, "unit_id", "drug"]
    return moved.sort(order, descending=[True, True, True, False, False])


def _printed(column: str, part: str | None = None) -> pl.Expr:
    """A part of a figure as pages and commands print it."""
    part = part or column
    if part == "verdict":
        # A figure that is not there reads as one that cannot be estimated.
        return pl.col(column).fill_null("not estimable")
    words = labels.percent if part.endswith("_percent") else labels.amount
    return pl.col(column).map_elements(words, return_dtype=pl.String)


def _log_ratio(change: str) -> pl.Expr:
    return (1 + pl.col(change) / 100).clip(lower_bound=1e-6).log()


def _files(warehouse: Warehouse) -> dict[str, str]:
    """What deliveries are called, by their identities."""
    rows = warehouse.query("select delivery_id, file_name, receipt_number from deliveries").iter_rows()
    return {delivery_id: called(name, number) for delivery_id, name, number in rows}


def files_of(ids: Sequence[str], files: Mapping[str, str], language: str = "en") -> str:
    """The files behind a figure that moved, the first few by name.

    >>> files_of(["a", "b" * 64], {"a": "may.csv (no. 3)"})
    'may.csv (no. 3), bbbbbbbbbbbb'
    """
    _ = words(language)
    names = [files.get(one, one[:12]) for one in ids]
    shown = _(", ").join(names[:_MOST_FILES])
    more = len(names) - _MOST_FILES
    return shown if more <= 0 else _("{files} and {n} more").format(files=shown, n=more)


def causes_in_words(codes: str, language: str = "en") -> str:
    """Causes, as tables hold them, in words.

    >>> causes_in_words("new settings"), causes_in_words("corrected", "zh")
    ('new data, the settings', '更正')
    """
    _ = words(language)
    return _(", ").join(_(CAUSES[cause]) for cause in codes.split())


def figure(row: Mapping[str, Any], *, is_before: bool, language: str = "en") -> str:
    """A figure as it is now, or as it was before: the change, its interval where it has one, and the verdict."""
    change, low, high, verdict = (
        row[PARTS[part] if is_before else part]
        for part in ("change_percent", "ci_low_percent", "ci_high_percent", "verdict")
    )
    if change is None:
        return words(language)(labels.NOT_ESTIMABLE)
    interval = "" if low is None or high is None else f" ({labels.interval(low, high, language)})"
    said = "" if verdict is None else f", {labels.said(labels.VERDICTS, verdict, language)}"
    return f"{labels.percent(change, language)}{interval}{said}"


def levels(row: Mapping[str, Any], *, is_before: bool) -> str:
    """The two means that a change compares, as they are now or as they were before.

    >>> levels({"baseline_mg_per_day_per_1000": 88.04, "current_mg_per_day_per_1000": None}, is_before=False)
    '88.0; –'
    """
    parts = ("baseline_mg_per_day_per_1000", "current_mg_per_day_per_1000")
    return "; ".join(labels.amount(row[PARTS[part] if is_before else part]) for part in parts)


def lines(moved: Moved | None, *, before: str = "the last edition", more: str = "") -> list[str]:
    """What moved, as commands say it: ten figures at most, and how many more there are.

    Parameters: `moved` None where nothing was published before; `before` what the edition before is called; `more`
    where the others are to be found. Delivered names stand in the lines: print them by `say`.
    """
    if moved is None:
        return ["First edition: there is no published copy to compare these figures with."]
    because = f" Causes: {causes_in_words(moved.causes)}." if moved.causes else ""
    if not moved.is_same_comparison:
        compared = f"{_comparison(moved.before)} before, {_comparison(moved.now)} now"
        return [
            f"The comparison itself changed since {before}: {compared}. Figures of the two are not compared.{because}"
        ]
    if moved.rows.is_empty():
        return [f"No headline figure differs, as printed, from {before}.{because}"]
    n = "1 headline figure differs" if moved.rows.height == 1 else f"{moved.rows.height:,} headline figures differ"
    rows = list(moved.rows.head(MOST_LINES).iter_rows(named=True))
    shown = [f"{n}, as printed, from {before} (before -> now):", *(_line(row, moved.files) for row in rows)]
    left = moved.rows.height - len(rows)
    return [*shown, *([f"  ... and {left} more{more}"] if left else [])]


def _comparison(headline: Headline) -> str:
    if headline.baseline is None:
        return f"no two periods by {headline.protocol}"
    return f"{headline.current} against {headline.baseline} by {headline.protocol}"


def _line(row: Mapping[str, Any], files: Mapping[str, str]) -> str:
    was, now = (figure(row, is_before=is_before) for is_before in (True, False))
    levels_was, levels_now = (levels(row, is_before=is_before) for is_before in (True, False))
    of_levels = "" if levels_was == levels_now else f"; baseline and now {levels_was} -> {levels_now}"
    by = files_of(row["caused_by"], files)
    cause = causes_in_words(row["causes"])
    return (
        f"  {row['drug']}, {row['unit_name'] or row['unit_id']}: {was} -> {now}{of_levels}."
        f" Cause: {cause}{f'; by {by}' if by else ''}"
    )


def of_edition(warehouse: Warehouse, number: int) -> Moved | None:
    """What moved by an edition that was published, by its number; None where it was compared with no other."""
    editions = warehouse.read("editions").sort("edition_number").filter(pl.col("edition_number") <= number)
    last = editions.row(-1, named=True)
    if not last["is_compared"]:
        return None
    before, now = (Headline(*row) for row in editions.select(*_HEADLINE).tail(2).rows())
    rows = in_order(warehouse.read("restatements").filter(edition_number=number))
    return Moved(before, now, rows, last["causes"], _files(warehouse))
