"""A secret of its own for every picture, and commitments that can be opened one by one.

Each picture has a ledger of its own, drawn from the owner's key: opening one says nothing of the
others. The commitment to a folder is the SHA-256 of the list of the pictures' seals, so a
certificate opens the seals of the claimed pictures and shows the others closed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from taggant.marking.draws import DERIVATION, Draws
from taggant.marking.ledger import Ledger
from taggant.marking.scheme import Scheme

SCHEMA = "taggant commitment 3"


def canonical(value: Any) -> bytes:
    """The one JSON text of plain values: sorted keys, no spaces, ASCII."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


@dataclass(frozen=True)
class Terms:
    """What a commitment says openly.

    Attributes
    ----------
    scheme : mapping
        Parameters of the marking scheme.
    n : int
        Versions per picture.
    beacon : str
        Which public random value will choose the published versions ("drand quicknet round
        9123456", say); empty where the owner's own secret does.
    derivation : int
        By which rule index, reading order, tie keys and views follow from a picture's secret.
    """

    scheme: Mapping[str, Any]
    n: int
    beacon: str = ""
    derivation: int = DERIVATION


def seal(ledger: Ledger) -> str:
    """Commitment to one picture: its id, pixels, secret and scheme.

    The published index is left out: like reading order, tie keys and views it follows from secret
    and id, and from the beacon if any. The id must be in: whoever could change it later would
    choose all of them by it.
    """
    body = {"ids": list(ledger.ids), "ledger": replace(ledger, published=()).commitment()}
    return hashlib.sha256(canonical(body)).hexdigest()


def commitment(terms: Terms, seals: Sequence[str]) -> str:
    """Public commitment to a folder, 64 hex digits."""
    body = {
        "schema": SCHEMA,
        "scheme": dict(terms.scheme),
        "n": terms.n,
        "beacon": terms.beacon,
        "derivation": terms.derivation,
        "seals": list(seals),
    }
    return hashlib.sha256(canonical(body)).hexdigest()


def picture_ledger(key: bytes, terms: Terms, image_id: str, raw_sha256: str) -> Ledger:
    """One picture's ledger: a secret, a nonce and an index that no other picture shares."""
    context = f"picture/{image_id}"
    return Ledger.draw(key, context, terms.scheme, terms.n, [image_id], [raw_sha256])


def draws_of(secret: bytes, terms: Terms, image_id: str, root: str, value: str) -> Draws:
    """What is drawn for a picture: from its secret, and the beacon's value where one is named.

    With a beacon, all of it is a pseudo-random function of the commitment and a value that nobody
    knew when the commitment was made: the owner cannot have chosen it.

    Parameters
    ----------
    secret : bytes
        The picture's own.
    root : str
        The folder's commitment.
    value : str
        The beacon's value; empty without one.
    """
    return Draws(secret, f"{root}/{value}/{image_id}" if terms.beacon else image_id, terms.n)


class PerPicture:
    """A scheme that marks each picture under its own secret, and leaves transparency alone.

    Parameters
    ----------
    scheme : Scheme
        Marks the colours.
    secrets : mapping of id to bytes
        Each picture's secret; the secret that `versions` is called with plays no part.
    """

    def __init__(self, scheme: Scheme, secrets: Mapping[str, bytes]) -> None:
        self.scheme = scheme
        self.secrets = secrets
        self.n = scheme.n

    def versions(
        self,
        secret: bytes,
        images: Tensor,
        ids: Sequence[str],
        indices: NDArray[Any],
        labels: Tensor | None = None,
    ) -> Tensor:
        """See `Scheme.versions`; images uint8 [B, C, H, W] may have an alpha channel, the last."""
        colours = images.shape[1] - int(images.shape[1] in (2, 4))
        parts = []
        for row, image_id in enumerate(ids):
            one = slice(row, row + 1)
            marked = self.scheme.versions(
                self.secrets[image_id],
                images[one, :colours],
                [image_id],
                np.asarray(indices[one]),
                None if labels is None else labels[one],
            )
            alpha = images[one, None, colours:].expand(-1, marked.shape[1], -1, -1, -1)
            parts.append(torch.cat([marked, alpha], 2))
        return torch.cat(parts)

    def parameters(self) -> Mapping[str, Any]:
        """See `Scheme.parameters`."""
        return self.scheme.parameters()
