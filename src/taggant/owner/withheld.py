"""What an owner should know of a split before she publishes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from taggant.owner.batch import Batch

ADVISED = 20
"""Withheld pictures of a group from which on p = .05 can be reached by one picture."""


def check_split(ledger: Batch) -> None:
    """Refuse a rule that withholds nothing.

    Raises
    ------
    ValueError
        With the sizes of the groups.
    """
    rule = ledger.terms.withhold
    if rule is not None and not any(map(rule.of, _sizes(ledger))):
        sizes = _sizes(ledger)
        raise ValueError(
            f"--withhold: none of {sum(sizes)} pictures would be withheld (the largest of "
            f"{len(sizes)} groups has {max(sizes)}); give a larger share, or larger --groups"
        )


def of_the_split(ledger: Batch) -> Iterator[str]:
    """How many pictures are withheld, and what that is enough for."""
    rule = ledger.terms.withhold
    if rule is None:
        return
    held, sizes = len(ledger.withheld), _sizes(ledger)
    yield (
        f"{len(ledger.shown)} of {len(ledger.files)} pictures are published; {held}, drawn by lot "
        "within their groups, are withheld. Show those to nobody: a model that learnt them makes "
        "the published ones look unused. You need them for the audit."
    )
    most = max(map(rule.of, sizes))
    if most < ADVISED:
        yield (
            f"warning: at most {most} pictures of a group are withheld. By them no single picture "
            f"can be claimed at a p below 1/{most + 1}; p = .05 takes --withhold {ADVISED} of each "
            "group. (All published pictures together can be.)"
        )
    if not ledger.terms.beacon:
        yield (
            "note: whoever doubts that this split was drawn by lot can be convinced by --beacon "
            "only, named before the pictures are published."
        )


def _sizes(ledger: Batch) -> list[int]:
    return list(Counter(one.group or 0 for one in ledger.files.values()).values())
