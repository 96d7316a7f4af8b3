"""Writing tables as files: CSV that is safe to open in a spreadsheet, and Parquet that says its units.

No choice of rows or columns is made here. The workbook has a module of its own (`workbook.py`).
"""

import itertools
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import IO

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.formulas import guarded
from schemas.columns import COLUMNS

_DIGITS = 9


def unit_of(name: str) -> str | None:
    """The unit of a column as readers know it; None where it has none, or is not in the dictionary.

    The dictionary's units are those that pint parses, which knows of no 1000 inhabitants.

    >>> unit_of("mean_mg_per_day_per_1000"), unit_of("change_percent"), unit_of("drug")
    ('mg/day/1000', 'percent', None)
    """
    unit = COLUMNS[name].unit if name in COLUMNS else None
    return f"{unit}/1000" if unit and "_per_1000" in name else unit


def shortened(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with nine digits of each number: far more than any of them is known to, and half the room.

    >>> shortened(pl.DataFrame({"a": [1 / 3], "b": [[2 / 3, None]], "n": [12]})).rows()
    [(0.333333333, [0.666666667, None], 12)]
    """
    of_lists = pl.element().round_sig_figs(_DIGITS)
    return frame.with_columns(
        pl.col(pl.Float64).round_sig_figs(_DIGITS), pl.col(pl.List(pl.Float64)).list.eval(of_lists)
    )


def neutralised(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with an apostrophe before each text that a spreadsheet would run; lists become text.

    Numbers stay numbers, so a negative one keeps its sign. An empty item of a list stays an empty place.

    >>> neutralised(pl.DataFrame({"a": ["=1+1", "plain"], "b": [[1.5, None], [-0.1, 2.0]]})).rows()
    [("'=1+1", '1.5;'), ('plain', '-0.1;2.0')]
    >>> neutralised(pl.DataFrame({"laboratories": [["=1+1", "L"], ["L", "=1+1"]]})).rows()
    [("'=1+1;L",), ("L;'=1+1",)]
    """
    lists = [name for name, kind in frame.schema.items() if isinstance(kind, pl.List)]
    texts = [name for name, kind in frame.schema.items() if kind in (pl.String, pl.List(pl.String))]
    joined = frame.with_columns(
        pl.col(name).list.eval(pl.element().cast(pl.String).fill_null("")).list.join(";").alias(name) for name in lists
    )
    as_text = guarded(pl.col("value"))
    return joined.with_columns(
        joined.select(value=pl.col(name)).select(as_text.alias(name)).to_series() for name in texts
    )


def write_csv(parts: Iterable[pl.DataFrame], file: Path) -> None:
    """Writes frames one below the other: UTF-8 with a mark that spreadsheets know it by, numbers with nine digits."""
    with file.open("wb") as out:
        _write(parts, out)


def write_delivery(rows: pl.DataFrame, file: Path) -> None:
    """Writes a table that is to be delivered: each cell is quoted, so that no text in it can be taken for rows."""
    neutralised(rows).write_csv(file, include_bom=True, quote_style="always")


def write_zipped_csv(parts: Iterable[pl.DataFrame], file: Path) -> None:
    """The same in a ZIP archive, which every system opens by itself and which takes about a tenth of the room.

    The file in it has the archive's name without `.zip`; nothing in it tells the time.
    """
    inside = file.name.removesuffix(".zip")
    with (
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive,
        archive.open(inside, "w", force_zip64=True) as out,
    ):
        _write(parts, out)


def write_parquet(parts: Iterable[pl.DataFrame], file: Path) -> None:
    """Writes frames one below the other, a row group each, with the unit and description of each column in the schema.

    Texts are as they were delivered: what reads Parquet runs none of them. The same frames give the same bytes.
    """
    frames = iter(parts)
    first = next(frames)
    schema = _described(first.to_arrow(compat_level=pl.CompatLevel.oldest()).schema)
    with pq.ParquetWriter(file, schema, compression="zstd", compression_level=9) as out:
        for frame in itertools.chain([first], frames):
            if not frame.is_empty():
                out.write_table(frame.to_arrow(compat_level=pl.CompatLevel.oldest()).cast(schema))


def _described(schema: pa.Schema) -> pa.Schema:
    def about(name: str) -> dict[str, str]:
        unit = unit_of(name)
        return {"description": COLUMNS[name].description} | ({"unit": unit} if unit else {})

    return pa.schema([field.with_metadata(about(field.name)) for field in schema])


def _write(parts: Iterable[pl.DataFrame], out: IO[bytes]) -> None:
    for number, part in enumerate(parts):
        neutralised(shortened(part)).write_csv(out, include_header=number == 0, include_bom=number == 0)
