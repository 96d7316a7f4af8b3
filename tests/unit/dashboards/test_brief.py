"""The brief: one page of A4 whatever is on it, no number without its interval and verdict, and safe to print."""

import re
import stat
import time
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from dashboards import brief as briefs
from dashboards import datasets, printing
from dashboards.brief import MOST_DRUGS, brief
from dashboards.edition import NETWORK, Comparison, Edition
from dashboards.languages import LANGUAGES
from dashboards.printing import PrintError, print_page, sheets
from tests import browser
from tests.unit.dashboards.conftest import city, factor, judged_city, rows_of, target, write_warehouse
from tests.unit.dashboards.test_pages import HOSTILE, Outline

A4_CONTENT_MM = 277
"""What the margins of the style leave of the height of a sheet."""
PIXELS_PER_MM = 96 / 25.4
in_browser = [
    pytest.mark.skipif(browser.BROWSER is None, reason=browser.WHY_NOT),
    pytest.mark.xdist_group("browser"),
]


def made(
    folder: Path, tables, *, place=NETWORK, language="en", protocol="permille", title="Drugs in wastewater", **asked
) -> str:
    """The brief of a place, from tables."""
    database = folder / "brief.duckdb"
    if not database.exists():
        write_warehouse(database, tables)
    with datasets.published(database) as connection:
        edition = Edition(connection, protocol=protocol, title=title, main=Comparison("2023", "2025"))
    (at,) = [found for found in edition.places if found.key == place]
    return brief(edition, at, language, **asked)


def crowd(n_drugs: int, name: str = "drug {n:02d}"):
    """A judged city with so many drugs, each with all that a row can say."""
    tables = judged_city()
    told = pl.col("state") == "estimated"
    tables["changes"] = tables["changes"].with_columns(
        credibility=pl.when(told).then(pl.lit("stands with reservations"))
    )
    about = ("changes", "site_periods", "area_periods", "consumption")
    for table in about:
        one = tables[table].filter(pl.col("drug") == "methamphetamine")
        copies = [one.with_columns(drug=pl.lit(f"d{n:02d}"), residue=pl.lit(f"d{n:02d}")) for n in range(n_drugs)]
        if table == "changes":
            copies = [
                part.with_columns(drug_name=pl.lit(name.format(n=n)), change_percent=pl.col("change_percent") - n / 100)
                for n, part in enumerate(copies)
            ]
        tables[table] = pl.concat(copies)
    factors = [{**factor("mdma"), "drug": f"d{n:02d}", "residue": f"d{n:02d}"} for n in range(n_drugs)]
    named = [{**row, "drug_name": name.format(n=n), "drug_name_zh": name.format(n=n)} for n, row in enumerate(factors)]
    tables["factors"] = rows_of("factors", named)
    return tables


def hostile_place():
    """A city whose sites and areas have names of 300 characters that try to break out, and whose sources do too."""
    name = f"{HOSTILE}\u202e\u2067" + "W" * 300
    tables = crowd(14, name="<b>W\u202e{n:02d}" + "W\ufdfd" * 150)
    evil = pl.lit(name)
    tables["deliveries"] = tables["deliveries"].with_columns(sender=evil, source=evil, licence=evil)
    tables["sites"] = tables["sites"].with_columns(site_name=evil)
    tables["areas"] = tables["areas"].with_columns(area_name=evil)
    tables["area_periods"] = tables["area_periods"].with_columns(unit_name=evil)
    tables["changes"] = tables["changes"].with_columns(unit_name=evil)
    promised = [
        target(n + 1, target_name=name, level=level, unit_id=unit, unit_name=name, drug=f"d{n % 4:02d}")
        for n, (level, unit) in enumerate([("network", "network"), ("area", "a00"), ("site", "s001")] * 4)
    ]
    tables["targets"] = rows_of("targets", promised)
    return tables


def nothing_told():
    """A city in which no drug could be told."""
    return city(none_estimable=("methamphetamine", "ketamine", "cocaine", "mdma"), is_simulated=False)


def rows_of_page(page: str) -> list[list[str]]:
    """The words of each cell of the table's rows."""
    body = re.search(r"<tbody>.*</tbody>", page, re.S).group()
    return [
        [Outline(cell).text.strip() for cell in re.findall(r"<t[hd].*?</t[hd]>", row, re.S)]
        for row in re.findall(r"<tr.*?</tr>", body, re.S)
    ]


