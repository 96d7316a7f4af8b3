"""Mutants: does a test fail when one number, sign, comparison or exponent of the statistics or macros is wrong?

`make mutants` runs this. Functions of `pipeline/statistics` are mutated by mutmut. What mutmut leaves out, which is
`macros.sql`, values at module level and functions with a decorator, is mutated by a fixed rule of our own (`rule`).
Each mutant meets the unit tests of what it changes and nothing else: no golden file, no warehouse with deliveries.

As a plugin of pytest it leaves out tests that need a warehouse, and those slower than `SLOWEST_S`.
"""

import argparse
import ast
import importlib
import importlib.machinery
import io
import json
import os
import re
import resource
import signal
import sys
import time
import tokenize
import tomllib
import types
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parent.parent
MACROS = ROOT / "pipeline" / "sql" / "macros.sql"
STATISTICS = ROOT / "pipeline" / "statistics"
EQUIVALENTS = ROOT / "tests" / "data" / "equivalent_mutants.toml"
OPERATORS = {
    "operator_number", "operator_remove_unary_ops", "operator_keywords", "operator_swap_op", "operator_if_exp",
    "operator_name", "operator_augmented_assignment",
}  # fmt: skip
"""Kinds of mutmut: numbers, signs, comparisons, exponents, logic. Arguments replaced by None mostly crash: no test."""
SLOWEST_S = 2.0
"""Tests that take longer are simulations: they do not count as killers."""
TIMEOUT_S = 60
"""Of a processor: one that counts to the end of the world is killed by the clock."""
NEEDS_DATA = {"city", "workspace", "simulated_workspace", "simulated_inbox", "tmp_path"}
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "POLARS_MAX_THREADS": "1"}


class Mutant(NamedTuple):
    """One change of the source.

    Attributes:
        module: file name without ending.
        place: function, macro or assigned name.
        change: the changed line before and after, white space reduced: with module and place it names the mutant,
            whatever lines stand above it.
    """

    module: str
    place: str
    change: str


# --- plugin of pytest -------------------------------------------------------------------------------------------------


