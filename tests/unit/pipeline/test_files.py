"""What lies in the inbox: names of any bytes, links, pipes, what cannot be read. One line each, all others are read."""

import os
import socket
import stat

import pytest
from typer.testing import CliRunner

from permille import app
from pipeline import files, inbox
from pipeline.files import files_of, read_file, shown_name
from pipeline.inbox import InboxError, list_archive, list_inbox, look_into, sha256_of
from pipeline.intake import check_file, take_in
from pipeline.warehouse import Warehouse
from tests.conftest import RECEIVED, lay

SITES = "site_id,site_name,area_id,latitude,longitude\nS1,One,A,1,2\n"
FLOWS = "site_id,date,flow_m3_per_day\nS1,2025-03-{:02},1000\n"
GBK = b"\xbc\xec\xb2\xe2.csv"  # 检测.csv


def put(folder, raw: bytes, text: str = "x"):
    path = folder / os.fsdecode(raw)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


# --- names -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "shown"),
    [(b"may.csv", "may.csv"), ("流量.csv".encode(), "流量.csv"), ("流量.csv".encode("gb18030"), "流量.csv"),
     (GBK, "检测.csv"), ("㐀.csv".encode("gb18030"), "㐀.csv"), (b"a\xbc", r"a\xbc"),
     (b"\xff\xfe.csv", r"\xff\xfe.csv"),
     (b"\x81\x30\x81\x30.csv", r"\x810\x810.csv"), (b"a\nb.csv", r"a\nb.csv"), (b"\x1b[2Ja.csv", r"\x1b[2Ja.csv"),
     ("a\u202egnp.csv".encode(), r"a\u202egnp.csv"), ("a\u2028b".encode(), r"a\u2028b"), (b"a\\xbc", r"a\xbc"),
     ("e\u0301.csv".encode(), "e\u0301.csv"), ("é.csv".encode(), "é.csv")],
)  # fmt: skip
def test_a_name_is_shown_as_clean_text(raw, shown):
    assert shown_name(os.fsdecode(raw)) == shown


@pytest.mark.parametrize(
    "raw",
    ["检".encode("gb18030") * 125 + b".csv", b"\xff" * 251 + b".csv", b"\x01" * 255, "é".encode() * 120 + b"\n.csv"],
)
def test_a_name_is_never_longer_than_a_file_system_takes(raw):
    shown = shown_name(os.fsdecode(raw))
    assert len(shown.encode()) <= 255
    assert shown.endswith(".csv") == raw.endswith(b".csv")
    assert shown_name(os.fsdecode(b"-" + raw[1:])) != shown


def test_no_two_files_are_shown_by_one_name(tmp_path):
    raw = [GBK, "检测.csv".encode(), b"\xff.csv", b"\\xff.csv", b"a\x01", b"a\\x01", b"A.csv", b"a.csv",
           "é.csv".encode(), "e\u0301.csv".encode(), b"\xbc\xec/1.csv", "检/1.csv".encode()]  # fmt: skip
    for number, name in enumerate(raw):
        put(tmp_path, name, str(number))
    found = files_of(tmp_path)
    assert len(found.files) == len({file.name for file in found.files}) == len(raw)
    assert {read_file(file.path).decode() for file in found.files} == {str(number) for number in range(len(raw))}
    names = {os.fsencode(file.path): file.name for file in found.files}
    assert names[os.fsencode(tmp_path) + "/检测.csv".encode()] == "检测.csv"
    assert names[os.fsencode(tmp_path) + b"/" + GBK] == r"\xbc\xec\xb2\xe2.csv"
    assert sorted(finding.file_name for finding in found.renamed) == sorted(
        [r"\xbc\xec\xb2\xe2.csv", names[os.fsencode(tmp_path) + b"/\xff.csv"], names[os.fsencode(tmp_path) + b"/a\x01"],
         r"\xbc\xec"]
    )  # fmt: skip


def test_a_file_in_a_folder_of_a_profile_is_read_by_it_whatever_its_name(tmp_path):
    put(tmp_path, b"own/" + GBK)
    put(tmp_path, b"\xbc\xec/own.csv")
    found = look_into(tmp_path, ["own", "检"])
    assert [(file.name, file.profile_name) for file in found.files] == [("own/检测.csv", "own"), ("检/own.csv", "检")]
    assert [finding.rule for finding in found.renamed] == ["renamed_file"] * 2


