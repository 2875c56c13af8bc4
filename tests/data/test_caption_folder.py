from __future__ import annotations

import io
import json
import tarfile

import numpy as np
import pytest
from PIL import Image

from taggant.data import caption_folder

COUNT = 10
TEXTS = [f"Zażółć, picture {i} 🍎" for i in range(COUNT)]


def picture(seed):
    pixels = np.random.default_rng(seed).integers(0, 256, (9, 12, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


@pytest.fixture
def root(tmp_path):
    (tmp_path / "photos").mkdir()
    for i in range(COUNT):
        picture(i).save(tmp_path / "photos" / f"{i}.png")
    return tmp_path


def table(delimiter, header="image,caption", texts=TEXTS):
    rows = [f'{i}.png{delimiter}"{text}"' for i, text in enumerate(texts)]
    return "\n".join([header.replace(",", delimiter), *rows])


def records(texts=TEXTS):
    return [{"file_name": f"{i}.png", "caption": text} for i, text in enumerate(texts)]


COCO = {
    "images": [{"id": 7 + i, "file_name": f"{i}.png"} for i in range(COUNT)],
    "annotations": [{"image_id": 7 + i, "caption": text} for i, text in enumerate(TEXTS)],
}
KARPATHY = {
    "images": [
        {"filename": f"{i}.png", "sentences": [{"raw": text}]} for i, text in enumerate(TEXTS)
    ]
}
FILES = {
    "a.csv": table(","),
    "flickr30k.csv": "\n".join(
        ["image_name| comment_number| comment", *(f"{i}.png| 0| {t}" for i, t in enumerate(TEXTS))]
    ),
    "flickr8k.txt": table(","),
    "a.tsv": table("\t", "filename,text"),
    "records.json": json.dumps(records(), ensure_ascii=False),
    "coco.json": json.dumps(COCO),
    "karpathy.json": json.dumps(KARPATHY),
}


def write(root, text, name="a.csv", encoding="utf-8"):
    (root / name).write_text(text, encoding=encoding)
    return name


def load(root, captions, **options):
    return caption_folder.load(root, captions, images="photos", size=8, **options)


@pytest.mark.parametrize("name", FILES)
def test_every_form_gives_each_picture_its_caption(root, name):
    splits = load(root, write(root, FILES[name], name), seed=3)
    assert (len(splits.train), len(splits.test)) == (8, 2)
    assert splits.train.labels is None
    assert sorted([*splits.train.captions, *splits.test.captions]) == sorted(TEXTS)
    number = int(splits.train.captions[0].split()[2])
    expected = caption_folder.square(picture(number), 8)
    assert np.array_equal(splits.train.images[0], expected)
    assert load(root, name, seed=3).train.ids == splits.train.ids
    assert load(root, name, seed=4).train.ids != splits.train.ids


def shard(path, numbers, texts=TEXTS, encoding="utf-8"):
    with tarfile.open(path, "w") as tar:
        for i in numbers:
            stream = io.BytesIO()
            picture(i).save(stream, "PNG")
            parts = [("png", stream.getvalue())]
            parts += [] if texts is None else [("txt", texts[i].encode(encoding))]
            for suffix, content in parts:
                member = tarfile.TarInfo(f"part/{i:04d}.{suffix}")
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))


def test_webdataset_shards_read_as_the_same_pictures_do_from_a_folder(root):
    shard(root / "0.tar", range(6))
    shard(root / "1.tar", range(6, COUNT))
    splits = load(root, "*.tar", seed=3)
    plain = load(root, write(root, table(",")), seed=3)
    assert splits.train.ids == plain.train.ids
    assert splits.train.captions == plain.train.captions


def test_a_test_side_of_its_own_and_the_caption_that_is_asked_for(root):
    both = [{**record, "caption": ["first", record["caption"]]} for record in records()]
    write(root, json.dumps(both[:6]), "train.json")
    write(root, json.dumps(both[6:]), "val.json")
    splits = load(root, "train.json", test_captions="val.json", caption=1, train=5)
    assert (len(splits.train), len(splits.test)) == (5, 4)
    assert set(splits.test.captions) == set(TEXTS[6:])
    with pytest.raises(ValueError, match=r"data\.caption = 2: .*png .* has 2 captions"):
        load(root, "train.json", caption=2)


def test_what_is_missing_is_named_with_the_line_that_asks_for_it(root):
    (root / "photos" / "3.png").unlink()
    where = {"a.csv": "line 5", "a.tsv": "line 5", "coco.json": r"annotations\[3\]"}
    for name, line in where.items():
        write(root, FILES[name], name)
        message = rf"1 of 10 pictures.*3\.png \(.*{name}, {line}"
        with pytest.raises(FileNotFoundError, match=message):
            load(root, name)
    with pytest.raises(FileNotFoundError, match=r"data\.images is the folder"):
        load(root, "a.csv")
    with pytest.raises(FileNotFoundError, match=r"none\.csv: no such file of captions"):
        load(root, "none.csv")
    with pytest.raises(FileNotFoundError, match="no such folder"):
        load(root / "nowhere", "a.csv")


EMPTY = [*TEXTS[:2], " ", *TEXTS[3:]]


