"""Flows: of the composite's own window, of a longer composite's days, and what stands in for a missing one."""

from datetime import date, datetime, timedelta

import polars as pl
import pytest

from pipeline import estimates
from pipeline.deliveries import all_profiles
from pipeline.explain import Archive, explain_day
from pipeline.intake import take_in
from pipeline.settings import make_workspace
from pipeline.warehouse import Warehouse
from tests.conftest import lay, shared

SITES = "site_id,site_name\ns1,One\n"
POPULATIONS = "site_id,population_method,population\ns1,census,1000\n"
COMPOSITES = "site_id,composite_start,composite_end,residue,concentration,unit,laboratory\n"
DAYS = "site_id,sampled_on,residue,concentration,unit\n"
FLOWS = "site_id,date,flow_m3_per_day\n"
READINGS = "site_id,read_at,flow,unit\n"


def composite(start, end):
    return f"s1,{start},{end},ketamine,10,ng/L,Lab\n"


def loads(tmp_path, *, flow_fill="none", **files):
    here = make_workspace(tmp_path)
    given = {"sites": SITES, "populations": POPULATIONS, **files}
    for name, text in given.items():
        lay(here, f"{name}.csv", text)
    report = take_in(here)
    assert [delivery.messages for delivery in report.taken if delivery.n_quarantined] == []
    with Warehouse.open(here.warehouse) as warehouse:
        estimates.load_reference(warehouse)
        estimates.compute(warehouse, "population_estimates", flow_fill=flow_fill)
        estimates.compute(warehouse, "loads", flow_fill=flow_fill)
        estimates.compute(warehouse, "consumption")
        rows = warehouse.read("loads").sort("sampled_on")
        for row in rows.filter(pl.col("flow_basis").is_not_null()).iter_rows(named=True):
            figure = explain_day(
                warehouse, Archive(here.archive, all_profiles()), "s1", "ketamine", row["sampled_on"], "permille"
            )
            assert figure.agrees
            flows = [source for source in figure.sources if source.what in ("flows", "flow_readings")]
            assert flows, "explain names no flow"
            assert {source.details["flow of"] for source in flows} == {row["flow_basis"]}
    return rows


def readings(start, hours, flow_at):
    first = datetime.fromisoformat(start)
    moments = [first + timedelta(minutes=30 * step) for step in range(2 * hours + 1)]
    return READINGS + "".join(f"s1,{at:%Y-%m-%d %H:%M},{flow_at(at)},m3/d\n" for at in moments)


def test_the_flow_is_that_of_the_window_not_of_the_day(tmp_path):
    """From 08:00 to 08:00: 100 m3/day until midnight, 400 after it, with the half hour between them straight."""
    rows = loads(
        tmp_path, results=COMPOSITES + composite("2025-03-11 08:00", "2025-03-12 08:00"),
        flows=FLOWS + "s1,2025-03-11,999\n",
        readings=readings("2025-03-11 07:00", 26, lambda at: 100 if at.day == 11 else 400),
    )  # fmt: skip
    volume = (15.5 * 100 + 0.5 * 250 + 8 * 400) / 24
    assert rows["flow_basis"].to_list() == ["window"]
    assert rows["flow_m3_per_day"][0] == pytest.approx(volume, rel=1e-12)
    assert rows["load_mg_per_day"][0] == pytest.approx(volume * 10 / 1000, rel=1e-12)


def test_a_window_that_begins_between_two_readings_is_cut_there(tmp_path):
    """Rising from 0 at midnight by 48 m3/day an hour, from 00:15 to 01:15 the mean is that at 00:45: 36."""
    rows = loads(
        tmp_path, results=COMPOSITES + composite("2025-03-11 00:15", "2025-03-11 01:15"),
        readings=readings("2025-03-11 00:00", 2, lambda at: 48 * (at.hour + at.minute / 60)),
    )  # fmt: skip
    assert rows["flow_m3_per_day"][0] == pytest.approx(36, rel=1e-12)


def test_readings_with_a_gap_are_no_flow_and_the_delivered_day_counts(tmp_path):
    text = readings("2025-03-11 07:00", 26, lambda at: 100)
    gap = "".join(line for line in text.splitlines(keepends=True) if " 12:" not in line)
    rows = loads(
        tmp_path, results=COMPOSITES + composite("2025-03-11 08:00", "2025-03-12 08:00"), readings=gap,
        flows=FLOWS + "s1,2025-03-11,50\n",
    )  # fmt: skip
    assert rows.select("flow_basis", "flow_m3_per_day").rows() == [("day", 50.0)]


