"""Radioactive data, white box: a last layer's rows in the space of the marker's features.

The cosines of these rows with the secret carriers are evidence (`taggant.stats.radioactive_p`), and
its p-values are exact for any network that is independent of the carriers, of any architecture,
width and quality of alignment: then every aligned row is fixed and its carrier a uniform direction.
That does not hold where a network was *initialised* from the marker, or aligned on marked images.

Source: Sablayrolles et al., "Radioactive data: tracing through training" (arXiv 2002.00937). The
reference code (``detect_radioactivity.py`` of github.com/facebookresearch/radioactive_data at
b14d780) aligns on centre crops, 224 of 256 pixels, which is how its networks are tested. The audit
here aligns on whole images, as the networks here are. On three in ten marked emoji (25 steps, 400
images, two trainings) log10 p is -.71 and -.96 so, and -.07 and -.45 on centre crops of 28 of 32
pixels: neither finds these weak marks. The guarantee holds either way.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.linalg
from numpy.typing import ArrayLike, NDArray

FLOAT32_NOISE = 1e-6
"""Features are float32: singular values and rows below this share of the largest are noise."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Alignment:
    """The linear map M that takes a marker's features nearest to a tested network's.

    Attributes
    ----------
    matrix : float64 array [d_m, d_t]
        M = argmin ||F_m M - F_t||, of all minimisers the smallest.
    rank : int
        Of F_m; below d_m where features are dead, dependent, or more than images.
    unexplained : float
        ||F_m M - F_t||^2 / ||F_t||^2, 0..1.
    """

    matrix: Floats
    rank: int
    unexplained: float


def align(marker_features: ArrayLike, tested_features: ArrayLike) -> Alignment:
    """Least squares without intercept, in float64, by singular values (LAPACK's gelsd).

    Parameters
    ----------
    marker_features : float array [N, d_m]
        Of vanilla images that neither network learnt from.
    tested_features : float array [N, d_t]
        Of the same images; d_t need not be d_m.

    Raises
    ------
    ValueError
        If the numbers of images differ or a feature is not finite.
    """
    given, wanted = np.asarray(marker_features, float), np.asarray(tested_features, float)
    if given.ndim != 2 or wanted.ndim != 2 or len(given) != len(wanted):
        raise ValueError(
            f"features {given.shape} and {wanted.shape}: accepted are [N, d_m] and [N, d_t]"
        )
    if not (np.isfinite(given).all() and np.isfinite(wanted).all()):
        raise ValueError("features are not finite: the network diverged or was given no images")
    matrix, _, rank, _ = scipy.linalg.lstsq(
        given, wanted, cond=FLOAT32_NOISE, lapack_driver="gelsd"
    )
    left = float(np.square(given @ matrix - wanted).sum())
    whole = float(np.square(wanted).sum())
    return Alignment(matrix, int(rank), left / whole if whole > 0 else 0.0)


def aligned_rows(weights: ArrayLike, alignment: Alignment) -> Floats:
    """W' = W M^T in the marker's space, rows of length 1 [classes, d_m].

    A row that is nothing but rounding beside the largest becomes exactly zero, which counts as no
    evidence (p = 1).
    """
    rows = np.asarray(weights, float) @ alignment.matrix.T
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    noise = lengths <= FLOAT32_NOISE * lengths.max(initial=0.0)
    unit: Floats = np.where(noise, 0.0, rows / np.where(noise, 1.0, lengths))
    return unit
