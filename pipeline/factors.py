"""Factor sets listed and compared: what a set says, what another says otherwise, and what that does to current figures.

Nothing is stored, and no factor is computed here: the macros of the warehouse are asked.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import duckdb
import polars as pl

from pipeline import estimates
from pipeline.settings import Settings
from pipeline.warehouse import Warehouse, sql
from schemas.reference_data import load_doses, load_factors

_LISTED = """
select
    f.factor_set, f.drug, f.drug_name, f.residue,
    f.excreted_fraction, f.excreted_fraction_low, f.excreted_fraction_high, f.excretion_basis,
    f.residue_mg_per_cigarette, f.molar_mass_parent_g_per_mol, f.molar_mass_residue_g_per_mol,
    correction_factor(
        f.molar_mass_parent_g_per_mol, f.molar_mass_residue_g_per_mol, f.excreted_fraction, f.excretion_basis
    ) as correction_factor,
    f.stability_class, f.is_default, d.dose_mg, d.dose_status, f.factor_status, f.evidence, f.source, f.valid_from,
    f.approved_by
from factors f left join doses d on d.drug = f.drug
order by f.place
"""
_COMPARED = """
select
    coalesce(a.drug, b.drug) as drug,
    coalesce(a.residue, b.residue) as residue,
    a.excreted_fraction as excreted_fraction_a,
    b.excreted_fraction as excreted_fraction_b,
    a.correction_factor as correction_factor_a,
    b.correction_factor as correction_factor_b,
    b.correction_factor / a.correction_factor as ratio,
    case
        when b.drug is null then 'only in ' || $a
        when a.drug is null then 'only in ' || $b
        else concat_ws(
            ', ',
            if(a.excreted_fraction is distinct from b.excreted_fraction, 'fraction', null),
            if(a.excretion_basis is distinct from b.excretion_basis, 'basis', null),
            if(
                a.molar_mass_parent_g_per_mol is distinct from b.molar_mass_parent_g_per_mol
                or a.molar_mass_residue_g_per_mol is distinct from b.molar_mass_residue_g_per_mol,
                'molar mass', null
            ),
            if(a.residue_mg_per_cigarette is distinct from b.residue_mg_per_cigarette, 'mass per cigarette', null),
            if(a.is_default is distinct from b.is_default, 'default', null),
            if(a.dose_mg is distinct from b.dose_mg, 'dose', null),
            if(a.stability_class is distinct from b.stability_class, 'stability', null),
            if(a.factor_status is distinct from b.factor_status, 'status', null),
            if(a.evidence is distinct from b.evidence, 'evidence', null),
            if(a.source is distinct from b.source, 'source', null)
        )
    end as differs,
    a.dose_mg as dose_mg_a,
    b.dose_mg as dose_mg_b,
    a.factor_status as factor_status_a,
    b.factor_status as factor_status_b,
    a.evidence as evidence_a,
    b.evidence as evidence_b,
    a.source as source_a,
    b.source as source_b,
    $period as period,
    n.mean_mg_per_day_per_1000,
    coalesce(n.is_simulated, false) as is_simulated,
    -- A mean is proportional to its factor, also where half of a limit stands for what lies below it.
    if(
        a.is_default,
        consumption_mg_per_day_per_1000(n.mean_mg_per_day_per_1000 / n.correction_factor, a.correction_factor, 0),
        null
    ) as mean_a_mg_per_day_per_1000,
    if(
        b.is_default,
        consumption_mg_per_day_per_1000(n.mean_mg_per_day_per_1000 / n.correction_factor, b.correction_factor, 0),
        null
    ) as mean_b_mg_per_day_per_1000,
    -- One factor in both periods cancels. Another residue falls otherwise: only computing would tell how.
    if(
        mean_a_mg_per_day_per_1000 is not null and mean_b_mg_per_day_per_1000 is not null, false, null
    ) as does_change_alter
from a
full join b on b.drug = a.drug and b.residue = a.residue
left join now n on n.drug = coalesce(a.drug, b.drug) and n.residue = coalesce(a.residue, b.residue)
order by coalesce(a.place, b.place), b.place
"""
_NOW = """
select
    m.drug, m.residue, m.mean_mg_per_day_per_1000, m.reason, m.is_simulated,
    correction_factor(
        f.molar_mass_parent_g_per_mol, f.molar_mass_residue_g_per_mol, f.excreted_fraction, f.excretion_basis
    ) as correction_factor
