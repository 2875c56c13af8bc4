"""Raw files of every format that hold a second copy of the picture, in every place known."""

from __future__ import annotations

import base64
import io
import struct
import zlib
from collections.abc import Mapping
from pathlib import Path

from PIL import Image, TiffImagePlugin

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"


def jpeg(image: Image.Image, segments=(), trailer=b"", **options) -> bytes:
    """A JPEG file with further segments (marker, content) behind its first one."""
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=97, subsampling=0, **options)
    content = stream.getvalue()
    added = b"".join(
        b"\xff" + bytes([marker]) + struct.pack(">H", len(one) + 2) + one
        for marker, one in segments
    )
    return content[:2] + added + content[2:] + trailer


def png(image: Image.Image, before=(), behind=(), trailer=b"") -> bytes:
    """A PNG file with further chunks (kind, content) before and behind its pixels."""
    stream = io.BytesIO()
    image.save(stream, "PNG")
    content = stream.getvalue()
    start = 33
    return (
        content[:start]
        + b"".join(map(chunk, before))
        + content[start:-12]
        + b"".join(map(chunk, behind))
        + content[-12:]
        + trailer
    )


def chunk(one: tuple[bytes, bytes]) -> bytes:
    kind, content = one
    check = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)


def webp(image: Image.Image, chunks=(), **options) -> bytes:
    """A WebP file with further chunks."""
    stream = io.BytesIO()
    image.save(stream, "WEBP", lossless=True, **options)
    content = stream.getvalue()
    for kind, one in chunks:
        content += kind + struct.pack("<I", len(one)) + one + bytes(len(one) % 2)
    return content[:4] + struct.pack("<I", len(content) - 8) + content[8:]


def directory(entries, start: int, following: int = 0) -> bytes:
    """A TIFF directory of (tag, type, content), the contents behind it, to lie at `start`."""
    sizes = {1: 1, 2: 1, 3: 2, 4: 4, 7: 1}
    head = struct.pack("<H", len(entries))
    behind, place = b"", start + 2 + 12 * len(entries) + 4
    for tag, kind, content in sorted(entries):
        count = len(content) // sizes[kind]
        if len(content) <= 4:
            value = content.ljust(4, b"\0")
        else:
            value = struct.pack("<I", place + len(behind))
            behind += content
        head += struct.pack("<HHI", tag, kind, count) + value
    return head + struct.pack("<I", following) + behind


def long(number: int) -> bytes:
    return struct.pack("<I", number)


def exif(first=(), shot=(), preview=b"", nested=b"") -> bytes:
    """EXIF data: tags of the first directory and of the shot, a preview, a sub-directory."""
    start = 8
    entries = [(0x010F, 2, b"Maker\0"), *first]
    pointers = [(0x8769, 4, bytes(4))] * bool(shot) + [(0x014A, 4, bytes(4))] * bool(nested)
    size = len(directory([*entries, *pointers], start))
    at = start + size
    parts, known = b"", []
    if shot:
        known.append((0x8769, 4, long(at)))
        parts += directory(shot, at)
    if nested:
        known.append((0x014A, 4, long(at + len(parts))))
        parts += _with_picture(nested, at + len(parts))
    following = at + len(parts) if preview else 0
    if preview:
        parts += _with_picture(preview, following)
    return b"II*\0" + long(8) + directory([*entries, *known], start, following) + parts


def _with_picture(picture: bytes, start: int) -> bytes:
    """A directory that points to a JPEG file behind it."""
    size = len(directory([(0x0201, 4, bytes(4)), (0x0202, 4, bytes(4))], start))
    entries = [(0x0201, 4, long(start + size)), (0x0202, 4, long(len(picture)))]
    return directory(entries, start) + picture


def tiff(image: Image.Image, tags: Mapping[int, bytes] | None = None, pages=()) -> bytes:
    """A TIFF file with further tags of bytes, and further pages that are called previews."""
    info = TiffImagePlugin.ImageFileDirectory_v2()
    for tag, content in (tags or {}).items():
        info[tag] = content
        info.tagtype[tag] = 7
    stream = io.BytesIO()
    for page in pages:
        page.encoderinfo = {"tiffinfo": {254: 1}}
    image.save(stream, "TIFF", tiffinfo=info, save_all=bool(pages), append_images=list(pages))
    return stream.getvalue()


