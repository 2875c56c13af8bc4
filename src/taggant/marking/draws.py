"""What is left to chance about an image, all of it from one committed secret.

Published index, reading order, tie keys and views follow from the secret, each by HMAC under a
purpose of its own; a run's public seed plays no part, so nobody can draw them again after looking.
"f is independent of this secret" is then the one assumption of every theorem (docs/guarantees.md),
as far as HMAC-SHA256 and SHAKE-128 cannot be told from chance.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from taggant.marking.stream import derive, stream

DERIVATION = 1
"""Number of the rule below. Ledgers and commitments hold it: another rule gets another number."""
VIEWS = "views"
"""Purpose of the seed from which an instance's views are drawn, the same for all its versions."""


@dataclass(frozen=True, repr=False)
class Draws:
    """The draws of one image, or of a whole set.

    Parameters
    ----------
    secret : bytes
        Committed to before publishing.
    name : str
        What tells images of one secret apart: the content id, say.
    n : int
        Versions.
    """

    secret: bytes
    name: str
    n: int

    def __repr__(self) -> str:
        return f"Draws({self.name}, n={self.n}, secret withheld)"

    def index(self) -> int:
        """Published index J, 0..n-1, exactly uniform: by rejection, as a modulus is not."""
        limit = (1 << 64) // self.n * self.n
        for attempt in range(1 << 16):
            value = int.from_bytes(self.key(f"published/{self.name}/{attempt}")[:8], "big")
            if value < limit:
                return value % self.n
        raise RuntimeError("no index drawn in 65,536 attempts: the key derivation is broken")

    def order(self, published: int) -> NDArray[np.int64]:
        """Order in which the hidden versions are read, [n - 1]: all versions but the published."""
        every = np.argsort(self._words("order"), kind="stable")
        hidden: NDArray[np.int64] = every[every != published]
        return hidden

    def tie_keys(self) -> NDArray[np.uint64]:
        """Keys that decide between versions of equal score, [n]; the same all through an audit."""
        return self._words("ties")

    def some(self, purpose: str, count: int) -> NDArray[np.int64]:
        """Indices of so many versions, or of all, drawn independently of the published one."""
        drawn: NDArray[np.int64] = np.sort(np.argsort(self._words(purpose), kind="stable")[:count])
        return drawn

    def uniform(self, purpose: str) -> float:
        """A number in [0, 1), of 53 bits."""
        return (self.seed(purpose) >> 10) / (1 << 53)

    def seed(self, purpose: str) -> int:
        """Seed of 63 bits for one purpose: of the views, say, which all versions share."""
        return int.from_bytes(self.key(f"{purpose}/{self.name}")[:8], "big") >> 1

    def key(self, purpose: str) -> bytes:
        """32 bytes of one purpose."""
        return derive(self.secret, purpose)

    def _words(self, purpose: str) -> NDArray[np.uint64]:
        content = stream(self.key(f"{purpose}/{self.name}"), 0, 8 * self.n)
        return np.frombuffer(content, "<u8").astype(np.uint64)


class Drawn(Protocol):
    """Where the draws of every image of an owner come from."""

    def draws(self, name: str) -> Draws:
        """What is drawn for an image, by its id."""
        ...

    def indices(self, ids: Sequence[str]) -> NDArray[np.int64]:
        """Published index J of each image, [B]."""
        ...


def seed_of_all(draws: Iterable[Draws], purpose: str) -> int:
    """Seed of 256 bits of what is drawn once for several images, whose secrets may differ."""
    keys = b"".join(one.key(f"{purpose}/{one.name}") for one in draws)
    return int.from_bytes(hashlib.sha256(keys).digest(), "big")


def check_derivation(derivation: object) -> None:
    """Refuse what was drawn by another rule.

    Raises
    ------
    ValueError
        With the number of the rule.
    """
    if derivation != DERIVATION:
        raise ValueError(f"derivation {derivation!r}: this version of taggant knows {DERIVATION}")
