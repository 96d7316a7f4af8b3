"""The way back from a figure: which cells of which files it comes from, and each step of the formula with its numbers.

Nothing is computed here: the steps evaluate the macros of the warehouse and are held against what its tables say.
"""

import re
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from pipeline.factors import markers_behind
from pipeline.findings import DeliveryError
from pipeline.periods import expected_days, mean_of_series
from pipeline.reading.delivery import DeliveredFile
from pipeline.warehouse import Warehouse, sql
from schemas.columns import COLUMNS
from schemas.flags import FLAGS
from schemas.profile import Profile, column_number
from schemas.protocol import OF_SERIES

_NEAR = 1e-9
_CALLED = """(
    select string_agg(distinct said, ', ' order by said)
    from (
        select
            delivery_id, site_id,
            concat_ws(' ', site_code, '"' || site_label || '"', '(' || alias_basis || ')') as said
        from site_aliases
        where numbering is not null
    ) a
    where a.delivery_id = r.delivery_id and a.site_id = r.site_id
) as called"""
_OURS = {
    "flow_readings": "flow_m3_per_day",
    "results": "concentration_ng_per_l", "reported_loads": "reported_load_mg_per_day_per_1000",
    "flows": "flow_m3_per_day", "populations": "population", "corrections": "value_to",
}  # fmt: skip


_CASE = re.compile(r"WHEN \(*(\w+) = '([^']*)'\)* THEN (.+?)(?= WHEN | ELSE | END)", re.IGNORECASE)
"""One case of a macro that chooses by a word, as the warehouse writes it: the parameter, the word, the formula."""


class ExplainError(ValueError):
    """There is no such figure; the message says what there is.

    Attributes:
        reason: the rules by which there is none, where results were delivered; None else.
        is_wrong_usage: True where a name was asked for that nothing here has.
    """

    def __init__(self, message: str, *, reason: str | None = None, is_wrong_usage: bool = False) -> None:
        super().__init__(message)
        self.reason = reason
        self.is_wrong_usage = is_wrong_usage


class Source(NamedTuple):
    """A cell of a delivered file that a figure rests on, or rested on.

    Attributes:
        what: `results`, `flows` ..., the table the cell was read into.
        place: that of its delivery in the order in which they supersede each other.
        text: the cell as it was written, `unit` its unit as written, `value` what was read from it in our unit.
        details: what else its row says.
        read_again: the cell's text as it stands in the archive now; None where the copy is not there.
    """

    what: str
    file_name: str
    delivery_id: str
    received_at: str
    place: int
    profile: str | None
    sheet: str
    cell: str
    row_number: int
    header: str
    text: str
    unit: str | None
    value: str
    details: dict[str, Any]
    read_again: str | None
    is_simulated: bool

    @property
    def is_as_archived(self) -> bool | None:
        """True where the archived file still says it; None where it cannot be asked, or no single cell holds it."""
        return None if self.read_again is None else self.read_again == self.text


_PARTS_OF_A_PERIOD = ("days", "spread", "batch", "laboratory", "flow", "population", "factor")
"""The parts of the variance of a mean over a period, as its columns name them. Missing weekdays come on top."""


class Step(NamedTuple):
    """One step of the formula: the macro, its text with the numbers put in, and what that gives.

    Attributes:
        formula: of a macro that has several cases the one that holds; empty where none does: nothing is computed.
        is_of_limit: True where the step is computed from the limit, in place of a value below it.
    """

    macro: str
    formula: str
    with_numbers: str
    result: float | None
    stored: float | None
    is_of_limit: bool = False

    @property
    def agrees(self) -> bool:
        """True where the warehouse holds what the macro gives."""
        if self.result is None or self.stored is None:
            return self.result is None and self.stored is None
        return abs(self.result - self.stored) <= _NEAR * max(abs(self.result), abs(self.stored))


