"""The formula: each macro by hand, at its ends and where something is missing."""

import math
from datetime import date, datetime

import duckdb
import pytest

from pipeline import statements


@pytest.fixture(scope="module")
def of():
    """Evaluates a macro: `of("load_mg_per_day", 100, 50_000)`."""
    with duckdb.connect() as connection:
        connection.execute(statements.sql("macros"))

        def evaluate(macro, *arguments):
            marks = ", ".join("?" * len(arguments))
            return connection.execute(f"select {macro}({marks})", list(arguments)).fetchone()[0]

        yield evaluate


def test_from_a_concentration_to_doses(of):
    """100 ng/L in 50,000 m3 are 5 g; a head of 200,000 gives 25 mg/day/1000; molar masses 303.35 and 289.33, 29 %."""
    assert of("load_mg_per_day", 100, 50_000) == 5000
    assert of("load_mg_per_day_per_1000", 5000, 200_000) == 25
    assert of("correction_factor", 303.35, 289.33, 0.29, "molar") == pytest.approx(3.61537, abs=1e-5)
    assert of("correction_factor", 303.35, 289.33, 0.25, "mass") == 4
    assert of("correction_factor", 303.35, 289.33, None, "mass") is None
    assert of("consumption_mg_per_day_per_1000", 25, 2, 0.2) == 62.5
    assert of("doses_per_day_per_1000", 60, 30) == 2
    assert of("mass_mg_per_day", 25, 200_000) == 5000


def test_what_is_lost_on_the_way(of):
    """A half-life of four hours: a quarter left after eight."""
    assert of("in_sewer_loss", 8, 4) == pytest.approx(0.75)
    assert of("in_sewer_loss", 0, 4) == 0


def test_a_half_life_between_two_temperatures(of):
    """The rate's logarithm is straight over 1/T: by 1/283.15, 1/288.15, 1/293.15 at 15 C 50.87 % of the way."""
    assert of("half_life_between", 20, 10, 5, 20, 10) == pytest.approx(20)
    assert of("half_life_between", 20, 10, 5, 20, 20) == pytest.approx(5)
    share = (1 / 283.15 - 1 / 288.15) / (1 / 283.15 - 1 / 293.15)
    assert share == pytest.approx(0.50868, abs=1e-5)
    assert of("half_life_between", 20, 10, 5, 20, 15) == pytest.approx(20 * 0.25**share, rel=1e-12)


def test_what_other_drugs_leave_behind(of):
    assert of("amphetamine_from_methamphetamine_mg_per_day_per_1000", 200, 0.09) == pytest.approx(18)
    # The ratio of methamphetamine alone reaches 0.19: at it still, above it no more.
    assert of("is_amphetamine_from_methamphetamine", 19, 100) is True
    assert of("is_amphetamine_from_methamphetamine", 19.1, 100) is False
    assert of("is_amphetamine_from_methamphetamine", 22, 100) is False
    assert of("load_net_of_other_sources_mg_per_day_per_1000", 25, 7) == 18
    # 100 less 0.8 of 50, less 10, less 20.
    assert of("morphine_from_heroin_mg_per_day_per_1000", 100, 50, 0.8, 10, 20) == pytest.approx(30)
    assert of("morphine_from_heroin_mg_per_day_per_1000", 10, 50, 0.8, 10, 20) == 0


def test_what_counts_below_a_limit(of):
    assert (of("known_value", True, 3, 7), of("known_value", False, 3, 7)) == (7, 3)
    assert (of("amount_below_limit", 6, "zero"), of("amount_below_limit", 6, "half_limit")) == (0, 3)
    assert of("amount_below_limit", 6, "likelihood") is None
    assert (of("other_source_below_limit", 6, "zero"), of("other_source_below_limit", 6, "likelihood")) == (0, 3)
    assert [of("lies_below", *given) for given in (("<LOD", 1, 3), ("<LOD", None, 3), ("<LOQ", 1, 3), ("", 1, 3))] == [
        1, 3, 3, None,
    ]  # fmt: skip


def test_inhabitants(of):
    assert of("population_aged_15_to_64", 1000, 0.64) == 640
    assert of("mg_per_day_per_1000_aged_15_to_64", 32, 0.64) == 50
    assert of("amount_by_other_population", 25, 200_000, 250_000) == 20
    # 8 g of nitrogen a head; 40 mg/L in 10,000 m3 are 400 kg, all of them domestic: 50,000 heads.
    assert of("marker_load_mg_per_day_per_1000", 8000) == 8_000_000
    assert of("population_by_marker", 4e7, 10_000, 1, 8_000_000) == 50_000
    assert of("population_by_marker", 4e7, 10_000, 0.8, 8_000_000) == 40_000
    assert of("cotinine_load_mg_per_day_per_1000", 4, 0.5) == 2000
    order = ["census", "served", "mobile", "design", "NH4-N", "cotinine", "COD", "BOD"]
    assert [of("population_rank", method) for method in order] == [1, 2, 3, 4, 5, 6, 7, 8]


