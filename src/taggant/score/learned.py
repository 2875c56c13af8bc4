"""A score that was learned on models of one's own, beforehand, and is kept in a file.

It is a function of the answers to the views of one version, the same for all versions, and was
fixed before the audited marks were drawn or without them: the null of every test stays exact. A
file names the marks that it was learned from, and is refused for these.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from taggant.answers import log_odds, log_probability
from taggant.files import write_atomically

FEATURES = 2
"""Of a view: logit and logarithm of the true label's confidence."""
WIDTH = 16
STEPS, RATE, DECAY = 400, 0.01, 1e-3
"""Steps of Adam over all images, its learning rate and weight decay."""
LARGEST = 1 << 20
"""Bytes of a file."""
MARKS = "learned_from"


class ViewNet(nn.Module):
    """One number from the features of any number of views, whatever their order.

    It begins as the mean log-confidence.

    Parameters
    ----------
    centre, spread : Tensor, float [FEATURES]
        Mean and standard deviation of the features.
    """

    centre: Tensor
    spread: Tensor

    def __init__(self, centre: Tensor | None = None, spread: Tensor | None = None) -> None:
        super().__init__()
        self.register_buffer("centre", torch.zeros(FEATURES) if centre is None else centre)
        self.register_buffer("spread", torch.ones(FEATURES) if spread is None else spread)
        self.plain = nn.Parameter(torch.tensor([0.0, 1.0]))
        self.each = nn.Sequential(nn.Linear(FEATURES, WIDTH), nn.GELU(), nn.Linear(WIDTH, WIDTH))
        last = nn.Linear(WIDTH, 1)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        self.together = nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.GELU(), last)
        self.double()

    def forward(self, features: Tensor) -> Tensor:
        """Double [...] of features [..., K, FEATURES]."""
        scaled = (features.double() - self.centre) / self.spread
        learned: Tensor = self.together(self.each(scaled).mean(-2))[..., 0]
        return learned + scaled.mean(-2) @ self.plain


@dataclass(frozen=True)
class Learned:
    """The statistic of a file that `keep` wrote: log-confidences [B, K, classes] -> float [B].

    Parameters
    ----------
    weights : str
        The file, of ``python -m taggant.pipeline.learn``.

    Notes
    -----
    The views it was learned on were chosen by the mean log-confidence (``score=loss``), and so are
    those that it is asked through.

    Raises
    ------
    ValueError
        At first use, if no learned score can be read from it.
    """

    weights: str

    def __call__(self, answers: Tensor, labels: Tensor) -> Tensor:
        """See `Statistic`; larger = more like the published versions of the models learned on."""
        net = self._read[0].to(answers.device)
        found: Tensor = net(features(answers, labels))
        return found.float()

    def of_a_view(self, answers: Tensor, labels: Tensor) -> Tensor:
        """The log-confidence: views are hard as they were where the score was learned."""
        return log_probability(answers, labels)

    @property
    def learned_from(self) -> frozenset[str]:
        """Digests of the marks whose published versions it was learned from."""
        return self._read[1]

    @cached_property
    def _read(self) -> tuple[ViewNet, frozenset[str]]:
        return read(self.weights)


def features(answers: Tensor, labels: Tensor) -> Tensor:
    """What is learned from: double [B, K, FEATURES] of log-confidences [B, K, classes]."""
    odds = log_odds(answers.double(), labels[:, None].expand(answers.shape[:2]))
    return torch.stack([odds, nn.functional.logsigmoid(odds)], -1)


def learn(examples: Sequence[Tensor], seed: int = 0) -> ViewNet:
    """A score by which published versions are first among hidden ones.

    Parameters
    ----------
    examples : sequence of Tensor, double [I, n, K, FEATURES]
        Of each model, its used images' versions, the published one first.
    seed : int
        Of the first weights.

    Returns
    -------
    ViewNet
        Least cross-entropy of the published version, by a softmax over an image's versions.
    """
    together = torch.cat([each.flatten(0, 2) for each in examples])
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        torch.manual_seed(seed)
        net = ViewNet(together.mean(0), together.std(0))
        optimizer = torch.optim.AdamW(net.parameters(), lr=RATE, weight_decay=DECAY)
        for _ in range(STEPS):
            losses = [
                cross_entropy(net(each), torch.zeros(len(each), dtype=torch.int64))
                for each in examples
            ]
            optimizer.zero_grad()
            torch.stack(losses).mean().backward()
            optimizer.step()
    return net.eval().requires_grad_(False)


def keep(net: ViewNet, marks: Sequence[str], file: Path) -> None:
    """Write a score, and which marks it was learned from.

    Raises
    ------
    ValueError
        For a name that does not end in .safetensors.
    """
    if file.suffix != ".safetensors":
        raise ValueError(f"{file}: a name that ends in .safetensors is needed")
    metadata = {MARKS: json.dumps(sorted(set(marks)))}
    write_atomically(file, save(net.state_dict(), metadata))


def read(file: str) -> tuple[ViewNet, frozenset[str]]:
    """A score that `keep` wrote, and the marks that it was learned from.

    Raises
    ------
    ValueError
        For a missing file, or one that holds something else.
    """
    path, net = Path(file), ViewNet()
    try:
        if path.stat().st_size > LARGEST:
            raise ValueError(f"{path.stat().st_size} bytes, accepted are {LARGEST} at most")
        with safe_open(path, framework="pt") as opened:
            marks = json.loads((opened.metadata() or {})[MARKS])
            names = opened.keys()
            net.load_state_dict({name: opened.get_tensor(name) for name in names})
        if not all(isinstance(mark, str) for mark in marks):
            raise ValueError("marks that are no digests")
        finite = all(tensor.isfinite().all() for tensor in net.state_dict().values())
        if not finite or not (net.spread > 0).all():
            raise ValueError("weights that no training leaves")
    except (OSError, SafetensorError, KeyError, ValueError, TypeError, RuntimeError) as error:
        cause = " ".join(str(error).split())
        raise ValueError(
            f"score.statistic.weights = {file}: no learned score can be read from it ({cause}); "
            "python -m taggant.pipeline.learn RUN ... FILE writes one"
        ) from error
    return net.eval().requires_grad_(False), frozenset(marks)
