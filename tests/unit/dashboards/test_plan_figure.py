"""The figure of a plan: what it must show, and that its page holds all it needs."""

import re

import polars as pl
import pytest

from dashboards.figures.plan import PlanData, plan
from dashboards.figures.words import PlanLabels
from dashboards.rendering import figure_page, json_island
from tests.browser import BROWSER, WHY_NOT, opened, visiting


def data(**changed) -> PlanData:
    return PlanData(
        **{
            "drug": "cocaine",
            "title": "Cocaine: a fall of 40 % takes 5 days",
            "subtitle": "seen in 80 of 100 campaigns",
            "rows": pl.DataFrame({"n_days": [2, 7, 28], "smallest_fall_percent": [61.0, 37.0, 30.0]}),
            "fall_percent": 40.0,
            "days_needed": 5,
            "out_of_reach_percent": 27.2,
            "is_simulated": False,
            **changed,
        }
    )


def page(given: PlanData, title: str = "Cocaine: a fall of 40 % takes 5 days") -> str:
    return figure_page(
        plan(given, PlanLabels()), title=title, key="The line is ...", headers=["Days", "Smallest fall"],
        rows=[("2", "61 %"), ("7", "37 %")], is_simulated=given.is_simulated,
    )  # fmt: skip


def test_same_data_same_bytes():
    assert page(data()) == page(data())


def test_axes_name_their_units_and_the_title_states_the_finding():
    layout = plan(data(), PlanLabels()).layout
    assert layout.title.text == "Cocaine: a fall of 40 % takes 5 days"
    assert layout.xaxis.title.text.startswith("days sampled at each site")
    assert layout.yaxis.title.text == "smallest fall that is seen [%]"
    assert list(layout.xaxis.tickvals) == [2, 7, 28]
    assert layout.yaxis.range == pytest.approx((0, 67.1))


def test_the_line_the_fall_asked_for_the_days_it_takes_and_the_band():
    figure = plan(data(), PlanLabels())
    smallest, asked, needed = figure.data
    assert (list(smallest.x), list(smallest.y)) == ([2, 7, 28], [61.0, 37.0, 30.0])
    assert list(asked.y) == [40.0, 40.0]
    assert (list(needed.x), list(needed.y)) == ([5], [40.0])
    (band,) = figure.layout.shapes
    assert (band.y0, band.y1) == (0, 27.2)
    assert "below 27 %" in figure.layout.annotations[0].text


def test_a_fall_no_number_of_days_sees_has_no_day():
    figure = plan(data(days_needed=None, fall_percent=20.0), PlanLabels())
    assert len(figure.data) == 2


def test_without_errors_of_batches_there_is_no_band():
    assert not plan(data(out_of_reach_percent=0.0), PlanLabels()).layout.shapes


def test_days_beyond_those_tabled_are_inside():
    low, high = plan(data(days_needed=200), PlanLabels()).layout.xaxis.range
    assert 10**low < 2
    assert 10**high > 200


def test_simulated_data_are_named_in_figure_and_page():
    text = json_island(plan(data(is_simulated=True), PlanLabels()))
    assert text.count("SIMULATED DATA") == 2
    assert '<div class="simulated"' in page(data(is_simulated=True))
    assert '<div class="simulated"' not in page(data())


def test_the_page_holds_all_it_needs_and_asks_nothing_of_any_network():
    text = page(data())
    assert "plotly.js v" in text
    assert not re.search(r"<(script|link|img)[^>]+(src|href)=", text)
    assert "default-src 'none'" in text.replace("&#39;", "'")
    assert text.count("</script>") == 3


def test_delivered_text_does_not_become_markup():
    text = page(data(title="<b>x</b>", subtitle="</script><script>alert(1)</script>"), title="<img src=x>")
    assert "<img src=x>" not in text
    assert "alert(1)</script>" not in text


@pytest.mark.skipif(BROWSER is None, reason=WHY_NOT)
def test_the_figure_is_drawn(tmp_path):
    (tmp_path / "plan.html").write_text(page(data()), encoding="utf-8")
    with opened() as browser, visiting(browser) as visit:
        page_of_plan = visit.open(tmp_path / "plan.html")
        assert page_of_plan.get_by_text("Days it takes: 5").first.is_visible()
        assert visit.complaints == []
        assert visit.asked_elsewhere == []
