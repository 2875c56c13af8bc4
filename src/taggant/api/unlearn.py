"""Unlearning methods on anybody's classifier and data."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from typing import Any, ClassVar

import torch
from hydra.utils import instantiate
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from taggant.answers import evaluating
from taggant.api.models import unit_pixels
from taggant.data.batches import Batches
from taggant.data.imageset import ImageSet
from taggant.data.options import check_choice, check_whole
from taggant.groups import compose_config, options_of
from taggant.optim import nesterov_sgd, trained_parameters
from taggant.unlearning.method import Method
from taggant.unlearning.request import Batch, Request
from taggant.victim.victim import BATCH_NORMS

BY_RECIPE = ("none", "retrain", "bad_teacher", "esd")
"""Methods that take the recipe by which a model was trained; they are run.py's."""
Examples = tuple[Tensor, Tensor] | Iterable[tuple[Tensor, Tensor]]


class Learner(nn.Module):
    """A classifier as unlearning methods take it; see `taggant.unlearning.request.Answering`.

    Sets of images stand for rows of `inputs`: their ids are the rows' numbers.

    Parameters
    ----------
    net : nn.Module
        What `preprocess` gives -> logits [B, classes].
    inputs, labels : Tensor [N, ...] and int64 [N]
        All that is to be forgotten or kept.
    preprocess : callable
        Rows of `inputs` -> what `net` takes.
    lr, momentum : float
    batch_size : int
    """

    offers: ClassVar[frozenset[str]] = frozenset({"batch_loss", "logits", "relabelled", "wrong"})

    def __init__(
        self,
        net: nn.Module,
        inputs: Tensor,
        labels: Tensor,
        preprocess: Callable[[Tensor], Tensor],
        lr: float,
        momentum: float,
        batch_size: int,
    ) -> None:
        super().__init__()
        self.net = net
        self.inputs, self.labels = [inputs], labels  # in a list, so that they are no buffer
        self.preprocess, self.lr, self.momentum = preprocess, lr, momentum
        self.batch_size = batch_size
        self.least = 2 if any(isinstance(part, BATCH_NORMS) for part in net.modules()) else 1

    def forward(self, inputs: Tensor) -> Tensor:
        """Rows of inputs to logits float32 [B, classes]."""
        answered = self.net(self.preprocess(inputs))
        logits: Tensor = getattr(answered, "logits", answered)
        return logits.float()

    def batches(
        self, data: ImageSet, seed: int, device: torch.device, plain: bool = False
    ) -> Batches:
        """Batches of a set, a new order every epoch; there is no augmentation."""
        rows = torch.tensor([int(row) for row in data.ids], dtype=torch.int64)
        size = min(self.batch_size, len(rows))
        parts = self.inputs[0][rows], self.labels[rows]
        return Batches(*parts, size, seed, None, device, self.least)

    def batch_loss(self, batch: Batch) -> Tensor:
        """Mean cross-entropy."""
        return cross_entropy(self.logits(batch), batch[1])

    def logits(self, batch: Batch) -> Tensor:
        """Logits [B, classes] of a batch."""
        found: Tensor = self(batch[0])
        return found

    def relabelled(self, batch: Batch, generator: torch.Generator) -> Batch:
        """The batch with labels drawn uniformly from all, an image's own among them."""
        classes = self.logits(batch).shape[1]
        drawn = torch.randint(classes, batch[1].shape, generator=generator)
        return batch[0], drawn.to(batch[1].device)

    def wrong(self, batch: Batch) -> Tensor:
        """Whether another class than its own is the likeliest, bool [B]."""
        return self.logits(batch).argmax(1) != batch[1]

    def after_step(self, progress: float = 0.0) -> None:
        """Nothing follows a step."""

    def optimizer(self, rate: float = 1.0) -> torch.optim.Optimizer:
        """Nesterov SGD at `rate` times the learning rate."""
        return nesterov_sgd(trained_parameters(self), rate * self.lr, self.momentum, 0.0)


