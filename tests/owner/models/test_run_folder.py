"""The victim of a run folder that somebody sent: tensors and checked numbers, nothing else."""

from __future__ import annotations

import json

import pytest
import torch
from tests.conftest import random_set
from tests.owner.components.test_components import CLASSIFIER, DATA, FACTS

from taggant.files import sha256
from taggant.models.model import ModelOptions
from taggant.owner.components import victim
from taggant.owner.models.open import open_model
from taggant.owner.models.run_folder import victim_of
from taggant.score.access import Full
from taggant.victim import training
from taggant.victim.finite_answers import FiniteAnswers

UNLEARNT, IMAGES = "a" * 32, "b" * 32


@pytest.fixture
def run(tmp_path):
    """A run folder with its store beside it, as ``run.py`` leaves them."""
    final, data = tmp_path / "store/unlearn" / UNLEARNT, tmp_path / "store/data" / IMAGES / "train"
    folder = tmp_path / "runs/default/2030-01-31"
    for path in (final, folder):
        path.mkdir(parents=True)
    random_set(4).save(data)
    torch.manual_seed(0)
    made = victim.victim_from_config(CLASSIFIER).build_untrained(victim.Images(classes=4, **FACTS))
    training.save_weights(made, final / training.FINAL)
    files = {training.FINAL: sha256(final / training.FINAL)}
    write(final / "manifest.json", {"files": files, "seconds": 1.0})
    write(final / "unlearning.json", {"status": "ok", "seconds": 0.0})
    stages = {"data": {"digest": IMAGES, "cached": True}, "unlearn": {"digest": UNLEARNT}}
    write(folder / "result.json", {"schema": 1, "stages": stages, "metrics": {}})
    write(folder / "config.json", {"victim": CLASSIFIER, "data": {"_target_": "os.system"}})
    return folder


def write(path, value):
    path.write_text(json.dumps(value))


def change(path, *way, value):
    body = json.loads(path.read_text())
    place = body
    for step in way[:-1]:
        place = place[step]
    place[way[-1]] = value
    write(path, body)


def test_the_victim_is_found_wherever_one_stands(run, tmp_path, monkeypatch):
    monkeypatch.delenv("TAGGANT_ROOT", raising=False)
    monkeypatch.chdir("/")
    torch.manual_seed(0)
    made = (
        victim.victim_from_config(CLASSIFIER)
        .build_untrained(victim.Images(classes=4, **FACTS))
        .eval()
    )
    trained = victim_of(run)
    assert trained.size == 16
    with torch.no_grad():
        assert torch.equal(trained.victim.eval()(DATA.images), made(DATA.images))
    model = open_model(str(run), ModelOptions(batch_size=2))
    assert (model.answers, model.against) == ("logits", "labels")
    assert model.oracle(Full()).query(DATA.images).shape == (4, 4)
    before = trained.digest
    change(run / "config.json", "victim", "net", "dropout", value=0.5)
    assert victim_of(run).digest != before
    monkeypatch.setenv("TAGGANT_ROOT", str(tmp_path / "elsewhere"))
    with pytest.raises(FileNotFoundError, match="set TAGGANT_ROOT"):
        victim_of(run)


def test_a_collapsed_victim_answers_in_finite_numbers(run):
    change(
        run.parents[2] / "store/unlearn" / UNLEARNT / "unlearning.json", "status", value="diverged"
    )
    assert isinstance(victim_of(run).victim, FiniteAnswers)


@pytest.mark.parametrize(
    ("name", "way", "value", "says"),
    [
        ("config.json", ["victim", "_target_"], "os.system", "victim.kind = 'os.system'"),
        ("config.json", ["victim", "net", "_target_"], "builtins.exec", "net.kind"),
        ("config.json", ["victim", "width"], 10**9, "width = 1000000000"),
        ("config.json", ["victim", "width"], "${oc.env:HOME}", "width = '${oc.env:HOME}'"),
        ("config.json", ["victim", "extra"], 1, "there is no such field"),
        ("config.json", ["victim"], [], "victim = [...]"),
        ("config.json", ["defence"], {"jpeg": {}}, "stands behind defences (jpeg)"),
        ("result.json", ["stages", "unlearn", "digest"], "../../../../etc", "unlearn.digest = "),
        ("result.json", ["stages", "data", "digest"], "/" * 32, "data.digest = "),
        ("result.json", ["stages"], None, "stages = None"),
    ],
)
def test_a_hostile_run_folder_ends_in_a_line(run, name, way, value, says):
    change(run / name, *way, value=value)
    with pytest.raises(ValueError) as error:
        victim_of(run)
    assert says in str(error.value)
    assert name in str(error.value)


def test_hydras_own_files_of_a_run_are_not_read(run):
    (run / ".hydra").mkdir()
    (run / ".hydra" / "config.yaml").write_text("victim: {_target_: os.system, command: 'exit'}")
    (run / ".hydra" / "hydra.yaml").write_text("*")
    assert victim_of(run).size == 16


def test_damaged_weights_are_named(run):
    final = run.parents[2] / "store/unlearn" / UNLEARNT
    torch.save(torch.nn.Linear(2, 2), final / training.FINAL)
    with pytest.raises(ValueError, match=r"final\.safetensors was changed"):
        victim_of(run)
    change(final / "manifest.json", "files", value={training.FINAL: sha256(final / training.FINAL)})
    with pytest.raises(ValueError, match="no weights of this victim"):
        victim_of(run)


def test_a_folder_that_is_no_run_is_told(tmp_path):
    with pytest.raises(FileNotFoundError, match="no run folder"):
        victim_of(tmp_path)
