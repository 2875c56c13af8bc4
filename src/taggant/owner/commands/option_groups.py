"""Options in groups: a parameter of a command may be a dataclass, whose fields are options.

Commands share groups, and help shows each group under a heading of its own.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from copy import copy
from dataclasses import MISSING, dataclass, fields
from typing import Annotated, Any, ClassVar, get_args, get_type_hints


@dataclass(frozen=True)
class OptionGroup:
    """Options that belong together: fields that are annotated as typer's options are.

    Attributes
    ----------
    heading : str
        Above the options in the help of a command.
    """

    heading: ClassVar[str]


def grouped(command: Callable[..., None]) -> Callable[..., None]:
    """A command as typer takes it: groups of options are laid open into single ones.

    Parameters
    ----------
    command : callable
        Its parameters are annotated as typer's are, or with a kind of `OptionGroup`.

    Raises
    ------
    TypeError
        If two options have one name.
    """
    hints = get_type_hints(command, include_extras=True)
    groups = {name: kind for name, kind in hints.items() if _is_group(kind)}
    parameters = list(_laid_open(command, hints))
    names = [parameter.name for parameter in parameters]
    if len(set(names)) < len(names):
        raise TypeError(f"{command.__name__}: an option is there twice in {', '.join(names)}")

    def run(**values: Any) -> None:
        for name, kind in groups.items():
            values[name] = kind(**{field.name: values.pop(field.name) for field in fields(kind)})
        command(**values)

    shown: Any = run  # functions have no declared signature
    shown.__signature__ = inspect.Signature(parameters)
    shown.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    shown.__name__, shown.__doc__ = command.__name__, command.__doc__
    return run


def _is_group(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, OptionGroup)


def _laid_open(
    command: Callable[..., None], hints: Mapping[str, Any]
) -> Iterator[inspect.Parameter]:
    for name, parameter in inspect.signature(command).parameters.items():
        kind = hints[name]
        if not _is_group(kind):
            yield parameter.replace(annotation=kind, kind=inspect.Parameter.KEYWORD_ONLY)
            continue
        own = get_type_hints(kind, include_extras=True)
        for field in fields(kind):
            yield inspect.Parameter(
                field.name,
                inspect.Parameter.KEYWORD_ONLY,
                default=inspect.Parameter.empty if field.default is MISSING else field.default,
                annotation=_under(own[field.name], kind.heading),
            )


def _under(annotation: Any, heading: str) -> Any:
    """An option's annotation, to be shown under a heading."""
    kind, option = get_args(annotation)
    shown = copy(option)
    shown.rich_help_panel = heading
    return Annotated[kind, shown]
