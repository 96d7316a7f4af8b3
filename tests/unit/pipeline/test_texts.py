"""Text files: a profile whose encoding does not fit is not tried, and separators inside quotes divide nothing."""

import csv
import io

import polars as pl
import pytest

from commands.deliveries import _as_rows
from dashboards.downloads import neutralised, write_delivery
from pipeline.deliveries import read_and_judge
from pipeline.reading.delivery import DeliveredFile
from pipeline.reading.draft import draft_profile
from pipeline.reading.text import encoding_of, read_text, separator_of
from schemas.profile import ProfileError, load_profile, load_profiles
from tests.conftest import RECEIPT, RECEIVED

SHIPPED = load_profiles()
PROFILE = """
name = "own"
title = "t"
sender = "t"
encoding = "{encoding}"
[[tables]]
table = "results"
unit_column = "unit"
[tables.columns]
site_id = "site_id"
sampled_on = "date"
residue = "residue"
concentration = "conc"
[tables.qualifiers]
"0" = "<LOD"
"" = "not measured"
"""
RESULT = "site_id,date,residue,conc,unit\nS1,2024-03-05,methamphetamine,250,ng/L\n"
FLOWS = "site_id,date,flow_m3_per_day\nS1,2024-03-04,1000\n"


def own(tmp_path, encoding):
    """The shipped profiles and one that states an encoding."""
    file = tmp_path / "own.toml"
    file.write_text(PROFILE.format(encoding=encoding), encoding="utf-8")
    return SHIPPED | {"own": load_profile(file)}


def judged(content, profiles, named=None):
    return read_and_judge(content, "may.csv", profiles=profiles, known_sites=None, receipt=RECEIPT, profile_name=named)


# --- encodings -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "encoding", ["utf-16", "utf-16-be", "utf-32", "utf-7", "utf-8-sig", "cp037", "cp1252", "hz", "big5", "shift_jis"]
)
@pytest.mark.parametrize(
    "content",
    [FLOWS.encode(), FLOWS.replace("S1", "Süd").encode("latin-1"), FLOWS.replace("S1", "南山").encode("gb18030"),
     FLOWS.encode("utf-8-sig"), FLOWS.encode("utf-16"), FLOWS.encode("utf-16-le"), FLOWS.encode()[:-1] + b"+2AA-\n"],
)  # fmt: skip
def test_a_profile_whose_encoding_does_not_fit_stops_no_other_file(tmp_path, encoding, content):
    delivery = judged(content, own(tmp_path, encoding))
    assert delivery.record["profile"].item() == "permille-flows"
    assert delivery.record["n_rows"].item() == 1