class Part(NamedTuple):
    """One part of a figure's uncertainty.

    Attributes:
        rsd: its relative standard deviation, that of the logarithm.
        share: of the variance of the whole.
        shared_over: what shares one error of it: averaging over it does not make it smaller.
    """

    component: str
    rsd: float
    share: float
    shared_over: str


class DayExplained(NamedTuple):
    """One figure of one day and the whole chain behind it.

    Attributes:
        populations: what the figure would be by the other methods of counting inhabitants.
        budget: what its interval is made of, the largest part first; nothing where it has none.
        below_limit: what the protocol lets stand for a day below its limit.
        markers: `population_method`, `marker_status` of a marker nobody has verified, if its inhabitants rest on one.
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

    @property
    def agrees(self) -> bool:
        """True where each step gives what the warehouse holds."""
        return all(step.agrees for step in self.steps)


class PeriodExplained(NamedTuple):
    """The mean of a period and the days it is made of.

    Attributes:
        days: each with its amount and the cells it comes from; `text` is what is written in these, one after the other.
            Where the protocol infers what lies below a limit, that is the amount of such a day.
        budget: what the interval is made of, the largest part first; nothing where there is none.
        n_read_again, n_as_archived: how many of these cells the archive still holds, and still says the same.
        steps: the mean in doses, as a mass and per 1000 inhabitants aged 15 to 64, as far as there are such figures.
        dose: the dose the figure in doses rests on; None where there is no such figure.
        markers: as those of a day.
    """

    figure: dict[str, Any]
    factor: dict[str, Any]
    rule: str
    days: pl.DataFrame
    result: float | None
    n_read_again: int
    n_as_archived: int
    budget: list[Part]
    steps: list[Step]
    dose: dict[str, Any] | None
    markers: list[dict[str, Any]]

    @property
    def agrees(self) -> bool:
        """True where the days give the mean the warehouse holds, and the mean what it holds in other units."""
        stored = self.figure["mean_mg_per_day_per_1000"]
        return Step("", "", "", self.result, stored).agrees and all(step.agrees for step in self.steps)


class Archive:
    """The delivered files as they were kept, to read a cell again. Each file is opened once."""

    def __init__(self, folder: Path, profiles: Mapping[str, Profile]) -> None:
        self._folder = folder
        self._profiles = profiles
        self._files: dict[str, DeliveredFile | None] = {}
        self._sheets: dict[tuple[str, str], pl.DataFrame | None] = {}

    def text_of(self, delivery_id: str, profile: str | None, sheet: str, cell: str) -> str | None:
        """The text in a cell, empty where nothing stands in it; None where the file or its profile is not there."""
        place = re.fullmatch(r"([A-Z]+)(\d+)", cell)
        cells = self._cells(delivery_id, profile, sheet)
        if place is None or cells is None:
            return None
        name = f"c{column_number(place.group(1))}"
        if name not in cells.columns:
            return ""
        found = cells.filter(pl.col("row_number") == int(place.group(2)))[name].to_list()
        return (found[0] or "") if found else ""

    def _cells(self, delivery_id: str, profile: str | None, sheet: str) -> pl.DataFrame | None:
        if (delivery_id, sheet) not in self._sheets:
            known, file = self._profiles.get(profile or ""), self._file(delivery_id)
            cells = None
            if known is not None and file is not None:
                try:
                    cells = file.sheet(sheet, known).cells
                except DeliveryError:
                    cells = None
            self._sheets[delivery_id, sheet] = cells
        return self._sheets[delivery_id, sheet]

    def _file(self, delivery_id: str) -> DeliveredFile | None:
        if delivery_id not in self._files:
            kept = sorted(path for path in (self._folder / delivery_id).rglob("*") if path.is_file())
            try:
                self._files[delivery_id] = DeliveredFile(kept[0].read_bytes(), kept[0].name) if kept else None
            except (DeliveryError, OSError):
                self._files[delivery_id] = None
        return self._files[delivery_id]


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
        _refuse(warehouse, asked)
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
        sources, superseded = _sources(warehouse, archive, "results", of_day)
        sources += _flow_behind(warehouse, archive, load)
        sources += _cells_of_population(warehouse, archive, figure, population, load)
        sources += _corrections(warehouse, archive, of_day)
    else:
        sources, superseded = _sources(warehouse, archive, "reported_loads", of_day)
    steps += _amount_steps(warehouse, figure, factor)
    flags = {flag: FLAGS.get(flag, "") for flag in (figure["flags"] or "").split()}
    populations = warehouse.query(
        "select population_method, population_basis, population, amount_mg_per_day_per_1000 from amounts_by_population"
        " where site_id = $site and drug = $drug and sampled_on = $day and protocol = $protocol"
        " order by population_rank(population_method)",
        asked,
    ).to_dicts()
    budget = _budget_of_day(warehouse, figure)
    below_limit = warehouse.query("select below_limit from protocols where protocol = $p", {"p": protocol}).item()
    markers = markers_behind(warehouse, sampled_on.isoformat(), "site", site_id, drug, protocol).to_dicts()
    return DayExplained(figure, steps, factor, sources, superseded, flags, populations, budget, below_limit, markers)


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
    return _parts_of(
        warehouse,
        {
            **own,
            "flow": figure["flow_rsd"] ** 2,
            "population": figure["population_rsd"] ** 2,
            "factor": figure["correction_factor_log_sd"] ** 2,
            "other sources": other,
        },
    )


def budget_of_period(warehouse: Warehouse, figure: Mapping[str, Any]) -> list[Part]:
    """The parts of the interval of a row of `site_periods` or `area_periods`."""
    bias = figure["weekdays_log_bias"]
    parts = {name: figure[f"{name}_log_variance"] for name in _PARTS_OF_A_PERIOD}
    return _parts_of(warehouse, parts | {"weekdays": None if bias is None else bias**2})


def _parts_of(warehouse: Warehouse, log_variances: Mapping[str, float | None]) -> list[Part]:
    """Each part with its share, the largest first; what has no error is none."""
    shared = {row["component"]: row["shared_over"] for row in warehouse.read("uncertainties").iter_rows(named=True)}
    shared |= {"days": "one day", "spread": "one drug", "weekdays": "one drug"}
    there = {name: variance for name, variance in log_variances.items() if variance}
    total = sum(there.values())
    parts = [Part(name, v**0.5, v / total, shared[name]) for name, v in there.items()]
    return sorted(parts, key=lambda part: (-part.share, part.component))


def factor_of(warehouse: Warehouse, figure: Mapping[str, Any]) -> dict[str, Any]:
    """The row of the factors that a figure rests on; of a residue load the one that it would."""
    return warehouse.query(
        "select f.* from factors f join protocols p using (factor_set)"
        " where p.protocol = $protocol and f.drug = $drug and f.residue = $residue",
        {name: figure[name] for name in ("protocol", "drug", "residue")},
    ).row(0, named=True)


def explain_period(
    warehouse: Warehouse, archive: Archive, site_id: str, drug: str, period: str, protocol: str
) -> PeriodExplained:
    """The mean of one drug at one site over one period, by one protocol, with the days it is made of.

    Raises `ExplainError` where there is no such figure; the message says which there are.
    """
    asked = {"site": site_id, "drug": drug, "period": period, "protocol": protocol}
    found = warehouse.query(
        "select s.*, p.weekday_rule, p.below_limit from site_periods s join protocols p using (protocol)"
        " where site_id = $site and drug = $drug and period = $period and protocol = $protocol",
        asked,
    )
    if found.is_empty():
        _refuse(warehouse, asked)
    figure = found.row(0, named=True)
    days = warehouse.query(sql("days_of_period"), asked)
    expected = expected_days(warehouse, figure)
    if expected.height:
        days = days.join(expected, on=["sampled_on", "weekday"], how="left", nulls_equal=True, maintain_order="left")
        days = days.with_columns(amount_mg_per_day_per_1000=pl.coalesce("amount_mg_per_day_per_1000", "expected")).drop(
            "expected"
        )
    is_by_weekday = figure["weekday_rule"] == "weekday_means" and days["weekday"].n_unique() == 7
    amounts = days.group_by("weekday").agg(pl.col("amount_mg_per_day_per_1000").mean()).sort("weekday")
    result = None
    if figure["state"] == "estimated":
        of = amounts if is_by_weekday else days
        result = float(of["amount_mg_per_day_per_1000"].mean())  # type: ignore[arg-type]
    rule = "mean of the seven weekdays' means" if is_by_weekday else "mean of the days"
    if figure["below_limit"] in OF_SERIES:
        rule = f"mean of the days by {figure['below_limit'].replace('_', ' ')}"
        result = mean_of_series(warehouse, figure)
    again = [
        (archive.text_of(cell["delivery_id"], cell["profile"], cell["sheet"], cell["cell"]), cell["text"])
        for cell in days["cells"].explode().drop_nulls()
    ]
    held = [(now, then) for now, then in again if now is not None]
    budget = budget_of_period(warehouse, figure)
    n_as_archived = sum(now == then for now, then in held)
    factor, dose = factor_of(warehouse, figure), dose_of(warehouse, figure)
    steps = _in_other_units(warehouse, figure, dose)
    markers = markers_behind(warehouse, period, "site", site_id, drug, protocol).to_dicts()
    return PeriodExplained(figure, factor, rule, days, result, len(held), n_as_archived, budget, steps, dose, markers)


def dose_of(warehouse: Warehouse, figure: Mapping[str, Any]) -> dict[str, Any] | None:
    """The dose a mean in doses rests on; None where there is no such mean."""
    doses = warehouse.query(
        "select d.* from doses d join protocols p using (factor_set)"
        " where p.protocol = $protocol and p.basis = 'consumption' and d.drug = $drug",
        {name: figure[name] for name in ("protocol", "drug")},
    ).to_dicts()
    return doses[0] if doses and figure["mean_mg_per_day_per_1000"] is not None else None


def _in_other_units(warehouse: Warehouse, figure: Mapping[str, Any], dose: Mapping[str, Any] | None) -> list[Step]:
    """The mean of a site's period in doses, as a mass and per 1000 inhabitants aged 15 to 64."""
    share = warehouse.query(
        "select share_aged_15_to_64 from current_sites where site_id = $site", {"site": figure["site_id"]}
    ).item()
    # Of inhabitants counted each day the mean of the days' masses is no product of means.
    differs = warehouse.query(
        "select count(distinct population) > 1 from consumption"
        " where site_id = $site_id and drug = $drug and protocol = $protocol and sampling_year = $sampling_year",
        {name: figure[name] for name in ("site_id", "drug", "protocol", "sampling_year")},
    ).item()
    divided = (
        ("doses_per_day_per_1000", dose["dose_mg"] if dose else None, "doses_per_day_per_1000"),
        ("mass_mg_per_day", None if differs else figure["population"], "mass_mg_per_day"),
        ("mg_per_day_per_1000_aged_15_to_64", share, "mean_mg_per_day_per_1000_aged_15_to_64"),
    )
    mean = figure["mean_mg_per_day_per_1000"]
    steps = [_step(warehouse, macro, [mean, by], figure[stored]) for macro, by, stored in divided]
    return [step for step in steps if step.result is not None or (step.stored is not None and not differs)]


