"""Figures are pure: same data, same bytes; what they must not leave out; nothing delivered becomes markup."""

import json

import polars as pl
import pytest

from dashboards import theme
from dashboards.figures.trend import MOST_NAMED_AREAS, TrendData, areas_cut, trend
from dashboards.labels import TrendLabels
from dashboards.pages import json_island


def periods(n_areas=2, skip=(), area_name="District", area_mean=40.0) -> pl.DataFrame:
    quarters = [f"{year}-Q{n}" for year in (2023, 2024, 2025) for n in (1, 2, 3, 4)]
    units = [("network", "network", "All sites", 100.0)]
    units += [("area", f"a{n}", f"{area_name} {n}", area_mean + n) for n in range(n_areas)]
    return pl.DataFrame(
        [
            {
                "level": level,
                "unit_id": unit,
                "unit_name": name,
                "period": period,
                "n_sites": 4,
                "mean_mg_per_day_per_1000": mean,
            }
            for level, unit, name, mean in units
            for period in quarters
            if period not in skip
        ]
    )


def data(**changed) -> TrendData:
    return TrendData(
        **{
            "drug": "methamphetamine",
            "title": "Methamphetamine: down 43 %",
            "subtitle": "consumption, quarterly means",
            "periods": periods(),
            "baseline_period": "2023",
            "current_period": "2025",
            "baseline": 120.0,
            "current": 68.4,
            "is_simulated": False,
            **changed,
        }
    )


def test_same_data_same_bytes():
    assert json_island(trend(data(), TrendLabels())) == json_island(trend(data(), TrendLabels()))


def test_data_is_left_as_it_was():
    given = data()
    before = given.periods.clone()
    trend(given, TrendLabels())
    assert given.periods.equals(before)


def test_axis_starts_at_zero_names_its_unit_and_title_states_the_finding():
    layout = trend(data(), TrendLabels()).layout
    assert layout.yaxis.range[0] == 0
    assert "mg/day per 1000 inhabitants" in layout.yaxis.title.text
    assert layout.title.text == "Methamphetamine: down 43 %"


def test_baseline_and_current_are_marked_with_the_means_of_the_same_sites():
    figure = trend(data(), TrendLabels())
    assert [(shape.x0, shape.x1) for shape in figure.layout.shapes] == [
        ("2023-01-01", "2024-01-01"),
        ("2025-01-01", "2026-01-01"),
    ]
    assert [note.text for note in figure.layout.annotations] == ["baseline<br>2023", "current<br>2025"]
    panel = [trace for trace in figure.data if trace.name == TrendLabels().panel]
    assert [list(trace.y) for trace in panel] == [[120.0, 120.0], [68.4, 68.4]]


def test_simulated_data_are_named_in_title_and_drawing():
    figure = trend(data(is_simulated=True), TrendLabels())
    assert "SIMULATED DATA" in figure.layout.title.subtitle.text
    assert "SIMULATED DATA" in [note.text for note in figure.layout.annotations]
    assert "SIMULATED" not in json_island(trend(data(), TrendLabels()))


def test_gap_in_the_data_is_a_gap_in_the_line():
    figure = trend(data(periods=periods(skip=("2024-Q2",))), TrendLabels())
    (network,) = [trace for trace in figure.data if trace.name == "All sites"]
    assert len(network.y) == 12
    assert network.y[5] is None


def test_many_areas_are_one_quiet_trace():
    few = trend(data(periods=periods(MOST_NAMED_AREAS)), TrendLabels())
    many = trend(data(periods=periods(MOST_NAMED_AREAS + 1)), TrendLabels())
    assert len(few.data) == MOST_NAMED_AREAS + 3
    assert len(many.data) == 1 + 3
    assert many.data[0].hoverinfo == "skip"


def test_area_far_above_does_not_squeeze_the_network_and_is_counted():
    far = data(periods=periods(area_mean=5000.0))
    assert trend(far, TrendLabels()).layout.yaxis.range[1] == pytest.approx(396)
    assert areas_cut(far) == 2
    assert areas_cut(data()) == 0


def test_nothing_to_draw_gives_an_empty_figure():
    empty = data(periods=periods().clear(), baseline=None, current=None)
    assert trend(empty, TrendLabels()).layout.yaxis.range[1] > 0


def test_name_of_an_area_does_not_become_markup():
    text = json_island(
        trend(data(periods=periods(area_name="<a href='javascript:alert(1)'>%{y}</script>")), TrendLabels())
    )
    assert "<" not in text
    assert "\\u0026lt;a href" in text
    assert json.loads(text)["layout"]


def test_template_is_our_own_and_small():
    layout = json.loads(json_island(trend(data(), TrendLabels())))["layout"]
    assert len(json.dumps(layout["template"])) < 2000


def test_colour_belongs_to_the_drug():
    assert theme.colour_of("cocaine") == theme.COLOURS["cocaine"]
    assert len(set(theme.COLOURS.values())) == len(theme.COLOURS)
