"""Where the figure of one day comes from."""

from collections.abc import Mapping
from datetime import date
from typing import Any, NamedTuple

import polars as pl

from pipeline.explain.cells import Archive, Source, cells_of_population, corrections_of, flow_behind, sources_of
from pipeline.explain.refusals import refuse
from pipeline.explain.steps import Part, Step, factor_of, parts_of, step_of
from pipeline.factors import markers_behind
from pipeline.plausibility import implausible
from pipeline.warehouse import Warehouse
from schemas.flags import FLAGS

_NOT_NET = ("amphetamine_from_methamphetamine", "methamphetamine_above_range", "methamphetamine_unknown")
"""Why of a day no amphetamine net of methamphetamine is known."""


class DayExplained(NamedTuple):
    """One figure of one day and the whole chain behind it.

    Attributes:
        populations: what the figure would be by the other methods of counting inhabitants.
        budget: what its interval is made of, the largest part first; nothing where it has none.
        below_limit: what the protocol lets stand for a day below its limit.
        markers: `population_method`, `marker_status` of a marker nobody has verified, if its inhabitants rest on one.
        implausible: what is hardly possible about the day or its sample: rows of the table `plausibility`.
    """

    figure: dict[str, Any]
    steps: list[Step]
    factor: dict[str, Any]
    sources: list[Source]
    superseded: list[Source]
    flags: dict[str, str]
    populations: list[dict[str, Any]]
    budget: list[Part]
    below_limit: str
    markers: list[dict[str, Any]]
    implausible: list[dict[str, Any]]

    @property
    def agrees(self) -> bool:
        """True where each step gives what the warehouse holds."""
        return all(step.agrees for step in self.steps)


def explain_day(
    warehouse: Warehouse, archive: Archive, site_id: str, drug: str, sampled_on: date, protocol: str
) -> DayExplained:
    """The figure of one drug at one site on one day, by one protocol, with the chain behind it.

    Raises `ExplainError` where there is no such figure; the message says which there are.
    """
    asked = {"site": site_id, "drug": drug, "day": sampled_on, "protocol": protocol}
    found = warehouse.query(
        "select * from consumption where site_id = $site and drug = $drug and sampled_on = $day"
        " and protocol = $protocol and sampling_year = year($day)",
        asked,
    )
    if found.is_empty():
        refuse(warehouse, asked)
    figure = found.row(0, named=True)
    factor = factor_of(warehouse, figure)
    steps: list[Step] = []
    of_day = {"site": site_id, "day": sampled_on, "residue": figure["residue"]}
    if figure["origin"] == "measured":
        load = warehouse.query(
            "select * from loads where site_id = $site and sampled_on = $day and residue = $residue", of_day
        ).row(0, named=True)
        population = _population_behind(warehouse, figure)
        steps += _population_steps(warehouse, figure, population)
        steps += _load_steps(warehouse, load, figure)
        sources, superseded = sources_of(warehouse, archive, "results", of_day)
        sources += flow_behind(warehouse, archive, load)
        sources += cells_of_population(warehouse, archive, figure, population, load)
        sources += corrections_of(warehouse, archive, of_day)
    else:
        sources, superseded = sources_of(warehouse, archive, "reported_loads", of_day)
    below_limit = warehouse.query("select below_limit from protocols where protocol = $p", {"p": protocol}).item()
    steps += _amount_steps(warehouse, figure, factor, below_limit)
    flags = {flag: FLAGS.get(flag, "") for flag in (figure["flags"] or "").split()}
    populations = warehouse.query(
        "select population_method, population_basis, population, amount_mg_per_day_per_1000 from amounts_by_population"
        " where site_id = $site and drug = $drug and sampled_on = $day and protocol = $protocol"
        " order by population_rank(population_method)",
        asked,
    ).to_dicts()
    budget = _budget_of_day(warehouse, figure)
    markers = markers_behind(warehouse, sampled_on.isoformat(), "site", site_id, drug, protocol).to_dicts()
    findings = implausible(warehouse, site_id=site_id).filter(
        pl.col("sampled_on") == sampled_on, pl.col("residue").is_null() | (pl.col("residue") == figure["residue"])
    )
    return DayExplained(
        figure, steps, factor, sources, superseded, flags, populations, budget, below_limit, markers,
        findings.to_dicts(),
    )  # fmt: skip


