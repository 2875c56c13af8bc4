"""What every scheme and strategy promises: purity to the bit, and the ball."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.conftest import random_set
from tests.marking.nets import marker

from taggant.marking.n_version import NVersion, Sign
from taggant.marking.radioactive import Radioactive
from taggant.marking.strategies.edit import Edit
from taggant.marking.strategies.feature import Feature
from taggant.marking.strategies.jacobian import Jacobian
from taggant.marking.strategies.maxmin import MaxMin
from taggant.marking.strategies.smooth import Smooth
from taggant.marking.strategies.smooth_edit import SmoothEdit
from taggant.marking.twins import Twins

SECRET = bytes(range(32))
EPSILON = 10
FULL = {
    "sign": lambda p: NVersion(24, EPSILON, Sign(2)),
    "sign mirrored": lambda p: NVersion(24, EPSILON, Sign(2, mirror=True)),
    "smooth": lambda p: NVersion(24, EPSILON, Smooth()),
    "edit": lambda p: NVersion(24, EPSILON, Edit(limit=EPSILON)),
    "smooth_edit": lambda p: NVersion(24, 4, SmoothEdit(limit=EPSILON - 4)),
    "feature": lambda p: NVersion(24, EPSILON, Feature(marker(p), steps=3, chunk=5)),
    "jacobian": lambda p: NVersion(24, EPSILON, Jacobian(marker(p), k=8)),
    "jacobian blocks": lambda p: NVersion(24, EPSILON, Jacobian(marker(p), k=8, block=3)),
    "maxmin": lambda p: NVersion(24, EPSILON, MaxMin(marker(p), steps=3, chunk=5)),
    "twins": lambda p: Twins(marker(p), EPSILON, steps=12, lanes=3),
    "radioactive": lambda p: Radioactive(marker(p), 6, EPSILON, steps=12, lr=5.0, lanes=3),
    "radioactive cone": lambda p: Radioactive(marker(p), 6, steps=12, angle=1.4, lanes=3),
}
NO_NETWORK = {"sign", "sign mirrored", "smooth", "edit", "smooth_edit"}
PRECISIONS = ["float32", "bfloat16"]
DATA = random_set(5)


def every(scheme):
    indices = np.tile(np.arange(scheme.n), (len(DATA), 1))
    return scheme.versions([SECRET] * len(DATA.ids), DATA.images, DATA.ids, indices, DATA.labels)


@pytest.fixture(autouse=True)
def _fresh_generator():
    torch.manual_seed(0)


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("name", FULL)
def test_any_subset_in_any_order_and_batch_gives_the_same_bits(name, precision):
    whole = every(FULL[name](precision))
    rng = np.random.default_rng(0)
    for trial in range(3):
        scheme = FULL[name](precision)  # nothing is remembered from before
        for _ in range(4):
            rows = rng.integers(len(DATA), size=rng.integers(1, 9))
            indices = rng.integers(scheme.n, size=(len(rows), 1 + trial))
            chosen = torch.from_numpy(rows)
            made = scheme.versions(
                [SECRET] * len(rows),
                DATA.images[chosen],
                [DATA.ids[row] for row in rows],
                indices,
                DATA.labels[chosen],
            )
            assert torch.equal(made, whole[chosen[:, None], torch.from_numpy(indices)])


@pytest.mark.parametrize("name", FULL)
def test_versions_stay_in_the_ball_and_differ(name):
    scheme = FULL[name]("float32")
    versions = every(scheme)
    assert versions.dtype == torch.uint8
    moved = (versions.int() - DATA.images[:, None].int()).abs()
    assert int(moved.max()) <= EPSILON
    assert float(moved.float().mean()) > 0.3
    for row in versions:
        assert len(torch.unique(row.flatten(1), dim=0)) == scheme.n


@pytest.mark.parametrize("name", FULL)
def test_secret_id_and_pixels_all_matter(name):
    scheme = FULL[name]("float32")
    index = np.zeros((1, 1), int)
    raw, label = DATA.images[:1], DATA.labels[:1]
    base = scheme.versions([SECRET], raw, ["a"], index, label)
    assert not torch.equal(base, scheme.versions([SECRET[::-1]], raw, ["a"], index, label))
    assert not torch.equal(base, scheme.versions([SECRET], raw.flip(-1), ["a"], index, label))
    assert not torch.equal(base, scheme.versions([SECRET], raw, ["b"], index, label))


@pytest.mark.parametrize("name", FULL)
def test_parameters_are_plain_and_name_the_weights(name):
    parameters = FULL[name]("float32").parameters()
    assert all(isinstance(v, str | int | float | None) for v in parameters.values())
    assert ("weights" in parameters) == (name not in NO_NETWORK)
    assert parameters.get("weights", marker().digest) == marker().digest


@pytest.mark.parametrize("name", ["feature", "jacobian", "maxmin", "twins"])
def test_what_is_kept_at_hand_does_not_grow_with_what_was_made(name):
    scheme = FULL[name]("float32")
    keeper = scheme if name == "twins" else scheme.strategy
    keeper._cache.budget = 40_000
    data = random_set(40, seed=1)
    indices = np.tile(np.arange(2), (40, 1))
    first = scheme.versions([SECRET] * len(data.ids), data.images, data.ids, indices)
    assert keeper._cache.size <= 40_000
    assert torch.equal(
        scheme.versions([SECRET] * len(data.ids), data.images, data.ids, indices), first
    )


@pytest.mark.parametrize("name", ["feature", "jacobian", "maxmin"])
def test_marks_move_features_further_than_random_signs_do(name):
    raw, versions = DATA.images.float(), every(FULL[name]("float32"))
    found = marker()

    def moved(made):
        return (found(made[:, 3].float()) - found(raw)).norm(dim=1).mean()

    assert moved(versions) > 1.5 * moved(every(FULL["sign"]("float32")))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Sign(0), r"block = 0: accepted are 1"),
        (lambda: Smooth(0), r"block = 0"),
        (lambda: SmoothEdit(block=-1), r"block = -1"),
        (lambda: SmoothEdit(strength=2), r"strength = 2"),
        (lambda: Edit(strength=0), r"strength = 0: accepted are 0 < strength <= 1"),
        (lambda: Edit(limit=256), r"limit = 256: accepted are whole grey levels from 1 to 255"),
        (lambda: Feature(marker(), steps=0), "steps = 0"),
        (lambda: Feature(marker(), chunk=0), r"chunk = 0"),
        (lambda: MaxMin(marker(), steps=-1), "steps = -1"),
        (lambda: Jacobian(marker(), k=129), r"k = 129: accepted are 1 to 128"),
        (lambda: Jacobian(marker(), block=0), r"block = 0"),
        (lambda: Twins(marker(), epsilon=0), r"epsilon = 0"),
        (lambda: Radioactive(marker(), n=0), r"n = 0"),
        (lambda: Radioactive(marker(), angle=2.0), r"angle = 2.0"),
    ],
)
def test_bad_parameters_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("name", FULL)
def test_each_image_is_marked_under_its_own_secret(name):
    few, labels, index = DATA.images[:3], DATA.labels[:3], np.array([[1, 0]] * 3)
    ids, secrets = list(DATA.ids[:3]), [SECRET, SECRET[::-1], SECRET]
    together = FULL[name]("float32").versions(secrets, few, ids, index, labels)
    for row in range(3):
        one = slice(row, row + 1)
        alone = FULL[name]("float32").versions(
            secrets[one], few[one], ids[one], index[one], labels[one]
        )
        assert torch.equal(alone[0], together[row])