def test_a_brief_says_place_periods_age_and_each_change_with_its_interval_and_verdict(tmp_path):
    page = made(tmp_path, judged_city())
    text = Outline(page).text.replace("\xa0", " ")
    for part in ("Drugs in wastewater", "All sites", "2025 against 2023", "8 sites", "Newest sample: 2025-12-28",
                 "4 drugs from 2023 to 2025", "Data received up to 2026-01-05", "CC BY 4.0", "Northern laboratory",
                 "Protocol Permille: consumption", "MDMA – More days lie below their limits"):  # fmt: skip
        assert part in text, part
    rows = {row[0].split()[0]: [cell.replace("\xa0", " ") for cell in row] for row in rows_of_page(page)}
    assert list(rows) == ["Methamphetamine", "Ketamine", "Cocaine"], "what is told first, the largest before others"
    assert rows["Methamphetamine"][2:] == [
        "309", "160", "▼ down 48 %", "−56 % to −39 %", "fall", "not tested", "12 %", "8",
    ]  # fmt: skip
    assert rows["Cocaine"][4:8] == ["= down 12 %", "−20 % to −2.6 %", "no change detected", "–"]
    assert "provisional factor" in rows["Methamphetamine"][0]
    assert "provisional" not in rows["Cocaine"][0]
    assert "Methamphetamine per 1000 people is down 48 % (39 to 56) on 2023 in 2025, over the same 8 catchments" in text


def test_what_was_promised_there_is_told_in_a_line_each(tmp_path):
    tables = judged_city()
    tables["targets"] = rows_of("targets", [
        target(1, is_provisional=True), target(2, target_name="By EUDA", protocol="euda"),
        target(8, target_name="Of another year", current_period="2024"),
        target(3, target_name="Of a site", level="site", unit_id="s001", unit_name="Plant 2", drug="cocaine"),
        target(4, drug="cocaine", outcome=None, pace=None, ci_low_percent=None, ci_high_percent=None),
        target(5, drug="mdma", state="not estimable", reason="below_limits", change_percent=None),
        target(6, drug="ketamine", credibility="not supported", deadline=date(2025, 1, 1)), target(7),
    ])  # fmt: skip
    said = Outline(made(tmp_path, tables)).text.replace("\xa0", " ")
    for line in (
        "Plan 2027: Methamphetamine, down 60 % on 2023 by 2027-12-31 – not met, undecided whether on track: down 48 %",
        "down 48 % (39 to 56) in 2025 (provisional factor).",
        "Plan 2027: Cocaine, down 60 % on 2023 by 2027-12-31 – not told without an interval: down 48 % in 2025.",
        "Plan 2027: MDMA, down 60 % on 2023 by 2027-12-31 – cannot be told.",
        "Further targets, which “permille targets” tells: 4.",
    ):
        assert line in said, said
    for elsewhere in ("By EUDA", "Of another year", "Of a site"):
        assert elsewhere not in said
    assert "Of a site: Cocaine at Plant 2, down" in Outline(
        made(tmp_path, tables, place=("site", "s001"))
    ).text.replace("\xa0", " ")
    only = Outline(made(tmp_path, tables, drugs=["ketamine"])).text.replace("\xa0", " ")
    assert "not met, the deadline has passed, the change is not supported: down" in only
    assert "Methamphetamine, down 60" not in only


def test_no_change_stands_without_its_interval_and_verdict(tmp_path):
    """Also by a protocol that has neither: then it says so."""
    for number, (tables, protocol) in enumerate(((judged_city(), "permille"), (city(), "euda"))):
        (folder := tmp_path / str(number)).mkdir()
        page = made(folder, tables, protocol=protocol)
        for row in rows_of_page(page):
            assert re.search("down|up|unchanged", row[4])
            assert re.search(r" to |no interval", row[5])
            assert re.search(r"fall|rise|no change detected|none", row[6])
        lead = Outline(re.search(r'<p class="lead">.*?</p>', page, re.S).group()).text
        assert "%" not in lead
    assert "This protocol has no interval of a change" in lead
    assert "none (class: decrease)" in Outline(page).text
    assert "within ±10\xa0% is called stable" in Outline(page).text.replace(" %", "\xa0%")


