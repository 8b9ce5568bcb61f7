"""One patient in one scanner: planning of the slices, end-diastole and end-systole, images with their true labels."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cmrbridge.core.geometry import resampling
from cmrbridge.data.phantom.body import Signals, paint_body
from cmrbridge.data.phantom.cohort import Anatomy
from cmrbridge.data.phantom.heart import section, shares
from cmrbridge.data.phantom.render import paint_heart
from cmrbridge.data.phantom.scanner import Fields, Scanner, acquire, draw_fields, k_filter, tissue_signals
from cmrbridge.data.phantom.texture import Floats, Plane

OVERSAMPLING = 2  # object grid against the acquired one, in-plane
FIELD_GRID = 96  # columns on which the smooth fields are drawn before they are interpolated
LAYERS = (-1 / 3, 0.0, 1 / 3)  # sections that share a slice's thickness
FEWEST, MOST = 8, 12  # slices of a stack
HEART_MM = (-61.0, 39.0, -27.0)  # where the valve plane's centre lies in the bore, RAS+


@dataclass(frozen=True)
class Scan:
    """images: int16, labels: uint8 (0 background, 1 LV, 2 MYO, 3 RV), both (x, y, slice) by phase; affine: (4, 4),
    voxel to mm in RAS+; x runs to the patient's left, y to the back and down, slices from base to apex."""

    images: dict[str, NDArray[np.int16]]
    labels: dict[str, NDArray[np.uint8]]
    affine: NDArray[np.float64]


@dataclass(frozen=True)
class Prescription:
    """How the stack lies: in-plane angle (radians), image centre (u, v) mm in the heart's frame, depth of each slice
    (mm from the end-diastolic valve plane), and what breath-holds moved each slice by (slices, 2) mm."""

    angle: float
    centre: tuple[float, float]
    depths: NDArray[np.float64]
    moved: NDArray[np.float64]

    def planes(self, scanner: Scanner, shape: tuple[int, int]) -> list[Plane]:
        """Pixel positions of each slice on a grid of ``shape`` (rows, columns) over the field of view."""
        still = self.still(scanner, shape)
        return [replace(still, shift=(self.centre[0] + du, self.centre[1] + dv)) for du, dv in self.moved]

    def still(self, scanner: Scanner, shape: tuple[int, int]) -> Plane:
        """The same without motion. Pixel 0 of every grid lies at one place, as the Fourier transform has it."""
        y, x = ((np.arange(n) - n / 2) * mm / n for n, mm in zip(shape, scanner.fov_mm[::-1]))
        return Plane(x, y, self.angle, self.centre)


def scan(anatomy: Anatomy, scanner: Scanner, rng: np.random.Generator) -> Scan:
    """Scan ``anatomy``: the labels depend on it and on the grid alone, the images on the machine too."""
    scanner = _set_up(scanner, rng)
    acquired, matrix = _shape(scanner, scanner.acquired), _shape(scanner, scanner.matrix)
    plan = _plan(anatomy, scanner, rng)
    fine = (acquired[0] * OVERSAMPLING, acquired[1] * OVERSAMPLING)
    fields, receive = _fields(scanner, plan, fine, matrix, rng)
    signals = tissue_signals(scanner, fields, anatomy.t1_factor)
    planes, grids = plan.planes(scanner, fine), plan.planes(scanner, matrix)
    bodies = [paint_body(anatomy.body, plane, w, signals) for plane, w in zip(planes, plan.depths)]
    filtered = k_filter(acquired, scanner.taper, scanner.sharpen)
    images, labels = {}, {}
    for phase in anatomy.phases:
        objects = np.stack(
            [
                _object(anatomy, phase, plane, w, scanner, body, signals)
                for plane, w, body in zip(planes, plan.depths, bodies)
            ]
        )
        magnitude = acquire(
            objects, acquired, matrix, sigma=1 / scanner.snr, filtered=filtered, ghost=scanner.ghost, rng=rng
        )
        images[phase] = _stored(magnitude, receive, scanner)
        labels[phase] = np.stack(
            [_label(anatomy, phase, grid, w, scanner) for grid, w in zip(grids, plan.depths)], axis=2
        )
    return Scan(images, labels, _affine(anatomy, scanner, plan, matrix))


def _set_up(scanner: Scanner, rng: np.random.Generator) -> Scanner:
    """What operator and patient change: field of view fitted, flip angle lowered for absorbed power, coil loading."""
    zoom = rng.normal(1, 0.03)
    return replace(
        scanner,
        fov_mm=(scanner.fov_mm[0] * zoom, scanner.fov_mm[1] * zoom),
        flip_deg=scanner.flip_deg * rng.uniform(0.93, 1.03),
        snr=scanner.snr * rng.uniform(0.85, 1.15),
    )


def _shape(scanner: Scanner, columns: int) -> tuple[int, int]:
    """(rows, columns) of square pixels, rows even; the field of view's height follows the rows within a pixel."""
    return 2 * round(columns * scanner.fov_mm[1] / scanner.fov_mm[0] / 2), columns


