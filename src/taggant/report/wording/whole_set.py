"""The report's sentences about a run that audits a whole set."""

from __future__ import annotations

from collections.abc import Iterator

from taggant.numbers import level, percent, quantity
from taggant.report.folder import SetFolder
from taggant.report.meanings import METRICS
from taggant.report.wording.parts import (
    FORGOTTEN,
    Callout,
    Metrics,
    Tile,
    Words,
    judged,
    method_of,
    not_erased,
    own_meanings,
    simulated,
    utility_tile,
    visibility_tile,
)

MOST_TILES = 6
PROVED = (
    "had the model been trained without any knowledge of the owner's secret, this audit would "
    "claim use with probability at most {p}, at this epoch and whatever the model"
)
NOT_PROVED = (
    "that a set which was not detected was not used, which of its images were, or anything about "
    "the best epoch chosen afterwards"
)


def words(run: SetFolder) -> Words:
    """Everything that the page says in sentences."""
    p = level(float(run.metrics["p"]))
    return Words(
        headline=_headline(run),
        tiles=tuple(_tiles(run))[:MOST_TILES],
        proved=PROVED.format(p=p),
        not_proved=NOT_PROVED,
        callouts=(_controls(run.metrics), *simulated(run), *not_erased(run)),
        meanings=own_meanings(run),
    )


def summary(metrics: Metrics) -> str:
    """The outcome in one line, for the terminal."""
    verdict = "used" if metrics["claim"] else "not detected"
    share = percent(metrics["marked_fraction"])
    gone = f", {_to_be_forgotten(metrics)}" if FORGOTTEN in metrics else ""
    return (
        f"[bold]the set: {verdict}, log10 p = {metrics['log10_p']:.2f}[/bold] "
        f"({share} of the training images marked{gone}) at p = {level(float(metrics['p']))}."
    )


def _to_be_forgotten(metrics: Metrics) -> str:
    return f"{metrics[FORGOTTEN]:,} of these {metrics['marked_images']:,} to be forgotten"


def _headline(run: SetFolder) -> str:
    metrics, method = run.metrics, method_of(run)
    said = "claimed" if metrics["claim"] else "did not claim"
    share = percent(metrics["marked_fraction"])
    of = f"{share} of its training images" if metrics["marked_fraction"] else "in truth it was not"
    when = f"At p = {level(float(metrics['p']))}"
    if FORGOTTEN in metrics:
        done = f"After unlearning ({method})" if method else "With nothing done to forget any image"
        when = f"{done}, at p = {level(float(metrics['p']))}"
        of += f", {_to_be_forgotten(metrics)}"
    return (
        f"{when}, the audit {said} that the model was trained on the marked set ({of}): p-value "
        f"{_p_value(metrics['log10_p'])}."
    )


def _p_value(log10_p: float) -> str:
    """A p-value from its logarithm, which may be far below the smallest float."""
    return f"10^{log10_p:.1f}" if log10_p < -4 else f"{10**log10_p:.2g}"


def _tiles(run: SetFolder) -> Iterator[Tile]:
    metrics, method = run.metrics, method_of(run)
    p = level(float(metrics["p"]))
    evidence = f"p-value {_p_value(metrics['log10_p'])}"
    yield Tile("log10 p", f"{metrics['log10_p']:.2f}", evidence, "used")
    if "control_rate" in metrics:
        share = percent(metrics["control_rate"])
        yield Tile("Controls found", share, f"{p} are expected", "unused")
    if "black_box_p" in metrics:
        yield Tile("Black box p-value", quantity(metrics["black_box_p"]), "rank of the set")
    if "pairs_read" in metrics:
        at_hand = f"of {quantity(metrics['pairs'])} pairs of twins"
        yield Tile("Pairs read", quantity(metrics["pairs_read"]), at_hand)
    more = "of the training images"
    if FORGOTTEN in metrics:
        more += f", {_to_be_forgotten(metrics)}"
    yield Tile("Marked share", percent(metrics["marked_fraction"]), more)
    loss = "before unlearning" if method else METRICS["train_loss"].text
    yield Tile("Train loss", quantity(metrics.get("train_loss")), loss)
    yield utility_tile(run)
    yield visibility_tile(metrics)


def _controls(metrics: Metrics) -> Callout:
    """Is the rate at which secrets that marked nothing are found in keeping with p?"""
    if "control_rate" not in metrics:
        none = "No control was tested: this run does not check its own error rate."
        return Callout(none, "warn")
    name = (
        f"Of {metrics['controls']:,} secrets that marked nothing, the audit found "
        f"{percent(metrics['control_rate'])}. That rate"
    )
    return judged(name, metrics["control_rate_ci"], float(metrics["p"]))
