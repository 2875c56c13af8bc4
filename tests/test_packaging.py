"""The wheel and the sdist hold what an installed package needs, and nothing else."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tarfile
import venv
import zipfile
from contextlib import suppress
from email import message_from_bytes
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from tests.conftest import ROOT
from tests.owner import photos
from typer.testing import CliRunner

from taggant import __version__
from taggant.extras import EXTRAS
from taggant.owner.cli import app

BUILD = """
import sys
from hatchling import build
print(build.build_wheel(sys.argv[1]))
print(build.build_sdist(sys.argv[1]))
"""


def build(source, out):
    """File names of a wheel and an sdist of a folder."""
    command = [sys.executable, "-c", BUILD, str(out)]
    done = subprocess.run(command, cwd=source, check=True, capture_output=True, text=True)
    return [out / name for name in done.stdout.split()]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    return build(ROOT, tmp_path_factory.mktemp("built"))


@pytest.fixture(scope="module")
def wheel(built):
    with zipfile.ZipFile(built[0]) as file:
        yield file


@pytest.fixture(scope="module")
def sdist(built):
    with tarfile.open(built[1]) as file:
        yield file


def test_the_wheel_has_all_of_the_package_and_its_configs(wheel):
    names = set(wheel.namelist())
    tracked = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "src/taggant", "conf"],
        **{"cwd": ROOT, "check": True, "capture_output": True, "text": True},
    ).stdout.split()
    there = [path for path in tracked if (ROOT / path).exists()]
    assert {f"taggant/{path.removeprefix('src/taggant/')}" for path in there} == {
        name for name in names if not name.partition("/")[0].endswith(".dist-info")
    }
    for name in ("py.typed", "conf/config.yaml", "report/template.html", "owner/certificate.html"):
        assert f"taggant/{name}" in names


@pytest.fixture(scope="module")
def metadata(wheel):
    (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    return message_from_bytes(wheel.read(name))


def test_the_wheel_says_what_it_is(wheel, metadata):
    folder = f"taggant-{metadata['Version']}.dist-info"
    assert metadata["License-Expression"] == "Apache-2.0"
    assert wheel.read(f"{folder}/licenses/LICENSE") == (ROOT / "LICENSE").read_bytes()
    assert f"{folder}/licenses/src/taggant/data/emoji/NOTICE.md" in wheel.namelist()
    assert b"taggant = taggant.owner.cli:main" in wheel.read(f"{folder}/entry_points.txt")
    assert {"ssl", "hub", "onnx", "dp", "all"} <= set(metadata.get_all("Provides-Extra"))


def test_the_sdist_has_sources_and_no_tests_or_results(sdist):
    parts = {name.split("/")[1] for name in sdist.getnames() if "/" in name}
    assert {"src", "conf", "LICENSE", "README.md", "CHANGELOG.md", "pyproject.toml"} <= parts
    assert not parts & {"tests", "results", "secrets", "store", "runs", "data", ".venv", ".github"}


def test_a_wheel_of_the_sdist_is_the_same(sdist, wheel, tmp_path):
    sdist.extractall(tmp_path, **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))
    (source,) = tmp_path.iterdir()
    again, _ = build(source, tmp_path)
    assert again.name == wheel.filename.rpartition("/")[2]
    with zipfile.ZipFile(io.BytesIO(again.read_bytes())) as file:
        assert set(file.namelist()) == set(wheel.namelist())


def test_the_command_says_its_version():
    result = CliRunner().invoke(app, ["--version"])
    assert (result.exit_code, result.output) == (0, f"taggant {__version__}\n")


TRIAL = """
import sys
import numpy as np, torch, torchvision
import taggant
images = np.random.default_rng(0).integers(256, size=(8, 3, 32, 32), dtype=np.uint8)
marked = taggant.mark(images, np.arange(8) % 2, n=20, secret=bytes(32))
torch.set_num_threads(1)
result = taggant.audit(torchvision.models.resnet18(num_classes=2), marked, p=0.05)
print(taggant.__file__, result.used.sum(), result.queries > 16, result.fault, sep="\\n")
from taggant.owner.cli import app
app(["mark", "photos", "--out", "published", "--ledger", "o.ledger"], standalone_mode=False)
"""


def needed(requirements: list[str], extras: set[str], found: dict[str, Distribution]) -> None:
    """What requirements bring, of that what is installed here, with all that it needs itself."""
    for wanted in map(Requirement, requirements):
        marker = wanted.marker
        applies = marker is None or any(marker.evaluate({"extra": one}) for one in {"", *extras})
        if applies and wanted.name not in found:
            with suppress(PackageNotFoundError):  # as what it brings only elsewhere is
                found[wanted.name] = distribution(wanted.name)
                needed(found[wanted.name].requires or [], wanted.extras, found)


@pytest.fixture(scope="module")
def installed(built, metadata, tmp_path_factory):
    """The programs of an environment with the wheel, and links to what it depends on."""
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder, with_pip=True, symlinks=True)
    programs = folder / "bin"
    run(programs / "python", "-m", "pip", "install", "--no-deps", "--no-index", str(built[0]))
    (packages,) = folder.glob("lib/python*/site-packages")
    core: dict[str, Distribution] = {}
    needed(metadata.get_all("Requires-Dist"), set(), core)
    for one in core.values():
        for top in {file.parts[0] for file in one.files or ()} - {"..", "__pycache__"}:
            if not (packages / top).exists():
                (packages / top).symlink_to(Path(str(one.locate_file(top))))
    return programs


def run(program: Path, *words: str, **options: object) -> str:
    """What a program of another environment says."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    command = [str(program), *words]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_an_installed_wheel_says_its_version(installed, metadata, tmp_path):
    said = run(installed / "taggant", "--version", cwd=tmp_path)
    assert said == f"taggant {metadata['Version']}\n"


def test_the_core_alone_marks_and_audits_a_model_of_torchvision(installed, tmp_path):
    photos.folder(tmp_path / "photos", count=2)
    there = [name for name in EXTRAS if any(installed.parent.glob(f"lib/*/site-packages/{name}"))]
    assert there == ["huggingface_hub"]  # which open_clip needs too
    said = run(installed / "python", "-c", TRIAL, cwd=tmp_path).splitlines()
    assert Path(said[0]).is_relative_to(installed.parent)
    assert said[1:4] == ["4", "True", "None"]
    assert len(list((tmp_path / "published").rglob("p*.*"))) == 2
