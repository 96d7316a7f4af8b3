"""Texts that a spreadsheet would run as a formula: made harmless with an apostrophe, and read back without it."""

import re

import polars as pl

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""What makes a spreadsheet take a text for a formula. [1]_

.. [1] OWASP, "CSV Injection".
"""
# Apostrophes that stood there before are counted in, so that taking one away gives back the very same text.
_FORMULA = f"(^|;)('*[{re.escape(''.join(FORMULA_STARTS))}])"
_GUARDED = _FORMULA.replace("('*", "'('*")


def guarded(text: pl.Expr) -> pl.Expr:
    """Texts with an apostrophe before each part that a spreadsheet would run.

    A semicolon begins a new cell where the decimal sign is a comma, so what stands behind one is looked at as well.
    """
    return text.str.replace_all(_FORMULA, "$1'$2")


def unguarded(text: pl.Expr) -> pl.Expr:
    """The texts that `guarded` was given.

    >>> frame = pl.DataFrame({"text": ["=1+1", "'=1", "''-", "a;@b", "plain;'x", "'plain"]})
    >>> frame.select(guarded(pl.col("text")))["text"].to_list()
    ["'=1+1", "''=1", "'''-", "a;'@b", "plain;'x", "'plain"]
    >>> bool(frame.select((unguarded(guarded(pl.col("text"))) == pl.col("text")).all()).item())
    True
    """
    return text.str.replace_all(_GUARDED, "$1$2")


def guarded_text(text: str) -> str:
    """One text with an apostrophe before each part that a spreadsheet would run.

    >>> guarded_text("=1+1"), guarded_text("plain")
    ("'=1+1", 'plain')
    """
    return re.sub(_FORMULA, r"\1'\2", text)
