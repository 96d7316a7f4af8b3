"""Why two editions differ, which figures that concerns, and a history that is handed from copy to copy."""

from datetime import date, datetime

import duckdb
import polars as pl
import pytest

from pipeline import restatements
from pipeline.restatements import Causes, Edition, Headline, Published
from pipeline.settings import Settings
from pipeline.warehouse import Warehouse
from schemas.tables import TABLES

HEADLINE = Headline("permille", "2023", "2024")
BACK = {
    "sheet": "", "row_number": 1, "source_column": "c", "source_cell": "A1", "value_as_written": "1",
    "is_simulated": False,
}  # fmt: skip


def sha(name: str) -> str:
    """The identity of a delivery that a test calls by a letter."""
    return name * 64


def rows(table: str, *given: dict) -> pl.DataFrame:
    return pl.DataFrame(list(given), schema=TABLES[table].types, orient="row")


def delivery(name: str, number: int, **changed) -> dict:
    return {
        "delivery_id": sha(name), "file_name": f"{name}.csv", "receipt_number": number, "place": number,
        "received_at": datetime(2026, 1, number), "is_withdrawn": False, "n_rows": 1, "n_accepted": 1,  # noqa: DTZ001
        "n_quarantined": 0, "profile_digest": "0", **changed,
    }  # fmt: skip


def contradiction(current: str, superseded: str, basis: str = "receipt") -> dict:
    return {"delivery_id": sha(current), "superseded_delivery_id": sha(superseded), "order_basis": basis}


@pytest.fixture(scope="module")
def known(tmp_path_factory):
    """Sites S1 (in A1), S2 and S3 (in A2); deliveries a to e with rows of them; factors of three drugs."""
    with Warehouse.open(tmp_path_factory.mktemp("known") / "w.duckdb") as warehouse:
        sites = [("S1", "A1"), ("S2", "A2"), ("S3", "A2")]
        tables = {
            "sites": rows("sites", *({**BACK, "delivery_id": sha("a"), "site_id": s, "area_id": a} for s, a in sites)),
            "results": rows("results", *(
                {**BACK, "delivery_id": sha(of), "site_id": site, "residue": residue, "qualifier": "=",
                 "sampled_on": date(2024, 3, 4), "sampling_year": 2024}
                for of, site, residue in [
                    ("b", "S1", "benzoylecgonine"), ("c", "S2", "benzoylecgonine"), ("c", "S2", "mdma"),
                    ("d", "S3", "nh4-n"), ("e", "S1", "methamphetamine"),
                ]
            )),
            "factors": rows("factors", *(
                {"factor_set": "2026", "drug": drug, "residue": residue}
                for drug, residue in [("cocaine", "benzoylecgonine"), ("mdma", "mdma"), ("amphetamine", "amphetamine"),
                                      ("methamphetamine", "methamphetamine")]
            )),
            "population_markers": rows("population_markers", {"marker_set": "2026", "residue": "nh4-n"}),
        }  # fmt: skip
        for table, frame in tables.items():
            warehouse.insert(table, frame)
        yield warehouse


@pytest.fixture
def warehouse(known):
    """The same, as a test leaves it for itself alone."""
    known.execute("begin transaction")
    yield known
    known.execute("rollback")


def published(deliveries: pl.DataFrame, superseding: list[tuple[str, str]] = (), **inputs) -> Published:
    pairs = pl.DataFrame(
        [(sha(one), sha(other)) for one, other in superseding],
        schema={"delivery_id": pl.String, "superseded_delivery_id": pl.String}, orient="row",
    )  # fmt: skip
    edition = Edition("0" * 12, HEADLINE, rows("changes"))
    return Published(edition, inputs, deliveries, pairs, rows("editions"), rows("restatements"))


def found(warehouse, before: Published) -> list[tuple[str, str]]:
    """The causes of deliveries, these by their letters."""
    return [(cause, name[0]) for cause, name in restatements.causes(warehouse, before).deliveries.rows()]


A, B = delivery("a", 1), delivery("b", 2)


