"""The simulated city: the same seed gives the same bytes, and what it claims to hold can be found in it.

No reading by profiles here (`pipeline/reading`): files are read back with a plain reader.
"""

import csv
import datetime as dt
from pathlib import Path
from typing import NamedTuple

import fastexcel
import numpy as np
import polars as pl
import pytest

from pipeline.simulation import City, laboratories, simulate_city, world, write_deliveries
from pipeline.simulation.measurement import LABORATORIES, limits
from pipeline.simulation.mistakes import MISTAKES
from pipeline.simulation.truth import residue_per_drug
from schemas.profile import SHIPPED, Profile, load_profile

pytestmark = pytest.mark.xdist_group("simulation")  # the city and its files are made once

PROFILES = [
    "simulated-areas", "simulated-daily", "simulated-events", "simulated-flows", "simulated-north",
    "simulated-populations", "simulated-sites", "simulated-south", "simulated-west",
]  # fmt: skip


class Delivered(NamedTuple):
    """A city and the files it was written to."""

    city: City
    files: dict[str, Path]


@pytest.fixture(scope="module")
def city() -> City:
    return simulate_city(seed=2026)


@pytest.fixture(scope="module")
def delivered(city: City, tmp_path_factory: pytest.TempPathFactory) -> Delivered:
    paths = write_deliveries(city, tmp_path_factory.mktemp("inbox"))
    return Delivered(city, {path.name: path for path in paths})


def _rows(path: Path, sheet: str | None = None) -> list[list[str]]:
    """The rows of a file as texts; row 1 of a spreadsheet is element 0."""
    if path.suffix == ".xlsx":
        reader = fastexcel.read_excel(path)
        frame = reader.load_sheet(sheet or 0, header_row=None, skip_rows=0, dtypes="string").to_polars()
        return [[cell or "" for cell in row] for row in frame.rows()]
    is_west = path.name.startswith("simulated-west")
    text = path.read_bytes().decode("latin-1" if is_west else "utf-8")
    return list(csv.reader(text.splitlines(), delimiter=";" if is_west else ","))


def _daily(city: City, drug: str) -> pl.DataFrame:
    """Consumption and days of the daily site, for one drug."""
    return city.truth.consumption.filter(pl.col("site_id") == world.DAILY_SITE, pl.col("drug") == drug).join(
        city.truth.days, on=["site_id", "sampled_on"], maintain_order="left"
    )


# --- determinism ----------------------------------------------------------------------------------


def test_same_seed_gives_same_bytes_and_times(delivered: Delivered, tmp_path: Path) -> None:
    again = write_deliveries(simulate_city(seed=2026), tmp_path)
    assert {path.name for path in again} == set(delivered.files)
    for path in again:
        first = delivered.files[path.name]
        assert path.read_bytes() == first.read_bytes(), path.name
        assert path.stat().st_mtime == first.stat().st_mtime, path.name


def test_another_seed_gives_another_city(city: City) -> None:
    other = simulate_city(seed=7)
    assert other.seed == 7
    assert not other.results.equals(city.results)
    assert other.results.height == city.results.height
    assert other.wrong_rows.equals(city.wrong_rows)


# --- structure ------------------------------------------------------------------------------------


def test_counts(city: City) -> None:
    truth = city.truth
    assert truth.sites.height == 18
    assert truth.areas.filter(pl.col("parent_area_id") == world.CITY_ID).height == 8
    assert set(truth.sites["area_id"]) == set(truth.areas["area_id"]) - {world.CITY_ID}
    assert city.results["residue"].n_unique() == 12
    assert city.results["residue"].unique().sort().to_list() == sorted(world.RESIDUES)
    assert truth.consumption["drug"].n_unique() == 10
    assert truth.campaigns.height == 12
    assert truth.populations.height == 18 * 3
    baseline = truth.populations.filter(pl.col("valid_from") == dt.date(2023, 1, 1))["population"]
    assert (baseline.min(), baseline.max()) == (8_000, 2_000_000)
    assert not city.results.select("site_id", "sampled_on", "residue").is_duplicated().any()


