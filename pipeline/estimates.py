"""From accepted rows to estimates and changes: which table follows from which, year by year, each in a transaction.

No formulas: they stand in `sql/macros.sql`, and each table's statement in `sql/<table>.sql`.
"""

from collections.abc import Collection

import polars as pl

from pipeline import changes, credibility, events, robustness, spans, targets, trends
from pipeline import periods as means
from pipeline.inputs import record
from pipeline.nearest import instead
from pipeline.settings import BASELINES, Settings, Workspace, all_protocols, further_baselines, replaced_protocols
from pipeline.statements import sql
from pipeline.warehouse import FEW_ROWS, Warehouse
from schemas.plausibility import LIMITS
from schemas.protocol import SHIPPED, Protocol, ProtocolError, protocol_files
from schemas.reference_data import (
    FOR_COMPARISON_ONLY,
    OWN_UNCERTAINTY,
    factor_sets,
    load_doses,
    load_factors,
    load_half_lives,
    load_molar_masses,
    load_population_markers,
    load_residue_ratios,
    load_residues,
    load_uncertainties,
)
from schemas.tables import TABLES

SOURCES: dict[str, tuple[str, ...]] = {
    "population_estimates": ("results", "reported_loads"),
    "loads": ("results",),
    "plausibility": ("loads", "reported_loads"),
    "consumption": ("loads", "reported_loads"),
    "day_spreads": ("consumption",),
    "site_periods": ("consumption",),
    "area_periods": ("site_periods",),
    "dose_totals": ("site_periods", "loads", "reported_loads"),
}
"""The tables whose years of sampling decide which years of a table there are."""
_IN_ONE = ("population_estimates", "loads", "consumption", "day_spreads", "site_periods", "area_periods")
"""Tables whose statement gives all years where none is named."""
_INFERRED = {
    "day_spreads": means.day_spreads,
    "site_periods": means.site_periods,
    "area_periods": means.area_periods,
}
"""Tables of which a part is inferred from whole series: their rows of one year, or of all."""


class PeriodError(ValueError):
    """A period without data; the message lists those that have some."""


def load_reference(warehouse: Warehouse, workspace: Workspace | None = None) -> None:
    """Puts residues, protocols, the factor sets these name, and what else is known into the warehouse.

    From the project's own files, and of a workspace from its folders `protocols` and `factors` as well.
    Raises `ProtocolError` and `FactorError` where a file cannot be used.
    """
    protocols = all_protocols(workspace)
    own = workspace.factors if workspace else None
    _require_factor_sets(workspace, factor_sets(own))
    sets = _sets_of(protocols)
    with warehouse.transaction():
        warehouse.replace("residues", load_residues())
        warehouse.replace("factors", pl.concat([load_factors(name, own) for name in sets]))
        warehouse.replace("doses", pl.concat([load_doses(name, own) for name in sets]))
        warehouse.replace("half_lives", load_half_lives())
        warehouse.replace("residue_ratios", load_residue_ratios())
        warehouse.replace("molar_masses", load_molar_masses())
        warehouse.replace("uncertainties", load_uncertainties(own))
        warehouse.replace("population_markers", load_population_markers())
        warehouse.replace("protocols", protocol_rows(protocols))
        record(warehouse, *(table for table, entry in TABLES.items() if entry.group == "reference"))


def require_reference(workspace: Workspace) -> None:
    """Reads an office's own protocols, and the factor sets and errors these rest on, as a run will.

    Raises `ProtocolError` and `FactorError` where a file cannot be used.
    """
    own = workspace.factors
    protocols = all_protocols(workspace)
    _require_factor_sets(workspace, factor_sets(own))
    shipped = factor_sets()
    for name in _sets_of(protocols):
        if name not in shipped:
            load_factors(name, own)
            load_doses(name, own)
    if own.is_dir():
        load_uncertainties(own)


