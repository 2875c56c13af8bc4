from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from taggant import code

SAMPLE = '''
"""A module."""
import os  # for its paths

CONSTANT = 1.50
"""What it is."""

@property
def first(x: int, *, y: str = "a", **z) -> float:
    """A function."""
    a, *b = [f"{x!r:>4}", None, ..., b"x"]
    return -x if x else {**z, "k": lambda: (yield)}

class Second:
    """A class."""

    def method(self): ...
'''


def tree_digest(text: str) -> str:
    return code.syntax_digest(ast.parse(text))


def test_the_digest_of_a_syntax_tree_is_the_same_on_every_version_of_python():
    assert tree_digest(SAMPLE) == "35d7346e4c8a1436"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("A module.", "Another text.\n\nOf more lines."),
        ('"""A function."""\n    ', ""),
        ('"""What it is."""', "# what it is"),
        ("  # for its paths", ""),
        ("1.50", "1.5"),
        ("a, *b = ", "(a, *b) = \\\n        "),
        ('"""A class."""', "'A class'"),
    ],
)
def test_rewording_changes_no_digest(old, new):
    assert old in SAMPLE
    assert tree_digest(SAMPLE.replace(old, new)) == tree_digest(SAMPLE)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("1.50", "1.51"),
        ("1.50", '"1.5"'),
        ("1.50", "(1.5,)"),
        ("@property\n", ""),
        ("*, y", "y"),
        ("!r", "!s"),
        ("None", "0"),
        ("None", "True"),
        ('b"x"', '"x"'),
        ("-x", "+x"),
        ("-x", "x"),
        ("return -x", "-x"),
        ("import os", "import sys as os"),
        ("class Second", "class Second(object)"),
        ("def method(self): ...", "def method(self): return ..."),
        ("def method(self)", "async def method(self)"),
        ("a, *b", "a, b"),
        ("**z, ", ""),
    ],
)
def test_any_other_edit_changes_the_digest(old, new):
    assert old in SAMPLE
    assert tree_digest(SAMPLE.replace(old, new)) != tree_digest(SAMPLE)


@pytest.fixture
def package(tmp_path, monkeypatch) -> Iterator[Path]:
    """A package of one's own, beside the installed ones."""
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path / "own"
    forget()


def forget() -> None:
    code.sources.cache_clear()
    code._said.cache_clear()


def write(package: Path, **modules: str) -> None:
    forget()
    for name, text in {"__init__": "", **modules}.items():
        path = package.joinpath(*name.split("__in__")[::-1]).with_suffix(".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def reached(*names: str) -> set[str]:
    return {name.removeprefix("own.") for name in code.closure([f"own.{name}" for name in names])}


@pytest.mark.parametrize(
    "line",
    [
        "import own.b",
        "import own.b as c",
        "from own import b",
        "from own.b import f",
        "from own.b import *",
        "from . import b",
        "from .b import f",
        "def g():\n    from own.b import f",
        "class C:\n    import own.b",
        "try:\n    import own.b\nexcept ImportError:\n    pass",
        "import typing\nif typing.TYPE_CHECKING:\n    pass\nelse:\n    import own.b",
        "match 1:\n    case 1:\n        import own.b",
        "import os, own.b",
        "async def g():\n    with g() as h:\n        from own import b as d",
    ],
)
def test_imports_are_followed_wherever_they_stand(package, line):
    write(package, a=line, b="import own.c", c="", d="")
    assert reached("a.f") == {"a", "b", "c"}


@pytest.mark.parametrize(
    "line",
    [
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from own.b import f",
        "import typing\nif typing.TYPE_CHECKING:\n    from own.b import f",
        "import torch",
        "text = 'import own.b'",
    ],
)
def test_what_does_not_run_is_not_followed(package, line):
    write(package, a=line, b="")
    assert reached("a") == {"a"}


def test_two_imports_under_one_name_both_count(package):
    write(package, a="def f():\n import own.b as x\ndef g():\n import own.c as x", b="", c="")
    assert reached("a") == {"a", "b", "c"}


def test_a_name_counts_where_it_is_defined_not_where_it_is_passed_on(package):
    inner = "from own.inner.deep import f\nfrom own.inner.other import g as h\ndef own_one(): ..."
    write(
        package,
        a="from own.inner import f",
        b="from own import inner",
        __init____in__inner=inner,
        deep__in__inner="",
        other__in__inner="",
    )
    assert reached("inner.f") == {"inner.deep"}
    assert reached("a") == {"a", "inner.deep"}
    assert reached("inner.h") == {"inner.other"}
    assert reached("inner.own_one") == {"inner", "inner.deep", "inner.other"}
    assert reached("b") == {"b", "inner", "inner.deep", "inner.other"}


def test_circles_end(package):
    write(package, a="import own.b", b="import own.a")
    assert reached("a") == {"a", "b"}


def test_what_is_left_out_is_not_followed_either(package):
    write(package, a="import own.b, own.bb", b="import own.c", bb="", c="")
    assert set(code.closure(["own.a"], ["own.b"])) == {"own.a", "own.bb"}


def test_a_file_beside_a_module_counts_if_the_module_names_it(package):
    write(package, a="NAME = 'page.html'", b="")
    (package / "page.html").write_text("one")
    before = code.closure(["own.a", "own.b"])
    forget()
    (package / "page.html").write_text("two")
    after = code.closure(["own.a", "own.b"])
    assert (before["own.a"] != after["own.a"], before["own.b"] != after["own.b"]) == (True, False)


def test_a_module_without_a_package_counts_and_its_edit_does_in_the_next_process(package):
    path = package.with_suffix(".py")
    path.write_text("x = 1")
    before = code.closure(["own.f"])
    path.write_text("x = 2")
    assert code.closure(["own.f"]) == before
    forget()
    assert code.closure(["own.f"]).keys() == before.keys() == {"own"}
    assert code.closure(["own.f"]) != before


def test_installed_libraries_do_not_count():
    assert code.closure(["torch.nn.Linear", "json.loads", "builtins.object"]) == {}


@pytest.mark.parametrize("name", ["nowhere.at.all", ".x"])
def test_a_name_in_no_package_is_told(name):
    with pytest.raises(ModuleNotFoundError, match="no such module"):
        code.closure([name])


def test_nothing_is_run(package):
    write(package, a="import own.b\nraise SystemExit", b="1 / 0")
    assert reached("a") == {"a", "b"}
    assert not {"own.a", "own.b"} & set(sys.modules)


def test_changed_code_is_told_whoever_noted_it(package):
    write(package, a="import own.b", b="x = 1", c="")
    noted = code.closure(["own.a", "own.c"])
    assert code.changed(noted) == []
    write(package, a="import own.b  # again", b="x = 2", c="")
    (package / "c.py").unlink()
    assert code.changed(noted) == ["own.b", "own.c"]
    foreign = ["", "../x", "nowhere.at.all"]
    assert code.changed(dict.fromkeys(foreign, "0")) == foreign
