"""The reference files as frames: residues, factors, doses, markers and the like. Held against their models.

No values here: they stand in `vocabularies/`, `factors/`, `population/` and `uncertainty/`, each with a README, and an
office's own factor sets in its workspace. No correction factors either: the formula stands once, beside the other
macros. Protocols are read by `protocol.py`, profiles by `profile.py`.
"""

import csv
import io
import re
from datetime import date
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, NoReturn

import pandera.polars as pa
import polars as pl
from pandera.errors import SchemaErrors

from schemas.reference import (
    Doses,
    Factors,
    HalfLives,
    MolarMasses,
    PopulationMarkers,
    ResidueRatios,
    Residues,
    Uncertainties,
)

_HERE = Path(__file__).parent
_SHIPPED = _HERE / "factors"
MARKER_SET = "2026"
"""The set of markers in use: populations are of a site and day, not of a protocol, so there is one."""
OWN_UNCERTAINTY = "uncertainty.csv"
"""The file of an office's own relative standard deviations."""
_NO_SETS = ("doses-", "half-lives-", "molar-masses-", "ratios-", "uncertainty")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_MOLECULE = {"cannabis": "thc", "alcohol": "ethanol"}
"""Drugs that are called otherwise than their molecule."""
_SALT = 0.005
"""A molar mass further from the known one than this share is another substance's, mostly a salt's."""

# What a rule of the models asks for: the column to mend, and how. pandera's names of checks by how they begin.
_COLUMN_RULES = {
    "not_nullable": "it is empty: fill it in",
    "field_uniqueness": "{value!r} stands twice: remove one of the rows",
    "isin": "{value!r} is not allowed: write one of {rule}",
    "str_matches": "{value!r} is not allowed: write small letters, digits and hyphens",
    "greater_than_or_equal_to": "{value} is not allowed: it must be at least {rule}",
    "greater_than": "{value} is not allowed: it must be above {rule}",
    "less_than_or_equal_to": "{value} is not allowed: it must be at most {rule}",
    "in_range": "{value} is not allowed: it must lie between {rule}",
}
_UNVERIFIED = (
    "a value with evidence M (nobody has read the source) is never approved: write provisional, or V once you read it"
)
_ROW_RULES = {
    "multiple_fields_uniqueness": ("drug", "the row stands twice, with the same key: remove one of them"),
    "unverified_factor_approved": ("factor_status", _UNVERIFIED),
    "unverified_dose_approved": ("dose_status", _UNVERIFIED),
    "fraction_without_basis": ("excretion_basis", "a fraction needs it: write molar, with both molar masses, or mass"),
    "fraction_outside_its_range": (
        "excreted_fraction",
        "it lies outside its range: correct it, or excreted_fraction_low and excreted_fraction_high",
    ),
    "several_defaults": ("is_default", "the drug has several default residues: write true in one of its rows only"),
}


class FactorError(ValueError):
    """A reference file that cannot be used, or is not there; the message names file, row, column and what to do."""


def _refuse(file: Path, row: int, column: str, what: str) -> NoReturn:
    raise FactorError(f"{file}, row {row}, column {column!r}: {what}.")


def _cells(file: Path, content: bytes, names: list[str]) -> list[tuple[int, dict[str, str]]]:
    """The rows of a CSV file under its headers, each with its number, counted from 1 as a spreadsheet shows it."""
    try:
        lines = io.StringIO(content.decode("utf-8-sig"), newline="")
        rows = [(number, [cell.strip() for cell in row]) for number, row in enumerate(csv.reader(lines), start=1)]
    except (UnicodeDecodeError, csv.Error) as error:
        raise FactorError(f"{file}: this is no CSV file in UTF-8 ({error}): save it as one.") from error
    header = rows[0][1] if rows else []
    if missing := [name for name in names if name not in header]:
        raise FactorError(
            f"{file}, row 1: column {missing[0]!r} is missing: the first row names the columns, separated by commas:"
            f" {','.join(names)}."
        )
    if unknown := [name for name in header if name not in names or header.count(name) > 1]:
        raise FactorError(
            f"{file}, row 1: column {unknown[0]!r} does not belong here: remove it; there are {','.join(names)}."
        )
    filled = [(number, row) for number, row in rows[1:] if any(row)]
    for number, row in filled:
        if len(row) != len(header):
            raise FactorError(
                f"{file}, row {number}: it has {len(row)} cells and the first row {len(header)}: write a number with a"
                " point, and a text that holds a comma in quotes."
            )
    return [(number, dict(zip(header, row, strict=True))) for number, row in filled]


