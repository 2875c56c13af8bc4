"""Loggers of a run: opened with its setup, given its metrics and figures, closed at its end.

They hold no more than the run's folder does, and nothing is ever read back from them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from hydra.utils import instantiate
from omegaconf import DictConfig
from PIL import Image
from pytorch_lightning.loggers import Logger, TensorBoardLogger, WandbLogger

from taggant.configs import Plain
from taggant.extras import library
from taggant.report.flat import flat_metrics

CSV = "csv"
"""Folder of the log that every run has by default."""
FIGURES = "figures"


@dataclass(frozen=True)
class About:
    """What loggers need to know of a run before it starts.

    Attributes
    ----------
    key : str
        The same for a run and its repetitions, which continue one log.
    group : str or None
        The sweep that it is part of.
    setup : mapping
        Its choices and config, by flat names.
    """

    key: str
    group: str | None
    setup: Plain


@contextmanager
def opened(nodes: Mapping[str, DictConfig], about: About, loggers: list[Logger]) -> Iterator[None]:
    """Open a logger for each config node and put it into `loggers`; close all at the end.

    Parameters
    ----------
    nodes : mapping
        Config of each logger.
    about : About
    loggers : list
        Empty before and after.
    """
    failed = True
    try:
        loggers += [_made(node, about) for node in nodes.values()]
        for logger in loggers:
            if not isinstance(logger, TensorBoardLogger):  # it takes them with the results
                logger.log_hyperparams(dict(about.setup))
        yield
        failed = False
    finally:
        for logger in loggers:
            _close(logger, failed)
        loggers.clear()


def tell(loggers: Sequence[Logger], about: About, metrics: Plain, folder: Path, step: int) -> None:
    """Log what came out of a run, and the figures of its report.

    Parameters
    ----------
    loggers : sequence of Logger
    about : About
    metrics : mapping
        As in ``result.json``.
    folder : Path
        The run's.
    step : int
        Where training ended, for logs that keep one series a name.
    """
    known = {name: value for name, value in flat_metrics(metrics) if value is not None}
    numbers = {name: float(v) for name, v in known.items() if isinstance(v, (int, float))}
    figures = sorted((folder / FIGURES).glob("*.png"))
    for logger in loggers:
        if isinstance(logger, WandbLogger):
            logger.experiment.summary.update(known)
            for path in figures:
                logger.log_image(f"{FIGURES}/{path.stem}", [str(path)])
        elif isinstance(logger, TensorBoardLogger):
            logger.log_hyperparams(dict(about.setup), numbers, step)
            for path in figures:
                pixels = np.asarray(Image.open(path).convert("RGB"))
                logger.experiment.add_image(
                    f"{FIGURES}/{path.stem}", pixels, step, dataformats="HWC"
                )
        else:
            logger.log_metrics(numbers, step)


def _made(node: DictConfig, about: About) -> Logger:
    """Make a logger; give Weights & Biases the run's id and group."""
    kind = node._target_.rpartition(".")[2]
    if kind == TensorBoardLogger.__name__:
        library("tensorboard", "logger=tensorboard")
    if kind != WandbLogger.__name__:
        logger: Logger = instantiate(node)
        return logger
    given = {"id": about.key, "group": about.group}
    named: Logger = instantiate(node, **{k: v for k, v in given.items() if k not in node})
    return named


def _close(logger: Logger, failed: bool) -> None:
    logger.finalize("failed" if failed else "success")
    if isinstance(logger, WandbLogger):
        import wandb

        wandb.finish(exit_code=int(failed))  # else the next job of a sweep would go on with it
