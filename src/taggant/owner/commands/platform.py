"""Options of ``taggant audit`` on a platform that re-encoded the pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

import typer

from taggant.auditing.published import AuditError
from taggant.owner.commands.console import note
from taggant.owner.commands.option_groups import OptionGroup
from taggant.owner.copies import fit
from taggant.owner.gather import FoundPicture, check_copies, copies_of
from taggant.owner.transform import PROFILES, Transform

FIT = "fit"
"""What ``--transform`` says where it is read from the copies."""
ONE_PLATFORM = (
    "An audit is of one platform. Ask about batches that were published on different ones, or of "
    "which you have no copies, one by one: --batches 1 with its platform's copies and an --out of "
    "its own, then --batches 2."
)


@dataclass(frozen=True)
class Platform(OptionGroup):
    """What a platform made of the published files."""

    heading: ClassVar[str] = "A platform that re-encoded the pictures"
    published_copy: Annotated[
        list[Path] | None,
        typer.Option(help="the pictures as a platform re-encoded them; each folder that has some"),
    ] = None
    transform: Annotated[
        str,
        typer.Option(
            help="what it did: fit, jpeg:85, resize:1024+jpeg:85, width:1080+webp:80, "
            f"crop:2,2,2,2+jpeg:85, or a kind of platform: {', '.join(PROFILES)}"
        ),
    ] = FIT

    def explained(self, found: Sequence[FoundPicture], batches: int) -> Transform:
        """The transform that explains the platform's copies of so many batches; none without."""
        named = None if self.transform == FIT else Transform.parse(self.transform)
        if not self.published_copy:
            if named is not None:
                raise ValueError(
                    f"--transform {self.transform}: accepted with --published-copy only, as the "
                    "copies show whether it is true"
                )
            return Transform()
        try:
            copies = copies_of(found, *self.published_copy)
            step = fit(copies, (one.published for one in found)) if named is None else named
            check_copies(found, copies, step)
        except (ValueError, AuditError):
            if batches > 1:
                note(ONE_PLATFORM)
            raise
        note(f"The platform's copies are explained by: {str(step) or 'no change'}.")
        return step
