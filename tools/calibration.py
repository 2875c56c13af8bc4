"""Stopped audits of a model that never met a mark: claims at every access level, beside the size.

    python tools/calibration.py [--instances 2000] [--n 20 100 1000]

Prints the table of docs/guarantees.md, section 10. The model is trained on the raw pictures until
it knows many by heart; all instances are unused. Seeded: the same numbers come out again.
"""

from __future__ import annotations

import argparse
import functools
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, normalize

from taggant import stats
from taggant.auditing.engine import read
from taggant.auditing.instance import Verdicts, decide
from taggant.data.imageset import ImageSet, content_ids
from taggant.marking.instances import Instances
from taggant.marking.ledger import Ledger
from taggant.marking.n_version import NVersion, Sign
from taggant.marking.publish import publish, raw_sha256
from taggant.score import Oracle, Score, image_text, membership
from taggant.score.access import Embedding, Full, Label, Rounded, Tokens, TopK
from taggant.stats import Boundary

P, CLASSES, SIDE, WIDTH = 0.05, 4, 8, 64
BATCH = 1024


@functools.cache
def audited(n: int, count: int) -> Instances:
    """Random pictures in n versions each."""
    generator = torch.Generator().manual_seed(1)
    images = torch.randint(0, 256, (count, 3, SIDE, SIDE), generator=generator, dtype=torch.uint8)
    raw = ImageSet(
        images=images,
        ids=tuple(content_ids(images)),
        labels=torch.arange(count) % CLASSES,
        captions=None,
        name="random pictures",
        class_names=tuple(map(str, range(CLASSES))),
        mean=(0.5,) * 3,
        std=(0.25,) * 3,
    )
    scheme = NVersion(n, 10, Sign(2))
    digests = raw_sha256(images)
    ledger = Ledger.draw(bytes(32), "calibration", scheme.parameters(), n, raw.ids, digests)
    return Instances(raw, scheme, ledger, publish(scheme, ledger, raw, 0))


class Net(nn.Module):
    """A small net that answers with logits, an embedding or tokens, and has a projector."""

    def __init__(self, answers: str = "logits") -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Flatten(), nn.Linear(3 * SIDE * SIDE, WIDTH), nn.ReLU())
        self.head = nn.Linear(WIDTH, CLASSES)
        self.projector = nn.Linear(WIDTH, WIDTH)
        self.answers = answers

    def forward(self, images: Tensor) -> Tensor:
        """Answers [B, ...] to uint8 [B, C, H, W]."""
        hidden: Tensor = self.body(images / 255 - 0.5)
        if self.answers == "logits":
            hidden = self.head(hidden)
        return hidden.unflatten(1, (4, -1)) if self.answers == "tokens" else hidden

    def project(self, images: Tensor) -> Tensor:
        """Projected embeddings [B, D]."""
        projected: Tensor = self.projector(self.body(images / 255 - 0.5))
        return projected


@functools.cache
def victim(kind: str, answers: str, count: int) -> Net:
    """Untrained; or trained on the raw pictures."""
    torch.manual_seed(0)
    net = Net()
    if kind == "raw":
        raw = audited(20, count).raw
        assert raw.labels is not None
        optimizer = torch.optim.Adam(net.parameters(), 3e-3)
        for _ in range(25):
            for chosen in torch.randperm(count).split(100):
                loss = cross_entropy(net(raw.images[chosen]), raw.labels[chosen])
                optimizer.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
    net.answers = answers
    return net.eval()


def written(tokens: Tensor, targets: Tensor) -> Tensor:
    """How near tokens [B, T, D] come to a text's [B, T D]."""
    return -(tokens.flatten(1) - targets).square().mean(1)


LEVELS: dict[str, Score] = {
    "full": Score(membership.margin, Full()),
    "top_k": Score(membership.margin, TopK(2)),
    "rounded": Score(membership.margin, Rounded(2)),
    "label": Score(membership.margin, Label()),
    "embedding": Score(image_text.cosine, Embedding(), answers="embedding"),
    "projector": Score(image_text.cosine, Embedding("project"), answers="embedding"),
    "tokens": Score(written, Tokens(), answers="tokens"),
}
"""Access levels, as the files of conf/score/access are named, each with a score that reads it."""


def targets(level: str, count: int) -> Tensor:
    """What answers are compared with: labels, or directions."""
    labels = torch.arange(count) % CLASSES
    if LEVELS[level].answers == "logits":
        return labels
    directions = torch.randn(count, WIDTH, generator=torch.Generator().manual_seed(2))
    return normalize(directions, dim=1)


def stopped(level: str, test: Boundary, count: int) -> Verdicts:
    """Audits of all instances that end as soon as the test has."""
    score, instances = LEVELS[level], audited(test.n, count)
    oracle = Oracle(victim("raw", score.answers, count), score.access, BATCH)
    compared = targets(level, count)
    readings = read(oracle, score, instances, [test], targets=compared)
    return decide(readings, test, P, instances.published.used, score.views)


def rows(sizes: list[int], count: int) -> Iterator[str]:
    """A table in Markdown."""
    yield "| n | access | size | claimed by the test | less what ties decided | mean reads |"
    yield "|---|---|---|---|---|---|"
    for n in sizes:
        test = stats.optimal(n, P)
        for level in LEVELS:
            result = stopped(level, test, count)
            if result.fault is not None:
                yield f"| {n} | {level} | {result.fault} ||||"
                continue
            exact, firm = (int(some.sum()) for some in (result.claim | result.taken, result.claim))
            shares = f"{rate(exact, count)} | {rate(firm, count)}"
            reads = f"{result.versions_read.mean():.1f}"
            yield f"| {n} | {level} | {result.size:.4f} | {shares} | {reads} |"


def rate(claims: int, count: int) -> str:
    """A share with its exact 95 % interval."""
    interval = stats.clopper_pearson(claims, count)
    return f"{claims / count:.3f} [{interval.low:.3f}, {interval.high:.3f}]"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--instances", type=int, default=2000)
    parser.add_argument("--n", type=int, nargs="+", default=[20, 100, 1000])
    options = parser.parse_args()
    for row in rows(options.n, options.instances):
        print(row, flush=True)


if __name__ == "__main__":
    main()
