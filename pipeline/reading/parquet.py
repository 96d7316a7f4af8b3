"""Reading Parquet: the column names are the first row, the values below them texts as a person would read them."""

import io

import polars as pl
import pyarrow.parquet as pq
from pyarrow import ArrowException

from pipeline.findings import DeliveryError, Finding
from pipeline.reading.sheets import MOST_COLUMNS, RawSheet, as_sheet

_MAGIC = b"PAR1"
_MOST_BYTES = 512 * 1024 * 1024


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
        known = pq.ParquetFile(io.BytesIO(content)).metadata
        if sum(known.row_group(i).total_byte_size for i in range(known.num_row_groups)) > _MOST_BYTES:
            raise refused(f"is larger than {_MOST_BYTES // 1024**2} MiB unpacked")
        # By pyarrow: on a damaged file it raises where polars' reader panics.
        table = pq.read_table(io.BytesIO(content))
        table.validate(full=True)  # damaged texts are no UTF-8, on which polars panics
        frame = pl.DataFrame(table)
    except (ArrowException, OSError, ValueError, pl.exceptions.PolarsError) as error:
        raise refused(f"is broken ({str(error).splitlines()[0]})") from error
    if frame.width > MOST_COLUMNS:
        raise refused(f"has more than {MOST_COLUMNS} columns")
    if nested := [name for name, kind in frame.schema.items() if kind.is_nested() or kind == pl.Binary]:
        raise refused(f"holds columns that are no texts, numbers or days ({nested[0]})")
    headers = pl.DataFrame({f"c{i}": [name] for i, name in enumerate(frame.columns, start=1)})
    texts = frame.select(pl.col(name).cast(pl.String).alias(f"c{i}") for i, name in enumerate(frame.columns, start=1))
    return as_sheet("", pl.concat([headers, texts]) if headers.width else texts)
