"""Protocol files: an office's own stand beside those that are shipped, and what is wrong with one is told in a line."""

import pytest

from schemas.protocol import SHIPPED, ProtocolError, load_protocols

OWN = (SHIPPED / "permille.toml").read_text(encoding="utf-8").replace('"permille"', '"ours"', 1)


def test_own_protocols_stand_beside_the_shipped_and_win_by_name(tmp_path):
    (tmp_path / "a.toml").write_text(OWN)
    (tmp_path / "b.toml").write_text(OWN.replace('"ours"', '"euda"', 1))
    found = {protocol.protocol: protocol for protocol in load_protocols([SHIPPED, tmp_path])}
    assert list(found) == sorted([*(p.protocol for p in load_protocols()), "ours"])
    assert found["euda"].basis == "consumption"


def test_a_folder_that_is_not_there_holds_no_protocols(tmp_path):
    assert load_protocols([SHIPPED, tmp_path / "none"]) == load_protocols()


@pytest.mark.parametrize(
    ("written", "instead", "said"),
    [
        ('basis = "consumption"\n', "", 'it is missing: write basis = "consumption" or "residue load".'),
        ('below_limit = "likelihood"', 'below_limit = "half"', "field 'below_limit': 'half' is not allowed: write 'z"),
        ("max_censored_share = 0.8", "max_censored_share = 50", "'max_censored_share': 50 is not allowed: write"),
        ("min_detects = 3", 'min_detects = "few"', "field 'min_detects': 'few' is no whole number: write one"),
        ('factor_set = "2026"', "factor_set = 2026", "field 'factor_set': 2026 is no text: write it in quotes"),
        ('"ours"', '"Our own"', "field 'protocol': 'Our own' is not allowed: write small letters, digits and hyphens"),
        ('"ours"', '"all"', "field 'protocol': 'all' means all protocols: write another name"),
        ('title = "Permille"', "", "field 'title': it is missing: write title = \"...\"."),
        ('title = "Permille"', 'title = " "', "field 'title': it is empty: write what the protocol is called on pages"),
        ("min_detects = 3", "min_detect = 3", "field 'min_detect': there is no such field: write min_detects if"),
        ('title = "Permille"', 'title = "x"\ncolour = "red"', "field 'colour': there is no such field: remove it;"),
        ('title = "Permille"', "title = Permille", "this is no TOML file in UTF-8"),
    ],
)  # fmt: skip
def test_what_is_wrong_names_file_field_and_what_to_do(tmp_path, written, instead, said):
    assert written in OWN
    (tmp_path / "ours.toml").write_text(OWN.replace(written, instead, 1))
    with pytest.raises(ProtocolError) as error:
        load_protocols([SHIPPED, tmp_path])
    assert str(error.value).startswith(f"{tmp_path / 'ours.toml'}: ")
    assert said in str(error.value)
    assert "pydantic" not in str(error.value)
    assert "\n" not in str(error.value)


def test_two_files_with_one_name_are_refused(tmp_path):
    for name in ("a.toml", "b.toml"):
        (tmp_path / name).write_text(OWN)
    with pytest.raises(ProtocolError, match=r"b\.toml: field 'protocol': a\.toml is called 'ours' already"):
        load_protocols([SHIPPED, tmp_path])


def test_a_folder_in_place_of_a_protocol_says_what_to_do(tmp_path):
    (tmp_path / "ours.toml").mkdir()
    with pytest.raises(ProtocolError, match=r"ours\.toml: this is a folder, .*: rename it or move it away"):
        load_protocols([SHIPPED, tmp_path])
