"""Marking a folder: what is published, what is kept, and what is refused."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import io
import itertools
import json
import os
import resource
import signal
import stat

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps
from rich.console import Console
from tests.owner import containers, photos
from typer.testing import CliRunner

from taggant.owner import kinds, pictures
from taggant.owner.batch import Batch
from taggant.owner.cli import app
from taggant.owner.commands import console
from taggant.owner.commands.compose import compose_marking
from taggant.owner.journal import RunningError
from taggant.owner.ledger import FolderLedger
from taggant.owner.mark import commitment_path, mark
from taggant.store import lock

EPS = 10


def fresh(beacon="", form="keep", n=12):
    marking = compose_marking("scaled_sign", n, EPS, ["marking.strategy.cells=12"])
    return lambda entries: Batch.draw(marking, entries, beacon, form)


def marked(tmp_path, form="keep", **options):
    raw = tmp_path / "raw"
    if not raw.exists():
        photos.folder(raw)
    ledger = tmp_path / "own.ledger"
    return mark(raw, tmp_path / "out", ledger, fresh(form=form), form, **options)


def published_content(path, form):
    picture = pictures.read(path)
    return pictures.encode(pictures.to_image(picture.pixels), picture.kept, form)


def upright(path):
    with Image.open(path) as image:
        image.load()
        return ImageOps.exif_transpose(image)


def test_every_mode_size_and_orientation_is_marked_inside_the_ball_and_looks_the_same(tmp_path):
    result = marked(tmp_path)
    assert result.written == 8
    assert result.parts[0].quality.linf == EPS
    assert 25 < result.parts[0].quality.psnr < 32
    for entry in result.ledger.entries:
        raw = pictures.read(tmp_path / "raw" / entry.name).pixels
        out = pictures.read(tmp_path / "out" / entry.published).pixels
        colours = len(raw) - int(len(raw) in (2, 4))
        assert raw.shape == out.shape
        assert 0 < (raw.int() - out.int())[:colours].abs().max() <= EPS
        assert torch.equal(raw[colours:], out[colours:])  # transparency
        before, after = (
            upright(tmp_path / "raw" / entry.name),
            upright(tmp_path / "out" / entry.published),
        )
        assert before.size == after.size
    assert {Image.open(tmp_path / "out" / e.published).format for e in result.ledger.entries} == {
        "PNG",
        "WEBP",
        "TIFF",
    }
    assert any("palette" in note for note in result.notes)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["png", "webp", "tiff"])
def test_orientation_and_metadata_are_kept(tmp_path, form, orientation):
    path = tmp_path / "a.jpg"
    photos.write(path, photos.scene(3, 30, 20), orientation)
    pixels = pictures.read(path).pixels
    target = tmp_path / ("b" + pictures.SUFFIX_OF[form])
    target.write_bytes(published_content(path, form))
    assert torch.equal(pictures.read(target).pixels, pixels)
    exif = Image.open(target).getexif()
    assert (exif[0x010F], exif[0x8298]) == ("Maker", "An Owner")
    if form != "tiff":
        assert exif[0x0112] == orientation


def test_texts_and_profiles_are_kept(tmp_path):
    path = tmp_path / "a.png"
    photos.write(path, photos.scene(3, 30, 20))
    profile = b"profile" * 20
    image = Image.open(path)
    image.save(path, icc_profile=profile, dpi=(72, 72), pnginfo=None)
    photos_text = published_content(path, "png")
    (tmp_path / "b.png").write_bytes(photos_text)
    again = Image.open(tmp_path / "b.png")
    assert again.info["icc_profile"] == profile
    assert round(again.info["dpi"][0]) == 72


def test_a_second_call_writes_nothing_and_overwrites_nothing(tmp_path):
    first = marked(tmp_path)
    times = {p: p.stat().st_mtime_ns for p in (tmp_path / "out").rglob("*.*")}
    again = marked(tmp_path)
    assert (again.written, again.already_there) == (0, 8)
    assert again.ledger.commitment == first.ledger.commitment
    assert times == {p: p.stat().st_mtime_ns for p in (tmp_path / "out").rglob("*.*")}


def test_a_killed_call_goes_on_where_it_was(tmp_path):
    whole = marked(tmp_path)
    bytes_of = {e.name: (tmp_path / "out" / e.published).read_bytes() for e in whole.ledger.entries}
    for entry in whole.ledger.entries[3:]:
        (tmp_path / "out" / entry.published).unlink()
    again = marked(tmp_path)
    assert (again.written, again.already_there) == (5, 3)
    for entry in again.ledger.entries:
        assert (tmp_path / "out" / entry.published).read_bytes() == bytes_of[entry.name]


def test_foreign_files_are_not_overwritten(tmp_path):
    first = marked(tmp_path)
    target = tmp_path / "out" / first.ledger.entries[2].published
    target.write_bytes((tmp_path / "out" / first.ledger.entries[0].published).read_bytes())
    before = target.read_bytes()
    with pytest.raises(ValueError, match="nothing is overwritten"):
        marked(tmp_path)
    assert target.read_bytes() == before


def test_changed_pictures_are_named(tmp_path):
    marked(tmp_path)
    photos.write(tmp_path / "raw" / "class0" / "new.png", photos.scene(99, 30, 30))
    with pytest.raises(ValueError, match=r"1 files differ .*class0/new\.png"):
        marked(tmp_path)


def test_all_that_cannot_be_marked_is_named_at_once(tmp_path):
    raw = photos.folder(tmp_path / "raw", 2)
    (raw / "broken.png").write_bytes(b"no picture")
    photos.scene(0, 8, 40).save(raw / "tiny.png")
    frames = [photos.scene(k, 20, 20) for k in range(2)]
    frames[0].save(raw / "moving.gif", save_all=True, append_images=frames[1:])
    Image.fromarray(np.ones((20, 20), np.float32)).save(raw / "float.tif")
    with pytest.raises(ValueError, match="4 of 6 pictures") as error:
        marked(tmp_path)
    for word in ("broken.png", "tiny.png: 8 x 40", "moving.gif: has 2 frames", "mode F"):
        assert word in str(error.value)
    assert not (tmp_path / "own.ledger").exists()


def test_the_ledger_is_private_and_says_who_may_not_read_it(tmp_path):
    marked(tmp_path)
    path = tmp_path / "own.ledger"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o644)
    with pytest.raises(PermissionError, match="others can read"):
        FolderLedger.load(path)


@pytest.mark.parametrize(
    ("text", "message"), [(None, "no such ledger"), ("{}", "damaged"), ("n", "changed")]
)
def test_lost_and_damaged_ledgers_are_told(tmp_path, text, message):
    marked(tmp_path)
    path = tmp_path / "own.ledger"
    if text is None:
        path.unlink()
    elif text == "n":
        path.write_text(path.read_text().replace('"n": 12', '"n": 13'))
    else:
        path.write_text(text)
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        FolderLedger.load(path)


def spoilt(text):
    """A JSON file cut off, without each of its parts, and with each of another kind."""
    yield from (text[: len(text) * k // 7] for k in range(7))
    yield from ("[]", "null", "7", '"x"', "{}", "[" * 100_000, "\ufffd", "{" + text)
    whole = json.loads(text)
    for key in whole:
        yield json.dumps({k: v for k, v in whole.items() if k != key})
        for other in (None, 7.5, "x", [], [7], {}, {"x": 7}):
            if other != whole[key]:
                yield json.dumps({**whole, key: other})


def test_every_spoilt_ledger_is_named_with_its_path(tmp_path):
    marked(tmp_path)
    path = tmp_path / "own.ledger"
    for text in list(spoilt(path.read_text())):
        path.write_text(text)
        with contextlib.suppress(ValueError):
            assert FolderLedger.load(path)  # other dates, say, which nothing follows from
            continue
        with pytest.raises(ValueError, match=r"own\.ledger: (no ledger|the ledger was|its schema)"):
            FolderLedger.load(path)


def test_progress_is_told_by_bytes_of_the_raw_files(tmp_path):
    told = {"reading": [], "publishing": []}
    note = {stage: (lambda *one, to=list_: to.append(one)) for stage, list_ in told.items()}
    marked(tmp_path, progress=note["publishing"], reading=note["reading"])
    sizes = sorted(path.stat().st_size for path in (tmp_path / "raw").rglob("*.*"))
    for calls in told.values():
        assert calls[-1] == (sum(sizes), sum(sizes))
        done = [0, *(one for one, _ in calls)]
        assert sorted(b - a for a, b in itertools.pairwise(done)) == sizes


def test_bars_are_drawn_on_terminals(monkeypatch):
    terminal = Console(file=io.StringIO(), force_terminal=True, width=80)
    monkeypatch.setattr(console, "console", terminal)
    with console.ByteProgress() as bars:
        first, second = bars.stage("reading"), bars.stage("publishing")
        first(500, 1000)
        second(2000, 4000)
    drawn = terminal.file.getvalue()
    assert "reading" in drawn
    assert "2.0/4.0 kB" in drawn


def test_two_calls_on_one_ledger_do_not_run_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr(lock, "PATIENCE", 0.0)
    result = []

    def another(*_):
        with pytest.raises(RunningError, match=r"another call with --ledger .*own"):
            marked(tmp_path)
        result.append(True)

    marked(tmp_path, progress=another)
    assert len(result) == 8
    assert not list(tmp_path.glob(".*"))


def test_a_file_system_without_locks_is_named(tmp_path, monkeypatch):
    def none(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", none)
    with pytest.raises(OSError, match=r"no flock.*own\.ledger\.lock"):
        marked(tmp_path)


def test_overlapping_folders_are_refused(tmp_path):
    photos.folder(tmp_path / "raw", 2)
    with pytest.raises(ValueError, match="overlap"):
        mark(tmp_path / "raw", tmp_path / "raw" / "out", tmp_path / "l", fresh(), "keep")


@pytest.mark.parametrize(
    "place", ["out/own.ledger", "out/a/own.ledger", "raw/own.ledger", "raw/new/own.ledger"]
)
def test_a_ledger_in_a_folder_of_pictures_is_refused(tmp_path, place):
    photos.folder(tmp_path / "raw", 2)
    with pytest.raises(ValueError, match=r"--ledger .*own\.ledger lies in"):
        mark(tmp_path / "raw", tmp_path / "out", tmp_path / place, fresh(), "keep")
    assert not list(tmp_path.rglob("own*"))
    assert not (tmp_path / "out").exists()


def test_no_link_leads_a_ledger_into_a_folder_of_pictures(tmp_path):
    photos.folder(tmp_path / "raw", 2)
    (tmp_path / "out").mkdir()
    (tmp_path / "secret").symlink_to(tmp_path / "out")
    (tmp_path / "file").symlink_to(tmp_path / "raw" / "l")
    for path in (tmp_path / "secret" / "l", tmp_path / "file", tmp_path / "x" / ".." / "raw" / "l"):
        with pytest.raises(ValueError, match="--ledger"):
            mark(tmp_path / "raw", tmp_path / "out", path, fresh(), "keep")
    with pytest.raises(ValueError, match="--ledger"):
        mark(tmp_path / "raw", tmp_path / "secret", tmp_path / "out" / "l", fresh(), "keep")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "raw" / "album").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ValueError, match="--ledger"):
        mark(tmp_path / "raw", tmp_path / "out", tmp_path / "elsewhere" / "l", fresh(), "keep")


def test_a_published_folder_may_lie_beside_its_ledger(tmp_path):
    raw = photos.folder(tmp_path / "raw", 2)
    assert mark(raw, tmp_path / "s" / "out", tmp_path / "s" / "l", fresh(), "keep").written == 2


def test_the_place_is_told_and_stripped(tmp_path):
    exif = Image.Exif()
    exif[0x8825] = {1: "N", 2: (48.0, 8.0, 12.0)}
    (tmp_path / "raw").mkdir()
    photos.scene(1, 30, 20).save(tmp_path / "raw" / "a.jpg", exif=exif)
    arguments = ["mark", str(tmp_path / "raw"), "--out", str(tmp_path / "out"), "--ledger"]
    arguments += [str(tmp_path / "l"), "--n", "12"]
    run = CliRunner().invoke
    assert "1 files say where they were taken (GPS)" in run(app, arguments).output
    again = run(app, [*arguments, "--strip-gps"])
    assert "--strip-gps: " in str(again.exception)
    (tmp_path / "out" / "a.png").unlink()
    assert (
        "where 1 files were taken (GPS) is left out" in run(app, [*arguments, "--strip-gps"]).output
    )
    assert not Image.open(tmp_path / "out" / "a.png").getexif().get_ifd(0x8825)


def test_what_else_lies_in_the_published_folder_is_told(tmp_path):
    first = marked(tmp_path)
    assert not any("none of the published ones" in note for note in first.notes)
    (tmp_path / "out" / "raw copy.jpg").write_bytes(b"")
    assert any("1 files" in n and "raw copy.jpg" in n for n in marked(tmp_path).notes)


def test_published_files_of_an_earlier_version_with_previews_are_told(tmp_path):
    result = marked(tmp_path)
    entry = next(e for e in result.ledger.entries if e.published.endswith(".png"))
    path = tmp_path / "out" / entry.published
    preview = containers.jpeg(photos.scene(1, 30, 20))
    image = Image.open(path)
    image.save(path, exif=b"Exif\0\0" + containers.exif(preview=preview))
    again = marked(tmp_path)
    assert any("can hold the picture" in n and entry.published in n for n in again.notes)


def test_published_names_never_meet():
    from taggant.owner.batches import published_names

    names = published_names(dict.fromkeys(["a.jpg", "a.png", "b.webp", "c.JPG"], "keep"))
    assert names == {
        "a.jpg": "a.jpg.png",
        "a.png": "a.png.png",
        "b.webp": "b.webp",
        "c.JPG": "c.png",
    }


def test_a_transparent_pictures_name_differs_from_a_jpeg_files_by_more_than_the_suffix():
    from taggant.owner.batches import published_names

    names = published_names({"a.jpg": "jpeg", "A.png": "png", "b.png": "png", "c.png": "jpeg"})
    assert names == {
        "a.jpg": "a.jpg.jpg",
        "A.png": "A.png.png",
        "b.png": "b.png",
        "c.png": "c.jpg",
    }


def test_jpeg_is_possible_and_warned_of(tmp_path):
    photos.write(tmp_path / "raw" / "a.png", photos.scene(1, 40, 40))
    arguments = ["mark", str(tmp_path / "raw"), "--out", str(tmp_path / "out"), "--ledger"]
    arguments += [str(tmp_path / "l"), "--n", "12", "--format", "jpeg"]
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert "warning: JPEG is lossy" in result.output
    assert Image.open(tmp_path / "out" / "a.jpg").format == "JPEG"


def test_a_beacon_chooses_only_after_the_commitment(tmp_path):
    raw, out, path = photos.folder(tmp_path / "raw", 2), tmp_path / "out", tmp_path / "l"
    waiting = mark(raw, out, path, fresh(beacon="pulse 7"), "keep")
    assert waiting.parts[0].quality is None
    assert not out.exists()
    done = mark(raw, out, path, fresh(beacon="pulse 7"), "keep", beacon_value="beef")
    assert done.written == 2
    assert done.ledger.commitment == waiting.ledger.commitment
    indices = [
        [waiting.parts[0].batch.with_value(value).index(e.id) for e in done.ledger.entries]
        for value in map(str, range(40))
    ]
    assert len(set(map(tuple, indices))) > 20  # 40 draws of 144 pairs: about 35
    with pytest.raises(ValueError, match="already holds"):
        mark(raw, out, path, fresh(beacon="pulse 7"), "keep", beacon_value="cafe")


def test_pictures_have_secrets_of_their_own(tmp_path):
    ledger = marked(tmp_path).parts[0].batch
    secrets = {own.secret for own in ledger.pictures.values()}
    assert len(secrets) == len(ledger.pictures) == 8
    one = next(iter(ledger.pictures))
    assert ledger.draws(one).secret[:32] == ledger.pictures[one].secret


def test_the_public_side_holds_no_secret(tmp_path):
    ledger = marked(tmp_path).parts[0].batch
    public = commitment_path(tmp_path / "own.ledger").read_text()
    assert ledger.commitment in public
    for own in ledger.pictures.values():
        assert own.secret.hex() not in public
    assert ledger.key.hex() not in public


def test_a_full_disk_loses_nothing(tmp_path):
    photos.folder(tmp_path / "raw", 2)
    photos.write(tmp_path / "raw" / "z.png", photos.scene(1, 80, 80))
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (6000, resource.RLIM_INFINITY))
        code = 1
        try:
            marked(tmp_path)
        except OSError as error:
            code = 7 if str(error.filename).endswith("z.png") else 8
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    assert not list(tmp_path.rglob(".*.*"))  # no drafts left behind
    assert (marked(tmp_path).already_there, marked(tmp_path).already_there) == (2, 3)


def test_pictures_of_a_linked_album_are_found(tmp_path):
    photos.folder(tmp_path / "far", count=2)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "album").symlink_to(tmp_path / "far")
    (tmp_path / "mine" / "gone.jpg").symlink_to("nowhere.jpg")
    found = kinds.find(tmp_path / "mine")
    assert found.pictures == ["album/class0/p0.jpg", "album/class1/p1.png", "gone.jpg"]
    assert not found.others
    with pytest.raises(pictures.PictureError, match=r"gone\.jpg: no readable picture"):
        pictures.read(tmp_path / "mine" / "gone.jpg")
    (tmp_path / "mine" / "all").symlink_to(".")
    with pytest.raises(ValueError, match="all leads back to"):
        kinds.find(tmp_path / "mine")