@pytest.mark.parametrize(
    ("before", "now", "contradictions", "superseding", "causes"),
    [
        ([A], [A], [], [], []),
        ([A], [A, B], [], [], [("new", "b")]),
        ([A], [A, {**B, "n_accepted": 0}], [], [], []),  # refused
        ([A], [A, {**B, "is_withdrawn": True}], [], [], []),
        ([A], [A, B], [("b", "a", "receipt")], [], [("superseded", "b")]),
        ([A], [A, B], [("b", "a", "undecided")], [], [("superseded", "b")]),
        ([A], [A, B], [("a", "b", "edition")], [], [("new", "b")]),  # an older edition that came late
        ([A, B], [A, {**B, "is_withdrawn": True}], [], [("b", "a")], [("withdrawn", "b")]),
        ([A, {**B, "is_withdrawn": True}], [A, B], [("b", "a", "receipt")], [], [("restored", "b")]),
        ([A, B], [A, B], [("a", "b", "decision")], [("b", "a")], [("decided", "a")]),
        ([A, B], [A, B], [("b", "a", "decision")], [("b", "a")], []),  # a decision for what was current anyway
        ([A, B], [A, B], [("a", "b", "receipt")], [("b", "a")], [("superseded", "a")]),
        ([A], [{**A, "profile_digest": "1"}], [], [], [("read_again", "a")]),
        ([A], [{**A, "n_accepted": 2}], [], [], [("read_again", "a")]),
        ([{**A, "n_accepted": 0}], [{**A, "n_accepted": 0, "profile_digest": "1"}], [], [], []),
        ([A, B], [A], [], [], [("gone", "b")]),
    ],
)  # fmt: skip
def test_causes_are_what_differs(warehouse, before, now, contradictions, superseding, causes):
    warehouse.insert("deliveries", rows("deliveries", *now))
    warehouse.insert("contradictions", rows("contradictions", *(contradiction(*pair) for pair in contradictions)))
    assert found(warehouse, published(rows("deliveries", *before), superseding)) == causes


def test_deliveries_of_corrections_and_decisions_are_no_new_data(warehouse):
    names = "cdef"
    warehouse.insert("deliveries", rows("deliveries", *(delivery(name, n) for n, name in enumerate(names, start=2))))
    warehouse.insert("corrections", rows("corrections", {**BACK, "delivery_id": sha("c")}))
    warehouse.insert("site_decisions", rows("site_decisions", {**BACK, "delivery_id": sha("d")}))
    warehouse.insert("delivery_decisions", rows("delivery_decisions",
        {**BACK, "delivery_id": sha("e"), "decision": "supersede"},
        {**BACK, "delivery_id": sha("f"), "decision": "withdraw"},
    ))  # fmt: skip
    assert found(warehouse, published(rows("deliveries"))) == [("corrected", "c"), ("decided", "d"), ("decided", "e")]


def test_settings_factors_and_code_are_told_by_their_identities(warehouse):
    now = restatements.inputs_now(warehouse)._asdict()
    assert restatements.causes(warehouse, published(rows("deliveries"), **now)).of_all == []
    for cause in ("settings", "factors", "code"):
        other = now | {f"{cause}_identity": "f" * 64}
        assert restatements.causes(warehouse, published(rows("deliveries"), **other)).of_all == [cause]
    assert restatements.causes(warehouse, published(rows("deliveries"))).of_all == ["code"]  # of a version before
    both = now | {"settings_identity": "f" * 64, "code_identity": "f" * 64}
    assert restatements.causes(warehouse, published(rows("deliveries"), **both)).codes == "settings code"


def test_figures_name_the_deliveries_that_can_concern_them(warehouse):
    warehouse.insert("deliveries", rows("deliveries", *(delivery(name, n) for n, name in enumerate("abcde", start=1))))
    causes = pl.DataFrame(
        [("new", sha("b")), ("superseded", sha("c")), ("corrected", sha("d")), ("withdrawn", sha("e"))],
        schema={"cause": pl.String, "delivery_id": pl.String}, orient="row",
    )  # fmt: skip
    asked = [
        ("network", "network", "cocaine", "new corrected superseded settings", "bcd"),
        ("area", "A1", "cocaine", "new settings", "b"),
        ("area", "A2", "cocaine", "corrected superseded settings", "cd"),  # d: a marker, that is all drugs of S3
        ("area", "A2", "mdma", "corrected superseded settings", "cd"),
        ("area", "A1", "methamphetamine", "withdrawn settings", "e"),
        ("area", "A1", "amphetamine", "withdrawn settings", "e"),  # what methamphetamine leaves behind
        # Nothing of it: the spread of days is learnt from all sites.
        ("area", "A1", "mdma", "new corrected superseded withdrawn settings", "bcde"),
    ]
    moved = pl.DataFrame([key[:3] for key in asked], schema=list(restatements.KEY), orient="row")
    got = restatements.with_causes(warehouse, Causes(causes, ["settings"]), moved)
    assert got.select("level", "unit_id", "drug", "causes").rows() == [row[:4] for row in asked]
    assert ["".join(one[0] for one in of) for of in got["caused_by"]] == [row[4] for row in asked]


def test_where_nothing_differs_it_is_the_code(warehouse):
    moved = pl.DataFrame([("network", "network", "mdma")], schema=list(restatements.KEY), orient="row")
    none = pl.DataFrame(schema={"cause": pl.String, "delivery_id": pl.String})
    assert restatements.with_causes(warehouse, Causes(none, []), moved)["causes"].to_list() == ["code"]


