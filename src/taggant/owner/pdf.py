"""The certificate's page as a PDF, for those who file paper."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib

from taggant.extras import library

if TYPE_CHECKING:  # a library that may be absent
    from fpdf import FPDF
    from fpdf.fonts import TextStyle

FAMILY, SIZE = "DejaVu", 9
FACES = {"": "DejaVuSans.ttf", "B": "DejaVuSans-Bold.ttf", "I": "DejaVuSans-Oblique.ttf"}
"""Of matplotlib: they have the letters of most names of files."""
WIDTHS = {5: (26, 42, 12, 12, 8), 3: (38, 50, 12)}
"""Of a table's columns, in percent, by how many there are."""
NOTE = (
    "<p><i>A print of the certificate's page. What can be checked is the file that it was made of "
    "(<code>taggant verify</code>); this print can not.</i></p>"
)


def pdf(page: str) -> bytes:
    """A certificate's page as a PDF.

    Parameters
    ----------
    page : str
        As `taggant.owner.page.page` makes it.
    """
    made = _empty()
    made.write_html(_plain(page), font_family=FAMILY, tag_styles=_styles())
    return bytes(made.output())


def _empty() -> FPDF:
    made: FPDF = library("fpdf", "--pdf").FPDF(format="A4")
    fonts = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    for style, file in FACES.items():
        made.add_font(FAMILY, style, fonts / file)
    made.set_font(FAMILY, size=SIZE)
    made.set_title("Certificate of data use")
    made.set_margin(18)
    made.add_page()
    return made


def _styles() -> dict[str, TextStyle]:
    style: type[TextStyle] = library("fpdf.fonts", "--pdf").TextStyle
    return {
        "h1": style(FAMILY, "B", 16, t_margin=0, b_margin=0.5, color="#1b1f24"),
        "h2": style(FAMILY, "B", 11, t_margin=5, b_margin=1, color="#1b1f24"),
        "li": style(l_margin=4, color="#1b1f24"),
    }


def _plain(page: str) -> str:
    """What of a page the library reads: its body, without what only styles it."""
    body = page.partition("<body>")[2].partition("</body>")[0] + NOTE
    body = re.sub(r"</?code>", "", body)
    body = re.sub(r"<thead>.*?</thead>", lambda found: _with_widths(found[0]), body, flags=re.S)
    body = body.replace("<td", '<td align="left"')
    row = '<tr><th scope="row" class="whole">'
    sized = '<tr><th width="24%" align="left">'
    body = re.sub(rf"{row}(.*?)</th><td", rf'{sized}\1</th><td width="76%"', body, count=1)
    return body.replace(row, sized.replace(' width="24%"', ""))


def _with_widths(head: str) -> str:
    widths = iter(WIDTHS[head.count("<th>")])
    return re.sub("<th>", lambda _: f'<th width="{next(widths)}%" align="left">', head)