def test_campaigns_are_seven_days_with_every_weekday(city: City) -> None:
    for campaign, first, last in city.truth.campaigns.rows():
        assert first.weekday() == 0, campaign
        assert (last - first).days == 6, campaign
        assert 8 <= first.day <= 14, campaign
    assert world.campaign_first_day(2024, 3) == dt.date(2024, 3, 11)
    holidays = [(day.first_day, day.last_day) for day in world.HOLIDAYS]
    for _, first, last in city.truth.campaigns.rows():
        assert all(last < begin or end < first for begin, end in holidays)


def test_samples_are_those_of_the_network(city: City) -> None:
    taken = city.results.select("site_id", "sampled_on", "campaign", "laboratory").unique()
    daily = taken.filter(pl.col("site_id") == world.DAILY_SITE)
    assert daily.height == 365 + 366 + 365
    assert daily["laboratory"].unique().to_list() == ["daily"]
    others = taken.filter(pl.col("site_id") != world.DAILY_SITE)
    # 17 sites, 12 campaigns; one joins after six, one leaves after eight.
    assert others.height == (15 * 12 + 6 + 8) * 7
    joining = others.filter(pl.col("site_id") == world.JOINING_SITE)["sampled_on"].min()
    leaving = others.filter(pl.col("site_id") == world.LEAVING_SITE)["sampled_on"].max()
    assert joining == dt.date(2024, 9, 9)
    assert leaving == dt.date(2024, 11, 17)
    assert city.truth.laboratories.height == 15 * 12 + 12 + 6 + 8


def test_one_area_changes_its_laboratory(city: City) -> None:
    by_area = city.truth.laboratories.join(city.truth.sites, on="site_id").filter(pl.col("site_id") != world.DAILY_SITE)
    n_laboratories = by_area.group_by("area_id").agg(pl.col("laboratory").n_unique())
    assert n_laboratories.filter(pl.col("laboratory") > 1)["area_id"].to_list() == [world.CHANGED_AREA]
    changed = by_area.filter(pl.col("area_id") == world.CHANGED_AREA)
    assert changed.filter(pl.col("campaign") < "2025")["laboratory"].unique().to_list() == ["west"]
    assert changed.filter(pl.col("campaign") > "2025")["laboratory"].unique().to_list() == ["north"]


# --- truth ----------------------------------------------------------------------------------------


def test_ratio_of_a_site_is_that_of_its_days(city: City) -> None:
    changes = city.truth.changes.filter(
        pl.col("level") == "site", pl.col("baseline_period") == "2023", pl.col("current_period") == "2025"
    )
    assert changes.height == 16 * 10
    for row in changes.filter(pl.col("unit_id").is_in(["sim-03", "sim-18"])).iter_rows(named=True):
        days = city.truth.consumption.filter(
            pl.col("site_id") == row["unit_id"], pl.col("drug") == row["drug"]
        ).with_columns(pl.col("sampled_on").dt.year().alias("year"))
        means = dict(days.group_by("year").agg(pl.col("consumption_mg_per_day_per_1000").mean()).rows())
        assert row["realised_ratio"] == pytest.approx(means[2025] / means[2023], rel=1e-12)
    # The days as they happened scatter about what was expected: standard errors are below 3 %.
    error = (changes["realised_ratio"] / changes["ratio"]).log()
    assert abs(error.mean()) < 0.005
    assert error.abs().max() < 0.10


