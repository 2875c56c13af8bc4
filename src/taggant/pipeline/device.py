"""Where models compute."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import torch
from torch import nn

Model = TypeVar("Model", bound=nn.Module)


def device_of(accelerator: str) -> torch.device:
    """The CPU for the accelerator "cpu"; for any other a GPU, if there is one."""
    on_gpu = accelerator != "cpu" and torch.cuda.is_available()
    return torch.device("cuda" if on_gpu else "cpu")


def native_bfloat16(device: torch.device) -> bool:
    """Whether a device computes in bfloat16 itself: emulated, it is many times slower.

    A torch that does not know what its CPU can do (before 2.11) counts as one that cannot.
    """
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    capabilities: Mapping[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(capabilities.get("avx512_bf16", False))


def placed(victim: Model, accelerator: str) -> tuple[Model, torch.device]:
    """A model on the device where it will be asked, and that device.

    A model that is on a GPU (in training) stays there; one on the CPU moves as `device_of` says.
    """
    device = next(victim.parameters()).device
    if device.type == "cpu":
        device = device_of(accelerator)
        victim = victim.to(device)
    return victim, device
