"""Small published warehouses: the tables of `schemas.tables`, filled with plausible rows."""

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from datetime import date, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any
from unittest.mock import patch

import polars as pl
import pytest

from dashboards import site
from dashboards.site import publish_site
from pipeline.judge import judge
from pipeline.warehouse import Warehouse
from schemas.tables import TABLES

Tables = dict[str, pl.DataFrame]
Row = dict[str, Any]

NAMES = {
    "methamphetamine": "methamphetamine",
    "ketamine": "ketamine",
    "cocaine": "cocaine",
    "mdma": "MDMA",
    "amphetamine": "amphetamine",
    "heroin": "heroin",
}
QUESTION = {"headline_protocol": "permille", "baseline": "2023", "current": "2025", "title": "Drugs in wastewater"}


def schema_of(table: str) -> dict[str, Any]:
    """Columns of a table and their types, from its model."""
    return {name: column.dtype.type for name, column in TABLES[table].columns.items()}


def rows_of(table: str, rows: list[Row]) -> pl.DataFrame:
    """Rows with the table's types; what a row does not say is empty."""
    return pl.DataFrame(rows, schema=schema_of(table))


def target(number: int = 1, **changed: Any) -> Row:
    """A target of all sites, as the table has it."""
    return {
        "target_number": number, "target_name": "Plan 2027", "level": "network", "unit_id": "network",
        "unit_name": "All sites", "drug": "methamphetamine", "drug_name": "methamphetamine", "protocol": "permille",
        "baseline_period": "2023", "current_period": "2025", "deadline": date(2027, 12, 31), "aim_percent": -60.0,
        "state": "estimated", "reason": None, "change_percent": -48.2, "ci_low_percent": -56.0,
        "ci_high_percent": -39.0, "progress_percent": 72.0, "expected_by_now_percent": -40.0, "probability_met": 0.004,
        "probability_on_track": 0.96, "outcome": "not met", "pace": "undecided", "credibility": None,
        "is_provisional": False, "is_simulated": False, **changed,
    }  # fmt: skip


def digest_of(tables: Mapping[str, pl.DataFrame]) -> str:
    """The same for the same tables."""
    digest = sha256()
    for table in sorted(tables):
        digest.update(table.encode())
        digest.update(repr(tables[table].schema).encode())
        digest.update(tables[table].write_ipc(None).getvalue())
    return digest.hexdigest()


_WRITTEN: dict[str, bytes] = {}


def write_warehouse(file: Path, tables: Mapping[str, pl.DataFrame]) -> Path:
    """A published copy: each table of the register, empty where no rows are given. The last few are remembered."""
    digest = digest_of(tables)
    if digest in _WRITTEN:
        file.write_bytes(_WRITTEN[digest])
        return file
    with Warehouse.open(file) as warehouse, warehouse.transaction():
        for table, frame in tables.items():
            assert judge(frame, TABLES[table].model).is_empty(), table
            warehouse.insert(table, frame)
    while len(_WRITTEN) > 5:
        _WRITTEN.pop(next(iter(_WRITTEN)))
    _WRITTEN[digest] = file.read_bytes()
    return file


def level(drug: str, year: int, quarter: int, place: int) -> float:
    """A made-up amount [mg/day/1000]: some drugs fall, some rise, with a season."""
    at_start, ratio = {
        "methamphetamine": (412.0, 0.72),
        "ketamine": (31.0, 1.18),
        "cocaine": (88.0, 0.94),
        "mdma": (6.4, 0.9),
        "amphetamine": (24.0, 1.02),
        "heroin": (55.0, 0.88),
    }[drug]
    season = 1 + 0.06 * ((quarter * 7 + place * 3) % 5 - 2)
    return at_start * ratio ** (year - 2022 + (quarter - 2.5) / 4) * season * (0.6 + 0.15 * (place % 7))


