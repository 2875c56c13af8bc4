"""Hugging Face datasets as the library itself writes them, offline; the hub is a stand-in."""

import io
import json
import re
import shutil
import types

import datasets
import numpy as np
import pyarrow
import pytest
import torch
from PIL import Image
from pyarrow import parquet

from taggant.data import huggingface_source
from taggant.data.decode import square
from taggant.data.huggingface import fingerprint, load

NAMES = ["ant", "bee"]


def picture(number):
    pixels = np.random.default_rng(number).integers(256, size=(8, 8, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def rows(numbers):
    """Pictures with classes (as numbers, names and floats) and captions."""
    features = {
        "photo": datasets.Image(),
        "kind": datasets.ClassLabel(names=NAMES),
        "name": datasets.Value("string"),
        "weight": datasets.Value("float32"),
        "text": datasets.Value("string"),
    }
    columns = {
        "photo": [picture(i) for i in numbers],
        "kind": [i % 2 for i in numbers],
        "name": [NAMES[i % 2] for i in numbers],
        "weight": [0.5 for _ in numbers],
        "text": [f"picture {i}" for i in numbers],
    }
    return datasets.Dataset.from_dict(columns, datasets.Features(features))


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """The same 20 pictures in every form on the disk."""
    root = tmp_path_factory.mktemp("sets")
    whole, train, test = rows(range(20)), rows(range(16)), rows(range(16, 20))
    whole.save_to_disk(root / "saved")
    datasets.DatasetDict(train=train, test=test).save_to_disk(root / "sides")
    whole.to_parquet(root / "photos.parquet")
    (root / "repo" / "data").mkdir(parents=True)
    train.to_parquet(root / "repo" / "data" / "train-00000-of-00001.parquet")
    test.to_parquet(root / "repo" / "data" / "test-00000-of-00001.parquet")
    (root / "metadata").mkdir()
    lines = []
    for i in range(20):
        for path in (root / "classes" / NAMES[i % 2], root / "metadata"):
            path.mkdir(parents=True, exist_ok=True)
            picture(i).save(path / f"{i}.png")
        lines.append({"file_name": f"{i}.png", "name": NAMES[i % 2], "text": f"picture {i}"})
    text = "\n".join(map(json.dumps, lines))
    (root / "metadata" / "metadata.jsonl").write_text(text)
    return root


FORMS = {
    "saved": {},
    "sides": {},
    "photos.parquet": {},
    "repo": {},
    "classes": {"caption": None},
    "metadata": {"label": "name"},
}
DIVIDED = {"saved", "photos.parquet", "classes", "metadata"}


@pytest.mark.parametrize("name", FORMS)
def test_every_form_on_the_disk_is_read(written, name):
    splits = load(name, written, **{"caption": "text", "size": 8, "seed": 3, **FORMS[name]})
    assert (len(splits.train), len(splits.test)) == (16, 4)
    assert splits.train.class_names == tuple(NAMES)
    assert splits.train.name == name
    known = {square(picture(i), 8).numpy().tobytes(): i for i in range(20)}
    for part in (splits.train, splits.test):
        numbers = [known[image.numpy().tobytes()] for image in part.images]
        assert part.labels.tolist() == [i % 2 for i in numbers]
        if part.captions is not None:
            assert [*part.captions] == [f"picture {i}" for i in numbers]
        if name not in DIVIDED:
            assert numbers == [*range(16)] if part is splits.train else [*range(16, 20)]


def test_sides_can_be_chosen(written):
    one = load("sides", written, train_split="train", test_split="train", size=8)
    assert len(one.train) + len(one.test) == 16
    other = load("sides", written, train_split="test", test_split="train", size=8)
    assert (len(other.train), len(other.test)) == (4, 16)


def test_captions_alone_and_names_are_enough(written):
    splits = load("saved", written, label="name", size=8)
    assert splits.train.class_names == tuple(NAMES)
    bare = rows(range(20)).select_columns(["photo", "text"])
    bare.save_to_disk(written / "bare")
    assert load("bare", written, caption="text", size=8).train.labels is None
    with pytest.raises(ValueError, match=r"data\.label must name a column .*photo \(Image\), text"):
        load("bare", written, size=8)


COLUMNS = "columns are photo (Image), kind (ClassLabel), name (string), weight (float32)"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"label": "knid"}, f"data.label = knid: {COLUMNS}"),
        ({"label": "weight"}, "data.label = weight: it holds float32; accepted are class numbers"),
        ({"image": "pictures"}, f"data.image = pictures: {COLUMNS}"),
        ({"image": "text"}, "data.image = text: it holds string, no images"),
        ({"caption": "kind"}, "data.caption = kind: it holds ClassLabel, no texts"),
        ({"caption": "words"}, f"data.caption = words: {COLUMNS}"),
        ({"test_split": "val"}, "data.test_split = val: splits of sides are train, test"),
        ({"train_split": "all"}, "data.train_split = all: splits of sides are train, test"),
        ({"name": "nowhere"}, "nowhere is not there; accepted is a folder that save_to_disk"),
        ({"name": "../elsewhere/x/y"}, "is not there; accepted is"),
        ({"name": 3}, "data.name = 3: accepted is"),
        ({"subset": "main"}, "data.subset = main: only sets of the hub have one"),
        ({"revision": "main"}, "data.revision = main: only sets of the hub"),
        ({"train": 17}, "data.train = 17: sides has only 16 train images"),
        ({"seed": -1}, "data.seed = -1"),
    ],
)
def test_what_does_not_fit_is_named_with_what_is_there(written, options, said):
    with pytest.raises((ValueError, FileNotFoundError), match=re.escape(said)):
        load(**{"name": "sides", "root": written, "size": 8, **options})


