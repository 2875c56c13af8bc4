"""The table of runs: names kept, values found as they are typed, foreign files named."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from taggant import code
from taggant.report import __main__ as command
from taggant.report.runs import main, over_seeds, table, where


def put(
    folder: Path, name: str = "demo", digest: str = "d0", seed: int = 0, **metrics: object
) -> Path:
    """A run folder with no more than the table needs."""
    folder.mkdir(parents=True)
    metrics = {"p": 0.05, "detection_rate": 0.5, "detection_rate_ci": [0.4, 0.6], **metrics}
    record = {
        "schema": 1,
        "experiment": name,
        "digest": digest,
        "choices": {"experiment": "unlearning/strength", "score": "margin"},
        "stages": {"train": {"digest": "t", "seconds": 2.0, "cached": False}},
        "metrics": metrics,
    }
    config = {
        "name": name,
        "seed": seed,
        "audit": {"p": 0.05, "live": True, "shard": None, "curve": [0.01, 0.1]},
    }
    (folder / "result.json").write_text(json.dumps(record))
    (folder / "config.json").write_text(json.dumps(config))
    return folder


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    put(tmp_path / "1", "first", "d0")
    put(tmp_path / "2", "second", "d0")
    put(tmp_path / "3", "second", "d1", seed=1, detection_rate=0.7)
    return tmp_path


def test_two_names_of_one_experiment_are_two_rows(runs):
    found = table(runs)
    assert found["name"].to_list() == ["first", "second", "second"]
    assert set(found["experiment"]) == {"unlearning/strength"}
    assert (found["detection_rate_low"][0], found["seconds.spent"][0]) == (0.4, 2.0)


def test_a_repetition_counts_once_and_another_config_does_not_repeat(runs):
    put(runs / "4", "first", "d0")
    config = json.loads((put(runs / "5", "first", "d0") / "config.json").read_text())
    config["audit"]["batch_size"] = 64  # no result depends on it, and yet it was asked for
    (runs / "5" / "config.json").write_text(json.dumps(config))
    folders = [Path(folder).name for folder in table(runs)["folder"]]
    assert folders == ["2", "3", "4", "5"]
    assert table(runs, all_repeats=True).height == 5


def test_what_another_part_of_a_record_says_hides_nothing(runs):
    put(runs / "4", "first", "d2", score="high", seed=7)
    row = table(runs).row(by_predicate=pl.col("digest") == "d2", named=True)
    assert (row["score"], row["metrics.score"], row["seed"]) == ("margin", "high", 7)


@pytest.mark.parametrize(
    ("condition", "rows"),
    [
        ("audit.live=True", 3),
        ("audit.live=true", 3),
        ("audit.shard=null", 3),
        ("audit.shard=None", 3),
        ("audit.p=.050", 3),
        ("audit.p = 5e-2", 3),
        ("audit.curve=[0.01,0.10]", 3),
        ("seed=1.0", 1),
        ("name=second", 2),
    ],
)
def test_a_value_is_found_as_it_is_typed(runs, condition, rows):
    assert where(table(runs), [condition]).height == rows


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ("audit.live=False", "no run has it; there are audit.live = true"),
        ("audit.shard=1/4", "there are audit.shard = null"),
        ("audit.p=high", "there are audit.p = 0.05"),
        ("audit.live=1", "there are audit.live = true"),
        ("name=third", "there are name = first, second"),
        ("audit.p", "accepted is COLUMN=VALUE"),
        ("audit.q=1", r"no column \['audit.q'\]; there are: .*audit.p"),
    ],
)
def test_a_condition_that_nothing_meets_says_what_there_is(runs, condition, said):
    with pytest.raises(ValueError, match=said):
        where(table(runs), [condition])


def test_pooling_counts_equal_results_once(runs):
    pooled = over_seeds(table(runs), ["experiment"], ["detection_rate"])
    assert pooled["runs"].to_list() == [2]
    assert pooled["detection_rate.mean"][0] == pytest.approx(0.6)


@pytest.mark.parametrize("metric", ["name", "score", "digest", "audit.curve"])
def test_text_is_no_metric(runs, capsys, metric):
    assert main([str(runs), "--by", "seed", "--metric", metric]) == 2
    assert f"--metric {metric}: " in capsys.readouterr().err


def test_truth_is_a_metric(runs):
    put(runs / "4", "first", "d2", claim=True)
    assert over_seeds(table(runs), ["name"], ["claim"])["claim.mean"].to_list() == [1.0, None]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[]",
        b"null",
        b"{}",
        b'{"schema": 2}',
        b'{"schema": 1, "experiment": "x", "digest": "d", "stages": [], "metrics": {}}',
        b'{"schema": 1, "experiment": "x", "digest": "d", "stages": {"a": 1}, "metrics": {}}',
        b'{"schema": 1, "experiment": null, "digest": "d", "stages": {}, "metrics": {}}',
        b'{"schema": 1, "experiment": "x", "digest": "d", "stages": {}, "metrics": {"a_ci": 1}}',
    ],
)
def test_a_foreign_record_is_skipped_by_name(runs, capsys, content):
    (runs / "other").mkdir()
    (runs / "other" / "result.json").write_bytes(content)
    assert table(runs).height == 3
    assert f"left out: {runs / 'other' / 'result.json'}: " in capsys.readouterr().err


def test_a_folder_of_that_name_and_a_damaged_config_are_skipped_by_name(runs, capsys):
    (runs / "folder" / "result.json").mkdir(parents=True)
    (runs / "1" / "config.json").write_text("[1, 2]")
    assert table(runs).height == 2
    said = capsys.readouterr().err
    for name in ("folder", "1"):
        assert f"left out: {runs / name / 'result.json'}: " in said


def test_command_line(runs, capsys, tmp_path):
    assert command.main(["runs", str(runs)]) == 0
    assert "second" in capsys.readouterr().out
    assert command.main(["runs", str(runs / "nowhere")]) == 2
    assert "no finished run" in capsys.readouterr().err
    for name in ("all.csv", "all.parquet"):
        assert main([str(runs), "--out", str(tmp_path / name)]) == 0
    assert pl.read_parquet(tmp_path / "all.parquet").height == 3


def test_runs_older_than_the_code_are_told(runs, capsys):
    same, older = code.closure(["taggant.files"]), {"taggant.files": "0"}
    for name, noted in (("1", same), ("2", older)):
        path = runs / name / "result.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), "code": noted}))
    assert table(runs)["code"].to_list() == ["same", "changed", None]
    assert main([str(runs), "--columns", "name", "code"]) == 0
    said = capsys.readouterr().err
    assert "1 of 3 runs were made by code that has changed since" in said
    assert "1 of 3 runs do not say what code made them" in said
    assert main([str(runs), "--where", "code=same"]) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("noted", [[], "text", {"taggant.files": 1}])
def test_a_record_of_code_that_is_none_is_left_out(runs, capsys, noted):
    path = runs / "1" / "result.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "code": noted}))
    assert len(table(runs)) == 2
    assert f"left out: {path}" in capsys.readouterr().err
