from __future__ import annotations

import re
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path

import polars as pl
import pytest

from taggant.report import load
from taggant.report.page import render
from taggant.report.sections import sections


def page(folder: Path) -> str:
    """The page with its figures."""
    run = load(folder)
    return render(run, sections(run))


def words_of(folder: Path) -> str:
    """The text of the page, drawn without its figures to be quick."""
    return Outline(render(load(folder), ())).text


class Outline(HTMLParser):
    """Collects the text outside of figures, all tags, and everything that a browser would load."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.loads: list[str] = []
        self.words: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        wanted = {"src", "href", "xlink:href", "srcset", "data", "poster", "action"}
        self.loads += [value or "" for name, value in attrs if name in wanted]

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))


def test_says_the_key_numbers_and_what_they_prove(run_folder: Path) -> None:
    outline = Outline(page(run_folder))
    for words in (
        "At p = 5%, the audit claimed 9 (75.0%, 95% interval 42.8 to 94.5%) of 12 images",
        "1 (8.3%, 95% interval 0.2 to 38.5%) of 12 that it was not",
        "would claim use with probability at most 5%, at this epoch",
        "an image which was not detected was not used",
        "contains p = 5%",
        "28.2 dB",
        "1 min 23 s",
        "Something new",
        "something_new in result.json",
        "12,346",
        "python run.py +experiment=smoke",
    ):
        assert words in outline.text, words
    assert outline.tags.count("svg") == 5
    assert outline.tags.count("table") == 2


def test_is_self_contained(run_folder: Path) -> None:
    html = page(run_folder)
    assert not re.search(r"https?://", html)
    assert "@import" not in html
    outline = Outline(html)
    assert not {"script", "link", "iframe", "object"} & set(outline.tags)
    assert outline.loads
    assert all(load.startswith(("#", "data:")) for load in outline.loads)


def test_escapes_every_name(run_folder: Path, edit) -> None:  # type: ignore[no-untyped-def]
    bad = "<b>x</b><script>alert(1)</script>\"'&"

    def spoil(context: dict[str, object]) -> None:
        kept = {"n", "p", "secret"}
        context.update({key: bad for key in context if key not in kept})

    edit("context.json", spoil)
    edit("result.json", lambda value: value["metrics"].update({bad: bad}))
    edit("result.json", lambda value: value["stages"].update({bad: {"digest": bad}}))
    edit("result.json", lambda value: value.update(digest=bad, experiment=bad))
    outline = Outline(page(run_folder))
    assert not {"b", "script"} & set(outline.tags)
    assert outline.text.count("<b>x</b>") >= 10


def test_what_came_from_the_store_is_not_counted_as_computed(run_folder: Path, edit) -> None:  # type: ignore[no-untyped-def]
    edit("result.json", lambda value: value["stages"]["audit"].update(seconds=600))
    assert "Computed in this run: 1 min 23 s." in words_of(run_folder)


def test_equations_are_not_broken_over_lines(run_folder: Path) -> None:
    assert "At p\u00a0=\u00a05%, the audit claimed" in render(load(run_folder), ())


def test_a_simulated_secret_is_no_evidence(run_folder: Path, edit) -> None:  # type: ignore[no-untyped-def]
    assert "not evidence" not in words_of(run_folder)
    edit("context.json", lambda value: value.update(secret="simulated"))
    assert "An experiment, not evidence" in words_of(run_folder)


def test_leaves_out_what_is_missing_and_says_so(run_folder: Path, edit) -> None:  # type: ignore[no-untyped-def]
    for name in ("curves.csv", "claims.csv", "samples.safetensors"):
        (run_folder / name).unlink()
    path = run_folder / "instances.parquet"
    unread = pl.lit(None, dtype=pl.Int64).alias("exceedances")
    pl.read_parquet(path).with_columns(unread).write_parquet(path)
    edit("result.json", lambda value: value["metrics"].update(train_loss=float("nan"), psnr=None))
    edit("result.json", lambda value: value["metrics"].pop("utility"))
    edit(
        "result.json",
        lambda value: value["metrics"].update(
            unused=0, false_detection_rate=None, false_detection_rate_ci=None
        ),
    )
    outline = Outline(page(run_folder))
    assert outline.tags.count("svg") == 1
    for words in ("No curve over training", "No ranks", "No claims over p", "No images"):
        assert words in outline.text
    assert "none of 0 that it was not" in outline.text
    assert "nan" not in re.findall(r"\w+", outline.text.lower())


def test_what_does_not_apply_is_left_out(run_folder: Path, edit) -> None:  # type: ignore[no-untyped-def]
    assert "Classes 10" in words_of(run_folder)
    for none in (0, None):
        edit("context.json", lambda value, none=none: value.update(class_count=none))
        assert "Classes" not in words_of(run_folder)


def test_the_report_of_a_whole_set_has_its_own_figures(set_folder: Path) -> None:
    outline = Outline(page(set_folder))
    assert outline.tags.count("svg") == 4
    for words in ("Evidence over training", "Class by class", "An experiment, not evidence"):
        assert words in outline.text
    assert "Detection over training" not in outline.text


@pytest.mark.parametrize("file", ["log10_p.csv", "curves.csv"])
def test_one_snapshot_is_no_curve(request: pytest.FixtureRequest, file: str) -> None:
    folder = request.getfixturevalue("run_folder" if file == "curves.csv" else "set_folder")
    table = pl.read_csv(folder / file)
    table.filter(pl.col("epoch") == table["epoch"].max()).write_csv(folder / file)
    assert "No curve over training" in Outline(page(folder)).text


def test_rules_that_keep_a_page_within_its_width(set_folder: Path) -> None:
    """What `make test-browser` measures, as far as it can be told without a browser."""
    html = page(set_folder)
    style = html[html.index("<style>") : html.index("</style>")]
    assert re.search(r"body \{[^}]*overflow-wrap: anywhere", style)
    assert re.search(r"pre \{[^}]*white-space: pre-wrap", style)
    assert re.search(r"svg \{[^}]*width: 100%", style)
    for hides in ("nowrap", "overflow: hidden", "overflow-x", "min-width:", "text-overflow"):
        assert hides not in style, hides
    for columns in re.findall(r"grid-template-columns: ([^;]+);", style):
        assert re.fullmatch(
            r"(minmax\(0, [^)]+\) ?)+|repeat\(.+, minmax\((0|155px), 1fr\)\)", columns
        )
    telephone = style[style.index("@media (max-width: 720px)") :]
    assert "thead { display: none; }" in telephone
    assert "tbody tr { display: flex; flex-wrap: wrap;" in telephone


def test_rules_that_keep_a_certificate_within_its_width() -> None:
    html = files("taggant.owner").joinpath("certificate.html").read_text(encoding="utf-8")
    style = html[html.index("<style>") : html.index("</style>")]
    assert re.search(r"body \{[^}]*overflow-wrap: anywhere", style)
    for hides in ("nowrap", "overflow: hidden", "overflow-x", "min-width:", "text-overflow"):
        assert hides not in style, hides
    telephone = style[style.index("@media (max-width: 720px)") :]
    assert "thead { display: none; }" in telephone
    assert "tr { display: flex; flex-wrap: wrap;" in telephone