def _budget_of_day(warehouse: Warehouse, figure: Mapping[str, Any]) -> list[Part]:
    """The parts of the macro `day_log_variance`, as the figure's interval holds them."""
    if figure["ci_low_mg_per_day_per_1000"] is None:
        return []
    known = {row["component"]: row["rsd"] for row in warehouse.read("uncertainties").iter_rows(named=True)}
    own = {
        "sampling": known["sampling"] ** 2,
        "analysis": known["analysis"] ** 2 / figure["n_measurements"],
        "batch": known["batch"] ** 2,
        "laboratory": known["laboratory"] ** 2,
    }
    other = None
    if figure["other_sources_mg_per_day_per_1000"] is not None:
        other = warehouse.query(
            "select net_log_variance($load, $other, $rsd, $own)",
            {"load": figure["load_mg_per_day_per_1000"], "other": figure["other_sources_mg_per_day_per_1000"],
             "rsd": known["other sources"], "own": sum(own.values())},
        ).item()  # fmt: skip
    return parts_of(
        warehouse,
        {
            **own,
            "flow": figure["flow_rsd"] ** 2,
            "population": figure["population_rsd"] ** 2,
            "factor": figure["correction_factor_log_sd"] ** 2,
            "other sources": other,
        },
    )


def _population_behind(warehouse: Warehouse, figure: Mapping[str, Any]) -> dict[str, Any]:
    """The inhabitants a figure was divided by, as they were counted."""
    return warehouse.query(
        "select c.*, m.load_mg_per_person_per_day, m.load_mg_per_cigarette,"
        " if(p.domestic_share_in_population, c.domestic_share, 1) as share_asked"
        " from counted_populations c left join population_markers m using (population_method, residue), protocols p"
        " where c.site_id = $site and c.sampled_on = $day and c.sampling_year = year($day)"
        " and c.population_method = $method and p.protocol = $protocol",
        {"site": figure["site_id"], "day": figure["sampled_on"], "method": figure["population_method"],
         "protocol": figure["protocol"]},
    ).row(0, named=True)  # fmt: skip


def _population_steps(warehouse: Warehouse, figure: Mapping[str, Any], population: Mapping[str, Any]) -> list[Step]:
    """From a marker to the inhabitants; none where their number was delivered."""
    if population["population_basis"] != "marker":
        return []
    given = population["marker_load_mg_per_day_per_1000"]
    if population["load_mg_per_cigarette"] is None:
        numbers = [population["load_mg_per_person_per_day"]]
        first = step_of(warehouse, "marker_load_mg_per_day_per_1000", numbers, given)
    else:
        numbers = [population["cigarettes_per_person_per_day"], population["load_mg_per_cigarette"]]
        first = step_of(warehouse, "cotinine_load_mg_per_day_per_1000", numbers, given)
    numbers = [population["concentration_ng_per_l"], population["flow_m3_per_day"], population["share_asked"], given]
    return [first, step_of(warehouse, "population_by_marker", numbers, figure["population"])]


def _load_steps(warehouse: Warehouse, load: Mapping[str, Any], figure: Mapping[str, Any]) -> list[Step]:
    """From the concentration, or where it is below its limit from that limit, to the load per 1000."""
    of_limit = load["is_censored"]
    concentration = load["limit_ng_per_l"] if of_limit else load["concentration_ng_per_l"]
    stored = None if of_limit else load["load_mg_per_day"]
    mass = step_of(warehouse, "load_mg_per_day", [concentration, load["flow_m3_per_day"]], stored)
    if of_limit:  # the table holds the limit per 1000 only
        mass = mass._replace(stored=mass.result)
    # A protocol may divide by other inhabitants than the table of loads does.
    held = load if load["population"] == figure["population"] else figure
    per_1000 = held["load_limit_mg_per_day_per_1000"] if of_limit else held["load_mg_per_day_per_1000"]
    steps = [mass, step_of(warehouse, "load_mg_per_day_per_1000", [mass.result, figure["population"]], per_1000)]
    return [step._replace(is_of_limit=of_limit) for step in steps]


