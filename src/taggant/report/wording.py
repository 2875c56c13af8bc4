"""What a report says in sentences: the headline, the key numbers, what is and is not proved."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from taggant.report.folder import Folder, RunFolder, SetFolder
from taggant.report.meanings import GROUPS, METRICS, Meaning
from taggant.report.numbers import MISSING, interval, known, level, percent, quantity

Metrics = Mapping[str, Any]

NO_UNLEARNING = "none"
FORGOTTEN = "forgotten"
MOST_TILES = 6
BY_CHANCE = (
    "Chance alone does this in at most one run in forty: look for a broken assumption before "
    "believing any claim."
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
PROVED_OF_SETS = (
    "had the model been trained without any knowledge of the owner's secret, this audit would "
    "claim use with probability at most {p}, at this epoch and whatever the model"
)
NOT_PROVED_OF_SETS = (
    "that a set which was not detected was not used, which of its images were, or anything about "
    "the best epoch chosen afterwards"
)


@dataclass(frozen=True)
class Tile:
    """A key number: its name, value, small print, and which group's colour it has, if any."""

    name: str
    value: str
    more: str
    group: str = ""


@dataclass(frozen=True)
class Callout:
    """A remark; `kind` (good, warn, bad or nothing) decides its colour, `lead` is in bold."""

    text: str
    kind: str = ""
    lead: str = ""


@dataclass(frozen=True)
class Words:
    """What the page about a run says.

    Attributes
    ----------
    headline : str
        The outcome, in a sentence or two.
    tiles : tuple of Tile
        Key numbers.
    proved, not_proved : str
        What follows from the outcome, and what does not.
    callouts : tuple of Callout
        Whether the run is to be believed, and what it does not show.
    meanings : mapping
        Of metrics that mean something of their own in this run.
    """

    headline: str
    tiles: tuple[Tile, ...]
    proved: str
    not_proved: str
    callouts: tuple[Callout, ...]
    meanings: Mapping[str, Meaning]


def words(run: RunFolder | SetFolder) -> Words:
    """Everything that the page about a run says in sentences."""
    return _of_set(run) if isinstance(run, SetFolder) else _of_instances(run)


def summary(metrics: Metrics) -> str:
    """What came out of a run, in a line for the terminal (with rich's markup)."""
    at = f"at p = {level(float(metrics['p']))}"
    if metrics.get("fault") is not None:
        return f"[bold]no claim:[/bold] {metrics['fault']}."
    if "log10_p" in metrics:
        verdict = "used" if metrics["claim"] else "not detected"
        share = percent(metrics["marked_fraction"])
        return (
            f"[bold]the set: {verdict}, log10 p = {metrics['log10_p']:.2f}[/bold] "
            f"({share} of the training images marked) {at}."
        )
    first, *others = _groups(metrics)
    told = ", ".join(f"{name} images: {_share_of(metrics, *keys)}" for name, keys in others)
    lead = f"{first[0]} images claimed: {_share_of(metrics, *first[1])}"
    return f"[bold]{lead}[/bold], {told} {at}."


def utility_name(run: Folder) -> str:
    """What the utility of a run's model measures."""
    if known(run.metrics.get("recall_at_5")):
        return "Recall at 1"
    return "Test accuracy" if run.context.get("class_count") else "Utility"


def judged(name: str, bounds: Sequence[float], p: float) -> Callout:
    """Is a rate of false claims in keeping with p?

    Parameters
    ----------
    name : str
        Of the rate, as the subject of a sentence.
    bounds : (float, float)
        Its exact 95 % interval.
    p : float
        What it should be at most.
    """
    between = f"{name} has the 95% interval {interval(bounds, ' to ', 2)}, which"
    if bounds[0] > p:
        return Callout(f"{between} lies above p = {level(p)}. {BY_CHANCE}", "bad")
    how = "lies below" if bounds[1] < p else "contains"
    return Callout(f"{between} {how} p = {level(p)}, as it should.", "good")


def _of_instances(run: RunFolder) -> Words:
    p = level(float(run.metrics["p"]))
    utility = METRICS["utility"]
    own = {"utility": Meaning(utility_name(run), utility.text, utility.write)}
    asked = FORGOTTEN in run.metrics
    return Words(
        headline=_headline(run),
        tiles=tuple(_tiles(run)),
        proved=PROVED.format(p=p),
        not_proved=NOT_PROVED,
        callouts=(_false_claims(run.metrics), *_simulated(run), *_not_erased(run)),
        meanings={**own, **(_pooled() if asked else {})},
    )


def _pooled() -> dict[str, Meaning]:
    """Metrics that lump forgotten and retained images together say so."""
    texts = {
        "detection_rate": "share of used images claimed, forgotten and retained ones together",
        "used": "marked and trained on before unlearning: forgotten and retained",
        "train_loss": "of the last epoch, before unlearning",
    }
    before = {name: METRICS[name] for name in texts}
    return {
        name: Meaning(before[name].label, text, before[name].write, before[name].share)
        for name, text in texts.items()
    }


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
    method = _method(run)
    when = f"After unlearning ({method})" if method else "With nothing done to forget any image"
    said[FORGOTTEN] += " images to be forgotten"
    if method:
        said[FORGOTTEN] += f" (before: {percent(metrics['forgotten_rate_before'])})"
    kept = f", {said['retained']} to be kept" if "retained" in said else ""
    return (
        f"{when}, the audit at {at} claimed {said[FORGOTTEN]}{kept}, and {said['unused']} that the "
        "model was never trained on."
    )


