"""A data set's folder: whose layout it has, what its tables hold, which files no frame names."""

from collections.abc import Callable, Iterable
from pathlib import Path

from cmrbridge.data.check.problem import Fault, is_formula
from cmrbridge.data.exchange.listing import layout_of
from cmrbridge.data.frames import Frame
from cmrbridge.data.readers.mnms import FOLDERS
from cmrbridge.errors import InputError

LAYOUTS: dict[str, Callable[[Path], bool]] = {
    "manifest": lambda folder: (folder / "manifest.csv").is_file(),
    "mnms2": lambda folder: (folder / "dataset_information.csv").is_file() and (folder / "dataset").is_dir(),
    "mnms": lambda folder: any(folder.glob("*nformation*.csv")) and any((folder / part).is_dir() for part in FOLDERS),
    "acdc": lambda folder: any(folder.glob("training/*/Info.cfg")) or any(folder.glob("testing/*/Info.cfg")),
    "nnunet": lambda folder: layout_of(folder) == "nnunet",
    "msd": lambda folder: layout_of(folder) == "msd",
}


def reader_of(folder: Path) -> str:
    """The reader whose layout the folder has; InputError where it has none's."""
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; name the folder of a data set")
    name = recognised(folder)
    if name:
        return name
    raise InputError(
        f"{folder}: no manifest.csv, and not the layout of {', '.join(name for name in LAYOUTS if name != 'manifest')};"
        " let `cmrbridge init` write a manifest (docs/how-to/own-data.md), or name the reader by --reader"
    )


def recognised(folder: Path) -> str | None:
    """The reader whose layout the folder has, None where it has none's."""
    return next((name for name, has in LAYOUTS.items() if has(folder)), None)


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
