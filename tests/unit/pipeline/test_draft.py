"""What a draft of a profile sees in the numbers of a file. The commands are tried in `tests/test_command_line.py`."""

import pytest

from pipeline.reading.draft import draft_profile

SIGN = "decimal or thousands"


@pytest.mark.parametrize(
    ("numbers", "lines", "asks"),
    [
        (["133,336", "1,157,325"], ['thousands = ","'], None),
        (["1.157.325", "12"], ['decimal = ","', 'thousands = "."'], None),
        (["1,234.5", "12"], ['thousands = ","'], None),
        (["1.234,5", "12"], ['decimal = ","', 'thousands = "."'], None),
        (["1 234 567", "12"], ['thousands = " "'], None),
        (["0,5", "12,25"], ['decimal = ","'], None),
        (["0.5", "12.250"], [], None),
        (["133,336", "12"], ['decimal = ","'], SIGN),
        (["133,336", "0,5"], ['decimal = ","'], None),
    ],
)
def test_signs_are_told_where_nothing_else_can_be_meant_and_asked_about_where_it_can(numbers, lines, asks):
    text = "Plant;Day;Ketamine [ng/L]\n" + "".join(f"A;2025-03-{day:02};{n}\n" for day, n in enumerate(numbers, 1))
    draft = draft_profile(text.encode(), "may.csv", "north")
    assert [line for line in draft.text.splitlines() if line.startswith(("decimal", "thousands"))] == lines
    assert any(SIGN in question for question in draft.to_decide) == bool(asks)
