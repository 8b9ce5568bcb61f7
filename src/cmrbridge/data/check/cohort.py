"""The subjects of a data set beside one another, and those of several: outliers, copies, attributes."""

from collections import Counter
from collections.abc import Callable, Iterable

import numpy as np

from cmrbridge.data.check.facts import Facts
from cmrbridge.data.check.problem import Fault
from cmrbridge.data.check.subjects import ATTRIBUTES
from cmrbridge.data.frames import Frame

FAR = 3.0  # interquartile ranges beyond the quartiles (Tukey's "far out")
RARE = 0.1  # share of the subjects up to which the others call them outliers
FEWEST = 10  # subjects that outliers are told among
TILTED = 60.0  # degrees between a stack and the data set's mean direction
TESLA = (0.2, 12.0)

Told = list[tuple[Facts, Fault]]

MEASURES: dict[str, Callable[[Facts], float]] = {
    "the in-plane spacing is {:g} mm": lambda one: round(one.spacing[0], 3),
    "slices lie {:g} mm apart": lambda one: round(one.spacing[2], 3),
    "the matrix has {:g} columns": lambda one: one.shape[0],
    "the matrix has {:g} rows": lambda one: one.shape[1],
    "the stack has {:g} slices": lambda one: one.shape[2],
}


def cohort_faults(facts: list[Facts]) -> Told:
    """Outliers among the subjects of one data set; a subject is told by the first of its frames."""
    people = list({one.frame.subject: one for one in reversed(facts)}.values())[::-1]
    if len(people) < FEWEST:
        return []
    found: Told = []
    for told, measure in MEASURES.items():
        values = np.array([measure(one) for one in people])
        low, high = np.quantile(values, (0.25, 0.75))
        found += [
            (one, Fault("outlier", f"{told.format(value)}; half of the subjects have {low:g} to {high:g}"))
            for one, value, out in zip(people, values, far_out(values))
            if out
        ]
    return found + _tilted(people)


def far_out(values: np.ndarray) -> np.ndarray:
    """Which values lie beyond three interquartile ranges; none, where more than a tenth of them do."""
    low, high = np.quantile(values, (0.25, 0.75))
    reach = FAR * (high - low)
    out = (values < low - reach - 1e-9) | (values > high + reach + 1e-9)
    return out if out.mean() <= RARE else np.zeros_like(out)


def _tilted(people: list[Facts]) -> Told:
    """Stacks that point elsewhere than the others; files that tell no direction have no say."""
    people = [one for one in people if one.placed]
    normals = np.array([one.normal for one in people])
    if len(people) < FEWEST:
        return []
    normals *= np.where(normals @ normals[0] < 0, -1.0, 1.0)[:, None]  # which way a stack is counted matters to nobody
    mean = normals.mean(axis=0)
    angles = np.degrees(np.arccos(np.clip(np.abs(normals @ (mean / np.linalg.norm(mean))), 0, 1)))
    out = angles > TILTED
    if out.mean() > RARE:
        return []
    return [
        (one, Fault("orientation", f"its slices stand {angle:.0f} degrees off the data set's mean direction"))
        for one, angle, tilted in zip(people, angles, out)
        if tilted
    ]


def copy_faults(facts: list[Facts]) -> Told:
    """The same pixels, or the same labels under other pixels, in two subjects; each is told of the later one.

    (Phases of one subject are compared with it: `subjects.grid_faults`.)
    """
    found: Told = []
    images: dict[str, Facts] = {}
    labels: dict[str, Facts] = {}
    for one in facts:
        first = images.setdefault(one.image_digest, one)
        if _another(first, one):
            found.append((one, Fault("duplicate_image", f"it has the same pixels as {_name(first)}")))
            continue
        if not one.label_digest:
            continue
        drawn = labels.setdefault(one.label_digest, one)
        if _another(drawn, one):
            found.append((one, Fault("duplicate_label", f"it has the same labels as {_name(drawn)}, on other pixels")))
    return found


def _another(first: Facts, one: Facts) -> bool:
    return (first.frame.dataset, first.frame.subject) != (one.frame.dataset, one.frame.subject)


def _name(one: Facts) -> str:
    return f"{one.frame.dataset} {one.frame.subject} {one.frame.phase}"


def metadata_faults(frames: list[Frame]) -> list[Fault]:
    """What is missing, impossible, or written in two ways in the attributes of a data set."""
    faults = []
    for name in ATTRIBUTES:
        without = sum(_missing(getattr(frame, name)) for frame in frames)
        if without:
            faults.append(Fault("metadata_missing", f"{name} is not known of {without} of {len(frames)} frames"))
        if name != "field_strength_t":
            faults += _spellings(name, (str(getattr(frame, name)) for frame in frames))
    strange = Counter(frame.field_strength_t for frame in frames if not _missing(frame.field_strength_t))
    return faults + [
        Fault("field_strength", f"field_strength_t is {value:g} in {count} frames")
        for value, count in strange.items()
        if not TESLA[0] <= value <= TESLA[1]
    ]


def repeated(frames: list[Frame]) -> list[Fault]:
    """Frames that the data set's layout names more than once."""
    names = Counter(f"{frame.subject} {frame.phase}" for frame in frames)
    return [Fault("repeated", f"{name} is there {count} times") for name, count in names.items() if count > 1]


def _missing(value: str | float) -> bool:
    return value == "" or value != value


def _spellings(name: str, values: Iterable[str]) -> list[Fault]:
    written: dict[str, set[str]] = {}
    for value in values:
        written.setdefault(" ".join(value.lower().replace("_", " ").replace("-", " ").split()), set()).add(value)
    return [
        Fault("spelling", f"{name} is written {' and '.join(map(repr, sorted(ways)))}")
        for ways in written.values()
        if len(ways) > 1
    ]