from area_periods m
join protocols p using (protocol)
join factors f on f.factor_set = p.factor_set and f.drug = m.drug and f.residue = m.residue
where m.level = 'network' and m.period = $period and m.protocol = $protocol and m.basis = 'consumption'
order by m.drug
"""
_STATUS = """
select p.protocol, f.drug, f.residue, f.factor_status
from protocols p join factors f using (factor_set)
where p.basis = 'consumption'
"""
_NOBODY = pl.DataFrame(
    schema={
        "drug": pl.String,
        "residue": pl.String,
        "mean_mg_per_day_per_1000": pl.Float64,
        "reason": pl.String,
        "is_simulated": pl.Boolean,
        "correction_factor": pl.Float64,
    }
)


class Now(NamedTuple):
    """The figures that are published now: the network's means by the protocol of the settings.

    Attributes:
        basis: that of the protocol; residue loads rest on no factor, and `means` is empty.
        baseline, period: the periods compared; `baseline` None where there is one only.
        means: `drug`, `residue`, `mean_mg_per_day_per_1000`, the `reason` where there is none, `is_simulated`, and the
            `correction_factor` it rests on.
        factor_set: the set of the protocol, which the figures rest on.
    """

    protocol: str
    basis: str
    baseline: str | None
    period: str
    means: pl.DataFrame
    factor_set: str


@contextmanager
def _formula() -> Iterator[duckdb.DuckDBPyConnection]:
    """A database that knows the macros and nothing else."""
    with duckdb.connect() as connection:
        connection.execute(sql("macros"))
        yield connection


def factor_set(name: str, own: Path | None = None) -> pl.DataFrame:
    """All rows of a factor set in the order of its file, with their correction factors, and the doses of their drugs.

    Parameters: `own` the folder of an office's own sets.
    Raises `FactorError` where there is no such set, or it cannot be used.

    >>> factor_set("2026").filter(pl.col("residue") == "benzoylecgonine")["correction_factor"].round(3).item()
    3.615
    """
    with _formula() as connection:
        connection.register("factors", load_factors(name, own).with_row_index("place").to_arrow())
        connection.register("doses", load_doses(name, own).to_arrow())
        return connection.sql(_LISTED).pl()


def compared(a: str, b: str, own: Path | None = None, now: Now | None = None) -> pl.DataFrame:
    """Two factor sets, row by row, and what each would make of the figures of `now`.

    `ratio` is the correction factor of `b` over that of `a`; `differs` names what else differs. The means of `a` and
    `b` are empty where the figure of now rests on another residue than the set computes the drug from, or on none.
    Raises `FactorError` where there is no such set, or one cannot be used.

    >>> compared("2026", "older").filter(pl.col("drug") == "mdma").select("differs", pl.col("ratio").round(3)).rows()
    [('fraction, source', 0.346)]
    """
    with _formula() as connection:
        for name, chosen in (("a", a), ("b", b)):
            connection.register(name, factor_set(chosen, own).with_row_index("place").to_arrow())
        connection.register("now", (now.means if now else _NOBODY).to_arrow())
        return connection.sql(_COMPARED, params={"a": a, "b": b, "period": now.period if now else None}).pl()


def published_now(warehouse: Warehouse, settings: Settings) -> Now | None:
    """The figures of a published copy that rest on factors; None where there are no figures yet.

    Raises `PeriodError` where a period of the settings has no data.
    """
    there = [period for period in estimates.periods(warehouse) if len(period) == 4]
    asked = "select basis, factor_set from protocols where protocol = $p"
    found = warehouse.query(asked, {"p": settings.protocol})
    if not there or found.is_empty():
        return None
    baseline, period = estimates.chosen_periods(warehouse, settings) or (None, there[-1])
    means = warehouse.query(_NOW, {"period": period, "protocol": settings.protocol})
    basis, of_set = found.row(0)
    return Now(settings.protocol, basis, baseline, period, means, of_set)


def markers_behind(
    warehouse: Warehouse,
    period: str,
    level: str | None = None,
    unit: str | None = None,
    drug: str | None = None,
    protocol: str | None = None,
) -> pl.DataFrame:
    """The markers nobody has verified by which inhabitants behind figures are counted: `population_method`, status.

    Parameters: `period` or a day; what is left out is any.
    """
    asked = {"period": period, "level": level, "unit": unit, "drug": drug, "protocol": protocol}
    return warehouse.query(sql("markers_behind"), asked)


def with_factor_status(warehouse: Warehouse, rows: pl.DataFrame) -> pl.DataFrame:
    """Rows with a protocol, a drug and a residue, and the status of the factor behind each: empty for residue loads."""
    status = warehouse.query(_STATUS)
    return rows.join(status, on=["protocol", "drug", "residue"], how="left", maintain_order="left")
