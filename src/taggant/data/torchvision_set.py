"""Any labelled image set of torchvision that comes with a train and a test split."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from torch import Tensor
from torchvision import datasets

from taggant.data.assemble import Index, Pool, assemble, stratified_order
from taggant.data.decode import square
from taggant.data.imageset import Splits
from taggant.data.options import check_whole
from taggant.data.walk import below, digest, walk


def load(
    dataset: str,
    root: str | Path,
    size: int = 32,
    train: int | None = None,
    test: int | None = None,
    train_split: str = "train",
    test_split: str = "test",
    options: Mapping[str, object] | None = None,
    seed: int = 0,
) -> Splits:
    """A torchvision set as RGB squares, in its own split; downloaded where it is not there yet.

    An existing torchvision copy is found as <root>/<its folder> (CIFAR, STL10), <root>/<dataset>/
    raw (the MNIST family), or anything in <root>/<dataset>; downloads go to the last.

    Parameters
    ----------
    dataset : str
        Class name in torchvision.datasets, of a set with a `train` or `split` argument whose
        items are (PIL image, class number).
    root : path
        Folder of downloaded sets.
    size : int
        Side in pixels, see `taggant.data.decode.square`.
    train, test : int, optional
        Images per split, drawn in the classes' proportions; None for all.
    train_split, test_split : str
        Names of the splits, for classes that have a `split` argument.
    options : mapping, optional
        Further arguments of the class.
    seed : int
        Public seed of the draw.

    Raises
    ------
    FileNotFoundError
        If the set is not there and cannot be downloaded.
    ValueError
        For an unknown or unsuited dataset, or more images wanted than there are.
    """
    check_whole("data.size", size)
    check_whole("data.seed", seed, least=0)
    parameters = inspect.signature(_class(dataset)).parameters
    home = _home(Path(root), dataset)[0]
    sides = []
    for flag, split in ((True, train_split), (False, test_split)):
        chosen = {"train": flag} if "train" in parameters else {"split": split}
        source = _open(dataset, home, {**chosen, **(options or {})})
        pool = Pool(
            _labels(source, dataset),
            partial(_read, source, dataset, size),
            name=partial("{} image {}".format, train_split if flag else test_split),
        )
        sides.append((pool, stratified_order(pool.labels, seed), source))
    (training, train_order, source), (testing, test_order, _) = sides
    return assemble(
        dataset,
        _class_names(source, training.labels),
        (training, train_order),
        (testing, test_order),
        (train, test),
    )


def fingerprint(dataset: str, root: str | Path, **_: object) -> str:
    """Digest of the set's files if they are there, else its name."""
    folder = _home(Path(root), dataset)[1]
    # A failed download may leave an empty folder.
    there = folder.is_dir() and any(folder.iterdir())
    return digest(below(folder, walk(folder))) if there else f"torchvision:{dataset}"


def _suited(candidate: object) -> bool:
    return (
        isinstance(candidate, type)
        and issubclass(candidate, datasets.VisionDataset)
        and bool({"train", "split"} & set(inspect.signature(candidate).parameters))
    )


def _class(dataset: str) -> Any:
    found = getattr(datasets, dataset, None)
    if not _suited(found):
        accepted = sorted(name for name, value in vars(datasets).items() if _suited(value))
        raise ValueError(
            f"data.dataset = {dataset!r}: accepted are torchvision sets with a train or split "
            f"argument: {', '.join(accepted)}"
        )
    return found


def _home(root: Path, dataset: str) -> tuple[Path, Path]:
    """What torchvision shall call root, and the folder that holds this set's files alone."""
    base = getattr(_class(dataset), "base_folder", None)
    folders = [(root, root / dataset / "raw"), (root / dataset, root / dataset)]
    if isinstance(base, str):
        folders.insert(0, (root, root / base))
    return next((pair for pair in folders if pair[1].is_dir()), folders[-1])


def _open(dataset: str, home: Path, arguments: dict[str, object]) -> Any:
    found = _class(dataset)
    try:
        return found(str(home), **arguments)
    except (TypeError, ValueError) as wrong:
        given = ", ".join(f"{key} = {value}" for key, value in arguments.items())
        raise ValueError(
            f"data.dataset = {dataset} does not take {given} (data.train_split, data.test_split, "
            f"data.options): {wrong}"
        ) from wrong
    except (OSError, RuntimeError) as absent:
        if "download" not in inspect.signature(found).parameters:
            raise FileNotFoundError(
                f"{dataset} is not in {home}, and torchvision cannot download it: {absent}"
            ) from absent
    try:
        home.mkdir(parents=True, exist_ok=True)
        return found(str(home), download=True, **arguments)
    except (OSError, RuntimeError) as error:
        raise FileNotFoundError(
            f"{dataset} is not in {home} and could not be downloaded: {error}"
        ) from error


def _labels(source: Any, dataset: str) -> Index:
    """Class numbers, without decoding where the set lists them."""
    listed = (getattr(source, name, None) for name in ("targets", "labels", "_labels"))
    whole = [values for values in listed if values is not None and len(values) == len(source)]
    labels = np.asarray(whole[0] if whole else [source[i][1] for i in range(len(source))])
    if labels.ndim != 1 or labels.dtype.kind not in "iu" or labels.min() < 0:
        raise ValueError(f"{dataset} has no class number 0, 1, 2, ... for each image")
    return labels.astype(np.int64)


def _read(source: Any, dataset: str, size: int, index: int) -> Tensor:
    image = source[index][0]
    if not isinstance(image, Image.Image):
        raise ValueError(f"{dataset} gives {type(image).__name__}, not single images")
    return square(image, size)


def _class_names(source: Any, labels: Index) -> tuple[str, ...]:
    names = getattr(source, "classes", None)
    if names is None:
        return tuple(str(k) for k in range(int(labels.max()) + 1))
    # ImageNet lists synonyms
    return tuple(name if isinstance(name, str) else ", ".join(name) for name in names)
