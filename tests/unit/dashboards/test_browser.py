"""The pages in a real browser, from the disk and without a network: drawn, reachable, quiet, and usable by all."""

import csv
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from dashboards.languages import LANGUAGES
from dashboards.site import publish_site
from tests import browser
from tests.unit.dashboards.conftest import (
    QUESTION,
    city,
    judged_city,
    large_city,
    without_flows,
)
from tests.unit.dashboards.test_pages import hostile_city

pytestmark = [
    pytest.mark.skipif(browser.BROWSER is None, reason=browser.WHY_NOT),
    pytest.mark.xdist_group("browser"),  # one browser at a time
]

KINDS = (
    "index.html",
    "against/2024-to-2025.html",
    "drugs/cocaine.html",
    "drugs/mdma.html",
    "areas/a00.html",
    "sites/s001.html",
    "places.html",
    "compare.html",
    "quality.html",
    "methods.html",
    "restatements.html",
    "downloads.html",
    "about.html",
)
"""A page of each kind."""


BUNDLE = Path(__file__).parents[3] / ".bundle" / "plotly.min.js"
"""Where 'make bundle' lays the smaller drawing library."""
ONLY_VIOLATIONS = {"preload": False, "resultTypes": ["violations"]}
"""Options of axe: only violations are described in full."""


@pytest.fixture
def folder(build) -> Path:
    """The site of a judged city."""
    return build(judged_city())


@pytest.fixture(scope="module")
def window() -> Iterator[browser.Browser]:
    with browser.opened() as opened:
        yield opened


@pytest.fixture
def visit(window) -> Iterator[browser.Visit]:
    with browser.visiting(window) as visit:
        yield visit


def is_quiet(visit: browser.Visit) -> bool:
    assert visit.complaints == []
    assert visit.asked_elsewhere == []
    return True


def test_the_first_page_leads_to_the_language_of_the_reader(folder, window):
    for wanted, found in (("zh-CN", "zh"), ("de-DE", "en"), ("en-GB", "en")):
        context = window.new_context(locale=wanted)
        page = context.new_page()
        page.goto((folder / "index.html").as_uri())
        page.wait_for_url(f"**/{found}/index.html")
        context.close()


def test_without_a_script_the_first_page_lets_the_reader_choose_and_figures_have_their_tables(folder, window):
    context = window.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto((folder / "index.html").as_uri())
    page.get_by_role("link", name="简体中文").click()
    assert page.url.endswith("/zh/index.html")
    page.goto((folder / "en" / "drugs" / "cocaine.html").as_uri())
    page.get_by_text("The numbers in this figure: Cocaine").click()
    assert page.get_by_role("rowheader", name="2023-Q1").is_visible()
    assert page.get_by_text("Figures need JavaScript").is_visible()
    assert not page.locator("#trend-cocaine .plot").is_visible()
    context.close()


def test_without_the_drawing_library_pages_say_what_is_missing(build, window):
    folder = build(city(), "without library", has_data=False)
    (folder / "static" / "plotly.min.js").unlink()
    with browser.visiting(window) as visit:
        page = visit.page
        page.goto((folder / "en" / "drugs" / "cocaine.html").as_uri())
        expect(page.locator("#trend-cocaine .plot")).to_contain_text("plotly.min.js is missing")
        page.get_by_text("The numbers in this figure: Cocaine").click()
        assert page.get_by_role("rowheader", name="2023-Q1").is_visible()


def test_the_language_is_switched_at_the_same_place_and_remembered(folder, visit):
    page = visit.open(folder / "en" / "drugs" / "cocaine.html", "#where")
    page.get_by_role("link", name="简体中文").click()
    page.wait_for_selector("html[lang=zh-Hans].figures-drawn")
    assert page.url.endswith("/zh/drugs/cocaine.html#where")
    page.go_back()
    page.wait_for_selector("html[lang=en].figures-drawn")
    assert page.url.endswith("/en/drugs/cocaine.html#where")
    page.goto((folder / "index.html").as_uri())
    page.wait_for_url("**/zh/index.html")
    assert is_quiet(visit)


