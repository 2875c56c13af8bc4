"""The site's navigation names every page, and its reference every public module."""

from __future__ import annotations

import importlib.util
import pkgutil

import yaml
from tests.conftest import ROOT

import taggant

SPEC = importlib.util.spec_from_file_location("docs_site", ROOT / "tools" / "docs_site.py")
SITE = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(SITE)
MADE = {"index.md", "changelog.md"}


def listed(node) -> list[str]:
    """Files that a navigation names."""
    if isinstance(node, str):
        return [node]
    inner = node.values() if isinstance(node, dict) else node
    return [file for part in inner for file in listed(part)]


def test_the_navigation_names_every_page_once():
    found = listed(yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"])
    written = {path.name for path in (ROOT / "docs").glob("*.md")}
    reference = {f"reference/{page}.md" for page in SITE.pages()}
    assert len(found) == len(set(found))
    tutorials = {f"tutorials/{name}.md" for name in SITE.tutorials()}
    assert set(found) == written | reference | tutorials | MADE


def test_every_public_module_is_in_the_reference():
    there = {name for names in SITE.pages().values() for name in names}
    packages = [f"taggant.{one.name}" for one in pkgutil.iter_modules(taggant.__path__)]
    assert {name for name in packages if "._" not in name} <= there
    assert "taggant.stats.intervals" in there
    assert not any("._" in name for name in there)


def test_what_a_module_defines_is_found():
    names = SITE.defined("taggant.extras")
    assert names == ["taggant.extras.has", "taggant.extras.library"]


def test_a_notebook_becomes_a_page_with_its_code():
    page = SITE.tutorial("01_first_audit")
    assert page.startswith(
        "# A first audit\n\n*A notebook to run: `notebooks/01_first_audit.ipynb`."
    )
    assert "```python\nimport os\n" in page
    assert "%matplotlib" not in page
    assert "version number *J* of the ledger" in page
    assert "kernelspec" not in page
