"""`permille fetch`: published data."""

import sys
from typing import Annotated

import typer

from commands.common import WorkspaceOption, fail, opened, say

app = typer.Typer(
    no_args_is_help=True,
    help="Fetch published data. No other command asks the network.\n\nExample: permille fetch euda --workspace europe",
)


@app.command("euda")
def fetch_euda(
    data_url: Annotated[str, typer.Option(help="Address of the data file; the settings' if left out.")] = "",
    sites_url: Annotated[str, typer.Option(help="Address of the site table; the settings' if left out.")] = "",
    workspace: WorkspaceOption = None,
) -> None:
    """Download the European Union Drugs Agency's data file and site table into the inbox: both, or neither.

    The addresses change with each yearly release: euda_data_url and euda_sites_url in permille.toml. What was fetched
    from where stands in the workspace's fetched.jsonl.

    Example: permille fetch euda --workspace europe

    Example: permille fetch euda --data-url https://.../all-data.csv --sites-url https://.../sites.csv
    """
    from pipeline import fetch as fetching
    from schemas.profile import ProfileError

    here = opened(workspace)
    is_terminal = sys.stderr.isatty()

    def progress(text: str) -> None:
        if is_terminal:  # in place of the line before; an empty one takes it away
            typer.echo(f"\r\x1b[K{text}", err=True, nl=False)

    try:
        try:
            fetched = fetching.fetch_euda(here, data_url=data_url, sites_url=sites_url, progress=progress)
        finally:
            progress("")
    except (fetching.FetchError, ProfileError) as error:
        fail(str(error))
    for file in fetched:
        size = f"{file.size_bytes:,} bytes, profile {file.profile}"
        what = "laid into the inbox" if file.is_new else "unchanged, nothing was written"
        say(f"{file.what}: {what}: {file.file} ({size}; licence: {file.licence or 'not stated'})")
        if file.beside is not None:
            say(
                f"  Another content under the same headers was delivered before: {file.beside}. If that is another"
                " release, numbers may have come to mean other places: after the run 'permille sites questions' tells"
                " which wait for your decision."
            )
    if any(file.is_new for file in fetched):
        typer.echo(f"Then: permille run --workspace {here.folder}")
