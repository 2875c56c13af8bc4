"""A page as Chromium lays it out: which elements are wider than their box, or off the screen."""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome")

MEASURE = """
const found = [];
for (const frame of document.querySelectorAll("iframe")) {
  const page = frame.contentDocument, width = frame.clientWidth;
  if (page.body.innerText.length < 10) found.push([width, "body", "is empty"]);
  for (const one of page.querySelectorAll("body, body *:not(svg *)")) {
    const box = one.getBoundingClientRect();
    const name = one.localName + "." + one.getAttribute("class") + ": " +
      one.textContent.trim().slice(0, 40);
    if (one.clientWidth && one.scrollWidth > one.clientWidth + 1)
      found.push([width, name, `${one.scrollWidth} px in a box of ${one.clientWidth}`]);
    if (box.width && (box.left < -0.5 || box.right > width + 0.5))
      found.push([width, name, `from ${box.left} to ${box.right} px`]);
  }
}
document.getElementById("found").textContent = JSON.stringify(found);
"""


def chromium() -> str:
    """The browser's command."""
    there = filter(None, map(shutil.which, NAMES))
    found = next(there, None)
    assert found, f"none of {', '.join(NAMES)} is installed: `make test-browser` sees to it"
    return found


def too_wide(page: str, folder: Path, widths: Sequence[int] = (1280, 400)) -> list[str]:
    """What does not fit, at each width of the window.

    Parameters
    ----------
    page : str
        HTML without scripts.
    folder : Path
        For the browser's files.
    widths : sequence of int
        In pixels. Chromium's own windows are 500 px wide at least, so the page lies in a frame.
    """
    shown = "".join(
        f'<iframe style="width:{width}px;height:900px;border:0" srcdoc="{html.escape(page)}">'
        "</iframe>"
        for width in widths
    )
    whole = (
        f'<!doctype html><meta charset="utf-8">{shown}<pre id="found"></pre>'
        f"<script>onload = () => {{{MEASURE}}}</script>"
    )
    path = folder / "frames.html"
    path.write_text(whole, encoding="utf-8")
    alone = ["--no-sandbox"] if os.geteuid() == 0 else []
    command = [chromium(), "--headless", "--disable-gpu", *alone, f"--user-data-dir={folder}/user"]
    done = subprocess.run(
        [*command, "--virtual-time-budget=10000", "--dump-dom", path.as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    said = re.findall(r'<pre id="found">(.+?)</pre>', done.stdout, re.DOTALL)
    assert said, f"the page was not measured: {done.stderr[-2000:]}"
    found = json.loads(html.unescape(said[0]))
    return [f"at {width} px, {name} - {what}" for width, name, what in found]
