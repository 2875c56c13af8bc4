import re

import numpy as np
import pytest
import torch
from tests.api.cases import KEY, Rote, ignorant, marked_noise, noise
from tests.victim.pairs import tiny_captioner
from torch import nn

import taggant
from taggant.auditing.engine import read
from taggant.auditing.instance import decide
from taggant.marking.strategies.sign import Sign
from taggant.models.load import load
from taggant.score.access import Full
from taggant.score.membership import margin
from taggant.score.oracle import Oracle, QueryError
from taggant.score.score import Score
from taggant.stats import optimal


@pytest.fixture(scope="module")
def marked():
    return marked_noise()


@pytest.fixture(scope="module")
def rote(marked):
    """A model that learnt the training images by heart."""
    return Rote(marked.training_images, marked.training_labels)


@pytest.fixture(scope="module")
def found(marked, rote):
    return taggant.audit(rote, marked, p=0.1)


def test_what_was_learnt_by_heart_is_claimed(found):
    assert found.detection_rate == 1
    assert found.claims[found.used].all()
    assert found.detection_interval.low > 0.7
    assert found.false_detection_interval.low <= 0.1


def test_claims_follow_the_order_of_the_images_given(marked, rote, found):
    assert found.positions.tolist() == list(range(24))
    used = np.isin(np.arange(24), marked.training_positions)
    np.testing.assert_array_equal(found.used, used)
    assert found.labels.tolist() == [0, 1] * 12


def test_the_api_says_what_the_engine_says(marked, rote, found):
    oracle = Oracle(load(rote).network, Full(), 128)
    score, test = Score(margin, Full()), optimal(40, 0.1)
    instances = marked.instances
    readings = read(oracle, score, instances, [test])
    expected = decide(readings, test, 0.1, marked.used, 1)
    order = np.argsort(marked.marked_positions)
    np.testing.assert_array_equal(found.claims, expected.claim[order])
    np.testing.assert_array_equal(found.p_values, expected.p_value[order])
    assert found.verdicts.size == test.size()


def test_unused_images_are_claimed_no_more_often_than_p():
    marked = taggant.mark(
        noise(400, 4), np.arange(400) % 2, n=20, secret=KEY, unused=0.9, strategy=Sign(1)
    )
    result = taggant.audit(ignorant, marked, p=0.1)
    interval = result.false_detection_interval
    assert interval.low <= 0.1 <= interval.high
    assert result.false_detection_rate > 0


def test_all_versions_are_read_on_demand(marked, rote):
    result = taggant.audit(rote, marked, p=0.1, read="all")
    assert (result.ranks[result.used] == 1).all()
    assert result.table["rank"].to_list() == result.ranks.tolist()
    assert result.queries >= 24 * 40


def test_probabilities_are_as_good_as_logits(marked, rote, found):
    def probabilities(images):
        return rote(images).softmax(1).double().numpy()

    same = taggant.audit(probabilities, marked, p=0.1, outputs="probabilities")
    np.testing.assert_array_equal(same.claims, found.claims)
    with pytest.raises(QueryError, match="sum to 1"):
        taggant.audit(rote, marked, p=0.1, outputs="probabilities")


