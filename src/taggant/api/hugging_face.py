"""Detection curves from the Trainer of the transformers library."""

from __future__ import annotations

from typing import Any

from taggant.api.marked import Marked
from taggant.api.watch import Watch
from taggant.extras import library


def transformers_callback(marked: Marked, every: int = 1, p: float = 0.05, **options: Any) -> Any:
    """A ``transformers.TrainerCallback`` that audits the model every few epochs, and at the end.

    The rates go to the trainer's ``state.log_history``, as ``detection_rate/p=0.05`` and the like.
    Its ``results`` hold an `AuditResult` by epoch (from 1), its ``curve`` is a table of them.

    Guarantee: that of `taggant.audit` at each epoch, not for the best epoch chosen afterwards.

    Parameters
    ----------
    marked : Marked
        From `taggant.mark`; train on its `training_images`.
    every : int
        Epochs between audits.
    p : float
        Bound on the false-detection rate of each image's audit.
    **options
        Further arguments of `taggant.audit`; ``preprocess`` makes uint8 images [B, C, H, W] what
        the model takes as ``pixel_values`` - by default, their pixels in 0..1.

    Raises
    ------
    ModuleNotFoundError
        If transformers is not installed, naming the extra that brings it.
    ValueError, TypeError
        Naming the argument, the value and what is accepted.
    """
    base = library("transformers", "taggant.transformers_callback").TrainerCallback
    watch = Watch(marked, every, p, options)
    kind = type("AuditCallback", (_Hooks, base), {})
    callback: Any = kind(watch)
    return callback


class _Hooks:
    """What the trainer calls."""

    def __init__(self, watch: Watch) -> None:
        self.watch = watch
        self.results = watch.results

    @property
    def curve(self) -> Any:
        """See `Watch.curve`."""
        return self.watch.curve

    def on_epoch_end(self, args: Any, state: Any, control: Any, model: Any, **_: Any) -> None:
        epoch = round(state.epoch)
        if epoch in self.watch:
            self._look(epoch, state, model)

    def on_train_end(self, args: Any, state: Any, control: Any, model: Any, **_: Any) -> None:
        epoch = round(state.epoch)
        if epoch not in self.results:
            self._look(epoch, state, model)

    def _look(self, epoch: int, state: Any, model: Any) -> None:
        if state.is_world_process_zero:
            rates = self.watch.look(epoch, model)
            state.log_history.append({**rates, "epoch": state.epoch, "step": state.global_step})
