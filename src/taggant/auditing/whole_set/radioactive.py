"""Radioactive data as an audit of a run: white box, black box, and controls on the same model."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import polars as pl
import torch
from numpy.typing import ArrayLike, NDArray
from scipy.stats import kstest
from torch import Tensor

from taggant.auditing.whole_set.alignment import Alignment, align, aligned_rows
from taggant.auditing.whole_set.case import Evidence, SetCase
from taggant.auditing.whole_set.last_layer import last_layer
from taggant.marking.features import frozen_features
from taggant.marking.radioactive import Radioactive
from taggant.marking.scheme import Scheme
from taggant.stats import clopper_pearson, rank_of_set
from taggant.stats.radioactive import RadioactiveEvidence, radioactive_p

Floats = NDArray[np.float64]

if TYPE_CHECKING:
    from taggant.victim.victim import Victim


@dataclass(frozen=True)
class RadioactiveAudit:
    """Was a model trained on the set that carries the owner's class carriers?

    White box, the model's last layer is compared with the carriers; black box, the published set
    is ranked among sets with other carriers. The white-box test is exact given a marker and
    held-out images that know nothing of the carriers; the rank needs no assumption but a secret
    index.

    Parameters
    ----------
    p : float
        Bound on the false-detection rate of the white-box test, 0 < p < 1.
    images : int
        Marked images asked about in the black box; 0 leaves it out.
    controls : int
        Carrier sets that marked nothing, tested on the same model: they show the test's size.
    batch_size : int
        Images per forward.
    live : bool
        Whether log10 p is followed during training, by a callback.

    Raises
    ------
    ValueError
        For p outside 0..1, or fewer images or controls than none.
    """

    kind: ClassVar[str] = "whole_set"
    together: ClassVar[bool] = True

    p: float = 0.05
    images: int = 100
    controls: int = 200
    batch_size: int = 256
    live: bool = True

    def __post_init__(self) -> None:
        if not 0 < self.p < 1:
            raise ValueError(f"audit.p = {self.p}: accepted are numbers between 0 and 1")
        for name in ("images", "controls"):
            if getattr(self, name) < 0:
                raise ValueError(f"audit.{name} = {getattr(self, name)}: accepted are 0, 1, 2, ...")

    def check(self, scheme: Scheme, kind: type[Victim]) -> None:
        """Refuse marks or victims that this audit cannot read.

        Raises
        ------
        ValueError
            For marks that are not radioactive, or a victim that is no classifier.
        """
        _radioactive(scheme)
        if kind.answers != "logits":
            raise ValueError(
                f"audit=radioactive reads a classifier's last layer, and {kind.__name__} answers "
                f"with {kind.answers}"
            )

    def check_images(self, images: int) -> None:
        """Any number of marked images will do: see `WholeSetAudit.check_images`."""

    def watch(self, case: SetCase) -> dict[str, float]:
        """The white-box test alone, for curves over training."""
        rows, _ = self._rows(case)
        found = radioactive_p(rows, self._carriers(case, case.index))
        return {"log10_p": found.log10_p, "mean_cosine": float(found.cosines.mean())}

    def __call__(self, case: SetCase) -> Evidence:
        """All tests."""
        rows, alignment = self._rows(case)
        found = radioactive_p(rows, self._carriers(case, case.index))
        metrics = self._white_box(found, alignment)
        tables = {"classes": _per_class(found, case.raw.class_names)}
        if self.controls:
            others = self._others(case, rows)
            metrics |= self._size(others)
            tables["controls"] = pl.DataFrame({"log10_p": others / math.log(10)})
        if self.images and case.scheme.n > 1:
            metrics |= self._black_box(case)
        return Evidence(metrics, tables)

    def _rows(self, case: SetCase) -> tuple[Floats, Alignment]:
        """The last layer's rows in the marker's space, and how they came there."""
        images = case.held_out.images
        layer = last_layer(case.victim, images, self.batch_size)
        marker = frozen_features(_radioactive(case.scheme).marker, images).numpy()
        alignment = align(marker, layer.features)
        return aligned_rows(layer.weights, alignment), alignment

    def _carriers(self, case: SetCase, index: int) -> Tensor:
        scheme = _radioactive(case.scheme)
        dimension = scheme.marker.dimension(case.raw.images[0])
        return scheme.carriers(case.draws.secret, index, range(case.classes), dimension)

    def _white_box(self, found: RadioactiveEvidence, alignment: Alignment) -> dict[str, object]:
        classes, d = len(found.cosines), alignment.matrix.shape[0]
        mean = float(found.cosines.mean())
        return {
            "p": self.p,
            "log10_p": found.log10_p,
            "claim": found.log_p_combined <= math.log(self.p),
            "mean_cosine": mean,
            "sigmas": mean * math.sqrt(classes * d),
            "marker_features": d,
            "alignment_rank": alignment.rank,
            "alignment_unexplained": alignment.unexplained,
        }

    def _others(self, case: SetCase, rows: Floats) -> Floats:
        """Natural log of p for carrier sets beyond the n that could have been published."""
        n = case.scheme.n
        drawn = (self._carriers(case, n + i) for i in range(self.controls))
        return np.array([radioactive_p(rows, carriers).log_p_combined for carriers in drawn])

    def _size(self, log_p: Floats) -> dict[str, object]:
        """How often carriers that marked nothing are found: p of the time, if exact."""
        rejected = int((log_p <= math.log(self.p)).sum())
        interval = clopper_pearson(rejected, self.controls)
        return {
            "controls": self.controls,
            "control_rate": rejected / self.controls,
            "control_rate_ci": [float(interval.low), float(interval.high)],
            "control_uniform": float(kstest(np.exp(log_p), "uniform", method="exact").pvalue),
        }

    def _black_box(self, case: SetCase) -> dict[str, object]:
        """Rank of the published set, and the paper's gap of losses."""
        scores = case.scores(self.images).T
        ranked = rank_of_set(scores, case.index, case.draws.seed("ties"))
        few = case.raw.select(torch.arange(scores.shape[1]))
        assert few.labels is not None
        vanilla = -case.score(few.images, few.labels)
        gap, interval = loss_gap(-scores[case.index], vanilla)
        return {
            "black_box_p": ranked.p_value,
            "black_box_sets": ranked.sets,
            "black_box_images": len(vanilla),
            "black_box_queries": scores.size,
            "loss_gap": gap,
            "loss_gap_ci": list(interval),
        }