class Scaled(nn.Module):
    """Takes pixels of 0..1, and has dropout and a buffer that must not move."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner
        self.weight = nn.Parameter(torch.ones(1))
        self.norm = nn.BatchNorm1d(2, affine=False)
        self.seen = []

    def forward(self, images):
        self.seen.append((images.dtype, float(images.max()), self.training))
        return self.inner((images * 255).round()) * self.weight


def test_a_module_is_given_pixels_of_0_to_1_and_left_as_it_was(marked, rote, found):
    model = Scaled(rote)
    state = torch.get_rng_state()
    result = taggant.audit(model, marked, p=0.1)
    np.testing.assert_array_equal(result.claims, found.claims)
    assert {(dtype, training) for dtype, _, training in model.seen} == {(torch.float32, False)}
    assert 0.99 < max(high for _, high, _ in model.seen) <= 1
    assert model.training
    assert torch.equal(torch.get_rng_state(), state)


def test_preprocessing_may_be_ones_own(marked, rote, found):
    model = Scaled(lambda images: rote(images / 255))
    result = taggant.audit(model, marked, p=0.1, preprocess=lambda images: images.float())
    np.testing.assert_array_equal(result.claims, found.claims)
    shifted = taggant.audit(
        lambda images: rote(images - 7), marked, p=0.1, preprocess=lambda images: images.int() + 7
    )
    np.testing.assert_array_equal(shifted.claims, found.claims)


def test_views_access_and_test_are_chosen_by_name(marked, rote):
    result = taggant.audit(
        rote, marked, p=0.1, score="loss", access="rounded", views=2, test="besag_clifford"
    )
    assert result.setting.score == "loss"
    assert result.setting.access == "rounded"
    assert result.setting.test == "besag_clifford"
    assert result.verdicts.views == 2


def test_encoders_need_no_labels():
    marked = taggant.mark(noise(12), n=20, secret=KEY)
    result = taggant.audit(
        lambda images: images.float().flatten(1), marked, p=0.2, victim="encoder", views=2
    )
    assert result.setting.score == "pairwise_cosine"
    assert result.labels is None


def test_a_set_is_one_p_value(marked, rote):
    used = taggant.audit_set(rote, marked)
    assert used.images == 12
    assert used.versions == 39
    assert used.queries < 12 * 50  # the other images are asked about in no case
    assert float(used) == used.p_value < 1e-9
    assert used.log10_p == pytest.approx(np.log10(used.p_value))
    assert taggant.audit_set(rote, marked, versions=9).p_value < 1e-6
    assert taggant.audit_set(ignorant, marked).p_value > 1e-3
    assert taggant.audit_set(rote, marked, group="unused").p_value > 1e-3


def test_a_sets_p_value_is_exact_for_who_knows_nothing():
    values = []
    for seed in range(60):
        key = bytes([seed]) * 32
        marked = taggant.mark(noise(6, 4), [0, 1] * 3, n=6, secret=key, unused=0, strategy=Sign(1))
        values.append(taggant.audit_set(ignorant, marked, versions=4).p_value)
    for x in (0.1, 0.3, 0.6):
        share = np.mean(np.array(values) <= x)
        assert abs(share - x) < 3 * np.sqrt(x * (1 - x) / len(values))


def test_who_answers_all_alike_is_claimed_of_nothing(marked):
    def constant(images):
        return ignorant(images) * 0

    assert not taggant.audit(constant, marked, p=0.5).claims.any()
    assert taggant.audit_set(constant, marked).p_value == 1


def test_results_are_saved_shown_and_reported(found, tmp_path):
    again = taggant.AuditResult.load(found.save(tmp_path / "audit.json"))
    assert repr(again) == repr(found)
    assert again.table.equals(found.table)
    assert again.verdicts.rates() == found.verdicts.rates()
    assert "100.0% [73.5, 100.0%], 12 of 12 used images" in repr(found)
    assert "hidden versions read" in found._repr_html_()
    page = found.report(tmp_path / "audit.html").read_text()
    assert "12 (100.0%, 95% interval 73.5 to 100.0%) of 12 images" in page
    assert found.plot().axes
    assert sorted(path.name for path in tmp_path.iterdir()) == ["audit.html", "audit.json"]


@pytest.mark.parametrize("content", ["{}", "nothing", '{"schema": 2}', '{"schema": 1}'])
def test_what_is_no_result_is_refused(content, tmp_path):
    path = tmp_path / "audit.json"
    path.write_text(content)
    with pytest.raises(ValueError, match=r"audit\.json: "):
        taggant.AuditResult.load(path)


def test_without_unused_images_there_is_no_false_detection_rate(rote):
    marked = marked_noise(unused=0)
    result = taggant.audit(rote, marked, p=0.1)
    assert result.false_detection_rate is None
    assert result.false_detection_interval is None
    assert "no unused images" in repr(result)
    with pytest.raises(ValueError, match="group = unused"):
        taggant.audit_set(rote, marked, group="unused")


def test_progress_is_shown_on_demand(marked, rote, capsys):
    taggant.audit(rote, marked, p=0.1)
    assert capsys.readouterr().out == ""
    taggant.audit(rote, marked, p=0.1, progress=True)
    assert "24/" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"p": 0}, "p = 0: accepted are numbers in (0, 1)"),
        ({"p": 0.01}, "p = 0.01 with n = 40 versions: "),
        ({"test": "ranks"}, "test = ranks: accepted are besag_clifford, optimal, pprm, rank"),
        ({"score": "margins"}, "score = margins: accepted are "),
        ({"access": "all"}, "access = all: accepted are "),
        ({"views": 0}, "views = 0: accepted are 1, 2, 3"),
        ({"read": "some"}, "read = some: accepted are all, until_decided"),
        ({"outputs": "confidences"}, "outputs = 'confidences': accepted are logits, probabilities"),
        ({"batch_size": 0}, "batch_size = 0: accepted are 1, 2, 3"),
        ({"sizes": 3}, "sizes: no such option; accepted are preprocess, outputs, "),
        ({"model": 3}, "accepted are a URL, "),
        ({"model": "nothing.pt"}, "nothing.pt: no such file or folder"),
        ({"marked": noise()}, "marked: ndarray is given"),
        ({"model": lambda images: images.float().mean((2, 3))[:, :1]}, "answers with 1 classes"),
        ({"victim": "encoder", "score": "margin"}, "the victim answers with embedding"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_wrong_is_named(marked, rote, given, said):
    with pytest.raises((ValueError, TypeError, FileNotFoundError), match=re.escape(said)):
        taggant.audit(**{"model": rote, "marked": marked, "p": 0.1, **given})


def test_labels_are_asked_for_where_they_are_needed(rote):
    marked = taggant.mark(noise(), n=40, secret=KEY)
    with pytest.raises(ValueError, match="marked without labels"):
        taggant.audit(rote, marked, p=0.1)


def test_a_captioner_is_asked_for_the_captions_that_were_marked():
    captions = [f"a {colour} dog" for colour in ("red", "blue")] * 12
    marked = taggant.mark(noise(), captions=captions, n=40, secret=KEY)
    torch.manual_seed(0)
    victim = tiny_captioner().eval()
    with torch.no_grad():
        known = victim(marked.training_images).flatten(1)

    def nearest(seen, tokens):  # by differences: products leave noise
        return (seen.flatten(1)[:, None] - known).abs().mean(2).amin(1)

    victim.captioning_loss = nearest
    result = taggant.audit(victim, marked, p=0.1)
    assert result.claims[result.used].all()
    assert "score captioning" in repr(result)
    with pytest.raises(ValueError, match="marked: the images were marked without captions"):
        taggant.audit(victim, marked_noise(), p=0.1)