def history(warehouse: Warehouse, archive: Archive, site_id: str, residue: str, sampled_on: date) -> list[Source]:
    """All that was ever delivered of one residue at one site on one day, in the order it came.

    `details` of each says until when it was believed, or that it is believed now.
    Raises `ExplainError` where nothing was.
    """
    of_day = {"site": site_id, "day": sampled_on, "residue": residue}
    found: list[Source] = []
    for table in ("results", "reported_loads"):
        believed, superseded = _sources(warehouse, archive, table, of_day)
        corrections = _corrections(warehouse, archive, of_day) if table == "results" else []
        corrections = [source for source in corrections if source.details["corrected"] != "flow"]
        found += [source._replace(details=source.details | {"believed": "now"}) for source in corrections]
        for source in believed:
            made = next((c for c in corrections if _is_of(c, source)), None)
            until = f"until it was corrected: {made.details['why']}" if made else "now"
            found.append(source._replace(details=source.details | {"believed": until}))
        # The first that came later is what took its place.
        arrivals = sorted({(source.place, source.received_at) for source in [*believed, *superseded]})
        for source in superseded:
            until = next((at for place, at in arrivals if place > source.place), source.received_at)
            found.append(source._replace(details=source.details | {"believed": f"until {until}"}))
    if not found:
        _refuse(warehouse, {"site": site_id, "residue": residue, "day": sampled_on})
    return sorted(found, key=lambda source: (source.place, source.row_number))


