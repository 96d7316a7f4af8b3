"""Control samples: what fails flags every result of its batch, and the flag travels to the estimates."""

import pytest

from pipeline.intake import take_in
from pipeline.warehouse import Warehouse
from tests.conftest import LOADS, estimate, lay

RESULTS = (
    "site_id,sampled_on,residue,concentration,unit,laboratory,batch\n"
    "S1,2025-03-11,METH,10,ng/L,Lab,B1\nS1,2025-03-11,KET,10,ng/L,Lab,B1\nS1,2025-03-12,METH,10,ng/L,Lab,B2\n"
    "S1,2025-03-13,METH,10,ng/L,Other,B1\n"
)
HEAD = "laboratory,batch,residue,control,value,loq\n"


@pytest.mark.parametrize(
    ("control", "flag"),
    [
        ("blank,3,3", None), ("blank,3.1,3", "blank_above_loq"), ("spike,70,", None), ("spike,69.9,", "spike_recovery"),
        ("spike,120.1,", "spike_recovery"), ("proficiency,2,", None), ("proficiency,-2.1,", "z_questionable"),
        ("proficiency,3,", "z_unsatisfactory"), ("proficiency,-3,", "z_unsatisfactory"),
    ],
)  # fmt: skip
def test_what_fails_flags_its_batch_and_residue(workspace, control, flag):
    lay(workspace, "sites.csv", "site_id,site_name\nS1,One\n")
    lay(workspace, "results.csv", RESULTS)
    lay(workspace, "controls.csv", f"{HEAD}Lab,B1,METH,{control}\n")
    take_in(workspace)
    with Warehouse.open(workspace.warehouse) as warehouse:
        estimate(warehouse, tables=LOADS)
        rows = warehouse.query("select sampled_on::varchar, residue, flags from loads order by all").rows()
    assert rows == [
        ("2025-03-11", "ketamine", None), ("2025-03-11", "methamphetamine", flag),
        ("2025-03-12", "methamphetamine", None), ("2025-03-13", "methamphetamine", None),
    ]  # fmt: skip


def test_a_control_that_names_no_residue_is_of_all_and_several_add_up(workspace):
    lay(workspace, "sites.csv", "site_id,site_name\nS1,One\n")
    lay(workspace, "results.csv", RESULTS)
    lay(workspace, "controls.csv", f"{HEAD}Lab,B1,,blank,9,3\nLab,B1,METH,spike,50,\nLab,B1,METH,blank,1,3\n")
    take_in(workspace)
    with Warehouse.open(workspace.warehouse) as warehouse:
        estimate(warehouse, tables=LOADS)
        rows = warehouse.query("select residue, flags from loads where sampled_on = '2025-03-11' order by all").rows()
    assert rows == [("ketamine", "blank_above_loq"), ("methamphetamine", "blank_above_loq spike_recovery")]


@pytest.mark.parametrize("control", ["blank,3,", "blank,-1,3", "spike,-5,"])
def test_a_control_that_says_too_little_is_held(judge_text, control):
    assert judge_text(f"{HEAD}Lab,B1,METH,{control}\n").quarantine["rule"].to_list() == ["control_incomplete"]
