"""Targets: way and probability by hand and by simulation, each reason why there is none, what settings refuse."""

import json
import math
from datetime import date

import numpy as np
import polars as pl
import pytest
from scipy.stats import kstest, norm

from pipeline import changes, estimates
from pipeline.settings import Settings, SettingsError, Target, open_workspace
from pipeline.statistics.intervals import log_interval, p_value, probability_at_most
from pipeline.statistics.targets import progress, steady
from pipeline.targets import against, wanted_of
from tests.unit.pipeline.test_changes import HALF, WEEK, of_batch
from tests.unit.pipeline.test_estimates import LATER, MONDAY, city, results, week

__all__ = ["city"]
PLAIN = {"drug": "methamphetamine", "baseline": "2023", "fall_percent": 30, "deadline": "2027-12-31"}


def asked(*targets: dict, **settings: str) -> Settings:
    return Settings(targets=tuple(Target(**PLAIN | target) for target in targets), **settings)


def fallen(half=HALF) -> str:
    """A site whose use fell to a half, measured in two batches."""
    return results(of_batch(week(MONDAY, WEEK), "B1"), of_batch(week(LATER, half), "B2"))


# --- the probability -------------------------------------------------------------------------------------------------


def test_a_probability_by_hand():
    """Down 40 % with two batches of 8 % and nothing else in doubt: ln(0.7 / 0.6) is 1.36 standard errors."""
    se = math.sqrt(2) * 0.08
    found = probability_at_most(np.array([0.7, 0.6, 0.5]), np.full(3, 0.6), np.zeros(3), np.full(3, np.inf),
                                np.full(3, se**2))  # fmt: skip
    assert found[0] == pytest.approx(norm.cdf(math.log(0.7 / 0.6) / se))
    assert found[1] == pytest.approx(0.5)
    assert found[2] == pytest.approx(norm.cdf(math.log(0.5 / 0.6) / se))


def test_a_target_is_met_exactly_where_the_whole_interval_lies_beyond_it():
    rng = np.random.default_rng(1)
    of = (rng.uniform(0.3, 1.2, 400), rng.uniform(1e-4, 0.1, 400), rng.uniform(1, 60, 400), rng.uniform(0, 0.1, 400))
    low, high = log_interval(*of)
    for end, probability in ((high, 0.975), (low, 0.025)):
        assert (probability_at_most(end * 1.0001, *of) > probability).all()
        assert (probability_at_most(end * 0.9999, *of) < probability).all()


def test_of_no_change_it_is_half_of_the_two_sided_p():
    of = (np.array([0.04]), np.array([5.0]), np.array([0.01]))
    found = probability_at_most(np.ones(1), np.array([0.8]), *of)
    assert 1 - found[0] == pytest.approx(p_value(np.log(np.array([0.8])), *of)[0] / 2)


@pytest.mark.parametrize(("n_days", "batch_rsd"), [(2, 0.0), (7, 0.08), (28, 0.08)])
def test_where_the_truth_is_the_aim_each_probability_is_as_frequent_as_any_other(n_days, batch_rsd):
    """Days drawn about their level, the spread learnt from them: met is said of 2.5 % and not met of 2.5 %."""
    rng = np.random.default_rng(3)
    n, sd, aim = 20_000, 0.25, 0.7
    before, after = (sd * rng.standard_normal((n, n_days)) for _ in range(2))
    batches = batch_rsd * rng.standard_normal((2, n))
    ratio = aim * np.exp(after.mean(axis=1) - before.mean(axis=1) + batches[1] - batches[0])
    variance = (before.var(axis=1, ddof=1) + after.var(axis=1, ddof=1)) / n_days
    df = np.full(n, 2.0 * (n_days - 1))
    found = probability_at_most(np.full(n, aim), ratio, variance, df, np.full(n, 2 * batch_rsd**2))
    assert (found >= 0.975).mean() == pytest.approx(0.025, abs=0.004)
    assert (found <= 0.025).mean() == pytest.approx(0.025, abs=0.004)
    assert kstest(found, "uniform").statistic < 0.012


# --- the way ---------------------------------------------------------------------------------------------------------


def test_falls_compound():
    """Three years of a tenth less are three of the six that lead to 0.9 to the sixth."""
    aim = np.array([0.9**6])
    assert progress(np.array([0.9**3]), aim) == pytest.approx(0.5)
    assert steady(aim, np.array([0.5])) == pytest.approx(0.9**3)
    assert progress(steady(aim, np.array([0.3])), aim) == pytest.approx(0.3)
    assert np.isnan(progress(np.zeros(1), aim))[0]


