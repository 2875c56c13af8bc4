"""Every victim x score x scheme at tiny size: what fits is audited, what does not is refused."""

from __future__ import annotations

import dataclasses
import tempfile
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from hydra.utils import get_class, instantiate
from omegaconf import OmegaConf
from tests.conftest import random_set
from tests.marking.nets import marker
from tests.victim.generative.tiny import pipeline
from tests.victim.pairs import CONFIG

from taggant.auditing.engine import read
from taggant.groups import compose_config, options_of
from taggant.marking.instances import Instances
from taggant.marking.ledger import Ledger
from taggant.marking.publish import check_captions, publish, raw_sha256
from taggant.pipeline.audit_run import check_data
from taggant.pipeline.stages.unlearn import CHANCE
from taggant.report.meanings import METRICS
from taggant.score import Oracle
from taggant.score.access import Embedding
from taggant.score.learned import ViewNet, keep
from taggant.victim.training import load_weights, save_weights

COUNT, CAPTIONS = 4, ("one", "two", "three", "four")
DATA = dataclasses.replace(random_set(COUNT), captions=CAPTIONS)
PUBLIC = dataclasses.replace(random_set(COUNT, seed=1), captions=CAPTIONS)
FACTS = {"classes": 4, "channels": 3, "image_size": 16, "mean": DATA.mean, "std": DATA.std}
TINY = {"width": 2, "hidden": 8, "out": 6, "queue": 8, "bottleneck": 4, "config": CONFIG}
TINY |= {"patch": 1, "samples": 2, "vae_width": 2}
TINY["unmarked"] = None  # nothing is trained here
DOWNLOADED = {"clip_vit_b_32"}
VICTIMS = [name for name in options_of("victim") if name not in DOWNLOADED]


@cache
def configs(group: str):
    return {name: compose_config(root=f"{group}/{name}")[group] for name in options_of(group)}


def config(group: str, name: str):
    return configs(group)[name]


SCHEMES = [name for name in options_of("marking") if config("marking", name).get("n") != 1]
"""Of one version there is nothing to rank."""
PASSES = {"timesteps": [100], "noises": 1, "timestep": 20, "stride": 20}
SMALL_SCHEME = {"n": 3, "steps": 1}


@cache
def victim(name: str):
    chosen = config("victim", name)
    tiny = {key: value for key, value in TINY.items() if key in chosen}
    asked = OmegaConf.to_container(OmegaConf.merge(chosen, tiny))
    looks = {"marker": marker()} if asked.pop("marker", None) else {}
    if asked.get("pretrained") == "???":
        asked["pretrained"] = str(pipeline())
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return instantiate(asked, _partial_=True)(**FACTS, **looks).eval()


@cache
def score(name: str):
    chosen = OmegaConf.to_container(config("score", name), resolve=True)
    chosen["views"] = min(2, chosen["views"])
    inner = chosen["statistic"].get("statistic", chosen["statistic"])
    inner |= {key: value for key, value in PASSES.items() if key in inner}
    if name == "learned":
        inner["weights"] = str(learned())
    return instantiate(chosen)


@cache
def learned() -> Path:
    """A learned score that has learned nothing yet."""
    file = Path(tempfile.mkdtemp()) / "score.safetensors"
    keep(ViewNet(), [], file)
    return file