def test_ratio_of_an_area_weighs_its_sites_by_their_baseline_population(city: City) -> None:
    unit = (pl.col("unit_id") == "sim-harbour") & (pl.col("drug") == "methamphetamine")
    years = (pl.col("baseline_period") == "2023") & (pl.col("current_period") == "2025")
    area = city.truth.changes.filter(unit & years).row(0, named=True)
    sites = city.truth.changes.filter(
        years, pl.col("drug") == "methamphetamine", pl.col("unit_id").is_in(["sim-04", "sim-05"])
    ).sort("unit_id")
    weights = [2_000_000, 410_000]
    baseline = np.average(sites["baseline_mg_per_day_per_1000"], weights=weights)
    current = np.average(sites["current_mg_per_day_per_1000"], weights=weights)
    assert area["ratio"] == pytest.approx(current / baseline, rel=1e-12)
    assert area["panel"] == "sim-04 sim-05"


def test_falls_and_rises_are_those_of_the_world(city: City) -> None:
    network = city.truth.changes.filter(
        pl.col("level") == "network", pl.col("baseline_period") == "2023", pl.col("current_period") == "2025"
    )
    ratio = dict(network.select("drug", "ratio").rows())
    assert ratio["methamphetamine"] == pytest.approx(0.45, abs=0.08)
    assert ratio["ketamine"] == pytest.approx(0.62, abs=0.08)
    assert ratio["etomidate"] == pytest.approx(2.0, abs=0.25)
    assert ratio["cocaine"] == pytest.approx(1.2, abs=0.10)
    for drug in ("cannabis", "codeine", "nicotine"):
        assert ratio[drug] == pytest.approx(1.0, abs=0.005)
    baseline = dict(network.select("drug", "baseline_mg_per_day_per_1000").rows())
    assert 45 < baseline["methamphetamine"] < 75
    panel = network["panel"].unique().item().split()
    assert world.JOINING_SITE not in panel
    assert world.LEAVING_SITE not in panel
    whole_city = city.truth.changes.filter(pl.col("unit_id") == world.CITY_ID)
    assert whole_city["ratio"].to_list() == city.truth.changes.filter(pl.col("level") == "network")["ratio"].to_list()


def test_campaign_weeks_tell_the_true_change(city: City) -> None:
    """What is sampled gives the annual ratio: no bias from the choice of weeks."""
    in_campaign = city.truth.consumption.join(city.truth.campaigns, how="cross").filter(
        pl.col("sampled_on").is_between("first_day", "last_day")
    )
    means = in_campaign.group_by("site_id", "drug", pl.col("sampled_on").dt.year().alias("year")).agg(
        pl.col("expected_consumption_mg_per_day_per_1000").mean().alias("mean")
    )
    wide = means.pivot("year", index=["site_id", "drug"], values="mean").drop_nulls()
    true = city.truth.changes.filter(
        pl.col("level") == "site", pl.col("baseline_period") == "2023", pl.col("current_period") == "2025"
    )
    both = wide.join(true, left_on=["site_id", "drug"], right_on=["unit_id", "drug"])
    assert both.height == 160
    assert (both["2025"] / both["2023"] / both["ratio"] - 1).abs().max() < 0.02


def test_loads_are_consumption_times_what_is_excreted(city: City) -> None:
    excreted = residue_per_drug()
    assert set(excreted) == {drug.drug for drug in world.DRUGS}
    key = (pl.col("site_id") == "sim-01") & (pl.col("sampled_on") == dt.date(2024, 5, 6))
    consumed = dict(city.truth.consumption.filter(key).select("drug", "consumption_mg_per_day_per_1000").rows())
    loads = dict(city.truth.loads.filter(key).select("residue", "load_mg_per_day_per_1000").rows())
    for drug in world.DRUGS:
        assert loads[drug.residue] == pytest.approx(consumed[drug.drug] * excreted[drug.drug], rel=1e-12)
    assert loads["ketamine"] / loads["norketamine"] == pytest.approx(5.36, rel=0.5)


