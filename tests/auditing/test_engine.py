from __future__ import annotations

import dataclasses
import shutil

import numpy as np
import pytest
import torch
from tests.conftest import random_set
from torch import nn
from torch._dynamo.exc import Unsupported
from torchvision.models import resnet18

from taggant import stats
from taggant.auditing.engine import filled, read
from taggant.auditing.published import AuditError
from taggant.auditing.questions import Questions, bring
from taggant.auditing.readings import Readings
from taggant.data.augment import CropFlip
from taggant.marking import chacha
from taggant.marking.draws import DERIVATIONS, Draws
from taggant.marking.instances import Instances
from taggant.marking.ledger import Ledger
from taggant.marking.n_version import NVersion, Sign
from taggant.marking.publish import publish, raw_sha256
from taggant.marking.stream import tagged
from taggant.score import Oracle, Score, membership
from taggant.score.access import Full
from taggant.score.oracle import PRECISIONS, QueryError
from taggant.score.view_sets import Hardest, Random


class Pixels(nn.Module):
    """Scores that follow from the pixels alone: sums weighted by position."""

    def forward(self, images):
        flat = images.flatten(1).double()
        weight = torch.arange(flat.shape[1], dtype=torch.float64) % 97 - 48
        return torch.stack([flat @ weight / 1e3, torch.zeros(len(flat), dtype=torch.float64)], 1)


class Constant(nn.Module):
    """The same answer to everything: all versions tie."""

    def forward(self, images):
        return torch.zeros(len(images), 2)


class Knows(nn.Module):
    """Answers class 1 with confidence exactly for the given images."""

    def __init__(self, images):
        super().__init__()
        self.known = {image.numpy().tobytes() for image in images}

    def forward(self, images):
        hit = [image.numpy().tobytes() in self.known for image in images]
        return torch.tensor([[0.0, 5.0 * h] for h in hit])


SCORE = Score(membership.hinge, Full())


