"""Platforms that re-encode: their transform is named or fitted, or the audit refuses."""

from __future__ import annotations

import sys

import pytest
import torch
from tests.owner import photos
from tests.owner.test_mark import fresh
from typer.testing import CliRunner

from taggant.auditing.published import AuditError
from taggant.data.decode import to_image
from taggant.owner.cli import app
from taggant.owner.gather import FoundPicture, check_copies, copies_of, gather, gather_raw
from taggant.owner.ledger import FolderLedger
from taggant.owner.mark import mark
from taggant.owner.transform import Transform, fit

PALE = """
import torch
def logits(images):
    means = images[:, :3].float().mean((1, 2, 3)) / 255
    return torch.stack([means, 1 - means], 1)
"""


@pytest.mark.parametrize("text", ["", "jpeg:85", "resize:64", "resize:64+jpeg:70"])
def test_a_transform_is_read_and_written(text):
    assert str(Transform.parse(text)) == text


@pytest.mark.parametrize(
    "text", ["jpeg", "jpeg:0", "jpeg:101", "crop:5", "jpeg:80+resize:64", "resize:3"]
)
def test_other_transforms_are_refused(text):
    with pytest.raises(ValueError, match=r"accepted|needed"):
        Transform.parse(text)


def test_resizing_keeps_the_proportions_and_small_pictures():
    step = Transform(side=40)
    assert step(torch.zeros(3, 60, 80, dtype=torch.uint8)).shape == (3, 30, 40)
    assert step(torch.zeros(3, 20, 30, dtype=torch.uint8)).shape == (3, 20, 30)


@pytest.fixture
def home(tmp_path):
    for number in range(3):
        photos.write(tmp_path / "raw" / "a" / f"p{number}.png", photos.scene(number, 64, 48))
    mark(tmp_path / "raw", tmp_path / "out", tmp_path / "ledger", fresh(n=12), "keep")
    return tmp_path


def found_of(home) -> list[FoundPicture]:
    ledger = FolderLedger.load(home / "ledger")
    return gather(ledger, gather_raw(ledger, home / "raw"), home / "out")


@pytest.mark.parametrize("text", ["jpeg:82", "resize:40+jpeg:91"])
def test_a_platforms_transform_is_fitted_and_its_audit_runs(home, monkeypatch, text):
    side, quality = Transform.parse(text).side, Transform.parse(text).quality
    for one in found_of(home):
        target = (home / "copy" / one.entry.published).with_suffix(".jpg")
        target.parent.mkdir(parents=True, exist_ok=True)
        to_image(Transform(side=side)(one.published)).save(target, quality=quality)
    found = found_of(home)
    copies = copies_of(found, home / "copy")
    assert str(fit(copies, [one.published for one in found])) == text
    monkeypatch.delitem(sys.modules, "pale", raising=False)
    (home / "pale.py").write_text(PALE)
    monkeypatch.chdir(home)
    arguments = ["audit", "--ledger", "ledger", "--raw", "raw", "--published", "out", "--yes"]
    arguments += ["--published-copy", "copy", "--model", "pale:logits", "--out", "a.json"]
    result = CliRunner().invoke(
        app, [*arguments, "--classes", "x,a", "--p", "0.2"], catch_exceptions=False
    )
    assert result.exit_code == 0
    assert f"explained by: {text}" in result.output


def test_a_filtered_copy_is_refused(home):
    found = found_of(home)
    for one in found:
        target = home / "copy" / one.entry.published
        target.parent.mkdir(parents=True, exist_ok=True)
        to_image(255 - one.published).save(target)
    with pytest.raises(AuditError, match="does not explain this copy"):
        check_copies(found, copies_of(found, home / "copy"), Transform())


def test_missing_copies_are_named(home):
    (home / "copy").mkdir()
    with pytest.raises(ValueError, match=r"3 of 3 published pictures have no copy"):
        copies_of(found_of(home), home / "copy")
