"""What a published file says beside its pixels: an allow-list, for the rest can hold a picture.

Cameras and editors copy pictures into their metadata: the EXIF thumbnail, previews in maker notes,
XMP thumbnails, depth and gain maps, text chunks. Whoever subtracts such a copy of the raw picture
from the published pixels has the mark. So metadata are never copied: they are made anew of values
that are named here, each too small for a picture.
"""

from __future__ import annotations

import io
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from numbers import Real
from typing import Any

from PIL import ExifTags, Image, PngImagePlugin, TiffImagePlugin, UnidentifiedImageError

from taggant.data.decode import DAMAGED, orientation
from taggant.owner import kinds, xmp

Base, IFD = ExifTags.Base, ExifTags.IFD
Values = dict[int, object]

SCENE = frozenset(
    {
        *(Base.ImageDescription, Base.Make, Base.Model, Base.Software, Base.DateTime, Base.Artist),
        *(Base.HostComputer, Base.Copyright, Base.Rating, Base.RatingPercent),
        *(Base.XPTitle, Base.XPComment, Base.XPAuthor, Base.XPKeywords, Base.XPSubject),
    }
)
"""LedgerFile of the first EXIF directory: the author's words, camera and date."""
LAYOUT = frozenset({Base.XResolution, Base.YResolution, Base.ResolutionUnit})
"""LedgerFile too; a TIFF file says them in its own way."""
CAMERA = frozenset(
    {
        *(Base.ExposureTime, Base.FNumber, Base.ExposureProgram, Base.ISOSpeedRatings),
        *(Base.SensitivityType, Base.StandardOutputSensitivity, Base.RecommendedExposureIndex),
        *(Base.ISOSpeed, Base.ExifVersion, Base.DateTimeOriginal, Base.DateTimeDigitized),
        *(Base.OffsetTime, Base.OffsetTimeOriginal, Base.OffsetTimeDigitized, Base.SubsecTime),
        *(Base.SubsecTimeOriginal, Base.SubsecTimeDigitized, Base.ShutterSpeedValue),
        *(Base.ApertureValue, Base.BrightnessValue, Base.ExposureBiasValue),
        *(Base.MaxApertureValue, Base.SubjectDistance, Base.MeteringMode, Base.LightSource),
        *(Base.Flash, Base.FocalLength, Base.UserComment, Base.FlashPixVersion),
        *(Base.ColorSpace, Base.ExifImageWidth, Base.ExifImageHeight, Base.FocalPlaneXResolution),
        *(Base.FocalPlaneYResolution, Base.FocalPlaneResolutionUnit, Base.SensingMethod),
        *(Base.FileSource, Base.SceneType, Base.CustomRendered, Base.ExposureMode),
        *(Base.WhiteBalance, Base.DigitalZoomRatio, Base.FocalLengthIn35mmFilm),
        *(Base.SceneCaptureType, Base.GainControl, Base.Contrast, Base.Saturation),
        *(Base.Sharpness, Base.SubjectDistanceRange, Base.ImageUniqueID, Base.CameraOwnerName),
        *(Base.BodySerialNumber, Base.LensSpecification, Base.LensMake, Base.LensModel),
        *(Base.LensSerialNumber, Base.Gamma),
    }
)
"""LedgerFile of the EXIF directory of the shot."""
GPS = frozenset(range(32))
"""LedgerFile of the GPS directory: all that the standard names."""
TEXTS = frozenset(
    {
        *("Title", "Author", "Description", "Copyright", "Creation Time", "Software"),
        *("Disclaimer", "Warning", "Source", "Comment", "Collection"),
    }
)
"""LedgerFile of a PNG file's texts: the keywords that the standard names."""
WIDE = frozenset(tag for tag in SCENE if Base(tag).name.startswith("XP"))
"""Texts that are kept as bytes, two a letter."""
POINTERS = frozenset({IFD.Exif, IFD.GPSInfo, IFD.Interop})
XMP_KEY, XMP_TAG = "XML:com.adobe.xmp", 700
"""Where a PNG and a TIFF file have their XMP packet."""
MOST_BYTES = 64
MOST_NUMBERS = 16
MOST_LETTERS = 1000
"""Of one value: no picture fits in."""
LONG_WORD = re.compile(r"[!-~]{41,}")
LINK = re.compile(r"https?://[!-~]{1,200}")
EXIF_HEAD = b"Exif\0\0II*\0\x08\0\0\0"
OTHER = {
    "photoshop": "Photoshop data",
    "flashpix": "FlashPix data",
    "comment": "comment",
    "mp": "further pictures",
    "thumbnails": "thumbnails",
    "depth_images": "depth maps",
    "aux": "gain and other maps",
    "metadata": "other metadata",
}
"""Of what Pillow finds in a file: what is left out, by its name for people."""
SIGNATURES = re.compile(
    rb"\xff\xd8\xff|\x89PNG\r\n|RIFF....WEBP|GIF8|II\*\0|MM\0\*|....ftyp(?:avi|he|mi|ms)", re.DOTALL
)