@pytest.mark.parametrize(("typed", "name", "address"), [
    ("plant 3", "Plant 3", "sites/s002.html"),
    ("district b", "District B", "areas/a01.html"),
    ("METHAMPH", "Methamphetamine", "drugs/methamphetamine.html"),
    ("s005", "Plant 6", "sites/s005.html"),
    ("冰毒", "Methamphetamine", "drugs/methamphetamine.html"),
    ("k粉", "Ketamine", "drugs/ketamine.html"),
])  # fmt: skip
def test_a_place_or_drug_is_found_by_the_keyboard_alone(folder, visit, typed, name, address):
    page = visit.open(folder / "en" / "areas" / "a00.html")
    page.get_by_role("searchbox").focus()
    page.keyboard.type(typed)
    page.get_by_role("status").get_by_text("found.").wait_for()
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.textContent").startswith(name)
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/en/{address}")
    assert is_quiet(visit)


def test_a_long_page_says_what_is_on_it_and_leads_there(folder, visit):
    page = visit.open(folder / "en" / "sites" / "s001.html")
    contents = page.get_by_role("navigation", name="On this page").get_by_role("link")
    assert contents.all_text_contents()[:2] == ["Changes", "Trends"]
    inner = page.locator(".contents li:has(> a[href='#trends']) li")
    assert inner.all_text_contents() == contents.all_text_contents()[2:], "names of drugs stand under what they lead to"
    contents.get_by_text("Ketamine").focus()
    page.keyboard.press("Enter")
    assert page.url.endswith("#trend-ketamine")
    page.locator("#trend-ketamine .drawn").wait_for()
    top = page.locator("h3", has_text="Ketamine").bounding_box()["y"]
    banner = page.locator(".simulated").first.bounding_box()
    assert banner["y"] + banner["height"] <= top < 200, "with the heading above the figure, below the banner"
    page.go_back()
    expect(page.locator("h1")).to_be_in_viewport()
    visit.open(folder / "en" / "about.html")
    assert not page.get_by_role("navigation", name="On this page").count(), "a short page needs none"
    assert is_quiet(visit)


def test_a_search_for_nothing_says_so_and_escape_ends_it(folder, visit):
    page = visit.open(folder / "zh" / "index.html")
    page.get_by_role("searchbox").fill("<b>nowhere")
    page.get_by_text("未找到。").wait_for()
    page.keyboard.press("Escape")
    assert page.get_by_role("searchbox").input_value() == ""
    assert page.locator(".found-list").is_hidden()


def click_point(page, period: str) -> None:
    """Clicks the point of a period on the bold line of the first figure."""
    at = page.evaluate(
        """period => {
            const plot = document.querySelector('.plot.drawn');
            plot.scrollIntoView({ block: 'center' });
            const line = plot._fullData.find(trace => trace.meta === 'origin');
            const n = line.customdata.findIndex(told => told[0] === period);
            const { xaxis, yaxis } = plot._fullLayout;
            const box = plot.getBoundingClientRect();
            return [box.left + xaxis._offset + xaxis.d2p(line.x[n]), box.top + yaxis._offset + yaxis.d2p(line.y[n])];
        }""",
        period,
    )
    page.mouse.move(at[0] + 2, at[1])
    page.mouse.move(*at)
    page.mouse.click(*at)


def test_a_click_on_a_point_leads_to_its_sites_and_from_there_to_the_cell(folder, visit):
    page = visit.open(folder / "en" / "drugs" / "cocaine.html")
    click_point(page, "2025-Q4")
    dialog = page.get_by_role("dialog", name="2025-Q4: where it comes from")
    expect(dialog).to_contain_text("Sites that make this mean: 8.")
    assert page.url.endswith("#origin=cocaine/2025-Q4")
    dialog.get_by_role("link", name="Plant 2").click()
    page.wait_for_url("**/en/sites/s001.html#origin=cocaine/2025-Q4")
    expect(dialog).to_contain_text("Days that make this mean: 1.")
    expect(dialog).to_contain_text("north/results-2025.xlsx › A1")
    expect(dialog).to_contain_text("permille explain s001 cocaine --period 2025-Q4")
    # A shell finds nothing to do in a place's id, whatever it holds.
    page.evaluate("id => document.querySelectorAll('figure').forEach(one => { one.dataset.unit = id; })", "$(id)`'")
    page.evaluate("location.hash = '#origin=cocaine/2025-Q3'")
    expect(page.get_by_role("dialog")).to_contain_text(r"permille explain '$(id)`'\''' cocaine --period 2025-Q3")
    page.go_back()
    expect(dialog).to_contain_text("SIMULATED DATA")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    page.wait_for_url("**/en/sites/s001.html")
    page.go_back()
    page.wait_for_url("**/en/drugs/cocaine.html#origin=cocaine/2025-Q4")
    expect(dialog).to_contain_text("Sites that make this mean: 8.")
    page.go_back()
    expect(dialog).to_be_hidden()
    assert is_quiet(visit)


