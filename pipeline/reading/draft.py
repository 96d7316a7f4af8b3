"""A draft of a profile from a file: what can be seen is written down, what cannot is left to a person, and said.

Nothing is decided here about meaning: `0`, the empty cell and words go into the draft as `quarantine`, with how often
each occurs. No reading of rows (`canonical.py`).
"""

import json
import re
from collections import Counter
from functools import cache
from pathlib import Path
from typing import NamedTuple

import polars as pl

from pipeline.reading.dates import EXCEL, moment_of
from pipeline.reading.delivery import DeliveredFile
from pipeline.reading.headers import IN_BRACKETS
from pipeline.reading.sheets import HEAD_ROWS, RawSheet, key
from pipeline.reading.text import encoding_of, separator_of
from pipeline.units import OURS, UnitError, factor_to_ours
from schemas.profile import FIELDS, MEASURED, Profile, column_letters
from schemas.reference_data import residue_by_spelling

_VOCABULARY = Path(__file__).parents[2] / "schemas" / "vocabularies" / "headers.csv"
_DATE_FORMATS = (
    "%Y-%m-%d", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%d.%m.%Y", "%d.%m.%y", "%d/%m/%Y", "%m/%d/%Y", "%d/%m/%y",
    "%m/%d/%y", "%Y/%m/%d", "%Y年%m月%d日", "%Y.%m.%d", "%Y%m%d", "%d-%b-%Y", "%d %B %Y", EXCEL,
)  # fmt: skip
_LIKE_A_NUMBER = re.compile(r"[+-]?\d[\d.,' ]*([eE][+-]?\d+)?")
_MOST_WORDS = 20


class Draft(NamedTuple):
    """A profile to be completed.

    Attributes:
        text: TOML, with comments that say what was seen.
        to_decide: what a person has to say before it can be used, a line each.
    """

    text: str
    to_decide: list[str]


@cache
def _fields_by_header() -> dict[str, str]:
    """Our field for each header that is known, English and Chinese."""
    rows = pl.read_csv(_VOCABULARY).iter_rows()
    return {key(name): field for field, names in rows for name in [field.replace("_", " "), field, *names.split("|")]}


class _Columns(NamedTuple):
    """What the headers of a sheet were taken for: columns from 1."""

    header_row: int
    unit_row: int | None
    texts: list[str]
    units: list[str]
    fields: dict[str, int]
    residues: dict[int, str]


def draft_profile(content: bytes, file_name: str, name: str) -> Draft:
    """A draft of a profile named `name` for a delivered file.

    Raises `DeliveryError` where the file is no table.
    """
    file = DeliveredFile(content, file_name)
    reading = Profile.model_validate(
        {"name": "draft", "title": "", "sender": "", "tables": [{"table": "areas", "columns": {"area_id": "area"}}]}
    )
    lines, to_decide = [], []
    tables: list[str] = []
    ignored: list[str] = []
    ignored_sheets: list[str] = []
    numbers: list[str] = []
    formats: list[str] = []
    for sheet_name in file.sheet_names:
        sheet = file.sheet(sheet_name, reading)
        columns = _columns_of(sheet) if sheet.cells.height else None
        found = [_table_of(sheet, columns, kind, file.sheet_names) for kind in _kinds(columns)] if columns else []
        if columns is None or not found:
            ignored_sheets.append(sheet_name)
            continue
        used = {number for table in found for number in table.used}
        ignored += [
            text
            for number in range(1, len(columns.texts) + 1)
            if number not in used and columns.texts[number - 1] and (text := _unique(columns, number)) not in ignored
        ]
        for table in found:
            tables += ["", *table.lines]
            to_decide += table.to_decide
            numbers += table.numbers
            formats += [form for form in table.formats if form not in formats]
    if not tables:
        to_decide.append("No table was found: no row holds a header that is known. Write [[tables]] by hand.")
    lines += [
        f"# Draft made from {_plain(file_name)}; each line is to be read by a person before it is used.",
        f"name = {_quoted(name)}",
        'title = "FILL IN: what this sender sends"',
        'sender = "FILL IN"',
    ]
    to_decide.insert(0, "title and sender: who sends this.")
    if not file.is_workbook:
        lines += [f"encoding = {_quoted(encoding_of(content, file_name))}",
                  f"separator = {_quoted(separator_of(content, file_name))}"]  # fmt: skip
    lines += _sign_lines(numbers, to_decide)
    lines.append(f"date_formats = {_list(formats or ['%Y-%m-%d'])}")
    if ignored:
        lines.append(f"ignore = {_list(ignored)} # columns no field was found for: is one of them needed?")
    if ignored_sheets:
        lines.append(f"ignore_sheets = {_list(ignored_sheets)} # no table was seen in them")
    return Draft("\n".join([*lines, *tables]) + "\n", to_decide)


