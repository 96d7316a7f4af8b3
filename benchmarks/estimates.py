"""How long loads and consumption take, as a ratio to a bare copy of the same results in the same warehouse, in one run.

`make bench-estimates`. The network is made here by one statement a table: sites with 20 residues every day, composites
by the clock of a time zone, three results in ten below their limits, one in a hundred stated again by a later delivery,
one in two hundred measured twice, one batch in fifty with a bad control. Nothing in it was measured anywhere. Each step
runs in a process of its own and ends with its rows written to the disk (`checkpoint`). Prints tables in Markdown.
"""

import argparse
import multiprocessing
import resource
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

RESIDUES = [
    "methamphetamine", "amphetamine", "mdma", "benzoylecgonine", "6-mam", "ketamine", "thc-cooh", "codeine", "eddp",
    "norfentanyl", "tramadol", "mephedrone", "methcathinone", "etomidate-acid", "cotinine", "ethyl-sulfate", "morphine",
    "hydroxycotinine", "norketamine", "caffeine",
]  # fmt: skip
GOAL = 3.0
Result = TypeVar("Result")

# The rows of a delivery lie together, as where deliveries come in one after the other: a laboratory sends a month.
_NETWORK = """
create or replace temp table made as
with numbered as (
    -- Of 200 rows three are of a sample that another row is of: two state it again, one measures it a second time.
    select range as n, n % 200 as turn, n - if(turn in (66, 133, 199), 20 * $n_sites - 1, 0) as m from range($n_rows)
)
select
    n, turn in (66, 133) and m >= 0 as is_later, turn = 199 and m >= 0 as is_second, greatest(m, 0) as i,
    i % 20 as r, (i // 20) % $n_sites as s, date '2019-01-01' + (i // (20 * $n_sites))::integer as day,
    s % 10 as laboratory, (hash(i, is_later, is_second) % 1000)::integer as chance,
    exp(ln(50 + 5 * r) + (chance - 500) / 400) as value
from numbered
"""
_RESULTS = """
insert into results by name
select
    'S' || lpad(s::varchar, 4, '0') as site_id,
    day::timestamp + interval 8 hours as composite_start_at, day::timestamp + interval 32 hours as composite_end_at,
    day::timestamp as composite_start_utc, day::timestamp + interval 24 hours as composite_end_utc,
    'Asia/Shanghai' as time_zone, day as sampled_on, year(day) as sampling_year, $residues[r + 1] as residue,
    if(chance < 300, null, round(value, 2)) as concentration_ng_per_l,
    case when chance < 50 then '<LOD' when chance < 300 then '<LOQ' else '=' end as qualifier,
    (1 + r / 10)::double as lod_ng_per_l, (3 + 3 * r / 10)::double as loq_ng_per_l, 'composite' as sample_type,
    'Laboratory ' || laboratory as laboratory, 'L' || laboratory || '-' || strftime(day, '%Y-%m') as batch,
    if(is_second, '2', '1') as replicate, if(chance between 300 and 305, 'value_below_loq', null) as flags,
    sha256(concat_ws(' ', laboratory, strftime(day, '%Y-%m'), is_later)) as delivery_id, 'Results' as sheet,
    2 + n % 200000 as row_number, 'Value ng/L' as source_column, 'D' || row_number as source_cell,
    if(chance < 300, qualifier, concentration_ng_per_l::varchar) as value_as_written, 'ng/L' as unit_as_written,
    true as is_simulated
from made order by strftime(day, '%Y-%m'), is_later, laboratory, n
"""
_AROUND = [
    """insert into deliveries by name
    select delivery_id, delivery_id[:8] || '.xlsx' as file_name, 'permille-composites' as profile, '' as profile_digest,
        row_number() over (order by min(is_later), delivery_id) as receipt_number, receipt_number as place,
        timestamp '2026-01-01' + to_hours(receipt_number) as received_at, received_at as saved_at,
        false as is_withdrawn,
        'accepted' as status, n as n_rows, n as n_accepted, 0 as n_quarantined, '7' as reader_version,
        true as is_simulated
    from (
        select
            sha256(concat_ws(' ', laboratory, strftime(day, '%Y-%m'), is_later)) as delivery_id, is_later,
            count(*) as n
        from made group by all
    ) group by delivery_id, n""",
    """insert into deliveries by name
    select 'register' as delivery_id, 'register.xlsx' as file_name, 'permille-sites' as profile, '' as profile_digest,
        0 as receipt_number, 0 as place, false as is_withdrawn, timestamp '2026-01-01' as saved_at,
        timestamp '2026-01-01' as received_at, 'accepted' as status, 1 as n_rows, 1 as n_accepted, 0 as n_quarantined,
        '7' as reader_version, true as is_simulated""",
    """insert into sites by name
    select 'S' || lpad(s::varchar, 4, '0') as site_id, 'Site ' || s as site_name, 'Asia/Shanghai' as time_zone,
        3.0 as cigarettes_per_person_per_day, 0.7 as domestic_share, 'register' as delivery_id, 'Sites' as sheet,
        s + 2 as row_number, true as is_simulated
    from (select distinct s from made)""",
    """insert into populations by name
    select 'S' || lpad(s::varchar, 4, '0') as site_id, 'census' as population_method,
        20000 + 1000.0 * s + 100 * (y - 2019) as population, 0.05 as population_rsd, make_date(y, 1, 1) as valid_from,
        make_date(y, 12, 31) as valid_to, 'register' as delivery_id, 'Populations' as sheet, s + 2 as row_number,
        true as is_simulated
    from (select distinct s, year(day)::integer as y from made)""",
    """insert into flows by name
    select 'S' || lpad(s::varchar, 4, '0') as site_id, day as sampled_on, year(day) as sampling_year,
        5000 + 250.0 * s + hash(s, day) % 1000 as flow_m3_per_day, 'register' as delivery_id, 'Flows' as sheet,
        row_number() over (order by day, s) as row_number, 'Inflow' as source_column, 'C' || row_number as source_cell,
        flow_m3_per_day::varchar as value_as_written, 'm³/day' as unit_as_written, true as is_simulated
    from (select distinct s, day from made)""",
    """insert into quality_controls by name
    select
        'Laboratory ' || laboratory as laboratory, 'L' || laboratory || '-' || strftime(day, '%Y-%m') as batch,
        unnest($residues) as residue, 'spike' as control,
        if(hash(laboratory, batch, residue) % 50 = 0, 60.0, 95.0) as control_value, 'register' as delivery_id,
        'Controls' as sheet, 2 as row_number, true as is_simulated
    from (select distinct laboratory, strftime(day, '%Y-%m') as month, min(day) as day from made group by all)""",
]


