"""Fetching what an agency publishes into the inbox: both of its files, complete and recognised, or nothing.

The only module that asks the network, and only when it is called. What a file says is read and judged elsewhere
(`pipeline/intake.py`).
"""

import asyncio
import hashlib
import json
import os
import re
import ssl
import zlib
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from ipaddress import ip_address
from pathlib import Path, PurePosixPath
from typing import NamedTuple
from urllib.parse import unquote

import httpx

from pipeline.deliveries import all_profiles, read_and_judge
from pipeline.inbox import list_archive, list_inbox, sha256_of
from pipeline.receipts import append_lines, at_hand
from pipeline.settings import SETTINGS_FILE, Workspace
from schemas.profile import Profile

PAGE = "https://www.euda.europa.eu/publications/html/pods/waste-water-analysis_en"
"""Where the agency links the files of its current release."""
RECORD = "fetched.jsonl"
"""In the workspace: one line of JSON for each file that was fetched into the inbox, the oldest first."""

_BY_HAND = f"By hand: open {PAGE} and download its two CSV files into the workspace's inbox."
_TYPES = ("text/csv", "application/csv", "text/plain", "application/octet-stream", "binary/octet-stream", "")
_PAGES = ("text/html", "application/xhtml+xml")
_REDIRECTS = (301, 302, 303, 307, 308)
_LONGEST_NAME = 80


def _printable(text: str) -> str:
    return "".join(sign if sign.isprintable() else "�" for sign in text)


class FetchError(Exception):
    """Nothing was fetched; one line that says what, where and what to do, without what could rewrite a terminal."""

    def __init__(self, message: str) -> None:
        super().__init__(_printable(message))


class _TransientError(Exception):
    """What may be gone at the next try; `wait_s` where the server says how long to wait [s]."""

    def __init__(self, message: str, wait_s: float | None = None) -> None:
        super().__init__(message)
        self.wait_s = wait_s


class Limits(NamedTuple):
    """How long is waited and how much is taken: for connecting, for the next bytes, for everything together [s]."""

    connect_s: float = 10
    read_s: float = 30
    total_s: float = 300
    tries: int = 4
    backoff_s: float = 1  # before the second try; doubled before each further one
    longest_wait_s: float = 60  # that a server may ask for
    size_bytes: int = 50_000_000  # a hundred times the release of 2025
    redirects: int = 5


LIMITS = Limits()


class Fetched(NamedTuple):
    """One file that was downloaded.

    Attributes:
        file: its path in the inbox, or where the same content lay already.
        is_new: False where the same content had been delivered before: nothing was written.
        beside: another content under the same headers that was delivered before, if any.
    """

    what: str
    profile: str
    file: Path
    size_bytes: int
    licence: str | None
    is_new: bool
    beside: Path | None


class _Part(NamedTuple):
    what: str
    profile: str
    setting: str


_EUDA = (
    _Part("data file", "euda-data", "euda_data_url"),
    _Part("site table", "euda-sites", "euda_sites_url"),
)


class _Download(NamedTuple):
    part: _Part
    url: str
    final_url: httpx.URL
    content: bytes
    etag: str | None
    last_modified: str | None
    fetched_at: datetime

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


