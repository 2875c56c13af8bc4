"""Networks of torchvision and timm by name, without their last layer, their batch norms folded."""

from __future__ import annotations

import copy
import inspect
from collections import Counter
from collections.abc import Iterator
from typing import Any, TypeGuard

import torch
from torch import fx, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval


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


class _Layers(fx.Tracer):
    """Sees batch norms as layers, also those that are not torch's own."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return isinstance(m, nn.BatchNorm2d) or super().is_leaf_module(m, module_qualified_name)


def folded(net: nn.Module, key: str, dtype: torch.dtype | None = None) -> nn.Module:
    """A copy of a frozen network whose batch norms are part of the convolutions before them.

    It computes the same up to rounding, with fewer passes over its feature maps. A batch norm
    stays where something else reads its convolution or its parameters too, where either runs more
    than once or has hooks, and where the convolution is none of torch's own.

    Parameters
    ----------
    net : nn.Module
        In eval mode; left as it is.
    key : str
        What asked for it, for messages.
    dtype : torch.dtype, optional
        Of the weights of those convolutions: what autocast would make of them at every call. None
        keeps theirs.

    Raises
    ------
    ValueError
        If the order of its layers depends on its input, so that it cannot be known in advance.
    """
    try:
        net = copy.deepcopy(net)
        optional = {
            name: parameter.default
            for name, parameter in inspect.signature(net.forward).parameters.items()
            if parameter.default is not parameter.empty
        }
        graph = _Layers().trace(net, concrete_args=optional or None)
    except Exception as error:  # a network's own code may raise anything
        raise ValueError(
            f"{key}: the layers of {type(net).__name__} cannot be traced ({error}); "
            "with false its batch norms stay"
        ) from error
    # In place: a layer may be held under several names, or in a list that torch does not know.
    for conv, norm in _pairs(net, graph):
        fused = fuse_conv_bn_eval(conv, norm)
        conv.weight, conv.bias = fused.weight, fused.bias
        conv.to(dtype or conv.weight.dtype)
        norm.forward = _rest(norm).forward  # type: ignore[method-assign]
    return net


def _pairs(net: nn.Module, graph: fx.Graph) -> Iterator[tuple[nn.Conv2d, nn.BatchNorm2d]]:
    """Convolutions that only one batch norm reads."""
    read = {
        net.get_submodule(str(node.target).rpartition(".")[0])
        for node in graph.nodes
        if node.op == "get_attr"
    }
    layers = {
        node: net.get_submodule(str(node.target))
        for node in graph.nodes
        if node.op == "call_module"
    }
    calls = Counter(layers.values())
    for node, norm in layers.items():
        before = next(iter(node.all_input_nodes), None)
        conv = None if before is None else layers.get(before)
        if before is None or type(conv) is not nn.Conv2d or not _normalises(norm):
            continue
        alone = len(before.users) == calls[norm] == calls[conv] == 1
        if alone and not read & {conv, norm} and not _hooked(conv) and not _hooked(norm):
            yield conv, norm


def _hooked(layer: nn.Module) -> bool:
    """Whether something else happens when it is called: old-style weight norm, say."""
    return bool(layer._forward_hooks or layer._forward_pre_hooks or layer._backward_hooks)


def _normalises(layer: nn.Module) -> TypeGuard[nn.BatchNorm2d]:
    """Whether it is a batch norm by known statistics; timm's own come with an activation."""
    if not isinstance(layer, nn.BatchNorm2d) or layer.running_mean is None:
        return False
    return type(layer) is nn.BatchNorm2d or type(layer).__name__ == "BatchNormAct2d"


def _rest(norm: Any) -> nn.Module:
    """What a batch norm does besides."""
    return nn.Sequential(norm.drop, norm.act) if hasattr(norm, "act") else nn.Identity()
