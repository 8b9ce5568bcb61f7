"""Labels as a file holds them, turned into canonical ones; what does not fit the data set's codes or the image."""

import numpy as np
from numpy.typing import NDArray

from cmrbridge.core.anatomy import STRUCTURES
from cmrbridge.data.check.files import SAME, Floats, Nifti, farthest
from cmrbridge.data.check.problem import Fault

Labels = NDArray[np.uint8]
Voxels = NDArray[np.float32]

ROUNDED = 1e-3  # how far a label may be from a whole number
PADDED = 0.02  # share of the labelled voxels that may have the image's lowest value
SHIFTED = 0.01  # mm that two affines may differ by


def label_faults(
    values: Voxels, codes: dict[str, int], annotated: tuple[str, ...]
) -> tuple[Labels | None, list[Fault]]:
    """(canonical labels of what is annotated, faults); None where the values are not those of ``codes``."""
    if not np.isfinite(values).all():
        return None, [Fault("label_fraction", f"{int((~np.isfinite(values)).sum())} labels are NaN or infinite")]
    whole = np.rint(values)
    worst = float(np.abs(values - whole).max())
    if worst > ROUNDED:
        return None, [Fault("label_fraction", f"labels are off whole numbers by up to {worst:.3g}")]
    unknown = sorted(set(np.unique(whole).tolist()) - {0.0, *map(float, codes.values())})
    if unknown:
        told = ", ".join(f"{value:g}" for value in unknown[:8])
        return None, [Fault("label_values", f"it holds the values {told}, the codes are {codes}")]
    faults = [Fault("label_rounded", f"labels are off whole numbers by up to {worst:.1g}")] if worst else []
    canonical = np.zeros(values.shape, np.uint8)
    for name, code in codes.items():
        found = whole == code
        if name in annotated:
            canonical[found] = STRUCTURES[name]
        elif found.any():
            faults.append(Fault("label_unasked", f"it holds {name}, which the table does not name as annotated"))
    return canonical, faults + _empty(canonical, annotated)


def _empty(labels: Labels, annotated: tuple[str, ...]) -> list[Fault]:
    if not labels.any():
        return [Fault("label_empty", "nothing is labelled")]
    without = [name for name in annotated if not (labels == STRUCTURES[name]).any()]
    return [Fault("structure_empty", f"{' and '.join(without)} is annotated and nowhere to be seen")] if without else []


def grid_faults(label: Nifti, image: Nifti, frame: int | None) -> list[Fault]:
    """Where the labels' file lies beside its image: same shape, place and spacing."""
    ours, theirs = label.stored.shape[:3], image.stored.shape[:3]
    if label.stored.ndim == 4 and frame is None and label.stored.shape[3] > 1:
        count = label.stored.shape[3]
        return [
            Fault("label_one_hot", f"it holds {count} volumes where one is needed: a volume per structure, colours?")
        ]
    if ours != theirs:
        return [Fault("label_shape", f"labels of {_times(ours)} voxels for an image of {_times(theirs)}")]
    apart = farthest(label.affine, image.affine, ours)
    if apart > np.linalg.norm(image.affine[:3, :3], axis=0).max():
        return [Fault("label_place", f"the labels lie up to {apart:.1f} mm from their image")]
    faults = [Fault("label_shift", f"the labels lie up to {apart:.2g} mm from their image")] if apart > SHIFTED else []
    if (np.abs(np.array(label.spacing) / np.array(image.spacing) - 1) > SAME).any():
        pairs = f"{_times(label.spacing)} and {_times(image.spacing)}"
        faults.append(Fault("label_shift", f"labels and image differ in their spacing: {pairs} mm"))
    return faults


def placement_faults(labels: Labels, voxels: Voxels) -> list[Fault]:
    """Whether the labels can belong to this cine image: blood outshines muscle, and a heart is not in the padding."""
    faults = []
    cavity, wall = voxels[labels == STRUCTURES["LV"]], voxels[labels == STRUCTURES["MYO"]]
    if len(cavity) and len(wall) and np.median(cavity) <= np.median(wall):
        told = f"medians {np.median(cavity):.4g} and {np.median(wall):.4g}"
        faults.append(Fault("dark_cavity", f"the LV cavity is no brighter than the myocardium ({told})"))
    marked = voxels[labels > 0]
    share = float((marked == voxels.min()).mean()) if len(marked) else 0.0
    if share > PADDED:
        faults.append(Fault("off_image", f"{100 * share:.0f} % of the labelled voxels have the image's lowest value"))
    return faults


def _times(edges: tuple[float, ...] | Floats) -> str:
    return " × ".join(f"{edge:g}" for edge in edges)
