"""Platforms that re-encode: their transform is named or fitted, or the audit refuses."""

from __future__ import annotations

import io
import sys
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from tests.owner import photos
from tests.owner.test_mark import fresh
from typer.testing import CliRunner

from taggant.auditing.published import AuditError
from taggant.data.decode import to_image
from taggant.owner import pictures
from taggant.owner.cli import app
from taggant.owner.commands.platform import Platform
from taggant.owner.copies import encoding, fit
from taggant.owner.gather import FoundPicture, check_copies, copies_of, gather, gather_raw
from taggant.owner.ledger import FolderLedger
from taggant.owner.mark import mark
from taggant.owner.record import Record
from taggant.owner.schema import SchemaError, parse_values
from taggant.owner.transform import CHROMA, CLOSE_ENOUGH, PROFILES, Transform, closeness

PALE = """
import torch
def logits(images):
    means = images[:, :3].float().mean((1, 2, 3)) / 255
    return torch.stack([means, 1 - means], 1)
"""


WRITTEN = (
    "",
    "jpeg:85",
    "jpeg:85/444",
    "webp:80",
    "resize:64",
    "width:64",
    "resize:64+jpeg:70",
    "crop:2,0.5,0,12.3456",
    "white",
    "resize:64+white+jpeg:70/444",
    "crop:2,2,2,2+width:64+webp:70",
    *PROFILES.values(),
)
REFUSED = (
    *("jpeg", "jpeg:0", "jpeg:101", "jpeg:٨٥", "jpeg:85/411", "webp:80/444", "webp:0", "png"),
    *(
        "white:1",
        "jpeg:80+white",
        "white+resize:64",
        "jpeg:80+resize:64",
        "resize:64+crop:2,2,2,2",
        "jpeg:80+webp:80",
        "resize:64+width:64",
    ),
    *("crop:5", "crop:2,2,2", "crop:41,0,0,0", "crop:-1,0,0,0", "crop:1.00001,0,0,0", "resize:3"),
    *("width:3", "resize:64+", "+jpeg:80", "jpeg:80+jpeg:80", "feed+jpeg:80", "Feed"),
)


@pytest.mark.parametrize("colours", [1, 3])
def test_transparent_pictures_are_shown_on_white_where_the_platform_does(colours):
    pixels = torch.full((colours + 1, 32, 32), 40, dtype=torch.uint8)
    pixels[-1, :, :16], pixels[-1, :, 16:] = 0, 255

    shown = Transform.parse("white+jpeg:95")(pixels)

    assert shown.shape == (colours, 32, 32)
    assert (shown[:, :, :14] == 255).all()
    assert (shown[:, :, 18:].int() - 40).abs().max() <= 1
    assert (Transform.parse("white")(pixels)[:, :, :16] == 255).all()
    assert torch.equal(Transform.parse("white")(pixels[:colours]), pixels[:colours])


@pytest.mark.parametrize("ground", ["white", "black"])
def test_opaque_copies_of_transparent_pictures_are_explained_on_white_only(tmp_path, ground):
    clear = photos.scene(7, 200, 150)
    clear.putalpha(Image.linear_gradient("L").resize(clear.size))
    own, path = pictures.to_tensor(clear), tmp_path / "copy.jpg"
    Image.alpha_composite(Image.new("RGBA", clear.size, ground), clear).convert("RGB").save(
        path, quality=90
    )

    found = fit([path], [own])

    explained = closeness(pictures.read(path).pixels, found(own)) >= CLOSE_ENOUGH
    assert explained == (str(found) == "white+jpeg:90") == (ground == "white")


@pytest.mark.parametrize("text", WRITTEN)
def test_a_transform_is_read_and_written(text):
    assert str(Transform.parse(text)) == text


@pytest.mark.parametrize("text", REFUSED)
def test_other_transforms_are_refused(text):
    with pytest.raises(ValueError, match=r"accepted|needed"):
        Transform.parse(text)


@pytest.mark.parametrize(
    ("step", "values"),
    [
        (Transform(), {"side": None, "quality": None}),
        (Transform(side=64, quality=85), {"side": 64, "quality": 85}),
    ],
)
def test_transforms_that_files_had_before_are_written_as_they_were(step, values):
    assert step.plain() == values
    assert parse_values(Transform, values) == step


