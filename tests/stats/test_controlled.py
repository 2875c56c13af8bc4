"""The null of controlled publication: every split of the images into published and withheld."""

import math
from itertools import combinations, permutations, product

import numpy as np
import pytest

from taggant import stats


def splits(images, few):
    """Every way to publish `few` of the images."""
    for chosen in combinations(range(images), few):
        published = np.zeros(images, bool)
        published[list(chosen)] = True
        yield published


@pytest.mark.parametrize("ties", list(product([0, 1], repeat=3)))
def test_an_unused_image_has_a_uniform_p_value_whatever_ties(ties):
    scores = np.concatenate([[0], np.cumsum(ties)])
    found = [
        stats.control_p_values(scores, published, keys)
        for published in splits(4, 1)
        for keys in permutations(range(4))
    ]
    values, counts = np.unique(np.concatenate(found), return_counts=True)
    assert values.tolist() == [0.25, 0.5, 0.75, 1.0]
    assert len(set(counts)) == 1


def test_the_published_images_do_not_change_each_others_comparisons():
    """Each is compared with the withheld ones alone: removing another leaves its p-value."""
    scores, keys = np.array([5.0, 9, 1, 2, 3, 4]), np.arange(6)
    both = stats.control_p_values(scores, [True, True, False, False, False, False], keys)
    alone = stats.control_p_values(scores[[0, 2, 3, 4, 5]], [True, *[False] * 4], keys[:5])
    assert both[0] == alone[0] == 0.2


def test_strata_compare_like_with_like():
    scores = np.array([1.0, 10, 0, 0, 11, 12])
    published = np.array([True, True, False, False, False, False])
    strata = np.array([0, 1, 0, 0, 1, 1])
    p = stats.control_p_values(scores, published, np.zeros(6), strata=strata)
    assert p == pytest.approx([1 / 3, 1.0])
    assert stats.control_p_values(scores, published, np.zeros(6)) == pytest.approx([3 / 5, 3 / 5])


def test_a_maker_who_keeps_the_cats_breaks_the_ranks_of_dogs_and_strata_mend_it():
    """Size by enumeration: any model finds dogs easier, and the published cats alone are used."""
    scores, dog = np.arange(8.0), np.arange(8) >= 4
    level = 0.4

    def size(strata):
        unused = [
            stats.control_p_values(scores, published, np.zeros(8), strata=strata)[dog[published]]
            for published in splits(8, 4)
        ]
        return float((np.concatenate(unused) <= level).mean())

    assert size(None) > 1.5 * level
    assert size(dog.astype(int)) <= level


def test_a_stratum_without_a_withheld_image_proves_nothing():
    p = stats.control_p_values([9.0, 1], [True, False], [0, 0], strata=[0, 1])
    assert p.tolist() == [1.0]


def test_spread_makes_the_p_value_uniform():
    """At x between the steps too: P(p <= .3) = .3 over splits and U."""
    grid = (np.arange(200) + 0.5) / 200
    found = [
        stats.control_p_values(np.arange(4.0), published, np.zeros(4), spread=np.full(4, u))
        for published in splits(4, 1)
        for u in grid
    ]
    for x in (0.1, 0.3, 0.77):
        assert np.mean(np.concatenate(found) <= x) == pytest.approx(x, abs=0.002)


def test_images_that_all_come_last_prove_nothing_to_the_last_digit():
    """Unclamped, the sum over strata is 9e-16 above log 1."""
    scores, published = np.tile([5, 4, 3, 2, 1], 3), np.tile([0, 0, 0, 0, 1], 3).astype(bool)
    assert stats.control_set(scores, published, np.arange(15), np.repeat([0, 1, 2], 5)) == 0


@pytest.mark.parametrize("few", [1, 3, 5])
def test_the_set_test_counts_every_split(few):
    """Its p-value is the share of splits that look at least as much like use."""
    scores = np.array([3.0, 1, 4, 1, 5, 9, 2])
    keys = np.random.default_rng(0).random(7)
    order = np.argsort(np.lexsort((keys, scores)))
    sums = {published.tobytes(): order[published].sum() for published in splits(7, few)}
    for published in splits(7, few):
        larger = np.mean([total >= sums[published.tobytes()] for total in sums.values()])
        found = math.exp(stats.control_set(scores, published, keys))
        assert found == pytest.approx(larger, rel=1e-12)


def test_the_set_test_within_strata():
    """Only splits that publish as many of each stratum are counted."""
    scores = np.array([8.0, 1, 2, 7, 3, 4, 6])
    strata = np.array([0, 0, 0, 1, 1, 1, 1])
    everything = [p for p in splits(7, 3) if p[:3].sum() == 1]
    order = np.argsort(np.argsort(scores))
    for published in everything:
        larger = np.mean([order[p].sum() >= order[published].sum() for p in everything])
        found = math.exp(stats.control_set(scores, published, np.zeros(7), strata))
        assert found == pytest.approx(larger, rel=1e-12)


@pytest.mark.parametrize("few", [1, 2, 4])
def test_many_sets_at_once_are_tested_as_one_by_one(few):
    rng = np.random.default_rng(0)
    scores, keys = rng.integers(0, 4, size=few + 6), rng.random(few + 6)
    published = np.arange(few + 6) < few
    order = np.argsort(np.lexsort((keys, scores)))
    beaten = (order[~published] > order[published][:, None]).sum(1)
    together = stats.control_sets([beaten, beaten], withheld=6)
    alone = stats.control_set(scores, published, keys)
    assert together == pytest.approx([alone, alone], rel=1e-12)


