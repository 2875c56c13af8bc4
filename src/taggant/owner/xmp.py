"""XMP packets, made anew of named properties: a packet may hold thumbnails of the raw picture."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from xml.etree import ElementTree as ET

RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"
SPACES = {
    "dc": "http://purl.org/dc/elements/1.1/",
    "xmp": "http://ns.adobe.com/xap/1.0/",
    "xmpRights": "http://ns.adobe.com/xap/1.0/rights/",
    "photoshop": "http://ns.adobe.com/photoshop/1.0/",
    "Iptc4xmpCore": "http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/",
    "Iptc4xmpExt": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
    "plus": "http://ns.useplus.org/ldf/xmp/1.0/",
    "cc": "http://creativecommons.org/ns#",
    "exif": "http://ns.adobe.com/exif/1.0/",
}
WORDS = {
    "dc": ("title", "description", "creator", "rights", "subject", "source"),
    "xmp": ("Rating", "Label", "CreateDate", "ModifyDate", "CreatorTool"),
    "xmpRights": ("Marked", "Owner", "UsageTerms", "WebStatement"),
    "photoshop": ("AuthorsPosition", "Credit", "DateCreated", "Headline", "Instructions", "Source"),
    "Iptc4xmpExt": ("DigitalSourceType",),
    "plus": ("DataMining", "OtherConstraints"),
    "cc": ("license", "attributionName", "attributionURL"),
}
LOCATION_WORDS = {
    "photoshop": ("City", "State", "Country"),
    "Iptc4xmpCore": ("CountryCode", "Location"),
    "exif": ("GPSLatitude", "GPSLongitude", "GPSAltitude", "GPSAltitudeRef", "GPSTimeStamp"),
}


def _named(properties: dict[str, tuple[str, ...]]) -> frozenset[str]:
    return frozenset(f"{{{SPACES[k]}}}{name}" for k, names in properties.items() for name in names)


ALLOWED, LOCATION = _named(WORDS), _named(LOCATION_WORDS)
MINING = f"{{{SPACES['plus']}}}DataMining"
PROHIBITED = "http://ns.useplus.org/ldf/vocab/DMI-PROHIBITED"
MOST_ITEMS = 100
"""Of one list, of keywords say."""
HEAD = '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
TAIL = '<?xpacket end="r"?>'

for _prefix, _space in {**SPACES, "rdf": RDF[1:-1], "x": "adobe:ns:meta/"}.items():
    ET.register_namespace(_prefix, _space)


def rebuilt(packet: bytes, keep_location: bool, fits: Callable[[str], bool]) -> tuple[bytes, bool]:
    """A packet with the properties of `packet` that are named here, and whether some were not.

    Parameters
    ----------
    packet : bytes
        As a file holds it; whatever cannot be read is left out.
    keep_location : bool
        Whether to keep those that say where the picture was taken.
    fits : callable
        Whether a text may be published.
    """
    if not packet.strip(b"\0 \n\r\t"):
        return b"", False
    if b"<!DOCTYPE" in packet:  # entities, which no writer of XMP needs
        return b"", True
    try:
        tree = ET.fromstring(packet.decode().strip("\0 \n\r\t\ufeff"))
    except (ET.ParseError, UnicodeDecodeError):
        return b"", True
    allowed = ALLOWED | LOCATION if keep_location else ALLOWED
    found = ET.Element(f"{RDF}Description", {f"{RDF}about": ""})
    dropped = False
    for one in _properties(tree):
        kept = _property(one, fits) if one.tag in allowed else None
        dropped |= kept is None
        if kept is not None and found.find(kept.tag) is None:
            found.append(kept)
    return (_packed(found) if len(found) else b""), dropped


def without_mining(packet: bytes) -> bytes:
    """A packet that `rebuilt` made, with the owner's word that no model may learn of the picture.

    The property of PLUS that the IPTC's standard took over in 2023.
    """
    tree = ET.fromstring(packet.decode()) if packet else None
    found = None if tree is None else tree.find(f"{RDF}RDF/{RDF}Description")
    if found is None:
        found = ET.Element(f"{RDF}Description", {f"{RDF}about": ""})
    for one in found.findall(MINING):
        found.remove(one)
    ET.SubElement(found, MINING).text = PROHIBITED
    return _packed(found)


def forbids_mining(packet: bytes) -> bool:
    """Whether a packet that `rebuilt` made says so."""
    return bool(packet) and any(
        one.tag == MINING and one.text == PROHIBITED
        for one in ET.fromstring(packet.decode()).iter()
    )


def has_location(packet: bytes) -> bool:
    """Whether a packet that `rebuilt` made says where the picture was taken."""
    return bool(packet) and any(
        one.tag in LOCATION for one in ET.fromstring(packet.decode()).iter()
    )


def _properties(tree: ET.Element) -> Iterator[ET.Element]:
    """All properties; those that are written as attributes in the form of elements."""
    outer = tree if tree.tag == f"{RDF}RDF" else tree.find(f"{RDF}RDF")
    for description in () if outer is None else outer.findall(f"{RDF}Description"):
        for name, text in description.attrib.items():
            if not name.startswith(RDF) and name != LANGUAGE:
                one = ET.Element(name)
                one.text = text
                yield one
        yield from description


def _property(one: ET.Element, fits: Callable[[str], bool]) -> ET.Element | None:
    """A property made anew, or None if it is no short text, link or list of short texts."""
    made = ET.Element(one.tag)
    link = one.get(f"{RDF}resource")
    if link is not None:
        made.set(f"{RDF}resource", link)
        return made if fits(link) else None
    if not len(one):
        made.text = one.text or ""
        return made if fits(made.text) else None
    kind, items = one[0].tag, list(one[0])
    if kind not in (f"{RDF}Alt", f"{RDF}Bag", f"{RDF}Seq") or len(items) > MOST_ITEMS:
        return None
    group = ET.SubElement(made, kind)
    for item in items:
        if len(item) or not fits(item.text or ""):
            return None
        language = item.get(LANGUAGE, "")
        known = {LANGUAGE: language} if language and fits(language) else {}
        ET.SubElement(group, f"{RDF}li", known).text = item.text
    return made


def _packed(description: ET.Element) -> bytes:
    outer = ET.Element("{adobe:ns:meta/}xmpmeta")
    ET.SubElement(outer, f"{RDF}RDF").append(description)
    return f"{HEAD}{ET.tostring(outer, encoding='unicode')}{TAIL}".encode()
