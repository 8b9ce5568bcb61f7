"""An exported network: a folder of `segmentation.export`, verified before anything of it is believed."""

import hashlib
import json
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cmrbridge.core.anatomy import STRUCTURES
from cmrbridge.errors import InputError

FORMAT = 1
NEEDED = ("model.onnx", "model.json", "card.md")
TRANSLATOR = "adapt.onnx"
LISTED = "checksums.json"
AGAIN = "export it again (snakemake export), or copy the whole folder again"
SHOWN = ("arm", "architecture", "validation_dice", "trained_on", "scores", "labels", "licences", "study")


@dataclass(frozen=True)
class Package:
    """folder: where it lies; about: its model.json; card: the model card, markdown; digest: sha256 of the card;
    adapted: whether images are translated before the network sees them, by the translator beside it."""

    folder: Path
    about: dict[str, Any]
    card: str
    digest: str
    adapted: bool = False

    @property
    def name(self) -> str:
        """What the app calls it."""
        return self.exported + ("+adapted" if self.adapted else "")

    @property
    def exported(self) -> str:
        """What its model.json calls it."""
        return str(self.about["name"])

    @property
    def size(self) -> int:
        """Pixels a side of a canonical slice."""
        return int(self.about["image"]["size"])

    @property
    def spacing_mm(self) -> float:
        """Millimetres per pixel of a canonical slice."""
        return float(self.about["image"]["spacing_mm"])

    @property
    def network(self) -> Path:
        return self.folder / "model.onnx"

    @property
    def translator(self) -> Path | None:
        """None where the study has none."""
        return self.folder / TRANSLATOR if self.about.get("adapt") else None

    def shown(self) -> dict[str, Any]:
        """What the page tells of it."""
        own = {"name": self.name, "card": self.card, "adapts": self.exported if self.adapted else None}
        return {name: self.about.get(name) for name in SHOWN} | own


def read_package(folder: Path) -> Package:
    """The package in ``folder``; InputError where a file is missing, altered or of another version."""
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; name one that `snakemake export` wrote")
    sums = _json(folder / LISTED)
    about = _json(folder / "model.json")
    needed = (*NEEDED, TRANSLATOR) if about.get("adapt") else NEEDED
    for name in sorted({*needed, *sums}):
        path = folder / name
        if name not in sums or not path.is_file():
            raise InputError(f"{path}: {'no such file' if name in sums else f'not in {LISTED}'}; {AGAIN}")
        if hashlib.sha256(path.read_bytes()).hexdigest() != sums[name]:
            raise InputError(f"{path}: not the file that was exported, its checksum differs; {AGAIN}")
    _check(about, folder / "model.json")
    return Package(folder, about, (folder / "card.md").read_text(encoding="utf-8"), str(sums["card.md"]))


def read_packages(folders: list[Path]) -> dict[str, Package]:
    """Name → package, and after each with a translator its adapted twin; InputError where two have one name."""
    found: dict[str, Package] = {}
    for folder in folders:
        package = read_package(folder)
        if package.name in found:
            raise InputError(f"{folder}: a second model named {package.name!r}; give only one of them")
        found[package.name] = package
        if package.translator:
            twin = replace(package, adapted=True)
            found[twin.name] = twin
    return found


def _json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read ({type(error).__name__}); {AGAIN}") from error
    if not isinstance(content, dict):
        raise InputError(f"{path}: holds no table of values; {AGAIN}")
    return content


def _check(about: dict[str, Any], path: Path) -> None:
    if about.get("format") != FORMAT:
        raise InputError(f"{path}: format {about.get('format')!r}, this version reads {FORMAT}; {AGAIN}")
    if about.get("labels") != STRUCTURES:
        raise InputError(f"{path}: labels {about.get('labels')}, expected {STRUCTURES}; {AGAIN}")
    image = about.get("image")
    if not isinstance(image, dict) or not {"size", "spacing_mm"} <= set(image):
        raise InputError(f"{path}: does not say the size and spacing of its images; {AGAIN}")
    if not re.fullmatch(r"[A-Za-z0-9][\w.-]{0,63}", str(about.get("name", "")), re.ASCII):
        raise InputError(f"{path}: its name must be letters, digits, '_', '-' and '.'; {AGAIN}")
