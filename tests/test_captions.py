"""A folder of pictures with captions, from the command line to claims."""

from __future__ import annotations

import json
import tarfile

import numpy as np
import pytest
from PIL import Image
from tests.forks import TINY, calls, warmed

COUNT = 40
SHAPE = (16, 20, 3)
OVERRIDES = (
    *(text for text in TINY if not text.startswith(("data.", "victim.width"))),
    "~victim.width",
    "data=caption_folder",
    "data.images=photos",
    "data.size=16",
    "data.train=null",
    "data.test=null",
    "victim=clip",
    "victim.config.embed_dim=8",
    "victim.config.vision_cfg={layers: 1, width: 16, head_width: 8, patch_size: 8}",
    "victim.config.text_cfg={context_length: 8, vocab_size: 600, width: 16, heads: 2, layers: 1}",
    "score=image_text_contrastive",
    "score.statistic.pairs=4",
)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    root = tmp_path_factory.mktemp("pictures")
    (root / "photos").mkdir()
    rng = np.random.default_rng(0)
    for i in range(COUNT):
        Image.fromarray(rng.integers(0, 256, SHAPE, np.uint8)).save(root / f"photos/{i}.png")
    rows = ["image\tcaption", *(f"{i}.png\tpicture {i}" for i in range(COUNT))]
    (root / "captions.tsv").write_text("\n".join(rows))
    with tarfile.open(root / "captions.tar", "w") as shard:
        for i in range(COUNT):
            (root / f"{i}.txt").write_text(f"picture {i}")
            shard.add(root / f"{i}.txt", f"{i}.txt")
            shard.add(root / f"photos/{i}.png", f"{i}.png")
    (root / "empty.csv").write_text("image,caption\n0.png,one\n1.png,\n")
    (root / "missing.csv").write_text("image,caption\n0.png,one\nnone.png,two\n")
    return root


@pytest.mark.parametrize("captions", ["captions.tsv", "captions.tar"])
def test_a_folder_of_pictures_with_captions_is_audited(pictures, tmp_path, captions):
    asked = f"data.root={pictures}", f"data.captions={captions}"
    assert warmed().run(tmp_path, *OVERRIDES, *asked) == 0, (tmp_path / "output.txt").read_text()
    folder = next((tmp_path / "runs").glob("*/*"))
    metrics = json.loads((folder / "result.json").read_text())["metrics"]
    assert (metrics["train_images"], metrics["test_images"]) == (20, 8)
    assert metrics["utility_baseline"] == pytest.approx(1 / 8)
    assert calls(tmp_path).count("train") == 1


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("empty.csv", "empty.csv, line 3: the caption of"),
        ("missing.csv", "missing.csv, line 3); data.images is the folder"),
    ],
)
def test_wrong_files_stop_the_run_with_a_line_that_says_where(pictures, tmp_path, name, message):
    asked = f"data.root={pictures}", f"data.captions={name}"
    assert warmed().run(tmp_path, *OVERRIDES, *asked) != 0
    output = (tmp_path / "output.txt").read_text()
    assert message in output
    assert "Traceback" not in output


def test_a_score_that_does_not_fit_is_refused_before_anything_runs(tmp_path):
    asked = "data=emoji_captions", "victim=clip", "~victim.width", "score=margin"
    assert warmed().run(tmp_path, "+experiment=smoke", *asked) != 0
    output = (tmp_path / "output.txt").read_text()
    assert "the victim answers with embedding, and this score reads logits: choose a sc" in output
    assert "Traceback" not in output
    assert not [*tmp_path.glob("store/*/*/manifest.json")]
