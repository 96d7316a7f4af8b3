"""What a campaign would see: against simulation, the tabled falls, and what no number of days can do."""

import numpy as np
import pytest
from scipy import stats

from pipeline.planning import Basis, days_for, out_of_reach, plan
from pipeline.statistics.intervals import half_width
from pipeline.statistics.planning import days_needed, limit_of_days, power, smallest_fall


def basis(**changed) -> Basis:
    plain = {"drug": "cocaine", "place": "network", "period": "2024", "n_sites": 4, "n_sites_effective": 4.0,
             "daily_log_sd": 0.3, "batch_rsd": 0.08, "is_simulated": True}  # fmt: skip
    return Basis(**plain | changed)


@pytest.mark.parametrize(("n_days", "batch_rsd", "fall"), [(7, 0.0, 0.3), (7, 0.08, 0.4), (28, 0.05, 0.2)])
def test_power_is_what_simulated_campaigns_show(n_days, batch_rsd, fall):
    """Days drawn about their level, the spread learnt from them, the interval as it is published."""
    rng = np.random.default_rng(1)
    n, sd = 20_000, 0.25
    before, after = (sd * rng.standard_normal((n, n_days)) for _ in range(2))
    batches = batch_rsd * rng.standard_normal((2, n))
    log_ratio = np.log(1 - fall) + after.mean(axis=1) - before.mean(axis=1) + batches[1] - batches[0]
    variance = (before.var(axis=1, ddof=1) + after.var(axis=1, ddof=1)) / n_days
    half = half_width(variance, np.full(n, 2.0 * (n_days - 1)), np.full(n, 2 * batch_rsd**2))
    seen = (np.abs(log_ratio) > half).mean()
    found = power(np.array([fall]), np.array([float(n_days)]), sd, 1.0, 2 * batch_rsd**2)[0]
    assert found == pytest.approx(seen, abs=0.02)


def test_the_falls_that_are_tabled_elsewhere_are_seen_half_of_the_time():
    """Half the width of an interval of a known spread: 14.5, 23.0 and 40.8 % with seven days at 15, 25 and 50 %."""
    for cv, fall in ((0.15, 0.145), (0.25, 0.230), (0.50, 0.408)):
        # Many alike sites with as much in doubt together: the spread is known then.
        found = power(np.array([fall]), np.array([7.0]), cv * 100, 100.0**2, 0.0)[0]
        assert found == pytest.approx(0.5, abs=0.01)


def test_what_is_asked_of_days_is_what_they_give():
    of = (0.3, 4.0, 2 * 0.05**2)
    fall = float(smallest_fall(np.array([7.0]), *of)[0])
    assert power(np.array([fall]), np.array([7.0]), *of)[0] == pytest.approx(0.8, abs=1e-6)
    assert days_needed(fall + 1e-6, *of) == 7
    assert days_needed(fall - 1e-3, *of) > 7


def test_more_days_do_not_help_against_what_two_batches_leave_in_doubt():
    shared = 2 * 0.08**2
    least = limit_of_days(shared)
    assert least == pytest.approx(0.272, abs=0.001)
    assert days_needed(least - 0.01, 0.3, 4.0, shared) is None
    assert days_for(basis(), 20) is None
    assert days_for(basis(batch_rsd=0.0), 20) is not None
    assert out_of_reach(basis()) == pytest.approx(27.2, abs=0.1)
    assert out_of_reach(basis(batch_rsd=0.0)) == 0


def test_a_table_grows_with_the_days():
    rows = plan(basis())
    falls = rows["smallest_fall_percent"].to_list()
    assert falls == sorted(falls, reverse=True)
    assert min(falls) > out_of_reach(basis())
    seen = rows["power_of_a_fall_of_50_percent"].to_list()
    assert seen == sorted(seen)
    assert 0 < seen[0] < seen[-1] <= 1


def test_days_needed_reach_from_one_to_a_year():
    assert days_needed(0.5, 0.05, 4.0, 0.0) == 1
    of = (0.3, 4.0, 0.0)
    falls = smallest_fall(np.array([363.0, 364, 365, 366]), *of)
    assert days_needed(float(falls[2]) + 1e-9, *of) == 365
    assert days_needed(float(falls[1]) + 1e-9, *of) == 364
    assert days_needed(float(falls[3]) + 1e-9, *of) is None


def test_more_days_see_smaller_falls_however_large_a_fall_is():
    """Power rises to 1 and stays there: where the other side was not a number the search went astray."""
    days = np.arange(2.0, 366, 6)
    for spread, n_sites in ((0.3, 4.0), (0.3, 1.0), (0.05, 20.0)):
        assert (np.diff(smallest_fall(days, spread, n_sites, 0.0)) < 0).all()
    assert power(np.array([0.5, 0.9, 0.999]), np.full(3, 91.0), 0.3, 4.0, 0.0) == pytest.approx(1)
    # 2.8 standard errors of sqrt(2 x 0.09 / 14), a little more as 26 degrees of freedom are few.
    assert smallest_fall(np.array([14.0]), 0.3, 1.0, 0.0)[0] == pytest.approx(0.2811, abs=1e-4)
    assert smallest_fall(np.array([14.0]), 0.3, 4.0, 0.0)[0] == pytest.approx(0.1481, abs=1e-4)


def test_what_no_fall_could_show_has_no_smallest_one():
    """So wide a spread that use would have to vanish: the end of the search."""
    assert smallest_fall(np.array([2.0]), 50.0, 1.0, 0.0)[0] == pytest.approx(1 - 1e-9, abs=1e-12)


def test_power_by_hand():
    """Of few days by the noncentral t, of many by the normal distribution; degrees of freedom by Satterthwaite.

    Three days at two sites of a CV of 0.3: 2 x 0.09 / 6 = 0.03, with 0.01 beside 0.04; 2 x 2 x 2 (4/3)^2 = 14.2.
    """
    df = 8 * (4 / 3) ** 2
    shift, critical = -np.log(0.6) / 0.2, stats.t.ppf(0.975, df)
    by_hand = stats.nct.sf(critical, df, shift) + stats.nct.cdf(-critical, df, shift)
    found = power(np.array([0.4]), np.array([3.0]), 0.3, 2.0, 0.01)[0]
    assert found == pytest.approx(by_hand, rel=1e-9)
    assert power(np.array([0.0]), np.array([3.0]), 0.3, 2.0, 0.01)[0] == pytest.approx(0.05)
    # Nothing but what is shared: normal, and both ends count.
    shift = -np.log1p(-0.1) / 0.1
    by_hand = stats.norm.sf(1.959964 - shift) + stats.norm.cdf(-1.959964 - shift)
    assert power(np.array([0.1]), np.array([7.0]), 0.0, 1.0, 0.01)[0] == pytest.approx(by_hand, rel=1e-6)
    # One day each: at least one degree of freedom.
    shift, critical = -np.log(0.1) / np.sqrt(0.18), stats.t.ppf(0.975, 1)
    by_hand = stats.nct.sf(critical, 1, shift) + stats.nct.cdf(-critical, 1, shift)
    assert power(np.array([0.9]), np.array([1.0]), 0.3, 1.0, 0.0)[0] == pytest.approx(by_hand, rel=1e-6)
    # (1.95996 + 0.84162) x 0.1 = 0.280158.
    assert limit_of_days(0.01) == pytest.approx(0.244336, abs=1e-6)
    assert limit_of_days(0.01, wanted_power=0.5) == pytest.approx(0.177985, abs=1e-6)
