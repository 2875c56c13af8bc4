from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from tests.conftest import random_set

from taggant.data.augment import CropFlip
from taggant.score import Oracle, Score, membership
from taggant.score.access import Full
from taggant.score.learned import FEATURES, LARGEST, Learned, ViewNet, features, keep, learn, read
from taggant.score.view_sets import Mixed

MARK = "ab" * 16
COUNT, VERSIONS, VIEWS = 60, 12, 4


def answers(seed: int, quiet: float) -> torch.Tensor:
    """Features of versions, the first published: in its *worst* view the model is surer of it."""
    generator = torch.Generator().manual_seed(seed)
    odds = 3 * torch.randn(COUNT, VERSIONS, VIEWS, generator=generator).double() + 4
    odds[:, 0] = odds[:, 0].clamp(min=quiet)
    return torch.stack([odds, torch.nn.functional.logsigmoid(odds)], -1)


def firsts(scores: torch.Tensor) -> float:
    return float((scores[:, :1] > scores[:, 1:]).all(1).double().mean())


@pytest.fixture(scope="module")
def learned() -> ViewNet:
    return learn([answers(seed, 2.0) for seed in range(3)])


def test_what_is_learned_on_some_models_is_found_in_another(learned):
    other = answers(9, 2.0)
    margin = other[..., 0].mean(-1)
    assert firsts(learned(other)) > 2 * firsts(margin) > 2 / VERSIONS
    assert firsts(learned(answers(9, -torch.inf))) < 3 / VERSIONS


def test_it_begins_as_the_mean_log_confidence():
    other = answers(9, 2.0)
    centre, spread = other.flatten(0, 2).mean(0), other.flatten(0, 2).std(0)
    expected = ((other[..., 1] - centre[1]) / spread[1]).mean(-1)
    assert torch.allclose(ViewNet(centre, spread)(other), expected)


def test_it_is_a_function_of_one_version_and_of_the_set_of_its_views(learned):
    other = answers(9, 2.0)
    together = learned(other)
    assert torch.equal(learned(other[3:4, 5:6]), together[3:4, 5:6])
    assert torch.allclose(learned(other.flip(2)), together, atol=1e-12)


def test_features_are_exact_of_images_that_a_model_is_sure_of():
    logits = torch.tensor([[[40.0, 0, 0]], [[-40, 0, 0]]]).log_softmax(2)
    found = features(logits, torch.tensor([0, 0]))
    assert found.shape == (2, 1, FEATURES)
    assert (found[0, 0, 1] < 0) & (found[0, 0, 1] > -1e-15)
    assert found[1, 0].tolist() == pytest.approx([-40.693147, -40.693147])


def test_a_kept_score_is_read_back_with_the_marks_it_was_learned_from(learned, tmp_path):
    file = tmp_path / "score.safetensors"
    keep(learned, [MARK, MARK], file)
    statistic = Learned(str(file))
    logits, labels = torch.randn(5, VIEWS, 3).log_softmax(2), torch.tensor([0, 1, 2, 0, 1])
    assert statistic.learned_from == {MARK}
    assert torch.equal(statistic(logits, labels), learned(features(logits, labels)).float())


def test_views_are_hard_as_they_were_where_it_was_learned(learned, tmp_path):
    keep(learned, [], tmp_path / "score.safetensors")
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(768, 4))
    oracle, data = Oracle(Pixels(net), Full(), 64), random_set(4, size=16)
    common = {"access": Full(), "views": 6, "augment": CropFlip(pad=2), "view_set": Mixed()}
    own = Score(Learned(str(tmp_path / "score.safetensors")), average=None, **common)
    plain = Score(membership.loss, **common)
    found = [one.views_of(oracle, data.images, data.labels, range(4)) for one in (own, plain)]
    assert torch.equal(*found)


class Pixels(torch.nn.Module):
    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, images):
        return self.net(images.float() / 255)


def test_learning_is_repeatable_and_leaves_torchs_own_draws_alone():
    torch.manual_seed(5)
    before = torch.get_rng_state()
    one, other = (learn([answers(0, 2.0)]).state_dict() for _ in range(2))
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert torch.equal(before, torch.get_rng_state())


def broken(path: Path, kind: str) -> Path:
    state = {name: tensor.clone() for name, tensor in ViewNet().state_dict().items()}
    known = {"learned_from": json.dumps([MARK])}
    match kind:
        case "missing":
            return path
        case "bytes":
            path.write_bytes(b"no tensors at all")
        case "marks":
            save_file(state, path)
        case "digests":
            save_file(state, path, {"learned_from": "[1]"})
        case "shape":
            save_file(state | {"plain": torch.zeros(3)}, path, known)
        case "name":
            save_file(state | {"more": torch.zeros(3)}, path, known)
        case "numbers":
            save_file(state | {"plain": torch.tensor([0, torch.nan])}, path, known)
        case "spread":
            save_file(state | {"spread": torch.zeros(FEATURES)}, path, known)
        case "large":
            path.write_bytes(bytes(LARGEST + 1))
    return path


KINDS = ["missing", "bytes", "marks", "digests", "shape", "name", "numbers", "spread", "large"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_holds_no_score_is_refused_by_its_name(kind, tmp_path):
    file = broken(tmp_path / "score.safetensors", kind)
    named = r"score\.statistic\.weights = .*score\.safetensors: no .*taggant\.pipeline\.learn RUN"
    with pytest.raises(ValueError, match=named):
        read(str(file))


def test_a_kept_score_has_the_ending_of_its_format(learned, tmp_path):
    with pytest.raises(ValueError, match=r"score\.pt: a name that ends in \.safetensors"):
        keep(learned, [], tmp_path / "score.pt")
