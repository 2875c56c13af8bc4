"""What nobody reads is not imported: seconds and hundreds of megabytes of every call."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec

import pytest
from tests.owner import photos

FIRST = ("numpy", "torch", "scipy", "polars", "pydantic", "PIL")
MODELS = ("pytorch_lightning", "timm", "open_clip", "transformers", "torchvision", "torchmetrics")
TOOLS = ("wandb", "matplotlib", "sympy", "torch._dynamo", "torch._inductor")
CHECK = """
import sys, time

def check(step, names):
    there = set(names) & set(sys.modules)
    assert not there, f"{step} imports {', '.join(sorted(there))}"
"""
LISTED = """
start = time.perf_counter()
import taggant
taken = time.perf_counter() - start
assert taken < 0.3, taken
assert "mark" in dir(taggant)
check("import taggant", [*FIRST, "hydra"])
from taggant.owner.cli import app
app(["--help"], standalone_mode=False)
check("taggant --help", FIRST)
app(["plan", "--n", "20"], standalone_mode=False)
check("taggant plan", ["torch", "polars", "PIL", "matplotlib"])
"""
MARKED = """
from taggant.owner.cli import app
app(["mark", "raw", "--out", "published", "--ledger", "own.ledger"], standalone_mode=False)
check("taggant mark", [*MODELS, *TOOLS, "polars", "scipy.stats"])
import taggant, torch
taggant.mark(torch.zeros(2, 3, 16, 16, dtype=torch.uint8), n=2, secret=bytes(32)).quality
check("taggant.mark", [*MODELS, *TOOLS, "polars"])
app(["status", "--ledger", "own.ledger"], standalone_mode=False)
check("taggant status", [*MODELS, *TOOLS])
for name in ("audit", "verify"):
    app([name, "--help"], standalone_mode=False)
    check(f"taggant {name}, before it knows the model,", [*MODELS, *TOOLS])
"""


@pytest.mark.parametrize("calls", [LISTED, MARKED], ids=["listed", "marked"])
def test_no_call_imports_what_it_does_not_need(tmp_path, calls):
    photos.folder(tmp_path / "raw", count=1)
    assert all(map(find_spec, (*FIRST, *MODELS, *TOOLS)))
    lists = f"FIRST, MODELS, TOOLS = {FIRST, MODELS, TOOLS}"
    subprocess.run([sys.executable, "-c", lists + CHECK + calls], cwd=tmp_path, check=True)
