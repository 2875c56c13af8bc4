from __future__ import annotations

import re
from pathlib import Path

import matplotlib
import pytest
from matplotlib.figure import Figure

from taggant.report import style


def figure() -> Figure:
    fig = Figure(figsize=(2, 2))
    fig.subplots().plot([0, 1], [0, 1], color=style.USED)
    return fig


def test_save_writes_each_format(tmp_path: Path) -> None:
    paths = style.save(figure(), tmp_path / "deep" / "line.v1", formats=("png", "pdf"))
    assert [path.name for path in paths] == ["line.v1.png", "line.v1.pdf"]
    assert paths[0].read_bytes().startswith(b"\x89PNG")
    assert paths[1].read_bytes().startswith(b"%PDF")


def test_save_refuses_an_unknown_format_before_it_writes(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"'gif2'; accepted: .*pdf.*png"):
        style.save(figure(), tmp_path / "line", formats=("png", "gif2"))
    assert not list(tmp_path.iterdir())


def test_inline_svg_takes_its_colours_from_the_page() -> None:
    svg = style.inline_svg(figure(), "line")
    assert svg.startswith("<svg")
    assert "var(--used)" in svg
    assert style.USED not in svg
    assert "http" not in svg


def test_inline_svgs_share_no_identifier_and_point_at_their_own() -> None:
    one, two = (style.inline_svg(figure(), name) for name in ("one", "two"))
    identifiers = [set(re.findall(r'\bid="([^"]+)"', svg)) for svg in (one, two)]
    assert identifiers[0].isdisjoint(identifiers[1])
    for svg, own in zip((one, two), identifiers, strict=True):
        assert set(re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', svg))
        for groups in re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', svg):
            assert "".join(groups) in own


def test_the_style_does_not_depend_on_the_users_settings() -> None:
    plain = style.inline_svg(figure(), "line")
    with matplotlib.rc_context({"lines.linewidth": 9, "font.size": 30}):
        with style.applied():
            fig = figure()
        changed = style.inline_svg(fig, "line")
    with style.applied():
        fig = figure()
    assert changed == style.inline_svg(fig, "line")
    assert plain != changed  # a figure made outside the style keeps what it was made with
