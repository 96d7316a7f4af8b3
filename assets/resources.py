"""What assets need from outside: the workspace. Replaceable in tests through `build_defs(resources=...)`."""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from pipeline.settings import Workspace, open_workspace, workspace_folder
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
