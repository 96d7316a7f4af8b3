"""The front door: the command line. What each command does stands in `commands/`.

What a command needs is imported when it runs, so that `permille --help` answers at once.
"""

import gc
import os
import sys
from typing import Annotated

import typer

from commands import deliveries, factors, fetch, profiles, sites
from commands.brief import brief
from commands.changes import change, credibility
from commands.common import FAILED
from commands.events import events
from commands.figures import levels, totals
from commands.origins import explain, history
from commands.over_time import plan, series, trend
from commands.plausibility import plausibility
from commands.restatements import restatements
from commands.robustness import robustness
from commands.targets import targets
from commands.work import check, demo, init, run, status

app = typer.Typer(
    name="permille",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help=(
        "From drug residues in wastewater to consumption per 1000 inhabitants and day, and how far it has fallen.\n\n"
        "A workspace is a folder with permille.toml, inbox/, the warehouse and site/: --workspace DIR, else the"
        " variable PERMILLE_WORKSPACE, else ./workspace.\n\n"
        "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 done but rows were quarantined."
    ),
)


def _print_version(is_asked: bool) -> None:
    if is_asked:
        from importlib.metadata import version

        typer.echo(f"permille {version('permille')}")
        raise typer.Exit


@app.callback()
def common(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and end.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Options of all commands stand with each command."""


for command in (
    init,
    demo,
    run,
    check,
    status,
    plausibility,
    change,
    credibility,
    robustness,
    targets,
    brief,
    series,
    trend,
    events,
    plan,
    levels,
    totals,
    explain,
    history,
    restatements,
):
    app.command()(command)
for name, group in (
    ("profile", profiles.app),
    ("fetch", fetch.app),
    ("factors", factors.app),
    ("sites", sites.app),
    ("deliveries", deliveries.app),
):
    app.add_typer(group, name=name)


def main() -> None:
    """The command `permille`."""
    gc.set_threshold(50_000)  # the default runs the garbage collector too often during imports
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # the matrices are small; idle threads would use CPU time
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="replace")  # names are Chinese, terminals may not be
    try:
        app(prog_name="permille")
    except OSError as error:  # a full disk, a folder one may not write to
        what = f"{error.filename}: " if error.filename else ""
        typer.echo(f"Error: {what}{error.strerror or error}.", err=True)
        sys.exit(FAILED)


if __name__ == "__main__":
    main()
