from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from rich.text import Text

from taggant.report import load
from taggant.report.meanings import rows
from taggant.report.sections import sections
from taggant.report.wording import Tile, judged, summary, words


def said(folder: Path) -> str:
    """Everything in sentences, in the order of the page."""
    found = words(load(folder))
    return " ".join([found.headline, *(f"{c.lead} {c.text}" for c in found.callouts)])


def tiles(folder: Path) -> dict[str, Tile]:
    return {tile.name: tile for tile in words(load(folder)).tiles}


def test_forgotten_retained_and_unused_are_told_apart(unlearned_folder: Path) -> None:
    assert words(load(unlearned_folder)).headline == (
        "After unlearning (retrain), the audit at p = 5% claimed 0 (0.0%, 95% interval 0.0 to "
        "52.2%) of 5 images to be forgotten (before: 80.0%), 6 (85.7%, 95% interval 42.1 to 99.6%)"
        " of 7 to be kept, and 1 (8.3%, 95% interval 0.2 to 38.5%) of 12 that the model was never "
        "trained on."
    )
    shown = tiles(unlearned_folder)
    assert [*shown][:3] == ["Forgotten, claimed", "Retained, claimed", "Unused, claimed"]
    assert shown["Forgotten, claimed"].value == "0.0%"
    assert "before, 80.0%" in shown["Forgotten, claimed"].more
    assert "5 forgotten images" in shown["Forgotten, claimed"].more
    assert shown["Train loss"].more == "before unlearning"


def test_the_bound_after_unlearning_is_of_the_forgotten_alone(unlearned_folder: Path) -> None:
    """Not of detection_rate_ci, which pools the retained images with them."""
    assert "claim as many as 52.2% of such forgotten images" in said(unlearned_folder)
    assert "94.5%" not in said(unlearned_folder)


def test_pooled_numbers_say_that_they_are_pooled(unlearned_folder: Path) -> None:
    run = load(unlearned_folder)
    shown = {row.key: row.meaning for row in rows(run.metrics, words(run).meanings)}
    assert shown["detection_rate"].endswith("forgotten and retained ones together")
    assert shown["train_loss"].endswith("before unlearning")


def test_nothing_done_is_not_called_unlearning(unlearned_folder: Path, edit: Any) -> None:
    edit("context.json", lambda value: value.update(unlearning="none"))
    text = said(unlearned_folder)
    assert text.startswith("With nothing done to forget any image, the audit at p = 5% claimed 0")
    assert "before" not in text
    assert "erased" not in text


def test_all_may_be_forgotten(unlearned_folder: Path, edit: Any) -> None:
    def forget_all(value: dict[str, Any]) -> None:
        metrics = value["metrics"]
        gone = [name for name in metrics if name.startswith("retained")]
        value["metrics"] = {name: metrics[name] for name in metrics if name not in gone}

    edit("result.json", forget_all)
    assert "to be kept" not in said(unlearned_folder)
    assert "Retained, claimed" not in tiles(unlearned_folder)


def test_a_void_audit_after_unlearning_bounds_nothing(unlearned_folder: Path, edit: Any) -> None:
    def void(value: dict[str, Any]) -> None:
        metrics = value["metrics"]
        metrics.update({name: None for name in metrics if "rate" in name}, fault="it drifts")

    edit("result.json", void)
    text = said(unlearned_folder)
    assert text.startswith("No claim is made: it drifts.")
    assert "This audit is void" in text
    assert "as many as" not in text
    assert summary(load(unlearned_folder).metrics) == "[bold]no claim:[/bold] it drifts."


@pytest.mark.parametrize(
    ("folder", "line"),
    [
        (
            "run_folder",
            "used images claimed: 75.0% [42.8, 94.5%] of 12, unused images: 8.3% [0.2, 38.5%] of "
            "12 at p = 5%.",
        ),
        (
            "unlearned_folder",
            "forgotten images claimed: 0.0% [0.0, 52.2%] of 5, retained images: 85.7% "
            "[42.1, 99.6%] of 7, unused images: 8.3% [0.2, 38.5%] of 12 at p = 5%.",
        ),
        (
            "set_folder",
            "the set: not detected, log10 p = -1.00 (20.0% of the training images marked) at "
            "p = 5%.",
        ),
    ],
)
def test_the_line_in_the_terminal(request: pytest.FixtureRequest, folder: str, line: str) -> None:
    metrics = load(request.getfixturevalue(folder)).metrics
    assert Text.from_markup(summary(metrics)).plain == line


