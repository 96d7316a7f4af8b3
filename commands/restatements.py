"""`permille restatements`: which headline figures each edition restated, and why; and what the last run moved."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from commands.common import (
    SIMULATED_DATA,
    WRONG_USAGE,
    Format,
    WorkspaceOption,
    fail,
    opened,
    print_data,
    print_table,
    say,
)

if TYPE_CHECKING:
    import polars as pl

    from dashboards.restatements import Moved


def restatements(
    edition: Annotated[
        int | None, typer.Option(help="Number of one edition; the newest ones if left out.", min=1)
    ] = None,
    most: Annotated[int, typer.Option(help="The most editions to print as tables; 0 prints all.", min=0)] = 5,
    form: Annotated[Format, typer.Option("--format", help="table, csv or json.")] = Format.table,
    workspace: WorkspaceOption = None,
) -> None:
    """List the headline figures that each edition prints differently from the one before, with the reason.

    Example: permille restatements --format csv
    """
    import polars as pl

    from dashboards.restatements import of_edition
    from pipeline.warehouse import Warehouse, WarehouseError

    here = opened(workspace)
    try:
        with Warehouse.open(here.published, read_only=True) as warehouse:
            editions = warehouse.query("select * from editions order by edition_number desc")
            rows = warehouse.query("select * from restatements order by edition_number desc, level desc, unit_id, drug")
            known = editions["edition_number"].to_list()
            if edition is not None and edition not in known:
                fail(f"there is no edition {edition}: there are {known[-1]} to {known[0]}.", WRONG_USAGE)
            if form is not Format.table:
                print_data(rows if edition is None else rows.filter(pl.col("edition_number") == edition), form)
                return
            asked = [edition] if edition is not None else known[: most or None]
            moved = [(number, of_edition(warehouse, number)) for number in asked]
    except WarehouseError as error:
        fail(str(error))
    for number, of_number in moved:
        _print_edition(editions.row(by_predicate=pl.col("edition_number") == number, named=True), of_number)
    if len(asked) < len(known) and edition is None:
        typer.echo(f"... and {len(known) - len(asked)} earlier editions: --most 0 prints all.")


def _print_edition(row: "dict[str, object]", moved: "Moved | None") -> None:
    from dashboards.restatements import lines

    name = f" ({row['edition']})" if row["edition"] else ""
    said = lines(moved, before="the edition before")
    say(f"Edition {row['edition_number']}{name}: {said[0]}")
    if moved is not None and moved.is_same_comparison and moved.rows.height:
        print_table("", _in_words(moved))
        typer.echo("")


def _in_words(moved: "Moved") -> "pl.DataFrame":
    import polars as pl

    from dashboards.restatements import causes_in_words, figure, files_of, levels

    def pair(row: "dict[str, object]") -> dict[str, object]:
        return {
            "drug": row["drug"],
            "place": row["unit_name"] or row["unit_id"],
            "before": figure(row, is_before=True),
            "now": figure(row, is_before=False),
            "means before": levels(row, is_before=True),
            "means now": levels(row, is_before=False),
            "cause": causes_in_words(str(row["causes"])),
            "deliveries": files_of(row["caused_by"], moved.files),  # type: ignore[arg-type]
        }

    return pl.DataFrame([pair(row) for row in moved.rows.iter_rows(named=True)])


def print_moved(published: Path, number_before: int) -> None:
    """Says which headline figures the last run moved: ten lines at most.

    Parameters: `number_before` the number of the edition that was published before it.
    """
    from dashboards.restatements import of_edition
    from pipeline.warehouse import Warehouse

    with Warehouse.open(published, read_only=True) as warehouse:
        editions = warehouse.read("editions").sort("edition_number")
        number = editions["edition_number"][-1]
        moved = of_edition(warehouse, number)
    if number == number_before:
        typer.echo(f"No new edition: nothing that figures rest on has changed since edition {number}.")
        return
    print_lines(moved, before="the edition before", more="permille restatements")


def print_lines(moved: "Moved | None", *, before: str, more: str = "") -> None:
    """Says what moved between two editions."""
    from dashboards.restatements import lines

    label = SIMULATED_DATA if moved is not None and moved.rows["is_simulated"].any() else ""
    for number, line in enumerate(lines(moved, before=before, more=f": '{more}' lists them" if more else "")):
        say(f"{label}{line}" if number == 0 else line)