def saved(path, **columns):
    """A parquet file of 4 rows with these columns, pictures as the library keeps them."""
    features = datasets.Features({"photo": datasets.Image(), "kind": datasets.Value("int64")})
    content = io.BytesIO()
    picture(0).save(content, "PNG")
    held = {"photo": [{"bytes": content.getvalue(), "path": None}] * 4, **columns}
    parquet.write_table(pyarrow.Table.from_pydict(held, schema=features.arrow_schema), path)


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"kind": [0, 1, -1, 0]}, "train row 2: -1 is no class"),
        ({"kind": [0, 1, None, 0]}, "train row 2: None is no class"),
        ({"kind": [0, 1, 10**9, 0]}, "train row 2: 1000000000 is no class"),
        ({"photo": [None] * 4, "kind": [0, 1, 0, 1]}, "there is no picture in the column photo"),
        ({"photo": [{"bytes": b"none", "path": None}] * 4, "kind": [0, 1] * 2}, "no readable"),
        (
            {"photo": [{"bytes": None, "path": "/etc/hostname"}] * 4, "kind": [0, 1] * 2},
            "its picture is /etc/hostname, a file outside of the set",
        ),
        (
            {"photo": [{"bytes": None, "path": "https://a.b/c.png"}] * 4, "kind": [0, 1] * 2},
            "its picture is https://a.b/c.png, a file outside of the set",
        ),
    ],
)
def test_rows_that_are_not_as_they_must_be_are_named(tmp_path, columns, said):
    saved(tmp_path / "a.parquet", **columns)
    with pytest.raises(ValueError, match=re.escape(said)) as refused:
        load("a.parquet", tmp_path, label="kind", size=8)
    assert "\n" not in str(refused.value)


def test_a_folder_that_refers_elsewhere_is_refused(written, tmp_path):
    shutil.copytree(written / "saved", tmp_path / "saved")
    state = json.loads((tmp_path / "saved" / "state.json").read_text())
    (held,) = state["_data_files"]
    (tmp_path / "saved" / held["filename"]).rename(tmp_path / "elsewhere.arrow")
    held["filename"] = "../elsewhere.arrow"
    (tmp_path / "saved" / "state.json").write_text(json.dumps(state))
    with pytest.raises(ValueError, match="a file outside of it"):
        load("saved", tmp_path, size=8)
    shutil.copytree(written / "metadata", tmp_path / "photos")
    picture(99).save(tmp_path / "outside.png")
    lines = (
        (tmp_path / "photos" / "metadata.jsonl").read_text().replace('"3.png', '"../outside.png')
    )
    (tmp_path / "photos" / "metadata.jsonl").write_text(lines)
    with pytest.raises(ValueError, match=r"outside\.png"):
        load("photos", tmp_path, label="name", size=8)


def test_of_a_folder_only_pictures_and_their_metadata_are_read(written, tmp_path):
    """No archive is unpacked, whatever it is called, and a script is not looked at."""
    shutil.copytree(written / "classes", tmp_path / "classes")
    packed = shutil.make_archive(str(tmp_path / "more"), "zip", written / "classes")
    for name in ("README.md", "more.png.py", "ant/more"):
        shutil.copy(packed, tmp_path / "classes" / name)
    (tmp_path / "classes" / "ant" / "0.png").rename(tmp_path / "classes" / "ant" / "0.PNG")
    (tmp_path / "classes" / "classes.py").write_text("raise SystemExit(1)")
    assert len(load("classes", tmp_path, size=8).train) == 16
    shutil.copy(packed, tmp_path / "classes" / "ant" / "more.zip")
    with pytest.raises(ValueError, match=r"ant/more\.zip: an archive beside the data; unpack it"):
        load("classes", tmp_path, size=8)


