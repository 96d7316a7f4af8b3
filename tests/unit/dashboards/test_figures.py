"""Figures are pure: same data, same bytes; what they must not leave out; nothing delivered becomes markup."""

import copy
import json
from datetime import date

import plotly.graph_objects as go
import polars as pl
import pytest

from dashboards import theme
from dashboards.figures.budget import BudgetData, budget
from dashboards.figures.dumbbell import MOST_PLACES, DumbbellData, Pair, dumbbell
from dashboards.figures.effects import MOST_EVENTS, Effect, EffectsData, effects
from dashboards.figures.grid import GridData, grid
from dashboards.figures.parts import PartsData, parts
from dashboards.figures.rhythm import Day, RhythmData, rhythm
from dashboards.figures.site_map import MapData, Spot, site_map
from dashboards.figures.trend import MOST_NAMED_AREAS, TrendData, areas_cut, trend
from dashboards.figures.ways import Way, WaysData, ways
from dashboards.figures.words import (
    BudgetLabels,
    DumbbellLabels,
    EffectsLabels,
    GridLabels,
    MapLabels,
    PartsLabels,
    RhythmLabels,
    TrendLabels,
    WaysLabels,
)
from dashboards.rendering import json_island


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
                "n_days": 28,
                "n_censored": 0,
                "mean_mg_per_day_per_1000": mean,
                "ci_low_mg_per_day_per_1000": None if level == "area" else 0.9 * mean,
                "ci_high_mg_per_day_per_1000": None if level == "area" else 1.2 * mean,
            }
            for level, unit, name, mean in units
            for period in quarters
            if period not in skip
        ]
    )


def data(of: pl.DataFrame | None = None, **changed) -> TrendData:
    of = periods() if of is None else of
    return TrendData(
        **{
            "drug": "methamphetamine",
            "title": "Methamphetamine: down 43 %",
            "subtitle": "consumption, quarterly means",
            "name": "All sites",
            "periods": of.filter(level="network").to_dicts(),
            "areas": [area.to_dicts() for area in of.filter(level="area").partition_by("unit_id", maintain_order=True)],
            "baseline_period": "2023",
            "current_period": "2025",
            "baseline": 120.0,
            "current": 68.4,
            "events": (),
            "laboratories": (),
            "said": {},
            "is_simulated": False,
            **changed,
        }
    )


def test_same_data_same_bytes():
    assert json_island(trend(data(), TrendLabels())) == json_island(trend(data(), TrendLabels()))


def test_data_is_left_as_it_was():
    given = data()
    before = copy.deepcopy(given.periods)
    trend(given, TrendLabels())
    assert given.periods == before


def named(figure: dict, name: str) -> list[dict]:
    """The traces of a name."""
    return [trace for trace in figure["data"] if trace.get("name") == name]


def test_axis_starts_at_zero_names_its_unit_and_title_states_the_finding():
    layout = trend(data(), TrendLabels())["layout"]
    assert layout["yaxis"]["range"][0] == 0
    assert "mg/day per 1000 inhabitants" in layout["yaxis"]["title"]["text"]
    assert layout["title"]["text"] == "Methamphetamine: down 43 %"


def test_baseline_and_current_are_marked_with_the_means_of_the_same_sites():
    figure = trend(data(), TrendLabels())
    assert [(shape["x0"], shape["x1"]) for shape in figure["layout"]["shapes"]] == [
        ("2023-01-01", "2024-01-01"),
        ("2025-01-01", "2026-01-01"),
    ]
    assert [note["text"] for note in figure["layout"]["annotations"]] == ["baseline<br>2023", "current<br>2025"]
    assert [trace["y"] for trace in named(figure, TrendLabels().panel)] == [[120.0, 120.0], [68.4, 68.4]]


def test_simulated_data_are_named_in_title_and_drawing():
    figure = trend(data(is_simulated=True), TrendLabels())
    assert "SIMULATED DATA" in figure["layout"]["title"]["subtitle"]["text"]
    assert "SIMULATED DATA" in [note["text"] for note in figure["layout"]["annotations"]]
    assert "SIMULATED" not in json_island(trend(data(), TrendLabels()))


