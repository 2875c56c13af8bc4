"""Networks of torchvision and timm by name, and what their last layer reads."""

from __future__ import annotations

from typing import Any

from torch import nn


def torchvision_network(key: str, name: str, **options: Any) -> nn.Module:
    """One of torchvision's classifiers.

    Parameters
    ----------
    key : str
        What the name was given as, for messages.
    name : str
        resnet18, vgg16, densenet121, ...
    **options
        See ``torchvision.models.get_model``: ``weights``, ``num_classes``, ...

    Raises
    ------
    ValueError
        For an unknown name, listing the names there are.
    """
    import torchvision  # a second, which only its networks should cost

    known = torchvision.models.list_models(module=torchvision.models)
    if name not in known:
        raise ValueError(f"{key} = {name!r}: accepted are {', '.join(known)}")
    net: nn.Module = torchvision.models.get_model(name, **options)
    return net


def timm_network(key: str, name: str, **options: Any) -> nn.Module:
    """One of timm's networks.

    Parameters
    ----------
    key : str
        What the name was given as, for messages.
    name : str
        resnet18, resnet18.a1_in1k, ...; no address of a hub.
    **options
        See ``timm.create_model``: ``pretrained``, ``num_classes``, ``in_chans``, ...

    Raises
    ------
    ValueError
        For an unknown name, naming near ones.
    """
    import timm  # seconds, which only its networks should cost

    if not timm.is_model(name):
        near = ", ".join(timm.list_models(f"*{name[:4]}*")[:12])
        raise ValueError(f"{key} = {name!r}: unknown to timm. Near: {near}")
    net: nn.Module = timm.create_model(name, **options)
    return net


def headless(net: nn.Module, key: str) -> tuple[nn.Module, int]:
    """A classifier whose last linear layer is the identity, and how many features it then gives.

    ResNet, VGG, DenseNet, ViT and the like. The layer is replaced in the network that is given.

    Parameters
    ----------
    net : nn.Module
    key : str
        What the network was given as, for messages.

    Raises
    ------
    ValueError
        If it has no linear layer.
    """
    linear = [(path, part) for path, part in net.named_modules() if isinstance(part, nn.Linear)]
    if not linear:
        raise ValueError(
            f"{key}: {type(net).__name__} has no linear layer whose input could be the features"
        )
    path, last = linear[-1]
    net.set_submodule(path, nn.Identity())
    return net, last.in_features
