"""Deliveries that something has happened to: mutations of real layouts, each from a number, and what becomes of them.

`make fuzz` judges 20,000 and prints a table; the suite judges a few hundred (`test_fuzzing.py`). Whatever happens to a
file, it is accepted, partly accepted or refused, its rows add up, and neither time nor memory runs away.
"""

import argparse
import faulthandler
import io
import json
import random
import re
import resource
import subprocess
import sys
import tempfile
import time
import traceback
import unicodedata
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from functools import cache
from pathlib import Path
from typing import NamedTuple

from pipeline.deliveries import all_profiles, read_and_judge
from pipeline.findings import DeliveryError
from pipeline.reading.delivery import DeliveredFile, choose_profile
from pipeline.receipts import at_hand
from schemas.profile import Profile

ROOT = Path(__file__).parents[1]
SHARED = ROOT.parent / "shared" / "data"
MOST_SECONDS, MOST_MIB = 10.0, 1024.0
_HANGS_AFTER = 60
_BATCH = 100
_STRANGE = [
    "", "0", "-1", "1e400", "NaN", "<LOQ", "<", "未检出", "1,5", "1.234,5", "=1+1", '=cmd|"/c calc"!A1', "'", '"',
    "\u202e", "\u200b", "\x00", "\x1b[2J", "\ufeff", "x" * 300, "9" * 400, "2025-02-30", "45727", "mg/kg", "9^9^9",
    "\r", "\n", "\t", "￥", "\U0001f4a9", "ß", "NULL", "#DIV/0!", "<script>", "../../x", "%s%n",
]  # fmt: skip


class Outcome(NamedTuple):
    """What became of one file."""

    number: int
    kind: str
    mutations: str
    outcome: str
    seconds: float
    peak_mib: float
    problem: str


def bases() -> dict[str, bytes]:
    """The files mutations start from: the simulated laboratories', a few of our own, and real ones where they are."""
    from pipeline.simulation import simulate_city, write_deliveries
    from tests.unit.pipeline.test_layouts import PLAIN_ODS

    found = {"plain.ods": PLAIN_ODS, "plain.xls": (ROOT / "tests" / "data" / "plain.xls").read_bytes()}
    for file in sorted((ROOT / "tests" / "data" / "tiny").glob("*.csv")):
        found[file.name] = file.read_bytes()
    with tempfile.TemporaryDirectory() as folder:
        for file in write_deliveries(simulate_city(), Path(folder)):
            if "2024-Q1" in file.name or "daily" in file.name or not re.search(r"-20\d\d-Q", file.name):
                content = file.read_bytes()
                found[file.name] = content if len(content) < 400_000 else b"\n".join(content.split(b"\n")[:800])
    found["plain.parquet"] = _parquet(found["results.csv"])
    for name in ("euda/ww2025-site-info-table.csv", "bergen-point/bergen-point-drugs.xlsx",
                 "uf-stadium/Copy of WRF_Inf-flows.xls", "korea/korea_daily_loads.csv"):  # fmt: skip
        if (SHARED / name).is_file():
            found[Path(name).name] = (SHARED / name).read_bytes()
    return {name: content for name, content in sorted(found.items()) if not name.startswith("~")}


def _parquet(text: bytes) -> bytes:
    import polars as pl

    content = io.BytesIO()
    pl.read_csv(io.BytesIO(text)).write_parquet(content)
    return content.getvalue()


# --- what may happen to a file ---------------------------------------------------------------------------------------

Mutation = Callable[[bytes, random.Random], bytes]


def flip_bytes(content: bytes, chance: random.Random) -> bytes:
    """A few bytes are others."""
    changed = bytearray(content)
    for _ in range(chance.choice([1, 3, 20])):
        changed[chance.randrange(len(changed))] = chance.randrange(256)
    return bytes(changed)


def truncate(content: bytes, chance: random.Random) -> bytes:
    """The end is missing."""
    return content[: chance.randrange(1, len(content))]


def repeat_end(content: bytes, chance: random.Random) -> bytes:
    """The end stands twice."""
    return content + content[chance.randrange(len(content)) :]


def _rows(content: bytes) -> list[list[bytes]]:
    sign = max((b",", b";", b"\t"), key=content[:2000].count)
    return [line.split(sign) for line in content.split(b"\n")]


def _joined(rows: list[list[bytes]], content: bytes) -> bytes:
    sign = max((b",", b";", b"\t"), key=content[:2000].count)
    return b"\n".join(sign.join(row) for row in rows)


