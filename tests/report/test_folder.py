from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from safetensors.numpy import save_file

from taggant.report import RunFolderError, SetFolder, load


def test_loads_everything(run_folder: Path) -> None:
    run = load(run_folder)
    assert run.instances.height == 24
    assert run.ranks_complete
    assert run.curves is not None
    assert run.claims is not None
    assert run.samples is not None
    assert run.samples.raw.shape == (3, 3, 8, 8)


@pytest.mark.parametrize("name", ["result.json", "context.json", "instances.parquet"])
def test_names_the_missing_file(run_folder: Path, name: str) -> None:
    (run_folder / name).unlink()
    with pytest.raises(RunFolderError, match=f"{name} is missing"):
        load(run_folder)


def test_a_run_on_a_whole_set_is_told_by_its_metrics(set_folder: Path) -> None:
    run = load(set_folder)
    assert isinstance(run, SetFolder)
    assert run.curve is not None
    assert run.controls is not None
    for name in ("classes.parquet", "controls.parquet", "log10_p.csv"):
        (set_folder / name).unlink()
        assert load(set_folder).metrics["claim"] is False


@pytest.mark.parametrize("name", ["log10_p.csv", "classes.parquet", "controls.parquet"])
def test_names_the_file_of_a_whole_set_that_cannot_be_read(set_folder: Path, name: str) -> None:
    (set_folder / name).write_bytes(b"spoilt")
    with pytest.raises(RunFolderError, match=name):
        load(set_folder)


def test_refuses_what_is_no_folder(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="nowhere is not a folder"):
        load(tmp_path / "nowhere")


@pytest.mark.parametrize("name", ["curves.csv", "claims.csv", "samples.safetensors"])
def test_optional_files_may_be_missing(run_folder: Path, name: str) -> None:
    (run_folder / name).unlink()
    assert getattr(load(run_folder), Path(name).stem) is None


def test_a_table_without_rows_counts_as_missing(run_folder: Path) -> None:
    path = run_folder / "curves.csv"
    path.write_text(path.read_text(encoding="utf-8").splitlines()[0] + "\n", encoding="utf-8")
    assert load(run_folder).curves is None


@pytest.mark.parametrize(
    "name",
    ["result.json", "context.json", "instances.parquet", "curves.csv", "samples.safetensors"],
)
def test_names_the_file_that_cannot_be_read(run_folder: Path, name: str) -> None:
    (run_folder / name).write_bytes(b"")
    with pytest.raises(RunFolderError, match=name):
        load(run_folder)


def test_names_missing_columns_and_keys(run_folder: Path, edit) -> None:  # type: ignore[no-untyped-def]
    path = run_folder / "claims.csv"
    pl.read_csv(path).drop("detection_low").write_csv(path)
    with pytest.raises(RunFolderError, match=r"claims\.csv: column 'detection_low' missing"):
        load(run_folder)
    path.unlink()
    edit("result.json", lambda value: value["metrics"].pop("used"))
    with pytest.raises(RunFolderError, match=r"result\.json: metric 'used' missing"):
        load(run_folder)


def test_names_a_cell_that_is_no_number(run_folder: Path) -> None:
    path = run_folder / "curves.csv"
    path.write_text(path.read_text(encoding="utf-8").replace("0.05", "often"), encoding="utf-8")
    with pytest.raises(RunFolderError, match=r"curves\.csv.*often"):
        load(run_folder)


@pytest.mark.parametrize(
    ("name", "key", "value", "words"),
    [
        ("result.json", "schema", 2, "schema 2; accepted: 1"),
        ("context.json", "secret", "hidden", "secret 'hidden'; accepted: file, simulated"),
    ],
)
def test_refuses_unknown_values(  # type: ignore[no-untyped-def]
    run_folder: Path, edit, name: str, key: str, value: object, words: str
) -> None:
    edit(name, lambda content: content.update({key: value}))
    with pytest.raises(RunFolderError, match=words):
        load(run_folder)


def test_refuses_samples_that_are_no_images(run_folder: Path) -> None:
    path = run_folder / "samples.safetensors"
    save_file({"raw": np.zeros((2, 4, 8, 8), np.uint8)}, path)
    with pytest.raises(RunFolderError, match="tensor 'published' missing"):
        load(run_folder)
    four = np.zeros((2, 4, 8, 8), np.uint8)
    save_file({"raw": four, "published": four}, path)
    with pytest.raises(RunFolderError, match=r"raw is uint8 \[2, 4, 8, 8\]"):
        load(run_folder)
    save_file({"raw": four[:, :3], "published": four[:1, :3]}, path)
    with pytest.raises(RunFolderError, match=r"raw is \[2, 3, 8, 8\] but published \[1, 3, 8, 8\]"):
        load(run_folder)


def test_ranks_of_a_part_are_no_ranks(run_folder: Path) -> None:
    path = run_folder / "instances.parquet"
    unread = pl.when(pl.col("exceedances") > 20).then(None).otherwise(pl.col("exceedances"))
    pl.read_parquet(path).with_columns(unread.alias("exceedances")).write_parquet(path)
    assert not load(run_folder).ranks_complete
