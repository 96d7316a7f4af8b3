"""Moments by the clock of the site and by UTC: days of 23 and 25 hours, offsets, and clocks that are not the site's."""

from datetime import date, datetime, timedelta

import duckdb
import polars as pl
import pytest

from pipeline import estimates
from pipeline.intake import take_in
from pipeline.settings import make_workspace
from pipeline.warehouse import Warehouse
from schemas.time_zones import time_zones
from tests.conftest import RECEIVED, lay

at = datetime.fromisoformat

SITES = "site_id,site_name,time_zone\ns1,One,Europe/Berlin\ns2,Two,\n"
POPULATIONS = "site_id,population_method,population\ns1,census,1000\ns2,census,1000\n"
COMPOSITES = "site_id,composite_start,composite_end,residue,concentration,unit\n"
READINGS = "site_id,read_at,flow,unit\n"
SPRING, AUTUMN = date(2025, 3, 30), date(2025, 10, 26)
"""The days on which the clocks of Berlin are changed: at 02:00 to 03:00, and at 03:00 to 02:00."""


def composite(start, end, site="s1"):
    return f"{site},{start},{end},ketamine,10,ng/L\n"


def workspace(tmp_path, settings=None, **files):
    here = make_workspace(tmp_path / "here", settings)
    for name, text in {"sites": SITES, "populations": POPULATIONS, **files}.items():
        lay(here, f"{name}.csv", text)
    return here


def taken(here, table):
    report = take_in(here, tell=lambda line: None)
    with Warehouse.open(here.warehouse) as warehouse:
        return warehouse.read(table), [line for delivery in report.taken for line in delivery.messages]


def loads(here):
    take_in(here, tell=lambda line: None)
    with Warehouse.open(here.warehouse) as warehouse:
        estimates.load_reference(warehouse)
        estimates.compute(warehouse, "population_estimates")
        estimates.compute(warehouse, "loads")
        return warehouse.read("loads").sort("sampled_on")


def local_readings(first, steps, flow, step=timedelta(minutes=30), zone="Europe/Berlin"):
    """As a meter writes them that goes by the clock of the site, from a moment by UTC on."""
    moments = pl.datetime_range(first, first + step * steps, step, time_unit="us", eager=True)
    by_site = moments.dt.replace_time_zone("UTC").dt.convert_time_zone(zone)
    return [f"s1,{local:%Y-%m-%d %H:%M},{flow(utc)},m3/d\n" for local, utc in zip(by_site, moments, strict=True)]


@pytest.mark.parametrize(
    ("start", "end", "hours"),
    [
        ("2025-03-29 08:00", "2025-03-30 08:00", 23),
        ("2025-10-25 08:00", "2025-10-26 08:00", 25),
        ("2025-06-01 08:00", "2025-06-02 08:00", 24),
        ("2025-03-29T08:00:00+01:00", "2025-03-30T08:00:00+02:00", 23),
        ("2025-10-25T06:00:00Z", "2025-10-26T07:00:00Z", 25),
    ],
)
def test_a_composite_lasts_as_long_as_it_does(tmp_path, start, end, hours):
    rows = loads(workspace(tmp_path, results=COMPOSITES + composite(start, end)))
    assert rows["composite_hours"].to_list() == [hours]


def test_a_composite_belongs_to_the_day_it_mostly_covers_by_the_hours_that_passed(tmp_path):
    """From noon to noon, 12 hours lie on the first day; on the second 11 in spring and 13 in autumn."""
    text = COMPOSITES + composite("2025-03-29 12:00", "2025-03-30 12:00") + composite(
        "2025-10-25 12:00", "2025-10-26 12:00"
    )  # fmt: skip
    rows, messages = taken(workspace(tmp_path, results=text), "results")
    assert messages == []
    assert sorted(rows["sampled_on"]) == [date(2025, 3, 29), date(2025, 10, 26)]


def test_moments_by_utc_become_the_site_s_own(tmp_path):
    """Late on the 10th by UTC is the 11th in Shanghai."""
    here = workspace(
        tmp_path, {"time_zone": "Asia/Shanghai"},
        results=COMPOSITES + composite("2025-03-10T16:00:00Z", "2025-03-11T16:00:00Z", "s2"),
    )  # fmt: skip
    rows, messages = taken(here, "results")
    assert messages == []
    row = rows.row(0, named=True)
    assert (row["composite_start_at"], row["composite_end_at"]) == (at("2025-03-11"), at("2025-03-12"))
    assert row["composite_start_utc"] == at("2025-03-10 16:00")
    assert (row["sampled_on"], row["time_zone"]) == (date(2025, 3, 11), "Asia/Shanghai")


def test_moments_by_utc_wait_until_the_time_zone_is_known(tmp_path):
    here = workspace(
        tmp_path, results=COMPOSITES + composite("2025-03-10T16:00:00+08:00", "2025-03-11T16:00:00+08:00", "s2")
    )
    rows, messages = taken(here, "results")
    assert rows.is_empty()
    (message,) = messages
    assert message == (
        "results.csv, row 2, column 'composite_start': the moment is given by UTC, and the time zone of site 's2' is"
        " unknown. Deliver a site list with a column time_zone, or set time_zone in permille.toml."
    )
    lay(here, "more.csv", "site_id,site_name,time_zone\ns2,Two,Asia/Shanghai\n")
    rows, messages = taken(here, "results")
    assert rows["composite_start_at"].to_list() == [at("2025-03-10 16:00")]
    assert messages == []


