"""Turning a delivered sheet into canonical rows by a table of a profile: columns, texts, dates.

Set-based: one record is a measured cell or a row, and whatever cannot be read becomes a finding with its record.
Numbers, units and qualifiers stand in `values.py`. No rules about values here (`pipeline/judge.py`).
"""

from collections.abc import Mapping
from typing import NamedTuple

import polars as pl

from pipeline.findings import FINDING, DeliveryError, Finding
from pipeline.formulas import unguarded
from pipeline.reading import dates, values
from pipeline.reading.context import Context, once_each
from pipeline.reading.headers import Headers, data_rows, wanted_headers
from pipeline.reading.sheets import RawSheet, key
from schemas.profile import FIELDS, MEASURED, Profile, TableProfile
from schemas.reference_data import drug_by_spelling
from schemas.tables import TABLES

_OUR_FILES = ("site_decisions", "delivery_decisions")
"""Tables in files that our commands write: what a spreadsheet would take for a formula is guarded there."""


class Canonical(NamedTuple):
    """Records of one table of a delivery.

    Attributes:
        table: the table the records are meant for.
        rows: the columns of the table's model, `record`, the records' number from 0, and where sites are called by
            the sender `site_label`, what that calls them.
        findings: columns of `FINDING` and `record`: what could not be read.
        notes: what is worth knowing about the sheet as a whole.
        header_of_site: the header over the sender's numbers of sites.
    """

    table: str
    rows: pl.DataFrame
    findings: pl.DataFrame
    notes: list[Finding]
    header_of_site: str


def read_table(
    sheet: RawSheet,
    table: TableProfile,
    profile: Profile,
    *,
    file_name: str,
    delivery_id: str,
    residues: Mapping[str, str],
) -> Canonical:
    """The records of one table of a delivery.

    Parameters: the sheet and the table of the profile that says how it is written; `residues` maps each known
    spelling, casefolded, to the residue.
    Raises `DeliveryError` where a column is missing or stands twice.
    """
    headers = Headers(sheet, table)
    place = (file_name, sheet.name)
    used = {
        field: [_only(headers, names, place, profile) for names in parts]
        for field, parts in table.headers.items()
        if field not in table.optional or all(headers.find(names) for names in parts)
    }
    wide = {header: _only(headers, [header], place, profile) for header in table.wide.columns} if table.wide else {}
    units = {
        limit: _only(headers, [column], place, profile)
        for limit, column in _unit_columns(table).items()
        if limit == "value" or limit in used or headers.find([column])
    }

    derived = {header: _only(headers, [header], place, profile) for header in table.derived}

    data = data_rows(sheet, table, headers.row_number)
    records = _records(data, table, used, wide, units, derived, headers)
    context = Context(records, file_name, sheet.name, headers, table, profile)
    read = {number for numbers in used.values() for number in numbers} | {*wide.values(), *units.values()}
    measured = {*wide.values(), *used.get(MEASURED.get(table.table, ""), [])}
    _flag_problems(context, sheet, read, measured)

    typed: dict[str, pl.Expr] = {}
    _add_texts(context, typed, residues)
    context.apply(typed)
    typed = {}
    dates.add_dates(context, typed)
    values.add_numbers(context, typed)
    context.apply(typed)
    dates.complete(context)

    fixed = {
        "delivery_id": pl.lit(delivery_id),
        "sheet": pl.lit(sheet.name),
        "is_simulated": pl.lit(profile.is_simulated),
        "value_as_written": pl.col("_value").fill_null(""),
        "unit_as_written": pl.col("_unit"),
    }
    if table.table in dates.MOMENTS:  # what follows from the clock of the site: `pipeline/clocks.py`
        fixed |= {"time_zone": pl.lit(None, pl.String), "sampling_year": pl.lit(None, pl.Int32)}
    types = TABLES[table.table].types
    if "site_label" in FIELDS[table.table]:
        types = types | {"site_label": pl.String}
    rows = context.records.with_columns(**fixed).select(
        "record", *(pl.col(name).cast(kind) for name, kind in types.items())
    )
    findings = pl.concat(context.findings) if context.findings else pl.DataFrame(schema={"record": pl.Int64, **FINDING})
    if table.is_distinct:
        rows, findings = _distinct(rows, findings)
    notes = [*_unread(headers, profile, place), *context.notes]
    if sheet.hidden_rows and (hidden := sorted(set(sheet.hidden_rows) & set(data["row_number"]))):
        notes.append(Finding("hidden_rows", *place, detail=_counted(hidden)))
    site = used.get("site_id") or [0]
    return Canonical(table.table, rows, findings, notes, headers.text(site[0]) if site[0] else "")


