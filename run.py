"""taggant: mark images, train a victim on them, audit it, see what can be proved.

The default run:             python run.py
A named experiment:          python run.py +experiment=demo
Other parts, other values:   python run.py data=fashion_mnist audit.p=0.01
A sweep:                     python run.py -m +experiment=demo score=margin,hinge audit.p=0.01,0.05
What would run:              python run.py +experiment=demo plan=true
Every part and value:        python run.py --help
"""

from __future__ import annotations

import sys

import hydra
from omegaconf import DictConfig

from taggant.cli import explain_errors
from taggant.overrides import in_any_order


@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def main(cfg: DictConfig) -> float | None:
    from taggant.pipeline.job import start  # here, so that --help and mistypings answer at once

    return start(cfg)


if __name__ == "__main__":
    sys.argv[1:] = in_any_order(sys.argv[1:])
    with explain_errors():
        sys.exit(main())
