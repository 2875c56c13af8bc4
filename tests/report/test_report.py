from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from taggant.report import __main__ as command
from taggant.report import report, write

FIGURES = {"curves", "ranks", "claims", "reads", "samples"}


def state(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_writes_figures_and_page(run_folder: Path) -> None:
    before = state(run_folder)
    page = write(run_folder)
    assert page == run_folder / "report.html"
    after = state(run_folder)
    made = {f"figures/{name}.png" for name in FIGURES} | {"report.html"}
    assert set(after) - set(before) == made
    assert {name: after[name] for name in before} == before


def test_the_same_run_gives_the_same_report(run_folder: Path) -> None:
    write(run_folder)
    first = state(run_folder)
    write(run_folder)
    assert state(run_folder) == first


def test_writes_vector_figures_on_request(run_folder: Path) -> None:
    write(run_folder, formats=("png", "pdf"))
    assert {path.name for path in (run_folder / "figures").glob("*.pdf")} == {
        f"{name}.pdf" for name in FIGURES
    }


def test_a_failure_leaves_the_earlier_report_untouched(
    run_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(run_folder)
    before = state(run_folder)

    def fail(*_: object) -> str:
        raise RuntimeError("power cut")

    monkeypatch.setattr(report, "render", fail)
    with pytest.raises(RuntimeError, match="power cut"):
        write(run_folder)
    assert state(run_folder) == before


def test_removes_a_figure_that_the_run_no_longer_supports(run_folder: Path) -> None:
    write(run_folder)
    (run_folder / "curves.csv").unlink()
    write(run_folder)
    assert not (run_folder / "figures" / "curves.png").exists()
    assert (run_folder / "figures" / "ranks.png").exists()


def test_command_line(run_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main([str(run_folder)]) == 0
    assert capsys.readouterr().out.strip() == str(run_folder / "report.html")
    assert command.main([str(run_folder), "--formats", "gif2"]) == 2
    assert "unknown figure format 'gif2'" in capsys.readouterr().err


def test_command_line_names_the_missing_file(run_folder: Path) -> None:
    (run_folder / "instances.parquet").unlink()
    source = Path(report.__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-m", "taggant.report", str(run_folder)],
        env={**os.environ, "PYTHONPATH": str(source)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("error: instances.parquet is missing in ")
    assert "Traceback" not in done.stderr
    assert not (run_folder / "report.html").exists()