def test_a_target_by_hand(city):
    """A fall to a half; the aim of 30 % is ln 0.5 / ln 0.7 = 194 % of the way.

    From the middle of 2023 (2 July) to the last day of 2027 are 1643 days, to the middle of 2024 (2 July) 366.
    """
    with city(results=fallen()) as warehouse:
        estimates.compute_changes(warehouse, asked())
        (row,) = estimates.of_targets(warehouse, asked({"place": "S1"})).iter_rows(named=True)
        change = warehouse.query(
            "select * from changes where level = 'site' and drug = 'methamphetamine' and protocol = 'permille'"
        ).row(0, named=True)
    assert (row["level"], row["current_period"], row["aim_percent"]) == ("site", "2024", -30)
    for name in ("change_percent", "ci_low_percent", "ci_high_percent", "credibility"):
        assert row[name] == change[name]
    assert row["progress_percent"] == pytest.approx(100 * math.log(0.5) / math.log(0.7))
    assert row["expected_by_now_percent"] == pytest.approx(100 * (0.7 ** (366 / 1643) - 1))
    shared = sum(value or 0 for name, value in change.items() if name.endswith("_log_variance") and "days" not in name)
    z = math.log(0.7 / 0.5) / math.sqrt(shared + change["days_log_variance"])
    assert row["probability_met"] == pytest.approx(norm.cdf(z), abs=0.01)
    assert (row["outcome"], row["pace"]) == ("met", "on track")


def test_a_fall_that_is_too_small_is_not_met_and_behind(city):
    with city(results=fallen(WEEK)) as warehouse:
        rows = estimates.of_targets(
            warehouse, asked({"fall_percent": 60, "deadline": "2024-06-01"}, {"fall_percent": 5}, {"fall_percent": 60})
        )
    assert rows["outcome"].to_list() == ["not met", "undecided", "not met"]
    assert rows["pace"].to_list() == ["behind", "undecided", "undecided"]
    # Past the deadline the steady way has arrived.
    assert rows["expected_by_now_percent"][0] == pytest.approx(-60)
    assert rows["probability_on_track"][0] == pytest.approx(rows["probability_met"][0])


def test_each_pair_of_periods_is_compared_once_and_stored_changes_are_asked(city, monkeypatch):
    compared = []
    between = changes.between
    monkeypatch.setattr(changes, "between", lambda *args: compared.append(args[1:]) or between(*args))
    with city(results=fallen()) as warehouse:
        estimates.compute_changes(warehouse, asked())
        assert compared.pop() == ("2023", "2024")
        of_march = {"baseline": "2023-03", "current": "2024-03"}
        rows = estimates.of_targets(warehouse, asked({}, {"fall_percent": 10}, of_march, of_march | {"place": "S1"}))
        assert compared == [("2023-03", "2024-03")]
        warehouse.replace("changes", pl.DataFrame())
        again = estimates.of_targets(warehouse, asked({}, {"fall_percent": 10}, of_march, of_march | {"place": "S1"}))
    assert again.equals(rows)
    assert rows["credibility"].null_count() == 0


def test_a_protocol_without_intervals_tells_the_change_and_no_outcome(city):
    with city(results=fallen()) as warehouse:
        (row,) = estimates.of_targets(warehouse, asked({"protocol": "euda"})).iter_rows(named=True)
    assert row["change_percent"] == pytest.approx(-50)
    assert row["progress_percent"] == pytest.approx(100 * math.log(0.5) / math.log(0.7))
    assert (row["state"], row["probability_met"], row["outcome"], row["pace"]) == ("estimated", None, None, None)


def test_what_an_unsupported_change_meets_says_so(city):
    """The laboratory changed with the fall."""
    days = results(of_batch(week(MONDAY, WEEK), "B1"), of_batch(week(LATER, HALF), "B2", "Other"))
    with city(results=days) as warehouse:
        (row,) = estimates.of_targets(warehouse, asked({"fall_percent": 5})).iter_rows(named=True)
    assert row["outcome"] == "met"
    assert row["credibility"] == "not supported"


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ({"drug": "nothing"}, "unknown_drug"),
        ({"place": "S9"}, "unknown_place"),
        ({"place": "S2"}, "no_figure"),
        ({"baseline": "2024"}, "not_after_baseline"),
        ({"baseline": "2024", "current": "2023"}, "not_after_baseline"),
        ({"baseline": "2023", "current": "2023-Q2"}, "not_after_baseline"),
        ({"baseline": "2019"}, "no_baseline"),
        ({"current": "2026"}, "no_current"),
    ],
)
def test_what_has_no_figure_is_not_estimable_and_says_why(city, target, reason):
    with city(results=fallen()) as warehouse:
        (row,) = estimates.of_targets(warehouse, asked(target)).iter_rows(named=True)
    assert (row["state"], row["reason"], row["outcome"], row["pace"]) == (
        "not estimable", reason, "not estimable", "not estimable",
    )  # fmt: skip
    assert (row["change_percent"], row["expected_by_now_percent"], row["probability_met"]) == (None, None, None)


def test_without_data_every_target_waits(workspace):
    from pipeline.warehouse import Warehouse

    with Warehouse.open(workspace.warehouse) as warehouse:
        estimates.load_reference(warehouse)
        estimates.compute_targets(warehouse, asked({}))
        assert warehouse.read("targets")["reason"].to_list() == ["no_current"]
        estimates.compute_targets(warehouse, asked())
        assert warehouse.count("targets") == 0


