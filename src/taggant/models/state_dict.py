"""The weights of a network among all that a training script saved."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

DEPTH = 6
"""Mappings within mappings that are looked into."""
LISTED = 3
WRAPPERS = re.compile(r"(^|(?<=\.))_(orig_mod|fsdp_wrapped_module|checkpoint_wrapped_module)\.")
"""What torch.compile and FSDP write into names, anywhere."""
AVERAGED = re.compile(r"(^|[._])(ema|averaged?|swa|shadow)([._]|$)")
DERIVED = (
    *("num_batches_tracked", "total_ops", "total_params", "relative_position_index"),
    *("attn_mask", "position_ids", "input_resolution", "context_length", "vocab_size"),
)
"""Ends of names of tensors that follow from the architecture, or only count."""


class NoFitError(ValueError):
    """No weights of this network are in there."""


@dataclass(frozen=True)
class StateDict:
    """Weights that fit a network.

    Attributes
    ----------
    location : str
        Where they stand: the keys above them and the prefix of their names.
    tensors : mapping
        By the network's own names.
    others : tuple of str
        Paths of other weights that fit as well and differ.
    """

    location: str
    tensors: Mapping[str, Tensor]
    others: tuple[str, ...] = ()


def find_state_dict(
    loaded: object, wanted: Mapping[str, Tensor], heads: Collection[str] = ()
) -> StateDict:
    """The weights of a network, under whatever keys and prefixes they were saved.

    Of several, averaged ones (EMA) come first, as it is those that are used; then the first.

    Parameters
    ----------
    loaded : object
        See `taggant.models.weights.read_weights`.
    wanted : mapping
        The network's own state.
    heads : collection of str
        Modules that may be there besides, and are left out.

    Raises
    ------
    NoFitError
        If none has every tensor of the network, in its shape, and no further one.
    """
    mappings = [(location, _tensors(found)) for location, found in _mappings(loaded)]
    mappings = [(location, tensors) for location, tensors in mappings if tensors]
    if not mappings:
        raise NoFitError("holds no state_dict")
    needed = [name for name in wanted if not name.endswith(DERIVED)]
    found = [
        StateDict(f"{location}{prefix}", _under(prefix, tensors))
        for location, tensors in mappings
        for prefix in _prefixes(tensors, needed)
    ]
    if not found:
        raise NoFitError(_missing([tensors for _, tensors in mappings], needed))
    locations = [state.location for state in found]
    faults = [_fault(state, wanted, heads, locations) for state in found]
    fitting = [state for state, fault in zip(found, faults, strict=True) if not fault]
    if not fitting:
        raise NoFitError(faults[0])
    fitting.sort(key=lambda state: AVERAGED.search(state.location) is None)  # stable
    chosen = fitting[0]
    others = tuple(state.location for state in fitting[1:] if not _same(chosen, state, needed))
    kept = {name: tensor for name, tensor in chosen.tensors.items() if name in wanted}
    return StateDict(chosen.location, kept, others)


def _mappings(loaded: object) -> Iterator[tuple[str, Mapping[object, object]]]:
    """Every mapping in a nest, those above first, with the keys that lead to it."""
    level, seen = [("", loaded)], set()
    for _ in range(DEPTH):
        below = []
        for location, found in level:
            if not isinstance(found, Mapping) or id(found) in seen:
                continue
            seen.add(id(found))
            yield location, found
            below += [(f"{location}{key}.", value) for key, value in found.items()]
        level = below


def _tensors(found: Mapping[object, object]) -> dict[str, Tensor]:
    return {
        WRAPPERS.sub("", key): value
        for key, value in found.items()
        if isinstance(key, str) and isinstance(value, Tensor)
    }


def _prefixes(tensors: Mapping[str, Tensor], needed: Sequence[str]) -> list[str]:
    """Prefixes under which every needed name is there."""
    first = needed[0]
    before = [
        name[: -len(first)] for name in tensors if name == first or name.endswith(f".{first}")
    ]
    return [prefix for prefix in before if all(f"{prefix}{name}" in tensors for name in needed)]


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }


def _same(one: StateDict, other: StateDict, needed: Sequence[str]) -> bool:
    pairs = [(one.tensors[name], other.tensors[name]) for name in needed]
    return all(a.dtype == b.dtype and torch.equal(a, b) for a, b in pairs)


def _fault(
    state: StateDict, wanted: Mapping[str, Tensor], heads: Collection[str], locations: Sequence[str]
) -> str:
    """What keeps weights of the right names from being the network's, or nothing."""
    copies = [  # that the network carries, of itself
        location.removeprefix(state.location)
        for location in locations
        if location != state.location and location.startswith(state.location)
    ]
    further = [
        name
        for name in state.tensors
        if name not in wanted
        and not name.endswith(DERIVED)
        and not name.startswith((*copies, *(f"{head}." for head in heads)))
    ]
    if further:
        return (
            f"has {len(further)} tensors that the network has not ({_listed(further)}): it is of "
            "another architecture, or holds parts that are to be left out when it is saved"
        )
    apart = [
        f"{name} {list(tensor.shape)}, not {list(wanted[name].shape)}"
        for name, tensor in state.tensors.items()
        if name in wanted and tensor.shape != wanted[name].shape
    ]
    return f"has tensors of other shapes: {_listed(apart)}" if apart else ""


def _missing(mappings: Sequence[Mapping[str, Tensor]], needed: Sequence[str]) -> str:
    """What the mapping that comes nearest lacks."""
    nearest = max(mappings, key=lambda tensors: len(set(needed) & _tails(tensors, needed)))
    there = _tails(nearest, needed)
    gone = [name for name in needed if name not in there]
    if not gone:
        return f"has its {len(needed)} tensors, but under different prefixes"
    return (
        f"lacks {len(gone)} of its {len(needed)} tensors ({_listed(gone)}); it has "
        f"{_listed(list(nearest))}"
    )


def _tails(tensors: Mapping[str, Tensor], needed: Sequence[str]) -> set[str]:
    """Every end of a name that starts at a dot, as far as it may be needed."""
    dots = 1 + max(name.count(".") for name in needed)
    return {".".join(name.split(".")[-n:]) for name in tensors for n in range(1, dots + 1)}


def _listed(names: Sequence[str]) -> str:
    more = ", ..." if len(names) > LISTED else ""
    return f"{', '.join(name[:80] for name in names[:LISTED])}{more}"
