"""What the presets at the papers' size would need."""

from __future__ import annotations

import pytest
from experiments.__main__ import main

from experiments import paper


def test_a_preset_counts_epochs_versions_views_and_snapshots():
    found = paper.need("instance/paper/classifier_cifar10")
    assert found.victims == 1  # both tests are replayed on one reading
    assert found.trained == 80 * 50_000
    assert found.asked == 1000 * 1000 * 16 * 8
    assert found.hours(1000) == pytest.approx((4_000 + 128_000 / 3) / 3600)


def test_models_that_unlearning_trains_anew_count_and_methods_are_asked():
    found = paper.need("unlearning/paper/forget_size")
    assert found.victims == 1 + 4
    assert found.asked == 5 * 4 * 1000 * 1000 * 16


def test_swept_marks_need_victims_of_their_own():
    assert paper.need("radioactive/paper/fractions").victims == 12


def test_all_presets_are_listed_and_others_refused(capsys, monkeypatch):
    monkeypatch.setattr(paper, "need", lambda name: paper.Need(name, 1, 10**6, 0))
    assert main(["paper", "--rate", "1000"]) == 0
    assert all(name in capsys.readouterr().out for name in ("clip/paper/fine_tune",))
    assert main(["paper", "demo"]) == 2
