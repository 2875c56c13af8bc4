"""The report's sentences about a run that audits images one by one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from taggant.numbers import MISSING, interval, known, level, percent, quantity
from taggant.report.folder import RunFolder
from taggant.report.meanings import GROUPS, METRICS, Meaning
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

PROVED = (
    "had the model been trained without any knowledge of which version of an image was published, "
    "one audit of that image would claim use with probability at most {p}, at this epoch and "
    "whatever the model"
)
NOT_PROVED = (
    "that an image which was not detected was not used, or anything about the best epoch chosen "
    "afterwards, since the guarantee holds for each epoch on its own"
)
ASSUMED = (
    "This holds for an unused image, while other published images were used, if what the model's "
    "maker takes of them does not depend on the images' content within the groups that are "
    "compared. The rank among hidden versions alone needs no such assumption."
)
"""What the audit of controlled publication takes for granted."""
PROVED_CONTROLLED = (
    "had the model been trained without any knowledge of which images were published and which "
    "version of each, the audit of an image would claim use with probability at most {p}"
)
TOGETHER = "forgotten and retained ones together"
WITHHELD = "withheld"
POOLED = {
    "detection_rate": f"share of used images claimed, {TOGETHER}",
    "used": "marked and trained on before unlearning: forgotten and retained",
    "mean_versions_read_used": f"hidden versions an audit of a used image reads, {TOGETHER}",
    "mean_queries_used": f"images asked of a used image, all views included, {TOGETHER}",
}
"""Meanings, after unlearning, of metrics that count forgotten and retained images together."""


def words(run: RunFolder) -> Words:
    """Everything that the page says in sentences."""
    p = level(float(run.metrics["p"]))
    return Words(
        headline=_headline(run),
        tiles=tuple(_tiles(run)),
        proved=(PROVED_CONTROLLED if WITHHELD in run.metrics else PROVED).format(p=p),
        not_proved=NOT_PROVED,
        callouts=(
            _false_claims(run.metrics),
            *_assumed(run.metrics),
            *simulated(run),
            *not_erased(run),
        ),
        meanings={**own_meanings(run), **(_pooled() if FORGOTTEN in run.metrics else {})},
    )


def summary(metrics: Metrics) -> str:
    """The outcome in one line, for the terminal."""
    first, *others = _groups(metrics)
    rest = ", ".join(f"{name} images: {_share_of(metrics, *keys)}" for name, keys in others)
    lead = f"{first[0]} images claimed: {_share_of(metrics, *first[1])}"
    return f"[bold]{lead}[/bold], {rest} at p = {level(float(metrics['p']))}."


def _assumed(metrics: Metrics) -> Iterator[Callout]:
    """What a comparison with withheld images takes for granted."""
    if WITHHELD in metrics:
        yield Callout(ASSUMED, "warn")


def _pooled() -> dict[str, Meaning]:
    return {name: replace(METRICS[name], text=text) for name, text in POOLED.items()}


def _groups(metrics: Metrics) -> list[tuple[str, tuple[str, str]]]:
    """Name of each group of images, and the keys of its rate and its size."""
    if FORGOTTEN in metrics:
        return [(name, (f"{name}_rate", name)) for name in GROUPS if f"{name}_rate" in metrics]
    return [("used", ("detection_rate", "used")), ("unused", ("false_detection_rate", "unused"))]


def _share_of(metrics: Metrics, rate: str, size: str) -> str:
    """ "60.0% [52.9, 66.8%] of 200"."""
    if not metrics[size] or not known(metrics[rate]):
        return f"{MISSING} of {metrics[size]:,}"
    between = interval(metrics[f"{rate}_ci"], ", ")
    return f"{percent(metrics[rate])} [{between}] of {metrics[size]:,}"


def _claimed(metrics: Metrics, rate: str, size: str) -> str:
    """ "120 (60.0%, 95% interval 52.9 to 66.8%) of 200"."""
    total = metrics[size]
    if not total or not known(metrics[rate]):
        return "none of 0"
    return (
        f"{round(metrics[rate] * total):,} ({percent(metrics[rate])}, 95% interval "
        f"{interval(metrics[f'{rate}_ci'], ' to ')}) of {total:,}"
    )


def _headline(run: RunFolder) -> str:
    metrics = run.metrics
    at = f"p = {level(float(metrics['p']))}"
    if metrics.get("fault") is not None:
        return f"No claim is made: {metrics['fault']}."
    said = {name: _claimed(metrics, *keys) for name, keys in _groups(metrics)}
    if FORGOTTEN not in said:
        return (
            f"At {at}, the audit claimed {said['used']} images that the model was trained on, and "
            f"{said['unused']} that it was not."
        )
    method = method_of(run)
    when = f"After unlearning ({method})" if method else "With nothing done to forget any image"
    said[FORGOTTEN] += " images to be forgotten"
    if method:
        said[FORGOTTEN] += f" (before: {percent(metrics['forgotten_rate_before'])})"
    kept = f", {said['retained']} to be kept" if "retained" in said else ""
    return (
        f"{when}, the audit at {at} claimed {said[FORGOTTEN]}{kept}, and {said['unused']} that the "
        "model was never trained on."
    )


def _tiles(run: RunFolder) -> Iterator[Tile]:
    metrics, hidden = run.metrics, int(run.context["n"]) - 1
    asked = FORGOTTEN in metrics
    names = {"used": "Detection rate", "unused": "False-detection rate"}
    for group, (rate, size) in _groups(metrics):
        name = f"{group.capitalize()}, claimed" if asked else names[group]
        more = f"{interval(metrics[f'{rate}_ci'])}, {quantity(metrics[size])} {group} images"
        if asked and method_of(run):
            more += f"; before, {percent(metrics.get(f'{rate}_before'))}"
        yield Tile(name, percent(metrics[rate]), more, group)
    if WITHHELD in metrics:
        for kind in ("versions", "controls"):
            name = f"detection_rate_{kind}"
            if name in metrics and "detection_rate_combined" in metrics:
                alone = f"{interval(metrics[f'{name}_ci'])}, by {kind} alone"
                yield Tile(f"Used, {kind}", percent(metrics[name]), alone, "used")
        yield utility_tile(run)
        return
    read = "forgotten or retained" if asked else "used"
    yield Tile(
        "Hidden versions read",
        quantity(metrics.get("mean_versions_read_used")),
        f"mean per {read} image, {quantity(metrics.get('mean_versions_read_unused'))} per unused "
        f"one, of {hidden:,}",
    )
    loss = "before unlearning" if method_of(run) else "detection rests on memorisation"
    yield Tile("Train loss", quantity(metrics.get("train_loss")), loss)
    yield utility_tile(run)
    if not asked:
        yield visibility_tile(metrics)


def _false_claims(metrics: Metrics) -> Callout:
    """Is the false-detection rate in keeping with p?"""
    if metrics.get("fault") is not None:
        fault = metrics["fault"]
        return Callout(f"This audit is void and says nothing of any image: {fault}.", "bad")
    bounds = metrics["false_detection_rate_ci"]
    if not metrics["unused"] or interval(bounds) == MISSING:
        none = "No unused image was audited: this run does not check its own error rate."
        return Callout(none, "warn")
    return judged("The false-detection rate", bounds, float(metrics["p"]))
