"""What files' names tell: which are labels, of which image, of whom, in which phase."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

LABEL = r"gt|labels?|d?seg(?:mentations?)?|masks?|manual|annotations?|contours?|ground[_-]?truth"
IMAGE = r"images?|imgs?|scans?|volumes?|cines?|nifti|sax?|short[_-]?axis|4d|0000"  # words that tell nobody apart
LABELLED = re.compile(rf"(?:^|[_\-. ])(?:{LABEL})(?=$|[_\-. ])", re.IGNORECASE)
LABEL_FOLDER = re.compile(rf"(?:{LABEL})(?:tr|ts|val)?", re.IGNORECASE)
IMAGE_FOLDER = re.compile(rf"(?:{IMAGE})(?:tr|ts|val)?", re.IGNORECASE)
PLAIN = re.compile(rf"(?:^|[_\-. ])(?:{IMAGE})(?=$|[_\-. ])", re.IGNORECASE)
LONG_AXIS = re.compile(r"(?:^|[_\-. ])(?:lax?|long[_-]?axis|[234]ch)(?=$|[_\-. ])", re.IGNORECASE)
PHASE = re.compile(
    r"(?:^|[_\-. ])(?:(ed|(?:end[_-]?)?diastol(?:e|ic))|es|(?:end[_-]?)?systol(?:e|ic))(?=$|[_\-. ])", re.IGNORECASE
)
FRAME = re.compile(r"(?:^|[_\-. ])(?:frame|fr|time|timepoint|phase)[_-]?(\d+)(?=$|[_\-. ])", re.IGNORECASE)


@dataclass(frozen=True)
class Scan:
    """An image and its labels, if it has any. phase: "" and number: None where the name does not tell."""

    subject: str
    phase: str
    number: int | None
    image: Path
    label: Path | None


def told_by(name: str) -> tuple[str, str, int | None]:
    """(subject, phase or "", number of the frame or None) of a case's name; of several phases the last counts."""
    phase, number = "", None
    found = list(PHASE.finditer(name))
    if found:
        phase = "ED" if found[-1][1] else "ES"
        name = name[: found[-1].start()] + name[found[-1].end() :]
    if match := FRAME.search(name):
        number = int(match[1])
        name = name[: match.start()] + name[match.end() :]
    return name.strip("_-. "), phase, number


def stem(path: Path) -> str:
    """The file's name without .nii or .nii.gz."""
    return path.name.removesuffix(".gz").removesuffix(".nii")


def pair(folder: Path, volumes: Iterable[Path]) -> tuple[list[Scan], dict[Path, str]]:
    """Images with their labels, by subject; and the files that are neither, each with the reason."""
    images: dict[tuple[str, ...], Path] = {}
    labels: dict[tuple[str, ...], Path] = {}
    left: dict[Path, str] = {}
    for path in volumes:
        parents = path.relative_to(folder).parts[:-1]
        if LONG_AXIS.search(stem(path)):
            left[path] = "a long axis, by its name"
            continue
        home = labels if _is_label(path, parents) else images
        twin = home.setdefault(_key(path, parents), path)
        if twin is not path:
            left[path] = f"named as {twin.relative_to(folder)} is"
    for key, path in labels.items():
        if key not in images:
            left[path] = "labels whose image was not found by name"
    scans = {key: _scan(folder, key, path, labels.get(key)) for key, path in images.items()}
    return in_twos(_apart(scans)), left


def in_twos(scans: Iterable[Scan]) -> list[Scan]:
    """Scans by subject. Where no name tells a phase and all end in a number, twos of one name are one subject's."""
    scans = list(scans)
    twos: dict[str, list[Scan]] = defaultdict(list)
    for scan in scans:
        match = re.fullmatch(r"(.*?)[_\-. ]?(\d+)", scan.subject)
        if scan.phase or scan.number is not None or not match or not match[1]:
            break
        twos[match[1]].append(replace(scan, subject=match[1], number=int(match[2])))
    else:
        if len(twos) > 1 and all(len(pair) == 2 for pair in twos.values()):
            scans = [scan for pair in twos.values() for scan in pair]
    return sorted(scans, key=lambda one: (one.subject, one.phase, one.number or 0, one.image))


def _is_label(path: Path, parents: tuple[str, ...]) -> bool:
    return bool(LABELLED.search(stem(path))) or any(LABEL_FOLDER.fullmatch(part) for part in parents)


def _key(path: Path, parents: tuple[str, ...]) -> tuple[str, ...]:
    """What an image and its labels share: folders and name, without the words that say which of the two it is."""
    kept = [part for part in parents if not LABEL_FOLDER.fullmatch(part) and not IMAGE_FOLDER.fullmatch(part)]
    return *kept, PLAIN.sub("", LABELLED.sub("", stem(path))).strip("_-. ")


def _scan(folder: Path, key: tuple[str, ...], image: Path, label: Path | None) -> Scan:
    """The innermost word that tells something counts: a file's name before its folder's, and that before the root's."""
    words = [told_by(part) for part in reversed(key)]
    subject = next((name for name, _, _ in words if name), folder.resolve().name)
    phase = next((phase for _, phase, _ in words if phase), "")
    return Scan(subject, phase, next((number for _, _, number in words if number is not None), None), image, label)


def _apart(scans: dict[tuple[str, ...], Scan]) -> Iterator[Scan]:
    """Scans of one name in several folders, whose names tell more than a phase, or of one phase are of several people:
    their folders join the name."""
    people: dict[str, list[tuple[str, ...]]] = defaultdict(list)
    for key, scan in scans.items():
        people[scan.subject].append(key)
    for subject, keys in people.items():
        marks = {(scans[key].phase, scans[key].number) for key in keys}
        homes = {tuple(told_by(part)[0] for part in key[:-1] if told_by(part)[0]) for key in keys}
        alone = len(marks) == len(keys) and len(homes) == 1
        for key in keys:
            yield scans[key] if alone else replace(scans[key], subject="_".join([*key[:-1], subject]))
