"""The bench of the owner's tool runs, and measures what it says."""

from __future__ import annotations

import json
import sys

import pytest
from tests.conftest import ROOT


@pytest.fixture
def owner(monkeypatch):
    """The bench as a module."""
    monkeypatch.syspath_prepend(str(ROOT / "bench"))
    monkeypatch.delitem(sys.modules, "owner", raising=False)
    import owner

    monkeypatch.setitem(owner.SIZES, "small", (0.05, 0.01, 1, 2, (240,)))
    return owner


def test_every_table_of_the_owners_bench_is_made(owner, tmp_path, monkeypatch):
    path = tmp_path / "bench.json"
    monkeypatch.setattr(sys, "argv", ["owner.py", "--small", "--json", str(path)])
    owner.main()
    found = json.loads(path.read_text())
    marking, auditing, many, left = list(found.values())[-4:]
    assert [row["format"] for row in marking] == ["png", "webp", "jpeg"]
    assert all(0 < row["MB more"] < 400 and row["CPU s"] > 0 for row in (*marking, *many))
    assert [row["answers"] > 20 for row in auditing] == [True, True]
    assert many[1]["pictures"] == 2
    assert left[0]["kept at 224"] > left[-1]["kept at 224"] > 0.5
