"""The reference files: they load, their correction factors are the published ones, what is unverified is marked."""

from pathlib import Path

import duckdb
import polars as pl
import pytest
from pandera.errors import SchemaErrors

from pipeline.statements import sql
from schemas.reference import Doses, Factors, Residues
from schemas.reference_data import (
    FactorError,
    factor_sets,
    load_doses,
    load_factors,
    load_half_lives,
    load_molar_masses,
    load_residues,
    residue_by_spelling,
    spellings,
)

ROOT = Path(__file__).parents[3]
DRUGS = {
    "methamphetamine", "amphetamine", "mdma", "cocaine", "heroin", "ketamine", "cannabis", "codeine", "methadone",
    "fentanyl", "tramadol", "mephedrone", "etomidate", "nicotine", "alcohol", "morphine", "methcathinone", "tobacco",
}  # fmt: skip


MASS = "residue_mg_per_cigarette"
WHOLE_SETS = ["2026", "australia", "highest-fractions", "lowest-fractions", "older"]


@pytest.fixture(scope="module")
def macros():
    """A database that knows nothing but the formula."""
    with duckdb.connect() as connection:
        connection.execute(sql("macros"))
        yield connection


def correction_factor(macros, row):
    names = ["molar_mass_parent_g_per_mol", "molar_mass_residue_g_per_mol", "excreted_fraction", "excretion_basis"]
    return macros.execute("select correction_factor(?, ?, ?, ?)", [row[name] for name in names]).fetchone()[0]


@pytest.mark.parametrize("factor_set", WHOLE_SETS)
def test_a_set_for_all_drugs_has_all_of_them(factor_set):
    assert set(load_factors(factor_set)["drug"]) == DRUGS


def test_without_an_agreed_fraction_there_is_none():
    none = load_factors().filter(pl.col("excreted_fraction").is_null())
    known = {(drug, residue): mass for drug, residue, mass in none.select("drug", "residue", MASS).iter_rows()}
    assert known == {
        ("methcathinone", "methcathinone"): None, ("tobacco", "anabasine"): 0.0009, ("tobacco", "cotinine"): 0.14,
    }  # fmt: skip
    assert set(none["factor_status"]) == {"experimental"}


@pytest.mark.parametrize(
    ("drug", "residue", "expected", "tolerance"),
    [
        # Literals; the tolerance is half of the last digit they are printed with.
        ("methamphetamine", "methamphetamine", 2.326, 0.0005),
        ("mdma", "mdma", 4.444, 0.0005),
        ("cocaine", "benzoylecgonine", 3.615, 0.0005),
        ("heroin", "6-mam", 86.8, 0.05),
        ("heroin", "morphine", 3.082, 0.0005),
        ("ketamine", "ketamine", 5.0, 0.0005),
        ("cannabis", "thc-cooh", 152.2, 0.05),
        ("methadone", "eddp", 2.028, 0.0005),
        ("methadone", "methadone", 3.64, 0.005),
        ("alcohol", "ethyl-sulfate", 3043.8, 0.05),
        ("amphetamine", "amphetamine", 2.75, 0.005),
        ("codeine", "codeine", 3.33, 0.005),
        ("fentanyl", "norfentanyl", 4.83, 0.005),
        ("nicotine", "cotinine", 3.07, 0.005),
        ("nicotine", "hydroxycotinine", 1.92, 0.005),
        ("mephedrone", "mephedrone", 6.7, 0.05),
        ("etomidate", "etomidate-acid", 1.9, 0.05),
    ],
)
def test_correction_factors_are_the_published_ones(macros, drug, residue, expected, tolerance):
    row = load_factors().row(by_predicate=(pl.col("drug") == drug) & (pl.col("residue") == residue), named=True)
    assert row["excretion_basis"] == "molar"
    assert correction_factor(macros, row) == pytest.approx(expected, abs=tolerance)


