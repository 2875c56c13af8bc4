"""Hook of mkdocs: the README as first page, the notebooks, a reference of every public module.

The reference is made from the sources, without importing them: one page a package, one section a
module. Notebooks become pages of text and code by jupytext; they are not run here, but by the
tests. Links to files of the project that are not on the site become plain text.
"""

from __future__ import annotations

import ast
import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "taggant"
LINK = re.compile(r"(?<!!)\[((?:[^\[\]]|\[[^\[\]]*\])+)\]\(([^)\s]+)\)")
NOTEBOOK = re.compile(r"\]\(notebooks/(\w+)\.ipynb\)")
SYMBOL = re.compile(r"\$([\w/]+)\$")
NOTEBOOKS = ROOT / "notebooks"
REFERENCE = "reference"
TUTORIALS = "tutorials"


def modules() -> Iterator[str]:
    """Dotted names of all public modules, packages before what is in them."""
    for path in sorted(SOURCE.rglob("*.py")):
        parts = path.relative_to(SOURCE.parent).with_suffix("").parts
        if not any(part.startswith("_") and part != "__init__" for part in parts):
            yield ".".join(part for part in parts if part != "__init__")


def pages() -> dict[str, list[str]]:
    """The modules of each page of the reference, by the page's name.

    A package of `taggant` has a page of its own, modules beside the packages share the first.
    """
    found: dict[str, list[str]] = {"taggant": []}
    for name in modules():
        parts = name.split(".")
        inner = len(parts) > 1 and (SOURCE / parts[1]).is_dir()
        found.setdefault(parts[1] if inner else "taggant", []).append(name)
    return found


def tutorials() -> list[str]:
    """Names of the notebooks."""
    return [path.stem for path in sorted(NOTEBOOKS.glob("*.ipynb"))]


def tutorial(name: str) -> str:
    """A notebook as a page."""
    import jupytext

    text: str = jupytext.writes(jupytext.read(NOTEBOOKS / f"{name}.ipynb"), fmt="md")
    text = text.replace("%matplotlib inline\n", "").replace("](../docs/", "](../")
    text = SYMBOL.sub(r"*\1*", text)  # pages have no formulas
    front = "---\n"
    body = text.split(front, 2)[2] if text.startswith(front) else text
    note = f"*A notebook to run: `notebooks/{name}.ipynb`. Its pictures appear when it is run.*"
    title, _, rest = body.strip().partition("\n")
    return f"{title}\n\n{note}\n{rest}\n"


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the first page, the tutorials and the reference."""
    from mkdocs.structure.files import File  # tests read this file without the extra [docs]

    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    files.append(File.generated(config, "index.md", content=_moved(readme, "docs/")))
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    files.append(File.generated(config, "changelog.md", content=_moved(changes, "docs/")))
    for name in tutorials():
        files.append(File.generated(config, f"{TUTORIALS}/{name}.md", content=tutorial(name)))
    for page, names in pages().items():
        title = page if page == "taggant" else f"taggant.{page}"
        text = "\n".join([f"# {title}", *(f"\n## {name}\n\n::: {name}" for name in names)])
        files.append(File.generated(config, f"{REFERENCE}/{page}.md", content=text))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Links to files of the project that are not on the site become their text."""
    here = posixpath.dirname(page.file.src_uri)
    folder = ROOT if page.file.src_uri in ("index.md", "changelog.md") else ROOT / "docs" / here

    def kept(match: re.Match[str]) -> str:
        text, target = match.groups()
        name = target.partition("#")[0]
        on_site = files.get_file_from_path(posixpath.normpath(posixpath.join(here, name)))
        return text if name and not on_site and (folder / name).exists() else match[0]

    return LINK.sub(kept, markdown)


def on_post_build(config: MkDocsConfig) -> None:
    """Every public class and function has its place in the reference, or the build fails."""
    from mkdocs.exceptions import PluginError

    for page, names in pages().items():
        html = (Path(config.site_dir) / REFERENCE / f"{page}.html").read_text(encoding="utf-8")
        missing = [one for name in names for one in defined(name) if f'id="{one}"' not in html]
        if missing:
            raise PluginError(f"{REFERENCE}/{page}.html lacks {', '.join(missing)}")


def defined(module: str) -> list[str]:
    """Dotted names of the public classes and functions that a module defines."""
    path = ROOT / "src" / Path(*module.split("."))
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    tree = ast.parse(file.read_text(encoding="utf-8"))
    kinds = (ast.ClassDef, ast.FunctionDef)
    found = [node.name for node in tree.body if isinstance(node, kinds)]
    return [f"{module}.{name}" for name in found if not name.startswith("_")]


def _moved(text: str, folder: str) -> str:
    """A page of the root, with links as they are from `folder`."""
    return NOTEBOOK.sub(rf"]({TUTORIALS}/\1.md)", text.replace(f"]({folder}", "]("))