def test_a_day_without_a_window_has_the_flow_of_its_readings(tmp_path):
    rows = loads(
        tmp_path, results=DAYS + "s1,2025-03-11,ketamine,10,ng/L\n",
        readings=readings("2025-03-11 00:00", 24, lambda at: 100 + at.hour),
    )  # fmt: skip
    assert rows["flow_basis"].to_list() == ["readings of the day"]
    assert 110 < rows["flow_m3_per_day"][0] < 113


MULTI_DAY = """
name = "long"
title = "Long composites"
sender = "Lab"
[[tables]]
table = "results"
unit = "ng/L"
composite_period_hours = 96
[tables.columns]
site_id = "site"
composite_start_at = "from"
composite_end_at = "to"
residue = "residue"
concentration = "c"
[tables.qualifiers]
"0" = "quarantine"
"" = "not measured"
"""


@pytest.mark.parametrize(("days", "basis", "flow"), [((14, 15, 16), "days", 200.0), ((14, 16), None, None)])
def test_a_composite_of_several_days_has_the_mean_flow_of_all_its_days_or_none(tmp_path, days, basis, flow):
    here = make_workspace(tmp_path)
    (here.profiles / "long.toml").write_text(MULTI_DAY)
    flows = FLOWS + "".join(f"s1,2025-03-{day},{100 * (day - 13)}\n" for day in days)
    for name, text in {
        "sites.csv": SITES, "populations.csv": POPULATIONS, "flows.csv": flows,
        "long.csv": "site,from,to,residue,c\ns1,2025-03-14 08:00,2025-03-17 08:00,ketamine,10\n",
    }.items():  # fmt: skip
        lay(here, name, text)
    take_in(here)
    with Warehouse.open(here.warehouse) as warehouse:
        estimates.compute(warehouse, "population_estimates")
        estimates.compute(warehouse, "loads")
        (row,) = warehouse.read("loads").rows(named=True)
    assert (row["flow_basis"], row["flow_m3_per_day"]) == (basis, flow)
    assert row["reason"] == (None if basis else "no_flow")
    assert "multi_day_composite" in row["flags"]


def test_a_composite_from_noon_to_noon_covers_half_of_its_first_and_of_its_last_day(tmp_path):
    here = make_workspace(tmp_path)
    (here.profiles / "long.toml").write_text(MULTI_DAY)
    lay(here, "sites.csv", SITES)
    lay(here, "populations.csv", POPULATIONS)
    lay(here, "flows.csv", FLOWS + "".join(f"s1,2025-03-{day},{100 * (day - 13)}\n" for day in (14, 15, 16)))
    lay(here, "long.csv", "site,from,to,residue,c\ns1,2025-03-14 12:00,2025-03-16 12:00,ketamine,10\n")
    take_in(here)
    with Warehouse.open(here.warehouse) as warehouse:
        estimates.compute(warehouse, "population_estimates")
        estimates.compute(warehouse, "loads")
        assert warehouse.read("loads")["flow_m3_per_day"].to_list() == [200.0]


def test_what_was_not_measured_widens_no_window_and_several_samples_have_none(tmp_path):
    """100 m3/day in the morning, 500 in the evening, 300 delivered for the day."""
    files = {
        "readings": readings("2025-03-11 07:00", 15, lambda at: 100 if at.hour < 14 else 500),
        "flows": FLOWS + "s1,2025-03-11,300\n",
    }
    morning = composite("2025-03-11 08:00", "2025-03-11 09:00")
    evening = composite("2025-03-11 20:00", "2025-03-11 21:00")
    one = loads(tmp_path / "one", results=COMPOSITES + morning + evening.replace(",10,", ",NA,"), **files)
    assert one.select("flow_basis", "flow_m3_per_day", "load_mg_per_day").rows() == [("window", 100.0, 1.0)]
    two = loads(tmp_path / "two", results=COMPOSITES + morning + evening, **files)
    assert two.select("flow_basis", "flow_m3_per_day").rows() == [("day", 300.0)]


def test_a_window_between_two_readings_is_explained_by_them(tmp_path):
    rows = loads(
        tmp_path, results=COMPOSITES + composite("2025-03-11 00:05", "2025-03-11 00:25"),
        readings=readings("2025-03-11 00:00", 1, lambda at: 100),
    )  # fmt: skip
    assert rows["flow_basis"].to_list() == ["window"]


