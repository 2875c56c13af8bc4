"""The commands of the tutorial's second trial, on fewer and smaller pictures, in their order."""

from __future__ import annotations

import importlib.util
import re
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from types import ModuleType

import pytest
from tests.conftest import ROOT
from tests.owner import photos
from tests.owner.tutorial import commands
from typer.testing import CliRunner

from taggant.owner.cli import app
from taggant.owner.serve import Service

FORMATS = ["jpeg", "jpeg", "heic", "transparent", "png", "cmyk", "deep"]
TOO_LONG = {"--epochs": "1"}


def tool(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Shell:
    """Runs the trial's commands in the folder that it is in."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, ends: ExitStack) -> None:
        self.monkeypatch, self.ends = monkeypatch, ends
        self.addresses: dict[str, str] = {}
        self.said = ""

    def run(self, words: list[str]) -> None:
        words = [self.addresses.get(word, word) for word in map(self.substituted, words)]
        if words[0] == "taggant":
            result = CliRunner().invoke(app, words[1:], catch_exceptions=False)
            assert result.exit_code == 0, result.output
            self.said += result.output
            return
        assert words[0] == "python"
        module = tool(Path(words[1]).stem)
        if words[2] == "serve":
            self.serve(module, words[2:])
        elif module.__name__ == "photographer_trial":
            self.pictures(module, words[2:])
        else:
            self.call(module, words[2:])

    def substituted(self, word: str) -> str:
        named = re.fullmatch(r"\$\(cat (.*)\)", word)
        return Path(named[1]).read_text() if named else word

    def call(self, module: ModuleType, words: list[str]) -> None:
        for option, small in TOO_LONG.items():
            if option in words:
                words[words.index(option) + 1] = small
        self.monkeypatch.setattr(sys, "argv", [module.__name__, *words])
        module.main()

    def pictures(self, module: ModuleType, words: list[str]) -> None:
        small = {"FORMATS": FORMATS, "WIDE": [(120, 90), (150, 100)], "SMALLEST": 1}
        small |= {"WEEKS": ["week1", "week1", "week2", "others"]}
        small |= {"PLATFORMS": {"album": (100, False, 95), "feed": (90, True, 95)}}
        for name, value in {**small, "ProcessPoolExecutor": ThreadPoolExecutor}.items():
            self.monkeypatch.setattr(module, name, value)
        self.call(module, words)

    def serve(self, module: ModuleType, words: list[str]) -> None:
        assert words[-1] == "&"
        made: list[Service] = []
        started = threading.Event()

        class Held(Service):
            def serve_forever(self, poll_interval: float = 0.02) -> None:
                made.append(self)
                started.set()
                super().serve_forever(poll_interval)

            def __exit__(self, *_: object) -> None:
                """It ends with the test."""

        self.monkeypatch.setattr(module, "Service", Held)
        port = words.index("--port") + 1
        self.addresses[f"http://127.0.0.1:{words[port]}/"] = ""
        words[port] = "0"
        threading.Thread(target=self.call, args=(module, words[:-1]), daemon=True).start()
        assert started.wait(60)
        self.ends.callback(made[0].shutdown)
        self.addresses = dict.fromkeys(self.addresses, made[0].url)


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shell]:
    monkeypatch.chdir(tmp_path)
    for number in range(5):
        photos.write(tmp_path / f"wallpapers/some/{number}.jpg", photos.scene(number, 300, 200))
    with ExitStack() as ends:
        yield Shell(monkeypatch, ends)


def test_the_commands_of_the_photographers_trial_run(shell: Shell) -> None:
    for words in commands("A trial with cameras' files"):
        shell.run(words)
    claims = re.findall(r"(\d+) of (\d+) pictures claimed", shell.said)
    assert len(claims) == 4  # two audits, two certificates
    assert claims[:2] == claims[2:]
    assert shell.said.count("ok    the bits give the decision") == 2
    assert "WRONG" not in shell.said