def tiff_with_sub_directory(image: Image.Image, picture: bytes) -> bytes:
    """A TIFF file whose first directory points to another one, with a picture."""
    content = tiff(image)
    at = struct.unpack_from("<I", content, 4)[0]
    count = struct.unpack_from("<H", content, at)[0]
    entries = [content[at + 2 + 12 * k :][:12] for k in range(count)]
    content += bytes(len(content) % 2)
    sub = len(content)
    content += _with_picture(picture, sub)
    content += bytes(len(content) % 2)
    entries.append(struct.pack("<HHII", 0x014A, 4, 1, sub))
    entries.sort(key=lambda entry: struct.unpack_from("<H", entry)[0])
    new = struct.pack("<H", len(entries)) + b"".join(entries) + bytes(4)
    return content[:4] + long(len(content)) + content[8:] + new


def packet(name: str, space: str, text: str, as_attribute: bool = False) -> bytes:
    """An XMP packet with one property."""
    inner = f"<{name}>{text}</{name}>"
    attribute = f' {name}="{text}"' if as_attribute else ""
    return (
        f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{RDF}">'
        f'<rdf:Description rdf:about="" xmlns:{name.partition(":")[0]}="{space}"{attribute}>'
        f"{'' if as_attribute else inner}</rdf:Description></rdf:RDF></x:xmpmeta>"
    ).encode()


def thumbnails(picture: bytes) -> bytes:
    """An XMP packet with a thumbnail, as Adobe's programs write it."""
    text = base64.b64encode(picture).decode()
    return (
        f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{RDF}"><rdf:Description '
        'rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/" '
        'xmlns:g="http://ns.adobe.com/xap/1.0/g/img/"><xmp:Thumbnails><rdf:Alt>'
        f'<rdf:li rdf:parseType="Resource"><g:format>JPEG</g:format><g:image>{text}</g:image>'
        "</rdf:li></rdf:Alt></xmp:Thumbnails></rdf:Description></rdf:RDF></x:xmpmeta>"
    ).encode()


def profile(kind: str, content: bytes) -> bytes:
    """A text as ImageMagick keeps other programs' data: length and hexadecimal digits."""
    digits = content.hex()
    lines = "\n".join(digits[k : k + 72] for k in range(0, len(digits), 72))
    return f"\n{kind}\n{len(content):8d}\n{lines}\n".encode()


def resource(code: int, content: bytes) -> bytes:
    """A Photoshop image resource."""
    return b"8BIM" + struct.pack(">HxxI", code, len(content)) + content + bytes(len(content) % 2)


def gif(image: Image.Image, comment: bytes) -> bytes:
    stream = io.BytesIO()
    image.quantize(256).save(stream, "GIF", comment=comment)
    return stream.getvalue()


def bmp(image: Image.Image, trailer: bytes) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "BMP")
    return stream.getvalue() + trailer


def mpo(image: Image.Image, other: Image.Image) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "MPO", save_all=True, append_images=[other], quality=97, subsampling=0)
    return stream.getvalue()


DEPTH, DUBLIN = "http://ns.google.com/photos/1.0/depthmap/", "http://purl.org/dc/elements/1.1/"


def every(image: Image.Image) -> dict[str, bytes]:
    """Files of `image`, each of which holds it once more: name -> content."""
    copy = jpeg(image)
    letters = base64.b64encode(copy)
    lines = b"\n".join(letters[k : k + 76] for k in range(0, len(letters), 76))
    return {
        **_in_exif(image, copy, letters, lines),
        **_in_jpeg(image, copy, lines),
        **_in_png(image, copy, letters, lines),
        "exif.webp": webp(image, exif=HEAD + exif(preview=copy)),
        "xmp.webp": webp(image, xmp=thumbnails(copy)),
        "chunk.webp": webp(image, [(b"THMB", copy)]),
        "sub directory.tif": tiff_with_sub_directory(image, copy),
        "pages.tif": tiff(image, pages=[image.copy()]),
        "photoshop.tif": tiff(image, {34377: resource(0x040C, bytes(28) + copy)}),
        "xmp.tif": tiff(image, {700: thumbnails(copy)}),
        "private tag.tif": tiff(image, {65000: copy}),
        "description.tif": tiff(image, {270: lines}),
        "profile.tif": tiff(image, {34675: bytes(200) + copy}),
        "comment.gif": gif(image, lines),
        "trailer.bmp": bmp(image, copy),
    }


HEAD = b"Exif\0\0"


