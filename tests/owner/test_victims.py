"""Encoders and image-text models, audited from the command line and verified."""

from __future__ import annotations

import json
import threading

import pytest
import torch
from tests.owner import photos
from tests.owner.test_mark import fresh
from tests.victim.pairs import tiny_clip
from typer.testing import CliRunner

from taggant.models import checkpoint
from taggant.models.architectures import of_open_clip
from taggant.models.model import ModelOptions
from taggant.models.victims import caption_targets
from taggant.owner.cli import app
from taggant.owner.labels import Labelling
from taggant.owner.mark import mark
from taggant.owner.models.open import open_model
from taggant.owner.serve import Service
from taggant.score.access import Embedding

SIDE = 16
ENCODER = """
def embed(images):
    small = images[:, :3].float()[:, :, ::8, ::8].flatten(1) / 255
    return small[:, :12] - 0.5
"""
PICTURES = torch.randint(256, (3, 3, 20, 24), generator=torch.Generator().manual_seed(0)).to(
    torch.uint8
)


@pytest.fixture
def home(tmp_path, monkeypatch):
    for number in range(2):
        photos.write(tmp_path / "raw" / f"p{number}.png", photos.scene(number, 32, 24))
    mark(tmp_path / "raw", tmp_path / "out", tmp_path / "ledger", fresh(n=10), "keep")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def audited(*more):
    words = ["audit", "--ledger", "ledger", "--raw", "raw", "--published", "out", "--yes"]
    words += ["--out", "a.json", "--p", "0.9", *more]
    assert CliRunner().invoke(app, words, catch_exceptions=False).exit_code == 0
    words = ["certify", "--ledger", "ledger", "--audit", "a.json", "--out", "c.json", "--open-all"]
    assert CliRunner().invoke(app, words, catch_exceptions=False).exit_code == 0


def verified(*more):
    words = ["verify", "c.json", "--raw", "raw", *more]
    return CliRunner().invoke(app, words, catch_exceptions=False).output


def test_an_encoder_is_audited_by_how_alike_views_are(home):
    (home / "enc.py").write_text(ENCODER)
    chosen = ("--model", "enc:embed", "--victim", "encoder")
    audited(*chosen, "--set", "score.views=3")
    assert "ok    the model gives the scores" in verified(*chosen)


class Squares(torch.nn.Module):
    answers = "embedding"

    def forward(self, images):
        return images[:, :, ::4, ::4].float().flatten(1)[:, :12] / 255 - 0.5


def test_an_encoder_is_audited_by_url(home):
    with Service(Squares(), SIDE) as service:
        threading.Thread(target=service.serve_forever, args=(0.02,), daemon=True).start()
        chosen = ("--model", service.url, "--victim", "encoder")
        audited(*chosen, "--set", "score.views=3")
        assert "ok    the model gives the scores" in verified(*chosen)
        service.shutdown()
    assert service.answered > 2 * 3


def test_an_image_text_model_is_audited_with_captions(home, monkeypatch):
    torch.manual_seed(0)
    victim = tiny_clip()
    torch.save(victim.net.state_dict(), home / "clip.pt")
    monkeypatch.setattr("taggant.victim.tokens.tokenizer", lambda *_: victim.tokenizer)
    made = of_open_clip(victim.net, "tiny", "clip")
    monkeypatch.setattr(checkpoint, "architecture", lambda *_: made)
    chosen = ("--model", "clip.pt", "--arch", "open_clip:tiny", "--victim", "clip")
    chosen += ("--size", str(SIDE))
    with pytest.raises(ValueError, match=r"p0\.png has no caption.*mark --captions"):
        audited(*chosen)
    (home / "captions.csv").write_text("name,caption\np0.png,a red dog\np1.png,a blue cat\n")
    told = Labelling(captions=home / "captions.csv")
    mark(home / "raw", home / "new", home / "ledger2", fresh(n=10), "keep", labelling=told)
    (home / "ledger2").rename(home / "ledger")
    (home / "out").rename(home / "old")
    (home / "new").rename(home / "out")
    audited(*chosen)
    opened = json.loads((home / "c.json").read_text())["opened"]
    assert {one["caption"] for one in opened} == {"a red dog", "a blue cat"}
    assert "ok    the model gives the scores" in verified(*chosen)


def test_an_encoders_checkpoint_is_read_without_its_head(tmp_path):
    import timm

    torch.save(timm.create_model("test_vit", num_classes=3).state_dict(), tmp_path / "w.pt")
    options = ModelOptions(arch="timm:test_vit", victim="encoder", size=160, batch_size=2)
    model = open_model(str(tmp_path / "w.pt"), options)
    assert (model.answers, model.against) == ("embedding", None)
    embedded = model.oracle(Embedding()).query(PICTURES)
    assert embedded.shape[1] > 3
    assert torch.allclose(embedded.norm(dim=1), torch.ones(3), atol=1e-5)


def test_a_runs_image_text_victim_embeds_captions_as_it_does_itself():
    victim = tiny_clip()
    targets = caption_targets(victim)(["a red dog", "a blue cat"])
    assert targets.shape[0] == 2
    assert torch.allclose(targets.norm(dim=1), torch.ones(2), atol=1e-5)


@pytest.mark.parametrize(
    ("spec", "options", "message"),
    [
        ("http://h/", {"victim": "clip"}, "an endpoint answers with confidences"),
        ("m:f", {"victim": "clip"}, "accepted are a run folder"),
        ("w.pt", {"victim": "clip", "arch": "timm:test_vit"}, "does not fit"),
        ("w.pt", {"victim": "encoder", "arch": "torchvision:resnet18"}, "holds no state_dict"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path, monkeypatch, spec, options, message):
    monkeypatch.chdir(tmp_path)
    torch.save({}, "w.pt")
    with pytest.raises(ValueError, match=message):
        open_model(spec, ModelOptions(**options))


def test_unknown_kinds_are_refused():
    with pytest.raises(ValueError, match="accepted are classifier, encoder, clip"):
        ModelOptions(victim="oracle")
