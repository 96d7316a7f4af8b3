"""The ledger of a simulated city: each file came in when its simulated sender delivered it."""

from collections.abc import Iterable
from pathlib import Path

from pipeline.inbox import sha256_of
from pipeline.receipts import Copy, Ledger, moment_of
from pipeline.settings import Workspace


def write_receipts(files: Iterable[Path], workspace: Workspace) -> None:
    """Write into the ledger when simulated deliveries came in, unless the workspace knows its deliveries already.

    Parameters
    ----------
    files : iterable of pathlib.Path
        The files in the inbox, in the order they were delivered, as `write_deliveries` returns them.
    workspace : Workspace
        The workspace of the simulated city.
    """
    ledger = Ledger(workspace.receipts)
    if not ledger.exists and workspace.archive.is_dir():
        return  # from before there was a ledger: the next run begins one from what is stored
    for file in files:
        saved = moment_of(file)
        ledger.receive([Copy(sha256_of(file), file.relative_to(workspace.inbox).as_posix(), None, saved)], saved)
