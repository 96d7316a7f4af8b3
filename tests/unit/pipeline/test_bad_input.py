"""Bad deliveries: one clear line each that says where and what to do, nothing lost, and the others go on."""

import io
import random
import zipfile

import polars as pl
import pytest

from pipeline.deliveries import read_and_judge
from pipeline.intake import check_file, take_in
from pipeline.reading.workbook import OLE
from pipeline.warehouse import Warehouse
from tests.conftest import RECEIPT, lay

HEAD = "site_id,sampled_on,residue,concentration,unit,lod,loq,laboratory,batch\n"
GOOD = "S1,2025-03-11,methamphetamine,12.5,ng/L,0.3,1,Lab,B1\n"
SITES = "site_id,site_name,area_id,latitude,longitude\nS1,One,A,1,2\nS2,Two,A,1,2\n"


def row(**changed: str) -> str:
    cells = {
        "site_id": "S1", "sampled_on": "2025-03-12", "residue": "methamphetamine", "concentration": "12.5",
        "unit": "ng/L", "lod": "0.3", "loq": "1", "laboratory": "Lab", "batch": "B1",
    }  # fmt: skip
    return ",".join((cells | changed).values()) + "\n"


@pytest.mark.parametrize(
    ("changed", "rule", "said"),
    [
        ({"unit": "mg/kg"}, "wrong_unit", "column 'unit': unit 'mg/kg' is not a concentration in water"),
        ({"unit": ""}, "missing_unit", "column 'unit': the unit is missing"),
        ({"concentration": "12..5"}, "unparsable_number", "column 'concentration': '12..5' is not a number"),
        ({"concentration": "n/k"}, "unparsable_number", "column 'concentration': 'n/k' is not a number"),
        ({"concentration": "-3"}, "negative_value", "column 'concentration': '-3' is below zero"),
        ({"concentration": "0"}, "unexplained_zero", "column 'concentration': '0' may mean"),
        ({"sampled_on": "2199-01-01"}, "date_in_future", "'2199-01-01' lies after the day the file came in"),
        ({"sampled_on": "12/03/2025"}, "unparsable_date", "column 'sampled_on': '12/03/2025' is not a date like"),
        ({"sampled_on": ""}, "missing_value", "column 'sampled_on': a value is missing"),
        ({"residue": "unobtainium"}, "unknown_residue", "column 'residue': residue 'unobtainium' is unknown"),
        ({"site_id": "S9"}, "unknown_site", "site 'S9' is unknown"),
        ({"lod": "2"}, "lod_above_loq", "the limit of detection is above"),
        ({"loq": "one"}, "unparsable_number", "column 'loq': 'one' is not a number"),
        ({"concentration": '"1,5"'}, "unparsable_number", "column 'concentration': '1,5' is not a number"),
    ],
)
def test_a_bad_row_is_quarantined_alone_and_says_where_and_what_to_do(judge_text, changed, rule, said):
    delivery = judge_text(HEAD + GOOD + row(**changed), "may.csv")
    held = delivery.quarantine.row(0, named=True)
    assert delivery.quarantine.height == 1
    assert delivery.accepted["results"].height == 1
    assert held["rule"] == rule
    assert held["message"].startswith("may.csv, row 3")
    assert said in held["message"]
    assert held["message"].count(". ") >= 1, "no remedy"
    assert held["row_as_written"].startswith('{"site_id":')


def test_the_same_record_twice_in_a_file_is_quarantined_both_times(judge_text):
    delivery = judge_text(HEAD + GOOD + row() + row(concentration="13"), "may.csv")
    assert delivery.quarantine["rule"].to_list() == ["duplicate_row"] * 2
    assert delivery.quarantine["row_number"].to_list() == [3, 4]
    assert delivery.accepted["results"].height == 1


def test_a_row_that_breaks_two_rules_counts_once_and_names_both(judge_text):
    delivery = judge_text(HEAD + row(unit="mg/kg", sampled_on="soon"), "may.csv")
    assert delivery.quarantine.height == 1
    assert set(delivery.quarantine["rule"].item().split()) == {"unparsable_date", "wrong_unit"}


