"""How long the pages of a network take, how large they are, and how soon the overview is drawn: `make bench-pages`.

A made-up published warehouse, filled set by set: sites, twelve drugs, ten years of a week a quarter, two protocols.
"""

import argparse
import gzip
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb

from benchmarks.calibration import SEED
from dashboards.site import publish_site
from pipeline.warehouse import Warehouse
from schemas.tables import TABLES

N_SITES = (50, 100, 200, 400)
N_DRUGS, N_YEARS, LAST_YEAR = 12, 10, 2025
OPENINGS = 5
"""How often the overview is opened, of which the middle counts."""

_TABLES = {
    "deliveries": """
        select repeat('a', 64) as delivery_id, 'results.csv' as file_name, 'made-up' as profile, null as profile_digest,
            timestamp '2026-01-05' as received_at, timestamp '2026-01-05' as saved_at, 1 as receipt_number, 1 as place,
            false as is_withdrawn, 'A laboratory' as sender, 'accepted' as status, 1000000 as n_rows,
            1000000 as n_accepted, 0 as n_quarantined, '1' as reader_version, true as is_simulated""",
    "areas": """
        select 'area-' || n as area_id, 'Area ' || n as area_name, null as parent_area_id, {back}
        from range($sites // 10) t(n)""",
    "sites": """
        select site_id, 'Plant ' || site as site_name, 'area-' || (site % greatest($sites // 10, 1)) as area_id,
            30 + site % 20 / 10 as latitude, 110 + site // 20 / 10 as longitude, {back}
        from of_sites""",
    "protocols": """
        select protocol, if(is_first, 'Permille', 'Other') as title,
            if(is_first, 'consumption', 'residue load') as basis,
            '2026' as factor_set, if(is_first, 'likelihood', 'zero') as below_limit,
            if(is_first, 'pooled_spread', 'none') as interval, 0.8 as max_censored_share, 3 as min_detects,
            'plain' as weekday_rule, 'population' as area_weights, if(is_first, null, 10.0) as stable_band_percent,
            false as domestic_share_in_population, 'none' as stability, false as net_of_other_sources,
            0.09 as amphetamine_per_methamphetamine, 'Made up.' as choices
        from of_protocols""",
    "factors": """
        select '2026' as factor_set, drug, upper(drug) as drug_name, '毒品' || number as drug_name_zh, drug as residue,
            0.3 as excreted_fraction, 'molar' as excretion_basis, 150.0 as molar_mass_parent_g_per_mol,
            150.0 as molar_mass_residue_g_per_mol, 'stable' as stability_class, true as is_default, 'V' as evidence,
            'approved' as factor_status, 'Made up' as source, date '2026-01-01' as valid_from
        from of_drugs""",
    "results": """
        select s.site_id, d.drug as residue, y.day as sampled_on, year(y.day) as sampling_year,
            round(100 * u, 2) as concentration_ng_per_l, '=' as qualifier, 'Lab' as laboratory, {back}
        from of_sites s, of_drugs d, of_days y,
            lateral (select 1 + hash(s.site, d.number, y.day) % 1000 / 1000.0 as u)""",
    "consumption": """
        select r.site_id, r.sampled_on, isodow(r.sampled_on) as weekday, r.sampling_year, r.residue as drug, r.residue,
            p.protocol, if(p.is_first, 'consumption', 'residue load') as basis, 'measured' as origin,
            false as is_censored, r.concentration_ng_per_l / 10 as load_mg_per_day_per_1000, 3.3 as correction_factor,
            0.1 as correction_factor_log_sd, 'approved' as factor_status, false as is_provisional,
            r.concentration_ng_per_l / 3 as amount_mg_per_day_per_1000, 50000.0 as population,
            'census' as population_method, 0.1 as population_rsd, 0.1 as flow_rsd, 1 as n_measurements,
            'Lab' as laboratory,
            'estimated' as state, {back_of_r}
        from results r, of_protocols p""",
    "site_periods": """
        select site_id, drug, residue, protocol, basis, k.kind as period_kind,
            case k.kind when 'year' then sampling_year::varchar when 'month' then strftime(sampled_on, '%Y-%m')
                else sampling_year || '-Q' || quarter(sampled_on) end as period,
            any_value(sampling_year) as sampling_year, count(*) as n_days, 0 as n_censored,
            avg(amount_mg_per_day_per_1000) as mean_mg_per_day_per_1000,
            0.9 * avg(amount_mg_per_day_per_1000) as ci_low_mg_per_day_per_1000,
            1.1 * avg(amount_mg_per_day_per_1000) as ci_high_mg_per_day_per_1000, 50000.0 as population,
            7 as n_weekdays, {by_weekday} as by_weekday_mg_per_day_per_1000,
            'estimated' as state, false as is_provisional, true as is_simulated
        from consumption, (values ('year'), ('quarter'), ('month')) k(kind)
        group by site_id, drug, residue, protocol, basis, k.kind, period""",
    "area_periods": """
        select a.level, a.unit_id, any_value(a.unit_name) as unit_name, s.drug, s.residue, s.protocol, s.basis,
            s.period_kind, s.period, s.sampling_year, sum(s.n_days) as n_days, 0 as n_censored, count(*) as n_sites,
            0 as n_sites_left_out, 0 as n_sites_without_days,
            avg(s.mean_mg_per_day_per_1000) as mean_mg_per_day_per_1000,
            0.95 * avg(s.mean_mg_per_day_per_1000) as ci_low_mg_per_day_per_1000,
            1.05 * avg(s.mean_mg_per_day_per_1000) as ci_high_mg_per_day_per_1000, 'population' as area_weights,
            'estimated' as state, false as is_provisional, true as is_simulated
        from site_periods s join area_of_site a using (site_id)
        group by a.level, a.unit_id, s.drug, s.residue, s.protocol, s.basis, s.period_kind, s.period,
            s.sampling_year""",
    "changes": """
        with means as (
            select 'site' as level, site_id as unit_id, null as unit_name, drug, residue, protocol, basis, period,
                mean_mg_per_day_per_1000 as mean, 1 as n_sites, n_days
            from site_periods where period_kind = 'year'
            union all
            select level, unit_id, unit_name, drug, residue, protocol, basis, period, mean_mg_per_day_per_1000,
                n_sites, n_days
            from area_periods where period_kind = 'year'
        )
        select now.level, now.unit_id, coalesce(now.unit_name, s.site_name) as unit_name, now.drug,
            upper(now.drug) as drug_name, now.residue, now.protocol, now.basis, old.period as baseline_period,
            now.period as current_period, old.mean as baseline_mg_per_day_per_1000,
            now.mean as current_mg_per_day_per_1000,
            100 * (now.mean / old.mean - 1) as change_percent, change_percent - 9 as ci_low_percent,
            change_percent + 9 as ci_high_percent, change_percent as naive_change_percent,
            change_percent - 2 as part_concentration_percent, 2.0 as part_flow_percent,
            0.0005 as days_log_variance, 0.001 as batch_log_variance,
            if(abs(change_percent) < 9, 'no change detected', if(change_percent < 0, 'fall', 'rise')) as verdict,
            12.0 as smallest_detectable_fall_percent, 'stands' as credibility, 'estimated' as state, now.n_sites,
            0 as n_sites_left_out, '' as panel, 'population' as area_weights, old.n_days as n_days_baseline,
            now.n_days as n_days_current, 0 as n_censored_baseline, 0 as n_censored_current, false as is_provisional,
            true as is_simulated
        from means now
        join means old using (level, unit_id, drug, protocol)
        left join sites s on now.level = 'site' and s.site_id = now.unit_id
        where now.period = $last::varchar and old.period in ($first::varchar, ($last - 1)::varchar)""",
}
_BY_WEEKDAY = ", ".join(f"avg(amount_mg_per_day_per_1000) filter (where weekday = {n})" for n in range(1, 8))
_BY_WEEKDAY = f"[{_BY_WEEKDAY}]"
_BACK = (
    "repeat('a', 64) as delivery_id, '' as sheet, {row} as row_number, 'c' as source_column, 'A1' as source_cell,"
    " '1' as value_as_written, true as is_simulated"
)


