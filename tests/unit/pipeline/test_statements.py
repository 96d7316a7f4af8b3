"""Macros and views are defined when a statement names them, with all that these need."""

import contextlib
import re

from pipeline.statements import definitions, needed, sql
from pipeline.warehouse import Warehouse


def test_each_definition_needs_none_that_comes_after_it():
    names = list(definitions())
    for place, (name, text) in enumerate(definitions().items()):
        named = re.findall(r"\w+(?=\s*\()|(?<=from )\w+|(?<=join )\w+", re.sub(r"--.*", "", text))
        later = set(named) & set(names[place + 1 :])
        assert not later, name


def test_all_of_both_files_is_defined():
    assert len(definitions()) == sum(sql(file).count("create or replace") for file in ("macros", "views"))


def test_a_column_called_as_a_macro_needs_none():
    assert needed('select load_mg_per_day, "ordered" from loads') == ()
    assert needed("select load_mg_per_day (1, 2)") == ("load_mg_per_day",)
    assert needed("select 1 from delivered_flows") == ("ordered_deliveries", "delivered_flows")


def test_what_a_transaction_defined_that_failed_is_defined_again(tmp_path):
    with Warehouse.open(tmp_path / "w.duckdb") as warehouse:
        with contextlib.suppress(ZeroDivisionError), warehouse.transaction():
            assert warehouse.query("from current_flows").is_empty()
            raise ZeroDivisionError
        assert warehouse.query("from current_flows").is_empty()


def test_what_was_found_out_of_a_table_is_forgotten_when_it_may_be_another(tmp_path):
    with Warehouse.open(tmp_path / "w.duckdb") as warehouse:

        def n_rows():
            return warehouse.remembered("events", "n_rows", lambda: warehouse.count("events"))

        assert n_rows() == 0
        warehouse.connection.execute("insert into events (event_id) values ('a')").fetchall()
        assert n_rows() == 0, "once for as long as nothing is written through the warehouse"
        with warehouse.shadowed("events"):
            assert n_rows() == 0
        assert n_rows() == 1
        with warehouse.known_as("events", warehouse.read("events").clear()):
            assert n_rows() == 0
        assert n_rows() == 1
        warehouse.connection.execute("insert into events (event_id) values ('b')").fetchall()
        warehouse.forget()
        assert n_rows() == 2