def city(
    *,
    n_sites: int = 8,
    n_areas: int = 3,
    drugs: tuple[str, ...] = ("methamphetamine", "ketamine", "cocaine", "mdma"),
    years: tuple[int, ...] = (2022, 2023, 2024, 2025),
    has_quarters: bool = True,
    is_simulated: bool = True,
    site_name: Callable[[int], str] = lambda n: f"Plant {n + 1}",
    file_name: str = "north/results-2025.xlsx",
    none_estimable: tuple[str, ...] = ("mdma",),
) -> Tables:
    """Tables of a made-up city by two protocols; the drugs in `none_estimable` have no change."""
    delivery = "a" * 64
    back = {
        "delivery_id": delivery,
        "sheet": "",
        "row_number": 1,
        "source_column": "c",
        "source_cell": "A1",
        "value_as_written": "1",
        "is_simulated": is_simulated,
    }
    simulated = {"is_simulated": is_simulated}
    sites = [f"s{n:03d}" for n in range(n_sites)]
    area_of = {site: f"a{n % n_areas:02d}" for n, site in enumerate(sites)}
    area_name = {f"a{n:02d}": f"District {chr(65 + n % 26)}{n // 26 or ''}" for n in range(n_areas)}
    protocols = {"permille": "consumption", "euda": "residue load"}
    spans = [("year", f"{year}", year, 2.5) for year in years]
    if has_quarters:
        spans += [("quarter", f"{year}-Q{n}", year, n) for year in years for n in range(1, 5)]
    common = [
        {"drug": drug, "residue": drug, "protocol": protocol, "basis": basis, "is_provisional": drug != "cocaine"}
        for drug in drugs
        for protocol, basis in protocols.items()
    ]
    site_periods: list[Row] = []
    area_periods: list[Row] = []
    changes: list[Row] = []
    for about in common:
        scale = 1.0 if about["protocol"] == "permille" else 0.4
        is_known = about["drug"] not in none_estimable
        states = (
            {"state": "estimated", "reason": None}
            if is_known
            else {"state": "not estimable", "reason": "mostly_below_limit"}
        )
        for kind, period, year, quarter in spans:
            means = [scale * level(about["drug"], year, int(quarter), n) if is_known else None for n in range(n_sites)]
            when = {"sampling_year": year, "period_kind": kind, "period": period}
            counts = {"n_days": 28, "n_censored": 2 if is_known else 25}
            site_periods += [
                {
                    **about,
                    **when,
                    **counts,
                    **states,
                    **simulated,
                    "site_id": site,
                    "n_weekdays": 7,
                    "by_weekday_mg_per_day_per_1000": [mean, None, mean, mean, mean, mean, mean],
                    "origin": "measured",
                    "laboratories": ["north"],
                    "batches": ["1"],
                    "batch_shares": [1.0],
                    "error_scale": 1.0,
                    "by_weekday_n_days": [4, 0, 4, 4, 4, 4, 8],
                    "by_weekday_n_censored": [0, 0, 0, 0, 0, 0, counts["n_censored"]],
                    "mean_mg_per_day_per_1000": mean,
                    "population": 50_000.0,
                }
                for site, mean in zip(sites, means, strict=True)
            ]
            for unit in ["network", *area_name]:
                mine = [
                    mean
                    for site, mean in zip(sites, means, strict=True)
                    if mean is not None and unit in ("network", area_of[site])
                ]
                mean = sum(mine) / len(mine) if mine else None
                area_periods.append(
                    {
                        **about,
                        **when,
                        **simulated,
                        "n_days": 28 * len(mine),
                        "n_censored": 2 * len(mine),
                        "mean_mg_per_day_per_1000": mean,
                        "level": "network" if unit == "network" else "area",
                        "unit_id": unit,
                        "unit_name": "All sites" if unit == "network" else area_name[unit],
                        "n_sites": len(mine),
                        "n_sites_left_out": 0,
                        "n_sites_without_days": 0,
                        "state": "estimated" if mine else "not estimable",
                        "reason": None if mine else "no_site_estimable",
                    }
                )
        units = [("network", "network", "All sites", list(range(n_sites)))]
        units += [
            ("area", unit, name, [n for n, site in enumerate(sites) if area_of[site] == unit])
            for unit, name in area_name.items()
        ]
        units += [("site", site, site_name(n), [n]) for n, site in enumerate(sites)]
        for kind, unit, name, panel in units:
            n_panel = len(panel)
            before = scale * sum(level(about["drug"], 2023, 2, n) for n in panel) / n_panel
            now = scale * sum(level(about["drug"], 2025, 2, n) for n in panel) / n_panel
            change = 100 * (now / before - 1)
            band = "decrease" if change < -10 else "increase" if change > 10 else "stable"
            changes.append(
                {
                    **about,
                    **states,
                    **simulated,
                    "level": kind,
                    "unit_id": unit,
                    "unit_name": name,
                    "drug_name": NAMES[about["drug"]],
                    "baseline_period": "2023",
                    "current_period": "2025",
                    "baseline_mg_per_day_per_1000": before if is_known else None,
                    "current_mg_per_day_per_1000": now if is_known else None,
                    "change_percent": change if is_known else None,
                    "verdict": None if is_known else "not estimable",
                    "naive_change_percent": change + 5 if is_known else None,
                    "published_class": band if is_known and about["protocol"] == "euda" else None,
                    "n_sites": n_panel if is_known else 0,
                    "n_sites_left_out": 0 if is_known else n_panel,
                    "panel": ";".join(sites[n] for n in panel) if is_known else "",
                    "area_weights": "population" if about["protocol"] == "permille" else "none",
                    "n_days_baseline": 28 * n_panel,
                    "n_days_current": 28 * n_panel,
                    "n_censored_baseline": 2 * n_panel,
                    "n_censored_current": 3 * n_panel,
                }
            )
    newest = date(max(years), 12, 28)
    sampled = {"sampled_on": newest, "sampling_year": newest.year}
    return {
        "deliveries": rows_of(
            "deliveries",
            [
                {
                    "delivery_id": delivery,
                    "file_name": file_name,
                    "profile": "simulated-north",
                    "profile_digest": "0",
                    "receipt_number": 1,
                    "received_at": datetime(2026, 1, 5, 9, 30),  # noqa: DTZ001  the table's times are UTC without a zone
                    "saved_at": datetime(2026, 1, 5, 9, 0),  # noqa: DTZ001
                    "place": 1,
                    "is_withdrawn": False,
                    "sender": "Northern laboratory",
                    "source": "Weekly monitoring",
                    "licence": "CC BY 4.0",
                    "status": "partly accepted",
                    "problem": None,
                    "n_rows": 1203,
                    "n_accepted": 1200,
                    "n_quarantined": 3,
                    "reader_version": "1",
                    **simulated,
                }
            ],
        ),
        "areas": rows_of("areas", [{**back, "area_id": unit, "area_name": name} for unit, name in area_name.items()]),
        "sites": rows_of(
            "sites",
            [
                {**back, "site_id": site, "site_name": site_name(n), "area_id": area_of[site]}
                for n, site in enumerate(sites)
            ],
        ),
        "results": rows_of(
            "results",
            [
                {
                    **back,
                    **sampled,
                    "site_id": site,
                    "residue": drug,
                    "concentration_ng_per_l": 120.0,
                    "qualifier": "=",
                }
                for site in sites
                for drug in drugs
            ],
        ),
        "flows": rows_of("flows", [{**back, **sampled, "site_id": site, "flow_m3_per_day": 2e4} for site in sites]),
        "populations": rows_of(
            "populations",
            [{**back, "site_id": site, "population_method": "census", "population": 5e4} for site in sites],
        ),
        "quarantine": rows_of(
            "quarantine",
            [
                {
                    "delivery_id": delivery,
                    "file_name": file_name,
                    "sheet": "",
                    "row_number": number,
                    "source_column": "Flow",
                    "target_table": "flows",
                    "rule": "negative_value",
                    "value_as_written": "-1",
                    "message": f"{file_name}, row {number}: '-1' is below zero. Correct it.",
                    "row_as_written": "{}",
                    **simulated,
                }
                for number in (3, 5, 9)
            ],
        ),
        "residues": rows_of(
            "residues", [{"residue": drug, "residue_name": NAMES[drug], "kind": "drug"} for drug in drugs]
        ),
        "factors": rows_of("factors", [factor(drug) for drug in drugs]),
        "doses": rows_of(
            "doses",
            [
                {
                    "factor_set": "2026",
                    "drug": drug,
                    "dose_mg": 30.0,
                    "evidence": "D",
                    "dose_status": "provisional",
                    "source": "Made up",
                }
                for drug in drugs
            ],
        ),
        "protocols": rows_of("protocols", [protocol("euda"), protocol("permille")]),
        "consumption": rows_of(
            "consumption",
            [
                {
                    **back,
                    **sampled,
                    "site_id": site,
                    "weekday": newest.isoweekday(),
                    "drug": drug,
                    "residue": drug,
                    "protocol": name,
                    "basis": basis,
                    "origin": "measured",
                    "is_censored": False,
                    "correction_factor": 2.5,
                    "correction_factor_log_sd": 0.1,
                    "flow_rsd": 0.1,
                    "n_measurements": 1,
                    "is_provisional": True,
                    "amount_mg_per_day_per_1000": 12.5,
                    "state": "estimated",
                }
                for site in sites
                for drug in drugs
                for name, basis in protocols.items()
            ],
        ),
        "site_periods": rows_of("site_periods", site_periods),
        "area_periods": rows_of("area_periods", area_periods),
        "changes": rows_of("changes", changes),
    }


