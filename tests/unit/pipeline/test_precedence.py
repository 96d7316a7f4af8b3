"""Which delivery is current: order of receipt, contents seen together, editions, decisions; the same in a rebuild."""

import json
import shutil
from datetime import datetime, timedelta

import pytest

from pipeline.intake import take_in
from pipeline.precedence import Decision, compared_deliveries, described, ordered
from pipeline.receipts import Ledger, ReceiptsError
from pipeline.settings import make_workspace
from pipeline.status import status
from pipeline.warehouse import Warehouse
from tests.conftest import RECEIVED, estimate, lay_unseen, tables_of

SITES = "site_id,site_name\nS1,One\n"
FLOWS = "site_id,date,flow_m3_per_day\nS1,2025-03-11,1000\n"
PEOPLE = "site_id,population_method,population\nS1,census,10000\n"
HEAD = "site_id,sampled_on,residue,concentration,unit,laboratory\n"
DECISIONS = "decision,delivery,supersedes,why,who,date\n"


def result(value, laboratory="", day="2025-03-11"):
    return f"{HEAD}S1,{day},methamphetamine,{value},ng/L,{laboratory}\n"


def look(workspace, **files):
    """Lays files named by `files` (underscores are dots), as saved now, and takes in what is new."""
    for name, text in files.items():
        lay_unseen(workspace, name.replace("_", "."), text, datetime.now())  # noqa: DTZ005
    return take_in(workspace, tell=lambda line: None)


def state(workspace):
    """Current values, and the pairs of deliveries that contradict each other with why the one is current."""
    with Warehouse.open(workspace.warehouse) as warehouse:
        current = "select concentration_ng_per_l as v from current_results_of(null, 'all') order by v"
        values = warehouse.query(current)["v"].to_list()
        pairs = compared_deliveries(warehouse).select("file_name", "superseded_file", "order_basis", "n_values").rows()
    return values, pairs


def assert_rebuild_is_identical(workspace):
    """A warehouse from the archive and the ledger alone is the one there is, table by table."""
    with Warehouse.open(workspace.warehouse) as warehouse:
        before = tables_of(warehouse)
    beside = make_workspace(workspace.folder.with_name(f"{workspace.folder.name}-again"))
    shutil.copytree(workspace.archive, beside.archive)
    shutil.copy(workspace.receipts, beside.receipts)
    shutil.copytree(workspace.profiles, beside.profiles, dirs_exist_ok=True)
    take_in(beside, tell=lambda line: None)
    with Warehouse.open(beside.warehouse) as warehouse:
        after = tables_of(warehouse)
    shutil.rmtree(beside.folder)
    assert [table for table in before if not before[table].equals(after[table])] == []


def sha_of(workspace, name):
    with Warehouse.open(workspace.warehouse) as warehouse:
        return warehouse.query("select delivery_id from deliveries where file_name = $name", {"name": name}).item()


def decide(workspace, name, decision, target, other="", day="2026-01-20"):
    look(workspace, **{name: f"{DECISIONS}{decision},{target},{other},the laboratory says so,A. Analyst,{day}\n"})


def test_the_original_copied_later_is_current_until_a_person_decides(workspace):
    look(workspace, sites_csv=SITES, corrected_csv=result(50))
    look(workspace, original_csv=result(100))
    assert state(workspace) == ([100], [("original.csv", "corrected.csv", "receipt", 1)])
    assert_rebuild_is_identical(workspace)
    corrected, original = sha_of(workspace, "corrected.csv"), sha_of(workspace, "original.csv")
    decide(workspace, "decided_csv", "supersede", corrected[:8], original)
    assert state(workspace) == ([50], [("corrected.csv", "original.csv", "decision", 1)])
    assert_rebuild_is_identical(workspace)
    decide(workspace, "undone_csv", "supersede", original, corrected, "2026-01-21")
    assert state(workspace) == ([100], [("original.csv", "corrected.csv", "decision", 1)])
    assert_rebuild_is_identical(workspace)


