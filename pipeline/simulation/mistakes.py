"""The rows the simulated senders get wrong, in known number and place, so that a test can ask for each.

Only where and how; the rows are written by `laboratories.py` and judged by nobody here.
"""

from typing import NamedTuple

import polars as pl


class Mistake(NamedTuple):
    """One row written wrongly.

    Attributes:
        file_name: the file.
        row_number: the row as a spreadsheet shows it, headers included, counted from 1.
        source_column: header of the column that is written wrongly.
        text: what stands there.
        rule: identifier of the rule the row breaks.
        copy_of: row number of the row this one repeats, but for `text`. Nobody can say which of two rows
            of the same sample is right, so both are wrong.
        sheet: name of the sheet, empty for text files.
    """

    file_name: str
    row_number: int
    source_column: str
    text: str
    rule: str
    copy_of: int | None = None
    sheet: str = ""


MISTAKES = (
    Mistake("simulated-north-2023-Q2.csv", 26, "Result", "-4.2", "negative_value"),
    Mistake("simulated-north-2023-Q2.csv", 98, "Compound", "Substance X", "unknown_residue"),
    Mistake("simulated-north-2023-Q4.csv", 62, "Result", "12..5", "unparsable_number"),
    Mistake("simulated-north-2024-Q1.csv", 207, "Result", "77.7", "duplicate_row", copy_of=206),
    Mistake("simulated-north-2024-Q2.csv", 38, "Unit", "mg/kg", "wrong_unit"),
    Mistake("simulated-north-2024-Q3.csv", 74, "Date", "2205-09-10", "date_in_future"),
    Mistake("simulated-north-2025-Q1.csv", 146, "Site", "sim-99", "unknown_site"),
    Mistake("simulated-west-2024-Q4.csv", 38, "Messwert", "0,0,5", "unparsable_number"),
    Mistake("simulated-south-2024-Q1.xlsx", 12, "甲基苯丙胺", "-15", "negative_value", sheet="检测结果"),
    Mistake("simulated-flows-2024.csv", 90, "Inflow m3/day", "-120000", "negative_value"),
)
"""Where a table is wide, the mistake concerns the record of its column, not the whole row."""


def wrong_rows() -> pl.DataFrame:
    """The rows that must end in quarantine, and by which rule.

    Returns
    -------
    polars.DataFrame
        `file_name`, `sheet`, `row_number` (headers included, counted from 1), `source_column` (the one
        written wrongly), `rule`; sorted by file and row.
    """
    rows = [
        (mistake.file_name, mistake.sheet, row_number, mistake.source_column, mistake.rule)
        for mistake in MISTAKES
        for row_number in (mistake.copy_of, mistake.row_number)
        if row_number is not None
    ]
    schema = {
        "file_name": pl.String,
        "sheet": pl.String,
        "row_number": pl.Int64,
        "source_column": pl.String,
        "rule": pl.String,
    }
    return pl.DataFrame(rows, schema=schema, orient="row").sort("file_name", "row_number")


def with_mistakes(cells: pl.DataFrame, file_name: str, sheet: str = "", first_row: int = 2) -> pl.DataFrame:
    """A table of cells with the mistakes of its file made.

    Parameters
    ----------
    cells : polars.DataFrame
        The table as text, without its headers.
    file_name, sheet : str
        Where it will stand; `sheet` is empty for text files.
    first_row : int
        Row number of its first row.

    Returns
    -------
    polars.DataFrame
        The table; the right row a mistake stands on is lost.

    Raises
    ------
    IndexError
        Where the table has no such row.
    """
    table = cells.clone()
    for mistake in MISTAKES:
        if (mistake.file_name, mistake.sheet) != (file_name, sheet):
            continue
        row = mistake.row_number - first_row
        if mistake.copy_of is not None:
            for header in table.columns:
                table[row, header] = table[mistake.copy_of - first_row, header]
        table[row, mistake.source_column] = mistake.text
    return table
