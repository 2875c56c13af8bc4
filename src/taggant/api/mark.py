"""Mark images: published versions to train on or to publish, and what an audit needs."""

from __future__ import annotations

import contextlib
import secrets
import warnings
from pathlib import Path

import numpy as np

from taggant.api import kept
from taggant.api.images import Captions, Labels, image_set
from taggant.api.marked import Marked
from taggant.api.options import check_channels, name_of, scheme_of
from taggant.api.sources import Images
from taggant.data.imageset import ImageSet
from taggant.data.options import check_whole
from taggant.marking.ledger import SIMULATED, Ledger, owner_key
from taggant.marking.publish import (
    drawn,
    equal_versions_rate,
    publish,
    random_order,
    raw_sha256,
)
from taggant.marking.scheme import Strategy
from taggant.marking.stream import KEY_BYTES
from taggant.store.identity import digest

MANY = 0.01
"""Share of equal versions that is worth a warning."""
Secret = str | Path | bytes


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
    folder: str | Path | None = None,
) -> Marked:
    """Mark images: make n versions of each, of which one, drawn in secret, is published.

    Nothing is written unless there is a `folder`. Hidden versions are made again when an audit asks
    for them.

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
        How versions differ: sign, mirrored, scaled_sign, smooth, edit, smooth_edit; feature,
        jacobian or maxmin, which look through EfficientNet-Lite0 (the extra ``marker``); or an
        object.
    secret : path or 32 bytes, optional
        The owner's key: a file (made on first use, mode 0600) or its bytes. By default a new one is
        drawn. ``"simulated"`` derives it from `seed`: repeatable, and no evidence.
    seed : int
        Public: which images are marked, and which of them are unused.
    size : int, optional
        Central squares are cut out of PIL images and files and resized to so many pixels.
    folder : path, optional
        For images that do not fit into memory: a new private folder (mode 0700), in which all of
        them lie, and which `Marked.load` reads. Marking and audits then hold no more of them in
        memory than 512 images or 4 MiB at once, and what is made of these.

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
    with contextlib.ExitStack() as stack:
        place = None if folder is None else stack.enter_context(kept.private(Path(folder)))
        keep = None if place is None else kept.OnDisk(place)
        every, positions = image_set(images, labels, captions, size, keep)
        check_channels(scheme, strategy, every.images.shape[1])
        total = _count(count, len(every))
        kept_out = _unused(unused, total)
        if place is None:
            chosen = drawn(every, total, seed)
        else:
            order = random_order(len(every), seed)
            every, positions = kept.arranged(every, order, place), positions[order]
            chosen = every.select(np.arange(total))
        ledger = Ledger.draw(
            _key(secret, seed),
            digest(["taggant.mark", dict(scheme.parameters()), list(chosen.ids), kept_out]),
            scheme.parameters(),
            n,
            chosen.ids,
            raw_sha256(chosen.images),
        )
        _warn_of_equals(equal_versions_rate(scheme, ledger, chosen), chosen)
        gather = None if place is None else kept.gathering(place, chosen, total)
        published = publish(scheme, ledger, chosen, total - kept_out, gather=gather)
        name, simulated = name_of(strategy), isinstance(secret, str) and secret == SIMULATED
        if place is None:
            return Marked(every, positions, scheme, name, ledger, published, simulated)
        facts = kept.Facts(name, epsilon, simulated)
        kept.save_rest(place, every, positions, published, ledger, facts)
        return Marked.of(place, None if isinstance(strategy, str) else strategy)


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
