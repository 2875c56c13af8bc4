import doctest
import importlib
import pkgutil

import pytest

from taggant import stats

MODULES = sorted(m.name for m in pkgutil.iter_modules(stats.__path__) if m.name != "__main__")


@pytest.mark.parametrize("name", MODULES)
def test_examples_of_the_docstrings(name):
    found = doctest.testmod(importlib.import_module(f"taggant.stats.{name}"))
    assert found.failed == 0