@pytest.mark.parametrize("stated", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be", "UTF16"])
@pytest.mark.parametrize("order", ["le", "be"])
@pytest.mark.parametrize("named", [None, "own"])
def test_a_file_without_a_mark_is_read_by_the_encoding_its_profile_states(tmp_path, stated, order, named):
    family = "utf-32" if "32" in stated else "utf-16"
    written = stated if stated.count("-") == 2 else f"{family}-{order}"
    delivery = judged(RESULT.encode(written), own(tmp_path, stated), named)
    assert delivery.record.select("profile", "status").row(0) == ("own", "accepted")
    row = delivery.accepted["results"].row(0, named=True)
    assert (row["site_id"], row["residue"], row["concentration_ng_per_l"]) == ("S1", "methamphetamine", 250)
    assert str(row["sampled_on"]) == "2024-03-05"


@pytest.mark.parametrize("encoding", ["cp1140", "utf-7", "utf-16", "cp1252"])
def test_a_file_in_the_encoding_its_profile_states_is_read_though_it_is_none_of_the_usual(tmp_path, encoding):
    delivery = judged(RESULT.replace("S1", "Süd €").encode(encoding), own(tmp_path, encoding))
    assert delivery.accepted["results"]["site_id"].to_list() == ["Süd €"]


@pytest.mark.parametrize(
    ("content", "encoding"),
    [(RESULT.encode(), "utf-16"), (RESULT.encode("utf-16-le"), "utf-32"), (RESULT.encode("utf-16-le"), "utf-16-be"),
     (RESULT.encode("utf-16-le")[:-1], "utf-16"), (b"\x81\x82\x83\n" * 9, "utf-8"),
     (RESULT.encode() + b"+2AA-", "utf-7"), (b"\xff\xfe\x00\xd8A\x00,\x00", "utf-8"),
     (bytes(range(1, 32)) * 9, "cp1252")],
)  # fmt: skip
def test_a_file_that_is_not_in_the_encoding_of_its_named_profile_is_refused(tmp_path, content, encoding):
    delivery = judged(content, own(tmp_path, encoding), "own")
    assert [note.rule for note in delivery.notes] == ["unreadable_file"]


@pytest.mark.parametrize(
    "encoding", ["hex", "rot13", "zlib", "klingon", "", "idna", "punycode", "undefined", "a\\u0000"]
)
def test_a_profile_cannot_state_what_is_no_encoding_of_files(tmp_path, encoding):
    with pytest.raises(ProfileError, match=r"own\.toml: encoding: "):
        own(tmp_path, encoding)


def test_a_binary_file_is_called_so_whatever_profiles_there_are(tmp_path):
    for profiles in (SHIPPED, own(tmp_path, "utf-16")):
        assert "it is binary" in judged(b"\x89PNG\r\n\x1a\n" + bytes(64), profiles).notes[0].message


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be", "gb18030"])
def test_utf_16_without_a_mark_is_seen_by_its_zero_bytes(encoding):
    text = "站点,日期,流量\n南山污水处理厂,2024-03-04,1000\n" * 9
    content = text.encode(encoding)
    assert encoding_of(content, "f") == encoding
    assert read_text(content, "f").cells["c1"][1] == "南山污水处理厂"


# --- separators ------------------------------------------------------------------------------------------------------

HOSTILE = [
    "a; b | c",
    "x, y, z, w, v, u",
    'he said "no"',
    "two\nlines",
    "tab\there",
    "=1+1",
    "'=1",
    "a;-b",
    "'",
    '"',
    ",",
]


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
@pytest.mark.parametrize("sign", [",", ";", "\t", "|"])
def test_a_separator_inside_quotes_divides_nothing(separator, quoting, sign):
    rows = [
        ["site", f"na{sign}me", "note"],
        *(["S1", f"{text}{sign}{sign}", "n"] for text in HOSTILE if "\n" not in text),
    ]
    text = io.StringIO()
    csv.writer(text, delimiter=separator, quoting=quoting).writerows(rows)
    content = text.getvalue().encode()
    assert separator_of(content, "f") == separator
    assert [list(row[1:]) for row in read_text(content, "f").cells.rows()] == [
        [cell.strip() for cell in row] for row in rows
    ]


@pytest.mark.parametrize(
    ("text", "separator"),
    [("site;value\nS1;1,5\nS2;2,5\n", ";"), ("a|b\n1|2;3\n", "|"), ("a\tb,c\td\n1\t2,5\t3\n", "\t"),
     ("alone\n1\n", ","), ('"a;b","c"\n"1;2","3"\n', ","), ('a,b\n1,"open ; ; ;\n2,3\n', ","),
     ('a ,"b" ,c\n1 ,"2;3" ,4\n', ",")],
)  # fmt: skip
def test_the_separator_is_the_sign_that_makes_the_most_even_rows(text, separator):
    assert separator_of(text.encode(), "f") == separator


def test_corrections_with_signs_in_their_reasons_are_read(judge_text):
    text = "site_id,sampled_on,residue,what,from,to,why,who,date\n" + "".join(
        f'S1,2024-03-0{n},cocaine,concentration,100,110,"typed wrong{sign} see mail",A,2024-05-03\n'
        for n, sign in enumerate([";", "; ; ;", "|", "\t", ",", ";"], start=1)
    )
    assert judge_text(text).accepted["corrections"].height == 6


# --- what the program writes, it reads back --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", [*HOSTILE, "a\n,,,,,,,,,,,", '"\n"', "a\n;;;;;;;;;;", "＝x", "''=1", "@x;=y", "“", "\\"]
)
def test_decisions_are_read_back_as_they_were_written(tmp_path, text, judge_text):
    rows = pl.DataFrame(
        {"numbering": "n", "edition": "2024", "number": text, "name": text, "site_id": "S1", "valid_from": "",
         "valid_to": "", "why": f"as{text}", "who": "A", "date": "2024-05-03"}
    )  # fmt: skip
    write_delivery(pl.concat([rows, rows.with_columns(pl.lit("other").alias("number"))]), tmp_path / "d.csv")
    delivery = judge_text((tmp_path / "d.csv").read_bytes())
    assert delivery.status == "accepted", delivery.messages
    read = delivery.accepted["site_decisions"]
    wanted = text.strip()
    assert read.select("site_code", "site_label", "justification").rows() == [
        (wanted, wanted, f"as{text}".strip()), ("other", wanted, f"as{text}".strip()),
    ]  # fmt: skip


