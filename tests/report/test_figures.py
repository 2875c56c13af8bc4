from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from typing import Any

import matplotlib
import numpy as np
import polars as pl
import pytest
from matplotlib.figure import Figure

from taggant.report import figures, pictures, whole_set

Tables = dict[str, pl.DataFrame]


def drawn(fig: Figure) -> Figure:
    """The figure, after it has really been drawn."""
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # such as: no room left for the axes
        fig.savefig(buffer, format="png", dpi=50)
    assert buffer.getvalue().startswith(b"\x89PNG")
    return fig


def words(fig: Figure) -> str:
    texts = [text.get_text() for ax in fig.axes for text in (*ax.texts, ax.title)]
    titles = [ax.get_title(loc="left") for ax in fig.axes]
    return " | ".join([*texts, *titles])


def test_curves_show_the_p_asked_for(tables: Tables) -> None:
    fig = drawn(figures.curves(tables["curves"], p=0.05, utility="k-NN accuracy"))
    rates, losses, utilities = fig.axes
    np.testing.assert_allclose(rates.lines[0].get_ydata(), [0.05, 0.15, 0.25, 0.35])
    assert losses.get_yscale() == "log"
    assert "p = 5%" in words(fig)
    assert "used 35%" in words(fig)
    assert utilities.get_title(loc="left") == "K-NN accuracy"


def test_curves_name_the_p_that_they_show_instead(tables: Tables) -> None:
    assert "p = 1%" in words(drawn(figures.curves(tables["curves"], p=0.02)))


def test_curves_of_one_epoch_and_of_missing_measurements(tables: Tables) -> None:
    drawn(figures.curves(tables["curves"].filter(pl.col("epoch") == 3), p=0.05))
    nothing = tables["curves"].with_columns(
        pl.lit(None, dtype=pl.Float64).alias(name)
        for name in ("train_loss", "utility", "false_detection_rate", "false_detection_low")
    )
    assert len(drawn(figures.curves(nothing, p=0.05)).axes) == 1
    zero = tables["curves"].with_columns(pl.lit(0.0).alias("train_loss"))
    assert drawn(figures.curves(zero, p=0.05)).axes[1].get_yscale() == "linear"


@pytest.mark.parametrize("epochs", [[40], [20, 40], [1, 7, 40]])
def test_few_epochs_are_the_ticks(tables: Tables, epochs: list[int]) -> None:
    few = pl.concat(
        tables["curves"].filter(pl.col("epoch") == 3).with_columns(pl.lit(e).alias("epoch"))
        for e in epochs
    )
    bottom = drawn(figures.curves(few, p=0.05)).axes[-1]
    assert [label.get_text() for label in bottom.get_xticklabels()] == list(map(str, epochs))


@pytest.mark.parametrize("shares", [[0.08, 0.083, 0.084], [0.0, 0.0, 0.0], [0.999, 1.0, 0.998]])
def test_ticks_of_a_share_differ_however_little_it_moves(
    tables: Tables, shares: list[float]
) -> None:
    flat = pl.DataFrame({"epoch": [1, 2, 3], "log10_p": [-1.0, -2.0, -3.0], "utility": shares})
    rows = tables["curves"].filter((pl.col("p") == 0.05) & (pl.col("epoch") > 0))
    rows = rows.with_columns(pl.Series("utility", shares))
    for fig in (figures.curves(rows, p=0.05), whole_set.curve(flat, p=0.05)):
        ax = drawn(fig).axes[-1]
        low, high = ax.get_ylim()
        seen = [
            label.get_text()
            for label, place in zip(ax.get_yticklabels(), ax.get_yticks(), strict=True)
            if low <= place <= high
        ]
        assert len(seen) == len(set(seen)) >= 2
        assert low <= min(shares)
        assert max(shares) <= high


def test_rank_histogram_counts_every_instance(tables: Tables) -> None:
    fig = drawn(figures.ranks(tables["instances"], n=100))
    heights = [
        [bar.get_height() for bar in ax.patches if hasattr(bar, "get_height")] for ax in fig.axes
    ]
    assert [sum(each) for each in heights] == [12, 12]
    assert heights[0][0] == 9  # ranks 1 to 5 of the used


@pytest.mark.parametrize("n", [2, 7, 30])
def test_rank_histogram_of_any_n(n: int) -> None:
    every = pl.DataFrame({"group": ["unused"] * n, "exceedances": list(range(n))})
    used, unused = drawn(figures.ranks(every, n)).axes
    assert sum(bar.get_height() for bar in unused.patches if hasattr(bar, "get_height")) == n
    assert "0 images" in used.get_title(loc="left")


def test_rank_histogram_refuses_a_part(tables: Tables) -> None:
    part = pl.DataFrame({"group": ["used", "used"], "exceedances": [1, None]})
    with pytest.raises(ValueError, match="1 of 2 instances have no rank"):
        figures.ranks(part, 100)


def test_claims_choose_their_axes(tables: Tables) -> None:
    assert drawn(figures.claims(tables["claims"], p=0.05)).axes[0].get_xscale() == "log"
    coarse = tables["claims"].filter(pl.col("p") >= 0.05)
    assert drawn(figures.claims(coarse)).axes[0].get_xscale() == "linear"
    drawn(figures.claims(coarse[:1]))


def test_p_values_are_a_cumulative_share(tables: Tables) -> None:
    rows = tables["instances"]
    fig = drawn(figures.p_values(rows, p=0.05))
    used = rows.filter(pl.col("group") == "used")["p_value"].to_numpy()
    x, share = (np.asarray(part) for part in fig.axes[0].lines[0].get_data())
    for value in (0.05, 0.5):
        shown = share[np.flatnonzero(x <= value)[-1]]
        assert shown == pytest.approx((used <= value).mean())
    drawn(figures.p_values(rows.filter(pl.col("group") == "used"), p=0.05))


def test_reads_are_a_cumulative_share(tables: Tables) -> None:
    fig = drawn(figures.reads(tables["instances"], n=100))
    for line in fig.axes[0].lines[:2]:
        share = np.asarray(line.get_ydata())
        assert share[0] == 0
        assert share[-1] == 1
        assert (np.diff(share) >= 0).all()
    drawn(figures.reads(tables["instances"].filter(pl.col("group") == "used"), n=100))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("count", [1, 8])
def test_samples_amplify_the_difference(
    images: Callable[..., dict[str, Any]], channels: int, count: int
) -> None:
    made = images(channels=channels, count=count)
    fig = drawn(pictures.samples(**made))
    shown = [ax for ax in fig.axes if ax.get_visible()]
    assert len(shown) == 3 * min(count, 6)
    difference = np.asarray(shown[-1].images[0].get_array())
    assert set(np.unique(difference)) == {128 - 80, 128 + 80}


def test_drawing_leaves_the_settings_of_others_alone(tables: Tables) -> None:
    before = dict(matplotlib.rcParams)
    figures.reads(tables["instances"], n=100)
    assert dict(matplotlib.rcParams) == before