@dataclass(frozen=True)
class Metadata:
    """What is published beside the pixels, and what was left out.

    Attributes
    ----------
    orientation : int
        As EXIF counts, 1..8.
    scene, camera, gps : mapping of tag to value
        The first EXIF directory, that of the shot, and that of GPS.
    texts : mapping
        Of a PNG file, by keyword.
    xmp : bytes
        A packet made anew; empty for none.
    icc : bytes
        The colour profile as it was; empty for none.
    dpi : tuple of float, optional
    left_out : tuple of str
        Names of what the raw file had and the published one has not.
    """

    orientation: int = 1
    scene: Values = field(default_factory=dict)
    camera: Values = field(default_factory=dict)
    gps: Values = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)
    xmp: bytes = b""
    icc: bytes = b""
    dpi: tuple[float, float] | None = None
    left_out: tuple[str, ...] = ()

    @property
    def has_location(self) -> bool:
        """Whether it says where the picture was taken."""
        return bool(self.gps) or xmp.has_location(self.xmp)

    @property
    def forbids_mining(self) -> bool:
        """Whether it says that no model may learn from the picture."""
        return xmp.forbids_mining(self.xmp)

    def without_mining(self) -> Metadata:
        """The same, saying so; it need not be the raw file's word."""
        return replace(self, xmp=xmp.without_mining(self.xmp))

    def options(self, kind: str) -> dict[str, Any]:
        """Options for Pillow to write a png, webp, jpeg or tiff file with them.

        A tiff file needs `with_directories` besides.
        """
        found: dict[str, Any] = {"dpi": self.dpi, "icc_profile": self.icc}
        if kind == "tiff":
            found["exif"] = self._tiff()
        else:
            found["exif"] = self._exif()
            found |= {"pnginfo": self._png()} if kind == "png" else {"xmp": self.xmp}
        return {key: value for key, value in found.items() if value}

    def with_directories(self, content: bytes) -> bytes:
        """A tiff file with the directories of the shot and of GPS behind it.

        Pillow's compressed files cannot hold them: its first directory is written again, at the
        end, with two entries more.
        """
        nested = Image.Exif()
        nested.endian = "<"
        _nest(nested, self)
        if not len(nested):
            return content
        content += bytes(len(content) % 2)
        start = struct.unpack_from("<I", content, 4)[0]
        added = nested.tobytes(len(content))[len(EXIF_HEAD) :]
        entries = sorted(_entries(content, start) + _entries(added, 0), key=lambda e: e[1::-1])
        content += added
        content += bytes(len(content) % 2)
        directory = struct.pack("<H", len(entries)) + b"".join(entries) + bytes(4)
        return content[:4] + struct.pack("<I", len(content)) + content[8:] + directory

    def _tiff(self) -> Image.Exif:
        first = Image.Exif()
        for tag in self.scene.keys() - LAYOUT:
            first[tag] = self.scene[tag]
        if self.xmp:
            first[XMP_TAG] = self.xmp
        return first

    def _exif(self) -> bytes:
        exif = Image.Exif()
        for tag, value in self.scene.items():
            exif[tag] = value
        _nest(exif, self)
        if len(exif) or self.orientation != 1:
            exif[Base.Orientation] = self.orientation
        return exif.tobytes() if len(exif) else b""

    def _png(self) -> PngImagePlugin.PngInfo | None:
        if not self.texts and not self.xmp:
            return None
        note = PngImagePlugin.PngInfo()
        for key, text in self.texts.items():
            note.add_itxt(key, text)
        if self.xmp:
            note.add_itxt(XMP_KEY, self.xmp.decode())
        return note


def _nest(exif: Image.Exif, metadata: Metadata) -> None:
    for tag, values in ((IFD.Exif, metadata.camera), (IFD.GPSInfo, metadata.gps)):
        if values:
            exif[tag] = values


def _entries(content: bytes, start: int) -> list[bytes]:
    """The entries of a little-endian TIFF directory; they sort by tag."""
    count = struct.unpack_from("<H", content, start)[0]
    return [content[start + 2 + 12 * k :][:12] for k in range(count)]


