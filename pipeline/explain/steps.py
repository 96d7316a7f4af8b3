"""Steps of the formula with their numbers, and the parts of an interval: macros evaluated, and what tables say."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from pipeline.warehouse import Warehouse

NEAR = 1e-9
_CASE = re.compile(r"WHEN \(*(\w+) = '([^']*)'\)* THEN (.+?)(?= WHEN | ELSE | END)", re.IGNORECASE)
"""One case of a macro that chooses by a word, as the warehouse writes it: the parameter, the word, the formula."""


class Step(NamedTuple):
    """One step of the formula: the macro, its text with the numbers put in, and what that gives.

    Attributes:
        formula: of a macro that has several cases the one that holds; empty where none does: nothing is computed.
        is_of_limit: True where the step is computed from the limit, in place of a value below it.
    """

    macro: str
    formula: str
    with_numbers: str
    result: float | None
    stored: float | None
    is_of_limit: bool = False

    @property
    def agrees(self) -> bool:
        """True where the warehouse holds what the macro gives."""
        if self.result is None or self.stored is None:
            return self.result is None and self.stored is None
        return abs(self.result - self.stored) <= NEAR * max(abs(self.result), abs(self.stored))


class Part(NamedTuple):
    """One part of a figure's uncertainty.

    Attributes:
        rsd: its relative standard deviation, that of the logarithm.
        share: of the variance of the whole.
        shared_over: what shares one error of it: averaging over it does not make it smaller.
    """

    component: str
    rsd: float
    share: float
    shared_over: str


def step_of(warehouse: Warehouse, macro: str, numbers: list[Any], stored: float | None) -> Step:
    """A macro evaluated by the warehouse, and its own text with the numbers put in."""
    warehouse.prepare(f"{macro}()")
    known = warehouse.query(
        "select parameters, macro_definition from duckdb_functions() where function_name = $name", {"name": macro}
    ).row(0, named=True)
    names = known["parameters"]
    bound = {f"p{i}": number for i, number in enumerate(numbers)}
    # The macro's name is one of our own; its arguments are bound.
    text = f"select {macro}({', '.join(f'${name}' for name in bound)}) as result"
    result = None if any(number is None for number in numbers) else warehouse.query(text, bound)["result"].item()
    of_macro = re.sub(r"\s+", " ", known["macro_definition"]).strip()
    formula = _case_that_holds(of_macro, dict(zip(names, numbers, strict=True)))
    put_in = {
        name: "?" if number is None else f"'{number}'" if isinstance(number, str) else f"{number:.12g}"
        for name, number in zip(names, numbers, strict=True)
    }
    shown = re.sub(r"\b\w+\b", lambda word: put_in.get(word[0], word[0]), formula)
    return Step(macro, formula, shown, result, stored)


def _case_that_holds(formula: str, given: Mapping[str, Any]) -> str:
    """Of a formula with several cases the one that holds for a parameter's value; empty where none does."""
    cases = _CASE.findall(formula) if formula.upper().startswith("CASE ") else []
    return next((then for name, value, then in cases if given.get(name) == value), "") if cases else formula


def parts_of(warehouse: Warehouse, log_variances: Mapping[str, float | None]) -> list[Part]:
    """Each part with its share, the largest first; what has no error is none."""
    shared = {row["component"]: row["shared_over"] for row in warehouse.read("uncertainties").iter_rows(named=True)}
    shared |= {"days": "one day", "spread": "one drug", "weekdays": "one drug"}
    there = {name: variance for name, variance in log_variances.items() if variance}
    total = sum(there.values())
    parts = [Part(name, v**0.5, v / total, shared[name]) for name, v in there.items()]
    return sorted(parts, key=lambda part: (-part.share, part.component))


def factor_of(warehouse: Warehouse, figure: Mapping[str, Any]) -> dict[str, Any]:
    """The row of the factors that a figure rests on; of a residue load the one that it would."""
    return warehouse.query(
        "select f.* from factors f join protocols p using (factor_set)"
        " where p.protocol = $protocol and f.drug = $drug and f.residue = $residue",
        {name: figure[name] for name in ("protocol", "drug", "residue")},
    ).row(0, named=True)


def dose_of(warehouse: Warehouse, figure: Mapping[str, Any]) -> dict[str, Any] | None:
    """The dose a mean in doses rests on; None where there is no such mean."""
    doses = warehouse.query(
        "select d.* from doses d join protocols p using (factor_set)"
        " where p.protocol = $protocol and p.basis = 'consumption' and d.drug = $drug",
        {name: figure[name] for name in ("protocol", "drug")},
    ).to_dicts()
    return doses[0] if doses and figure["mean_mg_per_day_per_1000"] is not None else None
