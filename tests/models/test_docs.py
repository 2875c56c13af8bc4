"""Every row of the table of docs/models.md: the model is loaded and asked, or refused."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable
from pathlib import Path

import open_clip
import pytest
import pytorch_lightning as pl
import timm
import torch
import torchvision
import transformers as hf
from open_clip.push_to_hf_hub import save_config_for_hf
from safetensors.torch import save_file
from tests.conftest import ROOT
from tests.models.test_hugging_face import CLASSIFIERS, ENCODERS, blip, clip, saved
from tests.models.test_load import graph
from tests.models.test_pretrained import CLIP
from timm.models._hub import save_for_hf
from torch import nn

from taggant.models.load import load
from taggant.models.model import Model, ModelOptions
from taggant.models.preprocessing import IMAGENET
from taggant.owner.serve import Service
from taggant.score.access import Embedding, Full, Tokens
from taggant.victim.classifier import Classifier
from taggant.victim.small_net import SmallNet

TEXT = (ROOT / "docs" / "models.md").read_text()
TABLE = re.findall(r"^\| (.*?) \| (.*?) \| (.*?) \|$", TEXT, re.MULTILINE)[1:]
PICTURES = torch.randint(256, (2, 3, 40, 44), generator=torch.Generator().manual_seed(0)).to(
    torch.uint8
)
INPUT = {"size": 16, "mean": IMAGENET[0], "std": IMAGENET[1]}
VIT = {"arch": "timm:test_vit", "classes": 3}
Way = Callable[[Path], Model]


def net() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(3 * 16 * 16, 3)).eval()


def vit() -> nn.Module:
    return timm.create_model("test_vit", num_classes=3)


def of_library(made: Callable[[], nn.Module], name: str, **more) -> Way:
    def way(folder: Path) -> Model:
        torch.save(made().state_dict(), folder / "w.pt")
        return load(name, ModelOptions(weights=folder / "w.pt", **more))

    return way


def of_hub(make, text: bool = False) -> Way:
    return lambda folder: load(saved(folder, *make(), text=text))


def victim(_: Path) -> Model:
    training = {"epochs": 1, "batch_size": 2, "lr": 0.1, "momentum": 0.0, "weight_decay": 0.0}
    facts = {"snapshots": 1, "mean": (0.5,) * 3, "std": (0.2,) * 3}
    return load(Classifier(SmallNet, 3, 3, 40, 2, **training, **facts), ModelOptions(size=40))


def timm_folder(folder: Path) -> Model:
    save_for_hf(vit(), folder / "vit", safe_serialization=True)
    return load(f"timm:{folder / 'vit'}")


def open_clip_folder(folder: Path) -> Model:
    made = open_clip.CLIP(**CLIP)
    made.visual.image_mean = made.visual.image_std = (0.5, 0.5, 0.5)
    save_config_for_hf(made, folder / "open_clip_config.json", CLIP)
    save_file(made.state_dict(), folder / "open_clip_model.safetensors")
    return load(f"open_clip:{folder}")


def lightning(folder: Path) -> Model:
    class Lit(pl.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.backbone = vit()
            self.save_hyperparameters({"lr": 0.1})

    module, trainer = Lit(), pl.Trainer(logger=False, accelerator="cpu", barebones=True)
    trainer.strategy.connect(module)
    trainer.save_checkpoint(folder / "last.ckpt", weights_only=True)
    return load(folder / "last.ckpt", ModelOptions(**VIT))


def safetensors(folder: Path) -> Model:
    save_file(vit().state_dict(), folder / "w.safetensors")
    return load(folder / "w.safetensors", ModelOptions(**VIT))


def script(folder: Path) -> Model:
    torch.jit.save(torch.jit.trace(net(), torch.zeros(1, 3, 16, 16)), folder / "w.pt")
    return load(folder / "w.pt", ModelOptions(**INPUT))


def exported(folder: Path) -> Model:
    program = torch.export.export(net(), (torch.zeros(2, 3, 16, 16),))
    torch.export.save(program, folder / "m.pt2")
    return load(folder / "m.pt2")


def weights_alone(folder: Path) -> Model:
    torch.save(net().state_dict(), folder / "w.pt")
    return load(folder / "w.pt")


def pickled(folder: Path) -> Model:
    torch.save(net(), folder / "w.pt")
    return load(folder / "w.pt", ModelOptions(**VIT))


def open_clip_name(folder: Path) -> Model:
    (folder / "two-tiny-towers.json").write_text(json.dumps(CLIP))
    open_clip.add_model_config(folder / "two-tiny-towers.json")
    way = of_library(lambda: open_clip.CLIP(**CLIP), "open_clip:two-tiny-towers", victim="clip")
    return way(folder)


LOADED: dict[str, Way] = {
    "a module": lambda _: load(net(), ModelOptions(**INPUT)),
    "a compiled module": lambda _: load(
        torch.compile(net(), backend="eager"), ModelOptions(**INPUT)
    ),
    "a function": lambda _: load(lambda images: images.float().mean((2, 3))),
    "a victim of this package": victim,
    "torchvision's architecture": of_library(
        lambda: torchvision.models.get_model("squeezenet1_1", num_classes=3),
        "torchvision:squeezenet1_1",
        classes=3,
        size=64,
    ),
    "timm's architecture": of_library(vit, "timm:test_vit", classes=3),
    "a folder of timm": timm_folder,
    "open_clip's architecture": open_clip_name,
    "a folder of open_clip": open_clip_folder,
    "an image classifier of transformers": of_hub(CLASSIFIERS["vit"]),
    "an encoder of transformers": of_hub(ENCODERS["dinov2"]),
    "CLIP or SigLIP of transformers": of_hub(clip, text=True),
    "BLIP of transformers": of_hub(blip, text=True),
    "a checkpoint of Lightning": lightning,
    "a file of safetensors": safetensors,
    "an ONNX file": lambda folder: load(graph(folder / "m.onnx", [1, 3, 16, 16])),
}
REFUSED: dict[str, tuple[Way, str]] = {
    "a TorchScript archive": (script, r"torch\.jit\.load\(FILE\) and give the module"),
    "an archive of torch.export": (exported, r"torch\.export\.load\(FILE\)\.module\(\)"),
    "weights without an architecture": (weights_alone, "arch says of which network"),
    "a pickled model": (pickled, r"torch\.save\(model\.state_dict\(\), FILE\)"),
}
ACCESS = {"logits": Full(), "embedding": Embedding(), "tokens": Tokens()}


@pytest.mark.parametrize("way", LOADED)
def test_what_the_table_lists_is_loaded_and_asked(tmp_path, way):
    torch.manual_seed(0)
    model = LOADED[way](tmp_path)
    answers = model.oracle(ACCESS[model.answers]).query(PICTURES)
    assert len(answers) == len(PICTURES)
    assert bool(answers.isfinite().all())
    assert len(model.fingerprint) == 64


@pytest.mark.parametrize("way", REFUSED)
def test_what_the_table_refuses_names_the_next_step(tmp_path, way):
    make, message = REFUSED[way]
    with pytest.raises(ValueError, match=message):
        make(tmp_path)


def test_a_model_behind_a_url_is_asked():
    with Service(victim(Path()).network, 40) as service:
        threading.Thread(target=service.serve_forever, args=(0.02,), daemon=True).start()
        model = load(service.url, ModelOptions(classes=3))
        assert model.oracle(Full()).query(PICTURES).shape == (2, 3)
        service.shutdown()
    with pytest.raises(ValueError, match="classes: needed of a classifier behind a URL"):
        load(service.url)


def test_the_table_and_the_tests_have_the_same_rows():
    rows = [row[0] for row in TABLE if not set(row[0]) <= {"-", "|"}]
    assert rows == [*LOADED, "a model behind a URL", *REFUSED]
    assert [row[0] for row in TABLE if row[1] == "refused"] == list(REFUSED)


def test_the_page_lists_the_architectures_of_transformers():
    from taggant.models.hugging_face.kinds import KINDS

    others = [name for name in KINDS if not name.endswith("ForImageClassification")]
    assert all(f"`{name}`" in TEXT for name in others)
    assert all(hasattr(hf, name) for name in KINDS)
