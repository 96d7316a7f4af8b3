"""A few hundred deliveries that something has happened to; `make fuzz` judges 20,000."""

import pytest

from tests.fuzzing import judge

pytestmark = pytest.mark.xdist_group("fuzzing")  # what is changed is made once


@pytest.mark.parametrize("first", range(0, 300, 50))
def test_no_delivery_does_what_none_may(first):
    outcomes = [judge(number) for number in range(first, first + 50)]
    assert [outcome for outcome in outcomes if outcome.problem] == []
    assert {outcome.outcome for outcome in outcomes} - {"accepted"}, "nothing has happened to them"


@pytest.mark.parametrize(
    "number", [114, 808, 1683, 3291, 7597, 8770, 9306, 11598, 14195, 17353, 19080, 19348, 20983, 26410, 35593]
)
def test_what_once_panicked_hung_or_took_all_memory(number):
    assert judge(number).problem == ""