def figures_that_moved() -> pl.DataFrame:
    """Two of them."""
    given = {"level": "network", "unit_id": "network", "causes": "new", "caused_by": [sha("b")], "is_simulated": False}
    both = rows("restatements", *({**given, "drug": drug} for drug in ("cocaine", "mdma")))
    return both.drop("edition_number", "edition", "edition_before", "protocol", "baseline_period", "current_period")


def history(warehouse) -> tuple[pl.DataFrame, pl.DataFrame]:
    return warehouse.read("editions").sort("edition_number"), warehouse.read("restatements")


def test_the_history_grows_by_one_edition_however_often_a_run_is_cut_off(tmp_path):
    """What is written follows from the published copy, so that rows of a run that did not publish do not stay."""
    now = Edition("1" * 12, HEADLINE, rows("changes"))
    later = now._replace(name="2" * 12)
    with Warehouse.open(tmp_path / "w.duckdb") as warehouse:
        warehouse.insert("deliveries", rows("deliveries", A, B))
        restatements.keep(warehouse, None, now, "", None)
        editions, restated = history(warehouse)
        assert editions.select("edition_number", "edition", "is_compared").rows() == [(1, "1" * 12, False)]
        assert editions["newest_received_at"].to_list() == [datetime(2026, 1, 2)]  # noqa: DTZ001
        copy = published(rows("deliveries", A))._replace(edition=now, editions=editions, restatements=restated)
        for edition in (later, now._replace(name="3" * 12), later):  # the second and the third take the place
            restatements.keep(warehouse, copy, edition, "new", figures_that_moved())
        editions, restated = history(warehouse)
        assert editions["edition"].to_list() == ["1" * 12, "2" * 12]
        assert restated.select("edition_number", "edition_before", "edition").rows() == 2 * [(2, "1" * 12, "2" * 12)]
        # A run over what is published adds nothing; nor does one without a published copy.
        copy = copy._replace(edition=later, editions=editions, restatements=restated)
        for before in (copy, None):
            restatements.keep(warehouse, before, later, "", figures_that_moved().clear())
            assert [frame.rows() for frame in history(warehouse)] == [editions.rows(), restated.rows()]
        # The same edition once more after another one is another edition of the history.
        restatements.keep(warehouse, copy, now, "decided", figures_that_moved())
        assert history(warehouse)[0]["edition"].to_list() == ["1" * 12, "2" * 12, "1" * 12]
    rebuilt = tmp_path / "rebuilt.duckdb"
    with Warehouse.open(rebuilt) as warehouse:
        warehouse.insert("deliveries", rows("deliveries", A, B))
        restatements.keep(warehouse, copy, now, "decided", figures_that_moved())
        again = [frame.rows() for frame in history(warehouse)]
    with Warehouse.open(tmp_path / "w.duckdb") as warehouse:
        assert [frame.rows() for frame in history(warehouse)] == again


def test_another_comparison_is_an_edition_without_figures(tmp_path):
    other = Edition("2" * 12, Headline("euda", None, None), rows("changes"))
    with Warehouse.open(tmp_path / "w.duckdb") as warehouse:
        restatements.keep(warehouse, published(rows("deliveries", A)), other, "settings", None)
        editions, restated = history(warehouse)
    compared = editions.select("edition_number", "protocol", "baseline_period", "is_compared", "causes")
    assert compared.rows() == [(1, "permille", "2023", False, ""), (2, "euda", None, True, "settings")]
    assert restated.is_empty()


def test_a_copy_of_an_earlier_version_is_read_as_far_as_it_goes(tmp_path):
    """One without editions, without identities, and with fewer columns: its headline is the one that was varied."""
    file = tmp_path / "published.duckdb"
    settings = Settings(protocol="permille")
    assert restatements.last_published(file, settings) is None
    with duckdb.connect(str(file)) as connection:
        connection.execute(
            "create table deliveries as select 'a' as delivery_id, timestamp '2026-01-01' as received_at"
        )
        connection.execute(
            "create table changes as select 'network' as level, 'network' as unit_id, 'mdma' as drug, -40.0 as"
            " change_percent, unnest(['euda', 'half-loq']) as protocol, '2022' as baseline_period,"
            " '2024' as current_period"
        )
        connection.execute(
            "create table robustness as select 'euda' as protocol, '2022' as baseline_period, '2024' as current_period"
        )
    before = restatements.last_published(file, settings)
    assert before.edition.name is None
    assert before.edition.headline == Headline("euda", "2022", "2024")
    assert before.edition.figures.select("drug", "change_percent", "verdict").rows() == [("mdma", -40.0, None)]
    assert restatements.last_number(file) == 0
    file.write_bytes(b"no copy")
    assert restatements.last_published(file, settings) is None
    assert restatements.last_number(file) == 0
