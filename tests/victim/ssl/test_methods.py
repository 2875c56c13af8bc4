"""Every encoder of the config group: it learns, and a killed training goes on to the same end."""

from __future__ import annotations

import copy
import json
import math

import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf
from tests.conftest import random_set
from tests.victim.fitting import Kill, fit

from taggant.groups import CONF, compose_config
from taggant.victim import training
from taggant.victim.ssl.momentum_encoder import MomentumEncoder

VICTIMS = CONF / "victim"
METHODS = sorted(path.stem for path in VICTIMS.glob("*.yaml") if "- _ssl" in path.read_text())
DATA = random_set(20)
FACTS = {"classes": 4, "channels": 3, "image_size": 16, "mean": DATA.mean, "std": DATA.std}
SMALL = {"width": 2, "hidden": 8, "out": 6, "batch_size": 8, "queue": 12, "bottleneck": 4}


@pytest.fixture(scope="module")
def configs():
    return {name: compose_config(root=f"victim/{name}").victim for name in METHODS}


def small_of(config):
    return {name: value for name, value in SMALL.items() if name in config}


def victim_of(config, **changes):
    torch.manual_seed(0)
    config = OmegaConf.merge(config, {"epochs": 3, "snapshots": 1}, small_of(config), changes)
    return instantiate(config, **FACTS)


@pytest.mark.parametrize("name", METHODS)
def test_steps_on_a_batch_lower_its_loss(configs, name):
    victim = victim_of(configs[name])
    views, _ = next(iter(victim.batches(DATA, 0, torch.device("cpu"))))
    optimizer = torch.optim.Adam([w for w in victim.parameters() if w.requires_grad], lr=0.01)
    losses, criterion = [], victim.criterion
    for _ in range(12):
        victim.criterion = copy.deepcopy(criterion)  # queues and centres move at every step
        loss = victim.loss(*views.unbind(1))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert sum(losses[-3:]) / 3 < losses[0]
    assert math.isfinite(losses[-1])


@pytest.mark.parametrize("name", METHODS)
def test_a_killed_training_goes_on_to_the_same_weights(configs, name, tmp_path):
    straight = fit(victim_of(configs[name]), DATA, DATA, tmp_path / "straight")[0]
    with pytest.raises(SystemExit):
        fit(victim_of(configs[name]), DATA, DATA, tmp_path / "killed", Kill(2))
    torch.manual_seed(1)
    resumed = fit(victim_of(configs[name]), DATA, DATA, tmp_path / "killed")[0]
    assert straight.keys() == resumed.keys()
    assert all(torch.equal(straight[key], resumed[key]) for key in straight)
    rows = [
        json.loads((tmp_path / way / training.HISTORY).read_text())
        for way in ("straight", "killed")
    ]
    assert rows[0] == rows[1]
    assert math.isfinite(rows[0][-1]["utility"])


MOMENTUM_ENCODERS = ("byol", "dino", "moco")


@pytest.mark.parametrize("name", MOMENTUM_ENCODERS)
def test_the_teacher_starts_as_the_student_and_follows_it(configs, name):
    victim = victim_of(configs[name])
    assert isinstance(victim, MomentumEncoder)
    victim.eval()
    assert torch.allclose(
        victim.project_teacher(DATA.images), victim.project(DATA.images), atol=1e-6
    )
    own, other = next(victim.backbone.parameters()), next(victim.teacher.parameters())
    before = other.clone()
    with torch.no_grad():
        own.add_(1)
    victim.follow(0.75)
    assert torch.allclose(other, before + 0.25)
    trained = {id(w) for group in victim.optimizer().param_groups for w in group["params"]}
    assert not trained & {id(w) for w in victim.teacher.parameters()}


def test_the_queue_holds_the_teachers_latest_answers(configs):
    victim = victim_of(configs["moco"])
    bank = victim.criterion.memory_bank.bank
    views = victim.augment(DATA.images[:8], torch.Generator().manual_seed(0))
    expected = torch.nn.functional.normalize(victim.project_teacher(views[:, 1]), dim=1)
    victim.loss(*views.unbind(1))
    assert torch.allclose(victim.criterion.memory_bank.bank[:8], expected, atol=1e-5)
    assert bank.shape == (12, 6)


def test_prototypes_rest_in_the_first_epochs(configs):
    victim = victim_of(configs["dino"])
    views = victim.augment(DATA.images[:8], torch.Generator().manual_seed(0))
    victim.loss(*views.unbind(1)).backward()
    assert victim.head.last_layer.weight_v.grad is not None
    victim.on_after_backward()
    assert victim.head.last_layer.weight_v.grad is None


def test_bad_parameters_are_named(configs):
    with pytest.raises(
        Exception, match=r"victim\.teacher_momentum = \[1\.5, 1\.0\]: accepted are 0 to 1"
    ):
        victim_of(configs["byol"], teacher_momentum=[1.5, 1.0])
    with pytest.raises(Exception, match=r"victim\.queue = 0: accepted"):
        victim_of(configs["moco"], queue=0)
    alone = victim_of(configs["simclr"])
    with pytest.raises(ValueError, match="8 for 1 images leaves a batch of fewer than 2"):
        alone.batches(DATA.select([0]), 0, torch.device("cpu"))


def test_no_image_is_alone_in_a_batch(configs):
    views = victim_of(configs["simclr"], batch_size=19).batches(DATA, 0, torch.device("cpu"))
    assert [len(batch) for batch, _ in views] == [18, 2]


@pytest.mark.parametrize("name", MOMENTUM_ENCODERS)
def test_inertia_goes_from_first_to_last_on_half_a_cosine(configs, name, monkeypatch):
    victim, asked = victim_of(configs[name], teacher_momentum=[0.5, 0.9]), []
    monkeypatch.setattr(victim, "follow", asked.append)
    for progress in (0.0, 0.5, 1.0):
        victim.after_step(progress)
    assert asked == pytest.approx([0.5, 0.7, 0.9])


def test_a_queue_is_part_of_the_weights(configs, tmp_path):
    """So that a victim that is loaded goes on with it."""
    victim = victim_of(configs["moco"]).eval()
    views, _ = next(iter(victim.batches(DATA, 0, torch.device("cpu"))))
    victim.loss(*views.unbind(1))
    training.save_weights(victim, tmp_path / "w.safetensors")
    torch.manual_seed(1)
    loaded = instantiate(OmegaConf.merge(configs["moco"], small_of(configs["moco"])), **FACTS)
    training.load_weights(loaded, tmp_path / "w.safetensors")
    banks = [v.criterion.memory_bank for v in (victim, loaded)]
    assert torch.equal(banks[0].bank, banks[1].bank)
    assert int(banks[0].bank_ptr) == int(banks[1].bank_ptr) > 0
    with torch.no_grad():
        costs = [v.eval().loss(*views.unbind(1)) for v in (victim, loaded)]
    assert torch.equal(*costs)
