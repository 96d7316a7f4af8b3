"""Fetching, against a server on this machine that errs in every way a server and the way to it can."""

import gzip
import json
import re
import socket
import sys
import threading
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from typer.testing import CliRunner

import permille
from commands import fetch as fetch_command
from pipeline import fetch as fetching
from pipeline.fetch import FetchError, Limits, fetch_euda
from pipeline.inbox import list_inbox
from pipeline.intake import take_in
from pipeline.receipts import moment_of
from tests.conftest import shared

DATA = (
    b'"Year","Metabolite","Site ID","Country","City","Wednesday","Thursday","Friday","Saturday","Sunday","Monday",'
    b'"Tuesday","Weekday mean","Weekend mean","Daily mean"\n'
    b'2024,"MDMA","AT001","AT","Graz",8.82,12.87,12.45,28.11,26.8,10.5,9.13,10.27,19.47,15.53\n'
    b'2024,"cocaine","AT001","AT","Graz",100,110,0,NA,120,130,,105,120,115\n'
)
SITES = (
    b'"SiteID","Country","City","Location","Latitude","Longitude","Population","Institution","Website"\n'
    b'"AT001","AT","Graz","ARA Graz","47.07","15.44",425000,"Medical University","N/A"\n'
)
NEXT_DATA = DATA.replace(b"8.82", b"8.83")
QUICK = Limits(tries=3, backoff_s=0.01, longest_wait_s=0.5, size_bytes=20_000)
CSV = {"Content-Type": "text/csv; charset=utf-8"}


class Server(ThreadingHTTPServer):
    """Answers each path by a function; counts what it was asked."""

    daemon_threads = True
    block_on_close = False

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers = {}
        self.asked = []
        self.is_over = threading.Event()

    def url(self, path, host="127.0.0.1"):
        return f"http://{host}:{self.server_address[1]}{path}"

    def handle_error(self, request, client_address):
        """A client that hangs up is part of the tests."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.server.asked.append(self.path)
        self.server.answers[self.path](self)

    def log_message(self, *arguments):
        pass

    def say(self, content=b"", status=200, **headers):
        self.start({**CSV, "Content-Length": str(len(content))} | {n.replace("_", "-"): v for n, v in headers.items()},
                   status)  # fmt: skip
        self.wfile.write(content)

    def start(self, headers, status=200):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.flush()

    def hang_up(self):
        self.wfile.flush()
        self.close_connection = True


def answer(content=b"", status=200, **headers):
    return lambda handler: handler.say(content, status, **headers)


def in_turn(*answers):
    """Another answer each time, the last one for good."""
    left = list(answers)
    return lambda handler: (left.pop(0) if len(left) > 1 else left[0])(handler)


def truncated(handler):
    handler.start({**CSV, "Content-Length": str(len(DATA))})
    handler.wfile.write(DATA[:-20])
    handler.hang_up()


def truncated_gzip(handler):
    packed = gzip.compress(DATA)[:-12]
    handler.start({**CSV, "Content-Encoding": "gzip", "Content-Length": str(len(packed))})
    handler.wfile.write(packed)


def without_length(handler):
    handler.start({**CSV, "Connection": "close"})
    handler.wfile.write(DATA)
    handler.hang_up()


def chunked(*parts):
    def say(handler):
        handler.start({**CSV, "Transfer-Encoding": "chunked"})
        for part in parts:
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
        handler.wfile.write(b"0\r\n\r\n")

    return say


def stalled(handler):
    handler.start({**CSV, "Content-Length": str(len(DATA))})
    handler.wfile.write(DATA[:50])
    handler.wfile.flush()
    handler.server.is_over.wait(5)


def dripping(handler):
    """Each byte in time, all of them never."""
    handler.start({**CSV, "Content-Length": str(len(DATA))})
    for byte in DATA:
        handler.wfile.write(bytes([byte]))
        handler.wfile.flush()
        if handler.server.is_over.wait(0.05):
            return


@pytest.fixture(autouse=True)
def direct(monkeypatch):
    """No proxy of the machine that runs the tests stands between."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@contextmanager
