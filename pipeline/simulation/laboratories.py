"""The files of the simulated city, each as its sender writes it: languages, layouts, units, decimal signs.

Nothing is drawn here (`truth.py`, `measurement.py`) and nothing read back (`pipeline/reading`, by the shipped
profiles `simulated-*`).
"""

import datetime as dt
import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import polars as pl
import xlsxwriter

from pipeline.simulation import world
from pipeline.simulation.city import City
from pipeline.simulation.measurement import LABORATORIES
from pipeline.simulation.mistakes import with_mistakes

CREATED_AT = dt.datetime(2020, 1, 1)  # noqa: DTZ001  workbooks know no time zones
"""Date of creation in every workbook: fixed, so that the same city gives the same bytes."""
REGISTERED_AT = dt.datetime(2022, 12, 20, 9, 0, tzinfo=dt.UTC)
"""When the lists of areas and sites were delivered."""
CAMPAIGN_DELAY = dt.timedelta(days=21, hours=9)
"""Time between the last day of a campaign and its delivery."""
YEAR_DELAY = dt.timedelta(days=10, hours=9)
"""Time between the end of a year and the delivery of its flows and daily results."""
REMARK, REMARK_ZH = "SIMULATED", "模拟数据"

NORTH_NAMES = {
    "methamphetamine": "Methamphetamine",
    "amphetamine": "Amphetamine",
    "mdma": "MDMA",
    "benzoylecgonine": "Benzoylecgonine",
    "ketamine": "Ketamine",
    "norketamine": "Norketamine",
    "6-mam": "6-Monoacetylmorphine",
    "thc-cooh": "THC-COOH",
    "codeine": "Codeine",
    "etomidate-acid": "Etomidate acid",
    "cotinine": "Cotinine",
    "caffeine": "Caffeine",
}
SOUTH_NAMES = {
    "methamphetamine": "甲基苯丙胺",
    "amphetamine": "苯丙胺",
    "mdma": "MDMA",
    "benzoylecgonine": "苯甲酰爱康宁",
    "ketamine": "氯胺酮",
    "norketamine": "去甲氯胺酮",
    "6-mam": "O6-单乙酰吗啡",
    "thc-cooh": "四氢大麻酸",
    "codeine": "可待因",
    "etomidate-acid": "依托咪酯酸",
    "cotinine": "可替宁",
    "caffeine": "咖啡因",
}
SOUTH_IN_UG_PER_L = frozenset({"caffeine"})
"""Residues Laboratory South writes in μg/L; the others stand in ng/L."""
WEST_NAMES = {
    "methamphetamine": "Methamphetamin",
    "amphetamine": "Amphetamin",
    "mdma": "MDMA",
    "benzoylecgonine": "Benzoylecgonin",
    "ketamine": "Ketamin",
    "norketamine": "Norketamin",
    "6-mam": "6-Monoacetylmorphin",
    "thc-cooh": "THC-Carbonsäure",
    "codeine": "Codein",
    "etomidate-acid": "Etomidatsäure",
    "cotinine": "Cotinin",
    "caffeine": "Koffein",
}
DAILY_NAMES = {
    "methamphetamine": "METH",
    "amphetamine": "AMP",
    "mdma": "MDMA",
    "benzoylecgonine": "BE",
    "ketamine": "KET",
    "norketamine": "NKET",
    "6-mam": "6MAM",
    "thc-cooh": "THCCOOH",
    "codeine": "COD",
    "etomidate-acid": "ETOA",
    "cotinine": "COT",
    "caffeine": "CAF",
}


class _File(NamedTuple):
    """One file to be written: its name, its bytes, and when it was delivered."""

    name: str
    content: bytes
    delivered_at: dt.datetime


class _Sheet(NamedTuple):
    """One sheet of a workbook: rows above the headers, the table, and rows between headers and table."""

    name: str
    cells: pl.DataFrame
    titles: tuple[str, ...] = ()
    units: tuple[str, ...] = ()

    @property
    def first_row(self) -> int:
        """Row number of the first row of the table, counted from 1."""
        return len(self.titles) + 2 + bool(self.units)