def test_factor_file_without_a_simulated_drug_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "2026.csv"
    file.write_text(
        "drug,residue,excreted_fraction,excretion_basis,molar_mass_parent_g_per_mol,"
        "molar_mass_residue_g_per_mol,is_default\nheroin,morphine,0.4,molar,369.41,285.34,true\n"
    )
    with pytest.raises(ValueError, match="Mend the factor file"):
        residue_per_drug(file)


# --- the world's effects --------------------------------------------------------------------------


def test_on_holidays_fewer_people_are_present_and_less_is_used(city: City) -> None:
    days = _daily(city, "methamphetamine").filter(pl.col("sampled_on").dt.year() == 2024)
    holiday = days.filter(pl.col("sampled_on").is_between(dt.date(2024, 2, 10), dt.date(2024, 2, 17)))
    before = days.filter(pl.col("sampled_on").is_between(dt.date(2024, 1, 15), dt.date(2024, 2, 4)))
    present = pl.col("population_present") / pl.col("population")
    assert holiday.select(present.mean()).item() == pytest.approx(0.70, abs=0.02)
    assert before.select(present.mean()).item() == pytest.approx(1.0, abs=0.02)
    used = "expected_consumption_mg_per_day_per_1000"
    assert holiday[used].mean() < 0.8 * before[used].mean()
    national_day = days.filter(pl.col("sampled_on").is_between(dt.date(2024, 10, 1), dt.date(2024, 10, 7)))
    assert national_day.select(present.mean()).item() == pytest.approx(0.85, abs=0.02)
    # The census that is delivered knows nothing of it.
    assert days["population"].n_unique() == 1


def test_weekend_peaks_of_mdma_and_cocaine_only(city: City) -> None:
    weekday = pl.col("sampled_on").dt.weekday()
    peak = {}
    for drug in ("mdma", "cocaine", "cannabis"):
        days = _daily(city, drug)
        used = "consumption_mg_per_day_per_1000"
        peak[drug] = days.filter(weekday == 6)[used].mean() / days.filter(weekday == 2)[used].mean()
    assert peak["mdma"] > 2.5
    assert 1.4 < peak["cocaine"] < 2.0
    assert peak["cannabis"] == pytest.approx(1.0, abs=0.1)


def test_rain_comes_in_spells_and_dilutes(city: City) -> None:
    days = city.truth.days.filter(pl.col("site_id") == world.DAILY_SITE)
    is_wet = (days["rain_mm_per_day"] > 0).to_numpy()
    assert is_wet[1:][is_wet[:-1]].mean() > 2 * is_wet[1:][~is_wet[:-1]].mean()
    per_person = days["flow_m3_per_day"] * 1000 / days["population"]
    wet, dry = days["rain_mm_per_day"] > 15, days["rain_mm_per_day"] == 0
    assert per_person.filter(wet).mean() > 1.1 * per_person.filter(dry).mean()
    cotinine = city.results.filter(pl.col("site_id") == world.DAILY_SITE, pl.col("residue") == "cotinine")
    assert cotinine["sampled_on"].equals(days["sampled_on"])
    measured = cotinine["concentration_ng_per_l"]
    assert measured.filter(wet).mean() < 0.93 * measured.filter(dry).mean()


def test_flow_per_head_is_plausible(city: City) -> None:
    per_person = city.truth.days["flow_m3_per_day"] * 1000 / city.truth.days["population"]
    assert per_person.min() > 150
    assert per_person.max() < 400


def test_dumping_is_seen_on_one_day_and_is_no_consumption(city: City) -> None:
    spike = city.results.filter(
        pl.col("site_id") == world.DUMP_SITE, pl.col("residue") == "mdma", pl.col("campaign") == "2023-Q3"
    )
    on_the_day = pl.col("sampled_on") == world.DUMP_ON
    highest_else = spike.filter(~on_the_day)["concentration_ng_per_l"].max()
    assert spike.filter(on_the_day)["concentration_ng_per_l"].item() > 5 * highest_else
    consumed = city.truth.consumption.filter(
        pl.col("site_id") == world.DUMP_SITE, pl.col("drug") == "mdma", pl.col("sampled_on").dt.year() == 2023
    )
    used = "consumption_mg_per_day_per_1000"
    assert consumed.filter(on_the_day)[used].item() < 5 * consumed[used].median()
    events = city.truth.events.filter(pl.col("event") == "dumping")
    assert events.select("site_id", "residue", "first_day").row(0) == ("sim-05", "mdma", world.DUMP_ON)


