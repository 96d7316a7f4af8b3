"""Corrections are data: they hold for the value they name, say why and by whom, and travel with the figure."""

from datetime import timedelta

import pytest

from pipeline.intake import take_in
from pipeline.status import status
from pipeline.warehouse import Warehouse
from tests.conftest import LOADS, RECEIVED, estimate, lay

RESULTS = "site_id,sampled_on,residue,concentration,unit,lod,loq\nS1,2025-03-11,METH,{},ng/L,1,3\n"
HEAD = "site_id,sampled_on,residue,what,from,to,why,who,date\n"


@pytest.fixture
def corrected(workspace):
    """The one row of `loads` after corrections, and those that changed nothing."""

    def of(*corrections: str, results: str = "100", later: str | None = None) -> tuple[dict, list]:
        lay(workspace, "sites.csv", "site_id,site_name\nS1,One\n")
        lay(workspace, "flows.csv", "site_id,date,flow_m3_per_day\nS1,2025-03-11,1000\n")
        lay(workspace, "people.csv", "site_id,population_method,population\nS1,census,1000\n")
        lay(workspace, "results.csv", RESULTS.format(results))
        for number, text in enumerate(corrections):
            lay(workspace, f"correction-{number}.csv", HEAD + text, RECEIVED + timedelta(minutes=number))
        if later:
            lay(workspace, "results-again.csv", RESULTS.format(later), RECEIVED + timedelta(days=1))
        for delivery in take_in(workspace).taken:
            assert delivery.n_quarantined == 0, delivery.messages
        with Warehouse.open(workspace.warehouse) as warehouse:
            estimate(warehouse, tables=LOADS)
            (row,) = warehouse.read("loads").iter_rows(named=True)
            state = status(warehouse)
            assert state.does_add_up
        return row, state.stale_corrections["value_to"].to_list()

    return of


def test_a_concentration_is_corrected_and_flagged(corrected):
    row, stale = corrected("S1,2025-03-11,METH,concentration,100,10,unit was µg/L,Li Wei,2025-04-01\n")
    assert (row["concentration_ng_per_l"], row["load_mg_per_day"], row["flags"], stale) == (10, 10, "corrected", [])


def test_a_flow_is_corrected_and_flagged(corrected):
    row, _ = corrected("S1,2025-03-11,,flow,1000,2000,meter read twice,Li Wei,2025-04-01\n")
    assert (row["flow_m3_per_day"], row["load_mg_per_day"], row["flags"]) == (2000, 200, "corrected")


def test_what_is_withdrawn_is_no_load(corrected):
    row, _ = corrected("S1,2025-03-11,METH,withdrawn,100,,sample thawed,Li Wei,2025-04-01\n")
    assert (row["qualifier"], row["concentration_ng_per_l"], row["reason"]) == ("not measured", None, "not_measured")


def test_a_result_below_its_limit_is_corrected_by_naming_no_value(corrected):
    row, _ = corrected("S1,2025-03-11,METH,concentration,,10,peak was missed,Li Wei,2025-04-01\n", results="<LOQ")
    assert (row["qualifier"], row["concentration_ng_per_l"]) == ("=", 10)


def test_a_correction_ends_where_a_later_delivery_says_something_else(corrected):
    text = "S1,2025-03-11,METH,concentration,100,10,unit was µg/L,Li Wei,2025-04-01\n"
    row, stale = corrected(text, later="12")
    assert (row["concentration_ng_per_l"], row["flags"], stale) == (12, None, [10])


def test_of_two_corrections_of_a_value_the_later_holds(corrected):
    text = "S1,2025-03-11,METH,concentration,100,{},unit was µg/L,Li Wei,2025-04-{}\n"
    row, _ = corrected(text.format(10, "02"), text.format(20, "01"))
    assert row["concentration_ng_per_l"] == 10


@pytest.mark.parametrize(
    "text",
    [
        "S1,2025-03-11,,concentration,100,10,because,Li,2025-04-01\n",
        "S1,2025-03-11,METH,flow,100,10,because,Li,2025-04-01\n",
        "S1,2025-03-11,METH,withdrawn,100,10,because,Li,2025-04-01\n",
        "S1,2025-03-11,METH,concentration,100,,because,Li,2025-04-01\n",
    ],
)
def test_a_correction_that_does_not_say_what_it_changes_is_held(judge_text, text):
    assert judge_text(HEAD + text).quarantine["rule"].to_list() == ["correction_incomplete"]


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("S1,2025-03-11,METH,concentration,100,10,,Li,2025-04-01\n", "missing_value"),
        ("S1,2025-03-11,METH,concentration,100,10,because,,2025-04-01\n", "missing_value"),
        ("S1,2025-03-11,METH,population,100,10,because,Li,2025-04-01\n", "not_allowed"),
        ("S9,2025-03-11,METH,concentration,100,10,because,Li,2025-04-01\n", "unknown_site"),
        ("S1,2025-03-11,METH,concentration,100,ten,because,Li,2025-04-01\n", "unparsable_number"),
    ],
)
def test_a_correction_without_reason_author_or_place_is_held(judge_text, text, rule):
    assert rule in judge_text(HEAD + text).quarantine["rule"].item().split()
