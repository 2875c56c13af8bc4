"""What the owner is shown, what is measured, and how much is held in memory meanwhile."""

from __future__ import annotations

import re
import threading
import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from tests.owner import photos
from tests.owner.test_mark import fresh

from taggant.marking.quality import quality
from taggant.marking.strategies import sign
from taggant.owner import contact_sheet, looks, pictures, streaming
from taggant.owner.ledger import FolderLedger
from taggant.owner.looks import Look, compare
from taggant.owner.mark import mark


def tensor(image):
    return pictures.to_tensor(image)


def test_rows_of_the_sheet_are_drawn_across_the_folders():
    names = [f"{folder}/{k}.png" for folder in "abcdefghijkl" for k in range(5)]
    chosen = contact_sheet.spread(names, 6)
    assert [name[0] for name in chosen] == list("acegik")
    assert contact_sheet.spread(["a/1", "a/2", "b/1"], 6) == ["a/1", "a/2", "b/1"]
    assert len(set(contact_sheet.spread([f"a/{k:02}" for k in range(40)], 6))) == 6


def test_quality_is_that_of_what_somebody_sees():
    rng = np.random.default_rng(0)
    raw = torch.from_numpy(rng.integers(40, 200, (4, 64, 96), dtype=np.uint8))
    raw[3, :, :48] = 0
    raw[3, :, 48:] = 200
    marked = raw.clone()
    marked[:3, :, 48:] += torch.from_numpy(rng.integers(0, 9, (3, 64, 48), dtype=np.uint8))
    alone = quality(raw[None, :3, :, 48:], marked[None, :3, :, 48:])
    found = compare(Look.of(raw, False), Look.of(marked, False))
    assert (found.psnr, found.linf) == (pytest.approx(alone.psnr, abs=0.01), 8)
    assert found.ssim == pytest.approx(alone.ssim, abs=0.02)
    hidden = marked.clone()
    hidden[:3, :, :48] = 0  # nobody sees it
    assert compare(Look.of(raw, False), Look.of(hidden, False)) == found
    raw[3] = 0
    assert compare(Look.of(raw, False), Look.of(raw, False)).linf == 0


def test_transparent_parts_show_a_checkerboard():
    image = Image.new("RGBA", (40, 40), (255, 0, 0, 0))
    shown = np.array(looks.on_checkerboard(image))
    assert set(map(tuple, shown.reshape(-1, 3))) == {(255, 255, 255), (204, 204, 204)}
    image.putalpha(255)
    assert set(map(tuple, np.array(looks.on_checkerboard(image)).reshape(-1, 3))) == {(255, 0, 0)}


def test_a_large_picture_is_shown_small_and_measured_in_the_middle():
    raw = tensor(photos.scene(1, 3000, 1400))
    own = Look.of(raw, True)
    assert own.small.size == (750, 350)
    assert torch.equal(own.middle, raw[:, 572:828, 1372:1628])


def test_the_page_is_whole_in_itself():
    row = contact_sheet.Row(
        "a/<b>.png", photos.scene(1, 30, 20), photos.scene(2, 30, 20), quality_of()
    )
    page = contact_sheet.page([row]).decode()
    assert page.count("data:image/png;base64,") == 2
    assert "a/&lt;b&gt;.png" in page
    assert not re.findall(r"https?:|//[a-z]|url\(", page)
    assert "default-src 'none'" in page


def quality_of():
    return looks.Quality(30.0, 0.9, 10)


def test_bands_of_a_picture_are_those_of_the_whole(monkeypatch):
    pixels = tensor(photos.scene(5, 70, 53))
    arguments = [bytes(32) + b"\2"], pixels[None], ["x"], np.array([[3, 4]]), 10
    for mirror in (False, True):
        strategy = sign.Sign(6, mirror)
        whole = strategy(*arguments)
        monkeypatch.setattr(sign, "BAND", 2 * 3 * 70 * 13)
        assert torch.equal(strategy(*arguments), whole)
        monkeypatch.undo()
    monkeypatch.setattr(pictures, "ROWS_AT_ONCE", 70 * 3 * 7)
    image = pictures.to_image(pixels)
    assert torch.equal(pictures.to_tensor(image), pixels)


def test_work_side_by_side_keeps_its_order_and_its_bound(monkeypatch):
    monkeypatch.setattr(streaming, "IN_FLIGHT", 10)
    monkeypatch.setattr(streaming, "workers", lambda: 4)
    lock, held, most = threading.Lock(), [0], [0]

    def work(size):
        with lock:
            held[0] += size
            most[0] = max(most[0], held[0])
        time.sleep(0.002 * (size % 3))
        with lock:
            held[0] -= size
        return size

    sizes = [3, 4, 1, 2, 30, 5, 5, 5, 1, 1, 1, 1, 1, 1, 1, 20]
    assert list(streaming.streamed(work, sizes, int)) == sizes
    assert most[0] == 30  # alone
    assert list(streaming.streamed(work, [3, 4, 5, 6] * 4, int)) == [3, 4, 5, 6] * 4

    def failing(size):
        if size == 4:
            raise ValueError("four")
        return size

    found = streaming.streamed(failing, sizes, int)
    assert next(found) == 3
    with pytest.raises(ValueError, match="four"):
        next(found)


def test_nothing_is_marked_where_nobody_sees_it(tmp_path):
    image = photos.scene(6, 60, 40).convert("RGBA")
    image.putalpha(Image.fromarray(np.repeat(np.array([[0] * 30 + [1] * 30], np.uint8), 40, 0)))
    photos.write(tmp_path / "raw" / "a.png", image)
    raw = pictures.read(tmp_path / "raw" / "a.png").pixels
    result = mark(tmp_path / "raw", tmp_path / "out", tmp_path / "l", fresh(), "keep")
    changed = (pictures.read(tmp_path / "out" / "a.png").pixels != raw)[:3].any(0)
    assert not changed[:, :30].any()
    assert changed[:, 30:].float().mean() > 0.9
    assert FolderLedger.load(tmp_path / "l").terms.spares_clear
    assert result.parts[0].quality.linf == 10


def test_a_ledger_from_before_goes_on_as_it_began(tmp_path, monkeypatch):
    image = photos.scene(6, 60, 40).convert("RGBA")
    image.putalpha(0)
    photos.write(tmp_path / "raw" / "a.png", image)
    draw = fresh()

    def before(entries):
        made = draw(entries)
        return replace(made, terms=made.terms.replace(spares_clear=False))

    arguments = tmp_path / "raw", tmp_path / "out", tmp_path / "l"
    mark(*arguments, before, "keep")
    assert "spares_clear" not in (tmp_path / "l").read_text()
    assert mark(*arguments, draw, "keep").already_there == 1
    raw = pictures.read(tmp_path / "raw" / "a.png").pixels
    assert not torch.equal(pictures.read(tmp_path / "out" / "a.png").pixels, raw)