def remarks_on_reference(workspace: Workspace) -> list[str]:
    """What an office should know of its own protocols, factor sets and errors before a run: a line each.

    Which shipped protocol one of its own takes the place of, which drugs a set of its own leaves out, and which errors
    of its own stand in all intervals.
    Raises `ProtocolError` and `FactorError` where a file cannot be used.
    """
    said = [
        f"protocol {name}: that of your {file.name} takes the place of the shipped one"
        for name, file in replaced_protocols(workspace).items()
    ]
    key = ["component", "applies_to", "rsd"]
    own = load_uncertainties(workspace.factors).join(load_uncertainties(), on=key, how="anti", nulls_equal=True)
    if not own.is_empty():
        each = own.select(pl.concat_str(*key, separator=" ", ignore_nulls=True)).to_series()
        said.append(f"{OWN_UNCERTAINTY}: in the intervals of all protocols stand your own {', '.join(each)}")
    usual = _computed_drugs(load_factors())
    for file, protocol in protocol_files([workspace.protocols]).values():
        lacking = [
            drug for drug in usual if drug not in _computed_drugs(load_factors(protocol.factor_set, workspace.factors))
        ]
        if lacking:
            said.append(
                f"protocol {protocol.protocol} ({file.name}): factor set {protocol.factor_set} computes no"
                f" {', '.join(lacking)}: there will be no figures of these"
            )
    return said


def _computed_drugs(factors: pl.DataFrame) -> list[str]:
    return factors.filter(pl.col("is_default"))["drug"].unique(maintain_order=True).to_list()


def _sets_of(protocols: list[Protocol]) -> list[str]:
    return sorted({protocol.factor_set for protocol in protocols})


def _require_factor_sets(workspace: Workspace | None, sets: Collection[str]) -> None:
    folders = [SHIPPED, *([workspace.protocols] if workspace else [])]
    for file, protocol in protocol_files(folders).values():
        if protocol.factor_set not in sets:
            yours = f", or lay yours into {workspace.factors}" if workspace else ""
            raise ProtocolError(
                f"{file}: field 'factor_set': there is no factor set {protocol.factor_set!r}: write one of"
                f" {', '.join(name for name in sets if name not in FOR_COMPARISON_ONLY)}{yours}."
            )
        if protocol.factor_set in FOR_COMPARISON_ONLY:
            raise ProtocolError(
                f"{file}: field 'factor_set': {protocol.factor_set!r} knows a few drugs only, and is there to be"
                f" compared with ('permille factors diff'): write one of"
                f" {', '.join(name for name in sets if name not in FOR_COMPARISON_ONLY)}."
            )


def protocol_rows(protocols: list[Protocol]) -> pl.DataFrame:
    """Protocols as rows of their table."""
    rows = [protocol.model_dump() for protocol in protocols]
    return pl.DataFrame(rows, schema=TABLES["protocols"].types, orient="row")


def compute(warehouse: Warehouse, table: str, *, flow_fill: str = "none") -> None:
    """Computes one table of the estimates anew, every year of sampling in it, in one transaction.

    Year by year so that memory stays bounded; but what is implausible is seen from the days around, which may lie in
    any year, and of few rows all years are computed together.

    Parameters: `table` one of `SOURCES`; `flow_fill` the setting, for those that need flows.
    """
    bound = {**LIMITS, "flow_fill": flow_fill}
    with warehouse.transaction():
        years = warehouse.years(*SOURCES[table], table)
        is_few = table in _IN_ONE and sum(map(warehouse.count, SOURCES[table])) <= FEW_ROWS
        for year in [None] if is_few or table == "plausibility" else years:
            if table in _INFERRED:
                warehouse.replace_year(table, year, _INFERRED[table](warehouse, year))
            else:
                warehouse.compute(table, year, bound)
            if table == "population_estimates" and _is_marker_measured(warehouse):
                warehouse.append(table, "population_by_markers", {**bound, "year": year})
        record(warehouse, table, years=warehouse.years(table) if table == "plausibility" else years)


def _is_marker_measured(warehouse: Warehouse) -> bool:
    return warehouse.query("select 1 from results semi join population_markers using (residue) limit 1").height > 0


def periods(warehouse: Warehouse) -> list[str]:
    """All periods with data, sorted."""
    return warehouse.query("select distinct period from site_periods order by period")["period"].to_list()


def chosen_periods(warehouse: Warehouse, settings: Settings) -> tuple[str, str] | None:
    """The baseline and the current period of the settings, words resolved.

    None where there are no data, or one period only and so nothing to compare.
    Raises `PeriodError` where a period of the settings has no data, or the two are the same though there are others.
    """
    years = _years(warehouse)
    if not years:
        return None
    baseline, current = _resolved(warehouse, years, settings.baseline, settings.current)
    if baseline == current and len(years) == 1:
        return None
    _require_apart(warehouse, {"setting 'baseline'": baseline, "setting 'current'": current})
    return baseline, current