@pytest.mark.parametrize(
    ("drug", "end", "expected", "tolerance"),
    [("cocaine", "high", 2.33, 0.005), ("cannabis", "low", 182.6, 0.05), ("mdma", "high", 1.54, 0.005)],
)
def test_the_range_gives_the_older_correction_factors(macros, drug, end, expected, tolerance):
    row = load_factors().row(by_predicate=(pl.col("drug") == drug) & pl.col("is_default"), named=True)
    row["excreted_fraction"] = row[f"excreted_fraction_{end}"]
    assert correction_factor(macros, row) == pytest.approx(expected, abs=tolerance)


def test_the_adopted_fraction_lies_in_its_range():
    rows = load_factors().drop_nulls("excreted_fraction_low")
    assert rows.height > 0
    fraction = pl.col("excreted_fraction")
    assert rows.filter(~fraction.is_between("excreted_fraction_low", "excreted_fraction_high")).is_empty()


def test_a_drug_has_the_same_names_and_molar_mass_in_each_of_its_rows():
    what = ["drug_name", "drug_name_zh", "molar_mass_parent_g_per_mol"]
    assert load_factors().select("drug", *what).unique().height == len(DRUGS)


def test_each_drug_has_one_default_residue_but_those_that_are_not_computed():
    defaults = dict(load_factors().group_by("drug").agg(pl.col("is_default").sum()).iter_rows())
    assert {drug for drug, n in defaults.items() if n == 0} == {"morphine", "tobacco"}
    assert {n for drug, n in defaults.items() if drug not in ("morphine", "tobacco")} == {1}
    chosen = dict(load_factors().filter("is_default").select("drug", "residue").iter_rows())
    assert chosen["heroin"] == "6-mam", "most morphine is no heroin: see factors/README.md"
    assert chosen["methadone"] == "eddp"
    assert chosen["cocaine"] == "benzoylecgonine"


def test_what_is_unverified_is_never_approved():
    factors = load_factors()
    assert set(factors.filter(pl.col("factor_status") == "approved")["evidence"]) == {"V"}
    assert set(factors.filter(pl.col("drug") == "etomidate")["factor_status"]) == {"experimental"}
    assert factors["approved_by"].null_count() == factors.height
    unverified = pl.col("evidence") == "M"
    assert "approved" not in set(load_doses().filter(unverified)["dose_status"])


def test_the_model_refuses_an_unverified_factor_that_is_approved():
    bad = load_factors().with_columns(evidence=pl.lit("M"), factor_status=pl.lit("approved"))
    with pytest.raises(SchemaErrors, match="unverified_factor_approved"):
        Factors.validate(bad, lazy=True)
    bad = load_doses().with_columns(evidence=pl.lit("M"), dose_status=pl.lit("approved"))
    with pytest.raises(SchemaErrors, match="unverified_dose_approved"):
        Doses.validate(bad, lazy=True)


def test_each_residue_of_a_factor_is_in_the_vocabulary():
    assert set(load_factors()["residue"]) <= set(load_residues()["residue"])


def test_each_dose_is_of_a_drug_with_a_factor():
    assert set(load_doses()["drug"]) <= DRUGS
    assert set(load_doses()["factor_set"]) == set(load_factors()["factor_set"]) == {"2026"}


def test_a_factor_set_that_does_not_exist_names_those_that_do():
    for load in (load_factors, load_doses):
        with pytest.raises(
            FactorError, match=r"no factor set '1999'; there are 2026, australia, highest-fractions, kor"
        ):
            load("1999")


ALTERNATIVES = [
    # As used elsewhere: the fraction, and the correction factor it gives as printed.
    ("older", "methamphetamine", "methamphetamine", 0.41, 2.44),
    ("older", "amphetamine", "amphetamine", 0.30, 3.33),
    ("older", "mdma", "mdma", 0.65, 1.54),
    ("older", "cocaine", "benzoylecgonine", 0.45, 2.33),
    ("older", "heroin", "morphine", 0.385, 3.36),
    ("older", "ketamine", "ketamine", 0.30, 3.33),
    ("older", "cannabis", "thc-cooh", 0.005, 182.6),
    ("older", "codeine", "codeine", 0.635, 1.57),
    ("australia", "methamphetamine", "methamphetamine", 0.39, 2.56),
    ("australia", "cocaine", "benzoylecgonine", 0.35, 3.00),
    ("korea", "methamphetamine", "methamphetamine", 0.43, 2.33),
    ("korea", "codeine", "codeine", 0.638, 1.57),
    ("lowest-fractions", "codeine", "codeine", 0.10, 10.0),
    ("highest-fractions", "fentanyl", "norfentanyl", 0.55, 2.63),
    ("2026", "morphine", "morphine", 0.80, 1.25),
]


