"""`permille change` reads stored rows where the last run compared the periods asked for: as if computed now."""

from itertools import product

import pytest
from polars.testing import assert_frame_equal
from typer.testing import CliRunner

import permille
from pipeline import changes, credibility
from pipeline.warehouse import Warehouse

pytestmark = pytest.mark.xdist_group("stored changes")  # what its tests share is made once

PERIODS = ("2023", "2024")
runner = CliRunner()


@pytest.fixture(scope="module")
def computed(published) -> credibility.Judged:
    """The comparison of the settings, computed anew."""
    with Warehouse.open(published.published, read_only=True) as warehouse:
        return credibility.judged(warehouse, changes.between(warehouse, *PERIODS))


def said(workspace, *arguments) -> str:
    result = runner.invoke(permille.app, ["change", "-w", str(workspace.folder), *arguments])
    assert result.exit_code == 0, result.output
    return result.output


def test_stored_rows_are_those_computed_now_in_the_same_order(published, computed):
    with Warehouse.open(published.published, read_only=True) as warehouse:
        stored = credibility.of_periods(warehouse, *PERIODS)
    assert not stored.changes.is_empty()
    assert_frame_equal(stored.changes, computed.changes, check_exact=True)
    assert_frame_equal(stored.credibility, computed.credibility, check_exact=True)


def test_every_format_and_level_says_the_same_as_computed_now(published, computed, monkeypatch):
    asked = [
        ("--format", form, "--level", level, *protocol)
        for (form, level), protocol in zip(
            product(("table", "csv", "json", "sentence"), ("network", "area", "site")),
            [("--protocol", "all"), ("--protocol", "statcan"), ()] * 4,
            strict=True,
        )
    ]
    monkeypatch.setattr(changes, "between", None)  # nothing is compared anew
    monkeypatch.setattr(credibility, "between", None)
    by_stored = [said(published, *arguments) for arguments in asked]
    monkeypatch.setattr(credibility, "of_periods", lambda warehouse, *periods: computed)
    assert [said(published, *arguments) for arguments in asked] == by_stored
    assert len(set(by_stored)) == len(asked)


def test_other_periods_are_compared_now(published):
    weeks = ("--baseline", "2023-03-04..2023-03-06", "--current", "2024-03-04..2024-03-06")
    assert "2023-03-04..2023-03-06" in said(published, *weeks, "--format", "csv")
