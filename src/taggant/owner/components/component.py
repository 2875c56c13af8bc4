"""A component by its short name, and how one is read from what hydra composed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any, ClassVar, TypeVar, get_args

from taggant.owner.schema import Schema, SchemaError, parse_values

HYDRA = frozenset({"_target_", "_partial_", "_recursive_", "_convert_"})
TargetNames = Mapping[str, str]
"""What a config's ``_target_`` says -> short name; only ever compared with."""
AnySchema = TypeVar("AnySchema", bound=Schema)


class Component(Schema):
    """Something of this package, by the field ``kind``; its other fields are its arguments."""

    factory: ClassVar[Callable[..., Any]]

    @property
    def arguments(self) -> dict[str, object]:
        """Arguments of `factory`, components among them built."""
        values = {key: getattr(self, key) for key in type(self).model_fields if key != "kind"}
        return {key: v.build() if isinstance(v, Component) else v for key, v in values.items()}

    def build(self) -> Any:
        """Make it."""
        return type(self).factory(**self.arguments)


class Later:
    """A class of this package that is imported when it is called: it needs an extra's library."""

    def __init__(self, module: str, name: str) -> None:
        self.__module__ = module
        self.__qualname__ = name

    def __call__(self, **arguments: Any) -> Any:
        """Make one."""
        return getattr(import_module(self.__module__), self.__qualname__)(**arguments)


class FunctionComponent(Component):
    """A function of this package that is used as it is."""

    def build(self) -> Any:
        """The function itself."""
        return type(self).factory


def names_by_target(*unions: Any) -> TargetNames:
    """Short names of components, given alone or as unions, by the ``_target_`` of their configs."""
    components = [one for union in unions for one in (get_args(union) or (union,))]
    return {
        f"{one.factory.__module__}.{one.factory.__qualname__}": short_name(one)
        for one in components
    }


def short_name(component: type[Component]) -> str:
    """The one value that a component's field ``kind`` may have."""
    return str(get_args(component.model_fields["kind"].annotation)[0])


def parse_config(
    kind: type[AnySchema], config: Mapping[str, object], names: TargetNames, key: str
) -> AnySchema:
    """What a config that hydra composed says, as files hold it.

    Parameters
    ----------
    kind : class of `Schema`
    config : mapping
        Plain values; what its own ``_target_`` says is the caller's business.
    names : mapping
        See `names_by_target`.
    key : str
        Where the config stands, for messages.

    Raises
    ------
    SchemaError
        For a ``_target_`` that is in no table, or arguments that are unknown or out of range.
    """
    own = {k: _named(value, names) for k, value in config.items() if k not in HYDRA}
    try:
        return parse_values(kind, own)
    except SchemaError as error:
        raise SchemaError(f"{key}.{error}") from None


def _named(config: object, names: TargetNames) -> object:
    if isinstance(config, Mapping):
        inner = {str(k): _named(value, names) for k, value in config.items() if k not in HYDRA}
        if "_target_" not in config:
            return inner
        target = str(config["_target_"])
        return {"kind": names.get(target, target), **inner}
    if isinstance(config, Sequence) and not isinstance(config, str):
        return [_named(value, names) for value in config]
    return config
