"""Draw the trial in docs/owner.md: `python tools/owner_figure.py WITH.json WITHOUT.json OUT.png`.

Takes the certificates of the two audits. Their p-values: near 0 where pictures were used, spread
over 0..1 where not.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from taggant.report import style

SIDES = (("learnt them", style.USED), ("never saw them", style.UNUSED))


def main(paths: list[str], out: str) -> None:
    """Two curves: pictures with at most a p-value."""
    with style.applied():
        figure = Figure(figsize=(style.WIDTH, 3.2))
        ax = figure.subplots()
        for path, (name, colour) in zip(paths, SIDES, strict=True):
            pictures = json.loads(Path(path).read_text())["pictures"]
            p = np.sort([picture["p_value"] for picture in pictures])
            label = f"a model that {name}"
            ax.step(p, np.arange(1, len(p) + 1), where="post", color=colour, label=label)
        ends = np.geomspace(1e-3, 1, 50)
        ax.plot(ends, ends * len(p), color=style.INK, linestyle=":", label="chance")
        ax.set_xscale("log")
        ax.set_xlim(1e-3, 1.1)
        ax.set_xlabel("p-value of a picture")
        ax.set_ylabel("pictures with at most that")
        ax.legend(loc="best")
        figure.savefig(out, dpi=150)


if __name__ == "__main__":
    main(sys.argv[1:3], sys.argv[3])
