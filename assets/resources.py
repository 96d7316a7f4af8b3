"""What assets need from outside: the workspace. Replaceable in tests through `build_defs(resources=...)`."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Self

import dagster as dg
from pydantic import PrivateAttr

from assets.failures import SPOKEN, CannotStartError, told
from assets.launcher import WORKSPACE_TAG
from pipeline import lock
from pipeline.inputs import of_settings
from pipeline.settings import Workspace, open_workspace, workspace_folder
from pipeline.warehouse import Warehouse


class WorkspaceResource(dg.ConfigurableResource[Any]):
    """The workspace the assets work in: `folder`, else the variable PERMILLE_WORKSPACE, else ./workspace."""

    folder: str = ""
    _until_end: ExitStack | None = PrivateAttr(default=None)
    _of_run: Warehouse | None = PrivateAttr(default=None)

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator[Self]:  # noqa: ARG002
        """From here on the warehouse is that of the run: opened once, when a step first asks for it."""
        with ExitStack() as until_end:
            self._until_end = until_end
            try:
                yield self
            finally:
                self._until_end = self._of_run = None

    def get(self) -> Workspace:
        """The workspace. Read when an asset asks, never when the definitions load."""
        return open_workspace(workspace_folder(self.folder))

    @contextmanager
    def warehouse(self) -> Iterator[Warehouse]:
        """The workspace's warehouse, open for writing: that of the run, else one for as long as it is used."""
        if self._until_end is None:
            with self._opened() as warehouse:
                yield warehouse
            return
        with told():
            if self._of_run is None:
                self._of_run = self._until_end.enter_context(self._opened())
            yield self._of_run

    @contextmanager
    def _opened(self) -> Iterator[Warehouse]:
        here = self.get()
        with told(), Warehouse.open(here.warehouse) as warehouse:
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
            yield locks.enter_context(super().yield_for_execution(context))
