"""Classifiers trained by DP-SGD, with opacus."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from pytorch_lightning.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn

from taggant.data.batches import Batches
from taggant.data.imageset import ImageSet
from taggant.extras import library
from taggant.victim.classifier import Classifier

GROUPS = 32


class DPClassifier(Classifier):
    """A classifier trained by DP-SGD (arXiv 1607.00133): every image's gradient clipped, and noise.

    Batches are Poisson samples, as the accounting assumes. Batch norm, which mixes the images of a
    batch, becomes group norm. The history records the epsilon reached at delta, for adding or
    removing one image. Noise follows from the training's seed, so that a run can be repeated:
    epsilon is of a training whose seed nobody knows.

    Parameters
    ----------
    noise_multiplier : float
        Standard deviation of the noise in units of `max_grad_norm`; at 0 gradients are clipped
        only, and nothing is guaranteed.
    max_grad_norm : float
        Norm to which the gradient of an image is clipped.
    delta : float
        Chance that is left out of the guarantee, below 1 / images.
    **classifier
        See `Classifier`.

    Raises
    ------
    ValueError
        For a negative noise, a norm that is not positive, a delta outside 0..1, or a mix.
    """

    def __init__(
        self, noise_multiplier: float, max_grad_norm: float, delta: float, **classifier: Any
    ) -> None:
        super().__init__(**classifier)
        if noise_multiplier < 0:
            raise ValueError(f"victim.noise_multiplier = {noise_multiplier}: 0 or more is needed")
        if max_grad_norm <= 0:
            raise ValueError(f"victim.max_grad_norm = {max_grad_norm}: a positive norm is needed")
        if not 0 < delta < 1:
            raise ValueError(f"victim.delta = {delta}: accepted are numbers between 0 and 1")
        if self.mix is not None:
            raise ValueError(
                "victim.mix: images that are mixed have no gradient of their own to clip"
            )
        self.noise_multiplier = noise_multiplier
        self.max_grad_norm = max_grad_norm
        self.delta = delta
        replace_batch_norm(self.net)
        # Of channels-last maps opacus 1.6 computes wrong gradients, and says nothing.
        self.net.to(memory_format=torch.contiguous_format)

    def pixels(self, images: Tensor) -> Tensor:
        """Images uint8 [B, C, H, W] -> normalised, contiguous."""
        return super().pixels(images).contiguous()

    def batches(
        self, data: ImageSet, seed: int, device: torch.device, plain: bool = False
    ) -> Batches:
        """Training batches of `data`, Poisson samples; where `plain`, every image once."""
        if plain:
            return super().batches(data, seed, device, plain)
        return PoissonBatches(
            data.images, self.targets(data), self.batch_size, seed, self.augment, device
        )

    def batch_loss(self, batch: tuple[Tensor, ...]) -> Tensor:
        """Mean cross-entropy of a batch, 0 of an empty one; always in float32."""
        # Norms of gradients that were rounded to bfloat16 would let some images exceed their bound.
        with torch.autocast(self.device.type, enabled=False):
            losses = self.example_loss(batch)
        return losses.sum() / max(1, len(losses))

    def measures(self, data: ImageSet) -> dict[str, float]:
        """See `Victim.measures`; in a training with noise, also ``epsilon`` and ``delta``."""
        found = super().measures(data)
        if self.noise_multiplier == 0 or self.global_step == 0:
            return found
        learned = self.trainer.train_dataloader
        assert isinstance(learned, PoissonBatches)
        spent = epsilon(self.noise_multiplier, learned.rate, self.global_step, self.delta)
        return {**found, "epsilon": spent, "delta": self.delta}

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """As any victim's, with gradients that are clipped and made noisy first.

        Raises
        ------
        ImportError
            If the extra `dp` is not installed.
        ValueError
            For more than one process.
        """
        if self.trainer.world_size > 1:
            raise ValueError("victim=dp_sgd trains in one process: trainer.devices=1 is needed")
        private = _opacus().optimizers.DPOptimizer(
            self.optimizer(),
            noise_multiplier=self.noise_multiplier,
            max_grad_norm=self.max_grad_norm,
            expected_batch_size=self.batch_size,
        )
        return self.scheduled(private)

    def on_fit_start(self) -> None:
        """Keep the gradient of every image from now on."""
        self._hooks = _opacus().grad_sample.GradSampleHooks(self.net)

    def on_fit_end(self) -> None:
        """Train as any other network again, in unlearning say."""
        self._hooks.remove_hooks()


class PoissonBatches(Batches):
    """Batches that every image joins by a coin of its own: their sizes vary, and may be 0."""

    @property
    def rate(self) -> float:
        """Chance of an image to be in a batch."""
        return min(1.0, self.batch_size / len(self.targets))

    def _chosen(self, generator: torch.Generator) -> Sequence[Tensor]:
        coins = torch.rand(len(self), len(self.targets), generator=generator) < self.rate
        return [step.nonzero()[:, 0].to(self.images.device) for step in coins]


def replace_batch_norm(net: nn.Module) -> None:
    """Make a network's answer on an image independent of its batch: group norm for batch norm.

    Opacus needs this, and activations that leave their input alone.
    """
    for path, module in list(net.named_modules()):
        if isinstance(module, nn.BatchNorm2d):
            channels = module.num_features
            net.set_submodule(path, nn.GroupNorm(math.gcd(GROUPS, channels), channels))
        elif hasattr(module, "inplace"):
            module.inplace = False


def epsilon(noise_multiplier: float, rate: float, steps: int, delta: float) -> float:
    """Epsilon at `delta` after so many steps on Poisson samples, by Rényi accounting.

    Parameters
    ----------
    noise_multiplier, delta : float
        See `DPClassifier`.
    rate : float
        Chance of an image to be in a batch.
    steps : int
        Batches learned.
    """
    accountant = _opacus().accountants.RDPAccountant()
    accountant.history = [(noise_multiplier, rate, steps)]
    return float(accountant.get_epsilon(delta))


def _opacus() -> Any:
    return library("opacus", "victim=dp_sgd")