def _amount_steps(
    warehouse: Warehouse, figure: Mapping[str, Any], factor: Mapping[str, Any], below_limit: str
) -> list[Step]:
    """From the load per 1000 to the amount of the protocol."""
    of_limit = figure["is_censored"]
    load = figure["load_limit_mg_per_day_per_1000"] if of_limit else figure["load_mg_per_day_per_1000"]
    stored = figure["amount_limit_mg_per_day_per_1000"] if of_limit else figure["amount_mg_per_day_per_1000"]
    steps = []
    if figure["basis"] == "consumption":
        numbers = [
            factor["molar_mass_parent_g_per_mol"], factor["molar_mass_residue_g_per_mol"], factor["excreted_fraction"],
            factor["excretion_basis"],
        ]  # fmt: skip
        steps.append(step_of(warehouse, "correction_factor", numbers, figure["correction_factor"]))
    if figure["in_sewer_loss"] is not None:
        steps += _loss_steps(warehouse, figure)
    if figure["other_sources_mg_per_day_per_1000"] is not None:
        steps += _net_steps(warehouse, figure)
        load = steps[-1].result
    if figure["reason"] in _NOT_NET:
        return steps  # what is left is not known, and nothing is computed from it
    numbers = [load, figure["correction_factor"], figure["in_sewer_loss"] or 0]
    steps.append(step_of(warehouse, "consumption_mg_per_day_per_1000", numbers, stored)._replace(is_of_limit=of_limit))
    if of_limit:
        amount = figure["amount_mg_per_day_per_1000"]
        steps.append(step_of(warehouse, "amount_below_limit", [steps[-1].result, below_limit], amount))
    return steps


def _net_steps(warehouse: Warehouse, figure: Mapping[str, Any]) -> list[Step]:
    """What methamphetamine leaves behind as amphetamine, and the load less that."""
    beside = warehouse.query(
        "select if(c.is_censored, other_source_below_limit(c.load_limit_mg_per_day_per_1000, p.below_limit),"
        " c.load_mg_per_day_per_1000) as load, p.amphetamine_per_methamphetamine as ratio"
        " from consumption c join protocols p using (protocol)"
        " where c.drug = 'methamphetamine' and c.protocol = $protocol and c.site_id = $site and c.sampled_on = $day",
        {"protocol": figure["protocol"], "site": figure["site_id"], "day": figure["sampled_on"]},
    ).row(0, named=True)
    other = figure["other_sources_mg_per_day_per_1000"]
    net = [figure["load_mg_per_day_per_1000"], other]
    first = step_of(
        warehouse, "amphetamine_from_methamphetamine_mg_per_day_per_1000", [beside["load"], beside["ratio"]], other
    )
    second = step_of(warehouse, "load_net_of_other_sources_mg_per_day_per_1000", net, None)
    return [first, second._replace(stored=second.result)]  # the table holds what is subtracted, not what is left


def _loss_steps(warehouse: Warehouse, figure: Mapping[str, Any]) -> list[Step]:
    """What is lost in the sewer, and before it the half-life where it lies between two that are known."""
    half_life = warehouse.query(
        "select * from site_half_lives where site_id = $site and residue = $residue",
        {"site": figure["site_id"], "residue": figure["residue"]},
    ).row(0, named=True)
    steps = []
    if half_life["half_life_h"] not in (half_life["half_life_cold_h"], half_life["half_life_warm_h"]):
        between = ("half_life_cold_h", "cold_celsius", "half_life_warm_h", "warm_celsius", "sewage_temperature_celsius")
        numbers = [half_life[name] for name in between]
        steps.append(step_of(warehouse, "half_life_between", numbers, half_life["half_life_h"]))
    numbers = [half_life["sewer_residence_h"], half_life["half_life_h"]]
    return [*steps, step_of(warehouse, "in_sewer_loss", numbers, figure["in_sewer_loss"])]