@pytest.mark.parametrize("profile", PROFILES)
def test_profiles_are_read_from_files_too(profile):
    step = Transform.parse(profile)
    assert parse_values(Transform, step.plain()) == step


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(("side", value) for value in (0, -5, 2**60, 64.0, "64", True)),
        *(("width", value) for value in (0, 2**60, "x")),
        *(("webp", value) for value in (0, 101, True)),
        *(("chroma", value) for value in ("411", "444", 0, None)),
        *(
            ("crop", value)
            for value in ([0] * 4, [1] * 3, [1] * 5, [400_001] * 4, [-1] * 4, "1111")
        ),
        *(("crop", value) for value in ([0.5] * 4, [2**70] * 4, {}, 7, "1111")),
        ("filter", "bicubic"),
    ],
)
def test_a_strangers_transform_is_held_to_bounds(key, value):
    with pytest.raises(SchemaError):
        parse_values(Transform, {"side": None, "quality": None, key: value})


def test_the_largest_crop_leaves_something_of_the_smallest_picture():
    step = Transform(crop=(400_000,) * 4)
    assert step(torch.zeros(3, 16, 16, dtype=torch.uint8)).shape == (3, 4, 4)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_webp_keeps_the_channels(channels):
    pixels = torch.full((channels, 20, 30), 200, dtype=torch.uint8)
    assert Transform(webp=90)(pixels).shape == (channels, 20, 30)


def test_the_chroma_of_old_transforms_is_what_jpeg_did_without_it_being_named():
    image, stream = photos.scene(3, 64, 48), io.BytesIO()
    image.save(stream, "JPEG", quality=71)
    pixels = pictures.to_tensor(image)
    assert torch.equal(Transform(quality=71)(pixels), pictures.to_tensor(Image.open(stream)))
    assert not torch.equal(
        Transform(quality=71)(pixels), Transform(quality=71, chroma="444")(pixels)
    )


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


def publish(home, text, found) -> None:
    """What a platform of one transform makes of the published files: whole JPEG or WebP files."""
    step = Transform.parse(text)
    bare = step.replace(quality=None, webp=None, chroma="420")
    for one in found:
        image = to_image(bare(one.published))
        target = home / "copy" / one.entry.published
        target.parent.mkdir(parents=True, exist_ok=True)
        if step.quality is not None:
            chroma = CHROMA.index(step.chroma)
            image.save(target.with_suffix(".jpg"), quality=step.quality, subsampling=chroma)
        elif step.webp is not None:
            image.save(target.with_suffix(".webp"), quality=step.webp)
        else:
            image.save(target)


def test_copies_may_lie_in_several_folders(home):
    found = found_of(home)
    publish(home, "jpeg:82", found)
    (home / "more" / "a").mkdir(parents=True)
    (home / "copy/a/p1.jpg").rename(home / "more/a/p1.jpg")
    copies = copies_of(found, home / "copy", home / "more")
    assert [path.parts[-3] for path in copies] == ["copy", "more", "copy"]
    check_copies(found, copies, Transform(quality=82))


@pytest.mark.parametrize("text", ["jpeg:82", "crop:5,2,5,2+resize:50+jpeg:91/444"])
def test_a_platforms_transform_is_fitted_and_its_audit_runs(home, monkeypatch, text):
    publish(home, text, found_of(home))
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
    assert str(Record.load(home / "a.json").facts.transform) == text


