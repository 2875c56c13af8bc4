"""What a report says in sentences: the headline, the key numbers, what is and is not proved."""

from __future__ import annotations

from taggant.report.folder import RunFolder, SetFolder
from taggant.report.wording import instances, whole_set
from taggant.report.wording.parts import Callout, Metrics, Tile, Words, judged, utility_name

__all__ = ["Callout", "Tile", "Words", "judged", "summary", "utility_name", "words"]


def words(run: RunFolder | SetFolder) -> Words:
    """Everything that the page about a run says in sentences."""
    return whole_set.words(run) if isinstance(run, SetFolder) else instances.words(run)


def summary(metrics: Metrics) -> str:
    """What came out of a run, in a line for the terminal (with rich's markup)."""
    if metrics.get("fault") is not None:
        return f"[bold]no claim:[/bold] {metrics['fault']}."
    return whole_set.summary(metrics) if "log10_p" in metrics else instances.summary(metrics)
