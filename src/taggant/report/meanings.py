"""What every number of a run is called, how it is written, and what it says.

One table for all kinds of runs, in the order of reading. A test holds that no stage writes a
metric that is missing here; one that a part of somebody else's own adds is shown under its key.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from taggant.configs import Plain
from taggant.numbers import interval, known, level, percent, quantity

Write = Callable[[Any], str]


@dataclass(frozen=True)
class Meaning:
    """What the report says of one metric.

    Attributes
    ----------
    label : str
        What it is called.
    text : str
        What it says.
    write : callable
        How its value, a finite number, is written.
    share : bool
        Whether it is a share of images, so that its interval is an exact one, in percent.
    """

    label: str
    text: str
    write: Write = quantity
    share: bool = False


@dataclass(frozen=True)
class Row:
    """A line of the table of metrics, in words."""

    heading: str
    key: str
    label: str
    value: str
    interval: str
    meaning: str


def _share(label: str, text: str) -> Meaning:
    return Meaning(label, text, percent, share=True)


GROUPS = {
    "forgotten": "used, and named by the request to forget",
    "retained": "used, and to be kept",
    "unused": "marked, never trained on",
}
"""Marked images by what became of them, where a model was asked to forget."""
MOMENTS = {"_before": "before", "": "after"}
"""How a metric's key ends, and whether it was measured before or after unlearning."""


KINDS = {
    "versions": "by the rank of the published version among hidden ones",
    "controls": "by the rank of the image among withheld ones",
    "combined": "by both",
}
"""Kinds of evidence, and by what they tell."""


def _by_kind() -> Iterator[tuple[str, Meaning]]:
    for kind, how in KINDS.items():
        yield f"detection_rate_{kind}", _share(f"Detection rate, {kind}", f"used images, {how}")
        yield (
            f"false_detection_rate_{kind}",
            _share(f"False-detection rate, {kind}", f"unused images, {how}"),
        )


def _of_the_owner() -> Iterator[tuple[str, Meaning]]:
    text = "logarithm of one exact p-value of all published images: was any of them used?"
    yield "owner_log10_p", Meaning("Owner, log10 p", text)
    for kind, how in KINDS.items():
        yield f"owner_log10_p_{kind}", Meaning(f"Owner, log10 p, {kind}", f"the same, {how}")
    least = "of the published images; too large with probability 5% at most, whatever the truth"
    yield "used_at_least", Meaning("Used, at least", least)


def _unlearning() -> Iterator[tuple[str, Meaning]]:
    for group, text in GROUPS.items():
        if group != "unused":  # every audit has them
            yield group, Meaning(f"{group.capitalize()} images", text)
        for suffix, moment in MOMENTS.items():
            name = f"{group.capitalize()} claimed, {moment}"
            yield f"{group}_rate{suffix}", _share(name, "claimed as used, by the one-sided test")
            both = "claimed as used or as over-forgotten"
            yield f"{group}_rate_two_sided{suffix}", _share(f"{name}, two-sided", both)
            over = f"{group.capitalize()} over-forgotten, {moment}"
            last = "claimed because the published version ranks last: unlearning went too far"
            yield f"{group}_over_rate_two_sided{suffix}", _share(over, last)
    for suffix, moment in MOMENTS.items():
        area = f"Membership inference AUC, {moment}"
        text = "forgotten against unused images by their scores alone; no bound on errors"
        yield f"auc{suffix}", Meaning(area, text, lambda value: f"{value:.3f}")


def _taken() -> Iterator[tuple[str, Meaning]]:
    for group in ("used", "unused"):
        text = f"{group} images that only keys among equal answers, or an answer that moved, claim"
        yield f"claims_taken_{group}", Meaning(f"Not claimed for doubt, {group}", text)