def test_gap_in_the_data_is_a_gap_in_the_line_and_in_its_interval():
    figure = trend(data(periods(skip=("2024-Q2",))), TrendLabels())
    (network,) = named(figure, "All sites")
    assert len(network["y"]) == 12
    assert network["y"][5] is None
    (interval,) = named(figure, TrendLabels().interval)
    # Five periods there and back again, a gap, six there and back.
    assert [place for place, day in enumerate(interval["x"]) if day is None] == [10]
    assert interval["y"][:5] == [120.0] * 5
    assert interval["y"][5:10] == [90.0] * 5
    assert len(interval["x"]) == 10 + 1 + 12


def test_no_interval_draws_no_band():
    bare = periods().with_columns(ci_low_mg_per_day_per_1000=None, ci_high_mg_per_day_per_1000=None)
    assert not named(trend(data(bare), TrendLabels()), TrendLabels().interval)


def test_periods_mostly_below_limits_are_hollow_and_the_legend_says_so():
    is_low = pl.col("period") == "2024-Q3"
    low = periods().with_columns(n_censored=pl.when(is_low).then(15).otherwise("n_censored"))
    figure = trend(data(low), TrendLabels())
    (network,) = named(figure, "All sites")
    assert [place for place, symbol in enumerate(network["marker"]["symbol"]) if symbol == "circle-open"] == [6]
    assert named(figure, TrendLabels().hollow)
    assert not named(trend(data(), TrendLabels()), TrendLabels().hollow)


def test_events_are_marked_and_named_as_text():
    events = ((date(2024, 2, 1), None, "<b>Law</b>"), (date(2024, 7, 1), date(2024, 9, 1), "Campaign"))
    layout = trend(data(events=events), TrendLabels())["layout"]
    assert [(shape["x0"], shape["x1"]) for shape in layout["shapes"]][2:] == [
        ("2024-02-01", "2024-02-01"),
        ("2024-07-01", "2024-09-01"),
    ]
    assert [note["text"] for note in layout["annotations"]][2:] == ["&lt;b&gt;Law&lt;/b&gt;", "Campaign"]


def test_many_areas_are_one_quiet_trace():
    few = trend(data(periods(MOST_NAMED_AREAS)), TrendLabels())
    many = trend(data(periods(MOST_NAMED_AREAS + 1)), TrendLabels())
    assert len(few["data"]) == MOST_NAMED_AREAS + 4
    assert len(many["data"]) == 1 + 4
    assert many["data"][0]["hoverinfo"] == "skip"


def test_area_far_above_does_not_squeeze_the_network_and_is_counted():
    far = data(periods(area_mean=5000.0))
    assert trend(far, TrendLabels())["layout"]["yaxis"]["range"][1] == pytest.approx(396)
    assert areas_cut(far) == 2
    assert areas_cut(data()) == 0


def test_nothing_to_draw_gives_an_empty_figure():
    empty = data(periods().clear(), baseline=None, current=None)
    assert trend(empty, TrendLabels())["layout"]["yaxis"]["range"][1] > 0


def test_name_of_an_area_does_not_become_markup():
    text = json_island(trend(data(periods(area_name="<a href='javascript:alert(1)'>%{y}</script>")), TrendLabels()))
    assert "<" not in text
    assert "\\u0026lt;a href" in text
    assert json.loads(text)["layout"]


def test_template_is_our_own_small_and_stands_in_no_figure():
    assert len(json.dumps(theme.template())) < 2000
    assert "template" not in trend(data(), TrendLabels())["layout"]


