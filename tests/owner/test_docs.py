"""The tutorial's commands have the options that the command line has, and they run."""

from __future__ import annotations

import re
import shlex

import pytest
from tests.conftest import ROOT
from typer.main import get_command
from typer.testing import CliRunner

from taggant.owner.cli import app


def commands() -> list[list[str]]:
    text = (ROOT / "docs" / "owner.md").read_text()
    blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    return [shlex.split(line, comments=True)[1:] for line in lines if line.startswith("taggant ")]


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_every_option_of_the_tutorial_exists(words):
    command = get_command(app).commands[words[0]].load()
    known = {option for parameter in command.params for option in parameter.opts}
    assert {word for word in words if word.startswith("--")} <= known


@pytest.mark.parametrize(
    "words",
    [
        ["plan", "--p", "0.1", "--power", "0.5", "--n", "20"],
        ["plan", "--pictures", "20", "--fdr", "0.2", "--used", "0.9", "--n", "60"],
    ],
)
def test_plans_are_made(words):
    result = CliRunner().invoke(app, words, catch_exceptions=False)
    assert result.exit_code == 0
    assert "versions" in result.output or "Tests" in result.output


def test_plans_are_those_of_the_statistics():
    from taggant.stats import Beta
    from taggant.stats.sets import plan_set

    words = ["plan", "--pictures", "20", "--fdr", "0.2", "--used", "0.9", "--n", "60"]
    shown = CliRunner().invoke(app, words, catch_exceptions=False).output
    made = plan_set(20, 0.2, 0.9, Beta.with_mean(0.01), 60)
    for number in (f"{float(made.level):.5f}", f"{made.discoveries:.1f}", f"{made.reads_used:.1f}"):
        assert number in shown