_GROUPED = re.compile(r"-?(?:\d{1,3}([,. '])\d{3}(?:\1\d{3})+(?:(?!\1)[.,]\d+)?|\d{1,3}([,. '])\d{3}(?!\2)[.,]\d+)")
"""A number with a sign between its thousands that can be nothing else: 1,157,325 and 1.234,5, but not 133,336."""


class _Table(NamedTuple):
    lines: list[str]
    to_decide: list[str]
    used: set[int]
    numbers: list[str]
    formats: list[str]


def _kinds(columns: _Columns) -> list[str]:
    """The tables whose fields are there: one sheet may hold sites and their inhabitants."""
    fields = set(columns.fields)
    kinds = {
        "sites": {"site_id", "site_name"} <= fields,
        "populations": "population" in fields,
        "flows": "flow" in fields,
        "results": bool(columns.residues) or "concentration" in fields,
    }
    return [kind for kind, is_there in kinds.items() if is_there]


def _table_of(sheet: RawSheet, columns: _Columns, kind: str, sheet_names: list[str]) -> _Table:
    fields = columns.fields
    ours = {field.rstrip("*") for field in FIELDS[kind]}
    mapped = {field: number for field, number in fields.items() if field in ours}
    wide = columns.residues if kind == "results" else {}
    data = sheet.cells.filter(pl.col("row_number") > max(columns.header_row, columns.unit_row or 0))
    lines = ["[[tables]]", f'table = "{kind}"']
    to_decide: list[str] = []
    if len(sheet_names) > 1:
        lines.append(f"sheet = {_quoted(sheet.name)}")
    lines.append(f"header_row = {columns.header_row}")
    where = f"sheet {sheet.name!r}: " if sheet.name else ""
    measured = MEASURED.get(kind)
    values = list(wide) or [mapped[measured]] if measured and (wide or measured in mapped) else []
    if measured:
        lines += _unit_lines(sheet, columns, values, measured, where, to_decide)
        lines += [f'{limit}_unit = "value"' for limit in ("lod", "loq") if limit in mapped]
    lines += ["", "[tables.columns]"]
    lines += [f"{field} = {_quoted(_unique(columns, number))} # column {column_letters(number)}"
              for field, number in mapped.items() if not (wide and field in ("residue", "concentration"))]  # fmt: skip
    constants = {}
    if "site_id" not in mapped:
        constants["site_id"] = "FILL IN"
        to_decide.append(f"{where}site_id: no column names the site. Say in constants which it is.")
    if kind == "populations":
        constants["population_method"] = "FILL IN"
        to_decide.append(f"{where}population_method: census, served, design ...")
    if kind == "results" and not wide and "residue" not in mapped:
        constants["residue"] = "FILL IN"
        to_decide.append(f"{where}residue: no column names it.")
    if constants:
        lines += ["", "[tables.constants]", *(f"{field} = {_quoted(text)}" for field, text in constants.items())]
    if wide:
        lines += ["", "[tables.wide]", 'into = "residue"', "", "[tables.wide.columns]"]
        lines += [f"{_quoted(_unique(columns, number))} = {_quoted(residue)}" for number, residue in wide.items()]
    formats = []
    for field in ("sampled_on", "composite_start_at", "composite_end_at"):
        if field in mapped:
            formats += _formats_of(data[f"c{mapped[field]}"], f"{where}{field}", to_decide)
    if kind != "sites" and not {"sampled_on", "composite_start_at"} & set(mapped) and kind != "populations":
        to_decide.append(f"{where}sampled_on: no column holds a day that is known.")
    texts = pl.concat([data[f"c{number}"] for number in values]) if values else pl.Series([], dtype=pl.String)
    if kind == "results":
        lines += _qualifier_lines(texts, where, to_decide)
    if "residue" in mapped and not wide:
        lines += _residue_lines(data[f"c{mapped['residue']}"], where, to_decide)
    used = {*mapped.values(), *wide}
    if "unit" in fields:
        used.add(fields["unit"])
    return _Table(lines, to_decide, used, texts.drop_nulls().head(2000).to_list(), list(dict.fromkeys(formats)))


