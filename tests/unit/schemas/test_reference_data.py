"""The reference files: they load, their correction factors are the published ones, what is unverified is marked."""

import polars as pl
import pytest
from pandera.errors import SchemaErrors

from schemas.reference import Factors, Residues
from schemas.reference_data import load_doses, load_factors, load_residues, residue_by_spelling, spellings

DRUGS = {
    "methamphetamine", "amphetamine", "mdma", "cocaine", "heroin", "ketamine", "cannabis", "codeine", "methadone",
    "fentanyl", "tramadol", "mephedrone", "etomidate", "nicotine", "alcohol",
}  # fmt: skip


def test_drugs_are_those_there_is_a_factor_for():
    assert set(load_factors()["drug"]) == DRUGS
    assert "methcathinone" in set(load_residues()["residue"])


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
def test_correction_factors_are_the_published_ones(drug, residue, expected, tolerance):
    row = load_factors().row(by_predicate=(pl.col("drug") == drug) & (pl.col("residue") == residue), named=True)
    assert row["excretion_basis"] == "molar"
    ratio = row["molar_mass_parent_g_per_mol"] / row["molar_mass_residue_g_per_mol"]
    assert ratio / row["excreted_fraction"] == pytest.approx(expected, abs=tolerance)


@pytest.mark.parametrize(
    ("drug", "end", "expected", "tolerance"),
    [("cocaine", "high", 2.33, 0.005), ("cannabis", "low", 182.6, 0.05), ("mdma", "high", 1.54, 0.005)],
)
def test_the_range_gives_the_older_correction_factors(drug, end, expected, tolerance):
    row = load_factors().row(by_predicate=(pl.col("drug") == drug) & pl.col("is_default"), named=True)
    ratio = row["molar_mass_parent_g_per_mol"] / row["molar_mass_residue_g_per_mol"]
    assert ratio / row[f"excreted_fraction_{end}"] == pytest.approx(expected, abs=tolerance)


def test_the_adopted_fraction_lies_in_its_range():
    rows = load_factors().drop_nulls("excreted_fraction_low")
    assert rows.height > 0
    fraction = pl.col("excreted_fraction")
    assert rows.filter(~fraction.is_between("excreted_fraction_low", "excreted_fraction_high")).is_empty()


def test_a_drug_has_the_same_names_and_molar_mass_in_each_of_its_rows():
    what = ["drug_name", "drug_name_zh", "molar_mass_parent_g_per_mol"]
    assert load_factors().select("drug", *what).unique().height == len(DRUGS)


def test_each_drug_has_exactly_one_default_residue():
    defaults = load_factors().group_by("drug").agg(pl.col("is_default").sum())
    assert set(defaults["is_default"]) == {1}
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


def test_each_residue_of_a_factor_is_in_the_vocabulary():
    assert set(load_factors()["residue"]) <= set(load_residues()["residue"])


def test_each_dose_is_of_a_drug_with_a_factor():
    assert set(load_doses()["drug"]) <= DRUGS
    assert set(load_doses()["factor_set"]) == set(load_factors()["factor_set"]) == {"2026"}


def test_a_factor_set_that_does_not_exist_names_those_that_do():
    with pytest.raises(FileNotFoundError, match=r"factor set '1999' has no file 1999\.csv; there are 2026"):
        load_factors("1999")
    with pytest.raises(FileNotFoundError, match=r"doses-1999\.csv; there are 2026"):
        load_doses("1999")


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
