"""How often a model that drifts while it answers is claimed to have used an image it did not use.

    python tools/drift.py [--audits 100] [--images 100] [--n 200] [--batch 64]

Prints the tables of docs/guarantees.md, section 8: audits by the engine of a model that knows
nothing of any secret. Its scores of an image's versions are normal around a level of the image;
its answers flatten, all scores shrinking by a share that grows with the queries it answered, and
carry fresh noise. Levels and noise are in standard deviations of an image's versions. Seeded:
the same numbers come out again.
"""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from taggant import stats
from taggant.auditing.engine import read
from taggant.auditing.instance import decide
from taggant.data.imageset import ImageSet, content_ids
from taggant.marking.instances import Instances
from taggant.marking.ledger import Ledger
from taggant.marking.publish import publish, raw_sha256
from taggant.marking.scheme import Parameters, Scheme
from taggant.score import Oracle, Score

P = 0.05
NOISE = (0.0, 0.001, 0.01, 0.05, 0.2)
FLATTENING = (0.0, 0.0003, 0.001, 0.003, 0.018)
LEVELS = {"of one sign, 60 ± 10": (60.0, 10.0), "of both signs, 0 ± 30": (0.0, 30.0)}


class Numbered(Scheme):
    """A scheme whose versions say which they are: image and version stand in the pixels."""

    def __init__(self, n: int) -> None:
        self.n = n

    def versions(
        self,
        secrets: Sequence[bytes],
        images: Tensor,
        ids: Sequence[str],
        indices: NDArray[np.int64],
        labels: Tensor | None = None,
    ) -> Tensor:
        """See `Scheme.versions`."""
        numbers = np.ascontiguousarray(indices, "<i4")
        made = images[:, None].repeat(1, numbers.shape[1], 1, 1, 1)
        made[..., 0, 4:] = torch.from_numpy(numbers.view(np.uint8)).view(*numbers.shape, 1, 4)
        return made

    def parameters(self) -> Parameters:
        """See `Scheme.parameters`."""
        return {"n": self.n}


def numbered(count: int, n: int, seed: int, classes: int = 1) -> Instances:
    """Images of `Numbered` versions, half of them as if used, under a secret of this seed."""
    pixels = np.zeros((count, 1, 2, 8), np.uint8)
    pixels[:, 0, 0, :4] = np.arange(count, dtype="<i4").view(np.uint8).reshape(count, 4)
    images = torch.from_numpy(pixels)
    raw = ImageSet(
        images=images,
        ids=tuple(content_ids(images)),
        labels=torch.arange(count) % classes,
        captions=None,
        name="numbers",
        class_names=tuple(map(str, range(classes))),
        mean=(0.5,),
        std=(0.25,),
    )
    key = hashlib.sha256(f"numbered/{seed}".encode()).digest()
    scheme = Numbered(n)
    ledger = Ledger.draw(key, "", scheme.parameters(), n, raw.ids, raw_sha256(images))
    return Instances(raw, scheme, ledger, publish(scheme, ledger, raw, count // 2))


def which(images: Tensor) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Image and version [B] of versions [B, 1, 2, 8]."""
    codes = np.ascontiguousarray(images[:, 0, 0].cpu().numpy()).view("<i4")
    return codes[:, 0], codes[:, 1]


class Drifting(nn.Module):
    """Scores from a table, which flatten as it answers, and are noisy.

    Parameters
    ----------
    scores : float array [images, n]
    noise : float
        Standard deviation of what every answer carries.
    flattening : float
        Share of a score that is lost after `queries` images.
    queries : int
    seed : int
        Of the noise.
    """

    def __init__(
        self,
        scores: NDArray[np.float64],
        noise: float = 0.0,
        flattening: float = 0.0,
        queries: int = 1,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.scores, self.noise = scores, noise
        self.flattening, self.queries = flattening, queries
        self.random = np.random.default_rng(seed)
        self.answered = 0

    def forward(self, images: Tensor) -> Tensor:
        """Scores [B, 1]."""
        when = self.answered + np.arange(len(images))
        self.answered += len(images)
        left = 1 - self.flattening * when / self.queries
        noise = self.noise * self.random.standard_normal(len(images))
        return torch.from_numpy(self.scores[which(images)] * left + noise)[:, None]


def shown(answers: Tensor) -> Tensor:
    """Access to the score itself."""
    return answers


def first(answers: Tensor, targets: Tensor) -> Tensor:
    """The score that is shown."""
    return answers[:, 0]


SCORE = Score(first, shown)


def table(levels: tuple[float, float], count: int, n: int, seed: int) -> NDArray[np.float64]:
    """Scores [count, n] of versions with standard deviation 1 around levels (mean, sd)."""
    random = np.random.default_rng(seed)
    mean, spread = levels
    return mean + spread * random.standard_normal((count, 1)) + random.standard_normal((count, n))


def cell(
    levels: tuple[float, float], noise: float, flattening: float, options: argparse.Namespace
) -> tuple[int, int, int]:
    """Claims of unused images, those that doubt took away, and void audits."""
    test, count, n = stats.optimal(options.n, P), options.images, options.n
    still = Drifting(table(levels, count, n, 0))
    read(Oracle(still, shown, options.batch), SCORE, numbered(count, n, 0), [test])
    claims = taken = void = 0
    for seed in range(options.audits):
        scores = table(levels, count, n, seed)
        model = Drifting(scores, noise, flattening, still.answered, seed)
        instances = numbered(count, n, seed)
        readings = read(Oracle(model, shown, options.batch), SCORE, instances, [test])
        result = decide(readings, test, P, instances.published.used, 1)
        claims += int(result.claim.sum())
        taken += int(result.taken.sum())
        void += readings.fault is not None
    return claims, taken, void


def rows(levels: tuple[float, float], options: argparse.Namespace) -> Iterator[str]:
    """A table in Markdown: claims with their interval; share of audits that were void."""
    yield "| noise | " + " | ".join(f"flattens by {100 * share:g} %" for share in FLATTENING) + " |"
    yield "|---" * (1 + len(FLATTENING)) + "|"
    for noise in NOISE:
        cells = []
        for flattening in FLATTENING:
            claims, _, void = cell(levels, noise, flattening, options)
            size = rate(claims, options.audits * options.images)
            cells.append(f"{size}; {void / options.audits:.2f}")
        yield f"| {noise:g} | {' | '.join(cells)} |"


def rate(count: int, images: int) -> str:
    """A share with its exact 95 % interval."""
    interval = stats.clopper_pearson(count, images)
    return f"{count / images:.3f} [{interval.low:.3f}, {interval.high:.3f}]"


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    for name, value in (("audits", 100), ("images", 100), ("n", 200), ("batch", 64)):
        parser.add_argument(f"--{name}", type=int, default=value)
    options = parser.parse_args()
    for title, levels in LEVELS.items():
        print(f"\nLevels {title}:\n")
        for row in rows(levels, options):
            print(row, flush=True)


if __name__ == "__main__":
    main()
