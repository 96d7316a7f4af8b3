"""Headline figures that differ as printed: which they are, in which order, and how commands and pages say it."""

from datetime import datetime

import polars as pl
import pytest

from dashboards import restatements
from dashboards.restatements import Moved, differing, lines
from pipeline.restatements import PARTS, Headline
from schemas.publication import CAUSES
from tests.unit.dashboards.conftest import city, rows_of
from tests.unit.dashboards.test_pages import HOSTILE, every_page, page

HEADLINE = Headline("permille", "2023", "2025")


def figures(**change_of) -> pl.DataFrame:
    """Figures of drugs at places, by `drug_place=change`: `cocaine_network=-40.0`."""
    rows = []
    for name, change in change_of.items():
        drug, place = name.rsplit("_", 1)
        level = "network" if place == "network" else "area"
        rows.append({
            "level": level, "unit_id": place, "drug": drug, "unit_name": place.title(),
            "baseline_mg_per_day_per_1000": 100.0,
            "current_mg_per_day_per_1000": None if change is None else 100.0 + change,
            "change_percent": change, "ci_low_percent": None, "ci_high_percent": None,
            "verdict": "not estimable" if change is None else None, "is_simulated": False,
        })  # fmt: skip
    types = {name: pl.Float64 for name in PARTS if name != "verdict"} | {"verdict": pl.String}
    return pl.DataFrame(rows, schema_overrides=types)


def moved(rows: pl.DataFrame, causes: str = "new", before: Headline = HEADLINE, by: tuple[str, ...] = ()) -> Moved:
    caused = rows.with_columns(causes=pl.lit(causes), caused_by=pl.lit(list(by), pl.List(pl.String)))
    return Moved(before, HEADLINE, caused, causes, {"a" * 64: "may.csv (no. 3)"})


def keys(rows: pl.DataFrame) -> list[tuple[str, str]]:
    return rows.select("drug", "unit_id").rows()


@pytest.mark.parametrize(
    ("change", "moves"), [(-40.4, False), (-40.6, True), (-39.6, False), (-39.4, True), (None, True), (40.0, True)]
)
def test_what_is_printed_alike_has_not_moved(change, moves):
    before, now = figures(cocaine_network=-40.0), figures(cocaine_network=change)
    now = now.with_columns(pl.lit(60.0).alias("current_mg_per_day_per_1000"))
    assert bool(differing(before, now).height) is moves


def test_a_part_of_a_figure_moves_it():
    before = figures(cocaine_network=-40.0).with_columns(
        ci_low_percent=-50.0, ci_high_percent=-30.0, verdict=pl.lit("fall")
    )
    for part, value, moves in [
        ("ci_low_percent", -50.4, False), ("ci_low_percent", -51.0, True), ("ci_high_percent", -29.0, True),
        ("verdict", "no change detected", True), ("baseline_mg_per_day_per_1000", 100.2, False),
        ("baseline_mg_per_day_per_1000", 101.0, True), ("current_mg_per_day_per_1000", 61.0, True),
    ]:  # fmt: skip
        assert bool(differing(before, before.with_columns(pl.lit(value).alias(part))).height) is moves, part


def test_figures_that_come_and_go_have_moved_but_not_those_without_any_number():
    before, now = figures(cocaine_network=-40.0, mdma_network=None), figures(ketamine_network=5.0, heroin_network=None)
    for frame in (before, now):
        assert frame.height == 2
    without = pl.when(pl.col("change_percent").is_not_null()).then("baseline_mg_per_day_per_1000")
    rows = differing(*(frame.with_columns(without) for frame in (before, now)))
    assert keys(rows) == [("cocaine", "network"), ("ketamine", "network")]
    assert rows.select("change_before_percent", "change_percent").rows() == [(-40.0, None), (None, 5.0)]
    assert rows["unit_name"].to_list() == ["Network", "Network"]


def test_the_network_comes_first_then_what_moved_furthest():
    before = figures(cocaine_network=-40.0, cocaine_a=-40.0, mdma_a=-40.0, ketamine_network=0.0, heroin_network=0.0)
    now = figures(cocaine_network=-42.0, cocaine_a=-80.0, mdma_a=-44.0, ketamine_network=90.0, heroin_network=None)
    assert keys(differing(before, now)) == [
        ("heroin", "network"), ("ketamine", "network"), ("cocaine", "network"), ("cocaine", "a"), ("mdma", "a"),
    ]  # fmt: skip


