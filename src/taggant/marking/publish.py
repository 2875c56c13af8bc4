"""Choose instances, mark them, publish one version of each."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from taggant.data import pixels
from taggant.data.imageset import ImageSet
from taggant.data.pixels import parts, taken
from taggant.marking.device import MarkingDevice
from taggant.marking.draws import Drawn
from taggant.marking.ledger import Ledger
from taggant.marking.scheme import Scheme
from taggant.marking.selection import ANY, Selection

IMAGES = "published.safetensors"


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
        shape = self.images.shape
        shown = (taken(self.images, rows) for rows in parts(len(self.ids), shape[1:]))
        pixels.write(folder / IMAGES, shown, shape)
        self.save_facts(folder)

    def save_facts(self, folder: Path) -> None:
        """Write all but the images."""
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
        """Read what `save` wrote; pixels stay on the disk until they are looked at."""
        record = json.loads((folder / "published.json").read_text())
        images = pixels.read(folder / IMAGES)["images"]
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
    return images.select(random_order(len(images), seed)[:count])


def random_order(count: int, seed: int) -> NDArray[np.int64]:
    """Numbers 0..count-1 in random order, by a public seed."""
    return np.random.default_rng(seed).permutation(count)


def publish(
    scheme: Scheme,
    ledger: Ledger,
    raw: ImageSet,
    used: int,
    selection: Selection = ANY,
    gather: Callable[[Iterable[Tensor]], Tensor] | None = None,
) -> Published:
    """Make the published version of each image, `used` of which enter training.

    Images that the ledger withholds are none of them.

    Parameters
    ----------
    gather : callable, optional
        Takes the published versions in parts, uint8 [b, C, H, W], and returns all of them; by
        default they are put together in memory.
    """
    device, withheld = MarkingDevice.here(), set(ledger.withheld)
    raw = raw.select([i for i, image_id in enumerate(raw.ids) if image_id not in withheld])
    shown = published_parts(scheme, ledger, raw, device)
    versions = torch.cat([*shown]) if gather is None else gather(shown)
    precision = str(scheme.parameters().get("precision", "integers"))
    chosen = selection(raw, used)
    return Published(
        versions, raw.ids, chosen, ledger.commitment(), device, precision, ledger.withheld
    )


def published_versions(
    scheme: Scheme, ledger: Drawn, raw: ImageSet, device: MarkingDevice
) -> Tensor:
    """The published version of each image, uint8 [B, C, H, W], made as hidden ones are."""
    return torch.cat([*published_parts(scheme, ledger, raw, device)])


def published_parts(
    scheme: Scheme, ledger: Drawn, raw: ImageSet, device: MarkingDevice
) -> Iterator[Tensor]:
    """The same in parts, uint8 [b, C, H, W], each made when its turn comes."""
    indices = ledger.indices(raw.ids)[:, None]
    for rows in parts(len(raw), raw.images.shape[1:]):
        versions = versions_of(scheme, ledger, raw.select(rows), indices[rows.numpy()], device)
        yield versions[:, 0].cpu()


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
        differs = _differs(published.images, published_parts(scheme, ledger, raw, device))
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


def _differs(images: Tensor, remade: Iterable[Tensor]) -> Tensor:
    """Which images, [M], are not equal to those that were made again, in parts."""
    found, done = [], 0
    for part in remade:
        found.append((part != images[done : done + len(part)]).flatten(1).any(1))
        done += len(part)
    return torch.cat(found)


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
    indices = np.arange(min(versions, scheme.n))[None]
    pairs = equal = 0
    for row in range(min(images, len(raw))):
        made = versions_of(scheme, ledger, raw.select([row]), indices, MarkingDevice.here())
        counts = Counter(version.numpy().tobytes() for version in made[0].cpu())
        equal += sum(count * (count - 1) for count in counts.values())
        pairs += indices.size * (indices.size - 1)
    return equal / max(pairs, 1)  # one version alone makes no pair


def raw_sha256(images: Tensor) -> list[str]:
    """SHA-256 of each raw image's pixels, 64 hex digits."""
    return [hashlib.sha256(image.numpy().tobytes()).hexdigest() for image in images.cpu()]
