"""``taggant plan``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from taggant.owner.commands.parse import parse_names
from taggant.owner.labels import FOLDERS, Labelling
from taggant.stats import __main__ as planning


def plan(
    p: Annotated[str, typer.Option(help="wanted error of one picture's claim")] = "0.05",
    power: Annotated[
        float, typer.Option(help="wanted chance that a used picture is claimed")
    ] = 0.9,
    n: Annotated[
        list[int] | None, typer.Option(help="versions to compare; several if left out")
    ] = None,
    mean: Annotated[
        float,
        typer.Option(
            help="share of hidden versions (of withheld pictures) that beat a used one's published"
        ),
    ] = 0.01,
    pictures: Annotated[int, typer.Option(min=1, help="plan this many at once, at --fdr")] = 1,
    fdr: Annotated[float, typer.Option(help="share of wrong claims among the claims")] = 0.05,
    used: Annotated[float, typer.Option(help="expected share of used pictures")] = 0.5,
    together: Annotated[
        list[int] | None,
        typer.Option(help="power of one p-value, --p, for so many used pictures of yours"),
    ] = None,
    withhold: Annotated[
        bool, typer.Option("--withhold", help="how many pictures to withhold for --p")
    ] = False,
    pick_from: Annotated[
        Path | None,
        typer.Option(
            "--pick", help="a folder: which of its pictures are worth watching, by --model"
        ),
    ] = None,
    model: Annotated[str, typer.Option(help="with --pick: a public classifier, as for audit")] = "",
    arch: Annotated[str, typer.Option(help="of its checkpoint, as for audit")] = "",
    classes: Annotated[str, typer.Option(help="its classes in its order, by commas")] = "",
    labels: Annotated[str, typer.Option(help="with --pick: folders, or a CSV file")] = FOLDERS,
    csv: Annotated[Path | None, typer.Option(help="with --pick: write all of it here")] = None,
) -> None:
    """How many versions and queries a wanted power and error need, before you publish."""
    if pick_from is not None:
        from taggant.owner.commands.pick import pick  # torch, which other plans do without

        pick(pick_from, model, arch, parse_names("--classes", classes), Labelling(labels), csv)
        return
    if model or csv:
        raise ValueError("--model and --csv: accepted with --pick only")
    if together and withhold:
        raise typer.BadParameter("--together and --withhold are two questions: ask one at a time")
    if together:
        arguments = ["plan-owner", "--p", p, "--images", *map(str, together)]
        arguments += ["--n", str(n[0])] if n else []
    elif withhold:
        arguments = ["plan-withheld", "--p", p]
    elif pictures > 1:
        arguments = ["plan-set", "--images", str(pictures), "--q", str(fdr), "--used", str(used)]
        arguments += ["--n", str(n[0])] if n else []
    else:
        arguments = ["plan", "--p", p, "--power", str(power)]
        arguments += ["--n", *map(str, n)] if n else []
    status = planning.main([*arguments, "--mean", str(mean)])
    if status:
        raise typer.Exit(status)
