"""What no run could be made of is refused by key and value, before anything is computed."""

from __future__ import annotations

import copy
import inspect
import re

import pytest
import pytorch_lightning as lightning
from omegaconf import OmegaConf, open_dict
from tests.pipeline.test_identity import composed

from taggant.pipeline.check import TRAINER, check


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    cfg = composed(tmp_path_factory.mktemp("root"))
    with open_dict(cfg):
        del cfg.data.root
    return cfg


@pytest.fixture
def cfg(whole):
    return copy.deepcopy(whole)


def test_the_defaults_pass(cfg):
    check(cfg)


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("seed", -1, "seed = -1: accepted are 0, 1, 2, ..."),
        ("seed", None, "seed = null: accepted are 0, 1, 2, ..."),
        ("seed", True, "seed = true: "),
        ("threads", 0, "threads = 0: accepted are 1, 2, 3, ... or null"),
        ("threads", "two", "threads = two: "),
        ("plan", "maybe", "plan = maybe: accepted are true and false"),
        ("progress", 3, "progress = 3: accepted are true and false"),
        ("name", None, "name = null: accepted are names"),
        ("name", "a/../../b", "name = a/../../b: "),
        ("name", "/etc/x", "name = /etc/x: "),
        ("marking.n", 1e2, "marking.n = 100.0: accepted are whole numbers (marking.n=100)"),
        ("marking.epsilon", "ten", "marking.epsilon = ten: accepted are whole numbers"),
        ("marking.strategy.block", 3.5, "marking.strategy.block = 3.5: accepted are whole"),
        ("victim.epochs", 2.0, "victim.epochs = 2.0: accepted are whole numbers (victim.epochs=2)"),
        ("victim.lr", "fast", "victim.lr = fast: accepted are numbers"),
        ("victim.lr", True, "victim.lr = true: accepted are numbers"),
        ("victim.snapshots", 2.5, "victim.snapshots = 2.5: accepted are whole numbers, or lists"),
        ("victim.snapshots", [1, "x"], "victim.snapshots = [1, 'x']: "),
        ("victim.patience", "soon", "victim.patience = soon: accepted are whole numbers, or null"),
        ("score.views", 1e0, "score.views = 1.0: "),
        ("audit.live", "often", "audit.live = often: accepted are true and false"),
        ("audit.curve", 0.1, "audit.curve = 0.1: accepted are lists of numbers"),
        ("trainer.max_epochs", 1, "trainer.max_epochs is set by the run itself: use victim.epochs"),
        ("trainer.max_steps", 1, "use victim.epochs"),
        ("trainer.logger", False, "use logger (logger=tensorboard)"),
        ("trainer.enable_progress_bar", False, "use progress"),
        ("trainer.callbacks", [], "no key 'trainer.callbacks'. Accepted in 'trainer': "),
        ("trainer.gradient_clip", 1, "Did you mean 'gradient_clip_val'?"),
        ("victim.classes", 3, "victim.classes is set by the run itself: it follows from the data"),
        ("victim.net.width", 3, "use victim.width"),
        ("audit.test.p", 0.2, "audit.test.p is set by the run itself: use audit.p"),
        ("score.view", 3, "no key 'score.view'. Did you mean 'views'?"),
        ("victim.net._target_", "no.such.net", "victim.net._target_ = no.such.net: "),
    ],
)
def test_what_no_run_can_be_made_of_is_refused(cfg, key, value, said):
    with open_dict(cfg):
        OmegaConf.update(cfg, key, value, force_add=True)
    with pytest.raises(ValueError, match=re.escape(said)):
        check(cfg)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("victim.lr", 1),
        ("victim.snapshots", [1, 2]),
        ("victim.patience", 3),
        ("audit.shard", "1/4"),
        ("audit.p", 0.5),
        ("threads", None),
        ("name", "mine/second"),
        ("trainer.gradient_clip_val", 0.5),
        ("trainer.devices", [0, 1]),
    ],
)
def test_what_is_accepted_passes(cfg, key, value):
    with open_dict(cfg):
        OmegaConf.update(cfg, key, value, force_add=True)
    check(cfg)


@pytest.mark.parametrize("part", ["victim", "audit", "marking", "paths", "victim.net"])
def test_a_part_that_is_left_out_is_named(cfg, part):
    parent, _, name = part.rpartition(".")
    node = OmegaConf.select(cfg, parent) if parent else cfg
    with open_dict(node):
        del node[name]
    with pytest.raises(ValueError, match=f"^{part} is left out"):
        check(cfg)


def test_lightnings_trainer_knows_the_accepted_arguments():
    assert set(TRAINER) <= set(inspect.signature(lightning.Trainer).parameters)
