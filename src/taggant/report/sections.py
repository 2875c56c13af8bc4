"""Which figures a report has, with what is said about each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl
from matplotlib.figure import Figure

from taggant.report import controlled, figures, pictures, unlearning, whole_set
from taggant.report.folder import Folder, RunFolder, SetFolder
from taggant.report.groups import PART
from taggant.report.wording import utility_name
from taggant.report.wording.parts import FORGOTTEN

ONE_SNAPSHOT = (
    "No curve over training: that takes two snapshots of the model or more (victim.snapshots), "
    "and a list as audit.curve."
)


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


def sections(run: RunFolder | SetFolder) -> tuple[Section, ...]:
    """Draw every figure that the run folder has the data for, in the order of reading."""
    return tuple(_of_set(run) if isinstance(run, SetFolder) else _of_instances(run))


def _of_instances(run: RunFolder) -> Iterator[Section]:
    n, p = int(run.context["n"]), float(run.metrics["p"])
    if run.evidence is not None:
        yield from _controlled(run)
        return
    asked = PART in run.instances.columns
    if asked:
        yield from _forgetting(run)
    curves = _several(run.curves)
    yield Section(
        "curves",
        "Detection over training" + (", before unlearning" if asked else ""),
        "Share of used and unused images claimed at each epoch, with exact 95% intervals, beside "
        "what the model had learnt by then.",
        None if curves is None else figures.curves(curves, p, utility_name(run).lower()),
        ONE_SNAPSHOT,
    )
    yield Section(
        "ranks",
        "Rank of the published version",
        "A model that learnt from the published version scores it above the hidden ones. One that "
        "did not puts it anywhere: bars near the line.",
        figures.ranks(run.instances, n) if run.ranks_complete else None,
        "No ranks: the audits stopped before they had read every hidden version, and the ranks of "
        "only those read to the end would mislead.",
    )
    yield Section(
        "claims",
        "Claims at every p",
        "What the rank test claims when all hidden versions are read, for each p, with exact 95% "
        "intervals. Unused images should lie on or below the dashed line."
        + (" Used are forgotten and retained ones together." if asked else ""),
        None if run.claims is None else figures.claims(run.claims, p),
        "No claims over p: that needs every hidden version to be read.",
    )
    if run.sets is not None:
        yield _sets(run)
    yield Section(
        "reads",
        "Cost of an audit",
        "Share of audits that had stopped after so many hidden versions.",
        figures.reads(run.instances, n) if run.instances.height else None,
        "No audited instances.",
    )
    yield _published(run)


def _controlled(run: RunFolder) -> Iterator[Section]:
    """Sections of a run with controlled publication."""
    yield Section(
        "evidence",
        "Claims by kind of evidence",
        "Share of images claimed at each p, with exact 95% intervals: by the rank of the published "
        "version among hidden ones, by the rank of the image among withheld ones, and by both.",
        None if run.evidence is None else controlled.evidence(run.evidence),
    )
    yield _sets(run)
    n = int(run.context["n"])
    if run.ranks_complete:
        yield Section(
            "ranks",
            "Rank of the published version",
            "A model that learnt from the published version scores it above the hidden ones. One "
            "that did not puts it anywhere: bars near the line.",
            figures.ranks(run.instances, n),
        )
    yield _published(run)


def _sets(run: RunFolder) -> Section:
    return Section(
        "sets",
        "Sets of one owner's images",
        "Share of random sets of used (dashed: unused) images that are claimed as a whole. Sets "
        "overlap: these are no independent trials, and unused ones lie above p together, or below.",
        None if run.sets is None else controlled.sets(run.sets),
        "No sets: the groups are smaller than every size in audit.sets, or the audits stopped "
        "before they had read every hidden version.",
    )


def _forgetting(run: RunFolder) -> Iterator[Section]:
    """Sections about unlearning."""
    void = run.metrics.get("fault") is not None
    yield Section(
        "forgetting",
        "Before and after unlearning",
        "Share of each group claimed, with exact 95% intervals. To erase is to bring the forgotten "
        "images down to p and to leave the retained ones where they were.",
        None if void else unlearning.rates(run.metrics),
        "No rates before and after unlearning: the audit is void.",
    )
    yield Section(
        "instances",
        "Every image before and after",
        "Share of the hidden versions read that beat the published one: 0% is ranked first, and a "
        "model that knows nothing of an image puts it anywhere. An audit that stopped early has "
        "read few versions.",
        unlearning.scatter(run.instances),
    )


def _of_set(run: SetFolder) -> Iterator[Section]:
    p, own = float(run.metrics["p"]), float(run.metrics["log10_p"])
    curve = _several(run.curve)
    yield Section(
        "log10_p",
        "Evidence over training" + (", before unlearning" if FORGOTTEN in run.metrics else ""),
        "The set's p-value at each epoch, beside what the model had learnt by then.",
        None if curve is None else whole_set.curve(curve, p, utility_name(run)),
        ONE_SNAPSHOT,
    )
    yield Section(
        "controls",
        "The owner's carriers among others",
        "p-values of carriers that marked nothing, on the same model: a straight line if the test "
        "is exact. The owner's own is the cross.",
        None if run.controls is None else whole_set.uniformity(run.controls, own),
        "No control carriers were tested.",
    )
    yield Section(
        "classes",
        "Class by class",
        "Cosine of each class's weights with its carrier.",
        None if run.classes is None else whole_set.per_class(run.classes),
        "This audit has no evidence by class.",
    )
    yield _published(run)


def _several(table: pl.DataFrame | None) -> pl.DataFrame | None:
    """The table if it has two epochs or more, else None: a single point is no curve."""
    return table if table is not None and table["epoch"].n_unique() > 1 else None


def _published(run: Folder) -> Section:
    return Section(
        "samples",
        "What was published",
        f"Raw images, as published, and the difference amplified {pictures.GAIN} times around "
        "mid-grey.",
        None if run.samples is None else pictures.samples(run.samples.raw, run.samples.published),
        "No images: the run kept no samples.",
    )
