"""Where models compute."""

from __future__ import annotations

from typing import Any

import torch


def device_of(accelerator: str) -> torch.device:
    """The device that a trainer's accelerator means: a GPU if there is one, unless "cpu"."""
    on_gpu = accelerator != "cpu" and torch.cuda.is_available()
    return torch.device("cuda" if on_gpu else "cpu")


def placed(victim: Any, accelerator: str) -> tuple[Any, torch.device]:
    """The victim on the device where it answers: where it is in training, else a GPU if any."""
    if victim.device.type == "cpu":
        victim = victim.to(device_of(accelerator))
    return victim, victim.device