def instances(count=24, n=60, seed=0, classes=2) -> Instances:
    raw = random_set(count, seed=seed, size=8, classes=classes)
    scheme = NVersion(n, 10, Sign(2))
    ledger = Ledger.draw(
        bytes(32), str(seed), scheme.parameters(), n, raw.ids, raw_sha256(raw.images)
    )
    return Instances(raw, scheme, ledger, publish(scheme, ledger, raw, count // 2))


def oracle(model, batch_size=64) -> Oracle:
    return Oracle(model, Full(), batch_size)


def test_full_reading_gives_the_rank_a_plain_loop_gives():
    audited = instances()
    readings = read(oracle(Pixels()), SCORE, audited)
    assert readings.full
    secret, raw = audited.ledger.draws().secret, audited.raw
    for i, j in enumerate(audited.ledger.indices(raw.ids)):
        every = audited.scheme.versions(
            [secret], raw.images[i : i + 1], raw.ids[i : i + 1], np.arange(60)[None]
        )[0]
        logits = Pixels()(every).float().log_softmax(1)
        scores = membership.hinge(logits, raw.labels[i].expand(60))
        others = torch.cat([scores[:j], scores[j + 1 :]])
        assert readings.exceedances()[i] == int((others > scores[j]).sum())


@pytest.mark.parametrize("block", [1, 3, 16, 100])
@pytest.mark.parametrize("batch_size", [1, 7, 64])
def test_decisions_depend_on_neither_block_nor_batch_size(block, batch_size):
    tests = [stats.optimal(60, 0.1), stats.rank(60, 0.05, curtailed=True)]
    audited = instances()
    reference = read(oracle(Pixels()), SCORE, audited, tests)
    other = read(oracle(Pixels(), batch_size), SCORE, audited, tests, block)
    assert np.array_equal(reference.reads, other.reads)
    assert np.array_equal(reference.bits, other.bits)


def test_stopped_reading_is_a_prefix_of_the_full_one_and_long_enough():
    test = stats.optimal(60, 0.1)
    audited = instances()
    full = read(oracle(Pixels()), SCORE, audited)
    stopped = read(oracle(Pixels()), SCORE, audited, [test])
    assert stopped.reads.max() < 60
    for i, reads in enumerate(stopped.reads):
        assert np.array_equal(full.bits[i, :reads], stopped.bits[i, :reads])
    a, b = test.run(full.bits, full.reads), test.run(stopped.bits, stopped.reads)
    assert np.array_equal(a.claim, b.claim)
    assert np.array_equal(a.read, b.read)
    assert np.array_equal(b.read, stopped.reads)


def test_progress_is_told_after_each_round():
    told = []
    readings = read(
        oracle(Pixels()), SCORE, instances(), progress=lambda *counts: told.append(counts)
    )
    assert told == sorted(told)
    assert told[-1] == (24, readings.queries)


def test_a_model_that_knows_the_published_versions_is_caught_everywhere():
    audited = instances()
    audited = dataclasses.replace(
        audited, raw=dataclasses.replace(audited.raw, labels=torch.ones(24, dtype=torch.long))
    )
    readings = read(oracle(Knows(audited.published.images)), SCORE, audited)
    assert readings.exceedances().sum() == 0


def test_ties_are_broken_by_keys_not_by_the_published_index():
    audited = instances(count=4000, n=20)
    readings = read(oracle(Constant(), 512), SCORE, audited)
    counts = np.bincount(readings.exceedances(), minlength=20)
    expected = 200
    assert ((counts - expected) ** 2 / expected).sum() < 43.8  # chi-square, 19 df, p = .001


def test_versions_are_read_in_the_order_that_the_secret_gives():
    audited = instances(count=50, n=10)
    seen: list[list[int]] = [[] for _ in range(50)]

    class Recorder(NVersion):
        def versions(self, secrets, images, ids, indices, labels=None):
            if len(ids) < 50:  # the published ones are remade together, and the probe is one batch
                for image_id, row in zip(ids, indices, strict=True):
                    seen[audited.raw.ids.index(image_id)].extend(row.tolist())
            return super().versions(secrets, images, ids, indices, labels)

    recorded = dataclasses.replace(audited, scheme=Recorder(10, 10, Sign(2)))
    read(oracle(Pixels(), 1), SCORE, recorded, [stats.rank(10, 0.5)], block=1)
    for k, (j, rows) in enumerate(zip(audited.ledger.published, seen, strict=True)):
        assert j in rows[:2] or k == 0  # with the first hidden one; image 0 is the control too
        hidden = iter(rows)
        assert all(version in hidden for version in audited.draws[k].order(j)), k


@pytest.mark.parametrize("rule", DERIVATIONS)
def test_another_secret_gives_other_bits_and_nothing_else_does(rule):
    audited = instances()
    first = read(oracle(Pixels()), SCORE, audited)
    assert np.array_equal(first.bits, read(oracle(Pixels(), 7), SCORE, audited, block=3).bits)

    class Marked(NVersion):
        def versions(self, secrets, images, ids, indices, labels=None):
            own = [audited.ledger.draws().secret] * len(ids)
            return super().versions(own, images, ids, indices, labels)

    class Redrawn:
        indices = audited.ledger.indices

        def draws(self, name):
            return Draws(tagged(bytes([7] * 32), rule), name, 60)

    redrawn = dataclasses.replace(audited, scheme=Marked(60, 10, Sign(2)), ledger=Redrawn())
    other = read(oracle(Pixels()), SCORE, redrawn)
    assert np.array_equal(first.exceedances(), other.exceedances())
    assert (first.bits != other.bits).any(1).mean() > 0.9  # but where none exceeds, or all do


def test_what_is_drawn_follows_from_what_is_read_whatever_n_is(monkeypatch):
    """Counted in blocks of the keystream: marks, orders, and keys where scores tie."""
    drawn = []
    keystream = chacha.keystream

    def counted(keys, streams, first, count):
        drawn.append(len(keys) * count)
        return keystream(keys, streams, first, count)

    monkeypatch.setattr(chacha, "keystream", counted)
    for model in (Pixels(), Constant()):
        cost = []
        for n in (100, 10**6):
            audited = instances(count=6, n=n)
            drawn.clear()
            readings = read(oracle(model), SCORE, audited, [stats.besag_clifford(n, 0.1, h=2)])
            assert readings.reads.max() < 20
            cost.append(sum(drawn) / (readings.queries + readings.controls + 6))
        assert max(cost) < 5
        assert cost[1] < 1.1 * cost[0]


def test_the_published_file_is_checked_bit_for_bit():
    audited = instances()
    forged = audited.published.images.clone()
    forged[5, 0, 0, 0] ^= 1
    broken = dataclasses.replace(
        audited, published=dataclasses.replace(audited.published, images=forged)
    )
    with pytest.raises(AuditError, match=rf"1 of 24 .*{audited.raw.ids[5]}"):
        read(oracle(Pixels()), SCORE, broken)


def test_non_finite_scores_are_refused():
    class Broken(nn.Module):
        def forward(self, images):
            return torch.full((len(images), 2), float("nan"))

    with pytest.raises(AuditError, match="not finite"):
        read(oracle(Broken()), SCORE, instances())


class Cramped(Pixels):
    """Has memory for so many images at once, on its `fits`-th forward and later."""

    def __init__(self, most, fits=0):
        super().__init__()
        self.most, self.fits, self.forwards = most, fits, 0

    def forward(self, images):
        self.forwards += 1
        if len(images) > self.most and self.forwards > self.fits:
            raise torch.OutOfMemoryError
        return super().forward(images)


@pytest.mark.parametrize("fits", [0, 7])
def test_a_batch_out_of_memory_is_halved_and_the_reading_starts_over(fits):
    cramped = oracle(Cramped(20, fits), 64)
    with pytest.warns(UserWarning, match="batch_size = 16"):
        readings = read(cramped, SCORE, instances())
    whole = read(oracle(Pixels(), 64), SCORE, instances())
    assert cramped.batch_size == 16
    assert np.array_equal(readings.bits, whole.bits)
    assert readings.queries == whole.queries


def test_references_are_asked_for_fewer_images_too():
    ours, theirs = oracle(Pixels(), 64), oracle(Cramped(20), 64)
    score = SCORE.less([(theirs, SCORE)], 0.5)
    with pytest.warns(UserWarning, match="batch_size = 16"):
        read(ours, score, instances())
    assert (ours.batch_size, theirs.batch_size) == (16, 16)


def test_one_image_out_of_memory_is_told():
    with (
        pytest.warns(UserWarning, match="batch_size = 1"),
        pytest.raises(AuditError, match="a single image does not fit"),
    ):
        read(oracle(Cramped(0), 2), SCORE, instances())


def test_views_are_paired_and_counted():
    score = Score(membership.hinge, Full(), views=3, augment=CropFlip(2))
    audited = instances(count=6, n=20)
    asked = oracle(Pixels())
    readings = read(asked, score, audited)
    assert readings.full
    again = read(oracle(Pixels()), score, audited)
    assert np.array_equal(readings.bits, again.bits)
    assert asked.queries >= 3 * 6 * 20


class Wavy(Pixels):
    """Scores whose order among views differs from image to image."""

    def __init__(self, turn=0.0):
        super().__init__()
        self.turn = turn

    def forward(self, images):
        logits = super().forward(images)
        return torch.stack([(logits[:, 0] + self.turn).sin(), logits[:, 1]], 1)


HARD = Score(membership.hinge, Full(), views=2, augment=CropFlip(1), view_set=Hardest())


def test_views_that_are_chosen_by_asking_are_counted_and_gone_on_with():
    audited, test = instances(count=6, n=20), stats.optimal(20, 0.1)
    asked = oracle(Wavy())
    readings = read(asked, HARD, audited)
    assert asked.queries >= readings.queries >= 6 * (18 + 2 * 20)
    random = read(oracle(Wavy()), dataclasses.replace(HARD, view_set=Random()), audited)
    assert readings.queries - random.queries == 6 * 18
    assert random.chosen is None
    stopped = read(oracle(Wavy()), HARD, audited, [test])
    going_on = oracle(Wavy())
    further = read(going_on, HARD, audited, earlier=stopped)
    assert going_on.queries < asked.queries
    assert np.array_equal(further.bits, readings.bits)
    assert np.array_equal(further.chosen, readings.chosen)
    parts = [read(oracle(Wavy()), HARD, audited, shard=(i, 2)) for i in range(2)]
    merged = Readings.merge(parts)
    assert np.array_equal(merged.bits, readings.bits)
    assert np.array_equal(merged.chosen, readings.chosen)


def test_a_reading_is_whole_unless_it_says_otherwise():
    bits = np.array([[True, False], [False, True]])
    whole = Readings(bits, np.zeros_like(bits), np.array([2, 2]), 3, 0.0, 6)
    assert np.array_equal(Readings.merge([whole]).bits, bits)


@pytest.mark.parametrize("known", [True, False])
def test_bits_seen_through_other_views_are_read_anew(known):
    """Were they kept, an instance's bits would be of two scores, and no rank among its versions."""
    audited, test = instances(count=6, n=20), stats.optimal(20, 0.1)
    other = read(oracle(Wavy(1.5)), HARD, audited, [test])
    here = read(oracle(Wavy()), HARD, audited)
    assert not np.array_equal(other.chosen, here.chosen)
    wrong = dataclasses.replace(other, bits=~other.bits, chosen=other.chosen if known else None)
    assert np.array_equal(read(oracle(Wavy()), HARD, audited, earlier=wrong).bits, here.bits)


def test_a_set_without_labels_needs_targets():
    audited = instances(count=6, n=20)
    bare = dataclasses.replace(audited.raw, labels=None, captions=("",) * 6)
    captioned = dataclasses.replace(audited, raw=bare)
    with pytest.raises(ValueError, match="needs the victim's targets"):
        read(oracle(Pixels()), SCORE, captioned)
    readings = read(oracle(Pixels()), SCORE, captioned, targets=audited.raw.labels)
    assert np.array_equal(readings.bits, read(oracle(Pixels()), SCORE, audited).bits)


def test_batch_dependent_arithmetic_is_hidden_by_the_grid():
    class Noisy(Pixels):
        def forward(self, images):
            slot = torch.arange(len(images)) % 2 * 1e-4
            return super().forward(images) + torch.stack([slot, -slot], 1)

    readings = read(oracle(Noisy()), SCORE, instances())
    exact = read(oracle(Pixels()), SCORE, instances())
    assert readings.grid > 0
    assert exact.grid == 0


@pytest.fixture(scope="module")
def resnet() -> nn.Module:
    torch.manual_seed(0)
    return resnet18(num_classes=2).eval()


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_resnet_answers_alike_in_every_slot_or_on_a_grid_that_hides_it(resnet, precision):
    audited = instances(count=6, n=12)

    class Shifted(nn.Module):
        """Fixed preprocessing, and a slot's arithmetic that drifts by `drift`."""

        def __init__(self, drift):
            super().__init__()
            self.net, self.drift = resnet, drift

        def forward(self, images):
            slot = torch.arange(len(images))[:, None] * torch.tensor([self.drift, 0.0])
            return self.net(images.float() / 128 - 1).float() + slot

    def reading(drift, batch_size):
        asked = Oracle(Shifted(drift), Full(), batch_size, precision=precision)
        return read(asked, SCORE, audited)

    exact, wider, drifting = reading(0.0, 8), reading(0.0, 24), reading(1e-3, 8)
    assert drifting.grid > 10 * 1e-3
    assert exact.grid < drifting.grid
    assert (exact.bits != wider.bits).mean() < 0.05


def test_bfloat16_is_the_models_arithmetic_and_not_the_scores():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Flatten(), nn.Linear(192, 2))
    images = random_set(5, size=8).images.float()
    exact, coarse = (Oracle(net, Full(), 4, precision=p).query(images) for p in PRECISIONS)
    assert coarse.dtype == torch.float32
    assert 0 < (exact - coarse).abs().max() < 0.1 * exact.abs().max()
    with pytest.raises(ValueError, match=r"audit.precision = 'half': accepted are 'float32' and"):
        Oracle(net, Full(), 4, precision="half")


needs_compiler = pytest.mark.skipif(
    not shutil.which("g++"), reason="torch.compile needs a C++ compiler"
)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.net = nn.Sequential(nn.Flatten(), nn.Linear(192, 2))

    def forward(self, images):
        return self.net(images.float() / 255)


@needs_compiler
@pytest.mark.parametrize("mode", ["default", "frozen"])
def test_a_compiled_model_is_audited_to_the_same_ranks(mode):
    audited, model = instances(count=4), Net()
    made = Oracle(model, Full(), 64, mode=mode)
    found, plain = read(made, SCORE, audited), read(Oracle(model, Full(), 64), SCORE, audited)
    assert made.ask is not model
    assert found.queries == plain.queries
    assert (found.bits != plain.bits).mean() < 0.01


@pytest.mark.parametrize("mode", [None, pytest.param("frozen", marks=needs_compiler)])
def test_answers_that_are_no_tensor_are_refused_by_what_they_are(mode):
    class Both(Net):
        def forward(self, images):
            return super().forward(images), images

    with pytest.raises(QueryError, match=r"Both answered with a tuple, accepted is a tensor"):
        Oracle(Both(), Full(), 4, mode=mode).query(random_set(3, size=8).images)


def test_a_model_that_cannot_be_frozen_is_named():
    class Held(nn.Module):
        def __deepcopy__(self, memo):
            raise TypeError("it holds a socket")

    with pytest.raises(ValueError, match=r"'frozen': Held cannot be copied \(it holds a socket"):
        Oracle(Held(), Full(), 4, mode="frozen")


@needs_compiler
def test_a_frozen_model_answers_as_it_was_and_a_later_one_as_it_is():
    model, images = Net(), random_set(4, size=8).images
    answered = []
    for step in range(3):
        with torch.no_grad():
            model.net[1].bias.add_(1)
        frozen = Oracle(model, Full(), 4, mode="frozen")
        now = Oracle(model, Full(), 4).query(images)
        assert torch.allclose(frozen.query(images), now, atol=1e-5), step
        answered.append((frozen, now))
    assert model.training
    for frozen, then in answered:
        assert torch.allclose(frozen.query(images), then, atol=1e-5)


def test_a_model_that_cannot_be_compiled_is_refused_by_the_key(monkeypatch):
    def failing(ask, **options):
        def call(images):
            raise Unsupported("no compiler")

        return call

    monkeypatch.setattr(torch, "compile", failing)
    asked = Oracle(Constant(), Full(), 4, mode="default")
    with pytest.raises(RuntimeError, match=r"audit.compile = 'default': .*no compiler.*=null asks"):
        asked.query(random_set(3, size=8).images)


def test_an_unknown_mode_of_compiling_is_refused_by_those_there_are():
    with pytest.raises(
        ValueError, match=r"audit.compile = 'fast': accepted are 'frozen', 'default', "
    ):
        Oracle(Constant(), Full(), 4, mode="fast")


def test_no_more_instances_are_read_in_turns_than_the_scheme_can_cache():
    asked = []

    class Careful(NVersion):
        def cache_capacity(self, image):
            return 2

        def versions(self, secrets, images, ids, indices, labels=None):
            asked.append(set(ids))
            return super().versions(secrets, images, ids, indices, labels)

    audited = instances(count=8, n=40)
    careful = dataclasses.replace(audited, scheme=Careful(40, 10, Sign(2)))
    test = [stats.optimal(40, 0.1)]
    same = read(oracle(Pixels(), 8), SCORE, careful, test, block=4)
    assert np.array_equal(same.bits, read(oracle(Pixels(), 8), SCORE, audited, test).bits)
    probe, last = 4, 2  # controls and published versions: two batches
    assert max(len(ids) for ids in asked[probe:-last]) == 2


def test_the_published_version_answers_before_what_is_compared_with_it(monkeypatch):
    """Its first answer, and after it the last one; in the order of the batches' rows."""
    asked: list[tuple[np.ndarray, np.ndarray]] = []
    compared = np.zeros(2, int)
    made, ask = Questions._made, Questions.ask

    def recorded(self, rows, versions):
        asked.append((rows, versions))
        return made(self, rows, versions)

    def checked(self, hidden, first, again, controls):
        asked.clear()
        parts = ask(self, hidden, first, again, controls)
        rows, versions = (np.concatenate(part) for part in zip(*asked, strict=True))
        if not controls:
            for end, some in ((0, first), (-1, again)):
                for row, version in np.transpose(some):
                    place = np.flatnonzero(rows == row)
                    assert versions[place[end]] == version
                    compared[end] += len(place) > 1
        return parts

    monkeypatch.setattr(Questions, "_made", recorded)
    monkeypatch.setattr(Questions, "ask", checked)
    audited = instances()
    read(oracle(Pixels(), 8), SCORE, audited, [stats.optimal(60, 0.1)])
    read(oracle(Pixels(), 8), SCORE, audited)
    assert (compared > 10).all()


def test_scores_are_kept_if_asked_for_and_give_the_bits():
    audited = instances(n=20)
    readings = read(oracle(Pixels()), SCORE, audited, scores=True)
    assert readings.scores.shape == (24, 3 + 19)
    own, hidden = readings.scores[:, :1], readings.scores[:, 3:]
    assert np.array_equal(hidden > own, readings.bits)
    assert np.array_equal(readings.scores[:, 1:3], np.repeat(own, 2, axis=1))
    assert read(oracle(Pixels()), SCORE, audited).scores is None


def readings_of(bits, reads, n=4) -> Readings:
    bits = np.array(bits, bool)
    return Readings(bits, np.zeros_like(bits), np.array(reads), n, 0.0, queries=1)


def test_a_reading_serves_a_test_that_has_stopped_for_every_instance():
    first = stats.besag_clifford(4, 0.5, h=1)  # claims after one, gives up at the first exceedance
    last = stats.rank(4, 0.5)
    every = [[1, 0, 0], [0, 0, 0]]
    assert readings_of(every, [3, 3]).full
    assert not readings_of(every, [3, 1]).full
    assert not readings_of(every, [1, 3]).full
    for reads, served in (([1, 1], True), ([1, 0], False), ([3, 1], True), ([0, 3], False)):
        assert readings_of(every, reads).serves([first]) == served
        assert not readings_of(every, reads).serves([first, last])
        assert not readings_of(every, reads).serves(None)
    for tests in ([first, last], [last], None):
        assert readings_of(every, [3, 3]).serves(tests)
        assert dataclasses.replace(readings_of(every, [0, 0]), fault="it drifts").serves(tests)


def test_readings_survive_the_disk(tmp_path):
    readings = read(oracle(Pixels()), SCORE, instances(), [stats.optimal(60, 0.1)])
    readings.save(tmp_path)
    again = Readings.load(tmp_path)
    assert np.array_equal(again.bits, readings.bits)
    assert np.array_equal(again.reads, readings.reads)
    assert not again.full
    assert again.chosen is None
    with pytest.raises(ValueError, match=r"audit\.read=all"):
        again.exceedances()
    seen = dataclasses.replace(readings, chosen=np.arange(len(readings.reads), dtype=np.uint64))
    seen.save(tmp_path)
    assert np.array_equal(Readings.load(tmp_path).chosen, seen.chosen)


@pytest.mark.parametrize(
    ("left", "spare", "expected"),
    [
        ([50, 50, 50], 0, [4, 4, 4]),
        ([50, 50, 50], 7, [7, 7, 5]),  # as evenly as it goes
        ([4, 50, 5], 9, [4, 7, 5]),  # no further than there are versions
        ([4, 4, 4], 9, [4, 4, 4]),
        ([], 5, []),
    ],
)
def test_spare_places_are_filled_and_no_more(left, spare, expected):
    counts = filled(np.full(len(left), 4), np.array(left, np.int64), spare)
    assert counts.tolist() == expected
    assert counts.sum() - 4 * len(left) <= spare


def test_answers_are_brought_to_the_ends_of_their_own_instance():
    rows = np.array([3, 1, 3, 1, 2, 3])
    position = np.array([2, 5, 4, 0, 3, 1])
    bring(position, rows, np.array([2, 1]), to_end=False)  # of instances 3 and 1
    assert position.tolist() == [2, 0, 1, 5, 3, 4]
    bring(position, rows, np.array([4, 0]), to_end=True)  # of instances 2 and 3
    assert position.tolist() == [4, 0, 1, 5, 3, 2]
    assert sorted(position) == list(range(6))


def test_of_more_shards_than_instances_some_are_empty():
    audited = instances(count=3)
    parts = [read(oracle(Pixels()), SCORE, audited, shard=(i, 5)) for i in range(5)]
    assert [len(part.reads) for part in parts] == [1, 1, 1, 0, 0]
    merged, whole = Readings.merge(parts), read(oracle(Pixels()), SCORE, audited)
    assert np.array_equal(merged.bits, whole.bits)
    assert np.array_equal(merged.reads, whole.reads)


def test_shards_of_unlike_machines_merge_and_name_both():
    audited = instances(count=4)
    parts = [read(oracle(Pixels()), SCORE, audited, shard=(i, 2)) for i in range(2)]
    there = dataclasses.replace(parts[1], grid=0.25, device="cuda")
    merged = Readings.merge([parts[0], there])
    assert (merged.grid, merged.device) == (0.25, "cpu, cuda")
    assert np.array_equal(merged.bits, Readings.merge(parts).bits)
    with pytest.raises(ValueError, match=r"n = \[21, 60\] versions"):
        Readings.merge([parts[0], dataclasses.replace(there, n=21)])
