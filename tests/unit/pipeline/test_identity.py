"""Who is who: a sender's number is no identity, and nothing is joined in silence."""

import random
from datetime import date, datetime

import polars as pl
import pytest

from dashboards.downloads import write_csv
from pipeline.deliveries import all_profiles
from pipeline.explain import Archive, ExplainError, explain_period
from pipeline.findings import RULES
from pipeline.identity import CLAIM, DECISION, Register, distance_km, empty_register, resolve
from pipeline.intake import take_in
from pipeline.places import Questions, proposal, questions, report
from pipeline.settings import make_workspace
from pipeline.status import status
from pipeline.warehouse import Warehouse
from tests.conftest import lay, lay_unseen, shared

FILES = {
    "ww-sites-2023-05-02.csv": ("emcdda-2023/ww-sites-2023-05-02.csv", datetime(2023, 6, 1)),  # noqa: DTZ001
    "ww-data-long-2023-05-02.csv": ("emcdda-2023/ww-data-long-2023-05-02.csv", datetime(2023, 6, 1)),  # noqa: DTZ001
    "ww2025-site-info-table.csv": ("euda/ww2025-site-info-table.csv", datetime(2025, 6, 1)),  # noqa: DTZ001
    "ww2025-all-data.csv": ("euda/ww2025-all-data.csv", datetime(2025, 6, 1)),  # noqa: DTZ001
}
SITES_OF_AGENCY = """name = "agency"
title = "Sites"
sender = "An agency"
[numbering]
name = "agency"
release = '(20\\d\\d)'
[[tables]]
table = "sites"
[tables.columns]
site_id = "No"
site_label = "Place"
site_name = "Place"
[[tables]]
table = "populations"
unit = "count"
[tables.columns]
site_id = "No"
site_label = "Place"
population = "Persons"
[tables.constants]
population_method = "served"
"""
FIRST, LATER = datetime(2023, 1, 1), datetime(2024, 1, 1)  # noqa: DTZ001


def claim(code, label, at, *, release=None, numbering="agency", point=(None, None), delivery=None):
    return (delivery or f"{at:%Y}", at, numbering, release, code, label, *point)


def resolved(*claims, decisions=()):
    types = DECISION
    decided = pl.DataFrame(list(decisions), schema=None if decisions else types)
    decided = pl.concat([pl.DataFrame(schema=types), decided], how="diagonal_relaxed")
    register = Register(pl.DataFrame(list(claims), schema=CLAIM, orient="row"), decided.select(list(types)))
    return resolve(register).rows(named=True)


def decision(code, site_id, **more):
    return {"numbering": "agency", "site_code": code, "site_id": site_id, "decided_on": date(2024, 5, 1), **more}


def test_a_name_keeps_its_site_when_the_number_changes():
    one, other = resolved(claim("A1", "XX Ford", FIRST), claim("A2", "xx  Ford.", LATER))
    assert (one["site_id"], other["site_id"]) == ("xx-ford", "xx-ford")
    assert other["alias_basis"] == "by name"


def test_a_number_that_gets_another_name_is_in_doubt_and_the_first_one_stands():
    one, other = resolved(claim("A1", "XX Ford", FIRST, release="2023"), claim("A1", "XX Mill", LATER))
    assert (one["site_id"], one["question"]) == ("xx-ford", None)
    assert (other["site_id"], other["question"]) == (None, "number_means_another_place")
    assert other["detail"] == "'XX Ford' in edition 2023, and is 'XX Mill' here"


def test_the_order_in_which_files_come_in_changes_nothing():
    claims = [claim("A1", "XX Ford", FIRST), claim("A1", "XX Mill", LATER), claim("A2", "XX Ford", LATER)]
    assert sorted(map(str, resolved(*claims))) == sorted(map(str, resolved(*reversed(claims))))


def test_a_number_with_two_names_in_one_file_is_in_doubt_for_both():
    found = resolved(claim("A1", "XX Ford", FIRST), claim("A1", "XX Mill", FIRST))
    assert [row["question"] for row in found] == ["number_means_another_place"] * 2


