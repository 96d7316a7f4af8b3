"""What tables were computed from: equal inputs have one identity, and a mixture is refused by name."""

import shutil

import pytest

from pipeline import estimates, inputs
from pipeline.inputs import MixedEditionError, edition_of, of_settings, require_one_edition
from pipeline.intake import take_in
from pipeline.settings import Settings, make_workspace
from pipeline.warehouse import Warehouse
from tests.conftest import estimate, lay, lay_tiny

pytestmark = pytest.mark.xdist_group("inputs")  # what its tests share is made once


def compute(warehouse, here):
    """All tables, as the job computes them."""
    warehouse.settings_identity = of_settings(here.settings)
    estimate(warehouse, here)
    estimates.compute_changes(warehouse, here.settings)
    estimates.compute_robustness(warehouse, here.settings)
    estimates.compute_targets(warehouse, here.settings)
    estimates.compute_trends(warehouse)
    estimates.compute_events(warehouse)


@pytest.fixture(scope="module")
def city(tmp_path_factory):
    """A tiny city, computed; its warehouse is given back as it was after each test."""
    here = make_workspace(tmp_path_factory.mktemp("city"))
    lay_tiny(here)
    take_in(here, tell=lambda line: None)
    with Warehouse.open(here.warehouse) as warehouse:
        compute(warehouse, here)
    return here


@pytest.fixture
def warehouse(city):
    with Warehouse.open(city.warehouse) as warehouse:
        warehouse.settings_identity = of_settings(city.settings)
        warehouse.connection.execute("begin transaction")
        yield warehouse
        warehouse.connection.execute("rollback")


def test_each_table_and_year_has_its_row(warehouse):
    rows = warehouse.read("computed_from")
    years = rows.filter(table_name="loads")["sampling_year"].to_list()
    assert sorted(years) == warehouse.years("loads")
    assert set(rows["table_name"]) == {*inputs._REFERENCE, *inputs._COMPUTED}
    assert require_one_edition(warehouse) == edition_of(warehouse)


def test_another_delivery_is_another_edition_and_older_tables_are_named(warehouse):
    first = edition_of(warehouse)
    warehouse.connection.execute(
        "insert into deliveries by name"
        " select * replace ('f' || delivery_id[2:] as delivery_id) from deliveries limit 1"
    )
    with pytest.raises(MixedEditionError) as refused:
        require_one_edition(warehouse)
    assert "deliveries" in str(refused.value)
    assert "area_periods (2023, 2024)" in str(refused.value)
    assert "permille run" in str(refused.value)
    inputs.record(warehouse, *inputs._COMPUTED)
    assert require_one_edition(warehouse) != first


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("update deliveries set received_at = received_at + interval 1 day", "other deliveries"),
        ("update factors set excreted_fraction = 0.5", "other factors"),
        ("delete from computed_from where table_name = 'loads'", "not computed yet: loads"),
        ("update computed_from set code_identity = repeat('0', 64) where table_name = 'trends'", "other code than"),
    ],
)
def test_each_input_counts(warehouse, statement, named):
    warehouse.connection.execute(statement)
    with pytest.raises(MixedEditionError, match=named):
        require_one_edition(warehouse)


def test_settings_that_change_figures_count_and_others_do_not(warehouse, city):
    warehouse.settings_identity = of_settings(city.settings.model_copy(update={"title": "Another"}))
    require_one_edition(warehouse)
    warehouse.settings_identity = of_settings(city.settings.model_copy(update={"flow_fill": "weekday-median"}))
    with pytest.raises(MixedEditionError, match="settings"):
        require_one_edition(warehouse)


def test_every_setting_is_known_to_change_figures_or_not():
    """A new setting is put on one of the two lists by whoever adds it."""
    others = {
        "title", "outlines", "plotly_js", "inbox", "warehouse", "published", "site", "profiles", "protocols", "factors",
        "archive", "receipts", "euda_data_url", "euda_sites_url",
    }  # fmt: skip
    assert set(Settings.model_fields) == inputs._OF_FIGURES | others


def test_a_table_computed_alone_after_others_took_in_more_is_not_published_with_the_rest(tmp_path, city):
    """Two single materialisations: what is taken in between makes a mixture, and that is refused."""
    here = make_workspace(tmp_path / "copy")
    shutil.copytree(city.inbox, here.inbox, dirs_exist_ok=True, copy_function=shutil.copy2)
    shutil.copy(city.warehouse, here.warehouse)
    lay(here, "more.csv", "site_id,sampled_on,residue,concentration,unit\nS1,2024-03-12,METH,9,ng/L\n")
    take_in(here, tell=lambda line: None)
    with Warehouse.open(here.warehouse) as warehouse:
        warehouse.settings_identity = of_settings(here.settings)
        estimates.compute(warehouse, "loads")
        with pytest.raises(MixedEditionError) as refused:
            require_one_edition(warehouse)
        assert "loads" not in str(refused.value).replace("reported_loads", "")