def test_a_missing_column_holds_all_rows(judge_text):
    text = HEAD.replace(",unit", "") + "S1,2025-03-11,methamphetamine,12.5,0.3,1,Lab,B1\n" * 2
    delivery = judge_text(text, "may.csv")
    assert delivery.status == "refused"
    assert [note.message for note in delivery.notes] == [
        (
            "may.csv: column 'unit' is missing, which profile permille-results reads."
            " Add the column, or correct the profile."
        )
    ]
    assert delivery.quarantine["rule"].to_list() == ["missing_column"] * 2
    assert delivery.record.select("n_rows", "n_accepted", "n_quarantined").row(0) == (2, 0, 2)


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (b"", "empty_file"),
        (b"\xef\xbb\xbf \r\n\n", "empty_file"),
        (HEAD.encode(), "empty_table"),
        (b"a,b\n1,2\n", "unknown_profile"),
        (bytes(range(256)) * 40, "unreadable_file"),
        (b"\x89PNG\r\n\x1a\n" + bytes(64), "unreadable_file"),
        (b"PK\x03\x04 this is no workbook", "unreadable_file"),
        (OLE + bytes(512) + "EncryptedPackage".encode("utf-16-le"), "password_protected"),
        (OLE + bytes(600), "unreadable_file"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_table_is_refused_in_one_line(judge_text, content, rule):
    delivery = judge_text(content, "may.csv")
    assert delivery.status == "refused"
    assert [note.rule for note in delivery.notes] == [rule]
    message = delivery.notes[0].message
    assert message.startswith("may.csv")
    assert "\n" not in message
    assert delivery.record["problem"].item() == message


def test_a_zip_that_is_no_workbook_is_refused(judge_text):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("readme.txt", "hello")
    assert judge_text(buffer.getvalue(), "may.xlsx").notes[0].rule == "unreadable_file"


def test_a_named_profile_that_does_not_exist_lists_those_that_do(judge_text):
    delivery = judge_text(HEAD + GOOD, "may.csv", profile_name="nobody")
    assert delivery.notes[0].rule == "no_such_profile"
    assert "permille-results" in delivery.notes[0].message


def test_a_composite_longer_than_its_period_is_quarantined(profiles):
    from schemas.profile import Profile

    profile = Profile.model_validate(
        {
            "name": "composites", "title": "t", "sender": "s", "date_formats": ["%Y-%m-%d %H:%M"],
            "tables": [
                {
                    "table": "results", "unit": "ng/L",
                    "columns": {
                        "site_id": "Where", "composite_start_at": "From", "composite_end_at": "To", "residue": "What",
                        "concentration": "How much",
                    },
                    "qualifiers": {"0": "quarantine", "": "not measured"},
                }
            ],
        }
    )  # fmt: skip
    text = (
        "Where,From,To,What,How much\n"
        "S1,2025-03-11 08:00,2025-03-12 08:00,METH,5\n"
        "S1,2025-03-12 08:00,2025-03-14 09:00,METH,5\n"
        "S1,2025-03-15 08:00,2025-03-14 09:00,METH,5\n"
    )
    delivery = read_and_judge(
        text.encode(), "c.csv", profiles={"composites": profile}, known_sites={"S1"}, receipt=RECEIPT
    )
    assert delivery.quarantine["rule"].to_list() == ["composite_too_long", "composite_ends_before_it_starts"]
    assert "49.0 hours, where the profile allows 24" in delivery.quarantine["message"][0]
    # The day it mostly covers: 16 hours of the eleventh.
    assert str(delivery.accepted["results"]["sampled_on"].item()) == "2025-03-11"


def test_messages_cannot_rewrite_the_terminal(judge_text):
    delivery = judge_text(HEAD + GOOD * 9 + row(residue="\x1b[31m" + "red\u202egnp" * 20), "m\x1b[2Jay.csv")
    message = delivery.quarantine["message"][-1]
    assert "is unknown" in message
    assert message.isprintable()
    assert len(message) < 400


def test_bad_files_never_stop_the_good_ones_and_the_sums_hold(workspace):
    lay(workspace, "sites.csv", SITES)
    lay(workspace, "good.csv", HEAD + GOOD)
    lay(workspace, "mixed.csv", HEAD + row() + row(unit="mg/kg", sampled_on="2025-03-13"))
    lay(workspace, "empty.csv", b"")
    lay(workspace, "garbage.csv", bytes(range(256)) * 40)
    lay(workspace, "nobody/knows.csv", "x,y\n1,2\n")
    report = take_in(workspace)
    status = {delivery.record["file_name"].item(): delivery.status for delivery in report.taken}
    assert status == {
        "sites.csv": "accepted", "good.csv": "accepted", "mixed.csv": "partly accepted", "empty.csv": "refused",
        "garbage.csv": "refused", "nobody/knows.csv": "refused",
    }  # fmt: skip
    with Warehouse.open(workspace.warehouse) as warehouse:
        deliveries = warehouse.read("deliveries")
        assert (deliveries["n_rows"] == deliveries["n_accepted"] + deliveries["n_quarantined"]).all()
        assert warehouse.count("results") == 2
        assert warehouse.count("quarantine") == 1


def test_each_rule_of_each_intake_model_rejects_one_bad_row(judge_text):
    """For every rule of the models that a delivery can break there is a row that breaks just it."""
    cases = {
        "populations": (
            "site_id,population_method,population,population_rsd,valid_from,valid_to\n",
            {"S1,guess,100,,,\n": "not_allowed", "S1,census,-1,,,\n": "negative_value",
             "S1,census,0,,,\n": "out_of_range", "S1,census,100,-0.1,,\n": "negative_value",
             ",census,100,,,\n": "missing_value"},
        ),
        "flows": (
            "site_id,date,flow_m3_per_day\n",
            {"S1,2025-01-01,-5\n": "negative_value", "S1,2025-01-01,0\n": "out_of_range", "S1,,5\n": "missing_value"},
        ),
        "sites": (
            "site_id,site_name,area_id,latitude,longitude\n",
            {"S3,x,A,95,0\n": "out_of_range", "S3,x,A,0,-181\n": "out_of_range", ",x,A,0,0\n": "missing_value"},
        ),
    }  # fmt: skip
    for table, (head, rows) in cases.items():
        for line, rule in rows.items():
            delivery = judge_text(head + line, "x.csv")
            assert delivery.quarantine["rule"].to_list() == [rule], (table, line, delivery.quarantine)


def test_check_stores_nothing(workspace, tmp_path):
    file = tmp_path / "may.csv"
    file.write_text(HEAD + GOOD)
    assert check_file(file, workspace).status == "accepted"
    assert not workspace.warehouse.exists()
    assert not workspace.archive.exists()


def test_a_ragged_row_is_held_and_the_others_pass(judge_text):
    delivery = judge_text(HEAD + GOOD + row().strip() + ",more\n" + row(sampled_on="2025-03-13"), "may.csv")
    assert delivery.quarantine["rule"].to_list() == ["ragged_row"]
    assert delivery.quarantine["row_number"].to_list() == [3]
    assert delivery.accepted["results"].height == 2


def test_findings_are_the_same_whatever_the_order_of_rows(judge_text):
    rows = [GOOD, row(unit="mg/kg"), row(sampled_on="2025-03-14", concentration="<LOQ"), row(site_id="S9")]
    one = judge_text(HEAD + "".join(rows)).accepted["results"].drop("row_number", "source_cell", "delivery_id")
    other = (
        judge_text(HEAD + "".join(reversed(rows))).accepted["results"].drop("row_number", "source_cell", "delivery_id")
    )
    assert one.sort(pl.all()).equals(other.sort(pl.all()))


@pytest.mark.parametrize(
    "number", ["1e400", "nan", "inf", "1_000", "1,5", "0x10", "5%", ".", "12 ng/L", "TRUE", "１２"]
)
def test_what_only_looks_like_a_number_is_held(judge_text, number):
    delivery = judge_text(HEAD + row(concentration=f'"{number}"'))
    assert delivery.quarantine["rule"].to_list() == ["unparsable_number"]


def test_a_number_beyond_what_a_litre_weighs_is_held(judge_text):
    delivery = judge_text(HEAD + row(concentration="1e300", unit="mg/L"))
    assert delivery.quarantine["rule"].to_list() == ["out_of_range"]


@pytest.mark.parametrize(
    ("written", "qualifier", "loq"),
    [("<0.5", "<LOQ", 0.5), ("＜ 0.5", "<LOQ", 0.5), ("<LOQ", "<LOQ", 1), ("<loq", "<LOQ", 1), ("未检出", "<LOD", 1),
     (">900", ">ULOQ", 1), (">ULOQ", ">ULOQ", 1), ("", "not measured", 1), (" 7 ", "=", 1)],
)  # fmt: skip
def test_words_and_signs_keep_their_meaning(judge_text, written, qualifier, loq):
    delivery = judge_text(HEAD + row(concentration=written))
    assert delivery.accepted["results"].select("qualifier", "loq_ng_per_l").row(0) == (qualifier, loq)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("\n", "\r"),
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace("\n", "\n\n"),
        lambda text: text.replace("\n", ",,\n"),
        lambda text: text.replace(",B1\n", ",B1,,\n"),
        lambda text: text.replace(",", ";"),
        lambda text: text.replace(",Lab,", ',"La\nb",'),
        lambda text: "\ufeff" + text,
        lambda text: text.encode("utf-16"),
        lambda text: text.replace(HEAD, HEAD.upper()),
    ],
)
def test_however_the_same_table_is_written_its_rows_are_the_same(judge_text, change):
    delivery = judge_text(change(HEAD + GOOD + row()))
    assert delivery.quarantine.is_empty()
    assert delivery.accepted["results"]["concentration_ng_per_l"].to_list() == [12.5, 12.5]


