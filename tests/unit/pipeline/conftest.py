"""What tests of estimates share: warehouses in which plain deliveries were taken in once."""

import shutil
from contextlib import ExitStack
from functools import cache, partial
from pathlib import Path

import pytest

from pipeline.settings import make_workspace
from pipeline.statements import definitions
from tests.conftest import LateWarehouse
from tests.unit.pipeline.test_estimates import take_in_plain


@pytest.fixture(scope="session")
def plain_warehouses(once, tmp_path_factory):
    """Opens the warehouse of a worker in which plain deliveries of some names were taken in; it stays open."""
    with ExitStack() as until_end:

        @cache
        def opened(*plain: str) -> LateWarehouse:
            made = once("-".join(["plain", *plain]), partial(take_in_plain, plain))
            file = Path(shutil.copy(make_workspace(made).warehouse, tmp_path_factory.mktemp("plain")))
            warehouse = until_end.enter_context(LateWarehouse.open(file))
            warehouse.prepare(" ".join(f"{name}()" for name in definitions()))
            return warehouse

        yield opened
