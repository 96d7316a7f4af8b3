"""Turning a delivered sheet into canonical rows by a table of a profile: columns, units, dates, numbers, qualifiers.

Set-based: one record is a measured cell or a row, and whatever cannot be read becomes a finding with its record.
No rules about values here (`pipeline/judge.py`).
"""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

import polars as pl

from pipeline import units
from pipeline.findings import FINDING, DeliveryError, Finding
from pipeline.reading.sheets import RawSheet
from schemas.profile import FIELDS, MEASURED, Profile, TableProfile
from schemas.tables import TABLES

_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?$"
_ISO = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M", "%Y-%m-%d")
_EXAMPLE = datetime(2024, 3, 31, 8, 30)  # noqa: DTZ001  only shown, as an example of a date format
_WITH_QUALIFIER = ("results", "reported_loads")
_OPTIONAL_NUMBERS = {"populations": ("population_rsd",), "sites": ("latitude", "longitude")}
_DATES = {
    "results": ("sampled_on", "composite_start_at", "composite_end_at"),
    "reported_loads": ("sampled_on",),
    "flows": ("sampled_on",),
    "populations": ("valid_from", "valid_to"),
}


class Canonical(NamedTuple):
    """Records of one table of a delivery.

    Attributes:
        table: the table the records are meant for.
        rows: the columns of the table's model, and `record`, the records' number from 0.
        findings: columns of `FINDING` and `record`: what could not be read.
        notes: what is worth knowing about the sheet as a whole.
    """

    table: str
    rows: pl.DataFrame
    findings: pl.DataFrame
    notes: list[Finding]


class Headers:
    """The headers of a sheet and the columns they stand over.

    A header is found by its text, blanks folded and case ignored, or by its text and its unit row as in
    `Date [MM/YY]` where two columns share a text.
    """

    def __init__(self, sheet: RawSheet, table: TableProfile) -> None:
        texts = sheet.row(table.header_row)
        units_row = sheet.row(table.unit_row) if table.unit_row else []
        self.texts = texts
        self.units = [units_row[i] if i < len(units_row) else "" for i in range(len(texts))]
        self._columns: dict[str, list[int]] = {}
        for number, (text, unit) in enumerate(zip(texts, self.units, strict=True), start=1):
            for key in {_key(text), _key(f"{text} [{unit}]")} - {""}:
                self._columns.setdefault(key, []).append(number)

    def find(self, names: list[str]) -> list[int]:
        """Numbers of the columns, from 1, that the first of `names` that stands here stands over."""
        return next((self._columns[_key(name)] for name in names if _key(name) in self._columns), [])

    def text(self, number: int) -> str:
        """The header over a column."""
        return self.texts[number - 1]


def required_headers(table: TableProfile) -> list[list[str]]:
    """The headers a table of a profile cannot do without, each with its alternatives."""
    fields = [names for field, names in table.headers.items() if field not in table.optional]
    wide = [[header] for header in table.wide.columns] if table.wide else []
    unit = [[table.unit_column]] if table.unit_column else []
    return [*fields, *wide, *unit]


def wanted_headers(table: TableProfile) -> list[list[str]]:
    """All headers a table of a profile reads, each with its alternatives."""
    return [*required_headers(table), *(table.headers[field] for field in table.optional)]


def _key(text: str) -> str:
    return " ".join(text.split()).casefold()


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
        field: _only(headers, names, place, profile)
        for field, names in table.headers.items()
        if field not in table.optional or headers.find(names)
    }
    wide = {header: _only(headers, [header], place, profile) for header in table.wide.columns} if table.wide else {}
    unit_column = _only(headers, [table.unit_column], place, profile) if table.unit_column else None

    data = sheet.cells.filter(pl.col("row_number") >= table.first_data_row)
    records = _records(data, table, used, wide, unit_column, headers)
    context = _Context(records, file_name, sheet.name, headers, table, profile)
    _flag_problems(context, sheet, {*used.values(), *wide.values(), *([unit_column] if unit_column else [])})

    typed: dict[str, pl.Expr] = {}
    _add_texts(context, typed, residues)
    context.apply(typed)
    typed = {}
    _add_dates(context, typed)
    _add_numbers(context, typed)
    context.apply(typed)
    _complete(context)

    fixed = {
        "delivery_id": pl.lit(delivery_id),
        "sheet": pl.lit(sheet.name),
        "is_simulated": pl.lit(profile.is_simulated),
        "value_as_written": pl.col("_value").fill_null(""),
        "unit_as_written": pl.col("_unit"),
    }
    rows = context.records.with_columns(**fixed).select(
        "record", *(pl.col(name).cast(kind) for name, kind in TABLES[table.table].types.items())
    )
    findings = pl.concat(context.findings) if context.findings else pl.DataFrame(schema={"record": pl.Int64, **FINDING})
    if table.is_distinct:
        rows, findings = _distinct(rows, findings)
    return Canonical(table.table, rows, findings, _unread(headers, profile, place))


