"""White-box p-values of radioactive marks, in log space.

A class's row of aligned final-layer weights and its secret carrier, a uniform unit vector in d
dimensions, have cosine c. If the model is independent of the carrier,

    P(cosine >= c) = 1/2 I_{1-c^2}((d-1)/2, 1/2)    for c >= 0,   and 1 - P(cosine >= -c) below 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betainc, betaln

from taggant.stats.arrays import Floats
from taggant.stats.checks import integer
from taggant.stats.multiple import fisher

_SAFE = 1e-200  # above this the incomplete beta function has full relative accuracy


def log_cosine_p(cosine: ArrayLike, d: int) -> Floats:
    """Return log P(cosine with a uniform unit vector >= c) in d dimensions, elementwise.

    Guarantee: exact if the carrier is uniform on the sphere and independent of the model. No
    underflow: at c = .9, d = 1280 the p-value is about 1e-466.

    Raises
    ------
    ValueError
        If d < 2 or a cosine lies outside [-1, 1].
    """
    c = np.asarray(cosine, dtype=float)
    d = integer(d, "d", 2)
    if np.any(~(np.abs(c) <= 1 + 1e-9)):
        raise ValueError("cosine outside the accepted range [-1, 1]")
    size = np.minimum(np.abs(c), 1.0)
    log_upper = np.log(0.5) + _log_betainc((d - 1) / 2, size)
    return np.asarray(np.where(c >= 0, log_upper, np.log1p(-np.exp(log_upper))))


def _log_betainc(a: float, c: Floats) -> Floats:
    """log I_{1-c^2}(a, 1/2), by the library where it is safe and by its power series elsewhere."""
    with np.errstate(divide="ignore"):
        plain = betainc(a, 0.5, 1 - c**2)
        value = np.atleast_1d(np.log(plain))
    deep = np.atleast_1d((plain < _SAFE) & (c < 1))
    x_comp = np.atleast_1d(c)[deep] ** 2
    # I_x(a, b) = x^a (1-x)^b / (a B(a, b)) * sum_k (a+b)_k / (a+1)_k x^k: every term is positive.
    x = 1 - x_comp
    total, term, k = np.ones_like(x), np.ones_like(x), 0
    while term.size and np.any(term > np.finfo(float).eps * total * x_comp):
        term = term * (a + 0.5 + k) / (a + 1 + k) * x
        total = total + term
        k += 1
    front = a * np.log1p(-x_comp) + 0.5 * np.log(x_comp) - np.log(a) - betaln(a, 0.5)
    value[deep] = front + np.log(total)
    return np.asarray(value.reshape(np.shape(c)))


@dataclass(frozen=True, eq=False)
class RadioactiveEvidence:
    """Evidence that marked images of several classes were trained on.

    Attributes
    ----------
    cosines : float array [classes]
        0 for a class whose weights are zero.
    log_p : float array [classes]
        Natural log of the one-sided p-value of each class.
    log_p_combined : float
        Natural log of Fisher's combination over classes.
    """

    cosines: Floats
    log_p: Floats
    log_p_combined: float

    @property
    def log10_p(self) -> float:
        """The combined p-value as a power of ten."""
        return self.log_p_combined / float(np.log(10))


def radioactive_p(weights: ArrayLike, carriers: ArrayLike) -> RadioactiveEvidence:
    """Test whether aligned class weights lean towards their secret carriers.

    Guarantee: P(p <= x) = x under the null, if the carriers are independent uniform unit vectors,
    independent of the tested model (of its training data, its initialisation and its alignment).
    Carriers chosen after looking at a model, or a model initialised from the marking network
    trained on marked images, break it.

    Parameters
    ----------
    weights : float array [classes, d]
        Final-layer rows of the tested model, aligned to the marker's feature space.
    carriers : float array [classes, d]
        Secret carriers; normalised here.

    Raises
    ------
    ValueError
        If the shapes differ or a carrier is zero.
    """
    rows, units = np.asarray(weights, float), np.asarray(carriers, float)
    if rows.ndim != 2 or rows.shape != units.shape:
        raise ValueError(
            f"weights {rows.shape} and carriers {units.shape}: accepted is one shape [classes, d]"
        )
    lengths, norms = np.linalg.norm(rows, axis=1), np.linalg.norm(units, axis=1)
    if np.any(norms == 0):
        raise ValueError(f"carrier {int(np.argmin(norms))} is zero, accepted are directions")
    zero = lengths == 0
    dots = np.einsum("cd,cd->c", rows, units)
    cosines = np.clip(dots / (np.where(zero, 1.0, lengths) * norms), -1.0, 1.0)
    log_p = np.where(zero, 0.0, log_cosine_p(cosines, rows.shape[1]))
    return RadioactiveEvidence(cosines, log_p, fisher(log_p))
