"""An office's own factor sets: read by the same models; what is wrong names file, row, column and what to do."""

import pytest

from schemas.reference_data import FactorError, factor_sets, load_doses, load_factors

HEAD = (
    "factor_set,drug,drug_name,drug_name_zh,residue,excreted_fraction,excreted_fraction_low,excreted_fraction_high,"
    "excretion_basis,residue_mg_per_cigarette,molar_mass_parent_g_per_mol,molar_mass_residue_g_per_mol,stability_class,"
    "is_default,evidence,factor_status,source,valid_from,approved_by\n"
)
METH = (
    "ours,methamphetamine,Methamphetamine,冰毒,methamphetamine,0.4,,,molar,,149.23,149.23,stable,true,V,approved,We,"
    "2026-01-01,\n"
)
COCAINE = (
    "ours,cocaine,Cocaine,可卡因,benzoylecgonine,0.35,0.29,0.45,molar,,303.35,289.33,stable,TRUE,M,provisional,"
    '"A paper, 1999",2026-01-01,A. Chemist\n'
)
DOSES = "factor_set,drug,dose_mg,evidence,dose_status,source\nours,cocaine,100,M,provisional,A paper\n"


def lay(folder, factors=HEAD + METH + COCAINE, doses=DOSES, name="ours"):
    (folder / f"{name}.csv").write_text(factors, encoding="utf-8")
    (folder / f"doses-{name}.csv").write_text(doses, encoding="utf-8")
    return folder


def test_an_own_set_is_read_beside_the_shipped(tmp_path):
    lay(tmp_path, "\ufeff" + HEAD + METH + "\n" + COCAINE.replace("\n", "\r\n"))
    assert list(factor_sets(tmp_path)) == sorted([*factor_sets(), "ours"])
    factors = load_factors("ours", tmp_path)
    assert factors["excreted_fraction"].to_list() == [0.4, 0.35]
    assert factors["source"].to_list() == ["We", "A paper, 1999"]
    assert load_doses("ours", tmp_path)["dose_mg"].to_list() == [100.0]
    assert load_factors("2026", tmp_path).equals(load_factors())
    with pytest.raises(FactorError, match=r"no factor set 'mine'; there are 2026, .*, ours; yours belong into"):
        load_factors("mine", tmp_path)


def test_a_shipped_name_stands_for_the_shipped_set_only(tmp_path):
    lay(tmp_path, name="older")
    with pytest.raises(FactorError, match=r"older\.csv: a factor set 'older' is shipped: give yours a name of its own"):
        load_factors("older", tmp_path)


SALT = (
    "row 2, column 'molar_mass_parent_g_per_mol': 185.69 is not that of methamphetamine, 149.23: write that of the free"
)


@pytest.mark.parametrize(
    ("written", "instead", "said"),
    [
        (",0.4,", ',"0,4",', "row 2, column 'excreted_fraction': '0,4' is no number: write it like 0.43."),
        (",0.4,", ",0,4,", "row 2: it has 20 cells and the first row 19: write a number with a point"),
        (",0.4,", ",40,", "row 2, column 'excreted_fraction': 40.0 is not allowed: it must be at most 1."),
        (",0.4,", ",0,", "row 2, column 'excreted_fraction': 0.0 is not allowed: it must be above 0."),
        (",0.4,,,", ",0.4,0.5,0.6,", "row 2, column 'excreted_fraction': it lies outside its range: correct it"),
        (",0.4,,,molar", ",0.4,,,", "row 2, column 'excretion_basis': a fraction needs it: write molar, with both"),
        (",149.23,149.23", ",,149.23", "row 2, column 'excretion_basis': a fraction needs it"),
        (",149.23,149.23", ",185.69,149.23", SALT),
        (",stable,true,", ",solid,true,", "row 2, column 'stability_class': 'solid' is not allowed: write one of"),
        (",stable,true,", ",stable,yes,", "row 2, column 'is_default': 'yes' is not allowed: write true or false."),
        (",V,approved,", ",M,approved,", "row 2, column 'factor_status': a value with evidence M (nobody has read"),
        (",We,", ",,", "row 2, column 'source': it is empty: fill it in."),
        ("2026-01-01", "1.1.2026", "row 2, column 'valid_from': '1.1.2026' is no day: write it like 2026-01-31."),
        ("ours,meth", "2026,meth", "row 2, column 'factor_set': '2026' is not the set of this file: write ours."),
        (",methamphetamine,0.4", ",ice,0.4", "row 2, column 'residue': 'ice' is no residue: write one of meth"),
        ("ours,methamphetamine,", "ours,Meth,", "row 2, column 'drug': 'Meth' is not allowed: write small letters"),
        (METH, METH + METH, "row 2, column 'drug': the row stands twice"),
        (METH, METH + METH.replace(",methamphetamine,0", ",amphetamine,0"), "column 'is_default': the drug has sev"),
        (",excreted_fraction,", ",fraction,", "row 1: column 'excreted_fraction' is missing: the first row names"),
        (",approved_by\n", ",approved_by,note\n", "row 1: column 'note' does not belong here: remove it"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_factors_names_row_column_and_what_to_do(tmp_path, written, instead, said):
    text = HEAD + METH + COCAINE
    assert written in text
    lay(tmp_path, text.replace(written, instead, 1))
    with pytest.raises(FactorError) as error:
        load_factors("ours", tmp_path)
    assert str(error.value).startswith(f"{tmp_path / 'ours.csv'}")
    assert said in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("written", "instead", "said"),
    [
        ("ours,cocaine", "ours,heroin", "row 2, column 'drug': 'heroin' is not in ours.csv: add it there, or remove"),
        ("provisional", "approved", "row 2, column 'dose_status': a value with evidence M"),
        ("100", "-1", "row 2, column 'dose_mg': -1.0 is not allowed: it must be above 0."),
    ],
)
def test_what_is_wrong_with_doses_is_told_alike(tmp_path, written, instead, said):
    lay(tmp_path, doses=DOSES.replace(written, instead))
    with pytest.raises(FactorError) as error:
        load_doses("ours", tmp_path)
    assert str(error.value).startswith(f"{tmp_path / 'doses-ours.csv'}, row")
    assert said in str(error.value)


def test_a_set_without_doses_or_of_another_encoding_says_what_to_do(tmp_path):
    lay(tmp_path)
    (tmp_path / "doses-ours.csv").unlink()
    with pytest.raises(FactorError, match=r"doses-ours\.csv is missing: a factor set is two files"):
        load_doses("ours", tmp_path)
    (tmp_path / "ours.csv").write_bytes((HEAD + METH).encode("gb18030"))
    with pytest.raises(FactorError, match=r"ours\.csv: this is no CSV file in UTF-8"):
        load_factors("ours", tmp_path)
    (tmp_path / "ours.csv").write_text("")
    with pytest.raises(FactorError, match="column 'factor_set' is missing"):
        load_factors("ours", tmp_path)