class _Context:
    """The records on their way, and the findings about them."""

    def __init__(
        self, records: pl.DataFrame, file_name: str, sheet: str, headers: Headers, table: TableProfile, profile: Profile
    ) -> None:
        self.records = records
        self.file_name = file_name
        self.sheet = sheet
        self.headers = headers
        self.table = table
        self.profile = profile
        self.findings: list[pl.DataFrame] = []

    def apply(self, typed: dict[str, pl.Expr]) -> None:
        self.records = self.records.with_columns(**typed)

    def header_of(self, field: str) -> pl.Expr:
        """The header a field was read from; the measured field of a wide table has one for each record."""
        if field == MEASURED.get(self.table.table) or (self.table.wide and field == self.table.wide.into):
            return pl.col("source_column")
        names = self.table.headers.get(field, [])
        numbers = self.headers.find(names) if names else []
        return pl.lit(self.headers.text(numbers[0]) if numbers else "")

    def flag(self, bad: pl.Expr, rule: str, column: pl.Expr, value: pl.Expr, detail: pl.Expr | str = "") -> None:
        """Notes a finding for each record for which `bad` is true."""
        detail = pl.lit(detail) if isinstance(detail, str) else detail
        found = self.records.filter(bad.fill_null(value=False)).select(
            pl.col("record"),
            pl.lit(self.file_name).alias("file_name"),
            pl.lit(self.sheet).alias("sheet"),
            pl.col("row_number"),
            column.cast(pl.String).alias("source_column"),
            pl.lit(rule).alias("rule"),
            value.cast(pl.String).alias("value"),
            detail.alias("detail"),
        )
        if found.height:
            self.findings.append(found)


def _only(headers: Headers, names: list[str], place: tuple[str, str], profile: Profile) -> int:
    numbers = headers.find(names)
    if not numbers:
        wanted = " or ".join(names)
        raise DeliveryError(Finding("missing_column", *place, value=wanted, detail=profile.name))
    if len(numbers) > 1:
        raise DeliveryError(Finding("duplicate_column", *place, value=headers.text(numbers[0])))
    return numbers[0]


def _records(
    data: pl.DataFrame, table: TableProfile, used: dict[str, int], wide: dict[str, int], unit_column: int | None,
    headers: Headers,
) -> pl.DataFrame:  # fmt: skip
    """One row a record, all texts: the fields as `_<field>`, the measured value as `_value`, its unit as `_unit`."""
    fields = [field.rstrip("*") for field in FIELDS[table.table]]
    measured = MEASURED.get(table.table)
    texts = {f"_{field}": pl.lit(None, pl.String) for field in fields}
    texts |= {f"_{field}": pl.lit(str(value)) for field, value in table.constants.items()}
    texts |= {f"_{field}": pl.col(f"c{number}") for field, number in used.items()}
    stated = pl.col(f"c{unit_column}") if unit_column else None
    base = data.with_columns(**texts)
    if table.wide:
        of_header = {f"c{number}": str(table.wide.columns[header]) for header, number in wide.items()}
        in_unit_row = {f"c{number}": headers.units[number - 1] or None for number in wide.values()}
        names = {f"c{number}": headers.text(number) for number in wide.values()}
        order = {f"c{number}": number for number in wide.values()}
        keep = ["row_number", *texts] + ([] if stated is None else ["_stated"])
        base = base if stated is None else base.with_columns(_stated=stated)
        long = base.select(*keep, *of_header).unpivot(
            on=list(of_header), index=keep, variable_name="_column", value_name="_value"
        )
        column = pl.col("_column")
        unit = pl.col("_stated") if stated is not None else column.replace_strict(in_unit_row, return_dtype=pl.String)
        records = long.with_columns(
            column.replace_strict(of_header).alias(f"_{table.wide.into}"),
            column.replace_strict(names).alias("source_column"),
            column.replace_strict(order).alias("_order"),
            (pl.lit(table.unit) if table.unit and stated is None and not table.unit_row else unit).alias("_unit"),
        ).sort("row_number", "_order")
    else:
        main = measured or fields[0]
        number = used.get(main)
        unit = pl.lit(None, pl.String) if measured is None else pl.lit(table.unit, pl.String)
        if stated is not None:
            unit = stated
        elif table.unit_row and number:
            unit = pl.lit(headers.units[number - 1] or None, pl.String)
        records = base.with_columns(
            pl.col(f"_{main}").alias("_value"),
            pl.lit(headers.text(number) if number else "").alias("source_column"),
            unit.alias("_unit"),
        )
    return records.with_row_index("record").with_columns(pl.col("record").cast(pl.Int64))


