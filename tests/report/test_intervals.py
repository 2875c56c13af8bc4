from __future__ import annotations

import re

import numpy as np
import polars as pl
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from tests.conftest import ROOT

from taggant.report.intervals import band, bars


@pytest.fixture
def ax() -> Axes:
    return Figure().subplots()


def ends(path: np.ndarray, axis: int) -> tuple[float, float]:
    return float(path[:, axis].min()), float(path[:, axis].max())


def test_a_band_covers_the_interval_and_the_line_the_values(ax: Axes) -> None:
    table = pl.DataFrame({"x": [1, 2, 3], "y": [0.2, None, 0.4], "l": [0.1, None, 0.3]})
    band(ax, table["x"], table["y"], table["l"], [0.5, np.nan, 0.6], "#0072b2", label="used")
    (shade,) = ax.collections
    assert ends(shade.get_paths()[0].vertices, 1) == (0.1, 0.6)
    assert ax.lines[0].get_xdata().tolist() == [1, 3]
    assert ax.get_legend_handles_labels()[1] == ["used"]


def test_one_point_has_a_bar(ax: Axes) -> None:
    band(ax, [1, 2], [0.2, 0.3], [0.1, np.nan], [0.5, np.nan], "#0072b2")
    (bar,) = ax.collections
    assert ends(bar.get_paths()[0].vertices, 1) == (0.1, 0.5)


@pytest.mark.parametrize(("across", "axis"), [("x", 0), ("y", 1)])
def test_bars_reach_from_end_to_end(ax: Axes, across: str, axis: int) -> None:
    bars(ax, [7, 8], [0.2, 0.9], [0.1, 0.8], [0.5, 0.9], "#0072b2", across=across, hollow=True)  # type: ignore[arg-type]
    (drawn,) = ax.containers
    points, _, (sides,) = drawn
    found = np.array([ends(path.vertices, axis) for path in sides.get_paths()])
    np.testing.assert_allclose(found, [(0.1, 0.5), (0.8, 0.9)])
    assert points.get_xydata()[:, 1 - axis].tolist() == [7, 8]
    assert points.get_markerfacecolor() != points.get_color()


def test_a_value_that_rounding_put_outside_its_interval_is_drawn(ax: Axes) -> None:
    bars(ax, 0, 1.0, 0.9, 1 - 1e-12, "#0072b2")
    (drawn,) = ax.containers
    points, _, (sides,) = drawn
    assert points.get_xydata().tolist() == [[1, 0]]
    assert ends(sides.get_paths()[0].vertices, 0) == (0.9, 1.0)


def test_intervals_are_drawn_here_and_nowhere_else() -> None:
    here = "src/taggant/report/intervals.py"
    drawing = re.compile(r"\.(errorbar|fill_between|fill_betweenx|vlines|hlines)\(")
    found = {
        path.relative_to(ROOT).as_posix()
        for folder in ("src", "experiments", "notebooks")
        for path in (ROOT / folder).rglob("*")
        if path.suffix in (".py", ".ipynb") and drawing.search(path.read_text(encoding="utf-8"))
    }
    assert found == {here}
