"""MONAI without the packages that it takes along where they happen to be installed: half of a job's start-up."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

GREEDY = "monai"
OPTIONAL = frozenset({"ignite", "matplotlib", "mlflow", "pandas", "scipy", "skimage", "sklearn", "transformers"})
"""What MONAI asks for by its `optional_import`, and the networks that a job takes from it do not use."""


@contextmanager
def lean_imports() -> Iterator[None]:
    """Within it MONAI, if it is imported for the first time, does not find `OPTIONAL`; all other imports do.

    For processes that are one job: what MONAI did not find it does without for as long as the process lives.
    """
    finder = _Finder()
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


class _Finder(MetaPathFinder):
    hidden: frozenset[str] = frozenset()

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name.partition(".")[0] in self.hidden:
            raise ModuleNotFoundError(f"{name} is hidden while {GREEDY} is imported", name=name)
        spec = PathFinder.find_spec(name, path) if name == GREEDY else None
        if spec and spec.loader:
            spec.loader = _Loader(self, spec.loader)
        return spec


class _Loader(Loader):
    """A package's own loader, with `OPTIONAL` hidden while it works; what was imported before stays in sight."""

    def __init__(self, finder: _Finder, own: Loader) -> None:
        self.finder, self.own = finder, own

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self.own.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self.finder.hidden = OPTIONAL - sys.modules.keys()
        try:
            self.own.exec_module(module)
        finally:
            self.finder.hidden = frozenset()