def test_how_far_a_factor_may_be_off(of):
    """Anywhere between 20 and 45 %, about 30 %: root of the mean square of ln(x / 0.30), x even in the logarithm."""
    low, high = math.log(0.20 / 0.30), math.log(0.45 / 0.30)
    by_hand = math.sqrt(sum((low + (high - low) * (i + 0.5) / 1000) ** 2 for i in range(1000)) / 1000)
    assert by_hand == pytest.approx(0.23409, abs=1e-4)
    assert of("correction_factor_log_sd", 0.30, 0.20, 0.45, 0.1, 0.4) == pytest.approx(by_hand, rel=1e-5)
    # About an end of its range it is twice as far off: (0.45/0.20) in three roots.
    assert of("correction_factor_log_sd", 0.20, 0.20, 0.45, 0.1, 0.4) == pytest.approx(math.log(2.25) / math.sqrt(3))
    assert of("correction_factor_log_sd", 0.30, 0.29, 0.31, 0.1, 0.4) == 0.1
    assert of("correction_factor_log_sd", 0.30, 0.30, 0.30, 0.1, 0.4) == 0.1
    assert of("correction_factor_log_sd", 0.30, None, 0.31, 0.1, 0.4) == 0.4
    assert of("correction_factor_log_sd", 0.30, 0.29, None, 0.1, 0.4) == 0.4


def test_errors_add_as_squares(of):
    """Two, three, six of a hundred and so on: 4 + 9/4 + 36 + 1 + 16 + 25 + 49 ten-thousandths."""
    parts = (0.02, 0.03, 4, 0.06, 0.01, 0.04, 0.05, 0.07)
    assert of("day_log_variance", *parts) == pytest.approx(133.25e-4, rel=1e-12)
    # Without a count of measurements, one.
    assert of("day_log_variance", 0.02, 0.03, 0, 0.06, 0.01, 0.04, 0.05, 0.07) == pytest.approx(140e-4, rel=1e-12)
    assert of("interval_ratio", 0.25**2) == pytest.approx(1.6323015, rel=1e-7)  # exp(1.95996 x 0.25)
    assert of("interval_ratio", 0) == 1


def test_what_a_subtraction_adds(of):
    """5 less 3: errors of 4 and 3 parts make 5 of 2 once; of 4 less 3, five times as far off."""
    assert of("net_error_scale", 4, 3) == 5
    assert of("net_error_scale", 12, 5) == pytest.approx(13 / 7)
    # (25 - 1) x 0.01, and a ratio that is off by a tenth: (3 x 0.1)^2.
    assert of("net_log_variance", 4, 3, 0.1, 0.01) == pytest.approx(0.24 + 0.09)
    assert of("net_log_variance", 12, 5, 0.2, 0) == pytest.approx((5 / 7 * 0.2) ** 2)


def test_clocks(of):
    def at(*parts):
        return datetime(2024, *parts)  # noqa: DTZ001  a clock as it stands, without a zone

    assert of("steady_clock", at(1, 1, 5), at(1, 1, 6)) == at(1, 1, 5)
    assert of("steady_clock", None, at(1, 1, 6)) == at(1, 1, 6)
    assert of("steady_of", at(7, 1, 12), "Europe/Berlin") == at(7, 1, 10)
    assert of("steady_of", at(1, 1, 12), "Europe/Berlin") == at(1, 1, 11)
    assert of("steady_of", at(7, 1, 12), None) == at(7, 1, 12)
    # 02:30 comes twice on 27 October: the first is by summer time, 00:30 UTC.
    assert of("steady_of", at(10, 27, 2, 30), "Europe/Berlin") == at(10, 27, 0, 30)
    assert of("steady_of", at(10, 27, 3, 30), "Europe/Berlin") == at(10, 27, 2, 30)
    assert of("hours_between", at(1, 1, 6), at(1, 1, 7, 30)) == 1.5
    assert of("follows_within_an_hour", at(1, 1, 6), at(1, 1, 7, 5)) is True
    assert of("follows_within_an_hour", at(1, 1, 6), at(1, 1, 7, 5, 1)) is False


