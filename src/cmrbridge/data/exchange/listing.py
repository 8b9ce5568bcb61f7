"""dataset.json of nnU-Net (version 2) and of the Medical Segmentation Decathlon, whose form nnU-Net 1 took over."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cmrbridge.errors import InputError

LISTING = "dataset.json"
ENDINGS = (".nii.gz", ".nii")
NAMES = {  # of the structures, by the letters that data sets write
    "LV": "lv lvc lvbp lvcavity leftventricle leftventricularcavity leftventriclecavity lvbloodpool"
    " leftventricularbloodpool",
    "MYO": "myo mlv lvm lvmyo myocardium lvmyocardium leftventricularmyocardium leftventriclemyocardium",
    "RV": "rv rvc rvbp rvcavity rightventricle rightventricularcavity rightventriclecavity rvbloodpool"
    " rightventricularbloodpool",
}  # fmt: skip
STRUCTURE = {word: name for name, words in NAMES.items() for word in words.split()}
REMEDY = "write dataset.json as nnU-Net (channel_names, labels, file_ending) or the Decathlon (training, test) has it"


@dataclass(frozen=True)
class Case:
    """name: without ending and channel; label: None where there is none."""

    name: str
    image: Path
    label: Path | None


def layout_of(folder: Path) -> str | None:
    """ "nnunet" or "msd", by the folder's dataset.json; None where there is none."""
    if not (folder / LISTING).is_file():
        return None
    told = read_listing(folder)
    return "nnunet" if "channel_names" in told else "msd" if "training" in told else None


def read_listing(folder: Path) -> dict[str, Any]:
    """dataset.json; InputError where it is none."""
    path = folder / LISTING
    try:
        told = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: not a readable JSON file ({error}); {REMEDY}") from error
    if not isinstance(told, dict) or not isinstance(told.get("labels", {}), dict):
        raise InputError(f"{path}: not an object with the object `labels`; {REMEDY}")
    return told


def codes_in(folder: Path) -> dict[str, int]:
    """Structure → its value, by the names in dataset.json; InputError where they name none of ours, or regions."""
    path, labels = folder / LISTING, read_listing(folder).get("labels", {})
    pairs = [(value, key) if str(key).isdecimal() else (key, value) for key, value in labels.items()]
    codes: dict[str, int] = {}
    for name, value in pairs:
        structure = STRUCTURE.get(re.sub(r"[^a-z]", "", str(name).lower()))
        if structure is None:
            continue
        if not str(value).isdecimal():
            raise InputError(f"{path}: {name!r} is the region {value}; tell single values by the data set's `labels`")
        codes[structure] = int(value)
    if not codes:
        raise InputError(
            f"{path}: names no LV, MYO or RV among {', '.join(map(str, labels))}; tell their values by the data set's"
            " `labels`, such as {LV: 1, MYO: 2, RV: 3}"
        )
    return codes


def nnunet_cases(folder: Path) -> list[Case]:
    """The cases of imagesTr and imagesTs with their labels; InputError where there are several channels or none."""
    path, told = folder / LISTING, read_listing(folder)
    channels, ending = told.get("channel_names", {}), str(told.get("file_ending", ENDINGS[0]))
    if not isinstance(channels, dict) or len(channels) != 1:
        raise InputError(f"{path}: channel_names {channels}; a cine has one channel: take the others out")
    if ending not in ENDINGS:
        raise InputError(f"{path}: file_ending {ending!r}; convert the images to .nii.gz")
    if isinstance(told.get("dataset"), dict):
        return [_spread(folder, path, name, files) for name, files in sorted(told["dataset"].items())]
    return [
        Case(name, image, _there(folder / f"labels{part}" / f"{name}{ending}"))
        for part in ("Tr", "Ts")
        for image in sorted((folder / f"images{part}").glob(f"*_0000{ending}"))
        for name in [image.name.removesuffix(f"_0000{ending}")]
    ]


def _spread(folder: Path, path: Path, name: str, files: Any) -> Case:
    """A case of which dataset.json tells the files, wherever they lie."""
    if not isinstance(files, Mapping) or not isinstance(files.get("images"), list) or len(files["images"]) != 1:
        raise InputError(f"{path}: case {name!r} has not one entry in images; a cine has one channel")
    return Case(name, folder / files["images"][0], folder / files["label"] if files.get("label") else None)


def msd_cases(folder: Path) -> list[Case]:
    """The cases of the lists training and test; an image may carry nnU-Net 1's channel _0000 on the disk."""
    told = read_listing(folder)
    return [*_listed(folder, told, "training"), *_listed(folder, told, "test")]


def _listed(folder: Path, told: Mapping[str, Any], part: str) -> Iterator[Case]:
    for entry in told.get(part, []):
        image, label = (entry.get("image"), entry.get("label")) if isinstance(entry, Mapping) else (entry, None)
        if not isinstance(image, str):
            raise InputError(f"{folder / LISTING}: {part} holds {entry!r}, which names no image; {REMEDY}")
        ending = next((one for one in ENDINGS if image.endswith(one)), "")
        name = Path(image).name.removesuffix(ending)
        beside = _there(folder / "labelsTs" / Path(image).name)
        channel = _there(folder / f"{image.removesuffix(ending)}_0000{ending}")
        file = folder / image
        yield Case(name, file if file.is_file() or channel is None else channel, folder / label if label else beside)


def _there(path: Path) -> Path | None:
    return path if path.is_file() else None