def test_two_numbers_of_one_name_in_one_file_are_in_doubt():
    found = resolved(claim("A1", "XX Ford", FIRST), claim("A2", "XX Ford", FIRST))
    assert [row["question"] for row in found] == ["two_numbers_one_name"] * 2
    assert "A1, A2" in found[0]["detail"]


def test_a_place_that_lies_elsewhere_is_in_doubt_and_one_nearby_is_not():
    near = resolved(claim("A1", "XX Ford", FIRST, point=(50.0, 8.0)), claim("A1", "XX Ford", LATER, point=(50.03, 8.0)))
    far = resolved(claim("A1", "XX Ford", FIRST, point=(50.0, 8.0)), claim("A1", "XX Ford", LATER, point=(50.1, 8.0)))
    assert [row["question"] for row in near] == [None, None]
    assert [row["question"] for row in far] == [None, "place_has_moved"]


def test_a_name_that_another_sender_gave_is_not_joined():
    found = resolved(claim("A1", "XX Ford", FIRST), claim("7", "XX Ford", LATER, numbering="other"))
    assert [row["question"] for row in found] == [None, "name_of_another_sender"]


def test_a_number_without_a_name_stands_for_what_the_list_of_its_edition_says():
    found = resolved(
        claim("A1", "XX Ford", FIRST, release="2023"), claim("A1", None, FIRST, release="2023", delivery="data"),
        claim("A1", None, LATER, release="2024"),
    )  # fmt: skip
    assert [row["site_id"] for row in found] == ["xx-ford", "xx-ford", None]
    assert [row["alias_basis"] for row in found[:2]] == ["by name", "by list"]
    assert found[2]["question"] == "number_of_no_list"


def test_a_number_of_ours_is_the_site_and_a_renamed_one_is_asked_unless_it_stands_where_it_stood():
    def own(label, at, point=(None, None), delivery=None):
        return claim("s1", label, at, numbering=None, point=point, delivery=delivery)

    assert resolved(own(None, FIRST))[0]["site_id"] == "s1"
    asked = resolved(own("Ford", FIRST), own("Mill", LATER), own(None, FIRST, delivery="0"))
    assert [row["question"] for row in asked] == [None, "number_means_another_place", None]
    after = resolved(own("Ford", FIRST), own("Mill", LATER), own(None, LATER, delivery="results"))
    assert after[2]["question"] == "number_without_name"
    here = (50.0, 8.0)
    assert [row["site_id"] for row in resolved(own("Ford", FIRST, here), own("Mill", LATER, here))] == ["s1", "s1"]


@pytest.mark.parametrize("is_saved_first", [False, True])
def test_a_later_edition_supersedes_an_earlier_one_whichever_was_saved_first(workspace, is_saved_first):
    (workspace.profiles / "agency.toml").write_text(SITES_OF_AGENCY)
    lay(workspace, "list-2023.csv", "No,Place,Persons\nA1,XX Ford,1000\n", LATER if is_saved_first else FIRST)
    lay(workspace, "list-2025.csv", "No,Place,Persons\nA1,XX Ford,2000\n", FIRST if is_saved_first else LATER)
    take_in(workspace)
    with Warehouse.open(workspace.warehouse) as warehouse:
        assert warehouse.query("select population from current_populations")["population"].to_list() == [2000]
        restated = report(warehouse).restated
        assert restated.select("earlier_value", "value").row(0) == (1000, 2000)


def test_a_decision_holds_for_its_name_its_edition_and_its_time():
    first, later = claim("A1", "XX Ford", FIRST, release="2023"), claim("A1", "XX Mill", LATER, release="2024")
    named = resolved(first, later, decisions=[decision("A1", "xx-mill", site_label="XX Mill")])
    assert [row["site_id"] for row in named] == ["xx-ford", "xx-mill"]
    assert named[1]["alias_basis"] == "decided"
    other_edition = resolved(first, later, decisions=[decision("A1", "xx-mill", release="2022")])
    assert [row["question"] for row in other_edition] == [None, "number_means_another_place"]
    dated = resolved(
        claim("A1", None, LATER),
        decisions=[
            decision("A1", "xx-ford", valid_to=date(2023, 6, 30)),
            decision("A1", "xx-mill", valid_from=date(2023, 7, 1)),
        ],
    )
    assert {(row["site_id"], row["valid_from"], row["valid_to"]) for row in dated} == {
        ("xx-ford", None, date(2023, 6, 30)), ("xx-mill", date(2023, 7, 1), None),
    }  # fmt: skip


