"""Sentences that the reports of all kinds of runs share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from taggant.configs import Plain
from taggant.numbers import MISSING, interval, known, level, percent
from taggant.report.folder import Folder
from taggant.report.meanings import METRICS, Meaning

Metrics = Plain

NO_UNLEARNING = "none"
FORGOTTEN = "forgotten"
BY_CHANCE = (
    "Chance alone does this in at most one run in forty: look for a broken assumption before "
    "believing any claim."
)
OF_TRAINING = (
    "train_loss",
    "held_out_loss",
    "stopped",
    "epsilon",
    "delta",
    "train_images",
    "marked_images",
    "marked_fraction",
)
"""Metrics of the training, which unlearning came after."""


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


def utility_name(run: Folder) -> str:
    """What the utility of a run's model measures."""
    if known(run.metrics.get("recall_at_5")):
        return "Recall at 1"
    return "Test accuracy" if run.context.get("class_count") else "Utility"


def method_of(run: Folder) -> str:
    """The unlearning method; empty where nothing was done."""
    method = str(run.context.get("unlearning", NO_UNLEARNING))
    return "" if method == NO_UNLEARNING else method


def own_meanings(run: Folder) -> dict[str, Meaning]:
    """The utility by its name; what was measured before unlearning says so."""
    own = {"utility": replace(METRICS["utility"], label=utility_name(run))}
    if method_of(run):
        for name in OF_TRAINING:
            own[name] = replace(METRICS[name], text=f"{METRICS[name].text}, before unlearning")
    return own


def utility_tile(run: Folder) -> Tile:
    """How good the audited model is, beside its former self or a baseline."""
    metrics, more = run.metrics, ""
    if known(metrics.get("utility_baseline")):
        more = f"baseline {percent(metrics['utility_baseline'])}"
    if method_of(run) and known(metrics.get("utility_before")):
        more = f"before unlearning {percent(metrics['utility_before'])}"
    return Tile(utility_name(run), percent(metrics.get("utility")), more)


def visibility_tile(metrics: Metrics) -> Tile:
    """How visible the marks are."""
    psnr = metrics.get("psnr")
    return Tile("PSNR", METRICS["psnr"].write(psnr) if known(psnr) else MISSING, "of the marks")


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


def simulated(run: Folder) -> Iterator[Callout]:
    """A warning if the owner's secret was simulated, so no secret at all."""
    if run.context["secret"] == "simulated":
        why = "the secret of this run was simulated, so its ledger proves nothing to anyone."
        yield Callout(why, "warn", "An experiment, not evidence:")


def not_erased(run: Folder) -> Iterator[Callout]:
    """A warning, after unlearning, of how many forgotten images may still be found."""
    method, bounds = method_of(run), run.metrics.get(f"{FORGOTTEN}_rate_ci")
    if not method:
        return
    text = f"this model was audited after unlearning ({method})"
    if bounds is not None:
        text += (
            f", and this audit may still claim as many as {percent(bounds[1])} of such forgotten "
            "images (upper end of the 95% interval of those audited); a better one may claim more"
        )
    yield Callout(f"{text}.", "warn", "Not detected is not erased:")
