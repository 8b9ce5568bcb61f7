"""A digest of the code that a job runs: a comment leaves it, a change of behaviour moves it and no other job's."""

import ast
import hashlib
import importlib.metadata
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

PACKAGE = "cmrbridge"
LIBRARIES = {
    "numpy": "numpy",
    "scipy": "scipy",
    "pandas": "pandas",
    "statsmodels": "statsmodels",
    "torch": "torch",
    "monai": "monai",
    "diffusers": "diffusers",
    "einops": "einops",
    "nibabel": "nibabel",
    "pydicom": "pydicom",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
}
"""Import name → distribution whose version can change a number."""


def fingerprint(module: str, *selected: str, script: Path | str | None = None, root: Path | None = None) -> str:
    """16 hex digits over the code that the entry ``module`` runs.

    Counts: the syntax trees of ``module``, of the ``selected`` modules (those that a config entry picks by name) and of
    all `cmrbridge` modules they import, also inside functions; the adapter ``script`` with what it imports, but for
    `cmrbridge.runtime`; and the versions of the numerical libraries that these import. Left out: comments, docstrings,
    the words of raised errors, and the package's own version. Nothing is imported. root: the package's folder.
    """
    root = root or Path(__file__).parent.parent
    digests = {}
    names = {module, *selected}
    if script is not None:
        digest, imported = _source(Path(script), "")
        digests["script"] = digest
        names |= {name for name in imported if not name.startswith(f"{PACKAGE}.runtime")}
    for name in (module, *selected):
        if _file(name, root) is None:
            raise ModuleNotFoundError(f"{name}: no such module below {root}, so it cannot be fingerprinted")
    libraries = set()
    for name, path in _closure(names, root):
        digest, imported = _source(path, name if path.name == "__init__.py" else name.rpartition(".")[0])
        digests[name] = digest
        libraries |= {one.partition(".")[0] for one in imported}
    versions = {name: _version(LIBRARIES[name]) for name in libraries & LIBRARIES.keys()}
    return hashlib.sha256(repr((sorted(digests.items()), sorted(versions.items()))).encode()).hexdigest()[:16]


def _closure(names: set[str], root: Path) -> Iterator[tuple[str, Path]]:
    """Every module of the package reached from ``names``, with its file; each one's package files come along."""
    waiting, seen = sorted(names), set()
    while waiting:
        name = waiting.pop()
        path = _file(name, root)
        if name in seen or path is None:
            continue
        seen.add(name)
        yield name, path
        parent = name.rpartition(".")[0]
        _, imported = _source(path, name if path.name == "__init__.py" else parent)
        waiting += [parent, *imported]


@cache
def _file(name: str, root: Path) -> Path | None:
    """The source of a module below the package; None for foreign names, functions, and the package's own top file,
    which holds its version alone."""
    package, *parts = name.split(".")
    if package != PACKAGE or not parts:
        return None
    stem = root.joinpath(*parts)
    return next((path for path in (stem.with_suffix(".py"), stem / "__init__.py") if path.is_file()), None)


@cache
def _source(path: Path, package: str) -> tuple[str, tuple[str, ...]]:
    """(digest of the meaning, names imported) of one file that lies in ``package``."""
    tree = ast.parse(path.read_bytes())
    imported = tuple(sorted(set(_imports(tree, package))))
    meaning = ast.dump(_Meaning().visit(tree))
    return hashlib.sha256(meaning.encode()).hexdigest(), imported


def _imports(tree: ast.Module, package: str) -> Iterator[str]:
    """Absolute names of all that is imported: of ``from a.b import c`` both a.b and a.b.c."""
    for node in _statements(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            ancestors = package.split(".")
            above = ".".join(ancestors[: len(ancestors) - node.level + 1]) if node.level else ""
            base = ".".join(part for part in (above, node.module) if part)
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    """All below ``node`` but expressions, which are nine nodes in ten and hold no statement."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.expr):
            yield child
            yield from _statements(child)


class _Meaning(ast.NodeTransformer):
    """Drops what changes no result: strings that stand alone (docstrings) and what a raised error says."""

    def visit(self, node: ast.AST) -> Any:
        return node if isinstance(node, ast.expr) else super().visit(node)

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        if isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            return None
        return self.generic_visit(node)

    def visit_Raise(self, node: ast.Raise) -> ast.AST:
        error = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
        return ast.Raise(exc=error, cause=None)


@cache
def _version(distribution: str) -> str:
    """Installed version without its build's mark: 2.13.0+cpu and 2.13.0+cu130 count as one."""
    try:
        return importlib.metadata.version(distribution).partition("+")[0]
    except importlib.metadata.PackageNotFoundError:
        return "absent"
