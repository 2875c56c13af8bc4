"""Networks and ways of cleaning images by short names: what victims are made of."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, Literal

from pydantic import Field
from torch import nn

from taggant.data import purify
from taggant.owner.parts.marking import TimmName, TorchvisionName
from taggant.owner.parts.part import Part
from taggant.victim import architectures, resnet9, small_net

Wide = Annotated[int, Field(ge=1, le=8192)]


class Net(Part):
    """An architecture; what makes it takes the facts of the images besides."""

    def build(self) -> Callable[..., nn.Module]:
        """What makes the network."""
        return partial(type(self).makes, **self.arguments)


class Small(Net):
    kind: Literal["small"]
    makes = small_net.SmallNet
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0


class ResNet9(Net):
    kind: Literal["resnet9"]
    makes = resnet9.ResNet9


class DenseNet(Net):
    kind: Literal["densenet"]
    makes = staticmethod(architectures.densenet)
    layers: Annotated[int, Field(ge=1, le=64)] = 4


class VGG(Net):
    kind: Literal["vgg"]
    makes = staticmethod(architectures.vgg)
    hidden: Wide = 256


class Torchvision(Net):
    kind: Literal["torchvision"]
    makes = staticmethod(architectures.from_torchvision)
    name: TorchvisionName


class Timm(Net):
    kind: Literal["timm"]
    makes = staticmethod(architectures.from_timm)
    name: TimmName


Nets = Small | ResNet9 | DenseNet | VGG | Torchvision | Timm


class Nothing(Part):
    kind: Literal["nothing"]
    makes = purify.Nothing


class Jpeg(Part):
    kind: Literal["jpeg"]
    makes = purify.Jpeg
    quality: Annotated[int, Field(ge=1, le=100)]


class Blur(Part):
    kind: Literal["blur"]
    makes = purify.Blur
    sigma: Annotated[float, Field(gt=0, le=64)]


class Noise(Part):
    kind: Literal["noise"]
    makes = purify.Noise
    sd: Annotated[float, Field(ge=0, le=255)]


class Resize(Part):
    kind: Literal["resize"]
    makes = purify.Resize
    factor: Annotated[float, Field(gt=0, le=4)]


Purify = Nothing | Jpeg | Blur | Noise | Resize
