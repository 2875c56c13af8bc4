"""Pictures that come later: batches of one ledger, audited together or one by one."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import stat

import numpy as np
import pytest
import torch
from PIL import Image
from tests.owner import photos, test_audit
from tests.owner.forged import (
    COUNT,
    VALUE,
    changed,
    controlled_record,
    put,
    record_of,
    renewed,
    split,
    split_folder,
    two_batches,
)
from tests.owner.test_mark import fresh, spoilt
from tests.owner.test_split import drawn
from typer.testing import CliRunner

from taggant import files
from taggant.data.decode import square, to_image
from taggant.owner import pictures
from taggant.owner.batches import published_names
from taggant.owner.certify import certificate
from taggant.owner.cli import app
from taggant.owner.controlled import Evidence, judge
from taggant.owner.decision import DecisionRule
from taggant.owner.ledger import FolderLedger
from taggant.owner.mark import commitment_path, contact_sheet_path, mark
from taggant.owner.schema import to_json
from taggant.owner.split import joined_split
from taggant.owner.verify import verify


def textured(seed, side=96):
    """A picture that keeps its look when it shrinks, as photographs do."""
    rng = np.random.default_rng(seed)
    return Image.fromarray(rng.integers(0, 255, (20, 20, 3), np.uint8)).resize(
        (side, side), Image.Resampling.BICUBIC
    )


def week(root, number, count=2):
    for k in range(count):
        (root / f"week{number}").mkdir(parents=True, exist_ok=True)
        textured(10 * number + k).save(root / f"week{number}" / f"IMG_{k}.png")
    return root / f"week{number}"


def marked(root, number, draw=None, **options):
    folder, draw = root / f"week{number}", draw or fresh()
    return mark(folder, root / "out", root / "own.ledger", draw, "keep", **options)


@pytest.fixture
def first(tmp_path):
    """A folder with a week that was marked, and another one that was not."""
    week(tmp_path, 1)
    week(tmp_path, 2)
    marked(tmp_path, 1)
    return tmp_path


def holds(root, batch):
    """Whether the published files of a batch are there, and are what its ledger says."""
    return all(
        pictures.digest(pictures.read(root / "out" / one.published).pixels) == one.pixels
        for one in batch.entries
    )


# --- appending ---------------------------------------------------------------------------------


def test_a_batch_has_a_commitment_of_its_own_and_changes_no_other(first):
    before = FolderLedger.load(first / "own.ledger")
    result = marked(first, 2, append=True)
    assert (result.written, [part.number for part in result.parts]) == (2, [2])
    ledger = FolderLedger.load(first / "own.ledger")
    one, two = ledger.batches
    assert one == before.batches[0]
    assert one.key != two.key
    assert len({one.commitment, two.commitment, ledger.commitment}) == 3
    for number, batch in enumerate(ledger.batches, 1):
        public = json.loads(commitment_path(first / "own.ledger", number).read_text())
        assert (public["commitment"], public["pictures"]) == (batch.commitment, 2)
        sheet = contact_sheet_path(first / "own.ledger", number)
        assert stat.S_IMODE(sheet.stat().st_mode) == 0o600
        assert holds(first, batch)
    assert {one.published for one in ledger.entries} == {
        *("IMG_0.png", "IMG_1.png", "IMG_0-2.png", "IMG_1-2.png")
    }
    assert not any("none of the published ones" in note for note in result.notes)


def test_published_names_of_a_batch_meet_none_before():
    named = published_names({"a.jpg": "keep", "b.png": "keep"}, {"a.png", "a-3.png"}, 3)
    assert named == {"a.jpg": "a-4.png", "b.png": "b.png"}
    assert published_names({"A.png": "raw"}, {"a.png"}, 2) == {"A.png": "A-2.png"}


def test_a_picture_marked_before_is_left_alone_under_any_name(first):
    kept = (first / "own.ledger").read_bytes()
    os.link(first / "week1" / "IMG_0.png", first / "week2" / "another name.png")
    result = marked(first, 2, append=True)
    assert "another name.png: marked before (batch 1 as IMG_0.png), left alone" in result.notes, (
        result.notes
    )
    assert result.written == 2
    again = marked(first, 2, append=True)
    assert (again.parts, again.written) == ((), 0)
    assert "IMG_1.png: marked before (batch 2), left alone" in again.notes
    assert (first / "own.ledger").read_bytes() != kept


def test_many_pictures_marked_before_are_counted(first, monkeypatch):
    monkeypatch.setattr("taggant.owner.append.LISTED", 1)
    os.link(first / "week1" / "IMG_0.png", first / "week1" / "z.png")
    told = marked(first, 1, append=True).notes
    assert "2 pictures (the first: IMG_0.png) were marked before, left alone" in told
    assert "z.png: marked before (batch 1 as IMG_0.png), left alone" in told
    assert not any(note.startswith("IMG") for note in told)


def test_a_growing_folder_can_be_appended_from_and_gone_on_with(first):
    for k in range(2):
        (first / "week2" / f"IMG_{k}.png").rename(first / "week1" / f"new{k}.png")
    assert marked(first, 1, append=True).written == 2
    (first / "out" / "new1.png").unlink()
    again = marked(first, 1)
    assert ([part.number for part in again.parts], again.written) == ([1, 2], 1)
    (first / "week1" / "new0.png").unlink()
    with pytest.raises(ValueError, match=r"1 files differ \(the first: new1\.png\)"):
        marked(first, 1)


@pytest.mark.parametrize("kind", ["resized", "compressed", "marked"])
def test_copies_are_asked_about(first, kind):
    with Image.open(first / "week1" / "IMG_0.png") as image:
        if kind == "resized":
            image.resize((48, 48)).save(first / "week2" / "copy.png")
        elif kind == "compressed":
            image.save(first / "week2" / "copy.jpg", quality=60)
        else:
            content = (first / "out" / "IMG_0.png").read_bytes()
            (first / "week2" / "copy.png").write_bytes(content)
    before = (first / "own.ledger").read_bytes()
    with pytest.raises(ValueError, match=r"(?s)1 pictures .*--copies skip.*copy.* like IMG_0\.png"):
        marked(first, 2, append=True)
    assert (first / "own.ledger").read_bytes() == before
    skipped = marked(first, 2, append=True, copies="skip")
    assert skipped.written == 2
    assert any("left out" in note for note in skipped.notes)
    assert not any("warning" in note for note in skipped.notes)
    both = marked(first, 2, append=True, copies="mark")
    assert both.written == 1
    assert any("Publish one marked version" in note for note in both.notes)


def test_old_ledgers_are_appended_to_and_their_copies_not_noticed(first):
    body = json.loads((first / "own.ledger").read_text())
    for entry in body["entries"]:
        del entry["likeness"]
    (first / "own.ledger").write_text(json.dumps(body))
    result = marked(first, 2, append=True)
    assert result.written == 2
    assert any("copies are not noticed" in note for note in result.notes)


def test_what_cannot_be_appended_is_refused(first):
    with pytest.raises(FileNotFoundError, match=r"no ledger .* to append to"):
        mark(first / "week2", first / "out", first / "none", fresh(), "keep", append=True)
    before = (first / "own.ledger").read_bytes()
    for draw in (fresh(n=13), fresh(form="png")):
        with pytest.raises(ValueError, match=r"own\.ledger was made with"):
            marked(first, 2, draw, append=True)
    assert (first / "own.ledger").read_bytes() == before
    told = CliRunner().invoke(app, ["mark", "a", "--out", "b", "--ledger", "c", "--copies", "skip"])
    assert "--copies skip: accepted with --append only" in str(told.exception)


def test_each_batch_has_a_beacon_of_its_own(first):
    pulse = fresh(beacon="pulse 9")
    assert marked(first, 2, pulse, append=True).parts[0].quality is None
    week(first, 3)
    assert marked(first, 3, append=True).written == 2  # while the second one waits
    with pytest.raises(ValueError, match="no batch of this folder awaits"):
        marked(first, 3, append=True, beacon_value="beef")
    with pytest.raises(ValueError, match="--beacon pulse 8: no batch of this folder awaits its"):
        marked(first, 2, fresh(beacon="pulse 8"), append=True, beacon_value="cafe")
    assert FolderLedger.load(first / "own.ledger").batches[1].awaits_beacon
    late = marked(first, 2, pulse, append=True, beacon_value="beef")
    assert ([part.number for part in late.parts], late.written) == ([2], 2)
    assert [one.value for one in FolderLedger.load(first / "own.ledger").batches] == [
        "",
        "beef",
        "",
    ]
    week(first, 4)
    with pytest.raises(ValueError, match="no batch of this folder awaits"):
        marked(first, 4, fresh(beacon="pulse 10"), append=True, beacon_value="cafe")
    assert len(FolderLedger.load(first / "own.ledger").batches) == 3


def test_a_ledger_beside_that_holds_a_picture_is_named(first):
    (first / "broken.ledger").write_bytes(b"[")
    with Image.open(first / "week1" / "IMG_0.png") as image:
        image.save(first / "week2" / "copy.jpg")
    result = mark(first / "week2", first / "out2", first / "other.ledger", fresh(), "keep")
    (told,) = (note for note in result.notes if note.startswith("warning"))
    assert "1 of these pictures (the first: copy.jpg)" in told
    assert "own.ledger" in told


class Killed(BaseException):
    """As if the process had ended."""


def test_a_call_killed_before_any_write_loses_nothing_and_the_same_call_ends_it(first, monkeypatch):
    """Files are written whole or not at all (`taggant.files`), so these are all the moments."""
    write, left = files._write, [0]

    def counted(path, content, mode):
        left[0] -= 1
        if left[0] == 0:
            raise Killed
        write(path, content, mode)

    monkeypatch.setattr(files, "_write", counted)
    ends = []
    for step in range(1, 20):
        root = first / str(step)
        for name in ("week1", "week2", "out"):
            shutil.copytree(first / name, root / name)
        for path in first.glob("own.*"):
            shutil.copy2(path, root / path.name)
        left[0] = step
        try:
            marked(root, 2, append=True)
        except Killed:
            ends.append(step)
        between = FolderLedger.load(root / "own.ledger")
        shown = {path: path.read_bytes() for path in (root / "out").glob("*-2.png")}
        assert len(between.batches) == 2 or not shown
        left[0] = 0
        marked(root, 2, append=True)
        ledger = FolderLedger.load(root / "own.ledger")
        _whole(root, ledger)
        assert {b.commitment for b in between.batches} <= {b.commitment for b in ledger.batches}
        assert all(path.read_bytes() == content for path, content in shown.items())
        if step not in ends:
            break
    # ledger, commitment, two pictures, sheet, its page, ledger
    assert ends == [1, 2, 3, 4, 5, 6, 7]


def _whole(root, ledger):
    assert len(ledger.batches) == 2
    for number, batch in enumerate(ledger.batches, 1):
        assert holds(root, batch)
        for path in (commitment_path, contact_sheet_path):
            assert path(root / "own.ledger", number).exists()


# --- audits of several batches -----------------------------------------------------------------


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    root = tmp_path_factory.mktemp("two")
    return root, two_batches(root)


def test_an_audit_of_two_batches_is_verified_against_both_commitments(two):
    root, ledger = two
    made = certificate(ledger, record_of(ledger))
    content = to_json(made)
    public = [commitment_path(root / "ledger", k).read_bytes() for k in (1, 2)]
    found = verify(content, public=public, beacon_values=[VALUE])
    assert found.ok, found.checks
    assert [len(batch.seals) for batch in made.batches] == [COUNT, COUNT]
    assert verify(content, public=public[1:]).ok
    assert not verify(content, public=[public[0], public[0]]).ok
    assert not verify(content, beacon_values=["cafe"]).ok


def test_any_subset_of_batches_is_audited_by_itself(two):
    root, ledger = two
    for number in (1, 2):
        own = ledger.of_batches([number])
        made = certificate(ledger, record_of(own))
        assert made.commitment == ledger.batches[number - 1].commitment
        assert not made.further
        assert verify(to_json(made), public=[commitment_path(root / "ledger", number).read_bytes()])
    for wrong in (0, 3):
        with pytest.raises(ValueError, match="accepted are 1 to 2"):
            ledger.of_batches([1, wrong])


FORGED = {
    "a boundary moved": put("further", 0, "pictures", by=lambda count: count - 1),
    "more pictures than seals": put("further", 0, "pictures", value=2 * COUNT),
    "another rule of drawing": put("further", 0, "derivation", value=1),
    "a beacon named later": put("further", 0, "beacon", value="pulse 7"),
    "a value without a beacon": put("further", 0, "value", value="beef"),
    "the second batch left out": put("further", value=[]),
    "the second batch twice": put("further", by=lambda rows: rows * 2),
    "seals exchanged": put("seals", by=lambda seals: seals[COUNT:] + seals[:COUNT]),
    "another value": put("value", value="cafe"),
}


@pytest.mark.parametrize("name", FORGED)
def test_forged_batches_are_rejected(two, name):
    _, ledger = two
    body = json.loads(to_json(certificate(ledger, record_of(ledger), everything=True)))
    assert not verify(renewed(changed(body, FORGED[name]))).ok


def test_a_picture_in_two_batches_is_refused(two, tmp_path):
    root, _ = two
    body = json.loads((root / "ledger").read_text())
    first = {key: body[key] for key in ("key", "terms", "value", "made", "commitment", "entries")}
    (tmp_path / "l").write_text(json.dumps({**body, "further": [first]}))
    (tmp_path / "l").chmod(0o600)
    with pytest.raises(ValueError, match="a picture is in two batches"):
        FolderLedger.load(tmp_path / "l")


def test_every_spoilt_batch_is_named(two, tmp_path):
    root, _ = two
    body = json.loads((root / "ledger").read_text())
    path = tmp_path / "own.ledger"
    for text in list(spoilt(json.dumps(body["further"][0]))):
        path.write_text(json.dumps({**body, "further": "PLACE"}).replace('"PLACE"', f"[{text}]"))
        path.chmod(0o600)
        with contextlib.suppress(ValueError):
            assert FolderLedger.load(path)  # other software, say, which nothing follows from
            continue
        with pytest.raises(ValueError, match=r"own\.ledger: (no ledger|the ledger was)"):
            FolderLedger.load(path)


def test_a_ledger_is_on_the_disk_before_what_it_stands_for(first, monkeypatch):
    """Its folder is synced after its name is there, and before the first published file."""
    done, sync, write = [], files._sync_folder, files._write
    monkeypatch.setattr(files, "_sync_folder", lambda f: (done.append("synced"), sync(f)))
    monkeypatch.setattr(files, "_write", lambda p, *a: (done.append(p.name), write(p, *a)))
    marked(first, 2, append=True)
    assert done[:2] == ["own.ledger", "synced"]
    assert done[-2:] == ["own.ledger", "synced"]
    assert done.index("IMG_0-2.png") > 1


def test_withheld_pictures_are_compared_within_their_batch(tmp_path):
    split_folder(tmp_path, beacon="")
    photos.folder(tmp_path / "later", 2 * COUNT, first=2 * COUNT)
    mark(tmp_path / "later", tmp_path / "out", tmp_path / "ledger", split(), "keep", append=True)
    ledger = FolderLedger.load(tmp_path / "ledger")
    record = controlled_record(ledger, "controls")
    made = certificate(ledger, record)
    assert verify(to_json(made)).ok
    assert made.split is not None
    assert len(set(made.split.group[: 2 * COUNT]) & set(made.split.group[2 * COUNT :])) == 0
    np.testing.assert_array_equal(made.split.withheld, ledger.split.withheld)


def test_batches_of_other_pictures_keep_the_error_of_claims_by_withheld_ones():
    """The second batch scores higher, used or not: compared across, it would be claimed."""
    rule = DecisionRule.controlled("controls", "0.2", None, "0.5", 1)
    rng, claims, sets = np.random.default_rng(3), [], []
    for key in range(120):
        parts = [drawn(key, "50%", (0,) * 16), drawn(key + 120, "50%", (0,) * 16)]
        joined = joined_split(parts)
        scores = rng.random(32) + np.repeat([0.0, 10.0], 16)
        verdict = judge(rule, 1, Evidence([np.zeros((2, 0), bool)] * 32, joined, scores))
        claims.append(verdict.claim[joined.group > 0].sum() / 8)
        sets.append(verdict.set_p)
    assert 0.05 < np.mean(claims) < 0.2 + 3 * 0.4 / 120**0.5 / 2
    assert np.mean(np.array(sets) <= 0.1) < 0.1 + 3 * 0.3 / 120**0.5


def test_batches_are_audited_certified_and_verified_from_the_command_line(tmp_path, monkeypatch):
    """Two weeks, of which a model learned some of each; all together, and the second alone."""
    for number in (1, 2):
        photos.folder(tmp_path / f"week{number}", 4, classes=1, first=4 * number)
        mark(
            tmp_path / f"week{number}",
            tmp_path / f"out{number}",
            tmp_path / "own.ledger",
            fresh(n=test_audit.N),
            "keep",
            append=number == 2,
        )
    ledger = FolderLedger.load(tmp_path / "own.ledger")
    used = [one.entries[k] for one in ledger.batches for k in (0, 1)]
    where = [tmp_path / f"out{ledger.number_of[one.id]}" / one.published for one in used]
    shown = [pictures.read(path).pixels for path in where]
    squares = [square(to_image(pixels), test_audit.SIDE) for pixels in shown]
    monkeypatch.chdir(tmp_path)

    def call(*words):
        return CliRunner().invoke(app, list(map(str, words)), catch_exceptions=False)

    with test_audit.served(test_audit.Learnt(torch.stack(squares))) as url:
        model = ("--model", url, "--classes", "class0,class1")
        raw, out = ("--raw", "week1", "--raw", "week2"), ("--published", "out1")
        asked = ("audit", "--ledger", "own.ledger", *raw, *out, "--published", "out2", *model)
        for name, more in (("all", ()), ("one", ("--batches", "2"))):
            told = call(*asked, "--yes", "--p", "0.1", *more, "--out", f"{name}.json")
            assert told.exit_code == 0, told.output
            words = ("certify", "--ledger", "own.ledger", "--audit", f"{name}.json", "--out")
            assert call(*words, f"{name}.cert.json").exit_code == 0
        public = ("--commitment", "own.2.commitment.json")
        for name, more in (
            ("all", (*public, "--commitment", "own.commitment.json")),
            ("one", public),
        ):
            told = call("verify", f"{name}.cert.json", *more, *model, *raw)
            assert told.exit_code == 0, told.output
            assert "ok    the model gives the scores" in told.output
        assert call("verify", "all.cert.json", *model, *raw[:2]).exit_code == 1
        assert call("verify", "one.cert.json", "--commitment", "own.commitment.json").exit_code == 1
    body = json.loads((tmp_path / "all.cert.json").read_text())
    assert {one.id for one in used} <= {one["id"] for one in body["opened"]}
    assert body["further"][0]["pictures"] == 4
    photos.folder(tmp_path / "week3", 2, classes=1, first=20)
    week3 = tmp_path / "week3", tmp_path / "out3", tmp_path / "own.ledger"
    mark(*week3, fresh("pulse 3", n=test_audit.N), "keep", append=True)
    with pytest.raises(ValueError, match=r"1 batches await pulse 3, .* give --batches"):
        call(*asked, "--yes", "--out", "x.json")
    with pytest.raises(ValueError, match="batch 4: accepted are 1 to 3"):
        call(*asked, "--batches", "4", "--yes", "--out", "x.json")
    with pytest.raises(ValueError, match="--batches 0: accepted are numbers from 1 on"):
        call(*asked, "--batches", "0", "--yes", "--out", "x.json")
    ending = ("--batches", "1,2", "--yes", "--out", "x.json")
    asked = ("audit", "--ledger", "own.ledger", *model)
    with pytest.raises(
        ValueError, match=r"4 of 8 raw pictures .* week2 .* --raw of its own, or le"
    ):
        call(*asked, "--raw", "week2", *out, *ending)
    with pytest.raises(
        ValueError, match=r"4 published files in out1 are .* --published of its own"
    ):
        call(*asked, *raw, *out, *ending)
    for option in ("--raw", "--published"):
        with pytest.raises(ValueError, match=f"--out out3/x.json lies in {option} out3"):
            call(*asked, *raw, *out, option, "out3", "--out", "out3/x.json")
