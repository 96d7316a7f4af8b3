"""An office's own protocols: what is wrong is told before anything is taken in, and beside figures that are older."""

import polars as pl
import pytest

from schemas.protocol import SHIPPED
from schemas.reference_data import load_factors
from tests.conftest import lay
from tests.test_command_line import call

OWN = (SHIPPED / "permille.toml").read_text(encoding="utf-8").replace('"permille"', '"ours"', 1)


def test_a_protocol_that_cannot_be_used_is_told_before_anything_is_taken_in(city):
    (city.protocols / "ours.toml").write_text(OWN.replace("min_detects", "min_detect"))
    lay(city, "more.csv", "site_id,site_name\nS4,New\n")
    said = call("run", "-w", city.folder, code=1)
    assert "field 'min_detect': there is no such field: write min_detects if that is meant" in said
    assert "more.csv" not in said
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize(
    "command",
    [("change",), ("levels",), ("totals",), ("status",), ("factors", "diff", "2026", "older"),
     ("explain", "S1", "cocaine", "--period", "2024"), ("history", "S1", "methamphetamine", "2024-03-04")],
)  # fmt: skip
def test_figures_beside_a_broken_file_are_told_to_be_of_the_last_good_run(city, command):
    assert "Warning" not in call(*command, "-w", city.folder)
    (city.protocols / "ours.toml").mkdir()
    said = call(*command, "-w", city.folder)
    assert "Warning: " in said
    assert "ours.toml: this is a folder" in said
    assert "what is shown is of the last good run" in said


def test_a_set_for_comparison_serves_no_protocol(city):
    (city.protocols / "ours.toml").write_text(OWN.replace('factor_set = "2026"', 'factor_set = "korea"'))
    said = call("run", "-w", city.folder, code=1)
    assert "field 'factor_set': 'korea' knows a few drugs only" in said
    assert "write one of 2026, australia, highest-fractions, lowest-fractions, older." in said


def test_a_run_tells_what_own_files_take_the_place_of_and_which_drugs_they_leave_out(city):
    (city.protocols / "headline.toml").write_text(OWN.replace('"ours"', '"permille"', 1))
    (city.protocols / "ours.toml").write_text(OWN.replace('factor_set = "2026"', 'factor_set = "few"'))
    kept = load_factors().filter(pl.col("drug") != "cocaine").with_columns(factor_set=pl.lit("few"))
    kept.write_csv(city.factors / "few.csv")
    (city.factors / "doses-few.csv").write_text("factor_set,drug,dose_mg,evidence,dose_status,source\n")
    said = call("run", "-w", city.folder)
    assert "protocol permille: that of your headline.toml takes the place of the shipped one" in said
    assert "protocol ours (ours.toml): factor set few computes no cocaine: there will be no figures of these" in said


def test_a_mistyped_setting_names_the_nearest(city, monkeypatch):
    (city.folder / "permille.toml").write_text('protocoll = "euda"\n')
    assert "there is no setting 'protocoll' (perhaps protocol)" in call("status", "-w", city.folder, code=1)
    (city.folder / "permille.toml").write_text("")
    monkeypatch.setenv("PERMILLE_BASLINE", "2023")
    said = call("status", "-w", city.folder, code=1)
    assert "PERMILLE_BASLINE is no setting (perhaps PERMILLE_BASELINE)" in said
