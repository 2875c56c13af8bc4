from __future__ import annotations

import pytest

from taggant.numbers import duration, interval, level, percent, quantity


def test_rates_and_levels() -> None:
    assert percent(0.62) == "62.0%"
    assert percent(0.0) == "0.0%"
    assert level(0.29) == "29%"  # 0.29 * 100 is 28.999999999999996 in floats
    assert level(0.001) == "0.1%"
    assert level(1e-5) == "0.001%"
    assert interval([0.549, 0.687]) == "54.9–68.7%"
    assert interval([0, 1], " to ") == "0.0 to 100.0%"


@pytest.mark.parametrize("value", [None, float("nan"), float("inf")])
def test_what_was_not_measured_is_a_dash(value: float | None) -> None:
    assert percent(value) == quantity(value) == duration(value) == "–"
    assert interval([0.1, value]) == interval(None) == "–"


@pytest.mark.parametrize(
    ("value", "words"),
    [(0, "0"), (1000, "1,000"), (12345.6, "12,346"), (85.12, "85.1"), (0.002134, "0.00213")],
)
def test_quantities(value: float, words: str) -> None:
    assert quantity(value) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (0.213, "0.21 s"),
        (9.97, "10 s"),
        (59.4, "59 s"),
        (59.6, "1 min 00 s"),
        (83.2, "1 min 23 s"),
        (3599.7, "1 h 00 min"),
        (7500, "2 h 05 min"),
    ],
)
def test_durations(seconds: float, words: str) -> None:
    assert duration(seconds) == words