def _is_of(correction: Source, source: Source) -> bool:
    """Whether a correction changes what a cell says."""
    value, corrected = source.value.split(" ")[0], correction.details.get("from", "")
    if not value or not corrected:
        return value == corrected and source.details.get("qualifier") != "not measured"
    return abs(float(value) - float(corrected)) <= _NEAR * abs(float(corrected))


def _refuse(warehouse: Warehouse, asked: Mapping[str, Any]) -> None:
    """Raises with the first of what was asked for that there is not, and what there is instead."""
    known = {
        "site": "select site_id from current_sites order by 1",
        "protocol": "select protocol from protocols order by 1",
        "drug": "select distinct drug from consumption where site_id = $site order by 1",
        "residue": "select distinct residue from results where site_id = $site order by 1",
        "period": "select distinct period from site_periods where site_id = $site and drug = $drug"
        " and protocol = $protocol order by 1",
        "day": "select distinct sampled_on::varchar from consumption where site_id = $site and drug = $drug"
        " and protocol = $protocol and sampled_on is not null order by 1",
    }
    if "residue" in asked:
        known["day"] = (
            "select distinct sampled_on::varchar from results where site_id = $site and residue = $residue order by 1"
        )
    for name, text in known.items():
        if name not in asked:
            continue
        bound = {key: value for key, value in asked.items() if f"${key}" in text}
        there = warehouse.query(text, bound).to_series().to_list()
        if str(asked[name]) not in there:
            if name == "site" and (called := sites_called(warehouse, str(asked[name]))):
                raise ExplainError(f"{str(asked[name])!r} is a sender's number; it stands for {called}: name the site")
            if name in ("drug", "day", "period") and "drug" in asked:
                _refuse_what_waits(warehouse, asked)
            shown = ", ".join(there[:8]) + (f" ... {there[-1]}" if len(there) > 8 else "")
            raise ExplainError(
                f"there is no {name} {str(asked[name])!r} here; there are {shown or 'none'}",
                is_wrong_usage=name in ("site", "protocol", "drug", "residue"),
            )
    if "drug" in asked:
        _refuse_what_waits(warehouse, asked)
    raise ExplainError(f"there is no figure of {', '.join(map(str, asked.values()))}: see 'permille status'")