def _counted(rows: list[int]) -> str:
    shown = ", ".join(map(str, rows[:5])) + (" ..." if len(rows) > 5 else "")
    return f"row {shown} is" if len(rows) == 1 else f"{len(rows)} rows ({shown}) are"


def _unit_columns(table: TableProfile) -> dict[str, str]:
    """The columns that state units: of the value and of each limit."""
    columns = {"value": table.unit_column, "lod": table.lod_unit_column, "loq": table.loq_unit_column}
    return {of: column for of, column in columns.items() if column}


def _only(headers: Headers, names: list[str], place: tuple[str, str], profile: Profile) -> int:
    numbers = headers.find(names)
    if not numbers:
        wanted = " or ".join(names)
        raise DeliveryError(Finding("missing_column", *place, value=wanted, detail=profile.name))
    if len(numbers) > 1:
        raise DeliveryError(Finding("duplicate_column", *place, value=headers.text(numbers[0])))
    return numbers[0]


def _records(
    data: pl.DataFrame, table: TableProfile, used: dict[str, list[int]], wide: dict[str, int], units: dict[str, int],
    derived: dict[str, int], headers: Headers,
) -> pl.DataFrame:  # fmt: skip
    """One row a record, all texts: the fields as `_<field>`, the measured value as `_value`, units as `_unit`,
    `_lod_unit`, `_loq_unit`."""
    fields = [field.rstrip("*") for field in FIELDS[table.table]]
    measured = MEASURED.get(table.table)
    texts = {f"_{field}": pl.lit(None, pl.String) for field in fields}
    texts |= {f"_{field}": pl.lit(str(value)) for field, value in table.constants.items()}
    texts |= {f"_{field}": _joined(numbers) for field, numbers in used.items()}
    texts["_unit"] = pl.col(f"c{units['value']}") if "value" in units else pl.lit(table.unit, pl.String)
    for limit, stated in (("lod", table.lod_unit), ("loq", table.loq_unit)):
        of_value = texts["_unit"] if stated == "value" else pl.lit(stated, pl.String)
        texts[f"_{limit}_unit"] = pl.col(f"c{units[limit]}") if limit in units else of_value
    texts |= {f"_derived {header}": pl.col(f"c{number}") for header, number in derived.items()}
    base = data.with_columns(**texts)
    is_unit_stated = table.unit is not None or table.unit_column is not None
    is_unit_above = not is_unit_stated and (table.unit_row is not None or table.is_unit_in_header)

    def unit_over(number: int) -> str | None:
        return headers.unit_in_brackets(number) if table.is_unit_in_header else headers.units[number - 1] or None

    if table.wide:
        columns = {f"c{number}": number for number in wide.values()}
        of_header = {f"c{number}": str(table.wide.columns[header]) for header, number in wide.items()}
        keep = ["row_number", *texts]
        long = base.select(*keep, *columns).unpivot(
            on=list(columns), index=keep, variable_name="_column", value_name="_value"
        )
        column = pl.col("_column")
        above: dict[str, dict[str, str | None]] = {}
        if is_unit_above:
            above["_unit"] = {name: unit_over(number) for name, number in columns.items()}
            above |= {
                f"_{limit}_unit": above["_unit"]
                for limit, stated in (("lod", table.lod_unit), ("loq", table.loq_unit))
                if stated == "value"
            }
        for limit, row in (("lod", table.lod_row), ("loq", table.loq_row)):
            if row:
                texts_above = headers.row_over(row)
                above[f"_{limit}"] = {name: texts_above[number - 1] or None for name, number in columns.items()}
        records = long.with_columns(
            column.replace_strict(of_header).alias(f"_{table.wide.into}"),
            column.replace_strict({name: headers.text(number) for name, number in columns.items()}).alias(
                "source_column"
            ),
            column.replace_strict(columns).alias("_order"),
            pl.concat_str(
                column.replace_strict({name: headers.letters(number) for name, number in columns.items()}),
                pl.col("row_number").cast(pl.String),
            ).alias("source_cell"),
            *(column.replace_strict(known, return_dtype=pl.String).alias(name) for name, known in above.items()),
        ).sort("row_number", "_order")
    else:
        # Of a correction the value that holds instead.
        main = measured or ("value_to" if "value_to" in used else fields[0])
        number = used[main][0] if main in used else None
        if is_unit_above and number:
            unit = pl.lit(unit_over(number), pl.String)
            limits = {
                f"_{limit}_unit": unit
                for limit, stated in (("lod", table.lod_unit), ("loq", table.loq_unit))
                if stated == "value"
            }
            base = base.with_columns(_unit=unit, **limits)
        cell = pl.format("{}{}", pl.lit(headers.letters(number)), "row_number") if number else pl.lit("")
        records = base.with_columns(
            pl.col(f"_{main}").alias("_value"),
            pl.lit(headers.text(number) if number else "").alias("source_column"),
            # By the streaming engine, which shares the rows of one column among the processors.
            base.lazy().select("row_number", cell.alias("source_cell")).collect(engine="streaming")["source_cell"],
        )
    return records.with_row_index("record").with_columns(pl.col("record").cast(pl.Int64))


