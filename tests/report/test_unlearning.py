from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from taggant.audit import unlearning
from taggant.audit.engine import Readings
from taggant.audit.instance import replay
from taggant.report import RunFolder
from taggant.report.html import KNOWN_METRICS, render, sections
from taggant.report.unlearning import METRICS, PART
from taggant.stats import rank, two_sided


def audited() -> dict[str, Any]:
    """Metrics of an audit of three images, as the pipeline makes them."""
    bits = np.zeros((3, 19), bool)
    readings = Readings(bits, np.full(3, 19), 20, 0.0, 0)
    members = unlearning.groups(np.array([True, True, False]), np.array([True, False, False]))
    found = unlearning.auc_row("auc", np.ones(2), np.zeros(2))
    for suffix in ("_before", ""):
        one, both = rank(20, 0.1), two_sided(rank, 20, 0.1)
        found |= unlearning.group_rates(replay(one, readings), members, suffix)
        told = replay(both, readings)
        found |= unlearning.group_rates(told, members, f"_two_sided{suffix}")
    return found


def test_every_metric_of_the_audit_has_a_label():
    found = audited()
    named = {name for name in found if not name.endswith("_ci")}
    assert named <= set(KNOWN_METRICS)
    assert {"forgotten_rate_before", "unused_over_rate_two_sided", "auc"} <= named & set(METRICS)


@pytest.fixture
def unlearned(run_folder: Path, edit: Any) -> RunFolder:
    """A run that forgot 5 of its 12 used images, of which one is still ranked first."""
    part = ["forgotten"] * 5 + ["retained"] * 7 + ["unused"] * 12
    shares = {"beaten_before": [0.0] * 24, "beaten": [0.0, 0.2, 0.5, 0.9, 1.0] + [0.1] * 19}
    path = run_folder / "instances.parquet"
    columns = (pl.Series(name, values) for name, values in {PART: part, **shares}.items())
    pl.read_parquet(path).with_columns(columns).write_parquet(path)
    edit("result.json", lambda value: value["metrics"].update(audited()))
    edit("context.json", lambda value: value.update(unlearning="scrub"))
    return RunFolder.load(run_folder)


def test_the_report_shows_groups_and_every_image_before_and_after(unlearned: RunFolder):
    drawn = {section.name: section for section in sections(unlearned)}
    assert [*drawn][:2] == ["forgetting", "instances"]
    page = render(unlearned, [drawn["forgetting"], drawn["instances"]])
    assert "Before and after unlearning" in page
    assert "Every image before and after" in page
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


def test_the_loss_in_training_is_that_of_the_model_before(unlearned: RunFolder):
    assert "before unlearning" in render(unlearned, ())


def test_a_run_that_forgot_nothing_shows_neither(run_folder: Path):
    names = {section.name for section in sections(RunFolder.load(run_folder))}
    assert not names & {"forgetting", "instances"}
    assert json.loads((run_folder / "context.json").read_text())["unlearning"] == "none"