def test_batches_of_different_platforms_are_audited_one_by_one(home, monkeypatch):
    photos.write(home / "later" / "a" / "q.png", photos.scene(9, 64, 48))
    mark(home / "later", home / "out", home / "ledger", fresh(n=12), "keep", append=True)
    ledger = FolderLedger.load(home / "ledger")
    raw = gather_raw(ledger, home / "raw", home / "later")
    found = gather(ledger, raw, home / "out")
    for number, text in ((1, "jpeg:82"), (2, "resize:40")):
        own = [one for one in found if ledger.number_of[one.entry.id] == number]
        publish(home, text, own)
    monkeypatch.delitem(sys.modules, "pale", raising=False)
    (home / "pale.py").write_text(PALE)
    monkeypatch.chdir(home)
    words = ["audit", "--ledger", "ledger", "--raw", "raw", "--raw", "later", "--published", "out"]
    words += ["--published-copy", "copy", "--model", "pale:logits", "--classes", "x,a"]
    words += ["--p", "0.2", "--yes"]
    both = CliRunner().invoke(app, [*words, "--out", "a.json"])
    assert "do not agree on one transform (jpeg:82, no JPEG)" in str(both.exception)
    assert "one by one: --batches 1 with its platform's copies" in " ".join(both.output.split())
    mistyped = CliRunner().invoke(app, [*words, "--out", "a.json", "--transform", "jpg:82"])
    assert "transform 'jpg:82': accepted are" in str(mistyped.exception)
    assert "one by one" not in mistyped.output
    (home / "copy/a/p1.jpg").rename(home / "p1.jpg")
    one = CliRunner().invoke(app, [*words, "--out", "a.json", "--batches", "1"])
    assert "1 of 3 published pictures have no copy" in str(one.exception)
    assert "one by one" not in one.output
    (home / "p1.jpg").rename(home / "copy/a/p1.jpg")
    for number, text in (("1", "jpeg:82"), ("2", "resize:40")):
        done = CliRunner().invoke(app, [*words, "--out", f"{number}.json", "--batches", number])
        assert done.exit_code == 0
        assert f"explained by: {text}" in done.output


def test_a_named_transform_needs_the_copies_that_show_it():
    for text in ("jpeg:82", ""):
        with pytest.raises(ValueError, match=f"--transform {text}: accepted with --published-copy"):
            Platform(transform=text).explained([], 1)
    assert Platform().explained([], 1) == Transform()


@pytest.mark.parametrize("text", ["white+jpeg:82", "crop:5,2,5,2+resize:160+white+jpeg:91/444"])
def test_a_crop_is_found_in_transparent_pictures_that_were_made_opaque(tmp_path, text):
    large = Large.of((240, 160))
    clear = photos.in_mode(to_image(Large.of((320, 240)).found[0].published), "RGBA")
    entry = SimpleNamespace(published="a/clear.png")
    large.found.append(SimpleNamespace(entry=entry, published=pictures.to_tensor(clear)))
    publish(tmp_path, text, large.found)
    assert str(large.fit(tmp_path)) == text


@pytest.mark.parametrize("text", ["resize:160+white+jpeg:85", "resize:160+white+webp:70"])
@pytest.mark.parametrize("shown", ["L", "RGB"])
def test_grey_pictures_are_explained_whether_the_platform_makes_them_colour(tmp_path, text, shown):
    large = Large.of((300, 200), (300, 200), (300, 200))
    for one, mode in zip(large.found, ("LA", "L"), strict=False):
        one.published = pictures.to_tensor(photos.in_mode(to_image(one.published), mode))
    publish(tmp_path, text, large.found)
    step = Transform.parse(text)
    small = step.replace(quality=None, webp=None)
    for one in large.found[:2]:
        (path,) = (tmp_path / "copy" / "a").glob(f"{Path(one.entry.published).stem}.*")
        made = to_image(small(one.published)).convert(shown)
        made.save(path, quality=step.quality or step.webp)
    found = large.fit(tmp_path)
    assert found.without_encoding == step.without_encoding
    assert found.quality == step.quality
    assert abs((found.webp or 0) - (step.webp or 0)) < 3


@pytest.mark.parametrize("text", ["jpeg:82", "resize:50+jpeg:91/444"])
def test_a_transparent_copy_among_jpeg_files_is_explained_as_one_that_is_none(tmp_path, text):
    """By the same transform: JPEG encodes no transparency, so it is left out."""
    large = Large.of((300, 200), (300, 200))
    clear = photos.in_mode(photos.scene(7, 200, 150), "RGBA")
    entry = SimpleNamespace(published="a/clear.png")
    large.found.append(SimpleNamespace(entry=entry, published=pictures.to_tensor(clear)))
    publish(tmp_path, text, large.found[:2])
    publish(tmp_path, str(Transform.parse(text).without_encoding), large.found[2:])
    assert str(large.fit(tmp_path)) == text
    to_image(255 - large.found[2].published).save(tmp_path / "copy/a/clear.png")
    with pytest.raises(AuditError, match=r"clear\.png: .* does not explain this copy"):
        check_copies(large.found, copies_of(large.found, tmp_path / "copy"), Transform.parse(text))