def comparisons(warehouse: Warehouse, settings: Settings) -> list[tuple[str, str]]:
    """The periods of the settings, and after them those with the further baselines, each pair once.

    Nothing where there are no data, or one period only. A word that means a period without data is passed over.
    Raises `PeriodError` as `chosen_periods` does, also for a further baseline that is named by itself.
    """
    chosen = chosen_periods(warehouse, settings)
    if chosen is None:
        return []
    found, years = [chosen], _years(warehouse)
    for name in further_baselines(settings.also_against):
        try:
            pair = _resolved(warehouse, years, name, settings.current)
            _require_apart(warehouse, {f"setting 'also_against', {name}": pair[0], "setting 'current'": pair[1]})
        except PeriodError:
            if name not in BASELINES:
                raise
            continue
        if pair not in found:
            found.append(pair)
    return found


def compared_periods(warehouse: Warehouse, baseline: str, current: str) -> tuple[str, str]:
    """Two periods that can be compared, where words name them: see `BASELINES` and `CURRENTS`.

    Raises `PeriodError` where one has no data, or they overlap.
    """
    baseline, current = _resolved(warehouse, _years(warehouse), baseline, current)
    _require_apart(warehouse, {"baseline": baseline, "current": current})
    return baseline, current


def _years(warehouse: Warehouse) -> list[str]:
    return [period for period in periods(warehouse) if spans.kind(period) == "year"]


def _resolved(warehouse: Warehouse, years: list[str], baseline: str, current: str) -> tuple[str, str]:
    """The periods that words mean; a word stays where there are no years."""
    baseline, current = _around_events(warehouse, baseline), _around_events(warehouse, current)
    now = years[-1] if current == "last" and years else current
    if baseline == "first" and years:
        return years[0], now
    named = {"previous": spans.previous, "year-before": spans.year_before}.get(baseline)
    return (named(now) if named else baseline), now


def _around_events(warehouse: Warehouse, period: str) -> str:
    """The days that a period before, during or after an event means; other periods as they are."""
    event = spans.event_of(period)
    if event is None:
        return period
    known = warehouse.query("select distinct event_id, starts_on, ends_on from current_events order by event_id")
    found = known.filter(pl.col("event_id") == event)
    if found.is_empty():
        if known.is_empty():
            raise PeriodError(f"there is no event {event!r}, for none was delivered: see the layout permille-events")
        raise PeriodError(f"there is no event {event!r}{instead(event, known['event_id'].to_list())}")
    _, starts_on, ends_on = found.row(0)
    try:
        return spans.around(period, starts_on, ends_on)
    except ValueError as error:
        raise PeriodError(f"the event {event!r} lasts: {error}; write after:{event}") from error


def _require_apart(warehouse: Warehouse, named: dict[str, str]) -> None:
    for name, period in named.items():
        try:
            require_period(warehouse, period)
        except PeriodError as error:
            raise PeriodError(f"{name}: {error}") from error
    baseline, current = named.values()
    if baseline == current:
        raise PeriodError(f"{' and '.join(named)} both mean {current}: name two periods")
    if spans.overlap(baseline, current):
        raise PeriodError(f"{baseline} and {current} have days in common: name two periods apart")


def levels_side_by_side(warehouse: Warehouse, level: str, period: str) -> pl.DataFrame:
    """The levels of one period by every protocol: of sites, of areas or of the network.

    Parameters: `level` site, area or network; `period` one of `periods`. Sorted by place, drug, basis and protocol.
    """
    return warehouse.query(sql("levels"), {"level": level, "period": period})


def protocols_without_figures(warehouse: Warehouse, period: str) -> pl.DataFrame:
    """The protocols with no mean at all in a period: `protocol`, `population_method`, `reason`, null where unknown."""
    return warehouse.query(sql("protocols_without_figures"), {"period": period})


def totals_of_doses(warehouse: Warehouse, level: str, period: str, protocol: str) -> pl.DataFrame:
    """The doses of all drugs together at each place of a level, and of each drug. The largest total first."""
    return warehouse.query(sql("totals"), {"level": level, "period": period, "protocol": protocol})