def _sign_lines(numbers: list[str], to_decide: list[str]) -> list[str]:
    """The decimal sign, and the sign between thousands where two groups or the other sign behind one tell it."""
    grouped = Counter(found[1] or found[2] for text in numbers if (found := _GROUPED.fullmatch(text)))
    if grouped:
        thousands = grouped.most_common(1)[0][0]
        decimal = "," if thousands == "." else "."
    else:
        thousands = ""
        like = [text for text in numbers if re.fullmatch(r"-?[1-9]\d{0,2},\d{3}", text)]
        signs = Counter(sign for text in numbers for sign in ".," if re.fullmatch(rf"-?\d+\{sign}\d+", text))
        decimal = "," if signs[","] > signs["."] else "."
        if like and len(like) == signs[","]:
            to_decide.append(f"decimal or thousands: whether the comma in {like[0]!r} is one or the other.")
    lines = ['decimal = ","'] if decimal == "," else []
    return [*lines, f"thousands = {_quoted(thousands)}"] if thousands else lines


def _columns_of(sheet: RawSheet) -> _Columns | None:
    """The headers: of the first rows that in which most headers are known."""
    known, residues = _fields_by_header(), residue_by_spelling()
    best: _Columns | None = None
    most = 1
    for row in sheet.cells["row_number"].head(HEAD_ROWS).to_list():
        texts = sheet.row(row)
        fields: dict[str, int] = {}
        found: dict[int, str] = {}
        for number, text in enumerate(texts, start=1):
            bare = key(IN_BRACKETS.sub("", text))
            if field := known.get(key(text)) or known.get(bare):
                fields.setdefault(field, number)
            elif residue := residues.get(bare) or residues.get(key(text)):
                found[number] = residue
        if len(fields) + len(found) > most:
            most = len(fields) + len(found)
            unit_row = _unit_row(sheet, row)
            units = sheet.row(unit_row) if unit_row else []
            units += [""] * (len(texts) - len(units))
            best = _Columns(row, unit_row, texts, units, fields, found)
    return best


def _unit_row(sheet: RawSheet, header_row: int) -> int | None:
    texts = sheet.row(header_row + 1)
    return header_row + 1 if sum(_is_unit(text) for text in texts) > max(1, len([t for t in texts if t]) / 3) else None


def _is_unit(text: str, field: str | None = None) -> bool:
    for known in [field] if field else OURS:
        try:
            factor_to_ours(text, known)
        except UnitError:
            continue
        return bool(text)
    return False


def _unit_lines(
    sheet: RawSheet, columns: _Columns, values: list[int], measured: str, where: str, to_decide: list[str]
) -> list[str]:
    if "unit" in columns.fields:
        return [f"unit_column = {_quoted(columns.texts[columns.fields['unit'] - 1])}"]
    if columns.unit_row:
        above = sheet.row(columns.unit_row)
        odd = [columns.texts[n - 1] for n in values if not _is_unit(above[n - 1], measured)]
        if odd:
            to_decide.append(f"{where}the unit row holds no unit of a {measured} over {', '.join(odd)}.")
        return [f"unit_row = {columns.unit_row}"]
    in_header = [found.group(1) for n in values if (found := IN_BRACKETS.search(columns.texts[n - 1]))]
    if values and len(in_header) == len(values) and all(_is_unit(text, measured) for text in in_header):
        return ["is_unit_in_header = true"]
    to_decide.append(f"{where}unit: nothing states that of the {measured}. Ask the sender.")
    return ['unit = "FILL IN"']