def test_small_p_values_are_exact():
    """Ten published of 210, all ahead of the others: one split of choose(210, 10)."""
    published = np.arange(210) < 10
    log_p = stats.control_set(-np.arange(210.0), published, np.zeros(210))
    assert log_p == pytest.approx(-math.log(math.comb(210, 10)), rel=1e-12)


def test_drawn_splits_agree_with_counted_ones():
    rng = np.random.default_rng(1)
    scores, published = rng.normal(size=12), np.arange(12) < 4
    scores[:4] += 0.8
    sums = np.array([scores[p].sum() for p in splits(12, 4)])
    exact = np.mean(sums >= scores[:4].sum() - 1e-12)
    found = stats.permutation_p(scores, published, rng, draws=20_000)
    assert found == pytest.approx(exact, abs=4 * math.sqrt(exact * (1 - exact) / 20_000))


def test_few_draws_keep_the_size():
    """(k + 1)/(B + 1) is uniform on its steps: .2 of null sets have p <= .2 with four draws."""
    rng = np.random.default_rng(2)
    scores = rng.normal(size=10)
    found = []
    for _ in range(4000):
        published = np.zeros(10, bool)
        published[rng.permutation(10)[:3]] = True
        found.append(stats.permutation_p(scores, published, rng, draws=4))
    assert np.mean(np.array(found) <= 0.2) == pytest.approx(0.2, abs=0.025)
    assert min(found) == 0.2


def test_the_p_value_of_a_set_is_at_most_one():
    for images in range(2, 40):
        few = images // 2
        lowest = np.arange(images) >= images - few
        assert stats.control_set(-np.arange(images), lowest, np.zeros(images)) == pytest.approx(0.0)
        assert stats.control_set(-np.arange(images), lowest, np.zeros(images)) <= 0


@pytest.mark.parametrize("scale", [1e-9, 1e-3, 1.0, 1e9])
def test_sums_that_rounding_sets_apart_tie_at_any_scale(scale):
    """.1 + .2 and .3 + 0 are one sum: of six splits two are as large, and two larger."""
    scores = np.array([0.1, 0.2, 0.3, 0.0]) * scale
    drawn = np.array([True, True, False, False])
    p = stats.permutation_p(scores, drawn, np.random.default_rng(0), 6000)
    assert p == pytest.approx(4 / 6, abs=0.03)


def test_equal_scores_are_no_evidence():
    published = np.arange(6) < 2
    rng = np.random.default_rng(0)
    assert stats.permutation_p(np.full(6, 0.1), published, rng, draws=99) == 1.0


def test_combined_is_exact_for_independent_uniforms():
    grid = (np.arange(400) + 0.5) / 400
    first, second = map(np.ravel, np.meshgrid(grid, grid))
    for weight in (0.3, 0.5, 0.9):
        p = stats.combined(first, second, weight)
        for x in (0.01, 0.05, 0.5):
            assert np.mean(p <= x) == pytest.approx(x, abs=0.003)


def test_combined_with_all_weight_on_one_is_that_one():
    assert stats.combined([0.01, 0.2], [1.0, 0.0], weight=1.0) == pytest.approx([0.01, 0.2])
    assert stats.combined([0.0], [1.0]).tolist() == [1.0]  # for and against: no claim


def test_benjamini_hochberg_keeps_its_rate_on_combined_p_values():
    """Control p-values share the withheld images; the false discovery rate stays below q m0/m."""
    rng, rates = np.random.default_rng(3), []
    used, unused, withheld = 8, 24, 10
    for _ in range(1500):
        scores = rng.normal(size=used + unused + withheld)
        scores[:used] += 2.5
        published = np.arange(len(scores)) < used + unused
        u = rng.random((2, len(scores)))
        controls = stats.control_p_values(scores, published, u[0], spread=u[1])
        versions = rng.random(used + unused)
        versions[:used] **= 4
        found = stats.benjamini_hochberg(stats.combined(versions, controls), 0.2).rejected
        rates.append(found[used:].sum() / max(found.sum(), 1))
    assert np.mean(rates) <= 0.2 * unused / (used + unused) + 3 * np.std(rates) / math.sqrt(1500)
    assert np.mean(rates) > 0.05  # it is no empty promise: wrong claims are made


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: stats.control_p_values([1.0, np.inf], [True, False], [0, 0]), "finite"),
        (lambda: stats.control_p_values([1.0, 2], [1, 0], [0, 0]), "published: accepted are 2 b"),
        (lambda: stats.control_p_values([1.0, 2], [True, False], [0]), "keys: accepted are 2"),
        (
            lambda: stats.control_p_values([1.0, 2], [True, False], [0, 0], strata=[0.5, 1]),
            "strata: accepted are 2 integers",
        ),
        (lambda: stats.control_set([1.0, 2], [True, True], [0, 0]), "not none or all"),
        (
            lambda: stats.control_set(np.zeros(2000), np.arange(2000) < 9, np.zeros(2000)),
            "9 published of 2000 images",
        ),
        (lambda: stats.combined([0.1], [0.1, 0.2]), "1 versions, 2 controls"),
        (lambda: stats.combined([0.1], [0.1], weight=2), "weight"),
        (lambda: stats.combined([1.5], [0.1]), "versions: accepted are numbers 0..1, got 1.5"),
        (lambda: stats.combined([0.1], [1.5]), "controls: accepted are numbers 0..1, got 1.5"),
        (lambda: stats.used_at_least([0.1], alpha=0), "alpha"),
        (lambda: stats.used_at_least([1.5]), "p_values"),
    ],
)
def test_what_is_refused_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