def current_period(warehouse: Warehouse, settings: Settings) -> str:
    """The current period of the settings, `last` resolved to the last year with data.

    Raises `PeriodError` where it has no data, or is none of which means are kept.
    """
    _, current = _resolved(warehouse, _years(warehouse), settings.current, settings.current)
    if spans.kind(current) == "days":
        raise PeriodError(
            f"setting 'current' means the days {current}, and levels are kept of years, quarters and months: name one,"
            " as --period 2024"
        )
    return require_calendar(periods(warehouse), current)


def require_calendar(there: list[str], period: str) -> str:
    """The year, quarter or month, if there are means of it.

    Raises `PeriodError` with the periods there are.

    >>> require_calendar(["2023", "2024"], "2025")
    Traceback (most recent call last):
    pipeline.estimates.PeriodError: there are no data in the period 2025; there are in 2023, 2024
    """
    if period not in there:
        same = [name for name in there if spans.kind(name) == spans.kind(period)] or there
        known = ", ".join(same) if same else "none: run 'permille run' after laying deliveries into the inbox"
        raise PeriodError(f"there are no data in the period {period}; there are in {known}")
    return period


def require_period(warehouse: Warehouse, period: str) -> str:
    """The period, if there are days in it; also one from a day to another.

    Raises `PeriodError` where there are none.
    """
    if spans.kind(period) != "days":
        return require_calendar(periods(warehouse), period)
    first, after = spans.span(period)
    found = warehouse.query(
        "select count(*) filter (where sampled_on >= $first and sampled_on < $after) as n,"
        " min(sampled_on) as first, max(sampled_on) as last from consumption",
        {"first": first, "after": after},
    ).row(0, named=True)
    if not found["n"]:
        days = f"there are from {found['first']} to {found['last']}" if found["first"] else "no day has a date"
        raise PeriodError(f"there are no days in the period {period}; {days}")
    return period


def compute_changes(warehouse: Warehouse, settings: Settings) -> list[tuple[str, str]]:
    """Computes the changes between the periods of the settings and with further baselines, and how credible they are.

    Returns the pairs of periods, that of the settings first; nothing where there are no data.
    """
    pairs = comparisons(warehouse, settings)
    judged = [credibility.judged(warehouse, changes.between(warehouse, *pair)) for pair in pairs]
    with warehouse.transaction():
        for table in ("changes", "credibility"):
            parts = [getattr(found, table) for found in judged]
            warehouse.replace(table, pl.concat(parts) if parts else pl.DataFrame())
        record(warehouse, "changes", "credibility")
    return pairs


def compute_robustness(warehouse: Warehouse, settings: Settings) -> None:
    """Computes the changes just computed between the periods of the settings under all ways of computing them."""
    found = of_comparison(warehouse.read("changes"), chosen_periods(warehouse, settings))
    _store(warehouse, "robustness", robustness.robustness(warehouse, settings.protocol, found))


def of_comparison(rows: pl.DataFrame, periods: tuple[str, str] | None) -> pl.DataFrame:
    """Rows of the tables `changes`, `credibility` or `robustness` between two periods; none where there are no two."""
    if periods is None:
        return rows.clear()
    baseline, current = periods
    return rows.filter(pl.col("baseline_period") == baseline, pl.col("current_period") == current)


def of_targets(warehouse: Warehouse, settings: Settings) -> pl.DataFrame:
    """How far the targets of the settings are, as rows of the table `targets`; nothing is stored.

    One whose drug, place or periods have no figures is not estimable, and says why: it stops nobody.
    Raises `PeriodError` where the current period of the settings is one around an event that nobody knows.
    """
    years = _years(warehouse)
    known = settings.model_copy(update={"current": _around_events(warehouse, settings.current)})
    return targets.targets(warehouse, known, years[-1] if years else None)


def compute_targets(warehouse: Warehouse, settings: Settings) -> None:
    """Computes how far the targets of the settings are, by the changes that are stored or compared for them."""
    _store(warehouse, "targets", of_targets(warehouse, settings))


def compute_trends(warehouse: Warehouse) -> None:
    """Computes the trends of all series over all their periods."""
    _store(warehouse, "trends", trends.trends(warehouse))


def compute_events(warehouse: Warehouse) -> None:
    """Computes what all events did."""
    _store(warehouse, "event_effects", events.event_effects(warehouse))


def _store(warehouse: Warehouse, table: str, rows: pl.DataFrame) -> None:
    with warehouse.transaction():
        warehouse.replace(table, rows)
        record(warehouse, table)
