from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from taggant.report import __main__ as command
from taggant.report import report, style, write

FIGURES = {"curves", "ranks", "claims", "reads", "samples"}


@pytest.fixture(autouse=True)
def coarse_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few pixels: these tests are about files, not about how figures look."""
    monkeypatch.setitem(style.SETTINGS, "savefig.dpi", 40)


@pytest.fixture
def two_figures(run_folder: Path) -> Path:
    """A run folder that has the data of two figures only, to be quick."""
    for name in ("curves.csv", "samples.safetensors"):
        (run_folder / name).unlink()
    path = run_folder / "instances.parquet"
    unread = pl.lit(None, dtype=pl.Int64).alias("exceedances")
    pl.read_parquet(path).with_columns(unread).write_parquet(path)
    return run_folder


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


def test_the_same_run_gives_the_same_report(two_figures: Path) -> None:
    write(two_figures)
    first = state(two_figures)
    write(two_figures)
    assert state(two_figures) == first


def test_writes_vector_figures_on_request(two_figures: Path) -> None:
    write(two_figures, formats=("png", "pdf"))
    assert {path.name for path in (two_figures / "figures").glob("*.pdf")} == {
        "claims.pdf",
        "reads.pdf",
    }


def test_a_failure_leaves_the_earlier_report_untouched(
    two_figures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(two_figures)
    before = state(two_figures)

    def fail(*_: object) -> str:
        raise RuntimeError("power cut")

    monkeypatch.setattr(report, "render", fail)
    with pytest.raises(RuntimeError, match="power cut"):
        write(two_figures)
    assert state(two_figures) == before


def test_removes_a_figure_that_the_run_no_longer_supports(two_figures: Path) -> None:
    write(two_figures)
    (two_figures / "claims.csv").unlink()
    write(two_figures)
    assert not (two_figures / "figures" / "claims.png").exists()
    assert (two_figures / "figures" / "reads.png").exists()


def test_command_line(two_figures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main([str(two_figures)]) == 0
    assert capsys.readouterr().out.strip() == str(two_figures / "report.html")
    assert command.main([str(two_figures), "--formats", "gif2"]) == 2
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
