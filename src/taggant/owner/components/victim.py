"""Victims by short names: the models of ``run.py`` whose run folders can be audited.

A run folder is its maker's file. Of what it says of the victim only that is used which decides how
images are answered; what training alone used is left out unread, and the weights come as tensors.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, Literal

import open_clip
from pydantic import Field, StringConstraints

from taggant.owner.components.component import Component, Later, names_by_target, parse_config
from taggant.owner.components.net import Nets, Wide
from taggant.owner.schema import Line, Schema
from taggant.victim import (
    airbench,
    captioner,
    classifier,
    clip,
    distilled,
    dp_sgd,
    label_noise,
    split_ensemble,
)
from taggant.victim import victim as base

TRAINING = frozenset(
    {
        *("epochs", "batch_size", "lr", "momentum", "weight_decay", "snapshots", "augment"),
        *("warmup", "patience", "noise_multiplier", "max_grad_norm", "delta", "label_noise"),
        *("told", "unmarked", "probe", "temperature", "teacher_temperature", "teacher_momentum"),
        *("frozen", "invariance", "variance", "covariance", "caption_weight"),
        *("label_smoothing", "mix", "bias_rate", "members", "without"),
    }
)
"""What a victim's config says of its training."""
UNTRAINED: Mapping[str, object] = {
    **{"epochs": 1, "batch_size": 1, "lr": 1.0, "momentum": 0.0, "weight_decay": 0.0},
    "snapshots": 1,
}
Width = Annotated[int, Field(ge=1, le=1024)]


@dataclass(frozen=True)
class Images:
    """What a victim must know of the images that it was trained on.

    Attributes
    ----------
    classes, channels, image_size : int
    mean, std : sequence of float
        Per channel, of pixel values / 255.
    """

    classes: int
    channels: int
    image_size: int
    mean: Sequence[float]
    std: Sequence[float]


class VictimConfig(Component):
    """A victim; what makes it takes the facts of its images besides."""

    untrained: ClassVar[Mapping[str, object]] = UNTRAINED

    def build_untrained(self, images: Images) -> base.Victim:
        """One that answers as the trained one does once it has its weights."""
        facts = vars(images)
        made: base.Victim = type(self).factory(**self.arguments, **self.untrained, **facts)
        return made


class Networked(VictimConfig):
    """A victim around a network."""

    net: Annotated[Nets, Field(discriminator="kind")]
    width: Width | None


class Classifier(Networked):
    kind: Literal["classifier"]
    factory = classifier.Classifier


class Airbench(Networked):
    kind: Literal["airbench"]
    factory = airbench.Airbench
    untrained: ClassVar[Mapping[str, object]] = {**UNTRAINED, "bias_rate": 1.0}


class Distilled(Networked):
    kind: Literal["distilled"]
    factory = distilled.Distilled


class LabelNoise(Networked):
    kind: Literal["label_noise"]
    factory = label_noise.LabelNoise
    untrained: ClassVar[Mapping[str, object]] = {**UNTRAINED, "label_noise": 0.0}


class DPClassifier(Networked):
    kind: Literal["dp_sgd"]
    factory = dp_sgd.DPClassifier
    untrained: ClassVar[Mapping[str, object]] = {
        **UNTRAINED,
        **{"noise_multiplier": 0.0, "max_grad_norm": 1.0, "delta": 0.5},
    }


class SplitEnsemble(Networked):
    kind: Literal["split_ensemble"]
    factory = split_ensemble.SplitEnsemble
    untrained: ClassVar[Mapping[str, object]] = {**UNTRAINED, "members": 2, "without": 1}


def _no_probe(*_: object) -> float:
    """What an encoder is good for is not asked here."""
    return float("nan")


class Encoder(Networked):
    """A victim that answers with features."""

    untrained: ClassVar[Mapping[str, object]] = {**UNTRAINED, "probe": _no_probe}
    hidden: Wide


class SimCLR(Encoder):
    kind: Literal["simclr"]
    factory = Later("taggant.victim.ssl.simclr", "SimCLR")
    out: Wide


class VICReg(Encoder):
    kind: Literal["vicreg"]
    factory = Later("taggant.victim.ssl.vicreg", "VICReg")
    out: Wide
    layers: Annotated[int, Field(ge=2, le=6)]


class MomentumEncoder(Encoder):
    """A victim that a slow copy of itself taught, which is among its weights."""

    untrained: ClassVar[Mapping[str, object]] = {
        **Encoder.untrained,
        "teacher_momentum": (1.0, 1.0),
    }


class BYOL(MomentumEncoder):
    kind: Literal["byol"]
    factory = Later("taggant.victim.ssl.byol", "BYOL")
    out: Wide


class MoCo(MomentumEncoder):
    kind: Literal["moco"]
    factory = Later("taggant.victim.ssl.moco", "MoCo")
    out: Wide
    queue: Annotated[int, Field(ge=1, le=1 << 17)]


