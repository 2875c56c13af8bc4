"""Your own pictures with captions: a table, a JSON file or tar shards."""

from __future__ import annotations

import csv
import io
import json
import tarfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from PIL import Image
from torch import Tensor

from taggant.data.assemble import Pool, assemble, divide, stratified_order
from taggant.data.decode import square
from taggant.data.image_folder import FORMATS, UNREADABLE
from taggant.data.imageset import Splits
from taggant.data.walk import digest

FILE_NAMES = ("image", "file_name", "filename", "image_name", "file", "filepath", "path")
TEXT_NAMES = ("caption", "captions", "text", "comment", "raw", "title")
SHARD = ".tar"
SUFFIXES = {".csv": ",", ".tsv": "\t", ".txt": ",", ".json": None, SHARD: None}
PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif")


@dataclass(frozen=True)
class Caption:
    """A text, and where it stands: file and line, or what there is instead of lines."""

    text: str
    where: str


@dataclass(frozen=True)
class Pair:
    """Where a picture lies, and its captions.

    Attributes
    ----------
    path : Path
        Of the picture, or of the shard that holds it.
    captions : tuple of Caption
    name : str, optional
        Of the picture in its shard.
    """

    path: Path
    captions: tuple[Caption, ...]
    name: str | None = None

    def __str__(self) -> str:
        shown = f"{self.path}" if self.name is None else f"{self.name} in {self.path}"
        return f"{shown} ({self.captions[0].where})" if self.captions else shown

    def content(self) -> Path | io.BytesIO:
        """What Pillow opens."""
        if self.name is None:
            return self.path
        with tarfile.open(self.path) as shard:
            held = shard.extractfile(self.name)
            assert held is not None
            return io.BytesIO(held.read())


def load(
    root: str | Path,
    captions: str | Sequence[str] = "captions.json",
    test_captions: str | Sequence[str] | None = None,
    images: str = ".",
    caption: int = 0,
    size: int = 224,
    train: int | None = None,
    test: int | None = None,
    test_fraction: float = 0.2,
    seed: int = 0,
) -> Splits:
    """Read pictures and their captions, without labels.

    Every file named under `captions` is one of these; see docs/data.md for examples:

    - CSV (or .txt; split at ``,`` or ``|``) or TSV with a header, a row a caption: Flickr30k;
    - JSON: a list of records, or COCO's ``{"images": [...], "annotations": [...]}``, or
      ``{"images": [{"filename": ..., "sentences": [{"raw": ...}]}]}``;
    - webdataset shards (.tar), in which ``NAME.txt`` is the caption of ``NAME.jpg``.

    Parameters
    ----------
    root : path
    captions : str or sequence of str
        Files below `root`; patterns such as ``shards/*.tar`` are allowed.
    test_captions : str or sequence of str, optional
        The same of the test side; without it, `captions` are divided.
    images : str
        Folder below `root` that the pictures' names start from.
    caption : int
        Which of an image's captions counts, from 0, in the file's order. It is the caption of all
        versions of the image.
    size : int
        Side in pixels: the shorter side is resized to it, the longer one cropped at its centre.
    train, test : int, optional
        Images per split, drawn at random; None for all.
    test_fraction : float
        Share of the images that the test side gets, without `test_captions`.
    seed : int
        Public seed of the draw.

    Raises
    ------
    FileNotFoundError
        If `root`, a file of captions or pictures are missing; the first missing ones are named,
        each with the line that asks for it.
    ValueError
        For a file that is not UTF-8 or has another form, an empty caption, an image with fewer
        captions than asked for, or an unreadable picture. File and line are named; of JSON the
        file and entry (``annotations[7]``, from 0), of a shard its member.
    """
    root = Path(root)
    for_training = _pairs(root, captions, images, caption)
    for_testing = [] if test_captions is None else _pairs(root, test_captions, images, caption)
    pairs = [*for_training, *for_testing]
    texts = [pair.captions[caption].text for pair in pairs]
    pool = Pool(
        np.zeros(len(pairs), dtype=np.int64), lambda index: _read(pairs[index], size), texts
    )
    first = len(for_training)
    if for_testing:
        orders = (
            stratified_order(pool.labels[:first], seed),
            first + stratified_order(pool.labels[first:], seed),
        )
    else:
        orders = divide(pool.labels, seed, test_fraction)
    return assemble("caption folder", None, (pool, orders[0]), (pool, orders[1]), (train, test))


