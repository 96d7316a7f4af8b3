"""Loss in the sewer: the published decay, half-lives between temperatures, and who is corrected or flagged."""

import pytest

from pipeline import explain
from pipeline.warehouse import Warehouse
from tests.unit.pipeline.test_estimates import MONDAY, city, one, results, week

__all__ = ["city"]
SITES = "site_id,site_name,sewer_residence_h,sewage_temperature_celsius\n"
HEROIN = 369.41 / 327.37 / 0.013


@pytest.mark.parametrize(
    ("half_life", "after_6_h", "after_12_h", "correction"),
    [
        # Half-lives of Senta et al. 2014; what remains and the correction are literals, some rounded up in their table.
        (87, 0.953, 0.909, 1.100), (139, 0.971, 0.942, 1.062), (35, 0.888, 0.789, 1.268), (173, 0.976, 0.953, 1.049),
        (7, 0.552, 0.305, 3.28), (58, 0.931, 0.866, 1.154),
    ],
)  # fmt: skip
def test_decay_is_the_published_one(tmp_path, half_life, after_6_h, after_12_h, correction):
    with Warehouse.open(tmp_path / "w.duckdb") as warehouse:
        row = warehouse.query(
            "select 1 - in_sewer_loss(6, $t) as six, 1 - in_sewer_loss(12, $t) as twelve,"
            " consumption_mg_per_day_per_1000(1, 1, in_sewer_loss(12, $t)) as correction",
            {"t": half_life},
        ).row(0)
    assert row == (
        pytest.approx(after_6_h, abs=6e-4), pytest.approx(after_12_h, abs=6e-4),
        pytest.approx(correction, abs=5e-3 if correction > 3 else 5e-4),
    )  # fmt: skip


def test_a_half_life_between_two_temperatures(tmp_path):
    """At the ends it is that of the ends; at 15 C, 1/T lies 0.5087 of the way: 139 x (87 / 139)^0.5087 = 109.5 h."""
    with Warehouse.open(tmp_path / "w.duckdb") as warehouse:
        found = [
            warehouse.query("select half_life_between(139, 10, 87, 20, $c)", {"c": celsius}).item()
            for celsius in (10, 15, 20)
        ]
    assert found == [pytest.approx(139), pytest.approx(109.5, abs=0.05), pytest.approx(87)]


@pytest.mark.parametrize(
    ("stated", "half_life", "flags"),
    [
        ("12,20", 87, "sewer_loss_corrected"),
        ("12,10", 139, "sewer_loss_corrected"),
        ("12,15", 109.51, "sewer_loss_corrected"),
        ("12,25", 87, "half_life_outside_range sewer_loss_corrected"),
        ("12,5", 139, "half_life_outside_range sewer_loss_corrected"),
        ("12,", None, "unstable_residue"),
        (",20", None, "unstable_residue"),
        (",", None, "unstable_residue"),
    ],
)
def test_heroin_is_corrected_where_the_site_list_says_how_long_and_how_warm(city, workspace, stated, half_life, flags):
    from tests.unit.pipeline.test_explain import archive

    with city(
        sites=SITES + f"S1,One,{stated}\nS2,Two,,\n", results=results(week(MONDAY, [2, "<LOQ"], residue="6-MAM"))
    ) as warehouse:
        rows = warehouse.query(
            "select coalesce(amount_limit_mg_per_day_per_1000, amount_mg_per_day_per_1000) as amount, flags"
            " from consumption where protocol = 'permille' order by sampled_on"
        ).rows()
        remains = 0.5 ** (12 / half_life) if half_life else 1
        assert rows == [
            (pytest.approx(2 * HEROIN / remains, rel=1e-4), flags), (pytest.approx(HEROIN / remains, rel=1e-4), flags)
        ]  # fmt: skip
        rows = warehouse.query(
            "select amount_mg_per_day_per_1000, flags from consumption where protocol = 'euda' order by sampled_on"
        ).rows()
        assert rows == [(2, "unstable_residue"), (0, "unstable_residue")]
        found = explain.explain_day(warehouse, archive(workspace), "S1", "heroin", MONDAY, "permille")
        assert found.agrees
        assert ("in_sewer_loss" in [step.macro for step in found.steps]) == (half_life is not None)


def test_what_lasts_is_neither_corrected_nor_flagged(city):
    with city(sites=SITES + "S1,One,12,20\nS2,Two,,\n", results=results(week(MONDAY, [10]))) as warehouse:
        assert one(warehouse, "select flags from consumption where protocol = 'permille'") is None
        assert one(warehouse, "select in_sewer_loss from consumption where protocol = 'permille'") is None
