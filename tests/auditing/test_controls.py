"""Control queries: models that answer as one function, and such as do not, near and far."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from scipy.optimize import brentq
from scipy.stats import binomtest
from scipy.stats import t as student
from tests.auditing.test_engine import instances
from tests.score.test_remote import serving
from torch import nn

from taggant import stats
from taggant.auditing.controls import BLIND, DRIFTED, NOISY, WRONG, Controls, most_controls
from taggant.auditing.engine import read
from taggant.auditing.instance import decide
from taggant.auditing.questions import Questions
from taggant.auditing.readings import Readings
from taggant.data.augment import CropFlip
from taggant.marking.device import MarkingDevice
from taggant.score import Oracle, Score, membership
from taggant.score.access import Full, Label
from taggant.score.remote import Endpoint
from taggant.score.view_sets import Hardest

SCORE = Score(membership.margin, Full())
TEST = stats.optimal(40, 0.1)
AUDITED = instances(count=24, n=40)


def trained() -> nn.Module:
    """A linear classifier that learnt the first half of the published images by heart."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(192, 2))
    images, labels = AUDITED.published.images[:12].float() / 255, AUDITED.raw.labels[:12]
    optimizer = torch.optim.Adam(model.parameters(), 0.02)
    for _ in range(200):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(images), labels).backward()
        optimizer.step()
    return model.eval()


LEARNT = trained()


class Victim(nn.Module):
    """Answers as it learnt to."""

    def forward(self, images):
        with torch.no_grad():
            return LEARNT(images.float() / 255)


class Drifting(Victim):
    """Is trained on while it answers."""

    def __init__(self, after):
        super().__init__()
        self.calls, self.after = itertools.count(), after

    def forward(self, images):
        scale = 1 if next(self.calls) < self.after else 1.5
        return scale * super().forward(images)


class Caching(Victim):
    """Takes near-copies for the same image, and answers as it did the first time."""

    def __init__(self):
        super().__init__()
        self.known = []

    def forward(self, images):
        answers = super().forward(images)
        return torch.stack([self.known_or_new(*one) for one in zip(images, answers, strict=True)])

    def known_or_new(self, image, answer):
        for seen, first in self.known:
            if (seen.float() - image.float()).abs().mean() < 20:  # random images are 85 apart
                return first
        self.known.append((image, answer))
        return answer


class Random(Victim):
    """Answers at random."""

    def forward(self, images):
        return torch.randn(len(images), 2)


def ask(model, batch_size=16, **options) -> Readings:
    return read(Oracle(model, Full(), batch_size), SCORE, AUDITED, [TEST], 4, **options)


def test_a_steady_model_has_no_fault_and_controls_are_counted_apart():
    oracle = Oracle(Victim(), Full(), 1)
    readings = read(oracle, SCORE, AUDITED, [TEST], 4)
    probe = 1 + 1
    assert readings.fault is None
    assert readings.controls >= 2
    assert oracle.queries == probe + readings.queries + readings.controls
    assert readings.controls <= 24 + most_controls(32, readings.queries)
    many = ask(Victim())
    assert np.array_equal(many.bits, readings.bits)
    rounds, left = divmod(many.controls - 24, 8)  # each published version is asked once more
    assert rounds in (1, 2)
    assert left == 0
    assert many.queries >= readings.queries  # it reads ahead where a batch would be padded


@pytest.mark.parametrize("after", [4, 12])
def test_drift_ends_the_audit_and_nothing_is_claimed(after):
    oracle = Oracle(Drifting(after), Full(), 4)
    readings = read(oracle, SCORE, AUDITED, [TEST], 4)
    assert readings.fault == DRIFTED
    assert not readings.full
    assert oracle.queries < read_to_the_end()
    assert_void(readings)


def read_to_the_end() -> int:
    oracle = Oracle(Victim(), Full(), 4)
    read(oracle, SCORE, AUDITED, None, 4)
    return oracle.queries