def _value(text: str, kind: Any) -> Any:
    """A cell's text as a value of a column's type. Raises `ValueError`, which says what to write."""
    if not text:
        return None
    if kind == pl.Float64:
        if not _NUMBER.fullmatch(text):
            raise ValueError(f"{text!r} is no number: write it like 0.43")
        return float(text)
    if kind == pl.Boolean:
        if text.lower() not in ("true", "false"):
            raise ValueError(f"{text!r} is not allowed: write true or false")
        return text.lower() == "true"
    if kind == pl.Date:
        try:
            return date.fromisoformat(text)
        except ValueError:
            raise ValueError(f"{text!r} is no day: write it like 2026-01-31") from None
    return text


def _load(file: Path, model: type[pa.DataFrameModel]) -> pl.DataFrame:
    """The rows of a reference file, with their numbers as `_row`."""
    return _valid(file, file.read_bytes(), model)


@lru_cache(maxsize=64)  # by content: a file is parsed and validated anew only when it has changed
def _valid(file: Path, content: bytes, model: type[pa.DataFrameModel]) -> pl.DataFrame:
    types = {name: column.dtype.type for name, column in model.to_schema().columns.items()}
    cells = _cells(file, content, list(types))
    values: dict[str, list[Any]] = {name: [] for name in types}
    for number, row in cells:
        for name, kind in types.items():
            try:
                values[name].append(_value(row[name], kind))
            except ValueError as error:
                _refuse(file, number, name, str(error))
    frame = pl.DataFrame(values, schema=types)
    try:
        model.validate(frame, lazy=True)  # an eager frame: of a lazy one the values would go unchecked
    except SchemaErrors as error:
        first = error.failure_cases.sort("index", maintain_order=True).row(0, named=True)
        check, number = str(first["check"]), cells[first["index"] or 0][0]
        if check in _ROW_RULES:
            _refuse(file, number, *_ROW_RULES[check])
        rule = re.sub(r"^\w+\(\[?|\]?\)$|'", "", check)
        words = next(
            (words for name, words in _COLUMN_RULES.items() if check.startswith(name)), "{value!r} breaks {rule}"
        )
        _refuse(file, number, str(first["column"]), words.format(value=first["failure_case"], rule=rule))
    return frame.with_columns(pl.Series("_row", [number for number, _ in cells], dtype=pl.Int64))


FOR_COMPARISON_ONLY = frozenset({"korea"})
"""Shipped sets of two drugs or three, to be held against others: a protocol by them would leave all others out."""


def factor_sets(own: Path | None = None) -> dict[str, Path]:
    """The names of all factor sets, sorted, each with its file; `own` is an office's folder of its own.

    Raises `FactorError` where an office calls a set of its own as one that is shipped: figures name the set they rest
    on, so one name means one set.

    Examples
    --------
    >>> ", ".join(factor_sets())
    '2026, australia, highest-fractions, korea, lowest-fractions, older'
    """
    found: dict[str, Path] = {}
    for folder in (_SHIPPED, *([own] if own else [])):
        for file in sorted(folder.glob("*.csv")):
            if file.stem.startswith(_NO_SETS):
                continue
            if file.stem in found:
                raise FactorError(f"{file}: a factor set {file.stem!r} is shipped: give yours a name of its own.")
            found[file.stem] = file
    return dict(sorted(found.items()))


def _file_of_set(factor_set: str, own: Path | None) -> Path:
    sets = factor_sets(own)
    if factor_set not in sets:
        yours = f"; yours belong into {own}" if own else ""
        raise FactorError(f"there is no factor set {factor_set!r}; there are {', '.join(sets)}{yours}.")
    return sets[factor_set]


def _require_set(frame: pl.DataFrame, file: Path, factor_set: str) -> None:
    for row, named in frame.select("_row", "factor_set").iter_rows():
        if named != factor_set:
            _refuse(file, row, "factor_set", f"{named!r} is not the set of this file: write {factor_set}")


def load_residues() -> pl.DataFrame:
    """All substances a laboratory may measure.

    Returns
    -------
    polars.DataFrame
        The columns of `Residues`, one row a residue.

    Raises
    ------
    FactorError
        Where the file breaks the model.

    Examples
    --------
    >>> load_residues().filter(pl.col("kind") == "marker")["residue"].to_list()[:4]
    ['cotinine', 'hydroxycotinine', 'nicotine', 'anabasine']
    """
    return _load(_HERE / "vocabularies" / "residues.csv", Residues).drop("_row")


