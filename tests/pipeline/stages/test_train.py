"""In which precision a victim is trained, and from which weights."""

from __future__ import annotations

import pytest
import torch

from taggant.pipeline.stages.train import precision
from taggant.pipeline.weights import by_content


@pytest.mark.parametrize("asked", ["32-true", "bf16-mixed", 64])
def test_a_precision_asked_for_is_kept(asked):
    assert precision({"accelerator": "cpu", "precision": asked}) == asked


@pytest.mark.parametrize("gpu", [None, False, True])
@pytest.mark.parametrize("cpu", [False, True])
def test_auto_is_bfloat16_only_where_the_device_computes_in_it(monkeypatch, gpu, cpu):
    """`gpu` and `cpu`: whether they compute in bfloat16; None: there is no GPU."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu is not None)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: gpu)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": cpu}, raising=False)
    chosen = {False: "32-true", True: "bf16-mixed"}
    auto = cpu if gpu is None else gpu
    assert precision({"accelerator": "auto", "precision": "auto"}) == chosen[auto]
    assert precision({"accelerator": "cpu", "precision": "auto"}) == chosen[cpu]


def test_weights_to_start_from_count_by_their_content(tmp_path):
    one, other = tmp_path / "a.pt", tmp_path / "b.pt"
    one.write_bytes(b"weights")
    other.write_bytes(b"weights")
    first, second = (by_content({"lr": 1, "pretrained": str(path)}) for path in (one, other))
    assert first == second
    other.write_bytes(b"others")
    assert by_content({"lr": 1, "pretrained": str(other)}) != first
    for tag in ("openai", None):
        assert by_content({"pretrained": tag}) == {"pretrained": tag}
    assert by_content({"lr": 1}) == {"lr": 1}
    folder = tmp_path / "vae"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    moved = folder.rename(tmp_path / "moved")
    given = by_content({"marker": {"load": {"vae": str(moved)}}})
    assert list(given["marker"]["load"]["vae"]) == ["config.json"]
    (moved / "weights").write_bytes(b"weights")
    assert by_content({"marker": {"load": {"vae": str(moved)}}}) != given


def test_a_torch_that_does_not_know_its_cpu_counts_as_without_bfloat16(monkeypatch):
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    assert precision({"accelerator": "cpu", "precision": "auto"}) == "32-true"