def write_deliveries(city: City, folder: Path) -> list[Path]:
    """Write all files the city's senders deliver over the three years.

    Parameters
    ----------
    city : City
        The city.
    folder : pathlib.Path
        Where to write; made where it is missing. Files of the same names are replaced, others left alone.

    Returns
    -------
    list of pathlib.Path
        The files in the order they were delivered. The time of last change of each is its simulated delivery.

    Notes
    -----
    The same city gives the same bytes with the same versions of the libraries that write.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files = [*_registry(city), *_flows(city), *_daily(city)]
    for campaign, _, last_day in city.truth.campaigns.rows():
        delivered_at = _midnight(last_day) + CAMPAIGN_DELAY
        files += [
            _north(city, campaign, delivered_at),
            _south(city, campaign, delivered_at),
            _west(city, campaign, delivered_at),
        ]
    files.sort(key=lambda file: (file.delivered_at, file.name))
    paths = []
    for file in files:
        path = folder / file.name
        path.write_bytes(file.content)
        seconds = file.delivered_at.timestamp()
        os.utime(path, (seconds, seconds))
        paths.append(path)
    return paths


def _registry(city: City) -> Iterator[_File]:
    """The lists of areas, sites and inhabitants."""
    remark = pl.lit(REMARK).alias("Remark")
    areas = city.truth.areas.select(
        pl.col("area_id").alias("Sim. area"),
        pl.col("area_name").alias("Area name"),
        pl.col("parent_area_id").alias("Part of"),
        remark,
    )
    yield _File("simulated-areas.csv", _csv(areas), REGISTERED_AT)
    sites = city.truth.sites.select(
        pl.col("site_id").alias("Sim. site"),
        pl.col("site_name").alias("Plant name"),
        pl.col("area_id").alias("Sim. area"),
        pl.col("latitude").alias("Latitude"),
        pl.col("longitude").alias("Longitude"),
        remark,
    )
    yield _File("simulated-sites.csv", _csv(sites), REGISTERED_AT)
    for year in world.YEARS:
        populations = city.truth.populations.filter(pl.col("valid_from").dt.year() == year).select(
            pl.col("site_id").alias("Sim. site"),
            pl.col("population").cast(pl.Int64).alias("Residents"),
            pl.lit("census").alias("Counted by"),
            pl.col("valid_from").alias("Valid from"),
            pl.col("valid_to").alias("Valid to"),
            remark,
        )
        yield _File(f"simulated-populations-{year}.csv", _csv(populations), _midnight(dt.date(year, 1, 9)))
    yield _File("simulated-events.csv", _csv(_events().with_columns(remark)), REGISTERED_AT)


def _events() -> pl.DataFrame:
    """What the registry announces, the holidays of all years among it."""
    rows: list[tuple[str | dt.date | None, ...]] = [
        (f"{day.name.lower().replace(' ', '-')}-{day.first_day.year}", f"{day.name} {day.first_day.year}", "holiday",
         day.first_day, day.last_day, None, None)
        for day in world.HOLIDAYS
    ]  # fmt: skip
    rows.append(
        ("harbour-campaign", "Harbour campaign", "campaign", world.CAMPAIGN_ON, None, world.CAMPAIGN_AREA,
         world.CAMPAIGN_DRUG)
    )  # fmt: skip
    rows.append(
        ("industry-laboratory", "New laboratory of the industry area", "laboratory change", world.CHANGED_ON, None,
         world.CHANGED_AREA, None)
    )  # fmt: skip
    names = ["Sim. event", "Event", "Kind", "First day", "Last day", "Sim. area", "Drug"]
    return pl.DataFrame(rows, schema=names, orient="row", infer_schema_length=None).sort("First day", "Sim. event")


def _flows(city: City) -> Iterator[_File]:
    """The plants' own flows by year, of the sites whose flows no laboratory delivers."""
    south = [area.area_id for area in world.AREAS if area.laboratory == "south"]
    elsewhere = city.truth.sites.filter(pl.col("area_id").is_in(south))["site_id"].to_list()
    flows = city.flows.filter(~pl.col("site_id").is_in([*elsewhere, world.DAILY_SITE]))
    for year in world.YEARS:
        name = f"simulated-flows-{year}.csv"
        cells = flows.filter(pl.col("sampled_on").dt.year() == year).select(
            pl.col("site_id").alias("Sim. plant"),
            _iso_date().alias("Day"),
            pl.col("flow_m3_per_day").cast(pl.Int64).cast(pl.String).alias("Inflow m3/day"),
            pl.lit(REMARK).alias("Remark"),
        )
        yield _File(name, _csv(with_mistakes(cells, name)), _midnight(dt.date(year, 12, 31)) + YEAR_DELAY)


