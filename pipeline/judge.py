"""Judging rows by their model: who passes, and what the others broke. Eager frames only.

No reading (`pipeline/reading`) and no storing (`pipeline/warehouse.py`).
"""

import copy
from functools import cache

import pandera.polars as pa
import polars as pl
from pandera.api.polars.types import PolarsData
from pandera.backends.polars.checks import PolarsCheckBackend
from pandera.constants import CHECK_OUTPUT_KEY
from pandera.errors import SchemaErrors

# pandera's names of checks, by how they begin, and the rule they stand for.
_RULE_OF_CHECK = {
    "not_nullable": "missing_value",
    "multiple_fields_uniqueness": "duplicate_row",
    "field_uniqueness": "duplicate_row",
    "isin": "not_allowed",
    "time_zone_has_no_such_name": "no_time_zone",
}
_OUT_OF_RANGE = ("greater_than", "less_than", "in_range", "str_length", "str_matches")


_IN_WORDS = {
    r"^isin\(\[(.*)\]\)$": "$1",
    r"^greater_than_or_equal_to\((.*)\)$": "at least $1",
    r"^less_than_or_equal_to\((.*)\)$": "at most $1",
    r"^greater_than\((.*)\)$": "above $1",
    r"^less_than\((.*)\)$": "below $1",
    r"^in_range\((.*), (.*)\)$": "from $1 to $2",
    r"^str_length\(.*\)$": "it is empty",
}
VERDICTS = pl.Schema(
    {"index": pl.Int64, "column": pl.String, "rule": pl.String, "value": pl.String, "detail": pl.String}
)


def judge(frame: pl.DataFrame, model: type[pa.DataFrameModel]) -> pl.DataFrame:
    """What the rows of a frame break of their model's rules.

    Returns a frame with the columns `VERDICTS`, sorted; empty where all rows pass. `index` is the row in `frame`.
    Raises `TypeError` for a LazyFrame, whose values pandera does not check, and `SchemaErrors` where columns are
    missing or have another type: that is our mistake, not the sender's.
    """
    if not isinstance(frame, pl.DataFrame):
        raise TypeError("judge takes an eager polars DataFrame: on a LazyFrame pandera checks no values")
    is_unique_asked = _may_repeat(frame, model.to_schema().unique)
    if not is_unique_asked and _is_flawless(frame, model.to_schema()):
        return pl.DataFrame(schema=VERDICTS)
    try:
        _schema(model, is_unique_asked=is_unique_asked).validate(frame, lazy=True)
    except SchemaErrors as error:
        cases = error.failure_cases
        if cases["index"].null_count():
            raise
        return _verdicts(cases)
    return pl.DataFrame(schema=VERDICTS)


@cache
def _schema(model: type[pa.DataFrameModel], *, is_unique_asked: bool) -> pa.DataFrameSchema:
    """The model's schema, or the same without its rule that no row stands twice."""
    schema = model.to_schema()
    if is_unique_asked:
        return schema
    schema = copy.deepcopy(schema)
    schema.unique = None
    return schema


def _may_repeat(frame: pl.DataFrame, columns: list[str] | None) -> bool:
    """False where no two rows can be the same in some columns, for their hashes differ, which is far sooner seen."""
    if not columns:
        return False
    if not set(columns) <= set(frame.columns):
        return True
    # Of equal texts, whole numbers and days the hashes are equal; of 0.0 and -0.0 they need not be.
    if any(frame.schema[name].is_float() for name in columns):
        return True
    names = [name for name in columns if name != "delivery_id"]  # which mostly is but one
    hashes = pl.sum_horizontal(pl.col(name).hash(seed) for seed, name in enumerate(names))
    # By the streaming engine, which shares the rows among the processors.
    return frame.lazy().select(hashes.alias("hash")).collect(engine="streaming")["hash"].n_unique() < frame.height


def _is_flawless(frame: pl.DataFrame, schema: pa.DataFrameSchema) -> bool:
    """True where each row keeps all rules but that no row stands twice, seen in one pass.

    pandera takes its rules one by one, four times as long, and says which are broken.
    """
    if dict(frame.schema) != {name: column.dtype.type for name, column in schema.columns.items()}:
        return False
    if frame.is_empty():
        return True
    rows = frame.lazy()
    asked = [
        rows.select(
            pl.all_horizontal(
                *(pl.col(name).null_count() == 0 for name, column in schema.columns.items() if not column.nullable),
                *(pl.col(name).is_unique().all() for name, column in schema.columns.items() if column.unique),
                *(~pl.col(name).is_nan().any() for name, kind in frame.schema.items() if kind.is_float()),
            )
        )
    ]
    checks = [(check, name) for name, column in schema.columns.items() for check in column.checks]
    for check, name in [*checks, *((check, "*") for check in schema.checks)]:
        kept = PolarsCheckBackend(check).apply(PolarsData(rows, name))
        if not check.ignore_na or isinstance(kept, bool):
            return False
        asked.append(kept.select(pl.col(CHECK_OUTPUT_KEY).fill_null(value=True).all()))
    return all(answer.item() for answer in pl.collect_all(asked))


def _in_words(check: pl.Expr) -> pl.Expr:
    """pandera's name of a check as a person would say it: `isin(['a', 'b'])` is `a, b`."""
    for name, words in _IN_WORDS.items():
        check = check.str.replace(name, words)
    return check.str.replace_all("_", " ")


def _verdicts(cases: pl.DataFrame) -> pl.DataFrame:
    check = pl.col("check")
    rule = (
        pl.when(check.str.starts_with("greater_than") & (pl.col("failure_case").cast(pl.Float64, strict=False) < 0))
        .then(pl.lit("negative_value"))
        .when(pl.any_horizontal(check.str.starts_with(name) for name in _OUT_OF_RANGE))
        .then(pl.lit("out_of_range"))
    )
    for name, ours in _RULE_OF_CHECK.items():
        rule = rule.when(check.str.starts_with(name)).then(pl.lit(ours))
    is_column = pl.col("schema_context") == "Column"
    return (
        cases.select(
            pl.col("index").cast(pl.Int64),
            pl.when(is_column).then(pl.col("column")).otherwise(pl.lit("")).alias("column"),
            rule.otherwise(check).alias("rule"),
            pl.when(is_column).then(pl.col("failure_case")).otherwise(pl.lit(None)).alias("value"),
            pl.when(is_column & (check != "not_nullable"))
            .then(pl.format("({})", _in_words(check)))
            .otherwise(pl.lit(""))
            .alias("detail"),
        )
        .unique()
        .sort("index", "column", "rule", "detail")
    )
