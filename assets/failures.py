"""Failures that a person can mend: a run that ends with one shows its reason, and no traceback before it."""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from dashboards.drawing_library import DrawingLibraryError
from dashboards.outlines import OutlinesError
from pipeline.estimates import PeriodError
from pipeline.inbox import InboxError
from pipeline.inputs import MixedEditionError
from pipeline.lock import LockError
from pipeline.publication import NotOursError
from pipeline.quality import BrokenTableError
from pipeline.receipts import ReceiptsError
from pipeline.settings import SettingsError
from pipeline.warehouse import WarehouseError
from schemas.profile import ProfileError
from schemas.protocol import ProtocolError
from schemas.reference_data import FactorError

SPOKEN = (
    SettingsError, PeriodError, BrokenTableError, WarehouseError, ProfileError, ProtocolError, FactorError,
    NotOursError, DrawingLibraryError, OutlinesError, LockError, InboxError, ReceiptsError,
    MixedEditionError, OSError,
)  # fmt: skip
"""Errors whose message says what is wrong, where, and what to do."""


class CannotStartError(dg.DagsterError):
    """A run whose workspace cannot be used or locked. Dagster shows errors of its own kind as they are."""


@contextmanager
def told() -> Iterator[None]:
    """Turns these errors into a failure of Dagster with the message as its description; it is not tried again."""
    try:
        yield
    except SPOKEN as error:
        raise dg.Failure(description=str(error), allow_retries=False) from error
