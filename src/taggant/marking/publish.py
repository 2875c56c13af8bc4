"""Choose instances, mark them, publish one version of each."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save
from torch import Tensor

from taggant.data.imageset import ImageSet
from taggant.files import write_atomically
from taggant.marking.device import MarkingDevice
from taggant.marking.draws import Drawn
from taggant.marking.ledger import Ledger
from taggant.marking.scheme import Scheme
from taggant.marking.selection import ANY, Selection

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
    withheld : tuple of str
        Ids of images that are shown to nobody: no model may learn from them, marked or raw.
    made : MarkingDevice
        What made them. An audit makes hidden versions on it, or on a device on which the
        published ones come out the same.
    precision : str
        Of the marker's arithmetic: float32 or bfloat16, or "integers" where no marker is used.
    """

    images: Tensor
    ids: tuple[str, ...]
    used: NDArray[np.bool_]
    commitment: str
    made: MarkingDevice = field(default_factory=MarkingDevice.here)
    precision: str = "integers"
    withheld: tuple[str, ...] = ()

    def training_set(self, train: ImageSet) -> ImageSet:
        """The victim's training data: used instances marked, unused and withheld ones left out.

        Raises
        ------
        ValueError
            If a version came out with another caption than its raw image has.
        """
        where, withheld = train.rows_of(self.ids), train.rows_of(self.withheld)
        marked = train.replace(where[self.used].tolist(), self.images[torch.from_numpy(self.used)])
        left_out = {*where[~self.used].tolist(), *withheld.tolist()}
        shown = marked.select([i for i in range(len(train)) if i not in left_out])
        check_captions(train, shown)
        return shown

    def save(self, folder: Path) -> None:
        """Write the images losslessly and the rest as JSON."""
        tensors = save({"images": self.images.contiguous()})
        write_atomically(folder / "published.safetensors", tensors)
        record = {
            "ids": self.ids,
            "used": self.used.tolist(),
            "commitment": self.commitment,
            "made": asdict(self.made),
            "precision": self.precision,
            "withheld": self.withheld,
        }
        (folder / "published.json").write_text(json.dumps(record))

    @classmethod
    def load(cls, folder: Path) -> Published:
        """Read what `save` wrote."""
        record = json.loads((folder / "published.json").read_text())
        images = load_file(folder / "published.safetensors")["images"]
        used = np.array(record["used"], dtype=bool)
        made = MarkingDevice(**record["made"])
        ids = tuple(record["ids"])
        withheld = tuple(record["withheld"])
        return cls(images, ids, used, record["commitment"], made, record["precision"], withheld)


def check_captions(raw: ImageSet, shown: ImageSet) -> None:
    """Refuse published versions with other captions than their raw images have.

    Hidden versions are scored with the raw image's caption. Were the published one trained with
    another, its rank among them would not be uniform: the caption would tell which it is.

    Parameters
    ----------
    raw, shown : ImageSet
        Images by their ids; those of `shown` are among those of `raw`.

    Raises
    ------
    ValueError
        Which names the first image whose captions differ.
    """
    own = dict(zip(raw.ids, raw.captions or (), strict=False))
    for image_id, caption in zip(shown.ids, shown.captions or (), strict=False):
        if caption != own.get(image_id):
            raise ValueError(
                f"{raw.name}: image {image_id} is published with the caption {caption!r}, and its "
                f"raw image has {own.get(image_id)!r}: all versions of an image need the same one"
            )


def choose(train: ImageSet, used: int, unused: int, seed: int, withhold: int = 0) -> ImageSet:
    """Draw the instances to mark, in random order, without replacement.

    Raises
    ------
    ValueError
        If more instances are to be marked than there are images, or a group is empty.
    """
    for name, count in (("used", used), ("unused", unused)):
        if count < 1:
            raise ValueError(f"marking.{name} = {count}: at least 1 instance is needed")
    if withhold < 0:
        raise ValueError(f"marking.withhold = {withhold}: accepted are 0, 1, 2, ...")
    total = used + unused + withhold
    if total >= len(train):
        more = (" + marking.withhold", f" + {withhold}") if withhold else ("", "")
        raise ValueError(
            f"marking.used + marking.unused{more[0]} = {used} + {unused}{more[1]} = {total} "
            f"instances, but {train.name} has {len(train)} training images: accepted is at most "
            f"{len(train) - 1}"
        )
    return drawn(train, total, seed)


