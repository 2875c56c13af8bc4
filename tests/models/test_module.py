"""Modules and functions at hand."""

from __future__ import annotations

import pytest
import timm
import torch
from tests.victim.pairs import pairs, tiny_clip
from torch import nn

from taggant.models.load import load
from taggant.models.model import ModelOptions
from taggant.models.preprocessing import IMAGENET, Preprocessing
from taggant.models.victims import kind_of
from taggant.score.access import Full
from taggant.score.oracle import QueryError
from taggant.victim.classifier import Classifier
from taggant.victim.small_net import SmallNet

PICTURES = torch.randint(256, (5, 3, 20, 24), generator=torch.Generator().manual_seed(0)).to(
    torch.uint8
)
SAID = ModelOptions(size=16, mean=IMAGENET[0], std=IMAGENET[1], batch_size=2)


def net(classes: int = 3) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 4, 5), nn.BatchNorm2d(4), nn.Flatten(), nn.LazyLinear(classes)
    )


def ready(classes: int = 3) -> nn.Module:
    made = net(classes)
    made(torch.zeros(2, 3, 16, 16))
    return made


def test_a_module_is_asked_in_eval_mode_about_what_it_takes_and_left_as_it_was():
    made = ready().train()
    model = load(made, SAID)
    found = model.oracle(Full()).query(PICTURES)
    expected = made.eval()(Preprocessing(16)(PICTURES)).log_softmax(1)
    assert torch.allclose(found, expected, atol=1e-5)
    made.train()
    load(made, SAID).oracle(Full()).query(PICTURES)
    assert all(part.training for part in made.modules())
    assert (model.kind, model.answers, model.against) == ("classifier", "logits", "labels")


def test_a_module_of_which_nothing_is_known_is_asked_for():
    with pytest.raises(ValueError, match=r"Sequential: what it takes is not known. Say size, mean"):
        load(ready(), ModelOptions(size=16))


def test_a_network_of_timm_knows_what_it_takes():
    made = timm.create_model("test_vit", num_classes=3).eval()
    found = load(made).oracle(Full()).query(PICTURES)
    own = Preprocessing(160, (0.5,) * 3, (0.5,) * 3, "bicubic", edge=168)
    with torch.inference_mode():
        assert torch.allclose(found, made(own(PICTURES)).log_softmax(1), atol=1e-5)


def test_a_compiled_module_is_the_same_model():
    made = timm.create_model("test_vit", num_classes=3).eval()
    compiled = torch.compile(made, backend="eager")
    found = load(compiled, ModelOptions(batch_size=5)).oracle(Full()).query(PICTURES)
    assert torch.allclose(found, load(made).oracle(Full()).query(PICTURES), atol=1e-5)


def test_a_script_of_torch_that_is_at_hand_is_a_module_too():
    traced = torch.jit.trace(ready().eval(), torch.zeros(2, 3, 16, 16))
    found = load(traced, SAID).oracle(Full()).query(PICTURES)
    assert torch.allclose(
        found, load(ready().eval(), SAID).oracle(Full()).query(PICTURES), atol=1e-5
    )


def test_fingerprints_are_of_the_weights():
    one, same, other = ready(), ready(), ready()
    with torch.no_grad():
        other[3].bias[0] += 1
    prints = [load(made, SAID).fingerprint for made in (one, same, other)]
    assert prints[0] == prints[1] != prints[2]
    assert all(len(found) == 64 for found in prints)


def test_victims_take_the_pixels():
    victim = Classifier(
        SmallNet, 3, 3, 16, 2, epochs=1, batch_size=2, lr=0.1, momentum=0.0, weight_decay=0.0,
        snapshots=1, mean=(0.5,) * 3, std=(0.2,) * 3,
    ).eval()  # fmt: skip
    square = PICTURES[:, :, 2:18, 2:18]
    found = load(victim).oracle(Full()).query(square)
    assert torch.allclose(found, victim(square).log_softmax(1), atol=1e-5)
    sized = load(victim, ModelOptions(size=16)).oracle(Full()).query(PICTURES)
    assert sized.shape == (5, 3)
    with pytest.raises(ValueError, match="victim encoder: Classifier is a classifier"):
        load(victim, ModelOptions(victim="encoder"))


def test_an_image_text_victim_brings_the_embeddings_of_captions():
    victim, data = tiny_clip(), pairs(3)
    model = load(victim)
    assert (model.kind, model.against) == ("clip", "captions")
    assert torch.allclose(model.targets(list(data.captions)), victim.targets(data), atol=1e-5)


def test_functions_give_tensors_arrays_or_what_transformers_gives():
    def means(images):
        return images.float().mean((2, 3))

    class Output:
        def __init__(self, logits):
            self.logits = logits

    expected = load(means).oracle(Full()).query(PICTURES)
    for ask in (
        lambda x: means(x).numpy(),
        lambda x: means(x).tolist(),
        lambda x: Output(means(x)),
    ):
        assert torch.allclose(load(ask).oracle(Full()).query(PICTURES), expected)
    assert "nothing but the name" in load(means).note
    assert load(means).spec.endswith("means")


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda x: None, "gave None, no tensor"),
        (lambda x: x, r"gave \[32, 3, 20, 24\]; accepted is \[32, classes"),
        (lambda x: torch.zeros(1, 3), r"gave \[1, 3\]; accepted is \[32,"),
    ],
)
def test_what_a_function_may_not_give_is_said(ask, message):
    with pytest.raises(QueryError, match=message):
        load(ask).oracle(Full()).query(PICTURES)


def test_what_is_no_model_is_refused():
    with pytest.raises(ValueError, match=r"^model 3: accepted are a URL"):
        load(3)


def test_a_victim_of_another_kind_is_named():
    class Denoiser:
        answers, against = "latents", None

    with pytest.raises(ValueError, match="Denoiser answers with latents: accepted are models that"):
        kind_of(Denoiser())
