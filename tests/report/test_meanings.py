from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.conftest import ROOT

from taggant.report.meanings import FURTHER, METRICS, TABLE, rows


def test_every_meaning_has_words():
    for key, meaning in METRICS.items():
        assert meaning.label, key
        assert len(meaning.text.split()) > 1, key


def noted() -> Iterator[str]:
    """Keys that unlearning methods write among the metrics of their own accord."""
    for path in (ROOT / "src/taggant/unlearning").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.AugAssign) and ast.unparse(node.target).endswith(".notes"):
                assert isinstance(node.value, ast.Dict), "a literal, so that this test reads it"
                yield from map(ast.literal_eval, filter(None, node.value.keys))


def test_what_an_unlearning_method_notes_has_a_meaning():
    found = set(noted())
    assert {"rewind_epoch", "solve_residual"} <= found <= set(METRICS)


def test_every_metric_stands_under_one_heading():
    assert sum(map(len, TABLE.values())) == len(METRICS)
    lines = rows({"my_own_metric": 2.5, "psnr": 28.25, "p": 0.05, "used": 3})
    assert [line.heading for line in lines] == ["Outcome", "Outcome", "Marks", FURTHER]


def test_known_metrics_come_in_order_and_unknown_ones_under_their_keys():
    found = rows({"my_own_metric": 2.5, "psnr": 28.25, "p": 0.05})
    assert [row.key for row in found] == ["p", "psnr", "my_own_metric"]
    assert [row.value for row in found] == ["5%", "28.2 dB", "2.5"]
    assert (found[2].label, found[2].meaning) == ("My own metric", "my_own_metric in result.json")


def test_intervals_are_written_like_their_values():
    metrics = {
        "detection_rate": 0.5,
        "detection_rate_ci": [0.25, 0.75],
        "loss_gap": 0.01,
        "loss_gap_ci": [-0.02, 0.04],
        "auc": 0.9,
        "auc_ci": [0.816, 0.988],
        "psnr": 28.0,
    }
    between = {row.key: row.interval for row in rows(metrics)}
    assert between == {
        "detection_rate": "25.0–75.0%",
        "loss_gap": "-0.02 to 0.04",
        "auc": "0.816 to 0.988",
        "psnr": "",
    }


def test_what_is_absent_has_no_line():
    assert rows({"fault": None, "detection_rate": None, "detection_rate_ci": None}) == []
    (line,) = rows({"fault": "the model drifts"})
    assert (line.label, line.value) == ("Fault", "the model drifts")


def test_a_flag_is_no_number():
    assert [row.value for row in rows({"claim": True, "status": "ok"})] == ["yes", "ok"]
