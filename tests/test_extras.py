"""Without the library of an extra everything else works, and what needs it names the extra."""

from __future__ import annotations

import ast
import re
import sys
from importlib import import_module
from pathlib import Path

import pytest
from omegaconf import OmegaConf
from tests.conftest import ROOT

from taggant.extras import EXTRAS, library
from taggant.pipeline.loggers import About, opened

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


PACKAGES = {"fpdf": "fpdf2"}
"""What is installed for a library, where it has another name."""


def names(requirements: list[str]) -> set[str]:
    return {re.split(r"[<>=\[; ]", text)[0].lower().replace("-", "_") for text in requirements}


@pytest.mark.parametrize(("name", "extra"), EXTRAS.items())
def test_each_library_is_in_its_extra_and_not_in_the_core(name, extra):
    package = PACKAGES.get(name, name)
    assert package in names(PROJECT["optional-dependencies"][extra])
    assert package not in names(PROJECT["dependencies"])


@pytest.mark.parametrize("bundle", ["all", "dev"])
def test_the_bundles_bring_every_extra(bundle):
    (own,) = (text for text in PROJECT["optional-dependencies"][bundle] if "taggant[" in text)
    assert set(EXTRAS.values()) <= set(re.findall(r"\w+", own.partition("[")[2]))


@pytest.mark.parametrize(("name", "extra"), EXTRAS.items())
def test_a_missing_library_is_named_with_its_extra(name, extra, monkeypatch):
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ModuleNotFoundError, match=rf"this: needs {name}.*'taggant\[{extra}\]'"):
        library(name, "this")


PARTS = ("victim/ssl/", "victim/generative/")


def imports(path: Path) -> set[str]:
    """Names of what a file imports as soon as it is imported itself."""
    found: set[str] = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def test_the_core_imports_none_of_them():
    parts = (f"taggant.{part.strip('/').replace('/', '.')}" for part in PARTS)
    at_once = tuple(f"{name}." for name in (*EXTRAS, *parts))
    source = ROOT / "src" / "taggant"
    needs = {
        path.relative_to(source).as_posix()
        for path in source.rglob("*.py")
        if any(f"{name}.".startswith(at_once) for name in imports(path))
    }
    assert needs
    assert all(path.startswith((*PARTS, "defence/diffused")) for path in needs)


@pytest.mark.parametrize(
    ("library", "extra", "package", "module"),
    [
        ("lightly", "ssl", "taggant.victim.ssl", "simclr"),
        ("diffusers", "generative", "taggant.victim.generative", "diffusion"),
    ],
)
def test_a_victim_without_its_library_says_what_to_install(
    library, extra, package, module, monkeypatch
):
    for name in [name for name in sys.modules if f"{name}.".startswith(f"{package}.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, library, None)
    said = rf"victim={module}.*pip install 'taggant\[{extra}\]'"
    with pytest.raises(ModuleNotFoundError, match=said):
        import_module(f"{package}.{module}")


def test_a_log_without_tensorboard_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    target = "pytorch_lightning.loggers.TensorBoardLogger"
    node = OmegaConf.create({"_target_": target, "save_dir": str(tmp_path)})
    message = r"logger=tensorboard.*pip install 'taggant\[tensorboard\]'"
    with (
        pytest.raises(ModuleNotFoundError, match=message),
        opened({"tensorboard": node}, About("key", None, {}), []),
    ):
        pass
