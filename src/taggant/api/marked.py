"""Mark images: published versions to train on or to publish, and what an audit needs."""

from __future__ import annotations

import csv
import io
import json
import secrets
import warnings
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import load_file
from safetensors.numpy import save as as_bytes
from torch import Tensor

from taggant.api.images import Captions, Labels, image_set
from taggant.api.options import name_of, scheme_of
from taggant.api.sources import Images
from taggant.data.decode import to_image
from taggant.data.imageset import ImageSet
from taggant.data.options import check_whole
from taggant.files import write_atomically
from taggant.marking.instances import Instances
from taggant.marking.ledger import SIMULATED, Ledger, owner_key
from taggant.marking.n_version import NVersion
from taggant.marking.publish import (
    Published,
    drawn,
    equal_versions_rate,
    publish,
    raw_sha256,
)
from taggant.marking.quality import Quality, quality
from taggant.marking.scheme import Strategy
from taggant.marking.stream import KEY_BYTES
from taggant.store.identity import digest

SCHEMA = 1
"""Of saved folders."""
LEDGER, FACTS, POSITIONS = "ledger.json", "marked.json", "positions.safetensors"
MANY = 0.01
"""Share of equal versions that is worth a warning."""
Secret = str | Path | bytes


@dataclass(frozen=True, eq=False, repr=False)
class Marked:
    """Marked images, and the owner's secret side of them.

    Made by `taggant.mark`. Some of the images are marked; of those, the *used* ones are among the
    training images by their published version, and the *unused* ones are left out, so that a model
    trained on the training images shows both the detection and the false-detection rate.

    Attributes
    ----------
    images : ImageSet
        All raw images, once each. Secret: who has them can tell marks from content.
    positions : int array [N]
        Where each of them stands among the images that were given.
    scheme : NVersion
        How versions are made.
    strategy : str
        Name of its strategy.
    ledger : Ledger
        The secret, and which version of each image was published.
    published : Published
        The published version of each marked image.
    simulated : bool
        Whether the secret follows from the public seed: an experiment that proves nothing.
    """

    images: ImageSet
    positions: NDArray[np.int64]
    scheme: NVersion
    strategy: str
    ledger: Ledger
    published: Published
    simulated: bool = False

    @property
    def n(self) -> int:
        """Versions of each image."""
        return self.scheme.n

    @property
    def used(self) -> NDArray[np.bool_]:
        """Which of the marked images are among the training images, [M]."""
        return self.published.used

    @property
    def marked_positions(self) -> NDArray[np.int64]:
        """Where each marked image stands among the images that were given, [M]."""
        found: NDArray[np.int64] = self.positions[self.images.rows_of(self.published.ids)]
        return found

    @cached_property
    def training_set(self) -> ImageSet:
        """What a model may be trained on, in the order given: unused images are left out."""
        return self.published.training_set(self.images)

    @property
    def training_images(self) -> Tensor:
        """uint8 [T, C, H, W]: used images as published, unmarked ones as given, in that order."""
        return self.training_set.images

    @property
    def training_labels(self) -> Tensor | None:
        """Class numbers of the training images, int64 [T]; None if there are no labels."""
        return self.training_set.labels

    @property
    def training_captions(self) -> tuple[str, ...] | None:
        """Captions of the training images; None if there are none."""
        return self.training_set.captions

    @property
    def training_positions(self) -> NDArray[np.int64]:
        """Where each training image stands among the images that were given, [T]."""
        found: NDArray[np.int64] = self.positions[self.images.rows_of(self.training_set.ids)]
        return found

    @property
    def commitment(self) -> str:
        """Public SHA-256 commitment to scheme, images, secret and published indices."""
        return self.published.commitment

    @cached_property
    def instances(self) -> Instances:
        """What the owner brings to an audit."""
        raw = self.images.select(self.images.rows_of(self.published.ids))
        return Instances(raw, self.scheme, self.ledger, self.published)

    @cached_property
    def quality(self) -> Quality:
        """How visible the marks are: PSNR, SSIM and the like, mean over the marked images."""
        return quality(self.instances.raw.images, self.published.images)

    def only(self, members: NDArray[np.bool_]) -> Marked:
        """The same with some of the marked images alone, [M]: an audit then asks for no others."""
        whole, rows = self.published, np.flatnonzero(members)
        part = replace(
            whole,
            images=whole.images[torch.from_numpy(rows)],
            ids=tuple(whole.ids[row] for row in rows),
            used=whole.used[rows],
        )
        return replace(self, published=part)

    def __repr__(self) -> str:
        used, count = int(self.used.sum()), len(self.used)
        how = f"{self.strategy}, epsilon = {self.scheme.epsilon}"
        secret = "secret simulated: an experiment" if self.simulated else "secret withheld"
        return (
            f"Marked({count:,} of {len(self.images):,} images: {used:,} used, {count - used:,} "
            f"unused; n = {self.n:,}, {how}; {secret})"
        )

    def save(self, folder: str | Path, secret: str | Path | None = None) -> Path:
        """Write the training images for publication, and the secret side beside them.

        `folder` holds nothing secret: the training images as PNG files, in a folder for each class
        if there are labels; their captions in ``metadata.csv``; and the commitment. What an audit
        needs goes to another folder, which is to be kept private.

        Parameters
        ----------
        folder : path
            For the training images; must not hold anything yet.
        secret : path, optional
            For the rest, mode 0700; by default ``FOLDER.secret`` beside `folder`.

        Returns
        -------
        Path
            The secret folder.

        Raises
        ------
        FileExistsError
            If one of the folders holds something.
        ValueError
            If the secret folder would lie in the public one.
        """
        public, private = _places(folder, secret)
        for path in (public, private):
            if path.exists() and (not path.is_dir() or any(path.iterdir())):
                raise FileExistsError(f"{path} holds something already: give an empty folder")
        private.mkdir(parents=True, exist_ok=True)
        private.chmod(0o700)
        public.mkdir(parents=True, exist_ok=True)
        self._save_secret(private)
        self._publish(public)
        return private

    def _save_secret(self, folder: Path) -> None:
        self.ledger.save(folder / LEDGER)
        self.images.save(folder / "images")
        self.published.save(folder)
        write_atomically(folder / POSITIONS, as_bytes({"positions": self.positions}))
        facts = {
            "schema": SCHEMA,
            "strategy": self.strategy,
            "epsilon": self.scheme.epsilon,
            "simulated": self.simulated,
        }
        write_atomically(folder / FACTS, json.dumps(facts).encode())

    def _publish(self, folder: Path) -> None:
        shown = self.training_set
        digits = len(str(max(len(shown) - 1, 1)))
        width = len(str(max(len(shown.class_names) - 1, 0)))
        table = io.StringIO()
        rows = csv.writer(table)
        rows.writerow(["file_name", *([] if shown.captions is None else ["text"])])
        for i in range(len(shown)):
            label = "" if shown.labels is None else f"{int(shown.labels[i]):0{width}d}/"
            name = f"{label}{i:0{digits}d}.png"
            (folder / name).parent.mkdir(exist_ok=True)
            to_image(shown.images[i]).save(folder / name)
            rows.writerow([name, *([] if shown.captions is None else [shown.captions[i]])])
        write_atomically(folder / "metadata.csv", table.getvalue().encode())
        write_atomically(folder / "commitment.txt", f"{self.commitment}\n".encode())

    @classmethod
    def load(
        cls,
        folder: str | Path,
        secret: str | Path | None = None,
        strategy: Strategy | None = None,
    ) -> Marked:
        """Read what `save` wrote; the published files are not looked at.

        Parameters
        ----------
        folder, secret
            As given to `save`.
        strategy : Strategy, optional
            The one that was given to `mark` as an object.

        Raises
        ------
        FileNotFoundError
            If the secret folder is not there.
        ValueError
            If it was written by another version of taggant, or the strategy marks otherwise.
        PermissionError
            If others can read the ledger.
        """
        private = _places(folder, secret)[1]
        if not (private / FACTS).is_file():
            raise FileNotFoundError(
                f"{private}: no {FACTS}; Marked.load takes the folder that save was given, and "
                "secret= where that was given"
            )
        facts = json.loads((private / FACTS).read_text())
        if facts["schema"] != SCHEMA:
            raise ValueError(f"{private / FACTS}: schema {facts['schema']!r}, accepted is {SCHEMA}")
        ledger = Ledger.load(private / LEDGER)
        scheme = scheme_of(strategy or str(facts["strategy"]), ledger.n, int(facts["epsilon"]))
        ledger.check(scheme.parameters())
        return cls(
            images=ImageSet.load(private / "images"),
            positions=load_file(private / POSITIONS)["positions"],
            scheme=scheme,
            strategy=str(facts["strategy"]),
            ledger=ledger,
            published=Published.load(private),
            simulated=bool(facts["simulated"]),
        )


