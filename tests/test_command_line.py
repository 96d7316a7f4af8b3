"""The command line as its users meet it: every command helps with an example, exit codes say what became of it."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

import permille
from pipeline.settings import make_workspace
from schemas.credibility import EXPLANATIONS
from schemas.plausibility import RULES
from schemas.profile import load_profile
from schemas.tables import TABLES
from tests.conftest import publish, shared

COMMANDS = [
    "init", "demo", "run", "check", "status", "plausibility", "change", "credibility", "robustness", "targets",
    "brief", "series", "trend", "events", "plan", "levels", "totals", "explain", "history",
    "restatements",
]  # fmt: skip
SITES = "site_id,site_name,area_id,latitude,longitude\nS1,One,A,1,2\n"
HEAD = "site_id,sampled_on,residue,concentration,unit,lod,loq,laboratory,batch\n"
WRONG_UNIT = "S1,2025-03-11,METH,5,mg/kg,,,,\n"
GOOD = "S1,2025-03-12,METH,5,ng/L,,,,\n"
runner = CliRunner()


def call(*arguments: object, code: int = 0) -> str:
    result = runner.invoke(permille.app, [str(argument) for argument in arguments])
    assert result.exit_code == code, result.output
    is_data = code == 0 and {"csv", "json", "--json"} & set(arguments)
    return result.stdout if is_data else result.output  # what is said beside data stands on stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_helps_with_an_example(command):
    assert f"Example: permille {command}" in " ".join(call(command, "--help").split())


@pytest.mark.parametrize("command", ["new", "test"])
def test_every_command_of_profiles_helps_with_an_example(command):
    assert f"Example: permille profile {command}" in " ".join(call("profile", command, "--help").split())


@pytest.mark.parametrize("command", ["list", "diff"])
def test_every_command_of_factors_helps_with_an_example(command):
    assert f"Example: permille factors {command}" in " ".join(call("factors", command, "--help").split())


def test_the_version_is_told():
    assert re.fullmatch(r"permille \d+\.\d+\.\d+\n", call("--version"))


def test_fetching_helps_with_examples():
    said = " ".join(call("fetch", "euda", "--help").split())
    assert "Example: permille fetch euda --workspace" in said
    assert "Example: permille fetch euda --data-url" in said


def test_commands_are_those_the_readme_names():
    names = [command.callback.__name__ for command in permille.app.registered_commands]
    assert names == COMMANDS
    readme = (Path(permille.__file__).parent / "README.md").read_text(encoding="utf-8")
    for command in {*COMMANDS, "fetch euda", "factors list", "factors diff"} - {"demo"}:
        assert f"permille {command}" in readme, command


def test_help_does_not_import_what_it_does_not_need():
    probe = (
        "import sys, permille\n"
        "from typer.testing import CliRunner\n"
        "CliRunner().invoke(permille.app, ['--help'])\n"
        "assert not {'dagster', 'polars', 'duckdb', 'plotly', 'pandera', 'httpx'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", probe], check=True)


def test_wrong_usage_is_2():
    call("change", "--level", "planet", code=2)
    call("nothing", code=2)


def test_a_folder_that_is_no_workspace_says_what_to_do(tmp_path):
    assert "permille init --workspace" in call("run", "--workspace", tmp_path / "none", code=1)


def test_settings_that_cannot_be_used_name_file_and_setting(workspace):
    (workspace.folder / "permille.toml").write_text('baseline = "spring"\n')
    said = call("status", "--workspace", workspace.folder, code=1)
    assert "permille.toml" in said
    assert "'baseline'" in said


def test_run_ends_with_3_where_rows_were_quarantined_and_with_0_when_nothing_is_new(workspace):
    (workspace.inbox / "sites.csv").write_text(SITES)
    (workspace.inbox / "may.csv").write_text(
        HEAD + "S1,2025-03-11,METH,5,mg/kg,,,,\n" + "S1,2025-03-12,METH,5,ng/L,,,,\n"
    )
    said = call("run", "--workspace", workspace.folder, code=3)
    assert re.search(r"may\.csv: partly accepted\W+2 rows\W+1 accepted\W+1 quarantined", said)
    call("run", "--workspace", workspace.folder)


def test_status_says_exactly_which_flows_are_missing(workspace):
    (workspace.inbox / "sites.csv").write_text(SITES)
    days = ["2025-03-10", "2025-03-11", "2025-03-12", "2025-03-20"]
    (workspace.inbox / "may.csv").write_text(HEAD + "".join(f"S1,{day},METH,5,ng/L,,,,\n" for day in days))
    publish(workspace)
    said = call("status", "--workspace", workspace.folder)
    assert "S1: flow of 4 days (4 results): 2025-03-10..2025-03-12 2025-03-20" in said
    assert "S1: population of 4 days (4 results)" in said
    assert "6 rows" not in said
    as_data = json.loads(call("status", "--workspace", workspace.folder, "--format", "json"))
    assert as_data["does_add_up"] is True
    assert as_data["missing"][0]["n_days"] == 4


def test_check_prints_one_line_for_each_finding_and_stores_nothing(workspace, tmp_path):
    file = tmp_path / "may.csv"
    file.write_text(HEAD + WRONG_UNIT + GOOD)
    said = call("check", file, "--workspace", workspace.folder, code=3)
    lines = said.strip().splitlines()
    assert lines[0].startswith("may.csv, row 2, column 'unit': ")
    assert "'mg/kg'" in lines[0]
    assert lines[-1].endswith("2 rows = 1 accepted + 1 quarantined")
    assert list(workspace.folder.glob("*.duckdb")) == []
    file.write_bytes(b"")
    assert "the file is empty" in call("check", file, "--workspace", workspace.folder, code=1)


def test_check_works_without_a_workspace(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PERMILLE_WORKSPACE", raising=False)
    file = tmp_path / "may.csv"
    file.write_text(HEAD + "S1,2025-03-12,METH,5,ng/L,,,,\n")
    assert "permille-results" in call("check", file)


def test_change_gives_the_columns_of_its_table(simulated_workspace):
    _, here = simulated_workspace
    said = call("change", "--workspace", here.folder, "--protocol", "euda", "--level", "area", "--format", "csv",
                "--baseline", "2023", "--current", "2024")  # fmt: skip
    rows = pl.read_csv(said.encode())
    assert rows.columns == [*TABLES["changes"].columns, "factor_status"]
    assert set(rows["protocol"]) == {"euda"}
    assert set(rows["level"]) == {"area"}
    as_json = json.loads(call("change", "--workspace", here.folder, "--format", "json"))
    assert {row["level"] for row in as_json} == {"network"}
    assert {type(row["n_sites"]) for row in as_json} == {int}
    table = call("change", "--workspace", here.folder)
    assert "SIMULATED DATA" in table
    assert "methamphetamine" in table


def test_a_bootstrap_stands_beside_the_part_of_the_interval_it_can_check(simulated_workspace):
    _, here = simulated_workspace
    asked = ("change", "--workspace", here.folder, "--drug", "cocaine", "--bootstrap", "500")
    as_csv = call(*asked, "--format", "csv")
    row = pl.read_csv(as_csv.encode()).row(0, named=True)
    assert (row["n_resamples"], row["seed"]) == (500, 2026)
    assert row["bootstrap_log_sd"] == pytest.approx(row["days_log_sd"], rel=0.2)
    assert row["bootstrap_low_percent"] < row["change_percent"] < row["bootstrap_high_percent"]
    assert row["days_high_percent"] < row["ci_high_percent"], "the days are a part of what leaves it in doubt"
    assert call(*asked, "--format", "csv") == as_csv
    assert call(*asked, "--seed", "7", "--format", "csv") != as_csv
    assert re.search(r"\b500\b.*\b2026\b", call(*asked))
    call(*asked, "--format", "sentence", code=2)


def test_data_of_credibility_say_what_their_values_are(simulated_workspace):
    _, here = simulated_workspace
    rows = json.loads(call("credibility", "--workspace", here.folder, "--drug", "cocaine", "--format", "json"))
    assert [row["explanation"] for row in rows] == list(EXPLANATIONS)
    for row in rows:
        entry = EXPLANATIONS[row["explanation"]]
        assert (row["looks_at"], row["values_are"]) == (entry.sentence, entry.unit)


def test_change_and_explain_tell_the_status_of_the_factor(simulated_workspace):
    _, here = simulated_workspace
    rows = json.loads(call("change", "--workspace", here.folder, "--protocol", "all", "--format", "json"))
    status = {(row["protocol"], row["drug"]): row["factor_status"] for row in rows}
    assert status["permille", "methamphetamine"] == "approved"
    assert status["permille", "cocaine"] == "provisional"
    assert status["permille", "etomidate"] == "experimental"
    assert status["euda", "cocaine"] is None
    told = {line.split()[0]: line for line in call("change", "--workspace", here.folder).splitlines() if line.strip()}
    assert "provisional" in told["cocaine"]
    assert "experimental" in told["etomidate"]
    assert "provisional" not in told["etomidate"]
    site = "sim-08"
    said = call("explain", site, "etomidate", "--period", "2025", "--workspace", here.folder).splitlines()[0]
    assert "resting on a factor that is experimental" in said
    of_euda = call("explain", site, "etomidate", "--period", "2025", "--protocol", "euda", "-w", here.folder)
    assert "resting on" not in of_euda.splitlines()[0]
    as_data = json.loads(call("explain", site, "cocaine", "--period", "2025", "--json", "--workspace", here.folder))
    assert as_data["factor"]["factor_status"] == "provisional"


def test_factors_lists_a_set_without_a_workspace(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PERMILLE_WORKSPACE", raising=False)
    said = call("factors", "list")
    (cocaine,) = [line for line in said.splitlines() if line.startswith("cocaine ")]
    words = "cocaine benzoylecgonine 0.29 (0.29 to 0.45) molar 3.62 formed 100 provisional M [3]"
    assert cocaine.split() == words.split()
    assert "[3] Castiglioni et al. 2013" in said
    assert "2026, australia, highest-fractions, korea, lowest-fractions, older" in said
    rows = pl.read_csv(call("factors", "list", "--set", "older", "--format", "csv").encode())
    assert dict(rows.filter(pl.col("is_default")).select("drug", pl.col("correction_factor").round(2)).iter_rows())[
        "mdma"
    ] == 1.54  # fmt: skip
    as_json = json.loads(call("factors", "list", "--format", "json"))
    assert {row["factor_status"] for row in as_json} == {"approved", "provisional", "experimental"}
    told = call("factors", "list", "--set", "mine", code=1)
    assert re.search(r"'mine'.*\b2026, australia", told)


def test_factors_diff_tells_what_differs_without_a_workspace(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PERMILLE_WORKSPACE", raising=False)
    said = call("factors", "diff", "2026", "older")
    (codeine,) = [line for line in said.splitlines() if line.startswith("codeine  ")]
    assert codeine.split()[2:] == ["0.3", "0.635", "3.33", "1.57", "0.472", "fraction,", "status,", "source"]
    assert "No figures are published here" in said
    rows = {row["drug"]: row for row in json.loads(call("factors", "diff", "korea", "2026", "--format", "json"))}
    assert rows["mdma"]["differs"] == "only in 2026"
    assert rows["codeine"]["ratio"] == pytest.approx(0.638 / 0.30)
    assert rows["codeine"]["does_change_alter"] is None
    assert call("factors", "diff", "2026", "older", "--format", "csv").splitlines()[0].startswith("drug,residue,excr")


def test_factors_diff_tells_what_each_set_would_make_of_the_figures(simulated_workspace, monkeypatch):
    _, here = simulated_workspace
    as_json = json.loads(call("factors", "diff", "2026", "older", "--format", "json", "-w", here.folder))
    rows = {(row["drug"], row["residue"]): row for row in as_json}
    cocaine = rows["cocaine", "benzoylecgonine"]
    assert cocaine["mean_a_mg_per_day_per_1000"] == pytest.approx(cocaine["mean_mg_per_day_per_1000"])
    assert cocaine["mean_b_mg_per_day_per_1000"] == pytest.approx(cocaine["mean_mg_per_day_per_1000"] * 0.29 / 0.45)
    assert cocaine["does_change_alter"] is False
    said = call("factors", "diff", "2026", "older", "-w", here.folder)
    assert re.search(r"\b2025\b.*mg/day/1000.*\bpermille\b", said)
    assert "The change from 2023 to 2025 is the same by each: one factor in both periods cancels." in said
    assert "Not so of" not in said
    said = call("factors", "diff", "2026", "korea", "-w", here.folder)
    assert "amphetamine, mdma, cocaine" in said
    monkeypatch.setenv("PERMILLE_PROTOCOL", "euda")
    said = call("factors", "diff", "2026", "older", "-w", here.folder)
    assert re.search(r"\beuda\b.*\bresidue loads\b", said)


def test_change_in_a_period_without_data_lists_those_with_data(simulated_workspace):
    _, here = simulated_workspace
    said = call("change", "--workspace", here.folder, "--baseline", "1999", code=1)
    assert re.search(r"\b1999\b.*\b2023, 2024, 2025\b", said)
    assert "euda, guizhou, half-loq, permille, statcan" in call(
        "change", "--workspace", here.folder, "--protocol", "mine", code=2
    )
    assert "'2024-13' is no period" in call("change", "--workspace", here.folder, "--current", "2024-13", code=2)


def test_status_counts_what_is_implausible_and_names_the_command(simulated_workspace):
    _, here = simulated_workspace
    said = call("status", "-w", here.folder)
    assert "'permille plausibility'" in said
    assert "  mostly_below_limits: 52 at 18 sites\n" in said
    as_data = json.loads(call("status", "-w", here.folder, "--format", "json"))["implausible"]
    assert as_data == json.loads(call("plausibility", "-w", here.folder, "--format", "json"))


def test_what_is_implausible_is_listed_the_furthest_off_first(simulated_workspace):
    _, here = simulated_workspace
    said = call("plausibility", "-w", here.folder)
    assert said.startswith("SIMULATED DATA.\noff_its_history: ")
    assert re.search(r"^    sim-05, 2023-09-14, mdma: .*\b51\.5 mg/day/1000\b.*\b24\.6\b.*\b2\.1\b", said, re.M)
    assert re.search(r"\(\+[\d.]+ deviations\); plausible: \S+ to \S+ mg/day/1000\n", said)
    assert re.search(r"plausible: 0 to 0\.8\b.*\n", said)
    assert f"  {RULES['off_its_history'].remedy}" in said
    assert "and 42 more: --most 0 prints all." in said
    assert "more: --most" not in call("plausibility", "-w", here.folder, "--most", 0)
    one = call("plausibility", "-w", here.folder, "--rule", "off_its_history", "--site", "sim-05", "--format", "csv")
    assert one.splitlines()[0] == ",".join(TABLES["plausibility"].columns)
    assert one.splitlines()[1].startswith("off_its_history,sim-05,2023-09-14,4,2023,mdma,51.5")
    assert "Nothing is implausible." in call("plausibility", "-w", here.folder, "--rule", "flow_per_head")
    assert "'flow'; there are flow_per_head" in call("plausibility", "-w", here.folder, "--rule", "flow", code=2)
    assert "'nowhere'" in call("plausibility", "-w", here.folder, "--site", "nowhere", code=2)
    day = call("explain", "sim-05", "mdma", "2023-09-14", "-w", here.folder)
    assert re.search(r"\(off_its_history\): sim-05, 2023-09-14, mdma: .*\b51\.5 mg/day/1000", day)
    near = call("explain", "sim-05", "mdmaa", "2023-09-14", "-w", here.folder, code=2)
    assert re.search(r"'mdmaa'.*'mdma'", near)


def test_findings_cannot_rewrite_a_terminal_or_a_spreadsheet(workspace):
    """A site may be named anything: in the table, in CSV, and as an option."""
    site = "=S\u202e1\x9b2J"
    (workspace.inbox / "sites.csv").write_text(SITES.replace("S1", site), encoding="utf-8")
    text = HEAD + "".join(f"{site},2025-03-1{day},METH,<LOQ,ng/L,1,3,,\n" for day in range(7))
    (workspace.inbox / "may.csv").write_text(text, encoding="utf-8")
    publish(workspace)
    said = call("plausibility", "-w", workspace.folder)
    assert "    =S�1�2J, 2025, methamphetamine: 7 of 7 measurements of the year lie below their limits" in said
    assert "\u202e" not in said
    assert "\x9b" not in said
    as_csv = call("plausibility", "-w", workspace.folder, "--format", "csv")
    assert "\nmostly_below_limits,'=S" in as_csv
    assert site in json.loads(call("plausibility", "-w", workspace.folder, "--format", "json"))[0]["site_id"]


def test_status_has_no_csv(simulated_workspace):
    _, here = simulated_workspace
    assert "'csv' is not one of 'table', 'json'" in call("status", "-w", here.folder, "--format", "csv", code=2)


def test_demo_refuses_a_workspace_with_real_deliveries(workspace):
    shutil.rmtree(workspace.inbox)
    make_workspace(workspace.folder)
    (workspace.inbox / "may.csv").write_text(HEAD)
    assert "not simulated" in call("demo", "--workspace", workspace.folder, code=1)


def test_demo_refuses_to_mix_two_cities(workspace):
    from pipeline.simulation import simulate_city, write_deliveries

    write_deliveries(simulate_city(7), workspace.inbox)
    assert "another simulated city" in call("demo", "--workspace", workspace.folder, "--seed", "8", code=1)


def test_settings_that_would_overwrite_deliveries_are_refused(workspace):
    for line, said in {
        'site = "."': "'site' is the workspace itself",
        'site = "inbox"': "lies in",
        'site = "archive/pages"': "setting 'site' lies in 'archive'",
        f'site = "{workspace.folder.parent}"': "'site' is the workspace itself or above it",
        'protocol = "nope"': "there is no protocol 'nope'; there are euda, guizhou, half-loq, permille, statcan",
        'baseline = "spring"': "'spring' is no period: write 2023, 2023-Q1, 2023-03 or",
    }.items():
        (workspace.folder / "permille.toml").write_text(line + "\n")
        assert said in call("run", "--workspace", workspace.folder, code=1), line
    assert workspace.inbox.is_dir()


def test_periods_of_the_settings_that_cannot_be_compared_name_the_setting(simulated_workspace, monkeypatch):
    _, here = simulated_workspace
    monkeypatch.setenv("PERMILLE_CURRENT", "2023")
    assert re.search(r"'baseline'.*'current'.*\b2023\b", call("change", "-w", here.folder, code=1))
    monkeypatch.setenv("PERMILLE_CURRENT", "1999")
    assert re.search(r"'current': .*\b1999\b", call("change", "-w", here.folder, code=1))


def test_a_file_in_place_of_the_workspace_says_so(tmp_path):
    (tmp_path / "file").write_text("")
    assert "is a file: name a folder" in call("init", "--workspace", tmp_path / "file", code=1)


def test_a_warehouse_in_use_says_so(workspace):
    from pipeline.warehouse import Warehouse

    path = str(workspace.warehouse)
    hold = f"import duckdb, time; c = duckdb.connect({path!r}); print('held', flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", hold], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline().strip() == "held"
        try:
            assert "in use by another process" in call("run", "--workspace", workspace.folder, code=1)
        finally:
            process.kill()
    with Warehouse.open(workspace.warehouse):
        pass


def test_a_broken_published_copy_is_replaced_by_the_next_run(workspace):
    (workspace.inbox / "sites.csv").write_text(SITES)
    workspace.published.write_bytes(b"garbage" * 1000)
    call("run", "--workspace", workspace.folder)
    assert "nothing is lost" in call("status", "--workspace", workspace.folder)


def test_a_broken_warehouse_says_what_to_do_and_not_to_wait(tiny_copy):
    workspace = tiny_copy
    content = bytearray(workspace.warehouse.read_bytes())
    content[len(content) // 2 :] = b"\x55" * (len(content) - len(content) // 2)
    content[4096:12288] = b"\xaa" * 8192
    workspace.warehouse.write_bytes(content)
    said = call("run", "--workspace", workspace.folder, code=1)
    assert "Move it away and run again: it is rebuilt from archive/" in said
    assert "in use" not in said
    workspace.warehouse.unlink()
    call("run", "--workspace", workspace.folder)


def test_a_draft_of_a_profile_is_completed_by_a_person_and_reads_the_file(tmp_path):
    """From a file nobody has seen to canonical rows, by what the draft asks."""
    file, draft = tmp_path / "may.csv", tmp_path / "north.toml"
    file.write_text(
        "Results of May;;;\nPlant;Sampling date;METH (µg/L);氯胺酮 (ng/L)\nA;11.03.2025;0,005;<0,2\nA;31.03.2025;ND;0\n"
    )
    said = call("profile", "new", file, "--name", "north", "--output", draft)
    assert "qualifiers: what '0', '<#', 'ND' means." in said or "qualifiers: what '0', 'ND', '<#' means." in said
    text = draft.read_text()
    for line in ('separator = ";"', 'decimal = ","', 'date_formats = ["%d.%m.%Y"]', "header_row = 2",
                 "is_unit_in_header = true", '"氯胺酮 (ng/L)" = "ketamine"'):  # fmt: skip
        assert line in text
    assert "already" in call("profile", "new", file, "--output", draft, code=1)
    assert "4 rows = 1 accepted + 3 quarantined" in call("profile", "test", draft, file, code=3)
    for word, meaning in (("ND", "<LOD"), ("<#", "<LOQ"), ("0", "not measured")):
        text = text.replace(f'"{word}" = "quarantine"', f'"{word}" = "{meaning}"')
    draft.write_text(text)
    said = call("profile", "test", draft, file)
    assert "4 rows = 4 accepted + 0 quarantined" in said
    assert "C3" in said
    assert "2025-03-31" in said


def test_a_draft_of_what_is_no_table_says_so(tmp_path):
    (tmp_path / "a.pdf").write_bytes(b"%PDF-1.7")
    assert "it is a PDF" in call("profile", "new", tmp_path / "a.pdf", code=1)
    (tmp_path / "a.csv").write_text("x,y\n1,2\n")
    assert "No table was found" in call("profile", "new", tmp_path / "a.csv")
    assert "is no name of a profile" in call("profile", "new", tmp_path / "a.csv", "--name", "A B", code=2)


@pytest.mark.parametrize(
    "name", ["bergen-point/bergen-point-drugs.xlsx", "korea/korea_daily_loads.csv", "euda/ww2025-site-info-table.csv"]
)
def test_a_draft_of_real_files_is_a_profile_once_it_is_filled_in(tmp_path, name):
    text = call("profile", "new", shared(name), "--name", "x").split("\nTo decide")[0]
    text = text.replace('unit = "FILL IN"', 'unit = "ng/L"').replace('"FILL IN"', '"census"')
    before, results, after = text.partition('table = "results"')
    if results and "sampled_on" not in after:
        after = after.replace("[tables.columns]", '[tables.columns]\nsampled_on = "Day"')
    text = before + results + after
    (tmp_path / "x.toml").write_text(text)
    assert load_profile(tmp_path / "x.toml").tables


def test_a_folder_without_a_name_makes_no_workspace(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "names no folder" in call("init", "-w", "", code=2)
    assert not list(tmp_path.iterdir())


def test_init_of_a_workspace_that_is_there_says_so(workspace):
    assert "it was there already" in call("init", "-w", workspace.folder)


def test_a_published_copy_that_is_none_is_told_by_every_command(workspace, tmp_path):
    workspace.published.write_text("garbage")
    (tmp_path / "may.csv").write_text(HEAD)
    for command in (["check", tmp_path / "may.csv"], ["status"], ["change"]):
        assert "cannot be opened" in call(*command, "-w", workspace.folder, code=1)


def test_a_mistyped_variable_or_setting_is_no_silent_default(workspace, monkeypatch):
    monkeypatch.setenv("PERMILLE_BASLINE", "2023")
    assert "PERMILLE_BASLINE is no setting (perhaps PERMILLE_BASELINE); there are" in call(
        "run", "-w", workspace.folder, code=1
    )
    monkeypatch.delenv("PERMILLE_BASLINE")
    for line, said in {
        "titel = 1": "there is no setting 'titel' (perhaps title); there are",
        "baseline = 2023": 'baseline = "2023"',
    }.items():
        (workspace.folder / "permille.toml").write_text(line + "\n")
        assert said in call("run", "-w", workspace.folder, code=1)


def test_an_empty_workspace_says_what_was_not_delivered(workspace):
    publish(workspace)
    assert "Not delivered yet: sites, populations, flows, results." in call("status", "-w", workspace.folder)
    said = call("change", "-w", workspace.folder, "--baseline", "2023", "--current", "2024", code=1)
    assert "there is no estimate yet" in said