def publishable(raw: Image.Image, keep_location: bool = True) -> Metadata:
    """The metadata of a raw file that its published version may have.

    Parameters
    ----------
    raw : PIL image
        Opened from its file, and loaded (some formats hold metadata behind the pixels).
    keep_location : bool
        Whether to say where it was taken.
    """
    left_out = {name for key, name in OTHER.items() if raw.info.get(key)}
    if raw.format == "HEIF" and getattr(raw, "n_frames", 1) > 1:
        left_out.add(OTHER["mp"])
    scene, camera, gps = _directories(raw, left_out)
    packet, dropped = xmp.rebuilt(_packet(raw), keep_location, is_plain)
    left_out |= {"other XMP properties"} if dropped else set()
    icc = raw.info.get("icc_profile") or b""
    if holds_picture(icc):
        left_out.add("a picture in the colour profile")
        icc = b""
    return Metadata(
        orientation=1 if raw.format == "TIFF" else orientation(raw),
        scene=scene,
        camera=camera,
        gps=gps if keep_location else {},
        texts=_texts(raw, left_out),
        xmp=packet,
        icc=icc,
        dpi=raw.info.get("dpi"),
        left_out=tuple(sorted(left_out)),
    )


def is_plain(text: str) -> bool:
    """Whether a text is short and of words: a picture in letters is neither."""
    words = LINK.sub("", text)
    return (
        len(text) <= MOST_LETTERS
        and all(letter.isprintable() or letter in "\r\n\t" for letter in text)
        and "\ufffd" not in text
        and not LONG_WORD.search(words)
    )


def holds_picture(content: bytes) -> bool:
    """Whether bytes hold a picture file, anywhere."""
    for found in SIGNATURES.finditer(content):
        try:
            with Image.open(io.BytesIO(content[found.start() :]), formats=kinds.formats()) as image:
                image.load()
        except (RuntimeError, UnidentifiedImageError, Image.DecompressionBombError, *DAMAGED):
            continue
        return True
    return False


def _directories(raw: Image.Image, left_out: set[str]) -> tuple[Values, Values, Values]:
    """What is kept of the three EXIF directories; empty where the data are damaged."""
    try:
        exif = raw.getexif()
        first, camera = dict(exif), dict(exif.get_ifd(IFD.Exif))
        gps, preview = dict(exif.get_ifd(IFD.GPSInfo)), exif.get_ifd(IFD.IFD1)
    except DAMAGED:
        first, camera, gps, preview = {}, {}, {}, {}
    if raw.info.get("exif") and not first:
        left_out.add("unreadable EXIF data")
    if preview:
        left_out.add("EXIF preview")
    if Base.MakerNote in camera:
        left_out.add("maker note")
    kept = _allowed(first, SCENE | LAYOUT), _allowed(camera, CAMERA), _allowed(gps, GPS)
    handled = {*POINTERS, Base.MakerNote, Base.Orientation}
    rest = (first.keys() | camera.keys()) - handled - kept[0].keys() - kept[1].keys()
    if rest and raw.format != "TIFF":  # whose first directory also describes its pixels
        left_out.add("other EXIF tags")
    return kept


def _allowed(values: Values, tags: frozenset[int]) -> Values:
    return {tag: value for tag, value in values.items() if tag in tags and _fits(tag, value)}


def _fits(tag: int, value: object) -> bool:
    """Whether a value is too small for a picture, and can be written."""
    if isinstance(value, bytes):
        small = len(value) <= MOST_BYTES or is_plain(_text(tag, value))
    elif isinstance(value, str):
        small = is_plain(value)
    else:
        numbers = value if isinstance(value, tuple) else (value,)
        small = len(numbers) <= MOST_NUMBERS and all(isinstance(n, Real) for n in numbers)
    return small and _can_be_written(tag, value)


def _text(tag: int, value: bytes) -> str:
    """The text that a value of bytes holds; unprintable for all others."""
    if tag == Base.UserComment:
        return value[8:].decode("utf-16" if value.startswith(b"UNICODE") else "utf-8", "replace")
    return value.decode("utf-16-le", "replace").rstrip("\0") if tag in WIDE else "\0"


def _can_be_written(tag: int, value: object) -> bool:
    directory = TiffImagePlugin.ImageFileDirectory_v2()
    try:
        directory[tag] = value
        directory.tobytes()
    except (*DAMAGED, OverflowError, ZeroDivisionError):
        return False
    return True


def _packet(raw: Image.Image) -> bytes:
    packet = raw.info.get("xmp") or raw.info.get(XMP_KEY) or b""
    return packet.encode() if isinstance(packet, str) else bytes(packet)


def _texts(raw: Image.Image, left_out: set[str]) -> dict[str, str]:
    found = {k: v for k, v in getattr(raw, "text", {}).items() if isinstance(v, str)}
    kept = {k: str(v) for k, v in found.items() if k in TEXTS and is_plain(v)}
    if found.keys() - kept.keys() - {XMP_KEY}:
        left_out.add("other PNG texts")
    return kept
