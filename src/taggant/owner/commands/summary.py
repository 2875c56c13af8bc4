"""What an audit came to, in a line."""

from __future__ import annotations

from taggant.owner.certificate import Certificate
from taggant.owner.controlled import ASSUMPTION
from taggant.owner.page import by_chance


def summary(c: Certificate) -> str:
    """Claims and their error, the p-value of the set, and what was asked."""
    claims = sum(one.claim for one in c.pictures)
    error = f"false-detection rate of each {c.size:.4g}"
    error = error if c.rule.q is None else f"false discovery rate {c.rule.q}"
    taken = sum(one.taken for one in c.pictures)
    doubt = f" {taken} more would be, but for answers that tied or moved." if taken else ""
    assumed = f"\nIt has to be believed {ASSUMPTION}." if c.rule.by_withheld else ""
    return (
        f"{claims} of {c.published} pictures claimed as used; {by_chance(c)} ({error}).{doubt} "
        f'For "none of them was used": p = {c.set_p:.3g}. {c.queries} queries answered.{assumed}'
    )
