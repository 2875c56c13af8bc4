"""Marks as coarse as the model needs that will learn them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.owner import photos
from torch.nn.functional import interpolate
from typer.testing import CliRunner

from taggant.marking.strategies.scaled_sign import ScaledSign
from taggant.owner import pictures
from taggant.owner.cli import app
from taggant.owner.commands.mark import Versions
from taggant.owner.grain import cells_for
from taggant.owner.ledger import FolderLedger

EPSILON = 10


def left(cells: int, original: int, side: int) -> float:
    """Ratio of a mark's standard deviation after shrinking to that before."""
    raw = pictures.to_tensor(photos.scene(0, original, original))[None]
    index = np.zeros((1, 1), np.int64)
    made = ScaledSign(cells, mirror=True)([bytes(32)], raw, ["a"], index, EPSILON)[:, 0]

    def shrunk(images: torch.Tensor) -> torch.Tensor:
        return interpolate(images.float(), (side, side), mode="bilinear", antialias=True).round()

    return float((shrunk(made) - shrunk(raw)).std() / (made.float() - raw.float()).std())


@pytest.mark.parametrize(("original", "side"), [(250, 32), (500, 64), (512, 128), (448, 224)])
def test_marks_survive_the_shrinking_they_are_made_for_and_not_a_stronger_one(original, side):
    cells = cells_for(str(side))
    assert left(cells, original, side) > 0.85
    assert left(cells, original, side // 4) < 0.7


@pytest.mark.parametrize(
    ("options", "cells"),
    [({}, 56), ({"reader": "web"}, 56), ({"reader": "phone"}, 32), ({"reader": "64"}, 16)],
)
def test_an_owners_marks_are_mirrored_and_as_coarse_as_she_says(options, cells):
    strategy = Versions(**options).marking.strategy
    assert (strategy.kind, strategy.cells, strategy.mirror) == ("scaled_sign", cells, True)


def test_other_keys_are_set_beside_it():
    made = Versions(reader="64", set_=["marking.strategy.mirror=false"]).marking.strategy
    assert (made.cells, made.mirror) == (16, False)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (
            {"reader": "wed"},
            r"--for wed: accepted are web \(224 pixels\), phone \(128 pixels\), or",
        ),
        ({"reader": "8"}, "--for 8: accepted are .* 16 to 4096"),
        ({"reader": "9999"}, "--for 9999: accepted are"),
        ({"reader": "-64"}, "--for -64: accepted are"),
        ({"reader": "64px"}, "--for 64px: accepted are"),
        ({"reader": "٦٤"}, "--for ٦٤: accepted are"),
        (
            {"reader": "64", "scheme": "sign"},
            "--for 64: .* --scheme scaled_sign only, not --scheme",
        ),
        ({"reader": "64", "unmarked": True}, "--for 64: .*, not --unmarked"),
        (
            {"reader": "64", "set_": ["marking.strategy.cells=3"]},
            "--for 64 and --set marking.strategy.cells=3 both say",
        ),
    ],
)
def test_what_cannot_be_is_told(options, says):
    with pytest.raises(ValueError, match=says):
        Versions(**options).marking  # noqa: B018 - it raises


def test_the_command_takes_it(tmp_path):
    photos.folder(tmp_path / "raw", 1)
    words = ["mark", str(tmp_path / "raw"), "--out", str(tmp_path / "out"), "--n", "20"]
    words += ["--ledger", str(tmp_path / "ledger"), "--for", "32"]
    assert CliRunner().invoke(app, words, catch_exceptions=False).exit_code == 0
    assert FolderLedger.load(tmp_path / "ledger").terms.marking.strategy.cells == 8