def test_files_of_any_name_are_taken_in_and_rebuilt_from_the_archive(workspace):
    lay(workspace, "sites.csv", SITES)
    raw = [GBK, b"\xff\n.csv", b"north\xff/a.csv", "检".encode("gb18030") * 125 + b".csv"]
    for day, name in enumerate(raw, start=1):
        lay(workspace, os.fsdecode(name), FLOWS.format(day))
    said: list[str] = []
    report = take_in(workspace, tell=said.append)
    assert [delivery.status for delivery in report.taken] == ["accepted"] * 5
    assert sum("its name holds" in line for line in said) == 4
    assert all(line.isprintable() for line in said)
    with Warehouse.open(workspace.warehouse) as warehouse:
        before = warehouse.read("deliveries").sort("delivery_id")
        assert warehouse.count("flows") == 4
    assert set(before["file_name"]) >= {"sites.csv", "检测.csv", r"\xff\n.csv", r"north\xff/a.csv"}
    archived = list_archive(workspace.archive)
    assert {name: file.name for name, file in archived.items()} == dict(
        before.select("delivery_id", "file_name").rows()
    )
    assert all(sha256_of(file.path) == name for name, file in archived.items())
    workspace.warehouse.unlink()
    for path in list(workspace.inbox.rglob("*.csv")):
        path.unlink()
    take_in(workspace, tell=said.append)
    with Warehouse.open(workspace.warehouse) as warehouse:
        assert warehouse.read("deliveries").sort("delivery_id").equals(before)


# --- what is no file, and links --------------------------------------------------------------------------------------


def test_what_is_no_file_is_told_and_all_others_are_read(tmp_path, monkeypatch):
    here = tmp_path / "inbox"
    put(here, b"may.csv")
    put(here, b"full.csv/june.csv")
    (here / "empty.csv").mkdir()
    (here / "plain").mkdir()
    os.mkfifo(here / "pipe.csv")
    with socket.socket(socket.AF_UNIX) as opened:
        monkeypatch.chdir(here)  # the name of a socket is short
        opened.bind("s.csv")
        found = look_into(here)
    assert [file.name for file in found.files] == ["full.csv/june.csv", "may.csv"]
    told = {finding.file_name: (finding.rule, finding.detail) for finding in found.left_out}
    assert told == {
        "pipe.csv": ("not_a_file", "a pipe"), "s.csv": ("not_a_file", "a socket"),
        "empty.csv": ("not_a_file", "a folder"),
    }  # fmt: skip


def test_links_are_followed_to_files_of_the_inbox_alone(tmp_path):
    here = tmp_path / "inbox"
    put(here, b"may.csv")
    put(here, b".data/june.csv")
    put(tmp_path, b"secret/own.csv")
    targets = {
        "out.csv": "../secret/own.csv", "environ.csv": "/proc/self/environ", "folder": "../secret", "within": "north",
        "loop.csv": "loop.csv", "dangling.csv": "nothing", "self": ".", "twice.csv": "out.csv", "again.csv": "may.csv",
        "hidden.csv": ".data/june.csv", "zero.csv": "/dev/zero", ".hidden": "/etc",
    }  # fmt: skip
    (here / "north").mkdir()
    for name, target in targets.items():
        (here / name).symlink_to(target)
    found = look_into(here)
    assert [file.name for file in found.files] == ["hidden.csv", "may.csv"]
    out, folder, nowhere = "out of the folder it lies in", "to a folder", "nowhere"
    assert {finding.file_name: finding.detail for finding in found.left_out} == {
        "out.csv": out, "environ.csv": out, "folder": out, "twice.csv": out, "zero.csv": out, "within": folder,
        "self": folder, "loop.csv": nowhere, "dangling.csv": nowhere,
    }  # fmt: skip
    assert {finding.rule for finding in found.left_out} == {"link_not_followed"}


def test_the_inbox_itself_may_be_a_link(tmp_path):
    put(tmp_path / "share", b"may.csv")
    (tmp_path / "inbox").symlink_to("share")
    (file,) = list_inbox(tmp_path / "inbox")
    assert (file.name, read_file(file.path)) == ("may.csv", b"x")


def test_a_file_or_folder_exchanged_for_a_link_or_a_pipe_after_it_was_listed_is_not_read(tmp_path):
    for name in ("a.csv", "b.csv", "north/c.csv"):
        put(tmp_path / "inbox", name.encode())
    put(tmp_path, b"secret/c.csv")
    a, b, c = list_inbox(tmp_path / "inbox")
    a.path.unlink()
    a.path.symlink_to(tmp_path / "secret" / "c.csv")
    b.path.unlink()
    os.mkfifo(b.path)
    (tmp_path / "inbox" / "north").rename(tmp_path / "moved")
    (tmp_path / "inbox" / "north").symlink_to(tmp_path / "secret")
    for file in (a, b, c):
        with pytest.raises(OSError):  # noqa: PT011  which one depends on what was exchanged
            read_file(file.path)


