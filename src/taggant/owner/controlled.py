"""What the comparison with withheld pictures proves, alone or beside the ranks of versions.

Guarantees, with proofs, in docs/controlled.md: theorems 9 and 10, and "Many images".
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from taggant.auditing.controlled import DRAWS, published_set, ties_to_withheld
from taggant.auditing.sets import joined
from taggant.owner.decision import COMBINED, DecisionRule, Verdict, decide
from taggant.owner.split import DRAWN, RANKS, SPREAD, TIES, Split
from taggant.stats import benjamini_hochberg, combined, control_p_values, fisher

Floats = NDArray[np.float64]
WORK = 50_000_000
"""Draws of a picture's place that the p-value of the set may take where splits are too many to
count: a stranger's certificate is checked within seconds."""

ASSUMPTION = (
    "that whether the model's maker took a picture, once published, does not depend on what it "
    "shows within its group: the claims by withheld pictures rest on it. Their error is that of a "
    "picture drawn at random; an easy one is likelier to be claimed than a hard one. The p-value "
    "of all pictures together rests on the draw alone"
)
"""What stands beside every claim by withheld pictures."""


@dataclass(frozen=True)
class Evidence:
    """What an audit found of every picture, in the order of the commitments.

    Attributes
    ----------
    rows : sequence of bool array [2, read]
        Exceedances and doubtful comparisons; nothing read of withheld pictures.
    split : Split or None
        None where all pictures are published.
    scores : float array [N] or None
        Of whole pictures, where they were asked for.
    """

    rows: Sequence[NDArray[np.bool_]]
    split: Split | None = None
    scores: Floats | None = None

    @property
    def published(self) -> NDArray[np.bool_]:
        """Which pictures are, [N]."""
        return np.ones(len(self.rows), bool) if self.split is None else ~self.split.withheld


def judge(rule: DecisionRule, n: int, found: Evidence) -> Verdict:
    """Apply a rule to what was found; arrays are of all pictures, withheld ones with p = 1.

    Guarantee: see `taggant.owner.decision.decide` of versions. By withheld pictures, an unused
    picture drawn at random is claimed with probability at most the level (without q), or the
    expected share of wrong claims is at most q (with q), under `ASSUMPTION`; `set_p` is valid if
    the model is independent of the split, and of the published versions where they are read.

    Raises
    ------
    ValueError
        Where withheld pictures are needed, and none are withheld; or a withheld picture was read.
    """
    published = found.published
    if any(row.shape[1] for row, shown in zip(found.rows, published, strict=True) if not shown):
        raise ValueError("versions of a withheld picture were read")
    rows = [row for row, shown in zip(found.rows, published, strict=True) if shown]
    if not rule.by_withheld:
        own = decide(rule, rule.boundary(n), rows)
    else:
        own = _by_withheld(rule, n, rows, found)
    return _of_all(own, published)


def size_of(rule: DecisionRule, n: int) -> float:
    """Probability with which an unused picture is claimed at most, without q."""
    return float(Fraction(rule.level)) if rule.by_withheld else float(rule.boundary(n).size())


