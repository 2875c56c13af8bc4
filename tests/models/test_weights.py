"""Files of weights are read without running anything, whatever else they hold."""

from __future__ import annotations

import argparse
import datetime
import os
import pathlib
import pickle
import types
from collections import OrderedDict, defaultdict

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf
from pytorch_lightning.utilities.parsing import AttributeDict
from safetensors.torch import save_file

from taggant.models.model import ModelOptions
from taggant.models.weights import STAND_INS, Inert, Items, read_weights
from taggant.owner.models.open import open_model

WEIGHTS = {"fc.weight": torch.arange(6.0).view(2, 3)}


@pytest.mark.parametrize(
    "extra",
    [
        argparse.Namespace(lr=0.1, nested=argparse.Namespace(a=[1])),
        types.SimpleNamespace(lr=0.1),
        np.float64(0.3),
        np.int64(3),
        np.bool_(True),
        np.arange(3),
        np.array(["a"], object),
        np.random.RandomState(0).get_state(),
        pathlib.Path("runs/1"),
        torch.__version__,
        defaultdict(list, a=[1]),
        AttributeDict(lr=0.1),
        OmegaConf.create({"a": {"b": [1, 2.5, "x", True, None]}}),
        datetime.datetime(2020, 1, 1),
        datetime.timedelta(3),
        range(3),
        {"type": int, "slice": slice(1), "device": torch.device("cpu"), "set": {1}},
    ],
    ids=lambda extra: type(extra).__name__,
)
def test_harmless_extras_are_read_past(tmp_path, extra):
    path = tmp_path / "w.ckpt"
    torch.save({"hyper_parameters": extra, "state_dict": WEIGHTS, "args": [extra]}, path)
    found = read_weights(path)
    assert torch.equal(found["state_dict"]["fc.weight"], WEIGHTS["fc.weight"])


def test_what_stands_in_for_an_object_is_nothing_but_its_items(tmp_path):
    path = tmp_path / "w.pt"
    torch.save({"args": argparse.Namespace(lr=0.1), "d": defaultdict(list, WEIGHTS)}, path)
    before = set(torch.serialization.get_safe_globals())
    found = read_weights(path)
    assert type(found["args"]) is Inert
    assert vars(found["args"]) == {}
    assert type(found["d"]) is OrderedDict
    assert torch.equal(found["d"]["fc.weight"], WEIGHTS["fc.weight"])
    assert set(torch.serialization.get_safe_globals()) == before


class Evil:
    def __reduce__(self):
        return os.mkdir, ("owned",)


class Called:
    def __reduce__(self):
        return eval, ("__import__('os').mkdir('owned')",)


@pytest.mark.parametrize(
    ("extra", "named"),
    [
        (torch.nn.Linear(2, 2), "torch.nn.modules.linear.Linear"),
        (Evil(), "posix.mkdir|nt.mkdir"),
        (Called(), "eval"),
        (types.MethodType(Inert.__setstate__, Inert()), "getattr"),
    ],
    ids=["module", "mkdir", "eval", "method"],
)
@pytest.mark.parametrize("legacy", [False, True])
def test_what_could_run_code_is_refused_by_name(tmp_path, monkeypatch, extra, named, legacy):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "w.pt"
    torch.save({"state_dict": WEIGHTS, "x": extra}, path, _use_new_zipfile_serialization=not legacy)
    with pytest.raises(
        ValueError, match=rf"w.pt: holds more than weights \(.*({named}).*state_dict"
    ):
        read_weights(path)
    (tmp_path / "raw.pt").write_bytes(pickle.dumps(extra))
    with pytest.raises(ValueError, match=r"raw.pt: "):
        read_weights(tmp_path / "raw.pt")
    assert not (tmp_path / "owned").exists()


def test_no_name_on_the_list_is_a_function_that_does_something():
    names = [name for _, name in STAND_INS]
    assert not {"builtins.eval", "builtins.getattr", "builtins.exec"} & set(names)
    assert len(set(names)) == len(names) < 50
    assert {kind for kind, _ in STAND_INS} == {Inert, Items}


LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 102\n"


@pytest.mark.parametrize("suffix", [".pt", ".ckpt", ".safetensors", ".onnx"])
@pytest.mark.parametrize(
    ("content", "said"),
    [
        (LFS, "a git-LFS pointer, not the file itself"),
        (b"\xef\xbb\xbf" + LFS.replace(b"\n", b"\r\n"), "a git-LFS pointer"),
        (b"<!DOCTYPE html><html><title>Sign in</title>", r"a page of HTML or XML \(<!DOCTYPE"),
        (b"\n <html>", "a page of HTML"),
        (b"<?xml version='1.0'?><Error><Code>AccessDenied</Code>", "a page of HTML or XML"),
        (b"", "an empty file"),
        (b'{"error": "Repository not found"}', r"a text \(\{\"error\""),
        (b"Not Found: the file", r"a text \(Not Found: the file\)"),
        (b"PK\x03\x04" + bytes(600), "broken off, its end is missing"),
    ],
)
def test_what_comes_instead_of_a_file_is_named(tmp_path, suffix, content, said):
    path = tmp_path / f"w{suffix}"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"w{suffix}: {said}"):
        open_model(str(path), ModelOptions(arch="timm:test_vit", classes=3, size=160))


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_a_file_that_was_broken_off_is_told(tmp_path, suffix):
    path = tmp_path / f"w{suffix}"
    (save_file if suffix == ".safetensors" else torch.save)(WEIGHTS, path)
    content = path.read_bytes()
    for end in (len(content) // 2, len(content) - 8):
        path.write_bytes(content[:end])
        with pytest.raises(ValueError, match=rf"w{suffix}: (broken off|no file of weights)"):
            read_weights(path)


def test_a_torchscript_archive_is_named(tmp_path):
    path = tmp_path / "w.pt"
    torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), path)
    with pytest.raises(ValueError, match=r"a TorchScript archive.*torch.jit.load\(FILE\)"):
        read_weights(path)


def test_weights_of_any_kind_of_file_end_up_in_the_network(tmp_path):
    import timm

    net = timm.create_model("test_vit", num_classes=3).eval()
    wrapped = {f"model._orig_mod.{name}": tensor for name, tensor in net.state_dict().items()}
    args = argparse.Namespace(lr=0.1)
    torch.save({"net": wrapped, "args": args}, tmp_path / "checkpoint.pth.tar")
    other = {name: tensor + 0.5 for name, tensor in wrapped.items()}
    torch.save({"net": wrapped, "net_ema": other, "args": args}, tmp_path / "both.PTH")
    options = ModelOptions(arch="timm:test_vit", classes=3, size=160, batch_size=2)
    pictures = torch.zeros(2, 3, 160, 160, dtype=torch.uint8)
    plain = open_model(str(tmp_path / "checkpoint.pth.tar"), options)
    both = open_model(str(tmp_path / "both.PTH"), options)
    first = plain.oracle(lambda logits: logits).query(pictures)
    black = torch.full((3,), -1.0)  # timm's own mean and deviation of this one are .5
    with torch.inference_mode():
        expected = net(black.view(1, 3, 1, 1).expand(2, 3, 160, 160))
    assert torch.allclose(first, expected, atol=1e-5)
    assert not torch.allclose(both.oracle(lambda logits: logits).query(pictures), first)
    assert plain.note == ""
    assert "the weights are those at net_ema.model." in both.note
    assert "at net.model. there are others" in both.note
    features = open_model(
        str(tmp_path / "checkpoint.pth.tar"),
        ModelOptions(arch="timm:test_vit", victim="encoder", size=160),
    )
    assert features.answers == "embedding"
    with pytest.raises(ValueError, match=r"timm:test_vit with 4 classes: it has tensors of other"):
        open_model(str(tmp_path / "both.PTH"), ModelOptions(arch="timm:test_vit", classes=4))
