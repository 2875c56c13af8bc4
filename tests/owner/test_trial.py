"""The commands of the tutorial's trial, on fewer pictures and for one epoch, in their order."""

from __future__ import annotations

import re
import runpy
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.conftest import ROOT
from tests.forks import warmed
from tests.owner import photos
from tests.owner.tutorial import commands
from typer.testing import CliRunner

from taggant.owner.cli import app
from taggant.owner.models.run_folder import victim_of
from taggant.owner.serve import Service

TINY = ("victim.epochs=1", "victim.width=2", "marking.n=20", "audit.curve=null")
CLASSES = ("cat", "dog")


class Shell:
    """Runs the trial's commands in a folder."""

    def __init__(self, home: Path, ends: ExitStack) -> None:
        self.home, self.ends = home, ends
        self.addresses: dict[str, str] = {}
        self.said = ""

    def run(self, words: list[str]) -> None:
        kinds: dict[tuple[str, ...], Callable[[list[str]], None]] = {
            ("python", "tools/owner_trial.py"): self.make,
            ("python", "run.py"): self.train,
            ("cp", "-r"): self.copy,
            ("taggant", "serve"): self.serve,
        }
        other = self.taggant if words[0] == "taggant" else None
        command = kinds.get(tuple(words[:2]), other)
        assert command is not None, words
        command(words)

    def make(self, words: list[str]) -> None:
        source, root = words[2:]
        assert source == "cifar10-jpeg"
        for number, name in enumerate(CLASSES * 36):
            part = self.home / source / ("train" if number < 64 else "test")
            photos.write(part / name / f"{number}.jpg", photos.scene(number, 32, 32))
        main = runpy.run_path(str(ROOT / "tools" / "owner_trial.py"))["main"]
        main(self.home / source, self.home / root)
        for name in CLASSES:
            for path in sorted((self.home / root / "raw" / name).iterdir())[6:]:
                path.unlink()

    def copy(self, words: list[str]) -> None:
        shutil.copytree(self.home / words[2], self.home / words[3], dirs_exist_ok=True)

    def train(self, words: list[str]) -> None:
        overrides = [word.replace("data.root=", f"data.root={self.home}/") for word in words[2:]]
        status = warmed().run(self.home, *overrides, *TINY)
        assert status == 0, (self.home / "output.txt").read_text()[-2000:]

    def serve(self, words: list[str]) -> None:
        (run,) = self.home.glob(words[2])
        assert words[3] == "--port"
        assert words[5] == "&"
        trained = victim_of(run)
        service = self.ends.enter_context(Service(trained.victim, trained.size))
        self.ends.callback(service.shutdown)
        threading.Thread(target=service.serve_forever, args=(0.02,), daemon=True).start()
        self.addresses[f"http://127.0.0.1:{words[4]}/"] = service.url

    def taggant(self, words: list[str]) -> None:
        given = [self.addresses.get(word, word) for word in words[1:]]
        for option, small in (("--n", "100"), ("--classes", ",".join(CLASSES))):
            if option in given:
                given[given.index(option) + 1] = small
        result = CliRunner().invoke(app, given, catch_exceptions=False)
        assert result.exit_code == 0, result.output
        self.said += result.output


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shell]:
    monkeypatch.chdir(tmp_path)
    with ExitStack() as ends:
        yield Shell(tmp_path, ends)


def test_the_commands_of_the_trial_run(shell: Shell) -> None:
    for words in commands("A trial, with figures"):
        shell.run(words)
    assert shell.said.count("12 pictures claimed as used") == 4  # two audits, two certificates
    assert "WRONG" not in shell.said
    assert len(re.findall(r"ok +the model gives the scores", shell.said)) == 2
