"""Everything left to chance about an image follows from its secret, and looks like chance."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from scipy.stats import chisquare, kstest

from taggant.marking.draws import DERIVATION, Draws, check_derivation, seed_of_all

SECRET = bytes(range(32))
N, COUNT = 6, 20_000


@pytest.fixture(scope="module")
def many():
    """Index, place of each version in the order (-1: published), and rank of J's key."""
    indices, places, ranks = [], [], []
    for k in range(COUNT):
        one = Draws(SECRET, f"{k:032x}", N)
        j, keys = one.index(), one.tie_keys()
        place = np.full(N, -1)
        place[one.order(j)] = np.arange(N - 1)
        indices.append(j)
        places.append(place)
        ranks.append(int((keys > keys[j]).sum()))
    return np.array(indices), np.array(places), np.array(ranks)


def table(*columns):
    counts = np.zeros([N] * len(columns))
    np.add.at(counts, columns, 1)
    return counts.ravel()


def test_the_rule_is_the_one_of_its_number():
    """Whoever changes the rule changes its number: old ledgers would give other orders."""
    one = Draws(SECRET, "image", 100)
    drawn = [one.index(), *one.order(one.index()), *one.tie_keys(), one.seed("views")]
    drawn.append(seed_of_all([one, Draws(bytes(32), "other", 100)], "rows"))
    digest = hashlib.sha256(" ".join(map(str, drawn)).encode()).hexdigest()[:16]
    assert (DERIVATION, digest) == (1, "a2f36570dc492a11")


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


def test_purposes_names_and_secrets_share_nothing():
    one = Draws(SECRET, "a", 50)
    others = [Draws(SECRET, "b", 50), Draws(bytes(32), "a", 50)]
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
    check_derivation(DERIVATION)
    for other in (0, DERIVATION + 1, None, "1"):
        with pytest.raises(ValueError, match=f"derivation {other!r}: .* knows {DERIVATION}"):
            check_derivation(other)
