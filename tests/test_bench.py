"""Benches that no other test runs: they make their tables, and measure what they say."""

from __future__ import annotations

import importlib
import json
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from tests.conftest import ROOT


@pytest.fixture
def owner(monkeypatch):
    """The bench as a module."""
    monkeypatch.syspath_prepend(str(ROOT / "bench"))
    monkeypatch.delitem(sys.modules, "owner", raising=False)
    import owner

    monkeypatch.setitem(owner.SIZES, "small", (0.05, 0.01, 1, 2, (240,)))
    return owner


def test_every_table_of_the_owners_bench_is_made(owner, tmp_path, monkeypatch):
    path = tmp_path / "bench.json"
    monkeypatch.setattr(sys, "argv", ["owner.py", "--small", "--json", str(path)])
    owner.main()
    found = json.loads(path.read_text())
    marking, auditing, many, left = list(found.values())[-4:]
    assert [row["format"] for row in marking] == ["png", "webp", "jpeg"]
    assert all(0 < row["MB more"] < 400 and row["CPU s"] > 0 for row in (*marking, *many))
    assert [row["answers"] > 20 for row in auditing] == [True, True]
    assert many[1]["pictures"] == 2
    assert left[0]["kept at 224"] > left[-1]["kept at 224"] > 0.5


@pytest.fixture
def hiding(monkeypatch):
    """The bench of trainings that hide use, as a module."""
    monkeypatch.syspath_prepend(str(ROOT / "bench"))
    monkeypatch.delitem(sys.modules, "defences", raising=False)
    import defences

    return defences


def test_the_bench_of_defences_trains_every_row_of_the_experiment(hiding):
    named = [name for name, _ in hiding.rows_to_train()]

    assert len(named) == len(set(named)) == 37
    assert {"defence=autoencoder", "victim/augment=crop_flip", "victim.without=2"} < set(named)


def test_trainings_that_hide_use_are_timed_beside_the_plain_one(hiding, tmp_path, monkeypatch):
    generator = np.random.default_rng(0)
    for number, pixels in enumerate(generator.integers(256, size=(120, 32, 32, 3), dtype=np.uint8)):
        path = tmp_path / "photos" / f"class{number % 2}" / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)
    rows = list(hiding.rows_to_train())
    chosen = [row for row in rows if row[0] in ("victim/augment=crop_flip", "defence=pruning")]
    monkeypatch.setattr(hiding, "rows_to_train", lambda: chosen)
    out = tmp_path / "bench.json"
    arguments = ["defences.py", str(tmp_path / "photos"), "--small", "--json", str(out)]
    monkeypatch.setattr(sys, "argv", arguments)

    hiding.main()

    made = json.loads(out.read_text())["trainings"]
    assert [row["training"] for row in made] == [name for name, _ in chosen]
    assert all(row["CPU s"] > 0 and row["times the plain one"] > 0 for row in made)


@pytest.fixture
def grain(monkeypatch):
    """The bench of marks that shrink, as a module."""
    monkeypatch.syspath_prepend(str(ROOT / "bench"))
    monkeypatch.delitem(sys.modules, "grain", raising=False)
    import grain

    monkeypatch.setattr(grain, "ORIGINALS", (320,))
    monkeypatch.setattr(grain, "N", 4)
    return grain


def test_every_table_of_marks_that_shrink_is_made(grain, tmp_path, monkeypatch):
    path = tmp_path / "grain.json"
    words = ["grain.py", "--small", "--detection", "32", "--json", str(path)]
    monkeypatch.setattr(sys, "argv", words)
    grain.main()
    found = json.loads(path.read_text())
    signal, platforms, *detections = list(found.values())[-4:]
    coarse, fine = signal[0], signal[-1]
    assert coarse["32 px"] > 0.9 > 0.5 > fine["32 px"]
    assert fine["224 px"] > fine["32 px"]
    agreed = {(row["model reads"], row["platform"]): row["agrees with whole"] for row in platforms}
    assert agreed[64, "none"] == pytest.approx(1)
    assert agreed[224, "full"] > 0.9 > 0.6 > agreed[224, "trimmed"]
    assert [len(rows) for rows in detections] == [len(grain.PIXELS)] * 2
    assert [rows[0]["training"] for rows in detections] == ["mirrored", "mirrored, shifted by 2"]


class Remembers(torch.nn.Module):
    """The nearer a picture is to one that was learned, the surer of its class."""

    def __init__(self, shown):
        super().__init__()
        self.seen, self.labels = shown.published().flatten(1), shown.labels[shown.learned]
        self.classes = int(shown.labels.max()) + 1

    def forward(self, images):
        near = -torch.cdist(images.flatten(1).double(), self.seen.double()) / 20
        found = torch.full((len(images), self.classes), -1e3, dtype=torch.double)
        return found.scatter_reduce(1, self.labels.expand(len(images), -1), near, "amax")


def test_a_network_that_remembers_is_detected_by_the_bench(grain, monkeypatch):
    monkeypatch.setattr(grain, "N", 8)
    shown = grain.Shown(None, 32, 4)
    net = Remembers(shown)
    assert all(grain.claimed(net, shown, group[0]) == 1 for group in shown.groups.values())
    others = torch.cat([group[1] for group in shown.groups.values()])
    assert grain.claimed(net, shown, others) < 0.7  # by chance 2/8


@pytest.fixture
def peers(monkeypatch):
    """The bench of the peers' own code, as a module."""
    monkeypatch.syspath_prepend(str(ROOT / "bench"))
    for name in ("audit", "peers"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    import peers

    return peers


def test_a_peers_code_is_imported_as_it_lies_and_forgotten(peers, tmp_path):
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "inner.py").write_text("VALUE = 3\n")
    (tmp_path / "outer.py").write_text(
        "import torch, missing\nfrom src.inner import VALUE\n"
        "print('much')\nmoved = torch.ones(1).cuda(non_blocking=True)\n"
    )
    before, path, cuda = set(sys.modules), list(sys.path), torch.Tensor.cuda
    with peers.Peer(tmp_path, "cpu").entered(missing=SimpleNamespace()):
        outer = importlib.import_module("outer")
        assert (outer.VALUE, outer.moved.device.type) == (3, "cpu")
    assert not {"outer", "src.inner", "missing"} & (set(sys.modules) - before)
    assert (sys.path, torch.Tensor.cuda) == (path, cuda)


def test_our_membership_scores_are_compared_with_what_a_peer_computes(peers, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    place = tmp_path / "modules" / "mia" / "attacks"
    place.mkdir(parents=True)
    (place / "rmia.py").write_text(
        "import numpy as np\n"
        "def run_rmia(asked, outside, unseen, known, elsewhere, a, references):\n"
        "    def ratio(own, others): return own / ((1 + a) / 2 * others.mean(1) + (1 - a) / 2)\n"
        "    ratios = ratio(asked, outside)[:, None] / ratio(known, elsewhere)\n"
        "    return (ratios > 1).mean(1) + .25\n"
    )
    rows = peers.membership(peers.Peer(tmp_path, "cpu"), 40, 30, 1)
    assert [row["whose"] for row in rows] == ["theirs", "ours"]
    assert rows[0]["largest difference"] == pytest.approx(0.25)


def test_a_folder_without_a_peer_is_refused_by_the_names_of_all(
    peers, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(sys, "argv", ["peers.py", str(tmp_path)])
    with pytest.raises(SystemExit):
        peers.main()
    assert "radioactive_data, ML_data_auditing, ml_privacy_meter" in capsys.readouterr().err