def unlearn(
    model: nn.Module,
    forget: Examples,
    retain: Examples,
    method: str | Method = "neggrad_plus",
    *,
    strength: float = 1.0,
    lr: float = 0.01,
    momentum: float = 0.9,
    batch_size: int = 50,
    preprocess: Callable[[Tensor], Tensor] | None = None,
    seed: int = 0,
) -> nn.Module:
    """A copy of a classifier that was made to forget some of its training examples.

    The model that is given stays as it is. Whether the copy has forgotten is for
    `taggant.audit` to say; that it is not claimed any more is no evidence of erasure.

    Parameters
    ----------
    model : nn.Module
        Gives logits [B, classes].
    forget, retain : (inputs [N, ...], labels int64 [N]), or a loader of such batches
        What is to be forgotten, and the rest of the training examples. Loaders are read once.
    method : str or Method
        A file of ``conf/unlearning`` that needs no training recipe: finetune, gradient_ascent,
        neggrad_plus, random_labels, salun, scrub, ssd, l1_sparse, warnecke_first_order,
        warnecke_second_order; or an object of `taggant.unlearning`.
    strength : float
        How hard it forgets: 1 is the method's default, 0 changes nothing. With a name only.
    lr, momentum : float
        Of the training: methods take their learning rates in units of it.
    batch_size : int
        Examples per step.
    preprocess : callable, optional
        Inputs -> what the model takes; by default uint8 to float32 of 0..1, and others as they are.
    seed : int
        Of orders, dropout and random labels.

    Returns
    -------
    nn.Module
        In eval mode, on the model's device.

    Raises
    ------
    ValueError, TypeError
        Naming the argument, the value and what is accepted.
    Diverged
        If a loss or a weight is no longer finite.

    Examples
    --------
    >>> import torch, taggant
    >>> images = torch.randint(256, (20, 3, 8, 8), dtype=torch.uint8)
    >>> labels = torch.arange(20) % 2
    >>> model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(192, 2))
    >>> forgot = taggant.unlearn(
    ...     model, (images[:5], labels[:5]), (images[5:], labels[5:]), "gradient_ascent"
    ... )
    >>> type(forgot) is type(model), torch.equal(forgot[1].weight, model[1].weight)
    (True, False)
    """
    if not isinstance(model, nn.Module):
        raise TypeError(f"model: {type(model).__name__} is given, accepted is nn.Module")
    check_whole("batch_size", batch_size)
    check_whole("seed", seed, least=0)
    if not lr > 0:
        raise ValueError(f"lr = {lr}: accepted are positive numbers")
    chosen = _method(method, strength)
    gone, kept = _examples("forget", forget), _examples("retain", retain)
    if gone[0].shape[1:] != kept[0].shape[1:] or gone[0].dtype != kept[0].dtype:
        raise ValueError(
            f"forget: inputs are {gone[0].dtype} {list(gone[0].shape[1:])}, and those of retain "
            f"{kept[0].dtype} {list(kept[0].shape[1:])}"
        )
    inputs, labels = (torch.cat(pair) for pair in zip(gone, kept, strict=True))
    seen = preprocess or (unit_pixels if inputs.dtype == torch.uint8 else _as_it_is)
    parameter = next(model.parameters())
    net = copy.deepcopy(model)
    learner = Learner(net, inputs, labels, seen, lr, momentum, batch_size)
    _check_labels(learner, parameter.device)
    chosen.check(Learner)
    rows = torch.arange(len(labels))
    request = Request(
        learner,
        _stand_in("forget", rows[: len(gone[1])], labels),
        _stand_in("retain", rows[len(gone[1]) :], labels),
        seed,
        parameter.device,
        _no_recipe,
        _no_recipe,
    )
    with torch.random.fork_rng(enabled=True):
        torch.manual_seed(seed)
        unlearned: Any = chosen(request)
    made: nn.Module = unlearned.net
    return made.eval()


def _method(method: str | Method, strength: float) -> Method:
    if isinstance(method, Method):
        return method
    known = [name for name in options_of("unlearning") if name not in BY_RECIPE]
    check_choice("method", method, known)
    if not strength >= 0:
        raise ValueError(f"strength = {strength}: accepted are 0 and above")
    config = compose_config(root=f"unlearning/{method}").unlearning
    made: Method = instantiate(config, strength=strength)
    return made


def _examples(name: str, given: Examples) -> tuple[Tensor, Tensor]:
    """Inputs [N, ...] and labels [N]."""
    pair = isinstance(given, tuple) and len(given) == 2 and isinstance(given[0], Tensor)
    parts: list[Any] = [given] if pair else list(given)
    if not parts:
        raise ValueError(f"{name}: there are no examples")
    for part in parts:
        if not (isinstance(part, (tuple, list)) and len(part) == 2):
            raise TypeError(
                f"{name}: {type(part).__name__} is among what is given; accepted are (inputs "
                "[N, ...], labels int64 [N]), or a loader of such batches"
            )
    inputs, labels = (torch.cat([torch.as_tensor(p[i]).cpu() for p in parts]) for i in (0, 1))
    if labels.ndim != 1 or labels.is_floating_point() or len(labels) != len(inputs):
        raise ValueError(
            f"{name}: labels are {labels.dtype} {list(labels.shape)} for {len(inputs)} inputs; "
            "accepted are class numbers, one an input"
        )
    return inputs, labels.long()


def _stand_in(name: str, rows: Tensor, labels: Tensor) -> ImageSet:
    """A set whose ids are rows of the learner's inputs."""
    most = int(labels.max()) + 1
    return ImageSet(
        images=torch.zeros(len(rows), 1, 1, 1, dtype=torch.uint8),
        ids=tuple(map(str, rows.tolist())),
        labels=labels[rows],
        captions=None,
        name=name,
        class_names=tuple(map(str, range(most))),
        mean=(0.5,),
        std=(0.25,),
    )


def _check_labels(learner: Learner, device: torch.device) -> None:
    with torch.no_grad(), evaluating(learner):
        shape = list(learner(learner.inputs[0][:1].to(device)).shape)
    least, most = int(learner.labels.min()), int(learner.labels.max())
    if len(shape) != 2 or least < 0 or most >= shape[1]:
        raise ValueError(
            f"model: to one input it gives {shape}, and labels are {least} to {most}; accepted is "
            f"[1, classes] with {most + 1} classes or more"
        )


def _as_it_is(inputs: Tensor) -> Tensor:
    return inputs


def _no_recipe(*_: object) -> Any:
    raise ValueError("method: it trains another model by a recipe, which is not known here")