def test_an_area_that_is_the_network_by_another_name_is_not_named_beside_it():
    before = figures(cocaine_network=-40.0, cocaine_all=-40.0, cocaine_part=-40.0, mdma_network=1.0, mdma_all=1.0)
    now = figures(cocaine_network=-50.0, cocaine_all=-50.0, cocaine_part=-50.0, mdma_network=1.0, mdma_all=1.0)
    assert keys(differing(before, now)) == [("cocaine", "network"), ("cocaine", "part")]


def test_ten_lines_at_most_then_a_count():
    names = [f"drug{n:02d}_network" for n in range(13)]
    rows = differing(figures(**dict.fromkeys(names, -40.0)), figures(**dict.fromkeys(names, -50.0)))
    said = lines(moved(rows), more=": see there")
    assert len(said) == 1 + 10 + 1
    assert said[0].startswith("13 ")
    assert said[-1] == "  ... and 3 more: see there"
    assert len(lines(moved(rows.head(10)))) == 1 + 10


def test_a_line_holds_before_now_and_cause():
    rows = differing(figures(cocaine_network=-40.0), figures(cocaine_network=-42.0))
    _, line = lines(moved(rows, "superseded settings", by=("a" * 64,)))
    for part in ("cocaine", "Network", "−40 % -> −42 %", "100; 60.0 -> 100; 58.0", "may.csv (no. 3)"):
        assert part in line
    assert restatements.causes_in_words("superseded settings") in line


def test_the_first_edition_and_another_comparison_are_named_instead_of_figures():
    rows = differing(figures(cocaine_network=-40.0), figures(cocaine_network=-42.0))
    assert "First edition" in lines(None)[0]
    other = lines(moved(rows, "settings", before=Headline("euda", "2022", "2024")))
    assert len(other) == 1
    assert "2024 against 2022 by euda" in other[0]
    assert "2025 against 2023 by permille" in other[0]
    assert "−42" not in other[0]
    assert len(lines(moved(rows.clear()))) == 1


def test_each_cause_has_words_in_each_language():
    assert list(restatements.CAUSES) == CAUSES
    for cause in CAUSES:
        assert restatements.causes_in_words(cause, "zh") != restatements.causes_in_words(cause)


def history(unit_name: str) -> dict[str, pl.DataFrame]:
    """Four editions: the first; one that restated a figure for two causes; one that moved none; another comparison."""
    rows = differing(figures(cocaine_network=-40.0, cocaine_a=-10.0), figures(cocaine_network=-42.0, cocaine_a=-12.0))
    caused = moved(rows, "superseded code", by=("a" * 64,)).rows.with_columns(
        pl.lit(2, pl.Int64).alias("edition_number"), pl.lit("b" * 12).alias("edition"),
        pl.lit("a" * 12).alias("edition_before"), pl.lit("permille").alias("protocol"),
        pl.lit("2023").alias("baseline_period"), pl.lit("2024").alias("current_period"),
        pl.when(pl.col("level") == "area").then(pl.lit(unit_name)).otherwise("unit_name").alias("unit_name"),
    )  # fmt: skip
    editions = [
        {"edition_number": number, "edition": sign * 12, "newest_received_at": datetime(2026, 1, number),  # noqa: DTZ001
         "protocol": "permille", "baseline_period": "2023", "current_period": current, "is_compared": number > 1,
         "causes": causes}
        for number, sign, current, causes in [
            (1, "a", "2024", ""), (2, "b", "2024", "superseded code"), (3, "c", "2024", "new"), (4, "d", "2025", "new"),
        ]
    ]  # fmt: skip
    return {"editions": rows_of("editions", editions), "restatements": rows_of("restatements", caused.to_dicts())}


def test_the_page_shows_every_edition_newest_first_and_hostile_names_as_text(build):
    folder = build(city(n_sites=1, n_areas=1, drugs=("cocaine",)) | history(HOSTILE))
    for language in ("en", "zh"):
        text = page(folder, "restatements.html", language)
        number = " −42 %" if language == "en" else "−42%"
        assert number.strip() in text
        assert text.index('id="edition-4"') < text.index('id="edition-3"') < text.index('id="edition-1"')
        of_each = dict(zip("4321", text.split('<section aria-labelledby="edition-')[1:], strict=True))
        assert ["<table" in of_each[one] for one in "4321"] == [False, False, True, False]
        for cause in ("superseded", "code"):
            assert restatements.causes_in_words(cause, language) in of_each["2"]
        assert of_each["2"].count("<tr>") == 1 + 2
        assert 'id="corrections"' in text
        # The comparison changed with the fourth edition, and both are named.
        for period in ("2024", "2025"):
            assert period in of_each["4"]
    for text in every_page(folder).values():
        assert "<script>alert" not in text
        assert "<img src=x" not in text
