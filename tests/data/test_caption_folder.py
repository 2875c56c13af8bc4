from __future__ import annotations

import io
import json
import tarfile

import numpy as np
import pytest
from PIL import Image

from taggant.data import caption_folder
from taggant.data.decode import square

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
    quote = '"' * (delimiter in ",;")
    rows = [f"{i}.png{delimiter}{quote}{text}{quote}" for i, text in enumerate(texts)]
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
    "SEMICOLONS.CSV": table(";", "Image,Caption"),
    "windows.tsv": table("\t").replace("\n", "\r\n") + "\r\n",
    "mac.csv": table(",").replace("\n", "\r"),
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
    expected = square(picture(number), 8)
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
    with pytest.raises(FileNotFoundError, match="nowhere: found nothing, a folder is needed"):
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
            json.dumps(
                {"images": COCO["images"][2:3], "annotations": [{"image_id": 9, "caption": "\n"}]}
            ),
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


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"captions": "none.csv"}, r"data\.captions = none\.csv: .*none\.csv: no such file"),
        ({"captions": "*.tsv"}, r"data\.captions = \*\.tsv: .*no such file of captions"),
        ({"test_captions": "no.json"}, r"data\.test_captions = no\.json: .*no such file of"),
        ({"captions": "a.doc"}, r"data\.captions: .*a\.doc: accepted are \.csv"),
        ({"captions": []}, r"data\.captions = \[\]: accepted are names of files"),
        ({"captions": ["a.csv", 3]}, r"data\.captions = \['a\.csv', 3\]: accepted are names"),
        ({"captions": None}, r"data\.captions = None: accepted are names"),
        ({"images": None}, r"data\.images = None: accepted is a folder"),
        ({"size": 0}, "data.size = 0: accepted are 1, 2, 3"),
        ({"caption": -1}, "data.caption = -1: accepted are 0, 1, 2"),
        ({"caption": 1}, r"data\.caption = 1: .*0\.png .* has 1 captions, counted from 0"),
        ({"seed": -3}, "data.seed = -3: accepted are 0, 1, 2"),
        ({"train": 99}, "data.train = 99: caption folder has only 8 train images"),
        ({"test_fraction": 2}, r"data\.test_fraction = 2: accepted are numbers in \(0, 1\)"),
    ],
)
def test_options_that_do_not_fit_are_named(root, options, message):
    write(root, table(","))
    write(root, "", "a.doc")
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        caption_folder.load(root, **{"captions": "a.csv", "images": "photos", **options})


def test_captions_lie_anywhere_and_count_once(root, tmp_path_factory):
    far = tmp_path_factory.mktemp("far")
    write(far, table(","), "[1].csv")
    (root / "lists").symlink_to(far)
    (root / "lists" / "._[1].csv").write_bytes(b"\0")
    asked = [str(far / "[1].csv"), "lists/[1].csv", "**/*.csv"]
    for one in asked:
        splits = load(root, one)
        assert len(splits.train) + len(splits.test) == COUNT
    assert len(load(root, [asked[1], asked[2]]).train) == 8


def test_copies_under_other_names_are_named_with_their_lines(root):
    picture(3).save(root / "photos" / "copy.png")
    write(root, table(",") + "\ncopy.png,a copy")
    said = r"left out 1 (train|test) .*\n  .*png \(.*line (5|12)\) equals .*png \(.*line (5|12)\)"
    with pytest.warns(UserWarning, match=said):
        splits = load(root, "a.csv")
    assert len(splits.train) + len(splits.test) == COUNT


def test_a_picture_by_two_spellings_of_its_name_is_one(root):
    both = "image,caption\n0.png,first\n1.png,other\n./0.png,second\n.//1.png,another"
    splits = load(root, write(root, both), test_fraction=0.5, caption=1)
    assert {*splits.train.captions, *splits.test.captions} == {"second", "another"}


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
    write(root, table(",", texts=TEXTS[:3]), "b.csv")
    divided = caption_folder.fingerprint(root, "a.csv", "b.csv", images="photos")
    assert divided != digests()[0]
    loaded = [caption_folder.load(root, name, images=images, size=8) for name, images in asked]
    assert {*loaded[0].train.ids, *loaded[0].test.ids} == {
        *loaded[1].train.ids,
        *loaded[1].test.ids,
    }
