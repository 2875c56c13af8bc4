"""Which files may lie in which folders: nothing secret in one that is published or copied."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path


def inside(path: Path, folder: Path) -> bool:
    """Whether a path, which need not exist, is a folder or lies below it, links followed.

    Folders are compared as the file system knows them, so that another spelling (of a file
    system that ignores case, say) or another way to them makes no difference.
    """
    ways = {path.resolve(), path.parent.resolve() / path.name}
    return any(_same(one, folder) for way in ways for one in (way, *way.parents))


def refuse_inside(option: str, path: Path, folders: Mapping[str, Path]) -> None:
    """Refuse a secret file in a folder of pictures, which is published, copied and shown.

    Parameters
    ----------
    option : str
        Which names the file on the command line.
    path : Path
    folders : mapping of option to Path

    Raises
    ------
    ValueError
        If it lies in one of them.
    """
    for name, folder in folders.items():
        if any(inside(path, one) for one in (folder, *_linked(folder))):
            raise ValueError(
                f"{option} {path} lies in {name} {folder}. It is secret, and what lies beside it "
                "too (whoever has it can undo the marks): accepted is a place outside the folders "
                "of pictures, which are published and copied"
            )


def _linked(folder: Path) -> Iterator[Path]:
    """Folders elsewhere that links below a folder lead to: they are copied with it."""
    return (one for one in folder.rglob("*") if one.is_symlink() and one.is_dir())


def _same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:  # one of them is not there
        return one == other.resolve()