def _unique(columns: _Columns, number: int) -> str:
    """A header, with its unit in brackets where another column has the same."""
    text = columns.texts[number - 1]
    is_alone = [key(other) for other in columns.texts].count(key(text)) == 1
    return text if is_alone or not columns.units[number - 1] else f"{text} [{columns.units[number - 1]}]"


def _formats_of(texts: pl.Series, what: str, to_decide: list[str]) -> list[str]:
    """The formats that read all days of a column, the surest first."""
    there = texts.drop_nulls().unique().head(3000)
    if there.is_empty():
        return []
    frame = there.alias("text").to_frame()
    fits = []
    for form in _DATE_FORMATS:
        moment = moment_of(pl.col("text"), form)
        is_day = moment.dt.year().is_between(1990, 2100)
        if bool(frame.select(is_day.fill_null(value=False).all()).item()):
            fits.append(form)
    if not fits:
        to_decide.append(f"{what}: its days are written like {there[0]!r}, which no usual format reads.")
    if {"%d/%m/%Y", "%m/%d/%Y"} <= set(fits) or {"%d/%m/%y", "%m/%d/%y"} <= set(fits):
        to_decide.append(f"{what}: no day is after the 12th, so it cannot be seen whether day or month comes first.")
    return fits[:1]


def _qualifier_lines(texts: pl.Series, where: str, to_decide: list[str]) -> list[str]:
    """What stands in place of numbers, each with how often it occurs: a person says what it means."""
    n_blank = texts.null_count()
    words = Counter(text for text in texts.drop_nulls() if not _LIKE_A_NUMBER.fullmatch(text))
    zeros = sum(bool(re.fullmatch(r"0+([.,]0*)?", text)) for text in texts.drop_nulls())
    patterns: Counter[str] = Counter()
    for word, count in words.items():
        patterns[re.sub(r"\d+(?:[.,]\d+)?(?:[eE][+-]?\d+)?", "#", word, count=1)] += count
    lines = ["", "[tables.qualifiers] # <LOD, <LOQ, >ULOQ or not measured; quarantine asks a person",
             f'"0" = "quarantine" # {zeros} times', f'"" = "quarantine" # {n_blank} times']  # fmt: skip
    lines += [f'{_quoted(word)} = "quarantine" # {count} times' for word, count in patterns.most_common(_MOST_WORDS)]
    asked = [repr(word) for word, count in (("0", zeros), ("", n_blank)) if count] + [
        repr(word) for word, _ in patterns.most_common(_MOST_WORDS)
    ]
    if asked:
        to_decide.append(f"{where}qualifiers: what {', '.join(asked)} means.")
    if len(patterns) > _MOST_WORDS:
        to_decide.append(f"{where}{len(patterns) - _MOST_WORDS} more words stand in place of numbers.")
    return lines


def _residue_lines(texts: pl.Series, where: str, to_decide: list[str]) -> list[str]:
    known = residue_by_spelling()
    unknown = [text for text in texts.drop_nulls().unique().sort() if text.casefold() not in known]
    if not unknown:
        return []
    to_decide.append(f"{where}values.residue: {', '.join(unknown[:_MOST_WORDS])} are no spellings of the vocabulary.")
    return ["", "[tables.values.residue]", *(f'# {_quoted(text)} = ""' for text in unknown[:_MOST_WORDS])]


def _quoted(text: str) -> str:
    """A TOML string. TOML takes JSON's escapes, and none of the control characters."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _list(texts: list[str]) -> str:
    return f"[{', '.join(map(_quoted, texts))}]"


def _plain(text: str) -> str:
    return "".join(char if char.isprintable() else "�" for char in text)