def test_events_hold_everything_that_happened(city: City) -> None:
    counts = dict(city.truth.events["event"].value_counts().rows())
    assert counts == {"campaign": 12, "holiday": 6, "dumping": 1, "laboratory change": 1, "site joins": 1,
                      "site leaves": 1}  # fmt: skip


# --- measurement ----------------------------------------------------------------------------------


def test_share_below_limits(city: City) -> None:
    share = dict(city.results.group_by("residue").agg((pl.col("qualifier") != "=").mean().alias("censored")).rows())
    assert share["6-mam"] > 0.85
    assert 0.01 < share["mdma"] < 0.3
    assert share["methamphetamine"] < 0.001
    assert share["cotinine"] == 0


def test_qualifier_follows_the_limits(city: City) -> None:
    results = city.results
    value, loq = pl.col("concentration_ng_per_l"), pl.col("loq_ng_per_l")
    assert results.filter(value.is_not_null() != (pl.col("qualifier") == "=")).is_empty()
    assert results.filter(value < loq).is_empty()
    assert results.filter(pl.col("lod_ng_per_l") >= loq).is_empty()


def test_batches_share_an_error_that_more_samples_do_not_shrink(city: City) -> None:
    """The mean log error of a batch scatters more between batches than its samples explain."""
    errors = city.results.filter(pl.col("laboratory") == "north", pl.col("residue") == "methamphetamine").select(
        "batch",
        (pl.col("concentration_ng_per_l") / pl.col("true_concentration_ng_per_l")).log().alias("error"),
    )
    means = errors.group_by("batch").agg(pl.col("error").mean(), pl.col("error").std().alias("sd"), pl.len())
    assert means.height == 12
    within = (means["sd"] / means["len"].sqrt()).mean()
    assert means["error"].std() > 3 * within


def test_flow_meters_have_a_lasting_bias(city: City) -> None:
    both = city.flows.join(city.truth.days, on=["site_id", "sampled_on"], suffix="_true")
    ratio = both.group_by("site_id").agg((pl.col("flow_m3_per_day") / pl.col("flow_m3_per_day_true")).mean())
    assert ratio.height == 18
    assert 0.02 < ratio["flow_m3_per_day"].std() < 0.10


# --- files ----------------------------------------------------------------------------------------


def test_files(delivered: Delivered) -> None:
    names = delivered.files
    assert len(names) == 48
    assert all(name.startswith("simulated-") for name in names)
    for sender, n_files in {
        "north": 12,
        "south": 12,
        "west": 12,
        "daily": 3,
        "flows": 3,
        "populations": 3,
    }.items():
        assert sum(name.startswith(f"simulated-{sender}-") for name in names) == n_files, sender
    assert {"simulated-areas.csv", "simulated-sites.csv", "simulated-events.csv"} < set(names)


def test_files_say_that_they_are_simulated(delivered: Delivered) -> None:
    for name, path in delivered.files.items():
        cells = [cell for row in _rows(path) for cell in row]
        assert any("SIMULATED" in cell or "模拟" in cell for cell in cells), name


def test_time_of_last_change_is_the_delivery(delivered: Delivered) -> None:
    times = {name: dt.datetime.fromtimestamp(path.stat().st_mtime, dt.UTC) for name, path in delivered.files.items()}
    assert list(times.values()) == sorted(times.values())
    assert times["simulated-north-2024-Q1.csv"] == dt.datetime(2024, 4, 7, 9, tzinfo=dt.UTC)
    assert times["simulated-daily-2025.xlsx"] == dt.datetime(2026, 1, 10, 9, tzinfo=dt.UTC)