@pytest.mark.parametrize(("factor_set", "drug", "residue", "fraction", "printed"), ALTERNATIVES)
def test_alternatives_in_use_are_held_as_sets(macros, factor_set, drug, residue, fraction, printed):
    factors = load_factors(factor_set)
    row = factors.row(by_predicate=(pl.col("drug") == drug) & (pl.col("residue") == residue), named=True)
    assert row["excreted_fraction"] == fraction
    assert correction_factor(macros, row) == pytest.approx(printed, abs=0.05 if printed > 100 else 0.01)


@pytest.mark.parametrize("end", ["low", "high"])
def test_the_sets_of_extremes_are_the_ends_of_the_ranges(end):
    ours = load_factors().select("drug", "residue", f"excreted_fraction_{end}", "excreted_fraction")
    extremes = load_factors({"low": "lowest-fractions", "high": "highest-fractions"}[end])
    both = ours.join(extremes, on=["drug", "residue"], validate="1:1", suffix="_extreme")
    stated = pl.coalesce(f"excreted_fraction_{end}", "excreted_fraction")
    assert both.filter(stated.ne_missing(pl.col("excreted_fraction_extreme"))).is_empty()


@pytest.mark.parametrize("factor_set", [*WHOLE_SETS, "korea"])
def test_only_values_we_have_adopted_are_approved(factor_set):
    """Read in a source is not enough: another set may hold a value that was read and is not the one adopted."""
    adopted = (
        load_factors().filter(pl.col("factor_status") == "approved").select("drug", "residue", "excreted_fraction")
    )
    approved = load_factors(factor_set).filter(pl.col("factor_status") == "approved")
    assert approved.join(adopted, on=["drug", "residue", "excreted_fraction"], how="anti").is_empty()
    assert set(load_doses(factor_set)["drug"]) <= set(load_factors(factor_set)["drug"])


def test_each_factor_set_is_described():
    readme = (ROOT / "schemas" / "factors" / "README.md").read_text(encoding="utf-8")
    assert list(factor_sets()) == sorted([*WHOLE_SETS, "korea"])
    for name in factor_sets():
        assert f"| `{name}` |" in readme, "say in schemas/factors/README.md what the set is for"


# Fifteen Korean plants, as published: load of the residue and consumption [mg/day/1000]. Of the two below their limits
# B-9 follows below, B-10 contradicts itself in the table.
KOREAN = {
    "methamphetamine": [
        (5.18, 12.0), (5.65, 13.1), (2.85, 6.64), (8.25, 19.2), (11.0, 25.5), (3.24, 7.52), (9.26, 21.5), (11.4, 26.4),
        (9.50, 22.1), (2.09, 4.86), (15.1, 35.2), (14.8, 34.4), (5.56, 12.9), (29.2, 67.9),
    ],
    "codeine": [
        (2.59, 4.06), (3.15, 4.94), (1.24, 1.94), (2.02, 3.17), (7.31, 11.5), (1.14, 1.79), (7.98, 12.5), (2.55, 4.00),
        (1.60, 2.52), (2.15, 3.37), (7.64, 12.0), (3.50, 5.49), (2.83, 4.44), (8.61, 13.5),
    ],
}  # fmt: skip


def test_the_korean_set_gives_the_published_consumption(macros):
    n = 0
    for drug, pairs in KOREAN.items():
        factor = correction_factor(macros, load_factors("korea").row(by_predicate=pl.col("drug") == drug, named=True))
        for load, published in pairs:
            found = macros.execute("select consumption_mg_per_day_per_1000(?, ?, 0)", [load, factor]).fetchone()[0]
            assert found == pytest.approx(published, rel=0.005)
            n += 1
    assert n == 28


