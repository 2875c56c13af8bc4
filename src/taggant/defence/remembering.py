"""Near-copies of an image that was asked about get the answer that it got."""

from __future__ import annotations

import torch
from torch import Tensor

from taggant.defence.defence import Defence
from taggant.defence.near_copies import near, thumbnails


class Remembering(Defence):
    """Answers a near-copy of an earlier question with the earlier answer.

    Versions of one image are near-copies, so an auditor learns one answer an image. What is
    answered depends on what was asked before: an audit's control queries tell, and it makes no
    claim.

    Parameters
    ----------
    distance : float
        Root mean square difference of thumbnails of 8 x 8 pixels, in grey levels of 255, below
        which two images are near-copies.
    most : int
        Images remembered; after that, none more.

    Raises
    ------
    ValueError
        For a distance that is not above 0.
    """

    def __init__(self, distance: float, most: int = 100_000) -> None:
        super().__init__()
        if not distance > 0:
            raise ValueError(f"defence.remembering.distance = {distance}: accepted are numbers > 0")
        self.distance, self.most = distance, most
        self._seen: list[Tensor] = []
        self._told: list[Tensor] = []

    def answer(self, answers: Tensor, images: Tensor) -> Tensor:
        """See `Defence.answer`; the first of several near-copies in a batch counts as earlier."""
        looks = thumbnails(images)
        seen = torch.cat([*self._seen, looks])
        told = torch.cat([*self._told, answers])
        earlier = len(seen) - len(looks)
        close = near(looks, seen, self.distance)
        own = torch.arange(len(looks), device=looks.device)
        close[own, earlier + own] = True  # itself, at the latest
        first = close.to(torch.uint8).argmax(1)
        new = first == earlier + own
        if earlier < self.most:
            self._seen.append(looks[new])
            self._told.append(answers[new])
        return told[first]