@pytest.mark.parametrize("text", [*HOSTILE, "a\n,,,,,,,,", "＝x;-y"])
def test_decisions_on_deliveries_are_read_back_as_they_were_written(tmp_path, text, judge_text):
    chosen, other = {"sha256": "a" * 64}, {"sha256": "b" * 64}
    rows = _as_rows("supersede", chosen, other, by=text, why=f"as{text}", at=RECEIVED)
    write_delivery(rows, tmp_path / "d.csv")
    delivery = judge_text((tmp_path / "d.csv").read_bytes())
    assert delivery.status == "accepted", delivery.messages
    read = delivery.accepted["delivery_decisions"]
    assert read.select("decision", "decided_delivery", "other_delivery", "justification", "author").rows() == [
        ("supersede", "a" * 64, "b" * 64, f"as{text}", text)
    ]


def test_a_stray_quote_in_a_file_of_our_layout_still_swallows_nothing(judge_text):
    head = '"site_id","date","flow_m3_per_day"\n'
    for stray in ('"S1","2024-03-04","1000\n"S2","2024-03-04","1000"\n', 'S1,2024-03-04,"1\nS1,2024-03-05,1000"\n'):
        assert judge_text(head + stray).status == "refused"


def test_texts_of_downloads_lose_their_guard_and_nothing_else():
    from pipeline.formulas import unguarded

    frame = pl.DataFrame({"text": HOSTILE})
    assert neutralised(frame)["text"].str.contains("^[=+@-]").sum() == 0
    assert neutralised(frame).select(unguarded(pl.col("text"))).equals(frame)


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030", "utf-16-le", "utf-16"])
@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_a_draft_reads_the_file_it_was_made_from(tmp_path, encoding, separator):
    text = 'Site,Date,Flow [m3/d],"note ; , |"\nS1,2024-03-04,1000,"a;b, c|d"\n'
    content = io.StringIO()
    csv.writer(content, delimiter=separator).writerows(csv.reader(io.StringIO(text)))
    draft = draft_profile(content.getvalue().encode(encoding), 'fl"o\nws.csv', "drafted")
    (tmp_path / "drafted.toml").write_text(draft.text, encoding="utf-8")
    profile = load_profile(tmp_path / "drafted.toml")
    assert profile.separator == separator
    delivery = judged(content.getvalue().encode(encoding), {"drafted": profile})
    assert delivery.accepted["flows"]["flow_m3_per_day"].to_list() == [1000]


def test_a_file_is_opened_though_no_usual_encoding_fits():
    assert DeliveredFile(RESULT.encode("cp037"), "f").sheet_names == [""]