def _method(run: Folder) -> str:
    """The unlearning method; empty where nothing was done."""
    method = str(run.context.get("unlearning", NO_UNLEARNING))
    return "" if method == NO_UNLEARNING else method


def _tiles(run: RunFolder) -> Iterator[Tile]:
    metrics, hidden = run.metrics, int(run.context["n"]) - 1
    asked = FORGOTTEN in metrics
    names = {"used": "Detection rate", "unused": "False-detection rate"}
    for group, (rate, size) in _groups(metrics):
        name = f"{group.capitalize()}, claimed" if asked else names[group]
        more = f"{interval(metrics[f'{rate}_ci'])}, {quantity(metrics[size])} {group} images"
        if asked and _method(run):
            more += f"; before, {percent(metrics.get(f'{rate}_before'))}"
        yield Tile(name, percent(metrics[rate]), more, group)
    yield Tile(
        "Hidden versions read",
        quantity(metrics.get("mean_versions_read_used")),
        f"mean per used image, {quantity(metrics.get('mean_versions_read_unused'))} per unused "
        f"one, of {hidden:,}",
    )
    loss = "before unlearning" if _method(run) else "detection rests on memorisation"
    yield Tile("Train loss", quantity(metrics.get("train_loss")), loss)
    yield _utility(run)
    if not asked:
        yield _visibility(metrics)


def _utility(run: Folder) -> Tile:
    metrics, more = run.metrics, ""
    if known(metrics.get("utility_baseline")):
        more = f"baseline {percent(metrics['utility_baseline'])}"
    if _method(run) and known(metrics.get("utility_before")):
        more = f"before unlearning {percent(metrics['utility_before'])}"
    return Tile(utility_name(run), percent(metrics.get("utility")), more)


def _visibility(metrics: Metrics) -> Tile:
    psnr = metrics.get("psnr")
    return Tile("PSNR", METRICS["psnr"].write(psnr) if known(psnr) else MISSING, "of the marks")


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


def _simulated(run: Folder) -> Iterator[Callout]:
    if run.context["secret"] == "simulated":
        why = "the secret of this run was simulated, so its ledger proves nothing to anyone."
        yield Callout(why, "warn", "An experiment, not evidence:")


def _not_erased(run: Folder) -> Iterator[Callout]:
    """What no claim leaves open, after unlearning."""
    method, bounds = _method(run), run.metrics.get(f"{FORGOTTEN}_rate_ci")
    if not method:
        return
    text = f"this model was audited after unlearning ({method})"
    if bounds is not None:
        text += (
            f", and this audit may still claim as many as {percent(bounds[1])} of such forgotten "
            "images (upper end of the 95% interval of those audited); a better one may claim more"
        )
    yield Callout(f"{text}.", "warn", "Not detected is not erased:")


def _of_set(run: SetFolder) -> Words:
    metrics = run.metrics
    p = level(float(metrics["p"]))
    utility = METRICS["utility"]
    return Words(
        headline=_headline_of_set(metrics),
        tiles=tuple(_tiles_of_set(run))[:MOST_TILES],
        proved=PROVED_OF_SETS.format(p=p),
        not_proved=NOT_PROVED_OF_SETS,
        callouts=(_controls(metrics), *_simulated(run), *_not_erased(run)),
        meanings={"utility": Meaning(utility_name(run), utility.text, utility.write)},
    )


def _headline_of_set(metrics: Metrics) -> str:
    said = "claimed" if metrics["claim"] else "did not claim"
    share = percent(metrics["marked_fraction"])
    of = f"{share} of its training images" if metrics["marked_fraction"] else "in truth it was not"
    return (
        f"At p = {level(float(metrics['p']))}, the audit {said} that the model was trained on the "
        f"marked set ({of}): p-value {_p_value(metrics['log10_p'])}."
    )


def _p_value(log10_p: float) -> str:
    """A p-value from its logarithm, which may be far below the smallest float."""
    return f"10^{log10_p:.1f}" if log10_p < -4 else f"{10**log10_p:.2g}"


def _tiles_of_set(run: SetFolder) -> Iterator[Tile]:
    metrics = run.metrics
    p = level(float(metrics["p"]))
    yield Tile(
        "log10 p", f"{metrics['log10_p']:.2f}", f"p-value {_p_value(metrics['log10_p'])}", "used"
    )
    if "control_rate" in metrics:
        share = percent(metrics["control_rate"])
        yield Tile("Controls found", share, f"{p} are expected", "unused")
    if "black_box_p" in metrics:
        yield Tile("Black box p-value", quantity(metrics["black_box_p"]), "rank of the set")
    yield Tile("Marked share", percent(metrics["marked_fraction"]), "of the training images")
    yield Tile("Train loss", quantity(metrics.get("train_loss")), "of the last epoch")
    yield _utility(run)
    yield _visibility(metrics)


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
