"""The config groups: those of the checkout, or of the wheel."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).parent
CONF = next(p for p in (PACKAGE / "conf", PACKAGE.parents[1] / "conf") if p.is_dir())
EXPERIMENT = "experiment"
SHARED = "base"
"""Name of a file that others of its group begin with."""


def options_of(group: str) -> list[str]:
    """What can be chosen for a config group; a part's inner folders are groups of their own."""
    depth = "**/*" if group == EXPERIMENT else "*"
    return sorted(
        path.relative_to(CONF / group).with_suffix("").as_posix()
        for path in CONF.glob(f"{group}/{depth}.yaml")
        if not path.name.startswith("_") and path.stem != SHARED
    )