def test_a_bold_point_is_found_before_one_of_a_thin_line_that_lies_under_it(folder, visit):
    """The library takes the smaller of two points: the mouse was on all sites, and led to an area's page."""
    page = visit.open(folder / "en" / "drugs" / "methamphetamine.html")
    page.evaluate(
        """() => {
            const plot = document.querySelector('.plot.drawn');
            const bold = plot.data.find(trace => trace.meta === 'origin');
            const thin = plot.data.findIndex(trace => Array.isArray(trace.meta));
            const [low, high] = plot._fullLayout.yaxis.range;
            const pixel = (high - low) / plot._fullLayout.yaxis._length;
            return Plotly.restyle(plot, { x: [bold.x], y: [bold.y.map(mean => mean + 1.5 * pixel)] }, [thin]);
        }"""
    )
    for period in ("2023-Q3", "2025-Q1"):
        click_point(page, period)
        page.locator("dialog[open]").wait_for()
        assert page.url.endswith(f"/drugs/methamphetamine.html#origin=methamphetamine/{period}")
        page.keyboard.press("Escape")
        page.locator("dialog[open]").wait_for(state="detached")
    assert is_quiet(visit)


def test_the_keyboard_leads_to_an_origin_and_a_period_without_days_kept_says_how_to_ask(folder, visit):
    page = visit.open(folder / "zh" / "sites" / "s001.html")
    page.locator("summary", has_text="图中数值").first.focus()
    page.keyboard.press("Enter")
    button = page.get_by_role("button", name="2024年第3季度").first
    button.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("该时期的采样日未随页面保存")
    expect(dialog).to_contain_text("permille explain s001")
    page.keyboard.press("Enter")  # the way out has the focus
    expect(dialog).to_be_hidden()
    assert is_quiet(visit)


def test_numbers_and_picture_of_a_figure_are_saved(folder, visit, tmp_path):
    page = visit.open(folder / "en" / "drugs" / "cocaine.html")
    figure = page.locator("#trend-cocaine")
    with page.expect_download() as download:
        figure.get_by_role("button", name="Save the numbers").click()
    assert download.value.suggested_filename == "cocaine-trend-cocaine.csv"
    download.value.save_as(tmp_path / "numbers.csv")
    rows = list(csv.reader((tmp_path / "numbers.csv").read_text(encoding="utf-8-sig").splitlines()))
    assert rows[0][0].startswith("SIMULATED DATA Cocaine [mg/day/1000]")
    head = ["Period", "Mean", "95 % interval, lower end", "95 % interval, upper end", "Sites", "of all", "Site-days"]
    assert rows[1][:7] == head, "whatever is in the table"
    assert rows[2][0] == figure.locator("tbody th").first.text_content().strip()
    assert float(rows[2][1]) > 0
    assert rows[2][2:6] == ["", "", "8", ""], "no interval, no site without a mean"
    assert len(rows) == 2 + 16
    with page.expect_download() as download:
        page.locator("#places").get_by_role("button", name="Save the numbers").click()
    download.value.save_as(tmp_path / "places.csv")
    rows = list(csv.reader((tmp_path / "places.csv").read_text(encoding="utf-8-sig").splitlines()))
    assert rows[1] == ["Place", "2023", "2025", "Change [%]", "95 % interval [%], lower end",
                       "95 % interval [%], upper end", "Verdict", "Credibility"]  # fmt: skip
    assert rows[2][0] == "All sites"
    assert float(rows[2][4]) < float(rows[2][3]) < float(rows[2][5]) < 0
    assert rows[2][6] == "no change detected", "no sign that a spreadsheet would take for a formula"
    with page.expect_download() as download:
        figure.get_by_role("button", name="Save the figure").click()
    assert download.value.suggested_filename == "cocaine-trend-cocaine.png"
    download.value.save_as(tmp_path / "figure.png")
    picture = (tmp_path / "figure.png").read_bytes()
    assert picture[:8] == b"\x89PNG\r\n\x1a\n"
    assert int.from_bytes(picture[16:20]) == 2400
    assert is_quiet(visit)


