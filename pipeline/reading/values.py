"""Reading numbers, units, limits and the words that stand in their place, as the profile says: nothing is guessed."""

import re
from collections.abc import Mapping

import polars as pl

from pipeline import units
from pipeline.findings import Finding
from pipeline.reading.context import Context, is_constant, once_each
from schemas.profile import MEASURED, WITH_QUALIFIER, Meaning, TableProfile

OPTIONAL_NUMBERS = {
    "populations": ("population_rsd",), "corrections": ("value_from", "value_to"),
    "sites": ("latitude", "longitude", "cigarettes_per_person_per_day", "domestic_share", "sewer_residence_h",
              "sewage_temperature_celsius", "share_aged_15_to_64"),
    "quality_controls": ("control_value", "control_limit"),
}  # fmt: skip
"""Fields of each table that carry a bare number."""
_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?$"
_OUR_VALUE = {"results": "concentration_ng_per_l", "reported_loads": "reported_load_mg_per_day_per_1000",
              "flows": "flow_m3_per_day",
              "flow_readings": "flow_m3_per_day", "populations": "population"}  # fmt: skip
_MOST_NOTES = 20
_QUARANTINE = Meaning(qualifier="=", number="unused")
"""Stands for the word `quarantine` of a profile: found, and not to be interpreted."""


def add_numbers(context: Context, typed: dict[str, pl.Expr]) -> None:
    """Reads the numbers of a table in our units, with qualifiers and limits; what is none becomes a finding."""
    table = context.table.table
    for field in OPTIONAL_NUMBERS.get(table, ()):
        text = pl.col(f"_{field}")
        number = number_of(text, context)
        context.flag(
            text.is_not_null() & number.is_null(), "unparsable_number", context.header_of(field), text, _sign(context)
        )
        typed[field] = number
    if table == "reported_loads":
        _add_year_and_weekday(context, typed)
    if table not in MEASURED:
        return
    if table in WITH_QUALIFIER:
        _add_qualified(context, typed)
        return
    value, column = pl.col("_value"), pl.col("source_column")
    factor = _factor(context, pl.col("_unit"), MEASURED[table], value.is_not_null(), _unit_header(context, "value"))
    number = number_of(value, context)
    context.flag(value.is_null(), "missing_value", column, value)
    context.flag(value.is_not_null() & number.is_null(), "unparsable_number", column, value, _sign(context))
    typed[_OUR_VALUE[table]] = number * factor


def number_of(text: pl.Expr, context: Context, *, has_exponents: bool = True) -> pl.Expr:
    """The number a text stands for by the profile's decimal and thousands signs; null where it is none.

    Without exponents, which polars reads however long, finite is just what `_NUMBER` is.
    """
    sign = context.profile.thousands
    if sign:
        # Groups of three and nothing else: by them 1,500 is told from 1,5.
        is_grouped = text.str.contains(rf"^[+-]?\d{{1,3}}({re.escape(sign)}\d{{3}})+($|[^\d{re.escape(sign)}])")
        text = pl.when(is_grouped).then(text.str.replace_all(sign, "", literal=True)).otherwise(text)
    if context.profile.decimal == ",":
        text = text.str.replace_all(".", "?", literal=True)  # a foreign sign in such a file
        text = text.str.replace(",", ".", literal=True)
    number = text.cast(pl.Float64, strict=False)
    is_number = number.is_finite()  # 1e400 is no number either
    return pl.when(text.str.contains(_NUMBER) & is_number if has_exponents else is_number).then(number)


def _numbers_of(texts: pl.Series, context: Context) -> pl.Series:
    """The numbers of a whole column."""
    has_exponents = bool(texts.str.contains_any(["e", "E"]).any())
    text = pl.col(texts.name)
    return texts.to_frame().select(number_of(text, context, has_exponents=has_exponents)).to_series()


def _bare(text: pl.Expr) -> pl.Expr:
    """A word as it is compared: without blanks, signs of one width."""
    return text.str.replace_all(r"\s", "").str.replace_all("＜", "<").str.replace_all("＞", ">")


def _meanings(words: Mapping[str, str | Meaning], *, has_number: bool) -> list[Meaning]:
    """The meaning of each word in full. A number in `<0.5` is the limit, in `>900` the value.

    With `has_number` a number stands beside each word, else only where `#` is in it.
    """

    def in_full(word: str, meaning: str | Meaning) -> Meaning:
        if isinstance(meaning, Meaning):
            return meaning
        if meaning == "quarantine":
            return _QUARANTINE
        number = "unused"
        if "#" in word:
            number = "limit" if meaning in ("<LOD", "<LOQ") else "value"
        elif has_number and meaning in ("=", ">ULOQ"):
            number = "value"
        return Meaning.model_validate({"qualifier": meaning, "number": number})

    return [in_full(word, meaning) for word, meaning in words.items()]