def test_a_time_zone_that_becomes_known_or_changes_is_used_for_all_that_was_taken_in(tmp_path):
    here = workspace(tmp_path, results=COMPOSITES + composite("2025-03-29 08:00", "2025-03-30 08:00", "s2"))
    assert loads(here)["composite_hours"].to_list() == [24]
    lay(here, "more.csv", "site_id,site_name,time_zone\ns2,Two,Europe/Berlin\n")
    assert loads(here)["composite_hours"].to_list() == [23]
    assert take_in(here, tell=lambda line: None).taken == []
    lay(here, "last.csv", "site_id,site_name,time_zone\ns2,Two,Asia/Shanghai\n", RECEIVED + timedelta(days=1))
    assert loads(here)["composite_hours"].to_list() == [24]


def test_what_the_clocks_skip_is_no_moment(tmp_path):
    rows, messages = taken(
        workspace(tmp_path, results=COMPOSITES + composite("2025-03-30 02:30", "2025-03-31 02:30")), "results"
    )
    assert rows.is_empty()
    (message,) = messages
    assert message == (
        "results.csv, row 2, column 'composite_start': '2025-03-30 02:30' was skipped by the clocks of Europe/Berlin,"
        " which went an hour ahead. Correct it; where the file's clock stays on winter time, its profile says so:"
        " time_zone = 'Etc/GMT-1' is an hour ahead of UTC all year."
    )


def test_a_time_zone_that_is_none_is_held(tmp_path):
    _, messages = taken(workspace(tmp_path, sites="site_id,site_name,time_zone\ns1,One,Berlin\n"), "sites")
    assert messages[0] == (
        "sites.csv, row 2, column 'time_zone': 'Berlin' is no time zone. Write its name in the IANA database, as"
        " Asia/Shanghai or Europe/Lisbon."
    )


@pytest.mark.parametrize("is_falling", [False, True])
@pytest.mark.parametrize("day", [SPRING, AUTUMN])
def test_a_meter_s_readings_are_integrated_over_the_hours_that_passed(tmp_path, day, is_falling):
    """A flow that rises by 48 m3/day an hour from midnight by UTC on: its mean is that in the middle of the window."""
    first = at(f"{day}") - timedelta(hours=24)
    lines = local_readings(first, 96, lambda utc: 48 * (utc - first).total_seconds() / 3600)
    start = day - timedelta(days=1)
    rows = loads(
        workspace(
            tmp_path, results=COMPOSITES + composite(f"{start} 08:00", f"{day} 08:00"),
            readings=READINGS + "".join(reversed(lines) if is_falling else lines),
        )
    )  # fmt: skip
    from_h = 7 if day == SPRING else 6  # 08:00 in Berlin by UTC
    hours = 23 if day == SPRING else 25
    assert rows["flow_basis"].to_list() == ["window"]
    assert rows["flow_m3_per_day"][0] == pytest.approx(48 * (from_h + hours / 2), rel=1e-12)


def test_the_readings_of_a_day_are_those_of_its_23_hours(tmp_path):
    first = at("2025-03-29")
    lines = local_readings(first, 96, lambda utc: 48 * (utc - first).total_seconds() / 3600)
    rows = loads(
        workspace(
            tmp_path, results=f"site_id,sampled_on,residue,concentration,unit\ns1,{SPRING},ketamine,10,ng/L\n",
            readings=READINGS + "".join(lines),
        )
    )  # fmt: skip
    assert rows["flow_basis"].to_list() == ["readings of the day"]
    assert rows["flow_m3_per_day"][0] == pytest.approx(48 * (23 + 23 / 2), rel=1e-12)  # from 23:00 UTC of the 29th


def test_a_profile_says_that_its_file_s_clock_is_not_the_site_s(tmp_path):
    here = workspace(tmp_path)
    (here.profiles / "meter.toml").write_text(
        'name = "meter"\ntitle = "Meter"\nsender = "Works"\ntime_zone = "Etc/GMT-1"\n'
        '[[tables]]\ntable = "flow_readings"'
        '\nunit = "m3/d"\n[tables.columns]\nsite_id = "Where"\nread_at = "When"\nflow = "Flow"\n'
    )
    lay(here, "meter.csv", "Where,When,Flow\ns1,2025-03-30 02:30,5\ns1,2025-07-01 12:00,5\n")
    rows, messages = taken(here, "flow_readings")
    assert messages == []
    assert sorted(rows["read_at"]) == [at("2025-03-30 03:30"), at("2025-07-01 13:00")]


@pytest.mark.parametrize("zone", ["Berlin", "CET+1"])
def test_a_profile_with_no_time_zone_is_refused(zone):
    from pydantic import ValidationError

    from schemas.profile import Profile

    with pytest.raises(ValidationError, match="is no time zone"):
        Profile(name="a", title="A", sender="B", time_zone=zone, tables=[])


def test_every_time_zone_is_known_to_all_that_compute_with_it():
    """Three libraries carry the database each."""
    moments = pl.Series([at("2025-07-01")])
    with duckdb.connect() as connection:
        for name in sorted(time_zones()):
            ours = moments.dt.replace_time_zone(name).dt.convert_time_zone("UTC").dt.replace_time_zone(None)[0]
            theirs = connection.execute(
                "select timezone('UTC', timezone(?, timestamp '2025-07-01'))", [name]
            ).fetchall()[0][0]
            assert ours == theirs, name
