"""A folder of pictures of one's own, from the command line to what a person reads."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from PIL import Image
from tests.forks import TINY, warmed

OVERRIDES = (
    *(text for text in TINY if text != "data.labels=category"),
    "data=image_folder",
    "data.size=16",
    "data.train=60",
    "data.test=16",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Sides of two classes of noise, 80 and 20 pictures; five of the test side are copies."""
    root = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(0)
    for side, count in (("Training", 40), ("Validation", 10)):
        for name in ("ant", "bee"):
            (root / side / name).mkdir(parents=True)
            for i in range(count):
                pixels = rng.integers(0, 256, (16, 16, 3), np.uint8)
                Image.fromarray(pixels).save(root / side / name / f"{i}.png")
    for i in range(4):
        shutil.copy(root / f"Training/ant/{i}.png", root / f"Validation/ant/{i}.png")
    return root


def refusal(tmp_path, *asked) -> tuple[int, str]:
    status = warmed().run(tmp_path, *OVERRIDES, *asked)
    return status, (tmp_path / "output.txt").read_text()


def test_pictures_that_equal_others_are_named_and_counted(folder, tmp_path):
    status, output = refusal(tmp_path, f"data.root={folder}", "data.train=null", "data.test=null")
    assert status == 0, output
    assert "warning: image folder: left out 4 test images whose pixels equal" in output
    assert f"{folder}/Validation/ant/3.png equals {folder}/Training/ant/3.png" in output


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (
            ("marking=radioactive", "score=loss", "marking/marker=trained_on_rest"),
            "error: marking.marker.load.rest = 20000: image folder has 20 training images beyond "
            "the run's 60 (data.train), and 100 or more are needed",
        ),
        (("victim=distilled",), "error: victim.unmarked.count = 5000: accepted are 1 to 20, image"),
        (("data.train=21000",), "error: data.train = 21000: image folder has only 80 train"),
        (("data.test=17",), "error: data.test = 17: image folder has only 16 test images, as 4 of"),
        (("data.size=0",), "error: data.size = 0: accepted are 1, 2, 3, ...\n"),
    ],
)
def test_what_a_folder_does_not_hold_is_told_by_the_key_that_asks(folder, tmp_path, asked, message):
    status, output = refusal(tmp_path, f"data.root={folder}", "data.test=null", *asked)
    assert status == 2, output
    assert message in output
    assert "Traceback" not in output
