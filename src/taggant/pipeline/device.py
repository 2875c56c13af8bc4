"""Where models compute."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch


def device_of(accelerator: str) -> torch.device:
    """The device that a trainer's accelerator means: a GPU if there is one, unless "cpu"."""
    on_gpu = accelerator != "cpu" and torch.cuda.is_available()
    return torch.device("cuda" if on_gpu else "cpu")


def native_bfloat16(device: torch.device) -> bool:
    """Whether a device computes in bfloat16 itself: emulated, it is many times slower.

    A torch that does not know what its CPU can do (before 2.11) counts as one that cannot.
    """
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    capabilities: Mapping[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(capabilities.get("avx512_bf16", False))


def placed(victim: Any, accelerator: str) -> tuple[Any, torch.device]:
    """The victim on the device where it answers: where it is in training, else a GPU if any."""
    if victim.device.type == "cpu":
        victim = victim.to(device_of(accelerator))
    return victim, victim.device