def _joined(numbers: list[int]) -> pl.Expr:
    """The text of a column, or of several, such as a date and a time, with a blank between them."""
    first, *rest = (pl.col(f"c{number}") for number in numbers)
    if not rest:
        return first
    # As workbooks hold them: a day is a midnight, and a time of day lies on the day before the first.
    day = first.str.replace(r"[ T]00:00:00$", "")
    times = [text.str.replace(r"^(1899-12-3[01]|1900-01-0[01]|1904-01-01)[ T]", "") for text in rest]
    return pl.concat_str(day, *times, separator=" ", ignore_nulls=True)


def _flag_problems(context: Context, sheet: RawSheet, used: set[int], measured: set[int]) -> None:
    """Cells and rows the reader could not take, where they concern this table."""
    wide = {key(name) for name in context.table.wide.columns} if context.table.wide else set()
    found = []
    for problem in sheet.problems:
        # A site or a day may be merged over the rows it holds for, a measured value may not.
        if problem.column_number in (measured if problem.rule == "merged_cells" else used):
            header = context.headers.text(problem.column_number)
            found.append((problem.row_number, header, key(header) in wide, problem.rule, problem.value, problem.detail))
    if found:
        places = pl.DataFrame(
            found, schema=["row_number", "header", "is_wide", "rule", "value", "detail"], orient="row"
        ).with_columns(pl.col("rule", "value", "detail").cast(pl.String), pl.col("row_number").cast(pl.Int64))
        here = context.records.select("record", "row_number", "source_column").join(places, on="row_number")
        context.findings.append(
            here.filter(~pl.col("is_wide") | (pl.col("source_column") == pl.col("header"))).select(
                "record", pl.lit(context.file_name).alias("file_name"), pl.lit(context.sheet).alias("sheet"),
                "row_number", pl.col("header").alias("source_column"), "rule", "value", "detail",
            )
        )  # fmt: skip
    if sheet.n_cells is not None:
        _flag_ragged(context, sheet, sheet.n_cells)