@pytest.mark.parametrize("language", LANGUAGES)
def test_two_briefs_are_the_same_text_and_none_has_a_script(tmp_path, language):
    one, two = (made(tmp_path, judged_city(), language=language) for _ in range(2))
    assert one == two
    outline = Outline(one)
    assert not [tag for tag, _ in outline.tags if tag in ("script", "img", "link", "iframe")]
    assert not [tag for tag, attributes in outline.tags if "style" in attributes or "src" in attributes]
    (policy,) = [attributes["content"] for _, attributes in outline.tags if "http-equiv" in attributes]
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline';")
    assert "script-src" not in policy


def test_every_word_of_a_chinese_brief_is_chinese(tmp_path):
    tables = judged_city()
    tables["deliveries"] = tables["deliveries"].with_columns(
        sender=pl.lit("北方"), source=pl.lit("周测"), licence=pl.lit("公开")
    )
    page = made(tmp_path, tables, language="zh", title="污水", is_on_pages=False)
    page += made(tmp_path, tables, language="zh", title="污水", place=("area", "a00"))
    page += made(tmp_path, tables, language="zh", title="污水", place=("site", "s001"))
    page += made(tmp_path, tables, language="zh", title="污水", protocol="euda")
    said = Outline(re.sub(r"<style>.*?</style>", "", page, flags=re.S)).text
    said += " ".join(re.findall(r'aria-label="([^"]*)"', page))
    own = {"Permille", "permille", "change", "credibility", "EUDA", "SCORE", "euda", "District", "Plant", "ng"}
    assert set(re.findall(r"[A-Za-z]{2,}", said)) <= own


def test_simulated_data_are_marked_and_real_ones_are_not(tmp_path):
    page = made(tmp_path, judged_city())
    assert 'class="watermark"' in page
    assert "say nothing about any real place" in page
    assert "<title>SIMULATED DATA" in page
    (real := tmp_path / "real").mkdir()
    assert "SIMULATED" not in made(real, city(is_simulated=False))
    (mixed := tmp_path / "mixed").mkdir()
    tables = judged_city()
    tables["changes"] = tables["changes"].with_columns(is_simulated=pl.col("drug") == "ketamine")
    page = made(mixed, tables)
    assert "Simulated and real rows are mixed" in page
    assert {row[0].split()[0] for row in rows_of_page(page) if "simulated" in row[0]} == {"Ketamine"}


def test_what_has_no_room_is_named(tmp_path):
    page = made(tmp_path, crowd(15))
    shown = [row[0][:7] for row in rows_of_page(page)]
    assert 6 <= len(shown) <= MOST_DRUGS
    (note,) = re.findall(r'<p class="note">(.*?)</p>', page)
    assert f"Without room among the {len(shown)} drugs of this page" in note
    named = re.findall(r"Drug \d\d", note)
    assert sorted(shown + named) == [f"Drug {n:02d}" for n in range(15)]


def test_only_the_drugs_asked_for_stand_there(tmp_path):
    text = Outline(made(tmp_path, judged_city(), drugs=["cocaine", "mdma"])).text
    assert "2 drugs from 2023 to 2025" in text
    assert "Ketamine" not in text
    assert "MDMA – More days" in text


def test_headlines_rest_on_no_experimental_factor_and_what_is_not_supported_comes_last(tmp_path):
    tables = judged_city()
    tables["factors"] = tables["factors"].with_columns(
        factor_status=pl.when(pl.col("drug") == "methamphetamine")
        .then(pl.lit("experimental"))
        .otherwise("factor_status")
    )
    tables["changes"] = tables["changes"].with_columns(
        verdict=pl.when(pl.col("drug") == "cocaine").then(pl.lit("fall")).otherwise("verdict"),
        credibility=pl.when(pl.col("drug") == "ketamine").then(pl.lit("not supported")),
    )
    page = made(tmp_path, tables)
    sentences = re.findall(r"<li>(.*?)</li>", re.search(r'<ul class="sentences">.*?</ul>', page, re.S).group())
    assert [re.search("Methamphetamine|Ketamine|Cocaine", said).group() for said in sentences] == [
        "Cocaine",
        "Ketamine",
    ]
    assert "experimental factor" in page, "in the table it stands, marked"


def test_limits_alone_are_told_where_they_say_which_way_it_went(tmp_path):
    tables = judged_city()
    is_gone = pl.col("drug") == "mdma"
    tables["changes"] = tables["changes"].with_columns(
        by_limits_low_percent=pl.when(is_gone).then(-100.0), by_limits_high_percent=pl.when(is_gone).then(-97.6)
    )
    assert "By the limits alone between −100\xa0% and −98\xa0%" in made(tmp_path, tables).replace(" to ", " and ")
    (other := tmp_path / "other").mkdir()
    tables["changes"] = tables["changes"].with_columns(by_limits_high_percent=pl.when(is_gone).then(800.0))
    assert "limits alone" not in made(other, tables)


