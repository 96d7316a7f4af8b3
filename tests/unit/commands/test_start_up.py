"""Commands that read load no library that only a run uses: importing it takes longer than what they do."""

import json
import subprocess
import sys

HEAVY = ("dagster", "scipy.stats", "ruptures", "plotly")
PROBE = """
import json, sys
from typer.testing import CliRunner
import permille

loaded = {}
for arguments in json.loads(sys.argv[1]):
    done = CliRunner().invoke(permille.app, arguments)
    assert done.exit_code == 0, (arguments, done.output)
    loaded[arguments[0]] = [name for name in json.loads(sys.argv[2]) if name in sys.modules]
print(json.dumps(loaded))
"""


def test_reading_commands_load_nothing_that_only_a_run_uses(published):
    commands = [
        ["check", str(published.inbox / "results.csv")], ["status"], ["plausibility"], ["levels"], ["totals"],
        ["change", "--format", "sentence"], ["credibility"], ["targets"], ["trend", "--drug", "cocaine"],
        ["explain", "S1", "cocaine", "2024-03-05"], ["history", "S1", "benzoylecgonine", "2024-03-05"],
        ["sites", "questions"], ["factors", "list"],
    ]  # fmt: skip
    asked = [[*command, *([] if command[0] == "factors" else ["-w", str(published.folder)])] for command in commands]
    done = subprocess.run(
        [sys.executable, "-c", PROBE, json.dumps(asked), json.dumps(HEAVY)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {command[0]: [] for command in commands}
