"""The command that makes a brief: of which place and drugs, into which file, by which browser."""

import re
import stat
from pathlib import Path

import pytest

from tests import browser
from tests.test_command_line import call


def cells(page: str) -> dict[str, list[str]]:
    """The cells of each drug's row, without marks of any kind."""
    found = {}
    for row in re.findall(r"<tr class=.*?</tr>", page, re.S):
        told = [
            re.sub(r"\s+", " ", re.sub("<[^>]*>", "", cell)) for cell in re.findall(r"<t[hd].*?</t[hd]>", row, re.S)
        ]
        found[re.search("<bdi>(.*?)</bdi>", row).group(1)] = told
    return found


@pytest.fixture
def here(simulated_workspace, tmp_path, monkeypatch):
    """The simulated workspace, and an empty folder to write into."""
    monkeypatch.chdir(tmp_path)
    return simulated_workspace[1].folder


def test_a_brief_of_a_place_says_what_the_change_says(here, tmp_path):
    assert call("brief", "-w", here, "--output", "all.html") == "Brief: all.html\n"
    rows = cells((tmp_path / "all.html").read_text(encoding="utf-8"))
    table = call("change", "-w", here)
    for name, drug in (("Methamphetamine", "methamphetamine"), ("Cocaine", "cocaine")):
        (line,) = [line for line in table.splitlines() if line.startswith(f"{drug} ")]
        assert [part for part in rows[name][2:4] if part not in line] == []
        assert rows[name][5].replace("\xa0", " ") in line
    assert rows["Methamphetamine"][6] == "fall"
    first = (tmp_path / "all.html").read_bytes()
    call("brief", "-w", here, "--output", "all.html")
    assert (tmp_path / "all.html").read_bytes() == first
    assert [file.name for file in tmp_path.iterdir()] == ["all.html"]


def test_a_place_is_known_by_id_and_name_and_drugs_are_chosen(here, tmp_path):
    for place, title in (("sim-01", "Old Town East"), ("old town east", "Old Town East"), ("Hills 山区", "Hills 山区")):
        call("brief", place, "-w", here, "--drug", "Cocaine", "--drug", "mdma", "--output", "one.html")
        page = (tmp_path / "one.html").read_text(encoding="utf-8")
        assert f"<h1><bdi>{title}</bdi></h1>" in page
        assert set(cells(page)) <= {"Cocaine", "MDMA"}
    said = call("brief", "sim-city", "-w", here, "--output", "one.html")
    assert "holds every site: this is the brief of all sites" in said
    assert "<h1><bdi>All sites</bdi></h1>" in (tmp_path / "one.html").read_text(encoding="utf-8")


def test_what_is_not_there_is_told_with_what_there_is(here, tmp_path):
    said = call("brief", "Old Town Eas", "-w", here, code=2)
    assert "there is no site or area 'Old Town Eas' here (perhaps 'Old Town East'); there are: site sim-01" in said
    assert "there is no site or area '' here" in call("brief", "", "-w", here, code=2), "a variable that is not set"
    assert "there is no drug 'cocain' here (perhaps 'cocaine')" in call("brief", "-w", here, "--drug", "cocain", code=2)
    assert "there is no protocol 'mine'; there are euda" in call("brief", "-w", here, "--protocol", "mine", code=2)
    assert "is no period" in call("brief", "-w", here, "--baseline", "spring", code=2)
    assert "no data in the period 1999" in call("brief", "-w", here, "--baseline", "1999", code=1)
    assert "write a name that ends in .pdf or .html" in call("brief", "-w", here, "--output", "brief.doc", code=2)
    assert "there is no folder" in call("brief", "-w", here, "--output", "none/brief.pdf", code=2)
    assert "--browser nowhere is no program" in call("brief", "-w", here, "--browser", "nowhere", code=2)
    assert list(tmp_path.iterdir()) == []


def test_other_periods_and_protocols_are_computed_and_said_not_to_be_on_the_pages(here, tmp_path):
    asked = ("--baseline", "2024-Q1", "--current", "2025-Q1")
    call("brief", "-w", here, *asked, "--output", "q.html")
    page = (tmp_path / "q.html").read_text(encoding="utf-8")
    assert "2025-Q1 against 2024-Q1" in page
    assert "This comparison is not on the pages" in page
    (line,) = [line for line in call("change", "-w", here, *asked).splitlines() if line.startswith("ketamine ")]
    assert cells(page)["Ketamine"][5].replace("\xa0", " ") in line
    call("brief", "-w", here, "--protocol", "euda", "--output", "q.html")
    page = (tmp_path / "q.html").read_text(encoding="utf-8")
    assert cells(page)["Ketamine"][5] == "no interval"
    assert "Residue loads rest on no factor" in page


def test_without_a_browser_the_page_is_written_and_the_way_to_paper_told(here, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    said = call("brief", "sim-01", "-w", here, "--language", "zh", code=1)
    assert "there is no browser to make a PDF with (looked for chromium, chromium-browser" in said
    assert "The page is in brief-site-sim-01-zh.html: open it in any browser and print it on A4" in said
    assert '<html lang="zh-Hans">' in (tmp_path / "brief-site-sim-01-zh.html").read_text(encoding="utf-8")
    assert not Path("brief-site-sim-01-zh.pdf").exists()


def test_a_browser_that_fails_is_told_and_the_page_is_kept(here, tmp_path):
    broken = tmp_path / "broken"
    broken.write_text("#!/bin/sh\necho no display >&2; exit 3\n")
    broken.chmod(broken.stat().st_mode | stat.S_IXUSR)
    said = call("brief", "-w", here, "--browser", broken, code=1)
    assert "ended with code 3. It said: no display. The page is in brief-network-en.html" in said
    assert sorted(file.name for file in tmp_path.iterdir()) == ["brief-network-en.html", "broken"]


def test_a_brief_that_takes_more_sheets_says_so(here, tmp_path):
    two = tmp_path / "two"
    two.write_text(
        '#!/bin/sh\nfor a in "$@"; do case "$a" in --print-to-pdf=*) out="${a#*=}";; esac; done\n'
        'printf "%%PDF-1.4 /Type /Page /Type /Page " > "$out"\n'
    )
    two.chmod(two.stat().st_mode | stat.S_IXUSR)
    said = call("brief", "-w", here, "--browser", two)
    assert "Brief: brief-network-en.pdf" in said
    assert "it takes 2 sheets: ask for fewer drugs" in said


@pytest.mark.skipif(browser.BROWSER is None, reason=browser.WHY_NOT)
@pytest.mark.xdist_group("browser")
@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_brief_of_the_simulated_city_is_one_sheet(here, tmp_path, language):
    said = call("brief", "-w", here, "--language", language, "--browser", browser.BROWSER)
    assert said == f"Brief: brief-network-{language}.pdf\n", "no warning of more sheets"
    assert (tmp_path / f"brief-network-{language}.pdf").read_bytes().startswith(b"%PDF-")
