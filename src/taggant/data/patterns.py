"""Files by names and patterns that a person gives."""

from __future__ import annotations

import glob
from collections.abc import Sequence
from pathlib import Path

from taggant.data.captions.pair import is_file

Patterns = str | Sequence[str]


def matching(
    root: Path, key: str, patterns: Patterns, suffixes: Sequence[str], what: str
) -> list[Path]:
    """Files by absolute paths, paths from `root`, or patterns such as ``shards/*.tar``, each once.

    Parameters
    ----------
    root : Path
    key : str
        As it is typed: ``data.captions``.
    patterns : str or sequence of str
    suffixes : sequence of str
        Accepted ones, in small letters.
    what : str
        What is looked for: a "file of captions".

    Raises
    ------
    FileNotFoundError, ValueError
    """
    asked = [patterns] if isinstance(patterns, str) else patterns
    listed = list(asked) if isinstance(asked, Sequence) else []
    if not listed or not all(isinstance(pattern, str) and pattern for pattern in listed):
        raise ValueError(f"{key} = {patterns}: accepted are names of files, and lists of them")
    found = [path for pattern in listed for path in _matching(root, key, pattern, what)]
    for path in found:
        if path.suffix.lower() not in suffixes:
            raise ValueError(f"{key}: {path}: accepted are {', '.join(suffixes)} files")
    return list(dict.fromkeys(found))


def name_from(root: Path, path: Path) -> str:
    """A file's path from `root` where it lies below."""
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.as_posix()


def _matching(root: Path, key: str, pattern: str, what: str) -> list[Path]:
    if is_file(root / pattern):
        return [root / pattern]
    # Path.glob would not go through links.
    names = glob.glob(pattern, root_dir=root, recursive=True)  # noqa: PTH207
    files = [root / name for name in sorted(names) if is_file(root / name)]
    if not files:
        raise FileNotFoundError(f"{key} = {pattern}: {root / pattern}: no such {what}")
    return files