def test_wrong_rows_stand_where_the_list_says(delivered: Delivered) -> None:
    wrong = delivered.city.wrong_rows
    assert wrong.height == 11
    assert set(wrong["rule"]) == {"negative_value", "unknown_residue", "unparsable_number", "duplicate_row",
                                  "wrong_unit", "date_in_future", "unknown_site"}  # fmt: skip
    for mistake in MISTAKES:
        rows = _rows(delivered.files[mistake.file_name], mistake.sheet or None)
        header = next(row for row in rows if mistake.source_column in row)
        cell = rows[mistake.row_number - 1][header.index(mistake.source_column)]
        assert cell == mistake.text, mistake
    twice = _rows(delivered.files["simulated-north-2024-Q1.csv"])
    assert twice[205][:3] == twice[206][:3]
    assert twice[205][3] != twice[206][3]


def test_no_other_row_is_wrong(delivered: Delivered) -> None:
    """Without the wrong ones, each result of the north stands once, as a number or a known word."""
    known = {*laboratories.NORTH_NAMES.values()}
    wrong = set(delivered.city.wrong_rows.select("file_name", "row_number").rows())
    n_rows = 0
    for name, path in delivered.files.items():
        if not name.startswith("simulated-north-"):
            continue
        rows = _rows(path)
        right = [row for number, row in enumerate(rows[1:], start=2) if (name, number) not in wrong]
        assert len({tuple(row[:3]) for row in right}) == len(right)
        for row in right:
            assert row[2] in known
            assert row[3] in {"<LOQ", "N.D."} or float(row[3]) > 0
            assert row[4] == "ng/L"
        n_rows += len(rows) - 1
    assert n_rows == delivered.city.results.filter(pl.col("laboratory") == "north").height


def test_south_writes_names_words_and_units(delivered: Delivered) -> None:
    rows = _rows(delivered.files["simulated-south-2023-Q1.xlsx"], "检测结果")
    assert "模拟" in rows[0][0]
    assert rows[1][:3] == ["污水处理厂", "采样日期", "甲基苯丙胺"]
    assert rows[2][rows[1].index("咖啡因")] == "μg/L"
    assert rows[2][rows[1].index("可替宁")] == "ng/L"
    assert rows[3][:2] == ["滨江第一污水处理厂", "2023年03月13日"]
    assert any("未检出" in row for row in rows)
    caffeine = delivered.city.results.filter(
        pl.col("site_id") == "sim-08",
        pl.col("sampled_on") == dt.date(2023, 3, 13),
        pl.col("residue") == "caffeine",
    )["concentration_ng_per_l"].item()
    assert float(rows[3][rows[1].index("咖啡因")]) == pytest.approx(caffeine / 1000)
    as_cells = _rows(delivered.files["simulated-south-2023-Q2.xlsx"], "检测结果")
    assert as_cells[3][1].startswith("2023-06-12")
    flows = _rows(delivered.files["simulated-south-2023-Q1.xlsx"], "流量")
    assert flows[0][:3] == ["污水处理厂", "采样日期", "流量"]
    assert len(flows) == 1 + 5 * 7
    assert 10 < float(flows[1][2]) < 50  # 1.1 million people, in 10,000 m³/day


def test_west_writes_decimal_commas_in_latin_1(delivered: Delivered) -> None:
    content = delivered.files["simulated-west-2023-Q1.csv"].read_bytes()
    with pytest.raises(UnicodeDecodeError):
        content.decode("utf-8")
    rows = _rows(delivered.files["simulated-west-2023-Q1.csv"])
    assert rows[1][:3] == ["sim-13", "13.03.2023", "Methamphetamin"]
    assert "." not in rows[1][3]
    assert any(row[3].startswith("<0,00") for row in rows)
    assert {row[5] for row in rows[1:]} == {"µg/L"}


