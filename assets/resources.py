"""What assets need from outside: the workspace. Replaceable in tests through `build_defs(resources=...)`."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Self

import dagster as dg

from assets.failures import SPOKEN, CannotStartError, told
from assets.launcher import WORKSPACE_TAG
from pipeline import lock
from pipeline.inputs import of_settings
from pipeline.settings import Workspace, open_workspace, workspace_folder
from pipeline.warehouse import Warehouse


class WorkspaceResource(dg.ConfigurableResource[Any]):
    """The workspace the assets work in: `folder`, else the variable PERMILLE_WORKSPACE, else ./workspace."""

    folder: str = ""

    def get(self) -> Workspace:
        """The workspace. Read when an asset asks, never when the definitions load."""
        return open_workspace(workspace_folder(self.folder))

    @contextmanager
    def warehouse(self, *, only_tables: bool = False) -> Iterator[Warehouse]:
        """The workspace's warehouse, open for writing."""
        here = self.get()
        with told(), Warehouse.open(here.warehouse, only_tables=only_tables) as warehouse:
            warehouse.settings_identity = of_settings(here.settings)
            yield warehouse


class LockedWorkspace(WorkspaceResource):
    """The workspace of a run, which holds the lock on it from its first step to its end; a sensor's holds none."""

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator[Self]:
        """Holds the lock on the workspace while a run works in it, from its first step to its end."""
        if context.run is None or context.instance is None or context.log is None:
            yield self  # a sensor looks
            return
        run_id, folder = context.run.run_id, workspace_folder(self.folder)
        with ExitStack() as locks:
            try:
                self.get()  # of a folder that is no workspace nothing is locked
                locks.enter_context(lock.shown_alive(folder, run_id))
                context.instance.add_run_tags(run_id, {WORKSPACE_TAG: str(folder)})
                locks.enter_context(lock.held(folder, f"Dagster run {run_id}", tell=context.log.info))
            except SPOKEN as error:
                raise CannotStartError(str(error)) from error
            yield self