class _Words:
    """The words of a profile that may stand in place of a number, each with its meaning."""

    def __init__(self, words: Mapping[str, str | Meaning], context: Context) -> None:
        self._words = words
        self._context = context
        self.meanings = _meanings(words, has_number=False)
        self._exact = {re.sub(r"\s", "", word).casefold(): i for i, word in enumerate(words) if "#" not in word}
        self.zero = self.meanings[self._exact.pop("0")]  # every profile says what it means

    def read(self, texts: pl.Series) -> pl.DataFrame:
        """What each of some texts, none of them a plain number, says.

        Returns the columns `_value`, `_qualifier_of_cell`, `_role`, `_flag`, `_number`, `_is_asked`; all but the first
        null where a text is no known word.
        """
        value = pl.col("_value")
        bare = _bare(value.fill_null(""))
        meaning = bare.str.to_lowercase().replace_strict(self._exact, default=None, return_dtype=pl.Int32)
        number: pl.Expr = pl.lit(None, pl.Float64)
        for i, word in enumerate(self._words):
            if "#" in word:
                before, _, after = re.sub(r"\s", "", word).partition("#")
                inside = bare.str.extract(rf"(?i)^{re.escape(before)}([^()（）]+){re.escape(after)}$", 1)
                found = number_of(inside, self._context)
                is_this = meaning.is_null() & found.is_not_null()
                number = pl.when(is_this).then(found).otherwise(number)
                meaning = pl.when(is_this).then(pl.lit(i, pl.Int32)).otherwise(meaning)
        return texts.alias("_value").to_frame().with_columns(_meaning=meaning, _number=number).select(
            "_value",
            _looked_up(pl.col("_meaning"), self.meanings, "qualifier").alias("_qualifier_of_cell"),
            _looked_up(pl.col("_meaning"), self.meanings, "number").alias("_role"),
            _looked_up(pl.col("_meaning"), self.meanings, "flag").alias("_flag"),
            "_number",
            pl.col("_meaning").is_in([i for i, known in enumerate(self.meanings) if known is _QUARANTINE]).alias(
                "_is_asked"
            ),
        )  # fmt: skip


def _looked_up(meaning: pl.Expr, meanings: list[Meaning], what: str) -> pl.Expr:
    known: dict[int, str | None] = {i: getattr(found, what) for i, found in enumerate(meanings)}
    return meaning.replace_strict(known, default=None, return_dtype=pl.String)


def _read_cells(context: Context) -> None:
    """Adds to each record what its cell says, as the columns of `_Words.read`; `_plain` is the number it is, or null.

    Of what is no plain number each distinct text is read once, for there are few.
    """
    words = _Words(context.table.qualifiers, context)
    plain = pl.col("_plain")
    is_zero = (plain == 0).fill_null(value=False)  # also 0.0 and 0,00
    others = context.records.select("record", "_value", "_plain").filter(plain.is_null())
    read = words.read(others["_value"].unique())
    # What a cell says is one of few things: a number, a zero, or one of the distinct texts. Each row points at its own.
    zero = words.zero
    of_numbers = pl.DataFrame(
        {"_qualifier_of_cell": ["=", zero.qualifier], "_role": ["value", zero.number],
         "_is_asked": [False, zero is _QUARANTINE]},
    )  # fmt: skip
    sayings = pl.concat([of_numbers, read.with_columns(pl.col("_is_asked").fill_null(value=False))], how="diagonal")
    pointers = read.select("_value", _saying=pl.int_range(2, pl.len() + 2, dtype=pl.UInt32))
    of_others = others.join(pointers, on="_value", how="left", nulls_equal=True, maintain_order="left")
    saying = context.records.select(is_zero.cast(pl.UInt32))["_plain"].scatter(others["record"], of_others["_saying"])
    given = [texts.name for texts in sayings.drop("_value") if texts.null_count() < texts.len()]
    of_rows = sayings.select(given)[saying]
    said = {
        name: pl.lit(of_rows[name] if name in given else None, kind)
        for name, kind in sayings.drop("_value").schema.items()
    }
    context.apply({**said, "_is_zero": is_zero, "_number": pl.coalesce(plain, said["_number"])})