TABLE: Mapping[str, Mapping[str, Meaning]] = {
    "Outcome": {
        "fault": Meaning(
            "Fault", "why the audit is void; nothing is claimed and there are no rates"
        ),
        "log10_p": Meaning("log10 p", "logarithm of the whole set's p-value, which is exact"),
        "claim": Meaning("Claimed as used", "yes if the p-value is at most p"),
        "p": Meaning("p", "accepted probability of a false claim, of each audit", level),
        "size": Meaning(
            "Exact size",
            "probability that the test makes a false claim, computed; at most p",
            lambda value: percent(value, 2),
        ),
        "detection_rate": _share("Detection rate", "share of used images claimed"),
        "used": Meaning("Used images", "marked and trained on"),
        "false_detection_rate": _share("False-detection rate", "share of unused images claimed"),
        "unused": Meaning("Unused images", "marked, never trained on"),
        "withheld": Meaning("Withheld images", "marked alike and shown to nobody"),
        **dict(_by_kind()),
        **dict(_of_the_owner()),
        **dict(_taken()),
    },
    "Unlearning": {
        **dict(_unlearning()),
        "status": Meaning("Outcome of unlearning", "ok, diverged (NaN) or collapsed"),
        "utility_before": Meaning("Utility before unlearning", "on the test split", percent),
        "utility_drop": Meaning("Utility lost", "in percentage points", percent),
        "utility_loss": Meaning("Utility lost, relative", "as a share of what there was", percent),
        "recall_at_5_before": Meaning(
            "Recall at 5 before unlearning", "on the test split", percent
        ),
        "frechet_before": Meaning("Fréchet distance before unlearning", "of samples"),
        "vae_error_before": Meaning("Error of the VAE before unlearning", "squared, mean"),
        "copies_before": Meaning("Copies before unlearning", "among samples", percent),
        "caption_loss_before": Meaning("Caption loss before unlearning", "on the test split"),
        "gradient_steps": Meaning("Unlearning, gradient steps", "batches, forward and backward"),
        "unlearning_seconds": Meaning("Unlearning, seconds", "on the machine of this run"),
        "rewind_epoch": Meaning("SCRUB, epoch taken", "of its own epochs: the error is nearest"),
        "rewind_error": Meaning(
            "SCRUB, error at that epoch", "forgotten images answered wrongly", percent
        ),
        "rewind_reference": Meaning(
            "SCRUB, error aimed at", "test images of such classes answered wrongly", percent
        ),
        "solve_damping": Meaning("Newton step, damping", "added to the Hessian's diagonal"),
        "solve_residual": Meaning("Newton step, residual", "relative: 0 is solved exactly"),
        "solve_products": Meaning("Newton step, products", "of the Hessian with a vector"),
    },
    "Evidence": {
        "mean_cosine": Meaning(
            "Mean cosine", "of a class's weights with its carrier, over classes"
        ),
        "sigmas": Meaning(
            "Standard deviations", "of the mean cosine from 0, if weights knew no carrier"
        ),
        "control_rate": _share(
            "Control carriers found", "share of carriers that marked nothing; about p if exact"
        ),
        "controls": Meaning("Control carriers", "drawn to check the test's size on this model"),
        "control_uniform": Meaning(
            "Uniformity of controls",
            "exact Kolmogorov-Smirnov p-value; small if the test is not exact",
        ),
        "marker_features": Meaning("Marker features", "dimension that carriers and weights share"),
        "alignment_rank": Meaning(
            "Rank of marker features", "on held-out images; lower where some are dead or dependent"
        ),
        "alignment_unexplained": Meaning(
            "Unexplained", "share of the model's features that the marker's do not explain", percent
        ),
        "black_box_p": Meaning("Black box p-value", "rank among sets with other carriers, exact"),
        "black_box_sets": Meaning("Black box sets", "ranked, the published one included"),
        "black_box_images": Meaning("Black box images", "asked about, of each set"),
        "black_box_queries": Meaning("Black box queries", "images that the model was asked for"),
        "loss_gap": Meaning(
            "Gap of losses", "mean loss on marked less that on vanilla images; carries no guarantee"
        ),
    },
    "Cost": {
        "mean_versions_read_used": Meaning(
            "Versions read, used", "hidden versions an audit of a used image reads, mean"
        ),
        "mean_versions_read_unused": Meaning(
            "Versions read, unused", "hidden versions an audit of an unused image reads, mean"
        ),
        "mean_queries_used": Meaning(
            "Queries, used", "images asked, published version and all views included, mean"
        ),
        "mean_queries_unused": Meaning(
            "Queries, unused", "images asked, published version and all views included, mean"
        ),
        "pairs_read": Meaning("Pairs read", "of twins, until the test had seen enough"),
        "pairs": Meaning("Pairs at hand", "of twins, that it might have read"),
        "queries": Meaning("Queries", "images that the model was asked for"),
        "control_queries": Meaning(
            "Control queries", "images asked again and again, to notice a model that changes"
        ),
        "grid": Meaning(
            "Score grid", "scores are rounded to it; 0 where arithmetic is equal in every slot"
        ),
    },
    "Model": {
        "utility": Meaning("Utility", "on the test split", percent),
        "utility_undefended": Meaning(
            "Utility without defences", "of the model itself, on the test split", percent
        ),
        "utility_baseline": Meaning(
            "Baseline", "nearest neighbours on raw pixels; of a recall, chance", percent
        ),
        "recall_at_5": Meaning(
            "Recall at 5", "pairs among the 5 nearest, mean of both directions", percent
        ),
        "caption_loss": Meaning("Caption loss", "cross-entropy a token on held-out captions, mean"),
        "frechet": Meaning(
            "Fréchet distance", "of samples to the test split, by mean colours of 4 × 4 cells"
        ),
        "vae_error": Meaning("Error of the VAE", "squared, on the test split, pixels of -1 to 1"),
        "copies": Meaning("Copies", "of training images, among samples", percent),
        "train_loss": Meaning("Train loss", "of the last epoch"),
        "held_out_loss": Meaning(
            "Held-out loss", "on the test split, which early stopping watches"
        ),
        "stopped": Meaning("Stopped after epoch", "the held-out loss had ceased to fall"),
        "epsilon": Meaning("ε spent", "of differential privacy, by training with noise"),
        "delta": Meaning("δ", "of differential privacy"),
    },
    "Marks": {
        "psnr": Meaning("PSNR", "published against raw, mean", lambda value: f"{value:.1f} dB"),
        "ssim": Meaning("SSIM", "published against raw, mean; 1 is equal", lambda v: f"{v:.3f}"),
        "linf": Meaning(
            "Largest change", "of any pixel value, in grey levels", lambda v: f"{v:.3g} of 255"
        ),
        "equal_versions_rate": Meaning(
            "Equal versions", "pairs made alike by rounding, sampled", lambda v: percent(v, 2)
        ),
        "versions": Meaning("Versions per image", "one published, the others hidden"),
        "sets": Meaning("Versions of the set", "one published, the others hidden"),
    },
    "Data": {
        "marked_images": Meaning("Marked images", "that entered training"),
        "marked_fraction": Meaning("Marked share", "of the training images", percent),
        "train_images": Meaning("Training images", "marked ones included"),
        "classes": Meaning("Classes", "of the training images"),
        "test_images": Meaning("Test images", "neither marked nor trained on"),
    },
}
"""Heading -> metric -> what it is, in the order of reading."""
FURTHER = "Further"
"""Heading of metrics that are not in `TABLE`."""
METRICS = {name: meaning for part in TABLE.values() for name, meaning in part.items()}
_HEADINGS = {name: heading for heading, part in TABLE.items() for name in part}


