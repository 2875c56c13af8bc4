"""The recipes of docs/extending.md, followed to the letter in a copy of the tree."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.conftest import ROOT

TEXT = (ROOT / "docs" / "extending.md").read_text()
FILES = dict(re.findall(r"^`([\w/.]+)`:\n\n```\w+\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL))
COMMANDS = [
    shlex.split(one, comments=True)
    for one in re.findall(r"^python run\.py (.*)$", TEXT, re.MULTILINE)
]
SMALL = ("progress=false", "threads=1", "trainer=cpu", "victim.epochs=1", "victim.snapshots=1")


@pytest.fixture(scope="module")
def tree(tmp_path_factory) -> Path:
    """A copy of what a run needs, with every file of the recipes in its place."""
    root = tmp_path_factory.mktemp("tree")
    for name in ("src", "conf", "experiments", "tests"):
        unread = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, root / name, ignore=unread, copy_function=os.link)
    for name in ("run.py", "pyproject.toml"):
        shutil.copy(ROOT / name, root)
    for name, text in FILES.items():
        assert not (ROOT / name).exists(), f"{name} is there already"
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(text)
    return root


def called(tree: Path, *arguments: str) -> str:
    environment = {**os.environ, "PYTHONPATH": f"{tree / 'src'}{os.pathsep}{tree}"}
    environment |= {"TAGGANT_ROOT": str(tree), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=tree,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_every_recipe_runs_as_written(tree):
    assert len(FILES) == 18
    methods, parts = COMMANDS
    assert "forgotten images claimed" in called(tree, "run.py", *methods, *SMALL)
    assert "used images claimed" in called(tree, "run.py", *parts, *SMALL, "score.views=2")


def test_nothing_central_changes_for_them(tree):
    """What tests every victim, score, scheme and strategy tests those of the recipes too."""
    names = (
        "test_combinations.py::test_what_fits_can_be_audited[classifier-mine]",
        "test_combinations.py::test_what_fits_can_be_audited[mine-n_version]",
        "victim/ssl/test_methods.py::test_steps_on_a_batch_lower_its_loss[mine]",
        "test_contracts.py::test_strategies_are_pure_and_stay_in_the_ball[mine]",
        "test_contracts.py::test_scores_are_functions_of_one_image[1-mine-full]",
    )
    asked = [f"tests/{name}" for name in names]
    said = called(tree, "-m", "pytest", "-rA", "-p", "no:cacheprovider", *asked)
    for one in asked:
        assert f"PASSED {one}" in said


@pytest.mark.parametrize(
    ("old", "new", "state"),
    [('"""Log-confidences', '"""All log-confidences', "stored"), ("exp()", "exp() / 2", "to run")],
)
def test_an_edited_method_is_noticed_and_a_reworded_one_is_the_same(tree, old, new, state):
    path = tree / "src" / "taggant" / "score" / "mine.py"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    table = called(tree, "run.py", *COMMANDS[0], *SMALL, "plan=true")
    path.write_text(text)
    rows = [re.split(r" *[│┃] *", line) for line in table.splitlines()]
    states = {row[1]: row[5] for row in rows if len(row) > 6}
    assert states["unlearn"] == "stored"
    assert states["score"] == state


def test_the_figure_is_found_and_drawn(tree):
    said = called(tree, "-m", "experiments", "run", "mine/scores", *SMALL)
    assert "2 of 2 jobs finished" in said
    assert (tree / "results" / "mine" / "scores.csv").exists()
    assert (tree / "docs" / "figures" / "mine" / "scores.png").stat().st_size
