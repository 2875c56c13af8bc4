"""Networks by short names: what victims are made of."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, Literal

from pydantic import Field
from torch import nn

from taggant.owner.components.component import Component
from taggant.owner.components.marking import TimmName, TorchvisionName
from taggant.victim import airbench_net, architectures, resnet9, small_net

Wide = Annotated[int, Field(ge=1, le=8192)]


class Net(Component):
    """An architecture; what makes it takes the facts of the images besides."""

    def build(self) -> Callable[..., nn.Module]:
        """What makes the network."""
        return partial(type(self).factory, **self.arguments)


class Small(Net):
    kind: Literal["small"]
    factory = small_net.SmallNet
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0


class ResNet9(Net):
    kind: Literal["resnet9"]
    factory = resnet9.ResNet9


class AirbenchNet(Net):
    kind: Literal["airbench_net"]
    factory = airbench_net.AirbenchNet
    scale: Annotated[float, Field(gt=0, le=1)] = 1 / 9


class DenseNet(Net):
    kind: Literal["densenet"]
    factory = staticmethod(architectures.densenet)
    layers: Annotated[int, Field(ge=1, le=64)] = 4


class VGG(Net):
    kind: Literal["vgg"]
    factory = staticmethod(architectures.vgg)
    hidden: Wide = 256


class Torchvision(Net):
    kind: Literal["torchvision"]
    factory = staticmethod(architectures.from_torchvision)
    name: TorchvisionName


class Timm(Net):
    kind: Literal["timm"]
    factory = staticmethod(architectures.from_timm)
    name: TimmName


Nets = Small | ResNet9 | AirbenchNet | DenseNet | VGG | Torchvision | Timm
