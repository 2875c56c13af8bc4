"""Which files of a folder are pictures that can be read, which are other pictures, which none."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from PIL import features

from taggant.data.walk import below, walk
from taggant.extras import EXTRAS, library

SUFFIXES = {
    **dict.fromkeys((".jpg", ".jpeg", ".jpe", ".jfif"), "JPEG"),
    ".png": "PNG",
    ".webp": "WEBP",
    **dict.fromkeys((".tif", ".tiff"), "TIFF"),
    ".bmp": "BMP",
    ".gif": "GIF",
    **dict.fromkeys((".heic", ".heif", ".hif"), "HEIF"),
    ".avif": "AVIF",
}
"""Formats that are read, by how their files' names end."""
JXL = "JPEG XL is not read: convert it (djxl IN.jxl OUT.png, without loss) and mark that"
CAMERA_RAW = "camera raw is not read: develop it, and mark the TIFF, PNG or JPEG that you publish"
EXPORT = "this format is not read: export it as PNG, TIFF or JPEG, and mark that"
MISSING = {
    "HEIF": f"HEIC needs pillow-heif: pip install 'taggant[{EXTRAS['pillow_heif']}]'",
    "AVIF": "this Pillow was built without AVIF: pip install --upgrade pillow",
}
"""What to do for a format that is read where its library is there."""
UNREAD = {
    ".jxl": JXL,
    **dict.fromkeys(
        (
            *(".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dng", ".erf", ".fff", ".gpr", ".iiq"),
            *(".k25", ".kdc", ".mef", ".mos", ".mrw", ".nef", ".nrw", ".orf", ".pef", ".raf"),
            *(".raw", ".rw2", ".rwl", ".sr2", ".srf", ".srw", ".x3f"),
        ),
        CAMERA_RAW,
    ),
    **dict.fromkeys(
        (
            *(".psd", ".psb", ".xcf", ".kra", ".afphoto", ".ai", ".eps", ".svg", ".exr", ".hdr"),
            *(".jp2", ".j2k", ".jpf", ".jpx", ".tga", ".pcx", ".ppm", ".pgm", ".ico", ".dds"),
        ),
        EXPORT,
    ),
}
"""Pictures that are not read, by how their files' names end, and what to do."""
HEAD = 16
"""Bytes of a file that its content is told by."""
BRANDS = {
    b"avif": "AVIF",
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1"), "HEIF"),
}


@dataclass(frozen=True)
class Found:
    """The files of a folder by relative name, sorted; hidden ones left out.

    Attributes
    ----------
    pictures : list of str
        That can be read, as far as name and first bytes tell.
    unread : dict of str to str
        Pictures that cannot, and what to do about each.
    others : list of str
        No pictures.
    """

    pictures: list[str]
    unread: dict[str, str]
    others: list[str]


def find(folder: Path) -> Found:
    """The files of a folder and its sub-folders.

    A file is what its name ends in; with another name, or none, what its first bytes say. Links
    are followed; one that leads nowhere counts by its name.

    Raises
    ------
    FileNotFoundError
        If it is no folder.
    ValueError
        For a link that leads back to a folder that it lies in.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: no such folder")
    found = Found([], {}, [])
    readable = formats()
    for name, path in sorted(below(folder, walk(folder)).items()):
        suffix = Path(name).suffix.lower()
        kind = SUFFIXES.get(suffix) or UNREAD.get(suffix) or _by_content(path)
        if kind in readable:
            found.pictures.append(name)
        elif kind:
            found.unread[name] = MISSING.get(kind, kind)
        else:
            found.others.append(name)
    return found


@cache
def formats() -> tuple[str, ...]:
    """Pillow's names of the formats that are read here."""
    return tuple(dict.fromkeys(_formats()))


def _formats() -> Iterator[str]:
    for name in SUFFIXES.values():
        if name not in MISSING:
            yield name
    if features.check("avif"):
        yield "AVIF"
    try:
        library("pillow_heif", "HEIC").register_heif_opener()
    except ModuleNotFoundError:
        return
    yield "HEIF"


def advice(path: Path) -> str:
    """What to do about a file that no format here reads; empty if its first bytes say nothing."""
    kind = _by_content(path)
    return "" if kind in formats() else MISSING.get(kind, kind)


def _by_content(path: Path) -> str:
    """A format, or what to do about it, by a file's first bytes; empty for no picture."""
    try:
        with path.open("rb") as stream:
            head = stream.read(HEAD)
    except OSError:
        return ""
    if head[4:8] == b"ftyp":
        return BRANDS.get(head[8:12], "")
    if head.startswith((b"\xff\x0a", b"\0\0\0\x0cJXL \r\n\x87\n")):
        return JXL
    signatures = {
        b"\xff\xd8\xff": "JPEG",
        b"\x89PNG\r\n\x1a\n": "PNG",
        b"GIF8": "GIF",
        b"II*\0": "TIFF",
        b"MM\0*": "TIFF",
    }
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "WEBP"
    return next((kind for start, kind in signatures.items() if head.startswith(start)), "")
