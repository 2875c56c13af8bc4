"""Commands of the tutorial, as its pages have them."""

from __future__ import annotations

import re
import shlex

from tests.conftest import ROOT


def commands(heading: str) -> list[list[str]]:
    """Words of each command in the first block below a heading of docs/owner.md."""
    text = (ROOT / "docs" / "owner.md").read_text().split(f"## {heading}")[1]
    block = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)[0].replace("\\\n", " ")
    return [shlex.split(line, comments=True) for line in block.splitlines()]
