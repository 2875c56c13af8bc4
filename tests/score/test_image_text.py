from __future__ import annotations

import math

import pytest
import torch
from tests.victim.pairs import pairs, tiny_clip
from torch.nn.functional import cross_entropy, normalize

from taggant.score import Oracle, Score
from taggant.score.access import Embedding
from taggant.score.image_text import Contrastive, HardNegatives, cosine

PUBLIC, OWN = pairs(12, seed=1), pairs(5, seed=2)
VICTIM = tiny_clip().eval()


def score(statistic):
    return Score(statistic, Embedding(), answers="embedding", against="captions")


def scores_of(statistic, data=OWN):
    prepared = score(statistic).prepared(VICTIM, PUBLIC)
    views = prepared.draw_views(range(len(data)))
    oracle = Oracle(VICTIM, prepared.access, 8)
    return prepared(oracle, data.images, VICTIM.targets(data), views)


def test_cosine_is_that_of_image_and_caption():
    images = normalize(VICTIM(OWN.images), dim=1)
    expected = torch.nn.functional.cosine_similarity(images, VICTIM.targets(OWN))
    assert torch.allclose(scores_of(cosine), expected, atol=1e-5)


def test_contrastive_is_minus_the_loss_of_the_pair_in_a_batch_with_the_public_ones():
    got = scores_of(Contrastive(pairs=10, temperature=0.1))
    for i in range(len(OWN)):
        batch = [OWN.select([i]), PUBLIC.select(range(10))]
        images = torch.cat([VICTIM.image_embeddings(part) for part in batch])
        texts = torch.cat([VICTIM.targets(part) for part in batch])
        logits, own = images @ texts.T / 0.1, torch.zeros(1, dtype=torch.int64)
        loss = (cross_entropy(logits[:1], own) + cross_entropy(logits.T[:1], own)) / 2
        assert got[i].item() == pytest.approx(-loss.item(), abs=1e-4)


def test_margin_is_to_the_nearest_public_captions():
    images, others = VICTIM.image_embeddings(OWN), VICTIM.targets(PUBLIC)
    nearest = (images @ others.T).sort(1, descending=True).values[:, :3].mean(1)
    expected = cosine(images, VICTIM.targets(OWN)) - nearest
    assert torch.allclose(scores_of(HardNegatives(3, 100)), expected, atol=1e-5)


@pytest.mark.parametrize("statistic", [Contrastive(4, 0.1), HardNegatives(2, 4)])
def test_only_the_pair_itself_and_public_pairs_count(statistic):
    together, alone = scores_of(statistic), scores_of(statistic, OWN.select([3]))
    assert together[3].item() == pytest.approx(alone[0].item(), abs=1e-6)


def test_bad_parameters_are_named():
    with pytest.raises(ValueError, match=r"score\.statistic\.pairs = 0"):
        Contrastive(0, 0.1)
    with pytest.raises(ValueError, match=r"score\.statistic\.temperature = 0"):
        Contrastive(4, 0)
    with pytest.raises(ValueError, match=r"score\.statistic\.nearest = 0"):
        HardNegatives(0, 4)


def test_victims_without_captions_are_refused():
    class Classifier:
        answers, against = "embedding", None

    with pytest.raises(ValueError, match=r"compares answers with captions.*knows none"):
        score(cosine).check(Classifier)
    score(cosine).check(type(VICTIM))


def test_contrastive_divides_by_the_models_own_temperature():
    own = math.exp(-VICTIM.net.logit_scale.item())
    assert VICTIM.temperature == pytest.approx(own)
    assert torch.equal(scores_of(Contrastive(10)), scores_of(Contrastive(10, VICTIM.temperature)))
    assert not torch.allclose(scores_of(Contrastive(10)), scores_of(Contrastive(10, 2 * own)))


def test_a_model_without_a_temperature_is_asked_for_one():
    class Answering:
        """Image and text embeddings, and no more."""

        pictures, targets = VICTIM.image_embeddings, VICTIM.targets

    said = r"score\.statistic\.temperature = null: Answering tells none of its own"
    with pytest.raises(ValueError, match=said):
        Contrastive(4).prepare(Answering(), PUBLIC, Embedding())


def test_pairs_that_are_all_but_certain_are_told_apart():
    """Cosines of nearly 1 with each other and 0 with the rest, over .04: float32 would end at 0."""

    class Axes:
        def image_embeddings(self, data):
            return torch.eye(6)[: len(data)]

        targets = image_embeddings

    statistic = Contrastive(4, 0.04).prepare(Axes(), PUBLIC, Embedding())
    angles = torch.linspace(0, 0.3, 50)
    images = torch.stack([angles * 0] * 4 + [angles.cos(), angles.sin()], 1)
    values = statistic(images, torch.eye(6)[4].expand(50, 6))
    assert (values > -1e-9).all()
    assert (values.diff() < 0).sum() > 45