def load_factors(factor_set: str = "2026", own: Path | None = None) -> pl.DataFrame:
    """The factors of one set.

    Parameters
    ----------
    factor_set : str
        Name of the set, that is of its file.
    own : pathlib.Path, optional
        The folder of an office's own sets.

    Returns
    -------
    polars.DataFrame
        The columns of `Factors`, one row a drug and a residue it may be computed from.

    Raises
    ------
    FactorError
        Where there is no such set (the message lists those there are), where its file breaks the model, names a
        residue nobody knows, or has a molar mass that is not that of the substance.

    Examples
    --------
    >>> load_factors().filter(pl.col("drug") == "heroin").select("residue", "is_default").rows()
    [('6-mam', True), ('morphine', False)]
    """
    file = _file_of_set(factor_set, own)
    frame = _load(file, Factors)
    _require_set(frame, file, factor_set)
    residues, masses = _known_residues(), _known_masses()
    for row in frame.iter_rows(named=True):
        if row["residue"] not in residues:
            _refuse(
                file, row["_row"], "residue", f"{row['residue']!r} is no residue: write one of {', '.join(residues)}"
            )
        for what, substance in (("parent", _MOLECULE.get(row["drug"], row["drug"])), ("residue", row["residue"])):
            name = f"molar_mass_{what}_g_per_mol"
            mass, known = row[name], masses.get(substance)
            if mass is not None and known is not None and abs(mass / known - 1) > _SALT:
                remedy = "write that of the free base, not of a salt"
                _refuse(file, row["_row"], name, f"{mass:g} is not that of {substance}, {known:g}: {remedy}")
    return frame.drop("_row")


def load_doses(factor_set: str = "2026", own: Path | None = None) -> pl.DataFrame:
    """The doses of one set.

    Parameters
    ----------
    factor_set : str
        Name of the set, that is of its file.
    own : pathlib.Path, optional
        The folder of an office's own sets.

    Returns
    -------
    polars.DataFrame
        The columns of `Doses`, one row a drug. Not every drug of the factors has a dose.

    Raises
    ------
    FactorError
        Where there is no such set (the message lists those there are), or its file of doses is missing, breaks the
        model, or has a drug that the factors have not.

    Examples
    --------
    >>> load_doses().filter(pl.col("drug") == "methamphetamine")["dose_mg"].to_list()
    [30.0]
    """
    factors = _file_of_set(factor_set, own)
    file = factors.with_name(f"doses-{factors.name}")
    if not file.is_file():
        raise FactorError(
            f"{file} is missing: a factor set is two files. Write it beside {factors.name}, with the columns"
            f" {','.join(Doses.to_schema().columns)}; without doses the first row alone."
        )
    frame = _load(file, Doses)
    _require_set(frame, file, factor_set)
    drugs = set(load_factors(factor_set, own)["drug"])
    for row, drug in frame.select("_row", "drug").iter_rows():
        if drug not in drugs:
            _refuse(file, row, "drug", f"{drug!r} is not in {factors.name}: add it there, or remove the row")
    return frame.drop("_row")


def load_half_lives() -> pl.DataFrame:
    """How long residues last in wastewater.

    Returns
    -------
    polars.DataFrame
        The columns of `HalfLives`, one row a residue and a temperature.

    Raises
    ------
    FactorError
        Where the file breaks the model.

    Examples
    --------
    >>> load_half_lives().filter(pl.col("residue") == "cocaine").select("temperature_celsius", "half_life_h").rows()
    [(20.0, 35.0), (10.0, 173.0)]
    """
    return _load(_SHIPPED / "half-lives-2026.csv", HalfLives).drop("_row")


def load_molar_masses() -> pl.DataFrame:
    """The molar masses of drugs and residues.

    Returns
    -------
    polars.DataFrame
        The columns of `MolarMasses`, one row a substance.

    Raises
    ------
    FactorError
        Where the file breaks the model.

    Examples
    --------
    >>> load_molar_masses().filter(pl.col("substance") == "heroin")["molar_mass_g_per_mol"].item()
    369.41
    """
    return _load(_SHIPPED / "molar-masses-2026.csv", MolarMasses).drop("_row")


def load_residue_ratios() -> pl.DataFrame:
    """The ranges in which ratios of residues lie after use.

    Returns
    -------
    polars.DataFrame
        The columns of `ResidueRatios`, one row a pair of residues.

    Raises
    ------
    FactorError
        Where the file breaks the model.

    Examples
    --------
    >>> load_residue_ratios().select("residue", "other_residue", "ratio_high").row(0)
    ('cocaine', 'benzoylecgonine', 0.75)
    """
    return _load(_SHIPPED / "ratios-2026.csv", ResidueRatios).drop("_row")


def load_population_markers(marker_set: str = MARKER_SET) -> pl.DataFrame:
    """The markers inhabitants are counted by.

    Parameters
    ----------
    marker_set : str
        Name of the set, that is of its file.

    Returns
    -------
    polars.DataFrame
        The columns of `PopulationMarkers`, one row a method.

    Raises
    ------
    FactorError
        Where the file breaks the model.

    Examples
    --------
    >>> load_population_markers().select("population_method", "load_mg_per_person_per_day").rows()[:2]
    [('NH4-N', 7000.0), ('COD', 120000.0)]
    """
    return _load(_HERE / "population" / f"markers-{marker_set}.csv", PopulationMarkers).drop("_row")


