"""A part by its short name, and the short form of what hydra composed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, TypeVar, get_args

from taggant.owner.form import Form, FormError, of_values

HYDRA = frozenset({"_target_", "_partial_", "_recursive_", "_convert_"})
Table = Mapping[str, str]
"""What a config's ``_target_`` says -> short name; only ever compared with."""
AnyForm = TypeVar("AnyForm", bound=Form)


class Part(Form):
    """Something of this package, by the field ``kind``; its other fields are its arguments."""

    makes: ClassVar[Callable[..., Any]]

    @property
    def arguments(self) -> dict[str, Any]:
        """Arguments of what it makes, parts among them made."""
        values = {key: getattr(self, key) for key in type(self).model_fields if key != "kind"}
        return {key: v.build() if isinstance(v, Part) else v for key, v in values.items()}

    def build(self) -> Any:
        """Make it."""
        return type(self).makes(**self.arguments)


class Function(Part):
    """A function of this package that is used as it is."""

    def build(self) -> Any:
        """The function itself."""
        return type(self).makes


def table(*unions: Any) -> Table:
    """The short names of parts, given as unions, by what their configs name."""
    parts = [part for union in unions for part in (get_args(union) or (union,))]
    return {
        f"{part.makes.__module__}.{part.makes.__qualname__}": short_name(part) for part in parts
    }


def short_name(part: type[Part]) -> str:
    """The one value that a part's field ``kind`` may have."""
    return str(get_args(part.model_fields["kind"].annotation)[0])


def short(kind: type[AnyForm], config: Mapping[str, Any], names: Table, key: str) -> AnyForm:
    """The form of a config that hydra composed, as files hold it.

    Parameters
    ----------
    kind : class of `Form`
    config : mapping
        Plain values; what its own ``_target_`` says is the caller's business.
    names : mapping
        See `table`.
    key : str
        Where the config stands, for messages.

    Raises
    ------
    FormError
        For a ``_target_`` that is in no table, or arguments that are unknown or out of range.
    """
    own = {name: value for name, value in config.items() if name not in HYDRA}
    try:
        return of_values(kind, _named(own, names))
    except FormError as error:
        raise FormError(f"{key}.{error}") from None


def _named(config: Any, names: Table) -> Any:
    if isinstance(config, Mapping):
        inner = {str(k): _named(value, names) for k, value in config.items() if k not in HYDRA}
        if "_target_" not in config:
            return inner
        target = str(config["_target_"])
        return {"kind": names.get(target, target), **inner}
    if isinstance(config, Sequence) and not isinstance(config, str):
        return [_named(value, names) for value in config]
    return config
