"""Pictures of an audit stay on the disk: a few are held, the rest is read when it is looked at."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from taggant.owner import pictures
from taggant.owner.transform import shrunk

HELD = 192 << 20
"""Bytes of pixels that are held of all files together; of a larger picture, that one."""


@dataclass(frozen=True)
class PictureFile:
    """A picture file whose pixels are known.

    Attributes
    ----------
    path : Path
    shape : (int, int, int)
        C, H, W.
    digest : str
        See `taggant.owner.pictures.digest`.
    """

    path: Path
    shape: tuple[int, ...]
    digest: str

    @classmethod
    def of(cls, path: Path, pixels: Tensor) -> PictureFile:
        """The file that these pixels were read from."""
        return cls(path, tuple(pixels.shape), pictures.digest(pixels))

    @property
    def bytes(self) -> int:
        """Of its pixels."""
        return math.prod(self.shape)

    def read(self) -> Tensor:
        """Its pixels, uint8 [C, H, W].

        Raises
        ------
        ValueError
            If they are others than they were.
        """
        pixels = pictures.read(self.path).pixels
        if pictures.digest(pixels) != self.digest:
            raise ValueError(f"{self.path} was changed while it was used; put it back")
        return pixels


class PictureFiles(Mapping[str, Tensor]):
    """Pixels of pictures by id, uint8 [C, H, W]; as many as fit stay in memory.

    Parameters
    ----------
    files : mapping of id to PictureFile
    side : int, optional
        Larger pictures are shrunk to this longer side, and held so.
    """

    def __init__(self, files: Mapping[str, PictureFile], side: int | None = None) -> None:
        self.files, self.side = files, side
        self._held: OrderedDict[str, Tensor] = OrderedDict()

    @property
    def capacity(self) -> int:
        """How many pictures are held, if all are as large as the largest."""
        return max(1, HELD // max(map(self._bytes, self.files), default=1))

    def _bytes(self, image_id: str) -> int:
        """Of a picture as it is held, at most."""
        file = self.files[image_id]
        if self.side is None:
            return file.bytes
        return min(file.bytes, file.shape[0] * self.side**2)

    def __getitem__(self, image_id: str) -> Tensor:
        pixels = self._held.pop(image_id, None)
        if pixels is None:
            needed = self._bytes(image_id)
            while self._held and needed + sum(one.numel() for one in self._held.values()) > HELD:
                self._held.popitem(last=False)
            pixels = shrunk(self.files[image_id].read(), self.side)
        self._held[image_id] = pixels
        return pixels

    def __contains__(self, image_id: object) -> bool:
        return image_id in self.files  # what `Mapping` has would read the picture

    def __iter__(self) -> Iterator[str]:
        return iter(self.files)

    def __len__(self) -> int:
        return len(self.files)


def stacked(alike: Sequence[Tensor]) -> Tensor:
    """Pictures of one shape as one tensor [B, C, H, W]; a single one is not copied."""
    return alike[0][None] if len(alike) == 1 else torch.stack(list(alike))
