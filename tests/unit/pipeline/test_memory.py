"""How much memory DuckDB may take beside Python."""

import duckdb
import pytest

from pipeline.warehouse import Warehouse


@pytest.mark.parametrize(("machine_gb", "allowed_gib"), [(8, 8 * 1e9 / 2 / 2**30), (64, 6)])
def test_duckdb_may_take_half_of_the_machine_and_6_gib_at_most(machine_gb, allowed_gib):
    with duckdb.connect() as connection:
        connection.execute(f"set memory_limit = '{0.8 * machine_gb} GB'")  # as DuckDB does by itself
        Warehouse(connection)._limit_memory()
        (found,) = connection.execute(
            "select parse_formatted_bytes(current_setting('memory_limit')) / 2**30"
        ).fetchone()
    assert found == pytest.approx(allowed_gib, abs=0.15)  # settings are told to a tenth, twice