def test_each_question_is_a_rule():
    asked = {"number_means_another_place", "two_numbers_one_name", "place_has_moved", "name_of_another_sender",
             "number_without_name", "number_of_no_list", "no_decision_for_day"}  # fmt: skip
    assert asked <= set(RULES)
    assert resolve(empty_register()).is_empty()


@pytest.mark.parametrize(
    ("one", "other", "km"),
    [
        ((50.0, 8.0), (51.0, 8.0), 111.19),
        ((0.0, 0.0), (0.0, 180.0), 20015.09),
        ((52.52, 13.405), (48.8566, 2.3522), 877.5),
    ],
)
def test_distances(one, other, km):
    """A degree of latitude, half the equator, Berlin to Paris (published as 878 km)."""
    assert pl.select(distance_km(*(pl.lit(number) for number in (*one, *other)))).item() == pytest.approx(km, abs=0.5)


# --- a laboratory that gives a number to another plant, end to end ----------------------------------------------------

LAB = """
name = "north"
title = "North"
sender = "North"
{numbering}
[[tables]]
table = "flows"
unit = "m3/day"
[tables.columns]
site_id = "plant"
sampled_on = "day"
flow = "flow"
"""


POPULATIONS = """
name = "north"
title = "North"
sender = "North"
[numbering]
name = "north"
[[tables]]
table = "populations"
unit = "count"
[tables.columns]
site_id = "plant"
population = "n"
valid_from = "from"
valid_to = "to"
[tables.constants]
population_method = "census"
"""
HEAD = b"numbering,edition,number,name,site_id,valid_from,valid_to,why,who,date\n"


def test_a_decision_with_validity_sends_the_days_of_a_number_to_two_sites(tmp_path):
    here = make_workspace(tmp_path)
    (here.profiles / "north.toml").write_text(LAB.format(numbering='[numbering]\nname = "north"'))
    lay(here, "sites.csv", b"site_id,site_name,area_id\nford,Ford,x\nmill,Mill,x\n", FIRST)
    lay(here, "north.csv", b"plant,day,flow\nP1,2023-06-30,10\nP1,2023-07-01,20\n", LATER)
    take_in(here)
    with Warehouse.open(here.warehouse) as warehouse:
        assert warehouse.count("flows") == 0
        assert set(warehouse.read("quarantine")["rule"]) == {"number_of_no_list"}
    lay(here, "who.csv", HEAD + b"north,,P1,,ford,,2023-06-30,moved,An,2024-02-01\n", LATER)
    take_in(here)
    with Warehouse.open(here.warehouse) as warehouse:
        assert warehouse.read("flows").select("site_id", "flow_m3_per_day").rows() == [("ford", 10.0)]
        assert set(warehouse.read("quarantine")["rule"]) == {"no_decision_for_day"}
    lay(here, "who2.csv", HEAD + b"north,,P1,,mill,2023-07-01,,moved,An,2024-02-02\n", LATER)
    take_in(here)
    with Warehouse.open(here.warehouse) as warehouse:
        rows = warehouse.read("flows").sort("sampled_on").select("site_id", "flow_m3_per_day").rows()
        assert rows == [("ford", 10.0), ("mill", 20.0)]
        assert status(warehouse).does_add_up
    assert take_in(here).taken == []


def test_an_unsigned_decision_is_none(tmp_path):
    here = make_workspace(tmp_path)
    lay(here, "who.csv", HEAD + b"north,,P1,,ford,,,because,,\n", LATER)
    delivery = take_in(here).taken[0]
    assert delivery.n_quarantined == 1
    assert "column 'who'" in delivery.messages[0]


# --- the releases of 2023 and 2025 in one workspace -------------------------------------------------------------------


