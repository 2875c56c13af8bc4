"""The page of the API, its docstrings and the README's ten lines run."""

from __future__ import annotations

import doctest
import importlib
import re

import pytest
from tests.api.cases import KEY
from tests.conftest import ROOT

import taggant

OPTIONS = doctest.ELLIPSIS | doctest.IGNORE_EXCEPTION_DETAIL
PAGE = ROOT / "docs" / "api.md"


@pytest.fixture(autouse=True)
def _one_secret(monkeypatch):
    """Keys that nobody names are the same in every run of the tests."""
    monkeypatch.setattr("secrets.token_bytes", lambda count: KEY)
    monkeypatch.delenv("WANDB_MODE", raising=False)  # transformers would print that it is set


@pytest.mark.parametrize("name", ["audit", "mark", "metric", "planning", "unlearn"])
def test_examples_of_docstrings(name):
    module = importlib.import_module(f"taggant.api.{name}")
    found = doctest.testmod(module, optionflags=OPTIONS)
    assert found.attempted > 0
    assert found.failed == 0


@pytest.mark.parametrize(("page", "examples"), [("api", 60), ("howto", 15)])
def test_examples_of_the_pages(page, examples):
    path = ROOT / "docs" / f"{page}.md"
    found = doctest.testfile(str(path), module_relative=False, optionflags=OPTIONS)
    assert found.attempted > examples
    assert found.failed == 0


def test_examples_of_the_page_on_data():
    found = doctest.testfile(
        str(ROOT / "docs" / "your_data.md"), module_relative=False, optionflags=OPTIONS
    )
    assert found.attempted > 30
    assert found.failed == 0


def test_the_readmes_lines_are_those_of_the_page():
    (block,) = re.findall(
        r"```python\n(import taggant\n.*?)```", (ROOT / "README.md").read_text(), re.DOTALL
    )
    lines = [code(line) for line in block.splitlines() if code(line)]
    run = [code(line[4:]) for line in PAGE.read_text().splitlines() if line.startswith(">>> ")]
    start = run.index("import taggant")
    assert lines == [line for line in run[start : start + 8] if line in lines]
    assert len(lines) == 7


def code(line: str) -> str:
    return line.partition("#")[0].strip()


def test_every_public_name_is_there_and_on_the_page():
    page = PAGE.read_text()
    for name in taggant.__all__:
        assert getattr(taggant, name) is not None
        assert name == "__version__" or f"taggant.{name}" in page or f"`{name}`" in page
    with pytest.raises(AttributeError, match="no attribute 'marks'"):
        _ = taggant.marks