def large_city() -> Tables:
    """As large as the European network: 215 sites, 30 areas, 6 drugs, 13 years."""
    years = tuple(range(2013, 2026))
    return city(n_sites=215, n_areas=30, drugs=tuple(NAMES), years=years, has_quarters=False, is_simulated=False)


def with_every_figure(tables: Mapping[str, pl.DataFrame], name: str = "Campaign") -> Tables:
    """The same tables with all that figures can be drawn of: weekdays, a map, errors, laboratories, events."""
    is_known = pl.col("state") == "estimated"
    of_week = pl.concat_list([pl.col("mean_mg_per_day_per_1000") * (0.9 + 0.05 * n) for n in range(7)])
    is_first = pl.col("site_id") == pl.col("site_id").first()
    number = pl.int_range(pl.len())
    later = tables["consumption"].with_columns(laboratory=pl.lit(f"{name} North"))
    earlier = tables["consumption"].with_columns(
        pl.col("sampled_on").dt.offset_by("-200d"), laboratory=pl.lit(f"{name} South")
    )
    protocol_of = tables["protocols"]["protocol"].to_list()
    event = {
        "event_id": "campaign", "event_name": name, "event_kind": "campaign", "starts_on": date(2024, 3, 1),
        "is_simulated": True,
    }  # fmt: skip
    effect = {
        **event, "areas": "a00", "drug": "cocaine", "event_control": "areas", "event_design": "step",
        "period_kind": "quarter", "n_periods_outside": 8, "n_periods_within": 4, "n_sites": 3, "panel": "s000",
        "n_control_sites": 5, "control_drugs": "", "is_preferred": True, "is_provisional": False, "state": "estimated",
    }  # fmt: skip
    told = {
        "effect_percent": -21.0, "ci_low_percent": -30.0, "ci_high_percent": -11.0, "verdict": "fall", "p_value": 0.01,
        "p_adjusted": 0.01, "n_placebos": 3, "n_placebos_as_large": 0, "placebo_effects_percent": [-3.0, 1.0, 4.0],
        "placebo_p_value": 0.25,
    }  # fmt: skip
    return {
        **tables,
        "sites": tables["sites"].with_columns(
            latitude=pl.when(~is_first).then(50 + 0.1 * number), longitude=pl.when(~is_first).then(10 + 0.2 * number)
        ),
        "site_periods": tables["site_periods"].with_columns(
            by_weekday_mg_per_day_per_1000=pl.when(is_known).then(of_week).otherwise("by_weekday_mg_per_day_per_1000")
        ),
        "changes": tables["changes"].with_columns(
            days_log_variance=pl.when(is_known).then(0.0004),
            batch_log_variance=pl.when(is_known).then(0.0016),
            flow_log_variance=pl.when(is_known).then(0.0),
        ),
        "consumption": pl.concat([earlier, later]),
        "events": rows_of("events", [{
            **event, "delivery_id": "a" * 64, "sheet": "", "row_number": 1, "source_column": "c", "source_cell": "A1",
            "value_as_written": "1",
        }]),
        "event_effects": rows_of("event_effects", [{**effect, **told, "protocol": one} for one in protocol_of]),
    }  # fmt: skip


