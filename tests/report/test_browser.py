"""No element of a report or a certificate is wider than its box, on a desktop and on a telephone.

`make test-browser` runs these tests: they need Chromium, which it installs where it can.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.forks import warmed
from tests.owner.forged import marked, record_of
from tests.report.browser import too_wide
from tests.report.test_page import page
from tests.test_experiments import tiny

from taggant.owner.certify import certificate
from taggant.owner.ledger import FolderLedger
from taggant.owner.page import page as certificate_page

pytestmark = pytest.mark.browser

KINDS = {
    "instance": "smoke",
    "unlearning": "unlearning/classifier",
    "radioactive": "radioactive/black_box",
    "set rank": "radioactive/backdoor",
    "twins": "radioactive/whole_twins",
    "clip": "clip/from_scratch",
    "captioner": "clip/captioner",
    "encoder": "encoder/simclr",
}
LONG = "pneumonoultramicroscopicsilicovolcanoconiosis" * 4
BAD = (
    "p {white-space: nowrap}",
    ".meaning {white-space: nowrap}",
    "pre {white-space: pre}",
    "dd {overflow-wrap: normal}",
    ".headline {margin-left: -30px}",
    "svg {width: 120%}",
)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("browser")


@pytest.mark.parametrize("kind", KINDS)
def test_a_report_of_each_kind_fits(root: Path, kind: str) -> None:
    name = KINDS[kind]
    status = warmed().run(root, *tiny(name), report=True)
    assert status == 0, (root / "output.txt").read_text()[-2000:]
    (report,) = (root / "runs" / name).rglob("report.html")
    found = too_wide(report.read_text(), root)
    assert not found, "\n".join(found)


@pytest.mark.parametrize("kind", ["run_folder", "unlearned_folder", "set_folder"])
def test_names_of_any_length_fit(
    request: pytest.FixtureRequest, tmp_path: Path, edit: Any, kind: str
) -> None:
    folder = request.getfixturevalue(kind)

    def lengthen(context: dict[str, Any]) -> None:
        kept = {"n", "p", "secret", "class_count"}
        context.update({key: f"{LONG} {LONG}" for key in context if key not in kept})

    edit("context.json", lengthen)
    edit("result.json", lambda value: value["metrics"].update({LONG: 1.0, "status": LONG}))
    edit("result.json", lambda value: value["stages"].update({LONG: {"digest": LONG}}))
    found = too_wide(page(folder), tmp_path)
    assert not found, "\n".join(found)


def test_a_certificate_fits(root: Path) -> None:
    record = record_of(marked(root / "owner"))
    made = certificate(FolderLedger.load(root / "owner/ledger"), record)
    of_people = certificate_page(made)
    assert "class0/" in of_people
    for name in ("class0", LONG):
        found = too_wide(of_people.replace("class0/", f"{name}/"), root)
        assert not found, "\n".join(found)


@pytest.mark.parametrize("rule", BAD)
def test_what_does_not_fit_is_found(run_folder: Path, tmp_path: Path, edit: Any, rule: str) -> None:
    """The measure itself: each of these spoils the page."""
    edit("context.json", lambda value: value.update(command=LONG, victim=LONG))
    spoilt = page(run_folder).replace("</style>", f"{rule}</style>")
    assert too_wide(spoilt, tmp_path)
