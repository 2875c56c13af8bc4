"""One self-contained HTML page about one run: words and tables from the folder, figures inside."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup
from matplotlib.figure import Figure

from taggant.report import figures, style, unlearning
from taggant.report.folder import RunFolder
from taggant.report.numbers import (
    MISSING,
    duration,
    interval,
    known,
    level,
    percent,
    quantity,
)

NO_UNLEARNING = "none"


@dataclass(frozen=True)
class Section:
    """One figure of the report.

    Attributes
    ----------
    name : str
        File stem of the figure.
    title, caption : str
        What is seen; one line on how to read it.
    figure : Figure or None
        None when the run left nothing to draw.
    note : str
        Why there is nothing to draw, empty otherwise.
    """

    name: str
    title: str
    caption: str
    figure: Figure | None
    note: str = ""


@dataclass(frozen=True)
class Row:
    """A line of the table of metrics: all words are ready to be shown."""

    name: str
    value: str
    interval: str
    meaning: str


def sections(run: RunFolder) -> tuple[Section, ...]:
    """Draw every figure that the run folder has the data for, in the order of reading."""
    n, p = int(run.context["n"]), float(run.result["metrics"]["p"])
    return (
        *_forgetting(run),
        Section(
            "curves",
            "Detection over training",
            "Share of used and unused images claimed at each epoch, with exact 95% intervals, "
            "beside what the model had learnt by then.",
            None if run.curves is None else figures.curves(run.curves, p, _utility(run).lower()),
            "No curves over epochs: the run kept no snapshots of the model in training.",
        ),
        Section(
            "ranks",
            "Rank of the published version",
            "A model that learnt from the published version scores it above the hidden ones. "
            "One that did not puts it anywhere: bars near the line.",
            figures.ranks(run.instances, n) if run.ranks_complete else None,
            "No ranks: the audits stopped before they had read every hidden version, and the "
            "ranks of only those read to the end would mislead.",
        ),
        Section(
            "claims",
            "Claims at every p",
            "What the rank test claims when all hidden versions are read, for each p, with exact "
            "95% intervals. Unused images should lie on or below the dashed line.",
            None if run.claims is None else figures.claims(run.claims, p),
            "No claims over p: that needs every hidden version to be read.",
        ),
        Section(
            "reads",
            "Cost of an audit",
            "Share of audits that had stopped after so many hidden versions.",
            figures.reads(run.instances, n) if run.instances.height else None,
            "No audited instances.",
        ),
        Section(
            "samples",
            "What was published",
            f"Raw images, as published, and the difference amplified {figures.GAIN} times around "
            "mid-grey.",
            None
            if run.samples is None
            else figures.samples(run.samples.raw, run.samples.published),
            "No images: the run kept no samples.",
        ),
    )


def _forgetting(run: RunFolder) -> tuple[Section, ...]:
    """What a request to forget did, where there was one."""
    if unlearning.PART not in run.instances.columns:
        return ()
    return (
        Section(
            "forgetting",
            "Before and after unlearning",
            "Share of each group claimed, with exact 95% intervals. To erase is to bring the "
            "forgotten images down to p and to leave the retained ones where they were.",
            unlearning.rates(run.result["metrics"]),
        ),
        Section(
            "instances",
            "Every image before and after",
            "Share of the hidden versions read that beat the published one: 0% is ranked first, "
            "and a model that knows nothing of an image puts it anywhere. An audit that stopped "
            "early has read few versions.",
            unlearning.scatter(run.instances),
        ),
    )


def render(run: RunFolder, drawn: Sequence[Section]) -> str:
    """The page, as text. It refers to nothing outside itself, and escapes every name it is given.

    Parameters
    ----------
    run : RunFolder
        What to report.
    drawn : sequence of Section
        Its figures, from `sections`.

    Returns
    -------
    str
        A complete HTML document.
    """
    metrics = run.result["metrics"]
    return page(
        run.result,
        run.context,
        drawn,
        headline=_headline(run),
        tiles=_tiles(run),
        proved=_proved(level(float(metrics["p"]))),
        verdict=_verdict(metrics),
        unlearned=_unlearned(run),
        rows=rows(metrics, {**KNOWN_METRICS, "utility": _utility_row(run)}),
    )


def page(
    result: Mapping[str, Any],
    context: Mapping[str, Any],
    drawn: Sequence[Section],
    headline: str,
    tiles: Sequence[tuple[str, str, str]],
    proved: tuple[str, str],
    verdict: tuple[str, str],
    unlearned: str,
    rows: Sequence[Row],
) -> str:
    """Fill the template.

    Parameters
    ----------
    result, context : mapping
        ``result.json`` and ``context.json``.
    drawn : sequence of Section
    headline : str
    tiles : sequence of (name, value, small print)
        The key numbers.
    proved : (str, str)
        What is proved, and what is not.
    verdict : (str, str)
        A CSS class and a sentence on the error rate.
    unlearned : str
        A warning about unlearning; empty where there was none.
    rows : sequence of Row
        All numbers.
    """
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    template = environment.from_string(
        files(__package__).joinpath("template.html").read_text(encoding="utf-8")
    )
    return template.render(
        context=context,
        title=f"{context['experiment']} on {context['data']}",
        headline=headline,
        tiles=tiles,
        proved=proved,
        verdict=verdict,
        simulated=context["secret"] == "simulated",
        unlearned=unlearned,
        figures=[
            (section, Markup(style.inline_svg(section.figure, section.name)))
            for section in drawn
            if section.figure is not None
        ],
        notes=[section.note for section in drawn if section.figure is None],
        rows=rows,
        stages=_stages(result["stages"]),
        spent=_spent(result["stages"]),
        setting=_setting(context),
        digest=str(result.get("digest", MISSING)),
    )


def _proved(p: str) -> tuple[str, str]:
    return (
        "had the model been trained without any knowledge of which version of an image was "
        f"published, one audit of that image would claim use with probability at most {p}, at "
        "this epoch and whatever the model",
        "that an image which was not detected was not used, or anything about the best epoch "
        "chosen afterwards, since the guarantee holds for each epoch on its own",
    )


def _utility(run: RunFolder) -> str:
    if known(run.result["metrics"].get("recall_at_5")):
        return "Recall at 1"
    return "Test accuracy" if run.context.get("class_count") else "Utility"


def _headline(run: RunFolder) -> str:
    metrics = run.result["metrics"]
    if metrics.get("fault") is not None:
        return f"No claim is made: {metrics['fault']}."
    used = _claimed(metrics, "detection_rate", "used")
    unused = _claimed(metrics, "false_detection_rate", "unused")
    return (
        f"At p = {level(float(metrics['p']))}, the audit claimed {used} images that the model was "
        f"trained on, and {unused} that it was not."
    )


def _claimed(metrics: Mapping[str, Any], rate: str, group: str) -> str:
    """ "120 (60.0%, 95% interval 52.9 to 66.8%) of 200"."""
    total = metrics[group]
    if not total or not known(metrics[rate]):
        return "none of 0"
    return (
        f"{round(metrics[rate] * total):,} ({percent(metrics[rate])}, 95% interval "
        f"{interval(metrics[f'{rate}_ci'], ' to ')}) of {total:,}"
    )


def _verdict(metrics: Mapping[str, Any]) -> tuple[str, str]:
    """Is the false-detection rate in keeping with p? A CSS class and a sentence."""
    bounds, p = metrics["false_detection_rate_ci"], float(metrics["p"])
    if metrics.get("fault") is not None:
        return "bad", f"This audit is void and says nothing of any image: {metrics['fault']}."
    if not metrics["unused"] or interval(bounds) == MISSING:
        return "warn", "No unused image was audited: this run does not check its own error rate."
    if bounds[0] > p:
        return "bad", (
            f"The false-detection rate's 95% interval ({interval(bounds, ' to ')}) lies above "
            f"p = {level(p)}. Chance alone does this in at most one run in forty: look for a "
            "broken assumption before believing any claim."
        )
    return "good", (
        f"The false-detection rate's 95% interval ({interval(bounds, ' to ')}) "
        f"{'lies below' if bounds[1] < p else 'contains'} p = {level(p)}, as it should."
    )


def _unlearned(run: RunFolder) -> str:
    method = str(run.context.get("unlearning", NO_UNLEARNING))
    if method == NO_UNLEARNING:
        return ""
    if run.result["metrics"].get("fault") is not None:
        return f"This model was audited after unlearning ({method})."
    bounds = run.result["metrics"]["detection_rate_ci"]
    upper = percent(bounds[1]) if interval(bounds) != MISSING else "100%"
    return (
        f"This model was audited after unlearning ({method}). Not detected is not erased: as many "
        f"as {upper} of such images may still be detectable (upper end of the 95% interval)."
    )


def _tiles(run: RunFolder) -> list[tuple[str, str, str]]:
    """The key numbers: (name, value, small print)."""
    metrics, hidden = run.result["metrics"], int(run.context["n"]) - 1
    unlearned = bool(_unlearned(run))
    return [
        (
            "Detection rate",
            percent(metrics["detection_rate"]),
            f"{interval(metrics['detection_rate_ci'])}, {quantity(metrics['used'])} used images",
        ),
        (
            "False-detection rate",
            percent(metrics["false_detection_rate"]),
            f"{interval(metrics['false_detection_rate_ci'])}, "
            f"{quantity(metrics['unused'])} unused images",
        ),
        (
            "Hidden versions read",
            quantity(metrics.get("mean_versions_read_used")),
            f"mean per used image, {quantity(metrics.get('mean_versions_read_unused'))} per "
            f"unused one, of {hidden:,}",
        ),
        (
            "Train loss",
            quantity(metrics.get("train_loss")),
            "before unlearning" if unlearned else "detection rests on memorisation",
        ),
        (_utility(run), percent(metrics.get("utility")), _baseline(metrics)),
        (
            "PSNR",
            f"{metrics['psnr']:.1f} dB" if known(metrics.get("psnr")) else MISSING,
            "published against raw image",
        ),
    ]


def _baseline(metrics: Mapping[str, Any]) -> str:
    if known(metrics.get("utility_baseline")):
        return f"baseline {percent(metrics['utility_baseline'])}"
    return ""


Words = Callable[[Any], str]

KNOWN_METRICS: Mapping[str, tuple[str, Words, str]] = {
    "p": ("p", level, "accepted false claims, per audit"),
    "size": ("Exact size", lambda value: percent(value, 2), "false claims of this test, computed"),
    "detection_rate": ("Detection rate", percent, "share of used images claimed"),
    "used": ("Used images", quantity, "marked and trained on"),
    "false_detection_rate": ("False-detection rate", percent, "share of unused images claimed"),
    "unused": ("Unused images", quantity, "marked, never trained on"),
    "mean_versions_read_used": ("Versions read, used", quantity, "mean hidden versions read"),
    "mean_versions_read_unused": ("Versions read, unused", quantity, "mean hidden versions read"),
    "mean_queries_used": ("Queries, used", quantity, "mean, published one included"),
    "mean_queries_unused": (
        "Queries, unused",
        quantity,
        "mean, published one included",
    ),
    "utility": ("Utility", percent, "on the test split"),
    "utility_baseline": ("Baseline", percent, "k-NN accuracy on raw pixels; of a recall, chance"),
    "recall_at_5": ("Recall at 5", percent, "pairs among the 5 nearest, both directions"),
    "train_loss": ("Train loss", quantity, "at the audited epoch"),
    "psnr": ("PSNR", lambda value: f"{value:.1f} dB", "published against raw, mean"),
    "ssim": ("SSIM", lambda value: f"{value:.3f}", "mean; 1 would be equal"),
    "linf": ("Largest change", lambda value: f"{value:.3g} / 255", "of any pixel value"),
    "versions": ("Versions per image", quantity, "one published, the others hidden"),
    "train_images": ("Training images", quantity, "marked ones included"),
    "test_images": ("Test images", quantity, ""),
    "marked_fraction": ("Marked share", percent, "of the training images"),
    "grid": ("Score grid", quantity, "scores rounded to this; 0: arithmetic equal in every slot"),
    "equal_versions_rate": (
        "Equal versions",
        lambda value: percent(value, 2),
        "made alike by rounding, sampled",
    ),
    **unlearning.METRICS,
}


def _utility_row(run: RunFolder) -> tuple[str, Words, str]:
    return (_utility(run), *KNOWN_METRICS["utility"][1:])


def rows(metrics: Mapping[str, Any], named: Mapping[str, tuple[str, Words, str]]) -> list[Row]:
    """All metrics: those named in that order, then any others under their own names."""
    order = [name for name in named if name in metrics]
    order += [name for name in metrics if name not in named and not name.endswith("_ci")]
    made = []
    for name in order:
        label, words, meaning = named.get(name, (name, quantity, ""))
        value = metrics[name]
        shown = words(value) if known(value) else _as_text(value)
        made.append(Row(label, shown, interval(metrics.get(f"{name}_ci")), meaning))
    return made


def _stages(stages: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, str, str, str]]:
    """(stage, digest, time, cached) in the order of the run."""
    return [
        (
            name,
            str(stage.get("digest", MISSING))[:12],
            duration(stage.get("seconds")),
            "yes" if stage.get("cached") else "no",
        )
        for name, stage in stages.items()
    ]


def _spent(stages: Mapping[str, Mapping[str, Any]]) -> str:
    """The time of this run: of the stages that were not taken from the store."""
    seconds = (
        stage["seconds"]
        for stage in stages.values()
        if known(stage.get("seconds")) and not stage.get("cached")
    )
    return duration(sum(seconds))


SETTING_LABELS = {
    "data": "Data",
    "train_images": "Training images",
    "test_images": "Test images",
    "class_count": "Classes",
    "scheme": "Marking",
    "n": "Versions per image (n)",
    "secret": "Secret",
    "victim": "Victim",
    "unlearning": "Unlearning",
    "access": "Access to the model",
    "score": "Score",
    "test": "Test",
    "p": "p",
    "seed": "Public seed",
    "device": "Device",
    "threads": "Threads",
    "torch": "torch",
}


def _setting(context: Mapping[str, Any]) -> list[tuple[str, str]]:
    words: dict[str, Words] = {"p": lambda value: level(float(value)), "seed": str}
    return [
        (label, words.get(key, _as_text)(context[key]))
        for key, label in SETTING_LABELS.items()
        if context.get(key) is not None
    ]


def _as_text(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return quantity(value) if value is None or isinstance(value, (int, float)) else str(value)