def shuffle_rows(content: bytes, chance: random.Random) -> bytes:
    """Rows in another order, the headers too."""
    rows = _rows(content)
    chance.shuffle(rows)
    return _joined(rows, content)


def swap_cells(content: bytes, chance: random.Random) -> bytes:
    """Cells have changed places."""
    rows = _rows(content)
    for _ in range(10):
        one, other = chance.choice(rows), chance.choice(rows)
        i, j = chance.randrange(len(one)), chance.randrange(len(other))
        one[i], other[j] = other[j], one[i]
    return _joined(rows, content)


def strange_cells(content: bytes, chance: random.Random) -> bytes:
    """Cells hold what nobody expects."""
    rows = _rows(content)
    for _ in range(chance.choice([1, 5, 40])):
        row = chance.choice(rows)
        row[chance.randrange(len(row))] = chance.choice(_STRANGE).encode("utf-8")
    return _joined(rows, content)


def drop_column(content: bytes, chance: random.Random) -> bytes:
    """A column is missing."""
    rows = _rows(content)
    column = chance.randrange(max(map(len, rows)))
    return _joined([row[:column] + row[column + 1 :] for row in rows], content)


def double_column(content: bytes, chance: random.Random) -> bytes:
    """A column stands twice."""
    rows = _rows(content)
    column = chance.randrange(max(map(len, rows)))
    return _joined([[*row, *row[column : column + 1]] for row in rows], content)


def two_hundred_columns(content: bytes, chance: random.Random) -> bytes:
    """Many columns more."""
    return _joined([[*row, *[b"x%d" % n for n in range(200)]] for row in _rows(content)], content)


def other_encoding(content: bytes, chance: random.Random) -> bytes:
    """The text is in another encoding, some of them lossy."""
    text = content.decode("utf-8", "replace")
    return text.encode(
        chance.choice(["utf-16", "utf-16-le", "gb18030", "latin-1", "cp1252", "utf-8-sig", "utf-7"]), "replace"
    )


def long_cell(content: bytes, chance: random.Random) -> bytes:
    """A cell of ten million characters."""
    rows = _rows(content)
    row = chance.choice(rows)
    row[chance.randrange(len(row))] = b"y" * 10_000_000
    return _joined(rows, content)


def control_characters(content: bytes, chance: random.Random) -> bytes:
    """Control characters and marks of direction between the letters."""
    changed = bytearray(content)
    for _ in range(30):
        mark = chance.choice([b"\x01", b"\x1b", b"\x7f", "\u202e".encode(), "\u2028".encode(), b"\r", b"\x0c", b'"'])
        place = chance.randrange(len(changed))
        changed[place:place] = mark
    return bytes(changed)


