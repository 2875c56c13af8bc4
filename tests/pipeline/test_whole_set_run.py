from __future__ import annotations

import json
import stat

import pytest
from safetensors.torch import load_file, save_file
from tests.forks import warmed
from tests.test_secrets import forms, outside

from taggant import code
from taggant.files import sha256
from taggant.marking.ledger import Ledger
from taggant.marking.trained import WEIGHTS
from taggant.store.manifest import MANIFEST
from taggant.store.upkeep import collect

RUN = (
    "marking=radioactive",
    "marking.secret=simulated",
    "marking/window=centre",
    "marking/marker=trained_on_rest",
    "marking.marker.load.rest=200",
    "marking.marker.load.net.width=4",
    "marking.marker.load.epochs=1",
    "marking.pool=24",
    "marking.n=4",
    "marking.scheme.steps=2",
    "score=loss",
    "audit=radioactive",
    "audit.images=4",
    "audit.controls=40",
    "data=emoji",
    "data.train=120",
    "data.test=60",
    "victim.width=2",
    "victim.epochs=2",
    "victim.snapshots=2",
    "progress=false",
    "threads=1",
    "trainer=cpu",
)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A run, its control with the same carriers, and the run after all marked images are gone."""
    root = tmp_path_factory.mktemp("whole_set")
    found = {}
    forget = ("marking.used=24", "unlearning=retrain", "unlearning.forget=24")
    for used, own in ((24, ("marking.used=24",)), (0, ("marking.used=0",)), ("gone", forget)):
        folder = f"hydra.run.dir=${{paths.runs}}/{used}"
        status = warmed().run(root, *RUN, *own, folder, report=used == 24)
        assert status == 0, (root / "output.txt").read_text()[-2000:]
        found[used] = json.loads((root / "runs" / str(used) / "result.json").read_text())
    return root, found


def test_views_that_need_a_raw_image_are_refused_before_anything_runs(tmp_path):
    hard = ("score.views=2", "score/view_set=hardest")
    assert warmed().run(tmp_path, *RUN, *hard) != 0
    assert "choose random or grid" in (tmp_path / "output.txt").read_text()
    assert not (tmp_path / "store").exists()


def test_a_run_tells_white_box_black_box_and_controls(runs):
    root, found = runs
    metrics = found[24]["metrics"]
    assert metrics["marked_fraction"] == 24 / 120
    assert metrics["controls"] == 40
    assert metrics["black_box_sets"] == 4
    assert metrics["black_box_queries"] == 16
    low, high = metrics["control_rate_ci"]
    assert 0 <= low <= metrics["control_rate"] <= high <= 1
    page = (root / "runs" / "24" / "report.html").read_text()
    assert "log10 p" in page
    assert "marked nothing" in page
    curve = (root / "runs" / "24" / "log10_p.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in curve] == ["epoch", "1", "2"]


def test_the_control_has_the_same_pool_and_trains_on_none_of_it(runs):
    root, found = runs
    assert found[0]["stages"]["mark"]["digest"] == found[24]["stages"]["mark"]["digest"]
    assert found[0]["stages"]["train"]["digest"] != found[24]["stages"]["train"]["digest"]
    assert len(list((root / "store" / "mark").iterdir())) == 1
    assert found[0]["metrics"]["marked_images"] == 0


def test_the_record_notes_the_code_of_the_marker_too(runs):
    _, found = runs
    noted = found[24]["code"]
    assert code.changed(noted) == []
    assert {"taggant.marking.trained", "taggant.victim.training"} <= set(noted)
    assert "taggant.report.page" not in noted


def test_a_set_that_was_forgotten_is_not_called_trained_on(runs):
    root, found = runs
    before, after = found[24]["metrics"], found["gone"]["metrics"]
    assert (after["forgotten"], after["marked_images"]) == (24, 24)
    assert "forgotten" not in before
    assert after["utility_before"] == before["utility"]
    assert after["utility"] == pytest.approx(before["utility"] - after["utility_drop"])
    assert "24 of these 24 to be forgotten" in " ".join((root / "output.txt").read_text().split())


def test_no_secret_lies_outside_the_owners_folder(runs):
    root, _ = runs
    (path,) = (root / "secrets" / "ledgers").iterdir()
    ledger = Ledger.load(path)
    needles = [form for s in (ledger.secret, ledger.nonce) for form in forms(s)]
    needles.append(json.dumps(list(ledger.published)).encode()[1:-1])
    for file in outside(root):
        content = file.read_bytes()
        assert not [needle for needle in needles if needle in content], file
    (kept,) = (root / "secrets").rglob("candidates.safetensors")
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_marker_belongs_to_what_kept_runs_were_made_from(runs):
    root, _ = runs
    (marker,) = (root / "store" / "marker").iterdir()
    assert marker not in [path for path, _ in collect(root / "store", root / "runs", False)]


def test_another_marker_than_the_ledgers_is_refused(runs):
    root, _ = runs
    (folder,) = (root / "store" / "marker").iterdir()
    weights = {name: -value for name, value in load_file(folder / WEIGHTS).items()}
    save_file(weights, folder / WEIGHTS)  # as trained elsewhere
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest["files"][WEIGHTS] = sha256(folder / WEIGHTS)
    (folder / MANIFEST).write_text(json.dumps(manifest))
    (root / "output.txt").unlink()
    assert warmed().run(root, *RUN, "marking.used=24", "audit.controls=41") != 0
    assert "the scheme marks otherwise here" in (root / "output.txt").read_text()


def test_a_run_on_twins_tells_how_many_pairs_it_read(tmp_path):
    own = (
        *("marking=n_version", "marking.n=2", "marking.secret=simulated"),
        *("marking.used=24", "marking.unused=0", "data=emoji", "data.train=24", "data.test=20"),
        *("victim.width=4", "victim.epochs=3", "victim.snapshots=3", "score=loss", "audit=twins"),
        *("audit/test=twins_pprm", "audit.p=0.2", "audit.images=24", "progress=false", "threads=1"),
        *("trainer=cpu", "hydra.run.dir=${paths.runs}/twins"),
    )
    assert warmed().run(tmp_path, *own, report=True) == 0, (tmp_path / "output.txt").read_text()
    folder = tmp_path / "runs" / "twins"
    metrics = json.loads((folder / "result.json").read_text())["metrics"]
    assert metrics["pairs"] == 24
    assert 0 < metrics["pairs_read"] <= 24
    assert metrics["queries"] == 2 * metrics["pairs_read"]
    assert metrics["size"] <= 0.2
    assert metrics["claim"] == (10 ** metrics["log10_p"] <= metrics["size"] + 1e-12)
    assert "Pairs read" in (folder / "report.html").read_text()