def drawn(images: ImageSet, count: int, seed: int) -> ImageSet:
    """So many of the images in random order, by a public seed."""
    order = np.random.default_rng(seed).permutation(len(images))
    return images.select(order[:count].tolist())


def publish(
    scheme: Scheme, ledger: Ledger, raw: ImageSet, used: int, selection: Selection = ANY
) -> Published:
    """Make the published version of each image, `used` of which enter training.

    Images that the ledger withholds are none of them.
    """
    device, withheld = MarkingDevice.here(), set(ledger.withheld)
    raw = raw.select([i for i, image_id in enumerate(raw.ids) if image_id not in withheld])
    versions = published_versions(scheme, ledger, raw, device)
    precision = str(scheme.parameters().get("precision", "integers"))
    chosen = selection(raw, used)
    return Published(
        versions, raw.ids, chosen, ledger.commitment(), device, precision, ledger.withheld
    )


def published_versions(
    scheme: Scheme, ledger: Drawn, raw: ImageSet, device: MarkingDevice
) -> Tensor:
    """The published version of each image, uint8 [B, C, H, W], made as hidden ones are."""
    indices = ledger.indices(raw.ids)[:, None]
    parts = []
    for rows in np.array_split(np.arange(len(raw)), range(BATCH, len(raw), BATCH)):
        versions = versions_of(scheme, ledger, raw.select(rows.tolist()), indices[rows], device)
        parts.append(versions[:, 0].cpu())
    return torch.cat(parts)


def versions_of(
    scheme: Scheme,
    ledger: Drawn,
    raw: ImageSet,
    indices: NDArray[np.int64],
    device: MarkingDevice,
) -> Tensor:
    """Versions `indices` [B, k] of raw images, uint8 [B, k, C, H, W], made on a device."""
    secrets = [ledger.draws(image_id).secret for image_id in raw.ids]
    return device.versions(scheme, secrets, raw.images, raw.ids, indices, raw.labels)


def remaking_device(
    scheme: Scheme, ledger: Drawn, raw: ImageSet, published: Published
) -> MarkingDevice:
    """The device on which the published versions come out again: this one, or that of publishing.

    Hidden versions must be made on the device returned.

    Raises
    ------
    RemakeError
        If they come out the same on neither.
    """
    tried = []
    for device in dict.fromkeys((MarkingDevice.here(), published.made)):
        if not device.reachable:
            tried.append(f"{device} is not at hand")
            continue
        remade = published_versions(scheme, ledger, raw, device)
        differs = (remade != published.images).flatten(1).any(1)
        if not differs.any():
            return device
        first = raw.ids[int(differs.nonzero()[0])]
        tried.append(
            f"{int(differs.sum())} of {len(differs)} published images differ from what the ledger "
            f"makes again on {device} (the first: {first})"
        )
    raise RemakeError(
        f"{'; '.join(tried)}. The published file, the raw images, the marker or the marking device "
        f"changed (it was {published.made}); the audit refuses."
    )


class RemakeError(RuntimeError):
    """The published versions cannot be made again, so hidden ones would mean nothing."""


def equal_versions_rate(
    scheme: Scheme, ledger: Drawn, raw: ImageSet, images: int = 16, versions: int = 64
) -> float:
    """Share of pairs of versions of an image that are equal after rounding, by a sample.

    Equal versions are left as ties, never drawn again: that would depend on the published index.

    Parameters
    ----------
    images, versions : int
        Images sampled (the first ones: the raw set is in random order), and versions of each.
    """
    few = raw.select(list(range(min(images, len(raw)))))
    count = min(versions, scheme.n)
    indices = np.tile(np.arange(count), (len(few), 1))
    made = versions_of(scheme, ledger, few, indices, MarkingDevice.here())
    pairs = equal = 0
    for row in made.cpu():
        _, counts = np.unique(row.flatten(1).numpy(), axis=0, return_counts=True)
        equal += int((counts * (counts - 1)).sum())
        pairs += count * (count - 1)
    return equal / max(pairs, 1)  # one version alone makes no pair


def raw_sha256(images: Tensor) -> list[str]:
    """SHA-256 of each raw image's pixels, 64 hex digits."""
    return [hashlib.sha256(image.numpy().tobytes()).hexdigest() for image in images.cpu()]