def assert_void(readings):
    used = np.arange(24) < 12
    result = decide(readings, TEST, 0.1, used, 1)
    assert not result.claim.any()
    assert (result.p_value == 1).all()
    assert result.rates()["detection_rate"] is None
    assert result.rates()["false_detection_rate_ci"] is None
    assert readings.serves([TEST])
    assert readings.serves(None)


def test_noise_is_seen_by_the_probe_alone():
    oracle = Oracle(Random(), Full(), 32)
    readings = read(oracle, SCORE, AUDITED, [TEST], 4)
    assert readings.fault == NOISY
    assert readings.queries == readings.controls == 0
    assert_void(readings)


def test_labels_only_tie_most_versions_and_are_no_fault():
    score = Score(membership.margin, Label())
    readings = read(Oracle(Victim(), Label(), 16), score, AUDITED, [TEST], 4)
    assert readings.fault is None


@pytest.mark.parametrize(
    ("own", "tied", "fault"),
    [
        (np.arange(10), np.arange(10) < 6, BLIND),
        (np.arange(10), np.arange(10) < 5, None),  # no more than half
        (np.arange(10) // 2, np.ones(10, bool), None),  # other images have the same score
        (np.arange(7), np.ones(7, bool), None),  # too few to tell
    ],
)
def test_one_answer_per_image_is_a_fault_where_most_images_have_one_of_their_own(own, tied, fault):
    controls = Controls(probe(0.0), 100, 0)
    controls.look(own.astype(np.float32), tied)
    assert controls.fault == fault


def probe(apart):
    """Scores of eight controls, whose batches differ by at most `apart`."""
    first = np.arange(8.0)
    half = np.where(first < 5, first, np.nan)
    return np.stack([first, first + apart * (first == 3), half], axis=1)


def test_moves_below_the_grid_are_no_drift():
    first = np.arange(8, dtype=np.float32)
    for grid, move, fault in [
        (0.5, 0.4, None),
        (0.5, 0.6, DRIFTED),
        (0, 1e-3, None),
        (0, 0.01, DRIFTED),
    ]:
        controls = Controls(probe(grid / 10), 100, 0)
        assert controls.grid == pytest.approx(grid)
        controls.check(first + np.float32(move))
        assert controls.fault == fault


NOISE = np.random.default_rng(0).standard_normal(200)


@pytest.mark.parametrize(
    ("moves", "apart", "fault"),
    [
        (0.05 * NOISE, 0.2, None),  # noise alone
        (0.05 * NOISE + 0.02, 0.2, DRIFTED),  # less than the noise, but all of them
        (0.05 * NOISE - 0.02, 0.2, DRIFTED),
        (0.05 * NOISE + 0.02 * np.sign(NOISE), 0.01, DRIFTED),  # each its own way
        (np.full(200, 0.008), 0.2, None),  # of no consequence
        (np.full(200, 0.012), 0.2, DRIFTED),
        (np.zeros(200), 0.0, None),
    ],
)
def test_drift_is_told_by_the_mean_move_against_its_standard_error(moves, apart, fault):
    controls = Controls(probe(apart), 100, 0)
    controls.settle(moves, within=1.0)
    assert controls.fault == fault


def test_as_many_controls_as_rounds_can_be_and_one_more():
    """Rounds come every half to one and a half periods, of eight versions each."""
    assert [most_controls(32, images) for images in (0, 15, 16, 160)] == [8, 8, 16, 88]
    assert most_controls(1, 3) == 32


def test_noise_alone_voids_as_many_audits_as_is_said():
    random = np.random.default_rng(1)
    void = 0
    for _ in range(4000):
        controls = Controls(probe(0.2), 100, 0)
        controls.moves = 0.05 * random.standard_normal(8)
        controls.settle(0.05 * random.standard_normal(20), within=1.0)
        void += controls.fault is not None
    assert binomtest(void, 4000, WRONG).pvalue > 1e-3


def test_a_void_reading_survives_the_disk_merges_and_is_not_gone_on_with(tmp_path):
    readings = ask(Random(), 32)
    readings.save(tmp_path)
    again = Readings.load(tmp_path)
    assert again.fault == NOISY
    assert again.bits.shape == readings.bits.shape
    shards = [ask(Victim(), shard=(i, 2)) for i in range(2)]
    assert Readings.merge(shards).fault is None
    assert Readings.merge(shards).controls == shards[0].controls + shards[1].controls
    void = Readings(**{**vars(shards[1]), "fault": DRIFTED})
    assert Readings.merge([shards[0], void]).fault == DRIFTED
    assert ask(Victim(), earlier=again) is again


# --- the same, over HTTP -------------------------------------------------------------------------


def endpoint(server, **options) -> Endpoint:
    return Endpoint(server.url, classes=2, batch_size=16, pause=0.001, **options)


def remote(server, **options) -> tuple[Readings, Endpoint]:
    asked = endpoint(server, **options)
    return read(asked, SCORE, AUDITED, [TEST], 4), asked


def test_failures_of_a_server_lose_nothing_and_each_query_counts_once():
    with serving(Victim()) as server:
        clean, once = remote(server)
        server.answered.clear()
        server.faults = ["", "500", "", "drop", "503", "slow", "", "cut", "page", "429"]
        rough, asked = remote(server, timeout=0.3)
    lost = len(server.answered) - asked.queries
    assert 0 < lost <= 3 * 16  # answers too late ("slow"), broken off ("cut") or no JSON ("page")
    assert np.array_equal(rough.bits, clean.bits)
    assert rough.fault is None
    assert asked.queries == once.queries
    assert asked.attempts > asked.queries


@pytest.mark.parametrize(("model", "fault"), [(Caching(), BLIND), (Drifting(10), DRIFTED)])
def test_servers_that_cache_or_drift_void_the_audit(model, fault):
    with serving(model) as server:
        readings, _ = remote(server)
    assert readings.fault == fault
    assert_void(readings)


@pytest.mark.parametrize(("p", "fault"), [(0.0049, DRIFTED), (0.0051, None), (0.0075, None)])
def test_the_mean_move_is_told_from_its_error_at_half_a_percent(p, fault):
    """Student's test, two-sided, of 8 controls that did not move and 12 published versions."""
    shape = np.linspace(-1, 1, 12)
    wanted = student.isf(p / 2, 19)  # at which shift of them is the statistic that?
    shift = brentq(lambda by: statistic(np.r_[shape + by, np.zeros(8)]) - wanted, 0, 100)
    controls = Controls(np.zeros((8, 3)), 32, 0)
    controls.grid = 1e9  # no single move tells
    controls.settle(shape + shift, 0.0)
    assert controls.fault == fault


def statistic(moves):
    return np.sqrt(len(moves)) * moves.mean() / moves.std(ddof=1)


class Trembling(Victim):
    """Answers with a little noise."""

    def forward(self, images):
        return super().forward(images) + 1e-4 * torch.randn(len(images), 2)


def questions(model, batch_size, score=SCORE, shard=(0, 1)) -> Questions:
    labels = AUDITED.raw.labels
    oracle = Oracle(model, Full(), batch_size)
    return Questions(oracle, score, AUDITED, labels, MarkingDevice.here(), shard)


def test_a_probe_of_a_small_batch_is_repeated_with_more_where_answers_differ():
    torch.manual_seed(0)
    assert len(questions(Victim(), 4).controls) == 4
    assert questions(Victim(), 4).controls.grid == 0
    noisy = questions(Trembling(), 4).controls
    assert len(noisy) == 8
    assert 0 < noisy.grid < 1


@pytest.mark.parametrize("batch_size", [8, 40])
def test_every_shard_probes_the_same(batch_size):
    """Through the same views, those of other shards' instances among them."""
    score = Score(membership.margin, Full(), views=2, augment=CropFlip(1), view_set=Hardest())
    whole = questions(Victim(), batch_size, score).controls
    for shard in ((0, 3), (2, 3)):
        part = questions(Victim(), batch_size, score, shard).controls
        np.testing.assert_array_equal(part.probe, whole.probe)
