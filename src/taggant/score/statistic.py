"""What turns a model's answers into one number an image."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from torch import Tensor, nn

from taggant.data.imageset import ImageSet
from taggant.score.oracle import Access


class Statistic(Protocol):
    """A function of answers and of what they are compared with; larger = more likely used."""

    def __call__(self, answers: Tensor, targets: Tensor, /) -> Tensor:
        """Float [B] of answers [B, ...] (or those to K views, [B, K, ...]) and targets [B, ...]."""
        ...


@runtime_checkable
class Preparable(Protocol):
    """Becomes a `Statistic` once it has looked something up: in the victim, or in public data."""

    def prepare(self, victim: nn.Module, public: ImageSet, access: Access) -> Statistic:
        """The statistic of one victim.

        Parameters
        ----------
        victim : nn.Module
            Trained, and on its device.
        public : ImageSet
            Held-out images that were neither marked nor published.
        access : callable
            What of the victim's answers the auditor sees.
        """
        ...


@runtime_checkable
class Relative(Protocol):
    """A `Statistic` whose targets tell of each instance's raw image."""

    def beside(self, images: Tensor, targets: Tensor) -> Tensor:
        """Its targets [N, ...], from raw images uint8 [N, C, H, W] and the victim's [N, ...]."""
        ...


@runtime_checkable
class Viewing(Protocol):
    """A `Statistic` of several views that says by what a single one counts as hard."""

    def of_a_view(self, answers: Tensor, targets: Tensor, /) -> Tensor:
        """Float [B] of answers to one view [B, ...] and targets [B, ...]."""
        ...


class Targeted(Protocol):
    """A victim that says what its answers are compared with."""

    def targets(self, data: ImageSet) -> Tensor:
        """One row an image, [N, ...]."""
        ...


class ImageText(Protocol):
    """A victim that knows images and captions by embeddings."""

    def image_embeddings(self, data: ImageSet) -> Tensor:
        """Unit rows [N, D]."""
        ...

    def targets(self, data: ImageSet) -> Tensor:
        """Embeddings of the images' captions, unit rows [N, D]."""
        ...


class Captioner(Protocol):
    """A victim that tells how well it would write a caption."""

    def captioning_loss(self, seen: Tensor, tokens: Tensor) -> Tensor:
        """Mean negative log-likelihood [B] of the captions' tokens [B, T]."""
        ...


class Denoiser(Protocol):
    """A victim that predicts the noise in noisy latents."""

    @property
    def kept(self) -> Tensor:
        """Share of an image's variance that is left at each timestep, [1000]."""
        ...

    def predicted_noise(self, noisy: Tensor, condition: Tensor, timestep: int, /) -> Tensor:
        """Noise [B, ...] in noisy latents [B, ...] at one timestep, given a condition [B, ...]."""
        ...

    def decode(self, latents: Tensor, /) -> Tensor:
        """Images uint8 [B, C, H, W] of latents [B, ...]."""
        ...

    def __call__(self, images: Tensor, /) -> Tensor:
        """Latents [B, ...] of images [B, C, H, W], 0..255."""
        ...
