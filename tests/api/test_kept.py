"""Marked images on the disk: the same marks and audits, in memory that does not grow with them."""

import stat
import tracemalloc

import numpy as np
import pytest
import torch
from tests.api.cases import KEY, Rote, marked_noise, noise
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

import taggant
from taggant.data import pixels
from taggant.marking.strategies.sign import Sign

OPTIONS = {"n": 40, "secret": KEY, "unused": 0.25, "count": 16}
LABELS = np.arange(24) % 2


@pytest.fixture
def both(tmp_path):
    """The same images marked in memory and on the disk."""
    within = taggant.mark(noise(), LABELS, **OPTIONS)
    return within, taggant.mark(noise(), LABELS, **OPTIONS, folder=tmp_path / "kept")


def test_marks_on_the_disk_are_those_in_memory(both):
    within, kept = both
    assert repr(kept) == repr(within)
    assert kept.commitment == within.commitment
    assert kept.ledger == within.ledger
    assert torch.equal(kept.published.images, within.published.images)
    assert torch.equal(kept.training_images, within.training_images)
    assert torch.equal(kept.training_labels, within.training_labels)
    np.testing.assert_array_equal(kept.marked_positions, within.marked_positions)
    np.testing.assert_array_equal(kept.training_positions, within.training_positions)
    np.testing.assert_array_equal(np.sort(kept.positions), within.positions)
    assert kept.quality == within.quality


def test_audits_of_marks_on_the_disk_are_those_in_memory(both):
    model = Rote(both[0].training_images, both[0].training_labels)
    first, other = (taggant.audit(model, marked, p=0.1) for marked in both)
    assert first.table.equals(other.table)
    for group in ("used", "unused"):
        one, same = (taggant.audit_set(model, m, group=group, versions=9) for m in both)
        assert one.p_value == same.p_value


def test_the_folder_is_private_and_read_again(both, tmp_path):
    _, kept = both
    assert stat.S_IMODE((tmp_path / "kept").stat().st_mode) == 0o700
    assert not (tmp_path / "kept" / ".draft").exists()
    again = taggant.Marked.load(tmp_path / "kept")
    assert again.commitment == kept.commitment
    assert torch.equal(again.training_images, kept.training_images)


def test_images_on_the_disk_are_published_without_a_copy_of_the_secret(both, tmp_path):
    within, kept = both
    assert kept.save(tmp_path / "public") == tmp_path / "kept"
    assert not (tmp_path / "public.secret").exists()
    within.save(tmp_path / "other")
    files = sorted(
        path.relative_to(tmp_path / "public") for path in (tmp_path / "public").rglob("*")
    )
    assert files == sorted(
        p.relative_to(tmp_path / "other") for p in (tmp_path / "other").rglob("*")
    )
    for name in files:
        if (tmp_path / "public" / name).is_file():
            same = (tmp_path / "public" / name).read_bytes()
            assert same == (tmp_path / "other" / name).read_bytes()
    copy = kept.save(tmp_path / "more", secret=tmp_path / "copy")
    assert copy == tmp_path / "copy"
    assert taggant.Marked.load(tmp_path / "more", copy).commitment == kept.commitment


def test_what_was_saved_before_there_was_a_training_part_is_read(tmp_path):
    marked = marked_noise()
    secret = marked.save(tmp_path / "published")
    for path in (secret / "training").iterdir():
        path.unlink()
    (secret / "training").rmdir()
    again = taggant.Marked.load(tmp_path / "published")
    assert set(again.training_set.ids) == set(marked.training_set.ids)
    at = {image_id: row for row, image_id in enumerate(again.training_set.ids)}
    order = [at[image_id] for image_id in marked.training_set.ids]
    assert torch.equal(again.training_images[order], marked.training_images)


def test_a_failure_leaves_nothing_and_nothing_is_overwritten(tmp_path):
    def broken():
        yield from noise(3)
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        taggant.mark(broken(), folder=tmp_path / "kept")
    assert not (tmp_path / "kept").exists()
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "mine.txt").touch()
    with pytest.raises(FileExistsError, match="kept holds something already"):
        taggant.mark(noise(), folder=tmp_path / "kept")
    assert (tmp_path / "kept" / "mine.txt").exists()


def test_captions_doubles_and_own_strategies_on_the_disk(tmp_path):
    images = np.concatenate([noise(6), noise(6)[2:3]])
    captions = [f"picture {i}" for i in range(7)]
    with pytest.warns(UserWarning, match=r"images\[6\] equals images\[2\]"):
        kept = taggant.mark(
            images, captions=captions, n=20, unused=0, strategy=Sign(4), folder=tmp_path / "kept"
        )
    assert kept.training_captions == tuple(captions[:6])
    assert kept.training_positions.tolist() == [*range(6)]
    with pytest.raises(ValueError, match="strategy = Sign"):
        taggant.Marked.load(tmp_path / "kept")
    assert len(taggant.Marked.load(tmp_path / "kept", strategy=Sign(4)).training_images) == 6


class Allocated(TorchDispatchMode):
    """The largest tensor that is made anew, in bytes: views and mapped files are not."""

    def __init__(self):
        super().__init__()
        self.most = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        made = function(*args, **(kwargs or {}))
        if function is torch.ops.aten.from_file.default:
            return made
        tensors = [x for x in tree_leaves((args, kwargs)) if isinstance(x, torch.Tensor)]
        known = {x.untyped_storage().data_ptr() for x in tensors}
        for x in tree_leaves(made):
            if isinstance(x, torch.Tensor) and x.untyped_storage().data_ptr() not in known:
                self.most = max(self.most, x.untyped_storage().nbytes())
        return made


SIDE, COUNT = 64, 120
WHOLE = COUNT * 3 * SIDE * SIDE


def stream():
    """More images than the bound below holds, made one after the other."""
    random = np.random.default_rng(0)
    for i in range(COUNT):
        yield random.integers(256, size=(3, SIDE, SIDE), dtype=np.uint8), i % 2


def peak(action):
    """What an action returns, and the most memory of numpy and the largest tensor it makes."""
    tracemalloc.start()
    with Allocated() as torchs:
        made = action()
    numpys = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return made, max(numpys, torchs.most)


def test_memory_is_bounded_however_many_images_there_are(tmp_path, monkeypatch):
    monkeypatch.setattr(pixels, "PART", 1 << 15)
    options = {"n": 2, "secret": KEY, "unused": 0.5}

    def blind(images):
        return images.float().mean((2, 3))[:, :2] / 25

    def audited(marked):
        return taggant.audit_set(blind, marked, group="unused", versions=1, batch_size=8)

    audited(taggant.mark(noise(6), [0, 1] * 3, **options))  # imports have a cost of their own
    kept, most = peak(lambda: taggant.mark(stream(), **options, folder=tmp_path / "kept"))
    assert most < WHOLE / 2
    found, most = peak(lambda: audited(kept))
    assert found.images == COUNT // 2
    assert most < WHOLE / 2
    _, most = peak(lambda: taggant.mark(stream(), **options))
    assert most > WHOLE, "what is measured is too little"
