"""Markings by short names: how an owner's pictures are marked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Annotated, Any, Literal

from omegaconf import OmegaConf
from pydantic import Field, StringConstraints, model_validator

from taggant.data import emoji
from taggant.marking import marker, n_version, none, trained
from taggant.marking.scheme import Scheme
from taggant.marking.strategies import (
    edit,
    feature,
    jacobian,
    maxmin,
    scaled_sign,
    sign,
    smooth,
    smooth_edit,
)
from taggant.owner.components.component import Component, names_by_target, parse_config
from taggant.owner.schema import LARGEST_N, GrownSchema, Schema, SchemaError
from taggant.victim import small_net

SCHEME = f"{n_version.NVersion.__module__}.{n_version.NVersion.__qualname__}"
TimmName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]+(\.[a-z0-9_]+)?$", max_length=100)]
"""One of timm's own models: no address of a hub, no folder."""
TorchvisionName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]+$", max_length=100)]
Seed = Annotated[int, Field(ge=0, lt=2**53)]


class Emoji(Component):
    """The embedded pictures that a marker may not learn from."""

    kind: Literal["emoji"]
    factory = staticmethod(emoji.load)
    labels: Literal["category", "subcategory"]
    styles: Annotated[tuple[Literal["noto", "twemoji"], ...], Field(min_length=1, max_length=2)]
    caption: Annotated[str, StringConstraints(pattern=r"^([^{}]|\{[a-z]+\})*$", max_length=200)]
    size: Annotated[int, Field(ge=8, le=256)]
    train: Annotated[int, Field(ge=1, le=4000)] | None
    test: Annotated[int, Field(ge=1, le=4000)] | None
    test_fraction: Annotated[float, Field(gt=0, lt=1)]
    seed: Seed


class SmallNet(Component):
    """A marker's architecture."""

    kind: Literal["small"]
    factory = small_net.SmallNet
    width: Annotated[int, Field(ge=1, le=64)]


class Load(Component):
    """Where a marker's network comes from; looked for when first needed."""

    def build(self) -> Callable[[], marker.Backbone]:
        """What loads it."""
        return partial(type(self).factory, **self.arguments)


class Trained(Load):
    """A small network that is trained where it is needed."""

    kind: Literal["trained"]
    factory = staticmethod(trained.trained)
    exclude: Emoji
    net: SmallNet
    size: Annotated[int, Field(ge=8, le=64)]
    epochs: Annotated[int, Field(ge=0, le=30)]
    seed: Seed

    @property
    def arguments(self) -> dict[str, object]:
        """As `taggant.marking.trained.trained` takes them: the components as configs."""
        return {
            "exclude": _config(self.exclude),
            "net": _config(self.net, _partial_=True),
            "size": self.size,
            "epochs": self.epochs,
            "seed": self.seed,
        }


class Torchvision(Load):
    """A classifier of torchvision's, with its weights."""

    kind: Literal["torchvision"]
    factory = staticmethod(marker.from_torchvision)
    name: TorchvisionName
    weights: Literal["DEFAULT", "IMAGENET1K_V1", "IMAGENET1K_V2"]


class Timm(Load):
    """A model of timm's, with its weights."""

    kind: Literal["timm"]
    factory = staticmethod(marker.from_timm)
    name: TimmName
    pretrained: Literal[True]


class EfficientNetLite0(Load):
    """The network of a package."""

    kind: Literal["efficientnet_lite0"]
    factory = staticmethod(marker.efficientnet_lite0)


class Marker(GrownSchema, Component):
    """The network that some strategies look through; files of old know nothing of folding."""

    kind: Literal["marker"]
    factory = marker.Marker
    load: Annotated[Trained | Torchvision | Timm | EfficientNetLite0, Field(discriminator="kind")]
    size: Annotated[int, Field(ge=8, le=512)] | None
    precision: Literal["float32", "bfloat16"]
    fold: bool = False


Block = Annotated[int, Field(ge=1, le=4096)]
Strength = Annotated[float, Field(gt=0, le=1)]
Level = Annotated[int, Field(ge=1, le=255)]


class Signs(GrownSchema, Component):
    """Signs on blocks; those that are not mirrored are written as before others were."""

    mirror: bool = False


class Sign(Signs):
    """Blocks of so many pixels."""

    kind: Literal["sign"]
    factory = sign.Sign
    block: Block | None


class ScaledSign(Signs):
    """So many blocks along the shorter side."""

    kind: Literal["scaled_sign"]
    factory = scaled_sign.ScaledSign
    cells: Annotated[int, Field(ge=1, le=4096)]


