"""Tables of power over seeds, from run folders."""

from __future__ import annotations

import polars as pl
import pytest
from experiments.power import combined, hard_images
from matplotlib.figure import Figure

IMAGES = 40


def run(folder, seed: int, experiment: str, score: str, asked: str) -> dict[str, object]:
    """A run's row; its folder says which images were claimed: the easier half, by versions."""
    folder.mkdir(parents=True)
    ease = [float((7 * i) % IMAGES) for i in range(IMAGES)]
    easy = [0.01 if one >= IMAGES / 2 else 0.5 for one in ease]
    kinds = (
        ("controls",) if experiment == combined.RUNS[1] else ("versions", "controls", "combined")
    )
    columns = {f"p_value_{kind}": easy if kind == "versions" else [0.2] * IMAGES for kind in kinds}
    group = ["used" if i % 2 else "unused" for i in range(IMAGES)]
    pl.DataFrame({"group": group, "reference_score": ease, **columns}).write_parquet(
        folder / "instances.parquet"
    )
    rates = {f"{rate}_{kind}": 0.1 for kind in kinds for rate in combined.RATES}
    told = {"experiment": experiment, "score": score, "folder": str(folder), "date": "2026-01-01"}
    views = {"score.views": 8, "audit.membership.views": 8, "marking.n": 100}
    means = dict.fromkeys(("psnr", "ssim", "linf", "train_loss", "utility"), 1.0)
    groups = {"used": IMAGES // 2, "unused": IMAGES // 2}
    return {
        **told,
        "seed": seed,
        "p": 0.05,
        combined.ASKED: asked,
        **views,
        **means,
        **groups,
    } | rates


@pytest.fixture
def runs(tmp_path) -> pl.DataFrame:
    cells = [
        (combined.RUNS[0], score, asked) for score in ("loss", "learned") for asked in ("raw", "4")
    ]
    cells.append((combined.RUNS[1], "margin", "raw"))
    rows = [
        run(tmp_path / f"{seed}{number}", seed, *cell)
        for seed in (0, 1)
        for number, cell in enumerate(cells)
    ]
    return pl.DataFrame(rows)


def test_quarters_go_by_the_references():
    assert hard_images.quarters(pl.Series([5.0, 1.0, 9.0, 7.0])).to_list() == [1, 0, 3, 2]
    assert hard_images.quarters(pl.Series([0.0] * 8)).to_list() == [0, 0, 1, 1, 2, 2, 3, 3]


def test_hard_and_easy_images_have_rates_of_their_own(runs):
    table = hard_images.collect(runs)
    found = table.filter(evidence=combined.VERSIONS).sort("quarter")
    assert dict(found.select("quarter", "detection_rate").rows()) == {
        "hardest": 0.0,
        "hard": 0.0,
        "easy": 1.0,
        "easiest": 1.0,
    }
    assert found["seeds"].to_list() == [2] * 4
    assert found["used"].sum() == IMAGES
    raw = {name for (_, asked, _), name in combined.NAMES.items() if asked == "raw"}
    assert set(table["evidence"]) == {*raw, combined.UNMARKED}
    assert isinstance(hard_images.draw(table), Figure)


def test_evidence_is_told_by_score_and_by_what_was_asked(runs):
    table = combined.collect(runs)
    assert set(table["evidence"]) == {*combined.NAMES.values(), combined.UNMARKED}
    asked = dict(table.select("evidence", "mean_queries_used").rows())
    assert asked[combined.WITHHELD] == asked[combined.UNMARKED] == 8
    assert asked[f"{combined.WITHHELD}, by 4 versions"] == 32
    assert asked[combined.BOTH] == asked[combined.VERSIONS] + 8
