"""Errors of the command line: one message that says what to type instead."""

from __future__ import annotations

import difflib
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from hydra.errors import HydraException, InstantiationException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from taggant.groups import CONF, SHARED, compose_config, options_of
from taggant.overrides import unreadable
from taggant.stop import Stopped, stoppable

KEYED = re.compile(r"[a-z_]+(\.\w+)+( =|:) ")
"""How a message starts that names its key itself."""
EXPECTED = (
    HydraException,
    OmegaConfBaseException,
    ValueError,
    TypeError,
    OSError,
    RuntimeError,
    ModuleNotFoundError,
)
"""Errors whose message says enough; any other is shown with its traceback."""


before_errors: list[Callable[[], object]] = []
"""Called if Hydra ends a sweep with an error, before that error is shown."""


class PastHydra(BaseException):
    """Wraps an error that Hydra must not catch: it would reword it, or in a sweep only warn."""


@contextmanager
def past_hydra() -> Iterator[None]:
    """Let an exception from inside pass through Hydra unchanged, up to `explain_errors`."""
    try:
        yield
    except Exception as error:
        raise PastHydra(error) from error


@contextmanager
def explain_errors(argv: Sequence[str] | None = None) -> Iterator[None]:
    """Turn errors of a run into one clear message and exit status 2, signals into 128 + theirs.

    With HYDRA_FULL_ERROR=1 in the environment an error's traceback is shown instead.
    """
    overrides = list(sys.argv[1:] if argv is None else argv)
    before_errors.clear()
    whole = os.environ.get("HYDRA_FULL_ERROR") == "1"
    try:
        with stoppable(), _handed_on():
            yield
    except Stopped as stop:
        print(stop, file=sys.stderr)
        sys.exit(stop.status)
    except (Exception, PastHydra) as met:
        error = met.args[0] if isinstance(met, PastHydra) else met
        while before_errors:
            before_errors.pop()()
        if whole or not isinstance(error, EXPECTED):
            raise error from error.__cause__
        print(f"error: {explain(error, overrides)}", file=sys.stderr)
        print("(HYDRA_FULL_ERROR=1 shows where it came from)", file=sys.stderr)
        sys.exit(2)


@contextmanager
def _handed_on() -> Iterator[None]:
    """Set HYDRA_FULL_ERROR inside, so that Hydra raises errors and prints none; then restore it."""
    before = os.environ.get("HYDRA_FULL_ERROR")
    os.environ["HYDRA_FULL_ERROR"] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ["HYDRA_FULL_ERROR"]
        else:
            os.environ["HYDRA_FULL_ERROR"] = before


def explain(error: BaseException, overrides: Sequence[str]) -> str:
    """The message of an error, with the accepted keys where a key was misspelt."""
    unread = unreadable(overrides, sweeps="Ambiguous value" not in str(error))
    if unread is not None:
        return unread
    if isinstance(error, InstantiationException) and error.__cause__ is not None:
        key = re.search(r"^full_key: (\S+)$", str(error), re.MULTILINE)
        while isinstance(error, InstantiationException) and error.__cause__ is not None:
            error = error.__cause__
        inner = explain(error, overrides)
        return f"{key[1]}: {inner}" if key and not KEYED.match(inner) else inner
    message = str(error).partition("\nConfig search path:")[0]
    message = re.sub(rf"\n\t(_\w+|{SHARED})(?=\n|$)", "", message)  # no options
    misspelt = re.search(r"Could not override '([^']+)'", message)
    if misspelt:
        return _accepted_keys(misspelt[1], overrides)
    if isinstance(error, OSError) and error.errno and not error.filename:
        # Hydra's own record of a run, on a full disk; all that we write is named.
        root = Path(os.environ.get("TAGGANT_ROOT", "."))
        message += f", in a run's folder below {root.absolute()}"
    cause = error.__cause__
    return message if cause is None or str(cause) in message else f"{message}\n{cause}"


def _accepted_keys(key: str, overrides: Sequence[str]) -> str:
    if (CONF / key).is_dir():
        names = ", ".join(options_of(key))
        whole, inner, _ = key.partition("/")
        if inner:
            others = ", ".join(options_of(whole))
            return (
                f"'{key}' is no part of the {whole} that was chosen: leave it out, or choose "
                f"another by {whole}=NAME. Accepted: {others}"
            )
        return f"'{key}' is no default part: add it by +{key}=NAME. Accepted: {names}"
    config = _compose([o for o in overrides if not o.lstrip("+~").startswith(key)])
    parent, _, name = key.rpartition(".")
    node = OmegaConf.select(config, parent) if parent else config
    if not isinstance(node, DictConfig):
        return f"no key '{key}': there is no group '{parent}'. Accepted: {', '.join(config)}"
    accepted = sorted(str(k) for k in node if str(k) != "_target_")
    near = difflib.get_close_matches(name, accepted, n=1)
    hint = f" Did you mean '{near[0]}'?" if near else ""
    return f"no key '{key}'.{hint} Accepted in '{parent or 'config'}': {', '.join(accepted)}"


def _compose(overrides: Sequence[str]) -> DictConfig:
    usable = [o for o in overrides if not o.startswith("-")]
    try:
        return compose_config(usable)
    except HydraException:
        return compose_config()