def _north(city: City, campaign: str, delivered_at: dt.datetime) -> _File:
    """Laboratory North: English, CSV, a row a sample and residue, ng/L."""
    name = f"simulated-north-{campaign}.csv"
    cells = _of_campaign(city, "north", campaign).select(
        pl.col("site_id").alias("Site"),
        _iso_date().alias("Date"),
        pl.col("residue").replace_strict(NORTH_NAMES).alias("Compound"),
        _written("concentration_ng_per_l", below_lod=pl.lit("N.D."), below_loq=pl.lit("<LOQ")).alias("Result"),
        pl.lit("ng/L").alias("Unit"),
        _number(pl.col("lod_ng_per_l")).alias("LOD"),
        _number(pl.col("loq_ng_per_l")).alias("LOQ"),
        pl.lit(LABORATORIES["north"].name).alias("Lab"),
        pl.col("batch").alias("Batch"),
    )
    return _File(name, _csv(with_mistakes(cells, name)), delivered_at)


def _west(city: City, campaign: str, delivered_at: dt.datetime) -> _File:
    """Laboratory West: German, semicolons and decimal commas in Latin-1, µg/L, `<0,005` below the limit."""
    name = f"simulated-west-{campaign}.csv"
    limit = _comma(pl.col("loq_ng_per_l") / 1000)
    below = pl.format("<{}", limit)
    cells = (
        _of_campaign(city, "west", campaign)
        .with_columns((pl.col("concentration_ng_per_l") / 1000).round_sig_figs(4).alias("concentration_ug_per_l"))
        .select(
            pl.col("site_id").alias("Standort"),
            pl.col("sampled_on").dt.strftime("%d.%m.%Y").alias("Datum"),
            pl.col("residue").replace_strict(WEST_NAMES).alias("Substanz"),
            _written("concentration_ug_per_l", below_lod=below, below_loq=below)
            .str.replace(".", ",", literal=True)
            .alias("Messwert"),
            limit.alias("Bestimmungsgrenze"),
            pl.lit("µg/L").alias("Einheit"),
            pl.lit(LABORATORIES["west"].name).alias("Prüflabor"),
            pl.col("batch").alias("Charge"),
        )
    )
    text = with_mistakes(cells, name).write_csv(separator=";", line_terminator="\r\n")
    return _File(name, text.encode("latin-1"), delivered_at)


def _south(city: City, campaign: str, delivered_at: dt.datetime) -> _File:
    """Laboratory South: Chinese, a workbook with a column a residue and a row of units; flows beside them.

    Dates are text in the first and third campaign of a year, date cells in the others.
    """
    name = f"simulated-south-{campaign}.xlsx"
    site_names = dict(city.truth.sites.select("site_id", "site_name").rows())
    is_text = campaign.endswith(("Q1", "Q3"))
    sampled_on = pl.col("sampled_on").dt.strftime("%Y年%m月%d日") if is_text else pl.col("sampled_on")
    keys = [pl.col("site_id").replace_strict(site_names).alias("污水处理厂"), sampled_on.alias("采样日期")]
    measured = _of_campaign(city, "south", campaign)
    in_its_unit = pl.when(pl.col("residue").is_in(SOUTH_IN_UG_PER_L)).then(0.001).otherwise(1.0)
    wide = (
        measured.with_columns(
            (pl.col("concentration_ng_per_l") * in_its_unit).round_sig_figs(4).alias("value"),
            pl.col("residue").replace_strict(SOUTH_NAMES),
        )
        .with_columns(_written("value", below_lod=pl.lit("未检出"), below_loq=pl.lit("<LOQ")).alias("text"))
        .pivot("residue", index=["site_id", "sampled_on", "batch"], values="text", maintain_order=True)
        .select(
            *keys,
            *SOUTH_NAMES.values(),
            pl.lit(LABORATORIES["south"].name).alias("实验室"),
            pl.col("batch").alias("批次"),
        )
    )
    units = tuple("μg/L" if residue in SOUTH_IN_UG_PER_L else "ng/L" for residue in SOUTH_NAMES)
    results = _Sheet("检测结果", wide, ("污水毒品检测结果（模拟数据）",), ("", "", *units, "", ""))
    results = results._replace(cells=with_mistakes(wide, name, results.name, results.first_row))
    flows = (
        measured.select("site_id", "sampled_on")
        .unique(maintain_order=True)
        .join(city.flows, on=["site_id", "sampled_on"], maintain_order="left")
        .select(
            *keys,
            _number((pl.col("flow_m3_per_day") / 10_000).round(4)).alias("流量"),
            pl.lit(REMARK_ZH).alias("备注"),
        )
    )
    return _File(name, _workbook([results, _Sheet("流量", flows)], "yyyy年mm月dd日"), delivered_at)