@pytest.fixture(scope="module")
def europe(tmp_path_factory):
    """Both releases taken in; the proposal signed as it stands, and taken in too."""
    here = make_workspace(tmp_path_factory.mktemp("europe"))
    for name, (path, saved) in FILES.items():
        lay(here, name, shared(path).read_bytes(), saved)
    take_in(here)
    with Warehouse.open(here.warehouse) as warehouse:
        before = {
            "held": warehouse.query("select file_name, rule, count(*) as n from quarantine group by all order by all"),
            "sites": warehouse.query("select distinct site_id, residue, sampling_year from reported_loads"),
            "questions": questions(here, warehouse, all_profiles()),
        }
    write_csv([proposal(before["questions"], "A. Analyst", date(2026, 11, 24))], here.inbox / "who-is-who.csv")
    take_in(here)
    with Warehouse.open(here.warehouse) as warehouse:
        yield here, warehouse, before


def published(name, *columns):
    return pl.read_csv(shared(FILES[name][0]), infer_schema=False).select(columns)


def test_until_a_person_decides_the_numbers_in_doubt_wait(europe):
    _, _, before = europe
    assert before["held"].rows() == [
        ("ww2025-all-data.csv", "number_means_another_place", 7049),
        ("ww2025-site-info-table.csv", "number_means_another_place", 116),
    ]
    assert before["questions"].open.height == 58
    assert before["questions"].open["site_id"].null_count() == 0
    assert before["questions"].perhaps_one.is_empty()


def test_afterwards_all_rows_are_in_and_each_place_has_one_history(europe):
    _, warehouse, _ = europe
    found = status(warehouse)
    assert found.does_add_up
    assert found.quarantine.is_empty()
    assert found.deliveries["n_rows"].sum() == 344 + 474 + 21_560 + 30_632 + 58
    assert warehouse.query("select distinct site_id from current_sites").height == 219
    history = warehouse.query(
        "select distinct sampling_year from reported_loads where site_id = 'fi-helsinki' and delivery_id in"
        " (select delivery_id from deliveries) order by 1"
    )["sampling_year"].to_list()
    assert history[0] < 2016
    assert history[-1] == 2024


def test_no_join_is_wrong_for_all_that_both_releases_state_is_the_same(europe):
    """A wrong join would set other cities' values side by side: by number alone 437 of 2,432 pairs do."""
    _, warehouse, _ = europe
    restated = report(warehouse).restated.filter(pl.col("table_name") == "reported_loads")
    assert restated.height == 20_940
    assert restated["is_restated"].sum() == 0


def test_no_join_is_wrong_by_the_labels_themselves(europe):
    """Each site has one country and city in both releases, except Munich, whose plant changed its label."""
    _, warehouse, _ = europe
    ours = warehouse.query("select distinct site_code, release, site_label, site_id from site_aliases").filter(
        pl.col("release").is_not_null()
    )
    labels = pl.concat(
        published(name, "SiteID", "Country", "City").with_columns(pl.lit(name[2:6].strip("-s")).alias("of"))
        for name in ("ww-sites-2023-05-02.csv", "ww2025-site-info-table.csv")
    )
    assert ours["site_label"].n_unique() == labels.select("Country", "City").n_unique() == 220
    several = ours.group_by("site_id").agg(pl.col("site_label").unique().sort()).filter(
        pl.col("site_label").list.len() > 1
    )  # fmt: skip
    assert several.rows() == [("de-munich-gut-großlappen", ["DE Munich G", "DE Munich Gut Großlappen"])]


def test_the_report_says_what_was_renumbered_relabelled_and_dropped(europe):
    _, warehouse, _ = europe
    found = report(warehouse)
    sums = found.names.select(pl.col("is_renumbered", "is_relabelled", "is_new", "is_gone").sum()).row(0)
    assert sums == (57, 1, 62, 2)
    assert found.reused.height == 57
    assert found.names.filter("is_gone")["site_id"].to_list() == ["de-hamburg-2", "no-oslo"]
    assert found.no_longer_stated["n_values"].sum() == 16
    populations = found.restated.filter(pl.col("table_name") == "populations")
    assert (populations.height, populations["is_restated"].sum()) == (155, 67)


