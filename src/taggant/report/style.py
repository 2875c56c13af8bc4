"""How every figure looks: colour-blind safe colours, sizes that stay readable on a telephone.

Figures are drawn about 5 inches wide with 10-point text, so that a figure shown 360 pixels wide
still has text of about 10 pixels. Colours are those of Okabe and Ito [1]_.

References
----------
.. [1] M. Okabe, K. Ito, "Color Universal Design", 2008.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, cast

import matplotlib
from matplotlib.figure import Figure

P = ParamSpec("P")

WIDTH = 5.0
"""Width of a figure in inches."""

USED = "#0072b2"  # blue
UNUSED = "#d55e00"  # vermillion
EXTRA = "#009e73"  # bluish green: what is neither group, such as the model's accuracy
LOSS = "#cc79a7"  # reddish purple
INK = "#1b1f24"
FAINT = "#6b7280"
GRID = "#e3e6ea"
BAND = "#d3d7dc"
PAPER = "#ffffff"

DASHED = (0, (4, 3))
"""Of lines that say what would be expected, or accepted."""

CSS_NAMES = {
    USED: "--used",
    UNUSED: "--unused",
    EXTRA: "--extra",
    LOSS: "--loss",
    INK: "--ink",
    FAINT: "--faint",
    GRID: "--grid",
    BAND: "--band",
    PAPER: "--card",
}
"""The CSS variable of each colour in a page, which may give it another value in the dark."""

SETTINGS: dict[str, object] = {
    "figure.dpi": 100,
    "savefig.dpi": 220,
    "figure.facecolor": PAPER,
    "axes.facecolor": PAPER,
    "savefig.facecolor": PAPER,
    "figure.constrained_layout.use": True,
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],  # ships with matplotlib: the same figure everywhere
    "font.size": 10,
    "axes.titlesize": 10.5,
    "axes.titlelocation": "left",
    "axes.labelsize": 10,
    "xtick.labelsize": 9.5,
    "ytick.labelsize": 9.5,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "axes.edgecolor": FAINT,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "lines.linewidth": 1.8,
    "lines.markersize": 4,
    "legend.frameon": False,
    "svg.fonttype": "path",
    "svg.hashsalt": "taggant",
    "pdf.fonttype": 42,
}


@contextmanager
def applied() -> Iterator[None]:
    """Apply the style whatever the user's matplotlibrc says, and put back what was there."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(cast(Any, SETTINGS))  # the stubs list every name
        yield


def styled(draw: Callable[P, Figure]) -> Callable[P, Figure]:
    """Make a figure function draw in this style, from wherever it is called."""

    @wraps(draw)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> Figure:
        with applied():
            return draw(*args, **kwargs)

    return wrapper


def save(fig: Figure, stem: Path, formats: Iterable[str] = ("png",)) -> tuple[Path, ...]:
    """Write a figure as ``stem.png``, ``stem.pdf`` and so on.

    Parameters
    ----------
    fig : Figure
        Any figure of this package.
    stem : Path
        Where to write, without the ending; its folder is made when it does not exist.
    formats : iterable of str
        Endings that matplotlib can write: ``png``, ``pdf``, ``svg``, ...

    Returns
    -------
    tuple of Path
        The files written, in the order of `formats`.

    Raises
    ------
    ValueError
        If a format is none of matplotlib's.
    """
    formats = tuple(formats)
    accepted = sorted(fig.canvas.get_supported_filetypes())
    for ending in formats:
        if ending not in accepted:
            raise ValueError(f"unknown figure format {ending!r}; accepted: {', '.join(accepted)}")
    stem.parent.mkdir(parents=True, exist_ok=True)
    paths = tuple(stem.with_name(f"{stem.name}.{ending}") for ending in formats)
    with applied():
        for path in paths:
            fig.savefig(path)
    return paths


def inline_svg(fig: Figure, name: str) -> str:
    """Draw a figure as an ``<svg>`` element to put into an HTML page.

    The element names no outside resource, and its colours are the page's CSS variables
    (`CSS_NAMES`), so that the page decides about light and dark.

    Parameters
    ----------
    fig : Figure
        Any figure of this package.
    name : str
        A word unique in the page: identifiers inside the element derive from it.

    Returns
    -------
    str
        The element, without an XML prologue.
    """
    buffer = io.StringIO()
    nothing = {"Date": None, "Creator": None, "Format": None, "Type": None}
    with applied(), matplotlib.rc_context({"svg.hashsalt": name}):
        fig.savefig(buffer, format="svg", metadata=nothing)
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<!--.*?-->|\sxmlns(:\w+)?=\"[^\"]*\"", "", svg, flags=re.DOTALL)
    for colour, variable in CSS_NAMES.items():
        svg = svg.replace(colour, f"var({variable})")
    return _with_own_identifiers(svg, name)


def _with_own_identifiers(svg: str, name: str) -> str:
    """Prefix all identifiers: one page holds several figures that share glyph names."""
    svg = re.sub(r"\bid=\"", f'id="{name}-', svg)
    svg = re.sub(r"href=\"#", f'href="#{name}-', svg)
    return svg.replace("url(#", f"url(#{name}-")
