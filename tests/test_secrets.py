"""Nothing outside the owner's folder holds her secrets, and the victim's side does not see them."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
import shutil
from pathlib import Path

import polars as pl
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tests.forks import TINY, warmed

from taggant.marking.ledger import Ledger

LOGGERS = ("logger=[tensorboard,csv]",)
TRAINED = ("train_loss", "epoch")
"""What loggers are given by the victim's training."""


def forms(secret: bytes) -> list[bytes]:
    """A secret raw, in hex, and in base64 at every alignment."""
    encoded = [base64.b64encode(bytes(shift) + secret)[4:-4] for shift in range(3)]
    url = [base64.urlsafe_b64encode(bytes(shift) + secret)[4:-4] for shift in range(3)]
    return [secret, secret.hex().encode(), secret.hex().upper().encode(), *encoded, *url]


def outside(root: Path) -> list[Path]:
    """Every file that is not the owner's."""
    return [
        p for p in root.rglob("*") if p.is_file() and "secrets" not in p.relative_to(root).parts
    ]


def ledger_path(root: Path) -> Path:
    return next((root / "secrets" / "ledgers").iterdir())


@pytest.mark.parametrize(
    "loggers", [LOGGERS, pytest.param(("logger=wandb",), marks=pytest.mark.slow)]
)
def test_no_file_or_line_outside_the_owners_folder_holds_a_secret(tmp_path, loggers):
    assert warmed().run(tmp_path, *TINY, *loggers, report=True) == 0
    ledger = Ledger.load(ledger_path(tmp_path))
    owner = bytes.fromhex((tmp_path / "secrets" / "owner.key").read_text())
    needles = [form for s in (owner, ledger.secret, ledger.nonce) for form in forms(s)]
    published = list(ledger.published[:6])
    needles += [json.dumps(published).encode()[1:-1], ",".join(map(str, published)).encode()]
    needles += ["\n".join(map(str, published)).encode()]
    files = outside(tmp_path)
    names = {path.name for path in files}
    assert {"config.yaml", "output.txt", "manifest.json", "report.html"} <= names
    for path in files:
        content = path.read_bytes()
        assert not [needle for needle in needles if needle in content], path


def from_audit(path: Path) -> bool:
    """Whether a file of the run folder is made after the victim, from the owner's audit."""
    return path.parent.name in ("fixed", "figures")


def victim_side(root: Path) -> dict[str, object]:
    """What the suspect and the loggers hold after a run, clocks left out."""
    seen: dict[str, object] = {}
    for path in [*root.glob("store/train/*/*"), *root.glob("runs/fixed/**/*")]:
        name = str(path.relative_to(root))
        if path.name == "manifest.json":
            manifest = json.loads(path.read_text())
            del manifest["seconds"]
            seen[name] = manifest
        elif path.name.startswith("events.out"):
            events = EventAccumulator(str(path)).Reload()
            if set(TRAINED) <= {*events.Tags()["scalars"]}:
                seen["events"] = [(e.step, e.value) for t in TRAINED for e in events.Scalars(t)]
        elif path.name == "metrics.csv":
            rows = pl.read_csv(path).drop_nulls("epoch")
            seen[name] = rows.select(*TRAINED, "step").rows()
        elif path.is_file() and not from_audit(path):
            seen[name] = path.read_bytes()
    return seen


def relabel(root: Path) -> None:
    """Other published indices for the same published images."""
    path = ledger_path(root)
    ledger = Ledger.load(path)
    moved = tuple((j + 7) % ledger.n for j in ledger.published)
    other = dataclasses.replace(ledger, published=moved)
    other.save(path)
    folder = next((root / "store" / "mark").iterdir())
    record = json.loads((folder / "published.json").read_text())
    record["commitment"] = other.commitment()
    (folder / "published.json").write_text(json.dumps(record))
    manifest = json.loads((folder / "manifest.json").read_text())
    content = (folder / "published.json").read_bytes()
    manifest["files"]["published.json"] = hashlib.sha256(content).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest))


def test_the_victims_side_is_the_same_byte_for_byte_whatever_the_ledger_says(tmp_path):
    run = (*TINY, *LOGGERS, "audit.live=false", "hydra.run.dir=${paths.runs}/fixed")
    assert warmed().run(tmp_path, *run) == 0
    sides = []
    for ledger_agrees in (True, False):
        for name in ("train", "unlearn", "score", "audit", "report"):
            shutil.rmtree(tmp_path / "store" / name, ignore_errors=True)
        shutil.rmtree(tmp_path / "runs")
        if not ledger_agrees:
            relabel(tmp_path)
        status = warmed().run(tmp_path, *run)
        assert (status == 0) == ledger_agrees  # the audit refuses a ledger that does not agree
        sides.append(victim_side(tmp_path))
    first, second = sides
    assert {Path(name).name for name in first} >= {
        "final.safetensors",
        "history.json",
        "manifest.json",
        "config.yaml",
        "events",
        "metrics.csv",
    }
    assert first == second