def _add_qualified(context: Context, typed: dict[str, pl.Expr]) -> None:
    """The value of results and reported loads with its qualifier, limits and flags."""
    table, value, column = context.table, pl.col("_value"), pl.col("source_column")
    limits = [limit for limit in ("lod", "loq") if table.table == "results" and context.is_given(f"_{limit}")]
    numbers = {"_plain": "_value"} | {f"_{limit}_number": f"_{limit}" for limit in limits}
    context.records = context.records.with_columns(
        once_each(context.records[text], lambda texts: _numbers_of(texts, context)).alias(name)
        for name, text in numbers.items()
    )
    _read_cells(context)
    has_marks = bool(table.marks)
    marks = _meanings(table.marks, has_number=True)
    no_text = pl.lit(None, pl.String)
    if has_marks:
        mark = _bare(pl.col("_qualifier")).str.to_lowercase().replace_strict(
            {re.sub(r"\s", "", word).casefold(): i for i, word in enumerate(table.marks)}, default=None,
            return_dtype=pl.Int32,
        )  # fmt: skip
        context.apply({"_mark": mark})
    mark = pl.col("_mark") if has_marks else pl.lit(None, pl.Int32)
    is_plain, is_zero, is_asked = pl.col("_plain").is_not_null(), pl.col("_is_zero"), pl.col("_is_asked")
    of_cell, number = pl.col("_qualifier_of_cell"), pl.col("_number")

    is_asked &= mark.is_null()
    context.flag(is_asked & value.is_null(), "missing_value", column, value)
    context.flag(is_asked & is_zero, "unexplained_zero", column, value)
    context.flag(is_asked & value.is_not_null() & ~is_zero, "unexplained_word", column, value)
    context.flag(value.is_not_null() & of_cell.is_null(), "unparsable_number", column, value, _sign(context))
    of_mark = flag_of_mark = no_text
    qualifier, role = of_cell, pl.col("_role")
    if has_marks:
        asked = mark.is_in([i for i, known in enumerate(marks) if known is _QUARANTINE])
        written, header = pl.col("_qualifier"), context.header_of("qualifier")
        context.flag(asked, "unexplained_word", header, written)
        context.flag(written.is_not_null() & mark.is_null(), "unknown_mark", header, written)
        of_mark, flag_of_mark = _looked_up(mark, marks, "qualifier"), _looked_up(mark, marks, "flag")
        # A word beside a number or an empty cell says how it is meant; beside another word it must say the same.
        is_number = is_plain & ~is_zero
        is_open = is_number | value.is_null()
        qualifier = pl.when(of_mark.is_not_null() & is_open).then(of_mark).otherwise(of_cell)
        is_other = of_mark.is_not_null() & ~is_open & (of_mark != of_cell)
        role_of_mark = _looked_up(mark, marks, "number")
        is_unmeant = (role_of_mark == "unused") & ~asked & ~_is_meaning_given(table, mark)
        context.flag(is_other | (is_number & is_unmeant), "value_contradicts_qualifier", header, value)
        role = pl.when(mark.is_not_null() & is_number).then(role_of_mark).otherwise(role)
    has_number = number.is_not_null() & role.is_in(["value", "limit"])
    factor = _factor(context, pl.col("_unit"), MEASURED[table.table], has_number, _unit_header(context, "value"))
    ours = _OUR_VALUE[table.table]
    context.apply({"_converted": number * factor, "qualifier": qualifier, "_role": role})
    is_value = (pl.col("_role") == "value") & pl.col("qualifier").is_in(["=", ">ULOQ"])
    context.apply({ours: pl.when(is_value).then("_converted")})
    flags = [pl.col("_flag"), flag_of_mark, *_check_derived(context)]
    stated = pl.when(pl.col("_role") == "limit").then("_converted")
    if table.table == "results":
        flags += _add_limits(context, stated, has_number)
    else:
        typed["reported_load_limit_mg_per_day_per_1000"] = stated
    read = context.records.select("record", *(flag.alias(f"{i}") for i, flag in enumerate(flags))).drop("record")
    raised = [flag for flag in read if flag.null_count() < flag.len()]
    joined = pl.concat_str(*map(pl.lit, raised), separator=" ", ignore_nulls=True) if len(raised) > 1 else None
    if joined is None:
        typed["flags"] = pl.lit(raised[0] if raised else None, pl.String)
    else:
        typed["flags"] = pl.when(pl.any_horizontal(pl.lit(flag).is_not_null() for flag in raised)).then(joined)


def _check_derived(context: Context) -> list[pl.Expr]:
    """Holds the columns the sender computed against the values they come from: notes, and a flag where they differ."""
    flags: list[pl.Expr] = []
    for number, (header, known) in enumerate(context.table.derived.items()):
        written = pl.col(f"_derived {header}")
        # A limit is divided like a value. In the sender's own unit, and not where a word stands in place of a number.
        stated = number_of(_bare(written).str.strip_prefix("<"), context)
        expected = pl.col("_number") / known.divided_by
        differs = (
            (pl.col("residue") == known.residue) & ((stated - expected).abs() > known.tolerance * expected)
        ).fill_null(value=False)
        name = f"_differs_{number}"
        context.apply({name: differs, "_expected": expected})
        for row in context.records.filter(pl.col(name)).head(_MOST_NOTES).iter_rows(named=True):
            context.notes.append(
                Finding(
                    "derived_differs", context.file_name, context.sheet, row["row_number"], header,
                    row[f"_derived {header}"], f"{row['_expected']:.3g}",
                )
            )  # fmt: skip
        flags.append(pl.when(pl.col(name)).then(pl.lit("derived_differs")))
    return flags