@pytest.mark.parametrize(
    ("ahead", "names", "current"),
    [
        (0, ("b.csv", "a.csv"), 100),  # by their own time: 100 was saved last
        (400, ("b.csv", "a.csv"), 50),  # the stamp of 100 lies in the future: by name
        (400, ("a.csv", "b.csv"), 100),
    ],
)
def test_contents_seen_together_are_undecided(workspace, ahead, names, current):
    lay_unseen(workspace, "sites.csv", SITES)
    lay_unseen(workspace, names[0], result(50), RECEIVED)
    stamp = datetime.now() + timedelta(days=ahead) if ahead else RECEIVED + timedelta(hours=1)  # noqa: DTZ005
    lay_unseen(workspace, names[1], result(100), stamp)
    take_in(workspace, tell=lambda line: None)
    values, ((file, _, basis, n),) = state(workspace)
    assert (values, basis, n) == ([current], "undecided", 1)
    assert file == names[current == 100]
    assert_rebuild_is_identical(workspace)
    # The figure that rests on it is flagged, until a person decides.
    decide(workspace, "decided_csv", "supersede", sha_of(workspace, names[0]), sha_of(workspace, names[1]))
    values, ((file, _, basis, _),) = state(workspace)
    assert (values, file, basis) == ([50], names[0], "decision")
    assert_rebuild_is_identical(workspace)


def test_a_figure_that_rests_on_an_undecided_value_is_flagged(workspace):
    for name, text in {
        "s.csv": SITES,
        "f.csv": FLOWS,
        "p.csv": PEOPLE,
        "x.csv": result(50),
        "y.csv": result(70),
    }.items():
        lay_unseen(workspace, name, text)
    lay_unseen(workspace, "g.csv", FLOWS.replace("1000", "2000"))
    lay_unseen(workspace, "q.csv", PEOPLE.replace("10000", "20000"))
    take_in(workspace, tell=lambda line: None)
    with Warehouse.open(workspace.warehouse) as warehouse:
        estimate(warehouse)
        told = warehouse.query("select distinct flags from consumption where protocol = 'permille'")["flags"].to_list()
        of_people = warehouse.query("select distinct flags from population_estimates")["flags"].to_list()
        pairs = status(warehouse).contradictions.select("file_name", "superseded_file", "order_basis").rows()
    assert all("order_undecided" in flags.split() for flags in told)
    assert of_people == ["order_undecided"]
    assert pairs == [(b, a, "undecided") for a, b in (("f.csv", "g.csv"), ("p.csv", "q.csv"), ("x.csv", "y.csv"))]


def test_the_same_bytes_again_are_told_once_where_they_are_superseded(workspace):
    look(workspace, sites_csv=SITES, original_csv=result(100))
    look(workspace, corrected_csv=result(50))
    again = look(workspace, copy_csv=result(100)).again
    assert [copy.name for copy in again] == ["copy.csv"]
    assert state(workspace) == ([50], [("corrected.csv", "original.csv", "receipt", 1)])
    assert look(workspace).again == []
    assert_rebuild_is_identical(workspace)


@pytest.mark.parametrize("second", ["Lab B", "Lab A"])
def test_two_laboratories_for_one_day_are_no_contradiction(workspace, second):
    look(workspace, sites_csv=SITES, a_csv=result(100, "Lab A"), b_csv=result(60, second))
    values, pairs = state(workspace)
    assert (values, len(pairs)) == (([60, 100], 0) if second == "Lab B" else ([60], 1))


def test_what_one_of_two_does_not_say_is_taken_to_be_the_same(workspace):
    look(workspace, sites_csv=SITES, a_csv=result(100))
    look(workspace, b_csv=result(60, "Lab A"))
    assert state(workspace) == ([60], [("b.csv", "a.csv", "receipt", 1)])


@pytest.mark.parametrize(
    ("one", "other", "n"), [("100", "100.0", 0), ("<2", "<2", 0), ("<2", "<3", 1), ("<2", "2", 1), ("NA", "5", 0)]
)
def test_a_contradiction_is_another_value_another_limit_or_another_qualifier(workspace, one, other, n):
    look(workspace, sites_csv=SITES, a_csv=result(one))
    look(workspace, b_csv=result(other))
    assert sum(pair[3] for pair in state(workspace)[1]) == n


def test_a_withdrawn_delivery_counts_nowhere_until_it_is_restored(workspace):
    look(workspace, sites_csv=SITES, original_csv=result(100), other_csv=result(7, day="2025-03-12"))
    look(workspace, corrected_csv=result(50))
    withdrawn = sha_of(workspace, "corrected.csv")
    decide(workspace, "withdrawn_csv", "withdraw", withdrawn)
    assert state(workspace) == ([7, 100], [])
    assert_rebuild_is_identical(workspace)
    decide(workspace, "alone_csv", "withdraw", sha_of(workspace, "other.csv"))
    assert state(workspace) == ([100], [])
    decide(workspace, "restored_csv", "restore", withdrawn, day="2026-01-21")
    assert state(workspace) == ([50], [("corrected.csv", "original.csv", "receipt", 1)])
    assert_rebuild_is_identical(workspace)


