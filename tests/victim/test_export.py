from __future__ import annotations

import json

import torch
from tests.victim.pairs import pairs, tiny_clip

from taggant.victim.export import main
from taggant.victim.training import FINAL, save_weights

DIGEST = "ab" * 16


def test_a_runs_model_is_where_another_one_starts(tmp_path, capsys):
    victim, data = tiny_clip().eval(), pairs(3)
    trained, run = tmp_path / "store" / "train" / DIGEST, tmp_path / "run"
    trained.mkdir(parents=True)
    run.mkdir()
    save_weights(victim, trained / FINAL)
    (run / "result.json").write_text(json.dumps({"stages": {"train": {"digest": DIGEST}}}))
    file, store = tmp_path / "new" / "clip.safetensors", ["--store", str(tmp_path / "store")]
    assert main([str(run), str(file), *store]) == 0
    torch.manual_seed(1)
    tuned = tiny_clip(pretrained=str(file)).eval()
    assert torch.equal(tuned(data.images), victim(data.images))
    assert main([str(run), str(tmp_path / "clip.pt"), *store]) == 2
    assert main([str(run), str(file), "--store", str(tmp_path)]) == 2
    assert main([str(tmp_path), str(file), *store]) == 2
    assert "ends in .safetensors" in capsys.readouterr().err


def test_a_run_folder_names_no_file_outside_the_store(tmp_path, capsys):
    for digest in ("../../other", "/etc", DIGEST.upper(), 7, None):
        record = {"stages": {"train": {"digest": digest}}}
        (tmp_path / "result.json").write_text(json.dumps(record))
        assert main([str(tmp_path), str(tmp_path / "a.safetensors")]) == 2
        assert "no record of a finished run" in capsys.readouterr().err
