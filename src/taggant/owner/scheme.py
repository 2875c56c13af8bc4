"""An owner's versions: transparency left alone, and as a platform shows them."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from taggant.marking.scheme import Parameters, Scheme
from taggant.owner.batch import Batch
from taggant.owner.commitments import PictureDescription, Terms
from taggant.owner.jpeg import JpegSettings
from taggant.owner.ledger import FolderLedger
from taggant.owner.picture_file import PictureFiles, stacked
from taggant.owner.pictures import to_image, to_tensor
from taggant.owner.shrunk_marks import can_shrink, for_shrunk
from taggant.owner.transform import shrunk

if TYPE_CHECKING:
    from taggant.owner.record import AuditSetup  # all that auditing takes


class Around(Scheme):
    """A scheme whose versions are another one's, and what is done to them or to what it is given.

    Parameters
    ----------
    scheme : Scheme
        The other one.
    """

    def __init__(self, scheme: Scheme) -> None:
        self.scheme = scheme
        self.n = scheme.n

    def parameters(self) -> Parameters:
        """See `Scheme.parameters`."""
        return self.scheme.parameters()

    def cache_capacity(self, image: Tensor) -> int:
        """See `Scheme.cache_capacity`."""
        return self.scheme.cache_capacity(image)


class ColoursOnly(Around):
    """A scheme that marks the colours of pictures and leaves their transparency alone.

    Parameters
    ----------
    scheme : Scheme
        Marks the colours.
    spares_clear : bool
        Where a picture is fully transparent, so that nobody sees them, colours stay as well.
    """

    def __init__(self, scheme: Scheme, spares_clear: bool) -> None:
        super().__init__(scheme)
        self.spares_clear = spares_clear

    def versions(
        self,
        secrets: Sequence[bytes],
        images: Tensor,
        ids: Sequence[str],
        indices: NDArray[np.int64],
        labels: Tensor | None = None,
    ) -> Tensor:
        """See `Scheme.versions`; images uint8 [B, C, H, W] may have an alpha channel, the last."""
        colours = images.shape[1] - int(images.shape[1] in (2, 4))
        marked = self.scheme.versions(secrets, images[:, :colours], ids, indices, labels)
        if colours == images.shape[1]:
            return marked
        if self.spares_clear:
            clear = images[:, None, colours:] == 0
            marked = torch.where(clear, images[:, None, :colours], marked)
        alpha = images[:, None, colours:].expand(-1, marked.shape[1], -1, -1, -1)
        return torch.cat([marked, alpha], 2)

    def cache_capacity(self, image: Tensor) -> int:
        """See `Scheme.cache_capacity`."""
        colours = len(image) - int(len(image) in (2, 4))
        return self.scheme.cache_capacity(image[:colours])


Step = Callable[[Tensor], Tensor]
"""What happens to a version, uint8 [C, H, W] -> uint8 [C, H', W']."""


def as_marked(ledger: Batch | FolderLedger) -> AsPublished:
    """A ledger's versions as they were published."""
    return AsPublished(ledger.scheme, ledger.terms, ledger.files)


def compressed(settings: JpegSettings, pixels: Tensor) -> Tensor:
    """What a JPEG file shows of pixels, uint8 [C, H, W]."""
    content = io.BytesIO(settings.encoded(to_image(pixels)))
    with Image.open(content, formats=("JPEG",)) as image:
        return to_tensor(image)


def as_sent(marked: AsPublished, setup: AuditSetup, raw: PictureFiles) -> Scheme:
    """Versions as a model is asked about them, made of the raw pictures of their ids.

    With `setup.send`, marks that can be are made on the raw picture after it was shrunk; of other
    marks each version is made at its size and then shrunk. Published and hidden versions come out
    of one function of raw picture and index either way, so they are exchangeable where the
    published index was drawn at random, and the error rate holds whatever that function is.

    Parameters
    ----------
    marked : AsPublished
    setup : AuditSetup
    raw : PictureFiles
        In their own size.
    """
    made: Scheme
    if setup.send is None:
        made = FromFiles(marked, raw)
    elif can_shrink(marked.marks):
        made = MadeSmall(marked, PictureFiles(raw.files, setup.send))
    else:
        made = Transformed(FromFiles(marked, raw), lambda _: partial(shrunk, side=setup.send))
    return Transformed(made, lambda image_id: setup.after(raw.files[image_id].shape) or None)


