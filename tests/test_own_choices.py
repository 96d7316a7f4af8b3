"""An office's own protocol and factor set, from files in its workspace to published figures."""

import polars as pl
import pytest

from pipeline.settings import open_workspace
from pipeline.warehouse import Warehouse
from schemas.protocol import SHIPPED
from schemas.reference_data import load_factors
from tests.conftest import lay_tiny
from tests.test_command_line import call

PROTOCOL = (
    (SHIPPED / "permille.toml")
    .read_text(encoding="utf-8")
    .replace('protocol = "permille"', 'protocol = "ours"')
    .replace('title = "Permille"', 'title = "Our office"')
    .replace('factor_set = "2026"', 'factor_set = "ours-1"')
)


@pytest.fixture
def office(workspace):
    """The tiny city, with a protocol and a factor set of its own, which are the shipped ones but for cocaine."""
    lay_tiny(workspace)
    (workspace.protocols / "ours.toml").write_text(PROTOCOL, encoding="utf-8")
    factors = load_factors().with_columns(
        factor_set=pl.lit("ours-1"),
        excreted_fraction=pl.when(pl.col("residue") == "benzoylecgonine").then(0.35).otherwise("excreted_fraction"),
    )
    factors.write_csv(workspace.factors / "ours-1.csv")
    (workspace.factors / "doses-ours-1.csv").write_text(
        "factor_set,drug,dose_mg,evidence,dose_status,source\nours-1,cocaine,50,D,approved,Our own survey\n"
    )
    return workspace


def test_an_own_protocol_and_factor_set_are_computed_beside_the_shipped(office):
    (office.folder / "permille.toml").write_text('protocol = "ours"\n')
    said = call("run", "-w", office.folder)
    assert "cocaine" in said
    with Warehouse.open(office.published, read_only=True) as warehouse:
        rows = warehouse.query(
            "select protocol, drug, current_mg_per_day_per_1000 as now, change_percent as change from changes"
            " where level = 'network'"
        )
        doses = warehouse.query(
            "select distinct protocol, amount_mg_per_day_per_1000 / doses_per_day_per_1000 as dose from consumption"
            " where drug = 'cocaine' and doses_per_day_per_1000 > 0"
        )
    of = {(row["protocol"], row["drug"]): row for row in rows.iter_rows(named=True)}
    assert {protocol for protocol, _ in of} == {"euda", "half-loq", "ours", "permille", "statcan"}
    assert of["ours", "cocaine"]["now"] == pytest.approx(of["permille", "cocaine"]["now"] * 0.29 / 0.35)
    assert of["ours", "cocaine"]["change"] == pytest.approx(of["permille", "cocaine"]["change"])
    assert of["ours", "methamphetamine"]["now"] == pytest.approx(of["permille", "methamphetamine"]["now"])
    assert {protocol: round(dose, 6) for protocol, dose in doses.iter_rows()} == {
        "half-loq": 100,
        "ours": 50,
        "permille": 100,
    }
    page = (office.site / "en" / "methods.html").read_text(encoding="utf-8")
    assert "Our office" in page
    assert "(<bdi>set ours-1</bdi>)" in page
    listed = call("factors", "list", "-w", office.folder)
    assert "Set ours-1; there are 2026, australia, highest-fractions, korea, lowest-fractions, older, ours-1." in listed
    said = call("factors", "diff", "2026", "ours-1", "-w", office.folder)
    assert "protocol ours" in said
    (cocaine,) = [line for line in said.splitlines() if line.startswith("cocaine ") and "3.62" in line]
    assert cocaine.rstrip().endswith("fraction, dose")


def test_what_is_wrong_with_an_own_file_is_told_by_the_run(office):
    (office.protocols / "ours.toml").write_text(PROTOCOL.replace("min_detects = 3", "min_detects = -1"))
    said = call("run", "-w", office.folder, code=1)
    assert "ours.toml: field 'min_detects': -1 is not allowed: write a number that is greater than or" in said
    (office.protocols / "ours.toml").write_text(PROTOCOL.replace('"ours-1"', '"ours-9"'))
    said = call("run", "-w", office.folder, code=1)
    assert "ours.toml: field 'factor_set': there is no factor set 'ours-9': write one of 2026," in said
    (office.protocols / "ours.toml").write_text(PROTOCOL)
    file = office.factors / "ours-1.csv"
    file.write_text(file.read_text().replace(",0.35,", ",35,"))
    said = call("run", "-w", office.folder, code=1)
    assert "ours-1.csv, row 5, column 'excreted_fraction': 35.0 is not allowed: it must be at most 1." in said
    assert not office.published.exists()


