import re

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import taggant
from taggant.api.unlearn import BY_RECIPE
from taggant.groups import options_of

METHODS = [name for name in options_of("unlearning") if name not in BY_RECIPE]
GENERATOR = torch.Generator().manual_seed(0)
IMAGES = torch.randint(256, (40, 3, 8, 8), dtype=torch.uint8, generator=GENERATOR)
LABELS = torch.randint(4, (40,), generator=GENERATOR)
FORGET, RETAIN = (IMAGES[:10], LABELS[:10]), (IMAGES[10:], LABELS[10:])


@pytest.fixture(scope="module")
def learned():
    """A network that knows all 40 labels by heart."""
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Flatten(), nn.Linear(192, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 4)
    )
    optimizer = torch.optim.SGD(model.parameters(), 0.05, momentum=0.9)
    for _ in range(80):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(IMAGES / 255), LABELS).backward()
        optimizer.step()
    model.eval()
    assert accuracy(model, RETAIN) == accuracy(model, FORGET) == 1
    return model


def accuracy(model, examples):
    with torch.no_grad():
        return float((model(examples[0] / 255).argmax(1) == examples[1]).float().mean())


def loss(model, examples):
    with torch.no_grad():
        return float(nn.functional.cross_entropy(model(examples[0] / 255), examples[1]))


def same(one, other):
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_changes_a_copy_by_its_seed_alone(learned, method):
    before = {name: value.clone() for name, value in learned.state_dict().items()}
    state = torch.get_rng_state()
    one, again = (
        taggant.unlearn(learned, FORGET, RETAIN, method, lr=0.05, batch_size=10) for _ in range(2)
    )
    assert same(one, again)
    assert not same(one, learned)
    assert type(one) is type(learned)
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(value, before[name]) for name, value in learned.state_dict().items())
    assert not learned.training


@pytest.mark.parametrize("method", ["gradient_ascent", "neggrad_plus", "random_labels", "scrub"])
def test_what_is_to_be_forgotten_is_lost_more_than_what_is_kept(learned, method):
    strength = 30 if method == "gradient_ascent" else 3
    model = taggant.unlearn(
        learned, FORGET, RETAIN, method, lr=0.05, batch_size=5, strength=strength
    )
    lost = [loss(model, part) - loss(learned, part) for part in (FORGET, RETAIN)]
    assert lost[0] > 1 > 5 * lost[1]


def test_loaders_are_as_good_as_tensors(learned):
    loaders = [DataLoader(TensorDataset(*part), 7) for part in (FORGET, RETAIN)]
    one = taggant.unlearn(learned, *loaders, "neggrad_plus")
    assert same(one, taggant.unlearn(learned, FORGET, RETAIN, "neggrad_plus"))
    floats = [(part[0] / 255, part[1]) for part in (FORGET, RETAIN)]
    assert same(one, taggant.unlearn(learned, *floats, "neggrad_plus"))


def test_strength_0_changes_nothing(learned):
    assert same(taggant.unlearn(learned, FORGET, RETAIN, strength=0), learned)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"model": 3}, "model: int is given, accepted is nn.Module"),
        ({"model": nn.Linear(3, 2)}, "mat1 and mat2"),
        ({"method": "retrain"}, "method = retrain: accepted are finetune, "),
        ({"method": "forget"}, "method = forget: accepted are finetune, "),
        ({"strength": -1}, "strength = -1: accepted are 0 and above"),
        ({"lr": 0}, "lr = 0: accepted are positive numbers"),
        ({"batch_size": 0}, "batch_size = 0: accepted are"),
        ({"forget": []}, "forget: there are no examples"),
        ({"forget": [3]}, "forget: int is among what is given"),
        ({"retain": (IMAGES, LABELS.float())}, "retain: labels are torch.float32 [40]"),
        ({"retain": (IMAGES, LABELS[:3])}, "retain: labels are torch.int64 [3] for 40 inputs"),
        ({"retain": (IMAGES[:, :1], LABELS)}, "forget: inputs are torch.uint8 [3, 8, 8]"),
        ({"retain": (IMAGES, LABELS + 4)}, "to one input it gives [1, 4], and labels are 0 to 7"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_wrong_is_named(learned, given, said):
    with pytest.raises((ValueError, TypeError, RuntimeError), match=re.escape(said)):
        taggant.unlearn(**{"model": learned, "forget": FORGET, "retain": RETAIN, **given})