@pytest.mark.parametrize(
    ("bounds", "kind", "text"),
    [
        ([0.06, 0.2], "bad", "6.00 to 20.00%, which lies above p = 5%. Chance alone does this in"),
        ([0.0, 0.04], "good", "0.00 to 4.00%, which lies below p = 5%, as it should"),
        ([0.0, 0.05], "good", "contains p = 5%"),
        ([0.05, 0.2], "good", "contains p = 5%"),
        ([0.0503, 0.133], "bad", "5.03 to 13.30%, which lies above p = 5%"),
    ],
)
def test_a_rate_of_false_claims_is_judged(bounds: list[float], kind: str, text: str) -> None:
    found = judged("The false-detection rate", bounds, 0.05)
    assert found.kind == kind
    assert text in found.text


def test_both_kinds_of_run_are_judged_alike(set_folder: Path) -> None:
    """17 of 200 controls is what chance does in one run of forty, and the report says so."""
    (verdict, _) = words(load(set_folder)).callouts
    assert verdict.kind == "bad"
    assert verdict.text.startswith("Of 200 secrets that marked nothing, the audit found 8.5%. Th")
    assert "interval 5.03 to 13.26%" in verdict.text
    assert "in at most one run in forty" in verdict.text


@pytest.fixture
def unlearned_set(set_folder: Path, edit: Any) -> Path:
    """A set of 24 images, 20 of which were to be forgotten since."""
    since = {"forgotten": 20, "marked_images": 24, "utility": 0.1, "utility_before": 0.21}
    edit("result.json", lambda value: value["metrics"].update(since))
    edit("context.json", lambda value: value.update(unlearning="retrain"))
    return set_folder


def test_what_a_set_forgot_is_told(unlearned_set: Path) -> None:
    run = load(unlearned_set)
    text = said(unlearned_set)
    assert text.startswith(
        "After unlearning (retrain), at p = 5%, the audit did not claim that the"
    )
    assert "(20.0% of its training images, 20 of these 24 to be forgotten)" in text
    assert "(20.0% of the training images marked, 20 of these 24 to be" in summary(run.metrics)
    shown = tiles(unlearned_set)
    assert "20 of these 24 to be forgotten" in shown["Marked share"].more
    assert shown["Train loss"].more == "before unlearning"
    assert (shown["Test accuracy"].value, shown["Test accuracy"].more) == (
        "10.0%",
        "before unlearning 21.0%",
    )
    meanings = {row.key: row.meaning for row in rows(run.metrics, words(run).meanings)}
    assert meanings["marked_fraction"] == "of the training images, before unlearning"
    assert sections(run)[0].title == "Evidence over training, before unlearning"


def test_a_set_that_nothing_was_done_to_is_not_called_unlearned(
    unlearned_set: Path, edit: Any
) -> None:
    edit("context.json", lambda value: value.update(unlearning="none"))
    text = said(unlearned_set)
    assert text.startswith("With nothing done to forget any image, at p = 5%")
    assert "erased" not in text


def test_a_run_without_a_check_of_its_error_rate_says_so(run_folder: Path, edit: Any) -> None:
    none = {"false_detection_rate": None, "false_detection_rate_ci": None, "unused": 0}
    edit("result.json", lambda value: value["metrics"].update(none))
    assert "No unused image was audited: this run does not check its own" in said(run_folder)


def test_a_set_without_controls_has_no_empty_tiles(set_folder: Path, edit: Any) -> None:
    def bare(value: dict[str, Any]) -> None:
        for name in ("control_rate", "control_rate_ci", "controls", "black_box_p"):
            del value["metrics"][name]

    assert "Controls found" in tiles(set_folder)
    edit("result.json", bare)
    assert all(tile.value != "–" for tile in tiles(set_folder).values())
    assert "No control was tested" in said(set_folder)


@pytest.mark.parametrize(
    ("log10_p", "text"), [(-1.0, "p-value 0.1."), (-320.25, "p-value 10^-320.2.")]
)
def test_a_p_value_may_be_below_any_float(
    set_folder: Path, edit: Any, log10_p: float, text: str
) -> None:
    edit("result.json", lambda value: value["metrics"].update(log10_p=log10_p))
    assert words(load(set_folder)).headline.endswith(text)
