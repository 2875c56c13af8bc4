"""Do the tests notice when the code that carries the guarantee is changed? A mutation tester.

    python tools/mutants.py [MODULE ...] [--sample 10] [--seed 0]

Changes one place at a time (a comparison, an operator, a number, a condition, a deleted statement)
in the modules of `TESTS` and runs the tests beside it; a change that no test notices survives and
is shown. Files stay as they are: each mutant lives in a process of its own, forked from one that
has the libraries loaded. Of each module, `--sample` mutants are drawn (0: all). Those of `NAMED`
are always among them.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import copy
import importlib
import importlib.abc
import importlib.machinery
import json
import os
import random
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import CodeType, ModuleType

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "taggant"

CHAIN = ("stats/test_boundary", "stats/test_chain", "stats/test_sequential")
PLANS = ("stats/test_sets", "stats/test_planning", "stats/test_examples")
AUDIT = (
    "auditing/test_comparison",
    "auditing/test_engine",
    "auditing/test_controls",
    "auditing/test_drift",
)
TESTS: dict[str, tuple[str, ...]] = {
    "stats/alternatives": (*CHAIN, "stats/test_evidence", "stats/test_multiple"),
    "stats/arrays": CHAIN,
    "stats/boundary": (*CHAIN, "stats/test_twins", "stats/test_mirrored", "stats/test_examples"),
    "stats/chain": CHAIN,
    "stats/checks": ("stats/test_checks", *CHAIN, "stats/test_examples"),
    "stats/controlled": ("stats/test_controlled", "stats/test_examples"),
    "stats/controlled_sets": ("stats/test_controlled", "stats/test_examples"),
    "stats/discoveries": ("stats/test_sets", "stats/test_examples"),
    "stats/evidence": ("stats/test_evidence", *CHAIN),
    "stats/exact": ("stats/test_mirrored", "stats/test_grid", "stats/test_examples"),
    "stats/intervals": ("stats/test_intervals", "stats/test_sequential"),
    "stats/levels": (*CHAIN, "stats/test_examples"),
    "stats/mirrored": ("stats/test_mirrored", *CHAIN),
    "stats/multiple": ("stats/test_multiple", "stats/test_sequential"),
    "stats/planning": PLANS,
    "stats/programme": ("stats/test_stopping", "stats/test_reference", "stats/test_grid"),
    "stats/radioactive": ("stats/test_radioactive", "stats/test_sequential"),
    "stats/ranks": ("stats/test_ranks", "stats/test_sequential"),
    "stats/replay": CHAIN,
    "stats/sequential": (*CHAIN, "stats/test_reference", "stats/test_grid"),
    "stats/sets": PLANS,
    "stats/spending": ("stats/test_stopping", "stats/test_grid"),
    "stats/stopping": ("stats/test_stopping", "stats/test_grid", "stats/test_examples", *CHAIN),
    "stats/thresholds": (*CHAIN, "stats/test_mirrored", "stats/test_examples"),
    "stats/twins": ("stats/test_twins", *CHAIN),
    "auditing/comparison": AUDIT,
    "auditing/controls": ("auditing/test_controls", "auditing/test_drift", "auditing/test_engine"),
    "auditing/engine": AUDIT,
    "auditing/plan": AUDIT,
    "auditing/questions": AUDIT,
    "auditing/readings": AUDIT,
    "auditing/slots": ("auditing/test_slots", *AUDIT),
    "auditing/state": AUDIT,
    "auditing/spread": ("auditing/test_slots", *AUDIT),
    "marking/draws": ("marking/test_draws", "marking/test_ledger"),
    "marking/ledger": ("marking/test_ledger", "marking/test_draws"),
    "marking/publish": ("marking/test_publish", "marking/test_ledger"),
    "owner/decision": ("owner/test_decision", "owner/test_verify"),
    "owner/commitments": ("owner/test_mark", "owner/test_verify", "owner/test_hostile"),
    "owner/verify": ("owner/test_verify", "owner/test_hostile"),
}
NAMED = {  # module: function, what its body becomes
    "marking/draws": ("order", "return np.delete(np.arange(self.n), published)"),
    "auditing/comparison": ("snap", "return scores.astype(np.float64)"),
}
COMPARED = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}  # fmt: skip
OPERATED = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Div,
    ast.Mod: ast.FloorDiv, ast.Pow: ast.Mult, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd,
    ast.LShift: ast.RShift, ast.RShift: ast.LShift, ast.BitXor: ast.BitOr,
}  # fmt: skip
_FIRST = 900  # seconds for the tests of a module as it is
CALLED = {"minimum": "maximum", "min": "max", "floor": "ceil", "any": "all", "argmin": "argmax"}
CALLED |= {other: name for name, other in CALLED.items()}
UNTOUCHED = {"annotation", "returns", "decorator_list", "type_params", "bases"}


@dataclass(frozen=True)
class Mutant:
    """One changed place of a module."""

    module: str
    line: int
    before: str
    after: str
    tree: ast.Module

    def __str__(self) -> str:
        return f"src/taggant/{self.module}.py:{self.line}: {self.before}  ->  {self.after}"

    def code(self) -> CodeType:
        return compile(ast.fix_missing_locations(self.tree), f"{self.module}.py", "exec")


def mutants(module: str) -> list[Mutant]:
    """Every mutant of a module, in the order of its lines."""
    text = (SOURCE / f"{module}.py").read_text(encoding="utf-8")
    places = len(list(_places(ast.parse(text))))
    found = []
    for place in range(places):
        which = 0
        while True:
            tree = ast.parse(text)
            parent, field, index, node = list(_places(tree))[place]
            others = list(_others(node))
            if which >= len(others):
                break
            _put(parent, field, index, others[which])
            before, after = (_short(x) for x in (node, others[which]))
            found.append(Mutant(module, getattr(node, "lineno", 0), before, after, tree))
            which += 1
    return found


def named(module: str) -> Mutant | None:
    """The mutant of `NAMED`, if the module has one."""
    if module not in NAMED:
        return None
    name, body = NAMED[module]
    tree = ast.parse((SOURCE / f"{module}.py").read_text(encoding="utf-8"))
    functions = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef) and n.name == name]
    (function,) = functions
    function.body = ast.parse(body).body
    return Mutant(module, function.lineno, f"{name}(...)", body, tree)


def _places(node: ast.AST) -> Iterator[tuple[ast.AST, str, int | None, ast.AST]]:
    """Where something may be changed: not in annotations, docstrings, messages or imports."""
    for field, value in ast.iter_fields(node):
        if field in UNTOUCHED or isinstance(node, (ast.Raise, ast.JoinedStr)):
            continue
        children = enumerate(value) if isinstance(value, list) else [(None, value)]
        for index, child in children:
            if not isinstance(child, ast.AST) or _is_text(child):
                continue
            yield node, field, index, child
            yield from _places(child)


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _others(node: ast.AST) -> Iterator[ast.AST]:
    """What a node may become."""
    changed = copy.deepcopy(node)
    if isinstance(changed, ast.Compare) and type(changed.ops[0]) in COMPARED:
        changed.ops[0] = COMPARED[type(changed.ops[0])]()
        yield changed
    elif isinstance(changed, (ast.BinOp, ast.AugAssign)) and type(changed.op) in OPERATED:
        changed.op = OPERATED[type(changed.op)]()
        yield changed
    elif isinstance(changed, ast.BoolOp):
        changed.op = ast.And() if isinstance(changed.op, ast.Or) else ast.Or()
        yield changed
    elif isinstance(changed, ast.UnaryOp):
        yield changed.operand
    elif isinstance(changed, ast.Constant) and isinstance(changed.value, bool):
        yield ast.copy_location(ast.Constant(not changed.value), node)
    elif isinstance(changed, ast.Constant) and isinstance(changed.value, (int, float)):
        more = 1 if isinstance(changed.value, int) else changed.value
        yield ast.copy_location(ast.Constant(changed.value + (more or 1.0)), node)
    elif isinstance(changed, (ast.If, ast.IfExp, ast.While)):
        changed.test = ast.UnaryOp(ast.Not(), changed.test)
        yield changed
    elif isinstance(changed, ast.Call):
        yield from _other_calls(changed)
    if isinstance(node, (ast.Raise, ast.AugAssign, ast.Break, ast.Continue)) or (
        isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
    ):
        yield ast.copy_location(ast.Pass(), node)


def _other_calls(call: ast.Call) -> Iterator[ast.AST]:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if name in CALLED and isinstance(call.func, ast.Attribute):
        call.func.attr = CALLED[name]
        yield call
    elif name in CALLED and isinstance(call.func, ast.Name):
        call.func.id = CALLED[name]
        yield call


def _put(parent: ast.AST, field: str, index: int | None, node: ast.AST) -> None:
    if index is None:
        setattr(parent, field, node)
    else:
        getattr(parent, field)[index] = node


def _short(node: ast.AST) -> str:
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= 90 else text[:87] + "..."


class _Mutated(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Gives one module another code."""

    def __init__(self, mutant: Mutant) -> None:
        self.name, self.code = "taggant." + mutant.module.replace("/", "."), mutant.code()
        self.path = str(SOURCE / f"{mutant.module}.py")

    def find_spec(
        self, fullname: str, path: object, target: object = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != self.name:
            return None
        spec = importlib.machinery.ModuleSpec(fullname, self, origin=self.path)
        spec.has_location = True
        return spec

    def exec_module(self, module: ModuleType) -> None:
        exec(self.code, module.__dict__)


def noticed(mutant: Mutant | None, tests: Sequence[str], limit: int) -> str:
    """How a process of its own ended: "passed", "failed" or "late"."""
    child = os.fork()
    if child == 0:
        signal.alarm(limit)
        os.setsid()
        quiet = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(quiet, stream)
        os._exit(_run(mutant, tests))
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return "late" if os.WTERMSIG(status) == signal.SIGALRM else "failed"
    return "passed" if os.WEXITSTATUS(status) == 0 else "failed"


def _run(mutant: Mutant | None, tests: Sequence[str], *more: str) -> int:
    import pytest

    if mutant is not None:
        sys.meta_path.insert(0, _Mutated(mutant))
    files = [str(ROOT / "tests" / f"{name}.py") for name in tests]
    options = ["-x", "-q", "-p", "no:cacheprovider", "-m", "not slow", "--hypothesis-seed=0"]
    return int(pytest.main([*options, *more, *files]))


def load_libraries(tests: Sequence[str]) -> None:
    """Import here, once, what the tests import of other packages."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        quiet = os.open(os.devnull, os.O_RDWR)
        for stream in (1, 2):
            os.dup2(quiet, stream)
        _run(None, sorted(set(tests)), "--collect-only")
        with os.fdopen(writing, "w") as answer:
            json.dump([name for name in sorted(sys.modules) if not _is_ours(name)], answer)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as answer:
        names = json.load(answer)
    os.waitpid(child, 0)
    for name in names:
        with contextlib.suppress(ImportError):  # made at run time by its package
            importlib.import_module(name)
    if ours := [name for name in sys.modules if name.startswith("taggant")]:
        raise SystemExit(f"no mutant would take effect: {ours[0]} is loaded beforehand")


def _is_ours(name: str) -> bool:
    file = getattr(sys.modules[name], "__file__", None) or ""
    here = file.startswith(f"{ROOT}{os.sep}") and not file.startswith(sys.prefix)
    return name == "__main__" or name.startswith("taggant") or here


@cache
def _seconds(tests: tuple[str, ...]) -> int:
    """How long tests take on the code as it is."""
    start = time.monotonic()
    if noticed(None, tests, _FIRST) != "passed":
        raise SystemExit(f"these tests fail on the code as it is: {', '.join(tests)}")
    return int(time.monotonic() - start)


def test_module(module: str, sample: int, seed: int) -> tuple[int, list[Mutant]]:
    """Number of mutants tried, and those that no test noticed."""
    tests = TESTS[module]
    limit = 10 + 4 * _seconds(tests)  # for what never ends
    every = mutants(module)
    rng = random.Random(f"{seed}/{module}")
    tried = every if not sample or sample >= len(every) else rng.sample(every, sample)
    tried = sorted(tried, key=lambda mutant: mutant.line)
    if (fixed := named(module)) is not None:
        tried.insert(0, fixed)
    alive = [mutant for mutant in tried if noticed(mutant, tests, limit) == "passed"]
    return len(tried), alive


def main() -> None:
    """Try the modules and print what survives, and the score."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("modules", nargs="*", help="such as stats/chain; all of them if none")
    parser.add_argument("--sample", type=int, default=10, help="mutants of each module; 0: all")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if unknown := set(options.modules) - set(TESTS):
        parser.error(f"{', '.join(sorted(unknown))}: accepted are {', '.join(TESTS)}")
    modules = options.modules or list(TESTS)
    sys.path[:0] = [str(ROOT), str(ROOT / "src")]
    os.chdir(ROOT)
    load_libraries([name for module in modules for name in TESTS[module]])
    tried = survived = 0
    for module in modules:
        start = time.monotonic()
        count, alive = test_module(module, options.sample, options.seed)
        tried, survived = tried + count, survived + len(alive)
        seconds = time.monotonic() - start
        print(f"{module}: {count - len(alive)} of {count} noticed, {seconds:.0f} s", flush=True)
        for mutant in alive:
            print(f"  {mutant}", flush=True)
    print(f"{tried - survived} of {tried} mutants noticed, {survived} survived")


if __name__ == "__main__":
    main()