@dataclass
class Large:
    """Detailed pictures larger than platforms show, as if they had been published."""

    found: list[Any]

    @classmethod
    def of(cls, *sizes: tuple[int, int]) -> Large:
        rng = np.random.default_rng(0)
        made = []
        for number, (width, height) in enumerate(sizes):
            noise = Image.fromarray(rng.integers(0, 255, (height // 9, width // 9, 3), np.uint8))
            detail = noise.resize((width, height), Image.Resampling.BICUBIC)
            image = Image.blend(photos.scene(number, width, height), detail, 0.4)
            entry = SimpleNamespace(published=f"a/p{number}.png")
            made.append(SimpleNamespace(entry=entry, published=pictures.to_tensor(image)))
        return cls(made)

    def fit(self, home) -> Transform:
        copies = copies_of(self.found, home / "copy")
        step = fit(copies, [one.published for one in self.found])
        check_copies(self.found, copies, step)
        return step


@pytest.mark.parametrize("profile", PROFILES)
def test_every_profile_is_read_from_its_copies(tmp_path, profile):
    large = Large.of((2160, 420), (1100, 1300))
    publish(tmp_path, PROFILES[profile], large.found)
    assert str(large.fit(tmp_path)) == PROFILES[profile]


@pytest.mark.parametrize("text", ["width:90+jpeg:90", "resize:120+jpeg:90"])
def test_pictures_that_stayed_as_they_were_tell_which_side_was_limited(tmp_path, text):
    """Those that were shrunk are all 90 wide, and all 120 high."""
    large = Large.of((180, 240), (270, 360), *{"w": [(90, 130)], "r": [(110, 80)]}[text[0]])
    publish(tmp_path, text, large.found)
    assert str(large.fit(tmp_path)) == text


@pytest.mark.parametrize("margins", [(3, 0, 0, 0), (7, 11, 4, 2), (0, 0, 25, 25)])
@pytest.mark.parametrize("side", [None, 160])
def test_any_slight_crop_is_found_and_explains_the_copies(tmp_path, margins, side):
    large = Large.of((300, 200), (300, 200))
    left, top, right, bottom = margins
    for one in large.found:
        image = to_image(one.published).crop((left, top, 300 - right, 200 - bottom))
        shown = to_image(Transform(side=side)(pictures.to_tensor(image)))
        (tmp_path / "copy/a").mkdir(parents=True, exist_ok=True)
        shown.save(tmp_path / "copy" / one.entry.published)
    step = large.fit(tmp_path)
    assert step.crop is not None
    wanted = np.array(margins) / (300, 200, 300, 200)
    assert np.abs(np.array(step.crop) / 1e6 - wanted).max() < 0.006


def test_pictures_that_were_cropped_by_other_shares_are_refused(tmp_path):
    large = Large.of((300, 200), (300, 200))
    (tmp_path / "copy/a").mkdir(parents=True)
    for margin, one in zip((5, 40), large.found, strict=True):
        image = to_image(one.published).crop((margin, 0, 300, 200))
        image.resize((250, 180)).save(tmp_path / "copy" / one.entry.published)
    with pytest.raises((ValueError, AuditError), match=r"audit refuses"):
        large.fit(tmp_path)


def test_sizes_that_were_rounded_otherwise_are_no_other_sizes():
    pixels = pictures.to_tensor(photos.scene(1, 60, 40))
    assert closeness(pixels, pictures.to_tensor(photos.scene(1, 60, 41))) > CLOSE_ENOUGH
    assert closeness(pixels, pictures.to_tensor(photos.scene(1, 60, 42))) == float("-inf")
    assert closeness(pixels, pictures.to_tensor(photos.scene(1, 60, 40).convert("L"))) < 20
    assert closeness(pixels, pictures.to_tensor(photos.scene(1, 60, 40).convert("RGBA"))) < 0


def test_tables_of_another_library_have_a_quality_near_them(tmp_path):
    path = tmp_path / "a.jpg"
    image = photos.scene(1, 40, 40)
    image.save(path, quality=83)
    tables = Image.open(path).quantization
    tables = {key: [value + (key == 0) for value in table] for key, table in tables.items()}
    image.save(path, qtables=tables)
    assert 81 <= encoding(path)["quality"] <= 83


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
