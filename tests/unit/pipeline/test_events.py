"""What events did: planted effects, other dates, controls that are none; and the plain comparison before and after."""

from contextlib import contextmanager
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from benchmarks.calibration import filled
from pipeline import estimates
from pipeline.events import FEWEST_PLACEBOS, event_effects
from pipeline.intake import take_in
from pipeline.statistics.segmented import common_course, segmented
from pipeline.warehouse import Warehouse
from tests.conftest import RECEIVED, lay
from tests.test_command_line import call

FIRST_MONDAY = date(2022, 1, 3)
N_WEEKS = 104
BEGINS = FIRST_MONDAY + timedelta(weeks=78)
SITES = ("S1", "S2", "S3", "S4")
AREA_OF = {"S1": "A", "S2": "A", "S3": "B", "S4": "B"}


def weekly(residue: str, effect=1.0, *, seed: int = 1, noise: float = 0.05, until=BEGINS + timedelta(weeks=52)):
    """Loads of a Tuesday a week at all sites, with a season and weeks they share; an effect in area A.

    `effect` is a factor from `BEGINS` to `until`, or one a week.
    """
    rng = np.random.default_rng(seed)
    day = np.datetime64(FIRST_MONDAY, "D") + 7 * np.arange(N_WEEKS) + 1
    shared = 0.3 * np.sin(2 * np.pi * np.arange(N_WEEKS) / 52) + 0.2 * rng.standard_normal(N_WEEKS)
    is_on = (day >= np.datetime64(BEGINS)) & (day < np.datetime64(until))
    factor = np.where(is_on, effect, 1.0) if np.isscalar(effect) else effect
    parts = []
    for site in SITES:
        load = np.exp(3 + shared + noise * rng.standard_normal(N_WEEKS)) * (factor if AREA_OF[site] == "A" else 1)
        parts.append(
            pl.DataFrame({"sampled_on": day, "load_mg_per_day_per_1000": load}).with_columns(
                site_id=pl.lit(site), residue=pl.lit(residue), batch=pl.col("sampled_on").cast(pl.String)
            )
        )
    return pl.concat(parts)


def listed(*rows: str) -> str:
    """Events: id, kind, first and last day, area, drug."""
    return "event_id,event_name,kind,starts_on,ends_on,area_id,drug\n" + "".join(
        "{0},About {0},{1},{2},{3},{4},{5}\n".format(*row.split("|")) for row in rows
    )


CAMPAIGN = f"raids|campaign|{BEGINS}||A|methamphetamine"


@pytest.fixture
def network(tmp_path):
    """Opens four sites in two areas, sampled weekly: `with network(loads, *events) as warehouse`."""

    @contextmanager
    def opened(loads: pl.DataFrame, *events: str, inhabitants=1000, protocol="permille"):
        people = pl.lit(inhabitants) if isinstance(inhabitants, int) else pl.col("site_id").replace_strict(inhabitants)
        known = {"qualifier": pl.lit("="), "is_censored": pl.lit(value=False)}
        loads = loads.with_columns(of.alias(name) for name, of in known.items() if name not in loads.columns)
        loads = loads.with_columns(
            sampling_year=pl.col("sampled_on").dt.year(), population=people,
            population_method=pl.lit("census"), population_basis=pl.lit("delivered"), population_rsd=0.05,
            laboratory=pl.lit("Lab"), state=pl.lit("estimated"), is_provisional=False, is_simulated=False,
        )  # fmt: skip
        sites = pl.DataFrame({"site_id": SITES, "area_id": AREA_OF.values()}).with_columns(is_simulated=False)
        listed_events = pl.read_csv(listed(*events).encode(), try_parse_dates=True, infer_schema_length=None).rename(
            {"kind": "event_kind"}
        )
        with Warehouse.open(tmp_path / "network.duckdb") as warehouse:
            estimates.load_reference(warehouse)
            with warehouse.transaction():
                for table, rows in (("loads", loads), ("sites", sites), ("events", listed_events)):
                    warehouse.replace(table, filled(table, rows.with_columns(is_simulated=False)))
                warehouse.replace(
                    "deliveries",
                    filled("deliveries", pl.DataFrame({"received_at": [RECEIVED], "is_simulated": [False]})),
                )
                warehouse.replace("protocols", warehouse.read("protocols").filter(protocol=protocol))
            for table in ("consumption", "day_spreads", "site_periods"):
                estimates.compute(warehouse, table)
            yield warehouse

    return opened