def _refuse_what_waits(warehouse: Warehouse, asked: Mapping[str, Any]) -> None:
    """Raises where results of the day or period were delivered and are in no figure, and says what they wait for."""
    when = str(asked.get("period") or asked["day"])
    bound = {"site": asked["site"], "drug": asked["drug"], "protocol": asked["protocol"], "period": when}
    found = warehouse.query(sql("waiting_results"), bound).to_dicts()
    if not found:
        return
    n, first = sum(row["n_results"] for row in found), found[0]
    method = f", and {asked['protocol']} counts inhabitants by {m}" if (m := first["population_method"]) else ""
    said = f"{asked['drug']} at {asked['site']} {'in' if 'period' in asked else 'on'} {when}"
    raise ExplainError(
        f"there is no figure of {said} by protocol {asked['protocol']}:"
        f" {n} {'result' if n == 1 else 'results'} of {first['residue']} {'waits' if n == 1 else 'wait'}{method}",
        reason=first["reason"],
    )


def sites_called(warehouse: Warehouse, code: str) -> str:
    """The sites that a sender's number stands for, by edition."""
    rows = warehouse.query(
        "select distinct site_id || ' (' || concat_ws(' ', numbering, release) || ')' as said"
        " from site_aliases where site_code = $code and numbering is not null and site_id is not null order by 1",
        {"code": code},
    )
    return ", ".join(rows["said"])


