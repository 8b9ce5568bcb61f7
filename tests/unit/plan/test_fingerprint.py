"""The fingerprint moves exactly when the code of a job changes what it does."""

import time
from pathlib import Path

import pytest

from cmrbridge.plan.fingerprint import fingerprint

TREE = {
    "__init__.py": '__version__ = "1"\n',
    "core/__init__.py": "",
    "core/scale.py": 'FACTOR = 2\n\n\ndef scale(x):\n    """Scale."""\n    return FACTOR * x  # twice\n',
    "core/other.py": "VALUE = 1\n",
    "a/__init__.py": "",
    "a/train.py": "def train():\n    from cmrbridge.core import scale\n    from . import deep\n    return scale\n",
    "a/deep/__init__.py": "from .inner import leaf\n",
    "a/deep/inner.py": 'def leaf(x):\n    if x:\n        raise ValueError("no leaf")\n    return 1\n',
    "b/__init__.py": "",
    "b/train.py": "import cmrbridge.core.other\n",
}


def tree(folder: Path, edits: dict[str, str] | None = None) -> Path:
    """The tiny package with some files replaced."""
    for name, text in (TREE | (edits or {})).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def both(root: Path) -> tuple[str, str]:
    return fingerprint("cmrbridge.a.train", root=root), fingerprint("cmrbridge.b.train", root=root)


@pytest.mark.parametrize(
    "edits",
    [
        {"core/scale.py": '"""New."""\nFACTOR = 2\ndef scale(x):\n    return (FACTOR * x)\n'},
        {"a/deep/inner.py": 'def leaf(x):\n    # why\n    if x:\n        raise ValueError("better")\n    return 1\n'},
        {"core/unrelated.py": "VALUE = 3\n"},
    ],
    ids=["comment and docstring", "words of an error", "unrelated module"],
)
def test_it_stays(tmp_path: Path, edits: dict[str, str]) -> None:
    assert both(tree(tmp_path / "new", edits)) == both(tree(tmp_path / "old"))


@pytest.mark.parametrize(
    ("file", "moves"),
    [
        ("core/scale.py", (True, False)),
        ("core/other.py", (False, True)),
        ("core/__init__.py", (True, True)),
        ("a/deep/inner.py", (True, False)),
        ("a/deep/__init__.py", (True, False)),
    ],
)
def test_a_constant_moves_exactly_its_dependants(tmp_path: Path, file: str, moves: tuple[bool, bool]) -> None:
    new = tree(tmp_path / "new", {file: TREE[file] + "ADDED = 7\n"})
    assert tuple(a != b for a, b in zip(both(new), both(tree(tmp_path / "old")))) == moves


def test_the_packages_own_version_retrains_nothing(tmp_path: Path) -> None:
    new = tree(tmp_path / "new", {"__init__.py": '__version__ = "2"\n'})
    assert both(new) == both(tree(tmp_path / "old"))


def test_selected_modules_and_the_script_count_but_not_the_runtime(tmp_path: Path) -> None:
    root, script = tree(tmp_path / "p", {"runtime/job.py": "A = 1\n"}), tmp_path / "one.py"
    script.write_text("from cmrbridge.runtime.job import job\nfrom cmrbridge.b import train\n")
    plain = fingerprint("cmrbridge.b.train", root=root)
    assert fingerprint("cmrbridge.b.train", "cmrbridge.a.train", root=root) != plain
    with_script = fingerprint("cmrbridge.b.train", script=script, root=root)
    assert with_script != plain
    other = tree(tmp_path / "q", {"runtime/job.py": "A = 2\n"})
    assert fingerprint("cmrbridge.b.train", script=script, root=other) == with_script


def test_a_numerical_librarys_version_counts_only_where_it_is_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tree(tmp_path, {"a/deep/inner.py": "import torch\n"})
    before = both(root)
    monkeypatch.setattr("cmrbridge.plan.fingerprint._version", lambda name: "9.9")
    after = both(root)
    assert after[0] != before[0]
    assert after[1] == before[1]


def test_a_misspelt_module_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ModuleNotFoundError, match=r"cmrbridge\.a\.tarin"):
        fingerprint("cmrbridge.a.tarin", root=tree(tmp_path))


def test_the_real_loop_is_fast() -> None:
    start = time.perf_counter()
    digest = fingerprint("cmrbridge.core.loop")
    assert len(digest) == 16
    assert time.perf_counter() - start < 1
