"""One self-contained HTML page about one run: words and tables from the folder, figures inside."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib.resources import files
from itertools import groupby
from operator import attrgetter
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from taggant.configs import Plain
from taggant.numbers import MISSING, duration, known, level
from taggant.report import style
from taggant.report.folder import RunFolder, SetFolder
from taggant.report.meanings import as_text, rows
from taggant.report.sections import Section
from taggant.report.wording import words

SETTING_LABELS = {
    "data": "Data",
    "train_images": "Training images",
    "test_images": "Test images",
    "class_count": "Classes",
    "scheme": "Marking",
    "n": "Versions per image (n)",
    "secret": "Secret",
    "commitment": "Commitment",
    "victim": "Victim",
    "unlearning": "Unlearning",
    "defence": "Defences",
    "access": "Access to the model",
    "score": "Score",
    "views": "Views per version (K)",
    "audit": "Audit",
    "p": "p",
    "seed": "Public seed",
    "device": "Device",
    "threads": "Threads",
    "torch": "torch",
}


def render(run: RunFolder | SetFolder, drawn: Sequence[Section]) -> str:
    """The page, as text. It refers to nothing outside itself, and escapes every name it is given.

    Parameters
    ----------
    run : RunFolder or SetFolder
        What to report.
    drawn : sequence of Section
        Its figures, from `taggant.report.sections.sections`.

    Returns
    -------
    str
        A complete HTML document.
    """
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["together"] = together
    template = environment.from_string(
        files(__package__).joinpath("template.html").read_text(encoding="utf-8")
    )
    said, context, stages = words(run), run.context, run.result["stages"]
    figures = [section for section in drawn if section.figure is not None]
    return template.render(
        title=f"{context['experiment']} on {context['data']}",
        words=said,
        figures=[(section, _svg(section)) for section in figures],
        notes=[section.note for section in drawn if section.figure is None],
        parts=groupby(rows(run.metrics, said.meanings), key=attrgetter("heading")),
        stages=_stages(stages),
        spent=_spent(stages),
        setting=_setting(context),
        command=context.get("command"),
        digest=str(run.result.get("digest", MISSING)),
    )


def together(text: str) -> str:
    """Equations are not broken over lines."""
    return text.replace(" = ", "\u00a0=\u00a0")


def _svg(section: Section) -> Markup:
    assert section.figure is not None
    return Markup(style.inline_svg(section.figure, section.name))


def _stages(stages: Mapping[str, Plain]) -> list[tuple[str, str, str, str]]:
    """(stage, digest, time, cached) in the order of the run."""
    return [
        (
            name,
            str(stage.get("digest", MISSING))[:12],
            duration(stage.get("seconds")),
            "yes" if stage.get("cached") else "no",
        )
        for name, stage in stages.items()
    ]


def _spent(stages: Mapping[str, Plain]) -> str:
    """The time of this run: of the stages that were not taken from the store."""
    seconds = (
        stage["seconds"]
        for stage in stages.values()
        if known(stage.get("seconds")) and not stage.get("cached")
    )
    return duration(sum(seconds))


def _setting(context: Plain) -> list[tuple[str, str]]:
    """What the run was asked for; what does not apply (None, no classes) is left out."""
    write: dict[str, Callable[[Any], str]] = {"p": lambda value: level(float(value)), "seed": str}
    return [
        (label, write.get(key, as_text)(context[key]))
        for key, label in SETTING_LABELS.items()
        if context.get(key) is not None and (key != "class_count" or context[key])
    ]