def test_where_nothing_could_be_told_the_page_says_why_and_explains_no_table(tmp_path):
    text = Outline(made(tmp_path, nothing_told())).text
    assert "4 drugs from 2023 to 2025: 4 not estimable." in text
    assert "Cocaine, Ketamine, MDMA, Methamphetamine – More days lie below" in text
    assert "How to read" not in text
    assert "What it rests on" in text


def test_where_nothing_was_compared_there_is_no_brief(tmp_path):
    tables = judged_city()
    tables["changes"] = tables["changes"].filter(pl.col("level") != "site")
    with pytest.raises(ValueError, match="nothing was compared at Plant 2"):
        made(tmp_path, tables, place=("site", "s001"))


def test_hostile_texts_stay_texts(tmp_path):
    for place in (("network", "network"), ("area", "a00"), ("site", "s001")):
        page = made(tmp_path, hostile_place(), place=place, title=HOSTILE * 9)
        outline = Outline(page)
        assert not [tag for tag, _ in outline.tags if tag in ("script", "img", "b")]
        assert not [name for _, attributes in outline.tags for name in attributes if name.startswith("on")]
        assert not re.search("[\u202a-\u202e\u2066-\u2069]", page)
    assert "<script>alert(1)" in outline.text
    assert "…" in outline.text, "what was cut shows it"


def test_a_name_is_cut_by_the_room_it_takes():
    assert briefs._shortened("methamphetamine", 34) == "methamphetamine"
    for text in ("W" * 300, "毒" * 300, "\ufdfd" * 300, "a" * 300):
        assert briefs._width(briefs._shortened(text, 50)) <= 50
        assert briefs._shortened(text, 50).endswith("…")


def test_a_line_of_the_trend_is_told_in_words(tmp_path):
    page = made(tmp_path, judged_city())
    labels = re.findall(r'<svg class="spark"[^>]*role="img" aria-label="([^"]*)"', page)
    assert labels[0].startswith("Methamphetamine, quarterly means: ")
    assert re.search(r": [\d.]+ mg/day/1000 in 2022-Q1, [\d.]+ in 2025-Q4\.$", labels[0])
    assert len(labels) == 3


KINDS = {
    "network": (judged_city, NETWORK, "permille"),
    "area": (judged_city, ("area", "a00"), "permille"),
    "site": (judged_city, ("site", "s001"), "permille"),
    "without intervals": (lambda: crowd(14), NETWORK, "euda"),
    "fourteen drugs": (lambda: crowd(14), ("area", "a00"), "permille"),
    "long names": (lambda: crowd(14, name="{n:02d} 3,4-METHYLENEDIOXYMETHAMPHETAMINE 毒"), NETWORK, "permille"),
    "hostile": (hostile_place, ("site", "s001"), "permille"),
    "nothing told": (nothing_told, NETWORK, "permille"),
}


@pytest.fixture(scope="module")
def window():
    with browser.opened() as opened:
        yield opened


@pytest.mark.parametrize("kind", KINDS)
class TestInBrowser:
    pytestmark = in_browser

    @pytest.mark.parametrize("language", LANGUAGES)
    def test_a_brief_fits_on_one_page(self, tmp_path, window, kind, language):
        tables, place, protocol = KINDS[kind]
        file = tmp_path / "brief.html"
        file.write_text(made(tmp_path, tables(), place=place, protocol=protocol, language=language), encoding="utf-8")
        with browser.visiting(window, width=round(182 * PIXELS_PER_MM)) as visit:
            visit.page.emulate_media(media="print")
            visit.page.goto(file.as_uri())
            height = visit.page.evaluate("document.body.getBoundingClientRect().height") / PIXELS_PER_MM
            assert 60 < height <= A4_CONTENT_MM
            assert visit.overflow == 0
            # No word reaches out of its cell into the next one.
            out = "[...document.querySelectorAll('td, th')].filter(cell => cell.scrollWidth > cell.clientWidth + 1)"
            assert visit.page.evaluate(f"{out}.map(cell => cell.textContent)") == []
            assert sheets(visit.page.pdf(prefer_css_page_size=True)) == 1
            assert visit.complaints == []
            assert visit.asked_elsewhere == []