def fill(database: Path, n_sites: int) -> None:
    """A published warehouse of so many sites."""
    of_days = f"range({LAST_YEAR - N_YEARS + 1}, {LAST_YEAR + 1}) a(y), range(1, 5) b(q), range(7) c(d)"
    asked = {"sites": n_sites, "first": LAST_YEAR - N_YEARS + 1, "last": LAST_YEAR}
    with Warehouse.open(database) as warehouse:
        connection = warehouse.connection
        for name, statement in (
            ("of_sites", f"select n as site, 'site-' || n as site_id from range({n_sites}) t(n)"),
            ("of_drugs", f"select n as number, 'drug-' || n as drug from range({N_DRUGS}) t(n)"),
            ("of_protocols", "select * from (values ('permille', true), ('other', false)) t(protocol, is_first)"),
            ("of_days", f"select make_date(y, 3 * q - 1, 5 + d) as day from {of_days}"),
        ):
            connection.execute(f"create temp table {name} as {statement}")
        for table, statement in _TABLES.items():
            text = statement.format(
                back=_BACK.format(row="row_number() over ()"),
                by_weekday=_BY_WEEKDAY,
                back_of_r="r.delivery_id, r.sheet, r.row_number, r.source_column, r.source_cell, r.is_simulated",
            )
            bound = {name: value for name, value in asked.items() if f"${name}" in text}
            known = [row[0] for row in connection.execute(f"describe {text}", bound).fetchall()]
            columns = ", ".join(f'"{name}"' for name in known if name in TABLES[table].columns)
            connection.execute(f'insert into "{table}" ({columns}) select {columns} from ({text})', bound)


