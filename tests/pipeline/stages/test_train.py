"""In which precision a victim is trained."""

from __future__ import annotations

import pytest
import torch

from taggant.pipeline.stages.train import precision


@pytest.mark.parametrize("asked", ["32-true", "bf16-mixed", 64])
def test_a_precision_asked_for_is_kept(asked):
    assert precision({"accelerator": "cpu", "precision": asked}) == asked


@pytest.mark.parametrize(("native", "chosen"), [(True, "bf16-mixed"), (False, "32-true")])
@pytest.mark.parametrize("gpu", [True, False])
def test_auto_is_bfloat16_only_where_the_device_computes_in_it(monkeypatch, native, chosen, gpu):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: native)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: native is not gpu)
    assert precision({"accelerator": "auto", "precision": "auto"}) == chosen
    on_cpu = native is not gpu
    expected = "bf16-mixed" if on_cpu else "32-true"
    assert precision({"accelerator": "cpu", "precision": "auto"}) == expected