@pytest.mark.skipif(browser.BROWSER is None, reason=browser.WHY_NOT)
@pytest.mark.xdist_group("browser")
class TestPrinted:
    def test_the_browser_makes_a_pdf_of_one_sheet(self, tmp_path):
        page = made(tmp_path, judged_city())
        assert print_page(page, tmp_path / "brief.pdf", Path(browser.BROWSER)) == 1
        content = (tmp_path / "brief.pdf").read_bytes()
        assert content.startswith(b"%PDF-")
        (box,) = set(re.findall(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", content))
        assert [round(float(side)) for side in box] == [595, 842], "A4, upright"
        assert {file.name for file in tmp_path.iterdir()} == {"brief.pdf", "brief.duckdb"}, "nothing is left behind"

    def test_sheets_are_counted(self, tmp_path):
        page = "<!doctype html><title>x</title>" + "<p style='break-after: page'>x" * 3
        assert print_page(page, tmp_path / "three.pdf", Path(browser.BROWSER)) >= 3

    def test_no_brief_has_an_obstacle_that_axe_finds(self, tmp_path, window):
        from axe_playwright_python.sync_playwright import Axe

        for language in LANGUAGES:
            file = tmp_path / f"{language}.html"
            file.write_text(made(tmp_path, judged_city(), language=language), encoding="utf-8")
            with browser.visiting(window) as visit:
                visit.page.goto(file.as_uri())
                found = Axe().run(visit.page, options={"preload": False})
                assert found.violations_count == 0, found.generate_report()

    def test_nothing_but_ink_is_needed(self, tmp_path, window):
        """Every colour of the page is a grey, and what is printed does not hang on backgrounds."""
        file = tmp_path / "brief.html"
        file.write_text(made(tmp_path, judged_city()), encoding="utf-8")
        colours = """[...document.querySelectorAll('*')].flatMap(element => {
            const style = getComputedStyle(element);
            return [style.color, style.fill, style.stroke, style.borderTopColor, style.backgroundColor];
        })"""
        with browser.visiting(window) as visit:
            visit.page.goto(file.as_uri())
            for colour in set(visit.page.evaluate(colours)) - {"none"}:
                red, green, blue = re.findall(r"\d+", colour)[:3]
                assert red == green == blue, colour


def fake_browser(folder: Path, script: str) -> Path:
    file = folder / "browser"
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(file.stat().st_mode | stat.S_IXUSR)
    return file


def test_a_browser_that_fails_is_told_with_its_last_lines_and_nothing_is_replaced(tmp_path):
    (target := tmp_path / "brief.pdf").write_bytes(b"the last one")
    broken = fake_browser(tmp_path, "for n in 1 2 3 4 5 6; do echo line $n >&2; done; exit 7")
    with pytest.raises(PrintError, match=r"ended with code 7\. It said: line 3 \| line 4 \| line 5 \| line 6"):
        print_page("x", target, broken)
    with pytest.raises(PrintError, match="wrote no PDF"):
        print_page("x", target, fake_browser(tmp_path, "exit 0"))
    with pytest.raises(PrintError, match="cannot be started"):
        print_page("x", target, tmp_path / "nowhere")
    assert target.read_bytes() == b"the last one"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["brief.pdf", "browser"]


def test_a_browser_that_does_not_end_is_ended_with_what_it_started(tmp_path):
    hanging = fake_browser(tmp_path, f"(sleep 30; touch {tmp_path}/late) & sleep 30")
    began = time.monotonic()
    with pytest.raises(PrintError, match=r"had not ended after 0\.5 seconds"):
        print_page("x", tmp_path / "brief.pdf", hanging, most_seconds=0.5)
    assert time.monotonic() - began < 10


def test_the_browser_is_asked_for_a_page_without_network_and_profile(tmp_path, monkeypatch):
    told = fake_browser(tmp_path, f'printf "%s\\n" "$@" > {tmp_path}/asked; exit 1')
    for user, is_root in ((0, True), (1000, False)):
        monkeypatch.setattr(printing.os, "geteuid", lambda user=user: user)
        with pytest.raises(PrintError):
            print_page("x", tmp_path / "brief.pdf", told)
        asked = (tmp_path / "asked").read_text().splitlines()
        assert ("--no-sandbox" in asked) == is_root
        assert {"--headless", "--no-pdf-header-footer", "--host-resolver-rules=MAP * ~NOTFOUND"} <= set(asked)
        assert [line for line in asked if line.startswith("--user-data-dir=")]
        assert asked[-1].startswith("file://")
