"""The wheel and the sdist hold what an installed package needs, and nothing else."""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
import zipfile
from email import message_from_bytes

import pytest
from tests.conftest import ROOT
from typer.testing import CliRunner

from taggant import __version__
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


def test_the_wheel_says_what_it_is(wheel):
    (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    folder = name.partition("/")[0]
    said = message_from_bytes(wheel.read(name))
    assert said["License-Expression"] == "Apache-2.0"
    assert wheel.read(f"{folder}/licenses/LICENSE") == (ROOT / "LICENSE").read_bytes()
    assert f"{folder}/licenses/src/taggant/data/emoji/NOTICE.md" in wheel.namelist()
    assert b"taggant = taggant.owner.cli:main" in wheel.read(f"{folder}/entry_points.txt")
    assert {"ssl", "hub", "onnx", "dp", "all"} <= set(said.get_all("Provides-Extra"))


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
