"""No test passes without having checked anything."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
FILES = sorted(TESTS.rglob("*.py"))
CHECKS = ("assert", "check", "raises", "warns", "fail")


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


def checks(node: ast.AST, helpers: set[str]) -> list[int]:
    """Lines where something is asserted, there or by a function that does."""
    lines = []
    for part in ast.walk(node):
        if isinstance(part, ast.Assert):
            lines.append(part.lineno)
        elif isinstance(part, ast.Call):
            name = getattr(part.func, "attr", getattr(part.func, "id", ""))
            checked = any(key.arg == "check" for key in part.keywords)  # subprocess.run
            if name.startswith(CHECKS) or name in helpers or checked:
                lines.append(part.lineno)
    return lines


def unchecked(tree: ast.AST) -> list[str]:
    """Tests without an assertion, and those that may return before the first."""
    own = list(functions(tree))
    helpers = {made.name for made in own if not is_test(made) and checks(made, set())}
    found = [made.name for made in own if is_test(made) and not checks(made, helpers)]
    for made in filter(is_test, own):
        returns = [node.lineno for node in ast.walk(made) if is_bare_return(node)]
        if returns and min(returns) < min(checks(made, helpers), default=0):
            found.append(f"{made.name} returns")
    return found


def is_bare_return(node: ast.AST) -> bool:
    return isinstance(node, ast.Return) and node.value is None


def is_test(made: ast.FunctionDef) -> bool:
    fixture = any("fixture" in ast.unparse(decorator) for decorator in made.decorator_list)
    return made.name.startswith("test_") and not fixture


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(TESTS).as_posix())
def test_every_test_asserts_something(path: Path) -> None:
    assert unchecked(ast.parse(path.read_text(encoding="utf-8"))) == []


def test_what_is_found() -> None:
    tree = ast.parse(
        "def test_a():\n    run()\n"
        "def test_b(x):\n    if x:\n        return\n    assert x\n"
        "def test_c():\n    with pytest.raises(ValueError):\n        run()\n"
        "def helper():\n    assert run()\n"
        "def test_d():\n    helper()\n"
    )
    assert unchecked(tree) == ["test_a", "test_b returns"]