PAIRS = [Pair(f"Place {n}", 100.0 + n, 60.0, "−40 %, −50 % to −30 %: fall", n % 2 == 0) for n in range(40)]
DUMBBELL = DumbbellData("cocaine", "Cocaine: fell", "consumption, 2023 and 2025", PAIRS, is_simulated=True)
PARTS = PartsData(
    "cocaine", "t", "s", [("a", -30.0, "−30"), ("b", 12.0, "+12"), ("all", -18.0, "−18")], is_simulated=True
)
WAYS = WaysData(
    "cocaine",
    "t",
    "s",
    [Way("permille", -40.0, -50.0, -30.0, "−40 %", True), Way("euda", -35.0, None, None, "−35 %", False)],
    is_simulated=True,
)
GRID = GridData("t", "s", ["<i>A</i>", "B"], ["2023", "2024"], [[1.0, None], [0.0, 100.0]], is_simulated=True)
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
RHYTHM = RhythmData(
    "cocaine", "t", "s", [Day(name, name[:3], -5.0 + n, float(n), 4.0 + n, "+1 %") for n, name in enumerate(WEEKDAYS)],
    is_simulated=True,
)  # fmt: skip
BUDGET = BudgetData("cocaine", "t", "s", [("batches", 80.0, "80 %"), ("days", 20.0, "20 %")], is_simulated=True)
SPOTS = [Spot("<i>A</i>", 10.0, 60.0, "fall", "−40 %"), Spot("B", 11.0, 60.5, "rise", "+40 %"),
         Spot("C", 11.5, 60.2, "untold", "–")]  # fmt: skip
MAP = MapData("cocaine", "t", "s", SPOTS, [((10.0, 60.0), (11.0, 61.0))], is_simulated=True)
EFFECTS = EffectsData(
    "cocaine", "t", "s",
    [Effect(f"<i>Event {n}</i>", -20.0, -30.0, None, "−20 %", [1.0, -2.0] if n == 0 else []) for n in range(25)],
    is_simulated=True,
)  # fmt: skip
FIGURES = {
    "grid": grid(GRID, GridLabels()),
    "rhythm": rhythm(RHYTHM, RhythmLabels()),
    "budget": budget(BUDGET, BudgetLabels()),
    "map": site_map(MAP, MapLabels()),
    "effects": effects(EFFECTS, EffectsLabels()),
    "trend": trend(data(is_simulated=True), TrendLabels()),
    "dumbbell": dumbbell(DUMBBELL, DumbbellLabels("2023", "2025")),
    "parts": parts(PARTS, PartsLabels()),
    "ways": ways(WAYS, WaysLabels()),
}


@pytest.mark.parametrize("kind", FIGURES)
def test_plotly_takes_every_kind_of_figure(kind):
    """They are plain data: plotly checks each name and value here, and not each time a page is made."""
    figure = go.Figure(FIGURES[kind])
    assert figure.layout.title.text
    assert "SIMULATED DATA" in [note.text for note in figure.layout.annotations]


def test_dumbbell_shows_the_first_places_and_draws_hollow_what_is_not_told():
    figure = FIGURES["dumbbell"]
    _, before, now, key = figure["data"]
    assert len(before["x"]) == len(now["x"]) == MOST_PLACES
    assert figure["layout"]["yaxis"]["ticktext"][-1] == "Place 0", "the first stands on top"
    assert now["marker"]["symbol"][-2:] == ["circle-open", "circle"]
    assert key["marker"].get("symbol", "circle") == "circle", "a key is no place"
    assert before["x"][-1] == 100.0
    assert now["x"][-1] == 60.0


def test_parts_follow_each_other_to_their_sum():
    (bars,) = FIGURES["parts"]["data"]
    assert bars["base"] == [0, -30.0, 0]
    assert bars["x"] == [-30.0, 12.0, -18.0]


def test_ways_without_an_interval_have_a_dot_and_the_headline_goes_through_all():
    figure = FIGURES["ways"]
    (dots,) = figure["data"]
    assert dots["error_x"]["array"] == [None, 10.0]
    assert dots["error_x"]["arrayminus"] == [None, 10.0]
    assert [(line["x0"], line["x1"]) for line in figure["layout"]["shapes"]] == [(-40.0, -40.0)]


@pytest.mark.parametrize("kind", FIGURES)
def test_no_figure_holds_markup_of_a_delivery(kind):
    assert "<i>" not in json.dumps(FIGURES[kind])


def test_another_laboratory_is_a_dotted_line_with_its_name_as_text():
    layout = trend(data(laboratories=((date(2024, 2, 1), "<b>North</b>"),)), TrendLabels())["layout"]
    line = layout["shapes"][-1]
    assert (line["x0"], line["x1"], line["line"]["dash"]) == ("2024-02-01", "2024-02-01", "dot")
    assert layout["annotations"][-1]["text"] == "&lt;b&gt;North&lt;/b&gt;"