def _flag_problems(context: _Context, sheet: RawSheet, used: set[int]) -> None:
    """Cells and rows the reader could not take, where they concern this table."""
    for problem in sheet.problems:
        if problem.rule == "cell_error" and problem.column_number not in used:
            continue
        here = pl.col("row_number") == problem.row_number
        header = context.headers.text(problem.column_number) if problem.column_number else ""
        if context.table.wide and _key(header) in {_key(name) for name in context.table.wide.columns}:
            here &= pl.col("source_column") == header
        context.flag(here, problem.rule, pl.lit(header), pl.lit(problem.value), problem.detail)


def _add_texts(context: _Context, typed: dict[str, pl.Expr], residues: Mapping[str, str]) -> None:
    """Sites, areas, methods, laboratories: trimmed, and mapped by the profile's `values`; residues by any spelling."""
    numbers = {
        MEASURED.get(context.table.table),
        *_OPTIONAL_NUMBERS.get(context.table.table, ()),
        "lod",
        "loq",
    }
    dates = set(_DATES.get(context.table.table, ()))
    for starred in FIELDS[context.table.table]:
        field = starred.rstrip("*")
        if field in numbers | dates | {"weekday", "sampling_year"}:
            continue
        written = pl.col(f"_{field}")
        text = written.replace(context.table.values.get(field, {}))
        if field == "residue":
            spelled = text.str.to_lowercase().replace_strict(dict(residues), default=None, return_dtype=pl.String)
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


def _add_dates(context: _Context, typed: dict[str, pl.Expr]) -> None:
    formats = [*context.profile.date_formats, *_ISO]
    shown = " or ".join(_EXAMPLE.strftime(form) for form in context.profile.date_formats)
    required = {field.rstrip("*") for field in FIELDS[context.table.table] if field.endswith("*")}
    for field in _DATES.get(context.table.table, ()):
        text = pl.col(f"_{field}")
        moment = pl.coalesce(
            text.str.to_datetime(form, strict=False, time_unit="us")
            if any(directive in form for directive in ("%H", "%T", "%R", "%I"))
            else text.str.to_date(form, strict=False).cast(pl.Datetime("us"))
            for form in formats
        )
        # A two-digit year read as the year 24, or a serial number as the year 45000, is no date.
        moment = pl.when(moment.dt.year().is_between(1900, 2999)).then(moment)
        context.flag(
            text.is_not_null() & moment.is_null(),
            "unparsable_date",
            context.header_of(field),
            text,
            f"like {shown}",
        )
        if field in required:
            context.flag(text.is_null(), "missing_value", context.header_of(field), text)
        typed[field] = moment if field.endswith("_at") else moment.dt.date()


def _number(text: pl.Expr, context: _Context) -> pl.Expr:
    """The number a text stands for by the profile's decimal and thousands signs; null where it is none."""
    sign = context.profile.thousands
    if sign:
        # Groups of three and nothing else: by them 1,500 is told from 1,5.
        is_grouped = text.str.contains(rf"^[+-]?\d{{1,3}}({re.escape(sign)}\d{{3}})+($|[^\d{re.escape(sign)}])")
        text = pl.when(is_grouped).then(text.str.replace_all(sign, "", literal=True)).otherwise(text)
    if context.profile.decimal == ",":
        text = text.str.replace_all(".", "?", literal=True)  # a foreign sign in such a file
        text = text.str.replace(",", ".", literal=True)
    number = text.cast(pl.Float64, strict=False)
    return pl.when(text.str.contains(_NUMBER) & number.is_finite()).then(number)  # 1e400 is no number either


