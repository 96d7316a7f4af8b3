"""The time zones a site may lie in: the names of the IANA database."""

from functools import cache
from zoneinfo import available_timezones

_NO_PLACES = {"Factory", "localtime"}
"""Names of the database that mean "not set" and "that of this machine"."""


@cache
def time_zones() -> frozenset[str]:
    """All names a time zone may have.

    >>> "Asia/Shanghai" in time_zones(), "CET+1" in time_zones()
    (True, False)
    """
    return frozenset(available_timezones() - _NO_PLACES)
