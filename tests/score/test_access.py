from __future__ import annotations

import pytest
import torch

from taggant.score.access import Embedding, Full, Label, Rounded, TopK

LOGITS = torch.tensor([[2.0, 0.0, -1.0, 0.5], [0.0, 0.0, 0.0, 9.0]])


@pytest.mark.parametrize("access", [Full(), TopK(2), TopK(9), Rounded(2), Label()])
def test_visible_confidences_are_a_distribution(access):
    assert torch.allclose(access(LOGITS).exp().sum(1), torch.ones(2), atol=2e-5)


def test_full_is_the_softmax():
    assert torch.allclose(Full()(LOGITS), LOGITS.log_softmax(1))


def test_top_k_shows_k_and_levels_the_rest():
    seen, true = TopK(2)(LOGITS)[0].exp(), LOGITS[0].softmax(0)
    assert torch.allclose(seen[[0, 3]], true[[0, 3]])
    assert seen[1] == seen[2]


def test_rounded_hides_what_lies_below_its_digits():
    close = torch.tensor([[1.0, 0.0], [1.0001, 0.0]])
    assert torch.equal(Rounded(2)(close)[0], Rounded(2)(close)[1])


def test_label_tells_only_the_argmax():
    assert torch.equal(Label()(LOGITS), Label()(LOGITS * 7))
    assert Label()(LOGITS).argmax(1).tolist() == [0, 3]


def test_bad_parameters_are_named():
    with pytest.raises(ValueError, match=r"score\.access\.k = 0"):
        TopK(0)
    with pytest.raises(ValueError, match=r"digits = 9: accepted are 0 to 7"):
        Rounded(9)


def test_an_embedding_shows_its_direction():
    seen = Embedding()(3 * LOGITS)
    assert torch.allclose(seen.norm(dim=1), torch.ones(2))
    assert torch.allclose(seen, Embedding()(LOGITS))