def _factor(context: _Context, unit: pl.Expr, field: str, needed: pl.Expr, column: pl.Expr) -> pl.Expr:
    """The factor to our unit. Each distinct unit is parsed once; what does not fit is flagged where it is needed."""
    factors: dict[str, float] = {}
    wrong: dict[str, str] = {}
    for text in context.records.select(unit.alias("unit"))["unit"].drop_nulls().unique().sort():
        try:
            factors[text] = units.factor_to_ours(text, field)
        except units.UnitError as error:
            wrong[text] = str(error)
    context.flag(needed & unit.is_null(), "missing_unit", column, unit)
    if wrong:
        detail = unit.replace_strict(wrong, default=None, return_dtype=pl.String)
        context.flag(needed & detail.is_not_null(), "wrong_unit", column, unit, detail)
    return unit.replace_strict(factors, default=None, return_dtype=pl.Float64)


def _add_numbers(context: _Context, typed: dict[str, pl.Expr]) -> None:
    table = context.table.table
    sign = f"(decimal sign {context.profile.decimal!r})"
    for field in _OPTIONAL_NUMBERS.get(table, ()):
        text = pl.col(f"_{field}")
        context.flag(
            text.is_not_null() & _number(text, context).is_null(), "unparsable_number", context.header_of(field), text,
            sign,
        )  # fmt: skip
        typed[field] = _number(text, context)
    if table == "reported_loads":
        _add_year_and_weekday(context, typed)
    if table not in MEASURED:
        return
    measured = MEASURED[table]
    column = pl.col("source_column")
    unit_column = pl.lit(context.table.unit_column) if context.table.unit_column else column
    value = pl.col("_value")
    if table not in _WITH_QUALIFIER:
        factor = _factor(context, pl.col("_unit"), measured, value.is_not_null(), unit_column)
        context.flag(value.is_null(), "missing_value", column, value)
        context.flag(value.is_not_null() & _number(value, context).is_null(), "unparsable_number", column, value, sign)
        typed["flow_m3_per_day" if measured == "flow" else measured] = _number(value, context) * factor
        return

    words = {word.casefold(): meaning for word, meaning in context.table.qualifiers.items()}
    folded = value.fill_null("").str.replace_all("＜", "<").str.replace_all("＞", ">").str.to_lowercase()
    word = folded.replace_strict(words, default=None, return_dtype=pl.String)
    below = folded.str.extract(r"^<\s*(.*)$", 1)
    above = folded.str.extract(r"^>\s*(.*)$", 1)
    number = pl.when(word.is_null()).then(_number(pl.coalesce(below, above, value), context))
    is_zero = (number == 0) & below.is_null() & above.is_null()
    qualifier = (
        pl.when(word.is_not_null()).then(word)
        .when(below.is_not_null() & number.is_not_null()).then(pl.lit(context.table.less_than, pl.String))
        .when(above.is_not_null() & number.is_not_null()).then(pl.lit(">ULOQ"))
        .when(is_zero).then(pl.lit(words.get("0"), pl.String))
        .when(number.is_not_null()).then(pl.lit("="))
    )  # fmt: skip
    context.flag(value.is_null() & word.is_null(), "missing_value", column, value)
    context.flag(is_zero & qualifier.is_null(), "unexplained_zero", column, value)
    is_unread = value.is_not_null() & qualifier.is_null() & ~is_zero.fill_null(value=False)
    context.flag(is_unread, "unparsable_number", column, value, sign)
    has_number = number.is_not_null() & qualifier.is_not_null()
    factor = _factor(context, pl.col("_unit"), measured, has_number, unit_column)
    converted = pl.when(qualifier.is_in(["=", ">ULOQ"])).then(number * factor)
    typed["qualifier"] = qualifier
    if table == "reported_loads":
        typed["reported_load_mg_per_day_per_1000"] = converted
        return
    typed["concentration_ng_per_l"] = converted
    limits = {limit: _limit(context, limit, has_number, sign) for limit in ("lod", "loq")}
    stated = pl.when(below.is_not_null()).then(number * factor)
    for limit, expression in limits.items():
        is_this = qualifier == f"<{limit.upper()}"
        typed[f"{limit}_ng_per_l"] = pl.when(is_this & stated.is_not_null()).then(stated).otherwise(expression)


