"""How long a stage may take is known from its like, and only from them."""

from __future__ import annotations

import json
import shutil

import pytest

from taggant.pipeline.plan import Past
from taggant.store.store import MANIFEST, Stage, Store


def line(n=40, seed=0, views=1, read="all", code="a"):
    """A reading of n versions, and the stages that it rests on."""
    data = Stage("data", {"config": {"train": 60, "seed": seed}, "sources": {"x": code}}, touch)
    marking = {"config": {"scheme": {"n": n}}, "secret": f"key {seed}", "seed": seed}
    mark = Stage("mark", marking, touch, needs=(data,))
    score = {"config": {"views": views}, "sources": {"x": code}}
    return Stage("score", score, touch, needs=(mark,), extent=lambda: {"until": read})


def touch(folder):
    (folder / "result").touch()


@pytest.fixture
def store(tmp_path):
    """Two such lines are stored; their readings took 10 and 20 seconds."""
    found = Store(tmp_path)
    for seed, seconds in ((0, 10.0), (1, 20.0)):
        path = found.get(line(seed=seed)).path / MANIFEST
        path.write_text(json.dumps({**json.loads(path.read_text()), "seconds": seconds}))
    return found


def test_runs_of_other_seeds_and_of_edited_code_are_alike(store):
    past = Past(store)
    assert past.estimate(line(seed=2)) == pytest.approx(15.0)
    assert past.estimate(line(seed=3, code="b")) == pytest.approx(15.0)
    assert past.estimate(line(seed=2).needs[0]) is not None


@pytest.mark.parametrize("other", [{"n": 10**6}, {"views": 8}, {"read": "until_decided"}])
def test_other_work_is_not(store, other):
    assert Past(store).estimate(line(**other)) is None


def test_what_rested_on_something_that_is_gone_says_nothing(store):

    shutil.rmtree(store.root / "data")
    assert Past(store).estimate(line(seed=2)) is None