def test_periods_are_said_as_the_language_says_them_and_kept_by_their_names():
    figure = trend(data(said={"2023-Q1": "2023年第1季度", "2023": "2023年"}), TrendLabels())
    (network,) = named(figure, "All sites")
    assert network["text"][:2] == ["2023年第1季度", "2023-Q2"]
    assert network["customdata"][0][0] == "2023-Q1", "a click leads on by it"
    assert figure["layout"]["annotations"][0]["text"] == "baseline<br>2023年"


def test_grid_is_empty_where_nothing_is_known_and_has_the_first_place_on_top():
    cells, key = FIGURES["grid"]["data"]
    assert cells["z"] == [[0.0, 2.0], [0.0, None]], "nothing has no logarithm: it has the colour of the least"
    assert FIGURES["grid"]["layout"]["yaxis"]["ticktext"][-1] == "&lt;i&gt;A&lt;/i&gt;"
    assert (cells["zmin"], cells["zmax"]) == (key["zmin"], key["zmax"]) == (0.0, 2.0)
    assert not any(trace["showscale"] for trace in (cells, key)), "the library's own key breaks the pages' policy"


def test_grid_of_zeros_is_drawn():
    nothing = grid(GRID._replace(means=[[0.0, 0.0], [None, 0.0]]), GridLabels())
    assert go.Figure(nothing)
    assert nothing["data"][0]["zmin"] < nothing["data"][0]["zmax"]


def test_rhythm_bars_reach_from_quarter_to_quarter():
    bars, line = FIGURES["rhythm"]["data"]
    assert (bars["base"][0], bars["y"][0]) == (-5.0, 9.0)
    assert line["y"] == [0, 1, 2, 3, 4, 5, 6]


def test_map_tells_falls_from_rises_by_form_and_keeps_lengths():
    lines, *spots = FIGURES["map"]["data"]
    assert lines["x"] == [10.0, 11.0, None]
    assert [trace["marker"]["symbol"] for trace in spots] == ["x-thin-open", "triangle-up", "triangle-down"]
    axis = FIGURES["map"]["layout"]["yaxis"]
    assert axis["scaleanchor"] == "x"
    # At 60.25 degrees a degree of longitude is about half as long as one of latitude.
    assert axis["scaleratio"] == pytest.approx(2.015, abs=0.002)


def test_effects_stand_before_what_other_dates_give():
    elsewhere, own = FIGURES["effects"]["data"]
    assert len(own["x"]) == MOST_EVENTS
    assert elsewhere["x"] == [1.0, -2.0]
    assert elsewhere["y"] == [MOST_EVENTS - 1] * 2, "the first event stands on top"
    assert own["error_x"]["array"][0] is None
    assert own["error_x"]["arrayminus"][0] == 10.0
    alone = effects(EFFECTS._replace(effects=EFFECTS.effects[1:3]), EffectsLabels())
    assert len(alone["data"]) == 1


def test_colour_belongs_to_the_drug():
    assert theme.colour_of("cocaine") == theme.COLOURS["cocaine"]
    assert len(set(theme.COLOURS.values())) == len(theme.COLOURS)


def test_a_map_shows_outlines_whole_where_they_end_near_its_sites():
    spots = [Spot("a", 10.0, 60.0, "fall", ""), Spot("b", 11.0, 61.0, "same", "")]

    def shown(outlines) -> list[list[float]]:
        layout = site_map(MapData("cocaine", "t", "s", spots, outlines, True), MapLabels())["layout"]
        return [layout[f"{axis}axis"]["range"] for axis in "xy"]

    alone = shown([])
    (west, east), (south, north) = shown([[(9.8, 59.9), (11.2, 61.3)]])
    assert west < 9.8
    assert east > 11.2
    assert south < 59.9
    assert north > 61.3
    assert shown([[(0.0, 50.0), (30.0, 70.0)]]) == alone, "a country around a city would make the city a spot"