def test_a_missing_flow_is_missing_unless_the_rule_fills_it_and_then_it_is_flagged(tmp_path):
    """Tuesdays of March 2025 with 100, 300, 110 m3/day: 110 stands in for the 25th; April has none."""
    files = {
        "results": DAYS + "s1,2025-03-25,ketamine,10,ng/L\ns1,2025-04-08,ketamine,10,ng/L\n",
        "flows": FLOWS + "s1,2025-03-04,100\ns1,2025-03-11,300\ns1,2025-03-18,110\ns1,2025-03-19,9\ns1,2025-04-01,5\n",
    }
    missing = loads(tmp_path / "none", **files)
    assert missing["reason"].to_list() == ["no_flow", "no_flow"]
    filled = loads(tmp_path / "filled", flow_fill="weekday-median", **files)
    assert filled.select("sampled_on", "flow_basis", "flow_m3_per_day", "flags").rows() == [
        (date(2025, 3, 25), "filled", 110.0, "flow_filled"), (date(2025, 4, 8), None, None, None),
    ]  # fmt: skip


FLORIDA = """
name = "florida-flows"
title = "Influent, five minutes"
sender = "University of Florida"
date_formats = ["%Y-%m-%d %H:%M:%S", "%Y-%m-%d"]
ignore = ["TimeStamp"]
[[tables]]
table = "flow_readings"
sheet = "20180908WRF_Inf"
cells = "A:C"
unit = "MGD"
[tables.columns]
read_at = "Date"
flow = "09/08/18 MGD"
[tables.constants]
site_id = "gainesville"
[[tables]]
table = "flow_readings"
sheet = "0825_0922_WRF_Inf"
cells = "A:C"
unit = "MGD"
[tables.columns]
read_at = "Date"
flow = "08/25/18 MGD"
[tables.constants]
site_id = "gainesville"
[[tables]]
table = "flow_readings"
sheet = "0825_0922_WRF_Inf"
cells = "E:G"
unit = "MGD"
[tables.columns]
read_at = "Date"
flow = "09/22/18 MGD"
[tables.constants]
site_id = "gainesville"
"""
GALLON_M3 = 3.785411784e-3  # exact, NIST SP 811


def test_florida_five_minute_flows_give_the_published_volumes_of_eleven_slots(tmp_path):
    """The laboratory's own sums of gallons in the previous 30 minutes, to 0.1 gallon."""
    workbook = shared("uf-stadium/Copy of WRF_Inf-flows.xls").read_bytes()
    published = pl.read_csv(shared("uf-stadium/flow_rate.txt"), separator="\t")
    here = make_workspace(tmp_path)
    (here.profiles / "florida-flows.toml").write_text(FLORIDA)
    lay(here, "flows.xls", workbook)
    lay(here, "sites.csv", "site_id,site_name\ngainesville,Gainesville\n")
    ends = [datetime.fromisoformat(f"2018-09-08T{text}") + timedelta(hours=12) for text in published["time_pretty"]]
    slots = "".join(
        f"gainesville,{end - timedelta(minutes=30):%Y-%m-%d %H:%M},{end:%Y-%m-%d %H:%M},{residue},10,ng/L,Lab\n"
        for end, residue in zip(ends, RESIDUES, strict=True)
    )
    lay(here, "slots.csv", COMPOSITES + slots)
    report = take_in(here)
    assert [delivery.messages for delivery in report.taken if delivery.n_quarantined] == []
    with Warehouse.open(here.warehouse) as warehouse:
        estimates.compute(warehouse, "population_estimates")
        estimates.compute(warehouse, "loads")
        found = dict(warehouse.query("select residue, flow_m3_per_day from loads").iter_rows())
        n_readings = warehouse.count("flow_readings")
    assert n_readings == 73 + 72 + 72
    gallons = [found[residue] / 48 / GALLON_M3 for residue in RESIDUES]
    assert gallons == pytest.approx(published["gallons_previous_30_minutes"].to_list(), abs=0.1)


# One residue a slot: a day has one flow for each residue's own window.
RESIDUES = ["mdma", "ketamine", "amphetamine", "methamphetamine", "benzoylecgonine", "codeine", "morphine", "cocaine",
            "norketamine", "cotinine", "caffeine"]  # fmt: skip