def fetch_euda(
    workspace: Workspace,
    *,
    data_url: str = "",
    sites_url: str = "",
    limits: Limits | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> list[Fetched]:
    """Downloads the agency's data file and site table into the inbox.

    Parameters: addresses that are empty are taken from the settings; `progress` is called with what is going on.
    Raises `FetchError`; then nothing was laid into the inbox. Raises `ProfileError` where a profile cannot be used.

    Notes: a file's time stamp is when it was downloaded, for by it the intake tells which of two deliveries is the
    later one; when the agency last changed it stands in the record.
    """
    given = {"euda_data_url": data_url, "euda_sites_url": sites_url}
    urls = {name: (url or getattr(workspace.settings, name)).strip() for name, url in given.items()}
    if missing := [name for name, url in urls.items() if not url]:
        raise FetchError(
            f"no address is set for the agency's {' and '.join(part.what for part in _EUDA if part.setting in missing)}"
            f" (they change with each yearly release). Open {PAGE}: download the two CSV files into {workspace.inbox}"
            f" by hand, or set {' and '.join(missing)} in {workspace.folder / SETTINGS_FILE} to the addresses of its"
            " download links."
        )
    profiles = all_profiles(workspace.profiles)
    wanted = [(part, _address(urls[part.setting], f"{part.what} ({part.setting})")) for part in _EUDA]
    downloads = asyncio.run(_download_all(wanted, limits or LIMITS, lambda text: progress(_printable(text))))
    for download in downloads:
        _require_recognised(download, profiles)
    try:
        return _place(workspace, downloads, profiles)
    except OSError as error:
        raise FetchError(
            f"{error.filename}: cannot be written ({error.strerror}); nothing was laid into the inbox. Mend that and"
            " fetch again."
        ) from error


def _address(text: str, where: str) -> httpx.URL:
    """The address, if it may be asked: https, or this machine itself."""
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL as error:
        raise FetchError(f"{where}: this is no address ({error}). Copy it from the download link.") from error
    if url.userinfo:  # first, so that no other sentence repeats it
        raise FetchError(
            f"{where}: the address at {url.host} holds a user name or a password, which would be recorded."
            " Give it without."
        )
    if url.scheme not in ("https", "http") or not url.host:
        raise FetchError(f"{where}: {text!r} is no address of a file. Copy it from the download link, with https://.")
    if url.scheme == "http" and not _is_loopback(url.host):
        raise FetchError(f"{where}: {text!r} is not encrypted, so anybody on the way could change it. Write https://.")
    return url


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


# --- downloading -----------------------------------------------------------------------------------------------------


async def _download_all(
    wanted: list[tuple[_Part, httpx.URL]], limits: Limits, progress: Callable[[str], None]
) -> list[_Download]:
    """Asynchronous only so that the total limit holds for whatever is waited for."""
    timeout = httpx.Timeout(limits.read_s, connect=limits.connect_s)
    # Only gzip: its end can be told from a truncation, and it is unpacked here within the size limit.
    headers = {"User-Agent": "permille", "Accept": "text/csv, text/plain, */*;q=0.5", "Accept-Encoding": "gzip"}
    try:
        client = httpx.AsyncClient(timeout=timeout, headers=headers)
    except (ValueError, ImportError, httpx.InvalidURL) as error:
        raise FetchError(
            f"the proxy that the environment names cannot be used ({error}). Correct the variables HTTPS_PROXY and"
            f" ALL_PROXY. {_BY_HAND}"
        ) from error
    try:
        async with asyncio.timeout(limits.total_s), client:
            return [await _download(client, part, url, limits, progress) for part, url in wanted]
    except TimeoutError as error:
        raise FetchError(
            f"{wanted[0][1].host}: the two files did not arrive within {limits.total_s:g} s. Try again later."
            f" {_BY_HAND}"
        ) from error


async def _download(
    client: httpx.AsyncClient, part: _Part, url: httpx.URL, limits: Limits, progress: Callable[[str], None]
) -> _Download:
    """One file, tried again where the next try may succeed."""
    for n_tried in range(1, limits.tries + 1):
        progress(f"{part.what}: asking {url.host}")
        try:
            return await _once(client, part, url, limits, progress)
        except _TransientError as error:
            if n_tried == limits.tries:
                raise FetchError(
                    f"{part.what}, {url}: {error}; tried {n_tried} times. Is this machine online? Try again later."
                    f" {_BY_HAND}"
                ) from error
            wait_s = limits.backoff_s * 2 ** (n_tried - 1) if error.wait_s is None else error.wait_s
            if wait_s > limits.longest_wait_s:
                raise FetchError(
                    f"{part.what}, {url}: {error}, and asks to wait {wait_s:.0f} s. Try again after that. {_BY_HAND}"
                ) from error
            progress(f"{part.what}: {error}; next try in {wait_s:g} s")
            await asyncio.sleep(wait_s)
    raise AssertionError("limits.tries is below one")


async def _once(
    client: httpx.AsyncClient, part: _Part, url: httpx.URL, limits: Limits, progress: Callable[[str], None]
) -> _Download:
    """One try. What the library raises becomes a reason to try again or a sentence."""
    try:
        return await _follow(client, part, url, limits, progress)
    except httpx.ConnectTimeout as error:
        raise _TransientError(f"{url.host} cannot be reached within {limits.connect_s:g} s") from error
    except httpx.TimeoutException as error:
        raise _TransientError(f"nothing more came for {limits.read_s:g} s") from error
    except (httpx.ConnectError, httpx.ProxyError) as error:
        if _is_certificate(error):
            raise FetchError(
                f"{part.what}, {url}: the certificate of {url.host} is not trusted here ({error}). Where your office"
                f" has certificates of its own, name their file in the variable SSL_CERT_FILE. {_BY_HAND}"
            ) from error
        raise _TransientError(f"{url.host} cannot be reached ({error})") from error
    except (httpx.NetworkError, httpx.RemoteProtocolError) as error:
        raise _TransientError(f"the connection broke off before the end ({error})") from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise FetchError(
            f"{part.what}, {url}: cannot be downloaded ({error}). Check the address. {_BY_HAND}"
        ) from error


def _is_certificate(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        error = error.__cause__ or error.__context__
    return False


async def _follow(
    client: httpx.AsyncClient, part: _Part, first: httpx.URL, limits: Limits, progress: Callable[[str], None]
) -> _Download:
    """Follows redirects of the host itself: another host is another publisher, and for a person to trust."""
    url = first
    for _ in range(limits.redirects + 1):
        async with client.stream("GET", url) as response:
            if response.status_code not in _REDIRECTS or "location" not in response.headers:
                content = await _content(response, part, limits, progress)
                return _Download(
                    part, str(first), url, content, response.headers.get("etag"),
                    response.headers.get("last-modified"), datetime.now(UTC),
                )  # fmt: skip
            onward = url.join(response.headers["location"])
        if onward.host != first.host:
            raise FetchError(
                f"{part.what}, {first}: leads to another host, {onward.host}, which is not followed. If the agency"
                f" publishes there, set {part.setting} to the address there. {_BY_HAND}"
            )
        url = _address(str(onward), f"{part.what}, {first}, which leads onward")
    raise FetchError(
        f"{part.what}, {first}: was sent onward more than {limits.redirects} times. Check the address. {_BY_HAND}"
    )


async def _content(response: httpx.Response, part: _Part, limits: Limits, progress: Callable[[str], None]) -> bytes:
    """The whole content of an answer, unpacked. Raises where it is no file, too big, or not all of it came."""
    where = f"{part.what}, {response.url}"
    _require_file(response, where, part)
    coding = response.headers.get("content-encoding", "identity").strip().lower()
    if coding not in ("identity", "gzip", "x-gzip"):
        raise FetchError(f"{where}: comes packed as {coding}, which was not asked for. {_BY_HAND}")
    unpack = None if coding == "identity" else zlib.decompressobj(zlib.MAX_WBITS | 16)
    length = response.headers.get("content-length", "")
    is_chunked = "chunked" in response.headers.get("transfer-encoding", "").lower()
    if not (length or is_chunked or unpack):
        raise FetchError(
            f"{where}: the server does not say where the file ends, so that a truncated one would look whole."
            f" {_BY_HAND}"
        )
    too_big = FetchError(
        f"{where}: is bigger than {limits.size_bytes:,} bytes, too big for this file. Check the address. {_BY_HAND}"
    )
    if length.isdecimal() and int(length) > limits.size_bytes:
        raise too_big
    n_received, content = 0, bytearray()
    async for chunk in response.aiter_raw():
        n_received += len(chunk)
        try:
            # One byte more than allowed is unpacked at most, whatever a small packed file would swell to.
            content += unpack.decompress(chunk, limits.size_bytes - len(content) + 1) if unpack else chunk
        except zlib.error as error:
            raise _TransientError(f"what came is damaged ({error})") from error
        if max(n_received, len(content)) > limits.size_bytes:
            raise too_big
        progress(f"{part.what}: {n_received:,}{f' of {int(length):,}' if length.isdecimal() else ''} bytes")
    if unpack and (not unpack.eof or unpack.unused_data):
        raise _TransientError("what came is damaged (the packed content does not end where it should)")
    return bytes(content)


def _require_file(response: httpx.Response, where: str, part: _Part) -> None:
    """Raises where the answer is a failure, or a web page in place of a file."""
    status = response.status_code
    if status == httpx.codes.TOO_MANY_REQUESTS or status >= httpx.codes.INTERNAL_SERVER_ERROR:
        wait_s = _retry_after_s(response.headers.get("retry-after", ""), datetime.now(UTC))
        raise _TransientError(f"the server answered {status}", wait_s)
    if status != httpx.codes.OK:
        raise FetchError(
            f"{where}: the server answered {status}; the agency moves its files with each release. Set {part.setting}"
            f" to the address of the download link of today. {_BY_HAND}"
        )
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind in _PAGES:
        raise FetchError(
            f"{where}: is a web page, not a file. Set {part.setting} to the address of the download link on it."
            f" {_BY_HAND}"
        )
    if kind not in _TYPES:
        raise FetchError(
            f"{where}: is sent as {kind}, not as CSV. Set {part.setting} to the address of the CSV file. {_BY_HAND}"
        )


def _retry_after_s(text: str, now: datetime) -> float | None:
    """How long a server asks to wait [s]; None where it does not say, or not so that it can be understood.

    >>> now = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
    >>> _retry_after_s("5", now), _retry_after_s("Sun, 01 Mar 2026 12:00:30 GMT", now), _retry_after_s("soon", now)
    (5.0, 30.0, None)
    """
    text = text.strip()
    if text.isascii() and text.isdecimal():
        return float(text)
    try:
        when = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, (when.replace(tzinfo=when.tzinfo or UTC) - now).total_seconds())


# --- placing ---------------------------------------------------------------------------------------------------------


def _require_recognised(download: _Download, profiles: dict[str, Profile]) -> None:
    """Raises where the content is not what the part's profile reads: of each of its tables some rows."""
    part = download.part
    delivery = read_and_judge(
        download.content, _name(download), profiles=profiles, known_sites=None,
        receipt=at_hand(1),
    )  # fmt: skip
    where = f"{part.what}, {download.final_url}: nothing was laid into the inbox, for this"
    found = delivery.record["profile"].item()
    if found not in (None, part.profile):
        raise FetchError(
            f"{where} is read by profile {found}, not by {part.profile}. Are the addresses in euda_data_url and"
            f" euda_sites_url the right ones, and not swapped? {_BY_HAND}"
        )
    tables = [delivery.accepted.get(table.table) for table in profiles[part.profile].tables]
    if found is None or any(rows is None or rows.is_empty() for rows in tables):
        raise FetchError(f"{where} is not what profile {part.profile} reads. {' '.join(delivery.messages[:1])}")


def _name(download: _Download) -> str:
    """The file's name by its address, made of plain signs, and such that the intake does not take it for unfinished."""
    name = PurePosixPath(unquote(download.final_url.path)).name
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", name).lstrip(".-")
    stem = name[:-4] if name.lower().endswith(".csv") else name
    return f"{stem[:_LONGEST_NAME] or download.part.profile}.csv"


def _place(workspace: Workspace, downloads: list[_Download], profiles: dict[str, Profile]) -> list[Fetched]:
    """Lays what is new into the inbox and records it. Nothing that lies there is overwritten."""
    workspace.inbox.mkdir(parents=True, exist_ok=True)
    held = _held(workspace)
    done: list[Fetched] = []
    unfinished: list[tuple[Path, Path]] = []
    lines = []
    try:
        for download in downloads:
            part, digest, licence = download.part, download.sha256, profiles[download.part.profile].licence
            size = len(download.content)
            if digest in held:
                done.append(Fetched(part.what, part.profile, held[digest], size, licence, False, None))
                continue
            target = workspace.inbox / _name(download)
            if target.exists() or target in (there for _, there in unfinished):
                target = target.with_name(f"{target.stem}-{digest[:8]}.csv")
            # Beside its place, so that it comes there in one step; the intake passes over such a name.
            beside = workspace.inbox / f".{target.name}.{os.getpid()}.part"
            unfinished.append((beside, target))
            _write(beside, download.content)
            lines.append(_line(download, target.name, licence))
            done.append(Fetched(part.what, part.profile, target, size, licence, True, _same_head(download, held)))
        # Before they are placed: a file whose origin nobody recorded would stay so, for the next time it is unchanged.
        if lines:
            append_lines(workspace.folder / RECORD, lines)
        for beside, target in unfinished:
            beside.replace(target)
    finally:
        for beside, _ in unfinished:
            beside.unlink(missing_ok=True)
    return done


def _held(workspace: Workspace) -> dict[str, Path]:
    """Every content that was delivered, by its sha256, and where it lies."""
    archived = {digest: file.path for digest, file in list_archive(workspace.archive).items()}
    return archived | {sha256_of(file.path): file.path for file in list_inbox(workspace.inbox)}


def _same_head(download: _Download, held: dict[str, Path]) -> Path | None:
    """Another delivery that begins with the same line: an earlier state of this file, or another release."""
    head = download.content.partition(b"\n")[0]
    for path in held.values():
        with path.open("rb") as file:
            if file.read(len(head)) == head:
                return path
    return None


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _line(download: _Download, name: str, licence: str | None) -> str:
    return json.dumps(
        {
            "file": name,
            "profile": download.part.profile,
            "url": download.url,
            "final_url": str(download.final_url),
            "fetched_at": download.fetched_at.isoformat(timespec="seconds"),
            "sha256": download.sha256,
            "size_bytes": len(download.content),
            "etag": download.etag,
            "last_modified": download.last_modified,
            "licence": licence,
        }
    )