def _members(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


_MUCH = 2**24
"""From so many bytes on a part is packed in haste."""


def _zipped(members: dict[str, bytes]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members.items():
            archive.writestr(name, text, compresslevel=1 if len(text) > _MUCH else None)
    return content.getvalue()


def _in_member(content: bytes, chance: random.Random, change: Callable[[bytes], bytes], like: str = "") -> bytes:
    members = _members(content)
    names = [name for name in members if like in name] or list(members)
    name = chance.choice(names)
    return _zipped(members | {name: change(members[name])})


def flip_in_member(content: bytes, chance: random.Random) -> bytes:
    """Bytes of one part of a workbook are others."""
    return _in_member(content, chance, lambda text: flip_bytes(text, chance) if text else text)


def cut_member(content: bytes, chance: random.Random) -> bytes:
    """One part of a workbook ends too early."""
    return _in_member(content, chance, lambda text: text[: chance.randrange(len(text) + 1)])


def drop_member(content: bytes, chance: random.Random) -> bytes:
    """One part of a workbook is missing."""
    members = _members(content)
    del members[chance.choice(list(members))]
    return _zipped(members)


def zip_bomb(content: bytes, chance: random.Random) -> bytes:
    """One part unpacks to 600 MiB, or to 100 MiB of blanks inside a sheet."""
    if chance.random() < 0.5:
        return _zipped(_members(content) | {"xl/media/big.bin": bytes(600 * 1024 * 1024)})
    return _in_member(content, chance, lambda text: text + b" " * (100 * 1024 * 1024), "xl/worksheets/sheet")


def far_cells(content: bytes, chance: random.Random) -> bytes:
    """Cells far out, outside of their rows, or without a place."""
    new = chance.choice(
        [b'r="XFD1048576"', b'r="A1048576"', b'r="ZZZ9"', b'r="A0"', b'r="99999999999"', b"", b'r="\xff1"']
    )
    return _in_member(
        content, chance, lambda text: re.sub(rb'r="[A-Z]+\d+"', new, text, count=3), "xl/worksheets/sheet"
    )


def wrong_types(content: bytes, chance: random.Random) -> bytes:
    """Cells say they are of another type, or point at texts there are not."""
    old, new = chance.choice([(b't="s"', b't="n"'), (b't="s"', b't="d"'), (b"<v>", b"<v>9999999"), (b't="s"', b't="e"'),
                              (b"</v>", b""), (b't="s"', b't="b"'), (b"<v>", b"<f>1/0</f><v>")])  # fmt: skip
    return _in_member(
        content, chance, lambda text: text.replace(old, new, chance.choice([1, 50])), "xl/worksheets/sheet"
    )


def entities(content: bytes, chance: random.Random) -> bytes:
    """A declaration of entities that grow."""
    bomb = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">' + b"".join(
        b'<!ENTITY %c "%s">' % (97 + n, b"&%c;" % (96 + n) * 10) for n in range(1, 12)
    ) + b"]>"  # fmt: skip
    part = chance.choice(["xl/workbook.xml", "xl/sharedStrings.xml", "xl/worksheets/sheet", "rels", "content.xml"])
    return _in_member(
        content, chance, lambda text: re.sub(rb"(<\?xml[^>]*\?>)", lambda m: m[1] + bomb, text, count=1), part
    )


ANY: list[Mutation] = [flip_bytes, truncate, repeat_end]
OF_TEXT: list[Mutation] = [
    shuffle_rows, swap_cells, strange_cells, drop_column, double_column, two_hundred_columns, other_encoding, long_cell,
    control_characters,
]  # fmt: skip
OF_ZIP: list[Mutation] = [flip_in_member, cut_member, drop_member, zip_bomb, far_cells, wrong_types, entities]
_RARE = (long_cell, zip_bomb)


@cache
def _all() -> tuple[list[tuple[str, bytes, str | None]], dict[str, Profile]]:
    """The files, each with the profile that fits it, and all profiles."""
    profiles = all_profiles()
    found: list[tuple[str, bytes, str | None]] = []
    for name, content in bases().items():
        try:
            found.append((name, content, choose_profile(DeliveredFile(content, name), profiles).name))
        except DeliveryError:
            found.append((name, content, None))
    return found, profiles


def mutated(number: int) -> tuple[str, str, bytes, str | None]:
    """File number `number`: its name, what happened to it, its content, and the profile it is to be read by, if any."""
    chance = random.Random(number)
    files, _ = _all()
    name, content, profile = files[chance.randrange(len(files))]
    is_zip = content.startswith(b"PK")
    is_text = name.endswith(".csv")
    known = ANY + (OF_ZIP * 2 if is_zip else OF_TEXT if is_text else [])
    done = []
    for _ in range(chance.choice([1, 1, 2, 3])):
        mutation = chance.choice(known)
        if mutation in _RARE and chance.random() < 0.8:  # slow to make: seldom
            mutation = known[0]
        try:
            content = mutation(content, chance) or b"\n"
        except (zipfile.BadZipFile, ValueError, KeyError, NotImplementedError, EOFError, OSError, RuntimeError):
            content = flip_bytes(content, chance)  # no longer what that mutation is for
        except zipfile.zlib.error:
            content = flip_bytes(content, chance)
        done.append(mutation.__name__)
    # Half of them as if they lay in a folder of that name, so that more than the headers is tried.
    return name, "+".join(done), content, profile if chance.random() < 0.5 else None


def judge(number: int) -> Outcome:
    """Judges file number `number`."""
    name, done, content, profile = mutated(number)
    _, profiles = _all()
    faulthandler.dump_traceback_later(_HANGS_AFTER, exit=True)
    # A worker of the suite has held more before: what counts is what this file takes on top of what is held now.
    before, held = _peak_mib(), _held_mib()
    start = time.perf_counter()
    problem = ""
    try:
        delivery = read_and_judge(
            content, name, profiles=profiles, known_sites=None, receipt=at_hand(1),
            profile_name=profile,
        )  # fmt: skip
        row = delivery.record.row(0, named=True)
        n_accepted = sum(frame.height for frame in delivery.accepted.values())
        outcome = row["status"]
        if delivery.status == "refused" and delivery.notes:
            outcome = f"refused: {delivery.notes[-1].rule}"
        if (row["n_rows"], row["n_accepted"], row["n_quarantined"]) != (
            n_accepted + delivery.quarantine.height, n_accepted, delivery.quarantine.height,
        ):  # fmt: skip
            problem = "rows do not add up"
        marks = {unicodedata.category(char) for message in delivery.messages for char in message}
        if strange := {mark for mark in marks if mark.startswith("C") and mark != "Cn"} | marks & {"Zl", "Zp"}:
            problem = f"a message holds marks that rewrite a terminal: {strange}"
    except BaseException as error:  # a panic of a library is no Exception, and just what is looked for
        outcome = "UNHANDLED"
        problem = f"{type(error).__name__}: {error}"[:200] + traceback.format_exc()[-600:]
    finally:
        faulthandler.cancel_dump_traceback_later()
    seconds = time.perf_counter() - start
    if seconds > MOST_SECONDS:
        problem = problem or f"took {seconds:.1f} s"
    peak = _peak_mib()
    if peak > before and peak - held > MOST_MIB and len(content) < 20_000_000:
        problem = problem or f"took {peak - held:.0f} MiB"
    return Outcome(number, Path(name).suffix, done, outcome, seconds, peak if peak > before else 0.0, problem)


def _held_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / 2**20


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def run(numbers: range, workers: int) -> Iterator[Outcome]:
    """Judges many files, a hundred in each process, so that memory is each one's own and a crash is one file's."""
    batches = [numbers[start : start + _BATCH] for start in range(0, len(numbers), _BATCH)]
    with ThreadPoolExecutor(workers) as pool:
        for outcomes in pool.map(_run_batch, batches):
            yield from outcomes


def _run_batch(numbers: range) -> list[Outcome]:
    """Judges some files in a process of their own; where it dies the file it died of is told, and the rest go on."""
    outcomes: list[Outcome] = []
    while len(outcomes) < len(numbers):
        first, left = numbers[len(outcomes)], len(numbers) - len(outcomes)
        command = [sys.executable, __file__, "--batch", "--first", str(first), "--files", str(left)]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        outcomes += [Outcome(*json.loads(line)) for line in ended.stdout.splitlines()]
        if len(outcomes) < len(numbers):
            number = numbers[len(outcomes)]
            name, done, *_ = mutated(number)
            why = f"the process died: {ended.returncode}, {ended.stderr[-400:]}"
            outcomes.append(Outcome(number, Path(name).suffix, done, "DIED", 0.0, 0.0, why))
    return outcomes


def main() -> int:
    """Judges and prints tables; 1 where a file did what none may."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--files", type=int, default=20_000)
    options.add_argument("--first", type=int, default=0, help="number of the first file: each number is one file")
    options.add_argument("--workers", type=int, default=2)
    options.add_argument("--batch", action="store_true", help="judge them in this process and print JSON")
    chosen = options.parse_args()
    if chosen.batch:
        for number in range(chosen.first, chosen.first + chosen.files):
            print(json.dumps(judge(number)), flush=True)
        return 0
    start = time.perf_counter()
    outcomes = []
    for outcome in run(range(chosen.first, chosen.first + chosen.files), chosen.workers):
        outcomes.append(outcome)
        if outcome.problem:
            print(f"file {outcome.number} ({outcome.kind}, {outcome.mutations}): {outcome.problem}", flush=True)
        if len(outcomes) % 1000 == 0:
            print(f"{len(outcomes)} files in {time.perf_counter() - start:.0f} s", flush=True)
    counts = Counter((outcome.kind, outcome.outcome) for outcome in outcomes)
    kinds = sorted({kind for kind, _ in counts})
    print(f"\n{len(outcomes)} files, {date.today()}, {time.perf_counter() - start:.0f} s\n")  # noqa: DTZ011
    print(f"| outcome | {' | '.join(kinds)} | all |\n|---|{'---|' * (len(kinds) + 1)}")
    for outcome in sorted({outcome for _, outcome in counts}):
        row = [counts[kind, outcome] for kind in kinds]
        print(f"| {outcome} | {' | '.join(map(str, row))} | {sum(row)} |")
    slowest = max(outcomes, key=lambda outcome: outcome.seconds)
    largest = max(outcomes, key=lambda outcome: outcome.peak_mib)
    print(f"\nSlowest: {slowest.seconds:.2f} s, file {slowest.number} ({slowest.kind}, {slowest.mutations})")
    print(f"Largest: {largest.peak_mib:.0f} MiB, file {largest.number} ({largest.kind}, {largest.mutations})")
    bad = sum(bool(outcome.problem) for outcome in outcomes)
    print(f"Problems: {bad}")
    return 1 if bad else 0


if __name__ == "__main__":
    raise SystemExit(main())
