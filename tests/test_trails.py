"""docs/trails.md: every file that it names is there, and no trail is longer than four."""

from __future__ import annotations

import re

import pytest
from tests.conftest import ROOT

PAGE = ROOT / "docs" / "trails.md"
ROWS = [
    [cell.strip() for cell in line.strip("| ").split(" | ", 1)]
    for line in PAGE.read_text(encoding="utf-8").splitlines()
    if line.startswith("| ") and not line.startswith("| to change ")
]
ASKED = ("boundary", "score", "scheme", "encoders", "figure", "config group")


def files(trail: str) -> list[tuple[str, str]]:
    """What is written of each file, and where it leads."""
    return re.findall(r"\[([\w./]+)\]\(\.\./([\w./]+)\)", trail)


@pytest.mark.parametrize(("what", "trail"), ROWS, ids=[what for what, _ in ROWS])
def test_a_trail_names_at_most_four_files_and_all_are_there(what, trail):
    named = files(trail)
    assert 1 <= len(named) <= 4
    for shown, path in named:
        assert (ROOT / path).is_file(), path
        assert path in (shown, f"src/taggant/{shown}")


@pytest.mark.parametrize("what", ASKED)
def test_what_people_look_for_has_a_trail(what):
    assert any(what in title for title, _ in ROWS)


def test_a_yaml_names_the_code_that_its_trail_goes_on_to():
    checked = 0
    for _, trail in ROWS:
        paths = [path for _, path in files(trail)]
        if not re.match(r"conf/(?!experiment)\w+/[\w/]+\.yaml$", paths[0]):
            continue
        targets = re.findall(r"_target_: ([\w.]+)", (ROOT / paths[0]).read_text())
        modules = {path[len("src/") : -len(".py")].replace("/", ".") for path in paths[1:]}
        named = {target.rpartition(".")[0] for target in targets}
        if not named or named == {"taggant.stats"}:  # the package hands on its modules' functions
            continue
        assert named & modules, f"{paths[0]} names {targets}"
        checked += 1
    assert checked > 7
