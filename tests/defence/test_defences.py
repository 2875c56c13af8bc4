"""What each defence does to training images, weights, questions and answers."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from taggant.data.imageset import ImageSet, content_ids
from taggant.data.purify import Blur
from taggant.defence.autoencoded import Autoencoded
from taggant.defence.defence import Defence, Tuning
from taggant.defence.deployed import Deployed, check_defences
from taggant.defence.diffused import Diffused
from taggant.defence.edited import Blended, Deduplicated, Filtered
from taggant.defence.masked import Masked
from taggant.defence.noisy import Noisy
from taggant.defence.purified import Purified
from taggant.defence.remembering import Remembering
from taggant.defence.shown import Shown, Warm
from taggant.defence.smoothed import Smoothed
from taggant.defence.tuned import FineTuned, Pruned, Quantised
from taggant.score.access import Label
from taggant.victim.classifier import Classifier
from taggant.victim.ssl.simclr import SimCLR

CLASSES = 3


def images(count: int = 60, seed: int = 0) -> ImageSet:
    """Noise, its brightness told by the label."""
    draws = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % CLASSES
    pixels = torch.randint(0, 120, (count, 3, 8, 8), generator=draws)
    pixels = (pixels + 60 * labels[:, None, None, None]).to(torch.uint8)
    facts = "noise", ("a", "b", "c"), (0.4,) * 3, (0.2,) * 3
    return ImageSet(pixels, content_ids(pixels), labels, None, *facts)


class Flat(nn.Module):
    """A linear classifier of pixels."""

    def __init__(self, classes: int, channels: int, image_size: int) -> None:
        super().__init__()
        self.layer = nn.Linear(channels * image_size**2, classes)

    def forward(self, pixels: Tensor) -> Tensor:
        return self.layer(pixels.flatten(1))


def victim() -> Classifier:
    torch.manual_seed(0)
    shape = {"classes": CLASSES, "channels": 3, "image_size": 8}
    training = {"epochs": 1, "batch_size": 20, "lr": 0.01, "momentum": 0.9, "weight_decay": 0.0}
    facts = {"snapshots": 1, "mean": (0.4,) * 3, "std": (0.2,) * 3}
    return Classifier(Flat, **shape, **training, **facts).eval()


def known(train: ImageSet | None = None) -> Tuning:
    return Tuning(train or images(), images(30, seed=1), 0, torch.device("cpu"))


def prepared(defence: Defence) -> Defence:
    defence.prepare(images())
    return defence


def answers(defence: Defence, pixels: Tensor) -> Tensor:
    with torch.no_grad():
        return Deployed(victim(), [defence])(pixels)


EVERY = {
    "nothing": Defence(),
    "blur": Purified(Blur(1.0)),
    "smoothing": Smoothed(8.0, 4),
    "label": Shown(Label()),
    "temperature": Warm(4.0),
    "noise": Noisy(0.05),
    "masking": Masked(),
    "autoencoder": Autoencoded(4, 1),
    "diffusion": Diffused(8, 1, 300, 2),
}


@pytest.mark.parametrize("name", EVERY)
def test_answers_follow_from_the_image_alone(name: str) -> None:
    pixels, defence = images().images, prepared(EVERY[name])
    with torch.no_grad():
        whole = answers(defence, pixels)
        parts = torch.cat([answers(defence, part) for part in pixels.flip(0).split(7)]).flip(0)
    torch.testing.assert_close(whole, parts, rtol=1e-4, atol=1e-4)


def test_fresh_noise_differs_from_question_to_question() -> None:
    asked = Deployed(victim(), [Noisy(0.1, fresh=True)])
    assert not torch.equal(asked(images().images), asked(images().images))


def test_defences_meet_an_image_in_order_and_its_answer_in_the_opposite_one() -> None:
    trail: list[str] = []

    class Traced(Defence):
        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

        def question(self, asked: Tensor) -> Tensor:
            trail.append(f"ask {self.name}")
            return asked

        def answer(self, given: Tensor, asked: Tensor) -> Tensor:
            trail.append(f"answer {self.name}")
            return given

    Deployed(victim(), [Traced("first"), Traced("second")])(images().images)
    assert trail == ["ask first", "ask second", "answer second", "answer first"]


def test_utility_is_measured_behind_the_defences() -> None:
    class Constant(Defence):
        def answer(self, given: Tensor, asked: Tensor) -> Tensor:
            return torch.eye(CLASSES)[0].expand_as(given)

    assert Deployed(victim(), [Constant()]).utility(images()) == pytest.approx(1 / CLASSES)


def test_smoothing_answers_with_the_mean_of_its_copies() -> None:
    defence, model, pixels = Smoothed(8.0, 4), victim(), images().images
    with torch.no_grad():
        each = model(defence.question(pixels)).softmax(1).view(len(pixels), 4, CLASSES)
        assert torch.allclose(answers(defence, pixels).exp(), each.mean(1), atol=1e-6)


def test_a_temperature_keeps_the_order_of_classes() -> None:
    pixels = images().images
    warm, bare = answers(Warm(10.0), pixels), answers(Defence(), pixels)
    assert torch.equal(warm.argsort(1), bare.argsort(1))
    assert (warm.softmax(1).amax(1) <= bare.softmax(1).amax(1)).all()


def test_masking_keeps_the_predicted_class_and_hides_who_was_learned() -> None:
    model, defence = victim(), prepared(Masked())
    train = images()
    batches = model.batches(train, 0, torch.device("cpu"))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.2)
    for _ in range(60):
        for batch in batches:
            optimizer.zero_grad()
            model.batch_loss(batch).backward()
            optimizer.step()
    defence.tune(model, known(train))
    with torch.no_grad():
        bare, shown = (
            model(train.images).softmax(1),
            defence.answer(model(train.images), train.images),
        )
    assert torch.equal(bare.argmax(1), shown.argmax(1))
    sure = bare.amax(1).mean(), shown.exp().amax(1).mean()
    assert sure[1] < sure[0]


def test_near_copies_get_the_first_answer() -> None:
    pixels = images().images[:6]
    defence = Remembering(distance=12.0)
    first = answers(defence, pixels)
    assert torch.equal(first, answers(Defence(), pixels))
    near = (pixels.int() + 3).clamp(max=255).to(torch.uint8)
    assert torch.equal(answers(defence, near), first)
    assert not torch.equal(answers(Defence(), near), first)


def test_near_copies_within_one_batch_too() -> None:
    pixel = images().images[:1]
    both = torch.cat([pixel, pixel + 2])
    told = answers(Remembering(distance=12.0), both)
    assert torch.equal(told[0], told[1])


def test_pruning_leaves_the_largest_weights() -> None:
    model = victim()
    before = model.net.layer.weight.detach().clone()
    Pruned(0.75).tune(model, known())
    after = model.net.layer.weight.detach()
    kept = after != 0
    assert kept.float().mean() == pytest.approx(0.25, abs=0.01)
    assert torch.equal(after[kept], before[kept])
    assert before[~kept].abs().max() <= before[kept].abs().min()


def test_quantised_weights_take_few_values() -> None:
    model = victim()
    before = model.net.layer.weight.detach().clone()
    Quantised(3).tune(model, known())
    rows = model.net.layer.weight.detach()
    assert all(len(row.unique()) <= 7 for row in rows)
    assert (rows - before).abs().amax() <= before.abs().amax() / 3 / 2 + 1e-6


def test_fine_tuning_learns_other_images() -> None:
    other, model = images(seed=5), victim()
    before = model.held_out_loss(other)
    FineTuned(lambda: other, epochs=5, rate=1.0).tune(model, known())
    assert model.held_out_loss(other) < before
    assert not model.training


def test_an_autoencoder_learns_to_give_images_back() -> None:
    flat = torch.randint(0, 256, (80, 3, 1, 1), generator=torch.Generator().manual_seed(0))
    data = replace(images(80), images=flat.expand(-1, -1, 8, 8).to(torch.uint8))
    error = []
    for epochs in (1, 40):
        torch.manual_seed(0)
        defence = prepared(Autoencoded(8, epochs))
        defence.tune(victim(), known(data))
        with torch.no_grad():
            again = defence.question(data.images)
        error.append((again.float() - data.images).square().mean())
    assert error[1] < error[0] / 2


def test_a_perfect_denoiser_gives_images_back() -> None:
    pixels, defence = images().images, Diffused(8, 1, 300, 3)
    defence.prepare(images())
    asked = []

    class Perfect(nn.Module):
        def forward(self, noisy: Tensor, timesteps: Tensor, _: Tensor) -> Tensor:
            asked.append(int(timesteps[0]))
            kept = defence.kept[timesteps].view(-1, 1, 1, 1)
            clean = pixels.float() / 127.5 - 1
            assert not torch.allclose(noisy, clean, atol=0.1)
            return (noisy - kept.sqrt() * clean) / (1 - kept).sqrt()

    defence._modules["net"] = Perfect()
    assert torch.equal(defence.question(pixels), pixels)
    assert asked == [300, 200, 100]


def test_a_denoiser_learns_what_images_are_like() -> None:
    flat = torch.randint(0, 256, (50, 3, 1, 1), generator=torch.Generator().manual_seed(0))
    data = replace(images(50), images=flat.expand(-1, -1, 8, 8).to(torch.uint8))
    error = []
    for epochs in (1, 30):
        torch.manual_seed(0)
        defence = prepared(Diffused(8, epochs, 300, 2))
        defence.tune(victim(), known(data))
        with torch.no_grad():
            cleaned = defence.question(data.images).float()
        error.append((cleaned - data.images).square().mean())
    assert error[1] < error[0] / 1.05


def test_purified_training_images_are_what_is_asked_too() -> None:
    defence, train = Purified(Blur(1.0)), images()
    assert torch.equal(defence.learned(train, 0).images, defence.question(train.images))


def test_the_grainiest_images_are_left_out() -> None:
    train = images(20)
    calm = train.images.clone()
    calm[5:] = 100
    left = Filtered(0.25).learned(replace(train, images=calm), 0)
    assert left.ids == train.ids[5:]


def test_near_copies_are_learned_once() -> None:
    train = images(10)
    pixels = torch.cat([train.images, train.images[:3] + 2])
    twice = replace(train, images=pixels, ids=content_ids(pixels), labels=torch.zeros(13).long())
    assert Deduplicated(12.0).learned(twice, 0).ids == twice.ids[:10]


def test_blends_are_of_one_class() -> None:
    train = images(30)
    mixed = Blended(0.5).learned(train, 0)
    changed = (mixed.images != train.images).flatten(1).any(1)
    assert 10 <= changed.sum() <= 15  # one may meet itself
    assert torch.equal(mixed.labels, train.labels)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Pruned(1.0), r"share = 1\.0"),
        (lambda: Quantised(1), "bits = 1"),
        (lambda: Warm(0.0), r"temperature = 0\.0"),
        (lambda: Noisy(-1.0), r"sd = -1\.0"),
        (lambda: Smoothed(1.0, 0), "copies = 0"),
        (lambda: Remembering(0.0), r"distance = 0\.0"),
        (lambda: Filtered(-0.1), r"share = -0\.1"),
        (lambda: Blended(2.0), r"share = 2\.0"),
        (lambda: FineTuned(images, 0, 1.0), "epochs = 0"),
        (lambda: Autoencoded(0, 1), "width = 0"),
        (lambda: Diffused(8, 1, 10, 11), "passes = 11"),
    ],
    ids=[
        *("pruned", "quantised", "warm", "noisy", "smoothed", "remembering"),
        *("filtered", "blended", "tuned", "coder", "diffused"),
    ],
)
def test_a_value_that_is_not_accepted(make: object, says: str) -> None:
    assert callable(make)
    with pytest.raises(ValueError, match=says):
        make()


def test_confidences_need_a_classifier() -> None:
    with pytest.raises(ValueError, match="Warm changes the confidences of a classifier"):
        check_defences([Warm(2.0)], SimCLR, None)
    with pytest.raises(ValueError, match="asks its layer 'project'"):
        check_defences([Purified(Blur(1.0))], SimCLR, "project")
    check_defences([Purified(Blur(1.0))], SimCLR, None)
