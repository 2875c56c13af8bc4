"""What is left to chance about an image, all of it from one committed secret.

Published index, reading order, tie keys and views follow from the secret, each by HMAC under a
purpose of its own; a run's public seed plays no part, so nobody can draw them again after looking.
"f is independent of this secret" is then the one assumption of every theorem (docs/guarantees.md),
as far as HMAC-SHA256 and ChaCha20 (SHAKE-128 in older ledgers) cannot be told from chance.

Orders and keys are drawn as far as they are read: an audit's time and memory follow from the
versions that it reads, whatever n is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from taggant.marking.stream import CHACHA, SHAKE, derive, rule_of, words_of

DERIVATION = CHACHA
"""Number of the rule below. Ledgers and commitments hold it: another rule gets another number, and
what was drawn by an older one stays so."""
DERIVATIONS = (SHAKE, CHACHA)
VIEWS = "views"
"""Purpose of the seed from which an instance's views are drawn, the same for all its versions."""


@dataclass(frozen=True, repr=False)
class Draws:
    """The draws of one image, or of a whole set.

    Parameters
    ----------
    secret : bytes
        Committed to before publishing; `taggant.marking.stream.tagged` with its rule.
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

    def order(self, published: int, count: int | None = None) -> NDArray[np.int64]:
        """The first `count` hidden versions, or all n - 1, in the order in which they are read.

        Uniformly random among the orders of all versions but the published one.
        """
        order = self.reading(published)
        count = self.n - 1 if count is None else min(count, self.n - 1)
        draw_ahead([order], [count])
        return order.at(0, count)

    def reading(self, published: int) -> Order:
        """The order of the hidden versions, still to be drawn."""
        key = self.key(f"order/{self.name}")
        if rule_of(self.secret) == SHAKE:
            every = np.argsort(self._words("order"), kind="stable")
            return Order(key, self.n - 1, drawn=every[every != published])
        return Order(key, self.n - 1, skipped=published)

    def tie_keys(self, versions: NDArray[np.int64] | None = None) -> NDArray[np.uint64]:
        """Keys that decide between versions of equal score, [n], or those of some versions.

        Independent and uniform; the same all through an audit.
        """
        if versions is None:
            return self._words("ties")
        return tie_keys_of([self] * len(versions), versions)

    def some(self, purpose: str, count: int) -> NDArray[np.int64]:
        """Indices of so many versions, or of all, drawn independently of the published one."""
        if rule_of(self.secret) == SHAKE:
            every: NDArray[np.int64] = np.argsort(self._words(purpose), kind="stable")
            return np.sort(every[:count])
        order = Order(self.key(f"{purpose}/{self.name}"), self.n)
        draw_ahead([order], [min(count, self.n)])
        return np.sort(order.at(0, min(count, self.n)))

    def uniform(self, purpose: str) -> float:
        """A number in [0, 1), of 53 bits."""
        return (self.seed(purpose) >> 10) / (1 << 53)

    def seed(self, purpose: str) -> int:
        """Seed of 63 bits for one purpose: of the views, say, which all versions share."""
        return int.from_bytes(self.key(f"{purpose}/{self.name}")[:8], "big") >> 1

    def key(self, purpose: str) -> bytes:
        """Key of one purpose: 32 bytes, and the tag of the rule."""
        return derive(self.secret, purpose)

    def _words(self, purpose: str) -> NDArray[np.uint64]:
        key = self.key(f"{purpose}/{self.name}")
        every: NDArray[np.uint64] = words_of([key], np.zeros(1, np.int64), self.n)[0]
        return every


class Order:
    """A uniformly random order of some items, drawn as far as it is read.

    The shuffle of Fisher and Yates: at place t stands one of the items that are left, each with the
    same chance, by word t of a stream. Only what the shuffle moved is remembered. A word of 64 bits
    modulo the number of items left is uniform up to that number / 2^64.

    Parameters
    ----------
    key : bytes
        Of the stream.
    items : int
        How many there are.
    skipped : int, optional
        A number that is no item: those from it on are one larger.
    drawn : int array, optional
        The order, where it is known already.
    """

    def __init__(
        self,
        key: bytes,
        items: int,
        skipped: int | None = None,
        drawn: NDArray[np.int64] | None = None,
    ) -> None:
        self.key, self.items = key, items
        self._drawn: list[int] = []
        self._known = drawn
        self._skipped = items if skipped is None else skipped
        self._moved: dict[int, int] = {}

    def __len__(self) -> int:
        """Places drawn so far."""
        return len(self._drawn) if self._known is None else len(self._known)

    def extend(self, words: NDArray[np.uint64]) -> None:
        """Draw one more place by each of the words, as long as there are items left."""
        start = len(self)
        left = np.arange(self.items - start, max(0, self.items - start - len(words)), -1)
        jumps = words[: len(left)] % left.astype(np.uint64)
        for place, jump in enumerate(jumps.tolist(), start):
            first = self._moved.pop(place, place)
            chosen = first
            if jump:
                chosen = self._moved.get(place + jump, place + jump)
                self._moved[place + jump] = first
            self._drawn.append(chosen + (chosen >= self._skipped))

    def at(self, first: int, last: int) -> NDArray[np.int64]:
        """Items at places first..last - 1, which must have been drawn."""
        return np.array((self._drawn if self._known is None else self._known)[first:last], np.int64)


def draw_ahead(orders: Sequence[Order], until: Sequence[int] | NDArray[np.int64]) -> None:
    """Draw orders up to a number of places each, all of them together."""
    short = [(order, end) for order, end in zip(orders, until, strict=True)]
    short = [(order, end) for order, end in short if len(order) < end]
    if not short:
        return
    start = np.array([len(order) for order, _ in short])
    counts = np.array([end for _, end in short]) - start
    drawn = words_of([order.key for order, _ in short], start, int(counts.max()))
    for (order, _), words, count in zip(short, drawn, counts, strict=True):
        order.extend(words[:count])


def tie_keys_of(draws: Sequence[Draws], versions: NDArray[np.int64]) -> NDArray[np.uint64]:
    """The tie key of one version of each image, [B]."""
    keys = [one.key(f"ties/{one.name}") for one in draws]
    found: NDArray[np.uint64] = words_of(keys, versions, 1)[:, 0]
    return found


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
    if type(derivation) is not int or derivation not in DERIVATIONS:
        known = " and ".join(map(str, DERIVATIONS))
        raise ValueError(f"derivation {derivation!r}: this version of taggant knows {known}")