def _limit(context: _Context, limit: str, has_number: pl.Expr, sign: str) -> pl.Expr:
    """A limit in ng/L: from its column, else from the profile's limits by residue, else null."""
    text = pl.col(f"_{limit}")
    column = context.header_of(limit)
    context.flag(text.is_not_null() & _number(text, context).is_null(), "unparsable_number", column, text, sign)
    unit = pl.lit(context.table.limit_unit) if context.table.limit_unit else pl.col("_unit")
    # Where the value has a number its unit was judged already; a limit beside a word needs the unit as well.
    factor = _factor(context, unit, "concentration", text.is_not_null() & ~has_number, column)
    in_profile = {
        residue: getattr(known, limit) * units.factor_to_ours(known.unit, "concentration")
        for residue, known in context.table.limits.items()
        if getattr(known, limit) is not None
    }
    return pl.coalesce(
        _number(text, context) * factor,
        pl.col("residue").replace_strict(in_profile, default=None, return_dtype=pl.Float64),
    )


def _add_year_and_weekday(context: _Context, typed: dict[str, pl.Expr]) -> None:
    for field in ("sampling_year", "weekday"):
        text = pl.col(f"_{field}")
        number = pl.when(text.str.contains(r"^\d{1,4}$")).then(text.cast(pl.Int32, strict=False))
        context.flag(
            text.is_not_null() & number.is_null(),
            "unparsable_number",
            context.header_of(field),
            text,
            "(a whole one)",
        )
        typed[field] = number


def _complete(context: _Context) -> None:
    """What follows from what was read: the day a composite mostly covers, year and weekday, and composites too long."""
    table = context.table.table
    if table == "results":
        start, end = pl.col("composite_start_at"), pl.col("composite_end_at")
        hours = (end - start).dt.total_minutes() / 60
        longest = context.table.composite_period_hours
        # An hour of grace: a day of 25 hours when the clocks go back.
        context.flag(
            hours > longest + 1, "composite_too_long", context.header_of("composite_end_at"),
            pl.col("_composite_end_at"),
            pl.format("{} hours, where the profile allows {}", hours.round(1), pl.lit(f"{longest:g}")),
        )  # fmt: skip
        middle = (start + (end - start) / 2).dt.date()
        context.apply({"sampled_on": pl.coalesce(pl.col("sampled_on"), middle, start.dt.date())})
        is_unread = pl.all_horizontal(pl.col("_sampled_on", "_composite_start_at").is_null())
        context.flag(is_unread, "missing_value", context.header_of("sampled_on"), pl.lit(None))
    if table in ("results", "flows"):
        context.apply({"sampling_year": pl.col("sampled_on").dt.year()})
    if table == "reported_loads":
        day = pl.col("sampled_on")
        context.apply(
            {
                "sampling_year": pl.coalesce(pl.col("sampling_year"), day.dt.year()),
                "weekday": pl.coalesce(pl.col("weekday"), day.dt.weekday().cast(pl.Int32)),
            }
        )
        for field, of_date in (("sampling_year", day.dt.year()), ("weekday", day.dt.weekday())):
            context.flag(
                pl.col(field) != of_date, "day_contradicts_date", context.header_of(field), pl.col(f"_{field}"),
                pl.format("({})", day),
            )  # fmt: skip
            is_unread = pl.all_horizontal(pl.col(f"_{field}", "_sampled_on").is_null())
            context.flag(is_unread, "missing_value", context.header_of(field), pl.lit(None))


def _distinct(rows: pl.DataFrame, findings: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Each distinct record once, at the first row it stands in."""
    what = [name for name in rows.columns if name not in ("record", "row_number", "value_as_written")]
    is_found = pl.col("record").is_in(findings["record"].implode())
    kept = rows.filter(~is_found).unique(subset=what, keep="first", maintain_order=True)
    return pl.concat([kept, rows.filter(is_found)]).sort("record"), findings


def _unread(headers: Headers, profile: Profile, place: tuple[str, str]) -> list[Finding]:
    """Columns that neither this profile's tables read nor its `ignore` names."""
    named = {_key(name) for table in profile.tables for names in wanted_headers(table) for name in names}
    named |= {_key(name) for name in profile.ignore} | {""}
    return [
        Finding("unread_column", *place, value=text, detail=profile.name)
        for text, unit in zip(headers.texts, headers.units, strict=True)
        if _key(text) not in named and _key(f"{text} [{unit}]") not in named
    ]
