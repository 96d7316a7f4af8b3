"""Several samples of a day, several measurements of a sample, several deliveries of one: what is believed of a day."""

from datetime import timedelta

import pytest

from pipeline.intake import take_in
from pipeline.statements import sql
from pipeline.warehouse import Warehouse
from schemas.flags import FLAGS
from tests.conftest import LOADS, RECEIVED, estimate, lay

HEAD = "site_id,composite_start,composite_end,residue,concentration,unit,lod,loq,laboratory,replicate,sample_type\n"
DAY = "S1,2025-03-11,2025-03-12,METH,{},ng/L,1,3,{},{},\n"


@pytest.fixture
def day(workspace):
    """The one row of `loads` that deliveries of results, laid one after the other, come to."""

    def of(*deliveries: str) -> dict:
        lay(workspace, "sites.csv", "site_id,site_name\nS1,One\n")
        lay(workspace, "flows.csv", "site_id,date,flow_m3_per_day\nS1,2025-03-11,1000\n")
        lay(workspace, "people.csv", "site_id,population_method,population\nS1,census,1000\n")
        for number, text in enumerate(deliveries):
            body = text if "," in text.splitlines()[0] and "site_id" in text else HEAD + text
            lay(workspace, f"results-{number}.csv", body, RECEIVED + timedelta(minutes=number))
        for delivery in take_in(workspace).taken:
            assert delivery.n_quarantined == 0, delivery.messages
        with Warehouse.open(workspace.warehouse) as warehouse:
            estimate(warehouse, tables=LOADS)
            (row,) = warehouse.read("loads").iter_rows(named=True)
        return row

    return of


def measured(row: dict) -> tuple:
    return row["qualifier"], row["concentration_ng_per_l"], row["limit_ng_per_l"], row["n_measurements"], row["flags"]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["10"], ("=", 10, None, 1, None)),
        (["10", "20", "30"], ("=", 20, None, 3, None)),
        # One of two lies below 3 and counts as 1.5.
        (["10", "<LOQ"], ("=", 5.75, None, 2, "partly_below_limit")),
        # Most lie below a limit: so does the day, below the largest of the figures.
        (["10", "<LOQ", "<LOQ"], ("<LOQ", None, 10, 3, None)), (["2", "<LOQ", "<LOQ"], ("<LOQ", None, 3, 3,
        "value_below_loq")), (["<LOD", "<LOD"], ("<LOD", None, 1, 2, None)), (["<LOD", "<LOQ"], ("<LOQ", None, 3, 2,
        None)), (["10", "NA"], ("=", 10, None, 1, None)), (["10", ">ULOQ"], (">ULOQ", 10, None, 2, None)),
        (["NA"], ("not measured", None, None, 0, None)),
    ],
)  # fmt: skip
def test_measurements_of_a_day_count_alike(day, values, expected):
    assert measured(day("".join(DAY.format(value, "Lab", n) for n, value in enumerate(values)))) == expected


def test_the_spread_of_the_measurements_is_kept(day):
    row = day("".join(DAY.format(value, "Lab", value) for value in (10, 20, 30)))
    assert row["replicate_rsd"] == pytest.approx(0.5)


def test_a_later_delivery_of_the_same_replicate_supersedes_it(day):
    assert measured(day(DAY.format(10, "Lab", 1) + DAY.format(20, "Lab", 2), DAY.format(40, "Lab", 2)))[1] == 25


def test_a_correction_that_does_not_name_the_replicate_or_laboratory_is_of_all(day):
    assert measured(day(DAY.format(10, "Lab", 1) + DAY.format(20, "Lab", 2), DAY.format(40, "", "")))[1:4] == (
        40,
        None,
        1,
    )


def test_a_correction_that_names_the_laboratory_later_is_of_the_same_sample(day):
    assert measured(day(DAY.format(10, "", ""), DAY.format(40, "Lab", "")))[1] == 40


def test_two_laboratories_stand_beside_each_other_and_it_is_said(day):
    assert measured(day(DAY.format(10, "North", ""), DAY.format(40, "South", ""))) == (
        "=", 25, None, 2, "several_laboratories",
    )  # fmt: skip


def test_that_it_was_not_measured_takes_nothing_away(day):
    assert measured(day(DAY.format(10, "Lab", ""), DAY.format("NA", "Lab", "")))[:2] == ("=", 10)


def test_samples_of_a_day_and_their_kind_are_told(day):
    slots = "".join(
        f"S1,2025-03-11 {hour:02}:00,2025-03-11 {hour + 1:02}:00,METH,{hour},ng/L,1,3,Lab,,\n" for hour in (8, 10)
    )
    assert measured(day(slots)) == ("=", 9, None, 2, "several_samples short_composite")


@pytest.mark.parametrize(
    ("start", "end", "kind", "flags"),
    [
        ("2025-03-11 08:00", "2025-03-12 08:00", "composite", None), ("2025-03-11 08:00", "", "", None),
        ("2025-03-11 08:00", "2025-03-12 03:59", "", "short_composite"),
        ("2025-03-11 08:00", "2025-03-12 04:00", "", None), ("2025-03-11 08:00", "", "grab", "grab_sample"),
    ],
)  # fmt: skip
def test_how_a_sample_was_taken_travels_with_it(day, start, end, kind, flags):
    assert day(f"S1,{start},{end},METH,10,ng/L,1,3,Lab,,{kind}\n")["flags"] == flags


def test_flags_travel_to_all_that_rests_on_them(workspace, day):
    day(DAY.format(2, "Lab", ""))
    with Warehouse.open(workspace.warehouse) as warehouse:
        estimate(warehouse)
        for table in ("loads", "consumption", "site_periods", "area_periods"):
            assert "value_below_loq" in set(warehouse.read(table)["flags"]), table


def test_every_flag_raised_in_sql_is_described():
    text = sql("views") + sql("loads") + sql("consumption") + sql("site_periods") + sql("of_a_site")
    for name in FLAGS:
        raised_in_sql = f"'{name}'" in text
        raised_in_reading = name in (
            "approximate",
            "derived_differs",
            "identification_uncertain",
            "value_below_loq",
            "limit_differs",
        )
        assert raised_in_sql or raised_in_reading, name