class FromFiles(Around):
    """A scheme that looks raw pictures up by their ids: the images that it is given are not those.

    Those may be of another size, or of several sizes, as a later step makes them equal.
    """

    def __init__(self, scheme: Scheme, raw: PictureFiles) -> None:
        super().__init__(scheme)
        self.raw = raw

    def versions(
        self,
        secrets: Sequence[bytes],
        images: Tensor,
        ids: Sequence[str],
        indices: NDArray[np.int64],
        labels: Tensor | None = None,
    ) -> Tensor:
        """See `Scheme.versions`."""
        raw = stacked([self.raw[image_id] for image_id in ids]).to(images.device)
        return self.scheme.versions(secrets, raw, ids, indices, labels)

    def cache_capacity(self, image: Tensor) -> int:
        """See `Scheme.cache_capacity`: pictures whose raw pixels are held as well."""
        return min(self.scheme.cache_capacity(image), self.raw.capacity)


class Transformed(Around):
    """A scheme whose versions arrive otherwise than they are made: those of a picture all alike.

    They are made one by one, so that no more than one is held as it was.

    Parameters
    ----------
    scheme : Scheme
        Makes them.
    step_of : callable
        What happens to the versions of an id; None for nothing.
    """

    def __init__(self, scheme: Scheme, step_of: Callable[[str], Step | None]) -> None:
        super().__init__(scheme)
        self.step_of = step_of

    def versions(
        self,
        secrets: Sequence[bytes],
        images: Tensor,
        ids: Sequence[str],
        indices: NDArray[np.int64],
        labels: Tensor | None = None,
    ) -> Tensor:
        """See `Scheme.versions`; the size may be another one than the raw images'."""
        steps = [self.step_of(image_id) for image_id in ids]
        if not any(steps):
            return self.scheme.versions(secrets, images, ids, indices, labels)
        made = one_by_one(
            lambda row: (self.scheme, images[row : row + 1]), secrets, ids, indices, labels
        )
        shown = []
        for row, version in made:
            step = steps[row]
            shown.append(version if step is None else step(version.cpu()))
        stacked: Tensor = torch.stack(shown).unflatten(0, indices.shape)
        return stacked


class AsPublished(Transformed):
    """Versions of pictures, which are known by their ids, as they were published.

    Parameters
    ----------
    marks : Scheme
        Marks colours.
    terms : Terms
    pictures : mapping of id to PictureDescription
    """

    def __init__(
        self, marks: Scheme, terms: Terms, pictures: Mapping[str, PictureDescription]
    ) -> None:
        self.marks, self.spares_clear = marks, terms.spares_clear

        def step_of(image_id: str) -> Step | None:
            settings = terms.jpeg_of(pictures[image_id])
            return None if settings is None else partial(compressed, settings)

        super().__init__(ColoursOnly(marks, self.spares_clear), step_of)

    def for_shrunk(self, height: int, width: int) -> Scheme:
        """Makes them of raw pictures that were shrunk from this size; JPEG is not repeated."""
        return ColoursOnly(for_shrunk(self.marks, height, width), self.spares_clear)


class MadeSmall(Around):
    """The versions of raw pictures that were shrunk.

    They are made one by one, so that memory does not grow with a request.

    Parameters
    ----------
    marked : AsPublished
        Makes the versions of pictures in their own size.
    raw : PictureFiles
        Shrunk ones.
    """

    def __init__(self, marked: AsPublished, raw: PictureFiles) -> None:
        super().__init__(marked)
        self.marked, self.raw = marked, raw

    def versions(
        self,
        secrets: Sequence[bytes],
        images: Tensor,
        ids: Sequence[str],
        indices: NDArray[np.int64],
        labels: Tensor | None = None,
    ) -> Tensor:
        """See `Scheme.versions`; the pictures of one call are of one shrunk size."""

        def small(row: int) -> tuple[Scheme, Tensor]:
            image = self.raw[ids[row]][None].to(images.device)
            size = self.raw.files[ids[row]].shape[-2:]
            same = image.shape[-2:] == size
            return self.marked if same else self.marked.for_shrunk(*size), image

        made = [one for _, one in one_by_one(small, secrets, ids, indices, labels)]
        stacked: Tensor = torch.stack(made).unflatten(0, indices.shape)
        return stacked

    def cache_capacity(self, image: Tensor) -> int:
        """See `Scheme.cache_capacity`: pictures whose shrunk pixels are held."""
        return self.raw.capacity


def one_by_one(
    of_row: Callable[[int], tuple[Scheme, Tensor]],
    secrets: Sequence[bytes],
    ids: Sequence[str],
    indices: NDArray[np.int64],
    labels: Tensor | None,
) -> Iterator[tuple[int, Tensor]]:
    """Each version, uint8 [C, H, W], with its row of `indices`; no two are held here.

    Parameters
    ----------
    of_row : callable
        The scheme that makes the versions of a row, and its image [1, C, H, W].
    secrets, ids, indices, labels
        See `Scheme.versions`.
    """
    for row, column in np.ndindex(*indices.shape):
        one, (scheme, image) = slice(row, row + 1), of_row(row)
        label = None if labels is None else labels[one]
        index = indices[one, column : column + 1]
        yield row, scheme.versions(secrets[one], image, ids[one], index, label)[0, 0]
