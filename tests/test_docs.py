"""The README's commands run, links lead somewhere, and the notation's names are the code's."""

from __future__ import annotations

import re
import shlex
import threading
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf
from tests.conftest import ROOT
from tests.forks import warmed
from tests.owner import photos
from tests.test_extending import FILES
from typer.testing import CliRunner

from taggant.groups import compose_config
from taggant.owner.cli import app
from taggant.owner.serve import Service

README = (ROOT / "README.md").read_text()
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
NOTATION = (ROOT / "docs" / "notation.md").read_text()


def prose(text: str) -> str:
    """A page without its blocks of code."""
    return re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)


def commands() -> list[list[str]]:
    """The words of every command of the README, in blocks and in sentences."""
    blocks = "\n".join(re.findall(r"^```sh\n(.*?)^```", README, re.MULTILINE | re.DOTALL))
    lines = blocks.replace("\\\n", " ").splitlines()
    inline = re.findall(r"`((?:python|taggant|make) [^`]+)`", prose(README))
    return [words for line in [*lines, *inline] if (words := shlex.split(line, comments=True))]


def starting(*first: str) -> list[list[str]]:
    """What follows these words, in the commands that start with them."""
    cut = len(first)
    found = [words[cut:] for words in commands() if words[:cut] == list(first)]
    return list(map(list, dict.fromkeys(map(tuple, found))))


def test_every_command_of_the_readme_is_looked_at():
    known = ("make", "python run.py", "python -m taggant.stats", "python -m experiments", "taggant")
    assert len(commands()) > 18
    for words in commands():
        assert " ".join(words).startswith(known)


@pytest.mark.parametrize("words", starting("make"), ids=" ".join)
def test_every_target_exists(words):
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert set(words) <= set(targets)


RUNS = [
    words for words in starting("python", "run.py") if words not in (["--help"], ["score=mine"])
]


@pytest.mark.parametrize("words", RUNS, ids=" ".join)
def test_every_run_can_be_planned(words, tmp_path):
    pictures = photos.folder(tmp_path / "pictures")
    here = [f"data.root={pictures}" if word == "data.root=my/photos" else word for word in words]
    status = warmed().run(tmp_path, *here, "plan=true")
    said = (tmp_path / "output.txt").read_text()
    assert status == 0, said
    assert "stages to run" in said


@pytest.mark.parametrize("module", ["taggant.stats", "experiments"])
def test_every_module_answers(module, capsys):
    main = import_module(f"{module}.__main__").main
    for words in starting("python", "-m", module):
        assert main(words) == 0
        assert capsys.readouterr().out


class Colours(torch.nn.Module):
    """A model of three classes that has learnt nothing."""

    def forward(self, images):
        return images.float().mean((2, 3))


@pytest.fixture
def model():
    """Its address."""
    served = Service(Colours(), 24)
    threading.Thread(target=served.serve_forever, daemon=True).start()
    yield served.url
    served.shutdown()
    served.server_close()


def test_pictures_are_marked_audited_certified_and_verified(tmp_path, monkeypatch, model):
    monkeypatch.chdir(tmp_path)
    for number, name in enumerate(("cat", "dog", "horse")):
        photos.write(Path("photos", name, "one.png"), photos.scene(number, 32, 24))
    monkeypatch.setenv("TAGGANT_PASSPHRASE", "a long passphrase")
    said = {"https://example.org/classify": [model, "--yes"], "app": ["app", "--help"]}
    said["/elsewhere/photos.backup"] = ["photos.backup"]
    for words in starting("taggant"):
        if words == ["--help"]:
            continue
        here = [part for word in words for part in said.get(word, [word])]
        result = CliRunner().invoke(app, here, catch_exceptions=False)
        assert result.exit_code == 0, result.output
    assert Path("certificate.json").exists()
    assert Path("photos.backup").exists()


def test_the_readmes_new_method_is_the_tried_one():
    (recipe,) = re.findall(r"^```yaml\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    assert recipe == FILES["conf/score/mine.yaml"]


def anchors(page: Path) -> set[str]:
    """What links may name in a page: its headings, as they are written in addresses."""
    heads = re.findall(r"^#+ (.*)$", prose(page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page):
    for link in re.findall(r"\]\(([^)\s]+)\)", prose(page.read_text())):
        if link.startswith(("https://", "http://")):
            continue
        name, _, anchor = link.partition("#")
        target = page.parent / name if name else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@cache
def config(*overrides: str):
    return compose_config(overrides)


def exists(name: str) -> bool:
    """Whether a dotted name stands for a module, or something in one; fields count."""
    parts = name.split(".")
    depth = max(k for k in range(1, len(parts) + 1) if is_module(".".join(parts[:k])))
    found: object = import_module(".".join(parts[:depth]))
    for part in parts[depth:]:
        if part in getattr(found, "__dataclass_fields__", {}):
            return part is parts[-1]
        found = getattr(found, part)
    return True


def is_module(name: str) -> bool:
    """Whether a name can be imported."""
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:
        return False


@pytest.mark.parametrize("name", re.findall(r"`(taggant\.[\w.]+)`", NOTATION))
def test_the_notation_names_what_is_in_the_code(name):
    assert exists(name)


@pytest.mark.parametrize(
    "key", sorted(set(re.findall(r"`((?:marking|score|audit|unlearning)\.[\w.]+)`", NOTATION)))
)
def test_the_notation_names_what_is_in_the_config(key):
    sets = ("marking=radioactive", "audit=radioactive", "score=loss")
    either = [OmegaConf.to_container(config(*more), resolve=False) for more in ((), sets)]
    assert any(has(node, key.split(".")) for node in either)


def has(node: object, path: list[str]) -> bool:
    """Whether a config has a key, whatever its value."""
    if not path:
        return True
    return isinstance(node, dict) and path[0] in node and has(node[path[0]], path[1:])
