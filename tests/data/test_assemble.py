import warnings

import numpy as np
import pytest
import torch

from taggant.data.assemble import Pool, assemble, divide, draw_keys, stratified_order

LABELS = np.repeat(np.arange(4), [400, 200, 40, 3])


def pool_of(labels, images=None, broken=(), name=None):
    if images is None:
        # content = index, so that every image is different
        values = torch.arange(len(labels))
        images = torch.stack([values % 256, values // 256], dim=1).to(torch.uint8)
        images = images[:, :, None, None].expand(-1, -1, 2, 2)
    return Pool(np.asarray(labels), lambda i: None if i in broken else images[i], name=name)


def names(count):
    return tuple(f"class {k}" for k in range(count))


def test_keys_depend_on_seed_and_purpose_and_are_pinned():
    assert not np.array_equal(draw_keys(0, "a", 4), draw_keys(0, "b", 4))
    assert not np.array_equal(draw_keys(0, "a", 4), draw_keys(1, "a", 4))
    assert np.array_equal(draw_keys(3, "a", 4), draw_keys(3, "a", 9)[:4])
    assert draw_keys(0, "data/order", 2).tolist() == [839040240435366239, 13564215733827174100]


def test_order_is_a_seeded_permutation():
    order = stratified_order(LABELS, seed=5)
    assert sorted(order) == list(range(len(LABELS)))
    assert np.array_equal(order, stratified_order(LABELS, seed=5))
    assert not np.array_equal(order, stratified_order(LABELS, seed=6))


def test_every_prefix_has_every_class_in_proportion():
    sizes = np.bincount(LABELS)
    for seed in range(5):
        drawn = LABELS[stratified_order(LABELS, seed)]
        assert set(drawn[:4]) == {0, 1, 2, 3}
        for length in range(4, len(LABELS)):
            counts = np.bincount(drawn[:length], minlength=4)
            # 4 images come first whatever the proportions, the rest rounds by about one each
            assert np.abs(counts - sizes * length / len(LABELS)).max() <= 4


def test_first_drawn_of_a_class_is_uniform():
    labels = np.array([0] * 5 + [1] * 5)
    first = [int(stratified_order(labels, seed)[:2].min()) for seed in range(600)]
    counts = np.bincount(first, minlength=5)[:5]
    # chi-square, 4 degrees of freedom: P(> 18.5) = .001
    assert ((counts - 120) ** 2 / 120).sum() < 18.5


def test_groups_stay_together():
    groups = np.repeat(np.arange(50), 3)
    labels = np.repeat(np.arange(50) % 5, 3)
    order = stratified_order(labels, 0, groups)
    assert all(len(set(chunk)) == 1 for chunk in groups[order].reshape(50, 3))
    train, test = divide(labels, 0, 0.25, groups)
    assert not set(groups[train]) & set(groups[test])
    assert len(train) + len(test) == 150
    assert abs(len(test) - 37.5) <= 3


def test_sides_do_not_depend_on_the_counts_drawn():
    pool = pool_of(LABELS)
    orders = divide(LABELS, 1, 0.3)
    sides = ((pool, orders[0]), (pool, orders[1]))
    small = assemble("tiny", names(4), *sides, (50, 20))
    large = assemble("tiny", names(4), *sides, (400, 150))
    assert set(small.train.ids) <= set(large.train.ids)
    assert set(small.test.ids) <= set(large.test.ids)
    assert not set(large.train.ids) & set(large.test.ids)


@pytest.mark.parametrize("fraction", [0, 1, -0.5, 1.2])
def test_fraction_out_of_range(fraction):
    with pytest.raises(ValueError, match=r"test_fraction = .*\(0, 1\)"):
        divide(LABELS, 0, fraction)


def test_fraction_that_leaves_a_side_empty():
    with pytest.raises(ValueError, match="leaves a side empty"):
        divide(np.array([0, 1, 0]), 0, 0.01)
    with pytest.raises(ValueError, match="leaves a side empty"):
        divide(np.array([0, 0]), 0, 0.9, np.array([0, 0]))


def test_assembled_sets_are_described_by_their_training_images():
    pool = pool_of(LABELS)
    train, test = divide(LABELS, 0, 0.2)
    splits = assemble("tiny", names(4), (pool, train), (pool, test), (100, 40))
    assert (len(splits.train), len(splits.test)) == (100, 40)
    pixels = splits.train.images.double() / 255
    assert splits.train.mean == pytest.approx(pixels.mean((0, 2, 3)).tolist())
    assert splits.test.mean == splits.train.mean
    assert splits.train.class_names == names(4)
    assert set(splits.train.labels.tolist()) == {0, 1, 2, 3}
    for part in (splits.train, splits.test):
        index = part.images[:, 0, 0, 0].long() + 256 * part.images[:, 1, 0, 0].long()
        assert torch.equal(part.labels, torch.from_numpy(LABELS)[index])


def test_duplicates_are_dropped_within_and_across_and_named():
    images = torch.arange(10, dtype=torch.uint8)[:, None, None, None].expand(-1, 1, 2, 2).clone()
    images[3] = images[1]
    images[8] = images[2]
    labels = np.arange(10) % 2
    pool = pool_of(labels, images, name=lambda index: f"number {index}")
    order = np.arange(10)
    said = "tiny: left out 1 train and 1 test images .*:\n  number 3 equals number 1\n  number 8 eq"
    with pytest.warns(UserWarning, match=said):
        splits = assemble("tiny", names(2), (pool, order[:6]), (pool, order[6:]), (None, None))
    assert (len(splits.train), len(splits.test)) == (5, 3)
    assert len({*splits.train.ids, *splits.test.ids}) == 8
    few = "data.test = 4: tiny has only 3 test images, as 1 of 4 equal others and 0 cannot be read"
    with pytest.raises(ValueError, match=few), pytest.warns(UserWarning, match=said):
        assemble("tiny", names(2), (pool, order[:6]), (pool, order[6:]), (None, 4))


def test_of_many_duplicates_some_are_named_and_all_are_counted():
    images = torch.arange(60, dtype=torch.uint8)[:, None, None, None].expand(-1, 1, 2, 2) // 2
    pool = pool_of(np.arange(60) // 2 % 2, images, name=str)
    order = np.arange(60)
    with pytest.warns(UserWarning, match="left out 20 train and 10 test images") as said:
        assemble("tiny", names(2), (pool, order[:40]), (pool, order[40:]), (None, None))
    lines = str(said[0].message).splitlines()
    assert lines[1:3] == ["  1 equals 0", "  3 equals 2"]
    assert (len(lines), lines[-1]) == (12, "  and 20 more")


def test_nothing_is_said_where_there_are_no_duplicates_or_they_are_known():
    images = torch.arange(8, dtype=torch.uint8)[:, None, None, None].expand(-1, 1, 2, 2)
    labels = np.arange(8) // 2 % 2
    pools = [pool_of(labels, images, name=str), pool_of(labels, images // 2)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for pool in pools:
            sides = (pool, np.arange(4)), (pool, np.arange(4, 8))
            splits = assemble("tiny", names(2), *sides, (None, None))
            kept = {*splits.train.ids, *splits.test.ids}
            assert len(splits.train) + len(splits.test) == len(kept) > 0


def test_reads_no_more_than_is_drawn():
    read = []
    labels = np.arange(1000) % 2
    whole = pool_of(labels)
    pool = Pool(labels, lambda i: read.append(i) or whole.read(i))
    train, test = divide(labels, 0, 0.5)
    assemble("tiny", names(2), (pool, train), (pool, test), (10, 5))
    assert len(read) == 15


def test_images_left_out_are_replaced_by_the_next():
    labels = np.arange(40) % 2
    pool = pool_of(labels, broken={1, 2, 3})
    order = np.arange(40)
    splits = assemble("tiny", names(2), (pool, order[:30]), (pool, order[30:]), (10, None))
    assert splits.train.images[:, 0, 0, 0].tolist() == [0, 4, 5, 6, 7, 8, 9, 10, 11, 12]


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ((601, 10), "data.train = 601: tiny has only 514 train images"),
        ((10, 200), "data.test = 200: tiny has only 129 test images"),
        ((0, 10), "data.train = 0: accepted are 1, 2, 3, ... or null for all"),
        (("all", 10), "data.train = all: accepted are 1, 2, 3, ... or null for all"),
        ((10, 2.5), "data.test = 2.5: accepted are"),
        ((10, True), "data.test = true: accepted are"),
        ((3, 10), "data.train = 3: tiny has 4 classes"),
    ],
)
def test_impossible_counts(counts, message):
    pool = pool_of(LABELS)
    train, test = divide(LABELS, 0, 0.2)
    with pytest.raises(ValueError, match=message):
        assemble("tiny", names(4), (pool, train), (pool, test), counts)


def test_one_class_and_a_class_without_images():
    order = np.arange(5)
    pool = pool_of(np.zeros(10, dtype=int))
    with pytest.raises(ValueError, match=r"1 class .*at least 2"):
        assemble("tiny", ("only",), (pool, order), (pool, 5 + order), (None, None))
    with pytest.raises(ValueError, match=r"no training image of 1 classes: \['b'\]"):
        assemble("tiny", ("a", "b"), (pool, order), (pool, 5 + order), (None, None))