def test_a_limit_of_the_korean_survey_becomes_the_published_limit(macros):
    row = load_factors("korea").row(by_predicate=pl.col("drug") == "methamphetamine", named=True)
    found = macros.execute("select consumption_mg_per_day_per_1000(1.12, ?, 0)", [correction_factor(macros, row)])
    assert found.fetchone()[0] == pytest.approx(2.60, abs=0.005)


def test_on_the_mass_basis_molar_masses_do_not_count(macros):
    row = load_factors().row(by_predicate=pl.col("residue") == "eddp", named=True)
    assert correction_factor(macros, row) == pytest.approx(2.028, abs=0.0005)
    assert correction_factor(macros, row | {"excretion_basis": "mass"}) == pytest.approx(1.82, abs=0.005)


def test_half_lives_are_the_published_ones():
    rows = load_half_lives().select("residue", "temperature_celsius", "half_life_h", "evidence").rows()
    assert rows == [
        ("6-mam", 20, 87, "V"), ("6-mam", 10, 139, "V"), ("cocaine", 20, 35, "V"), ("cocaine", 10, 173, "V"),
        ("morphine-glucuronide", 20, 7, "V"), ("morphine-glucuronide", 10, 18, "V"), ("6-acetylcodeine", 20, 58, "V"),
    ]  # fmt: skip
    assert set(load_half_lives()["residue"]) <= set(load_residues()["residue"])


def test_molar_masses_of_factors_are_the_known_ones():
    known = dict(load_molar_masses().select("substance", "molar_mass_g_per_mol").iter_rows())
    assert len(known) == 31
    otherwise = {"cannabis": "thc", "alcohol": "ethanol"}
    for row in load_factors().iter_rows(named=True):
        assert row["molar_mass_residue_g_per_mol"] == known[row["residue"]]
        if row["molar_mass_parent_g_per_mol"] is not None:
            assert row["molar_mass_parent_g_per_mol"] == known[otherwise.get(row["drug"], row["drug"])]


@pytest.mark.parametrize(
    ("spelling", "residue"),
    [
        ("METH", "methamphetamine"), ("MAMP", "methamphetamine"), ("冰毒", "methamphetamine"),
        ("BE", "benzoylecgonine"),
        ("BZE", "benzoylecgonine"), ("KET", "ketamine"), ("NK", "norketamine"), ("COT", "cotinine"),
        ("THCCOOH", "thc-cooh"), ("6-AM", "6-mam"), ("6-MAM", "6-mam"), ("O6-MAM", "6-mam"),
        ("6-acetylmorphine", "6-mam"), ("O6-单乙酰吗啡", "6-mam"), ("四氢大麻酸", "thc-cooh"), ("可替宁", "cotinine"),
        ("依托咪酯酸", "etomidate-acid"), ("MDA", "mda"), ("MDMA", "mdma"), ("Cocaine", "cocaine"),
    ],
)  # fmt: skip
def test_laboratories_spellings_are_known(spelling, residue):
    assert residue_by_spelling()[spelling.casefold()] == residue


@pytest.mark.parametrize("spelling", ["cannabis", "heroin", "COD", "M-CAT", ""])
def test_what_means_several_things_is_not_a_spelling(spelling):
    """A drug's name says not what was measured; COD is also the chemical oxygen demand. A profile may map them."""
    assert spelling.casefold() not in residue_by_spelling()


def test_no_spelling_stands_for_two_residues():
    residues = load_residues()
    assert set(spellings(residues).values()) == set(residues["residue"])
    both = residues.with_columns(
        synonyms=pl.when(pl.col("residue") == "cocaine").then(pl.lit(" bze ")).otherwise("synonyms")
    )
    with pytest.raises(ValueError, match=r"'bze' stands for 'cocaine' and 'benzoylecgonine'"):
        spellings(both)


def test_spellings_are_the_same_casefolded_and_in_lower_case():
    """The reader of deliveries looks up lower case, the vocabulary is casefolded: no spelling may differ there."""
    assert all(spelling == spelling.lower() for spelling in residue_by_spelling())


def test_the_vocabulary_refuses_a_residue_twice():
    twice = pl.concat([load_residues(), load_residues().head(1)])
    with pytest.raises(SchemaErrors):
        Residues.validate(twice, lazy=True)