class DINO(MomentumEncoder):
    kind: Literal["dino"]
    factory = Later("taggant.victim.ssl.dino", "DINO")
    bottleneck: Wide
    out: Annotated[int, Field(ge=1, le=65_536)]


Layers = Annotated[int, Field(ge=1, le=64)]


class Vision(Schema):
    """An image tower of open_clip's."""

    layers: Layers
    width: Wide
    head_width: Wide
    patch_size: Annotated[int, Field(ge=1, le=64)]
    attn_pooler_queries: Annotated[int, Field(ge=1, le=1024)] | None = None


class Text(Schema):
    """A text tower of open_clip's."""

    context_length: Annotated[int, Field(ge=1, le=1024)]
    vocab_size: Annotated[int, Field(ge=1, le=65_536)]
    width: Wide
    heads: Layers
    layers: Layers


class Towers(Schema):
    """What differs from an architecture of open_clip's."""

    embed_dim: Wide | None = None
    vision_cfg: Vision | None = None
    text_cfg: Text | None = None


class Decoder(Schema):
    """Of a captioner."""

    heads: Layers
    layers: Layers


ModelName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]+$", max_length=100)]
"""One of open_clip's own architectures: no address of a hub, no folder."""


class ImageText(VictimConfig):
    """An image-text model of open_clip's architectures."""

    model: ModelName
    config: Towers
    pretrained: Line | None
    normalisation: Literal["data", "model"]

    @property
    def arguments(self) -> dict[str, object]:
        """Without the weights that training started from: they are never looked for."""
        config = self.config.model_dump(exclude_none=True)
        return {"model": self.model, "config": config, "pretrained": None}

    def build_untrained(self, images: Images) -> base.Victim:
        """See `VictimConfig.build_untrained`."""
        known = open_clip.get_model_config(self.model) or {}
        if any(key.startswith("hf_") for key in known.get("text_cfg", {})):
            raise ValueError(f"victim.model = {self.model}: its text tower would be downloaded")
        shown = images
        if self.normalisation == "model":
            cfg = open_clip.get_pretrained_cfg(self.model, self.pretrained or "")
            mean = cfg.get("mean", open_clip.OPENAI_DATASET_MEAN)
            std = cfg.get("std", open_clip.OPENAI_DATASET_STD)
            shown = replace(images, mean=mean, std=std)
        made: base.Victim = type(self).factory(
            **self.arguments, **self.untrained, **vars(shown), normalisation="data"
        )
        return made


class Clip(ImageText):
    kind: Literal["clip"]
    factory = clip.Clip


class Captioner(ImageText):
    kind: Literal["captioner"]
    factory = captioner.Captioner
    untrained: ClassVar[Mapping[str, object]] = {**UNTRAINED, "caption_weight": 1.0}
    decoder: Decoder

    @property
    def arguments(self) -> dict[str, object]:
        """See `ImageText.arguments`."""
        return {**super().arguments, "decoder": self.decoder.plain()}


class Transformer(Schema):
    """One side of a BLIP of transformers'."""

    hidden_size: Wide
    intermediate_size: Wide
    num_hidden_layers: Layers
    num_attention_heads: Layers


class BlipText(Transformer):
    """Its decoder."""

    vocab_size: Annotated[int, Field(ge=1, le=65_536)]


class BlipVision(Transformer):
    """Its image encoder."""

    patch_size: Annotated[int, Field(ge=1, le=64)]


class Blip(VictimConfig):
    """A captioner of the sizes named: one that began as a folder's has those of the folder."""

    kind: Literal["blip"]
    factory = Later("taggant.victim.blip", "Blip")
    pretrained: None
    text: BlipText
    vision: BlipVision
    context: Annotated[int, Field(ge=1, le=1024)]

    @property
    def arguments(self) -> dict[str, object]:
        """See `VictimConfig.arguments`."""
        sizes = {"text": self.text.plain(), "vision": self.vision.plain()}
        return {"pretrained": None, "context": self.context, **sizes}


AnyVictim = (
    Classifier
    | Airbench
    | Distilled
    | LabelNoise
    | DPClassifier
    | SplitEnsemble
    | SimCLR
    | VICReg
    | BYOL
    | MoCo
    | DINO
    | Clip
    | Captioner
    | Blip
)
NAMES = names_by_target(AnyVictim, Nets)


class _Config(Schema):
    victim: Annotated[AnyVictim, Field(discriminator="kind")]


def victim_from_config(config: Mapping[str, object]) -> VictimConfig:
    """A run's ``victim`` config, as files hold it.

    Raises
    ------
    SchemaError
        For a victim that is none of this package's, or arguments out of range.
    """
    own = {key: value for key, value in config.items() if key not in TRAINING}
    return parse_config(_Config, {"victim": own}, NAMES, "config").victim
