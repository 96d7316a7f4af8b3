"""A city of three sites for the words of the commands, published once: simulated, with what they have words for."""

import shutil
from datetime import date
from pathlib import Path

import pytest

from pipeline.settings import Workspace, make_workspace, open_workspace
from schemas.profile import SHIPPED
from tests.conftest import lay, publish

SITES = """site_id,site_name,area_id,population_method,share_aged_15_to_64
S1,Mill,A1,census,0.5
S2,Lake,A1,census,0.5
S3,Port,A2,NH4-N,
"""
DAYS = [date(year, 3, day) for year in (2023, 2024) for day in range(4, 11)]


def results() -> str:
    """Of S1 and S2 all residues, two replicates on the first day; MDMA below its limit; S3 with its ammonium."""
    head = "site_id,sampled_on,residue,concentration,unit,lod,loq,laboratory,batch,replicate\n"
    rows = []
    for n, day in enumerate(DAYS):
        for site in ("S1", "S2"):
            rows += [
                f"{site},{day},METH,{'<LOQ' if n % 7 > 4 else 100 + n},ng/L,3.3333333333333335,10,Lab,B,1",
                *([f"{site},{day},METH,140,ng/L,3.3333333333333335,10,Lab,B,2"] if n == 0 else []),
                f"{site},{day},BE,{300 + n},ng/L,1,3,Lab,B,1",
                f"{site},{day},etomidate acid,{10 + n},ng/L,1,3,Lab,B,1",
                f"{site},{day},AMP,{50 + n},ng/L,1,3,Lab,B,1",
                f"{site},{day},MDMA,<LOQ,ng/L,1,3,Lab,B,1",
            ]
        rows += [f"S3,{day},METH,{80 + n},ng/L,1,3,Lab,B,1", f"S3,{day},NH4-N,35,mg/L,,,Lab,B,1"]
    return head + "\n".join([*rows, "S2,2023-04-01,METH,99,ng/L,1,3,Lab,B,1"]) + "\n"


@pytest.fixture(scope="session")
def published(once) -> Workspace:
    """The city, published. Read it, do not change it."""
    return open_workspace(once("words", _publish))


def _publish(folder: Path) -> None:
    here = make_workspace(folder)
    profile = (SHIPPED / "permille-results.toml").read_text(encoding="utf-8")
    head, mark, rest = profile.partition("\n[")
    (here.profiles / "permille-results.toml").write_text(f"{head}\nis_simulated = true{mark}{rest}", encoding="utf-8")
    lay(here, "sites.csv", SITES)
    lay(here, "areas.csv", "area_id,area_name\nA1,Inner\nA2,Outer\n")
    lay(here, "people.csv", "site_id,population_method,population\nS1,census,2000\nS2,census,3000\n")
    flow = "".join(f"{site},{day},1000\n" for site in ("S1", "S2", "S3") for day in DAYS)
    lay(here, "flows.csv", "site_id,date,flow_m3_per_day\n" + flow)
    lay(here, "results.csv", results())
    publish(here)


@pytest.fixture
def city(published, tmp_path) -> Workspace:
    """A copy of it, to do with what a test likes."""
    shutil.copytree(published.folder, tmp_path / "city")
    return open_workspace(tmp_path / "city")
