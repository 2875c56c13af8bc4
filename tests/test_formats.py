"""The page of file formats names every schema number that the code writes."""

from __future__ import annotations

import re

import pytest
from tests.conftest import ROOT

from taggant.marking import ledger as run_ledger
from taggant.owner import backup, certificate, commitments, ledger, record
from taggant.report import folder

PAGE = (ROOT / "docs" / "formats.md").read_text()
NAMED = re.compile(r"\"(taggant [a-z ]+ \d+)\"")
"""How the owner's files are numbered in the code."""


def test_every_number_of_the_owners_files_is_on_the_page():
    sources = (ROOT / "src" / "taggant").rglob("*.py")
    written = {name for path in sources for name in NAMED.findall(path.read_text())}
    expected = {module.SCHEMA for module in (backup, certificate, commitments, ledger, record)}
    expected.add(commitments.JOINT_SCHEMA)
    assert written == expected
    assert set(re.findall(r"`(taggant [a-z ]+ \d+)`", PAGE)) == expected


@pytest.mark.parametrize(
    ("file", "schema"),
    [
        ("secrets/ledgers/DIGEST.json", run_ledger.SCHEMA),
        ("runs/NAME/DATE/result.json", folder.SCHEMA),
    ],
)
def test_the_numbers_of_a_runs_files_are_on_the_page(file, schema):
    assert f"| `{file}` | {schema} |" in PAGE