@pytest.mark.parametrize(
    ("name", "content", "where"),
    [
        ("a.csv", table(",", texts=EMPTY), "line 4"),
        ("a.tsv", table("\t", "image,text", texts=EMPTY), "line 4"),
        ("list.json", json.dumps(records(EMPTY)), r"\[2\]"),
        (
            "karpathy.json",
            json.dumps({"images": [{"filename": "2.png", "sentences": [{"raw": ""}]}]}),
            r"images\[0\]",
        ),
        (
            "coco.json",
            json.dumps({**COCO, "annotations": [{"image_id": 9, "caption": "\n"}]}),
            r"annotations\[0\]",
        ),
    ],
)
def test_empty_captions_are_named_with_file_and_line(root, name, content, where):
    with pytest.raises(ValueError, match=rf"{name}, {where}: the caption of .*2\.png is empty"):
        load(root, write(root, content, name))


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "records.json"])
def test_text_that_is_not_utf8_is_named_with_file_and_line(root, name):
    lines = json.dumps(records(), ensure_ascii=False, indent=0) if "json" in name else FILES[name]
    content = lines.encode().split(b"\n")
    content[3] = content[3] + "ż".encode("iso-8859-2")
    (root / name).write_bytes(b"\n".join(content))
    with pytest.raises(ValueError, match=rf"{name}, line 4: captions must be UTF-8, byte \d+ of"):
        load(root, name)
    with pytest.raises(ValueError, match=r"a\.csv, line 1: captions must be UTF-8"):
        load(root, write(root, table(","), encoding="utf-16"))


def test_broken_shards_are_named_with_the_member(root):
    shard(root / "0.tar", range(3), texts=None)
    with pytest.raises(ValueError, match=r"no caption \(\.txt\) of 3 pictures: \['part/0000\.png"):
        load(root, "0.tar")
    shard(root / "0.tar", range(3), texts=["a", "", "b"])
    with pytest.raises(
        ValueError, match=r"0001\.txt in .*0\.tar: the caption of part/0001\.png is"
    ):
        load(root, "0.tar")
    shard(root / "0.tar", range(2), texts=["a", "a\nż"], encoding="iso-8859-2")
    with pytest.raises(ValueError, match=r"0001\.txt in .*0\.tar, line 2: captions must be UTF-8"):
        load(root, "0.tar")
    (root / "0.tar").write_bytes(b"none")
    with pytest.raises(ValueError, match=r"0\.tar: no readable tar file"):
        load(root, "0.tar")


BAD = {
    "a.csv": [
        ("name,caption\n", r"line 1 has \['name', 'caption'\]: one of image, file_name"),
        ("image,caption\n0.png\n", "line 2: fewer columns"),
        ("image,caption\n", "no captions in this file"),
    ],
    "a.json": [
        ("[", "no JSON .*line 1 column 2"),
        ('{"a": 1}', "expected is a list of records"),
        ("[1]", "expected is a list of records"),
        ('[{"file_name": "0.png"}]', r"\[0\] has \['file_name'\]: one of caption, captions"),
        ('[{"file_name": "0.png", "caption": null}]', r"\[0\]: None stands where a text"),
        ('[{"file_name": "0.png", "caption": []}]', r"0\.png has 0 captions"),
        ('{"images": [{"filename": "0.png", "sentences": [{}]}]}', r"images\[0\]: None stands"),
        ('{"images": [{"id": 1}], "annotations": []}', r"images\[0\] has \['id'\]: one of"),
        (
            '{"images": [], "annotations": [{"image_id": 99, "caption": "a"}]}',
            r"annotations\[0\]: a caption of image 99, which is not in the list",
        ),
    ],
    "a.doc": [("", r"captions are read from \.csv")],
}


@pytest.mark.parametrize("name", BAD)
def test_files_of_another_form_are_named(root, name):
    for content, message in BAD[name]:
        with pytest.raises(ValueError, match=message):
            load(root, write(root, content, name))


def test_unreadable_pictures_are_named(root):
    (root / "photos" / "0.png").write_bytes(b"none")
    with pytest.raises(ValueError, match=r"0\.png \(.*a\.csv, line 2\): no readable image"):
        load(root, write(root, table(",")))


def test_digest_follows_all_that_is_read_wherever_it_lies(root, tmp_path_factory):
    far = tmp_path_factory.mktemp("far")
    (root / "photos").rename(far / "photos")
    (root / "photos").symlink_to(far / "photos")
    named = [
        {**record, "file_name": str(far / "photos" / f"{i}.png")}
        for i, record in enumerate(records())
    ]
    asked = [(write(root, table(",")), "photos"), (write(root, json.dumps(named), "a.json"), ".")]

    def digests():
        return [caption_folder.fingerprint(root, name, images=images) for name, images in asked]

    found = [digests()]
    write(root, "none of these", "notes.md")
    assert digests() == found[0]
    picture(99).save(far / "photos" / "3.png")
    found.append(digests())
    write(root, table(",", texts=[*TEXTS[1:], TEXTS[0]]))
    write(root, json.dumps(named[::-1]), "a.json")
    found.append(digests())
    assert all(len(set(changes)) == 3 for changes in zip(*found, strict=True))
    loaded = [caption_folder.load(root, name, images=images, size=8) for name, images in asked]
    assert {*loaded[0].train.ids, *loaded[0].test.ids} == {
        *loaded[1].train.ids,
        *loaded[1].test.ids,
    }
