"""Which modules a piece of code rests on, and what these say: read from source, never run.

One's own code counts: this package, and all that lies outside the folders of installed libraries.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import sysconfig
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.machinery import ModuleSpec
from pathlib import Path

OWN = __name__.partition(".")[0]
INIT = "__init__.py"


@dataclass(frozen=True)
class Module:
    """What the source of a module says.

    Attributes
    ----------
    digest : str
        Of its syntax (see `syntax_digest`), and of the files beside it that it names.
    imports : tuple of str
        Dotted names of modules, or of what is in them, that it imports when it runs.
    passes_on : mapping
        For the ``__init__`` of a package: what each name stands for that it imports.
    """

    digest: str
    imports: tuple[str, ...]
    passes_on: Mapping[str, str]


def closure(names: Iterable[str], without: Collection[str] = ()) -> dict[str, str]:
    """Digests of the modules that some names lie in, and of all that these import, by module.

    Of a package whose ``__init__`` only passes a name on, the module that defines it counts, not
    all else that is passed on. Imports under ``if TYPE_CHECKING`` do not count.

    Parameters
    ----------
    names : iterable of str
        Dotted names of modules, or of what is in them: ``taggant.score.Score``.
    without : collection of str
        Modules and packages that do not count, nor what only they import.

    Raises
    ------
    ModuleNotFoundError
        If a name's package is not there.
    """
    waiting = list(names)
    for name in waiting:
        top = name.partition(".")[0]
        if not top or importlib.util.find_spec(top) is None:
            raise ModuleNotFoundError(f"_target_ {name!r}: no such module")
    found: dict[str, str] = {}
    while waiting:
        inner = home(waiting.pop())
        if inner is None or inner in found or any(_within(inner, outer) for outer in without):
            continue
        module = _module(inner)
        found[inner] = module.digest
        waiting += module.imports
    return dict(sorted(found.items()))


def changed(known: Mapping[str, str]) -> list[str]:
    """Names of the modules whose code is not here, or is another one than when it was noted.

    Parameters
    ----------
    known : mapping
        Digests by module, as `closure` gives them.
    """
    return [name for name, digest in known.items() if _digest_here(name) != digest]


def home(name: str) -> str | None:
    """The module that defines what a dotted name stands for; None for a library's."""
    known = sources(name.partition(".")[0])
    inner = name
    while inner and inner not in known:
        inner = inner.rpartition(".")[0]
    if not inner:
        return None
    part = name[len(inner) + 1 :].partition(".")[0]
    elsewhere = _module(inner).passes_on.get(part)
    return inner if elsewhere is None else home(elsewhere)


def syntax_digest(tree: ast.Module) -> str:
    """16 hex digits of a syntax tree; comments, layout and docstrings do not count."""
    return _short("".join(_written(tree)).encode())


@dataclass(frozen=True)
class Source:
    """Where a module's source lies, what it is, and whether it is the ``__init__`` of a package."""

    path: Path
    text: bytes
    package: bool


@cache
def sources(package: str) -> Mapping[str, Source]:
    """Source of each module of an own package, by name; nothing of a library.

    All are read at once and remembered: what is edited while a process runs counts in the next.
    """
    spec = importlib.util.find_spec(package)
    if spec is None or (package != OWN and _installed(spec)):
        return {}
    if spec.submodule_search_locations is None:
        path = Path(spec.origin or "")
        return {package: Source(path, path.read_bytes(), False)} if path.suffix == ".py" else {}
    found: dict[str, Source] = {}
    for root in map(Path, spec.submodule_search_locations):
        for path in sorted(root.rglob("*.py")):
            inner = path.relative_to(root)
            parts = inner.parts[:-1] if path.name == INIT else inner.with_suffix("").parts
            name = ".".join((package, *parts))
            found[name] = Source(path, path.read_bytes(), path.name == INIT)
    return found


def _digest_here(name: str) -> str | None:
    package = name.partition(".")[0]
    there = package.isidentifier() and name in sources(package)
    return _module(name).digest if there else None


def _module(name: str) -> Module:
    return _said(name, sources(name.partition(".")[0])[name])


@cache
def _said(name: str, source: Source) -> Module:
    tree = ast.parse(source.text)
    imports = [*_imports(tree, name if source.package else name.rpartition(".")[0])]
    written = syntax_digest(tree), *_digests_beside(source.path, tree)
    passes_on = dict(imports) if source.package else {}
    return Module("+".join(written), tuple(full for _, full in imports), passes_on)


def _digests_beside(path: Path, tree: ast.Module) -> Iterator[str]:
    """Of the files in the module's folder, such as templates, that the code names."""
    texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    for other in sorted(path.parent.iterdir()):
        if other.name in texts and other.is_file():
            yield _short(other.read_bytes())


def _imports(node: ast.AST, package: str) -> Iterator[tuple[str, str]]:
    """What imports bind, at any depth of the code: the name, and the dotted name it stands for."""
    if isinstance(node, ast.Import):
        yield from ((alias.asname or alias.name, alias.name) for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        outer = package.split(".")[: package.count(".") + 2 - node.level] if node.level else []
        base = ".".join([*outer, *([node.module] if node.module else [])])
        for alias in node.names:
            full = base if alias.name == "*" else f"{base}.{alias.name}"
            yield alias.asname or alias.name, full
    elif isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
        for statement in node.orelse:
            yield from _imports(statement, package)
    elif not isinstance(node, ast.expr):
        for child in ast.iter_child_nodes(node):
            yield from _imports(child, package)


def _written(node: object) -> Iterator[str]:
    """A syntax tree as text, the same from every version of Python.

    Fields that are empty are left out, since versions differ in which there are.
    """
    if isinstance(node, ast.AST):
        yield f"{type(node).__name__}("
        for field, value in ast.iter_fields(node):
            if value is not None and value != [] and not isinstance(value, ast.expr_context):
                yield f"{field}="
                yield from _written(value)
        yield ")"
    elif isinstance(node, list):
        for item in node:
            if not _says_nothing(item):
                yield from _written(item)
                yield ","
    else:
        yield repr(node)


def _says_nothing(node: object) -> bool:
    """Whether a statement is a docstring, or any other text that stands by itself."""
    value = node.value if isinstance(node, ast.Expr) else None
    return isinstance(value, ast.Constant) and isinstance(value.value, str)


def _short(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


def _within(name: str, outer: str) -> bool:
    return name == outer or name.startswith(f"{outer}.")


def _installed(spec: ModuleSpec) -> bool:
    """Whether a package lies where installed libraries do."""
    places = [
        Path(place) for place in (*(spec.submodule_search_locations or ()), spec.origin or "")
    ]
    folders = (sysconfig.get_path(key) for key in ("stdlib", "platstdlib", "purelib", "platlib"))
    roots = [Path(folder).resolve() for folder in folders]
    return any(place.resolve().is_relative_to(root) for place in places for root in roots)