def test_hard_links_are_files(tmp_path):
    put(tmp_path, b"may.csv")
    (tmp_path / "june.csv").hardlink_to(tmp_path / "may.csv")
    assert len(list_inbox(tmp_path)) == 2


# --- what cannot be read ---------------------------------------------------------------------------------------------


def test_a_missing_inbox_is_no_empty_one(tmp_path):
    (tmp_path / "file").touch()
    for place in ("nothing", "file"):
        with pytest.raises(InboxError, match=place):
            list_inbox(tmp_path / place)


def test_what_the_account_may_not_read_is_told(tmp_path, monkeypatch):
    """As root everything may be read: the system's answers are replaced."""
    for name in ("a.csv", "b.csv", "north/c.csv"):
        put(tmp_path, name.encode())
    real = os.scandir

    def scandir(path):
        if os.fspath(path).endswith("north"):
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(files.os, "access", lambda path, mode: not os.fspath(path).endswith("a.csv"))
    monkeypatch.setattr(files.os, "scandir", scandir)
    found = look_into(tmp_path)
    assert [file.name for file in found.files] == ["b.csv"]
    assert {finding.file_name: finding.rule for finding in found.left_out} == {
        "a.csv": "cannot_be_read", "north": "cannot_be_read",
    }  # fmt: skip


@pytest.mark.parametrize("number", [5, 13, 2])
def test_a_file_that_fails_or_vanishes_while_it_is_read_stops_no_other(workspace, monkeypatch, number):
    lay(workspace, "a.csv", FLOWS.format(1))
    lay(workspace, "sites.csv", SITES)
    real = inbox.opened

    def fails(path, **how):
        if path.name == "a.csv":
            raise OSError(number, os.strerror(number))
        return real(path, **how)

    monkeypatch.setattr(inbox, "opened", fails)
    said: list[str] = []
    report = take_in(workspace, tell=said.append)
    assert [delivery.record["file_name"].item() for delivery in report.taken] == ["sites.csv"]
    assert sum(line.startswith("a.csv") for line in said) == 1


def test_check_and_profile_say_in_a_line_that_a_file_cannot_be_read(tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    put(tmp_path, b"own.toml", 'name = "own"\ntitle = "t"\nsender = "s"\n[[tables]]\ntable = "areas"\n'
        '[tables.columns]\narea_id = "a"\n')  # fmt: skip
    run = CliRunner()
    for command in (["check"], ["profile", "new"], ["profile", "test", str(tmp_path / "own.toml")]):
        result = run.invoke(app, [*command, str(tmp_path / "pipe.csv")])
        assert (result.exit_code, result.output.count("\n")) == (1, 1), result.output
        assert "it is a pipe" in result.output


def test_a_file_of_any_name_is_checked(tmp_path):
    for raw, shown in ((GBK, "检测.csv"), (b"\xff.csv", r"\xff.csv"), (b"a\x1b[2J.csv", r"a\x1b[2J.csv")):
        delivery = check_file(put(tmp_path, raw, FLOWS.format(1)), None)
        assert delivery.record["file_name"].item() == shown
        result = CliRunner().invoke(app, ["check", str(tmp_path / os.fsdecode(raw))])
        assert (result.exit_code, shown in result.output) == (0, True)


# --- the archive -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("mode", "kept"), [(0o600, 0o600), (0o640, 0o640), (0o444, 0o644), (0o777, 0o666), (0, 0o600)])
def test_a_copy_may_be_read_by_those_who_may_read_the_file(tmp_path, mode, kept):
    path = put(tmp_path, b"may.csv")
    path.chmod(mode)
    before = os.umask(0)
    try:
        inbox.archive("may.csv", b"x", "0" * 64, tmp_path / "archive", RECEIVED, like=path)
        inbox.archive("june.csv", b"x", "1" * 64, tmp_path / "archive", RECEIVED)
    finally:
        os.umask(before)
    modes = {copy.name: stat.S_IMODE(copy.stat().st_mode) for copy in (tmp_path / "archive").rglob("*.csv")}
    assert modes == {"may.csv": kept, "june.csv": 0o600}