@cache
def instances(name: str) -> Instances:
    chosen = OmegaConf.merge({"marking": config("marking", name)}, {"marking": {"marker": "tiny"}})
    asked = OmegaConf.to_container(chosen.marking.scheme, resolve=True)
    asked |= {key: value for key, value in SMALL_SCHEME.items() if key in asked}
    looks = {"marker": marker()} if asked.pop("marker", None) else {}
    scheme = instantiate(asked, _partial_=True)(**looks)
    ledger = Ledger.draw(
        bytes(32), name, scheme.parameters(), scheme.n, DATA.ids, raw_sha256(DATA.images)
    )
    return Instances(DATA, scheme, ledger, publish(scheme, ledger, DATA, COUNT // 2))


def fits(model, asked) -> bool:
    smooth = asked.answers != "pixels" or getattr(model, "differentiable", True)
    return smooth and model.answers == asked.reads and asked.against in (None, model.against)


PAIRS = [(name, asked) for name in VICTIMS for asked in options_of("score")]


@pytest.mark.parametrize("name", VICTIMS)
def test_what_a_victim_measures_has_a_meaning_in_the_report(name):
    model = victim(name)
    with torch.no_grad():
        found = set(model.measures(PUBLIC))
    former = {f"{name}_before" for name in found - {CHANCE}}  # where a model was to forget
    assert found | former <= set(METRICS)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("name", VICTIMS)
def test_what_fits_can_be_audited(name, scheme):
    audited, model = instances(scheme), victim(name)
    suitable = [score(asked) for asked in options_of("score") if fits(model, score(asked))]
    assert suitable
    for asked in suitable:
        asked.check(model)
        prepared = asked.prepared(model, PUBLIC)
        oracle = Oracle(model, prepared.access, batch_size=12)
        readings = read(oracle, prepared, audited, targets=prepared.targets(model, DATA))
        assert np.isfinite(readings.grid)
        assert readings.full
        assert (readings.reads == audited.scheme.n - 1).all()


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("name", ["clip", "captioner"])
def test_captions_are_identical_for_all_versions_of_an_image(name, scheme):
    """Trained with and audited with: each version goes with its raw image's own caption."""
    audited, model = instances(scheme), victim(name)
    shown = audited.published.training_set(DATA)
    assert len(shown) < len(DATA)
    own = dict(zip(DATA.ids, DATA.captions, strict=True))
    assert [own[image_id] for image_id in shown.ids] == list(shown.captions)

    targets, seen = model.targets(DATA), []

    def record(answers, compared):
        seen.append((answers, compared))
        return answers.mean((1, 2, 3))

    pixels = torch.nn.Sequential()  # answers with the version that it is asked for
    asked = dataclasses.replace(score("image_text"), statistic=record, access=torch.Tensor.float)
    read(Oracle(pixels, asked.access, batch_size=12), asked, audited, targets=targets)
    versions, compared = (torch.cat(parts) for parts in zip(*seen, strict=True))
    distance = (versions[:, None] - DATA.images.float()).abs().mean((2, 3, 4))
    nearest = distance.argmin(1)
    assert (nearest.bincount() >= audited.scheme.n).all()
    assert torch.equal(compared, targets[nearest])


def test_versions_with_captions_of_their_own_are_refused():
    audited, model = instances("n_version"), victim("clip")
    changed = dataclasses.replace(DATA, captions=("one", "two", "three", "other"))
    check_captions(DATA, DATA.select([2, 0]))
    with pytest.raises(ValueError, match=r"caption 'other', and its raw image has 'four'"):
        check_captions(DATA, changed)
    oracle, asked = Oracle(model, score("image_text").access, 12), score("image_text")
    each = model.targets(DATA).repeat_interleave(audited.scheme.n, 0)
    with pytest.raises(ValueError, match="12 targets for 4 instances: all versions"):
        read(oracle, asked, audited, targets=each)


@pytest.mark.parametrize("name", VICTIMS)
def test_weights_are_written_and_read_back(name, tmp_path):
    """Also where layers share some, as a captioner's embeddings and its last layer do."""
    model = victim(name)
    due = {key: weights.clone() for key, weights in model.state_dict().items()}
    save_weights(model, tmp_path / "weights.safetensors")
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(1)
    load_weights(model, tmp_path / "weights.safetensors")
    assert all(torch.equal(due[key], weights) for key, weights in model.state_dict().items())


@pytest.mark.parametrize("name", VICTIMS)
def test_what_does_not_fit_is_refused_before_anything_runs(name):
    """By the class alone, as the line of stages checks it."""
    kind = get_class(config("victim", name)._target_)
    for asked in options_of("score"):
        if not fits(kind, score(asked)):
            with pytest.raises(ValueError, match=r"choose (a|another) score"):
                score(asked).check(kind)
    projector = dataclasses.replace(score("pairwise_cosine"), access=Embedding("project"))
    if kind.answers == "embedding" and not hasattr(kind, "project"):
        with pytest.raises(ValueError, match="'project', which this victim does not have"):
            projector.check(kind)


@pytest.mark.parametrize("name", VICTIMS)
def test_methods_that_need_more_than_a_victim_has_are_refused(name):
    kind = get_class(config("victim", name)._target_)
    for method in options_of("unlearning"):
        chosen = instantiate(config("unlearning", method))
        missing = [need for need in chosen.needs if need not in kind.offers]
        if missing:
            said = f"{type(chosen).__name__} needs {missing[0]}.*which {kind.__name__} does not"
            with pytest.raises(ValueError, match=said):
                chosen.check(kind)
        else:
            chosen.check(kind)
    assert not instantiate(config("unlearning", "retrain")).needs
    assert all(hasattr(kind, name) for name in kind.offers)


@pytest.mark.parametrize("name", VICTIMS)
def test_data_without_what_a_victim_learns_from_are_refused(name):
    kind = get_class(config("victim", name)._target_)
    check_data(kind, DATA)
    if kind.against is not None:
        with pytest.raises(ValueError, match=f"has no {kind.against}, which this victim learns"):
            check_data(kind, dataclasses.replace(DATA, **{kind.against: None}))