def running(server):
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.is_over.set()
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def server():
    """A server that publishes both files."""
    with running(Server()) as here:
        here.answers = {
            "/2025/all-data.csv": answer(DATA, ETag='"abc"', Last_Modified="Wed, 19 Mar 2025 10:00:00 GMT"),
            "/2025/site-info.csv": answer(SITES),
        }
        yield here


@pytest.fixture
def fetch(server, workspace):
    """Fetches; the data file from another path where one is named."""

    def run(path="/2025/all-data.csv", limits=QUICK, sites="/2025/site-info.csv", **options):
        return fetch_euda(
            workspace, data_url=server.url(path), sites_url=server.url(sites), limits=limits, **options
        )  # fmt: skip

    return run


@pytest.fixture
def refused(server, workspace, fetch):
    """What is said where the data file is answered in a certain way: a line, with nothing laid down or recorded."""

    def run(how, limits=QUICK, **options):
        server.answers["/bad.csv"] = how
        with pytest.raises(FetchError) as error:
            fetch("/bad.csv", limits, **options)
        assert everything(workspace.inbox) == []
        assert not (workspace.folder / fetching.RECORD).exists()
        said = str(error.value)
        assert "\n" not in said
        return said

    return run


def everything(folder):
    """All names, the intake's and those it passes over."""
    return sorted(path.name for path in folder.rglob("*"))


def records(workspace):
    return [json.loads(line) for line in (workspace.folder / fetching.RECORD).read_text().splitlines()]


def test_both_files_come_whole_and_their_origin_is_recorded(server, workspace, fetch):
    before = datetime.now(UTC).replace(tzinfo=None)
    fetched = fetch()
    assert [(file.what, file.is_new, file.beside) for file in fetched] == [
        ("data file", True, None), ("site table", True, None)]  # fmt: skip
    assert everything(workspace.inbox) == ["all-data.csv", "site-info.csv"]
    assert (workspace.inbox / "all-data.csv").read_bytes() == DATA
    assert (workspace.inbox / "site-info.csv").read_bytes() == SITES
    data, sites = records(workspace)
    assert (data["file"], data["profile"]) == ("all-data.csv", "euda-data")
    assert data["url"] == data["final_url"] == server.url("/2025/all-data.csv")
    assert (data["etag"], data["last_modified"]) == ('"abc"', "Wed, 19 Mar 2025 10:00:00 GMT")
    assert data["size_bytes"] == len(DATA)
    assert data["licence"] == "reuse with acknowledgement of the source"
    assert (sites["etag"], sites["profile"]) == (None, "euda-sites")
    # By the time stamp the intake tells the later delivery: it is when the file was fetched, not when it was published.
    assert moment_of(workspace.inbox / "all-data.csv") >= before
    taken = take_in(workspace, tell=lambda line: None).taken
    assert [(one.record["profile"].item(), one.status) for one in taken] == [
        ("euda-sites", "accepted"), ("euda-data", "accepted")]  # fmt: skip
    assert {one.record["delivery_id"].item() for one in taken} == {data["sha256"], sites["sha256"]}


@pytest.mark.parametrize(
    "how",
    [
        answer(gzip.compress(DATA), Content_Encoding="gzip"),
        chunked(DATA[:70], DATA[70:]),
        answer(DATA, Content_Type="application/octet-stream"),
        answer(DATA, Content_Type="text/plain"),
    ],
    ids=["gzip", "chunked", "octet-stream", "plain text"],
)
def test_however_it_is_sent_the_same_content_comes(server, workspace, fetch, how):
    server.answers["/x.csv"] = how
    fetch("/x.csv")
    assert (workspace.inbox / "x.csv").read_bytes() == DATA


def test_a_failure_that_passes_is_tried_again(server, workspace, fetch):
    told = []
    server.answers["/x.csv"] = in_turn(answer(status=500), truncated, answer(DATA))
    fetch("/x.csv", progress=told.append)
    assert server.asked.count("/x.csv") == 3
    assert re.search(r"\b500\b.*\b0\.01 s", "\n".join(told))
    assert f"data file: {len(DATA)} of {len(DATA)} bytes" in told
    assert (workspace.inbox / "x.csv").read_bytes() == DATA