def _sources(
    warehouse: Warehouse, archive: Archive, table: str, of_day: Mapping[str, Any]
) -> tuple[list[Source], list[Source]]:
    """The rows of a day that are believed, and those that later deliveries took the place of."""
    rows = warehouse.query(
        # The table's name is one of two of our own.
        f'select r.*, d.file_name, d.received_at, d.place, d.profile, {_CALLED} from "{table}" r'  # noqa: S608
        " join ordered_deliveries d using (delivery_id)"
        " where r.site_id = $site and r.sampled_on = $day and r.residue = $residue"
        " order by d.place, r.row_number, r.source_column",
        of_day,
    )
    now = warehouse.query(
        f'select delivery_id, sheet, row_number, source_column from "current_{table}"'  # noqa: S608
        " where site_id = $site and sampled_on = $day and residue = $residue",
        of_day,
    )
    key = ["delivery_id", "sheet", "row_number", "source_column"]
    believed = rows.join(now, on=key, how="semi", maintain_order="left")
    superseded = rows.join(now, on=key, how="anti", maintain_order="left")
    return ([_source(row, table, archive) for row in believed.iter_rows(named=True)],
            [_source(row, table, archive) for row in superseded.iter_rows(named=True)])  # fmt: skip


def _source(row: Mapping[str, Any], table: str, archive: Archive) -> Source:
    ours = _OURS[table]
    told = {
        "called": row.get("called"), "qualifier": row.get("qualifier"), "lod_ng_per_l": row.get("lod_ng_per_l"),
        "loq_ng_per_l": row.get("loq_ng_per_l"), "laboratory": row.get("laboratory"), "batch": row.get("batch"),
        "replicate": row.get("replicate"), "sample_type": row.get("sample_type"),
        "composite_start_at": row.get("composite_start_at"), "composite_end_at": row.get("composite_end_at"),
        "time_zone": row.get("time_zone"), "composite_start_utc": row.get("composite_start_utc"),
        "composite_end_utc": row.get("composite_end_utc"),
        "flow of": row.get("flow_basis"), "read_at": row.get("read_at"), "read_utc": row.get("read_utc"),
        "readings in all": row.get("n_readings"),
        "population_method": row.get("population_method"), "valid_from": row.get("valid_from"),
        "valid_to": row.get("valid_to"), "flags": row.get("flags"), "corrected": row.get("corrected"),
        "from": row.get("value_from"), "why": row.get("justification"), "by": row.get("author"),
        "on": row.get("corrected_on"),
    }  # fmt: skip
    unit = COLUMNS[ours].unit or ""
    per_1000 = "/1000" if ours.endswith("_per_1000") else ""
    value = "" if row[ours] is None else f"{row[ours]:.12g} {unit}{per_1000}"
    return Source(
        what=table, file_name=row["file_name"], delivery_id=row["delivery_id"], received_at=str(row["received_at"]),
        place=row["place"],
        profile=row["profile"], sheet=row["sheet"], cell=row["source_cell"], row_number=row["row_number"],
        header=row["source_column"], text=row["value_as_written"], unit=row["unit_as_written"], value=value,
        details={name: str(said) for name, said in told.items() if said is not None},
        read_again=archive.text_of(row["delivery_id"], row["profile"], row["sheet"], row["source_cell"]),
        is_simulated=row["is_simulated"],
    )  # fmt: skip


