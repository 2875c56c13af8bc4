"""docs/reproducing.md: every experiment's command, duration, device, and what must come out."""

from __future__ import annotations

from collections.abc import Sequence

from experiments.experiment import Experiment
from taggant.groups import CONF

HEAD = """# Reproducing

Every figure and table by name; made by `python -m experiments page > docs/reproducing.md` from the
experiments themselves, as a test compares. `python -m experiments run NAME` runs one, keeps its
table in `results/` and draws it in `docs/figures/`; `draw NAME` only draws; `check NAME` compares
with the numbers below, which came out of our own runs; `make figures` draws all, `make gallery`
puts them on one page.

- A run that was killed goes on where it was, and runs share what they have in common
  ([sweeps.md](sweeps.md)).
- Experiments on CIFAR-10 photographs want them as a folder ([data.md](data.md)); all others use the
  images inside the package.
- Runs are seeded, except for the key of marks where `marking.secret` is not `simulated`. Other
  hardware rounds otherwise, so another model comes of the same seed; tolerances allow for that.
- Presets at the papers' size are named `+experiment=<group>/paper/NAME`. They compose in a test;
  they were not run.
"""


def page(experiments: Sequence[Experiment]) -> str:
    """The whole page, as Markdown."""
    return "\n".join([HEAD, *(_section(one) for one in experiments)])


def _section(one: Experiment) -> str:
    lines = [f"## {one.name}\n", f"{one.title}.\n", f"`{one.command}`"]
    lines += [f"- run `{name}`: {_duration(name)}" for name in one.runs]
    if not one.path.exists():
        lines.append("- not run yet: no results are kept")
    lines += [f"- expected: {expected}" for expected in one.expected]
    return "\n".join(lines) + "\n"


def _duration(run: str) -> str:
    """What the second line of a run's config says after its command."""
    command = (CONF / "experiment" / f"{run}.yaml").read_text().splitlines()[1]
    return command.partition("     ")[2].strip() or "-"