def test_a_drug_has_every_figure_and_each_states_its_finding(folder, visit):
    page = visit.open(folder / "en" / "drugs" / "cocaine.html")
    visit.draw_everything()
    findings = {
        "trend-cocaine": "Cocaine: no change detected (−12 %",
        "rhythm": "most on Sunday (+14 %), least on Monday (−14 %)",
        "places": "of 3 areas", "map": "of 7 sites on the map", "over-time": "Cocaine: highest in District",
        "split": "the largest part is", "uncertainty": "80 % of what is uncertain about the change comes from batches",
        "effects": "Campaign – −21 %, −30 % to −11 %: fall.",
    }  # fmt: skip
    for name, finding in findings.items():
        figure = page.locator(f"figure#{name}")
        expect(figure.locator("figcaption strong")).to_contain_text(finding)
        assert figure.locator("table").count() == 1, name
    expect(page.locator("#map .key")).to_contain_text("nobody has said where they lie: 1 site.")
    trend = page.locator("#trend-cocaine .key")
    expect(trend).to_contain_text("Marked: Campaign (2024-03-01).")
    expect(trend).to_contain_text("Dotted: another laboratory at 8 sites (2025-12-28).")
    page = visit.open(folder / "en" / "sites" / "s001.html")
    expect(page.locator("#trend-cocaine .key")).to_contain_text("laboratory: Campaign North (2025-12-28)")
    assert is_quiet(visit)


def test_any_two_places_and_drugs_are_compared_and_the_address_holds_them(folder, visit, window):
    page = visit.open(folder / "en" / "sites" / "s001.html")
    page.get_by_role("region", name="Trends").get_by_role("link", name="Compare with").first.click()
    page.wait_for_selector("html.figures-drawn", state="attached")
    finding = page.locator("#compare-finding")
    expect(finding).to_contain_text("Plant 2: ")
    expect(finding).to_contain_text("All sites: ")
    page.get_by_role("group", name="Second").get_by_label("Place").select_option("District B")
    page.get_by_role("group", name="Second").get_by_label("Drug").select_option("Ketamine")
    expect(finding).to_contain_text("Ketamine – District B: +")
    rows = page.locator("#compare-changes tbody tr")
    expect(rows).to_have_count(2)
    expect(page.locator("#compare-periods tbody tr")).to_have_count(16)
    page.get_by_role("checkbox").check()
    expect(page.locator("#compared .ytitle")).to_have_text("baseline = 100")
    address = page.url
    assert address.endswith(",area-a01/ketamine,index")
    # As on the pages of the places themselves.
    said = rows.nth(1).locator("td").all_text_contents()
    other = visit.open(folder / "en" / "areas" / "a01.html")
    own = other.locator("#changes ~ .scroll tr", has_text="Ketamine").locator("td").all_text_contents()
    assert said[:3] == own[:3]
    with browser.visiting(window) as again:
        page = again.page
        page.goto(address)
        expect(page.locator("#compare-finding")).to_contain_text("Ketamine – District B: +")
        expect(page.get_by_role("checkbox")).to_be_checked()
        page.get_by_role("group", name="Second").get_by_label("Drug").select_option("MDMA")
        expect(page.get_by_role("status").last).to_contain_text("MDMA was not measured in District B")
        expect(page.locator("#compared")).to_be_hidden()
        assert is_quiet(again)
    assert is_quiet(visit)


