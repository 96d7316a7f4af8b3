"""The page in a real browser, from the disk and without a network: figures drawn, nothing complained about."""

import pytest

from tests import browser
from tests.unit.dashboards.conftest import NAMES, city, without_flows
from tests.unit.dashboards.test_pages import hostile_city

pytestmark = [
    pytest.mark.skipif(browser.BROWSER is None, reason=browser.WHY_NOT),
    pytest.mark.xdist_group("browser"),  # one browser at a time
]


def test_figures_are_drawn_from_the_disk_and_nothing_is_complained_about(build):
    seen = browser.open_page(build(city()) / "index.html")
    assert seen.console == []
    assert "figures-drawn" in seen.dom
    assert seen.dom.count("plot drawn") == 3
    assert seen.dom.count('class="main-svg"') >= 3
    assert "down 48 %" in seen.dom
    assert "Nothing" not in seen.dom


def test_page_without_figures_is_quiet(build):
    seen = browser.open_page(build(without_flows()) / "index.html")
    assert seen.console == []
    assert "Nothing could be compared." in seen.dom


def test_nothing_delivered_runs(build):
    seen = browser.open_page(build(hostile_city()) / "index.html")
    assert seen.console == []
    assert seen.dom.count("plot drawn") == 3
    assert "<img" not in seen.dom


def test_large_network_is_drawn(build):
    tables = city(n_sites=215, n_areas=30, drugs=tuple(NAMES), years=tuple(range(2013, 2026)), has_quarters=False)
    seen = browser.open_page(build(tables) / "index.html")
    assert seen.console == []
    assert seen.dom.count("plot drawn") == 5


@pytest.mark.parametrize("width", [1440, 360])
def test_page_fits_its_window(build, width):
    """Nothing but the tables' own boxes is wider than the window, told by a probe beside the page."""
    folder = build(city())
    probe = "document.documentElement.dataset.overflow = document.documentElement.scrollWidth - innerWidth;"
    with (folder / "static" / "permille.js").open("a", encoding="utf-8") as script:
        script.write(f"\nsetTimeout(() => {{ {probe} }}, 3000);\n")
    seen = browser.open_page(folder / "index.html", width=width)
    assert 'data-overflow="0"' in seen.dom


def test_complaints_would_be_heard(tmp_path):
    """The browser's console is read: a page that breaks its own policy is noticed."""
    page = tmp_path / "bad.html"
    page.write_text(
        "<!doctype html><meta http-equiv='Content-Security-Policy' content=\"default-src 'none'\">"
        "<title>bad</title><script>alert(1)</script>",
        encoding="utf-8",
    )
    assert any("Content Security Policy" in line for line in browser.open_page(page).console)