def _plan(anatomy: Anatomy, scanner: Scanner, rng: np.random.Generator) -> Prescription:
    """Slices from at most one above the valve plane to the apex or just beyond, 8 to 12 of them."""
    step = scanner.slice_mm + scanner.gap_mm
    first = rng.uniform(-0.8, 0.1) * step
    reach = anatomy.phases["ED"].epi.apex - first
    count = int(np.clip(np.ceil(reach / step + rng.uniform(-0.3, 0.7)), FEWEST, MOST))
    return Prescription(
        angle=float(np.radians(np.clip(scanner.turn_deg + rng.normal(0, 6), -20, 20))),
        centre=(rng.normal(-12, 6), rng.normal(8, 6)),
        depths=first + step * np.arange(count, dtype=np.float64),
        moved=rng.normal(0, scanner.breath_mm, (count, 2)),
    )


def _fields(
    scanner: Scanner, plan: Prescription, fine: tuple[int, int], matrix: tuple[int, int], rng: np.random.Generator
) -> tuple[Fields, Floats]:
    """The machine's fields on the object grid, and the receive profile on the image grid."""
    coarse = _shape(scanner, FIELD_GRID)
    fields = draw_fields(scanner, *plan.still(scanner, coarse).positions(), rng)
    on_fine = Fields(*(_enlarge(one, fine) for one in (fields.receive, fields.offset_hz, fields.flip)))
    return on_fine, _enlarge(fields.receive, matrix)


def _enlarge(coarse: Floats, shape: tuple[int, int]) -> Floats:
    """Linear interpolation of a smooth map (rows, columns) to ``shape`` over the same field of view."""
    rows, columns = (
        resampling(np.minimum(np.arange(new) * (old / new), old - 1), old, 1.0) for old, new in zip(coarse.shape, shape)
    )
    return np.asarray(rows @ coarse @ columns.T, np.float32)


def _object(
    anatomy: Anatomy, phase: str, plane: Plane, w: float, scanner: Scanner, body: Floats, signals: Signals
) -> Floats:
    """One slice (rows, columns) before acquisition: sections through its thickness, averaged over the heart."""
    heart = anatomy.phases[phase]
    reach = heart.epi.radius * 1.15 + heart.right.depth + 3 * anatomy.fat_depth + 8
    near, window = plane.crop((0.0, 0.0), reach)
    local = {name: signal[window] for name, signal in signals.items()}
    total = np.zeros_like(body[window])
    for layer in LAYERS:
        section_canvas = body[window].copy()
        paint_heart(section_canvas, anatomy, phase, near, w + layer * scanner.slice_mm, local)
        total += section_canvas
    result = body.copy()
    result[window] = total / np.float32(len(LAYERS))
    return result


def _label(anatomy: Anatomy, phase: str, grid: Plane, w: float, scanner: Scanner) -> NDArray[np.uint8]:
    """(x, y) codes: what most of each voxel is, averaged over the sections of the slice."""
    heart = anatomy.phases[phase]
    near, (rows, columns) = grid.crop((0.0, 0.0), heart.epi.radius * 1.15 + heart.right.depth + 8)
    mean = np.mean(
        [shares(section(heart, anatomy.contour, near, w + layer * scanner.slice_mm)) for layer in LAYERS], axis=0
    )
    codes = np.concatenate([1 - mean.sum(axis=0, keepdims=True), mean]).argmax(axis=0)
    out = np.zeros((len(grid.x), len(grid.y)), np.uint8)
    out[columns, rows] = codes.T
    return out


def _stored(magnitude: Floats, receive: Floats, scanner: Scanner) -> NDArray[np.int16]:
    """(x, y, slice) integers as the vendor writes them: coil profile partly divided out, gamma, scale."""
    evened = magnitude / np.maximum(receive, 0.05) ** np.float32(scanner.normalised)
    values = np.round(scanner.scale * evened ** np.float32(scanner.gamma))
    return np.ascontiguousarray(np.moveaxis(np.clip(values, 0, 32767).astype(np.int16).swapaxes(1, 2), 0, 2))


def _affine(anatomy: Anatomy, scanner: Scanner, plan: Prescription, matrix: tuple[int, int]) -> NDArray[np.float64]:
    """Voxel to RAS+ mm: u is the patient's left as far as the plane allows, v = u × w points back and down."""
    w = np.array(anatomy.normal)
    u = np.array([-1.0, 0, 0]) - np.dot([-1.0, 0, 0], w) * w
    u /= np.linalg.norm(u)
    v = np.cross(u, w)
    c, s = np.cos(plan.angle), np.sin(plan.angle)
    x, y = c * u + s * v, c * v - s * u
    pixel = (scanner.fov_mm[0] / matrix[1], scanner.fov_mm[1] / matrix[0])
    corner = plan.centre[0] * u + plan.centre[1] * v - x * scanner.fov_mm[0] / 2 - y * scanner.fov_mm[1] / 2
    affine = np.eye(4)
    affine[:3, :3] = np.column_stack([x * pixel[0], y * pixel[1], w * (scanner.slice_mm + scanner.gap_mm)])
    affine[:3, 3] = np.array(HEART_MM) + corner + w * plan.depths[0]
    return affine
