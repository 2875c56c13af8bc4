"""A folder of transformers, audited, certified and verified from the command line."""

from __future__ import annotations

import json

import pytest
from tests.models.test_hugging_face import CLASSIFIERS, blip, clip, saved
from tests.owner import photos
from tests.owner.test_mark import fresh
from typer.testing import CliRunner

from taggant.owner.cli import app
from taggant.owner.labels import Labelling
from taggant.owner.mark import mark


@pytest.fixture
def home(tmp_path, monkeypatch):
    for name in ("cat", "dog"):
        photos.write(tmp_path / "raw" / name / "a.png", photos.scene(len(name), 32, 24))
        photos.write(tmp_path / "raw" / name / "b.png", photos.scene(9 + ord(name[0]), 32, 24))
    monkeypatch.chdir(tmp_path)
    rows = [f"{n}/{p}.png,a red dog" for n in ("cat", "dog") for p in "ab"]
    (tmp_path / "captions.csv").write_text("\n".join(["name,caption", *rows]))
    told = Labelling(captions=tmp_path / "captions.csv")
    mark(tmp_path / "raw", tmp_path / "out", tmp_path / "l", fresh(n=10), "keep", labelling=told)
    return tmp_path


def run(*words):
    return CliRunner().invoke(app, list(words), catch_exceptions=False)


def audited(model, *more):
    words = ["audit", "--ledger", "l", "--raw", "raw", "--published", "out", "--yes", "--p", "0.9"]
    return run(*words, "--out", "a.json", "--model", model, *more)


def test_a_classifier_brings_its_own_order_of_classes(home):
    model = saved(home / "vit", *CLASSIFIERS["vit"]())
    assert audited(model).exit_code == 0
    run("certify", "--ledger", "l", "--audit", "a.json", "--out", "c.json", "--open-all")
    certificate = json.loads((home / "c.json").read_text())
    assert certificate["model"]["classes"] == ["cat", "dog", "horse"]
    assert (
        "ok    the model gives the scores"
        in run("verify", "c.json", "--raw", "raw", "--model", model).output
    )
    with pytest.raises(ValueError, match=r"--classes: 2 are given, and hf:.* has 3"):
        audited(model, "--classes", "cat,dog")


def test_an_image_text_model_is_audited_with_captions(home):
    model = saved(home / "clip", *clip(), text=True)
    assert audited(model).exit_code == 0
    run("certify", "--ledger", "l", "--audit", "a.json", "--out", "c.json", "--open-all")
    assert (
        "ok    the model gives the scores"
        in run("verify", "c.json", "--raw", "raw", "--model", model).output
    )


def test_a_captioner_has_no_score_of_the_owners_tool(home):
    with pytest.raises(ValueError, match=r"captioners are not audited by this tool.*taggant\.mark"):
        audited(saved(home / "blip", *blip(), text=True))