def effects(warehouse, **where) -> list[dict]:
    chosen = {"protocol": "permille", "drug": "methamphetamine"} | where
    return event_effects(warehouse).filter(*(pl.col(name) == value for name, value in chosen.items())).to_dicts()


def test_a_planted_effect_is_found_beside_the_area_that_was_left_alone(network):
    with network(weekly("methamphetamine", 0.7), CAMPAIGN) as warehouse:
        (areas,) = effects(warehouse, event_control="areas")
        (alone,) = effects(warehouse, event_control="none")
        assert effects(warehouse, event_control="drugs") == [], "no other drug is measured"
    assert areas["verdict"] == "fall"
    assert areas["effect_percent"] == pytest.approx(-30, abs=6)
    assert areas["ci_low_percent"] < -30 < areas["ci_high_percent"]
    assert (areas["panel"], areas["n_control_sites"], areas["period_kind"]) == ("S1;S2", 2, "week")
    assert (areas["n_periods_outside"], areas["n_periods_within"], areas["event_design"]) == (26, 26, "step")
    assert (areas["is_preferred"], alone["is_preferred"]) == (True, False)
    assert "no_controls" in alone["reason"].split()
    assert alone["verdict"] is None, "a season may be the effect"
    assert alone["ci_high_percent"] - alone["ci_low_percent"] > 2 * (areas["ci_high_percent"] - areas["ci_low_percent"])


def test_where_nothing_happened_nothing_is_found(network):
    with network(weekly("methamphetamine", seed=5), CAMPAIGN) as warehouse:
        (areas,) = effects(warehouse, event_control="areas")
    assert areas["verdict"] == "no change detected"
    assert areas["ci_low_percent"] < 0 < areas["ci_high_percent"]
    assert areas["n_placebos"] >= FEWEST_PLACEBOS
    assert areas["placebo_p_value"] == pytest.approx((1 + areas["n_placebos_as_large"]) / (1 + areas["n_placebos"]))


def test_an_event_everywhere_is_told_beside_the_drugs_it_leaves_alone(network):
    """Cocaine falls at two of four sites, where both drugs share the weeks."""
    loads = pl.concat([weekly("benzoylecgonine", 0.5), weekly("methamphetamine")])
    with network(loads, f"law|policy|{BEGINS}|||cocaine") as warehouse:
        (found,) = effects(warehouse, drug="cocaine", event_control="drugs")
        assert effects(warehouse, drug="methamphetamine") == [], "it is the control"
        assert effects(warehouse, drug="cocaine", event_control="areas") == []
    assert found["control_drugs"] == "methamphetamine"
    assert found["verdict"] == "fall"
    assert found["effect_percent"] == pytest.approx(100 * (0.5**0.5 - 1), abs=6)


def test_what_passes_is_told_by_both_sides(network):
    """A festival of two weeks with twice the use, after which all is as before."""
    last = BEGINS + timedelta(days=13)
    with network(weekly("methamphetamine", 2.0, until=last), f"fair|festival|{BEGINS}|{last}|A|") as warehouse:
        (found,) = effects(warehouse, event_control="areas")
    assert (found["event_design"], found["n_periods_within"], found["n_periods_outside"]) == ("pulse", 2, 50)
    assert found["verdict"] == "rise"
    assert found["effect_percent"] == pytest.approx(100, abs=15)


