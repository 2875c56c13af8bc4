"""Architectures of transformers that are made here, and how each is asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class Kind:
    """How models of an architecture are made and asked.

    Attributes
    ----------
    victim : str
        See `taggant.models.model.VICTIMS`.
    config : str
        Class of its config.
    ask : callable
        (model, normalised images float [B, 3, S, S]) -> answers.
    options : mapping
        Of the class that makes it.
    read : callable, optional
        Of an image-text model: (model, tokens int64 [B, length], number of the padding) -> what it
        compares images with.
    """

    victim: str
    config: str
    ask: Callable[[Any, Tensor], Tensor]
    options: Mapping[str, bool] = field(default_factory=dict)
    read: Callable[[Any, Tensor, int], Tensor] | None = None


def _logits(net: Any, pixels: Tensor) -> Tensor:
    logits: Tensor = net(pixel_values=pixels).logits
    return logits


def _first_token(net: Any, pixels: Tensor) -> Tensor:
    tokens: Tensor = net(pixel_values=pixels).last_hidden_state
    return tokens[:, 0]


def _pooled(net: Any, pixels: Tensor) -> Tensor:
    pooled: Tensor = net(pixel_values=pixels).pooler_output
    return pooled.flatten(1)


def _projected(net: Any, pixels: Tensor) -> Tensor:
    embeddings: Tensor = net(pixel_values=pixels).image_embeds
    return embeddings


def _clip_images(net: Any, pixels: Tensor) -> Tensor:
    embeddings: Tensor = net.visual_projection(net.vision_model(pixel_values=pixels).pooler_output)
    return embeddings


def _siglip_images(net: Any, pixels: Tensor) -> Tensor:
    embeddings: Tensor = net.vision_model(pixel_values=pixels).pooler_output
    return embeddings


def _seen(net: Any, pixels: Tensor) -> Tensor:
    tokens: Tensor = net.vision_model(pixel_values=pixels).last_hidden_state
    return tokens


def _clip_captions(net: Any, rows: Tensor, pad: int) -> Tensor:
    read = net.text_model(input_ids=rows, attention_mask=mask(rows, pad)).pooler_output
    embeddings: Tensor = net.text_projection(read)
    return embeddings


def _siglip_captions(net: Any, rows: Tensor, pad: int) -> Tensor:
    embeddings: Tensor = net.text_model(input_ids=rows).pooler_output  # trained without a mask
    return embeddings


def mask(rows: Tensor, pad: int) -> Tensor:
    """1 up to a caption's last token that is no padding, and its first one always."""
    there = rows != pad
    last = there.long().cumsum(1).argmax(1, keepdim=True)
    return (torch.arange(rows.shape[1], device=rows.device) <= last).long()


CLASSIFIERS = (
    *("ViT", "DeiT", "Beit", "Swin", "Swinv2", "ConvNext", "ConvNextV2", "ResNet", "RegNet"),
    *("EfficientNet", "MobileNetV2", "Dinov2", "Dinov2WithRegisters"),
)
UNPOOLED = {"add_pooling_layer": False}
"""The encoders are asked for their first token; a pooling layer is often untrained."""
KINDS: Mapping[str, Kind] = {
    **{
        f"{name}ForImageClassification": Kind("classifier", f"{name}Config", _logits)
        for name in CLASSIFIERS
    },
    "ViTModel": Kind("encoder", "ViTConfig", _first_token, UNPOOLED),
    "DeiTModel": Kind("encoder", "DeiTConfig", _first_token, UNPOOLED),
    "Dinov2Model": Kind("encoder", "Dinov2Config", _first_token),
    "Dinov2WithRegistersModel": Kind("encoder", "Dinov2WithRegistersConfig", _first_token),
    "DINOv3ViTModel": Kind("encoder", "DINOv3ViTConfig", _first_token),
    "ResNetModel": Kind("encoder", "ResNetConfig", _pooled),
    "ConvNextModel": Kind("encoder", "ConvNextConfig", _pooled),
    "CLIPVisionModelWithProjection": Kind("encoder", "CLIPVisionConfig", _projected),
    "SiglipVisionModel": Kind("encoder", "SiglipVisionConfig", _pooled),
    "CLIPModel": Kind("clip", "CLIPConfig", _clip_images, read=_clip_captions),
    "SiglipModel": Kind("clip", "SiglipConfig", _siglip_images, read=_siglip_captions),
    "BlipForConditionalGeneration": Kind("captioner", "BlipConfig", _seen),
}
"""Architectures by the name that a config gives them: no other one is made."""
