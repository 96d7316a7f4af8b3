"""Reading Parquet: the column names are the first row, the values below them texts as a person would read them."""

import io

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyarrow import ArrowException

from pipeline.findings import DeliveryError, Finding
from pipeline.reading.sheets import MOST_COLUMNS, RawSheet, as_sheet, is_panic
from pipeline.reading.text_bounds import LONGEST_TEXT, too_long
from schemas.profile import column_letters

_MAGIC = b"PAR1"
_MOST_BYTES = 512 * 1024 * 1024
_MOST_OF_LONG, _LONG = 64 * 1024 * 1024, 100
"""Texts that are so long on average are no laboratory's, and may be fewer bytes together."""


def is_parquet(content: bytes) -> bool:
    """True for the bytes of a Parquet file."""
    return content.startswith(_MAGIC) and content.endswith(_MAGIC)


def read_parquet(content: bytes, file_name: str) -> RawSheet:
    """The rows of a Parquet file, in row 1 the names of its columns.

    Numbers have a decimal point, whatever the profile says of texts: here they are no texts.
    Raises `DeliveryError` where it is broken, holds nested columns, or would not fit into memory.
    """

    def refused(detail: str) -> DeliveryError:
        return DeliveryError(Finding("unreadable_file", file_name, detail=f"the Parquet file {detail}"))

    try:
        table = _read(content, file_name)
        if table is None:
            raise refused("would take too much memory unpacked")
        if table.num_columns > MOST_COLUMNS:
            raise refused(f"has more than {MOST_COLUMNS} columns")
        if odd := [field.name for field in table.schema if not _is_plain(field.type)]:
            raise refused(f"holds columns that are no texts, numbers or days ({odd[0]})")
        frame = pl.DataFrame(table)
        headers = pl.DataFrame({f"c{i}": [name] for i, name in enumerate(frame.columns, start=1)})
        texts = frame.select(
            pl.col(name).cast(pl.String).alias(f"c{i}") for i, name in enumerate(frame.columns, start=1)
        )
        return as_sheet("", pl.concat([headers, texts]) if headers.width else texts)
    except (ArrowException, OSError, ValueError, pl.exceptions.PolarsError) as error:
        raise refused(f"is broken ({next(iter(str(error).splitlines()), '')})") from error
    except BaseException as error:
        if not is_panic(error):
            raise
        raise refused(f"is broken ({next(iter(str(error).splitlines()), '')})") from error


def _read(content: bytes, file_name: str) -> pa.Table | None:
    """The table of a file, its texts whole; None where it would not fit into memory.

    By pyarrow: on a damaged file it raises where polars' reader panics. Texts are left in their dictionaries until it
    is known how long they are together, for a text that stands a million times is written but once.
    """
    file = pq.ParquetFile(io.BytesIO(content))
    known = file.metadata
    n_bytes = sum(known.row_group(i).total_byte_size for i in range(known.num_row_groups))
    if max(n_bytes, 8 * known.num_rows * known.num_columns) > _MOST_BYTES:
        return None
    names = [field.name for field in file.schema_arrow if _is_text(field.type)]
    table = pq.read_table(io.BytesIO(content), read_dictionary=names)
    table.validate(full=True)  # damaged texts are no UTF-8, on which polars panics
    for number, column in enumerate(table.columns, start=1):
        if pa.types.is_dictionary(column.type) and _is_text(column.type.value_type):
            _require_short(column, file_name, column_letters(number))
    n_texts = sum(
        pc.sum(pc.take(pc.binary_length(chunk.dictionary), chunk.indices)).as_py() or 0
        for column in table.columns
        if pa.types.is_dictionary(column.type) and _is_text(column.type.value_type)
        for chunk in column.chunks
    )
    if n_texts > _MOST_BYTES or (n_texts > _MOST_OF_LONG and n_texts > _LONG * known.num_rows * len(names)):
        return None
    kinds = [field.type.value_type if pa.types.is_dictionary(field.type) else field.type for field in table.schema]
    # In large strings there is room for more than 2 GiB of text.
    kinds = [pa.large_string() if _is_text(kind) else kind for kind in kinds]
    return table.cast(pa.schema([field.with_type(kind) for field, kind in zip(table.schema, kinds, strict=True)]))


def _require_short(column: pa.ChunkedArray, file_name: str, letters: str) -> None:
    """Raises `DeliveryError` where a text is too long; the names of the columns are row 1."""
    row_number = 2
    for chunk in column.chunks:
        is_long = pc.greater(pc.utf8_length(chunk.dictionary), LONGEST_TEXT)
        if pc.any(is_long).as_py():
            where = pc.index(pc.take(is_long, chunk.indices), value=True).as_py()
            if where >= 0:
                raise too_long(file_name, row_number=row_number + where, column=letters)
        row_number += len(chunk)


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _is_plain(kind: pa.DataType) -> bool:
    return _is_text(kind) or any(
        test(kind)
        for test in (
            pa.types.is_boolean, pa.types.is_integer, pa.types.is_floating, pa.types.is_date, pa.types.is_timestamp,
            pa.types.is_time, pa.types.is_decimal128, pa.types.is_null,
        )
    )  # fmt: skip