def rows(metrics: Plain, own: Mapping[str, Meaning] | None = None) -> list[Row]:
    """All metrics in words: the known ones in the order of `METRICS`, then any others.

    Parameters
    ----------
    metrics : mapping
        ``metrics`` of ``result.json``; ``NAME_ci`` is the interval of ``NAME``. What is absent
        (None) has no line.
    own : mapping, optional
        Meanings that differ in this run.
    """
    named = {**METRICS, **(own or {})}
    ends = {f"{name}_ci" for name in metrics}
    there = [name for name, value in metrics.items() if value is not None and name not in ends]
    order = [name for name in named if name in there]
    order += [name for name in there if name not in named]
    return [_row(name, metrics, named.get(name) or _unknown(name)) for name in order]


def _row(name: str, metrics: Plain, meaning: Meaning) -> Row:
    value, bounds = metrics[name], metrics.get(f"{name}_ci")
    written = meaning.write(value) if known(value) else as_text(value)
    between = _between(meaning, bounds)
    heading = _HEADINGS.get(name, FURTHER)
    return Row(heading, name, meaning.label, written, between, meaning.text)


def _between(meaning: Meaning, bounds: Sequence[float] | None) -> str:
    if bounds is None:
        return ""
    return interval(bounds) if meaning.share else " to ".join(map(meaning.write, bounds))


def _unknown(name: str) -> Meaning:
    """The meaning of a metric that is not in `TABLE`: one of a user's own part."""
    label = name.replace("_", " ").strip()
    return Meaning(label[:1].upper() + label[1:], f"{name} in result.json")


def as_text(value: object) -> str:
    """Any plain value as a reader wants it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return quantity(value) if value is None or isinstance(value, (int, float)) else str(value)