def _flow_behind(warehouse: Warehouse, archive: Archive, load: Mapping[str, Any]) -> list[Source]:
    """The flow of a sample, or the readings it was integrated over."""
    readings = load["flow_basis"] in ("window", "readings of the day")
    flow = warehouse.query(
        sql("readings_behind") if readings else sql("flows_behind"),
        {"site": load["site_id"], "day": load["sampled_on"], "residue": load["residue"], "basis": load["flow_basis"]},
    )
    return [_source(row, "flow_readings" if readings else "flows", archive) for row in flow.iter_rows(named=True)]


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


def _cells_of_population(
    warehouse: Warehouse, archive: Archive, figure: Mapping[str, Any], population: Mapping[str, Any],
    load: Mapping[str, Any],
) -> list[Source]:  # fmt: skip
    """The cell of a delivered figure; or those of the marker, and of its flow where that is another than the drug's."""
    if population["population_basis"] == "marker":
        of_marker = {"site": figure["site_id"], "day": figure["sampled_on"], "residue": population["residue"]}
        sources, _ = _sources(warehouse, archive, "results", of_marker)
        of_it = [source for source in _corrections(warehouse, archive, of_marker)
                 if source.details["corrected"] != "flow"]  # fmt: skip
        if population["flow_m3_per_day"] != load["flow_m3_per_day"]:
            sources += _flow_behind(warehouse, archive, population)
        return [*sources, *of_it]
    rows = warehouse.query(
        "select p.*, d.file_name, d.received_at, d.place, d.profile"
        " from current_populations p join ordered_deliveries d using (delivery_id)"
        " where p.delivery_id = $delivery and p.sheet = $sheet and p.row_number = $row and p.site_id = $site"
        " and p.population_method = $method",
        {"site": figure["site_id"], "method": figure["population_method"], "delivery": population["delivery_id"],
         "sheet": population["sheet"], "row": population["row_number"]},
    )  # fmt: skip
    return [_source(row, "populations", archive) for row in rows.iter_rows(named=True)]


def _corrections(warehouse: Warehouse, archive: Archive, of_day: Mapping[str, Any]) -> list[Source]:
    """The corrections of a result or of the flow of its day, as far as they change anything."""
    rows = warehouse.query(
        "select c.*, d.file_name, d.received_at, d.place, d.profile"
        " from current_corrections c join ordered_deliveries d using (delivery_id)"
        " where c.site_id = $site and c.sampled_on = $day and (c.residue = $residue or c.corrected = 'flow')"
        " and not exists (select 1 from stale_corrections s"
        " where s.delivery_id = c.delivery_id and s.sheet = c.sheet and s.row_number = c.row_number)"
        " order by c.corrected_on, c.delivery_id, c.row_number",
        of_day,
    )
    return [_source(row, "corrections", archive) for row in rows.iter_rows(named=True)]


def _population_steps(warehouse: Warehouse, figure: Mapping[str, Any], population: Mapping[str, Any]) -> list[Step]:
    """From a marker to the inhabitants; none where their number was delivered."""
    if population["population_basis"] != "marker":
        return []
    given = population["marker_load_mg_per_day_per_1000"]
    if population["load_mg_per_cigarette"] is None:
        numbers = [population["load_mg_per_person_per_day"]]
        first = _step(warehouse, "marker_load_mg_per_day_per_1000", numbers, given)
    else:
        numbers = [population["cigarettes_per_person_per_day"], population["load_mg_per_cigarette"]]
        first = _step(warehouse, "cotinine_load_mg_per_day_per_1000", numbers, given)
    numbers = [population["concentration_ng_per_l"], population["flow_m3_per_day"], population["share_asked"], given]
    return [first, _step(warehouse, "population_by_marker", numbers, figure["population"])]