def _places(folder: str | Path, secret: str | Path | None) -> tuple[Path, Path]:
    """The public and the private folder."""
    public = Path(folder)
    private = public.with_name(f"{public.name}.secret") if secret is None else Path(secret)
    if private.resolve().is_relative_to(public.resolve()):
        raise ValueError(f"secret = {private}: it would lie in {public}, which is published")
    return public, private


def mark(
    images: Images,
    labels: Labels | None = None,
    n: int = 1000,
    epsilon: int = 10,
    unused: float = 0.5,
    *,
    captions: Captions | None = None,
    count: int | None = None,
    strategy: str | Strategy = "sign",
    secret: Secret | None = None,
    seed: int = 0,
    size: int | None = None,
) -> Marked:
    """Mark images: make n versions of each, of which one, drawn in secret, is published.

    Nothing is written. Hidden versions are made again when an audit asks for them.

    Parameters
    ----------
    images : uint8 [N, C, H, W] array or tensor, PIL images, folder, shards, or dataset
        Pixels 0..255 as they are published, C = 1, 3 or 4. Images or pairs of them and their class
        numbers may come one after the other. A folder holds pictures, or a folder for each class,
        or webdataset shards; of a dataset (torchvision's, without transform, or a split of Hugging
        Face's) the class numbers are taken too.
    labels : int [N] or str, optional
        Class numbers 0, 1, 2, ..., which scores of classifiers look at; or the name of their
        column in a Hugging Face dataset.
    n : int
        Versions of each image, at least 1/p for an audit at p.
    epsilon : int
        Largest change of a pixel, in grey levels.
    unused : float
        Share of the marked images that is kept from training, 0 <= unused < 1: they show the
        false-detection rate.
    captions : sequence of str, or str, optional
        One an image, for image-text models; or the name of their column.
    count : int, optional
        Images to mark; by default all of them.
    strategy : str or Strategy
        How versions differ: sign, mirrored, scaled_sign, smooth, edit, smooth_edit, or an object.
    secret : path or 32 bytes, optional
        The owner's key: a file (made on first use, mode 0600) or its bytes. By default a new one is
        drawn. ``"simulated"`` derives it from `seed`: repeatable, and no evidence.
    seed : int
        Public: which images are marked, and which of them are unused.
    size : int, optional
        Central squares are cut out of PIL images and files and resized to so many pixels.

    Returns
    -------
    Marked

    Raises
    ------
    ValueError, TypeError, FileNotFoundError
        Naming the argument, the value and what is accepted.

    Notes
    -----
    Guarantee: published indices are drawn uniformly and independently from the secret, so a model
    that knows nothing of the secret is claimed by `taggant.audit` at p with probability at most p,
    image by image (arXiv 2503.22413; docs/guarantees.md).

    Examples
    --------
    >>> import numpy as np, taggant
    >>> images = np.random.default_rng(0).integers(256, size=(10, 3, 16, 16), dtype=np.uint8)
    >>> marked = taggant.mark(images, range(10), n=100, unused=0.4)
    >>> marked
    Marked(10 of 10 images: 6 used, 4 unused; n = 100, sign, epsilon = 10; secret withheld)
    >>> marked.training_images.shape, marked.training_positions
    (torch.Size([6, 3, 16, 16]), array([2, 3, 4, 5, 6, 7]))
    """
    check_whole("n", n, least=2)
    check_whole("epsilon", epsilon)
    check_whole("seed", seed, least=0)
    scheme = scheme_of(strategy, n, epsilon)
    every, positions = image_set(images, labels, captions, size)
    total = _count(count, len(every))
    kept_out = _unused(unused, total)
    chosen = drawn(every, total, seed)
    simulated = isinstance(secret, str) and secret == SIMULATED
    ledger = Ledger.draw(
        _key(secret, seed),
        digest(["taggant.mark", dict(scheme.parameters()), list(chosen.ids), kept_out]),
        scheme.parameters(),
        n,
        chosen.ids,
        raw_sha256(chosen.images),
    )
    _warn_of_equals(equal_versions_rate(scheme, ledger, chosen), chosen)
    published = publish(scheme, ledger, chosen, total - kept_out)
    return Marked(every, positions, scheme, name_of(strategy), ledger, published, simulated)


