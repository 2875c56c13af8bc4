"""What the owner types goes through hydra; what is kept of it are short names.

A name that is typed with ``--set`` is her own, yet nothing is made of the composed config: it is
read into the forms of `taggant.owner.parts`, and these make the parts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra

from taggant.cli import CONF
from taggant.owner.parts.marking import Marking, marking_form
from taggant.owner.parts.score import ScoreForm, score_form
from taggant.pipeline.setting import plain


def configured(*overrides: str) -> Any:
    """A config as ``run.py`` composes it, with these overrides."""
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return compose("config", list(overrides))


def typed_marking(strategy: str, n: int, epsilon: int, overrides: Sequence[str] = ()) -> Marking:
    """The n-version scheme with a strategy of ``conf/marking/strategy``."""
    cfg = configured(
        f"marking/strategy={strategy}", f"marking.n={n}", f"marking.epsilon={epsilon}", *overrides
    )
    return marking_form(plain(cfg.marking.scheme))


def typed_score(score: str, access: str, overrides: Sequence[str] = ()) -> ScoreForm:
    """A score of ``conf/score`` at an access level of ``conf/score/access`` (empty: its own)."""
    shown = [f"score/access={access}"] if access else []
    return score_form(plain(configured(f"score={score}", *shown, *overrides).score))