def _is_meaning_given(table: TableProfile, mark: pl.Expr) -> pl.Expr:
    """True where the profile itself says that the number beside a mark is to be left unused."""
    given = {i for i, meaning in enumerate(table.marks.values()) if isinstance(meaning, Meaning)}
    return mark.is_in(given)


def _add_limits(context: Context, stated: pl.Expr, has_number: pl.Expr) -> list[pl.Expr]:
    """LOD and LOQ in ng/L: what stands in place of the value, else the column, else the profile; and the flags."""
    qualifier, value = pl.col("qualifier"), pl.col("concentration_ng_per_l")
    differs: list[pl.Expr] = []
    limits: dict[str, pl.Expr] = {}
    for limit in ("lod", "loq"):
        here, elsewhere = pl.col(f"_{limit}_here"), pl.col(f"_{limit}_elsewhere")
        limits |= {f"_{limit}_elsewhere": _limit(context, limit, has_number)}
        limits |= {f"_{limit}_here": pl.when(qualifier == f"<{limit.upper()}").then(stated)}
        differs.append((here - elsewhere).abs() > 1e-9 * elsewhere)
    context.apply(limits)
    context.apply(
        {f"{limit}_ng_per_l": pl.coalesce(f"_{limit}_here", f"_{limit}_elsewhere") for limit in ("lod", "loq")}
    )
    is_below = (qualifier == "=") & (value < pl.col("loq_ng_per_l"))
    return [
        pl.when(is_below).then(pl.lit("value_below_loq")),
        pl.when(pl.any_horizontal(differs)).then(pl.lit("limit_differs")),
    ]


def _limit(context: Context, limit: str, has_number: pl.Expr) -> pl.Expr:
    """A limit in ng/L: from its column or the row above the data, else from the profile's limits, else null."""
    text = pl.col(f"_{limit}")
    column = context.header_of(limit)
    number = pl.col(f"_{limit}_number") if context.is_given(f"_{limit}") else pl.lit(None, pl.Float64)
    context.flag(text.is_not_null() & number.is_null(), "unparsable_number", column, text, _sign(context))
    needed = text.is_not_null()
    if getattr(context.table, f"{limit}_unit") == "value":
        needed &= ~has_number  # beside a number that unit was judged already
    factor = _factor(context, pl.col(f"_{limit}_unit"), "concentration", needed, _unit_header(context, limit))
    in_profile = {
        residue: getattr(known, limit) * units.factor_to_ours(known.unit, "concentration")
        for residue, known in context.table.limits.items()
        if getattr(known, limit) is not None
    }
    if not in_profile:
        return number * factor
    return pl.coalesce(
        number * factor, pl.col("residue").replace_strict(in_profile, default=None, return_dtype=pl.Float64)
    )


def _unit_header(context: Context, of: str) -> pl.Expr:
    """The header of the column a unit is read from; where it stands elsewhere, of the number it is the unit of."""
    column = getattr(context.table, "unit_column" if of == "value" else f"{of}_unit_column")
    if column:
        return pl.lit(column)
    return pl.col("source_column") if of == "value" else context.header_of(of)


def _factor(context: Context, unit: pl.Expr, field: str, needed: pl.Expr, column: pl.Expr) -> pl.Expr:
    """The factor to our unit. Each distinct unit is parsed once; what does not fit is flagged where it is needed."""
    factors: dict[str, float] = {}
    wrong: dict[str, str] = {}
    stated = context.records.select(unit.alias("unit"))["unit"]
    for text in (stated.head(1) if is_constant(stated) else stated).drop_nulls().unique().sort():
        try:
            factors[text] = units.factor_to_ours(text, field)
        except units.UnitError as error:
            wrong[text] = str(error)
    if len(factors) == 1 and not wrong and not stated.null_count():
        return pl.lit(next(iter(factors.values())))
    context.flag(needed & unit.is_null(), "missing_unit", column, unit)
    if wrong:
        detail = unit.replace_strict(wrong, default=None, return_dtype=pl.String)
        context.flag(needed & detail.is_not_null(), "wrong_unit", column, unit, detail)
    return unit.replace_strict(factors, default=None, return_dtype=pl.Float64)


def _add_year_and_weekday(context: Context, typed: dict[str, pl.Expr]) -> None:
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


def _sign(context: Context) -> str:
    return f"(decimal sign {context.profile.decimal!r})"