def _count(count: int | None, images: int) -> int:
    check_whole("count", count, optional=True)
    if count is not None and count > images:
        raise ValueError(f"count = {count}: accepted are 1 to {images}, the images that there are")
    return images if count is None else count


def _unused(unused: float, marked: int) -> int:
    """How many marked images are left out of training."""
    if isinstance(unused, bool) or not 0 <= unused < 1:
        raise ValueError(f"unused = {unused}: accepted are shares, 0 <= unused < 1")
    left_out = round(unused * marked)
    if left_out == marked:
        raise ValueError(f"unused = {unused}: of {marked} marked images none is left to train on")
    return left_out


def _warn_of_equals(rate: float, images: ImageSet) -> None:
    """Versions that are equal tie, and ties take claims away."""
    if rate > MANY:
        side = min(images.images.shape[-2:])
        warnings.warn(
            f"{rate:.0%} of the pairs of an image's versions are equal, so that few images can "
            f"ever be claimed: choose finer marks for images of {side} pixels, such as strategy="
            "taggant.marking.strategies.sign.Sign(block=2)",
            stacklevel=3,
        )


def _key(secret: Secret | None, seed: int) -> bytes:
    if secret is None:
        return secrets.token_bytes(KEY_BYTES)
    if isinstance(secret, bytes):
        if len(secret) != KEY_BYTES:
            raise ValueError(f"secret: {len(secret)} bytes are given, accepted are {KEY_BYTES}")
        return secret
    return owner_key(str(secret), seed)
