from __future__ import annotations

import io
import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from taggant.auditing import unlearning
from taggant.auditing.instance import replay
from taggant.auditing.readings import Readings
from taggant.report import RunFolder, load
from taggant.report.meanings import METRICS
from taggant.report.sections import sections
from taggant.stats import rank, two_sided


def audited() -> dict[str, Any]:
    """Metrics of an audit of three images, as the pipeline makes them."""
    bits = np.zeros((3, 19), bool)
    readings = Readings(bits, np.zeros_like(bits), np.full(3, 19), 20, 0.0, 0)
    members = unlearning.groups(np.array([True, True, False]), np.array([True, False, False]))
    found = unlearning.auc_row("auc", np.ones(2), np.zeros(2))
    for suffix in ("_before", ""):
        one, both = rank(20, 0.1), two_sided(rank, 20, 0.1)
        found |= unlearning.group_rates(replay(one, readings), members, suffix)
        replayed = replay(both, readings)
        found |= unlearning.group_rates(replayed, members, f"_two_sided{suffix}")
    return found


def test_every_metric_of_the_audit_has_a_label():
    found = audited()
    named = {name for name in found if not name.endswith("_ci")}
    assert named <= set(METRICS)
    assert {"forgotten_rate_before", "unused_over_rate_two_sided", "auc"} <= named


@pytest.fixture
def unlearned(unlearned_folder: Path) -> RunFolder:
    run = load(unlearned_folder)
    assert isinstance(run, RunFolder)
    return run


def test_the_report_shows_groups_and_every_image_before_and_after(unlearned: RunFolder):
    drawn = {section.name: section for section in sections(unlearned)}
    assert [*drawn][:2] == ["forgetting", "instances"]
    assert drawn["curves"].title == "Detection over training, before unlearning"
    panels = drawn["instances"].figure.axes
    assert [ax.get_title("left") for ax in panels] == [
        "forgotten (5)",
        "retained (7)",
        "unused (12)",
    ]
    assert panels[0].lines[1].get_ydata().tolist() == [0.0, 0.2, 0.5, 0.9, 1.0]
    (rates,) = drawn["forgetting"].figure.axes
    assert [text.get_text() for text in rates.get_yticklabels()][:2] == [
        "forgotten, before",
        "forgotten, after",
    ]
    shown = [bar.lines[0].get_xdata()[0] for bar in rates.containers]
    assert shown == pytest.approx([0.8, 0.8, 0, 0, 5 / 7, 5 / 7, 6 / 7, 6 / 7] + [1 / 12] * 4)


@pytest.mark.parametrize("name", ["ranks", "reads"])
def test_no_figure_lumps_forgotten_and_retained_images_together(unlearned: RunFolder, name: str):
    (section,) = [section for section in sections(unlearned) if section.name == name]
    figure = section.figure
    titles = [ax.get_title("left") for ax in figure.axes]
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    said = " | ".join(titles if name == "ranks" else legend).lower()
    assert all(group in said for group in ("forgotten", "retained", "unused"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # such as: no room left for the axes
        figure.savefig(io.BytesIO(), format="png", dpi=40)


def test_a_void_audit_has_no_rates_to_draw(unlearned: RunFolder, edit: Any):
    def void(value: dict[str, Any]) -> None:
        metrics = value["metrics"]
        metrics.update({name: None for name in metrics if "rate" in name}, fault="it drifts")

    edit("result.json", void)
    drawn = {section.name: section for section in sections(load(unlearned.path))}
    assert drawn["forgetting"].figure is None
    assert drawn["instances"].figure is not None


def test_a_run_that_forgot_nothing_shows_neither(run_folder: Path):
    names = {section.name for section in sections(load(run_folder))}
    assert not names & {"forgetting", "instances"}
    assert json.loads((run_folder / "context.json").read_text())["unlearning"] == "none"
