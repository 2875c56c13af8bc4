"""Commands are listed without being imported, by what they say of themselves."""

from __future__ import annotations

import pytest
from typer.main import get_command

from taggant.owner.cli import COMMANDS, app


@pytest.mark.parametrize("name", COMMANDS)
def test_commands_are_listed_by_their_docstrings(name):
    listed = get_command(app).commands[name]
    command = listed.load()
    assert (command.name, command.help) == (name, listed.help)