@pytest.mark.parametrize(
    ("address", "named"),
    [
        ("#nowhere/cocaine", "nowhere"), ("#network-network/nothing,area-a01/cocaine", "nothing"), ("#/,/", ""),
        ("#__proto__/constructor,area-a01/toString", "__proto__, constructor, toString"),
        ("#%E0%A4%A/cocaine", "%E0%A4%A"), ("#<img src=x onerror=alert(1)>/cocaine", "%3Cimg"),
        ("#nonsense", ""), ("#,,index,", ""),
    ],
)  # fmt: skip
def test_an_address_of_nothing_shows_something_else_and_says_so(folder, visit, address, named):
    page = visit.open(folder / "en" / "compare.html", address)
    expect(page.locator("#compared .plot.drawn")).to_be_visible()
    note = page.locator("#compare-note")
    if named == "":
        expect(note).not_to_contain_text("Not here")
    else:
        expect(note).to_contain_text(f"Not here, so something else is shown: {named}")
    assert is_quiet(visit)


def test_an_address_of_a_period_that_never_was_opens_nothing(folder, visit):
    page = visit.open(folder / "en" / "drugs" / "cocaine.html", "#origin=cocaine/1899-Q1")
    expect(page.locator("figure#trend-cocaine .plot.drawn")).to_be_visible()
    expect(page.locator("#origin")).to_be_hidden()
    assert is_quiet(visit)


@pytest.mark.skipif(not BUNDLE.is_file(), reason="no smaller drawing library here: fetch it with 'make bundle'")
def test_the_smaller_drawing_library_draws_every_figure_as_the_whole_one_does(folder, visit, tmp_path):
    """The same pages, but for the library; each figure has as many lines, signs and words, and nothing complains."""
    small = tmp_path / "small"
    small.mkdir()
    publish_site(folder.with_name("published.duckdb"), small, **QUESTION, plotly_js=BUNDLE)
    drawn = {}
    for site in (folder, small):
        drawn[site] = []
        for language in LANGUAGES:
            for address in KINDS:
                page = visit.open(site / language / address)
                for plot in page.locator(".plot").all():
                    plot.scroll_into_view_if_needed()
                expect(page.locator(".plot:not(.drawn)")).to_have_count(0)
                drawn[site] += page.evaluate(
                    "[...document.querySelectorAll('.plot')].map((plot) => [plot.dataset.figure, Plotly.version,"
                    " plot.querySelectorAll('svg path').length, plot.querySelectorAll('svg text').length,"
                    " plot.textContent])"
                )
        assert all(n_paths and n_texts for _, _, n_paths, n_texts, _ in drawn[site])
    assert drawn[small] == drawn[folder]
    kinds = {(name or "compared").removeprefix("figure-").partition("-")[0] for name, *_ in drawn[small]}
    assert kinds == {
        "trend", "rhythm", "places", "map", "over", "split", "uncertainty", "ways", "effects", "compared",
    }  # fmt: skip
    with visit.page.expect_download():
        page = visit.open(small / "en" / "drugs" / "cocaine.html")
        page.locator("#trend-cocaine").get_by_role("button", name="Save the figure").click()
    assert is_quiet(visit)


def test_a_saved_table_runs_no_formula(build, visit, tmp_path):
    folder = build(city(site_name=lambda n: f"=HYPERLINK({n})"), has_data=False)
    page = visit.open(folder / "en" / "drugs" / "cocaine.html")
    with page.expect_download() as download:
        page.locator("#places").get_by_role("button", name="Save the numbers").click()
    download.value.save_as(tmp_path / "numbers.csv")
    rows = list(csv.reader((tmp_path / "numbers.csv").read_text(encoding="utf-8-sig").splitlines()))
    assert [row[0] for row in rows[-8:]] == [f"'=HYPERLINK({n})" for n in range(8)]
    assert all(-100 < float(row[3]) < 100 for row in rows[-8:])


def test_an_open_origin_has_no_obstacle_that_axe_finds(folder, visit):
    from axe_playwright_python.sync_playwright import Axe

    for address in ("drugs/cocaine.html", "sites/s001.html"):
        page = visit.open(folder / "en" / address, "#origin=cocaine/2025-Q4")
        expect(page.get_by_role("dialog")).to_be_visible()
        found = Axe().run(page, options=ONLY_VIOLATIONS)
        assert found.violations_count == 0, found.generate_report()


