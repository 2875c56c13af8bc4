"""Where sets of Hugging Face's `datasets` lie, and how they are opened."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from taggant.data.class_folders import PICTURES
from taggant.data.columns import Inside, Split
from taggant.data.walk import walk
from taggant.extras import library

NEEDED_BY = "data=huggingface"
OLDEST = 4
"""Version of the library from which on no set can bring code that is run."""
SAVED = ("state.json", "dataset_dict.json")
"""What save_to_disk leaves in a folder."""
PARQUET = ".parquet"
ARCHIVES = (".zip", ".tar", ".tgz", ".gz", ".bz2", ".xz", ".7z", ".rar", ".zst", ".lz4")
METADATA = ("metadata.csv", "metadata.jsonl", "metadata.parquet")
HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
COMMIT = re.compile("[0-9a-f]{40}")
ACCEPTED = (
    "a folder that save_to_disk wrote, a parquet file or a folder of them, a folder of pictures, "
    "or OWNER/NAME of a set on the hub"
)


@dataclass(frozen=True)
class Opened:
    """A set's splits, and which files its rows may refer to."""

    name: str
    splits: Mapping[str, Split]
    inside: Inside

    def sides(self, train: str | None, test: str | None) -> dict[str, Split]:
        """The train split, and the test split if it is another one."""
        named = [*self.splits]
        if train is None:
            train = "train" if "train" in named or len(named) > 1 else named[0]
        test = test or ("test" if "test" in named else train)
        for key, split in (("data.train_split", train), ("data.test_split", test)):
            if split not in named:
                raise ValueError(f"{key} = {split}: splits of {self.name} are {', '.join(named)}")
        return {split: self.splits[split] for split in dict.fromkeys((train, test))}


def local(root: str | Path, name: str | Path) -> Path | None:
    """Where a set lies on the disk; None if it may lie on the hub.

    Raises
    ------
    FileNotFoundError
        If it can lie nowhere.
    """
    if not isinstance(name, (str, Path)) or not str(name):
        raise FileNotFoundError(f"data.name = {name}: accepted is {ACCEPTED}")
    path = Path(root).expanduser() / Path(name).expanduser()
    if path.exists():
        return path.resolve()
    if not HUB_ID.fullmatch(str(name)):
        raise FileNotFoundError(f"data.name = {name}: {path} is not there; accepted is {ACCEPTED}")
    return None


@contextmanager
def opened(
    root: str | Path, name: str | Path, subset: str | None, revision: str | None
) -> Iterator[Opened]:
    """A set's splits; what the library writes to read files of the disk is removed afterwards."""
    path = local(root, name)
    with _quiet(_library()):
        if path is None:
            builder = on_hub(name, subset, revision)
            yield Opened(str(name), _prepared(name, builder), _below(*_caches()))
            return
        for key, value in (("subset", subset), ("revision", revision)):
            if value is not None:
                raise ValueError(f"data.{key} = {value}: only sets of the hub have one; {path}")
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as cache:
            yield _on_disk(path, cache)


def _on_disk(path: Path, cache: str) -> Opened:
    if path.is_dir() and any((path / name).is_file() for name in SAVED):
        return _saved(path)
    files = walk(path) if path.is_dir() else [path]
    suffixes = {file.suffix.lower() for file in files if file.name not in METADATA}
    if PARQUET in suffixes:
        kind, accepted = "parquet", {PARQUET}
    elif suffixes & PICTURES and path.is_dir():
        kind, accepted = "imagefolder", {*PICTURES}
    else:
        hint = "; data=webdataset reads shards" if ".tar" in suffixes else ""
        raise ValueError(f"data.name = {path}: accepted is {ACCEPTED}{hint}")
    packed = [file for file in files if file.suffix.lower() in ARCHIVES]
    if packed:
        raise ValueError(f"{packed[0]}: an archive beside the data; unpack it, or move it away")
    where = {"data_dir": str(path)} if path.is_dir() else {"data_files": str(path)}
    with _told(path):
        builder = _library().load_dataset_builder(kind, cache_dir=cache, **where)
    known = METADATA if kind == "imagefolder" else ()
    for listed in builder.config.data_files.values():
        # The library would take any other file for an archive, and unpack it.
        listed[:] = [
            str(file)
            for file in map(Path, listed)
            if file.suffix.lower() in accepted or file.name in known
        ]
    return Opened(path.name, _prepared(path, builder), {*files}.__contains__)