def _by_withheld(
    rule: DecisionRule, n: int, rows: Sequence[NDArray[np.bool_]], found: Evidence
) -> Verdict:
    split, scores, published = found.split, found.scores, found.published
    if split is None or scores is None or published.all():
        raise ValueError(
            f"test {rule.test}: no pictures are withheld. `taggant mark --withhold` draws them, "
            "before anything is published"
        )
    splits = np.random.default_rng(split.seed(DRAWN))
    draws = max(999, min(DRAWS, WORK // len(scores)))
    log_set = {"controls": np.array(published_set(scores, published, split.group, splits, draws))}
    if rule.test == COMBINED:
        weight = float(Fraction(str(rule.weight)))
        (asis, firm), ranks = _combined(n, rows, found, split, scores, weight)
        log_set = {"versions": np.array(fisher(np.log(ranks))), **log_set}
        log_set = joined(log_set, weight)
    else:
        if any(row.shape[1] for row in rows):
            raise ValueError("versions were read, and the test looks at none")
        asis = control_p_values(scores, published, split.uniforms(TIES), None, split.group)
        firm = control_p_values(scores, published, ties_to_withheld(published), None, split.group)
    claim, adjusted = _claims(rule, firm)
    return Verdict(
        claim=claim,
        withheld=_claims(rule, asis)[0] & ~claim,
        read=np.array([row.shape[1] for row in rows], np.int64),
        exceedances=np.array([row[0].sum() for row in rows], np.int64),
        p_value=firm,
        adjusted=adjusted,
        set_p=float(np.exp(list(log_set.values())[-1])),
    )


def _combined(
    n: int,
    rows: Sequence[NDArray[np.bool_]],
    found: Evidence,
    split: Split,
    scores: Floats,
    weight: float,
) -> tuple[tuple[Floats, Floats], Floats]:
    """Joint p-values as comparisons fell and firm ones, [P] each; and firm ones of the versions.

    Firm: what is in doubt counts against a claim, and where anything is, no uniform draw is taken
    off. Thus a firm p-value is a non-decreasing function of the exact one, which is what
    Benjamini-Hochberg needs (docs/controlled.md).
    """
    published = found.published
    if any(row.shape[1] != n - 1 for row in rows):
        raise ValueError("ranks need every hidden version read")
    spread = split.uniforms(RANKS)[published]
    doubt = np.array([row[1].any() for row in rows])
    ranks = np.array([row[0].sum() for row in rows])
    firm_ranks = np.array([(row[0] | row[1]).sum() for row in rows])
    versions = (ranks + spread) / n, (firm_ranks + np.where(doubt, 1.0, spread)) / n
    own = split.uniforms(SPREAD)
    tied = _tied(scores, split)
    controls = (
        control_p_values(scores, published, split.uniforms(TIES), own, split.group),
        control_p_values(
            scores, published, ties_to_withheld(published), np.where(tied, 0.0, own), split.group
        ),
    )
    asis, firm = (combined(v, c, weight) for v, c in zip(versions, controls, strict=True))
    return (asis, firm), versions[1]


def _tied(scores: Floats, split: Split) -> NDArray[np.bool_]:
    """Whether a withheld picture of its group scores like a picture, [N]."""
    tied = np.zeros(len(scores), bool)
    for group in np.unique(split.group):
        here = split.group == group
        tied[here] = np.isin(scores[here], scores[here & split.withheld])
    return tied


def _claims(rule: DecisionRule, p_values: Floats) -> tuple[NDArray[np.bool_], Floats]:
    if rule.q is None:
        return p_values <= float(Fraction(rule.level)), p_values
    many = benjamini_hochberg(p_values, float(Fraction(rule.q)))
    return many.rejected, many.adjusted


def _of_all(own: Verdict, published: NDArray[np.bool_]) -> Verdict:
    """A verdict on the published pictures as one on all."""
    nothing = {"claim": False, "withheld": False, "read": 0, "exceedances": 0}
    values: dict[str, object] = {"set_p": own.set_p}
    for field in fields(Verdict):
        if field.name != "set_p":
            known = getattr(own, field.name)
            every = np.full(len(published), nothing.get(field.name, 1.0), known.dtype)
            every[published] = known
            values[field.name] = every
    return Verdict(**values)  # type: ignore[arg-type]


def reachable(rule: DecisionRule, split: Split) -> None:
    """Refuse a level that no picture can reach by withheld ones alone.

    Raises
    ------
    ValueError
        With how many are withheld, and how many it takes.
    """
    most = max(int((split.withheld & (split.group == g)).sum()) for g in np.unique(split.group))
    level = Fraction(rule.level)
    if rule.test != COMBINED and level * (most + 1) < 1:
        option = "--p" if rule.q is None else "--fdr"
        raise ValueError(
            f"{option} {rule.level}: by withheld pictures no p-value is below 1/(m + 1), and at "
            f"most m = {most} of a group are withheld; accepted are {option} {1 / (most + 1):.3g} "
            f"or more (it takes {math.ceil(1 / level) - 1} withheld pictures), or --evidence both"
        )