def _load_steps(warehouse: Warehouse, load: Mapping[str, Any], figure: Mapping[str, Any]) -> list[Step]:
    """From the concentration, or where it is below its limit from that limit, to the load per 1000."""
    of_limit = load["is_censored"]
    concentration = load["limit_ng_per_l"] if of_limit else load["concentration_ng_per_l"]
    stored = None if of_limit else load["load_mg_per_day"]
    mass = _step(warehouse, "load_mg_per_day", [concentration, load["flow_m3_per_day"]], stored)
    if of_limit:  # the table holds the limit per 1000 only
        mass = mass._replace(stored=mass.result)
    # A protocol may divide by other inhabitants than the table of loads does.
    held = load if load["population"] == figure["population"] else figure
    per_1000 = held["load_limit_mg_per_day_per_1000"] if of_limit else held["load_mg_per_day_per_1000"]
    steps = [mass, _step(warehouse, "load_mg_per_day_per_1000", [mass.result, figure["population"]], per_1000)]
    return [step._replace(is_of_limit=of_limit) for step in steps]


def _amount_steps(warehouse: Warehouse, figure: Mapping[str, Any], factor: Mapping[str, Any]) -> list[Step]:
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
        steps.append(_step(warehouse, "correction_factor", numbers, figure["correction_factor"]))
    if figure["in_sewer_loss"] is not None:
        steps += _loss_steps(warehouse, figure)
    if figure["other_sources_mg_per_day_per_1000"] is not None:
        steps += _net_steps(warehouse, figure)
        load = steps[-1].result
    numbers = [load, figure["correction_factor"], figure["in_sewer_loss"] or 0]
    steps.append(_step(warehouse, "consumption_mg_per_day_per_1000", numbers, stored)._replace(is_of_limit=of_limit))
    if of_limit:
        below = warehouse.query(
            "select below_limit from protocols where protocol = $p", {"p": figure["protocol"]}
        ).item()
        amount = figure["amount_mg_per_day_per_1000"]
        steps.append(_step(warehouse, "amount_below_limit", [steps[-1].result, below], amount))
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
    first = _step(
        warehouse, "amphetamine_from_methamphetamine_mg_per_day_per_1000", [beside["load"], beside["ratio"]], other
    )
    second = _step(warehouse, "load_net_of_other_sources_mg_per_day_per_1000", net, None)
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
        steps.append(_step(warehouse, "half_life_between", numbers, half_life["half_life_h"]))
    numbers = [half_life["sewer_residence_h"], half_life["half_life_h"]]
    return [*steps, _step(warehouse, "in_sewer_loss", numbers, figure["in_sewer_loss"])]


def _step(warehouse: Warehouse, macro: str, numbers: list[Any], stored: float | None) -> Step:
    """A macro evaluated by the warehouse, and its own text with the numbers put in."""
    known = warehouse.query(
        "select parameters, macro_definition from duckdb_functions() where function_name = $name", {"name": macro}
    ).row(0, named=True)
    names = known["parameters"]
    bound = {f"p{i}": number for i, number in enumerate(numbers)}
    # The macro's name is one of our own; its arguments are bound.
    text = f"select {macro}({', '.join(f'${name}' for name in bound)}) as result"
    result = None if any(number is None for number in numbers) else warehouse.query(text, bound)["result"].item()
    of_macro = re.sub(r"\s+", " ", known["macro_definition"]).strip()
    formula = _case_that_holds(of_macro, dict(zip(names, numbers, strict=True)))
    put_in = {
        name: "?" if number is None else f"'{number}'" if isinstance(number, str) else f"{number:.12g}"
        for name, number in zip(names, numbers, strict=True)
    }
    shown = re.sub(r"\b\w+\b", lambda word: put_in.get(word[0], word[0]), formula)
    return Step(macro, formula, shown, result, stored)


def _case_that_holds(formula: str, given: Mapping[str, Any]) -> str:
    """Of a formula with several cases the one that holds for a parameter's value; empty where none does."""
    cases = _CASE.findall(formula) if formula.upper().startswith("CASE ") else []
    return next((then for name, value, then in cases if given.get(name) == value), "") if cases else formula
