"""The statements of `sql/`, and which macros and views a statement needs: to define all takes longer than most run."""

import re
from collections.abc import Mapping
from functools import cache, lru_cache
from pathlib import Path
from typing import NamedTuple

import duckdb

_SQL = Path(__file__).parent / "sql"
_FILES = ("macros", "views")
_NAMED = re.compile(r"\bcreate or replace temp (macro|view) (\w+)")
_WORD = re.compile(r"(\w+)\s*(\(?)")


class _Definition(NamedTuple):
    text: str
    is_macro: bool
    needs: frozenset[str]


@cache
def sql(name: str) -> str:
    """The text of `sql/<name>.sql`."""
    return (_SQL / f"{name}.sql").read_text(encoding="utf-8")


@lru_cache(maxsize=1024)
def parameter_names(text: str) -> frozenset[str]:
    """The parameters that a statement names.

    >>> sorted(parameter_names("select $year, $site"))
    ['site', 'year']
    """
    (statement,) = duckdb.extract_statements(text)
    return frozenset(statement.named_parameters)


@cache
def definitions() -> dict[str, str]:
    """The statement that defines each macro and view, in an order in which each comes after those it needs."""
    return {name: definition.text for name, definition in _definitions().items()}


@lru_cache(maxsize=1024)
def needed(statement: str) -> tuple[str, ...]:
    """The macros and views that a statement names, and those that these need, in the order of `definitions`.

    >>> needed("select * from ordered_deliveries"), needed("select * from deliveries")
    (('ordered_deliveries',), ())
    """
    known = _definitions()
    found = _named_in(statement, known)
    for name in reversed(known):
        if name in found:
            found |= known[name].needs
    return tuple(name for name in known if name in found)


@cache
def _definitions() -> dict[str, _Definition]:
    found: dict[str, _Definition] = {}
    for file in _FILES:
        for statement in duckdb.extract_statements(sql(file)):
            named = _NAMED.search(statement.query)
            if named is None:
                raise ValueError(f"sql/{file}.sql: no macro or view of this connection alone: {statement.query[:80]}")
            text = statement.query[named.start() :]
            found[named[2]] = _Definition(text, named[1] == "macro", frozenset(_named_in(text, found)))
    return found


def _named_in(statement: str, known: Mapping[str, _Definition]) -> set[str]:
    """The macros that are called in a statement, and the views that are named: a column may be called as a macro is."""
    return {
        name for name, bracket in _WORD.findall(statement) if name in known and (bracket or not known[name].is_macro)
    }
