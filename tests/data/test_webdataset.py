"""Shards as the webdataset library writes them; what nobody would write is refused in one line."""

import io
import os
import pickle
import re
import shutil
import tarfile
import tracemalloc

import numpy as np
import pytest
import torch
import webdataset as library
from PIL import Image

from taggant.data.decode import square
from taggant.data.webdataset import fingerprint, load

NAMES = ("ant", "bee")


def picture(number):
    pixels = np.random.default_rng(number).integers(256, size=(8, 8, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Three shards of 20 pictures, with a class and a caption beside each."""
    root = tmp_path_factory.mktemp("shards")
    with library.ShardWriter(str(root / "%d.tar"), maxcount=8, verbose=0) as writer:
        for i in range(20):
            texts = {"cls": i % 2, "txt": f"picture {i}"}
            writer.write({"__key__": f"{i:04d}", "png": picture(i), **texts})
    return root


@pytest.fixture
def root(written, tmp_path):
    """A copy that a test may change."""
    return shutil.copytree(written, tmp_path / "shards")


def test_pictures_come_with_their_classes_and_captions(tmp_path):
    with library.TarWriter(str(tmp_path / "0.tar")) as writer:
        for i in range(10):
            texts = {"cls": i % 2, "txt": f"picture {i}"}
            writer.write({"__key__": f"{i:04d}", "png": picture(i), **texts})
    splits = load(tmp_path, caption="txt", size=8, seed=3)
    assert (len(splits.train), len(splits.test)) == (8, 2)
    assert splits.train.class_names == ("0", "1")
    for part in (splits.train, splits.test):
        for image, label, caption in zip(part.images, part.labels, part.captions, strict=True):
            number = int(caption.split()[1])
            assert label == number % 2
            assert torch.equal(image, square(picture(number), 8))
    bare = load(tmp_path, label=None, caption="txt", size=8, seed=3)
    assert bare.train.labels is None
    assert bare.train.captions is not None


def test_suffixes_choose_pictures_and_classes_and_names_are_classes_too(tmp_path):
    with library.TarWriter(str(tmp_path / "0.tar")) as writer:
        for i in range(10):
            texts = {"jpg": picture(i), "name": NAMES[i % 2].encode(), "mask.png": picture(99)}
            writer.write({"__key__": f"{i:04d}", **texts})
    splits = load(tmp_path, image=".JPG", label="name", size=8)
    assert splits.train.class_names == NAMES
    assert len(splits.train) + len(splits.test) == 10
    with pytest.raises(ValueError, match=r"no class \(\.cls\) of 20 pictures"):
        load(tmp_path)


def test_sides_are_shards_or_divided(written):
    splits = load(written, shards=["0.tar", "1.tar"], test_shards="2.tar", **READ)
    assert (len(splits.train), len(splits.test)) == (16, 4)
    with pytest.raises(ValueError, match=r"data\.test_shards = \[012\]\.tar: .*0\.tar is one of"):
        load(written, shards="0.tar", test_shards="[012].tar", **READ)


READ = {"image": "png", "caption": "txt", "label": "cls", "size": 8}


@pytest.fixture(autouse=True)
def _no_code(monkeypatch):
    """Whatever would unpickle fails."""

    def fail(*_args, **_options):
        raise AssertionError("unpickled")

    monkeypatch.setattr(pickle, "loads", fail)
    monkeypatch.setattr(pickle, "load", fail)


def test_the_digest_covers_every_byte_of_the_shards_and_not_where_they_lie(root, tmp_path):
    before = fingerprint(root)
    moved = root.rename(tmp_path / "moved")
    assert fingerprint(moved) == before
    assert fingerprint(moved, shards="0.tar") != before
    (moved / "notes.txt").touch()
    assert fingerprint(moved) == before
    content = bytearray((moved / "2.tar").read_bytes())
    content[-1] = 1
    (moved / "2.tar").write_bytes(content)
    assert fingerprint(moved) != before


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"shards": "x*.tar"}, "data.shards = x*.tar: "),
        ({"shards": []}, "data.shards = []: accepted are names"),
        ({"shards": __file__}, "accepted are .tar files"),
        ({"label": None, "caption": None}, "data.label = null: then data.caption names"),
        ({"label": "a b"}, "data.label = a b: accepted is the suffix of members"),
        ({"label": 3}, "data.label = 3: accepted is the suffix"),
        ({"label": "json"}, "no text (.json) of 8 pictures"),
        ({"caption": "text"}, "no text (.text) of 8 pictures"),
        ({"image": "gif"}, "no pictures (.gif) in this shard"),
        ({"train": 30}, "data.train = 30: webdataset has only"),
        ({"size": 0}, "data.size = 0"),
    ],
)
def test_options_that_do_not_fit_are_named(written, options, said):
    with pytest.raises((ValueError, FileNotFoundError), match=re.escape(said)):
        load(written, **{**READ, **options})


def tar(path, *members):
    """A shard of (name, content), which begins with a sound sample."""
    good = io.BytesIO()
    picture(0).save(good, "PNG")
    with tarfile.open(path, "w") as shard:
        for name, content in (("0.png", good.getvalue()), ("0.cls", b"0"), *members):
            info = name if isinstance(name, tarfile.TarInfo) else tarfile.TarInfo(name)
            if not isinstance(name, tarfile.TarInfo):
                info.size = len(content)
            shard.addfile(info, io.BytesIO(content))
    return path


def header(path, size, kind=tarfile.REGTYPE, name="1.png"):
    """A shard whose last header says that so many bytes follow: zeros that fill no disk."""
    tar(path)
    content = path.read_bytes().rstrip(b"\0")
    content += bytes(-len(content) % 512)
    info = tarfile.TarInfo(name)
    info.type = kind
    block = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    binary = b"\xff" * 4 + size.to_bytes(8, "big", signed=True)
    block[124:136] = b"%011o\0" % size if size >= 0 else binary
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    path.write_bytes(content + bytes(block))
    os.truncate(path, len(content) + max(size, 0) + 2048)
    return path


def test_hostile_shards_are_refused_in_one_line_and_in_little_memory(tmp_path):
    link = tarfile.TarInfo("1.png")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    hostile = {
        "goes back for ever": header(tmp_path / "a.tar", -512, name="1.bin"),
        "a large picture": header(tmp_path / "b.tar", 1 << 29),
        "long name": header(tmp_path / "c.tar", 1 << 26, tarfile.GNUTYPE_LONGNAME),
        "negative name": header(tmp_path / "d.tar", -512, tarfile.GNUTYPE_LONGNAME),
        "extended header": header(tmp_path / "e.tar", 1 << 26, tarfile.XHDTYPE),
        "sparse": header(tmp_path / "f.tar", 512, tarfile.GNUTYPE_SPARSE),
        "link": tar(tmp_path / "g.tar", (link, b"")),
        "long text": tar(tmp_path / "h.tar", ("1.png", b""), ("1.cls", b"0" * ((1 << 20) + 1))),
        "no number": tar(tmp_path / "i.tar", ("1.png", b""), ("1.cls", b"-1\n")),
        "many classes": tar(tmp_path / "j.tar", ("1.png", b""), ("1.cls", b"9" * 30)),
        "long class": tar(tmp_path / "m.tar", ("1.png", b""), ("1.cls", b"9" * 5000)),
        "no picture": tar(tmp_path / "k.tar", ("1.png", b"GIF89a"), ("1.cls", b"1")),
        "headers in headers": nested(tmp_path / "l.tar", 3000),
    }
    tracemalloc.start()
    for what, path in hostile.items():
        with pytest.raises(ValueError, match=rf"{path.name}") as refused:
            load(tmp_path, shards=path.name, size=8, test_fraction=0.5)
        assert "\n" not in str(refused.value), what
    assert tracemalloc.get_traced_memory()[1] < 16 << 20
    tracemalloc.stop()


def nested(path, depth):
    """A shard in which each extended header is about the next one."""
    info = tarfile.TarInfo("x")
    info.type, info.size = tarfile.XHDTYPE, 0
    path.write_bytes(tar(path).read_bytes()[:3072] + info.tobuf() * depth + bytes(1024))
    return path


def test_members_that_would_be_unpickled_are_not_read(root):
    evil = pickle.dumps(print)
    names = ("1.pyd", "1.pickle", "1.pth", "1.npy")
    tar(root / "0.tar", *((name, evil) for name in names), ("1.png", b""), ("1.cls", b"1"))
    with pytest.raises(ValueError, match=r"1\.png in .*0\.tar.*no readable image"):
        load(root, shards="0.tar", size=8, test_fraction=0.5)
