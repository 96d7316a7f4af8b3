"""The way back from a point of a figure, kept beside the pages: its days, their cells, the numbers of each step.

As `permille explain` says it, from the same tables. Scripts, as a page opened from the disk may read nothing else; each
is fetched when somebody asks, and holds JSON, packed to a fifth. What is said of it stands in the pages' script.
"""

from pathlib import Path

import polars as pl

from dashboards import datasets
from dashboards.addresses import slug
from dashboards.edition import Edition
from dashboards.labels import printable
from dashboards.rendering import packed
from pipeline import spans
from pipeline.warehouse import Warehouse

MOST_DAYS = 300_000
"""Of networks with more days by the protocol of the headline those of the years compared are kept, and the newest years
as far as they fit; the rest is told by `permille explain`. A day takes about 15 bytes."""
_DIGITS = 7
OF_DAY = (
    "sampled_on", "sampling_year", "weekday", "is_censored", "amount_mg_per_day_per_1000",
    "amount_limit_mg_per_day_per_1000", "concentration_ng_per_l", "limit_ng_per_l", "flow_m3_per_day", "flow_basis",
    "population", "population_method", "load_mg_per_day", "load_mg_per_day_per_1000", "load_limit_mg_per_day_per_1000",
    "correction_factor", "in_sewer_loss", "other_sources_mg_per_day_per_1000", "cells", "flow_cell", "population_cell",
)  # fmt: skip
"""What is kept of a day, in this order; a cell is the place of its file, sheet, cell, and its text and unit."""


def write_origins(warehouse: Warehouse, edition: Edition, folder: Path) -> list[int]:
    """Writes a script for each site, area and the network into a folder that exists.

    Returns the years whose days are kept, sorted.
    """
    years = _years(warehouse, edition)
    files = dict(datasets.read(warehouse, "origins/files", {}).rows())
    asked: dict[str, datasets.Parameter] = {"protocol": edition.protocol, "years": years}
    days = datasets.read(warehouse, "origins/days", asked).with_columns(
        pl.col(pl.Float64).round_sig_figs(_DIGITS), pl.col("sampled_on").cast(pl.String)
    )
    for (site, *_), of_site in days.partition_by("site_id", as_dict=True, maintain_order=True).items():
        _write(folder, "site", str(site), _of_site(of_site, files, years))
    sites = datasets.read(warehouse, "origins/sites", {"protocol": edition.protocol})
    drawn = {(place.level, place.unit_id) for place in edition.places}
    for (level, unit), of_unit in sites.partition_by("level", "unit_id", as_dict=True, maintain_order=True).items():
        if (level, unit) in drawn:
            _write(folder, str(level), str(unit), _of_area(of_unit, edition))
    return sorted(years)


def file_of(level: str, unit_id: str) -> str:
    """The script of a place.

    >>> file_of("site", "sim-01"), file_of("network", "network")
    ('site-sim-01.js', 'network-network.js')
    """
    return f"{level}-{slug(unit_id)}.js"


def _write(folder: Path, level: str, unit_id: str, found: dict[str, object]) -> None:
    (folder / file_of(level, unit_id)).write_bytes(f'window.permilleOrigins="{packed(found)}";\n'.encode())


def _years(warehouse: Warehouse, edition: Edition) -> list[int]:
    """The years whose days are kept: all of them, if they are not too many."""
    counted = datasets.read(warehouse, "origins/years", {"protocol": edition.protocol})
    periods = {period for pair in edition.comparisons for period in pair}
    ends = [spans.span(period) for period in periods]
    compared = {year for first, after in ends for year in range(first.year, after.year + 1)}
    kept, n_days = [], 0
    # Those that are compared first.
    for year, n in sorted(counted.rows(), key=lambda row: (row[0] not in compared, -row[0])):
        n_days += n
        if year in compared or n_days <= MOST_DAYS:
            kept.append(year)
    return kept


def _of_site(days: pl.DataFrame, files: dict[str, str], years: list[int]) -> dict[str, object]:
    drugs = days.partition_by("drug", as_dict=True, maintain_order=True)
    cells = pl.concat([days["cells"].explode().drop_nulls().list.first(), days["flow_cell"].drop_nulls().list.first(),
                       days["population_cell"].drop_nulls().list.first()]).drop_nulls().unique()  # fmt: skip
    return {
        "years": sorted(years),
        "files": {place: printable(files[place]) for place in sorted(cells)},
        "days": {str(drug): of.select(OF_DAY).rows() for (drug,), of in drugs.items()},
    }


def _of_area(rows: pl.DataFrame, edition: Edition) -> dict[str, object]:
    kinds = {drug: part[0]["period_kind"] for (_, _, drug), part in edition.series.items()}
    drawn = rows.filter(pl.col("period_kind") == pl.col("drug").replace_strict(kinds, default=None))
    sites = drawn["site_id"].unique().sort().to_list()
    names = {site: facts["site_name"] for site, facts in edition.site_facts.items()}
    of = drawn.with_columns(pl.col(pl.Float64).round_sig_figs(_DIGITS)).partition_by(
        "drug", "period", as_dict=True, maintain_order=True
    )
    found: dict[str, dict[str, object]] = {}
    for (drug, period), part in of.items():
        found.setdefault(str(drug), {})[str(period)] = part.select(
            "site_id", "mean_mg_per_day_per_1000", "weight_share", "n_days"
        ).rows()
    return {
        "sites": {
            site: [printable(names.get(site) or site), slug(site)] for site in sites if site in edition.sites_with_page
        },
        "periods": found,
    }
