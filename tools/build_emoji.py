"""Build the embedded emoji set from three npm packages.

    npm install emoji-datasource-google@16.0.0 emoji-datasource-twitter@16.0.0 openmoji@17.0.0
    python tools/build_emoji.py node_modules src/taggant/data/emoji

Writes one lossless sheet per style (32x32 tiles, row by row, in the order of concepts.json) and
the concepts' names. The same packages and the same Pillow give the same bytes.
"""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path
from typing import Any

from PIL import Image

SIZE = 32
STYLES = {"noto": "google", "twemoji": "twitter"}


def main() -> None:
    """Read the command line, write sheets and metadata, print their sizes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("node_modules", type=Path, help="folder that holds the three packages")
    parser.add_argument("target", type=Path, help="folder to write to")
    arguments = parser.parse_args()
    entries = read_entries(arguments.node_modules)
    arguments.target.mkdir(parents=True, exist_ok=True)
    written = [write_concepts(entries, arguments.target / "concepts.json")]
    for style, vendor in STYLES.items():
        art = arguments.node_modules / f"emoji-datasource-{vendor}" / "img" / vendor / "64"
        written.append(write_sheet(entries, art, arguments.target / f"{style}.webp"))
    for path in written:
        print(f"{path}: {path.stat().st_size} bytes")


def read_entries(packages: Path) -> list[dict[str, Any]]:
    """Emoji that both styles draw, without skin tones, joined to their annotations.

    In Unicode's own order; the join is on the code points, variation selector left out.
    """
    drawn = json.loads((packages / "emoji-datasource-google" / "emoji.json").read_text("utf-8"))
    named = json.loads((packages / "openmoji" / "data" / "openmoji.json").read_text("utf-8"))
    annotations = {bare(entry["hexcode"]): entry for entry in named}
    both = [e for e in drawn if all(e[f"has_img_{vendor}"] for vendor in STYLES.values())]
    both.sort(key=lambda entry: (entry["sort_order"], entry["unified"]))
    return [entry | {"named": annotations[bare(entry["unified"])]} for entry in both]


def bare(hexcode: str) -> str:
    """Code points without the variation selector FE0F, which the sources write differently."""
    return "-".join(part for part in hexcode.upper().split("-") if part != "FE0F")


def write_concepts(entries: list[dict[str, Any]], path: Path) -> Path:
    """One line per concept: code points, annotation, tags, category, subcategory."""
    categories = sorted({entry["category"] for entry in entries})
    subcategories = sorted({entry["subcategory"] for entry in entries})
    rows = [
        [
            bare(entry["unified"]),
            entry["named"]["annotation"],
            entry["named"]["tags"],
            categories.index(entry["category"]),
            subcategories.index(entry["subcategory"]),
        ]
        for entry in entries
    ]
    lines = ",\n".join(json.dumps(row, ensure_ascii=False, separators=(",", ":")) for row in rows)
    head = f'"categories":{json.dumps(categories)},\n"subcategories":{json.dumps(subcategories)}'
    columns = '"columns":["code","annotation","tags","category","subcategory"]'
    path.write_text(f'{{{head},\n{columns},\n"concepts":[\n{lines}\n]}}\n', encoding="utf-8")
    return path


def write_sheet(entries: list[dict[str, Any]], art: Path, path: Path) -> Path:
    """All drawings of one style on one transparent sheet."""
    columns = math.isqrt(len(entries) - 1) + 1
    rows = -(-len(entries) // columns)
    sheet = Image.new("RGBA", (columns * SIZE, rows * SIZE))
    for number, entry in enumerate(entries):
        row, column = divmod(number, columns)
        sheet.paste(shrink(art / entry["image"]), (column * SIZE, row * SIZE))
    sheet.save(path, lossless=True, quality=100, method=6)
    return path


def shrink(path: Path) -> Image.Image:
    """A drawing at 32x32; colours are averaged in proportion to their opacity."""
    with Image.open(path) as image:
        opacity_weighted = image.convert("RGBA").convert("RGBa")
    return opacity_weighted.resize((SIZE, SIZE), Image.Resampling.BOX).convert("RGBA")


if __name__ == "__main__":
    main()