@pytest.mark.parametrize("content", [b"", b"PAR1", b"{}"])
def test_damaged_files_are_told_in_one_line(written, tmp_path, content):
    (tmp_path / "a.parquet").write_bytes(content)
    shutil.copytree(written / "saved", tmp_path / "saved")
    (tmp_path / "saved" / "data-00000-of-00001.arrow").write_bytes(content)
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "state.json").write_bytes(content)
    for name in ("a.parquet", "saved", "empty"):
        with pytest.raises(ValueError, match=rf"data\.name = .*{name}: it cannot be read") as told:
            load(name, tmp_path, size=8)
        assert "\n" not in str(told.value)


def test_nothing_is_left_behind(written, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.setattr("tempfile.tempdir", None)
    (tmp_path / "tmp").mkdir()
    before = {path: path.stat().st_mtime_ns for path in written.rglob("*")}
    for name in ("photos.parquet", "classes"):
        load(name, written, size=8)
    assert not [*(tmp_path / "tmp").iterdir()]
    assert {path: path.stat().st_mtime_ns for path in written.rglob("*")} == before
    assert not datasets.are_progress_bars_disabled()


@pytest.mark.parametrize("name", FORMS)
def test_the_digest_covers_what_is_read_and_not_where_it_lies(written, tmp_path, name):
    before = fingerprint(name, written)
    whole = written / name
    copy = tmp_path / name
    shutil.copytree(whole, copy) if whole.is_dir() else shutil.copy(whole, copy)
    assert fingerprint(name, tmp_path) == before
    files = [path for path in (copy, *copy.rglob("*")) if path.is_file()]
    for path in files[:: max(1, len(files) // 4)]:
        content = path.read_bytes()
        path.write_bytes(content + b"x")
        assert fingerprint(name, tmp_path) != before
        path.write_bytes(content)
    assert fingerprint(name, tmp_path) == before


class Hub:
    """What the library would find on the hub: here, a folder."""

    def __init__(self, folder, commit="c" * 40, files=None):
        self.config = types.SimpleNamespace(name="default", data_files=files)
        self.folder, self.hash = folder, commit

    def download_and_prepare(self):
        pass

    def as_dataset(self):
        return datasets.load_from_disk(self.folder)


def on_hub(monkeypatch, hub):
    asked = []

    def builder(name, subset, revision=None):
        asked.append((name, subset, revision))
        return hub

    monkeypatch.setattr(datasets, "load_dataset_builder", builder)
    return asked


def test_a_set_of_the_hub_is_that_of_its_commit(written, monkeypatch):
    files = {"train": ["hf://datasets/owner/photos@" + "c" * 40 + "/train.parquet"]}
    asked = on_hub(monkeypatch, Hub(written / "sides", files=files))
    splits = load("owner/photos", subset="small", revision="v1", size=8)
    assert (len(splits.train), len(splits.test)) == (16, 4)
    assert asked == [("owner/photos", "small", "v1")]
    first = fingerprint("owner/photos", subset="small")
    assert first == "huggingface:owner/photos:default@" + "c" * 40
    on_hub(monkeypatch, Hub(written / "sides", "d" * 40))
    assert fingerprint("owner/photos") != first
    with pytest.raises(FileNotFoundError, match=r"data\.revision = c+: .* the cache holds d+"):
        load("owner/photos", revision="c" * 40, size=8)


def test_a_set_of_the_hub_may_refer_to_nothing_but_itself(written, monkeypatch):
    on_hub(monkeypatch, Hub(written / "sides", files={"train": ["https://a.b/train.parquet"]}))
    with pytest.raises(ValueError, match=r"it refers to https://a\.b/train\.parquet, which lies"):
        load("owner/photos", size=8)


def test_without_a_network_the_next_step_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path)
    with pytest.raises(FileNotFoundError, match=r"photos: neither on this disk nor found on the"):
        load("owner/photos")


def test_no_version_of_the_library_that_runs_scripts_is_used(monkeypatch, written):
    monkeypatch.setattr(datasets, "__version__", "3.6.0")
    with pytest.raises(ModuleNotFoundError, match=r"datasets 3\.6\.0 may run code of a set; 4"):
        load("saved", written, size=8)


def test_a_script_in_a_folder_is_never_run(tmp_path):
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "set.py").write_text("raise SystemExit('ran')")
    with pytest.raises(ValueError, match=r"set: accepted is a folder that save_to_disk"):
        load("set", tmp_path)
    with pytest.raises(FileNotFoundError, match=r"neither on this disk nor|is not there"):
        huggingface_source.local(tmp_path, "csv")


def test_pictures_become_squares_of_the_wanted_size(written):
    assert load("photos.parquet", written, size=5).train.images.shape[1:] == (3, 5, 5)
    assert torch.equal(*(load("saved", written, size=8).train.images for _ in range(2)))
