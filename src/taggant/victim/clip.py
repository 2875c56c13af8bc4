"""Image-text models of open_clip as victims: trained from scratch, or fine-tuned."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from typing import Any, ClassVar

import open_clip
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, normalize

from taggant.answers import evaluating, padded
from taggant.data.batches import Batches
from taggant.data.imageset import ImageSet
from taggant.optim import adam, trained_parameters
from taggant.victim.tokens import tokenizer
from taggant.victim.victim import Victim

EVAL_BATCH = 256
LARGEST_SCALE = math.log(100)
"""Of the logarithm of the logit scale, as CLIP was trained."""


class Clip(Victim):
    """Two towers that embed an image and its caption in the same direction.

    The image's answer is its embedding; what it is compared with is its caption's. Trained by
    open_clip's symmetric contrastive loss with Adam.

    Parameters
    ----------
    model : str
        open_clip's name of an architecture.
    config : mapping
        What differs from that architecture's own config: ``embed_dim``, ``vision_cfg``,
        ``text_cfg``, each replaced as a whole. With a ``vocab_size`` below CLIP's 49,408, captions
        are cut into the most frequent pieces only; see `taggant.victim.tokens`.
    pretrained : str, optional
        Weights to start from: a file in open_clip's format (.pt or .safetensors, read without
        unpickling code), or one of open_clip's tags, which is downloaded.
    normalisation : {"data", "model"}
        Mean and deviation of pixels: of the training images, or those that open_clip gives for
        the pretrained weights.
    channels, image_size, classes : int
        Facts of the data; classes do not matter.
    mean, std : sequence of float
        Per channel, of pixel values / 255, of the training images.
    **training
        See `Victim`; ``momentum`` is Adam's first beta.

    Raises
    ------
    ValueError
        For an architecture, weights or normalisation that there is not, or images that have no
        three channels.
    """

    answers: ClassVar[str] = "embedding"
    against: ClassVar[str | None] = "captions"
    offers: ClassVar[frozenset[str]] = frozenset({"batch_loss", "logits", "relabelled", "wrong"})
    images_compared: ClassVar[int] = 2

    def __init__(
        self,
        model: str,
        config: Mapping[str, Any],
        pretrained: str | None,
        normalisation: str,
        channels: int,
        image_size: int,
        mean: Sequence[float],
        std: Sequence[float],
        classes: int = 0,
        **training: Any,
    ) -> None:
        if channels != 3:
            raise ValueError(f"open_clip's models take 3 channels, the data have {channels}")
        net: Any = build(model, config, pretrained, image_size)
        if normalisation == "model":
            shown = net.visual.preprocess_cfg
            mean, std = shown["mean"], shown["std"]
        elif normalisation != "data":
            raise ValueError(
                f"victim.normalisation = {normalisation!r}: accepted are 'data' and 'model'"
            )
        super().__init__(mean=mean, std=std, **training)
        self.net: Any = net
        self.pretrained = pretrained
        self.tokenizer = tokenizer(model, net.context_length, config.get("text_cfg", {}))

    def forward(self, images: Tensor) -> Tensor:
        """Images uint8 [B, 3, H, W], 0..255 -> embeddings [B, D]."""
        return self.embed(images)

    def embed(self, images: Tensor) -> Tensor:
        """Embeddings [B, D] of images uint8 [B, 3, H, W]."""
        embeddings: Tensor = self.net.encode_image(self.pixels(images))
        return embeddings

    def tokens(self, data: ImageSet) -> Tensor:
        """Captions as token numbers, int64 [N, context].

        Raises
        ------
        ValueError
            For a set without captions.
        """
        if data.captions is None:
            raise ValueError(f"{data.name} has no captions: an image-text model needs them")
        tokens: Tensor = self.tokenizer(list(data.captions))
        return tokens

    def batches(
        self, data: ImageSet, seed: int, device: torch.device, plain: bool = False
    ) -> Batches:
        """Training batches (images, token numbers) of `data`, see `Victim.batches`."""
        augment = None if plain else self.augment
        return self.batches_of(data.images, self.tokens(data), seed, device, augment)

    def training_step(self, batch: tuple[Tensor, ...], index: int) -> Tensor:
        """See `Victim.training_step`.

        Raises
        ------
        ValueError
            In a training on several devices, each of which would contrast its own share only.
        """
        if self.trainer.world_size > 1:
            raise ValueError("image-text models are trained on one device: trainer.devices=1")
        return super().training_step(batch, index)

    def batch_loss(self, batch: tuple[Tensor, ...]) -> Tensor:
        """Mean loss of a batch's pairs: symmetric, each among the others."""
        return self.example_loss(batch).mean()

    def example_loss(self, batch: tuple[Tensor, ...]) -> Tensor:
        """Contrastive loss of every pair among those of its batch, [B].

        Its mean is open_clip's ``ClipLoss``; a pair that is alone in its batch has loss 0.
        """
        return contrastive(self.logits(batch))

    def logits(self, batch: tuple[Tensor, ...]) -> Tensor:
        """Scaled cosines of a batch's images (rows) with its captions, float32 [B, B]."""
        images, tokens = batch
        return self.cosines(self.embed(images), self.net.encode_text(tokens))

    def wrong(self, batch: tuple[Tensor, ...]) -> Tensor:
        """Whether another caption of the batch is likelier than an image's own, bool [B]."""
        logits = self.logits(batch)
        return logits.argmax(1) != torch.arange(len(logits), device=logits.device)

    @property
    def temperature(self) -> float:
        """What its cosines are divided by: one over the logit scale."""
        return math.exp(-float(self.net.logit_scale.detach()))

    def cosines(self, images: Tensor, captions: Tensor) -> Tensor:
        """Scaled cosines float32 [B, C] of embeddings [B, D] and [C, D]."""
        seen, read = (normalize(side.float(), dim=-1) for side in (images, captions))
        scaled: Tensor = self.net.logit_scale.exp() * seen @ read.T
        return scaled

    def relabelled(
        self, batch: tuple[Tensor, ...], generator: torch.Generator
    ) -> tuple[Tensor, ...]:
        """The batch with every caption at another image, in a random ring of its images."""
        images, tokens = batch
        ring = torch.randperm(len(tokens), generator=generator).to(tokens.device)
        moved = torch.empty_like(tokens)
        moved[ring] = tokens[ring.roll(1)]
        return images, moved

    @torch.no_grad()
    def after_step(self, progress: float = 0.0) -> None:
        """Keep the logit scale at most 100."""
        self.net.logit_scale.clamp_(0, LARGEST_SCALE)

    def optimizer(self, rate: float = 1.0) -> torch.optim.Optimizer:
        """Adam at `rate` times the learning rate."""
        weights = trained_parameters(self)
        return adam(weights, rate * self.lr, self.momentum, self.weight_decay)

    def targets(self, data: ImageSet) -> Tensor:
        """`caption_embeddings`."""
        return self.caption_embeddings(data)

    @torch.no_grad()
    def caption_embeddings(self, data: ImageSet) -> Tensor:
        """Embeddings of the captions, unit rows float32 [N, D], on the CPU.

        All are computed in one shape, in eval mode.
        """
        with evaluating(self):
            parts = [self.net.encode_text(part) for part in self._padded(self.tokens(data))]
        return normalize(torch.cat(parts)[: len(data)].float(), dim=1).cpu()

    @torch.no_grad()
    def image_embeddings(self, data: ImageSet) -> Tensor:
        """Embeddings of the images, unit rows float32 [N, D], on the CPU, in eval mode."""
        with evaluating(self):
            parts = [self.embed(part) for part in self._padded(data.images)]
        return normalize(torch.cat(parts)[: len(data)].float(), dim=1).cpu()

    def _padded(self, rows: Tensor) -> Iterator[Tensor]:
        return (part.to(self.device) for part in padded(rows, EVAL_BATCH).split(EVAL_BATCH))

    def measures(self, data: ImageSet) -> dict[str, float]:
        """Recall of pairs among all of `data`, 0..1: mean of image to text and text to image.

        ``utility`` is recall at 1, ``utility_baseline`` what chance reaches; ``recall_at_5``.
        """
        likeness = self.image_embeddings(data) @ self.caption_embeddings(data).T
        return {
            "utility": recall(likeness, 1),
            "utility_baseline": 1 / len(data),
            "recall_at_5": recall(likeness, 5),
        }

    def utility(self, data: ImageSet) -> float:
        """Recall at 1, mean of both directions, 0..1."""
        return self.measures(data)["utility"]


