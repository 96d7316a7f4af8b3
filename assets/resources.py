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

    def get(self) -> Workspace:
        """The workspace. Read when an asset asks, never when the definitions load."""
        return open_workspace(workspace_folder(self.folder))

    @contextmanager
    def warehouse(self) -> Iterator[Warehouse]:
        """The workspace's warehouse, open for writing for as long as it is used."""
        here = self.get()
        with told(), Warehouse.open(here.warehouse) as warehouse:
            warehouse.settings_identity = of_settings(here.settings)
            yield warehouse


class LockedWorkspace(WorkspaceResource):
    """The workspace of a run: from the first step to the end it holds the lock on it, and opens its warehouse once.

    That of a sensor holds nothing.
    """

    _until_end: ExitStack | None = PrivateAttr(default=None)
    _of_run: Warehouse | None = PrivateAttr(default=None)

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator[Self]:
        """Holds the lock on the workspace while a run works in it."""
        if context.run is None or context.instance is None or context.log is None:
            yield self  # a sensor looks
            return
        run_id, folder = context.run.run_id, workspace_folder(self.folder)
        with ExitStack() as until_end:
            try:
                self.get()  # of a folder that is no workspace nothing is locked
                until_end.enter_context(lock.shown_alive(folder, run_id))
                context.instance.add_run_tags(run_id, {WORKSPACE_TAG: str(folder)})
                until_end.enter_context(lock.held(folder, f"Dagster run {run_id}", tell=context.log.info))
            except SPOKEN as error:
                raise CannotStartError(str(error)) from error
            self._until_end = until_end
            try:
                yield self
            finally:
                self._until_end = self._of_run = None

    @contextmanager
    def warehouse(self) -> Iterator[Warehouse]:
        """The warehouse of the run, opened when a step first asks for it."""
        with told():
            if self._until_end is None:
                with super().warehouse() as warehouse:
                    yield warehouse
                return
            if self._of_run is None:
                self._of_run = self._until_end.enter_context(super().warehouse())
            # Each step reads the settings anew, so that those edited during a run are noticed before it publishes.
            self._of_run.settings_identity = of_settings(self.get().settings)
            self._of_run.plan_for_size()
            yield self._of_run
