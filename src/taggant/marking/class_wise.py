"""Marks that move all images of a class alike in a marker's feature space."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from taggant.marking.batching import (
    ByteBudgetCache,
    check_steps,
    image_keys,
    in_lanes,
    to_grey_levels,
)
from taggant.marking.marker import Marker
from taggant.marking.n_version import check_epsilon
from taggant.marking.scheme import Parameters, Scheme
from taggant.marking.stream import derive, uniforms
from taggant.marking.windows import Centre, RandomCrop, Window


@dataclass(frozen=True, eq=False)
class ClassWise(Scheme):
    """Marks a set class-wise; version i of it carries the i-th secret set of aims, one a class.

    A scheme's `loss` is made small by plain gradient steps, seen through a fresh window A each
    step; x' is cut to the ball after each step, and rounded every `round_every` steps and at the
    end.

    Parameters
    ----------
    marker : Marker
        φ.
    n : int
        Sets of aims, the published one included.
    epsilon : int
        Largest change of a pixel in grey levels.
    steps, lr, round_every
        The optimisation.
    lambda_img : float
        Weight of ||x' - x||^2, in normalised pixel units.
    window : callable
        A: `RandomCrop` or `Centre`.
    centre : float
        Side of A0, the window on the raw image, as a fraction of the image's side.
    lanes : int
        Images optimised together, where the marker's arithmetic allows it.
    memory : int
        Bytes of finished versions kept at hand.

    Notes
    -----
    The reference code (``make_data_radioactive.py`` of github.com/facebookresearch/radioactive_data
    at b14d780) rounds after steps 1, 11, 21, ..., here it is after 10, 20, 30, ..., and what it
    writes at the end is cut to whole grey levels, here it is rounded. On 80 emoji, 90 steps, a
    small marker trained on other emoji: features move along the carrier by .1986 here and .1980
    with the reference's steps (standard error .014), at 37.16 and 37.21 dB; at 25 steps .070 and
    .068, at 44.8 and 44.9 dB.
    """

    marker: Marker
    n: int = 20
    epsilon: int = 10
    steps: int = 90
    lr: float = 1.0
    lambda_img: float = 5e-4
    round_every: int = 10
    window: Window = field(default_factory=RandomCrop)
    centre: float = 0.875
    lanes: int = 16
    memory: int = 256 << 20
    _cache: ByteBudgetCache = field(init=False, repr=False)

    def __post_init__(self) -> None:
        check_epsilon(self.epsilon)
        check_steps(self.steps)
        if self.n < 1:
            raise ValueError(f"marking.n = {self.n}: at least 1 set of aims is needed")
        object.__setattr__(self, "_cache", ByteBudgetCache(self.memory))

    @abstractmethod
    def aims(self, secret: bytes, index: int, classes: Sequence[int], image: Tensor) -> Tensor:
        """What set `index` moves features along or to, float32 [len(classes), d].

        `image`, float32 [C, H, W], shows on which device, and how large images are.
        """

    @abstractmethod
    def loss(self, features: Tensor, original: Tensor, aims: Tensor, change: Tensor) -> Tensor:
        """Loss of each image, float32 [L].

        Parameters
        ----------
        features, original : Tensor, float32 [L, d]
            φ(A(x')) and φ(A0(x)).
        aims : Tensor, float32 [L, d]
            Of each image's class.
        change : Tensor, float32 [L, C, H, W]
            x' - x in normalised units.
        """

    def versions(
        self,
        secrets: Sequence[bytes],
        images: Tensor,
        ids: Sequence[str],
        indices: NDArray[np.int64],
        labels: Tensor | None = None,
    ) -> Tensor:
        """See `Scheme.versions`; an index names a set of aims, a label one of them.

        Raises
        ------
        ValueError
            Without labels.
        """
        if labels is None:
            raise ValueError("these marks are class-wise: labels are needed")
        classes = labels.tolist()
        lanes = self.lanes if self.marker.lanes_agree(self.lanes, images[0]) else 1
        jobs = [(row, int(index)) for row, wanted in enumerate(indices) for index in wanted]
        image_key = image_keys(secrets, images, ids)

        def make(positions: list[int]) -> Tensor:
            chosen = [jobs[position] for position in positions]
            rows, sets = [row for row, _ in chosen], [index for _, index in chosen]
            return self._optimise(
                [secrets[i] for i in rows],
                images[rows],
                [ids[i] for i in rows],
                sets,
                [classes[i] for i in rows],
            )

        keys = [(*image_key[row], index, classes[row]) for row, index in jobs]
        made = in_lanes(keys, lanes, self._cache, make)
        return torch.stack(made).view(*indices.shape, *images.shape[1:])

    def centred(self, pixels: Tensor) -> Tensor:
        """φ(A0(.)) of pixels float32 [B, C, H, W], float32 [B, d]."""
        window = torch.from_numpy(Centre(self.centre)(np.zeros((len(pixels), Centre.uniforms))))
        return self.marker.features(pixels, window.to(pixels.device))

    def _optimise(
        self,
        secrets: Sequence[bytes],
        images: Tensor,
        ids: Sequence[str],
        sets: Sequence[int],
        classes: Sequence[int],
    ) -> Tensor:
        """Marked images uint8 [L, C, H, W]."""
        raw, device = images.float(), images.device
        unit = self.marker.unit(device)
        low, high = raw - self.epsilon, raw + self.epsilon
        windows = self._windows(secrets, ids, sets).to(device)
        original = self.centred(raw)
        aimed = zip(secrets, sets, classes, strict=True)
        aims = torch.cat([self.aims(x, s, [c], raw[0]) for x, s, c in aimed]).to(device)
        pixels = raw
        for number in range(1, self.steps + 1):
            seen = windows[:, number - 1]

            def loss(x: Tensor, seen: Tensor = seen) -> Tensor:
                return self.loss(self.marker(x, seen), original, aims, (x - raw) / unit)

            gradient = self.marker.gradient(loss, pixels)
            pixels = (pixels - self.lr * unit.square() * gradient).clamp(low, high)
            if number % self.round_every == 0:
                pixels = pixels.round().clamp(0, 255)
        return to_grey_levels(pixels)

    def _windows(self, secrets: Sequence[bytes], ids: Sequence[str], sets: Sequence[int]) -> Tensor:
        """A of each image and step, float32 [L, steps, 5]."""
        drawn = [
            uniforms(derive(secret, f"windows/{i}"), [s], self.steps * self.window.uniforms)
            for secret, i, s in zip(secrets, ids, sets, strict=True)
        ]
        stacked = np.concatenate(drawn).reshape(len(ids), self.steps, -1)
        return torch.from_numpy(self.window(stacked))

    def parameters(self) -> Parameters:
        """See `Scheme.parameters`."""
        own = ("n", "epsilon", "steps", "lr", "lambda_img", "round_every", "centre", "lanes")
        values = {name: getattr(self, name) for name in own}
        return {**values, "window": str(self.window), **self.marker.parameters()}
