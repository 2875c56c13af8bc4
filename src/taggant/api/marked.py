"""Marked images: what to train on or to publish, and what an audit needs."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from taggant.api import kept
from taggant.api.options import as_drawn, scheme_of
from taggant.data.decode import to_image
from taggant.data.imageset import ImageSet
from taggant.data.pixels import taken
from taggant.files import write_atomically
from taggant.marking.instances import Instances
from taggant.marking.ledger import Ledger
from taggant.marking.n_version import NVersion
from taggant.marking.publish import Published
from taggant.marking.quality import Quality, quality
from taggant.marking.scheme import Strategy


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
    training : ImageSet, optional
        What a model may be trained on, where it was written to the disk.
    folder : Path, optional
        The private folder that all of it lies in, if it does; images are then read from there when
        they are looked at.
    """

    images: ImageSet
    positions: NDArray[np.int64]
    scheme: NVersion
    strategy: str
    ledger: Ledger
    published: Published
    simulated: bool = False
    training: ImageSet | None = None
    folder: Path | None = None

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
        return self.training or self.published.training_set(self.images)

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
            images=taken(whole.images, torch.from_numpy(rows)),
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
        needs goes to another folder, which is to be kept private. Images are written one by one.

        Parameters
        ----------
        folder : path
            For the training images; must not hold anything yet.
        secret : path, optional
            For the rest, mode 0700; by default ``FOLDER.secret`` beside `folder`, or where it lies
            already.

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
        public, private = _places(folder, self.folder if secret is None else secret)
        kept.check_empty(public, *([] if private == self.folder else [private]))
        if private != self.folder:
            self._save_secret(private)
        public.mkdir(parents=True, exist_ok=True)
        self._publish(public)
        return private

    def _save_secret(self, folder: Path) -> None:
        marked = self.images.rows_of(self.published.ids)
        rows = np.concatenate([marked, np.setdiff1d(np.arange(len(self.images)), marked)])
        with kept.private(folder):
            self.images.save(folder / kept.RAW, rows)
            self.published.save(folder)
            kept.save_rest(
                folder,
                ImageSet.load(folder / kept.RAW),
                self.positions[rows],
                self.published,
                self.ledger,
                kept.Facts(self.strategy, self.scheme.epsilon, self.simulated),
            )

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
        """Read what `save` or `mark` wrote; the published files are not looked at.

        Images stay on the disk, and are read when they are looked at.

        Parameters
        ----------
        folder, secret
            As given to `save`; or the secret folder alone, as given to `mark`.
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
        known = secret is None and kept.is_private(Path(folder))
        private = Path(folder) if known else _places(folder, secret)[1]
        return cls.of(private, strategy)

    @classmethod
    def of(cls, folder: Path, strategy: Strategy | None = None) -> Marked:
        """Read a private folder; see `load`."""
        found = kept.load(folder)
        scheme = scheme_of(strategy or found.facts.strategy, found.ledger.n, found.facts.epsilon)
        if strategy is None:
            scheme = as_drawn(scheme, found.ledger.scheme)
        found.ledger.check(scheme.parameters())
        return cls(
            images=found.images,
            positions=found.positions,
            scheme=scheme,
            strategy=found.facts.strategy,
            ledger=found.ledger,
            published=found.published,
            simulated=found.facts.simulated,
            training=found.training,
            folder=folder,
        )


def _places(folder: str | Path, secret: str | Path | None) -> tuple[Path, Path]:
    """The public and the private folder."""
    public = Path(folder)
    private = public.with_name(f"{public.name}.secret") if secret is None else Path(secret)
    if private.resolve().is_relative_to(public.resolve()):
        raise ValueError(f"secret = {private}: it would lie in {public}, which is published")
    return public, private