def test_a_failure_that_stays_is_told_after_the_last_try(server, refused):
    said = refused(answer(status=503))
    assert re.search(r"\b503\b.*\b3 times", said)
    assert f"By hand: open {fetching.PAGE}" in said
    assert len(server.asked) == 3


def test_a_server_that_asks_to_wait_is_waited_for_within_reason(server, fetch, refused):
    assert "3600 s" in refused(answer(status=429, Retry_After="3600"))
    assert len(server.asked) == 1
    server.answers["/x.csv"] = in_turn(answer(status=429, Retry_After="0"), answer(DATA))
    fetch("/x.csv", QUICK._replace(backoff_s=10))  # longer than is ever waited: only what the server asks for passes


def test_a_moved_file_is_not_tried_again(server, refused):
    said = refused(answer(status=404))
    assert re.search(r"\b404\b.*\beuda_data_url\b", said)
    assert len(server.asked) == 1


def test_a_server_that_falls_silent_is_given_up(refused):
    assert re.search(r"\b0\.15 s\b.*\b2 times", refused(stalled, QUICK._replace(tries=2, read_s=0.15)))


def test_a_server_that_drips_is_given_up_after_the_total_time(refused):
    assert " 0.3 s" in refused(dripping, QUICK._replace(total_s=0.3))


@pytest.mark.parametrize(
    ("how", "said"),
    [
        (truncated, "the connection broke off before the end"),
        (truncated_gzip, "what came is damaged"),
        (answer(DATA, Content_Encoding="gzip"), "what came is damaged"),
        (without_length, "the server does not say where the file ends"),
        (answer(DATA, Content_Encoding="br"), "comes packed as br"),
    ],
    ids=["truncated", "truncated gzip", "no gzip", "without length", "brotli"],
)
def test_what_did_not_come_whole_is_refused(refused, how, said):
    assert said in refused(how)


@pytest.mark.parametrize(
    "how",
    [
        answer(DATA + b"2024,x\n" * 5000),
        chunked(*[b"2024,x\n" * 500] * 10),
        answer(gzip.compress(b"0" * 10_000_000), Content_Encoding="gzip"),
    ],
    ids=["by its stated length", "by what comes", "by what it swells to"],
)
def test_what_is_too_big_is_refused(server, refused, how):
    assert "20,000 bytes" in refused(how)
    assert len(server.asked) == 1


def test_a_web_page_or_a_picture_is_no_file(refused):
    assert "is a web page, not a file" in refused(answer(b"<html>", Content_Type="text/html; charset=utf-8"))
    assert "is sent as image/png, not as CSV" in refused(answer(b"\x89PNG", Content_Type="image/png"))


def test_a_redirect_is_followed_on_the_same_host_only(server, workspace, fetch, refused):
    said = refused(answer(status=302, Location=server.url("/2025/all-data.csv", "localhost")))
    assert "leads to another host, localhost, which is not followed" in said
    assert server.asked == ["/bad.csv"]
    assert "sent onward more than 5 times" in refused(answer(status=302, Location="/bad.csv"))
    assert "holds a user name or a password" in refused(
        answer(status=302, Location=server.url("/x", "anna:geheim@127.0.0.1"))
    )
    server.answers["/latest"] = answer(status=301, Location="/2025/all-data.csv")
    fetch("/latest")
    assert (workspace.inbox / "all-data.csv").read_bytes() == DATA
    record = records(workspace)[0]
    assert (record["url"], record["final_url"]) == (server.url("/latest"), server.url("/2025/all-data.csv"))


