"""Models of every kind that the command line names."""

from __future__ import annotations

import onnx
import pytest
import torch
from safetensors.torch import save_file

from taggant.models.model import ModelOptions
from taggant.models.preprocessing import IMAGENET, squares
from taggant.owner.models.open import open_model
from taggant.score.access import Full, Label

PICTURES = torch.randint(256, (3, 3, 20, 24), generator=torch.Generator().manual_seed(0)).to(
    torch.uint8
)
SMALL = ModelOptions(classes=3, size=32, batch_size=2)


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
    options = ModelOptions(arch="timm:test_vit", classes=3, size=160, batch_size=2)
    assert answers(path, options).shape == (3, 3)
    with pytest.raises(ValueError, match="does not fit"):
        open_model(str(path), ModelOptions(arch="timm:test_vit", classes=4, size=160))
    with pytest.raises(ValueError, match=r"arch says of which network"):
        open_model(str(path), SMALL)


def graph(path, shape, kind=onnx.TensorProto.FLOAT, outputs=("y",)):
    """Means of the channels, as an ONNX file."""
    nodes = [onnx.helper.make_node("ReduceMean", ["x"], ["pooled"], axes=[2, 3])]
    nodes += [onnx.helper.make_node("Flatten", ["pooled"], [name]) for name in outputs]
    given = onnx.helper.make_tensor_value_info("x", kind, shape)
    taken = [onnx.helper.make_tensor_value_info(name, kind, [shape[0], 3]) for name in outputs]
    made = onnx.helper.make_graph(nodes, "means", [given], taken)
    opset = [onnx.helper.make_opsetid("", 13)]
    onnx.save(onnx.helper.make_model(made, opset_imports=opset, ir_version=8), path)
    return path


MEANS = (
    (
        (squares(PICTURES, 32) / 255 - torch.tensor(IMAGENET[0]).view(3, 1, 1))
        / torch.tensor(IMAGENET[1]).view(3, 1, 1)
    )
    .mean((2, 3))
    .log_softmax(1)
)


@pytest.mark.parametrize("batch", ["n", None, 1, 2, 3, 7])
@pytest.mark.parametrize("asked", [1, 2, 5])
def test_onnx_graphs_are_fed_in_the_batch_that_they_were_made_for(tmp_path, batch, asked):
    path = graph(tmp_path / "m.onnx", [batch, 3, 32, 32])
    found = answers(path, ModelOptions(classes=3, size=32, batch_size=asked))
    assert torch.allclose(found, MEANS, atol=1e-5)


@pytest.mark.parametrize("kind", [onnx.TensorProto.FLOAT16, onnx.TensorProto.DOUBLE])
def test_onnx_graphs_of_other_floats(tmp_path, kind):
    found = answers(graph(tmp_path / "m.ONNX", [2, 3, 32, 32], kind))
    assert torch.allclose(found.float(), MEANS, atol=2e-3)


def test_onnx_graphs_of_other_pictures_are_refused(tmp_path):
    floats, bytes_ = onnx.TensorProto.FLOAT, onnx.TensorProto.UINT8
    for shape, kind in (
        (["n", 3, 64, 64], floats),
        (["n", 32, 32, 3], floats),
        (["n", 1, 32, 32], floats),
    ):
        path = graph(tmp_path / "m.onnx", shape, kind)
        with pytest.raises(ValueError, match=r"m.onnx: its graph takes x .*\(size 32\)"):
            open_model(str(path), SMALL)
    identity = onnx.helper.make_node("Identity", ["x"], ["y"])
    ends = [onnx.helper.make_tensor_value_info(name, bytes_, [1, 3, 32, 32]) for name in "xy"]
    made = onnx.helper.make_graph([identity], "same", ends[:1], ends[1:])
    opset = [onnx.helper.make_opsetid("", 13)]
    onnx.save(onnx.helper.make_model(made, opset_imports=opset, ir_version=8), path)
    with pytest.raises(ValueError, match=r"takes x tensor\(uint8\)"):
        open_model(str(path), SMALL)


def test_of_several_outputs_the_one_that_is_read_is_said(tmp_path):
    path = graph(tmp_path / "m.onnx", [1, 3, 32, 32], outputs=("y", "features"))
    assert open_model(str(path), SMALL).note.endswith("gives y, features; y is read")
    assert not open_model(str(graph(tmp_path / "n.onnx", [1, 3, 32, 32])), SMALL).note


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
        open_model(str(path), ModelOptions(arch="timm:test_vit", classes=3, size=160))


def test_a_file_without_weights_is_told(tmp_path):
    for value in (torch.zeros(3), [1, 2], {"a": 1}, {"state_dict": {"b": "c"}}):
        torch.save(value, tmp_path / "w.pt")
        with pytest.raises(ValueError, match="it holds no state_dict"):
            open_model(
                str(tmp_path / "w.pt"), ModelOptions(arch="timm:test_vit", classes=3, size=160)
            )


def test_an_endpoint_shows_what_it_shows():
    with pytest.raises(ValueError, match=r"^access"):
        open_model("http://127.0.0.1:9/", SMALL).oracle(Label())


def test_an_architecture_that_would_be_downloaded_is_none(tmp_path):
    torch.save({}, tmp_path / "w.pt")
    for arch in ("torchvision:fcn_resnet50", "torchvision:os", "timm:hf-hub:a/b", "open_clip:x"):
        with pytest.raises(ValueError, match=r"^arch"):
            open_model(str(tmp_path / "w.pt"), ModelOptions(arch=arch, classes=3))