def measured(n_sites: int, folder: Path) -> tuple[float, int, int, float, Path]:
    """Seconds to build, bytes in all, bytes of the largest page compressed, peak memory [MB], and the site."""
    database, site = folder / f"{n_sites}.duckdb", folder / f"site-{n_sites}"
    fill(database, n_sites)
    site.mkdir()
    # A process of its own, so that its memory is its own.
    work = (
        "import resource, sys, time\nfrom pathlib import Path\nfrom benchmarks.pages import build\n"
        "began = time.perf_counter()\nbuild(Path(sys.argv[1]), Path(sys.argv[2]))\n"
        "print(time.perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)\n"
    )
    done = subprocess.run(  # noqa: S603  our own text
        [sys.executable, "-c", work, str(database), str(site)], capture_output=True, text=True, check=True
    )
    seconds, memory = (float(part) for part in done.stdout.split())
    size = sum(file.stat().st_size for file in site.rglob("*") if file.is_file())
    largest = max(len(gzip.compress(file.read_bytes(), mtime=0)) for file in site.rglob("*.html"))
    return seconds, size, largest, memory, site


def build(database: Path, site: Path) -> None:
    """The pages of a made-up warehouse."""
    first = str(LAST_YEAR - N_YEARS + 1)
    publish_site(
        database, site, headline_protocol="permille", baseline=first, current=str(LAST_YEAR), title="A made-up network"
    )


def drawn_after(page: Path) -> float:
    """Seconds until a page is drawn, from the disk, the middle of some openings each in a fresh window."""
    from tests.browser import opened, visiting

    found = []
    with opened() as browser:
        for _ in range(OPENINGS):
            with visiting(browser) as visit:
                began = time.perf_counter()
                visit.open(page)
                found.append(time.perf_counter() - began)
    return statistics.median(found)


def main() -> None:
    """Prints the table for docs/speed.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sites", type=int, nargs="+", default=N_SITES, help="networks of so many sites")
    chosen = parser.parse_args()
    print(f"{N_DRUGS} drugs, {N_YEARS} years of a week a quarter; duckdb {duckdb.__version__}, seed {SEED}")
    print("| sites | build | a site | all files | largest page packed | peak memory | overview drawn | a drug's page |")
    print("|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for n_sites in chosen.sites:
            seconds, size, largest, memory, site = measured(n_sites, Path(folder))
            overview = drawn_after(site / "en" / "index.html")
            of_drug = drawn_after(site / "en" / "drugs" / "drug-0.html")
            print(
                f"| {n_sites} | {seconds:.1f} s | {1000 * seconds / n_sites:.0f} ms | {size / 1e6:.1f} MB"
                f" | {largest / 1000:.0f} kB | {memory:.0f} MB | {overview:.2f} s | {of_drug:.2f} s |",
                flush=True,
            )


if __name__ == "__main__":
    main()