class Smooth(Component):
    """Coloured light."""

    kind: Literal["smooth"]
    factory = smooth.Smooth
    block: Block | None


class Edit(Component):
    """Photographic edits."""

    kind: Literal["edit"]
    factory = edit.Edit
    strength: Strength
    limit: Level


class SmoothEdit(Component):
    """Edits under coloured light."""

    kind: Literal["smooth_edit"]
    factory = smooth_edit.SmoothEdit
    block: Block | None
    strength: Strength
    limit: Level


class Feature(Component):
    """Directions of a marker's feature space."""

    kind: Literal["feature"]
    factory = feature.Feature
    marker: Marker
    steps: Annotated[int, Field(ge=1, le=200)]
    chunk: Annotated[int, Field(ge=1, le=256)]


class Jacobian(Component):
    """A sketch of a marker's gradients."""

    kind: Literal["jacobian"]
    factory = jacobian.Jacobian
    marker: Marker
    k: Annotated[int, Field(ge=1, le=jacobian.LARGEST_SKETCH)]
    block: Block


class MaxMin(Component):
    """Versions that keep away from each other."""

    kind: Literal["maxmin"]
    factory = maxmin.MaxMin
    marker: Marker
    steps: Annotated[int, Field(ge=1, le=200)]
    chunk: Annotated[int, Field(ge=1, le=256)]


class NoMark(Component):
    """The picture as it is."""

    kind: Literal["none"]
    factory = none.Unmarked


Strategy = Sign | ScaledSign | Smooth | Edit | SmoothEdit | Feature | Jacobian | MaxMin | NoMark
NAMES = names_by_target(
    Emoji, SmallNet, Marker, Trained | Torchvision | Timm | EfficientNetLite0, Strategy
)


class Marking(Schema):
    """n versions of each picture; see `taggant.marking.n_version.NVersion`. Without marks there is
    one, which changes no pixel."""

    n: Annotated[int, Field(ge=1, le=LARGEST_N)]
    epsilon: Annotated[int, Field(ge=0, le=255)]
    strategy: Annotated[Strategy, Field(discriminator="kind")]

    @model_validator(mode="after")
    def _fits(self) -> Marking:
        for name, value, alone in (("n", self.n, 1), ("epsilon", self.epsilon, 0)):
            if (value <= alone) != self.unmarked:
                accepted = f"{alone}" if self.unmarked else f"{alone + 1} or more"
                raise ValueError(
                    f"{name} = {value}: of strategy {self.strategy.kind}, accepted is {accepted}"
                )
        return self

    @property
    def unmarked(self) -> bool:
        """Whether pictures are published as they are."""
        return isinstance(self.strategy, NoMark)

    @property
    def marker(self) -> Marker | None:
        """The network that it takes, if any."""
        return getattr(self.strategy, "marker", None)

    @property
    def parameters(self) -> dict[str, Any]:
        """The scheme's parameters, without name and weights of the marker's network."""
        if self.unmarked:
            return dict(none.Unmarked().parameters())
        strategy = self.strategy.plain()
        marker = strategy.pop("marker", {})
        seen = {key: marker[key] for key in ("size", "precision", "fold") if key in marker}
        named = {"n": self.n, "epsilon": self.epsilon, "strategy": strategy.pop("kind")}
        return {**named, **strategy, **seen}

    def build(self) -> Scheme:
        """The scheme; the network is loaded when it is first needed."""
        if self.unmarked:
            return none.Unmarked()
        return n_version.NVersion(self.n, self.epsilon, self.strategy.build())


def unmarked() -> Marking:
    """Pictures as they are."""
    return Marking.from_values(n=1, epsilon=0, strategy=NoMark(kind="none"))


def marking_from_config(config: Mapping[str, object]) -> Marking:
    """A composed ``marking.scheme`` config, as files hold it.

    Raises
    ------
    SchemaError
        For a scheme that an owner's pictures are not marked by, or arguments out of range.
    """
    if config.get("_target_") != SCHEME:
        raise SchemaError(f"marking.scheme = {config.get('_target_')}: accepted is {SCHEME}")
    return parse_config(Marking, config, NAMES, "marking")


def _config(component: Component, **more: object) -> Any:
    """The config that hydra would make a component of."""
    values = {key: value for key, value in component.plain().items() if key != "kind"}
    factory = type(component).factory
    target = f"{factory.__module__}.{factory.__qualname__}"
    return OmegaConf.create({"_target_": target, **more, **values})
