"""The recipes of the documents for pictures of one's own run as they stand, at tiny size."""

from __future__ import annotations

import json
import re
import shlex

import numpy as np
import pytest
from PIL import Image
from tests.conftest import ROOT
from tests.forks import TINY, warmed
from tests.test_captions import OVERRIDES as CAPTIONED

SMALLER = [text for text in TINY if not text.startswith(("+experiment", "data.", "victim.width"))]
TINY_CLIP = [text for text in CAPTIONED if text.startswith("victim.config")]


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """100 pictures in two classes, with captions."""
    root = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(0)
    rows = ["image,caption"]
    for i in range(100):
        name = f"{('ant', 'bee')[i % 2]}/{i}.png"
        (root / name).parent.mkdir(exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (16, 20, 3), np.uint8)).save(root / name)
        rows.append(f'{name},"an insect, number {i}"')
    (root / "captions.csv").write_text("\n".join(rows))
    return root


def recipe(page: str, heading: str) -> list[str]:
    """The overrides of the last command below a heading."""
    text = (ROOT / "docs" / page).read_text()
    section = re.split(r"^##+ ", text.partition(f"\n## {heading}\n")[2], flags=re.MULTILINE)[0]
    block = re.findall(r"^```sh\n(.*?)^```", section, re.MULTILINE | re.DOTALL)[-1]
    command = block.replace("\\\n", " ").strip().splitlines()[-1]
    words = shlex.split(command, comments=True)
    assert words[:2] == ["python", "run.py"]
    return words[2:]


@pytest.mark.parametrize(
    ("page", "heading", "smaller"),
    [
        ("clip.md", "Your own captions", TINY_CLIP),
        ("encoders.md", "Your own folder", ["victim.width=2", "victim.hidden=8"]),
        ("data.md", "Your own images", ["victim.width=2"]),
    ],
    ids=["clip", "simclr", "classifier"],
)
def test_recipes_run(photos, tmp_path, page, heading, smaller):
    asked = [word for word in recipe(page, heading) if "my/photos" not in word]
    tiny = [*SMALLER, *smaller, "data.train=60", "data.test=20", "data.size=16"]
    status = warmed().run(tmp_path, *asked, f"data.root={photos}", *tiny)
    assert status == 0, (tmp_path / "output.txt").read_text()
    (result,) = (tmp_path / "runs").glob("**/result.json")
    metrics = json.loads(result.read_text())["metrics"]
    # data.train less marking.unused, of which marking.used are marked
    assert metrics["train_images"] == 60 - 12
    assert metrics["marked_fraction"] == pytest.approx(12 / 48)
    assert metrics["test_images"] == 20
