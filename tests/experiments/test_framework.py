"""The framework of figures: discovery, collection, what is kept, what is checked."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import polars as pl
import pytest
from experiments.__main__ import main
from experiments.collect import newest, rates
from experiments.experiment import Experiment, every, named
from tests.conftest import ROOT

from experiments import Expected, collect, gallery, output, reproduce
from taggant import code
from taggant.groups import CONF

NAMES = [one.name for one in every()]


def one(name: str) -> Experiment:
    (found,) = [each for each in every() if each.name == name]
    return found


@pytest.mark.parametrize("name", NAMES)
def test_every_experiment_has_a_title_runs_and_a_way_to_draw(name):
    experiment = one(name)
    assert len(experiment.title.split()) > 1
    assert callable(experiment.module.draw)
    assert all((CONF / "experiment" / f"{run}.yaml").exists() for run in experiment.runs)


@pytest.mark.parametrize("name", [name for name in NAMES if one(name).path.exists()])
def test_every_kept_table_draws_and_is_as_expected(name, tmp_path):
    experiment = one(name)
    assert experiment.problems() == []
    files = output.save(experiment.draw(), tmp_path / "drawn")
    assert all(path.stat().st_size for path in files)
    assert experiment.table["date"].str.contains(r"^\d{4}-\d{2}-\d{2}$").all()


def test_the_page_of_commands_is_up_to_date():
    kept = (ROOT / "docs" / "reproducing.md").read_text()
    assert kept == reproduce.page(every()), "python -m experiments page > docs/reproducing.md"


def write_run(runs: Path, folder: str, p: float, rate: float) -> None:
    path = runs / "smoke_sweep" / folder
    path.mkdir(parents=True)
    metrics = {"p": p, "detection_rate": rate, "detection_rate_ci": [rate - 0.1, rate + 0.1]}
    record = {
        "schema": 1,
        "experiment": "smoke_sweep",
        "digest": folder,
        "choices": {"experiment": "smoke_sweep", "score": "margin", "audit/test": "optimal"},
        "stages": {},
        "metrics": metrics,
    }
    (path / "result.json").write_text(json.dumps(record))
    (path / "config.json").write_text(json.dumps({"name": "smoke_sweep", "audit": {"p": p}}))


def test_the_newest_run_of_each_swept_cell_is_kept(tmp_path):
    write_run(tmp_path, "2026-01-01_00-00-00_1/0", 0.05, 0.5)
    write_run(tmp_path, "2026-01-02_00-00-00_1/0", 0.05, 0.6)
    write_run(tmp_path, "2026-01-01_00-00-00_1/1", 0.1, 0.7)
    table = rates(newest(["smoke_sweep"], tmp_path)).sort("audit.p")
    assert table.columns[:2] == ["score", "audit.p"]
    assert table["detection_rate"].to_list() == [0.6, 0.7]
    assert table["date"].to_list() == ["2026-01-02", "2026-01-01"]


def test_runs_that_are_missing_are_named(tmp_path):
    with pytest.raises(ValueError, match="no finished run"):
        newest(["smoke_sweep"], tmp_path)


@pytest.mark.parametrize(
    ("expected", "problem"),
    [
        (Expected({"x": 1}, "y", 0.5, 0.1), None),
        (Expected({"x": 1}, "y", 0.7, 0.1), "y is 0.55, expected is 0.7 ± 0.1 (own run)"),
        (Expected({"x": 3}, "y", 0.5, 0.1), "0 rows, expected is one"),
        (Expected({"z": 3}, "y", 0.5, 0.1), "no column z"),
        (Expected({"x": 2}, "y", 0.5, 0.1, "paper"), "y is None"),
    ],
)
def test_expected_values_say_what_is_off(expected, problem):
    found = expected.problem(pl.DataFrame({"x": [1, 2], "y": [0.55, None]}))
    assert found is None if problem is None else problem in found


def test_names_may_be_groups_and_wrong_ones_are_refused():
    assert [each.name for each in named(["instance/demo"])] == ["instance/demo"]
    assert len(named(["instance"])) == len([name for name in NAMES if name.startswith("instance/")])
    with pytest.raises(ValueError, match="no experiment 'nowhere'; there are: "):
        named(["nowhere"])


def test_tables_are_written_for_people_programs_and_papers(tmp_path):
    table = pl.DataFrame({"a_b": ["10 %", None], "n": [1, 2]})
    markdown, csv, latex = (path.read_text() for path in output.save(table, tmp_path / "t"))
    assert markdown == "| a_b | n |\n| --- | --- |\n| 10 % | 1 |\n|  | 2 |\n"
    assert csv == "a_b,n\n10 %,1\n,2\n"
    assert r"a\_b & n \\" in latex
    assert r"10 \% & 1 \\" in latex


def test_the_command_line_lists_checks_and_draws(tmp_path, capsys):
    assert main(["list"]) == 0
    assert "instance/demo" in capsys.readouterr().out
    nothing = ["--results", str(tmp_path / "results"), "--figures", str(tmp_path)]
    assert main([*nothing, "check", "instance/demo"]) == 1
    assert "no results yet: python -m experiments run instance/demo" in capsys.readouterr().out
    assert main([*nothing, "draw", "instance/demo"]) == 2
    assert main([*nothing, "draw"]) == 0
    assert main([*nothing, "run", "instance"]) == 2


@pytest.fixture
def kept(tmp_path) -> Experiment:
    """An experiment with results."""
    one = Experiment("instance/demo", tmp_path)
    one.path.parent.mkdir()
    shutil.copy(Experiment("instance/demo").path, one.path)
    return one


@pytest.mark.parametrize(
    ("noted", "said"),
    [
        (None, "made by code that was not noted"),
        ({}, "made by code that was not noted"),
        (code.closure(["taggant.files"]), ""),
        (
            {"taggant.files": "0", "taggant.gone": "1"},
            "older than the code: taggant.files and 1",
        ),
        ({"taggant.gone": "1"}, "older than the code: taggant.gone changed since"),
    ],
)
def test_the_gallery_says_when_results_are_older_than_the_code(kept, tmp_path, noted, said):
    if noted is not None:
        kept.code_path.write_text(json.dumps(noted))
    assert kept.age.startswith(said)
    assert bool(kept.age) == bool(said)
    page = gallery.write([kept], tmp_path / "gallery.html", tmp_path).read_text()
    assert kept.age in page
    assert ("older" in page) == ("older" in said)


def test_the_code_of_several_runs_is_all_of_theirs(tmp_path):
    def noted(*codes: dict[str, str]) -> dict[str, str]:
        for number, one in enumerate(codes):
            (tmp_path / str(number)).mkdir(exist_ok=True)
            (tmp_path / str(number) / "result.json").write_text(json.dumps({"code": one}))
        folders = [str(tmp_path / str(number)) for number in range(len(codes))]
        return collect.code_of(pl.DataFrame({"folder": folders}))

    assert noted({"a": "1"}, {"a": "1", "b": "2"}) == {"a": "1", "b": "2"}
    assert noted({"a": "1"}, {"a": "3"}) == {"a": "1 3"}
    assert noted({"a": "1"}, {}) == {}


def test_the_gallery_shows_every_experiment_and_needs_no_other_file(tmp_path):
    demo = Experiment("instance/demo", tmp_path)
    page = gallery.write([demo], tmp_path / "gallery.html", tmp_path).read_text()
    assert "python -m experiments run instance/demo" in page
    assert "no results yet" in page
    assert "http" not in page
