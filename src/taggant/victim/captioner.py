"""CoCa of open_clip as a victim: two towers, and a decoder that writes an image's caption."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from taggant.answers import evaluating
from taggant.data.imageset import ImageSet
from taggant.victim.clip import Clip, contrastive
from taggant.victim.writing import Writing, per_caption


class Captioner(Writing, Clip):
    """An image-text model that also writes captions, word piece by word piece.

    The image's answer is what its decoder looks at; what it is compared with is its caption, as
    tokens. Trained by the contrastive loss of both towers and the loss of writing the caption.

    Parameters
    ----------
    decoder : mapping
        ``heads`` and ``layers`` of the decoder; text tower, decoder and embeddings are equally
        wide, as CoCa has it.
    caption_weight : float
        Of the captioning loss beside the contrastive one.
    config : mapping
        As `Clip`'s, or empty for the architecture as it is; ``embed_dim`` is the text's width.
    **clip
        See `Clip`.

    Notes
    -----
    Source: Yu et al., "CoCa: Contrastive captioners are image-text foundation models" (2022); the
    weights 1 and 2 are open_clip's.
    """

    def __init__(
        self,
        decoder: Mapping[str, Any],
        caption_weight: float,
        config: Mapping[str, Any],
        **clip: Any,
    ) -> None:
        super().__init__(config=completed(config, decoder), **clip)
        self.caption_weight = caption_weight
        if self.pretrained is None:  # open_clip leaves this one in memory as it was found
            words = self.net.text_decoder.text_projection
            torch.nn.init.normal_(words, std=len(words) ** -0.5)

    def forward(self, images: Tensor) -> Tensor:
        """Images uint8 [B, 3, H, W], 0..255 -> what the decoder looks at, [B, T, D]."""
        seen: Tensor = self.net(self.pixels(images))["image_embs"]
        return seen

    def embed(self, images: Tensor) -> Tensor:
        """Embeddings [B, D] of images uint8 [B, 3, H, W]."""
        embeddings: Tensor = self.net(self.pixels(images))["image_features"]
        return embeddings

    def targets(self, data: ImageSet) -> Tensor:
        """Captions as token numbers, int64 [N, context]."""
        return self.tokens(data)

    def example_loss(self, batch: tuple[Tensor, ...]) -> Tensor:
        """Contrastive loss of every pair, and the weighted loss of writing its caption, [B]."""
        images, tokens = batch
        out = self.net(self.pixels(images), tokens)
        pairs = contrastive(self.cosines(out["image_features"], out["text_features"]))
        words = cross_entropy(
            out["logits"].float().transpose(1, 2), tokens[:, 1:], reduction="none"
        )
        return pairs + self.caption_weight * per_caption(words, tokens)

    def decoded(self, seen: Tensor, tokens: Tensor) -> Tensor:
        """See `Writing.decoded`."""
        read: Tensor = self.net.text(tokens)[1]
        logits: Tensor = self.net.text_decoder(seen, read[:, :-1])
        return logits

    @torch.no_grad()
    def measures(self, data: ImageSet) -> dict[str, float]:
        """As `Clip`'s, and ``caption_loss``: mean over held-out captions."""
        with evaluating(self):
            seen = torch.cat([self(part) for part in self._padded(data.images)])[: len(data)]
        losses = self.captioning_loss(seen, self.tokens(data))
        return {**super().measures(data), "caption_loss": float(losses.mean())}


def completed(config: Mapping[str, Any], decoder: Mapping[str, Any]) -> dict[str, Any]:
    """open_clip's config of a CoCa from that of two towers; empty stays empty."""
    if not config:
        return {}
    text = {**config["text_cfg"], "embed_cls": True, "output_tokens": True}
    shared = {key: text[key] for key in ("context_length", "vocab_size", "width")}
    vision = {**config["vision_cfg"], "attentional_pool": True, "output_tokens": True}
    return {
        **config,
        "embed_dim": text["width"],
        "vision_cfg": vision,
        "text_cfg": text,
        "multimodal_cfg": {**shared, **decoder},
    }