class Measured(NamedTuple):
    """What one step took."""

    n_rows: int
    seconds: float
    peak_mib: float
    bytes_written: int


def fill(path: Path, n_rows: int, n_sites: int) -> None:
    """A warehouse with a network in it, and what the project knows of residues, factors and protocols."""
    from pipeline import estimates
    from pipeline.warehouse import Warehouse

    with Warehouse.open(path) as warehouse:
        estimates.load_reference(warehouse)
        connection = warehouse.connection
        connection.execute(_NETWORK, {"n_rows": n_rows, "n_sites": n_sites}).fetchall()
        for statement in (*_AROUND, _RESULTS):
            bound = {"residues": RESIDUES} if "$residues" in statement else {}
            connection.execute(statement, bound).fetchall()


def _used_bytes(connection: object) -> int:
    block, used = connection.execute(  # type: ignore[attr-defined]
        "select block_size, used_blocks from pragma_database_size() where database_name <> 'temp'"
    ).fetchone()
    return int(block * used)


def work(path: Path, step: str) -> Measured:
    """One step in this process: `copy of ...` a table, a table of the estimates, or `consumption of ...` a protocol."""
    from pipeline import estimates
    from pipeline.warehouse import Warehouse

    table, _, of = step.partition(" of ")
    with Warehouse.open(path) as warehouse:
        do = warehouse.connection.execute
        if table != "copy":
            do(f"delete from {table}").fetchall()
            if of:
                do("create temp table all_protocols as from protocols").fetchall()
                do("delete from protocols where protocol <> $only", {"only": of}).fetchall()
        do("checkpoint").fetchall()
        before = _used_bytes(warehouse.connection)
        start = time.perf_counter()
        if table == "copy":
            do(f"create table copy as select * from {of}").fetchall()
        else:
            estimates.compute(warehouse, table)
        do("checkpoint").fetchall()
        seconds = time.perf_counter() - start
        peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        n_bytes = _used_bytes(warehouse.connection) - before
        ((n_rows,),) = do(f"select count(*) from {table}").fetchall()
        if table == "copy":
            do("drop table copy").fetchall()
        elif of:
            do("delete from protocols").fetchall()
            do("insert into protocols from all_protocols").fetchall()
    return Measured(n_rows, seconds, peak_mib, n_bytes)


def afresh(task: Callable[..., Result], *given: Any) -> Result:
    """What a task gives in a fresh process, so that each has a peak of memory of its own."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as fresh:
        return fresh.submit(task, *given).result()


def main() -> None:
    """Measures and prints."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rows", type=int, default=20_000_000)
    options.add_argument("--sites", type=int, default=500)
    options.add_argument("--folder", type=Path, help="where to make the warehouse: an empty folder with room for it")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory(dir=chosen.folder) as folder:
        path = Path(folder) / "warehouse.duckdb"
        # Not here: a process that is started begins with the peak of the one that starts it.
        afresh(fill, path, chosen.rows, chosen.sites)
        steps = [
            "copy of results", "population_estimates", "loads", "consumption of permille", "copy of consumption",
            "consumption", "copy of results", "copy of loads", "copy of consumption",
        ]  # fmt: skip
        found = []
        print("| step | rows written | seconds | peak [MiB] | on disk [MB] |")
        print("|---|---|---|---|---|")
        for step in steps:
            each = afresh(work, path, step)
            found.append(each)
            print(
                f"| {step} | {each.n_rows:,} | {each.seconds:.1f} | {each.peak_mib:,.0f} |"
                f" {each.bytes_written / 1e6:,.0f} |",
                flush=True,
            )
    results, _, loads, one, copy_of_one, every, again, copy_of_loads, copy_of_every = (each.seconds for each in found)
    copied = (results + again) / 2
    print("\n| loads and consumption | seconds | to a copy of the results | to a copy of the rows written |")
    print("|---|---|---|---|")
    for name, took, rows in (("of one protocol", one, copy_of_one), ("of all protocols", every, copy_of_every)):
        ours = loads + took
        print(f"| {name} | {ours:.1f} | {ours / copied:.2f} | {ours / (copy_of_loads + rows):.2f} |")
    print(f"\nGoal: at most {GOAL:g}. The two copies of the results: {results:.1f} and {again:.1f} s.")


if __name__ == "__main__":
    main()
