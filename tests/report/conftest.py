"""A tiny run folder: made-up numbers, the real file formats."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from safetensors.numpy import save_file

from taggant.stats import clopper_pearson

N = 100
GROUP = 12


def instances() -> pl.DataFrame:
    """12 used instances that rank high, 12 unused ones spread evenly; all read to the end."""
    exceedances = [0] * 8 + [3, 9, 30, 70] + list(range(0, 96, 8))
    return pl.DataFrame(
        {
            "id": [f"{row:032x}" for row in range(2 * GROUP)],
            "group": ["used"] * GROUP + ["unused"] * GROUP,
            "label": [row % 3 for row in range(2 * GROUP)],
            "exceedances": exceedances,
            "versions_read": [19 + row for row in range(2 * GROUP)],
            "queries": [20 + row for row in range(2 * GROUP)],
            "claim": [exceeded < 5 for exceeded in exceedances],
            "p_value": [(exceeded + 1) / N for exceeded in exceedances],
        }
    )


def rates(p: float, detected: float, false: float) -> dict[str, float]:
    """One row of rates with made-up intervals around them."""
    return {
        "p": p,
        "detection_rate": detected,
        "detection_low": max(detected - 0.2, 0),
        "detection_high": min(detected + 0.2, 1),
        "false_detection_rate": false,
        "false_detection_low": max(false - 0.05, 0),
        "false_detection_high": min(false + 0.2, 1),
    }


def curves() -> pl.DataFrame:
    """Four epochs at two values of p."""
    return pl.DataFrame(
        {
            "epoch": epoch,
            **rates(p, detected=p + epoch / 10, false=p),
            "mean_versions_read_used": 50.0,
            "mean_versions_read_unused": 25.0,
            "train_loss": 2.0 / (1 + epoch),
            "utility": 0.3 + epoch / 20,
        }
        for epoch in range(4)
        for p in (0.01, 0.05)
    )


def claims() -> pl.DataFrame:
    """Claims over p, none of the unused instances claimed at the smallest."""
    return pl.DataFrame(
        [
            rates(0.01, 0.6, 0.0),
            rates(0.05, 0.75, 1 / 12),
            rates(0.1, 0.8, 2 / 12),
            rates(0.5, 1.0, 7 / 12),
        ]
    )


def result() -> dict[str, Any]:
    """``result.json`` with a metric that the report has never heard of."""
    return {
        "schema": 1,
        "experiment": "smoke",
        "digest": "ab" * 32,
        "stages": {
            "train": {"digest": "cd" * 32, "seconds": 83.2, "cached": False},
            "audit": {"digest": "ef" * 32, "seconds": 0.25, "cached": True},
        },
        "metrics": {
            "p": 0.05,
            "detection_rate": 0.75,
            "detection_rate_ci": [0.428, 0.945],
            "used": GROUP,
            "false_detection_rate": 1 / 12,
            "false_detection_rate_ci": [0.002, 0.385],
            "unused": GROUP,
            "mean_versions_read_used": 24.5,
            "mean_versions_read_unused": 36.5,
            "mean_queries_used": 25.5,
            "mean_queries_unused": 37.5,
            "utility": 0.51,
            "train_loss": 0.0021,
            "psnr": 28.25,
            "something_new": 12345.6,
        },
    }


def context() -> dict[str, Any]:
    """``context.json`` of a small run."""
    return {
        "experiment": "smoke",
        "data": "emoji",
        "victim": "small network",
        "scheme": "sign",
        "score": "margin",
        "access": "confidence",
        "audit": "instance (optimal)",
        "n": N,
        "p": 0.05,
        "seed": 7,
        "secret": "file",
        "device": "cpu",
        "threads": 1,
        "torch": "2.15.0",
        "train_images": 1200,
        "test_images": 300,
        "class_count": 10,
        "command": "python run.py +experiment=smoke",
        "unlearning": "none",
    }


def samples(channels: int = 3, count: int = 3, size: int = 8) -> dict[str, Any]:
    """Random images and a mark of ±10."""
    random = np.random.default_rng(0)
    raw = random.integers(20, 230, (count, channels, size, size), dtype=np.uint8)
    mark = random.choice(np.array([-10, 10]), raw.shape)
    return {"raw": raw, "published": (raw + mark).astype(np.uint8)}


PARTS = ["forgotten"] * 5 + ["retained"] * 7 + ["unused"] * 12
"""What becomes of the 24 images where 5 of the used ones are to be forgotten."""


def unlearning() -> dict[str, Any]:
    """Metrics of unlearning: 4 of the 5 forgotten images were claimed before, none after."""
    claims = {"forgotten": (4, 0, 5), "retained": (5, 6, 7), "unused": (1, 1, 12)}
    found: dict[str, Any] = {
        "status": "ok",
        "utility_before": 0.52,
        "auc": 0.5,
        "auc_ci": [0.3, 0.7],
    }
    for group, (before, after, total) in claims.items():
        found[group] = total
        for suffix, count in (("_before", before), ("", after)):
            bounds = clopper_pearson(count, total)
            ends = [float(bounds.low), float(bounds.high)]
            for rate in ("rate", "rate_two_sided", "over_rate_two_sided"):
                name = f"{group}_{rate}{suffix}"
                found |= {name: count / total, f"{name}_ci": ends}
    return found


def evidence() -> dict[str, Any]:
    """Metrics of an audit of a whole set with 200 controls, of which 17 were found."""
    bounds = clopper_pearson(17, 200)
    return {
        "p": 0.05,
        "log10_p": -1.0,
        "claim": False,
        "mean_cosine": 0.034,
        "sigmas": 1.7,
        "marker_features": 256,
        "controls": 200,
        "control_rate": 0.085,
        "control_rate_ci": [float(bounds.low), float(bounds.high)],
        "black_box_p": 0.75,
        "loss_gap": 0.01,
        "loss_gap_ci": [-0.02, 0.04],
        "utility": 0.21,
        "train_loss": 2.1,
        "psnr": 32.0,
        "marked_fraction": 0.2,
    }


Edit = Callable[[str, Callable[[dict[str, Any]], None]], None]


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    """A complete run folder."""
    (tmp_path / "result.json").write_text(json.dumps(result()), encoding="utf-8")
    (tmp_path / "context.json").write_text(json.dumps(context()), encoding="utf-8")
    instances().write_parquet(tmp_path / "instances.parquet")
    curves().write_csv(tmp_path / "curves.csv")
    claims().write_csv(tmp_path / "claims.csv")
    save_file(samples(), tmp_path / "samples.safetensors")
    return tmp_path


@pytest.fixture
def set_folder(tmp_path: Path) -> Path:
    """A complete folder of a run on a whole set."""
    whole = {**result(), "metrics": evidence()}
    (tmp_path / "result.json").write_text(json.dumps(whole), encoding="utf-8")
    about = {**context(), "audit": "radioactive", "secret": "simulated"}
    (tmp_path / "context.json").write_text(json.dumps(about), encoding="utf-8")
    rows = [{"epoch": e, "log10_p": -e / 3, "utility": 0.2 + e / 500} for e in (1, 2, 3)]
    pl.DataFrame(rows).write_csv(tmp_path / "log10_p.csv")
    names, cosines = ["cat", "a class with a long name", "dog"], [0.1, -0.02, 0.03]
    pl.DataFrame({"class": names, "cosine": cosines}).write_parquet(tmp_path / "classes.parquet")
    levels = [-i / 10 for i in range(20)]
    pl.DataFrame({"log10_p": levels}).write_parquet(tmp_path / "controls.parquet")
    save_file(samples(), tmp_path / "samples.safetensors")
    return tmp_path


@pytest.fixture
def unlearned_folder(run_folder: Path, edit: Edit) -> Path:
    """A complete folder of a run that forgot 5 of its 12 used images."""
    shares = {"beaten_before": [0.0] * 24, "beaten": [0.0, 0.2, 0.5, 0.9, 1.0] + [0.1] * 19}
    path = run_folder / "instances.parquet"
    columns = (pl.Series(name, values) for name, values in {"part": PARTS, **shares}.items())
    pl.read_parquet(path).with_columns(columns).write_parquet(path)
    edit("result.json", lambda value: value["metrics"].update(unlearning()))
    edit("context.json", lambda value: value.update(unlearning="retrain"))
    return run_folder


@pytest.fixture
def edit(tmp_path: Path) -> Edit:
    """Change one of the JSON files of the run folder, of whatever kind."""

    def change(name: str, by: Callable[[dict[str, Any]], None]) -> None:
        value = json.loads((tmp_path / name).read_text(encoding="utf-8"))
        by(value)
        (tmp_path / name).write_text(json.dumps(value), encoding="utf-8")

    return change


@pytest.fixture
def tables() -> dict[str, pl.DataFrame]:
    """The tables of the run folder, in memory."""
    return {"instances": instances(), "curves": curves(), "claims": claims()}


@pytest.fixture
def images() -> Callable[..., dict[str, Any]]:
    """Maker of sample images."""
    return samples
