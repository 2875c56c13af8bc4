"""The config groups, those of the checkout or of the wheel, and configs composed of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig

PACKAGE = Path(__file__).parent
CONF = next(p for p in (PACKAGE / "conf", PACKAGE.parents[1] / "conf") if p.is_dir())
EXPERIMENT = "experiment"
SHARED = "base"
"""Name of a file that holds what the options of a group share; it is no option itself."""


def options_of(group: str) -> list[str]:
    """The options of a config group: its yaml files, without those that only others include."""
    depth = "**/*" if group == EXPERIMENT else "*"
    return sorted(
        path.relative_to(CONF / group).with_suffix("").as_posix()
        for path in CONF.glob(f"{group}/{depth}.yaml")
        if not path.name.startswith("_") and path.stem != SHARED
    )


def compose_config(
    overrides: Sequence[str] = (), *, root: str = "config", with_hydra: bool = False
) -> DictConfig:
    """A config as ``run.py`` composes it; a Hydra that is at work already is left as it was.

    Parameters
    ----------
    overrides : sequence of str
        As on the command line, without flags.
    root : str
        The file to begin with: ``config``, or one option of a group such as ``score/margin``.
    with_hydra : bool
        Whether the config holds Hydra's own node too.

    Raises
    ------
    HydraException
        For an override that does not fit.
    """
    instance = GlobalHydra.instance()
    at_work = instance.hydra
    instance.clear()
    try:
        with initialize_config_dir(str(CONF), version_base="1.3"):
            return compose(root, list(overrides), return_hydra_config=with_hydra)
    finally:
        instance.hydra = at_work
        GlobalHydra.set_instance(instance)
