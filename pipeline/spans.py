"""Periods by their names, as days: a year, a quarter, a month, or days from one to another. No data.

2024, 2024-Q1, 2024-03 and 2024-03-06..2024-03-12.
"""

import re
from datetime import date, timedelta

_CALENDAR = re.compile(r"\d{4}(-Q[1-4]|-(0[1-9]|1[0-2]))?")
_DAYS = re.compile(r"\d{4}-\d{2}-\d{2}\.\.\d{4}-\d{2}-\d{2}")
EXAMPLES = "2023, 2023-Q1, 2023-03 or 2023-03-06..2023-03-12"
_AROUND = re.compile(r"(before|during|after):(\S.*)")
AROUND = "before:EVENT, during:EVENT, after:EVENT"
_WEEKS_OF_A_YEAR = timedelta(weeks=52)
_AROUND_EVENTS = timedelta(weeks=4)
"""How long before an event, and after it, is compared: whole weeks, so that all weekdays are there alike."""


def is_calendar(text: str) -> bool:
    """True for a year, a quarter or a month, of which means are kept: 2023, 2023-Q1, 2023-03."""
    return bool(_CALENDAR.fullmatch(text))


def is_period(text: str) -> bool:
    """True for these and for days from one to another, the first not after the last.

    >>> is_period("2024-02-26..2024-03-03"), is_period("2024-03-03..2024-02-26"), is_period("2024-02-30..2024-03-03")
    (True, False, False)
    """
    if is_calendar(text):
        return True
    if not _DAYS.fullmatch(text):
        return False
    try:
        first, last = (date.fromisoformat(day) for day in text.split(".."))
    except ValueError:
        return False
    return first <= last


def event_of(text: str) -> str | None:
    """The event that a period lies before, during or after; None for a period that has its own days.

    >>> event_of("before:winter-campaign"), event_of("2024")
    ('winter-campaign', None)
    """
    found = _AROUND.fullmatch(text)
    return found.group(2) if found else None


def around(text: str, starts_on: date, ends_on: date | None) -> str:
    """The four weeks before or after an event, or the event itself, as days; after one that lasts: from its first day.

    Raises `ValueError` for the days during an event that has no last one.

    >>> around("before:x", date(2024, 3, 4), date(2024, 3, 17)), around("after:x", date(2024, 3, 4), date(2024, 3, 17))
    ('2024-02-05..2024-03-03', '2024-03-18..2024-04-14')
    >>> around("after:x", date(2024, 3, 4), None)
    '2024-03-04..2024-03-31'
    """
    day, where = timedelta(days=1), text.partition(":")[0]
    if where == "before":
        return f"{starts_on - _AROUND_EVENTS}..{starts_on - day}"
    if where == "after":
        first = starts_on if ends_on is None else ends_on + day
        return f"{first}..{first + _AROUND_EVENTS - day}"
    if ends_on is None:
        raise ValueError("it has no last day")
    return f"{starts_on}..{ends_on}"


def kind(period: str) -> str:
    """`year`, `quarter`, `month` or `days`.

    >>> [kind(name) for name in ("2024", "2024-Q1", "2024-03", "2024-03-06..2024-03-12")]
    ['year', 'quarter', 'month', 'days']
    """
    return {4: "year", 7: "quarter" if "Q" in period else "month"}.get(len(period), "days")


def span(period: str) -> tuple[date, date]:
    """The first day of a period, and the first day after it.

    Raises `ValueError` where the text is no period.

    >>> span("2024-Q1")
    (datetime.date(2024, 1, 1), datetime.date(2024, 4, 1))
    >>> span("2024-12")
    (datetime.date(2024, 12, 1), datetime.date(2025, 1, 1))
    >>> span("2024-03-06..2024-03-12")
    (datetime.date(2024, 3, 6), datetime.date(2024, 3, 13))
    """
    if kind(period) == "days":
        first_day, last_day = (date.fromisoformat(day) for day in period.split(".."))
        return first_day, last_day + timedelta(days=1)
    year, _, part = period.partition("-")
    if not part:
        first, months = 1, 12
    elif part.startswith("Q"):
        first, months = 3 * int(part[1:]) - 2, 3
    else:
        first, months = int(part), 1
    start = date(int(year), first, 1)
    years, month = divmod(first - 1 + months, 12)
    return start, date(int(year) + years, month + 1, 1)


def middle(period: str) -> date:
    """The day in the middle of a period.

    >>> middle("2024")
    datetime.date(2024, 7, 2)
    """
    start, end = span(period)
    return start + (end - start) // 2


def following(period: str) -> str:
    """The next period of the same kind, of days as many days.

    >>> following("2024-Q4"), following("2024"), following("2024-09"), following("2024-02-26..2024-03-03")
    ('2025-Q1', '2025', '2024-10', '2024-03-04..2024-03-10')
    """
    start, end = span(period)
    return f"{end}..{end + (end - start) - timedelta(days=1)}" if kind(period) == "days" else _named(end, kind(period))


def previous(period: str) -> str:
    """The period of the same kind before, of days as many days.

    >>> previous("2024-Q1"), previous("2024"), previous("2024-03"), previous("2024-03-04..2024-03-10")
    ('2023-Q4', '2023', '2024-02', '2024-02-26..2024-03-03')
    """
    start, end = span(period)
    if kind(period) == "days":
        return f"{start - (end - start)}..{start - timedelta(days=1)}"
    return _named(start - timedelta(days=1), kind(period))


def year_before(period: str) -> str:
    """The same period a year before; of days those 52 weeks before, which are the same weekdays.

    >>> year_before("2024-Q1"), year_before("2024"), year_before("2024-02"), year_before("2024-03-04..2024-03-10")
    ('2023-Q1', '2023', '2023-02', '2023-03-06..2023-03-12')
    """
    start, end = span(period)
    if kind(period) == "days":
        return f"{start - _WEEKS_OF_A_YEAR}..{end - timedelta(days=1) - _WEEKS_OF_A_YEAR}"
    return f"{start.year - 1}{period[4:]}"


def overlap(one: str, other: str) -> bool:
    """Whether two periods have a day in common.

    >>> overlap("2024", "2024-Q2"), overlap("2024-Q1", "2024-Q2")
    (True, False)
    """
    (first, end), (other_first, other_end) = span(one), span(other)
    return first < other_end and other_first < end


def _named(day: date, of: str) -> str:
    """The period of a kind that a day lies in."""
    if of == "year":
        return f"{day.year}"
    return f"{day.year}-Q{(day.month + 2) // 3}" if of == "quarter" else f"{day.year}-{day.month:02d}"


def without_gaps(periods: list[str]) -> list[str]:
    """All periods from the first to the last of some of one kind, in order, those between them filled in.

    >>> without_gaps(["2023-Q3", "2024-Q1"])
    ['2023-Q3', '2023-Q4', '2024-Q1']
    """
    if not periods:
        return []
    found, last = [min(periods)], max(periods)
    while found[-1] < last:
        found.append(following(found[-1]))
    return found
