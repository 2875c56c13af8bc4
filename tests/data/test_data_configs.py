"""The same checks for every file of conf/data: a new loader is covered by listing it there."""

import importlib
import inspect
import tarfile
from pathlib import Path

import pytest
from hydra.utils import get_method, instantiate
from omegaconf import OmegaConf

CONF = Path(__file__).parents[2] / "conf" / "data"
FILES = sorted(CONF.glob("*.yaml"))


def config(path):
    return OmegaConf.to_container(OmegaConf.load(path), resolve=False)


def test_there_are_configs():
    assert {path.stem for path in FILES} >= {
        "emoji",
        "emoji_subcategory",
        "emoji_captions",
        "fashion_mnist",
        "cifar10",
        "cifar100",
        "torchvision",
        "image_folder",
        "huggingface",
        "webdataset",
    }


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_config_names_a_loader_and_all_of_its_options(path):
    options = config(path)
    loader = get_method(options.pop("_target_"))
    parameters = inspect.signature(loader).parameters
    assert set(options) <= set(parameters)
    assert {"train", "test", "seed", "size"} <= set(options)
    assert options["seed"] == "${seed}"
    assert options.get("root", "???") in ("${paths.data}", "???", ".")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_loader_has_a_fingerprint_that_takes_the_same_options(path, tmp_path):
    options = config(path)
    module = importlib.import_module(options.pop("_target_").rpartition(".")[0])
    for name in ("ant/0.png", "bee/1.png"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).touch()
    (tmp_path / "captions.json").write_text('[{"file_name": "ant/0.png", "caption": "an ant"}]')
    with tarfile.open(tmp_path / "0.tar", "w") as shard:
        shard.addfile(tarfile.TarInfo("0.png"))
    options |= {"name": "."} if "name" in options else {}
    options = {key: "CIFAR10" if value == "???" else value for key, value in options.items()}
    if "root" in options:
        options["root"] = str(tmp_path)
    assert isinstance(module.fingerprint(**options), str)


@pytest.mark.parametrize("name", ["emoji", "emoji_subcategory", "emoji_captions"])
def test_embedded_configs_load_as_they_are(name):
    options = OmegaConf.merge(OmegaConf.load(CONF / f"{name}.yaml"), {"seed": 0})
    splits = instantiate(options)
    assert len(splits.train) == options.train
    assert len(splits.test) == options.test
    assert splits.train.captions is not None
    assert splits.train.labels is not None
