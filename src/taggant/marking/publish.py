"""Choose instances, mark them, publish one version of each."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor

from taggant.data.imageset import ImageSet
from taggant.marking.ledger import Ledger
from taggant.marking.scheme import Scheme

BATCH = 512


@dataclass(frozen=True)
class Published:
    """What leaves the owner's hands, and how the experiment uses it. Holds no secret.

    Attributes
    ----------
    images : Tensor, uint8 [M, C, H, W], 0..255
        The published version of each marked instance.
    ids : tuple of str
        Content ids of the raw images.
    used : bool array [M]
        True where the published version enters training (group *used*); the others are marked and
        published just the same but never trained on (group *unused*).
    commitment : str
        The ledger's public commitment.
    """

    images: Tensor
    ids: tuple[str, ...]
    used: NDArray[np.bool_]
    commitment: str

    def training_set(self, train: ImageSet) -> ImageSet:
        """The victim's training data: used instances marked, unused ones left out."""
        position = {image_id: i for i, image_id in enumerate(train.ids)}
        where = np.array([position[image_id] for image_id in self.ids])
        marked = train.replace(where[self.used].tolist(), self.images[torch.from_numpy(self.used)])
        left_out = set(where[~self.used].tolist())
        return marked.select([i for i in range(len(train)) if i not in left_out])

    def save(self, folder: Path) -> None:
        """Write the images losslessly and the rest as JSON."""
        save_file({"images": self.images.contiguous()}, folder / "published.safetensors")
        record = {"ids": self.ids, "used": self.used.tolist(), "commitment": self.commitment}
        (folder / "published.json").write_text(json.dumps(record))

    @classmethod
    def load(cls, folder: Path) -> Published:
        """Read what `save` wrote."""
        record = json.loads((folder / "published.json").read_text())
        images = load_file(folder / "published.safetensors")["images"]
        used = np.array(record["used"], dtype=bool)
        return cls(images, tuple(record["ids"]), used, record["commitment"])


def choose(train: ImageSet, used: int, unused: int, seed: int) -> ImageSet:
    """Draw the instances to mark, used ones first, without replacement.

    Raises
    ------
    ValueError
        If more instances are to be marked than there are images, or a group is empty.
    """
    for name, count in (("used", used), ("unused", unused)):
        if count < 1:
            raise ValueError(f"marking.{name} = {count}: at least 1 instance is needed")
    if used + unused >= len(train):
        raise ValueError(
            f"marking.used + marking.unused = {used} + {unused} = {used + unused} instances, but "
            f"{train.name} has {len(train)} training images: accepted is at most {len(train) - 1}"
        )
    order = np.random.default_rng(seed).permutation(len(train))
    return train.select(order[: used + unused].tolist())


def publish(scheme: Scheme, ledger: Ledger, raw: ImageSet, used: int) -> Published:
    """Make the published version of each image, the first `used` of which enter training."""
    versions = published_versions(scheme, ledger, raw.images, raw.ids)
    return Published(versions, raw.ids, np.arange(len(raw)) < used, ledger.commitment())


def published_versions(
    scheme: Scheme, ledger: Ledger, images: Tensor, ids: Sequence[str]
) -> Tensor:
    """The published version of each image, uint8 [B, C, H, W], made as hidden ones are."""
    indices = published_indices(ledger, ids)
    parts = [
        scheme.versions(ledger.secret, images[i : i + BATCH], ids[i : i + BATCH], chunk)[:, 0]
        for i in range(0, len(ids), BATCH)
        for chunk in [indices[i : i + BATCH, None]]
    ]
    return torch.cat(parts)


def published_indices(ledger: Ledger, ids: Sequence[str]) -> NDArray[np.int64]:
    """Published index J of each id, [B]."""
    index: Mapping[str, int] = dict(zip(ledger.ids, ledger.published, strict=True))
    return np.array([index[image_id] for image_id in ids], dtype=np.int64)


def raw_sha256(images: Tensor) -> list[str]:
    """SHA-256 of each raw image's pixels, 64 hex digits."""
    return [hashlib.sha256(image.numpy().tobytes()).hexdigest() for image in images.cpu()]