def test_a_sender_s_number_asked_for_is_answered_with_the_sites_it_stands_for(europe):
    here, warehouse, _ = europe
    with pytest.raises(
        ExplainError, match=r"at-salzburg \(euda 2023\), at-steyr|at-ried-im-innkreis \(euda 2025\), at-salz"
    ):
        explain_period(warehouse, Archive(here.archive, all_profiles()), "AT014", "mdma", "2021", "euda")


def test_rebuilt_from_the_archive_it_is_the_same(europe, tmp_path):
    here, warehouse, _ = europe
    before = warehouse.query("select * exclude (delivery_id) from reported_loads order by all")
    again = make_workspace(tmp_path)
    for folder in (here.archive, here.inbox):
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            lay(again, path.name, path.read_bytes(), datetime.fromtimestamp(path.stat().st_mtime))  # noqa: DTZ006
    take_in(again)
    with Warehouse.open(again.warehouse) as other:
        after = other.query("select * exclude (delivery_id) from reported_loads order by all")
    assert after.equals(before)


# --- what a review found ----------------------------------------------------------------------------------------------


def north(here, numbering='[numbering]\nname = "north"\n', label=""):
    (here.profiles / "north.toml").write_text(LAB.format(numbering=numbering) + label)


def test_a_name_that_is_a_number_of_ours_is_asked_and_the_next_run_finds_nothing_to_do(tmp_path):
    here = make_workspace(tmp_path)
    north(here, label='site_label = "name"\n')
    lay(here, "sites.csv", b"site_id,site_name\nxx-ford,Ford works\n", LATER)
    lay(here, "north.csv", b"plant,name,day,flow\nA1,XX Ford,2023-01-05,10\n", FIRST)
    first = take_in(here)
    with Warehouse.open(here.warehouse) as warehouse:
        assert warehouse.read("quarantine")["rule"].to_list() == ["name_of_another_sender"]
        assert warehouse.count("sites") == 1
    assert len(first.taken) >= 2
    # What was refused as a whole is tried again each time; nothing else is.
    assert {delivery.status for delivery in take_in(here).taken} == {"refused"}


def test_a_decision_for_a_site_of_ours_takes_nothing_from_our_own_list(tmp_path):
    here = make_workspace(tmp_path)
    north(here)
    lay(here, "who.csv", HEAD + b"north,,P1,,ford,,,same plant,An,2024-02-01\n", FIRST)
    lay(here, "north.csv", b"plant,day,flow\nP1,2022-12-01,10\n", FIRST)
    lay(here, "sites.csv", b"site_id,site_name\nford,Ford\n", LATER)
    lay(here, "flows.csv", b"site_id,date,flow_m3_per_day\nford,2022-12-02,20\n", LATER)
    take_in(here)
    with Warehouse.open(here.warehouse) as warehouse:
        assert warehouse.count("quarantine") == 0
        assert warehouse.read("flows")["site_id"].to_list() == ["ford", "ford"]
    assert take_in(here).taken == []


def test_a_proposal_for_a_number_without_a_name_holds_in_its_edition_only():
    what = {"numbering": "north", "release": "2024", "site_code": "A1", "question": "", "detail": "", "site_id": "mill",
            "evidence": "the same place."}  # fmt: skip
    rows = pl.DataFrame([what | {"site_label": None}, what | {"site_label": "Mill", "release": "2025"}])
    found = proposal(Questions(rows, pl.DataFrame()), "An", date(2024, 5, 1))
    assert found.select("edition", "name").rows() == [("2024", ""), ("", "Mill")]