def test_a_site_comes_before_an_area_of_the_same_number(city):
    sites = "site_id,site_name,area_id,latitude,longitude\nS1,Mill,S1,,\nS2,,S1,,\n"
    with city(sites=sites, results=fallen()) as warehouse:
        compared = changes.between(warehouse, "2023", "2024").changes
        rows = against(warehouse, wanted_of(asked({"place": "S1"}), "2024"), compared)
    assert (rows["level"].item(), rows["unit_name"].item()) == ("site", "Mill")


# --- settings --------------------------------------------------------------------------------------------------------

TABLE = '[[targets]]\ndrug = "Cocaine"\nbaseline = "2023"\nfall_percent = 30\ndeadline = 2027-12-31\n'


def test_targets_of_the_file(workspace):
    file = workspace.folder / "permille.toml"
    file.write_text(file.read_text() + TABLE + TABLE + 'place = "S1"\ncurrent = "last"\n')
    first, second = open_workspace(workspace.folder).settings.targets
    assert (first.drug, first.deadline, first.place) == ("cocaine", date(2027, 12, 31), "network")
    assert (second.place, second.current) == ("S1", "last")


def test_the_example_of_the_settings_is_one(workspace):
    text = (workspace.folder / "permille.toml").read_text()
    block = text[text.index("# [[targets]]") :].replace("\n# ", "\n").removeprefix("# ")
    (workspace.folder / "permille.toml").write_text(block)
    (target,) = open_workspace(workspace.folder).settings.targets
    assert target.fall_percent == 30


def test_targets_of_the_environment_take_the_place_of_those_of_the_file(workspace, monkeypatch):
    (workspace.folder / "permille.toml").write_text(TABLE)
    monkeypatch.setenv("PERMILLE_TARGETS", json.dumps([PLAIN]))
    assert [target.drug for target in open_workspace(workspace.folder).settings.targets] == ["methamphetamine"]
    monkeypatch.setenv("PERMILLE_TARGETS", "[]")
    assert open_workspace(workspace.folder).settings.targets == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            TABLE.replace("fall_percent = 30\n", ""),
            "target 1 (Cocaine), field 'fall_percent': is missing: write how far",
        ),
        (TABLE.replace("= 30", "= 100"), "target 1 (Cocaine), field 'fall_percent': 100 cannot be used: write how far"),
        (TABLE.replace("= 30", "= 0"), "field 'fall_percent': 0 cannot be used"),
        (TABLE.replace("= 30", "= nan"), "field 'fall_percent': nan cannot be used"),
        (
            TABLE + TABLE.replace("2027", "2023"),
            "target 2 (Cocaine), field 'deadline': 2023-12-31 does not lie after the",
        ),
        (
            TABLE.replace("2027-12-31", '"soon"'),
            "field 'deadline': 'soon' cannot be used: write a day after the baseline",
        ),
        (TABLE.replace('"2023"', '"first"'), "field 'baseline': 'first' is no period: write a period in quotes: 2023,"),
        (TABLE.replace('"2023"', "2023"), "field 'baseline': 2023 cannot be used: write a period in quotes"),
        (TABLE + 'current = "soon"\n', "field 'current': 'soon' is no period"),
        (TABLE.replace('"Cocaine"', "3"), "target 1, field 'drug': 3 cannot be used: write the drug in quotes"),
        (TABLE + "fall = 3\n", "target 1 (Cocaine): there is no field 'fall'"),
        (TABLE + 'flow_fill = "none"\n', "Settings that are not of a target stand above the first [[targets]]."),
        (TABLE + 'protocol = "x"\n', "target 1 (cocaine), field 'protocol': there is no protocol 'x'; there are euda,"),
        (TABLE.replace("[[", "[").replace("]]", "]"), "each target is a table of its own, under [[targets]]"),
        ("targets = [1]\n", "each target is a table of its own, under [[targets]]"),
        ("target = 1\n", "there is no setting 'target' (perhaps targets)"),
    ],
)
def test_what_is_wrong_with_a_target_names_file_target_field_and_what_to_write(workspace, text, said):
    (workspace.folder / "permille.toml").write_text(text)
    with pytest.raises(SettingsError) as refused:
        open_workspace(workspace.folder)
    assert said in str(refused.value)
    assert str(workspace.folder / "permille.toml") in str(refused.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("cocaine", "the variable PERMILLE_TARGETS is no list in JSON: write [{"),
        ('[{"drug": "cocaine"}]', "the variable PERMILLE_TARGETS: target 1 (cocaine), field 'baseline': is missing"),
    ],
)
def test_what_is_wrong_in_the_variable_names_it(workspace, monkeypatch, text, said):
    monkeypatch.setenv("PERMILLE_TARGETS", text)
    with pytest.raises(SettingsError) as refused:
        open_workspace(workspace.folder)
    assert said in str(refused.value)