def _saved(path: Path) -> Opened:
    """What save_to_disk wrote."""
    with _told(path):
        found = _library().load_from_disk(str(path))
    splits = dict(found) if isinstance(found, dict) else {str(found.split or "train"): found}
    files = {*walk(path)}
    resolved = {file.resolve() for file in files}
    for split in splits.values():
        for held in split.cache_files:
            if Path(held["filename"]).resolve() not in resolved:
                raise ValueError(f"{path}: it refers to {held['filename']}, a file outside of it")
    return Opened(path.name, splits, files.__contains__)


def on_hub(name: str | Path, subset: str | None, revision: str | None) -> Any:
    """The library's reader of a set on the hub, at one commit; only what lies there is read."""
    datasets = _library()
    if Path(name).exists():
        raise ValueError(f"data.name = {name}: also a folder here; name it by data.root")
    try:
        with _quiet(datasets):
            builder = datasets.load_dataset_builder(str(name), subset, revision=revision)
    except (OSError, datasets.exceptions.DatasetsError) as error:
        raise FileNotFoundError(
            f"data.name = {name}: neither on this disk nor found on the hub ({error}); accepted "
            f"is {ACCEPTED}"
        ) from error
    if revision is not None and COMMIT.fullmatch(revision) and builder.hash != revision:
        raise FileNotFoundError(
            f"data.revision = {revision}: the hub cannot be reached, and the cache holds "
            f"{builder.hash}"
        )
    own = f"hf://datasets/{name}@{builder.hash}/"
    for part in (builder.config.data_files or {}).values():
        for file in part:
            if not str(file).startswith(own):
                raise ValueError(f"data.name = {name}: it refers to {file}, which lies elsewhere")
    return builder


def _prepared(name: str | Path, builder: Any) -> Mapping[str, Split]:
    with _told(name):
        builder.download_and_prepare()
        splits: Mapping[str, Split] = builder.as_dataset()
        return splits


@contextmanager
def _told(name: str | Path) -> Iterator[None]:
    """Say in one line what the library cannot read."""
    known = (OSError, ValueError, LookupError, TypeError, _library().exceptions.DatasetsError)
    try:
        yield
    except known as error:
        reason = str(error.__cause__ or error).splitlines() or [type(error).__name__]
        raise ValueError(f"data.name = {name}: it cannot be read ({reason[0]})") from error


def _caches() -> tuple[Path, ...]:
    """Where the library keeps what it downloads."""
    hub = library("huggingface_hub", NEEDED_BY)
    return Path(_library().config.HF_DATASETS_CACHE), Path(hub.constants.HF_HUB_CACHE)


def _below(*folders: Path) -> Inside:
    roots = [folder.resolve() for folder in folders]
    return lambda path: any(path.resolve().is_relative_to(root) for root in roots)


def _library() -> Any:
    datasets = library("datasets", NEEDED_BY)
    if int(datasets.__version__.partition(".")[0]) < OLDEST:
        raise ModuleNotFoundError(
            f"{NEEDED_BY}: datasets {datasets.__version__} may run code of a set; {OLDEST} or "
            "newer is needed: pip install -U 'taggant[hub]'"
        )
    return datasets


@contextmanager
def _quiet(datasets: Any) -> Iterator[None]:
    """Without the library's progress bars."""
    shown = not datasets.are_progress_bars_disabled()
    datasets.disable_progress_bars()
    try:
        yield
    finally:
        if shown:
            datasets.enable_progress_bars()
