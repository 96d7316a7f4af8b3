"""CPU time and peak memory of each stage of `permille run` on one million daily results: `make bench-daily`.

A simulated network of 114 sites that measure 12 residues every day of two years, as CSV files of the project's own
layouts, marked as simulated by their profiles. Nothing in it was measured anywhere. The whole job runs in one process,
pages included; a stage is a function that the job calls. Prints a table in Markdown.
"""

import argparse
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any

import duckdb

from benchmarks.calibration import SEED
from pipeline.settings import Workspace, make_workspace
from schemas.profile import SHIPPED

N_SITES, N_YEARS, FIRST_YEAR = 114, 2, 2024
RESIDUES = [
    "benzoylecgonine", "methamphetamine", "amphetamine", "mdma", "ketamine", "norketamine", "6-mam", "morphine",
    "codeine", "thc-cooh", "cotinine", "etomidate-acid",
]  # fmt: skip
GOAL_OF_PAGES = 150
"""CPU seconds that the pages may take."""
REST = "Dagster and the rest"

_TABLES = {
    "areas": """
        select 'A' || n as area_id, 'Area ' || n as area_name from range(10) t(n) order by n""",
    "sites": """
        select site_id, 'Plant ' || s as site_name, 'A' || s % 10 as area_id, 45 + s % 12 / 10 as latitude,
            5 + s // 12 / 10 as longitude, 'census' as population_method
        from of_sites order by s""",
    "populations": """
        select site_id, 'census' as population_method, 20000 + 2500 * s as population from of_sites order by s""",
    "flows": """
        select site_id, day as date, round((20000 + 2500 * s) * 0.25 * exp(0.1 * normal(s, 'flow', day)), 1)
            as flow_m3_per_day
        from of_sites, of_days order by day, s""",
    # A level for each residue and site, a weekly rhythm, a fall by a tenth a year, and days that differ by a third.
    "results": """
        select site_id, day as sampled_on, residue,
            if(concentration < loq, '<LOQ', round(concentration, 2)::varchar) as concentration, 'ng/L' as unit,
            loq / 3 as lod, loq, 'Laboratory ' || s % 6 as laboratory,
            'L' || s % 6 || strftime(day, '-%Y-%m') as batch
        from (
            select *, 6 as loq,
                exp(
                    ln(20 + 30 * r) + 0.4 * normal(s, residue, '') + 0.2 * (isodow(day) > 5)::integer
                    - 0.1 * date_diff('day', make_date($first_year, 1, 1), day) / 365 + 0.3 * normal(s, residue, day)
                ) as concentration
            from of_sites, of_days, of_residues
        )
        order by day, s, r""",
}
_AROUND = [
    # Uniform numbers by hashes make normal ones: the same in every run.
    "create macro uniform(a, b, c, part) as (1 + hash(a, b, c, part, $seed) % 1000000) / 1000001",
    "create macro normal(a, b, c) as sqrt(-2 * ln(uniform(a, b, c, 1))) * cos(2 * pi() * uniform(a, b, c, 2))",
    "create table of_sites as select range as s, 'S' || lpad(range::varchar, 3, '0') as site_id from range($n_sites)",
    """create table of_days as
    select range::date as day
    from range(make_date($first_year, 1, 1), make_date($first_year + $n_years, 1, 1), interval 1 day)""",
    "create table of_residues as select unnest($residues) as residue, unnest(range(len($residues))) as r",
]


def lay(here: Workspace, n_sites: int, n_years: int) -> int:
    """Writes the deliveries into the inbox, results one file a quarter; returns how many results there are."""
    given = {"n_sites": n_sites, "n_years": n_years, "first_year": FIRST_YEAR, "residues": RESIDUES, "seed": SEED}
    with duckdb.connect() as connection:

        def rows(text: str) -> duckdb.DuckDBPyRelation:
            for name, value in given.items():  # macros take no bound values
                text = text.replace(f"${name}", repr(value))
            return connection.sql(text)

        for text in _AROUND:
            rows(text)
        for table, text in _TABLES.items():
            _mark_as_simulated(here, f"permille-{table}")
            if table != "results":
                rows(text).write_csv(str(here.inbox / f"{table}.csv"))
        connection.execute(f"create table results as {rows(_TABLES['results']).sql_query()}").fetchall()
        quarters = "select distinct strftime(sampled_on, '%Y-') || quarter(sampled_on) from results order by all"
        for (quarter,) in connection.sql(quarters).fetchall():
            of = f"from results where strftime(sampled_on, '%Y-') || quarter(sampled_on) = '{quarter}'"
            connection.sql(of).write_csv(str(here.inbox / f"results-{quarter}.csv"))
        ((n_results,),) = connection.sql("select count(*) from results").fetchall()
    return int(n_results)