def test_the_keyboard_reaches_the_content_first_and_each_link_after_it(folder, visit):
    page = visit.open(folder / "en" / "index.html")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('main') !== null")
    reached = set()
    for _ in range(200):
        reached.add(page.evaluate("document.activeElement.getAttribute('href')"))
        page.keyboard.press("Tab")
    shown = "[...document.querySelectorAll('main a')].filter(link => link.checkVisibility())"
    wanted = page.evaluate(f"{shown}.map(link => link.getAttribute('href'))")
    assert set(wanted) <= reached


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_page_is_wider_than_its_window(folder, window, language):
    """Tables that are wider scroll in their own boxes."""
    with browser.visiting(window, width=360) as visit:
        for address in KINDS:
            page = visit.open(folder / language / address)
            for width in (360, 768, 1440):
                page.set_viewport_size({"width": width, "height": 1000})
                for _ in range(40):  # figures are fitted a moment later
                    if not visit.overflow:
                        break
                    page.wait_for_timeout(50)
                assert visit.overflow == 0, (address, width)
        assert is_quiet(visit)


@pytest.mark.parametrize("width", [360, 1440])
@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_that_a_figure_says_is_cut_off(folder, window, language, width):
    """Names, axes and keys break into lines, and what is drawn has at least half of the width."""
    with browser.visiting(window, width=width) as visit:
        for address in ("drugs/cocaine.html", "areas/a00.html", "compare.html"):
            page = visit.open(folder / language / address)
            visit.draw_everything()
            cut = page.evaluate(
                """[...document.querySelectorAll('.plot')].flatMap((plot) => {
                    const box = plot.getBoundingClientRect();
                    return [...plot.querySelectorAll('text')]
                        .map((text) => [text.textContent, text.getBoundingClientRect()])
                        .filter(([, at]) => at.width && (at.left < box.left - 1 || at.right > box.right + 1
                            || at.top < box.top - 1 || at.bottom > box.bottom + 1))
                        .map(([said]) => said);
                })"""
            )
            assert cut == [], (address, cut)
            shares = page.evaluate(
                """[...document.querySelectorAll('.plot')].map((plot) =>
                    plot.querySelector('.nsewdrag').getBoundingClientRect().width / plot.clientWidth)"""
            )
            # A map has the shape of its land.
            assert min(shares) >= 0.5 or width > 360, (address, shares)
        assert is_quiet(visit)


def test_a_phone_that_is_turned_has_its_figures_fitted_again(folder, window):
    with browser.visiting(window, width=740, height=360) as visit:
        page = visit.open(folder / "en" / "drugs" / "cocaine.html")
        visit.draw_everything()
        page.set_viewport_size({"width": 360, "height": 740})
        page.wait_for_function(
            """[...document.querySelectorAll('.plot')].every((plot) => {
                const drawn = plot.querySelector('.nsewdrag');
                return drawn && drawn.getBoundingClientRect().width / plot.clientWidth >= 0.5
                    && plot.clientWidth < 360;
            })"""
        )
        assert is_quiet(visit)


