"""Tests of one image by name, and complete enumeration for small n."""

from collections.abc import Callable
from functools import cache, partial
from itertools import permutations

import numpy as np
import pytest

from taggant import stats

TESTS: dict[str, Callable[..., stats.Boundary]] = {
    "rank": stats.rank,
    "rank curtailed": partial(stats.rank, curtailed=True),
    "pprm": stats.pprm,
    "pprm futility": partial(stats.pprm, futility=True),
    "pprm split .1": partial(stats.pprm, split=0.1),
    "pprm prior": partial(stats.pprm, a=1, b=20, futility=True),
    "besag_clifford 1": partial(stats.besag_clifford, h=1),
    "besag_clifford 2": stats.besag_clifford,
    "besag_clifford 5": partial(stats.besag_clifford, h=5),
    "optimal": stats.optimal,
    "anytime": stats.anytime,
    "two-sided rank": partial(stats.two_sided, stats.rank),
    "two-sided besag_clifford": partial(stats.two_sided, stats.besag_clifford),
    "two-sided optimal": partial(stats.two_sided, stats.optimal),
}


@pytest.fixture(params=TESTS)
def test_of(request: pytest.FixtureRequest) -> Callable[..., stats.Boundary]:
    """Each test as a cached function (n, p) -> Boundary."""
    return cached(request.param)


@cache
def cached(name: str) -> Callable[..., stats.Boundary]:
    return cache(TESTS[name])


@cache
def all_orders(n: int) -> np.ndarray:
    """Exceedance bits of all n! equally likely orders: the first of each is the published one."""
    orders = np.array(list(permutations(range(n))))
    return orders[:, 1:] < orders[:, :1]


def build(name: str, n: int, p: float) -> stats.Boundary | None:
    """The test, or None where there is none and the error says what is accepted."""
    try:
        return cached(name)(n, p)
    except ValueError as reason:
        if "accepted" not in str(reason):
            raise
        return None
