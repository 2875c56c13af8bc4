"""Groups of options are single options on the command line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import pytest
import typer
from typer.main import get_command
from typer.testing import CliRunner

from taggant.owner.commands.option_groups import OptionGroup, grouped

calls = []


@dataclass(frozen=True)
class Size(OptionGroup):
    heading: ClassVar[str] = "Its size"
    width: Annotated[int, typer.Option(min=1, help="of the thing")]
    height: Annotated[int, typer.Option("--tall", help="of the thing")] = 3


def draw(
    name: Annotated[str, typer.Argument()],
    size: Size,
    many: Annotated[list[str] | None, typer.Option()] = None,
) -> None:
    """Draw a thing."""
    calls.append((name, size, many))


@pytest.fixture
def run(monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    app = typer.Typer()
    app.command()(grouped(draw))
    calls.clear()
    return lambda *words: CliRunner().invoke(app, words)


def test_a_command_gets_its_groups(run):
    assert run("a", "--width", "2").exit_code == 0
    assert run("a", "--tall", "5", "--width", "2", "--many", "x", "--many", "y").exit_code == 0
    assert calls == [("a", Size(2), None), ("a", Size(2, 5), ["x", "y"])]


def test_an_option_of_a_group_is_checked_and_required(run):
    assert "--width" in run("a").output
    assert run("a", "--width", "0").exit_code == 2
    assert not calls


def test_help_has_the_group_under_its_heading(run):
    told = run("--help").output
    assert "Draw a thing." in told
    assert told.index("Its size") < told.index("--width") < told.index("--tall")
    assert "[default: 3]" in told


def test_one_group_may_serve_several_commands():
    app = typer.Typer()
    for name in ("one", "two"):
        app.command(name)(grouped(draw))
    commands = get_command(app).commands
    assert [p.name for p in commands["one"].params] == [p.name for p in commands["two"].params]


def test_an_option_that_is_there_twice_is_refused():
    def twice(size: Size, width: Annotated[int, typer.Option()] = 1) -> None:
        """Two widths."""

    with pytest.raises(TypeError, match="twice"):
        grouped(twice)
