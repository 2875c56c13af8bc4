"""Pictures of marks: images raw, as published, and what was changed."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from taggant.report import style

GAIN = 8
"""How many times the difference of raw and published is amplified."""


@style.styled
def samples(
    raw: NDArray[np.uint8], published: NDArray[np.uint8], gain: int = GAIN, limit: int = 6
) -> Figure:
    """Images before marking, as published, and what was changed.

    Parameters
    ----------
    raw, published : ndarray
        uint8 [k, C, H, W], pixel values 0..255, C = 1 or 3.
    gain : int
        The difference is shown ``gain`` times as strong around mid-grey (128), clipped to 0..255.
    limit : int
        At most so many images are drawn: more would be too small to see.
    """
    raw, published = raw[:limit], published[:limit]
    change = published.astype(np.int16) - raw.astype(np.int16)
    amplified = np.clip(128 + gain * change, 0, 255).astype(np.uint8)
    count, _, height, width = raw.shape
    columns = max(count, 4)  # one or two images need not fill the width
    cell = (style.WIDTH - 0.9) / columns
    fig = Figure(figsize=(style.WIDTH, 3 * cell * height / width + 0.06))
    panels = fig.subplots(3, columns, squeeze=False)
    rows = (("raw", raw), ("published", published), (f"difference\n× {gain}", amplified))
    for line, (name, images) in enumerate(rows):
        for ax, image in zip(panels[line], images, strict=False):
            _pixels(ax, image)
        for ax in panels[line][count:]:
            ax.set_visible(False)
        panels[line][0].set_ylabel(name, rotation=0, ha="right", va="center", labelpad=6)
    fig.set_layout_engine("constrained", w_pad=0.02, h_pad=0.02, wspace=0.0, hspace=0.0)
    return fig


def _pixels(ax: Axes, image: NDArray[np.uint8]) -> None:
    """Show uint8 [C, H, W] pixel by pixel, without any smoothing between pixels."""
    shown = np.broadcast_to(image, (3, *image.shape[1:])).transpose(1, 2, 0)
    ax.imshow(shown, interpolation="none")
    ax.set_xticks([])
    ax.set_yticks([])
    ax.grid(visible=False)
    for spine in ax.spines.values():
        spine.set_visible(False)
