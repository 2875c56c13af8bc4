"""Unlearn: the victim after a request to forget part of the used instances."""

from __future__ import annotations

import json
import math
import shutil
import time
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from hydra.utils import instantiate
from numpy.typing import NDArray

from taggant.answers import evaluating
from taggant.data.batches import check_min_batch_size
from taggant.pipeline.device import device_of
from taggant.store.identity import sources
from taggant.store.store import Stage
from taggant.unlearning.request import Diverged, Request
from taggant.victim import training
from taggant.victim.finite_answers import FiniteAnswers, answers_finite
from taggant.victim.victim import Victim

if TYPE_CHECKING:
    from taggant.configs import Plain
    from taggant.data.imageset import ImageSet
    from taggant.pipeline.context import RunContext
    from taggant.pipeline.stages.data import Data
    from taggant.pipeline.stages.mark import Mark
    from taggant.pipeline.stages.train import Train
    from taggant.unlearning.method import Method

COMMON = ("forget", "strength")
OUTCOME = "unlearning.json"
DRAFT = "anew"
CHANCE = "utility_baseline"
COLLAPSED = 0.5
"""A victim that has lost this share of its utility counts as collapsed."""


class Unlearn:
    """Unlearns; what comes out is the model that is audited."""

    def __init__(self, context: RunContext, data: Data, mark: Mark, train: Train) -> None:
        self.context = context
        self.data = data
        self.mark = mark
        self.train = train

    @cached_property
    def method(self) -> Method:
        """The unlearning method."""
        method: Method = instantiate(self.context.cfg.unlearning)
        return method

    @cached_property
    def forget(self) -> Plain:
        """How the instances to forget are chosen, in plain values; empty if none are."""
        count = forget_count(self.method.forget, int(self.context.cfg.marking.used))
        return {"count": count, "seed": self.context.seed("forget")} if count else {}

    def check(self) -> None:
        """Refuse a method or a number of images that does not fit the kind of victim.

        Raises
        ------
        ValueError
            With both, before anything is trained.
        """
        self.method.check(self.train.victim_class)
        self.check_batches(self.train.victim_class.images_compared)

    def check_batches(self, min_batch_size: int) -> None:
        """Refuse fewer images to forget than a batch must have.

        Raises
        ------
        ValueError
        """
        if self.method.needs and self.forget:
            batch = int(self.context.cfg.victim.batch_size)
            try:
                check_min_batch_size(self.forget["count"], batch, min_batch_size)
            except ValueError as error:
                raise ValueError(f"unlearning.forget = {self.method.forget}: {error}") from None

    @cached_property
    def forgotten(self) -> NDArray[np.bool_]:
        """Which marked instances are to be forgotten, [M]."""
        used = np.flatnonzero(self.mark.published.used)
        chosen = np.zeros(len(self.mark.published.ids), bool)
        if self.forget:
            order = np.random.default_rng(self.forget["seed"]).permutation(used)
            chosen[order[: self.forget["count"]]] = True
        return chosen

    def sets(self) -> tuple[ImageSet, ImageSet]:
        """The training images to forget, and the others."""
        train, ids = self.mark.training_set, np.array(self.mark.published.ids)
        gone = set(ids[self.forgotten].tolist())
        forget = [i for i, image in enumerate(train.ids) if image in gone]
        return train.select(forget), train.select(np.setdiff1d(np.arange(len(train)), forget))

    @cached_property
    def stage(self) -> Stage:
        """Depends on the victim and on those parts of the request that the method uses."""
        config, depends = self.context.config("unlearning"), self.method.depends
        kept = {key: value for key, value in config.items() if key not in set(COMMON) - {*depends}}
        identity: dict[str, object] = {"config": kept, "sources": sources(config, type(self))}
        if depends:
            if not self.forget:
                raise ValueError("unlearning.forget = 0: there is nothing to forget")
            identity |= {"forget": self.forget, "seed": self.context.seed("unlearn")}
        needs = (self.train.stage,)
        return Stage("unlearn", identity, self._compute, resumable=True, needs=needs)

    def final(self) -> Victim | FiniteAnswers:
        """The victim after unlearning; if it diverged or collapsed, its answers are made finite."""
        victim = self.train.load(self.context.store.get(self.stage).path / training.FINAL)
        return victim if self.outcome["status"] == "ok" else FiniteAnswers(victim)

    @cached_property
    def outcome(self) -> Plain:
        """Status (ok, diverged or collapsed), costs, and the victim's measures before and after."""
        path = self.context.store.get(self.stage).path / OUTCOME
        outcome: Plain = json.loads(path.read_text())
        return outcome

    @property
    def facts(self) -> dict[str, object]:
        """What unlearning cost, in utility and in work; empty if nothing was to be forgotten."""
        if not self.forget:
            return {}
        outcome = dict(self.outcome)
        before, after = outcome["utility_before"], outcome["utility"]
        outcome["unlearning_seconds"] = outcome.pop("seconds")
        outcome["utility_drop"] = before - after
        outcome["utility_loss"] = (before - after) / before if before else None
        return {"forgotten": int(self.forgotten.sum()), **outcome}

    def _compute(self, folder: Path) -> None:
        victim, device = self.train.final(), device_of(str(self.context.cfg.trainer.accelerator))
        before, seed = self._measures(victim.to(device)), self.context.seed("unlearn")
        forget, retain = self.sets()

        def retrained(images: ImageSet) -> Victim:
            (folder / DRAFT).mkdir(exist_ok=True)
            trained = self.train.fit(images, folder / DRAFT)
            request.steps += trained.epochs * math.ceil(len(images) / trained.batch_size)
            return trained

        def untrained() -> Victim:
            return self.train.new_victim(seed)

        held_out = self.data.splits.test
        request = Request(victim, forget, retain, seed, device, retrained, untrained, held_out)
        start = time.perf_counter()
        with torch.random.fork_rng():  # losses may draw noise, as those of diffusion models do
            torch.manual_seed(seed)
            try:
                unlearned, diverged = self.method(request), False
            except Diverged:
                unlearned, diverged = victim, True
        # Doing nothing takes no time: equal runs without unlearning give equal bytes.
        seconds = time.perf_counter() - start if self.method.depends else 0.0
        assert isinstance(unlearned, Victim)
        victim = unlearned.to(device)
        after = self._measures(victim)
        diverged |= not answers_finite(victim, self.data.splits.test.images)
        status = "diverged" if diverged else "collapsed" if collapsed(before, after) else "ok"
        costs = {"seconds": round(seconds, 3), "gradient_steps": request.steps}
        former = {f"{name}_before": value for name, value in before.items()}
        outcome = {"status": status, **costs, **request.notes, **former, **after}
        shutil.rmtree(folder / DRAFT, ignore_errors=True)
        (folder / OUTCOME).write_text(json.dumps(outcome))
        training.save_weights(victim, folder / training.FINAL)

    def _measures(self, victim: Victim) -> dict[str, float]:
        """A victim's measures on the test images, without the utility that chance reaches."""
        with evaluating(victim):
            found = victim.measures(self.data.splits.test)
        return {name: float(value) for name, value in found.items() if name != CHANCE}


def forget_count(forget: float, used: int) -> int:
    """How many instances to forget: a count, or a fraction below 1.

    Raises
    ------
    ValueError
        For more than there are, or fewer than none.
    """
    count = round(forget * used) if 0 < forget < 1 else int(forget)
    if forget < 0 or (forget >= 1 and count != forget) or count > used:
        raise ValueError(
            f"unlearning.forget = {forget} of {used} used instances: accepted are a fraction "
            f"below 1 and counts up to {used}"
        )
    return count


def collapsed(before: Mapping[str, float], after: Mapping[str, float]) -> bool:
    """Whether a victim has lost so much of its utility, or all sense, that nothing else counts."""
    return not after["utility"] >= COLLAPSED * before["utility"]  # NaN is neither