def test_offline_says_so_and_what_to_do_by_hand(workspace, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    closed = f"http://127.0.0.1:{port}/x.csv"
    with pytest.raises(FetchError, match=r"127\.0\.0\.1 cannot be reached .* tried 3 times.*online\?.*By hand: open"):
        fetch_euda(workspace, data_url=closed, sites_url=closed, limits=QUICK)

    def no_names(*arguments, **options):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", no_names)
    named = "https://agency.invalid/x.csv"
    with pytest.raises(FetchError, match=r"agency\.invalid cannot be reached .*not known.*By hand: open"):
        fetch_euda(workspace, data_url=named, sites_url=named, limits=QUICK)
    assert everything(workspace.inbox) == []


def test_the_same_content_again_writes_nothing(server, workspace, fetch):
    fetch()
    before = [(path, path.stat().st_mtime_ns) for path in sorted(workspace.folder.rglob("*"))]
    again = fetch()
    assert [(file.is_new, file.file.name) for file in again] == [(False, "all-data.csv"), (False, "site-info.csv")]
    assert [(path, path.stat().st_mtime_ns) for path in sorted(workspace.folder.rglob("*"))] == before
    take_in(workspace, tell=lambda line: None)
    for file in list_inbox(workspace.inbox):
        file.path.unlink()
    assert [file.is_new for file in fetch()] == [False, False]
    assert everything(workspace.inbox) == []  # the archive holds them


def test_a_changed_file_is_laid_beside_the_one_before_and_told(server, workspace, fetch):
    fetch()
    server.answers["/2025/all-data.csv"] = answer(NEXT_DATA)
    data, sites = fetch()
    assert (data.is_new, sites.is_new) == (True, False)
    assert data.beside == workspace.inbox / "all-data.csv"
    assert data.beside.read_bytes() == DATA
    assert data.file.read_bytes() == NEXT_DATA
    assert data.file.name == f"all-data-{records(workspace)[2]['sha256'][:8]}.csv"
    assert moment_of(data.file) > moment_of(data.beside)


def test_neither_is_laid_down_where_one_fails_or_is_not_what_it_should_be(server, refused):
    sites = server.answers["/2025/site-info.csv"]
    server.answers["/2025/site-info.csv"] = answer(status=500)
    assert "site table" in refused(answer(DATA))
    server.answers["/2025/site-info.csv"] = sites
    assert "is read by profile euda-sites, not by euda-data" in refused(answer(SITES))
    said = refused(answer(b"a,b\n1,2\n"))
    assert "is not what profile euda-data reads. bad.csv: no profile fits this file" in said
    assert "column 'Tuesday' is missing" in refused(answer(DATA.replace(b'"Tuesday"', b'"Tue"')))
    assert "the file is empty" in refused(answer(b""))


def test_a_record_that_cannot_be_written_leaves_nothing_in_the_inbox(workspace, fetch):
    (workspace.folder / fetching.RECORD).mkdir()
    with pytest.raises(fetching.FetchError, match="cannot be written"):
        fetch()
    assert everything(workspace.inbox) == []


def test_a_line_that_was_cut_off_does_not_spoil_the_next(workspace, fetch):
    (workspace.folder / fetching.RECORD).write_text('{"file": "a.c')
    fetch()
    lines = (workspace.folder / fetching.RECORD).read_text().splitlines()
    assert [json.loads(line)["file"] for line in lines[1:]] == ["all-data.csv", "site-info.csv"]


def test_names_of_addresses_become_plain_names_of_files(server, workspace, fetch):
    server.answers |= {"/..%2f.%20a%1b%5b?id=1": answer(DATA), "/get.part/?id=2": answer(SITES)}
    fetch("/..%2f.%20a%1b%5b?id=1", sites="/get.part/?id=2")
    assert everything(workspace.inbox) == ["a-.csv", "get.part.csv"]
    assert len(list_inbox(workspace.inbox)) == 2


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://www.euda.europa.eu/x.csv", "is not encrypted"),
        ("ftp://www.euda.europa.eu/x.csv", "is no address of a file"),
        ("www.euda.europa.eu/x.csv", "is no address of a file"),
        ("https://anna:geheim@www.euda.europa.eu:a/x.csv", "is no address"),
        ("ftp://anna:geheim@www.euda.europa.eu/x.csv", "holds a user name or a password"),
        ("https://anna:geheim@www.euda.europa.eu/x.csv", "holds a user name or a password"),
    ],
)
def test_an_address_that_may_not_be_asked_is_refused_before_anything_is(workspace, url, said):
    with pytest.raises(FetchError, match=said) as error:
        fetch_euda(workspace, data_url=url, sites_url=url)
    assert "euda_data_url" in str(error.value)
    assert "geheim" not in str(error.value)


