"""The device that versions are made on: bits hold per device class, precision, thread count."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from taggant.marking.marker import deterministic
from taggant.marking.scheme import Scheme


@dataclass(frozen=True)
class MarkingDevice:
    """The device that makes versions and its thread count, with what may explain other bits.

    Attributes
    ----------
    device : {"cpu", "cuda"}
    threads : int
        Threads of a CPU.
    name : str
        Hardware.
    torch : str
        Version.
    """

    device: str
    threads: int
    name: str = ""
    torch: str = torch.__version__

    @classmethod
    def here(cls) -> MarkingDevice:
        """This machine: its GPU if it has one, else its CPU at the present thread count."""
        if torch.cuda.is_available():
            return cls("cuda", torch.get_num_threads(), torch.cuda.get_device_name())
        return cls("cpu", torch.get_num_threads(), platform.machine())

    @property
    def reachable(self) -> bool:
        """Whether versions can be made there from this process."""
        return self.device == "cpu" or torch.cuda.is_available()

    def versions(
        self,
        scheme: Scheme,
        secrets: Sequence[bytes],
        images: Tensor,
        ids: Sequence[str],
        indices: NDArray[np.int64],
        labels: Tensor | None = None,
    ) -> Tensor:
        """`scheme.versions` made on this device."""
        with self._threads(), deterministic(), torch.autocast(self.device, enabled=False):
            images = images.to(self.device)
            return scheme.versions(secrets, images, ids, indices, labels)

    @contextmanager
    def _threads(self) -> Iterator[None]:
        before = torch.get_num_threads()
        if before == self.threads or self.device != "cpu":
            yield
            return
        torch.set_num_threads(self.threads)
        try:
            yield
        finally:
            torch.set_num_threads(before)

    def __str__(self) -> str:
        return f"{self.device} ({self.name}, {self.threads} threads, torch {self.torch})"