def judged_city(n_sites: int = 8) -> Tables:
    """A city with verdicts, two baselines and all that pages can say of a change."""
    tables = city(n_sites=n_sites)
    is_estimated = pl.col("state") == "estimated"
    tables["changes"] = tables["changes"].with_columns(
        ci_low_percent=pl.when(is_estimated).then(pl.col("change_percent") - 8),
        ci_high_percent=pl.when(is_estimated).then(pl.col("change_percent") + 9),
        verdict=pl.when(~is_estimated)
        .then("verdict")
        .when(pl.col("change_percent").abs() < 20)
        .then(pl.lit("no change detected"))
        .when(pl.col("change_percent") < 0)
        .then(pl.lit("fall"))
        .otherwise(pl.lit("rise")),
        smallest_detectable_fall_percent=pl.when(is_estimated).then(12.0),
        part_concentration_percent=pl.when(is_estimated).then(pl.col("naive_change_percent") - 4),
        part_flow_percent=pl.when(is_estimated).then(4.0),
    )
    ways = tables["changes"].filter(pl.col("level") == "network", pl.col("protocol") == "permille").to_dicts()
    tables["robustness"] = rows_of(
        "robustness",
        [
            {name: row.get(name) for name in schema_of("robustness")}
            | {"choice": choice, "option": option, "is_headline": option == "permille", "is_same_panel": True}
            for row in ways
            for choice, option in (("protocol", "permille"), ("protocol", "euda"), ("weekday_rule", "plain"))
        ],
    )
    other = tables["changes"].with_columns(baseline_period=pl.lit("2024"))
    tables["changes"] = pl.concat([tables["changes"], other])
    return with_every_figure(tables)


