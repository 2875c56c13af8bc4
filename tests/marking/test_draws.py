"""Everything left to chance about an image follows from its secret, and looks like chance."""

from __future__ import annotations

import hashlib
import math
from itertools import product

import numpy as np
import pytest
from scipy.stats import chisquare, kstest

from taggant.marking.draws import (
    DERIVATION,
    DERIVATIONS,
    Draws,
    Order,
    check_derivation,
    draw_ahead,
    seed_of_all,
    tie_keys_of,
)
from taggant.marking.stream import bits, derive, gaussians, tagged, uniforms, unit_vectors

SECRET = bytes(range(32))
LAWS = (bits, uniforms, gaussians, unit_vectors)
N, COUNT = 6, 12_000


@pytest.fixture(scope="module", params=DERIVATIONS)
def many(request):
    """Index, place of each version in the order (-1: published), and rank of J's key."""
    ones = [Draws(tagged(SECRET, request.param), f"{k:032x}", N) for k in range(COUNT)]
    indices = np.array([one.index() for one in ones])
    orders = [one.reading(j) for one, j in zip(ones, indices, strict=True)]
    draw_ahead(orders, [N - 1] * COUNT)
    hidden = np.stack([order.at(0, N - 1) for order in orders])
    places = np.full((COUNT, N), -1)
    np.put_along_axis(places, hidden, np.arange(N - 1)[None], 1)
    every = [one for one in ones for _ in range(N)]
    keys = tie_keys_of(every, np.tile(np.arange(N), COUNT)).reshape(COUNT, N)
    return indices, places, (keys > keys[np.arange(COUNT), indices][:, None]).sum(1)


def table(*columns):
    counts = np.zeros([N] * len(columns))
    np.add.at(counts, columns, 1)
    return counts.ravel()


@pytest.mark.parametrize(
    ("rule", "known"),
    [(1, ("a2f36570dc492a11", "5f1c121c998dc479")), (2, ("34b2b7fa26eeb413", "d6a59628b84e42e1"))],
)
def test_each_rule_is_the_one_of_its_number(rule, known):
    """Whoever changes a rule changes its number: old ledgers would give other orders and marks."""
    secret = tagged(SECRET, rule)
    one = Draws(secret, "image", 100)
    drawn = [one.index(), *one.order(one.index()), *one.tie_keys(), one.seed("views")]
    drawn.append(seed_of_all([one, Draws(tagged(bytes(32), rule), "other", 100)], "rows"))
    marks = [one.some("members", 7), *(law(derive(secret, "m"), [3, 900], 40) for law in LAWS)]
    text = " ".join(map(str, drawn))
    found = hashlib.sha256(text.encode()), hashlib.sha256(b"".join(m.tobytes() for m in marks))
    assert tuple(one.hexdigest()[:16] for one in found) == known
    assert max(DERIVATIONS) == DERIVATION


@pytest.mark.parametrize("rule", DERIVATIONS)
def test_what_is_drawn_is_the_same_whatever_else_is_drawn(rule):
    many = [Draws(tagged(SECRET, rule), str(k), 30) for k in range(4)]
    published = [one.index() for one in many]
    orders = [one.reading(j) for one, j in zip(many, published, strict=True)]
    for until in ([1, 0, 9, 29], [2, 3, 11, 29], [29, 4, 11, 29], [29] * 4):
        draw_ahead(orders, until)
    for one, j, order in zip(many, published, orders, strict=True):
        assert np.array_equal(order.at(0, 29), one.order(j))
        assert np.array_equal(one.order(j, 5), one.order(j)[:5])
    versions = np.array([7, 29, 0, 7])
    keys = [one.tie_keys()[version] for one, version in zip(many, versions, strict=True)]
    assert tie_keys_of(many, versions).tolist() == keys
    assert many[0].tie_keys(versions).tolist() == many[0].tie_keys()[versions].tolist()