def pytest_configure() -> None:
    """Drawn examples are always the same ones, and slow ones are no failure: else a busy machine kills mutants."""
    from hypothesis import settings

    settings.register_profile("mutants", deadline=None, derandomize=True)
    settings.load_profile("mutants")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leaves the tests that concern statistics alone, fastest first."""
    seconds = _durations()
    items[:] = sorted(
        (
            item
            for item in items
            if not NEEDS_DATA & set(getattr(item, "fixturenames", ())) and seconds.get(item.nodeid, 0) <= SLOWEST_S
        ),
        key=lambda item: seconds.get(item.nodeid, 0),
    )


def _durations() -> dict[str, float]:
    """Seconds of each test, as mutmut measured them first."""
    file = ROOT / "mutants" / "mutmut-stats.json" if ROOT.name != "mutants" else ROOT / "mutmut-stats.json"
    found: dict[str, float] = json.loads(file.read_text())["duration_by_test"] if file.is_file() else {}
    return found


# --- the rule ---------------------------------------------------------------------------------------------------------

SWAPS = {
    "+": "-", "-": "+", "*": "/", "/": "*", "<": "<=", "<=": "<", ">": ">=", ">=": ">", "=": "<>", "==": "!=",
    "!=": "==", "and": "or", "or": "and",
}  # fmt: skip


def rule(tokens: Iterable[tuple[str, tuple[int, int]]]) -> Iterator[tuple[tuple[int, int], str, str]]:
    """Of each token what may stand instead: where, old, new.

    A whole number grows by one, another number by a fifth, 0.0 becomes 1; signs, products, comparisons and connectives
    turn into their counterpart; an exponent is a whole number behind `^`, or a power that turns into a product.
    """
    for text, place in tokens:
        if re.fullmatch(r"[\d_]+", text):
            yield place, text, str(int(text) + 1)
        elif re.fullmatch(r"\d[\d._]*(e-?\d+)?", text):
            yield place, text, f"{float(text) * 1.2 or 1.0:.6g}"
        elif text in ("^", "**"):
            yield place, text, "*"
        elif text in SWAPS:
            yield place, text, SWAPS[text]


def _sql_tokens(text: str) -> Iterator[tuple[str, tuple[int, int]]]:
    words = r"'[^']*'|[A-Za-z_]\w*|\d+\.?\d*(?:[eE]-?\d+)?|<=|>=|<>|::|:=|[-+*/^<>=]"
    for number, line in enumerate(text.splitlines(), 1):
        for found in re.finditer(words, line.split("--")[0]):
            yield found.group(), (number, found.start())


def _sql_mutants() -> Iterator[tuple[Mutant, str]]:
    """Mutants of the macros and the whole text of each."""
    text = MACROS.read_text(encoding="utf-8")
    lines, name = text.splitlines(), ""
    names = []
    for line in lines:
        opened = re.match(r"create or replace temp macro (\w+)", line)
        name = opened.group(1) if opened else name
        names.append(name)
    for (number, column), old, new in rule(_sql_tokens(text)):
        yield _mutant("macros", names[number - 1], lines, number, column, old, new)


def _mutant(
    module: str, place: str, lines: list[str], number: int, column: int, old: str, new: str
) -> tuple[Mutant, str]:
    line = lines[number - 1]
    assert line[column:].startswith(old), (line, column, old)
    changed = line[:column] + new + line[column + len(old) :]
    text = "\n".join([*lines[: number - 1], changed, *lines[number:]]) + "\n"
    return Mutant(module, place, _change(line, changed)), text


def _change(old: str, new: str) -> str:
    return f"{' '.join(old.split())} -> {' '.join(new.split())}"


def _module_mutants(file: Path) -> Iterator[tuple[Mutant, str]]:
    """Mutants of what stands at module level, of defaults of arguments, and of functions with a decorator."""
    text = file.read_text(encoding="utf-8")
    lines = text.splitlines()
    owner: dict[int, str] = {}
    for node in ast.parse(text).body:
        if isinstance(node, ast.Assign | ast.AnnAssign):
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            owner |= dict.fromkeys(range(node.lineno, (node.end_lineno or 0) + 1), ast.unparse(target))
        elif isinstance(node, ast.FunctionDef) and node.decorator_list:
            owner |= dict.fromkeys(range(node.body[0].lineno, (node.end_lineno or 0) + 1), node.name)
        elif isinstance(node, ast.FunctionDef):
            for default in [*node.args.defaults, *filter(None, node.args.kw_defaults)]:
                owner[default.lineno] = node.name
        elif isinstance(node, ast.ClassDef):
            for method in node.body:
                if isinstance(method, ast.FunctionDef) and method.decorator_list:
                    owner |= dict.fromkeys(range(method.body[0].lineno, (method.end_lineno or 0) + 1), method.name)
    tokens = (
        (token.string, token.start)
        for token in tokenize.generate_tokens(io.StringIO(text).readline)
        if token.type in (tokenize.NUMBER, tokenize.OP) and token.string not in ("*", "=") and token.start[0] in owner
    )
    for (number, column), old, new in rule(tokens):
        if lines[number - 1][column - 2 : column] != "->":
            yield _mutant(file.stem, owner[number], lines, number, column, old, new)


# --- running ----------------------------------------------------------------------------------------------------------


def _tests_of(module: str) -> list[str]:
    """The files of unit tests that import a module, or macros."""
    if module == "macros":
        return ["tests/unit/pipeline/test_macros.py"]
    files = _settings()["pytest_add_cli_args_test_selection"]
    texts = {file: (ROOT / file).read_text(encoding="utf-8") for file in files}
    wanted = rf"pipeline\.statistics\.{module} import|pipeline\.statistics import .*\b{module}\b"
    return [file for file in files if re.search(wanted, texts[file])]


def _settings() -> dict[str, list[str]]:
    found: dict[str, list[str]] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["mutmut"]
    return found


def _run_changed(mutant: Mutant, text: str, tests: list[str]) -> int:
    """In a process of its own: the source as changed, then the tests; 0 where none fails."""
    resource.setrlimit(resource.RLIMIT_CPU, (TIMEOUT_S, TIMEOUT_S + 1))
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    if mutant.module == "macros":
        import pipeline.statements

        plain = pipeline.statements.sql
        pipeline.statements.sql = lambda name: text if name == "macros" else plain(name)
    else:
        name = f"pipeline.statistics.{mutant.module}"
        loader = importlib.machinery.SourceFileLoader
        get_code = loader.get_code

        def changed(self: importlib.machinery.SourceFileLoader, fullname: str) -> types.CodeType | None:
            return compile(text, str(STATISTICS), "exec") if fullname == name else get_code(self, fullname)

        loader.get_code = changed
    return _pytest(tests)


def _pytest(tests: list[str]) -> int:
    options = ["-x", "-q", "-n", "0", "--noconftest", "-p", "no:cacheprovider"]
    return int(pytest.main([*options, *tests], plugins=[sys.modules[__name__]]))


def _in_process(mutant: Mutant, text: str, tests: list[str], *, wait: bool = False) -> int:
    """The number of the process that runs the tests, or what it ended with."""
    process = os.fork()
    if process == 0:
        os._exit(_run_changed(mutant, text, tests))
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) if wait else process


def _outcomes(mutants: list[tuple[Mutant, str]], jobs: int) -> Iterator[tuple[Mutant, str]]:
    """What became of each mutant, some at a time."""
    # What every process needs is loaded once, pytest and its plugins too.
    _pytest(["tests/unit/pipeline/test_macros.py"])
    for name in ("scipy.interpolate", "scipy.optimize", "scipy.stats", "ruptures"):
        importlib.import_module(name)
    assert not [name for name in sys.modules if name.startswith("pipeline.statistics.")], "each mutant imports its own"
    tests = {module: _tests_of(module) for module in {mutant.module for mutant, _ in mutants}}
    for module, of_module in tests.items():
        # Were the tests to fail by themselves, every mutant would count as killed.
        plain = MACROS if module == "macros" else STATISTICS / f"{module}.py"
        if _in_process(Mutant(module, "", ""), plain.read_text(encoding="utf-8"), of_module, wait=True):
            raise SystemExit(f"The tests of {module} fail without a mutant: run pytest {' '.join(of_module)}")
    running: dict[int, Mutant] = {}
    waiting = list(reversed(mutants))
    while waiting or running:
        if waiting and len(running) < jobs:
            mutant, text = waiting.pop()
            running[_in_process(mutant, text, tests[mutant.module])] = mutant
            continue
        process, status = os.wait()
        print(f"\rby rule: {len(waiting) + len(running)} to go   ", end="", file=sys.stderr, flush=True)
        yield running.pop(process), _outcome(os.waitstatus_to_exitcode(status))


def _outcome(code: int | None) -> str:
    """What an exit code of pytest says, or the signal that ended it. No other code is taken for a killed mutant."""
    if code in (1, 2, 3, -signal.SIGSEGV):
        return "killed"
    if code in (-signal.SIGXCPU, -signal.SIGKILL, 36):
        return "timeout"
    return "survived" if code == 0 else "no tests" if code in (5, 33) else f"ended with {code}"


def by_mutmut(jobs: int) -> Iterator[tuple[Mutant, str]]:
    """Mutants of undecorated functions: each meets those tests that call its function, found by running all once."""
    from mutmut import __main__ as mutmut
    from mutmut.mutation import mutators
    from mutmut.state import state

    mutators.mutation_operators[:] = [each for each in mutators.mutation_operators if each[1].__name__ in OPERATORS]
    collect = mutmut.collect_or_load_stats

    def fast_tests_only(*args: object, **options: object) -> None:
        collect(*args, **options)
        for name, tests in state().tests_by_mangled_function_name.items():
            fast = {test for test in tests if state().duration_by_test[test] <= SLOWEST_S}
            state().tests_by_mangled_function_name[name] = fast

    mutmut.collect_or_load_stats = fast_tests_only
    # In a process of its own: it loads the mutated modules and changes where modules are looked for.
    process = os.fork()
    if process == 0:
        mutmut._run((), jobs)
        os._exit(0)
    if os.waitpid(process, 0)[1]:
        raise SystemExit("mutmut did not end well: see above.")
    for meta in sorted((ROOT / "mutants" / "pipeline" / "statistics").glob("*.meta")):
        codes = json.loads(meta.read_text(encoding="utf-8"))["exit_code_by_key"]
        changes = _changes_of(meta.with_suffix(""))
        for key, code in codes.items():
            yield Mutant(meta.name.split(".")[0], *changes[key.rpartition(".")[2]]), _outcome(code)


def _changes_of(file: Path) -> dict[str, tuple[str, str]]:
    """Of each mutant in a file of mutmut's the function and the changed line."""
    text = file.read_text(encoding="utf-8")
    lines = text.splitlines()
    bodies = {
        node.name: lines[node.lineno - 1 : node.end_lineno]
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef) and "__mutmut_" in node.name
    }
    found = {}
    for name, body in bodies.items():
        place, _, number = name.rpartition("__mutmut_")
        shown = place.removeprefix("x_").removeprefix("xǁ").replace("ǁ", ".")
        if number == "orig":
            continue
        plain = [line.replace("__mutmut_orig(", "(").replace(place, shown) for line in bodies[f"{place}__mutmut_orig"]]
        changed = [line.replace(f"__mutmut_{number}(", "(").replace(place, shown) for line in body]
        old, new = next((old, new) for old, new in zip(plain, changed, strict=True) if old != new)
        found[name] = (shown, _change(old, new))
    return found