def test_readings_of_a_meter_go_by_their_day_and_a_later_decision_wins(tmp_path):
    here = make_workspace(tmp_path)
    (here.profiles / "north.toml").write_text(
        LAB.format(numbering='[numbering]\nname = "north"\n')
        .replace('"flows"', '"flow_readings"')
        .replace("sampled_on", "read_at")
    )
    lay(here, "sites.csv", b"site_id,site_name\nford,Ford\nmill,Mill\n", FIRST)
    lay(here, "north.csv", b"plant,day,flow\nP1,2023-06-29 10:00,1\nP1,2023-07-02 10:00,2\n", LATER)
    lay(here, "who.csv", HEAD + b"north,,P1,,ford,,2023-06-30,moved,An,2024-02-01\n"
        b"north,,P1,,mill,2023-07-01,,moved,An,2024-02-01\n", LATER)  # fmt: skip
    take_in(here)
    with Warehouse.open(here.warehouse) as warehouse:
        assert warehouse.read("flow_readings").sort("read_at")["site_id"].to_list() == ["ford", "mill"]
    lay(here, "who2.csv", HEAD + b"north,,P1,,mill,2000-01-01,,it never moved,An,2024-05-01\n", LATER)
    take_in(here)
    with Warehouse.open(here.warehouse) as warehouse:
        assert warehouse.read("flow_readings")["site_id"].to_list() == ["mill", "mill"]
    assert take_in(here).taken == []


def test_a_population_that_holds_longer_than_a_decision_is_held(tmp_path):
    here = make_workspace(tmp_path)
    (here.profiles / "north.toml").write_text(POPULATIONS)
    lay(here, "sites.csv", b"site_id,site_name\nford,Ford\n", FIRST)
    lay(here, "who.csv", HEAD + b"north,,P1,,ford,,2023-06-30,moved,An,2024-02-01\n", FIRST)
    lay(here, "north.csv", b"plant,n,from,to\nP1,1000,2023-01-01,2023-12-31\n", LATER)
    take_in(here)
    with Warehouse.open(here.warehouse) as warehouse:
        assert warehouse.read("quarantine")["rule"].to_list() == ["no_decision_for_day"]


def test_a_decision_that_fits_no_number_is_told(tmp_path):
    here = make_workspace(tmp_path)
    north(here)
    lay(here, "sites.csv", b"site_id,site_name\nford,Ford\n", FIRST)
    lay(here, "north.csv", b"plant,day,flow\nP1,2023-06-30,10\n", FIRST)
    lay(here, "who.csv", HEAD + b"North,,P1,,ford,,,typed wrong,An,2024-02-01\n", LATER)
    take_in(here)
    with Warehouse.open(here.warehouse) as warehouse:
        assert status(warehouse).idle_decisions["numbering"].to_list() == ["North"]


@pytest.mark.parametrize("seed", range(6))
def test_one_by_one_in_any_order_or_all_at_once_it_ends_the_same(tmp_path, seed):
    """Small worlds by chance: names, numbers and decisions that clash."""
    chance = random.Random(seed)
    files = {"own.csv": "site_id,site_name\n" + "".join(f"{chance.choice('fmx')},{name}\n" for name in ("Ford",))}
    for number in range(4):
        rows = "".join(
            f"{chance.choice(['P1', 'P2'])},{chance.choice(['f', 'm', ''])},2023-0{chance.randint(1, 3)}-0{day},{day}\n"
            for day in (1, 2)
        )
        files[f"north-{number}.csv"] = "plant,name,day,flow\n" + rows
    files["who.csv"] = HEAD.decode() + f"north,,P1,,{chance.choice('fm')},2023-02-01,,chance,An,2024-01-01\n"
    ends = []
    for order in (list(files), list(reversed(files)), None):
        here = make_workspace(tmp_path / str(len(ends)))
        north(here, label='site_label = "name"\n')
        saved = {name: datetime(2023, 6, 1 + number) for number, name in enumerate(files)}  # noqa: DTZ001
        for name, text in files.items():  # received in this order, whenever a run comes to read them
            lay(here, name, text, saved[name]).unlink()
        for name in order or files:
            lay_unseen(here, name, files[name], saved[name])
            if order is not None:
                take_in(here)
        if order is None:
            take_in(here)
        assert [delivery for delivery in take_in(here).taken if delivery.status != "refused"] == []
        with Warehouse.open(here.warehouse) as warehouse:
            assert status(warehouse).does_add_up
            ends.append(
                [warehouse.query(f"select * from {table} order by all") for table in ("flows", "sites", "site_aliases")]
            )
    for other in ends[1:]:
        assert all(one.equals(two) for one, two in zip(ends[0], other, strict=True))