def _in_exif(image: Image.Image, copy: bytes, letters: bytes, lines: bytes) -> dict[str, bytes]:
    data = {
        "preview": exif(preview=copy),
        "maker note": exif(shot=[(0x927C, 7, b"Mk\0\0" + copy)]),
        "user comment": exif(shot=[(0x9286, 7, b"ASCII\0\0\0" + letters)]),
        "user comment in lines": exif(shot=[(0x9286, 7, b"ASCII\0\0\0" + lines)]),
        "description": exif([(0x010E, 2, letters + b"\0")]),
        "description in lines": exif([(0x010E, 2, lines + b"\0")]),
        "windows comment": exif([(0x9C9C, 1, copy + bytes(len(copy) % 2))]),
        "windows title": exif([(0x9C9B, 1, letters.decode().encode("utf-16-le"))]),
        "private tag": exif([(0xEA1D, 7, copy)]),
        "private tag of the shot": exif(shot=[(0xFE00, 7, copy)]),
        "sub directory": exif(nested=copy),
    }
    return {f"exif {name}.jpg": jpeg(image, exif=HEAD + one) for name, one in data.items()}


def _in_jpeg(image: Image.Image, copy: bytes, lines: bytes) -> dict[str, bytes]:
    text = lines.replace(b"\n", b"").decode()
    small = image.resize((60, 40))
    further = b"http://ns.adobe.com/xmp/extension/\0" + bytes(40) + thumbnails(copy)
    segments = {
        "extended xmp": (0xE1, further),
        "photoshop": (0xED, b"Photoshop 3.0\0" + resource(0x040C, bytes(28) + copy)),
        "iptc": (0xED, b"Photoshop 3.0\0" + resource(0x0404, b"\x1c\x02\xca" + copy)),
        "flashpix": (0xE2, b"FPXR\0" + copy),
        "jfxx": (0xE0, b"JFXX\0\x10" + copy),
        "jfif": (0xE0, b"JFIF\0\1\2\0\0\1\0\1" + bytes(small.size) + small.tobytes()),
        "jumbf": (0xEB, b"JP" + copy),
        "app 15": (0xEF, copy),
        "comment": (0xFE, lines),
    }
    packets = {
        "xmp": thumbnails(copy),
        "depth": packet("GDepth:Data", DEPTH, text),
        "depth attribute": packet("GDepth:Data", DEPTH, text, True),
        "known property": packet("dc:source", DUBLIN, text),
    }
    return {
        **{f"{name}.jpg": jpeg(image, [one]) for name, one in segments.items()},
        **{f"{name}.jpg": jpeg(image, xmp=one) for name, one in packets.items()},
        "multi picture.jpg": mpo(image, image),
        "trailer.jpg": jpeg(image, trailer=b"MotionPhoto" + copy),
        "profile.jpg": jpeg(image, icc_profile=bytes(200) + copy),
    }


def _in_png(image: Image.Image, copy: bytes, letters: bytes, lines: bytes) -> dict[str, bytes]:
    shot = exif(preview=copy)
    app1 = profile("generic profile", shot)
    chunks = {
        "exif": (b"eXIf", shot),
        "text": (b"tEXt", b"Thumbnail\0" + letters),
        "known text": (b"tEXt", b"Description\0" + lines),
        "packed text": (b"zTXt", b"Comment\0\0" + zlib.compress(lines)),
        "international text": (b"iTXt", b"Title\0\0\0\0\0" + letters),
        "profile exif": (b"tEXt", b"Raw profile type exif\0" + profile("exif", HEAD + shot)),
        "profile app1": (b"zTXt", b"Raw profile type APP1\0\0" + zlib.compress(app1)),
        "profile iptc": (b"tEXt", b"Raw profile type iptc\0" + profile("iptc", copy)),
        "xmp": (b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + thumbnails(copy)),
        "private": (b"prVW", copy),
        "colour profile": (b"iCCP", b"p\0\0" + zlib.compress(bytes(200) + copy)),
    }
    behind = [(b"eXIf", exif(shot=[(0x927C, 7, copy)]))]
    return {
        **{f"{name}.png": png(image, [one]) for name, one in chunks.items()},
        "exif behind.png": png(image, behind=behind),
        "trailer.png": png(image, trailer=copy),
    }


def folder(root: Path, image: Image.Image) -> Path:
    """Write `every` file."""
    root.mkdir(parents=True)
    for name, content in every(image).items():
        (root / name).write_bytes(content)
    return root
