"""`permille profile`: how a sender writes."""

from pathlib import Path
from typing import Annotated

import typer

from commands.common import (
    FAILED,
    QUARANTINED,
    WRONG_USAGE,
    MostOption,
    fail,
    fail_to_read,
    print_messages,
    print_table,
    say,
)

app = typer.Typer(
    no_args_is_help=True,
    help="Profiles: how a sender writes.\n\nExample: permille profile test city/profiles/north-lab.toml may.xlsx",
)


@app.command("new")
def profile_new(
    file: Annotated[Path, typer.Argument(help="A file of the sender.", exists=True, dir_okay=False)],
    name: Annotated[str, typer.Option(help="Name of the profile: small letters, digits and hyphens.")] = "new-sender",
    output: Annotated[Path | None, typer.Option(help="Where to write it; printed if left out.")] = None,
) -> None:
    """Draft a profile from a file: what can be seen is written down, what cannot is left to you, and said.

    Example: permille profile new may.xlsx --name north-lab --output city/profiles/north-lab.toml
    """
    import re

    from pipeline.files import read_file, shown_name
    from pipeline.findings import DeliveryError
    from pipeline.reading.draft import draft_profile

    if not re.fullmatch(r"[a-z0-9-]+", name):
        fail(f"{name!r} is no name of a profile: small letters, digits and hyphens.", WRONG_USAGE)
    if output is not None and output.exists():
        fail(f"{output} is there already: name another file, or remove it.")
    try:
        draft = draft_profile(read_file(file, is_followed=True), shown_name(file.name), name)
    except DeliveryError as error:
        fail(str(error))
    except OSError as error:
        fail_to_read(file, error)
    if output is None:
        for line in draft.text.splitlines():
            say(line)
    else:
        output.write_text(draft.text, encoding="utf-8")
        typer.echo(f"Draft written to {output}")
    typer.echo("\nTo decide before it can be used:", err=True)
    for line in draft.to_decide:
        say(f"- {line}", err=True)
    typer.echo("Then: permille profile test PROFILE FILE", err=True)


@app.command("test")
def profile_test(
    profile: Annotated[Path, typer.Argument(help="The profile's file.", exists=True, dir_okay=False)],
    file: Annotated[Path, typer.Argument(help="A file of the sender.", exists=True, dir_okay=False)],
    most: MostOption = 20,
) -> None:
    """Read a file by a profile and show what was read beside what stands in it. Nothing is stored.

    Example: permille profile test city/profiles/north-lab.toml may.xlsx
    """
    from pipeline.deliveries import read_and_judge
    from pipeline.files import read_file, shown_name
    from pipeline.receipts import at_hand
    from schemas.profile import ProfileError, load_profile

    try:
        known = load_profile(profile)
    except ProfileError as error:
        fail(str(error))
    try:
        content = read_file(file, is_followed=True)
    except OSError as error:
        fail_to_read(file, error)
    delivery = read_and_judge(
        content, shown_name(file.name), profiles={known.name: known}, known_sites=None, profile_name=known.name,
        receipt=at_hand(1),
    )  # fmt: skip
    from_file = ("sheet", "row_number", "source_cell", "value_as_written", "unit_as_written")
    kept = ("delivery_id", "is_simulated", "source_column", "sampling_year")
    for table, rows in delivery.accepted.items():
        own = [name for name in rows.columns if name not in (*from_file, *kept)]
        shown = rows.select(*from_file, *(name for name in own if rows[name].null_count() < rows.height))
        shown = shown.head(most or rows.height)
        first = f", the first {shown.height}" if shown.height < rows.height else ""
        print_table(f"\n{table}: {rows.height} rows{first}", shown)
    print_messages(delivery.messages, most)
    row = delivery.record.row(0, named=True)
    typer.echo(f"{row['n_rows']} rows = {row['n_accepted']} accepted + {row['n_quarantined']} quarantined")
    if delivery.status == "refused":
        raise typer.Exit(FAILED)
    if delivery.status == "partly accepted":
        raise typer.Exit(QUARANTINED)