def fingerprint(
    root: str | Path,
    captions: str | Sequence[str] = "captions.json",
    test_captions: str | Sequence[str] | None = None,
    images: str = ".",
    caption: int = 0,
    **_: object,
) -> str:
    """Digest of the files of captions and of the pictures they name, wherever these lie."""
    root = Path(root)
    asked = [captions] if test_captions is None else [captions, test_captions]
    read = {path for patterns in asked for path in _files(root, patterns)}
    for patterns in asked:
        read |= {pair.path for pair in _pairs(root, patterns, images, caption)}
    return digest({_name(root, path): path for path in read})


def _name(root: Path, path: Path) -> str:
    """A file's path from `root` where it lies below."""
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.as_posix()


def _pairs(root: Path, patterns: str | Sequence[str], images: str, caption: int) -> list[Pair]:
    """All pictures of some files of captions, checked."""
    found: list[Pair] = []
    for path in _files(root, patterns):
        found += _shard(path) if path.suffix == SHARD else _listed(path, root / images)
    _check_present(found)
    for pair in found:
        _check_captions(pair, caption)
    return found


def _files(root: Path, patterns: str | Sequence[str]) -> list[Path]:
    if not root.is_dir():
        raise FileNotFoundError(f"data.root = {root}: no such folder")
    found: list[Path] = []
    for pattern in [patterns] if isinstance(patterns, str) else patterns:
        files = sorted(root.glob(pattern))
        if not files:
            raise FileNotFoundError(f"{root / pattern}: no such file of captions")
        found += files
    for path in found:
        if path.suffix not in SUFFIXES:
            raise ValueError(f"{path}: captions are read from {', '.join(SUFFIXES)} files")
    return found


def _listed(path: Path, images: Path) -> list[Pair]:
    """Pictures of a table or JSON file, in its order, with all of their captions."""
    captions: dict[str, list[Caption]] = {}
    for name, texts in _json(path) if path.suffix == ".json" else _table(path):
        captions.setdefault(name, []).extend(texts)
    if not captions:
        raise ValueError(f"{path}: no captions in this file")
    return [Pair(images / name, tuple(texts)) for name, texts in captions.items()]


Rows = Iterable[tuple[str, list[Caption]]]
"""File names with some of their captions."""


def _table(path: Path) -> Rows:
    text = _utf8(path, path.read_bytes())
    header = text.partition("\n")[0]
    delimiter = "|" if "|" in header else SUFFIXES[path.suffix]
    assert delimiter is not None
    rows = csv.DictReader(io.StringIO(text), delimiter=delimiter, skipinitialspace=True)
    columns = [name.strip() for name in rows.fieldnames or ()]
    rows.fieldnames = columns
    line = f"{path}, line 1"
    file, caption = _one_of(line, FILE_NAMES, columns), _one_of(line, TEXT_NAMES, columns)
    for row in rows:
        where = f"{path}, line {rows.line_num}"
        if row[file] is None or row[caption] is None:
            raise ValueError(f"{where}: fewer columns than in the header")
        yield row[file].strip(), [Caption(row[caption], where)]


def _json(path: Path) -> Rows:
    try:
        held = json.loads(_utf8(path, path.read_bytes()))
    except json.JSONDecodeError as error:
        raise ValueError(f"{path}: no JSON ({error})") from error
    if isinstance(held, dict) and "annotations" in held:
        return _coco(path, held)
    name, records = ("images", held.get("images")) if isinstance(held, dict) else ("", held)
    return [_record(*entry) for entry in _entries(path, name, records)]


Entry = tuple[str, dict[str, Any]]
"""Where a record stands, and the record."""


def _entries(path: Path, name: str, records: object) -> list[Entry]:
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        raise ValueError(
            f"{path}: expected is a list of records, COCO's images and annotations, or images with "
            "sentences"
        )
    return [(f"{path}, {name}[{i}]", record) for i, record in enumerate(records)]


