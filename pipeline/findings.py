"""What can be wrong with a delivery, as data: each rule has an identifier, a sentence and a remedy.

No judging here (`pipeline/judge.py`); a finding only says what was found, where, and what to do.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import polars as pl


class Rule(NamedTuple):
    """One rule a delivery or a row can break. `{value}` and `{detail}` in the sentence are filled by the finding."""

    sentence: str
    remedy: str


DECIDE = "A person decides: 'permille sites propose' writes down what speaks for what."

RULES: dict[str, Rule] = {
    # --- about what lies in the inbox ----------------------------------------------------------------
    "link_not_followed": Rule(
        "this is a link that leads {detail}, and is not followed", "Lay the file itself into the inbox."
    ),
    "not_a_file": Rule("this is {detail}, not a file", "Lay the file itself into the inbox."),
    "cannot_be_read": Rule(
        "it cannot be read ({detail}) and is left for the next run",
        "Let the account that runs Permille read it, or lay it into the inbox again.",
    ),
    "renamed_file": Rule(
        "its name holds {detail}, so it goes by the name shown here",
        "Nothing needs to be done; where the name is garbled, rename it.",
    ),
    # --- about the whole file ------------------------------------------------------------------------
    "empty_file": Rule("the file is empty", "Ask the sender for it again."),
    "empty_table": Rule("the table has no row below its headers", "Ask the sender for the rows."),
    "unreadable_file": Rule(
        "this is not a readable table: {detail}", "Open it, save it as XLSX or as CSV in UTF-8, and deliver that."
    ),
    "cell_too_long": Rule(
        "the text in a cell is longer than 32,767 characters, the most that a spreadsheet's cell can hold",
        "Shorten it, or ask the sender how it came there, and deliver again.",
    ),
    "password_protected": Rule(
        "the workbook is protected by a password", "Save it without a password and deliver that."
    ),
    "unknown_profile": Rule(
        "no profile fits this file: {detail}",
        "Write a profile for its sender into the workspace's folder profiles/ ('permille profile new FILE' drafts one),"
        " or lay the file into a folder of the inbox that is named after the right profile.",
    ),
    "no_such_profile": Rule(
        "there is no profile {value}; there are {detail}", "Name one of them, or write it into the folder profiles/."
    ),
    "ambiguous_profile": Rule(
        "several profiles fit: {detail}", "Lay the file into a folder of the inbox that is named after the right one."
    ),
    "missing_sheet": Rule("sheet {value} is missing; there are {detail}", "Add the sheet, or correct the profile."),
    "missing_column": Rule(
        "column {value} is missing, which profile {detail} reads", "Add the column, or correct the profile."
    ),
    "duplicate_column": Rule(
        "column {value} stands twice",
        "Rename one of them, or name it in the profile together with its unit, as in 'Date [MM/YY]'.",
    ),
    "unread_column": Rule(
        "column {value} is not in profile {detail} and was not read", "Map it in the profile, or list it under ignore."
    ),
    "unread_sheet": Rule(
        "sheet {value} was not read by profile {detail}",
        "Deliver it as a file of its own, map it in the profile, or list it there under ignore_sheets.",
    ),
    "no_edition": Rule(
        "the name of the file does not tell which edition of the sender's data it is, so only the order of receipt"
        " tells whether it is the later one",
        "Name it as the sender does, with the year of the edition in it.",
    ),
    "derived_differs": Rule(
        "{value} does not follow from the measured value, by which it would be {detail}",
        "Ask the sender which of the two is right; the measured one counts.",
    ),
    "hidden_rows": Rule(
        "{detail} hidden in the sheet, and read like the others",
        "Look at them: what should not count is to be deleted.",
    ),
    # --- about a row ---------------------------------------------------------------------------------
    "unparsable_number": Rule(
        "{value} is not a number {detail}",
        "Write it like 1234.5, or let the profile state the sender's decimal sign and the sign between thousands; a"
        " word is listed there under qualifiers.",
    ),
    "unexplained_zero": Rule(
        "{value} may mean measured, below a limit or not measured",
        "List 0 under qualifiers in the profile with what it means.",
    ),
    "unexplained_word": Rule(
        "nobody has said yet what {value} means", "Ask the sender, and say it under qualifiers or marks in the profile."
    ),
    "unknown_mark": Rule("{value} is no known mark", "List it under marks in the profile with what it means."),
    "value_below_lod": Rule(
        "the value lies below its own limit of detection",
        "Correct the value, the limit or the unit of one of them; a value below the limit is written <LOD.",
    ),
    "unparsable_date": Rule("{value} is not a date {detail}", "Write it so, or add its format to the profile."),
    "wrong_unit": Rule(
        "unit {value} {detail}", "Correct the unit; where it looks garbled, state the file's encoding in the profile."
    ),
    "missing_unit": Rule("the unit is missing", "Write the unit."),
    "cell_error": Rule("the cell holds an error: {value}", "Mend the formula and deliver again."),
    "not_computed": Rule(
        "the cell holds a formula that was never computed", "Open the workbook, save it, and deliver that."
    ),
    "merged_cells": Rule(
        "{value} stands in a cell merged over several rows, so it is not clear of which sample it is",
        "Split the cell, write the value where it belongs, and deliver again.",
    ),
    "ragged_row": Rule("the row has {detail}", "Quote cells that hold the separator, and deliver again."),
    "missing_value": Rule("a value is missing", "Fill it in, or list the empty cell under qualifiers in the profile."),
    "negative_value": Rule(
        "{value} is below zero", "Correct it, or write <LOQ where a concentration lies below its limit."
    ),
    "out_of_range": Rule("{value} is outside what is possible {detail}", "Correct it."),
    "not_allowed": Rule("{value} is none of the words allowed {detail}", "Map yours to one in the profile."),
    "value_contradicts_qualifier": Rule("value {value} and qualifier contradict each other", "Correct one of them."),
    "day_contradicts_date": Rule("{value} is not that of the date {detail}", "Correct one of them."),
    "composite_ends_before_it_starts": Rule("the composite ends before it starts", "Correct start or end."),
    "event_contradicts_itself": Rule(
        "rows of one event differ in its name, its kind or its days",
        "Make them alike, or give what happened at another time an event_id of its own.",
    ),
    "validity_ends_before_it_starts": Rule("the last day lies before the first", "Correct one of the days."),
    "no_time_zone": Rule(
        "{value} is no time zone", "Write its name in the IANA database, as Asia/Shanghai or Europe/Lisbon."
    ),
    "unknown_time_zone": Rule(
        "the moment is given by UTC, and the time zone of site {value} is unknown",
        "Deliver a site list with a column time_zone, or set time_zone in permille.toml.",
    ),
    "skipped_by_clocks": Rule(
        "{value} was skipped by the clocks of {detail}, which went an hour ahead",
        "Correct it; where the file's clock stays on winter time, its profile says so: time_zone = 'Etc/GMT-1' is an"
        " hour ahead of UTC all year.",
    ),
    "day_outside_composite": Rule(
        "{value} lies outside of the composite, {detail}", "Correct the day, the start or the end."
    ),
    "composite_too_long": Rule(
        "the composite lasts {detail}", "Correct start or end, or set composite_period_hours in the profile."
    ),
    "control_incomplete": Rule(
        "the control sample says too little, or what cannot be",
        "A blank needs its limit of quantification; neither a blank nor a recovery is below zero.",
    ),
    "correction_incomplete": Rule(
        "the correction does not say what it changes",
        "A concentration needs residue and new value, a flow no residue, what is withdrawn a residue and no new value.",
    ),
    "decision_incomplete": Rule(
        "the decision does not say what it decides",
        "'supersede' names the delivery that becomes current and, under supersedes, another one; 'withdraw' and"
        " 'restore' name one delivery and leave supersedes empty.",
    ),
    "lod_above_loq": Rule(
        "the limit of detection is above the limit of quantification", "Correct one of the limits."
    ),
    "date_in_future": Rule(
        "{value} lies after the day the file came in {detail}",
        "Correct the date; where it is right this machine's clock was wrong: set it, and save the file again.",
    ),
    "unknown_residue": Rule(
        "residue {value} is unknown", "Correct the spelling, or map it in the profile under values.residue."
    ),
    "unknown_site": Rule(
        "site {value} is unknown",
        "Deliver a site list that holds it (the rows are then taken in by themselves), or map it in the profile under"
        " values.site_id.",
    ),
    # --- which site is it ------------------------------------------------------------------------------
    "number_means_another_place": Rule(
        "number {value} was {detail}; whether the place was renamed or the number given to another is not known", DECIDE
    ),
    "two_numbers_one_name": Rule("the numbers {detail}; which of them is meant is not known", DECIDE),
    "place_has_moved": Rule("the place of number {value} lies {detail} from where it lay", DECIDE),
    "name_of_another_sender": Rule("number {value} has the name of site {detail}, which another sender named", DECIDE),
    "number_without_name": Rule("number {value} stands for several places, and the row does not say which", DECIDE),
    "number_of_no_list": Rule(
        "number {value} is in none of the sender's lists of this edition",
        "Deliver the list, or decide which site it is: 'permille sites propose'.",
    ),
    "no_decision_for_day": Rule(
        "number {value} was decided for other days than this one", "Add a decision that holds on the day."
    ),
    "duplicate_row": Rule(
        "the same record stands more than once in the file",
        "Keep the right one and deliver again; several measurements of one sample are told apart by replicate.",
    ),
}  # fmt: skip

FINDING = pl.Schema(
    {
        "file_name": pl.String,
        "sheet": pl.String,
        "row_number": pl.Int64,
        "source_column": pl.String,
        "rule": pl.String,
        "value": pl.String,
        "detail": pl.String,
    }
)
"""Columns of a frame of findings: row 0 is the file or sheet as a whole, empty text is no sheet or column."""

_LONGEST_QUOTE = 60


def printable(text: pl.Expr) -> pl.Expr:
    """The text without control, direction and line marks, so that a delivery cannot rewrite a terminal or a log."""
    return text.str.replace_all(r"[\p{C}\p{Zl}\p{Zp}]", "�")


def _quoted(text: pl.Expr) -> pl.Expr:
    text = printable(text)
    short = text.str.slice(0, _LONGEST_QUOTE)
    return pl.format("'{}{}'", short, pl.when(short == text).then(pl.lit("")).otherwise(pl.lit("…")))


def with_messages(findings: pl.DataFrame) -> pl.DataFrame:
    """The findings with a column `message`: one line that says where, what, and what to do.

    Raises `KeyError` where a finding names a rule that does not exist.
    """
    rules = pl.DataFrame(
        {
            "rule": list(RULES),
            "_sentence": [rule.sentence for rule in RULES.values()],
            "_remedy": [rule.remedy for rule in RULES.values()],
        }
    )
    if unknown := set(findings["rule"].unique()) - set(RULES):
        raise KeyError(f"no such rule: {', '.join(sorted(unknown))}")
    sheet, column = pl.col("sheet"), pl.col("source_column")
    place = pl.concat_str(
        printable(pl.col("file_name")),
        pl.when(sheet != "").then(pl.format(", sheet {}", _quoted(sheet))).otherwise(pl.lit("")),
        pl.when(pl.col("row_number") > 0).then(pl.format(", row {}", "row_number")).otherwise(pl.lit("")),
        pl.when(column != "").then(pl.format(", column {}", _quoted(column))).otherwise(pl.lit("")),
    )
    sentence = (
        pl.col("_sentence")
        .str.replace("{value}", _quoted(pl.col("value").fill_null("")), literal=True)
        .str.replace("{detail}", printable(pl.col("detail").fill_null("")), literal=True)
        .str.strip_chars_end()
    )
    return (
        findings.join(rules, on="rule", how="left", maintain_order="left")
        .with_columns(pl.format("{}: {}. {}", place, sentence, "_remedy").alias("message"))
        .drop("_sentence", "_remedy")
    )


class Finding(NamedTuple):
    """One thing found about a file or a sheet as a whole, or at one place of it."""

    rule: str
    file_name: str
    sheet: str = ""
    row_number: int = 0
    source_column: str = ""
    value: str | None = None
    detail: str = ""

    @property
    def message(self) -> str:
        """One line: where, what, what to do.

        >>> Finding("missing_unit", "may.csv", "", 7, "Unit").message
        "may.csv, row 7, column 'Unit': the unit is missing. Write the unit."
        """
        return messages_of([self])[0]


def messages_of(findings: Sequence[Finding]) -> list[str]:
    """The messages of several findings."""
    return with_messages(as_frame(findings))["message"].to_list() if findings else []


def as_frame(findings: Iterable[Finding]) -> pl.DataFrame:
    """The findings as a frame with the columns `FINDING`."""
    return pl.DataFrame([finding._asdict() for finding in findings], schema=FINDING, orient="row")


class DeliveryError(Exception):
    """A delivery that cannot be read as a whole; holds the finding that says why."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding)
        self.finding = finding

    def __str__(self) -> str:
        # Built only when it is read: most of these errors are raised while profiles are tried, and are caught.
        return self.finding.message