def by_rule(jobs: int) -> Iterator[tuple[Mutant, str]]:
    """Mutants of macros and of what mutmut leaves."""
    mutants = [*_sql_mutants()]
    for file in sorted(STATISTICS.glob("[a-z]*.py")):
        mutants += _module_mutants(file)
    yield from _outcomes(mutants, jobs)


# --- telling ----------------------------------------------------------------------------------------------------------


def equivalents() -> dict[str, str]:
    """Names of mutants that no test can tell from the source, and why."""
    groups = tomllib.loads(EQUIVALENTS.read_text(encoding="utf-8"))["equivalent"]
    return {name: group["reason"] for group in groups for name in group["mutants"]}


def name_of(mutant: Mutant) -> str:
    return f"{mutant.module}.{mutant.place}: {mutant.change}"


def tell(outcomes: list[tuple[Mutant, str]]) -> int:
    """Prints the table for docs/mutants.md and each mutant that survives; 1 where fewer than 90 % are killed."""
    known = equivalents()
    rows: dict[str, list[int]] = {}
    surviving = []
    for mutant, outcome in outcomes:
        row = rows.setdefault(mutant.module, [0, 0, 0, 0])
        row[0] += 1
        is_killed, is_known = outcome in ("killed", "timeout"), name_of(mutant) in known
        row[1 if is_killed else 2 if is_known else 3] += 1
        if not is_killed and not is_known:
            surviving.append(f"{name_of(mutant)}" + ("" if outcome == "survived" else f" ({outcome})"))
    rows["all"] = [sum(column) for column in zip(*rows.values(), strict=True)]
    print("\n| module | mutants | killed | equivalent | surviving | killed of all but equivalents |")
    print("|---|--:|--:|--:|--:|--:|")
    for module, row in rows.items():
        print(f"| {module} | {' | '.join(map(str, row))} | {row[1] / max(row[0] - row[2], 1):.1%} |")
    print(f"\nkilled by the clock: {sum(outcome == 'timeout' for _, outcome in outcomes)}\n")
    print("\n".join(sorted(surviving)))
    for name in sorted(set(known) - {name_of(mutant) for mutant, _ in outcomes}):
        print(f"equivalent that is no mutant (any more): {name}")
    for name in sorted({name_of(m) for m, outcome in outcomes if outcome in ("killed", "timeout")} & set(known)):
        print(f"equivalent that is killed: {name}")
    total, killed, equal, _ = rows["all"]
    return 0 if killed >= 0.9 * (total - equal) else 1


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--only", choices=["rule", "mutmut"])
    asked = parser.parse_args()
    os.chdir(ROOT)
    os.environ |= ONE_THREAD
    started = time.monotonic()
    outcomes = []
    if asked.only != "rule":
        outcomes += by_mutmut(asked.jobs)
    if asked.only != "mutmut":
        outcomes += by_rule(asked.jobs)
    code = tell(outcomes)
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    cpu = sum(each.ru_utime + each.ru_stime for each in used) / 60
    print(f"{(time.monotonic() - started) / 60:.1f} minutes, {cpu:.1f} of them of one processor")
    return code


if __name__ == "__main__":
    sys.exit(main())
