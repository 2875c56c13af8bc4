import doctest
import importlib
import pkgutil
import re

import pytest
from tests.conftest import ROOT

from taggant import stats

MODULES = sorted(m.name for m in pkgutil.iter_modules(stats.__path__) if m.name != "__main__")


@pytest.mark.parametrize("name", MODULES)
def test_examples_of_the_docstrings(name):
    found = doctest.testmod(importlib.import_module(f"taggant.stats.{name}"))
    assert found.failed == 0


def test_examples_of_the_page():
    found = doctest.testfile(str(ROOT / "docs" / "statistics.md"), module_relative=False)
    assert found.attempted > 10
    assert found.failed == 0


def test_the_page_lists_what_no_command_calls():
    files = [
        path for part in ("src", "experiments", "bench") for path in (ROOT / part).rglob("*.py")
    ]
    called = [path for path in files if path.parent.name != "stats" or path.stem == "__main__"]
    targets = (ROOT / "conf").rglob("*.yaml")
    product = " ".join(path.read_text() for path in [*called, *targets])
    own = [path.read_text() for path in files if path.parent.name == "stats"]
    within = " ".join(re.sub(r'""".*?"""', "", text, flags=re.DOTALL) for text in own)

    def used(name: str) -> bool:
        if name in re.findall(r"\w+", product):
            return True
        return len(re.findall(rf"\b{name}\(", within)) > 1  # its definition is one

    functions = {name for name in stats.__all__ if name[0].islower()}
    listed = set(re.findall(r"`(\w+)`[, ]", (ROOT / "docs" / "statistics.md").read_text()))
    unused = {name for name in functions if not used(name)}
    assert unused <= listed, unused - listed