def test_a_proxy_that_cannot_be_used_names_its_variable(workspace, monkeypatch, fetch):
    monkeypatch.setenv("ALL_PROXY", "gopher://127.0.0.1:1")
    with pytest.raises(FetchError, match="Correct the variables HTTPS_PROXY and ALL_PROXY"):
        fetch()


# --- the command -----------------------------------------------------------------------------------------------------


def call(workspace, *arguments, code=0):
    result = CliRunner().invoke(permille.app, ["fetch", "euda", "--workspace", str(workspace.folder), *arguments])
    assert result.exit_code == code, result.output
    return result.output


def test_the_command_takes_addresses_from_the_settings_and_from_its_options(server, workspace, monkeypatch):
    said = call(workspace, code=1)
    assert "Error: no address is set for the agency's data file and site table (they change with each" in said
    assert f"Open {fetching.PAGE}: download the two CSV files into {workspace.inbox} by hand, or set" in said
    assert len(said.splitlines()) == 1
    (workspace.folder / "permille.toml").write_text(f'euda_sites_url = "{server.url("/2025/site-info.csv")}"\n')
    assert "data file (they change" in call(workspace, code=1)
    said = call(workspace, "--data-url", server.url("/2025/all-data.csv"))
    assert f"data file: laid into the inbox: {workspace.inbox / 'all-data.csv'} ({len(DATA)} bytes" in said
    assert "licence: reuse with acknowledgement of the source" in said
    assert "Then: permille run" in said
    monkeypatch.setenv("PERMILLE_EUDA_DATA_URL", server.url("/2025/all-data.csv"))
    said = call(workspace)
    assert "data file: unchanged, nothing was written" in said
    assert "Then" not in said
    server.answers["/2025/all-data.csv"] = answer(NEXT_DATA)
    assert "permille sites questions" in call(workspace)


def test_the_command_fails_with_one_line(server, workspace, monkeypatch):
    monkeypatch.setattr(fetching, "LIMITS", QUICK)
    server.answers["/bad.csv"] = answer(status=302, Location="http://evil\u009b.example/")
    said = call(workspace, "--data-url", server.url("/bad.csv"), "--sites-url", server.url("/bad.csv"), code=1)
    assert said.startswith("Error: data file, ")
    assert len(said.splitlines()) == 1
    assert "\u009b" not in said
    assert everything(workspace.inbox) == []


def test_progress_is_shown_on_a_terminal_only(server, workspace, monkeypatch, capsys):
    def shown():
        fetch_command.fetch_euda(
            server.url("/2025/all-data.csv"), server.url("/2025/site-info.csv"), workspace.folder
        )  # fmt: skip
        return capsys.readouterr().err

    assert shown() == ""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    said = shown()
    assert f"\r\x1b[Kdata file: {len(DATA)} of {len(DATA)} bytes" in said
    assert said.endswith("\r\x1b[K")


def test_the_example_of_the_settings_names_both_addresses(workspace):
    text = (workspace.folder / "permille.toml").read_text()
    for name in ("euda_data_url", "euda_sites_url"):
        assert f'# {name} = ""\n' in text
    assert fetching.PAGE in text


def test_the_real_files_come_through_as_they_are(server, workspace, fetch):
    content = shared("euda/ww2025-all-data.csv").read_bytes()
    server.answers["/ww2025-all-data.csv"] = answer(gzip.compress(content), Content_Encoding="gzip")
    server.answers["/ww2025-site-info-table.csv"] = answer(shared("euda/ww2025-site-info-table.csv").read_bytes())
    fetch("/ww2025-all-data.csv", Limits(), sites="/ww2025-site-info-table.csv")
    assert (workspace.inbox / "ww2025-all-data.csv").read_bytes() == content