def _flag_ragged(context: Context, sheet: RawSheet, n_cells: pl.DataFrame) -> None:
    """Rows that lack cells, or hold text beyond the headers: what stands in them may stand under a wrong header."""
    of_header = n_cells.filter(pl.col("row_number") == context.headers.row_number)["n_cells"].sum()
    beyond = [name for name in sheet.cells.columns if name != "row_number" and int(name[1:]) > of_header]
    has_more = pl.any_horizontal(pl.col(beyond).is_not_null()) if beyond else pl.lit(value=False)
    ragged = sheet.cells.join(n_cells, on="row_number", maintain_order="left").filter(
        (pl.col("n_cells") < of_header) | has_more
    )
    lengths = dict(ragged.select("row_number", "n_cells").iter_rows())
    if lengths:
        context.flag(
            pl.col("row_number").is_in(list(lengths)), "ragged_row", pl.lit(""), pl.lit(""),
            pl.format(
                "{} cells where the headers have {}", pl.col("row_number").replace_strict(lengths, default=0),
                pl.lit(of_header),
            ),
        )  # fmt: skip


def _add_texts(context: Context, typed: dict[str, pl.Expr], residues: Mapping[str, str]) -> None:
    """Sites, areas, methods, laboratories: trimmed, and mapped by the profile's `values`; residues by any spelling."""
    numbers = {
        MEASURED.get(context.table.table),
        *values.OPTIONAL_NUMBERS.get(context.table.table, ()),
        "lod",
        "loq",
        "qualifier",
    }
    days = set(dates.DATES.get(context.table.table, ()))
    for starred in FIELDS[context.table.table]:
        field = starred.rstrip("*")
        if field in numbers | days | {"weekday", "sampling_year"}:
            continue
        written = pl.col(f"_{field}")
        words = context.table.values.get(field, {})
        text = written.replace(words) if words else written
        if context.table.table in _OUR_FILES:
            text = unguarded(text)
        if field == "drug":
            text = text.str.strip_chars().str.to_lowercase().replace(drug_by_spelling())
        if field == "residue":
            texts = context.records.select(text).to_series()
            context.apply({field: pl.lit(once_each(texts, lambda some: _spelled(some, residues)))})
            spelled = pl.col("residue")
            context.flag(
                written.is_not_null() & spelled.is_null(),
                "unknown_residue",
                context.header_of(field),
                written,
            )
            text = spelled
        if starred.endswith("*"):
            context.flag(written.is_null(), "missing_value", context.header_of(field), written)
        typed[field] = text


def _spelled(texts: pl.Series, residues: Mapping[str, str]) -> pl.Series:
    return texts.str.to_lowercase().replace_strict(dict(residues), default=None, return_dtype=pl.String)


def _distinct(rows: pl.DataFrame, findings: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Each distinct record once, at the first row it stands in."""
    what = [name for name in rows.columns if name not in ("record", "row_number", "source_cell", "value_as_written")]
    is_found = pl.col("record").is_in(findings["record"].implode())
    kept = rows.filter(~is_found).unique(subset=what, keep="first", maintain_order=True)
    return pl.concat([kept, rows.filter(is_found)]).sort("record"), findings


def _unread(headers: Headers, profile: Profile, place: tuple[str, str]) -> list[Finding]:
    """Columns of the part of the sheet a table stands in that no table of the profile reads nor `ignore` names."""
    named = {key(name) for other in profile.tables for names in wanted_headers(other) for name in names}
    named |= {key(name) for name in profile.ignore} | {""}
    return [
        Finding("unread_column", *place, value=text, detail=profile.name)
        for text, unit in zip(headers.texts, headers.units, strict=True)
        if key(text) not in named and key(f"{text} [{unit}]") not in named
    ]