def test_the_setting_names_an_own_protocol_or_is_told_what_there_is(office):
    (office.folder / "permille.toml").write_text('protocol = "mine"\n')
    said = call("run", "-w", office.folder, code=1)
    assert (
        "setting 'protocol': there is no protocol 'mine'; there are euda, guizhou, half-loq, ours, permille, statcan."
        in said
    )
    assert str(office.protocols) in said
    (office.protocols / "mine.toml").write_text("protocol = 1\n")
    assert "mine.toml: field 'protocol': 1 is no text" in call("status", "-w", office.folder, code=1)
    (office.protocols / "mine.toml").write_text(PROTOCOL.replace('"ours"', '"mine"', 1))
    assert open_workspace(office.folder).settings.protocol == "mine"


def test_a_protocol_that_is_newer_than_the_figures_asks_for_a_run(tiny_copy):
    (tiny_copy.protocols / "ours.toml").write_text(PROTOCOL.replace('"ours-1"', '"2026"'))
    said = call("change", "--protocol", "ours", "-w", tiny_copy.folder, code=1)
    assert "nothing is published by protocol 'ours' yet: run 'permille run' first" in said


def test_init_makes_the_folders(tmp_path):
    call("init", "-w", tmp_path / "new")
    assert {path.name for path in (tmp_path / "new").iterdir() if path.is_dir()} == {
        "inbox", "profiles", "protocols", "factors",
    }  # fmt: skip


OWN_ERRORS = "component,applies_to,rsd,shared_over,evidence,source\n"


def test_own_errors_take_the_place_of_the_shipped(tiny_copy):
    """A flow meter known to 2 %: the interval is narrower by just that part, and the row says whose figure it is."""
    office = tiny_copy
    before = levels(office)
    (office.factors / "uncertainty.csv").write_text(OWN_ERRORS + "flow,,0.02,one site,D,Calibrated in 2024\n")
    call("run", "-w", office.folder)
    after = levels(office)
    assert before["flow_log_variance"].to_list() == pytest.approx([0.10**2] * before.height)
    assert after["flow_log_variance"].to_list() == pytest.approx([0.02**2] * after.height)
    assert after["batch_log_variance"].to_list() == before["batch_log_variance"].to_list()
    assert (after["width"] < before["width"]).all()
    with Warehouse.open(office.published, read_only=True) as warehouse:
        row = warehouse.query("select source from uncertainties where component = 'flow'")
    assert row["source"].to_list() == ["Calibrated in 2024"]


def levels(office) -> pl.DataFrame:
    with Warehouse.open(office.published, read_only=True) as warehouse:
        return warehouse.query(
            "select *, ci_high_mg_per_day_per_1000 / ci_low_mg_per_day_per_1000 as width from site_periods"
            " where protocol = 'permille' and origin = 'measured' and ci_low_mg_per_day_per_1000 is not null"
            " order by site_id, period, drug"
        )


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (
            "flow,census,0.02,one site,D,Ours",
            "row 2, column 'applies_to': 'census' is nothing flow has: leave it empty.",
        ),
        (
            "factor,,0.02,one drug,D,Ours",
            "row 2, column 'applies_to': '' is nothing factor has: write one of least, without range.",
        ),
        ("flow,,2,one site,D,Ours", "row 2, column 'rsd': 2.0 is not allowed: it must be at most 1"),
        ("flows,,0.2,one site,D,Ours", "row 2, column 'component': 'flows'"),
    ],
)
def test_an_error_nobody_knows_is_refused(office, row, said):
    (office.factors / "uncertainty.csv").write_text(OWN_ERRORS + row + "\n")
    told = call("run", "-w", office.folder, code=1)
    assert f"uncertainty.csv, {said}" in told