def load_uncertainties(own: Path | None = None) -> pl.DataFrame:
    """The relative standard deviations: the shipped ones, and in their place what an office knows of its own.

    Parameters
    ----------
    own : pathlib.Path, optional
        An office's folder `factors`. Rows of its `uncertainty.csv`, where there is one, take the place of the shipped
        rows of the same component and `applies_to`.

    Returns
    -------
    polars.DataFrame
        The columns of `Uncertainties`, one row a component and what it applies to.

    Raises
    ------
    FactorError
        Where a file breaks the model, or a row of the office's own stands for none of the shipped ones.

    Examples
    --------
    >>> load_uncertainties().filter(pl.col("component") == "flow").select("rsd", "shared_over").rows()
    [(0.1, 'one site')]
    """
    shipped = _load(_HERE / "uncertainty" / "2026.csv", Uncertainties).drop("_row")
    if own is None or not (own / OWN_UNCERTAINTY).is_file():
        return shipped
    file, key = own / OWN_UNCERTAINTY, ["component", "applies_to"]
    ours = _load(file, Uncertainties)
    stray = ours.join(shipped, on=key, how="anti", nulls_equal=True)
    if not stray.is_empty():
        row = stray.row(0, named=True)
        of = shipped.filter(pl.col("component") == row["component"])["applies_to"].drop_nulls()
        known = f"write one of {', '.join(of)}" if len(of) else "leave it empty"
        _refuse(
            file, row["_row"], "applies_to", f"{row['applies_to'] or ''!r} is nothing {row['component']} has: {known}"
        )
    ours = ours.drop("_row")
    return pl.concat([shipped.join(ours, on=key, how="anti", nulls_equal=True), ours]).sort(key, nulls_last=False)


@cache
def _known_residues() -> tuple[str, ...]:
    return tuple(load_residues()["residue"])


@cache
def _known_masses() -> dict[str, float]:
    return dict(load_molar_masses().select("substance", "molar_mass_g_per_mol").iter_rows())


@cache
def residue_by_spelling() -> dict[str, str]:
    """Each known spelling of a residue, casefolded and without blanks around it, with the residue.

    Spellings are the identifier, the English and the Chinese name, and the synonyms.

    Raises
    ------
    ValueError
        Where one spelling stands for two residues; the message names both.

    Examples
    --------
    >>> [residue_by_spelling()[spelling] for spelling in ("meth", "冰毒", "6-am")]
    ['methamphetamine', 'methamphetamine', '6-mam']
    """
    return spellings(load_residues())


@cache
def drug_by_spelling() -> dict[str, str]:
    """Each known spelling of a drug, casefolded, with the drug: its names, and the spellings of what it is measured by.

    >>> known = drug_by_spelling()
    >>> [known[spelling] for spelling in ("meth", "甲基苯丙胺", "cocaine", "be")]
    ['methamphetamine', 'methamphetamine', 'cocaine', 'cocaine']
    """
    factors = load_factors().filter("is_default")
    of_residue = dict(factors.select("residue", "drug").iter_rows())
    found = {
        spelling: of_residue[residue] for spelling, residue in residue_by_spelling().items() if residue in of_residue
    }
    for drug, *names in factors.select("drug", "drug_name", "drug_name_zh").iter_rows():
        found |= {name.casefold(): drug for name in (drug, *names) if name}
    return found


def spellings(residues: pl.DataFrame) -> dict[str, str]:
    """What `residue_by_spelling` gives, of any frame with the columns of `Residues`.

    Examples
    --------
    >>> two = pl.DataFrame({"residue": ["a", "b"], "residue_name": ["A", "B"],
    ...                     "residue_name_zh": ["甲", "乙"], "synonyms": [None, " A |bee"]})
    >>> spellings(two)
    Traceback (most recent call last):
    ValueError: spelling 'a' stands for 'a' and 'b': remove it from one of them in residues.csv
    """
    found: dict[str, str] = {}
    columns = ("residue", "residue_name", "residue_name_zh", "synonyms")
    for residue, name, name_zh, synonyms in residues.select(columns).iter_rows():
        for written in (residue, name, name_zh, *(synonyms or "").split("|")):
            spelling = (written or "").strip().casefold()
            if spelling and found.setdefault(spelling, residue) != residue:
                raise ValueError(
                    f"spelling {spelling!r} stands for {found[spelling]!r} and {residue!r}:"
                    " remove it from one of them in residues.csv"
                )
    return found
