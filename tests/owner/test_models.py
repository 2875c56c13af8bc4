"""Models of every kind that the command line names."""

from __future__ import annotations

import onnx
import pytest
import torch
from safetensors.torch import save_file

from taggant.owner.models import Options
from taggant.owner.spec import open_model
from taggant.score.access import Full, Label

PICTURES = torch.randint(256, (3, 3, 20, 24), generator=torch.Generator().manual_seed(0)).to(
    torch.uint8
)
SMALL = Options(classes=3, size=32, batch_size=2)


def answers(spec, options=SMALL):
    model = open_model(str(spec), options)
    assert len(model.fingerprint) == 64
    return model.oracle(Full()).query(PICTURES)


@pytest.mark.parametrize("wrapped", [None, "state_dict", "safetensors"])
def test_checkpoints_of_torchvision_and_timm(tmp_path, wrapped):
    import timm

    net = timm.create_model("test_vit", num_classes=3)
    weights = net.state_dict()
    path = tmp_path / ("w.safetensors" if wrapped == "safetensors" else "w.pt")
    if wrapped == "safetensors":
        save_file(weights, path)
    elif wrapped:
        torch.save({wrapped: {f"module.{k}": v for k, v in weights.items()}}, path)
    else:
        torch.save(weights, path)
    options = Options(arch="timm:test_vit", classes=3, size=160, batch_size=2)
    assert answers(path, options).shape == (3, 3)
    with pytest.raises(ValueError, match="does not fit"):
        open_model(str(path), Options(arch="timm:test_vit", classes=4, size=160))
    with pytest.raises(ValueError, match=r"--arch \(none\)"):
        open_model(str(path), SMALL)


def test_unpickling_is_refused(tmp_path):
    torch.save(torch.nn.Linear(2, 2), tmp_path / "whole.pt")
    with pytest.raises(ValueError, match="holds more than weights"):
        open_model(str(tmp_path / "whole.pt"), Options(arch="timm:test_vit", classes=3))


def test_onnx_graphs(tmp_path):
    pool = onnx.helper.make_node("GlobalAveragePool", ["x"], ["pooled"])
    flat = onnx.helper.make_node("Flatten", ["pooled"], ["y"])
    shape = ["n", 3, 32, 32]
    graph = onnx.helper.make_graph(
        [pool, flat],
        "means",
        [onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, shape)],
        [onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, ["n", 3])],
    )
    opset = [onnx.helper.make_opsetid("", 13)]
    onnx.save(onnx.helper.make_model(graph, opset_imports=opset, ir_version=8), tmp_path / "m.onnx")
    assert answers(tmp_path / "m.onnx").shape == (3, 3)


def test_python_functions(tmp_path, monkeypatch):
    (tmp_path / "mine_to_audit.py").write_text(
        "def logits(images):\n    return images.float().mean((2, 3))\n"
    )
    monkeypatch.chdir(tmp_path)
    assert answers("mine_to_audit:logits").shape == (3, 3)
    with pytest.raises(ValueError, match="no function 'other'"):
        open_model("mine_to_audit:other", SMALL)


def test_what_is_no_model_is_told(tmp_path):
    with pytest.raises(FileNotFoundError, match="accepted are a URL"):
        open_model(str(tmp_path / "gone.pt"), SMALL)
    with pytest.raises(FileNotFoundError, match="no run folder"):
        open_model(str(tmp_path), SMALL)
    (tmp_path / "a.txt").write_text("")
    with pytest.raises(ValueError, match="accepted are a URL"):
        open_model(str(tmp_path / "a.txt"), SMALL)


@pytest.mark.parametrize("suffix", [".pt", ".safetensors", ".onnx"])
@pytest.mark.parametrize(
    "content", [b"", b"x", b"PK\x03\x04" + b"0" * 50, b"\x80\x02.", b"\0" * 99]
)
def test_a_damaged_file_ends_in_a_line(tmp_path, suffix, content):
    path = tmp_path / f"w{suffix}"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=path.name):
        open_model(str(path), Options(arch="timm:test_vit", classes=3, size=160))


def test_a_file_without_weights_is_told(tmp_path):
    for value in (torch.zeros(3), [1, 2], {"a": 1}, {"state_dict": {"b": "c"}}):
        torch.save(value, tmp_path / "w.pt")
        with pytest.raises(ValueError, match="holds no state_dict"):
            open_model(str(tmp_path / "w.pt"), Options(arch="timm:test_vit", classes=3, size=160))


def test_an_endpoint_shows_what_it_shows():
    with pytest.raises(ValueError, match="--access"):
        open_model("http://127.0.0.1:9/", SMALL).oracle(Label())


def test_an_architecture_that_would_be_downloaded_is_none(tmp_path):
    torch.save({}, tmp_path / "w.pt")
    for arch in ("torchvision:fcn_resnet50", "torchvision:os", "timm:hf-hub:a/b", "open_clip:x"):
        with pytest.raises(ValueError, match="--arch"):
            open_model(str(tmp_path / "w.pt"), Options(arch=arch, classes=3))