def test_the_value_shown_is_that_of_the_column_named(judge_text):
    message = judge_text(HEAD + row(lod="-0.3")).quarantine["message"].item()
    assert "column 'lod': '-0.3' is below zero" in message


def test_mutated_deliveries_never_raise_and_always_add_up(simulated_inbox, profiles):
    """The short form of a fuzz run: bytes flipped, cut, doubled and replaced in files of every kind of sender."""
    _, folder = simulated_inbox
    files = [*sorted(folder.rglob("*2024-Q1*")), folder / "simulated-sites.csv"]
    chance = random.Random(20260115)
    pieces = [b'"', b"\n", b"\r", b",", b";", b"\x00", b"1e999", b"\xff\xfe", "，".encode(), b"9" * 400, b"{value}"]
    for _ in range(150):
        file = chance.choice(files)
        content = bytearray(file.read_bytes())
        for _ in range(chance.randint(1, 5)):
            at = chance.randrange(len(content) or 1)
            match chance.randrange(4):
                case 0:
                    content[at : at + 1] = bytes([chance.randrange(256)])
                case 1:
                    content[at:at] = chance.choice(pieces)
                case 2:
                    del content[at : at + chance.randrange(2_000)]
                case _:
                    content[at:at] = content[: chance.randrange(300)]
        delivery = read_and_judge(bytes(content), file.name, profiles=profiles, known_sites={"sim-01"}, receipt=RECEIPT)
        counts = delivery.record.select("n_rows", "n_accepted", "n_quarantined").row(0)
        accepted = sum(frame.height for frame in delivery.accepted.values())
        assert counts == (accepted + delivery.quarantine.height, accepted, delivery.quarantine.height)
        assert all(message.isprintable() for message in delivery.quarantine["message"])
