"""How the metrics of an audit after unlearning are called in a report."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from taggant.report.numbers import percent, quantity

Words = Callable[[Any], str]
Entry = tuple[str, tuple[str, Words, str]]

GROUPS = {
    "forgotten": "published versions that the request named",
    "retained": "trained on, to be kept",
    "unused": "marked, never trained on",
}
MOMENTS = {"_before": "before", "": "after"}


def _entries() -> Iterator[Entry]:
    for group, meaning in GROUPS.items():
        if group != "unused":  # every audit has them
            yield group, (f"{group.capitalize()} images", quantity, meaning)
        for suffix, moment in MOMENTS.items():
            yield from _rates(group, suffix, moment)
    for suffix, moment in MOMENTS.items():
        told = "forgotten against unused images, by raw scores; no bound on errors"
        area = f"Membership inference AUC, {moment}"
        yield f"auc{suffix}", (area, lambda value: f"{value:.3f}", told)
    yield "status", ("Outcome of unlearning", str, "ok, diverged (NaN) or collapsed")
    yield "gradient_steps", ("Unlearning, gradient steps", quantity, "batches, there and back")
    yield "unlearning_seconds", ("Unlearning, seconds", quantity, "")
    yield "utility_before", ("Utility before unlearning", percent, "on the test split")
    yield "utility_drop", ("Utility lost", percent, "in percentage points")
    yield "utility_loss", ("Utility lost, relative", percent, "share of what there was")


def _rates(group: str, suffix: str, moment: str) -> Iterator[Entry]:
    name = f"{group.capitalize()} claimed, {moment}"
    yield f"{group}_rate{suffix}", (name, percent, "one-sided: used")
    both = f"{name}, two-sided"
    yield f"{group}_rate_two_sided{suffix}", (both, percent, "used, or over-forgotten")
    over = f"{group.capitalize()} over-forgotten, {moment}"
    yield f"{group}_over_rate_two_sided{suffix}", (over, percent, "ranks last among its versions")


METRICS: Mapping[str, tuple[str, Words, str]] = dict(_entries())
"""Metric -> label, how its value is worded, what it means; in reading order."""
