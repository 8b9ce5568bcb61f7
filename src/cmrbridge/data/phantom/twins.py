"""Twins: one patient, one prescription, two machines, so that the true look of a translated image is known."""

import dataclasses
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cmrbridge.core.anatomy import CLASSES, PHASES, STRUCTURES
from cmrbridge.core.geometry import Grid, crop, crop_labels, upright
from cmrbridge.core.pack import Case, Pack, write_pack
from cmrbridge.data.canonical import PERCENTILES
from cmrbridge.data.frames import Frame, IngestSettings
from cmrbridge.data.phantom.cohort import PATHOLOGIES, draw_anatomy
from cmrbridge.data.phantom.generate import Report
from cmrbridge.data.phantom.scan import Scan, scan
from cmrbridge.data.phantom.scanner import SCANNERS, Scanner
from cmrbridge.data.place import place
from cmrbridge.data.volume import Volume
from cmrbridge.errors import InputError

# What the operator prescribes: it stays when the machine changes.
PRESCRIBED = ("fov_mm", "matrix", "slice_mm", "gap_mm", "breath_mm", "turn_deg")


@dataclass(frozen=True)
class TwinSettings:
    """source: the scanner of the true images; looks: scanners whose physics the same patients are seen with;
    subjects: patients; seed: of the cohort; size, spacing_mm: of the canonical crop, as in ingest."""

    source: str
    looks: tuple[str, ...]
    subjects: int
    size: int
    spacing_mm: float
    seed: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "looks", tuple(self.looks))
        unknown = sorted({self.source, *self.looks} - set(SCANNERS))
        if unknown or not self.looks or self.subjects < 1:
            raise InputError(
                f"twins: unknown scanners {unknown}, {len(self.looks)} looks, {self.subjects} subjects; "
                f"choose at least one look out of {', '.join(SCANNERS)}, and one subject"
            )


def generate_twins(*, settings: TwinSettings, looks: Path, truth: Path, report: Report) -> None:
    """Write two packs of equal cases, slices and labels: ``looks`` as the other scanners see them, ``truth`` as the
    source does. A case's domain is the look, its split "test"; no twin is a patient of any cohort of the phantom."""
    pairs: list[tuple[Pack, Pack]] = []
    for index in range(settings.subjects):
        pathology = list(PATHOLOGIES)[index % len(PATHOLOGIES)]
        for name in settings.looks:
            pairs.append(twins(settings, name, index, pathology))
            report(len(pairs), settings.subjects * len(settings.looks))
    for path, packs in zip((looks, truth), zip(*pairs)):
        write_pack(path, _join(packs))


def twins(settings: TwinSettings, look: str, index: int, pathology: str) -> tuple[Pack, Pack]:
    """(as ``look`` sees patient ``index``, as the source does): packs of ED and ES on the same crops."""
    source = SCANNERS[settings.source]
    anatomy_seed, scan_seed = np.random.SeedSequence([settings.seed, index, 2]).spawn(2)
    anatomy = draw_anatomy(np.random.default_rng(anatomy_seed), pathology)
    true = scan(anatomy, source, np.random.default_rng(scan_seed))
    other = scan(anatomy, with_look(source, SCANNERS[look]), np.random.default_rng(scan_seed))
    grids = _grids(true, settings)
    cases = [_case(settings, look, index, phase, grid, pathology) for phase, grid in zip(PHASES, grids)]
    return _prepared(other, cases), _prepared(true, cases)


def with_look(source: Scanner, look: Scanner) -> Scanner:
    """``look``'s contrast, field, coil, noise and reconstruction under ``source``'s prescription.

    The size of an acquired pixel stays the look's; its count must differ from the source's, or the same random numbers
    would become the same noise in both images.
    """
    columns = 2 * round(look.acquired * source.fov_mm[0] / look.fov_mm[0] / 2)
    columns += 2 * (columns == source.acquired)
    prescribed = {name: getattr(source, name) for name in PRESCRIBED}
    return dataclasses.replace(look, acquired=columns, **prescribed)


def _grids(true: Scan, settings: TwinSettings) -> list[Grid]:
    """One crop for ED and ES, placed as ingest places it, by the source's images."""
    edges = np.linalg.norm(true.affine[:3, :3], axis=0)
    spacing = (float(edges[0]), float(edges[1]), float(edges[2]))
    volumes = [Volume(true.images[phase].astype(np.float32), true.affine, spacing) for phase in PHASES]
    known = tuple(STRUCTURES)
    frames = [Frame("twins", "", phase, Path(), None, None, None, known, "", "", "", math.nan, "") for phase in PHASES]
    return place(frames, volumes, IngestSettings("twins", "phantom", settings.size, settings.spacing_mm))


def _case(settings: TwinSettings, look: str, index: int, phase: str, grid: Grid, pathology: str) -> Case:
    return Case(
        dataset="twins",
        domain=look,
        subject=f"twin-{index + 1:03d}",
        phase=phase,
        split="test",
        annotated=tuple(STRUCTURES),
        spacing=(grid.spacing[2], grid.spacing_mm, grid.spacing_mm),
        grid=grid,
        vendor=SCANNERS[look].vendor,
        pathology=pathology,
    )


def _prepared(scanned: Scan, cases: list[Case]) -> Pack:
    """Images (slice, size, size) scaled by their own volume's percentiles, and labels, as ingest makes them."""
    images, labels = [], []
    for case in cases:
        voxels = scanned.images[case.phase].astype(np.float32)
        low, high = np.percentile(voxels, PERCENTILES)
        scaled = crop(upright(voxels - np.float32(low), case.grid), case.grid) * (255 / max(high - low, 1e-6))
        images.append(np.rint(np.clip(scaled, 0, 255)).astype(np.uint8))
        labels.append(crop_labels(upright(scanned.labels[case.phase], case.grid), case.grid, CLASSES))
    return _stacked(images, labels, tuple(cases))


def _stacked(images: list[NDArray[np.uint8]], labels: list[NDArray[np.uint8]], cases: tuple[Case, ...]) -> Pack:
    slices = [len(stack) for stack in images]
    return Pack(
        images=np.concatenate(images),
        labels=np.concatenate(labels),
        case=np.repeat(np.arange(len(cases), dtype=np.int32), slices),
        position=np.concatenate([np.arange(count, dtype=np.int32) for count in slices]),
        cases=cases,
    )


def _join(packs: tuple[Pack, ...]) -> Pack:
    """The cases of all packs, in order."""
    parts = [(pack, pack.case == index) for pack in packs for index in range(len(pack.cases))]
    images = [pack.images[rows] for pack, rows in parts]
    labels = [pack.labels[rows] for pack, rows in parts if pack.labels is not None]
    return _stacked(images, labels, tuple(case for pack in packs for case in pack.cases))