@pytest.mark.parametrize("items", [1, 2, 3, 4, 5, 6])
def test_every_order_comes_of_equally_many_words(items):
    """Enumerated: each of the items! ways to draw gives another order."""
    jumps = product(*(range(items - place) for place in range(items)))
    orders = set()
    for words in jumps:
        order = Order(b"", items, skipped=1)
        for word in words:  # one by one, or together
            order.extend(np.array([word], np.uint64))
        together = Order(b"", items, skipped=1)
        together.extend(np.array([*words, 5, 5], np.uint64))  # more than there are items
        assert np.array_equal(order.at(0, items), together.at(0, 99))
        assert sorted(order.at(0, items)) == [k for k in range(items + 1) if k != 1]
        orders.add(tuple(order.at(0, items)))
    assert len(orders) == math.factorial(items)


def test_a_first_place_costs_the_same_of_any_number_of_versions():
    one = Draws(tagged(SECRET, 2), "image", 10**12)
    order = one.order(one.index(), 50)
    assert len(set(order.tolist())) == 50
    assert kstest(order / 10**12, "uniform").pvalue > 1e-4
    assert len(one.some("members", 8)) == 8
    assert len(one.tie_keys(order)) == 50


def test_numbers_are_uniform_to_the_last_of_53_bits():
    values = [Draws(SECRET, str(k), N).uniform("part") for k in range(2000)]
    assert kstest(values, "uniform").pvalue > 1e-4
    whole = [int(value * 2**53) for value in values]
    assert [k / 2**53 for k in whole] == values
    assert {k % 2 for k in whole} == {0, 1}
    assert min(values) >= 0
    assert max(values) < 1


def test_orders_hold_every_hidden_version_once(many):
    indices, places, _ = many
    assert (places[np.arange(COUNT), indices] == -1).all()
    assert (np.sort(places, axis=1) == np.arange(-1, N - 1)).all()


def test_orders_are_uniform_and_independent_of_the_index(many):
    indices, places, _ = many
    for version in range(N):
        hidden = indices != version
        # Index and place of a version together: uniform over the pairs in which it is hidden.
        counts = table(indices[hidden], places[hidden, version]).reshape(N, N)
        cells = np.delete(counts, version, 0)[:, : N - 1]
        assert chisquare(cells.ravel()).pvalue > 1e-4
    other, first = places[:, 1], places[:, 0]
    both = (other >= 0) & (first >= 0)
    pairs = table(first[both], other[both]).reshape(N, N)[: N - 1, : N - 1]
    assert chisquare(pairs[~np.eye(N - 1, dtype=bool)]).pvalue > 1e-4


def test_the_tie_key_of_the_published_version_has_a_uniform_rank_at_every_index(many):
    indices, places, ranks = many
    assert chisquare(table(indices, ranks)).pvalue > 1e-4
    # ... and says nothing of the order.
    first = (places == 0).argmax(1)
    for rank in range(N):
        seen = np.bincount((first - indices)[ranks == rank] % N, minlength=N)[1:]
        assert chisquare(seen).pvalue > 1e-4


@pytest.mark.parametrize("rule", DERIVATIONS)
def test_purposes_names_and_secrets_share_nothing(rule):
    secret, another = tagged(SECRET, rule), tagged(bytes(32), rule)
    one = Draws(secret, "a", 50)
    others = [Draws(secret, "b", 50), Draws(another, "a", 50)]
    for other in others:
        assert not np.array_equal(one.order(0), other.order(0))
        assert not np.array_equal(one.tie_keys(), other.tie_keys())
        assert one.seed("views") != other.seed("views")
    assert not np.array_equal(np.argsort(one.tie_keys()), np.append(one.order(0), 0))
    assert one.seed("views") != one.seed("ties")
    every = [seed_of_all([one, *others], purpose) for purpose in ("rows", "controls")]
    assert len({*every, seed_of_all([one], "rows"), seed_of_all(others, "rows")}) == 4


def test_the_secret_stays_out_of_sight():
    assert SECRET.hex() not in repr(Draws(SECRET, "a", 5))
    assert repr(SECRET) not in repr(Draws(SECRET, "a", 5))


def test_another_rule_is_refused():
    for known in DERIVATIONS:
        check_derivation(known)
    for other in (0, DERIVATION + 1, None, "1", True, 1.0):
        with pytest.raises(ValueError, match=f"derivation {other!r}: .* knows 1 and 2"):
            check_derivation(other)
