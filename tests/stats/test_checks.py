import math

import numpy as np
import pytest

from taggant.stats.checks import integer, real, shown


def test_what_is_shown_is_short_and_marked_as_cut():
    assert shown("a" * 58) == repr("a" * 58)
    assert shown("a" * 59) == f"'{'a' * 56}..."
    assert len(shown(list(range(1000)))) == 60
    assert shown(2**200 - 1) == str(2**200 - 1)[:57] + "..."
    assert shown(2**200) == "an integer of 201 bits"
    assert shown(-(2**200)) == "an integer of 201 bits"
    assert shown(np.float64(0.5)) == "0.5"


@pytest.mark.parametrize(("ends", "low", "high"), [("", 1, 1), ("low", 0, 1), ("high", 1, 0)])
def test_ends_of_a_range(ends, low, high):
    for value, fits in ((1, low), (2, high), (1.5, True), (0.999, False), (2.001, False)):
        if fits:
            assert real(value, "x", 1, 2, ends) == value
        else:
            with pytest.raises(ValueError, match=rf"^x={value}: accepted are numbers 1 "):
                real(value, "x", 1, 2, ends)
    with pytest.raises(ValueError, match=r"accepted are numbers 1 < x < 2$"):
        real(1, "x", 1, 2, "both")


def test_integers_beyond_floats_are_infinite():
    assert real(10**400, "x", 0, math.inf, "") == math.inf
    assert real(-(10**400), "x", -math.inf, 0, "") == -math.inf


def test_ends_of_integers():
    assert [integer(k, "k", 2, 4) for k in (2, 3, 4)] == [2, 3, 4]
    for k in (1, 5):
        with pytest.raises(ValueError, match=rf"^k={k}: accepted are integers 2\.\.4$"):
            integer(k, "k", 2, 4)
    with pytest.raises(ValueError, match=r"accepted are integers >= 2$"):
        integer(np.arange(3), "k", 2)
