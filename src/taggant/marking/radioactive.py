"""Radioactive data: move a class's images along one secret direction (arXiv 2002.00937)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.linalg import vector_norm

from taggant.marking.launch import Recent, check_steps, image_keys, in_lanes, to_grey_levels
from taggant.marking.marker import Marker
from taggant.marking.n_version import check_epsilon
from taggant.marking.stream import derive, uniforms, unit_vectors
from taggant.marking.windows import UNIFORMS, Centre, RandomCrop

Window = Callable[[NDArray[np.float64]], NDArray[np.float32]]


@dataclass(frozen=True, eq=False)
class Radioactive:
    """Marks a set class-wise; version i of it carries the i-th secret set of class carriers.

    For an image of class c the loss

        -<φ(A(x')) - φ(A0(x)), u_c> + λ_ft ||φ(A(x')) - φ(A0(x))|| + λ_img ||x' - x||^2

    is made small by plain gradient steps, A a fresh random window each step and A0 the centre;
    the last norm is in normalised pixel units. x' is cut to the ball after each step, and rounded
    every `round_every` steps and at the end.

    Detection from a model's last layer needs one index for all images of a set, drawn
    independently of the tested model.

    Parameters
    ----------
    marker : Marker
        φ.
    n : int
        Sets of carriers, the published one included.
    epsilon : int
        Largest change of a pixel in grey levels.
    steps, lr, lambda_ft, lambda_img, round_every
        The optimisation; the defaults are those the reference code recommends.
    window : callable
        A: `RandomCrop` or `Centre`.
    centre : float
        Side of A0 as a fraction of the image's side.
    angle : float, optional
        Half-angle of a detection cone in radians: then the first two terms are replaced by
        -ρ <.,u>|<.,u>| + ||.||^2 with ρ = 1 + tan^2(angle).
    lanes : int
        Images optimised together, where the marker's arithmetic allows it.
    memory : int
        Bytes of finished versions kept at hand.
    """

    marker: Marker
    n: int = 20
    epsilon: int = 10
    steps: int = 90
    lr: float = 1.0
    lambda_ft: float = 0.01
    lambda_img: float = 5e-4
    round_every: int = 10
    window: Window = field(default_factory=RandomCrop)
    centre: float = 0.875
    angle: float | None = None
    lanes: int = 16
    memory: int = 256 << 20
    _recent: Recent = field(init=False, repr=False)

    def __post_init__(self) -> None:
        check_epsilon(self.epsilon)
        check_steps(self.steps)
        if self.n < 1:
            raise ValueError(f"marking.n = {self.n}: at least 1 set of carriers is needed")
        if self.angle is not None and not 0 < self.angle < math.pi / 2:
            raise ValueError(f"marking.angle = {self.angle}: accepted are 0 < angle < pi/2")
        object.__setattr__(self, "_recent", Recent(self.memory))

    def versions(
        self,
        secret: bytes,
        images: Tensor,
        ids: Sequence[str],
        indices: NDArray[Any],
        labels: Tensor | None = None,
    ) -> Tensor:
        """See `Scheme.versions`; an index names a set of carriers, a label one of its carriers.

        Raises
        ------
        ValueError
            Without labels.
        """
        if labels is None:
            raise ValueError("radioactive marks are class-wise: labels are needed")
        classes = labels.tolist()
        lanes = self.lanes if self.marker.lanes_agree(self.lanes, images[0]) else 1
        jobs = [(row, int(index)) for row, wanted in enumerate(indices) for index in wanted]
        image_key = image_keys(secret, images, ids)

        def make(positions: list[int]) -> Tensor:
            chosen = [jobs[position] for position in positions]
            rows, sets = [row for row, _ in chosen], [index for _, index in chosen]
            return self._optimise(
                secret, images[rows], [ids[i] for i in rows], sets, [classes[i] for i in rows]
            )

        keys = [(*image_key[row], index, classes[row]) for row, index in jobs]
        made = in_lanes(keys, lanes, self._recent, make)
        return torch.stack(made).view(*indices.shape, *images.shape[1:])

    def carriers(self, secret: bytes, index: int, classes: Sequence[int], dimension: int) -> Tensor:
        """u_c of set `index`, unit vectors float32 [len(classes), d]."""
        return torch.from_numpy(
            unit_vectors(derive(secret, f"class carriers/{index}"), list(classes), dimension)
        )

    def loss(self, features: Tensor, original: Tensor, carriers: Tensor, change: Tensor) -> Tensor:
        """Loss of each image, float32 [L].

        Parameters
        ----------
        features, original : Tensor, float32 [L, d]
            φ(A(x')) and φ(A0(x)).
        carriers : Tensor, float32 [L, d]
            u_c of each image's class, unit vectors.
        change : Tensor, float32 [L, C, H, W]
            x' - x in normalised units.
        """
        shift = features - original
        along = (shift * carriers).sum(1)
        length: Tensor = vector_norm(shift, dim=1)
        loss: Tensor = self.lambda_img * change.square().sum((1, 2, 3))
        if self.angle is None:
            return loss - along + self.lambda_ft * length
        rho = 1 + math.tan(self.angle) ** 2
        return loss - rho * along * along.abs() + length.square()

    def _optimise(
        self,
        secret: bytes,
        images: Tensor,
        ids: Sequence[str],
        sets: Sequence[int],
        classes: Sequence[int],
    ) -> Tensor:
        """Marked images uint8 [L, C, H, W]."""
        raw, device = images.float(), images.device
        unit = self.marker.unit(device)
        low, high = raw - self.epsilon, raw + self.epsilon
        windows = self._windows(secret, ids, sets).to(device)
        whole = torch.from_numpy(Centre(self.centre)(np.zeros((len(ids), UNIFORMS)))).to(device)
        original = self.marker.features(raw, whole)
        pairs = zip(sets, classes, strict=True)
        d = original.shape[1]
        carriers = torch.cat([self.carriers(secret, s, [c], d) for s, c in pairs]).to(device)
        pixels = raw
        for number in range(1, self.steps + 1):
            seen = windows[:, number - 1]

            def loss(x: Tensor, seen: Tensor = seen) -> Tensor:
                return self.loss(self.marker(x, seen), original, carriers, (x - raw) / unit)

            gradient = self.marker.gradient(loss, pixels)
            pixels = (pixels - self.lr * unit.square() * gradient).clamp(low, high)
            if number % self.round_every == 0:
                pixels = pixels.round().clamp(0, 255)
        return to_grey_levels(pixels)

    def _windows(self, secret: bytes, ids: Sequence[str], sets: Sequence[int]) -> Tensor:
        """A of each image and step, float32 [L, steps, 5]."""
        drawn = [
            uniforms(derive(secret, f"windows/{i}"), [s], self.steps * UNIFORMS)
            for i, s in zip(ids, sets, strict=True)
        ]
        stacked = np.concatenate(drawn).reshape(len(ids), self.steps, UNIFORMS)
        return torch.from_numpy(self.window(stacked))

    def parameters(self) -> Mapping[str, Any]:
        """See `Scheme.parameters`."""
        own = ("n", "epsilon", "steps", "lr", "lambda_ft", "lambda_img", "round_every")
        values = {name: getattr(self, name) for name in (*own, "centre", "angle", "lanes")}
        window = str(self.window)
        return {"scheme": "radioactive", **values, "window": window, **self.marker.parameters()}
