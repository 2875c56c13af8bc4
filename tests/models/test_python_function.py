"""What the user's own Python does wrong is said as hers, with the line."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from taggant.models.model import ModelOptions
from taggant.owner.cli import app
from taggant.owner.models.open import open_model
from taggant.score.access import Full
from taggant.score.oracle import QueryError

PICTURES = torch.randint(256, (3, 3, 20, 24), generator=torch.Generator().manual_seed(0)).to(
    torch.uint8
)


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Write a module of a new name into the current folder."""
    monkeypatch.chdir(tmp_path)

    def module(text, name="mine"):
        number = len(list(tmp_path.glob("*.py")))
        unique = f"{name}_{tmp_path.name}_{number}"
        (tmp_path / f"{unique}.py").write_text(text)
        monkeypatch.delitem(sys.modules, unique, raising=False)
        return unique

    return module


def ask(spec, **options):
    model = open_model(spec, ModelOptions(classes=3, batch_size=2, **options))
    assert len(model.fingerprint) == 64
    return model.oracle(Full()).query(PICTURES)


@pytest.mark.parametrize("given", ["", ".numpy()", ".tolist()", ".requires_grad_()"])
def test_what_a_function_may_give(write, given):
    name = write(f"def logits(images):\n    return images.float().mean((2, 3)){given}\n")
    expected = PICTURES.float().mean((2, 3)).log_softmax(1)
    assert torch.allclose(ask(f"{name}:logits"), expected, atol=1e-4)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("{}['cat']", "KeyError: 'cat'"),
        ("images.nothing", "AttributeError: 'Tensor' object has no attribute 'nothing'"),
        ("images @ images", "RuntimeError: "),
        ("torch.nn.Linear(2, 2)(images.float())", "RuntimeError: "),
        ("open('gone.txt')", "FileNotFoundError: "),
        ("assert_(False)", "NameError: name 'assert_' is not defined"),
        ("sys.exit(3)", "SystemExit: 3"),
        ("import_gone()", "ModuleNotFoundError: No module named 'gone_for_good'"),
    ],
)
def test_an_exception_of_the_function_is_shown_with_her_line(write, line, said):
    name = write(
        "import sys, torch\n\ndef import_gone():\n    import gone_for_good\n\n"
        f"def logits(images):\n    {line}\n    return images\n"
    )
    with pytest.raises(QueryError) as caught:
        ask(f"{name}:logits")
    told = str(caught.value)
    row = "4 (import gone_for_good)" if "import" in line else f"7 ({line})"
    assert f"model {name}:logits: " in told
    assert f"{name}.py, line {row}: {said}" in told


def test_a_helper_beside_her_module_is_hers_too(write):
    helper = write("def half(x):\n    return x / None\n", "helper")
    name = write(f"from {helper} import half\ndef logits(images):\n    return half(images)\n")
    with pytest.raises(QueryError, match=rf"{helper}\.py, line 2 \(return x / None\): TypeError"):
        ask(f"{name}:logits")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x = (\n", "line 1: SyntaxError: "),
        ("\nimport gone_for_good\n", "line 2 (import gone_for_good): ModuleNotFoundError: "),
        ("import sys\nsys.exit()\n", "line 2 (sys.exit()): SystemExit: "),
        ("a = 1\nb = a['x']\n", "line 2 (b = a['x']): TypeError: "),
    ],
)
def test_a_module_that_does_not_run_is_shown_with_its_line(write, text, said):
    name = write(text)
    with pytest.raises(ValueError, match=r"^model") as caught:
        ask(f"{name}:logits")
    assert f"{name}.py, {said}" in str(caught.value)


def test_what_is_not_there_is_told(write):
    name = write(
        "import os\ndef right(x):\n    return x\nclass Net:\n    pass\nsize = 3\n_a = right\n"
    )
    for wrong in ("logits", "size", "Net", "os", ""):
        with pytest.raises(ValueError, match=rf"no function '{wrong}'.* defines right\)"):
            ask(f"{name}:{wrong}")
    for spec in ("gone_for_good:f", "gone_for_good.models:f", "s3://bucket/model"):
        with pytest.raises(ValueError, match=r"No module named .*accepted are a URL"):
            ask(spec)
    for spec in (":f", ".:f", "..a:f"):
        with pytest.raises(ValueError, match=f"model {spec}: "):
            ask(spec)


@pytest.mark.parametrize("name", ["torch", "json", "math", "sys"])
def test_a_file_named_as_a_module_in_use_is_not_taken_for_it(write, tmp_path, name):
    write("")
    (tmp_path / f"{name}.py").write_text("def logits(images):\n    return images\n")
    with pytest.raises(ValueError, match=rf"another module of that name .* rename .*{name}\.py"):
        ask(f"{name}:logits")
    assert str(tmp_path) not in sys.path


@pytest.mark.parametrize(
    ("given", "shape"),
    [("images.float()", r"\[2, 3, 20, 24\]"), ("images[:1].float().mean((2, 3))", r"\[1, 3\]")],
)
def test_answers_of_another_shape_are_named(write, given, shape):
    name = write(f"def logits(images):\n    return {given}\n")
    with pytest.raises(QueryError, match=rf"it gave {shape}; accepted is \[2, classes"):
        ask(f"{name}:logits")


def test_the_command_line_shows_one_line(write, tmp_path, monkeypatch, capsys):
    from tests.owner import photos
    from tests.owner.test_mark import fresh

    from taggant.owner import cli
    from taggant.owner.mark import mark

    photos.write(tmp_path / "raw" / "a" / "p.png", photos.scene(0, 32, 24))
    mark(tmp_path / "raw", tmp_path / "out", tmp_path / "ledger", fresh(n=10), "keep")
    name = write("def logits(images):\n    return {}[0]\n")
    words = ["audit", "--ledger", "ledger", "--raw", "raw", "--published", "out", "--yes", "--p"]
    words += ["0.5", "--out", "a.json", "--model", f"{name}:logits"]
    assert CliRunner().invoke(app, words).exit_code == 1
    monkeypatch.setattr(sys, "argv", ["taggant", *words])
    with pytest.raises(SystemExit, match="2"):
        cli.main()
    told = capsys.readouterr().err
    assert f"{name}.py, line 2 (return {{}}[0]): KeyError: 0" in told
    assert "Traceback" not in told


def test_numpy_and_lists_are_as_good_as_tensors(write):
    name = write("def logits(images):\n    return images.numpy().mean((2, 3))\n")
    expected = torch.from_numpy(PICTURES.numpy().mean((2, 3), dtype=np.float64)).log_softmax(1)
    assert torch.allclose(ask(f"{name}:logits").double(), expected, atol=1e-4)