def _mark_as_simulated(here: Workspace, profile: str) -> None:
    """A copy of a shipped profile in the workspace that says that its files are simulated."""
    head, mark, rest = (SHIPPED / f"{profile}.toml").read_text(encoding="utf-8").partition("\n[")
    (here.profiles / f"{profile}.toml").write_text(f"{head}\nis_simulated = true{mark}{rest}", encoding="utf-8")


class Stages:
    """CPU seconds and peak memory of stages; a stage within another counts by itself."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.peak_mib: dict[str, float] = {}
        self._open = [REST]
        self._since = _cpu_seconds()

    def close(self) -> None:
        """Counts what was used since the last change of stage to the stage that is open."""
        stage, now = self._open[-1], _cpu_seconds()
        self.seconds[stage] = self.seconds.get(stage, 0) + now - self._since
        self.peak_mib[stage] = max(self.peak_mib.get(stage, 0), _peak_mib_and_reset())
        self._since = now

    @contextmanager
    def of(self, stage: str) -> Iterator[None]:
        """What is done inside counts to the stage."""
        self.close()
        self._open.append(stage)
        try:
            yield
        finally:
            self.close()
            self._open.pop()

    def watch(self, owner: Any, function: str, stage: Callable[..., str]) -> None:
        """From now on a function of a module or class counts to the stage that its arguments tell."""
        done = getattr(owner, function)

        @wraps(done)
        def counted(*given: Any, **named: Any) -> Any:
            with self.of(stage(*given)):
                return done(*given, **named)

        setattr(owner, function, counted)


def _cpu_seconds() -> float:
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def _peak_mib_and_reset() -> float:
    """The peak of memory since the last call, where the system can be told to forget it; else since the start."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
        return int(status.partition("VmHWM:")[2].split()[0]) / 1024
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def watched() -> Stages:
    """Stages of the job, watched from now on."""
    from assets import publication
    from pipeline import estimates, intake, quality
    from pipeline.warehouse import Warehouse

    stages = Stages()
    stages.watch(intake, "take_in", lambda *_: "intake")
    stages.watch(estimates, "compute", lambda _, table, **__: table)
    stages.watch(estimates, "compute_changes", lambda *_: "changes and credibility")
    for table in ("robustness", "targets", "trends", "events"):
        stages.watch(estimates, f"compute_{table}", lambda *_, table=table: table)
    stages.watch(quality, "check_table", lambda *_: "checks of tables")
    stages.watch(Warehouse, "copy_to", lambda *_: "copy")
    stages.watch(publication, "publish_site", lambda *_: "pages")
    return stages


def main() -> None:
    """Makes the network, runs the job and prints what each stage took."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--sites", type=int, default=N_SITES)
    options.add_argument("--years", type=int, default=N_YEARS)
    options.add_argument("--workspace", type=Path, help="keep the workspace: a folder that does not exist yet")
    chosen = options.parse_args()
    os.environ.pop("DAGSTER_HOME", None)
    with tempfile.TemporaryDirectory() as folder:
        here = make_workspace(chosen.workspace or Path(folder) / "daily", {"title": "A simulated network, daily"})
        n_results = lay(here, chosen.sites, chosen.years)
        print(f"{n_results:,} simulated results of {chosen.sites} sites; duckdb {duckdb.__version__}, seed {SEED}")
        began = time.perf_counter()
        stages = watched()
        from assets.run import run_monitoring

        run_monitoring(here, tell=lambda line: print(line, file=sys.stderr, flush=True))
        stages.close()
    print("\n| stage | CPU [s] | peak memory [MiB] |\n|---|---|---|")
    for stage, seconds in stages.seconds.items():
        print(f"| {stage} | {seconds:.1f} | {stages.peak_mib[stage]:,.0f} |")
    print(f"| all | {sum(stages.seconds.values()):.1f} | {max(stages.peak_mib.values()):,.0f} |")
    print(f"\nIt took {time.perf_counter() - began:.0f} s. Goal of the pages: at most {GOAL_OF_PAGES} CPU seconds.")


if __name__ == "__main__":
    main()