def _coco(path: Path, held: dict[str, Any]) -> Rows:
    names = {
        _field(where, image, ("id",)): _text(where, _field(where, image, FILE_NAMES))
        for where, image in _entries(path, "images", held.get("images"))
    }
    rows = []
    for where, note in _entries(path, "annotations", held["annotations"]):
        image = _field(where, note, ("image_id",))
        if image not in names:
            raise ValueError(f"{where}: a caption of image {image!r}, which is not in the list")
        rows.append((names[image], [Caption(_text(where, _field(where, note, TEXT_NAMES)), where)]))
    return rows


def _record(where: str, record: dict[str, Any]) -> tuple[str, list[Caption]]:
    given = record["sentences"] if "sentences" in record else _field(where, record, TEXT_NAMES)
    texts = given if isinstance(given, list) else [given]
    raw = [text.get("raw") if isinstance(text, dict) else text for text in texts]
    name = _text(where, _field(where, record, FILE_NAMES))
    return name, [Caption(_text(where, text), where) for text in raw]


def _field(where: str, record: dict[str, Any], accepted: Sequence[str]) -> Any:
    return record[_one_of(where, accepted, list(record))]


def _text(where: str, value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{where}: {value!r} stands where a text must be")
    return value


def _one_of(where: str, accepted: Sequence[str], there: Sequence[str]) -> str:
    for name in accepted:
        if name in there:
            return name
    raise ValueError(f"{where} has {list(there)}: one of {', '.join(accepted)} is needed")


def _shard(path: Path) -> list[Pair]:
    """Pictures of a webdataset shard, in its order."""
    try:
        with tarfile.open(path) as shard:
            pictures, texts = _members(path, shard)
    except tarfile.TarError as error:
        raise ValueError(f"{path}: no readable tar file ({error})") from error
    if not pictures:
        raise ValueError(f"{path}: no pictures ({', '.join(PICTURES)}) in this shard")
    without = [name for key, name in pictures.items() if key not in texts]
    if without:
        raise ValueError(f"{path}: no caption (.txt) of {len(without)} pictures: {without[:5]}")
    return [Pair(path, (texts[key],), name) for key, name in pictures.items()]


def _members(path: Path, shard: tarfile.TarFile) -> tuple[dict[str, str], dict[str, Caption]]:
    """Names of pictures, and captions, by what the two of a pair have in common."""
    pictures: dict[str, str] = {}
    texts: dict[str, Caption] = {}
    for member in (member for member in shard if member.isfile()):
        name = PurePosixPath(member.name)
        key = str(name.with_suffix(""))
        if name.suffix.lower() in PICTURES:
            pictures[key] = member.name
        elif name.suffix == ".txt":
            held = shard.extractfile(member)
            assert held is not None
            where = f"{member.name} in {path}"
            texts[key] = Caption(_utf8(where, held.read()), where)
    return pictures, texts


def _utf8(name: Path | str, content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = 1 + content.count(b"\n", 0, error.start)
        raise ValueError(
            f"{name}, line {line}: captions must be UTF-8, byte {error.start} of the file is not "
            f"({error.reason})"
        ) from error


def _check_present(pairs: Sequence[Pair]) -> None:
    missing = [str(pair) for pair in pairs if not pair.path.is_file()]
    if missing:
        raise FileNotFoundError(
            f"{len(missing)} of {len(pairs)} pictures that have captions are missing: "
            f"{', '.join(missing[:5])}; data.images is the folder that their names start from"
        )


def _check_captions(pair: Pair, caption: int) -> None:
    if not 0 <= caption < len(pair.captions):
        raise ValueError(
            f"data.caption = {caption}: {pair} has {len(pair.captions)} captions, counted from 0"
        )
    chosen = pair.captions[caption]
    if not chosen.text.strip():
        raise ValueError(f"{chosen.where}: the caption of {pair.name or pair.path} is empty")


def _read(pair: Pair, size: int) -> Tensor:
    try:
        with Image.open(pair.content(), formats=FORMATS) as image:
            return square(image, size)
    except UNREADABLE as error:
        raise ValueError(f"{pair}: no readable image ({error})") from error
