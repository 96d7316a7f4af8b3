"""The project's reference files as frames: residues, factors, doses, markers. Read with the models' types and
validated.

No values here: they stand in `vocabularies/`, `factors/` and `population/`, each with a README. No correction factors
either: the formula stands once, beside the other macros. Protocols are read by `protocol.py`, profiles by `profile.py`.
"""

from functools import cache
from pathlib import Path

import pandera.polars as pa
import polars as pl

from schemas.reference import Doses, Factors, HalfLives, PopulationMarkers, ResidueRatios, Residues

_HERE = Path(__file__).parent
MARKER_SET = "2026"
"""The set of markers in use: populations are of a site and day, not of a protocol, so there is one."""


def _load(file: Path, model: type[pa.DataFrameModel]) -> pl.DataFrame:
    types = {name: column.dtype.type for name, column in model.to_schema().columns.items()}
    frame = pl.read_csv(file, schema_overrides=types)
    model.validate(frame, lazy=True)  # an eager frame: of a lazy one the values would go unchecked
    return frame


def _of_set(factor_set: str, file_name: str, model: type[pa.DataFrameModel]) -> pl.DataFrame:
    file = _HERE / "factors" / file_name
    if not file.is_file():
        others = ("doses-", "half-lives-", "ratios-")
        known = ", ".join(sorted(path.stem for path in file.parent.glob("*.csv") if not path.stem.startswith(others)))
        raise FileNotFoundError(f"factor set {factor_set!r} has no file {file_name}; there are {known}")
    return _load(file, model)


def load_residues() -> pl.DataFrame:
    """All substances a laboratory may measure.

    Returns
    -------
    polars.DataFrame
        The columns of `Residues`, one row a residue.

    Raises
    ------
    pandera.errors.SchemaErrors
        Where the file breaks the model.

    Examples
    --------
    >>> load_residues().filter(pl.col("kind") == "marker")["residue"].to_list()[-4:]
    ['paraxanthine', 'nh4-n', 'chemical-oxygen-demand', 'bod']
    """
    return _load(_HERE / "vocabularies" / "residues.csv", Residues)


def load_factors(factor_set: str = "2026") -> pl.DataFrame:
    """The factors of one set.

    Parameters
    ----------
    factor_set : str
        Name of the set, that is of its file.

    Returns
    -------
    polars.DataFrame
        The columns of `Factors`, one row a drug and a residue it may be computed from.

    Raises
    ------
    FileNotFoundError
        Where there is no such set; the message lists those there are.
    pandera.errors.SchemaErrors
        Where the file breaks the model.

    Examples
    --------
    >>> load_factors().filter(pl.col("drug") == "heroin").select("residue", "is_default").rows()
    [('6-mam', True), ('morphine', False)]
    """
    return _of_set(factor_set, f"{factor_set}.csv", Factors)


def load_doses(factor_set: str = "2026") -> pl.DataFrame:
    """The doses of one set.

    Parameters
    ----------
    factor_set : str
        Name of the set, that is of its file.

    Returns
    -------
    polars.DataFrame
        The columns of `Doses`, one row a drug. Not every drug of the factors has a dose.

    Raises
    ------
    FileNotFoundError
        Where there is no such set; the message lists those there are.
    pandera.errors.SchemaErrors
        Where the file breaks the model.

    Examples
    --------
    >>> load_doses().filter(pl.col("drug") == "methamphetamine")["dose_mg"].to_list()
    [30.0]
    """
    return _of_set(factor_set, f"doses-{factor_set}.csv", Doses)


def load_half_lives() -> pl.DataFrame:
    """The half-lives of residues in wastewater.

    Returns
    -------
    polars.DataFrame
        The columns of `HalfLives`, one row a residue and temperature.

    Raises
    ------
    pandera.errors.SchemaErrors
        Where the file breaks the model.

    Examples
    --------
    >>> load_half_lives().filter(pl.col("residue") == "6-mam").select("temperature_celsius", "half_life_h").rows()
    [(10.0, 139.0), (20.0, 87.0)]
    """
    return _load(_HERE / "factors" / "half-lives-2026.csv", HalfLives)


def load_residue_ratios() -> pl.DataFrame:
    """The ranges in which ratios of residues lie after use.

    Returns
    -------
    polars.DataFrame
        The columns of `ResidueRatios`, one row a pair of residues.

    Raises
    ------
    pandera.errors.SchemaErrors
        Where the file breaks the model.

    Examples
    --------
    >>> load_residue_ratios().select("residue", "other_residue", "ratio_high").row(0)
    ('cocaine', 'benzoylecgonine', 0.75)
    """
    return _load(_HERE / "factors" / "ratios-2026.csv", ResidueRatios)


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
    pandera.errors.SchemaErrors
        Where the file breaks the model.

    Examples
    --------
    >>> load_population_markers().select("population_method", "load_mg_per_person_per_day").rows()[:2]
    [('NH4-N', 7000.0), ('COD', 120000.0)]
    """
    return _load(_HERE / "population" / f"markers-{marker_set}.csv", PopulationMarkers)


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