def test_an_effect_as_large_at_other_dates_is_none(network):
    """Area A goes up and down by half a year: at other dates there are steps as large."""
    steps = np.where(np.arange(N_WEEKS) // 26 % 2, 0.6, 1.0)
    with network(weekly("methamphetamine", steps, noise=0.02), CAMPAIGN) as warehouse:
        (found,) = effects(warehouse, event_control="areas")
    assert found["p_value"] < 0.01
    assert found["n_placebos"] == 27
    assert found["n_placebos_as_large"] > 2
    assert (found["verdict"], found["reason"]) == ("no change detected", "as_large_elsewhere")


def test_a_design_that_cannot_answer_says_why(network):
    def at(week: int) -> date:
        return FIRST_MONDAY + timedelta(weeks=week)

    rows = (
        f"nowhere|campaign|{BEGINS}||Z|", f"unmeasured|campaign|{BEGINS}||A|heroin",
        f"early|campaign|{at(3)}||A|", f"late|campaign|{at(102)}||A|",
    )  # fmt: skip
    with network(weekly("methamphetamine"), *rows) as warehouse:
        found = {
            (row["event_id"], row["drug"]): row
            for row in event_effects(warehouse).filter(protocol="permille", event_control="areas").to_dicts()
        }
    reasons = {name: row["reason"] for (name, _), row in found.items()}
    assert reasons == {
        "nowhere": "area_without_sites", "unmeasured": "unknown_drug", "early": "few_periods_around",
        "late": "few_periods_around",
    }  # fmt: skip
    assert {row["verdict"] for row in found.values()} == {"not estimable"}


def test_a_site_without_figures_after_the_beginning_is_left_out(network):
    loads = weekly("methamphetamine").filter((pl.col("site_id") != "S2") | (pl.col("sampled_on") < BEGINS))
    with network(loads, CAMPAIGN) as warehouse:
        assert effects(warehouse, event_control="areas")[0]["panel"] == "S1", "it holds half of the inhabitants"


def test_a_small_site_does_not_speak_for_its_area(network):
    loads = weekly("methamphetamine").filter((pl.col("site_id") != "S2") | (pl.col("sampled_on") < BEGINS))
    with network(loads, CAMPAIGN, inhabitants={"S1": 1000, "S2": 2000, "S3": 1000, "S4": 1000}) as warehouse:
        assert effects(warehouse, event_control="areas")[0]["reason"] == "few_inhabitants_there"


def test_other_events_are_told_of_and_their_sites_are_no_control(network):
    other = f"elsewhere|policy|{BEGINS + timedelta(weeks=5)}||B|methamphetamine"
    with network(weekly("methamphetamine", 0.7), CAMPAIGN, other) as warehouse:
        (areas,) = effects(warehouse, event_id="raids", event_control="areas")
        (alone,) = effects(warehouse, event_id="raids", event_control="none")
    assert (areas["state"], areas["reason"]) == ("not estimable", "no_untouched_area")
    assert "other_event_within" not in alone["reason"].split(), "it happened elsewhere"


def test_a_festival_elsewhere_is_no_control(network):
    """Nothing happens in A, and use in B is doubled for ten weeks: the campaign in A did nothing."""
    last = BEGINS + timedelta(weeks=10)
    doubled = (
        pl.when((pl.col("site_id") > "S2") & pl.col("sampled_on").is_between(BEGINS, last)).then(2.0).otherwise(1.0)
    )
    loads = weekly("methamphetamine").with_columns(pl.col("load_mg_per_day_per_1000") * doubled)
    with network(loads, CAMPAIGN, f"fair|festival|{BEGINS}|{last}|B|methamphetamine") as warehouse:
        (areas,) = effects(warehouse, event_id="raids", event_control="areas")
    assert (areas["verdict"], areas["reason"]) == ("not estimable", "no_untouched_area")


def test_a_drug_that_another_event_moved_is_no_control(network):
    loads = pl.concat([weekly("benzoylecgonine"), weekly("methamphetamine", 0.5)])
    with network(loads, f"law|policy|{BEGINS}|||cocaine", CAMPAIGN) as warehouse:
        (drugs,) = effects(warehouse, drug="cocaine", event_control="drugs")
    assert (drugs["verdict"], drugs["reason"]) == ("not estimable", "no_untouched_drug")


def test_what_a_site_did_years_before_is_no_part_of_its_level(network):
    """A site three times as high until 38 weeks before, and missing later on: nothing happened at the beginning."""
    before, late = BEGINS - timedelta(weeks=38), BEGINS + timedelta(weeks=13)
    high = pl.when((pl.col("site_id") == "S2") & (pl.col("sampled_on") < before)).then(3.0).otherwise(1.0)
    loads = weekly("methamphetamine").with_columns(pl.col("load_mg_per_day_per_1000") * high)
    loads = loads.filter((pl.col("site_id") != "S2") | (pl.col("sampled_on") < late))
    with network(loads, CAMPAIGN) as warehouse:
        (areas,) = effects(warehouse, event_control="areas")
    assert areas["n_sites"] == 2
    assert abs(areas["effect_percent"]) < 5


def test_weeks_below_limits_are_not_left_out_of_a_fall(network):
    """Half, and every other week zero by the protocol: weeks have no logarithm, and months tell of three quarters."""
    is_low = (pl.col("site_id") < "S3") & (pl.col("sampled_on") >= BEGINS) & (pl.col("sampled_on").dt.week() % 2 == 0)
    loads = weekly("methamphetamine", 0.5).with_columns(
        qualifier=pl.when(is_low).then(pl.lit("<LOQ")).otherwise(pl.lit("=")), is_censored=is_low,
        load_limit_mg_per_day_per_1000=pl.when(is_low).then(5.0),
        load_mg_per_day_per_1000=pl.when(~is_low).then("load_mg_per_day_per_1000"),
    )  # fmt: skip
    with network(loads, CAMPAIGN, protocol="euda") as warehouse:
        (areas,) = effects(warehouse, event_control="areas", protocol="euda")
    assert areas["period_kind"] == "month"
    assert areas["effect_percent"] == pytest.approx(-75, abs=8)


def test_a_festival_is_not_its_own_placebo(network):
    last = BEGINS + timedelta(weeks=10) - timedelta(days=1)
    with network(weekly("methamphetamine", 2.0, until=last), f"fair|festival|{BEGINS}|{last}|A|") as warehouse:
        (found,) = effects(warehouse, event_control="areas")
    assert found["n_placebos_as_large"] == 0
    assert found["effect_percent"] == pytest.approx(100, abs=15)


def test_before_there_is_any_figure_an_event_is_no_reason_to_stop(workspace):
    lay(workspace, "events.csv", listed(CAMPAIGN))
    take_in(workspace)
    with Warehouse.open(workspace.warehouse) as warehouse:
        estimates.load_reference(warehouse, workspace)
        estimates.compute_events(warehouse)
        assert warehouse.read("event_effects")["reason"].unique().to_list() == ["unknown_drug"]


def test_weeks_without_figures_are_gaps(network):
    """Every other week of one site is missing: levels of the others do not shift by it."""
    loads = weekly("methamphetamine", 0.7).filter(
        (pl.col("site_id") != "S1") | (pl.col("sampled_on").dt.ordinal_day() // 7 % 2 == 0)
    )
    with network(loads, CAMPAIGN) as warehouse:
        (areas,) = effects(warehouse, event_control="areas")
    assert areas["n_sites"] == 2
    assert areas["effect_percent"] == pytest.approx(-30, abs=7)


def test_the_list_that_came_last_holds(workspace):
    lay(workspace, "events.csv", listed(CAMPAIGN, f"fair|festival|{BEGINS}|{BEGINS}|A|"))
    moved = listed(CAMPAIGN.replace(str(BEGINS), "2023-03-06"))
    lay(workspace, "events-2.csv", moved, RECEIVED + timedelta(days=1))
    assert [delivery.status for delivery in take_in(workspace).taken] == ["accepted", "accepted"]
    with Warehouse.open(workspace.warehouse) as warehouse:
        rows = warehouse.query("select event_id, starts_on from current_events order by event_id").rows()
    assert rows == [("fair", BEGINS), ("raids", date(2023, 3, 6))]


def test_rows_of_one_event_that_differ_are_held(workspace):
    lay(workspace, "events.csv", listed(CAMPAIGN, CAMPAIGN.replace(str(BEGINS), "2023-02-01").replace("|A|", "|B|")))
    (delivery,) = take_in(workspace).taken
    assert delivery.quarantine["rule"].to_list() == ["event_contradicts_itself"] * 2


def test_a_drug_is_known_by_any_of_its_names(workspace):
    rows = [
        f"e{n}|policy|{BEGINS}|||{name}" for n, name in enumerate(("METH", "冰毒", " Methamphetamine ", "unheard of"))
    ]
    lay(workspace, "events.csv", listed(*rows))
    take_in(workspace)
    with Warehouse.open(workspace.warehouse) as warehouse:
        found = warehouse.query("select drug from current_events order by event_id")["drug"].to_list()
    assert found == ["methamphetamine"] * 3 + ["unheard of"]


def test_an_event_that_ends_before_it_starts_is_held(workspace):
    lay(workspace, "events.csv", listed(f"x|campaign|{BEGINS}|2020-01-01|A|", f"y|party|{BEGINS}||A|"))
    (delivery,) = take_in(workspace).taken
    assert delivery.quarantine["rule"].to_list() == ["validity_ends_before_it_starts", "not_allowed"]


def test_before_and_after_an_event_are_four_weeks_each(network):
    with network(
        weekly("methamphetamine", 0.7), CAMPAIGN, f"fair|festival|{BEGINS}|{BEGINS + timedelta(days=6)}|A|"
    ) as warehouse:
        assert estimates.compared_periods(warehouse, "before:raids", "after:raids") == (
            f"{BEGINS - timedelta(days=28)}..{BEGINS - timedelta(days=1)}",
            f"{BEGINS}..{BEGINS + timedelta(days=27)}",
        )
        assert estimates.compared_periods(warehouse, "year-before", "during:fair")[1] == f"{BEGINS}..2023-07-09"
        with pytest.raises(estimates.PeriodError, match=r"there is no event 'raid' \(perhaps 'raids'\)"):
            estimates.compared_periods(warehouse, "before:raid", "after:raid")
        with pytest.raises(estimates.PeriodError, match="no last day; write after:raids"):
            estimates.compared_periods(warehouse, "before:raids", "during:raids")


def test_intervals_hold_where_weeks_are_alike():
    """Two hundred series without an effect each, a tenth of their weeks missing: a standard error is 1.5 %."""
    rng = np.random.default_rng(1)
    for correlation in (0.0, 0.5):
        noise = rng.standard_normal((200, 152))
        for place in range(1, 152):
            noise[:, place] = correlation * noise[:, place - 1] + np.sqrt(1 - correlation**2) * noise[:, place]
        series = noise[:, 100:] + 0.02 * np.arange(52)
        series[rng.random(series.shape) < 0.1] = np.nan
        found = segmented(series, np.arange(52) >= 26)
        low, high = found.interval
        assert 0.91 <= ((low <= 0) & (high >= 0)).mean() <= 1
        assert ((found.p_value < 0.05) == ~((low <= 0) & (high >= 0))).all()


def test_a_site_without_some_periods_shifts_no_level():
    rng = np.random.default_rng(2)
    course = np.cumsum(0.1 * rng.standard_normal(20))
    levels = course + np.array([[0.0], [5.0], [-3.0]])
    levels[1, :7], levels[2, 12:] = np.nan, np.nan
    found = common_course(levels, np.array([1.0, 50.0, 2.0]))
    assert found == pytest.approx(course - course.mean(), abs=1e-6)


def test_the_command_tells_what_was_found_and_what_cannot_be(network, workspace):
    with network(weekly("methamphetamine", 0.7), CAMPAIGN, f"nowhere|policy|{BEGINS}||Z|methamphetamine") as warehouse:
        estimates.compute_events(warehouse)
        warehouse.copy_to(workspace.published)
    said = call("events", "-w", workspace.folder)
    assert f"About raids (campaign), {BEGINS}, since when it lasts; A; by permille" in said
    assert "methamphetamine  areas   −3" in said
    assert "26 + 26 weeks" in said
    assert "not estimable: methamphetamine. No site with figures lies in the areas of the event." in said
    rows = pl.read_csv(call("events", "--control", "none", "--format", "csv", "-w", workspace.folder).encode())
    assert rows["event_control"].to_list() == ["none", "none"]
    assert "there is no event 'raid' (perhaps 'raids')" in call(
        "events", "--event", "raid", "-w", workspace.folder, code=2
    )


def test_without_events_the_command_says_how_to_deliver_them(network, workspace):
    with network(weekly("methamphetamine")) as warehouse:
        estimates.compute_events(warehouse)
        warehouse.copy_to(workspace.published)
    assert "deliver a list of them (layout permille-events" in call("events", "-w", workspace.folder)


@pytest.mark.parametrize(("late", "growing"), [(0, False), (4, False), (0, True)])
def test_the_effect_is_the_mean_within_however_it_comes(late, growing):
    """On time, four weeks late, and growing from nothing: least squares, whatever neighbours have in common."""
    rng = np.random.default_rng(4)
    within = np.arange(52) >= 26
    shape = np.where(np.arange(52) >= 26 + late, 1.0, 0.0) * (np.maximum(np.arange(52) - 25, 0) / 26 if growing else 1)
    truth = -0.36 * shape
    found = segmented(truth + 0.05 * rng.standard_normal((300, 52)), within)
    low, high = found.interval
    mean = truth[within].mean()
    assert found.effect.mean() == pytest.approx(mean, abs=0.02)
    assert ((low <= mean) & (mean <= high)).mean() > 0.94
