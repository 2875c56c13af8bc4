"""A score that is learned on runs of one's own, and asked by in another."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.forks import TINY, warmed

from taggant.pipeline.learn import main
from taggant.score.learned import read

SHADOW = (*TINY, "score=loss", "score.views=2", "audit.live=false", "marking.secret=simulated")


@pytest.fixture(scope="module")
def learned(tmp_path_factory):
    """Two runs and the score that was learned on them."""
    root = tmp_path_factory.mktemp("learn")
    folders = []
    for seed in (1, 2):
        folder = f"hydra.run.dir=${{paths.runs}}/{seed}"
        assert warmed().run(root, *SHADOW, f"seed={seed}", folder) == 0, said(root)
        folders.append(str(root / "runs" / str(seed)))
    file = root / "score.safetensors"
    assert main([*folders, str(file), "--root", str(root)]) == 0
    return root, folders, file


def said(root):
    return (root / "output.txt").read_text()[-2000:]


def asked(root, file, *more: str) -> int:
    own = ("score=learned", f"score.statistic.weights={file}", "score.views=2")
    return warmed().run(root, *TINY, *own, "audit.live=false", "marking.secret=simulated", *more)


def test_it_knows_the_marks_it_was_learned_from(learned):
    _, folders, file = learned
    records = [json.loads((Path(folder) / "result.json").read_text()) for folder in folders]
    assert read(str(file))[1] == {record["stages"]["mark"]["digest"] for record in records}


def test_another_runs_audit_asks_by_it(learned):
    root, _, file = learned
    folder = "hydra.run.dir=${paths.runs}/asked"
    assert asked(root, file, "seed=3", folder) == 0, said(root)
    record = json.loads((root / "runs" / "asked" / "result.json").read_text())
    assert 0 <= record["metrics"]["detection_rate"] <= 1
    config = json.loads((root / "runs" / "asked" / "config.json").read_text())
    assert config["score"]["statistic"]["weights"] == str(file)


def test_the_audit_of_the_same_marks_is_refused(learned):
    root, _, file = learned
    assert asked(root, file, "seed=1") != 0
    assert "learned from the published versions of these very marks" in " ".join(said(root).split())


def test_what_counts_is_what_is_in_the_file(learned, tmp_path):
    root, _, file = learned
    same = tmp_path / "elsewhere.safetensors"
    same.write_bytes(file.read_bytes())
    digests = []
    for number, path in enumerate((file, same)):
        folder = f"hydra.run.dir=${{paths.runs}}/content{number}"
        assert asked(root, path, "seed=4", folder) == 0, said(root)
        record = json.loads((root / "runs" / f"content{number}" / "result.json").read_text())
        digests.append(record["stages"]["score"]["digest"])
    assert digests[0] == digests[1]


@pytest.mark.parametrize("kind", ["missing", "changed", "one view"])
def test_runs_that_teach_nothing_are_refused(learned, kind, tmp_path, capsys):
    root, folders, _ = learned
    folder = tmp_path / "run"
    if kind != "missing":
        folder.mkdir()
        for name in ("config.json", "result.json"):
            record = json.loads((Path(folders[0]) / name).read_text())
            if name == "result.json" and kind == "changed":
                record["stages"]["train"]["digest"] = "0" * 32
            if name == "config.json" and kind == "one view":
                record["score"]["views"] = 1
            (folder / name).write_text(json.dumps(record))
    assert main([str(folder), str(tmp_path / "a.safetensors"), "--root", str(root)]) == 2
    expected = {"missing": "config.json", "changed": "run it again", "one view": "score.views = 1"}
    assert expected[kind] in capsys.readouterr().err