def contrastive(logits: Tensor) -> Tensor:
    """Cross-entropy of each diagonal element in its row and its column, mean of both, [B]."""
    own = torch.arange(len(logits), device=logits.device)
    sides = [cross_entropy(side, own, reduction="none") for side in (logits, logits.T)]
    return (sides[0] + sides[1]) / 2


def recall(likeness: Tensor, k: int) -> float:
    """Share of rows and of columns whose diagonal element is among the `k` largest.

    An equal element counts as larger, so that a model that tells nothing apart finds nothing.

    Parameters
    ----------
    likeness : Tensor [N, N]
    k : int
    """
    own = likeness.diagonal()
    found = [(side >= own[:, None]).sum(1) <= k for side in (likeness, likeness.T)]
    return float(torch.cat(found).float().mean())


def build(
    model: str, config: Mapping[str, Any], pretrained: str | None, image_size: int
) -> nn.Module:
    """One of open_clip's models, for square images of `image_size` px.

    Raises
    ------
    ValueError
        For an unknown architecture, images smaller than its patches, or weights that are neither a
        tag nor a file.
    """
    known = open_clip.get_model_config(model)
    if known is None:
        accepted = ", ".join(open_clip.list_models())
        raise ValueError(f"victim.model = {model!r}: accepted are {accepted}")
    changes = deepcopy(dict(config))
    vision = {**known["vision_cfg"], "timm_model_pretrained": False}
    vision = changes.get("vision_cfg", vision)
    patch = vision.get("patch_size", 1)
    if image_size < patch:
        raise ValueError(
            f"data.size = {image_size}: the model cuts images into patches of {patch} pixels "
            "(victim.config.vision_cfg.patch_size) and takes as many or more"
        )
    changes["vision_cfg"] = {**vision, "image_size": image_size}
    logging.disable(logging.ERROR)  # open_clip warns of weights that nobody asked for
    try:
        net: nn.Module = open_clip.create_model(model, pretrained=pretrained, **changes)
    except RuntimeError as error:
        raise ValueError(f"victim.pretrained = {pretrained!r} for {model}: {error}") from error
    finally:
        logging.disable(logging.NOTSET)
    return net
