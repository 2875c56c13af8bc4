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
        "test": "optimal",
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
def edit(run_folder: Path) -> Edit:
    """Change one of the JSON files of the run folder."""

    def change(name: str, by: Callable[[dict[str, Any]], None]) -> None:
        value = json.loads((run_folder / name).read_text(encoding="utf-8"))
        by(value)
        (run_folder / name).write_text(json.dumps(value), encoding="utf-8")

    return change


@pytest.fixture
def tables() -> dict[str, pl.DataFrame]:
    """The tables of the run folder, in memory."""
    return {"instances": instances(), "curves": curves(), "claims": claims()}


@pytest.fixture
def images() -> Callable[..., dict[str, Any]]:
    """Maker of sample images."""
    return samples
