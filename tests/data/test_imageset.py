import json

import numpy as np
import pytest
import torch
from tests.conftest import random_set

from taggant.data import ImageSet, Splits
from taggant.data.imageset import channel_stats, content_ids


def make(n=6, channels=3, side=4, seed=0, captions=True):
    generator = torch.Generator().manual_seed(seed)
    images = torch.randint(256, (n, channels, side, side), generator=generator, dtype=torch.uint8)
    return ImageSet(
        images=images,
        ids=content_ids(images),
        labels=torch.arange(n) % 2,
        captions=tuple(f"a picture of {k} – “é”" for k in range(n)) if captions else None,
        name="tiny",
        class_names=("even", "odd"),
        mean=channel_stats(images)[0],
        std=channel_stats(images)[1],
    )


def test_ids_follow_content_not_position():
    images = make().images
    ids = content_ids(images)
    assert all(len(name) == 32 and int(name, 16) >= 0 for name in ids)
    assert content_ids(images.flip(0)) == ids[::-1]
    assert content_ids(torch.cat([images[:2], images]))[2:] == ids
    changed = images.clone()
    changed[3, 0, 0, 0] ^= 1
    same = [a == b for a, b in zip(ids, content_ids(changed), strict=True)]
    assert same == [True, True, True, False, True, True]


def test_ids_do_not_depend_on_memory_layout_but_on_shape():
    images = make().images
    assert content_ids(images.contiguous(memory_format=torch.channels_last)) == content_ids(images)
    assert content_ids(images.reshape(6, 3, 2, 8)) != content_ids(images)
    # pinned, since ledgers refer to images by these names: sha256(b"1,2,2:" + 4 zero bytes)
    assert content_ids(torch.zeros(1, 1, 2, 2, dtype=torch.uint8)) == (
        "07c663b56a3e4f0846dc6575fbb01055",
    )


def test_channel_stats_are_those_of_pixel_over_255():
    images = make(n=20).images
    mean, std = channel_stats(images)
    pixels = images.double() / 255
    assert mean == pytest.approx(pixels.mean((0, 2, 3)).tolist(), abs=1e-12)
    assert std == pytest.approx(pixels.std((0, 2, 3), correction=0).tolist(), abs=1e-12)
    assert channel_stats(images.flip(0)) == (mean, std)


def test_channel_without_contrast_has_no_zero_deviation():
    assert channel_stats(torch.full((3, 1, 2, 2), 7, dtype=torch.uint8))[1] == (1 / 255,)


def test_channel_stats_of_nothing():
    with pytest.raises(ValueError, match="empty set"):
        channel_stats(torch.zeros(0, 3, 2, 2, dtype=torch.uint8))


@pytest.mark.parametrize("kind", [list, np.array, torch.tensor])
def test_select_takes_everything_along(kind):
    whole = make()
    part = whole.select(kind([4, 1]))
    assert len(part) == 2
    assert part.ids == (whole.ids[4], whole.ids[1])
    assert part.captions == (whole.captions[4], whole.captions[1])
    assert part.labels.tolist() == [0, 1]
    assert torch.equal(part.images, whole.images[[4, 1]])
    assert (part.mean, part.std, part.class_names) == (whole.mean, whole.std, whole.class_names)


def test_select_nothing_and_select_twice():
    assert len(make().select([])) == 0
    with pytest.raises(ValueError, match="more than once"):
        make().select([1, 1])


def test_select_refuses_a_mask():
    with pytest.raises(TypeError, match="integers are needed"):
        make().select(np.ones(6, dtype=bool))


def test_replace_keeps_names_and_leaves_the_original():
    whole = make()
    before = whole.images.clone()
    marked = whole.replace([2, 0], torch.zeros(2, 3, 4, 4, dtype=torch.uint8))
    assert marked.ids == whole.ids
    assert marked.images[[0, 2]].sum() == 0
    assert torch.equal(marked.images[[1, 3, 4, 5]], before[[1, 3, 4, 5]])
    assert torch.equal(whole.images, before)


@pytest.mark.parametrize(
    "images", [torch.zeros(2, 3, 4, 4), torch.zeros(1, 3, 4, 4, dtype=torch.uint8)]
)
def test_replace_refuses_other_shapes_and_types(images):
    with pytest.raises(ValueError, match="replacement is"):
        make().replace([0, 1], images)


@pytest.mark.parametrize("captions", [True, False])
def test_save_and_load(tmp_path, captions):
    whole = make(captions=captions)
    whole.save(tmp_path / "set")
    again = ImageSet.load(tmp_path / "set")
    assert torch.equal(again.images, whole.images)
    assert torch.equal(again.labels, whole.labels)
    for field in ("ids", "captions", "name", "class_names", "mean", "std"):
        assert getattr(again, field) == getattr(whole, field)
    names = {path.name for path in (tmp_path / "set").iterdir()}
    assert names == {"imageset.json", "imageset.safetensors"}
    assert json.loads((tmp_path / "set" / "imageset.json").read_text("utf-8"))["name"] == "tiny"


def test_splits_save_and_load(tmp_path):
    splits = Splits(make(seed=1), make(seed=2))
    splits.save(tmp_path)
    again = Splits.load(tmp_path)
    assert (again.train.ids, again.test.ids) == (splits.train.ids, splits.test.ids)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"images": torch.zeros(6, 3, 4, 4)}, "uint8"),
        ({"ids": ("a",) * 5}, "5 ids for 6 images"),
        ({"ids": ("a",) * 6}, "more than once"),
        ({"captions": ("a",)}, "1 captions for 6 images"),
        ({"labels": torch.arange(5)}, "5 labels for 6 images"),
        ({"labels": torch.arange(6)}, r"label 2 is outside 0\.\.1"),
        ({"labels": torch.zeros(6)}, "int64"),
        ({"mean": (0.5,)}, "1 values for 3 channels"),
    ],
)
def test_parts_that_do_not_fit(change, message):
    parts = vars(make()) | change
    with pytest.raises(ValueError, match=message):
        ImageSet(**parts)


def test_rows_are_found_by_id():
    data = random_set(5)
    chosen = [data.ids[3], data.ids[0]]
    assert data.rows_of(chosen).tolist() == [3, 0]
    assert data.select(data.rows_of(chosen)).ids == tuple(chosen)
    assert data.rows_of([]).tolist() == []
    with pytest.raises(KeyError):
        data.rows_of(["another"])
