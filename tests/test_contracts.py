"""Every yaml of every group composes, and what it names can be made."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hydra.errors import InstantiationException
from hydra.utils import get_class, instantiate
from omegaconf import OmegaConf
from tests.conftest import random_set

from taggant.groups import CONF, compose_config, options_of
from taggant.score import Oracle
from taggant.score.learned import ViewNet, keep


def config(*overrides: str):
    return compose_config(["paths.root=root", *overrides])


GROUPS = [
    "data",
    "marking",
    "marking/strategy",
    "victim",
    "victim/net",
    "victim/augment",
    "unlearning",
    "score",
    "score/access",
    "score/view_set",
    "audit",
    "audit/test",
    "trainer",
    "logger",
]


@pytest.mark.parametrize(
    "override", [f"{group}={name}" for group in GROUPS for name in options_of(group)]
)
def test_every_option_composes(override):
    composed = config(override, "+experiment=smoke")
    composed.data = {"root": "root"}  # `data=image_folder` leaves root to the user
    assert OmegaConf.to_container(composed, resolve=False)


@pytest.mark.parametrize("name", [name for name in options_of("experiment") if "/" not in name])
def test_every_experiment_composes_by_plus_and_only_by_plus(name):
    assert config(f"+experiment={name}").name == name
    assert "experiment" not in OmegaConf.load(CONF / "config.yaml").defaults


@pytest.fixture(scope="module")
def markers(tmp_path_factory):
    """Where a marker is stored, trained once."""
    return tmp_path_factory.mktemp("markers")


@pytest.mark.parametrize("name", options_of("marking/strategy"))
def test_strategies_are_pure_and_stay_in_the_ball(name, markers, monkeypatch):
    monkeypatch.setenv("TAGGANT_ROOT", str(markers))
    tiny = ("marking.n=20", "++marking.marker.load.epochs=1")
    scheme = instantiate(config(f"marking/strategy={name}", *tiny).marking.scheme)
    data = random_set(3, size=32)
    every = scheme.versions(
        [bytes(32)] * len(data.ids), data.images, data.ids, np.tile(np.arange(20), (3, 1))
    )
    some = scheme.versions([bytes(32)], data.images[1:2], data.ids[1:2], np.array([[4, 17]]))
    assert torch.equal(some[0], every[1, [4, 17]])
    moved = (every.int() - data.images[:, None].int()).abs()
    assert moved.max() <= scheme.radius
    assert scheme.radius == 10 or "limit" in scheme.parameters()
    assert scheme.parameters()["n"] == 20


@pytest.mark.parametrize("access", options_of("score/access"))
@pytest.mark.parametrize("name", options_of("score"))
@pytest.mark.parametrize("views", [1, 3])
def test_scores_are_functions_of_one_image(name, access, views, tmp_path):
    chosen = config(f"score={name}", f"score/access={access}", f"score.views={views}").score
    if name == "learned":
        keep(ViewNet(), [], tmp_path / "score.safetensors")
        chosen.statistic.weights = str(tmp_path / "score.safetensors")
    if get_class(chosen.access._target_).answers != chosen.get("answers", "logits"):
        with pytest.raises(InstantiationException, match="choose a level"):
            instantiate(chosen)
        return
    if chosen.get("answers") == "pixels" and views > 1:
        with pytest.raises(InstantiationException, match="accepted is 1"):
            instantiate(chosen)
        return
    if chosen.average is None and views == 1:
        with pytest.raises(InstantiationException, match="compares views"):
            instantiate(chosen)
        return
    score = instantiate(chosen)
    data = random_set(6, size=16)
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(768, 4)).double()
    victim = _Float(model)
    score = score.prepared(victim, random_set(5, seed=1))
    victim.known = None if score.against == "captions" else data.labels
    targets = score.targets(victim, data)
    oracle = Oracle(victim, score.access, batch_size=4)
    drawn = score.views_of(oracle, data.images, targets, range(6))
    together = score(oracle, data.images, targets, drawn)
    alone = torch.cat(
        [
            score(oracle, data.images[i : i + 1], targets[i : i + 1], drawn[i : i + 1])
            for i in range(6)
        ]
    )
    assert torch.isfinite(together).all()
    assert torch.allclose(together, alone, atol=1e-5)


@pytest.mark.parametrize("name", options_of("score/view_set"))
def test_views_depend_on_one_raw_image_and_are_paid_for(name):
    """No version is looked at, so they cannot tell which one was published."""
    of = "nearest_votes" if name == "nearest" else "loss"
    score = instantiate(config(f"score={of}", f"score/view_set={name}", "score.views=8").score)
    data = random_set(4, size=16)
    torch.manual_seed(0)
    victim = _Float(torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(768, 4)).double())
    oracle = Oracle(victim, score.access, batch_size=64)
    together = score.views_of(oracle, data.images, data.labels, range(4))
    assert oracle.queries == 4 * score.choosing
    assert together.shape[:2] == (4, 8)
    for i in range(4):
        row = slice(i, i + 1)
        alone = score.views_of(oracle, data.images[row], data.labels[row], [i])
        assert torch.equal(alone[0], together[i])


class _Float(torch.nn.Module):
    device = torch.device("cpu")
    temperature = 0.1
    known = None
    kept = torch.linspace(0.99, 0.01, 1000)

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, images):
        return self.net(images.double() / 255)

    project = forward

    def image_embeddings(self, data):
        return torch.nn.functional.normalize(self(data.images).float(), dim=1)

    def targets(self, data):  # an image-text model's would be of captions
        return self.image_embeddings(data) if self.known is None else self.known

    def shown(self, images):
        return images.float()

    def decode(self, latents):
        return latents[:, :, None, None][:, :1]

    def predicted_noise(self, noisy, condition, timestep):
        return noisy * condition[:, None] / 1000

    def captioning_loss(self, seen, captions):
        return (seen - captions).square().sum(1)


@pytest.mark.parametrize("name", options_of("audit/test"))
def test_tests_keep_their_size(name):
    fits, other = ("twins", "instance") if name.startswith("twins") else ("instance", "twins")
    audit = instantiate(config(f"audit={fits}", f"audit/test={name}", "audit.p=0.05").audit)
    boundary = audit.boundary(200) if fits == "twins" else audit.boundaries(200)[0.05]
    assert boundary.size() <= 0.05 + 1e-12
    with pytest.raises(InstantiationException, match=r"audit/test = .*: this test reads"):
        instantiate(config(f"audit={other}", f"audit/test={name}").audit)