def test_on_a_phone_rows_with_words_are_stacked_and_say_their_columns(folder, window):
    """A change is not told without its verdict because a screen is narrow."""
    with browser.visiting(window, width=360) as visit:
        page = visit.open(folder / "en" / "sites" / "s001.html")
        table = page.locator("#changes ~ .scroll table").first
        box, within = table.bounding_box(), table.locator("xpath=..").bounding_box()
        assert box["width"] <= within["width"] + 1
        assert page.locator("table.periods").count()
        assert page.locator("table.periods.stacks").count() == 0, "numbers alone are read down their columns"
        verdict = table.locator("tbody tr").first.locator("td.text").first
        assert verdict.is_visible()
        assert "Verdict" in verdict.evaluate("cell => getComputedStyle(cell, '::before').content")
        assert is_quiet(visit)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_is_drawn_from_the_disk_quietly_and_has_no_obstacle_that_axe_finds(folder, visit, language):
    """WCAG 2.2 AA, as far as a program can tell, with everything unfolded; a page of each kind in the dark as well."""
    from axe_playwright_python.sync_playwright import Axe

    axe = Axe()
    rules = {**ONLY_VIOLATIONS, "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
    every = sorted(str(file.relative_to(folder / language)) for file in (folder / language).rglob("*.html"))
    assert len(every) == 4 + 3 + 8 + 9
    assert len(list(folder.rglob("*.html"))) == 2 * len(every) + 1
    assert set(KINDS) <= set(every)
    for address in every:
        page = visit.open(folder / language / address)
        page.evaluate("document.querySelectorAll('details').forEach(details => { details.open = true; })")
        # In the dark colours differ, and those are of the kind of page.
        for scheme in ("light", "dark") if address in KINDS else ("light",):
            page.emulate_media(color_scheme=scheme)
            found = axe.run(page, options=rules)
            assert found.violations_count == 0, (address, scheme, found.generate_report())
        page.emulate_media(color_scheme="light")
        visit.draw_everything()
        assert page.locator(".plot:not(:has(.main-svg))").count() == 0, address
    assert is_quiet(visit)


def test_text_looks_like_text_and_a_link_like_a_link(folder, visit):
    """A rule that slips into another's list of names turns whole pages into links, and no other test sees it."""
    page = visit.open(folder / "en" / "drugs" / "cocaine.html")
    expect(page.locator("h1")).to_have_css("color", "rgb(27, 37, 48)")
    expect(page.locator("main")).to_have_css("max-width", "1312px")
    expect(page.locator("main")).to_have_css("padding-left", "16px")
    for plain in ("main", "figcaption", ".key", "td", "footer"):
        expect(page.locator(plain).first).to_have_css("text-decoration-line", "none")
    expect(page.locator("nav.crumbs a").first).to_have_css("color", "rgb(10, 94, 168)")


def test_figures_are_printed_in_ink_whether_they_were_looked_at_or_not(folder, window):
    with browser.visiting(window, height=300, is_dark=True) as visit:
        page = visit.open(folder / "en" / "sites" / "s001.html")
        assert page.locator(".plot.drawn").count() < page.locator(".plot").count()
        page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
        expect(page.locator(".plot:not(.drawn)")).to_have_count(0)
        expect(page.locator(".plot .xtick text").first).to_have_css("fill", "rgb(0, 0, 0)")


def test_page_without_figures_is_quiet(build, visit):
    folder = build(without_flows(), has_data=False)
    page = visit.open(folder / "en" / "index.html")
    assert page.get_by_text("Nothing could be compared.").is_visible()
    for file in sorted(folder.rglob("*/*.html")):
        visit.open(file)
    assert is_quiet(visit)


def test_nothing_delivered_runs(build, visit):
    folder = build(hostile_city())
    alarms = []
    visit.page.on("dialog", lambda dialog: (alarms.append(dialog.message), dialog.dismiss()))
    for file in sorted(folder.rglob("*/*.html")):
        visit.open(file)
        visit.draw_everything()
    page = visit.open(folder / "en" / "drugs" / "cocaine.html")
    page.get_by_role("searchbox").fill("script")
    page.get_by_role("status").get_by_text("found.").wait_for()
    page.locator(".plot .point").first.hover(force=True)
    assert alarms == []
    assert page.locator("img").count() == 0
    assert is_quiet(visit)


def test_large_network_is_drawn(build, visit):
    folder = build(large_city(), has_data=False)
    page = visit.open(folder / "en" / "index.html")
    assert page.locator("article.tile").count() == 6
    visit.open(folder / "en" / "places.html")
    visit.open(folder / "zh" / "drugs" / "cocaine.html")
    assert is_quiet(visit)


def test_complaints_would_be_heard(tmp_path, visit):
    """A page that breaks its own policy, asks for what is not there, or asks the network, is noticed."""
    file = tmp_path / "bad.html"
    file.write_text(
        "<!doctype html><meta http-equiv='Content-Security-Policy' content=\"script-src 'none'\">"
        "<title>bad</title><script>alert(1)</script><img src=absent.png><img src='http://127.0.0.1:9/x.png'>",
        encoding="utf-8",
    )
    visit.page.goto(file.as_uri())
    visit.page.wait_for_load_state("load")
    assert any("Content Security Policy" in line for line in visit.complaints)
    assert any("absent.png failed" in line for line in visit.complaints)
    assert visit.asked_elsewhere == ["http://127.0.0.1:9/x.png"]
