"""The cells of delivered files that a figure rests on, and what was ever delivered of a day."""

import re
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from pipeline.explain.refusals import refuse
from pipeline.explain.steps import NEAR
from pipeline.findings import DeliveryError
from pipeline.precedence import Decision, decisions
from pipeline.reading.delivery import DeliveredFile
from pipeline.statements import sql
from pipeline.warehouse import Warehouse
from schemas.columns import COLUMNS
from schemas.profile import Profile, column_number

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


_CURRENT = {"results": "current_results_of(null, 'all')", "reported_loads": "current_reported_loads"}


def sources_of(
    warehouse: Warehouse, archive: Archive, table: str, of_day: Mapping[str, Any]
) -> tuple[list[Source], list[Source]]:
    """The rows of a day that are believed, and those that later deliveries took the place of."""
    rows = warehouse.query(
        # The table's name is one of two of our own.
        f'select r.*, d.file_name, d.received_at, d.place, d.profile, d.is_withdrawn, {_CALLED} from "{table}" r'  # noqa: S608
        " join deliveries d using (delivery_id)"
        " where r.site_id = $site and r.sampled_on = $day and r.residue = $residue"
        " order by d.place, r.row_number, r.source_column",
        of_day,
    )
    now = warehouse.query(
        f"select delivery_id, sheet, row_number, source_column from {_CURRENT[table]}"  # noqa: S608
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
        "on": row.get("corrected_on"), "withdrawn": "yes" if row.get("is_withdrawn") else None,
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


def flow_behind(warehouse: Warehouse, archive: Archive, load: Mapping[str, Any]) -> list[Source]:
    """The flow of a sample, or the readings it was integrated over."""
    readings = load["flow_basis"] in ("window", "readings of the day")
    flow = warehouse.query(
        sql("readings_behind") if readings else sql("flows_behind"),
        {"site": load["site_id"], "day": load["sampled_on"], "residue": load["residue"], "basis": load["flow_basis"]},
    )
    return [_source(row, "flow_readings" if readings else "flows", archive) for row in flow.iter_rows(named=True)]


def cells_of_population(
    warehouse: Warehouse, archive: Archive, figure: Mapping[str, Any], population: Mapping[str, Any],
    load: Mapping[str, Any],
) -> list[Source]:  # fmt: skip
    """The cell of a delivered figure; or those of the marker, and of its flow where that is another than the drug's."""
    if population["population_basis"] == "marker":
        of_marker = {"site": figure["site_id"], "day": figure["sampled_on"], "residue": population["residue"]}
        sources, _ = sources_of(warehouse, archive, "results", of_marker)
        of_it = [source for source in corrections_of(warehouse, archive, of_marker)
                 if source.details["corrected"] != "flow"]  # fmt: skip
        if population["flow_m3_per_day"] != load["flow_m3_per_day"]:
            sources += flow_behind(warehouse, archive, population)
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


def corrections_of(warehouse: Warehouse, archive: Archive, of_day: Mapping[str, Any]) -> list[Source]:
    """The corrections of a result or of the flow of its day, as far as they change anything."""
    rows = warehouse.query(
        "select c.*, d.file_name, d.received_at, d.place, d.profile"
        " from current_corrections c join ordered_deliveries d using (delivery_id)"
        " where c.site_id = $site and c.sampled_on = $day and (c.residue = $residue or c.corrected = 'flow')"
        " and not exists (select 1 from stale_corrections() s"
        " where s.delivery_id = c.delivery_id and s.sheet = c.sheet and s.row_number = c.row_number)"
        " order by c.corrected_on, c.delivery_id, c.row_number",
        of_day,
    )
    return [_source(row, "corrections", archive) for row in rows.iter_rows(named=True)]


def history(warehouse: Warehouse, archive: Archive, site_id: str, residue: str, sampled_on: date) -> list[Source]:
    """All that was ever delivered of one residue at one site on one day, in the order it came.

    `details` of each says until when it was believed, or that it is believed now.
    Raises `ExplainError` where nothing was.
    """
    of_day = {"site": site_id, "day": sampled_on, "residue": residue}
    found: list[Source] = []
    decided, _ = decisions(warehouse)
    for table in ("results", "reported_loads"):
        believed, superseded = sources_of(warehouse, archive, table, of_day)
        corrections = corrections_of(warehouse, archive, of_day) if table == "results" else []
        corrections = [source for source in corrections if source.details["corrected"] != "flow"]
        found += [source._replace(details=source.details | {"believed": "now"}) for source in corrections]
        for source in believed:
            made = next((c for c in corrections if _is_of(c, source)), None)
            until = f"until it was corrected: {made.details['why']}" if made else "now"
            found.append(source._replace(details=source.details | {"believed": until}))
        # The first that comes later in the order is what took its place.
        in_order = sorted([*believed, *superseded], key=lambda source: source.place)
        for source in superseded:
            later = next((other for other in in_order if other.place > source.place), None)
            until = _until(source, later, decided)
            found.append(source._replace(details=source.details | {"believed": f"until {until}"}))
    if not found:
        refuse(warehouse, {"site": site_id, "residue": residue, "day": sampled_on})
    return sorted(found, key=lambda source: (source.place, source.row_number))


def _until(source: Source, later: Source | None, decided: list[Decision]) -> str:
    """Until when a delivery's value was current: a decision of a person, or the receipt of what superseded it."""

    def made(decision: Decision) -> str:
        return f"{decision.decided_on}, decided by {decision.author}: {decision.justification}"

    about = [one for one in decided if source.delivery_id in (one.delivery_id, one.other)]
    if source.details.get("withdrawn"):
        return f"it was withdrawn on {made([one for one in about if one.decision == 'withdraw'][-1])}"
    between = [one for one in about if later is not None and later.delivery_id in (one.delivery_id, one.other)]
    if between:
        return f"it was superseded on {made(between[-1])}"
    return later.received_at if later is not None else source.received_at


def _is_of(correction: Source, source: Source) -> bool:
    """Whether a correction changes what a cell says."""
    value, corrected = source.value.split(" ")[0], correction.details.get("from", "")
    if not value or not corrected:
        return value == corrected and source.details.get("qualifier") != "not measured"
    return abs(float(value) - float(corrected)) <= NEAR * abs(float(corrected))