def factor(drug: str) -> Row:
    """A way back from the drug itself."""
    return {
        "factor_set": "2026",
        "drug": drug,
        "drug_name": NAMES[drug],
        "drug_name_zh": "药物",
        "residue": drug,
        "excreted_fraction": 0.39,
        "excreted_fraction_low": 0.3,
        "excreted_fraction_high": 0.45,
        "excretion_basis": "molar",
        "molar_mass_parent_g_per_mol": 149.23,
        "molar_mass_residue_g_per_mol": 149.23,
        "stability_class": "stable",
        "is_default": True,
        "evidence": "V" if drug == "cocaine" else "M",
        "factor_status": "approved" if drug == "cocaine" else "provisional",
        "source": "A paper, doi:10.1000/example",
        "valid_from": date(2026, 1, 1),
        "approved_by": "A. Chemist" if drug == "cocaine" else None,
    }


def protocol(name: str) -> Row:
    """One of the two protocols."""
    is_default = name == "permille"
    return {
        "protocol": name,
        "title": "Permille" if is_default else "EUDA / SCORE",
        "basis": "consumption" if is_default else "residue load",
        "factor_set": "2026",
        "below_limit": "likelihood" if is_default else "zero",
        "interval": "pooled_spread" if is_default else "none",
        "max_censored_share": 0.8 if is_default else 1.0,
        "min_detects": 3 if is_default else 0,
        "weekday_rule": "weekday_means" if is_default else "plain",
        "area_weights": "population" if is_default else "none",
        "stable_band_percent": None if is_default else 10.0,
        "population_method": None,
        "domestic_share_in_population": False,
        "stability": "site" if is_default else "none",
        "net_of_other_sources": False,
        "amphetamine_per_methamphetamine": 0.09,
        "choices": "What stands in the file.",
    }


def without_flows() -> Tables:
    """Results that cannot become loads: no flow and no population were delivered."""
    tables = city(is_simulated=False)
    found = {name: tables[name] for name in ("deliveries", "sites", "results", "residues", "factors", "doses")}
    loads = [
        {
            "site_id": "s000",
            "sampled_on": date(2025, 12, 28) - timedelta(days=n),
            "sampling_year": 2025,
            "residue": "cocaine",
            "concentration_ng_per_l": 120.0,
            "qualifier": "=",
            "n_measurements": 1,
            "source_cell": "A1",
            "is_censored": False,
            "is_provisional": False,
            "state": "not estimable",
            "reason": "no_flow no_population",
            "delivery_id": "a" * 64,
            "sheet": "",
            "row_number": n + 1,
            "source_column": "c",
            "is_simulated": False,
        }
        for n in range(9)
    ]
    return {**found, "protocols": tables["protocols"], "loads": rows_of("loads", loads)}


def _touched(*told: Any) -> None:
    told[-1].touch()


WITHOUT_DATA = {
    "_WRITERS": dict.fromkeys((".zip", ".parquet"), _touched), "write_workbook": _touched,
    "write_origins": lambda *told: None, "write_series": lambda *told: None,
}  # fmt: skip
"""What stands in for the writers of data where a test is about pages."""


@pytest.fixture(scope="session")
def _built(tmp_path_factory) -> dict[Any, Path]:
    """The sites that were built from the same tables: tests read them, and change none."""
    return {}


@pytest.fixture
def build(_built: dict[Any, Path], tmp_path_factory) -> Callable[..., Path]:
    """A function that publishes tables and gives the folder of the site; the same tables under one name once.

    `has_data` False leaves the files of data empty: they take half of the time, and most tests read pages.
    """

    def built(tables: Mapping[str, pl.DataFrame], name: str = "site", *, has_data: bool = True, **changed: Any) -> Path:
        key = (digest_of(tables), name, has_data, tuple(sorted(changed.items())))
        if key not in _built:
            here = tmp_path_factory.mktemp("site")
            folder = here / name
            folder.mkdir()
            database = write_warehouse(here / "published.duckdb", tables)
            with nullcontext() if has_data else patch.multiple(site, **WITHOUT_DATA):
                publish_site(database, folder, **{**QUESTION, **changed})
            _built[key] = folder
        return _built[key]

    return built
