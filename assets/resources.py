"""What assets need from outside: the workspace. Replaceable in tests through `build_defs(resources=...)`."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg

from pipeline.settings import Workspace, open_workspace
from pipeline.warehouse import Warehouse


class WorkspaceResource(dg.ConfigurableResource[Workspace]):
    """The workspace the assets work in: `folder`, else the variable PERMILLE_WORKSPACE, else ./workspace."""

    folder: str = ""

    def get(self) -> Workspace:
        """The workspace. Read when an asset asks, never when the definitions load."""
        return open_workspace(workspace_folder(self.folder))

    @contextmanager
    def warehouse(self, *, only_tables: bool = False) -> Iterator[Warehouse]:
        """The workspace's warehouse, open for writing."""
        with Warehouse.open(self.get().warehouse, only_tables=only_tables) as warehouse:
            yield warehouse


def workspace_folder(given: str | Path | None = None) -> Path:
    """The workspace's folder: the given one, else PERMILLE_WORKSPACE, else ./workspace."""
    return Path(given or os.environ.get("PERMILLE_WORKSPACE") or "workspace").resolve()