def _daily(city: City) -> Iterator[_File]:
    """The daily site: a workbook a year, a row a sample and residue, with its flows."""
    laboratory = LABORATORIES["daily"]
    for year in world.YEARS:
        of_year = (pl.col("site_id") == world.DAILY_SITE) & (pl.col("sampled_on").dt.year() == year)
        keys = [pl.col("site_id").alias("Sim. station"), pl.col("sampled_on").alias("Sampling day")]
        results = city.results.filter(of_year).select(
            *keys,
            pl.col("residue").replace_strict(DAILY_NAMES).alias("Analyte"),
            _written("concentration_ng_per_l", below_lod=pl.lit("<LOD"), below_loq=pl.lit("<LOQ")).alias("Value ng/L"),
            _number(pl.col("lod_ng_per_l")).alias("LOD ng/L"),
            _number(pl.col("loq_ng_per_l")).alias("LOQ ng/L"),
            pl.lit(laboratory.name).alias("Laboratory"),
            pl.col("batch").alias("Batch no."),
        )
        flows = city.flows.filter(of_year).select(
            *keys, _number(pl.col("flow_m3_per_day")).alias("Inflow m3/day"), pl.lit(REMARK).alias("Remark")
        )
        content = _workbook([_Sheet("Results", results), _Sheet("Flows", flows)], "yyyy-mm-dd")
        yield _File(f"simulated-daily-{year}.xlsx", content, _midnight(dt.date(year, 12, 31)) + YEAR_DELAY)


def _of_campaign(city: City, laboratory: str, campaign: str) -> pl.DataFrame:
    """The results of a laboratory in a campaign."""
    return city.results.filter((pl.col("laboratory") == laboratory) & (pl.col("campaign") == campaign))


def _number(number: pl.Expr) -> pl.Expr:
    """A number as a person writes it: `120`, not `120.0`."""
    return number.cast(pl.String).str.strip_suffix(".0")


def _comma(number: pl.Expr) -> pl.Expr:
    """A number with a decimal comma."""
    return _number(number.round(6)).str.replace(".", ",", literal=True)


def _written(column: str, below_lod: pl.Expr, below_loq: pl.Expr) -> pl.Expr:
    """The value where there is one, else the sender's word for the qualifier."""
    return (
        pl.when(pl.col("qualifier") == "<LOD")
        .then(below_lod)
        .when(pl.col("qualifier") == "<LOQ")
        .then(below_loq)
        .otherwise(_number(pl.col(column)))
    )


def _iso_date() -> pl.Expr:
    return pl.col("sampled_on").dt.strftime("%Y-%m-%d")


def _midnight(day: dt.date) -> dt.datetime:
    """The beginning of a day, UTC."""
    return dt.datetime(day.year, day.month, day.day, tzinfo=dt.UTC)


def _csv(cells: pl.DataFrame) -> bytes:
    return cells.write_csv().encode("utf-8")


def _workbook(sheets: list[_Sheet], date_format: str) -> bytes:
    """A workbook with the same bytes for the same sheets; texts that are numbers become number cells."""
    buffer = io.BytesIO()
    options = {
        "in_memory": True,
        "strings_to_numbers": True,
        "strings_to_urls": False,
        "strings_to_formulas": False,
        "default_date_format": date_format,
    }
    with xlsxwriter.Workbook(buffer, options) as book:
        book.set_properties({"created": CREATED_AT, "author": REMARK})
        for sheet in sheets:
            page = book.add_worksheet(sheet.name)
            for row, title in enumerate(sheet.titles):
                page.write_string(row, 0, title)
            top = len(sheet.titles)
            page.write_row(top, 0, sheet.cells.columns)
            for column, unit in enumerate(sheet.units):
                if unit:
                    page.write_string(top + 1, column, unit)
            for column, values in enumerate(sheet.cells.iter_columns()):
                page.write_column(sheet.first_row - 1, column, values.to_list())
    return buffer.getvalue()
