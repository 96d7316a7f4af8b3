"""How long reading and judging a delivery takes, as a ratio to polars merely reading the same file, in one run.

`make bench`. Each measurement runs in a process of its own, three times in turn; the median counts. Prints a table in
Markdown. The files are made here, from a seed; nothing in them was measured anywhere.
"""

import argparse
import multiprocessing
import random
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

HEAD = ["site_id", "sampled_on", "residue", "concentration", "unit", "lod", "loq", "laboratory", "batch"]
RESIDUES = ["METH", "KET", "BE", "cotinine", "MDMA"]
TIMES = 3


def rows(n_rows: int, seed: int = 1) -> list[list[object]]:
    """Rows of results in the plain layout: 100 sites, five residues, one in twenty below its limit."""
    values = random.Random(seed)
    return [
        [
            f"S{i // 5 % 100}", date(1995, 1, 1) + timedelta(days=i // 500), RESIDUES[i % 5],
            "<LOQ" if i % 20 == 0 else round(values.lognormvariate(4, 1) + 1, 3), "ng/L", 0.3, 1, "Lab", f"B{i // 500}",
        ]
        for i in range(n_rows)
    ]  # fmt: skip


def write_csv(path: Path, n_rows: int) -> None:
    """The rows as CSV."""
    with path.open("w", encoding="utf-8") as file:
        file.write(",".join(HEAD) + "\n")
        file.writelines(",".join(map(str, row)) + "\n" for row in rows(n_rows))


def write_xlsx(path: Path, n_rows: int) -> None:
    """The rows as a workbook, days as date cells."""
    import xlsxwriter

    with xlsxwriter.Workbook(path, {"constant_memory": True, "default_date_format": "yyyy-mm-dd"}) as book:
        sheet = book.add_worksheet("Results")
        for number, row in enumerate([HEAD, *rows(n_rows)]):
            sheet.write_row(number, 0, row)


def take_in(path: Path) -> int:
    """Permille: reads and judges the file; returns the rows accepted."""
    from pipeline.deliveries import all_profiles, read_and_judge
    from pipeline.receipts import at_hand

    delivery = read_and_judge(
        path.read_bytes(), path.name, profiles=all_profiles(), known_sites={f"S{n}" for n in range(100)},
        receipt=at_hand(1),
    )  # fmt: skip
    return sum(frame.height for frame in delivery.accepted.values())


def read_csv(path: Path) -> int:
    """polars alone."""
    import polars as pl

    return pl.read_csv(path).height


def read_excel(path: Path) -> int:
    """polars alone."""
    import polars as pl

    return pl.read_excel(path).height


def _measured(work: Callable[[Path], int], path: Path, said: "multiprocessing.Queue[tuple[int, float, float]]") -> None:
    work(path.with_name(f"warm{path.suffix}"))  # imports, caches
    start = time.perf_counter()
    n_rows = work(path)
    seconds = time.perf_counter() - start
    said.put((n_rows, seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024))


def measure(work: Callable[[Path], int], path: Path) -> tuple[int, float, float]:
    """Rows, seconds and peak memory [MiB] of one piece of work in a fresh process."""
    context = multiprocessing.get_context("spawn")
    said = context.Queue()
    process = context.Process(target=_measured, args=(work, path, said))
    process.start()
    found: tuple[int, float, float] = said.get()
    process.join()
    return found


def compare(name: str, path: Path, ours: Callable[[Path], int], theirs: Callable[[Path], int], goal: float) -> str:
    """One line of the table: both measured in turn."""
    pairs = [(measure(ours, path), measure(theirs, path)) for _ in range(TIMES)]
    ratio = statistics.median(mine[1] / other[1] for mine, other in pairs)
    seconds = statistics.median(mine[1] for mine, _ in pairs)
    seconds_of_polars = statistics.median(other[1] for _, other in pairs)
    n_rows = pairs[0][0][0]
    assert n_rows == pairs[0][1][0], "rows were lost"
    memory = max(mine[2] for mine, _ in pairs)
    memory_of_polars = max(other[2] for _, other in pairs)
    return (
        f"| {name} | {n_rows:,} | {seconds:.2f} | {seconds_of_polars:.2f} | {ratio:.1f} | {goal:g} |"
        f" {n_rows / seconds:,.0f} | {memory:,.0f} | {memory_of_polars:,.0f} |"
    )


def main() -> None:
    """Measures and prints."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--csv-rows", type=int, default=1_000_000)
    options.add_argument("--xlsx-rows", type=int, default=50_000)
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        for write, suffix, n_rows in ((write_csv, "csv", chosen.csv_rows), (write_xlsx, "xlsx", chosen.xlsx_rows)):
            write(here / f"results.{suffix}", n_rows)
            write(here / f"warm.{suffix}", 500)
        print("| file | rows | ours [s] | polars [s] | ratio | goal at most | rows/s | ours [MiB] | polars [MiB] |")
        print("|---|---|---|---|---|---|---|---|---|")
        print(compare("CSV, against polars.read_csv", here / "results.csv", take_in, read_csv, 6))
        print(compare("XLSX, against polars.read_excel", here / "results.xlsx", take_in, read_excel, 3))


if __name__ == "__main__":
    main()