def test_days_that_a_composite_covers_at_least_half_of(of):
    def ends(*pair):
        begins, ends = (datetime(2024, 5, *parts) for parts in pair)  # noqa: DTZ001
        return of("first_day_covered", begins).day, of("last_day_covered", ends).day

    assert ends((10, 8), (11, 8)) == (10, 10)
    assert ends((10, 12), (11, 12)) == (10, 11), "from noon to noon half of both"
    assert ends((10, 12, 1), (11, 11, 59)) == (11, 10), "and a minute less of neither"
    assert ends((10, 12, 0, 0, 1), (11, 12)) == (11, 11), "one millionth of a second late is no half"
    assert of("first_day_covered", datetime(2024, 5, 10)) == date(2024, 5, 10)  # noqa: DTZ001


def test_flow_between_readings(of):
    """From 24,000 to 48,000 m3/day over a quarter of a day: 9,000 m3; a third of the way 32,000."""
    assert of("flowed_m3", 24_000, 48_000, 21_600) == 9000
    assert of("flow_between", 24_000, 48_000, 1 / 3) == pytest.approx(32_000)


def test_what_is_the_same_value(of):
    assert of("is_same_value", 1e9, 1e9 + 0.9) is True
    assert of("is_same_value", 1e9, 1e9 + 1.1) is False
    assert of("is_same_value", 1e9 + 1.1, 1e9) is False
    assert of("is_same_value", -1e9, -1e9 - 0.9) is True
    assert of("is_same_value", 0, 0) is True
    assert (of("is_same_value", None, None), of("is_same_value", 1, None), of("is_same_value", None, 1)) == (
        True, False, False,
    )  # fmt: skip


def test_what_is_the_same_measurement(of):
    def is_same(*ours_and_theirs):
        return of("is_same_measurement", *ours_and_theirs)

    assert is_same("08:00", "08:00", "L1", "L1", 1, 1) is True
    assert is_same("08:00", "09:00", "L1", "L1", 1, 1) is False
    assert is_same("08:00", "08:00", "L1", "L2", 1, 1) is False
    assert is_same("08:00", "08:00", "L1", "L1", 1, 2) is False
    assert is_same(None, "09:00", "L1", None, None, None) is True


def test_flags_are_joined_once_each(of):
    assert of("joined_flags", "b a b ") == "a b"
    assert (of("joined_flags", "a"), of("joined_flags", ""), of("joined_flags", "  "), of("joined_flags", None)) == (
        "a", None, None, None,
    )  # fmt: skip


def test_change_by_hand(of):
    assert of("change_percent", 50, 30) == pytest.approx(-40)
    assert of("change_percent", 0.5, 0.75) == pytest.approx(50)
    assert (of("change_percent", 0, 30), of("change_percent", -1, 30)) == (None, None)
    # (8 - 2) / ln 4
    assert of("logarithmic_mean", 8, 2) == pytest.approx(4.328085, abs=1e-6)
    assert (of("logarithmic_mean", 0, 2), of("logarithmic_mean", 2, 0)) == (0, 0)
    assert of("logarithmic_mean", 3.0, 3.0) == 3
    # With one of either: neither is the other's zero.
    assert of("logarithmic_mean", 1, math.e) == pytest.approx(math.e - 1)
    assert of("logarithmic_mean", math.e, 1) == pytest.approx(math.e - 1)


def test_sums_in_order_of_a_key(of):
    with duckdb.connect() as connection:
        connection.execute(statements.sql("macros"))
        rows = "(values (1e16, 3), (1.0, 1), (-1e16, 4), (1.0, 2)) t(v, k)"
        # 1 + 1 + 1e16 - 1e16 keeps both ones, the other way round none.
        found = connection.execute(f"select sum_in_order(v, k), sum_in_order(v, -k), avg_in_order(v, k) from {rows}")
        assert found.fetchone() == (2, 2, 0.5)
        rows = "(values (1e16, 1), (1.0, 2), (-1e16, 3)) t(v, k)"
        assert connection.execute(f"select sum_in_order(v, k) from {rows}").fetchone()[0] == 0


def test_the_share_of_a_laboratory(of):
    assert of("share_of_laboratory", "A", ["A", "B", "A"], [0.25, 0.5, 0.125]) == 0.375
    assert of("share_of_laboratory", "B", ["A", "B"], [0.25, 0.5]) == 0.5
    assert of("share_of_laboratory", "C", ["A", "B"], [0.25, 0.5]) == 0
    assert of("share_of_laboratory", "A", [], []) == 0


def test_numbers_in_sentences(of):
    told = [of("in_words", number) for number in (999.4, 999.5, 1_234_567.0, -1_234.5, 0.012345, 12.345)]
    assert told == ["999", "1000", "1234567", "-1234", "0.0123", "12.3"]
