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


def shard(path, numbers, captions=True):
    with tarfile.open(path, "w") as tar:
        for i in numbers:
            stream = io.BytesIO()
            picture(i).save(stream, "PNG")
            parts = [("png", stream.getvalue()), ("txt", TEXTS[i].encode())]
            for suffix, content in parts if captions else parts[:1]:
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
    with pytest.raises(ValueError, match=r"data\.caption = 2: .*png has 2 captions"):
        load(root, "train.json", caption=2)


def test_what_is_missing_is_named(root):
    name = write(root, table(","))
    (root / "photos" / "3.png").unlink()
    with pytest.raises(FileNotFoundError, match=r"1 of 10 pictures.*3\.png; data\.images is"):
        load(root, name)
    with pytest.raises(FileNotFoundError, match=r"none\.csv: no such file of captions"):
        load(root, "none.csv")
    with pytest.raises(FileNotFoundError, match="no such folder"):
        load(root / "nowhere", "a.csv")
    shard(root / "0.tar", range(3), captions=False)
    with pytest.raises(ValueError, match=r"no caption \(\.txt\) of 3 pictures: \['part/0000\.png"):
        load(root, "0.tar")


def test_broken_captions_are_named(root):
    with pytest.raises(ValueError, match=r"2\.png: caption 0 is empty"):
        load(root, write(root, table(",", texts=[*TEXTS[:2], " ", *TEXTS[3:]])))
    with pytest.raises(ValueError, match=r"a\.csv: captions must be UTF-8, byte \d+ is not"):
        load(root, write(root, table(","), encoding="utf-16"))


def test_files_of_another_form_are_named(root):
    with pytest.raises(ValueError, match=r"\['name', 'caption'\]: one of image, file_name"):
        load(root, write(root, table(",", "name,caption")))
    with pytest.raises(ValueError, match=r"line 2: fewer columns"):
        load(root, write(root, "image,caption\n0.png\n"))
    with pytest.raises(ValueError, match="no captions in this file"):
        load(root, write(root, "image,caption\n"))
    with pytest.raises(ValueError, match="no JSON"):
        load(root, write(root, "[", "a.json"))
    with pytest.raises(ValueError, match="expected is a list of records"):
        load(root, write(root, '{"a": 1}', "a.json"))
    wrong = {**COCO, "annotations": [{"image_id": 99, "caption": "a"}]}
    with pytest.raises(ValueError, match=r"does not list: ids \[99\]"):
        load(root, write(root, json.dumps(wrong), "a.json"))
    with pytest.raises(ValueError, match=r"captions are read from \.csv"):
        load(root, write(root, "", "a.doc"))
    (root / "photos" / "0.png").write_bytes(b"none")
    with pytest.raises(ValueError, match=r"0\.png: no readable image"):
        load(root, write(root, table(",")))


def test_digest_follows_content(root):
    name = write(root, table(","))
    before = caption_folder.fingerprint(root)
    write(root, table(",", texts=[*TEXTS[1:], TEXTS[0]]), name)
    assert caption_folder.fingerprint(root) != before