def test_a_withdrawn_site_list_holds_the_rows_of_its_sites(workspace):
    look(workspace, sites_csv=SITES, a_csv=result(100))
    decide(workspace, "withdrawn_csv", "withdraw", sha_of(workspace, "sites.csv"))
    with Warehouse.open(workspace.warehouse) as warehouse:
        assert warehouse.query("select rule from quarantine")["rule"].to_list() == ["unknown_site"]
    assert_rebuild_is_identical(workspace)


def test_a_decision_that_names_no_delivery_changes_nothing_and_is_told(workspace):
    look(workspace, sites_csv=SITES, a_csv=result(100))
    decide(workspace, "lost_csv", "withdraw", "0123456789abcdef")
    with Warehouse.open(workspace.warehouse) as warehouse:
        idle = status(warehouse).idle_delivery_decisions
    assert idle["decided_delivery"].to_list() == ["0123456789abcdef"]
    assert state(workspace)[0] == [100]


@pytest.mark.parametrize(
    "row", ["withdraw,{0},{0}", "supersede,{0},", "supersede,{0},{0}", "forget,{0},", "withdraw,12,"]
)
def test_a_decision_that_says_too_little_is_held(workspace, row):
    text = f"{DECISIONS}{row.format('ab' * 32)},because,A. Analyst,2026-01-20\n"
    report = look(workspace, decision_csv=text)
    assert report.taken[0].record["n_quarantined"].item() == 1


def test_an_order_after_three_decisions():
    made = [Decision("supersede", "a", "c"), Decision("supersede", "b", "a"), Decision("supersede", "c", "b")]
    order = ordered("abcd", made)
    assert order.in_order == ["a", "b", "c", "d"]
    assert order.decided == [("a", "c"), ("b", "a"), ("c", "b")]


def test_editions_are_one_line_with_a_count(workspace):
    profile = (
        'name = "study"\ntitle = "t"\nsender = "s"\n[numbering]\nname = "study"\nrelease = "(20[0-9][0-9])"\n'
        '[[tables]]\ntable = "sites"\nsheet = "sites"\n[tables.columns]\nsite_id = "no"\nsite_label = "place"\n'
    )
    (workspace.profiles / "study.toml").write_text(profile + EDITION)
    rows = "".join(f"{n},Place {n},2020-03-01,benzoylecgonine,{{value}}\n" for n in range(1, 6))
    look(workspace, study_2023_csv="no,place,day,drug,load\n" + rows.format(value=10))
    look(workspace, study_2021_csv="no,place,day,drug,load\n" + rows.format(value=12))
    with Warehouse.open(workspace.warehouse) as warehouse:
        pairs = compared_deliveries(warehouse)
        values = warehouse.query("select distinct reported_load_mg_per_day_per_1000 as v from current_reported_loads")
    assert values["v"].to_list() == [10]  # of the later edition, though it came first
    assert pairs.select("order_basis", "n_values").rows() == [("edition", 5)]
    assert len(described(pairs)) == 1
    assert_rebuild_is_identical(workspace)


EDITION = """
[[tables]]
table = "reported_loads"
unit = "mg/day"
[tables.columns]
site_id = "no"
site_label = "place"
sampled_on = "day"
residue = "drug"
reported_load = "load"
[tables.qualifiers]
"0" = "<LOQ"
"" = "not measured"
"""


def test_a_ledger_without_its_last_line_is_continued_and_one_with_nonsense_is_refused(workspace):
    look(workspace, sites_csv=SITES)
    look(workspace, a_csv=result(100))
    text = workspace.receipts.read_text()
    workspace.receipts.write_text(text + '{"number": 3, "sha25')
    look(workspace, b_csv=result(50))
    lines = workspace.receipts.read_text().splitlines()
    assert [json.loads(line)["number"] for line in lines if line.endswith("}")] == [1, 2, 3]
    assert state(workspace)[0] == [50]
    workspace.receipts.write_text("nonsense\n" + text)
    with pytest.raises(ReceiptsError, match="line 1"):
        Ledger(workspace.receipts)


def test_a_workspace_that_lost_its_ledger_keeps_its_order(workspace):
    look(workspace, sites_csv=SITES, b_csv=result(100), a_csv=result(70))
    look(workspace, c_csv=result(50, day="2025-03-12"))
    before = state(workspace)
    numbers = {line["sha256"]: line["number"] for line in map(json.loads, workspace.receipts.read_text().splitlines())}
    workspace.receipts.unlink()
    look(workspace)
    assert state(workspace) == before
    again = {line["sha256"]: line["number"] for line in map(json.loads, workspace.receipts.read_text().splitlines())}
    assert again == numbers