def _radioactive(scheme: Scheme) -> Radioactive:
    if not isinstance(scheme, Radioactive):
        raise ValueError(
            f"audit=radioactive reads radioactive marks, and these are {scheme!r:.40}: "
            "accepted is marking=radioactive"
        )
    return scheme


def _per_class(found: RadioactiveEvidence, names: Sequence[str]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "class": names,
            "cosine": found.cosines,
            "log10_p": np.asarray(found.log_p) / math.log(10),
        }
    )


def loss_gap(marked: ArrayLike, vanilla: ArrayLike) -> tuple[float, tuple[float, float]]:
    """The paper's effect size: mean loss on marked less mean loss on vanilla images.

    It carries no guarantee: marks change the loss of any model, and a vanilla image may itself
    have been trained on. The interval speaks of the images' spread only.

    Parameters
    ----------
    marked, vanilla : float array [M]
        Losses of the same M >= 2 images with and without marks.

    Returns
    -------
    (float, (float, float))
        The gap, and its normal 95 % interval over images.
    """
    difference: NDArray[np.float64] = np.asarray(marked, float) - np.asarray(vanilla, float)
    gap = float(difference.mean())
    half = 1.959964 * float(difference.std(ddof=1)) / math.sqrt(len(difference))
    return gap, (gap - half, gap + half)
