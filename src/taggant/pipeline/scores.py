"""The membership score of a run: made of its config, and what of it counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hydra.utils import instantiate

from taggant.configs import plain
from taggant.pipeline.weights import by_content

if TYPE_CHECKING:
    from taggant.configs import Plain
    from taggant.score import Score


def score_of(config: Any, marks: str) -> Score:
    """The score of a config, for marks of some digest.

    Raises
    ------
    ValueError
        If it was learned from their own published versions: then no null would hold.
    """
    score: Score = instantiate(config)
    if marks in getattr(score.statistic, "learned_from", ()):
        raise ValueError(
            f"score.statistic.weights = {config.statistic.weights}: it was learned from the "
            "published versions of these very marks, and would know them again; learn it on "
            "runs of another seed or secret"
        )
    return score


def score_config(config: Any) -> Plain:
    """What a score's results depend on; files count by their content."""
    return by_content({str(key): value for key, value in plain(config).items()})
