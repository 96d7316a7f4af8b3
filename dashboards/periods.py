"""Periods as days: 2024, 2024-Q1 and 2024-03. No data."""

from datetime import date


def span(period: str) -> tuple[date, date]:
    """The first day of a period, and the first day after it.

    Raises `ValueError` where the text is no period.

    >>> span("2024-Q1")
    (datetime.date(2024, 1, 1), datetime.date(2024, 4, 1))
    >>> span("2024-12")
    (datetime.date(2024, 12, 1), datetime.date(2025, 1, 1))
    """
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
    """The next period of the same kind.

    >>> following("2024-Q4"), following("2024"), following("2024-09")
    ('2025-Q1', '2025', '2024-10')
    """
    _, end = span(period)
    if "-" not in period:
        return f"{end.year}"
    if "Q" in period:
        return f"{end.year}-Q{(end.month + 2) // 3}"
    return f"{end.year}-{end.month:02d}"


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
