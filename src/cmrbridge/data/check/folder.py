"""A data set's folder: whose layout it has, what its tables hold, which files no frame names."""

from collections.abc import Callable, Iterable
from pathlib import Path

from cmrbridge.data.check.problem import Fault, is_formula
from cmrbridge.data.frames import Frame
from cmrbridge.errors import InputError

LAYOUTS: dict[str, Callable[[Path], bool]] = {
    "manifest": lambda folder: (folder / "manifest.csv").is_file(),
    "mnms2": lambda folder: (folder / "dataset_information.csv").is_file() and (folder / "dataset").is_dir(),
    "mnms": lambda folder: any(folder.glob("*nformation*.csv")),
    "acdc": lambda folder: any(folder.glob("training/*/Info.cfg")) or any(folder.glob("testing/*/Info.cfg")),
}


def reader_of(folder: Path) -> str:
    """The reader whose layout the folder has; InputError where it has none's."""
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; name the folder of a data set")
    for name, has in LAYOUTS.items():
        if has(folder):
            return name
    raise InputError(
        f"{folder}: no manifest.csv, and not the layout of {', '.join(name for name in LAYOUTS if name != 'manifest')};"
        " write a manifest (docs/how-to/own-data.md), or name the reader by --reader"
    )


def volumes_in(folder: Path) -> list[Path]:
    """Every NIfTI file of the folder, sorted."""
    return sorted(path for path in folder.rglob("*.nii*") if path.name.endswith((".nii", ".nii.gz")) and path.is_file())


def table_faults(folder: Path) -> list[tuple[Path, Fault]]:
    """Cells of the folder's own tables that a spreadsheet would run."""
    found = []
    for path in sorted(folder.glob("*.csv")):
        text = path.read_bytes().decode("utf-8-sig", errors="replace")
        for number, line in enumerate(text.splitlines(), 1):
            cells = (cell.strip(' "') for comma in line.split(",") for cell in comma.split(";"))
            found += [
                (path, Fault("formula", f"line {number} holds the cell {cell[:40]!r}"))
                for cell in cells
                if is_formula(cell)
            ]
    return found


def split_faults(volumes: Iterable[Path], folder: Path) -> list[Fault]:
    """Subjects' folders of one name in two places, as in training/ and in testing/."""
    homes: dict[str, set[Path]] = {}
    for path in volumes:
        if path.parent != folder and path.parent.parent != folder:
            homes.setdefault(path.parent.name, set()).add(path.parent.parent)
    return [
        Fault("two_splits", f"{name} lies in {' and in '.join(place.name for place in sorted(places))}")
        for name, places in homes.items()
        if len(places) > 1
    ]


def unread(volumes: Iterable[Path], frames: Iterable[Frame]) -> list[Path]:
    """Files that no frame names."""
    named = {path.resolve() for frame in frames for path in (frame.image, frame.label) if path is not None}
    return [path for path in volumes if path.resolve() not in named]