def test_every_sample_has_a_flow(delivered: Delivered) -> None:
    """Each site's flows come from one sender: plants, Laboratory South or the daily site."""
    days: set[tuple[str, str]] = set()
    ids = dict(delivered.city.truth.sites.select("site_name", "site_id").rows())
    for name, path in delivered.files.items():
        if name.startswith("simulated-flows-"):
            found = {(row[0], row[1]) for row in _rows(path)[1:]}
        elif name.startswith("simulated-daily-"):
            found = {(row[0], row[1][:10]) for row in _rows(path, "Flows")[1:]}
        elif name.startswith("simulated-south-"):
            found = {
                (ids[row[0]], row[1].replace("年", "-").replace("月", "-").replace("日", "")[:10])
                for row in _rows(path, "流量")[1:]
            }
        else:
            continue
        assert not days & found
        days |= found
    sampled = delivered.city.results.select("site_id", pl.col("sampled_on").cast(pl.String)).unique().rows()
    assert set(sampled) <= days


# --- profiles -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def profiles() -> dict[str, Profile]:
    return {name: load_profile(SHIPPED / f"{name}.toml") for name in PROFILES}


def test_profiles_load_and_say_that_they_are_simulated(profiles: dict[str, Profile]) -> None:
    assert sorted(file.stem for file in SHIPPED.glob("simulated-*.toml")) == PROFILES
    for name, profile in profiles.items():
        assert profile.name == name
        assert profile.is_simulated


def test_each_file_fits_the_profile_of_its_sender_and_no_other(
    delivered: Delivered, profiles: dict[str, Profile]
) -> None:
    for name, path in delivered.files.items():
        fitting = [profile.name for profile in profiles.values() if _fits(path, profile)]
        sender = "-".join(name.split(".")[0].split("-")[:2])
        assert fitting == [sender], name


def _fits(path: Path, profile: Profile) -> bool:
    """True where all headers the profile reads stand in the file."""
    for table in profile.tables:
        if path.suffix == ".xlsx":
            sheets = fastexcel.read_excel(path).sheet_names
            sheet = table.sheet or sheets[0]
            if sheet not in sheets:
                return False
        else:
            sheet = None
        rows = _rows(path, sheet)
        wanted = {name for parts in table.headers.values() for names in parts for name in names}
        wanted |= set(table.wide.columns) if table.wide else set()
        wanted |= {table.unit_column} if table.unit_column else set()
        if not wanted <= set(rows[(table.header_row or 1) - 1]):
            return False
    return True


def test_profiles_and_files_agree_about_words_and_limits(profiles: dict[str, Profile]) -> None:
    for name, words in {
        "simulated-north": laboratories.NORTH_NAMES,
        "simulated-west": laboratories.WEST_NAMES,
        "simulated-daily": laboratories.DAILY_NAMES,
    }.items():
        assert profiles[name].tables[0].values["residue"] == {word: residue for residue, word in words.items()}
    south = profiles["simulated-south"].tables[0]
    assert south.wide is not None
    assert south.wide.columns == {word: residue for residue, word in laboratories.SOUTH_NAMES.items()}
    stated = {residue: (limit.lod, limit.loq) for residue, limit in south.limits.items()}
    true = limits().filter(pl.col("laboratory") == "south").drop("laboratory").rows()
    assert stated == {residue: (lod, loq) for residue, lod, loq in true}
    names = {site.site_name: site.site_id for site in world.SITES if site.area_id in ("sim-riverside", "sim-lakeside")}
    for table in profiles["simulated-south"].tables:
        assert table.values["site_id"] == names
    assert all("SIMULATED" in laboratory.name or "模拟" in laboratory.name for laboratory in LABORATORIES.values())
