"""What a processor of the transformers library does to pictures, from its file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PIL import Image

from taggant.models.folder import read_json
from taggant.models.model import ModelOptions
from taggant.models.preprocessing import INTERPOLATIONS, Preprocessing

FILES = ("preprocessor_config.json", "processor_config.json")
CROPPED_BELOW = 384
"""ConvNeXt's processor cuts out a square for inputs below this side, and squashes above."""


def processor_of(
    folder: Path, spec: str, options: ModelOptions
) -> tuple[Preprocessing, list[Path]]:
    """Preprocessing of a folder's model, as far as `options` say nothing else, and its file.

    Raises
    ------
    ValueError
        If there is no file of it and `options` do not say all, or it does what is not done here.
    """
    for name in FILES:
        path = folder / name
        if path.is_file():
            config = read_json(path)
            found = config.get("image_processor", config if name == FILES[0] else None)
            if isinstance(found, dict):
                return options.preprocessing(preprocessing_of(found, path)), [path]
    if options.size and options.mean and options.std:
        return options.preprocessing(), []
    size, mean, std = map(options.key, ("size", "mean", "std"))
    raise ValueError(
        f"{spec}: {folder / FILES[0]} is missing, which says what pictures the model takes: "
        f"processor.save_pretrained(FOLDER) writes it; or say {size}, {mean} and {std}"
    )


def preprocessing_of(config: Mapping[str, Any], path: Path) -> Preprocessing:
    """What the file of an image processor says.

    Raises
    ------
    ValueError
        If it does what is not done here: scales by another factor, or takes no squares.
    """
    try:
        return _preprocessing(config)
    except (ValueError, TypeError, LookupError, ArithmeticError) as error:
        raise ValueError(
            f"{path}: {error}. Give a function of pictures uint8 [B, 3, H, W] that prepares them "
            "in the model's place"
        ) from error


def _preprocessing(config: Mapping[str, Any]) -> Preprocessing:
    if not config.get("do_resize", True):
        raise ValueError("do_resize = false: accepted is a model of one size")
    factor = float(config.get("rescale_factor", 1 / 255))
    if not config.get("do_rescale", True) or abs(factor * 255 - 1) > 1e-3:
        raise ValueError(f"rescale_factor = {factor}: accepted is 1/255")
    mean, std = _three((0, 0, 0)), _three((1, 1, 1))
    if config.get("do_normalize", True):
        mean, std = _three(config["image_mean"]), _three(config["image_std"])
    resample = Image.Resampling(int(config.get("resample", Image.Resampling.BILINEAR)))
    named = {value: name for name, value in INTERPOLATIONS.items()}
    interpolation = named.get(resample, resample.name.lower())
    size, edge, squash = _fit(config)
    return Preprocessing(size, mean, std, interpolation, edge, squash)


def _fit(config: Mapping[str, Any]) -> tuple[int, int, bool]:
    """Side of the input, to which length pictures are resized, and whether both sides are."""
    size = config["size"]
    squash = not isinstance(size, dict) or "shortest_edge" not in size
    side = _square(size) if squash else int(size["shortest_edge"])
    if config.get("do_center_crop"):
        return _square(config["crop_size"]), side, squash
    if squash:
        return side, side, True
    if "crop_pct" not in config:
        raise ValueError("size = shortest_edge without do_center_crop: accepted are squares")
    if side >= CROPPED_BELOW:
        return side, side, True
    return side, int(side / float(config["crop_pct"])), False


def _square(size: Any) -> int:
    """Side of a square that is given as a number, or by height and width."""
    sides = {int(size[name]) for name in ("height", "width")} if isinstance(size, dict) else {size}
    if len(sides) != 1:
        raise ValueError(f"size = {size}: accepted are squares")
    return int(sides.pop())


def _three(numbers: Any) -> tuple[float, ...]:
    return tuple(float(number) for number in numbers)
